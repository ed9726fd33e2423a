/* bench/histogram.h - latencies with three significant digits, from nanoseconds to hours, in fixed memory.
 *
 * Values fall into ranges: each power of two is split into 256, so a percentile is at most 0.4 % off. Threads record
 * into their own and add them up afterwards.
 */
#ifndef SORREL_BENCH_HISTOGRAM_H
#define SORREL_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB_BITS = 8, HISTOGRAM_SLOTS = (44 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS };

struct histogram {
    uint64_t count, total, min, max;
    uint64_t slots[HISTOGRAM_SLOTS];
};

void histogram_reset(struct histogram *h);
/* Records `value` n times. Values of 2^44 and more count as the largest range. */
void histogram_add(struct histogram *h, uint64_t value, uint64_t n);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The smallest recorded range that `percent` (0 to 100) of all values do not exceed: its upper end, at most max. */
uint64_t histogram_percentile(const struct histogram *h, double percent);
double histogram_mean(const struct histogram *h);

#endif
