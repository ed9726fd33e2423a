/* tests/bench/bench_zset.c - nanoseconds of sorted-set, list and string calls and bytes an element, without a network.
 *
 *   make MODE=release build/release/libengine.a
 *   gcc -O2 -flto -std=gnu11 -D_GNU_SOURCE -Isrc tests/bench/bench_zset.c build/release/libengine.a -ljemalloc -lm
 *   ./a.out [members]
 */
#include "base/mem.h"
#include "base/rng.h"
#include "value/entry.h"
#include "value/list.h"
#include "value/zset.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MEMBER_BYTES = 16 };

/* CPU time, so that what else runs on the machine counts for less. */
static double
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Resident bytes of the process. */
static double
resident(void)
{
    unsigned long size = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL || fscanf(f, "%lu %lu", &size, &pages) != 2)
        pages = 0;
    if (f != NULL)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static struct slice
member_name(char *text, uint64_t n)
{
    memcpy(text, "member:", 7);
    for (int i = MEMBER_BYTES - 1; i >= 7; i--, n /= 10)
        text[i] = (char)('0' + n % 10);
    return slice_of(text, MEMBER_BYTES);
}

static void
report(const char *what, double since, size_t n)
{
    printf("  %-44s %7.0f ns\n", what, (now_ns() - since) / (double)n);
}

static void
zset_changes(struct zset *z, const struct value_limits *lim, struct rng *rng, size_t n)
{
    char text[32];
    size_t rank, from, to, rounds = 1000000, sum = 0;
    double score, t = now_ns();

    for (size_t i = 0; i < rounds; i++)
        zset_put(z, lim, member_name(text, rng_below(rng, n)), (double)rng_below(rng, n));
    report("put, present member, any score", t, rounds);
    t = now_ns();
    for (size_t i = 0; i < rounds; i++) {
        struct slice s = member_name(text, rng_below(rng, n));
        if (zset_score(z, s, &score))
            zset_put(z, lim, s, score + 1e-9);
    }
    report("score + put, a step that keeps the place", t, rounds);
    t = now_ns();
    for (size_t i = 0; i < rounds; i++)
        sum += zset_score(z, member_name(text, rng_below(rng, n)), &score);
    report("score", t, rounds);
    t = now_ns();
    for (size_t i = 0; i < rounds; i++)
        sum += zset_rank(z, member_name(text, rng_below(rng, n)), &rank, &score);
    report("rank", t, rounds);
    t = now_ns();
    for (size_t i = 0; i < rounds; i++) {
        double min = (double)rng_below(rng, n);
        zset_span_score(z, &(struct zset_range){min, min + 100, false, false}, &from, &to);
        sum += to - from;
    }
    report("span by score", t, rounds);
    struct slice s;
    t = now_ns();
    struct zset_iter it = zset_seek(z, 0, false);
    while (zset_next(z, &it, &s, &score))
        sum += s.len;
    report("walk, a member", t, zset_count(z));
    t = now_ns();
    for (size_t i = 0; i < rounds / 10; i++) {
        zset_remove(z, member_name(text, i));
        zset_put(z, lim, member_name(text, n + i), (double)rng_below(rng, n));
    }
    report("remove one, put a new one", t, rounds / 10);
    if (sum == 42)
        puts("");
}

static void
zsets(size_t n, bool ascending)
{
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});
    struct zset z = {0};
    struct rng rng;
    char text[32];

    rng_seed(&rng, 1);
    double before = resident(), t = now_ns();
    for (size_t i = 0; i < n; i++)
        zset_put(&z, &lim, member_name(text, i), ascending ? (double)i : (double)(rng_next(&rng) >> 11) / 7);
    printf("sorted set, %zu members, scores %s\n", n, ascending ? "ascending" : "random");
    report("put, new member", t, n);
    printf("  %-44s %7.1f (resident %.1f)\n", "bytes a member", (double)zset_bytes(&z) / (double)n,
           (resident() - before) / (double)n);
    if (!ascending)
        zset_changes(&z, &lim, &rng, n);
    t = now_ns();
    zset_fini(&z);
    report("free, a member", t, n);
    mem_purge();
}

static void
lists(size_t n, enum list_end end)
{
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});
    struct list l = {0};
    double before = resident(), t = now_ns();

    for (size_t i = 0; i < n; i++)
        list_push(&l, &lim, end, LIT("element:0000001"));
    printf("list, %zu elements of 15 bytes, %s\n", n, end == LIST_HEAD ? "pushed at the head" : "pushed at the tail");
    report("push", t, n);
    printf("  %-44s %7.2f (resident %.2f)\n", "bytes an element", (double)list_bytes(&l) / (double)n,
           (resident() - before) / (double)n);
    t = now_ns();
    for (size_t i = 0; i < n; i++)
        list_drop(&l, LIST_HEAD, 1);
    report("pop", t, n);
    mem_purge();
}

static void
strings(void)
{
    static char value[64];
    size_t rounds = 10000000, sum = 0;
    char text[STRING_TEXT_MAX];
    struct entry *e = entry_new_string(LIT("key:000000000001"), slice_of(value, 64), -1);

    memset(value, 'x', sizeof(value));
    puts("string, hot");
    double t = now_ns();
    for (size_t i = 0; i < rounds; i++)
        e = string_set(e, slice_of(value, 64));
    report("set, same length", t, rounds);
    t = now_ns();
    for (size_t i = 0; i < rounds; i++)
        e = string_set(e, slice_of(value, 58 + (i & 7)));
    report("set, other length", t, rounds);
    t = now_ns();
    for (size_t i = 0; i < rounds; i++)
        sum += string_get(e, text).len;
    report("get", t, rounds);
    t = now_ns();
    for (size_t i = 0; i < rounds; i++)
        entry_free(entry_new_string(LIT("key:000000000001"), slice_of(value, 64), -1));
    report("new + free", t, rounds);
    entry_free(e);
    if (sum == 42)
        puts("");
}

int
main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;

    strings();
    lists(n, LIST_TAIL);
    lists(n, LIST_HEAD);
    zsets(n / 10, false);
    zsets(n, false);
    zsets(n, true);
    return 0;
}
