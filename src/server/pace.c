/* server/pace.c - see pace.h. */
#include "server/pace.h"

#include "store/snapshot.h"

#include <unistd.h>

enum {
    SLICE_MAX_NS = 1000000,
    SLICE_BUSY_NS = 300000, /* clients wait meanwhile */
    SLICE_MIN_NS = 50000,
    SHARE_BUSY = 18, /* a snapshot gets one part where clients get so many */
    BACKLOG_HARD = 4 << 20,
    REST_US = 150, /* for each BACKLOG_HARD that waits */
    REST_US_MAX = 10000,
    EARLY_BYTE_NS = 2,
    CREDIT_DEBT_NS = 10000000,
    IDLE_NS = 5000000,
};

void
pace_begin(struct pace *p, const struct clock *clock)
{
    *p = (struct pace){.on = true};
    p->slice_end_ns = p->busy_ns = clock_mono_ns(clock);
}

void
pace_end(struct pace *p)
{
    p->on = false;
}

static int64_t
slice_allowed(struct pace *p, const struct snapshot *s, bool busy, int64_t now)
{
    uint64_t early = snapshot_early_bytes(s);

    p->credit_ns += (now - p->slice_end_ns) / SHARE_BUSY - (int64_t)(early - p->early_seen) * EARLY_BYTE_NS;
    p->early_seen = early;
    p->credit_ns = p->credit_ns > SLICE_BUSY_NS     ? SLICE_BUSY_NS
                   : p->credit_ns < -CREDIT_DEBT_NS ? -CREDIT_DEBT_NS
                                                    : p->credit_ns;
    if (busy)
        p->busy_ns = now;
    if (snapshot_is_urgent(s))
        return SLICE_BUSY_NS;
    return now - p->busy_ns > IDLE_NS ? SLICE_MAX_NS : p->credit_ns;
}

int64_t
pace_rest_us(size_t backlog)
{
    size_t parts = backlog / BACKLOG_HARD;

    return parts < REST_US_MAX / REST_US ? (int64_t)parts * REST_US : REST_US_MAX;
}

int64_t
pace_slice(struct pace *p, const struct clock *clock, const struct snapshot *s, bool busy)
{
    int64_t rest_us = pace_rest_us(snapshot_backlog(s));

    if (rest_us > 0)
        (void)usleep((useconds_t)rest_us);
    int64_t now = clock_mono_ns(clock), slice = slice_allowed(p, s, busy, now);
    p->slice_end_ns = now;
    return slice < SLICE_MIN_NS ? 0 : slice;
}

void
pace_walked(struct pace *p, const struct clock *clock)
{
    int64_t now = clock_mono_ns(clock);

    p->credit_ns -= now - p->slice_end_ns;
    p->slice_end_ns = now;
}

void
pace_turn_begins(struct pace *p, const struct clock *clock)
{
    if (!p->on)
        return;
    p->awake_ns = clock_mono_ns(clock);
    p->awake_cpu_ns = clock_thread_ns();
}

void
pace_turn_ends(struct pace *p, const struct clock *clock)
{
    if (!p->on || p->awake_ns == 0)
        return;
    int64_t took = clock_mono_ns(clock) - p->awake_ns, cpu = clock_thread_ns() - p->awake_cpu_ns;

    p->longest_ns = took > p->longest_ns ? took : p->longest_ns;
    p->longest_cpu_ns = cpu > p->longest_cpu_ns ? cpu : p->longest_cpu_ns;
}
