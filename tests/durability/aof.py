"""The append-only file as its users see it: written, loaded again, rewritten, switched on and off, both ways
with redis-server. Servers that are killed: kills.py."""
import os
import signal
import subprocess
import sys
import time

import redis

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import servers  # noqa: E402

ports = []  # claimed by this process, and not in use now


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
        self.port = ports.pop() if ports else servers.free_port()
        self.process = subprocess.Popen([program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder,
                                         "--save", "", "--enable-debug-command", "yes", *options],
                                        stdout=self.log, stderr=self.log)
        self.client = redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=20)
        for _ in range(5000):
            try:
                if self.client.ping():
                    return True
            except (redis.exceptions.ConnectionError, redis.exceptions.BusyLoadingError):
                if self.process.poll() is not None:
                    assert "in use" in self.log_tail(), "the server ended: " + self.log_tail()
                    return False
            time.sleep(0.002)
        raise AssertionError("the server does not answer")

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        self.process.wait(20)
        self.log.close()
        ports.append(self.port)

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
