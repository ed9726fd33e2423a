/* client/stream.h - bytes to and from a server, over a socket as it is or over TLS.
 *
 * For this folder and the tools beside it. A stream is used by one thread at a time. Reads and writes have the meaning
 * of recv() and send(), errno included, and raise no signal. With `wait` they take as long as the time-out allows and
 * then fail with EAGAIN; without, they fail with EAGAIN at once, whatever the descriptor's own mode is. So one stream
 * serves blocking callers and event loops alike; a loop watches stream_fd() for what stream_wants() says and reads
 * until EAGAIN, because bytes that TLS has decrypted already are announced by no poll().
 *
 * The TLS handshake happens in the first read or write, or all at once in stream_open(). The server's certificate is
 * checked against the URL's ca_file (or the system's authorities), and its name against server_name or host, unless the
 * URL says otherwise. What is wrong with it comes out as EPROTO; stream_reason() has the words.
 */
#ifndef SORREL_CLIENT_STREAM_H
#define SORREL_CLIENT_STREAM_H

#include "sorrel/conn.h"

#include <sys/types.h>

struct stream;

/* Connects as dial() does, then shakes hands if u->tls, both within the connect time-out. err->text is the bare reason,
 * so that callers can put the place in front. */
enum sorrel_rc stream_open(const struct sorrel_url *u, struct stream **out, struct sorrel_error *err);
/* Makes a stream of a connected socket, which it owns from then on, in success and in failure. Sends nothing: the
 * handshake is yet to come. Fails with SORREL_ERR_CONNECT when a certificate, key or list of authorities is unusable.
 */
enum sorrel_rc stream_new(const struct sorrel_url *u, int fd, struct stream **out, struct sorrel_error *err);
/* Says goodbye if that needs no waiting, closes and frees. NULL is fine. */
void stream_close(struct stream *s);
/* Closes and frees without a word: the connection goes on in another process. */
void stream_abandon(struct stream *s);

ssize_t stream_read(struct stream *s, void *to, size_t cap, bool wait);
ssize_t stream_write(struct stream *s, const void *from, size_t len, bool wait);
/* Milliseconds that one read or write may wait; 0: no limit. */
void stream_set_timeout(struct stream *s, int ms);

/* What to poll() for (POLLIN, POLLOUT or both) after EAGAIN; `writing`: something is left to be written. */
short stream_wants(const struct stream *s, bool writing);
/* Why the last read or write failed with e: OpenSSL's words, or the system's. Valid until the next call. */
const char *stream_reason(struct stream *s, int e);

enum stream_state {
    STREAM_QUIET,    /* a read would wait */
    STREAM_READABLE, /* a read would give bytes */
    STREAM_OVER,     /* the peer has closed, or the stream is broken */
};
/* Looks without taking anything and without waiting. */
enum stream_state stream_state(struct stream *s);

int stream_fd(const struct stream *s);
bool stream_is_tls(const struct stream *s);

/* The stream below a connection. It stays the connection's. */
struct stream *conn_stream(struct sorrel_conn *c);
/* sorrel_conn_close() by stream_abandon(). */
void conn_abandon(struct sorrel_conn *c);

#endif
