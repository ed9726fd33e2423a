/* client/pool.c - a stack of idle connections under one lock. Connecting and checking happen outside of it.
 *
 * The stack gives out what came back last, so that in quiet times the others stay idle long enough to be found closed.
 * When the server behind the pool changes (a failover), the generation goes up: idle connections are closed at once,
 * taken ones when they come back, and those who wait for a reply on one can be cut loose.
 */
#include "sorrel/pool.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "client/error_priv.h"
#include "client/pool_priv.h"
#include "client/stream.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_DEFAULT = 16, PAUSE_DEFAULT_MS = 20, PAUSE_MAX_MS = 1000, HEALTH_ANSWER_MS = 5000 };

struct idle {
    struct sorrel_conn *conn;
    int64_t since_ns;
};

struct taken {
    struct sorrel_conn *conn;
    uint64_t generation;
};

struct sorrel_pool {
    struct sorrel_url url;
    struct sorrel_pool_options opt;
    struct pool_opener how; /* all-zero: to the URL */
    uint64_t generation;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct idle *idle; /* room for max_connections */
    int idle_count;
    struct taken *taken; /* likewise */
    int taken_count;
    struct rng rng; /* for jitter */
    struct sorrel_pool_stats stats;
    pid_t owner; /* the process that the connections belong to */
};

bool
pool__has_taken(struct sorrel_pool *p, const struct sorrel_conn *c)
{
    bool found = false;

    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < p->taken_count; i++)
        found = found || p->taken[i].conn == c;
    pthread_mutex_unlock(&p->lock);
    return found;
}

static int64_t
now_ns(void)
{
    struct clock c = clock_system();

    return clock_mono_ns(&c);
}

struct sorrel_pool *
sorrel_pool_new(const struct sorrel_url *u, const struct sorrel_pool_options *o)
{
    static const struct sorrel_url local = {0};
    struct sorrel_pool *p = mem_get_zero(sizeof(*p));
    pthread_condattr_t attr;

    if (u == NULL)
        u = &local;
    sorrel_url_copy(u, &p->url);
    p->owner = getpid();
    if (o != NULL)
        p->opt = *o;
    if (p->opt.max_connections <= 0)
        p->opt.max_connections = u->max_connections > 0 ? u->max_connections : CONNECTIONS_DEFAULT;
    if (p->opt.retry_pause_ms <= 0)
        p->opt.retry_pause_ms = PAUSE_DEFAULT_MS;
    p->idle = mem_get_array((size_t)p->opt.max_connections, sizeof(*p->idle));
    p->taken = mem_get_array((size_t)p->opt.max_connections, sizeof(*p->taken));
    rng_seed(&p->rng, (uint64_t)now_ns());
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->freed, &attr);
    pthread_condattr_destroy(&attr);
    return p;
}

/* In the child of a fork: the connections are the parent's, who goes on using them. The child lets go of them without a
 * word, and of the ones taken knows nothing. */
static void
leave_to_parent_locked(struct sorrel_pool *p)
{
    pid_t self = getpid();

    if (p->owner == self)
        return;
    p->owner = self;
    p->generation++;
    while (p->idle_count > 0)
        conn_abandon(p->idle[--p->idle_count].conn);
    p->taken_count = 0;
    p->stats = (struct sorrel_pool_stats){0};
}

void
sorrel_pool_free(struct sorrel_pool *p)
{
    if (p == NULL)
        return;
    leave_to_parent_locked(p);
    for (int i = 0; i < p->idle_count; i++)
        sorrel_conn_close(p->idle[i].conn);
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->lock);
    sorrel_url_fini(&p->url);
    mem_free(p->idle);
    mem_free(p->taken);
    mem_free(p);
}

void
pool__opener(struct sorrel_pool *p, struct pool_opener how)
{
    p->how = how;
}

void
pool__renew(struct sorrel_pool *p, bool cut)
{
    pthread_mutex_lock(&p->lock);
    p->generation++;
    while (p->idle_count > 0) {
        sorrel_conn_close(p->idle[--p->idle_count].conn);
        p->stats.open--;
        p->stats.dropped++;
    }
    /* Closing is their holders' business; a socket that is shut down ends their waiting. */
    for (int i = 0; cut && i < p->taken_count; i++)
        (void)shutdown(sorrel_conn_fd(p->taken[i].conn), SHUT_RDWR);
    pthread_cond_broadcast(&p->freed);
    pthread_mutex_unlock(&p->lock);
}

/* Waits for a place with the lock held. False when the time is over. */
static bool
wait_for_place_locked(struct sorrel_pool *p)
{
    int64_t deadline_ns = now_ns() + (int64_t)p->opt.wait_ms * 1000000;
    struct timespec deadline = {deadline_ns / 1000000000, deadline_ns % 1000000000};
    bool ok = true;

    p->stats.waiting++;
    while (ok && p->idle_count == 0 && p->stats.open >= p->opt.max_connections) {
        if (p->opt.wait_ms < 0)
            pthread_cond_wait(&p->freed, &p->lock);
        else
            ok = p->opt.wait_ms > 0 && pthread_cond_timedwait(&p->freed, &p->lock, &deadline) != ETIMEDOUT;
    }
    p->stats.waiting--;
    return ok || p->idle_count > 0 || p->stats.open < p->opt.max_connections;
}

/* An idle connection has nothing to say: bytes or an end mean that it is of no use any more. */
static bool
is_fit(const struct sorrel_pool *p, struct sorrel_conn *c, int64_t idle_ns)
{
    if (stream_state(conn_stream(c)) != STREAM_QUIET)
        return false;
    if (p->url.health_check_ms == 0 || idle_ns < (int64_t)p->url.health_check_ms * 1000000)
        return true;
    int limit = p->url.connect_timeout_ms > 0 ? p->url.connect_timeout_ms : HEALTH_ANSWER_MS;
    if (p->url.socket_timeout_ms > 0 && p->url.socket_timeout_ms < limit)
        limit = p->url.socket_timeout_ms;
    sorrel_conn_set_timeout(c, limit);
    bool alive = sorrel_reply_is(sorrel_conn_do(c, NULL, "PING", NULL), "PONG");
    sorrel_conn_set_timeout(c, p->url.socket_timeout_ms);
    return alive;
}

static void
pause_before_retry(struct sorrel_pool *p, int attempt)
{
    int64_t ms = p->opt.retry_pause_ms;

    for (int i = 0; i < attempt && ms < PAUSE_MAX_MS; i++)
        ms *= 2;
    ms = ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
    pthread_mutex_lock(&p->lock);
    int64_t us = ms * 500 + (int64_t)rng_below(&p->rng, (uint64_t)ms * 500 + 1);
    pthread_mutex_unlock(&p->lock);
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&t, NULL);
}

static enum sorrel_rc
open_with_retries(struct sorrel_pool *p, struct sorrel_conn **out, struct sorrel_error *err)
{
    enum sorrel_rc rc;

    for (int attempt = 0;; attempt++) {
        rc = p->how.open != NULL ? p->how.open(p->how.ctx, out, err) : sorrel_conn_open(&p->url, out, err);
        /* What the server refuses once it refuses again. */
        if (rc == SORREL_OK || rc == SORREL_ERR_AUTH || rc == SORREL_ERR_USAGE || attempt >= p->opt.retries)
            return rc;
        pause_before_retry(p, attempt);
    }
}

static void
count_closed(struct sorrel_pool *p, bool dropped)
{
    pthread_mutex_lock(&p->lock);
    p->stats.open--;
    p->stats.dropped += dropped;
    pthread_cond_signal(&p->freed);
    pthread_mutex_unlock(&p->lock);
}

enum sorrel_rc
sorrel_pool_take(struct sorrel_pool *p, struct sorrel_conn **out, struct sorrel_error *err)
{
    for (;;) {
        struct idle found = {0};
        pthread_mutex_lock(&p->lock);
        leave_to_parent_locked(p);
        if (!wait_for_place_locked(p)) {
            pthread_mutex_unlock(&p->lock);
            return error__set(err, SORREL_ERR_BUSY, 0, "all %d connections of the pool are taken",
                              p->opt.max_connections);
        }
        if (p->idle_count > 0)
            found = p->idle[--p->idle_count];
        else
            p->stats.open++; /* the place is ours while we connect */
        uint64_t generation = p->generation;
        pthread_mutex_unlock(&p->lock);

        bool fresh = found.conn == NULL;
        if (fresh) {
            enum sorrel_rc rc = open_with_retries(p, &found.conn, err);
            if (rc != SORREL_OK) {
                count_closed(p, false);
                return rc;
            }
        } else if (!is_fit(p, found.conn, now_ns() - found.since_ns)) {
            sorrel_conn_close(found.conn);
            count_closed(p, true);
            continue;
        }
        pthread_mutex_lock(&p->lock);
        if (p->generation != generation) { /* the server changed meanwhile: nobody could cut this one loose any more */
            pthread_mutex_unlock(&p->lock);
            sorrel_conn_close(found.conn);
            count_closed(p, true);
            continue;
        }
        p->stats.opened += fresh;
        p->stats.reused += !fresh;
        p->taken[p->taken_count++] = (struct taken){found.conn, generation};
        pthread_mutex_unlock(&p->lock);
        *out = found.conn;
        return SORREL_OK;
    }
}

/* False if it is not one of ours: it was taken before a fork. *current: it leads to where a new one would lead. */
static bool
remove_taken_locked(struct sorrel_pool *p, const struct sorrel_conn *c, bool *current)
{
    for (int i = 0; i < p->taken_count; i++) {
        if (p->taken[i].conn == c) {
            *current = p->taken[i].generation == p->generation;
            p->taken[i] = p->taken[--p->taken_count];
            return true;
        }
    }
    return false;
}

void
sorrel_pool_give(struct sorrel_pool *p, struct sorrel_conn *c)
{
    if (c == NULL)
        return;
    bool whole = !sorrel_conn_broken(c) && sorrel_conn_outstanding(c) == 0, current = false;
    pthread_mutex_lock(&p->lock);
    bool ours = remove_taken_locked(p, c, &current);
    whole = whole && ours && current;
    if (whole) {
        p->idle[p->idle_count++] = (struct idle){c, now_ns()};
        pthread_cond_signal(&p->freed);
    }
    pthread_mutex_unlock(&p->lock);
    if (!ours) {
        conn_abandon(c);
    } else if (!whole) {
        sorrel_conn_close(c);
        count_closed(p, true);
    }
}

void
sorrel_pool_discard(struct sorrel_pool *p, struct sorrel_conn *c)
{
    if (c == NULL)
        return;
    bool current;
    pthread_mutex_lock(&p->lock);
    bool ours = remove_taken_locked(p, c, &current);
    pthread_mutex_unlock(&p->lock);
    if (!ours) {
        conn_abandon(c);
        return;
    }
    sorrel_conn_close(c);
    count_closed(p, true);
}

void
sorrel_pool_stats(struct sorrel_pool *p, struct sorrel_pool_stats *out)
{
    pthread_mutex_lock(&p->lock);
    *out = p->stats;
    out->idle = p->idle_count;
    out->taken = p->stats.open - p->idle_count; /* those being opened count */
    pthread_mutex_unlock(&p->lock);
}
