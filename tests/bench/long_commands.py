"""What others wait while one client runs KEYS * over millions of keys: times of SET, alone and beside it.

    /usr/bin/python3 tests/bench/long_commands.py build/bin/sorrel-server [millions of keys, 10] [COMMAND ...]

Another command may be given in KEYS' place (FLUSHALL SYNC, DELMATCH *). 99 of 100 SETs are to take less than 5 ms. On a busy machine
the times alone say how much of it is the machine's; the last column, time the server itself waited for a processor, too.
"""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import resp  # noqa: E402
import servers  # noqa: E402

MARK_MS = 5


def p99(times):
    return sorted(times)[len(times) * 99 // 100] * 1000


def sets(server, until):
    """How long each of many SETs took, until something has happened."""
    times = []
    with server.connect(600) as c:
        while not until():
            begin = time.perf_counter()
            assert c.call("SET", "mine", "x") == ("+", b"OK")
            times.append(time.perf_counter() - begin)
            time.sleep(0.0005)
    return times


def waited(server):
    with open(f"/proc/{server.process.pid}/schedstat") as f:
        return int(f.read().split()[1]) / 1e9


def read_all(port, words):
    """A process of its own: reads the whole reply and prints its size. The end is known by the answer to a PING."""
    end = b"+PONG\r\n"
    with servers.Connection(("127.0.0.1", port), 600) as c:
        c.send(resp.encode(words) + resp.encode(["PING"]))
        got = -len(end)
        while not c.data.endswith(end):
            # What was read is only counted: taking ten million strings apart would take longer than sending them.
            del c.data[:-len(end)]
            got -= len(c.data)
            c.fill(600)
            got += len(c.data)
    print(got)


def main():
    if sys.argv[1] == "--read":
        return read_all(int(sys.argv[2]), sys.argv[3:])
    program = sys.argv[1]
    millions = float(sys.argv[2]) if len(sys.argv) > 2 else 10
    words = sys.argv[3:] or ["KEYS", "*"]
    with servers.Server(program, "--enable-debug-command", "yes") as server:
        with server.connect(600) as c:
            assert c.call("DEBUG", "POPULATE", str(int(millions * 1e6))) == ("+", b"OK")
        end = time.monotonic() + 3
        alone = sets(server, lambda: time.monotonic() > end)
        before, begin = waited(server), time.monotonic()
        reader = subprocess.Popen([sys.executable, __file__, "--read", str(server.port), *words], stdout=subprocess.PIPE)
        beside = sets(server, lambda: reader.poll() is not None)
        seconds, size = time.monotonic() - begin, int(reader.communicate()[0])
        print(f"{' '.join(words)} over {millions:g} M keys: {seconds:.1f} s, {size / 1e6:.1f} MB of reply")
        print(f"SET alone: p99 {p99(alone):.2f} ms, longest {max(alone) * 1000:.1f} ms, {len(alone)} of them")
        print(f"SET beside it: p99 {p99(beside):.2f} ms, longest {max(beside) * 1000:.1f} ms, {len(beside)} of them; "
              f"the server waited {waited(server) - before:.2f} s for a processor")
        return 0 if p99(beside) < MARK_MS else 1


if __name__ == "__main__":
    sys.exit(main())
