"""Users from the ACL file and from the configuration, and back into either."""
import os
import re

import pytest
import servers
from conftest import PROGRAM, only_sorrel

pytestmark = only_sorrel


def test_a_file_is_read_saved_and_read_again(start, tmp_path):
    path = tmp_path / "users.acl"
    path.write_text("# people\n\nuser alice on >pw ~a* +@all\nuser default on nopass ~* &* +@all\n")
    server = start("--aclfile", path)
    with server.connect() as c:
        assert c.call("AUTH", "alice", "pw") == ("+", b"OK")
        assert c.call("SET", "b", "1") == ("-", b"NOPERM No permissions to access a key")
        assert c.call("SET", "a", "1") == ("+", b"OK")
        assert c.call("ACL", "SETUSER", "bob", "on", "nopass") == ("+", b"OK")
        assert c.call("ACL", "SAVE") == ("+", b"OK")
    text = path.read_text()
    assert "user bob on nopass" in text and ">pw" not in text and os.stat(path).st_mode & 0o777 == 0o600
    path.write_text(text.replace("user bob on nopass", "user bob off nopass") + "user carol on nopass +foo\n")
    with server.connect() as c:
        kind, error = c.call("ACL", "LOAD")
        assert kind == "-" and b"users.acl:4" in error and b"no change to the previously active ACL rules" in error
        assert c.call("AUTH", "bob", "x") == ("+", b"OK")
    path.write_text(text.replace("user bob on nopass", "user bob off nopass"))
    with server.connect() as c, server.connect() as bob:
        assert bob.call("AUTH", "bob", "x") == ("+", b"OK")
        assert c.call("ACL", "LOAD") == ("+", b"OK")
        assert c.call("AUTH", "bob", "x")[0] == "-"


def test_loading_keeps_whoever_may_stay(start, tmp_path):
    path = tmp_path / "users.acl"
    path.write_text("user default on nopass ~* &* +@all\nuser bob on nopass ~* &a &b +@all\nuser eve on nopass +@all\n")
    server = start("--aclfile", path)
    with server.connect() as c, server.connect() as bob, server.connect() as hears_a, server.connect() as hears_b, \
            server.connect() as eve, server.connect() as anybody:
        for who, name in ((bob, "bob"), (hears_a, "bob"), (hears_b, "bob"), (eve, "eve")):
            assert who.call("AUTH", name, "x") == ("+", b"OK")
        for who, channel in ((hears_a, "a"), (hears_b, "b"), (anybody, "b")):
            assert who.call("SUBSCRIBE", channel)[1][1] == ("$", channel.encode())
        path.write_text("user default on nopass ~* &a +@all\nuser bob on nopass ~k* &a +@all\n")
        assert c.call("ACL", "LOAD") == ("+", b"OK")
        assert bob.call("SET", "z", "1") == ("-", b"NOPERM No permissions to access a key")
        assert bob.call("SET", "k", "1") == ("+", b"OK")
        assert c.call("PUBLISH", "a", "x") == (":", 1)
        for gone in (hears_b, eve, anybody):
            with pytest.raises(servers.Closed):
                gone.call("PING")


def test_users_in_the_configuration(start):
    server = start(config="user alice on >p/w+d=@% ~* &* +@all\nuser default off\n")
    with server.connect() as c:
        assert c.call("PING") == ("-", b"NOAUTH Authentication required.")
        assert c.call("AUTH", "alice", "p/w+d=@%") == ("+", b"OK")
        assert c.call("ACL", "WHOAMI") == ("$", b"alice")
        assert c.call("ACL", "LOAD")[0] == "-"


def test_setuser_survives_other_configuration(start):
    server = start("--requirepass", "first")
    with server.connect() as c:
        assert c.call("AUTH", "first") == ("+", b"OK")
        assert c.call("ACL", "SETUSER", "default", ">second") == ("+", b"OK")
        assert c.call("CONFIG", "SET", "timeout", "100") == ("+", b"OK")
    with server.connect() as c:
        assert c.call("AUTH", "second") == ("+", b"OK")


# -- against redis-server ----------------------------------------------------------------------------------------------

DEFAULT = "user default on nopass ~* &* +@all\n"
FILES = {
    "as usual": DEFAULT + "user a on >p ~k* +get\n",
    "no default user": "user a on >p ~* +@all\n",
    "nothing": "",
    "a default user from nothing": "user default on nopass +@all -flushall\n",
    "selectors": DEFAULT + "user a on (~x +get) (%R~y &c +set)\n",
    "blanks": DEFAULT + "  user a on  +get   ~k  \n\n\n",
    "line ends": DEFAULT.replace("\n", "\r\n") + "user a on\r\n",
    "no last line end": DEFAULT + "user a on",
    "reset and take back": DEFAULT + "user a reset on +get\nuser c -@all +get +@read -get allkeys\n",
    "twice": DEFAULT + "user a on\nuser a off\n",
    "default twice": DEFAULT + DEFAULT,
    "no name": DEFAULT + "user\n",
    "no keyword": DEFAULT + "usr a on\nUSER b on\n",
    "a comment behind": DEFAULT + "user b on # foo\n",
    "a hash": DEFAULT + "user a #123 +get\n",
    "commands": DEFAULT + "user a on +nosuch -alsonot +@nosuch\nuser b +@nope\nfoo\n",
    "several faults": DEFAULT + "user a on +nosuch foo bar +neither\n",
    "part of a password": DEFAULT + "user a on >correct horse\n",
    "quotes": DEFAULT + 'user a on ~"k x"\n',
}


def sorted_users(c):
    kind, lines = c.call("ACL", "LIST")
    return sorted(re.sub(rb" (skip-)?sanitize-payload", b"", line) for _, line in lines) if kind == "*" else lines


@pytest.fixture(scope="module", params=["resetchannels", "allchannels"])
def both(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    paths = folder / "theirs", folder / "ours"
    for path in paths:
        path.write_text(DEFAULT)
    with servers.Server(servers.oracle_command(), "--aclfile", paths[0], "--acl-pubsub-default", request.param) as a, \
            servers.Server(PROGRAM, "--aclfile", paths[1], "--acl-pubsub-default", request.param) as b:
        yield [(s, path) for s, path in zip((a, b), paths)]


@pytest.mark.parametrize("name", FILES)
def test_files_are_read_as_redis_reads_them(both, name):
    seen = []
    for server, path in both:
        path.write_text(DEFAULT)
        with server.connect() as c:
            assert c.call("ACL", "LOAD") == ("+", b"OK")
        path.write_text(FILES[name], newline="")
        with server.connect() as c, server.connect() as d:
            kind, text = c.call("ACL", "LOAD")
            seen.append([kind, text.replace(str(path).encode(), b"FILE"), sorted_users(d)])
            assert d.call("ACL", "SETUSER", "default", "reset", "on", "nopass", "~*", "&*", "+@all") == ("+", b"OK")
    if name == "reset and take back":  # 7.2 keeps rules that have no effect
        seen[1][2] = [line.replace(b" -get", b"") for line in seen[1][2]]
        seen[0][2] = [line.replace(b" -get", b"") for line in seen[0][2]]
    assert seen[0] == seen[1]
    assert b"horse" not in seen[1][1]


def test_a_file_that_is_gone_and_one_that_cannot_be_written(both):
    seen = []
    for server, path in both:
        path.write_text(DEFAULT)
        with server.connect() as c:
            assert c.call("ACL", "LOAD") == ("+", b"OK")
            path.unlink()
            got = [c.call("ACL", "LOAD")]
            path.mkdir()
            got += [c.call("ACL", "SAVE"), ("count", len(os.listdir(path.parent)))]
            path.rmdir()
            got += [c.call("ACL", "SAVE"), ("mode", path.stat().st_mode & 0o007)]
            seen.append([(kind, text.replace(str(path).encode(), b"FILE") if isinstance(text, bytes) else None) for kind, text in got])
    assert seen[0] == seen[1]


# -- users in the configuration, and back into it ---------------------------------------------------------------------------

def rewritten(server):
    with open(os.path.join(server.dir, "test.conf"), encoding="utf-8") as f:
        return f.read()


def test_the_default_user_of_the_configuration_starts_from_nothing(start):
    server = start(config="user default on nopass +@all -config ~pub:*\n")
    with server.connect() as c:
        assert c.call("GET", "pub:1") == ("$", None)
        assert c.call("GET", "x") == ("-", b"NOPERM No permissions to access a key")
        assert c.call("CONFIG", "GET", "port")[0] == "-"


@pytest.mark.parametrize("line, said", [
    ("user a on\nuser a off\n", "Duplicate user"), ('user "a b" on\n', "spaces not allowed"), ("user a on +nosuch\n", "'+nosuch'"),
    ("user a on >correct horse\n", "Syntax error"), ("user a on (~x\n", "Unmatched parenthesis")])
def test_lines_that_are_wrong(start, line, said):
    with pytest.raises(RuntimeError, match=re.escape(said)) as failed:
        start(config=line)
    assert "horse" not in str(failed.value)


def test_rewriting_the_configuration_keeps_the_users(start, tmp_path):
    more = tmp_path / "more.conf"
    more.write_text("user included on ~i +get\n")
    text = f"# people\nuser alice on >first ~a* +@all\nmaxclients 100\n\nuser bob on nopass\ninclude {more}\n"
    server = start(config=text)
    with server.connect() as c:
        for args in (["bob", "off"], ["alice", ">secon d", "~b\"'\\#", "&ch", '(~"q\'r" +get)'], ["carol", "on", "%R~é", "+config|get", "+select|0"],
                     ["included", "~also"]):
            assert c.call("ACL", "SETUSER", *args) == ("+", b"OK")
        assert c.call("ACL", "SETUSER", "gone", "on") == ("+", b"OK") and c.call("ACL", "DELUSER", "gone") == (":", 1)
        assert c.call("CONFIG", "SET", "maxclients", "90") == ("+", b"OK")
        assert c.call("CONFIG", "REWRITE") == ("+", b"OK")
        before = c.call("ACL", "LIST")
    text = rewritten(server)
    assert text.startswith("# people\nmaxclients 90\n") and "user alice on sanitize-payload #" in text and text.count("user bob") == 1
    assert text.index("user alice") > text.index("include ")  # who is named later counts
    assert "first" not in text and "secon" not in text and f"include {more}" in text
    assert server.stop() == 0
    again = start(config=text)
    with again.connect() as c:
        assert c.call("ACL", "LIST") == before
        assert c.call("AUTH", "alice", "secon d") == ("+", b"OK") and c.call("AUTH", "alice", "first") == ("+", b"OK")
        assert c.call("AUTH", "bob", "x")[0] == "-"
        assert c.call("CONFIG", "REWRITE") == ("+", b"OK")
    users = [[line for line in t.splitlines() if line.startswith("user ")] for t in (text, rewritten(again))]
    assert users[0] == users[1]


def test_rewriting_adds_no_lines_for_the_default_user_alone(start):
    server = start(config="requirepass x\n")
    with server.connect() as c:
        assert c.call("AUTH", "x") == ("+", b"OK")
        assert c.call("CONFIG", "REWRITE") == ("+", b"OK")
        assert "user" not in rewritten(server)
        assert c.call("ACL", "SETUSER", "default", ">y") == ("+", b"OK")
        assert c.call("CONFIG", "REWRITE") == ("+", b"OK")
    text = rewritten(server)
    assert text.count("user default on") == 1
    with start(config=text).connect() as c:
        assert c.call("AUTH", "y") == ("+", b"OK") and c.call("AUTH", "x") == ("+", b"OK")


def test_rewriting_leaves_users_of_an_acl_file_there(start, tmp_path):
    path = tmp_path / "users.acl"
    path.write_text(DEFAULT + "user a on\n")
    server = start(config=f"aclfile {path}\n")
    with server.connect() as c:
        assert c.call("CONFIG", "REWRITE") == ("+", b"OK")
    assert "user a" not in rewritten(server)


# -- names of commands -------------------------------------------------------------------------------------------------

def test_rules_go_by_the_names_that_commands_had_first(start):
    server = start(config='rename-command GET fetch\nrename-command FLUSHALL ""\nuser a on nopass +get +flushall ~*\nuser b on nopass +set ~*\n')
    with server.connect() as c:
        assert c.call("ACL", "SETUSER", "x", "+fetch")[0] == "-"
        assert b"flushall" in [name for _, name in c.call("ACL", "CAT", "keyspace")[1]]
        assert c.call("AUTH", "a", "") == ("+", b"OK")
        assert c.call("FETCH", "k") == ("$", None)
        assert c.call("AUTH", "b", "") == ("+", b"OK")
        assert c.call("FETCH", "k") == ("-", b"NOPERM User b has no permissions to run the 'get' command")
