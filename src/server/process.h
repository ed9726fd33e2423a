/* server/process.h - what a server does to its process: log file, daemon, pid file, signals.
 *
 * Threads: used at the start and at the end, by the main thread; log lines may come from any.
 */
#ifndef SORREL_SERVER_PROCESS_H
#define SORREL_SERVER_PROCESS_H

#include "net/loop.h"
#include "server/config.h"

/* Log lines in redis's format go to `path`, opened anew for each line so that log files can be rotated under it; an empty
 * path is standard output. The text lives as long as the process. */
void log_to_file(const char *path);
/* To the file and to syslog, facility local0 to local7 (negative: user). `ident` lives as long as the process. */
void log_to_syslog(const char *path, const char *ident, int local);

/* Detaches from the terminal; returns in the child. False with errno set. */
bool daemonize(void);
bool pidfile_write(const char *path);

/* Signals as events of the loop, so that no handler runs in between. SIGINT and SIGTERM call `stop`; SIGPIPE and SIGHUP are
 * ignored. Call before starting threads, and watch later. */
struct signals {
    struct source src;
    void (*stop)(void *ctx, int signal);
    void *ctx;
};
bool signals_block(struct signals *s); /* false with errno set */
bool signals_watch(struct signals *s, struct loop *loop);

#endif
