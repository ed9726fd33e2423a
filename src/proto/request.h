/* proto/request.h - from bytes to commands (RESP arrays of bulk strings, and inline commands).
 *
 * Parsing is in place: arguments are slices of the bytes handed in, nothing is copied. A command that is there as a
 * whole costs no memory and leaves no state. One that is split at any byte goes on where it stopped, so a client that
 * sends slowly costs no more than one that sends at once.
 *
 * The caller hands in the array that arguments are appended to. It may parse several commands of one input, look at all
 * of them (to fetch their keys into the cache, say) and run them afterwards.
 *
 * Source: the RESP specification; error texts as redis-server 7.0 sends them.
 * Threads: one owner at a time.
 */
#ifndef SORREL_PROTO_REQUEST_H
#define SORREL_PROTO_REQUEST_H

#include "proto/words.h"

struct request_limits {
    uint64_t bulk_max;        /* proto-max-bulk-len */
    uint32_t args_max;        /* INT32_MAX as redis 7.0 has it; 10 before authentication */
    uint32_t inline_max;      /* 64 KiB: the longest inline line, and length line */
    uint64_t unauth_bulk_max; /* 16 KiB before authentication; 0: authenticated, no such limit */
};

/* All-zero is a parser at the start of a command; it owns memory only while a command is incomplete or an inline
 * command with quotes has not been forgotten. */
struct request_parser {
    struct request_held *held;
};

enum parse_result {
    PARSE_DONE, /* the arguments were appended; *used bytes belong to this command. None appended: an empty command,
                   skip it */
    PARSE_MORE, /* the command is not complete: nothing was appended, nothing of it may be dropped from the input */
    PARSE_BAD,  /* *error is the reply's line ("ERR Protocol error: ..."); the connection must be closed after it */
};

/* `in` starts at the command's first byte; on a call after PARSE_MORE it must start with the same bytes again (they may
 * have moved in memory) and hold more. An empty input gives PARSE_MORE. Appended slices live as long as the input stays
 * where it is and until request_forget(). The error's text lives in the parser until its next call. */
enum parse_result request_parse(struct request_parser *p, const struct request_limits *lim, struct slice in,
                                struct slice_vec *argv, size_t *used, struct slice *error);
/* After PARSE_MORE: how many bytes the input must hold for the next call to get further (0: not known). */
size_t request_wants(const struct request_parser *p);
void request__forget(struct request_parser *p);
/* Says that arguments handed out so far are not needed any more. An incomplete command is kept. */
static inline void
request_forget(struct request_parser *p)
{
    if (p->held != NULL)
        request__forget(p);
}
/* Gives everything back; an incomplete command is forgotten, the next call starts from its first byte. */
void request_parser_fini(struct request_parser *p);

#endif
