"""SORT of short and long lists beside Python's sorted(): numbers of all kinds and texts, many of them equal."""
import random

import pytest

NUMBERS = [b"0", b"-0", b"0.0", b"-0.0", b"1", b"1.0", b"01", b"+1", b"1e0", b"-1", b"-1.0", b"inf", b"-inf", b"1e308", b"-1e308",
           b"0x10", b"16", b"9007199254740993", b"9007199254740992", b"-9223372036854775808", b"18446744073709551616"]


def value(text):
    return float(int(text, 16)) if text.startswith(b"0x") else float(text)


def some_number(r):
    kind = r.randrange(4)
    if kind == 0:
        return r.choice(NUMBERS)
    if kind == 1:
        return str(r.randrange(-30, 30)).encode()
    if kind == 2:
        return str(r.randrange(-10**18, 10**18)).encode()
    return repr(r.uniform(-1, 1) * 10 ** r.randrange(-20, 20)).encode()


def some_text(r):
    kind = r.randrange(3)
    if kind == 0:
        return bytes(r.choice(b"ab\xff\x80") for _ in range(r.randrange(12)))
    return b"a common beginning:"[:r.choice([4, 19])] + str(r.randrange(300)).encode()


def fill(conn, key, members):
    conn.call("DEL", key)
    for i in range(0, len(members), 1000):
        conn.call("RPUSH", key, *members[i:i + 1000])


def got(conn, *words):
    return [v for _, v in conn.call(*words)[1]]


@pytest.mark.parametrize("n", [1, 7, 8, 9, 100, 255, 256, 257, 1000, 5000])
def test_numbers(conn, n):
    r = random.Random(n)
    members = [some_number(r) for _ in range(n)]
    fill(conn, "l", members)
    right = sorted(members, key=lambda m: (value(m), m))
    assert got(conn, "SORT", "l") == right
    assert got(conn, "SORT", "l", "DESC") == right[::-1]
    assert got(conn, "SORT", "l", "LIMIT", str(n // 3), "20") == right[n // 3:n // 3 + 20]


@pytest.mark.parametrize("n", [1, 7, 8, 9, 100, 255, 256, 257, 1000, 5000])
def test_texts(conn, n):
    r = random.Random(n)
    members = [some_text(r) for _ in range(n)]
    fill(conn, "l", members)
    right = sorted(members)
    # STORE compares bytes; otherwise the server's locale decides, which is C's here and in redis-server unless it is told.
    assert conn.call("SORT", "l", "ALPHA", "STORE", "d") == (":", n)
    assert got(conn, "LRANGE", "d", "0", "-1") == right
    assert conn.call("SORT", "l", "ALPHA", "DESC", "STORE", "d") == (":", n)
    assert got(conn, "LRANGE", "d", "0", "-1") == right[::-1]


def test_weights_of_other_keys(conn):
    r = random.Random(1)
    members = [str(i).encode() for i in range(600)]
    weight = {m: some_number(r) for m in members if r.random() < 0.8}
    for m, w in weight.items():
        conn.call("SET", b"w:" + m, w)
    fill(conn, "l", members)
    right = sorted(members, key=lambda m: (value(weight.get(m, b"0")), m))
    assert got(conn, "SORT", "l", "BY", "w:*") == right
    assert got(conn, "SORT", "l", "BY", "w:*", "DESC", "GET", "#") == right[::-1]
