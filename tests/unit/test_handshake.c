/* What a replica says to a primary, and what it makes of any answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "base/rng.h"
#include "repl/handshake.h"

#include <stdio.h>
#include <string.h>

#define ID "0123456789abcdef0123456789abcdef01234567"

struct talk {
    struct handshake h;
    struct handshake_facts f;
    struct buf out, why;
};

static enum handshake_result
say(struct talk *t, const char *line)
{
    buf_reset(&t->out);
    buf_reset(&t->why);
    return handshake_line(&t->h, &t->f, slice_cstr(line), &t->out, &t->why);
}

static bool
sent(const struct talk *t, const char *words)
{
    return t->out.len == strlen(words) && memcmp(t->out.ptr, words, t->out.len) == 0;
}

static void
end(struct talk *t)
{
    buf_fini(&t->out);
    buf_fini(&t->why);
}

static void
begin(struct talk *t)
{
    buf_reset(&t->out);
    handshake_begin(&t->h, &t->out);
    assert_true(sent(t, "*1\r\n$4\r\nPING\r\n"));
}

static void
test_full(void **state)
{
    struct talk t = {.f = {.port = 7000}};

    (void)state;
    begin(&t);
    assert_int_equal(say(&t, ""), HANDSHAKE_MORE);
    assert_int_equal(say(&t, "+PONG"), HANDSHAKE_MORE);
    assert_true(sent(&t, "*3\r\n$8\r\nREPLCONF\r\n$14\r\nlistening-port\r\n$4\r\n7000\r\n"
                         "*5\r\n$8\r\nREPLCONF\r\n$4\r\ncapa\r\n$3\r\neof\r\n$4\r\ncapa\r\n$6\r\npsync2\r\n"));
    assert_int_equal(say(&t, "+OK"), HANDSHAKE_MORE);
    assert_int_equal(say(&t, "-ERR no such option"), HANDSHAKE_MORE);
    assert_true(sent(&t, "*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n"));
    assert_int_equal(say(&t, ""), HANDSHAKE_MORE);
    assert_int_equal(say(&t, "+FULLRESYNC " ID " 42"), HANDSHAKE_FULL);
    assert_string_equal(t.h.id, ID);
    assert_true(t.h.offset == 42);
    end(&t);
}

static void
until_psync(struct talk *t)
{
    begin(t);
    assert_int_equal(say(t, "+PONG"), HANDSHAKE_MORE);
    while (t->h.step == HS_REPLIES)
        assert_int_equal(say(t, "+OK"), HANDSHAKE_MORE);
}

static void
test_go_on(void **state)
{
    struct talk t = {.f = {.port = 7000,
                           .ip = LIT_INIT("10.0.0.1"),
                           .user = LIT_INIT("u"),
                           .password = LIT_INIT("p"),
                           .id = LIT_INIT(ID),
                           .next = 100,
                           .failover = true}};

    (void)state;
    until_psync(&t);
    assert_true(sent(&t, "*4\r\n$5\r\nPSYNC\r\n$40\r\n" ID "\r\n$3\r\n100\r\n$8\r\nFAILOVER\r\n"));
    assert_int_equal(say(&t, "+CONTINUE"), HANDSHAKE_CONTINUE);
    assert_string_equal(t.h.id, "");
    until_psync(&t);
    assert_int_equal(say(&t, "+CONTINUE " ID), HANDSHAKE_CONTINUE);
    assert_string_equal(t.h.id, ID);
    end(&t);
}

static void
test_refusals(void **state)
{
    /* clang-format off */
    static const char *const nonsense[] = {
        "+FULLRESYNC", "+FULLRESYNC ", "+FULLRESYNC x 1", "+FULLRESYNC " ID, "+FULLRESYNC " ID " ", "+FULLRESYNC " ID " -1",
        "+FULLRESYNC " ID " 9223372036854775807", "+FULLRESYNC " ID "x1", "+CONTINUE x", "+CONTINUE " ID "0", "hello", "*1",
        "-ERR something else", "-NOPERM no",
    };
    /* clang-format on */
    struct talk t = {.f = {.port = 1, .password = LIT_INIT("p")}};

    (void)state;
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        until_psync(&t);
        assert_int_equal(say(&t, nonsense[i]), HANDSHAKE_FAILED);
        assert_true(t.why.len > 0);
    }
    until_psync(&t);
    assert_int_equal(say(&t, "-NOMASTERLINK Can't SYNC"), HANDSHAKE_LATER);
    until_psync(&t);
    assert_int_equal(say(&t, "-LOADING wait"), HANDSHAKE_LATER);
    until_psync(&t);
    assert_int_equal(say(&t, "-ERR unknown command 'PSYNC'"), HANDSHAKE_OLD);
    assert_true(sent(&t, "*1\r\n$4\r\nSYNC\r\n"));
    begin(&t);
    assert_int_equal(say(&t, "-NOAUTH log in"), HANDSHAKE_MORE);
    assert_int_equal(say(&t, "-WRONGPASS"), HANDSHAKE_FAILED);
    begin(&t);
    assert_int_equal(say(&t, "-LOADING wait"), HANDSHAKE_FAILED);
    end(&t);
}

/* Which history it continues, as INFO tells it; a primary that does not let us have INFO is none the worse for it. */
static void
test_before(void **state)
{
    struct talk t = {.f = {.port = 1, .id = LIT_INIT(ID), .next = 9, .ask_before = true}};

    (void)state;
    begin(&t);
    assert_int_equal(say(&t, "+PONG"), HANDSHAKE_MORE);
    assert_int_equal(say(&t, "+OK"), HANDSHAKE_MORE);
    assert_int_equal(say(&t, "+OK"), HANDSHAKE_MORE);
    assert_true(sent(&t, "*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n"));
    assert_int_equal(say(&t, "$110"), HANDSHAKE_MORE);
    assert_int_equal(say(&t, "# Replication"), HANDSHAKE_MORE);
    assert_int_equal(say(&t, "master_replid2:" ID), HANDSHAKE_MORE);
    assert_int_equal(say(&t, ""), HANDSHAKE_MORE); /* an empty one may be part of it */
    assert_int_equal(say(&t, "second_repl_offset:77"), HANDSHAKE_MORE);
    assert_int_equal(say(&t, "role:master"), HANDSHAKE_MORE);
    assert_int_equal(t.out.len, 0);
    assert_int_equal(say(&t, ""), HANDSHAKE_MORE);
    assert_true(sent(&t, "*3\r\n$5\r\nPSYNC\r\n$40\r\n" ID "\r\n$1\r\n9\r\n"));
    assert_string_equal(t.h.before, ID);
    assert_int_equal(t.h.before_until, 77);
    assert_int_equal(say(&t, "+CONTINUE"), HANDSHAKE_CONTINUE);

    static const char *const nonsense[] = {"+OK", "$x", "$-1", "$2000000", "*3"};
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        begin(&t);
        (void)say(&t, "+PONG");
        (void)say(&t, "+OK");
        assert_int_equal(say(&t, "+OK"), HANDSHAKE_MORE);
        assert_int_equal(say(&t, nonsense[i]), HANDSHAKE_FAILED);
    }
    begin(&t);
    (void)say(&t, "+PONG");
    (void)say(&t, "+OK");
    (void)say(&t, "+OK");
    assert_int_equal(say(&t, "-NOPERM no INFO for you"), HANDSHAKE_MORE);
    assert_true(t.h.mute && t.h.before[0] == '\0' && slice_starts(buf_slice(&t.out), LIT("*3\r\n$5\r\nPSYNC")));
    end(&t);
}

/* Who has been asked to take over, and may have done it, is asked first what it is. */
static void
test_failover_again(void **state)
{
    static const char *const roles[] = {"role:slave", "role:master", "role:masterful"};
    struct talk t = {.f = {.port = 1, .id = LIT_INIT(ID), .next = 9, .failover = true, .ask_before = true}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        bool primary = i == 1;
        char head[32];

        begin(&t);
        (void)say(&t, "+PONG");
        (void)say(&t, "+OK");
        (void)say(&t, "+OK");
        assert_false(t.h.asked_over);
        snprintf(head, sizeof(head), "$%zu", strlen(roles[i]) + 2);
        assert_int_equal(say(&t, head), HANDSHAKE_MORE);
        assert_int_equal(say(&t, roles[i]), HANDSHAKE_MORE);
        assert_int_equal(say(&t, ""), HANDSHAKE_MORE);
        assert_true(slice_starts(buf_slice(&t.out), primary ? LIT("*3\r\n$5\r\nPSYNC") : LIT("*4\r\n$5\r\nPSYNC")));
        assert_int_equal(t.h.asked_over, !primary);
        assert_int_equal(say(&t, "-ERR unknown command 'PSYNC'"), HANDSHAKE_FAILED); /* SYNC would not do */
    }
    end(&t);
}

static void
test_bulk(void **state)
{
    struct handshake_bulk b;
    struct buf why = {0};

    (void)state;
    assert_int_equal(handshake_bulk(LIT(""), &b, &why), BULK_EMPTY_LINE);
    assert_int_equal(handshake_bulk(LIT("$12345"), &b, &why), BULK_BEGINS);
    assert_true(!b.marked && b.len == 12345);
    assert_int_equal(handshake_bulk(LIT("$EOF:" ID), &b, &why), BULK_BEGINS);
    assert_true(b.marked && memcmp(b.mark, ID, 40) == 0);
    assert_int_equal(handshake_bulk(LIT("$EOF:short"), &b, &why), BULK_REFUSED);
    assert_int_equal(handshake_bulk(LIT("$-1"), &b, &why), BULK_REFUSED);
    assert_int_equal(handshake_bulk(LIT("$"), &b, &why), BULK_REFUSED);
    assert_int_equal(handshake_bulk(LIT("-ERR no"), &b, &why), BULK_REFUSED);
    buf_fini(&why);
}

/* Any bytes for lines: no crash, and an end after a failure is the caller's. */
static void
test_noise(void **state)
{
    struct rng g;
    char line[80];

    (void)state;
    rng_seed(&g, 7);
    for (int round = 0; round < 20000; round++) {
        struct talk t = {.f = {.port = 1, .password = LIT_INIT("p"), .ip = LIT_INIT("h")}};
        handshake_begin(&t.h, &t.out);
        for (int i = 0; i < 8; i++) {
            static const char *const starts[] = {"+", "-", "+FULLRESYNC " ID " ", "+CONTINUE ", "-ERR unknown command",
                                                 ""};
            const char *start = starts[rng_below(&g, 6)];
            size_t n = strlen(start), more = rng_below(&g, sizeof(line) - 56);
            memcpy(line, start, n);
            for (size_t k = 0; k < more && n < sizeof(line); k++)
                line[n++] = (char)rng_below(&g, 256);
            if (handshake_line(&t.h, &t.f, slice_of(line, n), &t.out, &t.why) != HANDSHAKE_MORE)
                break;
        }
        end(&t);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),   cmocka_unit_test(test_go_on),          cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_before), cmocka_unit_test(test_failover_again), cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
