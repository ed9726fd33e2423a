/* server/recent.h - the most that was seen of something within the last seconds. */
#ifndef SORREL_SERVER_RECENT_H
#define SORREL_SERVER_RECENT_H

#include <stddef.h>
#include <stdint.h>

enum { RECENT_SECONDS = 8 };

/* All zeros: nothing has been seen. */
struct recent {
    int64_t second[RECENT_SECONDS]; /* that each place is about */
    size_t most[RECENT_SECONDS];
};

static inline void
recent_note(struct recent *r, int64_t now_ms, size_t n)
{
    int64_t second = now_ms / 1000;
    int at = (int)((uint64_t)second % RECENT_SECONDS);

    if (r->second[at] != second) {
        r->second[at] = second;
        r->most[at] = 0;
    }
    r->most[at] = n > r->most[at] ? n : r->most[at];
}

static inline size_t
recent_most(const struct recent *r, int64_t now_ms)
{
    int64_t second = now_ms / 1000;
    size_t most = 0;

    for (int i = 0; i < RECENT_SECONDS; i++) {
        int64_t ago = second - r->second[i];
        if (ago >= 0 && ago < RECENT_SECONDS && r->most[i] > most)
            most = r->most[i];
    }
    return most;
}

#endif
