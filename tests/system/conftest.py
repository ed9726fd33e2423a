"""Fixtures of the system tests: real server processes, free ports, nothing left behind.

The programs are those in build/bin (SORREL_BIN names another folder). SORREL_SERVER=/path/to/redis-server runs the same tests
against another server, which is how an expectation is checked.
"""
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402

# In the background of a shell SIGINT is ignored, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

BIN = os.environ.get("SORREL_BIN", os.path.join(ROOT, "build", "bin"))
PROGRAM = os.environ.get("SORREL_SERVER", os.path.join(BIN, "sorrel-server"))
ON_SORREL = "sorrel" in os.path.basename(PROGRAM)
only_sorrel = pytest.mark.skipif(not ON_SORREL, reason="says what only Sorrel says")


def wait_until(condition, seconds=20, what="condition"):
    """Waits for something that another process does; never longer than it takes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        got = condition()
        if got:
            return got
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come true in {seconds} s")


@pytest.fixture
def start():
    """start(*options, **how) starts a server that ends with the test."""
    running = []

    def begin(*options, **how):
        s = servers.Server(PROGRAM, *options, **how)
        running.append(s)
        return s

    yield begin
    for s in running:
        s.stop()


@pytest.fixture(scope="session")
def shared():
    """One server for all tests that need nothing special."""
    s = servers.Server(PROGRAM, "--enable-debug-command", "yes")
    yield s
    alive, log = s.alive(), s.log_text()
    s.stop()
    assert alive, "the server did not survive the tests:\n" + log


@pytest.fixture
def server(shared):
    """The shared server, emptied; it must be alive afterwards."""
    with shared.connect() as c:
        c.call("FLUSHALL")
    yield shared
    assert shared.alive(), "the server died:\n" + shared.log_text()


@pytest.fixture
def conn(server):
    with server.connect() as c:
        yield c


@pytest.fixture(scope="session")
def node():
    """The folder with ioredis and node-redis in it; installed as the lock file says, once."""
    folder = os.path.join(HERE, "node")
    marker = os.path.join(folder, "node_modules", ".package-lock.json")
    lock = os.path.join(folder, "package-lock.json")
    if not os.path.exists(marker) or os.path.getmtime(marker) < os.path.getmtime(lock):
        # Not `npm ci`: it takes the lock file for incomplete, whose optional binaries for other systems have no entry.
        subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"], cwd=folder, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    return folder


@pytest.fixture(scope="session")
def exporter():
    """prometheus-redis-exporter, unpacked from its Debian package: installing it would start a service."""
    found = shutil.which("prometheus-redis-exporter")
    if found:
        return found
    folder = os.path.join(ROOT, "build", "exporter")
    program = os.path.join(folder, "usr", "bin", "prometheus-redis-exporter")
    if not os.path.exists(program):
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["apt-get", "download", "prometheus-redis-exporter"], cwd=folder, check=True, timeout=300,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        package = [f for f in os.listdir(folder) if f.endswith(".deb")][0]
        subprocess.run(["dpkg-deb", "-x", package, "."], cwd=folder, check=True)
    return program
