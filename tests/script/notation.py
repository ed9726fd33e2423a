"""The notation of tests/script/README.md: words of commands, expected replies, and whether a reply is what was expected."""
import re


class Mistake(Exception):
    """The script file itself is wrong."""


ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "\\": b"\\", '"': b'"', "a": b"\a", "b": b"\b"}


def quoted(text, at):
    """The literal that begins at text[at], a quote: (bytes, where it ends). Includes a repetition after it."""
    out, q, i = [], text[at], at + 1
    while True:
        if i >= len(text):
            raise Mistake("unterminated quote")
        c = text[i]
        if c == q:
            i += 1
            break
        if c == "\\" and q == '"':
            e = text[i + 1:i + 2]
            if e == "x":
                out.append(bytes([int(text[i + 2:i + 4], 16)]))
                i += 4
            elif e in ESCAPES:
                out.append(ESCAPES[e])
                i += 2
            else:
                raise Mistake(f"unknown escape \\{e}")
        else:
            out.append(c.encode())
            i += 1
    m = re.compile(r"\*(\d+)").match(text, i)
    if m:
        return b"".join(out) * int(m.group(1)), m.end()
    return b"".join(out), i


def variables(text, now_ms):
    def value(m):
        base = now_ms if m.group(1) == "$now_ms" else now_ms // 1000
        return str(base + int(m.group(2) or 0))

    return re.sub(r"(\$now_ms|\$now)\b([+-]\d+)?", value, text)


RANGE = re.compile(r"\{(-?\d+)\.\.(-?\d+)(?:\|([^{}]*))?\}")


def expand(text):
    """{1..3|f@ v@} written out."""
    return RANGE.sub(lambda m: " ".join((m.group(3) or "@").replace("@", str(n))
                                        for n in range(int(m.group(1)), int(m.group(2)) + 1)), text)


def words(text, now_ms):
    """The arguments of a command line."""
    text = expand(text)
    args, i = [], 0
    while True:
        while i < len(text) and text[i] in " \t":
            i += 1
        if i >= len(text):
            return args
        if text[i] in "\"'":
            word, i = quoted(text, i)
            args.append(word)
            continue
        end = i
        while end < len(text) and text[end] not in " \t":
            end += 1
        args.append(variables(text[i:end], now_ms).encode())
        i = end


# -- expectations: a small tree --------------------------------------------------------------------------------------

SPECIAL = {"*": ("any",), "nil": ("nil",), "nil*": ("nil*",), "str": ("str",), "closed": ("closed",), "...": ("none",),
           "#t": ("bool", True), "#f": ("bool", False), "{}": ("map", []), "[]": ("array", []), "~[]": ("set", []),
           "?[]": ("bag", [])}


class Reader:
    """Reads expectations from the text under a command."""

    def __init__(self, text, now_ms):
        self.text, self.at, self.now_ms = expand(text), 0, now_ms

    def blank(self):
        while self.at < len(self.text) and self.text[self.at] in " \t\n":
            self.at += 1
        return self.at >= len(self.text)

    def all(self):
        out = []
        while not self.blank():
            out.append(self.one(True))
        return out

    def items(self, close):
        out = []
        while True:
            if self.blank():
                raise Mistake(f"missing {close}")
            if self.text.startswith(close, self.at):
                self.at += len(close)
                return out
            out.append(self.one(False))

    def line(self):
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        line, self.at = self.text[self.at:end], end
        return line

    def token(self):
        m = re.compile(r"[^\s\[\]{}|>]+").match(self.text, self.at)
        if not m:
            raise Mistake(f"cannot read {self.text[self.at:self.at + 30]!r}")
        self.at = m.end()
        return m.group(0)

    def one(self, top):
        t, i = self.text, self.at
        c, two = t[i], t[i:i + 2]
        if c in "\"'":
            v, self.at = quoted(t, i)
            return ("bulk", v)
        for opener, name in (("[", "array"), ("?[", "bag"), ("~[", "set"), (">[", "push")):
            if t.startswith(opener, i):
                self.at += len(opener)
                return (name, self.items("]"))
        if c == "{":
            self.at += 1
            return ("map", self.items("}"))
        if c == "<":
            return self.alternatives()
        if c == "/":
            end = i + 1
            while end < len(t) and (t[end] != "/" or t[end - 1] == "\\"):
                end += 1
            self.at = end + 1
            return ("regex", re.compile(t[i + 1:end].replace("\\/", "/").encode(), re.S))
        if c == "+" and top:
            return ("simple", self.line()[1:].encode())
        if c == "-":
            if top:
                return ("error", self.line()[1:].encode())
            raise Mistake("an error inside an array is written /-ERR.../")
        if c == "=" and len(two) == 2:
            kind = t[i + 1:i + 4]
            self.at += 4
            self.blank()
            v, self.at = quoted(t, self.at)
            return ("verbatim", kind.encode() + b":" + v)
        word = variables(self.token(), self.now_ms)
        if word in SPECIAL:
            return SPECIAL[word]
        if word.startswith(":"):
            return self.integer(word[1:])
        if word.startswith(","):
            return ("double", word[1:].encode())
        if word.startswith("("):
            return ("bignum", word[1:].encode())
        if word.startswith("+"):
            return ("simple", word[1:].encode())
        if re.fullmatch(r"[A-Za-z][\w.-]*", word):
            return ("simple", word.encode())
        raise Mistake(f"cannot read {word!r} as a reply")

    def integer(self, text):
        if text == "*":
            return ("int", None, None)
        m = re.fullmatch(r"(-?\d+)(?:\.\.(-?\d+))?", text)
        if not m:
            raise Mistake(f":{text} is no integer")
        low = int(m.group(1))
        return ("int", low, int(m.group(2)) if m.group(2) else low)

    def alternatives(self):
        self.at += 1
        out = []
        while True:
            if self.blank():
                raise Mistake("missing >")
            if self.text[self.at] == ">" and not self.text.startswith(">[", self.at):
                self.at += 1
                return ("either", out)
            if self.text[self.at] == "|":
                self.at += 1
                continue
            out.append(self.one(False))


# -- comparing -------------------------------------------------------------------------------------------------------

def same_in_order(wanted, got, proto):
    return len(wanted) == len(got) and all(matches(w, g, proto) for w, g in zip(wanted, got))


def same_in_any_order(wanted, got, proto):
    """A matching of wanted to got; exact ones first keeps it quick."""
    if len(wanted) != len(got):
        return False
    left = list(got)
    for w in sorted(wanted, key=lambda w: w[0] in ("any", "str", "regex", "either", "int")):
        for i, g in enumerate(left):
            if matches(w, g, proto):
                del left[i]
                break
        else:
            return False
    return True


def pairs(flat):
    return [("array", [flat[i], flat[i + 1]]) for i in range(0, len(flat) - 1, 2)]


def matches(want, got, proto):
    """Whether a reply (tests/lib/resp.py) is what the expectation says, in protocol 2 or 3."""
    what, (kind, value) = want[0], got
    if what == "any":
        return True
    if what == "either":
        return any(matches(w, got, proto) for w in want[1])
    if what == "regex":
        text = b"-" + value if kind == "-" else value
        return kind in "+-$=,(" and text is not None and want[1].fullmatch(text) is not None
    if what == "nil":
        return got == (("_", None) if proto == 3 else ("$", None))
    if what == "nil*":
        return got == (("_", None) if proto == 3 else ("*", None))
    if what == "str":
        return kind == "$" and value is not None
    if what == "int":
        return kind == ":" and (want[1] is None or want[1] <= value <= want[2])
    if what == "bool":
        return got == (("#", want[1]) if proto == 3 else (":", int(want[1])))
    if what in ("simple", "error", "bulk"):
        return got == ({"simple": "+", "error": "-", "bulk": "$"}[what], want[1])
    if what in ("double", "bignum", "verbatim"):
        if proto == 3:
            return got == ({"double": ",", "bignum": "(", "verbatim": "="}[what], want[1])
        return got == ("$", want[1][4:] if what == "verbatim" else want[1])
    if value is None or not isinstance(value, list):
        return False
    if what == "map":
        if kind != ("%" if proto == 3 else "*") or len(want[1]) % 2 or len(value) % 2:
            return False
        return same_in_any_order(pairs(want[1]), [("*", list(p)) for p in zip(value[::2], value[1::2])], proto)
    if what == "set":
        return kind == ("~" if proto == 3 else "*") and same_in_any_order(want[1], value, proto)
    if what == "bag":
        return kind == "*" and same_in_any_order(want[1], value, proto)
    if what == "push":
        return kind == (">" if proto == 3 else "*") and same_in_order(want[1], value, proto)
    return kind == "*" and same_in_order(want[1], value, proto)
