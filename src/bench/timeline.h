/* bench/timeline.h - throughput and latency over time, in a bounded number of moments.
 *
 * A run begins with moments of 100 ms; whenever it outgrows MOMENTS_MAX of them, neighbours are joined and a moment
 * becomes twice as long. So a minute and a week both fit a plot and the same memory. Latencies fall into eight ranges
 * for each power of two, 12 % apart at most: a plot shows no more.
 */
#ifndef SORREL_BENCH_TIMELINE_H
#define SORREL_BENCH_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

enum { MOMENTS_MAX = 512, MOMENT_SLOTS = (44 - 3 + 1) << 3 };

struct moment {
    uint64_t requests, max_ns;
    uint32_t slots[MOMENT_SLOTS];
};

struct timeline {
    int64_t moment_ns;
    int count;
    struct moment *moments; /* MOMENTS_MAX of them */
};

void timeline_init(struct timeline *t);
void timeline_fini(struct timeline *t);
/* `n` requests were answered `at_ns` after the start, each `latency_ns` after it was sent. */
void timeline_add(struct timeline *t, int64_t at_ns, uint64_t latency_ns, uint64_t n);
void timeline_merge(struct timeline *into, struct timeline *from);
/* Of moment i; 0 where nothing was answered. */
uint64_t timeline_percentile(const struct timeline *t, int i, double percent);

#endif
