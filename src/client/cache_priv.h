/* client/cache_priv.h - what the cache's two files share: reading (cache.c) and writing behind (cache_behind.c). */
#ifndef SORREL_CLIENT_CACHE_PRIV_H
#define SORREL_CLIENT_CACHE_PRIV_H

#include "base/rng.h"
#include "client/outage_priv.h"
#include "client/worker_priv.h"
#include "sorrel/cache.h"

/* A write that the store does not have yet. */
struct pending {
    struct pending *next;
    char *key, *value; /* value NULL: a removal */
    size_t len;
    int64_t due_ms;
};

struct flight;

struct sorrel_cache {
    struct sorrel_client *client;
    struct sorrel_cache_options opt;
    char *prefix;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a flight has landed, or the number of pending writes has changed */
    struct rng rng;
    struct flight *flights;
    struct pending *first, **last; /* oldest first */
    struct pending *storing;       /* the one that the thread is at */
    bool hurry;                    /* nobody waits for more writes to the same key now */
    struct worker worker;
    struct outage outage;
    struct sorrel_cache_stats stats;
};

/* Whoever asks for the key from now on gets a load that begins from now on. */
void cache__changed_locked(struct sorrel_cache *c, const char *key);

/* Waits on c->changed, with the lock held, until deadline_ms of the monotonic clock (-1: for ever). False when it is
 * over. */
bool cache__wait_locked(struct sorrel_cache *c, int64_t deadline_ms);

/* Takes the thread up. */
bool behind__start(struct sorrel_cache *c);
/* Notes a write. SORREL_ERR_BUSY when there is no room for it in time. */
enum sorrel_rc behind__add(struct sorrel_cache *c, const char *key, const char *value, size_t len,
                           struct sorrel_error *err);
/* What a pending write says about the key: true, and a copy of its value (NULL: removed). */
bool behind__find(struct sorrel_cache *c, const char *key, char **value, size_t *len);
/* Ends the thread and forgets what is still pending; returns how many that were. */
size_t behind__stop(struct sorrel_cache *c);

#endif
