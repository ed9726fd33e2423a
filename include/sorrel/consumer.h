/* sorrel/consumer.h - reading a stream as one of a group, with nothing lost when readers die.
 *
 * A consumer gets entries that nobody of its group has got, and those that others have left unconfirmed for longer than
 * idle_ms. An entry that was delivered too often is moved to a dead-letter stream, with where it came from, and
 * confirmed. So every entry is delivered at least once. The server must be Redis 6.2 or later, or compatible with that.
 * Threads: one consumer object is used by one thread at a time.
 */
#ifndef SORREL_CONSUMER_H
#define SORREL_CONSUMER_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_consumer;

struct sorrel_consumer_options {
    int idle_ms;        /* when an entry counts as abandoned; 0: 60 s */
    int deliveries_max; /* after so many an entry is dead; 0: 5 */
    const char *dead;   /* the dead-letter stream; NULL: "STREAM:dead", in the same slot. Copied */
    bool from_start;    /* a group that has to be made gets the whole stream, not only what comes from now on */
    uint64_t reserved[4];
};

/* cl must outlive it; texts are copied; o NULL: all defaults. name must be unlike those of the group's other consumers.
 * Sends nothing; the group is made when it is first needed. */
SORREL_API struct sorrel_consumer *sorrel_consumer_new(struct sorrel_client *cl, const char *stream, const char *group,
                                                       const char *name, const struct sorrel_consumer_options *o);
/* Frees the object; what it has not confirmed stays pending. NULL is fine. Sends nothing. */
SORREL_API void sorrel_consumer_free(struct sorrel_consumer *c);

/* Reads up to `count` entries, abandoned ones first, waiting up to wait_ms for new ones (0: does not wait; -1: for
 * ever). *out is the caller's, to be freed by sorrel_reply_free(): an array of [id, [field, value, ...]].
 * SORREL_ERR_BUSY when there is nothing. Sends XREADGROUP; about once in a quarter of idle_ms XAUTOCLAIM, XPENDING and,
 * for dead entries, EVALSHA (XADD, XACK); and XGROUP CREATE MKSTREAM when the group is missing. */
SORREL_API enum sorrel_rc sorrel_consumer_read(struct sorrel_consumer *c, int count, int wait_ms,
                                               struct sorrel_reply **out, struct sorrel_error *err);
/* Confirms an entry; *was_pending (NULL is fine) says whether it still had to be. Sends XACK. */
SORREL_API enum sorrel_rc sorrel_consumer_done(struct sorrel_consumer *c, const char *id, bool *was_pending,
                                               struct sorrel_error *err);
/* Appends an entry to a stream: n fields, C strings. maxlen > 0 keeps about so many. *id (NULL is fine) is the
 * caller's, to be freed by sorrel_free(). Thread-safe. Sends XADD. */
SORREL_API enum sorrel_rc sorrel_stream_add(struct sorrel_client *cl, const char *stream, int64_t maxlen, size_t n,
                                            const char *const *fields, const char *const *values, char **id,
                                            struct sorrel_error *err);

#ifdef __cplusplus
}
#endif

#endif
