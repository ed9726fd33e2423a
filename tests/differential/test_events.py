"""Keyspace notifications: every class, event by event, beside redis-server 7.0; expired events in order and not before time.

    /usr/bin/python3 -m pytest tests/differential/test_events.py      (SORREL_SERVER=path, default build/bin)
"""
import os
import shutil
import sys
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402

BIN = os.environ.get("SORREL_BIN", os.path.join(ROOT, "build", "bin"))
SERVER = os.environ.get("SORREL_SERVER", os.path.join(BIN, "sorrel-server"))
pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")

# Letters of classes, then commands that cause events of them, and some that cause none.
COMMANDS = {
    "g": ["SET a 1", "RENAME a b", "COPY b c", "COPY b c REPLACE", "EXPIRE b 100", "EXPIRE b 100 NX", "PERSIST b", "PERSIST b", "MOVE b 3",
          "DEL c nothing", "SET a 1 EX 100", "SET a 1 KEEPTTL", "GETEX a EX 50", "GETEX a PERSIST", "UNLINK a", "SET a 1", "EXPIRE a -1",
          "SET a 1", "RENAMENX a b", "DUMP b", "GETDEL b", "SADD s x", "SORT s ALPHA STORE d", "DEL s", "EXPIREAT d 1", "TOUCH d",
          "PEXPIREAT nothing 1"],
    "$": ["SET a 1", "SETNX a 2", "SETNX a2 2", "MSET a 1 b 2", "MSETNX c 1 d 2", "MSETNX c 1 e 2", "INCR a", "INCRBY a 5", "DECR a", "DECRBY a 2",
          "INCRBYFLOAT a 0.5", "APPEND a x", "APPEND new x", "SETRANGE a 1 zz", "SETRANGE nothing 0 ", "GETSET a 7", "SET a 1 GET", "SETBIT a 7 1",
          "SETBIT a 7 1", "BITFIELD a SET u8 0 200", "BITFIELD a GET u8 0", "BITOP NOT a b", "PFADD h x", "PFADD h x", "PFMERGE h2 h", "PSETEX a 90000 v",
          "SETEX a 90 v", "SET a 1 NX", "BITOP AND gone nothing1 nothing2", "PFADD h3"],
    "l": ["RPUSH l 1 2 3", "LPUSH l 0", "LPUSHX l 0", "RPUSHX nothing 0", "LPOP l", "RPOP l 2", "RPUSH l a b c a", "LINSERT l BEFORE b x",
          "LINSERT l BEFORE y x", "LSET l 0 z", "LREM l 0 a", "LREM l 0 nothing", "LTRIM l 0 0", "LTRIM l 5 9", "RPUSH l a b", "LMOVE l m LEFT RIGHT",
          "RPOPLPUSH l m", "LMPOP 2 l m LEFT COUNT 5", "RPUSH l a b", "RPOPLPUSH l l", "BLPOP l 0", "BRPOP l 0", "RPUSH l 2 1", "SORT l STORE o"],
    "s": ["SADD s a b c", "SADD s a", "SREM s a nothing", "SMOVE s t b", "SMOVE s t nothing", "SPOP s", "SADD s a b c", "SPOP s 3", "SADD s a", "SADD u a b",
          "SINTERSTORE i s u", "SUNIONSTORE j s u", "SDIFFSTORE k u s", "SDIFFSTORE k nothing", "SREM t b", "SINTERSTORE i u nothing"],
    "h": ["HSET h a 1 b 2", "HSETNX h a 2", "HSETNX h c 2", "HMSET h d 1", "HINCRBY h a 1", "HINCRBYFLOAT h a 0.5", "HDEL h b nothing", "HDEL h a c d"],
    "z": ["ZADD z 1 a 2 b", "ZADD z 1 a", "ZADD z XX 5 a", "ZINCRBY z 1 a", "ZADD z INCR 2 a", "ZREM z nothing", "ZREM z a", "ZADD z 1 a 2 b 3 c 4 d 5 e",
          "ZPOPMIN z", "ZPOPMAX z 1", "BZPOPMIN z 0", "ZMPOP 1 z MIN", "ZADD z 1 a 2 b 3 c 4 d 5 e", "ZREMRANGEBYSCORE z 1 1",
          "ZREMRANGEBYRANK z 0 0", "ZREMRANGEBYLEX z [c [c", "ZREMRANGEBYSCORE z 90 99", "ZRANGESTORE r z 0 -1", "ZUNIONSTORE u 2 z r", "ZINTERSTORE i 2 z r",
          "ZDIFFSTORE d 2 z nothing", "ZDIFFSTORE d 2 z r", "GEOADD g 13 38 p", "GEOSEARCHSTORE gs g FROMMEMBER p BYRADIUS 9 km",
          "GEORADIUS g 13 38 9 km STORE gr", "GEOSEARCHSTORE gs g FROMLONLAT 0 0 BYRADIUS 9 km", "ZRANGESTORE r z 90 99"],
    "t": ["XADD s 1-1 a 1", "XADD s 2-1 a 1", "XADD s 3-1 a 1", "XADD s MAXLEN 2 4-1 a 1", "XTRIM s MAXLEN 1", "XTRIM s MAXLEN 1", "XDEL s 9-9",
          "XGROUP CREATE s g 0", "XGROUP CREATE n g 0 MKSTREAM", "XGROUP SETID s g 0", "XGROUP CREATECONSUMER s g c", "XREADGROUP GROUP g c STREAMS s >",
          "XACK s g 4-1", "XADD s 5-1 a 1", "XREADGROUP GROUP g c STREAMS s >", "XCLAIM s g third 0 5-1",
          "XAUTOCLAIM s g fourth 0 0", "XGROUP DELCONSUMER s g c", "XGROUP DELCONSUMER s g nobody", "XGROUP DESTROY s g", "XGROUP DESTROY s g",
          "XSETID s 99-1", "XDEL s 5-1", "XDEL s 4-1"],
    "m": ["GET nothing", "STRLEN nothing", "HGET nothing f", "EXISTS nothing", "TTL nothing", "TYPE nothing", "SET a 1", "GET a", "MGET a nothing b",
          "LRANGE nothing 0 1", "SMEMBERS nothing", "OBJECT ENCODING nothing", "TOUCH nothing", "GETDEL nothing", "DUMP nothing", "SORT nothing"],
    "n": ["SET a 1", "SET a 2", "INCR b", "LPUSH l 1", "LPUSH l 1", "SADD s 1", "HSET h f 1", "ZADD z 1 a", "XADD x * f 1", "PFADD p 1", "SETBIT bits 1 1",
          "COPY a a2", "RENAME a2 a3", "BITOP NOT o a", "SORT l STORE sorted", "APPEND ap x", "MSET a 1 m 2", "MOVE m 2", "GEOADD g 13 38 p"],
    "": ["SET a 1", "DEL a"],
}


def classes_of(letters):
    return ["KE" + letters, "K" + letters, "E" + letters] if letters else ["KEA", "KEAmn", "A", "KE"]


def play(program, mask, commands, key_prefix=""):
    """All messages that the commands cause, up to one that ends them."""
    with servers.Server(program) as server, server.connect() as c, server.connect() as listener:
        assert c.call("CONFIG", "SET", "notify-keyspace-events", mask) == ("+", b"OK")
        listener.call("PSUBSCRIBE", "*")
        for command in commands:
            kind, why = c.call(*command.split(" "))
            # Kept apart from the events: a command that is not known would look like one without any.
            assert kind != "-", f"{command}: {why}"
        c.call("PUBLISH", "end", "end")
        got = []
        while True:
            message = [v for _, v in listener.read()[1]]
            if message[2] == b"end":
                return got
            got.append((message[2].decode(), message[3].decode()))


@pytest.mark.parametrize("letters", COMMANDS, ids=lambda letters: letters or "all")
def test_as_redis(letters):
    # The command that the class is about, and all others: none may cause what only belongs to others.
    commands = COMMANDS[letters] if letters else [command for some in COMMANDS.values() for command in [*some, "FLUSHALL"]]
    for mask in classes_of(letters):
        right = play("redis-server", mask, commands)
        assert play(SERVER, mask, commands) == right
        assert bool(right) == (mask not in ("A", "KE")), mask


def test_evicted():
    """Which keys go is the server's choice; that all that went were announced is not."""
    with servers.Server(SERVER, "--maxmemory-policy", "allkeys-lru") as server, server.connect() as c, server.connect() as listener:
        c.call("CONFIG", "SET", "notify-keyspace-events", "Ee")
        listener.call("PSUBSCRIBE", "*")
        used = int(c.call("INFO", "memory")[1].split(b"used_memory:")[1].split()[0])
        c.call("CONFIG", "SET", "maxmemory", str(used + (1 << 20)))
        for i in range(4000):
            assert c.call("SET", f"k{i}", "x" * 500) == ("+", b"OK")
        c.call("CONFIG", "SET", "maxmemory", "0")
        c.call("PUBLISH", "end", "end")
        gone = []
        while True:
            message = [v for _, v in listener.read()[1]]
            if message[2] == b"end":
                break
            assert message[2] == b"__keyevent@0__:evicted"
            gone.append(message[3].decode())
        there = {f"k{i}" for i in range(4000) if c.call("EXISTS", f"k{i}") == (":", 1)}
        assert len(gone) == len(set(gone)) == 4000 - len(there) > 0 and not there & set(gone)
        assert int(c.call("INFO", "stats")[1].split(b"evicted_keys:")[1].split()[0]) == len(gone)


def test_expired():
    """Nobody touches the keys: the events come by themselves, in the order of the deadlines, none before its time."""
    with servers.Server(SERVER) as server, server.connect() as c, server.connect() as listener:
        c.call("CONFIG", "SET", "notify-keyspace-events", "Ex")
        listener.call("PSUBSCRIBE", "*")
        lives = {f"k{i}": 300 + i * 7 % 50 * 10 for i in range(200)}
        c.call("MULTI")
        for key, ms in lives.items():
            c.call("SET", key, "v", "PX", str(ms))
        begin = int(time.time() * 1000)
        assert c.call("EXEC")[1] == [("+", b"OK")] * 200  # at one time for the server
        seen = []
        while len(seen) < 200:
            message = [v for _, v in listener.read()[1]]
            now = int(time.time() * 1000)
            assert message[2] == b"__keyevent@0__:expired" and now >= begin + lives[message[3].decode()]
            seen.append(message[3].decode())
        assert sorted(lives[k] for k in seen) == [lives[k] for k in seen] and len(set(seen)) == 200
