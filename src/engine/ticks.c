/* engine/ticks.c - the counter and its speed. */
#include "engine/ticks.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { CALIBRATE_FIRST_NS = 1000 * 1000, CALIBRATE_AGAIN_NS = 1000 * 1000 * 1000 };

static bool
counter_is_steady(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & 1u << 8) != 0;
#else
    return false;
#endif
}

void
ticks_init(struct ticks *t, struct clock clock)
{
    struct clock machine = clock_system();

    *t = (struct ticks){.clock = clock, .per_us = 1000};
    t->counter = clock.mono_ns == machine.mono_ns && counter_is_steady();
    t->base_ns = clock_mono_ns(&clock);
    t->base_ticks = ticks_now(t);
    t->mark = t->base_ticks;
    /* Until the first calibration a guess has to do; it only decides what a duration in the first millisecond is. */
    if (t->counter)
        t->per_us = 2500;
}

bool
ticks_calibrate(struct ticks *t)
{
    if (!t->counter)
        return false;
    uint64_t ticks = ticks_now(t) - t->base_ticks;
    double guess_ns = (double)ticks / t->per_us * 1000;
    if (guess_ns < CALIBRATE_FIRST_NS / 4.0)
        return false;
    bool first = t->per_us == 2500;
    if (!first && guess_ns < CALIBRATE_AGAIN_NS)
        return false;
    int64_t now = clock_mono_ns(&t->clock);
    if (now - t->base_ns < CALIBRATE_FIRST_NS)
        return false;
    t->per_us = (double)ticks * 1000 / (double)(now - t->base_ns);
    if (!first) {
        t->base_ns = now;
        t->base_ticks = ticks_now(t);
    }
    return true;
}
