"""TLS: the port of its own, certificates good and bad, handshakes that stall, exchange of certificates."""
import os
import re
import select
import shutil
import socket
import ssl
import subprocess
import time

import pytest
import resp
import servers
from certificates import Authority
from conftest import only_sorrel, wait_until

redis = pytest.importorskip("redis")


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "good")


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("other"), "other")


@pytest.fixture(scope="module")
def identity(ca):
    return ca.issue("server")


@pytest.fixture
def begin(start, ca, identity):
    def go(*options, key=None, cert=None):
        port = servers.free_port()
        s = start("--tls-port", port, "--tls-cert-file", cert or identity[1], "--tls-key-file", key or identity[0],
                  "--tls-ca-cert-file", ca.cert, *options)
        s.tls_port = port
        return s
    return go


class Secure:
    """A connection over TLS that speaks RESP."""

    def __init__(self, port, ca=None, pair=None, context=None, timeout=20):
        c = context or ssl.create_default_context(cafile=str(ca.cert) if ca else None)
        if pair:
            c.load_cert_chain(str(pair[1]), str(pair[0]))
        self.socket = c.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout), server_hostname="localhost")
        self.data = b""

    def read(self):
        while True:
            try:
                reply, end = resp.parse(self.data)
                self.data = self.data[end:]
                return reply
            except (resp.Incomplete, IndexError):
                more = self.socket.recv(1 << 20)
                if not more:
                    raise EOFError from None
                self.data += more

    def call(self, *args):
        self.socket.sendall(resp.encode(args))
        return self.read()

    def exchange(self, request, replies):
        """Sends while it reads, from one thread: an SSL object bears no more."""
        got, view = [], memoryview(request)
        self.socket.setblocking(False)
        while len(got) < replies:
            try:
                view = view[self.socket.send(view[:16384]):] if view else view
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            try:
                more = self.socket.recv(1 << 20)
                assert more, f"it closed after {len(got)} replies"
                self.data += more
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                select.select([self.socket], [self.socket] if view else [], [], 20)
                continue
            at = 0
            try:
                while True:
                    reply, at = resp.parse(self.data, at)
                    got.append(reply)
            except (resp.Incomplete, IndexError):
                self.data = self.data[at:]
        self.socket.setblocking(True)
        return got

    def close(self):
        self.socket.close()


def certificate_of(port):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    with c.wrap_socket(socket.create_connection(("127.0.0.1", port), 10)) as s:
        return s.getpeercert(True)


def refused(port, **how):
    """With TLS 1.3 a server's refusal comes after the client's handshake is done."""
    try:
        c = Secure(port, **how)
        c.call("PING")
    except (ssl.SSLError, EOFError, ConnectionError):
        return True
    return False


def test_redis_py(begin, ca):
    s = begin("--tls-auth-clients", "no")
    r = redis.Redis.from_url(f"rediss://localhost:{s.tls_port}/0?ssl_ca_certs={ca.cert}")
    assert r.set("k", b"v" * 3000000) and r.get("k") == b"v" * 3000000
    with r.pipeline(transaction=False) as p:
        for i in range(20000):
            p.set(f"k{i}", i)
            p.get(f"k{i}")
        got = p.execute()
    assert got[1::2] == [b"%d" % i for i in range(20000)]
    assert s.connect().call("PING") == ("+", b"PONG")
    r.close()


def test_redis_cli(begin, ca):
    if not shutil.which("redis-cli"):
        pytest.skip("redis-tools is not there")
    s = begin("--tls-auth-clients", "no")
    done = subprocess.run(["redis-cli", "--tls", "--cacert", str(ca.cert), "-h", "localhost", "-p", str(s.tls_port), "ping"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20, stdin=subprocess.DEVNULL)
    assert done.stdout == b"PONG\n"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_byte_is_left_inside(begin, ca, version):
    """What was decrypted is handled at once, wherever records and reads end."""
    s = begin("--tls-auth-clients", "no")
    context = ssl.create_default_context(cafile=str(ca.cert))
    context.minimum_version = context.maximum_version = version
    c = Secure(s.tls_port, context=context)
    for size in (1, 16383, 16384, 16385, 131071, 131072, 400000, 5000000):
        value = os.urandom(size)
        request = resp.encode(["ECHO", value]) + resp.encode(["PING"])
        assert c.exchange(request, 2) == [("$", value), ("+", b"PONG")]
    many = resp.encode(["ECHO", "x" * 90]) * 30000
    assert c.exchange(many, 30000) == [("$", b"x" * 90)] * 30000
    for byte in resp.encode(["PING"]):
        c.socket.sendall(bytes([byte]))
    assert c.read() == ("+", b"PONG")
    c.close()


def test_a_slow_reader_gets_everything(begin, ca):
    s = begin("--tls-auth-clients", "no")
    c = Secure(s.tls_port, ca)
    value = os.urandom(2000000)
    assert c.call("SET", "k", value) == ("+", b"OK")
    c.socket.sendall(resp.encode(["GET", "k"]) * 10)
    with s.connect() as plain:
        assert plain.call("PING") == ("+", b"PONG")
    for _ in range(10):
        assert c.read() == ("$", value)
    c.close()


def test_clients_must_show_a_certificate(begin, ca, other_ca):
    s = begin()
    me = ca.issue("me")
    assert refused(s.tls_port, ca=ca)
    assert refused(s.tls_port, ca=ca, pair=other_ca.issue("me"))
    assert refused(s.tls_port, ca=ca, pair=ca.issue("old", days=-1))
    assert refused(s.tls_port, ca=ca, pair=(other_ca.key, other_ca.cert))
    assert Secure(s.tls_port, ca, me).call("PING") == ("+", b"PONG")
    with s.connect() as c:
        assert c.call("CONFIG", "SET", "tls-auth-clients", "optional") == ("+", b"OK")
    assert not refused(s.tls_port, ca=ca) and refused(s.tls_port, ca=ca, pair=other_ca.issue("me"))


def test_a_client_sees_what_is_wrong_with_the_server(begin, ca, other_ca):
    s = begin("--tls-auth-clients", "no")
    with pytest.raises(ssl.SSLCertVerificationError):
        Secure(s.tls_port, other_ca)
    old = ca.issue("late", days=-1)
    with s.connect() as c:
        assert c.call("CONFIG", "SET", "tls-cert-file", old[1], "tls-key-file", old[0]) == ("+", b"OK")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        Secure(s.tls_port, ca)


@only_sorrel
def test_the_name_in_a_certificate_is_the_user(begin, ca):
    s = begin("--tls-auth-clients-user", "CN")
    with s.connect() as c:
        assert c.call("ACL", "SETUSER", "alice", "on", "+@all", "~*") == ("+", b"OK")
        assert c.call("ACL", "SETUSER", "bob", "off", "+@all") == ("+", b"OK")
    for subject, user in (("/CN=alice", b"alice"), ("/CN=bob", b"default"), ("/CN=nobody", b"default"),
                          ("/CN=alic", b"default"), ("/CN=alice2", b"default"), ("/CN=bob/CN=alice", b"default")):
        pair = ca.issue("user" + subject.replace("/", "_"), subject=subject)
        assert Secure(s.tls_port, ca, pair).call("ACL", "WHOAMI") == ("$", user)


def test_a_key_with_a_passphrase(begin, ca, start):
    key, cert = ca.issue("locked", passphrase="s e+c/r=t")
    s = begin("--tls-auth-clients", "no", "--tls-key-file-pass", "s e+c/r=t", key=key, cert=cert)
    assert Secure(s.tls_port, ca).call("PING") == ("+", b"PONG")
    assert "s e+c" not in s.log_text()
    with pytest.raises(RuntimeError):
        begin("--tls-key-file-pass", "wrong", key=key, cert=cert)


def test_the_certificate_is_exchanged_under_connected_clients(begin, ca):
    s = begin("--tls-auth-clients", "no")
    clients = [Secure(s.tls_port, ca) for _ in range(20)]
    before = certificate_of(s.tls_port)
    new = ca.issue("new")
    with s.connect() as c:
        kind, error = c.call("CONFIG", "SET", "tls-cert-file", "/nowhere")
        assert kind == "-" and b"Unable to update TLS" in error
        assert certificate_of(s.tls_port) == before
        assert c.call("CONFIG", "SET", "tls-cert-file", new[1], "tls-key-file", new[0]) == ("+", b"OK")
        swapped = certificate_of(s.tls_port)
        assert swapped != before
        again = ca.issue("new")  # the same files with other contents
        assert again == new and c.call("CONFIG", "SET", "tls-cert-file", new[1], "tls-key-file", new[0]) == ("+", b"OK")
        assert certificate_of(s.tls_port) not in (before, swapped)
    for c in clients:
        assert c.call("PING") == ("+", b"PONG")


def test_protocols_and_ciphers(begin, ca):
    s = begin("--tls-auth-clients", "no", "--tls-protocols", "TLSv1.2", "--tls-ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256")
    c = Secure(s.tls_port, ca)
    assert c.socket.version() == "TLSv1.2" and c.socket.cipher()[0] == "ECDHE-ECDSA-AES128-GCM-SHA256"
    with s.connect() as plain:
        assert plain.call("CONFIG", "SET", "tls-protocols", "TLSv1.3", "tls-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256") \
            == ("+", b"OK")
        d = Secure(s.tls_port, ca)
        assert d.socket.version() == "TLSv1.3" and d.socket.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"
        assert plain.call("CONFIG", "SET", "tls-protocols", "SSLv9")[0] == "-"
    assert c.call("PING") == ("+", b"PONG")


def test_only_tls_and_a_port_that_comes_and_goes(begin, ca):
    s = begin("--tls-auth-clients", "no")
    c = Secure(s.tls_port, ca)
    assert c.call("CONFIG", "SET", "port", "0") == ("+", b"OK")
    with pytest.raises(ConnectionRefusedError):
        s.connect()
    assert b"tcp_port:%d" % s.tls_port in c.call("INFO", "server")[1]
    assert c.call("CONFIG", "SET", "port", s.port) == ("+", b"OK")
    with s.connect() as plain:
        assert plain.call("CONFIG", "SET", "tls-port", "0") == ("+", b"OK")
        assert c.call("PING") == ("+", b"PONG")
        with pytest.raises(ConnectionRefusedError):
            Secure(s.tls_port, ca)
        assert plain.call("CONFIG", "SET", "tls-port", s.tls_port) == ("+", b"OK")
    assert Secure(s.tls_port, ca).call("PING") == ("+", b"PONG")


def test_what_is_no_tls(begin, ca):
    s = begin("--tls-auth-clients", "no")
    for junk in (b"PING\r\n", b"*1\r\n$4\r\nPING\r\n", os.urandom(5000), b"\x16\x03\x01\xff\xff" + b"x" * 70000, b""):
        with socket.create_connection(("127.0.0.1", s.tls_port), 5) as raw:
            try:
                raw.sendall(junk)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(65536):
                    pass
            except OSError:
                pass
    assert Secure(s.tls_port, ca).call("PING") == ("+", b"PONG")


@only_sorrel
def test_a_handshake_that_stalls_holds_up_nobody_and_ends(begin, ca):
    s = begin("--tls-auth-clients", "no")
    stalled = [socket.create_connection(("127.0.0.1", s.tls_port), 20) for _ in range(5)]
    stalled[0].sendall(b"\x16\x03\x01")
    with s.connect() as c:
        wait_until(lambda: c.call("CLIENT", "LIST")[1].count(b"\n") == 6, what="all are there")
        assert Secure(s.tls_port, ca).call("PING") == ("+", b"PONG")
        for raw in stalled:
            try:
                while raw.recv(4096):  # at most an alert
                    pass
            except ConnectionResetError:
                pass
        wait_until(lambda: c.call("CLIENT", "LIST")[1].count(b"\n") == 1, what="all are gone")
        assert c.call("PING") == ("+", b"PONG")


@only_sorrel
def test_replication_over_tls(begin, start, ca, other_ca):
    """The link to a primary goes over TLS when tls-replication says so: with its own certificate, to one that is believed."""
    primary = begin("--requirepass", "s e+c/r=t", "--masterauth", "s e+c/r=t")
    with primary.connect() as c:
        assert c.call("AUTH", "s e+c/r=t") == ("+", b"OK")
        assert c.call("SET", "k", b"v" * 1000000) == ("+", b"OK")
        client_key, client_cert = ca.issue("replica", passphrase="pa ss")

        def replica(authority, key, cert, *more):
            return start("--tls-replication", "yes", "--replicaof", "127.0.0.1", primary.tls_port, "--masterauth", "s e+c/r=t",
                         "--tls-ca-cert-file", authority.cert, "--tls-client-cert-file", cert, "--tls-client-key-file", key, *more)

        def up(server):
            with server.connect() as d:
                return b"master_link_status:up" in d.call("INFO", "replication")[1]

        good = replica(ca, client_key, client_cert, "--tls-client-key-file-pass", "pa ss")
        wait_until(lambda: up(good), what="the link")
        with good.connect() as d:
            assert d.call("GET", "k") == ("$", b"v" * 1000000)
            assert c.call("SET", "k2", "later") == ("+", b"OK")
            wait_until(lambda: d.call("GET", "k2") == ("$", b"later"))
        doubtful = replica(other_ca, client_key, client_cert, "--tls-client-key-file-pass", "pa ss")
        key, cert = other_ca.issue("stranger")
        stranger = replica(ca, key, cert)
        wait_until(lambda: re.search("failed|lost", doubtful.log_text()) and re.search("failed|lost", stranger.log_text()), what="both fail")
        with stranger.connect() as d, doubtful.connect() as e:
            for _ in range(10):
                assert d.call("EXISTS", "k") == (":", 0) and e.call("EXISTS", "k") == (":", 0)
                time.sleep(0.1)
        assert not up(doubtful) and not up(stranger) and up(good)
        for s in (good, doubtful, stranger):
            assert "s e+c/r=t" not in s.log_text()


def test_a_thousand_clients_keep_their_connections(begin, ca):
    """S2: certificates are exchanged under a thousand clients, and none of them notices."""
    s = begin("--tls-auth-clients", "no", "--maxclients", "2000")
    context = ssl.create_default_context(cafile=str(ca.cert))
    clients = [Secure(s.tls_port, context=context) for _ in range(1000)]
    new = ca.issue("another")
    with s.connect() as c:
        assert c.call("CONFIG", "SET", "tls-cert-file", new[1], "tls-key-file", new[0]) == ("+", b"OK")
    for c in clients:
        assert c.call("PING") == ("+", b"PONG")
    for c in clients:
        c.close()
