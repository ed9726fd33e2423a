"""HELP of every command that has subcommands, and LOLWUT: the form is redis-server 7.0's, the sentences are our own.

    /usr/bin/python3 -m pytest tests/differential/test_help.py      (SORREL_SERVER=path, default build/bin)
"""
import os
import shutil
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import servers  # noqa: E402

BIN = os.environ.get("SORREL_BIN", os.path.join(ROOT, "build", "bin"))
SERVER = os.environ.get("SORREL_SERVER", os.path.join(BIN, "sorrel-server"))
pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")
CONTAINERS = ["ACL", "CLIENT", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY", "OBJECT", "PUBSUB", "SCRIPT", "SLOWLOG", "XGROUP",
              "XINFO"]
OURS_ALONE = ["COMMANDLOG", "HOTKEYS"]


@pytest.fixture(scope="module")
def both():
    with servers.Server("redis-server", "--enable-debug-command", "yes") as redis, \
            servers.Server(SERVER, "--enable-debug-command", "yes") as ours, redis.connect() as a, ours.connect() as b:
        yield a, b


def lines(c, name, word="HELP"):
    kind, reply = c.call(name, word)
    assert kind == "*", (name, reply)
    assert {k for k, _ in reply} == {"+"}
    return [v.decode() for _, v in reply]


def check_form(c, name):
    got = lines(c, name)
    assert got[0] == f"{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    assert got[-2:] == ["HELP", "    Prints this help."]
    # A heading with what is to be given, then at least one line that says what it does.
    assert not got[1].startswith(" ")
    for this, that in zip(got[1:], got[2:] + [""]):
        assert this.strip() == this or this.startswith("    "), this
        assert this.startswith(" ") or that.startswith("    "), f"nothing is said of {this}"
    return {line.split(" ")[0] for line in got[1:] if not line.startswith(" ")}


@pytest.mark.parametrize("name", CONTAINERS)
def test_form(both, name):
    redis, ours = both
    theirs, got = lines(redis, name), lines(ours, name)
    assert (got[0], got[-2:]) == (theirs[0], theirs[-2:])
    assert lines(ours, name.lower(), "help") == got or got[0].lower() == lines(ours, name.lower(), "help")[0].lower()
    told = check_form(ours, name)
    info = ours.call("COMMAND", "INFO", name)[1][0][1]
    subcommands = {sub[1][0][1].decode().split("|")[1].upper() for sub in info[9][1]}
    assert not subcommands - told, f"not told of: {subcommands - told}"


@pytest.mark.parametrize("name", OURS_ALONE)
def test_form_of_what_redis_has_not(both, name):
    check_form(both[1], name)


def test_object_help_is_the_same(both):
    redis, ours = both
    assert lines(ours, "OBJECT") == lines(redis, "OBJECT")


@pytest.mark.parametrize("name", CONTAINERS)
def test_too_many_arguments(both, name):
    redis, ours = both
    if name != "DEBUG":  # whose HELP takes anything
        assert ours.call(name, "HELP", "me")[0] == redis.call(name, "HELP", "me")[0]


@pytest.mark.parametrize("words", [[], ["VERSION", "5"], ["VERSION", "6"], ["VERSION", "5", "10", "3", "2"], ["VERSION", "99"], ["VERSION"], ["x"]])
def test_lolwut(both, words):
    """A picture of its own, and in the last line the version, as in redis; RESP3 gets it as text verbatim."""
    for c, name in zip(both, ("Redis", "Sorrel")):
        kind, text = c.call("LOLWUT", *words)
        assert kind == "$" and name + " ver. " in text.decode().splitlines()[-1], text


def test_lolwut_wrong(both):
    redis, ours = both
    assert ours.call("LOLWUT", "VERSION", "x") == redis.call("LOLWUT", "VERSION", "x")
