/* net/transport.c - plain sockets. The descriptor itself is the state. */
#include "net/transport.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
fd_of(void *state)
{
    return (int)(intptr_t)state;
}

/* The calls for sockets reach them with fewer checks on the way than read and writev. And with more than one thread the
 * C library makes each of its own a cancellation point, with two locked instructions before and after; nobody cancels
 * ours. */
static ssize_t
socket_read(void *state, void *p, size_t n)
{
    return syscall(SYS_recvfrom, fd_of(state), p, n, 0, NULL, NULL);
}

static ssize_t
socket_writev(void *state, const struct iovec *v, int n)
{
    if (n == 1)
        return syscall(SYS_sendto, fd_of(state), v->iov_base, v->iov_len, MSG_NOSIGNAL, NULL, 0);
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = (size_t)n};
    return sendmsg(fd_of(state), &m, MSG_NOSIGNAL);
}

static void
socket_close(void *state)
{
    close(fd_of(state));
}

struct transport
transport_socket(int fd)
{
    static const struct transport_ops ops = {.read = socket_read, .writev = socket_writev, .close = socket_close};

    return (struct transport){&ops, (void *)(intptr_t)fd};
}
