"""sorrel-cli --cluster where it changes one: create, add-node, del-node, rebalance, reshard, fix, import, backup, on clusters of
Debian's redis-server; beside redis-cli where both say the same."""
import json
import os
import re
import shutil
import subprocess

import pytest

from test_cli import OURS, THEIRS, Server
from test_cli_cluster import run, same
from topologies import LooseNodes

pytestmark = [
    pytest.mark.skipif(not os.path.exists(OURS), reason="sorrel-cli is not built"),
    pytest.mark.skipif(THEIRS is None or shutil.which("redis-server") is None, reason="no redis-server to compare with"),
]

PASSWORD = "to the cluster"


class Grown(LooseNodes):
    """Five nodes with a password, the first three of them a cluster made by --cluster create."""

    def __init__(self):
        super().__init__(5, "--requirepass", PASSWORD, "--masterauth", PASSWORD)
        self.at = f"127.0.0.1:{self.ports[0]}"
        self.masters = self.ports[:3]
        self.spare = self.ports[3:]

    def connect(self, port):
        c = super().connect(port)
        c.call("AUTH", PASSWORD)
        return c

    def ours(self, *args, stdin="", code=0):
        got = run(OURS, ["-a", PASSWORD, "--no-auth-warning", "--cluster", *args], stdin)
        assert got[0] == code, got[1] + got[2]
        return got[1]

    def same(self, *args, stdin=""):
        return same("-a", PASSWORD, "--no-auth-warning", "--cluster", *args, stdin=stdin)[1]

    def everyone(self, *args):
        return [self.call(p, *args) for p in self.masters]

    def agreed(self):
        self.until(lambda: all(run(THEIRS, ["-a", PASSWORD, "--no-auth-warning", "--cluster", "check", f"127.0.0.1:{p}"])[0] == 0
                               for p in self.masters))

    def owner(self, slot):
        return next(r[2][1] for r in self.call(self.ports[0], "CLUSTER", "SLOTS") if r[0] <= slot <= r[1])

    def keys(self):
        return sorted(k for p in self.ports for k in self.call(p, "KEYS", "*") if self.call(p, "ROLE")[0] == b"master")

    def fill(self, count):
        lines = "".join(f"set key:{i} {i}\n" for i in range(count))
        run(THEIRS, ["-c", "-p", self.ports[0], "-a", PASSWORD, "--no-auth-warning"], lines)
        assert len(self.keys()) == count


@pytest.fixture(scope="module")
def grown():
    with LooseNodes(7) as loose:  # first what a plan looks like, before there is a cluster
        check_plans(loose)
    with Grown() as c:
        addresses = [f"127.0.0.1:{p}" for p in c.masters]
        assert c.same("create", *addresses).endswith("(type 'yes' to accept): ")
        assert c.same("create", *addresses, stdin="no\n").endswith("(type 'yes' to accept): ")
        out = c.ours("create", *addresses, "--cluster-yes")
        assert "[OK] All 16384 slots covered." in out and "Can I set" not in out
        c.until(lambda: all(b"cluster_state:ok" in info for info in c.everyone("CLUSTER", "INFO")))
        c.fill(200)
        yield c


def check_plans(loose):
    at = [f"127.0.0.1:{p}" for p in loose.ports]
    for args in (at[:6], at[:5]):  # with replicas on one host, redis-cli rolls dice
        assert same("--cluster", "create", *args)[1].endswith("(type 'yes' to accept): ")
    for args in ([*at, "--cluster-replicas", 2], [*at[:3], "127.0.0.1:1"], [*at[:3], "127.0.0.1"], at[:2], at[:1], []):
        assert same("--cluster", "create", *args)[0] == 1
    assert run(OURS, ["--cluster", "create", *at[:3], at[0]])[0] == 1
    # A replica is on another host than its master, whatever the order of the addresses.
    two_hosts = [f"{'localhost' if i % 2 else '127.0.0.1'}:{p}" for i, p in enumerate(loose.ports)]
    for order in (two_hosts[:6], two_hosts[:6:2] + two_hosts[1:6:2], two_hosts):
        out = run(OURS, ["--cluster", "create", *order, "--cluster-replicas", 1])[1]
        assert out.count("Adding replica") == len(order) - 3
        host = dict(re.findall(r"M: (\S+) (\S+):", out))
        pairs = re.findall(r"S: \S+ (\S+):\d+\n   replicates (\S+)", out)
        assert len(pairs) == len(order) - 3 and all(host[m] != h for h, m in pairs[:3]) or "WARNING" in out
        assert len(order) == 7 or "WARNING" not in out


def test_nodes_come_and_go(grown):
    new, replica = (f"127.0.0.1:{p}" for p in grown.spare)
    grown.agreed()
    grown.call(grown.ports[0], "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
    assert grown.ours("add-node", new, grown.at).endswith("[OK] New node added correctly.\n")
    assert grown.call(grown.spare[0], "FUNCTION", "LIST")[0][1] == b"lib"
    grown.until(lambda: all(len(n.splitlines()) == 4 for n in grown.everyone("CLUSTER", "NODES")))
    grown.agreed()
    assert "is not empty" in grown.same("add-node", new, grown.at)
    assert "can't connect" in grown.same("add-node", "127.0.0.1:1", grown.at)
    assert "No such master ID" in grown.same("add-node", replica, grown.at, "--cluster-slave", "--cluster-master-id", "abc")
    out = grown.ours("add-node", replica, grown.at, "--cluster-master-id", grown.id(grown.masters[1]))
    assert f"as replica of 127.0.0.1:{grown.masters[1]}." in out
    grown.until(lambda: grown.call(grown.spare[1], "ROLE")[3] == b"connected")

    # A master without slots gets a small share, and gives it back.
    grown.agreed()
    grown.same("rebalance", grown.at)
    grown.same("rebalance", grown.at, "--cluster-use-empty-masters", "--cluster-simulate")
    small = grown.id(grown.spare[0])
    assert ">>> Rebalancing across 4 nodes. Total weight = 3.02" in grown.ours(
        "rebalance", grown.at, "--cluster-use-empty-masters", "--cluster-pipeline", 50, "--cluster-weight", f"{small}=0.02")
    grown.agreed()
    assert re.search(rf"{grown.spare[0]} .* \| 1[01]\d slots \| 0 slaves", grown.same("info", grown.at))
    a, b = (grown.id(p) for p in grown.masters[:2])
    for weights in ([f"{a}=0.5", f"{b}=1.5"], [f"{a[:6]}=0", "--cluster-threshold", 5], [f"{a}=1.01"], ["zzz=1"]):
        grown.same("rebalance", grown.at, "--cluster-simulate", "--cluster-weight", *weights)
    for weights in ([f"{a}=x"], [a], [f"{a}=-1"]):
        assert "ID=WEIGHT" in grown.ours("rebalance", grown.at, "--cluster-weight", *weights, code=1)
    grown.ours("rebalance", grown.at, "--cluster-weight", f"{small}=0")
    grown.agreed()
    assert len(grown.keys()) == 200

    for port in grown.spare:
        assert "RESET SOFT" in grown.ours("del-node", grown.at, grown.id(port))
        grown.until(lambda: len(grown.call(port, "CLUSTER", "NODES").splitlines()) == 1)
    grown.until(lambda: all(len(n.splitlines()) == 3 for n in grown.everyone("CLUSTER", "NODES")))


def test_reshard_asks_for_what_it_was_not_told(grown):
    grown.agreed()
    a, b, c = (grown.id(p) for p in grown.masters)
    out = grown.ours("reshard", grown.at, stdin=f"x\n0\n3\nnosuch\n{a}\n{a}\nnosuch\n{b}\n{b}\ndone\nno\n", code=1)
    assert out.count("How many slots") == 3 and out.count("receiving node ID? ") == 2 and out.count("Source node #1") == 3
    assert out.count("    Moving slot") == 3 and "not possible to use the target" in out and "Source node #3" not in out
    out = grown.ours("reshard", grown.at, "--cluster-slots", 4, "--cluster-to", a, stdin="all\nyes\n")
    assert len(re.findall(r"Moving slot \d+ from 127", out)) == 4
    grown.ours("reshard", grown.at, stdin=f"2\n{a}\ndone\n", code=1)
    grown.ours("reshard", grown.at, stdin="2\n", code=1)
    grown.agreed()
    for args in (["--cluster-from", "x", "--cluster-to", a], ["--cluster-from", "all", "--cluster-to", "x"],
                 ["--cluster-from", a, "--cluster-to", a]):
        grown.same("reshard", grown.at, "--cluster-slots", 3, "--cluster-yes", *args)


def test_open_slots_are_closed(grown):
    """Each way in which a move can have been left, with keys on either side."""
    slot = grown.call(grown.ports[0], "CLUSTER", "KEYSLOT", "key:7")
    before = grown.keys()

    def setslot(port, *how):
        assert grown.call(port, "CLUSTER", "SETSLOT", str(slot), *how) == b"OK"

    def parties():
        grown.agreed()
        owner = grown.owner(slot)
        return owner, *(p for p in grown.masters if p != owner)

    def asking(port, *command):
        with grown.connect(port) as c:
            c.call("ASKING")
            c.call(*command)

    for case in ("importing", "importing with keys", "migrating", "both", "both with keys", "two importing", "elsewhere"):
        owner, one, two = parties()
        extra = []
        if case != "migrating":
            setslot(one, "IMPORTING", grown.id(owner))
        if case not in ("importing", "importing with keys"):
            setslot(owner, "MIGRATING", grown.id(one))
        if case in ("two importing", "elsewhere"):
            setslot(two, "IMPORTING", grown.id(owner))
        if case == "elsewhere":
            setslot(one, "STABLE")
        if case.endswith("with keys") or case in ("two importing", "elsewhere"):
            extra = [b"{key:7}there", b"{key:7}both"]
            for p in (one, two) if case == "two importing" else (two,) if case == "elsewhere" else (one,):
                asking(p, "SET", "{key:7}both", "same")
            asking(two if case == "elsewhere" else one, "SET", "{key:7}there", "1")
        out = grown.ours("fix", grown.at)
        assert f">>> Fixing open slot {slot}" in out and ">>> Case " in out, (case, out)
        grown.agreed()
        assert grown.keys() == sorted(before + extra), case
        for key in extra:
            grown.call(grown.owner(slot), "DEL", key)


def test_a_key_with_two_values_stops_it(grown):
    grown.agreed()
    slot = grown.call(grown.ports[0], "CLUSTER", "KEYSLOT", "key:7")
    owner = grown.owner(slot)
    other = next(p for p in grown.masters if p != owner)
    grown.call(other, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", grown.id(owner))
    with grown.connect(other) as c:
        c.call("ASKING")
        c.call("SET", "key:7", "newer")
    assert "one value on" in grown.ours("fix", grown.at, code=1)
    assert grown.call(owner, "GET", "key:7") == b"7"
    grown.ours("fix", grown.at, "--cluster-replace")
    grown.agreed()
    assert grown.call(grown.owner(slot), "GET", "key:7") == b"newer"
    grown.call(grown.owner(slot), "SET", "key:7", "7")


def test_uncovered_slots_are_covered(grown):
    grown.agreed()
    before = grown.keys()
    slot = grown.call(grown.ports[0], "CLUSTER", "KEYSLOT", "key:7")
    empty = next(s for s in range(16384) if not any(grown.everyone("CLUSTER", "COUNTKEYSINSLOT", str(s))))
    owner = grown.owner(slot)
    other = next(p for p in grown.masters if p != owner)
    # Keys of the slot on two nodes: the second has got them while it was importing it.
    grown.call(other, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", grown.id(owner))
    with grown.connect(other) as c:
        for key in "xy":
            c.call("ASKING")
            c.call("SET", "{key:7}" + key, "1")
    grown.call(other, "CLUSTER", "SETSLOT", str(slot), "STABLE")
    second = grown.call(grown.ports[0], "CLUSTER", "KEYSLOT", "key:8")
    for s in (empty, slot, second):
        grown.everyone("CLUSTER", "DELSLOTS", str(s))
    out = grown.ours("fix", grown.at, stdin="no\n", code=1)
    assert f"have no keys across the cluster:\n[{empty}]\n" in out and "Covering" not in out
    out = grown.ours("fix", grown.at, stdin="yes\nyes\nyes\n")
    assert f"keys in just one node:\n[{second}]" in out and f"keys in multiple nodes:\n[{slot}]" in out
    assert out.count(">>> Covering slot") == 3
    grown.agreed()
    assert grown.keys() == sorted(before + [b"{key:7}x", b"{key:7}y"])
    for key in "xy":
        grown.call(grown.owner(slot), "DEL", "{key:7}" + key)


def test_slots_that_two_serve(grown):
    """Two masters that claim a slot of the same epoch settle it among themselves by losing one's keys: fix must be sooner, and the
    cluster's gossip is stopped meanwhile."""
    grown.agreed()
    grown.same("fix", grown.at, "--cluster-search-multiple-owners")
    grown.same("check", grown.at, "--cluster-search-multiple-owners")
    slot = grown.call(grown.ports[0], "CLUSTER", "KEYSLOT", "key:7")
    owner = grown.owner(slot)
    other = next(p for p in grown.masters if p != owner)
    with grown.connect(other) as c:
        c.call("CLUSTER", "DELSLOTS", str(slot))
        c.call("CLUSTER", "ADDSLOTS", str(slot))
    code, out, err = run(OURS, ["-a", PASSWORD, "--no-auth-warning", "--cluster", "fix", grown.at,
                                "--cluster-search-multiple-owners"])
    if "has 2 owners" in out:  # else the other has heard of the owner again already
        assert f"owner: 127.0.0.1:{owner}" in out and code == 0
    grown.agreed()
    assert grown.call(grown.owner(slot), "GET", "key:7") == b"7"


def test_import(grown, tmp_path):
    grown.agreed()
    before = len(grown.keys())
    s = Server(str(tmp_path), "--requirepass", "source's")
    try:
        source = f"127.0.0.1:{s.port}"
        theirs = ["-p", s.port, "-a", "source's", "--no-auth-warning"]
        run(THEIRS, theirs, "".join(f"set import:{i} {i}\n" for i in range(1500)))
        login = ["--cluster-from-user", "default", "--cluster-from-pass", "source's"]
        assert "required" in same("-a", PASSWORD, "--no-auth-warning", "--cluster", "import", grown.at)[2]
        grown.ours("import", grown.at, "--cluster-from", "127.0.0.1:1", code=1)
        assert "should not be a cluster node" in grown.ours("import", grown.at, "--cluster-from", grown.at, "--cluster-from-pass",
                                                            PASSWORD, code=1)
        assert "NOAUTH" in grown.ours("import", grown.at, "--cluster-from", source, code=1)
        out = grown.ours("import", grown.at, "--cluster-from", source, *login, "--cluster-copy")
        assert "*** Importing 1500 keys from DB 0" in out and out.count(": OK\n") == 1500
        assert len(grown.keys()) == before + 1500 and run(THEIRS, [*theirs, "dbsize"])[1] == "1500\n"
        assert "BUSYKEY" in grown.ours("import", grown.at, "--cluster-from", source, *login, code=1)
        grown.ours("import", grown.at, "--cluster-from", source, *login, "--cluster-replace")
        assert run(THEIRS, [*theirs, "dbsize"])[1] == "0\n"
    finally:
        s.stop()
    for p in grown.masters:
        for k in grown.call(p, "KEYS", "import:*"):
            grown.call(p, "UNLINK", k)


def test_backup(grown, tmp_path):
    grown.agreed()
    folders = []
    for program, name in ((THEIRS, "theirs"), (OURS, "ours")):
        folder = tmp_path / name
        folder.mkdir()
        code, out, err = run(program, ["-a", PASSWORD, "--no-auth-warning", "--cluster", "backup", grown.at, folder])
        assert code == 0 and out.endswith(f"[OK] Backup created into: {folder}\n"), err
        folders.append(folder)
    names = sorted(f.name for f in folders[0].iterdir())
    assert len(names) == 4 and names == sorted(f.name for f in folders[1].iterdir())
    theirs, ours = ((f / "nodes.json").read_text() for f in folders)
    assert json.loads(ours) == json.loads(theirs) and ours == theirs
    for name in names[1:]:
        assert subprocess.run(["redis-check-rdb", str(folders[1] / name)], stdout=subprocess.DEVNULL).returncode == 0
    assert "Error opening" in run(OURS, ["-a", PASSWORD, "--no-auth-warning", "--cluster", "backup", grown.at, "/nonexistent"])[2]


def test_a_master_that_is_away(grown):
    """The last test: it takes one away for good."""
    grown.agreed()
    gone = grown.spare[0]
    grown.call(gone, "FUNCTION", "FLUSH")
    grown.call(gone, "CLUSTER", "RESET", "HARD")  # under its old name it was forgotten, which lasts a minute
    grown.ours("add-node", f"127.0.0.1:{gone}", grown.at)
    grown.until(lambda: all(str(gone).encode() in n for n in grown.everyone("CLUSTER", "NODES")))
    grown.agreed()
    grown.ours("reshard", grown.at, "--cluster-from", "all", "--cluster-to", grown.id(gone), "--cluster-slots", 3, "--cluster-yes")
    grown.agreed()
    grown.kill(gone)
    code, out, err = run(OURS, ["-a", PASSWORD, "--no-auth-warning", "--cluster", "fix", grown.at])
    assert code == 1 and "with 1 unreachable masters is dangerous" in out and "Could not connect" in err
    code, out, err = run(OURS, ["-a", PASSWORD, "--no-auth-warning", "--cluster", "fix", grown.at, "--cluster-yes",
                                "--cluster-fix-with-unreachable-masters"])
    assert code == 0 and out.count("Covering slot") >= 2, out[-500:] + err
    assert "[OK] All 16384 slots covered." in run(OURS, ["-a", PASSWORD, "--no-auth-warning", "--cluster", "check", grown.at])[1]
