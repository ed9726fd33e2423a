"""What others read: systemd's datagrams, the log's formats, MEMORY STATS, CLIENT PAUSE."""
import json
import os
import re
import shutil
import socket
import time

import pytest
import resp
import servers
from conftest import PROGRAM, only_sorrel, wait_until


class Notified:
    """A socket as systemd gives one."""
    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(20)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def next(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))

    def until(self, name):
        seen = []
        while True:
            seen.append(self.next())
            if name in seen[-1]:
                return seen


@only_sorrel
def test_systemd(start, tmp_path):
    with Notified(tmp_path) as n:
        server = start("--supervised", "systemd", env={**os.environ, "NOTIFY_SOCKET": n.path})
        assert n.until("READY")[-1]["READY"] == "1"
        with server.connect() as c:
            assert c.call("PING") == ("+", b"PONG")
            c.send(resp.encode(["SHUTDOWN", "NOSAVE"]))
        assert n.until("STOPPING")[-1]["STOPPING"] == "1"


@only_sorrel
def test_systemd_hears_of_loading(start, tmp_path):
    server = start("--enable-debug-command", "yes", "--dbfilename", "big.rdb")
    with server.connect() as c:
        c.call("DEBUG", "POPULATE", "300000")
        assert c.call("SAVE") == ("+", b"OK")
    rdb = os.path.join(server.dir, "big.rdb")
    with Notified(tmp_path) as n:
        again = servers.Server(PROGRAM, "--supervised", "auto", "--dbfilename", "big.rdb", "--dir", server.dir,
                               env={**os.environ, "NOTIFY_SOCKET": n.path})
        try:
            seen = n.until("READY")
            loading = [d for d in seen if "Loading" in d.get("STATUS", "")]
            assert loading and all(int(d["EXTEND_TIMEOUT_USEC"]) >= 1000000 for d in loading)
            with again.connect() as c:
                assert c.call("DBSIZE") == (":", 300000) or c.call("DBSIZE") == (":", b"300000")
        finally:
            again.stop()
    assert os.path.exists(rdb)


RFC_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)"


@only_sorrel
@pytest.mark.parametrize("form", ["plain", "logfmt", "json"])
def test_log_format(start, form):
    server = start("--log-format", form, "--logfile", "server.log", "--enable-debug-command", "yes")
    with server.connect() as c:
        assert c.call("DEBUG", "LOG", 'a "quoted" \\ text') == ("+", b"OK")
        assert c.call("CONFIG", "GET", "log-format")[1][1] == ("$", form.encode())

    def lines():
        with open(os.path.join(server.dir, "server.log")) as f:
            return [line for line in f.read().split("\n") if line]

    line = wait_until(lambda: next((text for text in lines() if "DEBUG LOG" in text), None))
    if form == "json":
        for text in lines():
            one = json.loads(text)
            assert re.fullmatch(RFC_3339, one["timestamp"]) and one["level"] and one["role"] and one["pid"] > 0
        assert json.loads(line)["message"] == 'DEBUG LOG: a "quoted" \\ text'
    elif form == "logfmt":
        assert re.fullmatch(r'pid=\d+ role=\w+ timestamp="' + RFC_3339 + r'" level=warning message="DEBUG LOG: .*"', line)
        assert r"a \"quoted\" \\ text" in line
    else:
        assert re.fullmatch(r"\d+:[MSCX] \d+ \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} # DEBUG LOG: .*", line)


@only_sorrel
@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_log_keeps_utf8(start, form):
    server = start("--log-format", form, "--logfile", "server.log", "--enable-debug-command", "yes")
    with server.connect() as c:
        assert c.call("DEBUG", "LOG", "K\u00f6ln \u2603 \U0001f600 ".encode() + b"\xff\xc3") == ("+", b"OK")
    with open(os.path.join(server.dir, "server.log"), encoding="utf-8") as f:
        line = next(text for text in f.read().split("\n") if "DEBUG LOG" in text)
    assert "DEBUG LOG: K\u00f6ln \u2603 \U0001f600 \\u00ff\\u00c3" in line


@only_sorrel
def test_log_follows_format_and_role(start):
    server = start("--logfile", "server.log", "--enable-debug-command", "yes")

    def logged(c, text):
        assert c.call("DEBUG", "LOG", text) == ("+", b"OK")
        with open(os.path.join(server.dir, "server.log")) as f:
            return next(line for line in f.read().split("\n") if text in line)

    with server.connect() as c:
        assert re.match(r"\d+:M ", logged(c, "as a master"))
        assert c.call("REPLICAOF", "127.0.0.1", str(servers.free_port())) == ("+", b"OK")
        assert re.match(r"\d+:S ", logged(c, "as a replica"))
        assert c.call("CONFIG", "SET", "log-format", "json") == ("+", b"OK")
        assert json.loads(logged(c, "in JSON"))["role"] == "replica"
        assert c.call("REPLICAOF", "NO", "ONE") == ("+", b"OK")
        assert c.call("CONFIG", "SET", "log-format", "logfmt") == ("+", b"OK")
        assert " role=master " in logged(c, "in pairs")


def memory_stats(program):
    server = servers.Server(program)
    try:
        with server.connect() as c:
            c.call("SET", "k", "v")
            flat = c.call("MEMORY", "STATS")[1]
        return {flat[i][1].decode(): flat[i + 1] for i in range(0, len(flat), 2)}
    finally:
        server.stop()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")
@only_sorrel
def test_memory_stats():
    ours, theirs = memory_stats(PROGRAM), memory_stats("redis-server")
    assert not theirs.keys() - ours.keys()
    for name, (kind, value) in theirs.items():
        assert ours[name][0] == kind, name
        if kind == "$":  # a fraction
            float(ours[name][1])


@only_sorrel
def test_memory_stats_of_what_is_there(start):
    """Scripts, functions and the stream kept for replicas, as INFO has them."""
    server, replica = start(), start()
    with server.connect() as c, replica.connect() as r:
        c.call("EVAL", "return 1", "0")
        c.call("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
        r.call("REPLICAOF", "127.0.0.1", str(server.port))
        wait_until(lambda: b"master_link_status:up" in r.call("INFO", "replication")[1])
        c.call("SET", "k", "v" * 10000)
        flat = c.call("MEMORY", "STATS")[1]
        info = dict(line.split(":", 1) for line in c.call("INFO", "memory")[1].decode().split("\r\n") if ":" in line)
    stats = {flat[i][1].decode(): flat[i + 1][1] for i in range(0, len(flat), 2)}
    assert stats["lua.caches"] == int(info["used_memory_scripts_eval"]) > 0
    assert stats["functions.caches"] == int(info["used_memory_functions"]) > 0
    assert stats["replication.backlog"] == int(info["mem_replication_backlog"]) > 0
    assert stats["clients.slaves"] > 0 and stats["clients.normal"] > 0
    assert stats["overhead.total"] > stats["startup.allocated"] + stats["replication.backlog"]


@only_sorrel
def test_how_much_of_a_command_the_slow_log_shows(start):
    server = start("--slowlog-log-slower-than", "0", "--slowlog-entry-max-argc", "3", "--slowlog-entry-max-string-len", "10")

    def last(c):
        return [arg for _, arg in c.call("SLOWLOG", "GET", "1")[1][0][1][3][1]]

    with server.connect() as c:
        c.call("MSET", "0123456789", "0123456789ab", "b", "2")
        assert last(c) == [b"MSET", b"0123456789", b"... (3 more arguments)"]
        assert c.call("CONFIG", "SET", "slowlog-entry-max-argc", "100") == ("+", b"OK")
        c.call("MSET", "0123456789", "0123456789ab", "b", "2")
        assert last(c) == [b"MSET", b"0123456789", b"0123456789... (2 more bytes)", b"b", b"2"]
        assert c.call("CONFIG", "SET", "slowlog-entry-max-argc", "1")[0] == "-"


def info(c, section):
    text = c.call("INFO", section)[1].decode()
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


@only_sorrel
def test_info_counts_who_listens_watches_and_waits(start):
    server = start()
    names = ("pubsub_clients", "watching_clients", "total_watched_keys", "total_blocking_keys", "total_blocking_keys_on_nokey")

    def numbers():
        fields = info(c, "clients")
        return tuple(int(fields[name]) for name in names)

    with server.connect() as c:
        assert c.call("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM") == ("+", b"OK")
        assert numbers() == (0, 0, 0, 0, 0)
        with server.connect() as hears, server.connect() as watches, server.connect() as waits, server.connect() as reads:
            hears.call("SUBSCRIBE", "a"), hears.call("PSUBSCRIBE", "b*")
            watches.call("WATCH", "k", "l")
            waits.send(b"BLPOP q r 0\r\n")
            reads.send(b"XREADGROUP GROUP g c BLOCK 0 STREAMS s >\r\n")
            wait_until(lambda: numbers() == (1, 1, 2, 3, 1))
            watches.call("UNWATCH")
            hears.call("UNSUBSCRIBE"), hears.call("PUNSUBSCRIBE")
            assert numbers() == (0, 0, 0, 3, 1)
        wait_until(lambda: numbers() == (0, 0, 0, 0, 0))


@only_sorrel
def test_info_counts_turns_and_slow_commands(start, tmp_path):
    path = tmp_path / "s"
    server = start("--slowlog-log-slower-than", "20000", "--enable-debug-command", "yes", "--unixsocket", path)
    with server.connect() as c:
        before = info(c, "stats")
        for _ in range(100):
            c.call("PING")
        assert c.call("DEBUG", "SLEEP", "0.03") == ("+", b"OK")
        after = info(c, "stats")
        assert int(after["eventloop_cycles"]) >= int(before["eventloop_cycles"]) + 100
        for name in ("eventloop_duration_sum", "eventloop_duration_cmd_sum"):
            assert int(after[name]) >= int(before[name]) + 30000
        assert int(after["slowlog_commands_count"]) == 1 and int(after["slowlog_commands_time_ms_max"]) >= 30
        wait_until(lambda: info(c, "stats")["instantaneous_eventloop_cycles_per_sec"] != "0")
        listeners = info(c, "server")
        assert listeners["listener0"] == f"name=tcp,bind=127.0.0.1,port={server.port}" or "bind=*" in listeners["listener0"]
        assert listeners["listener1"] == f"name=unix,bind={path}"
        assert c.call("CONFIG", "RESETSTAT") == ("+", b"OK")
        assert int(info(c, "stats")["slowlog_commands_count"]) == 0


@only_sorrel
def test_info_remembers_large_buffers(start):
    server = start()
    with server.connect() as c:
        with server.connect() as slow:
            slow.call("SET", "k", "x" * 3000000)
            slow.send(b"GET k\r\n" * 4)
            wait_until(lambda: int(info(c, "clients")["client_recent_max_output_buffer"]) >= 1000000)
        time.sleep(1.1)
        assert int(info(c, "clients")["client_recent_max_output_buffer"]) >= 1000000


@only_sorrel
def test_info_clients(start):
    server = start()
    with server.connect() as c, server.connect() as waits, server.connect() as sends:
        waits.send(b"BLPOP nothing 100\r\n")
        sends.send(b"*2\r\n$4\r\nECHO\r\n$100000\r\n" + b"x" * 50000)

        def fields():
            text = c.call("INFO", "clients")[1].decode()
            return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

        wait_until(lambda: fields()["clients_in_timeout_table"] == fields()["blocked_clients"] == "1")
        wait_until(lambda: int(fields()["client_recent_max_input_buffer"]) >= 50000)


def test_client_pause(server):
    with server.connect() as c, server.connect() as reader, server.connect() as writer:
        assert c.call("CLIENT", "PAUSE", "400", "WRITE") == ("+", b"OK")
        begin = time.monotonic()
        writer.send(resp.encode(["SET", "k", "v"]))
        assert reader.call("GET", "k")[1] is None
        assert time.monotonic() - begin < 0.3
        assert writer.read() == ("+", b"OK")
        assert time.monotonic() - begin > 0.3
        # A pause of writes can be ended; one of everything holds CLIENT UNPAUSE, too.
        assert c.call("CLIENT", "PAUSE", "60000", "WRITE") == ("+", b"OK")
        writer.send(resp.encode(["SET", "k", "w"]))
        assert not writer.fill(0.1)
        assert c.call("CLIENT", "UNPAUSE") == ("+", b"OK")
        assert writer.read() == ("+", b"OK")
        begin = time.monotonic()
        assert c.call("CLIENT", "PAUSE", "300") == ("+", b"OK")
        reader.send(resp.encode(["GET", "k"]))
        assert c.call("PING") == ("+", b"PONG")
        assert time.monotonic() - begin > 0.25
        assert reader.read() == ("$", b"w")


def test_debug_sdslen_and_packed_threshold(start):
    server = start("--enable-debug-command", "yes")
    with server.connect() as c:
        c.call("SET", "key", "value")
        c.call("SET", "number", "12")
        c.call("RPUSH", "list", "x")
        assert c.call("DEBUG", "SDSLEN", "key")[1].startswith(b"key_sds_len:3, key_sds_avail:0, key_zmalloc: 0, val_sds_len:5, ")
        for key in "number", "list":
            assert c.call("DEBUG", "SDSLEN", key) == ("-", b"ERR Not an sds encoded string.")
        assert c.call("DEBUG", "SDSLEN", "nothing") == ("-", b"ERR no such key")
        for size in "0", "100b", "1gb":
            assert c.call("DEBUG", "QUICKLIST-PACKED-THRESHOLD", size) == ("+", b"OK")
        for size in "x", "4gb":
            assert c.call("DEBUG", "QUICKLIST-PACKED-THRESHOLD", size) == (
                "-", b"ERR argument must be a memory value bigger than 1 and smaller than 4gb")


@only_sorrel
def test_verbose_tells_of_connections(start, tmp_path):
    """Who comes, who goes and why, who is refused; at notice none of it. A socket's name forges no line."""
    path = tmp_path / "a\nClient id=1 addr=nobody connected"
    server = start("--loglevel", "verbose", "--unixsocket", path, "--maxclients", "2")

    def told(pattern):
        return wait_until(lambda: re.findall(pattern, server.log_text()), what=pattern)

    with server.connect() as c:
        addr = "127.0.0.1:" + str(c.socket.getsockname()[1])
        number = c.call("CLIENT", "ID")[1]
        told(f"Client id={number} addr={addr} connected\n")
        with servers.Connection(str(path)) as d:
            told(r"Client id=\d+ addr=.*a\\x0aClient id=1 addr=nobody connected:0 connected\n")
            with server.connect() as refused:
                assert refused.read() == ("-", b"ERR max number of clients reached")
                told("Connection from 127.0.0.1:" + str(refused.socket.getsockname()[1]) +
                     " refused: ERR max number of clients reached\n")
            assert d.call("QUIT") == ("+", b"OK")
            told("addr=nobody connected:0 closed: it has had its last reply\n")
        wait_until(lambda: c.call("CLIENT", "LIST")[1].count(b"id=") == 1)
        with server.connect() as d:
            assert c.call("CLIENT", "KILL", "ID", d.call("CLIENT", "ID")[1]) == (":", 1)
            told("closed: it was killed\n")
        assert not re.search("^(?!.* [-.*#] ).*nobody", server.log_text(), re.M)
        c.call("CONFIG", "SET", "loglevel", "notice")
        before = server.log_text()
        wait_until(lambda: c.call("CLIENT", "LIST")[1].count(b"id=") == 1)
        with server.connect() as d:
            d.call("PING")
        wait_until(lambda: c.call("CLIENT", "LIST")[1].count(b"id=") == 1)
        assert server.log_text() == before
        c.call("CONFIG", "SET", "loglevel", "verbose")
    told(f"Client id={number} addr={addr} closed: it has hung up\n")
