/* server/pace.h - how much of each turn of the loop a snapshot gets.
 *
 * While clients are busy, one part in so many of the time that passes; all of it while nobody wants anything. Old
 * states that clients made the loop write ahead of the walk have already taken part of it. When they pile up faster
 * than they can be written to the disk, the loop itself rests for a moment, the longer the more wait, so that a slow
 * disk can follow. (One that stands still: store/rdb_file.h.)
 *
 * There is one snapshot at a time, of whatever kind, so there is one pace; it also knows the longest turn meanwhile.
 */
#ifndef SORREL_SERVER_PACE_H
#define SORREL_SERVER_PACE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>

struct snapshot;

struct pace {
    bool on;
    int64_t slice_end_ns, busy_ns, credit_ns;
    uint64_t early_seen;
    int64_t awake_ns, awake_cpu_ns;     /* when the turn began */
    int64_t longest_ns, longest_cpu_ns; /* of the turns: time, and processor time */
};

void pace_begin(struct pace *p, const struct clock *clock);
void pace_end(struct pace *p);
/* For how many nanoseconds the snapshot may walk in this turn; 0: not at all. May rest. */
int64_t pace_slice(struct pace *p, const struct clock *clock, const struct snapshot *s, bool busy);
/* How long that is, in microseconds, where so many bytes wait to be written. */
int64_t pace_rest_us(size_t backlog);
/* It has walked. */
void pace_walked(struct pace *p, const struct clock *clock);

/* The loop has been waiting for events and goes on; it is about to wait. */
void pace_turn_begins(struct pace *p, const struct clock *clock);
void pace_turn_ends(struct pace *p, const struct clock *clock);

#endif
