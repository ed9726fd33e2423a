/* sorrel/conn.h - one blocking connection to a server.
 *
 * A connection is used by one thread at a time (sorrel/pool.h shares them). Commands are appended to an output buffer
 * and go out when a reply is asked for, so a pipeline is: append, append, append, next, next, next. Replies come in the
 * order of the commands; each lives until the next one is read. Out-of-band pushes of RESP3 go to a handler and are
 * never returned as replies, except by sorrel_conn_next_any().
 *
 * After SORREL_ERR_IO, _TIMEOUT, _CLOSED or _PROTOCOL the connection is broken: every later call fails with the same
 * error until it is closed. An error *reply* (SORREL_ERROR) is no failure of the call.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_CONN_H
#define SORREL_CONN_H

#include "sorrel/reply.h"
#include "sorrel/url.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_conn;

/* Connects and logs in: HELLO 3 [AUTH] when u->protocol is 3, else AUTH if there is a password; then CLIENT SETNAME and
 * SELECT if asked for. Copies what it needs of u (NULL: 127.0.0.1:6379). The caller closes *out. Connecting (with the
 * look-up of the name and the TLS handshake) and logging in may each take u->connect_timeout_ms.
 * Fails with SORREL_ERR_CONNECT, _TIMEOUT, _AUTH, _SERVER (SELECT refused), or as any call. Sentinel URLs are refused
 * here: see sorrel/sentinel.h. */
SORREL_API enum sorrel_rc sorrel_conn_open(const struct sorrel_url *u, struct sorrel_conn **out,
                                           struct sorrel_error *err);
/* The same without sending anything. */
SORREL_API enum sorrel_rc sorrel_conn_dial(const struct sorrel_url *u, struct sorrel_conn **out,
                                           struct sorrel_error *err);
/* The commands that sorrel_conn_open() sends after dialing, on a connection made by sorrel_conn_dial() for the same u.
 */
SORREL_API enum sorrel_rc sorrel_conn_login(struct sorrel_conn *c, const struct sorrel_url *u,
                                            struct sorrel_error *err);
/* Closes and frees. NULL is fine. Sends nothing. */
SORREL_API void sorrel_conn_close(struct sorrel_conn *c);

/* Appends a command of argc arguments. lens may be NULL: the arguments are then C strings. Copies them. Never fails. */
SORREL_API void sorrel_conn_append(struct sorrel_conn *c, int argc, const char *const *argv, const size_t *lens);
/* Appends bytes that are already in the protocol's form. The caller knows how many replies they bring. */
SORREL_API void sorrel_conn_append_raw(struct sorrel_conn *c, const void *bytes, size_t len);
/* Sends what was appended. */
SORREL_API enum sorrel_rc sorrel_conn_flush(struct sorrel_conn *c, struct sorrel_error *err);
/* Sends what was appended, then waits for the next reply. *out is untouched on failure. */
SORREL_API enum sorrel_rc sorrel_conn_next(struct sorrel_conn *c, const struct sorrel_reply **out,
                                           struct sorrel_error *err);
/* The same, but a push is returned as well. For subscribers and monitors. */
SORREL_API enum sorrel_rc sorrel_conn_next_any(struct sorrel_conn *c, const struct sorrel_reply **out,
                                               struct sorrel_error *err);
/* Append and next in one: sends a single command. No other replies may be outstanding. */
SORREL_API enum sorrel_rc sorrel_conn_call(struct sorrel_conn *c, int argc, const char *const *argv, const size_t *lens,
                                           const struct sorrel_reply **out, struct sorrel_error *err);
/* sorrel_conn_call() with the C strings that follow, up to a NULL; err may be NULL. NULL on failure. */
SORREL_API const struct sorrel_reply *sorrel_conn_do(struct sorrel_conn *c, struct sorrel_error *err, ...)
    __attribute__((sentinel));

/* Waits until something can be read, at most ms milliseconds (-1: for ever). True also when a whole reply is already in
 * the buffer and when the peer has closed; false when the time is over or a signal came. */
SORREL_API bool sorrel_conn_wait(struct sorrel_conn *c, int ms);
/* Replies not yet read for appended commands. */
SORREL_API uint64_t sorrel_conn_outstanding(const struct sorrel_conn *c);
/* Called for each push that comes while a reply is waited for; the reply is valid during the call. NULL drops them. */
typedef void sorrel_push_fn(void *ctx, const struct sorrel_reply *push);
/* Sets who is called; one at a time, NULL for nobody. ctx is handed to fn as it is. Sends nothing. */
SORREL_API void sorrel_conn_on_push(struct sorrel_conn *c, sorrel_push_fn *fn, void *ctx);
/* Milliseconds that one read or write may take; 0: no limit. */
SORREL_API void sorrel_conn_set_timeout(struct sorrel_conn *c, int ms);
/* The descriptor, for poll(). It stays the connection's. */
SORREL_API int sorrel_conn_fd(const struct sorrel_conn *c);
/* True after a failure that no later call can mend: close it. Sends nothing. */
SORREL_API bool sorrel_conn_broken(const struct sorrel_conn *c);
/* 2 or 3: what HELLO agreed on at login. */
SORREL_API int sorrel_conn_protocol(const struct sorrel_conn *c);
/* Unread bytes that have come in beyond the last reply; they are of use to those who leave the protocol (a replica
 * reading a snapshot). Takes up to cap of them, reading from the socket when none are there. 0 with SORREL_OK never. */
SORREL_API enum sorrel_rc sorrel_conn_read_raw(struct sorrel_conn *c, void *to, size_t cap, size_t *got,
                                               struct sorrel_error *err);

#ifdef __cplusplus
}
#endif

#endif
