/* client/outage_priv.h - knowing that a server cannot be reached, so that not every call has to find that out.
 *
 * For objects that have an answer without the server: a default, the value seen last, the slow store. Whoever finds the
 * server unreachable has waited as long as the client's options say; while that is fresh the others do not wait, too.
 * One call at a time, after a pause, tries again. All-zero, but for init, is a server that is there.
 */
#ifndef SORREL_CLIENT_OUTAGE_PRIV_H
#define SORREL_CLIENT_OUTAGE_PRIV_H

#include "sorrel/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct outage {
    pthread_mutex_t lock;
    bool down, asking;
    int64_t again_ms;
    struct sorrel_error why;
};

void outage__init(struct outage *o);
void outage__fini(struct outage *o);
/* True: ask the server, then say what came of it. False: it was unreachable just now, and *err (NULL is fine) why. */
bool outage__ask(struct outage *o, struct sorrel_error *err);
/* What came of asking: err is looked at when rc is a failure. Only an unreachable server counts as one. */
void outage__answer(struct outage *o, enum sorrel_rc rc, const struct sorrel_error *err);

#endif
