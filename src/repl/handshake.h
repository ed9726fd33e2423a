/* repl/handshake.h - what a replica and its primary say to each other before the first byte of data.
 *
 * Lines in, requests out; knows no sockets, so a test or a fuzzer can play any primary.
 *
 *     PING, then AUTH and REPLCONF …, then (INFO, and) PSYNC -> continue, or a snapshot
 */
#ifndef SORREL_REPL_HANDSHAKE_H
#define SORREL_REPL_HANDSHAKE_H

#include "base/buf.h"

enum { HANDSHAKE_ID_LEN = 40, HANDSHAKE_LINE_MAX = 64 << 10 };

struct handshake_facts {
    struct slice user, password; /* password empty: none is sent */
    int port;                    /* where we listen */
    struct slice ip;             /* replica-announce-ip; empty: not told */
    struct slice id;             /* of the history that we could go on with; empty: none */
    uint64_t next;               /* the offset wanted */
    bool failover;               /* it shall take over from us, if it is not a primary yet */
    bool ask_before;             /* which history it continues, and whether it is a primary */
};

enum handshake_step { HS_PING, HS_REPLIES, HS_INFO, HS_INFO_LINES, HS_PSYNC, HS_DONE };
struct handshake {
    enum handshake_step step;
    unsigned auth_reply, replies_left; /* which of them is AUTH's: its number from the end */
    /* Results. */
    char id[HANDSHAKE_ID_LEN + 1]; /* "": not told */
    uint64_t offset;
    /* the history that it continues, "": not told; and the first offset that differs */
    char before[HANDSHAKE_ID_LEN + 1];
    int64_t before_until;
    bool primary;      /* it says that it is one */
    bool asked_over;   /* PSYNC has asked it to take over */
    bool mute;         /* it does not let us have INFO */
    int64_t info_left; /* bytes of that reply */
};

enum handshake_result {
    HANDSHAKE_MORE,
    HANDSHAKE_FAILED,   /* a reason has been given */
    HANDSHAKE_LATER,    /* the primary can't serve us now: a reason has been given */
    HANDSHAKE_FULL,     /* a snapshot follows; then the stream from `offset` on, of history `id` */
    HANDSHAKE_CONTINUE, /* the stream follows; id is empty or the history's new name */
    HANDSHAKE_OLD,      /* it knows no PSYNC: SYNC has been sent, a snapshot follows */
};

void handshake_begin(struct handshake *h, struct buf *out);
/* A line that has come in, without its end. What is to be sent is added to out. */
enum handshake_result handshake_line(struct handshake *h, const struct handshake_facts *f, struct slice line,
                                     struct buf *out, struct buf *why);

/* The line in front of a snapshot. */
struct handshake_bulk {
    bool marked; /* ends with the mark */
    char mark[40];
    uint64_t len;
};
enum handshake_bulk_result { BULK_EMPTY_LINE, BULK_BEGINS, BULK_REFUSED };
enum handshake_bulk_result handshake_bulk(struct slice line, struct handshake_bulk *out, struct buf *why);

/* A request as an array of bulk strings. */
void request_put(struct buf *out, const struct slice *argv, size_t n);

#endif
