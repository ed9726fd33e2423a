/* tests/unit/test_hash.c - value/hash against arrays, in every representation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "value/hash.h"

#include <stdio.h>

enum { SEED = 20240904, FIELDS_MAX = 3000, TEXT_MAX = 300 };
static const struct hash_seed HASH_SEED = {42, 43};

struct twin {
    uint32_t version[FIELDS_MAX]; /* 0: absent */
    uint32_t seen[FIELDS_MAX];
    size_t n;
};

static struct slice
field_of(uint32_t k, char *text)
{
    return slice_of(text, (size_t)snprintf(text, TEXT_MAX, "field:%u", (unsigned)k));
}

static struct slice
value_of(uint32_t version, char *text)
{
    return slice_of(text, (size_t)snprintf(text, TEXT_MAX, "%0*u", (int)(version % 60 + 1), (unsigned)version));
}

static uint32_t
number_of(struct slice field)
{
    uint32_t k = 0;

    assert_true(field.len > 6 && memcmp(field.ptr, "field:", 6) == 0);
    for (size_t i = 6; i < field.len; i++)
        k = k * 10 + (uint32_t)(field.ptr[i] - '0');
    assert_true(k < FIELDS_MAX);
    return k;
}

static void
compare(const struct hash *h, struct twin *w)
{
    struct hash_iter it = {0, 0};
    struct slice field, value;
    char text[TEXT_MAX];
    size_t n = 0;

    assert_true(hash_verify(h));
    assert_int_equal(hash_count(h), w->n);
    memset(w->seen, 0, sizeof(w->seen));
    for (; hash_next(h, &it, &field, &value); n++) {
        uint32_t k = number_of(field);
        assert_int_equal(w->seen[k]++, 0);
        assert_true(w->version[k] != 0 && slice_eq(value, value_of(w->version[k], text)));
    }
    assert_int_equal(n, w->n);
}

static void
play(const struct value_limits *lim, uint32_t fields, int rounds)
{
    struct rng r;
    struct twin *w = mem_get_zero(sizeof(*w));
    struct hash h = {0};
    char field[TEXT_MAX], text[TEXT_MAX];

    rng_seed(&r, SEED);
    for (int i = 0; i < rounds; i++) {
        uint32_t k = (uint32_t)rng_below(&r, fields), version = 1 + (uint32_t)rng_below(&r, 100000);
        struct slice value;
        bool here = w->version[k] != 0;

        assert_int_equal(hash_has(&h, field_of(k, field)), here);
        assert_int_equal(hash_get(&h, field_of(k, field), &value), here);
        if (here)
            assert_true(slice_eq(value, value_of(w->version[k], text)));
        if (rng_below(&r, 100) < (i / 3000 % 2 == 0 ? 70u : 30u)) {
            assert_int_equal(hash_set(&h, lim, field_of(k, field), value_of(version, text)), !here);
            w->n += !here;
            w->version[k] = version;
        } else {
            assert_int_equal(hash_del(&h, field_of(k, field)), here);
            w->n -= here;
            w->version[k] = 0;
        }
        assert_int_equal(hash_count(&h), w->n);
        if (i % 499 == 0) {
            struct hash copy = hash_copy(&h, lim, NULL);
            compare(&copy, w);
            assert_string_equal(hash_encoding(&copy), hash_encoding(&h));
            hash_fini(&copy);
            compare(&h, w);
        }
    }
    compare(&h, w);
    hash_fini(&h);
    assert_int_equal(hash_count(&h), 0);
    mem_free(w);
}

static void
model(void **state)
{
    struct value_limits lim = value_limits_default(HASH_SEED);

    play(&lim, 100, 15000);        /* stays packed */
    play(&lim, FIELDS_MAX, 60000); /* becomes a table */
    lim.hash_max_listpack_entries = 0;
    play(&lim, 100, 15000); /* a table from the first field on */
}

static void
set_n(struct hash *h, const struct value_limits *lim, uint32_t n)
{
    char field[TEXT_MAX];

    for (uint32_t k = 0; k < n; k++)
        hash_set(h, lim, field_of(k, field), LIT("v"));
}

static void
thresholds(void **state)
{
    struct value_limits lim = value_limits_default(HASH_SEED);
    struct hash h = {0};
    char text[TEXT_MAX], longest[65];

    memset(longest, 'x', sizeof(longest));
    assert_string_equal(hash_encoding(&h), "listpack");
    set_n(&h, &lim, 128);
    assert_string_equal(hash_encoding(&h), "listpack");
    hash_set(&h, &lim, field_of(5, text), slice_of(longest, 64));
    assert_string_equal(hash_encoding(&h), "listpack");
    set_n(&h, &lim, 129);
    assert_string_equal(hash_encoding(&h), "hashtable");
    assert_int_equal(hash_count(&h), 129);
    hash_fini(&h);

    /* A long value converts even when its field is there already, a long field too; nothing converts back. */
    set_n(&h, &lim, 3);
    hash_set(&h, &lim, field_of(1, text), slice_of(longest, 65));
    assert_string_equal(hash_encoding(&h), "hashtable");
    hash_del(&h, field_of(1, text));
    assert_string_equal(hash_encoding(&h), "hashtable");
    assert_int_equal(hash_count(&h), 2);
    hash_fini(&h);
    assert_true(hash_set(&h, &lim, slice_of(longest, 65), LIT("")));
    assert_string_equal(hash_encoding(&h), "hashtable");
    hash_fini(&h);
}

/* Ten fields of 7 + 15 bytes: one allocation of 256. */
static void
small_hash_bytes(void **state)
{
    struct value_limits lim = value_limits_default(HASH_SEED);
    struct hash h = {0};
    char field[TEXT_MAX], value[TEXT_MAX];

    for (unsigned i = 0; i < 10; i++) {
        snprintf(field, sizeof(field), "field%02u", i);
        snprintf(value, sizeof(value), "value-%09u", i);
        assert_true(hash_set(&h, &lim, slice_cstr(field), slice_cstr(value)));
    }
    assert_int_equal(hash_bytes(&h), mem_good_size(248));
    hash_fini(&h);
    assert_int_equal(hash_bytes(&h), 0);
}

static void
count_seen(void *ctx, struct slice field, struct slice value)
{
    ((struct twin *)ctx)->seen[number_of(field)]++;
}

static void
scan_and_random(void **state)
{
    struct value_limits lim = value_limits_default(HASH_SEED);
    static const uint32_t sizes[] = {1, 100, 1000};
    struct twin *w = mem_get_zero(sizeof(*w));
    struct rng r;

    rng_seed(&r, SEED);
    for (size_t s = 0; s < 3; s++) {
        struct hash h = {0};
        uint64_t cursor = 0;
        uint32_t n = sizes[s];

        set_n(&h, &lim, n);
        memset(w->seen, 0, sizeof(w->seen));
        do {
            cursor = hash_scan(&h, cursor, count_seen, w);
            assert_true(n > 100 || cursor == 0);
        } while (cursor != 0);
        for (uint32_t k = 0; k < n; k++)
            assert_int_equal(w->seen[k], 1);

        memset(w->seen, 0, sizeof(w->seen));
        for (uint32_t i = 0; i < n * 60; i++) {
            struct slice field, value;
            hash_random(&h, &r, &field, &value);
            assert_true(slice_eq(value, LIT("v")));
            w->seen[number_of(field)]++;
        }
        double chi = 0;
        for (uint32_t k = 0; k < n; k++)
            chi += ((double)w->seen[k] - 60) * ((double)w->seen[k] - 60) / 60;
        assert_true(chi < n + 5 * 1.4143 * (n > 500 ? 32 : 10)); /* mean n, deviation sqrt(2n) */
        hash_fini(&h);
    }
    mem_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model),
        cmocka_unit_test(thresholds),
        cmocka_unit_test(small_hash_bytes),
        cmocka_unit_test(scan_and_random),
    };
    printf("test_hash: seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
