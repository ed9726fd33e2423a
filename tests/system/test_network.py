"""Where the server listens: IPv4, IPv6, Unix sockets, and how it stops."""
import os
import signal
import socket
import stat

import pytest
import servers
from conftest import ON_SORREL, only_sorrel, wait_until


def ping(address):
    with servers.Connection(address, 5) as c:
        return c.call("PING")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_ipv4_and_ipv6(start):
    server = start("--bind", "127.0.0.1", "::1")
    assert ping(("127.0.0.1", server.port)) == ("+", b"PONG")
    assert ping(("::1", server.port)) == ("+", b"PONG")
    with servers.Connection(("::1", server.port)) as c:
        _, text = c.call("CLIENT", "INFO")
        assert b" addr=[::1]:" in text and b" laddr=[::1]:%d " % server.port in text


def test_an_optional_address_that_is_not_there(start):
    server = start("--bind", "127.0.0.1", "-192.0.2.1")
    assert ping(("127.0.0.1", server.port)) == ("+", b"PONG")


def test_an_address_that_is_not_there(start):
    server = start("--bind", "192.0.2.1", wait=False)
    assert server.process.wait(10) == 1
    assert "192.0.2.1" in server.log_text()


def test_unix_socket(start, tmp_path):
    path = str(tmp_path / "s.sock")
    server = start("--unixsocket", path, "--unixsocketperm", "700")
    assert ping(path) == ("+", b"PONG")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    with servers.Connection(path) as c:
        _, text = c.call("CLIENT", "INFO")
        assert f" addr={path}:0 laddr={path}:0 ".encode() in text
        assert c.call("SET", "k", b"x" * 1000000) == ("+", b"OK")
        assert c.call("GET", "k") == ("$", b"x" * 1000000)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0
    assert not os.path.exists(path)


def test_only_a_unix_socket(start, tmp_path):
    path = str(tmp_path / "s.sock")
    server = start("--port", "0", "--unixsocket", path, wait=False)
    wait_until(lambda: os.path.exists(path))
    assert wait_until(lambda: ping(path)) == ("+", b"PONG")
    with pytest.raises(OSError):
        ping(("127.0.0.1", server.port))


def test_a_port_in_use(start):
    first = start()
    second = start(port=first.port, wait=False)
    assert second.process.wait(10) == 1
    assert "Address already in use" in second.log_text()
    assert ping(("127.0.0.1", first.port)) == ("+", b"PONG")


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "SHUTDOWN NOSAVE"])
def test_it_stops_cleanly(start, how):
    server = start()
    if how.startswith("SIG"):
        server.process.send_signal(getattr(signal, how))
    else:
        with server.connect() as c:
            c.send(how.encode() + b"\r\n")
            with pytest.raises(servers.Closed):
                c.read()
    assert server.process.wait(10) == 0


def test_daemonize_and_pidfile(start, tmp_path):
    pidfile, log = str(tmp_path / "pid"), str(tmp_path / "log")
    server = start("--daemonize", "yes", "--pidfile", pidfile, "--logfile", log, wait=False)
    assert server.process.wait(10) == 0
    pid = int(wait_until(lambda: os.path.exists(pidfile) and open(pidfile).read().strip()))
    try:
        wait_until(lambda: is_up(server.port))
        assert os.path.getsize(log) > 0
        with server.connect() as c:
            _, info = c.call("INFO", "server")
            assert b"process_id:%d\r\n" % pid in info
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not os.path.exists(pidfile), what="the end of the daemon")


def is_up(port):
    try:
        return ping(("127.0.0.1", port)) == ("+", b"PONG")
    except OSError:
        return False


@only_sorrel
def test_it_says_who_it_is(conn):
    _, info = conn.call("INFO", "server")
    assert b"server_name:sorrel\r\n" in info and b"sorrel_version:" in info and b"redis_version:7." in info
    assert ON_SORREL
