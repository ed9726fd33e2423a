/* value/entry.c - one allocation for a key and its value: making, moving and freeing it, whatever the type.
 *
 * What differs from type to type is one row of value_ops (value/ops.h); strings are in value/string.c.
 */
#include "value/entry.h"

#include "value/deadlines.h"
#include "value/entry_priv.h"
#include "value/ops.h"

/* An entry that shrinks stays where it is unless a smaller allocation saves a quarter. */
static bool
worth_moving(size_t have, size_t want)
{
    return want > have || want <= have - have / 4;
}

static size_t
alloc_bytes(size_t used)
{
    return mem_good_size(used < 16 ? 16 : used);
}

static size_t
head_bytes(size_t key_len, bool has_expiry)
{
    return ENTRY__HEAD + (key_len >= ENTRY__KEY_LONG ? 4 : 0) + (has_expiry ? 8 : 0) + key_len;
}

const char *
value_type_name(enum value_type type)
{
    static const char *const names[TYPE_COUNT] = {
        [TYPE_STRING] = "string", [TYPE_LIST] = "list",     [TYPE_SET] = "set",        [TYPE_ZSET] = "zset",
        [TYPE_HASH] = "hash",     [TYPE_STREAM] = "stream", [TYPE_JSON] = "ReJSON-RL",
    };
    return type < TYPE_COUNT ? names[type] : "none";
}

size_t
entry__value_bytes(const struct entry *e)
{
    if (entry_type(e) != TYPE_STRING || entry__rep(e) != STRING_INLINE)
        return e->flags & ENTRY_DEADLINES ? 16 : 8;
    return string__inline_bytes(string_get(e, NULL).len);
}

size_t
entry__used(const struct entry *e)
{
    return (size_t)(entry__value(e) - (const unsigned char *)e) + entry__value_bytes(e);
}

struct entry *
entry__make(enum value_type type, enum string_rep rep, struct slice key, int64_t expire_ms, size_t value)
{
    CHECK(key.len <= UINT32_MAX);
    bool has_expiry = expire_ms >= 0;
    size_t head = head_bytes(key.len, has_expiry);
    struct entry *e = mem_try(alloc_bytes(head + value));

    if (e == NULL)
        return NULL;
    *e = (struct entry){.meta = (unsigned char)((unsigned)type | (unsigned)rep << 4),
                        .flags = has_expiry ? ENTRY_HAS_EXPIRY : 0};
    unsigned char *p = e->rest;
    if (LIKELY(key.len < ENTRY__KEY_LONG)) {
        e->key_len = (unsigned char)key.len;
    } else {
        uint32_t wide = (uint32_t)key.len;
        e->key_len = ENTRY__KEY_LONG;
        memcpy(p, &wide, 4);
        p += 4;
    }
    if (has_expiry) {
        memcpy(p, &expire_ms, 8);
        p += 8;
    }
    if (key.len > 0)
        memcpy(p, key.ptr, key.len);
    if (value == 8)
        memset(p + key.len, 0, 8);
    return e;
}

struct entry *
entry__resize(struct entry *e, size_t value)
{
    size_t used = entry__used(e), want = used - entry__value_bytes(e) + value;
    size_t want_bytes = alloc_bytes(want);

    if (LIKELY(want_bytes == alloc_bytes(used)))
        return e;
    if (!worth_moving(mem_size_of(e), want_bytes))
        return e;
    struct entry *moved = mem_resize_try(e, want_bytes);
    /* A smaller home that can't be had is no failure. */
    return moved == NULL && want <= used ? e : moved;
}

struct entry *
entry_new(enum value_type type, struct slice key)
{
    bool string = type == TYPE_STRING;
    struct entry *e = entry__make(type, string ? STRING_INLINE : 0, key, -1, string ? 1 : 8);

    /* The key was in a request buffer a moment ago, so its size is one that memory can hold. */
    CHECK(e != NULL);
    if (string)
        entry__value(e)[0] = 0;
    return e;
}

void
entry_free(struct entry *e)
{
    if (e == NULL)
        return;
    if (entry_type(e) == TYPE_STRING)
        blob_drop(entry__blob(e));
    else
        value_ops[entry_type(e)].fini(entry_handle(e));
    mem_free(e);
}

size_t
entry_free_effort(const struct entry *e)
{
    if (entry_type(e) == TYPE_STRING)
        return 1 + (string_len(e) >> 14);
    size_t n = 1 + value_ops[entry_type(e)].effort((const struct handle *)entry__value(e));
    const struct zset *d = entry_deadlines(e);
    return d != NULL ? n + zset_count(d) : n;
}

struct entry *
entry_set_expiry(struct entry *e, int64_t at_ms)
{
    bool had = e->flags & ENTRY_HAS_EXPIRY, has = at_ms >= 0;
    size_t at = e->key_len == ENTRY__KEY_LONG ? 4 : 0; /* where the eight bytes are, from rest on */
    size_t used = entry__used(e);

    if (had != has) {
        size_t now = has ? used + 8 : used - 8, tail = (has ? used : now) - ENTRY__HEAD - at;
        size_t have = mem_size_of(e);
        if (!has)
            memmove(e->rest + at, e->rest + at + 8, tail);
        if (alloc_bytes(now) != have && worth_moving(have, alloc_bytes(now)))
            e = mem_resize(e, alloc_bytes(now));
        if (has)
            memmove(e->rest + at + 8, e->rest + at, tail);
        e->flags = (unsigned char)(e->flags ^ ENTRY_HAS_EXPIRY);
    }
    if (has)
        memcpy(e->rest + at, &at_ms, 8);
    return e;
}

/* An entry under another key with e's type, expiry, clock and value bytes, which still belong to e. */
static struct entry *
twin(const struct entry *e, struct slice key)
{
    size_t bytes = entry__value_bytes(e);
    struct entry *t = entry__make(entry_type(e), entry__rep(e), key, entry_expiry(e), bytes);

    CHECK(t != NULL); /* as in entry_new(): no larger than what is there already */
    memcpy(entry__value(t), entry__value(e), bytes);
    entry_set_clock(t, entry_clock(e));
    t->flags |= e->flags & (ENTRY_RAW | ENTRY_DEADLINES);
    return t;
}

struct entry *
entry_copy(const struct entry *e, struct slice key, const struct value_limits *lim, struct pulse *p)
{
    struct entry *t = twin(e, key);

    if (entry_type(e) != TYPE_STRING) {
        const struct zset *d = entry_deadlines(e);
        struct handle h = value_ops[entry_type(e)].copy((const struct handle *)entry__value(e), lim, p);
        *entry_handle(t) = h;
        if (d != NULL) {
            handle_mark_deadlines(entry_handle(t), true);
            *entry_deadlines(t) = zset_copy(d, lim, p);
        }
    } else if (entry__blob(e) != NULL) {
        blob_hold(entry__blob(e));
    }
    return t;
}

struct entry *
entry_add_deadlines(struct entry *e)
{
    CHECK(type_has_deadlines(entry_type(e)));
    if (e->flags & ENTRY_DEADLINES)
        return e;
    e = entry__resize(e, 16);
    CHECK(e != NULL);
    memset(entry__value(e) + 8, 0, 8);
    e->flags |= ENTRY_DEADLINES;
    handle_mark_deadlines(entry_handle(e), true);
    return e;
}

struct entry *
entry_rename(struct entry *e, struct slice key)
{
    struct entry *t = twin(e, key);

    mem_free(e);
    return t;
}

size_t
entry_bytes(const struct entry *e)
{
    size_t bytes = mem_size_of(e);

    const struct zset *d = entry_deadlines(e);

    if (entry_type(e) == TYPE_STRING)
        return bytes + mem_size_of(entry__blob(e));
    bytes += value_ops[entry_type(e)].bytes((const struct handle *)entry__value(e));
    return d != NULL ? bytes + zset_bytes(d) : bytes;
}

size_t
entry_elements(const struct entry *e)
{
    return entry_type(e) == TYPE_STRING ? 0 : value_ops[entry_type(e)].elements((const struct handle *)entry__value(e));
}

void
entry_expect(const struct entry *e, const struct slice *members, int n, int step)
{
    if (entry_type(e) != TYPE_STRING && value_ops[entry_type(e)].expect != NULL)
        value_ops[entry_type(e)].expect((const struct handle *)entry__value(e), members, n, step);
}

const char *
entry_encoding(const struct entry *e)
{
    if (entry_type(e) != TYPE_STRING) {
        const char *name = value_ops[entry_type(e)].encoding((const struct handle *)entry__value(e));
        /* The name that Redis has for a small hash whose fields can expire. */
        bool renamed = entry_type(e) == TYPE_HASH && (e->flags & ENTRY_DEADLINES) && strcmp(name, "listpack") == 0;
        return renamed ? "listpackex" : name;
    }
    if (entry__rep(e) == STRING_INT)
        return "int";
    return string_len(e) <= 44 && !(e->flags & ENTRY_RAW) ? "embstr" : "raw";
}
