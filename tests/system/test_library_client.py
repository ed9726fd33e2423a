"""libsorrel's own tests (tests/client/*.c), each against Sorrel and against redis-server."""
import contextlib
import os
import shutil
import subprocess

import pytest

import servers
from conftest import PROGRAM

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# SORREL_LIB_SAN=thread runs the programs that `make client-tests LIB_SAN=thread` builds, here and in the other test_library_*.py.
SAN = os.environ.get("SORREL_LIB_SAN", "")
TESTS = os.path.join(ROOT, "build", "client-tests" + ("-" + SAN.split(",")[0] if SAN else ""))
# The others need more than one server: test_library_failover.py.
NAMES = ["core", "coordination", "state", "messaging", "caching", "sentinels", "async_epoll",
         "async_libuv", "async_libev", "async_libevent"]

kinds = [PROGRAM] + ([servers.oracle_command()] if shutil.which("redis-server") else [])


def build():
    p = subprocess.run(["make", "-s", "client-tests"] + ([f"LIB_SAN={SAN}"] if SAN else []), cwd=ROOT, capture_output=True,
                       text=True, timeout=600)
    assert p.returncode == 0, p.stderr


@pytest.fixture(scope="module", autouse=True)
def built():
    build()


def run_at_once(runs):
    """(test program, URL) ...: each with a server of its own, all together, for they wait most of the time."""
    running = [(name, url, subprocess.Popen([os.path.join(TESTS, name), url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
               for name, url in runs]
    try:
        for name, url, p in running:
            out = p.communicate(timeout=180)[0]
            assert p.returncode == 0, f"{name} {url}\n{out}"
    finally:
        for *_, p in running:
            p.kill()


@pytest.mark.parametrize("name", NAMES)
def test_program(name):
    targets = [(PROGRAM, ""), (PROGRAM, "/3?protocol=3")] + [(k, "") for k in kinds[1:]]
    with contextlib.ExitStack() as stack:
        run_at_once([(name, f"redis://127.0.0.1:{stack.enter_context(servers.Server(program)).port}{rest}") for program, rest in targets])
