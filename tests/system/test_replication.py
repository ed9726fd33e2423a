"""Replication: every pairing of Sorrel and redis-server, full and partial synchronisation, links cut at random bytes."""
import ctypes
import os
import random
import socket
import stat
import threading
import time

import pytest

import resp
import servers
from certificates import Authority
from conftest import ON_SORREL, PROGRAM, only_sorrel
from replication import Load, Proxy, assert_equal, caught_up, digest, follow, info, link_up, offset, wait_linked, wait_online, wait_until

ORACLE = servers.oracle_command()
OPTIONS = ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0", "--repl-timeout", "20"]
SEED = 20261121
pytestmark = only_sorrel


@pytest.fixture
def machine():
    """machine("sorrel" or "redis", *options) starts one; all end with the test and must be alive then."""
    running, proxies = [], []

    def begin(kind, *options, **how):
        s = servers.Server(PROGRAM if kind == "sorrel" else ORACLE, *OPTIONS, *options, **how)
        running.append(s)
        return s

    def proxy(server, seed=SEED):
        p = Proxy(server.port, seed)
        proxies.append(p)
        return p

    begin.proxy = proxy
    yield begin
    for p in proxies:
        p.close()
    died = [s for s in running if not s.alive() and not getattr(s, "ended", False)]
    logs = "\n".join(s.log_text() for s in died)
    for s in running:
        s.stop()
    assert not died, "a server died:\n" + logs


def fill(server, seed, count):
    Load(server, seed, count).finish()


PAIRS = [("sorrel", "sorrel"), ("sorrel", "redis"), ("redis", "sorrel")]


@pytest.mark.parametrize("slower_than", [10000, 0])
def test_each_command_of_the_stream_is_counted(machine, slower_than):
    """Quick ones of a kind share a reading of the counter, unless the slow log wants to know each time."""
    p, r = machine("sorrel"), machine("sorrel", "--slowlog-log-slower-than", slower_than, "--slowlog-max-len", "1000")
    follow(r, "127.0.0.1", p.port)
    wait_online(p, r)
    with p.connect() as c, r.connect() as d:
        d.call("CONFIG", "RESETSTAT")
        words = [("SET", f"k{i}", "v") for i in range(205)] + [("INCR", "n"), ("SET", "k", "v"), ("INCR", "n")]
        c.send(b"".join(resp.encode([w.encode() for w in one]) for one in words))
        assert [c.read()[0] for _ in words] == ["+"] * 205 + [":", "+", ":"]
        wait_until(lambda: caught_up(p, [r]), 20, "the replica catching up")
        stats = info(r, "commandstats")
        assert stats["cmdstat_set"].startswith("calls=206,") and stats["cmdstat_incr"].startswith("calls=2,")
        assert ",usec=0," not in stats["cmdstat_set"]
        assert d.call("LATENCY", "HISTOGRAM", "set")[1][1][1][:2] == [("$", b"calls"), (":", 206)]
        logged = sum(e[1][3][1][0][1] in (b"SET", b"INCR") for e in d.call("SLOWLOG", "GET", -1)[1])
        assert logged == (208 if slower_than == 0 else 0)


@pytest.mark.parametrize("primary,replica", PAIRS)
@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_full_sync_under_load(machine, primary, replica, diskless):
    p, r = machine(primary, "--repl-diskless-sync", diskless), machine(replica)
    fill(p, SEED, 3000)
    load = Load(p, SEED + 1, 6000)
    follow(r, "127.0.0.1", p.port)
    wait_linked(r)
    load.finish()
    assert_equal(p, [r])
    assert int(info(p, "stats")["sync_full"]) == 1


@pytest.mark.parametrize("primary,replica", PAIRS)
def test_links_cut_at_random_bytes(machine, primary, replica):
    p, r = machine(primary, "--repl-backlog-size", "64mb"), machine(replica)
    proxy, rng = machine.proxy(p), random.Random(SEED)
    fill(p, SEED + 2, 1000)
    follow(r, "127.0.0.1", proxy.port)
    wait_linked(r)
    load = Load(p, SEED + 3, 8000)
    for _ in range(8):
        cuts, went_on = proxy.cuts, int(info(p, "stats")["sync_partial_ok"])
        proxy.cut_after(rng.randrange(1, 20000))
        try:
            wait_until(lambda: proxy.cuts > cuts or not load.thread.is_alive(), 30)
        finally:
            proxy.cut()
        # That the link is up may only mean that nobody has noticed yet.
        wait_until(lambda: int(info(p, "stats")["sync_partial_ok"]) > went_on and link_up(r), 30, "going on after a cut")
    load.finish()
    assert_equal(p, [r])
    stats = info(p, "stats")
    assert int(stats["sync_full"]) == 1 and int(stats["sync_partial_ok"]) >= 8, stats


@pytest.mark.parametrize("primary,replica,load_way", [("sorrel", "sorrel", "disabled"), ("sorrel", "sorrel", "on-empty-db"),
                                                      ("sorrel", "sorrel", "swapdb"), ("sorrel", "redis", "disabled"),
                                                      ("sorrel", "redis", "swapdb"), ("redis", "sorrel", "disabled"),
                                                      ("redis", "sorrel", "swapdb")])
def test_full_sync_cut_in_the_middle(machine, primary, replica, load_way):
    """The snapshot's link breaks several times; what is there in the end is all of it."""
    p, r = machine(primary), machine(replica, "--repl-diskless-load", load_way)
    proxy = machine.proxy(p)
    fill(p, SEED + 4, 4000)
    fill(r, SEED + 5, 500)
    with p.connect() as c:
        for i in range(500):
            c.call("SET", f"key{i}", f"{i} of 500" * 10)
    for n in (1, 30, 700, 5000):
        proxy.cut_after(n)
        follow(r, "127.0.0.1", proxy.port)
        with p.connect() as c:
            c.call("SET", "pad", "x" * 10000)  # should it have come through already
        wait_until(lambda: proxy.limit is None, 20, f"cut after {n} bytes")
    wait_linked(r)
    assert_equal(p, [r])


def test_replicas_that_come_together_share_a_snapshot(machine):
    p = machine("sorrel", "--repl-diskless-sync-delay", "60", "--repl-diskless-sync-max-replicas", "3")
    fill(p, SEED + 6, 2000)
    rs = [machine("sorrel"), machine("sorrel"), machine("redis")]
    for r in rs:
        follow(r, "127.0.0.1", p.port)
    wait_until(lambda: all(link_up(r) for r in rs))
    assert_equal(p, rs)
    assert p.log_text().count("Snapshot for 3 replica(s) begins") == 1


def test_a_chain_of_four_and_its_second_taking_over(machine):
    """redis -> sorrel -> redis -> sorrel; then the second becomes the primary, and nobody needs a full synchronisation."""
    chain = [machine(k, "--repl-backlog-size", "64mb") for k in ("sorrel", "sorrel", "redis", "sorrel")]
    for a, b in zip(chain, chain[1:]):
        follow(b, "127.0.0.1", a.port)
        wait_linked(b)
    load = Load(chain[0], SEED + 7, 4000)
    load.finish()
    assert_equal(chain[0], chain[1:])
    with chain[1].connect() as c:
        assert c.call("REPLICAOF", "NO", "ONE") == ("+", b"OK")
    follow(chain[0], "127.0.0.1", chain[1].port)
    wait_until(lambda: all(link_up(s) for s in (chain[0], chain[2], chain[3])))
    Load(chain[1], SEED + 8, 2000).finish()
    assert_equal(chain[1], [chain[0], chain[2], chain[3]])
    assert [int(info(s, "stats")["sync_full"]) for s in chain] == [1, 1, 1, 0]


def end(server):
    """SHUTDOWN SAVE, keeping its folder."""
    server.process.terminate()
    server.process.wait(20)
    server.ended = True


@pytest.mark.parametrize("primary,replica", PAIRS)
def test_restarts_go_on_with_a_partial_sync(primary, replica, tmp_path):
    """Replica and primary are stopped in turn with a snapshot, started from it, and go on where they were."""
    def start(kind, folder, port=None, *more):
        (tmp_path / folder).mkdir(exist_ok=True)
        s = servers.Server(PROGRAM if kind == "sorrel" else ORACLE, *OPTIONS, "--repl-backlog-size", "64mb", "--dir",
                           tmp_path / folder, "--save", "1000 1000000", *more, port=port)
        started.append(s)
        return s

    started = []
    try:
        p, r = start(primary, "p"), start(replica, "r")
        fill(p, SEED + 9, 1500)
        follow(r, "127.0.0.1", p.port)
        wait_linked(r)
        assert_equal(p, [r])
        end(r)
        fill(p, SEED + 10, 1500)
        r = start(replica, "r", r.port, "--replicaof", f"127.0.0.1 {p.port}")
        wait_linked(r)
        assert_equal(p, [r])
        assert int(info(p, "stats")["sync_partial_ok"]) == 1, info(p, "stats")
        end(p)
        p = start(primary, "p", p.port)
        wait_linked(r)
        fill(p, SEED + 11, 500)
        assert_equal(p, [r])
        stats = info(p, "stats")
        assert (int(stats["sync_full"]), int(stats["sync_partial_ok"])) == (0, 1), p.log_text()[-2000:] + r.log_text()[-2000:]
    finally:
        for s in started:
            s.stop()


@pytest.mark.parametrize("middle", ["sorrel", "redis"])
def test_the_middle_of_a_chain_is_stopped_and_started(machine, tmp_path, middle):
    """Nobody needs a full synchronization: it goes on where it was, and so do those below it."""
    how = ("--dir", tmp_path, "--save", "1000 1000000")
    a, b, c, d = machine("sorrel"), machine(middle, *how), machine("sorrel"), machine("redis")
    fill(a, SEED + 40, 1000)
    for above, below in ((a, b), (b, c), (c, d)):
        follow(below, "127.0.0.1", above.port)
        wait_linked(below)
    assert_equal(a, [b, c, d])
    end(b)
    fill(a, SEED + 41, 1000)
    b = machine(middle, *how, "--replicaof", f"127.0.0.1 {a.port}", port=b.port)
    wait_linked(b, c, d)
    fill(a, SEED + 42, 500)
    assert_equal(a, [b, c, d])
    assert [int(info(s, "stats")["sync_full"]) for s in (a, b, c)] == [1, 0, 1]


def test_what_sentinel_says_in_one_transaction(machine):
    """It turns a server round with MULTI, REPLICAOF, CONFIG REWRITE, CLIENT KILL, EXEC; its own connection lives on."""
    p, r = machine("sorrel"), machine("sorrel", config="# a file that can be rewritten\n")
    with p.connect() as c:
        c.call("SET", "a", "1")

    def transaction(c, *replicaof):
        assert c.call("MULTI") == ("+", b"OK")
        for words in (replicaof, ("CONFIG", "REWRITE"), ("CLIENT", "KILL", "TYPE", "normal"), ("CLIENT", "KILL", "TYPE", "pubsub")):
            assert c.call(*words) == ("+", b"QUEUED")
        return c.call("EXEC")[1]

    with r.connect() as c, r.connect() as other, r.connect() as listener:
        listener.call("SUBSCRIBE", "news")
        assert transaction(c, "REPLICAOF", "127.0.0.1", p.port) == [("+", b"OK"), ("+", b"OK"), (":", 1), (":", 1)]
        for gone in (other, listener):
            with pytest.raises(servers.Closed):
                gone.call("PING")
        wait_linked(r)
        assert c.call("GET", "a") == ("$", b"1")
        assert transaction(c, "REPLICAOF", "NO", "ONE")[:2] == [("+", b"OK"), ("+", b"OK")]
        assert c.call("SET", "a", "2") == ("+", b"OK")
    with open(os.path.join(r.dir, "test.conf")) as f:
        assert "replicaof" not in f.read()


@pytest.mark.parametrize("primary,replica", PAIRS)
def test_who_goes_on_is_in_the_right_database(machine, tmp_path, primary, replica):
    """The stream says SELECT once. Who was restarted, or a primary for a moment, goes on where it was in that, too."""
    how = ("--dir", tmp_path, "--save", "1000 1000000")
    p, r = machine(primary), machine(replica, *how)
    follow(r, "127.0.0.1", p.port)
    wait_online(p, r)
    with p.connect() as c:
        c.call("SELECT", "5")
        c.call("SET", "a", "1")
        assert c.call("WAIT", "1", "10000") == (":", 1)
        end(r)
        c.call("SET", "b", "1")
        r = machine(replica, *how, "--replicaof", f"127.0.0.1 {p.port}", port=r.port)
        wait_online(p, r)
        c.call("SET", "c", "1")
        assert_equal(p, [r])
        with r.connect() as d:
            d.call("REPLICAOF", "NO", "ONE")
            c.call("SET", "d", "1")
            d.call("REPLICAOF", "127.0.0.1", p.port)
        wait_online(p, r)
        c.call("SET", "e", "1")
        assert_equal(p, [r])
        assert c.call("DBSIZE") == (":", 5)
    assert int(info(p, "stats")["sync_full"]) == (1 if replica == "sorrel" else 2)  # redis has forgotten its old name by then


def test_what_replicas_refuse_and_say(machine):
    p, r = machine("sorrel", "--requirepass", "secret"), machine("sorrel", "--masterauth", "wrong", "--replica-priority", "7")
    with r.connect() as c:
        c.call("SET", "old", "1")
        assert c.call("REPLICAOF", "127.0.0.1", "x") == ("-", b"ERR Invalid master port")
        follow(r, "127.0.0.1", p.port)
        wait_until(lambda: "can't log in" in r.log_text())
        assert c.call("GET", "old") == ("$", b"1")
        c.call("CONFIG", "SET", "replica-serve-stale-data", "no")
        assert c.call("GET", "old")[1].startswith(b"MASTERDOWN")
        c.call("CONFIG", "SET", "masterauth", "secret")
        wait_linked(r)
        assert c.call("GET", "old") == ("$", None)
        assert c.call("SET", "a", "b")[1].startswith(b"READONLY")
        assert c.call("EVAL", "return redis.call('set','a','b')", "0")[1].startswith(b"READONLY")
        assert c.call("WAIT", "0", "0")[1].startswith(b"ERR WAIT cannot be used with replica instances")
        assert c.call("CONFIG", "GET", "replicaof") == ("*", [("$", b"replicaof"), ("$", b"127.0.0.1 %d" % p.port)])
        assert c.call("REPLICAOF", "127.0.0.1", p.port) == ("+", b"OK Already connected to specified master")
        role = c.call("ROLE")[1]
        assert role[0] == ("$", b"slave") and role[3] == ("$", b"connected")
        c.call("CONFIG", "SET", "replica-read-only", "no")
        assert c.call("SET", "local", "1") == ("+", b"OK")
    assert info(r)["slave_priority"] == "7"
    with p.connect() as c:
        c.call("AUTH", "secret")
        # It knows that it is linked before the primary hears of that.
        wait_until(lambda: f"\r\nslave0:ip=127.0.0.1,port={r.port},state=online,offset=" in
                   c.call("INFO", "replication")[1].decode())
        assert b"flags=S " in c.call("CLIENT", "LIST", "TYPE", "replica")[1]


def test_keys_expire_when_the_primary_says_so(machine):
    p, r = machine("sorrel"), machine("sorrel")
    with p.connect() as c, r.connect() as d:
        c.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        follow(r, "127.0.0.1", p.port)
        wait_linked(r)
        c.call("SET", "k", "v", "PX", "50")
        assert c.call("WAIT", "1", "5000") == (":", 1)
        time.sleep(0.1)
        assert d.call("GET", "k") == ("$", None)
        assert d.call("DBSIZE") == (":", 0)
        # It is only hidden: the primary has not said DEL yet.
        assert c.call("GET", "k") == ("$", None)
        c.call("SET", "other", "1")
        assert c.call("WAIT", "1", "5000") == (":", 1)
        assert d.call("DBSIZE") == (":", 1)
    assert_equal(p, [r])


def test_wait_and_min_replicas(machine):
    p, r = machine("sorrel"), machine("sorrel")
    with p.connect() as c:
        assert c.call("SET", "a", "1") == ("+", b"OK")
        assert c.call("WAIT", "0", "0") == (":", 0)
        began = time.monotonic()
        assert c.call("WAIT", "1", "200") == (":", 0)
        assert 0.15 < time.monotonic() - began < 2
        c.call("CONFIG", "SET", "min-replicas-to-write", "1")
        assert c.call("SET", "a", "1") == ("-", b"NOREPLICAS Not enough good replicas to write.")
        follow(r, "127.0.0.1", p.port)
        wait_until(lambda: c.call("SET", "a", "2") == ("+", b"OK"))
        assert c.call("WAIT", "1", "5000") == (":", 1)
        assert c.call("WAIT", "2", "100") == (":", 1)
        assert c.call("WAITAOF", "0", "0", "0") == ("*", [(":", 0), (":", 0)])
        c.call("MULTI")
        c.call("SET", "a", "3")
        c.call("WAIT", "5", "0")
        assert c.call("EXEC")[1][1] in ((":", 0), (":", 1))
        r.stop()
        r.ended = True
        wait_until(lambda: c.call("SET", "a", "4")[0] == "-")


def test_a_negative_zero_stays_one(machine):
    """Only a large sorted set has it. redis-server's replica makes a small one of what has become small, in which it is 0."""
    p, r = machine("sorrel"), machine("sorrel")
    with p.connect() as c:
        c.call("ZADD", "z", "1", "long" * 100, "-0", "a", "2", "b")
        c.call("ZREM", "z", "long" * 100)
        c.call("ZADD", "small", "-0", "a")
        follow(r, "127.0.0.1", p.port)
        wait_online(p, r)
        with r.connect() as d:
            for x in (c, d):
                assert x.call("ZRANGE", "z", "0", "-1", "WITHSCORES") == ("*", [("$", w) for w in (b"a", b"-0", b"b", b"2")])
                assert x.call("OBJECT", "ENCODING", "small") == ("$", b"listpack")
                assert x.call("ZSCORE", "small", "a") == ("$", b"0")
    assert_equal(p, [r])


@pytest.mark.parametrize("kind", ["sorrel", "redis"])
def test_who_waits_for_replicas_when_the_server_becomes_one(machine, kind):
    """Whoever waits is told so and disconnected: what it waits for will never be known here. WAITAOF came with 7.2."""
    p, other = machine(kind), machine("sorrel")
    for words in [("WAIT", "1", "0"), ("WAIT", "1", "60000")] + [("WAITAOF", "0", "1", "0")] * (kind == "sorrel"):
        with p.connect() as c, p.connect() as d:
            assert c.call("SET", "a", "1") == ("+", b"OK")
            c.send(resp.encode([w.encode() for w in words]))
            wait_until(lambda: info(p, "clients")["blocked_clients"] == "1")
            assert d.call("REPLICAOF", "127.0.0.1", other.port) == ("+", b"OK")
            assert c.read() == ("-", b"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)")
            with pytest.raises(servers.Closed):
                c.read()
            assert d.call("REPLICAOF", "NO", "ONE") == ("+", b"OK")


def test_reading_the_log_again_is_no_news_to_replicas(machine):
    p, r = machine("sorrel", "--appendonly", "yes"), machine("sorrel")
    follow(r, "127.0.0.1", p.port)
    wait_online(p, r)
    with p.connect() as c:
        c.call("RPUSH", "l", "x"), c.call("INCR", "n")
        before = offset(p)
        assert c.call("DEBUG", "LOADAOF") == ("+", b"OK")
        assert c.call("RPUSH", "l", "y") == (":", 2)
    assert_equal(p, [r])
    assert offset(p) - before < 100


def test_published_messages_reach_the_replicas_clients(machine):
    p, r = machine("sorrel"), machine("redis")
    follow(r, "127.0.0.1", p.port)
    wait_linked(r)
    with p.connect() as c, r.connect() as d:
        d.call("SUBSCRIBE", "news")
        c.call("PUBLISH", "news", "one")
        assert d.read() == ("*", [("$", b"message"), ("$", b"news"), ("$", b"one")])
        c.call("MULTI")
        c.call("PUBLISH", "news", "two")
        c.call("SET", "a", "b")
        c.call("EXEC")
        assert d.read() == ("*", [("$", b"message"), ("$", b"news"), ("$", b"two")])
    assert_equal(p, [r])


@pytest.mark.parametrize("primary,replica", PAIRS)
def test_failover_hands_over_without_loss(machine, primary, replica):
    a, b = machine(primary), machine(replica)
    follow(b, "127.0.0.1", a.port)
    wait_online(a, b)
    with a.connect() as c:
        assert c.call("FAILOVER", "ABORT")[1] == b"ERR No failover in progress."
        assert c.call("FAILOVER", "TO", "127.0.0.1", "1")[1] == b"ERR FAILOVER target HOST and PORT is not a replica."
        for i in range(500):
            c.call("SET", f"k{i}", i)
        assert c.call("FAILOVER", "TO", "127.0.0.1", b.port, "TIMEOUT", "5000") == ("+", b"OK")
        wait_until(lambda: info(b)["role"] == "master" and info(a)["role"] == "slave" and link_up(a))
        assert c.call("SET", "x", "1")[1].startswith(b"READONLY")
    with b.connect() as c:
        assert c.call("DBSIZE") == (":", 500)
        c.call("SET", "x", "1")
    assert_equal(b, [a])
    assert int(info(b, "stats")["sync_full"]) == 0
    assert info(a)["master_failover_state"] == "no-failover"


def held(server):
    return int(info(server, "clients")["blocked_clients"])


def test_failover_waits_until_it_is_aborted_or_late(machine):
    """Its replica does not answer: writes wait, whatever others do about pauses of their own, until it is given up."""
    a, b = machine("sorrel"), machine("sorrel")
    follow(b, "127.0.0.1", a.port)
    wait_online(a, b)
    b.process.send_signal(19)
    try:
        with a.connect() as c, a.connect() as d:
            c.call("SET", "a", "1")
            assert c.call("FAILOVER", "TIMEOUT", "0")[1] == b"ERR FAILOVER timeout must be greater than 0"
            assert c.call("FAILOVER", "TO", "127.0.0.1", b.port, "FORCE")[1].startswith(b"ERR FAILOVER with force option requires")
            assert c.call("FAILOVER") == ("+", b"OK")
            assert info(a)["master_failover_state"] == "waiting-for-sync"
            assert c.call("FAILOVER")[1] == b"ERR FAILOVER already in progress."
            assert c.call("REPLICAOF", "127.0.0.1", b.port)[1] == b"ERR REPLICAOF not allowed while failing over."
            d.send(resp.encode(["SET", "a", "2"]))
            wait_until(lambda: held(a) == 1, what="a write that waits")
            assert c.call("CLIENT", "PAUSE", "1", "WRITE") == ("+", b"OK")
            assert c.call("CLIENT", "UNPAUSE") == ("+", b"OK")
            assert c.call("GET", "a") == ("$", b"1")
            wait_until(lambda: held(a) == 1, what="a write that still waits")
            assert c.call("FAILOVER", "ABORT") == ("+", b"OK")
            assert d.read() == ("+", b"OK")
            assert info(a)["master_failover_state"] == "no-failover" and info(a)["role"] == "master"
            assert c.call("FAILOVER", "TO", "127.0.0.1", b.port, "TIMEOUT", "300") == ("+", b"OK")
            assert c.call("SET", "a", "3") == ("+", b"OK")  # as soon as it has been given up
            assert info(a)["role"] == "master"
            assert "Failover aborted: no replica has caught up in time" in a.log_text()
    finally:
        b.process.send_signal(18)
    assert_equal(a, [b])


def test_failover_by_force_hands_over_to_who_is_behind(machine):
    """FORCE: when the time is up the target is asked to take over, whatever it lacks, and what it lacks is given up."""
    a, b = machine("sorrel"), machine("sorrel")
    proxy = machine.proxy(a)
    follow(b, "127.0.0.1", proxy.port)
    wait_online(a, b)
    proxy.holding = True
    with a.connect() as c:
        assert c.call("SET", "lost", "1") == ("+", b"OK")
        assert c.call("FAILOVER", "TO", "127.0.0.1", b.port, "FORCE", "TIMEOUT", "300") == ("+", b"OK")
        wait_until(lambda: info(b)["role"] == "master" and info(a)["role"] == "slave" and link_up(a))
        wait_until(lambda: info(a)["master_failover_state"] == "no-failover")
    with b.connect() as c:
        assert c.call("SET", "x", "1") == ("+", b"OK")
        assert c.call("EXISTS", "lost") == (":", 0)
    assert_equal(b, [a])


@pytest.mark.parametrize("primary,load_way", [("sorrel", "disabled"), ("redis", "disabled"), ("redis", "swapdb")])
def test_an_empty_primary_does_not_wipe_its_replicas(machine, primary, load_way):
    """redis/redis#2087: a primary without persistence comes back empty before anybody notices."""
    p, r = machine(primary), machine("sorrel", "--repl-diskless-load", load_way)
    with p.connect() as c:
        for i in range(100):
            c.call("SET", f"k{i}", i)
    follow(r, "127.0.0.1", p.port)
    wait_until(lambda: caught_up(p, [r]))
    with r.connect() as c:
        keys = c.call("DBSIZE")
        assert keys[1] > 0
        p.process.kill()
        p.process.wait()
        p.ended = True
        fresh = machine(primary, port=p.port)
        wait_until(lambda: "is refused" in r.log_text(), 20)
        assert c.call("DBSIZE") == keys
        assert not link_up(r)
        assert c.call("REPLICAOF", "127.0.0.1", p.port)[0] == "+"  # asked for: so be it
        wait_linked(r)
        assert c.call("DBSIZE") == (":", 0)
    assert fresh.alive()


@pytest.mark.parametrize("primary,load_way", [("sorrel", "disabled"), ("sorrel", "swapdb"), ("redis", "disabled"), ("redis", "swapdb")])
def test_a_primary_set_back_does_not_set_back_its_replicas(machine, tmp_path, primary, load_way):
    """It comes back with an older snapshot: its replicas have more, and nobody has asked them to give it up."""
    how = ("--dir", tmp_path, "--save", "100000 1000000")
    p, r = machine(primary, *how), machine("sorrel", "--repl-diskless-load", load_way)
    follow(r, "127.0.0.1", p.port)
    wait_online(p, r)
    with p.connect() as c, r.connect() as d:
        c.call("SET", "old", "1")
        assert c.call("SAVE") == ("+", b"OK")
        c.call("SET", "new", "1")
        assert c.call("WAIT", "1", "10000") == (":", 1)
        p.process.kill()
        p.process.wait()
        p.ended = True
        again = machine(primary, *how, port=p.port)
        wait_until(lambda: "it is an older state of the same history" in r.log_text())
        assert d.call("EXISTS", "old", "new") == (":", 2) and not link_up(r)
        assert d.call("REPLICAOF", "127.0.0.1", p.port)[0] == "+"
        wait_linked(r)
        assert d.call("EXISTS", "old", "new") == (":", 1)
    assert_equal(again, [r])


@pytest.mark.parametrize("primary", ["sorrel", "redis"])
def test_a_primary_that_lost_nothing_but_pings_is_followed_again(machine, tmp_path, primary):
    how = ("--dir", tmp_path, "--save", "100000 1000000", "--repl-ping-replica-period", "1")
    p, r = machine(primary, *how), machine("sorrel")
    follow(r, "127.0.0.1", p.port)
    wait_online(p, r)
    with p.connect() as c:
        c.call("SET", "a", "1")
        assert c.call("SAVE") == ("+", b"OK")
    saved = offset(p)
    wait_until(lambda: offset_of(r) > saved, what="a ping")
    p.process.kill()
    p.process.wait()
    p.ended = True
    again = machine(primary, *how, port=p.port)
    wait_linked(r)
    assert_equal(again, [r])
    assert int(info(again, "stats")["sync_full"]) == 1


@pytest.mark.parametrize("replica", ["sorrel", "redis"])
def test_a_full_sync_slower_than_the_writes_finishes(machine, replica):
    """redis/redis#4697, #11534: the stream overflows the replica's limit during the transfer, again and again."""
    p = machine("sorrel", "--client-output-buffer-limit", "replica 1mb 1mb 1", "--repl-backlog-size", "100kb",
                "--rdbcompression", "no")
    r, proxy = machine(replica), machine.proxy(p)
    with p.connect() as c:
        for i in range(300):
            c.call("SET", f"big{i}", bytes([65 + i % 26]) * 20000)
        proxy.rate = 500_000
        follow(r, "127.0.0.1", proxy.port)
        for i in range(400):
            c.call("SET", f"more{i % 50}", bytes([97 + i % 26]) * 20000)
        wait_until(lambda: "goes to a file" in p.log_text())
        proxy.rate = None
        wait_linked(r)
    assert_equal(p, [r])
    assert int(info(p, "stats")["sync_full"]) == 1, p.log_text()


def test_a_frozen_primary_finds_its_lease_lost(machine):
    """Its old acknowledgements wait in its sockets when it wakes; they must not count."""
    p, r = machine("sorrel", "--primary-lease-ms", "300"), machine("sorrel")
    with p.connect() as c:
        assert c.call("SET", "a", "0")[1].startswith(b"NOREPLICAS")
        follow(r, "127.0.0.1", p.port)
        wait_until(lambda: c.call("SET", "a", "1") == ("+", b"OK"))
        p.process.send_signal(19)
        time.sleep(0.2)
        with r.connect() as d:
            d.call("REPLICAOF", "NO", "ONE")  # somebody has promoted it
        time.sleep(0.5)
        c.send(b"SET lost 1\r\n" * 50)
        p.process.send_signal(18)
        assert all(c.read()[1].startswith(b"NOREPLICAS") for _ in range(50))
        assert c.call("GET", "a") == ("$", b"1")
        follow(r, "127.0.0.1", p.port)
        wait_until(lambda: c.call("SET", "a", "2") == ("+", b"OK"))


def test_replies_wait_until_replicas_have_what_was_written(machine):
    """min-replicas-to-reply: as if every client said WAIT; readers do not wait."""
    p, r = machine("sorrel", "--min-replicas-to-reply", "1"), machine("sorrel")
    proxy = machine.proxy(p)
    with p.connect() as c, p.connect() as waiter, p.connect() as reader:
        assert c.call("SET", "a", "1") == ("-", b"NOREPLICAS Not enough good replicas to write.")
        follow(r, "127.0.0.1", proxy.port)
        wait_until(lambda: c.call("SET", "a", "1") == ("+", b"OK"))
        assert c.call("GET", "a") == ("$", b"1")
        waiter.send(resp.encode(["BLPOP", "l", "0"]))
        wait_until(lambda: held(p) == 1)
        proxy.holding = True
        c.send(resp.encode(["SET", "a", "2"]) + resp.encode(["GET", "a"]) + resp.encode(["RPUSH", "l", "x"]))
        wait_until(lambda: reader.call("GET", "a") == ("$", b"2"))
        for kept_back in (c, waiter):
            with pytest.raises(TimeoutError):
                kept_back.read(0.2)
        c.send(resp.encode(["INCR", "n"]) * 100)  # not even read meanwhile
        assert reader.call("EXISTS", "n") == (":", 0)
        # Sentinel publishes to primaries that are cut off, and must have its answer.
        assert reader.call("PUBLISH", "c", "m") == (":", 0)
        proxy.holding = False
        assert [c.read() for _ in range(3)] == [("+", b"OK"), ("$", b"2"), (":", 1)]
        assert waiter.read() == ("*", [("$", b"l"), ("$", b"x")])
        assert [c.read() for _ in range(100)] == [(":", i) for i in range(1, 101)]
        c.call("MULTI")
        c.call("INCR", "n")
        assert c.call("EXEC") == ("*", [(":", 101)])
        assert c.call("EVAL", "return redis.call('incr', 'n')", "1", "n") == (":", 102)
        # Called off, it lets everybody go.
        proxy.holding = True
        c.send(resp.encode(["SET", "a", "3"]))
        with pytest.raises(TimeoutError):
            c.read(0.2)
        assert reader.call("CONFIG", "SET", "min-replicas-to-reply", "0") == ("+", b"OK")
        assert c.read() == ("+", b"OK")
        proxy.holding = False
    assert_equal(p, [r])


def test_who_waits_for_a_reply_is_cut_off_when_the_primary_is_none_any_more(machine):
    a, b = machine("sorrel", "--min-replicas-to-reply", "1"), machine("sorrel")
    proxy = machine.proxy(a)
    follow(b, "127.0.0.1", proxy.port)
    wait_online(a, b)
    with a.connect() as c, a.connect() as admin, b.connect() as d:
        wait_until(lambda: c.call("SET", "kept", "1") == ("+", b"OK"))
        proxy.holding = True
        c.send(resp.encode(["SET", "lost", "1"]))
        wait_until(lambda: admin.call("EXISTS", "lost") == (":", 1))
        assert d.call("REPLICAOF", "NO", "ONE") == ("+", b"OK")
        assert admin.call("REPLICAOF", "127.0.0.1", b.port) == ("+", b"OK")
        with pytest.raises(servers.Closed):
            c.read()
        wait_linked(a)
        assert admin.call("EXISTS", "lost", "kept") == (":", 1)
    # Made a primary again, it owes nobody anything.
    with a.connect() as c:
        assert c.call("REPLICAOF", "NO", "ONE") == ("+", b"OK")
        assert c.call("GET", "kept") == ("$", b"1")
        follow(b, "127.0.0.1", a.port)
        wait_until(lambda: c.call("SET", "kept", "2") == ("+", b"OK"))


def test_new_replication_ids_let_nobody_go_on(machine):
    p, r = machine("sorrel"), machine("sorrel")
    follow(r, "127.0.0.1", p.port)
    wait_online(p, r)
    with p.connect() as c:
        name = info(p)["master_replid"]
        assert c.call("DEBUG", "CHANGE-REPL-ID") == ("+", b"OK")
        after = info(p)
        assert after["master_replid"] != name and after["master_replid2"] == "0" * 40 and after["second_repl_offset"] == "-1"
        assert link_up(r) and after["connected_slaves"] == "1"
        assert c.call("SET", "a", "1") == ("+", b"OK")
        c.call("CLIENT", "KILL", "TYPE", "replica")
        wait_until(lambda: int(info(p, "stats")["sync_full"]) == 2)
    wait_online(p, r)
    assert_equal(p, [r])


class FakeSentinel:
    """Says PING all the time, like a Sentinel in a hurry."""

    def __init__(self, server, name):
        self.connection, self.stopping = server.connect(), False
        assert self.connection.call("CLIENT", "SETNAME", name) == ("+", b"OK")
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping:
            self.connection.send(b"PING\r\n")
            time.sleep(0.02)

    def stop(self):
        self.stopping = True
        self.thread.join(10)
        self.connection.close()


def test_sentinels_hold_the_lease_of_a_primary_without_replicas(machine):
    p = machine("sorrel", "--primary-lease-ms", "1000", "--primary-lease-sentinels", "2")
    with p.connect() as c:
        def writes():
            return c.call("SET", "a", "1") == ("+", b"OK")

        a, twice = FakeSentinel(p, "sentinel-aaaaaaaa-cmd"), FakeSentinel(p, "sentinel-aaaaaaaa-cmd")
        other = FakeSentinel(p, "backend-bbbbbbbb-cmd")
        time.sleep(0.5)  # in which one and the same, and somebody else, get nowhere
        assert c.call("SET", "a", "1")[1].startswith(b"NOREPLICAS")
        b = FakeSentinel(p, "sentinel-bbbbbbbb-cmd")
        wait_until(writes)
        assert info(p)["primary_lease"] == "held"
        # Frozen, it is pinged on; what it finds when it wakes is old.
        p.process.send_signal(19)
        time.sleep(1.5)
        c.send(b"SET lost 1\r\n" * 50)
        p.process.send_signal(18)
        assert all(c.read()[1].startswith(b"NOREPLICAS") for _ in range(50))
        wait_until(writes)
        b.stop()
        wait_until(lambda: not writes(), what="the lease being lost")
        for s in (a, twice, other):
            s.stop()


@pytest.mark.parametrize("source,target", [("sorrel", "redis"), ("redis", "sorrel"), ("sorrel", "sorrel")])
def test_migrate_both_ways(machine, source, target):
    a, b = machine(source), machine(target, "--requirepass", "secret")
    with a.connect() as c, b.connect() as d:
        d.call("AUTH", "secret")
        d.call("SELECT", "2")
        c.call("SET", "s", "v" * 5000, "PX", "500000")
        c.call("RPUSH", "l", *range(300))
        c.call("ZADD", "z", "1.5", "a", "2", "b")
        c.call("XADD", "x", "1-1", "f", "v")
        c.call("HSET", "h", "f", "v")
        where = ("MIGRATE", "127.0.0.1", b.port)
        assert c.call(*where, "none", "2", "1000", "AUTH", "secret") == ("+", b"NOKEY")
        assert c.call(*where, "s", "2", "5000")[1].startswith(b"ERR Target instance replied with error: NOAUTH")
        assert c.call(*where, "s", "2", "5000", "COPY", "AUTH", "secret") == ("+", b"OK")
        assert c.call("EXISTS", "s") == (":", 1) and d.call("STRLEN", "s") == (":", 5000)
        assert c.call(*where, "s", "2", "5000", "AUTH", "secret")[1].startswith(
            b"ERR Target instance replied with error: BUSYKEY")
        assert c.call("EXISTS", "s") == (":", 1)
        assert c.call(*where, "", "2", "5000", "REPLACE", "AUTH2", "default", "secret", "KEYS", "s", "l", "none", "z", "x",
                      "h") == ("+", b"OK")
        assert c.call("DBSIZE") == (":", 0)
        assert d.call("DBSIZE") == (":", 5)
        assert 400000 < d.call("PTTL", "s")[1] <= 500000
        assert d.call("LRANGE", "l", "0", "-1")[1][299] == ("$", b"299")
        assert c.call("MIGRATE", "127.0.0.1", "1", "s", "0", "500") == ("+", b"NOKEY")
        c.call("SET", "s", "1")
        assert c.call("MIGRATE", "127.0.0.1", "1", "s", "0", "500")[1].startswith(b"IOERR error or timeout")
        assert c.call("MIGRATE", "127.0.0.1", b.port, "s", "0", "500", "KEYS", "a")[1].startswith(
            b"ERR When using MIGRATE KEYS option")


class Counter:
    """Several clients that INCR one key without a pause."""

    def __init__(self, server, key, clients=3):
        self.counted, self.error, self.stopping = [0] * clients, None, False
        self.threads = [threading.Thread(target=self.run, args=(server, key, i), daemon=True) for i in range(clients)]
        for t in self.threads:
            t.start()

    def run(self, server, key, i):
        try:
            with server.connect(60) as c:
                while not self.stopping:
                    c.send(resp.encode(["INCR", key]) * 20)
                    for _ in range(20):
                        assert c.read()[0] == ":"
                        self.counted[i] += 1
        except Exception as e:  # told by stop()
            self.error = e

    def stop(self):
        self.stopping = True
        for t in self.threads:
            t.join(60)
        if self.error is not None:
            raise self.error
        return sum(self.counted)


@pytest.mark.parametrize("delay", [0, 0.05])
def test_a_key_that_never_stops_changing_is_migrated(machine, delay):
    """Redis never fails here, as nobody else runs meanwhile; whatever the timing, the key goes, and no change is lost."""
    a, b = machine("sorrel"), machine("sorrel")
    proxy = machine.proxy(b)
    proxy.delay = delay
    with a.connect(60) as c, b.connect() as d:
        c.call("SET", "pad", "x" * 1000000)
        counter = Counter(a, "n")
        expected = 0
        try:
            for _ in range(5):
                wait_until(lambda: c.call("EXISTS", "n") == (":", 1))
                assert c.call("MIGRATE", "127.0.0.1", proxy.port, "", "0", "60000", "REPLACE", "KEYS", "pad", "n") == ("+", b"OK")
                expected += int(d.call("GETDEL", "n")[1])
        finally:
            total = counter.stop()
        assert expected + int(c.call("GET", "n")[1] or 0) == total
        assert c.call("EXISTS", "pad") == (":", 0) and d.call("STRLEN", "pad") == (":", 1000000)
        assert held(a) == 0


def test_a_key_that_is_deleted_while_it_is_migrated_is_gone(machine):
    a, b = machine("sorrel"), machine("sorrel")
    proxy = machine.proxy(b)
    with a.connect() as c, a.connect() as other, b.connect() as d:
        c.call("MSET", "k", "1", "pad", "x" * 1000000)
        proxy.holding = True
        c.send(resp.encode(["MIGRATE", "127.0.0.1", proxy.port, "", "0", "20000", "KEYS", "pad", "k"]))
        wait_until(lambda: held(a) == 1)
        assert other.call("DEL", "k") == (":", 1)
        proxy.holding = False
        assert c.read() == ("+", b"OK")
        assert d.call("EXISTS", "k", "pad") == (":", 1)
        assert other.call("DBSIZE") == (":", 0)


def test_nothing_is_migrated_from_under_a_pause(machine):
    """Who has paused writes, for a failover for instance, does not see a key vanish."""
    a, b = machine("sorrel"), machine("sorrel")
    proxy = machine.proxy(b)
    with a.connect() as c, a.connect() as other, b.connect() as d:
        c.call("SET", "k", "1")
        proxy.holding = True
        c.send(resp.encode(["MIGRATE", "127.0.0.1", proxy.port, "k", "0", "20000"]))
        wait_until(lambda: held(a) == 1)
        assert other.call("CLIENT", "PAUSE", "60000", "WRITE") == ("+", b"OK")
        proxy.holding = False
        wait_until(lambda: d.call("EXISTS", "k") == (":", 1))
        assert other.call("EXISTS", "k") == (":", 1)
        assert other.call("CLIENT", "UNPAUSE") == ("+", b"OK")
        assert c.read() == ("+", b"OK")
        assert other.call("EXISTS", "k") == (":", 0)


@pytest.mark.parametrize("primary,replica", PAIRS)
def test_links_over_tls(machine, primary, replica, tmp_path):
    ca = Authority(tmp_path, "ca")
    key, cert = ca.issue("server")
    tls = ["--tls-key-file", key, "--tls-cert-file", cert, "--tls-ca-cert-file", ca.cert, "--tls-replication", "yes"]
    port = servers.free_port()
    p = machine(primary, "--tls-port", port, *tls)
    r = machine(replica, "--tls-port", servers.free_port(), *tls, "--masterauth", "s3cret", "--masteruser", "copier")
    with p.connect() as c:
        c.call("ACL", "SETUSER", "copier", "on", ">s3cret", "+psync", "+replconf", "+ping")
        c.call("SET", "big", "x" * 3000000)
    fill(p, SEED + 20, 500)
    with p.connect() as c:
        c.call("SET", "big", "x" * 3000000)
    follow(r, "127.0.0.1", port)
    wait_linked(r)
    with p.connect() as c:
        c.call("SET", "bigger", "y" * 5000000)
    fill(p, SEED + 21, 500)
    assert_equal(p, [r])


def test_shutdown_lets_replicas_have_everything(machine):
    """A primary that is told to stop while its replica is behind waits for it."""
    p, r = machine("sorrel", "--client-output-buffer-limit", "replica 0 0 0"), machine("sorrel")
    proxy = machine.proxy(p)
    follow(r, "127.0.0.1", proxy.port)
    wait_linked(r)
    proxy.rate = 5_000_000
    with p.connect() as c:
        for i in range(300):
            c.send(resp.encode(["SET", f"k{i}", "x" * 10000]))
        for i in range(300):
            c.read()
    p.process.terminate()
    p.ended = True
    p.process.wait(20)
    proxy.rate = None
    with r.connect() as c:
        assert c.call("DBSIZE") == (":", 300), p.log_text() + r.log_text()


def test_a_stream_that_no_primary_would_send_is_left_out(machine, tmp_path):
    """A hostile primary: its dataset and its stream can change data, and nothing else."""
    r = machine("sorrel", "--repl-diskless-load", "swapdb")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        follow(r, "127.0.0.1", listener.getsockname()[1])
        conn, _ = listener.accept()
        conn.settimeout(10)
        f = conn.makefile("rwb")

        def say(line):
            f.write(line + b"\r\n")
            f.flush()

        def hear():
            words = []
            while (line := f.readline()) == b"\n":  # it is loading
                pass
            for _ in range(int(line[1:])):
                words.append(f.read(int(f.readline()[1:]) + 2)[:-2])
            return words

        assert hear() == [b"PING"]
        say(b"+PONG")
        while (words := hear())[0] == b"REPLCONF":
            say(b"+OK")
        assert words[0] == b"PSYNC"
        say(b"+FULLRESYNC " + b"a" * 40 + b" 0")
        snapshot = bytes.fromhex("524544495330303130" "fe00fb010000016b0176" "ff") + bytes(8)
        f.write(b"$%d\r\n%s" % (len(snapshot), snapshot))
        for words in (["CONFIG", "SET", "dbfilename", "x"], ["SHUTDOWN", "NOSAVE"], ["REPLICAOF", "NO", "ONE"], ["DEBUG", "SEGFAULT"],
                      ["SUBSCRIBE", "c"], ["CLIENT", "KILL", "TYPE", "normal"], ["MULTI"], ["SET", "a", "1"], ["BLPOP", "l", "0"],
                      ["EXEC"], ["NOSUCH"], ["SET", "b", "2"], ["REPLCONF", "GETACK", "*"]):
            f.write(resp.encode(words))
        f.flush()
        while (words := hear())[:2] == [b"REPLCONF", b"ACK"] and int(words[2]) == 0:
            pass
        with r.connect() as c:
            assert c.call("MGET", "k", "a", "b") == ("*", [("$", b"v"), ("$", b"1"), ("$", b"2")])
            assert c.call("CONFIG", "GET", "dbfilename")[1][1] == ("$", b"dump.rdb")
            assert c.call("ROLE")[1][0] == ("$", b"slave")
        say(b"*1\r\n$99999999999999999999\r\n")
        wait_until(lambda: not link_up(r))


def test_a_new_dataset_goes_all_the_way_down(machine):
    """The middle of a chain is given to another primary, under load: whoever follows it gets the new data, too."""
    a, b, c, d = (machine("sorrel") for _ in range(4))
    follow(b, "127.0.0.1", a.port)
    follow(c, "127.0.0.1", b.port)
    wait_linked(b, c)
    load, other = Load(a, SEED + 30, 2000), Load(d, SEED + 31, 3000)
    time.sleep(0.2)
    follow(b, "127.0.0.1", d.port)
    load.finish()
    other.finish()
    wait_linked(b, c)
    assert_equal(d, [b, c])


def test_a_replica_with_a_log_comes_back_with_what_it_had(machine, tmp_path):
    p = machine("sorrel", "--appendonly", "yes")
    r = machine("sorrel", "--dir", tmp_path, "--appendonly", "yes")
    with r.connect() as c:
        c.call("SET", "old", "1")
    fill(p, SEED + 32, 1000)
    follow(r, "127.0.0.1", p.port)
    wait_linked(r)
    fill(p, SEED + 33, 1000)
    with p.connect() as c:
        assert c.call("SET", "last", "1") == ("+", b"OK")
        assert c.call("WAITAOF", "1", "1", "10000") == ("*", [(":", 1), (":", 1)])
    assert_equal(p, [r])
    want = digest(p)
    wait_until(lambda: info(r, "persistence")["aof_rewrite_in_progress"] == "0")
    r.process.kill()
    r.process.wait()
    r.ended = True
    again = machine("sorrel", "--dir", tmp_path, "--appendonly", "yes")
    assert digest(again) == want


def test_a_snapshot_of_functions_alone(machine, tmp_path):
    p = machine("sorrel")
    code = b"#!lua name=lib\nredis.register_function('f', function() return 1 end)"
    with p.connect() as c:
        c.call("SET", "k", "v")
        assert c.call("FUNCTION", "LOAD", code) == ("$", b"lib")
        assert c.call("REPLCONF", "rdb-filter-only", "keys")[1] == b"ERR Unsupported rdb-filter-only option: keys"
    for wanted, has in (("functions", True), ("", False)):
        with p.connect() as c:
            assert c.call("REPLCONF", "rdb-only", "1") == ("+", b"OK")
            assert c.call("REPLCONF", "rdb-filter-only", wanted) == ("+", b"OK")
            snapshot = snapshot_of(c)
        assert (code in snapshot) == has and b"v" not in snapshot.replace(code, b"")[9:-9]
        (tmp_path / "dump.rdb").write_bytes(snapshot)
        other = servers.Server(ORACLE, "--dir", tmp_path)
        with other, other.connect() as c:
            assert c.call("DBSIZE") == (":", 0)
            assert len(c.call("FUNCTION", "LIST")[1]) == has


def snapshot_of(c):
    """What SYNC sends first: its length, and no line end behind it."""
    c.send(resp.encode(["SYNC"]))
    head = b""
    while not head.endswith(b"\r\n") or head.strip() == b"":
        head += c.socket.recv(1)
    body = b""
    while len(body) < int(head.strip()[1:]):
        body += c.socket.recv(65536)
    return body


def socket_options(server, level, option):
    """Of every TCP connection of a running server, by the port of its other end."""
    libc, found = ctypes.CDLL(None, use_errno=True), {}
    pidfd = os.pidfd_open(server.process.pid)
    try:
        for name in os.listdir(f"/proc/{server.process.pid}/fd"):
            fd = libc.syscall(438, pidfd, int(name), 0)  # pidfd_getfd
            if fd < 0:
                continue
            if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.close(fd)
                continue
            with socket.socket(fileno=fd) as s:
                try:
                    found[s.getpeername()[1]] = s.getsockopt(level, option)
                except OSError:
                    pass  # a listener
    finally:
        os.close(pidfd)
    return found


@pytest.mark.parametrize("disable,value", [("yes", 0), ("no", 1)])
def test_what_goes_to_a_replica_may_be_delayed(machine, disable, value):
    p, r = machine("sorrel", "--repl-disable-tcp-nodelay", disable), machine("sorrel")
    follow(r, "127.0.0.1", p.port)
    wait_online(p, r)
    with p.connect() as c:
        line = c.call("CLIENT", "LIST", "TYPE", "replica")[1].decode()
        port = int(line.split(" addr=")[1].split(" ")[0].rsplit(":", 1)[1])
        mine = c.socket.getsockname()[1]
        options = socket_options(p, socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert bool(options[port]) == bool(value) and options[mine], options


def test_what_a_replica_announces(machine):
    """Its address and port as it wants them told; whether it wants to be told of at all; the order in which it is chosen."""
    p = machine("sorrel")
    r = machine("sorrel", "--replica-announce-ip", "replica.example", "--replica-announce-port", "1234", "--replica-announced", "no",
                "--replica-priority", "7")
    follow(r, "127.0.0.1", p.port)
    wait_online(p, r)
    assert info(p)["slave0"].startswith("ip=replica.example,port=1234,state=online,offset=")
    with p.connect() as c:
        assert c.call("ROLE")[1][2][1][0][1][:2] == [("$", b"replica.example"), ("$", b"1234")]
        assert c.call("FAILOVER", "TO", "127.0.0.1", r.port)[1] == b"ERR FAILOVER target HOST and PORT is not a replica."
    assert info(r)["replica_announced"] == "0" and info(r)["slave_priority"] == "7"
    with r.connect() as c:
        assert c.call("CONFIG", "SET", "replica-announced", "yes", "replica-priority", "0") == ("+", b"OK")
    assert info(r)["replica_announced"] == "1" and info(r)["slave_priority"] == "0"


@pytest.mark.parametrize("ignore", ["yes", "no"])
def test_a_replica_keeps_what_its_primary_keeps(machine, ignore):
    """replica-ignore-maxmemory: a limit of its own makes it forget nothing, unless it is told to heed it."""
    p = machine("sorrel")
    r = machine("sorrel", "--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru", "--replica-ignore-maxmemory", ignore)
    follow(r, "127.0.0.1", p.port)
    wait_online(p, r)
    with p.connect() as c, r.connect() as d:
        for i in range(300):
            c.call("SET", f"k{i}", "x" * 20000)
        wait_until(lambda: offset_of(r) >= int(info(p)["master_repl_offset"]))
        if ignore == "yes":
            assert d.call("DBSIZE") == (":", 300)
        else:
            wait_until(lambda: d.call("DBSIZE")[1] < 300)
            assert c.call("DBSIZE") == (":", 300)


def offset_of(replica):
    return int(info(replica)["slave_repl_offset"])


def test_the_backlog_goes_when_nobody_has_come_for_it(machine):
    p, r = machine("sorrel", "--repl-backlog-ttl", "1"), machine("sorrel")
    follow(r, "127.0.0.1", p.port)
    wait_online(p, r)
    name = info(p)["master_replid"]
    r.stop()
    r.ended = True
    wait_until(lambda: info(p)["repl_backlog_active"] == "0")
    assert info(p)["master_replid"] != name  # nobody may think that he can go on from there
    assert "Replication backlog freed after 1 seconds" in p.log_text()


@pytest.mark.parametrize("frozen", ["primary", "replica"])
def test_a_silent_peer_is_given_up(machine, frozen):
    """repl-timeout, on both sides; and they find together again."""
    how = ("--repl-timeout", "2", "--repl-ping-replica-period", "1")
    p, r = machine("sorrel", *how), machine("sorrel", *how)
    follow(r, "127.0.0.1", p.port)
    wait_online(p, r)
    still, other = (p, r) if frozen == "primary" else (r, p)
    still.process.send_signal(19)
    try:
        wait_until(lambda: "timed out" in other.log_text())
        wait_until(lambda: info(other).get("master_link_status") == "down" or info(other).get("connected_slaves") == "0")
    finally:
        still.process.send_signal(18)
    wait_online(p, r)
    with p.connect() as c:
        c.call("SET", "a", "1")
    assert_equal(p, [r])


def test_a_replica_that_lags_does_not_count(machine):
    """min-replicas-max-lag: it is there, and has not acknowledged for too long."""
    p, r = machine("sorrel", "--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"), machine("sorrel")
    follow(r, "127.0.0.1", p.port)
    with p.connect() as c:
        wait_until(lambda: c.call("SET", "a", "1") == ("+", b"OK"))
        assert info(p)["min_slaves_good_slaves"] == "1"
        r.process.send_signal(19)
        try:
            wait_until(lambda: c.call("SET", "a", "2")[1] == b"NOREPLICAS Not enough good replicas to write.")
            assert info(p)["connected_slaves"] == "1" and info(p)["min_slaves_good_slaves"] == "0"
        finally:
            r.process.send_signal(18)
        wait_until(lambda: c.call("SET", "a", "3") == ("+", b"OK"))


def test_waitaof_waits_for_the_logs_of_replicas(machine):
    p = machine("sorrel", "--appendonly", "yes")
    logs, none = machine("sorrel", "--appendonly", "yes"), machine("sorrel")
    follow(logs, "127.0.0.1", p.port)
    follow(none, "127.0.0.1", p.port)
    wait_online(p, logs, none)
    with p.connect() as c, p.connect() as idle:
        c.call("SET", "a", "1")
        assert c.call("WAITAOF", "1", "1", "20000") == ("*", [(":", 1), (":", 1)])
        assert c.call("WAITAOF", "0", "2", "100") == ("*", [(":", 1), (":", 1)])  # one of them has no log
        assert c.call("WAIT", "2", "20000") == (":", 2)
        assert idle.call("WAITAOF", "1", "0", "0")[1][0] == (":", 1)
        logs.process.send_signal(19)
        try:
            c.call("SET", "a", "2")
            c.send(resp.encode(["WAITAOF", "1", "1", "0"]))
            wait_until(lambda: held(p) == 1)
        finally:
            logs.process.send_signal(18)
        assert c.read() == ("*", [(":", 1), (":", 1)])
    with logs.connect() as c:
        assert c.call("WAITAOF", "0", "0", "0")[1].startswith(b"ERR WAITAOF cannot be used with replica instances")
    with none.connect() as c:
        assert c.call("REPLICAOF", "NO", "ONE") == ("+", b"OK")
        assert c.call("WAITAOF", "1", "0", "0")[1].startswith(b"ERR WAITAOF cannot be used when numlocal is set but appendonly")
