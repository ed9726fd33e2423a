"""What primaries, replicas and replicas without their primary answer, word for word beside redis-server's."""
import shlex
import signal
import time

import resp
import servers
from conftest import PROGRAM, only_sorrel
from replication import follow, info, link_up, wait_linked, wait_online, wait_until

ORACLE = servers.oracle_command()
OPTIONS = ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"]
pytestmark = only_sorrel

ALONE = """
FAILOVER|FAILOVER ABORT|FAILOVER TO|FAILOVER TO h|FAILOVER TO h 1|FAILOVER TO h x|FAILOVER TO h 0|FAILOVER TO 127.0.0.1 70000
FAILOVER TO 127.0.0.1 -1|FAILOVER FORCE|FAILOVER FORCE FORCE|FAILOVER TIMEOUT|FAILOVER TIMEOUT 0|FAILOVER TIMEOUT -1|FAILOVER TIMEOUT x
FAILOVER TO 127.0.0.1 1 FORCE|FAILOVER TO 127.0.0.1 1 TIMEOUT 100 FORCE|FAILOVER ABORT TO h 1|FAILOVER TIMEOUT 10 TIMEOUT 20
FAILOVER TO a 1 TO b 2|FAILOVER BOGUS|FAILOVER TIMEOUT 5 ABORT
REPLICAOF|REPLICAOF a|REPLICAOF a b|REPLICAOF a 70000|REPLICAOF a -1|REPLICAOF no two|REPLICAOF no one|SLAVEOF NO ONE
WAIT|WAIT a 0|WAIT 0 a|WAIT 0 -1|WAIT -1 0|WAIT 0 0|PSYNC|PSYNC ? x
REPLCONF a|REPLCONF bogus x|REPLCONF listening-port x|REPLCONF ip-address a-host-whose-name-is-longer-than-any-address.in.a.cluster.local
REPLCONF capa|REPLCONF rdb-only x|REPLCONF rdb-only 1|ROLE|ROLE x
"""
ON_REPLICA = """
SET a 1|WAIT 1 0|FAILOVER|GET a|EVAL return(redis.call('set','a',1)) 0|PUBLISH a b|PFCOUNT a|SPUBLISH x y|FUNCTION FLUSH|FLUSHALL|MULTI
SET a 1|EXEC|SCRIPT FLUSH|EVAL_RO return(1) 0|SORT x STORE y|GEORADIUS x 1 1 1 m STORE d|BITFIELD a GET u8 0|BITFIELD a SET u8 0 1
XREADGROUP GROUP g c STREAMS s >|BLPOP a 1|COPY a b|SWAPDB 0 1|RESTORE a 0 x|MIGRATE h 1 k 0 10|XGROUP CREATE a b $ MKSTREAM|GETEX a
GETDEL a|EXPIRE a 10|TOUCH a|CLIENT KILL TYPE replica|CLIENT KILL TYPE slave|CLIENT KILL TYPE bogus
"""
ON_PRIMARY = """
FAILOVER TO 127.0.0.1 1|FAILOVER TO 127.0.0.1 0|FAILOVER TO 127.0.0.1 70000|FAILOVER FORCE|FAILOVER ABORT|REPLCONF GETACK|WAIT 1 1000
"""
STALE = """
GET a|PING|INFO|ROLE|CONFIG GET port|SET a 1|MULTI|GET a|EXEC|PUBLISH a b|EVAL return(1) 0|EVAL return(redis.call('get','a')) 1 a
EVAL_RO return(1) 0|EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0|SCRIPT LOAD return(1)|COMMAND COUNT|DBSIZE|KEYS *|SELECT 1|ECHO a
TIME|LASTSAVE|SAVE|FLUSHALL|SLOWLOG GET|CLIENT ID|HELLO|AUTH x|SHUTDOWN ABORT|LATENCY RESET|MEMORY DOCTOR|OBJECT HELP|ACL WHOAMI
FUNCTION LIST|REPLICAOF x y|DEBUG SLEEP 0|WATCH a|SUBSCRIBE x
"""
SHUTDOWNS = """
SHUTDOWN NOSAVE|SHUTDOWN NOSAVE NOW|SHUTDOWN NOSAVE FORCE|SHUTDOWN NOW FORCE NOSAVE|SHUTDOWN ABORT|SHUTDOWN SAVE NOSAVE|SHUTDOWN ABORT NOW
"""
# T: a redis-server without a password, P: one with the password "pw". Here are a, b and c (which expires); T has a b, too.
MIGRATE = """
MIGRATE|MIGRATE h|MIGRATE 127.0.0.1 1 a 0 100|MIGRATE 127.0.0.1 x a 0 100|MIGRATE nohost.invalid 1 a 0 100|MIGRATE 127.0.0.1 T a 0 x
MIGRATE 127.0.0.1 T a x 100|MIGRATE 127.0.0.1 T a 0 -1|MIGRATE 127.0.0.1 T a 0 0|MIGRATE 127.0.0.1 T no 0 100
MIGRATE 127.0.0.1 T b 0 1000|MIGRATE 127.0.0.1 T b 0 1000 REPLACE|MIGRATE 127.0.0.1 T a 0 1000 COPY|MIGRATE 127.0.0.1 T a 0 1000 copy replace
MIGRATE 127.0.0.1 T c 0 1000|MIGRATE 127.0.0.1 T a 99 1000|MIGRATE 127.0.0.1 T a 3 1000
MIGRATE 127.0.0.1 P a 0 1000|MIGRATE 127.0.0.1 P a 0 1000 AUTH bad|MIGRATE 127.0.0.1 P a 0 1000 AUTH2 joe bad
MIGRATE 127.0.0.1 P a 0 1000 AUTH pw|MIGRATE 127.0.0.1 P a 0 1000 AUTH2 default pw|MIGRATE 127.0.0.1 T a 0 1000 AUTH pw
MIGRATE 127.0.0.1 T a 0 1000 AUTH|MIGRATE 127.0.0.1 T a 0 1000 AUTH2 joe|MIGRATE 127.0.0.1 T a 0 1000 BOGUS
MIGRATE 127.0.0.1 T a 0 1000 KEYS b c|MIGRATE 127.0.0.1 T "" 0 1000 KEYS a b c|MIGRATE 127.0.0.1 T "" 0 1000 KEYS a c no
MIGRATE 127.0.0.1 T "" 0 1000 REPLACE KEYS a b c|MIGRATE 127.0.0.1 T "" 0 1000 KEYS|MIGRATE 127.0.0.1 T "" 0 1000
MIGRATE 127.0.0.1 T "" 0 1000 COPY REPLACE KEYS a b|MIGRATE 127.0.0.1 T "" 0 1000 KEYS no
"""
PRIMARY_FIELDS = ("role", "connected_slaves", "master_failover_state", "second_repl_offset", "repl_backlog_active", "repl_backlog_size",
                  "repl_backlog_first_byte_offset")
REPLICA_FIELDS = ("role", "master_host", "master_link_status", "master_sync_in_progress", "slave_priority", "slave_read_only",
                  "replica_announced", "connected_slaves", "master_failover_state", "second_repl_offset", "repl_backlog_active")


def commands(text):
    return [c for line in text.strip().splitlines() for c in line.split("|")]


def ask(c, text, ports=()):
    out = []
    for command in commands(text):
        reply = repr(c.call(*command.split()))
        for n, port in enumerate(ports):
            reply = reply.replace(str(port), f"<port {n}>")
        # What is no error differs from run to run in INFO, TIME and the like.
        out.append((command, reply if reply.startswith("('-'") or len(reply) < 40 and command not in ("CLIENT ID", "LASTSAVE", "COMMAND COUNT")
                    else reply[:6]))
    return out


def flags(c, wanted):
    lines = c.call("CLIENT", "LIST")[1].decode().split("\n")
    return sorted(line.split(" flags=")[1].split()[0] for line in lines if " flags=" + wanted in line)


def alone(program):
    with servers.Server(program, *OPTIONS) as p, p.connect() as c:
        return ask(c, ALONE)


def together(program):
    out = {}
    with servers.Server(program, *OPTIONS) as p, servers.Server(program, *OPTIONS) as r, p.connect() as c, r.connect() as d:
        ports = (p.port, r.port)
        follow(r, "127.0.0.1", p.port)
        wait_online(p, r)
        out["roles"] = repr((d.call("ROLE")[1][1:4], c.call("ROLE")[1][2][1][0][1][:2])).replace(str(p.port), "P").replace(str(r.port), "R")
        out["again"] = d.call("REPLICAOF", "127.0.0.1", p.port)
        out["on the replica"] = ask(d, ON_REPLICA, ports)
        out["on the primary"] = ask(c, ON_PRIMARY, ports)
        out["forced without a time"] = c.call("FAILOVER", "TO", "127.0.0.1", r.port, "FORCE")
        out["INFO of the primary"] = sorted(info(p)), [info(p)[k] for k in PRIMARY_FIELDS]
        out["INFO of the replica"] = sorted(info(r)), [info(r)[k] for k in REPLICA_FIELDS]
        out["clients"] = flags(c, "S"), flags(d, "M")
        # The link comes back by itself.
        out["kill the link"] = d.call("CLIENT", "KILL", "TYPE", "master"), c.call("CLIENT", "KILL", "TYPE", "slave")[0]
        wait_until(lambda: info(p, "stats")["sync_partial_ok"] != "0")
        wait_linked(r)
        p.process.send_signal(signal.SIGKILL)
        p.process.wait()
        wait_until(lambda: not link_up(r))
        time.sleep(0.1)
        out["role without"] = repr(d.call("ROLE")[1]).replace(str(p.port), "P").replace("connecting", "connect")
        out["INFO without"] = sorted(info(r)), [info(r)[k] for k in REPLICA_FIELDS]
        d.call("CONFIG", "SET", "replica-serve-stale-data", "no")
        out["without"] = ask(d, STALE, ports)
    return out


def test_a_primary_alone():
    want, got = alone(ORACLE), alone(PROGRAM)
    assert [x for x in zip(want, got) if x[0] != x[1]] == []


def test_a_primary_its_replica_and_a_replica_alone():
    want, got = together(ORACLE), together(PROGRAM)
    different = []
    for what, value in want.items():
        if isinstance(value, list):
            different += [(what, *x) for x in zip(value, got[what]) if x[0] != x[1]]
        elif value != got[what]:
            different.append((what, value, got[what]))
    assert different == [], "\n".join(map(str, different))


def test_a_target_that_is_nobodys_port_is_no_target():
    """FAILOVER TO a host and port 0 once meant whoever has caught up first."""
    with servers.Server(PROGRAM, *OPTIONS) as p, servers.Server(PROGRAM, *OPTIONS) as r, p.connect() as c:
        follow(r, "127.0.0.1", p.port)
        wait_online(p, r)
        for port in ("0", "-1", "70000", "1"):
            assert c.call("FAILOVER", "TO", "127.0.0.1", port) == ("-", b"ERR FAILOVER target HOST and PORT is not a replica.")
        assert c.call("FAILOVER", "TO", "x" * 300, "1") == ("-", b"ERR FAILOVER target HOST and PORT is not a replica.")
        assert c.call("ROLE")[1][0] == ("$", b"master")


def test_a_replica_may_have_a_long_name():
    name = "sorrel-2.sorrel-headless.a-namespace-with-a-name-of-some-length.svc.cluster.local"
    with servers.Server(PROGRAM, *OPTIONS) as p, servers.Server(PROGRAM, *OPTIONS, "--replica-announce-ip", name) as r:
        follow(r, "127.0.0.1", p.port)
        wait_online(p, r)
        assert f"ip={name},port={r.port}," in info(p)["slave0"]


def migrations(program):
    out = []
    with servers.Server(program, *OPTIONS) as s, servers.Server(ORACLE, *OPTIONS) as t, servers.Server(ORACLE, *OPTIONS) as p, \
            s.connect() as c, t.connect() as d, p.connect() as e:
        e.call("CONFIG", "SET", "requirepass", "pw")
        e.call("AUTH", "pw")
        for command in commands(MIGRATE):
            for each in (c, d, e):
                each.call("FLUSHALL")
            c.call("MSET", "a", "1", "b", "2", "c", "3")
            c.call("PEXPIRE", "c", "100000")
            d.call("SET", "b", "another")
            words = [{"T": t.port, "P": p.port}.get(w, w) for w in shlex.split(command)]
            out.append((command, c.call(*words), [sorted(each.call("KEYS", "*")[1]) for each in (c, d, e)], d.call("GET", "b"),
                        d.call("PTTL", "c")[1] > 0))
    return out


def test_migrate_beside_redis():
    want, got = migrations(ORACLE), migrations(PROGRAM)
    assert [x for x in zip(want, got) if x[0] != x[1]] == []


def attempt(call, *args):
    try:
        return call(*args)
    except (OSError, resp.ProtocolError, servers.Closed) as e:
        return type(e).__name__


def shutdowns(program):
    """With a replica that does not answer: what the caller gets, what others get, and whether it took the time."""
    out = []
    with servers.Server(program, *OPTIONS) as r:
        for command in [*commands(SHUTDOWNS), "SHUTDOWN NOSAVE and ABORT"]:
            with servers.Server(program, *OPTIONS, "--shutdown-timeout", "1") as p, p.connect() as c, p.connect() as d:
                follow(r, "127.0.0.1", p.port)
                wait_online(p, r)
                servers.freeze(r.process)
                d.call("SET", "a", "1")
                began = time.monotonic()
                c.send(resp.encode(command.removesuffix(" and ABORT").split()))
                if command.endswith("ABORT") and "and" in command:
                    wait_until(lambda: "shutdown_in_milliseconds" in info(p, "server"))
                    waits = [w for w in d.call("CLIENT", "LIST")[1].decode().split("\n") if " flags=b " in w]
                    out.append([w.split(" cmd=")[1].split()[0] for w in waits])
                    out.append((d.call("GET", "a"), d.call("SHUTDOWN", "ABORT"), "shutdown_in_milliseconds" in info(p, "server")))
                out.append((command, attempt(c.read, 5), attempt(d.call, "SET", "a", "2"), time.monotonic() - began > 0.9))
                r.process.send_signal(signal.SIGCONT)
    return out


def test_shutdown_with_a_replica_behind():
    want, got = shutdowns(ORACLE), shutdowns(PROGRAM)
    assert [x for x in zip(want, got) if x[0] != x[1]] == []
