"""FAILOVER when connections break: a primary that has asked its replica to take over is one again only if it is told that it may."""
import socket
import threading
import time

import pytest

import resp
import servers
from conftest import only_sorrel
from replication import Proxy, assert_equal, follow, info, link_up, offset, wait_online, wait_until

pytestmark = only_sorrel
NEW_ID = b"b" * 40
ANSWERS = {b"PING": b"+PONG\r\n", b"REPLCONF": b"+OK\r\n"}


class Target:
    """A replica that has everything, as far as its primary can tell; what it says when it is asked to take over is the test's."""

    def __init__(self, primary):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        self.port = self.listener.getsockname()[1]
        self.link = primary.connect()
        for words in (["REPLCONF", "listening-port", self.port], ["REPLCONF", "capa", "psync2"]):
            assert self.link.call(*words) == ("+", b"OK")
        self.link.send(resp.encode(["PSYNC", "?", "-1"]))
        threading.Thread(target=self.follow, daemon=True).start()
        wait_online_replica(primary)

    def line(self):
        while b"\n" not in self.link.data:
            self.link.fill()
        line, _, rest = bytes(self.link.data).partition(b"\r\n")
        self.link.data[:] = rest
        return line.strip()

    def follow(self):
        try:
            self.offset = int(self.line().split()[2])
            snapshot = int(self.line()[1:])
            while len(self.link.data) < snapshot:
                self.link.fill()
            del self.link.data[:snapshot]
            while True:
                self.offset += len(self.link.data)
                self.link.data.clear()
                self.link.send(resp.encode(["REPLCONF", "ACK", self.offset]))
                self.link.fill()
        except (servers.Closed, OSError):
            pass

    def asked(self, role=None):
        """The next connection up to PSYNC, and that. Of INFO it says only that role, or nothing (None)."""
        c = servers.Connection.over(self.listener.accept()[0])
        while True:
            words = [w[1] for w in c.read()[1]]
            if words[0] == b"PSYNC":
                return c, words
            if words[0] == b"INFO" and role:
                text = b"# Replication\r\nrole:" + role + b"\r\nconnected_slaves:0\r\n"
                c.send(b"$%d\r\n%s\r\n" % (len(text), text))
            else:
                c.send(ANSWERS.get(words[0], b"-NOPERM no\r\n"))

    def close(self):
        self.listener.close()
        self.link.close()


def wait_online_replica(primary):
    wait_until(lambda: "state=online" in info(primary).get("slave0", ""))


@pytest.fixture
def primary(start):
    return start("--repl-diskless-sync", "no", "--repl-diskless-sync-delay", "0")


@pytest.fixture
def target(primary):
    t = Target(primary)
    yield t
    t.close()


def state(server):
    i = info(server)
    return i["role"], i["master_failover_state"]


IN_PROGRESS = ("slave", "failover-in-progress")


def ask(primary, target, c, *more):
    """FAILOVER, and a write that waits for what becomes of it: sent with it, since this is a replica when the target is asked."""
    c.send(resp.encode(["FAILOVER", "TO", "127.0.0.1", target.port, *more]) + resp.encode(["SET", "k", "v"]))
    assert c.read() == ("+", b"OK")


@pytest.mark.parametrize("role", [b"master", b"slave"])
def test_the_answer_is_lost(primary, target, role):
    """It is not a primary meanwhile. Then it asks the other what it is: one that has taken over is followed, another one asked anew."""
    with primary.connect() as c:
        ask(primary, target, c)
        link, words = target.asked()
        assert words[3:] == [b"FAILOVER"]
        link.close()
        wait_until(lambda: info(primary)["master_link_status"] == "down")
        assert state(primary) == IN_PROGRESS and c.poll() is None
        link, again = target.asked(role)
        assert again[1:3] == words[1:3] and again[3:] == ([b"FAILOVER"] if role == b"slave" else [])
        assert state(primary) == IN_PROGRESS and not c.fill(0.01)
        link.send(b"+CONTINUE " + NEW_ID + b"\r\n")
        assert c.read()[1].startswith(b"READONLY")
        wait_until(lambda: link_up(primary))
        assert state(primary) == ("slave", "no-failover") and info(primary)["master_replid"].encode() == NEW_ID
        link.close()
        link, words = target.asked()  # an ordinary replica from now on
        assert words[3:] == []
        link.close()


def test_who_can_not_know_asks_until_somebody_decides(primary, target):
    """The other does not tell its role, and refuses now: perhaps because it has taken over."""
    with primary.connect() as c, primary.connect() as d:
        ask(primary, target, c)
        target.asked()[0].close()
        for _ in range(2):
            link, words = target.asked()
            assert words[3:] == [b"FAILOVER"]
            link.send(b"-ERR PSYNC FAILOVER can't be sent to a master.\r\n")
            wait_until(lambda: "refuses now, but may have taken over before" in primary.log_text())
            assert state(primary) == IN_PROGRESS and not c.fill(0.01)
            link.close()
        assert d.call("FAILOVER", "ABORT") == ("+", b"OK")
        assert c.read() == ("+", b"OK")
        assert state(primary) == ("master", "no-failover")
        assert "the target may have taken over all the same" in primary.log_text()


@pytest.mark.parametrize("refusal", [b"-ERR PSYNC FAILOVER replid must match my replid.", b"-LOADING wait", b"-ERR unknown command"])
def test_who_refuses_at_once_has_not_taken_over(primary, target, refusal):
    with primary.connect() as c:
        ask(primary, target, c)
        link, words = target.asked()
        assert words[3:] == [b"FAILOVER"]
        link.send(refusal + b"\r\n")
        assert c.read() == ("+", b"OK")
        assert state(primary) == ("master", "no-failover")
        assert "Failover aborted: the target has refused to take over\n" in primary.log_text()
        link.close()


def test_who_can_not_be_reached_is_tried_again(primary, target):
    """Without an end unless there is a TIMEOUT; nobody has been asked, so nobody can have taken over."""
    target.listener.close()
    with primary.connect() as c, primary.connect() as d:
        ask(primary, target, c)
        wait_until(lambda: primary.log_text().count("failed: Connection refused") >= 2)
        assert state(primary) == IN_PROGRESS and not c.fill(0.01)
        assert d.call("FAILOVER", "ABORT") == ("+", b"OK")
        assert c.read() == ("+", b"OK")
        ask(primary, target, c, "TIMEOUT", "500")
        assert c.read() == ("+", b"OK")
        assert state(primary) == ("master", "no-failover")
        assert "Failover aborted: the target could not be asked in time\n" in primary.log_text()


def test_a_timeout_does_not_make_two_primaries(primary, target):
    """Once the other has been asked the time does not count any more."""
    with primary.connect() as c, primary.connect() as d:
        ask(primary, target, c, "TIMEOUT", "300")
        link, _ = target.asked()
        time.sleep(0.6)
        assert state(primary) == IN_PROGRESS and not c.fill(0.01)
        assert d.call("PSYNC", info(primary)["master_replid"], "1", "FAILOVER") == (
            "-", b"NOMASTERLINK Can't SYNC while failing over")
        link.send(b"+CONTINUE " + NEW_ID + b"\r\n")
        assert c.read()[1].startswith(b"READONLY")


@pytest.mark.parametrize("kind", ["sorrel", "redis"])
def test_nothing_is_lost_when_the_answer_is(start, kind):
    """With real servers: the link breaks just after the other has taken over."""
    debug = ["--enable-debug-command", "yes"]
    a = start("--repl-diskless-sync-delay", "0", *debug)
    b = start(*debug) if kind == "sorrel" else servers.Server(servers.oracle_command(), *debug)
    proxy = Proxy(b.port)
    try:
        with a.connect() as c, b.connect() as d:
            assert d.call("CONFIG", "SET", "replica-announce-port", proxy.port) == ("+", b"OK")
            follow(b, "127.0.0.1", a.port)
            wait_online(a, b)
            for i in range(100):
                c.call("SET", f"k{i}", i)
            proxy.cut_after(len(b"+PONG\r\n" + 2 * b"+OK\r\n") + 1)
            assert c.call("FAILOVER", "TO", "127.0.0.1", proxy.port) == ("+", b"OK")
            wait_until(lambda: info(b)["role"] == "master")
            assert d.call("SET", "x", "1") == ("+", b"OK")
            wait_until(lambda: link_up(a))
            assert proxy.cuts == 1 and state(a) == ("slave", "no-failover")
            assert c.call("SET", "x", "2")[1].startswith(b"READONLY")
            wait_until(lambda: c.call("GET", "x") == ("$", b"1"))
            assert c.call("DBSIZE") == (":", 101)
        assert int(info(b, "stats")["sync_full"]) == 0
        assert_equal(b, [a])
    finally:
        proxy.close()
        if kind == "redis":
            b.stop()


# -- a primary that is made a replica ----------------------------------------------------------------------------------

UNBLOCKED = b"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"


@pytest.mark.parametrize("how", ["REPLICAOF", "MULTI", "FAILOVER"])
def test_nobody_goes_on_writing_to_what_is_a_replica_now(start, how):
    """Who waits for a key would take it from under the primary; long commands that write, and a transaction around it, are part of
    what the other may know, or are not done."""
    debug = ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"]
    a, b = start(*debug), start(*debug)
    follow(b, "127.0.0.1", a.port)
    wait_online(a, b)
    with a.connect() as c, b.connect() as other, a.connect() as pops, a.connect() as reads, a.connect() as removes, a.connect() as waits:
        for i in range(60):
            c.call("ZADD", "z", *[w for j in range(5000) for w in (i * 5000 + j, f"m{i * 5000 + j}")])
        for i in range(200):
            c.call("SET", f"gone{i}", "x")
        pops.send(resp.encode(["BLPOP", "q", "0"]))
        reads.send(resp.encode(["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]))
        waits.send(resp.encode(["DELMATCH", "gone*", "RATE", "20"]))
        wait_until(lambda: info(a, "clients")["blocked_clients"] == "2" and c.call("DBSIZE")[1] < 201)
        if how == "FAILOVER":
            removes.send(resp.encode(["ZREMRANGEBYRANK", "z", "10", "-10"]))
            assert c.call("FAILOVER") == ("+", b"OK")
        else:
            other.call("REPLICAOF", "NO", "ONE")
            wait_until(lambda: info(a)["connected_slaves"] == "0")
            removes.send(resp.encode(["ZREMRANGEBYRANK", "z", "10", "-10"]))
            words = [["REPLICAOF", "127.0.0.1", b.port]]
            if how == "MULTI":
                words = [["MULTI"], ["SET", "inside", "1"], *words, ["EXEC"]]
            c.send(b"".join(resp.encode(w) for w in words))
            for _ in words:
                assert c.read()[0] != "-"
        for blocked in (pops, reads, waits):
            assert blocked.read() == ("-", UNBLOCKED)
        for blocked in (pops, reads):
            with pytest.raises(servers.Closed):
                blocked.fill(20)
        assert removes.read() in ((":", 299981), ("-", b"READONLY You can't write against a read only replica."))
        wait_until(lambda: link_up(a))
        assert other.call("RPUSH", "q", "x") == (":", 1)
        assert other.call("XADD", "s", "1-1", "f", "v") == ("$", b"1-1")
        assert other.call("SET", "gone0", "back")[0] == "+"
    assert_equal(b, [a])


# -- what may go wrong while a dataset comes in ------------------------------------------------------------------------

class Source:
    """A primary that sends a snapshot of a real one, whole, and has what follows decided by the test."""

    def __init__(self, snapshot):
        self.snapshot = snapshot
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        self.port = self.listener.getsockname()[1]

    def asked(self, told=b"-NOPERM no\r\n"):
        """The next connection up to PSYNC; `told` is the answer to INFO."""
        c = servers.Connection.over(self.listener.accept()[0])
        while True:
            words = [w[1] for w in c.read()[1]]
            if words[0] == b"PSYNC":
                return c
            c.send(ANSWERS.get(words[0], told))

    def send(self):
        c = self.asked()
        c.send(b"+FULLRESYNC %s 5000\r\n$%d\r\n" % (NEW_ID, len(self.snapshot)))
        c.send(self.snapshot)
        return c.socket


def snapshot_of(start, count):
    with start() as s, s.connect() as c:
        for i in range(0, count, 10000):
            c.call("MSET", *[w for j in range(i, i + 10000) for w in (f"other{j}", "x" * 60)])
        assert c.call("SAVE") == ("+", b"OK")
        with open(f"{s.dir}/dump.rdb", "rb") as f:
            return f.read()


def test_half_a_dataset_is_no_place_in_a_history(start):
    """A replica turns to another primary, whose dataset is damaged: what it had is gone, so it can't go on where it was."""
    debug = ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"]
    a, r = start(*debug), start(*debug)
    snapshot = bytearray(snapshot_of(start, 10000))
    snapshot[-1] ^= 1  # its checksum
    source = Source(bytes(snapshot))
    with a.connect() as c:
        c.call("MSET", "k1", "1", "k2", "2")
        follow(r, "127.0.0.1", a.port)
        wait_online(a, r)
        follow(r, "127.0.0.1", source.port)
        link = source.send()
        with r.connect() as d:
            wait_until(lambda: "replacing the dataset" in r.log_text() and f"Following 127.0.0.1:{source.port} failed" in r.log_text())
            link.close()
            source.listener.close()
            assert d.call("DBSIZE") == (":", 0)
            follow(r, "127.0.0.1", a.port)
            wait_online(a, r)
            assert d.call("MGET", "k1", "k2") == ("*", [("$", b"1"), ("$", b"2")])
        assert_equal(a, [r])


def test_a_dataset_that_did_not_come(start):
    """A replica turns to another primary and back before that one's dataset has come: it goes on where it was, in the same database."""
    debug = ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"]
    a, r = start(*debug), start(*debug)
    source = Source(b"")
    with a.connect() as c:
        follow(r, "127.0.0.1", a.port)
        wait_online(a, r)
        c.call("SELECT", "3")
        c.call("SET", "k1", "1")
        wait_until(lambda: offset(r) == offset(a))
        follow(r, "127.0.0.1", source.port)
        link = source.asked()
        link.send(b"+FULLRESYNC %s 5000\r\n$100000\r\nREDIS0011" % NEW_ID)
        wait_until(lambda: info(r)["master_sync_in_progress"] == "1")
        follow(r, "127.0.0.1", a.port)
        wait_online(a, r)
        link.close()
        source.listener.close()
        c.call("SET", "k2", "2")
        assert info(a, "stats")["sync_full"] == "1"
        with r.connect() as d:
            d.call("SELECT", "3")
            wait_until(lambda: d.call("DBSIZE") == (":", 2))
    assert_equal(a, [r])


def test_a_primary_that_goes_while_its_dataset_is_loaded(start):
    """The first acknowledgement finds the connection broken."""
    r = start()
    source = Source(snapshot_of(start, 300000))
    follow(r, "127.0.0.1", source.port)
    link = source.send()
    wait_until(lambda: "replacing the dataset" in r.log_text())
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    link.close()
    wait_until(lambda: "Connection with primary" in r.log_text() or not r.alive())
    assert r.alive(), r.log_text()
    source.listener.close()
    with r.connect() as c:
        assert c.call("DBSIZE") == (":", 300000)


@pytest.mark.parametrize("length", [511, 512, 20000])
def test_a_long_line_in_what_a_primary_tells(start, length):
    """It is none that matters, and the rest is understood: the history that the primary continues is ours, and ours is longer."""
    r = start()
    source = Source(snapshot_of(start, 10000))
    follow(r, "127.0.0.1", source.port)
    link = source.send()
    link.sendall(resp.encode([b"SET", b"k", b"v"]))
    wait_until(lambda: info(r).get("slave_repl_offset") == "5027")
    link.close()
    told = b"x:%s\r\nmaster_replid2:%s\r\nsecond_repl_offset:5001\r\n" % (b"y" * (length - 2), NEW_ID)
    c = source.asked(b"$%d\r\n%s\r\n" % (len(told), told))
    c.send(b"+FULLRESYNC %s 5000\r\n" % (b"c" * 40))
    wait_until(lambda: "an older state of the same history" in r.log_text())
    c.close()
    source.listener.close()
