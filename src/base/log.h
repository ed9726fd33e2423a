/* base/log.h - the process's log.
 *
 * The logger is one of the two kinds of mutable globals the project allows itself. What is logged is a finished line:
 * CR, LF, NUL and other control bytes in it are escaped, so no name or value from outside can forge a second line.
 * Thread-safe.
 */
#ifndef SORREL_BASE_LOG_H
#define SORREL_BASE_LOG_H

#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_VERBOSE, LOG_NOTICE, LOG_WARNING, LOG_NOTHING };

/* Where finished lines go; the server installs one (file, syslog, JSON …). Until then they go to standard error. */
struct log_sink {
    void (*write)(void *ctx, enum log_level level, struct slice line);
    void *ctx;
};
void log_set_sink(struct log_sink sink);
void log_set_level(enum log_level level);
/* For what costs something to find out and is only logged. */
bool log_wants(enum log_level level);
void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...)   log_at(LOG_DEBUG, __VA_ARGS__)
#define log_verbose(...) log_at(LOG_VERBOSE, __VA_ARGS__)
#define log_notice(...)  log_at(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)

#endif
