/* net/transport.h - how bytes come and go: a plain socket, later TLS, a simulated network in tests. */
#ifndef SORREL_NET_TRANSPORT_H
#define SORREL_NET_TRANSPORT_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Calls behave as the system calls do on a non-blocking socket: -1 with errno (EAGAIN: not now), 0 from read: the end.
 */
struct transport_ops {
    ssize_t (*read)(void *state, void *p, size_t n);
    ssize_t (*writev)(void *state, const struct iovec *v, int n);
    void (*close)(void *state);
};

struct transport {
    const struct transport_ops *ops;
    void *state;
};

/* Takes over the descriptor, which must be non-blocking. */
struct transport transport_socket(int fd);

#endif
