/* proto/reply_read.h - from bytes to replies, RESP2 and RESP3: the client's half of the protocol.
 *
 * Reading is in two steps. While bytes come in, a scan follows the reply without storing anything but a small stack of
 * counters, so a peer that announces a billion elements has cost nothing yet. When the last byte is there, one pass
 * builds the tree in the reader's arena; texts are slices of the input, not copies. The reader never recurses, and it
 * refuses replies that are nested more deeply than RESP_DEPTH_MAX, so that whoever walks the tree may.
 *
 * Source: the RESP2 and RESP3 specifications. Streamed strings and aggregates, which no known server sends, are
 * refused.
 */
#ifndef SORREL_PROTO_REPLY_READ_H
#define SORREL_PROTO_REPLY_READ_H

#include "base/arena.h"
#include "proto/request.h"

enum { RESP_DEPTH_MAX = 256 };

enum resp_type {
    RESP_NIL, /* _, $-1 and *-1 alike */
    RESP_STRING,
    RESP_STATUS,
    RESP_ERROR, /* the line without '-', or the text of a '!' */
    RESP_INTEGER,
    RESP_DOUBLE,
    RESP_BOOL,
    RESP_BIGNUM,
    RESP_VERBATIM,
    RESP_ARRAY,
    RESP_MAP,
    RESP_SET,
    RESP_PUSH,
};

struct resp_value {
    enum resp_type type : 8;
    char format[3];  /* of a verbatim string */
    bool null_array; /* of a nil: it was spelled *-1 */
    union {
        struct slice text; /* all but aggregates; numbers as they were sent */
        struct {
            struct resp_value *items; /* a map has two for each pair: key, value */
            size_t count;
        };
    };
    union {
        int64_t integer; /* of an integer; a boolean is 0 or 1 */
        double number;   /* of a double */
    };
    const struct resp_value *attributes; /* a map that came before the value, or NULL */
};

struct reply_limits {
    uint64_t bulk_max;   /* of one string */
    uint64_t values_max; /* of one reply, all levels counted */
};

/* All-zero is a reader at the start of a reply. */
struct reply_reader {
    struct arena arena; /* the tree of the reply read last */
    size_t scanned;     /* bytes of the reply already understood */
    size_t searched;    /* bytes of the line after them known to hold no end of line */
    size_t wants;       /* bytes the input must hold before anything new can be said; 0: not known */
    uint64_t values;    /* announced so far */
    uint32_t depth;
    struct {
        uint64_t left : 63;
        uint64_t attribute : 1; /* an attribute is followed by the value it belongs to */
    } open[RESP_DEPTH_MAX];
};

/* `in` starts at the reply's first byte; on a call after PARSE_MORE it must start with the same bytes again (they may
 * have moved) and hold more. PARSE_DONE: *out lives until the next call, and its texts as long as the input's bytes;
 * *used bytes belong to it. PARSE_BAD: *error says what is wrong, in a literal; the connection is of no use any
 * more. */
enum parse_result reply_read(struct reply_reader *r, const struct reply_limits *lim, struct slice in, size_t *used,
                             const struct resp_value **out, struct slice *error);
/* The same without building anything, for those who only count. *type is RESP_ERROR, RESP_PUSH, or what the first byte
 * says; scalars that are neither numbers nor statuses are all RESP_STRING. */
enum parse_result reply_skip(struct reply_reader *r, const struct reply_limits *lim, struct slice in, size_t *used,
                             enum resp_type *type, struct slice *error);
static inline size_t
reply_wants(const struct reply_reader *r)
{
    return r->wants;
}
/* Forgets a reply in progress, keeps memory. */
void reply_reader_reset(struct reply_reader *r);
void reply_reader_fini(struct reply_reader *r);

/* A copy of v, its texts and all below it, that lives as long as `mem`. */
struct resp_value *resp_copy(struct arena *mem, const struct resp_value *v);

static inline bool
resp_is_aggregate(const struct resp_value *v)
{
    return v->type >= RESP_ARRAY;
}

static inline bool
resp_is_text(const struct resp_value *v)
{
    return v->type == RESP_STRING || v->type == RESP_STATUS || v->type == RESP_VERBATIM;
}

#endif
