/* Hot keys by chance, big keys by a sweep: what must be found, and how far the sums are off. */
#include "engine/engine_priv.h"
#include "engine/hotkeys.h"
#include "support/stepclock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct rig {
    struct engine *engine;
    struct session *s;
    struct step_clock clock;
    struct buf in;
};

static int
setup(void **state)
{
    struct rig *r = mem_get_zero(sizeof(*r));

    r->clock.step_us = 1;
    r->engine = step_clock_engine(&r->clock);
    r->s = engine_session_open(r->engine, NULL, LIT("a:1"), LIT("b:2"));
    *state = r;
    return 0;
}

static int
teardown(void **state)
{
    struct rig *r = *state;

    engine_free(r->engine);
    buf_fini(&r->in);
    mem_free(r);
    return 0;
}

static void
flush(struct rig *r)
{
    struct out *o = session_out(r->s);

    assert_int_equal(engine_feed(r->engine, r->s, buf_slice(&r->in), SIZE_MAX), r->in.len);
    buf_reset(&r->in);
    out_sent(o, out_pending(o));
}

static void say(struct rig *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say(struct rig *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&r->in, fmt, ap);
    va_end(ap);
    buf_add(&r->in, "\r\n", 2);
    if (r->in.len > 2000)
        flush(r);
}

static bool
is_key(struct slice key, const char *text)
{
    return slice_eq(key, slice_cstr(text));
}

static void
test_hot(void **state)
{
    struct rig *r = *state;
    struct hot_key top[4];
    struct rng rng;

    rng_seed(&rng, 5);
    for (int i = 0; i < 1600000; i++) {
        uint64_t dice = rng_below(&rng, 100);
        if (dice < 10)
            say(r, "GET hot");
        else if (dice < 15)
            say(r, "SET warm 1");
        else
            say(r, "GET k%d", (int)rng_below(&rng, 100000));
    }
    flush(r);
    assert_true(hotkeys_top(r->engine, HOT_CALLS, true, top, 4) == 4);
    assert_true(is_key(top[0].key, "hot") && is_key(top[1].key, "warm"));
    assert_in_range(top[0].sum * HOTKEYS_ALWAYS_RATIO, 110000, 210000);
    assert_in_range(top[1].sum * HOTKEYS_ALWAYS_RATIO, 45000, 120000);
    assert_int_equal(hotkeys_top(r->engine, HOT_NET, true, top, 1), 1);
    assert_true(is_key(top[0].key, "hot"));
    /* Half of it counts after a minute. */
    uint64_t before = top[0].sum;
    r->clock.us += INT64_C(61000000);
    engine_tick(r->engine, 1000);
    hotkeys_top(r->engine, HOT_NET, true, top, 1);
    assert_in_range(top[0].sum, before / 2 - 1, before / 2 + 1);
}

static void
test_collection(void **state)
{
    struct rig *r = *state;
    struct hot_key top[4];

    assert_false(hotkeys_info(r->engine).own);
    assert_false(hotkeys_stop(r->engine));
    assert_true(hotkeys_start(r->engine, 1u << HOT_CPU | 1u << HOT_NET, 5, 1, 2000));
    assert_false(hotkeys_start(r->engine, 1u << HOT_CPU, 5, 1, 0));
    assert_false(hotkeys_reset(r->engine));
    engine_now_update(r->engine);
    for (int i = 0; i < 1000; i++)
        say(r, i % 2 == 0 ? "GET a" : "MSET a 1 b 2222222222222222222222222222222222222222");
    flush(r);
    struct hotkeys_info info = hotkeys_info(r->engine);
    assert_true(info.own && info.active && info.ratio == 1);
    /* Every command is looked at but those of the batch that was under way. */
    assert_in_range(info.calls, 950, 1000);
    assert_int_equal(hotkeys_top(r->engine, HOT_NET, false, top, 4), 2);
    assert_true(is_key(top[0].key, "a"));
    assert_true(top[0].sum + top[1].sum <= info.bytes && top[0].sum + top[1].sum >= info.bytes - 1000);
    assert_int_equal(hotkeys_top(r->engine, HOT_CALLS, false, top, 4), 0);
    r->clock.us += 3000000;
    engine_now_update(r->engine);
    info = hotkeys_info(r->engine);
    assert_true(info.own && !info.active);
    assert_int_equal(info.duration_ms, 2000);
    assert_int_equal(hotkeys_top(r->engine, HOT_NET, false, top, 4), 2);
    assert_true(hotkeys_reset(r->engine));
    assert_false(hotkeys_info(r->engine).own);
}

static void
sweep(struct rig *r)
{
    uint64_t sweeps = bigkeys_info(r->engine).sweeps;

    while (bigkeys_info(r->engine).sweeps < sweeps + 2) {
        int64_t wait = engine_tick(r->engine, 1000);
        r->clock.us += (wait > 0 ? wait : 1) * 1000;
    }
}

static void
test_big(void **state)
{
    struct rig *r = *state;
    struct big_key top[HOTKEYS_MAX];

    for (int i = 0; i < 30000; i++)
        say(r, "SET k%d xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", i);
    for (int i = 0; i < 5000; i++)
        say(r, "SADD set m%d", i);
    for (int i = 0; i < 200; i++)
        say(r, "RPUSH l%d %d %d %d", i % 100, i, i, i);
    say(r, "SETRANGE str 300000 x");
    say(r, "SELECT 3");
    say(r, "SETRANGE other 400000 x");
    flush(r);
    sweep(r);
    assert_int_equal(bigkeys_top(r->engine, BIG_BYTES, top, 3), 3);
    assert_true(is_key(top[0].key, "other") && top[0].db == 3 && top[0].size >= 400000);
    assert_true(is_key(top[1].key, "str") && strcmp(top[1].type, "string") == 0);
    assert_true(is_key(top[2].key, "set"));
    assert_int_equal(bigkeys_top(r->engine, BIG_ELEMENTS, top, HOTKEYS_MAX), 1); /* six elements are not many */
    assert_true(is_key(top[0].key, "set") && top[0].size == 5000);
    /* Present sizes, and no more of what is gone. */
    say(r, "DEL other");
    say(r, "SELECT 0");
    for (int i = 0; i < 3000; i++)
        say(r, "SREM set m%d", i);
    flush(r);
    assert_true(bigkeys_top(r->engine, BIG_BYTES, top, 3) >= 2 && is_key(top[0].key, "str"));
    assert_true(bigkeys_top(r->engine, BIG_ELEMENTS, top, 3) == 1 && top[0].size == 2000);
    /* Many of them: the biggest stay. */
    for (int i = 0; i < 400; i++) {
        for (int j = 0; j < 17 + i; j += 17)
            say(r, "RPUSH many%d 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", i);
    }
    flush(r);
    sweep(r);
    assert_int_equal(bigkeys_top(r->engine, BIG_ELEMENTS, top, HOTKEYS_MAX), HOTKEYS_MAX);
    assert_true(is_key(top[0].key, "set"));
    for (int i = 1; i < HOTKEYS_MAX; i++)
        assert_true(top[i].size <= top[i - 1].size && top[i].size > 300);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {T(test_hot), T(test_collection), T(test_big)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
