"""What a snapshot costs those who are being served: SETs at full speed, quiet and while BGSAVE runs, beside redis-server.

5 M keys of 64 random bytes; 20 connections with 64 SETs each on their way, every key overwritten in random order. The
server has one core (its threads and children included), this program another. Printed for each server, as medians:

  throughput   during the save, over what it was before
  by CPU       the same from processor time for each SET, which other programs on the machine do not disturb
  memory       what the process (and its child) grew by during the save, over what it was before
  turn         the longest turn of the server's loop during the save, as it measures itself; redis-server: its fork()
  stolen       what the host took from this machine's processors during the save, all together
  round trip   the longest that 64 SETs took, quiet and during the save

Where it may, the program puts itself and its servers before everything else that runs on the machine (the session's
autogroup gets nice -20), so that what the clock says is not about other programs. Among a server's own threads that changes
nothing.

usage: snapshot.py [--keys N] [--rounds N] [--aof] [--free] [--server PROGRAM] [--other PROGRAM|none]
       --aof: BGREWRITEAOF with appendonly on instead; --free: servers are not bound to one core
"""
import argparse
import os
import random
import select
import socket
import statistics
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PIPELINE, CONNECTIONS, REPLY = 64, 20, 5


def pool(keys):
    """All SETs, in random order, cut into what is sent at once."""
    rnd = random.Random(1)
    order = list(range(keys))
    rnd.shuffle(order)
    values = [rnd.randbytes(32).hex().encode() for _ in range(4096)]
    chunks = []
    for at in range(0, keys - PIPELINE + 1, PIPELINE):
        chunks.append(b"".join(b"*3\r\n$3\r\nSET\r\n$11\r\nkey:%07d\r\n$64\r\n%s\r\n" % (n, values[rnd.randrange(4096)])
                               for n in order[at:at + PIPELINE]))
    return chunks


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return f.read().split()


def cpu_seconds(pid):
    """Of the process, its threads, and its children, running or not."""
    total = 0
    for p in [str(pid), *children(pid)]:
        try:
            with open(f"/proc/{p}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(x) for x in fields[11:15 if p == str(pid) else 13])
    return total / TICK


def resident(pid):
    """What the process occupies, pages shared with a child counted once."""
    with open(f"/proc/{pid}/statm") as f:
        total = int(f.read().split()[1]) * PAGE
    for child in children(pid):
        try:
            with open(f"/proc/{child}/smaps_rollup") as f:
                total += sum(int(line.split()[1]) * 1024 for line in f if line.startswith("Private_"))
        except OSError:
            pass
    return total


def stolen_seconds():
    """What the host has taken from the guest's processors so far (proc(5)): it counts as processor time of whoever ran, and of
    whoever waited for a lock of his."""
    with open("/proc/stat") as f:
        return int(f.readline().split()[8]) / TICK


class Load:
    def __init__(self, server, chunks):
        self.server, self.chunks, self.at = server, chunks, 0
        self.poll = select.epoll()
        self.conns = {}
        for _ in range(CONNECTIONS):
            s = socket.create_connection(("127.0.0.1", server.port))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.conns[s.fileno()] = [s, 0, 0.0]
            self.poll.register(s, select.EPOLLIN)
        self.peak = 0

    def send(self, c):
        c[1], c[2] = PIPELINE * REPLY, time.monotonic()
        c[0].sendall(self.chunks[self.at])
        self.at = (self.at + 1) % len(self.chunks)

    def run(self, until, every=0.02):
        """SETs until `until` is true, asked every so many seconds: how many, seconds, CPU seconds, longest round trip."""
        pid, done, worst = self.server.process.pid, 0, 0.0
        cpu, began = cpu_seconds(pid), time.monotonic()
        look = began + every
        for c in self.conns.values():
            self.send(c)
        going, left = True, len(self.conns)
        while left:
            for fd, _ in self.poll.poll(1):
                c = self.conns[fd]
                c[1] -= len(c[0].recv(65536))
                if c[1] > 0:
                    continue
                done += PIPELINE
                now = time.monotonic()
                worst = max(worst, now - c[2])
                if going:
                    self.send(c)
                else:
                    left -= 1
                if now >= look:
                    look = now + every
                    self.peak = max(self.peak, resident(pid))
                    going = going and not until(now - began)
        return done, time.monotonic() - began, cpu_seconds(pid) - cpu, worst

    def close(self):
        for c in self.conns.values():
            c[0].close()


def info(client):
    text = client.call("INFO", "persistence", "stats")[-1].decode()
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


def round_of(server, client, chunks, aof):
    pid, command = server.process.pid, "BGREWRITEAOF" if aof else "BGSAVE"
    busy = "aof_rewrite_in_progress" if aof else "rdb_bgsave_in_progress"
    load = Load(server, chunks)
    load.run(lambda t: t > 0.5)
    quiet = load.run(lambda t: t > 3)
    before = load.peak = resident(pid)
    assert client.call(command)[0] == "+"
    time.sleep(0.02)
    stolen = stolen_seconds()
    save = load.run(lambda t: info(client)[busy] == "0", 0.1)
    stolen = stolen_seconds() - stolen
    load.close()
    i = info(client)
    turn = float(i["snapshot_longest_turn_usec"]) if "snapshot_longest_turn_usec" in i else float(i["latest_fork_usec"])
    turn_cpu = float(i.get("snapshot_longest_turn_cpu_usec", turn))
    return {"quiet k/s": quiet[0] / quiet[1] / 1e3, "save k/s": save[0] / save[1] / 1e3, "save s": save[1],
            "throughput": save[0] / save[1] / (quiet[0] / quiet[1]),
            "by CPU": quiet[2] / quiet[0] / (save[2] / save[0]),
            "memory %": 100 * (load.peak - before) / before, "turn ms": turn / 1e3, "turn CPU ms": turn_cpu / 1e3, "stolen ms": stolen * 1e3,
            "round trip quiet ms": quiet[3] * 1e3, "round trip save ms": save[3] * 1e3}


def go_first():
    try:
        os.setsid()
        with open("/proc/self/autogroup", "w") as f:
            f.write("-20")
    except OSError as e:
        print("other programs may be in the way:", e, file=sys.stderr)


def measure(program, args, chunks):
    options = ["--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"] if args.aof else []
    os.sched_setaffinity(0, range(os.cpu_count()) if args.free else {0})
    server = servers.Server(program, *options)
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    client = servers.Connection(("127.0.0.1", server.port))
    fill = Load(server, chunks)
    fill.run(lambda t: fill.at + CONNECTIONS >= len(chunks), 0.001)
    fill.close()
    try:
        rounds = [round_of(server, client, chunks, args.aof) for _ in range(args.rounds)]
    finally:
        client.close()
        server.stop()
    return {k: statistics.median(r[k] for r in rounds) for k in rounds[0]}, max(r["turn ms"] for r in rounds)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--keys", type=int, default=5000000)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--aof", action="store_true")
    ap.add_argument("--free", action="store_true")
    ap.add_argument("--server", default=os.path.join(ROOT, "build", "bin", "sorrel-server"))
    ap.add_argument("--other", default=servers.oracle_command())
    args = ap.parse_args()
    go_first()
    chunks = pool(args.keys)
    for name, program in (("sorrel", args.server), ("redis", args.other)):
        if program == "none":
            continue
        got, worst = measure(program, args, chunks)
        print(name, "  ".join(f"{k} {v:.2f}" for k, v in got.items()), f" worst turn ms {worst:.2f}", flush=True)


if __name__ == "__main__":
    main()
