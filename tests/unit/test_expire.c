/* tests/unit/test_expire.c - exact expiry on a clock that only moves when told. */
#include "base/rng.h"
#include "engine_fixture.h"

static void
test_absent_at_once(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_says(f, s, "set a 1 px 100", "+OK\r\n");
    assert_says(f, s, "set b 1", "+OK\r\n");
    jump_ms(f, 100); /* at its very time it is still there, as in redis */
    assert_says(f, s, "get a", "$1\r\n1\r\n");
    jump_ms(f, 1);
    assert_says(f, s, "dbsize", ":1\r\n");
    const struct db *db = engine_db(f->engine, 0);
    assert_int_equal(table_count(&db->by_key), 2); /* not freed, and yet not counted */
    assert_int_equal(keyspace_volatile(f->engine, db), 0);
    assert_says(f, s, "get a", "$-1\r\n");
    assert_int_equal(table_count(&db->by_key), 1);
    assert_int_equal(engine_stats(f->engine)->expired, 1);
}

static void
test_tick_frees(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    const struct db *db = engine_db(f->engine, 0);

    say(f, s, "set a 1 px 100");
    say(f, s, "set b 1 px 5000");
    assert_int_equal(engine_tick(f->engine, 1000), 101);
    pass_ms(f, 100);
    assert_int_equal(table_count(&db->by_key), 2);
    pass_ms(f, 1);
    assert_int_equal(table_count(&db->by_key), 1);
    /* never longer than a second; the sweep for big keys is due */
    assert_in_range(engine_tick(f->engine, 1000), 500, 1000);
    pass_ms(f, 4900);
    assert_int_equal(table_count(&db->by_key), 0);
    assert_int_equal(engine_stats(f->engine)->expired_by_tick, 2);
}

static void
test_tick_keeps_its_budget(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    char line[64];

    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof(line), "set k%d v px 10", i);
        say(f, s, line);
    }
    jump_ms(f, 20);
    f->mono_step_ns = 20 * 1000; /* each look at the clock costs 20 us */
    assert_int_equal(engine_tick(f->engine, 100), 0);
    size_t left = table_count(&engine_db(f->engine, 0)->by_key);
    assert_in_range(left, 850, 960);
    assert_says(f, s, "dbsize", ":0\r\n");
    int ticks = 0;
    while (engine_tick(f->engine, 100) == 0)
        ticks++;
    assert_in_range(ticks, 5, 30);
    assert_int_equal(table_count(&engine_db(f->engine, 0)->by_key), 0);
}

static void
test_changes_of_expiry(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    const struct db *db = engine_db(f->engine, 0);

    say(f, s, "set a 1 px 100");
    assert_says(f, s, "append a 23", ":3\r\n"); /* keeps the expiry although the entry moves */
    assert_int_equal(db->by_expiry.items, 1);
    assert_says(f, s, "append a aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                ":82\r\n");
    assert_int_equal(db->by_expiry.items, 1);
    assert_says(f, s, "pexpire a 500", ":1\r\n");
    pass_ms(f, 200);
    assert_says(f, s, "dbsize", ":1\r\n");
    assert_says(f, s, "persist a", ":1\r\n");
    assert_says(f, s, "persist a", ":0\r\n");
    assert_int_equal(db->by_expiry.items, 0);
    pass_ms(f, 1000);
    assert_says(f, s, "dbsize", ":1\r\n");
    assert_says(f, s, "pexpire a 300", ":1\r\n");
    assert_says(f, s, "set a new", "+OK\r\n"); /* SET without KEEPTTL forgets it */
    assert_int_equal(db->by_expiry.items, 0);
    assert_says(f, s, "pexpire a 300", ":1\r\n");
    assert_says(f, s, "rename a b", "+OK\r\n");
    assert_int_equal(db->by_expiry.items, 1);
    assert_says(f, s, "del b", ":1\r\n");
    assert_int_equal(db->by_expiry.items, 0);
    say(f, s, "set c 1");
    assert_says(f, s, "pexpire c -1", ":1\r\n"); /* not in the future: gone at once */
    assert_says(f, s, "dbsize", ":0\r\n");
    say(f, s, "rpush l a");
    assert_says(f, s, "pexpire l 100", ":1\r\n");
    assert_says(f, s, "lpop l", "$1\r\na\r\n");
    assert_int_equal(db->by_expiry.items, 0);
    assert_true(btree_verify(&db->by_expiry, &keyspace_expiry_ops));
}

static void
test_place_of_expired(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    say(f, s, "rpush l a");
    say(f, s, "pexpire l 10");
    say(f, s, "set s 1 px 10");
    jump_ms(f, 11);
    assert_says(f, s, "append l x", ":1\r\n"); /* no WRONGTYPE: the list is gone */
    assert_says(f, s, "append s x", ":1\r\n");
    assert_says(f, s, "rename nope x", "-ERR no such key\r\n");
    assert_says(f, s, "dbsize", ":2\r\n");
}

static void
test_frozen_within_a_transaction(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    say(f, s, "set a 1 px 10");
    say(f, s, "multi");
    say(f, s, "get a");
    say(f, s, "dbsize");
    jump_ms(f, 5);
    assert_says(f, s, "exec", "*2\r\n$1\r\n1\r\n:1\r\n");
}

static void
test_expiry_off(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    const struct db *db = engine_db(f->engine, 0);

    engine_settings(f->engine)->active_expire = false;
    say(f, s, "set a 1 px 10");
    pass_ms(f, 100);
    assert_int_equal(table_count(&db->by_key), 1);
    assert_says(f, s, "dbsize", ":0\r\n");
    engine_settings(f->engine)->lazy_expire_deletes = false; /* a replica */
    assert_says(f, s, "get a", "$-1\r\n");
    assert_int_equal(table_count(&db->by_key), 1);
}

static void
test_average(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    const struct db *db = engine_db(f->engine, 0);

    assert_int_equal(keyspace_average_ttl(f->engine, db), 0);
    say(f, s, "set a 1 px 1000");
    say(f, s, "set b 1 px 3000");
    assert_int_equal(keyspace_average_ttl(f->engine, db), 2000);
    assert_int_equal(keyspace_volatile(f->engine, db), 2);
}

/* Random commands against a twin that knows for each key only when it expires. */
static void
test_model(void **state)
{
    enum { KEYS = 200, STEPS = 20000 };
    struct fixture *f = *state;
    struct session *s = client(f);
    int64_t due[KEYS]; /* -1 absent, INT64_MAX for ever */
    struct rng rng;
    char line[64], expected[64];
    uint64_t seed = 20260101;

    rng_seed(&rng, seed);
    for (int i = 0; i < KEYS; i++)
        due[i] = -1;
    for (int step = 0; step < STEPS; step++) {
        int k = (int)rng_below(&rng, KEYS), ms = (int)rng_below(&rng, 300) + 1;
        int64_t now = f->wall_us / 1000, live = 0;
        switch (rng_below(&rng, 9)) {
        case 0:
            snprintf(line, sizeof(line), "set k%d v", k);
            due[k] = INT64_MAX;
            break;
        case 1:
        case 2:
            snprintf(line, sizeof(line), "set k%d v px %d", k, ms);
            due[k] = now + ms;
            break;
        case 3:
            snprintf(line, sizeof(line), "del k%d", k);
            due[k] = -1;
            break;
        case 4:
            snprintf(line, sizeof(line), "pexpire k%d %d", k, ms);
            due[k] = due[k] < 0 ? -1 : now + ms;
            break;
        case 5:
            snprintf(line, sizeof(line), "persist k%d", k);
            due[k] = due[k] < 0 ? -1 : INT64_MAX;
            break;
        case 6:
            snprintf(line, sizeof(line), "append k%d vvvvvvvvvvvv", k);
            due[k] = due[k] < 0 ? INT64_MAX : due[k];
            break;
        case 7: snprintf(line, sizeof(line), "get k%d", k); break;
        default:
            line[0] = 0;
            if (rng_below(&rng, 4) == 0)
                pass_ms(f, (int64_t)rng_below(&rng, 20));
            else
                jump_ms(f, (int64_t)rng_below(&rng, 20));
        }
        if (line[0] != 0)
            say(f, s, line);
        now = f->wall_us / 1000;
        for (int i = 0; i < KEYS; i++) {
            if (due[i] < now)
                due[i] = -1;
            live += due[i] >= 0;
        }
        snprintf(expected, sizeof(expected), ":%d\r\n", (int)live);
        if (strcmp(say(f, s, "dbsize"), expected) != 0)
            fail_msg("seed %llu, step %d: %s and not %s", (unsigned long long)seed, step, f->talk.out.ptr, expected);
    }
    assert_true(btree_verify(&engine_db(f->engine, 0)->by_expiry, &keyspace_expiry_ops));
    assert_true(table_verify(&engine_db(f->engine, 0)->by_key, &keyspace_table_ops));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_absent_at_once),    T(test_tick_frees),       T(test_tick_keeps_its_budget),
        T(test_changes_of_expiry), T(test_place_of_expired), T(test_frozen_within_a_transaction),
        T(test_expiry_off),        T(test_average),          T(test_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
