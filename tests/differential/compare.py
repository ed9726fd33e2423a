"""Whether two replies to the same command mean the same, where bytes alone need not be equal.

`same(command, a, b, context)` is asked only when the bytes differ. a is the oracle's reply, b is Sorrel's.
"""

UNORDERED = {b"SMEMBERS", b"SUNION", b"SINTER", b"SDIFF", b"HKEYS", b"HVALS", b"KEYS"}
TIMES = {b"TTL": 3, b"PTTL": 3000, b"EXPIRETIME": 3, b"PEXPIRETIME": 3000}
# Random picks: what is compared is the reply's shape, and that every element was there (the command before it says what).
RANDOM = {b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER", b"SPOP", b"RANDOMKEY"}
SCANS = {b"SCAN", b"SSCAN", b"HSCAN", b"ZSCAN"}


def as_bag(items):
    return sorted(map(repr, items))


def as_pairs(items):
    return sorted((repr(items[i]), repr(items[i + 1])) for i in range(0, len(items) - 1, 2))


def as_scores(items):
    return sorted((items[i][1], float(items[i + 1][1])) for i in range(0, len(items) - 1, 2))


def same(command, a, b, before=None):
    """`before` is Sorrel's reply to the command before this one, for random picks."""
    if a == b:
        return True
    name = command[0].upper() if command else b""
    if name in RANDOM:
        return same_shape(a, b) and drawn_from(name, b, before)
    if a[0] != b[0]:
        return False
    if name in UNORDERED:
        return both_lists(a, b) and as_bag(a[1]) == as_bag(b[1])
    if name == b"HGETALL":
        return both_lists(a, b) and len(a[1]) == len(b[1]) and as_pairs(a[1]) == as_pairs(b[1])
    if name in TIMES and a[0] == ":":
        return a[1] >= 0 and b[1] >= 0 and abs(a[1] - b[1]) <= TIMES[name]
    if name == b"OBJECT" and len(command) > 1 and command[1].upper() == b"IDLETIME" and a[0] == ":":
        # In 7.0 a small integer is a shared object, idle since that server started.
        return b[1] <= 3
    if name in SCANS:
        return same_scan(name, a, b)
    if name in (b"SORT", b"SORT_RO"):
        return both_lists(a, b) and as_bag(a[1]) == as_bag(b[1]) and same_order(command, a[1], b[1])
    return False


def same_order(command, a, b):
    """Which of equal elements SORT puts first is nobody's promise; where they are what is sorted by, the rest must agree. The
    order without sorting, and by what other keys hold, can't be judged from here."""
    words = [w.upper() for w in command[2:]]
    if b"BY" in words or b"GET" in words:
        return True
    try:
        weights = [[v.split(b"\0")[0] if b"ALPHA" in words else float(v) for _, v in items] for items in (a, b)]
    except ValueError:
        return False
    return weights[0] == weights[1]


def both_lists(a, b):
    return isinstance(a[1], list) and isinstance(b[1], list)


def same_scan(name, a, b):
    if not both_lists(a, b) or len(a[1]) != 2 or len(b[1]) != 2:
        return False
    (cursor_a, items_a), (cursor_b, items_b) = a[1], b[1]
    if cursor_a != ("$", b"0") or cursor_b != ("$", b"0"):
        # A partial scan: each store walks in an order of its own.
        return cursor_a[0] == cursor_b[0] == "$" and items_a[0] == items_b[0]
    if name == b"ZSCAN":
        # 7.0 prints doubles with 17 digits, Sorrel as few as it takes.
        return as_scores(items_a[1]) == as_scores(items_b[1])
    if name == b"HSCAN":
        return as_pairs(items_a[1]) == as_pairs(items_b[1])
    return as_bag(items_a[1]) == as_bag(items_b[1])


def same_shape(a, b):
    if a[0] != b[0]:
        return False
    if isinstance(a[1], list):
        return isinstance(b[1], list) and len(a[1]) == len(b[1]) and all(same_shape(x, y) for x, y in zip(a[1], b[1]))
    return a[0] != "-" and (a[1] is None) == (b[1] is None)


def drawn_from(name, reply, before):
    """Every picked element is one of those that the whole collection held."""
    if before is None or not isinstance(before[1], list) or name == b"RANDOMKEY":
        return True
    pool = set()
    stack = list(before[1])
    while stack:
        x = stack.pop()
        if isinstance(x[1], list):
            stack.extend(x[1])
        else:
            pool.add(x)
    picked = [reply]
    while picked:
        x = picked.pop()
        if isinstance(x[1], list):
            picked.extend(x[1])
        elif x[1] is not None and x not in pool:
            return False
    return True
