"""The kill -9 campaign: kill_aof.py SORREL-SERVER [ROUNDS] [POLICY]"""
import shutil
import sys
import tempfile
import time

import aof

folder = tempfile.mkdtemp(prefix="sorrel-kill-")
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 200
began = time.monotonic()
total, lost = aof.kill_rounds(sys.argv[1], folder, rounds, *sys.argv[3:4])
print(f"{rounds} kills, {total} acknowledged writes, {lost} lost, {time.monotonic() - began:.0f} s")
shutil.rmtree(folder)
sys.exit(lost > 0)
