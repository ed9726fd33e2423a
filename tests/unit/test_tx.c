/* tests/unit/test_tx.c - MULTI, EXEC, DISCARD, WATCH. */
#include "engine_fixture.h"

static void
test_queue_and_exec(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *other = client(f);

    assert_says(f, s, "exec", "-ERR EXEC without MULTI\r\n");
    assert_says(f, s, "discard", "-ERR DISCARD without MULTI\r\n");
    assert_says(f, s, "multi", "+OK\r\n");
    assert_int_equal(session_multi_count(s), 0);
    assert_says(f, s, "multi", "-ERR MULTI calls can not be nested\r\n");
    assert_says(f, s, "watch a", "-ERR WATCH inside MULTI is not allowed\r\n");
    assert_says(f, s, "set a 1", "+QUEUED\r\n");
    assert_says(f, s, "rpush a x", "+QUEUED\r\n");
    assert_says(f, s, "get a", "+QUEUED\r\n");
    assert_int_equal(session_multi_count(s), 3);
    assert_true(session_multi_memory(s) > 0);
    assert_says(f, other, "get a", "$-1\r\n");
    assert_says(f, s, "exec",
                "*3\r\n+OK\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n$1\r\n1\r\n");
    assert_int_equal(session_multi_count(s), -1);
    assert_int_equal(session_multi_memory(s), 0);
    assert_string_equal(feed(f, s, "multi\r\nset b 1\r\nexec\r\nget b\r\n"),
                        "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n$1\r\n1\r\n");
    assert_string_equal(feed(f, s, "multi\r\nexec\r\n"), "+OK\r\n*0\r\n");
}

static void
test_abort(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_string_equal(feed(f, s, "multi\r\nset a 1\r\nnope\r\nexec\r\nget a\r\n"),
                        "+OK\r\n+QUEUED\r\n-ERR unknown command 'nope', with args beginning with: \r\n"
                        "-EXECABORT Transaction discarded because of previous errors.\r\n$-1\r\n");
    assert_string_equal(feed(f, s, "multi\r\nget\r\nexec\r\n"),
                        "+OK\r\n-ERR wrong number of arguments for 'get' command\r\n"
                        "-EXECABORT Transaction discarded because of previous errors.\r\n");
    assert_string_equal(feed(f, s, "multi\r\nnomulti\r\nexec\r\n"),
                        "+OK\r\n-ERR Command not allowed inside a transaction\r\n"
                        "-EXECABORT Transaction discarded because of previous errors.\r\n");
    assert_string_equal(feed(f, s, "multi\r\nset a 1\r\ndiscard\r\nget a\r\nexec\r\n"),
                        "+OK\r\n+QUEUED\r\n+OK\r\n$-1\r\n-ERR EXEC without MULTI\r\n");
    /* The trouble of one transaction is not that of the next. */
    assert_string_equal(feed(f, s, "multi\r\nnope\r\ndiscard\r\nmulti\r\nexec\r\n"),
                        "+OK\r\n-ERR unknown command 'nope', with args beginning with: \r\n+OK\r\n+OK\r\n*0\r\n");
    assert_string_equal(feed(f, s, "nope\r\nmulti\r\nexec\r\n"),
                        "-ERR unknown command 'nope', with args beginning with: \r\n+OK\r\n*0\r\n");
}

/* Watches, lets somebody do something, and tells whether EXEC went through. */
static bool
survives(struct fixture *f, const char *watch, const char *deed)
{
    struct session *s = client(f), *other = client(f);

    say(f, s, watch);
    assert_true(session_watch_count(s) > 0);
    feed(f, other, deed);
    say(f, s, "multi");
    say(f, s, "ping");
    const char *reply = say(f, s, "exec");
    bool ok = strcmp(reply, "*1\r\n+PONG\r\n") == 0;
    if (!ok)
        assert_string_equal(reply, "*-1\r\n");
    assert_int_equal(session_watch_count(s), 0);
    /* Watches are gone in either case. */
    assert_string_equal(feed(f, s, "multi\r\nexec\r\n"), "+OK\r\n*0\r\n");
    engine_session_close(other);
    engine_session_close(s);
    return ok;
}

static void
test_watch(void **state)
{
    struct fixture *f = *state;

    assert_false(survives(f, "watch a", "set a 1\r\n"));
    assert_false(survives(f, "watch a", "set a 1\r\n")); /* the same value is a change too */
    assert_true(survives(f, "watch a", "get a\r\n"));
    assert_true(survives(f, "watch a", "set b 1\r\n"));
    assert_false(survives(f, "watch b a", "append a 1\r\n"));
    assert_false(survives(f, "watch a", "del a\r\n"));
    assert_true(survives(f, "watch a", "del a\r\n"));
    assert_false(survives(f, "watch a", "rename b a\r\n"));
    assert_false(survives(f, "watch a", "rename a b\r\n"));
    assert_false(survives(f, "watch b", "pexpire b 100000\r\n"));
    assert_true(survives(f, "watch b", "select 1\r\nset b 1\r\n"));
    assert_true(survives(f, "watch nil", "flushall\r\n"));
    assert_true(survives(f, "watch l", "lpop l\r\n"));
    assert_false(survives(f, "watch l", "rpush l a\r\n"));
    assert_false(survives(f, "watch l", "lpop l\r\n"));
    say(f, client(f), "set b 1");
    assert_false(survives(f, "watch b", "flushall\r\n"));
    assert_false(survives(f, "watch a", "multi\r\nset a 1\r\nexec\r\n"));
}

static void
test_watch_swapdb(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    feed(f, s, "set a 1\r\nselect 1\r\nset b 1\r\n");
    assert_false(survives(f, "watch a", "swapdb 0 1\r\n"));
    assert_false(survives(f, "watch a", "swapdb 0 1\r\n")); /* absent before, there afterwards */
    assert_true(survives(f, "watch c", "swapdb 0 1\r\n"));
    assert_true(survives(f, "watch a", "swapdb 2 3\r\n"));
}

static void
test_own_changes(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_string_equal(feed(f, s, "watch a\r\nmulti\r\nset a 1\r\nset a 2\r\nexec\r\n"),
                        "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n");
    /* Between WATCH and MULTI one's own change counts like any other's. */
    assert_string_equal(feed(f, s, "watch a\r\nset a 1\r\nmulti\r\nexec\r\n"), "+OK\r\n+OK\r\n+OK\r\n*-1\r\n");
    assert_string_equal(feed(f, s, "watch a\r\nset a 1\r\nunwatch\r\nmulti\r\nexec\r\n"),
                        "+OK\r\n+OK\r\n+OK\r\n+OK\r\n*0\r\n");
    assert_string_equal(feed(f, s, "watch a\r\nset a 1\r\nreset\r\nmulti\r\nexec\r\n"),
                        "+OK\r\n+OK\r\n+RESET\r\n+OK\r\n*0\r\n");
}

static void
test_watch_expiry(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    feed(f, s, "set a 1 px 10\r\nwatch a\r\n");
    pass_ms(f, 20);
    assert_string_equal(feed(f, s, "multi\r\nexec\r\n"), "+OK\r\n*-1\r\n");
    feed(f, s, "set a 1 px 10\r\nwatch a\r\n");
    jump_ms(f, 20); /* nobody has looked at it since */
    assert_string_equal(feed(f, s, "multi\r\nexec\r\n"), "+OK\r\n*-1\r\n");
    feed(f, s, "set b 1 px 10\r\n");
    jump_ms(f, 20);
    assert_string_equal(feed(f, s, "watch b\r\nmulti\r\nexec\r\n"), "+OK\r\n+OK\r\n*0\r\n"); /* was gone before */
}

static void
test_no_blocking_inside(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_string_equal(feed(f, s, "multi\r\nblpop l 0\r\nexec\r\n"), "+OK\r\n+QUEUED\r\n*1\r\n*-1\r\n");
    assert_false(session_is_blocked(s));
}

static void
test_select_inside(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_string_equal(feed(f, s, "multi\r\nselect 3\r\nset a 3\r\nexec\r\nget a\r\n"),
                        "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n$1\r\n3\r\n");
    assert_int_equal(session_db(s), 3);
}

static void
test_closing_with_state(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *other = client(f);

    feed(f, s, "watch a b c\r\nmulti\r\nset a 1\r\nset b 2\r\n");
    feed(f, other, "watch a\r\n");
    engine_session_close(s);
    feed(f, other, "set b 1\r\n");
    assert_string_equal(feed(f, other, "multi\r\nexec\r\n"), "+OK\r\n*0\r\n");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_queue_and_exec),     T(test_abort),         T(test_watch),
        T(test_watch_swapdb),       T(test_own_changes),   T(test_watch_expiry),
        T(test_no_blocking_inside), T(test_select_inside), T(test_closing_with_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
