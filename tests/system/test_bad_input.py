"""Bad input: each kind gets its exact error, and the server goes on."""
import pytest
import servers

BIG = b"9" * 70000

# What is sent, and everything that comes back before the connection is closed.
MALFORMED = [
    (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*99999999999999999999\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*1\r\n:1\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n"),
    (b"*1\r\nPING\r\n", b"-ERR Protocol error: expected '$', got 'P'\r\n"),
    (b"*1\r\n$x\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$536870913\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$99999999999999999999\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*" + BIG, b"-ERR Protocol error: too big mbulk count string\r\n"),
    (b"*1\r\n$" + BIG, b"-ERR Protocol error: too big bulk count string\r\n"),
    (b"x" * 70000, b"-ERR Protocol error: too big inline request\r\n"),
    (b'SET k "unbalanced\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n"),
    (b"SET k 'unbalanced\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n"),
    (b'SET k "a"b\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n"),
    (b"PING\r\n*1\r\n$4\r\nPING\r\n*1\r\n!\r\n*1\r\n$4\r\nPING\r\n",
     b"+PONG\r\n+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n"),
]


def everything(c):
    """All bytes up to the end of the connection."""
    try:
        while True:
            assert c.fill(10), f"the connection stays open after {bytes(c.data)!r}"
    except servers.Closed:
        return bytes(c.data)


@pytest.mark.parametrize("sent,wanted", MALFORMED, ids=lambda x: repr(x[:30]))
def test_malformed_request(server, sent, wanted):
    with server.connect() as c, server.connect() as other:
        c.send(sent)
        assert everything(c) == wanted
        assert other.call("PING") == ("+", b"PONG")


@pytest.mark.parametrize("sent", [b"\r\n", b"\r\n\r\n", b"*0\r\n", b"*-1\r\n", b"*-5\r\n", b"   \r\n"])
def test_an_empty_request_is_skipped(conn, sent):
    conn.send(sent + b"PING\r\n")
    assert conn.read() == ("+", b"PONG")


@pytest.mark.parametrize("sent,wanted", [
    (b"PING\n", b"+PONG\r\n"),
    (b'SET "a\\x41\\n" \'b c\'\r\nGET "aA\\n"\r\n', b"+OK\r\n$3\r\nb c\r\n"),
    (b"  ping   hello \r\n", b"$5\r\nhello\r\n"),
    (b'ECHO ""\r\n', b"$0\r\n\r\n"),
    (b"ECHO 'it\\'s'\r\n", b"$4\r\nit's\r\n"),
])
def test_inline_commands(conn, sent, wanted):
    conn.send(sent)
    got = b""
    while len(got) < len(wanted):
        conn.fill(10)
        got = bytes(conn.data)
    assert got == wanted


def test_a_command_split_at_every_byte(conn):
    request = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nv\r\n\x00v\r\nGET key\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n"
    for at in range(1, len(request)):
        conn.send(request[:at])
        conn.send(request[at:])
        assert [conn.read() for _ in range(3)] == [("+", b"OK"), ("$", b"v\r\n\x00v"), ("$", b"hi")]
    for byte in request:
        conn.send(bytes([byte]))
    assert [conn.read() for _ in range(3)] == [("+", b"OK"), ("$", b"v\r\n\x00v"), ("$", b"hi")]


def test_a_deep_pipeline(conn):
    n = 100000
    conn.send(b"INCR n\r\n" * n)
    for i in (1, 2, 3):
        assert conn.read() == (":", i)
    last = 3
    while last < n:
        kind, last = conn.read()
        assert kind == ":"
    assert last == n


BAD_ARGUMENTS = [
    (["GET"], "ERR wrong number of arguments for 'get' command"),
    (["get", "a", "b"], "ERR wrong number of arguments for 'get' command"),
    (["NOSUCH"], "ERR unknown command 'NOSUCH', with args beginning with: "),
    (["nosuch", "a", "b c"], "ERR unknown command 'nosuch', with args beginning with: 'a' 'b c' "),
    (["NO\r\nSUCH", "a\r\nb"], "ERR unknown command 'NO  SUCH', with args beginning with: 'a  b' "),
    (["x" * 200], "ERR unknown command '" + "x" * 128 + "', with args beginning with: "),
    (["CLIENT", "NOSUCH"], "ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP."),
    (["CONFIG", "get"], "ERR wrong number of arguments for 'config|get' command"),
    (["OBJECT"], "ERR wrong number of arguments for 'object' command"),
    (["SET", "k", "v", "NX", "XX"], "ERR syntax error"),
    (["SET", "k", "v", "EX"], "ERR syntax error"),
    (["SET", "k", "v", "EX", "0"], "ERR invalid expire time in 'set' command"),
    (["SET", "k", "v", "EX", "abc"], "ERR value is not an integer or out of range"),
    (["SET", "k", "v", "EX", "9223372036854775807"], "ERR invalid expire time in 'set' command"),
    (["EXPIRE", "str", "9223372036854775807"], "ERR invalid expire time in 'expire' command"),
    (["INCR", "str"], "ERR value is not an integer or out of range"),
    (["INCRBY", "max", "1"], "ERR increment or decrement would overflow"),
    (["DECRBY", "max", "-9223372036854775808"], "ERR decrement would overflow"),
    (["INCRBYFLOAT", "str", "1"], "ERR value is not a valid float"),
    (["INCRBYFLOAT", "max", "abc"], "ERR value is not a valid float"),
    (["SETRANGE", "str", "-1", "x"], "ERR offset is out of range"),
    (["SETRANGE", "str", "536870912", "x"], "ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
    (["LPUSH", "str", "x"], "WRONGTYPE Operation against a key holding the wrong kind of value"),
    (["LSET", "list", "10", "x"], "ERR index out of range"),
    (["LSET", "nothing", "0", "x"], "ERR no such key"),
    (["LPOP", "list", "-1"], "ERR value is out of range, must be positive"),
    (["LPOS", "list", "a", "RANK", "0"], "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
                                          "or use negative to start from the end of the list"),
    (["HSET", "hash", "f"], "ERR wrong number of arguments for 'hset' command"),
    (["HINCRBY", "hash", "f", "1"], "ERR hash value is not an integer"),
    (["ZADD", "zset", "abc", "m"], "ERR value is not a valid float"),
    (["ZADD", "zset", "nan", "m"], "ERR value is not a valid float"),
    (["ZADD", "zset", "NX", "GT", "1", "m"], "ERR GT, LT, and/or NX options at the same time are not compatible"),
    (["ZADD", "zset", "INCR", "1", "a", "2", "b"], "ERR INCR option supports a single increment-element pair"),
    (["ZRANGE", "zset", "a", "b"], "ERR value is not an integer or out of range"),
    (["ZRANGE", "zset", "a", "b", "BYSCORE"], "ERR min or max is not a float"),
    (["ZRANGE", "zset", "a", "b", "BYLEX"], "ERR min or max not valid string range item"),
    (["ZUNION", "0", "a"], "ERR at least 1 input key is needed for 'zunion' command"),
    (["SINTERCARD", "0", "a"], "ERR numkeys should be greater than 0"),
    (["SINTERCARD", "5", "a"], "ERR Number of keys can't be greater than number of args"),
    (["SPOP", "set", "-1"], "ERR value is out of range, must be positive"),
    (["BLPOP", "list2", "-1"], "ERR timeout is negative"),
    (["BLPOP", "list2", "abc"], "ERR timeout is not a float or out of range"),
    (["SELECT", "16"], "ERR DB index is out of range"),
    (["SELECT", "abc"], "ERR value is not an integer or out of range"),
    (["SWAPDB", "a", "1"], "ERR invalid first DB index"),
    (["MOVE", "str", "0"], "ERR source and destination objects are the same"),
    (["RENAME", "nothing", "x"], "ERR no such key"),
    (["SCAN", "abc"], "ERR invalid cursor"),
    (["SCAN", "0", "COUNT", "0"], "ERR syntax error"),
    (["EXEC"], "ERR EXEC without MULTI"),
    (["DISCARD"], "ERR DISCARD without MULTI"),
    (["HELLO", "4"], "NOPROTO unsupported protocol version"),
    (["HELLO", "abc"], "ERR Protocol version is not an integer or out of range"),
    (["AUTH", "x"], "ERR AUTH <password> called without any password configured for the default user. "
                    "Are you sure your configuration is correct?"),
    (["AUTH", "nobody", "x"], "WRONGPASS invalid username-password pair or user is disabled."),
    (["CONFIG", "SET", "nosuch", "1"], "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
    (["CONFIG", "SET", "port", "99999"], "ERR CONFIG SET failed (possibly related to argument 'port') - "
                                         "argument must be between 0 and 65535 inclusive"),
    (["CONFIG", "SET", "maxclients", "abc"], "ERR CONFIG SET failed (possibly related to argument 'maxclients') - "
                                             "argument couldn't be parsed into an integer"),
    (["CONFIG", "SET", "appendfsync", "x"], "ERR CONFIG SET failed (possibly related to argument 'appendfsync') - "
                                            "argument(s) must be one of the following: everysec, always, no"),
    (["CONFIG", "SET", "databases", "4"], "ERR CONFIG SET failed (possibly related to argument 'databases') - "
                                          "can't set immutable config"),
    (["CONFIG", "SET", "timeout", "1", "timeout", "2"], "ERR CONFIG SET failed (possibly related to argument 'timeout') - "
                                                        "duplicate parameter"),
    (["CONFIG", "SET", "timeout", "1", "hz"], "ERR syntax error"),
    (["CONFIG", "SET", "shutdown-on-sigterm", ""], "ERR CONFIG SET failed (possibly related to argument 'shutdown-on-sigterm') - "
                                                   "argument(s) must be one of the following: default, save, nosave, now, force"),
    (["CONFIG", "SET", "proc-title-template", ""], "ERR CONFIG SET failed (possibly related to argument 'proc-title-template') - "
                                                   "template format is invalid or contains unknown variables"),
    (["CONFIG", "SET", "cluster-announce-hostname", "a b"],
     "ERR CONFIG SET failed (possibly related to argument 'cluster-announce-hostname') - "
     "Hostnames may only contain alphanumeric characters, hyphens or dots"),
    (["CLIENT", "KILL", "1.2.3.4:5"], "ERR No such client"),
    (["CLIENT", "PAUSE", "-1"], "ERR timeout is negative"),
    (["CLIENT", "PAUSE", "1.5"], "ERR timeout is not an integer or out of range"),
    (["CLIENT", "PAUSE", "9223372036854775807"], "ERR timeout is out of range"),
    (["DEBUG", "REPLYBUFFER", "x", "1"], "ERR unknown subcommand or wrong number of arguments for 'REPLYBUFFER'. Try DEBUG HELP."),
    (["CLIENT", "SETNAME", "a b"], "ERR Client names cannot contain spaces, newlines or special characters."),
    (["CLIENT", "REPLY", "x"], "ERR syntax error"),
    (["DEBUG", "NOSUCH"], "ERR unknown subcommand or wrong number of arguments for 'NOSUCH'. Try DEBUG HELP."),
    (["OBJECT", "FREQ", "str"], "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
                                "when switching between policies at runtime LRU and LFU data will take some time to adjust."),
]


@pytest.fixture
def populated(conn):
    for command in (["SET", "str", "text"], ["SET", "max", "9223372036854775807"], ["RPUSH", "list", "a"],
                    ["HSET", "hash", "f", "v"], ["SADD", "set", "m"], ["ZADD", "zset", "1", "m"]):
        assert conn.call(*command)[0] != "-"
    return conn


@pytest.mark.parametrize("command,wanted", BAD_ARGUMENTS, ids=lambda x: " ".join(x)[:50] if isinstance(x, list) else "")
def test_bad_arguments(populated, command, wanted):
    if command[0] == "OBJECT" and len(command) > 2:
        wanted_start = wanted[:40]
        kind, text = populated.call(*command)
        assert kind == "-" and text.decode().startswith(wanted_start)
    else:
        assert populated.call(*command) == ("-", wanted.encode())
    assert populated.call("PING") == ("+", b"PONG")
