/* sorrel/leader.h - one of many processes does a periodic job: cleaning up a session pool, expiring stale work.
 *
 * Each process has a leader object with a thread that waits for a lock (sorrel/lock.h). Whoever gets it is the leader:
 * its thread calls the job every period, as long as the lock is held, which is renewed by a thread beside it. A leader
 * that dies is followed by another within the lock's ttl; one that only loses the lock is told by sorrel_leader_is()
 * and gets in line again.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_LEADER_H
#define SORREL_LEADER_H

#include "sorrel/lock.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_leader;

/* The job; `fence` is the leadership's fencing number. Called by the leader's thread, one call at a time. A long job
 * asks sorrel_leader_is() between its steps. */
typedef void sorrel_job_fn(void *ctx, struct sorrel_leader *l, int64_t fence);

struct sorrel_leader_options {
    int ttl_ms;                                 /* of the lock; 0: 30 s */
    int period_ms;                              /* between the beginnings of two calls; 0: 10 s */
    sorrel_job_fn *job;                         /* NULL: none, leading is all */
    void (*on_change)(void *ctx, bool leading); /* NULL: nobody. Called by the leader's threads */
    void *ctx;
    uint64_t reserved[4];
};

/* Starts taking part in the election on the lock `name`. cl must outlive it, name and o are copied. NULL when no thread
 * can be started. Sends what sorrel/lock.h sends. */
SORREL_API struct sorrel_leader *sorrel_leader_new(struct sorrel_client *cl, const char *name,
                                                   const struct sorrel_leader_options *o);
/* Waits for a job under way, steps down at once for another, and frees. NULL is fine. Not from the job. Sends what
 * sorrel_lock_release() sends. */
SORREL_API void sorrel_leader_free(struct sorrel_leader *l);
/* True while this process certainly leads. Thread-safe. Sends nothing. */
SORREL_API bool sorrel_leader_is(struct sorrel_leader *l);

#ifdef __cplusplus
}
#endif

#endif
