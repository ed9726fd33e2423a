/* tests/unit/test_pubsub.c - subscriptions, messages in both protocols, keyspace notifications. */
#include "base/rng.h"
#include "engine_fixture.h"

static void
test_subscribe(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *p = client(f);

    assert_says(f, s, "subscribe a b a",
                "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
                "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n");
    assert_says(f, s, "psubscribe x*", "*3\r\n$10\r\npsubscribe\r\n$2\r\nx*\r\n:3\r\n");
    assert_says(f, p, "publish a hi", ":1\r\n");
    assert_string_equal(take(f, s), "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n");
    assert_says(f, p, "publish xyz hi", ":1\r\n");
    assert_string_equal(take(f, s), "*4\r\n$8\r\npmessage\r\n$2\r\nx*\r\n$3\r\nxyz\r\n$2\r\nhi\r\n");
    assert_says(f, p, "publish nobody hi", ":0\r\n");
    assert_says(f, s, "unsubscribe a", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:2\r\n");
    assert_says(f, s, "unsubscribe", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:1\r\n");
    assert_says(f, s, "unsubscribe", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:1\r\n");
    assert_says(f, s, "unsubscribe z", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nz\r\n:1\r\n");
    assert_int_equal(pubsub_count(f->engine, PUBSUB_CHANNEL), 0);
    assert_int_equal(pubsub_count(f->engine, PUBSUB_PATTERN), 1);
}

static void
test_channel_and_pattern(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *p = client(f);

    say(f, s, "psubscribe n*");
    say(f, s, "psubscribe *w*");
    say(f, s, "subscribe news");
    assert_says(f, p, "publish news x", ":3\r\n");
    assert_string_equal(take(f, s), "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n"
                                    "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$1\r\nx\r\n"
                                    "*4\r\n$8\r\npmessage\r\n$3\r\n*w*\r\n$4\r\nnews\r\n$1\r\nx\r\n");
}

static void
test_resp3_and_oneself(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    say(f, s, "resp3");
    assert_says(f, s, "subscribe c", ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    assert_says(f, s, "publish c me", ":1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nme\r\n"); /* after the reply */
    assert_int_equal(f->ready_calls, 0); /* the host is at it anyway */
    assert_says(f, s, "unsubscribe", ">3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n");
    assert_says(f, s, "unsubscribe", ">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n");
}

static void
test_host_is_told_once(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *p = client(f);

    say(f, s, "subscribe c");
    say(f, p, "publish c 1");
    say(f, p, "publish c 2");
    assert_int_equal(f->ready_calls, 1);
    assert_true(f->ready_last == session_ident(s));
    take(f, s);
    say(f, p, "publish c 3");
    assert_int_equal(f->ready_calls, 2);
}

struct seen {
    size_t names, subscribers;
};

static void
see(void *ctx, struct slice name, size_t subscribers)
{
    struct seen *seen = ctx;

    seen->names++;
    seen->subscribers += subscribers;
}

/* Random joining and leaving against a matrix of bits. */
static void
test_model(void **state)
{
    enum { CLIENTS = 12, NAMES = 9, STEPS = 5000 };
    struct fixture *f = *state;
    struct session *c[CLIENTS], *p = client(f);
    bool in[CLIENTS][NAMES] = {{false}};
    struct rng rng;
    uint64_t seed = 99;
    char line[64], expected[64];

    rng_seed(&rng, seed);
    for (int i = 0; i < CLIENTS; i++)
        c[i] = client(f);
    for (int step = 0; step < STEPS; step++) {
        int i = (int)rng_below(&rng, CLIENTS), n = (int)rng_below(&rng, NAMES);
        switch (rng_below(&rng, 8)) {
        case 0:
        case 1:
        case 2: snprintf(line, sizeof(line), "subscribe c%d", n), say(f, c[i], line), in[i][n] = true; break;
        case 3:
        case 4: snprintf(line, sizeof(line), "unsubscribe c%d", n), say(f, c[i], line), in[i][n] = false; break;
        case 5:
            if (rng_below(&rng, 10) == 0) {
                engine_session_close(c[i]);
                c[i] = client(f);
                memset(in[i], 0, sizeof(in[i]));
            }
            break;
        default: break;
        }
        int receivers = 0;
        for (int k = 0; k < CLIENTS; k++)
            receivers += in[k][n];
        snprintf(line, sizeof(line), "publish c%d m", n);
        snprintf(expected, sizeof(expected), ":%d\r\n", receivers);
        if (strcmp(say(f, p, line), expected) != 0)
            fail_msg("seed %llu, step %d\n", (unsigned long long)seed, step);
        for (int k = 0; k < CLIENTS; k++)
            assert_int_equal(strlen(take(f, c[k])) > 0, in[k][n]);
    }
    struct seen seen = {0, 0}, wanted = {0, 0};
    pubsub_each(f->engine, PUBSUB_CHANNEL, see, &seen);
    for (int n = 0; n < NAMES; n++) {
        size_t subscribers = 0;
        for (int k = 0; k < CLIENTS; k++)
            subscribers += in[k][n];
        wanted.names += subscribers > 0;
        wanted.subscribers += subscribers;
    }
    assert_int_equal(seen.names, wanted.names);
    assert_int_equal(seen.subscribers, wanted.subscribers);
}

static void
test_mask(void **state)
{
    uint32_t mask;
    char text[NOTIFY_TEXT_MAX];
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},     {"KEA", "AKE"},   {"Kg$", "g$K"}, {"g$lshzxetdEK", "AKE"},
        {"Am", "Am"}, {"AKEn", "AnKE"}, {"Exm", "xEm"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(notify_mask_parse(slice_cstr(cases[i].in), &mask));
        size_t n = notify_mask_format(mask, text);
        assert_true(slice_eq(slice_of(text, n), slice_cstr(cases[i].out)));
    }
    assert_false(notify_mask_parse(LIT("KEq"), &mask));
}

static void
test_notifications(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *c = client(f);

    say(f, s, "psubscribe __key*__:*");
    say(f, c, "set a 1");
    assert_string_equal(take(f, s), "");
    notify_mask_parse(LIT("KEA"), &engine_settings(f->engine)->notify_mask);
    engine_settings_changed(f->engine);
    say(f, c, "set a 1");
    assert_string_equal(take(f, s),
                        "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n$16\r\n__keyspace@0__:a\r\n$3\r\nset\r\n"
                        "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n$18\r\n__keyevent@0__:set\r\n$1\r\na\r\n");
    notify_mask_parse(LIT("Egx$"), &engine_settings(f->engine)->notify_mask);
    engine_settings_changed(f->engine);
    feed(f, c, "set a 2 px 10\r\nrpush l x\r\nlpop l\r\n");
    assert_string_equal(take(f, s),
                        "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n$18\r\n__keyevent@0__:set\r\n$1\r\na\r\n"
                        "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n$18\r\n__keyevent@0__:del\r\n$1\r\nl\r\n");
    pass_ms(f, 11); /* on time, without anybody asking for the key */
    assert_string_equal(take(f, s),
                        "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n$22\r\n__keyevent@0__:expired\r\n$1\r\na\r\n");
    notify_mask_parse(LIT("Kmn"), &engine_settings(f->engine)->notify_mask);
    engine_settings_changed(f->engine);
    feed(f, c, "select 2\r\nget q\r\nset q 1\r\nset q 2\r\n");
    assert_string_equal(take(f, s),
                        "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n$16\r\n__keyspace@2__:q\r\n$7\r\nkeymiss\r\n"
                        "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n$16\r\n__keyspace@2__:q\r\n$3\r\nnew\r\n");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_subscribe),
        T(test_channel_and_pattern),
        T(test_resp3_and_oneself),
        T(test_host_is_told_once),
        T(test_model),
        T(test_mask),
        T(test_notifications),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
