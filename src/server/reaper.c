/* server/reaper.c - one thread, one queue. */
#include "server/reaper.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/cores.h"
#include "base/mem.h"
#include "value/entry.h"

#include <pthread.h>
#include <time.h>

enum { DECAY_EVERY_S = 1 };

struct job {
    void (*work)(void *arg);
    void *arg;
};

struct reaper {
    pthread_t thread;
    struct slice cores;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job *queue; /* guarded by lock, as all that follows */
    size_t n, cap;
    size_t busy; /* taken off the queue and not yet freed */
    size_t freed;
    bool stop;
};

static void *
run(void *arg)
{
    struct reaper *r = arg;
    struct clock clock = clock_system(); /* the one that pthread_cond_timedwait() goes by */

    mem_thread_attach();
    cores_pin(r->cores);
    pthread_mutex_lock(&r->lock);
    for (;;) {
        while (r->n == 0 && !r->stop) {
            int64_t now_ns = clock_mono_ns(&clock);
            struct timespec until = {now_ns / 1000000000 + DECAY_EVERY_S, now_ns % 1000000000};
            if (pthread_cond_timedwait(&r->more, &r->lock, &until) == 0)
                continue;
            pthread_mutex_unlock(&r->lock);
            mem_decay();
            pthread_mutex_lock(&r->lock);
        }
        if (r->n == 0)
            break;
        struct job *batch = r->queue;
        size_t n = r->n;
        r->queue = NULL;
        r->n = r->cap = 0;
        r->busy = n;
        pthread_mutex_unlock(&r->lock);
        for (size_t i = 0; i < n; i++)
            batch[i].work(batch[i].arg);
        mem_free(batch);
        pthread_mutex_lock(&r->lock);
        r->busy = 0;
        r->freed += n;
    }
    pthread_mutex_unlock(&r->lock);
    mem_thread_detach();
    return NULL;
}

struct reaper *
reaper_new(struct slice cores)
{
    struct reaper *r = mem_get_zero(sizeof(*r));
    pthread_condattr_t attr;

    r->cores = cores;
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->more, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&r->thread, NULL, run, r) != 0) {
        mem_free(r);
        return NULL;
    }
    (void)pthread_setname_np(r->thread, "reaper");
    return r;
}

void
reaper_free(struct reaper *r)
{
    if (r == NULL)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->more);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->more);
    pthread_mutex_destroy(&r->lock);
    mem_free(r->queue);
    mem_free(r);
}

void
reaper_run(struct reaper *r, void (*work)(void *arg), void *arg)
{
    pthread_mutex_lock(&r->lock);
    if (r->n == r->cap) {
        r->cap = r->cap == 0 ? 64 : r->cap * 2;
        r->queue = mem_resize(r->queue, r->cap * sizeof(*r->queue));
    }
    r->queue[r->n++] = (struct job){work, arg};
    if (r->n == 1)
        pthread_cond_signal(&r->more);
    pthread_mutex_unlock(&r->lock);
}

static void
free_entry(void *arg)
{
    entry_free(arg);
}

void
reaper_put(struct reaper *r, struct entry *e)
{
    reaper_run(r, free_entry, e);
}

size_t
reaper_pending(struct reaper *r)
{
    pthread_mutex_lock(&r->lock);
    size_t n = r->n + r->busy;
    pthread_mutex_unlock(&r->lock);
    return n;
}

size_t
reaper_freed(struct reaper *r)
{
    pthread_mutex_lock(&r->lock);
    size_t n = r->freed;
    pthread_mutex_unlock(&r->lock);
    return n;
}
