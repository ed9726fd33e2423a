#!/usr/bin/python3
"""Failover under a real Sentinel, over and over: how long until clients write again, and what they have lost.

    failover.py --rounds 30 [--auth] [--tls] [--down-after 500] [--lease 600] [--server PROGRAM]

Three redis-sentinel watch a primary and two replicas; in turn the primary is killed and frozen, with every acknowledged
write followed by WAIT 1 and without. Prints a line a round and the sums; exits with 1 when a write that a replica had
acknowledged is lost, or the gap is longer than down-after + 2 s.

Sentinel alone takes, from the moment in which a primary freezes: until its next PING (it sends one every second, or every
down-after, if that is less), down-after, 0.1 s to agree, and a second until it asks the new primary for its INFO again. With a
down-after of a second that may be more than three, whatever the servers do, hence the default. What the servers and the
client add is told apart.
"""
import argparse
import os
import pathlib
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import certificates  # noqa: E402
import sentinels  # noqa: E402


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=30)
    p.add_argument("--down-after", type=int, default=500)
    p.add_argument("--auth", action="store_true")
    p.add_argument("--tls", action="store_true")
    p.add_argument("--lease", type=int, default=0, help="primary-lease-ms")
    p.add_argument("--server", default=os.path.join(ROOT, "build", "bin", "sorrel-server"))
    args = p.parse_args()
    options = ["--primary-lease-ms", args.lease] if args.lease else []
    gaps, ours, lost, acked, bad = [], [], {True: 0, False: 0}, {True: 0, False: 0}, 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tls = None
        if args.tls:
            ca = certificates.Authority(folder, "ca")
            tls = (*ca.issue("server"), ca.cert)
        with sentinels.Group(args.server, args.down_after, options, "secret" if args.auth else None, tls) as group:
            for i in range(args.rounds):
                how, wait = ("kill", "freeze")[i % 2], i // 2 % 2 == 0
                try:
                    gap, switched, n, missing = sentinels.round_of(group, how, wait)
                except AssertionError as e:
                    print(f"round {i + 1}: {how}: {e}\n{group.logs()}")
                    return 1
                gaps.append(gap)
                ours.append(gap - (switched or 0))
                acked[wait] += n
                lost[wait] += missing
                bad += gap > args.down_after / 1000 + 2
                print(f"round {i + 1}: {how}, {'WAIT 1' if wait else 'no WAIT'}: writes again after {gap:.2f} s "
                      f"({ours[-1]:.3f} s after Sentinel's word), "
                      f"{missing} of {n} acknowledged writes lost", flush=True)
    gaps.sort()
    print(f"{len(gaps)} rounds: gap p50 {gaps[len(gaps) // 2]:.2f} s, max {gaps[-1]:.2f} s ({bad} over down-after + 2 s); "
          f"after Sentinel's word at most {max(ours):.3f} s; "
          f"lost without WAIT {lost[False]} of {acked[False]}, with WAIT 1 {lost[True]} of {acked[True]}")
    return 1 if lost[True] or bad else 0


if __name__ == "__main__":
    sys.exit(main())
