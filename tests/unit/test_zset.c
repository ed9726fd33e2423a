/* Sorted sets against a sorted array, small ones and large ones. */
#include "base/mem.h"
#include "base/rng.h"
#include "value/zset.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { SEED = 31, MODEL_MAX = 6000, NAMES = 5000 };

struct pair {
    struct slice name;
    double score;
};

struct model {
    struct pair at[MODEL_MAX];
    size_t count;
};

static char names[NAMES][400];
static size_t name_len[NAMES];

static struct slice
name(size_t i)
{
    return slice_of(names[i], name_len[i]);
}

static int
setup(void **state)
{
    static const size_t edges[] = {1, 63, 64, 65, 249, 250, 251, 252, 253, 254, 255, 256, 300};

    for (size_t i = 1; i < NAMES; i++) {
        memset(names[i], '.', sizeof(names[i]));
        name_len[i] = (size_t)snprintf(names[i], sizeof(names[i]), "member:%zu", i * 7919 % 100003);
        if (i % 500 < sizeof(edges) / sizeof(edges[0]) && i > 10)
            name_len[i] = edges[i % 500] + 12;
    }
    return 0;
}

static int
pair_cmp(struct pair a, struct pair b)
{
    if (a.score != b.score)
        return a.score < b.score ? -1 : 1;
    return slice_cmp(a.name, b.name);
}

static bool
model_find(const struct model *m, struct slice n, size_t *at)
{
    for (size_t i = 0; i < m->count; i++) {
        if (slice_eq(m->at[i].name, n)) {
            *at = i;
            return true;
        }
    }
    return false;
}

static void
model_take(struct model *m, size_t from, size_t to)
{
    memmove(m->at + from, m->at + to, (m->count - to) * sizeof(m->at[0]));
    m->count -= to - from;
}

static void
model_put(struct model *m, struct pair p)
{
    size_t at;

    if (model_find(m, p.name, &at)) {
        if (m->at[at].score == p.score)
            return;
        model_take(m, at, at + 1);
    }
    at = m->count;
    while (at > 0 && pair_cmp(m->at[at - 1], p) > 0) {
        m->at[at] = m->at[at - 1];
        at--;
    }
    m->at[at] = p;
    m->count++;
}

static void
assert_same(const struct zset *z, const struct model *m)
{
    struct slice n;
    double score;

    assert_true(zset_verify(z));
    assert_int_equal(zset_count(z), m->count);
    struct zset_iter it = zset_seek(z, 0, false);
    for (size_t i = 0; i < m->count; i++) {
        assert_true(zset_next(z, &it, &n, &score));
        assert_true(slice_eq(n, m->at[i].name));
        if (score != 0) /* see check_member */
            assert_memory_equal(&score, &m->at[i].score, 8);
    }
    assert_false(zset_next(z, &it, &n, &score));
    it = zset_seek(z, m->count == 0 ? 0 : m->count - 1, true);
    for (size_t i = m->count; i-- > 0;) {
        assert_true(zset_next(z, &it, &n, &score));
        assert_true(slice_eq(n, m->at[i].name) && score == m->at[i].score);
    }
    assert_false(zset_next(z, &it, &n, &score));
    it = zset_seek(z, m->count, true);
    assert_false(zset_next(z, &it, &n, &score));
}

static double
some_score(struct rng *rng, unsigned kind)
{
    static const double edges[] = {
        0,     -0.0,   1,      -1,       127,         128,         -128,         -129,
        32767, 32768,  -32768, -32769,   2147483647., 2147483648., -2147483648., -2147483649.,
        1e300, -1e300, 5e-324, INFINITY, -INFINITY,   0.1,         3.5};
    switch (kind) {
    case 0: return edges[rng_below(rng, sizeof(edges) / sizeof(edges[0]))];
    case 1: return (double)rng_below(rng, 100000);
    case 2: return 7;
    default: return ((double)rng_below(rng, 2000000) - 1e6) / 7;
    }
}

static void
check_span(const struct zset *z, const struct model *m, struct rng *rng, unsigned kind)
{
    struct zset_range r = {some_score(rng, kind), some_score(rng, kind), rng_below(rng, 2), rng_below(rng, 2)};
    size_t from, to, want_from = 0, want_to = 0;

    zset_span_score(z, &r, &from, &to);
    for (size_t i = 0; i < m->count; i++) {
        double s = m->at[i].score;
        want_from += r.min_open ? s <= r.min : s < r.min;
        want_to += r.max_open ? s < r.max : s <= r.max;
    }
    assert_int_equal(from, want_from);
    assert_int_equal(to, want_to < want_from ? want_from : want_to);
    if (kind != 2)
        return;
    struct zset_lex l = {name(rng_below(rng, NAMES)), name(rng_below(rng, NAMES)), rng_below(rng, 2), rng_below(rng, 2),
                         rng_below(rng, 20) == 0};
    if (rng_below(rng, 5) == 0)
        l.min = (struct slice){0};
    if (rng_below(rng, 5) == 0)
        l.max = (struct slice){0};
    zset_span_lex(z, &l, &from, &to);
    want_from = want_to = 0;
    for (size_t i = 0; i < m->count; i++) {
        int a = l.min.ptr == NULL ? 1 : slice_cmp(m->at[i].name, l.min);
        int b = l.max.ptr == NULL ? -1 : slice_cmp(m->at[i].name, l.max);
        want_from += l.min_open ? a <= 0 : a < 0;
        want_to += l.max_open ? b < 0 : b <= 0;
    }
    if (l.empty) {
        assert_int_equal(from, to);
    } else {
        assert_int_equal(from, want_from);
        assert_int_equal(to, want_to < want_from ? want_from : want_to);
    }
}

static void
check_member(const struct zset *z, const struct model *m, struct slice n)
{
    double score;
    size_t at, rank;
    bool there = model_find(m, n, &at);

    assert_int_equal(zset_score(z, n, &score), there);
    /* A small one forgets the sign of 0, as redis's does. */
    if (there && m->at[at].score != 0)
        assert_memory_equal(&score, &m->at[at].score, 8);
    assert_int_equal(zset_rank(z, n, &rank, &score), there);
    if (there) {
        assert_int_equal(rank, at);
        assert_true(score == m->at[at].score);
    }
}

static void
change(struct zset *z, struct model *m, const struct value_limits *lim, struct rng *rng, unsigned kind, unsigned grow)
{
    struct slice n = name(rng_below(rng, NAMES));
    size_t at;

    if (rng_below(rng, 100) < grow) {
        struct pair p = {n, some_score(rng, kind)};
        assert_int_equal(zset_put(z, lim, n, p.score), !model_find(m, n, &at));
        model_put(m, p);
    } else if (kind != 2 && m->count > 0 && rng_below(rng, 4) == 0) {
        /* A small step of a present member's score. */
        struct pair p = m->at[rng_below(rng, m->count)];
        p.score += rng_below(rng, 2) ? 1 : -0.5;
        assert_false(zset_put(z, lim, p.name, p.score));
        model_put(m, p);
    } else if (m->count > 0 && rng_below(rng, 40) == 0) {
        size_t from = rng_below(rng, m->count), to = from + rng_below(rng, m->count - from + 1);
        if (to - from > 150 && rng_below(rng, 8) > 0)
            to = from + 5;
        zset_remove_span(z, from, to);
        model_take(m, from, to);
    } else {
        if (m->count > 0 && rng_below(rng, 2))
            n = m->at[rng_below(rng, m->count)].name;
        bool there = model_find(m, n, &at);
        assert_int_equal(zset_remove(z, n), there);
        if (there)
            model_take(m, at, at + 1);
    }
    check_member(z, m, n);
}

static void
play(uint64_t seed, unsigned kind, uint32_t entries)
{
    struct value_limits lim = value_limits_default((struct hash_seed){seed, 2});
    struct model *m = mem_get_zero(sizeof(*m));
    struct zset z = {0};
    struct rng rng;

    lim.zset_max_listpack_entries = entries;
    if (entries > 1000)
        lim.zset_max_listpack_value = 100000;
    rng_seed(&rng, seed);
    for (int step = 0; step < 6000; step++) {
        change(&z, m, &lim, &rng, kind, step < 2000 ? 90 : step < 4000 ? 50 : 30);
        if (step % 5 == 0)
            check_span(&z, m, &rng, kind);
        if (step % 101 == 0 || m->count < 10)
            assert_same(&z, m);
    }
    assert_same(&z, m);
    struct zset copy = zset_copy(&z, &lim, NULL);
    assert_same(&copy, m);
    zset_remove_span(&copy, 0, zset_count(&copy));
    assert_int_equal(zset_bytes(&copy), 0);
    assert_same(&z, m);
    zset_fini(&z);
    assert_int_equal(zset_count(&z), 0);
    zset_fini(&z);
    mem_free(m);
}

static void
random_changes(void **state)
{
    for (unsigned kind = 0; kind < 4; kind++) {
        play(SEED + kind, kind, 0);
        play(SEED + kind, kind, 128);
        play(SEED + kind, kind, 100000);
    }
}

static void
encodings(void **state)
{
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});
    struct zset z = {0};
    char text[20000];

    assert_string_equal(zset_encoding(&z), "listpack");
    for (int i = 0; i < 128; i++) {
        assert_string_equal(zset_encoding(&z), "listpack");
        zset_put(&z, &lim, slice_of(text, (size_t)snprintf(text, sizeof(text), "m%d", i)), i * 0.1);
    }
    assert_string_equal(zset_encoding(&z), "listpack");
    zset_put(&z, &lim, LIT("m5"), 3);
    assert_string_equal(zset_encoding(&z), "listpack");
    zset_put(&z, &lim, LIT("another"), 3);
    assert_string_equal(zset_encoding(&z), "skiplist");
    while (zset_count(&z) > 1)
        zset_remove_span(&z, 0, 1);
    assert_string_equal(zset_encoding(&z), "skiplist");
    zset_fini(&z);
    memset(text, 'x', sizeof(text));
    zset_put(&z, &lim, slice_of(text, 64), 1);
    assert_string_equal(zset_encoding(&z), "listpack");
    zset_put(&z, &lim, slice_of(text, 65), 1);
    assert_string_equal(zset_encoding(&z), "skiplist");
    zset_fini(&z);
    /* Ten members with scores of eight bytes: a small block. */
    for (int i = 0; i < 10; i++)
        zset_put(&z, &lim, slice_of(text, (size_t)snprintf(text, sizeof(text), "member:%d", i)), i / 7.0);
    assert_true(zset_bytes(&z) <= 10 * 18 + 60);
    zset_fini(&z);
    /* A limit beyond what a strip holds: it becomes large by itself. */
    lim.zset_max_listpack_value = 1 << 20;
    for (int i = 0; i < 10; i++) {
        memset(text, 'a' + i, sizeof(text));
        zset_put(&z, &lim, slice_of(text, sizeof(text)), 1);
    }
    assert_string_equal(zset_encoding(&z), "skiplist");
    assert_true(zset_verify(&z));
    zset_fini(&z);
}

static void
large_member(void **state)
{
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});
    struct zset z = {0};
    char *text = mem_get(1 << 20);
    size_t rank;
    double score;

    memset(text, 'q', 1 << 20);
    zset_put(&z, &lim, slice_of(text, 1 << 20), 1);
    zset_put(&z, &lim, slice_of(text, 65535), 1);
    zset_put(&z, &lim, LIT(""), 1);
    assert_true(zset_rank(&z, slice_of(text, 1 << 20), &rank, &score));
    assert_int_equal(rank, 2);
    assert_true(zset_rank(&z, LIT(""), &rank, &score));
    assert_int_equal(rank, 0);
    assert_true(zset_bytes(&z) > 1 << 20);
    assert_true(zset_remove(&z, slice_of(text, 1 << 20)));
    assert_true(zset_verify(&z));
    zset_fini(&z);
    mem_free(text);
}

static void
mark(void *ctx, struct slice member, double score)
{
    ((unsigned char *)ctx)[(size_t)score]++;
}

static void
scan_and_random(void **state)
{
    static unsigned char seen[3000], picked[3000];
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});

    for (size_t count = 100; count <= 3000; count += 2900) {
        struct zset z = {0};
        struct rng rng;
        rng_seed(&rng, SEED);
        memset(seen, 0, sizeof(seen));
        memset(picked, 0, sizeof(picked));
        for (size_t i = 0; i < count; i++)
            zset_put(&z, &lim, name(i), (double)i);
        uint64_t cursor = 0;
        do
            cursor = zset_scan(&z, cursor, mark, seen);
        while (cursor != 0);
        for (size_t i = 0; i < count * 12; i++) {
            struct slice n;
            double score;
            zset_random(&z, &rng, &n, &score);
            assert_true(slice_eq(n, name((size_t)score)));
            picked[(size_t)score] = 1;
        }
        size_t hit = 0;
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(seen[i], 1);
            hit += picked[i];
        }
        assert_true(hit > count * 99 / 100);
        zset_fini(&z);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes),
        cmocka_unit_test(encodings),
        cmocka_unit_test(large_member),
        cmocka_unit_test(scan_and_random),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
