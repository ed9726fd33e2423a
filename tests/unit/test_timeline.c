/* The benchmark's timeline beside plain sums, while it joins moments and merges with others; and the sizes of
 * values. */
#include "bench/sizes.h"
#include "bench/timeline.h"

#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t
requests_of(const struct timeline *t)
{
    uint64_t sum = 0;

    for (int i = 0; i < t->count; i++)
        sum += t->moments[i].requests;
    return sum;
}

static void
test_joining_loses_nothing(void **state)
{
    struct timeline t, other;
    struct rng g;
    uint64_t added = 0, most = 0;

    (void)state;
    rng_seed(&g, 5);
    timeline_init(&t);
    timeline_init(&other);
    for (int i = 0; i < 20000; i++) {
        /* Up to 1,000 s, which takes ten times as many moments of 100 ms as there may be. */
        int64_t at = (int64_t)rng_below(&g, 1000000000000);
        uint64_t latency = rng_below(&g, 1 << 30), n = 1 + rng_below(&g, 16);
        timeline_add(i % 3 == 0 && at < 1000000000 ? &other : &t, at, latency, n);
        added += n;
        most = latency > most ? latency : most;
    }
    timeline_add(&other, 5, 7, 1);
    assert_true(other.moment_ns <= t.moment_ns);
    assert_true(t.count <= MOMENTS_MAX && t.moment_ns * t.count >= 990000000000);
    timeline_merge(&t, &other);
    assert_int_equal(requests_of(&t), added + 1);
    uint64_t seen_most = 0;
    for (int i = 0; i < t.count; i++)
        seen_most = t.moments[i].max_ns > seen_most ? t.moments[i].max_ns : seen_most;
    assert_int_equal(seen_most, most);
    timeline_fini(&t);
    timeline_fini(&other);
}

static void
test_percentiles_of_a_moment(void **state)
{
    struct timeline t;

    (void)state;
    timeline_init(&t);
    for (uint64_t v = 1; v <= 1000; v++)
        timeline_add(&t, 50, v * 1000, 1);
    uint64_t p50 = timeline_percentile(&t, 0, 50), p99 = timeline_percentile(&t, 0, 99);
    assert_in_range(p50, 500000, 570000);
    assert_in_range(p99, 990000, 1000000);
    assert_int_equal(timeline_percentile(&t, 0, 100), 1000000);
    timeline_add(&t, 250 * 1000 * 1000, 9, 1); /* a moment without requests lies between */
    assert_int_equal(t.count, 3);
    assert_int_equal(timeline_percentile(&t, 1, 50), 0);
    timeline_add(&t, -1, 9, 1); /* before recording began */
    assert_int_equal(requests_of(&t), 1001);
    timeline_fini(&t);
}

static void
test_sizes(void **state)
{
    static const char *const wrong[] = {"", "0", "-1", "5-", "-5", "9-5", "10:0", "10", ":1", "10:x", "1073741825"};
    struct value_sizes s;

    (void)state;
    assert_true(value_sizes_parse(&s, "64:80,1024:15,7:5"));
    assert_int_equal(s.count, 3);
    assert_int_equal(s.v[1].bytes, 1024);
    assert_int_equal(s.v[1].weight, 15);
    assert_int_equal(value_sizes_largest(&s), 1024);
    assert_true(value_sizes_parse(&s, "10-1000000"));
    assert_int_equal(s.count, SIZES_MAX);
    assert_int_equal(s.v[0].bytes, 10);
    assert_int_equal(s.v[SIZES_MAX - 1].bytes, 1000000);
    assert_true(value_sizes_parse(&s, "5-5"));
    assert_int_equal(s.count, 1);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        bool one = value_sizes_parse(&s, wrong[i]);
        assert_int_equal(one, i == 7); /* "10" alone is a size */
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joining_loses_nothing),
        cmocka_unit_test(test_percentiles_of_a_moment),
        cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
