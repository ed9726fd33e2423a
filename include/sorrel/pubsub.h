/* sorrel/pubsub.h - messages between processes: subscriptions that survive broken connections, and publishing.
 *
 * A pub/sub object has a thread and a connection of its own. When the connection breaks or the master changes it
 * connects again and subscribes to everything again; messages published meanwhile are lost, as the server keeps none,
 * and on_gap says that some may be. Handlers run in the thread, one at a time, in the order of the messages; one that
 * reports an error stops neither the others nor the thread. Threads: every function is thread-safe; handlers may call
 * them too, except free.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_PUBSUB_H
#define SORREL_PUBSUB_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_pubsub;

struct sorrel_message {
    const char *channel; /* where it was published; NUL-terminated */
    const char *pattern; /* the pattern that it came through, or NULL */
    const char *payload; /* NUL-terminated, len bytes */
    size_t len;
    bool json; /* the payload is valid JSON */
};

/* Called for each message; valid during the call. 0, or an error number of the handler's own for on_error. */
typedef int sorrel_message_fn(void *ctx, const struct sorrel_message *m);

struct sorrel_pubsub_options {
    void (*on_error)(void *ctx, const struct sorrel_message *m, int error); /* a handler's error; NULL: nobody */
    void (*on_gap)(void *ctx); /* connected again after a break: messages may have been missed. NULL: nobody */
    void *ctx;
    uint64_t reserved[4];
};

/* Starts a thread; with the first subscription it takes one of the client's connections. cl must outlive it; o may be
 * NULL. NULL when no thread can be started. The thread sends PING when nothing has come for 10 s. */
SORREL_API struct sorrel_pubsub *sorrel_pubsub_new(struct sorrel_client *cl, const struct sorrel_pubsub_options *o);
/* Ends the thread, waiting for a handler under way. NULL is fine. Not from a handler. */
SORREL_API void sorrel_pubsub_free(struct sorrel_pubsub *p);

/* Has fn called for messages to a channel. Several handlers of one channel are called in the order in which they were
 * added. Waits until the server has confirmed, at most wait_ms (0: does not wait, -1: for ever): SORREL_ERR_TIMEOUT
 * then means not yet. SORREL_ERR_SERVER when the server refuses: then fn is not kept. A refusal that nobody waited for
 * is put to the test again with each new connection. Sends SUBSCRIBE. */
SORREL_API enum sorrel_rc sorrel_pubsub_subscribe(struct sorrel_pubsub *p, const char *channel, sorrel_message_fn *fn,
                                                  void *ctx, int wait_ms, struct sorrel_error *err);
/* The same for all channels that match a pattern. Sends PSUBSCRIBE. */
SORREL_API enum sorrel_rc sorrel_pubsub_psubscribe(struct sorrel_pubsub *p, const char *pattern, sorrel_message_fn *fn,
                                                   void *ctx, int wait_ms, struct sorrel_error *err);
/* Removes all handlers of a channel. When it returns none of them is running or will run again, unless a handler
 * is who calls. Sends UNSUBSCRIBE. */
SORREL_API void sorrel_pubsub_unsubscribe(struct sorrel_pubsub *p, const char *channel);
/* The same for a pattern. Sends PUNSUBSCRIBE. */
SORREL_API void sorrel_pubsub_punsubscribe(struct sorrel_pubsub *p, const char *pattern);

/* Publishes bytes; *receivers (NULL is fine) is how many clients got them from the server asked. Sends PUBLISH. */
SORREL_API enum sorrel_rc sorrel_publish(struct sorrel_client *cl, const char *channel, const void *payload, size_t len,
                                         int64_t *receivers, struct sorrel_error *err);
/* The same for a JSON text; SORREL_ERR_USAGE if it is not valid. */
SORREL_API enum sorrel_rc sorrel_publish_json(struct sorrel_client *cl, const char *channel, const char *json,
                                              int64_t *receivers, struct sorrel_error *err);

#ifdef __cplusplus
}
#endif

#endif
