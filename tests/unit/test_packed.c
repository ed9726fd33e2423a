/* tests/unit/test_packed.c - ds/packed against an array of strings that does the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/packed.h"

#include <stdio.h>

enum { SEED = 20240901, MODEL_MAX = 400, LONGEST = 70000 };

struct model {
    char *ptr[MODEL_MAX];
    size_t len[MODEL_MAX];
    size_t n;
};

static char *
random_bytes(struct rng *r, size_t *len)
{
    static const size_t edges[] = {0, 1, 2, 252, 253, 254, 255, 256, 65535, LONGEST};
    uint64_t kind = rng_below(r, 40);

    *len = kind == 0 ? edges[rng_below(r, sizeof(edges) / sizeof(edges[0]))] : rng_below(r, kind < 8 ? 3 : 30);
    char *p = mem_get(*len + 1);
    for (size_t i = 0; i < *len; i++)
        p[i] = (char)('a' + rng_below(r, *len < 4 ? 2 : 26));
    return p;
}

static void
compare(const struct packed *p, const struct model *m)
{
    assert_true(packed_verify(p));
    assert_int_equal(packed_count(p), m->n);
    size_t pos = packed_first(p), i = 0;
    for (; pos != packed_end(p); pos = packed_next(p, pos), i++) {
        assert_true(slice_eq(packed_get(p, pos), slice_of(m->ptr[i], m->len[i])));
        if (i % 16 == 0)
            assert_int_equal(packed_at(p, i), pos);
    }
    assert_int_equal(i, m->n);
}

static void
model_insert(struct model *m, size_t at, char *bytes, size_t len)
{
    memmove(m->ptr + at + 1, m->ptr + at, (m->n - at) * sizeof(char *));
    memmove(m->len + at + 1, m->len + at, (m->n - at) * sizeof(size_t));
    m->ptr[at] = bytes, m->len[at] = len;
    m->n++;
}

static void
model_remove(struct model *m, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++)
        mem_free(m->ptr[i]);
    m->n -= n;
    memmove(m->ptr + at, m->ptr + at + n, (m->n - at) * sizeof(char *));
    memmove(m->len + at, m->len + at + n, (m->n - at) * sizeof(size_t));
}

/* Where a search that looks at every step-th element must end. */
static size_t
model_find(const struct packed *p, const struct model *m, struct slice s, size_t step)
{
    for (size_t i = 0; i < m->n; i += step)
        if (slice_eq(s, slice_of(m->ptr[i], m->len[i])))
            return packed_at(p, i);
    return packed_end(p);
}

static size_t
position(const struct packed *p, size_t at)
{
    return at < packed_count(p) ? packed_at(p, at) : packed_end(p);
}

static void
model(void **state)
{
    struct rng r;
    struct model m = {.n = 0};
    struct packed *p = NULL;

    rng_seed(&r, SEED);
    for (int round = 0; round < 20000; round++) {
        size_t len;
        uint64_t op = rng_below(&r, 100), grow = round / 1000 % 2 == 0 ? 60 : 40;

        if (op < grow && m.n < MODEL_MAX) {
            char *bytes = random_bytes(&r, &len);
            size_t at = rng_below(&r, 3) == 0 ? rng_below(&r, m.n + 1) : m.n;
            p = packed_insert(p, position(p, at), slice_of(bytes, len));
            model_insert(&m, at, bytes, len);
        } else if (op < 80 && m.n > 0) {
            size_t at = rng_below(&r, m.n), n = 1 + rng_below(&r, m.n - at < 3 ? m.n - at : 3);
            p = packed_remove(p, packed_at(p, at), n);
            assert_non_null(p);
            model_remove(&m, at, n);
        } else if (op < 90 && m.n > 0) {
            char *bytes = random_bytes(&r, &len);
            size_t at = rng_below(&r, m.n), pos = packed_at(p, at);
            p = packed_replace(p, pos, slice_of(bytes, len));
            assert_true(slice_eq(packed_get(p, pos), slice_of(bytes, len)));
            mem_free(m.ptr[at]);
            m.ptr[at] = bytes, m.len[at] = len;
        } else {
            char *bytes = random_bytes(&r, &len);
            assert_int_equal(packed_find(p, slice_of(bytes, len), 1), model_find(p, &m, slice_of(bytes, len), 1));
            if (m.n % 2 == 0)
                assert_int_equal(packed_find(p, slice_of(bytes, len), 2), model_find(p, &m, slice_of(bytes, len), 2));
            mem_free(bytes);
        }
        if (round % 100 == 0)
            compare(p, &m);
    }
    compare(p, &m);
    struct packed *copy = packed_copy(p);
    compare(copy, &m);
    packed_free(copy);
    model_remove(&m, 0, m.n);
    packed_free(p);
}

static void
empty_block(void **state)
{
    assert_int_equal(packed_count(NULL), 0);
    assert_int_equal(packed_first(NULL), packed_end(NULL));
    assert_int_equal(packed_find(NULL, LIT("x"), 1), packed_end(NULL));
    assert_int_equal(packed_alloc_bytes(NULL), 0);
    assert_null(packed_copy(NULL));
    assert_true(packed_verify(NULL));
    packed_free(NULL);

    struct packed *p = packed_append(NULL, LIT(""));
    assert_int_equal(packed_count(p), 1);
    assert_int_equal(packed_get(p, packed_first(p)).len, 0);
    p = packed_remove(p, packed_first(p), 1);
    assert_non_null(p);
    assert_int_equal(packed_count(p), 0);
    assert_int_equal(packed_first(p), packed_end(p));
    packed_free(p);
}

/* The figure that small hashes are sized by: ten fields of 7 + 15 bytes fit 256. */
static void
ten_fields_fit_256(void **state)
{
    struct packed *p = NULL;

    for (int i = 0; i < 10; i++) {
        p = packed_append(p, LIT("field01"));
        p = packed_append(p, LIT("value-123456789"));
    }
    assert_int_equal(packed_end(p), 248);
    assert_int_equal(packed_alloc_bytes(p), mem_good_size(248));
    packed_free(p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_block),
        cmocka_unit_test(ten_fields_fit_256),
        cmocka_unit_test(model),
    };
    printf("test_packed: seed %d\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
