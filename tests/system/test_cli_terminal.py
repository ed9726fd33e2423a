"""sorrel-cli on a pseudo-terminal: prompts, editing keys, completion, hints, history, interrupts, reconnecting."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

from test_cli import OURS, THEIRS, Server, run

pytestmark = [
    pytest.mark.skipif(not os.path.exists(OURS), reason="sorrel-cli is not built"),
    pytest.mark.skipif(THEIRS is None or shutil.which("redis-server") is None, reason="no redis-server to talk to"),
]


class Terminal:
    """A program on a terminal of 100 columns. Output is kept with its escapes; `plain` drops them."""

    def __init__(self, argv, home, **env):
        self.output = b""
        full = {k: v for k, v in os.environ.items() if k not in ("REDISCLI_AUTH", "NO_COLOR", "FAKETTY")}
        full.update({"TERM": "xterm", "HOME": str(home), "COLUMNS": "100", "PAGER": "cat"}, **env)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(argv[0], argv, full)
        import fcntl, struct, termios
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

    def read(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.output += os.read(self.fd, 65536)
                return True
            except OSError:
                pass
        return False

    @property
    def plain(self):
        return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self.output)

    def expect(self, text, seconds=5):
        self.expect_in(lambda: self.plain, text, seconds)

    def expect_in(self, shown, text, seconds=5):
        """shown(): what is looked at, with or without escapes."""
        deadline = time.monotonic() + seconds
        text = text if isinstance(text, bytes) else text.encode()
        while text not in shown():
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} did not come; the terminal shows {self.plain[-600:]!r}")
            self.read(0.1)

    def send(self, text, expect=None):
        self.output = b""
        os.write(self.fd, text if isinstance(text, bytes) else text.encode())
        if expect is not None:
            self.expect(expect)
        # Keys sent before the next prompt would meet the terminal's own line editing.
        if expect is not None and text[-1:] in ("\r", b"\r") and not re.search(rb"> \s*$", self.plain):
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline and not re.search(rb"> \s*$", self.plain):
                self.read(0.02)

    def wait(self):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("the program did not end")

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = Server(str(tmp_path_factory.mktemp("redis")))
    run(THEIRS, s, ["mset", "user:1", "a", "user:2", "b", "two words", "c"])
    yield s
    s.stop()


@pytest.fixture
def term(server, tmp_path):
    t = Terminal([OURS, "-p", str(server.port)], tmp_path)
    t.expect(f"127.0.0.1:{server.port}> ")
    yield t
    t.close()


def test_prompt_follows_state(server, term):
    p = f"127.0.0.1:{server.port}"
    term.send("select 3\r", f"{p}[3]> ")
    term.send("multi\r", f"{p}[3](TX)> ")
    term.send("select 5\r", f"{p}[5](TX)> ")
    term.send("discard\r", f"{p}[3]> ")
    term.send("select 0\r", f"\r{p}> ")
    term.send("quit\r")
    assert term.wait() == 0


def test_editing_keys(term):
    term.send("echo abc\x01\x1b[C\x1b[C\x1b[C\x1b[C\x1b[CX\x05Y\r", '"XabcY"')     # ^A, five right, ^E
    term.send("echo one two three\x17\x17TWO\r", "ERR wrong number of arguments")   # ^W twice
    term.send("echo hello\x02\x02\x0bp\r", '"help"')                               # ^B ^B ^K
    term.send("garbage\x15echo ok\r", '"ok"')                                      # ^U
    term.send("echo abX\x7fc\r", '"abc"')                                          # backspace
    term.send("echo ba\x14\r", '"ab"')                                             # ^T
    term.send("echo aXb\x1b[D\x1b[D\x1b[3~\r", '"ab"')                             # left, left, delete
    term.send("echo x\x15\x19\x19\r", "wrong number")                              # ^U ^Y ^Y: echo xecho x
    term.send("echo h\xc3\xa9".encode("latin-1") + b"\x7f\x7fi\r", '"i"')          # a two-byte letter goes at once


def test_long_lines_scroll(term):
    text = "".join(chr(97 + i % 26) for i in range(300))
    term.send(f"echo {text}\r", f'"{text[:50]}')
    term.send("echo short\r", '"short"')


def test_hints_and_completion(term):
    term.send("set k", "value [NX|XX]")
    term.send(" v ex", "seconds")
    term.send("\x15zadd z n\t", "zadd z nx")
    term.send("\x15conf\t g\t maxmemory-pol*\r", '"noeviction"')
    term.send("get user:\t\t\r", '"b"')
    term.send("get \"tw", None)
    term.send("\x15get two\t\r", '"c"')
    term.send("help confi\t\r", "CONFIG SET parameter value")
    term.send("help @scripting\r", "EVALSHA")


def test_hints_can_be_switched_off(server, tmp_path):
    (tmp_path / ".redisclirc").write_text(":set nohints\n")
    t = Terminal([OURS, "-p", str(server.port)], tmp_path)
    t.expect("> ")
    t.send("set k", "set k")
    t.read(0.3)
    assert b"value" not in t.plain
    t.send("\x15:set hints\r", "> ")
    t.send("set k", "value [NX|XX]")
    t.close()


def test_completions_are_shown(server, term):
    term.send("get user:\t", "user:2")  # both, and the first is in the line
    term.expect_in(lambda: term.output, b"\x1b[7muser:1\x1b[0m")
    term.send("\t", "user:2")
    term.expect_in(lambda: term.output, b"\x1b[7muser:2\x1b[0m")
    term.send("\r", '"b"')
    term.send("z\t", "in all")  # too many to show; typing goes on
    term.send("\x15echo on\r", '"on"')


def test_help_is_wrapped_and_paged(server, tmp_path):
    t = Terminal([OURS, "-p", str(server.port)], tmp_path, PAGER="sed 's/^/page: /'")
    t.expect("> ")
    t.send("help @string\r", "page:   SET")
    t.send("help set\r", "group: string")
    rows = t.plain.decode().replace("\r", "").split("\n")
    assert all(len(row) <= 100 for row in rows) and any(row.startswith("      ") for row in rows)
    t.close()


def test_history(server, term, tmp_path):
    for line in ("echo first", "auth hunter2", "echo second", "config set requirepass \"\"", "acl setuser jo on >sekret"):
        term.send(line + "\r", "> ")
        time.sleep(0.1)
    term.send("\x1b[A\x1b[A\r", '"first"')
    term.send("\x12fir\r", '"first"')
    term.send("half typed\x1b[A\x1b[B", "half typed")
    term.send("\x15quit\r")
    assert term.wait() == 0
    file = tmp_path / ".sorrelcli_history"
    text = file.read_text()
    assert "echo first" in text and "hunter2" not in text and "sekret" not in text and "requirepass" not in text
    assert file.stat().st_mode & 0o777 == 0o600
    t = Terminal([OURS, "-p", str(server.port)], tmp_path)
    t.expect("> ")
    t.send("\x12second\r", '"second"')
    t.close()


def test_interrupts(server, term):
    term.send("half a line\x03", "> ")
    term.send("blpop nothing 0\r")
    time.sleep(0.3)
    term.send("\x03", f"127.0.0.1:{server.port}> ")
    term.send("ping\r", "PONG")
    term.send("subscribe news\r")
    term.expect("(integer) 1")
    run(THEIRS, server, ["publish", "news", "hello"])
    term.expect('"hello"')
    term.send("\x03", "> ")
    term.send("ping\r", "PONG")
    term.send("monitor\r")
    term.expect("OK")
    run(THEIRS, server, ["echo", "seen"])
    term.expect('"echo" "seen"')
    term.send("\x03", "> ")
    term.send("\x03")
    assert term.wait() == 0


def test_end_of_input(term):
    term.send("\x04")
    assert term.wait() == 0


def test_pushes_while_waiting(server, tmp_path):
    t = Terminal([OURS, "-p", str(server.port), "-3"], tmp_path)
    t.expect("> ")
    t.send("client tracking on\r", "OK")
    t.send("get pushed\r", "(nil)")
    t.send("half", "half")
    t.output = b""
    run(THEIRS, server, ["set", "pushed", "1"])
    t.expect('"invalidate"')
    t.expect("> half")
    t.close()


def test_reconnects(tmp_path):
    s = Server(str(tmp_path), "--requirepass", "pw")
    t = Terminal([OURS, "-p", str(s.port), "--no-auth-warning", "-a", "pw", "-n", "2"], tmp_path)
    try:
        t.expect("[2]> ")
        t.send("set here 1\r", "OK")
        run(THEIRS, s, ["-a", "pw", "client", "kill", "type", "normal"])
        t.send("get here\r", '"1"')
        s.stop()
        t.send("get here\r", "Connection refused")
        t.expect("not connected> ")
    finally:
        t.close()
        s.process.kill()


def test_colours(server, tmp_path):
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        t = Terminal([OURS, "-p", str(server.port)], tmp_path, **env)
        t.expect("> ")
        t.send("incr counter\r", "(integer)")
        assert (b"\x1b[36m" in t.output) == coloured
        t.close()
    t = Terminal([OURS, "-p", str(server.port)], tmp_path, TERM="dumb")
    t.expect("> ")
    t.send("ping\r", "PONG")
    assert b"\x1b" not in t.output
    t.close()


def test_password_prompt(tmp_path):
    s = Server(str(tmp_path), "--requirepass", "pw")
    t = Terminal([OURS, "-p", str(s.port), "--askpass", "ping"], tmp_path)
    try:
        t.expect("password: ")
        t.send("pwx\x7f\r")
        t.expect("PONG")
        assert b"pw" not in t.output
        assert t.wait() == 0
    finally:
        t.close()
        s.stop()


def test_typing_while_subscribed(server, term):
    term.send("subscribe news\r", "or any key to type command")
    term.expect("(integer) 1")
    run(THEIRS, server, ["publish", "news", "first"])
    term.expect("first")
    term.send("p", "(subscribed mode)> p")
    run(THEIRS, server, ["publish", "news", "while typing"])
    term.expect("while typing")
    term.send("\x15subscribe sport\r", "(integer) 2")
    term.send("\x15get x\r", "Can't execute 'get'")
    run(THEIRS, server, ["publish", "sport", "goal"])
    term.expect("goal")
    term.send("unsubscribe\r", "(integer) 0")
    term.expect("> ")
    term.send("get x\r", "(nil)")
    term.send("subscribe\r", "wrong number of arguments")
    term.send("set x 1\r", "OK")


def test_long_replies_go_through_a_pager(server, tmp_path):
    run(THEIRS, server, ["rpush", "long", *[f"item-{i}" for i in range(200)]])
    t = Terminal([OURS, "-p", str(server.port)], tmp_path, PAGER="sed 's/^/page: /'")
    t.expect("> ")
    t.send("lrange long 0 -1\r", 'page: 200) "item-199"')
    t.send("lrange long 0 1\r", '2) "item-1"')
    assert b"page:" not in t.output
    t.close()
    for pager in "", "no-such-pager", "true":  # none wanted, none there, one that quits at once
        t = Terminal([OURS, "-p", str(server.port)], tmp_path, SORREL_CLI_PAGER=pager, PAGER="false")
        t.expect("> ")
        t.send("lrange long 0 -1\r", "> " if pager == "true" else '200) "item-199"')
        t.send("echo alive\r", '"alive"')
        t.close()


def test_progress_on_a_terminal(server, tmp_path):
    for i in range(0, 3000, 1000):
        run(THEIRS, server, ["mset", *[w for k in range(i, i + 1000) for w in (f"key:{k}", "v")]])
    t = Terminal([OURS, "-p", str(server.port), "--bigkeys"], tmp_path)
    t.wait()
    assert b"%" in t.plain and b"[=" in t.plain
    t.close()
    assert b"[=" not in run(OURS, server, ["--bigkeys"])[2]
