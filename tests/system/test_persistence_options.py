"""What the options of snapshots and of the log do, and files of old and other servers."""
import glob
import os
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest
import redis
import servers
from conftest import PROGRAM, ROOT, only_sorrel, wait_until

sys.path.insert(0, os.path.join(ROOT, "tests", "durability"))
import aof  # noqa: E402
import faults  # noqa: E402

pytestmark = only_sorrel
MANY = 400000  # keys: enough that a rewrite or a loading can be seen going on


def persistence(s):
    return s.client.info("persistence")


# -- save points ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("rules", [["--save", "3600 1 300 100 60 10000"], ["--save", ""], ["--save", "30 1"],
                                   ["--save", "30 1", "--save", "900 7"]])
def test_rules_are_read_as_redis_reads_them(tmp_path, rules):
    told = []
    for program in (servers.oracle_command(), PROGRAM):
        folder = tmp_path / os.path.basename(program)
        folder.mkdir()
        s = aof.Server(program, str(folder), *rules)  # after "--save ''", which all rules of a line replace
        told.append(s.client.config_get("save"))
        s.client.config_set("save", "100 1 5 2")
        told[-1].update(then=s.client.config_get("save"))
        s.client.config_set("save", "")
        told[-1].update(none=s.client.config_get("save"))
        s.stop(signal.SIGKILL)
    assert told[0] == told[1]


def in_a_rewrite(s, what):
    """Runs `what` while the log is being rewritten, and says what it returned. Begins again when the rewrite was faster."""
    for _ in range(20):
        s.client.execute_command("BGREWRITEAOF")
        wait_until(lambda: persistence(s)["aof_rewrite_in_progress"], what="the beginning of the rewrite")
        result = what()
        if persistence(s)["aof_rewrite_in_progress"]:
            return result
        s.wait_rewrite()
    raise AssertionError("rewrites are too fast")


def test_a_snapshot_may_be_scheduled_behind_a_rewrite(tmp_path):
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")
    s.client.execute_command("DEBUG", "POPULATE", MANY)
    last = s.client.lastsave()

    def ask():
        with pytest.raises(redis.exceptions.ResponseError, match="Another child process is active .AOF.*BGSAVE SCHEDULE"):
            s.client.execute_command("BGSAVE")
        assert s.client.execute_command("SAVE")
        os.unlink(tmp_path / "dump.rdb")
        return s.client.execute_command("BGSAVE", "SCHEDULE")

    try:
        assert in_a_rewrite(s, ask) in (b"Background saving scheduled", True)
        s.wait_rewrite()
        digest = s.digest()
        wait_until(lambda: os.path.exists(tmp_path / "dump.rdb"), what="the snapshot")
        assert s.client.lastsave() >= last
        s.stop(signal.SIGKILL)
        s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
        assert s.digest() == digest
    finally:
        s.stop(signal.SIGKILL)


class Slow:
    """A server that each fsync (or other call) takes a fifth of a second."""

    def __init__(self, folder, *options, call="sync"):
        self.faults = faults.Faults(str(folder), faults.build(str(folder)))
        self.s = faults.start(PROGRAM, str(folder), self.faults.env, *options)
        self.s.client.set("k", "v")
        self.faults.arm(call, 0, 1 << 30, faults.SLOW)

    def __enter__(self):
        return self.s

    def __exit__(self, *_):
        self.s.stop(signal.SIGKILL)


def test_a_snapshot_goes_where_it_was_begun(tmp_path):
    """Although `dir` is another by the time that it is complete."""
    (tmp_path / "other").mkdir()
    with Slow(tmp_path, "--enable-protected-configs", "yes") as s:
        assert s.client.bgsave()
        s.client.config_set("dir", str(tmp_path / "other"))
        assert persistence(s)["rdb_bgsave_in_progress"]
        wait_until(lambda: not persistence(s)["rdb_bgsave_in_progress"], what="the snapshot")
        assert persistence(s)["rdb_last_bgsave_status"] == "ok"
        assert (tmp_path / "dump.rdb").exists() and not os.listdir(tmp_path / "other")
        assert not [name for name in os.listdir(tmp_path) if name.startswith("temp-")]
        assert s.client.save()
        assert os.listdir(tmp_path / "other") == ["dump.rdb"]


@pytest.mark.parametrize("how", [["FLUSHALL"], ["FLUSHALL", "ASYNC"], ["EVAL", "return redis.call('flushall')", "0"]])
def test_flushall_empties_the_snapshot(tmp_path, how):
    """What was emptied does not come back with a crash; not even when it was just being saved."""
    def saved(s):
        i = persistence(s)
        return i["rdb_changes_since_last_save"] <= 1 and not i["rdb_bgsave_in_progress"]

    with Slow(tmp_path, "--save", "3600 1000000") as s:
        s.client.mset({f"k{n}": n for n in range(10)})
        assert s.client.bgsave()
        s.client.execute_command(*how)
        s.client.set("after", 1)
        wait_until(lambda: saved(s), what="the snapshot")
    s = aof.Server(PROGRAM, str(tmp_path))
    assert s.client.dbsize() <= 1 and s.client.get("k1") is None
    s.client.set("k", 1)
    s.client.save()
    s.client.config_set("save", "")
    s.client.flushall()
    time.sleep(0.3)
    s.stop(signal.SIGKILL)
    s = aof.Server(PROGRAM, str(tmp_path))  # without rules the file is whoever's who asked for it
    assert s.client.get("k") == b"1"
    s.stop(signal.SIGKILL)


def test_a_snapshot_is_given_up_when_the_disk_stands_still(tmp_path):
    """Its memory has a bound, clients are served, and the next one succeeds."""
    slow = Slow(tmp_path, "--rdbcompression", "no", call="write")
    with slow as s:
        value = os.urandom(100000)
        p = s.client.pipeline(transaction=False)
        for n in range(900):
            p.set(f"large{n}", value)
        p.execute()
        assert s.client.bgsave()
        longest = 0
        for n in range(900):
            began = time.monotonic()
            s.client.set(f"large{n}", n)
            longest = max(longest, time.monotonic() - began)
        assert longest < 0.15  # nobody has waited for a write, which takes 0.2 s
        wait_until(lambda: not persistence(s)["rdb_bgsave_in_progress"], what="the end")
        assert persistence(s)["rdb_last_bgsave_status"] == "err" and "the disk is too slow" in s.log_tail()
        assert os.listdir(tmp_path).count("dump.rdb") == 0
        assert not [name for name in os.listdir(tmp_path) if name.startswith("temp-") and name.endswith(".rdb")]
        slow.faults.disarm()
        assert s.client.bgsave()
        wait_until(lambda: not persistence(s)["rdb_bgsave_in_progress"], what="the next")
        assert persistence(s)["rdb_last_bgsave_status"] == "ok"


def test_a_snapshot_is_not_scheduled_behind_another(tmp_path):
    with Slow(tmp_path) as s:
        assert s.client.bgsave()
        for how in ([], ["SCHEDULE"]):
            with pytest.raises(redis.exceptions.ResponseError, match="Background save already in progress"):
                s.client.execute_command("BGSAVE", *how)


def test_no_end_before_the_log_holds_the_dataset(tmp_path):
    """A start would find no log, and take the dataset for empty."""
    with Slow(tmp_path) as s:
        s.client.config_set("appendonly", "yes")
        for how in ([], ["NOSAVE"]):
            with pytest.raises(redis.exceptions.ResponseError, match="Errors trying to SHUTDOWN. Check logs."):
                s.client.execute_command("SHUTDOWN", *how)
        s.process.send_signal(signal.SIGTERM)
        s.wait_rewrite()
        assert s.client.get("k") == b"v"
        with pytest.raises(redis.exceptions.ConnectionError):
            s.client.execute_command("SHUTDOWN")
        assert s.process.wait(20) == 0
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    assert s.client.get("k") == b"v"
    s.client.config_set("appendonly", "no")
    s.client.config_set("appendonly", "yes")
    with pytest.raises(redis.exceptions.ConnectionError):
        s.client.execute_command("SHUTDOWN", "NOSAVE", "FORCE")
    assert s.process.wait(20) == 0


def test_files_without_checksum_are_read_by_both(tmp_path):
    s = aof.Server(PROGRAM, str(tmp_path), "--rdbchecksum", "no", "--enable-protected-configs", "yes")
    aof.fill(s.client, "a")
    s.client.config_set("dbfilename", "other.rdb")
    s.client.save()
    digest = s.digest()
    s.stop()
    data = (tmp_path / "other.rdb").read_bytes()
    assert data[-8:] == bytes(8)
    for name, bytes_ in (("other.rdb", data), ("valkey.rdb", b"VALKEY080" + data[9:])):
        (tmp_path / name).write_bytes(bytes_)
        for program in [PROGRAM] + ([servers.oracle_command()] if name == "other.rdb" else []):
            s = aof.Server(program, str(tmp_path), "--dbfilename", name)
            assert s.digest() == digest, (name, program)
            s.stop(signal.SIGKILL)


# -- old forms -----------------------------------------------------------------------------------------------------------

def rdb_string(s):
    assert len(s) < 1 << 14
    return (bytes([len(s)]) if len(s) < 64 else bytes([0x40 | len(s) >> 8, len(s) & 255])) + s


def ziplist(*items):
    """Strings below 64 bytes, and integers of every width that ziplists have."""
    body, offset, last, before = b"", 10, 10, 0
    for item in items:
        last = offset
        if isinstance(item, bytes):
            entry = bytes([before, len(item)]) + item
        else:
            for low, high, head in ((0, 12, None), (-128, 127, b"\xfe"), (-2 ** 15, 2 ** 15 - 1, b"\xc0"),
                                    (-2 ** 23, 2 ** 23 - 1, b"\xf0"), (-2 ** 31, 2 ** 31 - 1, b"\xd0"), (-2 ** 63, 2 ** 63 - 1, b"\xe0")):
                if low <= item <= high:
                    break
            width = {b"\xfe": 1, b"\xc0": 2, b"\xf0": 3, b"\xd0": 4, b"\xe0": 8}.get(head, 0)
            entry = bytes([before]) + (bytes([0xf1 + item]) if head is None else head + item.to_bytes(width, "little", signed=True))
        body += entry
        offset += len(entry)
        before = len(entry)
    return struct.pack("<IIH", 10 + len(body) + 1, last, len(items)) + body + b"\xff"


NUMBERS = (0, 12, 13, -1, -128, 127, 128, -30000, 40000, -8388608, 8388607, 2147483647, -2147483648, 2 ** 62, -2 ** 63)


def old_snapshot():
    """Version 3: no checksum, and every form that was given up since."""
    keys = [
        (1, b"linked list", bytes([2]) + rdb_string(b"a") + rdb_string(b"b")),
        (10, b"ziplist list", rdb_string(ziplist(b"x", b"", *NUMBERS))),
        (14, b"quicklist", bytes([2]) + rdb_string(ziplist(b"p", 1, 2)) + rdb_string(ziplist(*NUMBERS))),
        (2, b"set", bytes([2]) + rdb_string(b"a") + bytes([0xc0, 7])),
        (11, b"intset", rdb_string(struct.pack("<IIhhh", 2, 3, -5, 1, 300))),
        (11, b"wide intset", rdb_string(struct.pack("<IIqq", 8, 2, -2 ** 40, 2 ** 50))),
        (3, b"old scores", bytes([3]) + rdb_string(b"m") + b"\x031.5" + rdb_string(b"inf") + b"\xfe" + rdb_string(b"low") + b"\xff"),
        (12, b"ziplist zset", rdb_string(ziplist(b"a", 1, b"b", b"2.5", b"c", 100))),
        (4, b"hash", bytes([1]) + rdb_string(b"f") + rdb_string(b"v")),
        (9, b"zipmap", rdb_string(b"\x02\x01a\x02\x00xy\x01b\x01\x01z!\xff")),
        (13, b"ziplist hash", rdb_string(ziplist(b"f", b"v", b"n", 123456, b"m", -7))),
        (0, b"number", bytes([0xc2]) + struct.pack("<i", -123456)),
        (0, b"lzf", bytes([0xc3, 5, 12]) + b"\x00a\xe0\x02\x00"),
    ]
    out = b"REDIS0003\xfe\x00"
    for kind, key, value in keys:
        out += bytes([kind]) + rdb_string(key) + value
    return out + b"\xfd" + struct.pack("<i", 2 ** 31 - 1) + b"\x00" + rdb_string(b"expires") + rdb_string(b"v") + b"\xff", len(keys) + 1


def test_old_forms_are_read_as_redis_reads_them(tmp_path):
    data, count = old_snapshot()
    (tmp_path / "dump.rdb").write_bytes(data)
    seen = []
    for program in (servers.oracle_command(), PROGRAM):
        s = aof.Server(program, str(tmp_path))
        c = s.client
        seen.append((s.digest(), c.dbsize(), c.lrange("ziplist list", 0, -1), c.lrange("quicklist", 0, -1), c.hgetall("zipmap"),
                     c.zrange("old scores", 0, -1, withscores=True), c.get("lzf"), c.expiretime("expires")))
        s.stop(signal.SIGKILL)
    assert seen[0] == seen[1]
    assert seen[0][1] == count and seen[0][6] == b"a" * 12


# -- loading -------------------------------------------------------------------------------------------------------------

def test_who_asks_while_it_loads_is_told(tmp_path):
    s = aof.Server(PROGRAM, str(tmp_path))
    s.client.execute_command("DEBUG", "POPULATE", 3 * MANY)
    s.client.save()
    s.stop(signal.SIGKILL)
    for _ in range(5):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        p = subprocess.Popen([PROGRAM, "--port", str(port), "--dir", str(tmp_path), "--save", ""], stdout=subprocess.DEVNULL)
        refused, shares, done = 0, [], False
        try:
            while not done and p.poll() is None:
                try:
                    c = redis.Redis(port=port, socket_timeout=20)
                    i = c.info("persistence")
                    if i["loading"]:
                        shares.append(i["loading_loaded_perc"])
                    done = not i["loading"]
                    c.get("key:1")
                except redis.exceptions.BusyLoadingError as e:
                    assert "Redis is loading the dataset in memory" in str(e)
                    refused += 1
                except redis.exceptions.ConnectionError:
                    pass
        finally:
            p.kill()
            p.wait()
        if refused and len(set(shares)) > 1:
            assert shares == sorted(shares) and 0 <= shares[0] <= shares[-1] <= 100
            return
    raise AssertionError(f"loading was not seen: {refused} refused, {shares}")


# -- the log -------------------------------------------------------------------------------------------------------------

def test_a_torn_log_may_be_refused(tmp_path):
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    aof.fill(s.client, "a")
    s.stop()
    log = tmp_path / "appendonlydir" / "appendonly.aof.1.incr.aof"
    os.truncate(log, log.stat().st_size - 5)
    with pytest.raises(AssertionError, match="aof-load-truncated is off"):
        aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes", "--aof-load-truncated", "no")
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    assert s.client.dbsize() > 50
    assert any(".lost-" in name for name in os.listdir(tmp_path / "appendonlydir"))
    s.stop(signal.SIGKILL)


def test_a_log_that_has_grown_is_rewritten(tmp_path):
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes", "--auto-aof-rewrite-percentage", "100",
                   "--auto-aof-rewrite-min-size", "20kb", "--appenddirname", "elsewhere", "--appendfilename", "mine")
    for n in (1, 2):
        while persistence(s)["aof_rewrites"] < n:
            s.client.set("k", "x" * 1000)
    s.wait_rewrite()
    base = [name for name in os.listdir(tmp_path / "elsewhere") if ".base." in name]
    assert len(base) == 1 and os.path.getsize(tmp_path / "elsewhere" / base[0]) < 5000
    digest = s.digest()
    assert all(name.startswith("mine.") for name in os.listdir(tmp_path / "elsewhere"))
    s.stop(signal.SIGKILL)
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes", "--appenddirname", "elsewhere", "--appendfilename", "mine")
    assert s.digest() == digest
    s.stop(signal.SIGKILL)


def test_what_was_never_completed_is_removed(tmp_path):
    """Files that killed processes have left; not those of a process that lives, and nothing else."""
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    s.client.set("k", "v")
    s.stop(signal.SIGKILL)
    ended = subprocess.Popen(["true"])
    ended.wait()
    log = tmp_path / "appendonlydir"
    gone = [tmp_path / f"temp-{ended.pid}.rdb", tmp_path / f"temp-sync-{ended.pid}.rdb", log / "temp-rewriteaof-bg-7.aof",
            log / "temp-appendonly.aof.manifest"]
    kept = [tmp_path / f"temp-{os.getpid()}.rdb", tmp_path / "temp-.rdb", tmp_path / "temp-1x.rdb", tmp_path / "temp-notes.rdb",
            log / "temp-other.aof.manifest"]
    for path in gone + kept:
        path.write_bytes(b"half")
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    assert s.client.get("k") == b"v"
    assert not any(path.exists() for path in gone) and all(path.exists() for path in kept)
    s.stop(signal.SIGKILL)


class Syncs:
    """A server whose calls of fsync are counted."""

    def __init__(self, folder, *options):
        self.faults = faults.Faults(str(folder), faults.build(str(folder)))
        self.s = faults.start(PROGRAM, str(folder), self.faults.env, "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0",
                              *options)

    def of(self, what):
        self.faults.arm("sync", 1 << 30, 0, 0)
        what()
        return (1 << 30) - struct.unpack("i", self.faults.map[4:8])[0]


def test_a_rewrite_does_not_sync_much_in_the_loop(tmp_path):
    """A disk that takes 200 ms for each fsync: the loop waits for one of them at most; there are a dozen in a rewrite."""
    t = Syncs(tmp_path, "--appendfsync", "no")
    try:
        for n in range(200):
            t.s.client.set(f"k{n}", "x" * 10000)
        t.faults.arm("sync", 0, 1 << 30, faults.SLOW)
        rewrites = persistence(t.s)["aof_rewrites"]
        t.s.client.bgrewriteaof()
        longest = 0
        while persistence(t.s)["aof_rewrites"] == rewrites:
            began = time.monotonic()
            t.s.client.set("more", "y")
            longest = max(longest, time.monotonic() - began)
        assert longest < 0.6
    finally:
        t.s.stop(signal.SIGKILL)


def test_one_sync_for_all_of_a_turn(tmp_path):
    t = Syncs(tmp_path, "--appendfsync", "always")
    clients = [redis.Redis(port=t.s.port, socket_timeout=20) for _ in range(48)]
    for c in clients:
        c.ping()

    def all_at_once():
        """They all find the server asleep, and it finds all of them when it wakes."""
        sent = []
        servers.freeze(t.s.process)
        for n, c in enumerate(clients):
            connection = c.connection_pool.get_connection("SET")
            connection.send_command("SET", f"k{n}", n)
            sent.append((c, connection))
        t.s.process.send_signal(signal.SIGCONT)
        for c, connection in sent:
            assert connection.read_response() == b"OK"
            c.connection_pool.release(connection)

    try:
        assert 1 <= t.of(all_at_once) <= 6
        assert t.of(lambda: [t.s.client.set("k", n) for n in range(10)]) == 10
    finally:
        t.s.stop(signal.SIGKILL)


@pytest.mark.parametrize("rest", ["yes", "no"])
def test_syncs_may_rest_during_a_rewrite(tmp_path, rest):
    t = Syncs(tmp_path, "--appendfsync", "always", "--no-appendfsync-on-rewrite", rest)
    t.s.client.execute_command("DEBUG", "POPULATE", MANY)
    try:
        n = in_a_rewrite(t.s, lambda: t.of(lambda: [t.s.client.set("k", n) for n in range(50)]))
        assert n < 25 if rest == "yes" else n >= 50
        t.s.wait_rewrite()
        assert t.of(lambda: [t.s.client.set("k", n) for n in range(10)]) == 10
    finally:
        t.s.stop(signal.SIGKILL)


@pytest.mark.parametrize("end", ["all of it", "another role"])
def test_a_dataset_that_is_written_slowly(tmp_path, end):
    """A replica serves what it has until the file that it was sent is safe, and may be given another role meanwhile."""
    (tmp_path / "primary").mkdir()
    p = aof.Server(PROGRAM, str(tmp_path / "primary"), "--repl-diskless-sync-delay", "0")
    p.client.set("k", "new")
    try:
        with Slow(tmp_path) as s:
            s.client.config_set("repl-diskless-load", "disabled")
            s.client.replicaof("127.0.0.1", p.port)
            wait_until(lambda: s.client.info("replication")["master_sync_in_progress"], what="the dataset")
            assert [s.client.get("k") for _ in range(5)] == [b"v"] * 5
            assert glob.glob(str(tmp_path / "temp-sync-*.rdb")) and not (tmp_path / "dump.rdb").exists()
            if end == "all of it":
                wait_until(lambda: s.client.info("replication")["master_link_status"] == "up", what="the link")
                assert s.client.get("k") == b"new" and (tmp_path / "dump.rdb").exists()
            else:
                s.client.replicaof("NO", "ONE")
                assert s.client.get("k") == b"v"
                assert not glob.glob(str(tmp_path / "*.rdb"))
    finally:
        p.stop(signal.SIGKILL)
