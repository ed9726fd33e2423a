"""What clients may do and seldom do. SORREL_SERVER=redis-server shows that each expectation is redis's, too."""
import os
import re

import pytest
import resp
from conftest import only_sorrel, wait_until


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
                wait_until(lambda: is_blocked(c))
                assert c.call("CLIENT", "UNBLOCK", name, *how) == (":", 1)
                assert waiting.read() == ends
                assert waiting.call("PING") == ("+", b"PONG")
                assert c.call("CLIENT", "UNBLOCK", name) == (":", 0)
        waiting.send(b"WAIT 1 0\r\n")
        wait_until(lambda: is_blocked(c))
        c.send(b"MULTI\r\nCLIENT UNBLOCK %d\r\nPING\r\nEXEC\r\n" % name)
        assert [c.read() for _ in range(4)] == [("+", b"OK"), ("+", b"QUEUED"), ("+", b"QUEUED"), ("*", [(":", 1), ("+", b"PONG")])]
        assert waiting.read() == (":", 0)


def is_blocked(conn):
    return b"blocked_clients:1\r\n" in conn.call("INFO", "clients")[1]


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


MEMBERS = 150_000


def filled(s):
    """A connection to a server with a set large enough for commands that take a while."""
    c = s.connect(60)
    assert c.call("EVAL", "for i = 1, %d do redis.call('SADD', 's', 'member:' .. i) end" % MEMBERS, 0) == ("$", None)
    return c


def begin(c, other, *command):
    """Sends a command that runs in slices, and returns when others run beside it."""
    pause = re.compile(rb" flags=b .* cmd=%s " % command[0].lower().encode())
    c.send(resp.encode(command))
    wait_until(lambda: pause.search(other.call("CLIENT", "LIST")[1]))


@pytest.mark.parametrize("options", [[], ["NOSAVE"], ["NOFLUSH", "MERGE"], ["NOFLUSH", "MERGE", "NOSAVE"]], ids=" ".join)
@only_sorrel
def test_reload_while_a_long_command_reads(start, options):
    """It reads what was there when it began, whatever becomes of that."""
    s = start("--enable-debug-command", "yes", "--save", "")
    with filled(s) as c, s.connect(60) as other:
        assert other.call("DEBUG", "RELOAD") == ("+", b"OK")
        begin(c, other, "SORT", "s", "BY", "nothing-*", "GET", "#")
        assert other.call("DEBUG", "RELOAD", *options) == ("+", b"OK")
        kind, got = c.read()
        assert kind == "*" and len(set(got)) == MEMBERS
        assert other.call("SCARD", "s") == (":", MEMBERS)


@only_sorrel
def test_reload_while_a_long_command_removes(start):
    """It is brought to its end before the snapshot: nobody finds half of it."""
    s = start("--enable-debug-command", "yes", "--save", "")
    with filled(s) as c, s.connect(60) as other:
        begin(c, other, "SPOP", "s", str(MEMBERS - 7))
        assert other.call("DEBUG", "RELOAD") == ("+", b"OK")
        assert other.call("SCARD", "s") == (":", 7)
        assert len(set(c.read()[1])) == MEMBERS - 7


@pytest.mark.parametrize("log", ["no", "yes"])
@pytest.mark.parametrize("how", ["SHUTDOWN SAVE", "SHUTDOWN NOSAVE", "SIGTERM"])
@only_sorrel
def test_shutdown_during_long_commands(start, how, log):
    """A reader is cut off; what a writer has begun is whole in a snapshot, and in a log as far as it got."""
    s = start("--save", "3600 1", "--appendonly", log)
    with filled(s) as c, s.connect(60) as reader, s.connect(60) as other:
        assert other.call("COPY", "s", "t") == (":", 1)
        begin(c, other, "SPOP", "s", str(MEMBERS - 7))
        reader.send(resp.encode(["SORT", "t", "BY", "nothing-*", "GET", "#"]))
        if how == "SIGTERM":
            s.process.terminate()
        else:
            other.send(how.encode() + b"\r\n")
        assert s.process.wait(60) == 0
    if log == "no" and how == "SHUTDOWN NOSAVE":
        assert not os.path.exists(os.path.join(s.dir, "dump.rdb"))
        return
    again = start("--dir", s.dir, "--appendonly", log)
    with again.connect(60) as c:
        wait_until(lambda: c.call("PING")[0] == "+", 60)
        left = c.call("SCARD", "s")[1]
        assert left == 7 if how != "SHUTDOWN NOSAVE" else 7 <= left <= MEMBERS
        assert c.call("SCARD", "t") == (":", MEMBERS)


def test_reload_brings_functions_back(start):
    """As they are in the file, and who watches a key is told. With NOFLUSH they come in addition."""
    s = start("--enable-debug-command", "yes", "--save", "")
    code = "#!lua name=%s\nredis.register_function('f_%s', function() return '%s' end)"

    def names(c):
        return sorted(dict(zip([n for _, n in lib[::2]], lib[1::2]))[b"library_name"][1] for lib in (v for _, v in c.call("FUNCTION", "LIST")[1]))

    with s.connect() as c, s.connect() as other:
        c.call("SET", "k", "v")
        assert c.call("FUNCTION", "LOAD", code % ("one", "one", "1"))[0] == "$"
        assert c.call("DEBUG", "RELOAD") == ("+", b"OK") and c.call("FCALL", "f_one", 0) == ("$", b"1")
        assert c.call("FUNCTION", "LOAD", code % ("two", "two", "2"))[0] == "$"
        assert c.call("FUNCTION", "LOAD", "REPLACE", code % ("one", "one", "changed"))[0] == "$"
        assert c.call("DEBUG", "RELOAD", "NOFLUSH", "MERGE", "NOSAVE") == ("+", b"OK")
        assert names(c) == [b"one", b"two"] and c.call("FCALL", "f_one", 0) == ("$", b"1")
        assert other.call("WATCH", "k") == ("+", b"OK")
        assert c.call("DEBUG", "RELOAD", "NOSAVE") == ("+", b"OK")
        assert names(c) == [b"one"]
        assert other.call("MULTI") == ("+", b"OK") and other.call("EXEC") == ("*", None)


READS = "#!lua flags=no-writes\nreturn redis.call('GET', 'k')"


def test_scripts_in_a_pause_of_writes(server):
    """Those that say that they write nothing go on, the others and transactions that hold one wait."""
    with server.connect() as c, server.connect() as other:
        c.call("SET", "k", "v")
        sha = c.call("SCRIPT", "LOAD", READS)[1]
        c.call("FUNCTION", "LOAD", "REPLACE", "#!lua name=lib\nredis.register_function{function_name='reads', flags={'no-writes'}, "
               "callback=function() return redis.call('GET', 'k') end}\nredis.register_function('any', function() return 'done' end)")
        may = [["EVAL", READS, 0], ["EVALSHA", sha, 0], ["EVAL_RO", "return redis.call('GET', 'k')", 0], ["FCALL", "reads", 0],
               ["FCALL_RO", "reads", 0]]
        may_not = [["EVAL", "return 'done'", 0], ["FCALL", "any", 0], ["EVAL", "#!lua\nreturn 'done'", 0]]
        assert c.call("CLIENT", "PAUSE", 60000, "WRITE") == ("+", b"OK")
        for command in may:
            assert c.call(*command) == ("$", b"v"), command
        for command in may_not:
            c.call("CLIENT", "PAUSE", 60000, "WRITE")
            other.send(resp.encode(command))
            assert not other.fill(0.05), command
            assert c.call("CLIENT", "UNPAUSE") == ("+", b"OK")
            assert other.read() == ("$", b"done")
        for command in (["MULTI"], ["EVAL", "return 'done'", 0]):
            assert other.call(*command)[0] == "+"
        c.call("CLIENT", "PAUSE", 60000, "WRITE")
        other.send(b"EXEC\r\n")
        assert not other.fill(0.05)
        assert c.call("CLIENT", "UNPAUSE") == ("+", b"OK")
        assert other.read() == ("*", [("$", b"done")])
        c.call("FUNCTION", "FLUSH")
