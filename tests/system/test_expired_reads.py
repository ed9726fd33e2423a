"""Keys whose time has come and that the primary has not deleted yet: what a replica of ours answers beside one of redis-server's,
command by command. Both follow the same primary, which sweeps nothing.

Left out: MEMORY USAGE and DEBUG OBJECT, by which redis-server shows what it still holds, and DBSIZE and RANDOMKEY, which count and draw
such keys there (see docs/differences.md)."""
import shlex
import time

import pytest

import servers
from conftest import PROGRAM, only_sorrel
from replication import caught_up, follow, wait_linked, wait_until

ORACLE = servers.oracle_command()
pytestmark = only_sorrel

# Every type twice: the one named x… expires, the one named k… stays.
FILL = [
    ("SET", "{}s", "a value"), ("SET", "{}n", "10"), ("HSET", "{}h", "f", "1", "g", "2"), ("RPUSH", "{}l", "a", "b", "c"),
    ("SADD", "{}S", "1", "2", "3"), ("ZADD", "{}z", "1", "a", "2", "b"), ("XADD", "{}x", "1-1", "f", "v"),
    ("XGROUP", "CREATE", "{}x", "g", "0"), ("PFADD", "{}p", "a", "b"), ("GEOADD", "{}e", "13.4", "38.1", "a", "15.1", "37.5", "b"),
    ("SETBIT", "{}b", "7", "1"),
]
NAMES = "snhlSzxpeb"

READS = """
GET xs|MGET xs ks|STRLEN xs|GETRANGE xs 0 -1|SUBSTR xs 0 -1|LCS xs ks|EXISTS xs|EXISTS xs ks xs|TYPE xs|TTL xs|PTTL xs|EXPIRETIME xs
PEXPIRETIME xs|TOUCH xs ks|OBJECT ENCODING xs|OBJECT REFCOUNT xs|OBJECT IDLETIME xs|OBJECT FREQ xs|DUMP xs
BITCOUNT xb|BITCOUNT xb 0 -1|BITPOS xb 1|BITPOS xb 0|GETBIT xb 7|BITFIELD_RO xb GET u8 0
HGET xh f|HMGET xh f g|HGETALL xh|HKEYS xh|HVALS xh|HLEN xh|HEXISTS xh f|HSTRLEN xh f|HRANDFIELD xh|HRANDFIELD xh 2|HSCAN xh 0
LLEN xl|LRANGE xl 0 -1|LINDEX xl 0|LPOS xl a|LPOS xl a COUNT 0
SCARD xS|SMEMBERS xS|SISMEMBER xS 1|SMISMEMBER xS 1 2|SRANDMEMBER xS|SRANDMEMBER xS 2|SSCAN xS 0|SINTER xS kS|SINTER kS xS|SUNION xS kS
SDIFF kS xS|SDIFF xS kS|SINTERCARD 2 xS kS
ZCARD xz|ZCOUNT xz -inf +inf|ZLEXCOUNT xz - +|ZRANGE xz 0 -1 WITHSCORES|ZREVRANGE xz 0 -1|ZRANGEBYSCORE xz -inf +inf
ZREVRANGEBYSCORE xz +inf -inf|ZRANGEBYLEX xz - +|ZREVRANGEBYLEX xz + -|ZRANK xz a|ZREVRANK xz a|ZSCORE xz a|ZMSCORE xz a b
ZRANDMEMBER xz|ZRANDMEMBER xz 2|ZSCAN xz 0|ZUNION 2 xz kz WITHSCORES|ZINTER 2 xz kz|ZDIFF 2 kz xz|ZDIFF 2 xz kz|ZINTERCARD 2 xz kz
XLEN xx|XRANGE xx - +|XREVRANGE xx + -|XREAD STREAMS xx 0|XREAD STREAMS xx kx 0 0|XPENDING xx g|XINFO STREAM xx|XINFO GROUPS xx
XINFO CONSUMERS xx g|XINFO STREAM xx FULL
PFCOUNT xp|PFCOUNT xp kp
GEOPOS xe a|GEODIST xe a b|GEOHASH xe a|GEOSEARCH xe FROMLONLAT 15 37 BYRADIUS 300 km|GEORADIUS_RO xe 15 37 300 km
GEORADIUSBYMEMBER_RO xe a 300 km|GEOSEARCH xe FROMMEMBER a BYRADIUS 300 km
SORT_RO xl ALPHA|SORT_RO kS BY xn GET #|SORT_RO kS BY w_* GET xh->f GET ks|SORT_RO kS BY x*->f GET xs GET #|SORT_RO kl BY nosort GET xs
KEYS x*|KEYS *|SCAN 0 COUNT 1000|SCAN 0 MATCH x* COUNT 1000|SCAN 0 TYPE string COUNT 1000
EVAL_RO "return redis.call('GET',KEYS[1])" 1 xs|EVAL_RO "return redis.call('EXISTS',KEYS[1])" 1 xs
EVAL_RO "return redis.call('TTL',KEYS[1])" 1 xs|EVAL_RO "return redis.call('LRANGE',KEYS[1],0,-1)" 1 xl
WATCH xs|GET xh|LLEN xs|HGET xs f
"""
# On a replica that may be written to these see no key either, and what they make stays. (Left out: DEL and UNLINK, which count such a
# key there.)
WRITES = """
INCR xn|APPEND xs tail|GETSET xs new|SETRANGE xs 3 abc|SETNX xs new|SET xs new XX|SET xs new GET|SET xn 5 KEEPTTL|GETDEL xs|GETEX xs PERSIST
INCRBYFLOAT xn 1.5|DECR xn|MSETNX xs 1 fresh 2|EXPIRE xs 100|PEXPIREAT xs 99999999999999|PERSIST xs
RENAME xs other|RENAMENX ks xs|RENAME ks xs|COPY xs other|COPY ks xs|MOVE xs 127
HSET xh new 1|HDEL xh f|HINCRBY xh f 1|HSETNX xh f 9
LPUSH xl new|LPUSHX xl new|RPOP xl|LSET xl 0 v|LINSERT xl BEFORE a v|LREM xl 0 a|LTRIM xl 0 0|LMOVE xl kl LEFT LEFT|LMOVE kl xl LEFT LEFT
LMPOP 2 xl kl LEFT|BLPOP xl kl 1|BLMOVE kl xl LEFT RIGHT 1
SADD xS new|SREM xS 1|SPOP xS|SMOVE xS kS 1|SMOVE kS xS 1|SINTERSTORE other xS kS|SUNIONSTORE xS kS
ZADD xz 1 new|ZADD xz XX 9 a|ZINCRBY xz 1 a|ZREM xz a|ZPOPMIN xz|ZUNIONSTORE other 2 xz kz|ZRANGESTORE other xz 0 -1|BZPOPMIN xz kz 1
ZREMRANGEBYRANK xz 0 -1|ZMPOP 2 xz kz MIN
XADD xx * f v|XADD xx NOMKSTREAM * f v|XDEL xx 1-1|XTRIM xx MAXLEN 0|XGROUP CREATE xx h $|XREADGROUP GROUP g c STREAMS xx >
XACK xx g 1-1|XSETID xx 5-1|XCLAIM xx g c 0 1-1
PFADD xp new|PFMERGE xp kp|PFMERGE kp xp|GEOADD xe 1 1 new|GEOSEARCHSTORE other xe FROMLONLAT 15 37 BYRADIUS 300 km
SETBIT xb 3 1|BITOP OR other xb kb|BITFIELD xb INCRBY u8 0 1|SORT xl ALPHA STORE other|SORT kl ALPHA STORE xl
"""
UNORDERED = ("KEYS", "SCAN", "SMEMBERS", "SUNION", "SINTER", "SDIFF", "HKEYS", "HVALS")


def commands(text):
    return [c for line in text.strip().splitlines() for c in line.split("|")]


def plain(command, reply):
    """Without what depends on an order that nobody is promised."""
    def inner(x):
        return sorted(map(repr, x[1])) if x[0] == "*" and x[1] is not None else x
    name = command.split()[0]
    if name == "SCAN":
        return inner(reply[1][1])
    return inner(reply) if name in UNORDERED else reply


class Two:
    """A primary, a replica of redis-server and one of ours."""

    def __init__(self, *options):
        base = ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0", "--databases", "128"]
        self.primary = servers.Server(ORACLE, *base)
        self.replicas = [servers.Server(ORACLE, *base, *options), servers.Server(PROGRAM, *base, *options)]
        self.conns = [s.connect() for s in self.replicas]
        self.to_primary = self.primary.connect()
        self.to_primary.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        for r in self.replicas:
            follow(r, "127.0.0.1", self.primary.port)
        wait_linked(*self.replicas)

    def fill(self, databases):
        """Returns when the time of half of the keys has come."""
        c = self.to_primary
        for db in range(databases):
            c.call("SELECT", db)
            for prefix in "xk":
                for command in FILL:
                    assert c.call(*(w.format(prefix) for w in command))[0] != "-", command
        until = str(int(time.time() * 1000) + 500)
        for db in range(databases):
            c.call("SELECT", db)
            for n in NAMES:
                assert c.call("PEXPIREAT", "x" + n, until) == (":", 1)
        wait_until(lambda: caught_up(self.primary, self.replicas))
        wait_until(lambda: time.time() * 1000 > int(until) + 10)

    def ask(self, command):
        return [plain(command, c.call(*shlex.split(command))) for c in self.conns]

    def select(self, db):
        for c in self.conns:
            assert c.call("SELECT", db)[0] == "+"

    def stop(self):
        for c in [*self.conns, self.to_primary]:
            c.close()
        for s in [*self.replicas, self.primary]:
            s.stop()


@pytest.fixture
def two(request):
    t = Two(*getattr(request, "param", ()))
    yield t
    t.stop()


def test_reads_see_no_key_that_is_past_its_time(two):
    two.fill(1)
    different = []
    for command in commands(READS):
        want, got = two.ask(command)
        if want != got:
            different.append((command, want, got))
    assert two.to_primary.call("DBSIZE") == (":", 2 * len(NAMES)), "the primary has swept: nothing was tested"
    assert not different, "\n".join(map(str, different))
    ours = two.conns[1]
    assert ours.call("DBSIZE") == (":", len(NAMES))
    assert {ours.call("RANDOMKEY")[1][:1] for _ in range(100)} == {b"k"}
    assert ours.call("MEMORY", "USAGE", "xs") == ("$", None)


@pytest.mark.parametrize("two", [("--replica-read-only", "no")], indirect=True)
def test_writes_of_a_writable_replica_see_none_either(two):
    """Each command in a database of its own."""
    different, keys = [], [*("x" + n for n in NAMES), "other"]
    two.fill(len(commands(WRITES)))
    for db, command in enumerate(commands(WRITES)):
        two.select(db)
        want, got = two.ask(command)
        if command.startswith("XADD") and want[0] == got[0]:
            want = got = None  # an id of this moment
        left = [sorted(c.call("KEYS", "*")[1]) for c in two.conns]
        times = [[c.call("TTL", k) for k in keys] for c in two.conns]
        if (want, left[0], times[0]) != (got, left[1], times[1]):
            different.append((command, want, got, left, times))
    assert not different, "\n".join(map(str, different))
