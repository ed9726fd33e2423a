"""The kill -9 campaign: kill_aof.py SORREL-SERVER [ROUNDS] [POLICY|switch|snapshot]"""
import shutil
import sys
import tempfile
import time

import aof

folder = tempfile.mkdtemp(prefix="sorrel-kill-")
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 200
began = time.monotonic()
what = sys.argv[3] if len(sys.argv) > 3 else "always"
total = lost = 0
if what == "switch":
    done = f"{aof.switch_rounds(sys.argv[1], folder, rounds)} kills while appendonly is switched"
elif what == "snapshot":
    done = f"{rounds} kills, {aof.snapshot_rounds(sys.argv[1], folder, rounds)} of them left a snapshot: each of one moment"
else:
    total, lost = aof.kill_rounds(sys.argv[1], folder, rounds, what)
    done = f"{rounds} kills, {total} acknowledged writes, {lost} lost"
print(f"{done}, {time.monotonic() - began:.0f} s")
shutil.rmtree(folder)
sys.exit(lost > 0 and what == "always")
