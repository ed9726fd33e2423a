"""Deadlines of members with real processes: through snapshots, the log, DUMP, and what servers make of it that know none."""
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
import redis

from conftest import BIN, PROGRAM, ROOT, only_sorrel

sys.path.insert(0, os.path.join(ROOT, "tests", "durability"))
import aof  # noqa: E402

pytestmark = only_sorrel
LATER = 4000000000000


def fill(c, hashes=True):
    for size in (5, 700):
        members = [f"m{i}" for i in range(size)]
        c.sadd(f"s{size}", *members)
        c.zadd(f"z{size}", {m: i for i, m in enumerate(members)})
        c.execute_command("SPEXPIREAT", f"s{size}", LATER, "MEMBERS", size // 2, *members[:size // 2])
        c.execute_command("ZPEXPIREAT", f"z{size}", LATER + size, "MEMBERS", size // 2, *members[size // 2:size // 2 * 2])
        if hashes:
            c.hset(f"h{size}", mapping={m: i for i, m in enumerate(members)})
            c.execute_command("HPEXPIREAT", f"h{size}", LATER + 1, "FIELDS", 2, "m0", "m1")
            c.execute_command("HPEXPIREAT", f"h{size}", LATER, "FIELDS", 1, "m2")
    c.expire("s5", 1000)


def times(c):
    found = {}
    for key in sorted(c.keys("*")):
        letter, size = chr(key[0]).upper(), int(key[1:])
        members = [f"m{i}" for i in range(size)]
        found[key] = c.execute_command(f"{letter}PEXPIRETIME", key, "FIELDS", size, *members)
    return found


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_log_keeps_them(tmp_path, sig):
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes", "--appendfsync", "always")
    fill(s.client)
    before, digest = times(s.client), s.digest()
    for rewrite in (False, True):
        if rewrite:
            s.client.bgrewriteaof()
            s.wait_rewrite()
        s.stop(sig)
        s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes", "--appendfsync", "always")
        assert times(s.client) == before and s.digest() == digest
    s.stop()


def test_snapshots_keep_them(tmp_path):
    s = aof.Server(PROGRAM, str(tmp_path))
    fill(s.client)
    before = times(s.client)
    s.client.save()
    with open(tmp_path / "dump.rdb", "rb") as f:
        assert f.read(9) == b"REDIS0012"
    s.stop()
    tool = os.path.join(BIN, "sorrel-check")
    lines = subprocess.run([tool, "rdb", str(tmp_path / "dump.rdb"), "--export", "json"], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    values = {v["key"]: v for v in map(json.loads, lines) if "key" in v}
    assert dict(values["h5"]["members_expire_ms"]) == {"m0": LATER + 1, "m1": LATER + 1, "m2": LATER}
    assert len(values["s700"]["members_expire_ms"]) == 350
    s = aof.Server(PROGRAM, str(tmp_path))
    assert times(s.client) == before
    s.stop()


def test_time_goes_on_while_the_server_is_down(tmp_path):
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    s.client.sadd("s", "a", "b")
    s.client.execute_command("SPEXPIRE", "s", 300, "MEMBERS", 1, "a")
    s.client.execute_command("HSETEX", "h", "PX", 300, "FIELDS", 1, "f", "v")
    s.stop(signal.SIGKILL)
    signal.sigtimedwait([], 0.4)
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    assert s.client.smembers("s") == {b"b"} and not s.client.exists("h")
    s.stop()


def test_dump_and_restore(tmp_path):
    s = aof.Server(PROGRAM, str(tmp_path))
    c = s.client
    fill(c)
    before = times(c)
    for key in c.keys("*"):
        payload = c.dump(key)
        c.delete(key)
        c.restore(key, 0, payload)
    assert times(c) == before
    s.stop()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")
def test_older_servers(tmp_path):
    """Sets and sorted sets load everywhere, without their members' deadlines; a value's bytes do not pretend."""
    s = aof.Server(PROGRAM, str(tmp_path))
    fill(s.client, hashes=False)
    keys = sorted(s.client.keys("*"))
    dumped = s.client.dump("s5")
    s.client.save()
    s.stop()
    r = aof.Server(shutil.which("redis-server"), str(tmp_path))
    assert sorted(r.client.keys("*")) == keys
    assert r.client.scard("s700") == 700 and r.client.zrange("z5", 0, -1) == [b"m0", b"m1", b"m2", b"m3", b"m4"]
    with pytest.raises(redis.exceptions.ResponseError, match="Bad data format"):
        r.client.restore("x", 0, dumped)
    r.stop()


def test_replicas_have_them(tmp_path):
    """By the snapshot that a replica begins with, and by the stream; what is due goes when the primary says so, and is not
    seen before."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    a = aof.Server(PROGRAM, str(tmp_path / "a"))
    fill(a.client)
    b = aof.Server(PROGRAM, str(tmp_path / "b"), "--replicaof", "127.0.0.1", str(a.port))

    def wait_for(same):
        for _ in range(1000):
            if same():
                return
            signal.sigtimedwait([], 0.01)
        raise AssertionError("the replica does not follow")

    wait_for(lambda: b.client.info("replication").get("master_link_status") == "up" and b.client.dbsize() == 6)
    assert times(b.client) == times(a.client)
    a.client.execute_command("SPERSIST", "s5", "MEMBERS", 1, "m0")
    a.client.execute_command("HSETEX", "h5", "PX", 200, "FIELDS", 2, "m3", "x", "new", "y")
    a.client.execute_command("ZPEXPIRE", "z5", 200, "MEMBERS", 1, "m0")
    a.client.hincrbyfloat("h5", "m2", 1.5)
    wait_for(lambda: b.client.hexists("h5", "new"))
    wait_for(lambda: times(b.client) == times(a.client))
    signal.sigtimedwait([], 0.3)
    assert b.client.hget("h5", "new") is None and b.client.zscore("z5", "m0") is None
    assert a.client.hlen("h5") == 4
    wait_for(lambda: b.client.hlen("h5") == 4 and b.digest() == a.digest())
    b.stop()
    a.stop()
