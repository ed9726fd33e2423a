"""What tests of replication share: generated writes over all types, a proxy that cuts links, questions to both sides."""
import os
import random
import socket
import sys
import threading
import time

import resp
import servers

sys.path.insert(0, os.path.join(servers.ROOT, "tests", "differential"))
import generate  # noqa: E402


def wait_until(condition, seconds=30, what="condition"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        got = condition()
        if got:
            return got
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true in {seconds} s")


def info(server, section="replication"):
    with server.connect() as c:
        text = c.call("INFO", section)[1].decode()
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


def follow(replica, host, port):
    with replica.connect() as c:
        assert c.call("REPLICAOF", host, port)[0] == "+"


def link_up(replica):
    return info(replica).get("master_link_status") == "up"


def wait_linked(*replicas):
    try:
        wait_until(lambda: all(link_up(r) for r in replicas), 30, "links")
    except AssertionError as e:
        raise AssertionError(f"{e}\n{log_tails(*replicas)}") from e


def offset(server):
    return int(info(server)["master_repl_offset"])


def wait_online(primary, *replicas):
    """Until the primary knows, too, that they are linked."""
    wait_linked(*replicas)
    wait_until(lambda: sum("state=online" in v for v in info(primary).values()) >= len(replicas), what="replicas online")


def caught_up(primary, replicas):
    """Everything the primary has written has been run by the replicas. Offsets of another history say nothing."""
    p = info(primary)
    at, name = int(p["master_repl_offset"]), p["master_replid"]

    def has_all(i):
        return i["master_link_status"] == "up" and i["master_replid"] == name and int(i["slave_repl_offset"]) >= at

    return all(has_all(info(r)) for r in replicas)


def digest(server):
    with server.connect() as c:
        reply = c.call("DEBUG", "DIGEST")
    assert reply[0] == "+", reply
    return reply[1]


def assert_equal(primary, replicas, seconds=30):
    """Equal datasets, once the replicas have everything; says which key differs if not."""
    wait_until(lambda: caught_up(primary, replicas), seconds, "replicas catching up")
    want = digest(primary)
    for r in replicas:
        # Something may expire, or a ping come in, in between.
        for _ in range(20):
            if digest(r) == want:
                break
            time.sleep(0.05)
            want = digest(primary)
        else:
            raise AssertionError(f"datasets of {primary.port} and {r.port} differ: " + difference(primary, r))


READERS = {b"string": ("GET",), b"list": ("LRANGE", 0, -1), b"set": ("SMEMBERS",), b"hash": ("HGETALL",),
           b"zset": ("ZRANGE", 0, -1, "WITHSCORES"), b"stream": ("XRANGE", "-", "+")}


def shown(client, key):
    kind = client.call("TYPE", key)[1]
    name, *rest = READERS.get(kind, ("EXISTS",))
    return f"{kind} {client.call('PEXPIRETIME', key)[1]} {str(generate.to_python(client.call(name, key, *rest)))[:500]}"


def difference(a, b):
    out = []
    with a.connect() as ca, b.connect() as cb:
        for db in range(16):
            ca.call("SELECT", db)
            cb.call("SELECT", db)
            keys = {k[1] for c in (ca, cb) for k in c.call("KEYS", "*")[1]}
            for k in sorted(keys):
                x, y = ca.call("DEBUG", "DIGEST-VALUE", k)[1], cb.call("DEBUG", "DIGEST-VALUE", k)[1]
                tx, ty = ca.call("PEXPIRETIME", k), cb.call("PEXPIRETIME", k)
                if x != y or tx != ty:
                    out.append(f"db {db} {k!r}: {shown(ca, k)}\n / {shown(cb, k)}")
    return "\n".join(out[:20]) or f"the same keys; {log_tails(a, b)}"


def log_tails(*all_servers):
    return "\n".join(f"--- {s.port}\n{s.log_text()[-3000:]}" for s in all_servers)


_docs = None


def docs():
    """The oracle's own description of its commands."""
    global _docs
    if _docs is None:
        with servers.Server(servers.oracle_command()) as s, s.connect() as c:
            c.call("HELLO", "3")
            _docs = generate.to_python(c.call("COMMAND", "DOCS"))
    return _docs


def generated(seed, count, without=()):
    """Pipelines of commands, as raw bytes, with how many replies they get."""
    g = generate.Generator(docs(), seed, None, None, resp3=False)
    for conn, batch in g.batches(count):
        keep = [c for c in batch if c[0].upper() not in (b"HELLO", b"CLIENT", b"SUBSCRIBE", b"PSUBSCRIBE", b"CONFIG", b"MONITOR",
                                                         b"SSUBSCRIBE", b"RESET", b"QUIT", b"REPLICAOF", b"SLAVEOF", b"WAIT",
                                                         b"DEBUG", b"SHUTDOWN", b"FAILOVER", b"SYNC", b"PSYNC", *without)]
        if keep:
            yield conn, b"".join(map(resp.encode, keep)), len(keep)


class Load:
    """Writes generated commands to a server from a thread until it is stopped, or until `count` have been sent."""

    def __init__(self, server, seed, count=None, without=()):
        self.server, self.seed, self.count, self.without = server, seed, count, without
        self.sent, self.error, self.stopping = 0, None, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        seed = self.seed
        try:
            conns = [self.server.connect(60) for _ in range(3)]
            while not self.stopping and (self.count is None or self.sent < self.count):
                for conn, raw, n in generated(seed, 2000, self.without):
                    conns[conn % 3].send(raw)
                    for _ in range(n):
                        conns[conn % 3].read()
                    self.sent += n
                    if self.stopping or (self.count is not None and self.sent >= self.count):
                        break
                seed += 1000003
            for c in conns:
                c.close()
        except Exception as e:  # told by finish()
            self.error = e

    def finish(self):
        self.thread.join(120)
        assert not self.thread.is_alive(), "the load does not end"
        if self.error is not None:
            raise self.error

    def stop(self):
        self.stopping = True
        self.finish()


class Proxy:
    """A TCP proxy in front of a server. cut() breaks what runs through it; cut_after(n) does so n bytes later.
    `rate` bytes a second, `delay` seconds a piece, and nothing at all while `holding`."""

    def __init__(self, port, seed=1):
        self.target = port
        self.random = random.Random(seed)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.pairs, self.limit, self.cuts, self.passed, self.refusing = [], None, 0, 0, False
        self.rate, self.delay, self.holding = None, 0, False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                a, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                a.close()
                continue
            try:
                b = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                a.close()
                continue
            with self.lock:
                self.pairs.append((a, b))
            threading.Thread(target=self.pump, args=(a, b, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(b, a, True), daemon=True).start()

    def pump(self, src, dst, counted):
        try:
            while True:
                data = src.recv(65536)
                if not data:
                    break
                if self.delay:
                    time.sleep(self.delay)
                while self.holding:
                    time.sleep(0.005)
                if counted:
                    with self.lock:
                        limit = self.limit
                        if limit is not None and len(data) >= limit:
                            data, self.limit = data[:limit], None
                        elif limit is not None:
                            self.limit = limit - len(data)
                            limit = None
                        self.passed += len(data)
                    dst.sendall(data)
                    if limit is not None:
                        self.cut()
                        return
                    if self.rate:
                        time.sleep(len(data) / self.rate)
                else:
                    dst.sendall(data)
        except OSError:
            pass
        for s in (src, dst):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        with self.lock:
            pairs, self.pairs = self.pairs, []
            self.cuts += 1
        for pair in pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()

    def cut_after(self, n):
        with self.lock:
            self.limit = n

    def close(self):
        self.listener.close()
        self.cut()
