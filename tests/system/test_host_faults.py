"""What a host may do to a server (R9 of the reliability list): no descriptors left, a clock that jumps by an hour, a process that
stands still. And what strangers may write into its names, errors and logs (S5): no line is forged."""
import os
import resource
import signal
import socket
import struct
import subprocess
import time

import pytest
import resp
import servers
from conftest import HERE, only_sorrel, wait_until

pytestmark = only_sorrel
HOUR_MS = 3600 * 1000


def cpu(server):
    with open(f"/proc/{server.process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def info(c, section, name):
    return c.call("INFO", section)[1].split(name.encode() + b":")[1].split(b"\r")[0]


# -- descriptors -------------------------------------------------------------------------------------------------------

def exhausted(server):
    """Connections until the server can open no more; the rest wait at its door."""
    used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 10, limits[1]))
    return [socket.create_connection(("127.0.0.1", server.port), 20) for _ in range(40)], limits


def test_no_descriptors_left(start):
    server = start()
    with server.connect() as c:
        assert c.call("SET", "k", "v") == ("+", b"OK")
        some, limits = exhausted(server)
        wait_until(lambda: "Can't accept connections for now" in server.log_text())
        began, log = cpu(server), len(server.log_text())
        for _ in range(20):
            assert c.call("GET", "k") == ("$", b"v")
            time.sleep(0.1)
        assert cpu(server) - began < 0.5, "it spins"
        assert len(server.log_text()) - log < 5000, "it fills the log"
        assert c.call("SAVE")[0] == "-"  # no descriptor for a file, either: an error, not an end
        # Who waits is let in as others leave, and everybody when there is room again.
        for s in some[:10]:
            s.close()
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, limits)
        for s in some[10:]:
            s.sendall(b"PING\r\n")
            assert s.recv(100) == b"+PONG\r\n"
            s.close()
        assert c.call("SAVE") == ("+", b"OK")


# -- time --------------------------------------------------------------------------------------------------------------

@pytest.fixture
def shifted(start, tmp_path):
    """A server, and set(ms) that moves its wall clock."""
    library, path = tmp_path / "shift.so", tmp_path / "shift"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, os.path.join(HERE, "clock_shift.c")], check=True)
    path.write_bytes(struct.pack("q", 0))

    def begin(*options):
        server = start(*options, env={**os.environ, "LD_PRELOAD": str(library), "CLOCK_SHIFT": str(path)})

        def set_clock(ms):
            with open(path, "r+b") as f:
                f.write(struct.pack("q", ms))
        return server, set_clock
    return begin


@pytest.mark.parametrize("jump", [HOUR_MS, -HOUR_MS])
def test_the_clock_jumps_by_an_hour(shifted, jump):
    server, set_clock = shifted("--requirepass", "x", "--appendonly", "yes")
    with server.connect() as c, server.connect() as waiting:
        for d in (c, waiting):
            assert d.call("AUTH", "x") == ("+", b"OK")
        before = int(c.call("TIME")[1][0][1])
        for i in range(100):
            assert c.call("SET", f"far{i}", "v", "EX", 7200 + i) == ("+", b"OK")
            assert c.call("SET", f"ever{i}", "v") == ("+", b"OK")
        waiting.send(resp.encode(["BLPOP", "q", "0"]))
        set_clock(jump)
        assert abs(int(c.call("TIME")[1][0][1]) - before - jump // 1000) < 20
        assert c.call("DBSIZE") == (":", 200), "what is due in two hours is not due"
        assert c.call("RPUSH", "q", "a") == (":", 1) and waiting.read() == ("*", [("$", b"q"), ("$", b"a")])
        # Timers and periodic work go on: a key expires, the log is synced, strangers are sent away, and nothing spins.
        assert c.call("SET", "soon", "v", "PX", "50") == ("+", b"OK")
        wait_until(lambda: c.call("DBSIZE") == (":", 200))
        assert c.call("CONFIG", "SET", "unauthenticated-timeout", "1") == ("+", b"OK")
        with server.connect() as stranger:
            began = cpu(server)
            with pytest.raises(servers.Closed):
                stranger.fill(20)
        assert c.call("BLPOP", "q", "0.1") == ("*", None)
        assert cpu(server) - began < 1
        assert info(c, "persistence", "aof_last_write_status") == b"ok"


def test_a_stranger_is_sent_away_although_the_clock_was_set_back(shifted):
    server, set_clock = shifted("--requirepass", "x", "--unauthenticated-timeout", "5")
    with server.connect() as stranger, server.connect() as c:
        assert c.call("AUTH", "x") == ("+", b"OK")
        set_clock(-HOUR_MS)
        began = time.monotonic()
        with pytest.raises(servers.Closed):
            stranger.fill(20)
        assert time.monotonic() - began < 10
        assert c.call("PING") == ("+", b"PONG")


def test_the_door_opens_again_although_the_clock_was_set_back(shifted):
    server, set_clock = shifted()
    with server.connect() as c:
        some, limits = exhausted(server)
        wait_until(lambda: "Can't accept connections for now" in server.log_text())
        set_clock(-HOUR_MS)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, limits)
        for s in some:
            s.settimeout(10)
            s.sendall(b"PING\r\n")
            assert s.recv(100) == b"+PONG\r\n"
            s.close()
        assert c.call("PING") == ("+", b"PONG")


def test_a_process_that_stood_still(start):
    """Three seconds, for the sake of the others; nothing that was in time is counted as late, and what came meanwhile is done."""
    server = start("--timeout", "2")
    with server.connect() as c, server.connect() as blocked:
        assert c.call("SET", "k", "v", "PX", "1000") == ("+", b"OK")
        assert c.call("SET", "kept", "v", "EX", "100") == ("+", b"OK")
        blocked.send(resp.encode(["BLPOP", "q", "0"]))
        wait_until(lambda: info(c, "clients", "blocked_clients") == b"1")
        servers.freeze(server.process)
        c.send(resp.encode(["RPUSH", "q", "a"]) + resp.encode(["EXISTS", "k", "kept"]))
        time.sleep(3)
        began = cpu(server)
        server.process.send_signal(signal.SIGCONT)
        assert c.read() == (":", 1) and c.read() == (":", 1)
        assert blocked.read() == ("*", [("$", b"q"), ("$", b"a")])
        time.sleep(0.3)
        assert cpu(server) - began < 0.3
        assert c.call("PING") == ("+", b"PONG")


# -- forged lines ------------------------------------------------------------------------------------------------------

EVIL = "x\r\n+OK\r\n12345:M 01 Jan 2026 00:00:00.000 # forged\x1b[31m\0y"


def test_no_line_is_forged(start):
    server = start("--enable-debug-command", "yes", "--loglevel", "debug", "--slowlog-log-slower-than", "0")
    with server.connect() as c, server.connect() as watcher:
        assert watcher.call("MONITOR") == ("+", b"OK")
        commands = [[EVIL], ["GET", EVIL], ["SET", EVIL], ["CLIENT", EVIL], ["CLIENT", "SETNAME", EVIL], ["CLIENT", "SETINFO", "lib-name", EVIL],
                    ["ACL", "SETUSER", EVIL], ["ACL", "SETUSER", "u", EVIL], ["ACL", "SETUSER", "u", "+" + EVIL], ["ACL", "SETUSER", "u", "(" + EVIL], ["ACL", "DRYRUN", EVIL, "GET", "k"],
                    ["ACL", "DRYRUN", "default", EVIL], ["ACL", "GETUSER", EVIL], ["ACL", "CAT", EVIL], ["AUTH", EVIL, EVIL], ["HELLO", "3", "AUTH", EVIL, EVIL],
                    ["HELLO", EVIL], ["CONFIG", "SET", EVIL, "1"], ["CONFIG", "SET", "maxmemory", EVIL], ["CONFIG", EVIL], ["CONFIG", "SET", "tls-cert-file", EVIL],
                    ["OBJECT", EVIL, "k"], ["EVAL", EVIL, "0"], ["EVAL", "return redis.call(ARGV[1])", "0", EVIL], ["EVAL", "return redis.error_reply(ARGV[1])", "0", EVIL],
                    ["EVAL", "redis.log(redis.LOG_WARNING, ARGV[1]) return 1", "0", EVIL], ["EVAL", "error(ARGV[1])", "0", EVIL], ["FCALL", EVIL, "0"],
                    ["FUNCTION", "LOAD", "#!lua name=" + EVIL], ["SELECT", EVIL], ["COMMAND", "GETKEYS", EVIL], ["DEBUG", "LOG", EVIL], ["REPLICAOF", EVIL, "1"],
                    ["REPLICAOF", "NO", "ONE"], ["SCRIPT", EVIL], ["XGROUP", EVIL, "k", "g"], ["SORT", "k", EVIL], ["SET", "k", "v", EVIL]]
        for args in commands:
            c.send(resp.encode(args) + resp.encode(["ECHO", "mark"]))
            first, second = c.read(), c.read()
            assert second == ("$", b"mark"), (args[:2], first)
            if first[0] in "+-":
                assert not set(first[1]) & {0, 10, 13}, (args[:2], first)
        c.call("HELLO", "2")
        listed = c.call("CLIENT", "LIST")[1]
        assert listed.count(b"\n") == 2 and b"\x1b" not in listed and b"forged" not in listed
        assert c.call("ACL", "LOG", "100")[0] == "*" and c.call("SLOWLOG", "GET", "-1")[0] == "*"
        assert c.call("PING", "last") == ("$", b"last")
        seen = 0
        while True:
            kind, line = watcher.read()
            assert kind == "+" and not set(line) & {0, 10, 13, 27}, line
            seen += 1
            if b'"last"' in line:
                break
        assert seen > 20  # those of administrators are not shown
    lines = server.log_text().split("\n")
    assert any("forged" in line for line in lines), "it was logged at all"
    for line in lines:
        assert "\x1b" not in line and "\0" not in line and not line.startswith("12345:M"), line
