/* JSON text in and out, the edges of numbers and strings, changes in place against building anew. */
#include "base/mem.h"
#include "base/number.h"
#include "base/rng.h"
#include "value/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct slice
round_trip(const char *text, struct buf *tape, struct buf *out)
{
    struct json_error error;

    buf_reset(tape);
    buf_reset(out);
    if (!json_parse(slice_cstr(text), JSON_DEPTH_MAX, tape, &error))
        fail_msg("%s: %s at %zu:%zu", text, error.why, error.line, error.column);
    assert_int_equal(json_size((json_node)tape->ptr), tape->len);
    json_print((json_node)tape->ptr, NULL, out);
    return buf_slice(out);
}

static void
test_texts(void **state)
{
    /* clang-format off */
    static const char *const table[][2] = {
        {"0", "0"}, {"-0", "-0.0"}, {"127", "127"}, {"128", "128"}, {"-1", "-1"}, {"-128", "-128"}, {"-129", "-129"},
        {"32767", "32767"}, {"32768", "32768"}, {"-2147483648", "-2147483648"}, {"2147483648", "2147483648"},
        {"9223372036854775807", "9223372036854775807"}, {"-9223372036854775808", "-9223372036854775808"},
        {"9223372036854775808", "9223372036854775808"}, {"18446744073709551615", "18446744073709551615"},
        {"18446744073709551616", "1.8446744073709552e19"}, {"1.0", "1.0"}, {"1.50", "1.5"}, {"1e3", "1000.0"},
        {"1E+2", "100.0"}, {"12.25", "12.25"}, {"0.1", "0.1"}, {"-0.001", "-0.001"}, {"0.00001", "0.00001"},
        {"0.000001", "1e-6"}, {"1e16", "1e16"}, {"1e15", "1000000000000000.0"}, {"1.25e-7", "1.25e-7"},
        {"5e-324", "5e-324"}, {"1.7976931348623157e308", "1.7976931348623157e308"}, {"0.10", "0.1"}, {"0e5", "0.0"},
        {"3.141592653589793", "3.141592653589793"}, {"123456789012345678.5", "1.2345678901234568e17"},
        {" [ ] ", "[]"}, {"{ }", "{}"}, {"[[],{}]", "[[],{}]"}, {"true", "true"}, {"[null,false]", "[null,false]"},
        {"\"\"", "\"\""}, {"\"a\\u0041\\n\\/\"", "\"aA\\n/\""}, {"\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {"\"\\u0000\\u001f\\\"\\\\\\b\\f\\r\\t\"", "\"\\u0000\\u001f\\\"\\\\\\b\\f\\r\\t\""}, {"\"\x7f\"", "\"\x7f\""},
        {"{\"a\":[1,2,{\"b\":null}],\"\":\"x\"}", "{\"a\":[1,2,{\"b\":null}],\"\":\"x\"}"},
        {"1e-400", "0.0"}, {"-1e-400", "-0.0"}, {"0.0", "0.0"}, {"-0.0", "-0.0"}, {"4.9406564584124654e-324", "5e-324"}, {"1e0", "1.0"},
        {"2.2250738585072011e-308", "2.225073858507201e-308"}, {"9007199254740993.0", "9007199254740992.0"}, {"123e-2", "1.23"},
        {"9007199254740993", "9007199254740993"}, {"1.7976931348623158e308", "1.7976931348623157e308"}, {"1e22", "1e22"}, {"0.30", "0.3"},
        {"-9223372036854775809", "-9.223372036854776e18"}, {"1000000000000000000000", "1e21"}, {"0.1e1", "1.0"}, {"-1E-2", "-0.01"},
        {"\"\\ud7ff\\ue000\\uffff\"", "\"\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\""}, {"\"\xf4\x8f\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\""},
        {"\"\\uDBFF\\uDFFF\"", "\"\xf4\x8f\xbf\xbf\""}, {"\"\xe2\x80\xa8\xe2\x80\xa9\"", "\"\xe2\x80\xa8\xe2\x80\xa9\""}, {"\"\\/\"", "\"/\""},
        {"{\"\":0,\" \":1,\"\\u0000\":2}", "{\"\":0,\" \":1,\"\\u0000\":2}"}, {"[[],[[]],{},{\"a\":{}}]", "[[],[[]],{},{\"a\":{}}]"},
        {"\t{\r\n\"k\" : 1 ,\"l\":[ 1 , 2 ] }\n", "{\"k\":1,\"l\":[1,2]}"},
    };
    /* clang-format on */
    struct buf tape = {0}, out = {0};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (!slice_eq(round_trip(table[i][0], &tape, &out), slice_cstr(table[i][1])))
            fail_msg("%s gave %.*s", table[i][0], (int)out.len, out.ptr);
    buf_fini(&tape);
    buf_fini(&out);
}

static void
test_errors(void **state)
{
    static const struct {
        const char *text, *why;
        size_t line, column;
        /* clang-format off */
    } table[] = {
        {"", "EOF while parsing a value", 1, 1}, {"  ", "EOF while parsing a value", 1, 3},
        {"[1,]", "trailing comma", 1, 4}, {"{\"a\":1,}", "trailing comma", 1, 8}, {"[1 2]", "expected `,` or `]`", 1, 4},
        {"{\"a\" 1}", "expected `:`", 1, 6}, {"{a:1}", "key must be a string", 1, 2}, {"01", "invalid number", 1, 2},
        {"1.", "invalid number", 1, 3}, {"1e", "invalid number", 1, 3}, {"-", "EOF while parsing a value", 1, 1},
        {"+1", "expected value", 1, 1}, {".5", "expected value", 1, 1}, {"nul", "EOF while parsing a value", 1, 1},
        {"nulx", "expected ident", 1, 1}, {"1 x", "trailing characters", 1, 3}, {"[1]]", "trailing characters", 1, 4},
        {"\"abc", "EOF while parsing a string", 1, 5}, {"\"\\x\"", "invalid escape", 1, 4},
        {"\"\n\"", "control character (\\u0000-\\u001F) found while parsing a string", 1, 2},
        {"\"\\ud800\"", "lone leading surrogate in hex escape", 1, 8},
        {"\"\\udc00x\"", "lone leading surrogate in hex escape", 1, 8},
        {"\"\\ud800\\u0041\"", "lone leading surrogate in hex escape", 1, 14},
        {"\"\xff\"", "invalid unicode code point", 1, 2}, {"\"\xc0\x80\"", "invalid unicode code point", 1, 2},
        {"\"\xed\xa0\x80\"", "invalid unicode code point", 1, 2}, {"1e400", "number out of range", 1, 1},
        {"\"a\\n\xe2\x82\"", "invalid unicode code point", 1, 5}, {"[\n\n x", "expected value", 3, 2},
        {"{\"a\":1,\"a\":2}", "duplicate key in an object", 1, 14}, {"[", "EOF while parsing a list", 1, 2},
        {"{\"a\":1", "EOF while parsing an object", 1, 7}, {"]", "expected value", 1, 1},
        {"\xef\xbb\xbf""1", "expected value", 1, 1}, {"NaN", "expected value", 1, 1}, {"Infinity", "expected value", 1, 1},
        {"-Infinity", "invalid number", 1, 1}, {"'a'", "expected value", 1, 1}, {"// x\n1", "expected value", 1, 1}, {"[,1]", "expected value", 1, 2},
        {"[1,,2]", "expected value", 1, 4}, {"{,}", "key must be a string", 1, 2}, {"{\"a\":}", "expected value", 1, 6}, {"{\"a\"}", "expected `:`", 1, 5},
        {"{\"a\":1 \"b\":2}", "expected `,` or `}`", 1, 8}, {"{\"a\":1]", "expected `,` or `}`", 1, 7}, {"[1}", "expected `,` or `]`", 1, 3},
        {"[1\v]", "expected `,` or `]`", 1, 3}, {"\f1", "expected value", 1, 1}, {"\xc2\xa0""1", "expected value", 1, 1}, {"0x10", "trailing characters", 1, 2},
        {"1.5.5", "trailing characters", 1, 4}, {"1e+", "invalid number", 1, 4}, {"1e5.0", "trailing characters", 1, 4}, {"-a", "invalid number", 1, 1},
        {"--1", "invalid number", 1, 1}, {"00", "invalid number", 1, 2}, {"-01", "invalid number", 1, 3}, {"1_000", "trailing characters", 1, 2},
        {"-1e999", "number out of range", 1, 1}, {"tru", "EOF while parsing a value", 1, 1}, {"truE", "expected ident", 1, 1}, {"True", "expected value", 1, 1},
        {"true1", "trailing characters", 1, 5}, {"\"\t\"", "control character (\\u0000-\\u001F) found while parsing a string", 1, 2},
        {"\"\\u12\"", "EOF while parsing a string", 1, 4}, {"\"\\u12x4\"", "invalid escape", 1, 6}, {"\"\\U0041\"", "invalid escape", 1, 4},
        {"\"\\'\"", "invalid escape", 1, 4}, {"\"\\", "EOF while parsing a string", 1, 3}, {"\"\\ude00\\ud83d\"", "lone leading surrogate in hex escape", 1, 8},
        {"\"\\ud83d\\n\"", "lone leading surrogate in hex escape", 1, 8}, {"\"\\ud83d", "lone leading surrogate in hex escape", 1, 8},
        {"\"\\ud83d\\ud83d\"", "lone leading surrogate in hex escape", 1, 14}, {"\"\xf5\x80\x80\x80\"", "invalid unicode code point", 1, 2},
        {"\"\xf4\x90\x80\x80\"", "invalid unicode code point", 1, 2}, {"\"\xe0\x80\x80\"", "invalid unicode code point", 1, 2}, {"\"\x80\"", "invalid unicode code point", 1, 2},
        {"\"\xf0\x9f\x98\"", "invalid unicode code point", 1, 2}, {"\"\xc3\"", "invalid unicode code point", 1, 2}, {"{\"a\":1,\"\\u0061\":2}", "duplicate key in an object", 1, 19},
        {"[{\"a\":{\"b\":1,\"b\":1}}]", "duplicate key in an object", 1, 20}, {"{\"\":1,\"\":2}", "duplicate key in an object", 1, 12}, {"{\"a\":1}{}", "trailing characters", 1, 8},
    };
    /* clang-format on */
    struct json_error error;
    struct buf tape = {0};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (json_parse(slice_cstr(table[i].text), JSON_DEPTH_MAX, &tape, &error))
            fail_msg("%s is no JSON", table[i].text);
        if (strcmp(error.why, table[i].why) != 0 || error.line != table[i].line || error.column != table[i].column)
            fail_msg("%s: %s at %zu:%zu", table[i].text, error.why, error.line, error.column);
    }
    buf_fini(&tape);
}

/* A zero byte is a byte like any other that has no place there. */
static void
test_zero_bytes(void **state)
{
    static const struct slice wrong[] = {LIT_INIT("\0"),       LIT_INIT("1\0"),      LIT_INIT("[1,\0]"),
                                         LIT_INIT("\"a\0b\""), LIT_INIT("\"\\\0\""), LIT_INIT("{\"a\"\0:1}"),
                                         LIT_INIT("tru\0"),    LIT_INIT("-\0"),      LIT_INIT("1e\0")};
    struct json_error error;
    struct buf tape = {0};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(json_parse(wrong[i], JSON_DEPTH_MAX, &tape, &error));
    buf_fini(&tape);
}

/* Every number of sixteen bits: its text is read back as the same, and is no longer than five digits. */
static void
test_halves(void **state)
{
    struct json_reading half = {.depth_max = 9, .floats = JSON_FP16};
    struct json_error error;
    struct buf tape = {0}, again = {0}, text = {0}, out = {0};

    for (unsigned bits = 0; bits < 0x7c00; bits++) {
        unsigned exponent = bits >> 10, fraction = bits & 1023;
        double v = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, (int)exponent - 25);
        double ulp = ldexp(1, (exponent == 0 ? 1 : (int)exponent) - 25);
        buf_reset(&tape);
        buf_reset(&again);
        buf_reset(&text);
        buf_reset(&out);
        buf_printf(&text, "[%.17g]", v);
        assert_true(json_read(buf_slice(&text), half, &tape, &error));
        struct json_children c = json_children((json_node)tape.ptr);
        assert_true(json_next(&c));
        json_node n = c.value;
        assert_int_equal(json_kind(n), JSON_NUMBER);
        /* At the border between two powers of two the neighbour below is half as far. */
        assert_true(fabs(json_double(n) - v) <= ulp / 2);
        json_print((json_node)tape.ptr, NULL, &out);
        assert_true(json_read(buf_slice(&out), half, &again, &error));
        assert_true(slice_eq(buf_slice(&tape), buf_slice(&again)));
        assert_true(out.len <= 5 + strlen("[0.0000]"));
    }
    assert_false(json_read(LIT("[1,\n[2, 65520]]"), half, &tape, &error));
    assert_true(error.line == 2 && error.column == 5);
    buf_fini(&tape);
    buf_fini(&again);
    buf_fini(&text);
    buf_fini(&out);
}

static void
test_depth(void **state)
{
    struct json_error error;
    struct buf text = {0}, tape = {0}, out = {0};

    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        buf_add_char(&text, '[');
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        buf_add_char(&text, ']');
    assert_true(json_parse(buf_slice(&text), JSON_DEPTH_MAX, &tape, &error));
    assert_int_equal(json_depth((json_node)tape.ptr), JSON_DEPTH_MAX);
    json_print((json_node)tape.ptr, NULL, &out);
    assert_true(slice_eq(buf_slice(&out), buf_slice(&text)));
    assert_false(json_parse(buf_slice(&text), JSON_DEPTH_MAX - 1, &tape, &error));
    assert_string_equal(error.why, "recursion limit exceeded");
    buf_reset(&tape);
    size_t at = json_open(&tape, false); /* deeper than any text can be */
    assert_true(json_parse(buf_slice(&text), JSON_DEPTH_MAX, &tape, &error));
    json_close(&tape, at, 1);
    assert_false(json_nests_within((json_node)tape.ptr, JSON_DEPTH_MAX));
    assert_true(json_nests_within(json_children((json_node)tape.ptr).at, JSON_DEPTH_MAX));
    assert_false(json_nests_within(json_children((json_node)tape.ptr).at, JSON_DEPTH_MAX - 1));
    buf_fini(&text);
    buf_fini(&tape);
    buf_fini(&out);
}

static void
test_duplicates_among_many(void **state)
{
    struct json_error error;
    struct buf text = {0}, tape = {0};

    buf_add_char(&text, '{');
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "\"k%d\":%d,", i * 7919 % 1000, i);
    buf_printf(&text, "\"k\":0}");
    assert_true(json_parse(buf_slice(&text), JSON_DEPTH_MAX, &tape, &error));
    text.len -= 6;
    buf_printf(&text, "\"k500\":0}");
    assert_false(json_parse(buf_slice(&text), JSON_DEPTH_MAX, &tape, &error));
    assert_string_equal(error.why, "duplicate key in an object");
    buf_fini(&text);
    buf_fini(&tape);
}

static void
test_format(void **state)
{
    struct json_format f = {LIT("\t"), LIT("\n"), LIT(" ")};
    struct json_error error;
    struct buf tape = {0}, out = {0};

    assert_true(json_parse(LIT("{\"a\":[1,{}],\"b\":[]}"), JSON_DEPTH_MAX, &tape, &error));
    json_print((json_node)tape.ptr, &f, &out);
    buf_add_char(&out, 0);
    assert_string_equal(out.ptr, "{\n\t\"a\": [\n\t\t1,\n\t\t{}\n\t],\n\t\"b\": []\n}");
    buf_fini(&tape);
    buf_fini(&out);
}

/* An array of arrays that changes at random against one of small integers. */
static void
test_splice(void **state)
{
    enum { WIDE = 12, STEPS = 5000 };
    struct rng rng;
    struct json j = {0};
    struct buf tape = {0}, out = {0}, want = {0};
    int64_t twin[WIDE][64];
    size_t len[WIDE] = {0};

    rng_seed(&rng, 4711);
    size_t at = json_open(&tape, false);
    for (int i = 0; i < WIDE; i++)
        json_close(&tape, json_open(&tape, false), 0);
    json_close(&tape, at, WIDE);
    assert_true(json_set(&j, buf_slice(&tape)));
    for (int step = 0; step < STEPS; step++) {
        size_t row = rng_below(&rng, WIDE), pos = rng_below(&rng, len[row] + 1);
        json_node root = json_root(&j), n = json_children(root).at;
        for (size_t i = 0; i < row; i++)
            n += json_size(n);
        json_node child = json_children(n).at;
        for (size_t i = 0; i < pos; i++)
            child += json_size(child);
        buf_reset(&tape);
        if (len[row] < 60 && (pos == len[row] || rng_below(&rng, 2) == 0)) {
            int64_t v = (int64_t)rng_next(&rng) >> rng_below(&rng, 64);
            json_put_int(&tape, v);
            assert_true(
                json_splice(&j, (size_t)(n - root), (size_t)(child - root), 0, buf_slice(&tape), 1, JSON_DEPTH_MAX));
            memmove(&twin[row][pos + 1], &twin[row][pos], (len[row] - pos) * 8);
            twin[row][pos] = v;
            len[row]++;
        } else if (pos < len[row]) {
            assert_true(json_splice(&j, (size_t)(n - root), (size_t)(child - root), json_size(child), buf_slice(&tape),
                                    -1, JSON_DEPTH_MAX));
            len[row]--;
            memmove(&twin[row][pos], &twin[row][pos + 1], (len[row] - pos) * 8);
        }
        assert_true(json_verify(&j));
        if (step % 100 != 0)
            continue;
        buf_reset(&out);
        buf_reset(&want);
        json_print(json_root(&j), NULL, &out);
        for (size_t i = 0; i < WIDE; i++) {
            buf_printf(&want, i == 0 ? "[[" : ",[");
            for (size_t k = 0; k < len[i]; k++)
                buf_printf(&want, k == 0 ? "%lld" : ",%lld", (long long)twin[i][k]);
            buf_add_char(&want, ']');
        }
        buf_add_char(&want, ']');
        assert_true(slice_eq(buf_slice(&out), buf_slice(&want)));
    }
    struct json copy = json_copy(&j);
    assert_true(json_equal(json_root(&copy), json_root(&j)));
    json_fini(&j);
    json_fini(&copy);
    buf_fini(&tape);
    buf_fini(&out);
    buf_fini(&want);
}

static void
test_equal(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
        /* clang-format off */
    } table[] = {
        {"1", "1.0", true}, {"1", "2", false}, {"\"a\"", "\"\\u0061\"", true}, {"null", "false", false},
        {"{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true}, {"{\"a\":1}", "{\"b\":1}", false}, {"[1,2]", "[2,1]", false},
        {"[]", "{}", false}, {"18446744073709551615", "18446744073709551615", true},
    };
    /* clang-format on */
    struct json_error error;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct buf a = {0}, b = {0};
        assert_true(json_parse(slice_cstr(table[i].a), 9, &a, &error) &&
                    json_parse(slice_cstr(table[i].b), 9, &b, &error));
        assert_int_equal(json_equal((json_node)a.ptr, (json_node)b.ptr), table[i].equal);
        buf_fini(&a);
        buf_fini(&b);
    }
}

/* References to keys: a document with them prints, compares and is found in as without, and loses them in one call. */
static void
test_shared_keys(void **state)
{
    /* clang-format off */
    static const char *const keys[] = {"id", "name", "street", "a\\n\\\"b", "\xc3\xa9\xc3\xa9\xc3\xa9", "k\\u0065y5",
                                       "a key that is far longer than what fits into one byte with its tag, as some are"};
    /* clang-format on */
    struct json_reading how = {.depth_max = JSON_DEPTH_MAX, .share_keys = true};
    struct json_error error;
    struct rng rng;
    struct buf text = {0}, plain = {0}, shared = {0}, out = {0};

    rng_seed(&rng, 31);
    for (int round = 0; round < 300; round++) {
        struct json j = {0}, copy;
        /* In the last rounds the same key is further away than a reference reaches. */
        size_t filler = round < 280 ? rng_below(&rng, 30) : 40000;
        buf_reset(&text);
        buf_reset(&plain);
        buf_reset(&shared);
        buf_reset(&out);
        buf_printf(&text, "[");
        for (size_t i = 0, n = rng_below(&rng, 8); i < n; i++) {
            buf_printf(&text, i == 0 ? "{" : ",{");
            size_t first = rng_below(&rng, 7), count = rng_below(&rng, 8);
            for (size_t k = 0; k < count; k++)
                buf_printf(&text, "%s\"%s\":{\"%s\":\"%*s\"}", k == 0 ? "" : ",", keys[(first + k) % 7], keys[k % 7],
                           (int)filler, "name");
            buf_add_char(&text, '}');
        }
        buf_add_char(&text, ']');
        assert_true(json_parse(buf_slice(&text), JSON_DEPTH_MAX, &plain, &error));
        buf_printf(&shared, "xyz"); /* may lie behind something else */
        assert_true(json_read(buf_slice(&text), how, &shared, &error));
        struct slice tape = slice_of(shared.ptr + 3, shared.len - 3);
        assert_true(json_set_shared(&j, tape) && json_verify(&j) && tape.len <= plain.len);
        assert_true(round >= 280 || tape.len < plain.len || plain.len < 300);
        json_node a = (json_node)plain.ptr, b = json_root(&j);
        assert_true(json_equal(a, b) && json_equal(b, a));
        json_print(b, NULL, &out);
        assert_true(json_parse(buf_slice(&out), JSON_DEPTH_MAX, &text, &error));
        assert_memory_equal(text.ptr + text.len - plain.len, plain.ptr, plain.len);
        struct json_children rows = json_children(b), names = rows, same = rows;
        if (json_next(&rows) && json_count(rows.value) > 0) {
            names = json_children(rows.value);
            same = json_children(json_children(a).at);
            assert_true(json_next(&names) && json_next(&same));
            assert_true(json_get(rows.value, json_string(same.key)) == names.value);
        }
        copy = json_copy(&j);
        assert_true(json_verify(&copy) && json_unshare(&copy) && json_verify(&copy));
        assert_int_equal(json_size(json_root(&copy)), plain.len);
        assert_memory_equal(json_root(&copy), plain.ptr, plain.len);
        assert_true(json_unshare(&copy) && json_equal(json_root(&copy), json_root(&j)));
        json_fini(&j);
        json_fini(&copy);
    }
    assert_false(json_read(LIT("{\"name\":{\"name\":1},\"name\":2}"), how, &shared, &error));
    assert_string_equal(error.why, "duplicate key in an object");
    buf_fini(&text);
    buf_fini(&plain);
    buf_fini(&shared);
    buf_fini(&out);
}

/* Doubles of every size survive. */
static void
test_doubles(void **state)
{
    struct rng rng;
    struct buf tape = {0}, out = {0};
    char text[64];

    rng_seed(&rng, 42);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rng_next(&rng);
        double v;
        memcpy(&v, &bits, 8);
        if (i % 2 == 0)
            v = (double)(int64_t)(bits >> 40) / 1000;
        if (v != v || v - v != 0)
            continue;
        snprintf(text, sizeof(text), "%.17g", v);
        if (strpbrk(text, ".e") == NULL)
            continue;
        round_trip(text, &tape, &out);
        buf_add_char(&out, 0);
        assert_true(strtod(out.ptr, NULL) == v);
        assert_true(json_double((json_node)tape.ptr) == v);
    }
    buf_fini(&tape);
    buf_fini(&out);
}

/* Cut off or changed anywhere, a text is refused or read, never more. */
static void
test_hostile(void **state)
{
    static const char text[] = "{\"a\":[1,-2.5e3,\"x\\u00e9\\n\",true,null,{\"b\":{}}],\"c\":\"\xc3\xa9\"}";
    struct rng rng;
    struct json_error error;
    struct buf tape = {0}, out = {0};

    rng_seed(&rng, 7);
    for (int i = 0; i < 30000; i++) {
        char copy[sizeof(text)];
        size_t len = rng_below(&rng, sizeof(text));
        memcpy(copy, text, sizeof(text));
        copy[rng_below(&rng, sizeof(text))] = (char)rng_next(&rng);
        buf_reset(&tape);
        if (!json_parse(slice_of(copy, i % 2 == 0 ? len : sizeof(text) - 1), JSON_DEPTH_MAX, &tape, &error))
            continue;
        struct json j = {0};
        assert_true(json_set(&j, buf_slice(&tape)) && json_verify(&j));
        buf_reset(&out);
        json_print(json_root(&j), NULL, &out);
        buf_reset(&tape);
        assert_true(json_parse(buf_slice(&out), JSON_DEPTH_MAX, &tape, &error));
        json_fini(&j);
    }
    buf_fini(&tape);
    buf_fini(&out);
}

/* A number of one of the families that packed arrays are of, as a text. */
static void
add_number(struct rng *rng, unsigned family, struct buf *out)
{
    int64_t bits = (int64_t)rng_next(rng);
    float f = (float)((double)(bits >> 11) / 1e15);
    char text[64];

    switch (family) {
    case 0: buf_printf(out, "%d", (int)(bits & 127)); break;
    case 1: buf_printf(out, "%lld", (long long)(bits >> rng_below(rng, 64))); break;
    case 2: buf_printf(out, "%lld", (long long)((uint64_t)bits >> (1 + rng_below(rng, 63)))); break;
    case 3: buf_printf(out, "%d.%d", (int)(bits % 100), (int)(bits >> 9 & 3)); break;
    case 4: buf_printf(out, "%.*g", 1 + (int)rng_below(rng, 9), (double)f); break;
    case 5: buf_printf(out, "%.17g", (double)f); break;
    case 6: buf_printf(out, "%.17g", (double)(bits >> 11) / 9007199254740992.0); break;
    case 7: buf_printf(out, "%d", (int)(bits & 1)); break;
    case 8: buf_printf(out, "%d.0", (int)(bits & 1023)); break;
    default:
        snprintf(text, sizeof(text), "%llue%d", (unsigned long long)bits >> rng_below(rng, 64),
                 (int)rng_below(rng, 600) - 320);
        buf_printf(out, "%s", isfinite(strtod(text, NULL)) ? text : "0.1");
    }
}

/* Whatever numbers an array has, it prints as what reads back to the same bytes, and means the same with tags and
 * without; each number can be put where it is, and what is put where another one was is what is there then. */
static void
test_packed(void **state)
{
    (void)state;
    struct buf text = {0}, tape = {0}, again = {0}, out = {0};
    struct json_error error;
    struct json j = {0}, loose;
    struct rng rng;
    rng_seed(&rng, 71);

    for (int round = 0; round < 4000; round++) {
        unsigned count = 1 + (unsigned)rng_below(&rng, 12), main_family = (unsigned)rng_below(&rng, 10);
        buf_reset(&text);
        buf_reset(&tape);
        buf_reset(&again);
        buf_reset(&out);
        for (unsigned i = 0; i < count; i++) {
            buf_add_char(&text, i == 0 ? '[' : ',');
            add_number(&rng, rng_below(&rng, 20) == 0 ? (unsigned)rng_below(&rng, 10) : main_family, &text);
        }
        buf_add_char(&text, ']');
        if (!json_parse(buf_slice(&text), JSON_DEPTH_MAX, &tape, &error))
            fail_msg("%.*s: %s", (int)text.len, text.ptr, error.why);
        assert_true(json_set(&j, buf_slice(&tape)) && json_verify(&j) && json_count(json_root(&j)) == count);
        json_print(json_root(&j), NULL, &out);
        assert_true(json_parse(buf_slice(&out), JSON_DEPTH_MAX, &again, &error));
        if (!slice_eq(buf_slice(&tape), buf_slice(&again)))
            fail_msg("%.*s", (int)text.len, text.ptr);
        loose = json_copy(&j);
        assert_true(json_loosen(&loose) && json_verify(&loose) && !json_is_packed(json_root(&loose)));
        assert_true(json_equal(json_root(&j), json_root(&loose)));
        struct json_children c = json_children(json_root(&j)), d = json_children(json_root(&loose));
        const char *p = text.ptr;
        for (unsigned i = 0; i < count; i++) {
            size_t at = (size_t)(c.at - json_root(&j));
            assert_true(json_next(&c) && json_next(&d));
            assert_true(json_equal(c.value, d.value) && json_kind(c.value) == json_kind(d.value));
            double want = strtod(p + 1, (char **)&p); /* the C library on the text that came in */
            assert_true(json_double(c.value) == want || json_kind(c.value) == JSON_INTEGER);
            struct json_children first = json_children(json_root(&j));
            if (json_is_packed(json_root(&j)) && json_next(&first)) {
                assert_true(json_fits(json_root(&j), c.value) && json_store(&j, 0, at, first.value));
                struct json_children here = json_children_from(json_root(&j), i);
                assert_true(json_next(&here) && json_equal(here.value, first.value) && json_verify(&j));
            }
        }
        json_tighten(&loose);
        assert_true(json_size(json_root(&loose)) == tape.len && memcmp(json_root(&loose), tape.ptr, tape.len) == 0);
        json_fini(&loose);
    }
    json_fini(&j);
    buf_fini(&text);
    buf_fini(&tape);
    buf_fini(&again);
    buf_fini(&out);
}

/* Doubles that come in long texts become short ones only when the array is complete, or before a container in it:
 * references between keys must not be torn. */
static void
test_long_texts_between_keys(void **state)
{
    (void)state;
    struct json_reading shared = {.depth_max = JSON_DEPTH_MAX, .share_keys = true};
    struct slice text =
                     LIT("{\"name\":[1.10,\"x\",2.50],\"a\":[{\"name\":1},1.10,{\"name\":2},[1.50,{\"name\":3},2.70],"
                         "{\"name\":[1.10]}]}"),
                 want = LIT("{\"name\":[1.1,\"x\",2.5],\"a\":[{\"name\":1},1.1,{\"name\":2},[1.5,{\"name\":3},2.7],"
                            "{\"name\":[1.1]}]}");
    struct buf tape = {0}, plain = {0}, out = {0};
    struct json_error error;
    struct json j = {0};

    assert_true(json_read(text, shared, &tape, &error) && json_parse(want, JSON_DEPTH_MAX, &plain, &error));
    assert_true(json_set_shared(&j, buf_slice(&tape)) && json_verify(&j));
    json_print(json_root(&j), NULL, &out);
    assert_true(slice_eq(buf_slice(&out), want));
    assert_true(json_unshare(&j) && json_size(json_root(&j)) == plain.len);
    assert_memory_equal(json_root(&j), plain.ptr, plain.len);
    json_fini(&j);
    buf_fini(&tape);
    buf_fini(&plain);
    buf_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),   cmocka_unit_test(test_errors),
        cmocka_unit_test(test_depth),   cmocka_unit_test(test_zero_bytes),
        cmocka_unit_test(test_halves),  cmocka_unit_test(test_duplicates_among_many),
        cmocka_unit_test(test_format),  cmocka_unit_test(test_splice),
        cmocka_unit_test(test_equal),   cmocka_unit_test(test_shared_keys),
        cmocka_unit_test(test_doubles), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_packed),  cmocka_unit_test(test_long_texts_between_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
