/* base/number: what is a number and what is not, and that printing and parsing agree. */
#include "base/number.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
integers_at_the_edges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {"01", false, 0},
        {"-0", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"99999999999999999999", false, 0},
        {"184467440737095516160", false, 0},
        {"0x10", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t v = 77;
        assert_int_equal(parse_int64(slice_cstr(rows[i].text), &v), rows[i].ok);
        assert_int_equal(v, rows[i].ok ? rows[i].value : 77);
    }
}

static void
integers_survive_the_round_trip(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    for (int i = 0; i < 100000; i++) {
        int64_t v = (int64_t)(rng_next(&rng) >> rng_below(&rng, 64)), back;
        if (i % 2 == 1)
            v = (int64_t)(0 - (uint64_t)v);
        char text[32];
        size_t n = format_int64(text, v);
        assert_true(parse_int64(slice_of(text, n), &back));
        assert_int_equal(back, v);
    }
}

static void
doubles_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"", " 1", "1 ", "nan", "-nan", "1e", "1.0.0", "1e400", "-1e400", "0x", "abc"};
    static const char *const good[] = {"0", "-0", "1e308", "inf", "-inf", "+inf", "Infinity", "0x10", ".5", "5."};
    double v;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(parse_double(slice_cstr(bad[i]), &v));
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(parse_double(slice_cstr(good[i]), &v));
    assert_false(parse_double(LIT("1\0002"), &v));
    char many[3000];
    memset(many, '1', sizeof(many));
    for (size_t n = 250; n <= 308; n++) {
        assert_true(parse_double(slice_of(many, n), &v));
        assert_true(v > 1e248 && v < 1.2e308);
    }
    assert_false(parse_double(slice_of(many, sizeof(many)), &v)); /* too large for a double */
    many[0] = '0';
    many[1] = '.';
    assert_true(parse_double(slice_of(many, sizeof(many)), &v));
    assert_true(v > 0.1111 && v < 0.1112);
    many[sizeof(many) - 1] = 'x';
    assert_false(parse_double(slice_of(many, sizeof(many)), &v));
}

static void
doubles_survive_the_round_trip(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 11);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = rng_next(&rng);
        double v, back;
        memcpy(&v, &bits, sizeof(v));
        if (isnan(v) || fpclassify(v) == FP_SUBNORMAL)
            continue;
        char text[DOUBLE_TEXT_MAX];
        size_t n = format_double(text, v);
        assert_true(n < sizeof(text));
        assert_true(parse_double(slice_of(text, n), &back));
        assert_memory_equal(&back, &v, sizeof(v));
    }
    char text[DOUBLE_TEXT_MAX];
    assert_true(slice_eq(slice_of(text, format_double(text, INFINITY)), LIT("inf")));
    assert_true(slice_eq(slice_of(text, format_double(text, -INFINITY)), LIT("-inf")));
    assert_true(slice_eq(slice_of(text, format_double(text, 3.0)), LIT("3")));
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {0.1, "0.1"},
        {3.1, "3.1"},
        {-3.14159, "-3.14159"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e20, "1e+20"},
        {1.5e300, "1.5e+300"},
        {1e-5, "0.00001"},
        {1e-7, "1e-7"},
        {123456.789, "123456.789"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {12345678901234567890.0, "12345678901234567000"},
        {9007199254740993.0, "9007199254740992"},
        {0.000123456, "1.23456e-4"},
        {1.0 / 3, "0.3333333333333333"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_true(slice_eq(slice_of(text, format_double(text, rows[i].v)), slice_cstr(rows[i].text)));
}

static void
memory_sizes_and_their_units(void **state)
{
    (void)state;
    uint64_t v;
    assert_true(parse_memory(LIT("64kb"), &v) && v == 65536);
    assert_true(parse_memory(LIT("1G"), &v) && v == 1000000000);
    assert_true(parse_memory(LIT("12"), &v) && v == 12);
    assert_true(parse_memory(LIT("010mb"), &v) && v == 10485760);
    assert_true(parse_memory(LIT("18446744073709551615"), &v) && v == UINT64_MAX);
    assert_true(parse_memory(LIT(""), &v) && v == 0);
    assert_false(parse_memory(LIT("mb"), &v));
    assert_false(parse_memory(LIT("18446744073709551616"), &v));
    assert_false(parse_memory(LIT("12x"), &v));
    assert_false(parse_memory(LIT("-1"), &v));
    assert_false(parse_memory(LIT("99999999999999gb"), &v));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_at_the_edges),        cmocka_unit_test(integers_survive_the_round_trip),
        cmocka_unit_test(doubles_that_are_none),        cmocka_unit_test(doubles_survive_the_round_trip),
        cmocka_unit_test(memory_sizes_and_their_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
