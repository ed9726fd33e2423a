"""The append-only file with real processes: what was acknowledged is there again, whatever way the server ended."""
import os
import signal
import subprocess
import sys
import time

import pytest
import servers
from conftest import BIN, PROGRAM, ROOT, only_sorrel

sys.path.insert(0, os.path.join(ROOT, "tests", "durability"))
import aof  # noqa: E402
import aof_commands  # noqa: E402
import faults  # noqa: E402
import kills  # noqa: E402
import torn  # noqa: E402

pytestmark = only_sorrel


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_restart_keeps_everything(tmp_path, policy, sig):
    aof.restart_keeps(PROGRAM, str(tmp_path), policy, sig)


def test_rewriting_loses_nothing_and_repeats_nothing(tmp_path):
    aof.rewriting(PROGRAM, str(tmp_path))


def test_switching_on_and_off_leaves_no_gap(tmp_path):
    aof.switching(PROGRAM, str(tmp_path))


def test_a_single_file_is_adopted(tmp_path):
    aof.single_file(PROGRAM, str(tmp_path))


def test_exchange_with_redis_both_ways(tmp_path):
    aof.exchange(PROGRAM, str(tmp_path), servers.oracle_command())


def test_a_torn_log_is_loaded_as_redis_does(tmp_path):
    """Here and there in the last 4 KiB; at each byte with SORREL_LARGE=1, which takes a quarter of an hour."""
    assert torn.cuts(PROGRAM, servers.oracle_command(), 1 if os.environ.get("SORREL_LARGE") else 373) >= 22


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_kill_at_random_moments(tmp_path, policy):
    total, lost, _ = kills.kill_rounds(PROGRAM, str(tmp_path), 8, policy)
    assert total > 0 and lost == 0  # a killed process leaves what it has written to the kernel


def check(*arguments):
    done = subprocess.run([os.path.join(BIN, "sorrel-check"), "aof", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout.decode()


def test_check_finds_and_fixes(tmp_path):
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    for i in range(100):
        s.client.set(f"k{i}", i)
    s.stop()
    manifest = str(tmp_path / "appendonlydir" / "appendonly.aof.manifest")
    log = str(tmp_path / "appendonlydir" / "appendonly.aof.1.incr.aof")
    assert check(manifest)[0] == 0 and check(log)[0] == 0
    os.symlink(os.path.join(BIN, "sorrel-check"), tmp_path / "redis-check-aof")
    assert subprocess.run([tmp_path / "redis-check-aof", manifest], stdout=subprocess.DEVNULL).returncode == 0
    with open(log, "r+b") as f:
        good = f.read()
        at = good.index(b"k50")
        f.seek(at)
        f.write(b"K")
    code, text = check(log)
    assert code == 1 and "checksum" in text, text
    with pytest.raises(AssertionError):  # damage in the middle is not for the server to decide about
        aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    code, text = check(manifest, "--fix")
    assert code == 0 and "cut off" in text, text
    assert any(".lost-" in name for name in os.listdir(tmp_path / "appendonlydir"))
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    assert s.client.get("k49") == b"49" and s.client.dbsize() == 50
    s.stop()


def test_check_tells_what_is_damaged_from_what_it_cannot_read(tmp_path):
    manifest, folder = tmp_path / "a.aof.manifest", str(tmp_path)
    assert check(str(manifest))[0] == 2 and check(folder)[0] == 2 and check(str(tmp_path / "none"))[0] == 2
    for text, code in ((b"nonsense\n", 1), (b"file a.aof.1.incr.aof seq 1 type i\n", 2), (b"", 1)):
        manifest.write_bytes(text)
        assert check(str(manifest))[0] == code, text
    manifest.unlink()
    manifest.mkdir()
    assert check(str(manifest))[0] == 2
    failing = "/proc/self/mem"  # can be opened; reading it from the start is EIO
    code, text = check(failing)
    assert code == 2 and "Input/output error" in text and "damaged" not in text, text
    for name in (folder, failing):
        rdb = subprocess.run([os.path.join(BIN, "sorrel-check"), "rdb", name], capture_output=True, text=True)
        assert rdb.returncode == 2 and "Can't read" in rdb.stderr, rdb.stderr


def test_check_cuts_nothing_off_that_it_cannot_keep(tmp_path):
    log = tmp_path / "log.aof"
    log.write_bytes(b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI")
    (tmp_path / "log.aof.lost-14").mkdir()
    code, text = check(str(log), "--fix")
    assert code == 2 and "can't be kept" in text and log.stat().st_size == 24, text
    (tmp_path / "log.aof.lost-14").rmdir()
    assert check(str(log), "--fix")[0] == 0 and log.stat().st_size == 14
    assert (tmp_path / "log.aof.lost-14").read_bytes() == b"*1\r\n$4\r\nPI"


def test_check_truncates_to_a_timestamp(tmp_path):
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes", "--aof-timestamp-enabled", "yes")
    s.client.set("early", 1)
    until = int(s.client.time()[0])
    while int(s.client.time()[0]) <= until:
        time.sleep(0.02)
    s.client.set("late", 1)
    s.stop()
    code, text = check(str(tmp_path / "appendonlydir" / "appendonly.aof.manifest"), "--truncate-to-timestamp", str(until))
    assert code == 0, text
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    assert s.client.exists("early") and not s.client.exists("late")
    s.stop()


def test_waitaof_and_loadaof(tmp_path):
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes", "--appendfsync", "no")
    aof.fill(s.client, "a")
    assert s.client.execute_command("WAITAOF", 1, 0, 1000) == [1, 0]
    d = s.digest()
    s.client.execute_command("DEBUG", "LOADAOF")
    assert s.digest() == d
    aof.fill(s.client, "b")
    d = s.digest()
    s.client.config_set("appendonly", "no")
    with pytest.raises(aof.redis.exceptions.ResponseError):
        s.client.execute_command("WAITAOF", 1, 0, 0)
    s.stop(signal.SIGKILL)
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    assert s.digest() == d
    s.stop()


def test_a_base_in_commands(tmp_path):
    aof_commands.there_and_back(PROGRAM, str(tmp_path), servers.oracle_command())


@pytest.mark.parametrize("action", faults.ACTIONS)
def test_a_disk_that_fails_loses_nothing(action):
    assert faults.one_by_one(PROGRAM, [action], 2) >= 10


@pytest.mark.parametrize("action", faults.ACTIONS)
def test_a_crash_at_each_call(action):
    assert faults.crash_points(PROGRAM, [action]) >= 5


def test_kills_while_switching_and_saving(tmp_path):
    (tmp_path / "switch").mkdir()
    (tmp_path / "save").mkdir()
    kills.switch_rounds(PROGRAM, str(tmp_path / "switch"), 4)
    assert kills.snapshot_rounds(PROGRAM, str(tmp_path / "save"), 4) > 0


def test_reloading_with_a_log(tmp_path):
    """DEBUG RELOAD and DEBUG LOADAOF while appendonly is on: the dataset stays, and so does what the log says."""
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    aof.fill(s.client, "a")
    d = s.digest()
    s.client.execute_command("DEBUG", "RELOAD")
    assert s.digest() == d
    s.client.execute_command("DEBUG", "LOADAOF")
    assert s.client.ping() and s.digest() == d
    s.client.incr("more")
    s.client.execute_command("DEBUG", "RELOAD", "NOSAVE")  # the snapshot does not know of it
    assert s.client.get("more") is None and s.digest() == d
    s.wait_rewrite()
    s.stop(signal.SIGKILL)
    s = aof.Server(PROGRAM, str(tmp_path), "--appendonly", "yes")
    assert s.digest() == d
    s.stop()


def test_a_second_signal_ends_it_at_once(tmp_path):
    """While the first one has it save; a pipe in place of the snapshot makes that last."""
    s = aof.Server(PROGRAM, str(tmp_path), "--save", "60 1")
    s.client.set("k", "v")
    os.mkfifo(tmp_path / f"temp-{s.process.pid}.rdb")
    s.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert s.process.poll() is None
    s.process.send_signal(signal.SIGINT)
    assert s.process.wait(5) == 1
    s.log.close()
