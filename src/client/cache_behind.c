/* client/cache_behind.c - writes that the store gets later: a bounded queue and a thread.
 *
 * A second write to a key that is still waiting takes the first one's place and keeps its time. A write that fails
 * stays at the head and is tried again, so that no later write of its key overtakes it.
 */
#include "base/mem.h"
#include "client/backoff_priv.h"
#include "client/cache_priv.h"
#include "client/command_priv.h"
#include "client/error_priv.h"

static struct pending *
find_locked(struct sorrel_cache *c, const char *key)
{
    struct pending *p = c->first;

    while (p != NULL && strcmp(p->key, key) != 0)
        p = p->next;
    return p;
}

static void
free_pending(struct pending *p)
{
    mem_free(p->key);
    mem_free(p->value);
    mem_free(p);
}

enum sorrel_rc
behind__add(struct sorrel_cache *c, const char *key, const char *value, size_t len, struct sorrel_error *err)
{
    int64_t deadline = command__now_ms() + c->opt.behind_wait_ms;
    bool in_time = true;

    pthread_mutex_lock(&c->lock);
    while (find_locked(c, key) == NULL && c->stats.pending >= (size_t)c->opt.behind_max && in_time) {
        c->hurry = true;
        worker__wake(&c->worker);
        in_time = cache__wait_locked(c, deadline);
    }
    struct pending *p = find_locked(c, key);
    bool room = p != NULL || c->stats.pending < (size_t)c->opt.behind_max;
    if (room && p == NULL) {
        p = mem_get_zero(sizeof(*p));
        p->key = command__dup(key, strlen(key));
        p->due_ms = command__now_ms() + c->opt.behind_delay_ms;
        *c->last = p;
        c->last = &p->next;
        c->stats.pending++;
        worker__wake(&c->worker);
    }
    if (room) {
        mem_free(p->value);
        p->value = value != NULL ? command__dup(value, len) : NULL;
        p->len = len;
    }
    pthread_mutex_unlock(&c->lock);
    return room ? SORREL_OK : error__set(err, SORREL_ERR_BUSY, 0, "%d writes are pending", c->opt.behind_max);
}

bool
behind__find(struct sorrel_cache *c, const char *key, char **value, size_t *len)
{
    pthread_mutex_lock(&c->lock);
    struct pending *p = find_locked(c, key);
    if (p == NULL && c->storing != NULL && strcmp(c->storing->key, key) == 0)
        p = c->storing;
    if (p != NULL) {
        *value = p->value != NULL ? command__dup(p->value, p->len) : NULL;
        if (len != NULL)
            *len = p->len;
    }
    pthread_mutex_unlock(&c->lock);
    return p != NULL;
}

/* Takes the oldest write off the queue if its time has come; else says how long that will be, -1 for ever. */
static struct pending *
next_due(struct sorrel_cache *c, int *wait_ms)
{
    pthread_mutex_lock(&c->lock);
    struct pending *p = c->first;
    int64_t left = p != NULL ? p->due_ms - command__now_ms() : -1;
    bool due = p != NULL && (left <= 0 || c->hurry || worker__stopping(&c->worker));
    *wait_ms = p == NULL ? -1 : (int)left;
    if (p == NULL)
        c->hurry = false;
    if (due) {
        c->first = p->next;
        if (c->first == NULL)
            c->last = &c->first;
        c->storing = p;
    }
    pthread_mutex_unlock(&c->lock);
    return due ? p : NULL;
}

static void
finish(struct sorrel_cache *c, struct pending *p, bool stored)
{
    pthread_mutex_lock(&c->lock);
    c->storing = NULL;
    c->stats.stores += stored;
    c->stats.store_failures += !stored;
    if (stored)
        cache__changed_locked(c, p->key);
    if (stored || find_locked(c, p->key) != NULL) {
        /* Stored, or replaced meanwhile by a later write that is yet to come. */
        c->stats.pending--;
        free_pending(p);
    } else {
        p->next = c->first;
        if (c->first == NULL)
            c->last = &p->next;
        c->first = p;
    }
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void
store_pending(void *ctx)
{
    struct sorrel_cache *c = ctx;
    struct backoff pause;

    backoff__init(&pause, 20, 2000, -1);
    while (!worker__stopping(&c->worker)) {
        int wait_ms;
        struct pending *p = next_due(c, &wait_ms);
        if (p == NULL) {
            (void)worker__wait(&c->worker, NULL, wait_ms);
            continue;
        }
        bool stored = c->opt.store(c->opt.ctx, p->key, p->value, p->len);
        finish(c, p, stored);
        if (stored)
            backoff__init(&pause, 20, 2000, -1);
        else
            (void)worker__wait(&c->worker, NULL, (int)(backoff__next_us(&pause) / 1000) + 1);
    }
}

bool
behind__start(struct sorrel_cache *c)
{
    return worker__start(&c->worker, store_pending, c);
}

size_t
behind__stop(struct sorrel_cache *c)
{
    size_t lost = 0;

    worker__stop(&c->worker);
    while (c->first != NULL) {
        struct pending *p = c->first;
        c->first = p->next;
        free_pending(p);
        lost++;
    }
    c->last = &c->first;
    c->stats.pending = 0;
    return lost;
}
