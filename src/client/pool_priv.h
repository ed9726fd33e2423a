/* client/pool_priv.h - what the rest of this folder asks of a pool beyond sorrel/pool.h. */
#ifndef SORREL_CLIENT_POOL_PRIV_H
#define SORREL_CLIENT_POOL_PRIV_H

#include "sorrel/pool.h"

/* Opens a connection to where the pool leads just now (the master of a Sentinel service). Called by any thread. */
struct pool_opener {
    enum sorrel_rc (*open)(void *ctx, struct sorrel_conn **out, struct sorrel_error *err);
    void *ctx;
};

/* Before the first take. The URL of the pool then only says how long connections may be idle. */
void pool__opener(struct sorrel_pool *p, struct pool_opener how);
/* Makes the pool forget all its connections: the server is another one now. With `cut`, whoever waits for a reply on
 * one gets SORREL_ERR_CLOSED or _IO at once. Thread-safe. */
void pool__renew(struct sorrel_pool *p, bool cut);
/* True if c is from this pool and has not been given back. Thread-safe. */
bool pool__has_taken(struct sorrel_pool *p, const struct sorrel_conn *c);

#endif
