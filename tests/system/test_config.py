"""Configuration: the file's forms, the command line's forms, standard input, and what CONFIG says of them."""
import os
import shutil
import subprocess
import tempfile

import pytest
import servers
from conftest import PROGRAM, only_sorrel, wait_until


def get(server, *names):
    with server.connect() as c:
        kind, flat = c.call("CONFIG", "GET", *names)
        assert kind == "*"
        return {flat[i][1].decode(): flat[i + 1][1].decode() for i in range(0, len(flat), 2)}


def test_a_file_with_comments_quotes_units_and_case(start):
    server = start(config='# a comment\n\n  MaxMemory 64MB\nrequirepass "with blank \\x41"\nTIMEOUT 300\n'
                          "save 900 1\nhz 20\nappendfilename 'a b.aof'\nclient-output-buffer-limit pubsub 1mb 512kb 60\n")
    with server.connect() as c:
        assert c.call("AUTH", "with blank A") == ("+", b"OK")
        kind, flat = c.call("CONFIG", "GET", "maxmemory", "timeout", "hz", "appendfilename", "client-output-buffer-limit")
        got = {flat[i][1]: flat[i + 1][1] for i in range(0, len(flat), 2)}
    assert got == {b"maxmemory": b"67108864", b"timeout": b"300", b"hz": b"20", b"appendfilename": b"a b.aof",
                   b"client-output-buffer-limit": b"normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 524288 60"}


def test_include_and_order(start, tmp_path):
    (tmp_path / "one.conf").write_text("timeout 11\nhz 50\n")
    (tmp_path / "two.conf").write_text("tcp-keepalive 77\n")
    server = start("--maxmemory-policy", "allkeys-lru",
                   config=f"hz 20\ninclude {tmp_path}/one.conf\ntimeout 12\ninclude {tmp_path}/two.conf\n")
    assert get(server, "hz", "timeout", "tcp-keepalive", "maxmemory-policy") == {
        "hz": "50", "timeout": "12", "tcp-keepalive": "77", "maxmemory-policy": "allkeys-lru"}


@pytest.mark.parametrize("options,name,value", [
    (["--save", "", "--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"], "maxmemory-policy", "allkeys-lru"),
    (["--save", "30", "1"], "save", "30 1"),
    (["--save", "30 1 60 2"], "save", "30 1 60 2"),
    (["--client-output-buffer-limit", "normal 1mb 2mb 3"], "client-output-buffer-limit",
     "normal 1048576 2097152 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
    (["--maxmemory", "100mb"], "maxmemory", "104857600"),
    (["--maxmemory", "", "--loglevel", "warning"], "maxmemory", "0"),
    (["--maxmemory", "1gb", "--loglevel", "warning"], "loglevel", "warning"),
    (["--tcp-keepalive", "0"], "tcp-keepalive", "0"),
    (["--notify-keyspace-events", "KEA"], "notify-keyspace-events", "AKE"),
])
def test_the_command_line(start, options, name, value):
    assert get(start(*options), name) == {name: value}


def test_standard_input(start):
    server = start("--hz", "30", stdin=b"timeout 55\nhz 20\n")
    assert get(server, "timeout", "hz") == {"timeout": "55", "hz": "30"}


def test_get_with_patterns_and_set_of_several(start):
    server = start()
    with server.connect() as c:
        assert c.call("CONFIG", "SET", "timeout", "10", "hz", "15") == ("+", b"OK")
        assert c.call("CONFIG", "SET", "timeout", "20", "maxclients", "abc")[0] == "-"
    assert get(server, "timeout", "hz") == {"timeout": "10", "hz": "15"}
    assert set(get(server, "*max-intset*", "HASH-max-listpack-*")) == {
        "set-max-intset-entries", "hash-max-listpack-entries", "hash-max-listpack-value"}
    assert len(get(server, "*")) > 150


def test_values_that_are_taken_in_their_way(start):
    server = start("--client-output-buffer-limit", "normal 1mb 2mb 3")
    with server.connect() as c:
        for name, value in (("client-output-buffer-limit", ""), ("repl-backlog-size", "1"), ("cluster-announce-hostname", "a-b.C9")):
            assert c.call("CONFIG", "SET", name, value) == ("+", b"OK"), name
    assert get(server, "client-output-buffer-limit", "repl-backlog-size", "cluster-announce-hostname") == {
        "client-output-buffer-limit": "normal 1048576 2097152 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        "repl-backlog-size": "16384", "cluster-announce-hostname": "a-b.C9"}


def test_the_directive_that_fails_is_named(start):
    server, other = start(), start()
    with server.connect() as c:
        assert c.call("CONFIG", "SET", "maxmemory", "1gb", "port", other.port, "timeout", "5") == (
            "-", b"ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.")
    assert get(server, "maxmemory", "timeout") == {"maxmemory": "0", "timeout": "0"}


@only_sorrel
@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_rewrite_spares_what_is_no_file(start, tmp_path, kind):
    path = tmp_path / "sorrel.conf"
    path.write_text("timeout 5\n")
    server = start(config=f"include {path}\n")
    conf = os.path.join(server.dir, "test.conf")
    os.remove(conf)
    os.mkfifo(conf) if kind == "pipe" else os.symlink("/dev/full", conf)
    with server.connect() as c:
        assert c.call("CONFIG", "REWRITE") == ("-", f"ERR Rewriting config file: {conf} is not a regular file".encode())
        assert os.path.lexists(conf) and not os.path.isfile(conf) and not os.path.exists(os.path.join(server.dir, "sorrel-overlay.conf"))
        os.remove(conf)
        assert c.call("CONFIG", "REWRITE") == ("+", b"OK")
    assert os.path.isfile(conf)


def test_resetstat(start):
    server = start()
    with server.connect() as c:
        c.call("GET", "k")
        assert b"keyspace_misses:1\r\n" in c.call("INFO", "stats")[1]
        assert c.call("CONFIG", "RESETSTAT") == ("+", b"OK")
        assert b"keyspace_misses:0\r\n" in c.call("INFO", "stats")[1]


def test_resetstat_forgets_synchronizations(start):
    server = start()
    with server.connect() as c, server.connect() as replica:
        replica.send(b"PSYNC ? -1\r\n")
        wait_until(lambda: b"sync_full:1\r\n" in c.call("INFO", "stats")[1])
        assert c.call("CONFIG", "RESETSTAT") == ("+", b"OK")
        assert b"sync_full:0\r\n" in c.call("INFO", "stats")[1]


def test_resetstat_forgets_time_over_the_limit(start):
    server = start()
    with server.connect() as c:
        c.call("SET", "k", "x" * 1000000)
        c.call("CONFIG", "SET", "maxmemory", "1mb")
        c.call("SET", "other", "x")
        wait_until(lambda: b"total_eviction_exceeded_time:0\r\n" not in c.call("INFO", "stats")[1])
        c.call("CONFIG", "SET", "maxmemory", "0")
        c.call("SET", "other", "x")
        assert c.call("CONFIG", "RESETSTAT") == ("+", b"OK")
        assert b"total_eviction_exceeded_time:0\r\n" in c.call("INFO", "stats")[1]


def test_rename_command(start):
    server = start(config='rename-command FLUSHALL ""\nrename-command GET fetch\n')
    with server.connect() as c:
        assert c.call("FLUSHALL") == ("-", b"ERR unknown command 'FLUSHALL', with args beginning with: ")
        assert c.call("GET", "k") == ("-", b"ERR unknown command 'GET', with args beginning with: 'k' ")
        assert c.call("FETCH", "k") == ("$", None)


REFUSED = [
    ("nosuch-option 1\n", ["nosuch-option"]),
    ("timeot 10\n", ["timeot", "timeout"]),
    ("timeout abc\n", ["timeout"]),
    ("timeout 1 2\n", ["timeout"]),
    ("port 99999\n", ["port"]),
    ("hz 10\nappendfsync sometimes\n", ["appendfsync"]),
    ('requirepass "unbalanced\n', ["requirepass"]),
    ("include /nonexistent/file.conf\n", ["/nonexistent/file.conf"]),
    ("maxmemory 12potatoes\n", ["maxmemory"]),
    ("maxmemory\n", ["maxmemory"]),
    ("hz 10\nrename-command NOSUCH other\n", ["rename-command"]),
    ("user someone on +@nosuch\n", ["+@nosuch"]),
    ("client-output-buffer-limit nobody 1 2 3\n", ["client-output-buffer-limit"]),
]


@pytest.mark.parametrize("text,words", REFUSED, ids=lambda x: x.strip()[:40] if isinstance(x, str) else "")
def test_a_bad_file_stops_the_start(start, text, words):
    server = start(config=text, wait=False)
    assert server.process.wait(10) == 1
    for w in words[:1]:
        assert w in server.log_text()


@only_sorrel
@pytest.mark.parametrize("text,words", REFUSED, ids=lambda x: x.strip()[:40] if isinstance(x, str) else "")
def test_a_bad_file_is_named_with_line_reason_and_nearest_name(start, text, words):
    server = start(config=text, wait=False)
    assert server.process.wait(10) == 1
    log = server.log_text()
    assert "test.conf" in log and str(text.count("\n")) in log
    for w in words:
        assert w in log


@pytest.mark.parametrize("options", [["--nosuch", "1"], ["--timeout", "abc"], ["--timeout"], ["--maxmemory-policy", "x"]])
def test_a_bad_option_stops_the_start(start, options):
    server = start(*options, wait=False)
    assert server.process.wait(10) == 1
    assert options[0][2:] in server.log_text()


@only_sorrel
def test_a_folder_that_is_not_there_is_named(start):
    server = start("--dir", "/nonexistent/folder", wait=False)
    assert server.process.wait(10) == 1
    assert "/nonexistent/folder" in server.log_text()


def begun(command, **how):
    """A server of the test's own, on a free port, and a connection to it."""
    port = servers.free_port()
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how)

    def connected():
        try:
            return servers.Connection(("127.0.0.1", port))
        except OSError:
            return None
    return process, wait_until(connected)


def test_rewrite_takes_users_along(start, tmp_path):
    """Users made and removed by ACL are in the file after CONFIG REWRITE, unless an ACL file has them."""
    path = tmp_path / "users.conf"
    path.write_text("# people\nuser bob on nopass +@all ~b*\nuser ann on nopass ~a* &* +get\nuser joe off\n")

    def begin():
        return begun([PROGRAM, path, "--dir", tmp_path, "--save", ""])

    def users(c):
        return [line.replace(b" sanitize-payload", b"") for _, line in c.call("ACL", "LIST")[1]]

    process, c = begin()
    try:
        for words in (["SETUSER", "eve", "on", ">pw", "~e*", "+get"], ["DELUSER", "joe"], ["SETUSER", "bob", "~c*"]):
            assert c.call("ACL", *words)[0] != "-"
        assert c.call("CONFIG", "SET", "requirepass", "secret") == ("+", b"OK")
        before = users(c)
        assert c.call("CONFIG", "REWRITE") == ("+", b"OK")
    finally:
        process.terminate()
        process.wait()
    text = path.read_text()
    assert text.startswith("# people\n") and "user bob" in text and "joe" not in text and " pw" not in text
    process, c = begin()
    try:
        assert c.call("AUTH", "secret") == ("+", b"OK")
        assert users(c) == before
    finally:
        process.terminate()
        process.wait()


@only_sorrel
def test_a_file_that_may_not_be_changed():
    """CONFIG REWRITE then writes an overlay into the data directory, which counts after the file and before the command line."""
    top = tempfile.mkdtemp(prefix="sorrel-test-")
    os.chmod(top, 0o755)
    etc, data = os.path.join(top, "etc"), os.path.join(top, "data")
    os.mkdir(etc)
    os.mkdir(data)
    path = os.path.join(etc, "sorrel.conf")
    with open(path, "w") as f:
        f.write(f"# mine\ntimeout 77\nmaxmemory 100mb\ndir {data}\nsave ''\nuser ann on nopass ~a* +get\nuser joe on nopass +@all\n")
    os.chmod(path, 0o444)
    os.chmod(etc, 0o555)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    program = os.path.join(top, "sorrel-server")  # the project may lie where nobody else may look
    shutil.copy(PROGRAM, program)
    if nobody:
        os.chown(data, 65534, 65534)

    def run(*options):
        return begun([program, path, "--bind", "127.0.0.1", *options], cwd=data, **nobody)

    def values(c):
        return [c.call("CONFIG", "GET", n)[1][1][1] for n in ("timeout", "maxmemory", "hz")]

    overlay = os.path.join(data, "sorrel-overlay.conf")
    try:
        process, c = run()
        try:
            assert c.call("CONFIG", "SET", "timeout", "0", "maxmemory", "auto", "hz", "33") == ("+", b"OK")
            assert c.call("ACL", "SETUSER", "ann", "resetkeys", "~c*") == ("+", b"OK")
            assert c.call("ACL", "SETUSER", "eve", "on", ">pw", "~e*", "+get") == ("+", b"OK")
            assert c.call("ACL", "DELUSER", "joe") == (":", 1)
            users = c.call("ACL", "LIST")[1]
            assert c.call("CONFIG", "REWRITE") == ("+", b"OK")
        finally:
            process.terminate()
            process.wait()
        with open(path) as f:
            assert "timeout 77" in f.read()
        assert os.stat(overlay).st_mode & 0o777 == 0o600
        process, c = run("--hz", "44")
        try:
            assert values(c) == [b"0", b"auto", b"44"]
            assert c.call("ACL", "LIST")[1] == users  # joe has not come back
            # When the file may be changed again, it gets everything and the overlay goes.
            os.chmod(etc, 0o777)
            assert c.call("CONFIG", "REWRITE") == ("+", b"OK")
        finally:
            process.terminate()
            process.wait()
        assert not os.path.exists(overlay)
        with open(path) as f:
            text = f.read()
        assert text.startswith("# mine\n") and "maxmemory auto" in text and "hz 44" in text and "timeout" not in text
        assert "user eve" in text and "user joe" not in text
    finally:
        os.chmod(etc, 0o755)
        shutil.rmtree(top)


def test_what_is_not_served_is_said(start):
    quiet = start("--io-threads", 1, "--cluster-enabled", "no")
    assert "has no effect" not in quiet.log_text()
    server = start("--cluster-enabled", "yes", "--activedefrag", "yes", config="io-threads 4\nloadmodule /tmp/x.so a\n")
    said = [line.split(" # ")[1] for line in server.log_text().splitlines() if "has no effect" in line]
    assert said[:3] == ["activedefrag has no effect: memory is not defragmented in the background",
                        "cluster-enabled has no effect: this is no node of a cluster: it serves all keys by itself",
                        "io-threads has no effect: one thread serves all connections"]
    assert len(said) == 4 and said[3].startswith("loadmodule has no effect: no modules are loaded (") and "/tmp/x.so" in said[3]
