/* engine/slowlog.h - the commands that took longest to run, newest first. */
#ifndef SORREL_ENGINE_SLOWLOG_H
#define SORREL_ENGINE_SLOWLOG_H

#include "engine/engine.h"

enum { SLOWLOG_ARGS_MAX = 32, SLOWLOG_ARG_BYTES_MAX = 128 };

struct slowlog_entry {
    uint64_t id;
    int64_t at_ms, took_us;
    int argc;
    const struct slice *argv; /* shortened as redis does: 31 arguments and "... (n more arguments)" */
    struct slice addr, name;
};

size_t slowlog_len(const struct engine *e);
/* The n-th newest; NULL beyond the end. */
const struct slowlog_entry *slowlog_at(const struct engine *e, size_t n);
void slowlog_reset(struct engine *e);

#endif
