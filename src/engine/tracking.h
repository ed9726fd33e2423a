/* engine/tracking.h - client-side caching: who has read which keys, and is told when they change.
 *
 * In the default mode the keys that a session reads are remembered; the first change of one sends a message to all who
 * read it and forgets them. With BCAST nothing is remembered: every change of a key with one of the session's prefixes
 * is told.
 */
#ifndef SORREL_ENGINE_TRACKING_H
#define SORREL_ENGINE_TRACKING_H

#include "engine/session.h"

/* clang-format off */
enum tracking_flag {
    TRACKING_ON = 1 << 0, TRACKING_BCAST = 1 << 1, TRACKING_OPTIN = 1 << 2, TRACKING_OPTOUT = 1 << 3,
    TRACKING_NOLOOP = 1 << 4,
    TRACKING_CACHING_YES = 1 << 5, TRACKING_CACHING_NO = 1 << 6, /* CLIENT CACHING, for the next command */
    TRACKING_BROKEN = 1 << 7, /* the session that messages are redirected to is gone */
};
/* clang-format on */

unsigned session_tracking(const struct session *s);   /* 0: off */
session_id session_redirect(const struct session *s); /* 0: none */
size_t session_prefix_count(const struct session *s);
struct slice session_prefix(const struct session *s, size_t n); /* in the order of bytes */
/* Prefixes (copied) are added to those that there are. */
void session_track(struct session *s, unsigned flags, session_id redirect, const struct slice *prefixes, size_t n);
void session_untrack(struct session *s);
void session_set_caching(struct session *s, enum tracking_flag yes_or_no);

struct tracking_stats {
    size_t clients, keys, items, prefixes; /* items: pairs of a key and a session */
};
struct tracking_stats engine_tracking_stats(const struct engine *e);

#endif
