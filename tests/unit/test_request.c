/* Unit tests of proto/request.c: well-formed commands, every malformed form, splits at every byte, inline quoting. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proto/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct request_limits plain = {512u << 20, INT32_MAX, 64u << 10, 0};
static const struct request_limits unauthenticated = {512u << 20, 10, 64u << 10, 16u << 10};

/* Parses all of `in` into one text: arguments in brackets, commands ended by ';', then the result that ended it. */
static void
describe(const struct request_limits *lim, struct slice in, struct buf *out)
{
    struct request_parser p = {0};
    struct slice_vec argv = {0};
    struct slice error = {0};
    enum parse_result r;

    for (;;) {
        size_t used = 0, before = argv.n;
        r = request_parse(&p, lim, in, &argv, &used, &error);
        if (r != PARSE_DONE)
            break;
        assert_true(used > 0 && used <= in.len);
        for (size_t i = before; i < argv.n; i++)
            buf_printf(out, "[%.*s]", (int)argv.v[i].len, argv.v[i].ptr);
        buf_add_char(out, ';');
        in = slice_skip(in, used);
    }
    if (r == PARSE_BAD)
        buf_add_slice(out, error);
    else if (in.len > 0)
        buf_printf(out, "...");
    request_parser_fini(&p);
    assert_null(p.held);
    slice_vec_fini(&argv);
}

static void
expect_with(const struct request_limits *lim, struct slice in, const char *want)
{
    struct buf out = {0};

    describe(lim, in, &out);
    buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, want);
    buf_fini(&out);
}

#define EXPECT(in, want) expect_with(&plain, LIT(in), want)

static void
test_whole_commands(void **state)
{
    EXPECT("*1\r\n$4\r\nPING\r\n", "[PING];");
    EXPECT("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$11\r\nhello world\r\n*1\r\n$4\r\nPING\r\n",
           "[SET][key][hello world];[PING];");
    EXPECT("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", "[ECHO][];");
    EXPECT("*1\r\n$0\r\n\r\nPING\r\n", "[];[PING];");
    EXPECT("*0\r\nPING\r\n", ";[PING];");
    EXPECT("*-1\r\nPING\r\n", ";[PING];");
    EXPECT("*-10\r\nPING\r\n", ";[PING];");
    EXPECT("*11\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n$1\r\n8\r\n$"
           "1\r\n9\r\n"
           "$1\r\na\r\n",
           "[0][1][2][3][4][5][6][7][8][9][a];");
    EXPECT("", "");
}

static void
test_lenient_line_ends(void **state)
{
    /* The byte after CR and the two after a bulk string are not looked at, as with redis. */
    EXPECT("*1\r\n$4\r\nPINGxxPING\r\n", "[PING];[PING];");
    EXPECT("*1\rx$4\ryPING\r\n", "[PING];");
}

static void
test_incomplete(void **state)
{
    EXPECT("*", "...");
    EXPECT("*1", "...");
    EXPECT("*1\r", "...");
    EXPECT("*1\r\n", "...");
    EXPECT("*1\r\n$", "...");
    EXPECT("*1\r\n$4\r", "...");
    EXPECT("*1\r\n$4\r\nPING", "...");
    EXPECT("*1\r\n$4\r\nPING\r", "...");
    EXPECT("*1\r\n$536870912\r\n", "...");
    EXPECT("*1\r\n!", "...");
    EXPECT("*1048576\r\n", "...");
    EXPECT("*2147483647\r\n", "...");
    EXPECT("PING", "...");
    EXPECT("PING\r", "...");
}

static void
test_bad_counts(void **state)
{
    static const char want[] = "ERR Protocol error: invalid multibulk length";

    EXPECT("*a\r\n", want);
    EXPECT("*\r\n", want);
    EXPECT("* 1\r\n", want);
    EXPECT("*+1\r\n$4\r\nPING\r\n", want);
    EXPECT("*01\r\n$4\r\nPING\r\n", want);
    EXPECT("*-0\r\n", want);
    EXPECT("*1\n$4\r\nPING\r\n", want);
    EXPECT("*2147483648\r\n", want);
    EXPECT("*99999999999999999999\r\n", want);
    EXPECT("*1x\r\n", want);
}

static void
test_bad_lengths(void **state)
{
    static const char want[] = "ERR Protocol error: invalid bulk length";

    EXPECT("*1\r\n$-1\r\n", want);
    EXPECT("*1\r\n$a\r\n", want);
    EXPECT("*1\r\n$\r\n", want);
    EXPECT("*1\r\n$ 4\r\n", want);
    EXPECT("*1\r\n$+4\r\n", want);
    EXPECT("*1\r\n$04\r\nPING\r\n", want);
    EXPECT("*1\r\n$-0\r\n", want);
    EXPECT("*1\r\n$536870913\r\n", want);
    EXPECT("*1\r\n$99999999999999999999\r\n", want);
    EXPECT("*2\r\n$4\r\nECHO\r\n$9223372036854775807\r\n", want);
}

static void
test_bad_types(void **state)
{
    EXPECT("*1\r\n:3\r\n", "ERR Protocol error: expected '$', got ':'");
    EXPECT("*1\r\nPING\r\n", "ERR Protocol error: expected '$', got 'P'");
    EXPECT("*1\r\n*4\r\nPING\r\n", "ERR Protocol error: expected '$', got '*'");
    EXPECT("*1\r\n\r\n", "ERR Protocol error: expected '$', got '\r'"); /* the reply writer makes a blank of it */
    EXPECT("*1\r\n\xff"
           "4\r\n",
           "ERR Protocol error: expected '$', got '\xff'");
    EXPECT("*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n!1\r\n", "[PING];ERR Protocol error: expected '$', got '!'");
}

/* `head` followed by n copies of c, then `tail`. */
static void
expect_long(const char *head, size_t n, char c, const char *tail, const char *want)
{
    struct buf in = {0};

    buf_add(&in, head, strlen(head));
    memset(buf_room(&in, n), c, n);
    buf_advance(&in, n);
    buf_add(&in, tail, strlen(tail));
    expect_with(&plain, buf_slice(&in), want);
    buf_fini(&in);
}

static void
test_long_lines(void **state)
{
    expect_long("", 65536, 'x', "", "...");
    expect_long("", 65537, 'x', "", "ERR Protocol error: too big inline request");
    expect_long("", 70000, 'x', "\r\n", "ERR Protocol error: too big inline request");
    expect_long("*", 65535, '1', "", "...");
    expect_long("*", 65536, '1', "", "ERR Protocol error: too big mbulk count string");
    expect_long("*1\r\n$", 65535, '1', "", "...");
    expect_long("*1\r\n$", 65536, '1', "", "ERR Protocol error: too big bulk count string");
}

static void
test_unauthenticated(void **state)
{
    expect_with(&unauthenticated, LIT("*11\r\n"), "ERR Protocol error: unauthenticated multibulk length");
    expect_with(&unauthenticated, LIT("*10\r\n"), "...");
    expect_with(&unauthenticated, LIT("*2147483648\r\n"), "ERR Protocol error: invalid multibulk length");
    expect_with(&unauthenticated, LIT("*1\r\n$16385\r\n"), "ERR Protocol error: unauthenticated bulk length");
    expect_with(&unauthenticated, LIT("*1\r\n$16384\r\n"), "...");
    expect_with(&unauthenticated, LIT("*1\r\n$536870913\r\n"), "ERR Protocol error: invalid bulk length");
    expect_with(&unauthenticated, LIT("*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n"), "[AUTH][x];");
}

static void
test_inline(void **state)
{
    static const char unbalanced[] = "ERR Protocol error: unbalanced quotes in request";

    EXPECT("PING\n", "[PING];");
    EXPECT("PING\r\n", "[PING];");
    EXPECT("PING\r\r\n", "[PING];");
    EXPECT("  SET  a\tb  \r\n", "[SET][a][b];");
    EXPECT("\r\nPING\r\n", ";[PING];");
    EXPECT("   \r\n\nPING\r\n", ";;[PING];");
    EXPECT("$4\r\nPING\r\n", "[$4];[PING];");
    EXPECT("ECHO\va\r\n", "[ECHO\va];");
    EXPECT("ECHO a\rb\r\n", "[ECHO][a][b];");
    EXPECT("ECHO \"a\\x41\\n\\\"q\"\r\n", "[ECHO][aA\n\"q];");
    EXPECT("ECHO \"\\xzz\\q\\a\\b\\t\\r\"\r\n", "[ECHO][xzzq\a\b\t\r];");
    EXPECT("ECHO \"a\rb\"\r\n", "[ECHO][a\rb];");
    EXPECT("ECHO 'a\\x41\\n\\'q'\r\n", "[ECHO][a\\x41\\n'q];");
    EXPECT("ECHO \"\" '' x\r\n", "[ECHO][][][x];");
    EXPECT("\"\"\r\nPING\r\n", "[];[PING];");
    EXPECT("ECHO a\"b c\" d'e f'\r\n", "[ECHO][ab c][de f];");
    EXPECT("ECHO a\\ b\r\n", "[ECHO][a\\][b];");
    EXPECT("ECHO 'x' \"y\"\r\nECHO 'z'\r\n", "[ECHO][x][y];[ECHO][z];");
    EXPECT("PING \"abc\r\n", unbalanced);
    EXPECT("ECHO \"abc\"d\r\n", unbalanced);
    EXPECT("ECHO 'abc'd\r\n", unbalanced);
    EXPECT("ECHO ab\"c\r\n", unbalanced);
    EXPECT("ECHO \"a\\\r\n", unbalanced);
    EXPECT("ECHO 'a\\\r\n", unbalanced);
}

static void
test_inline_text_outlives_later_commands(void **state)
{
    struct request_parser p = {0};
    struct slice_vec argv = {0};
    struct slice in = LIT("ECHO 'first one'\r\nECHO \"second\"\r\n*2\r\n$4\r\nECHO\r\n$5\r\nth"), error;
    size_t used;

    assert_int_equal(request_parse(&p, &plain, in, &argv, &used, &error), PARSE_DONE);
    in = slice_skip(in, used);
    assert_int_equal(request_parse(&p, &plain, in, &argv, &used, &error), PARSE_DONE);
    in = slice_skip(in, used);
    assert_int_equal(request_parse(&p, &plain, in, &argv, &used, &error), PARSE_MORE);
    assert_int_equal(argv.n, 4);
    assert_true(slice_eq(argv.v[1], LIT("first one")));
    assert_true(slice_eq(argv.v[3], LIT("second")));
    request_forget(&p);
    /* What was incomplete goes on. */
    argv.n = 0;
    in = LIT("*2\r\n$4\r\nECHO\r\n$5\r\nthird\r\n");
    assert_int_equal(request_parse(&p, &plain, in, &argv, &used, &error), PARSE_DONE);
    assert_int_equal(argv.n, 2);
    assert_true(slice_eq(argv.v[1], LIT("third")));
    assert_null(p.held);
    slice_vec_fini(&argv);
}

static void
test_wants(void **state)
{
    struct request_parser p = {0};
    struct slice_vec argv = {0};
    struct slice error;
    size_t used;

    assert_int_equal(request_parse(&p, &plain, LIT("*2\r\n$3\r\nGET\r\n"), &argv, &used, &error), PARSE_MORE);
    assert_int_equal(request_wants(&p), 0);
    assert_int_equal(request_parse(&p, &plain, LIT("*2\r\n$3\r\nGET\r\n$1000\r\nab"), &argv, &used, &error),
                     PARSE_MORE);
    assert_int_equal(request_wants(&p), 13 + 7 + 1000 + 2);
    assert_int_equal(argv.n, 0);
    request_parser_fini(&p);
    slice_vec_fini(&argv);
}

/* Feeds `in` in steps that `next` chooses, in memory that moves each time, and expects the same as from one piece. */
static void
expect_same_in_pieces(struct slice in, size_t (*next)(void *ctx), void *ctx)
{
    struct buf whole = {0}, pieces = {0};
    struct request_parser p = {0};
    struct slice_vec argv = {0};
    struct slice error = {0};
    size_t from = 0, until = 0;
    enum parse_result r = PARSE_MORE;

    describe(&plain, in, &whole);
    while (until < in.len && r != PARSE_BAD) {
        until += next(ctx);
        until = until < in.len ? until : in.len;
        for (;;) {
            size_t used = 0, n = until - from;
            char *copy = mem_get(n + 1);
            memcpy(copy, in.ptr + from, n);
            argv.n = 0;
            r = request_parse(&p, &plain, slice_of(copy, n), &argv, &used, &error);
            for (size_t i = 0; r == PARSE_DONE && i < argv.n; i++)
                buf_printf(&pieces, "[%.*s]", (int)argv.v[i].len, argv.v[i].ptr);
            if (r == PARSE_DONE)
                buf_add_char(&pieces, ';');
            mem_free(copy);
            request_forget(&p);
            if (r != PARSE_DONE)
                break;
            from += used;
        }
    }
    if (r == PARSE_BAD)
        buf_add_slice(&pieces, error);
    else if (from < in.len)
        buf_printf(&pieces, "...");
    buf_add_char(&whole, '\0');
    buf_add_char(&pieces, '\0');
    assert_string_equal(pieces.ptr, whole.ptr);
    request_parser_fini(&p);
    slice_vec_fini(&argv);
    buf_fini(&whole);
    buf_fini(&pieces);
}

static size_t
one_byte(void *ctx)
{
    return 1;
}

struct cut {
    size_t at;
    int call;
};

static size_t
one_cut(void *ctx)
{
    struct cut *c = ctx;

    return c->call++ == 0 ? c->at : SIZE_MAX / 2;
}

static void
test_split_at_every_byte(void **state)
{
    static const struct slice inputs[] = {
        LIT_INIT("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$11\r\nhello world\r\n*1\r\n$4\r\nPING\r\n"),
        LIT_INIT("*0\r\n*-1\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"),
        LIT_INIT("ECHO 'a b' \"c\\x41\"\r\n*1\r\n$4\r\nPING\r\nSET a b\n"),
        LIT_INIT("*12\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n$"
                 "1\r\n8\r\n$1\r\n9\r\n"
                 "$1\r\na\r\n$2\r\nbc\r\n"),
        LIT_INIT("*1\r\n$4\r\nPING\r\n*1\r\n$x\r\n"),
        LIT_INIT("*2\r\n$4\r\nECHO\r\n:1\r\n"),
        LIT_INIT("PING\r\nPING 'x\r\n"),
    };

    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        expect_same_in_pieces(inputs[i], one_byte, NULL);
        for (size_t at = 1; at < inputs[i].len; at++) {
            struct cut c = {at, 0};
            expect_same_in_pieces(inputs[i], one_cut, &c);
        }
    }
}

static size_t
random_step(void *ctx)
{
    return 1 + rng_below(ctx, 40);
}

static void
add_random_command(struct rng *rng, struct buf *in)
{
    uint64_t n = 1 + rng_below(rng, 12);

    buf_printf(in, "*%d\r\n", (int)n);
    while (n-- > 0) {
        size_t len = rng_below(rng, 10) == 0 ? rng_below(rng, 3000) : rng_below(rng, 12);
        buf_printf(in, "$%zu\r\n", len);
        while (len-- > 0)
            buf_add_char(in, (char)('a' + rng_below(rng, 26)));
        buf_add(in, "\r\n", 2);
    }
}

static void
test_random_pieces(void **state)
{
    const char *given = getenv("SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 1;
    struct rng rng;

    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(&rng, seed);
    for (int round = 0; round < 300; round++) {
        struct buf in = {0};
        for (uint64_t n = 1 + rng_below(&rng, 8); n > 0; n--)
            add_random_command(&rng, &in);
        if (rng_below(&rng, 3) == 0) /* a damaged byte: whatever comes of it must not depend on the pieces */
            in.ptr[rng_below(&rng, in.len)] = (char)('0' + rng_below(&rng, 70));
        expect_same_in_pieces(buf_slice(&in), random_step, &rng);
        buf_fini(&in);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_commands), cmocka_unit_test(test_lenient_line_ends),
        cmocka_unit_test(test_incomplete),     cmocka_unit_test(test_bad_counts),
        cmocka_unit_test(test_bad_lengths),    cmocka_unit_test(test_bad_types),
        cmocka_unit_test(test_long_lines),     cmocka_unit_test(test_unauthenticated),
        cmocka_unit_test(test_inline),         cmocka_unit_test(test_inline_text_outlives_later_commands),
        cmocka_unit_test(test_wants),          cmocka_unit_test(test_split_at_every_byte),
        cmocka_unit_test(test_random_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
