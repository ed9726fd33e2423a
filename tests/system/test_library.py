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


EVERYTHING = """
%s
#include <cstdio>
int main(int, char **argv)
{
    sorrel_error err = {};
    sorrel_lock_options o = {};
    o.ttl_ms = 1000;
    sorrel_client *cl = sorrel_client_open(argv[1], nullptr, &err);
    sorrel_lock *l = cl != nullptr ? sorrel_lock_new(cl, "c++", &o) : nullptr;
    bool held = l != nullptr && sorrel_lock_acquire(l, 0, &err) == SORREL_OK && sorrel_lock_held(l);
    std::printf("%%s%%s\\n", err.text, held ? "held" : "");
    sorrel_lock_free(l);
    sorrel_client_free(cl);
    return held ? 0 : 1;
}
"""


def test_installed(built, tmp_path):
    """What `make install` gives is enough to build programs with pkg-config, against both libraries, in C and in C++."""
    p = subprocess.run(["make", "-s", "install", f"DESTDIR={tmp_path}", "PREFIX=/opt/sorrel"], cwd=ROOT, capture_output=True, text=True,
                       timeout=300)
    assert p.returncode == 0, p.stderr
    lib = tmp_path / "opt/sorrel/lib"
    env = dict(os.environ, PKG_CONFIG_PATH=str(lib / "pkgconfig"), PKG_CONFIG_SYSROOT_DIR=str(tmp_path), LD_LIBRARY_PATH=str(lib))

    def flags(*how):
        return subprocess.run(["pkg-config", *how, "--cflags", "--libs", "sorrel"], capture_output=True, text=True, check=True,
                              env=env).stdout.split()

    shared, static, cpp = (tmp_path / n for n in ("shared", "static", "cpp"))
    pool = os.path.join(ROOT, "examples/pool.c")
    subprocess.run(["gcc", "-o", shared, pool, *flags(), "-lpthread"], check=True)
    subprocess.run(["gcc", "-o", static, pool, *("-l:libsorrel.a" if f == "-lsorrel" else f for f in flags("--static"))], check=True)
    headers = sorted(n for n in os.listdir(tmp_path / "opt/sorrel/include/sorrel") if n.endswith(".h"))
    assert len(headers) >= 20
    needs = {f: subprocess.run(["readelf", "-d", f], capture_output=True, text=True, check=True).stdout for f in (shared, static)}
    assert "[libsorrel.so.0]" in needs[shared] and "libsorrel" not in needs[static]
    programs = [[shared], [static]]
    if shutil.which("g++") is not None:
        subprocess.run(["g++", "-x", "c++", "-Wall", "-Wextra", "-Werror", "-o", cpp, "-", *flags()], check=True, text=True,
                       input=EVERYTHING % "\n".join(f"#include <sorrel/{h}>" for h in headers))
        programs.append([cpp])
    s = Server(str(tmp_path))
    try:
        for args in programs:
            args += [f"redis://127.0.0.1:{s.port}", "2", "10"]
            p = subprocess.run(args, capture_output=True, text=True, env=env, timeout=60)
            assert p.returncode == 0, p.stdout + p.stderr
    finally:
        s.stop()


def test_structs_have_room_to_grow():
    """Options and results that programs allocate end in reserved words, so that fields can be added without a new soname."""
    folder = os.path.join(ROOT, "include/sorrel")
    for name in sorted(n for n in os.listdir(folder) if n.endswith(".h")):
        for struct, body in re.findall(r"struct (sorrel_\w+(?:_options|_stats|_result)) \{(.*?)\n\};", open(os.path.join(folder, name)).read(), re.S):
            assert body.endswith("    uint64_t reserved[4];"), struct


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
