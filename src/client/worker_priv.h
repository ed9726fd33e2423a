/* client/worker_priv.h - a thread of the library's own that can be woken and ended. For this folder.
 *
 * All-zero is a worker that was never started. Start and stop are for its owner, one at a time; the rest is for the
 * thread itself, and worker__wake() for anybody.
 */
#ifndef SORREL_CLIENT_WORKER_PRIV_H
#define SORREL_CLIENT_WORKER_PRIV_H

#include "sorrel/conn.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

struct worker {
    pthread_t thread;
    bool started;
    pid_t process; /* a fork() takes no threads along */
    int wake_fd;
    atomic_bool stop;
};

typedef void worker_fn(void *ctx);

/* False, errno set, when there are no threads or descriptors left. Signals are blocked in the thread. */
bool worker__start(struct worker *w, worker_fn *fn, void *ctx);
/* Asks the thread to end and waits for it. Harmless if it was never started, and in a child that has the struct but not
 * the thread. Not from the thread itself. */
void worker__stop(struct worker *w);
void worker__wake(struct worker *w);

static inline bool
worker__stopping(struct worker *w)
{
    return atomic_load(&w->stop);
}

enum worker_event { WORKER_WOKEN, WORKER_READABLE, WORKER_TIMEOUT };
/* Waits until it is woken, or (c not NULL) c has something to read, or ms milliseconds (-1: for ever) have passed. */
enum worker_event worker__wait(struct worker *w, struct sorrel_conn *c, int ms);

#endif
