"""What COMMAND INFO and COMMAND DOCS say, beside redis-server 7.0.

Arity, flags, categories, key specifications, first and last key, tips, and from DOCS `since`, group, deprecation and the
words and types of the arguments must be the same, except where the list below says why not.

    /usr/bin/python3 -m pytest tests/differential/test_command_metadata.py      (SORREL_SERVER=path, default build/bin)
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

import pytest
import redis

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402

BIN = os.environ.get("SORREL_BIN", os.path.join(ROOT, "build", "bin"))
SERVER = os.environ.get("SORREL_SERVER", os.path.join(BIN, "sorrel-server"))

# -- explained differences: (command, field) or (None, field) -> reason ------------------------------------------------

NEWER = "7.2 and 7.4 say so; the oracle is 7.0"
EXPLAINED = {
    **{(c, "flags"): NEWER + ": blocking commands lost noscript" for c in (
        "blmove", "blpop", "brpop", "brpoplpush", "bzpopmax", "bzpopmin", "wait")},
    **{(c, "flags"): NEWER + ": subscribing gained denyoom" for c in ("subscribe", "psubscribe", "ssubscribe")},
    **{(c, "flags"): NEWER + ": more works while loading" for c in (
        "cluster|info", "cluster|keyslot", "cluster|links",
        "cluster|myid", "cluster|nodes", "cluster|replicas", "cluster|shards", "cluster|slaves", "cluster|slots")},
    ("wait", "categories"): NEWER + ": became blocking", ("client|pause", "since"): "3.0.0 in today's documentation",
    ("zrank", "arity"): NEWER + ": WITHSCORE", ("zrevrank", "arity"): NEWER + ": WITHSCORE",
    ("command|getkeys", "arity"): NEWER, ("command|getkeysandflags", "arity"): NEWER,
    ("monitor", "arity"): "filters are ours",
    ("sinterstore", "keys"): NEWER + ": the destination is only overwritten",
    **{(c, "keys"): "since 7.2 the destinations are marked incomplete" for c in ("georadius", "georadiusbymember")},
    **{(c, "deprecated"): NEWER for c in ("quit", "setex", "psetex", "setnx")},
}
# Arguments that came after 7.0, by name.
NEWER_ARGUMENTS = {"set": {"ifeq-value", "ifne-value", "ifdeq-digest", "ifdne-digest"}, "zscan": {"noscores"},
                   "monitor": {"command", "key-pattern", "username", "db", "address", "one-in"},
                   **{c: {"count"} for c in ("zunion", "zinter", "zunionstore", "zinterstore")},
                   "xadd": {"condition", "idmp"}, "xtrim": {"condition"}, "xreadgroup": {"min-idle-time"},
                   "zrank": {"withscore"}, "zrevrank": {"withscore"}, "client|kill": {"maxage"}, "hscan": {"novalues"},
                   "bitop": {"diff", "diff1", "andor", "one"},
                   "geosearch": {"polygon", "num-vertices", "vertices"},
                   "geosearchstore": {"polygon", "num-vertices", "vertices"}}
# Names of groups of arguments were cleaned up in 7.2, so only words, types and tokens are compared. Rows whose tree is
# built differently, with the same words in it:
OTHER_TREE = {
    "sort": "patterns belong to no key specification here: no key is among the arguments", "sort_ro": "as in sort",
    "bitop": NEWER + ": the operations are tokens",
    "geohash": NEWER + ": no member is needed", "geopos": NEWER + ": no member is needed",
    "pfmerge": NEWER + ": no source is needed",
    "georadius": NEWER + ": STORE and STOREDIST are alternatives", "georadiusbymember": NEWER + ": as in georadius",
    "migrate": "the two ways to log in are alternatives here, optional ones there",
    "client|kill": "its options are alternatives here, optional ones there",
    "client|list": NEWER + ": a block of one argument became that argument",
    "module|loadex": NEWER + ": a block of one argument became that argument",
    "config|get": NEWER + ": a block of one argument became that argument",
    "psubscribe": NEWER + ": a block of one argument became that argument",
    "xinfo|stream": NEWER + ": FULL became an argument of its own",
    "command|getkeys": NEWER + ": had no arguments described",
    "command|getkeysandflags": NEWER + ": had no arguments described",
}


# -- two servers -------------------------------------------------------------------------------------------------------

class Server:
    def __init__(self, program):
        self.dir = tempfile.mkdtemp(prefix="sorrel-meta-")
        port = servers.free_port()
        self.process = subprocess.Popen([program, "--port", str(port), "--save", "", "--dir", self.dir],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = redis.Redis(host="127.0.0.1", port=port)
        for _ in range(200):
            try:
                self.client.execute_command("PING")
                return
            except redis.ConnectionError:
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"{program} does not answer")

    def stop(self):
        self.client.close()
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir)

    def raw(self, *args):
        connection = self.client.connection_pool.get_connection("_")
        try:
            connection.send_command(*args)
            return connection.read_response()
        finally:
            self.client.connection_pool.release(connection)


def text(value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (list, tuple)):
        return [text(v) for v in value]
    return value


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


def infos(server):
    out = {}

    def add(rows):
        for row in rows:
            name, arity, flags, first, last, step, categories, tips, keys, subs = text(row)
            out[name] = {
                "arity": arity, "flags": set(flags), "triple": (first, last, step), "categories": set(categories),
                "tips": set(tips), "keys": [key_spec(k) for k in keys]}
            add(subs)
    add(server.raw("COMMAND"))
    return out


def key_spec(flat):
    spec = pairs(flat)
    begin, find = pairs(spec["begin_search"]), pairs(spec["find_keys"])
    return (sorted(spec["flags"]), begin["type"], sorted(pairs(begin["spec"]).items()),
            find["type"], sorted(pairs(find["spec"]).items()))


def docs(server):
    out = {}

    def add(flat):
        for name, doc in pairs(flat).items():
            doc = pairs(doc)
            out[name] = doc
            add(doc.get("subcommands", []))
    add(text(server.raw("COMMAND", "DOCS")))
    return out


def words(arguments, skip):
    """The leaves of an argument tree: (token, type, optional, multiple), without the names of groups."""
    out = []
    for a in map(pairs, arguments):
        if a["name"] in skip:
            continue
        flags = a.get("flags", [])
        mark = ("optional" in flags, "multiple" in flags, "multiple_token" in flags)
        if "arguments" in a:
            out.append((a["type"], a.get("token"), mark, words(a["arguments"], skip)))
        else:
            out.append((a["type"], a.get("token"), mark, a.get("key_spec_index")))
    return out


@pytest.fixture(scope="module")
def both():
    if not os.path.exists(SERVER) or shutil.which("redis-server") is None:
        pytest.skip("needs sorrel-server and redis-server")
    ours = Server(SERVER)
    try:
        theirs = Server("redis-server")
        try:
            yield {"info": (infos(ours), infos(theirs)), "docs": (docs(ours), docs(theirs))}
        finally:
            theirs.stop()
    finally:
        ours.stop()


def report(differences):
    assert not differences, "\n" + "\n".join(differences)


@pytest.mark.parametrize("field", ["arity", "flags", "categories", "triple", "keys"])
def test_info(both, field):
    ours, theirs = both["info"]
    wrong = []
    for name in sorted(ours.keys() & theirs.keys()):
        a, b = ours[name][field], theirs[name][field]
        if a != b and (name, field) not in EXPLAINED:
            if isinstance(a, set):
                a, b = f"only here {sorted(a - b)}", f"missing {sorted(b - a)}"
            wrong.append(f"{name}: {field}: {a} | redis: {b}")
    report(wrong)


@pytest.mark.parametrize("field", ["since", "group", "deprecated_since"])
def test_docs(both, field):
    ours, theirs = both["docs"]
    wrong = []
    for name in sorted(ours.keys() & theirs.keys()):
        a, b = ours[name].get(field), theirs[name].get(field)
        if a != b and (name, field) not in EXPLAINED and (name, field.split("_")[0]) not in EXPLAINED:
            wrong.append(f"{name}: {field}: {a} | redis: {b}")
    report(wrong)


def test_docs_have_everything(both):
    ours, _ = both["docs"]
    report([name for name, doc in ours.items() if not doc.get("summary") or not doc.get("since")])


def test_arguments(both):
    ours, theirs = both["docs"]
    wrong = []
    for name in sorted(ours.keys() & theirs.keys()):
        skip = NEWER_ARGUMENTS.get(name, set())
        a, b = words(ours[name].get("arguments", []), skip), words(theirs[name].get("arguments", []), skip)
        if a != b and name not in OTHER_TREE:
            wrong.append(f"{name}:\n   here  {a}\n   redis {b}")
    report(wrong)


def test_explanations_are_still_needed(both):
    ours, theirs = both["info"]
    stale = [f"{name} {field}" for name, field in EXPLAINED
             if name in ours and name in theirs and field in theirs[name] and ours[name][field] == theirs[name][field]]
    report(stale)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
