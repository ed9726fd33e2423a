/* value/zset.c - sorted sets.
 *
 * Small: one strip in which members and scores alternate, in order; a score takes as few bytes as hold it exactly.
 * Large: each member is an allocation with its score, found by name through a table and by order through a B+tree with
 * counts. A set that has become large stays so.
 */
#include "value/zset.h"

#include "base/mem.h"
#include "ds/btree.h"
#include "ds/strip.h"
#include "ds/table.h"
#include "value/deadlines.h"

#include <math.h>

enum { REP_EMPTY, REP_SMALL, REP_LARGE };
enum { EXPECT_TOGETHER = 16 };
enum { EXPECT_MIN = 4096 }; /* members: smaller sets are in the cache as they are */

/* -- members of large sets ----------------------------------------------------------------------------------- */

struct member {
    double score;
    unsigned char len; /* below MEMBER_LEN4 as it is, else four or eight bytes follow */
    unsigned char rest[];
};
enum { MEMBER_LEN4 = 254, MEMBER_LEN8 = 255, MEMBER_HEAD = offsetof(struct member, rest) };

struct large {
    struct table members;
    struct btree order;
    size_t bytes; /* of all members */
};

static struct slice
member_name(const struct member *m)
{
    uint32_t len4;
    uint64_t len8;

    if (LIKELY(m->len < MEMBER_LEN4))
        return slice_of(m->rest, m->len);
    if (m->len == MEMBER_LEN4) {
        memcpy(&len4, m->rest, 4);
        return slice_of(m->rest + 4, len4);
    }
    memcpy(&len8, m->rest, 8);
    return slice_of(m->rest + 8, (size_t)len8);
}

static struct member *
member_new(struct large *z, struct slice name, double score)
{
    size_t wide = name.len < MEMBER_LEN4 ? 0 : name.len <= UINT32_MAX ? 4 : 8, bytes;
    uint64_t len = name.len;

    CHECK(size_add(MEMBER_HEAD + wide, name.len, &bytes));
    bytes = mem_good_size(bytes < 16 ? 16 : bytes); /* tables and trees want 16-byte alignment */
    struct member *m = mem_get(bytes);
    m->score = score;
    m->len = wide == 0 ? (unsigned char)name.len : wide == 4 ? MEMBER_LEN4 : MEMBER_LEN8;
    memcpy(m->rest, &len, wide); /* little-endian, as everywhere in memory */
    if (name.len > 0)
        memcpy(m->rest + wide, name.ptr, name.len);
    z->bytes += bytes;
    return m;
}

static void
member_free(struct large *z, struct member *m)
{
    struct slice name = member_name(m);
    size_t bytes = (size_t)(name.ptr - (const char *)m) + name.len;

    z->bytes -= mem_good_size(bytes < 16 ? 16 : bytes);
    mem_free(m);
}

/* The order of doubles as an order of integers; both zeros are one. */
static uint64_t
score_prefix(double score)
{
    uint64_t bits;

    if (score == 0)
        score = 0;
    memcpy(&bits, &score, 8);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static uint64_t
order_prefix(const void *m)
{
    return score_prefix(((const struct member *)m)->score);
}

static int
order_compare(const void *a, const void *b)
{
    return slice_cmp(member_name(a), member_name(b));
}

static struct slice
members_key(const void *m)
{
    return member_name(m);
}

static uint64_t
members_hash(const void *m, struct hash_seed seed)
{
    return siphash(seed, member_name(m));
}

static const struct btree_ops order_ops = {order_prefix, order_compare};
static const struct table_ops members_ops = {members_key, members_hash};

static struct large *
large_of(const struct zset *z)
{
    return handle_ptr(&z->h);
}

static struct member *
large_find(const struct large *l, struct slice name)
{
    return table_find(&l->members, &members_ops, siphash(l->members.seed, name), name);
}

static void
large_add(struct large *l, uint64_t hash, struct slice name, double score)
{
    struct member *m = member_new(l, name, score);

    table_insert(&l->members, &members_ops, hash, m);
    btree_insert(&l->order, &order_ops, m);
}

static void
large_remove(struct large *l, struct member *m)
{
    btree_remove(&l->order, &order_ops, m);
    table_remove(&l->members, &members_ops, siphash(l->members.seed, member_name(m)), m);
    member_free(l, m);
}

static void
change_score(void *item, void *ctx)
{
    ((struct member *)item)->score = *(const double *)ctx;
}

static bool
large_put(struct large *l, struct slice name, double score)
{
    uint64_t hash = siphash(l->members.seed, name);
    struct member *m = table_find(&l->members, &members_ops, hash, name);

    if (m == NULL) {
        large_add(l, hash, name, score);
        return true;
    }
    if (m->score != score)
        btree_change(&l->order, &order_ops, m, change_score, &score);
    return false;
}

/* -- small sets ---------------------------------------------------------------------------------------------- */

static size_t
score_pack(char *out, double score)
{
    int8_t v1;
    int16_t v2;
    int32_t v4;

    if (score >= INT32_MIN && score <= INT32_MAX && score == (double)(int32_t)score) { /* -0 becomes 0, as in redis */
        v4 = (int32_t)score;
        if (v4 == 0)
            return 0;
        if (v4 >= INT8_MIN && v4 <= INT8_MAX) {
            v1 = (int8_t)v4;
            memcpy(out, &v1, 1);
            return 1;
        }
        if (v4 >= INT16_MIN && v4 <= INT16_MAX) {
            v2 = (int16_t)v4;
            memcpy(out, &v2, 2);
            return 2;
        }
        memcpy(out, &v4, 4);
        return 4;
    }
    memcpy(out, &score, 8);
    return 8;
}

static double
score_unpack(struct slice s)
{
    int8_t v1;
    int16_t v2;
    int32_t v4;
    double v8;

    switch (s.len) {
    case 0: return 0;
    case 1: memcpy(&v1, s.ptr, 1); return v1;
    case 2: memcpy(&v2, s.ptr, 2); return v2;
    case 4: memcpy(&v4, s.ptr, 4); return v4;
    default: memcpy(&v8, s.ptr, 8); return v8;
    }
}

static double
small_score(const struct strip *s, struct strip_pos member)
{
    return score_unpack(strip_get(s, strip_next(s, member)));
}

static struct strip_pos
small_next(const struct strip *s, struct strip_pos member)
{
    return strip_next(s, strip_next(s, member));
}

static bool
small_find(const struct strip *s, struct slice name, struct strip_pos *at, size_t *index)
{
    size_t i = 0;

    for (struct strip_pos p = strip_first(s); p.desc != 0; p = small_next(s, p), i++) {
        if (strip_len(s, p) == name.len && slice_eq(strip_get(s, p), name)) {
            *at = p;
            *index = i;
            return true;
        }
    }
    return false;
}

/* The first pair that comes after (score, name), or the stop. */
static struct strip_pos
small_place(const struct strip *s, double score, struct slice name)
{
    struct strip_pos p = strip_first(s);

    for (; p.desc != 0; p = small_next(s, p)) {
        double other = small_score(s, p);
        if (other > score || (other == score && slice_cmp(strip_get(s, p), name) > 0))
            break;
    }
    return p;
}

/* A strip of another size with the same contents. */
static struct strip *
small_resize(struct strip *s, size_t cap)
{
    size_t bytes = mem_good_size(sizeof(*s) + cap), usable = bytes - sizeof(*s);
    struct strip *fresh = mem_get(bytes);

    strip_init(fresh, usable < STRIP_CAP_MAX ? usable : STRIP_CAP_MAX, STRIP_TAIL);
    if (s != NULL)
        strip_copy(fresh, s);
    mem_free(s);
    return fresh;
}

/* Makes room for a pair of that many bytes, in one piece. NULL, changing nothing, when it is more than a strip holds.
 */
static struct strip *
small_make_room(struct strip *s, size_t need)
{
    size_t used = s == NULL ? 1 : strip_used(s);

    if (used + need > STRIP_CAP_MAX)
        return NULL;
    if (s == NULL || used + need > s->cap) {
        size_t spare = used / 8, left = STRIP_CAP_MAX - used - need;
        return small_resize(s, used + need + (spare < left ? spare : left));
    }
    if (strip_room(s, STRIP_HEAD) < need && strip_room(s, STRIP_TAIL) < need)
        strip_shift(s, 0);
    return s;
}

/* Gives memory back when less than half of it is used. */
static struct strip *
small_trim(struct strip *s)
{
    size_t used = strip_used(s);

    return used < s->cap / 2u && s->cap > 64 ? small_resize(s, used + used / 8) : s;
}

/* Puts a member in that is not there. False when it does not fit. */
static bool
small_add(struct zset *z, struct slice name, double score)
{
    char packed[8];
    struct slice value = slice_of(packed, score_pack(packed, score));
    struct strip *s = handle_ptr(&z->h);

    if (name.len > STRIP_CAP_MAX)
        return false;
    s = small_make_room(s, strip_element_bytes(name.len) + strip_element_bytes(value.len));
    if (s == NULL)
        return false;
    handle_change(&z->h, s, REP_SMALL);
    struct strip_pos at = small_place(s, score, name);
    size_t behind = s->end - at.at; /* tells the place again, whichever side was moved */
    strip_insert(s, at, value);
    uint32_t place = (uint32_t)(s->end - behind - strip_element_bytes(value.len));
    strip_insert(s, (struct strip_pos){place, (uint32_t)value.len + 1}, name);
    return true;
}

/* -- from small to large ------------------------------------------------------------------------------------- */

static struct large *
large_new(struct hash_seed seed)
{
    struct large *l = mem_get_zero(sizeof(*l));

    table_init(&l->members, seed);
    return l;
}

static struct large *
enlarge(struct zset *z, const struct value_limits *lim)
{
    struct strip *s = handle_ptr(&z->h);
    struct large *l = large_new(lim->seed);

    if (s != NULL) {
        for (struct strip_pos p = strip_first(s); p.desc != 0; p = small_next(s, p)) {
            struct slice name = strip_get(s, p);
            large_add(l, siphash(lim->seed, name), name, small_score(s, p));
        }
        mem_free(s);
    }
    handle_change(&z->h, l, REP_LARGE);
    return l;
}

/* -- the interface ------------------------------------------------------------------------------------------- */

void
zset_fini(struct zset *z)
{
    if (handle_rep(&z->h) == REP_LARGE) {
        struct large *l = large_of(z);
        struct btree_iter it = btree_seek(&l->order, 0);
        for (void *m = btree_get(it); m != NULL; m = btree_get(it)) {
            btree_forward(&it);
            mem_free(m);
        }
        btree_fini(&l->order);
        table_fini(&l->members);
    }
    mem_free(handle_ptr(&z->h));
    handle_change(&z->h, NULL, REP_EMPTY);
    if (UNLIKELY(handle_has_deadlines(&z->h)))
        zset_fini(handle_deadlines(&z->h));
}

struct zset
zset_copy(const struct zset *z, const struct value_limits *lim, struct pulse *p)
{
    struct zset copy = {0};

    if (handle_rep(&z->h) == REP_SMALL) {
        const struct strip *from = handle_ptr(&z->h);
        struct strip *s = small_resize(NULL, strip_used(from));
        strip_copy(s, from);
        handle_set(&copy.h, s, REP_SMALL);
    } else if (handle_rep(&z->h) == REP_LARGE) {
        const struct large *from = large_of(z);
        struct large *l = large_new(lim->seed);
        table_reserve(&l->members, &members_ops, table_count(&from->members));
        struct btree_iter it = btree_seek(&from->order, 0);
        for (const struct member *m; (m = btree_get(it)) != NULL && pulse_beat(p); btree_forward(&it))
            large_add(l, siphash(lim->seed, member_name(m)), member_name(m), m->score);
        handle_set(&copy.h, l, REP_LARGE);
    }
    return copy;
}

size_t
zset_count(const struct zset *z)
{
    switch (handle_rep(&z->h)) {
    case REP_SMALL: return ((const struct strip *)handle_ptr(&z->h))->count / 2u;
    case REP_LARGE: return table_count(&large_of(z)->members);
    default: return 0;
    }
}

/* In two steps for several at a time, since the second has to wait for what the first has asked for. */
static void
expect_some(const struct table *t, const struct slice *members, int n, int step)
{
    uint64_t hash[EXPECT_TOGETHER];

    for (int i = 0; i < n; i++) {
        hash[i] = siphash(t->seed, members[i * step]);
        table_prefetch_bucket(t, hash[i]);
    }
    for (int i = 0; i < n && n > 1; i++)
        table_prefetch_item(t, hash[i]);
}

void
zset_expect(const struct zset *z, const struct slice *members, int n, int step)
{
    if (handle_rep(&z->h) != REP_LARGE || table_count(&large_of(z)->members) < EXPECT_MIN)
        return;
    for (int i = 0; i < n; i += EXPECT_TOGETHER)
        expect_some(&large_of(z)->members, members + i * step, n - i < EXPECT_TOGETHER ? n - i : EXPECT_TOGETHER, step);
}

bool
zset_score(const struct zset *z, struct slice member, double *score)
{
    if (handle_rep(&z->h) == REP_LARGE) {
        const struct member *m = large_find(large_of(z), member);
        if (m == NULL)
            return false;
        *score = m->score;
        return true;
    }
    const struct strip *s = handle_ptr(&z->h);
    struct strip_pos at;
    size_t index;
    if (s == NULL || !small_find(s, member, &at, &index))
        return false;
    *score = small_score(s, at);
    return true;
}

bool
zset_put(struct zset *z, const struct value_limits *lim, struct slice member, double score)
{
    if (UNLIKELY(handle_has_deadlines(&z->h))) {
        double old;
        if (zset_score(z, member, &old) && old != score)
            deadline_forget(&z->h, member);
    }
    return zset_adjust(z, lim, member, score);
}

bool
zset_adjust(struct zset *z, const struct value_limits *lim, struct slice member, double score)
{
    if (handle_rep(&z->h) == REP_LARGE)
        return large_put(large_of(z), member, score);
    struct strip *s = handle_ptr(&z->h);
    struct strip_pos at;
    size_t index;
    bool is_new = s == NULL || !small_find(s, member, &at, &index);
    if (!is_new) {
        if (small_score(s, at) == score)
            return false;
        strip_remove(s, at, 2);
    } else if (zset_count(z) >= lim->zset_max_listpack_entries || member.len > lim->zset_max_listpack_value) {
        large_put(enlarge(z, lim), member, score);
        return true;
    }
    if (!small_add(z, member, score))
        large_put(enlarge(z, lim), member, score);
    return is_new;
}

bool
zset_put_exact(struct zset *z, const struct value_limits *lim, struct slice member, double score)
{
    if (score == 0 && signbit(score) && handle_rep(&z->h) != REP_LARGE)
        (void)enlarge(z, lim);
    return zset_put(z, lim, member, score);
}

bool
zset_remove(struct zset *z, struct slice member)
{
    deadline_forget(&z->h, member);
    if (handle_rep(&z->h) == REP_LARGE) {
        struct member *m = large_find(large_of(z), member);
        if (m == NULL)
            return false;
        large_remove(large_of(z), m);
    } else {
        struct strip *s = handle_ptr(&z->h);
        struct strip_pos at;
        size_t index;
        if (s == NULL || !small_find(s, member, &at, &index))
            return false;
        strip_remove(s, at, 2);
        handle_change(&z->h, small_trim(s), REP_SMALL);
    }
    if (zset_count(z) == 0)
        zset_fini(z);
    return true;
}

bool
zset_rank(const struct zset *z, struct slice member, size_t *rank, double *score)
{
    if (handle_rep(&z->h) == REP_LARGE) {
        const struct large *l = large_of(z);
        const struct member *m = large_find(l, member);
        if (m == NULL)
            return false;
        *rank = btree_rank(&l->order, &order_ops, m);
        *score = m->score;
        return true;
    }
    const struct strip *s = handle_ptr(&z->h);
    struct strip_pos at;
    if (s == NULL || !small_find(s, member, &at, rank))
        return false;
    *score = small_score(s, at);
    return true;
}

/* -- spans --------------------------------------------------------------------------------------------------- */

static bool
below_score(double score, double bound, bool equal_too)
{
    return equal_too ? score <= bound : score < bound;
}

static size_t
count_by_score(const struct zset *z, double bound, bool equal_too)
{
    size_t n = 0;

    if (handle_rep(&z->h) == REP_LARGE)
        return btree_count_prefix(&large_of(z)->order, &order_ops, score_prefix(bound), equal_too);
    const struct strip *s = handle_ptr(&z->h);
    if (s == NULL)
        return 0;
    for (struct strip_pos p = strip_first(s); p.desc != 0; p = small_next(s, p), n++) {
        if (!below_score(small_score(s, p), bound, equal_too))
            break;
    }
    return n;
}

void
zset_span_score(const struct zset *z, const struct zset_range *r, size_t *from, size_t *to)
{
    *from = count_by_score(z, r->min, r->min_open);
    *to = count_by_score(z, r->max, !r->max_open);
    if (*to < *from)
        *to = *from;
}

struct lex_bound {
    struct slice name;
    bool equal_too;
};

static bool
below_name(struct slice name, const struct lex_bound *b)
{
    int c = slice_cmp(name, b->name);

    return c < 0 || (c == 0 && b->equal_too);
}

static bool
member_below(const void *ctx, const void *item)
{
    return below_name(member_name(item), ctx);
}

static size_t
count_by_name(const struct zset *z, struct lex_bound b)
{
    size_t n = 0;

    if (handle_rep(&z->h) == REP_LARGE)
        return btree_count_before(&large_of(z)->order, member_below, &b);
    const struct strip *s = handle_ptr(&z->h);
    if (s == NULL)
        return 0;
    for (struct strip_pos p = strip_first(s); p.desc != 0 && below_name(strip_get(s, p), &b); p = small_next(s, p))
        n++;
    return n;
}

void
zset_span_lex(const struct zset *z, const struct zset_lex *r, size_t *from, size_t *to)
{
    if (r->empty) {
        *from = *to = 0;
        return;
    }
    *from = r->min.ptr == NULL ? 0 : count_by_name(z, (struct lex_bound){r->min, r->min_open});
    *to = r->max.ptr == NULL ? zset_count(z) : count_by_name(z, (struct lex_bound){r->max, !r->max_open});
    if (*to < *from)
        *to = *from;
}

static void
forget_span(struct zset *z, size_t from, size_t to)
{
    struct zset_iter it = zset_seek(z, from, false);
    struct slice member;
    double score;

    for (; from < to && zset_next(z, &it, &member, &score); from++)
        deadline_forget(&z->h, member);
}

void
zset_remove_span(struct zset *z, size_t from, size_t to)
{
    CHECK(from <= to && to <= zset_count(z));
    if (from == to)
        return;
    if (UNLIKELY(handle_has_deadlines(&z->h)))
        forget_span(z, from, to);
    if (handle_rep(&z->h) == REP_SMALL) {
        struct strip *s = handle_ptr(&z->h);
        strip_remove(s, strip_seek(s, 2 * from), 2 * (to - from));
        handle_change(&z->h, small_trim(s), REP_SMALL);
    } else {
        struct large *l = large_of(z);
        struct member *batch[64];
        for (size_t left = to - from; left > 0;) {
            size_t n = left < 64 ? left : 64;
            struct btree_iter it = btree_seek(&l->order, from);
            for (size_t i = 0; i < n; i++, btree_forward(&it))
                batch[i] = btree_get(it);
            for (size_t i = 0; i < n; i++)
                large_remove(l, batch[i]);
            left -= n;
        }
    }
    if (zset_count(z) == 0)
        zset_fini(z);
}

/* -- walking ------------------------------------------------------------------------------------------------- */

/* A place in a strip as the iterator keeps it. */
static size_t
pos_pack(struct strip_pos p)
{
    return (size_t)p.at << 8 | p.desc;
}

static struct strip_pos
pos_unpack(size_t b)
{
    return (struct strip_pos){(uint32_t)(b >> 8), b & 0xff};
}

struct zset_iter
zset_seek(const struct zset *z, size_t position, bool reverse)
{
    size_t count = zset_count(z);
    struct zset_iter it = {.reverse = reverse};

    if (position >= count)
        return it;
    it.left = reverse ? position + 1 : count - position;
    if (handle_rep(&z->h) == REP_LARGE) {
        struct btree_iter at = btree_seek(&large_of(z)->order, position);
        it.a = at.leaf;
        it.b = at.at;
    } else {
        const struct strip *s = handle_ptr(&z->h);
        it.b = pos_pack(strip_seek(s, 2 * position));
    }
    return it;
}

bool
zset_next(const struct zset *z, struct zset_iter *it, struct slice *member, double *score)
{
    if (it->left == 0)
        return false;
    it->left--;
    if (handle_rep(&z->h) == REP_LARGE) {
        struct btree_iter at = {it->a, (unsigned)it->b};
        const struct member *m = btree_get(at);
        *member = member_name(m);
        *score = m->score;
        if (it->reverse)
            btree_backward(&at);
        else
            btree_forward(&at);
        it->a = at.leaf;
        it->b = at.at;
        return true;
    }
    const struct strip *s = handle_ptr(&z->h);
    struct strip_pos p = pos_unpack(it->b);
    *member = strip_get(s, p);
    *score = small_score(s, p);
    if (!it->reverse)
        p = small_next(s, p);
    else if (strip_prev(s, &p))
        strip_prev(s, &p);
    it->b = pos_pack(p);
    return true;
}

void
zset_random(const struct zset *z, struct rng *rng, struct slice *member, double *score)
{
    CHECK(zset_count(z) > 0);
    if (handle_rep(&z->h) == REP_LARGE) {
        const struct member *m = table_random(&large_of(z)->members, rng);
        *member = member_name(m);
        if (score != NULL)
            *score = m->score;
        return;
    }
    const struct strip *s = handle_ptr(&z->h);
    struct strip_pos p = strip_seek(s, 2 * rng_below(rng, zset_count(z)));
    *member = strip_get(s, p);
    if (score != NULL)
        *score = small_score(s, p);
}

struct scan {
    zset_visit *fn;
    void *ctx;
};

static void
visit_member(void *ctx, void *item)
{
    const struct scan *scan = ctx;
    const struct member *m = item;

    scan->fn(scan->ctx, member_name(m), m->score);
}

uint64_t
zset_scan(const struct zset *z, uint64_t cursor, zset_visit *fn, void *ctx)
{
    struct scan scan = {fn, ctx};

    if (handle_rep(&z->h) == REP_LARGE)
        return table_scan(&large_of(z)->members, &members_ops, cursor, visit_member, &scan);
    const struct strip *s = handle_ptr(&z->h);
    if (s != NULL) {
        for (struct strip_pos p = strip_first(s); p.desc != 0; p = small_next(s, p))
            fn(ctx, strip_get(s, p), small_score(s, p));
    }
    return 0;
}

/* -- reports ------------------------------------------------------------------------------------------------- */

const char *
zset_encoding(const struct zset *z)
{
    return handle_rep(&z->h) == REP_LARGE ? "skiplist" : "listpack";
}

size_t
zset_bytes(const struct zset *z)
{
    size_t bytes = mem_size_of(handle_ptr(&z->h));

    if (handle_rep(&z->h) == REP_LARGE) {
        const struct large *l = large_of(z);
        bytes += l->bytes + table_bytes(&l->members) + btree_bytes(&l->order);
    }
    return bytes;
}

bool
zset_verify(const struct zset *z)
{
    if (handle_rep(&z->h) == REP_EMPTY)
        return handle_ptr(&z->h) == NULL;
    if (handle_rep(&z->h) == REP_LARGE) {
        const struct large *l = large_of(z);
        return table_count(&l->members) == l->order.items && l->order.items > 0 &&
               table_verify(&l->members, &members_ops) && btree_verify(&l->order, &order_ops);
    }
    const struct strip *s = handle_ptr(&z->h);
    if (!strip_verify(s) || s->count == 0 || s->count % 2 != 0)
        return false;
    struct strip_pos last = strip_first(s);
    for (struct strip_pos p = small_next(s, last); p.desc != 0; last = p, p = small_next(s, p)) {
        double a = small_score(s, last), b = small_score(s, p);
        if (a > b || (a == b && slice_cmp(strip_get(s, last), strip_get(s, p)) >= 0))
            return false;
    }
    return true;
}
