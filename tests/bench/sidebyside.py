"""Speed beside redis-server, in one run on one machine: requests per second and server CPU per request.

Each server runs on one core, redis-benchmark on another; rounds alternate between the servers, and the median of each counts.
CPU per request (user and system time of the whole server) is the figure to trust: on two cores the client is often the limit.

usage: sidebyside.py [--rounds N] [--loads a,b,…] [--server PROGRAM] [--other PROGRAM]
"""
import argparse
import csv
import io
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def known(test, requests, pipeline, clients=50, keys=1000000, size=64):
    return requests, ["-t", test, "-P", str(pipeline), "-c", str(clients), "-r", str(keys), "-d", str(size)]


def words(requests, pipeline, *command, clients=50, keys=1000000):
    return requests, ["-P", str(pipeline), "-c", str(clients), "-r", str(keys), *command]


LOADS = {
    "set P1": known("set", 300000, 1), "get P1": known("get", 300000, 1),
    "set P16": known("set", 2000000, 16), "get P16": known("get", 2000000, 16),
    "set P64": known("set", 4000000, 64, clients=20), "get P64": known("get", 4000000, 64, clients=20),
    "incr P16": known("incr", 2000000, 16), "lpush P16": known("lpush", 2000000, 16),
    "rpop P16": known("rpop", 2000000, 16), "sadd P16": known("sadd", 2000000, 16, keys=100000),
    "hset P16": known("hset", 2000000, 16, keys=100000), "zadd P16": known("zadd", 1000000, 16, keys=100000),
    "get miss P16": words(2000000, 16, "GET", "absent:__rand_int__"),
    "set EX P16": words(2000000, 16, "SET", "ttl:__rand_int__", "x" * 64, "EX", "3600"),
    "lrange100 P4": known("lrange_100", 200000, 4), "mset P4": known("mset", 300000, 4),
    "publish P16": words(2000000, 16, "PUBLISH", "nobody", "hello"),
}
USUAL = "set P1,get P1,set P16,get P16,set P64,get P64,incr P16,lpush P16,sadd P16,hset P16,zadd P16"


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def measure(server, load):
    requests, args = LOADS[load]
    before = cpu_seconds(server.process.pid)
    out = subprocess.run(["taskset", "-c", "1", "redis-benchmark", "-p", str(server.port), "--csv", "-n", str(requests), *args],
                         capture_output=True, text=True, check=True).stdout
    cpu = cpu_seconds(server.process.pid) - before
    rows = [r for r in csv.reader(io.StringIO(out)) if r and r[0] != "test"]
    # lrange fills its list first, with a row of its own.
    return float(rows[-1][1]) / 1000, cpu / requests * 1e6


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--loads", default=USUAL)
    ap.add_argument("--server", default=os.path.join(ROOT, "build", "bin", "sorrel-server"))
    ap.add_argument("--other", default=servers.oracle_command())
    args = ap.parse_args()
    os.sched_setaffinity(0, {0})
    both = [("sorrel", servers.Server(args.server)), ("redis", servers.Server(args.other))]
    print(f"{'':14} {'sorrel':>18} {'redis':>18}      CPU ratio", flush=True)
    try:
        for load in args.loads.split(","):
            got = {"sorrel": [], "redis": []}
            for _ in range(args.rounds):
                for name, server in both:
                    got[name].append(measure(server, load))
            med = {n: [statistics.median(x[i] for x in got[n]) for i in (0, 1)] for n in got}
            cells = [f"{med[n][0]:7.0f} k/s {med[n][1]:6.2f} us" for n in ("sorrel", "redis")]
            print(f"{load:14} {cells[0]} {cells[1]}   {med['sorrel'][1] / med['redis'][1]:.2f}", flush=True)
    finally:
        for _, server in both:
            server.stop()


if __name__ == "__main__":
    main()
