"""Starting and stopping servers for tests: ours, and Debian's redis-server 7.0 (the oracle)."""
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import resp

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


# Below the kernel's range for outgoing connections (32768 and up), which would take a port between its choice and its use;
# the 10,000 above are for the bus ports of cluster nodes.
PORTS = range(10240, 20240)
claims = []


def free_port():
    """A port that nobody listens on, and that no other test process is given while this one lives: the claim is a socket
    with an abstract name, which leaves nothing behind."""
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0sorrel-test-port-{port}")
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: an old connection's end is no listener
                s.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        claims.append(claim)
        return port
    raise RuntimeError(f"no port of {PORTS} is free")


def oracle_command():
    """redis-server is the same program as redis-check-rdb under another name; the package redis-tools has the latter, and
    installing it starts no service."""
    found = shutil.which("redis-server")
    if found:
        return found
    program = shutil.which("redis-check-rdb")
    if not program:
        raise RuntimeError("redis-check-rdb is not there: install redis-tools")
    link = os.path.join(ROOT, "build", "oracle", "redis-server")
    os.makedirs(os.path.dirname(link), exist_ok=True)
    if not os.path.islink(link):
        try:
            os.symlink(program, link)
        except FileExistsError:
            pass
    return link


def put_oracle_on_path():
    """So that shutil.which("redis-server"), by which many tests tell whether there is something to compare with, finds it where
    only redis-tools is installed. Without either it changes nothing."""
    try:
        os.environ["PATH"] += os.pathsep + os.path.dirname(os.path.abspath(oracle_command()))
    except RuntimeError:
        pass


def freeze(process, seconds=5):
    """Stops a process and returns when all its threads stand: the signal alone takes effect some time later, and what is sent
    meanwhile may still be answered. SIGCONT wakes it."""
    process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + seconds
    tasks = f"/proc/{process.pid}/task"
    while not all(state_of(f"{tasks}/{t}/stat") in "TtZX" for t in os.listdir(tasks)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"process {process.pid} goes on after SIGSTOP")
        time.sleep(0.001)


def state_of(path):
    """The letter of a thread's state in its file of /proc (proc(5)); X when it has ended."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


class Server:
    """A server process in a folder of its own, on a free loopback port; its output goes to `log`."""

    def __init__(self, program, *options, port=None, wait=True, stdin=None, config=None, env=None):
        self.dir = tempfile.mkdtemp(prefix="sorrel-test-")
        self.log = os.path.join(self.dir, "log")
        self.port = port or free_port()
        if os.path.exists(program):
            program = os.path.abspath(program)
        args = [program]
        if config is not None:
            path = os.path.join(self.dir, "test.conf")
            with open(path, "w") as f:
                f.write(config)
            args.append(path)
        if stdin is not None:
            args.append("-")
        args += ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.dir, "--save", "", "--appendonly", "no",
                 *[str(o) for o in options]]
        self.args = args
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(args, stdout=log, stderr=log, cwd=self.dir, env=env,
                                            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL)
        if stdin is not None:
            self.process.stdin.write(stdin)
            self.process.stdin.close()
        if wait:
            self.wait_ready()

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_ready(self, seconds=15):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.args[0]} ended with {self.process.returncode}:\n{self.log_text()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    s.sendall(b"PING\r\n")
                    if s.recv(64):
                        return self
            except OSError:
                time.sleep(0.01)
        self.stop()
        raise RuntimeError(f"{self.args[0]} does not answer:\n{self.log_text()}")

    def connect(self, timeout=20):
        return Connection(("127.0.0.1", self.port), timeout)

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """Ends it; returns the exit code (negative: the signal that killed it)."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


class Closed(Exception):
    """The server closed the connection."""


class Connection:
    """One connection: raw bytes, or commands and replies as tests/lib/resp.py has them."""

    def __init__(self, address, timeout=20):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = bytearray()
        self.ended = False

    @classmethod
    def over(cls, connected, timeout=20):
        """One over a socket that has been connected or accepted elsewhere."""
        self = cls.__new__(cls)
        self.socket, self.data, self.ended = connected, bytearray(), False
        connected.settimeout(timeout)
        return self

    def send(self, raw):
        self.socket.sendall(raw)

    def fill(self, timeout=None):
        """Reads once. False when nothing came in `timeout` seconds."""
        if self.ended:
            raise Closed
        old = self.socket.gettimeout()
        try:
            if timeout is not None:
                self.socket.settimeout(max(timeout, 0.000001))
            got = self.socket.recv(1 << 20)
        except (TimeoutError, BlockingIOError):
            return False
        except ConnectionError:
            got = b""
        finally:
            self.socket.settimeout(old)
        if not got:
            self.ended = True
            raise Closed
        self.data += got
        return True

    def poll(self):
        """The next reply if it is complete already, else None."""
        try:
            reply, end = resp.parse(self.data)
        except resp.Incomplete:
            return None
        del self.data[:end]
        return reply

    def read(self, timeout=None):
        """The next reply; raises TimeoutError or Closed."""
        while True:
            reply = self.poll() if self.data else None
            if reply is not None:
                return reply
            if not self.fill(timeout):
                raise TimeoutError("no reply")

    def call(self, *args):
        self.send(resp.encode(args))
        return self.read()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


put_oracle_on_path()
