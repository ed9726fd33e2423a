"""Servers killed at random moments under load: kills.py SORREL-SERVER [ROUNDS [SEED]]

SIGKILL while commands come in, and while a snapshot, a rewrite of the log, or its change of files is under way; with
appendfsync always and everysec, while appendonly is switched on and off, and without a log. What the killed server left
tells in what it was caught. Prints a line for each, and ends with 1 when something acknowledged was lost or came twice.
With fewer than 200 rounds of each it is a taste only; test_aof.py has one."""
import collections
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

import redis

from aof import Server

PAD = 30000  # keys, so that snapshots and rewrites take a while
PHASES = ("load", "BGSAVE", "rewrite", "switch of files")


class Writer(threading.Thread):
    """Counts up under keys of its own and remembers what has been acknowledged."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port, self.number, self.sent, self.acked = port, number, 0, 0

    def run(self):
        try:
            c = redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=20)
            base = int(c.get(f"n{self.number}") or 0)
            self.sent = self.acked = base
            while True:
                self.sent += 1
                if self.sent % 3 == 0:
                    p = c.pipeline(transaction=True)
                    p.incr(f"n{self.number}").rpush(f"l{self.number}", self.sent)
                    n = p.execute()[0]
                else:
                    n = c.eval("redis.call('rpush', KEYS[2], ARGV[1]); return redis.call('incr', KEYS[1])", 2,
                               f"n{self.number}", f"l{self.number}", self.sent)
                assert n == self.sent
                self.acked = self.sent
        except redis.exceptions.RedisError:
            pass


def log_folder(folder):
    return os.path.join(folder, "appendonlydir")


def files_of(folder):
    """Their numbers as well: a name may come back, if it was not in the manifest yet when its server was killed."""
    with os.scandir(log_folder(folder)) as names:
        return {(n.name, n.inode()) for n in names}


def sweep(folder):
    """Removes unfinished files, so that those of the next kill are told from them."""
    for where in (folder, log_folder(folder)):
        for name in os.listdir(where):
            if name.startswith("temp-"):
                os.unlink(os.path.join(where, name))


def caught_in(folder, before):
    """What a server was doing when it was killed, by the files it left that were not there before."""
    names = [name for name, _ in files_of(folder) - before]
    with open(os.path.join(log_folder(folder), "appendonly.aof.manifest")) as f:
        manifest = f.read()
    if any(n.startswith("temp-rewriteaof") for n in names):
        return "rewrite"
    if " type h" in manifest or any(n not in manifest for n in names if ".manifest" not in n) or \
            any(n.endswith(".manifest") and n != "appendonly.aof.manifest" for n in names):
        return "switch of files"
    if any(n.startswith("temp-") for n in os.listdir(folder)):
        return "BGSAVE"
    return "load"


def provoke(s, folder, phase, rng):
    """Brings the server into that phase, and waits for a random moment of it."""
    if phase == "load":
        time.sleep(rng.random() * 0.05)
        return
    before = files_of(folder)
    try:
        s.client.execute_command("BGSAVE" if phase == "BGSAVE" else "BGREWRITEAOF")
    except redis.exceptions.ResponseError:
        pass  # one is being made
    if phase != "switch of files":
        time.sleep(rng.random() * 0.03)
        return
    until = time.monotonic() + 20
    while not any(".base." in name for name, _ in files_of(folder) - before):
        assert time.monotonic() < until, "the rewrite does not end: " + s.log_tail()
    time.sleep(rng.choice((0, rng.random() * 0.003)))


def check_writer(s, w, before, policy, label):
    """Returns how many acknowledged writes are missing."""
    have = int(s.client.get(f"n{w.number}") or 0)
    assert have <= max(w.sent, before), f"{label}: {have} of {w.sent}: something came twice"
    assert s.client.llen(f"l{w.number}") == have, f"{label}: a transaction is there in part"
    assert not have or int(s.client.lindex(f"l{w.number}", -1)) == have, label
    return max(0, w.acked - have)


def kill_rounds(program, folder, rounds, policy="always", seed=1):
    """Returns (acknowledged, lost, how many kills caught the server in what)."""
    rng = random.Random(seed)
    total, lost, caught = 0, 0, collections.Counter()
    options = ["--appendonly", "yes", "--appendfsync", policy, "--auto-aof-rewrite-percentage", "0"]
    for n in range(rounds):
        s = Server(program, folder, *options)
        if n == 0:
            s.client.mset({f"pad{i}": "x" * 100 for i in range(PAD)})
        writers = [Writer(s.port, k) for k in range(4)]
        before = [int(s.client.get(f"n{k}") or 0) for k in range(4)]
        for w in writers:
            w.start()
        time.sleep(rng.random() * 0.1)
        files = files_of(folder)
        provoke(s, folder, PHASES[n % len(PHASES)], rng)
        s.stop(signal.SIGKILL)
        for w in writers:
            w.join(20)
        caught[caught_in(folder, files)] += 1
        sweep(folder)
        s = Server(program, folder, *options)
        assert s.client.dbsize() >= PAD
        for w in writers:
            total += max(0, w.acked - before[w.number])
            lost += check_writer(s, w, before[w.number], policy, f"round {n}")
        s.stop(rng.choice([signal.SIGKILL, signal.SIGTERM]))
    return total, lost, caught


class Pairs(threading.Thread):
    """Counts under two keys of one client, a before b: at any moment a is b, or one more."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port, self.number, self.done = port, number, 0

    def run(self):
        try:
            c = redis.Redis(port=self.port, socket_timeout=20)
            while True:
                c.incr(f"a{self.number}")
                c.rpush(f"b{self.number}", c.llen(f"b{self.number}") + 1)
                self.done += 1
        except redis.exceptions.RedisError:
            pass


def switch_rounds(program, folder, rounds, seed=1):
    """Killed while appendonly is switched on and off: what was acknowledged while the log was on and complete is there."""
    rng = random.Random(seed)
    for n in range(rounds):
        shutil.rmtree(os.path.join(folder, "appendonlydir"), ignore_errors=True)
        s = Server(program, folder, "--appendfsync", "always")
        pad = {f"pad{i}": "x" * 100 for i in range(2000)}
        s.client.mset(pad)
        for _ in range(rng.randrange(1, 4)):
            s.client.config_set("appendonly", "yes")
            s.wait_rewrite()
            s.client.config_set("appendonly", "no")
        s.client.incr("unlogged")
        s.client.config_set("appendonly", "yes")
        time.sleep(rng.random() * 0.004)
        i = s.client.info("persistence")
        complete = not i["aof_rewrite_in_progress"] and not i["aof_rewrite_scheduled"]
        w = Writer(s.port, 0)
        w.start()
        time.sleep(rng.random() * 0.02)
        if rng.random() < 0.5:
            s.wait_rewrite()
            complete = True
            before = w.acked
        else:
            before = 0
        s.stop(signal.SIGKILL)
        w.join(20)
        s = Server(program, folder, "--appendonly", "yes", "--appendfsync", "always")
        have = int(s.client.get("n0") or 0)
        if complete:
            assert s.client.dbsize() >= len(pad) + 1, f"round {n}: the base is not all there"
            assert before <= have <= w.sent, (n, before, have, w.sent)
        assert s.client.llen("l0") == have, f"round {n}: a transaction is there in part"
        s.stop(signal.SIGKILL)
    return rounds


def snapshot_rounds(program, folder, rounds, seed=1):
    """Killed at random while BGSAVE follows BGSAVE: what is there is exactly one moment. Returns how many had a snapshot."""
    rng = random.Random(seed)
    loaded = 0
    for n in range(rounds):
        s = Server(program, folder)
        base = [int(s.client.get(f"a{k}") or 0) for k in range(4)]
        pairs = [Pairs(s.port, k) for k in range(4)]
        for p in pairs:
            p.start()
        until = time.monotonic() + 20
        while any(p.done < 5 for p in pairs) and time.monotonic() < until:
            time.sleep(0.002)
        for _ in range(rng.randrange(1, 4)):
            try:
                s.client.bgsave()
            except redis.exceptions.ResponseError:
                pass
            time.sleep(rng.random() * 0.05)
        while n % 2 == 0 and s.client.info("persistence")["rdb_bgsave_in_progress"] and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.01)
        s.stop(signal.SIGKILL)
        for p in pairs:
            p.join(20)
        s = Server(program, folder)
        loaded += s.client.dbsize() > 0
        for p in pairs:
            a, b = int(s.client.get(f"a{p.number}") or 0), s.client.llen(f"b{p.number}")
            assert a - b in (0, 1), f"round {n}: {a} and {b} are of two moments"
            assert s.client.lrange(f"b{p.number}", 0, -1) == [b"%d" % i for i in range(1, b + 1)]
            assert a <= base[p.number] + p.done + 1
            if b < a:
                s.client.rpush(f"b{p.number}", a)
        s.client.save()
        s.stop(signal.SIGKILL)
    return loaded


def campaign(program, folder, rounds, seed):
    def in_folder(name):
        path = os.path.join(folder, name)
        os.mkdir(path)
        return path

    bad = 0
    for policy in ("always", "everysec"):
        total, lost, caught = kill_rounds(program, in_folder(policy), rounds, policy, seed)
        bad += lost  # a process that dies leaves what it has written to the kernel, so everysec loses nothing here either
        print(f"appendfsync {policy}: {rounds} kills ({', '.join(f'{caught[p]} in {p}' for p in PHASES)}), "
              f"{total} acknowledged writes, {lost} lost", flush=True)
        assert rounds < 100 or min(caught[p] for p in PHASES) >= rounds // 20, caught
    print(f"{switch_rounds(program, in_folder('switch'), rounds, seed)} kills while appendonly is switched: nothing lost", flush=True)
    loaded = snapshot_rounds(program, in_folder("save"), rounds, seed)
    print(f"without a log: {rounds} kills, {loaded} of them left a snapshot, each of exactly one moment", flush=True)
    return bad


if __name__ == "__main__":
    began, where = time.monotonic(), tempfile.mkdtemp(prefix="sorrel-kills-")
    numbers = [int(n) for n in sys.argv[2:]] + [200, 1][len(sys.argv) - 2:]
    missing = campaign(sys.argv[1], where, *numbers)
    shutil.rmtree(where)
    print(f"{missing} acknowledged writes lost in all, {time.monotonic() - began:.0f} s")
    sys.exit(missing > 0)
