/* tests/unit/test_bitmap.c - ds/bitmap.h beside bit-by-bit twins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/bitmap.h"

#include <stdio.h>
#include <stdlib.h>

enum { LEN_MAX = 9000, ROUNDS = 400, SOURCES_MAX = 5 };

static struct rng
seeded(void)
{
    const char *text = getenv("SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 20;
    struct rng r;

    printf("SEED=%llu\n", (unsigned long long)seed);
    rng_seed(&r, seed);
    return r;
}

/* Random bytes, or long runs of equal ones, which is where searching has its fast path. */
static size_t
fill(struct rng *r, char *p, size_t max)
{
    size_t len = (size_t)rng_below(r, rng_below(r, 2) ? 40 : max) + 1;
    unsigned kind = (unsigned)rng_below(r, 3);

    for (size_t i = 0; i < len; i++)
        p[i] = (char)(kind == 0 ? rng_next(r) : kind == 1 ? 0 : 0xff);
    if (kind != 0 && rng_below(r, 2))
        p[rng_below(r, len)] = (char)rng_next(r);
    return len;
}

static bool
bit_at(struct slice s, uint64_t i)
{
    return i / 8 < s.len && ((unsigned char)s.ptr[i / 8] >> (7 - i % 8) & 1);
}

static void
test_count_and_find(void **state)
{
    struct rng r = seeded();
    char *p = mem_get(LEN_MAX);

    for (int round = 0; round < ROUNDS; round++) {
        struct slice s = slice_of(p, fill(&r, p, LEN_MAX));
        uint64_t bits = s.len * 8, first = rng_below(&r, bits), last = first + rng_below(&r, bits - first), n = 0,
                 at = 0;
        bool seen[2] = {false, false};
        uint64_t where[2] = {0, 0};

        for (uint64_t i = 0; i < bits; i++)
            n += bit_at(s, i);
        assert_int_equal(bitmap_count(s), n);
        n = 0;
        for (uint64_t i = first; i <= last; i++) {
            bool b = bit_at(s, i);
            n += b;
            if (!seen[b])
                where[b] = i;
            seen[b] = true;
        }
        assert_int_equal(bitmap_count_range(s, first, last), n);
        for (int b = 0; b < 2; b++) {
            assert_int_equal(bitmap_find(s, b, first, last, &at), seen[b]);
            if (seen[b])
                assert_int_equal(at, where[b]);
        }
    }
    mem_free(p);
}

static bool
twin(enum bitmap_op op, const struct slice *s, size_t n, uint64_t i)
{
    size_t set = 0, others;

    for (size_t k = 0; k < n; k++)
        set += bit_at(s[k], i);
    bool first = bit_at(s[0], i);
    others = set - first;
    switch (op) {
    case BITMAP_AND: return set == n;
    case BITMAP_OR: return set > 0;
    case BITMAP_XOR: return set % 2 == 1;
    case BITMAP_NOT: return !first;
    case BITMAP_DIFF: return first && others == 0;
    case BITMAP_DIFF1: return !first && others > 0;
    case BITMAP_ANDOR: return first && others > 0;
    case BITMAP_ONE: return set == 1;
    }
    return false;
}

static void
test_combine(void **state)
{
    struct rng r = seeded();
    char *bytes = mem_get(SOURCES_MAX * LEN_MAX), *out = mem_get(LEN_MAX);
    struct slice s[SOURCES_MAX];

    for (int round = 0; round < ROUNDS; round++) {
        enum bitmap_op op = (enum bitmap_op)(round % (BITMAP_ONE + 1));
        size_t n = op == BITMAP_NOT ? 1 : (size_t)rng_below(&r, SOURCES_MAX) + 1, len = 0;

        for (size_t k = 0; k < n; k++) {
            s[k] = slice_of(bytes + k * LEN_MAX, fill(&r, bytes + k * LEN_MAX, LEN_MAX));
            if (rng_below(&r, 8) == 0)
                s[k].len = 0;
            len = s[k].len > len ? s[k].len : len;
        }
        bitmap_combine(op, s, n, out, len);
        for (uint64_t i = 0; i < len * 8; i++)
            if (bit_at(slice_of(out, len), i) != twin(op, s, n, i))
                fail_msg("round %d, operation %d: bit %llu", round, (int)op, (unsigned long long)i);
    }
    mem_free(out);
    mem_free(bytes);
}

/* Results of many blocks, wherever they lie in memory, and nothing beside them. */
static void
test_combine_long(void **state)
{
    enum { LONG = (1 << 20) + 4100, GUARD = 64 };
    struct rng r = seeded();
    char *bytes = mem_get(2 * LONG), *out = mem_get(LONG + 2 * GUARD);

    for (size_t i = 0; i < 2 * LONG; i++)
        bytes[i] = (char)rng_next(&r);
    for (size_t at = 0; at < 32; at++) {
        enum bitmap_op op = (enum bitmap_op)(at % (BITMAP_ONE + 1));
        size_t len = LONG - at, n = op == BITMAP_NOT ? 1 : 2;
        struct slice s[2] = {slice_of(bytes + at % 3, len), slice_of(bytes + LONG, len - at * 1000)};

        memset(out, 0x5a, LONG + 2 * GUARD);
        bitmap_combine(op, s, n, out + at, len);
        for (uint64_t i = 0; i < len * 8; i += i < 1000 || i > len * 8 - 1000 ? 1 : 61)
            if (bit_at(slice_of(out + at, len), i) != twin(op, s, n, i))
                fail_msg("operation %d at %zu: bit %llu", (int)op, at, (unsigned long long)i);
        assert_true(at == 0 || out[at - 1] == 0x5a);
        assert_int_equal(out[at + len], 0x5a);
    }
    mem_free(out);
    mem_free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_count_and_find), cmocka_unit_test(test_combine),
                                       cmocka_unit_test(test_combine_long)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
