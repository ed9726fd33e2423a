/* client/pubsub.c - sorrel/pubsub.h: a list of subscriptions, and a thread that keeps the server's list equal to it.
 *
 * Callers only change the list and wake the thread. The thread owns the connection, sends what is missing, and reads. A
 * subscription knows whether it has been asked for and whether the server has confirmed it on the present connection.
 */
#include "sorrel/pubsub.h"

#include "base/mem.h"
#include "client/client_priv.h"
#include "client/command_priv.h"
#include "client/error_priv.h"
#include "client/worker_priv.h"
#include "sorrel/json.h"

#include <errno.h>
#include <time.h>

enum { PING_EVERY_MS = 10000, PING_ANSWER_MS = 5000, STEADY_MS = 1000 };

struct handler {
    struct handler *next;
    sorrel_message_fn *fn;
    void *ctx;
    bool dead; /* unsubscribed by a handler of the message that is being delivered; freed after that */
};

struct subscription {
    struct subscription *next;
    char *name;
    bool pattern, asked, confirmed, gone; /* gone: to be unsubscribed from, then freed */
    uint64_t turn;                        /* the server answers in the order of asking */
    struct sorrel_error refused;          /* the server's refusal, until it is asked again; SORREL_OK: none */
    struct handler *handlers;
};

struct sorrel_pubsub {
    struct sorrel_client *client;
    struct sorrel_pubsub_options opt;
    struct worker worker;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* something was confirmed, or a handler has returned */
    struct subscription *list;
    uint64_t turns;
    struct sorrel_conn *conn; /* the thread's */
    bool in_handler;
    pthread_t handler_thread; /* while in_handler */
};

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static struct subscription *
find_locked(struct sorrel_pubsub *p, const char *name, size_t len, bool pattern)
{
    struct subscription *s = p->list;

    while (s != NULL && (s->pattern != pattern || strlen(s->name) != len || memcmp(s->name, name, len) != 0))
        s = s->next;
    return s;
}

static void
drop_handlers(struct subscription *s, bool only_dead)
{
    for (struct handler **at = &s->handlers; *at != NULL;) {
        struct handler *h = *at;
        if (only_dead && !h->dead) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        mem_free(h);
    }
}

static void
free_subscription(struct subscription *s)
{
    drop_handlers(s, false);
    mem_free(s->name);
    mem_free(s);
}

/* Removes those that are gone and that the server does not know of any more. */
static void
sweep_locked(struct sorrel_pubsub *p)
{
    for (struct subscription **at = &p->list; *at != NULL;) {
        struct subscription *s = *at;
        if (s->gone && !s->asked) {
            *at = s->next;
            free_subscription(s);
        } else {
            at = &s->next;
        }
    }
}

static enum sorrel_rc
wait_confirmed_locked(struct sorrel_pubsub *p, const char *name, bool pattern, int wait_ms, struct sorrel_error *err)
{
    int64_t end_ns = command__now_ns() + (int64_t)wait_ms * 1000000;
    struct timespec end = {end_ns / 1000000000, end_ns % 1000000000};
    int e = 0;

    /* The thread itself cannot wait for itself. */
    if (wait_ms == 0 || (p->in_handler && pthread_equal(p->handler_thread, pthread_self())))
        return SORREL_OK;
    for (;;) {
        struct subscription *s = find_locked(p, name, strlen(name), pattern);
        if (s == NULL || s->confirmed)
            return SORREL_OK;
        if (s->refused.code != SORREL_OK)
            return error__set(err, s->refused.code, 0, "%s", s->refused.text);
        if (e == ETIMEDOUT)
            return error__set(err, SORREL_ERR_TIMEOUT, 0, "the server has not confirmed the subscription yet");
        e = wait_ms < 0 ? pthread_cond_wait(&p->changed, &p->lock)
                        : pthread_cond_timedwait(&p->changed, &p->lock, &end);
    }
}

/* Takes back a handler that was of no use. */
static void
remove_handler_locked(struct sorrel_pubsub *p, const char *name, bool pattern, const struct handler *which)
{
    struct subscription *s = find_locked(p, name, strlen(name), pattern);

    for (struct handler *h = s != NULL ? s->handlers : NULL; h != NULL; h = h->next)
        h->dead = h->dead || h == which;
    if (s == NULL || p->in_handler)
        return; /* whoever walks through them clears up */
    drop_handlers(s, true);
    s->gone = s->handlers == NULL;
    worker__wake(&p->worker);
}

static enum sorrel_rc
subscribe(struct sorrel_pubsub *p, const char *name, bool pattern, sorrel_message_fn *fn, void *ctx, int wait_ms,
          struct sorrel_error *err)
{
    struct handler *h = mem_get(sizeof(*h));

    *h = (struct handler){.fn = fn, .ctx = ctx};
    pthread_mutex_lock(&p->lock);
    struct subscription *s = find_locked(p, name, strlen(name), pattern);
    if (s == NULL) {
        s = mem_get_zero(sizeof(*s));
        s->name = command__dup(name, strlen(name));
        s->pattern = pattern;
        s->next = p->list;
        p->list = s;
    }
    s->gone = false;
    s->refused.code = SORREL_OK;
    struct handler **at = &s->handlers;
    while (*at != NULL)
        at = &(*at)->next;
    *at = h;
    worker__wake(&p->worker);
    enum sorrel_rc rc = wait_confirmed_locked(p, name, pattern, wait_ms, err);
    if (rc == SORREL_ERR_SERVER)
        remove_handler_locked(p, name, pattern, h);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

enum sorrel_rc
sorrel_pubsub_subscribe(struct sorrel_pubsub *p, const char *channel, sorrel_message_fn *fn, void *ctx, int wait_ms,
                        struct sorrel_error *err)
{
    return subscribe(p, channel, false, fn, ctx, wait_ms, err);
}

enum sorrel_rc
sorrel_pubsub_psubscribe(struct sorrel_pubsub *p, const char *pattern, sorrel_message_fn *fn, void *ctx, int wait_ms,
                         struct sorrel_error *err)
{
    return subscribe(p, pattern, true, fn, ctx, wait_ms, err);
}

static void
unsubscribe(struct sorrel_pubsub *p, const char *name, bool pattern)
{
    pthread_mutex_lock(&p->lock);
    struct subscription *s = find_locked(p, name, strlen(name), pattern);
    if (s != NULL) {
        s->gone = true;
        /* At once, before anybody subscribes again while we wait. Those of a message under way are still being walked
         * through, perhaps by a handler that calls this. */
        for (struct handler *h = s->handlers; h != NULL; h = h->next)
            h->dead = true;
        bool own = p->in_handler && pthread_equal(p->handler_thread, pthread_self());
        while (!own && p->in_handler)
            pthread_cond_wait(&p->changed, &p->lock);
        s = find_locked(p, name, strlen(name), pattern);
        if (s != NULL && !own)
            drop_handlers(s, true);
        worker__wake(&p->worker);
    }
    pthread_mutex_unlock(&p->lock);
}

void
sorrel_pubsub_unsubscribe(struct sorrel_pubsub *p, const char *channel)
{
    unsubscribe(p, channel, false);
}

void
sorrel_pubsub_punsubscribe(struct sorrel_pubsub *p, const char *pattern)
{
    unsubscribe(p, pattern, true);
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

static void
disconnect(struct sorrel_pubsub *p)
{
    sorrel_client_discard(p->client, p->conn);
    p->conn = NULL;
    pthread_mutex_lock(&p->lock);
    for (struct subscription *s = p->list; s != NULL; s = s->next) {
        s->asked = s->confirmed = false;
        s->refused.code = SORREL_OK; /* it may be allowed by now */
    }
    sweep_locked(p);
    pthread_mutex_unlock(&p->lock);
}

/* Sends what the server's list lacks or has too much of. */
static bool
send_changes(struct sorrel_pubsub *p)
{
    pthread_mutex_lock(&p->lock);
    for (struct subscription *s = p->list; s != NULL; s = s->next) {
        if (s->gone == !s->asked || s->refused.code != SORREL_OK)
            continue;
        const char *const argv[] = {s->gone ? (s->pattern ? "PUNSUBSCRIBE" : "UNSUBSCRIBE")
                                            : (s->pattern ? "PSUBSCRIBE" : "SUBSCRIBE"),
                                    s->name};
        sorrel_conn_append(p->conn, 2, argv, NULL);
        s->asked = !s->gone;
        s->confirmed = false;
        s->turn = p->turns++;
    }
    sweep_locked(p);
    pthread_mutex_unlock(&p->lock);
    return sorrel_conn_flush(p->conn, NULL) == SORREL_OK;
}

/* Calls the handlers of the subscription that the message came through. */
static void
deliver(struct sorrel_pubsub *p, const struct sorrel_reply *via, bool pattern, const struct sorrel_reply *channel,
        const struct sorrel_reply *payload)
{
    size_t len = 0;
    const char *name = sorrel_reply_text(via, &len);
    struct sorrel_message m = {0};

    char *channel_text = command__dup_text(channel, NULL), *payload_text = command__dup_text(payload, &m.len);
    pthread_mutex_lock(&p->lock);
    struct subscription *s = name != NULL ? find_locked(p, name, len, pattern) : NULL;
    if (s != NULL && channel_text != NULL && payload_text != NULL) {
        m.channel = channel_text;
        m.pattern = pattern ? s->name : NULL;
        m.payload = payload_text;
        m.json = sorrel_json_valid(payload_text, m.len);
        p->in_handler = true;
        p->handler_thread = pthread_self();
        /* The list stays as it is while in_handler: only its end may grow, and freeing waits. */
        for (struct handler *h = s->handlers; h != NULL; h = h->next) {
            if (h->dead)
                continue;
            pthread_mutex_unlock(&p->lock);
            int error = h->fn(h->ctx, &m);
            if (error != 0 && p->opt.on_error != NULL)
                p->opt.on_error(p->opt.ctx, &m, error);
            pthread_mutex_lock(&p->lock);
        }
        p->in_handler = false;
        drop_handlers(s, true);
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    mem_free(channel_text);
    mem_free(payload_text);
}

static void
confirm(struct sorrel_pubsub *p, const struct sorrel_reply *name, bool pattern)
{
    size_t len = 0;
    const char *text = sorrel_reply_text(name, &len);

    pthread_mutex_lock(&p->lock);
    struct subscription *s = text != NULL ? find_locked(p, text, len, pattern) : NULL;
    if (s != NULL && s->asked)
        s->confirmed = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

/* The server refuses the oldest subscription that it has not confirmed (this user may not read that channel). The
 * others are as they were. False if there is none: then the error means something else. */
static bool
refuse(struct sorrel_pubsub *p, const struct sorrel_reply *r)
{
    struct subscription *first = NULL;

    pthread_mutex_lock(&p->lock);
    for (struct subscription *s = p->list; s != NULL; s = s->next)
        if (s->asked && !s->confirmed && (first == NULL || s->turn < first->turn))
            first = s;
    if (first != NULL) {
        first->asked = false;
        (void)error__reply(&first->refused, SORREL_ERR_SERVER, r);
    }
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return first != NULL;
}

static bool
take(struct sorrel_pubsub *p, const struct sorrel_reply *r)
{
    const struct sorrel_reply *kind = sorrel_reply_at(r, 0), *a = sorrel_reply_at(r, 1), *b = sorrel_reply_at(r, 2);

    if (sorrel_reply_type(r) == SORREL_ERROR)
        return refuse(p, r);
    if (sorrel_reply_is(kind, "message"))
        deliver(p, a, false, a, b);
    else if (sorrel_reply_is(kind, "pmessage"))
        deliver(p, a, true, b, sorrel_reply_at(r, 3));
    else if (sorrel_reply_is(kind, "subscribe"))
        confirm(p, a, false);
    else if (sorrel_reply_is(kind, "psubscribe"))
        confirm(p, a, true);
    return true;
}

/* Returns when the connection is of no use any more or the thread must end. */
static void
listen_on(struct sorrel_pubsub *p)
{
    static const char *const ping[] = {"PING"};
    const struct sorrel_reply *r;
    bool pinged = false;

    while (!worker__stopping(&p->worker) && send_changes(p)) {
        enum worker_event event = worker__wait(&p->worker, p->conn, pinged ? PING_ANSWER_MS : PING_EVERY_MS);
        if (event == WORKER_WOKEN)
            continue;
        if (event == WORKER_TIMEOUT) {
            if (pinged)
                return;
            sorrel_conn_append(p->conn, 1, ping, NULL);
            pinged = true;
            continue;
        }
        pinged = false;
        if (sorrel_conn_next_any(p->conn, &r, NULL) != SORREL_OK || !take(p, r))
            return;
    }
}

static bool
has_work(struct sorrel_pubsub *p)
{
    pthread_mutex_lock(&p->lock);
    sweep_locked(p);
    bool any = p->list != NULL;
    pthread_mutex_unlock(&p->lock);
    return any;
}

static void
run(void *ctx)
{
    struct sorrel_pubsub *p = ctx;
    struct backoff pause;
    bool before = false;

    backoff__init(&pause, 20, 1000, -1);
    while (!worker__stopping(&p->worker)) {
        if (!has_work(p)) {
            (void)worker__wait(&p->worker, NULL, -1);
            continue;
        }
        if (sorrel_client_take(p->client, client__is_cluster(p->client) ? "" : NULL, &p->conn, NULL) == SORREL_OK) {
            int64_t since = command__now_ms();
            if (before && p->opt.on_gap != NULL)
                p->opt.on_gap(p->opt.ctx);
            before = true;
            listen_on(p);
            disconnect(p);
            /* One that breaks right away is no reason to hurry. */
            if (command__now_ms() - since >= STEADY_MS)
                backoff__init(&pause, 20, 1000, -1);
        }
        if (!worker__stopping(&p->worker))
            (void)worker__wait(&p->worker, NULL, (int)(backoff__next_us(&pause) / 1000) + 1);
    }
}

struct sorrel_pubsub *
sorrel_pubsub_new(struct sorrel_client *cl, const struct sorrel_pubsub_options *o)
{
    struct sorrel_pubsub *p = mem_get_zero(sizeof(*p));
    pthread_condattr_t attr;

    p->client = cl;
    if (o != NULL)
        p->opt = *o;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (!worker__start(&p->worker, run, p)) {
        sorrel_pubsub_free(p);
        return NULL;
    }
    return p;
}

void
sorrel_pubsub_free(struct sorrel_pubsub *p)
{
    if (p == NULL)
        return;
    worker__stop(&p->worker);
    while (p->list != NULL) {
        struct subscription *s = p->list;
        p->list = s->next;
        free_subscription(s);
    }
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

/* ---- publishing -------------------------------------------------------------------------------------------------- */

enum sorrel_rc
sorrel_publish(struct sorrel_client *cl, const char *channel, const void *payload, size_t len, int64_t *receivers,
               struct sorrel_error *err)
{
    struct command c = {0};

    command__words(&c, "PUBLISH", channel, NULL);
    command__bytes(&c, payload, len);
    return command__run_int(&c, cl, 0, receivers, err);
}

enum sorrel_rc
sorrel_publish_json(struct sorrel_client *cl, const char *channel, const char *json, int64_t *receivers,
                    struct sorrel_error *err)
{
    if (json == NULL || !sorrel_json_valid(json, strlen(json)))
        return error__set(err, SORREL_ERR_USAGE, 0, "the message is not valid JSON");
    return sorrel_publish(cl, channel, json, strlen(json), receivers, err);
}
