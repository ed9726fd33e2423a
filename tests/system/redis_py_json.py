"""redis-py's r.json() against the server under test: redis_py_json.py PORT PROTOCOL"""
import os
import sys

import redis
from redis.commands.json.path import Path

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import redis_py_resp3  # noqa: E402

r = redis_py_resp3.connect(int(sys.argv[1]), int(sys.argv[2]), decode_responses=True)
j = r.json()
doc = {"name": "x", "n": 1, "f": 2.5, "list": [1, 2, 3], "nested": {"a": {"b": [True, None]}}, "\u00e9": "\u20ac"}


def legacy(v):
    """What a path of the older dialect gets: RESP3 has an array around some of them."""
    return v[0] if isinstance(v, list) and len(v) == 1 else v


assert j.set("doc", Path.root_path(), doc) is True
assert j.set("doc", "$", {}, nx=True) is None and j.set("none", "$", {}, xx=True) is None
assert j.get("doc") in (doc, [doc])
assert j.get("doc", "$.nested.a.b[0]") == [True]
assert j.get("doc", "$.n", "$..b") == {"$.n": [1], "$..b": [[True, None]]}
assert j.get("doc", Path(".name")) == "x"
assert j.get("none") is None
if hasattr(j, "mset"):  # since redis-py 4.6
    assert j.mset([("m1", "$", {"a": 1}), ("m2", "$", {"a": 2})]) is True
else:
    assert j.set("m1", "$", {"a": 1}) and j.set("m2", "$", {"a": 2})
assert j.mget(["m1", "m2", "none"], "$.a") == [[1], [2], None]
assert j.numincrby("doc", "$.n", 4) == [5]
assert j.nummultby("doc", "$.n", 2) == [10]
assert j.strappend("doc", "yz", "$.name") == [3] and j.strlen("doc", "$.name") == [3]
assert j.arrappend("doc", "$.list", 4, [5]) == [5]
assert j.arrindex("doc", "$.list", 4) == [3] and j.arrlen("doc", "$.list") == [5]
assert j.arrinsert("doc", "$.list", 0, "first") == [6]
assert j.arrpop("doc", "$.list") in (["[5]"], [[5]])
assert j.arrtrim("doc", "$.list", 1, 3) == [3]
assert j.get("doc", "$.list") == [[1, 2, 3]]
assert j.objkeys("doc", "$.nested") == [["a"]] and j.objlen("doc", "$") == [6]
assert legacy(j.type("doc", "$.f")) in ("number", ["number"])
assert j.toggle("doc", "$.nested.a.b[0]") in ([0], [False])
if hasattr(j, "merge"):
    assert j.merge("doc", "$.nested", {"a": None, "c": 1}) is True
    assert j.get("doc", "$.nested") == [{"c": 1}]
assert j.clear("doc", "$.list") == 1 and j.get("doc", "$.list") == [[]]
assert j.delete("doc", "$.nested") == 1 and j.forget("doc", "$.none") == 0
assert j.resp("m1", "$") is not None
assert legacy(j.debug("MEMORY", "doc")) > 0
assert r.type("doc") == "ReJSON-RL" and r.expire("doc", 100) and r.ttl("doc") > 90
assert r.copy("doc", "copy") and j.get("copy", "$.n") == [10]
p = r.pipeline()
p.json().set("p", "$", [1])
p.json().arrappend("p", "$", 2)
p.json().get("p", "$")
assert p.execute() == [True, [2], [[1, 2]]]
try:
    j.numincrby("doc", "$[", 1)
    raise SystemExit("a wrong path was taken")
except redis.ResponseError:
    pass
print("json: all right")
