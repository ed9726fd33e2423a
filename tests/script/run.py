"""Runs script tests (see README.md here): in an in-process engine, against a real server, or against the oracle.

usage: run.py (--host PROGRAM | --server PROGRAM | --address HOST:PORT | --oracle) [--resp 2|3|both] [FILE...]
"""
import argparse
import glob
import os
import re
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import notation  # noqa: E402
import resp  # noqa: E402
import servers  # noqa: E402

CLOCK_START_MS = 1700000000000


# -- reading a file --------------------------------------------------------------------------------------------------

class Step:
    def __init__(self, kind, line, name="", text=""):
        self.kind, self.line, self.name, self.text = kind, line, name, text
        self.expect = []        # raw lines
        self.differs = self.skip = False


class Test:
    def __init__(self, title, line):
        self.title, self.line, self.steps = title, line, []
        self.only = self.resp = None
        self.skip_on_oracle = False


COMMAND = re.compile(r"^([A-Za-z][\w-]*)?(>>|>|<)(?:\s+(.*))?$")


def read_file(path):
    """The tests of a file, and the file's own restrictions."""
    tests, test, step = [], None, None
    differs = skip = False
    file_only = file_resp = None
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if line.startswith("#t") or line.startswith("#f"):
                pass
            elif line.startswith("#"):
                if re.match(r"#\s*oracle:\s*differs", line):
                    differs = True
                elif re.match(r"#\s*oracle:\s*skip", line):
                    skip = True
                continue
            if not line.strip():
                step = None
                continue
            if line.startswith("=="):
                test = Test(line.strip("= "), number)
                test.only, test.resp = file_only, file_resp
                test.skip_on_oracle, skip, differs = False, False, False
                tests.append(test)
                step = None
                continue
            if skip and test is not None and not test.steps and not COMMAND.match(line):
                test.skip_on_oracle = True
            m = re.match(r"@(\w+)\s*(.*)$", line)
            if m:
                word, rest = m.groups()
                if word == "only" and test is None:
                    file_only = rest.strip()
                elif word == "resp" and test is None:
                    file_resp = int(rest)
                elif word == "resp":
                    test.resp = int(rest)
                elif word in ("only", "advance", "close") and test is not None:
                    test.steps.append(Step(word, number, text=rest.strip()))
                else:
                    raise notation.Mistake(f"{path}:{number}: unknown directive @{word}")
                step = None
                continue
            m = COMMAND.match(line) if not line.startswith(">[") else None
            if m:
                if test is None:
                    test = Test(os.path.basename(path), number)
                    test.only, test.resp = file_only, file_resp
                    tests.append(test)
                if skip and not test.steps:
                    test.skip_on_oracle = True
                step = Step({">": "send", ">>": "raw", "<": "read"}[m.group(2)], number, m.group(1) or "",
                            m.group(3) or "")
                step.differs, step.skip, differs, skip = differs, skip, False, False
                test.steps.append(step)
                continue
            if step is None:
                raise notation.Mistake(f"{path}:{number}: a reply without a command: {line}")
            step.expect.append(line)
    return tests


def expected_of(step, proto, now_ms):
    """The expectations of a step in this protocol; lines that begin with 2: or 3: are for one of them only."""
    lines, current = [], None
    for line in step.expect:
        m = re.match(r"([23]):\s(.*)$", line)
        if m:
            current = int(m.group(1))
            line = m.group(2)
        elif not line.startswith((" ", "\t")):
            current = None
        if current in (None, proto):
            lines.append(line)
    return notation.Reader("\n".join(lines), now_ms).all()


# -- where the commands go -------------------------------------------------------------------------------------------

class HostBackend:
    """The engine in a process of its own, without sockets: tests/script/host.c."""
    name, waits = "inprocess", False

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.numbers, self.data, self.closed = {}, {}, set()
        self.now_ms = CLOCK_START_MS

    def op(self, op, number=0, body=b""):
        try:
            self.process.stdin.write(struct.pack("<cII", op, number, len(body)) + body)
            self.process.stdin.flush()
            while True:
                n, = struct.unpack("<I", self.exactly(4))
                if n == 0xFFFFFFFF:
                    return
                flags, size = struct.unpack("<II", self.exactly(8))
                self.data.setdefault(n, bytearray()).extend(self.exactly(size))
                if flags & 1:
                    self.closed.add(n)
        except (BrokenPipeError, EOFError):
            raise RuntimeError(f"the host ended with {self.process.wait()}")

    def exactly(self, n):
        got = self.process.stdout.read(n)
        if len(got) != n:
            raise EOFError
        return got

    def reset(self):
        self.op(b"N")
        self.numbers, self.data, self.closed = {}, {}, set()
        self.now_ms = CLOCK_START_MS

    def open(self, name):
        n = self.numbers[name] = len(self.numbers)
        self.op(b"O", n)

    def is_open(self, name):
        return name in self.numbers

    def send(self, name, raw):
        self.op(b"F", self.numbers[name], raw)

    def reply(self, name):
        """The next reply; None: there is none; "closed"."""
        n = self.numbers[name]
        data = self.data.get(n, b"")
        if data:
            try:
                reply, end = resp.parse(data)
                del data[:end]
                return reply
            except resp.Incomplete:
                return ("-", b"(an incomplete reply) " + bytes(data[:200]))
        return "closed" if n in self.closed else None

    nothing = reply

    def close(self, name):
        self.op(b"C", self.numbers.pop(name))

    def advance(self, ms):
        self.now_ms += ms
        self.op(b"T", 0, struct.pack("<Q", ms))

    def stop(self):
        self.process.stdin.close()
        code = self.process.wait()
        if code != 0:
            raise RuntimeError(f"the host ended with {code}")


class TcpBackend:
    name, waits = "tcp", True

    def __init__(self, address, server=None):
        self.address, self.server = address, server
        self.control = servers.Connection(address)
        self.clients, self.ids = {}, {}

    @property
    def now_ms(self):
        return int(time.time() * 1000)

    def reset(self):
        for c in self.clients.values():
            c.close()
        self.clients, self.ids = {}, {}
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            kind, text = self.control.call("CLIENT", "LIST")
            if kind != "$" or text.count(b"\n") <= 1:
                break
            time.sleep(0.001)
        self.control.call("FLUSHALL")

    def open(self, name):
        c = self.clients[name] = servers.Connection(self.address)
        kind, value = c.call("CLIENT", "ID")
        self.ids[name] = value if kind == ":" else None

    def is_open(self, name):
        return name in self.clients

    def send(self, name, raw):
        self.clients[name].send(raw)

    def reply(self, name):
        try:
            return self.clients[name].read(5)
        except TimeoutError:
            return None
        except servers.Closed:
            return "closed"

    def nothing(self, name):
        """None when the session waits (or just has nothing to say); else what came."""
        c, ident = self.clients[name], self.ids[name]
        deadline = time.monotonic() + 0.2
        while time.monotonic() < deadline:
            reply = c.poll() if c.data else None
            if reply is not None:
                return reply
            try:
                if c.fill(0.002):
                    continue
            except servers.Closed:
                return "closed"
            if ident is not None:
                kind, text = self.control.call("CLIENT", "LIST", "ID", ident)
                m = re.search(rb"flags=(\w+)", text) if kind == "$" else None
                if m and b"b" in m.group(1) and not c.fill(0.000001):
                    return None
        return None

    def close(self, name):
        self.clients.pop(name).close()

    def advance(self, ms):
        time.sleep(ms / 1000 + 0.002)

    def stop(self):
        self.control.close()
        if self.server:
            alive, log = self.server.alive(), self.server.log_text()
            if self.server.stop() not in (0, -15) or not alive:
                raise RuntimeError("the server did not end well:\n" + log[-4000:])


# -- running ---------------------------------------------------------------------------------------------------------

class Failure(Exception):
    pass


class Missing(Failure):
    """The command does not exist yet."""


def describe(reply):
    return "no reply" if reply is None else "(the connection was closed)" if reply == "closed" else resp.show(reply)


def check(backend, step, proto, now_ms, name, compare):
    for want in expected_of(step, proto, now_ms):
        if want[0] == "none":
            got = backend.nothing(name)
            ok = got is None
        else:
            got = backend.reply(name)
            ok = got == "closed" if want[0] == "closed" else \
                got is not None and got != "closed" and notation.matches(want, got, proto)
        if not ok and compare and got is not None and got[0] == "-" and got[1].startswith(b"ERR unknown command"):
            raise Missing
        if not ok and compare:
            raise Failure(f"got       {describe(got)}")


def run_test(backend, test, proto, oracle):
    """None when it passed, "skipped", or raises Failure."""
    if test.resp not in (None, proto) or test.only not in (None, backend.name) or (oracle and test.skip_on_oracle):
        return "skipped"
    backend.reset()
    now_ms = backend.now_ms
    for step in test.steps:
        if step.kind == "only":
            if step.text != backend.name:
                return None
        elif step.kind == "advance":
            backend.advance(int(step.text))
        elif step.kind == "close":
            backend.close(step.text)
        elif not (oracle and step.skip):
            try:
                run_step(backend, step, proto, now_ms, not (oracle and step.differs))
            except Missing:
                raise Missing(f"line {step.line}: {step.text[:60]}")
            except (Failure, notation.Mistake, resp.ProtocolError, UnicodeDecodeError, re.error) as e:
                raise Failure(f"line {step.line}: {step.name}{'<' if step.kind == 'read' else '>'} {step.text[:200]}\n"
                              f"    expected  " + "\n              ".join(step.expect or ["(nothing written)"]) +
                              f"\n    {e}")
    return None


def run_step(backend, step, proto, now_ms, compare):
    name = step.name
    if not backend.is_open(name):
        backend.open(name)
        if proto == 3:
            backend.send(name, resp.encode(["HELLO", "3"]))
            hello = backend.reply(name)
            if hello is None or hello == "closed" or hello[0] != "%":
                raise Failure(f"HELLO 3 answered {describe(hello)}")
    if step.kind == "send":
        args = notation.words(step.text, now_ms)
        backend.send(name, resp.encode(args))
    elif step.kind == "raw":
        backend.send(name, notation.quoted(step.text, 0)[0])
    if not step.expect and step.kind != "raw":
        raise Failure("no expected reply is written")
    check(backend, step, proto, now_ms, name, compare)
    if step.expect and compare:
        extra = backend.nothing(name) if backend.name == "inprocess" and step.expect[-1] != "closed" else None
        if extra is not None:
            raise Failure(f"one more reply: {describe(extra)}")


def make_backend(args):
    if args.host:
        return HostBackend(args.host)
    if args.address:
        host, port = args.address.rsplit(":", 1)
        return TcpBackend((host, int(port)))
    program = servers.oracle_command() if args.oracle else args.server
    server = servers.Server(program, "--enable-debug-command", "yes", "--latency-tracking", "yes")
    return TcpBackend(("127.0.0.1", server.port), server)


def main():
    ap = argparse.ArgumentParser()
    where = ap.add_mutually_exclusive_group(required=True)
    where.add_argument("--host")
    where.add_argument("--server")
    where.add_argument("--address")
    where.add_argument("--oracle", action="store_true")
    ap.add_argument("--resp", choices=["2", "3", "both"], default="both")
    ap.add_argument("--allow-missing", action="store_true", help="an unknown command is no failure")
    ap.add_argument("--title", help="only tests whose title contains this")
    ap.add_argument("files", nargs="*")
    args = ap.parse_args()
    passed = failed = missing = 0
    backend = make_backend(args)
    for path in args.files or sorted(glob.glob(os.path.join(HERE, "*.t"))):
        try:
            tests = read_file(path)
        except notation.Mistake as e:
            print(e)
            failed += 1
            continue
        for test in tests:
            if args.title and args.title not in test.title:
                continue
            for proto in (2, 3) if args.resp == "both" else (int(args.resp),):
                try:
                    passed += run_test(backend, test, proto, args.oracle) is None
                except Missing as e:
                    missing += 1
                    failed += not args.allow_missing
                    if not args.allow_missing:
                        print(f"{os.path.relpath(path)}: {test.title}: {e}: unknown command")
                except Failure as e:
                    failed += 1
                    print(f"{os.path.relpath(path)}: {test.title} (RESP{proto})\n  {e}")
                except (RuntimeError, OSError, servers.Closed) as e:
                    failed += 1
                    print(f"{os.path.relpath(path)}: {test.title} (RESP{proto})\n  {e or type(e).__name__}")
                    backend = make_backend(args)
    try:
        backend.stop()
    except RuntimeError as e:
        failed += 1
        print(e)
    if missing and args.allow_missing:
        print(f"{missing} tests use commands that are not there yet")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
