/* engine/latency.h - how long commands take: a histogram for each, and the slowest moments of named events.
 *
 * Commands that are timed together count with the mean of their group.
 */
#ifndef SORREL_ENGINE_LATENCY_H
#define SORREL_ENGINE_LATENCY_H

#include "engine/dispatch.h"

/* Octaves of nanoseconds, each in eight steps, from 8 ns to 2^34 ns (17 s). */
enum { LATENCY_STEPS = 8, LATENCY_OCTAVES = 32, LATENCY_BUCKETS = LATENCY_STEPS * LATENCY_OCTAVES };
struct latency_histogram {
    uint64_t total;
    uint64_t counts[LATENCY_BUCKETS];
};

/* How many calls took less than that many nanoseconds, a power of two (exact for those). */
uint64_t latency_below(const struct latency_histogram *h, uint64_t ns);
/* The time that `percent` of the calls did not exceed, in microseconds. */
double latency_percentile(const struct latency_histogram *h, double percent);

/* -- events --------------------------------------------------------------------------------------------------- */

enum { LATENCY_SAMPLES = 160 };
struct latency_sample {
    int64_t at_s, ms;
};
struct latency_event {
    const char *name;                               /* a constant */
    struct latency_sample samples[LATENCY_SAMPLES]; /* a ring */
    unsigned next, count;
    int64_t ms_max; /* of all time */
    struct latency_event *other;
};

/* Notes that something took so long, if that is worth it (latency-monitor-threshold). */
void engine_latency(struct engine *e, const char *event, int64_t took_us);
/* NULL: nothing has been noted under that name. */
const struct latency_event *latency_event_find(const struct engine *e, struct slice name);
const struct latency_event *latency_event_first(const struct engine *e); /* ->other leads to the rest */
/* The n-th sample, oldest first; n < count. */
struct latency_sample latency_sample_at(const struct latency_event *v, unsigned n);
/* An empty name: all of them. Returns how many there were. */
size_t latency_reset(struct engine *e, struct slice name);

#endif
