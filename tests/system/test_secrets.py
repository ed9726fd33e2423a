"""No secret is shown by anything that watches (class S5 and issue 6): MONITOR, SLOWLOG, the log, CLIENT LIST, ACL LOG, INFO.

MONITOR and SLOWLOG still show everything else, exactly as redis-server does.
"""
import re

import pytest
import resp
import servers
from conftest import only_sorrel

SECRET = "s3cr3t+/=@%40"
OTHER = "n0body knows\t\x01"

SCRIPT = [
    ["AUTH", SECRET], ["AUTH", "default", SECRET], ["AUTH", "default", OTHER], ["AUTH", OTHER],
    ["AUTH", "no" + SECRET, OTHER],
    ["HELLO", "3", "AUTH", "default", SECRET, "SETNAME", "me"], ["HELLO", "2", "SETNAME", "auth", "AUTH", "default", SECRET],
    ["HELLO", "3", "AUTH", "default", OTHER], ["HELLO", "2"],
    ["ACL", "SETUSER", "bob", "on", ">" + SECRET, "#" + "ab" * 32, "<" + OTHER],
    ["ACL", "SETUSER", "bob", "(" + SECRET], ["ACL", "GETUSER", "nobody"],
    ["CONFIG", "SET", "masterauth", SECRET, "loglevel", "notice", "MASTERAUTH", SECRET],
    ["CONFIG", "SET", "maxclients", "500", "masterauth", SECRET],
    ["CONFIG", "SET", "masterauth", SECRET, "slowlog-max-len", "1000"],
    ["CONFIG", "SET", "requirepass", SECRET],
    ["SET", "k", "shown"], ["ACL", "DELUSER", "bob"],
]


def run(server):
    """What MONITOR and SLOWLOG show of the script, without times and addresses."""
    with server.connect() as watcher, server.connect() as c:
        assert watcher.call("AUTH", SECRET) == ("+", b"OK")
        assert watcher.call("MONITOR") == ("+", b"OK")
        for args in SCRIPT:
            c.call(*args)
        c.call("ECHO", "end")
        lines = []
        while not lines or b'"end"' not in lines[-1]:
            lines.append(re.sub(rb"^[0-9.]+ \[[^]]*\]", b"", watcher.read()[1]))
        slow = [[a for _, a in entry[1][3][1]] for entry in c.call("SLOWLOG", "GET", "100")[1]][::-1]
        rest = c.call("CLIENT", "LIST")[1] + c.call("INFO", "everything")[1] + repr(c.call("ACL", "LOG")).encode()
        return lines, slow, rest


@pytest.fixture(scope="module")
def theirs():
    with servers.Server(servers.oracle_command(), "--requirepass", SECRET, "--slowlog-log-slower-than", "0") as s:
        return run(s)


def test_what_is_shown_is_what_redis_shows(start, theirs):
    lines, slow, _ = run(start("--requirepass", SECRET, "--slowlog-log-slower-than", "0"))
    assert lines == theirs[0]
    assert slow == theirs[1]


@only_sorrel
def test_no_secret_anywhere(start):
    server = start("--requirepass", SECRET, "--slowlog-log-slower-than", "0", "--loglevel", "debug", "--masterauth", OTHER)
    lines, slow, rest = run(server)
    shown = b"\n".join(lines) + repr(slow).encode() + rest + server.log_text().encode()
    for secret in (SECRET, OTHER, "ab" * 32):
        # ACL LOG shows the name that a refused login gave, as redis does; it is no password.
        assert secret.encode() not in shown.replace(b"no" + SECRET.encode(), b"")
    with open(f"/proc/{server.process.pid}/cmdline", "rb") as f:
        title = f.read()
    assert SECRET.encode() not in title and OTHER.encode() not in title


@only_sorrel
@pytest.mark.parametrize("words", [("--primaryauth", "pw-4711"), ("--masterauth pw-4711",), ("--requirepass", "--pw-4711"),
                                   ("--user", "bob", "on", ">pw-4711"), ("--tls-key-file-pass", "pw-4711")])
def test_command_line_keeps_no_secret(start, words):
    server = start(*words, "--set-proc-title", "no", "--timeout", "77")
    with open(f"/proc/{server.process.pid}/cmdline", "rb") as f:
        title = f.read()
    assert b"4711" not in title and b"--timeout\x0077" in title


@only_sorrel
def test_secrets_in_transactions_and_errors(start):
    server = start("--slowlog-log-slower-than", "0")
    with server.connect() as watcher, server.connect() as c:
        assert watcher.call("MONITOR") == ("+", b"OK")
        assert c.call("MULTI") == ("+", b"OK")
        c.call("CONFIG", "SET", "requirepass", SECRET)
        c.call("ACL", "SETUSER", "u", ">" + SECRET)
        c.call("CONFIG", "SET", "tls-key-file-pass", SECRET) # which redis shows
        c.call("EXEC")
        shown = repr(c.call("SLOWLOG", "GET", "100"))
        c.call("ECHO", "end")
        while b'"end"' not in (line := watcher.read()[1]):
            shown += repr(line)
        assert SECRET not in shown and "redacted" in shown
        for args in (["AUTH", SECRET, SECRET, SECRET], ["HELLO", "3", "AUTH", SECRET], ["ACL", "SETUSER", "u", "%" + SECRET],
                     ["CONFIG", "SET", "requirepass"], ["CONFIG", "SET", "nosuch", SECRET]):
            kind, text = c.call(*args)
            assert kind == "-" and (SECRET.encode() not in text or args[0] == "ACL"), text
