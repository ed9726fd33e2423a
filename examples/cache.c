/* examples/cache.c - a cache in front of a slow store.
 *
 * usage: cache URL THREADS
 *
 * The store takes 200 milliseconds to answer and has the squares of numbers below a hundred. The threads ask for the
 * same few keys at once: each key is loaded once, by one of them, and those who ask for a key that the store does not
 * have are told so without asking it again.
 */
#include <sorrel/cache.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static atomic_int asked; /* how often the store was */

static enum sorrel_load
load_square(void *ctx, const char *key, char **value, size_t *len)
{
    struct timespec slow = {0, 200 * 1000000L};
    long n = strtol(key, NULL, 10);

    (void)ctx;
    atomic_fetch_add(&asked, 1);
    nanosleep(&slow, NULL);
    if (n < 0 || n >= 100)
        return SORREL_MISSING;
    *value = sorrel_alloc(16);
    *len = (size_t)snprintf(*value, 16, "%ld", n * n);
    return SORREL_LOADED;
}

struct reader {
    struct sorrel_cache *cache;
    int wrong;
};

static void *
read_some(void *arg)
{
    static const char *const keys[] = {"3", "12", "99", "1000"};
    static const long expected[] = {9, 144, 9801, -1};
    struct reader *r = arg;

    for (int i = 0; i < 40; i++) {
        char *value = NULL;
        struct sorrel_error err;
        if (sorrel_cache_get(r->cache, keys[i % 4], &value, NULL, &err) != SORREL_OK)
            r->wrong++;
        else if (value == NULL ? expected[i % 4] != -1 : strtol(value, NULL, 10) != expected[i % 4])
            r->wrong++;
        sorrel_free(value);
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    enum { THREADS_MAX = 64 };
    struct sorrel_cache_options o = {
        .load = load_square, .ttl_ms = 60000, .jitter_percent = 10, .negative_ttl_ms = 5000};
    struct sorrel_client_options pooled = {.pool = {.wait_ms = -1}};
    struct sorrel_cache_stats s;
    struct sorrel_error err = {0};
    struct reader readers[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    int count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0, wrong = 0;

    struct sorrel_client *client =
        count > 0 && count <= THREADS_MAX ? sorrel_client_open(argv[1], &pooled, &err) : NULL;
    if (client == NULL) {
        fprintf(stderr, "%s\nusage: cache URL THREADS\n", err.text);
        return 2;
    }
    struct sorrel_cache *cache = sorrel_cache_new(client, "example:square", &o);
    for (int i = 0; i < count; i++) {
        readers[i] = (struct reader){cache, 0};
        pthread_create(&threads[i], NULL, read_some, &readers[i]);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        wrong += readers[i].wrong;
    }
    sorrel_cache_stats(cache, &s);
    printf("wrong %d, store asked %d times, hits %" PRIu64 ", known to be missing %" PRIu64 "\n", wrong,
           atomic_load(&asked), s.hits, s.negative_hits);
    sorrel_cache_close(cache, 0);
    sorrel_client_free(client);
    return wrong > 0;
}
