/* tests/bench/bench_expire.c - how long it takes to free keys that are all due at once, and the longest slice.
 *
 *   make MODE=release build/release/libengine.a
 *   gcc -O2 -flto -std=gnu11 -D_GNU_SOURCE -Isrc tests/bench/bench_expire.c build/release/libengine.a -ljemalloc
 * -lluajit-5.1 -lcrypto -lm
 *   ./a.out [keys] [slice in us]
 */
#include "base/mem.h"
#include "cmd/families.h"
#include "engine/engine.h"
#include "engine/keyspace.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t
shifted_wall(void *ctx)
{
    struct clock machine = clock_system();

    return clock_wall_us(&machine) + *(int64_t *)ctx;
}

static int64_t
machine_mono(void *ctx)
{
    struct clock machine = clock_system();

    return clock_mono_ns(&machine);
}

/* CPU time, so that a busy machine tells the same. */
static int64_t
cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

int
main(int argc, char **argv)
{
    size_t keys = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    int64_t slice_us = argc > 2 ? strtol(argv[2], NULL, 10) : 300, shift_us = 0, longest = 0, total = 0, slices = 0;
    struct hash_seed seed = {1, 2};
    struct engine_options opt = {.clock = {shifted_wall, machine_mono, &shift_us},
                                 .hash_seed = seed,
                                 .families = cmd_families,
                                 .limits = value_limits_default(seed)};
    struct engine *e = engine_new(&opt);
    char value[64];

    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = 'x';
    for (size_t i = 0; i < keys; i++) {
        char key[32];
        int n = snprintf(key, sizeof(key), "key:%012zu", i * 7919 % keys);
        keyspace_load(e, engine_db(e, 0),
                      entry_new_string(slice_of(key, (size_t)n), slice_of(value, 64),
                                       engine_now_ms(e) + 60000 + (int64_t)(i % 1000)));
    }
    shift_us = 120 * INT64_C(1000000);
    while (keyspace_volatile(e, engine_db(e, 0)) > 0 || table_count(&engine_db(e, 0)->by_key) > 0) {
        int64_t from = cpu_ns();
        engine_tick(e, slice_us);
        int64_t took = cpu_ns() - from;
        longest = took > longest ? took : longest;
        total += took;
        slices++;
    }
    printf("%zu keys freed in %.0f ms, %lld slices, longest %lld us of CPU, %lld ns a key\n", keys, (double)total / 1e6,
           (long long)slices, (long long)longest / 1000, (long long)(total / (int64_t)keys));
    engine_free(e);
    return 0;
}
