"""Passwords hold any byte, and arrive unharmed by every way there is: the configuration file, the command line, CONFIG SET and
REWRITE, ACL SETUSER, the ACL file, AUTH, HELLO, and the URLs of clients."""
import os
import random
import subprocess
import sys
from urllib.parse import quote

import pytest
import servers
from conftest import BIN, only_sorrel

CLI = os.path.join(BIN, "sorrel-cli")
NASTY = [b"p+/=@%40", b"a b", b" leading", b"trailing ", b"#hash", b"\"quoted\"", b"it's", b"back\\slash", b"tab\tand\r\nlines", b"\x00nul", b"\xff\xfe\x80",
         b"%s%n", b"$HOME `id`", b"?a=b&c=d", b"::@@//", b"\x01", b"(~*)", b">x", bytes(range(1, 256)), bytes(range(256)), b"x" * 500,
         "пароль ☃".encode()]


def quoted(password):
    """As the configuration file wants it."""
    return '"' + "".join(f"\\x{b:02x}" if b < 32 or b > 126 or b in b'"\\' else chr(b) for b in password) + '"'


def lets_in(server, password, user=None):
    with server.connect() as c:
        ok = c.call("AUTH", *([user] if user else []), password) == ("+", b"OK")
        assert user or (c.call("PING") == ("+", b"PONG")) == ok
    with server.connect() as c:
        assert (c.call("HELLO", "3", "AUTH", user or "default", password)[0] == "%") == ok
    with server.connect() as c:
        assert c.call("AUTH", *([user] if user else []), password + b"x")[0] == "-"
        if len(password) > 1:
            assert c.call("AUTH", *([user] if user else []), password[:-1])[0] == "-"
    return ok


@pytest.mark.parametrize("password", NASTY, ids=lambda p: repr(p[:12]))
def test_configuration_file(start, password):
    # A NUL ends the value there: redis keeps the configuration as C strings, and so do its users' files.
    if b"\0" in password:
        pytest.skip("not in a configuration file")
    assert lets_in(start(config=f"requirepass {quoted(password)}\n"), password)


@pytest.mark.parametrize("password", NASTY, ids=lambda p: repr(p[:12]))
def test_command_line(start, password):
    if b"\0" in password:
        pytest.skip("no argument of a program holds a NUL")
    server = start()
    args = [os.fsencode(a) if isinstance(a, str) else a for a in server.args]
    server.stop()
    os.makedirs(server.dir, exist_ok=True)
    with open(server.log, "wb") as log:
        server.process = subprocess.Popen([*args, b"--requirepass", password], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=server.dir)
    server.wait_ready()
    assert lets_in(server, password)


@only_sorrel
def test_commands_and_files(start, tmp_path):
    path = tmp_path / "users.acl"
    path.write_text("user default on nopass ~* &* +@all\n")
    server = start("--aclfile", path)
    with server.connect() as c:
        for i, password in enumerate(NASTY):
            assert c.call("ACL", "SETUSER", f"u{i}", "on", b">" + password, "+@all", "~*") == ("+", b"OK")
            assert lets_in(server, password, f"u{i}")
        assert c.call("ACL", "SAVE") == ("+", b"OK") and c.call("ACL", "LOAD") == ("+", b"OK")
        for i, password in enumerate(NASTY):
            assert lets_in(server, password, f"u{i}")
            assert c.call("ACL", "SETUSER", f"u{i}", b"<" + password) == ("+", b"OK")
            assert not lets_in(server, password, f"u{i}")


def test_config_set_and_rewrite(start):
    server = start(config="loglevel notice\n")
    with server.connect() as c:
        for password in NASTY:
            if b"\0" in password:
                continue
            assert c.call("CONFIG", "SET", "requirepass", password) == ("+", b"OK")
            assert c.call("CONFIG", "GET", "requirepass")[1][1] == ("$", password)
            assert lets_in(server, password)
            assert c.call("CONFIG", "REWRITE") == ("+", b"OK")
            with open(os.path.join(server.dir, "test.conf"), "rb") as f:
                line = [x for x in f.read().splitlines() if x.startswith(b"requirepass")]
            again = start(config=line[0].decode("ascii") + "\n") if password in (NASTY[0], NASTY[4], NASTY[5], NASTY[8], NASTY[10], NASTY[18]) else None
            if again:
                assert lets_in(again, password)
                again.stop()


def test_urls_of_the_cli_and_redis_py(start):
    redis = pytest.importorskip("redis")
    server = start()
    with server.connect() as c:
        for i, password in enumerate(p for p in NASTY if b"\0" not in p):
            user = f"u@:/{i}"
            assert c.call("ACL", "SETUSER", user, "on", b">" + password, "+@all", "~*") == ("+", b"OK")
            url = f"redis://{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{server.port}/0"
            done = subprocess.run([CLI, "--no-auth-warning", "-u", url, "acl", "whoami"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
            assert done.stdout == user.encode() + b"\n", (password, done.stderr)
            done = subprocess.run([CLI, "--no-auth-warning", "-p", str(server.port), "--user", user, b"-a", password, "acl", "whoami"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
            assert done.stdout == user.encode() + b"\n", (password, done.stderr)
            done = subprocess.run([CLI, "-p", str(server.port), "--user", user, "acl", "whoami"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=20, env={**os.environb, b"REDISCLI_AUTH": password})
            assert done.stdout == user.encode() + b"\n", (password, done.stderr)
            r = redis.Redis(port=server.port, username=user, password=password)
            assert r.acl_whoami() == user
            r.close()
            try:
                password.decode()
            except UnicodeDecodeError:
                continue
            r = redis.Redis.from_url(url)
            assert r.acl_whoami() == user
            r.close()


@only_sorrel
def test_an_unencoded_password_in_a_url(start):
    """As people paste them: everything but '?' means itself."""
    server = start("--requirepass", "a+/=b@c:%zz#1")
    done = subprocess.run([CLI, "--no-auth-warning", "-u", f"redis://:a+/=b@c:%zz#1@127.0.0.1:{server.port}/0", "ping"], stdout=subprocess.PIPE, timeout=20)
    assert done.stdout == b"PONG\n"
