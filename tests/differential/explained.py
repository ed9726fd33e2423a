"""Differences between redis-server 7.0.15 and Sorrel that are meant to be, each with its reason.

An entry: (name, reason, test(command, oracle's reply, Sorrel's reply)). At most 30.
"""
import re


def is_error(reply, start=b""):
    return reply[0] == "-" and reply[1].startswith(start)


def command_is(command, *words):
    return len(command) >= len(words) and all(c.upper() == w for c, w in zip(command, words))


def encoding(command, a, b, kinds):
    return command_is(command, b"OBJECT", b"ENCODING") and (a[1], b[1]) in kinds


def digits(text):
    return re.sub(rb"e.*|[^0-9]", b"", text).strip(b"0")


def same_number(a, b):
    """The same double with 17 digits in a and as few as it needs in b, however deep in the reply."""
    if isinstance(a[1], list):
        return isinstance(b[1], list) and len(a[1]) == len(b[1]) and all(map(same_number, a[1], b[1]))
    if a == b:
        return True
    try:
        value = float(a[1])
        return a[0] == b[0] and value == float(b[1]) and a[1] == b"%.17g" % value and digits(b[1]) == digits(repr(value).encode())
    except ValueError:
        return False


def claimed_nothing(consumer):
    """One that XCLAIM or XAUTOCLAIM has made, and 7.0 has not."""
    texts = [v[1] for v in consumer[1]] if isinstance(consumer[1], list) else []
    return texts[:1] == [b"name"] and any(texts[i:i + 2] in ([b"inactive", -1], [b"active-time", -1]) for i in range(len(texts)))


def same_stream(a, b, name=b""):
    """Replies to XINFO that differ in what 7.2 added, in times of a moment ago, and in nodes of a tree that only redis has."""
    if not isinstance(a[1], list):
        moment = isinstance(a[1], int) and (name in (b"idle", b"seen-time") or a[1] > 10 ** 12) and abs(a[1] - b[1]) < 10000
        return a[0] == b[0] and (a[1] == b[1] or moment or name.startswith(b"radix-tree"))
    if not isinstance(b[1], list):
        return False
    x, y, names = a[1], b[1], [b""] * len(a[1])
    y = [v for v in y if not (claimed_nothing(v) and v[1][1] not in [u[1][1] for u in x])]
    if x and x[0][1] in (b"name", b"length"):
        y = [v for i, v in enumerate(y) if y[i & ~1][1] not in (b"inactive", b"active-time")]
        names = [x[i - 1][1] if i % 2 else b"" for i in range(len(x))]
    return a[0] == b[0] and len(x) == len(y) and all(map(same_stream, x, y, names))


def more_consumers(a, b):
    """XINFO GROUPS with as many consumers or more in b, and nothing else different."""
    def but_consumers(group):
        return [v for i, v in enumerate(group[1]) if not (i and group[1][i - 1][1] == b"consumers")]
    counts = [[int(g[1][3][1]) for g in r[1]] for r in (a, b)]
    return list(map(but_consumers, a[1])) == list(map(but_consumers, b[1])) and all(p <= q for p, q in zip(*counts))


def sparse_registers(sketch):
    """How many of its 16,384 registers the runs of a sparse HyperLogLog cover: codes ZERO, XZERO and VAL."""
    total, at = 0, 16
    while at < len(sketch):
        code = sketch[at]
        if code & 0xc0 == 0x40:
            total += ((code & 0x3f) << 8 | int.from_bytes(sketch[at + 1:at + 2], "big")) + 1
            at += 2
        else:
            total += (code & 3 if code & 0x80 else code & 0x3f) + 1
            at += 1
    return total


def is_damaged_sketch(reply):
    """A string that was a sparse HyperLogLog until other commands changed its bytes."""
    return reply[0] == "$" and reply[1][:5] == b"HYLL\x01" and sparse_registers(reply[1]) != 16384


def without_names(reply):
    """Errors of the interpreter without what it calls the thing that was wrong."""
    if isinstance(reply[1], list):
        return (reply[0], [without_names(r) for r in reply[1]])
    if isinstance(reply[1], bytes):
        return (reply[0], re.sub(rb"attempt to (\w+)[^.]*? script", rb"attempt to \1 script", re.sub(rb"attempt to (\w+) .*?\(?(a \w+ value)\)?",
                rb"attempt to \1 \2", reply[1])))
    return reply


def without_nan_signs(reply):
    """As text: of a number as tostring() prints it, and as struct.pack() lays it out, quiet NaNs of both byte orders."""
    text = repr(reply).replace("-nan", "nan")
    return text.replace(r"\xf8\xff", r"\xf8\x7f").replace(r"\xff\xf8\x00", r"\x7f\xf8\x00")


def all_numbers(reply):
    """A list of texts that are doubles."""
    try:
        return isinstance(reply[1], list) and all(float(v) == float(v) for _, v in reply[1])
    except (TypeError, ValueError):
        return False


SCRIPTED = (b"EVAL", b"EVALSHA", b"EVAL_RO", b"EVALSHA_RO", b"FCALL", b"FCALL_RO")
EXPLAINED = [
    ("lua-names", "LuaJIT and Lua 5.1 name variables in errors differently, and not in the same cases",
     lambda c, a, b: c[0].upper() in SCRIPTED and without_names(a) == without_names(b)),
    ("lua-nan", "a NaN that was read from a text has no sign of its own in LuaJIT",
     lambda c, a, b: c[0].upper() in SCRIPTED and a[0] == b[0] and without_nan_signs(a) == without_nan_signs(b)),
    ("shortest-double", "since 7.2 a double is printed with as few digits as it needs; 7.0 prints 17",
     lambda c, a, b: (c[0][:1] in b"Zz" or c[0][:3].upper() in (b"BZM", b"BZP", b"GEO") or c[0].upper() in SCRIPTED) and
     a[0] == b[0] and same_number(a, b)),
    ("list-listpack", "since 7.2 a small list is a single listpack; 7.0 has quicklists only",
     lambda c, a, b: encoding(c, a, b, {(b"quicklist", b"listpack")})),
    ("set-listpack", "since 7.2 a small set of strings is a listpack; 7.0 has hash tables only",
     lambda c, a, b: encoding(c, a, b, {(b"hashtable", b"listpack")})),
    ("timeout-range", "a timeout beyond what fits is out of range since 7.2; 7.0 calls it negative",
     lambda c, a, b: is_error(a, b"ERR timeout is negative") and is_error(b, b"ERR timeout is out of range")),
    ("lpos-rank", "LPOS refuses the lowest RANK since 7.2; 7.0 overflows",
     lambda c, a, b: command_is(c, b"LPOS") and b"-9223372036854775808" in c and is_error(b, b"ERR value is out of range")),
    ("xread-unbalanced", "the text was reworded in 7.2",
     lambda c, a, b: is_error(a, b"ERR Unbalanced XREAD") and is_error(b, b"ERR Unbalanced 'xread")),
    ("xread-last", "XREAD takes + as the last entry's ID since 7.4",
     lambda c, a, b: c[0].upper() in (b"XREAD", b"XREADGROUP") and b"+" in c and is_error(a, b"ERR Invalid stream ID") and
     (b[1] is None or b[0] in "*%" or is_error(b, b"WRONGTYPE") or is_error(b, b"ERR The + ID is meaningless"))),
    ("xsetid-deleted", "XSETID minds the largest deleted id since 7.2, so the last ID stays where 7.0 lowers it",
     lambda c, a, b: command_is(c, b"XSETID") and is_error(b, b"ERR The ID specified in XSETID is smaller than current") or
     command_is(c, b"XADD") and not is_error(a) and is_error(b, b"ERR The stream has exhausted")),
    ("xinfo-inactive", "XINFO CONSUMERS tells inactive, XINFO STREAM FULL active-time since 7.2; both hold ages in ms",
     lambda c, a, b: command_is(c, b"XINFO") and c[1].upper() in (b"CONSUMERS", b"STREAM") and a[0] != "-" and same_stream(a, b)),
    ("shared-integers", "Sorrel shares no objects; it says of a small integer what SET would give, 7.0 has copies that are not",
     lambda c, a, b: command_is(c, b"OBJECT", b"REFCOUNT") and (a, b) == ((":", 1), (":", 2147483647))),
    ("sinterstore-overwrites", "since 7.2 the key specification says that SINTERSTORE only overwrites its destination",
     lambda c, a, b: command_is(c, b"COMMAND", b"GETKEYSANDFLAGS", b"SINTERSTORE") and a[1][0][1][0] == b[1][0][1][0] and a[1][1:] == b[1][1:]),
    ("getkeys-arity", "COMMAND GETKEYS takes a command of one word since 7.2",
     lambda c, a, b: command_is(c, b"COMMAND") and is_error(a, b"ERR wrong number of arguments for 'command|getkeys")),
    ("claim-creates", "since 7.2 XCLAIM and XAUTOCLAIM create their consumer even when there is nothing to claim",
     lambda c, a, b: command_is(c, b"XGROUP", b"CREATECONSUMER") and (a, b) == ((":", 1), (":", 0)) or
     command_is(c, b"XINFO", b"GROUPS") and more_consumers(a, b)),
    ("sort-keeps-encoding", "SORT leaves a sorted set as it is; redis turns a small one into a skiplist (here: in a script)",
     lambda c, a, b: encoding(c, a, b, {(b"skiplist", b"listpack")})),
    ("sort-equals", "texts that are equal up to a NUL, or by missing keys, come from sets in an order of chance",
     lambda c, a, b: c[0].upper() in (b"SORT", b"SORT_RO") and c[1][:1] in b"tz" and b"ALPHA" in c and
     sorted(map(str, a[1])) == sorted(map(str, b[1]))),
    ("sort-errno", "redis takes an error for SORT's own that another command's conversion has left (5e-324 is out of range)",
     lambda c, a, b: c[0].upper() in (b"SORT", b"SORT_RO") and is_error(a, b"ERR One or more scores") and all_numbers(b)),
    ("hll-validated", "a damaged HyperLogLog is refused as a whole; 7.0 uses what it can of it",
     lambda c, a, b: c[0].upper() in (b"PFADD", b"PFCOUNT", b"PFMERGE") and is_error(b, b"INVALIDOBJ")),
    ("hll-left-alone", "and stays as it is, where 7.0 has added to what it could use",
     lambda c, a, b: command_is(c, b"GET") and is_damaged_sketch(a) and is_damaged_sketch(b)),
    ("georadius-stores", "of several STOREs redis names the first key and writes to the last; Sorrel names (and checks) all",
     lambda c, a, b: command_is(c, b"COMMAND") and c[2].upper().startswith(b"GEORADIUS") and len(b[1]) > len(a[1])),
]

# After these the two values are not the same any more: the key is deleted on both sides.
LEAVES_APART = {"xsetid-deleted"}


def explain(command, a, b):
    for name, _, test in EXPLAINED:
        try:
            if test(command, a, b):
                return name
        except (IndexError, TypeError):
            pass
    return None
