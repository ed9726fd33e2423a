/* A cluster. Only run with the URL of one: see tests/system/test_library_failover.py. */
#include "test.h"

#include <sorrel/batch.h>
#include <sorrel/cache.h>
#include <sorrel/near.h>

static enum sorrel_load
load_seven(void *ctx, const char *key, char **value, size_t *len)
{
    (void)ctx;
    (void)key;
    *value = sorrel_alloc(1);
    (*value)[0] = '7';
    *len = 1;
    return SORREL_LOADED;
}

static struct sorrel_client *
cluster_client(bool replica_reads)
{
    struct sorrel_client_options o = {.cluster = true, .replica_reads = replica_reads};
    struct sorrel_error err = {0};
    struct sorrel_client *cl = sorrel_client_open(test_url, &o, &err);

    EXPECT(cl != NULL);
    return cl;
}

static void
every_slot(void)
{
    struct sorrel_client *cl = cluster_client(false);
    char key[32], value[32];
    int64_t n;

    for (int i = 0; i < 300; i++) {
        struct sorrel_error err = {0};
        snprintf(key, sizeof(key), "cl:%d", i);
        snprintf(value, sizeof(value), "%d", i);
        struct sorrel_reply *r = sorrel_client_do(cl, SORREL_REPEAT, &err, "SET", key, value, NULL);
        EXPECT(sorrel_reply_is(r, "OK"));
        sorrel_reply_free(r);
        r = sorrel_client_do(cl, SORREL_READ, &err, "GET", key, NULL);
        EXPECT(sorrel_reply_int(r, &n) && n == i);
        sorrel_reply_free(r);
    }
    struct sorrel_reply *r =
        sorrel_client_do(cl, 0, NULL, "EVAL", "return redis.call('get', KEYS[1])", "1", "cl:7", NULL);
    EXPECT(sorrel_reply_is(r, "7"));
    sorrel_reply_free(r);
    sorrel_client_free(cl);
}

static void
split_pipelines(void)
{
    struct sorrel_client *cl = cluster_client(false);
    struct sorrel_batch *b = sorrel_batch_new();
    char key[32], value[32];
    int64_t n;

    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "pl:%d", i);
        snprintf(value, sizeof(value), "%d", i);
        sorrel_batch_do(b, "SET", key, value, NULL);
        sorrel_batch_do(b, "GET", key, NULL);
    }
    EXPECT_OK(sorrel_batch_run(b, cl, SORREL_REPEAT, &err));
    for (int i = 0; i < 1000; i++)
        EXPECT(sorrel_reply_int(sorrel_batch_reply(b, (size_t)i * 2 + 1), &n) && n == i);
    sorrel_batch_reset(b);
    sorrel_batch_do(b, "SET", "{tx}a", "1", NULL);
    sorrel_batch_do(b, "INCR", "{tx}a", NULL);
    EXPECT_OK(sorrel_batch_exec(b, cl, 0, &err));
    EXPECT(sorrel_reply_int(sorrel_batch_reply(b, 1), &n) && n == 2);
    sorrel_batch_free(b);
    sorrel_client_free(cl);
}

static void
replica_reads(void)
{
    struct sorrel_client *cl = cluster_client(true);
    struct sorrel_pool_stats stats;

    sorrel_reply_free(sorrel_client_do(cl, SORREL_REPEAT, NULL, "SET", "rr", "1", NULL));
    pause_ms(300);
    for (int i = 0; i < 50; i++) {
        struct sorrel_reply *r = sorrel_client_do(cl, SORREL_READ, NULL, "GET", "rr", NULL);
        EXPECT(sorrel_reply_is(r, "1"));
        sorrel_reply_free(r);
    }
    sorrel_client_stats(cl, &stats);
    EXPECT(stats.opened >= 2);
    sorrel_client_free(cl);
}

/* Prints how often a counter could be raised in SECONDS while slots move (argv[3]). */
static void
while_slots_move(void)
{
    struct sorrel_client *cl = cluster_client(false);
    long long stop = mono_ms() + 4000;
    int n = 0, failed = 0;
    int64_t value = 0;

    printf("ready\n");
    while (mono_ms() < stop) {
        struct sorrel_error err = {0};
        struct sorrel_reply *r = sorrel_client_do(cl, 0, &err, "INCR", "moving", NULL);
        if (r == NULL || !sorrel_reply_int(r, &value)) {
            printf("%s\n", err.text);
            failed++;
        }
        sorrel_reply_free(r);
        n++;
    }
    EXPECT(failed == 0 && value == n);
    printf("moved %d\n", n);
    sorrel_client_free(cl);
}

/* A slot stands on its way from one node to another: {moving}:here has not left yet, whatever is new is asked for at
 * the other one. Single commands, pipelines and transactions get there, over and over, without the map being changed.
 */
static void
while_a_slot_is_on_its_way(void)
{
    struct sorrel_client *cl = cluster_client(false);
    struct sorrel_batch *b = sorrel_batch_new();
    struct sorrel_error err = {0};
    int64_t n = 0;

    for (int round = 1; round <= 20; round++) {
        struct sorrel_reply *r = sorrel_client_do(cl, 0, &err, "INCR", "{moving}:single", NULL);
        EXPECT(sorrel_reply_int(r, &n) && n == round);
        sorrel_reply_free(r);
        r = sorrel_client_do(cl, SORREL_READ, &err, "GET", "{moving}:here", NULL);
        EXPECT(sorrel_reply_is(r, "stays"));
        sorrel_reply_free(r);
        sorrel_batch_reset(b);
        sorrel_batch_do(b, "INCR", "{moving}:pipelined", NULL);
        sorrel_batch_do(b, "GET", "{moving}:here", NULL);
        sorrel_batch_do(b, "INCR", "elsewhere", NULL);
        sorrel_batch_do(b, "INCR", "{moving}:pipelined", NULL);
        EXPECT_OK(sorrel_batch_run(b, cl, 0, &err));
        EXPECT(sorrel_reply_int(sorrel_batch_reply(b, 3), &n) && n == round * 2);
        EXPECT(sorrel_reply_is(sorrel_batch_reply(b, 1), "stays"));
        sorrel_batch_reset(b);
        sorrel_batch_do(b, "INCR", "{moving}:together", NULL);
        sorrel_batch_do(b, "INCR", "{moving}:together", NULL);
        EXPECT_OK(sorrel_batch_exec(b, cl, 0, &err));
        EXPECT(sorrel_reply_int(sorrel_batch_reply(b, 1), &n) && n == round * 2);
    }
    sorrel_batch_free(b);
    sorrel_client_free(cl);
}

/* A cache whose keys have hash tags of their own. */
static void
cached(void)
{
    struct sorrel_client *cl = cluster_client(false);
    struct sorrel_cache_options o = {.load = load_seven};
    struct sorrel_cache *c = sorrel_cache_new(cl, "cached", &o);
    struct sorrel_cache_stats stats;
    char key[32];

    for (int i = 0; i < 40; i++) {
        char *v = NULL;
        snprintf(key, sizeof(key), i % 2 ? "user:{%d}:x" : "user:%d", i / 4);
        EXPECT_OK(sorrel_cache_get(c, key, &v, NULL, &err));
        EXPECT(v != NULL && strcmp(v, "7") == 0);
        sorrel_free(v);
    }
    sorrel_cache_stats(c, &stats);
    EXPECT(stats.loads == 20 && stats.hits == 20 && stats.outages == 0);
    sorrel_cache_close(c, 0);
    sorrel_client_free(cl);
}

static bool
near_says(struct sorrel_near *n, const char *key, const char *value)
{
    struct sorrel_error err = {0};
    struct sorrel_reply *r = sorrel_near_do(n, &err, "GET", key, NULL);

    if (r == NULL)
        printf("%s\n", err.text);
    bool so = value != NULL ? sorrel_reply_is(r, value) : r != NULL && sorrel_reply_type(r) == SORREL_NIL;
    sorrel_reply_free(r);
    return so;
}

/* Keys of all nodes, each read twice, changed, and read again. */
static void
near_cache(void)
{
    struct sorrel_client *cl = cluster_client(false), *other = cluster_client(false);
    struct sorrel_near *n = sorrel_near_new(cl, 0);
    struct sorrel_near_stats stats;
    char key[32];

    for (int round = 0; round < 3; round++) {
        const char *value = round == 1 ? "new" : "old";
        for (int i = 0; i < 100; i++) {
            snprintf(key, sizeof(key), "near:%d", i);
            sorrel_reply_free(sorrel_client_do(other, SORREL_REPEAT, NULL, "SET", key, value, NULL));
            UNTIL(near_says(n, key, value));
        }
        sorrel_near_stats(n, &stats);
        uint64_t hits = stats.hits;
        for (int i = 0; i < 100; i++) {
            snprintf(key, sizeof(key), "near:%d", i);
            EXPECT(near_says(n, key, value));
        }
        sorrel_near_stats(n, &stats);
        EXPECT(stats.hits == hits + 100 && stats.entries == 100);
    }
    EXPECT(stats.invalidations >= 200);
    sorrel_near_free(n);
    sorrel_client_free(cl);
    sorrel_client_free(other);
}

/* The slot of {moving} goes to another node, where {moving}:over is set then: what is there is reported, what is
 * missing is found out. */
static void
near_while_slots_move(void)
{
    struct sorrel_client *cl = cluster_client(false), *other = cluster_client(false);
    struct sorrel_near *n = sorrel_near_new(cl, 0);
    long long end = mono_ms() + 60000;
    char value[32];
    bool over = false;
    int i = 0;

    sorrel_reply_free(sorrel_client_do(other, SORREL_REPEAT, NULL, "DEL", "{moving}:late", NULL));
    EXPECT(near_says(n, "{moving}:late", NULL));
    printf("ready\n");
    for (; !over && mono_ms() < end; i++) {
        snprintf(value, sizeof(value), "%d", i);
        sorrel_reply_free(sorrel_client_do(other, SORREL_REPEAT, NULL, "SET", "{moving}:there", value, NULL));
        UNTIL(near_says(n, "{moving}:there", value));
        (void)near_says(n, "{moving}:late", NULL);
        struct sorrel_reply *r = sorrel_client_do(other, SORREL_READ, NULL, "GET", "{moving}:over", NULL);
        over = sorrel_reply_is(r, "1");
        sorrel_reply_free(r);
    }
    EXPECT(over);
    sorrel_reply_free(sorrel_client_do(other, SORREL_REPEAT, NULL, "SET", "{moving}:late", "now", NULL));
    UNTIL(near_says(n, "{moving}:late", "now"));
    printf("moved %d\n", i);
    sorrel_near_free(n);
    sorrel_client_free(cl);
    sorrel_client_free(other);
}

TEST_MAIN(TEST(every_slot), TEST(split_pipelines), TEST(replica_reads), TEST(while_slots_move),
          TEST(while_a_slot_is_on_its_way), TEST(cached), TEST(near_cache), TEST(near_while_slots_move))
