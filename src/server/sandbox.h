/* server/sandbox.h - what the process gives up for good: the directive sandbox.
 *
 * With Landlock (Linux 5.13 and later) the kernel itself refuses every file outside the data directory and the few
 * places that the configuration names, every program to be started, every TCP port but the configured ones to be bound
 * (Linux 6.7), and signals to other processes (6.12). So whoever takes over the server has not taken over the machine.
 *
 * What it costs: `CONFIG SET dir`, `logfile` and the like, and other ports, work only within what was allowed at the
 * start.
 */
#ifndef SORREL_SERVER_SANDBOX_H
#define SORREL_SERVER_SANDBOX_H

#include "base/buf.h"
#include "server/config.h"

/* Once, before any other thread is there: only the calling thread and what it starts is confined. False with the
 * reason, and then nothing may go on, since it was asked for. */
bool sandbox_enter(const struct config *c, const char *config_path, struct buf *why);

#endif
