/* Caching patterns. */
#include "test.h"

#include <sorrel/cache.h>

#include <pthread.h>

/* The slow store: one value for each key, a number. */
static struct {
    pthread_mutex_t lock;
    int loads, stores, slow_ms;
    bool broken;
    char value[64];
    bool missing;
} store = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum sorrel_load
load(void *ctx, const char *key, char **value, size_t *len)
{
    (void)ctx;
    (void)key;
    pthread_mutex_lock(&store.lock);
    store.loads++;
    bool broken = store.broken, missing = store.missing;
    char now[64];
    snprintf(now, sizeof(now), "%s", store.value);
    int slow = store.slow_ms;
    pthread_mutex_unlock(&store.lock);
    pause_ms(slow);
    if (broken)
        return SORREL_LOAD_FAILED;
    if (missing)
        return SORREL_MISSING;
    *len = strlen(now);
    *value = sorrel_alloc(*len);
    memcpy(*value, now, *len);
    return SORREL_LOADED;
}

static bool
save(void *ctx, const char *key, const char *value, size_t len)
{
    (void)ctx;
    (void)key;
    pthread_mutex_lock(&store.lock);
    bool ok = !store.broken;
    if (ok) {
        store.stores++;
        store.missing = value == NULL;
        snprintf(store.value, sizeof(store.value), "%.*s", (int)len, value != NULL ? value : "");
    }
    pthread_mutex_unlock(&store.lock);
    return ok;
}

static void
fresh(struct sorrel_client *cl)
{
    sorrel_reply_free(sorrel_client_do(cl, SORREL_REPEAT, NULL, "FLUSHALL", NULL));
    pthread_mutex_lock(&store.lock);
    store.loads = store.stores = store.slow_ms = 0;
    store.broken = store.missing = false;
    snprintf(store.value, sizeof(store.value), "v1");
    pthread_mutex_unlock(&store.lock);
}

static bool
reads(struct sorrel_cache *c, const char *key, const char *want)
{
    char *v = NULL;
    size_t len = 0;
    bool ok = sorrel_cache_get(c, key, &v, &len, NULL) == SORREL_OK &&
              (want == NULL ? v == NULL : v != NULL && len == strlen(want) && memcmp(v, want, len) == 0);

    sorrel_free(v);
    return ok;
}

static void
reading(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_cache_options o = {.load = load, .ttl_ms = 5000, .jitter_percent = 50, .negative_ttl_ms = 800};
    struct sorrel_cache *c = sorrel_cache_new(cl, "c", &o);
    struct sorrel_error err = {0};
    struct sorrel_cache_stats s;
    char *v = NULL;
    size_t len;
    bool missing = true;
    int64_t n;

    fresh(cl);
    EXPECT_OK(sorrel_cache_peek(c, "a", &v, &len, &missing, &err));
    EXPECT(v == NULL && !missing);
    EXPECT(reads(c, "a", "v1") && reads(c, "a", "v1") && store.loads == 1);
    EXPECT_OK(sorrel_cache_put(c, "a", "mine", 4, 0, &err));
    EXPECT(reads(c, "a", "mine"));
    EXPECT_OK(sorrel_cache_drop(c, "a", &err));
    EXPECT(reads(c, "a", "v1") && store.loads == 2);
    /* Between half the ttl and all of it. */
    int64_t least = 1000, most = 0;
    for (int i = 0; i < 50; i++) {
        EXPECT_OK(sorrel_cache_put(c, "j", "x", 1, 100000, &err));
        struct sorrel_reply *r = sorrel_client_do(cl, SORREL_READ, NULL, "PTTL", "c:j", NULL);
        EXPECT(sorrel_reply_int(r, &n) && n <= 100000 && n >= 49000);
        sorrel_reply_free(r);
        least = n / 100 < least ? n / 100 : least;
        most = n / 100 > most ? n / 100 : most;
    }
    EXPECT(most - least > 100);
    store.missing = true;
    EXPECT(reads(c, "b", NULL) && reads(c, "b", NULL) && store.loads == 3);
    EXPECT_OK(sorrel_cache_peek(c, "b", &v, &len, &missing, &err));
    EXPECT(v == NULL && missing);
    pause_ms(850);
    EXPECT(reads(c, "b", NULL) && store.loads == 4);
    store.broken = true;
    EXPECT(sorrel_cache_get(c, "z", &v, &len, &err) == SORREL_ERR_IO);
    EXPECT(sorrel_cache_write(c, "z", "1", 1, &err) == SORREL_ERR_USAGE);
    store.broken = store.missing = false;
    EXPECT(reads(c, "z", "v1"));
    sorrel_cache_stats(c, &s);
    EXPECT(s.loads == 6 && s.negative_hits == 1 && s.hits >= 2 && s.outages == 0);
    EXPECT(sorrel_cache_close(c, 0) == 0);
    sorrel_client_free(cl);
}

static void *
read_one(void *arg)
{
    EXPECT(reads(arg, "hot", "v1"));
    return NULL;
}

/* Threads of two "processes" (two caches, two clients) want one missing key: the store is asked once. */
static void
stampede(void)
{
    struct sorrel_client_options co = {.pool = {.wait_ms = -1}};
    struct sorrel_client *one = sorrel_client_open(test_url, &co, NULL), *two = sorrel_client_open(test_url, &co, NULL);
    struct sorrel_cache_options o = {.load = load};
    struct sorrel_cache *c[2] = {sorrel_cache_new(one, "c", &o), sorrel_cache_new(two, "c", &o)};
    pthread_t t[32];

    fresh(one);
    store.slow_ms = 100;
    for (int i = 0; i < 32; i++)
        pthread_create(&t[i], NULL, read_one, c[i % 2]);
    for (int i = 0; i < 32; i++)
        pthread_join(t[i], NULL);
    EXPECT(store.loads == 1);
    sorrel_cache_close(c[0], 0);
    sorrel_cache_close(c[1], 0);
    sorrel_client_free(one);
    sorrel_client_free(two);
}

static void *
read_slowly(void *arg)
{
    char *v = NULL;

    EXPECT_OK(sorrel_cache_get(arg, "k", &v, NULL, &err));
    sorrel_free(v);
    return NULL;
}

static void
writing(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_error err = {0};
    pthread_t t;

    for (int mode = 0; mode < 2; mode++) {
        struct sorrel_cache_options o = {
            .load = load, .store = save, .write = mode == 0 ? SORREL_WRITE_THROUGH : SORREL_WRITE_AROUND};
        struct sorrel_cache *c = sorrel_cache_new(cl, "c", &o);
        fresh(cl);
        EXPECT(reads(c, "k", "v1"));
        EXPECT_OK(sorrel_cache_write(c, "k", "v2", 2, &err));
        EXPECT(store.stores == 1 && reads(c, "k", "v2") && store.loads == (mode == 0 ? 1 : 2));
        store.broken = true;
        EXPECT(sorrel_cache_write(c, "k", "v3", 2, &err) == SORREL_ERR_IO);
        EXPECT(reads(c, "k", "v2"));
        store.broken = false;
        EXPECT_OK(sorrel_cache_write(c, "k", NULL, 0, &err));
        EXPECT(reads(c, "k", NULL));
        /* A load that began before a write does not put the old value over the new one. */
        EXPECT_OK(sorrel_cache_write(c, "k", "old", 3, &err));
        EXPECT_OK(sorrel_cache_drop(c, "k", &err));
        store.slow_ms = 600;
        pthread_create(&t, NULL, read_slowly, c);
        pause_ms(150);
        EXPECT_OK(sorrel_cache_write(c, "k", "new", 3, &err));
        pthread_join(t, NULL);
        store.slow_ms = 0;
        EXPECT(reads(c, "k", "new"));
        sorrel_cache_close(c, 0);
    }
    sorrel_client_free(cl);
}

static int
stored(void)
{
    pthread_mutex_lock(&store.lock);
    int n = store.stores;
    pthread_mutex_unlock(&store.lock);
    return n;
}

static void
writing_behind(void)
{
    struct sorrel_client *cl = test_client();
    struct sorrel_cache_options o = {.load = load,
                                     .store = save,
                                     .write = SORREL_WRITE_BEHIND,
                                     .behind_max = 4,
                                     .behind_delay_ms = 50,
                                     .behind_wait_ms = 100};
    struct sorrel_cache *c = sorrel_cache_new(cl, "c", &o);
    struct sorrel_error err = {0};
    char key[16];

    fresh(cl);
    for (int i = 0; i < 100; i++)
        EXPECT_OK(sorrel_cache_write(c, "k", i == 99 ? "last" : "other", i == 99 ? 4 : 5, &err));
    EXPECT(reads(c, "k", "last"));
    EXPECT_OK(sorrel_cache_flush(c, 5000, &err));
    EXPECT(stored() < 50 && strcmp(store.value, "last") == 0);
    /* The store is down: four writes wait, the fifth is refused, nothing is lost when it comes back. */
    pthread_mutex_lock(&store.lock);
    store.broken = true;
    store.stores = 0;
    pthread_mutex_unlock(&store.lock);
    for (int i = 0; i < 4; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        EXPECT_OK(sorrel_cache_write(c, key, "x", 1, &err));
    }
    EXPECT(sorrel_cache_write(c, "k4", "x", 1, &err) == SORREL_ERR_BUSY);
    EXPECT(sorrel_cache_flush(c, 50, &err) == SORREL_ERR_TIMEOUT);
    sorrel_reply_free(sorrel_client_do(cl, 0, NULL, "DEL", "c:k2", NULL));
    EXPECT(reads(c, "k2", "x"));
    pthread_mutex_lock(&store.lock);
    store.broken = false;
    pthread_mutex_unlock(&store.lock);
    EXPECT(sorrel_cache_close(c, 10000) == 0 && stored() == 4);
    /* A store that stays down: how many are lost is said. */
    c = sorrel_cache_new(cl, "c", &o);
    store.broken = true;
    EXPECT_OK(sorrel_cache_write(c, "a", "1", 1, &err));
    EXPECT_OK(sorrel_cache_write(c, "b", "1", 1, &err));
    EXPECT(sorrel_cache_close(c, 100) == 2);
    sorrel_client_free(cl);
}

static void *
read_key(void *arg)
{
    char *v = NULL;

    (void)sorrel_cache_get(arg, "k", &v, NULL, NULL);
    sorrel_free(v);
    return NULL;
}

/* Who asks after a write does not get what was being loaded before it, cached or not. */
static void
written_while_it_is_loaded(void)
{
    struct sorrel_client_options quick = {.retry_ms = -1, .pool = {.wait_ms = -1}};
    struct sorrel_client *up = test_client();
    struct sorrel_cache_options o = {.load = load, .store = save, .write = SORREL_WRITE_AROUND};
    struct sorrel_error err = {0};
    pthread_t t;

    for (int outage = 0; outage < 2; outage++) {
        struct sorrel_client *cl = sorrel_client_open(outage ? "redis://127.0.0.1:1" : test_url, &quick, NULL);
        struct sorrel_cache *c = sorrel_cache_new(cl, "c", &o);
        fresh(up);
        store.slow_ms = 500;
        pthread_create(&t, NULL, read_key, c);
        for (int i = 0; i < 5000; i++) {
            pthread_mutex_lock(&store.lock);
            bool begun = store.loads == 1;
            store.slow_ms = begun ? 0 : store.slow_ms;
            pthread_mutex_unlock(&store.lock);
            if (begun)
                break;
            pause_ms(1);
        }
        enum sorrel_rc rc = sorrel_cache_write(c, "k", "v2", 2, &err);
        EXPECT(outage ? rc == SORREL_ERR_CONNECT : rc == SORREL_OK);
        EXPECT(reads(c, "k", "v2"));
        pthread_join(t, NULL);
        EXPECT(reads(c, "k", "v2") && store.loads >= 2);
        sorrel_cache_close(c, 0);
        sorrel_client_free(cl);
    }
    sorrel_client_free(up);
}

static void
no_server(void)
{
    struct sorrel_client_options quick = {.retry_ms = -1};
    struct sorrel_client *cl = sorrel_client_open("redis://127.0.0.1:1", &quick, NULL), *up = test_client();
    struct sorrel_cache_options o = {.load = load};
    struct sorrel_cache *c = sorrel_cache_new(cl, "c", &o);
    struct sorrel_cache_stats s;

    fresh(up);
    EXPECT(reads(c, "k", "v1") && reads(c, "k", "v1") && store.loads == 2);
    sorrel_cache_stats(c, &s);
    EXPECT(s.outages == 2);
    sorrel_cache_close(c, 0);
    sorrel_client_free(cl);
    sorrel_client_free(up);
}

TEST_MAIN(TEST(reading), TEST(stampede), TEST(writing), TEST(writing_behind), TEST(written_while_it_is_loaded),
          TEST(no_server))
