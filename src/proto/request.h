/* proto/request.h - from bytes to commands (RESP arrays of bulk strings, and inline commands).
 *
 * Parsing is in place: arguments are slices of the bytes handed in, nothing is copied. It is resumable: a command split
 * at any byte goes on where it stopped, so a client that sends slowly costs no more than one that sends at once.
 * Source: the RESP specification; error texts as redis-server 7.0 sends them.
 */
#ifndef SORREL_PROTO_REQUEST_H
#define SORREL_PROTO_REQUEST_H

#include "base/slice.h"

struct request_limits {
    uint64_t bulk_max;      /* proto-max-bulk-len */
    uint32_t args_max;      /* 1024 * 1024; 10 before authentication */
    uint32_t inline_max;    /* 64 KiB: the longest inline line, and length line */
    uint64_t unauth_bulk_max; /* 16 KiB before authentication; 0: no such limit */
};

/* All-zero is a parser at the start of a command. */
struct request_parser {
    struct slice *argv;  /* of the command parsed last; memory of the parser, reused */
    int argc;
    int cap;
    /* A command in progress. Offsets are relative to the command's first byte. */
    int expected;        /* arguments announced; 0 between commands */
    size_t scanned;      /* bytes of the command already understood */
    int64_t bulk_len;    /* length of the bulk string being waited for, -1: its header has not been seen */
    bool inline_mode;
    char *inline_text;   /* unquoted arguments of an inline command: memory of the parser */
    size_t inline_cap;
};

enum parse_result {
    PARSE_DONE,  /* argv and argc are set; *used bytes belong to this command. argc may be 0: an empty command, skip it */
    PARSE_MORE,  /* the command is not complete; nothing of it may be dropped from the input. */
    PARSE_BAD,   /* *error is set to the reply line ("Protocol error: ..."); the connection must be closed after it */
};

/* `in` starts at the command's first byte; on a call after PARSE_MORE it must start with the same bytes again (they may
 * have moved in memory) and hold more. The error's text lives in the parser. */
enum parse_result request_parse(struct request_parser *p, const struct request_limits *lim, struct slice in,
                                size_t *used, struct slice *error);
/* After PARSE_MORE: how many bytes the input should hold for the next call to be worth it (at least; 0: not known). */
size_t request_wants(const struct request_parser *p);
/* Gives back memory above a small size. For idle connections: everything. */
void request_parser_fini(struct request_parser *p);

#endif
