/* sorrel/session.h - sessions with an expiry: an id that nobody guesses, and fields.
 *
 * A session is a hash PREFIX:ID that expires when it has not been used for ttl_ms. Fields are changed only in sessions
 * that exist: a change that comes after the end does not bring half a session back.
 * Threads: every function is thread-safe, except free. Failures are those of sorrel_client_call().
 */
#ifndef SORREL_SESSION_H
#define SORREL_SESSION_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_sessions;

/* ttl_ms: how long a session lives after its last use; 0: 30 minutes. prefix is copied; cl must outlive it. Sends
 * nothing. */
SORREL_API struct sorrel_sessions *sorrel_sessions_new(struct sorrel_client *cl, const char *prefix, int64_t ttl_ms);
/* Frees the object, not the sessions. NULL is fine. Sends nothing. Nobody else may be using it. */
SORREL_API void sorrel_sessions_free(struct sorrel_sessions *s);

/* Begins a session with n fields (names and values are C strings; n may be 0). *id, 32 hex digits of the kernel's
 * randomness, is the caller's, to be freed by sorrel_free(). Sends EVALSHA (HSET, PEXPIRE). */
SORREL_API enum sorrel_rc sorrel_session_begin(struct sorrel_sessions *s, size_t n, const char *const *fields,
                                               const char *const *values, char **id, struct sorrel_error *err);
/* A field's value, and the session's life begins anew. *alive says whether there is such a session; *value is NULL if
 * there is no session or no such field, else the caller's, to be freed by sorrel_free().
 * Sends EVALSHA (PEXPIRE, HGET). */
SORREL_API enum sorrel_rc sorrel_session_get(struct sorrel_sessions *s, const char *id, const char *field, bool *alive,
                                             char **value, struct sorrel_error *err);
/* Sets a field of a session that exists, and its life begins anew. Sends EVALSHA (PEXPIRE, HSET). */
SORREL_API enum sorrel_rc sorrel_session_set(struct sorrel_sessions *s, const char *id, const char *field,
                                             const char *value, bool *alive, struct sorrel_error *err);
/* Lets the session's life begin anew. Sends PEXPIRE. */
SORREL_API enum sorrel_rc sorrel_session_touch(struct sorrel_sessions *s, const char *id, bool *alive,
                                               struct sorrel_error *err);
/* Ends a session; *existed (NULL is fine) says whether there was one. Sends DEL. */
SORREL_API enum sorrel_rc sorrel_session_end(struct sorrel_sessions *s, const char *id, bool *existed,
                                             struct sorrel_error *err);

#ifdef __cplusplus
}
#endif

#endif
