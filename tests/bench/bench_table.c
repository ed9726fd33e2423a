/* tests/bench/bench_table.c - nanoseconds of the keyspace table's calls, on one core without a network in between.
 *
 * Items look like string entries: 6 bytes of header, a 16-byte key, a 64-byte value.
 *   make MODE=release build/release/libengine.a
 *   gcc -O2 -flto -std=gnu11 -D_GNU_SOURCE -Isrc tests/bench/bench_table.c build/release/libengine.a -ljemalloc -lm
 *   ./a.out [items]
 */
#include "base/mem.h"
#include "base/rng.h"
#include "ds/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 16, KEY_BYTES = 16, LOOKUPS = 3000000 };

struct item {
    unsigned char header[6];
    char key[KEY_BYTES];
    char value[64];
};

static struct slice
item_key(const void *item)
{
    return slice_of(((const struct item *)item)->key, KEY_BYTES);
}

static uint64_t
item_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, item_key(item));
}

static const struct table_ops OPS = {item_key, item_hash};

static double
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void
key_write(char *key, uint64_t n)
{
    char text[KEY_BYTES + 1];

    snprintf(text, sizeof(text), "key:%012" PRIu64, n % 1000000000000u);
    memcpy(key, text, KEY_BYTES);
}

static void
look_up(const struct table *t, const char (*keys)[KEY_BYTES], bool prefetch, const char *what)
{
    size_t found = 0;
    uint64_t hashes[BATCH], sum = 0;
    double start = now_ns();

    for (size_t i = 0; i < LOOKUPS; i += BATCH) {
        for (size_t j = 0; j < BATCH; j++) {
            hashes[j] = siphash(t->seed, slice_of(keys[i + j], KEY_BYTES));
            if (prefetch)
                table_prefetch_bucket(t, hashes[j]);
        }
        if (prefetch)
            for (size_t j = 0; j < BATCH; j++)
                table_prefetch_item(t, hashes[j]);
        for (size_t j = 0; j < BATCH; j++) {
            const struct item *item = table_find(t, &OPS, hashes[j], slice_of(keys[i + j], KEY_BYTES));
            found += item != NULL;
            sum += item != NULL ? (unsigned char)item->value[0] : 0;
        }
    }
    printf("%-28s %6.1f ns  (%zu found, %" PRIu64 ")\n", what, (now_ns() - start) / LOOKUPS, found, sum);
}

int
main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    struct table t;
    struct rng r;
    double worst = 0, start = now_ns();
    struct item **all = mem_get_array(n, sizeof(*all));
    char(*keys)[KEY_BYTES] = mem_get(LOOKUPS * sizeof(*keys));

    rng_seed(&r, 1);
    table_init(&t, (struct hash_seed){1, 2});
    for (size_t i = 0; i < n; i++) {
        all[i] = mem_get(sizeof(**all));
        key_write(all[i]->key, i);
        memset(all[i]->value, 1, sizeof(all[i]->value));
    }
    printf("%zu items made in          %6.1f ns each\n", n, (now_ns() - start) / (double)n);
    start = now_ns();
    for (size_t i = 0; i < n; i++) {
        double one = i % 16 == 0 ? now_ns() : 0;
        table_insert(&t, &OPS, item_hash(all[i], t.seed), all[i]);
        if (one > 0 && now_ns() - one > worst)
            worst = now_ns() - one;
    }
    printf("%-28s %6.1f ns  (worst seen %.0f)\n", "insert, growing", (now_ns() - start) / (double)n, worst);
    while (table_step(&t, &OPS, 1000))
        ;
    printf("bytes an item                %6.2f     (load %.2f)\n", (double)table_bytes(&t) / (double)n,
           (double)n / (double)table_slots(&t));

    for (size_t i = 0; i < LOOKUPS; i++)
        key_write(keys[i], rng_below(&r, n));
    look_up(&t, keys, false, "find, present");
    look_up(&t, keys, true, "find, present, prefetched");
    for (size_t i = 0; i < LOOKUPS; i++)
        key_write(keys[i], n + rng_below(&r, n));
    look_up(&t, keys, false, "find, absent");
    look_up(&t, keys, true, "find, absent, prefetched");

    start = now_ns();
    for (size_t i = 0; i < LOOKUPS; i++) {
        size_t k = rng_below(&r, n);
        uint64_t hash = item_hash(all[k], t.seed);
        table_remove(&t, &OPS, hash, all[k]);
        table_insert(&t, &OPS, hash, all[k]);
    }
    printf("%-28s %6.1f ns\n", "remove and insert again", (now_ns() - start) / LOOKUPS);
    for (size_t i = 0; i < LOOKUPS; i++)
        key_write(keys[i], n + rng_below(&r, n));
    look_up(&t, keys, true, "find, absent, after churn");
    start = now_ns();
    for (size_t i = 0; i < n; i++)
        table_remove(&t, &OPS, item_hash(all[i], t.seed), all[i]);
    printf("%-28s %6.1f ns\n", "remove all", (now_ns() - start) / (double)n);
    table_fini(&t);
    return 0;
}
