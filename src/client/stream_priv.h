/* client/stream_priv.h - what stream.c and stream_tls.c share. */
#ifndef SORREL_CLIENT_STREAM_PRIV_H
#define SORREL_CLIENT_STREAM_PRIV_H

#include "client/stream.h"

struct tls_state;

struct stream {
    int fd;
    int timeout_ms;        /* of one read or write; 0: none */
    struct tls_state *tls; /* NULL: none. With it the descriptor never blocks; waiting is done by poll() */
};

int64_t stream__now_ms(void);

/* Sets s->tls. On failure s is to be closed as ever. */
enum sorrel_rc tls__begin(struct stream *s, const struct sorrel_url *u, struct sorrel_error *err);
/* deadline: of the monotonic clock in ms; -1: none. */
enum sorrel_rc tls__handshake(struct stream *s, int64_t deadline, struct sorrel_error *err);
/* Says goodbye if `polite`. */
void tls__end(struct stream *s, bool polite);
ssize_t tls__read(struct stream *s, void *to, size_t cap, bool wait);
ssize_t tls__write(struct stream *s, const void *from, size_t len, bool wait);
short tls__wants(const struct stream *s, bool writing);
enum stream_state tls__state(struct stream *s);
const char *tls__reason(struct stream *s, int e);

#endif
