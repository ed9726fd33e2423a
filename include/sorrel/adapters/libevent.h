/* sorrel/adapters/libevent.h - connections of sorrel/async.h in a libevent loop. Link with -levent_core.
 *
 * Threads: as sorrel/async.h. Sends what that sends.
 */
#ifndef SORREL_ADAPTERS_LIBEVENT_H
#define SORREL_ADAPTERS_LIBEVENT_H

#include "sorrel/async.h"

#include <event2/event.h>

struct sorrel_libevent {
    struct event_base *base;
    struct sorrel_async *async;
    struct event *io; /* a new one for each kind of interest */
    struct event *timer;
};

static inline void
sorrel_libevent__on_io(evutil_socket_t fd, short events, void *ctx)
{
    struct sorrel_libevent *l = (struct sorrel_libevent *)ctx;

    (void)fd;
    sorrel_async_ready(l->async, ((events & EV_READ) != 0 ? SORREL_WATCH_READ : 0) |
                                     ((events & EV_WRITE) != 0 ? SORREL_WATCH_WRITE : 0));
}

static inline void
sorrel_libevent__on_timer(evutil_socket_t fd, short events, void *ctx)
{
    struct sorrel_libevent *l = (struct sorrel_libevent *)ctx;

    (void)fd;
    (void)events;
    sorrel_async_tick(l->async);
}

static inline void
sorrel_libevent__watch(void *ctx, int fd, int watch)
{
    struct sorrel_libevent *l = (struct sorrel_libevent *)ctx;
    short events = (short)(EV_PERSIST | ((watch & SORREL_WATCH_READ) != 0 ? EV_READ : 0) |
                           ((watch & SORREL_WATCH_WRITE) != 0 ? EV_WRITE : 0));

    if (l->io != NULL)
        event_free(l->io);
    l->io = watch == SORREL_WATCH_NONE ? NULL : event_new(l->base, fd, events, sorrel_libevent__on_io, l);
    if (l->io != NULL)
        event_add(l->io, NULL);
}

static inline void
sorrel_libevent__timer(void *ctx, int ms)
{
    struct sorrel_libevent *l = (struct sorrel_libevent *)ctx;
    struct timeval t = {ms / 1000, ms % 1000 * 1000L};

    if (ms < 0)
        event_del(l->timer);
    else
        event_add(l->timer, &t);
}

static inline void
sorrel_libevent__release(void *ctx)
{
    struct sorrel_libevent *l = (struct sorrel_libevent *)ctx;

    if (l->io != NULL)
        event_free(l->io);
    event_free(l->timer);
    sorrel_free(l);
}

/* Opens a connection in a loop. As sorrel_async_open(); also fails with SORREL_ERR_BUSY when no timer can be made. */
static inline enum sorrel_rc
sorrel_libevent_open(struct event_base *base, const struct sorrel_url *u, const struct sorrel_async_options *o,
                     struct sorrel_async **out, struct sorrel_error *err)
{
    struct sorrel_libevent *l = (struct sorrel_libevent *)sorrel_alloc(sizeof(*l));
    struct sorrel_loop how = {sorrel_libevent__watch, sorrel_libevent__timer, sorrel_libevent__release, l, {0}};

    l->base = base;
    l->async = NULL;
    l->io = NULL;
    l->timer = event_new(base, -1, 0, sorrel_libevent__on_timer, l);
    if (l->timer == NULL) {
        sorrel_free(l);
        return SORREL_ERR_BUSY;
    }
    enum sorrel_rc rc = sorrel_async_open(u, &how, o, &l->async, err);
    if (rc == SORREL_OK)
        *out = l->async;
    else
        sorrel_libevent__release(l);
    return rc;
}

#endif
