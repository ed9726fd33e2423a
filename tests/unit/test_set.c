/* tests/unit/test_set.c - value/set against arrays, in every representation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "value/set.h"
#include "value/set_priv.h"

#include <inttypes.h>
#include <stdio.h>

enum { SEED = 20240905, MEMBERS_MAX = 3000, TEXT_MAX = 400 };
static const struct hash_seed HASH_SEED = {7, 8};

/* Member k of a universe: integers of all widths, texts, texts that look like integers or like the set's own marks. */
enum universe { INTEGERS, MIXED };

static struct slice
member_of(enum universe u, uint32_t k, char *text)
{
    int64_t v = k % 3 == 0 ? (int64_t)k : k % 3 == 1 ? -(int64_t)k * 7919 : (int64_t)k * 1000000007 * 1000;

    if (k == 17)
        v = INT64_MIN;
    if (k == 19)
        v = INT64_MAX;
    if (u == INTEGERS || k % 5 == 0)
        return slice_of(text, (size_t)snprintf(text, TEXT_MAX, "%" PRId64, v));
    switch (k % 5) {
    case 1: return slice_of(text, (size_t)snprintf(text, TEXT_MAX, "member-%u", (unsigned)k));
    case 2: return slice_of(text, (size_t)snprintf(text, TEXT_MAX, "\001%u", (unsigned)k));
    case 3: return slice_of(text, (size_t)snprintf(text, TEXT_MAX, "\002%0*u", (int)(k % 7 * 50 + 4), (unsigned)k));
    default: return slice_of(text, (size_t)snprintf(text, TEXT_MAX, "%05u", (unsigned)k)); /* no canonical integer */
    }
}

struct twin {
    enum universe u;
    bool here[MEMBERS_MAX];
    uint32_t seen[MEMBERS_MAX];
    size_t n;
};

/* The number of a member: through a set of all, as texts do not tell. */
static uint32_t
number_of(const struct twin *w, struct slice member)
{
    char text[TEXT_MAX];

    for (uint32_t k = 0; k < MEMBERS_MAX; k++)
        if (w->here[k] && slice_eq(member_of(w->u, k, text), member))
            return k;
    fail_msg("a member that was never added");
    return 0;
}

static void
compare(const struct set *s, const struct twin *w)
{
    struct set_iter it = {0, 0};
    struct set_member m;
    struct set all = {0};
    struct value_limits lim = value_limits_default(HASH_SEED);
    char text[TEXT_MAX];
    size_t n = 0;

    assert_true(set_verify(s));
    assert_int_equal(set_count(s), w->n);
    for (uint32_t k = 0; k < MEMBERS_MAX; k++)
        assert_int_equal(set_has(s, member_of(w->u, k, text)), w->here[k]);
    for (; set_next(s, &it, &m); n++) {
        assert_true(set_has(s, m.s));
        assert_true(set_add(&all, &lim, m.s));
    }
    assert_int_equal(n, w->n);
    set_fini(&all);
}

static void
play(enum universe u, const struct value_limits *lim, uint32_t members, int rounds)
{
    struct rng r;
    struct twin *w = mem_get_zero(sizeof(*w));
    struct set s = {0};
    char text[TEXT_MAX];

    w->u = u;
    rng_seed(&r, SEED);
    for (int i = 0; i < rounds; i++) {
        uint32_t k = (uint32_t)rng_below(&r, members);

        assert_int_equal(set_has(&s, member_of(u, k, text)), w->here[k]);
        if (rng_below(&r, 100) < (i / 2000 % 2 == 0 ? 75u : 30u)) {
            assert_int_equal(set_add(&s, lim, member_of(u, k, text)), !w->here[k]);
            w->n += !w->here[k];
            w->here[k] = true;
        } else {
            assert_int_equal(set_remove(&s, member_of(u, k, text)), w->here[k]);
            w->n -= w->here[k];
            w->here[k] = false;
        }
        assert_int_equal(set_count(&s), w->n);
        if (i % 997 == 0) {
            struct set copy = set_copy(&s, lim, NULL);
            compare(&copy, w);
            assert_string_equal(set_encoding(&copy), set_encoding(&s));
            set_fini(&copy);
            compare(&s, w);
        }
    }
    compare(&s, w);
    set_fini(&s);
    mem_free(w);
}

static void
model(void **state)
{
    struct value_limits lim = value_limits_default(HASH_SEED);

    play(INTEGERS, &lim, 300, 10000);         /* sorted integers */
    play(INTEGERS, &lim, MEMBERS_MAX, 20000); /* … then a table */
    play(MIXED, &lim, 80, 10000);             /* packed */
    play(MIXED, &lim, MEMBERS_MAX, 20000);    /* … then a table */
    lim.set_max_intset_entries = 10;
    play(INTEGERS, &lim, 100, 10000); /* integers, then packed */
    lim.set_max_listpack_entries = 0;
    play(INTEGERS, &lim, 100, 10000); /* integers, then a table */
    play(MIXED, &lim, 100, 10000);
}

static void
add_ints(struct set *s, const struct value_limits *lim, int from, int to)
{
    char text[TEXT_MAX];

    for (int i = from; i < to; i++)
        set_add(s, lim, slice_of(text, (size_t)snprintf(text, sizeof(text), "%d", i)));
}

static void
thresholds(void **state)
{
    struct value_limits lim = value_limits_default(HASH_SEED);
    struct set s = {0};
    char longest[65];

    memset(longest, 'x', sizeof(longest));
    add_ints(&s, &lim, 0, 512);
    assert_string_equal(set_encoding(&s), "intset");
    assert_false(set_add(&s, &lim, LIT("511")));
    assert_string_equal(set_encoding(&s), "intset");
    add_ints(&s, &lim, 512, 513);
    assert_string_equal(set_encoding(&s), "hashtable");
    assert_int_equal(set_count(&s), 513);
    set_fini(&s);

    /* A text among few integers makes a listpack, among many a hashtable. */
    add_ints(&s, &lim, 0, 127);
    assert_true(set_add(&s, &lim, LIT("a")));
    assert_string_equal(set_encoding(&s), "listpack");
    assert_false(set_add(&s, &lim, LIT("126")));
    assert_string_equal(set_encoding(&s), "listpack");
    add_ints(&s, &lim, 127, 128);
    assert_string_equal(set_encoding(&s), "hashtable");
    set_fini(&s);
    add_ints(&s, &lim, 0, 128);
    assert_true(set_add(&s, &lim, LIT("a")));
    assert_string_equal(set_encoding(&s), "hashtable");
    set_fini(&s);

    set_add(&s, &lim, slice_of(longest, 64));
    assert_string_equal(set_encoding(&s), "listpack");
    set_add(&s, &lim, slice_of(longest, 65));
    assert_string_equal(set_encoding(&s), "hashtable");
    assert_int_equal(set_count(&s), 2);
    set_fini(&s);

    /* An integer that outgrows a small integer limit stays packed while that is allowed. */
    lim.set_max_intset_entries = 3;
    add_ints(&s, &lim, 0, 4);
    assert_string_equal(set_encoding(&s), "listpack");
    set_fini(&s);
}

static void
integers_in_a_table(void **state)
{
    static const int64_t values[] = {0,         1,         -1,
                                     127,       128,       -128,
                                     -129,      255,       256,
                                     32767,     -32768,    -32769,
                                     INT32_MAX, INT32_MIN, (int64_t)INT32_MIN - 1,
                                     INT64_MAX, INT64_MIN, INT64_MAX >> 8};
    static const size_t lengths[] = {1, 2, 2, 2, 3, 2, 3, 3, 3, 3, 3, 4, 5, 5, 6, 9, 9, 8};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        unsigned char bytes[MEMBER_INT_BYTES_MAX];
        size_t len = member__int_encode(bytes, values[i]);
        assert_int_equal(len, lengths[i]);
        assert_true(member__int_decode(bytes, len) == values[i]);
    }
}

static void
count_seen(void *ctx, struct slice member)
{
    struct twin *w = ctx;

    w->seen[number_of(w, member)]++;
}

static void
scan_and_random(void **state)
{
    struct value_limits lim = value_limits_default(HASH_SEED);
    static const uint32_t sizes[] = {1, 100, 600};
    struct twin *w = mem_get_zero(sizeof(*w));
    char text[TEXT_MAX];
    struct rng r;

    rng_seed(&r, SEED);
    for (int round = 0; round < 6; round++) {
        struct set s = {0};
        uint64_t cursor = 0;
        uint32_t n = sizes[round / 2];

        memset(w, 0, sizeof(*w));
        w->u = round % 2 == 0 ? INTEGERS : MIXED;
        for (uint32_t k = 0; k < n; k++) {
            assert_true(set_add(&s, &lim, member_of(w->u, k, text)));
            w->here[k] = true;
        }
        do {
            cursor = set_scan(&s, cursor, count_seen, w);
            assert_true(n > 100 || cursor == 0 || w->u == MIXED);
        } while (cursor != 0);
        for (uint32_t k = 0; k < n; k++)
            assert_int_equal(w->seen[k], 1);

        memset(w->seen, 0, sizeof(w->seen));
        for (uint32_t i = 0; i < n * 20; i++) {
            struct set_member m;
            set_random(&s, &r, &m);
            w->seen[number_of(w, m.s)]++;
        }
        double chi = 0;
        for (uint32_t k = 0; k < n; k++)
            chi += ((double)w->seen[k] - 20) * ((double)w->seen[k] - 20) / 20;
        assert_true(chi < n + 5 * 1.4143 * (n > 500 ? 25 : 10)); /* mean n, deviation sqrt(2n) */
        set_fini(&s);
    }
    mem_free(w);
}

/* A set of many integers: 13 bytes each at most. */
static void
integer_set_bytes(void **state)
{
    struct value_limits lim = value_limits_default(HASH_SEED);
    struct set s = {0};
    char text[TEXT_MAX];

    for (uint32_t i = 0; i < 200000; i++) {
        size_t n = (size_t)snprintf(text, sizeof(text), "%" PRIu64, ((uint64_t)i + 500000) * 7919);
        assert_true(set_add(&s, &lim, slice_of(text, n)));
    }
    printf("integers in a table: %.1f bytes each\n", (double)set_bytes(&s) / 200000);
    assert_true(set_bytes(&s) <= 13 * 200000);
    set_fini(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model),           cmocka_unit_test(thresholds),        cmocka_unit_test(integers_in_a_table),
        cmocka_unit_test(scan_and_random), cmocka_unit_test(integer_set_bytes),
    };
    printf("test_set: seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
