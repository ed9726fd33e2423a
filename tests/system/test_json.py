"""JSON documents with everything else: snapshots, append-only files, replicas, DUMP, MULTI, scripts, ACLs, notifications."""
import json
import random
import signal

import pytest
import resp
import servers
from conftest import only_sorrel
from replication import Proxy, assert_equal, follow, info, wait_linked, wait_until

pytestmark = only_sorrel
OK = ("+", b"OK")

# Documents that are all a bit difficult, by their key.
DOCUMENTS = {
    "scalars": '[null,true,false,0,-0.0,127,128,-1,65536,9223372036854775807,-9223372036854775808,18446744073709551615,0.1,1e-7,1e300,5e-324]',
    "strings": json.dumps(["", "x" * 63, "x" * 64, "y" * 255, "z" * 256, "w" * 70000, "\u00e9\u20ac\U0001f600", "\x00\x1f\"\\/\b\f\n\r\t\x7f", "\u2028"],
                          ensure_ascii=False, separators=(",", ":")),
    "keys": json.dumps({k: i for i, k in enumerate(["", " ", "a.b", "a\"b", "\\", "\n", "\u00e9", "k" * 300])}, ensure_ascii=False, separators=(",", ":")),
    "deep": "[" * 127 + "{}" + "]" * 127,
    "wide": json.dumps({f"key:{i}": {"id": i, "name": f"n{i}", "tags": ["a", "b"]} for i in range(2000)}, separators=(",", ":")),
    "numbers": '{"int":[[1,2],[0,255],[-1,300],[65535],[-70000],[4294967295,1],[4294967296,-1,5000000000]],'
               '"real":[[0.5,-0.25],[0.1,3.1415927],[0.10000000149011612],[0.30000000000000004,0.1]],"mixed":[[1,0.5,-3],[1.0,1,0.5],[7,"x",1.5]]}',
    "empty": "{}",
    "one": "7",
}

# Every command that changes a document, with the event that it raises; the documents are those of begin().
CHANGES = [
    (("JSON.SET", "doc", "$.new", '{"x":[1]}'), "json.set"),
    (("JSON.MSET", "doc", "$.n", "1", "other", "$", "[1]"), "json.mset"),
    (("JSON.MERGE", "doc", "$", '{"o":{"p":null,"q":5}}'), "json.merge"),
    (("JSON.NUMINCRBY", "doc", "$.n", "41"), "json.numincrby"),
    (("JSON.NUMMULTBY", "doc", "$.n", "0.5"), "json.nummultby"),
    (("JSON.NUMPOWBY", "doc", "$.n", "2"), "json.numpowby"),
    (("JSON.STRAPPEND", "doc", "$.s", '"\u00e9\\n"'), "json.strappend"),
    (("JSON.ARRAPPEND", "doc", "$..l", '{"y":null}', "2.5"), "json.arrappend"),
    (("JSON.ARRINSERT", "doc", "$.l", "1", '"in"'), "json.arrinsert"),
    (("JSON.ARRPOP", "doc", "$.l", "0"), "json.arrpop"),
    (("JSON.ARRTRIM", "doc", "$.l", "0", "1"), "json.arrtrim"),
    (("JSON.TOGGLE", "doc", "$.t"), "json.toggle"),
    (("JSON.CLEAR", "doc", "$.o"), "json.clear"),
    (("JSON.DEL", "doc", "$.new"), "json.del"),
    (("JSON.FORGET", "doc", ".f"), "json.del"),
    (("JSON.DEL", "other"), "json.del"),
]


def begin(c):
    assert c.call("JSON.SET", "doc", "$", '{"n":0,"f":1.5,"s":"text","l":[1,2,3],"t":true,"o":{"p":1,"l":[]}}') == OK


def fill(c):
    for key, text in DOCUMENTS.items():
        assert c.call("JSON.SET", key, "$", text) == OK, key
    c.call("PEXPIRE", "one", 10**9)
    c.call("SELECT", 3)
    c.call("JSON.SET", "elsewhere", "$", '["db3"]')
    c.call("SELECT", 0)
    begin(c)
    for command, _ in CHANGES[:-1]:
        reply = c.call(*command)
        assert reply[0] != "-", (command, reply)


def contents(server):
    """What is in it, by the commands that read."""
    out = {}
    with server.connect() as c:
        for db in (0, 3):
            c.call("SELECT", db)
            for key in sorted(k[1] for k in c.call("KEYS", "*")[1]):
                out[db, key] = (c.call("TYPE", key), c.call("JSON.GET", key, "."), c.call("PEXPIRETIME", key))
        out["digest"] = c.call("DEBUG", "DIGEST")
    return out


@pytest.fixture
def documents(start):
    s = start("--enable-debug-command", "yes")
    with s.connect() as c:
        fill(c)
        for key, text in DOCUMENTS.items():
            assert c.call("JSON.GET", key, ".")[1].decode() == text, key
    return s


def start_in(start, folder, *options):
    return start("--enable-debug-command", "yes", *options, "--dir", folder)


def test_snapshot(documents, start):
    want = contents(documents)
    with documents.connect() as c:
        assert c.call("DEBUG", "RELOAD") == OK
        assert contents(documents) == want
        assert c.call("SAVE") == OK
    documents.process.send_signal(signal.SIGKILL)
    documents.process.wait()
    assert contents(start_in(start, documents.dir)) == want


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_append_only_file(start, preamble):
    options = ["--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", preamble]
    first = start("--enable-debug-command", "yes", *options)
    with first.connect() as c:
        fill(c)
    want = contents(first)
    first.process.send_signal(signal.SIGKILL)  # commands only
    first.process.wait()
    second = start_in(start, first.dir, *options)
    assert contents(second) == want
    with second.connect() as c:
        assert c.call("BGREWRITEAOF")[0] == "+"
        wait_until(lambda: info(second, "persistence")["aof_rewrite_in_progress"] == "0" and
                   info(second, "persistence")["aof_rewrite_scheduled"] == "0", what="the rewrite")
        assert info(second, "persistence")["aof_last_bgrewrite_status"] == "ok"
        c.call("JSON.NUMINCRBY", "doc", "$.n", "1")
    want = contents(second)
    second.process.send_signal(signal.SIGKILL)  # a base, and commands behind it
    second.process.wait()
    assert contents(start_in(start, first.dir, *options)) == want


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_replica(documents, start, diskless):
    """By a full synchronisation, then command by command, then the rest of what was missed while the link was cut."""
    with documents.connect() as c, Through(documents) as proxy:
        c.call("CONFIG", "SET", "repl-diskless-sync", diskless, "repl-diskless-sync-delay", "0")
        replica = start("--enable-debug-command", "yes")
        follow(replica, "127.0.0.1", proxy.port)
        wait_linked(replica)
        assert_equal(documents, [replica])
        assert contents(replica) == contents(documents)
        begin(c)
        for command, _ in CHANGES:
            assert c.call(*command)[0] != "-"
        c.call("MULTI")
        c.call("JSON.SET", "doc", "$.tx", "1")
        c.call("JSON.NUMINCRBY", "doc", "$.tx", "1")
        assert c.call("EXEC")[1][0] == OK
        c.call("EVAL", "redis.call('JSON.SET', KEYS[1], '$', '[]') return redis.call('JSON.ARRAPPEND', KEYS[1], '$', '1')", 1, "by script")
        assert_equal(documents, [replica])
        assert contents(replica) == contents(documents)
        proxy.refusing = True
        proxy.cut()
        for command, _ in CHANGES[:-1]:
            c.call(*command)
        c.call("JSON.SET", "doc", "$..l", '["all"]')
        proxy.refusing = False
        assert_equal(documents, [replica])
        assert contents(replica) == contents(documents)
        assert int(info(documents, "stats")["sync_full"]) == 1


class Through:
    """A proxy for as long as a block lasts."""

    def __init__(self, server):
        self.proxy = Proxy(server.port)

    def __enter__(self):
        return self.proxy

    def __exit__(self, *exc):
        self.proxy.close()


def test_random_changes_reach_a_replica_and_a_log(start):
    """Commands made by chance, wrong ones among them, whatever they do: primary, replica and a restart agree."""
    r = random.Random(20261121)
    primary = start("--enable-debug-command", "yes", "--appendonly", "yes", "--appendfsync", "no", "--repl-diskless-sync-delay", "0")
    replica = start("--enable-debug-command", "yes")
    follow(replica, "127.0.0.1", primary.port)
    wait_linked(replica)
    paths = ["$", ".", "$.a", ".a", "$..a", "..a", "$.*", "$.l[*]", "$.l[0]", ".l[-1]", "$[?@.a]", "$.a.b", "$['l','a']", "$.l[::2]"]
    values = ["1", "-2.5", '"s"', "true", "null", "[1,2,3]", '{"a":[1,{"a":2}],"l":["x",false,0.5]}', "[]", "{}", "9223372036854775807"]
    with primary.connect() as c:
        for i in range(3000):
            k, p, v = f"k{r.randrange(4)}", r.choice(paths), r.choice(values)
            command = r.choice([("JSON.SET", k, p, v), ("JSON.SET", k, "$", v), ("JSON.MERGE", k, p, v), ("JSON.MSET", k, p, v, "k0", "$", v), ("JSON.DEL", k, p),
                                ("JSON.NUMINCRBY", k, p, "3"), ("JSON.NUMMULTBY", k, p, "1.5"), ("JSON.NUMPOWBY", k, p, "2"), ("JSON.STRAPPEND", k, p, '"z"'),
                                ("JSON.ARRAPPEND", k, p, v), ("JSON.ARRINSERT", k, p, r.choice("01"), v), ("JSON.ARRPOP", k, p, r.randrange(-3, 3)),
                                ("JSON.ARRTRIM", k, p, 0, r.randrange(3)), ("JSON.TOGGLE", k, p), ("JSON.CLEAR", k, p), ("COPY", k, "k3", "REPLACE"), ("DEL", k)])
            c.send(resp.encode(command))
            c.read()
    assert_equal(primary, [replica])
    want = contents(primary)
    assert contents(replica) == want and len(want) > 1
    with primary.connect() as c:
        assert c.call("DEBUG", "LOADAOF") == OK
    assert contents(primary) == want


def test_dump_and_restore(documents):
    with documents.connect() as c:
        for key in [*DOCUMENTS, "doc"]:
            payload = c.call("DUMP", key)[1]
            assert c.call("RESTORE", "copy", 0, payload, "REPLACE") == OK
            assert c.call("JSON.GET", "copy", ".") == c.call("JSON.GET", key, ".")
            assert c.call("DUMP", "copy")[1] == payload
            for i in (0, len(payload) // 2, len(payload) - 1):
                broken = payload[:i] + bytes([payload[i] ^ 1]) + payload[i + 1:]
                assert c.call("RESTORE", "broken", 0, broken)[0] == "-"
        assert c.call("COPY", "wide", "copy", "REPLACE") == (":", 1)
        c.call("JSON.SET", "copy", "$.a", "1")
        assert c.call("JSON.GET", "wide", ".")[1].decode() == DOCUMENTS["wide"]
        assert c.call("EXISTS", "broken") == (":", 0)


def test_migrate(documents, start):
    other = start()
    with documents.connect() as c, other.connect() as d:
        text = c.call("JSON.GET", "doc", ".")
        assert c.call("MIGRATE", "127.0.0.1", other.port, "doc", 0, 5000) == OK
        assert c.call("EXISTS", "doc") == (":", 0) and d.call("JSON.GET", "doc", ".") == text and text[1]


def test_keyspace_functions(conn):
    c = conn
    begin(c)
    assert c.call("TYPE", "doc") == ("+", b"ReJSON-RL")
    assert c.call("OBJECT", "ENCODING", "doc")[1] == b"raw"
    assert c.call("SCAN", 0, "TYPE", "ReJSON-RL")[1][1] == ("*", [("$", b"doc")])
    small = c.call("MEMORY", "USAGE", "doc")[1]
    c.call("JSON.SET", "doc", "$.big", json.dumps("x" * 10000))
    assert 10000 <= c.call("MEMORY", "USAGE", "doc")[1] - small <= 13000
    assert c.call("JSON.DEBUG", "MEMORY", "doc", "$.big")[1][0][1] in range(10000, 10010)
    c.call("JSON.DEL", "doc", "$.big")
    assert c.call("MEMORY", "USAGE", "doc")[1] <= small + 64
    assert c.call("EXPIRE", "doc", 1000) == (":", 1)
    c.call("JSON.SET", "doc", "$", "[]")  # as SET does not: the key keeps its time
    assert 990 <= c.call("TTL", "doc")[1] <= 1000
    assert c.call("PERSIST", "doc") == (":", 1) and c.call("TTL", "doc") == (":", -1)
    assert c.call("RENAME", "doc", "renamed") == OK and c.call("MOVE", "renamed", 5) == (":", 1)
    c.call("SELECT", 5)
    assert c.call("JSON.GET", "renamed", ".") == ("$", b"[]")
    assert c.call("UNLINK", "renamed") == (":", 1)
    assert c.call("JSON.SET", "due", "$", "1") == OK and c.call("PEXPIRE", "due", 1) == (":", 1)
    wait_until(lambda: c.call("JSON.GET", "due", ".") == ("$", None), what="expiry")
    for command in ("GET", "LLEN", "HGETALL", "SMEMBERS", "XLEN"):
        c.call("JSON.SET", "doc", "$", "1")
        assert c.call(command, "doc")[1].startswith(b"WRONGTYPE")
    c.call("SET", "text", "1")
    c.call("RPUSH", "list", "1")
    for command in [("JSON.GET", "text"), ("JSON.SET", "list", "$", "1"), ("JSON.DEL", "text"), ("JSON.TYPE", "list"), ("JSON.NUMINCRBY", "text", "$", 1)]:
        assert c.call(*command)[1].startswith(b"WRONGTYPE"), command
    assert c.call("JSON.MGET", "text", "doc", "$") == ("*", [("$", None), ("$", b"[1]")])
    c.call("FLUSHALL")


def test_transactions_and_scripts(conn, server):
    c = conn
    begin(c)
    with server.connect() as other:
        c.call("WATCH", "doc")
        other.call("JSON.NUMINCRBY", "doc", "$.n", "1")
        c.call("MULTI")
        c.call("JSON.SET", "doc", "$.n", "100")
        assert c.call("EXEC") == ("*", None)
        c.call("WATCH", "doc")
        other.call("JSON.CLEAR", "doc", "$.s")  # a string is not cleared: nothing has changed
        c.call("MULTI")
        c.call("JSON.SET", "doc", "$.n", "100")
        c.call("JSON.ARRAPPEND", "doc", "$.l", "bad json")
        c.call("JSON.GET", "doc", "$.n")
        replies = c.call("EXEC")[1]
        assert replies[0] == OK and replies[1][0] == "-" and replies[2] == ("$", b"[100]")
    script = """redis.call('JSON.SET', KEYS[1], '$', ARGV[1])
        local r = redis.call('JSON.NUMINCRBY', KEYS[1], '$.a', 5)
        local ok = redis.pcall('JSON.GET', KEYS[1], '.none')
        return {r, ok['err'], redis.call('JSON.MGET', KEYS[1], '$..b'), cjson.decode(redis.call('JSON.GET', KEYS[1]))['a']}"""
    got = c.call("EVAL", script, 1, "doc", '{"a":1,"x":{"b":[]}}')[1]
    assert got == [("$", b"[6]"), ("$", b"ERR Path '$.none' does not exist"), ("*", [("$", b"[[]]")]), (":", 6)]
    # A script that may only read.
    assert b"Write commands are not allowed" in c.call("EVAL_RO", "return redis.call('JSON.SET', KEYS[1], '$', '1')", 1, "doc")[1]
    assert c.call("EVAL_RO", "return redis.call('JSON.TYPE', KEYS[1], '.')", 1, "doc") == ("$", b"object")


def test_acl(start):
    s = start()
    with s.connect() as admin, s.connect() as c:
        begin(admin)
        listed = {x[1] for x in admin.call("ACL", "CAT", "json")[1]}
        every = {x[1] for x in admin.call("COMMAND", "LIST", "FILTERBY", "PATTERN", "json.*")[1]}
        # Of a container the subcommands are in the category.
        assert len(listed) == 26 and listed == every - {b"json.debug"}, listed ^ every
        admin.call("ACL", "SETUSER", "reader", "on", ">p", "~doc*", "+@json", "-@write")
        admin.call("ACL", "SETUSER", "writer", "on", ">p", "%W~doc", "%R~doc", "+@all", "-@json", "+json.set", "+json.get")
        assert c.call("AUTH", "reader", "p") == OK
        assert c.call("JSON.GET", "doc", "$.n") == ("$", b"[0]")
        assert c.call("JSON.MGET", "doc", "doc2", "$.n")[0] == "*"
        for command in [("JSON.SET", "doc", "$", "1"), ("JSON.DEL", "doc"), ("JSON.MSET", "doc", "$", "1"), ("JSON.GET", "other"),
                        ("JSON.MGET", "doc", "other", "$"), ("GET", "doc"), ("JSON.DEBUG", "MEMORY", "other")]:
            assert c.call(*command)[1].startswith(b"NOPERM"), command
        assert c.call("AUTH", "writer", "p") == OK
        assert c.call("JSON.SET", "doc", "$.n", "1") == OK and c.call("JSON.GET", "doc", "$.n") == ("$", b"[1]")
        for command in [("JSON.TYPE", "doc"), ("JSON.SET", "other", "$", "1"), ("JSON.MSET", "doc", "$", "1")]:
            assert c.call(*command)[1].startswith(b"NOPERM"), command


def test_keyspace_notifications(start):
    s = start("--notify-keyspace-events", "AKE")
    with s.connect() as c, s.connect() as listener:
        listener.call("PSUBSCRIBE", "__key*")

        def heard():
            got = []
            c.call("PUBLISH", "__key-end", "x")  # what comes before it has come
            while True:
                _, pattern, channel, message = listener.read()[1]
                if channel[1] == b"__key-end":
                    return got
                got.append((channel[1].decode(), message[1].decode()))

        begin(c)
        assert heard() == [("__keyspace@0__:doc", "json.set"), ("__keyevent@0__:json.set", "doc")]
        for command, event in CHANGES:
            c.call(*command)
            keys = ["doc", "other"] if event == "json.mset" else ["other"] if command == ("JSON.DEL", "other") else ["doc"]
            want = [x for k in keys for x in ((f"__keyspace@0__:{k}", event), (f"__keyevent@0__:{event}", k))]
            assert heard() == want, command
        # What changes nothing says nothing.
        for command in [("JSON.GET", "doc"), ("JSON.SET", "doc", "$.none.x", "1"), ("JSON.SET", "doc", "$.n", "1", "NX"), ("JSON.DEL", "doc", "$.none"),
                        ("JSON.CLEAR", "doc", "$.s"), ("JSON.STRAPPEND", "doc", "$.s", '""'), ("JSON.ARRTRIM", "doc", "$.l", "0", "-1"),
                        ("JSON.NUMINCRBY", "doc", "$.s", "1"), ("JSON.SET", "doc", "$", "{"), ("JSON.ARRINSERT", "doc", "$.l", "99", "1")]:
            c.call(*command)
            assert heard() == [], command


def test_client_side_caching(server):
    with server.connect() as c, server.connect() as other:
        c.call("HELLO", 3)
        begin(c)
        c.call("CLIENT", "TRACKING", "ON")
        c.call("JSON.GET", "doc", "$.n")
        other.call("JSON.NUMINCRBY", "doc", "$.n", "1")
        assert c.read(20) == (">", [("$", b"invalidate"), ("*", [("$", b"doc")])])


def test_memory_limit(start):
    s = start("--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    with s.connect() as c:
        text = json.dumps(["x" * 1000] * 100)
        for i in range(100):
            if c.call("JSON.SET", f"k{i}", "$", text)[0] == "-":
                break
        assert i < 99
        c.call("CONFIG", "SET", "maxmemory", "1mb")  # what the last text took in buffers has been given back
        assert c.call("JSON.ARRAPPEND", "k0", "$", "1")[1].startswith(b"OOM")
        assert c.call("JSON.GET", "k0", "$[0]")[1] and c.call("JSON.DEL", "k0", "$[0]") == (":", 1)  # making it smaller is allowed


def test_exchange_with_redis_is_refused_with_a_reason(start, documents):
    """redis-server without its JSON module cannot take such a value, and says so; it does not take something else."""
    with documents.connect() as c, servers.Server(servers.oracle_command()) as oracle, oracle.connect() as o:
        payload = c.call("DUMP", "doc")[1]
        assert o.call("RESTORE", "doc", 0, payload)[0] == "-"
        assert o.call("EXISTS", "doc") == (":", 0)


def test_as_deep_as_it_goes(start):
    """Values near the limit put into one another by every command: refused or right, and everything that reads can read them."""
    s = start("--enable-debug-command", "yes")

    def nested(n, inner="", form="[]"):
        opened, closed = ("[", "]") if form == "[]" else ('{"key":', "}")
        return opened * n + (inner if form == "[]" else inner or "{}") + closed * n

    with s.connect() as c, s.connect() as c3:
        c3.call("HELLO", 3)
        refused = taken = 0
        for form in ("[]", "{}"):
            for n in (1, 2, 63, 64, 124, 125, 126, 127, 128):
                for m in (1, 63, 64, 65, 125, 126, 127, 128, 129):
                    value = nested(m, form=form)
                    for path in ("$", "$[0]", "$.key", "$..key", "$..[0]", "." + "key." * (n - 2) + "key", "." + "[0]" * (n - 1)):
                        for command in (("JSON.SET", "k", path, value), ("JSON.ARRAPPEND", "k", path, value), ("JSON.ARRINSERT", "k", path, 0, value),
                                        ("JSON.MERGE", "k", path, value), ("JSON.MSET", "k", path, value), ("JSON.SET", "k", path + ".new", value)):
                            if (n * 7 + m * 3 + len(path) + len(command[0])) % 5:
                                continue  # a fifth of them will do
                            c.call("JSON.SET", "k", "$", nested(n, form=form))
                            reply = c.call(*command)
                            refused, taken = refused + (reply[0] == "-"), taken + (reply[0] != "-")
                            text = c.call("JSON.GET", "k", ".")
                            assert text[0] == "$"
                            if reply[0] != "-":
                                assert c.call("JSON.SET", "again", "$", text[1]) == OK, command[:3]
                                assert c.call("JSON.GET", "k", "INDENT", " ", "NEWLINE", "\n", "$")[0] == "$"
                                for read in (("JSON.RESP", "k", "$"), ("JSON.GET", "k", "FORMAT", "EXPAND", "$"), ("JSON.DEBUG", "MEMORY", "k", "$..*")):
                                    assert c3.call(*read)[0] == "*", read
        assert refused > 100 and taken > 100
        assert c.call("RESTORE", "copy", 0, c.call("DUMP", "k")[1], "REPLACE") == OK and c.call("DEBUG", "RELOAD") == OK
