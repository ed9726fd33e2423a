"""Snapshots: files that go to redis-server and come back, saving in the background, what happens when saving fails."""
import os
import random
import subprocess

import pytest
import resp
import servers
from conftest import BIN, only_sorrel, wait_until

OK = ("+", b"OK")


def info(c, section="persistence"):
    text = c.call("INFO", section)[-1].decode()
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


def fill(c, seed, small=False):
    """Every type, with elements of every form: integers of all widths, texts short and long, binary."""
    rnd = random.Random(seed)

    def text(most):
        return bytes(rnd.randrange(256) for _ in range(rnd.randrange(most)))

    def number():
        return str(rnd.randrange(-10 ** rnd.randrange(1, 19), 10 ** rnd.randrange(1, 19)))

    for i in range(40):
        c.call("SET", f"string:{i}", text(rnd.choice((5, 30, 300))))
        c.call("SET", f"integer:{i}", number())
    for i, v in enumerate((b"", b"007", b"+5", b" 1", b"-0", b"abc" * 100000, b"a" * 21, b"a" * 20)):
        c.call("SET", f"special:{i}", v)
    for i, n in enumerate((3, 60) if small else (3, 60, 150, 2000)):
        for j in range(n):
            c.call("RPUSH", f"list:{i}", text(60), number())
            c.call("HSET", f"hash:{i}", text(20) + b"%d" % j, rnd.choice((text(60), number())))
            c.call("SADD", f"set:{i}", text(60), number())
            c.call("SADD", f"integers:{i}", rnd.randrange(-100 ** (i + 1), 100 ** (i + 1)))
            c.call("ZADD", f"sorted:{i}", rnd.choice((repr(rnd.random()), number(), "inf", "-inf", "5e-324")), text(60))
    for n in list(range(16370, 16385)) + [300000]:
        c.call("RPUSH", "edges", b"x" * n)
    for i, n in enumerate((1, 50, 250)):
        for j in range(n):
            pairs = ("a", text(30), "b", j) if rnd.random() < 0.8 else (text(5) + b"x", text(9), "q", 1, "r", "")
            c.call("XADD", f"stream:{i}", f"{1000 + j}-{j}", *pairs)
    c.call("XDEL", "stream:2", "1003-3", "1249-249")
    c.call("XGROUP", "CREATE", "stream:2", "one", "0")
    c.call("XGROUP", "CREATE", "stream:2", "two", "$")
    c.call("XREADGROUP", "GROUP", "one", "c1", "COUNT", 20, "STREAMS", "stream:2", ">")
    c.call("XREADGROUP", "GROUP", "one", "c2", "COUNT", 10, "STREAMS", "stream:2", ">")
    c.call("XACK", "stream:2", "one", "1000-0")
    c.call("PEXPIRE", "hash:1", 100000000)
    c.call("SET", "expires", "v", "PX", 100000000)
    c.call("SELECT", 3)
    c.call("RPUSH", "elsewhere", "a", "b")
    c.call("SELECT", 0)


def contents(c):
    """The dataset as a digest, and what the digest leaves out."""
    streams = [c.call("XINFO", "GROUPS", f"stream:{i}") for i in range(3)]
    pending = c.call("XPENDING", "stream:2", "one", "-", "+", 100)
    return (c.call("DEBUG", "DIGEST"), [strip(s) for s in streams], [p[-1][:2] for p in pending[-1]],
            c.call("PEXPIRETIME", "expires"), c.call("PEXPIRETIME", "hash:1"), c.call("DBSIZE"))


def strip(reply):
    return repr(reply)


def save(c, how):
    if how == "SAVE":
        assert c.call("SAVE") == OK
        return
    assert c.call("BGSAVE") == ("+", b"Background saving started")
    wait_until(lambda: info(c)["rdb_bgsave_in_progress"] == "0", what="end of BGSAVE")
    assert info(c)["rdb_last_bgsave_status"] == "ok"


class Started:
    """A server in a given folder."""

    def __init__(self, program, folder, *options):
        self.server = servers.Server(program, "--dir", folder, "--enable-debug-command", "yes", *options)
        self.c = self.server.connect()
        wait_until(lambda: info(self.c)["loading"] == "0", what="end of loading")

    def __enter__(self):
        return self.c

    def __exit__(self, *exc):
        self.c.close()
        self.server.stop()


OURS = os.path.join(BIN, "sorrel-server")
FORMS = {
    "as usual": (),
    "uncompressed": ("--rdbcompression", "no"),
    "large forms": ("--hash-max-listpack-entries", 0, "--zset-max-listpack-entries", 0, "--set-max-intset-entries", 0,
                    "--list-max-listpack-size", -5),
}


@only_sorrel
@pytest.mark.parametrize("form", FORMS)
def test_exchange_with_redis(tmp_path, form):
    oracle, folder, options = servers.oracle_command(), str(tmp_path), FORMS[form]
    with Started(oracle, folder, *options) as c:
        fill(c, 7)
        want = contents(c)
        save(c, "SAVE")
    for how in ("SAVE", "BGSAVE"):
        with Started(OURS, folder, *options) as c:
            assert contents(c) == want
            os.unlink(tmp_path / "dump.rdb")
            save(c, how)
        with Started(oracle, folder, *options) as c:
            assert contents(c) == want


@only_sorrel
def test_dump_and_restore_with_redis(start):
    with servers.Server(servers.oracle_command(), "--enable-debug-command", "yes") as oracle:
        a, b = oracle.connect(), start("--enable-debug-command", "yes").connect()
        fill(a, 3, small=True)
        keys = a.call("KEYS", "*")[-1]
        for key in keys:
            assert b.call("RESTORE", key[-1], 0, a.call("DUMP", key[-1])[-1]) == OK
        digest = b.call("DEBUG", "DIGEST")
        a.call("FLUSHALL")
        for key in keys:
            assert a.call("RESTORE", key[-1], 0, b.call("DUMP", key[-1])[-1]) == OK
        assert a.call("DEBUG", "DIGEST") == digest


@only_sorrel
def test_functions_go_along(tmp_path):
    oracle, folder = servers.oracle_command(), str(tmp_path)
    code = "#!lua name=%s\nredis.register_function('%s', function(keys, args) return 'called' end)"
    with Started(oracle, folder) as c:
        c.call("FUNCTION", "LOAD", code % ("one", "f1"))
        c.call("FUNCTION", "LOAD", code % ("two", "f2"))
        save(c, "SAVE")
    for program in (OURS, oracle, OURS):
        with Started(program, folder) as c:
            assert c.call("FCALL", "f1", 0) == ("$", b"called") and c.call("FCALL", "f2", 0) == ("$", b"called")
            os.unlink(tmp_path / "dump.rdb")
            save(c, "SAVE")


def test_restore_refuses(shared):
    c = shared.connect()
    c.call("SET", "dumped", "value")
    payload = c.call("DUMP", "dumped")[-1]
    assert c.call("RESTORE", "dumped", 0, payload) == ("-", b"BUSYKEY Target key name already exists.")
    assert c.call("RESTORE", "other", -1, payload) == ("-", b"ERR Invalid TTL value, must be >= 0")
    wrong = ("-", b"ERR DUMP payload version or checksum are wrong")
    assert c.call("RESTORE", "other", 0, payload[:-1] + b"?") == wrong
    assert c.call("RESTORE", "other", 0, b"short") == wrong
    assert c.call("RESTORE", "other", 0, payload, "IDLETIME", 5, "FREQ", 3) == ("-", b"ERR syntax error")
    assert c.call("RESTORE", "other", 0, payload, "FREQ", 256) == ("-", b"ERR Invalid FREQ value, must be >= 0 and <= 255")
    assert c.call("RESTORE", "dumped", 1000, payload, "REPLACE", "ABSTTL") == OK
    assert c.call("EXISTS", "dumped") == (":", 0)


def test_reload_keeps_everything(start):
    c = start("--enable-debug-command", "yes").connect()
    fill(c, 11, small=True)
    want = contents(c)
    assert c.call("DEBUG", "RELOAD") == OK
    assert contents(c) == want
    assert c.call("DEBUG", "RELOAD", "NOFLUSH", "MERGE") == OK
    assert contents(c) == want


@only_sorrel
def test_shutdown_saves_as_configured(tmp_path):
    with Started(OURS, str(tmp_path), "--save", "3600 1") as c:
        c.call("SET", "k", "v")
    assert os.path.exists(tmp_path / "dump.rdb")
    with Started(OURS, str(tmp_path)) as c:
        assert c.call("GET", "k") == ("$", b"v")
        c.call("SET", "k", "not saved")
    with Started(OURS, str(tmp_path)) as c:
        assert c.call("GET", "k") == ("$", b"v")


def test_save_points(start, tmp_path):
    c = start("--save", "1 3", "--dir", str(tmp_path)).connect()
    for i in range(5):
        c.call("SET", f"k{i}", i)
    wait_until(lambda: info(c)["rdb_changes_since_last_save"] == "0", what="the save point")
    assert os.path.exists(tmp_path / "dump.rdb")


def test_a_failed_save_stops_writes(start, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    c = start("--save", "3600 1000000", "--dir", str(folder)).connect()
    assert c.call("SET", "k", "v") == OK
    os.rmdir(folder)
    c.call("BGSAVE")
    wait_until(lambda: info(c)["rdb_last_bgsave_status"] == "err", what="the failure")
    reply = wait_until(lambda: (lambda r: r if r[0] == "-" else None)(c.call("SET", "k", "w")), what="MISCONF")
    assert reply[1].startswith(b"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
                               b"disk. Commands that may modify the data set are disabled, because this instance is configured "
                               b"to report errors during writes if RDB snapshotting fails "
                               b"(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB "
                               b"error.")
    assert c.call("GET", "k") == ("$", b"v")
    assert c.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "no") == OK
    assert c.call("SET", "k", "w") == OK
    assert c.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes") == OK
    assert c.call("SET", "k", "x")[1].startswith(b"MISCONF")


@pytest.mark.parametrize("how", ["SAVE", "SHUTDOWN"])
def test_a_failed_save_in_the_foreground_stops_nothing(start, tmp_path, how):
    folder = tmp_path / "gone"
    folder.mkdir()
    c = start("--save", "3600 1000000", "--dir", str(folder)).connect()
    assert c.call("SET", "k", "v") == OK
    os.rmdir(folder)
    assert c.call(how)[0] == "-"
    assert c.call("SET", "k", "w") == OK and info(c)["rdb_last_bgsave_status"] == "ok"


@only_sorrel
def test_a_damaged_file_is_refused(tmp_path):
    with Started(OURS, str(tmp_path), "--save", "3600 1") as c:
        fill(c, 5, small=True)
    path = tmp_path / "dump.rdb"
    good = path.read_bytes()
    for at in (0, 10, len(good) // 3, len(good) // 2, len(good) - 3):
        path.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1:])
        server = servers.Server(OURS, "--dir", str(tmp_path), wait=False)
        wait_until(lambda: not server.alive(), what="the refusal")
        log = server.log_text()
        assert server.stop() == 1
        assert "Fatal error loading the DB" in log and "offset" in log


@only_sorrel
def test_check_tool(tmp_path):
    with Started(OURS, str(tmp_path), "--save", "3600 1") as c:
        fill(c, 6, small=True)
        assert c.call("JSON.SET", "json", "$", '{"a": [1, 2.5, "b\\n"], "c": null}') == OK
    path = tmp_path / "dump.rdb"
    tool = os.path.join(BIN, "sorrel-check")
    fine = subprocess.run([tool, "rdb", path], capture_output=True, text=True)
    assert fine.returncode == 0 and "The snapshot is fine." in fine.stdout
    lines = subprocess.run([tool, "rdb", path, "--export", "json"], capture_output=True, text=True).stdout.splitlines()
    assert any('"key":"list:0"' in line for line in lines)
    assert subprocess.run([tool, "rdb", "--export", "json", path], capture_output=True, text=True).stdout.splitlines() == lines
    assert any('"key":"json"' in line and line.endswith('"type":"ReJSON-RL","value":{"a":[1,2.5,"b\\n"],"c":null}}') for line in lines)
    path.write_bytes(path.read_bytes()[:-20])
    cut = subprocess.run([tool, "rdb", path], capture_output=True, text=True)
    assert cut.returncode == 1 and "offset" in cut.stderr
    assert subprocess.run([tool, "rdb", tmp_path / "none"], capture_output=True).returncode == 2


def test_a_huge_value_is_written_in_pieces(start):
    """Commands that would change it wait meanwhile; everybody else is served, and the snapshot has what was."""
    s = start("--save", "", "--enable-debug-command", "yes")
    with s.connect() as a, s.connect() as b:
        for key in ("huge", "other"):
            a.call("EVAL", "for i = 1, 300000 do redis.call('sadd', KEYS[1], 'member:' .. i) end", 1, key)
        a.call("SET", "plain", 1)
        assert b.call("BGSAVE") == ("+", b"Background saving started")
        a.send(resp.encode(("SADD", "huge", "new")) + resp.encode(("MULTI",)) + resp.encode(("DEL", "other")) +
               resp.encode(("EXEC",)) + resp.encode(("SCARD", "huge")))
        assert b.call("INCR", "plain") == (":", 2)
        assert [a.read() for _ in range(5)][-1] == (":", 300001)
        wait_until(lambda: info(b)["rdb_bgsave_in_progress"] == "0", what="end of BGSAVE")
        assert info(b)["rdb_last_bgsave_status"] == "ok"
        assert int(info(b)["snapshot_longest_turn_cpu_usec"]) < 30000
        assert b.call("EXISTS", "other") == (":", 0)
        assert b.call("DEBUG", "RELOAD", "NOSAVE") == OK
        assert b.call("SCARD", "huge") == (":", 300000) and b.call("SCARD", "other") == (":", 300000)
        assert b.call("GET", "plain") == ("$", b"1")
