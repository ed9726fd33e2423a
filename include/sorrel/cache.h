/* sorrel/cache.h - a cache in front of a slow store, in the five usual patterns.
 *
 *   cache-aside    sorrel_cache_peek(), then sorrel_cache_put(): the application loads by itself
 *   read-through   sorrel_cache_get() loads what is missing
 *   write-through  sorrel_cache_write() stores, then updates the cache
 *   write-around   sorrel_cache_write() stores, then drops the key from the cache
 *   write-behind   sorrel_cache_write() updates the cache and returns; a thread stores. At most behind_max writes are
 *                  pending, none much longer than behind_delay_ms, and that is all that a crash loses; closing the
 * cache stores them first
 *
 * A key is loaded by one loader at a time: threads of a process wait for each other, processes for a short lock beside
 * the key. A value that was loaded before a write is not put into the cache after it, nor handed to whoever asks after
 * it. Keys that the store does not have can be remembered too. TTLs are shortened by chance, so that what came together
 * does not go together. If the server of the cache cannot be reached, values come from the store: slowly, but they
 * come. The first read that finds this out has tried for as long as the client's options say, then one in half a second
 * tries.
 *
 * Keys: PREFIX:KEY, and while it is being loaded "{PREFIX:KEY}:loading" (if it has a hash tag, PREFIX:KEY:loading).
 * Values are stored as they are, except that a missing one is remembered as a marker text that no value may equal. When
 * two threads write one key at the same time, the store and the cache may get the writes in different orders; who
 * cannot bear that for a ttl takes a lock (sorrel/lock.h) or writes around.
 * Threads: every function is thread-safe, except close. Callbacks are called by any thread, several at once.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_CACHE_H
#define SORREL_CACHE_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_cache;

enum sorrel_load { SORREL_LOADED, SORREL_MISSING, SORREL_LOAD_FAILED };
/* Reads a key from the store. *value must be from sorrel_alloc(), it becomes the cache's. */
typedef enum sorrel_load sorrel_load_fn(void *ctx, const char *key, char **value, size_t *len);
/* Writes a key to the store, or removes it (value NULL). False if that failed. */
typedef bool sorrel_store_fn(void *ctx, const char *key, const char *value, size_t len);

enum sorrel_write_mode { SORREL_WRITE_THROUGH = 0, SORREL_WRITE_AROUND, SORREL_WRITE_BEHIND };

struct sorrel_cache_options {
    sorrel_load_fn *load;   /* NULL: no read-through */
    sorrel_store_fn *store; /* NULL: no writing */
    void *ctx;
    int64_t ttl_ms;          /* 0: five minutes */
    int jitter_percent;      /* by how much a ttl may be shortened; 0 to 100 */
    int64_t negative_ttl_ms; /* how long missing keys are remembered; 0: not */
    int load_ms;             /* how long others wait for a loader at most; 0: 5 s */
    enum sorrel_write_mode write;
    int behind_max;      /* 0: 1000 */
    int behind_delay_ms; /* how long a write may wait for more to the same key; 0: 100 ms */
    int behind_wait_ms;  /* how long a writer waits when behind_max are pending; 0: 1 s */
    uint64_t reserved[4];
};

struct sorrel_cache_stats {
    uint64_t hits, negative_hits, misses, loads, waits, stores, store_failures, outages;
    size_t pending; /* writes behind */
    uint64_t reserved[4];
};

/* cl must outlive it; prefix and o are copied. NULL when write-behind cannot start its thread. Sends nothing. */
SORREL_API struct sorrel_cache *sorrel_cache_new(struct sorrel_client *cl, const char *prefix,
                                                 const struct sorrel_cache_options *o);
/* Stores what is pending, trying for wait_ms at most (-1: until it succeeds), and frees. Returns how many writes are
 * lost. */
SORREL_API size_t sorrel_cache_close(struct sorrel_cache *c, int wait_ms);

/* What the cache has, without loading: *value NULL if nothing; *missing (NULL is fine) if the key is remembered as
 * missing. The caller frees the value with sorrel_free(). Sends GET. */
SORREL_API enum sorrel_rc sorrel_cache_peek(struct sorrel_cache *c, const char *key, char **value, size_t *len,
                                            bool *missing, struct sorrel_error *err);
/* Puts a value into the cache only. ttl_ms 0: the cache's. Sends EVALSHA (SET, DEL). */
SORREL_API enum sorrel_rc sorrel_cache_put(struct sorrel_cache *c, const char *key, const void *value, size_t len,
                                           int64_t ttl_ms, struct sorrel_error *err);
/* Removes a key from the cache only. Sends DEL. */
SORREL_API enum sorrel_rc sorrel_cache_drop(struct sorrel_cache *c, const char *key, struct sorrel_error *err);

/* The value of a key, from the cache or loaded: *value is NULL if there is none. The caller frees it with
 * sorrel_free(). SORREL_ERR_IO when the store failed; an outage of the cache's server is no failure. Sends GET; to load
 * SET NX PX, EVALSHA (GET, SET, DEL). */
SORREL_API enum sorrel_rc sorrel_cache_get(struct sorrel_cache *c, const char *key, char **value, size_t *len,
                                           struct sorrel_error *err);
/* Writes a value in the cache's mode; value NULL removes the key. SORREL_ERR_IO when the store failed (the cache is
 * then as it was); SORREL_ERR_BUSY when too many writes are pending. If the store was written and the cache could not
 * be, the failure is that of the server: the cache may be stale for its ttl. Sends EVALSHA (SET, DEL) or DEL. */
SORREL_API enum sorrel_rc sorrel_cache_write(struct sorrel_cache *c, const char *key, const void *value, size_t len,
                                             struct sorrel_error *err);
/* Waits until all that was pending is stored, at most wait_ms (-1: for ever). SORREL_ERR_TIMEOUT if it is not. */
SORREL_API enum sorrel_rc sorrel_cache_flush(struct sorrel_cache *c, int wait_ms, struct sorrel_error *err);
/* The figures since the start. Sends nothing. Thread-safe. */
SORREL_API void sorrel_cache_stats(struct sorrel_cache *c, struct sorrel_cache_stats *out);

#ifdef __cplusplus
}
#endif

#endif
