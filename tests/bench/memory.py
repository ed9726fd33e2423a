"""Bytes of memory per element beside redis-server, by data shape: each shape in a fresh server, growth of resident memory and of
used_memory divided by the number of elements.

usage: memory.py [--elements N] [--shapes a,b,…] [--server PROGRAM] [--other PROGRAM]
"""
import argparse
import os
import random
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import resp  # noqa: E402
import servers  # noqa: E402


def shapes(n):
    """Name, elements, payload bytes of an element, commands."""
    long, tens = "v" * 64, range(n // 10)
    r = random.Random(1)
    yield "string 9", n, 25, (("SET", "key:%012d" % i, "%09d" % i) for i in range(n))
    yield "string 64", n, 80, (("SET", "key:%012d" % i, long) for i in range(n))
    yield "string 64, expiry", n, 80, (("SET", "key:%012d" % i, long, "EX", 86400) for i in range(n))
    yield "integer", n, 24, (("SET", "key:%012d" % i, i * 1000003) for i in range(n))
    yield "hash of 10", n, 22, (("HSET", "h:%09d" % i, *(w for j in range(10) for w in ("field%02d" % j, "value-%09d" % (i * 10 + j))))
                                for i in tens)
    yield "large hash", n, 30, (("HSET", "h", "field:%09d" % i, "value-%09d" % i) for i in range(n))
    yield "large list", n, 15, (("RPUSH", "l", "value-%09d" % i) for i in range(n))
    yield "large set, integers", n, 8, (("SADD", "s", i * 7919) for i in range(n))
    yield "large set, strings", n, 16, (("SADD", "s", "member-%09d" % i) for i in range(n))
    yield "sorted set of 10", n, 17, (("ZADD", "z:%09d" % i, *(w for j in range(10) for w in (r.random(), "member-%02d" % j)))
                                      for i in tens)
    yield "large sorted set", n, 24, (("ZADD", "z", r.random(), "member-%09d" % i) for i in range(n))


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))


def used(c):
    _, text = c.call("INFO", "memory")
    return next(int(line.split(b":")[1]) for line in text.split(b"\r\n") if line.startswith(b"used_memory:"))


def load(program, commands, elements):
    with servers.Server(program) as server, server.connect(120) as c:
        time.sleep(0.3)
        pid = server.process.pid
        before = resident(pid), used(c)
        batch = []

        def flush():
            c.send(b"".join(batch))
            for _ in batch:
                assert c.read()[0] != "-"
            batch.clear()

        for command in commands:
            batch.append(resp.encode(command))
            if len(batch) == 1000:
                flush()
        flush()
        time.sleep(0.5)
        return (resident(pid) - before[0]) / elements, (used(c) - before[1]) / elements


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--elements", type=int, default=1000000)
    ap.add_argument("--shapes")
    ap.add_argument("--server", default=os.path.join(ROOT, "build", "bin", "sorrel-server"))
    ap.add_argument("--other", default=servers.oracle_command())
    args = ap.parse_args()
    names = [name for name, *_ in shapes(10)]
    print(f"{'bytes an element':20} payload   sorrel: resident, used     redis: resident, used", flush=True)
    for name in names:
        if args.shapes and name not in args.shapes.split(","):
            continue
        got = []
        for program in (args.server, args.other):
            n, payload, commands = next((n, p, c) for s, n, p, c in shapes(args.elements) if s == name)
            got.append(load(program, commands, n))
        (ours, our_used), (theirs, their_used) = got
        print(f"{name:20} {payload:7} {ours:16.1f} {our_used:7.1f} {theirs:18.1f} {their_used:8.1f}", flush=True)


if __name__ == "__main__":
    main()
