/* client/leader.c - sorrel/leader.h: a thread that waits for a lock and then works. */
#include "sorrel/leader.h"

#include "base/mem.h"
#include "client/command_priv.h"
#include "client/worker_priv.h"

enum { PERIOD_MS = 10000, WAIT_MS = 500 };

struct sorrel_leader {
    struct sorrel_leader_options opt;
    struct sorrel_lock *lock;
    struct worker worker;
};

static void
lost(void *ctx, struct sorrel_lock *lock)
{
    struct sorrel_leader *l = ctx;

    (void)lock;
    /* The thread sleeps between two calls of the job; it has to get in line again. */
    worker__wake(&l->worker);
}

/* Works until the lock is lost or the thread must end. */
static void
lead(struct sorrel_leader *l)
{
    int64_t next = command__now_ms();

    while (!worker__stopping(&l->worker) && sorrel_lock_held(l->lock)) {
        int64_t now = command__now_ms();
        if (now < next) {
            int64_t pause = next - now < l->opt.period_ms ? next - now : l->opt.period_ms;
            (void)worker__wait(&l->worker, NULL, (int)pause);
            continue;
        }
        next = now + l->opt.period_ms;
        if (l->opt.job != NULL)
            l->opt.job(l->opt.ctx, l, sorrel_lock_fence(l->lock));
    }
}

static void
campaign(void *ctx)
{
    struct sorrel_leader *l = ctx;

    while (!worker__stopping(&l->worker)) {
        struct sorrel_error err;
        enum sorrel_rc rc = sorrel_lock_acquire(l->lock, WAIT_MS, &err);
        if (rc == SORREL_OK) {
            if (l->opt.on_change != NULL)
                l->opt.on_change(l->opt.ctx, true);
            lead(l);
            (void)sorrel_lock_release(l->lock, NULL);
            if (l->opt.on_change != NULL)
                l->opt.on_change(l->opt.ctx, false);
        } else if (rc != SORREL_ERR_BUSY) {
            (void)worker__wait(&l->worker, NULL, WAIT_MS);
        }
    }
}

struct sorrel_leader *
sorrel_leader_new(struct sorrel_client *cl, const char *name, const struct sorrel_leader_options *o)
{
    struct sorrel_leader *l = mem_get_zero(sizeof(*l));

    if (o != NULL)
        l->opt = *o;
    if (l->opt.period_ms <= 0)
        l->opt.period_ms = PERIOD_MS;
    struct sorrel_lock_options lock = {.ttl_ms = l->opt.ttl_ms, .renew = true, .on_lost = lost, .ctx = l};
    l->lock = sorrel_lock_new(cl, name, &lock);
    if (!worker__start(&l->worker, campaign, l)) {
        sorrel_lock_free(l->lock);
        mem_free(l);
        return NULL;
    }
    return l;
}

void
sorrel_leader_free(struct sorrel_leader *l)
{
    if (l == NULL)
        return;
    worker__stop(&l->worker);
    sorrel_lock_free(l->lock);
    mem_free(l);
}

bool
sorrel_leader_is(struct sorrel_leader *l)
{
    return sorrel_lock_held(l->lock);
}
