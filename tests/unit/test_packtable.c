/* tests/unit/test_packtable.c - ds/packtable against an array indexed by number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/packtable.h"

#include <stdio.h>

enum { SEED = 20240903, KEYS_MAX = 20000, TEXT_MAX = 400 };
static const struct hash_seed HASH_SEED = {0x1122334455667788, 0x99aabbccddeeff00};

/* Member k is a text that k determines: mostly short, sometimes too long to be inline. The value is determined by a
 * version number, 0 meaning that k is absent. */
static struct slice
member_of(uint32_t k, char *text)
{
    size_t n = (size_t)snprintf(text, TEXT_MAX, "m%u", (unsigned)k);
    size_t len = k % 97 == 0 ? 120 + k / 97 % 20 : n;

    if (k == 5)
        return slice_of(NULL, 0);
    while (n < len)
        text[n++] = '.';
    return slice_of(text, n);
}

static struct slice
value_of(uint32_t version, char *text)
{
    size_t n = (size_t)snprintf(text, TEXT_MAX, "%u", (unsigned)version), len = n;

    if (version % 7 == 0)
        return slice_of(text, 0);
    if (version % 11 == 0)
        len = 100 + version % 200;
    while (n < len)
        text[n++] = ':';
    return slice_of(text, n);
}

struct twin {
    uint32_t version[KEYS_MAX];
    uint32_t seen[KEYS_MAX];
    size_t n;
    bool map;
};

static void
look(const struct packtable *t, const struct twin *w, uint32_t k)
{
    char text[TEXT_MAX];
    struct slice value;

    assert_int_equal(packtable_find(t, member_of(k, text), NULL), w->version[k] != 0);
    if (packtable_find(t, member_of(k, text), &value))
        assert_true(slice_eq(value, w->map ? value_of(w->version[k], text) : slice_of("", 0)));
}

static void
put(struct packtable *t, struct twin *w, uint32_t k, uint32_t version)
{
    char member[TEXT_MAX], value[TEXT_MAX];
    struct slice v = w->map ? value_of(version, value) : slice_of("", 0);

    assert_int_equal(packtable_put(t, member_of(k, member), v), w->version[k] == 0);
    w->n += w->version[k] == 0;
    w->version[k] = version;
}

static void
drop(struct packtable *t, struct twin *w, uint32_t k)
{
    char text[TEXT_MAX];

    assert_int_equal(packtable_remove(t, member_of(k, text)), w->version[k] != 0);
    w->n -= w->version[k] != 0;
    w->version[k] = 0;
}

static uint32_t
number_of(struct slice member)
{
    uint32_t k = 0;

    if (member.len == 0)
        return 5;
    for (size_t i = 1; i < member.len && member.ptr[i] != '.'; i++)
        k = k * 10 + (uint32_t)(member.ptr[i] - '0');
    assert_true(member.ptr[0] == 'm' && k < KEYS_MAX);
    return k;
}

/* Iterates over all and compares with the twin. */
static void
compare(const struct packtable *t, const struct twin *w)
{
    struct packtable_iter it = {0, 0};
    struct slice member, value;
    size_t n = 0;
    char text[TEXT_MAX];

    assert_true(packtable_verify(t));
    assert_int_equal(packtable_count(t), w->n);
    for (; packtable_next(t, &it, &member, &value); n++) {
        uint32_t k = number_of(member);
        assert_true(w->version[k] != 0);
        assert_true(slice_eq(value, w->map ? value_of(w->version[k], text) : slice_of("", 0)));
    }
    assert_int_equal(n, w->n);
}

static void
play(bool map, uint32_t keys, size_t high, int rounds)
{
    struct rng r;
    struct twin *w = mem_get_zero(sizeof(*w));
    struct packtable *t = packtable_new(HASH_SEED, map);
    bool up = true;

    w->map = map;
    rng_seed(&r, SEED);
    for (int i = 0; i < rounds; i++) {
        uint32_t k = (uint32_t)rng_below(&r, keys);
        uint64_t op = rng_below(&r, 100);

        up = w->n >= high ? false : w->n < 4 ? true : up;
        look(t, w, k);
        if (op < (up ? 70u : 15u))
            put(t, w, k, 1 + (uint32_t)rng_below(&r, 1000));
        else
            drop(t, w, k);
        assert_int_equal(packtable_count(t), w->n);
        if (i % (high < 100 ? 101 : 5003) == 0)
            compare(t, w);
    }
    compare(t, w);

    struct packtable *copy = packtable_copy(t, NULL);
    compare(copy, w);
    packtable_free(t);
    compare(copy, w);
    for (uint32_t k = 0; k < keys; k++) {
        drop(copy, w, k);
        if (k % 512 == 0)
            assert_true(packtable_verify(copy));
    }
    compare(copy, w);
    assert_int_equal(packtable_count(copy), 0);
    assert_true(packtable_bytes(copy) < 500);
    packtable_free(copy);
    mem_free(w);
}

static void
model_map(void **state)
{
    play(true, KEYS_MAX, 15000, 150000);
    play(true, 200, 60, 20000);
}

static void
model_set(void **state)
{
    play(false, KEYS_MAX, 15000, 150000);
    play(false, 200, 60, 20000);
}

/* -- scan, random, size ------------------------------------------------------------------------------------------ */

static void
mark_seen(void *ctx, struct slice member, struct slice value)
{
    ((struct twin *)ctx)->seen[number_of(member)]++;
}

/* Numbers below `stay` are never touched; the others come and go during the scan. */
static void
scan_while(struct packtable *t, struct twin *w, struct rng *r, uint32_t stay, int adds, int drops)
{
    uint64_t cursor = 0;
    size_t calls = 0;

    memset(w->seen, 0, sizeof(w->seen));
    do {
        cursor = packtable_scan(t, cursor, mark_seen, w);
        for (int i = 0; i < adds; i++)
            put(t, w, stay + (uint32_t)rng_below(r, KEYS_MAX - stay), 1);
        for (int i = 0; i < drops; i++)
            drop(t, w, stay + (uint32_t)rng_below(r, KEYS_MAX - stay));
        assert_true(++calls < 100000);
    } while (cursor != 0);
    for (uint32_t k = 0; k < stay; k++)
        assert_true(w->seen[k] >= 1);
}

static void
scan_sees_what_stays(void **state)
{
    enum { STAY = 700 };
    struct rng r;
    struct twin *w = mem_get_zero(sizeof(*w));
    struct packtable *t = packtable_new(HASH_SEED, true);

    w->map = true;
    rng_seed(&r, SEED);
    assert_int_equal(packtable_scan(t, 0, mark_seen, w), 0);
    for (uint32_t k = 0; k < STAY; k++)
        put(t, w, k, k + 1);
    scan_while(t, w, &r, STAY, 0, 0);
    for (uint32_t k = 0; k < KEYS_MAX; k++)
        assert_int_equal(w->seen[k], k < STAY);
    for (int round = 0; round < 4; round++) {
        scan_while(t, w, &r, STAY, 60, 0);
        scan_while(t, w, &r, STAY, 5, 5);
        scan_while(t, w, &r, STAY, 0, 80);
        scan_while(t, w, &r, STAY, 0, 160);
    }
    for (int i = 0; i < 1000; i++)
        (void)packtable_scan(t, rng_next(&r), mark_seen, w);
    packtable_free(t);
    mem_free(w);
}

static void
random_is_uniform(void **state)
{
    enum { PICKS = 60 };
    struct rng r;
    struct twin *w = mem_get_zero(sizeof(*w));
    struct packtable *t = packtable_new(HASH_SEED, false);

    rng_seed(&r, SEED);
    /* 900 members lie in blocks of two sizes: some split already, some not. */
    for (uint32_t k = 0; k < 900; k++) {
        put(t, w, k, 1);
        if (k != 0 && k != 899)
            continue;
        memset(w->seen, 0, sizeof(w->seen));
        for (size_t i = 0; i < w->n * PICKS; i++) {
            struct slice member;
            packtable_random(t, &r, &member, NULL);
            w->seen[number_of(member)]++;
        }
        double chi = 0;
        for (uint32_t m = 0; m < w->n; m++)
            chi += ((double)w->seen[m] - PICKS) * ((double)w->seen[m] - PICKS) / PICKS;
        /* Mean n, deviation sqrt(2n) = 42 for 900; five deviations. */
        assert_true(chi < (double)w->n + 5 * 42.5);
    }
    packtable_free(t);
    mem_free(w);
}

/* Bytes for each element, as the allocator counts them; resident memory is measured by the server's benchmark. */
static double
bytes_each(size_t member_len, size_t value_len, uint32_t n)
{
    struct packtable *t = packtable_new(HASH_SEED, value_len > 0);

    for (uint32_t i = 0; i < n; i++) {
        char member[32], value[32];
        snprintf(member, sizeof(member), "%030u", (unsigned)i);
        snprintf(value, sizeof(value), "%030u", (unsigned)i);
        assert_true(packtable_put(t, slice_of(member + 30 - member_len, member_len), slice_of(value, value_len)));
    }
    double each = (double)packtable_bytes(t) / n;
    packtable_free(t);
    return each;
}

static void
memory(void **state)
{
    for (uint32_t n = 100000; n <= 200000; n += 25000) {
        double set = bytes_each(16, 0, n), map = bytes_each(15, 15, n);
        double ints = bytes_each(6, 0, n);
        printf("%u members: set of 16 bytes %.1f, map of 15 + 15 %.1f, set of 6 bytes %.1f\n", (unsigned)n, set, map,
               ints);
        assert_true(set <= 24 && map <= 42 && ints <= 13);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_map),         cmocka_unit_test(model_set), cmocka_unit_test(scan_sees_what_stays),
        cmocka_unit_test(random_is_uniform), cmocka_unit_test(memory),
    };
    printf("test_packtable: seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
