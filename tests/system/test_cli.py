"""sorrel-cli beside redis-cli: the same command lines against the same server must print the same bytes and end with
the same status. A small fake server feeds both with replies that no command gives.
"""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

import servers

BIN = os.environ.get("SORREL_BIN", os.path.join(os.path.dirname(__file__), "../../build/bin"))
OURS = os.path.join(BIN, "sorrel-cli")
THEIRS = shutil.which("redis-cli")

pytestmark = [
    pytest.mark.skipif(not os.path.exists(OURS), reason="sorrel-cli is not built"),
    pytest.mark.skipif(THEIRS is None or shutil.which("redis-server") is None, reason="no redis-server to compare with"),
]


class Server(servers.Server):
    """The oracle, on a Unix socket in `folder` too."""

    def __init__(self, folder, *options):
        self.socket = os.path.join(folder, "s.sock")
        super().__init__(servers.oracle_command(), "--unixsocket", self.socket, "--enable-debug-command", "yes", *options)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = Server(str(tmp_path_factory.mktemp("redis")))
    run(THEIRS, s, ["rpush", "list", "a", "b c", "\x01\"\\"])
    run(THEIRS, s, ["hset", "hash", "f", "1", "g", "two"])
    run(THEIRS, s, ["zadd", "zset", "1.5", "x", "2", "y"])
    run(THEIRS, s, ["sadd", "set", "1", "2", "3"])
    run(THEIRS, s, ["-n", "3", "set", "third", "database"])
    yield s
    s.stop()


def run(program, server, args, stdin=b"", env=None, timeout=10):
    full = {k: v for k, v in os.environ.items() if k not in ("REDISCLI_AUTH", "FAKETTY", "NO_COLOR")}
    full.update(env or {})
    p = subprocess.run([program, "-p", str(server.port), *args], input=stdin, capture_output=True, timeout=timeout,
                       env=full)
    return p.returncode, p.stdout, p.stderr


def same(server, args, stdin=b"", env=None, stderr=True):
    theirs, ours = run(THEIRS, server, args, stdin, env), run(OURS, server, args, stdin, env)
    assert ours[:2] == theirs[:2], (args, ours[2])
    if stderr:
        assert ours[2] == theirs[2]
    return ours


FORMS = [[], ["--raw"], ["--no-raw"], ["--csv"], ["--json"], ["--no-raw", "-3"], ["--raw", "-3"], ["--csv", "-3"],
         ["--json", "-2"]]
COMMANDS = [
    ["ping"], ["echo", "a b"], ["echo", ""], ["echo", "\x7f\x01\"\\ \xe9"], ["get", "nothing"], ["get"],
    ["nosuchcommand", "x"], ["lrange", "list", "0", "-1"], ["lrange", "nothing", "0", "-1"], ["hgetall", "hash"],
    ["hgetall", "nothing"], ["smembers", "set"], ["zrange", "zset", "0", "-1", "withscores"], ["zscore", "zset", "x"],
    ["config", "get", "maxmemory*"], ["command", "info", "get", "nosuch"], ["incr", "list"], ["dbsize"], ["role"],
    ["debug", "protocol", "string"], ["debug", "protocol", "integer"], ["debug", "protocol", "double"],
    ["debug", "protocol", "null"], ["debug", "protocol", "array"], ["debug", "protocol", "set"],
    ["debug", "protocol", "map"], ["debug", "protocol", "push"], ["debug", "protocol", "verbatim"],
    ["debug", "protocol", "true"], ["debug", "protocol", "false"],
    ["eval", "return {1,{2,{'a',false},{}},'z',redis.status_reply('S'),redis.error_reply('ERR e')}", "0"],
    ["eval", "local t={} for i=1,120 do t[i]={i,tostring(i)} end return t", "0"],
    ["xrange", "nothing", "-", "+"], ["memory", "doctor"], ["client", "getname"], ["object", "encoding", "hash"],
]


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_forms(server, form):
    for command in COMMANDS:
        same(server, [*form, *command])


def test_pages(server):
    """INFO and its like stay as they are in every form for people."""
    for form in ([], ["--no-raw"], ["--no-raw", "-3"], ["--csv"]):
        ours, theirs = (run(p, server, [*form, "info", "persistence"]) for p in (OURS, THEIRS))
        assert ours[1].splitlines()[:3] == theirs[1].splitlines()[:3]
        assert ours[1].count(b"\n") == theirs[1].count(b"\n")


def test_error_exit(server):
    for form in ([], ["--no-raw"], ["--csv"], ["--json"]):
        assert same(server, ["-e", *form, "nosuch"])[0] == 1
        assert same(server, ["-e", *form, "ping"])[0] == 0
        assert same(server, [*form, "nosuch"])[0] == 0


def test_connection_errors(server):
    class Nobody:
        port = 1
    assert same(Nobody, ["ping"])[0] == 1
    assert same(server, ["-s", "/nonexistent/socket", "ping"])[0] == 1
    assert same(server, ["-h", "nosuch.invalid", "ping"])[0] == 1


def test_socket(server):
    assert same(server, ["-s", server.socket, "-h", "ignored.invalid", "ping"])[1] == b"PONG\n"


def test_databases(server):
    assert same(server, ["-n", "3", "get", "third"])[1] == b"database\n"
    same(server, ["-n", "99", "ping"])
    same(server, ["select", "77"])


def test_urls(server):
    for url in (f"redis://127.0.0.1:{server.port}/3", f"redis://localhost:{server.port}"):
        same(server, ["-u", url, "get", "third"])
    code, out, err = run(OURS, server, ["-u", "http://user:hunter2@h", "ping"])
    assert code == 1 and out == b"" and b"hunter2" not in err
    assert run(OURS, server, ["-u", f"unix://{server.socket}?db=3", "get", "third"])[1] == b"database\n"


def test_passwords(tmp_path):
    s = Server(str(tmp_path), "--requirepass", "p/+@=%s")
    try:
        run(THEIRS, s, ["-a", "p/+@=%s", "acl", "setuser", "jo", "on", ">pw", "+@all", "~*"])
        same(s, ["ping"])
        same(s, ["-a", "p/+@=%s", "ping"])
        same(s, ["--pass", "p/+@=%s", "--no-auth-warning", "ping"])
        same(s, ["-a", "wrong", "--no-auth-warning", "ping"])
        same(s, ["-a", "wrong", "--no-auth-warning", "-3", "ping"])
        same(s, ["--user", "jo", "--pass", "pw", "acl", "whoami"])
        same(s, ["ping"], env={"REDISCLI_AUTH": "p/+@=%s"})
        same(s, ["-a", "p/+@=%s", "ping"], env={"REDISCLI_AUTH": "wrong"})
        same(s, ["-u", f"redis://jo:pw@127.0.0.1:{s.port}", "acl", "whoami"])
        same(s, ["-u", f"redis://pw@127.0.0.1:{s.port}", "ping"])
        ours = run(OURS, s, ["-u", f"redis://:p/+@=%s@127.0.0.1:{s.port}", "--no-auth-warning", "ping"])
        assert ours == (0, b"PONG\n", b"")
    finally:
        s.stop()


def test_repeat(server):
    same(server, ["-r", "3", "ping"])
    same(server, ["-r", "2", "-i", "0.05", "--csv", "lrange", "list", "0", "-1"])
    start = time.monotonic()
    run(OURS, server, ["-r", "3", "-i", "0.1", "ping"])
    assert 0.2 <= time.monotonic() - start < 2


def test_stdin_arguments(server):
    same(server, ["-x", "echo"], b"a\nb\0c\n")
    same(server, ["-X", "tag", "echo", "tag"], b"x\ny")
    same(server, ["-X", "tag", "echo", "other"], b"x")
    same(server, ["-x", "-X", "tag", "echo", "tag"], b"x")
    big = os.urandom(3 << 20)
    assert run(OURS, server, ["-x", "set", "big"], big)[1] == b"OK\n"
    assert run(OURS, server, ["-D", "", "--raw", "get", "big"])[1] == big
    run(THEIRS, server, ["del", "big"])


def test_delimiters(server):
    for d in (["-d", ","], ["-d", ", "], ["-D", "--"], ["-d", "", "-D", ""], ["-D", "\\n"]):
        same(server, [*d, "lrange", "list", "0", "-1"])
        same(server, [*d, "--no-raw", "lrange", "list", "0", "-1"])
        same(server, [*d, "nosuch"])


def test_quoted_input(server):
    for text in ('"a\\x00b"', "'a b'", '"unbalanced', "plain", '"a"b', ""):
        same(server, ["--quoted-input", "echo", text])


def test_lines_from_a_file(server):
    lines = b"""set a 1
get a

   lrange list 0 -1
"unbalanced
nosuch thing
select 3
get third
multi
set a 2
exec
select 99
3 echo hi
echo "a\\x00\\n\\"b" 'c d'
echo 'it\\'s'
"""
    for form in ([], ["--no-raw"], ["--csv"], ["--json"], ["-e"]):
        same(server, form, lines)
        same(server, form, lines + b"quit\nget a\n")
    same(server, [], b"ping")
    same(server, [], b":set nohints\n:set hints\n:set\n:set odd\n:get x\n")
    same(server, ["-x"], b"ping\n")
    same(server, ["-n", "3"], b"get third\n")


def test_lines_when_there_is_no_server():
    class Nobody:
        port = 1
    same(Nobody, [], b"ping\n", stderr=False)


def test_slow_commands_say_so(server):
    ours = run(OURS, server, ["--no-raw"], b"debug sleep 0.6\n")
    assert ours[1].startswith(b"OK\n(0.") and ours[1].endswith(b"s)\n")


@pytest.mark.parametrize("form", [[], ["--no-raw"], ["--csv"], ["-3"], ["-3", "--no-raw"]], ids=" ".join)
def test_streams(server, form):
    """SUBSCRIBE and MONITOR print what comes at once, and end at a signal."""
    outputs = []
    for program in (THEIRS, OURS):
        p = subprocess.Popen([program, "-p", str(server.port), *form, "subscribe", "news", "sport"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                if run(THEIRS, server, ["pubsub", "numsub", "sport"])[1] == b"sport\n1\n":
                    break
                time.sleep(0.02)
            run(THEIRS, server, ["publish", "news", "line\none"])
            run(THEIRS, server, ["publish", "sport", "two"])
            time.sleep(0.2)
        finally:
            p.send_signal(signal.SIGTERM)
            outputs.append(p.communicate(timeout=5)[0])
        deadline = time.monotonic() + 5
        while run(THEIRS, server, ["pubsub", "numsub", "sport"])[1] != b"sport\n0\n":
            assert time.monotonic() < deadline
            time.sleep(0.02)
    # redis-cli leaves its buffer unprinted when a signal ends it with a pipe as output; ours must be complete.
    assert outputs[1].startswith(outputs[0])
    assert b"two" in outputs[1]


def test_monitor(server):
    p = subprocess.Popen([OURS, "-p", str(server.port), "monitor"], stdout=subprocess.PIPE)
    assert p.stdout.readline() == b"OK\n"
    run(THEIRS, server, ["echo", "seen"])
    assert b'"echo" "seen"' in p.stdout.readline()
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=5)


def test_options(server):
    same(server, ["--nosuch"])
    same(server, ["-p"])
    same(server, ["--raw", "-n"])
    code, out, err = run(OURS, server, ["--help"])
    assert code == 0 and b"--bigkeys" in out and err == b""
    assert max(len(line) for line in out.splitlines()) <= 110
    assert run(OURS, server, ["-h"])[0] == 0
    assert run(OURS, server, ["--version"])[1].startswith(b"sorrel-cli ")


def test_eval(server, tmp_path):
    script = tmp_path / "s.lua"
    script.write_text("return {KEYS[1], KEYS[2], ARGV[1], #KEYS, #ARGV}\n")
    for args in (["k1", "k2", ",", "a", "b"], ["k1", ","], [",", "x"], [], ["k"]):
        same(server, ["--eval", str(script), *args])
        same(server, ["--no-raw", "--eval", str(script), *args])
    code, _, err = run(OURS, server, ["--eval", "/nonexistent.lua"])
    assert code == 1 and b"/nonexistent.lua" in err


# ---- replies that no command gives -------------------------------------------------------------------------------

class Fake:
    """Answers HELLO with an empty map and everything else with the bytes it was given."""

    def __init__(self):
        self.reply = b""
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(8)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            with c:
                try:
                    data = c.recv(65536)
                    if b"HELLO" in data.upper():
                        c.sendall(b"%0\r\n")
                        c.recv(65536)
                    c.sendall(self.reply)
                    c.settimeout(5)
                    while c.recv(65536):
                        pass
                except OSError:
                    pass


@pytest.fixture(scope="module")
def fake():
    f = Fake()
    yield f
    f.listener.close()


def value(r, depth, key=False):
    kind = r.randrange(13 if depth > 0 and not key else 9)
    text = bytes(r.choice(b"ab \"\\\n\x00\xc3\xa9\x1b") for _ in range(r.randrange(6)))
    if kind == 0:
        return b"+%s\r\n" % text.replace(b"\n", b"").replace(b"\0", b"")
    if kind == 1:
        return b"-ERR %d\r\n" % r.randrange(100) if not key else b"+k\r\n"
    if kind == 2:
        return b":%d\r\n" % r.randrange(-5, 10 ** 6)
    if kind == 3:
        return r.choice([b"_\r\n", b"$-1\r\n", b"*-1\r\n"])
    if kind == 4:
        return b",%s\r\n" % r.choice([b"1.5", b"-0.1", b"inf", b"-inf", b"1e+30", b"7"])
    if kind == 5:
        return r.choice([b"#t\r\n", b"#f\r\n"])
    if kind == 6:
        return b"=%d\r\ntxt:%s\r\n" % (len(text) + 4, text)
    if kind < 9:
        return b"$%d\r\n%s\r\n" % (len(text), text)
    n = r.choice([0, 1, 1, 2, 3, 11])
    if kind == 9:
        return b"%%%d\r\n" % n + b"".join(value(r, depth - 1, True) + value(r, depth - 1) for _ in range(n))
    return (b"~" if kind == 10 else b"*") + b"%d\r\n" % n + b"".join(value(r, depth - 1) for _ in range(n))


def test_random_replies(fake):
    seed = int(os.environ.get("SEED", "7"))
    r = random.Random(seed)
    for i in range(30):
        fake.reply = value(r, 3)
        for form in (["--no-raw"], ["--raw"], ["--csv"], ["--json"], ["--no-raw", "-e"]):
            theirs, ours = run(THEIRS, fake, [*form, "get", "x"]), run(OURS, fake, [*form, "get", "x"])
            assert ours == theirs, (seed, i, form, fake.reply)


def test_pushes(fake):
    fake.reply = b">2\r\n+a\r\n:1\r\n>3\r\n+invalidate\r\n*1\r\n+k\r\n_\r\n+real\r\n"
    for form in (["--no-raw"], ["--raw"], ["--csv"], ["--json"]):
        for show in ([], ["--show-pushes", "yes"], ["--show-pushes", "no"]):
            same(fake, [*form, *show, "get", "x"])


def test_what_redis_cli_can_not_read(fake):
    for reply, form, want in [
        (b"(12345678901234567890\r\n", "--no-raw", b"(big number) 12345678901234567890\n"),
        (b"(12345678901234567890\r\n", "--json", b"12345678901234567890\n"),
        (b"|1\r\n+ttl\r\n:5\r\n+v\r\n", "--no-raw", b"v\n"),
        (b"!5\r\nERR x\r\n", "--no-raw", b"(error) ERR x\n"),
        (b",nan\r\n", "--raw", b"nan\n"),
        (b"%1\r\n*1\r\n+a\r\n+b\r\n", "--json", b'{"[\\"a\\"]":"b"}\n'),
    ]:
        fake.reply = reply
        assert run(OURS, fake, [form, "get", "x"]) == (0, want, b"")


def test_broken_replies(fake):
    for reply in (b"?what\r\n", b":x\r\n", b"$5\r\nabc\r\nxx", b"*" + b"9" * 15 + b"\r\n", b"*1\r\n" * 1000 + b":1\r\n"):
        fake.reply = reply
        code, out, err = run(OURS, fake, ["get", "x"])
        assert code == 1 and out == b"" and err.startswith(b"Error: ")


# ---- modes -------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    s = Server(str(tmp_path_factory.mktemp("filled")), "--repl-diskless-sync-delay", "0")
    run(THEIRS, s, ["debug", "populate", "300", "key", "20"])
    for command in (["rpush", "list", "a", "b", "c"], ["hset", "hash", "f", "1"], ["sadd", "set", "1", "2"],
                    ["zadd", "zset", "1", "a", "2", "b"], ["xadd", "stream", "*", "f", "v"], ["set", "big", "x" * 500],
                    ["--quoted-input", "set", '"bin\\x01\\n\\""', "1"]):
        assert run(THEIRS, s, command)[0] == 0
    yield s
    s.stop()


def test_scan(filled):
    for form in ([], ["--no-raw"], ["--csv"], ["--json"]):
        for more in ([], ["--pattern", "key:1*"], ["--pattern", "nothing*"], ["-n", "3"],
                     ["--quoted-pattern", '"bin\\x01*"'], ["-i", "0.001"]):
            same(filled, ["--scan", *form, *more])
    assert sorted(run(OURS, filled, ["--scan", "--count", "7"])[1].split()) == \
        sorted(run(OURS, filled, ["keys", "*"])[1].split())
    assert run(OURS, filled, ["--scan", "--type", "zset"])[1] == b"zset\n"


def test_biggest_keys(filled):
    for mode in (["--bigkeys"], ["--memkeys"], ["--memkeys-samples", "0"], ["--bigkeys", "-n", "5"],
                 ["--bigkeys", "-i", "0.001"]):
        theirs, ours = run(THEIRS, filled, mode), run(OURS, filled, mode)
        assert ours[0] == theirs[0] == 0 and ours[2] == theirs[2]
        # redis-cli prints the types in an order that changes from run to run.
        assert sorted(ours[1].splitlines()) == sorted(theirs[1].splitlines()), mode
        assert ours[1].splitlines()[:5] == theirs[1].splitlines()[:5]
    code, out, _ = run(OURS, filled, ["--keystats"])
    assert code == 0 and b"up to" in out


def test_hot_keys(filled):
    assert same(filled, ["--hotkeys"])[0] == 1
    run(THEIRS, filled, ["config", "set", "maxmemory-policy", "allkeys-lfu"])
    for _ in range(10):
        run(THEIRS, filled, ["-r", "20", "get", "key:7"])
    theirs, ours = run(THEIRS, filled, ["--hotkeys"]), run(OURS, filled, ["--hotkeys"])
    assert ours[0] == 0 and ours[1].splitlines()[:4] == theirs[1].splitlines()[:4]
    assert b'keyname: "key:7"' in ours[1]
    run(THEIRS, filled, ["config", "set", "maxmemory-policy", "noeviction"])


def test_modes_without_a_server():
    class Nobody:
        port = 1
    for mode in (["--scan"], ["--bigkeys"], ["--pipe"], ["--latency"], ["--stat"], ["--rdb", "/tmp/never"],
                 ["--lru-test", "10"]):
        same(Nobody, mode)


def test_pipe(server):
    for data in (b"SET a 1\r\nINCR a\r\nLPUSH a 1\r\nPING\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n", b""):
        same(server, ["--pipe"], data)
    data = b"".join(b"*3\r\n$3\r\nSET\r\n$8\r\nk%07d\r\n$100\r\n%s\r\n" % (i, b"x" * 100) for i in range(50000))
    assert run(OURS, server, ["--pipe"], data)[:2] == (
        0, b"All data transferred. Waiting for the last reply...\nLast reply received from server.\n"
           b"errors: 0, replies: 50000\n")
    code, out, err = run(OURS, server, ["--pipe", "--pipe-timeout", "1"], b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$90\r\nxx")
    assert code == 1 and b"No replies for 1 seconds" in err
    run(THEIRS, server, ["flushall"])


def test_latency(server):
    for form in ([], ["--raw"], ["--csv"], ["--json"]):
        theirs, ours = (run(p, server, ["--latency", "-i", "0.2", *form])[1] for p in (THEIRS, OURS))
        shape = [re.sub(rb"[0-9]+", b"0", t) for t in (theirs, ours)]
        assert shape[0] == shape[1]
    for mode in (["--latency-history", "-i", "0.2"], ["--latency-dist", "-i", "0.2"], ["--stat", "-i", "0.1"]):
        p = subprocess.Popen([OURS, "-p", str(server.port), *mode], stdout=subprocess.PIPE)
        assert all(p.stdout.readline() for _ in range(4)), mode
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=5)
        assert p.returncode == 0, mode


def test_intrinsic_latency():
    p = subprocess.run([OURS, "--intrinsic-latency", "1"], capture_output=True, timeout=10)
    assert p.returncode == 0 and b"total runs (avg latency" in p.stdout


def test_lru(server):
    p = subprocess.Popen([OURS, "-p", str(server.port), "--lru-test", "1000"], stdout=subprocess.PIPE)
    line = p.stdout.readline()
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=5)
    assert b"Gets/sec | Hits: " in line
    run(THEIRS, server, ["flushall"])


def test_snapshot(filled, tmp_path):
    for options in ([], ["--functions"]):
        flag = "--functions-rdb" if options else "--rdb"
        file = tmp_path / "dump.rdb"
        code, out, err = run(OURS, filled, [flag, str(file)], timeout=30)
        assert code == 0 and out == b"", err
        data = file.read_bytes()
        assert data.startswith(b"REDIS00")
        assert subprocess.run(["redis-check-rdb", str(file)], stdout=subprocess.DEVNULL).returncode == 0 \
            if shutil.which("redis-check-rdb") else True
    code, out, _ = run(OURS, filled, ["--rdb", "-"], timeout=30)
    assert code == 0 and out.startswith(b"REDIS00")
    assert run(OURS, filled, ["--rdb", "/nonexistent/file"], timeout=30)[0] == 1


def test_replica(filled):
    p = subprocess.Popen([OURS, "-p", str(filled.port), "--replica"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while b"SYNC done" not in (line := p.stderr.readline()):
        assert line
    run(THEIRS, filled, ["set", "seen", "a\nb"])
    lines = []
    while not lines or b"seen" not in lines[-1]:
        lines.append(p.stdout.readline())
    assert lines[-1] in (b'"set","seen","a\\nb"\n', b'"SET","seen","a\\nb"\n')
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=5)
