"""Hit ratios of running servers on the traces of bench_evict.c: Sorrel's beside redis-server's own.

    /usr/bin/python3 tests/bench/eviction.py ./bench_evict build/bin/sorrel-server [keys that fit] [requests] [trace ...]

bench_evict.c says how it is built. A script on the server asks for a hundred keys at a time and stores those that are not
there, so that what is measured is the server's choice of victims and not the client. Requests come as fast as they are
answered: LRU clocks that count in seconds have little to go by then, here and there.
"""
import array
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import servers  # noqa: E402

TRACES = ["zipf-0.7", "zipf-0.9", "zipf-1.1", "loop-1.1", "loop-2", "shift", "shift-40", "scan"]
SCRIPT = """
local hits = 0
for i = 1, #ARGV do
    if redis.call('GET', ARGV[i]) then hits = hits + 1 else redis.call('SET', ARGV[i], KEYS[1]) end
end
return hits"""
VALUE = "x" * 100
GROUP = 100


def used(c):
    return int(c.call("INFO", "memory")[1].split(b"used_memory:")[1].split()[0])


def set_limit(c, sha, fit):
    """As much memory as lets `fit` keys stay, which is tried out: tables and allocators differ."""
    base = used(c)
    limit = base + fit * 200
    c.call("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    for _ in range(5):
        c.call("CONFIG", "SET", "maxmemory", str(limit))
        c.call("FLUSHALL")
        for at in range(0, 3 * fit, GROUP):
            c.call("EVALSHA", sha, "1", VALUE, *[f"key:{i:010}" for i in range(at, at + GROUP)])
        limit = base + (limit - base) * fit // int(c.call("DBSIZE")[1])
    c.call("CONFIG", "SET", "maxmemory", str(limit))
    c.call("FLUSHALL")


def play(program, policy, trace, fit):
    server = servers.Server(program)
    try:
        with server.connect() as c:
            sha = c.call("SCRIPT", "LOAD", SCRIPT)[1]
            set_limit(c, sha, fit)
            c.call("CONFIG", "SET", "maxmemory-policy", policy)
            hits = 0
            for at in range(0, len(trace), GROUP):
                kind, n = c.call("EVALSHA", sha, "1", VALUE, *[f"key:{k:010}" for k in trace[at:at + GROUP]])
                assert kind == ":", n
                hits += int(n)
            return 100 * hits / len(trace)
    finally:
        server.stop()


def main():
    tool, sorrel = sys.argv[1], sys.argv[2]
    fit = int(sys.argv[3]) if len(sys.argv) > 3 else 20000
    requests = int(sys.argv[4]) if len(sys.argv) > 4 else 500000
    columns = [("redis-server", "allkeys-lru"), ("redis-server", "allkeys-lfu"), (sorrel, "allkeys-lru"), (sorrel, "allkeys-lfu"),
               (sorrel, "allkeys-adaptive")]
    print(f"{'trace':10}", *[f"{os.path.basename(p).split('-')[0] + ' ' + q[8:]:>16}" for p, q in columns])
    with tempfile.TemporaryDirectory() as d:
        for name in sys.argv[5:] or TRACES:
            path = os.path.join(d, name)
            subprocess.run([tool, "--trace", name, str(fit), str(requests), path], check=True)
            trace = array.array("I")
            with open(path, "rb") as f:
                trace.frombytes(f.read())
            print(f"{name:10}", *[f"{play(p, q, trace, fit):16.2f}" for p, q in columns], flush=True)


if __name__ == "__main__":
    main()
