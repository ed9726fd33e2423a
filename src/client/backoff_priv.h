/* client/backoff_priv.h - pauses between attempts: doubling, jittered, bounded. For this folder. */
#ifndef SORREL_CLIENT_BACKOFF_PRIV_H
#define SORREL_CLIENT_BACKOFF_PRIV_H

#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

struct backoff {
    int64_t pause_ms, max_ms, deadline_ms; /* deadline on the monotonic clock; -1: none */
    struct rng rng;
};

/* for_ms: how long attempts may go on from now; -1: for ever. */
void backoff__init(struct backoff *b, int pause_ms, int max_ms, int64_t for_ms);
/* The next pause: between half of it and the whole, so that many clients do not come back in one moment. Never beyond
 * the deadline; -1 when that has passed. */
int64_t backoff__next_us(struct backoff *b);
/* Sleeps that long. False, at once, when the deadline has passed. */
bool backoff__sleep(struct backoff *b);

#endif
