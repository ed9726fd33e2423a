"""Crowds of connections that do nothing good: slow-loris, half-open, fifteen thousand at once. Everybody else is served."""
import os
import resource
import select
import socket
import struct
import subprocess
import sys
import time

import pytest
import resp
import servers
from conftest import only_sorrel, wait_until


def rss(server):
    with open(f"/proc/{server.process.pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def p99_of_pings(c, n=300):
    took = []
    for _ in range(n):
        began = time.monotonic()
        assert c.call("PING") == ("+", b"PONG")
        took.append(time.monotonic() - began)
    return sorted(took)[n * 99 // 100]


def cpu(server):
    with open(f"/proc/{server.process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_slow_loris(start):
    """A byte at a time, of requests that would be large: no memory for what has not come, no time for those who dawdle."""
    server = start("--maxclients", 3000)
    with server.connect() as good:
        before = rss(server)
        request = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$400000000\r\n" + b"x" * 40
        crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(1000)]
        began = cpu(server)
        for i in range(0, len(request), 2):
            for s in crowd:
                s.send(request[i:i + 2])
            assert good.call("PING") == ("+", b"PONG")
        assert rss(server) - before < 24 << 20, "the announced 400 MB of 1000 clients cost nothing"
        assert cpu(server) - began < 10
        assert good.call("EXISTS", "k") == (":", 0)
        for s in crowd:
            s.close()
        wait_until(lambda: good.call("CLIENT", "LIST")[1].count(b"\n") == 1)


@only_sorrel
def test_slow_loris_without_a_password(start):
    """Before login there is a deadline, whatever drips in."""
    server = start("--requirepass", "x", "--unauthenticated-timeout", "1")
    crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    deadline, open_ones = time.monotonic() + 10, set(crowd)
    while open_ones and time.monotonic() < deadline:
        for s in list(open_ones):
            try:
                s.send(b"x")
                if select.select([s], [], [], 0)[0] and not s.recv(100):
                    open_ones.discard(s)
            except OSError:
                open_ones.discard(s)
        time.sleep(0.05)
    assert not open_ones
    for s in crowd:
        s.close()


def test_half_open(start):
    """One side has closed, or is gone without a word (RST); some never said anything; some left requests behind."""
    server = start("--maxclients", 3000, "--timeout", "0")
    with server.connect() as good:
        for _ in range(3):
            some = []
            for i in range(300):
                s = socket.create_connection(("127.0.0.1", server.port))
                if i % 6 == 0:
                    s.shutdown(socket.SHUT_WR)
                elif i % 6 == 1:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # ends with RST
                    s.send(resp.encode(["BLPOP", "nothing", "0"]))
                elif i % 6 == 2:
                    s.send(resp.encode(["SUBSCRIBE", "ch"]))
                    s.shutdown(socket.SHUT_WR)
                elif i % 6 == 3:
                    s.send(b"*2\r\n$3\r\nGET\r\n$5\r\nab")
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif i % 6 == 4:
                    s.send(resp.encode(["GET", "k"]) * 100)
                    s.shutdown(socket.SHUT_RD)
                some.append(s)
            assert good.call("PING") == ("+", b"PONG")
            for s in some:
                s.close()
            assert good.call("PUBLISH", "ch", "m")[0] == ":"
            wait_until(lambda: good.call("CLIENT", "LIST")[1].count(b"\n") == 1, what="all are gone")


CROWD = """
import resource, select, socket, sys, time
port, count = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
poll, some, ping = select.epoll(), {}, b"*1\\r\\n$4\\r\\nPING\\r\\n"
for i in range(count):
    s = socket.socket()
    s.bind(("127.0.0.%d" % (2 + i // 5000), 0))
    s.connect(("127.0.0.1", port))
    some[s.fileno()] = s
    poll.register(s, select.EPOLLIN)
print("connected", flush=True)
for line in sys.stdin:
    for s in some.values():
        s.send(ping)
    waiting = set(some)
    while waiting:
        for fd, _ in poll.poll(30):
            assert some[fd].recv(100) == b"+PONG\\r\\n"
            waiting.discard(fd)
    print("answered", flush=True)
"""


@only_sorrel
def test_fifteen_thousand(start):
    count = 15000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < count + 200:
        pytest.skip("not so many descriptors here (ulimit -Hn)")
    server = start("--maxclients", count + 50)
    with server.connect() as good:
        before = rss(server)
        crowd = subprocess.Popen([sys.executable, "-c", CROWD, str(server.port), str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert crowd.stdout.readline() == "connected\n"
            wait_until(lambda: b"connected_clients:%d\r\n" % (count + 1) in good.call("INFO", "clients")[1], 60)
            for _ in range(2):
                crowd.stdin.write("go\n")
                crowd.stdin.flush()
                assert crowd.stdout.readline() == "answered\n"
            p99 = p99_of_pings(good)
            time.sleep(1.5)
            grown, began = rss(server) - before, cpu(server)
            time.sleep(2)
            print(f"{grown / count:.0f} bytes a connection, p99 of a PING {p99 * 1e3:.2f} ms, idle CPU {(cpu(server) - began) / 2:.3f}")
            assert grown / count < 2500
            assert (cpu(server) - began) / 2 < 0.2
        finally:
            crowd.kill()
            crowd.wait()
        wait_until(lambda: b"connected_clients:1\r\n" in good.call("INFO", "clients")[1], 60)
        assert good.call("PING") == ("+", b"PONG")


@only_sorrel
def test_the_door_is_not_blocked_by_who_knocks(start):
    """Class I, CVE-2025-48367: no descriptors left; those who are inside go on, and the door opens again."""
    server = start("--maxclients", 100)
    with server.connect() as good:
        extra = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(1000)]
        for _ in range(50):
            assert good.call("PING") == ("+", b"PONG")
        began = cpu(server)
        time.sleep(1)
        assert cpu(server) - began < 0.5
        for s in extra:
            s.close()

        def admitted():
            with server.connect() as c:
                try:
                    return c.call("PING") == ("+", b"PONG")
                except servers.Closed:
                    return False

        wait_until(admitted)
