/* tests/unit/test_evict.c - maxmemory: the limit holds, the right keys go, those who need memory are refused. */
#include "engine/evict.h"
#include "engine_fixture.h"

enum { ROOM = 4 << 20, KEYS = 20000 };

static void
limit(struct fixture *f, enum evict_policy policy, size_t room)
{
    struct engine_settings *s = engine_settings(f->engine);

    s->maxmemory = room > 0 ? mem_used() + room : 0;
    s->maxmemory_policy = policy;
    s->clock_adaptive = policy == EVICT_ALLKEYS_ADAPTIVE;
    s->lru_clock_lfu = policy == EVICT_ALLKEYS_LFU || policy == EVICT_VOLATILE_LFU || s->clock_adaptive;
    engine_settings_changed(f->engine);
}

/* "set prefix:n" with a value of 400 bytes, expiring in ms (0: never). */
static const char *
put(struct fixture *f, struct session *s, const char *prefix, int n, int ms)
{
    char line[480], value[401];

    memset(value, 'v', 400);
    value[400] = '\0';
    snprintf(line, sizeof(line), ms > 0 ? "set %s:%d %s px %d" : "set %s:%d %s", prefix, n, value, ms);
    return say(f, s, line);
}

static bool
has(struct fixture *f, struct session *s, const char *prefix, int n)
{
    char line[64];

    snprintf(line, sizeof(line), "get %s:%d", prefix, n);
    return strcmp(say(f, s, line), "$-1\r\n") != 0;
}

/* Wherever the limit lies between two sizes of the table of keys: room is made for a larger one before it is there. */
static void
test_limit_holds_while_tables_grow(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    for (size_t room = ROOM / 2; room < ROOM; room += room / 16) {
        say(f, s, "flushall");
        limit(f, EVICT_ALLKEYS_RANDOM, room);
        size_t peak = 0;
        for (int i = 0; i < KEYS / 2; i++) {
            put(f, s, "k", i, 0);
            peak = mem_used() > peak ? mem_used() : peak;
        }
        assert_true(peak <= engine_settings(f->engine)->maxmemory + 16 * 1024);
        limit(f, EVICT_NONE, 0);
    }
    engine_session_close(s);
}

/* Where nothing may go a table grows all the same, and nobody is refused before the limit is reached. */
static void
test_growth_refuses_nobody(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    say(f, s, "flushall");
    limit(f, EVICT_NONE, ROOM);
    for (int i = 0; strcmp(put(f, s, "k", i, 0), "+OK\r\n") == 0; i++)
        assert_true(i < KEYS);
    assert_true(mem_used() >= engine_settings(f->engine)->maxmemory);
    limit(f, EVICT_NONE, 0);
    engine_session_close(s);
}

static void
test_limit_holds(void **state)
{
    struct fixture *f = *state;

    for (int policy = EVICT_VOLATILE_LRU; policy <= EVICT_ALLKEYS_ADAPTIVE; policy++) {
        if (policy == EVICT_NONE)
            continue;
        struct session *s = client(f);
        say(f, s, "flushall");
        limit(f, (enum evict_policy)policy, ROOM);
        uint64_t before = engine_stats(f->engine)->evicted;
        size_t peak = 0;
        for (int i = 0; i < KEYS; i++) {
            assert_string_equal(put(f, s, "k", i, policy <= EVICT_VOLATILE_TTL ? 100000 + i : 0), "+OK\r\n");
            peak = mem_used() > peak ? mem_used() : peak;
        }
        assert_true(peak <= engine_settings(f->engine)->maxmemory + ROOM / 100);
        assert_true(engine_stats(f->engine)->evicted - before > KEYS / 4);
        assert_false(engine_conditions(f->engine) & COND_OVER_MEMORY);
        limit(f, EVICT_NONE, 0);
        engine_session_close(s);
    }
}

static void
test_refused(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    static const char oom[] = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    int n = 0;

    say(f, s, "set plain 1");
    /* Under a volatile policy keys without expiry are safe, and then there is nothing to evict. */
    limit(f, EVICT_VOLATILE_LRU, ROOM);
    while (n < KEYS && strcmp(put(f, s, "k", n, 0), "+OK\r\n") == 0)
        n++;
    assert_true(n < KEYS);
    assert_says(f, s, "set a 1", oom);
    assert_says(f, s, "get plain", "$1\r\n1\r\n");
    assert_says(f, s, "multi", "+OK\r\n");
    assert_says(f, s, "get plain", oom);
    assert_says(f, s, "exec", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    for (int i = 0; i < 200; i++) {
        char line[64];
        snprintf(line, sizeof(line), "del k:%d", i);
        assert_says(f, s, line, ":1\r\n");
    }
    assert_says(f, s, "set a 1", "+OK\r\n");
    limit(f, EVICT_NONE, 0);
    assert_false(engine_conditions(f->engine) & COND_OVER_MEMORY);
}

static void
test_recent_keys_stay(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    int kept = 0;

    limit(f, EVICT_ALLKEYS_LRU, ROOM);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 100; i++)
            round == 0 ? (void)put(f, s, "hot", i, 0) : (void)has(f, s, "hot", i);
        for (int i = 0; i < 1000; i++)
            put(f, s, "cold", round * 1000 + i, 0);
        jump_ms(f, 1500);
    }
    for (int i = 0; i < 100; i++)
        kept += has(f, s, "hot", i);
    assert_true(engine_stats(f->engine)->evicted > 5000);
    assert_true(kept >= 98);
    limit(f, EVICT_NONE, 0);
}

static void
test_soonest_goes_first(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    int gone = 0;

    limit(f, EVICT_VOLATILE_TTL, ROOM);
    for (int i = 0; i < KEYS; i++)
        put(f, s, "k", i, 1000000 + i);
    limit(f, EVICT_NONE, 0);
    while (gone < KEYS && !has(f, s, "k", gone))
        gone++;
    for (int i = gone; i < KEYS; i++)
        assert_true(has(f, s, "k", i));
    assert_true(gone > 0);
}

static void
test_told(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f), *sub = client(f);

    notify_mask_parse(LIT("Ee"), &engine_settings(f->engine)->notify_mask);
    say(f, sub, "psubscribe *");
    put(f, s, "k", 1, 0);
    limit(f, EVICT_ALLKEYS_RANDOM, 1);
    say(f, s,
        "set big 11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111");
    engine_tick(f->engine, 1000);
    assert_non_null(strstr(take(f, sub), "__keyevent@0__:evicted"));
    limit(f, EVICT_NONE, 0);
}

/* GET, and SET after a miss: hits of the last pass. */
static int
loop_hits(struct fixture *f, struct session *s, int keys, int passes)
{
    int hits = 0;

    for (int pass = 0; pass < passes; pass++) {
        hits = 0;
        for (int i = 0; i < keys; i++) {
            if (i % 20 == 0)
                jump_ms(f, 10);
            if (has(f, s, "loop", i))
                hits++;
            else
                put(f, s, "loop", i, 0);
        }
    }
    return hits;
}

static void
test_adaptive_keeps_part_of_a_loop(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    limit(f, EVICT_ALLKEYS_ADAPTIVE, ROOM); /* some 8,500 keys fit */
    int hits = loop_hits(f, s, 11000, 6);
    assert_in_range(hits, 7000, 9500); /* LRU: none */
    /* Another loop takes its place before long. */
    for (int i = 0; i < 4; i++)
        for (int k = 20000; k < 26000; k++)
            if (!has(f, s, "loop", k))
                put(f, s, "loop", k, 0);
    int there = 0;
    for (int k = 20000; k < 26000; k++)
        there += has(f, s, "loop", k);
    assert_true(there > 5000);
    limit(f, EVICT_NONE, 0);
}

static void
test_used_keys_stay_longer(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    int used = 0, unused = 0;

    limit(f, EVICT_ALLKEYS_LRU, ROOM);
    for (int i = 0; i < 3000; i++) {
        put(f, s, "used", i, 0);
        put(f, s, "unused", i, 0);
        (void)has(f, s, "used", i);
    }
    jump_ms(f, 60000);
    for (int i = 0; i < 6000; i++) {
        if (i % 100 == 0)
            jump_ms(f, 1000);
        put(f, s, "new", i, 0);
    }
    limit(f, EVICT_NONE, 0);
    for (int i = 0; i < 3000; i++) {
        used += has(f, s, "used", i);
        unused += has(f, s, "unused", i);
    }
    assert_true(used > 2 * unused);
}

/* Exact LRU would hit nothing: what is learned from the keys that come back makes it keep those that were used. */
static void
test_lru_learns_from_a_loop(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    limit(f, EVICT_ALLKEYS_LRU, ROOM); /* some 8,500 keys fit */
    assert_in_range(loop_hits(f, s, 9500, 20), 3000, 9000);
    limit(f, EVICT_NONE, 0);
}

/* Keys that were used once the clock had been set back are not the oldest of all. */
static void
test_clock_set_back(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);
    int kept = 0;

    for (int i = 0; i < 1000; i++)
        put(f, s, "before", i, 0);
    jump_ms(f, -10000);
    limit(f, EVICT_ALLKEYS_LRU, ROOM);
    for (int i = 0; i < 1000; i++)
        put(f, s, "after", i, 0);
    for (int i = 0; i < 9000; i++) {
        if (i % 10 == 0)
            jump_ms(f, 10);
        put(f, s, "new", i, 0);
    }
    for (int i = 0; i < 1000; i++)
        kept += has(f, s, "before", i);
    assert_in_range(kept, 100, 1000);
    limit(f, EVICT_NONE, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_limit_holds),
        T(test_limit_holds_while_tables_grow),
        T(test_growth_refuses_nobody),
        T(test_refused),
        T(test_recent_keys_stay),
        T(test_soonest_goes_first),
        T(test_told),
        T(test_adaptive_keeps_part_of_a_loop),
        T(test_used_keys_stay_longer),
        T(test_lru_learns_from_a_loop),
        T(test_clock_set_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
