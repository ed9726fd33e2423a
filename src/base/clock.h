/* base/clock.h - time as an input.
 *
 * Whoever needs the time is handed a struct clock; tests hand in one that stands still or jumps.
 */
#ifndef SORREL_BASE_CLOCK_H
#define SORREL_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    /* Microseconds since 1970, may jump when the machine's clock is set. */
    int64_t (*wall_us)(void *ctx);
    /* Nanoseconds from an arbitrary start, never goes back. */
    int64_t (*mono_ns)(void *ctx);
    void *ctx;
};

/* The machine's clocks. */
struct clock clock_system(void);

static inline int64_t
clock_wall_us(const struct clock *c)
{
    return c->wall_us(c->ctx);
}

static inline int64_t
clock_mono_ns(const struct clock *c)
{
    return c->mono_ns(c->ctx);
}

/* Nanoseconds of CPU that the calling thread has used: what a slice of work has cost, however busy the machine. */
int64_t clock_thread_ns(void);

#endif
