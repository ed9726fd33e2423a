/* sorrel/async.h - a connection in a program that has an event loop of its own.
 *
 * Nothing here blocks. The name of a host is looked up in a thread, which is there for no longer than that takes (the
 * system's resolver knows no other way; addresses and Unix sockets need none). Commands are sent as they come, in one
 * write for each turn of the loop, and each gets its reply by a call back, in order. A connection that breaks fails the
 * commands that were sent and have no reply, then connects again by itself, with growing and jittered pauses, and sends
 * what was given to it meanwhile; subscriptions are the caller's to repeat (on_state says when). Time-outs and health
 * checks are those of the URL; that for connecting covers the look-up of the name and the login.
 *
 * The loop is reached through three functions (struct sorrel_loop); adapters for epoll, libuv, libev and libevent are
 * in sorrel/adapters/. Threads: a connection belongs to the thread of its loop.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_ASYNC_H
#define SORREL_ASYNC_H

#include "sorrel/reply.h"
#include "sorrel/url.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_async;

enum sorrel_watch { SORREL_WATCH_NONE = 0, SORREL_WATCH_READ = 1, SORREL_WATCH_WRITE = 2 };

/* What a connection asks of an event loop. */
struct sorrel_loop {
    /* From now on call sorrel_async_ready() whenever fd is readable or writable, as `watch` (a sum of enum
     * sorrel_watch) says. NONE comes before fd is closed. */
    void (*watch)(void *ctx, int fd, int watch);
    /* Call sorrel_async_tick() once, in ms milliseconds; this replaces what was asked before. -1: not any more. */
    void (*timer)(void *ctx, int ms);
    /* The connection is gone and calls nothing any more. NULL: nothing to do. */
    void (*release)(void *ctx);
    void *ctx;
    uint64_t reserved[4];
};

/* The outcome of a command: SORREL_OK and its reply (perhaps an error reply), valid during the call; or why there is
 * none. It may call any function here, close included. */
typedef void sorrel_async_fn(void *ctx, struct sorrel_async *a, enum sorrel_rc rc, const struct sorrel_reply *r);

struct sorrel_async_options {
    /* Connected and logged in (rc SORREL_OK), or a connection or an attempt to make one has failed. NULL: nobody. */
    void (*on_state)(void *ctx, struct sorrel_async *a, enum sorrel_rc rc, const struct sorrel_error *err);
    /* Pushes of RESP3; in RESP2 what a subscribed connection receives, confirmations included. NULL: nobody. */
    void (*on_push)(void *ctx, struct sorrel_async *a, const struct sorrel_reply *push);
    void *ctx;
    bool no_reconnect; /* a connection that breaks stays broken */
    size_t buffer_max; /* bytes waiting to be sent; more fail with SORREL_ERR_BUSY. 0: 64 MB */
    uint64_t reserved[4];
};

/* Begins to connect; the result comes through on_state. u, loop and o (may be NULL) are copied. Fails with
 * SORREL_ERR_USAGE for Sentinel URLs and unusable certificates. Sends HELLO, AUTH, CLIENT SETNAME, SELECT as
 * sorrel_conn_open(). */
SORREL_API enum sorrel_rc sorrel_async_open(const struct sorrel_url *u, const struct sorrel_loop *loop,
                                            const struct sorrel_async_options *o, struct sorrel_async **out,
                                            struct sorrel_error *err);
/* Closes and frees; commands without a reply get SORREL_ERR_CLOSED first. NULL is fine. */
SORREL_API void sorrel_async_close(struct sorrel_async *a);

/* Sends a command; fn (NULL: nobody wants to know) gets its outcome. lens NULL: C strings. Copies the arguments.
 * Commands given before the connection is there wait for it. Fails, without calling fn, with SORREL_ERR_BUSY when
 * buffer_max is reached and with SORREL_ERR_CLOSED on a connection that stays broken. SUBSCRIBE and its kin: the
 * confirmations and messages go to on_push, and so does the error reply of a refusal; fn is not called. */
SORREL_API enum sorrel_rc sorrel_async_call(struct sorrel_async *a, int argc, const char *const *argv,
                                            const size_t *lens, sorrel_async_fn *fn, void *ctx);
/* The same with the C strings that follow, up to a NULL. */
SORREL_API enum sorrel_rc sorrel_async_do(struct sorrel_async *a, sorrel_async_fn *fn, void *ctx, ...)
    __attribute__((sentinel));
/* Commands whose outcome is not known yet. */
SORREL_API size_t sorrel_async_pending(const struct sorrel_async *a);

/* For adapters: the descriptor is ready for reading, writing, or both (a sum of enum sorrel_watch; errors are both). */
SORREL_API void sorrel_async_ready(struct sorrel_async *a, int watch);
/* For adapters: the time asked for is over. */
SORREL_API void sorrel_async_tick(struct sorrel_async *a);

#ifdef __cplusplus
}
#endif

#endif
