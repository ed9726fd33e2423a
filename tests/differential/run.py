"""Sends the same generated commands to redis-server 7.0 and to Sorrel and compares everything (see README.md here).

usage: run.py --server PROGRAM [--seed N] [--count N | --seconds N] [--jobs N] [--protocol 2|3|both] [--only cmd,cmd] [--quick]
       run.py --self     the oracle against itself, to test this program
"""
import argparse
import multiprocessing
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import compare  # noqa: E402
import explained  # noqa: E402
import generate  # noqa: E402
import resp  # noqa: E402
import servers  # noqa: E402

EPISODE = 3000          # commands from one empty store to the next: short enough to shrink, long enough to meet
OPTIONS = ["--enable-debug-command", "yes", "--proto-max-bulk-len", "1mb", "--databases", "16"]
RESET = [[b"FUNCTION", b"FLUSH"], [b"SCRIPT", b"FLUSH"]] + [[b"CONFIG", b"SET", name, value] for name, value in (
    (b"set-max-intset-entries", b"512"), (b"zset-max-listpack-entries", b"128"), (b"hash-max-listpack-value", b"64"))]
CONNECTIONS = 3
FAILURES_MAX = 8


class Broken(Exception):
    """A server closed a connection, died or does not answer."""


class Side:
    """One of the two servers with its connections."""

    def __init__(self, server):
        self.server, self.connections = server, []

    def fresh(self, protocols):
        for c in self.connections:
            c.close()
        self.connections = []
        try:
            control = self.server.connect(30)
            for command in RESET + [[b"FLUSHALL", b"SYNC"]]:
                control.call(*command)
            control.close()
            for p in protocols:
                c = self.server.connect(30)
                if p == 3:
                    c.call(b"HELLO", b"3")
                c.nonce = 0
                self.connections.append(c)
        except (OSError, servers.Closed):
            raise Broken(f"{self.server.args[0]} accepts no connection: it has ended with {self.server.process.poll()}\n" +
                         self.server.log_text()[-3000:])

    def send(self, conn, raw):
        c = self.connections[conn]
        c.nonce += 1
        c.end = b"end-%d\r\n" % c.nonce
        try:
            c.send(raw + resp.encode([b"PING", c.end[:-2]]))
        except OSError as e:
            raise Broken(f"{self.server.args[0]}: {e}: {self.server.process.poll()}")

    def receive(self, conn):
        """Everything up to the reply to the PING that send() has added."""
        c = self.connections[conn]
        try:
            while not c.data.endswith(c.end):
                if not c.fill(10):
                    raise Broken(f"{self.server.args[0]} does not answer; so far {bytes(c.data[-300:])!r}")
        except (servers.Closed, OSError):
            raise Broken(f"{self.server.args[0]} closed the connection (exit code {self.server.process.poll()})\n" +
                         self.server.log_text()[-3000:])
        data = bytes(c.data)
        c.data.clear()
        return data


def parse_what_is_there(data):
    """The replies; where the bytes stop being RESP, what is left of them as one last reply that equals nothing."""
    replies, at = [], 0
    while at < len(data):
        try:
            reply, at = resp.parse(data, at)
        except (resp.ProtocolError, resp.Incomplete, ValueError, IndexError) as e:
            return replies + [("-", f"(not RESP: {e}) ".encode() + data[max(0, at - 40):at + 100])]
        replies.append(reply)
    return replies


class Pair:
    def __init__(self, program):
        self.program = program
        self.sides = []
        self.counts = {}
        self.apart = set()  # keys whose values differ for an explained reason
        self.sides.append(Side(servers.Server(servers.oracle_command(), *OPTIONS)))
        self.sides.append(Side(servers.Server(program, *OPTIONS)))

    def restart_dead(self):
        for i, program in enumerate((servers.oracle_command(), self.program)):
            if not self.sides[i].server.alive() or i == 1:
                self.sides[i].server.stop()
                self.sides[i] = Side(servers.Server(program, *OPTIONS))

    def stop(self):
        for s in self.sides:
            s.server.stop()

    def fresh(self, protocols):
        for s in self.sides:
            s.fresh(protocols)

    def batch(self, conn, commands):
        """None, or the first unexplained difference: (index, command, oracle's reply, Sorrel's reply)."""
        raw = b"".join(map(resp.encode, commands))
        for s in self.sides:
            s.send(conn, raw)
        data = [s.receive(conn) for s in self.sides]
        if data[0] == data[1]:
            return None
        a, b = [parse_what_is_there(d) for d in data]
        found = self.first_difference(commands, a, b)
        for key in self.apart:
            for s in self.sides:
                s.send(conn, resp.encode([b"DEL", key]))
                s.receive(conn)
        self.apart.clear()
        return found

    def first_difference(self, commands, a, b):
        queued, before = None, None
        for i, command in enumerate(commands):
            if i >= len(a) or i >= len(b):
                return i, command, a[i] if i < len(a) else ("-", b"(none)"), b[i] if i < len(b) else ("-", b"(none)")
            x, y = a[i], b[i]
            name = command[0].upper()
            if name == b"MULTI" and x == ("+", b"OK"):
                queued = []
            elif queued is not None and x == ("+", b"QUEUED"):
                queued.append(command)
            elif name in (b"EXEC", b"DISCARD") and queued is not None and x[0] != "-":
                done, queued = queued, None
                if x != y and x[0] == y[0] == "*" and x[1] and y[1] and len(x[1]) == len(y[1]) == len(done):
                    inner = None
                    for c, p, q in zip(done, x[1], y[1]):
                        if p != q and not self.allowed(c, p, q, inner):
                            return i, [b"(in EXEC)"] + c, p, q
                        inner = q
                    continue
            elif name == b"EXEC" and x[0] == "-" and x[1].startswith(b"EXECABORT"):
                queued = None
            if x != y and not self.allowed(command, x, y, before):
                return i, command, x, y
            before = y
        if len(a) != len(b):
            return len(commands) - 1, commands[-1], ("*", a[len(commands):]), ("*", b[len(commands):])
        return None

    def allowed(self, command, x, y, before):
        if compare.same(command, x, y, before):
            return True
        name = explained.explain(command, x, y)
        if name is not None:
            self.counts[name] = self.counts.get(name, 0) + 1
        if name in explained.LEAVES_APART:
            self.apart.add(command[1])
        return name is not None

    # -- the whole dataset ------------------------------------------------------------------------------------------

    READERS = {b"string": [b"GET"], b"list": [b"LRANGE", b"0", b"-1"], b"set": [b"SMEMBERS"], b"hash": [b"HGETALL"],
               b"zset": [b"ZRANGE", b"0", b"-1", b"WITHSCORES"], b"stream": [b"XRANGE", b"-", b"+"]}

    def dataset(self):
        """The first difference between the stores, in the form of batch()."""
        for db in range(4):
            found = self.batch(0, [[b"SELECT", b"%d" % db], *generate.EXPIRED_GO, [b"DBSIZE"], [b"KEYS", b"*"]])
            if found:
                return found
            s = self.sides[0]
            s.send(0, resp.encode([b"KEYS", b"*"]))
            keys = sorted(v for _, v in resp.parse_all(s.receive(0))[0][1])
            if not keys:
                continue
            s.send(0, b"".join(resp.encode([b"TYPE", k]) for k in keys))
            types = [v for _, v in resp.parse_all(s.receive(0))]
            commands = []
            for key, kind in zip(keys, types):
                commands += [[b"TYPE", key], [b"PEXPIRETIME", key], [b"OBJECT", b"ENCODING", key]]
                reader = self.READERS.get(kind)
                if reader:
                    commands.append([reader[0], key, *reader[1:]])
            found = self.batch(0, commands)
            if found:
                return found
        return None


def protocols_of(choice, seed):
    if choice != "both":
        return [int(choice)] * CONNECTIONS
    return [(2, 3, 2), (3, 2, 3)][seed % 2]


def play(pair, batches, protocols):
    """Runs the batches from an empty store; (batch number, difference) or None."""
    pair.fresh(protocols)
    n = 0
    for n, (conn, commands) in enumerate(batches):
        found = pair.batch(conn, commands)
        if found:
            return n, found
    found = pair.dataset()
    return (n, found) if found else None


def signature(found):
    """What makes two failures look like one: the command's name and how the replies differ."""
    _, command, a, b = found
    words = [c for c in command[:3] if c.isalpha() or c.startswith(b"(")]
    show = lambda r: r[1][:30] if r[0] == "-" else r[0]  # noqa: E731
    return words[0].upper() if words else command[0], show(a), show(b)


def shrink(pair, batches, protocols, wanted, seconds=20):
    """Fewer commands that still give a difference of the same kind: halves, quarters … of the flat list, then single
    ones. Commands lose their batches, which only matter between connections."""
    flat = [(conn, [c]) for conn, commands in batches for c in commands]
    deadline = time.monotonic() + seconds

    def fails(sequence):
        joined = []
        for conn, commands in sequence:
            if joined and joined[-1][0] == conn:
                joined[-1][1].extend(commands)
            else:
                joined.append((conn, list(commands)))
        try:
            got = play(pair, joined, protocols)
        except Broken:
            pair.restart_dead()
            return wanted is None
        return got is not None and wanted is not None and signature(got[1])[0] == wanted[0]

    if not fails(flat):
        return None
    size = len(flat) // 2
    while size >= 1 and time.monotonic() < deadline:
        at, smaller = 0, False
        while at < len(flat) and time.monotonic() < deadline:
            rest = flat[:at] + flat[at + size:]
            if rest and fails(rest):
                flat, smaller = rest, True
            else:
                at += size
        if not (smaller and size == 1):
            size //= 2
    return flat


def report(found, small, seed, protocols):
    index, command, a, b = found
    show = lambda c: " ".join(w.decode() if w.isalnum() and w.isascii() else resp.quote(w) for w in c)  # noqa: E731
    lines = [f"difference (seed {seed}): {show(command)[:600]}",
             f"    redis   {resp.show(a, 400)}", f"    sorrel  {resp.show(b, 400)}"]
    if small is None:
        lines.append("    (does not fail again from the start)")
    else:
        lines.append(f"    reproducer, {len(small)} commands:")
        for conn, commands in small[-25:]:
            lines.append(f"      {chr(97 + conn)}{'3' if protocols[conn] == 3 else ''}> {show(commands[0])[:400]}")
    return "\n".join(lines)


def known_commands(pair, docs):
    """Names that both servers know; Sorrel may be younger than the oracle's list."""
    names = sorted(docs)
    with pair.sides[1].server.connect() as c:
        kind, listed = c.call(b"COMMAND", b"LIST")
        if kind in "*~":
            have = {v.decode("latin-1").lower() for _, v in listed}
            return {n for n in names if n in have}, [n for n in names if n not in have]
        # COMMAND is not there yet: ask with no arguments.
        known = set()
        for n in names:
            if n in ("shutdown", "quit", "monitor", "sync", "psync", "reset", "subscribe", "failover"):
                continue
            kind, text = c.call(n.encode())
            if not (kind == "-" and b"unknown command" in text):
                known.add(n)
        return known, [n for n in names if n not in known]


def load_docs(pair):
    with pair.sides[0].server.connect() as c:
        c.call(b"HELLO", b"3")
        return generate.to_python(c.call(b"COMMAND", b"DOCS"))


def worker(args, job, results):
    """Plays episodes; job numbers interleave, so the set of episodes does not depend on how many workers there are."""
    pair, done, failures = None, 0, 0
    seen = set()
    start = time.monotonic()
    try:
        pair = Pair(args.program)
        docs = load_docs(pair)
        known, missing = known_commands(pair, docs)
        if job == 0:
            results.put(("missing", [n for n in missing if n not in generate.LEFT_OUT or n in generate.MACRO_COMMANDS]))
        number = args.first + job
        while (done * args.jobs < args.count if args.seconds is None else time.monotonic() - start < args.seconds):
            seed = args.seed * 1000003 + number
            number += args.jobs
            protocols = protocols_of(args.protocol, seed)
            generator = generate.Generator(docs, seed, args.only, known)
            batches = []

            def keep():
                for b in generator.batches(args.episode):
                    batches.append(b)
                    yield b

            try:
                got = play(pair, keep(), protocols)
            except Broken as e:
                got = None
                failures += 1
                pair.restart_dead()
                small = shrink(pair, batches, protocols, None) if "crash" not in seen else None
                seen.add("crash")
                results.put(("failure", report((0, [b"(connection lost)"], ("-", str(e).encode()), ("-", b"")), small, seed,
                                               protocols)))
            done += sum(len(c) for _, c in batches)
            if got is not None:
                failures += 1
                sig = signature(got[1])
                if sig not in seen:
                    seen.add(sig)
                    small = shrink(pair, batches[:got[0] + 1], protocols, sig)
                    results.put(("failure", report(got[1], small, seed, protocols)))
                if len(seen) >= args.failures or failures >= 20 * args.failures:
                    break
        results.put(("done", done, failures, pair.counts))
    except Exception as e:  # a fault of this program must not look like a pass
        import traceback
        results.put(("failure", f"the tester itself failed: {e}\n{traceback.format_exc()}"))
        results.put(("done", done, failures + 1, {}))
    finally:
        if pair is not None:
            pair.stop()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--server")
    ap.add_argument("--self", action="store_true")
    ap.add_argument("--seed", type=int)
    ap.add_argument("--count", type=int, default=100000)
    ap.add_argument("--first", type=int, default=0, help="the number of the first episode, to play a long seed in pieces")
    ap.add_argument("--seconds", type=float)
    ap.add_argument("--jobs", type=int, default=1)
    ap.add_argument("--protocol", choices=["2", "3", "both"], default="both")
    ap.add_argument("--only", type=lambda s: set(s.lower().split(",")))
    ap.add_argument("--episode", type=int, default=EPISODE)
    ap.add_argument("--failures", type=int, default=FAILURES_MAX, help="stop after this many")
    ap.add_argument("--quick", action="store_true", help="the deterministic part of make test")
    args = ap.parse_args()
    if not args.server and not args.self:
        ap.error("--server or --self")
    args.program = servers.oracle_command() if args.self else args.server
    if args.quick:
        args.seed, args.count = 1, 60000
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(1, 1 << 30)
    results = multiprocessing.Queue()
    start = time.monotonic()
    workers = [multiprocessing.Process(target=worker, args=(args, j, results)) for j in range(args.jobs)]
    for w in workers:
        w.start()
    total = failures = ended = 0
    counts, missing = {}, []
    while ended < len(workers):
        what, *rest = results.get()
        if what == "failure":
            print(rest[0], flush=True)
        elif what == "missing":
            missing = rest[0]
        else:
            ended += 1
            total += rest[0]
            failures += rest[1]
            for k, v in rest[2].items():
                counts[k] = counts.get(k, 0) + v
    for w in workers:
        w.join()
    elapsed = time.monotonic() - start
    for name, reason, _ in explained.EXPLAINED:
        if counts.get(name):
            print(f"explained {counts[name]:6} times: {name}: {reason}")
    if missing:
        print("not compared, Sorrel does not know them yet: " + " ".join(missing))
    print(f"seed {args.seed}: {total} commands in {elapsed:.1f} s ({total / elapsed:.0f}/s), {failures} unexplained differences")
    # For the sum of `make test` an episode that agrees is a test that passes.
    print(f"{max(1, total // args.episode - failures) if not failures else total // args.episode} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
