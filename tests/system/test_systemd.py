"""The unit, started by systemd itself: a systemd of its own as the first process of new namespaces, on a copy of this system that
nobody else sees (an overlay whose changes are in memory). It takes root, and systemd and cgroup2 to be there; nothing stays behind."""
import os
import shutil
import subprocess

import pytest
from conftest import BIN, ROOT, only_sorrel, wait_until

SYSTEMD = "/lib/systemd/systemd"
SYSUSERS = "usr/local/share/sorrel.sysusers"  # not where systemd looks as it boots
PROGRAMS = ["sorrel-server", "sorrel-cli"]

BOOT = r"""
set -e
top=$1 system=$1/t/system
mount --make-rprivate /
mount -t tmpfs none $top/t
mkdir $top/t/changes $top/t/work $system
mount -t overlay none -o lowerdir=/,upperdir=$top/t/changes,workdir=$top/t/work $system
mount -t proc none $system/proc
mount -t sysfs -o ro none $system/sys
mount -t cgroup2 none $system/sys/fs/cgroup
for d in dev run tmp var/log; do mount -t tmpfs -o mode=755 none $system/$d; done
for d in null zero full random urandom tty; do touch $system/dev/$d; mount --bind /dev/$d $system/dev/$d; done
mkdir $system/dev/pts $system/dev/shm $system/dev/mqueue
mount -t devpts -o newinstance,ptmxmode=0666 none $system/dev/pts
ln -s pts/ptmx $system/dev/ptmx
cp -r $top/files/. $system/
echo 0123456789abcdef0123456789abcdef > $system/etc/machine-id
: > $system/etc/fstab
ip link set lo up
cd $system
mkdir -p old
pivot_root . old
umount -l /old
exec env -i container=test PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin """ + SYSTEMD + """ --system --unit=sorrel-test.target --log-target=journal --show-status=0
"""


def cgroup2():
    with open("/proc/mounts") as f:
        return next((line.split()[1] for line in f if line.split()[2] == "cgroup2"), None)


def why_not():
    if os.geteuid() != 0:
        return "only root may start a systemd in namespaces"
    if not os.path.exists(SYSTEMD) or not cgroup2() or not all(map(shutil.which, ["unshare", "nsenter", "ip", "systemctl", "systemd-sysusers"])):
        return "systemd, cgroup2 or util-linux are not there"
    probe = subprocess.run(["unshare", "-mpuinC", "--fork", "true"], stderr=subprocess.DEVNULL)
    return None if probe.returncode == 0 else "no namespaces may be made here"


class Machine:
    """One that has booted, with our files on it."""

    def __init__(self, folder, conf):
        self.group = os.path.join(cgroup2(), f"sorrel-test-{os.getpid()}")
        files = folder / "files"
        for name in PROGRAMS:
            os.makedirs(files / "usr/local/bin", exist_ok=True)
            shutil.copy(os.path.join(BIN, name), files / "usr/local/bin" / name)
        os.makedirs(files / "usr/local/lib/systemd/system"), os.makedirs(files / "usr/local/share"), os.makedirs(files / "etc/sorrel")
        with open(os.path.join(ROOT, "dist/sorrel.service")) as f:
            (files / "usr/local/lib/systemd/system/sorrel.service").write_text(f.read().replace("@BIN@", "/usr/local/bin"))
        shutil.copy(os.path.join(ROOT, "dist/sorrel.sysusers"), files / SYSUSERS)
        (files / "etc/sorrel/sorrel.conf").write_text(conf)
        units = files / "etc/systemd/system"
        os.makedirs(units)
        # Journald is all that it needs of this system's services.
        (units / "sorrel-test.target").write_text("[Unit]\nDefaultDependencies=no\nWants=systemd-journald.service\n")
        for name in ("sysinit.target", "basic.target", "network-online.target"):
            (units / name).write_text("[Unit]\nDefaultDependencies=no\n")
        os.makedirs(folder / "t")
        os.mkdir(self.group)
        boot = folder / "boot.sh"
        boot.write_text(BOOT)
        self.process = subprocess.Popen(["sh", "-c", f"echo $$ > {self.group}/cgroup.procs && exec unshare -mpuinC --fork --kill-child bash {boot} {folder}"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(folder / "errors", "w"))
        self.errors = folder / "errors"
        self.first = wait_until(self.first_process, what="the namespaces")
        wait_until(lambda: self.run("systemctl", "is-active", "sorrel-test.target") == (0, "active\n"), 60, "systemd is up: " + self.errors.read_text())

    def first_process(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            found = f.read().split()
        return found[0] if found else None

    def run(self, *args):
        done = subprocess.run(["nsenter", "-t", self.first, "-m", "-p", "-u", "-i", "-n", "-C", "env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                               *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return done.returncode, done.stdout.decode(errors="replace")

    def cli(self, *args):
        return self.run("sorrel-cli", "-a", "secret", "--no-auth-warning", *args)[1].strip()

    def shown(self, name):
        return self.run("systemctl", "show", "sorrel", "-p", name, "--value")[1].strip()

    def journal(self):
        self.run("journalctl", "--sync")
        return self.run("journalctl", "-u", "sorrel", "--no-pager", "-o", "cat")[1]

    def stop(self):
        self.process.kill()  # and with it, all that it started
        self.process.wait()

        def gone():
            for path, _, _ in os.walk(self.group, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    return False
            return True
        wait_until(gone, what="the control group is empty")


@pytest.fixture
def machine(tmp_path):
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with open(os.path.join(ROOT, "dist/sorrel.conf")) as f:
        conf = f.read()
    assert "sandbox yes" in conf
    m = Machine(tmp_path, conf + "requirepass secret\nenable-protected-configs yes\nenable-debug-command yes\nunixsocket /run/sorrel/s\n")
    yield m
    m.stop()


@only_sorrel
def test_the_unit_under_systemd(machine):
    """With the configuration that is installed beside it, so in the sandbox, too."""
    m = machine
    # As a user of the moment; then as the one that systemd-sysusers makes, with a configuration that others can't read.
    assert m.run("systemctl", "start", "sorrel") == (0, ""), m.journal()
    assert m.shown("StatusText") == "Ready to accept connections" and int(m.shown("UID")) > 60000
    assert m.cli("SET", "k", "v") == "OK"
    assert m.run("systemctl", "stop", "sorrel") == (0, "") and m.shown("Result") == "success"
    assert m.run("systemd-sysusers", "/" + SYSUSERS)[0] == 0
    assert m.run("sh", "-c", "chown root:sorrel /etc/sorrel/sorrel.conf && chmod 640 /etc/sorrel/sorrel.conf")[0] == 0
    assert m.run("systemctl", "start", "sorrel") == (0, ""), m.journal()
    assert "Confined by Landlock" in m.journal() and m.run("id", "-u", "sorrel")[1].strip() == m.shown("UID")
    pid = m.shown("MainPID")
    status = m.run("cat", f"/proc/{pid}/status")[1]
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status and "CapBnd:\t0000000000000000" in status

    # All that a server does goes on.
    assert m.cli("GET", "k") == "v"
    assert m.cli("-s", "/run/sorrel/s", "PING") == "PONG"
    assert m.cli("SAVE") == "OK"
    assert "started" in m.cli("BGREWRITEAOF")
    wait_until(lambda: "aof_rewrite_in_progress:0" in m.cli("INFO", "persistence"))
    assert "aof_last_bgrewrite_status:ok" in m.cli("INFO", "persistence")
    assert m.cli("EVAL", "local s = 0 for i = 1, 100000 do s = s + i end return s", "0") == "5000050000"
    assert m.cli("CONFIG", "SET", "timeout", "100") == "OK" and m.cli("CONFIG", "REWRITE") == "OK"

    # And nothing else does.
    for folder in ("/etc/sorrel", "/usr/local", "/home", "/tmp", "/run"):
        m.cli("CONFIG", "SET", "dir", folder)
        assert m.cli("SAVE").startswith("ERR") or m.cli("CONFIG", "GET", "dir").endswith("/var/lib/private/sorrel"), folder
    assert m.cli("CONFIG", "SET", "dir", "/var/lib/sorrel") == "OK"

    # A crash is in the journal, and the server comes back with its data.
    m.cli("DEBUG", "SEGFAULT")
    wait_until(lambda: m.shown("NRestarts") == "1" and m.shown("ActiveState") == "active", 30)
    assert "CRASH REPORT BEGIN" in m.journal() and "command: debug, 2 arguments" in m.journal() and "secret" not in m.journal()
    assert m.cli("GET", "k") == "v" and m.cli("CONFIG", "GET", "timeout").endswith("100")
