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
