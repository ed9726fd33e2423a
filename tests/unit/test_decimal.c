/* base/decimal: the shortest digits of doubles and narrower numbers, and the double nearest to digits, beside the C
 * library. */
#include "base/decimal.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static double
double_of_bits(uint64_t bits)
{
    double v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

static void
known_digits(void **state)
{
    (void)state;
    static const struct {
        double v;
        uint64_t digits;
        int exponent;
    } rows[] = {
        {1, 1, 0},
        {10, 1, 1},
        {0.1, 1, -1},
        {0.3, 3, -1},
        {1e23, 1, 23},
        {123456.789, 123456789, -3},
        {9007199254740993.0, 9007199254740992, 0},
        {5e-324, 5, -324},
        {1.7976931348623157e308, 17976931348623157, 292},
        {2.2250738585072014e-308, 22250738585072014, -324},
        {2.2250738585072011e-308, 2225073858507201, -323},
        {0x1p-1017, 7120236347223045, -322}, /* a border: the neighbour below is half as far away */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct decimal d = decimal_of(rows[i].v);
        if (d.digits != rows[i].digits || d.exponent != rows[i].exponent)
            fail_msg("%.17g: %llue%d", rows[i].v, (unsigned long long)d.digits, d.exponent);
    }
}

/* Every double of a power of two and its neighbours, and others: what comes back is the same, and no shorter text is.
 */
static void
digits_are_the_fewest(void **state)
{
    (void)state;
    struct rng rng;
    char text[48];
    rng_seed(&rng, 11);

    for (int i = 0; i < 60000; i++) {
        uint64_t bits = i < 6138 ? ((uint64_t)(i / 3) << 52) + (uint64_t)(i % 3) - 1 : rng_next(&rng) >> 1;
        double v = double_of_bits(bits), back;
        if (!isfinite(v) || v <= 0)
            continue;
        struct decimal d = decimal_of(v);
        int n = snprintf(text, sizeof(text), "%llue%d", (unsigned long long)d.digits, d.exponent);
        if (strtod(text, NULL) != v || (decimal_to_double(d.digits, d.exponent, &back) && back != v))
            fail_msg("%a: %s", v, text);
        n = (int)(strchr(text, 'e') - text);
        assert_true(n <= 17 && d.digits % 10 != 0);
        if (n > 1) {
            snprintf(text, sizeof(text), "%.*e", n - 2, v);
            assert_true(strtod(text, NULL) != v);
        }
    }
}

static void
digits_become_the_nearest(void **state)
{
    (void)state;
    struct rng rng;
    char text[48];
    unsigned told = 0;
    double v;
    rng_seed(&rng, 12);

    for (int i = 0; i < 100000; i++) {
        uint64_t digits = rng_next(&rng) >> rng_below(&rng, 64);
        int exponent = i % 2 ? (int)rng_below(&rng, 50) - 30 : (int)rng_below(&rng, 700) - 350;
        if (!decimal_to_double(digits, exponent, &v))
            continue;
        told++;
        snprintf(text, sizeof(text), "%llue%d", (unsigned long long)digits, exponent);
        if (strtod(text, NULL) != v)
            fail_msg("%s: %a", text, v);
    }
    assert_true(told > 90000);
    /* Halves between two doubles, which go to the even one. */
    assert_true(decimal_to_double(9007199254740993, 0, &v) && v == 9007199254740992.0);
    assert_true(decimal_to_double(9007199254740995, 0, &v) && v == 9007199254740996.0);
    assert_true(decimal_to_double(90071992547409935, -1, &v) && v == 9007199254740994.0);
    assert_true(decimal_to_double(0, 5, &v) && v == 0);
    assert_false(decimal_to_double(1, 400, &v));
    assert_false(decimal_to_double(1, -400, &v));
}

/* 32-bit numbers: nine digits at the most, read back through a double. */
static void
narrow_numbers(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 13);

    for (int i = 0; i < 100000; i++) {
        uint32_t bits = i < 508 ? (uint32_t)i / 2 << 23 | (uint32_t)i % 2 : (uint32_t)rng_next(&rng) >> 1;
        uint32_t fraction = bits & 0x7fffff, biased = bits >> 23;
        float f;
        double v;
        memcpy(&f, &bits, sizeof(f));
        if (bits == 0 || !isfinite(f))
            continue;
        struct decimal d = biased == 0
                               ? decimal_of_bits(fraction, -149, false)
                               : decimal_of_bits(fraction | 0x800000, (int)biased - 150, fraction == 0 && biased > 1);
        assert_true(d.digits < 1000000000 && decimal_to_double(d.digits, d.exponent, &v) && (float)v == f);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digits),
        cmocka_unit_test(digits_are_the_fewest),
        cmocka_unit_test(digits_become_the_nearest),
        cmocka_unit_test(narrow_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
