/* value/hash.c - a packed block of field, value, field, value … while small, then a packtable.
 *
 * Representations only grow. Shrinking back on removal would make a hash that hovers at the limit convert on every
 * call.
 */
#include "value/hash.h"

#include "base/check.h"
#include "ds/packed.h"
#include "ds/packtable.h"
#include "value/deadlines.h"

/* Stored in the handle. */
enum rep { REP_EMPTY, REP_PACKED, REP_TABLE };

enum {
    PACKED_BYTES_LIMIT = 1 << 26, /* whatever the configured limits allow, moving more than that about is no use */
    VERIFY_FIELDS_MAX = 32,       /* larger ones are verified by tests only */
};

static inline enum rep
rep_of(const struct hash *hash)
{
    return (enum rep)handle_rep(&hash->h);
}

static inline struct packed *
packed_of(const struct hash *hash)
{
    return handle_ptr(&hash->h);
}

static inline struct packtable *
table_of(const struct hash *hash)
{
    return handle_ptr(&hash->h);
}

void
hash_fini(struct hash *hash)
{
    if (rep_of(hash) == REP_TABLE)
        packtable_free(table_of(hash));
    else
        packed_free(packed_of(hash));
    handle_change(&hash->h, NULL, REP_EMPTY);
    if (UNLIKELY(handle_has_deadlines(&hash->h)))
        zset_fini(handle_deadlines(&hash->h));
}

struct hash
hash_copy(const struct hash *hash, const struct value_limits *lim, struct pulse *p)
{
    struct hash copy;

    if (rep_of(hash) == REP_TABLE)
        handle_set(&copy.h, packtable_copy(table_of(hash), p), REP_TABLE);
    else
        handle_set(&copy.h, packed_copy(packed_of(hash)), rep_of(hash));
    return copy;
}

size_t
hash_count(const struct hash *hash)
{
    return rep_of(hash) == REP_TABLE ? packtable_count(table_of(hash)) : packed_count(packed_of(hash)) / 2;
}

void
hash_expect(const struct hash *hash, const struct slice *fields, int n, int step)
{
    for (int i = 0; i < n && rep_of(hash) == REP_TABLE; i++)
        packtable_prefetch(table_of(hash), fields[i * step]);
}

bool
hash_get(const struct hash *hash, struct slice field, struct slice *value)
{
    if (rep_of(hash) == REP_TABLE)
        return packtable_find(table_of(hash), field, value);
    const struct packed *p = packed_of(hash);
    size_t pos = packed_find(p, field, 2);
    if (pos == packed_end(p))
        return false;
    if (value != NULL)
        *value = packed_get(p, packed_next(p, pos));
    return true;
}

bool
hash_has(const struct hash *hash, struct slice field)
{
    return hash_get(hash, field, NULL);
}

static void
to_table(struct hash *hash, const struct value_limits *lim)
{
    struct packed *p = packed_of(hash);
    struct packtable *t = packtable_new(lim->seed, true);

    for (size_t pos = packed_first(p); pos != packed_end(p);) {
        size_t value = packed_next(p, pos);
        packtable_put(t, packed_get(p, pos), packed_get(p, value));
        pos = packed_next(p, value);
    }
    packed_free(p);
    handle_change(&hash->h, t, REP_TABLE);
}

/* Whether a packed hash may take the pair; `fresh` when the field is not in it yet. */
static bool
fits_packed(const struct packed *p, const struct value_limits *lim, struct slice field, struct slice value, bool fresh)
{
    size_t longest = lim->hash_max_listpack_value;

    if (field.len > longest || value.len > longest)
        return false;
    if (packed_end(p) + field.len + value.len > PACKED_BYTES_LIMIT)
        return false;
    return !fresh || packed_count(p) / 2 < lim->hash_max_listpack_entries;
}

static inline bool
put(struct hash *hash, const struct value_limits *lim, struct slice field, struct slice value)
{
    if (rep_of(hash) != REP_TABLE) {
        struct packed *p = packed_of(hash);
        size_t pos = packed_find(p, field, 2);
        bool fresh = pos == packed_end(p);

        if (LIKELY(fits_packed(p, lim, field, value, fresh))) {
            if (fresh)
                p = packed_append(packed_append(p, field), value);
            else
                p = packed_replace(p, packed_next(p, pos), value);
            handle_change(&hash->h, p, REP_PACKED);
            DEBUG_VERIFY(packed_count(p) > 2 * VERIFY_FIELDS_MAX || hash_verify(hash));
            return fresh;
        }
        to_table(hash, lim);
    }
    return packtable_put(table_of(hash), field, value);
}

bool
hash_set(struct hash *hash, const struct value_limits *lim, struct slice field, struct slice value)
{
    deadline_forget(&hash->h, field);
    return put(hash, lim, field, value);
}

bool
hash_adjust(struct hash *hash, const struct value_limits *lim, struct slice field, struct slice value)
{
    return put(hash, lim, field, value);
}

bool
hash_del(struct hash *hash, struct slice field)
{
    deadline_forget(&hash->h, field);
    if (rep_of(hash) == REP_TABLE)
        return packtable_remove(table_of(hash), field);
    struct packed *p = packed_of(hash);
    size_t pos = packed_find(p, field, 2);
    if (pos == packed_end(p))
        return false;
    handle_change(&hash->h, packed_remove(p, pos, 2), REP_PACKED);
    return true;
}

void
hash_random(const struct hash *hash, struct rng *rng, struct slice *field, struct slice *value)
{
    CHECK(hash_count(hash) > 0);
    if (rep_of(hash) == REP_TABLE) {
        packtable_random(table_of(hash), rng, field, value);
        return;
    }
    const struct packed *p = packed_of(hash);
    size_t pos = packed_at(p, 2 * rng_below(rng, packed_count(p) / 2));
    *field = packed_get(p, pos);
    if (value != NULL)
        *value = packed_get(p, packed_next(p, pos));
}

bool
hash_next(const struct hash *hash, struct hash_iter *it, struct slice *field, struct slice *value)
{
    if (rep_of(hash) == REP_TABLE) {
        struct packtable_iter at = {it->a, it->b};
        bool more = packtable_next(table_of(hash), &at, field, value);
        *it = (struct hash_iter){at.block, at.pos};
        return more;
    }
    const struct packed *p = packed_of(hash);
    if (it->a == 0) /* no element lies at 0 */
        it->a = packed_first(p);
    if (it->a == packed_end(p))
        return false;
    *field = packed_get(p, it->a);
    it->a = packed_next(p, it->a);
    if (value != NULL)
        *value = packed_get(p, it->a);
    it->a = packed_next(p, it->a);
    return true;
}

uint64_t
hash_scan(const struct hash *hash, uint64_t cursor, hash_visit *fn, void *ctx)
{
    if (rep_of(hash) == REP_TABLE)
        return packtable_scan(table_of(hash), cursor, fn, ctx);
    struct hash_iter it = {0, 0};
    struct slice field, value;
    while (hash_next(hash, &it, &field, &value))
        fn(ctx, field, value);
    return 0;
}

const char *
hash_encoding(const struct hash *hash)
{
    return rep_of(hash) == REP_TABLE ? "hashtable" : "listpack";
}

size_t
hash_bytes(const struct hash *hash)
{
    return rep_of(hash) == REP_TABLE ? packtable_bytes(table_of(hash)) : packed_alloc_bytes(packed_of(hash));
}

bool
hash_verify(const struct hash *hash)
{
    if (rep_of(hash) == REP_TABLE)
        return packtable_verify(table_of(hash));
    const struct packed *p = packed_of(hash);
    if (rep_of(hash) > REP_TABLE || (rep_of(hash) == REP_EMPTY) != (p == NULL) || !packed_verify(p) ||
        packed_count(p) % 2 != 0)
        return false;
    /* No field twice: a search from the front must end at each field's own place. */
    for (size_t pos = packed_first(p); pos != packed_end(p); pos = packed_next(p, packed_next(p, pos)))
        if (packed_find(p, packed_get(p, pos), 2) != pos)
            return false;
    return true;
}
