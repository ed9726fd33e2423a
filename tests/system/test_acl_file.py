"""Users from the ACL file and from the configuration, and back into the file."""
import os

from conftest import only_sorrel

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
