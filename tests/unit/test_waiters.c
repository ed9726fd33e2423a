/* tests/unit/test_waiters.c - blocking commands: order, what wakes them, time-outs, unblocking. */
#include "base/rng.h"
#include "engine_fixture.h"

#define POPPED(key, value) "*2\r\n$1\r\n" key "\r\n$1\r\n" value "\r\n"

static void
test_first_come_first_served(void **state)
{
    struct fixture *f = *state;
    struct session *a = client(f), *b = client(f), *c = client(f), *s = client(f);

    assert_says(f, a, "blpop l 0", "");
    assert_says(f, b, "blpop m l 0", "");
    assert_says(f, c, "blpop l 0", "");
    assert_int_equal(waiters_count(f->engine), 3);
    assert_int_equal(waiters_keys(f->engine), 2);
    assert_says(f, s, "rpush l 1 2", ":2\r\n");
    assert_string_equal(take(f, a), POPPED("l", "1"));
    assert_string_equal(take(f, b), POPPED("l", "2"));
    assert_string_equal(take(f, c), "");
    assert_int_equal(waiters_count(f->engine), 1);
    assert_says(f, s, "dbsize", ":0\r\n");
    assert_says(f, s, "rpush m 1", ":1\r\n"); /* b waits for it no longer */
    assert_says(f, s, "rpush l 3", ":1\r\n");
    assert_string_equal(take(f, c), POPPED("l", "3"));
    assert_int_equal(waiters_keys(f->engine), 0);
    assert_int_equal(f->ready_calls, 3);
}

static void
test_key_order_is_the_commands(void **state)
{
    struct fixture *f = *state;
    struct session *a = client(f), *s = client(f);

    say(f, a, "blpop x y 0");
    feed(f, s, "multi\r\nrpush y 1\r\nrpush x 2\r\nexec\r\n");
    assert_string_equal(take(f, a), POPPED("x", "2")); /* runs again as a whole after EXEC */
    say(f, a, "blpop l l 0");                          /* named twice */
    say(f, s, "rpush l 1");
    assert_string_equal(take(f, a), POPPED("l", "1"));
}

static void
test_whatever_creates_the_key(void **state)
{
    struct fixture *f = *state;
    struct session *a = client(f), *s = client(f);

    say(f, a, "blpop l 0");
    say(f, s, "set l string");
    assert_true(session_is_blocked(a)); /* another type: goes on waiting */
    say(f, s, "del l");
    say(f, s, "rpush other 1");
    say(f, s, "rename other l");
    assert_string_equal(take(f, a), POPPED("l", "1"));
    say(f, a, "blpop l 0");
    feed(f, s, "select 1\r\nrpush l 2\r\n");
    assert_true(session_is_blocked(a));
    say(f, s, "swapdb 0 1");
    assert_string_equal(take(f, a), POPPED("l", "2"));
    say(f, a, "blpop l 0");
    feed(f, s, "select 0\r\nmulti\r\nrpush l 3\r\ndel l\r\nexec\r\n");
    assert_true(session_is_blocked(a)); /* only what is there after EXEC counts */
    feed(f, s, "multi\r\nset l x\r\ndel l\r\nrpush l 4\r\nexec\r\n");
    assert_string_equal(take(f, a), POPPED("l", "4"));
}

static void
test_chain(void **state)
{
    struct fixture *f = *state;
    struct session *a = client(f), *b = client(f), *c = client(f), *s = client(f);

    say(f, c, "blpop z 0");
    say(f, b, "blmove y z 0");
    say(f, a, "blmove x y 0");
    assert_says(f, s, "rpush x v", ":1\r\n");
    assert_string_equal(take(f, a), "$1\r\nv\r\n");
    assert_string_equal(take(f, b), "$1\r\nv\r\n");
    assert_string_equal(take(f, c), POPPED("z", "v"));
    assert_says(f, s, "dbsize", ":0\r\n");
    /* In a circle the element ends up where somebody takes it out for good, or where it began. */
    say(f, a, "blmove x y 0");
    say(f, b, "blmove y x 0");
    assert_says(f, s, "rpush x v", ":1\r\n");
    assert_string_equal(take(f, a), "$1\r\nv\r\n");
    assert_string_equal(take(f, b), "$1\r\nv\r\n");
    assert_says(f, s, "lpop x", "$1\r\nv\r\n");
}

static void
test_timeout(void **state)
{
    struct fixture *f = *state;
    struct session *a = client(f), *b = client(f), *s = client(f);

    assert_says(f, a, "blpop l -1", "-ERR timeout is negative\r\n");
    assert_says(f, a, "blpop l abc", "-ERR timeout is not a float or out of range\r\n");
    assert_says(f, a, "blpop l 1e30", "-ERR timeout is out of range\r\n");
    say(f, a, "blpop l 0.1");
    say(f, b, "blpop l 0.0501");
    assert_int_equal(engine_tick(f->engine, 1000), 51);
    pass_ms(f, 50);
    assert_true(session_is_blocked(b));
    pass_ms(f, 1);
    assert_false(session_is_blocked(b));
    assert_string_equal(take(f, b), "*-1\r\n");
    assert_true(session_is_blocked(a));
    say(f, s, "rpush l 1");
    assert_string_equal(take(f, a), POPPED("l", "1"));
    pass_ms(f, 1000);
    assert_string_equal(take(f, a), "");
    assert_int_equal(command_find(f->engine, LIT("blpop"))->calls, 5);
}

static void
test_unblock(void **state)
{
    struct fixture *f = *state;
    struct session *a = client(f);

    assert_false(waiters_unblock(a, false));
    say(f, a, "blpop l 0");
    assert_true(waiters_unblock(a, false));
    assert_string_equal(take(f, a), "*-1\r\n");
    say(f, a, "blpop l 0");
    assert_true(waiters_unblock(a, true));
    assert_string_equal(take(f, a), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    assert_int_equal(f->ready_calls, 2);
    assert_int_equal(waiters_keys(f->engine), 0);
}

static void
test_gone_while_waiting(void **state)
{
    struct fixture *f = *state;
    struct session *a = client(f), *b = client(f), *s = client(f);

    say(f, a, "blpop l m 10");
    say(f, b, "blpop l 0");
    engine_session_close(a);
    say(f, s, "rpush l 1");
    assert_string_equal(take(f, b), POPPED("l", "1"));
    assert_int_equal(waiters_keys(f->engine), 0);
    pass_ms(f, 20000);
    say(f, b, "blpop l 0"); /* and the engine may go with somebody waiting */
}

static void
test_expired_does_not_wake(void **state)
{
    struct fixture *f = *state;
    struct session *a = client(f), *s = client(f);

    feed(f, s, "rpush x 1\r\npexpire x 10\r\n");
    say(f, a, "blpop l 0");
    jump_ms(f, 20);
    assert_says(f, s, "rename x l", "-ERR no such key\r\n");
    assert_true(session_is_blocked(a));
}

static void
test_any_change(void **state)
{
    struct fixture *f = *state;
    struct session *a = client(f), *b = client(f), *s = client(f);

    feed(f, s, "rpush l 1\r\n");
    say(f, a, "blany l");
    say(f, b, "blany l");
    say(f, s, "rpush l 2");
    assert_true(session_is_blocked(a)); /* looked, and waits on */
    say(f, s, "rpush l 3");
    assert_string_equal(take(f, a), ":3\r\n");
    assert_string_equal(take(f, b), ":3\r\n");
    say(f, a, "blany l");
    say(f, s, "del l");
    assert_string_equal(take(f, a), "-UNBLOCKED the key no longer exists\r\n");
    say(f, s, "rpush l 1");
    say(f, a, "blany l");
    say(f, s, "set l x");
    assert_string_equal(take(f, a), "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    feed(f, s, "del l\r\nrpush l 1\r\n");
    say(f, a, "blany l");
    say(f, s, "flushall");
    assert_string_equal(take(f, a), "-UNBLOCKED the key no longer exists\r\n");
}

/* Every element pushed is popped once, by somebody, or still there at the end. */
static void
test_model(void **state)
{
    enum { CLIENTS = 20, KEYS = 4, STEPS = 20000 };
    struct fixture *f = *state;
    struct session *c[CLIENTS], *s = client(f);
    uint64_t seed = 42;
    struct rng rng;
    long pushed = 0, popped = 0;
    char line[64];

    rng_seed(&rng, seed);
    for (int i = 0; i < CLIENTS; i++)
        c[i] = client(f);
    for (int step = 0; step < STEPS; step++) {
        int k = (int)rng_below(&rng, KEYS), i = (int)rng_below(&rng, CLIENTS);
        if (rng_below(&rng, 3) == 0) {
            int n = (int)rng_below(&rng, 3) + 1;
            snprintf(line, sizeof(line), "rpush k%d %s", k, n == 1 ? "v" : n == 2 ? "v v" : "v v v");
            say(f, s, line);
            pushed += n;
        } else if (!session_is_blocked(c[i])) {
            snprintf(line, sizeof(line), "blpop k%d k%d %d", k, (k + 1) % KEYS, (int)rng_below(&rng, 2));
            say(f, c[i], line);
            popped += f->talk.out.len > 10;
        } else if (rng_below(&rng, 50) == 0) {
            engine_session_close(c[i]);
            c[i] = client(f);
        }
        pass_ms(f, (int64_t)rng_below(&rng, 20));
        for (int j = 0; j < CLIENTS; j++) {
            const char *reply = take(f, c[j]);
            popped += strlen(reply) > 10;
        }
    }
    long left = 0;
    for (int j = 0; j < KEYS; j++) {
        snprintf(line, sizeof(line), "lpop k%d", j);
        while (say(f, s, line)[1] != '-')
            left++;
    }
    assert_int_equal(pushed, popped + left);
    assert_true(popped > 1000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_first_come_first_served),
        T(test_key_order_is_the_commands),
        T(test_whatever_creates_the_key),
        T(test_chain),
        T(test_timeout),
        T(test_unblock),
        T(test_gone_while_waiting),
        T(test_expired_does_not_wake),
        T(test_any_change),
        T(test_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
