/* tests/unit/test_hll.c - ds/hll.h: sparse beside dense, and arbitrary bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "base/rng.h"
#include "ds/hll.h"

#include <stdlib.h>

enum { ROUNDS = 60, JUNK_ROUNDS = 20000, RUN_ROUNDS = 20000 };

/* The same elements in a sparse sketch, a dense one and plain registers. */
static void
test_sparse_and_dense_agree(void **state)
{
    struct rng r;

    rng_seed(&r, 11);
    for (int round = 0; round < ROUNDS; round++) {
        struct buf sparse = {0}, dense = {0};
        uint8_t twin[HLL_REGISTERS] = {0}, merged[HLL_REGISTERS] = {0};
        uint64_t n = rng_below(&r, 3000) + 1;

        hll_empty(&sparse);
        hll_empty(&dense);
        hll_to_dense(&dense);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t element = rng_next(&r);
            struct hll_item item = hll_item_of(slice_of(&element, 8));
            /* Some registers next to each other, so that runs split and merge. */
            if (round % 2)
                item = (struct hll_item){(uint32_t)rng_below(&r, 200), (uint8_t)(rng_below(&r, 4) + 1)};
            bool raised = twin[item.index] < item.value;

            if (raised)
                twin[item.index] = item.value;
            assert_int_equal(hll_raise(&sparse, item, 3000), raised);
            assert_int_equal(hll_dense_raise(dense.ptr, item), raised);
            assert_int_equal(hll_get(buf_slice(&sparse), item.index), twin[item.index]);
        }
        assert_true(hll_looks_right(buf_slice(&sparse)) && hll_valid(buf_slice(&sparse)));
        for (uint32_t i = 0; i < HLL_REGISTERS; i++) {
            assert_int_equal(hll_get(buf_slice(&sparse), i), twin[i]);
            assert_int_equal(hll_get(buf_slice(&dense), i), twin[i]);
        }
        hll_merge(merged, buf_slice(&sparse));
        assert_memory_equal(merged, twin, HLL_REGISTERS);
        hll_merge(merged, buf_slice(&dense));
        assert_memory_equal(merged, twin, HLL_REGISTERS);
        assert_int_equal(hll_count(buf_slice(&sparse)), hll_count(buf_slice(&dense)));
        assert_int_equal(hll_count(buf_slice(&sparse)), hll_count_registers(twin));
        buf_fini(&sparse);
        buf_fini(&dense);
    }
}

/* Damaged sketches are refused, or are usable: a sanitizer watches. */
static void
test_junk(void **state)
{
    struct rng r;
    struct buf b = {0};
    int valid = 0;

    rng_seed(&r, 12);
    for (int round = 0; round < JUNK_ROUNDS; round++) {
        hll_empty(&b);
        for (uint64_t n = rng_below(&r, 40); n > 0; n--)
            hll_raise(&b, (struct hll_item){(uint32_t)rng_below(&r, HLL_REGISTERS), (uint8_t)(rng_below(&r, 32) + 1)},
                      3000);
        for (uint64_t n = rng_below(&r, 3); n > 0; n--)
            b.ptr[rng_below(&r, b.len)] = (char)rng_next(&r);
        if (rng_below(&r, 4) == 0)
            b.len -= rng_below(&r, b.len);
        /* A copy of exactly that size, so that reading beyond it is seen. */
        struct buf exact = {0};
        buf_add_slice(&exact, buf_slice(&b));
        struct slice s = buf_slice(&exact);
        if (s.len > 0 && hll_looks_right(s) && hll_valid(s)) {
            valid++;
            hll_count(s);
            for (uint32_t i = 0; i < HLL_REGISTERS; i += 97)
                hll_get(s, i);
            struct hll_item item = {(uint32_t)rng_below(&r, HLL_REGISTERS), (uint8_t)(rng_below(&r, 32) + 1)};
            struct buf other = {0};
            struct hll_place near;
            buf_add_slice(&other, s);
            assert_true(hll_valid_near(s, item.index, &near));
            assert_true(near.first <= item.index);
            assert_int_equal(hll_raise_near(&exact, item, 3000, near), hll_raise(&other, item, 3000));
            assert_true(slice_eq(buf_slice(&exact), buf_slice(&other)));
            buf_fini(&other);
            assert_true(hll_valid(buf_slice(&exact)));
        }
        buf_fini(&exact);
    }
    assert_in_range(valid, JUNK_ROUNDS / 10, JUNK_ROUNDS);
    buf_fini(&b);
}

/* Reads runs one after the other; returns how many registers they are, or 0 when the last is not whole. */
static uint32_t
read_runs(const unsigned char *p, const unsigned char *end, uint8_t *values)
{
    uint32_t n = 0;

    while (p < end) {
        uint32_t registers = *p & 0x80 ? (*p & 3u) + 1 : (*p & 63u) + 1;
        uint8_t value = *p & 0x80 ? (uint8_t)((*p >> 2 & 31) + 1) : 0;

        if ((*p & 0xc0) == 0x40) {
            if (++p == end)
                return 0;
            registers = ((p[-1] & 63u) << 8 | *p) + 1;
        }
        p++;
        for (uint32_t i = 0; i < registers && n + i < HLL_REGISTERS; i++)
            values[n + i] = value;
        n += registers;
    }
    return n;
}

/* Runs of every kind in any order, of which long ones are rare or frequent, ended so that their sum is right or a
 * little wrong: whoever sums many at once must see what a reader of one after the other sees. */
static void
test_any_runs(void **state)
{
    struct rng r;
    int valid = 0;

    rng_seed(&r, 13);
    for (int round = 0; round < RUN_ROUNDS; round++) {
        unsigned char bytes[HLL_HEADER_BYTES + 600] = {'H', 'Y', 'L', 'L', 1}, *runs = bytes + HLL_HEADER_BYTES;
        uint8_t values[HLL_REGISTERS];
        size_t n = rng_below(&r, 200), long_share = rng_below(&r, 100);

        for (size_t i = 0; i < n; i++) {
            unsigned byte = (unsigned)rng_below(&r, 256);
            bool is_long = rng_below(&r, 100) < long_share;
            /* Long ones are kept short enough for many of them to fit; what follows looks like one now and then. */
            runs[i] = (unsigned char)(is_long                 ? 0x40 | (byte & rng_below(&r, 2))
                                      : (byte & 0xc0) == 0x40 ? byte ^ 0x40
                                                              : byte);
        }
        uint32_t sum = read_runs(runs, runs + n, values);
        if (n > 0 && sum == 0)
            runs[n++] = 0;
        sum = read_runs(runs, runs + n, values);
        if (sum < HLL_REGISTERS) {
            uint32_t rest = HLL_REGISTERS - sum - (rng_below(&r, 8) == 0);
            runs[n++] = (unsigned char)(0x40 | (rest - 1) >> 8);
            if (rng_below(&r, 8) != 0)
                runs[n++] = (unsigned char)(rest - 1);
            if (rng_below(&r, 8) == 0)
                n -= rng_below(&r, n) / 2;
        }
        /* A copy of exactly that size, so that reading beyond it is seen. */
        struct buf exact = {0};
        buf_add(&exact, bytes, HLL_HEADER_BYTES + n);
        bool good = read_runs(runs, runs + n, values) == HLL_REGISTERS;
        assert_int_equal(hll_valid(buf_slice(&exact)), good);
        for (uint32_t i = 0; good && i < HLL_REGISTERS; i += 1 + (uint32_t)rng_below(&r, 50))
            assert_int_equal(hll_get(buf_slice(&exact), i), values[i]);
        valid += good;
        buf_fini(&exact);
    }
    assert_in_range(valid, RUN_ROUNDS / 5, RUN_ROUNDS * 4 / 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sparse_and_dense_agree), cmocka_unit_test(test_junk),
                                       cmocka_unit_test(test_any_runs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
