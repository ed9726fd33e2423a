/* net/gather.h - when it pays to sleep a moment longer, so that one turn of the loop serves more connections.
 *
 * Falling asleep and being woken cost as much as serving a small command. When many connections talk, each turn serves
 * only the few whose requests came while the last one ran, and the loop falls asleep in between: the moderation of
 * interrupts that network cards do is what helps. So when nothing is ready although much has arrived lately, from many
 * more connections than the last turn served, the loop sleeps for a short fixed time instead of until the next request.
 *
 * A few connections are never made to wait: those that were just answered are the ones that will ask next, and nobody
 * else would use the time. A loop that is behind never waits either, since something is ready.
 *
 * Counts by milliseconds. Threads: the loop's.
 */
#ifndef SORREL_NET_GATHER_H
#define SORREL_NET_GATHER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    GATHER_TALKERS_MIN = 16, /* connections that talk, at least */
    GATHER_SHARE = 2,        /* … and so many times those that the last turn served */
    GATHER_EXPECTED_MIN = 2, /* requests that should arrive during the sleep */
};

/* All zero is valid: nothing is ever gathered. */
struct gather {
    uint32_t sleep_us; /* 0: never */
    uint32_t epoch;    /* changes with each millisecond in which something was counted */
    int64_t now_ms;    /* the millisecond being counted */
    uint32_t reads, talkers, reads_before, talkers_before; /* in it, and in the one before */
    uint32_t turn;                                         /* reads of this turn */
};

/* A connection was read. *seen belongs to the connection, 0 at first. */
static inline void
gather_read(struct gather *g, uint32_t *seen)
{
    g->turn++;
    g->reads++;
    if (*seen != g->epoch) {
        *seen = g->epoch;
        g->talkers++;
    }
}

/* A turn is over and the loop is about to wait: whether it should sleep for sleep_us first, provided that nothing is
 * ready. Any clock in milliseconds will do; when it jumps, nothing is gathered for two of them. */
bool gather_due(struct gather *g, int64_t now_ms);

#endif
