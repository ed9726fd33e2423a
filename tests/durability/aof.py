"""The append-only file as its users see it: written, loaded again, rewritten, switched on and off, both ways with
redis-server; and servers killed at random moments under load (kill_rounds)."""
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

import redis


class Server:
    def __init__(self, program, folder, *options):
        self.log = open(os.path.join(folder, "log"), "ab")
        for _ in range(5):
            if self.start(program, folder, options):
                return
        raise AssertionError("the server ended: " + self.log_tail())

    def log_tail(self):
        with open(self.log.name, errors="replace") as f:
            return f.read()[-2000:]

    def start(self, program, folder, options):
        """False when somebody else took the port meanwhile."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process = subprocess.Popen([program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder,
                                         "--save", "", "--enable-debug-command", "yes", *options],
                                        stdout=self.log, stderr=self.log)
        self.client = redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=20)
        for _ in range(1000):
            try:
                if self.client.ping():
                    return True
            except (redis.exceptions.ConnectionError, redis.exceptions.BusyLoadingError):
                if self.process.poll() is not None:
                    assert "in use" in self.log_tail(), "the server ended: " + self.log_tail()
                    return False
            time.sleep(0.01)
        raise AssertionError("the server does not answer")

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        self.process.wait(20)
        self.log.close()

    def digest(self):
        return self.client.execute_command("DEBUG", "DIGEST")

    def wait_rewrite(self):
        for _ in range(1000):
            i = self.client.info("persistence")
            if not i["aof_rewrite_in_progress"] and not i["aof_rewrite_scheduled"]:
                assert i["aof_last_bgrewrite_status"] == "ok", i
                return
            time.sleep(0.01)
        raise AssertionError("the rewrite does not end")


def fill(c, mark):
    for i in range(50):
        c.set(f"{mark}:s{i}", os.urandom(i * 7))
        c.rpush(f"{mark}:l", i, f"x{i}")
        c.hset(f"{mark}:h", f"f{i}", i)
        c.sadd(f"{mark}:set", i, f"m{i}")
        c.zadd(f"{mark}:z", {f"m{i}": i * 1.5})
        c.xadd(f"{mark}:x", {"f": i})
        c.incr(f"{mark}:n")
    c.set(f"{mark}:ttl", "v", ex=1000)
    c.spop(f"{mark}:set")
    p = c.pipeline(transaction=True)
    p.incr(f"{mark}:n").lpop(f"{mark}:l").hincrbyfloat(f"{mark}:h", "f1", 1.5)
    p.execute()
    other = redis.Redis(host="127.0.0.1", port=c.connection_pool.connection_kwargs["port"], db=3)
    other.set(f"{mark}:other", "db3")
    other.close()


def files(folder):
    return sorted(os.listdir(os.path.join(folder, "appendonlydir")))


def restart_keeps(program, folder, policy, sig):
    s = Server(program, folder, "--appendonly", "yes", "--appendfsync", policy)
    fill(s.client, policy + str(int(sig)))
    d = s.digest()
    s.stop(sig)
    s = Server(program, folder, "--appendonly", "yes", "--appendfsync", policy)
    assert s.digest() == d, (policy, sig)
    s.stop()


def rewriting(program, folder):
    s = Server(program, folder, "--appendonly", "yes")
    fill(s.client, "before")
    p = s.client.pipeline(transaction=True)
    p.incr("counter").execute_command("BGREWRITEAOF").incr("counter")
    assert p.execute()[0] == 1
    fill(s.client, "during")
    s.wait_rewrite()
    fill(s.client, "after")
    d = s.digest()
    assert s.client.get("counter") == b"2"
    names = files(folder)
    assert len(names) == 3, names
    s.stop(signal.SIGKILL)
    s = Server(program, folder, "--appendonly", "yes")
    assert s.digest() == d and s.client.get("counter") == b"2"
    s.stop()


def switching(program, folder):
    s = Server(program, folder)
    fill(s.client, "plain")
    s.client.config_set("appendonly", "yes")
    fill(s.client, "on")
    s.wait_rewrite()
    fill(s.client, "more")
    d = s.digest()
    s.client.config_set("appendonly", "no")
    s.client.set("unlogged", 1)
    s.stop(signal.SIGKILL)
    s = Server(program, folder, "--appendonly", "yes")
    assert s.digest() == d
    s.client.config_set("appendonly", "no")
    s.client.set("later", 1)
    s.client.config_set("appendonly", "yes")
    s.wait_rewrite()
    d = s.digest()
    s.stop(signal.SIGKILL)
    s = Server(program, folder, "--appendonly", "yes")
    assert s.digest() == d
    s.stop()


def exchange(program, folder, other):
    a = Server(program, folder, "--appendonly", "yes")
    fill(a.client, "first")
    a.client.execute_command("BGREWRITEAOF")
    a.wait_rewrite()
    fill(a.client, "second")
    d = a.digest()
    a.stop()
    b = Server(other, folder, "--appendonly", "yes", "--aof-timestamp-enabled", "yes")
    assert b.digest() == d, "what redis-server loads differs"
    fill(b.client, "third")
    b.client.execute_command("BGREWRITEAOF")
    time.sleep(0.3)
    b.wait_rewrite()
    fill(b.client, "fourth")
    d = b.digest()
    b.stop()
    a = Server(program, folder, "--appendonly", "yes")
    assert a.digest() == d, "what redis-server wrote is loaded differently"
    a.stop()


def single_file(program, folder):
    with open(os.path.join(folder, "appendonly.aof"), "wb") as f:
        f.write(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*2\r\n$4\r\nINC")
    s = Server(program, folder, "--appendonly", "yes")
    assert s.client.get("a") == b"2"
    s.client.incr("a")
    s.stop()
    s = Server(program, folder, "--appendonly", "yes")
    assert s.client.get("a") == b"3"
    s.stop()


class Writer(threading.Thread):
    """Counts up under keys of its own and remembers what has been acknowledged."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port, self.number, self.sent, self.acked = port, number, 0, 0

    def run(self):
        try:
            c = redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=20)
            base = int(c.get(f"n{self.number}") or 0)
            self.sent = self.acked = base
            while True:
                self.sent += 1
                if self.sent % 3 == 0:
                    p = c.pipeline(transaction=True)
                    p.incr(f"n{self.number}").rpush(f"l{self.number}", self.sent)
                    n = p.execute()[0]
                else:
                    n = c.eval("redis.call('rpush', KEYS[2], ARGV[1]); return redis.call('incr', KEYS[1])", 2,
                               f"n{self.number}", f"l{self.number}", self.sent)
                assert n == self.sent
                self.acked = self.sent
        except redis.exceptions.RedisError:
            pass


def kill_rounds(program, folder, rounds, policy="always", seed=1):
    """SIGKILL under load, also within rewrites, their change of files, and snapshots. Returns (acknowledged, lost)."""
    rng = random.Random(seed)
    total = lost = 0
    for n in range(rounds):
        s = Server(program, folder, "--appendonly", "yes", "--appendfsync", policy)
        writers = [Writer(s.port, k) for k in range(4)]
        before = [int(s.client.get(f"n{k}") or 0) for k in range(4)]
        for w in writers:
            w.start()
        time.sleep(rng.random() * 0.15)
        for _ in range(rng.randrange(3)):
            try:
                s.client.execute_command(rng.choice(("BGREWRITEAOF", "BGSAVE")))
            except redis.exceptions.ResponseError:
                pass  # one is being made
            time.sleep(rng.random() * 0.03)
        s.stop(signal.SIGKILL)
        for w in writers:
            w.join(20)
        s = Server(program, folder, "--appendonly", "yes", "--appendfsync", policy)
        for w in writers:
            have = int(s.client.get(f"n{w.number}") or 0)
            total += max(0, w.acked - before[w.number])
            lost += max(0, w.acked - have)
            assert have <= max(w.sent, before[w.number]), f"round {n}: {have} of {w.sent}: something came twice"
            assert s.client.llen(f"l{w.number}") == have, f"round {n}: a transaction is there in part"
            assert not have or int(s.client.lindex(f"l{w.number}", -1)) == have
        s.stop(rng.choice([signal.SIGKILL, signal.SIGTERM]))
    return total, lost


class Pairs(threading.Thread):
    """Counts under two keys of one client, a before b: at any moment a is b, or one more."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port, self.number, self.done = port, number, 0

    def run(self):
        try:
            c = redis.Redis(port=self.port, socket_timeout=20)
            while True:
                c.incr(f"a{self.number}")
                c.rpush(f"b{self.number}", c.llen(f"b{self.number}") + 1)
                self.done += 1
        except redis.exceptions.RedisError:
            pass


def switch_rounds(program, folder, rounds, seed=1):
    """Killed while appendonly is switched on and off: what was acknowledged while the log was on and complete is there."""
    rng = random.Random(seed)
    for n in range(rounds):
        shutil.rmtree(os.path.join(folder, "appendonlydir"), ignore_errors=True)
        s = Server(program, folder, "--appendfsync", "always")
        pad = {f"pad{i}": "x" * 100 for i in range(2000)}
        s.client.mset(pad)
        for _ in range(rng.randrange(1, 4)):
            s.client.config_set("appendonly", "yes")
            s.wait_rewrite()
            s.client.config_set("appendonly", "no")
        s.client.incr("unlogged")
        s.client.config_set("appendonly", "yes")
        time.sleep(rng.random() * 0.004)
        i = s.client.info("persistence")
        complete = not i["aof_rewrite_in_progress"] and not i["aof_rewrite_scheduled"]
        w = Writer(s.port, 0)
        w.start()
        time.sleep(rng.random() * 0.02)
        if rng.random() < 0.5:
            s.wait_rewrite()
            complete = True
            before = w.acked
        else:
            before = 0
        s.stop(signal.SIGKILL)
        w.join(20)
        s = Server(program, folder, "--appendonly", "yes", "--appendfsync", "always")
        have = int(s.client.get("n0") or 0)
        if complete:
            assert s.client.dbsize() >= len(pad) + 1, f"round {n}: the base is not all there"
            assert before <= have <= w.sent, (n, before, have, w.sent)
        assert s.client.llen("l0") == have, f"round {n}: a transaction is there in part"
        s.stop(signal.SIGKILL)
    return rounds


def snapshot_rounds(program, folder, rounds, seed=1):
    """Killed at random while BGSAVE follows BGSAVE: what is there is exactly one moment. Returns how many had a snapshot."""
    rng = random.Random(seed)
    loaded = 0
    for n in range(rounds):
        s = Server(program, folder)
        base = [int(s.client.get(f"a{k}") or 0) for k in range(4)]
        pairs = [Pairs(s.port, k) for k in range(4)]
        for p in pairs:
            p.start()
        until = time.monotonic() + 20
        while any(p.done < 5 for p in pairs) and time.monotonic() < until:
            time.sleep(0.002)
        for _ in range(rng.randrange(1, 4)):
            try:
                s.client.bgsave()
            except redis.exceptions.ResponseError:
                pass
            time.sleep(rng.random() * 0.05)
        while n % 2 == 0 and s.client.info("persistence")["rdb_bgsave_in_progress"] and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.01)
        s.stop(signal.SIGKILL)
        for p in pairs:
            p.join(20)
        s = Server(program, folder)
        loaded += s.client.dbsize() > 0
        for p in pairs:
            a, b = int(s.client.get(f"a{p.number}") or 0), s.client.llen(f"b{p.number}")
            assert a - b in (0, 1), f"round {n}: {a} and {b} are of two moments"
            assert s.client.lrange(f"b{p.number}", 0, -1) == [b"%d" % i for i in range(1, b + 1)]
            assert a <= base[p.number] + p.done + 1
            if b < a:
                s.client.rpush(f"b{p.number}", a)
        s.client.save()
        s.stop(signal.SIGKILL)
    return loaded
