/* store/chore.h - one piece of work on the disk that a loop does not wait for.
 *
 * A thread does it; the owner looks now and then whether it is over. Where there are no threads it is done at that
 * look, so that what happens in between happens in tests, too.
 *
 * Threads: one owner. What `arg` leads to belongs to the work from chore_begin() until chore_is_over() has said so.
 */
#ifndef SORREL_STORE_CHORE_H
#define SORREL_STORE_CHORE_H

#include "base/slice.h"

#include <pthread.h>
#include <stdbool.h>

struct chore {               /* all zero: nothing to do */
    void (*work)(void *arg); /* NULL: none is under way */
    void *arg;
    pthread_t thread;
    bool threaded;
    struct slice cores;
    _Atomic bool done;
};

/* Nothing is under way. A thread is kept to those cores (base/cores.h), whose list outlives the work. */
void chore_begin(struct chore *c, bool threaded, struct slice cores, void (*work)(void *arg), void *arg);
/* True also when none has been begun. */
bool chore_is_over(struct chore *c);
void chore_wait(struct chore *c);

#endif
