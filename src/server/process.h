/* server/process.h - what a server does to its process: log file, daemon, pid file, signals.
 *
 * Threads: used at the start and at the end, by the main thread; log lines may come from any.
 */
#ifndef SORREL_SERVER_PROCESS_H
#define SORREL_SERVER_PROCESS_H

#include "base/clock.h"
#include "net/loop.h"
#include "server/config.h"

enum log_format { LOG_FORMAT_LEGACY, LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON, LOG_FORMAT_PLAIN /* is legacy */ };

/* Where log lines go. The file is opened anew for each line, so that it can be rotated under it. */
struct log_target {
    const char *path;   /* "": standard output */
    const char *ident;  /* also to syslog, under this name; NULL: not */
    int local;          /* syslog's facility local0 to local7; negative: user */
    _Atomic int format; /* enum log_format; this and the next may change at any time */
    _Atomic bool replica;
    struct clock clock;
};
/* The target and its texts must live until it is replaced; NULL: back to standard error. */
void log_to(const struct log_target *target);

/* Overwrites the passwords among the program's arguments, which every user of the machine can read (ps). Whoever needs
 * them has copied them. */
void process_hide_secrets(int argc, char **argv);

/* Detaches from the terminal; returns in the child. False with errno set. */
bool daemonize(void);
bool pidfile_write(const char *path);

/* Signals as events of the loop, so that no handler runs in between. SIGINT and SIGTERM call `stop`; one that comes
 * while it runs, or after it has said that the program ends, ends it at once. SIGPIPE and SIGHUP are ignored. Call
 * before starting threads, and watch later. */
struct signals {
    struct source src;
    bool (*stop)(void *ctx, int signal); /* whether the program ends now */
    void *ctx;
};
bool signals_block(struct signals *s); /* false with errno set */
bool signals_watch(struct signals *s, struct loop *loop);

#endif
