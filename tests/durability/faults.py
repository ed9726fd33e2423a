"""Servers whose disk fails: faults.py SORREL-SERVER, or one_by_one() from a test.

For each thing a server does with files, each kind of call and each kind of failure, at the first, second, … such call: what
was acknowledged is there after SIGKILL, no broken file is the current one, the server says what happened, and it goes on by
itself when the disk does. And crash_points(): the server dies at each such call once."""
import errno
import mmap
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import redis

import aof

OPS = {"open": 1, "write": 2, "sync": 3, "rename": 4, "truncate": 5, "unlink": 6, "any": 7}
SHORT, KILLED, SLOW = -1, -2, -3
KINDS = {"open": [errno.ENOSPC, errno.EIO], "write": [errno.ENOSPC, errno.EIO, errno.EINTR, SHORT],
         "sync": [errno.EIO, errno.ENOSPC], "rename": [errno.EIO, errno.ENOSPC], "truncate": [errno.EIO]}
HARMLESS = (errno.EINTR, SHORT)
ACTIONS = ("save", "bgsave", "plain", "rewrite", "switch")


def build(folder):
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults.c")
    library = os.path.join(folder, "faults.so")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, source, "-ldl"], check=True)
    return library


class Faults:
    def __init__(self, folder, library):
        path = os.path.join(folder, "faults")
        with open(path, "wb") as f:
            f.write(bytes(20))
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 20)
        self.env = {"LD_PRELOAD": library, "SORREL_FAULTS": path}

    def arm(self, op, after, count, error):
        self.map[0:20] = struct.pack("5i", 0, after, count, error, 0)
        self.map[0:4] = struct.pack("i", OPS[op])

    def disarm(self):
        """How many calls have failed."""
        self.map[0:4] = struct.pack("i", 0)
        return struct.unpack("i", self.map[16:20])[0]


def start(program, folder, env, *options):
    old = dict(os.environ)
    os.environ.update(env)
    try:
        return aof.Server(program, folder, *options)
    finally:
        os.environ.clear()
        os.environ.update(old)


def wait(check, what, seconds=20):
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, what
        time.sleep(0.005)


class Case:
    """One server life: `acked` is what it has confirmed under key n."""

    def __init__(self, program, folder, faults, action):
        self.program, self.folder, self.action = program, folder, action
        self.log = action != "bgsave" and action != "save"
        self.options = ["--appendonly", "yes" if self.log and action != "switch" else "no", "--appendfsync", "always",
                        "--auto-aof-rewrite-percentage", "0"]
        self.s = start(program, folder, faults.env, *self.options)
        self.faults, self.tried, self.acked = faults, 0, 0

    def write(self, n=3):
        for _ in range(n):
            self.tried += 1
            try:
                self.s.client.set("n", self.tried)
                self.acked = self.tried
            except redis.exceptions.RedisError:
                pass

    def info(self):
        try:
            return self.s.client.info("persistence")
        except redis.exceptions.ConnectionError:  # closed, for a write of it could not be made durable
            return self.s.client.info("persistence")

    def act(self):
        c = self.s.client
        try:
            if self.action == "bgsave":
                c.execute_command("BGSAVE")
            elif self.action == "save":
                c.execute_command("SAVE")
            elif self.action == "rewrite":
                c.execute_command("BGREWRITEAOF")
            elif self.action == "switch":
                c.config_set("appendonly", "yes")
        except redis.exceptions.ResponseError:
            pass

    def settled(self):
        i = self.info()
        return not (i["rdb_bgsave_in_progress"] or i["aof_rewrite_in_progress"] or i["aof_rewrite_scheduled"])

    def heal(self):
        """The disk works again: so does the server, without being told."""
        def writes():
            try:
                self.s.client.set("n", self.tried + 1)
            except redis.exceptions.RedisError:
                return False
            self.tried += 1
            self.acked = self.tried
            return True
        wait(writes, f"{self.action}: writes stay refused")
        wait(lambda: self.settled() or self.action == "plain", f"{self.action}: it does not come to an end")
        if self.log:
            wait(lambda: self.info()["aof_last_write_status"] == "ok", f"{self.action}: the log does not recover")

    def said_something(self):
        i = self.info()
        bad = i["rdb_last_bgsave_status"] != "ok" or i["aof_last_bgrewrite_status"] != "ok"
        self.s.log.flush()
        with open(self.s.log.name, errors="replace") as f:
            text = f.read()
        return bad or any(w in text for w in ("failed", "can't", "Can't", "Error"))

    def finish(self):
        if self.action in ("save", "bgsave"):
            path = os.path.join(self.folder, "dump.rdb")
            check = [os.path.join(os.path.dirname(self.program), "sorrel-check"), "rdb", path]
            if os.path.exists(path):
                assert subprocess.run(check, capture_output=True).returncode == 0, "a broken snapshot is the current one"
            self.s.stop(signal.SIGKILL)
            return
        if self.action == "switch":
            wait(self.settled, "the log is not there in the end")
        self.s.stop(signal.SIGKILL)
        s = aof.Server(self.program, self.folder, "--appendonly", "yes")
        have = int(s.client.get("n") or 0)
        s.stop(signal.SIGKILL)
        assert self.acked <= have <= self.tried, f"{self.acked} acknowledged, {have} there, {self.tried} tried"


def one_case(program, library, action, op, error, after):
    """Whether the fault came to pass."""
    folder = tempfile.mkdtemp(prefix="sorrel-faults-")
    faults = Faults(folder, library)
    case = Case(program, folder, faults, action)
    try:
        case.write()
        faults.arm(op, after, 1 if error in HARMLESS else 2, error)
        case.act()
        case.write()
        if action != "plain":
            wait(lambda: case.settled() or faults.map[16:20] != bytes(4), "nothing happens")
        case.write()
        hits = faults.disarm()
        case.heal()
        if hits and error not in HARMLESS:
            assert case.said_something(), f"{action}: {hits} calls of {op} failed and nobody was told: " + open(case.s.log.name).read()
        case.finish()
        return hits > 0
    except AssertionError as e:
        raise AssertionError(f"{action}, {op} {error} after {after}: {e}") from e
    finally:
        if case.s.process.poll() is None:
            case.s.process.kill()
            case.s.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def one_crash(program, library, action, after):
    """Whether the server died, at that call of the action."""
    folder = tempfile.mkdtemp(prefix="sorrel-crash-")
    faults = Faults(folder, library)
    case = Case(program, folder, faults, action)
    dead = lambda: case.s.process.poll() is not None  # noqa: E731
    try:
        case.write()
        if not case.log:
            case.s.client.save()
        saved = case.acked
        faults.arm("any", after, 1, KILLED)
        try:
            case.act()
            case.write()
            wait(lambda: dead() or case.settled(), "nothing happens")
        except redis.exceptions.RedisError:
            pass
        wait(lambda: dead() or not struct.unpack("i", faults.map[16:20])[0], "it does not die")
        died = dead()
        case.s.stop(signal.SIGKILL)
        s = aof.Server(program, folder, "--appendonly", "yes" if case.log else "no")
        have = int(s.client.get("n") or 0)
        s.stop(signal.SIGKILL)
        least = 0 if action == "switch" else case.acked if case.log else saved
        assert least <= have <= case.tried, f"{least} were safe, {have} are there, {case.tried} tried"
        return died
    except AssertionError as e:
        raise AssertionError(f"{action}, died at call {after}: {e}") from e
    finally:
        if not dead():
            case.s.process.kill()
            case.s.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def crash_points(program, actions=ACTIONS):
    """How many there were."""
    folder, points = tempfile.mkdtemp(prefix="sorrel-faults-lib-"), 0
    library = build(folder)
    for action in actions:
        after = 0
        while one_crash(program, library, action, after):
            after += 1
        points += after
    shutil.rmtree(folder)
    return points


def one_by_one(program, actions=ACTIONS, most=8):
    folder = tempfile.mkdtemp(prefix="sorrel-faults-lib-")
    library, cases = build(folder), 0
    for action in actions:
        for op, errors in KINDS.items():
            for error in errors:
                for after in range(most):
                    if not one_case(program, library, action, op, error, after):
                        break
                    cases += 1
    shutil.rmtree(folder)
    return cases


if __name__ == "__main__":
    began = time.monotonic()
    chosen = sys.argv[2].split(",") if len(sys.argv) > 2 else ACTIONS
    print(one_by_one(sys.argv[1], chosen), "faults,", crash_points(sys.argv[1], chosen), "crash points,",
          round(time.monotonic() - began), "s")
