#!/usr/bin/python3
"""WAITAOF 1 1, then kill: whatever it has confirmed must be in the log of the primary and in that of its replica.

    waitaof.py [--rounds 10] [--writes 100000] [--server PROGRAM] [--replica PROGRAM]

In each round several clients write pieces of 2,000 SETs to a primary with a log, each piece with WAITAOF 1 1 behind it, until so many
are confirmed. Then the primary, the replica or both are killed with SIGKILL, and each of them is started alone from its log. What
is missing there of what was confirmed is lost: then this exits with 1. Logs are synced once a second, which is what each piece waits
for. (Killing a process loses nothing that the kernel has;
tests/durability/torn.py takes the power away.)
"""
import argparse
import os
import random
import shutil
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import resp  # noqa: E402
import servers  # noqa: E402
from replication import follow, wait_online, wait_until  # noqa: E402

PIECE, CLIENTS = 2000, 4


class Node:
    """Keeps its folder, and with it its log."""

    def __init__(self, program):
        self.program, self.folder, self.server = program, tempfile.mkdtemp(prefix="sorrel-waitaof-"), None

    def start(self):
        self.server = servers.Server(self.program, "--appendonly", "yes", "--dir", self.folder, "--repl-diskless-sync-delay", "0")

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()

    def stop(self):
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def missing(self, keys):
        """How many it has not when it is started from its log, alone."""
        self.kill()
        self.server.stop()
        self.start()
        n = 0
        with self.server.connect(60) as c:
            wait_until(lambda: c.call("PING") == ("+", b"PONG"), 60, "loading")
            for at in range(0, len(keys), 1000):
                n += sum(v[1] is None for v in c.call("MGET", *keys[at:at + 1000])[1])
        return n


def write(server, name, wanted, confirmed, stop):
    n = 0
    try:
        with server.connect(30) as c:
            while not stop.is_set():
                keys = [f"{name}:{n + i}" for i in range(PIECE)]
                n += PIECE
                c.send(b"".join(resp.encode(["SET", k, "v"]) for k in keys) + resp.encode(["WAITAOF", "1", "1", "2000"]))
                good = all([c.read() == ("+", b"OK") for _ in keys])
                reply = c.read()
                if good and reply[0] == "*" and reply[1][0][1] >= 1 and reply[1][1][1] >= 1:
                    confirmed.extend(keys)
                    if len(confirmed) >= wanted:
                        return
    except (servers.Closed, OSError, resp.ProtocolError):
        pass


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=10)
    p.add_argument("--writes", type=int, default=100000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--server", default=os.path.join(ROOT, "build", "bin", "sorrel-server"))
    p.add_argument("--replica")
    args = p.parse_args()
    rng, sums = random.Random(args.seed), [0, 0, 0]
    nodes = [Node(args.server), Node(args.replica or args.server)]
    try:
        for n in nodes:
            n.start()
        for i in range(args.rounds):
            primary, replica = nodes
            follow(replica.server, "127.0.0.1", primary.server.port)
            wait_online(primary.server, replica.server)
            confirmed, stop = [], threading.Event()
            threads = [threading.Thread(target=write, args=(primary.server, f"{i}:{k}", args.writes, confirmed, stop), daemon=True)
                       for k in range(CLIENTS)]
            for t in threads:
                t.start()
            threads[0].join(120)
            victims = rng.choice([[primary], [replica], [primary, replica]])
            for v in victims:
                v.kill()
            stop.set()
            for t in threads:
                t.join(60)
            keys = list(confirmed)
            missing = [n.missing(keys) for n in nodes]
            sums = [a + b for a, b in zip(sums, (len(keys), *missing))]
            print(f"round {i + 1}: {len(keys)} confirmed, missing at the primary {missing[0]}, at the replica {missing[1]}", flush=True)
            if rng.random() < 0.5:
                nodes.reverse()
    finally:
        for n in nodes:
            n.stop()
    print(f"{args.rounds} rounds, {sums[0]} writes confirmed by WAITAOF 1 1: lost at the primary {sums[1]}, at the replica {sums[2]}")
    return 1 if sums[1] + sums[2] else 0


if __name__ == "__main__":
    sys.exit(main())
