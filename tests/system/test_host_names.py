"""Names of hosts are looked up where nobody has to wait for it: a name server that takes its time holds no client up."""
import os
import subprocess
import threading
import time

import pytest
from conftest import HERE, only_sorrel, wait_until
from replication import info, link_up

pytestmark = only_sorrel
DELAY = 1.5  # seconds; half of it is what nobody may have to wait
LOOKUPS_MAX = 8


@pytest.fixture
def slow(start, tmp_path):
    """A server for which names that end with .example take DELAY."""
    library = tmp_path / "names.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, os.path.join(HERE, "slow_names.c"), "-ldl"],
                   check=True)
    return lambda *options: start(*options, env={**os.environ, "LD_PRELOAD": str(library), "NAME_DELAY_MS": str(int(DELAY * 1000))})


def longest_ping(c, seconds):
    longest, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        assert c.call("PING") == ("+", b"PONG")
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.01)
    return longest


def threads(server):
    return len(os.listdir(f"/proc/{server.process.pid}/task"))


@pytest.mark.parametrize("name", ["slow.example", "several.example"])
def test_a_primary_by_name(start, slow, name):
    """Found while clients are served; of several addresses the one that answers."""
    primary, replica = start("--repl-diskless-sync-delay", "0"), slow()
    with replica.connect() as c:
        assert c.call("REPLICAOF", name, primary.port) == ("+", b"OK")
        assert longest_ping(c, DELAY / 2) < DELAY / 2
        assert c.call("ROLE")[1][3] == ("$", b"connecting")
        wait_until(lambda: link_up(replica))
        # Who changes his mind does not wait for it, either; what is found then is of no use to anybody.
        assert c.call("REPLICAOF", "other.example", primary.port) == ("+", b"OK")
        assert longest_ping(c, DELAY / 4) < DELAY / 2
        assert c.call("REPLICAOF", "NO", "ONE") == ("+", b"OK")
        assert longest_ping(c, DELAY) < DELAY / 2
    assert info(replica)["role"] == "master" and replica.alive()


def test_a_name_that_nobody_knows(start):
    replica = start()
    with replica.connect() as c:
        assert c.call("REPLICAOF", "no-such-host.invalid", 6379) == ("+", b"OK")
        wait_until(lambda: "Following no-such-host.invalid:6379 failed" in replica.log_text())
        c.call("SET", "k", "v")
        assert c.call("REPLICAOF", "NO", "ONE") == ("+", b"OK")
        assert c.call("SET", "k", "v") == ("+", b"OK")
        assert c.call("MIGRATE", "no-such-host.invalid", "6379", "k", "0", "5000") == (
            "-", b"IOERR error or timeout connecting to the client")
        assert c.call("GET", "k") == ("$", b"v")


def test_migrate_by_name(start, slow):
    """A deadline counts for the look-up, too; and it is not each command that gets a thread of its own."""
    source, target = slow(), start()
    with source.connect() as c, source.connect() as other:
        for i in range(LOOKUPS_MAX + 2):
            assert c.call("SET", f"k{i}", i) == ("+", b"OK")
        pings = []
        watcher = threading.Thread(target=lambda: pings.append(longest_ping(other, DELAY)))
        watcher.start()
        assert c.call("MIGRATE", "slow.example", target.port, "k0", "0", "20000") == ("+", b"OK")
        watcher.join()
        assert pings[0] < DELAY / 2, pings
        began = time.monotonic()
        answers = [c.call("MIGRATE", "slow.example", target.port, f"k{i}", "0", "1") for i in range(1, LOOKUPS_MAX + 2)]
        assert time.monotonic() - began < DELAY and all(a[1].startswith(b"IOERR error or timeout") for a in answers), answers
        assert c.call("MIGRATE", "127.0.0.1", target.port, "k1", "0", "20000") == ("+", b"OK")
        assert len(os.listdir(f"/proc/{source.process.pid}/task")) <= LOOKUPS_MAX + 8
        time.sleep(DELAY)
        assert c.call("MIGRATE", "slow.example", target.port, "k2", "0", "20000") == ("+", b"OK")
    with target.connect() as d:
        assert d.call("MGET", "k0", "k1", "k2", "k3") == ("*", [("$", b"0"), ("$", b"1"), ("$", b"2"), ("$", None)])
