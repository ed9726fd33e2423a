/* net/listener.c - binding, accepting, naming of peers. */
#include "net/listener.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct listener {
    struct source src;
    struct loop *loop;
    struct listener_owner owner;
    int accepts_per_turn;
    char *path; /* of a Unix socket */
};

enum { ACCEPTS_PER_TURN = 64 };

static void
accept_some(struct source *src, uint32_t events)
{
    struct listener *l = (struct listener *)src;

    for (int i = 0; i < l->accepts_per_turn; i++) {
        int fd = accept4(l->src.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->owner.accepted(l->owner.ctx, l, fd);
            continue;
        }
        switch (errno) {
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM: {
            int why = errno;
            loop_watch(l->loop, &l->src, 0);
            l->owner.resting(l->owner.ctx, l, why);
            return;
        }
        case EAGAIN: return;
        default: break; /* that one connection failed (ECONNABORTED and its like): the next may not */
        }
    }
}

void
listener_wake(struct listener *l)
{
    loop_watch(l->loop, &l->src, LOOP_READ);
}

static struct listener *
start(struct loop *loop, struct listener_owner owner, int fd, const char *path, struct buf *why)
{
    struct listener *l = mem_get_zero(sizeof(*l));

    l->src = (struct source){.fd = fd, .ready = accept_some};
    l->loop = loop;
    l->owner = owner;
    l->accepts_per_turn = ACCEPTS_PER_TURN;
    if (path != NULL)
        l->path = mem_copy_text(path);
    if (!loop_add(loop, &l->src, LOOP_READ)) {
        int saved = errno;
        buf_printf(why, "epoll_ctl: %m");
        listener_close(l);
        errno = saved;
        return NULL;
    }
    return l;
}

/* Says what failed, closes fd and leaves errno as it was. */
static struct listener *
give_up(int fd, const char *what, struct buf *why)
{
    int saved = errno;

    buf_printf(why, "%s: %m", what);
    if (fd >= 0)
        close(fd);
    errno = saved;
    return NULL;
}

static struct listener *
bind_tcp(struct loop *loop, struct listener_owner owner, const struct addrinfo *a, int backlog, struct buf *why)
{
    int one = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return give_up(fd, "socket", why);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (a->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0)
        return give_up(fd, "bind", why);
    if (listen(fd, backlog) != 0)
        return give_up(fd, "listen", why);
    return start(loop, owner, fd, NULL, why);
}

struct listener *
listener_tcp(struct loop *loop, struct listener_owner owner, const char *host, int port, int backlog, struct buf *why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
    bool any4 = strcmp(host, "*") == 0, any6 = strcmp(host, "::*") == 0;
    char service[8];

    hints.ai_family = any4 ? AF_INET : any6 ? AF_INET6 : AF_UNSPEC;
    snprintf(service, sizeof(service), "%d", port);
    int rc = getaddrinfo(any4 || any6 ? NULL : host, service, &hints, &found);
    if (rc != 0) {
        buf_printf(why, "%s", gai_strerror(rc));
        errno = EADDRNOTAVAIL;
        return NULL;
    }
    struct listener *l = bind_tcp(loop, owner, found, backlog, why);
    int saved = errno;
    freeaddrinfo(found);
    errno = saved;
    return l;
}

struct listener *
listener_unix(struct loop *loop, struct listener_owner owner, const char *path, unsigned perm, int backlog,
              struct buf *why)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st;

    if (strlen(path) >= sizeof(a.sun_path)) {
        buf_printf(why, "the path is longer than %zu bytes", sizeof(a.sun_path) - 1);
        errno = ENAMETOOLONG;
        return NULL;
    }
    memcpy(a.sun_path, path, strlen(path) + 1);
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        (void)unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return give_up(fd, "socket", why);
    /* Linux gives the file the mode of the socket (less the umask), so it is never open to more people than it should,
     * not even between bind and chmod. */
    if (perm != 0)
        (void)fchmod(fd, perm & 0700);
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        return give_up(fd, "bind", why);
    if (perm != 0 && chmod(path, perm) != 0)
        return give_up(fd, "chmod", why);
    if (listen(fd, backlog) != 0)
        return give_up(fd, "listen", why);
    return start(loop, owner, fd, path, why);
}

void
listener_close(struct listener *l)
{
    if (l == NULL)
        return;
    loop_remove(l->loop, &l->src);
    close(l->src.fd);
    if (l->path != NULL)
        (void)unlink(l->path);
    mem_free(l->path);
    mem_free(l);
}

int
listener_fd(const struct listener *l)
{
    return l->src.fd;
}

void
listener_accept_now(struct listener *l)
{
    l->src.ready(&l->src, LOOP_READ);
}

bool
listener_is_unix(const struct listener *l)
{
    return l->path != NULL;
}

void
listener_set_accepts_per_turn(struct listener *l, int n)
{
    l->accepts_per_turn = n > 0 ? n : 1;
}

/* -- peers ----------------------------------------------------------------------------------------------------- */

union any_addr {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct sockaddr_storage storage;
};

static bool
addr_of(int fd, bool local, union any_addr *a)
{
    socklen_t len = sizeof(*a);

    memset(a, 0, sizeof(*a));
    return (local ? getsockname(fd, &a->any, &len) : getpeername(fd, &a->any, &len)) == 0;
}

int
listener_port(const struct listener *l)
{
    union any_addr a;

    if (!addr_of(l->src.fd, true, &a))
        return 0;
    return a.any.sa_family == AF_INET    ? ntohs(a.in4.sin_port)
           : a.any.sa_family == AF_INET6 ? ntohs(a.in6.sin6_port)
                                         : 0;
}

size_t
peer_text(int fd, bool local, char out[PEER_TEXT_MAX])
{
    union any_addr a;
    char ip[INET6_ADDRSTRLEN] = "?";
    int n;

    if (!addr_of(fd, local, &a)) {
        n = snprintf(out, PEER_TEXT_MAX, "?:0");
    } else if (a.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &a.in4.sin_addr, ip, sizeof(ip));
        n = snprintf(out, PEER_TEXT_MAX, "%s:%d", ip, ntohs(a.in4.sin_port));
    } else if (a.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &a.in6.sin6_addr, ip, sizeof(ip));
        n = snprintf(out, PEER_TEXT_MAX, "[%s]:%d", ip, ntohs(a.in6.sin6_port));
    } else {
        n = snprintf(out, PEER_TEXT_MAX, "%.*s:0", (int)sizeof(a.un.sun_path), a.un.sun_path);
    }
    return n < PEER_TEXT_MAX ? (size_t)n : PEER_TEXT_MAX - 1;
}

bool
peer_is_local(int fd)
{
    union any_addr a;

    if (!addr_of(fd, false, &a))
        return false;
    if (a.any.sa_family == AF_UNIX)
        return true;
    if (a.any.sa_family == AF_INET)
        return (ntohl(a.in4.sin_addr.s_addr) >> 24) == 127;
    return a.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a.in6.sin6_addr);
}

void
socket_delay(int fd)
{
    int zero = 0;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &zero, sizeof(zero));
}

void
socket_tune(int fd, int keepalive_s)
{
    int one = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (keepalive_s <= 0)
        return;
    /* Three probes in the same time again: a dead peer is noticed after twice the silence. */
    int every = keepalive_s / 3 > 0 ? keepalive_s / 3 : 1, probes = 3;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_s, sizeof(keepalive_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}
