/* tests/unit/test_effects.c - what leaves by the one door: commands, keys, events, in order and in units. */
#include "engine_fixture.h"

struct recorder {
    struct buf text;
    const char *name;
    struct buf *order;
};

static void
record(void *ctx, const struct effect_batch *b)
{
    struct recorder *r = ctx;

    if (r->order != NULL)
        buf_printf(r->order, "%s ", r->name);
    buf_printf(&r->text, "%s", b->atomic ? "{" : "");
    size_t commands = 0, touches = 0;
    for (const struct effect_command *c = b->commands; c != NULL; c = c->next, commands++) {
        buf_printf(&r->text, "%d:", c->db);
        for (int i = 0; i < c->argc; i++)
            buf_printf(&r->text, "%s%.*s", i > 0 ? " " : "", (int)c->argv[i].len, c->argv[i].ptr);
        buf_printf(&r->text, ";");
    }
    buf_printf(&r->text, "%s", b->atomic ? "}" : "");
    for (const struct effect_touch *t = b->touches; t != NULL; t = t->next, touches++) {
        if (t->changed)
            buf_printf(&r->text, " %s=%.*s", event_name(t->event), (int)t->key.len, t->key.len > 0 ? t->key.ptr : "");
    }
    buf_printf(&r->text, "\n");
    assert_int_equal(commands, b->command_count);
    assert_int_equal(touches, b->touch_count);
}

static void
recorder_start(struct fixture *f, struct recorder *r, enum effect_stage stage)
{
    engine_add_sink(f->engine, stage, (struct effect_sink){.apply = record, .ctx = r});
}

/* What was recorded since the last call. */
static void
expect(struct recorder *r, const char *text)
{
    buf_add_char(&r->text, '\0');
    assert_string_equal(r->text.ptr, text);
    buf_reset(&r->text);
}

static void
recorder_stop(struct fixture *f, struct recorder *r, enum effect_stage stage)
{
    engine_remove_sink(f->engine, stage, r);
    buf_fini(&r->text);
}

static void
test_commands(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *w = client(f);
    struct recorder r = {0};

    say(f, s, "set before 1"); /* nobody listens */
    recorder_start(f, &r, EFFECT_LOG);
    say(f, s, "get a");
    say(f, s, "del a");
    say(f, s, "nope");
    expect(&r, "");
    say(f, s, "SET a 1");
    expect(&r, "0:SET a 1; set=a\n");
    say(f, s, "del a before x");
    expect(&r, "0:del a before x; del=a del=before\n");
    feed(f, s, "select 3\r\nrpush l x y\r\n");
    expect(&r, "3:rpush l x y; rpush=l\n");
    say(f, s, "rename l m");
    expect(&r, "3:rename l m; rename_from=l rename_to=m\n");
    say(f, s, "lpop m");
    say(f, s, "lpop m");
    expect(&r, "3:lpop m; lpop=m\n3:lpop m; lpop=m del=m\n");
    say(f, s, "flushall");
    buf_reset(&r.text);
    /* A blocked command is propagated as what it did when it did it, after what woke it. */
    say(f, w, "blpop l 0");
    say(f, s, "select 0");
    expect(&r, "");
    say(f, s, "rpush l 1");
    expect(&r, "0:rpush l 1; rpush=l\n0:LPOP l; lpop=l del=l\n");
    uint64_t changes = engine_changes(f->engine);
    say(f, s, "set a 1");
    assert_int_equal(engine_changes(f->engine), changes + 1);
    buf_reset(&r.text);
    recorder_stop(f, &r, EFFECT_LOG);
    say(f, s, "set a 1");
}

static void
test_transaction_is_one_batch(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    struct recorder r = {0};

    recorder_start(f, &r, EFFECT_REPLICAS);
    feed(f, s, "multi\r\nset a 1\r\nget a\r\nselect 1\r\nset b 2\r\nexec\r\n");
    expect(&r, "{0:set a 1;1:set b 2;} set=a set=b\n");
    feed(f, s, "multi\r\nset a 1\r\nexec\r\nmulti\r\nget a\r\nexec\r\n");
    expect(&r, "1:set a 1; set=a\n"); /* one command needs no frame, none needs nothing */
    feed(f, s, "multi\r\nset a 1\r\ndiscard\r\n");
    expect(&r, "");
    recorder_stop(f, &r, EFFECT_REPLICAS);
}

static void
test_expiry(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    struct recorder r = {0};

    feed(f, s, "set a 1 px 10\r\nset b 1 px 10\r\nset c 1 px 20\r\nset d 1 px 30\r\n");
    recorder_start(f, &r, EFFECT_LOG);
    jump_ms(f, 11);
    say(f, s, "get a");
    expect(&r, "0:DEL a; expired=a\n");
    say(f, s, "append b x");
    expect(&r, "{0:DEL b;0:append b x;} expired=b append=b\n");
    pass_ms(f, 100);
    expect(&r, "0:DEL c;0:DEL d; expired=c expired=d\n"); /* each by itself */
    say(f, s, "pexpire b 0");
    expect(&r, "0:DEL b; del=b\n");
    recorder_stop(f, &r, EFFECT_LOG);
}

static void
test_order_of_stages(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    struct buf order = {0};
    struct recorder log = {.name = "log", .order = &order}, replica = {.name = "replica", .order = &order},
                    tracking = {.name = "tracking", .order = &order}, log2 = {.name = "log2", .order = &order};

    recorder_start(f, &tracking, EFFECT_TRACKING);
    recorder_start(f, &replica, EFFECT_REPLICAS);
    recorder_start(f, &log, EFFECT_LOG);
    recorder_start(f, &log2, EFFECT_LOG);
    say(f, s, "set a 1");
    buf_add_char(&order, '\0');
    assert_string_equal(order.ptr, "log log2 replica tracking ");
    recorder_stop(f, &log, EFFECT_LOG);
    recorder_stop(f, &log2, EFFECT_LOG);
    recorder_stop(f, &replica, EFFECT_REPLICAS);
    recorder_stop(f, &tracking, EFFECT_TRACKING);
    buf_fini(&order);
}

static void
observe(void *ctx, struct db *db, struct entry *e)
{
    struct buf *b = ctx;
    char text[STRING_TEXT_MAX];

    buf_add_slice(b, entry_key(e));
    buf_add_char(b, '=');
    if (entry_type(e) == TYPE_STRING)
        buf_add_slice(b, string_get(e, text));
    else
        buf_printf(b, "%zu", list_count((struct list *)entry_handle(e)));
    buf_add_char(b, ' ');
}

static void
observe_flush(void *ctx, struct db *db)
{
    buf_printf(ctx, "flush%d ", db->index);
}

static void
test_observer_sees_what_was(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    struct buf seen = {0};
    struct change_observer o = {.before_change = observe, .before_flush = observe_flush, .ctx = &seen};

    feed(f, s, "set a 1\r\nset b 2 px 10\r\nrpush l x y\r\n");
    engine_set_observer(f->engine, &o);
    feed(f, s, "set new 1\r\nget a\r\nset a 3\r\nappend a 4\r\npexpire a 100\r\nlpop l\r\nlpop l\r\nrename a c\r\n");
    pass_ms(f, 20);
    feed(f, s, "del c\r\nswapdb 0 1\r\n");
    engine_set_observer(f->engine, NULL);
    say(f, s, "set new 2");
    buf_add_char(&seen, '\0');
    assert_string_equal(seen.ptr, "a=1 a=3 a=34 l=2 l=1 a=34 b=2 c=34 flush0 flush1 ");
    buf_fini(&seen);
}

static int deferred, reaped;

static void
test_defer(void *ctx, void (*work)(void *), void *arg)
{
    deferred++;
    work(arg);
}

static void
test_reap(void *ctx, struct entry *e)
{
    reaped++;
    entry_free(e);
}

static void
test_large_things_go_elsewhere(void **state)
{
    struct fixture *f = mem_get_zero(sizeof(*f));
    struct hash_seed seed = {1, 2};
    struct engine_options opt = {
        .clock = {fixture_wall, fixture_mono, f},
        .hash_seed = seed,
        .families = fixture_families,
        .host = {.ctx = f, .defer = test_defer, .reap = test_reap},
        .limits = value_limits_default(seed),
    };

    f->engine = engine_new(&opt);
    struct session *s = client(f);
    char line[400];
    for (int i = 0; i < 5000; i++) {
        snprintf(line, sizeof(line), "rpush big %0300d", i);
        say(f, s, line);
    }
    feed(f, s, "rpush small a\r\ndel small big\r\n");
    assert_int_equal(reaped, 1);
    for (int i = 0; i < 100; i++) {
        snprintf(line, sizeof(line), "set k%d v", i);
        say(f, s, line);
    }
    assert_says(f, s, "flushall", "+OK\r\n");
    assert_int_equal(deferred, 1);
    assert_says(f, s, "dbsize", ":0\r\n");
    engine_free(f->engine);
    talk_fini(&f->talk);
    mem_free(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_commands),        T(test_transaction_is_one_batch), T(test_expiry),
        T(test_order_of_stages), T(test_observer_sees_what_was),   cmocka_unit_test(test_large_things_go_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
