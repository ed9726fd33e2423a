/* net/transport.h - how bytes come and go: a plain socket, TLS (tls.h), a simulated network in tests. */
#ifndef SORREL_NET_TRANSPORT_H
#define SORREL_NET_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Calls behave as the system calls do on a non-blocking socket: -1 with errno (EAGAIN: not now), 0 from read: the end.
 */
struct transport_ops {
    ssize_t (*read)(void *state, void *p, size_t n);
    ssize_t (*writev)(void *state, const struct iovec *v, int n);
    void (*close)(void *state);
    /* The rest may be NULL. more: after a read that succeeded, whether another one would find bytes (or the end)
     * although the socket reports nothing. */
    bool (*more)(void *state);
    /* LOOP_WRITE when a read that said "not now" waits for room to send; TRANSPORT_MUTE while nothing can be sent,
     * however much room there is, until a read has succeeded. */
    unsigned (*waits_for)(void *state);
};

enum { TRANSPORT_MUTE = 1 << 16 };

struct transport {
    const struct transport_ops *ops;
    void *state;
};

/* Takes over the descriptor, which must be non-blocking. */
struct transport transport_socket(int fd);

#endif
