"""What a command did here it does there: after every single step a replica's dataset equals its primary's, redis-server 7.0 in
either role. The steps are those that must not be replicated as they were sent: they wait, roll dice, look at the clock, run
code, or read in order to write."""
import shlex
import time

import pytest
import servers
from conftest import PROGRAM, only_sorrel
from replication import difference, follow, wait_online, wait_until

ORACLE = servers.oracle_command()
OPTIONS = ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "3600"]
PAIRS = [("sorrel", "sorrel"), ("sorrel", "redis"), ("redis", "sorrel")]
pytestmark = only_sorrel

# A line that begins with > waits on a connection of its own, and is answered before the next but one begins. "sleep n" waits n ms.
STRINGS = """
SET a v EX 1000|SET a v PX 1000000|SET a v GET EX 500|SET a w XX KEEPTTL GET|SET a v EXAT 4000000000|SET n 1 NX PXAT 4000000000000
SETEX a 1000 v|PSETEX a 1000000 v|SET a v KEEPTTL|GETEX a EX 300|GETEX a PX 300000|GETEX a EXAT 4000000001|GETEX a PXAT 4000000001000
GETEX a PERSIST|GETEX a PERSIST|GETEX a|GETSET a x|GETEX n EXAT 1|SET d 1|GETDEL d|GETDEL d|SET f 10 EX 1000|INCRBYFLOAT f 0.1
INCRBYFLOAT f -5.0e3|INCRBYFLOAT new 3.0|INCRBY f 1|APPEND f x|SET i 5 EX 1000|INCR i|DECRBY i 3|SETRANGE i 3 ab|MSETNX p 1 q 2
MSETNX p 1 r 2|BITFIELD b SET u8 0 200 INCRBY u8 0 100 OVERFLOW SAT INCRBY u8 0 100|BITFIELD b GET u8 0|SETBIT b 70 1
BITOP NOT c b|BITOP AND c none1 none2|SET k v|EXPIRE k 100|EXPIRE k 50 GT|PEXPIRE k 5000000 GT|EXPIREAT k 4000000000 LT
PEXPIREAT k 4100000000000|PERSIST k|EXPIRE k -1|SET k v|EXPIRE k 0|SET k v|PEXPIREAT k 5|SET k v EX 100|RENAME k l|COPY l m
COPY l m REPLACE|COPY l other DB 3 REPLACE|MOVE m 2|SWAPDB 0 2|SWAPDB 0 2|PFADD h1 a b c|PFADD h1 a|PFADD h2|PFMERGE h3 h1 h2
PFCOUNT h1 h3|PFCOUNT h1|TOUCH a|UNLINK a nokey|OBJECT FREQ x|RESTORE res 50000 "\\x00\\x03abc\\n\\x00" x|SELECT 5|SET five 5|SELECT 0
"""
COLLECTIONS = """
HINCRBYFLOAT h f 10.5|HINCRBYFLOAT h f -0.25|HINCRBYFLOAT h f 1e-3|HINCRBY h n 7|HSETNX h n 1|HSETNX h m 1|HDEL h none|HDEL h m
SADD s a b c d e f g h i j|SPOP s|SPOP s 3|SPOP s 0|SRANDMEMBER s 3|SPOP s 100|SADD s 1 2 3 4 5 6|SPOP s|SPOP s 5|SADD s x y|SADD t y z
SMOVE s t x|SMOVE s t nope|SINTERSTORE d s t|SUNIONSTORE d s t|SDIFFSTORE d s s|SUNIONSTORE d none|ZADD z 1 a 2 b 3 c 4 d 5 e 6 f
ZADD z GT CH 10 a 0 b|ZADD z XX LT 1 nope 1 c|ZADD z INCR 1.5 a|ZADD z NX INCR 1.5 a|ZINCRBY z 0.1 a|ZPOPMIN z|ZPOPMAX z 2|ZMPOP 2 none z MIN COUNT 1
ZRANGESTORE y z 0 -1|ZRANGESTORE y z 5 9|ZADD y 1 a 2 b|ZUNIONSTORE u 2 y z WEIGHTS 2 0.5|ZINTERSTORE u 2 y none|ZDIFFSTORE u 2 z y
ZREMRANGEBYSCORE z -inf 3|ZREMRANGEBYRANK z 0 0|ZREMRANGEBYLEX z - +|RPUSH l 3 1 2 5 4|SORT l STORE sorted|SORT none STORE sorted|LPOP l 2
RPOP l|LMPOP 2 none l RIGHT COUNT 5|LPUSHX l a|RPUSH l a b c b|LREM l 0 b|LINSERT l BEFORE c x|LINSERT l AFTER none x|LSET l 0 q
LTRIM l 1 1|LMOVE l r LEFT RIGHT|RPOPLPUSH r r|RPOPLPUSH r l|GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
GEOADD g XX CH 13 38 Palermo 1 1 none|GEOSEARCHSTORE gs g FROMLONLAT 15 37 BYRADIUS 200 km ASC|GEORADIUS g 15 37 200 km STORE gd
GEORADIUSBYMEMBER g Palermo 200 km STOREDIST gd|GEOSEARCHSTORE gs g FROMLONLAT 0 0 BYBOX 1 1 m STOREDIST
"""
WAITING = """
>BLPOP none l 0|RPUSH l a b c|BLPOP l 0|BRPOP l 0|DEL l|>BRPOP l 0|LPUSH l x y|>BLMOVE q r LEFT RIGHT 0|RPUSH q 1 2|BLMOVE q r RIGHT LEFT 0
>BRPOPLPUSH q r 0|LPUSH q 3|BRPOPLPUSH r r 0|>BLMPOP 0 2 e1 e2 LEFT COUNT 2|RPUSH e2 a b c|BLMPOP 0 1 e2 RIGHT COUNT 5
>BZPOPMIN z1 z2 0|ZADD z2 2 b 1 a 3 c|BZPOPMIN z2 0|BZPOPMAX z2 0|>BZPOPMAX z3 0|ZADD z3 1 a 2 b|>BZMPOP 0 2 z4 z5 MIN COUNT 2
ZADD z5 1 a 2 b 3 c|BZMPOP 0 1 z5 MAX COUNT 9|>BLPOP chain2 0|>BLMOVE chain1 chain2 LEFT LEFT 0|LPUSH chain1 last|EXISTS chain1 chain2
>BLPOP m1 0|MULTI|RPUSH m1 a|RPUSH m1 b|LPUSH m1 c|EXEC|>BLPOP m2 0|EVAL "redis.call('rpush','m2','x','y') return redis.call('lpop','m2')" 1 m2
>BLPOP m3 0|RPUSH m4 a b|RENAME m4 m3|>BLPOP m5 0|SORT m3 STORE m5|>BZPOPMIN m6 0|ZUNIONSTORE m6 1 z2|ZADD zz 5 e 6 f|ZRANGESTORE m6 zz 0 -1
>BLPOP m7 0|SELECT 1|RPUSH m7 q|MOVE m7 0|SELECT 0|MULTI|BLPOP nobody 0|RPUSH w 1|BLPOP w 0|BLMOVE w w LEFT LEFT 0|EXEC|>BLPOP timed 0.02|sleep 60
>BLMOVE late dest LEFT RIGHT 0.02|sleep 60|RPUSH late 1|>BLPOP c1 0|COPY m3 c1|RPUSH src 1 2 3|COPY src c1
"""
STREAMS = """
XADD x * a 1|XADD x 1-1 a 1|XADD x * a 2 b 3|XADD x MAXLEN 2 * a 3|XADD x MAXLEN = 2 * a 4|XADD x MAXLEN ~ 1 * a 5|XADD x NOMKSTREAM * a 6
XADD no NOMKSTREAM * a 6|XADD y 5-* a 1|XADD y 5-* a 1|XADD y MINID = 5-1 7-0 a 1|XADD y MINID ~ 7 8-0 a 1|XTRIM y MAXLEN 1|XTRIM x MAXLEN ~ 1
XADD s 1-0 a 1|XADD s 2-0 a 2|XADD s 3-0 a 3|XADD s 4-0 a 4|XADD s 5-0 a 5|XADD s 6-0 a 6|XGROUP CREATE s g 0|XGROUP CREATE s h $
XGROUP CREATE made g $ MKSTREAM|XGROUP CREATE made e 0 ENTRIESREAD 7|XGROUP CREATECONSUMER s g c0|XREADGROUP GROUP g c1 COUNT 2 STREAMS s >
XREADGROUP GROUP g c2 COUNT 1 NOACK STREAMS s >|XREADGROUP GROUP g c1 STREAMS s 0|XREADGROUP GROUP g c3 COUNT 1 STREAMS s 0|XACK s g 1-0 9-9
XREADGROUP GROUP g c1 COUNT 1 STREAMS s >|XCLAIM s g c2 0 2-0|XCLAIM s g c2 0 2-0 IDLE 5000|XCLAIM s g c2 0 2-0 RETRYCOUNT 9 JUSTID
XCLAIM s g c4 0 3-0 FORCE TIME 1000000000000|XCLAIM s g c4 0 3-0 LASTID 5-0|XCLAIM s g c5 1000000000 2-0|XDEL s 2-0|XAUTOCLAIM s g c6 0 0
XREADGROUP GROUP g c1 STREAMS s >|XDEL s 4-0 5-0|XAUTOCLAIM s g c6 0 - COUNT 1|XAUTOCLAIM s g c6 0 0 JUSTID|XAUTOCLAIM s g c7 100000000 0
XPENDING s g|XGROUP SETID s g 0|XGROUP SETID s g 3-0 ENTRIESREAD 2|XGROUP DELCONSUMER s g c6|XREADGROUP GROUP g c1 STREAMS s made > >
XSETID s 10-0|XSETID s 11-0 ENTRIESADDED 20 MAXDELETEDID 6-0|XREADGROUP GROUP h c1 STREAMS s >|>XREADGROUP GROUP h c1 BLOCK 0 STREAMS s >
XADD s 12-0 a 1|XGROUP CREATE made h $|>XREADGROUP GROUP h newcomer BLOCK 0 COUNT 1 STREAMS s made > >|XADD made 12-0 a 1|XREADGROUP GROUP e c1 STREAMS made >
>XREADGROUP GROUP h c2 NOACK BLOCK 0 STREAMS s >|XADD s * a 1|>XREADGROUP GROUP h c3 BLOCK 20 STREAMS s >|sleep 60
>XREADGROUP GROUP h c9 BLOCK 0 STREAMS made >|DEL made|>XREAD BLOCK 0 STREAMS s $|MULTI|XADD s * a 1|XADD s * a 2|EXEC|XREADGROUP GROUP h c1 STREAMS s >
XTRIM s MINID = 12|XREADGROUP GROUP h c1 STREAMS s 0|XGROUP DESTROY s g|XGROUP DESTROY s g|XADD s MAXLEN 0 * a 1|XREADGROUP GROUP h c1 STREAMS s >
EVAL "redis.call('xadd','es','*','f','v') redis.call('xgroup','create','es','g','0') redis.call('xreadgroup','group','g','c','streams','es','>') return 1" 1 es
MULTI|XADD s * a 1|XREADGROUP GROUP h c5 STREAMS s >|XREADGROUP GROUP h c5 STREAMS s >|EXEC
"""
EXPIRIES = """
DEBUG SET-ACTIVE-EXPIRE 0|SET a 1 PX 20|RPUSH b 1|PEXPIRE b 20|SADD c 1|PEXPIRE c 20|SET d 5 PX 20|HSET e f 1|PEXPIRE e 20|SET f 1 PX 20
SET g 1 PX 20|SET h 1 PX 20|ZADD i 1 a|PEXPIRE i 20|SET j 1 PX 20|XADD k * a 1|PEXPIRE k 20|SET m 1 PX 20|SET n 1 PX 20|SET o 1 PX 20|SET p 1
SADD q x y|SET r 1 PX 20|SET t 1 PX 20|SET u 1 PX 20|SET v 1 PX 20|SET w 1 PX 20|SET y 1 PX 20|SET z 1 PX 20|RPUSH bl 1|PEXPIRE bl 20|sleep 40
GET a|RPUSH b 2|SUNIONSTORE c c q|INCR d|HINCRBY e f 1|SET f 2 KEEPTTL|SETNX g 2|APPEND h x|ZINCRBY i 1 a|RENAME p j|XADD k 1-1 a 1|DEL m
MULTI|GET n|INCR n|EXEC|EVAL "return redis.call('get','o')" 1 o|EVAL "redis.call('incr','r') return redis.call('get','t')" 2 r t|PERSIST u
EXPIRE v 100|COPY w ww|GETEX y EX 100|GETDEL z|>BLPOP bl 0|RPUSH bl 2|SET later 1 PX 30|HSET more f 1|PEXPIRE more 30|sleep 40|DEBUG SET-ACTIVE-EXPIRE 1|sleep 250
DBSIZE|SET past 1|EXPIREAT past 1|SET past 1 PXAT 1|SET past 1 EX 100|GETEX past PXAT 1|MULTI|SET m 1 PX 10|SET mm 1|EXEC|sleep 150|DBSIZE|PING
"""
SCRIPTS = """
EVAL "redis.call('set','a',redis.call('time')[1]) redis.call('set','b',math.random(1000))" 2 a b|SADD s 1 2 3 4 5 6 7 8
EVAL "redis.call('set','c',redis.call('srandmember','s')) return redis.call('spop','s',2)" 2 c s
EVAL "redis.call('set','d','v','px',500000) redis.call('expire','a',100) redis.call('incrbyfloat','f','0.1')" 3 d a f
EVAL "redis.call('incr','n') return redis.error_reply('no')" 1 n|EVAL "redis.call('incr','n') error('x')" 1 n
EVAL "redis.call('incr','n') return redis.pcall('incr','s')" 2 n s|EVAL "redis.call('select',3) redis.call('set','in3','1')" 0|GET in3
SCRIPT LOAD "redis.call('incr',KEYS[1])"|EVALSHA 6c8e9a2d5ba63dbb3e8e3b1c5d5dbb4d1c1d3a3e 1 n|SCRIPT FLUSH
EVAL "redis.set_repl(redis.REPL_ALL) redis.call('incr','all') redis.call('incr','more')" 2 all more
EVAL "redis.replicate_commands() redis.call('incr','all')" 1 all|EVAL "for i=1,300 do redis.call('rpush','l',i) end" 1 l
EVAL "for i=1,100 do redis.call('lpop','l') end return redis.call('sort','l','store','sl')" 2 l sl
EVAL "#!lua name=x" 0|EVAL "#!lua flags=allow-oom\\nreturn redis.call('incr','oom')" 1 oom|EVAL "redis.call('hincrbyfloat','h','f',1.5) redis.call('set','q','1','get')" 2 h q
MULTI|EVAL "redis.call('incr','n')" 1 n|INCR n|EVAL "redis.call('publish','c','m') return redis.call('incr','n')" 1 n|EXEC|WATCH n|INCR n|MULTI|INCR n|EXEC
MULTI|SET a 1|INCR s|SPOP s|EXEC|MULTI|GET a|EXEC|MULTI|DISCARD|PUBLISH ch msg
"""
LIBRARY = "#!lua name={0}\nredis.register_function('{0}_set', function(keys, args) redis.call('set', keys[1], redis.call('time')[1]) " \
          "return redis.call('incrbyfloat', keys[1], args[1]) end)\n" \
          "redis.register_function{{function_name='{0}_get', callback=function(keys) return redis.call('get', keys[1]) end, " \
          "flags={{'no-writes'}}}}"


def libraries(c):
    """What is told of each, in an order of ours."""
    out = []
    for _, fields in c.call("FUNCTION", "LIST", "WITHCODE")[1]:
        library = {fields[i][1]: fields[i + 1][1] for i in range(0, len(fields), 2)}
        library[b"functions"] = sorted(map(repr, library[b"functions"]))
        out.append(repr(sorted(library.items())))
    return sorted(out)


class Pair:
    def __init__(self, primary, replica):
        programs = {"sorrel": PROGRAM, "redis": ORACLE}
        self.p = servers.Server(programs[primary], *OPTIONS)
        self.r = servers.Server(programs[replica], *OPTIONS)
        follow(self.r, "127.0.0.1", self.p.port)
        wait_online(self.p, self.r)
        self.c, self.w, self.d = self.p.connect(), self.p.connect(), self.r.connect()
        self.in_transaction, self.waiting = False, []
        self.due = False  # there may be keys that are due, which either side may count or not until they are gone

    def compare(self, step):
        # WAIT on a connection that has written nothing would be satisfied by anything.
        self.w.call("SET", "~mark", step)
        assert self.w.call("WAIT", "1", "20000") == (":", 1), step
        for _ in range(100):
            # What is due and not gone yet, one of them may count.
            if self.w.call("DEBUG", "DIGEST") == self.d.call("DEBUG", "DIGEST"):
                return
            time.sleep(0.02)
        raise AssertionError(f"after {step}: {difference(self.p, self.r)}")

    def run(self, *words):
        """Returns the reply; one step, after which the two are compared."""
        if words[0] == "sleep":
            time.sleep(int(words[1]) / 1000)
            reply = None
        elif words[0].startswith(">"):
            blocked = self.blocked()
            self.waiting.append(self.p.connect())
            self.waiting[-1].call("SELECT", "0")
            self.waiting[-1].send(servers.resp.encode([words[0][1:], *words[1:]]))
            if "0.02" not in words and "20" not in words:
                wait_until(lambda: self.blocked() > blocked, 10, what=f"{words} waiting")
            return None
        else:
            reply = self.c.call(*words)
        self.in_transaction = words[0] == "MULTI" or self.in_transaction and words[0] not in ("EXEC", "DISCARD")
        if words[0] == "DEBUG":
            self.due = words[2] == "0"
            return reply
        if not self.in_transaction and not self.due:
            self.compare(" ".join(map(str, words)))
        return reply

    def function(self, *words):
        reply = self.run(*words)
        if not self.in_transaction:
            assert libraries(self.c) == libraries(self.d)
        return reply

    def blocked(self):
        return int(self.w.call("INFO", "clients")[1].split(b"blocked_clients:")[1].split(b"\r\n")[0])

    def play(self, text):
        replies = []
        for line in text.strip().splitlines():
            for command in line.split("|"):
                reply = self.run(*shlex.split(command))
                replies.append((command, reply))
        for c in self.waiting:
            c.close()
        return replies

    def close(self):
        for c in (self.c, self.w, self.d, *self.waiting):
            c.close()
        alive = self.p.alive() and self.r.alive()
        logs = self.p.log_text() + self.r.log_text()
        self.r.stop()
        self.p.stop()
        assert alive, logs
        assert "has failed here" not in logs and "command that" not in logs, logs


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request):
    p = Pair(*request.param)
    yield p
    p.close()


def stream_state(server, groups):
    """What no digest shows: counters, groups and consumers. (redis-server 7.0 does not tell what its groups have read, nor that
    history was read again.)"""
    with server.connect() as c:
        found = {}
        for key in sorted(k[1] for k in c.call("KEYS", "*")[1]):
            if c.call("TYPE", key)[1] == b"stream":
                found[key] = plain(c.call("XINFO", "STREAM", key, "FULL", "COUNT", "0"))[:None if groups else -2]
        return found


def plain(reply):
    """Without what depends on the moment at which something was run, or on how it is stored."""
    kind, value = reply
    if kind != "*":
        return value
    out = [plain(v) for v in value]
    for i in range(len(out) - 2, -1, -2):
        if out[i] in (b"seen-time", b"active-time", b"radix-tree-keys", b"radix-tree-nodes"):
            del out[i:i + 2]
    return out


@pytest.mark.parametrize("steps", [STRINGS, COLLECTIONS, WAITING, EXPIRIES, SCRIPTS], ids=["strings", "collections", "waiting", "expiries", "scripts"])
def test_every_step(pair, steps):
    pair.play(steps)


def test_every_step_of_streams(pair):
    pair.play(STREAMS)
    groups = pair.p.args[0] != ORACLE
    for key, want in stream_state(pair.p, groups).items():
        assert stream_state(pair.r, groups)[key] == want


def test_functions(pair):
    a, b = (LIBRARY.format(name) for name in "ab")
    assert pair.function("FUNCTION", "LOAD", a) == ("$", b"a")
    assert pair.function("FUNCTION", "LOAD", a)[0] == "-"
    assert pair.function("FUNCTION", "LOAD", "REPLACE", a.replace("incrbyfloat", "incrby")) == ("$", b"a")
    assert pair.function("FUNCTION", "LOAD", b) == ("$", b"b")
    assert pair.function("FCALL", "b_set", "1", "k", "0.5")[0] == "$"
    assert pair.function("FCALL_RO", "b_get", "1", "k")[0] == "$"
    dump = pair.c.call("FUNCTION", "DUMP")[1]
    assert pair.function("FUNCTION", "DELETE", "a") == ("+", b"OK")
    assert pair.function("FUNCTION", "DELETE", "a")[0] == "-"
    assert pair.function("FUNCTION", "RESTORE", dump)[0] == "-"
    assert pair.function("FUNCTION", "RESTORE", dump, "REPLACE") == ("+", b"OK")
    assert pair.function("FUNCTION", "FLUSH") == ("+", b"OK")
    assert pair.function("FUNCTION", "RESTORE", dump, "APPEND") == ("+", b"OK")
    assert pair.function("FUNCTION", "LOAD", LIBRARY.format("c")) == ("$", b"c")
    assert pair.function("FUNCTION", "RESTORE", dump, "FLUSH") == ("+", b"OK")
    assert pair.function("FUNCTION", "FLUSH", "ASYNC") == ("+", b"OK")
    for words in (("MULTI",), ("FUNCTION", "LOAD", b), ("FCALL", "b_set", "1", "k", "2"), ("EXEC",)):
        reply = pair.function(*words)
    assert len(reply[1]) == 2
    # The replica has the code, not only what it did.
    with pair.r.connect() as c:
        assert c.call("FCALL_RO", "b_get", "1", "k") == pair.c.call("GET", "k")
