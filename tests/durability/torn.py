"""A torn log, cut at each of the last bytes: Sorrel loads or repairs it as redis-server does.

torn.py SORREL-SERVER [EVERY [FIRST]]: cuts logs that either server wrote at every EVERYth of their last 4096 bytes, from the
FIRST on, has both load them, and compares the datasets; and redis-server must load what Sorrel's repair left, and Sorrel
must go on from there."""
import concurrent.futures
import os
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import aof  # noqa: E402
import servers  # noqa: E402

TAIL = 4096
LOADERS = 2
OPTIONS = ["--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"]


def write_log(program, folder):
    """A base, and behind it an increment of commands of every kind. Returns the folder of the log."""
    s = aof.Server(program, folder, *OPTIONS)
    aof.fill(s.client, "base")
    s.client.execute_command("BGREWRITEAOF")
    s.wait_rewrite()
    for i in range(12):
        p = s.client.pipeline(transaction=True)
        p.incr("counter").rpush("long", f"element {i}", b"\r\n*1\r\n#SUM:" + bytes(range(256))[i * 20:]).select(i % 3)
        p.set(f"k{i}", os.urandom(20 * i)).execute()
        s.client.sadd("s", *range(i + 1))
        s.client.set("expires", i, ex=100000)
        s.client.eval("redis.call('incr', 'a') redis.call('zadd', 'z', ARGV[1], ARGV[1])", 0, i)
    s.stop()
    return os.path.join(folder, "appendonlydir")


def last_of(log):
    names = sorted(n for n in os.listdir(log) if ".incr." in n)
    return os.path.join(log, names[-1])


def copy(log, folder, length):
    """Puts the log there, cut to that length."""
    to = os.path.join(folder, "appendonlydir")
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(log, to)
    if length is not None:
        os.truncate(last_of(to), length)
    return to


def look(s):
    return s.digest(), s.client.get("counter"), s.client.dbsize()


def load(program, log, folder, length=None):
    """(what is there after a start with the log cut to that length, or None if it is refused; the folder of what is left)"""
    os.makedirs(folder, exist_ok=True)
    left = copy(log, folder, length)
    try:
        s = aof.Server(program, folder, *OPTIONS)
    except AssertionError:
        return None, None
    seen = look(s)
    s.client.set("more", "later")
    s.stop(signal.SIGKILL)
    return seen, left


class Reader:
    """One redis-server that loads many whole logs of the same files, one after another."""

    def __init__(self, program, log, folder):
        self.folder = folder
        os.makedirs(folder)
        copy(log, folder, None)
        self.s = aof.Server(program, folder, "--appendonly", "no")

    def load(self, log):
        copy(log, self.folder, None)
        self.s.client.execute_command("DEBUG", "LOADAOF")  # it exits when anything had to be cut off
        return look(self.s)


def compare(program, other, reader, log, length, folder):
    want, _ = load(other, log, os.path.join(folder, "redis"), length)
    got, left = load(program, log, os.path.join(folder, "sorrel"), length)
    assert got == want, f"cut to {length}: redis-server has {want}, Sorrel has {got}"
    if got is None:
        return None
    for again in (reader.load(left), load(program, left, os.path.join(folder, "again"))[0]):
        assert again and again[1] == got[1] and again[2] == got[2] + 1, f"cut to {length}: {again} of what was repaired"
    return got[0]


def cuts(program, other, every, first=0):
    """Returns how many cuts there were."""
    folder, n = tempfile.mkdtemp(prefix="sorrel-torn-"), 0

    def some(log, lengths, number):
        mine = os.path.join(folder, f"loader{number}")
        reader = Reader(other, log, os.path.join(mine, "reader"))
        try:
            return [compare(program, other, reader, log, length, mine) for length in lengths]
        finally:
            reader.s.stop(signal.SIGKILL)
            shutil.rmtree(mine)

    try:
        for writer in (program, other):
            source = os.path.join(folder, os.path.basename(writer))
            os.mkdir(source)
            log = write_log(writer, source)
            size = os.path.getsize(last_of(log))
            assert size > TAIL
            lengths = range(size - TAIL + first, size + 1, every)
            with concurrent.futures.ThreadPoolExecutor(LOADERS) as pool:
                parts = pool.map(some, [log] * LOADERS, [lengths[i::LOADERS] for i in range(LOADERS)], range(LOADERS))
                states = {state for part in parts for state in part}
            n += len(lengths)
            assert len(states) > min(10, len(lengths) // 2)
    finally:
        shutil.rmtree(folder)
    return n


if __name__ == "__main__":
    began = time.monotonic()
    done = cuts(sys.argv[1], servers.oracle_command(), *[int(n) for n in sys.argv[2:4] or ["1"]])
    print(f"{done} cuts loaded alike, {time.monotonic() - began:.0f} s")
