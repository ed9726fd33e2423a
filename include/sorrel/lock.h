/* sorrel/lock.h - a lock that processes on different machines hold in turn.
 *
 * The lock is a key whose value is a random token, set if it is not there, with an expiry; one atomic script also draws
 * a fencing number that grows with every change of hands. Renewing and releasing compare the token first, in a script:
 * a holder who was late never touches the lock of the one who came after.
 *
 * What a lock can promise. The expiry frees the lock of a holder that died; it also takes it from one that was only
 * slow. So a holder asks sorrel_lock_held() before each step that needs the lock, has it renewed automatically, and
 * hands the fencing number to whatever it changes, which refuses smaller ones than it has seen. After a Sentinel
 * failover a lock that had not reached the new master is gone; the renewal notices and reports it.
 *
 * Keys: NAME, "{NAME}:fence" (kept for ever), "{NAME}:wake" (a list that wakes one of those who wait); if NAME has a
 * hash tag "{...}" of its own, NAME:fence and NAME:wake. Threads: one lock object is used by one thread at a time,
 * except sorrel_lock_held() and sorrel_lock_fence(), which any thread may call. Two threads that compete have an object
 * each.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_LOCK_H
#define SORREL_LOCK_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_lock;

enum sorrel_lock_wait {
    SORREL_WAIT_NOTIFIED = 0, /* by BLPOP on the wake list; sleeps until the holder releases or its lock expires */
    SORREL_WAIT_POLLING,      /* by trying again, with growing and jittered pauses */
};

/* Called once when a lock turns out to be lost, by the renewing thread or by the call that noticed. It must not call
 * functions on this lock other than sorrel_lock_held() and sorrel_lock_fence(). */
typedef void sorrel_lost_fn(void *ctx, struct sorrel_lock *l);

struct sorrel_lock_options {
    int ttl_ms; /* how long it lives without renewal; 0: 30 s */
    bool renew; /* a thread renews it every third of that while it is held */
    enum sorrel_lock_wait wait;
    int poll_ms, poll_max_ms; /* pauses of SORREL_WAIT_POLLING; 0: 10 and 500 ms */
    sorrel_lost_fn *on_lost;  /* NULL: nobody */
    void *ctx;
    uint64_t reserved[4];
};

/* Makes a lock, not yet taken. cl must outlive it; name and o are copied; o NULL: all defaults. Sends nothing. */
SORREL_API struct sorrel_lock *sorrel_lock_new(struct sorrel_client *cl, const char *name,
                                               const struct sorrel_lock_options *o);
/* Releases the lock if it is held, as sorrel_lock_release(), and frees the object. NULL is fine. */
SORREL_API void sorrel_lock_free(struct sorrel_lock *l);

/* Takes the lock, waiting up to wait_ms milliseconds for it (0: one try; -1: for ever). SORREL_ERR_BUSY when somebody
 * else has it all that time; SORREL_ERR_USAGE when this object holds it already; else what sorrel_client_call() says. A
 * failure of the connection leaves no lock behind that lives longer than its ttl. Sends EVALSHA (SET NX PX, PTTL, INCR,
 * GET, PEXPIRE), and BLPOP when it waits to be notified. */
SORREL_API enum sorrel_rc sorrel_lock_acquire(struct sorrel_lock *l, int wait_ms, struct sorrel_error *err);
/* Gives it its whole ttl again. SORREL_ERR_LOST if it was not ours any more, after reporting that.
 * Sends EVALSHA (GET, PEXPIRE). */
SORREL_API enum sorrel_rc sorrel_lock_renew(struct sorrel_lock *l, struct sorrel_error *err);
/* Releases it and wakes one who waits. SORREL_ERR_LOST if it was not ours any more: somebody else's lock is left alone.
 * Afterwards the object can be used again, whatever came out. Sends EVALSHA (GET, DEL, RPUSH, PEXPIRE). */
SORREL_API enum sorrel_rc sorrel_lock_release(struct sorrel_lock *l, struct sorrel_error *err);

/* True while the lock is certainly held: taken, not lost, and renewed less than its ttl ago by this machine's clock.
 * Sends nothing. */
SORREL_API bool sorrel_lock_held(struct sorrel_lock *l);
/* The fencing number of the last acquisition, greater than those of all earlier ones; 0 before the first. */
SORREL_API int64_t sorrel_lock_fence(struct sorrel_lock *l);

#ifdef __cplusplus
}
#endif

#endif
