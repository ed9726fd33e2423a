"""Makes Lua scripts: every function of the API, nested conversions both ways, numbers at the edges, errors at every depth.

What two interpreters may rightly answer differently is left out: the order of pairs() and of unordered replies, addresses,
random numbers, times, the length of a table with holes. Everything else must be equal to the byte, error texts with their lines included.
"""

NUMBERS = ["0", "1", "-1", "2", "3.7", "-3.7", "0.1", "1e15", "1e16", "123456789012", "2^31", "-2^31", "2^32", "2^52", "2^53", "2^53+1",
           "-2^53", "9.2e18", "2^63", "-2^63", "2^64", "1e300", "-1e300", "5e-324", "1/0", "-1/0", "0x7fffffff", "0.5", "1.5e10", "255", "65536"]
STRINGS = ["''", "'a'", "'abc'", "'1'", "'-5'", "'3.0'", "'1e3'", "' 7 '", "'0x10'", "'with space'", "'a\\0b'", "'\\r\\n'", "'\\255\\128'",
           "'line\\nline'", "[[long]]", "'\"quoted\"'", "('x'):rep(70)", "'{\"a\":[1,2]}'", "'k1'", "KEYS[1]", "KEYS[2]", "ARGV[1]", "ARGV[2]",
           "'\\195\\169'"]
JSON = ["'[1,2.5,-3e2,\"x\",true,false,null]'", "'{\"a\":{\"b\":[[],{}]}}'", "'\"\\\\u00e9\\\\n\"'", "'[1,]'", "'{\"a\" 1}'", "'nul'", "''",
        "'[[[[[[1]]]]]]'", "' [ 1 , 2 ] '", "'1 2'", "'\"a'", "'01'", "'-'", "'1e5'", "'[\"\\\\ud83d\\\\ude00\"]'", "'\"\\\\ud83d\"'", "'{\"1\":2}'",
        "'12345678901234567890'", "'[0.1,1e300,-0]'", "{}", "5"]
FORMATS = ["%d", "%5.2f", "%s", "%q", "%x", "%g", "%-5s|", "%05d", "%c", "%i", "%e", "%10.3s", "%%", "%y", "%", "%u", "%o", "%G", "%123d"]
PATTERNS = ["a", ".", "%a+", "(%w)(%w)", "()", "^a", "b$", "[abc]", "[^a]", "%b()", "%f[%w]", "x*", "a-", "(a", "[a", "%", "(%d+)", "%s", ".-b"]
STRUCT = ["b", "B", "h", "H", "i4", "I2", ">i4", "<I8", "d", "f", "s", "c3", "c0", "!4bi4", "x", ">hh", "l", "z", "i33", "=I1", "bhi4"]
COMMANDS = [
    "'set', K, V", "'get', K", "'incr', K", "'incrby', K, N", "'incrbyfloat', K, N", "'append', K, V", "'strlen', K", "'del', K",
    "'exists', K", "'type', K", "'getrange', K, N, N", "'setex', K, 100, V", "'persist', K", "'mget', K, K", "'setnx', K, V",
    "'rpush', L, V, V", "'lpush', L, N", "'lrange', L, 0, -1", "'lpop', L", "'lindex', L, N", "'llen', L", "'linsert', L, 'before', V, V",
    "'hset', H, 'f', V", "'hget', H, 'f'", "'hmget', H, 'f', 'g'", "'hincrby', H, 'n', N", "'hlen', H", "'hdel', H, 'f'", "'hsetnx', H, 'g', V",
    "'sadd', S, V", "'scard', S", "'sismember', S, V", "'srem', S, V", "'smismember', S, V, 'a'",
    "'zadd', Z, N, V", "'zadd', Z, 1, 'a', 2, 'b'", "'zrange', Z, 0, -1", "'zcard', Z", "'zrank', Z, 'a'", "'zincrby', Z, 1, 'a'",
    "'zrangebyscore', Z, '-inf', '+inf'", "'zpopmin', Z", "'zcount', Z, 0, 5",
    "'xadd', X, I, 'f', V", "'xadd', X, 'nomkstream', I, 'f', V", "'xadd', X, 'maxlen', 3, I, 'f', V", "'xlen', X", "'xrange', X, '-', '+'",
    "'xrevrange', X, '+', '-', 'count', 2", "'xdel', X, I", "'xtrim', X, 'maxlen', 2", "'xread', 'count', 2, 'streams', X, 0",
    "'xgroup', 'create', X, G, 0, 'mkstream'", "'xgroup', 'create', X, G, '$'", "'xgroup', 'setid', X, G, I", "'xgroup', 'destroy', X, G",
    "'xreadgroup', 'group', G, C, 'count', 2, 'streams', X, '>'", "'xreadgroup', 'group', G, C, 'streams', X, 0", "'xack', X, G, I, I",
    "'xreadgroup', 'group', G, C, 'noack', 'streams', X, '>'", "'xpending', X, G", "'xclaim', X, G, C, 0, I, 'justid'",
    "'xclaim', X, G, C, 0, I, 'force'", "'xautoclaim', X, G, C, 0, '-', 'justid'", "'xgroup', 'delconsumer', X, G, C",
    "'ping'", "'echo', V", "'nosuch'", "'get'", "'set', K", "'subscribe', 'c'", "'multi'", "'eval', 'return 1', 0", "'script', 'flush'", "K", "V",
    "", "{}", "'get', {}", "'get', nil", "'set', K, true", "'object', 'nosuch', K", "'expire', K, 'x'",
    "'zadd', Z, 'x', 'a'", "'copy', K, K", "'rename', K, K", "'sort', L, 'alpha'", "'bitcount', K", "'setbit', K, 7, 1", "'getset', K, V",
]


class Maker:
    def __init__(self, r):
        self.r, self.random, self.pick = r, r.random, r.choice
        self.packing = 0        # inside of what walks a table in its own order

    def number(self):
        return self.pick(NUMBERS)

    def scalar(self):
        x = self.random()
        if x < 0.35:
            return self.number()
        return self.pick(STRINGS) if x < 0.8 else self.pick(["true", "false", "nil", "cjson.null"])

    def command(self):
        def fill(word):
            table = {"K": ["'s1'", "'s2'", "'s3'", "KEYS[1]", "'l1'"], "V": STRINGS + NUMBERS[:12], "N": NUMBERS[:9] + ["'x'", "2^53"],
                     "L": ["'l1'", "'l2'", "'s1'"], "H": ["'h1'", "'h2'"], "S": ["'t1'", "'t2'"], "Z": ["'z1'", "'z2'"], "X": ["'x1'", "'x2'"],
                     "I": ["'1-1'", "'2-1'", "'3-*'", "5", "'6-1'", "'7-7'", "'0'", "'9-*'", "'x'", "11", "'20-1'"], "G": ["'g1'", "'g2'"],
                     "C": ["'c1'", "'c2'"]}
            return self.pick(table[word]) if word in table else word
        return ", ".join(fill(w.strip()) for w in self.pick(COMMANDS).split(","))

    def call(self):
        return f"redis.{self.pick(['call', 'call', 'pcall', 'pcall', 'pcall'])}({self.command()})"

    def value(self, depth=0):
        """An expression of any kind."""
        x = self.random()
        if depth > 4 or x < 0.3:
            return self.scalar()
        if x < 0.48:
            return "{" + ", ".join(self.value(depth + 1) for _ in range(self.r.randint(0, 4))) + "}"
        if x < 0.62:
            return f"type({self.call()})" if self.packing else self.call()
        if x < 0.74:
            return self.special(depth)
        return self.function(depth)

    def thrown(self):
        """What error() may be given: redis-server 7.0 dies of a table without a text in err."""
        return self.pick([self.scalar, lambda: f"{{err={self.pick(STRINGS[:18])}}}", lambda: f"redis.error_reply({self.pick(STRINGS[:18])})",
                          lambda: f"{{err='E {self.r.randint(0, 9)}', {self.pick(['ok=1', '1', 'ignore_error_stats_update=true'])}}}"])()

    def special(self, depth):
        v = lambda: self.value(depth + 1)  # noqa: E731
        if self.packing:
            return f"{{ok={v()}}}"
        return self.pick([
            lambda: f"{{err={v()}}}", lambda: f"{{ok={v()}}}", lambda: f"{{double={self.number()}}}", lambda: f"{{map={{{self.pick('ab')}={v()}}}}}",
            lambda: f"{{set={{[{self.pick(STRINGS)}]=true}}}}", lambda: "{big_number='123456789012345678901234567890'}",
            lambda: "{big_number='a\\r\\nb'}", lambda: "{verbatim_string={format='txt',string='s'}}", lambda: "{verbatim_string={format='t',string=5}}",
            lambda: f"redis.error_reply({v()})", lambda: f"redis.status_reply({v()})", lambda: f"{{double={v()}}}", lambda: f"{{map={self.scalar()}}}",
            lambda: "redis.error_reply()", lambda: "{1, nil, 3}", lambda: "function() end", lambda: f"{{n={v()}, {v()}}}"])()

    def without_holes(self, text):
        return self.pick(STRINGS) if "nil" in text else text

    def packed(self, name, n):
        self.packing += 1
        text = f"{name}({', '.join(self.value(2) for _ in range(n))})"
        self.packing -= 1
        return text

    def function(self, depth):
        v = lambda: self.value(depth + 1)  # noqa: E731
        s = lambda: self.pick(STRINGS)     # noqa: E731
        n = self.number
        return self.pick([
            lambda: self.packed('cjson.encode', 1), lambda: f"cjson.decode({self.pick(JSON)})", lambda: f"cjson.encode(cjson.decode({self.pick(JSON)}))",
            lambda: self.packed('cmsgpack.pack', 2), lambda: f"cmsgpack.unpack({self.packed('cmsgpack.pack', 1)})", lambda: f"cmsgpack.unpack({s()})",
            lambda: f"cmsgpack.unpack_limit({s()}, {self.r.randint(0, 3)})", lambda: f"cmsgpack.unpack_one({s()}, {self.r.randint(0, 3)})",
            lambda: f"struct.pack('{self.pick(STRUCT)}', {self.scalar()}, {self.scalar()})", lambda: f"struct.unpack('{self.pick(STRUCT)}', {s()})",
            lambda: f"struct.size('{self.pick(STRUCT)}')", lambda: f"redis.sha1hex({self.scalar()})",
            lambda: f"bit.{self.pick(['band', 'bor', 'bxor'])}({n()}, {n()})", lambda: f"bit.{self.pick(['bnot', 'tobit', 'tohex', 'bswap'])}({n()})",
            lambda: f"bit.{self.pick(['lshift', 'rshift', 'arshift', 'rol', 'ror'])}({n()}, {self.r.randint(0, 40)})",
            lambda: f"tostring({self.scalar()})", lambda: f"type({v()})", lambda: f"tonumber({self.scalar()})", lambda: f"#({self.without_holes(v())})",
            lambda: f"string.format('{self.pick(FORMATS)}', {self.scalar()})", lambda: f"string.rep({s()}, {self.r.randint(-1, 5)})",
            lambda: f"{{string.find({s()}, '{self.pick(PATTERNS)}')}}", lambda: f"{{string.gsub({s()}, '{self.pick(PATTERNS)}', '%0%0')}}",
            lambda: f"string.match({s()}, '{self.pick(PATTERNS)}')", lambda: f"{{string.byte({s()}, 1, 3)}}", lambda: f"string.sub({s()}, {self.r.randint(-3, 3)})",
            lambda: f"string.upper({s()})..{self.scalar()}", lambda: f"{n()} {self.pick('+-*/%^')} {n()}", lambda: f"math.floor({n()})",
            lambda: f"math.{self.pick(['max', 'min', 'fmod'])}({n()}, {self.r.randint(1, 9)})", lambda: f"{{math.{self.pick(['modf', 'frexp'])}({self.r.randint(-9, 9)}.25)}}",
            lambda: f"table.concat({{{s()}, {n()}}}, {s()})", lambda: f"select({self.pick(['1', '2', '-1', chr(39) + '#' + chr(39), '0'])}, {v()}, {v()})",
            lambda: f"{{pcall(function() return {v()} end)}}", lambda: f"{{pcall(error, {self.thrown()})}}", lambda: f"({v()}) == ({v()})",
            lambda: f"{self.scalar()} < {self.scalar()}", lambda: f"{{unpack({{{v()}, {v()}}})}}", lambda: "redis.acl_check_cmd('get', 'k')",
            lambda: "redis.acl_check_cmd('nosuch')", lambda: "redis.replicate_commands()", lambda: "redis.breakpoint()",
            lambda: f"({v()}).err", lambda: f"({v()})[1]", lambda: f"loadstring('return {self.pick(['1', 'x', '(', 'nil'])}')",
            lambda: f"coroutine.wrap(function(a) return a, {v()} end)({v()})", lambda: f"rawequal({s()}, {s()})", lambda: f"({s()}):len()",
            lambda: f"not ({v()})", lambda: f"({v()}) and ({v()})", lambda: f"({v()}) or ({v()})", lambda: "redis.nosuch()", lambda: "nosuch",
            lambda: f"{{xpcall(function() return {v()} end, function(e) return type(e) end)}}"])()

    def statement(self, depth):
        x = self.random()
        v = lambda: self.value(1)  # noqa: E731
        if x < 0.35 or depth > 3:
            return f"local v{depth} = {v()}"
        if x < 0.55:
            return self.call()
        if x < 0.62:
            return f"for i = 1, {self.r.randint(0, 4)} do\n{self.statement(depth + 1)}\nend"
        if x < 0.7:
            return f"local function f{depth}(...)\n{self.block(depth + 1)}\nend\nlocal r{depth} = {self.pick(['f', 'pcall(f', 'f'])}{depth}{self.pick(['(1)', '(1)'])}" \
                .replace(f"pcall(f{depth}(1)", f"pcall(f{depth}, 1)")
        if x < 0.78:
            return f"if {v()} then\n{self.statement(depth + 1)}\nelse\n{self.statement(depth + 1)}\nend"
        if x < 0.83:
            return f"redis.setresp({self.pick(['2', '3', '3', '3', '4', chr(39) + 'x' + chr(39)])})"
        if x < 0.86:
            return f"error({self.thrown()})"
        if x < 0.9:
            return self.pick(["leak = 1", "KEYS[3] = 'x'", "redis.call = nil", "string.x = 1", "local s = _G.none", "KEYS = {}", "_G.x = 1",
                              "setmetatable(_G, nil)", "redis.log(redis.LOG_DEBUG, 'x')", "redis.log('x', 'y')", "redis.set_repl(redis.REPL_ALL)",
                              "redis.set_repl(9)", "redis.log(redis.LOG_DEBUG)"])
        return f"local ok{depth}, e{depth} = pcall(function()\n{self.block(depth + 1)}\nend)\n" \
               f"if not ok{depth} then local t = type(e{depth}) == 'table' and e{depth}.err or e{depth} redis.call('append', 's9', (tostring(t):gsub('attempt to.*', 'attempt'))) end"

    def block(self, depth):
        return "\n".join(self.statement(depth) for _ in range(self.r.randint(1, 3))) + (f"\nreturn {self.value()}" if self.random() < 0.4 else "")

    def script(self):
        x = self.random()
        if x < 0.4:
            return f"return {self.value()}"
        if x < 0.43:
            return self.pick(["return", "", "return 1 2", "x = = 1", "return (", "--[[", "return 'abc", "if", "return ... ", "return KEYS", "return ARGV",
                              "#!lua\nreturn 1", "#!lua flags=no-writes\nreturn redis.call('set', 's1', 1)", "#!lua flags=nosuch\nreturn 1", "#!python\nx",
                              "#!lua name=x\nreturn 1", "#!lua flags=allow-stale,no-writes\nreturn redis.call('get', 's1')"])
        body = "\n".join(self.statement(0) for _ in range(self.r.randint(1, 4)))
        return f"{body}\nreturn {self.value()}"

    def commands(self):
        """Some commands around one script: by text, by digest, read-only, with arguments of all kinds."""
        import hashlib
        text = self.script().encode("latin-1")
        keys = [b"s1", self.pick([b"s2", b"h1", b"x1", b""])]
        args = keys + [self.pick([b"a", b"1", b"", b"\x00\xff", b"1e5"]), self.pick([b"b", b"-7", b"nan"])]
        x = self.random()
        if x < 0.75:
            return [[b"EVAL", text, b"2", *args]]
        if x < 0.8:
            return [[b"EVAL_RO", text, b"2", *args]]
        if x < 0.9:
            sha = hashlib.sha1(text).hexdigest().encode()
            return [[b"SCRIPT", b"LOAD", text], [b"EVALSHA", sha, b"2", *args], [b"SCRIPT", b"EXISTS", sha, b"x"], [b"EVALSHA_RO", sha.upper(), b"1", *args]]
        if x < 0.93:
            return [[b"EVAL", text, self.pick([b"0", b"5", b"-1", b"x", b"4"]), *args], [b"EVALSHA", b"0" * 40, b"0"], [b"EVALSHA", b"short", b"0"]]
        if x < 0.95:
            return [[b"MULTI"], [b"EVAL", text, b"2", *args], [b"EXEC"]]
        library = b"#!lua name=lib%d\n" % self.r.randrange(3)
        body = "\n".join(self.statement(1) for _ in range(self.r.randint(0, 2))).replace("KEYS", "keys").replace("ARGV", "args")
        result = self.value().replace("KEYS", "keys").replace("ARGV", "args")
        name = self.pick(["f1", "f2", "f3"])
        code = f"redis.register_function('{name}', function(keys, args)\n{body}\nreturn {result}\nend)".encode("latin-1")
        return [[b"FUNCTION", b"LOAD", *([b"REPLACE"] if self.random() < 0.8 else []), library + code], [b"FCALL", name.encode(), b"2", *args],
                [b"FCALL_RO", name.encode(), b"0"], self.pick([[b"FUNCTION", b"DELETE", b"lib1"], [b"FUNCTION", b"STATS"], [b"FUNCTION", b"FLUSH"],
                                                               [b"FUNCTION", b"DELETE", b"none"], [b"FUNCTION", b"LIST", b"LIBRARYNAME", b"none"]])]
