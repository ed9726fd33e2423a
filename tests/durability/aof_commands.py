"""A base in commands (aof-use-rdb-preamble no): written, loaded again by Sorrel and by redis-server, equal to the digest."""
import os
import signal

import aof


def fill_more(c):
    """What commands have it hardest with: empty streams, groups, pending entries, scores, large and binary values."""
    aof.fill(c, "plain")
    c.set("huge", os.urandom(3000000))
    c.set("nul", b"\0\r\n*1\r\n")
    for i in range(3000):
        c.rpush("long", f"element {i}")
        c.zadd("scores", {f"m{i}": i / 7})
    c.zadd("edges", {"low": float("-inf"), "high": float("inf"), "tiny": 5e-324, "third": 1 / 3, "zero": 0})
    c.hset("wide", mapping={f"f{i}": "v" * 50 for i in range(2000)})
    c.sadd("ints", *range(300))
    c.sadd("texts", *[f"t{i}" for i in range(1000)])
    c.pexpireat("wide", 4102444800000)
    for i in range(300):
        c.xadd("log", {"a": i, "b": "x"}, id=f"{1000 + i}-{i}")
    c.xdel("log", "1003-3")
    c.xgroup_create("log", "one", "0")
    c.xgroup_create("log", "two", "1100-0")
    c.xreadgroup("one", "ann", {"log": ">"}, count=20)
    c.xreadgroup("one", "bob", {"log": ">"}, count=5)
    c.xgroup_createconsumer("log", "two", "idle")
    c.xadd("emptied", {"a": 1}, id="7-7")
    c.xdel("emptied", "7-7")
    c.xgroup_create("never", "g", "$", mkstream=True)
    c.xadd("gone", {"a": 1}, id="1-1")
    c.xgroup_create("gone", "g", "0")
    c.xreadgroup("g", "k", {"gone": ">"})
    c.xdel("gone", "1-1")
    c.execute_command("FUNCTION", "LOAD", "REPLACE", "#!lua name=lib\nredis.register_function('f', function() return 7 end)")


def rewrite(s):
    s.client.execute_command("BGREWRITEAOF")
    s.wait_rewrite()


def base_of(folder):
    names = [n for n in os.listdir(os.path.join(folder, "appendonlydir")) if ".base." in n]
    assert len(names) == 1, names
    return os.path.join(folder, "appendonlydir", names[0])


def check(c):
    assert c.xpending("log", "one")["pending"] == 25
    assert c.xinfo_stream("emptied")["last-generated-id"] == b"7-7"
    assert c.xinfo_groups("never")[0]["name"] == b"g"
    assert c.pexpiretime("wide") == 4102444800000
    assert c.fcall("f", 0) == 7


def there_and_back(program, folder, other=None):
    options = ["--appendonly", "yes", "--aof-use-rdb-preamble", "no"]
    s = aof.Server(program, folder, *options)
    fill_more(s.client)
    rewrite(s)
    assert base_of(folder).endswith(".base.aof"), base_of(folder)
    with open(base_of(folder), "rb") as f:
        assert f.read(1) == b"*"
    aof.fill(s.client, "after")
    digest = s.digest()
    check(s.client)
    s.stop(signal.SIGKILL)
    s = aof.Server(program, folder, *options)
    assert s.digest() == digest
    check(s.client)
    s.stop()
    if other is None:
        return
    s = aof.Server(other, folder, *options)
    assert s.digest() == digest, "redis-server reads the commands differently"
    check(s.client)
    rewrite(s)
    s.stop()
    s = aof.Server(program, folder, *options)
    assert s.digest() == digest, "what redis-server wrote is loaded differently"
    check(s.client)
    s.stop()
