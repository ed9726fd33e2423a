"""Scripts that run for too long, and what others may do meanwhile."""
import pytest
import resp
from conftest import wait_until

BUSY = b"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."


def begin(c, script):
    c.send(resp.encode(["EVAL", script, "0"]))


def busy(c):
    return wait_until(lambda: c.call("PING") == ("-", BUSY), what="BUSY")


@pytest.fixture
def slow(start):
    server = start("--busy-reply-threshold", 30)
    with server.connect() as a, server.connect() as b:
        yield server, a, b


@pytest.mark.parametrize("script", [
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "while true do local ok = pcall(redis.call, 'get', 'x') end",
    "local f = coroutine.wrap(function() while true do end end) f()",
    "while true do local s = string.rep('x', 1000) end",
])
def test_a_script_is_killed(slow, script):
    server, a, b = slow
    a.call("SET", "x", "1")
    begin(a, script)
    busy(b)
    with server.connect() as late:  # new clients are served too
        assert late.call("GET", "x") == ("-", BUSY)
        assert late.call("SCRIPT", "KILL") == ("+", b"OK")
    kind, text = a.read()
    assert kind == "-" and text.startswith(b"ERR Script killed by user with SCRIPT KILL...")
    assert a.call("GET", "x") == b.call("GET", "x") == ("$", b"1")


def test_what_has_written_is_not_killed(slow):
    server, a, b = slow
    begin(a, "redis.call('set', 'x', 'y') while true do end")
    busy(b)
    assert b.call("SCRIPT", "KILL")[1].startswith(b"UNKILLABLE ")
    b.send(resp.encode(["SHUTDOWN", "NOSAVE"]))
    assert wait_until(lambda: not server.alive())


def test_a_function_is_killed(slow):
    server, a, b = slow
    a.call("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() while true do end end)")
    a.send(resp.encode(["FCALL", "f", "0"]))
    busy(b)
    assert b.call("FUNCTION", "STATS")[0] in "*%"
    assert b.call("SCRIPT", "KILL")[0] == "-"
    assert b.call("FUNCTION", "KILL") == ("+", b"OK")
    assert a.read()[0] == "-"
    assert a.call("PING") == ("+", b"PONG")


def test_loading_ends(slow):
    server, a, b = slow
    kind, text = a.call("FUNCTION", "LOAD", "#!lua name=l\nwhile true do end")
    assert kind == "-" and b"FUNCTION LOAD timeout" in text
    assert a.call("EVAL", "local n = 0 for i = 1, 100000 do n = n + 1 end return n", "0") == (":", 100000)


def test_the_one_that_waits_is_not_disturbed(slow):
    server, a, b = slow
    a.send(resp.encode(["SET", "k", "v"]) + resp.encode(["EVAL", "local n = 0 for i = 1, 30000000 do n = n + 1 end return n", "0"])
           + resp.encode(["GET", "k"]))
    busy(b)
    assert [a.read() for _ in range(3)] == [("+", b"OK"), (":", 30000000), ("$", b"v")]
    assert b.call("PING") == ("+", b"PONG")


def test_a_pattern_that_tries_for_ever(slow):
    server, a, b = slow
    begin(a, "return string.find(string.rep('a', 100), string.rep('a-', 30) .. 'b')")
    busy(b)
    assert b.call("SCRIPT", "KILL") == ("+", b"OK")
    assert a.read()[0] == "-"
