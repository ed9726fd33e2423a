/* Unit tests of proto/reply.c: every writer in both protocols, marks, references, and forged lines. */
#include "proto/reply.h"

#include "base/mem.h"
#include "support/talk.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What would go over the wire. */
static void
expect_bytes(struct out *o, struct slice want)
{
    struct buf got = {0};

    talk_drain(o, &got);
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.ptr, want.ptr, want.len);
    buf_fini(&got);
}

#define BOTH(call, want2, want3)              \
    do {                                      \
        struct out o_ = {0};                  \
        struct reply r_ = {&o_, 2}, *r = &r_; \
        call;                                 \
        expect_bytes(&o_, LIT(want2));        \
        r_.resp = 3;                          \
        call;                                 \
        expect_bytes(&o_, LIT(want3));        \
        out_fini(&o_);                        \
    } while (0)

static void
test_lines(void **state)
{
    BOTH(reply_put_simple(r, LIT("OK")), "+OK\r\n", "+OK\r\n");
    BOTH(reply_put_simple(r, LIT("")), "+\r\n", "+\r\n");
    BOTH(reply_put_simple(r, LIT("a\r\n-b\0c")), "+a  -b c\r\n", "+a  -b c\r\n");
    BOTH(reply_put_error(r, LIT("ERR x\r\n+OK\r\n")), "-ERR x  +OK  \r\n", "-ERR x  +OK  \r\n");
}

static void
test_numbers(void **state)
{
    BOTH(reply_put_int(r, 0), ":0\r\n", ":0\r\n");
    BOTH(reply_put_int(r, 9), ":9\r\n", ":9\r\n");
    BOTH(reply_put_int(r, 10), ":10\r\n", ":10\r\n");
    BOTH(reply_put_int(r, 99), ":99\r\n", ":99\r\n");
    BOTH(reply_put_int(r, 100), ":100\r\n", ":100\r\n");
    BOTH(reply_put_int(r, -1), ":-1\r\n", ":-1\r\n");
    BOTH(reply_put_int(r, INT64_MAX), ":9223372036854775807\r\n", ":9223372036854775807\r\n");
    BOTH(reply_put_int(r, INT64_MIN), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n");
    BOTH(reply_put_double(r, 1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
    BOTH(reply_put_double(r, 3), "$1\r\n3\r\n", ",3\r\n");
    BOTH(reply_put_double(r, 3.1), "$3\r\n3.1\r\n", ",3.1\r\n");
    BOTH(reply_put_double(r, 1e300), "$6\r\n1e+300\r\n", ",1e+300\r\n");
    BOTH(reply_put_double(r, INFINITY), "$3\r\ninf\r\n", ",inf\r\n");
    BOTH(reply_put_double(r, -INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
    BOTH(reply_put_bool(r, true), ":1\r\n", "#t\r\n");
    BOTH(reply_put_bool(r, false), ":0\r\n", "#f\r\n");
    BOTH(reply_put_bignum(r, LIT("1234567999999999999999999999999999999")),
         "$37\r\n1234567999999999999999999999999999999\r\n", "(1234567999999999999999999999999999999\r\n");
}

static void
test_strings(void **state)
{
    BOTH(reply_put_bulk(r, LIT("")), "$0\r\n\r\n", "$0\r\n\r\n");
    BOTH(reply_put_bulk(r, ((struct slice){NULL, 0})), "$0\r\n\r\n", "$0\r\n\r\n");
    BOTH(reply_put_bulk(r, LIT("a\r\n\0b")), "$5\r\na\r\n\0b\r\n", "$5\r\na\r\n\0b\r\n");
    BOTH(reply_put_verbatim(r, "txt", LIT("hello")), "$5\r\nhello\r\n", "=9\r\ntxt:hello\r\n");
    BOTH(reply_put_null(r), "$-1\r\n", "_\r\n");
    BOTH(reply_put_null_array(r), "*-1\r\n", "_\r\n");
}

static void
test_aggregates(void **state)
{
    BOTH(reply_put_array(r, 0), "*0\r\n", "*0\r\n");
    BOTH(reply_put_array(r, 1000), "*1000\r\n", "*1000\r\n");
    BOTH(reply_put_map(r, 6), "*12\r\n", "%6\r\n");
    BOTH(reply_put_set(r, 3), "*3\r\n", "~3\r\n");
    BOTH(reply_put_push(r, 3), "*3\r\n", ">3\r\n");
    BOTH(reply_put_attribute(r, 1), "", "|1\r\n");
}

static void
test_marks(void **state)
{
    for (size_t n = 0; n <= 1200; n += n < 12 ? 1 : 99) {
        struct out o = {0};
        struct reply r = {&o, 3};
        struct buf want = {0};

        reply_put_simple(&r, LIT("before"));
        buf_printf(&want, "+before\r\n");
        struct reply_mark m = reply_mark_here(&r);
        struct reply_mark inner = reply_mark_here(&r);
        for (size_t i = 0; i < n; i++)
            reply_put_int(&r, (int64_t)i);
        reply_close_set(&r, inner, n);
        reply_close_map(&r, m, n);
        reply_put_null(&r);
        buf_printf(&want, "%%%zu\r\n~%zu\r\n", n, n);
        for (size_t i = 0; i < n; i++)
            buf_printf(&want, ":%zu\r\n", i);
        buf_printf(&want, "_\r\n");
        expect_bytes(&o, buf_slice(&want));
        buf_fini(&want);
        out_fini(&o);
    }
}

static void
count_release(void *owner)
{
    ++*(int *)owner;
}

static void
test_references(void **state)
{
    struct out o = {0};
    struct reply r = {&o, 2};
    int released = 0;

    reply_put_bulk_ref(&r, LIT("first"), count_release, &released);
    struct reply_mark m = reply_mark_here(&r);
    reply_put_bulk_ref(&r, LIT("second"), count_release, &released);
    reply_put_bulk_ref(&r, LIT(""), count_release, &released);
    reply_close_array(&r, m, 12345);
    expect_bytes(&o, LIT("$5\r\nfirst\r\n*12345\r\n$6\r\nsecond\r\n$0\r\n\r\n"));
    assert_int_equal(released, 3);
    reply_put_bulk_ref(&r, LIT("dropped"), count_release, &released);
    out_fini(&o);
    assert_int_equal(released, 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),      cmocka_unit_test(test_numbers), cmocka_unit_test(test_strings),
        cmocka_unit_test(test_aggregates), cmocka_unit_test(test_marks),   cmocka_unit_test(test_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
