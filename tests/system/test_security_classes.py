"""One test at least for each class of holes that this kind of software has had since 2021 (A to O), against a running server.

The letters and identifiers are those of the advisories' classes; what each class needs beyond this is named beside it.
"""
import base64
import os
import random
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest
import resp
import servers
from certificates import Authority
from conftest import BIN, PROGRAM, only_sorrel, wait_until

CLI = os.path.join(BIN, "sorrel-cli")


@pytest.fixture(scope="module")
def server():
    with servers.Server(PROGRAM, "--enable-debug-command", "yes", "--proto-max-bulk-len", "64mb") as s:
        yield s
        assert s.alive(), s.log_text()
        assert "CRASH REPORT" not in s.log_text()


@pytest.fixture
def c(server):
    with server.connect(60) as connection:
        connection.call("FLUSHALL")
        yield connection
        assert connection.call("PING") == ("+", b"PONG")


def memory(c):
    return int(c.call("INFO", "memory")[1].split(b"used_memory:")[1].split(b"\r")[0])


# -- A: memory of the Lua VM (also tests/script/sandbox.t, lua.t; fuzz_script) --------------------------------------------

A_SCRIPTS = {
    "CVE-2022-24834 cjson": "local t = {} for i = 1, 300 do t = {t} end return cjson.encode(t)",
    "CVE-2022-24834 cjson length": "return #cjson.encode(string.rep('\\1', 1000000))",
    "CVE-2018-11219 struct": "return struct.pack('>I2147483648', '10')",
    "CVE-2020-14147 struct": "return struct.unpack('HHHHHHHHHHHHHHH' .. string.rep('H', 20000), 'x')",
    "CVE-2018-11218 cmsgpack": "return cmsgpack.unpack(string.rep('\\x91', 200000))",
    "cmsgpack nesting": "local t = {} for i = 1, 1000 do t = {t} end return #cmsgpack.pack(t)",
    "CVE-2024-31449 bit": "return bit.tohex(1, -2147483648)",
    "bit shifts": "return bit.lshift(1, 1e308) + bit.arshift(-1, -1e9)",
    "CVE-2025-46817 unpack": "return {unpack({1, 2, 3}, -2, 2147483647)}",
    "CVE-2025-46817 unpack wide": "return {unpack({1}, 0, 2147483647)}",
    "CVE-2025-46819 lexer": "return " + "[" + "=" * 30000 + "[ x",
    "CVE-2025-49844 parser": "local x = " + "(" * 5000 + "1" + ")" * 5000 + " return x",
    "nested functions": "return " + "(function() return " * 300 + "1" + " end)()" * 300,
    "CVE-2024-46981 collector": "for i = 1, 200000 do local t = setmetatable({}, {__gc = function() end}) end collectgarbage() return 1",
    "nested reply 14687": "local t = 1 for i = 1, 100000 do t = {t} end return t",
    "cyclic reply": "local t = {} t[1] = t return t",
    "format": "return string.format('%99999d', 1)",
    "rep": "return #string.rep('x', 1e9)",
    "patterns": "return string.find(string.rep('a', 100000), string.rep('a?', 50000) .. 'b')",
    "debugger": "redis.breakpoint() return 1",
}


@pytest.mark.parametrize("name", sorted(A_SCRIPTS))
def test_class_a_lua_memory(server, c, name):
    before = memory(c)
    with server.connect(60) as d:
        d.send(resp.encode(["EVAL", A_SCRIPTS[name], "0"]))
        assert d.fill(60)  # some of the answer: it may be nested deeper than a client can read
    assert c.call("EVAL", "return 1", "0") == (":", 1)
    assert memory(c) < before + (300 << 20)


# -- B: privileges and injection in Lua ------------------------------------------------------------------------------------

@pytest.mark.parametrize("script", [
    "return package", "return require", "return dofile", "return loadfile", "return io", "return os.execute", "return ffi", "return jit",
    "return debug", "return newproxy", "return string.dump", "return getfenv", "return module"])
def test_class_b_nothing_leads_out(c, script):
    """CVE-2022-0543."""
    kind, value = c.call("EVAL", script, "0")
    assert kind == "-" or value is None


@pytest.mark.parametrize("script", [
    "getmetatable('').__index = function() return 'evil' end return 1", "redis.call = nil return 1", "string.len = nil return 1",
    "setmetatable(_G, {}) return 1", "rawset(string, 'x', 1) return 1", "getmetatable(_G).__index = nil return 1",
    "cjson.encode = nil return 1", "redis.x = 1 return 1", "x = 1 return 1",
    "table.insert(string, 1) return 1", "table.insert(redis, 1, 'x') return 1", "table.insert(_G, 'x') return 1",
    "local f = loadstring(string.char(27) .. 'LJ') return f()", "return loadstring('\\27Lua')()"])
def test_class_b_tables_are_frozen(c, script):
    """CVE-2022-24735, CVE-2025-46818: what one script does to shared tables would run with the rights of the next."""
    assert c.call("EVAL", script, "0")[0] == "-"
    assert c.call("EVAL", "return ('abc'):len() + redis.call('exists', 'k')", "0") == (":", 3)


def test_class_b_no_reply_is_forged(c):
    """CVE-2025-67733."""
    for script in ("return redis.error_reply('x\\r\\n+forged')", "return redis.status_reply('x\\r\\n+forged')",
                   "return {err = 'x\\r\\n$3\\r\\nabc'}", "return {ok = 'x\\n+OK'}", "error('x\\r\\n+forged')",
                   "return redis.pcall('x\\r\\n+forged')", "error({err = 'My\\r\\n+forged'})"):
        c.send(resp.encode(["EVAL", script, "0"]) + resp.encode(["ECHO", "mark"]))
        first, second = c.read(), c.read()
        assert first[0] in "+-" and b"\r" not in first[1] and b"\n" not in first[1]
        assert second == ("$", b"mark"), script


# -- C: integers ----------------------------------------------------------------------------------------------------------

BIG = ["9223372036854775807", "-9223372036854775808", "9223372036854775808", "4294967296", "2147483648", "-2147483649", "18446744073709551615"]


def test_class_c_integers(c):
    c.call("RPUSH", "l", *range(10)), c.call("SADD", "s", *range(10)), c.call("HSET", "h", *range(10))
    c.call("ZADD", "z", *range(10)), c.call("SET", "k", "abc"), c.call("SET", "k2", "abd")
    for i in range(5):
        c.call("XADD", "x", f"{i + 1}-1", "f", "v")
    c.call("XGROUP", "CREATE", "x", "g", "0"), c.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">")
    commands = [
        "SETRANGE k N x", "GETRANGE k N N", "GETRANGE k 0 N", "SETBIT k N 1", "GETBIT k N", "BITFIELD k SET u8 N 1",
        "BITFIELD k GET u63 N", "BITFIELD k SET u8 #N 1", "BITCOUNT k N N", "BITPOS k 1 N N", "SRANDMEMBER s N", "HRANDFIELD h N",
        "HRANDFIELD h N WITHVALUES", "ZRANDMEMBER z N", "ZRANDMEMBER z N WITHSCORES", "SPOP s N", "LPOP l N", "LRANGE l N N",
        "LTRIM l N N", "LINDEX l N", "LSET l N v", "LREM l N v", "LPOS l 1 RANK N", "LPOS l 1 COUNT N MAXLEN N", "LMPOP 1 l LEFT COUNT N",
        "LMPOP N l LEFT", "ZMPOP N z MIN", "SINTERCARD N s", "ZUNION N z", "ZRANGE z N N", "ZRANGEBYSCORE z 0 1 LIMIT N N",
        "SORT l LIMIT N N", "SORT l LIMIT 0 N", "LCS k k2 MINMATCHLEN N IDX", "XAUTOCLAIM x g c 0 0 COUNT N", "XRANGE x - + COUNT N",
        "XREADGROUP GROUP g c COUNT N STREAMS x 0", "XPENDING x g - + N", "XTRIM x MAXLEN ~ 5 LIMIT N", "XADD x MAXLEN N * f v",
        "XSETID x N-N ENTRIESADDED N", "SCAN 0 COUNT N", "SCAN N", "HSCAN h N COUNT N", "SSCAN s N", "ZSCAN z N", "EXPIRE k N",
        "PEXPIRE k N", "EXPIREAT k N", "SET k v EX N", "SET k v PX N", "GETEX k EXAT N", "RESTORE r N x", "OBJECT FREQ N", "SELECT N",
        "MOVE k N", "COPY k k3 DB N", "SWAPDB 0 N", "INCRBY n N", "DECRBY n N", "HINCRBY h 0 N", "ZINCRBY z N 1", "WAIT N 1",
        "SLOWLOG GET N", "LATENCY HISTORY N", "ACL LOG N", "ACL GENPASS N", "CLIENT KILL ID N", "CLIENT UNBLOCK N", "COMMAND GETKEYS EVAL x N",
        "EVAL return(1) N", "FCALL f N", "GEOSEARCH g FROMLONLAT N N BYRADIUS N m", "MEMORY USAGE l SAMPLES N", "DEBUG SLEEP 0",
        "BLPOP nokey N", "XREAD BLOCK 1 COUNT N STREAMS x 0", "PFCOUNT N", "CONFIG SET maxmemory-samples N", "LOLWUT VERSION N"]
    before = memory(c)
    for command in commands:
        for n in BIG:
            if command.startswith("BLPOP") and not n.startswith("-"):
                continue
            c.send(resp.encode(command.replace("N", n) .split(" ") if command.count("N") < 9 else command.split(" ")))
            c.read(30)
        assert c.call("PING") == ("+", b"PONG"), command
    assert memory(c) < before + (200 << 20)


# -- D: sketches (also fuzz_restore, tests/unit/test_hll.c) ---------------------------------------------------------------

def test_class_d_damaged_sketches(c):
    """CVE-2025-32023, CVE-2024-53993: the layout of a HyperLogLog is never believed."""
    rng = random.Random(4)
    c.call("PFADD", "sparse", *range(300)), c.call("PFADD", "dense", *range(20000))
    good = {k: c.call("GET", k)[1] for k in ("sparse", "dense")}
    for n in range(600):
        raw = bytearray(good[rng.choice(["sparse", "dense"])])
        for _ in range(rng.randrange(1, 6)):
            raw[rng.randrange(len(raw) if rng.random() < 0.5 else min(40, len(raw)))] = rng.choice([0, 255, 127, 128, 64, rng.randrange(256)])
        raw = raw[:rng.randrange(len(raw))] if rng.random() < 0.2 else raw + bytes(rng.randrange(9)) if rng.random() < 0.2 else raw
        assert c.call("SET", "p", bytes(raw)) == ("+", b"OK")
        for args in (["PFCOUNT", "p"], ["PFADD", "p", "x", "y"], ["PFMERGE", "m", "p", "dense"], ["PFMERGE", "p", "sparse"],
                     ["PFCOUNT", "p", "sparse"], ["PFDEBUG", "TODENSE", "p"]):
            assert c.call(*args)[0] in ":+-"


# -- E: assertions that a client can reach --------------------------------------------------------------------------------

def test_class_e_no_assertion_is_reached(c, server):
    """CVE-2023-28425, CVE-2023-28856, CVE-2026-27623, CVE-2021-31294."""
    assert c.call("MSETNX", "a", "1", "a", "2") == (":", 1)
    c.call("HSET", "h", "f", "nan"), c.call("HINCRBYFLOAT", "h", "f", "1"), c.call("HINCRBYFLOAT", "h", "g", "nan")
    c.call("HINCRBYFLOAT", "h", "g", "inf"), c.call("HINCRBYFLOAT", "h", "g", "-inf"), c.call("INCRBYFLOAT", "k", "1e308")
    c.call("INCRBYFLOAT", "k", "1e308")
    for raw in (b"*0\r\n", b"*-1\r\n", b"*-2147483648\r\n", b"\r\n", b"\n", b"*1\r\n$0\r\n\r\n", b"*2\r\n$0\r\n\r\n$0\r\n\r\n", b"$5\r\n", b"*1\r\n:1\r\n",
                b"*1\r\n*1\r\n$4\r\nPING\r\n", b" \r\n", b"\"\"\r\n", b"'' ''\r\n", b"\0\r\n"):
        with server.connect() as d:
            d.send(raw + b"PING\r\n")
            try:
                d.read(5)
            except (servers.Closed, TimeoutError):
                pass
    for dump in (b"\x07\x81\x00\x00\x00\x00\x00\x00\x00\x00\x00", b"\x06" + b"\x00" * 10, b"", b"\x00" * 10, b"\xff" * 30):
        assert c.call("RESTORE", "r", "0", dump)[0] == "-"


# -- F: keys that ACL does not see (also test_declared_keys, test_acl_matrix, tests/script/acl.t) --------------------------

@only_sorrel
def test_class_f_every_key_is_checked(c, server):
    """CVE-2023-41053, CVE-2024-51741, redis/redis#15478."""
    c.call("RPUSH", "ok", "1"), c.call("SET", "secret_1", "x"), c.call("GEOADD", "okgeo", "1", "1", "a"), c.call("XADD", "okx", "*", "f", "v")
    assert c.call("ACL", "SETUSER", "eve", "reset", "on", "nopass", "+@all", "~ok*") == ("+", b"OK")
    with server.connect() as eve:
        assert eve.call("AUTH", "eve", "x") == ("+", b"OK")
        for args in (["SORT", "ok", "BY", "secret_*"], ["SORT", "ok", "GET", "secret_*"], ["SORT_RO", "ok", "GET", "secret_*"],
                     ["SORT", "ok", "STORE", "secret"], ["SORT", "ok", "STORE", "okay", "STORE", "secret"],
                     ["GEORADIUS", "okgeo", "1", "1", "9", "km", "STORE", "secret"], ["GEORADIUS", "okgeo", "1", "1", "9", "km", "STORE", "ok2", "STORE", "s"],
                     ["GEOSEARCHSTORE", "secret", "okgeo", "FROMLONLAT", "1", "1", "BYRADIUS", "9", "km"],
                     ["XREAD", "STREAMS", "okx", "secret", "0", "0"], ["XREADGROUP", "GROUP", "g", "c", "STREAMS", "okx", "secret", ">", ">"],
                     ["COPY", "ok", "secret"], ["RENAME", "ok", "secret"], ["BITOP", "NOT", "secret", "ok"], ["PFMERGE", "secret"],
                     ["ZUNIONSTORE", "secret", "1", "ok"], ["ZUNIONSTORE", "ok", "2", "ok", "secret"], ["LMPOP", "2", "ok", "secret", "LEFT"],
                     ["EVAL", "return 1", "1", "secret"], ["EVAL", "return redis.call('get', 'secret_1')", "0"], ["MSET", "ok1", "1", "secret", "2"],
                     ["OBJECT", "ENCODING", "secret"], ["DUMP", "secret"], ["WATCH", "secret"], ["BLMOVE", "ok", "secret", "LEFT", "LEFT", "1"],
                     ["LCS", "ok1", "secret_1"], ["MEMORY", "USAGE", "secret_1"], ["TOUCH", "ok", "secret_1"], ["UNLINK", "ok9", "secret_1"]):
            kind, text = eve.call(*args)
            assert kind == "-" and (b"NOPERM" in text or b"ermission" in text), (args, text)
    assert c.call("EXISTS", "secret", "s") == (":", 0)


# -- G: identity over TLS (also test_tls.py, test_tls_cli.py) --------------------------------------------------------------

def der(tag, body):
    size = len(body)
    head = bytes([size]) if size < 128 else bytes([0x80 + (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + head + body


def element(data):
    """The first DER element and what follows."""
    size, at = data[1], 2
    if size >= 128:
        at = 2 + size - 128
        size = int.from_bytes(data[2:at], "big")
    return data[:at + size], data[at:at + size], data[at + size:]


def with_other_name(ca, pair, old, new, folder):
    """The same certificate with another name of the same length, signed anew: openssl makes none with a NUL in it."""
    assert len(old) == len(new)
    text = pair[1].read_text()
    raw = base64.b64decode("".join(text.split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0].split()))
    _, inside, _ = element(raw)
    tbs, _, rest = element(inside)
    algorithm, _, _ = element(rest)
    tbs = tbs.replace(old, new)
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(ca.key)], input=tbs, stdout=subprocess.PIPE, check=True).stdout
    made = der(0x30, tbs + algorithm + der(3, b"\0" + signature))
    path = folder / "nul.crt"
    path.write_text("-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(made).decode() + "-----END CERTIFICATE-----\n")
    return pair[0], path


@only_sorrel
def test_class_g_a_nul_cuts_no_name(start, tmp_path):
    ca = Authority(tmp_path, "ca")
    key, cert = ca.issue("server")
    port = servers.free_port()
    s = start("--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca.cert,
              "--tls-auth-clients-user", "CN", "--requirepass", "x")
    with s.connect() as admin:
        assert admin.call("AUTH", "x") == ("+", b"OK")
        assert admin.call("ACL", "SETUSER", "alice", "on", "+@all", "~*") == ("+", b"OK")
    pair = ca.issue("nul", subject="/CN=aliceXevil.example")
    evil = with_other_name(ca, pair, b"aliceXevil.example", b"alice\0evil.example", tmp_path)
    for (k, crt), expected in ((ca.issue("alice"), b"alice"), (pair, None), (evil, None)):
        context = ssl.create_default_context(cafile=str(ca.cert))
        context.load_cert_chain(str(crt), str(k))
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="localhost") as t:
            t.sendall(resp.encode(["ACL", "WHOAMI"]))
            got = t.recv(1000)
            assert (expected in got) if expected else got.startswith(b"-NOAUTH"), got


@only_sorrel
def test_class_g_kill_of_clients_with_pending_data(start, tmp_path):
    """CVE-2026-56684, CVE-2026-81934: killed while decrypted bytes wait for them."""
    ca = Authority(tmp_path, "ca")
    key, cert = ca.issue("server")
    port = servers.free_port()
    s = start("--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca.cert, "--tls-auth-clients", "no")
    context = ssl.create_default_context(cafile=str(ca.cert))
    with s.connect() as admin:
        for _ in range(20):
            clients = [context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="localhost") for _ in range(5)]
            for t in clients:
                t.setblocking(False)
                try:
                    t.send(resp.encode(["ECHO", "x" * 1000]) * 15)
                    t.send(resp.encode(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]) + resp.encode(["ECHO", "x" * 9000]) * 50)
                except (ssl.SSLError, OSError):
                    pass
            admin_alive = True
            try:
                admin.call("CLIENT", "KILL", "TYPE", "normal")
            except (servers.Closed, OSError):
                admin_alive = False
            for t in clients:
                t.close()
            if not admin_alive:
                admin = s.connect()
        assert s.alive()


# -- H: patterns ----------------------------------------------------------------------------------------------------------

def test_class_h_patterns_end(c):
    """CVE-2022-36021, CVE-2024-31228."""
    c.call("SET", "a" * 5000, "v")
    began = time.monotonic()
    for pattern in ("a*" * 2000 + "b", "*a" * 3000, "[" * 10000, "*?" * 5000, "\\" * 9999, "[^" * 5000, "*" * 100000, "a*" * 50 + "b"):
        assert c.call("KEYS", pattern)[0] == "*"
        assert c.call("SCAN", "0", "MATCH", pattern)[0] == "*"
        assert c.call("CONFIG", "GET", pattern)[0] in "*%"
        c.call("PSUBSCRIBE", pattern)
        c.call("RESET")
        assert c.call("ACL", "SETUSER", "h", "~" + pattern)[0] in "+-"
        c.call("ACL", "DRYRUN", "h", "get", "a" * 5000)
    c.call("ACL", "DELUSER", "h")
    assert time.monotonic() - began < 20


# -- I: before login (also test_strangers.py) -----------------------------------------------------------------------------

def test_class_i_nothing_much_before_login(start):
    """CVE-2021-32675, CVE-2025-21605."""
    s = start("--requirepass", "x")
    with s.connect() as d:
        d.send(b"*100\r\n")
        assert d.read() == ("-", b"ERR Protocol error: unauthenticated multibulk length")
    with s.connect() as d:
        d.send(b"*1\r\n$1000000\r\n")
        assert d.read() == ("-", b"ERR Protocol error: unauthenticated bulk length")
    d = s.connect()
    d.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    d.socket.setblocking(False)
    sent, deadline = 0, time.monotonic() + 10
    while time.monotonic() < deadline and sent < 50 << 20:
        try:
            sent += d.socket.send(b"GET k\r\n" * 10000)
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            break
    with s.connect() as e:
        assert e.call("AUTH", "x") == ("+", b"OK")
        assert memory(e) < 20 << 20


# -- J: foreign payloads (also fuzz_restore, fuzz_rdb, fuzz_aof) ----------------------------------------------------------

def crc64(data, table=[]):
    if not table:
        for i in range(256):
            v = i
            for _ in range(8):
                v = (v >> 1) ^ (0x95ac9329ac4bc9b5 if v & 1 else 0)
            table.append(v)
    crc = 0
    for b in data:
        crc = table[(crc ^ b) & 255] ^ (crc >> 8)
    return crc.to_bytes(8, "little")


def test_class_j_damaged_payloads(c):
    """CVE-2026-25243, CVE-2026-66373 and their like: damaged, with a checksum that is right; then traffic on what survives."""
    rng = random.Random(8)
    c.call("RPUSH", "l", *range(50)), c.call("SADD", "s", *range(50)), c.call("SADD", "t", *"abcdef"), c.call("HSET", "h", *range(40))
    c.call("ZADD", "z", *range(40)), c.call("SET", "k", "x" * 100), c.call("PFADD", "p", *range(50))
    for i in range(20):
        c.call("XADD", "x", f"{i + 1}-1", "f", f"v{i}")
    c.call("XGROUP", "CREATE", "x", "g", "0"), c.call("XREADGROUP", "GROUP", "g", "one", "STREAMS", "x", ">")
    dumps = [c.call("DUMP", k)[1] for k in "lsthzkpx"]
    assert all(d[-8:] == crc64(d[:-8]) for d in dumps)
    touch = [["LRANGE", "r", "0", "-1"], ["LPOP", "r"], ["SMEMBERS", "r"], ["SADD", "r", "n"], ["HGETALL", "r"], ["HSET", "r", "n", "1"],
             ["ZRANGE", "r", "0", "-1"], ["ZADD", "r", "1", "n"], ["XRANGE", "r", "-", "+"], ["XADD", "r", "*", "f", "v"],
             ["XINFO", "STREAM", "r", "FULL"], ["XACK", "r", "g", "1-1"], ["XAUTOCLAIM", "r", "g", "two", "0", "0"], ["PFCOUNT", "r"], ["APPEND", "r", "x"],
             ["OBJECT", "ENCODING", "r"], ["DEBUG", "DIGEST-VALUE", "r"], ["DUMP", "r"]]
    survived = 0
    for n in range(1500):
        raw = bytearray(rng.choice(dumps)[:-8])
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(raw) - 2)
            if rng.random() < 0.7:
                raw[at] = rng.choice([0, 1, 127, 128, 129, 192, 254, 255, rng.randrange(256)])
            elif rng.random() < 0.5:
                del raw[at:at + rng.randrange(1, 4)]
            else:
                raw[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 4)))
        kind, _ = c.call("RESTORE", "r", "0", bytes(raw) + crc64(raw), "REPLACE")
        if kind == "+":
            survived += 1
            for args in rng.sample(touch, 8):
                c.call(*args)
    assert survived > 20 and c.call("DEL", "r")[0] == ":"


# -- K: clients that go while something is done for them ------------------------------------------------------------------

def test_class_k_clients_end_at_any_moment(server, c):
    """CVE-2026-23479, redis/redis#15594."""
    rng = random.Random(3)
    for n in range(60):
        some = [server.connect() for _ in range(4)]
        for d in some:
            d.send(rng.choice([resp.encode(["BLPOP", "q", "0"]), resp.encode(["MULTI"]) + resp.encode(["BLPOP", "q", "0"]), resp.encode(["SUBSCRIBE", "ch"]),
                               resp.encode(["BLMOVE", "q", "q2", "LEFT", "RIGHT", "0"]), resp.encode(["WATCH", "q"]),
                               resp.encode(["CLIENT", "TRACKING", "ON"]) + resp.encode(["GET", "q3"]), resp.encode(["MONITOR"])]))
        ids = [int(i) for i in re.findall(rb"^id=(\d+)", c.call("CLIENT", "LIST")[1], re.M)]
        own = c.call("CLIENT", "ID")[1]
        victims = [i for i in ids if i != own]
        rng.shuffle(victims)
        c.send(resp.encode(["MULTI"]) + b"".join(resp.encode(["CLIENT", "KILL", "ID", i]) + resp.encode(["RPUSH", "q", "a"]) + resp.encode(["PUBLISH", "ch", "m"])
                                                 for i in victims) + resp.encode(["EXEC"]))
        while c.read(20)[0] != "*":
            pass
        for d in some:
            d.close()
    wait_until(lambda: c.call("CLIENT", "LIST")[1].count(b"\n") == 1)


# -- L: the cluster bus ---------------------------------------------------------------------------------------------------

def test_class_l_there_is_no_open_bus(start):
    """CVE-2026-21863: without cluster mode nothing listens on the bus's port."""
    for _ in range(20):
        port = servers.free_port()
        if port < 55535:
            break
    start(port=port)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port + 10000), 2).close()


# -- M: tools and the host (also test_hardening.py) -----------------------------------------------------------------------

def test_class_m_tools_and_long_names(tmp_path):
    """CVE-2025-27151."""
    check = os.path.join(BIN, "sorrel-check")
    for name in ("x" * 10000, "a/" * 3000, "%s%n%s%n" * 100):
        done = subprocess.run([check, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
        assert 0 < done.returncode < 128
    manifest = tmp_path / "appendonly.aof.manifest"
    manifest.write_bytes(b"file " + b"y" * 9000 + b" seq 1 type b\n")
    done = subprocess.run([check, str(manifest)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    assert 0 < done.returncode < 128


def test_class_m_the_socket_is_never_open_to_others(start, tmp_path):
    """CVE-2023-45145: at no moment more than unixsocketperm allows."""
    path = tmp_path / "s"
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            try:
                seen.add(os.stat(path).st_mode & 0o777)
            except FileNotFoundError:
                pass

    thread = threading.Thread(target=watch)
    thread.start()
    old = os.umask(0)
    try:
        s = start("--unixsocket", path, "--unixsocketperm", "700")
    finally:
        os.umask(old)
        stop.set()
        thread.join()
    assert seen <= {0o700} and os.stat(path).st_mode & 0o777 == 0o700
    assert s.alive()


def test_class_m_dangerous_settings_are_fixed(start):
    """redis/redis#9687: dir and file names cannot be turned into weapons by whoever has CONFIG."""
    s = start()
    with s.connect() as d:
        for name, value in (("dir", "/etc"), ("dbfilename", "cron"), ("aclfile", "/etc/passwd"), ("logfile", "/etc/cron.d/x"),
                            ("unixsocket", "/tmp/x"), ("appenddirname", "x"), ("enable-debug-command", "yes"), ("enable-protected-configs", "yes")):
            assert d.call("CONFIG", "SET", name, value)[0] == "-", name
        assert d.call("DEBUG", "SLEEP", "0")[0] == "-"
        assert d.call("MODULE", "LOAD", "/tmp/x.so")[0] == "-"


# -- N: clients that read from a hostile server (also fuzz_reply) ----------------------------------------------------------

@pytest.mark.parametrize("reply", [b"*2147483647\r\n", b"*1000000000\r\n$1\r\n", b"$9223372036854775807\r\n", b"*1\r\n" * 100000, b"%1073741824\r\n", b"$-2\r\n",
                                   b"*-5\r\n", b"=1\r\nx\r\n", b"$5\r\nabc", b"+" + b"x" * 3000000, b"(99999999999999999999999999999999999\r\n", b",nan\r\n", b"|1\r\n+a\r\n+b\r\n"], ids=lambda reply: repr(reply[:12]))
def test_class_n_hostile_servers(reply):
    """CVE-2021-32765."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)

    def serve():
        try:
            d = listener.accept()[0]
        except OSError:
            return
        with d:
            d.settimeout(5)
            try:
                d.recv(65536)
                d.sendall(reply)
                d.shutdown(socket.SHUT_WR)
                while d.recv(65536):
                    pass
            except OSError:
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    command = f"ulimit -v 4000000; exec {CLI} -p {listener.getsockname()[1]} GET k"
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, stdin=subprocess.DEVNULL)
    listener.close()
    assert 0 <= done.returncode < 128, (done.returncode, done.stderr[-300:])


# -- O: neighbours (names and time: tests/unit/test_auth.c) ----------------------------------------------------------------

def test_class_o_lines_end_either_way(c, server):
    """CVE-2023-46853 of memcached."""
    for raw, replies in ((b"PING\n", 1), (b"PING\r\n", 1), (b"\nPING\n", 1), (b"PING\n\r\nPING\n", 2), (b"ECHO a\nECHO b\r\nECHO c\n", 3), (b"\n" * 5000 + b"PING\n", 1)):
        for cut in range(0, min(len(raw), 12)):
            with server.connect() as d:
                d.send(raw[:cut])
                d.send(raw[cut:])
                assert all(d.read(10)[0] in "+$" for _ in range(replies))
