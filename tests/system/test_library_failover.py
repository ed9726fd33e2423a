"""libsorrel beside Debian's Sentinels and a cluster: switches in the middle of pipelines, slots that move."""
import os
import re
import shutil
import subprocess
import time

import pytest

from conftest import PROGRAM
from test_library_client import TESTS, build
from test_tls import Authority
from topologies import Cluster, Service, plain


pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server to talk to")


@pytest.fixture(scope="module", autouse=True)
def built():
    build()


def begin(*args):
    p = subprocess.Popen([os.path.join(TESTS, args[0]), *map(str, args[1:])], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True)
    seen = []
    for line in p.stdout:
        seen.append(line)
        if line == "ready\n":
            return p, seen
    raise AssertionError("".join(seen))


def end(p, seen):
    out = "".join(seen) + p.communicate(timeout=120)[0]
    assert p.returncode == 0, out
    return out


# A machine that is busy with other things makes Sentinels slow; a switch has all the time that the program works.
SECONDS = 7


@pytest.mark.parametrize("nodes", [None, PROGRAM], ids=["redis-server", "sorrel-server"])
def test_switch_in_the_middle_of_pipelines(nodes):
    with Service(program_of_nodes=nodes) as s:
        before = s.master
        p, seen = begin("failover", s.url, SECONDS)
        time.sleep(1.5)
        s.failover()
        out = end(p, seen)
        last = re.search(r"done (\d+) failures 0 gap (\d+) cut (\d+) master (\d+)", out)
        assert int(last[4]) != before, out


def test_switch_over_tls(tmp_path):
    ca = Authority(tmp_path, "good")
    # For no address, as that of a moving service may well be: what the URL says about that goes for the Sentinels, too.
    key, cert = ca.issue("server", names="DNS:localhost")
    with Service(tls=(key, cert, ca.cert)) as s:
        before = s.master
        p, seen = begin("failover", s.url + f"?ssl_ca_certs={ca.cert}&ssl_check_hostname=false", SECONDS)
        time.sleep(1)
        s.failover()
        out = end(p, seen)
        last = re.search(r"done (\d+) failures 0 gap (\d+) cut (\d+) master (\d+)", out)
        assert int(last[4]) != before, out


def test_master_that_dies():
    with Service(password="p/+@=") as s:
        before = s.master
        p, seen = begin("failover", s.url, SECONDS)
        time.sleep(1)
        s.kill(before)
        out = end(p, seen)
        last = re.search(r"done (\d+) failures 0 gap (\d+) cut (\d+) master (\d+)", out)
        assert int(last[4]) != before, out


def test_master_that_hangs_is_left_at_the_switch():
    """Stopped, not dead: its sockets stay open and silent. Only the news of the switch ends the waiting."""
    with Service() as s:
        before = s.master
        p, seen = begin("failover", s.url, SECONDS + 3)
        time.sleep(1)
        s.processes[before].send_signal(19)
        try:
            out = end(p, seen)
        finally:
            s.processes[before].send_signal(18)
        last = re.search(r"done (\d+) failures 0 gap (\d+) cut (\d+) master (\d+)", out)
        assert int(last[4]) != before and int(last[2]) < 10000, out


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as c:
        yield c


@pytest.mark.parametrize("name", ["every_slot", "split_pipelines", "replica_reads", "cached", "near_cache"])
def test_cluster(cluster, name):
    p = subprocess.run([os.path.join(TESTS, "cluster"), f"redis://127.0.0.1:{cluster.ports[0]}", name], capture_output=True,
                       text=True, timeout=60)
    assert p.returncode == 0, p.stdout


def test_ask_is_followed(cluster):
    """The slot stays between two nodes for the whole test. Old keys are still at the one; new ones came to be at the other."""
    slot = cluster.call(cluster.ports[0], "CLUSTER", "KEYSLOT", "moving")
    owner = next(r[2][1] for r in cluster.call(cluster.ports[0], "CLUSTER", "SLOTS") if r[0] <= slot <= r[1])
    other = next(m for m in cluster.masters if m != owner)
    cluster.call(owner, "SET", "{moving}:here", "stays")
    cluster.call(other, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", cluster.id(owner))
    cluster.call(owner, "CLUSTER", "SETSLOT", str(slot), "MIGRATING", cluster.id(other))
    try:
        p = subprocess.run([os.path.join(TESTS, "cluster"), f"redis://127.0.0.1:{cluster.ports[0]}", "while_a_slot_is_on_its_way"],
                           capture_output=True, text=True, timeout=60)
        assert p.returncode == 0, p.stdout
        with cluster.connect(other) as c:
            for key, value in (("single", b"20"), ("pipelined", b"40"), ("together", b"40")):
                c.call("ASKING")
                assert plain(c.call("GET", "{moving}:" + key)) == value
        assert cluster.call(owner, "CLUSTER", "GETKEYSINSLOT", str(slot), "10") == [b"{moving}:here"]
    finally:
        with cluster.connect(other) as c:
            for key in ("single", "pipelined", "together"):
                c.call("ASKING")
                c.call("DEL", "{moving}:" + key)
        cluster.call(owner, "DEL", "{moving}:here")
        for port in (owner, other):
            cluster.call(port, "CLUSTER", "SETSLOT", str(slot), "STABLE")


def test_slots_that_move(cluster):
    slot = cluster.call(cluster.ports[0], "CLUSTER", "KEYSLOT", "moving")
    p, seen = begin("cluster", f"redis://127.0.0.1:{cluster.ports[1]}", "while_slots_move")
    owner = next(r[2][1] for r in cluster.call(cluster.ports[0], "CLUSTER", "SLOTS") if r[0] <= slot <= r[1])
    other = next(m for m in cluster.masters if m != owner)
    cluster.move_slot(slot, owner, other)
    cluster.move_slot(slot, other, owner)
    assert "moved" in end(p, seen)


def test_near_cache_while_slots_move(cluster):
    slot = cluster.call(cluster.ports[0], "CLUSTER", "KEYSLOT", "moving")
    p, seen = begin("cluster", f"redis://127.0.0.1:{cluster.ports[1]}", "near_while_slots_move")
    owner = next(r[2][1] for r in cluster.call(cluster.ports[0], "CLUSTER", "SLOTS") if r[0] <= slot <= r[1])
    other = next(m for m in cluster.masters if m != owner)
    cluster.move_slot(slot, owner, other)
    cluster.call(other, "SET", "{moving}:over", "1")
    assert "moved" in end(p, seen)


def test_cluster_node_that_dies(cluster):
    slot = cluster.call(cluster.ports[0], "CLUSTER", "KEYSLOT", "cl:7")
    owner = next(r[2][1] for r in cluster.call(cluster.ports[0], "CLUSTER", "SLOTS") if r[0] <= slot <= r[1])
    cluster.kill(owner)
    seed = next(p for p in cluster.ports if p != owner)
    p = subprocess.run([os.path.join(TESTS, "cluster"), f"redis://127.0.0.1:{seed}", "every_slot"], capture_output=True,
                       text=True, timeout=60)
    assert p.returncode == 0, p.stdout
