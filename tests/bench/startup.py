"""How long a start with a dataset takes, beside redis-server: processor time and wall clock until the first PONG.

--keys keys of 64 random bytes are written once, by Sorrel; both servers load the same RDB file, then the same
append-only file of SETs (without a snapshot in front). Loads alternate; medians count. On a machine where others work only
processor time says something.

usage: startup.py [--keys N] [--rounds N] [--server PROGRAM] [--other PROGRAM|none]
"""
import argparse
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def write_log(path, keys):
    rnd = random.Random(1)
    values = [rnd.randbytes(32).hex().encode() for _ in range(4096)]
    with open(path, "wb") as f:
        f.write(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n")
        for at in range(0, keys, 10000):
            f.write(b"".join(b"*3\r\n$3\r\nSET\r\n$11\r\nkey:%07d\r\n$64\r\n%s\r\n" % (n, values[rnd.randrange(4096)])
                             for n in range(at, min(at + 10000, keys))))


def load(program, folder, appendonly):
    """(seconds of processor, seconds, keys)"""
    port = servers.free_port()
    began = time.monotonic()
    with open(os.path.join(folder, "log"), "wb") as log:
        p = subprocess.Popen([program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
                              "--appendonly", "yes" if appendonly else "no"], stdout=log, stderr=log)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as s:
                s.sendall(b"PING\r\n")
                if s.recv(100).startswith(b"+PONG"):
                    break
        except OSError:
            pass
        assert p.poll() is None, open(os.path.join(folder, "log")).read()
        time.sleep(0.01)
    took = time.monotonic() - began
    with open(f"/proc/{p.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(b"DBSIZE\r\n")
        keys = int(s.recv(100)[1:])
    p.send_signal(signal.SIGKILL)
    p.wait()
    return (int(fields[11]) + int(fields[12])) / TICK, took, keys


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--keys", type=int, default=5000000)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--server", default=os.path.join(ROOT, "build", "bin", "sorrel-server"))
    ap.add_argument("--other", default=servers.oracle_command())
    args = ap.parse_args()
    folder = tempfile.mkdtemp(prefix="sorrel-startup-")
    os.mkdir(os.path.join(folder, "appendonlydir"))
    write_log(os.path.join(folder, "appendonlydir", "appendonly.aof.1.incr.aof"), args.keys)
    with open(os.path.join(folder, "appendonlydir", "appendonly.aof.manifest"), "w") as f:
        f.write("file appendonly.aof.1.incr.aof seq 1 type i\n")
    port = servers.free_port()
    with open(os.path.join(folder, "log"), "wb") as log:
        p = subprocess.Popen([args.server, "--port", str(port), "--dir", folder, "--save", "60 100000000",
                              "--appendonly", "yes"], stdout=log, stderr=log)
    while b"Ready to accept" not in open(os.path.join(folder, "log"), "rb").read() or not answers(port):
        time.sleep(0.05)
    p.send_signal(signal.SIGTERM)
    p.wait()
    programs = [("sorrel", args.server)] + ([] if args.other == "none" else [("redis", args.other)])
    try:
        for appendonly in (False, True):
            got = {name: [] for name, _ in programs}
            for _ in range(args.rounds):
                for name, program in programs:
                    cpu, took, keys = load(program, folder, appendonly)
                    assert keys == args.keys, (name, keys)
                    got[name].append((cpu, took))
            med = {n: [statistics.median(x[i] for x in v) for i in (0, 1)] for n, v in got.items()}
            print("AOF" if appendonly else "RDB", "  ".join(f"{n} {v[0]:.2f} s CPU, {v[1]:.2f} s" for n, v in med.items()),
                  *([f" ratio by CPU {med['redis'][0] / med['sorrel'][0]:.2f}, by clock "
                     f"{med['redis'][1] / med['sorrel'][1]:.2f}"] if len(med) > 1 else []), flush=True)
    finally:
        shutil.rmtree(folder)


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as s:
            s.sendall(b"PING\r\n")
            return s.recv(100).startswith(b"+PONG")
    except OSError:
        return False


if __name__ == "__main__":
    main()
