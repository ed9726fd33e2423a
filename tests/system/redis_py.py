"""redis-py against the server under test: redis_py.py PORT PROTOCOL."""
import asyncio
import os
import sys
import threading

import redis
import redis.asyncio

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import redis_py_resp3  # noqa: E402

PORT, PROTOCOL = int(sys.argv[1]), int(sys.argv[2])


def connect():
    return redis_py_resp3.connect(PORT, PROTOCOL)


def values(r):
    assert r.ping()
    assert r.set("k", b"v\r\n\x00", ex=100) and r.get("k") == b"v\r\n\x00" and 0 < r.ttl("k") <= 100
    assert r.set("k", "w", nx=True) is None and r.set("k", "w", xx=True, get=True, keepttl=True) == b"v\r\n\x00"
    assert r.incrby("n", 41) == 41 and r.incrbyfloat("x", 1.5) == 1.5
    assert r.mset({"a": 1, "b": 2}) and r.mget("a", "nothing", "b") == [b"1", None, b"2"]
    assert r.rpush("l", *range(5)) == 5 and r.lrange("l", 1, -2) == [b"1", b"2", b"3"]
    assert r.lpos("l", "3") == 3 and r.lmove("l", "l2", "LEFT", "RIGHT") == b"0"
    assert r.hset("h", mapping={"f": "v", "g": 2}) == 2 and r.hgetall("h") == {b"f": b"v", b"g": b"2"}
    assert r.sadd("s", 1, 2, 3) == 3 and r.smembers("s") == {b"1", b"2", b"3"} and r.smismember("s", 1, 9) == [1, 0]
    assert r.zadd("z", {"a": 1.5, "b": 2, "c": 3}) == 3
    assert r.zrange("z", 0, -1, withscores=True)[:1] == [(b"a", 1.5)]
    assert r.zrange("z", "(1.5", "+inf", byscore=True) == [b"b", b"c"] and r.zscore("z", "a") == 1.5
    assert r.zpopmin("z", 1) == [(b"a", 1.5)]
    assert r.type("z") == b"zset" and r.object("encoding", "n") == b"int"
    assert sorted(r.scan_iter(match="*", count=3)) == sorted(r.keys("*"))
    assert dict(r.hscan_iter("h")) == {b"f": b"v", b"g": b"2"} and len(list(r.zscan_iter("z"))) == 2
    assert r.copy("l", "l3") and r.rename("l3", "l4") and r.unlink("l4") == 1
    try:
        r.lpush("k", 1)
    except redis.ResponseError as e:
        assert str(e) == "WRONGTYPE Operation against a key holding the wrong kind of value"
    else:
        raise AssertionError("no error")


def server(r):
    info = r.info()
    assert info["connected_clients"] >= 1 and "used_memory" in info and info["db0"]["keys"] == r.dbsize()
    assert r.config_get("maxmemory*") and r.config_set("timeout", 0)
    assert r.client_setname("me") and r.client_getname() in ("me", b"me")
    assert any(c["name"] == "me" for c in r.client_list()) and r.client_id() > 0
    assert r.command_count() > 100 and "get" in r.command()
    assert r.time()[0] > 1600000000 and isinstance(r.slowlog_get(), list)


def transactions(r):
    with r.pipeline() as p:
        p.watch("n")
        n = int(p.get("n"))
        p.multi()
        p.set("n", n + 1).incr("n").hgetall("h")
        assert p.execute() == [True, n + 2, {b"f": b"v", b"g": b"2"}]
    with r.pipeline() as p:
        p.watch("n")
        r.incr("n")
        p.multi()
        p.set("n", 0)
        try:
            p.execute()
            raise AssertionError("no WatchError")
        except redis.WatchError:
            pass
    assert r.pipeline(transaction=False).set("p", 1).get("p").lpush("p", 1).execute(raise_on_error=False)[:2] == [True, b"1"]


def messages(r):
    with r.pubsub() as p:
        p.subscribe("ch")
        p.psubscribe("c*")
        got = []

        def listen():
            for m in p.listen():
                got.append((m["type"], m["channel"], m["data"]))
                if len(got) == 4:
                    return

        t = threading.Thread(target=listen)
        t.start()
        while r.pubsub_numsub("ch")[0][1] != 1 or r.pubsub_numpat() != 1:
            pass
        assert r.publish("ch", b"hi\r\n") == 2
        t.join(10)
        assert got[2:] == [("message", b"ch", b"hi\r\n"), ("pmessage", b"ch", b"hi\r\n")]


def blocking(r):
    t = threading.Timer(0.05, lambda: connect().rpush("queue", "job"))
    t.start()
    assert r.blpop("queue", 10) == (b"queue", b"job")
    assert r.brpop("queue", 0.01) is None
    assert r.bzpopmin("zqueue", 0.01) is None

async def asynchronous():
    r = redis.asyncio.Redis(host="127.0.0.1", port=PORT)
    await asyncio.gather(*[r.set(f"async{i}", i) for i in range(200)])
    assert await asyncio.gather(*[r.get(f"async{i}") for i in range(200)]) == [str(i).encode() for i in range(200)]
    waits = asyncio.create_task(r.blpop("aq", 10))
    await asyncio.sleep(0)
    await redis.asyncio.Redis(host="127.0.0.1", port=PORT).rpush("aq", "x")
    assert await waits == (b"aq", b"x")
    await r.close()


def main():
    r = connect()
    for part in (values, server, transactions, messages, blocking):
        part(r)
    if PROTOCOL == 2:
        asyncio.run(asynchronous())
    else:
        c = r.connection_pool.get_connection("PING")
        for command in (["HGETALL", "h"], ["SMEMBERS", "s"], ["ZSCORE", "z", "b"], ["GET", "nothing"], ["INFO", "server"]):
            c.send_command(*command)
            c.read_response()
        assert {b"%", b"~", b",", b"_", b"="} <= c._parser.seen, c._parser.seen
    print("redis-py", redis.__version__, "protocol", PROTOCOL, "all right")


main()
