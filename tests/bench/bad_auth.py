"""What 10,000 wrong AUTHs a second do to others: the p99 of GETs at a steady rate without them, beside them, and beside as many
commands that need no login at all (what any client costs that asks so much), in turns.

Attackers are on other machines; here they have to be on this one. The server has a CPU of its own, and what measures has the other
one before those who guess (SCHED_FIFO, which takes root; without it the figures are mostly about who gets a CPU).

usage: bad_auth.py [rounds]     prints the medians and their ratios; issue 6 asks for at most 1.5
"""
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402

BIN = os.environ.get("SORREL_BIN", os.path.join(ROOT, "build", "bin"))
BENCH = os.path.join(BIN, "sorrel-benchmark")
MEASURE, GUESS = ["taskset", "-c", "1"], ["taskset", "-c", "1"]
if os.geteuid() == 0:
    MEASURE += ["chrt", "-f", "10"]


def others(server):
    out = subprocess.run([*MEASURE, BENCH, "-p", str(server.port), "-a", "secret", "-c", "20", "--rate", "5000", "--test-time", "4",
                          "--warmup", "0.5", "--json", "GET", "key:__rand_int__"], stdout=subprocess.PIPE, check=True,
                         stderr=subprocess.DEVNULL).stdout
    result = json.loads(out.splitlines()[-1])
    return result["p99_ms"] if "p99_ms" in result else result["latency_ms"]["p99"]


def crowd(server, *command):
    # They log in first, for a benchmark gives up what it can't begin.
    return subprocess.Popen([*GUESS, BENCH, "-p", str(server.port), "-a", "secret", "-c", "100", "--rate", "10000", "--test-time",
                             "6", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    alone, guessing, asking = [], [], []
    with servers.Server(os.path.join(BIN, "sorrel-server"), "--requirepass", "secret") as s, s.connect() as c:
        os.sched_setaffinity(s.process.pid, {0})
        c.call("AUTH", "secret")
        for i in range(rounds):
            alone.append(others(s))
            for command, seen in ((["AUTH", "default" if i % 2 else "nobody", "wrong__rand_int__"], guessing), (["PING"], asking)):
                p = crowd(s, *command)
                seen.append(others(s))
                p.wait()
        failed = int(c.call("INFO", "stats")[1].split(b"acl_access_denied_auth:")[1].split(b"\r")[0])
    a, b, n = (statistics.median(v) for v in (alone, guessing, asking))
    print(f"p99 of GET at 5,000/s: alone {a:.3f} ms {alone}, beside wrong AUTHs {b:.3f} ms {guessing}: {b / a:.2f}; "
          f"beside as many PINGs {n:.3f} ms {asking}: {n / a:.2f} ({failed} wrong AUTHs in {rounds * 6} s)")


if __name__ == "__main__":
    main()
