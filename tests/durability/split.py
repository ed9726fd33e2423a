#!/usr/bin/python3
"""What is lost of writes to a primary that the others give up while clients stay with it.

    split.py [--rounds 10] [--how cut|silence|freeze] [--wait] [--confirmed] [--down-after 1000] [--lease 600] [--server PROGRAM]

Three servers behind a proxy each, watched by three redis-sentinel; one client stays with the primary whatever happens, another
one asks Sentinel. In each round the primary is cut off (nobody but the first client reaches it: connections are closed, or
nothing more comes through them) or frozen, the others fail over, both clients write, and 2 s later all is well again. Of
everything that was acknowledged (with --wait, and with --confirmed: by a replica, too), what the group does not have in the end is lost.

A lease bounds what is lost: to nothing when the primary freezes, to a lease's time of writes when it is on the wrong side of a
partition, as it can't know sooner. Nothing may be lost of what a replica has acknowledged, nor of what was acknowledged after the
lease had run out (counted from the moment in which the primary was cut off or frozen): then this exits with 1.
"""
import argparse
import os
import signal
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import redis  # noqa: E402
import redis.sentinel  # noqa: E402
import sentinels  # noqa: E402
import servers  # noqa: E402
from replication import Proxy, follow, info, link_up, wait_until  # noqa: E402

PIECE, SPLIT_S, NOTICE_S = 10, 2, 0.1  # the last: what a client may take to see an answer that is there


class Node:
    def __init__(self, program, options):
        self.proxy = Proxy(0)
        self.server = servers.Server(program, "--repl-diskless-sync-delay", "0", "--replica-announce-port", str(self.proxy.port),
                                     *options)
        self.proxy.target = self.server.port

    def stop(self):
        self.server.process.send_signal(signal.SIGCONT)
        self.proxy.close()
        self.server.stop()


class Writer:
    """Pieces of SETs, one after another, to whomever connect() leads to."""

    def __init__(self, name, connect, wait):
        self.name, self.connect, self.wait, self.acked, self.stopping = name, connect, wait, [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        n = 0
        while not self.stopping:
            try:
                client = self.connect()
                while not self.stopping:
                    keys = [f"{self.name}:{n + i}" for i in range(PIECE)]
                    n += PIECE
                    with client.pipeline(transaction=False) as p:
                        for k in keys:
                            p.set(k, "v")
                        if self.wait:
                            p.wait(1, 400)
                        replies = p.execute(raise_on_error=False)
                    good = replies[0] is True and (not self.wait or replies[-1] == 1 or replies[-1] == 2)
                    now = time.monotonic()
                    self.acked += [(k, now) for k, r in zip(keys, replies) if good and r is True]
                    time.sleep(0.0005 if good else 0.02)
            except (redis.RedisError, OSError):
                time.sleep(0.02)

    def stop(self):
        self.stopping = True
        self.thread.join(30)

    def lost(self, port, since):
        """How many, and how many of them were acknowledged after `since`."""
        gone = []
        with redis.Redis(port=port) as c:
            for at in range(0, len(self.acked), 1000):
                some = self.acked[at:at + 1000]
                gone += [when for (_, when), v in zip(some, c.mget([k for k, _ in some])) if v is None]
        return len(gone), sum(when > since for when in gone)


def settled(nodes, watchers):
    """The node that all agree on as the primary, with the others linked to it; None: not yet."""
    try:
        ports = set()
        for s in watchers:
            with redis.Redis(port=s.port, socket_timeout=1) as c:
                state = c.sentinel_master(sentinels.NAME)
                if state["num-other-sentinels"] != 2 or state["num-slaves"] != 2 or state["is_sdown"]:
                    return None
                if any(r["is_sdown"] or r["is_disconnected"] for r in c.sentinel_slaves(sentinels.NAME)):
                    return None
                ports.add(state["port"])
        primary = next(n for n in nodes if {n.proxy.port} == ports)
        good = role_of(primary.server) == "master" and all(link_up(n.server) for n in nodes if n is not primary)
        return primary if good else None
    except (redis.RedisError, servers.Closed, OSError, KeyError, StopIteration):
        return None


def named(asking):
    """The port of the primary that Sentinel names; None: it names none at the moment."""
    try:
        return asking.discover_master(sentinels.NAME)[1]
    except redis.RedisError:
        return None


def role_of(server):
    """Sentinel disconnects everybody when it changes it: then it is not known yet."""
    try:
        return info(server)["role"]
    except (servers.Closed, OSError):
        return None


def round_of(nodes, watchers, how, wait, number, lease_s):
    """For each of the two clients: how many writes were acknowledged, lost, and lost of those after the lease."""
    primary = wait_until(lambda: settled(nodes, watchers), 60, "the group settling")
    asking = redis.sentinel.Sentinel([("127.0.0.1", s.port) for s in watchers], socket_timeout=0.5, socket_connect_timeout=0.5)
    writers = [Writer(f"{number}:stays", lambda: redis.Redis(port=primary.server.port, socket_timeout=30), wait),
               Writer(f"{number}:asks", lambda: asking.master_for(sentinels.NAME), wait)]
    try:
        time.sleep(0.7)
        moment = time.monotonic()
        primary.proxy.refusing = how != "freeze"
        if how == "cut":
            primary.proxy.cut()
        elif how == "silence":
            primary.proxy.holding = True
        else:
            servers.freeze(primary.server.process)
        wait_until(lambda: named(asking) not in (None, primary.proxy.port), 30, "a failover")
        time.sleep(SPLIT_S)
        if how == "silence":
            primary.proxy.cut()
        primary.proxy.holding = primary.proxy.refusing = False
        primary.server.process.send_signal(signal.SIGCONT)
        wait_until(lambda: role_of(primary.server) == "slave", 60, "the old primary following")
    finally:
        for w in writers:
            w.stop()
    now = wait_until(lambda: settled(nodes, watchers), 60, "the group settling again")
    return [(len(w.acked), *w.lost(now.server.port, moment + lease_s + NOTICE_S)) for w in writers]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=10)
    p.add_argument("--how", choices=["cut", "silence", "freeze"], default="cut")
    p.add_argument("--wait", action="store_true", help="WAIT 1 after each ten writes")
    p.add_argument("--down-after", type=int, default=1000)
    p.add_argument("--lease", type=int, default=0, help="primary-lease-ms")
    p.add_argument("--confirmed", action="store_true", help="min-replicas-to-reply 1")
    p.add_argument("--server", default=os.path.join(ROOT, "build", "bin", "sorrel-server"))
    args = p.parse_args()
    options = ["--primary-lease-ms", str(args.lease)] if args.lease else []
    options += ["--min-replicas-to-reply", "1"] if args.confirmed else []
    nodes, watchers, sums = [], [], [[0, 0, 0], [0, 0, 0]]
    try:
        nodes += [Node(args.server, options) for _ in range(3)]
        for n in nodes[1:]:
            follow(n.server, "127.0.0.1", nodes[0].proxy.port)
        watchers += [sentinels.SentinelProcess(nodes[0].proxy.port, args.down_after) for _ in range(3)]
        for i in range(args.rounds):
            results = round_of(nodes, watchers, args.how, args.wait, i, args.lease / 1000)
            sums = [[a + b for a, b in zip(total, result)] for total, result in zip(sums, results)]
            print(f"round {i + 1}: {args.how}: of the client that stays {results[0][1]} of {results[0][0]} acknowledged writes lost, "
                  f"of the one that asks {results[1][1]} of {results[1][0]}", flush=True)
    finally:
        for x in [*watchers, *nodes]:
            x.stop()
    late = sums[0][2] + sums[1][2] if args.lease else 0
    print(f"{args.rounds} rounds of {args.how}, lease {args.lease} ms{', WAIT 1' if args.wait else ''}"
          f"{', min-replicas-to-reply 1' if args.confirmed else ''}: of the client that stays "
          f"{sums[0][1]} of {sums[0][0]} lost ({100 * sums[0][1] / max(sums[0][0], 1):.1f} %), of the one that asks {sums[1][1]} of "
          f"{sums[1][0]}" + (f"; of what was acknowledged after the lease {late}" if args.lease else ""))
    return 1 if late or (args.wait or args.confirmed) and sums[0][1] + sums[1][1] else 0


if __name__ == "__main__":
    sys.exit(main())
