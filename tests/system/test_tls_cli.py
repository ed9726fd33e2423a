"""sorrel-cli and sorrel-benchmark over TLS: whom they believe, what they show, and everything that leaves the ordinary
way of a request and its reply."""
import os
import socket
import subprocess
import threading

import pytest
import servers
from certificates import Authority
from conftest import BIN, wait_until

CLI = os.path.join(BIN, "sorrel-cli")
BENCH = os.path.join(BIN, "sorrel-benchmark")


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "good")


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("other"), "other")


@pytest.fixture
def begin(start, ca):
    def go(*options, pair=None):
        port = servers.free_port()
        key, cert = pair or ca.issue("server")
        s = start("--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca.cert,
                  "--tls-auth-clients", "no", *options)
        s.tls_port = port
        return s
    return go


def cli(s, *args, stdin=b"", program=CLI, env=None):
    done = subprocess.run([program, "-p", str(s.tls_port), *[str(a) for a in args]], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout, done.stderr


def test_a_good_certificate(begin, ca):
    s = begin()
    assert cli(s, "--tls", "--cacert", ca.cert, "ping")[:2] == (0, b"PONG\n")
    assert cli(s, "--tls", "--cacert", ca.cert, "-h", "localhost", "ping")[:2] == (0, b"PONG\n")
    assert cli(s, "-u", f"rediss://localhost:{s.tls_port}?ssl_ca_certs={ca.cert}", "ping")[:2] == (0, b"PONG\n")
    assert cli(s, "--cacert", ca.cert, "-u", f"rediss://localhost:{s.tls_port}", "ping")[:2] == (0, b"PONG\n")
    folder = os.path.dirname(ca.cert)
    subprocess.run(["openssl", "rehash", folder], check=True, stderr=subprocess.DEVNULL)
    assert cli(s, "--tls", "--cacertdir", folder, "ping")[:2] == (0, b"PONG\n")
    assert cli(s, "--tls", "--cacert", ca.cert, "--tls-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", "ping")[0] == 0


@pytest.mark.parametrize("what", ["other authority", "self-signed", "expired", "wrong name", "no authority at all"])
def test_bad_certificates(begin, ca, other_ca, what, tmp_path):
    """Class G: the server is not believed unless everything about it is right."""
    pair, trusted, words = None, ca.cert, b"certificate"
    if what == "other authority":
        trusted, words = other_ca.cert, b"in certificate chain"
    elif what == "self-signed":
        alone = Authority(tmp_path, "alone")
        pair, words = (alone.key, alone.cert), b"self-signed"
    elif what == "expired":
        pair, words = ca.issue("late", days=-1), b"expired"
    elif what == "wrong name":
        pair, words = ca.issue("elsewhere", subject="/CN=localhost", names="DNS:example.org,IP:192.0.2.1"), b"mismatch"
    s = begin(pair=pair)
    for place in (["-h", "127.0.0.1"], ["-h", "localhost"]):
        args = ["--tls", *place, *([] if what == "no authority at all" else ["--cacert", trusted])]
        status, out, err = cli(s, *args, "ping")
        assert (status, out) == (1, b"") and b"refused" in err and words in err, err
        assert cli(s, *args, "--insecure", "ping")[:2] == (0, b"PONG\n")
    if what == "wrong name":
        assert cli(s, "--tls", "--cacert", trusted, "--sni", "example.org", "ping")[:2] == (0, b"PONG\n")
        assert cli(s, "--tls", "--cacert", trusted, "--sni", "example.com", "ping")[0] == 1
        # Under redis-cli's name it checks what redis-cli checks.
        alias = tmp_path / "redis-cli"
        alias.symlink_to(os.path.abspath(CLI))
        assert cli(s, "--tls", "--cacert", trusted, "ping", program=str(alias))[:2] == (0, b"PONG\n")
        assert cli(s, "--tls", "--cacert", trusted, "--sni", "example.com", "ping", program=str(alias))[0] == 1


def test_wildcards_and_lookalikes(begin, ca):
    s = begin(pair=ca.issue("wild", names="DNS:*.example.org"))
    for name, good in (("a.example.org", True), ("a.b.example.org", False), ("example.org", False),
                       ("aexample.org", False), ("a.example.org.evil", False)):
        assert (cli(s, "--tls", "--cacert", ca.cert, "--sni", name, "ping")[0] == 0) == good, name


def test_client_certificates(begin, ca, other_ca):
    s = begin("--tls-auth-clients", "yes")
    key, cert = ca.issue("me")
    ok = ["--tls", "--cacert", ca.cert]
    assert cli(s, *ok, "--cert", cert, "--key", key, "ping")[:2] == (0, b"PONG\n")
    status, out, err = cli(s, *ok, "ping")
    assert status == 1 and out == b"" and b"certificate required" in err, err
    bad_key, bad_cert = other_ca.issue("me")
    assert cli(s, *ok, "--cert", bad_cert, "--key", bad_key, "ping")[0] == 1
    status, out, err = cli(s, *ok, "--cert", cert, "--key", bad_key, "ping")
    assert status == 1 and b"can't use the private key" in err, err
    status, out, err = cli(s, *ok, "--cert", "/nowhere", "--key", key, "ping")
    assert status == 1 and b"can't use the certificate /nowhere" in err, err


def test_the_name_in_a_certificate_logs_in(begin, ca):
    s = begin("--tls-auth-clients", "yes", "--tls-auth-clients-user", "CN")
    with s.connect() as c:
        assert c.call("ACL", "SETUSER", "alice", "on", "+@all", "~*") == ("+", b"OK")
    key, cert = ca.issue("alice")
    assert cli(s, "--tls", "--cacert", ca.cert, "--cert", cert, "--key", key, "acl", "whoami")[1] == b"alice\n"


def test_passwords_of_any_byte(begin, ca):
    s = begin()
    with s.connect() as c:
        assert c.call("ACL", "SETUSER", "u@/:", "on", ">p+/=@%40 \xff", "+@all", "~*", "&*") == ("+", b"OK")
    url = f"rediss://u%40%2F%3A:p+%2F=%40%2540%20%C3%BF@localhost:{s.tls_port}/0"
    assert cli(s, "--cacert", ca.cert, "-u", url, "acl", "whoami")[1] == b"u@/:\n"


def test_large_values_and_pipes(begin, ca):
    s = begin()
    ok = ["--tls", "--cacert", ca.cert]
    value = os.urandom(5000000)
    assert cli(s, *ok, "-x", "set", "k", stdin=value)[1] == b"OK\n"
    assert cli(s, *ok, "-D", "", "get", "k")[1] == value
    many = b"".join(b"*3\r\n$3\r\nSET\r\n$6\r\n%06d\r\n$100\r\n%s\r\n" % (i, b"v" * 100) for i in range(50000))
    status, out, err = cli(s, *ok, "--pipe", stdin=many)
    assert status == 0 and b"errors: 0, replies: 50000" in out, out + err
    assert cli(s, *ok, "dbsize")[1] == b"50001\n"
    assert len(cli(s, *ok, "--scan")[1].splitlines()) == 50001
    lines = b"".join(b"get k%d\n" % i for i in range(2000))
    assert cli(s, *ok, stdin=lines)[1] == b"\n" * 2000


def test_subscriptions(begin, ca):
    s = begin()
    p = subprocess.Popen([CLI, "-p", str(s.tls_port), "--tls", "--cacert", str(ca.cert), "subscribe", "news"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        with s.connect() as c:
            wait_until(lambda: c.call("PUBLISH", "news", "x" * 100000) == (":", 1), what="the subscription")
            for i in range(100):
                assert c.call("PUBLISH", "news", f"number {i}") == (":", 1)
        got = []
        while got[-1:] != [b"number 99"]:
            got.append(p.stdout.readline().rstrip(b"\n"))
        assert [g for g in got if g.startswith(b"number")] == [b"number %d" % i for i in range(100)]
    finally:
        p.kill()
        p.communicate()


def test_a_server_that_is_not_there_or_not_itself(begin, ca):
    s = begin()
    status, out, err = cli(s, "--tls", "--cacert", ca.cert, "-p", s.port, "ping")  # the plain port
    assert status == 1 and out == b"" and b"TLS" in err, err
    silent = socket.create_server(("127.0.0.1", 0))
    silent.settimeout(10)
    held = []
    thread = threading.Thread(target=lambda: held.append(silent.accept()))
    thread.start()
    port = silent.getsockname()[1]
    status, out, err = cli(s, "--tls", "--cacert", ca.cert, "-t", "0.5", "-p", port, "ping")
    assert status == 1 and b"handshake took too long" in err, err
    thread.join()
    for c in held:
        c[0].close()
    silent.close()


def test_the_benchmark(begin, ca):
    s = begin()
    url = f"rediss://localhost:{s.tls_port}?ssl_ca_certs={ca.cert}"
    done = subprocess.run([BENCH, "-u", url, "-n", "20000", "-c", "10", "-P", "16", "-d", "3000", "-t", "set,get", "-q"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100)
    assert done.returncode == 0 and b"SET" in done.stdout and b"GET" in done.stdout, done.stderr
