"""What must be there again after a restart, whether it came from the log or from a snapshot: functions and streams."""
import signal

import pytest
from conftest import only_sorrel, wait_until

LIBRARY = b"#!lua name=lib\nlocal n = 41\nredis.register_function('answer', function() n = n + 1 return n end)\n" \
          b"redis.register_function{function_name='first', callback=function(k) return k[1] end, flags={'no-writes'}}"


def fill(c):
    assert c.call("FUNCTION", "LOAD", LIBRARY)[1] == b"lib"
    assert c.call("FUNCTION", "LOAD", "#!lua name=gone\nredis.register_function('gone', function() end)")[1] == b"gone"
    assert c.call("FUNCTION", "DELETE", "gone")[1] == b"OK"
    for i in range(1, 7):
        c.call("XADD", "s", "IDMP", "p", i, "*", "a", i)
    ids = [e[1][0][1] for e in c.call("XRANGE", "s", "-", "+")[1]]
    c.call("XGROUP", "CREATE", "s", "g", "0")
    c.call("XREADGROUP", "GROUP", "g", "c", "COUNT", 4, "STREAMS", "s", ">")
    c.call("XNACK", "s", "g", "FAIL", "IDS", 1, ids[0])
    c.call("XACKDEL", "s", "g", "ACKED", "IDS", 1, ids[1])
    c.call("XREADGROUP", "GROUP", "g", "d", "CLAIM", 0, "COUNT", 1, "STREAMS", "s", ">")
    c.call("XNACK", "s", "g", "FATAL", "IDS", 1, ids[2])
    c.call("XCFGSET", "t", "IDMP-DURATION", 5)
    c.call("XADD", "t", "*", "a", 1)
    c.call("JSON.SET", "j", "$", '{"a":[1,2.5,{"b":"\\u00e9"}],"n":18446744073709551615,"x":1e400}'.replace(',"x":1e400', ""))
    c.call("JSON.MSET", "j", "$.a[0]", "7", "k", "$", '[[],{},"",null,true]')
    c.call("JSON.NUMINCRBY", "j", "$.a[0]", "0.5")
    c.call("JSON.ARRAPPEND", "j", "$.a", '"end"')
    c.call("JSON.MERGE", "j", "$", '{"m":{"deep":[{}]}}')
    c.call("JSON.DEL", "j", "$.a[1]")
    c.call("PEXPIRE", "k", 100000000)
    c.call("XCFGSET", "t", "IDMP-DURATION", 77, "IDMP-MAXSIZE", 7)


def idle_apart(pending):
    return [(e[1][0], e[1][1], e[1][3]) for e in pending[1]]


def look(c):
    return (c.call("FUNCTION", "LIST", "WITHCODE"), c.call("XRANGE", "s", "-", "+"), c.call("XINFO", "STREAM", "s"),
            idle_apart(c.call("XPENDING", "s", "g", "-", "+", 10)), c.call("XPENDING", "s", "g"), c.call("XINFO", "STREAM", "t"),
            c.call("JSON.GET", "j"), c.call("JSON.GET", "k"), c.call("EXPIRETIME", "k"), c.call("DEBUG", "DIGEST"))


@pytest.mark.parametrize("way", ["log", "rewritten log", "rewritten in commands", "snapshot"])
@only_sorrel
def test_functions_and_streams_survive(start, tmp_path, way):
    options = ["--enable-debug-command", "yes", "--dir", str(tmp_path)] + (["--save", ""] if way == "snapshot" else ["--appendonly", "yes", "--appendfsync", "always"])
    options += ["--aof-use-rdb-preamble", "no"] if way == "rewritten in commands" else []
    server = start(*options)
    with server.connect() as c:
        if way.startswith("rewritten"):
            fill(c)
            assert b"aof_rewrites:0" in c.call("INFO", "persistence")[1]
            assert c.call("BGREWRITEAOF")[0] == "+"
            wait_until(lambda: b"aof_rewrites:1" in c.call("INFO", "persistence")[1], what="the end of the rewrite")
        else:
            fill(c)
        before = look(c)
        if way == "snapshot":
            assert c.call("SAVE")[1] == b"OK"
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    server = start(*options)
    with server.connect() as c:
        assert look(c) == before
        assert c.call("FCALL", "answer", 0) == (":", 42) and c.call("FCALL", "answer", 0) == (":", 43)
        assert c.call("FCALL_RO", "first", 1, "k") == ("$", b"k")
        assert c.call("FCALL", "gone", 0)[0] == "-"
        # A message that was sent before the restart is still known.
        n = c.call("XLEN", "s")
        c.call("XADD", "s", "IDMP", "p", 6, "*", "a", 6)
        assert c.call("XLEN", "s") == n
        # So it is by what DUMP gives.
        assert c.call("RESTORE", "copy", 0, c.call("DUMP", "s")[1])[1] == b"OK"
        assert c.call("XINFO", "STREAM", "copy") == c.call("XINFO", "STREAM", "s")
        c.call("XADD", "copy", "IDMP", "p", 6, "*", "a", 6)
        assert c.call("XLEN", "copy") == n
