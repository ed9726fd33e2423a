/* store/chore.c - see chore.h. */
#include "store/chore.h"

#include "base/check.h"
#include "base/cores.h"
#include "base/mem.h"

#include <stddef.h>

static void *
run(void *arg)
{
    struct chore *c = arg;

    mem_thread_attach();
    cores_pin(c->cores);
    c->work(c->arg);
    mem_thread_detach();
    c->done = true;
    return NULL;
}

void
chore_begin(struct chore *c, bool threaded, struct slice cores, void (*work)(void *arg), void *arg)
{
    CHECK(c->work == NULL);
    c->work = work;
    c->arg = arg;
    c->cores = cores;
    c->done = false;
    c->threaded = threaded && pthread_create(&c->thread, NULL, run, c) == 0;
}

void
chore_wait(struct chore *c)
{
    if (c->work == NULL)
        return;
    if (c->threaded)
        (void)pthread_join(c->thread, NULL);
    else
        c->work(c->arg);
    c->work = NULL;
}

bool
chore_is_over(struct chore *c)
{
    if (c->work != NULL && c->threaded && !c->done)
        return false;
    chore_wait(c);
    return true;
}
