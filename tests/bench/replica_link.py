"""What one replica costs its primary: SETs in pipelines of 16, with a replica linked and without, ours and redis-server in one run.

Three processes on two cores: the primary has core 0 to itself, the replica shares core 1 with the load; or, with --free, each runs
where the kernel puts it. Requests a second tell of all three; the primary's own processor time for each SET tells what the
replica costs it. Rounds alternate between all pairs, and the median counts (in brackets: the least and the most).

usage: replica_link.py [--free] [--rounds N] [--requests N] [--size BYTES] [--load PROGRAM] [PROGRAM...]
"""
import argparse
import contextlib
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402
from replication import caught_up, follow, wait_online, wait_until  # noqa: E402


def cpu_s(server):
    """All threads, to the nanosecond."""
    tasks, ns = f"/proc/{server.process.pid}/task", 0
    for t in os.listdir(tasks):
        with contextlib.suppress(OSError), open(f"{tasks}/{t}/schedstat", encoding="ascii") as f:
            ns += int(f.read().split()[0])
    return ns / 1e9


class Pair:
    """A primary, with a replica or without."""

    def __init__(self, program, linked, cores):
        os.sched_setaffinity(0, cores[0])
        self.primary = servers.Server(program, "--repl-diskless-sync-delay", "0")
        self.replica = None
        os.sched_setaffinity(0, cores[1])
        if linked:
            self.replica = servers.Server(program)
            follow(self.replica, "127.0.0.1", self.primary.port)
            wait_online(self.primary, self.replica)
        self.rounds = []

    def measure(self, args):
        before, before_r = cpu_s(self.primary), cpu_s(self.replica) if self.replica else 0
        out = subprocess.run([args.load, "-p", str(self.primary.port), "-t", "set", "-P", "16", "-c", "50", "-r", "100000", "-d",
                              str(args.size), "-n", str(args.requests), "--csv"], capture_output=True, text=True, check=True).stdout
        spent = cpu_s(self.primary) - before
        rate = float(out.strip().splitlines()[-1].split(",")[1].strip('"'))
        if self.replica:
            wait_until(lambda: caught_up(self.primary, [self.replica]), 60, "the replica catching up")
        spent_r = cpu_s(self.replica) - before_r if self.replica else 0
        self.rounds.append((rate, spent / args.requests * 1e6, spent_r / args.requests * 1e6))

    def stop(self):
        for s in (self.replica, self.primary):
            if s:
                s.stop()


def spread(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--free", action="store_true")
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--requests", type=int, default=1000000)
    ap.add_argument("--size", type=int, default=64)
    ap.add_argument("--load", default="redis-benchmark")
    ap.add_argument("programs", nargs="*", default=[os.path.join(ROOT, "build", "bin", "sorrel-server"), servers.oracle_command()])
    args = ap.parse_args()
    cores = [{0, 1}, {0, 1}] if args.free else [{0}, {1}]
    pairs = {(p, linked): Pair(p, linked, cores) for p in args.programs for linked in (False, True)}
    try:
        for _ in range(args.rounds):
            for pair in pairs.values():
                pair.measure(args)
        for p in args.programs:
            alone, linked = pairs[p, False].rounds, pairs[p, True].rounds
            rates = [b[0] / a[0] for a, b in zip(alone, linked)]
            costs = [a[1] / b[1] for a, b in zip(alone, linked)]
            print(f"{os.path.basename(p):14} requests/s {spread([a[0] for a in alone], ',.0f')} alone, "
                  f"{spread([b[0] for b in linked], ',.0f')} linked: {spread(rates, '.2f')}\n"
                  f"{'':14} primary's us of CPU for a SET {spread([a[1] for a in alone], '.3f')} alone, "
                  f"{spread([b[1] for b in linked], '.3f')} linked: {spread(costs, '.2f')}; "
                  f"the replica's {spread([b[2] for b in linked], '.3f')}", flush=True)
    finally:
        for pair in pairs.values():
            pair.stop()


if __name__ == "__main__":
    main()
