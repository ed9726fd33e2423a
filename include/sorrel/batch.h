/* sorrel/batch.h - several commands in one go: pipelines and transactions through a client.
 *
 * A batch is filled by one thread, run, and read. Running it sends all its commands before the first reply is waited
 * for. In a cluster the commands are split by node and each node gets its part as one pipeline; the replies come in the
 * order in which the commands were added.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_BATCH_H
#define SORREL_BATCH_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_batch;

/* An empty batch; the caller frees it. One thread at a time may use it. */
SORREL_API struct sorrel_batch *sorrel_batch_new(void);
/* Frees the batch and its replies. NULL is fine. */
SORREL_API void sorrel_batch_free(struct sorrel_batch *b);
/* Adds a command (lens NULL: C strings), copying it. Returns its number, from 0 on. */
SORREL_API size_t sorrel_batch_add(struct sorrel_batch *b, int argc, const char *const *argv, const size_t *lens);
/* The same with the C strings that follow, up to a NULL. */
SORREL_API size_t sorrel_batch_do(struct sorrel_batch *b, ...) __attribute__((sentinel));
/* Forgets commands and replies, keeps memory. */
SORREL_API void sorrel_batch_reset(struct sorrel_batch *b);

/* Runs the commands as a pipeline. SORREL_ERR_USAGE for those that sorrel/client.h refuses; MULTI and WATCH are welcome
 * where EXEC follows. An error reply to one of them is no failure: see sorrel_batch_reply(). Parts that
 * were not executed for sure are tried again; SORREL_REPEAT or SORREL_READ in flags, which then must hold for every
 * command, lets a whole part be sent again after a broken connection. On failure there are no replies, and some of the
 * commands may have been executed. Sends the commands; in a cluster ASKING before one whose slot is on its way. */
SORREL_API enum sorrel_rc sorrel_batch_run(struct sorrel_batch *b, struct sorrel_client *cl, unsigned flags,
                                           struct sorrel_error *err);
/* Runs them as a transaction: MULTI, the commands, EXEC, in one write (in a cluster behind ASKING, where the slot is on
 * its way). In a cluster all keys must be in one slot. If the server refuses one of the commands, none is executed and
 * SORREL_ERR_SERVER says why. */
SORREL_API enum sorrel_rc sorrel_batch_exec(struct sorrel_batch *b, struct sorrel_client *cl, unsigned flags,
                                            struct sorrel_error *err);
/* The reply to command i of the last run; lives until the batch is run, reset or freed. */
SORREL_API const struct sorrel_reply *sorrel_batch_reply(const struct sorrel_batch *b, size_t i);
/* How many commands the batch has. Sends nothing. */
SORREL_API size_t sorrel_batch_count(const struct sorrel_batch *b);

#ifdef __cplusplus
}
#endif

#endif
