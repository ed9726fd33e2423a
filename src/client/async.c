/* client/async.c - sorrel/async.h: a stream that never waits, a queue of call backs, one timer.
 *
 * States: LOOKING (the host's name is being looked up), DIALING (a socket is connecting), LOGIN (its commands are out),
 * READY, RESTING (until it connects again) and OVER. Commands are encoded into `queued` until READY, from then on into
 * `out`. Every change of state and every batch of commands ends in settle(), which writes what can be written, says
 * what to watch, and sets the timer.
 *
 * Call backs may close the connection. `busy` counts the calls of ours that are on the stack; the last one frees.
 */
#include "sorrel/async.h"

#include "base/buf.h"
#include "base/mem.h"
#include "client/async_dial.h"
#include "client/backoff_priv.h"
#include "client/command_priv.h"
#include "client/dial.h"
#include "client/error_priv.h"
#include "client/login.h"
#include "client/reply.h"
#include "client/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

enum state { LOOKING, DIALING, LOGIN, READY, RESTING, OVER };
enum { READ_BYTES = 16 * 1024, READ_BYTES_MAX = 1024 * 1024, KEEP_BYTES = 64 * 1024, VALUES_MAX = 64 * 1024 * 1024 };
enum { HEALTH_ANSWER_MS = 5000 };
enum { BUFFER_MAX = 64 * 1024 * 1024, READS_PER_TURN = 16, PAUSE_MS = 20, PAUSE_MAX_MS = 2000 };

/* SUBSCRIBE and its kin have no reply but confirmations, one for each name, which look like messages. */
enum topic { NO_TOPIC, SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE, UNSUBSCRIBE, PUNSUBSCRIBE, SUNSUBSCRIBE, MESSAGE };
static const struct {
    struct slice name;
    enum topic topic;
} topics[] = {{LIT_INIT("subscribe"), SUBSCRIBE},       {LIT_INIT("psubscribe"), PSUBSCRIBE},
              {LIT_INIT("ssubscribe"), SSUBSCRIBE},     {LIT_INIT("unsubscribe"), UNSUBSCRIBE},
              {LIT_INIT("punsubscribe"), PUNSUBSCRIBE}, {LIT_INIT("sunsubscribe"), SUNSUBSCRIBE},
              {LIT_INIT("message"), MESSAGE},           {LIT_INIT("pmessage"), MESSAGE},
              {LIT_INIT("smessage"), MESSAGE}};
enum { CHANNELS = 1, SHARDS = 2 }; /* what a connection is subscribed to */

struct call {
    struct call *next;
    sorrel_async_fn *fn;
    void *ctx;
    enum sorrel_rc refused; /* of a login command; SORREL_OK for others */
    enum topic topic;       /* of SUBSCRIBE and its kin; NO_TOPIC for others */
    int confirmations;      /* that are yet to come for it */
};

struct calls {
    struct call *first, **last;
    size_t count;
};

struct sorrel_async {
    struct sorrel_url url;
    struct sorrel_loop loop;
    struct sorrel_async_options opt;
    enum state state;
    struct async_dial dial;
    int fd; /* while DIALING; -1 else */
    struct stream *stream;
    int watching, watched_fd;
    struct buf out, queued, in;
    size_t out_at, in_at;
    struct reply_reader reader;
    struct calls sent, waiting; /* of the commands in out (or on their way), and in queued */
    struct sorrel_error error;  /* why the last connection ended */
    struct backoff pause;
    int64_t deadline_ms; /* when the present state or wait is over; -1: never */
    int64_t connect_by_ms;
    int64_t heard_ms;
    bool pinged;
    int subscribed; /* RESP2: a sum of CHANNELS and SHARDS; then what comes may be a message */
    bool more;      /* TLS holds bytes that no poll() announces: they are read in a turn of their own */
    int busy;
    bool closed;
};

static int64_t
now_ms(void)
{
    return command__now_ms();
}

/* ---- call backs -------------------------------------------------------------------------------------------------- */

static void
enter(struct sorrel_async *a)
{
    a->busy++;
}

static void
destroy(struct sorrel_async *a)
{
    if (a->loop.release != NULL)
        a->loop.release(a->loop.ctx);
    buf_fini(&a->out);
    buf_fini(&a->queued);
    buf_fini(&a->in);
    reply_reader_fini(&a->reader);
    async_dial__fini(&a->dial);
    sorrel_url_fini(&a->url);
    mem_free(a);
}

static void
leave(struct sorrel_async *a)
{
    if (--a->busy == 0 && a->closed)
        destroy(a);
}

static void
add_call(struct calls *list, struct call c)
{
    struct call *one = mem_get(sizeof(*one));

    *one = c;
    if (list->last == NULL)
        list->last = &list->first;
    *list->last = one;
    list->last = &one->next;
    list->count++;
}

static struct call
take_call(struct calls *list)
{
    struct call *one = list->first, c = *one;

    list->first = one->next;
    if (list->first == NULL)
        list->last = &list->first;
    list->count--;
    mem_free(one);
    return c;
}

static void
fail_calls(struct sorrel_async *a, struct calls *list, enum sorrel_rc rc)
{
    while (list->first != NULL) {
        struct call c = take_call(list);
        if (c.fn != NULL)
            c.fn(c.ctx, a, rc, NULL);
    }
}

static void
tell_state(struct sorrel_async *a, enum sorrel_rc rc)
{
    if (a->opt.on_state != NULL && !a->closed)
        a->opt.on_state(a->opt.ctx, a, rc, rc == SORREL_OK ? NULL : &a->error);
}

/* ---- connecting and breaking ------------------------------------------------------------------------------------- */

static void
watch(struct sorrel_async *a, int fd, int what)
{
    if (a->watched_fd == fd && a->watching == what)
        return;
    a->watched_fd = fd;
    a->watching = what;
    a->loop.watch(a->loop.ctx, fd, what);
}

static void
drop_socket(struct sorrel_async *a)
{
    int fd = a->stream != NULL ? stream_fd(a->stream) : a->state == LOOKING ? async_dial__lookup_fd(&a->dial) : a->fd;

    if (fd >= 0)
        watch(a, fd, SORREL_WATCH_NONE);
    if (a->state == LOOKING)
        async_dial__fini(&a->dial);
    if (a->stream != NULL)
        stream_close(a->stream);
    else if (a->fd >= 0)
        close(a->fd);
    a->stream = NULL;
    a->fd = -1;
    a->watched_fd = -1;
}

/* The connection is over, a->error says why. What was sent fails; what waited goes on waiting if there will be another.
 */
static void
break_off(struct sorrel_async *a)
{
    enum sorrel_rc rc = a->error.code;
    bool refused = a->state == LOGIN && (rc == SORREL_ERR_AUTH || rc == SORREL_ERR_SERVER);

    drop_socket(a);
    a->state = a->opt.no_reconnect || a->closed || rc == SORREL_ERR_USAGE || (refused && rc == SORREL_ERR_AUTH)
                   ? OVER
                   : RESTING;
    buf_reset(&a->out);
    buf_reset(&a->in);
    a->out_at = a->in_at = 0;
    a->pinged = a->more = false;
    a->subscribed = 0;
    reply_reader_reset(&a->reader);
    a->deadline_ms = a->state == RESTING ? now_ms() + backoff__next_us(&a->pause) / 1000 + 1 : -1;
    fail_calls(a, &a->sent, rc);
    if (a->state == OVER) {
        buf_reset(&a->queued);
        fail_calls(a, &a->waiting, rc);
    }
    tell_state(a, rc);
}

static void
dial_next(struct sorrel_async *a)
{
    if (async_dial__next(&a->dial, &a->url, &a->fd, &a->error) != SORREL_OK)
        break_off(a);
    else
        a->deadline_ms = dial_share(a->connect_by_ms, async_dial__others(&a->dial));
}

/* a->error says why. */
static void
give_up_address(struct sorrel_async *a)
{
    watch(a, a->fd, SORREL_WATCH_NONE);
    close(a->fd);
    a->fd = -1;
    dial_next(a);
}

static void
begin(struct sorrel_async *a)
{
    a->state = DIALING;
    a->connect_by_ms = a->url.connect_timeout_ms > 0 ? now_ms() + a->url.connect_timeout_ms : -1;
    a->deadline_ms = a->connect_by_ms;
    if (async_dial__begin(&a->dial, &a->url, &a->error) != SORREL_OK)
        break_off(a);
    else if (async_dial__lookup_fd(&a->dial) >= 0)
        a->state = LOOKING;
    else
        dial_next(a);
}

static void
finish_looking(struct sorrel_async *a)
{
    if (!async_dial__is_looked_up(&a->dial))
        return;
    watch(a, async_dial__lookup_fd(&a->dial), SORREL_WATCH_NONE);
    a->watched_fd = -1; /* the next descriptor may have the same number */
    a->state = DIALING;
    if (async_dial__looked_up(&a->dial, &a->error) == SORREL_OK)
        dial_next(a);
    else
        break_off(a);
}

static void
append(struct buf *b, int argc, const char *const *argv, const size_t *lens)
{
    buf_printf(b, "*%d\r\n", argc);
    for (int i = 0; i < argc; i++) {
        size_t len = lens != NULL ? lens[i] : strlen(argv[i]);
        buf_printf(b, "$%zu\r\n", len);
        buf_add(b, argv[i], len);
        buf_add(b, "\r\n", 2);
    }
}

static void
become_ready(struct sorrel_async *a)
{
    a->state = READY;
    a->heard_ms = now_ms();
    backoff__init(&a->pause, PAUSE_MS, PAUSE_MAX_MS, -1);
    buf_add_slice(&a->out, buf_slice(&a->queued));
    buf_reset(&a->queued);
    buf_shrink(&a->queued, KEEP_BYTES);
    while (a->waiting.first != NULL)
        add_call(&a->sent, take_call(&a->waiting));
    tell_state(a, SORREL_OK);
}

/* The socket is connected: shake hands and log in, all in one go. */
static void
log_in(struct sorrel_async *a)
{
    struct login_command step;
    int fd = a->fd;

    watch(a, fd, SORREL_WATCH_NONE);
    a->fd = -1;
    if (stream_new(&a->url, fd, &a->stream, &a->error) != SORREL_OK) {
        break_off(a);
        return;
    }
    a->state = LOGIN;
    a->deadline_ms = a->connect_by_ms;
    a->heard_ms = now_ms();
    for (int i = 0; i < LOGIN_STEPS; i++) {
        login_step(&a->url, i, &step);
        if (step.argc == 0)
            continue;
        append(&a->out, step.argc, step.argv, NULL);
        add_call(&a->sent, (struct call){.refused = step.refused});
    }
    if (a->sent.count == 0)
        become_ready(a);
}

static void
finish_dialing(struct sorrel_async *a)
{
    int e = async_dial__result(a->fd);

    if (e == 0) {
        log_in(a);
        return;
    }
    errno = e;
    error__set(&a->error, SORREL_ERR_CONNECT, e, "%m");
    give_up_address(a);
}

/* ---- bytes in and out -------------------------------------------------------------------------------------------- */

static void
write_out(struct sorrel_async *a)
{
    while (a->stream != NULL && a->out_at < a->out.len) {
        ssize_t n = stream_write(a->stream, a->out.ptr + a->out_at, a->out.len - a->out_at, false);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            int e = errno;
            error__set(&a->error, SORREL_ERR_IO, e, "%s", stream_reason(a->stream, e));
            break_off(a);
            return;
        }
        a->out_at += (size_t)n;
    }
    if (a->out_at == a->out.len) {
        buf_reset(&a->out);
        buf_shrink(&a->out, KEEP_BYTES);
        a->out_at = 0;
    }
}

static enum topic
topic_of(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        if (slice_eq_nocase(slice_of(name, len), topics[i].name))
            return topics[i].topic;
    return NO_TOPIC;
}

/* What a push, or in RESP2 an array that looks like one, is about. */
static enum topic
topic_of_reply(const struct sorrel_reply *r)
{
    size_t len = 0;
    const char *name = sorrel_reply_text(sorrel_reply_at(r, 0), &len);

    return name != NULL && sorrel_reply_count(r) >= 3 ? topic_of(name, len) : NO_TOPIC;
}

/* Takes note of a confirmation. */
static void
confirm(struct sorrel_async *a, enum topic t, const struct sorrel_reply *r)
{
    int what = t == SSUBSCRIBE || t == SUNSUBSCRIBE ? SHARDS : CHANNELS;
    int64_t left = 1;

    if (t == SUBSCRIBE || t == PSUBSCRIBE || t == SSUBSCRIBE)
        a->subscribed |= what;
    else if (sorrel_reply_int(sorrel_reply_at(r, 2), &left) && left == 0)
        a->subscribed &= ~what;
    if (a->sent.first != NULL && a->sent.first->topic == t && --a->sent.first->confirmations == 0)
        (void)take_call(&a->sent);
}

static void
push(struct sorrel_async *a, const struct sorrel_reply *r)
{
    if (a->opt.on_push != NULL)
        a->opt.on_push(a->opt.ctx, a, r);
}

static void
take_reply(struct sorrel_async *a, const struct sorrel_reply *r)
{
    bool subscribing = a->sent.first != NULL && a->sent.first->topic != NO_TOPIC;
    bool is_push = sorrel_reply_type(r) == SORREL_PUSH;

    if (is_push || (sorrel_reply_type(r) == SORREL_ARRAY && (subscribing || a->subscribed != 0))) {
        enum topic t = topic_of_reply(r);
        if (t != NO_TOPIC && t != MESSAGE)
            confirm(a, t, r);
        if (is_push || t != NO_TOPIC) {
            push(a, r);
            return;
        }
    }
    if (subscribing && sorrel_reply_type(r) == SORREL_ERROR) {
        (void)take_call(&a->sent); /* refused, all its names at once */
        push(a, r);
        return;
    }
    if (a->sent.first == NULL) {
        error__set(&a->error, SORREL_ERR_PROTOCOL, 0, "a reply that nobody asked for");
        break_off(a);
        return;
    }
    struct call c = take_call(&a->sent);
    if (c.refused != SORREL_OK && sorrel_reply_type(r) == SORREL_ERROR) {
        error__reply(&a->error, login_refusal(c.refused, r), r);
        break_off(a);
        return;
    }
    if (c.fn != NULL)
        c.fn(c.ctx, a, SORREL_OK, r);
    if (!a->closed && a->state == LOGIN && a->sent.count == 0)
        become_ready(a);
}

/* Hands out every whole reply in the buffer. */
static void
parse(struct sorrel_async *a)
{
    const struct reply_limits lim = {.bulk_max = (uint64_t)4 << 30, .values_max = VALUES_MAX};
    const struct resp_value *v;
    struct slice error;
    size_t used;

    while (a->stream != NULL && a->in.len > a->in_at) {
        enum parse_result got =
            reply_read(&a->reader, &lim, slice_skip(buf_slice(&a->in), a->in_at), &used, &v, &error);
        if (got == PARSE_MORE)
            return;
        if (got == PARSE_BAD) {
            error__set(&a->error, SORREL_ERR_PROTOCOL, 0, "Protocol error: %.*s", (int)error.len, error.ptr);
            break_off(a);
            return;
        }
        a->in_at += used;
        a->heard_ms = now_ms();
        a->pinged = false;
        take_reply(a, value_reply(v));
    }
}

/* Reads once and parses. False when there is no more to be had now. */
static bool
read_in(struct sorrel_async *a)
{
    size_t unread = a->in.len - a->in_at, wants = reply_wants(&a->reader), room = READ_BYTES;

    if (a->in_at > 0) {
        buf_consume(&a->in, a->in_at);
        a->in_at = 0;
        buf_shrink(&a->in, KEEP_BYTES);
    }
    if (wants > unread && wants - unread > room)
        room = wants - unread < READ_BYTES_MAX ? wants - unread : READ_BYTES_MAX;
    if (!buf_try_reserve(&a->in, room) && a->in.cap - a->in.len < room) {
        error__set(&a->error, SORREL_ERR_IO, ENOMEM, "not enough memory for the reply");
        break_off(a);
        return false;
    }
    ssize_t n = stream_read(a->stream, a->in.ptr + a->in.len, a->in.cap - a->in.len, false);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return errno == EINTR;
    if (n <= 0) {
        int e = errno;
        if (n == 0)
            error__set(&a->error, SORREL_ERR_CLOSED, 0, "Server closed the connection");
        else
            error__set(&a->error, SORREL_ERR_IO, e, "%s", stream_reason(a->stream, e));
        break_off(a);
        return false;
    }
    buf_advance(&a->in, (size_t)n);
    parse(a);
    return a->stream != NULL;
}

/* ---- the end of every turn --------------------------------------------------------------------------------------- */

static int64_t
sooner(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

/* When something has to be done though nothing comes: the state's own deadline, a reply that is late, an idle
 * connection. */
static int64_t
next_deadline(const struct sorrel_async *a)
{
    int64_t t = a->state == READY ? -1 : a->deadline_ms;

    int answer_ms = a->url.socket_timeout_ms > 0 ? a->url.socket_timeout_ms : a->pinged ? HEALTH_ANSWER_MS : 0;
    if ((a->state == READY || a->state == LOGIN) && a->sent.count > 0 && answer_ms > 0)
        t = sooner(t, a->heard_ms + answer_ms);
    if (a->state == READY && a->url.health_check_ms > 0 && a->sent.count == 0)
        t = sooner(t, a->heard_ms + a->url.health_check_ms);
    return t;
}

static void
settle(struct sorrel_async *a)
{
    write_out(a);
    if (a->closed)
        return;
    if (a->state == LOOKING) {
        watch(a, async_dial__lookup_fd(&a->dial), SORREL_WATCH_READ);
    } else if (a->state == DIALING && a->fd >= 0) {
        watch(a, a->fd, SORREL_WATCH_WRITE);
    } else if (a->stream != NULL) {
        short events = stream_wants(a->stream, a->out_at < a->out.len);
        watch(a, stream_fd(a->stream),
              ((events & POLLIN) != 0 ? SORREL_WATCH_READ : 0) | ((events & POLLOUT) != 0 ? SORREL_WATCH_WRITE : 0));
    }
    int64_t t = next_deadline(a), now = now_ms();
    a->loop.timer(a->loop.ctx, a->more ? 0 : t < 0 ? -1 : t <= now ? 0 : (int)(t - now));
}

void
sorrel_async_ready(struct sorrel_async *a, int ready)
{
    (void)ready;
    enter(a);
    if (a->state == LOOKING)
        finish_looking(a);
    else if (a->state == DIALING && a->fd >= 0)
        finish_dialing(a);
    if (a->stream != NULL)
        write_out(a);
    for (int i = 0; i < READS_PER_TURN && !a->closed && a->stream != NULL && read_in(a); i++)
        continue;
    a->more = !a->closed && a->stream != NULL && stream_is_tls(a->stream) && stream_state(a->stream) == STREAM_READABLE;
    if (!a->closed)
        settle(a);
    leave(a);
}

void
sorrel_async_tick(struct sorrel_async *a)
{
    static const char *const ping[] = {"PING"};

    enter(a);
    int64_t now = now_ms(), due = next_deadline(a);
    bool late = due >= 0 && due <= now;
    if (late && a->state == RESTING) {
        begin(a);
    } else if (late && a->state == LOOKING) {
        error__set(&a->error, SORREL_ERR_TIMEOUT, ETIMEDOUT, "time-out while looking up the host's name");
        break_off(a);
    } else if (late && a->state == DIALING) {
        error__set(&a->error, SORREL_ERR_TIMEOUT, ETIMEDOUT, "time-out while connecting");
        give_up_address(a);
    } else if (late && a->state == LOGIN) {
        error__set(&a->error, SORREL_ERR_TIMEOUT, 0, "time-out while logging in");
        break_off(a);
    } else if (late && a->sent.count > 0 && (a->url.socket_timeout_ms > 0 || a->pinged)) {
        error__set(&a->error, SORREL_ERR_TIMEOUT, 0, "time-out while waiting for a reply");
        break_off(a);
    } else if (late && a->state == READY) {
        append(&a->out, 1, ping, NULL);
        add_call(&a->sent, (struct call){0});
        a->pinged = true;
        a->heard_ms = now;
    } else if (a->stream != NULL) {
        sorrel_async_ready(a, SORREL_WATCH_READ);
    }
    if (!a->closed)
        settle(a);
    leave(a);
}

/* ---- for everybody ----------------------------------------------------------------------------------------------- */

enum sorrel_rc
sorrel_async_open(const struct sorrel_url *u, const struct sorrel_loop *loop, const struct sorrel_async_options *o,
                  struct sorrel_async **out, struct sorrel_error *err)
{
    if (u->transport == SORREL_SENTINEL)
        return error__set(err, SORREL_ERR_USAGE, 0, "a Sentinel URL names no server; ask the Sentinels first");
    struct sorrel_async *a = mem_get_zero(sizeof(*a));
    sorrel_url_copy(u, &a->url);
    a->loop = *loop;
    if (o != NULL)
        a->opt = *o;
    if (a->opt.buffer_max == 0)
        a->opt.buffer_max = BUFFER_MAX;
    a->fd = a->watched_fd = -1;
    /* The first turn of the loop begins: on_state never comes before this returns. */
    a->state = RESTING;
    a->deadline_ms = now_ms();
    a->heard_ms = a->deadline_ms;
    backoff__init(&a->pause, PAUSE_MS, PAUSE_MAX_MS, -1);
    a->loop.timer(a->loop.ctx, 0);
    *out = a;
    return SORREL_OK;
}

void
sorrel_async_close(struct sorrel_async *a)
{
    if (a == NULL || a->closed)
        return;
    enter(a);
    a->closed = true;
    a->loop.timer(a->loop.ctx, -1);
    error__set(&a->error, SORREL_ERR_CLOSED, 0, "closed");
    drop_socket(a);
    a->state = OVER;
    fail_calls(a, &a->sent, SORREL_ERR_CLOSED);
    fail_calls(a, &a->waiting, SORREL_ERR_CLOSED);
    leave(a);
}

enum sorrel_rc
sorrel_async_call(struct sorrel_async *a, int argc, const char *const *argv, const size_t *lens, sorrel_async_fn *fn,
                  void *ctx)
{
    bool ready = a->state == READY;
    struct call c = {.fn = fn, .ctx = ctx, .topic = topic_of(argv[0], lens != NULL ? lens[0] : strlen(argv[0]))};

    if (a->state == OVER)
        return SORREL_ERR_CLOSED;
    if (a->out.len - a->out_at + a->queued.len > a->opt.buffer_max)
        return SORREL_ERR_BUSY;
    /* A socket time-out runs from the first command that waits, not from when something was heard last. */
    if (ready && a->sent.count == 0)
        a->heard_ms = now_ms();
    append(ready ? &a->out : &a->queued, argc, argv, lens);
    if (c.topic == MESSAGE)
        c.topic = NO_TOPIC; /* only what comes from the server is one */
    if (c.topic != NO_TOPIC) {
        c.fn = NULL;
        c.confirmations = argc > 1 ? argc - 1 : 1;
    }
    add_call(ready ? &a->sent : &a->waiting, c);
    /* Written when the loop comes round, with whatever else is given until then. */
    if (ready && a->busy == 0)
        watch(a, stream_fd(a->stream), SORREL_WATCH_READ | SORREL_WATCH_WRITE);
    return SORREL_OK;
}

enum sorrel_rc
sorrel_async_do(struct sorrel_async *a, sorrel_async_fn *fn, void *ctx, ...)
{
    struct command c = {0};
    const char *word;
    va_list ap;

    va_start(ap, ctx);
    while ((word = va_arg(ap, const char *)) != NULL)
        command__text(&c, word);
    va_end(ap);
    enum sorrel_rc rc = sorrel_async_call(a, c.argc, command__argv(&c), command__lens(&c), fn, ctx);
    command__fini(&c);
    return rc;
}

size_t
sorrel_async_pending(const struct sorrel_async *a)
{
    return a->sent.count + a->waiting.count;
}
