/* What commands that run in slices send to the log, replicas and subscribers: a second engine that is fed only that is
 * to hold the same in the end, whatever others do in between, and readers are to see what is before or after. Every
 * look at the clock ends a slice. */
#include "engine/engine_priv.h"
#include "support/stepclock.h"
#include "support/talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MANY = 10000, TAKEN = 5000, CLIENTS = 6, STEPS = 300 };

struct rig {
    struct engine *engine, *twin;
    struct step_clock clock, twin_clock;
    struct session *clients[CLIENTS], *reader, *copier;
    int twin_db;
    struct talk talk;
    struct buf told; /* name and number of arguments of what was propagated */
};

/* -- the twin -------------------------------------------------------------------------------------------------- */

static void
settle(struct engine *e)
{
    while (engine_sliced(e) > 0)
        engine_tick(e, 1000);
}

static void
tell_twin(struct rig *r, const struct slice *argv, int argc)
{
    engine_run(r->twin, r->copier, argv, argc);
    settle(r->twin);
}

static void
apply(void *ctx, const struct effect_batch *batch)
{
    struct rig *r = ctx;

    if (batch->atomic)
        buf_printf(&r->told, "[ ");
    for (const struct effect_command *c = batch->commands; c != NULL; c = c->next) {
        if (c->db != r->twin_db) {
            char text[16];
            struct slice argv[] = {LIT("SELECT"), slice_of(text, (size_t)snprintf(text, sizeof(text), "%d", c->db))};
            tell_twin(r, argv, 2);
            r->twin_db = c->db;
        }
        tell_twin(r, c->argv, c->argc);
        buf_printf(&r->told, "%.*s/%d ", (int)c->argv[0].len, c->argv[0].ptr, c->argc);
    }
    if (batch->atomic)
        buf_printf(&r->told, "] ");
}

#define say(r, s, ...) talk_say(&(r)->talk, (s), __VA_ARGS__)
#define take(r, s)     talk_take(&(r)->talk, (s))

static int
setup(void **state)
{
    struct rig *r = mem_get_zero(sizeof(*r));

    r->engine = step_clock_engine(&r->clock);
    r->twin = step_clock_engine(&r->twin_clock);
    engine_settings(r->engine)->slice_us = 0;
    engine_settings(r->engine)->enable_debug_command = engine_settings(r->twin)->enable_debug_command = true;
    engine_settings(r->twin)->lazy_expire_deletes = false; /* as a replica: keys go when it is told so */
    engine_settings(r->twin)->active_expire = false;
    for (int i = 0; i < CLIENTS; i++)
        r->clients[i] = engine_session_open(r->engine, NULL, LIT("a:1"), LIT("b:2"));
    r->reader = engine_session_open(r->engine, NULL, LIT("a:1"), LIT("b:2"));
    r->copier = engine_session_open(r->twin, NULL, LIT("a:1"), LIT("b:2"));
    engine_add_sink(r->engine, EFFECT_LOG, (struct effect_sink){.apply = apply, .ctx = r});
    *state = r;
    return 0;
}

static int
teardown(void **state)
{
    struct rig *r = *state;

    engine_remove_sink(r->engine, EFFECT_LOG, r);
    engine_free(r->engine);
    engine_free(r->twin);
    talk_fini(&r->talk);
    buf_fini(&r->told);
    mem_free(r);
    return 0;
}

static void
assert_told(struct rig *r, const char *told)
{
    buf_add_char(&r->told, '\0');
    assert_string_equal(r->told.ptr, told);
    buf_reset(&r->told);
}

static void
assert_twins(struct rig *r)
{
    settle(r->engine);
    take(r, r->reader);
    take(r, r->copier);
    say(r, r->reader, "DEBUG DIGEST");
    char *digest = strdup(take(r, r->reader));
    say(r, r->copier, "DEBUG DIGEST");
    assert_string_equal(take(r, r->copier), digest);
    free(digest);
}

static void
fill(struct rig *r)
{
    struct session *s = r->clients[0];

    engine_settings(r->engine)->slice_us = INT64_MAX / 1000000;
    say(r, s, "DEL s z l h x c");
    for (int i = 0; i < MANY; i += 10) {
        say(r, s, "SADD s %d m%d %d m%d %d m%d %d m%d %d m%d", i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7,
            i + 8, i + 9);
        for (int k = i; k < i + 10; k++) {
            say(r, s, "ZADD z %d m%d", k, k);
            say(r, s, "RPUSH l e%d", k);
            say(r, s, "HSET h f%d v%d", k, k);
            say(r, s, "XADD x %d-1 n %d", k + 1, k);
        }
    }
    settle(r->engine);
    take(r, s);
    buf_reset(&r->told);
    engine_settings(r->engine)->slice_us = 0;
}

/* -- one command after the other ------------------------------------------------------------------------------- */

static const struct {
    const char *command, *told, *events, *count, *left;
    int elements;   /* of the reply, the words around them included */
    bool one_slice; /* there are so few blocks that one is enough */
} pops[] = {
    {"SPOP s 5000", "[ SREM/1026 SREM/1026 SREM/1026 SREM/1026 SREM/906 ] ", "spop s", "SCARD s", ":5000\r\n", TAKEN,
     false},
    {"SPOP s 10000", "DEL/2 ", "spop s;del s", "SCARD s", ":0\r\n", MANY, false},
    {"ZPOPMIN z 5000", "ZPOPMIN/3 ", "zpopmin z", "ZCARD z", ":5000\r\n", 2 * TAKEN, false},
    {"ZMPOP 2 none z MAX COUNT 5000", "ZPOPMAX/3 ", "zpopmax z", "ZCARD z", ":5000\r\n", 2 * TAKEN, false},
    {"BZMPOP 0 1 z MIN COUNT 20000", "ZPOPMIN/3 ", "zpopmin z;del z", "ZCARD z", ":0\r\n", 2 * MANY, false},
    {"LPOP l 5000", "LPOP/3 ", "lpop l", "LLEN l", ":5000\r\n", TAKEN, false},
    {"RPOP l 99999", "RPOP/3 ", "rpop l;del l", "LLEN l", ":0\r\n", MANY, false},
    {"LMPOP 2 none l RIGHT COUNT 5000", "RPOP/3 ", "rpop l", "LLEN l", ":5000\r\n", TAKEN, false},
    {"BLMPOP 0 1 l LEFT COUNT 10000", "LPOP/3 ", "lpop l;del l", "LLEN l", ":0\r\n", MANY, false},
    {"LINSERT l AFTER e9999 new", "LINSERT/5 ", "linsert l", "LLEN l", ":10001\r\n", 0, false},
    {"ZREMRANGEBYRANK z 0 4999", "ZREMRANGEBYRANK/4 ", "zremrangebyrank z", "ZCARD z", ":5000\r\n", 0, false},
    {"COPY z c", "COPY/3 ", "copy_to c", "ZCARD c", ":10000\r\n", 0, false},
    {"COPY s c", "COPY/3 ", "copy_to c", "SCARD c", ":10000\r\n", 0, false},
    {"COPY h c", "COPY/3 ", "copy_to c", "HLEN c", ":10000\r\n", 0, false},
    {"COPY l c", "COPY/3 ", "copy_to c", "LLEN c", ":10000\r\n", 0, true},
    {"COPY x c", "COPY/3 ", "copy_to c", "XLEN c", ":10000\r\n", 0, false},
};

static int
count_lines(const char *reply, char first)
{
    int n = 0;

    for (const char *at = reply; *at != '\0'; at = strchr(at, '\n') + 1)
        n += *at == first;
    return n;
}

/* "event key;event key" of the pushes that a subscriber has got. */
static void
read_events(struct rig *r, struct session *s, struct buf *out)
{
    const char *at = take(r, s), *name;

    buf_reset(out);
    while ((at = strstr(at, "__keyevent@0__:")) != NULL) {
        name = at + strlen("__keyevent@0__:");
        if (name[0] != '*' && strncmp(name, "set\r", 4) != 0) { /* neither the pattern nor what others do */
            const char *key = strchr(strchr(name, '\n') + 1, '\n') + 1;
            buf_printf(out, "%s%.*s %.*s", out->len > 0 ? ";" : "", (int)strcspn(name, "\r"), name,
                       (int)strcspn(key, "\r"), key);
        }
        at = name;
    }
    buf_add_char(out, '\0');
}

/* Others write other keys between slices, and are told first; the effect comes at the end, as a whole, with one event.
 * Readers of the key see what was or what is, or wait. */
static void
test_effect_and_event(void **state)
{
    struct rig *r = *state;
    struct session *a = r->clients[0], *w = r->clients[1], *sub = r->clients[2];
    struct buf events = {0};

    engine_settings(r->engine)->notify_mask = NOTIFY_KEYEVENT | NOTIFY_ALL;
    engine_settings_changed(r->engine);
    say(r, sub, "PSUBSCRIBE __keyevent@0__:*");
    for (size_t i = 0; i < sizeof(pops) / sizeof(pops[0]); i++) {
        char told[200] = "";
        int writes = 0;

        fill(r);
        take(r, sub);
        for (say(r, a, "%s", pops[i].command); engine_sliced(r->engine) > 0; engine_tick(r->engine, 1000)) {
            if (writes++ >= 3)
                continue;
            assert_true(say(r, w, "SET other %d", writes));
            strcat(told, "SET/3 "); /* NOLINT: there is room */
        }
        if (writes == 0 && !pops[i].one_slice)
            fail_msg("%s: did not pause", pops[i].command);
        strcat(told, pops[i].told); /* NOLINT */
        assert_told(r, told);
        const char *reply = take(r, a);
        if (pops[i].elements > 0 && abs(count_lines(reply, '$') - pops[i].elements) > 1)
            fail_msg("%s: %d elements", pops[i].command, count_lines(reply, '$'));
        read_events(r, sub, &events);
        assert_string_equal(events.ptr, pops[i].events);
        take(r, w);
        say(r, w, "%s", pops[i].count);
        assert_string_equal(take(r, w), pops[i].left);
        assert_twins(r);
    }
    buf_fini(&events);
}

/* What SPOP gives and what it leaves are together what there was. */
static void
test_spop_divides(void **state)
{
    struct rig *r = *state;
    struct session *a = r->clients[0];
    static const int counts[] = {4096, 5000, 9999};

    for (int i = 0; i < 3; i++) {
        fill(r);
        say(r, a, "SPOP s %d", counts[i]);
        settle(r->engine);
        int popped = 0;
        char *reply = strdup(take(r, a)), *rest, *line = strtok_r(reply, "\r\n", &rest);
        for (line = strtok_r(NULL, "\r\n", &rest); line != NULL; line = strtok_r(NULL, "\r\n", &rest), popped++) {
            line = strtok_r(NULL, "\r\n", &rest); /* behind its length */
            say(r, r->reader, "SADD s %s", line);
            assert_string_equal(take(r, r->reader), ":1\r\n");
        }
        free(reply);
        assert_int_equal(popped, counts[i]);
        say(r, r->reader, "SCARD s");
        assert_string_equal(take(r, r->reader), ":10000\r\n");
        assert_twins(r);
    }
}

/* In a transaction or a script they run whole, and what they do is one with the rest. */
static void
test_whole_in_transactions(void **state)
{
    struct rig *r = *state;
    struct session *a = r->clients[0];

    fill(r);
    say(r, a, "MULTI");
    say(r, a, "SPOP s 5000");
    say(r, a, "ZMPOP 1 z MIN COUNT 5000");
    say(r, a, "COPY l c");
    say(r, a, "LPOP l 5000");
    say(r, a, "EXEC");
    assert_int_equal(engine_sliced(r->engine), 0);
    assert_told(r, "[ SREM/1026 SREM/1026 SREM/1026 SREM/1026 SREM/906 ZPOPMIN/3 COPY/3 LPOP/3 ] ");
    assert_twins(r);
}

/* A client that waits gets all at once, and its turn is over then. */
static void
test_served_whole(void **state)
{
    struct rig *r = *state;
    struct session *a = r->clients[0], *b = r->clients[1], *w = r->clients[2];

    fill(r);
    say(r, a, "BZMPOP 0 1 zz MIN COUNT 10000");
    say(r, b, "BLMPOP 0 1 ll LEFT COUNT 10000");
    say(r, w, "RENAME z zz");
    say(r, w, "RENAME l ll");
    assert_int_equal(engine_sliced(r->engine), 0);
    assert_int_equal(count_lines(take(r, a), '$'), 2 * MANY + 1);
    assert_int_equal(count_lines(take(r, b), '$'), MANY + 1);
    assert_told(r, "RENAME/3 ZPOPMIN/3 RENAME/3 LPOP/3 ");
    assert_twins(r);
}

/* Whoever watches the key is told when it has changed. */
static void
test_watch(void **state)
{
    struct rig *r = *state;
    struct session *a = r->clients[0], *w = r->clients[1];

    for (size_t i = 0; i < sizeof(pops) / sizeof(pops[0]); i++) {
        fill(r);
        say(r, w, "WATCH s z l c");
        say(r, w, "MULTI");
        say(r, a, "%s", pops[i].command);
        settle(r->engine);
        take(r, a);
        take(r, w);
        say(r, w, "EXEC");
        assert_string_equal(take(r, w), "*-1\r\n");
    }
}

/* -- all at once ----------------------------------------------------------------------------------------------- */

static const char *const sliced[] = {
    "SPOP s 4500",
    "SPOP s 100000",
    "ZMPOP 1 z MIN COUNT 4200",
    "ZPOPMAX z 4200",
    "ZREMRANGEBYRANK z 10 6000",
    "LPOP l 4100",
    "BLMPOP 0.01 1 l RIGHT COUNT 4100",
    "LINSERT l BEFORE e7000 new",
    "COPY z z2 REPLACE",
    "COPY s s DB 1",
    "COPY h h2 REPLACE",
    "SORT l ALPHA STORE l2",
    "SUNIONSTORE s2 s s",
    "ZUNIONSTORE z3 2 z z2",
    "SMEMBERS s",
    "SRANDMEMBER s -6000",
    "SRANDMEMBER s 4500",
    "HRANDFIELD h 9000 WITHVALUES",
    "ZRANDMEMBER z 4500",
    "SCAN 0 COUNT 100000",
    "KEYS *",
    "DELMATCH n*",
    "FLUSHDB",
};
static const char *const quick[] = {
    "SADD s one two three",
    "SREM s one m7 m11",
    "ZADD z 17 one 5000 two",
    "ZREM z one m5000",
    "RPUSH l a b c",
    "LPOP l 3",
    "HSET h one 1 two 2",
    "DEL s2 z2",
    "SET n1 1",
    "SET n2 2",
    "PEXPIRE z 3",
    "PEXPIRE s 2",
    "RENAME s2 s",
    "SWAPDB 0 1",
    "SELECT 1",
    "SELECT 0",
    "MOVE h2 1",
    "SUNIONSTORE s s s2",
    "MULTI",
    "EXEC",
    "FLUSHALL ASYNC",
    "LTRIM l 5 -5",
    "DEBUG DIGEST",
    "UNLINK l",
};

static void
one_step(struct rig *r, struct rng *rng)
{
    int i = (int)rng_below(rng, CLIENTS);
    struct session *s = r->clients[i];

    switch (rng_below(rng, 40)) {
    case 0: /* it goes */
        engine_session_close(s);
        r->clients[i] = engine_session_open(r->engine, NULL, LIT("a:1"), LIT("b:2"));
        return;
    case 1: say(r, r->reader, "CLIENT KILL ID %llu", (unsigned long long)session_ident(s)); return;
    case 2: engine_settle(r->engine); return; /* a snapshot begins */
    case 3: fill(r); return;
    default: break;
    }
    if (session_must_close(s)) {
        engine_session_close(s);
        r->clients[i] = engine_session_open(r->engine, NULL, LIT("a:1"), LIT("b:2"));
    } else if (!session_is_blocked(s)) {
        size_t n = sizeof(sliced) / sizeof(sliced[0]), m = sizeof(quick) / sizeof(quick[0]);
        bool is_long = rng_below(rng, 2) == 0;
        say(r, s, "%s", is_long ? sliced[rng_below(rng, n)] : quick[rng_below(rng, m)]);
        take(r, s);
    }
}

static void
test_twin_holds_the_same(void **state)
{
    struct rig *r = *state;

    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct rng rng;
        rng_seed(&rng, seed);
        fill(r);
        for (int i = 0; i < STEPS; i++) {
            one_step(r, &rng);
            r->clock.us += 100;
            r->twin_clock.us = r->clock.us;
            engine_now_update(r->twin);
            for (uint64_t n = rng_below(&rng, 4); n > 0; n--)
                engine_tick(r->engine, 1000);
            buf_reset(&r->told);
        }
        settle(r->engine);
        r->clock.us += 1000000;
        engine_tick(r->engine, 1000); /* what is due goes here, and so there */
        assert_twins(r);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_effect_and_event), T(test_spop_divides), T(test_whole_in_transactions),
        T(test_served_whole),     T(test_watch),        T(test_twin_holds_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
