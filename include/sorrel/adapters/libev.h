/* sorrel/adapters/libev.h - connections of sorrel/async.h in a libev loop. Link with -lev.
 *
 * Threads: as sorrel/async.h. Sends what that sends.
 */
#ifndef SORREL_ADAPTERS_LIBEV_H
#define SORREL_ADAPTERS_LIBEV_H

#include "sorrel/async.h"

#include <ev.h>

struct sorrel_ev {
    struct ev_loop *loop;
    struct sorrel_async *async;
    ev_io io;
    ev_timer timer;
};

static inline void
sorrel_ev__on_io(struct ev_loop *loop, ev_io *w, int events)
{
    struct sorrel_ev *l = (struct sorrel_ev *)w->data;

    (void)loop;
    sorrel_async_ready(l->async, ((events & EV_READ) != 0 ? SORREL_WATCH_READ : 0) |
                                     ((events & EV_WRITE) != 0 ? SORREL_WATCH_WRITE : 0));
}

static inline void
sorrel_ev__on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    struct sorrel_ev *l = (struct sorrel_ev *)w->data;

    (void)loop;
    (void)events;
    sorrel_async_tick(l->async);
}

static inline void
sorrel_ev__watch(void *ctx, int fd, int watch)
{
    struct sorrel_ev *l = (struct sorrel_ev *)ctx;

    ev_io_stop(l->loop, &l->io);
    if (watch == SORREL_WATCH_NONE)
        return;
    ev_io_set(&l->io, fd,
              ((watch & SORREL_WATCH_READ) != 0 ? EV_READ : 0) | ((watch & SORREL_WATCH_WRITE) != 0 ? EV_WRITE : 0));
    ev_io_start(l->loop, &l->io);
}

static inline void
sorrel_ev__timer(void *ctx, int ms)
{
    struct sorrel_ev *l = (struct sorrel_ev *)ctx;

    ev_timer_stop(l->loop, &l->timer);
    if (ms < 0)
        return;
    ev_now_update(l->loop);
    ev_timer_set(&l->timer, ms / 1000.0, 0.);
    ev_timer_start(l->loop, &l->timer);
}

static inline void
sorrel_ev__release(void *ctx)
{
    struct sorrel_ev *l = (struct sorrel_ev *)ctx;

    ev_io_stop(l->loop, &l->io);
    ev_timer_stop(l->loop, &l->timer);
    sorrel_free(l);
}

/* Opens a connection in a loop. As sorrel_async_open(). */
static inline enum sorrel_rc
sorrel_ev_open(struct ev_loop *loop, const struct sorrel_url *u, const struct sorrel_async_options *o,
               struct sorrel_async **out, struct sorrel_error *err)
{
    struct sorrel_ev *l = (struct sorrel_ev *)sorrel_alloc(sizeof(*l));
    struct sorrel_loop how = {sorrel_ev__watch, sorrel_ev__timer, sorrel_ev__release, l, {0}};

    l->loop = loop;
    l->async = NULL;
    l->io.active = l->io.pending = l->io.priority = 0;
    l->io.cb = sorrel_ev__on_io;
    l->io.data = l;
    l->timer.active = l->timer.pending = l->timer.priority = 0;
    l->timer.cb = sorrel_ev__on_timer;
    l->timer.repeat = 0.;
    l->timer.data = l;
    enum sorrel_rc rc = sorrel_async_open(u, &how, o, &l->async, err);
    if (rc == SORREL_OK)
        *out = l->async;
    else
        sorrel_free(l);
    return rc;
}

#endif
