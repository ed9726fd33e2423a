/* repl/wire.h - an outgoing connection: to a primary, or to where keys are migrated.
 *
 * Looks a name up and connects without blocking, to one of its addresses after the other until one answers; plain or
 * through whatever the host makes of the socket. Then it collects input and sends output. Threads: one owner, the
 * loop's.
 */
#ifndef SORREL_REPL_WIRE_H
#define SORREL_REPL_WIRE_H

#include "base/lookup.h"
#include "base/out.h"
#include "net/loop.h"
#include "net/transport.h"

struct wire;

struct wire_owner {
    void *ctx;
    /* The connection is there. */
    void (*up)(void *ctx);
    /* Something has come in: see wire_in(). */
    void (*input)(void *ctx);
    /* It is over; the owner frees it, here or later. */
    void (*down)(void *ctx, const char *why);
};

/* Makes a socket a transport of another kind; false: it has been closed. */
typedef bool wire_secure(void *ctx, int fd, const char *host, struct transport *out, struct buf *why);

struct wire_options {
    struct loop *loop;
    const char *host;
    int port;
    struct lookup_limit *lookups; /* how many names are looked up at a time */
    struct slice source;          /* address to come from; empty: any */
    wire_secure *secure;          /* NULL: plain */
    void *secure_ctx;
    struct wire_owner owner;
};

/* NULL with a reason. */
struct wire *wire_open(const struct wire_options *opt, struct buf *why);
void wire_free(struct wire *w); /* NULL is fine */
/* The host's name has been found, or was none. */
bool wire_has_address(const struct wire *w);
/* What has come in and has not been used up; consumed by the owner with buf_consume(). Never more than about in_max. */
struct buf *wire_in(struct wire *w);
/* While paused nothing is read. */
void wire_pause(struct wire *w, bool paused);
struct out *wire_out(struct wire *w);
/* Sends what can be sent of wire_out(). */
void wire_flush(struct wire *w);
/* A transport may hold bytes that the socket does not report: wire_turn() goes on with them. */
bool wire_has_more(const struct wire *w);
void wire_turn(struct wire *w);
uint64_t wire_bytes_in(const struct wire *w);

#endif
