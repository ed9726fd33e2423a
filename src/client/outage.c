/* client/outage.c - see outage_priv.h. */
#include "client/outage_priv.h"

#include "client/command_priv.h"

enum { PAUSE_MS = 500 };

void
outage__init(struct outage *o)
{
    pthread_mutex_init(&o->lock, NULL);
}

void
outage__fini(struct outage *o)
{
    pthread_mutex_destroy(&o->lock);
}

bool
outage__ask(struct outage *o, struct sorrel_error *err)
{
    pthread_mutex_lock(&o->lock);
    bool ask = !o->down || (!o->asking && command__now_ms() >= o->again_ms);
    o->asking = o->down && (o->asking || ask);
    if (!ask && err != NULL)
        *err = o->why;
    pthread_mutex_unlock(&o->lock);
    return ask;
}

void
outage__answer(struct outage *o, enum sorrel_rc rc, const struct sorrel_error *err)
{
    pthread_mutex_lock(&o->lock);
    o->down = rc == SORREL_ERR_CONNECT || rc == SORREL_ERR_TIMEOUT;
    o->asking = false;
    if (o->down) {
        o->again_ms = command__now_ms() + PAUSE_MS;
        o->why = *err;
    }
    pthread_mutex_unlock(&o->lock);
}
