/* engine/waiters.h - sessions that wait for keys: what CLIENT and INFO ask. Handlers use wait_on_keys() of exec.h.
 *
 * Each key that somebody waits for has a queue, first come, first served. After every command, transaction or script
 * the keys it touched are looked at, and the sessions at the head of their queues run again.
 */
#ifndef SORREL_ENGINE_WAITERS_H
#define SORREL_ENGINE_WAITERS_H

#include "engine/session.h"

/* CLIENT UNBLOCK: ends the wait as if it had timed out, or with an error. False if it does not wait. */
bool waiters_unblock(struct session *s, bool with_error);
/* Runs the command of a session that waits for no key again. Not while a command runs. */
void session_wake(struct session *s);
size_t waiters_count(const struct engine *e); /* sessions that wait */
size_t waiters_timed(const struct engine *e); /* those of them that will not wait for ever */
size_t waiters_keys(const struct engine *e);  /* keys that somebody waits for */
/* Those of them whose going (or becoming another type) wakes somebody, too. */
size_t waiters_keys_even_gone(const struct engine *e);

#endif
