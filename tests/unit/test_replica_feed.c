/* When a replica is sent what is new: at once when nothing else comes or somebody waits for it, and together with what
 * follows while turn follows turn, but soon. */
#include "support/cmocka_only.h"

#include "cmd/families.h"
#include "repl/repl_priv.h"

#include <stdio.h>
#include <string.h>

extern const struct cmd repl_wait_family[];

struct world {
    struct engine *engine;
    struct repl *repl;
    struct session *replica, *client;
    int64_t ns;
};

static int64_t
wall_us(void *ctx)
{
    return ((struct world *)ctx)->ns / 1000;
}

static int64_t
mono_ns(void *ctx)
{
    return ((struct world *)ctx)->ns;
}

static void
role_changed(void *ctx)
{
    (void)ctx;
}

static struct session *
open_session(struct world *w)
{
    struct session *s = engine_session_open(w->engine, NULL, LIT("1.2.3.4:5"), LIT(""));

    session_set_authenticated(s, true);
    return s;
}

static void
say(struct world *w, struct session *s, const char *line)
{
    assert_int_equal(engine_feed(w->engine, s, slice_cstr(line), 1 << 20), strlen(line));
}

/* How much the replica has been sent by the end of a turn; it takes it all. */
static size_t
sent(struct world *w, bool busy)
{
    struct out *out = session_out(w->replica);

    repl_flush(w->repl, busy);
    size_t n = out_pending(out);
    out_sent(out, n);
    return n;
}

static void
world_begin(struct world *w)
{
    enum { FAMILIES_MAX = 128 };
    const struct cmd *families[FAMILIES_MAX] = {repl_family, repl_wait_family};
    char line[128];

    for (size_t i = 0; i + 3 < FAMILIES_MAX && cmd_families[i] != NULL; i++)
        families[i + 2] = cmd_families[i];
    w->ns = INT64_C(1700000000) * 1000000000;
    struct engine_options eo = {.clock = {.wall_us = wall_us, .mono_ns = mono_ns, .ctx = w},
                                .rng_seed = 1,
                                .databases = 4,
                                .families = families};
    eo.limits = value_limits_default(eo.hash_seed);
    w->engine = engine_new(&eo);
    w->repl = repl_new(w->engine, &(struct repl_host){.ctx = w, .role_changed = role_changed});
    *repl_settings(w->repl) = (struct repl_settings){.backlog_size = 1 << 20, .ping_s = 10, .timeout_s = 60};
    w->replica = open_session(w);
    w->client = open_session(w);
    repl__activate(w->repl);
    snprintf(line, sizeof(line), "PSYNC %s 1\r\n", w->repl->id);
    say(w, w->replica, line);
    assert_true(sent(w, false) > 0);
    assert_int_equal(w->repl->first->state, REPLICA_ONLINE);
}

static void
world_end(struct world *w)
{
    repl_session_closed(w->repl, w->replica);
    repl_session_closed(w->repl, w->client);
    engine_session_close(w->replica);
    engine_session_close(w->client);
    repl_free(w->repl);
    engine_free(w->engine);
}

static void
test_a_little_waits_for_more(void **state)
{
    struct world w = {0};

    (void)state;
    world_begin(&w);
    (void)repl_turn(w.repl);
    (void)sent(&w, false); /* a ping */
    say(&w, w.client, "SET a 1\r\n");
    assert_int_equal(sent(&w, true), 0);
    assert_int_equal(repl_turn(w.repl), 0); /* nobody may sleep on it */
    say(&w, w.client, "SET b 1\r\n");
    assert_int_equal(sent(&w, true), 0);
    w.ns += 1000000;
    assert_true(sent(&w, true) > 2 * strlen("SET a 1"));
    assert_true(repl_turn(w.repl) > 0);
    world_end(&w);
}

static void
test_nothing_waits_when_nothing_comes(void **state)
{
    struct world w = {0};

    (void)state;
    world_begin(&w);
    say(&w, w.client, "SET a 1\r\n");
    assert_int_equal(sent(&w, true), 0);
    assert_true(sent(&w, false) > 0);
    assert_int_equal(sent(&w, false), 0);
    world_end(&w);
}

static void
test_much_goes_at_once(void **state)
{
    struct world w = {0};

    (void)state;
    world_begin(&w);
    for (int i = 0; i < 2000; i++)
        say(&w, w.client, "SET a some-value\r\n");
    assert_true(sent(&w, true) > 64 << 10);
    world_end(&w);
}

static void
test_who_waits_for_replicas_does_not_wait_for_that(void **state)
{
    struct world w = {0};

    (void)state;
    world_begin(&w);
    say(&w, w.client, "SET a 1\r\nWAIT 1 1000\r\n");
    assert_true(sent(&w, true) > strlen("SET a 1"));
    world_end(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_little_waits_for_more),
        cmocka_unit_test(test_nothing_waits_when_nothing_comes),
        cmocka_unit_test(test_much_goes_at_once),
        cmocka_unit_test(test_who_waits_for_replicas_does_not_wait_for_that),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
