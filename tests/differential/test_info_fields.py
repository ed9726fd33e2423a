"""Every field of INFO that redis-server 7.0 has is there, in its section, and with a value of the same kind.

    /usr/bin/python3 -m pytest tests/differential/test_info_fields.py      (SORREL_SERVER=path, default build/bin)
"""
import os
import re
import shutil
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402

BIN = os.environ.get("SORREL_BIN", os.path.join(ROOT, "build", "bin"))
SERVER = os.environ.get("SORREL_SERVER", os.path.join(BIN, "sorrel-server"))
KINDS = [("integer", r"-?\d+"), ("number", r"-?\d+\.\d+"), ("number", r"-?(inf|nan)"), ("percent", r"\d+(\.\d+)?%"),
         ("human", r"\d+(\.\d+)?[BKMGTP]"), ("hex", r"[0-9a-f]{40}"), ("pairs", r"\w+=[^,]*(,[\w.]+=[^,]*)*"), ("text", r".*")]
# (field) -> why it may be missing or of another kind.
EXPLAINED = {
    "redis_git_sha1": "a number of digits is as good as one with letters",
    "redis_build_id": "the same",
}


def kind_of(value):
    return next(kind for kind, pattern in KINDS if re.fullmatch(pattern, value))


def fields(program):
    server = servers.Server(program)
    try:
        with server.connect() as c:
            for words in (("SET", "k", "v", "EX", "100"), ("GET", "k"), ("GET", "none"), ("LPUSH", "l", "1"), ("INCR", "l"),
                          ("EVAL", "return 1", "0"), ("PUBLISH", "c", "x")):
                c.call(*words)
            text = c.call("INFO", "everything")[1].decode()
    finally:
        server.stop()
    found, section = {}, None
    for line in text.split("\r\n"):
        if line.startswith("# "):
            section = line[2:]
        elif ":" in line:
            name, value = line.split(":", 1)
            found[(section, name)] = value
    return found


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")
def test_fields():
    theirs, ours = fields("redis-server"), fields(SERVER)
    wrong = []
    for (section, name), value in theirs.items():
        if name in EXPLAINED:
            continue
        if (section, name) not in ours:
            wrong.append(f"{section}: {name} is missing (redis: {value})")
            continue
        here, there = kind_of(ours[(section, name)]), kind_of(value)
        # A ratio may happen to be whole, a text may happen to look like something.
        if here != there and {here, there} != {"integer", "number"} and "text" not in (here, there):
            wrong.append(f"{section}: {name} is of kind {here} ({ours[(section, name)]}), not {there} ({value})")
    assert not wrong, "\n".join(wrong)
