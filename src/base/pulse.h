/* base/pulse.h - how a long loop in a low layer lets others run, and hears that its result is not wanted any more.
 *
 * The loop says pulse_beat() at each step of a microsecond or less. What that does is its caller's affair: to stop for
 * a while on a stack of its own, for one. Once it has said false the loop ends as soon as it can; what it has made
 * until then is good for nothing but to be freed.
 */
#ifndef SORREL_BASE_PULSE_H
#define SORREL_BASE_PULSE_H

#include <stdbool.h>
#include <stddef.h>

struct pulse {
    bool (*beat)(struct pulse *p);
};

/* NULL: nobody else needs to run. */
static inline bool
pulse_beat(struct pulse *p)
{
    return p == NULL || p->beat(p);
}

#endif
