/* base/status.h - what a command handler returns.
 *
 * One list gives each failure its name and the exact line that the client reads (without the leading '-').
 */
#ifndef SORREL_BASE_STATUS_H
#define SORREL_BASE_STATUS_H

#include "base/slice.h"

#define RC_LIST(X)                                                                       \
    X(RC_OK, "")                                                                         \
    X(RC_BLOCKED, "")       /* no reply now: the session waits (engine/waiters.h) */     \
    X(RC_REPLIED_ERROR, "") /* an error with a text of its own: fail() has set it */     \
    X(RC_WRONGTYPE, "WRONGTYPE Operation against a key holding the wrong kind of value") \
    X(RC_SYNTAX, "ERR syntax error")                                                     \
    X(RC_NOT_INT, "ERR value is not an integer or out of range")                         \
    X(RC_NOT_FLOAT, "ERR value is not a valid float")                                    \
    X(RC_NO_KEY, "ERR no such key")                                                      \
    X(RC_OUT_OF_RANGE, "ERR index out of range")                                         \
    X(RC_OVERFLOW, "ERR increment or decrement would overflow")                          \
    X(RC_NAN, "ERR increment would produce NaN or Infinity")                             \
    X(RC_TOO_LONG, "ERR string exceeds maximum allowed size (proto-max-bulk-len)")       \
    X(RC_NOT_POSITIVE, "ERR value is out of range, must be positive")                    \
    X(RC_BAD_TIMEOUT, "ERR timeout is not a float or out of range")                      \
    X(RC_NEG_TIMEOUT, "ERR timeout is negative")                                         \
    X(RC_NOT_MIN_MAX, "ERR min or max is not a float")                                   \
    X(RC_NOT_LEX, "ERR min or max not valid string range item")                          \
    X(RC_BAD_DB, "ERR DB index is out of range")                                         \
    X(RC_BAD_CURSOR, "ERR invalid cursor")                                               \
    X(RC_NO_MEMORY, "ERR not enough memory for a value of that size")                    \
    X(RC_OOM, "OOM command not allowed when used memory > 'maxmemory'.")                 \
    X(RC_EXEC_ABORT, "EXECABORT Transaction discarded because of previous errors.")      \
    X(RC_READ_ONLY, "READONLY You can't write against a read only replica.")             \
    X(RC_NO_AUTH, "NOAUTH Authentication required.")                                     \
    X(RC_LOADING, "LOADING Redis is loading the dataset in memory")

enum rc {
#define X(name, text) name,
    RC_LIST(X)
#undef X
        RC_COUNT
};

/* The reply line of a failure; empty for RC_OK, RC_BLOCKED and RC_REPLIED_ERROR. */
struct slice rc_text(enum rc rc);

/* Passes a failure up. */
#define TRY(call)                 \
    do {                          \
        enum rc try__rc = (call); \
        if (try__rc != RC_OK)     \
            return try__rc;       \
    } while (0)

#endif
