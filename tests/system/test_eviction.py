"""Under every policy, sixteen writers as fast as they can: memory in use stays under the limit and one percent.

In `make test` each policy gets three seconds. The long run, ten minutes for each, all at the same time:

    /usr/bin/python3 tests/system/test_eviction.py 600 [build/bin/sorrel-server]
"""
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import servers  # noqa: E402

try:
    import pytest
except ImportError:  # the long run needs none
    pytest = None

POLICIES = ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu", "allkeys-random",
            "allkeys-adaptive", "noeviction"]
LIMIT = 24 << 20


def info(c, section):
    return dict(line.split(":", 1) for line in c.call("INFO", section)[1].decode().split("\r\n") if ":" in line)


def watch(server, seconds, evicts):
    """The most memory that was seen in use, and how many keys were evicted. On a busy machine it takes until some were."""
    most, evicted, end = 0, 0, time.monotonic() + seconds
    with server.connect() as c:
        while time.monotonic() < end or (evicts and evicted == 0 and time.monotonic() < end + 60):
            most = max(most, int(info(c, "memory")["used_memory"]))
            evicted = int(info(c, "stats")["evicted_keys"])
            time.sleep(0.02)
        return most, evicted


def press(server, policy, seconds):
    """Sixteen clients write strings of 300 bytes; a seventeenth hashes of its own, some of them large."""
    words = ["SET", "key:__rand_int__", "x" * 300]
    if policy.startswith("volatile"):
        words += ["EX", "1000"]
    writers = subprocess.Popen(["redis-benchmark", "-p", str(server.port), "-c", "16", "-r", "1000000", "-l", "-q", *words],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stop = threading.Event()

    def hashes():
        with server.connect() as c:
            n = 0
            while not stop.is_set():
                n += 1
                c.call("HSET", f"hash:{n // 300}", *[f"f{n}:{i}" for i in range(10)], *["y" * 50] * 10)
                if n % 300 == 0 and policy.startswith("volatile"):
                    c.call("EXPIRE", f"hash:{n // 300}", "500")

    other = threading.Thread(target=hashes)
    other.start()
    try:
        return watch(server, seconds, policy != "noeviction")
    finally:
        stop.set()
        other.join()
        writers.kill()
        writers.wait()


def check(server, policy, seconds):
    most, evicted = press(server, policy, seconds)
    with server.connect() as c:
        assert c.call("PING") == ("+", b"PONG")
    assert most <= LIMIT * 1.01, f"{policy}: {most} bytes in use, {LIMIT} allowed"
    assert (evicted > 0) == (policy != "noeviction"), f"{policy}: {evicted} keys evicted"
    return most, evicted


if pytest is not None:
    @pytest.mark.parametrize("policy", POLICIES)
    def test_limit_holds(start, policy):
        server = start("--maxmemory", LIMIT, "--maxmemory-policy", policy)
        check(server, policy, 3)


def main(seconds, program):
    results = {}

    def one(policy):
        server = servers.Server(program, "--maxmemory", LIMIT, "--maxmemory-policy", policy)
        try:
            most, evicted = check(server, policy, seconds)
            results[policy] = f"{100 * most / LIMIT:.2f} % of the limit at most, {evicted} keys evicted"
        except AssertionError as e:
            results[policy] = f"FAILED: {e}"
        finally:
            server.stop()

    threads = [threading.Thread(target=one, args=(p,)) for p in POLICIES]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for policy in POLICIES:
        print(f"{policy:18} {results.get(policy, 'FAILED')}")
    return any("FAILED" in results.get(p, "FAILED") for p in POLICIES)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "build/bin/sorrel-server"))
