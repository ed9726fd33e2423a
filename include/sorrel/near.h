/* sorrel/near.h - a cache in the process that the server keeps fresh: reads without a round trip.
 *
 * Replies of read-only commands are kept, and the server is told to report when one of their keys changes (CLIENT
 * TRACKING over RESP3, Redis 6 or later). Before a kept reply is used, what the server has reported meanwhile is taken
 * in; that looks at a socket and sends nothing. A connection that breaks empties the cache, and so does a switch of the
 * master.
 *
 * A change is seen as soon as its report has come in: usually within the time of one message after it was made. From a
 * server that was silent for a second a sign of life is asked for first, so that a cut network shows.
 * In a cluster each node reports on its own keys. A slot that moves to another node is noticed by the cluster's map,
 * which is asked for once in a second of use: until then a key that was missing may seem to be missing still. Threads:
 * every function is thread-safe, except free. One connection of its own to each server serves them all.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_NEAR_H
#define SORREL_NEAR_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_near;

struct sorrel_near_stats {
    uint64_t hits, misses, invalidations, flushes;
    size_t entries;
    uint64_t reserved[4];
};

/* A cache of at most max_entries replies (0: 10,000); which one has to make room is left to chance. cl must outlive it.
 * Sends nothing yet. */
SORREL_API struct sorrel_near *sorrel_near_new(struct sorrel_client *cl, size_t max_entries);
/* Frees the cache and closes its connection. NULL is fine. Nobody else may be using it. */
SORREL_API void sorrel_near_free(struct sorrel_near *n);

/* The reply to a read-only command whose only key is its first argument: argv[1] (GET, HGET, HGETALL, SMEMBERS ...).
 * From the cache if it is there. *out is the caller's, to be freed by sorrel_reply_free(). lens NULL: C strings. Fails
 * as sorrel_client_call() when the server must be asked and cannot be: nothing stale is ever handed out. Sends the
 * command, if it must; PING after a second of silence; HELLO 3 and CLIENT TRACKING ON when it connects; in a cluster
 * CLUSTER SLOTS. */
SORREL_API enum sorrel_rc sorrel_near_call(struct sorrel_near *n, int argc, const char *const *argv, const size_t *lens,
                                           struct sorrel_reply **out, struct sorrel_error *err);
/* The same with the C strings that follow, up to a NULL. NULL on failure. */
SORREL_API struct sorrel_reply *sorrel_near_do(struct sorrel_near *n, struct sorrel_error *err, ...)
    __attribute__((sentinel));
/* The figures since the start. Sends nothing. */
SORREL_API void sorrel_near_stats(struct sorrel_near *n, struct sorrel_near_stats *out);

#ifdef __cplusplus
}
#endif

#endif
