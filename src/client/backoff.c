/* client/backoff.c - see backoff_priv.h. */
#include "client/backoff_priv.h"

#include "client/command_priv.h"

#include <time.h>

void
backoff__init(struct backoff *b, int pause_ms, int max_ms, int64_t for_ms)
{
    b->pause_ms = pause_ms > 0 ? pause_ms : 1;
    b->max_ms = max_ms > 0 ? max_ms : 1000;
    b->deadline_ms = for_ms < 0 ? -1 : command__now_ms() + for_ms;
    rng_seed(&b->rng, (uint64_t)command__now_ns() ^ (uint64_t)(uintptr_t)b);
}

int64_t
backoff__next_us(struct backoff *b)
{
    if (b->pause_ms > b->max_ms)
        b->pause_ms = b->max_ms;
    int64_t half = b->pause_ms * 500, us = half + (int64_t)rng_below(&b->rng, (uint64_t)half + 1);
    if (b->deadline_ms >= 0) {
        int64_t left = (b->deadline_ms - command__now_ms()) * 1000;
        if (left <= 0)
            return -1;
        us = us < left ? us : left;
    }
    b->pause_ms *= 2;
    return us;
}

bool
backoff__sleep(struct backoff *b)
{
    int64_t us = backoff__next_us(b);

    if (us < 0)
        return false;
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&t, NULL);
    return true;
}
