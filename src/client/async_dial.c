/* client/async_dial.c - see async_dial.h. */
#include "client/async_dial.h"

#include "base/lookup.h"
#include "client/dial.h"
#include "client/error_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
async_dial__fini(struct async_dial *d)
{
    lookup_abandon(d->lookup);
    if (d->list != NULL)
        freeaddrinfo(d->list);
    *d = (struct async_dial){0};
}

/* Takes in what a look-up came to. */
static enum sorrel_rc
found(struct async_dial *d, int error, struct sorrel_error *err)
{
    if (error != 0)
        return error__set(err, SORREL_ERR_CONNECT, 0, "%s", gai_strerror(error));
    d->next = d->list;
    return SORREL_OK;
}

enum sorrel_rc
async_dial__begin(struct async_dial *d, const struct sorrel_url *u, struct sorrel_error *err)
{
    const char *host = u->host != NULL ? u->host : "127.0.0.1";
    uint16_t port = u->port != 0 ? u->port : 6379;

    async_dial__fini(d);
    if (u->transport == SORREL_UNIX)
        return SORREL_OK;
    int error = lookup_now(host, port, AI_NUMERICHOST, &d->list);
    if (error == EAI_NONAME) {
        d->lookup = lookup_begin(NULL, host, port);
        if (d->lookup != NULL)
            return SORREL_OK;
        error = lookup_now(host, port, 0, &d->list);
    }
    return found(d, error, err);
}

int
async_dial__lookup_fd(const struct async_dial *d)
{
    return d->lookup != NULL ? lookup_fd(d->lookup) : -1;
}

bool
async_dial__is_looked_up(const struct async_dial *d)
{
    return d->lookup != NULL && lookup_is_over(d->lookup);
}

enum sorrel_rc
async_dial__looked_up(struct async_dial *d, struct sorrel_error *err)
{
    int error = lookup_take(d->lookup, &d->list);

    d->lookup = NULL;
    return found(d, error, err);
}

/* 0 and *fd when it is connecting or connected, or an errno. */
static int
start(int family, int protocol, const struct sockaddr *addr, socklen_t len, int *out)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), on = 1;

    if (fd < 0)
        return errno;
    if (family != AF_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    if (connect(fd, addr, len) != 0 && errno != EINPROGRESS) {
        int e = errno;
        close(fd);
        return e;
    }
    *out = fd;
    return 0;
}

static int
start_unix(const char *path, int *fd)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    if (len >= sizeof(addr.sun_path))
        return ENAMETOOLONG;
    memcpy(addr.sun_path, path, len + 1);
    return start(AF_UNIX, 0, (struct sockaddr *)&addr, sizeof(addr), fd);
}

enum sorrel_rc
async_dial__next(struct async_dial *d, const struct sorrel_url *u, int *fd, struct sorrel_error *err)
{
    int e = 0;

    if (u->transport == SORREL_UNIX && !d->unix_done) {
        d->unix_done = true;
        e = start_unix(u->path != NULL ? u->path : "", fd);
        if (e == 0)
            return SORREL_OK;
    }
    while (d->next != NULL) {
        struct addrinfo *a = d->next;
        d->next = a->ai_next;
        e = start(a->ai_family, a->ai_protocol, a->ai_addr, a->ai_addrlen, fd);
        if (e == 0)
            return SORREL_OK;
    }
    errno = e;
    return e != 0 ? error__set(err, SORREL_ERR_CONNECT, e, "%m") : SORREL_ERR_CONNECT;
}

int
async_dial__others(const struct async_dial *d)
{
    return d->next != NULL ? 1 + dial_others(d->next) : 0;
}

int
async_dial__result(int fd)
{
    int e = 0;
    socklen_t len = sizeof(e);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0 ? errno : e;
}
