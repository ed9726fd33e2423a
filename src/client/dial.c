/* client/dial.c - sockets to a server: TCP over IPv4 and IPv6, Unix sockets, with a deadline. */
#include "client/dial.h"

#include "base/clock.h"
#include "base/lookup.h"
#include "client/error_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int64_t
now_ms(void)
{
    struct clock c = clock_system();

    return clock_mono_ns(&c) / 1000000;
}

/* Waits for a connect in progress. 0, or the errno that it ended with. */
static int
finish_connect(int fd, int64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        int64_t left = deadline < 0 ? -1 : deadline - now_ms();
        if (deadline >= 0 && left < 0)
            left = 0;
        int n = poll(&p, 1, (int)left);
        if (n > 0)
            break;
        if (n == 0)
            return ETIMEDOUT;
        if (errno != EINTR)
            return errno;
    }
    int e = 0;
    socklen_t len = sizeof(e);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0 ? errno : e;
}

/* 0 and *fd, or an errno. */
static int
connect_to(int family, int protocol, const struct sockaddr *addr, socklen_t len, int64_t deadline, int *out)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

    if (fd < 0)
        return errno;
    int e = connect(fd, addr, len) == 0 ? 0 : errno;
    if (e == EINPROGRESS || e == EINTR)
        e = finish_connect(fd, deadline);
    if (e == 0 && fcntl(fd, F_SETFL, 0) != 0)
        e = errno;
    if (e != 0) {
        close(fd);
        return e;
    }
    *out = fd;
    return 0;
}

static enum sorrel_rc
failed(int e, struct sorrel_error *err)
{
    errno = e;
    return error__set(err, e == ETIMEDOUT ? SORREL_ERR_TIMEOUT : SORREL_ERR_CONNECT, e, "%m");
}

static enum sorrel_rc
dial_unix(const char *path, int64_t deadline, int *fd, struct sorrel_error *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    if (len >= sizeof(addr.sun_path))
        return error__set(err, SORREL_ERR_CONNECT, ENAMETOOLONG, "the path of the socket is too long");
    memcpy(addr.sun_path, path, len + 1);
    int e = connect_to(AF_UNIX, 0, (struct sockaddr *)&addr, sizeof(addr), deadline, fd);
    return e == 0 ? SORREL_OK : failed(e, err);
}

/* Looks a name up within the deadline, in a thread: the system's resolver cannot be told one. 0, an EAI_ code, or
 * ETIMEDOUT below zero. */
static int
look_up(const char *host, uint16_t port, int64_t deadline, struct addrinfo **list)
{
    int e = lookup_now(host, port, AI_NUMERICHOST, list);

    if (e != EAI_NONAME)
        return e;
    struct lookup *l = deadline >= 0 ? lookup_begin(NULL, host, port) : NULL;
    if (l == NULL)
        return lookup_now(host, port, 0, list);
    for (;;) {
        struct pollfd p = {.fd = lookup_fd(l), .events = POLLIN};
        int64_t left = deadline - now_ms();
        int n = poll(&p, 1, left > 0 ? (int)left : 0);
        if (n > 0)
            return lookup_take(l, list);
        if (n == 0 || errno != EINTR)
            break;
    }
    lookup_abandon(l);
    return -ETIMEDOUT;
}

/* When to give an address up that has `others` behind it: one that does not answer leaves them their share of the time.
 */
int64_t
dial_share(int64_t deadline, int others)
{
    int64_t now = now_ms();

    return deadline < 0 || deadline <= now ? deadline : now + (deadline - now) / (others + 1);
}

int
dial_others(const struct addrinfo *a)
{
    int n = 0;

    while ((a = a->ai_next) != NULL)
        n++;
    return n;
}

static enum sorrel_rc
dial_tcp(const char *host, uint16_t port, int64_t deadline, int *fd, struct sorrel_error *err)
{
    struct addrinfo *list = NULL;
    int g = look_up(host, port, deadline, &list);

    if (g == -ETIMEDOUT)
        return error__set(err, SORREL_ERR_TIMEOUT, ETIMEDOUT, "time-out while looking up the host's name");
    if (g != 0)
        return error__set(err, SORREL_ERR_CONNECT, g == EAI_SYSTEM ? errno : 0, "%s", gai_strerror(g));
    int e = EADDRNOTAVAIL;
    for (struct addrinfo *a = list; a != NULL && e != 0; a = a->ai_next)
        e = connect_to(a->ai_family, a->ai_protocol, a->ai_addr, a->ai_addrlen, dial_share(deadline, dial_others(a)),
                       fd);
    freeaddrinfo(list);
    if (e != 0)
        return failed(e, err);
    int on = 1;
    (void)setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(*fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    return SORREL_OK;
}

enum sorrel_rc
dial(const struct sorrel_url *u, int *fd, struct sorrel_error *err)
{
    int64_t deadline = u->connect_timeout_ms > 0 ? now_ms() + u->connect_timeout_ms : -1;

    if (u->transport == SORREL_UNIX)
        return dial_unix(u->path != NULL ? u->path : "", deadline, fd, err);
    return dial_tcp(u->host != NULL ? u->host : "127.0.0.1", u->port != 0 ? u->port : 6379, deadline, fd, err);
}
