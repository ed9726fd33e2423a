"""JSON commands against a model of a few lines: documents, paths and commands by hypothesis, every reply compared, in both
dialects of paths and both protocols. JSON_EXAMPLES says how many documents each test tries.
"""
import copy
import json
import math
import os

import pytest
from conftest import only_sorrel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = only_sorrel
EXAMPLES = int(os.environ.get("JSON_EXAMPLES", "150"))
SETTINGS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)

names = st.sampled_from(["a", "b", "c", "x y", "\u00e9", "", "'", "\\", "a.b", "longer", "a name that is there more than once"])
integers = st.one_of(st.integers(-5, 5), st.integers(-2**53, 2**53), st.sampled_from([2**63 - 1, -2**63, 2**62]))
floats = st.sampled_from([0.5, -1.25, 1e10, 3.75, 1e300, 2.0])
scalars = st.one_of(st.none(), st.booleans(), integers, floats, st.text(max_size=8).filter(lambda t: all(not 0xd800 <= ord(c) < 0xe000 for c in t)))
values = st.recursive(scalars, lambda v: st.one_of(st.lists(v, max_size=4), st.dictionaries(names, v, max_size=4)), max_leaves=12)
plain_steps = st.one_of(names.map(lambda n: ("name", n)), st.integers(-3, 3).map(lambda i: ("index", i)))
bounds = st.one_of(st.none(), st.integers(-3, 3))
wide_steps = st.one_of(plain_steps, st.just(("all", None)), names.map(lambda n: ("deep", n)), st.lists(plain_steps, min_size=2, max_size=3).map(lambda u: ("union", u)),
                       st.tuples(bounds, bounds, st.sampled_from([None, 1, 2, -1, -2])).map(lambda s: ("slice", s)), names.map(lambda n: ("has", n)),
                       st.integers(-2, 2).map(lambda n: ("more", n)))
# A path is (older dialect?, steps).
static_paths = st.tuples(st.booleans(), st.lists(plain_steps, max_size=3))
paths = st.one_of(static_paths, st.tuples(st.just(False), st.lists(wide_steps, max_size=3)), st.tuples(st.booleans(), st.lists(wide_steps, max_size=2)))
indexes = st.integers(-5, 5)


# -- paths ---------------------------------------------------------------------------------------------------------

def keys_of(v):
    return list(v) if isinstance(v, dict) else list(range(len(v))) if isinstance(v, list) else []


def is_number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)


def select(v, step):
    """The keys of the children that a step selects."""
    kind, what = step
    if kind == "name":
        return [what] if isinstance(v, dict) and what in v else []
    if kind == "index":
        return [what % len(v)] if isinstance(v, list) and -len(v) <= what < len(v) else []
    if kind == "all":
        return keys_of(v)
    if kind == "union":
        return [k for s in what for k in select(v, s)]
    if kind == "slice":
        return list(range(len(v)))[slice(*what)] if isinstance(v, list) else []
    if kind == "has":
        return [k for k in keys_of(v) if isinstance(v[k], dict) and what in v[k]]
    assert kind == "more"
    return [k for k in keys_of(v) if is_number(v[k]) and v[k] > what]


def find(holder, steps):
    """Places as (container, key) in the RFC's order; the document lies in holder["root"]."""
    found = [(holder, "root")]
    for step in steps:
        after = []
        for c, k in found:
            todo = [c[k]]
            while todo:
                v = todo.pop(0)
                after += [(v, n) for n in select(v, ("name", step[1]) if step[0] == "deep" else step)]
                todo = [v[n] for n in keys_of(v)] + todo if step[0] == "deep" else []
        found = after
    return found


def quote(name):
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


def text_of(path):
    legacy, steps = path

    def bare(kind, what):
        return {"name": lambda: quote(what), "index": lambda: str(what), "all": lambda: "*", "deep": lambda: quote(what),
                "union": lambda: ", ".join(bare(*s) for s in what), "has": lambda: f"?@[{quote(what)}]", "more": lambda: f"?(@ > {what})",
                "slice": lambda: ":".join("" if b is None else str(b) for b in (what if what[2] is not None else what[:2]))}[kind]()

    out = ""
    for i, (kind, what) in enumerate(steps):
        if kind == "name" and what.isalpha() and i % 2 == 0:
            out += f".{what}"
        else:
            out += (".." if kind == "deep" else "") + f"[{bare(kind, what)}]"
    if not legacy:
        return "$" + out
    # The dot at the beginning may be left out.
    return out[1:] if out[1:2].isalpha() and len(steps) == 2 else out or "."


def is_static(steps):
    return all(kind in ("name", "index") for kind, _ in steps)


# -- values --------------------------------------------------------------------------------------------------------

TYPES = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def type_of(v):
    return TYPES[type(v)]


def equal(a, b):
    """The same document: types, numbers' kinds and the order of members included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    return len(a) == len(b) and all(map(equal, a, b)) if isinstance(a, list) else a == b


def same(a, b, inner=False):
    """Equal as JSON.ARRINDEX has it: whatever the order of members; 1 is 1.0 only inside of them."""
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(same(a[k], b[k], True) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, True) for x, y in zip(a, b))
    return (type(a) is type(b) or (inner and is_number(a) and is_number(b))) and a == b


def merge(v, patch):
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    v = v if isinstance(v, dict) else {}
    for k, p in patch.items():
        if p is None:
            v.pop(k, None)
        else:
            v[k] = merge(v.get(k), p)
    return v


class Wrong(Exception):
    """The command is an error, and nothing changes."""


KEPT = object()  # a change that leaves the value as it is


def compute(how, a, b):
    """What NUMINCRBY and its kind make of two numbers: exact as long as it is an integer of 64 bits."""
    if how == "JSON.NUMPOWBY" and all(isinstance(n, int) and -2**63 <= n < 2**63 for n in (a, b)):
        # Of two such integers it is another one, or an error.
        if b < 0 or (abs(a) > 1 and b > 63) or not -2**63 <= a ** b < 2**63:
            raise Wrong
        return a ** b
    if isinstance(a, int) and isinstance(b, int) and how != "JSON.NUMPOWBY":
        n = a + b if how == "JSON.NUMINCRBY" else a * b
        if -2**63 <= n < 2**63:
            return n
    try:
        f = float(a) + float(b) if how == "JSON.NUMINCRBY" else float(a) * float(b) if how == "JSON.NUMMULTBY" else math.pow(a, b)
    except (ValueError, OverflowError) as e:
        raise Wrong from e
    if not math.isfinite(f):
        raise Wrong
    return f


class Model:
    """One document under the key k beside the server's."""

    def __init__(self, c, resp3, document):
        self.c, self.resp3, self.holder = c, resp3, {"root": document}

    def ask(self, command, path, *words):
        return plain(self.c.call(command, "k", text_of(path), *words))

    def check(self):
        got = json.loads(self.c.call("JSON.GET", "k", ".")[1])
        assert equal(got, self.holder["root"]), (got, self.holder["root"])

    def values(self, path):
        return [c[k] for c, k in find(self.holder, path[1])]

    def reads(self, command, path, kind, of, *words, shape=lambda v: v, first_only=False):
        """A command that tells something of each value of a kind."""
        got, found = self.ask(command, path, *words), self.values(path)
        fits = [kind is None or type_of(v) == kind for v in found]
        if not path[0]:
            assert got == [shape(of(v)) if f else None for v, f in zip(found, fits)], (command, path, got)
        elif True in fits and (fits[0] or not first_only):
            assert got == shape(of(found[fits.index(True)])), (command, path, got)
        else:
            self.is_error(got, found)

    def is_error(self, got, found):
        assert isinstance(got, Error), got
        assert ("does not exist" if not found else "WRONGTYPE wrong type of path value") in got.text, got.text

    def writes(self, command, path, fits, change, *words):
        """A command that changes each value that fits, from the last to the first: (its new value or KEPT, what is told).
        All or nothing. Returns the reply, and what each match should tell; None stands for the wrong type."""
        got = self.ask(command, path, *words)
        was, places = copy.deepcopy(self.holder), find(self.holder, path[1])
        ranks = order(self.holder)
        told, done = [None] * len(places), {}
        try:
            for i in sorted(range(len(places)), key=lambda i: -ranks[id(places[i][0]), places[i][1]]):
                c, k = places[i]
                if (id(c), k) not in done and fits(c[k]):
                    new, tell = change(c[k])
                    done[id(c), k] = (tell, c)
                    if new is not KEPT:
                        c[k] = new
                told[i] = (done[id(c), k][0],) if (id(c), k) in done else None
        except Wrong:
            self.holder = was
            assert isinstance(got, Error), (command, path, words, got)
            return got, None
        return got, told

    def replies(self, command, path, fits, change, *words, shape=lambda v: v):
        got, told = self.writes(command, path, fits, change, *words)
        if told is None:
            return
        hits = [t for t in told if t is not None]
        if not path[0]:
            assert got == [None if t is None else shape(t[0]) for t in told], (command, path, got, told)
        elif hits:
            assert got == shape(hits[-1][0]), (command, path, got, told)
        else:
            self.is_error(got, told)


def order(holder):
    """The place of each value in the text."""
    ranks, todo = {}, [(holder, "root")]
    while todo:
        c, k = todo.pop(0)
        ranks[id(c), k] = len(ranks)
        todo = [(c[k], n) for n in keys_of(c[k])] + todo
    return ranks


class Error:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def plain(reply):
    kind, v = reply
    if kind == "-":
        return Error(v.decode())
    if isinstance(v, list):
        return [plain(x) for x in v]
    if kind == ",":
        return float(v)
    return v.decode() if isinstance(v, bytes) else v


# -- commands ------------------------------------------------------------------------------------------------------

def do_get(m, draw):
    path = draw(paths)
    space = draw(st.sampled_from([[], ["INDENT", "\t", "NEWLINE", "\n", "SPACE", " "], ["SPACE", "  "], ["NEWLINE", "\r\n"]]))
    got, found = plain(m.c.call("JSON.GET", "k", *space, text_of(path))), m.values(path)
    if path[0] and not found:
        return m.is_error(got, found)
    want = found[0] if path[0] else found
    assert equal(json.loads(got), want), (path, got)
    if len(space) != 2:
        layout = dict(indent="\t", separators=(",", ": ")) if space else dict(separators=(",", ":"))
        # Numbers are written differently, and JSON leaves them free.
        if "e" not in got.lower() and "\\" not in got and "\x7f" not in got:
            assert got == json.dumps(want, ensure_ascii=False, **layout), got


def do_get_several(m, draw):
    some = draw(st.lists(paths, min_size=2, max_size=3))
    got = plain(m.c.call("JSON.GET", "k", *map(text_of, some)))
    found = [m.values(p) for p in some]
    if all(p[0] for p in some):
        if not all(found):
            assert isinstance(got, Error) and "does not exist" in got.text
            return
        found = [f[0] for f in found]
    pairs = json.loads(got, object_pairs_hook=lambda p: p)
    assert [k for k, _ in pairs] == [text_of(p) for p in some]
    assert equal(json.loads(got), dict(zip(map(text_of, some), found)))


def do_mget(m, draw):
    path = draw(paths)
    got, found = plain(m.c.call("JSON.MGET", "k", "none", "k", "text", text_of(path))), m.values(path)
    assert got[1] is None and got[3] is None and got[0] == got[2]
    if path[0] and not found:
        assert got[0] is None
    else:
        assert equal(json.loads(got[0]), found[0] if path[0] else found)


def do_set(m, draw):
    path, v, only = draw(paths), draw(values), draw(st.sampled_from([None, None, "NX", "XX"]))
    got = m.ask("JSON.SET", path, json.dumps(v), *([only] if only else []))
    check_set(m, path, v, only, got)


def check_set(m, path, v, only, got):
    places = find(m.holder, path[1])
    if places:
        if only == "NX":
            assert got is None
            return
        assert got == "OK", got
        put(m.holder, places, v)
    elif only == "XX":
        assert got is None
    elif not is_static(path[1]):
        assert isinstance(got, Error) and "static" in got.text, got
    else:
        above, (kind, what) = find(m.holder, path[1][:-1]), path[1][-1]
        target = above[0][0][above[0][1]] if above else None
        if kind == "index" and isinstance(target, list):
            assert isinstance(got, Error) and "out of range" in got.text, got
        elif kind == "name" and isinstance(target, dict):
            assert got == "OK"
            target[what] = copy.deepcopy(v)
        else:
            assert got is None, got


def put(holder, places, v):
    """The outermost of them; the others go with what is replaced."""
    ranks = order(holder)
    for c, k in sorted(places, key=lambda p: -ranks[id(p[0]), p[1]]):
        c[k] = copy.deepcopy(v)


def do_mset(m, draw):
    path, v, w = draw(paths), draw(values), draw(values)
    bad = draw(st.booleans())
    was = copy.deepcopy(m.holder)
    got = plain(m.c.call("JSON.MSET", "other", "$", json.dumps(w), "k", text_of(path), json.dumps(v), *(["text", "$", "1"] if bad else [])))
    other = m.c.call("JSON.GET", "other", ".")[1]
    if bad or isinstance(got, Error):
        m.holder = was
        assert isinstance(got, Error) and other == m.other
        return
    assert got == "OK" and equal(json.loads(other), w)
    m.other = other
    check_set(m, path, v, None, "OK" if find(m.holder, path[1]) or can_add(m, path) else None)


def can_add(m, path):
    above = find(m.holder, path[1][:-1]) if path[1] and is_static(path[1]) else []
    return bool(above) and path[1][-1][0] == "name" and isinstance(above[0][0][above[0][1]], dict)


def do_merge(m, draw):
    path, v = draw(paths), draw(values)
    got, places = m.ask("JSON.MERGE", path, json.dumps(v)), find(m.holder, path[1])
    if v is None and not path[1]:
        assert got == "OK" and m.c.call("EXISTS", "k") == (":", 0)
        m.c.call("JSON.SET", "k", "$", "null")
        m.holder["root"] = None
    elif not places:
        if v is None:
            assert got == "OK"
        else:
            check_set(m, path, merge(None, v), None, got)
    else:
        assert got == "OK"
        ranks = order(m.holder)
        for c, k in sorted({(id(c), k): (c, k) for c, k in places}.values(), key=lambda p: -ranks[id(p[0]), p[1]]):
            if v is None:
                del c[k]
            else:
                c[k] = merge(c[k], v)


def do_delete(m, draw):
    path, command = draw(paths), draw(st.sampled_from(["JSON.DEL", "JSON.FORGET"]))
    got, places = m.ask(command, path), find(m.holder, path[1])
    if not path[1]:
        assert got == 1 and m.c.call("EXISTS", "k") == (":", 0)
        m.c.call("JSON.SET", "k", "$", "null")
        m.holder["root"] = None
        return
    ranks = order(m.holder)
    alone = sorted({(id(c), k): (c, k) for c, k in places}.values(), key=lambda p: ranks[id(p[0]), p[1]])
    gone, outer = set(), []
    for c, k in alone:
        if ranks[id(c), k] not in gone:
            outer.append((c, k))
            todo = [(c, k)]
            while todo:
                a, b = todo.pop()
                gone.add(ranks[id(a), b])
                todo += [(a[b], n) for n in keys_of(a[b])]
    assert got == len(outer), (path, got, outer)
    for c, k in reversed(outer):
        del c[k]


def do_type(m, draw):
    path = draw(paths)
    got, found = m.ask("JSON.TYPE", path), [type_of(v) for v in m.values(path)]
    want = (found[0] if found else None) if path[0] else found
    assert got == ([want] if m.resp3 else want), (path, got)


def do_number(m, draw):
    path, n = draw(paths), draw(st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 1000, 2**62, -1.5, 1e10])))
    how = draw(st.sampled_from(["JSON.NUMINCRBY", "JSON.NUMMULTBY", "JSON.NUMPOWBY"]))

    def change(v):
        new = compute(how, v, n)
        return new, new

    got, told = m.writes(how, path, is_number, change, json.dumps(n))
    if told is None:
        return
    hits = [t for t in told if t is not None]
    want = [t and t[0] for t in told]
    if path[0] and not hits:
        m.is_error(got, told)
    elif m.resp3:  # in an array in either dialect
        assert equal_numbers(got, want if not path[0] else [hits[-1][0]]), (got, told)
    else:
        assert equal(json.loads(got), want if not path[0] else hits[-1][0]), (got, told)


def equal_numbers(got, want):
    """A reply of numbers tells integers from others only up to where a double counts exactly."""
    return len(got) == len(want) and all(g == w for g, w in zip(got, want))


def do_strappend(m, draw):
    path, s = draw(paths), draw(st.sampled_from(["", "x", "\u20ac", "\"\\\n"]))
    m.replies("JSON.STRAPPEND", path, lambda v: isinstance(v, str), lambda v: (v + s, len((v + s).encode())), json.dumps(s))


def do_lengths(m, draw):
    path = draw(paths)
    m.reads("JSON.STRLEN", path, "string", lambda v: len(v.encode()))
    m.reads("JSON.ARRLEN", path, "array", len)
    m.reads("JSON.OBJLEN", path, "object", len)
    m.reads("JSON.OBJKEYS", path, "object", list)


def do_arrappend(m, draw):
    path, new = draw(paths), draw(st.lists(values, min_size=1, max_size=2))
    m.replies("JSON.ARRAPPEND", path, lambda v: isinstance(v, list), lambda v: (v + copy.deepcopy(new), len(v) + len(new)), *map(json.dumps, new))


def do_arrinsert(m, draw):
    path, at, new = draw(paths), draw(indexes), draw(st.lists(values, min_size=1, max_size=2))

    def change(v):
        if not -len(v) <= at <= len(v):
            raise Wrong
        i = at + len(v) if at < 0 else at
        return v[:i] + copy.deepcopy(new) + v[i:], len(v) + len(new)

    m.replies("JSON.ARRINSERT", path, lambda v: isinstance(v, list), change, at, *map(json.dumps, new))


def do_arrindex(m, draw):
    path, start, stop = draw(paths), draw(indexes), draw(indexes)
    inside = [x for v in m.values(path) if isinstance(v, list) for x in v]
    what = draw(st.one_of(values, st.sampled_from(inside)) if inside else values)

    def index(v):
        n = len(v)
        first = max(0, start + n) if start < 0 else start
        last = n if stop == 0 else stop + n if stop < 0 else min(stop, n)
        return next((i for i in range(first, last) if same(v[i], what)), -1)

    m.reads("JSON.ARRINDEX", path, "array", index, json.dumps(what), start, stop, first_only=True)


def do_arrpop(m, draw):
    path, at = draw(paths), draw(indexes)

    def change(v):
        if not v:
            return KEPT, None
        i = max(0, at + len(v)) if at < 0 else min(at, len(v) - 1)
        return v[:i] + v[i + 1:], (v[i],)

    got, told = m.writes("JSON.ARRPOP", path, lambda v: isinstance(v, list), change, at)
    hits = [t for t in told if t is not None]
    if path[0] and not hits:
        return m.is_error(got, told)
    pairs = zip(got, told) if not path[0] else [(got, hits[-1])]
    for g, t in pairs:
        want = None if t is None or t[0] is None else t[0]
        assert g is None if want is None else equal(json.loads(g), want[0]), (got, told)


def do_arrtrim(m, draw):
    path, start, stop = draw(paths), draw(indexes), draw(indexes)

    def change(v):
        n = len(v)
        first, last = max(0, start + n) if start < 0 else start, stop + n if stop < 0 else min(stop, n - 1)
        kept = v[first:last + 1] if first <= last else []
        return kept, len(kept)

    m.replies("JSON.ARRTRIM", path, lambda v: isinstance(v, list), change, start, stop)


def do_toggle(m, draw):
    path = draw(paths)
    m.replies("JSON.TOGGLE", path, lambda v: isinstance(v, bool), lambda v: (not v, int(not v)),
              shape=(lambda v: "true" if v else "false") if path[0] else int)


def do_clear(m, draw):
    path = draw(paths)

    def change(v):
        empty = {} if isinstance(v, dict) else [] if isinstance(v, list) else 0
        counted.append(not equal(v, empty))
        return empty, None

    counted = []
    got, _ = m.writes("JSON.CLEAR", path, lambda v: is_number(v) or isinstance(v, (list, dict)), change)
    assert got == sum(counted), (path, got, counted)


def do_resp(m, draw):
    def form(v):
        if isinstance(v, list):
            return ["[", *map(form, v)]
        if isinstance(v, dict):
            return ["{", *(x for k in v for x in (k, form(v[k])))]
        return ("true" if v else "false") if isinstance(v, bool) else v

    path = draw(paths)
    got, found = m.ask("JSON.RESP", path), m.values(path)
    if path[0] and not found:
        return m.is_error(got, found)

    def alike(g, w):
        if isinstance(w, list):
            return isinstance(g, list) and len(g) == len(w) and all(map(alike, g, w))
        return float(g) == w if isinstance(w, float) else g == w

    assert alike(got, form(found[0]) if path[0] else [form(v) for v in found]), (path, got)


def do_debug(m, draw):
    path = draw(paths)
    got, found = plain(m.c.call("JSON.DEBUG", "MEMORY", "k", text_of(path))), m.values(path)
    if path[0] and not found:
        return m.is_error(got, found)
    sizes = got if not path[0] else [got]
    assert len(sizes) == (1 if path[0] else len(found)) and all(0 < s < 3000 for s in sizes)


COMMANDS = [f for name, f in sorted(globals().items()) if name.startswith("do_")]


# -- tests ---------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module", params=[2, 3])
def connection(request, shared):
    with shared.connect() as c:
        c.call("FLUSHALL")  # other tests have used that server
        c.call("HELLO", request.param)
        yield c, request.param == 3


def begin(connection, document):
    c, resp3 = connection
    assert c.call("JSON.SET", "k", "$", json.dumps(document)) == ("+", b"OK")
    c.call("SET", "text", "no JSON")
    c.call("JSON.SET", "other", "$", "0")
    m = Model(c, resp3, copy.deepcopy(document))
    m.other = b"0"
    m.check()
    return m


@SETTINGS
@given(document=values, data=st.data())
def test_commands_do_what_the_model_does(connection, document, data):
    m = begin(connection, document)
    for _ in range(data.draw(st.integers(1, 6))):
        data.draw(st.sampled_from(COMMANDS))(m, data.draw)
        m.check()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda f: f.__name__)
def test_each_command(connection, command):
    """By itself, so that none is left to chance."""
    @settings(SETTINGS, max_examples=max(20, EXAMPLES // 5))
    @given(document=values, data=st.data())
    def run(document, data):
        m = begin(connection, document)
        command(m, data.draw)
        m.check()

    run()


@SETTINGS
@given(document=values, ascii_only=st.booleans())
def test_any_document_comes_back(connection, document, ascii_only):
    c, _ = connection
    assert c.call("JSON.SET", "k", "$", json.dumps(document, ensure_ascii=ascii_only, indent=1)) == ("+", b"OK")
    text = c.call("JSON.GET", "k", ".")
    assert equal(json.loads(text[1]), document)
    payload = c.call("DUMP", "k")[1]
    assert c.call("RESTORE", "copy", 0, payload, "REPLACE") == ("+", b"OK")
    assert c.call("JSON.GET", "copy", ".") == text
