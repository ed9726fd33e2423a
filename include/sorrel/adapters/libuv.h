/* sorrel/adapters/libuv.h - connections of sorrel/async.h in a libuv loop. Link with -luv.
 *
 * The loop stays alive while a connection is open. sorrel_async_close() closes its handles; libuv frees them in the
 * next turn of the loop, so uv_run() once more before uv_loop_close(). Threads: as sorrel/async.h. Sends what that
 * sends.
 */
#ifndef SORREL_ADAPTERS_LIBUV_H
#define SORREL_ADAPTERS_LIBUV_H

#include "sorrel/async.h"

#include <uv.h>

struct sorrel_uv {
    uv_loop_t *loop;
    struct sorrel_async *async;
    uv_poll_t *poll; /* a new one for each socket */
    uv_timer_t *timer;
    int fd;
};

static inline void
sorrel_uv__free(uv_handle_t *h)
{
    sorrel_free(h);
}

static inline void
sorrel_uv__on_poll(uv_poll_t *h, int status, int events)
{
    struct sorrel_uv *l = (struct sorrel_uv *)h->data;

    sorrel_async_ready(l->async, status < 0 ? SORREL_WATCH_READ | SORREL_WATCH_WRITE
                                            : ((events & UV_READABLE) != 0 ? SORREL_WATCH_READ : 0) |
                                                  ((events & UV_WRITABLE) != 0 ? SORREL_WATCH_WRITE : 0));
}

static inline void
sorrel_uv__on_timer(uv_timer_t *h)
{
    struct sorrel_uv *l = (struct sorrel_uv *)h->data;

    sorrel_async_tick(l->async);
}

static inline void
sorrel_uv__watch(void *ctx, int fd, int watch)
{
    struct sorrel_uv *l = (struct sorrel_uv *)ctx;

    if (l->poll != NULL && (watch == SORREL_WATCH_NONE || l->fd != fd)) {
        uv_poll_stop(l->poll);
        uv_close((uv_handle_t *)l->poll, sorrel_uv__free);
        l->poll = NULL;
    }
    if (watch == SORREL_WATCH_NONE)
        return;
    if (l->poll == NULL) {
        l->poll = (uv_poll_t *)sorrel_alloc(sizeof(*l->poll));
        l->fd = fd;
        if (uv_poll_init(l->loop, l->poll, fd) != 0) {
            sorrel_free(l->poll);
            l->poll = NULL;
            return;
        }
        l->poll->data = l;
    }
    uv_poll_start(l->poll,
                  ((watch & SORREL_WATCH_READ) != 0 ? UV_READABLE : 0) |
                      ((watch & SORREL_WATCH_WRITE) != 0 ? UV_WRITABLE : 0),
                  sorrel_uv__on_poll);
}

static inline void
sorrel_uv__timer(void *ctx, int ms)
{
    struct sorrel_uv *l = (struct sorrel_uv *)ctx;

    if (ms < 0) {
        uv_timer_stop(l->timer);
        return;
    }
    uv_update_time(l->loop);
    uv_timer_start(l->timer, sorrel_uv__on_timer, (uint64_t)ms, 0);
}

static inline void
sorrel_uv__release(void *ctx)
{
    struct sorrel_uv *l = (struct sorrel_uv *)ctx;

    uv_timer_stop(l->timer);
    uv_close((uv_handle_t *)l->timer, sorrel_uv__free);
    sorrel_free(l);
}

/* Opens a connection in a loop. As sorrel_async_open(). */
static inline enum sorrel_rc
sorrel_uv_open(uv_loop_t *loop, const struct sorrel_url *u, const struct sorrel_async_options *o,
               struct sorrel_async **out, struct sorrel_error *err)
{
    struct sorrel_uv *l = (struct sorrel_uv *)sorrel_alloc(sizeof(*l));
    struct sorrel_loop how = {sorrel_uv__watch, sorrel_uv__timer, sorrel_uv__release, l, {0}};

    l->loop = loop;
    l->async = NULL;
    l->poll = NULL;
    l->fd = -1;
    l->timer = (uv_timer_t *)sorrel_alloc(sizeof(*l->timer));
    uv_timer_init(loop, l->timer);
    l->timer->data = l;
    enum sorrel_rc rc = sorrel_async_open(u, &how, o, &l->async, err);
    if (rc == SORREL_OK)
        *out = l->async;
    else
        sorrel_uv__release(l);
    return rc;
}

#endif
