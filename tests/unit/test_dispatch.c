/* tests/unit/test_dispatch.c - finding commands, what refuses them, statistics, keys of a command. */
#include "engine_fixture.h"

static void
test_unknown_and_arity(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_says(f, s, "foo", "-ERR unknown command 'foo', with args beginning with: \r\n");
    assert_says(f, s, "foo a b", "-ERR unknown command 'foo', with args beginning with: 'a' 'b' \r\n");
    assert_says(f, s, "get", "-ERR wrong number of arguments for 'get' command\r\n");
    assert_says(f, s, "GET a b", "-ERR wrong number of arguments for 'get' command\r\n");
    assert_says(f, s, "box", "-ERR wrong number of arguments for 'box' command\r\n");
    assert_says(f, s, "box nope", "-ERR unknown subcommand 'nope'. Try BOX HELP.\r\n");
    assert_says(f, s, "BoX PuT", "-ERR wrong number of arguments for 'box|put' command\r\n");
    assert_says(f, s, "box get", "+PONG\r\n");
    /* Names that agree in all that the hash looks at but one bit. */
    assert_says(f, s, "\"\\x07et\" a",
                "-ERR unknown command '\x07"
                "et', with args beginning with: 'a' \r\n");
    /* A name with a line end in it forges nothing. */
    assert_string_equal(feed(f, s, "*2\r\n$6\r\na\r\n+OK\r\n$1\r\nb\r\n"),
                        "-ERR unknown command 'a  +OK', with args beginning with: 'b' \r\n");
}

static void
test_long_unknown(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    char line[1000], expected[1000], name[201], arg[101];

    memset(name, 'n', 200);
    name[200] = 0;
    memset(arg, 'a', 100);
    arg[100] = 0;
    snprintf(line, sizeof(line), "%s %s %s %s\r\n", name, arg, arg, arg);
    name[128] = 0;
    snprintf(expected, sizeof(expected), "-ERR unknown command '%s', with args beginning with: '%s' '%.*s' \r\n", name,
             arg, 128 - 103, arg);
    assert_string_equal(feed(f, s, line), expected);
}

static void
test_errors_are_counted(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    struct slice prefix;
    uint64_t count;

    assert_says(f, s, "boom", "-BOOM 7  forged\r\n");
    say(f, s, "boom");
    say(f, s, "nope");
    say(f, s, "get");
    say(f, s, "rpush l a");
    assert_says(f, s, "get l", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    assert_true(engine_error_stat(f->engine, 0, &prefix, &count));
    assert_true(slice_eq(prefix, LIT("BOOM")));
    assert_int_equal(count, 2);
    assert_true(engine_error_stat(f->engine, 1, &prefix, &count));
    assert_true(slice_eq(prefix, LIT("ERR")));
    assert_int_equal(count, 2);
    assert_true(engine_error_stat(f->engine, 2, &prefix, &count));
    assert_true(slice_eq(prefix, LIT("WRONGTYPE")));
    assert_false(engine_error_stat(f->engine, 3, &prefix, &count));
    const struct command *get = command_find(f->engine, LIT("get"));
    assert_int_equal(get->calls, 1);
    assert_int_equal(get->failed, 1);
    assert_int_equal(get->rejected, 1);
    assert_int_equal(command_find(f->engine, LIT("BOOM"))->failed, 2);
    engine_stats_reset(f->engine);
    assert_int_equal(get->calls, 0);
    assert_false(engine_error_stat(f->engine, 0, &prefix, &count));
}

static void
test_error_kinds_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    struct slice prefix;
    uint64_t count;
    size_t n = 0;

    say(f, s, "boom");
    for (int i = 0; i < 300; i++)
        say(f, s, "nope");
    while (engine_error_stat(f->engine, n, &prefix, &count))
        n++;
    assert_int_equal(n, 2);
}

static void
test_auth(void **state)
{
    struct fixture *f = *state;
    struct session *early = client(f);

    engine_set_password(f->engine, LIT("secret"));
    struct session *s = client(f);
    assert_says(f, early, "ping", "+PONG\r\n");
    assert_says(f, s, "ping", "-NOAUTH Authentication required.\r\n");
    assert_says(f, s, "nope", "-ERR unknown command 'nope', with args beginning with: \r\n");
    assert_says(f, s, "auth wrong", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    assert_string_equal(feed(f, s, "get a\r\nauth secret\r\nget a\r\n"),
                        "-NOAUTH Authentication required.\r\n+OK\r\n$-1\r\n");
    /* What comes after AUTH in the same piece of input is not bound by the limits before it. */
    struct session *t = client(f);
    struct buf in = {0};
    buf_printf(&in, "auth secret\r\n*12\r\n$3\r\ndel\r\n");
    for (int i = 0; i < 11; i++)
        buf_printf(&in, "$1\r\nk\r\n");
    assert_int_equal(engine_feed(f->engine, t, buf_slice(&in), SIZE_MAX), in.len);
    assert_string_equal(take(f, t), "+OK\r\n:0\r\n");
    buf_fini(&in);
    struct session *u = client(f);
    assert_string_equal(feed(f, u, "*12\r\n"), "-ERR Protocol error: unauthenticated multibulk length\r\n");
    assert_says(f, t, "reset", "+RESET\r\n");
    assert_says(f, t, "get a", "-NOAUTH Authentication required.\r\n");
}

static void
test_conditions(void **state)
{
    struct fixture *f = *state;
    struct engine *e = f->engine;
    struct session *s = client(f);

    engine_set_condition(e, COND_OVER_MEMORY, true);
    assert_says(f, s, "set a 1", "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    assert_says(f, s, "del a", ":0\r\n");
    assert_says(f, s, "multi", "+OK\r\n");
    assert_says(f, s, "set a 1", "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    assert_says(f, s, "exec", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    engine_set_condition(e, COND_OVER_MEMORY, false);
    assert_says(f, s, "multi", "+OK\r\n");
    assert_says(f, s, "set a 1", "+QUEUED\r\n");
    engine_set_condition(e, COND_OVER_MEMORY, true);
    assert_says(f, s, "exec",
                "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > "
                "'maxmemory'.\r\n");
    engine_set_condition(e, COND_OVER_MEMORY, false);
    assert_says(f, s, "exec", "-ERR EXEC without MULTI\r\n");

    engine_set_condition(e, COND_READ_ONLY, true);
    assert_says(f, s, "set a 1", "-READONLY You can't write against a read only replica.\r\n");
    assert_says(f, s, "get a", "$-1\r\n");
    engine_set_condition(e, COND_READ_ONLY, false);
    engine_set_condition(e, COND_LOADING, true);
    assert_says(f, s, "get a", "-LOADING Redis is loading the dataset in memory\r\n");
    assert_says(f, s, "select 0", "+OK\r\n");
    engine_set_condition(e, COND_LOADING, false);
    engine_set_misconf(e, LIT("MISCONF disk is full"));
    engine_set_condition(e, COND_MISCONF, true);
    assert_says(f, s, "set a 1", "-MISCONF disk is full\r\n");
    assert_says(f, s, "ping", "-MISCONF disk is full\r\n");
    assert_says(f, s, "get a", "$-1\r\n");
    engine_set_condition(e, COND_MISCONF, false);
    engine_set_condition(e, COND_STALE, true);
    assert_says(f, s, "get a", "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n");
    engine_set_condition(e, COND_STALE, false);
    assert_int_equal(engine_conditions(e), 0);
    assert_says(f, s, "set a 1", "+OK\r\n");
}

static enum rc
only_a(void *ctx, struct exec *x, const struct command *c)
{
    (*(int *)ctx)++;
    if (x->argc > 1 && !slice_eq(x->argv[1], LIT("a")))
        return fail(x, "NOPERM no");
    return RC_OK;
}

static void
test_guard(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *free_one = client(f);
    int asked = 0;

    engine_set_guard(f->engine, (struct command_guard){only_a, &asked});
    session_set_restricted(s, true);
    assert_says(f, s, "get a", "$-1\r\n");
    assert_says(f, s, "get b", "-NOPERM no\r\n");
    assert_says(f, free_one, "get b", "$-1\r\n");
    assert_int_equal(asked, 2);
    assert_says(f, s, "multi", "+OK\r\n");
    assert_says(f, s, "get b", "-NOPERM no\r\n");
    assert_says(f, s, "exec", "-EXECABORT Transaction discarded because of previous errors.\r\n");
}

static void
test_subscribed_context(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_says(f, s, "subscribe c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    assert_says(
        f, s, "get a",
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
        "context\r\n");
    assert_says(f, s, "ping", "+PONG\r\n");
    assert_says(f, s, "reset", "+RESET\r\n");
    assert_says(f, s, "get a", "$-1\r\n");
    assert_says(f, s, "resp3", "+OK\r\n");
    assert_says(f, s, "subscribe c", ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    assert_says(f, s, "get a", "_\r\n");
}

static void
test_open_edit_is_undone(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_says(f, s, "halfway l", "-ERR syntax error\r\n");
    assert_says(f, s, "dbsize", ":0\r\n");
}

static void
test_monitor(void **state)
{
    struct fixture *f = *state;
    struct session *m = client(f), *s = client(f);

    assert_says(f, m, "monitor", "+OK\r\n");
    say(f, s, "set a \"x\\\"\\r\\n\\x01\"");
    assert_string_equal(take(f, m), "+1700000000.000000 [0 127.0.0.1:5000] \"set\" \"a\" \"x\\\"\\r\\n\\x01\"\r\n");
    say(f, s, "auth hunter2");
    assert_string_equal(take(f, m), "+1700000000.000000 [0 127.0.0.1:5000] \"auth\" \"(redacted)\"\r\n");
    say(f, s, "get");
    assert_string_equal(take(f, m), "");
    feed(f, s, "multi\r\nget a\r\nexec\r\n");
    assert_string_equal(take(f, m), "+1700000000.000000 [0 127.0.0.1:5000] \"multi\"\r\n"
                                    "+1700000000.000000 [0 127.0.0.1:5000] \"get\" \"a\"\r\n"
                                    "+1700000000.000000 [0 127.0.0.1:5000] \"exec\"\r\n");
    assert_int_equal(f->ready_calls, 3);
    engine_session_close(m);
    say(f, s, "get a");
}

static void
test_rename(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_true(command_rename(f->engine, LIT("get"), LIT("Fetch")));
    assert_false(command_rename(f->engine, LIT("get"), LIT("x")));
    assert_false(command_rename(f->engine, LIT("set"), LIT("fetch")));
    assert_true(command_rename(f->engine, LIT("DEL"), LIT("")));
    assert_says(f, s, "fetch a", "$-1\r\n");
    assert_says(f, s, "get a", "-ERR unknown command 'get', with args beginning with: 'a' \r\n");
    assert_says(f, s, "del a", "-ERR unknown command 'del', with args beginning with: 'a' \r\n");
}

static void
test_every_name_is_found(void **state)
{
    struct fixture *f = *state;
    char upper[64];

    for (size_t i = 0; i < command_count(f->engine); i++) {
        struct command *c = command_at(f->engine, i);
        for (size_t k = 0; k < c->name.len; k++)
            upper[k] = c->name.ptr[k] >= 'a' ? (char)(c->name.ptr[k] - 32) : c->name.ptr[k];
        assert_ptr_equal(command_find(f->engine, slice_of(upper, c->name.len)), c);
        assert_ptr_equal(command_find(f->engine, c->name), c);
        assert_ptr_equal(command_find(f->engine, slice_of(upper, c->name.len - 1)), NULL);
        assert_int_equal(c->id, i);
    }
    assert_ptr_equal(command_find(f->engine, LIT("")), NULL);
    struct command *put = command_by_full_name(f->engine, LIT("box|put"));
    assert_true(slice_eq(put->name, LIT("box|put")));
    assert_ptr_equal(put->parent, command_find(f->engine, LIT("box")));
    assert_ptr_equal(command_by_id(f->engine, put->id), put);
}

static int
keys_of(const struct cmd *row, const char *line, int *index)
{
    struct slice argv[32];
    uint16_t flags[32];
    int argc = 0;

    for (const char *p = line; *p != '\0' && argc < 32;) {
        size_t n = strcspn(p, " ");
        argv[argc++] = slice_of(p, n);
        p += n + (p[n] == ' ');
    }
    return cmd_keys(row, argv, argc, index, flags, 32);
}

static void
test_keys(void **state)
{
    static const struct cmd one = {"x", NULL, .keys = {KEY_AT(1, KEY_RO)}};
    static const struct cmd all = {"x", NULL, .keys = {KEY_RANGE(1, -1, 1, KEY_RO)}};
    static const struct cmd pairs = {"x", NULL, .keys = {KEY_RANGE(1, -1, 2, KEY_OW)}};
    static const struct cmd but_last = {"x", NULL, .keys = {KEY_RANGE(1, -2, 1, KEY_RO)}};
    static const struct cmd counted = {"x", NULL, .keys = {KEY_AT(1, KEY_OW), KEY_NUM(2, KEY_RO)}};
    static const struct cmd streams = {"x", NULL,
                                       .keys = {{.flags = KEY_RO,
                                                 .begin = KEY_BEGIN_KEYWORD,
                                                 .keyword = "STREAMS",
                                                 .index = 1,
                                                 .last = -1,
                                                 .step = 1,
                                                 .limit = 2}}};
    int at[32];

    assert_int_equal(keys_of(&one, "x k v", at), 1);
    assert_int_equal(at[0], 1);
    assert_int_equal(keys_of(&one, "x", at), -1);
    assert_int_equal(keys_of(&all, "x a b c", at), 3);
    assert_int_equal(keys_of(&pairs, "x a 1 b 2", at), 2);
    assert_int_equal(at[1], 3);
    assert_int_equal(keys_of(&but_last, "x a b 0", at), 2);
    assert_int_equal(keys_of(&counted, "x d 2 a b WEIGHTS 1 2", at), 3);
    assert_int_equal(at[0], 1);
    assert_int_equal(at[1], 3);
    assert_int_equal(at[2], 4);
    assert_int_equal(keys_of(&counted, "x d 3 a b", at), -1);
    assert_int_equal(keys_of(&counted, "x d -1 a b", at), -1);
    assert_int_equal(keys_of(&counted, "x d zz a b", at), -1);
    assert_int_equal(keys_of(&counted, "x d 99999999999 a b", at), -1);
    assert_int_equal(keys_of(&streams, "x COUNT 2 streams a b 0 0", at), 2);
    assert_int_equal(at[0], 4);
    assert_int_equal(at[1], 5);
    assert_int_equal(keys_of(&streams, "x COUNT 2", at), 0);
}

static void
test_categories(void **state)
{
    static const struct cmd row = {"x", NULL, .flags = CMD_READONLY | CMD_FAST | CMD_ADMIN, .group = GROUP_SET};

    assert_true(cmd_categories(&row, NULL) == (CAT(READ) | CAT(FAST) | CAT(ADMIN) | CAT(DANGEROUS) | CAT(SET)));
    assert_string_equal(cmd_flag_name(0), "write");
    assert_string_equal(cmd_flag_name(18), "no_mandatory_keys");
    assert_ptr_equal(cmd_flag_name(24), NULL);
    assert_string_equal(cmd_category_name(CAT_SORTEDSET), "sortedset");
    assert_string_equal(cmd_group_name(GROUP_SORTED_SET), "sorted-set");
}

static void
test_usec(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    f->mono_step_ns = 5000;
    say(f, s, "get a");
    say(f, s, "get a");
    f->mono_step_ns = 0;
    const struct command *get = command_find(f->engine, LIT("get"));
    assert_int_equal(get->calls, 2);
    assert_int_equal(command_usec(f->engine, get), 10);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_unknown_and_arity),
        T(test_long_unknown),
        T(test_errors_are_counted),
        T(test_error_kinds_are_bounded),
        T(test_auth),
        T(test_conditions),
        T(test_guard),
        T(test_subscribed_context),
        T(test_open_edit_is_undone),
        T(test_monitor),
        T(test_rename),
        T(test_every_name_is_found),
        T(test_keys),
        T(test_categories),
        T(test_usec),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
