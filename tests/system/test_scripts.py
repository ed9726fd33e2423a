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


def memory(c):
    lines = c.call("INFO", "memory")[1].decode().split("\r\n")
    return {k: v for k, v in (line.split(":", 1) for line in lines if ":" in line)}


def test_memory_of_scripts_counts(start):
    """The cache, the libraries and the interpreter are in used_memory, in fields of their own, and under maxmemory."""
    server = start()
    with server.connect() as c:
        c.call("EVAL", "return 1", "0")
        before = memory(c)
        filler = "-- " + "x" * 50000
        for i in range(200):
            c.call("SCRIPT", "LOAD", f"return {i} {filler}")
        c.call("FUNCTION", "LOAD", "#!lua name=big\nredis.register_function('f', function() return 1 end)\n" + filler * 10)
        full = memory(c)
        assert int(full["number_of_cached_scripts"]) == 201 and int(full["number_of_functions"]) == 1
        assert int(full["used_memory_scripts"]) - int(before["used_memory_scripts"]) > 10_500_000
        assert int(full["used_memory"]) - int(before["used_memory"]) > 10_500_000
        assert int(full["used_memory_lua"]) > 0 and int(full["used_memory_vm_functions"]) >= 0
        c.call("CONFIG", "SET", "maxmemory", int(before["used_memory"]) + 5_000_000)
        wait_until(lambda: c.call("SET", "k", "v")[1].startswith(b"OOM"), what="OOM")
        assert c.call("EVAL", "return redis.call('set', 'k', 'v')", "0")[1].startswith(b"OOM")
        assert c.call("EVAL", "#!lua flags=allow-oom\nreturn redis.call('set', 'k', 'v')", "0") == ("+", b"OK")
        c.call("SCRIPT", "FLUSH")
        c.call("FUNCTION", "FLUSH")
        wait_until(lambda: c.call("SET", "k", "v") == ("+", b"OK"), what="room after SCRIPT FLUSH")
        assert int(memory(c)["number_of_cached_scripts"]) == 0


def test_one_script_cannot_take_all_memory(start):
    server = start("--maxmemory", "100mb", "--busy-reply-threshold", 0)
    with server.connect() as c:
        kind, text = c.call("EVAL", "local t = {} for i = 1, 1e9 do t[i] = string.rep('x', 1e6) .. i end return 1", "0")
        assert kind == "-" and b"not enough memory" in text
        assert c.call("EVAL", "return 1", "0") == (":", 1)
        wait_until(lambda: int(memory(c)["used_memory"]) < 50 << 20, what="the interpreter's memory back")


@pytest.mark.parametrize("reach", ["redis.call('DEL', 'big')", "redis.call('SPOP', 'big', 1000)"])
def test_undeclared_keys_of_long_commands(start, reach):
    """A command that runs in slices reads its key to the end before a script changes it, declared or not."""
    server = start()
    n = 200000
    with server.connect() as a, server.connect() as b:
        for i in range(0, n, 5000):
            a.call("SADD", "big", *(f"member:{j}" for j in range(i, i + 5000)))
        a.send(resp.encode(["SMEMBERS", "big"]))
        b.call("EVAL", reach, 1, "other")
        kind, members = a.read()
        assert kind in "*~" and len(set(v for _, v in members)) in (n, n - 1000, 0)
        assert b.call("PING") == ("+", b"PONG")
