"""client.py PROGRAM [--server sorrel-server] [ROUNDS]: runs bench_client against a server of its own."""
import argparse
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import servers  # noqa: E402

ap = argparse.ArgumentParser()
ap.add_argument("program")
ap.add_argument("--server")
ap.add_argument("rounds", nargs="?", default="15")
args = ap.parse_intermixed_args()
with servers.Server(args.server or servers.oracle_command()) as s:
    sys.exit(subprocess.run([args.program, str(s.port), args.rounds]).returncode)
