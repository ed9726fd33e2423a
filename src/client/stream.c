/* client/stream.c - a socket as it is; everything about TLS is handed on to stream_tls.c. */
#include "client/stream_priv.h"

#include "base/clock.h"
#include "base/mem.h"
#include "client/dial.h"
#include "client/error_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int64_t
stream__now_ms(void)
{
    struct clock c = clock_system();

    return clock_mono_ns(&c) / 1000000;
}

enum sorrel_rc
stream_new(const struct sorrel_url *u, int fd, struct stream **out, struct sorrel_error *err)
{
    struct stream *s = mem_get_zero(sizeof(*s));

    s->fd = fd;
    if (u->tls) {
        enum sorrel_rc rc = tls__begin(s, u, err);
        if (rc != SORREL_OK) {
            stream_close(s);
            return rc;
        }
    }
    *out = s;
    return SORREL_OK;
}

enum sorrel_rc
stream_open(const struct sorrel_url *u, struct stream **out, struct sorrel_error *err)
{
    int64_t deadline = u->connect_timeout_ms > 0 ? stream__now_ms() + u->connect_timeout_ms : -1;
    struct stream *s = NULL;
    int fd;

    enum sorrel_rc rc = dial(u, &fd, err);
    if (rc != SORREL_OK)
        return rc;
    rc = stream_new(u, fd, &s, err);
    if (rc != SORREL_OK)
        return rc;
    if (s->tls != NULL)
        rc = tls__handshake(s, deadline, err);
    if (rc != SORREL_OK) {
        stream_close(s);
        return rc;
    }
    *out = s;
    return SORREL_OK;
}

static void
end(struct stream *s, bool polite)
{
    if (s == NULL)
        return;
    tls__end(s, polite);
    close(s->fd);
    mem_free(s);
}

void
stream_close(struct stream *s)
{
    end(s, true);
}

void
stream_abandon(struct stream *s)
{
    end(s, false);
}

void
stream_set_timeout(struct stream *s, int ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    s->timeout_ms = ms;
    (void)setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    (void)setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

ssize_t
stream_read(struct stream *s, void *to, size_t cap, bool wait)
{
    if (s->tls != NULL)
        return tls__read(s, to, cap, wait);
    for (;;) {
        ssize_t n = recv(s->fd, to, cap, wait ? 0 : MSG_DONTWAIT);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

ssize_t
stream_write(struct stream *s, const void *from, size_t len, bool wait)
{
    if (s->tls != NULL)
        return tls__write(s, from, len, wait);
    for (;;) {
        ssize_t n = send(s->fd, from, len, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

short
stream_wants(const struct stream *s, bool writing)
{
    if (s->tls != NULL)
        return tls__wants(s, writing);
    return (short)(POLLIN | (writing ? POLLOUT : 0));
}

const char *
stream_reason(struct stream *s, int e)
{
    return s->tls != NULL ? tls__reason(s, e) : strerror(e);
}

enum stream_state
stream_state(struct stream *s)
{
    char byte;

    if (s->tls != NULL)
        return tls__state(s);
    ssize_t n = recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0)
        return STREAM_READABLE;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? STREAM_QUIET : STREAM_OVER;
}

int
stream_fd(const struct stream *s)
{
    return s->fd;
}

bool
stream_is_tls(const struct stream *s)
{
    return s->tls != NULL;
}
