"""syslog-enabled, syslog-ident, syslog-facility: what arrives at /dev/log.

The server runs in a mount namespace of its own, in which /dev is a folder of ours with a datagram socket in it, so that no
system's log is touched and none is needed.
"""
import os
import re
import socket
import stat
import subprocess

import pytest
import servers
from conftest import PROGRAM, only_sorrel

DEVICES = ["null", "zero", "random", "urandom"]
WRAPPER = """#!/bin/sh
exec unshare {how} sh -c '{mounts} mount --rbind {dev} /dev && exec "$0" "$@"' {program} "$@"
"""
PRIORITY = {"warning": 4, "notice": 5, "verbose": 6, "debug": 7}


class Syslog:
    """A /dev for one server: a socket as a system's logger has one, and the devices that a program needs."""
    def __init__(self, folder):
        self.dev = os.path.join(folder, "dev")
        os.mkdir(self.dev)
        for name in DEVICES:
            open(os.path.join(self.dev, name), "wb").close()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(os.path.join(self.dev, "log"))
        self.socket.settimeout(20)
        how = "--mount" if os.geteuid() == 0 else "--mount --map-root-user"
        mounts = "".join(f"mount --bind /dev/{n} {self.dev}/{n} && " for n in DEVICES)
        self.program = os.path.join(folder, "server")
        self.write(self.program, how, mounts, os.path.abspath(PROGRAM))
        probe = os.path.join(folder, "probe")
        self.write(probe, how, mounts, "/bin/true")
        self.refused = subprocess.run([probe], capture_output=True, text=True, timeout=20).stderr

    def write(self, path, how, mounts, program):
        with open(path, "w") as f:
            f.write(WRAPPER.format(how=how, mounts=mounts, dev=self.dev, program=program))
        os.chmod(path, stat.S_IRWXU)

    def until(self, words):
        while True:
            line = self.socket.recv(4096).decode()
            if words in line:
                return line


@pytest.fixture
def syslog(tmp_path):
    s = Syslog(tmp_path)
    yield s
    s.socket.close()


@only_sorrel
@pytest.mark.parametrize("ident,facility,number", [(None, None, 16), ("my-store", "local7", 23), ("x", "USER", 1)])
def test_lines_arrive(syslog, ident, facility, number):
    if syslog.refused:
        pytest.skip("no mount namespace: " + syslog.refused.strip())
    options = ["--syslog-enabled", "yes", "--enable-debug-command", "yes", "--loglevel", "debug"]
    options += ["--syslog-ident", ident] if ident else []
    options += ["--syslog-facility", facility] if facility else []
    server = servers.Server(syslog.program, *options)
    try:
        with server.connect() as c:
            assert c.call("DEBUG", "LOG", "to\nall %s who read") == ("+", b"OK")
            line = syslog.until("DEBUG LOG")
            assert c.call("CONFIG", "GET", "syslog-facility")[1][1] == ("$", (facility or "local0").lower().encode())
        pid = server.process.pid
        assert re.fullmatch(rf"<{number * 8 + PRIORITY['warning']}>\w{{3}} [ \d]\d \d\d:\d\d:\d\d {ident or 'redis'}\[{pid}\]: "
                            r"DEBUG LOG: to\\x0aall %s who read", line), line
        server.process.terminate()
        line = syslog.until("SIGTERM")
        assert line.startswith((f"<{number * 8 + PRIORITY['warning']}>", f"<{number * 8 + PRIORITY['notice']}>")), line
        assert server.process.wait(20) == 0
        assert "DEBUG LOG" in server.log_text()  # and where the log goes otherwise
    finally:
        server.stop()


@only_sorrel
def test_nothing_arrives_unasked(syslog):
    if syslog.refused:
        pytest.skip("no mount namespace: " + syslog.refused.strip())
    server = servers.Server(syslog.program, "--enable-debug-command", "yes")
    try:
        with server.connect() as c:
            assert c.call("DEBUG", "LOG", "nothing") == ("+", b"OK")
        server.process.terminate()
        assert server.process.wait(20) == 0
        syslog.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            syslog.socket.recv(4096)
    finally:
        server.stop()
