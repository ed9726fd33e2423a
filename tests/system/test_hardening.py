"""What stands between a fault in the server and the rest of the machine: how the programs are linked, the sandbox, the unit
for systemd, and the report of a crash."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
import resp
import servers
from conftest import BIN, PROGRAM, ROOT, only_sorrel, wait_until

pytestmark = only_sorrel


def output(*args):
    return subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.decode()


# -- the programs ------------------------------------------------------------------------------------------------------

@pytest.mark.skipif(BIN.rstrip("/").split("/")[-2:] != ["build", "bin"], reason="how release builds are linked")
@pytest.mark.parametrize("name", ["sorrel-server", "sorrel-cli", "sorrel-benchmark", "sorrel-check"])
def test_release_builds_are_hardened(name):
    program = os.path.join(BIN, name)
    header, segments, dynamic = (output("readelf", f, program) for f in ("-hW", "-lW", "-dW"))
    symbols = output("readelf", "-sW", "--dyn-syms", program)
    assert "DYN (Position-Independent Executable" in header or re.search(r"Type:\s+DYN", header)
    assert "GNU_RELRO" in segments
    assert re.search(r"\((FLAGS_1)\).*NOW", dynamic) or "BIND_NOW" in dynamic  # with RELRO: full RELRO
    assert "__stack_chk_fail" in symbols
    assert re.search(r"__(memcpy|snprintf|vsnprintf|read|fprintf|printf)_chk", symbols), "fortify"
    stack = next(line for line in segments.splitlines() if "GNU_STACK" in line)
    assert " RW " in stack and "RWE" not in stack
    assert "TEXTREL" not in dynamic and "RPATH" not in dynamic and "RUNPATH" not in dynamic


def test_nothing_is_writable_and_executable(start):
    server = start()
    with server.connect() as c:
        assert c.call("EVAL", "local t = {} for i = 1, 1e6 do t[i % 10] = i end return 1", "0") == (":", 1)
    with open(f"/proc/{server.process.pid}/maps") as f:
        assert not [line for line in f if "wx" in line.split()[1]]


# -- the unit ----------------------------------------------------------------------------------------------------------

def test_the_unit_is_installed_and_strict(tmp_path):
    with open(os.path.join(ROOT, "Makefile")) as f:
        assert "lib/systemd/system/sorrel.service" in f.read()
    with open(os.path.join(ROOT, "dist", "sorrel.service")) as f:
        unit = f.read().replace("@BIN@", "/usr/local/bin")
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateDevices=yes", "CapabilityBoundingSet=\n",
                 "MemoryDenyWriteExecute=yes", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "Type=notify",
                 "SystemCallFilter=@system-service", "UMask=0077", "StateDirectory=sorrel"):
        assert line in unit, line
    analyze = shutil.which("systemd-analyze")
    if analyze:
        path = tmp_path / "sorrel.service"
        path.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={os.path.abspath(PROGRAM)}", unit))
        done = subprocess.run([analyze, "verify", "--man=no", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        complaints = [line for line in done.stdout.decode().splitlines() if "sorrel.service" in line and "user" not in line]
        assert not complaints


def test_the_example_configuration_starts(start, tmp_path):
    with open(os.path.join(ROOT, "dist", "sorrel.conf")) as f:
        text = f.read()
    text = text.replace("port 6379", "").replace("sandbox yes", "sandbox no").replace("bind 127.0.0.1 -::1", "")
    server = start(config=text)
    with server.connect() as c:
        assert c.call("SET", "k", "v") == ("+", b"OK")


# -- the sandbox -------------------------------------------------------------------------------------------------------

def landlock():
    import ctypes
    return ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1)


needs_landlock = pytest.mark.skipif(landlock() < 1, reason="this kernel has no Landlock")


@needs_landlock
def test_the_sandbox_lets_everything_through_that_a_server_needs(start, tmp_path):
    logs, conf, sock = tmp_path / "logs", tmp_path / "conf", tmp_path / "sock"
    for folder in (logs, conf, sock):
        folder.mkdir()
    (conf / "users.acl").write_text("user default on nopass ~* &* +@all\n")
    server = start("--sandbox", "yes", "--appendonly", "yes", "--logfile", logs / "log", "--aclfile", conf / "users.acl",
                   "--unixsocket", sock / "s", "--pidfile", tmp_path / "pids" / "pid", "--enable-protected-configs", "yes")
    server.log = str(logs / "log")
    assert "Confined by Landlock" in server.log_text()
    with server.connect() as c:
        for i in range(1000):
            assert c.call("SET", f"k{i}", "v" * 100) == ("+", b"OK")
        assert c.call("SAVE") == ("+", b"OK")
        assert c.call("BGREWRITEAOF")[0] == "+"
        wait_until(lambda: b"aof_rewrite_in_progress:0" in c.call("INFO", "persistence")[1])
        assert b"aof_last_bgrewrite_status:ok" in c.call("INFO", "persistence")[1]
        assert c.call("BGSAVE")[0] == "+"
        wait_until(lambda: b"rdb_bgsave_in_progress:0" in c.call("INFO", "persistence")[1])
        assert b"rdb_last_bgsave_status:ok" in c.call("INFO", "persistence")[1]
        assert c.call("ACL", "SETUSER", "bob", "on") == ("+", b"OK")
        assert c.call("ACL", "SAVE") == ("+", b"OK") and "bob" in (conf / "users.acl").read_text()
        assert c.call("ACL", "LOAD") == ("+", b"OK")
        assert c.call("FLUSHALL") == ("+", b"OK")
        assert int(c.call("INFO", "memory")[1].split(b"used_memory_rss:")[1].split(b"\r")[0]) > 0
        os.rename(logs / "log", logs / "log.1")  # rotation
        c.call("CONFIG", "SET", "loglevel", "debug")
        c.call("SAVE")
        assert "SAVE" in server.log_text().upper() or (logs / "log").exists()
    with servers.Connection(str(sock / "s")) as c:
        assert c.call("PING") == ("+", b"PONG")


@needs_landlock
def test_the_sandbox_keeps_the_server_in(start, tmp_path):
    """Class M: even whoever may set `dir` and `dbfilename` writes no file elsewhere (cron jobs, authorized_keys)."""
    outside = tmp_path / "outside"
    outside.mkdir()
    server = start("--sandbox", "yes", "--enable-protected-configs", "yes")
    with server.connect() as c:
        assert c.call("SET", "k", "v") == ("+", b"OK")
        assert c.call("SAVE") == ("+", b"OK")
        moved = c.call("CONFIG", "SET", "dir", outside)
        c.call("SAVE")
        assert not list(outside.iterdir()), moved
        c.call("CONFIG", "SET", "dir", server.dir)
        kind, error = c.call("CONFIG", "SET", "port", servers.free_port())
        if landlock() >= 4:
            assert kind == "-", error
        assert c.call("PING") == ("+", b"PONG")
    pid = server.process.pid
    with open(f"/proc/{pid}/status") as f:
        assert re.search(r"NoNewPrivs:\s+1", f.read())


@needs_landlock
def test_every_thread_is_in_the_sandbox(start):
    """Landlock confines a thread and what it starts: it must have been entered before the first one was started."""
    server = start("--sandbox", "yes", "--appendonly", "yes")
    for task in os.listdir(f"/proc/{server.process.pid}/task"):
        with open(f"/proc/{server.process.pid}/task/{task}/status") as f:
            assert re.search(r"NoNewPrivs:\s+1", f.read())


# -- crashes -----------------------------------------------------------------------------------------------------------

SECRET = "hunter2secretvalue"


def crash(start, command, *options):
    server = start("--enable-debug-command", "yes", *options)
    with server.connect() as c:
        assert c.call("SET", "key" + SECRET, SECRET) == ("+", b"OK")
        assert c.call("CLIENT", "SETNAME", SECRET) == ("+", b"OK")
        client = c.call("CLIENT", "ID")[1]
        try:
            c.send(resp.encode([*command, SECRET] if command[0] != "DEBUG" else [*command]))
            while c.fill(20):
                pass
        except (servers.Closed, OSError):
            pass
    return server.process.wait(20), server.log_text(), client


@pytest.mark.parametrize("how, number", [("SEGFAULT", signal.SIGSEGV), ("PANIC", signal.SIGABRT)])
def test_a_crash_is_reported(start, how, number):
    code, log, client = crash(start, ["DEBUG", how])
    assert code == -number
    report = log.split("CRASH REPORT BEGIN")[1].split("CRASH REPORT END")[0]
    assert f"by signal {int(number)} ({number.name[3:]})" in report
    assert re.search(r"(RIP|PC):[0-9a-f]{16}", report) and re.search(r"(RSP|SP):[0-9a-f]{16}", report)
    assert f"client id={client} " in report and "command: debug, 2 arguments" in report
    assert len(re.findall(r"\[0x[0-9a-f]+\]", report)) >= 5, "the stack"
    assert SECRET not in log
    if how == "PANIC":
        assert "CHECK(" in log


def test_a_crash_in_json(start):
    code, log, _ = crash(start, ["DEBUG", "SEGFAULT"], "--log-format", "json")
    assert code == -signal.SIGSEGV
    lines = [line for line in log.splitlines() if "CRASH REPORT" in line]
    assert len(lines) == 2 and all("CRASH REPORT" in json.loads(line)["message"] for line in lines)


def test_no_report_when_it_is_not_wanted(start):
    code, log, _ = crash(start, ["DEBUG", "SEGFAULT"], "--crash-log-enabled", "no")
    assert code == -signal.SIGSEGV and "CRASH REPORT" not in log


def test_a_signal_from_outside_is_reported_too(start):
    server = start()
    with server.connect() as c:
        assert c.call("PING") == ("+", b"PONG")
    server.process.send_signal(signal.SIGBUS)
    assert server.process.wait(20) == -signal.SIGBUS
    wait_until(lambda: "CRASH REPORT END" in server.log_text())
    assert "no client's command was running" in server.log_text()
