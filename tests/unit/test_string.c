/* Strings in an entry, played against a plain buffer. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/rng.h"
#include "value/entry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SEED = 20240611 };

static const size_t edge_lengths[] = {0,   1,   19,  20,  21,   44,   45,   64,   127,  128,   238,   239,    240,
                                      241, 249, 255, 256, 1023, 1024, 1025, 1026, 4096, 65535, 65536, 1 << 20};
enum { EDGES = sizeof(edge_lengths) / sizeof(edge_lengths[0]) };

static struct slice
text_of(struct buf *b, size_t len, unsigned salt)
{
    buf_reset(b);
    for (size_t i = 0; i < len; i++)
        buf_add_char(b, (char)('a' + (i * 7 + salt) % 26));
    return buf_slice(b);
}

static void
assert_string(const struct entry *e, struct slice want)
{
    char text[STRING_TEXT_MAX];

    assert_true(slice_eq(string_get(e, text), want));
    assert_int_equal(string_len(e), want.len);
}

static void
integers(void **state)
{
    static const struct {
        const char *text;
        bool is_int;
    } cases[] = {
        {"0", true},
        {"-1", true},
        {"9223372036854775807", true},
        {"-9223372036854775808", true},
        {"", false},
        {"-", false},
        {"9223372036854775808", false},
        {"-9223372036854775809", false},
        {"-0", false},
        {"+1", false},
        {"01", false},
        {" 1", false},
        {"1 ", false},
        {"1.0", false},
        {"12345678901234567890", false},
        {"0x10", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice s = slice_cstr(cases[i].text);
        int64_t a = 0, b = 0;
        struct entry *e = entry_new_string(LIT("k"), s, -1), *f = entry_new(TYPE_STRING, LIT("k"));
        f = string_set(f, s);
        assert_string(e, s);
        assert_string(f, s);
        assert_int_equal(string_is_int(e, &a), cases[i].is_int);
        assert_int_equal(string_is_int(f, &b), cases[i].is_int);
        assert_int_equal(a, b);
        assert_string_equal(entry_encoding(e), cases[i].is_int ? "int" : "embstr");
        entry_free(e);
        entry_free(f);
    }
    struct entry *e = string_set_int(entry_new(TYPE_STRING, LIT("n")), 41);
    int64_t n;
    assert_true(string_is_int(e, &n) && n == 41);
    e = string_append(e, LIT("2"));
    assert_false(string_is_int(e, &n));
    assert_string(e, LIT("412"));
    assert_string_equal(entry_encoding(e), "raw");
    e = string_set(e, LIT("413"));
    assert_true(string_is_int(e, &n) && n == 413);
    e = string_set_bytes(e, LIT("414"));
    assert_false(string_is_int(e, &n));
    assert_string_equal(entry_encoding(e), "embstr");
    entry_free(e);
}

/* Every length to every length, in each of the ways a string can change. */
static void
edges(void **state)
{
    struct buf a = {0}, b = {0};

    for (int i = 0; i < EDGES; i++) {
        for (int j = 0; j < EDGES; j++) {
            if (edge_lengths[i] > 70000 && edge_lengths[j] > 70000 && i != j)
                continue;
            struct slice from = text_of(&a, edge_lengths[i], 1), to = text_of(&b, edge_lengths[j], 2);
            struct entry *e = entry_new_string(LIT("0123456789abcdef"), from, i % 2 ? 77 : -1);
            assert_string(e, from);
            assert_string_equal(entry_encoding(e), from.len <= 44 ? "embstr" : "raw");
            e = string_set(e, to);
            assert_string(e, to);
            e = string_set(e, from);
            e = string_append(e, to);
            assert_int_equal(string_len(e), from.len + to.len);
            char text[STRING_TEXT_MAX], *at;
            struct slice now = string_get(e, text);
            assert_true(slice_eq(slice_of(now.ptr, from.len), from));
            assert_true(slice_eq(slice_skip(now, from.len), to));
            e = string_set(e, from);
            e = string_edit(e, to.len, &at);
            size_t len = from.len > to.len ? from.len : to.len;
            assert_int_equal(string_len(e), len);
            assert_true(slice_eq(slice_of(at, from.len), from));
            for (size_t n = from.len; n < len; n++)
                assert_int_equal(at[n], 0);
            assert_string_equal(entry_encoding(e), "raw");
            assert_true(slice_eq(entry_key(e), LIT("0123456789abcdef")));
            assert_int_equal(entry_expiry(e), i % 2 ? 77 : -1);
            entry_free(e);
        }
    }
    buf_fini(&a);
    buf_fini(&b);
}

static void
shared_blobs(void **state)
{
    struct buf text = {0};
    struct slice s = text_of(&text, 5000, 3);
    struct entry *e = entry_new_string(LIT("k"), s, -1);
    struct blob *held = string_blob(e);
    char *at;

    assert_non_null(held);
    assert_int_equal(held->refs, 2);
    e = string_edit(e, 0, &at);
    assert_int_equal(held->refs, 1);
    at[0] = '!';
    assert_int_equal(held->data[0], s.ptr[0]);
    struct entry *twin = entry_copy(e, LIT("another"), NULL, NULL);
    twin = string_append(twin, LIT("tail"));
    assert_int_equal(string_len(e), 5000);
    assert_int_equal(string_len(twin), 5004);
    entry_free(e);
    char buf[STRING_TEXT_MAX];
    assert_int_equal(string_get(twin, buf).ptr[0], '!');
    entry_free(twin);
    assert_true(slice_eq(slice_of(held->data, held->len), s));
    blob_drop(held);
    blob_drop(NULL);
    struct entry *small = entry_new_string(LIT("k"), LIT("v"), -1);
    assert_null(string_blob(small));
    entry_free(small);
    buf_fini(&text);
}

/* Appending a byte at a time must not copy the whole string each time. */
static void
append_grows_geometrically(void **state)
{
    struct entry *e = entry_new(TYPE_STRING, LIT("log"));
    size_t moves = 0;
    char text[STRING_TEXT_MAX];

    for (int i = 0; i < 200000; i++) {
        const char *was = string_get(e, text).ptr;
        e = string_append(e, LIT("x"));
        assert_non_null(e);
        moves += string_get(e, text).ptr != was;
    }
    assert_int_equal(string_len(e), 200000);
    assert_true(moves < 100);
    assert_true(entry_bytes(e) < 2 * 200000 + (1 << 20) / 4);
    entry_free(e);
}

static void
out_of_memory(void **state)
{
    struct buf text = {0};
    struct slice s = text_of(&text, 100000, 0);
    struct entry *e = entry_new_string(LIT("k"), LIT("value"), -1);
    char *at;

    for (unsigned n = 1; n <= 2; n++) {
        mem_fail_after(n);
        struct entry *f = entry_new_string(LIT("k"), s, -1);
        mem_fail_after(0);
        assert_null(f);
    }
    mem_fail_after(1);
    assert_null(string_set(e, s));
    assert_null(string_append(e, s));
    assert_null(string_edit(e, 100000, &at));
    assert_null(string_append(e, slice_of(s.ptr, 200)));
    assert_null(string_append(e, slice_of(s.ptr, SIZE_MAX - 2)));
    mem_fail_after(0);
    assert_string(e, LIT("value"));
    e = string_set(e, s);
    mem_fail_after(1);
    assert_null(string_append(e, s));
    mem_fail_after(0);
    assert_string(e, s);
    entry_free(e);
    buf_fini(&text);
}

static void
play(uint64_t seed)
{
    struct rng rng;
    struct buf model = {0}, arg = {0};
    struct entry *e = entry_new(TYPE_STRING, LIT("some:key"));
    char digits[INT64_TEXT_MAX], *at;

    rng_seed(&rng, seed);
    for (int step = 0; step < 20000; step++) {
        size_t len = rng_below(&rng, rng_below(&rng, 20) == 0 ? 5000 : 60);
        struct slice s = text_of(&arg, len, (unsigned)step);
        switch (rng_below(&rng, 7)) {
        case 0:
        case 1:
            e = string_set(e, s);
            buf_reset(&model);
            buf_add_slice(&model, s);
            break;
        case 2: {
            int64_t v = (int64_t)(rng_next(&rng) >> rng_below(&rng, 64));
            e = rng_below(&rng, 2) ? string_set_int(e, v) : string_set(e, slice_of(digits, format_int64(digits, v)));
            buf_reset(&model);
            buf_add(&model, digits, format_int64(digits, v));
            break;
        }
        case 3:
        case 4:
            e = string_append(e, s);
            buf_add_slice(&model, s);
            break;
        case 5:
            e = string_edit(e, len, &at);
            while (model.len < len)
                buf_add_char(&model, '\0');
            if (model.len > 0) {
                size_t n = rng_below(&rng, model.len);
                model.ptr[n] = at[n] = (char)rng_next(&rng);
            }
            break;
        default: e = entry_set_expiry(e, rng_below(&rng, 2) ? (int64_t)rng_below(&rng, 1000) : -1); break;
        }
        assert_non_null(e);
        assert_string(e, buf_slice(&model));
        assert_true(slice_eq(entry_key(e), LIT("some:key")));
        assert_true(entry_bytes(e) <= 3 * model.len + 1400);
    }
    entry_free(e);
    buf_fini(&model);
    buf_fini(&arg);
}

static void
model(void **state)
{
    for (uint64_t i = 0; i < 5; i++)
        play(SEED + i);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),      cmocka_unit_test(edges),
        cmocka_unit_test(shared_blobs),  cmocka_unit_test(append_grows_geometrically),
        cmocka_unit_test(out_of_memory), cmocka_unit_test(model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
