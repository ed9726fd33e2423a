"""A primary, two replicas and three of Debian's redis-sentinel: a group that is broken on purpose, round after round."""
import datetime
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import redis
import redis.sentinel

import servers
from replication import wait_until

NAME = "group"


def sentinel_command():
    found = shutil.which("redis-sentinel")
    if found:
        return [found]
    return [servers.oracle_command()]


class SentinelProcess:
    def __init__(self, primary_port, down_after_ms, auth=None, tls=None):
        self.dir = tempfile.mkdtemp(prefix="sorrel-sentinel-")
        self.port = servers.free_port()
        self.log = os.path.join(self.dir, "log")
        config = os.path.join(self.dir, "sentinel.conf")
        with open(config, "w") as f:
            f.write("port %d\nbind 127.0.0.1\ndir %s\n" % (0 if tls else self.port, self.dir))
            if tls:
                f.write("tls-port %d\ntls-replication yes\ntls-key-file %s\ntls-cert-file %s\ntls-ca-cert-file %s\n"
                        % (self.port, *tls))
            f.write(f"sentinel monitor {NAME} 127.0.0.1 {primary_port} 2\n"
                    f"sentinel down-after-milliseconds {NAME} {down_after_ms}\n"
                    f"sentinel failover-timeout {NAME} 4000\nsentinel parallel-syncs {NAME} 2\n")
            if auth:
                f.write(f"requirepass {auth}\nsentinel sentinel-pass {auth}\nsentinel auth-pass {NAME} {auth}\n")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*sentinel_command(), config, "--sentinel"], stdout=log, stderr=log, cwd=self.dir,
                                            stdin=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()


class Group:
    def __init__(self, program, down_after_ms=1000, options=(), auth=None, tls=None):
        """tls: files with a key, its certificate and that of the authority."""
        self.program, self.down_after, self.auth, self.tls = program, down_after_ms / 1000, auth, tls
        self.tls_options = {}
        if tls:
            self.tls_options = {"ssl": True, "ssl_ca_certs": str(tls[2]), "ssl_keyfile": str(tls[0]),
                                "ssl_certfile": str(tls[1])}
        self.options = ["--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes", *options]
        if auth:
            self.options += ["--requirepass", auth, "--masterauth", auth]
        if tls:
            self.options += ["--tls-replication", "yes", "--tls-key-file", tls[0], "--tls-cert-file", tls[1],
                             "--tls-ca-cert-file", tls[2]]
        self.servers, self.sentinels = [], []
        try:
            for _ in range(3):
                self.servers.append(self.start())
            for s in self.servers[1:]:
                self.follow(s, self.servers[0].port)
            wait_until(lambda: all(self.up(s) for s in self.servers[1:]), what="replicas")
            self.sentinels = [SentinelProcess(self.servers[0].port, down_after_ms, auth=auth, tls=tls) for _ in range(3)]
            self.client = redis.sentinel.Sentinel(
                [("127.0.0.1", s.port) for s in self.sentinels],
                sentinel_kwargs={"password": auth, "socket_timeout": 1, **self.tls_options},
                password=auth, socket_timeout=0.5, socket_connect_timeout=0.5, **self.tls_options)
            wait_until(self.settled, 40, "sentinels knowing everybody")
        except BaseException:
            self.stop()
            raise

    def start(self, port=None):
        if not self.tls:
            return servers.Server(self.program, *self.options, port=port)
        port = port or servers.free_port()
        s = servers.Server(self.program, *self.options, "--tls-port", port)
        s.port = port
        return s

    def connect(self, server):
        return redis.Redis(port=server.port, password=self.auth, socket_timeout=2, **self.tls_options)

    def follow(self, server, port):
        self.connect(server).execute_command("REPLICAOF", "127.0.0.1", port)

    def up(self, server):
        try:
            return self.connect(server).info("replication").get("master_link_status") == "up"
        except redis.RedisError:
            return False

    def alive(self):
        return [s for s in self.servers if s.alive()]

    def primary(self):
        """The one that Sentinel names; while it finds none good enough, it names none."""
        def named():
            try:
                return self.client.discover_master(NAME)[1]
            except redis.RedisError:
                return None

        port = wait_until(named, 20, "Sentinel naming a primary")
        return next(s for s in self.servers if s.port == port)

    def settled(self):
        """All three sentinels agree on a primary with two good replicas, and know each other."""
        seen = set()
        for s in self.sentinels:
            try:
                c = redis.Redis(port=s.port, password=self.auth, socket_timeout=1, **self.tls_options)
                state = c.sentinel_master(NAME)
                if state["num-other-sentinels"] != 2 or state["num-slaves"] != 2 or state["is_sdown"] or state["is_odown"]:
                    return False
                for r in c.sentinel_slaves(NAME):
                    if r["is_sdown"] or r.get("master-link-status") != "ok" or r["is_disconnected"]:
                        return False
                seen.add(state["port"])
            except (redis.RedisError, KeyError):
                return False
        if len(seen) != 1:
            return False
        port = seen.pop()
        try:
            roles = {s.port: self.connect(s).info("replication") for s in self.servers}
        except redis.RedisError:
            return False
        return all(i["role"] == ("master" if p == port else "slave") and (p == port or i["master_link_status"] == "up")
                   for p, i in roles.items())

    def break_primary(self, how):
        """"kill" or "freeze"s the primary. Returns it with the moment since which it answers nobody."""
        s = self.primary()
        if how == "kill":
            s.process.kill()
            s.process.wait()
        else:
            servers.freeze(s.process)
        return s, time.monotonic()

    def repair(self, server, how):
        if how == "freeze":
            server.process.send_signal(signal.SIGCONT)
        else:
            at = self.servers.index(server)
            shutil.rmtree(server.dir, ignore_errors=True)
            self.servers[at] = self.start(port=server.port)

    def stop(self):
        for s in self.sentinels:
            s.stop()
        for s in self.servers:
            s.process.send_signal(signal.SIGCONT)
            s.stop()

    def switched_at(self, since):
        """How long after that moment (time.time()) the first of them had another primary to name; None: not yet. Their leader
        names it as soon as it has been promoted."""
        told = []
        for s in self.sentinels:
            for line in s.log_text().split("\n"):
                m = re.match(r"\d+:X (\d+ \w+ \d+ [\d:.]+) . \+(promoted-slave|switch-master) ", line)
                if m:
                    when = datetime.datetime.strptime(m[1], "%d %b %Y %H:%M:%S.%f").timestamp() - since
                    told += [when] if when > 0 else []
        return min(told, default=None)

    def logs(self):
        return "\n".join(f"--- {s.port}\n{s.log_text()[-4000:]}" for s in [*self.servers, *self.sentinels])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


class Writer:
    """Writes one key after another through Sentinel's master_for() and remembers which were acknowledged (with `wait`: by a
    replica, too)."""

    def __init__(self, group, wait):
        self.group, self.wait = group, wait
        self.acked, self.n, self.stopping = [], 0, False
        self.first_after, self.mark = None, None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        client = self.group.client.master_for(NAME)
        while not self.stopping:
            self.n += 1
            key = f"w{id(self)}:{self.n}"
            sent = time.monotonic()
            try:
                with client.pipeline(transaction=False) as p:
                    p.set(key, self.n)
                    if self.wait:
                        p.wait(1, 400)
                    replies = p.execute()
                if replies[0] and self.mark is not None and sent > self.mark and self.first_after is None:
                    self.first_after = time.monotonic()
                if replies[0] and (not self.wait or replies[1] >= 1):
                    self.acked.append(key)
            except (redis.RedisError, OSError):
                time.sleep(0.02)

    def stop(self):
        self.stopping = True
        self.thread.join(30)

    def lost(self, server):
        c = self.group.connect(server)
        return sum(1 for at in range(0, len(self.acked), 1000) for v in c.mget(self.acked[at:at + 1000]) if v is None)


def round_of(group, how, wait):
    """Breaks the primary under load. Returns (seconds until a write went to the new one, how many of them Sentinel took,
    acknowledged, lost)."""
    wait_until(group.settled, 60, "the group settling")
    writer = Writer(group, wait)
    time.sleep(0.5)
    wall = time.time()
    broken, moment = group.break_primary(how)
    writer.mark = moment
    try:
        wait_until(lambda: writer.first_after is not None, 20, "a write after the failover")
        gap = writer.first_after - moment
        time.sleep(0.3)
    finally:
        writer.stop()
        group.repair(broken, how)
    lost = writer.lost(group.primary())
    return gap, group.switched_at(wall), len(writer.acked), lost
