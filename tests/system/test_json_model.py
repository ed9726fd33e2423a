"""JSON commands against a model of a few lines: documents, paths and commands by hypothesis, every reply compared."""
import copy
import json
import os

import pytest
from conftest import only_sorrel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = only_sorrel
EXAMPLES = int(os.environ.get("JSON_EXAMPLES", "150"))

names = st.sampled_from(["a", "b", "c", "x y", "\u00e9", "", "'", "\\", "a.b"])
scalars = st.one_of(st.none(), st.booleans(), st.integers(-2**53, 2**53), st.integers(-5, 5), st.sampled_from([0.5, -1.25, 1e10, 3.75]),
                    st.text(max_size=8).filter(lambda t: all(not 0xd800 <= ord(c) < 0xe000 for c in t)))
values = st.recursive(scalars, lambda v: st.one_of(st.lists(v, max_size=4), st.dictionaries(names, v, max_size=4)), max_leaves=12)
steps = st.one_of(names.map(lambda n: ("name", n)), st.integers(-3, 3).map(lambda i: ("index", i)), st.just(("all", None)))
paths = st.lists(steps, max_size=3)
deep = st.tuples(paths, names).map(lambda p: p[0] + [("deep", p[1])])
indexes = st.integers(-5, 5)


def children(v):
    return list(v.items()) if isinstance(v, dict) else list(enumerate(v)) if isinstance(v, list) else []


def child(v, step):
    kind, what = step
    if kind == "all":
        return [k for k, _ in children(v)]
    if kind == "name":
        return [what] if isinstance(v, dict) and what in v else []
    if isinstance(v, list) and -len(v) <= what < len(v):
        return [what % len(v)]
    return []


def find(holder, path):
    """Places as (container, key); the document lies in holder["root"]."""
    found = [(holder, "root")]
    for step in path:
        after = []
        for c, k in found:
            if step[0] == "deep":
                todo = [c[k]]
                while todo:
                    v = todo.pop(0)
                    after += [(v, n) for n in child(v, ("name", step[1]))]
                    todo = [x for _, x in children(v)] + todo
            else:
                after += [(c[k], n) for n in child(c[k], step)]
        found = after
    return found


def quote(name):
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


def text(path):
    out = "$"
    for kind, what in path:
        out += {"name": lambda: f"[{quote(what)}]", "index": lambda: f"[{what}]", "all": lambda: "[*]", "deep": lambda: f"..[{quote(what)}]"}[kind]()
    return out


def is_number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)


def equal(a, b):
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(equal, a, b))
    return is_number(a) == is_number(b) and isinstance(a, bool) == isinstance(b, bool) and a == b


TYPES = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def merge(v, patch):
    if not isinstance(patch, dict):
        return patch
    v = v if isinstance(v, dict) else {}
    for k, p in patch.items():
        if p is None:
            v.pop(k, None)
        else:
            v[k] = merge(v.get(k), p)
    return v


class Model:
    def __init__(self, c, document):
        self.c, self.holder = c, {"root": document}

    def ask(self, command, path, *words):
        kind, v = self.c.call(command, "k", text(path), *words)
        assert kind != "-", (command, text(path), words, v)
        return plain((kind, v))

    def each(self, path, of, change):
        """What a command answers that changes or measures each value of a kind, null for the others."""
        return [change(c, k) if of(c[k]) else None for c, k in find(self.holder, path)]

    def check(self):
        got = json.loads(self.c.call("JSON.GET", "k", ".")[1])
        assert equal(got, self.holder["root"]), (got, self.holder["root"])


def plain(reply):
    kind, v = reply
    if isinstance(v, list):
        return [plain(x) for x in v]
    return v.decode() if isinstance(v, bytes) else v


def add(c, k, n):
    c[k] = c[k] + n
    return c[k]


def append(c, k, more):
    c[k] += more
    return len(c[k])


def insert(c, k, at, new):
    n = len(c[k])
    at = at + n if at < 0 else at
    c[k][at:at] = new
    return len(c[k])


def pop(c, k, at):
    n = len(c[k])
    if n == 0:
        return None
    at = max(0, at + n) if at < 0 else min(at, n - 1)
    return c[k].pop(at)


def trim(c, k, start, stop):
    n = len(c[k])
    start = max(0, start + n) if start < 0 else start
    stop = stop + n if stop < 0 else min(stop, n - 1)
    c[k][:] = c[k][start:stop + 1] if start <= stop else []
    return len(c[k])


def flip(c, k):
    c[k] = not c[k]
    return int(c[k])


def is_list(v):
    return isinstance(v, list)


def do_one(m, data):
    what = data.draw(st.sampled_from(["get", "type", "incr", "append", "arrappend", "insert", "pop", "trim", "toggle", "lengths", "set", "del",
                                      "merge", "clear", "keys"]))
    wide, path = data.draw(st.one_of(paths, deep)), data.draw(paths)
    if what == "get":
        got = json.loads(m.ask("JSON.GET", wide))
        assert equal(got, [c[k] for c, k in find(m.holder, wide)]), (text(wide), got)
    elif what == "type":
        assert m.ask("JSON.TYPE", wide) == m.each(wide, lambda v: True, lambda c, k: TYPES[type(c[k])])
    elif what == "incr":
        n = data.draw(st.sampled_from([1, -3, 0.5, 1000]))
        got = json.loads(m.ask("JSON.NUMINCRBY", wide, json.dumps(n)))
        assert equal(got, m.each(wide, is_number, lambda c, k: add(c, k, n)))
    elif what == "append":
        s = data.draw(st.sampled_from(["", "x", "\u20ac", "\"\\\n"]))
        # Lengths are told in bytes of the text.
        want = m.each(wide, lambda v: isinstance(v, str), lambda c, k: append(c, k, s) and len(c[k].encode()))
        got = m.ask("JSON.STRAPPEND", wide, json.dumps(s))
        assert len(got) == len(want) and all((a is None) == (b is None) for a, b in zip(got, want)), (got, want)
    elif what == "arrappend":
        v = data.draw(values)
        assert m.ask("JSON.ARRAPPEND", wide, json.dumps(v)) == m.each(wide, is_list, lambda c, k: append(c, k, [copy.deepcopy(v)]))
    elif what == "insert":
        v, at = data.draw(values), data.draw(st.sampled_from([0, -1]))
        found = [c[k] for c, k in find(m.holder, path)]
        if at == 0 or all(not is_list(f) or f for f in found):
            assert m.ask("JSON.ARRINSERT", path, at, json.dumps(v)) == m.each(path, is_list, lambda c, k: insert(c, k, at, [copy.deepcopy(v)]))
    elif what == "pop":
        at = data.draw(indexes)
        got = [None if g is None else json.loads(g) for g in m.ask("JSON.ARRPOP", path, at)]
        assert equal(got, m.each(path, is_list, lambda c, k: pop(c, k, at)))
    elif what == "trim":
        start, stop = data.draw(indexes), data.draw(indexes)
        assert m.ask("JSON.ARRTRIM", path, start, stop) == m.each(path, is_list, lambda c, k: trim(c, k, start, stop))
    elif what == "toggle":
        assert m.ask("JSON.TOGGLE", wide) == m.each(wide, lambda v: isinstance(v, bool), flip)
    elif what == "lengths":
        assert m.ask("JSON.ARRLEN", wide) == m.each(wide, is_list, lambda c, k: len(c[k]))
        assert m.ask("JSON.OBJLEN", wide) == m.each(wide, lambda v: isinstance(v, dict), lambda c, k: len(c[k]))
    elif what == "keys":
        assert m.ask("JSON.OBJKEYS", wide) == m.each(wide, lambda v: isinstance(v, dict), lambda c, k: list(c[k]))
    elif what == "clear":
        def clear(c, k):
            old = c[k]
            c[k] = {} if isinstance(old, dict) else [] if is_list(old) else 0
            return not (old == c[k] and type(old) is type(c[k]))
        done = m.each(path, lambda v: isinstance(v, (dict, list)) or is_number(v), clear)
        got = m.ask("JSON.CLEAR", path)
        assert got <= len(done)
    elif what == "del" and path:
        places = find(m.holder, path)
        assert m.ask("JSON.DEL", path) == len(places)
        for c, k in sorted(places, key=lambda p: -p[1] if isinstance(p[1], int) else 0):
            del c[k]
    elif what == "set":
        v = data.draw(values)
        places = find(m.holder, path)
        if places or (path and path[-1][0] == "name" and all(kind != "all" for kind, _ in path)):
            answer = m.c.call("JSON.SET", "k", text(path), json.dumps(v))
            for c, k in places:
                c[k] = copy.deepcopy(v)
            if not places:
                above = find(m.holder, path[:-1])
                if above and isinstance(above[0][0][above[0][1]], dict):
                    above[0][0][above[0][1]][path[-1][1]] = copy.deepcopy(v)
                    assert answer == ("+", b"OK"), answer
    elif what == "merge":
        v = data.draw(values)
        if v is not None:
            assert m.ask("JSON.MERGE", [], json.dumps(v)) == "OK"
            m.holder["root"] = merge(m.holder["root"], v)


@pytest.fixture(scope="module")
def connection(shared):
    with shared.connect() as c:
        c.call("FLUSHALL")  # other tests have used that server
        yield c


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(document=values, data=st.data())
def test_commands_do_what_the_model_does(connection, document, data):
    c = connection
    assert c.call("JSON.SET", "k", "$", json.dumps(document)) == ("+", b"OK")
    m = Model(c, copy.deepcopy(document))
    m.check()
    for _ in range(data.draw(st.integers(1, 6))):
        do_one(m, data)
        m.check()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(document=values, ascii_only=st.booleans())
def test_any_document_comes_back(connection, document, ascii_only):
    c = connection
    assert c.call("JSON.SET", "k", "$", json.dumps(document, ensure_ascii=ascii_only, indent=1)) == ("+", b"OK")
    assert equal(json.loads(c.call("JSON.GET", "k")[1]), document)
    payload = c.call("DUMP", "k")[1]
    c.call("DEL", "copy")
    assert c.call("RESTORE", "copy", 0, payload) == ("+", b"OK")
    assert c.call("JSON.GET", "copy") == c.call("JSON.GET", "k")
