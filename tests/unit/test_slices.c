/* Commands that run in slices: what they answer, who waits for them, what ends them. Every look at the clock ends a
 * slice here, so that as much as possible happens in between. */
#include "engine/engine_priv.h"
#include "support/stepclock.h"
#include "support/talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { KEYS = 9000, MEMBERS = 6000 };

struct rig {
    struct engine *engine;
    struct step_clock clock;
    struct talk talk;
};

#define say(r, s, ...) talk_say(&(r)->talk, (s), __VA_ARGS__)
#define take(r, s)     talk_take(&(r)->talk, (s))

static int
setup(void **state)
{
    struct rig *r = mem_get_zero(sizeof(*r));

    r->engine = step_clock_engine(&r->clock);
    engine_settings(r->engine)->slice_us = 0;
    *state = r;
    return 0;
}

static int
teardown(void **state)
{
    struct rig *r = *state;

    engine_free(r->engine);
    talk_fini(&r->talk);
    mem_free(r);
    return 0;
}

static struct session *
client(struct rig *r)
{
    return engine_session_open(r->engine, NULL, LIT("a:1"), LIT("b:2"));
}

static void
run_out(struct rig *r)
{
    while (engine_sliced(r->engine) > 0)
        engine_tick(r->engine, 1000);
}

static void
fill_set(struct rig *r, struct session *s, const char *key, int from, int to)
{
    for (int i = from; i < to; i++)
        say(r, s, "SADD %s m%d", key, i);
    take(r, s);
}

/* -- KEYS ------------------------------------------------------------------------------------------------------ */

/* Counts what KEYS has answered, by number, and checks that it is whole. */
static size_t
read_keys(const char *reply, uint8_t *seen, int most)
{
    char *at;
    size_t n = strtoul(reply + 1, &at, 10);

    assert_int_equal(reply[0], '*');
    memset(seen, 0, (size_t)most);
    at += 2;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(*at, '$');
        at = strchr(at, '\n') + 1;
        assert_int_equal(*at, 'k');
        int number = atoi(at + 1); /* NOLINT(cert-err34-c) */
        assert_in_range(number, 0, most - 1);
        seen[number]++;
        at = strchr(at, '\n') + 1;
    }
    assert_int_equal(*at, '\0');
    return n;
}

static void
play_keys(struct rig *r, uint64_t seed, int most, bool grow)
{
    struct session *a = client(r), *w = client(r);
    uint8_t *was = mem_get_zero((size_t)most), *now = mem_get_zero((size_t)most), *seen = mem_get_zero((size_t)most);
    struct rng rng;

    rng_seed(&rng, seed);
    say(r, w, "FLUSHALL");
    run_out(r);
    for (int i = 0; i < KEYS; i++) {
        int k = (int)rng_below(&rng, (uint64_t)most);
        say(r, w, "SET k%d v", k);
        was[k] = 1;
    }
    memcpy(now, was, (size_t)most);
    say(r, a, "KEYS k*");
    int steps = 0;
    for (; engine_sliced(r->engine) > 0; steps++) {
        assert_string_equal(take(r, a), "");
        for (int i = 0; i < 24; i++) {
            int k = (int)rng_below(&rng, (uint64_t)most), other = (int)rng_below(&rng, (uint64_t)most);
            switch (rng_below(&rng, grow ? 6 : 4)) {
            case 0:
            case 1:
                say(r, w, "DEL k%d", k);
                now[k] = 0;
                break;
            case 2:
                say(r, w, "SET k%d v PX %d", k, (int)rng_below(&rng, 3) + 1);
                now[k] = 0;
                break;
            case 3:
                if (now[k]) {
                    say(r, w, "RENAME k%d k%d", k, other);
                    now[k] = 0;
                    now[other] = 1;
                }
                break;
            default: say(r, w, "SET k%d v", k); now[k] = 1;
            }
        }
        take(r, w);
        r->clock.us += 500;
        engine_tick(r->engine, 1000);
    }
    assert_true(steps > 10);
    size_t n = read_keys(take(r, a), seen, most);
    for (int i = 0; i < most; i++) {
        if (seen[i] != was[i])
            fail_msg("seed %llu: k%d seen %d times, was there: %d", (unsigned long long)seed, i, seen[i], was[i]);
        n -= was[i];
    }
    assert_int_equal(n, 0);
    engine_session_close(a);
    engine_session_close(w);
    mem_free(was);
    mem_free(now);
    mem_free(seen);
}

static void
test_keys_of_one_moment(void **state)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        play_keys(*state, seed, KEYS * 2, false);
        play_keys(*state, seed, KEYS * 8, true);
    }
}

static void
test_keys_begins_anew(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);
    uint8_t seen[KEYS];

    for (int i = 0; i < KEYS; i++)
        say(r, w, "SET k%d v", i);
    say(r, a, "KEYS *");
    engine_tick(r->engine, 1000);
    say(r, w, "FLUSHALL ASYNC");
    say(r, w, "SET k5 v");
    run_out(r);
    assert_int_equal(read_keys(take(r, a), seen, KEYS), 1);
    for (int i = 0; i < KEYS; i++)
        say(r, w, "SET k%d v", i);
    say(r, a, "KEYS *");
    engine_tick(r->engine, 1000);
    say(r, w, "SWAPDB 0 1");
    run_out(r);
    assert_string_equal(take(r, a), "*0\r\n");
}

/* -- pins ------------------------------------------------------------------------------------------------------ */

static size_t
lines(const char *reply)
{
    size_t n = 0;

    for (; (reply = strchr(reply, '\n')) != NULL; reply++)
        n++;
    return n;
}

static void
test_writers_wait(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r), *other = client(r);

    fill_set(r, w, "s", 0, MEMBERS);
    say(r, a, "SMEMBERS s");
    assert_true(session_is_blocked(a));
    assert_false(say(r, w, "SADD s new"));
    assert_true(session_is_blocked(w));
    assert_true(say(r, other, "SADD t new"));
    assert_true(say(r, other, "SISMEMBER s new"));
    assert_string_equal(take(r, other), ":1\r\n:0\r\n");
    say(r, other, "MULTI");
    say(r, other, "DEL s");
    assert_false(say(r, other, "EXEC"));
    run_out(r);
    assert_false(session_is_blocked(w));
    assert_false(session_is_blocked(other));
    assert_int_equal(lines(take(r, a)), 1 + 2 * MEMBERS);
    assert_true(say(r, w, "SADD s new"));
    assert_true(say(r, other, "EXEC"));
    assert_string_equal(take(r, w), ":1\r\n");
}

static void
fill_zset(struct rig *r, struct session *s, const char *key, int n)
{
    for (int i = 0; i < n; i++)
        say(r, s, "ZADD %s %d m%d", key, i, i);
    take(r, s);
}

/* What changes a key piece by piece is seen by nobody before it is through. */
static void
test_readers_wait(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r), *other = client(r);

    fill_zset(r, w, "z", 2 * MEMBERS);
    say(r, w, "SET k v");
    take(r, w);
    say(r, a, "ZREMRANGEBYRANK z 0 %d", MEMBERS - 1);
    assert_true(session_is_blocked(a));
    for (int i = 0; i < 5; i++)
        engine_tick(r->engine, 1000);
    assert_int_equal(engine_sliced(r->engine), 1);
    assert_false(say(r, w, "ZCARD z"));
    assert_true(say(r, other, "GET k"));
    assert_true(say(r, other, "EXISTS nothing"));
    say(r, other, "MULTI");
    say(r, other, "ZCARD z");
    assert_false(say(r, other, "EXEC"));
    assert_string_equal(take(r, w), "");
    assert_string_equal(take(r, other), "$1\r\nv\r\n:0\r\n+OK\r\n+QUEUED\r\n");
    run_out(r);
    assert_string_equal(take(r, a), ":6000\r\n");
    assert_true(say(r, w, "ZCARD z"));
    assert_true(say(r, w, "ZRANGE z 0 0"));
    assert_string_equal(take(r, w), ":6000\r\n*1\r\n$5\r\nm6000\r\n");
    assert_true(say(r, other, "EXEC"));
    assert_string_equal(take(r, other), "*1\r\n:6000\r\n");
}

/* Neither a client that goes nor a limit leaves anything half done, and who must see the key at once ends it. */
static void
test_what_has_begun_is_done(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);

    fill_zset(r, w, "z", 3 * MEMBERS);
    engine_settings(r->engine)->command_time_limit_ms = 1;
    r->clock.step_us = 200;
    say(r, a, "ZREMRANGEBYSCORE z -inf (%d", MEMBERS);
    engine_tick(r->engine, 1000);
    assert_int_equal(engine_sliced(r->engine), 1);
    engine_session_close(a);
    assert_int_equal(engine_sliced(r->engine), 0);
    say(r, w, "ZCARD z");
    assert_string_equal(take(r, w), ":12000\r\n");
    a = client(r);
    say(r, a, "ZREMRANGEBYRANK z 0 %d", MEMBERS - 1);
    engine_tick(r->engine, 1000);
    assert_int_equal(engine_sliced(r->engine), 1);
    engine_settle(r->engine);
    assert_int_equal(engine_sliced(r->engine), 0);
    assert_string_equal(take(r, a), ":6000\r\n");
    say(r, w, "ZCARD z");
    assert_string_equal(take(r, w), ":6000\r\n");
}

/* A key whose time comes while it is being changed is gone, and what was to be removed counts. */
static void
test_key_expires_meanwhile(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);

    fill_zset(r, w, "z", 2 * MEMBERS);
    say(r, w, "PEXPIRE z 10");
    take(r, w);
    say(r, a, "ZREMRANGEBYRANK z 0 %d", MEMBERS - 1);
    engine_tick(r->engine, 1000);
    r->clock.us += 20000;
    engine_now_update(r->engine);
    run_out(r);
    assert_string_equal(take(r, a), ":6000\r\n");
    say(r, w, "EXISTS z");
    assert_string_equal(take(r, w), ":0\r\n");
    say(r, w, "ZADD z 1 x");
    say(r, w, "ZCARD z");
    assert_string_equal(take(r, w), ":1\r\n:1\r\n");
}

static void
test_waiting_client_writes(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r), *b = client(r);

    for (int i = 0; i < MEMBERS; i++)
        say(r, w, "RPUSH l e%d", i);
    say(r, b, "BLMOVE q l LEFT RIGHT 0");
    say(r, a, "LRANGE l 0 -1");
    assert_true(session_is_blocked(a));
    take(r, w);
    say(r, w, "RPUSH q x"); /* what waits for q writes to l: the reader ends first */
    assert_int_equal(engine_sliced(r->engine), 0);
    assert_int_equal(lines(take(r, a)), 1 + 2 * MEMBERS);
    assert_string_equal(take(r, b), "$1\r\nx\r\n");
    say(r, w, "LLEN l");
    char want[32];
    (void)snprintf(want, sizeof(want), ":1\r\n:%d\r\n", MEMBERS + 1);
    assert_string_equal(take(r, w), want);
}

static void
test_expiry_waits(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);

    fill_set(r, w, "s", 0, MEMBERS);
    say(r, w, "PEXPIRE s 5");
    say(r, a, "SMEMBERS s");
    r->clock.us += 10000;
    engine_now_update(r->engine);
    take(r, w);
    say(r, w, "EXISTS s");
    assert_string_equal(take(r, w), ":0\r\n");
    run_out(r);
    assert_int_equal(lines(take(r, a)), 1 + 2 * MEMBERS);
    engine_tick(r->engine, 1000);
    assert_int_equal(engine_stats(r->engine)->expired, 1);
}

static void
test_keys_are_exchanged(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *b = client(r), *w = client(r);

    fill_set(r, w, "s", 0, MEMBERS);
    for (int i = 0; i < KEYS; i++)
        say(r, w, "SET k%d v", i);
    say(r, a, "SMEMBERS s");
    say(r, b, "KEYS k*");
    assert_int_equal(engine_sliced(r->engine), 2);
    /* As a replica does when it has loaded its primary's keys aside. */
    keyspace_exchange(r->engine, engine_db(r->engine, 0), engine_db(r->engine, 1));
    keyspace_discard(r->engine, engine_db(r->engine, 1));
    assert_int_equal(lines(take(r, a)), 1 + 2 * MEMBERS);
    run_out(r);
    assert_string_equal(take(r, b), "*0\r\n");
}

/* -- results are the same as in one piece ---------------------------------------------------------------------- */

static void
test_same_results(void **state)
{
    /* clang-format off */
    static const char *const commands[] = {
        "SINTER s t", "SUNIONSTORE u s t nothing", "SDIFF s t", "SDIFFSTORE d s t", "SINTERSTORE i s t", "SINTERCARD 2 s t",
        "SUNION s t", "SUNIONCARD 2 s t", "SDIFFCARD 2 s t", "ZUNIONSTORE zu 2 z s WEIGHTS 2 3", "ZINTER 2 z s WITHSCORES",
        "ZDIFF 2 z t", "ZRANGE z 0 -1 WITHSCORES", "ZREVRANGEBYSCORE z +inf -inf", "ZINTERCARD 2 z s", "HGETALL h", "HKEYS h", "HVALS h",
        "SORT s ALPHA DESC", "SORT s BY nothing_* ALPHA GET # GET w_*", "SORT s ALPHA STORE l", "LRANGE l 5 -5",
        "SORT s BY w_* LIMIT 0 10", "KEYS *", "SORT nothing", "SMEMBERS d", "LRANGE l 0 1000000",
        "ZRANGESTORE y z 0 -1 REV", "ZRANGE y 0 -1 WITHSCORES",
        "COPY z c REPLACE", "ZRANGE c 0 -1 WITHSCORES", "COPY h c REPLACE", "HGETALL c", "COPY s c REPLACE", "SMEMBERS c",
        "COPY l c REPLACE", "LRANGE c 0 -1", "COPY x c REPLACE", "XRANGE c - +", "XREVRANGE x + - COUNT 5000",
        "LPOS l m59 COUNT 0", "LPOS l nothing", "LINSERT l BEFORE nothing x", "SSCAN s 0 COUNT 100000", "HSCAN h 0 COUNT 5000 MATCH *9*",
        "ZSCAN z 0 COUNT 100000", "SCAN 0 COUNT 100000 TYPE set", "DUMP z", "DUMP h", "HRANDFIELD h 100000", "ZRANDMEMBER z 100000",
        "SRANDMEMBER s 100000", "BITCOUNT bits", "BITCOUNT bits 1 -3", "BITPOS bits 0 1", "BITPOS bits 1 4000000", "BITOP XOR bits2 bits s1 s2",
        "BITCOUNT bits2 8 9000000 BIT", "BITOP NOT bits2 bits", "BITPOS bits2 0", "LCS s1 s2", "LCS s1 s2 LEN", "LCS s1 s2 IDX WITHMATCHLEN",
        "GEOSEARCH g FROMLONLAT 0 0 BYRADIUS 9000 km ASC WITHDIST", "GEOSEARCHSTORE g2 g FROMLONLAT 0 0 BYBOX 9000 9000 km STOREDIST",
        "ZRANGE g2 0 -1 WITHSCORES", "GEORADIUS g 10 10 5000 km DESC COUNT 4500",
    };
    /* clang-format on */
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);

    fill_set(r, w, "s", 0, MEMBERS);
    fill_set(r, w, "t", MEMBERS / 2, MEMBERS * 2);
    for (int i = 0; i < MEMBERS; i++) {
        say(r, w, "ZADD z %d m%d", i % 97, i);
        say(r, w, "HSET h f%d v%d", i, i);
        say(r, w, "SET w_m%d %d", i, (i * 7919) % MEMBERS);
        say(r, w, "XADD x %d-1 n %d", i + 1, i);
        say(r, w, "GEOADD g %d.%d %d m%d", i % 180, i % 10, i % 85, i);
    }
    say(r, w, "SETBIT bits 40000000 1"); /* 5 MB */
    say(r, w, "SETRANGE bits 0 abc");
    for (int i = 0; i < 200; i++) {
        say(r, w, "APPEND s1 abcdefgh");
        say(r, w, "APPEND s2 hcbaxyzd");
    }
    take(r, w);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        engine_settings(r->engine)->slice_us = INT64_MAX / 1000000;
        assert_true(say(r, w, "%s", commands[i]));
        char *whole = strdup(take(r, w));
        engine_settings(r->engine)->slice_us = 0;
        assert_true(say(r, a, "%s", commands[i]));
        if (i < 18)
            assert_true(session_is_blocked(a));
        run_out(r);
        if (strcmp(whole, take(r, a)) != 0)
            fail_msg("%s: %.60s instead of %.60s", commands[i], r->talk.out.ptr, whole);
        free(whole);
    }
    say(r, w, "INFO commandstats");
}

/* -- ends ------------------------------------------------------------------------------------------------------ */

static void
test_client_goes(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);

    fill_set(r, w, "s", 0, MEMBERS);
    fill_set(r, w, "t", 0, MEMBERS);
    static const char *const commands[] = {"SMEMBERS s",   "SUNIONSTORE u s t",          "KEYS s",
                                           "SORT s ALPHA", "SORT s BY nosort LIMIT 0 1", "SORT s ALPHA STORE l",
                                           "FLUSHALL SYNC"};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        say(r, a, "%s", commands[i]);
        engine_tick(r->engine, 1000);
        engine_session_close(a);
        assert_int_equal(engine_sliced(r->engine), 0);
        assert_int_equal(r->engine->gate & GATE_PINNED, 0);
        a = client(r);
    }
    take(r, w);
    say(r, w, "DBSIZE");
    assert_string_equal(take(r, w), ":0\r\n");
}

/* Reading the elements takes its time, too; what reads no other keys keeps nobody from writing them. */
static void
test_sort_pauses_throughout(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);
    int pauses = 0;

    fill_set(r, w, "s", 0, MEMBERS);
    for (say(r, a, "SORT s BY nosort LIMIT 0 1"); engine_sliced(r->engine) > 0; pauses++) {
        say(r, w, "SET other 1");
        assert_string_equal(take(r, w), "+OK\r\n");
        engine_tick(r->engine, 1000);
    }
    assert_true(pauses > 0);
}

static void
test_kill_interrupts(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);

    fill_set(r, w, "s", 0, MEMBERS);
    say(r, a, "SORT s ALPHA");
    say(r, w, "CLIENT KILL ID %llu", (unsigned long long)session_ident(a));
    assert_string_equal(take(r, w), ":1\r\n");
    assert_true(session_must_close(a));
    assert_int_equal(engine_sliced(r->engine), 1);
    for (int i = 0; i < 2; i++)
        engine_tick(r->engine, 1000);
    assert_int_equal(engine_sliced(r->engine), 0); /* long before it would have been through */
}

static void
test_time_limit(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);
    const char *error = "-ERR command stopped: it ran for longer than command-time-limit (2 ms)\r\n";

    fill_set(r, w, "s", 0, MEMBERS);
    engine_settings(r->engine)->command_time_limit_ms = 2;
    r->clock.step_us = 200; /* us pass with every look at the clock */
    say(r, a, "SMEMBERS s");
    run_out(r);
    assert_string_equal(take(r, a), error);
    say(r, a, "SUNIONSTORE u s s");
    run_out(r);
    assert_string_equal(take(r, a), error);
    say(r, a, "MULTI");
    say(r, a, "SMEMBERS s");
    say(r, a, "PING");
    take(r, a);
    say(r, a, "EXEC");
    assert_memory_equal(take(r, a), "*2\r\n-ERR command stopped: ", 26);
    assert_non_null(strstr(r->talk.out.ptr, "\r\n+PONG\r\n"));
    say(r, a, "EXISTS u s");
    assert_string_equal(take(r, a), ":1\r\n");
}

static void
test_reply_skipped(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);

    fill_set(r, w, "s", 0, MEMBERS);
    say(r, a, "CLIENT REPLY SKIP");
    say(r, a, "SMEMBERS s");
    assert_true(session_is_blocked(a));
    run_out(r);
    say(r, a, "PING");
    assert_string_equal(take(r, a), "+PONG\r\n");
}

/* -- DELMATCH -------------------------------------------------------------------------------------------------- */

static void
note(void *ctx, const struct effect_batch *batch)
{
    for (const struct effect_command *c = batch->commands; c != NULL; c = c->next) {
        assert_true(slice_eq(c->argv[0], LIT("DEL")) || slice_eq_nocase(c->argv[0], LIT("sadd")));
        *(size_t *)ctx += slice_eq(c->argv[0], LIT("DEL"));
    }
}

static void
test_delmatch(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);
    size_t deletions = 0;

    for (int i = 0; i < KEYS; i++)
        say(r, w, "SET k%d v", i);
    fill_set(r, w, "keys", 0, MEMBERS);
    engine_add_sink(r->engine, EFFECT_LOG, (struct effect_sink){.apply = note, .ctx = &deletions});
    say(r, a, "DELMATCH k*7");
    assert_int_equal(engine_sliced(r->engine), 1);
    engine_tick(r->engine, 1000);
    /* A long reader goes first, whether its keys are to go or not. */
    say(r, w, "SMEMBERS keys");
    size_t before = deletions;
    while (engine_sliced(r->engine) == 2)
        engine_tick(r->engine, 1000);
    assert_int_equal(deletions, before);
    assert_int_equal(lines(take(r, w)), 1 + 2 * MEMBERS);
    run_out(r);
    assert_string_equal(take(r, a), ":900\r\n");
    assert_int_equal(deletions, 900);
    say(r, w, "EXISTS k7 k8 keys");
    assert_string_equal(take(r, w), ":2\r\n");
    say(r, a, "DELMATCH k* COUNT 100");
    run_out(r);
    assert_string_equal(take(r, a), ":100\r\n");
    assert_int_equal(deletions, 1000);
    engine_remove_sink(r->engine, EFFECT_LOG, &deletions);
}

static void
test_delmatch_rate(void **state)
{
    struct rig *r = *state;
    struct session *a = client(r), *w = client(r);
    int64_t began = r->clock.us, wait;

    for (int i = 0; i < 100; i++)
        say(r, w, "SET k%d v", i);
    say(r, a, "DELMATCH k* RATE 50/s");
    while ((wait = engine_tick(r->engine, 1000)) >= 0 && engine_sliced(r->engine) > 0) {
        assert_in_range(wait, 0, 20);
        r->clock.us += wait * 1000;
    }
    assert_string_equal(take(r, a), ":100\r\n");
    assert_in_range(r->clock.us - began, 1900000, 2100000);
    take(r, w);
    say(r, w, "DBSIZE");
    assert_string_equal(take(r, w), ":0\r\n");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_keys_of_one_moment),
        T(test_keys_begins_anew),
        T(test_writers_wait),
        T(test_readers_wait),
        T(test_what_has_begun_is_done),
        T(test_key_expires_meanwhile),
        T(test_waiting_client_writes),
        T(test_expiry_waits),
        T(test_keys_are_exchanged),
        T(test_same_results),
        T(test_client_goes),
        T(test_sort_pauses_throughout),
        T(test_kill_interrupts),
        T(test_time_limit),
        T(test_reply_skipped),
        T(test_delmatch),
        T(test_delmatch_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
