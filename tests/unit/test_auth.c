/* Logging in: passwords of any byte, what time tells, who counts as a stranger, how often one may guess. */
#include "unit/engine_fixture.h"

#include "base/rng.h"
#include "engine/acl.h"

#include <stdlib.h>
#include <time.h>

static struct acl_user *
add_user(struct engine *e, const char *name, struct slice password)
{
    struct buf rule = {0}, why = {0};

    buf_add_char(&rule, '>');
    buf_add_slice(&rule, password);
    struct slice rules[] = {LIT("on"), buf_slice(&rule)};
    assert_true(acl_set(engine_acl(e), slice_cstr(name), rules, 2, &why));
    buf_fini(&rule);
    buf_fini(&why);
    return acl_find(engine_acl(e), slice_cstr(name));
}

static void
test_passwords_of_any_byte(void **state)
{
    struct fixture *f = *state;
    struct acl *acl = engine_acl(f->engine);
    char all[256];

    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    struct acl_user *u = add_user(f->engine, "all", slice_of(all, 256));
    assert_ptr_equal(acl_authenticate(acl, LIT("all"), slice_of(all, 256)), u);
    assert_null(acl_authenticate(acl, LIT("all"), slice_of(all, 255)));
    assert_null(acl_authenticate(acl, LIT("all"), slice_of(all, 0)));
    for (int i = 0; i < 256; i++) {
        all[i] ^= 1;
        assert_null(acl_authenticate(acl, LIT("all"), slice_of(all, 256)));
        all[i] ^= 1;
    }
    for (int i = 0; i < 256; i++) {
        char one = (char)i, name[16];
        snprintf(name, sizeof(name), "u%d", i);
        u = add_user(f->engine, name, slice_of(&one, 1));
        assert_ptr_equal(acl_authenticate(acl, slice_cstr(name), slice_of(&one, 1)), u);
        char next = (char)(i + 1);
        assert_null(acl_authenticate(acl, slice_cstr(name), slice_of(&next, 1)));
    }
}

static int
by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t
nanoseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Class O (CVE-2026-47783): how long a refusal takes must not say whether there is such a user, nor how near a guess
 * came. Medians of trials that take turns, so that a busy machine slows all alike; a leak such as skipping the digest
 * would be a factor, not a few percent. */
static void
test_time_tells_nothing(void **state)
{
    enum { KINDS = 4, ROUNDS = 4001, CALLS = 8 };
    struct fixture *f = *state;
    struct acl *acl = engine_acl(f->engine);
    static int64_t took[KINDS][ROUNDS];
    const struct slice names[KINDS] = {LIT("known"), LIT("known"), LIT("other"), LIT("empty")};
    const struct slice guesses[KINDS] = {LIT("sesame open"), LIT("sesame opeX"), LIT("Xesame open"),
                                         LIT("sesame open")};
    struct buf why = {0};

    add_user(f->engine, "known", LIT("sesame opem"));
    assert_true(acl_set(acl, LIT("empty"), (struct slice[]){LIT("on")}, 1, &why));
    for (int r = 0; r < ROUNDS; r++) {
        for (int k = 0; k < KINDS; k++) {
            int64_t from = nanoseconds();
            for (int i = 0; i < CALLS; i++)
                assert_null(acl_authenticate(acl, names[k], guesses[k]));
            took[k][r] = nanoseconds() - from;
        }
    }
    int64_t low = INT64_MAX, high = 0;
    for (int k = 0; k < KINDS; k++) {
        qsort(took[k], ROUNDS, sizeof(took[k][0]), by_size);
        low = took[k][ROUNDS / 2] < low ? took[k][ROUNDS / 2] : low;
        high = took[k][ROUNDS / 2] > high ? took[k][ROUNDS / 2] : high;
    }
    if ((double)high > (double)low * 1.5)
        fail_msg("medians of refusals lie between %lld and %lld ns", (long long)low, (long long)high);
}

static void
test_guesses_are_counted_by_address(void **state)
{
    struct fixture *f = *state;
    struct engine *e = f->engine;
    struct exec x = {.engine = e};
    struct session *here = engine_session_open(e, NULL, LIT("10.0.0.1:1000"), LIT("10.0.0.9:6379"));
    struct session *again = engine_session_open(e, NULL, LIT("10.0.0.1:1001"), LIT("10.0.0.9:6379"));
    struct session *there = engine_session_open(e, NULL, LIT("10.0.0.2:1000"), LIT("10.0.0.9:6379"));

    x.now_ms = 1000000;
    x.session = here;
    for (int i = 0; i < 100; i++)
        auth_limit_failed(&x);
    assert_false(auth_limit_reached(&x)); /* off */
    engine_settings(e)->auth_failure_limit = 3;
    for (int i = 0; i < 3; i++) {
        assert_false(auth_limit_reached(&x));
        auth_limit_failed(&x);
    }
    assert_true(auth_limit_reached(&x));
    x.session = again;
    assert_true(auth_limit_reached(&x));
    x.session = there;
    assert_false(auth_limit_reached(&x));
    x.session = here;
    x.now_ms += 59999;
    assert_true(auth_limit_reached(&x));
    x.now_ms += 1;
    assert_false(auth_limit_reached(&x));

    /* Any number of addresses costs a fixed amount, and the last ones are remembered. */
    size_t used = mem_used();
    for (int i = 0; i < 100000; i++) {
        char addr[32];
        snprintf(addr, sizeof(addr), "10.%d.%d.%d:5", i >> 16, i >> 8 & 255, i & 255);
        x.session = engine_session_open(e, NULL, slice_cstr(addr), LIT(""));
        auth_limit_failed(&x);
        auth_limit_failed(&x);
        auth_limit_failed(&x);
        assert_true(auth_limit_reached(&x));
        engine_session_close(x.session);
    }
    assert_true(mem_used() < used + 4096);
    x.session = here;
}

/* The list of strangers beside a naive one: sessions open, log in, reset, close in any order. */
static void
test_strangers(void **state)
{
    enum { SESSIONS = 40, STEPS = 20000 };
    struct fixture *f = *state;
    struct engine *e = f->engine;
    struct session *s[SESSIONS] = {0};
    int64_t since[SESSIONS];
    bool in[SESSIONS];
    struct rng rng;

    rng_seed(&rng, 20);
    engine_set_password(e, LIT("sesame"));
    for (int step = 0; step < STEPS; step++) {
        int i = (int)rng_below(&rng, SESSIONS);
        jump_ms(f, (int64_t)rng_below(&rng, 3));
        if (s[i] == NULL) {
            s[i] = client(f);
            in[i] = false;
            since[i] = engine_now_ms(e);
        } else if (rng_below(&rng, 4) == 0) {
            engine_session_close(s[i]);
            s[i] = NULL;
        } else if (rng_below(&rng, 2) == 0) {
            say(f, s[i], "reset");
            since[i] = in[i] ? engine_now_ms(e) : since[i]; /* a stranger gains no time by it */
            in[i] = false;
        } else {
            session_set_authenticated(s[i], true);
            in[i] = true;
        }
        size_t n = 0, expected = 0;
        int64_t last = 0;
        for (struct session *t = session_stranger_first(e); t != NULL; t = session_stranger_next(t), n++) {
            assert_false(session_authenticated(t));
            assert_true(session_stranger_since_ms(t) >= last);
            last = session_stranger_since_ms(t);
        }
        for (int k = 0; k < SESSIONS; k++) {
            expected += s[k] != NULL && !in[k];
            if (s[k] != NULL && !in[k])
                assert_int_equal(session_stranger_since_ms(s[k]), since[k]);
        }
        assert_int_equal(n, expected);
        assert_int_equal(session_stranger_count(e), expected);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_passwords_of_any_byte, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_time_tells_nothing, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_guesses_are_counted_by_address, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_strangers, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
