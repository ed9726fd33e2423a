/* Sixty-four threads on one pool whose connections are killed meanwhile; meant to run under ThreadSanitizer. */
#include "test.h"

#include <sorrel/pool.h>

#include <pthread.h>

enum { THREADS = 64, ROUNDS = 60, CONNECTIONS = 8 };

static struct sorrel_client *client;
static struct sorrel_pool *pool;
static int most;

static void *
work(void *arg)
{
    char value[32];

    for (int i = 0; i < ROUNDS; i++) {
        struct sorrel_conn *c = NULL;
        struct sorrel_pool_stats s;
        /* A set takes a repeated addition for one. */
        snprintf(value, sizeof(value), "%d:%d", (int)(intptr_t)arg, i);
        struct sorrel_error err = {0};
        struct sorrel_reply *r = sorrel_client_do(client, SORREL_REPEAT, &err, "SADD", "pool:set", value, NULL);
        if (r == NULL)
            printf("%s\n", err.text);
        EXPECT(r != NULL);
        sorrel_reply_free(r);
        if (sorrel_pool_take(pool, &c, NULL) == SORREL_OK) {
            sorrel_pool_stats(pool, &s);
            if (s.open > __atomic_load_n(&most, __ATOMIC_RELAXED))
                __atomic_store_n(&most, s.open, __ATOMIC_RELAXED);
            (void)sorrel_conn_do(c, NULL, "PING", NULL);
            sorrel_pool_give(pool, c);
        }
    }
    return NULL;
}

static void
many_threads(void)
{
    struct sorrel_client_options o = {.pool = {.max_connections = CONNECTIONS, .wait_ms = -1}, .retry_ms = 20000};
    struct sorrel_client *killer = test_client();
    struct sorrel_pool_stats s;
    pthread_t t[THREADS];
    struct sorrel_url u;
    int64_t n = 0;

    client = sorrel_client_open(test_url, &o, NULL);
    EXPECT_OK(sorrel_url_parse(test_url, &u, &err));
    pool = sorrel_pool_new(&u, &o.pool);
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, work, (void *)i);
    for (int i = 0; i < 10; i++) {
        pause_ms(20);
        sorrel_reply_free(sorrel_client_do(killer, 0, NULL, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", NULL));
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    struct sorrel_reply *r = sorrel_client_do(client, SORREL_READ, NULL, "SCARD", "pool:set", NULL);
    EXPECT(sorrel_reply_int(r, &n) && n == THREADS * ROUNDS);
    sorrel_reply_free(r);
    sorrel_pool_stats(pool, &s);
    EXPECT(s.taken == 0 && s.waiting == 0 && s.open == s.idle && most <= CONNECTIONS);
    sorrel_client_stats(client, &s);
    EXPECT(s.taken == 0 && s.open <= CONNECTIONS && s.opened + s.reused > 0);
    sorrel_pool_free(pool);
    sorrel_client_free(client);
    sorrel_client_free(killer);
    sorrel_url_fini(&u);
}

/* Without waiting a full pool says so at once; with it, after that time. */
static void
bounded(void)
{
    struct sorrel_pool_options o = {.max_connections = 1};
    struct sorrel_conn *a = NULL, *b = NULL;
    struct sorrel_error err = {0};
    struct sorrel_url u;

    EXPECT_OK(sorrel_url_parse(test_url, &u, &err));
    for (int wait = 0; wait < 2; wait++) {
        o.wait_ms = wait * 100;
        struct sorrel_pool *p = sorrel_pool_new(&u, &o);
        EXPECT_OK(sorrel_pool_take(p, &a, &err));
        long long start = mono_ms();
        EXPECT(sorrel_pool_take(p, &b, &err) == SORREL_ERR_BUSY &&
               (wait == 0 ? mono_ms() - start < 90 : mono_ms() - start >= 95));
        sorrel_pool_give(p, a);
        EXPECT_OK(sorrel_pool_take(p, &b, &err));
        sorrel_pool_discard(p, b);
        EXPECT_OK(sorrel_pool_take(p, &b, &err));
        sorrel_pool_give(p, b);
        sorrel_pool_free(p);
    }
    sorrel_url_fini(&u);
}

TEST_MAIN(TEST(many_threads), TEST(bounded))
