"""Limits: connections, idle time, buffers. What a client may not do ends that client, never the server."""
import socket
import time

import pytest
import resp
import servers
from conftest import wait_until


def closed(c, seconds=10):
    try:
        while c.fill(seconds):
            c.data.clear()
    except servers.Closed:
        return True
    return False


def test_maxclients(start):
    server = start("--maxclients", 4)
    # The probe of wait_ready may still count for a moment.
    some = [server.connect() for _ in range(3)]
    for c in some:
        assert wait_until(lambda: c.call("PING") == ("+", b"PONG"))
    extra = [server.connect() for _ in range(4)]
    refused = 0
    for c in extra:
        c.send(b"PING\r\n")
        try:
            reply = c.read()
            refused += reply == ("-", b"ERR max number of clients reached")
        except (servers.Closed, OSError):
            refused += 1
    assert refused >= 3
    for c in extra:
        c.close()
    assert some[0].call("PING") == ("+", b"PONG")

    def admitted():
        c = server.connect()
        try:
            return c.call("PING") == ("+", b"PONG")
        except (servers.Closed, OSError):
            return False
        finally:
            c.close()

    wait_until(admitted)


def test_idle_connections_are_closed(start):
    server = start("--timeout", 1)
    with server.connect() as idle, server.connect() as waiting, server.connect() as listening:
        waiting.send(resp.encode(["BLPOP", "q", "0"]))
        assert listening.call("SUBSCRIBE", "ch")[0] == "*"
        begin = time.monotonic()
        assert closed(idle)
        assert time.monotonic() - begin >= 0.9
        with server.connect() as c:
            assert c.call("RPUSH", "q", "x") == (":", 1)
            assert waiting.read() == ("*", [("$", b"q"), ("$", b"x")])
            assert c.call("PUBLISH", "ch", "m") == (":", 1)


def test_query_buffer_limit(start):
    server = start("--client-query-buffer-limit", "2mb")
    with server.connect() as c, server.connect() as other:
        c.send(b"*2\r\n$4\r\nECHO\r\n$10000000\r\n")
        try:
            for _ in range(100):
                c.send(b"x" * 100000)
        except OSError:
            pass
        try:
            assert closed(c)
        except ConnectionError:
            pass
        assert other.call("PING") == ("+", b"PONG")


def test_output_buffer_hard_limit(start):
    server = start("--client-output-buffer-limit", "normal", "10mb", "0", "0")
    with server.connect() as c, server.connect() as other:
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        assert other.call("SET", "big", b"x" * 1000000) == ("+", b"OK")
        c.send(b"GET big\r\n" * 100)
        wait_until(lambda: other.call("CLIENT", "LIST")[1].count(b"\n") == 1, what="the slow reader's end")
        assert other.call("PING") == ("+", b"PONG")


def test_output_buffer_of_a_subscriber(start):
    server = start("--client-output-buffer-limit", "pubsub", "5mb", "1mb", "1")
    with server.connect() as slow, server.connect() as c:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        assert slow.call("SUBSCRIBE", "ch")[0] == "*"
        message = b"m" * 100000

        def gone():
            return c.call("PUBLISH", "ch", message) == (":", 0)

        wait_until(gone, what="the hard limit")


def test_output_buffer_soft_limit(start):
    server = start("--client-output-buffer-limit", "pubsub", "1gb", "1mb", "1")
    with server.connect() as slow, server.connect() as c:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        assert slow.call("SUBSCRIBE", "ch")[0] == "*"
        for _ in range(80):
            c.call("PUBLISH", "ch", b"m" * 200000)
        begin = time.monotonic()
        assert c.call("PUBSUB", "NUMSUB", "ch")[1][1] == (":", 1), "the soft limit allows it for a while"
        wait_until(lambda: c.call("PUBLISH", "ch", b"x") == (":", 0), what="the soft limit")
        assert time.monotonic() - begin >= 0.5


def test_proto_max_bulk_len(start):
    server = start("--proto-max-bulk-len", "2mb")
    with server.connect() as c:
        assert c.call("SET", "k", b"x" * (2 << 20)) == ("+", b"OK")
        assert c.call("APPEND", "k", "y") == ("-", b"ERR string exceeds maximum allowed size (proto-max-bulk-len)")
        assert c.call("SETRANGE", "k", 2 << 20, "y") == ("-", b"ERR string exceeds maximum allowed size (proto-max-bulk-len)")
        c.send(b"*2\r\n$4\r\nECHO\r\n$2097153\r\n")
        assert c.read() == ("-", b"ERR Protocol error: invalid bulk length")
        assert closed(c)


def test_before_authentication(start):
    """Somebody without a password gets little memory and no commands."""
    server = start("--requirepass", "secret")
    with server.connect() as c:
        assert c.call("GET", "k") == ("-", b"NOAUTH Authentication required.")
        assert c.call("AUTH", "wrong") == ("-", b"WRONGPASS invalid username-password pair or user is disabled.")
        assert c.call("AUTH", "secret") == ("+", b"OK")
        assert c.call("GET", "k") == ("$", None)
    for request, error in ((b"*11\r\n", b"ERR Protocol error: unauthenticated multibulk length"),
                           (b"*2\r\n$4\r\nAUTH\r\n$16385\r\n", b"ERR Protocol error: unauthenticated bulk length")):
        with server.connect() as c:
            c.send(request)
            assert c.read() == ("-", error)
            assert closed(c)
    with server.connect() as c:
        assert c.call("HELLO", "3", "AUTH", "default", "secret")[0] == "%"
        assert c.call("PING") == ("+", b"PONG")


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 16383, 65536, 3 << 20, 20 << 20])
def test_values_of_all_sizes(conn, size):
    value = bytes(i & 255 for i in range(256)) * (size // 256 + 1)
    value = value[:size]
    assert conn.call("SET", "k", value) == ("+", b"OK")
    assert conn.call("GET", "k") == ("$", value)
    conn.send(b"GET k\r\n" * 3)
    assert [conn.read() for _ in range(3)] == [("$", value)] * 3


def test_a_reader_that_leaves_in_the_middle(server):
    with server.connect() as c:
        c.call("SET", "big", b"x" * (8 << 20))
    for _ in range(20):
        c = server.connect()
        c.send(b"GET big\r\n" * 5)
        c.fill(5)
        c.close()
    with server.connect() as c:
        assert c.call("STRLEN", "big") == (":", 8 << 20)


def test_many_connections(start):
    server = start()
    some = [server.connect() for _ in range(500)]
    for i, c in enumerate(some):
        c.send(resp.encode(["SET", f"k{i}", i]))
    assert all(c.read() == ("+", b"OK") for c in some)
    for c in some:
        c.send(b"DBSIZE\r\n")
    assert all(c.read() == (":", 500) for c in some)
    for c in some:
        c.close()


def client_ids(c):
    lines = c.call("CLIENT", "LIST")[1].decode().splitlines()
    return {line.split()[0]: line for line in lines}


def test_fattest_clients_go(start):
    server = start("--maxmemory-clients", "20mb")
    with server.connect() as c, server.connect() as thin, server.connect() as fat, server.connect() as spared:
        big = b"x" * 9_000_000
        assert c.call("SET", "big", big) == ("+", b"OK")
        assert thin.call("PING") == ("+", b"PONG")
        assert spared.call("CLIENT", "NO-EVICT", "on") == ("+", b"OK")
        for _ in range(4):
            spared.send(resp.encode(["GET", "big"]))
        for _ in range(3):
            fat.send(resp.encode(["GET", "big"]))
        assert wait_until(lambda: b"evicted_clients:1" in c.call("INFO", "stats")[1])
        assert closed(fat)
        assert thin.call("PING") == ("+", b"PONG")
        for _ in range(4):
            assert spared.read(30) == ("$", big)
        # A share of maxmemory; too little for anybody ends whoever is there, and not the server.
        assert c.call("CONFIG", "SET", "maxmemory", "1gb", "maxmemory-clients", "1%") == ("+", b"OK")
        fat = server.connect()
        fat.send(resp.encode(["MGET", "big", "big", "big"]))
        # Not read before it has been seen: whoever takes the reply quickly enough is never too fat.
        assert wait_until(lambda: b"evicted_clients:2" in c.call("INFO", "stats")[1])
        assert closed(fat)
        assert c.call("CONFIG", "SET", "maxmemory", "auto") == ("+", b"OK")
        assert c.call("CONFIG", "GET", "maxmemory")[1][1] == ("$", b"auto")
        limit = int(c.call("INFO", "memory")[1].split(b"\r\nmaxmemory:")[1].split()[0])
        assert limit > 100_000_000


def test_long_commands(start):
    """KEYS of much is answered while others are, and ends when its client is killed."""
    server = start("--enable-debug-command", "yes")
    with server.connect() as c, server.connect() as slow:
        assert c.call("DEBUG", "POPULATE", "200000") == ("+", b"OK")
        slow.send(resp.encode(["KEYS", "*"]))
        while not slow.fill(0):
            assert c.call("SET", "key:1", "x") == ("+", b"OK")
        kind, keys = slow.read(60)
        assert kind == "*" and len(keys) == 200000 and len({k[1] for k in keys}) == 200000
        ident = slow.call("CLIENT", "ID")[1]
        slow.send(resp.encode(["KEYS", "*" * 40 + "x"]))
        time.sleep(0.01)
        assert c.call("CLIENT", "KILL", "ID", str(ident)) in ((":", 1), (":", b"1"))
        assert closed(slow)
        assert c.call("DELMATCH", "key:*", "COUNT", "150000") in ((":", 150000), (":", b"150000"))
        assert c.call("CONFIG", "SET", "command-time-limit", "1") == ("+", b"OK")
        kind, text = c.call("KEYS", "*[a-z]*[0-9]*5")
        assert kind == "-" and text.startswith(b"ERR command stopped: it ran for longer than command-time-limit")
        assert c.call("FLUSHALL") == ("+", b"OK")
        assert c.call("DBSIZE") in ((":", 0), (":", b"0"))
