"""CPU of sorrel-server beside redis-server, in one run: bitmaps, HyperLogLog, geo and SORT; streams; scripts.

    /usr/bin/python3 tests/bench/families.py build/bin/sorrel-server [redis-server] [families|streams|scripts|json]

Each server gets the same commands in pipelines over one connection; what counts is the CPU time that its process used
(schedstat), so that the client and what else runs on the machine count for nothing. Ratios below 0.7 are wanted.
"""
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import resp  # noqa: E402
import servers  # noqa: E402

TURNS = 20


def encode(*words):
    return resp.encode(words)


class Server:
    def __init__(self, program):
        self.dir = tempfile.TemporaryDirectory()
        port = servers.free_port()
        self.process = subprocess.Popen([program, "--port", str(port), "--save", "", "--dir", self.dir.name, "--bind", "127.0.0.1"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.socket = socket.create_connection(("127.0.0.1", port))
                break
            except OSError:
                time.sleep(0.02)
        self.reader = self.socket.makefile("rb", 1 << 20)

    def cpu(self):
        """Of all its threads: values may be freed in the background."""
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
        return total / 1e9

    def read(self):
        line = self.reader.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"$" and int(rest) >= 0:
            self.reader.read(int(rest) + 2)
        elif kind == b"*":
            for _ in range(max(0, int(rest))):
                self.read()

    def run(self, commands, pipeline):
        for i in range(0, len(commands), pipeline):
            batch = commands[i:i + pipeline]
            self.socket.sendall(b"".join(batch))
            for _ in batch:
                self.read()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def cases(r):
    yield ("BITCOUNT of 10 MB", [encode("SET", "big", r.randbytes(10_000_000))], [encode("BITCOUNT", "big")] * 100, 1)
    yield ("BITOP AND of two 10 MB", [encode("SET", "big2", r.randbytes(10_000_000))], [encode("BITOP", "AND", "d", "big", "big2")] * 20, 1)
    yield ("SETBIT", [], [encode("SETBIT", "bits", r.randrange(1 << 20), r.randrange(2)) for _ in range(100_000)], 100)
    yield ("PFADD, sparse to dense", [], [encode("PFADD", f"p{r.randrange(10)}", f"element:{r.randrange(10**9)}") for _ in range(100_000)], 100)
    yield ("PFADD, small sketches", [], [encode("PFADD", f"s{r.randrange(2000)}", f"element:{r.randrange(10**9)}") for _ in range(100_000)], 100)
    yield ("PFCOUNT of 10 keys", [], [encode("PFCOUNT", *[f"p{i}" for i in range(10)])] * 2000, 50)
    places = [encode("GEOADD", "g", *[w for i in range(j, j + 100) for w in (r.uniform(5, 20), r.uniform(40, 50), f"place:{i}")])
              for j in range(0, 100_000, 100)]
    search = [encode("GEOSEARCH", "g", "FROMLONLAT", r.uniform(8, 17), r.uniform(42, 48), "BYRADIUS", 20, "km", "ASC", "WITHDIST")
              for _ in range(5000)]
    yield ("GEOADD", [], places, 1)
    yield ("GEOSEARCH radius 20 km, 60 found", [], search, 50)
    numbers = [encode("RPUSH", "l", *[r.randrange(10**9) for _ in range(10_000)])]
    yield ("SORT of 10,000", numbers, [encode("SORT", "l")] * 50, 1)
    yield ("SORT of 10,000 LIMIT 0 10", [], [encode("SORT", "l", "LIMIT", 0, 10)] * 50, 1)
    yield ("SORT of 10,000 ALPHA", [], [encode("SORT", "l", "ALPHA")] * 50, 1)


def streams(r):
    add = [encode("XADD", "s", f"{i}-1", "sensor", i % 1000, "temp", f"{20 + i % 100 / 10:.2f}") for i in range(1, 200_001)]
    yield ("XADD -P 16", [], add, 16)
    trips, n = [], 100_000
    for i in range(1, n + 1):
        trips += [encode("XREADGROUP", "GROUP", "g", "c", "COUNT", 1, "STREAMS", "s", ">"), encode("XACK", "s", "g", f"{i}-1")]
    yield ("XREADGROUP + XACK, one by one", [encode("XGROUP", "CREATE", "s", "g", 0)], trips[:40_000], 1)
    yield ("XREADGROUP + XACK -P 16", [], trips[40_000:], 16)
    tens = []
    for i in range(1, 100_001, 10):
        tens += [encode("XREADGROUP", "GROUP", "h", "c", "COUNT", 10, "STREAMS", "s", ">"),
                 encode("XACK", "s", "h", *[f"{k}-1" for k in range(i, i + 10)])]
    yield ("the same, ten entries at a time", [encode("XGROUP", "CREATE", "s", "h", 0)], tens, 16)
    yield ("XADD MAXLEN ~ 1000 -P 16", [], [encode("XADD", "cut", "MAXLEN", "~", 1000, "*", "a", i) for i in range(100_000)], 16)
    yield ("XRANGE COUNT 100", [], [encode("XRANGE", "s", f"{r.randrange(100_000)}", "+", "COUNT", 100) for _ in range(10_000)], 16)


UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
WINDOW = '''local now = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - window)
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[3]) then
    redis.call('ZADD', KEYS[1], now, ARGV[4])
    redis.call('PEXPIRE', KEYS[1], window)
    return 1
end
return 0'''
LOOP = "for i = 1, 100 do redis.call('INCR', KEYS[1]) end return redis.call('GET', KEYS[1])"


def scripts(r):
    digest = {s: hashlib.sha1(s.encode()).hexdigest() for s in (UNLOCK, WINDOW, LOOP)}
    load = [encode("SCRIPT", "LOAD", s) for s in digest]
    locks = [encode("MSET", *[w for i in range(j, j + 100) for w in (f"lock:{i}", f"token:{i}")]) for j in range(0, 50_000, 100)]
    unlock = [encode("EVALSHA", digest[UNLOCK], 1, f"lock:{i}", f"token:{i}") for i in range(50_000)]
    yield ("token-checked release", load + locks, unlock, 16)
    held = [encode("SET", "lock", "token")]
    yield ("refused release", held, [encode("EVALSHA", digest[UNLOCK], 1, "lock", "other")] * 100_000, 16)
    yield ("sliding window", [], [encode("EVALSHA", digest[WINDOW], 1, f"w:{i % 50}", i, 1000, 10, f"r{i}") for i in range(50_000)], 16)
    yield ("loop of 100 INCR", [], [encode("EVALSHA", digest[LOOP], 1, "n")] * 10_000, 16)


def document(r, i):
    """A typical API document of 2 KB."""
    people = [{"id": r.randrange(10**6), "name": f"Person {r.randrange(10**4)}", "email": f"p{r.randrange(10**5)}@example.org",
               "active": r.random() < 0.5, "score": round(r.uniform(0, 100), 2), "tags": ["alpha", "beta", f"t{r.randrange(50)}"],
               "address": {"street": f"{r.randrange(200)} Main Street", "city": "Springfield", "zip": f"{r.randrange(10**5):05}"}}
              for _ in range(9)]
    return json.dumps({"id": i, "page": 1, "total": 9, "counter": 0, "items": people}, separators=(",", ":"))


DOC_UPDATE = """local d = cjson.decode(redis.call('GET', KEYS[1])) d.counter = d.counter + 1 redis.call('SET', KEYS[1], cjson.encode(d))
return d.counter"""
DOC_READ = "return cjson.encode(cjson.decode(redis.call('GET', KEYS[1])).items[5].address)"


def json_or_script(r):
    """The same work: with JSON commands in Sorrel, with a string and a cjson script in redis-server."""
    docs = [document(r, i) for i in range(200)]
    pick = [r.randrange(200) for _ in range(20_000)]
    native = lambda *w: [encode(*(x if not callable(x) else x(i) for x in w)) for i in pick]  # noqa: E731
    yield ("set a document of 2 KB", [], (native("JSON.SET", lambda i: f"d{i}", "$", lambda i: docs[i]),
                                          native("SET", lambda i: f"d{i}", lambda i: docs[i])), 16)
    every = ([encode("JSON.SET", f"d{i}", "$", d) for i, d in enumerate(docs)], [encode("SET", f"d{i}", d) for i, d in enumerate(docs)])
    yield ("get it whole", every, (native("JSON.GET", lambda i: f"d{i}"), native("GET", lambda i: f"d{i}")), 16)
    yield ("get one part of it", ([], []), (native("JSON.GET", lambda i: f"d{i}", "$.items[4].address"),
                                            native("EVAL", DOC_READ, 1, lambda i: f"d{i}")), 16)
    yield ("count up inside of it", ([], []), (native("JSON.NUMINCRBY", lambda i: f"d{i}", "$.counter", 1),
                                               native("EVAL", DOC_UPDATE, 1, lambda i: f"d{i}")), 16)


def measure(servers, commands, pipeline):
    """Seconds of CPU of each server. They take turns, so that what else goes on here slows both down alike."""
    used = [0] * len(servers)
    batches = max(1, len(commands[0]) // pipeline)
    step = -(-batches // TURNS) * pipeline
    for at in range(0, len(commands[0]), step):
        for n, s in enumerate(servers):
            before = s.cpu()
            s.run(commands[n][at:at + step], pipeline)
            used[n] += s.cpu() - before
    return used


def main():
    programs = [sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "redis-server"]
    chosen = {"families": cases, "streams": streams, "scripts": scripts, "json": json_or_script}[sys.argv[3] if len(sys.argv) > 3 else "families"]
    servers = [Server(os.path.abspath(programs[0])), Server(programs[1])]
    worst = 0
    try:
        print(f"{'':36}{'sorrel':>10}{'redis':>10}  CPU us a command, ratio")
        for name, setup, commands, pipeline in chosen(random.Random(1)):
            # One list for both, or a pair of lists.
            mine, prepare = (x if isinstance(x, tuple) else (x, x) for x in (commands, setup))
            for n, s in enumerate(servers):
                s.run(prepare[n], 1)
            used = [t / len(mine[n]) * 1e6 for n, t in enumerate(measure(servers, mine, pipeline))]
            worst = max(worst, used[0] / used[1])
            print(f"{name:36}{used[0]:10.2f}{used[1]:10.2f}  {used[0] / used[1]:.2f}", flush=True)
    finally:
        for s in servers:
            s.stop()
    print(f"worst ratio {worst:.2f}")


if __name__ == "__main__":
    main()
