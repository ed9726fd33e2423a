/* client/conn.c - the connection of sorrel/conn.h: two buffers, a reply reader and a stream.
 *
 * A plain socket blocks and has the kernel's own time-outs, so a single command costs one write and one read. Input is
 * consumed by moving an offset; bytes move down only when room is needed, which is never while a reply that was handed
 * out is still valid (the next read ends its life).
 */
#include "sorrel/conn.h"
#include "client/error_priv.h"
#include "client/login.h"
#include "client/reply.h"
#include "client/stream.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>

enum {
    READ_BYTES = 16 * 1024,
    READ_BYTES_MAX = 1024 * 1024, /* asked for at once while a long string is on its way */
    KEEP_BYTES = 64 * 1024,
    VALUES_MAX = 64 * 1024 * 1024,
};
static const uint64_t bulk_max = (uint64_t)4 << 30;

struct sorrel_conn {
    struct stream *stream;
    int protocol;
    struct buf out;
    struct buf in;
    size_t in_at; /* bytes of `in` already given out */
    struct reply_reader reader;
    uint64_t outstanding;
    sorrel_push_fn *on_push;
    void *push_ctx;
    struct sorrel_error broken; /* code SORREL_OK while it works */
};

static enum sorrel_rc
copy_error(const struct sorrel_conn *c, struct sorrel_error *err)
{
    if (err != NULL)
        *err = c->broken;
    return c->broken.code;
}

static int64_t
mono_ms(void)
{
    struct clock c = clock_system();

    return clock_mono_ns(&c) / 1000000;
}

#define BREAK(c, err, code, e, ...) (error__set(&(c)->broken, code, e, __VA_ARGS__), copy_error(c, err))

static enum sorrel_rc
break_errno(struct sorrel_conn *c, int e, const char *doing, struct sorrel_error *err)
{
    if (e == EAGAIN)
        return BREAK(c, err, SORREL_ERR_TIMEOUT, e, "time-out while %s", doing);
    return BREAK(c, err, SORREL_ERR_IO, e, "%s", stream_reason(c->stream, e));
}

void
sorrel_conn_set_timeout(struct sorrel_conn *c, int ms)
{
    stream_set_timeout(c->stream, ms);
}

enum sorrel_rc
sorrel_conn_dial(const struct sorrel_url *u, struct sorrel_conn **out, struct sorrel_error *err)
{
    static const struct sorrel_url local = {0};
    struct stream *stream = NULL;

    if (u == NULL)
        u = &local;
    if (u->transport == SORREL_SENTINEL)
        return error__set(err, SORREL_ERR_USAGE, 0, "a Sentinel URL names no server; ask the Sentinels first");
    enum sorrel_rc rc = stream_open(u, &stream, err);
    if (rc != SORREL_OK)
        return rc;
    struct sorrel_conn *c = mem_get_zero(sizeof(*c));
    c->stream = stream;
    c->protocol = 2;
    if (u->socket_timeout_ms > 0)
        sorrel_conn_set_timeout(c, u->socket_timeout_ms);
    *out = c;
    return SORREL_OK;
}

static void
free_conn(struct sorrel_conn *c)
{
    buf_fini(&c->in);
    buf_fini(&c->out);
    reply_reader_fini(&c->reader);
    mem_free(c);
}

void
sorrel_conn_close(struct sorrel_conn *c)
{
    if (c == NULL)
        return;
    stream_close(c->stream);
    free_conn(c);
}

void
conn_abandon(struct sorrel_conn *c)
{
    stream_abandon(c->stream);
    free_conn(c);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static void
add_header(struct buf *b, char kind, size_t n)
{
    char *p = buf_room(b, INT64_TEXT_MAX + 3);
    size_t len = 1 + format_uint64(p + 1, n);

    p[0] = kind;
    p[len] = '\r';
    p[len + 1] = '\n';
    buf_advance(b, len + 2);
}

void
sorrel_conn_append(struct sorrel_conn *c, int argc, const char *const *argv, const size_t *lens)
{
    add_header(&c->out, '*', (size_t)argc);
    for (int i = 0; i < argc; i++) {
        size_t len = lens != NULL ? lens[i] : strlen(argv[i]);
        add_header(&c->out, '$', len);
        buf_add(&c->out, argv[i], len);
        buf_add(&c->out, "\r\n", 2);
    }
    c->outstanding++;
}

void
sorrel_conn_append_raw(struct sorrel_conn *c, const void *bytes, size_t len)
{
    buf_add(&c->out, bytes, len);
}

enum sorrel_rc
sorrel_conn_flush(struct sorrel_conn *c, struct sorrel_error *err)
{
    size_t sent = 0;

    if (c->broken.code != SORREL_OK)
        return copy_error(c, err);
    while (sent < c->out.len) {
        ssize_t n = stream_write(c->stream, c->out.ptr + sent, c->out.len - sent, true);
        if (n < 0)
            return break_errno(c, errno, "sending", err);
        sent += (size_t)n;
    }
    buf_reset(&c->out);
    buf_shrink(&c->out, KEEP_BYTES);
    return SORREL_OK;
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

/* Reads more input: once, blocking. */
static enum sorrel_rc
fill(struct sorrel_conn *c, struct sorrel_error *err)
{
    size_t unread = c->in.len - c->in_at, wants = reply_wants(&c->reader), room = READ_BYTES;

    if (c->in_at > 0) {
        buf_consume(&c->in, c->in_at);
        c->in_at = 0;
        buf_shrink(&c->in, KEEP_BYTES);
    }
    /* A long string gets its room bit by bit, as its bytes come: the peer's word alone allocates little. */
    if (wants > unread)
        room = wants - unread < READ_BYTES_MAX ? wants - unread : READ_BYTES_MAX;
    if (room < READ_BYTES)
        room = READ_BYTES;
    if (!buf_try_reserve(&c->in, room) && c->in.cap - c->in.len < room)
        return BREAK(c, err, SORREL_ERR_IO, ENOMEM, "not enough memory for the reply");
    ssize_t n = stream_read(c->stream, buf_room(&c->in, room), c->in.cap - c->in.len, true);
    if (n == 0)
        return BREAK(c, err, SORREL_ERR_CLOSED, 0, "Server closed the connection");
    if (n < 0)
        return break_errno(c, errno, "waiting for a reply", err);
    buf_advance(&c->in, (size_t)n);
    return SORREL_OK;
}

/* Takes one reply out of the buffer if there is a whole one. *out is NULL if not. */
static enum sorrel_rc
take_reply(struct sorrel_conn *c, const struct resp_value **out, struct sorrel_error *err)
{
    const struct reply_limits lim = {.bulk_max = bulk_max, .values_max = VALUES_MAX};
    struct slice error, in = slice_skip(buf_slice(&c->in), c->in_at);
    size_t used;

    *out = NULL;
    if (in.len == 0)
        return SORREL_OK;
    switch (reply_read(&c->reader, &lim, in, &used, out, &error)) {
    case PARSE_DONE: c->in_at += used; return SORREL_OK;
    case PARSE_MORE: return SORREL_OK;
    case PARSE_BAD: break;
    }
    return BREAK(c, err, SORREL_ERR_PROTOCOL, 0, "Protocol error: %.*s", (int)error.len, error.ptr);
}

enum sorrel_rc
sorrel_conn_next_any(struct sorrel_conn *c, const struct sorrel_reply **out, struct sorrel_error *err)
{
    const struct resp_value *v = NULL;

    if (c->broken.code != SORREL_OK)
        return copy_error(c, err);
    enum sorrel_rc rc = c->out.len > 0 ? sorrel_conn_flush(c, err) : SORREL_OK;
    while (rc == SORREL_OK) {
        rc = take_reply(c, &v, err);
        if (rc != SORREL_OK)
            break;
        if (v != NULL) {
            if (v->type != RESP_PUSH && c->outstanding > 0)
                c->outstanding--;
            *out = value_reply(v);
            return SORREL_OK;
        }
        rc = fill(c, err);
    }
    return rc;
}

enum sorrel_rc
sorrel_conn_next(struct sorrel_conn *c, const struct sorrel_reply **out, struct sorrel_error *err)
{
    const struct sorrel_reply *r;

    for (;;) {
        enum sorrel_rc rc = sorrel_conn_next_any(c, &r, err);
        if (rc != SORREL_OK)
            return rc;
        if (sorrel_reply_type(r) != SORREL_PUSH) {
            *out = r;
            return SORREL_OK;
        }
        if (c->on_push != NULL)
            c->on_push(c->push_ctx, r);
    }
}

enum sorrel_rc
sorrel_conn_call(struct sorrel_conn *c, int argc, const char *const *argv, const size_t *lens,
                 const struct sorrel_reply **out, struct sorrel_error *err)
{
    if (c->broken.code != SORREL_OK)
        return copy_error(c, err);
    sorrel_conn_append(c, argc, argv, lens);
    return sorrel_conn_next(c, out, err);
}

const struct sorrel_reply *
sorrel_conn_do(struct sorrel_conn *c, struct sorrel_error *err, ...)
{
    enum { ARGS_MAX = 64 };
    const char *argv[ARGS_MAX], *arg;
    const struct sorrel_reply *r = NULL;
    int argc = 0;
    va_list ap;

    va_start(ap, err);
    while ((arg = va_arg(ap, const char *)) != NULL && argc < ARGS_MAX)
        argv[argc++] = arg;
    va_end(ap);
    if (arg != NULL) {
        error__set(err, SORREL_ERR_USAGE, 0, "more than %d arguments", ARGS_MAX);
        return NULL;
    }
    return sorrel_conn_call(c, argc, argv, NULL, &r, err) == SORREL_OK ? r : NULL;
}

enum sorrel_rc
sorrel_conn_read_raw(struct sorrel_conn *c, void *to, size_t cap, size_t *got, struct sorrel_error *err)
{
    if (c->broken.code != SORREL_OK)
        return copy_error(c, err);
    if (c->in.len == c->in_at) {
        enum sorrel_rc rc = fill(c, err);
        if (rc != SORREL_OK)
            return rc;
    }
    struct slice in = slice_skip(buf_slice(&c->in), c->in_at);
    *got = in.len < cap ? in.len : cap;
    memcpy(to, in.ptr, *got);
    c->in_at += *got;
    return SORREL_OK;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

/* Waits for something that a read would give. What only TLS itself has use for (a session ticket) does not count. */
static bool
wait_stream(struct sorrel_conn *c, int ms)
{
    int64_t from = ms > 0 ? mono_ms() : 0, left = ms;

    for (;;) {
        /* Bytes that are decrypted already are announced by no poll(). */
        if (stream_is_tls(c->stream) && stream_state(c->stream) != STREAM_QUIET)
            return true;
        struct pollfd p = {.fd = stream_fd(c->stream), .events = stream_wants(c->stream, false)};
        if (poll(&p, 1, (int)left) <= 0)
            return false;
        if (!stream_is_tls(c->stream))
            return true;
        if (ms >= 0)
            left = ms - (ms > 0 ? mono_ms() - from : 0);
        if (ms >= 0 && left <= 0)
            return stream_state(c->stream) != STREAM_QUIET;
    }
}

bool
sorrel_conn_wait(struct sorrel_conn *c, int ms)
{
    /* Bytes in the buffer may be only half a reply: then reading would block. A trial parse finds out, and costs
     * nothing twice, because the reader goes on where it stopped. It may build the reply, which the next read builds
     * again. */
    if (c->broken.code != SORREL_OK)
        return true;
    if (c->in.len > c->in_at) {
        const struct reply_limits lim = {.bulk_max = bulk_max, .values_max = VALUES_MAX};
        const struct resp_value *v;
        struct slice error;
        size_t used;
        if (reply_read(&c->reader, &lim, slice_skip(buf_slice(&c->in), c->in_at), &used, &v, &error) != PARSE_MORE)
            return true;
    }
    return wait_stream(c, ms);
}

uint64_t
sorrel_conn_outstanding(const struct sorrel_conn *c)
{
    return c->outstanding;
}

void
sorrel_conn_on_push(struct sorrel_conn *c, sorrel_push_fn *fn, void *ctx)
{
    c->on_push = fn;
    c->push_ctx = ctx;
}

int
sorrel_conn_fd(const struct sorrel_conn *c)
{
    return stream_fd(c->stream);
}

struct stream *
conn_stream(struct sorrel_conn *c)
{
    return c->stream;
}

bool
sorrel_conn_broken(const struct sorrel_conn *c)
{
    return c->broken.code != SORREL_OK;
}

int
sorrel_conn_protocol(const struct sorrel_conn *c)
{
    return c->protocol;
}

/* ---- logging in -------------------------------------------------------------------------------------------------- */

/* Sends one command of the login; an error reply becomes a failure with `code`. */
static enum sorrel_rc
must(struct sorrel_conn *c, int argc, const char *const *argv, enum sorrel_rc code, struct sorrel_error *err)
{
    const struct sorrel_reply *r;
    enum sorrel_rc rc = sorrel_conn_call(c, argc, argv, NULL, &r, err);
    size_t len;

    if (rc != SORREL_OK || sorrel_reply_type(r) != SORREL_ERROR)
        return rc;
    const char *text = sorrel_reply_text(r, &len);
    return error__set(err, login_refusal(code, r), 0, "%s: %.*s", argv[0], len > 200 ? 200 : (int)len, text);
}

/* Lets the next read or write take no longer than what is left, nor than the URL allows. */
static void
hurry(struct sorrel_conn *c, const struct sorrel_url *u, int64_t deadline)
{
    int64_t left = deadline - mono_ms();

    left = left < 1 ? 1 : left;
    sorrel_conn_set_timeout(c,
                            u->socket_timeout_ms > 0 && u->socket_timeout_ms < left ? u->socket_timeout_ms : (int)left);
}

/* A server that hangs still connects, its kernel does that; so the login has a time-out of its own, as long as a
 * connect may take. While a pool opens a connection nobody else could end the waiting. */
enum sorrel_rc
sorrel_conn_login(struct sorrel_conn *c, const struct sorrel_url *u, struct sorrel_error *err)
{
    int64_t deadline = u->connect_timeout_ms > 0 ? mono_ms() + u->connect_timeout_ms : -1;
    struct login_command step;
    bool hurried = false;

    for (int i = 0; i < LOGIN_STEPS; i++) {
        login_step(u, i, &step);
        if (step.argc == 0)
            continue;
        hurried = deadline >= 0;
        if (hurried)
            hurry(c, u, deadline);
        enum sorrel_rc rc = must(c, step.argc, step.argv, step.refused, err);
        if (rc != SORREL_OK)
            return rc;
    }
    if (hurried)
        sorrel_conn_set_timeout(c, u->socket_timeout_ms);
    if (u->protocol == 3)
        c->protocol = 3;
    return SORREL_OK;
}

enum sorrel_rc
sorrel_conn_open(const struct sorrel_url *u, struct sorrel_conn **out, struct sorrel_error *err)
{
    static const struct sorrel_url local = {0};
    struct sorrel_conn *c = NULL;
    enum sorrel_rc rc = sorrel_conn_dial(u != NULL ? u : &local, &c, err);

    if (rc != SORREL_OK)
        return rc;
    CHECK(c != NULL);
    rc = sorrel_conn_login(c, u != NULL ? u : &local, err);
    if (rc != SORREL_OK) {
        sorrel_conn_close(c);
        return rc;
    }
    *out = c;
    return SORREL_OK;
}
