"""Makes commands: valid ones from the oracle's own COMMAND DOCS, and from those invalid ones by damage.

A sequence is a list of batches; a batch is (connection number, list of commands), a command a list of bytes. What a batch
opens (MULTI) it closes, so every batch leaves its connection ready for the next. The same seed makes the same sequence.
"""
import random

import scripts

FAR = 4_000_000_000         # a unix time (2096) far enough away not to come during a test
MEMBERS = [b"a", b"b", b"c", b"d", b"e", b"aa", b"ab", b"1", b"2", b"3", b"10", b"-5", b"1.5", b"007", b"",
           b"\x00\xff\r\n", "\u00e9".encode(), b"9223372036854775807", b"x" * 65, b"longer-than-an-embedded-string-" * 2]
FIELDS = [b"f1", b"f2", b"f3", b"f4", b"f5", b"n1", b"n2", b"", b"\x00f", b"f" * 66]
SMALL = [b"0", b"1", b"2", b"3", b"4", b"5", b"-1", b"-2", b"-3", b"10"]
EDGE_INTS = [b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"-9223372036854775809", b"2147483647",
             b"2147483648", b"-2147483649", b"4294967296", b"1000000", b"-1000000", b"18446744073709551615", b"512", b"4096"]
BAD_NUMBERS = [b"", b"abc", b" 1", b"1 ", b"+1", b"01", b"-0", b"1.0", b"1e3", b"0x10", b"1\x002", b"--1", b"nan", b"-",
               b"99999999999999999999999999"]
FLOATS = [b"0", b"1", b"-1", b"1.5", b"-2.25", b"0.1", b"3.0", b"100", b"1e3", b"1e-5", b"5.0e3", b"2.5"]
EDGE_FLOATS = [b"inf", b"-inf", b"+inf", b"Infinity", b"1e308", b"-1e308", b"1.7976931348623157e308", b"5e-324", b"1e400", b"nan",
               b"-nan", b"0x1p3", b"-0", b"-0.0", b"9007199254740993", b"1e22", b"123456789012345680", b"0.30000000000000004",
               b"1e17", b"1e16", b"999999999999999999"]
SCORE_BOUNDS = [b"-inf", b"+inf", b"inf", b"0", b"1", b"2", b"(1", b"(2", b"(0", b"-1", b"1.5", b"(1.5", b"(inf", b"(-inf", b"3", b"10"]
LEX_BOUNDS = [b"-", b"+", b"[a", b"[b", b"[c", b"(a", b"(b", b"(d", b"[", b"(", b"[aa", b"[\xff", b"-", b"+"]
INDEXES = [b"0", b"-1", b"1", b"2", b"-2", b"3", b"5", b"-5", b"100", b"-100"]
PATTERNS = [b"*", b"s*", b"[sl]*", b"?1", b"*1", b"h[^2]", b"z[1-2]", b"\\s1", b"[", b"[a", b"f?", b"*a*", b"", b"s1", b"[^", b"a\\",
            b"**1", b"[z-a]1", b"f[1-3]"]
STREAM_IDS = [b"1-1", b"1-2", b"2-1", b"5-0", b"3", b"0", b"0-0", b"10-10", b"-", b"+", b"$", b"18446744073709551615-18446744073709551615",
              b"7-*", b"1-a", b"(1-1", b"20-1", b"30-1"]
POOLS = {"string": b"s", "bitmap": b"s", "hyperloglog": b"p", "list": b"l", "hash": b"h", "set": b"t", "sorted-set": b"z",
         "geo": b"g", "stream": b"x"}
ALL_KEYS = [p + n for p in (b"s", b"l", b"h", b"t", b"z") for n in (b"1", b"2", b"3")]
ODD_KEYS = [b"", b"\x00\r\n\xff", b"k" * 70, b"x1", b"{tag}1"]

# Values that cannot be told from the argument's type and name alone.
ENCODING_WORDS = {"type": [b"string", b"list", b"set", b"zset", b"hash", b"stream", b"STRING", b"nosuch"],
                  "operation": [b"AND", b"OR", b"XOR", b"NOT", b"and", b"NAND"],
                  "encoding": [b"u8", b"i8", b"u1", b"i64", b"u63", b"i1", b"u5", b"i13", b"u32", b"i16", b"u64", b"i0", b"i65", b"x8", b"u"],
                  "message": [b"hello", b"", b"a\r\nb"], "channel": [b"ch1", b"ch2", b"s1"], "shardchannel": [b"ch1", b"ch2"],
                  "threshold": [b"0", b"1", b"3", b"-1", b"2-0", b"abc", b"100"],
                  "group": [b"grp1", b"grp2"], "groupname": [b"grp1", b"grp2"],
                  "consumer": [b"c1", b"c2"], "consumername": [b"c1", b"c2"],
                  "connection-name": [b"name", b"", b"two words", b"n\n"],
                  "category": [b"read", b"write", b"nosuch"], "categoryname": [b"read", b"write", b"fast", b"nosuch"]}
TIMES = [b"100000", b"200000", b"5000000", b"86400000", b"0", b"-1", b"-100", b"9223372036854775807", b"9223372036854775",
         b"-9223372036854775808", b"4611686018427387904", b"abc", b"1.5", b""]
SECONDS = [b"100000", b"200000", b"0", b"-1", b"9223372036854775807", b"9223372036854775", b"-9223372036854775808", b"abc", b"1.5", b""]
UNIX_SECONDS = [b"4000000000", b"4000000001", b"4100000000", b"1", b"1000", b"0", b"-1", b"9223372036854775807", b"9223372036854776", b"abc", b""]
UNIX_MS = [b"4000000000000", b"4000000000001", b"4100000000000", b"1", b"1000", b"0", b"-1", b"9223372036854775807", b"abc", b""]

# Never sent: they stop, block or reconfigure the server, depend on the machine, or have macros of their own below.
LEFT_OUT = {
    "shutdown", "debug", "monitor", "sync", "psync", "replicaof", "slaveof", "failover", "migrate", "save", "bgsave",
    "bgrewriteaof", "lastsave", "module", "latency", "memory", "info", "config", "client", "acl", "cluster", "auth", "hello",
    "quit", "reset", "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", "multi", "exec",
    "discard", "watch", "wait", "time", "role", "slowlog", "lolwut", "replconf", "restore-asking", "restore", "dump", "asking",
    "readonly", "readwrite", "pfselftest", "pfdebug", "eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro",
    "script", "function", "command", "flushall", "flushdb", "select", "swapdb", "randomkey", "spop", "srandmember",
    "hrandfield", "zrandmember", "scan", "sscan", "hscan", "zscan", "object", "ping", "pubsub", "move", "spublish",
    "sort", "sort_ro", "keys", "publish"}
# redis counts a key whose time was in the past when it was set, until somebody comes upon it; Sorrel doesn't.
EXPIRED_GO = [[b"SCAN", b"0", b"COUNT", b"1000000"]]
MAY_BLOCK = {b"BLPOP", b"BRPOP", b"BRPOPLPUSH", b"BLMOVE", b"BLMPOP", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP", b"XREAD", b"XREADGROUP"}
EXPIRING = {b"SET", b"GETEX", b"EXPIRE", b"PEXPIRE", b"SETEX", b"PSETEX"}
LEX = {b"ZRANGEBYLEX", b"ZREVRANGEBYLEX", b"ZREMRANGEBYLEX", b"ZLEXCOUNT"}
BLOCKING = {"blpop", "brpop", "brpoplpush", "blmove", "blmpop", "bzpopmin", "bzpopmax", "bzmpop"}
WEIGHTS = {"string": 10, "list": 12, "hash": 12, "set": 12, "sorted-set": 16, "generic": 8, "bitmap": 3, "stream": 4, "geo": 3,
           "hyperloglog": 2}


def to_python(reply):
    """COMMAND DOCS as dicts, lists and str."""
    kind, v = reply
    if kind == "%":
        return {to_python(v[i]): to_python(v[i + 1]) for i in range(0, len(v), 2)}
    if kind in "*~":
        return [to_python(x) for x in v]
    return v.decode("latin-1") if isinstance(v, bytes) else v


class Generator:
    def __init__(self, docs, seed, only=None, known=None, resp3=True):
        self.r = random.Random(seed)
        self.random = self.r.random
        self.pick = self.r.choice
        self.scripts = scripts.Maker(self.r)
        self.rows, self.weights, self.blocking = [], [], []
        for name, doc in sorted(docs.items()):
            if name in LEFT_OUT or (known is not None and name not in known) or (only and name not in only):
                continue
            group = doc["group"]
            if group not in WEIGHTS:
                continue
            for sub, sdoc in sorted(doc.get("subcommands", {name: doc}).items()):
                if sub.endswith("|help"):
                    continue
                words = [w.upper().encode() for w in sub.split("|")]
                row = (words, self.compile_all(sdoc.get("arguments", []), POOLS.get(group), name), group)
                if name in BLOCKING:
                    self.blocking.append(row)
                else:
                    self.rows.append(row)
        sizes = {}
        for _, _, group in self.rows:
            sizes[group] = sizes.get(group, 0) + 1
        total, self.cumulative = 0, []
        for _, _, group in self.rows:
            total += WEIGHTS[group] / sizes[group]
            self.cumulative.append(total)
        self.macros = [(w, m) for w, m, needs in [
            (8, self.m_transaction, "multi"), (3, self.m_watch, "watch"), (3, self.m_spop, "spop"),
            (3, self.m_srandmember, "srandmember"), (3, self.m_hrandfield, "hrandfield"), (3, self.m_zrandmember, "zrandmember"),
            (5, self.m_scans, "scan"), (4, self.m_object, "object"), (2, self.m_select, "select"), (1, self.m_swapdb, "swapdb"),
            (3, self.m_move, "move"), (1, self.m_flushdb, "flushdb"), (2, self.m_keys, "keys"), (2, self.m_sort, "sort"),
            (2, self.m_client, "client"), (2, self.m_hello, "hello"), (2, self.m_pubsub, "publish"), (1, self.m_unknown, None),
            (1, self.m_pfadd, "pfadd"), (3, self.m_build, None), (3, self.m_lex, "zadd"), (1, self.m_command, "command"), (2, self.m_config, "config"), (1, self.m_ping, "ping"),
            (8, self.m_script, "eval")]
            if (needs is None or known is None or needs in known) and (not only or needs is None or needs in only)]
        self.known, self.resp3 = known, resp3

    # -- arguments ------------------------------------------------------------------------------------------------

    def key(self, prefix):
        x = self.random()
        if prefix is not None and x < 0.86:
            return prefix + self.pick((b"1", b"2", b"3"))
        return self.pick(ALL_KEYS) if x < 0.97 else self.pick(ODD_KEYS)

    def integer(self, usual):
        x = self.random()
        if x < 0.88:
            return self.pick(usual)
        return self.pick(EDGE_INTS) if x < 0.96 else self.pick(BAD_NUMBERS)

    def floating(self):
        x = self.random()
        if x < 0.85:
            return self.pick(FLOATS)
        return self.pick(EDGE_FLOATS) if x < 0.96 else self.pick(BAD_NUMBERS)

    def degrees(self, limit):
        """Mostly somewhere in a region, so that places meet; no two alike, since redis sorts equal distances by chance."""
        x = self.random()
        if x < 0.6:
            return b"%.6f" % self.r.uniform(10, 16)
        if x < 0.95:
            return b"%.9f" % self.r.uniform(-limit, limit)
        return self.pick((b"180", b"-180", b"85.05112878", b"-85.05112878", b"0", b"-0", b"abc", b"181", b"1e3", b"nan", b"inf"))

    def member(self):
        x = self.random()
        if x < 0.985:
            return self.pick(MEMBERS)
        return b"m%d" % self.r.randrange(400) if x < 0.999 else b"big" * 2000

    def compile_all(self, args, prefix, command):
        """A function that appends these arguments to a list."""
        parts = []
        i = 0
        while i < len(args):
            a = args[i]
            if a["name"] == "numkeys" and i + 1 < len(args) and args[i + 1]["type"] == "key":
                parts.append(self.compile_numkeys(prefix))
                i += 2
                continue
            parts.append(self.compile(a, prefix, command))
            i += 1

        def run(out):
            for p in parts:
                p(out)

        return run

    def compile_numkeys(self, prefix):
        def run(out):
            n = self.r.randint(1, 3)
            x = self.random()
            out.append(b"%d" % n if x < 0.93 else self.pick((b"0", b"-1", b"%d" % (n + 1), b"abc", b"9223372036854775807", b"1")))
            out.extend(self.key(prefix) for _ in range(n))

        return run

    def compile(self, a, prefix, command):
        flags = a.get("flags", [])
        inner = self.compile_plain(a, prefix, command)
        token = a.get("token", "").encode() if a["type"] != "pure-token" else b""
        optional, multiple, each = "optional" in flags, "multiple" in flags, "multiple_token" in flags

        def run(out):
            if optional and self.random() > 0.3:
                return
            if token:
                out.append(self.case(token))
            inner(out)
            if multiple:
                x = self.random()
                n = 0 if x < 0.45 else self.r.randint(1, 3) if x < 0.97 else self.r.randint(4, 40)
                for _ in range(n):
                    if token and each:
                        out.append(self.case(token))
                    inner(out)

        return run

    def case(self, word):
        return word if self.random() < 0.7 else word.lower()

    def compile_plain(self, a, prefix, command):
        kind, name = a["type"], a["name"]
        if kind == "key":
            return lambda out: out.append(self.key(prefix))
        if kind == "pure-token":
            # An identifier made from the clock would differ between the two servers.
            token = b"50-*" if name in ("auto-id", "auto_id") else a.get("token", name).encode()
            return lambda out: out.append(self.case(token))
        if kind == "oneof":
            options = [self.compile(dict(x, flags=[f for f in x.get("flags", []) if f != "optional"]), prefix, command)
                       for x in a["arguments"]]
            return lambda out: self.pick(options)(out)
        if kind == "block":
            return self.compile_all(a["arguments"], prefix, command)
        return self.compile_value(kind, name, command)

    def compile_value(self, kind, name, command):
        usual = None
        if kind == "pattern":
            usual = PATTERNS
        elif kind == "unix-time":
            usual = UNIX_MS if "milli" in name or command.startswith("p") else UNIX_SECONDS
        elif name in ("seconds",):
            usual = SECONDS
        elif command in ("xread", "xreadgroup") and name == "milliseconds":
            waits = [b"1", b"1", b"-1", b"abc"]
            return lambda out: out.append(self.pick(waits))
        elif name in ("milliseconds", "ttl", "ms") or (command, name) == ("psetex", "milliseconds"):
            usual = TIMES
        elif name == "timeout":
            seconds = [b"0.001", b"0.001", b"0.001", b"-1", b"abc", b"1e400"]
            return lambda out: out.append(self.pick(seconds))
        elif name in ENCODING_WORDS and kind == "string":
            usual = ENCODING_WORDS[name]
        elif command.startswith("x") and name in ("id", "start", "end", "last-id", "max_deleted_entry_id"):
            usual = STREAM_IDS
        elif "lex" in command and name in ("min", "max"):
            usual = LEX_BOUNDS
        elif name in ("min", "max"):
            usual = SCORE_BOUNDS
        elif command in ("zrange", "zrangestore") and name in ("start", "stop"):
            usual = INDEXES * 3 + SCORE_BOUNDS + LEX_BOUNDS
        elif name in ("start", "stop", "end", "index", "rank") and kind == "integer":
            usual = INDEXES
        elif name in ("destination-db", "db"):
            usual = [b"0", b"1", b"2", b"3", b"0", b"1", b"16", b"-1"]
        elif name == "offset" and command == "bitfield":
            usual = [b"0", b"1", b"7", b"8", b"100", b"#0", b"#1", b"#2", b"#7", b"33", b"-1", b"#-1", b"8388", b"16", b"64"]
        elif name == "offset" and command in ("setbit", "getbit", "setrange"):
            usual = [b"0", b"1", b"7", b"8", b"100", b"5", b"-1", b"8388607", b"8388608", b"1048576", b"1048575"]
        elif name == "bit":
            usual = [b"0", b"1", b"0", b"1", b"2"]
        elif command == "bitfield_ro" and name == "offset":
            usual = [b"0", b"1", b"#1", b"#2", b"7", b"100", b"#100", b"-1", b"#a", b"1048576"]
        elif command == "bitfield" and name in ("value", "increment"):
            usual = [b"0", b"1", b"-1", b"100", b"127", b"128", b"255", b"256", b"-128", b"-129", b"9223372036854775807",
                     b"-9223372036854775808"]
        elif name == "value" and command == "setbit":
            usual = [b"0", b"1", b"1", b"2", b"-1"]
        elif name in ("longitude", "latitude") and kind == "double":
            return lambda out: out.append(self.degrees(180 if name == "longitude" else 86))
        elif name in ("radius", "width", "height") and kind == "double":
            usual = [b"0", b"1", b"10.5", b"100", b"500", b"1000", b"5000", b"20000", b"1e6", b"1e7", b"1e9", b"-1", b"abc", b"inf"]
        if usual is not None:
            if kind == "integer":
                return lambda out: out.append(self.integer(usual))
            return lambda out: out.append(self.pick(usual) if self.random() < 0.97 else self.member())
        if kind == "integer":
            return lambda out: out.append(self.integer(SMALL))
        if kind == "double" or command.endswith("incrby") and name == "increment" or name == "increment" and "float" in command:
            return lambda out: out.append(self.floating())
        if name == "field" and command.startswith("h"):
            return lambda out: out.append(self.pick(FIELDS) if self.random() < 0.98 else self.member())
        if name == "weight":
            return lambda out: out.append(self.floating())
        return lambda out: out.append(self.member())

    # -- commands -------------------------------------------------------------------------------------------------

    def command(self, blocking=0.0005):
        if self.blocking and self.random() < blocking:
            words, args, _ = self.pick(self.blocking)
        elif not self.rows:
            return [b"PING"]
        else:
            words, args, _ = self.r.choices(self.rows, cum_weights=self.cumulative)[0]
        out = words.copy()
        args(out)
        x = self.random()
        # A damaged blocking command might block for good.
        if x < 0.06 and words[0] not in MAY_BLOCK:
            self.damage(out, len(words))
        if words[0] in LEX or (words[0] in (b"ZRANGE", b"ZRANGESTORE") and any(w.upper() == b"BYLEX" for w in out)):
            # By name is defined only where all scores are equal: keys y1 … y3, which nothing but m_lex adds to.
            for i in range(1, min(len(out), 3 if words[0] == b"ZRANGESTORE" else 2)):
                out[i] = b"y" + (out[i][-1:] if out[i][-1:] in (b"1", b"2", b"3") else b"1")
        if words[0] == b"BITFIELD":
            # redis's check overflows for the lowest integer: OVERFLOW SAT then sets the highest instead of the lowest value.
            out = [b"-2147483649" if w == b"-9223372036854775808" else w for w in out]
        if words[0] in EXPIRING:
            self.no_short_time(out)
        if words[0] in (b"ZRANK", b"ZREVRANK"):
            del out[3:]              # WITHSCORE is new: 7.0 would refuse to queue it and abort the transaction
        if words[0].startswith(b"GEO") and any(w.upper() == b"COUNT" for w in out):
            # Any score is a place, small ones all the same: which of those a COUNT leaves is chance in redis.
            out = [b"g" + w[1:] if len(w) == 2 and w[:1] == b"z" else w for w in out]
        if x > 0.9:
            out[0] = out[0].lower()
        return out

    def no_short_time(self, out):
        """A time of a few seconds at most would end on the two servers between different commands."""
        for i in range(2, len(out)):
            if (i == 2 and out[0] not in (b"SET", b"GETEX") or out[i - 1].upper() in (b"PX", b"EX")) and \
                    out[i].isdigit() and 0 < int(out[i]) < 50000:
                out[i] = b"100000"

    def damage(self, out, first):
        x, n = self.random(), len(out)
        if n <= first or x < 0.2:
            out.append(self.pick((b"extra", b"1", b"NX", b"WITHSCORES", b"LIMIT", b"")))
        elif x < 0.45:
            del out[self.r.randrange(first, n)]
        elif x < 0.6:
            i, j = self.r.randrange(first, n), self.r.randrange(first, n)
            out[i], out[j] = out[j], out[i]
        elif x < 0.75:
            i = self.r.randrange(first, n)
            out.insert(i, out[i])
        else:
            out[self.r.randrange(first, n)] = self.pick((b"", b"abc", b"0", b"-1", b"9223372036854775807", b"nan", b"1e308",
                                                         b"\x00", b"x" * 3000, b"\r\n"))

    def batches(self, count):
        """Batches of about `count` commands in all."""
        made = 0
        total_macro = sum(w for w, _ in self.macros)
        while made < count:
            conn = self.r.randrange(3)
            commands = []
            size = self.r.choice((1, 3, 10, 40, 80))
            while len(commands) < size:
                if self.random() < 0.12 and self.macros:
                    x = self.random() * total_macro
                    for w, m in self.macros:
                        x -= w
                        if x <= 0:
                            break
                    got = m()
                    if isinstance(got, tuple):      # a batch of its own, on connections of its choice
                        if commands:
                            yield conn, commands
                        made += len(commands)
                        for b in got[0]:
                            yield b
                            made += len(b[1])
                        commands = []
                        break
                    commands.extend(got)
                else:
                    commands.append(self.command())
            if commands:
                yield conn, commands
            made += len(commands)

    # -- macros: several commands that only make sense together --------------------------------------------------------

    def m_transaction(self):
        out = [[b"MULTI"]]
        for _ in range(self.r.randint(0, 6)):
            out.append(self.command(0.15))
        x = self.random()
        if x < 0.05:
            out.append([b"MULTI"])
        elif x < 0.1:
            out.append([b"WATCH", self.key(None)])
        elif x < 0.15:
            out.append([b"NOSUCH", b"a"])
        elif x < 0.2:
            out.append([b"GET"])
        out.append([b"EXEC"] if x < 0.9 else [b"DISCARD"] if x < 0.97 else [b"EXEC", b"extra"])
        return out + ([[b"DISCARD"]] if x >= 0.97 else [[b"EXEC"]] if x > 0.85 else [])

    def m_watch(self):
        """Two connections: one watches, the other may change, the first tries."""
        a, b = self.r.sample(range(3), 2)
        keys = [self.key(None) for _ in range(self.r.randint(1, 3))]
        first = [[b"WATCH", *keys]]
        if self.random() < 0.3:
            first.append(self.command(0))
        second = [self.command(0) for _ in range(self.r.randint(0, 3))]
        if self.random() < 0.3:
            second.append(self.pick(([b"DEL", keys[0]], [b"SET", keys[0], b"v"], [b"RENAME", keys[0], self.key(None)],
                                     [b"EXPIRE", keys[0], b"100000"], [b"EXPIRE", keys[0], b"-1"], [b"TOUCH", keys[0]],
                                     [b"COPY", self.key(None), keys[0], b"REPLACE"], [b"PERSIST", keys[0]])))
        third = [[b"UNWATCH"]] if self.random() < 0.1 else []
        third += [[b"MULTI"], self.command(0.1), [b"INCR", b"s1"], [b"EXEC"]]
        return ([(a, first), (b, second), (a, third)] if second else [(a, first), (a, third)],)

    def m_spop(self):
        key = self.key(b"t")
        count = [] if self.random() < 0.5 else [self.integer(SMALL)]
        return ([(0, [[b"SMEMBERS", key], [b"SPOP", key, *count], [b"SCARD", key], [b"DEL", key]])],)

    def m_srandmember(self):
        key = self.key(b"t")
        count = [] if self.random() < 0.4 else [self.integer_bounded()]
        return [[b"SMEMBERS", key], [b"SRANDMEMBER", key, *count]]

    def integer_bounded(self):
        """A count; huge negative ones would ask for as many members."""
        return self.pick(SMALL + [b"9223372036854775807", b"-9223372036854775808", b"abc", b"-300", b"300", b""])

    def m_hrandfield(self):
        key = self.key(b"h")
        args = [] if self.random() < 0.3 else [self.integer_bounded()]
        if args and self.random() < 0.4:
            args.append(self.pick((b"WITHVALUES", b"withvalues", b"WITHSCORES")))
        return [[b"HGETALL", key], [b"HRANDFIELD", key, *args]]

    def m_zrandmember(self):
        key = self.key(b"z")
        args = [] if self.random() < 0.3 else [self.integer_bounded()]
        if args and self.random() < 0.4:
            args.append(self.pick((b"WITHSCORES", b"withscores", b"WITHVALUES")))
        return [[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"], [b"ZRANDMEMBER", key, *args]]

    def m_scans(self):
        options = []
        if self.random() < 0.5:
            options += [self.case(b"MATCH"), self.pick(PATTERNS)]
        if self.random() < 0.06:
            options += [self.case(b"COUNT"), self.pick((b"0", b"-1", b"abc", b"", b"9223372036854775808"))]
        elif self.random() < 0.9:
            options += [self.case(b"COUNT"), b"1000000"]
        if self.random() < 0.05:
            options += [self.pick((b"COUNT", b"NOSUCH", b"MATCH"))]
        cursor = b"0" if self.random() < 0.95 else self.pick((b"abc", b"", b"18446744073709551616", b" 0"))
        x = self.random()
        if x < 0.3:
            if self.random() < 0.4:
                options += [b"TYPE", self.pick(ENCODING_WORDS["type"])]
            return [[b"SCAN", cursor, *options]]
        word, prefix = self.pick(((b"SSCAN", b"t"), (b"HSCAN", b"h"), (b"ZSCAN", b"z")))
        return [[word, self.key(prefix), cursor, *options]]

    def m_lex(self):
        key = b"y" + self.pick((b"1", b"2", b"3"))
        n = self.pick((1, 3, 10, 200))
        return [[b"ZADD", key, *[x for _ in range(n) for x in (b"0", b"m%d" % self.r.randrange(200) if n == 200 else
                                                               self.pick(MEMBERS))]],
                [self.pick((b"ZREM", b"ZSCORE")), key, self.pick(MEMBERS)]]

    def m_object(self):
        return [[b"OBJECT", self.pick((b"ENCODING", b"encoding", b"ENCODING", b"REFCOUNT", b"FREQ", b"IDLETIME", b"NOSUCH")),
                 self.key(None)] + ([b"extra"] if self.random() < 0.05 else [])]

    def m_select(self):
        return [[b"SELECT", self.pick((b"0", b"0", b"0", b"1", b"2", b"3", b"16", b"-1", b"abc", b""))]]

    def m_swapdb(self):
        return [[b"SWAPDB", self.pick((b"0", b"1", b"2", b"16", b"a")), self.pick((b"0", b"1", b"2", b"-1", b"b"))]]

    def m_move(self):
        return [[b"MOVE", self.key(None), self.pick((b"0", b"1", b"2", b"3", b"16", b"-1", b"abc"))]]

    def m_flushdb(self):
        x = self.random()
        if x < 0.75:
            return [[b"FLUSHDB", *self.pick(([], [b"ASYNC"], [b"sync"], [b"NOSUCH"], [b"SYNC", b"x"]))]]
        return [[b"FLUSHALL", *self.pick(([b"NOSUCH"], [b"ASYNC"], [b"SYNC", b"ASYNC"], []))]]

    def m_keys(self):
        return self.pick(([[b"KEYS", self.pick(PATTERNS)]], [*EXPIRED_GO, [b"DBSIZE"]], [[b"RANDOMKEY"]]))

    def m_sort(self):
        args, kind = [], self.pick((b"l", b"t", b"z"))
        # A set has no order of its own, so which of its elements a LIMIT leaves is chance.
        by = self.random() < 0.3
        ordered, alpha = not by or kind != b"t", self.random() < 0.5
        if by:
            args += [b"BY", self.pick((b"nosort", b"s*", b"h*->f1", b"nokey*", b"*"))]
        # Equal texts: sets and sorted sets have them in an order of chance, and LIMIT makes it one for lists too.
        equals = alpha and (by and args[1] != b"nosort" or kind != b"l")
        limited = ordered and not equals
        ordered = ordered and not equals  # a set may have got a list's name by RENAME
        if limited and self.random() < 0.3:
            args += [b"LIMIT", self.integer(SMALL), self.integer(SMALL)]
        if self.random() < 0.3:
            args += [b"GET", self.pick((b"#", b"s*", b"h*->f1", b"nothing", b"h*->"))]
        if self.random() < 0.3:
            args += [self.pick((b"ASC", b"DESC", b"desc"))]
        if alpha:
            args += [b"ALPHA"]
        if ordered and self.random() < 0.3:
            args += [b"STORE", self.key(b"l")]
        word = b"SORT_RO" if b"STORE" not in args and self.random() < 0.2 else b"SORT"
        # redis refuses numbers because of an error (errno) that a command before had with one: the ZADD clears it. And it leaves
        # a small sorted set behind as a skiplist, in which -0 is not 0: that is written anew.
        key = kind + self.pick((b"1", b"2", b"3"))
        return [[b"ZADD", b"none", b"XX", b"1", b"a"], [word, key, *args], [b"ZRANGESTORE", key, key, b"0", b"-1"]]

    def m_client(self):
        return [self.pick(([b"CLIENT", b"SETNAME", self.pick(ENCODING_WORDS["connection-name"])], [b"CLIENT", b"GETNAME"],
                           [b"CLIENT", b"NO-EVICT", self.pick((b"on", b"off", b"x"))], [b"CLIENT", b"NOSUCH"],
                           [b"CLIENT", b"KILL", b"ID", self.pick((b"abc", b"0", b"-1", b"999999"))], [b"CLIENT"],
                           [b"CLIENT", b"UNBLOCK", self.pick((b"999999", b"abc"))],
                           [b"CLIENT", b"UNBLOCK", b"999999", self.pick((b"ERROR", b"TIMEOUT", b"x"))],
                           [b"CLIENT", b"KILL", b"1.2.3.4:5"], [b"CLIENT", b"KILL", b"TYPE", b"nosuch"],
                           [b"CLIENT", b"REPLY", b"ON"], [b"CLIENT", b"REPLY", b"x"], [b"CLIENT", b"GETREDIR"],
                           [b"CLIENT", b"LIST", b"TYPE", b"nosuch"], [b"CLIENT", b"LIST", b"ID", b"abc"],
                           [b"CLIENT", b"LIST", b"ID", b"999999"], [b"CLIENT", b"TRACKINGINFO"]))]

    def m_hello(self):
        return [self.pick(([b"HELLO", b"4"], [b"HELLO", b"abc"], [b"HELLO", b"1"], [b"HELLO", b"3", b"NOSUCH"],
                           [b"HELLO", b"3", b"SETNAME", b"a b"], [b"AUTH", b"x"], [b"AUTH"], [b"AUTH", b"default", b"wrong"],
                           [b"AUTH", b"nobody", b"x"], [b"AUTH", b"a", b"b", b"c"]))]

    def m_pubsub(self):
        channel = self.pick(ENCODING_WORDS["channel"])
        return [self.pick(([b"PUBLISH", channel, self.member()], [b"PUBSUB", b"CHANNELS"], [b"PUBSUB", b"NUMSUB", channel, b"x"],
                           [b"PUBSUB", b"NUMPAT"], [b"PUBSUB", b"CHANNELS", self.pick(PATTERNS)], [b"PUBSUB", b"NOSUCH"],
                           [b"UNSUBSCRIBE"], [b"PUNSUBSCRIBE"], [b"UNSUBSCRIBE", channel], [b"PUBLISH", channel]))]

    def m_unknown(self):
        return [self.pick(([b"NOSUCH"], [b"nosuch", b"a", b"b" * 200], [b"", b"x"], [b"GE\r\nT"], [b"SET\x00", b"a"],
                           [b"nosuch", *[b"arg"] * 30], [b"OBJECT"], [b"QUUX", b"\x00\xff"]))]

    def m_ping(self):
        return [self.pick(([b"PING"], [b"PING", self.member()], [b"PING", b"a", b"b"], [b"ECHO", self.member()], [b"ECHO"]))]

    def m_script(self):
        return self.scripts.commands()

    def m_command(self):
        return [self.pick(([b"COMMAND", b"GETKEYS", *self.command(0)], [b"COMMAND", b"GETKEYSANDFLAGS", *self.command(0)],
                           [b"COMMAND", b"INFO", b"nosuch"], [b"COMMAND", b"NOSUCH"], [b"COMMAND", b"GETKEYS"],
                           [b"COMMAND", b"LIST", b"FILTERBY", b"x", b"y"]))]

    def m_config(self):
        return [self.pick(([b"CONFIG", b"GET", b"nosuch"], [b"CONFIG", b"SET", b"nosuch", b"1"], [b"CONFIG", b"SET", b"maxmemory"],
                           [b"CONFIG", b"SET", b"hash-max-listpack-entries", b"abc"], [b"CONFIG", b"NOSUCH"], [b"CONFIG"],
                           [b"CONFIG", b"GET", b"hash-max-listpack-entries"], [b"CONFIG", b"GET", b"*max-intset*"],
                           [b"CONFIG", b"SET", b"appendfsync", b"nosuch"], [b"CONFIG", b"SET", b"port", b"99999999"],
                           [b"CONFIG", b"SET", b"set-max-intset-entries", self.pick((b"512", b"4"))],
                           [b"CONFIG", b"SET", b"zset-max-listpack-entries", self.pick((b"128", b"4"))],
                           [b"CONFIG", b"SET", b"hash-max-listpack-value", self.pick((b"64", b"5"))],
                           [b"CONFIG", b"SET", b"timeout", b"0", b"timeout", b"0"]))]

    def m_pfadd(self):
        """Sketches with many registers set, their bytes, and now and then a damaged one."""
        key, n = self.key(b"p"), self.pick((1, 10, 100, 1000, 3000))
        out = [[b"PFADD", key, *[b"e%d" % self.r.randrange(n * 2) for _ in range(n)]]]
        x = self.random()
        if x < 0.03:
            at = b"%d" % self.pick((0, 4, 5, 8, 15, 16, 17, 18, 40, 12303, 12304))
            return out + [[b"SETRANGE", key, at, self.pick((b"\x00", b"\x80", b"x"))], [b"PFCOUNT", key], [b"DEL", key]]
        if x < 0.2:
            out.append([b"PFDEBUG", self.pick((b"DECODE", b"ENCODING", b"TODENSE", b"GETREG", b"NOSUCH")), key])
        return out + [[b"PFCOUNT", key], [b"GET", key]]

    def m_build(self):
        """Many elements at once, so that encodings change."""
        n = self.r.choice((5, 20, 130, 200, 520))
        kind = self.r.randrange(5)
        if kind == 0:
            return [[b"RPUSH", self.key(b"l"), *[b"e%d" % self.r.randrange(n) for _ in range(n)]]]
        if kind == 1:
            return [[b"SADD", self.key(b"t"), *[b"%d" % self.r.randrange(-n, n) for _ in range(n)]]]
        if kind == 2:
            return [[b"SADD", self.key(b"t"), *[b"m%d" % self.r.randrange(n) for _ in range(n)]]]
        if kind == 3:
            return [[b"HSET", self.key(b"h"), *[x for i in range(n) for x in (b"f%d" % self.r.randrange(n), b"v%d" % i)]]]
        return [[b"ZADD", self.key(b"z"), *[x for i in range(n) for x in (b"%d" % self.r.randrange(n // 4 + 1),
                                                                          b"m%d" % self.r.randrange(n))]]]


# Commands of LEFT_OUT that a macro sends after all.
MACRO_COMMANDS = {"spop", "srandmember", "hrandfield", "zrandmember", "scan", "sscan", "hscan", "zscan", "object", "select",
                  "swapdb", "move", "flushdb", "flushall", "keys", "randomkey", "sort", "client", "hello", "auth", "publish", "sort_ro",
                  "pubsub", "command", "config", "ping", "multi", "exec", "watch", "pfdebug"}
