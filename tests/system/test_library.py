"""libsorrel as other people's programs use it: the examples, the shared library's symbols, the pkg-config file."""
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from test_cli import BIN, Server, THEIRS, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server to talk to")


@pytest.fixture(scope="module")
def built():
    p = subprocess.run(["make", "-s", "lib", "examples"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert p.returncode == 0, p.stderr
    return BUILD


def test_only_public_names_are_visible(built):
    for args, file in ((["-D", "--defined-only"], "libsorrel.so"), (["-g", "--defined-only"], "libsorrel.a")):
        out = subprocess.run(["nm", *args, os.path.join(built, "lib", file)], capture_output=True, text=True).stdout
        names = [line.split()[-1] for line in out.splitlines() if len(line.split()) == 3]
        assert len(names) > 30 and all(n.startswith("sorrel_") for n in names), names


def test_every_declared_function_is_there(built):
    out = subprocess.run(["nm", "-D", "--defined-only", os.path.join(built, "lib", "libsorrel.so")],
                         capture_output=True, text=True).stdout
    defined = {line.split()[-1] for line in out.splitlines()}

    declared = set()
    folder = os.path.join(ROOT, "include/sorrel")
    for name in (n for n in os.listdir(folder) if n.endswith(".h")):
        text = open(os.path.join(folder, name)).read()
        declared |= set(re.findall(r"SORREL_API [^;]*?\b(sorrel_\w+)\(", text))
    assert declared and declared <= defined, declared - defined


def test_every_function_is_documented():
    """Each declaration has a comment of its own right above it."""
    folder = os.path.join(ROOT, "include/sorrel")
    bare = []
    for name in sorted(n for n in os.listdir(folder) if n.endswith(".h")):
        lines = open(os.path.join(folder, name)).read().split("\n")
        bare += [f"{name}:{i + 1}" for i, line in enumerate(lines)
                 if line.startswith("SORREL_API") and not lines[i - 1].endswith("*/")]
    assert not bare


def test_headers_stand_alone(built, tmp_path):
    for name in sorted(n for n in os.listdir(os.path.join(ROOT, "include/sorrel")) if n.endswith(".h")):
        for compiler, lang in (("gcc", "c"), ("g++", "c++")):
            if shutil.which(compiler) is None:
                continue
            p = subprocess.run([compiler, "-x", lang, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I",
                                os.path.join(ROOT, "include"), "-"], input=f"#include <sorrel/{name}>\n", text=True,
                               capture_output=True)
            assert p.returncode == 0, p.stderr
    for adapter, library in (("epoll", "sys/epoll.h"), ("libuv", "uv.h"), ("libev", "ev.h"), ("libevent", "event2/event.h")):
        if not os.path.exists(os.path.join("/usr/include", library)) and adapter != "epoll":
            continue
        p = subprocess.run(["gcc", "-x", "c", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", os.path.join(ROOT, "include"), "-"],
                           input=f"#include <sorrel/adapters/{adapter}.h>\n", text=True, capture_output=True)
        assert p.returncode == 0, p.stderr


def test_shared_library_and_pkg_config(built, tmp_path):
    lib = os.path.join(built, "lib")
    pc = tmp_path / "sorrel.pc"
    text = open(os.path.join(lib, "sorrel.pc")).read()
    pc.write_text(re.sub(r"(?m)^prefix=.*", f"prefix={tmp_path}", text))
    os.symlink(os.path.join(ROOT, "include"), tmp_path / "include")
    os.symlink(lib, tmp_path / "lib")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "sorrel"], capture_output=True, text=True, check=True,
                           env=dict(os.environ, PKG_CONFIG_PATH=str(tmp_path))).stdout.split()
    program = tmp_path / "pool"
    p = subprocess.run(["gcc", "-o", program, os.path.join(ROOT, "examples/pool.c"), *flags, "-lpthread"], capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    p = subprocess.run([program], capture_output=True, text=True, env=dict(os.environ, LD_LIBRARY_PATH=lib))
    assert p.returncode == 2 and "usage" in p.stderr, p.stderr


def test_pool(built, tmp_path):
    s = Server(str(tmp_path), "--requirepass", "p/+@=")
    try:
        for url in (f"redis://:p/+@=@127.0.0.1:{s.port}", f"unix://:p%2F+@=@{s.socket}?protocol=3"):
            p = subprocess.run([os.path.join(built, "examples/pool"), url, "16", "200"], capture_output=True, text=True,
                               timeout=60)
            assert p.returncode == 0, p.stdout + p.stderr
            assert "counter 3200, failures 0, connections opened " in p.stdout
            assert int(p.stdout.split("opened ")[1].split(",")[0]) <= 4
        p = subprocess.run([os.path.join(built, "examples/pool"), f"redis://:hunter2@127.0.0.1:{s.port}", "1", "1"],
                           capture_output=True, text=True, timeout=60)
        assert p.returncode == 1 and "WRONGPASS" in p.stderr and "hunter2" not in p.stderr
    finally:
        s.stop()


def test_pool_drops_what_the_server_has_closed(built, tmp_path):
    s = Server(str(tmp_path))
    try:
        p = subprocess.Popen([os.path.join(built, "examples/pool"), f"redis://127.0.0.1:{s.port}", "4", "4000"],
                             stdout=subprocess.PIPE, text=True)
        for _ in range(3):
            time.sleep(0.05)
            run(THEIRS, s, ["client", "kill", "type", "normal"])
        out = p.communicate(timeout=60)[0]
        # Commands under way at the moment of a kill fail; the pool recovers, so nearly all others succeed.
        failures = int(out.split("failures ")[1].split(",")[0])
        assert failures <= 3 * 4
    finally:
        s.stop()


def example(name, *args, code=0, env=None):
    p = subprocess.run([os.path.join(BUILD, "examples", name), *map(str, args)], capture_output=True, text=True, timeout=60,
                       env=dict(os.environ, **(env or {})))
    assert p.returncode == code, p.stdout + p.stderr
    return p.stdout


def test_example_session_pool(built, tmp_path):
    s = Server(str(tmp_path))
    try:
        url = f"redis://127.0.0.1:{s.port}"
        program = os.path.join(built, "examples/session_pool")
        both = [subprocess.Popen([program, url, name, "4"], stdout=subprocess.PIPE, text=True) for name in "ab"]
        died = subprocess.Popen([program, url, "c", "60"], stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        died.kill()
        died.wait()
        out = "".join(p.communicate(timeout=30)[0] for p in both)
        # Whoever stays sees ten sessions: five of each process that is there. Fifteen of those who left have been removed, and
        # the five of the one that died.
        assert re.findall(r"sees (\d+) sessions", out) == ["10", "10"], out
        assert out.count("cleans up") >= 1 and sum(map(int, re.findall(r"removed (\d+)", out))) <= 20, out
    finally:
        s.stop()


def test_example_limiter(built, tmp_path):
    s = Server(str(tmp_path))
    try:
        there = {"ENABLE_REDIS": "true", "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(s.port)}
        for kind in ("sliding", "fixed", "bucket"):
            out = example("limiter", "client-" + kind, 50, 7, 3600000, kind, env=there)
            assert "allowed 7, refused 43, let through unasked 0; try again in " in out
        assert "unasked 5" in example("limiter", "x", 5, 1, 1000, env={"ENABLE_REDIS": "false"})
        assert "unasked 5" in example("limiter", "x", 5, 1, 1000, env=dict(there, REDIS_PORT="1"))
    finally:
        s.stop()


def test_example_worker_queue(built, tmp_path):
    s = Server(str(tmp_path))
    try:
        url = f"redis://127.0.0.1:{s.port}"
        example("worker_queue", url, "put", "one", "two", "three")
        example("worker_queue", url, "work", "die", code=3)
        assert example("worker_queue", url, "show") == "ready 2, taken 1, dead 0\n"
        out = example("worker_queue", url, "work")
        assert sorted(out.splitlines()) == ["done one (delivery 2)", "done three (delivery 1)", "done two (delivery 1)"]
        example("worker_queue", url, "put", "bad")
        example("worker_queue", url, "work", "fail")
        assert example("worker_queue", url, "show") == "ready 0, taken 0, dead 1\n"
    finally:
        s.stop()


def test_example_cache(built, tmp_path):
    s = Server(str(tmp_path))
    try:
        url = f"redis://127.0.0.1:{s.port}"
        assert example("cache", url, 32).startswith("wrong 0, store asked 4 times, ")
        assert example("cache", url, 4).startswith("wrong 0, store asked 0 times, ")
    finally:
        s.stop()


def test_man_pages_know_every_option():
    """The pages are written from --help; a new option without a new page shows here."""
    for name in ("sorrel-cli", "sorrel-benchmark"):
        program = os.path.join(BIN, name)
        if not os.path.exists(program):
            pytest.skip(f"{name} is not built")
        page = subprocess.run([sys.executable, os.path.join(ROOT, "tools/man.py"), program], capture_output=True,
                              text=True, check=True).stdout
        assert page == open(os.path.join(ROOT, f"docs/man/{name}.1")).read(), f"run tools/man.py for {name}"
