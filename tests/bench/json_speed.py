"""What JSON.SET and JSON.GET of a document of 100 KB cost the whole server: bytes of text for each second of its CPU time, user
and system, over loopback.

    /usr/bin/python3 tests/bench/json_speed.py build/bin/sorrel-server
"""
import json
import os
import random
import sys

import families  # also finds tests/lib
import resp


def main():
    r = random.Random(1)
    pages = [json.loads(families.document(r, i)) for i in range(49)]
    text = json.dumps({"pages": pages}, separators=(",", ":")).encode()
    server = families.Server(os.path.abspath(sys.argv[1]))
    try:
        print(f"{len(text)} bytes of text, best of 5")
        for name, command, pipeline in (("JSON.SET", resp.encode(["JSON.SET", "k", "$", text]), 1),
                                        ("JSON.GET", resp.encode(["JSON.GET", "k", "."]), 1),
                                        ("JSON.GET $", resp.encode(["JSON.GET", "k", "$"]), 1),
                                        ("JSON.GET, 4 at a time", resp.encode(["JSON.GET", "k", "."]), 4)):
            best = 0
            for _ in range(5):
                before = server.cpu()
                server.run([command] * 1000, pipeline)
                best = max(best, 1000 * len(text) / (server.cpu() - before) / 1e6)
            print(f"{name:24}{best:8.0f} MB/s")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
