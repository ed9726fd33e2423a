"""A replica joins a primary of 1 GB that is written to as fast as it can take it: what that costs the writers, and how long it takes.

usage: replica_join.py [MB] [program...]     prints a line for each program (ours and redis-server)
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402
from replication import follow, info, link_up, wait_until  # noqa: E402

BIN = os.environ.get("SORREL_BIN", os.path.join(ROOT, "build", "bin"))
OPTIONS = ["--enable-debug-command", "yes", "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0",
           "--client-output-buffer-limit", "replica 2gb 2gb 60"]


def cpu_s(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def calls(server):
    return int(info(server, "stats")["total_commands_processed"])


def rate(server, until):
    """(commands a second, microseconds of CPU each, seconds) until it is so."""
    began, n, used = time.monotonic(), calls(server), cpu_s(server)
    until()
    seconds, done = time.monotonic() - began, calls(server) - n
    return done / seconds, (cpu_s(server) - used) / max(done, 1) * 1e6, seconds


def measure(program, megabytes, folder):
    with servers.Server(program, *OPTIONS, "--dir", folder) as p, servers.Server(program, *OPTIONS) as r:
        with p.connect(120) as c:
            c.call("DEBUG", "POPULATE", megabytes * 1000, "key", "1000")
        load = subprocess.Popen(["redis-benchmark", "-p", str(p.port), "-t", "set", "-P", "16", "-d", "64", "-r", "100000", "-n",
                                 "1000000000", "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            alone = rate(p, lambda: time.sleep(3))
            follow(r, "127.0.0.1", p.port)
            joining = rate(p, lambda: wait_until(lambda: link_up(r), 120, "the link"))
            linked = rate(p, lambda: time.sleep(3))
        finally:
            load.kill()
            load.wait()
        stats = info(p, "stats")
        print(f"{os.path.basename(program)}: {megabytes} MB, SETs a second alone {alone[0]:,.0f} ({alone[1]:.2f} us of CPU each), while it "
              f"joins {joining[0]:,.0f} ({joining[1]:.2f} us) for {joining[2]:.1f} s, linked {linked[0]:,.0f} ({linked[1]:.2f} us); "
              f"full syncs {stats['sync_full']}", flush=True)


def main():
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    programs = sys.argv[2:] or [os.path.join(BIN, "sorrel-server"), servers.oracle_command()]
    for program in programs:
        folder = tempfile.mkdtemp(prefix="sorrel-join-")
        try:
            measure(program, megabytes, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
