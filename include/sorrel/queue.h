/* sorrel/queue.h - a work queue that loses nothing when workers die.
 *
 * Items are moved, not popped: taking one moves it in one step (LMOVE) from the ready list to the taken list, where it
 * stays until the worker confirms it. An item that is not confirmed, handed back or extended within its visibility
 * time-out goes back to the ready list; one that came back too often goes to the dead list. So every item is delivered
 * at least once, and a worker that was slow may find that its item is being worked on by another: sorrel_queue_done()
 * tells.
 *
 * The server must be Redis 6.2 or later, or compatible with that.
 * Keys, for a queue NAME: "{NAME}:ready", ":taken", ":due" (when each taken item goes back), ":tries", ":dead". Each
 * item carries a random id in front of its payload. Threads: every function is thread-safe, except free.
 */
#ifndef SORREL_QUEUE_H
#define SORREL_QUEUE_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_queue;

struct sorrel_queue_options {
    int visibility_ms; /* how long a worker may keep an item; 0: 30 s */
    int tries_max;     /* after so many deliveries an item is dead; 0: 5 */
    uint64_t reserved[4];
};

struct sorrel_item {
    char *payload; /* NUL-terminated, len bytes */
    size_t len;
    int tries; /* this delivery is number 1, 2, ... */
    char *raw; /* as it is in the lists */
    size_t raw_len;
    uint64_t reserved[4];
};

/* cl must outlive it; name is copied; o NULL: all defaults. Sends nothing. */
SORREL_API struct sorrel_queue *sorrel_queue_new(struct sorrel_client *cl, const char *name,
                                                 const struct sorrel_queue_options *o);
/* Frees the object, not the queue. NULL is fine. Sends nothing. Nobody else may be using it. */
SORREL_API void sorrel_queue_free(struct sorrel_queue *q);

/* Appends an item. Not repeated after a broken connection. Sends RPUSH. */
SORREL_API enum sorrel_rc sorrel_queue_put(struct sorrel_queue *q, const void *payload, size_t len,
                                           struct sorrel_error *err);
/* Takes the oldest item, waiting up to wait_ms (0: does not wait; -1: for ever). SORREL_ERR_BUSY when there is none.
 * The caller calls sorrel_item_fini(). Also recovers what others have abandoned, about once in a quarter of the
 * visibility time-out. Sends EVALSHA (LMOVE, TIME, ZADD, HINCRBY), and BLMOVE when it waits. */
SORREL_API enum sorrel_rc sorrel_queue_take(struct sorrel_queue *q, int wait_ms, struct sorrel_item *out,
                                            struct sorrel_error *err);
/* Frees what an item points to. The item stays taken until it is done, returned, or late. Sends nothing. */
SORREL_API void sorrel_item_fini(struct sorrel_item *i);

/* Confirms that the work is done. SORREL_ERR_LOST when the item had gone back meanwhile: somebody else has it or will.
 * Sends EVALSHA (ZREM, LREM, HDEL). */
SORREL_API enum sorrel_rc sorrel_queue_done(struct sorrel_queue *q, const struct sorrel_item *i,
                                            struct sorrel_error *err);
/* Hands the item back, to be taken next; or, `dead`, puts it to the dead ones. SORREL_ERR_LOST as above.
 * Sends EVALSHA (ZREM, LREM, LPUSH or RPUSH, HDEL). */
SORREL_API enum sorrel_rc sorrel_queue_return(struct sorrel_queue *q, const struct sorrel_item *i, bool dead,
                                              struct sorrel_error *err);
/* Gives the worker another visibility time-out from now. SORREL_ERR_LOST as above. Sends EVALSHA (ZSCORE, TIME, ZADD).
 */
SORREL_API enum sorrel_rc sorrel_queue_extend(struct sorrel_queue *q, const struct sorrel_item *i,
                                              struct sorrel_error *err);
/* Puts abandoned items back; *recovered (NULL is fine) is how many. sorrel_queue_take() does it too.
 * Sends EVALSHA (TIME, ZCOUNT, ZCARD, LLEN; if something may be abandoned LRANGE, ZSCORE, ZADD, ZREM, LREM, HGET, LPUSH
 * or RPUSH), once for each thousand of items taken. */
SORREL_API enum sorrel_rc sorrel_queue_recover(struct sorrel_queue *q, int64_t *recovered, struct sorrel_error *err);

struct sorrel_queue_stats {
    int64_t ready, taken, dead;
    uint64_t reserved[4];
};
/* Sends LLEN three times, in one pipeline. */
SORREL_API enum sorrel_rc sorrel_queue_stats(struct sorrel_queue *q, struct sorrel_queue_stats *out,
                                             struct sorrel_error *err);

#ifdef __cplusplus
}
#endif

#endif
