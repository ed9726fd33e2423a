/* server/crash.h - what is written when the process dies of its own fault: crash-log-enabled.
 *
 * The report goes to the log file: signal and address, registers, the stack, which client ran which command and with
 * how many arguments. No value and no argument is in it. Then the process ends by the same signal, so that a core file
 * and the supervisor's view stay what they would have been.
 */
#ifndef SORREL_SERVER_CRASH_H
#define SORREL_SERVER_CRASH_H

#include "engine/engine.h"
#include "server/process.h"

/* From now on. `log` must live as long as the process does; `engine` may be NULL, and is replaced by the next call. */
void crash_watch(const struct log_target *log, const struct engine *engine);
/* The signals have their usual effect again. */
void crash_ignore(void);

#endif
