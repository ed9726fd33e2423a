/* net/conn.c - reading and writing of connections. */
#include "net/conn.h"

#include "base/mem.h"
#include "net/gather.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

enum {
    SHARED_SIZE = 128 * 1024, /* the shared input buffer */
    JOIN_MAX = 17 * 1024,     /* a remainder up to this size is copied in front of what is read next */
    GROW_MIN = 64 * 1024,     /* the least room made for a large argument */
    GROUP_MAX = 16,           /* connections that are read before the first of them is handed over */
    LENT_SIZE = 4 * 1024,     /* an output buffer when it is new */
    LENT_MAX = 64 * 1024,     /* larger ones are not taken back */
    LENT_COUNT = 512,
    VECTORS_MAX = 64,
};

struct conn_list {
    struct conn **v;
    uint32_t n, cap;
};

/* A connection that has been read and not yet been handed over. */
struct arrival {
    struct conn *c;  /* NULL: closed meanwhile */
    struct slice in; /* in the shared buffer */
};

struct net {
    struct loop *loop;
    struct net_owner owner;
    char *shared;
    size_t shared_used;
    struct arrival group[GROUP_MAX];
    unsigned group_n;
    struct buf lent[LENT_COUNT]; /* free output buffers, the one used last on top: its memory is in the cache */
    uint32_t lent_n;
    uint32_t lent_low; /* the least there was since the last net_trim() */
    struct conn_list flush, resume, held;
    struct gather gather;
    struct net_stats stats;
};

struct conn {
    struct source src;
    struct net *net;
    struct transport io;
    struct out *out;
    void *data;
    struct buf in; /* an incomplete request */
    uint64_t bytes_in, bytes_out;
    size_t wants;      /* how long `in` should get before it is worth looking at; 0: not known */
    uint32_t flush_at; /* place in net->flush, net->resume and net->held, plus one; 0: not there */
    uint32_t resume_at, held_at;
    uint32_t mark;     /* the owner's */
    uint32_t group_at; /* place in net->group, plus one */
    uint32_t gather_seen;
    bool paused, ended;
    bool owner_asked; /* it is in net->resume because the owner wants to see its input again */
    bool stuck;       /* the last write did not take everything, and no room has been reported since */
};

static void conn_ready(struct source *src, uint32_t events);

struct net *
net_new(struct net_owner owner)
{
    struct loop *loop = loop_new();

    if (loop == NULL)
        return NULL;
    struct net *n = mem_get_zero(sizeof(*n));
    n->loop = loop;
    n->owner = owner;
    n->shared = mem_get(SHARED_SIZE);
    return n;
}

void
net_free(struct net *n)
{
    if (n == NULL)
        return;
    for (uint32_t i = 0; i < n->lent_n; i++)
        buf_fini(&n->lent[i]);
    mem_free(n->flush.v);
    mem_free(n->held.v);
    mem_free(n->resume.v);
    mem_free(n->shared);
    loop_free(n->loop);
    mem_free(n);
}

struct loop *
net_loop(struct net *n)
{
    return n->loop;
}

const struct net_stats *
net_stats(const struct net *n)
{
    return &n->stats;
}

void
net_stats_reset(struct net *n)
{
    n->stats = (struct net_stats){0};
}

size_t
net_memory(const struct net *n)
{
    size_t sum = sizeof(*n) + SHARED_SIZE;

    for (uint32_t i = 0; i < n->lent_n; i++)
        sum += n->lent[i].cap;
    return sum + (n->flush.cap + n->resume.cap + n->held.cap) * sizeof(struct conn *);
}

/* -- lists of connections: entries are cleared, never moved, when one closes ----------------------------------- */

static uint32_t
list_add(struct conn_list *l, struct conn *c)
{
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 64 : l->cap * 2;
        l->v = mem_resize(l->v, l->cap * sizeof(struct conn *));
    }
    l->v[l->n++] = c;
    return l->n;
}

void
conn_flush_soon(struct conn *c)
{
    if (c->flush_at == 0)
        c->flush_at = list_add(&c->net->flush, c);
}

static void
resume_later(struct conn *c)
{
    if (c->resume_at == 0)
        c->resume_at = list_add(&c->net->resume, c);
}

void
conn_resume_soon(struct conn *c)
{
    c->owner_asked = true;
    resume_later(c);
}

/* -- life ------------------------------------------------------------------------------------------------------ */

/* The transport has bytes that the socket does not report. */
static bool
has_more(const struct conn *c)
{
    return c->io.ops->more != NULL && c->io.ops->more(c->io.state);
}

static unsigned
waits_for(const struct conn *c)
{
    return c->io.ops->waits_for != NULL ? c->io.ops->waits_for(c->io.state) : 0;
}

static void
watch(struct conn *c, bool for_room)
{
    uint32_t events = c->paused || c->held_at > 0 ? LOOP_PEER_GONE : LOOP_READ;
    unsigned special = waits_for(c);

    if (UNLIKELY(special != 0))
        for_room = (for_room && !(special & TRANSPORT_MUTE)) || (special & LOOP_WRITE);

    loop_watch(c->net->loop, &c->src, c->ended ? 0 : events | (for_room ? LOOP_WRITE : 0));
}

struct conn *
conn_open(struct net *n, struct transport io, int fd, struct out *out, void *data)
{
    struct conn *c = mem_get_zero(sizeof(*c));

    c->src = (struct source){.fd = fd, .ready = conn_ready};
    c->net = n;
    c->io = io;
    c->out = out;
    c->data = data;
    if (!loop_add(n->loop, &c->src, LOOP_READ)) {
        int saved = errno;
        io.ops->close(io.state);
        mem_free(c);
        errno = saved;
        return NULL;
    }
    return c;
}

void
conn_close(struct conn *c)
{
    struct net *n = c->net;

    if (c->flush_at > 0)
        n->flush.v[c->flush_at - 1] = NULL;
    if (c->resume_at > 0)
        n->resume.v[c->resume_at - 1] = NULL;
    if (c->held_at > 0)
        n->held.v[c->held_at - 1] = NULL;
    if (c->group_at > 0)
        n->group[c->group_at - 1].c = NULL;
    loop_remove(n->loop, &c->src);
    c->io.ops->close(c->io.state);
    buf_fini(&c->in);
    mem_free(c);
}

void *
conn_data(const struct conn *c)
{
    return c->data;
}

void
conn_set_data(struct conn *c, void *data)
{
    c->data = data;
}

void
conn_set_out(struct conn *c, struct out *out)
{
    c->out = out;
}

struct transport
conn_transport(const struct conn *c)
{
    return c->io;
}

int
conn_fd(const struct conn *c)
{
    return c->src.fd;
}

uint32_t
conn_mark(const struct conn *c)
{
    return c->mark;
}

void
conn_set_mark(struct conn *c, uint32_t mark)
{
    c->mark = mark;
}

void
conn_pause(struct conn *c, bool paused)
{
    if (c->paused == paused)
        return;
    c->paused = paused;
    watch(c, (c->src.events & LOOP_WRITE) != 0);
    if (!paused && has_more(c))
        resume_later(c);
}

size_t
conn_input_len(const struct conn *c)
{
    return c->in.len;
}

size_t
conn_input_room(const struct conn *c)
{
    return c->in.cap - c->in.len;
}

size_t
conn_memory(const struct conn *c)
{
    return sizeof(*c) + c->in.cap;
}

uint32_t
conn_events(const struct conn *c)
{
    return c->src.events;
}

void
conn_traffic(const struct conn *c, uint64_t *in, uint64_t *out)
{
    *in = c->bytes_in;
    *out = c->bytes_out;
}

/* -- reading --------------------------------------------------------------------------------------------------- */

static void
lend(struct net *n, struct out *out)
{
    if (out->bytes.ptr != NULL)
        return;
    if (UNLIKELY(n->lent_n == 0)) {
        buf_grow(&out->bytes, LENT_SIZE);
        return;
    }
    out->bytes = n->lent[--n->lent_n];
    if (n->lent_n < n->lent_low)
        n->lent_low = n->lent_n;
}

void
net_trim(struct net *n)
{
    uint32_t unused = n->lent_low;

    for (uint32_t i = 0; i < unused; i++)
        buf_fini(&n->lent[i]);
    n->lent_n -= unused;
    memmove(n->lent, n->lent + unused, n->lent_n * sizeof(struct buf));
    n->lent_low = n->lent_n;
}

static void
take_back(struct net *n, struct out *out)
{
    struct buf *b = &out->bytes;

    CHECK(b->len == 0 && out->sent == 0);
    if (b->cap >= LENT_SIZE && b->cap <= LENT_MAX && n->lent_n < LENT_COUNT)
        n->lent[n->lent_n++] = *b;
    else
        mem_free(b->ptr);
    *b = (struct buf){0};
    if (out->refs != NULL) {
        mem_free(out->refs);
        out->refs = NULL;
        out->ref_cap = 0;
    }
}

/* Hands `in` to the owner. False when the connection is gone. */
static bool
hand_over(struct conn *c, struct slice in, size_t *used)
{
    struct net *n = c->net;
    size_t wants = 0;

    /* The owner may close it: its place in the flush list tells. */
    conn_flush_soon(c);
    uint32_t at = c->flush_at - 1;
    lend(n, c->out);
    *used = n->owner.input(n->owner.ctx, c, in, &wants);
    if (n->flush.v[at] == NULL)
        return false;
    CHECK(*used <= in.len);
    c->wants = wants > *used ? wants - *used : 0;
    return true;
}

static void
gone(struct conn *c, int error)
{
    c->ended = true;
    watch(c, false);
    c->net->owner.ended(c->net->owner.ctx, c, error);
}

/* What a failed or empty read means. */
static void
read_ended(struct conn *c, ssize_t got)
{
    if (got == 0)
        gone(c, 0);
    else if (errno != EAGAIN && errno != EINTR)
        gone(c, errno);
    else if (c->io.ops->waits_for != NULL)
        watch(c, c->stuck);
}

/* After every read that brought something. */
static void
read_went_well(struct conn *c, size_t got)
{
    c->net->stats.reads++;
    gather_read(&c->net->gather, &c->gather_seen);
    c->net->stats.bytes_in += got;
    c->bytes_in += got;
    if (c->io.ops->more != NULL) {
        watch(c, c->stuck);
        if (has_more(c))
            resume_later(c);
    }
}

/* Hands over what was read into the shared buffer and keeps what the owner does not use up. */
static void
hand_over_shared(struct conn *c, struct slice in)
{
    size_t used;

    if (!hand_over(c, in, &used))
        return;
    if (LIKELY(used == in.len)) {
        if (c->in.ptr != NULL)
            buf_fini(&c->in);
        return;
    }
    struct slice rest = slice_skip(in, used);
    c->in.len = 0;
    if (c->in.cap > 2 * rest.len)
        buf_fini(&c->in);
    buf_add_slice(&c->in, rest);
}

/* Everybody in the group, in the order of reading. */
static void
hand_over_group(struct net *n)
{
    unsigned count = n->group_n;

    for (int again = 0; count > 1 && n->owner.arriving != NULL && again < 2; again++)
        for (unsigned i = 0; i < count; i++)
            if (n->group[i].c != NULL)
                n->owner.arriving(n->owner.ctx, n->group[i].c, n->group[i].in, again != 0);
    for (unsigned i = 0; i < count; i++) {
        struct conn *c = n->group[i].c;
        if (c == NULL)
            continue;
        c->group_at = 0;
        hand_over_shared(c, n->group[i].in);
    }
    n->group_n = 0;
    n->shared_used = 0;
}

/* The remainder of an earlier read, if any, and what can be read now, together in the shared buffer. */
static void
read_shared(struct conn *c)
{
    struct net *n = c->net;
    size_t had = c->in.len, room = c->wants > had + JOIN_MAX ? c->wants : had + JOIN_MAX;

    if (n->group_n == GROUP_MAX || SHARED_SIZE - n->shared_used < room)
        hand_over_group(n);
    char *to = n->shared + n->shared_used;
    ssize_t got = c->io.ops->read(c->io.state, to + had, SHARED_SIZE - n->shared_used - had);
    if (UNLIKELY(got <= 0)) {
        read_ended(c, got);
        return;
    }
    if (had > 0)
        memcpy(to, c->in.ptr, had);
    read_went_well(c, (size_t)got);
    n->group[n->group_n++] = (struct arrival){c, slice_of(to, had + (size_t)got)};
    c->group_at = n->group_n;
    n->shared_used += had + (size_t)got;
}

/* A large argument is coming in: straight to where it stays until it is complete. */
static void
read_private(struct conn *c)
{
    size_t room = c->in.cap - c->in.len, used;

    /* Room grows with what has really arrived, so that announcing a size costs us nothing. */
    if (room < GROW_MIN / 4) {
        size_t most = c->in.len < GROW_MIN ? GROW_MIN : c->in.len * 2;
        size_t need = c->wants > c->in.len ? c->wants - c->in.len : 0;
        need = need < GROW_MIN / 4 ? GROW_MIN / 4 : need;
        if (!buf_try_reserve(&c->in, need < most ? need : most)) {
            gone(c, ENOMEM);
            return;
        }
        room = c->in.cap - c->in.len;
    }
    ssize_t got = c->io.ops->read(c->io.state, c->in.ptr + c->in.len, room);
    if (got <= 0) {
        read_ended(c, got);
        return;
    }
    read_went_well(c, (size_t)got);
    buf_advance(&c->in, (size_t)got);
    if (c->in.len < c->wants) {
        /* Not worth a look yet, but the owner must see how much it has become. */
        conn_flush_soon(c);
        return;
    }
    if (!hand_over(c, buf_slice(&c->in), &used))
        return;
    if (used == c->in.len)
        buf_fini(&c->in);
    else
        buf_consume(&c->in, used);
}

static void
read_some(struct conn *c)
{
    if (LIKELY(c->in.len <= JOIN_MAX && c->wants < SHARED_SIZE))
        read_shared(c);
    else
        read_private(c);
}

static void
conn_ready(struct source *src, uint32_t events)
{
    struct conn *c = (struct conn *)src; /* src is its first member */

    if (events & LOOP_WRITE) {
        c->stuck = false;
        conn_flush_soon(c);
        if (UNLIKELY(waits_for(c) & LOOP_WRITE))
            events |= LOOP_READ; /* the read that could not go on without sending something */
    }
    if (c->ended || !(events & ~(uint32_t)LOOP_WRITE))
        return;
    if (c->paused || c->held_at > 0) {
        /* Its end is all that a paused connection is watched for; bytes may be there since before it was paused. */
        if (events & ~(uint32_t)(LOOP_READ | LOOP_WRITE))
            gone(c, 0);
    } else if (c->group_at == 0) { /* otherwise it has been read in this turn */
        read_some(c);
    }
}

static void
resume(struct conn *c)
{
    size_t used;
    bool asked = c->owner_asked;

    if (c->held_at > 0)
        return; /* it is resumed when it is not held any more */
    c->owner_asked = false;
    if (c->ended)
        return;
    if (asked && c->in.len > 0) {
        if (!hand_over(c, buf_slice(&c->in), &used))
            return;
        if (used == c->in.len)
            buf_fini(&c->in);
        else
            buf_consume(&c->in, used);
    }
    /* While it waits for another turn with what it has, nothing is added to that. */
    if (UNLIKELY(has_more(c)) && !c->ended && !c->paused) {
        if (c->owner_asked)
            resume_later(c);
        else
            read_some(c);
    }
}

/* -- the turn -------------------------------------------------------------------------------------------------- */

void
net_set_gather_us(struct net *n, uint32_t us)
{
    n->gather.sleep_us = us;
    /* By default the kernel lets a sleep take 50 us longer than asked; that of the calling thread, the loop's. */
    (void)prctl(PR_SET_TIMERSLACK, us > 0 ? 1000UL : 0UL, 0, 0, 0);
}

int
net_wait(struct net *n, int64_t timeout_ms, int64_t now_ms)
{
    if (n->resume.n > 0 || n->flush.n > 0)
        timeout_ms = 0;
    if (gather_due(&n->gather, now_ms) && timeout_ms != 0) {
        int ready = loop_wait(n->loop, 0);
        if (ready > 0)
            return ready;
        loop_rest(n->gather.sleep_us);
    }
    return loop_wait(n->loop, timeout_ms);
}

void
net_dispatch(struct net *n)
{
    uint32_t until = n->resume.n;

    for (uint32_t i = 0; i < until; i++) {
        struct conn *c = n->resume.v[i];
        if (c == NULL)
            continue;
        n->resume.v[i] = NULL;
        c->resume_at = 0;
        resume(c);
    }
    /* Those added meanwhile wait for the next turn. */
    uint32_t kept = 0;
    for (uint32_t i = until; i < n->resume.n; i++) {
        struct conn *c = n->resume.v[i];
        if (c == NULL)
            continue;
        n->resume.v[kept++] = c;
        c->resume_at = kept;
    }
    n->resume.n = kept;
    loop_dispatch(n->loop);
    hand_over_group(n);
}

static void
count_sent(struct conn *c, size_t bytes)
{
    c->net->stats.writes++;
    c->net->stats.bytes_out += bytes;
    c->bytes_out += bytes;
}

/* -- connections that are held ----------------------------------------------------------------------------------- */

static void
let_go(struct conn *c)
{
    c->net->held.v[c->held_at - 1] = NULL;
    c->held_at = 0;
    watch(c, false);
    if (c->in.len > 0)
        conn_resume_soon(c);
    else if (has_more(c))
        resume_later(c);
}

/* Asks the owner, and holds or lets go accordingly. */
static bool
may_send(struct conn *c)
{
    struct net *n = c->net;

    if (n->owner.may_send == NULL)
        return true;
    if (LIKELY(n->owner.may_send(n->owner.ctx, c))) {
        if (UNLIKELY(c->held_at > 0))
            let_go(c);
        return true;
    }
    if (c->held_at == 0) {
        c->held_at = list_add(&n->held, c);
        watch(c, false);
    }
    return false;
}

void
net_retry_held(struct net *n)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n->held.n; i++) {
        struct conn *c = n->held.v[i];
        if (c == NULL)
            continue;
        n->held.v[kept++] = c;
        c->held_at = kept;
        conn_flush_soon(c);
    }
    n->held.n = kept;
}

/* Writes once. */
static void
flush(struct conn *c)
{
    struct net *n = c->net;
    struct iovec v[VECTORS_MAX];
    size_t pending = out_pending(c->out);

    if (pending > 0 && !c->ended && !c->stuck && may_send(c)) {
        int count = out_vectors(c->out, v, VECTORS_MAX);
        ssize_t sent = c->io.ops->writev(c->io.state, v, count);
        if (sent > 0) {
            count_sent(c, (size_t)sent);
            out_sent(c->out, (size_t)sent);
            pending -= (size_t)sent;
        } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            gone(c, errno);
            return;
        }
        c->stuck = pending > 0;
        watch(c, c->stuck);
    }
    if (pending == 0 && c->out->bytes.ptr != NULL && c->out->bytes.len == 0)
        take_back(n, c->out);
    n->owner.written(n->owner.ctx, c, pending);
}

/* Reads more and hands over all that there is. False: nothing was handed over, or the connection is gone. */
static bool
read_and_hand_over(struct conn *c)
{
    enum { PIECE = 16 * 1024 };
    size_t used;

    ssize_t got = c->io.ops->read(c->io.state, buf_room(&c->in, PIECE), PIECE);
    if (got <= 0)
        return false; /* what that means is for the loop to find out */
    read_went_well(c, (size_t)got);
    buf_advance(&c->in, (size_t)got);
    if (!hand_over(c, buf_slice(&c->in), &used))
        return false;
    if (used == c->in.len)
        buf_fini(&c->in);
    else
        buf_consume(&c->in, used);
    return true;
}

bool
conn_is_waiting(const struct conn *c)
{
    return c->group_at > 0;
}

void
conn_serve_now(struct conn *c)
{
    struct iovec v[VECTORS_MAX];
    struct net *n = c->net;

    if (c->ended || c->paused || c->held_at > 0)
        return;
    if (c->group_at > 0) {
        struct arrival *a = &n->group[c->group_at - 1];
        a->c = NULL;
        c->group_at = 0;
        conn_flush_soon(c);
        uint32_t at = c->flush_at - 1;
        hand_over_shared(c, a->in);
        if (n->flush.v[at] == NULL)
            return;
    } else if (!read_and_hand_over(c)) {
        return;
    }
    /* It is on the list of those to flush, which does what is left to do. */
    if (!may_send(c))
        return;
    ssize_t sent = c->io.ops->writev(c->io.state, v, out_vectors(c->out, v, VECTORS_MAX));
    if (sent > 0) {
        count_sent(c, (size_t)sent);
        out_sent(c->out, (size_t)sent);
    }
}

void
net_flush(struct net *n)
{
    /* owner.written() may put others on the list. */
    for (uint32_t i = 0; i < n->flush.n; i++) {
        struct conn *c = n->flush.v[i];
        if (c == NULL)
            continue;
        n->flush.v[i] = NULL;
        c->flush_at = 0;
        flush(c);
    }
    n->flush.n = 0;
}
