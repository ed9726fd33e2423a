/* sorrel/manager.h - one object for an application that wants a cache when there is one and goes on when there is none.
 *
 * No function here ends the program or returns a code that must be checked: on an outage each returns its default
 * (NULL, false, 0, as said below), and sorrel_manager_reason() says why. Connections come back by themselves. The call
 * that finds the server unreachable has tried for as long as the client's options say (2 s, with Sentinels or a cluster
 * 30 s, unless they do); from then on one call in half a second tries again, and all others return at once.
 *
 * A manager that ENABLE_REDIS does not switch on is "disabled": every call returns its default at once.
 * Texts handed out are the caller's, to be freed by sorrel_free(). Threads: every function is thread-safe, except free.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_MANAGER_H
#define SORREL_MANAGER_H

#include "sorrel/client.h"
#include "sorrel/env.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_manager;

/* The manager that all parts of a process share; it is configured by the environment (sorrel/env.h) when it is asked
 * for first. Never NULL; not to be freed. */
SORREL_API struct sorrel_manager *sorrel_manager_shared(void);
/* A manager of one's own: for u, always enabled; or (u NULL) for what the environment says. Connects to nothing yet. */
SORREL_API struct sorrel_manager *sorrel_manager_new(const struct sorrel_url *u, const struct sorrel_client_options *o);
/* Disconnects and frees. NULL is fine. */
SORREL_API void sorrel_manager_free(struct sorrel_manager *m);

/* Connects and checks that the server answers. False when disabled, when the environment is malformed, or when nobody
 * answers; then later calls go on trying. Calling it again is fine. Sends PING. */
SORREL_API bool sorrel_manager_initialize(struct sorrel_manager *m);
/* Closes all connections once the calls under way are over. The manager is disabled until sorrel_manager_initialize().
 */
SORREL_API void sorrel_manager_disconnect(struct sorrel_manager *m);
/* True between a successful initialize and disconnect. An outage in between does not change it. Sends nothing. */
SORREL_API bool sorrel_manager_is_enabled(struct sorrel_manager *m);
/* The client below, for everything else in this library; NULL while disabled. It lives until disconnect or free:
 * whoever keeps it makes sure that nobody disconnects meanwhile. */
SORREL_API struct sorrel_client *sorrel_manager_get_client(struct sorrel_manager *m);
/* Why the last call of this thread returned a default because of a failure, and its code; an empty text and SORREL_OK
 * if it did not fail. Valid until this thread's next call. */
SORREL_API const char *sorrel_manager_reason(struct sorrel_manager *m, enum sorrel_rc *code);

struct sorrel_set_options {
    int64_t ex_s;  /* expiry in seconds; 0: none. What is below is refused by the server */
    int64_t px_ms; /* expiry in milliseconds; 0: none. Not both */
    bool nx;       /* only if the key does not exist */
    bool xx;       /* only if it does. Not both */
    uint64_t reserved[4];
};

/* The value of a key, NULL if there is none; *len (NULL is fine) is its length. Sends GET. */
SORREL_API char *sorrel_manager_get(struct sorrel_manager *m, const char *key, size_t *len);
/* True if the value was set; o NULL: no options. Sends SET. */
SORREL_API bool sorrel_manager_set(struct sorrel_manager *m, const char *key, const void *value, size_t len,
                                   const struct sorrel_set_options *o);
/* True if the key was there. Sends DEL. */
SORREL_API bool sorrel_manager_delete(struct sorrel_manager *m, const char *key);
/* How many of n keys were there. Sends DEL; in a cluster all must be in one slot. */
SORREL_API int64_t sorrel_manager_delete_many(struct sorrel_manager *m, size_t n, const char *const *keys);
/* Sends EXISTS. */
SORREL_API bool sorrel_manager_exists(struct sorrel_manager *m, const char *key);
/* True if the key is there and now lives `seconds`. Sends EXPIRE. */
SORREL_API bool sorrel_manager_expire(struct sorrel_manager *m, const char *key, int64_t seconds);
/* Seconds that a key has to live; -1 without expiry, -2 if there is no such key, and -2 on an outage. Sends TTL. */
SORREL_API int64_t sorrel_manager_ttl(struct sorrel_manager *m, const char *key);
/* Adds `amount` to a counter; false (and *value, which may be NULL, untouched) on an outage. Sends INCRBY. */
SORREL_API bool sorrel_manager_incr(struct sorrel_manager *m, const char *key, int64_t amount, int64_t *value);
/* Sets one field of a hash. True when it was done. Sends HSET. */
SORREL_API bool sorrel_manager_hset(struct sorrel_manager *m, const char *key, const char *field, const void *value,
                                    size_t len);
/* Sets n fields at once. Sends HSET. */
SORREL_API bool sorrel_manager_hset_mapping(struct sorrel_manager *m, const char *key, size_t n,
                                            const char *const *fields, const char *const *values);
/* NULL if there is no such field. Sends HGET. */
SORREL_API char *sorrel_manager_hget(struct sorrel_manager *m, const char *key, const char *field, size_t *len);
/* As sorrel_manager_set(), but refuses what is not JSON. Sends SET. */
SORREL_API bool sorrel_manager_set_json(struct sorrel_manager *m, const char *key, const char *json,
                                        const struct sorrel_set_options *o);
/* The value of a key if it is JSON, else NULL, with a reason if there is something else. Sends GET. */
SORREL_API char *sorrel_manager_get_json(struct sorrel_manager *m, const char *key);

#ifdef __cplusplus
}
#endif

#endif
