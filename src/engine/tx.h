/* engine/tx.h - MULTI, EXEC, DISCARD, WATCH, UNWATCH: the state behind the commands.
 *
 * A session in MULTI queues what dispatch hands it. WATCH is per key and database; a watched key that is changed,
 * expires, or belongs to a database that is emptied or exchanged makes the next EXEC answer null.
 */
#ifndef SORREL_ENGINE_TX_H
#define SORREL_ENGINE_TX_H

#include "engine/exec.h"

/* The handlers of the five commands. */
enum rc tx_multi(struct exec *x);
enum rc tx_exec(struct exec *x);
enum rc tx_discard(struct exec *x);
enum rc tx_watch(struct exec *x); /* keys are the arguments from 1 on */
enum rc tx_unwatch(struct exec *x);

#endif
