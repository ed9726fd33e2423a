/* server/reaper.h - frees large values on a thread of its own, so that deleting one holds nobody up.
 *
 * The thread also gives memory that has been free for a while back to the system, once a second.
 *
 * Threads: reaper_put() from the thread that owns the engine; entries handed over belong to nobody else.
 */
#ifndef SORREL_SERVER_REAPER_H
#define SORREL_SERVER_REAPER_H

#include "base/slice.h"

#include <stddef.h>

struct entry;
struct reaper;

/* NULL when the thread can't be started. It is kept to those cores (base/cores.h), whose list outlives it. */
struct reaper *reaper_new(struct slice cores);
/* Frees everything that is waiting, then ends the thread. */
void reaper_free(struct reaper *r);
void reaper_put(struct reaper *r, struct entry *e);
/* Anything else that frees things and touches nothing but them. */
void reaper_run(struct reaper *r, void (*work)(void *arg), void *arg);
size_t reaper_pending(struct reaper *r);
size_t reaper_freed(struct reaper *r); /* values freed so far */

#endif
