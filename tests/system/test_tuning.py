"""What the configuration asks of the kernel: cores, huge pages, the OOM killer's score, and the title that ps shows."""
import os

import pytest
import resp
import servers
from conftest import PROGRAM, only_sorrel, wait_until


def proc(server, name):
    with open(f"/proc/{server.process.pid}/{name}", "rb") as f:
        return f.read()


def title(server):
    return proc(server, "cmdline").rstrip(b"\0").decode()


def status(path, field):
    with open(path) as f:
        return next(line.split(":", 1)[1].strip() for line in f if line.startswith(field + ":"))


def test_title(start):
    s = start()
    assert title(s) == f"{os.path.abspath(PROGRAM)} 127.0.0.1:{s.port}"
    with s.connect() as c:
        assert c.call("CONFIG", "SET", "proc-title-template", "cache {port}/{tls-port} {server-mode}") == ("+", b"OK")
        assert title(s) == f"cache {s.port}/0"
        kind, text = c.call("CONFIG", "SET", "proc-title-template", "{nothing}")
        assert (kind, text) == ("-", b"ERR CONFIG SET failed (possibly related to argument 'proc-title-template') - template format is "
                                    b"invalid or contains unknown variables")
        assert title(s) == f"cache {s.port}/0"


def test_title_that_does_not_fit_is_cut(start):
    s = start(env={**os.environ, "SORREL_TEST": "x"})
    with s.connect() as c:
        assert c.call("CONFIG", "SET", "proc-title-template", "long " * 20000) == ("+", b"OK")
        assert title(s).startswith("long long long")
        assert c.call("PING") == ("+", b"PONG")


def test_no_title(start):
    s = start("--set-proc-title", "no", "--proc-title-template", "something else")
    assert title(s).split("\0")[:2] == [os.path.abspath(PROGRAM), "--port"]


def test_oom_score(start):
    s = start("--oom-score-adj", "relative", "--oom-score-adj-values", "50 150 250")
    before = int(open("/proc/self/oom_score_adj").read())
    score = lambda: int(proc(s, "oom_score_adj"))  # noqa: E731
    assert score() == before + 50
    with s.connect() as c:
        assert c.call("CONFIG", "SET", "oom-score-adj", "absolute") == ("+", b"OK")
        assert score() == 50
        assert c.call("REPLICAOF", "127.0.0.1", "1") == ("+", b"OK")
        wait_until(lambda: score() == 150, what="a replica's score")
        assert c.call("REPLICAOF", "NO", "ONE") == ("+", b"OK")
        wait_until(lambda: score() == 50, what="a primary's score")
        assert c.call("CONFIG", "SET", "oom-score-adj-values", "300 900 1000") == ("+", b"OK")
        assert score() == 300
        assert c.call("CONFIG", "SET", "oom-score-adj", "no") == ("+", b"OK")
        assert score() == before


@pytest.mark.parametrize("wanted, enabled", [("yes", "0"), ("no", "1")])
def test_huge_pages(start, wanted, enabled):
    s = start("--disable-thp", wanted)
    path = f"/proc/{s.process.pid}/status"
    if "THP_enabled" not in open(path).read():
        pytest.skip("this kernel does not say whether a process may have huge pages")
    assert status(path, "THP_enabled") == enabled


@only_sorrel
def test_cores(start):
    cores = sorted(os.sched_getaffinity(0))
    main, other = str(cores[0]), str(cores[-1])
    s = start("--server_cpulist", main, "--bio_cpulist", other, "--bgsave_cpulist", f"{other},{other}-{other}:2",
              "--appendonly", "yes")
    tasks = f"/proc/{s.process.pid}/task"
    of = {open(f"{tasks}/{t}/comm").read().strip(): status(f"{tasks}/{t}/status", "Cpus_allowed_list") for t in os.listdir(tasks)}
    assert of["reaper"] == of["aof sync"] == other
    assert status(f"{tasks}/{s.process.pid}/status", "Cpus_allowed_list") == main
    with s.connect() as c:
        assert c.call("CONFIG", "GET", "server-cpulist") == ("*", [("$", b"server-cpulist"), ("$", main.encode())])
        c.call("DEBUG", "SLEEP", "0")
        assert c.call("BGSAVE")[0] == "+"


@only_sorrel
@pytest.mark.parametrize("cores", ["x", "1-", "3-1", "0:2", "0,", "99999", "0-3:0"])
def test_cores_refused(cores):
    s = servers.Server(PROGRAM, "--server-cpulist", cores, wait=False)
    try:
        assert s.process.wait(10) == 1
        assert "server-cpulist" in s.log_text() and "a list of cores" in s.log_text()
    finally:
        s.stop()


def test_environment_is_kept(start, tmp_path):
    """The title takes the place of the environment, which is needed until the end: systemd's socket is in there."""
    import socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        path = str(tmp_path / "notify")
        notify.bind(path)
        notify.settimeout(20)
        s = start("--supervised", "systemd", env={**os.environ, "NOTIFY_SOCKET": path})
        seen = b""
        while b"READY=1" not in seen:
            seen = notify.recv(4096)
        with s.connect() as c:
            c.send(b"SHUTDOWN NOSAVE\r\n")
        while b"STOPPING=1" not in seen:
            seen = notify.recv(4096)
