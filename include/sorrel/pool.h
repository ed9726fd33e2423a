/* sorrel/pool.h - connections shared by threads.
 *
 * A pool opens connections when they are needed, up to a limit, and keeps those that come back in good order. Who takes
 * one has it alone until giving it back; replies read from it are valid until then. Every function here is thread-safe,
 * except sorrel_pool_free(), which must be the last one called. After a fork() the child's pool begins empty, so parent
 * and child never share a connection; no other thread may be in the pool at that moment.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_POOL_H
#define SORREL_POOL_H

#include "sorrel/conn.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_pool;

struct sorrel_pool_options {
    int max_connections; /* 0: the URL's max_connections, or else 16 */
    int wait_ms;         /* how long to wait for one when all are taken; 0: fail at once, -1: for ever */
    int retries;         /* further attempts to connect, with growing, jittered pauses */
    int retry_pause_ms;  /* the first pause; 0: 20 ms. It doubles each time, up to a second */
    uint64_t reserved[4];
};

struct sorrel_pool_stats {
    int open, idle, taken, waiting;
    uint64_t opened, reused, dropped; /* since the start */
    uint64_t reserved[4];
};

/* Makes a pool for the server of u (NULL: 127.0.0.1:6379), which is copied. Connects to nothing yet. o NULL: all
 * defaults. */
SORREL_API struct sorrel_pool *sorrel_pool_new(const struct sorrel_url *u, const struct sorrel_pool_options *o);
/* Closes idle connections and frees the pool. All connections must have been given back. NULL is fine. */
SORREL_API void sorrel_pool_free(struct sorrel_pool *p);

/* Takes a connection. An idle one that the server has closed meanwhile is dropped, and one that was idle longer than
 * the URL's health_check_interval answers a PING first, within the time-out for replies or for connecting (5 s if
 * there is none), or is dropped. Fails with SORREL_ERR_BUSY when none gets free in time, or as
 * sorrel_conn_open(). Sends what that sends, for new ones. */
SORREL_API enum sorrel_rc sorrel_pool_take(struct sorrel_pool *p, struct sorrel_conn **out, struct sorrel_error *err);
/* Gives a connection back. One that is broken or has replies outstanding is closed instead of kept. The caller must
 * have left MULTI, subscriptions and databases as they were. NULL is fine. */
SORREL_API void sorrel_pool_give(struct sorrel_pool *p, struct sorrel_conn *c);
/* Closes a taken connection instead of giving it back: one that was left in MULTI, tracking, or subscribed. NULL is
 * fine. Sends nothing. */
SORREL_API void sorrel_pool_discard(struct sorrel_pool *p, struct sorrel_conn *c);

/* The figures of this moment. Sends nothing. */
SORREL_API void sorrel_pool_stats(struct sorrel_pool *p, struct sorrel_pool_stats *out);

#ifdef __cplusplus
}
#endif

#endif
