"""What comes with the programs: their help, man pages, completion, and that uninstall takes away what install brought."""
import os
import re
import shutil
import subprocess
import sys

import pytest

from test_cli import BIN

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
PROGRAMS = ("sorrel-server", "sorrel-cli", "sorrel-benchmark", "sorrel-check")

pytestmark = pytest.mark.skipif(not all(os.path.exists(os.path.join(BIN, p)) for p in PROGRAMS), reason="not built")


def output(*argv, **kw):
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60, **kw).stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_is_a_screenful(program):
    lines = output(os.path.join(BIN, program), "--help").splitlines()
    assert 10 < len(lines) <= 48 and max(map(len, lines)) <= 110
    assert output(os.path.join(BIN, program), "--version")


def test_help_names_every_option():
    short = output(os.path.join(BIN, "sorrel-cli"), "--help")
    every = output(os.path.join(BIN, "sorrel-cli"), "--help", "all")
    options = re.findall(r"^  (-[-\w]+)", every, re.M)
    assert len(options) > 50 and not [o for o in options if not re.search(rf"(^  | ){o}\b", short, re.M)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_man_pages_are_up_to_date(program):
    """`make docs` writes them."""
    made = output(sys.executable, os.path.join(ROOT, "tools/man.py"), os.path.join(BIN, program))
    with open(os.path.join(ROOT, "docs/man", program + ".1")) as f:
        assert f.read() == made
    if shutil.which("groff"):
        p = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=made, capture_output=True, text=True, timeout=60)
        assert p.returncode == 0 and p.stderr == ""


def complete(line, program=None):
    """The candidates that bash has for the end of the line."""
    words = line.split(" ")
    script = f"""source {ROOT}/tools/completion/sorrel.bash
        COMP_WORDS=({' '.join(f"'{w}'" for w in words)}); COMP_CWORD={len(words) - 1}
        f=$(complete -p {os.path.basename(words[0])} | sed 's/.*-F \\([^ ]*\\).*/\\1/'); $f; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return output("bash", "-c", script, env=dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}")).split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes(tmp_path):
    assert {"--bigkeys", "--cacertdir", "-h", "--pipe-timeout"} <= set(complete("sorrel-cli -"))
    assert complete("sorrel-cli --bigk") == ["--bigkeys"]
    assert {"create", "rebalance", "help"} <= set(complete("sorrel-cli --cluster "))
    assert complete("sorrel-cli --cluster rebalance 127.0.0.1:1 --cluster-we") == ["--cluster-weight"]
    assert complete("sorrel-cli --scan --type z") == ["zset"]
    assert complete("sorrel-benchmark -t set,lrange_1") == ["set,lrange_100"]
    assert "--threads" in complete("sorrel-benchmark --")
    assert complete("sorrel-check r") == ["rdb"] and complete("sorrel-check aof --f") == ["--fix"]
    assert complete("sorrel-server --unixsocketp") == ["--unixsocketperm"]
    assert complete("sorrel-server --loglevel w") == ["warning"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_commands_of_the_server():
    import servers
    s = servers.Server(os.path.join(BIN, "sorrel-server"))
    try:
        port = str(s.port)
        assert complete(f"sorrel-cli -p {port} hgeta") == ["hgetall"]
        assert complete(f"sorrel-cli -p {port} HGETA") == ["HGETALL"]
        assert complete(f"sorrel-cli -p {port} -x --csv hgeta") == ["hgetall"]
        assert complete(f"sorrel-cli -p {port} get hgeta") == []
        assert complete("sorrel-cli -p 1 hgeta") == []
    finally:
        s.stop()


def test_uninstall_takes_away_what_install_brought(tmp_path):
    make = ["make", "-s", "-C", ROOT, f"DESTDIR={tmp_path}", "PREFIX=/usr", "ALIASES=1", "-o", "all", "-o", "lib"]
    text = output(*make, "-n", "install")
    # Without building anything here: the recipe's own lines, with stand-ins for what is built.
    assert all(f"docs/man/{p}.1" in text for p in PROGRAMS)
    undo = output(*make, "-n", "uninstall")
    for p in PROGRAMS:
        assert f"man1/{p}.1" in undo and f"completions/{p}" in undo
    for a in ("redis-cli", "valkey-benchmark", "redis-check-rdb", "valkey-check-aof"):
        assert a in text and a in undo
