/* tests/support/stepclock.h - an engine on a clock that moves each time it is looked at, so that slices end and times
 * differ. */
#ifndef SORREL_TESTS_STEPCLOCK_H
#define SORREL_TESTS_STEPCLOCK_H

#include "engine/engine.h"

struct step_clock {
    int64_t us, step_us; /* the time, and what a look at the monotonic one adds to it */
};

/* An engine with all commands; the clock must live as long as it. Sets the time, leaves the step. */
struct engine *step_clock_engine(struct step_clock *c);

#endif
