"""Client-side caching with several connections: redirection, OPTOUT, NOLOOP, what expires or is evicted, the table's limit.

SORREL_SERVER=redis-server runs the same tests against Redis 7.0.
"""
import pytest


def push(*words):
    return (">", [("$", w) for w in words])


def invalidates(*keys):
    return (">", [("$", b"invalidate"), ("*", [("$", k) for k in keys])])


def info(c):
    _, flat = c.call("CLIENT", "TRACKINGINFO")
    got = {k[1].decode(): v[1] for k, v in zip(flat[::2], flat[1::2])}
    return {m[1].decode() for m in got["flags"]}, int(got["redirect"]), [m[1].decode() for m in got["prefixes"]]


@pytest.fixture
def three(server):
    """One that caches (RESP3), one that listens for others (RESP2), one that writes."""
    with server.connect() as cache, server.connect() as listener, server.connect() as writer:
        cache.call("HELLO", "3")
        yield cache, listener, writer
        # Nothing more came than was read; each still answers.
        assert cache.call("PING") == ("+", b"PONG")
        assert writer.call("PING") == ("+", b"PONG")


def ident(c):
    return c.call("CLIENT", "ID")[1]


def subscribed(listener):
    n = ident(listener)
    listener.call("SUBSCRIBE", "__redis__:invalidate")
    return n


def told(listener):
    """The keys of the next message, None for all."""
    kind, message = listener.read()
    assert [m[1] for m in message[:2]] == [b"message", b"__redis__:invalidate"]
    return None if message[2][1] is None else [v for _, v in message[2][1]]


def test_optout(three):
    cache, _, writer = three
    assert cache.call("CLIENT", "TRACKING", "ON", "OPTOUT") == ("+", b"OK")
    assert info(cache) == ({"on", "optout"}, 0, [])
    cache.call("GET", "a")
    assert cache.call("CLIENT", "CACHING", "NO") == ("+", b"OK")
    assert info(cache)[0] == {"on", "optout", "caching-no"}
    cache.call("GET", "b")
    assert info(cache)[0] == {"on", "optout"}  # it was for one command
    assert cache.call("CLIENT", "CACHING", "YES")[0] == "-"
    writer.call("SET", "b", "1")
    writer.call("SET", "a", "1")
    assert cache.read() == invalidates(b"a")


def test_optin_of_a_transaction(three):
    cache, _, writer = three
    cache.call("CLIENT", "TRACKING", "ON", "OPTIN")
    cache.call("CLIENT", "CACHING", "YES")
    assert info(cache)[0] == {"on", "optin", "caching-yes"}
    cache.call("MULTI")
    cache.call("GET", "a")
    cache.call("GET", "b")
    cache.call("EXEC")
    cache.call("GET", "c")
    writer.call("SET", "c", "1")
    writer.call("SET", "a", "1")
    writer.call("SET", "b", "1")
    assert [cache.read(), cache.read()] == [invalidates(b"a"), invalidates(b"b")]


def test_redirect(three):
    cache, listener, writer = three
    n = subscribed(listener)
    cache.call("HELLO", "2")
    assert cache.call("CLIENT", "GETREDIR") == (":", -1)
    assert cache.call("CLIENT", "TRACKING", "ON", "REDIRECT", str(n)) == ("+", b"OK")
    assert cache.call("CLIENT", "GETREDIR") == (":", int(n))
    assert info(cache) == ({"on"}, int(n), [])
    cache.call("GET", "a")
    writer.call("SET", "a", "1")
    assert told(listener) == [b"a"]
    cache.call("GET", "a")
    writer.call("FLUSHALL")
    assert told(listener) is None
    assert cache.call("CLIENT", "TRACKING", "OFF") == ("+", b"OK")
    assert cache.call("CLIENT", "GETREDIR") == (":", -1)
    assert info(cache) == ({"off"}, -1, [])


def test_redirect_whose_end_is_gone(server, three):
    cache, listener, writer = three
    n = ident(listener)
    cache.call("CLIENT", "TRACKING", "ON", "REDIRECT", str(n))
    cache.call("GET", "a")
    assert writer.call("CLIENT", "KILL", "ID", str(n)) == (":", 1)
    writer.call("SET", "a", "1")
    kind, message = cache.read()
    assert kind == ">" and message[0] == ("$", b"tracking-redir-broken") and int(message[1][1]) == int(n)
    assert "broken_redirect" in info(cache)[0]
    cache.call("CLIENT", "TRACKING", "OFF")


def test_redirect_of_a_broadcast(three):
    cache, listener, writer = three
    n = subscribed(listener)
    assert cache.call("CLIENT", "TRACKING", "ON", "REDIRECT", str(n), "BCAST", "PREFIX", "user:", "PREFIX", "item:") == ("+", b"OK")
    flags, redirect, prefixes = info(cache)
    assert (flags, redirect, sorted(prefixes)) == ({"on", "bcast"}, int(n), ["item:", "user:"])
    writer.call("MSET", "user:1", "1", "other", "1", "item:2", "1")
    assert sorted([told(listener), told(listener)]) == [[b"item:2"], [b"user:1"]]


def test_noloop(three):
    cache, _, writer = three
    cache.call("CLIENT", "TRACKING", "ON", "NOLOOP")
    cache.call("MGET", "a", "b")
    cache.call("SET", "a", "1")  # its own: nothing is said
    writer.call("SET", "b", "1")
    assert cache.read() == invalidates(b"b")
    cache.call("GET", "a")
    writer.call("SET", "a", "2")
    assert cache.read() == invalidates(b"a")


def test_its_own_write(three):
    cache, _, _ = three
    cache.call("CLIENT", "TRACKING", "ON")
    cache.call("GET", "a")
    cache.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n")
    assert [cache.read(), cache.read()] == [("+", b"OK"), invalidates(b"a")]


def test_expired_and_deleted(three):
    cache, _, writer = three
    cache.call("CLIENT", "TRACKING", "ON")
    writer.call("SET", "short", "1", "PX", "60")
    writer.call("MSET", "a", "1", "b", "1")
    cache.call("MGET", "short", "a", "b")
    assert cache.read() == invalidates(b"short")  # comes by itself
    writer.call("DEL", "a")
    writer.call("RENAME", "b", "c")
    assert [cache.read(), cache.read()] == [invalidates(b"a"), invalidates(b"b")]


def test_table_of_few(start):
    """What the table has no room for is told of, as if it had changed."""
    server = start("--tracking-table-max-keys", "10")
    with server.connect() as cache, server.connect() as c:
        cache.call("HELLO", "3")
        cache.call("CLIENT", "TRACKING", "ON")
        for i in range(200):
            c.call("SET", f"k{i}", "v")
        told_of = set()
        for i in range(200):
            cache.send(b"*2\r\n$3\r\nGET\r\n$%d\r\nk%d\r\n" % (len(f"k{i}"), i))
        replies = 0
        while replies < 200 or len(told_of) < 190:
            kind, what = cache.read()
            if kind == ">":
                told_of |= {k for _, k in what[1][1]}
            else:
                replies += 1
        assert b"tracking_total_keys:10\r\n" in c.call("INFO", "stats")[1]
        # Those that are still in it are told of when they change, all others already were.
        for i in range(200):
            c.call("SET", f"k{i}", "w")
        while len(told_of) < 200:
            told_of |= {k for _, k in cache.read()[1][1][1]}


def test_evicted(start):
    server = start("--maxmemory-policy", "allkeys-lru")
    with server.connect() as cache, server.connect() as c:
        cache.call("HELLO", "3")
        cache.call("CLIENT", "TRACKING", "ON")
        for i in range(100):
            c.call("SET", f"k{i}", "x" * 1000)
        for i in range(100):
            cache.call("GET", f"k{i}")
        c.call("CONFIG", "SET", "maxmemory", "1")
        c.call("SET", "more", "1")
        told_of = set()
        while len(told_of) < 100:
            told_of |= {k for _, k in cache.read()[1][1][1]}
        assert c.call("DBSIZE") == (":", 0)


@pytest.mark.parametrize("words,error", [
    (["ON", "REDIRECT", "0"], None), (["ON", "REDIRECT", "x"], None), (["ON", "OPTIN", "OPTOUT"], b"ERR You can't specify both OPTIN mode and OPTOUT mode"),
    (["ON", "BCAST", "OPTOUT"], b"ERR OPTIN and OPTOUT are not compatible with BCAST"), (["ON", "BCAST", "PREFIX"], None),
    (["ON", "BCAST", "PREFIX", "a", "PREFIX", "ab"],
     b"ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single client must not overlap.")])
def test_mistakes(three, words, error):
    cache, _, _ = three
    kind, text = cache.call("CLIENT", "TRACKING", *words)
    assert kind == "-" and (error is None or text == error), text
    assert info(cache)[0] == {"off"}


def test_shards(three):
    """SPUBLISH reaches who SSUBSCRIBEs, and nobody else."""
    cache, listener, writer = three
    assert cache.call("SSUBSCRIBE", "news") == (">", [("$", b"ssubscribe"), ("$", b"news"), (":", 1)])
    listener.call("SUBSCRIBE", "news")
    assert writer.call("SPUBLISH", "news", "x") == (":", 1)
    assert cache.read() == push(b"smessage", b"news", b"x")
    assert writer.call("PUBLISH", "news", "y") == (":", 1)
    assert [v for _, v in listener.read()[1]] == [b"message", b"news", b"y"]
    assert writer.call("PUBSUB", "SHARDCHANNELS") == ("*", [("$", b"news")])
    assert writer.call("PUBSUB", "SHARDCHANNELS", "x*") == ("*", [])
    assert writer.call("PUBSUB", "SHARDNUMSUB", "news", "other") == ("*", [("$", b"news"), (":", 1), ("$", b"other"), (":", 0)])
    assert cache.call("SUNSUBSCRIBE") == (">", [("$", b"sunsubscribe"), ("$", b"news"), (":", 0)])
    assert writer.call("SPUBLISH", "news", "x") == (":", 0)
