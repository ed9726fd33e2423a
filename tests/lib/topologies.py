"""Sentinels with their service, and clusters, of Debian's redis-server, on free loopback ports; stopped by close()."""
import os
import shutil
import ssl
import subprocess
import tempfile
import time

import servers


def plain(reply):
    """A reply without its kinds."""
    return [plain(r) for r in reply[1]] if isinstance(reply[1], list) else reply[1]


class Topology:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="sorrel-test-")
        self.processes = {}
        self.tls = None

    def connect(self, port):
        c = servers.Connection(("127.0.0.1", port), 10)
        if self.tls:
            c.socket = ssl.create_default_context(cafile=str(self.tls[2])).wrap_socket(c.socket, server_hostname="localhost")
        return c

    def spawn(self, port, args):
        log = open(os.path.join(self.dir, f"{port}.log"), "wb")
        self.processes[port] = subprocess.Popen(args, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.dir)
        log.close()

    def call(self, port, *args):
        with self.connect(port) as c:
            return plain(c.call(*args))

    def until(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except (OSError, servers.Closed, TimeoutError):
                pass
            time.sleep(0.05)
        logs = "".join(open(os.path.join(self.dir, f), errors="replace").read()[-1500:]
                       for f in sorted(os.listdir(self.dir)) if f.endswith(".log"))
        self.close()  # nobody else would, if this happened while it was being made
        raise AssertionError("the servers did not come together:\n" + logs)

    def kill(self, port):
        self.processes[port].kill()
        self.processes[port].wait()

    def close(self):
        for p in self.processes.values():
            if p.poll() is None:
                p.kill()
            p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Service(Topology):
    """A master, two replicas and three Sentinels watching them as `mymaster`. tls: (key, certificate, authority) files, then
    nothing speaks plain text. program_of_nodes: the servers', if they are not the Sentinels'."""

    def __init__(self, replicas=2, sentinels=3, down_ms=1000, password=None, tls=None, program_of_nodes=None,
                 sentinel_password=None):
        super().__init__()
        self.sentinel_password = sentinel_password
        self.tls = tls
        self.ports = [servers.free_port() for _ in range(1 + replicas)]
        self.sentinels = [servers.free_port() for _ in range(sentinels)]
        program = servers.oracle_command()
        node = os.path.abspath(program_of_nodes) if program_of_nodes else program
        for i, port in enumerate(self.ports):
            extra = ["--replicaof", "127.0.0.1", str(self.ports[0])] if i else []
            if password:
                extra += ["--requirepass", password, "--masterauth", password]
            where = ["--port", str(port)]
            if tls:
                where = ["--port", "0", "--tls-port", str(port), "--tls-replication", "yes", "--tls-key-file", str(tls[0]),
                         "--tls-cert-file", str(tls[1]), "--tls-ca-cert-file", str(tls[2]), "--tls-auth-clients", "no"]
            self.spawn(port, [node, *where, "--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", "0",
                              "--dbfilename", f"{port}.rdb", "--dir", self.dir, *extra])
        self.password = password
        self.until(lambda: all(self.ask(p, "ROLE")[0] == b"slave" and self.ask(p, "ROLE")[3] == b"connected"
                               for p in self.ports[1:]))
        for port in self.sentinels:
            path = os.path.join(self.dir, f"sentinel-{port}.conf")
            with open(path, "w") as f:
                if tls:
                    f.write(f"port 0\ntls-port {port}\ntls-replication yes\ntls-key-file {tls[0]}\ntls-cert-file {tls[1]}\n"
                            f"tls-ca-cert-file {tls[2]}\ntls-auth-clients no\n")
                else:
                    f.write(f"port {port}\n")
                f.write(f"bind 127.0.0.1\ndir {self.dir}\n"
                        f"sentinel monitor mymaster 127.0.0.1 {self.ports[0]} {sentinels // 2 + 1}\n"
                        f"sentinel down-after-milliseconds mymaster {down_ms}\nsentinel failover-timeout mymaster 6000\n")
                if password:
                    f.write(f"sentinel auth-pass mymaster {password}\n")
                if sentinel_password:
                    f.write(f"requirepass {sentinel_password}\nsentinel sentinel-pass {sentinel_password}\n")
            self.spawn(port, [program, path, "--sentinel"])
        self.until(lambda: all(self.knows_all(p) for p in self.sentinels))

    def connect(self, port):
        c = super().connect(port)
        if self.sentinel_password and port in self.sentinels:
            c.call("AUTH", self.sentinel_password)
        return c

    def ask(self, port, *args):
        with self.connect(port) as c:
            if self.password:
                c.call("AUTH", self.password)
            return plain(c.call(*args))

    def knows_all(self, port):
        flat = self.call(port, "SENTINEL", "MASTER", "mymaster")
        d = dict(zip(flat[::2], flat[1::2]))
        return (int(d[b"num-other-sentinels"]) == len(self.sentinels) - 1 and
                int(d[b"num-slaves"]) == len(self.ports) - 1)

    @property
    def master(self):
        return int(self.call(self.sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")[1])

    @property
    def url(self):
        auth = f":{self.password}@" if self.password else ""
        return f"redis{'s' if self.tls else ''}+sentinel://{auth}" + ",".join(f"127.0.0.1:{p}" for p in self.sentinels) + "/0/mymaster"

    def failover(self):
        """A switch asked for; returns when the Sentinel asked has begun it."""
        self.until(lambda: self.call(self.sentinels[0], "SENTINEL", "FAILOVER", "mymaster") == b"OK" or True)


class LooseNodes(Topology):
    """Servers in cluster mode that have not met."""

    def __init__(self, count, *extra):
        super().__init__()
        self.ports = [servers.free_port() for _ in range(count)]
        program = servers.oracle_command()
        for port in self.ports:
            self.spawn(port, [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", self.dir,
                              "--dbfilename", f"{port}.rdb", "--cluster-enabled", "yes", "--cluster-config-file", f"nodes-{port}.conf",
                              "--cluster-node-timeout", "2000", "--cluster-port", str(servers.free_port()),
                              "--repl-diskless-sync-delay", "0", *extra])
        self.until(lambda: all(self.call(p, "PING") for p in self.ports))

    def id(self, port):
        return self.call(port, "CLUSTER", "MYID").decode()


class Cluster(LooseNodes):
    def __init__(self, masters=3, replicas=3):
        super().__init__(masters + replicas)
        self.masters = self.ports[:masters]
        share = 16384 // masters
        for i, port in enumerate(self.masters):
            last = 16383 if i == masters - 1 else (i + 1) * share - 1
            self.call(port, "CLUSTER", "ADDSLOTSRANGE", str(i * share), str(last))
        for port in self.ports[1:]:
            bus = self.call(port, "CONFIG", "GET", "cluster-port")[1]
            assert self.call(self.ports[0], "CLUSTER", "MEET", "127.0.0.1", str(port), bus) is not None
        self.until(lambda: all(self.call(p, "CLUSTER", "NODES").count(b"connected") - self.call(p, "CLUSTER", "NODES").count(b"disconnected")
                               == len(self.ports) for p in self.ports))
        for i, port in enumerate(self.ports[masters:]):
            self.call(port, "CLUSTER", "REPLICATE", self.id(self.masters[i % masters]))
        self.until(lambda: all(b"cluster_state:ok" in self.call(p, "CLUSTER", "INFO") for p in self.ports) and
                   all(self.call(p, "ROLE")[0] == b"slave" and self.call(p, "ROLE")[3] == b"connected"
                       for p in self.ports[masters:]) and
                   sum(len(r) - 3 for r in self.call(self.ports[0], "CLUSTER", "SLOTS")) == replicas)

    def move_slot(self, slot, source, target):
        """Moves one slot with its keys, the way redis-cli does."""
        a, b = self.id(source), self.id(target)
        self.call(target, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", a)
        self.call(source, "CLUSTER", "SETSLOT", str(slot), "MIGRATING", b)
        time.sleep(0.2)
        while True:
            keys = self.call(source, "CLUSTER", "GETKEYSINSLOT", str(slot), "100")
            if not keys:
                break
            self.call(source, "MIGRATE", "127.0.0.1", str(target), "", "0", "5000", "KEYS", *keys)
        time.sleep(0.2)
        for port in (target, source):
            self.call(port, "CLUSTER", "SETSLOT", str(slot), "NODE", b)
