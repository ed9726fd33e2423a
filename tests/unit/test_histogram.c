/* The benchmark's histogram beside a sorted array of the same values. */
#include "bench/histogram.h"

#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int
by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void
test_percentiles(void **state)
{
    static const double percents[] = {0.1, 1, 25, 50, 90, 99, 99.9, 99.99, 100};
    enum { N = 50000 };
    struct histogram *h = mem_get(sizeof(*h)), *half = mem_get(sizeof(*half));
    uint64_t *values = mem_get(N * sizeof(*values));
    struct rng g;

    for (int round = 0; round < 4; round++) {
        rng_seed(&g, 100 + (uint64_t)round);
        histogram_reset(h);
        histogram_reset(half);
        for (int i = 0; i < N; i++) {
            values[i] = rng_below(&g, (uint64_t)1 << (1 + rng_below(&g, 8 + 10 * (uint64_t)round)));
            histogram_add(i % 2 == 0 ? h : half, values[i], 1);
        }
        histogram_merge(h, half);
        qsort(values, N, sizeof(*values), by_value);
        assert_int_equal(h->count, N);
        assert_int_equal(h->min, values[0]);
        assert_int_equal(h->max, values[N - 1]);
        for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
            size_t at = (size_t)(percents[i] / 100 * N + 0.999999);
            uint64_t want = values[at > 0 ? at - 1 : 0], got = histogram_percentile(h, percents[i]);
            if (got < want || (double)got > (double)want * 1.004 + 1)
                fail_msg("round %d: p%g is %llu, not %llu", round, percents[i], (unsigned long long)got,
                         (unsigned long long)want);
        }
    }
    mem_free(h);
    mem_free(half);
    mem_free(values);
}

static void
test_extremes(void **state)
{
    struct histogram *h = mem_get(sizeof(*h));

    histogram_reset(h);
    assert_int_equal(histogram_percentile(h, 50), 0);
    assert_true(histogram_mean(h) == 0);
    histogram_add(h, UINT64_MAX / 8, 1);
    histogram_add(h, 0, 3);
    assert_int_equal(histogram_percentile(h, 50), 0);
    assert_int_equal(h->max, UINT64_MAX / 8);
    assert_true(histogram_percentile(h, 100) > 0);
    mem_free(h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_percentiles), cmocka_unit_test(test_extremes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
