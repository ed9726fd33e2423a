/* engine/commandlog.h - the commands that took longest, the largest requests and the largest replies, newest first:
 * SLOWLOG and COMMANDLOG. */
#ifndef SORREL_ENGINE_COMMANDLOG_H
#define SORREL_ENGINE_COMMANDLOG_H

#include "engine/engine.h"

enum commandlog_type { COMMANDLOG_SLOW, COMMANDLOG_LARGE_REQUEST, COMMANDLOG_LARGE_REPLY, COMMANDLOG_TYPES };

struct commandlog_entry {
    uint64_t id;
    int64_t at_ms;
    int64_t value; /* what made it notable: microseconds, or bytes */
    int argc;
    const struct slice *argv; /* shortened as redis does: all but one of so many, and "... (n more arguments)" */
    struct slice addr, name;
    struct slice user;
    int db;
    int64_t waited_us; /* from when its bytes were read until it began */
    size_t request_bytes, reply_bytes;
};

size_t commandlog_len(const struct engine *e, enum commandlog_type type);
/* The n-th newest; NULL beyond the end. */
const struct commandlog_entry *commandlog_at(const struct engine *e, enum commandlog_type type, size_t n);
void commandlog_reset(struct engine *e, enum commandlog_type type);

#endif
