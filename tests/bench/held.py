"""How long commands over large values hold the loop.

    /usr/bin/python3 tests/bench/held.py build/bin/sorrel-server [millions of elements, 2] [names of commands ...]

One client sends a command, another PINGs all the time. What counts is the processor time that the thread of the loop
uses between a PING and its answer, at most: on a busy machine it stays the same. Beside it: how long the command took.
"""
import multiprocessing
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import resp  # noqa: E402
import servers  # noqa: E402

FILL = """
local kind, first, last = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local commands = {hash = 'hset', zset = 'zadd', list = 'rpush', set = 'sadd', geo = 'geoadd'}
while first < last do
    local words = {}
    for i = first, math.min(first + 1000, last) - 1 do
        if kind == 'zset' then words[#words + 1] = i end
        if kind == 'geo' then
            words[#words + 1] = (i * 7919 % 3600) / 10 - 180
            words[#words + 1] = (i * 104729 % 1700) / 10 - 85
        end
        words[#words + 1] = 'member:' .. i
        if kind == 'hash' then words[#words + 1] = 'value:' .. i end
    end
    redis.call(commands[kind], KEYS[1], unpack(words))
    first = first + 1000
end"""
KINDS = ["zset", "hash", "set", "list", "geo"]
BYTES = 500_000_000


def commands(n):
    half = str(n // 2)
    return {
        "SPOP half": ["SPOP", "set", half],
        "ZPOPMIN half": ["ZPOPMIN", "zset", half],
        "ZMPOP half": ["ZMPOP", "1", "zset", "MIN", "COUNT", half],
        "BZMPOP half": ["BZMPOP", "0", "1", "zset", "MAX", "COUNT", half],
        "LPOP half": ["LPOP", "list", half],
        "LPOP all": ["LPOP", "list", str(n)],
        "LMPOP half": ["LMPOP", "1", "list", "LEFT", "COUNT", half],
        "LTRIM half": ["LTRIM", "list", "0", half],
        "LINSERT": ["LINSERT", "list", "BEFORE", f"member:{n - 1}", "x"],
        "LPOS": ["LPOS", "list", "nothing"],
        "LSET": ["LSET", "list", half, "something longer than it was"],
        "LREM nothing": ["LREM", "list", "0", "nothing"],
        "COPY zset": ["COPY", "zset", "new"],
        "COPY hash": ["COPY", "hash", "new"],
        "COPY set": ["COPY", "set", "new"],
        "COPY list": ["COPY", "list", "new"],
        "DUMP zset": ["DUMP", "zset"],
        "DUMP hash": ["DUMP", "hash"],
        "RESTORE zset": ["RESTORE", "new", "0", ("DUMP", "zset")],
        "RESTORE hash": ["RESTORE", "new", "0", ("DUMP", "hash")],
        "SRANDMEMBER n": ["SRANDMEMBER", "set", half],
        "SRANDMEMBER -n": ["SRANDMEMBER", "set", "-" + half],
        "HRANDFIELD n": ["HRANDFIELD", "hash", str(n // 4), "WITHVALUES"],
        "HRANDFIELD -n": ["HRANDFIELD", "hash", "-" + half],
        "ZRANDMEMBER n": ["ZRANDMEMBER", "zset", str(n // 4)],
        "ZRANDMEMBER -n": ["ZRANDMEMBER", "zset", "-" + half],
        "SSCAN": ["SSCAN", "set", "0", "COUNT", str(n)],
        "HSCAN": ["HSCAN", "hash", "0", "COUNT", str(n)],
        "ZSCAN": ["ZSCAN", "zset", "0", "COUNT", str(n)],
        "SCAN": ["SCAN", "0", "COUNT", str(n)],
        "GEOSEARCH": ["GEOSEARCH", "geo", "FROMLONLAT", "0", "0", "BYRADIUS", "9000", "km", "ASC"],
        "GEOSEARCHSTORE": ["GEOSEARCHSTORE", "new", "geo", "FROMLONLAT", "0", "0", "BYRADIUS", "9000", "km"],
        "SETBIT far": ["SETBIT", "new", str(BYTES * 8 - 1), "1"],
        "SETRANGE far": ["SETRANGE", "new", str(BYTES), "x"],
        "BITOP": ["BITOP", "XOR", "new", "bits", "bits"],
        "BITCOUNT": ["BITCOUNT", "bits"],
        "BITPOS": ["BITPOS", "bits", "1"],
        "LCS": ["LCS", "text1", "text2", "LEN"],
        "XRANGE": ["XRANGE", "stream", "-", "+"],
    }


def key_of(words):
    return next((w for w in words if w in KINDS), None)


def fill(c, kind, n):
    for first in range(0, n, 50_000):
        reply = c.call("EVAL", FILL, 1, kind, kind, first, min(first + 50_000, n))
        assert reply == ("$", None) or reply[0] != "-", reply


def run(port, words):
    """A process of its own: the whole reply is read and forgotten."""
    end = b"+PONG\r\n"
    with servers.Connection(("127.0.0.1", port), 600) as c:
        c.send(resp.encode(words) + resp.encode(["PING"]))
        while not c.data.endswith(end):
            del c.data[:-len(end)]
            c.fill(600)


def cpu_ms(server):
    with open(f"/proc/{server.process.pid}/task/{server.process.pid}/schedstat") as f:
        return int(f.read().split()[0]) / 1e6


def held(server, c, words):
    """The most between two PINGs, and seconds in all."""
    worker = multiprocessing.Process(target=run, args=(server.port, words))
    begin, most = time.monotonic(), 0.0
    worker.start()
    while worker.is_alive():
        before = cpu_ms(server)
        assert c.call("PING") == ("+", b"PONG")
        most = max(most, cpu_ms(server) - before)
    return most, time.monotonic() - begin


def prepare(c, name, words, n):
    key = key_of(words)
    if key is not None and c.call("EXISTS", key) == (":", 0):
        fill(c, key, n)
    if "bits" in words and c.call("EXISTS", "bits") == (":", 0):
        c.call("SETBIT", "bits", BYTES * 8 - 1, 1)
    if name == "SCAN":
        c.call("DEBUG", "POPULATE", n)
    if name == "LCS":
        c.call("MSET", "text1", "abcdefgh" * 1400, "text2", "hgfedcba" * 1400)
    if name == "XRANGE":
        c.call("EVAL", "for i = 1, tonumber(ARGV[1]) do redis.call('xadd', KEYS[1], '*', 'f', i) end", 1, "stream", n // 4)
    return [c.call(*w)[1] if isinstance(w, tuple) else w for w in words]


def main():
    program, n = sys.argv[1], int(float(sys.argv[2] if len(sys.argv) > 2 else 2) * 1e6)
    wanted = sys.argv[3:]
    with servers.Server(program, "--enable-debug-command", "yes", "--save", "") as server, server.connect(600) as c:
        for name, words in commands(n).items():
            if wanted and name.split()[0] not in wanted:
                continue
            words = prepare(c, name, words, n)
            time.sleep(0.1)
            most, seconds = held(server, c, words)
            print(f"{name:16} {most:8.2f} ms {seconds:7.2f} s", flush=True)
            key = key_of(words[:2]) or ("zset" if "MPOP" in name and "zset" in words else "list" if "MPOP" in name else None)
            c.call("DEL", "new", *([key] if key and name.split()[0] not in ("DUMP", "COPY", "LPOS") else []))
    return 0


if __name__ == "__main__":
    sys.exit(main())
