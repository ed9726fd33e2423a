"""FAILOVER when connections break: a primary that has asked its replica to take over is one again only if it is told that it may."""
import socket
import threading
import time

import pytest

import resp
import servers
from conftest import only_sorrel
from replication import Proxy, assert_equal, follow, info, link_up, wait_online, wait_until

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
        s, _ = self.listener.accept()
        c = servers.Connection.__new__(servers.Connection)
        c.socket, c.data, c.ended = s, bytearray(), False
        s.settimeout(20)
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
    """FAILOVER, and a write that waits for what becomes of it."""
    assert c.call("FAILOVER", "TO", "127.0.0.1", target.port, *more) == ("+", b"OK")
    c.send(resp.encode(["SET", "k", "v"]))


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
