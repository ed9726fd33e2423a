/* tests/bench/bench_packtable.c - nanoseconds and resident bytes of large sets and maps, without a network in between.
 *
 *   make MODE=release build/release/libengine.a
 *   gcc -O2 -flto -std=gnu11 -D_GNU_SOURCE -Isrc tests/bench/bench_packtable.c build/release/libengine.a -ljemalloc -lm
 *   ./a.out [members]
 */
#include "base/mem.h"
#include "base/rng.h"
#include "ds/packtable.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double
resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f != NULL) {
        if (fscanf(f, "%*s %ld", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    return (double)pages * 4096;
}

static struct slice
text_of(char *text, const char *name, unsigned long k)
{
    return slice_of(text, (size_t)snprintf(text, 32, "%s%09lu", name, k));
}

static void
measure(unsigned long n, bool map)
{
    struct packtable *t = packtable_new((struct hash_seed){1, 2}, map);
    struct slice none = slice_of("", 0), value;
    struct rng r;
    char a[32], b[32];
    size_t found = 0;
    double before = resident(), start = now_ns();

    rng_seed(&r, 1);
    for (unsigned long i = 0; i < n; i++)
        packtable_put(t, text_of(a, "member-", i), map ? text_of(b, "value-", i) : none);
    printf("%s: put new %.0f ns", map ? "map" : "set", (now_ns() - start) / (double)n);
    double bytes = (double)packtable_bytes(t) / (double)n, rss = (resident() - before) / (double)n;
    start = now_ns();
    for (unsigned long i = 0; i < n; i++)
        found += packtable_find(t, text_of(a, "member-", rng_below(&r, n)), &value);
    printf(", find %.0f", (now_ns() - start) / (double)n);
    start = now_ns();
    for (unsigned long i = 0; i < n; i++)
        packtable_put(t, text_of(a, "member-", rng_below(&r, n)), map ? text_of(b, "value-", i) : none);
    printf(", put again %.0f", (now_ns() - start) / (double)n);
    start = now_ns();
    for (unsigned long i = 0; i < n; i++)
        packtable_random(t, &r, &value, NULL);
    printf(", random %.0f", (now_ns() - start) / (double)n);
    start = now_ns();
    for (unsigned long i = 0; i < n / 2; i++)
        packtable_remove(t, text_of(a, "member-", i * 2));
    printf(", remove %.0f", (now_ns() - start) / (double)(n / 2));
    start = now_ns();
    packtable_free(t);
    printf(", free %.1f ns a member; %.1f bytes counted, %.1f resident (%zu)\n", (now_ns() - start) / (double)(n / 2),
           bytes, rss, found);
}

int
main(int argc, char **argv)
{
    unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;

    measure(n, false);
    mem_purge();
    measure(n, true);
    return 0;
}
