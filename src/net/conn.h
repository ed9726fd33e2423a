/* net/conn.h - connections: bytes in, bytes out, and no memory for those that wait.
 *
 * A struct net reads for all its connections into one shared buffer and lends output buffers from one pool. A
 * connection owns memory only while an incomplete request or unsent output waits. In one turn each ready connection is
 * read once and written once:
 *
 *     net_wait()      sleeps; then the owner reads the clock
 *     net_dispatch()  reads, hands bytes to owner.input()
 *     net_flush()     writes what is queued, calls owner.written()
 *
 * Knows bytes and callbacks only. Threads: one owner at a time.
 */
#ifndef SORREL_NET_CONN_H
#define SORREL_NET_CONN_H

#include "base/out.h"
#include "net/loop.h"
#include "net/transport.h"

struct net;
struct conn;

struct net_owner {
    void *ctx;
    /* `in` is everything that has arrived and has not been used up. Returns how many bytes of it are used up now;
     * *wants may be set to how many bytes there should be for the next call to be worth it. The bytes live during the
     * call. conn_close() is allowed. */
    size_t (*input)(void *ctx, struct conn *c, struct slice in, size_t *wants);
    /* May be NULL. Several connections have been read and are about to be handed over: called for each of them with
     * again false, then for each with again true, so that the owner can ask for what it will need. Nothing may be
     * closed. */
    void (*arriving)(void *ctx, struct conn *c, struct slice in, bool again);
    /* The peer is gone (error 0) or the connection broke (errno). The owner closes it, here or later in this turn. */
    void (*ended)(void *ctx, struct conn *c, int error);
    /* A write was tried; `left` bytes are still queued, and the connection is watched for room to send them.
     * conn_close() is allowed. */
    void (*written)(void *ctx, struct conn *c, size_t left);
    /* May be NULL. Whether what is queued may be sent by now. If not, the connection is held: nothing is read from it
     * or written to it until net_retry_held() asks again. */
    bool (*may_send)(void *ctx, struct conn *c);
};

struct net *net_new(struct net_owner owner); /* NULL with errno set */
void net_free(struct net *n);                /* its connections must have been closed */
struct loop *net_loop(struct net *n);

/* For how long net_wait() may go on sleeping so that more becomes ready (net/gather.h); 0, as at first: not at all. */
void net_set_gather_us(struct net *n, uint32_t us);

/* The three parts of a turn. net_wait() does not sleep while some connection has input to go on with; now_ms is the
 * present, by any clock. */
int net_wait(struct net *n, int64_t timeout_ms, int64_t now_ms);
void net_dispatch(struct net *n);
void net_flush(struct net *n);
/* The next net_flush() asks owner.may_send() again for all that are held. */
void net_retry_held(struct net *n);

struct net_stats {
    uint64_t bytes_in, bytes_out, reads, writes;
};
const struct net_stats *net_stats(const struct net *n);
void net_stats_reset(struct net *n);
/* Gives back output buffers that were not needed since the last call. */
void net_trim(struct net *n);
size_t net_memory(const struct net *n); /* shared and pooled buffers */

/* Starts reading. `out` is the queue that net_flush() sends from: the owner's, alive until conn_close(). NULL with
 * errno set and the transport closed on failure. */
struct conn *conn_open(struct net *n, struct transport io, int fd, struct out *out, void *data);
/* Frees it at once, unsent output stays in the owner's queue. */
void conn_close(struct conn *c);
void *conn_data(const struct conn *c);
void conn_set_data(struct conn *c, void *data);
void conn_set_out(struct conn *c, struct out *out);
int conn_fd(const struct conn *c);
struct transport conn_transport(const struct conn *c);
/* A word for the owner, 0 at first. */
uint32_t conn_mark(const struct conn *c);
void conn_set_mark(struct conn *c, uint32_t mark);

/* There is something in its queue, or owner.written() should have a look at it: net_flush() will. */
void conn_flush_soon(struct conn *c);
/* Calls owner.input() again in the next turn with what is left, although nothing new has arrived. */
void conn_resume_soon(struct conn *c);
/* While paused nothing is read, and only the peer's disappearance is noticed. */
void conn_pause(struct conn *c, bool paused);

/* From inside owner.input() of another connection: hands over and writes this one at once, without waiting for the turn
 * to go on. What has been read of it in this turn and waits (conn_is_waiting) is handed over; else it is read. */
void conn_serve_now(struct conn *c);
bool conn_is_waiting(const struct conn *c);

size_t conn_input_len(const struct conn *c);                          /* bytes held for an incomplete request */
size_t conn_input_room(const struct conn *c);                         /* of its buffer, unused */
size_t conn_memory(const struct conn *c);                             /* the connection and its input */
uint32_t conn_events(const struct conn *c);                           /* LOOP_READ, LOOP_WRITE */
void conn_traffic(const struct conn *c, uint64_t *in, uint64_t *out); /* bytes read and written */

#endif
