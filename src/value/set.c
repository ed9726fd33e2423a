/* value/set.c - sorted integers, then a packed block of texts, then a packtable.
 *
 * Representations only grow, in the ways Redis 7.2 has them grow, since OBJECT ENCODING shows it: integers stay
 * integers up to set_max_intset_entries; a text, or one integer too many, makes the set packed if that is within the
 * packed limits and a table otherwise.
 */
#include "value/set.h"

#include "base/check.h"
#include "base/mem.h"
#include "ds/packed.h"
#include "ds/packtable.h"
#include "value/deadlines.h"
#include "value/set_priv.h"

/* Stored in the handle. */
enum rep { REP_EMPTY, REP_INTS, REP_PACKED, REP_TABLE };

enum {
    PACKED_BYTES_LIMIT = 1 << 26, /* whatever the configured limits allow, moving more than that about is no use */
    MARKED_ON_STACK = 256,
    VERIFY_MEMBERS_MAX = 32, /* larger ones are verified by tests only */
};

_Static_assert(sizeof(((struct set_member *)0)->text) >= INT64_TEXT_MAX, "an integer fits its text");

static inline enum rep
rep_of(const struct set *set)
{
    return (enum rep)handle_rep(&set->h);
}

static inline struct intset *
ints_of(const struct set *set)
{
    return handle_ptr(&set->h);
}

static inline struct packed *
packed_of(const struct set *set)
{
    return handle_ptr(&set->h);
}

static inline struct packtable *
table_of(const struct set *set)
{
    return handle_ptr(&set->h);
}

/* Without what belongs to members that may live on in another representation. */
static void
free_rep(struct set *set)
{
    switch (rep_of(set)) {
    case REP_EMPTY: break;
    case REP_INTS: intset__free(ints_of(set)); break;
    case REP_PACKED: packed_free(packed_of(set)); break;
    case REP_TABLE: packtable_free(table_of(set)); break;
    }
    handle_change(&set->h, NULL, REP_EMPTY);
}

void
set_fini(struct set *set)
{
    free_rep(set);
    if (UNLIKELY(handle_has_deadlines(&set->h)))
        zset_fini(handle_deadlines(&set->h));
}

struct set
set_copy(const struct set *set, const struct value_limits *lim, struct pulse *p)
{
    struct set copy = {0};

    switch (rep_of(set)) {
    case REP_EMPTY: break;
    case REP_INTS: handle_set(&copy.h, intset__copy(ints_of(set)), REP_INTS); break;
    case REP_PACKED: handle_set(&copy.h, packed_copy(packed_of(set)), REP_PACKED); break;
    case REP_TABLE: handle_set(&copy.h, packtable_copy(table_of(set), p), REP_TABLE); break;
    }
    return copy;
}

size_t
set_count(const struct set *set)
{
    switch (rep_of(set)) {
    case REP_EMPTY: break;
    case REP_INTS: return intset__count(ints_of(set));
    case REP_PACKED: return packed_count(packed_of(set));
    case REP_TABLE: return packtable_count(table_of(set));
    }
    return 0;
}

/* -- members of the table -------------------------------------------------------------------------------------- */

/* A member in the form in which the table has it. Almost always that is the member itself or a few bytes here. */
struct stored {
    struct slice s;
    unsigned char bytes[MARKED_ON_STACK];
    void *heap;
};

static inline void
stored_from(struct stored *st, struct slice member)
{
    int64_t v;

    st->heap = NULL;
    if (parse_int64(member, &v)) {
        st->s = slice_of(st->bytes, member__int_encode(st->bytes, v));
    } else if (UNLIKELY(member__is_marked(member))) {
        unsigned char *to = st->bytes;
        if (member.len >= sizeof(st->bytes))
            to = st->heap = mem_get(member.len + 1);
        to[0] = MEMBER_TEXT;
        memcpy(to + 1, member.ptr, member.len);
        st->s = slice_of(to, member.len + 1);
    } else {
        st->s = member;
    }
}

static inline void
stored_fini(struct stored *st)
{
    if (UNLIKELY(st->heap != NULL))
        mem_free(st->heap);
}

static bool
table_add(struct packtable *t, struct slice member)
{
    struct stored st;

    stored_from(&st, member);
    bool added = packtable_put(t, st.s, slice_of("", 0));
    stored_fini(&st);
    return added;
}

/* -- asking ---------------------------------------------------------------------------------------------------- */

bool
set_has(const struct set *set, struct slice member)
{
    struct stored st;
    int64_t v;
    size_t at;
    bool found = false;

    switch (rep_of(set)) {
    case REP_EMPTY: break;
    case REP_INTS: return parse_int64(member, &v) && intset__find(ints_of(set), v, &at);
    case REP_PACKED: return packed_find(packed_of(set), member, 1) != packed_end(packed_of(set));
    case REP_TABLE:
        stored_from(&st, member);
        found = packtable_find(table_of(set), st.s, NULL);
        stored_fini(&st);
        break;
    }
    return found;
}

void
set_expect(const struct set *set, const struct slice *members, int n, int step)
{
    struct stored st;

    for (int i = 0; i < n && rep_of(set) == REP_TABLE; i++) {
        stored_from(&st, members[i * step]);
        packtable_prefetch(table_of(set), st.s);
        stored_fini(&st);
    }
}

/* -- growing --------------------------------------------------------------------------------------------------- */

static void
to_table(struct set *set, const struct value_limits *lim)
{
    struct packtable *t = packtable_new(lim->seed, false);
    struct set_iter it = {0, 0};
    struct set_member m;

    while (set_next(set, &it, &m))
        table_add(t, m.s);
    free_rep(set);
    handle_change(&set->h, t, REP_TABLE);
}

static void
ints_to_packed(struct set *set)
{
    struct packed *p = NULL;
    struct set_iter it = {0, 0};
    struct set_member m;

    while (set_next(set, &it, &m))
        p = packed_append(p, m.s);
    free_rep(set);
    handle_change(&set->h, p, p == NULL ? REP_EMPTY : REP_PACKED);
}

/* Whether a packed set may have one more member. */
static bool
fits_packed(size_t count, size_t bytes, const struct value_limits *lim, struct slice member)
{
    return count < lim->set_max_listpack_entries && member.len <= lim->set_max_listpack_value &&
           bytes + member.len <= PACKED_BYTES_LIMIT;
}

/* The longest text among sorted integers is that of the first or the last. */
static size_t
longest_text(const struct intset *s)
{
    char text[INT64_TEXT_MAX];
    size_t n = intset__count(s);

    if (n == 0)
        return 0;
    size_t first = format_int64(text, intset__at(s, 0)), last = format_int64(text, intset__at(s, n - 1));
    return first > last ? first : last;
}

/* Converts a set of integers so that it can take a member that it cannot take as it is. */
static void
leave_ints(struct set *set, const struct value_limits *lim, struct slice member)
{
    const struct intset *s = ints_of(set);
    size_t n = intset__count(s);

    if (fits_packed(n, n * INT64_TEXT_MAX, lim, member) && longest_text(s) <= lim->set_max_listpack_value)
        ints_to_packed(set);
    else
        to_table(set, lim);
}

static bool
ints_add(struct set *set, int64_t v, size_t count_max, bool *full)
{
    struct intset *s = ints_of(set);
    size_t at;

    if (intset__find(s, v, &at))
        return false;
    *full = intset__count(s) >= count_max;
    if (*full)
        return false;
    handle_change(&set->h, intset__insert(s, at, v), REP_INTS);
    return true;
}

static bool
packed_add(struct set *set, const struct value_limits *lim, struct slice member)
{
    struct packed *p = packed_of(set);

    if (packed_find(p, member, 1) != packed_end(p))
        return false;
    if (fits_packed(packed_count(p), packed_end(p), lim, member)) {
        handle_change(&set->h, packed_append(p, member), REP_PACKED);
        return true;
    }
    to_table(set, lim);
    return table_add(table_of(set), member);
}

bool
set_add(struct set *set, const struct value_limits *lim, struct slice member)
{
    int64_t v;
    bool added, full = false;

    if (LIKELY(rep_of(set) == REP_TABLE))
        return table_add(table_of(set), member);
    if (rep_of(set) != REP_PACKED) {
        if (parse_int64(member, &v)) {
            added = ints_add(set, v, lim->set_max_intset_entries, &full);
            if (!full)
                return added;
        }
        if (rep_of(set) == REP_INTS)
            leave_ints(set, lim, member);
    }
    added = rep_of(set) == REP_TABLE ? table_add(table_of(set), member) : packed_add(set, lim, member);
    DEBUG_VERIFY(set_count(set) > VERIFY_MEMBERS_MAX || set_verify(set));
    return added;
}

bool
set_remove(struct set *set, struct slice member)
{
    struct stored st;
    int64_t v;
    size_t at;
    bool removed = false;

    deadline_forget(&set->h, member);
    switch (rep_of(set)) {
    case REP_EMPTY: break;
    case REP_INTS:
        if (!parse_int64(member, &v) || !intset__find(ints_of(set), v, &at))
            return false;
        handle_change(&set->h, intset__remove(ints_of(set), at), REP_INTS);
        return true;
    case REP_PACKED:
        at = packed_find(packed_of(set), member, 1);
        if (at == packed_end(packed_of(set)))
            return false;
        handle_change(&set->h, packed_remove(packed_of(set), at, 1), REP_PACKED);
        return true;
    case REP_TABLE:
        stored_from(&st, member);
        removed = packtable_remove(table_of(set), st.s);
        stored_fini(&st);
        break;
    }
    return removed;
}

/* -- handing out ----------------------------------------------------------------------------------------------- */

static void
member_int(struct set_member *out, int64_t v)
{
    out->s = slice_of(out->text, format_int64(out->text, v));
}

void
set_random(const struct set *set, struct rng *rng, struct set_member *out)
{
    size_t n = set_count(set);
    struct slice s;

    CHECK(n > 0);
    switch (rep_of(set)) {
    case REP_EMPTY: break;
    case REP_INTS: member_int(out, intset__at(ints_of(set), rng_below(rng, n))); break;
    case REP_PACKED: out->s = packed_get(packed_of(set), packed_at(packed_of(set), rng_below(rng, n))); break;
    case REP_TABLE:
        packtable_random(table_of(set), rng, &s, NULL);
        out->s = member__decode(s, out->text);
        break;
    }
}

bool
set_next(const struct set *set, struct set_iter *it, struct set_member *out)
{
    struct packtable_iter at;
    struct slice s;

    switch (rep_of(set)) {
    case REP_EMPTY: break;
    case REP_INTS:
        if (it->a == intset__count(ints_of(set)))
            break;
        member_int(out, intset__at(ints_of(set), it->a++));
        return true;
    case REP_PACKED:
        if (it->a == 0) /* no element lies at 0 */
            it->a = packed_first(packed_of(set));
        if (it->a == packed_end(packed_of(set)))
            break;
        out->s = packed_get(packed_of(set), it->a);
        it->a = packed_next(packed_of(set), it->a);
        return true;
    case REP_TABLE:
        at = (struct packtable_iter){it->a, it->b};
        if (!packtable_next(table_of(set), &at, &s, NULL))
            break;
        *it = (struct set_iter){at.block, at.pos};
        out->s = member__decode(s, out->text);
        return true;
    }
    return false;
}

struct scan {
    set_visit *fn;
    void *ctx;
};

static void
scan_one(void *ctx, struct slice member, struct slice value)
{
    struct scan *scan = ctx;
    char text[INT64_TEXT_MAX];

    scan->fn(scan->ctx, member__decode(member, text));
}

uint64_t
set_scan(const struct set *set, uint64_t cursor, set_visit *fn, void *ctx)
{
    struct scan scan = {fn, ctx};
    struct set_iter it = {0, 0};
    struct set_member m;

    if (rep_of(set) == REP_TABLE)
        return packtable_scan(table_of(set), cursor, scan_one, &scan);
    while (set_next(set, &it, &m))
        fn(ctx, m.s);
    return 0;
}

const char *
set_encoding(const struct set *set)
{
    switch (rep_of(set)) {
    case REP_EMPTY:
    case REP_INTS: break;
    case REP_PACKED: return "listpack";
    case REP_TABLE: return "hashtable";
    }
    return "intset";
}

size_t
set_bytes(const struct set *set)
{
    switch (rep_of(set)) {
    case REP_EMPTY: break;
    case REP_INTS: return intset__bytes(ints_of(set));
    case REP_PACKED: return packed_alloc_bytes(packed_of(set));
    case REP_TABLE: return packtable_bytes(table_of(set));
    }
    return 0;
}

static bool
packed_members_verify(const struct packed *p)
{
    if (!packed_verify(p))
        return false;
    /* No member twice: a search from the front must end at each member's own place. */
    for (size_t pos = packed_first(p); pos != packed_end(p); pos = packed_next(p, pos))
        if (packed_find(p, packed_get(p, pos), 1) != pos)
            return false;
    return true;
}

bool
set_verify(const struct set *set)
{
    switch (rep_of(set)) {
    case REP_EMPTY: return handle_ptr(&set->h) == NULL;
    case REP_INTS: return intset__verify(ints_of(set));
    case REP_PACKED: return packed_members_verify(packed_of(set));
    case REP_TABLE: return packtable_verify(table_of(set));
    }
    return false;
}
