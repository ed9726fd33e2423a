"""What ACL costs a GET: server CPU of one for the default user, for a user with rules that has to be checked, in turns.

usage: acl_cost.py [rounds]     issue 6 asks for at most 3 % for the default user, whom dispatch sends past the check
"""
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402

BIN = os.environ.get("SORREL_BIN", os.path.join(ROOT, "build", "bin"))
BENCH = os.path.join(BIN, "sorrel-benchmark")
USERS = {"nobody has rules": None, "default": [], "all": ["+@all", "~*", "&*"], "keys": ["+@all", "%R~key:*"], "rules": ["-@all", "+get", "+info", "~a*", "~b*", "~key:*"]}


def cpu(server, user):
    login = ["--user", user, "-a", "x"] if user not in ("default", "nobody has rules") else []
    out = subprocess.run([BENCH, "-p", str(server.port), *login, "-c", "20", "-P", "16", "-n", "1000000", "-r", "100000", "--json", "GET",
                          "key:__rand_int__"], stdout=subprocess.PIPE, check=True, stderr=subprocess.DEVNULL).stdout
    return json.loads(out.splitlines()[-1])["server_cpu_us"]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    took = {u: [] for u in USERS}
    with servers.Server(os.path.join(BIN, "sorrel-server")) as bare, servers.Server(os.path.join(BIN, "sorrel-server")) as s, s.connect() as c:
        for name, rules in USERS.items():
            if rules:
                assert c.call("ACL", "SETUSER", name, "reset", "on", "nopass", *rules) == ("+", b"OK")
        for server in (bare, s):
            with server.connect() as d:
                for i in range(0, 100000, 1000):
                    d.call("MSET", *[x for k in range(i, i + 1000) for x in (f"key:{k:012d}", "v" * 64)])
        for _ in range(rounds):
            for u in took:
                took[u].append(cpu(bare if USERS[u] is None else s, u))
    # The least of several is what a busy machine disturbs least.
    base = min(took["nobody has rules"])
    for u, v in took.items():
        print(f"{u:18} {min(v):.4f} us a GET, {100 * (min(v) / base - 1):+.1f} % (median {statistics.median(v):.4f})")


if __name__ == "__main__":
    main()
