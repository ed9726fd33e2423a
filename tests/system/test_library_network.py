"""libsorrel under bad networks, under load and under attack by time: cuts, delays and silence by a proxy; 64 threads on one pool under
ThreadSanitizer; 16 processes that raise a counter under a lock whose holders are killed; TLS."""
import contextlib
import os
import re
import shutil
import subprocess
import time

import pytest

import servers
from conftest import PROGRAM
from test_library_client import TESTS, build, run_at_once
from proxy import Proxy
from test_tls import Authority

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

kinds = [PROGRAM] + ([servers.oracle_command()] if shutil.which("redis-server") else [])
both = pytest.mark.parametrize("program", kinds, ids=os.path.basename)


@pytest.fixture(scope="module", autouse=True)
def built():
    build()


def run(name, *args, folder=TESTS, timeout=180, env=None):
    p = subprocess.run([os.path.join(folder, name), *map(str, args)], capture_output=True, text=True, timeout=timeout,
                       env=dict(os.environ, **(env or {})))
    assert p.returncode == 0, p.stdout + p.stderr
    return p.stdout


class Under:
    """The network test at work through a proxy."""

    def __init__(self, proxy, seconds, options=""):
        url = f"redis://127.0.0.1:{proxy.port}?socket_timeout=0.5&socket_connect_timeout=0.5{options}"
        self.process = subprocess.Popen([os.path.join(TESTS, "network"), url, str(seconds)], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def end(self):
        out = self.process.communicate(timeout=90)[0]
        assert self.process.returncode == 0, out
        return {k: int(v) for k, v in re.findall(r"(\w+) (\d+)", out)}


@both
def test_network_that_is_cut(program):
    with servers.Server(program) as s, Proxy(s.port) as proxy:
        u = Under(proxy, 4)
        for _ in range(5):
            time.sleep(0.3)
            proxy.cut()
        time.sleep(0.3)
        proxy.down = True
        proxy.cut()
        time.sleep(0.7)
        proxy.down = False
        seen = u.end()
        assert seen["failed"] == 0 and seen["done"] > 100 and 600 < seen["gap"] < 4000, seen


@both
def test_network_that_falls_silent(program):
    with servers.Server(program) as s, Proxy(s.port) as proxy:
        u = Under(proxy, 5, "&protocol=3")
        time.sleep(0.5)
        proxy.silent = True
        time.sleep(1.5)
        proxy.silent = False
        seen = u.end()
        assert seen["failed"] == 0 and seen["done"] > 20 and seen["gap"] > 1000, seen


@both
def test_network_that_is_slow(program):
    with servers.Server(program) as s, Proxy(s.port) as proxy:
        u = Under(proxy, 4)
        proxy.delay = 0.05
        seen = u.end()
        assert seen["failed"] == 0 and seen["done"] > 5, seen


@both
def test_sixteen_processes_count_under_a_lock(program):
    with servers.Server(program) as s:
        out = run("lock_counter", f"redis://127.0.0.1:{s.port}", 10000, 16, 6)
        assert re.search(r"counter 10000 .* doubles 0 disorder 0 killed 6", out), out


@both
def test_many_threads_on_one_pool(program):
    """Under ThreadSanitizer: a race would make the program fail."""
    p = subprocess.run(["make", "-s", "build/client-tests-thread/pool_threads", "LIB_SAN=thread"], cwd=ROOT, capture_output=True,
                       text=True, timeout=600)
    assert p.returncode == 0, p.stderr
    with servers.Server(program) as s:
        run("pool_threads", f"redis://127.0.0.1:{s.port}", folder=os.path.join(ROOT, "build", "client-tests-thread"),
            env={"TSAN_OPTIONS": "halt_on_error=1"})


@both
def test_over_tls(program, tmp_path):
    ca = Authority(tmp_path, "good")
    key, cert = ca.issue("server")
    names = ["core", "coordination", "state", "messaging", "caching", "async_epoll", "async_libuv", "pool_threads"]
    ports = [servers.free_port() for _ in names]
    urls = [f"rediss://localhost:{port}?ssl_ca_certs={ca.cert}" for port in ports]
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(servers.Server(program, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key,
                                               "--tls-ca-cert-file", ca.cert, "--tls-auth-clients", "no"))
        run_at_once(zip(names, urls))
        # A certificate that nobody vouches for is refused.
        p = subprocess.run([os.path.join(TESTS, "core"), f"rediss://localhost:{ports[0]}", "calls_and_errors"], capture_output=True,
                           text=True, timeout=60)
        assert p.returncode == 1


@both
def test_over_a_unix_socket(program, tmp_path):
    names = ["core", "messaging", "async_epoll"]
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(servers.Server(program, "--unixsocket", tmp_path / name))
        run_at_once([(name, f"unix://{tmp_path / name}?protocol=3") for name in names])
