"""TLS 1.3 beside redis-server with TLS: server CPU of a GET at -P 16, and of a SET, in turns.

usage: tls.py [rounds]     issue 6 asks for at most 0.8 of redis-server's
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402
from certificates import Authority  # noqa: E402

BIN = os.environ.get("SORREL_BIN", os.path.join(ROOT, "build", "bin"))
BENCH = os.path.join(BIN, "sorrel-benchmark")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        ca = Authority(pathlib.Path(folder), "ca")
        key, cert = ca.issue("server")
        took = {}
        running = []
        for name, program in (("redis", servers.oracle_command()), ("sorrel", os.path.join(BIN, "sorrel-server"))):
            port = servers.free_port()
            running.append(servers.Server(program, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file",
                                          ca.cert, "--tls-auth-clients", "no"))
            took[name] = (port, {"SET": [], "GET": []})
        for _ in range(rounds):
            for test in ("SET", "GET"):
                for port, results in took.values():
                    out = subprocess.run([BENCH, "-u", f"rediss://localhost:{port}?ssl_ca_certs={ca.cert}", "-c", "50", "-P", "16", "-n", "500000",
                                          "-r", "100000", "-d", "64", "--json", "-t", test.lower()], stdout=subprocess.PIPE, check=True,
                                         stderr=subprocess.DEVNULL).stdout
                    results[test].append(json.loads(out.splitlines()[-1])["server_cpu_us"])
        for s in running:
            s.stop()
        for test in ("SET", "GET"):
            a, b = took["redis"][1][test], took["sorrel"][1][test]
            print(f"{test} -P 16 over TLS: redis {min(a):.3f} us (median {statistics.median(a):.3f}), sorrel {min(b):.3f} us "
                  f"(median {statistics.median(b):.3f}): {min(b) / min(a):.2f}, {statistics.median(b) / statistics.median(a):.2f}")


if __name__ == "__main__":
    main()
