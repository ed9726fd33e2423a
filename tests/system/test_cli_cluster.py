"""sorrel-cli and sorrel-benchmark with a cluster of Debian's redis-server: -c, --cluster and --cluster's subcommands beside redis-cli's."""
import os
import re
import shutil
import subprocess

import pytest

from test_cli import OURS, THEIRS
from test_benchmark import BENCH
from topologies import Cluster, Service

pytestmark = [
    pytest.mark.skipif(not os.path.exists(OURS), reason="sorrel-cli is not built"),
    pytest.mark.skipif(THEIRS is None or shutil.which("redis-server") is None, reason="no redis-server to compare with"),
]


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as c:
        for i in range(200):
            run(THEIRS, ["-c", "-p", c.ports[0], "set", f"key:{i}", i])
        yield c


def run(program, args, stdin=""):
    """TERM=dumb: redis-cli writes colours into pipes, too."""
    p = subprocess.run([program, *map(str, args)], input=stdin, capture_output=True, text=True, timeout=60,
                       env=dict(os.environ, TERM="dumb"))
    return p.returncode, p.stdout, p.stderr


def same(*args, stdin=""):
    theirs, ours = run(THEIRS, args, stdin), run(OURS, args, stdin)
    assert ours == theirs, args
    return ours


@pytest.mark.parametrize("form", [[], ["--no-raw"], ["--csv"], ["--json"], ["--no-raw", "-3"]], ids=" ".join)
def test_redirections_are_followed(cluster, form):
    for i in range(4):
        assert same("-c", "-p", cluster.ports[0], *form, "get", f"key:{i}")[1].strip('"\n') == str(i)
    out = same("-c", "-p", cluster.ports[0], *form, stdin="get key:0\nget key:1\nget key:2\nset key:3 3\nget nothing\n")[1]
    assert out.count("-> Redirected to slot [") >= 2
    assert "MOVED" in same("-p", cluster.ports[0], *form, stdin="get key:0\nget key:1\nget key:2\n")[1]


def test_ask_is_followed(cluster):
    """A slot on its way: a key that is missing at the source is asked for at the target."""
    slot = cluster.call(cluster.ports[0], "CLUSTER", "KEYSLOT", "{way}missing")
    owner = next(r[2][1] for r in cluster.call(cluster.ports[0], "CLUSTER", "SLOTS") if r[0] <= slot <= r[1])
    other = next(m for m in cluster.masters if m != owner)
    cluster.call(other, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", cluster.id(owner))
    cluster.call(owner, "CLUSTER", "SETSLOT", str(slot), "MIGRATING", cluster.id(other))
    try:
        assert same("-c", "-p", owner, "set", "{way}missing", "there")[1] == "OK\n"
        assert same("-c", "-p", owner, stdin="get {way}missing\n")[1].endswith(f"located at 127.0.0.1:{other}\nthere\n")
        warned = same("--cluster", "check", f"127.0.0.1:{owner}")
        assert warned[0] == 1 and f"in migrating state {slot}." in warned[1] and f"slots are open: {slot}." in warned[1]
    finally:
        cluster.call(other, "CLUSTER", "SETSLOT", str(slot), "NODE", cluster.id(other))
        cluster.call(owner, "CLUSTER", "SETSLOT", str(slot), "NODE", cluster.id(other))


def agreed(cluster):
    """All nodes have heard of the last move."""
    cluster.until(lambda: all(run(THEIRS, ["--cluster", "check", f"127.0.0.1:{p}"])[0] == 0 for p in cluster.masters))


def test_subcommands_that_look(cluster):
    agreed(cluster)
    for port in cluster.ports:
        assert "[OK] All 16384 slots covered." in same("--cluster", "check", f"127.0.0.1:{port}")[1]
        same("--cluster", "info", "127.0.0.1", port)
    at = f"127.0.0.1:{cluster.ports[0]}"
    assert same("--cluster", "call", at, "ping")[1].count("PONG") == 6
    assert same("--cluster", "call", at, "config", "get", "maxmemory", "--cluster-only-masters")[1].count("127.") == 3
    assert same("--cluster", "call", at, "nosuch", "--cluster-only-replicas")[1].count("ERR unknown") == 3
    same("--cluster", "set-timeout", at, 20)
    same("--cluster", "set-timeout", at, 2000)  # the servers have no file to write it to, and say so


def test_subcommands_that_fail(cluster):
    at = f"127.0.0.1:{cluster.ports[0]}"
    for args in (["nosuch"], ["check"], ["check", "127.0.0.1:1"], ["check", "a", "b", "c"], ["call", at], ["del-node", at, "nosuch"],
                 ["del-node", at, cluster.id(cluster.ports[0])]):
        assert same("--cluster", *args)[0] == 1, args
    code, out, err = run(OURS, ["--cluster", "help"])
    assert code == 0 and not err
    assert all(f"\n  {word} " in out for word in ("create", "fix", "reshard", "rebalance", "add-node", "import", "backup"))
    assert max(map(len, out.splitlines())) <= 100


def test_reshard(cluster):
    a, b = cluster.masters[:2]
    at = f"127.0.0.1:{a}"

    def moved(program, source, target, extra=()):
        agreed(cluster)
        code, out, err = run(program, ["--cluster", "reshard", at, "--cluster-from", source, "--cluster-to", cluster.id(target),
                                       "--cluster-slots", 7, "--cluster-yes", *extra])
        assert code == 0, out + err
        tail = out[out.index("Ready to move"):]
        return re.sub(r"\d+ from|slot \d+", "N", "\n".join(line for line in tail.splitlines() if "slots:" not in line)).replace(".", "")

    assert moved(THEIRS, cluster.id(a), b) == moved(OURS, cluster.id(a), b)
    moved(OURS, cluster.id(b), a, ["--cluster-pipeline", "3", "--cluster-timeout", "5000", "--cluster-replace"])
    assert len(re.findall("Moving N", moved(OURS, "all", b))) in (7, 14)
    agreed(cluster)
    for i in range(3):
        assert run(OURS, ["-c", "-p", a, "get", f"key:{i}"])[1] == f"{i}\n"
    code, out, err = run(OURS, ["--cluster", "reshard", at, "--cluster-from", cluster.id(b), "--cluster-to", cluster.id(a),
                                "--cluster-slots", 1], stdin="no\n")
    assert code == 1 and "Moving slot" in out and "Do you want to proceed" in out
    agreed(cluster)


def test_sentinel_url():
    with Service(replicas=1) as s:
        master = s.master
        code, out, err = run(OURS, ["-u", s.url, "info", "server"])
        assert code == 0 and f"tcp_port:{master}" in out, err
        assert run(OURS, ["-u", s.url, "role"])[1].startswith("master\n")
        assert run(OURS, ["-u", s.url], stdin="set k v\nget k\n")[1] == "OK\nv\n"
        code, out, err = run(OURS, ["-u", s.url.replace("mymaster", "nosuch"), "ping"])
        assert code == 1 and "no Sentinel can say where 'nosuch' is" in err


def test_sentinels_with_a_password():
    with Service(replicas=0, sentinels=1, password="data", sentinel_password="watch&me") as s:
        assert "NOAUTH" in run(OURS, ["-u", s.url, "--no-auth-warning", "ping"])[2]
        url = s.url + "?sentinel_password=watch%26me"
        assert run(OURS, ["-u", url, "--no-auth-warning", "ping"]) == (0, "PONG\n", "")
        assert "WRONGPASS" in run(OURS, ["-u", url + "x", "--no-auth-warning", "ping"])[2]


def bench(cluster, *args):
    return run(BENCH, ["-p", cluster.ports[0], "--cluster", *args])


def calls(cluster, command):
    """How often each master has run it."""
    text = [run(THEIRS, ["-p", p, "info", "commandstats"])[1] for p in cluster.masters]
    found = [re.search(rf"cmdstat_{command}:calls=(\d+)", t) for t in text]
    return [int(f[1]) if f else 0 for f in found]


@pytest.mark.parametrize("args", [["-P", 7], ["--threads", 2], ["-k", 0], ["-c", 2]], ids=str)
def test_load_of_a_cluster(cluster, args):
    agreed(cluster)
    for p in cluster.masters:
        run(THEIRS, ["-p", p, "config", "resetstat"])
    tests = "set,get,incr,lpush,lpop,sadd,hset,zadd,mset,xadd,lrange_100"
    code, out, err = bench(cluster, "-t", tests, "-n", 1003, "-r", 1000, "-q", "-e", *args)
    assert code == 0, err
    for command in ("set", "get", "incr", "mset", "xadd", "lrange"):
        shares = calls(cluster, command)
        assert sum(shares) == 1003, (command, shares)
        assert args[0] == "-c" or min(shares) > 0, (command, shares)


def test_load_of_a_cluster_by_a_command_of_ones_own(cluster):
    agreed(cluster)
    code, out, err = bench(cluster, "-n", 300, "-r", 50, "-e", "-q", "set", "own:{tag}:__rand_int__:{tag}", "__data__")
    assert code == 0, err
    keys = [k for p in cluster.masters for k in run(OURS, ["-p", p, "--scan", "--pattern", "own:*"])[1].split()]
    tags = {re.fullmatch(r"own:\{(\d{6})\}:\d{12}:\{(\d{6})\}", k).groups() for k in keys}
    assert 50 <= len(keys) <= 150 and all(a == b for a, b in tags)
    # Keys without a tag are wherever they are: errors, and counted.
    code, out, err = bench(cluster, "-n", 300, "-r", 50, "-e", "-q", "set", "own:__rand_int__", "x")
    assert code == 1 and "MOVED" in err


def test_load_of_what_is_no_cluster(cluster, tmp_path):
    from test_cli import Server
    s = Server(str(tmp_path))
    try:
        code, out, err = run(BENCH, ["-p", s.port, "--cluster", "-t", "get", "-n", 10])
        assert code == 1 and "cluster support disabled" in err
    finally:
        s.stop()
    code, out, err = bench(cluster, "--compare", "redis://127.0.0.1:1", "-t", "get", "-n", 10)
    assert code == 1 and "--compare" in err
