/* repl/wire.c - see wire.h. */
#include "repl/wire.h"

#include "base/lookup.h"
#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
    struct lookup *lookup;         /* of the host's name: `src` is its descriptor; NULL: over, or not needed */
    struct addrinfo *found, *next; /* the host's addresses, and which is tried when this one does not answer */
    struct addrinfo *source;       /* address to come from; NULL: any */
    struct transport io;           /* ops NULL: still connecting */
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
    if (w->src.fd >= 0)
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

/* -- getting there --------------------------------------------------------------------------------------------- */

static void
close_socket(struct wire *w)
{
    loop_remove(w->loop, &w->src);
    close(w->src.fd);
    w->src.fd = -1;
}

static bool
start_from(const struct addrinfo *source, int fd, const struct addrinfo *to)
{
    return source == NULL || source->ai_family != to->ai_family || bind(fd, source->ai_addr, source->ai_addrlen) == 0;
}

static bool
dial(struct wire *w, const struct addrinfo *a)
{
    int one = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    w->src.fd = fd;
    if (start_from(w->source, fd, a) && (connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS) &&
        loop_add(w->loop, &w->src, LOOP_WRITE))
        return true;
    int saved = errno;
    close(fd);
    w->src.fd = -1;
    errno = saved;
    return false;
}

/* False, with errno set, when there is no address left to try. */
static bool
dial_next(struct wire *w)
{
    while (w->next != NULL) {
        const struct addrinfo *a = w->next;
        w->next = a->ai_next;
        if (dial(w, a))
            return true;
    }
    return false;
}

static void
looked_up(struct wire *w)
{
    loop_remove(w->loop, &w->src);
    w->src.fd = -1;
    int error = lookup_take(w->lookup, &w->found);
    w->lookup = NULL;
    w->next = w->found;
    if (error != 0)
        fall(w, gai_strerror(error));
    else if (!dial_next(w))
        fall(w, strerror(errno));
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
        close_socket(w);
        if (!dial_next(w))
            fall(w, strerror(error));
        return;
    }
    if (w->secure == NULL) {
        w->io = transport_socket(w->src.fd);
    } else if (!w->secure(w->secure_ctx, w->src.fd, w->host, &w->io, &why)) {
        loop_remove(w->loop, &w->src);
        w->src.fd = -1;
        buf_add_char(&why, '\0');
        fall(w, why.ptr);
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

/* -- being there ----------------------------------------------------------------------------------------------- */

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

    if (w->lookup != NULL) {
        looked_up(w);
        return;
    }
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

/* An address is dialled at once; a name is looked up elsewhere, as that may take long. */
static bool
begin(struct wire *w, const struct wire_options *opt, struct buf *why)
{
    if (opt->source.len > 0 && lookup_now(opt->source.ptr, 0, AI_NUMERICHOST, &w->source) != 0) {
        buf_printf(why, "bind-source-addr is not an address");
        return false;
    }
    int error = lookup_now(opt->host, (uint16_t)opt->port, AI_NUMERICHOST, &w->found);
    if (error == 0) {
        w->next = w->found;
        if (dial_next(w))
            return true;
        buf_printf(why, "%m");
        return false;
    }
    if (error != EAI_NONAME) {
        buf_printf(why, "%s", gai_strerror(error));
        return false;
    }
    w->lookup = lookup_begin(opt->lookups, opt->host, (uint16_t)opt->port);
    if (w->lookup == NULL) {
        buf_printf(why, "too many names are being looked up");
        return false;
    }
    w->src.fd = lookup_fd(w->lookup);
    if (loop_add(w->loop, &w->src, LOOP_READ))
        return true;
    buf_printf(why, "%m");
    w->src.fd = -1;
    return false;
}

struct wire *
wire_open(const struct wire_options *opt, struct buf *why)
{
    struct wire *w = mem_get_zero(sizeof(*w));

    w->src = (struct source){.fd = -1, .ready = on_ready};
    w->loop = opt->loop;
    w->owner = opt->owner;
    w->secure = opt->secure;
    w->secure_ctx = opt->secure_ctx;
    w->host = mem_copy_text(opt->host);
    if (begin(w, opt, why))
        return w;
    wire_free(w);
    return NULL;
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
        else if (w->lookup == NULL)
            close(w->src.fd);
    }
    lookup_abandon(w->lookup);
    if (w->found != NULL)
        freeaddrinfo(w->found);
    if (w->source != NULL)
        freeaddrinfo(w->source);
    buf_fini(&w->in);
    out_fini(&w->out);
    mem_free(w->host);
    mem_free(w);
}

bool
wire_has_address(const struct wire *w)
{
    return w->found != NULL;
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
