/* bench/load.c - the loops. */
#include "bench/load.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "client/stream.h"
#include "proto/reply_read.h"
#include "sorrel/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EVENTS = 256, DIGITS = 12, READ_ROOM = 16 * 1024, STALL_SECONDS = 30 };

struct client {
    struct sorrel_conn *conn;
    int fd;
    const struct load_node *node; /* NULL: no cluster */
    struct buf out;               /* the pipeline that is on its way */
    size_t sent;
    struct buf in;
    size_t in_at;
    struct reply_reader reader;
    int batch, waiting; /* commands of the pipeline, and replies still to come */
    int64_t due_ns;     /* when the pipeline was sent, or should have been */
    bool writing;       /* epoll watches for room as well */
    struct client *next_idle;
};

struct worker {
    const struct load *load;
    struct client *clients;
    int count;
    int epoll;
    struct rng rng;
    uint64_t sequence;
    uint64_t to_send; /* requests not yet sent; UINT64_MAX: no limit */
    uint64_t in_flight;
    int64_t start_ns, record_from_ns, end_ns; /* end 0: none */
    double interval_ns;                       /* between pipelines; 0: no rate */
    double next_due;
    struct client *idle;
    uint64_t weight_total;
    double zipf_zeta, zipf_eta, zipf_alpha, zipf_half;
    struct load_result result;
    pthread_t thread;
};

static int64_t
now_ns(void)
{
    struct clock c = clock_system();

    return clock_mono_ns(&c);
}

static bool
fail(struct worker *w, const char *what)
{
    if (!w->result.failed)
        snprintf(w->result.error, sizeof(w->result.error), "%s", what);
    w->result.failed = true;
    return false;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static double
unit(struct rng *g)
{
    return (double)(rng_next(g) >> 11) * 0x1p-53;
}

/* Sums 1/i^s exactly for small i and by its integral beyond, which is as good and does not take minutes. */
static double
zeta(uint64_t n, double s)
{
    enum { EXACT = 10000 };
    double sum = 0;

    for (uint64_t i = 1; i <= n && i <= EXACT; i++)
        sum += pow((double)i, -s);
    if (n > EXACT)
        sum += (pow((double)n + 0.5, 1 - s) - pow(EXACT + 0.5, 1 - s)) / (1 - s);
    return sum;
}

/* Gray et al., "Quickly generating billion-record synthetic databases", 1994: constants for the draws below. */
static void
zipf_prepare(struct worker *w)
{
    double s = w->load->zipf_exponent, n = (double)w->load->key_count;

    w->zipf_zeta = zeta(w->load->key_count, s);
    w->zipf_alpha = 1 / (1 - s);
    w->zipf_half = 1 + pow(0.5, s);
    w->zipf_eta = (1 - pow(2 / n, 1 - s)) / (1 - zeta(2, s) / w->zipf_zeta);
}

static uint64_t
zipf_draw(struct worker *w)
{
    double u = unit(&w->rng), uz = u * w->zipf_zeta;

    if (uz < 1)
        return 0;
    if (uz < w->zipf_half)
        return 1;
    return (uint64_t)((double)w->load->key_count * pow(w->zipf_eta * u - w->zipf_eta + 1, w->zipf_alpha));
}

static uint64_t
next_key(struct worker *w)
{
    uint64_t n = w->load->key_count, key = 0;

    switch (w->load->pick) {
    case KEYS_UNIFORM: return rng_below(&w->rng, n);
    case KEYS_SEQUENTIAL: key = w->sequence++; break;
    case KEYS_ZIPF: key = zipf_draw(w); break;
    case KEYS_HOT: {
        uint64_t hot = n / 10 > 0 ? n / 10 : 1;
        key = hot == n || rng_below(&w->rng, 10) > 0 ? rng_below(&w->rng, hot) : hot + rng_below(&w->rng, n - hot);
        break;
    }
    }
    return key % n;
}

static void
write_digits(char *to, int digits, uint64_t v)
{
    for (int i = digits; i-- > 0;) {
        to[i] = (char)('0' + v % 10);
        v /= 10;
    }
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static const struct load_command *
next_command(struct worker *w)
{
    const struct load *l = w->load;

    if (l->command_count == 1)
        return &l->commands[0];
    uint64_t pick = rng_below(&w->rng, w->weight_total);
    for (uint32_t i = 0;; i++) {
        if (pick < l->commands[i].weight)
            return &l->commands[i];
        pick -= l->commands[i].weight;
    }
}

static void
fill_pipeline(struct worker *w, struct client *c, int n)
{
    const struct load *l = w->load;

    buf_reset(&c->out);
    c->sent = 0;
    for (int i = 0; i < n; i++) {
        const struct load_command *cmd = next_command(w);
        size_t from = c->out.len;
        buf_add_slice(&c->out, buf_slice(&cmd->bytes));
        uint64_t first = 0;
        for (uint32_t k = 0; l->key_count > 0 && k < cmd->at_count; k++) {
            uint64_t key = next_key(w);
            first = k == 0 ? key : first;
            write_digits(c->out.ptr + from + cmd->at[k], DIGITS, key);
        }
        if (c->node == NULL || cmd->tag_count == 0)
            continue;
        uint32_t tag = c->node->tags[first % c->node->tag_count]; /* one number, one key */
        for (uint32_t k = 0; k < cmd->tag_count; k++)
            write_digits(c->out.ptr + from + cmd->tag_at[k], TAG_DIGITS, tag);
    }
}

static void
watch(struct worker *w, struct client *c, bool writing)
{
    struct epoll_event e = {.events = EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0), .data.ptr = c};

    if (c->writing == writing)
        return;
    c->writing = writing;
    epoll_ctl(w->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static bool
push_out(struct worker *w, struct client *c)
{
    while (c->sent < c->out.len) {
        ssize_t n = stream_write(conn_stream(c->conn), c->out.ptr + c->sent, c->out.len - c->sent, false);
        if (n > 0)
            c->sent += (size_t)n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            return fail(w, "a connection broke while sending");
    }
    watch(w, c, c->sent < c->out.len);
    return true;
}

static bool
open_client(struct worker *w, struct client *c)
{
    struct sorrel_error err;

    if (sorrel_conn_open(c->node != NULL ? &c->node->url : w->load->url, &c->conn, &err) != SORREL_OK)
        return fail(w, err.text);
    c->fd = sorrel_conn_fd(c->conn);
    if (w->load->tracking && !sorrel_reply_is(sorrel_conn_do(c->conn, &err, "CLIENT", "TRACKING", "ON", NULL), "OK"))
        return fail(w, "the server refused CLIENT TRACKING ON (it needs RESP3: -3)");
    int flags = fcntl(c->fd, F_GETFL);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (flags < 0 || fcntl(c->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        epoll_ctl(w->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
        return fail(w, "epoll refused a connection");
    c->writing = false;
    return true;
}

static void
close_client(struct client *c)
{
    sorrel_conn_close(c->conn); /* epoll forgets it with that */
    c->conn = NULL;
    buf_reset(&c->in);
    c->in_at = 0;
    reply_reader_reset(&c->reader);
}

/* Sends the next pipeline if there is one to send now; otherwise the client waits among the idle ones. */
static bool
start_pipeline(struct worker *w, struct client *c, int64_t now)
{
    bool over = w->to_send == 0 || (w->end_ns != 0 && now >= w->end_ns);

    if (over)
        return true;
    if (w->interval_ns > 0 && w->next_due > (double)now) {
        c->next_idle = w->idle;
        w->idle = c;
        return true;
    }
    uint64_t n = (uint64_t)w->load->pipeline < w->to_send ? (uint64_t)w->load->pipeline : w->to_send;
    if (w->to_send != UINT64_MAX)
        w->to_send -= n;
    c->due_ns = now;
    if (w->interval_ns > 0) {
        c->due_ns = (int64_t)w->next_due;
        w->next_due += w->interval_ns;
    }
    if (c->conn == NULL && !open_client(w, c))
        return false;
    fill_pipeline(w, c, (int)n);
    c->batch = c->waiting = (int)n;
    w->in_flight++;
    return push_out(w, c);
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static void
note_error(struct worker *w, struct slice line)
{
    w->result.errors++;
    if (w->result.error[0] == '\0') {
        const char *end = memchr(line.ptr, '\r', line.len);
        size_t len = end != NULL ? (size_t)(end - line.ptr) : line.len;
        snprintf(w->result.error, sizeof(w->result.error), "%.*s", len > 200 ? 200 : (int)len, line.ptr);
    }
}

/* Takes the whole replies out of the client's input. */
static bool
take_replies(struct worker *w, struct client *c)
{
    static const struct reply_limits lim = {.bulk_max = (uint64_t)1 << 32, .values_max = 1 << 26};
    struct slice error, in = slice_skip(buf_slice(&c->in), c->in_at);
    enum resp_type type;
    size_t used;

    while (in.len > 0) {
        enum parse_result res = reply_skip(&c->reader, &lim, in, &used, &type, &error);
        if (res == PARSE_MORE)
            break;
        if (res == PARSE_BAD)
            return fail(w, "the server sent something that is not RESP");
        if (type == RESP_ERROR)
            note_error(w, slice_of(in.ptr + 1, used - 1));
        if (type != RESP_PUSH)
            c->waiting--;
        in = slice_skip(in, used);
        c->in_at += used;
    }
    if (c->in_at == c->in.len) {
        buf_reset(&c->in);
        c->in_at = 0;
    }
    return true;
}

static bool
receive(struct worker *w, struct client *c, int64_t *now)
{
    if (c->in_at > 0) {
        buf_consume(&c->in, c->in_at);
        c->in_at = 0;
    }
    /* What TLS holds back, having decrypted it, the loop would never hear of. */
    do {
        char *room = buf_room(&c->in, READ_ROOM);
        ssize_t n = stream_read(conn_stream(c->conn), room, c->in.cap - c->in.len, false);
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0)
            return fail(w, n == 0 ? "the server closed a connection" : "a connection broke while receiving");
        buf_advance(&c->in, (size_t)n);
        if (!take_replies(w, c))
            return false;
    } while (c->waiting > 0 && stream_is_tls(conn_stream(c->conn)));
    if (c->waiting > 0)
        return true;
    /* One look at the clock for each pipeline, not for each reply: they came together. */
    *now = now_ns();
    uint64_t replies = (uint64_t)c->batch;
    if (*now >= w->record_from_ns) {
        histogram_add(&w->result.latency, (uint64_t)(*now - c->due_ns), replies);
        w->result.requests += replies;
        if (w->load->over_time)
            timeline_add(&w->result.timeline, *now - w->record_from_ns, (uint64_t)(*now - c->due_ns), replies);
    }
    w->in_flight--;
    if (w->load->reconnect)
        close_client(c);
    return start_pipeline(w, c, *now);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

/* How long nothing needs to be done: until the next pipeline is due, or the server counts as stalled. */
static struct timespec
quiet_time(const struct worker *w, int64_t now)
{
    struct timespec stall = {.tv_sec = STALL_SECONDS};

    if (w->interval_ns <= 0 || w->idle == NULL)
        return stall;
    double left = w->next_due - (double)now;
    if (left >= STALL_SECONDS * 1e9)
        return stall;
    return left <= 0 ? (struct timespec){0} : (struct timespec){(time_t)(left / 1e9), (long)fmod(left, 1e9)};
}

static bool
start_due(struct worker *w, int64_t now)
{
    while (w->idle != NULL && w->next_due <= (double)now) {
        struct client *c = w->idle;
        w->idle = c->next_idle;
        if (w->to_send == 0 || (w->end_ns != 0 && now >= w->end_ns))
            return true;
        if (!start_pipeline(w, c, now))
            return false;
    }
    return true;
}

static bool
over(const struct worker *w, int64_t now)
{
    return w->in_flight == 0 && (w->to_send == 0 || (w->end_ns != 0 && now >= w->end_ns));
}

static void
loop(struct worker *w)
{
    struct epoll_event events[EVENTS];
    int64_t now = now_ns();

    for (int i = 0; i < w->count; i++)
        if (!start_pipeline(w, &w->clients[i], now))
            return;
    while (!over(w, now)) {
        struct timespec quiet = quiet_time(w, now);
        int n = epoll_pwait2(w->epoll, events, EVENTS, &quiet, NULL);
        if (n == 0 && w->in_flight > 0 && quiet.tv_sec == STALL_SECONDS) {
            fail(w, "no reply for 30 seconds");
            return;
        }
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if ((events[i].events & EPOLLOUT) && !push_out(w, c))
                return;
            if ((events[i].events & ~(uint32_t)EPOLLOUT) && !receive(w, c, &now))
                return;
        }
        if (w->interval_ns > 0 || n == 0) {
            now = now_ns();
            if (!start_due(w, now))
                return;
        }
    }
}

static void *
work(void *arg)
{
    struct worker *w = arg;
    struct rusage before, after;

    getrusage(RUSAGE_THREAD, &before);
    loop(w);
    getrusage(RUSAGE_THREAD, &after);
    w->result.seconds = (double)(now_ns() - w->record_from_ns) / 1e9;
    w->result.cpu_seconds = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
                            (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1e6 +
                            (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
                            (double)(after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
    return NULL;
}

static bool
prepare(struct worker *w, const struct load *l, int index, int threads)
{
    w->load = l;
    w->count = l->connections / threads + (index < l->connections % threads);
    w->clients = mem_get_zero(sizeof(*w->clients) * (size_t)w->count);
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    histogram_reset(&w->result.latency);
    if (l->over_time)
        timeline_init(&w->result.timeline);
    rng_seed(&w->rng, l->seed + (uint64_t)index * 0x9e3779b97f4a7c15u);
    w->sequence = l->key_count / (uint64_t)threads * (uint64_t)index;
    for (uint32_t i = 0; i < l->command_count; i++)
        w->weight_total += l->commands[i].weight;
    if (l->pick == KEYS_ZIPF && l->key_count > 2)
        zipf_prepare(w);
    uint64_t share = l->requests / (uint64_t)threads + ((uint64_t)index < l->requests % (uint64_t)threads);
    w->to_send = l->requests > 0 ? share : UINT64_MAX;
    if (l->rate > 0)
        w->interval_ns = 1e9 * l->pipeline * threads / l->rate;
    for (int i = 0; i < w->count; i++) {
        if (l->nodes != NULL)
            w->clients[i].node = &l->nodes->v[(uint32_t)(index + i * threads) % l->nodes->count];
        if (!open_client(w, &w->clients[i]))
            return false;
    }
    return true;
}

static void
finish(struct worker *w)
{
    for (int i = 0; i < w->count; i++) {
        struct client *c = &w->clients[i];
        close_client(c);
        buf_fini(&c->in);
        buf_fini(&c->out);
        reply_reader_fini(&c->reader);
    }
    if (w->epoll >= 0)
        close(w->epoll);
    mem_free(w->clients);
}

static void
add_result(struct load_result *r, struct load_result *part)
{
    histogram_merge(&r->latency, &part->latency);
    if (part->timeline.moments != NULL) {
        timeline_merge(&r->timeline, &part->timeline);
        timeline_fini(&part->timeline);
    }
    r->requests += part->requests;
    r->errors += part->errors;
    r->seconds = part->seconds > r->seconds ? part->seconds : r->seconds;
    r->cpu_seconds += part->cpu_seconds;
    r->failed |= part->failed;
    if (r->error[0] == '\0' || part->failed)
        memcpy(r->error, part->error, sizeof(r->error));
}

bool
load_run(const struct load *l, struct load_result *r)
{
    int threads = l->threads < l->connections ? l->threads : l->connections;
    struct worker *w = mem_get_zero(sizeof(*w) * (size_t)threads);
    bool ok = true;
    int started = 0;

    memset(r, 0, sizeof(*r));
    histogram_reset(&r->latency);
    if (l->over_time)
        timeline_init(&r->timeline);
    for (int i = 0; i < threads; i++)
        ok &= prepare(&w[i], l, i, threads);
    int64_t start = now_ns();
    for (int i = 0; ok && i < threads; i++, started++) {
        w[i].start_ns = start;
        w[i].record_from_ns = start + (int64_t)(l->warmup_seconds * 1e9);
        w[i].end_ns = l->seconds > 0 ? w[i].record_from_ns + (int64_t)(l->seconds * 1e9) : 0;
        /* Threads with a rate take turns rather than sending at the same moments. */
        w[i].next_due = (double)start + w[i].interval_ns * i / threads;
        if (threads == 1)
            work(&w[i]);
        else if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
            ok = fail(&w[i], "a thread could not be started");
    }
    for (int i = 0; i < started && threads > 1; i++)
        if (w[i].thread != 0)
            pthread_join(w[i].thread, NULL);
    for (int i = 0; i < threads; i++) {
        add_result(r, &w[i].result);
        finish(&w[i]);
    }
    mem_free(w);
    return ok && !r->failed;
}

void
load_result_fini(struct load_result *r)
{
    timeline_fini(&r->timeline);
}
