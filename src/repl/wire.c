/* repl/wire.c - see wire.h. */
#include "repl/wire.h"

#include "base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 256 << 10, VECTORS = 16, KEEP_BYTES = 1 << 20 };

struct wire {
    struct source src;
    struct loop *loop;
    struct wire_owner owner;
    wire_secure *secure;
    void *secure_ctx;
    char *host;
    struct transport io; /* ops NULL: still connecting */
    struct buf in;
    struct out out;
    bool up, paused, stuck, over;
    uint64_t bytes_in;
};

static void
fall(struct wire *w, const char *why)
{
    if (w->over)
        return;
    w->over = true;
    loop_watch(w->loop, &w->src, 0);
    w->owner.down(w->owner.ctx, why);
}

static void
watch(struct wire *w)
{
    unsigned special = w->io.ops != NULL && w->io.ops->waits_for != NULL ? w->io.ops->waits_for(w->io.state) : 0;
    uint32_t events = w->paused ? 0 : LOOP_READ;
    bool room = (w->stuck && !(special & TRANSPORT_MUTE)) || (special & LOOP_WRITE);

    if (w->over)
        return;
    loop_watch(w->loop, &w->src, events | (room ? LOOP_WRITE : 0));
}

/* False when the connection is over. */
static bool
send_out(struct wire *w)
{
    struct iovec v[VECTORS];

    while (out_pending(&w->out) > 0) {
        ssize_t n = w->io.ops->writev(w->io.state, v, out_vectors(&w->out, v, VECTORS));
        if (n > 0) {
            out_sent(&w->out, (size_t)n);
        } else if (errno == EINTR) {
            continue;
        } else if (errno == EAGAIN) {
            break;
        } else {
            fall(w, strerror(errno));
            return false;
        }
    }
    w->stuck = out_pending(&w->out) > 0;
    watch(w);
    return true;
}

void
wire_flush(struct wire *w)
{
    if (w->up && !w->over && !w->stuck && out_pending(&w->out) > 0)
        (void)send_out(w);
}

static void
came_up(struct wire *w)
{
    struct buf why = {0};
    int error = 0;
    socklen_t n = sizeof(error);

    if (getsockopt(w->src.fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    if (error != 0) {
        fall(w, strerror(error));
        return;
    }
    if (w->secure == NULL) {
        w->io = transport_socket(w->src.fd);
    } else if (!w->secure(w->secure_ctx, w->src.fd, w->host, &w->io, &why)) {
        loop_remove(w->loop, &w->src);
        w->src.fd = -1;
        w->over = true;
        buf_add_char(&why, '\0');
        w->owner.down(w->owner.ctx, why.ptr);
        buf_fini(&why);
        return;
    }
    w->up = true;
    /* A handshake happens inside of reads, and it is ours to begin. */
    if (w->io.ops->waits_for != NULL) {
        char none[1];
        ssize_t got = w->io.ops->read(w->io.state, none, 0);
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            fall(w, strerror(errno));
            return;
        }
    }
    watch(w);
    w->owner.up(w->owner.ctx);
}

static void
read_in(struct wire *w)
{
    if (w->over || w->paused)
        return;
    if (!buf_try_reserve(&w->in, READ_BYTES)) {
        fall(w, "out of memory");
        return;
    }
    ssize_t n = w->io.ops->read(w->io.state, w->in.ptr + w->in.len, READ_BYTES);
    if (n == 0) {
        fall(w, "the other end has closed the connection");
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        fall(w, strerror(errno));
    } else if (n < 0) {
        watch(w);
    } else {
        w->bytes_in += (uint64_t)n;
        buf_advance(&w->in, (size_t)n);
        watch(w);
        w->owner.input(w->owner.ctx); /* which may free it */
    }
}

static void
on_ready(struct source *src, uint32_t events)
{
    struct wire *w = (struct wire *)src; /* its first member */

    if (!w->up) {
        came_up(w);
        return;
    }
    if (events & LOOP_WRITE) {
        w->stuck = false;
        if (out_pending(&w->out) > 0 && !send_out(w))
            return;
        watch(w);
    }
    if ((events & ~(uint32_t)LOOP_WRITE) || (w->io.ops->waits_for != NULL && (events & LOOP_WRITE)))
        read_in(w);
}

bool
wire_has_more(const struct wire *w)
{
    return w->up && !w->over && !w->paused && w->io.ops->more != NULL && w->io.ops->more(w->io.state);
}

void
wire_turn(struct wire *w)
{
    if (wire_has_more(w))
        read_in(w);
}

static int
dial(const struct wire_options *opt, struct buf *why)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL, *from = NULL;
    char port[16];
    int fd = -1;

    snprintf(port, sizeof(port), "%d", opt->port);
    int r = getaddrinfo(opt->host, port, &hints, &found);
    if (r != 0) {
        buf_printf(why, "%s", gai_strerror(r));
        return -1;
    }
    if (opt->source.len > 0)
        (void)getaddrinfo(opt->source.ptr, NULL, &hints, &from);
    for (const struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        int one = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        bool bound = from == NULL || from->ai_family != a->ai_family || bind(fd, from->ai_addr, from->ai_addrlen) == 0;
        if (!bound || (connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS)) {
            int saved = errno;
            close(fd);
            fd = -1;
            errno = saved;
        }
    }
    if (fd < 0)
        buf_printf(why, "%m");
    freeaddrinfo(found);
    if (from != NULL)
        freeaddrinfo(from);
    return fd;
}

struct wire *
wire_open(const struct wire_options *opt, struct buf *why)
{
    int fd = dial(opt, why);
    size_t n = strlen(opt->host) + 1;

    if (fd < 0)
        return NULL;
    struct wire *w = mem_get_zero(sizeof(*w));
    w->src = (struct source){.fd = fd, .ready = on_ready};
    w->loop = opt->loop;
    w->owner = opt->owner;
    w->secure = opt->secure;
    w->secure_ctx = opt->secure_ctx;
    w->host = memcpy(mem_get(n), opt->host, n);
    if (!loop_add(w->loop, &w->src, LOOP_WRITE)) {
        buf_printf(why, "%m");
        close(fd);
        w->src.fd = -1;
        wire_free(w);
        return NULL;
    }
    return w;
}

void
wire_free(struct wire *w)
{
    if (w == NULL)
        return;
    if (w->src.fd >= 0) {
        loop_remove(w->loop, &w->src);
        if (w->io.ops != NULL)
            w->io.ops->close(w->io.state);
        else
            close(w->src.fd);
    }
    buf_fini(&w->in);
    out_fini(&w->out);
    mem_free(w->host);
    mem_free(w);
}

struct buf *
wire_in(struct wire *w)
{
    if (w->in.len == 0)
        buf_shrink(&w->in, KEEP_BYTES);
    return &w->in;
}

void
wire_pause(struct wire *w, bool paused)
{
    if (w->paused == paused || w->over)
        return;
    w->paused = paused;
    if (w->up)
        watch(w);
}

struct out *
wire_out(struct wire *w)
{
    return &w->out;
}

uint64_t
wire_bytes_in(const struct wire *w)
{
    return w->bytes_in;
}
