/* engine/ticks.h - how long commands take, measured cheaply.
 *
 * Reading a clock twice a command would cost as much as a GET. Where the processor has a counter that never stops and
 * runs at one speed, that is read instead, once a command, and calibrated against the clock now and then. With any
 * clock but the machine's own (tests) the clock itself is the counter.
 */
#ifndef SORREL_ENGINE_TICKS_H
#define SORREL_ENGINE_TICKS_H

#include "base/clock.h"

#include <stdbool.h>

struct ticks {
    bool counter;  /* the processor's counter is used */
    uint64_t mark; /* where the last interval ended */
    double per_us;
    struct clock clock;
    uint64_t base_ticks; /* a moment that was read from both */
    int64_t base_ns;
};

void ticks_init(struct ticks *t, struct clock clock);
/* Improves the calibration when enough time has passed since the last one. True if it changed. */
bool ticks_calibrate(struct ticks *t);

static inline uint64_t
ticks_now(const struct ticks *t)
{
#if defined(__x86_64__)
    if (__builtin_expect(t->counter, 1))
        return __builtin_ia32_rdtsc();
#endif
    return (uint64_t)clock_mono_ns(&t->clock);
}

static inline int64_t
ticks_to_us(const struct ticks *t, uint64_t n)
{
    return (int64_t)((double)n / t->per_us);
}

static inline uint64_t
ticks_from_us(const struct ticks *t, int64_t us)
{
    return (uint64_t)((double)us * t->per_us);
}

#endif
