"""A small RESP codec for tests. Replies are pairs (kind, value) that keep every difference a client could see:

('+', bytes) ('-', bytes) (':', int) ('$', bytes or None) ('*', list or None) ('_', None) ('%', flat list) ('~', list)
(',', bytes) ('#', bool) ('=', bytes) ('>', list) ('(', bytes) ('|', flat list)
"""


class Incomplete(Exception):
    """The bytes end in the middle of a reply."""


class ProtocolError(Exception):
    """The bytes are not RESP."""


def encode(args):
    out = [b"*%d\r\n" % len(args)]
    for a in args:
        if not isinstance(a, bytes):
            a = str(a).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(a), a))
    return b"".join(out)


def parse(data, at=0):
    """The reply that begins at data[at]: (reply, where it ends)."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    kind, line, end = chr(data[at]), data[at + 1:end], end + 2
    if kind in "+-,(":
        return (kind, bytes(line)), end
    if kind == ":":
        return (kind, int(line)), end
    if kind in "$=":
        n = int(line)
        if n < 0:
            return (kind, None), end
        if len(data) < end + n + 2:
            raise Incomplete
        if data[end + n:end + n + 2] != b"\r\n":
            raise ProtocolError(f"bulk string of {n} bytes does not end with CR LF")
        return (kind, bytes(data[end:end + n])), end + n + 2
    if kind in "*~>%|":
        n = int(line)
        if n < 0:
            return (kind, None), end
        items = []
        for _ in range(n * 2 if kind in "%|" else n):
            item, end = parse(data, end)
            items.append(item)
        return (kind, items), end
    if kind == "#":
        if line not in (b"t", b"f"):
            raise ProtocolError(f"boolean {line!r}")
        return (kind, line == b"t"), end
    if kind == "_":
        return (kind, None), end
    raise ProtocolError(f"reply begins with {data[at:at + 20]!r}")


def parse_all(data):
    replies, at = [], 0
    while at < len(data):
        reply, at = parse(data, at)
        replies.append(reply)
    return replies


def quote(b):
    out = []
    for c in b:
        if c in b'"\\':
            out.append("\\" + chr(c))
        elif 32 <= c < 127:
            out.append(chr(c))
        else:
            out.append({10: "\\n", 13: "\\r", 9: "\\t"}.get(c, "\\x%02x" % c))
    return '"' + "".join(out) + '"'


def show(reply, limit=2000):
    """The reply in the notation of tests/script/README.md."""
    text = _show(reply)
    return text if len(text) <= limit else text[:limit] + f"… ({len(text)} characters)"


def _show(reply):
    kind, v = reply
    if kind == "+":
        return v.decode("latin-1") if v[:1].isalpha() and v.isalnum() else "+" + v.decode("latin-1")
    if kind in "-,(":
        return kind + v.decode("latin-1")
    if kind == ":":
        return f":{v}"
    if v is None:
        return "nil*" if kind == "*" else "nil"
    if kind == "$":
        return quote(v)
    if kind == "=":
        return "=" + v[:3].decode("latin-1") + " " + quote(v[4:])
    if kind == "#":
        return "#t" if v else "#f"
    inner = " ".join(_show(x) for x in v)
    if kind in "%|":
        return ("" if kind == "%" else "|") + "{" + inner + "}"
    return {"*": "[", "~": "~[", ">": ">["}[kind] + inner + "]"
