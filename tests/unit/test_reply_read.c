/* The reply reader: every type, every split, every malformed kind, and random trees against their own text. */
#include "proto/reply_read.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct reply_limits roomy = {.bulk_max = 1 << 20, .values_max = 1 << 20};

/* Reads one reply that must be complete and use all of the text. */
static const struct resp_value *
read_all(struct reply_reader *r, struct slice in)
{
    const struct resp_value *v = NULL;
    struct slice error = LIT("");
    size_t used = 0;

    enum parse_result res = reply_read(r, &roomy, in, &used, &v, &error);
    if (res != PARSE_DONE)
        print_message("result %d: %.*s\n", (int)res, (int)error.len, error.ptr);
    assert_int_equal(res, PARSE_DONE);
    assert_int_equal(used, in.len);
    return v;
}

static void
assert_text(const struct resp_value *v, enum resp_type type, const char *text)
{
    assert_int_equal(v->type, type);
    assert_int_equal(v->text.len, strlen(text));
    assert_memory_equal(v->text.ptr, text, v->text.len);
}

static void
test_scalars(void **state)
{
    struct reply_reader r = {0};
    const struct resp_value *v;

    assert_text(read_all(&r, LIT("+OK\r\n")), RESP_STATUS, "OK");
    assert_text(read_all(&r, LIT("+\r\n")), RESP_STATUS, "");
    assert_text(read_all(&r, LIT("+a\nb\r\n")), RESP_STATUS, "a\nb");
    assert_text(read_all(&r, LIT("-ERR no\r\n")), RESP_ERROR, "ERR no");
    assert_text(read_all(&r, LIT("!3\r\na\r\n\r\n")), RESP_ERROR, "a\r\n");
    assert_text(read_all(&r, LIT("$0\r\n\r\n")), RESP_STRING, "");
    assert_text(read_all(&r, LIT("$5\r\nhe\r\nl\r\n")), RESP_STRING, "he\r\nl");
    assert_text(read_all(&r, LIT("(-123456789012345678901234567890\r\n")), RESP_BIGNUM,
                "-123456789012345678901234567890");
    v = read_all(&r, LIT("=7\r\ntxt:abc\r\n"));
    assert_text(v, RESP_VERBATIM, "abc");
    assert_memory_equal(v->format, "txt", 3);
    assert_int_equal(read_all(&r, LIT(":-9223372036854775808\r\n"))->integer, INT64_MIN);
    assert_int_equal(read_all(&r, LIT(":+5\r\n"))->integer, 5);
    assert_int_equal(read_all(&r, LIT("#t\r\n"))->integer, 1);
    assert_int_equal(read_all(&r, LIT("#f\r\n"))->integer, 0);
    assert_int_equal(read_all(&r, LIT("_\r\n"))->type, RESP_NIL);
    assert_false(read_all(&r, LIT("$-1\r\n"))->null_array);
    assert_true(read_all(&r, LIT("*-1\r\n"))->null_array);
    v = read_all(&r, LIT(",1.5e3\r\n"));
    assert_text(v, RESP_DOUBLE, "1.5e3");
    assert_true(v->number == 1500.0);
    assert_true(isinf(read_all(&r, LIT(",-inf\r\n"))->number));
    assert_true(isnan(read_all(&r, LIT(",nan\r\n"))->number));
    reply_reader_fini(&r);
}

static void
test_aggregates(void **state)
{
    struct reply_reader r = {0};
    const struct resp_value *v;

    v = read_all(&r, LIT("*0\r\n"));
    assert_int_equal(v->type, RESP_ARRAY);
    assert_int_equal(v->count, 0);
    v = read_all(&r, LIT("*3\r\n:1\r\n*2\r\n$1\r\na\r\n*-1\r\n~1\r\n#t\r\n"));
    assert_int_equal(v->count, 3);
    assert_int_equal(v->items[0].integer, 1);
    assert_text(&v->items[1].items[0], RESP_STRING, "a");
    assert_int_equal(v->items[1].items[1].type, RESP_NIL);
    assert_int_equal(v->items[2].type, RESP_SET);
    v = read_all(&r, LIT("%2\r\n+a\r\n:1\r\n+b\r\n*0\r\n"));
    assert_int_equal(v->type, RESP_MAP);
    assert_int_equal(v->count, 4);
    assert_int_equal(v->items[1].integer, 1);
    assert_int_equal(v->items[3].type, RESP_ARRAY);
    v = read_all(&r, LIT(">2\r\n+message\r\n+x\r\n"));
    assert_int_equal(v->type, RESP_PUSH);
    v = read_all(&r, LIT("|1\r\n+ttl\r\n:5\r\n*2\r\n|1\r\n+k\r\n_\r\n:1\r\n:2\r\n"));
    assert_int_equal(v->type, RESP_ARRAY);
    assert_non_null(v->attributes);
    assert_int_equal(v->attributes->items[1].integer, 5);
    assert_text(&v->items[0].attributes->items[0], RESP_STATUS, "k");
    assert_null(v->items[1].attributes);
    v = read_all(&r, LIT("|0\r\n:4\r\n"));
    assert_int_equal(v->integer, 4);
    reply_reader_fini(&r);
}

static void
test_malformed(void **state)
{
    /* clang-format off */
    static const struct slice cases[] = {
        LIT_INIT("\r\n"),          LIT_INIT("?\r\n"),         LIT_INIT(":x\r\n"),
        LIT_INIT(":\r\n"),         LIT_INIT(":99999999999999999999\r\n"), LIT_INIT("$-2\r\n"),
        LIT_INIT("$9999999999\r\n"), LIT_INIT("$1\r\nabc"),   LIT_INIT("*-2\r\n"),
        LIT_INIT("*9999999999\r\n"), LIT_INIT("%-1\r\n"),     LIT_INIT("#x\r\n"),
        LIT_INIT(",x\r\n"),        LIT_INIT("(12a\r\n"),      LIT_INIT("(\r\n"),
        LIT_INIT("_x\r\n"),        LIT_INIT("=3\r\nabc\r\n"), LIT_INIT("=5\r\nabcde\r\n"),
        LIT_INIT("$?\r\n"), LIT_INIT("*+-1\r\n"), LIT_INIT(":+-1\r\n"),        LIT_INIT("*?\r\n"),        LIT_INIT("!-1\r\n"),
        LIT_INIT("*1\r\n:x\r\n"),  LIT_INIT("~-1\r\n"),       LIT_INIT(",\r\n"),
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reply_reader r = {0};
        const struct resp_value *v;
        struct slice error = LIT("");
        size_t used;
        enum parse_result res = reply_read(&r, &roomy, cases[i], &used, &v, &error);
        if (res != PARSE_BAD)
            print_message("case %zu\n", i);
        assert_int_equal(res, PARSE_BAD);
        assert_true(error.len > 0);
        reply_reader_fini(&r);
    }
}

static void
test_limits(void **state)
{
    struct reply_reader r = {0};
    struct buf b = {0};
    const struct resp_value *v;
    struct slice error;
    size_t used;

    for (int i = 0; i < RESP_DEPTH_MAX; i++)
        buf_add_slice(&b, LIT("*1\r\n"));
    buf_add_slice(&b, LIT("*0\r\n"));
    assert_int_equal(reply_read(&r, &roomy, buf_slice(&b), &used, &v, &error), PARSE_DONE);
    buf_reset(&b);
    for (int i = 0; i <= RESP_DEPTH_MAX; i++)
        buf_add_slice(&b, LIT("*1\r\n"));
    buf_add_slice(&b, LIT(":1\r\n"));
    assert_int_equal(reply_read(&r, &roomy, buf_slice(&b), &used, &v, &error), PARSE_BAD);
    reply_reader_reset(&r);
    /* Announcements add up over all levels. */
    assert_int_equal(reply_read(&r, &roomy, LIT("*600000\r\n*600000\r\n"), &used, &v, &error), PARSE_BAD);
    reply_reader_reset(&r);
    struct reply_limits small = {.bulk_max = 3, .values_max = 10};
    assert_int_equal(reply_read(&r, &small, LIT("$3\r\nabc\r\n"), &used, &v, &error), PARSE_DONE);
    assert_int_equal(reply_read(&r, &small, LIT("$4\r\n"), &used, &v, &error), PARSE_BAD);
    buf_fini(&b);
    reply_reader_fini(&r);
}

static void
random_value(struct rng *g, struct buf *b, int depth)
{
    static const char aggregates[] = "*%~>|";
    uint64_t kind = rng_below(g, depth > 0 ? 14 : 9);

    switch (kind) {
    case 0: buf_printf(b, "+s%u\r\n", (unsigned)rng_below(g, 1000)); return;
    case 1: buf_printf(b, "-E%u\r\n", (unsigned)rng_below(g, 1000)); return;
    case 2: buf_printf(b, ":%lld\r\n", (long long)rng_next(g)); return;
    case 3: buf_printf(b, ",%.17g\r\n", (double)rng_below(g, 1000000) / 7); return;
    case 4: buf_printf(b, "#%c\r\n", rng_below(g, 2) ? 't' : 'f'); return;
    case 5: buf_add_slice(b, LIT("_\r\n")); return;
    case 6: buf_add_slice(b, rng_below(g, 2) ? LIT("$-1\r\n") : LIT("*-1\r\n")); return;
    case 7: buf_printf(b, "(%u%u\r\n", 1 + (unsigned)rng_below(g, 9), (unsigned)rng_below(g, 1000)); return;
    case 8: {
        unsigned n = (unsigned)rng_below(g, 40);
        buf_printf(b, "$%u\r\n", n);
        for (unsigned i = 0; i < n; i++)
            buf_add_char(b, "\r\n\0$*:ab"[rng_below(g, 8)]);
        buf_add_slice(b, LIT("\r\n"));
        return;
    }
    default: break;
    }
    char c = aggregates[kind - 9];
    unsigned n = (unsigned)rng_below(g, 5);
    buf_printf(b, "%c%u\r\n", c, n);
    for (unsigned i = 0; i < (c == '%' || c == '|' ? 2 * n : n); i++)
        random_value(g, b, depth - 1);
    if (c == '|')
        random_value(g, b, depth - 1);
}

/* Writes the tree back as RESP, without attributes. Texts of numbers are kept as sent. */
static void
write_back(const struct resp_value *v, struct buf *b)
{
    static const char kinds[] = "_$+-:,#(=*%~>";

    if (resp_is_aggregate(v)) {
        buf_printf(b, "%c%zu\r\n", kinds[v->type], v->type == RESP_MAP ? v->count / 2 : v->count);
        for (size_t i = 0; i < v->count; i++)
            write_back(&v->items[i], b);
    } else if (v->type == RESP_NIL) {
        buf_add_slice(b, v->null_array                                   ? LIT("*-1\r\n")
                         : v->text.ptr != NULL && v->text.ptr[-1] == '_' ? LIT("_\r\n")
                                                                         : LIT("$-1\r\n"));
    } else if (v->type == RESP_STRING) {
        buf_printf(b, "$%zu\r\n", v->text.len);
        buf_add_slice(b, v->text);
        buf_add_slice(b, LIT("\r\n"));
    } else {
        buf_add_char(b, kinds[v->type]);
        buf_add_slice(b, v->text);
        buf_add_slice(b, LIT("\r\n"));
    }
}

static void
test_random_trees_at_every_split(void **state)
{
    const char *env = getenv("SEED");
    uint64_t seed = env != NULL ? strtoull(env, NULL, 10) : 20240607;
    struct rng g;

    rng_seed(&g, seed);
    for (int round = 0; round < 400; round++) {
        struct buf text = {0}, back = {0};
        struct reply_reader r = {0};
        const struct resp_value *v = NULL;
        struct slice error;
        size_t used = 0;

        random_value(&g, &text, 4);
        /* Byte by byte in a fresh copy each time, so that a stale pointer shows under ASan. */
        for (size_t n = 1; n <= text.len; n++) {
            if (n < text.len && text.len > 300 && rng_below(&g, text.len / 100) != 0)
                continue;
            char *copy = mem_get(n);
            memcpy(copy, text.ptr, n);
            enum parse_result res = reply_read(&r, &roomy, slice_of(copy, n), &used, &v, &error);
            if (res != (n < text.len ? PARSE_MORE : PARSE_DONE))
                print_message("seed %llu round %d at %zu of %zu\n", (unsigned long long)seed, round, n, text.len);
            assert_int_equal(res, n < text.len ? PARSE_MORE : PARSE_DONE);
            if (res == PARSE_DONE)
                write_back(v, &back); /* reads every text of the tree */
            mem_free(copy);
        }
        assert_int_equal(used, text.len);
        buf_fini(&text);
        buf_fini(&back);
        reply_reader_fini(&r);
    }
}

/* The tree says what the bytes said: trees without attributes read and written back give the same bytes. */
static void
test_round_trip(void **state)
{
    struct rng g;
    int compared = 0;

    rng_seed(&g, 77);
    for (int round = 0; round < 3000; round++) {
        struct buf text = {0}, back = {0};
        struct reply_reader r = {0};

        random_value(&g, &text, 5);
        if (memchr(text.ptr, '|', text.len) == NULL) {
            write_back(read_all(&r, buf_slice(&text)), &back);
            assert_int_equal(back.len, text.len);
            assert_memory_equal(back.ptr, text.ptr, text.len);
            compared++;
        }
        buf_fini(&text);
        buf_fini(&back);
        reply_reader_fini(&r);
    }
    assert_true(compared > 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_aggregates),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_random_trees_at_every_split),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
