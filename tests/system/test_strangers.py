"""Clients that have not logged in: what they may cost, how long they may stay, how often they may guess.

Class I of the known holes (CVE-2021-32675, CVE-2025-21605): whoever has no password gets little memory and little time.
"""
import os
import select
import socket
import time

import pytest
import resp
import servers
from conftest import only_sorrel, wait_until

pytestmark = only_sorrel

WORST = [
    b"*10\r\n" + b"$16384\r\n" + b"x" * 16000,  # an argument that never ends
    b"*10\r\n" + b"".join(b"$1600\r\n" + b"x" * 1600 + b"\r\n" for _ in range(9)) + b"$1600\r\n",  # the last one missing
    b"x" * 16000,  # a line that never ends
    b"*2\r\n$4\r\nAUTH\r\n$16384\r\n" + b"y" * 16384,
    b"GET k\r\n" * 20000,  # replies that nobody reads
    b"NOSUCHCOMMAND " + b"z" * 120 + b"\r\n",
    b"HELLO 3 AUTH default wrong\r\n" * 1000,
    b"RESET\r\n" * 5000,
]


def resident(server):
    with open(f"/proc/{server.process.pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def flood(server, count, seconds, port=None):
    """`count` clients that send the worst, and come back when they are thrown out. Returns the most that was resident."""
    began, most, clients, poll = time.monotonic(), 0, {}, select.epoll()

    def one_more(n):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", port or server.port))
        clients[s.fileno()] = [s, WORST[n % len(WORST)], 0]
        poll.register(s, select.EPOLLOUT | select.EPOLLRDHUP)

    for n in range(count):
        one_more(n)
    n = count
    while time.monotonic() - began < seconds:
        for fd, events in poll.poll(0.05):
            s, data, sent = clients[fd]
            gone = bool(events & (select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP))
            if not gone and events & select.EPOLLOUT:
                try:
                    sent += s.send(data[sent:])
                    if sent == len(data) and data.endswith(b"\r\n"):
                        sent = 0
                    clients[fd][2] = sent
                    if sent == len(data):
                        poll.modify(s, select.EPOLLRDHUP)
                except BlockingIOError:
                    pass
                except OSError:
                    gone = True
            if gone:
                poll.unregister(s)
                s.close()
                del clients[fd]
                one_more(n)
                n += 1
        most = max(most, resident(server))
    for s, _, _ in clients.values():
        s.close()
    return most


def test_a_thousand_strangers_at_their_worst(start):
    server = start("--requirepass", "secret", "--maxclients", 3000, "--loglevel", "warning")
    seconds = float(os.environ.get("STRANGER_SECONDS", 5))
    with server.connect() as c:
        assert c.call("AUTH", "secret") == ("+", b"OK")
        before = resident(server)
        most = flood(server, 1000, seconds)
        print(f"grew by {(most - before) >> 10} KiB in {seconds} s")
        assert most - before <= 32 << 20, f"grew by {(most - before) >> 20} MiB"
        assert c.call("PING") == ("+", b"PONG")


def closed(c, seconds=20):
    try:
        while c.fill(seconds):
            pass
    except servers.Closed:
        return True
    return False


def test_who_does_not_log_in_is_closed(start):
    server = start("--requirepass", "secret", "--unauthenticated-timeout", 1)
    with server.connect() as idle, server.connect() as busy, server.connect() as good, server.connect() as resetter:
        assert good.call("AUTH", "secret") == ("+", b"OK")
        began = time.monotonic()
        busy.socket.settimeout(0.5)
        for c in (busy, resetter):
            try:
                while time.monotonic() - began < 10:
                    c.call(*(["PING"] if c is busy else ["RESET"]))
                    time.sleep(0.05)
                raise AssertionError("a second is long over")
            except (servers.Closed, OSError):
                pass
        assert closed(idle) and 0.9 < time.monotonic() - began < 5
        assert good.call("PING") == ("+", b"PONG")
        stats = good.call("INFO", "stats")[1]
        assert b"unauthenticated_clients:0\r\n" in stats and b"unauthenticated_clients_closed:3\r\n" in stats
        assert good.call("CONFIG", "SET", "unauthenticated-timeout", "0") == ("+", b"OK")
        with server.connect() as patient:
            time.sleep(2.2)
            assert patient.call("AUTH", "secret") == ("+", b"OK")


def test_without_a_password_nobody_is_a_stranger(start):
    server = start("--unauthenticated-timeout", 1)
    with server.connect() as idle:
        time.sleep(2.2)
        assert idle.call("PING") == ("+", b"PONG")


def test_a_crowd_makes_room(start):
    server = start("--requirepass", "secret", "--unauthenticated-maxclients", 10, "--maxclients", 100)
    with server.connect() as good:
        assert good.call("AUTH", "secret") == ("+", b"OK")
        crowd = [server.connect() for _ in range(40)]
        with server.connect() as late:
            assert late.call("AUTH", "secret") == ("+", b"OK")
            wait_until(lambda: int(late.call("INFO", "clients")[1].split(b"connected_clients:")[1].split(b"\r")[0]) <= 12)
        assert good.call("PING") == ("+", b"PONG")
        assert closed(crowd[0]) and crowd[-1].call("PING")[0] == "-"
        for c in crowd:
            c.close()


def test_input_and_output_before_login(start):
    server = start("--requirepass", "secret")
    longest = b"p" * 16384
    with server.connect() as c:
        for part in (b"*2\r\n$4\r\nAUTH\r\n$16384\r\n", longest[:9000], longest[9000:], b"\r\n"):
            c.send(part)
            time.sleep(0.05)
        assert c.read()[1].startswith(b"WRONGPASS")
    with server.connect() as c:
        c.send(b"*9\r\n" + (b"$10000\r\n" + b"x" * 10000 + b"\r\n"))
        try:
            for _ in range(7):
                c.send(b"$10000\r\n" + b"x" * 10000 + b"\r\n")
                time.sleep(0.02)
        except OSError:
            pass
        assert closed(c)
    # A pipeline of any size may follow a good password at once.
    with server.connect() as c:
        c.send(resp.encode(["AUTH", "secret"]) + resp.encode(["ECHO", "x" * 1000]) * 3000)
        assert c.read() == ("+", b"OK")
        for _ in range(3000):
            assert c.read() == ("$", b"x" * 1000)


def test_guessing_is_limited_by_address(start):
    server = start("--requirepass", "secret", "--auth-failure-limit", 5)
    with server.connect() as c:
        for _ in range(5):
            assert c.call("AUTH", "guess")[1].startswith(b"WRONGPASS")
        assert c.call("AUTH", "guess") == ("-", b"ERR Too many failed logins from this address, try again in a minute.")
        assert c.call("AUTH", "secret")[0] == "-"
    with server.connect() as c:
        assert c.call("HELLO", "3", "AUTH", "default", "secret")[1].startswith(b"ERR Too many failed logins")
    other = servers.Connection.over(socket.create_connection(("127.0.0.1", server.port), 20, source_address=("127.0.0.2", 0)))
    assert other.call("AUTH", "secret") == ("+", b"OK")
    assert other.call("CONFIG", "SET", "auth-failure-limit", "0") == ("+", b"OK")
    other.close()
    with server.connect() as c:
        assert c.call("AUTH", "secret") == ("+", b"OK")


@pytest.mark.parametrize("first", [b"POST / HTTP/1.1\r\nHost: localhost:6379\r\n\r\nSET k v\r\n",
                                   b"Host: localhost\r\nSET k v\r\n", b"*2\r\n$4\r\npOsT\r\n$1\r\n/\r\n"])
def test_http_is_cut_off(start, first):
    server = start()
    with server.connect() as c:
        c.send(first + resp.encode(["SET", "k", "v"]))
        got = b""
        try:
            while c.fill(10):
                got += bytes(c.data)
                c.data.clear()
        except servers.Closed:
            pass
        assert got == b""
    with server.connect() as c:
        assert c.call("EXISTS", "k") == (":", 0)
        assert c.call("GET", "post") == ("$", None)
    assert "Possible SECURITY ATTACK" in server.log_text()


def test_http_get_is_only_an_error(start):
    """GET is a command of ours too: the request's path is a key, then Host: ends it."""
    server = start()
    with server.connect() as c:
        c.send(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
        assert closed(c)
