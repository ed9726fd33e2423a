"""What clients may do and seldom do. SORREL_SERVER=redis-server shows that each expectation is redis's, too."""
import time


def raw(conn, data):
    """What comes for these bytes until an ECHO behind them is answered."""
    conn.send(data + b"ECHO end-of-it\r\n")
    got = b""
    while not got.endswith(b"$9\r\nend-of-it\r\n"):
        got += conn.socket.recv(4096)
    return got[:-len(b"$9\r\nend-of-it\r\n")]


def test_replies_are_switched_inside_of_a_transaction(server):
    """SKIP is about the command after EXEC, OFF about what follows it in the transaction."""
    with server.connect() as c:
        assert raw(c, b"MULTI\r\nCLIENT REPLY SKIP\r\nPING\r\nEXEC\r\nPING\r\nPING\r\n") == (
            b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+PONG\r\n+PONG\r\n")
    with server.connect() as c:
        assert raw(c, b"MULTI\r\nPING\r\nCLIENT REPLY OFF\r\nPING\r\nEXEC\r\nPING\r\nCLIENT REPLY ON\r\n") == (
            b"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+PONG\r\n+OK\r\n")


def test_who_waits_for_replicas_may_be_unblocked(server):
    """Each client gets its own reply, whatever runs inside of whose command."""
    with server.connect() as c, server.connect() as waiting:
        name = waiting.call("CLIENT", "ID")[1]
        for how, ends in (((), (":", 0)), (("TIMEOUT",), (":", 0)), (("ERROR",), ("-", b"UNBLOCKED client unblocked via CLIENT UNBLOCK"))):
            for timeout in (0, 100000):
                waiting.send(b"WAIT 1 %d\r\n" % timeout)
                wait_blocked(c)
                assert c.call("CLIENT", "UNBLOCK", name, *how) == (":", 1)
                assert waiting.read() == ends
                assert waiting.call("PING") == ("+", b"PONG")
                assert c.call("CLIENT", "UNBLOCK", name) == (":", 0)
        waiting.send(b"WAIT 1 0\r\n")
        wait_blocked(c)
        c.send(b"MULTI\r\nCLIENT UNBLOCK %d\r\nPING\r\nEXEC\r\n" % name)
        assert [c.read() for _ in range(4)] == [("+", b"OK"), ("+", b"QUEUED"), ("+", b"QUEUED"), ("*", [(":", 1), ("+", b"PONG")])]
        assert waiting.read() == (":", 0)


def wait_blocked(conn):
    deadline = time.monotonic() + 20
    while b"blocked_clients:1\r\n" not in conn.call("INFO", "clients")[1]:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_errors_are_counted_in_the_order_of_their_names(start):
    s = start()
    with s.connect() as c:
        for command in (("NOSUCH",), ("SET", "a", "b"), ("LPUSH", "a", "b"), ("EVALSHA", "a", "0"), ("AUTH", "a", "b"), ("EXEC",)):
            c.call(*command)
        lines = c.call("INFO", "errorstats")[1].split(b"\r\n")[1:-1]
        assert lines == [b"errorstat_ERR:count=2", b"errorstat_NOSCRIPT:count=1", b"errorstat_WRONGPASS:count=1",
                         b"errorstat_WRONGTYPE:count=1"]
        assert c.call("CONFIG", "RESETSTAT") == ("+", b"OK")
        assert c.call("INFO", "errorstats")[1].split(b"\r\n")[1:-1] == []
