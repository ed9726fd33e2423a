/* tests/unit/test_engine.c - feeding an engine: pipelines, split commands, sessions, reply modes, slow log. */
#include "engine_fixture.h"

static void
test_basics(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_says(f, s, "ping", "+PONG\r\n");
    assert_says(f, s, "get a", "$-1\r\n");
    assert_says(f, s, "set a hello", "+OK\r\n");
    assert_says(f, s, "GET a", "$5\r\nhello\r\n");
    assert_says(f, s, "append a -world", ":11\r\n");
    assert_says(f, s, "get a", "$11\r\nhello-world\r\n");
    assert_says(f, s, "dbsize", ":1\r\n");
    assert_says(f, s, "del a b", ":1\r\n");
    assert_says(f, s, "get a", "$-1\r\n");
}

/* A pipeline cut at every byte gives the same replies, whatever the pieces. */
static void
test_split_everywhere(void **state)
{
    struct fixture *f = *state;
    const char *input = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n\r\n*0\r\n*"
                        "1\r\n$4\r\nping\r\n";
    const char *expected = "+OK\r\n$3\r\na\r\n\r\n+PONG\r\n+PONG\r\n";
    size_t len = strlen(input);

    for (size_t cut = 0; cut <= len; cut++) {
        for (size_t second = cut; second <= len; second += 7) {
            struct session *s = client(f);
            size_t ends[] = {cut, second, len}, from = 0;
            for (int i = 0; i < 3; i++)
                from += engine_feed(f->engine, s, slice_of(input + from, ends[i] - from), SIZE_MAX);
            assert_int_equal(from, len);
            assert_string_equal(take(f, s), expected);
            engine_session_close(s);
        }
    }
}

static void
test_deep_pipeline(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    struct buf in = {0}, expected = {0};

    for (int i = 0; i < 1000; i++) {
        buf_printf(&in, "set key:%d v%d\r\nget key:%d\r\nselect %d\r\n", i % 100, i, i % 100, i % 3);
        buf_printf(&expected, "+OK\r\n$%d\r\nv%d\r\n+OK\r\n", i < 10 ? 2 : i < 100 ? 3 : 4, i);
    }
    buf_add_char(&expected, '\0');
    assert_int_equal(engine_feed(f->engine, s, buf_slice(&in), SIZE_MAX), in.len);
    assert_string_equal(take(f, s), expected.ptr);
    /* i runs through all databases with each key's number. */
    assert_says(f, s, "dbsize", ":100\r\n");
    buf_fini(&in);
    buf_fini(&expected);
}

/* What was parsed ahead is not run when the session stops, and comes again. */
static void
test_stops_in_the_middle(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *other = client(f);
    const char *input = "set a 1\r\nblpop l 0\r\nset b 2\r\n*2\r\n$3\r\nGE";

    size_t used = engine_feed(f->engine, s, slice_cstr(input), SIZE_MAX);
    assert_int_equal(used, strlen("set a 1\r\nblpop l 0\r\n"));
    assert_true(session_is_blocked(s));
    assert_string_equal(take(f, s), "+OK\r\n");
    assert_int_equal(engine_feed(f->engine, s, slice_cstr(input + used), SIZE_MAX), 0);
    assert_says(f, other, "get b", "$-1\r\n");
    assert_says(f, other, "rpush l x", ":1\r\n");
    assert_false(session_is_blocked(s));
    assert_int_equal(f->ready_calls, 1);
    assert_true(f->ready_last == session_ident(s));
    used += engine_feed(f->engine, s, slice_cstr(input + used), SIZE_MAX);
    assert_int_equal(used, strlen(input) - strlen("*2\r\n$3\r\nGE"));
    assert_string_equal(take(f, s), "*2\r\n$1\r\nl\r\n$1\r\nx\r\n+OK\r\n");
    assert_string_equal(feed(f, s, "*2\r\n$3\r\nGET\r\n$1\r\nb\r\n"), "$1\r\n2\r\n");
}

static void
test_output_bound(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    struct slice in = LIT("ping\r\nping\r\nping\r\nping\r\n");

    assert_int_equal(engine_feed(f->engine, s, in, 10), 12); /* two replies are more than ten bytes */
    assert_string_equal(take(f, s), "+PONG\r\n+PONG\r\n");
    assert_int_equal(engine_feed(f->engine, s, slice_skip(in, 12), 10), 12);
    take(f, s);
}

static void
test_protocol_error(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_string_equal(feed(f, s, "ping\r\n*1\r\nfoo\r\nping\r\n"),
                        "+PONG\r\n-ERR Protocol error: expected '$', got 'f'\r\n");
    assert_true(session_must_close(s));
    assert_string_equal(feed(f, s, "ping\r\n"), "");
}

static void
test_quit_drops_the_rest(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *other = client(f);

    assert_string_equal(feed(f, s, "set a 1\r\nquit\r\nset a 2\r\n"), "+OK\r\n+OK\r\n");
    assert_true(session_must_close(s));
    assert_says(f, other, "get a", "$1\r\n1\r\n");
}

static void
test_sessions_by_id(void **state)
{
    struct fixture *f = *state;
    struct session *s[300];
    session_id gone[300];

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 300; i++)
            s[i] = client(f);
        assert_int_equal(session_count(f->engine), 300);
        for (int i = 0; i < 300; i++) {
            gone[i] = session_ident(s[i]);
            assert_ptr_equal(engine_session_by_id(f->engine, gone[i]), s[i]);
            assert_true(i == 0 || gone[i] > gone[i - 1]);
        }
        int k = 0;
        for (struct session *it = session_first(f->engine); it != NULL; it = session_next(it))
            assert_ptr_equal(it, s[k++]);
        for (int i = 0; i < 300; i += 2)
            engine_session_close(s[i]);
        for (int i = 0; i < 300; i++)
            assert_ptr_equal(engine_session_by_id(f->engine, gone[i]), i % 2 == 0 ? NULL : s[i]);
        for (int i = 1; i < 300; i += 2)
            engine_session_close(s[i]);
        assert_ptr_equal(session_first(f->engine), NULL);
    }
}

static void
test_session_texts(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_true(slice_eq(session_addr(s), LIT("127.0.0.1:5000")));
    assert_true(slice_eq(session_laddr(s), LIT("127.0.0.1:6379")));
    assert_int_equal(session_name(s).len, 0);
    session_set_name(s, LIT("worker"));
    session_set_lib_name(s, LIT("lib"));
    session_set_lib_ver(s, LIT("1.0"));
    session_set_name(s, LIT("worker-2"));
    assert_true(slice_eq(session_name(s), LIT("worker-2")));
    session_set_name(s, LIT(""));
    assert_int_equal(session_name(s).len, 0);
    assert_says(f, s, "reset", "+RESET\r\n");
    assert_int_equal(session_lib_name(s).len, 0);
}

static void
test_reply_modes(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *other = client(f);

    assert_says(f, s, "reply skip", "");
    assert_says(f, s, "get a", "");
    assert_says(f, s, "ping", "+PONG\r\n");
    assert_says(f, s, "reply off", "");
    assert_says(f, s, "set a 1", "");
    assert_says(f, s, "nonsense", "");
    assert_says(f, s, "subscribe c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"); /* as redis: that is a push */
    assert_says(f, other, "publish c m", ":1\r\n");
    assert_string_equal(take(f, s), "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
    assert_says(f, s, "unsubscribe c", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n");
    assert_says(f, s, "reply on", "+OK\r\n");
    assert_says(f, s, "get a", "$1\r\n1\r\n");
    assert_string_equal(feed(f, s, "reply skip\r\nget a\r\nping\r\n"), "+PONG\r\n");
}

static void
test_large_value_by_reference(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    size_t len = 100000;
    struct buf in = {0};

    buf_printf(&in, "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$%zu\r\n", len);
    memset(buf_room(&in, len), 'x', len);
    buf_advance(&in, len);
    buf_add(&in, "\r\n", 2);
    assert_int_equal(engine_feed(f->engine, s, buf_slice(&in), SIZE_MAX), in.len);
    assert_string_equal(take(f, s), "+OK\r\n");
    /* The reply keeps the bytes although the key is gone before it is sent. */
    const char *reply = feed(f, s, "get k\r\ndel k\r\n");
    assert_int_equal(strlen(reply), strlen("$100000\r\n") + len + 2 + strlen(":1\r\n"));
    assert_memory_equal(reply, "$100000\r\nxxx", 12);
    buf_fini(&in);
}

static void
test_slowlog(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    engine_settings(f->engine)->slowlog_slower_than_us = 1000;
    engine_settings(f->engine)->slowlog_max_len = 3;
    engine_settings_changed(f->engine);
    say(f, s, "set fast 1");
    assert_int_equal(commandlog_len(f->engine, COMMANDLOG_SLOW), 0);
    f->mono_step_ns = 2500 * 1000;
    session_set_name(s, LIT("n"));
    for (int i = 0; i < 5; i++) {
        char line[64];
        snprintf(line, sizeof(line), "set slow %d", i);
        say(f, s, line);
    }
    say(f, s, "auth secret");
    assert_int_equal(commandlog_len(f->engine, COMMANDLOG_SLOW), 3);
    const struct commandlog_entry *newest = commandlog_at(f->engine, COMMANDLOG_SLOW, 0),
                                  *second = commandlog_at(f->engine, COMMANDLOG_SLOW, 1);
    assert_int_equal(newest->argc, 2); /* nothing of a password */
    assert_true(slice_eq(newest->argv[1], LIT("(redacted)")));
    assert_int_equal(newest->id, 5);
    assert_int_equal(second->argc, 3);
    assert_true(slice_eq(second->argv[2], LIT("4")));
    assert_true(second->value >= 2000 && second->value <= 10000);
    assert_true(slice_eq(second->name, LIT("n")));
    assert_ptr_equal(commandlog_at(f->engine, COMMANDLOG_SLOW, 3), NULL);
    commandlog_reset(f->engine, COMMANDLOG_SLOW);
    assert_int_equal(commandlog_len(f->engine, COMMANDLOG_SLOW), 0);
    f->mono_step_ns = 0;
}

static void
test_slowlog_shortens(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    struct slice argv[40];
    char text[200];

    memset(text, 'y', sizeof(text));
    for (int i = 0; i < 40; i++)
        argv[i] = slice_of(text, i == 1 ? 200 : 3);
    argv[0] = LIT("del");
    engine_settings(f->engine)->slowlog_slower_than_us = 0;
    engine_settings_changed(f->engine);
    engine_run(f->engine, s, argv, 40);
    const struct commandlog_entry *e = commandlog_at(f->engine, COMMANDLOG_SLOW, 0);
    assert_int_equal(e->argc, 32);
    assert_int_equal(e->argv[1].len, 128 + strlen("... (72 more bytes)"));
    assert_true(slice_eq(e->argv[31], LIT("... (9 more arguments)")));
    take(f, s);
}

/* Two engines beside each other know nothing of one another. */
static void
test_two_engines(void **state)
{
    struct fixture *f = *state;
    void *second;

    fixture_setup(&second);
    struct fixture *g = second;
    struct session *s = client(f), *t = client(g);
    assert_says(f, s, "set a 1", "+OK\r\n");
    assert_says(g, t, "get a", "$-1\r\n");
    fixture_teardown(&second);
    assert_says(f, s, "get a", "$1\r\n1\r\n");
}

/* An idle session is small: with the host's connection it must stay within 600 bytes. */
static void
test_idle_session_is_small(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    say(f, s, "ping");
    out_fini(session_out(s)); /* as a host does that lends its own buffers */
    assert_true(session_memory(s) <= 320);
}

/* Batches of any length are fetched from their first command to their last, each before it runs. */
static void
test_fetched_in_time(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 200; n++) {
        unsigned fetched = 0;
        for (unsigned at = 0; at < n; at++) {
            unsigned to = engine_fetch_end(at, fetched, n);
            assert_true(to >= fetched && to <= n && to > at && to <= at + ENGINE_LOOK_AHEAD);
            assert_true(to == fetched || to == n || to - fetched >= ENGINE_LOOK_AHEAD / 2);
            fetched = to;
        }
        assert_int_equal(fetched, n);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_basics),
        T(test_split_everywhere),
        T(test_deep_pipeline),
        T(test_stops_in_the_middle),
        T(test_output_bound),
        T(test_protocol_error),
        T(test_quit_drops_the_rest),
        T(test_sessions_by_id),
        T(test_session_texts),
        T(test_reply_modes),
        T(test_large_value_by_reference),
        T(test_slowlog),
        T(test_slowlog_shortens),
        T(test_two_engines),
        T(test_idle_session_is_small),
        T(test_fetched_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
