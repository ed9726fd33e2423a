/* sorrel/adapters/epoll.h - connections of sorrel/async.h in an epoll loop of one's own.
 *
 * The loop keeps the descriptor of its epoll; each connection adds its socket and a timer to it. Whatever epoll_wait()
 * returns for them has a data.ptr that sorrel_epoll_dispatch() understands:
 *
 *     struct sorrel_epoll link = {0};
 *     sorrel_epoll_open(epfd, url, &options, &link, &err);        // link.async is the connection
 *     n = epoll_wait(epfd, events, 64, -1);
 *     for (i = 0; i < n; i++)
 *         sorrel_epoll_dispatch(events[i].data.ptr, events[i].events);
 *
 * The link is the caller's; it must live until the events that were fetched before sorrel_async_close() have been
 * dispatched: those of a closed connection are ignored. Threads: as sorrel/async.h. Sends what that sends.
 */
#ifndef SORREL_ADAPTERS_EPOLL_H
#define SORREL_ADAPTERS_EPOLL_H

#include "sorrel/async.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct sorrel_epoll;

struct sorrel_epoll_source {
    struct sorrel_epoll *link;
    bool is_timer;
};

struct sorrel_epoll {
    struct sorrel_async *async; /* NULL once it is closed */
    int epfd, fd, timer_fd;
    struct sorrel_epoll_source socket, timer;
};

static inline void
sorrel_epoll__watch(void *ctx, int fd, int watch)
{
    struct sorrel_epoll *l = (struct sorrel_epoll *)ctx;
    struct epoll_event e = {0};

    e.data.ptr = &l->socket;
    e.events = ((watch & SORREL_WATCH_READ) != 0 ? (uint32_t)EPOLLIN : 0) |
               ((watch & SORREL_WATCH_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0);
    if (watch == SORREL_WATCH_NONE) {
        if (l->fd == fd)
            (void)epoll_ctl(l->epfd, EPOLL_CTL_DEL, fd, &e);
        l->fd = -1;
        return;
    }
    (void)epoll_ctl(l->epfd, l->fd == fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
    l->fd = fd;
}

static inline void
sorrel_epoll__timer(void *ctx, int ms)
{
    struct sorrel_epoll *l = (struct sorrel_epoll *)ctx;
    struct itimerspec t = {{0, 0}, {0, 0}};

    if (ms >= 0) {
        t.it_value.tv_sec = ms / 1000;
        t.it_value.tv_nsec = ms == 0 ? 1 : ms % 1000 * 1000000L;
    }
    (void)timerfd_settime(l->timer_fd, 0, &t, NULL);
}

static inline void
sorrel_epoll__release(void *ctx)
{
    struct sorrel_epoll *l = (struct sorrel_epoll *)ctx;

    close(l->timer_fd);
    l->async = NULL;
    l->timer_fd = -1;
}

/* Opens a connection in the loop of epfd. As sorrel_async_open(); also fails with SORREL_ERR_BUSY when no timer can be
 * made. */
static inline enum sorrel_rc
sorrel_epoll_open(int epfd, const struct sorrel_url *u, const struct sorrel_async_options *o, struct sorrel_epoll *l,
                  struct sorrel_error *err)
{
    struct sorrel_loop loop = {sorrel_epoll__watch, sorrel_epoll__timer, sorrel_epoll__release, l, {0}};
    struct epoll_event e = {0};

    l->async = NULL;
    l->epfd = epfd;
    l->fd = -1;
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    l->socket.link = l->timer.link = l;
    l->socket.is_timer = false;
    l->timer.is_timer = true;
    e.events = EPOLLIN;
    e.data.ptr = &l->timer;
    enum sorrel_rc rc = SORREL_ERR_BUSY;
    if (l->timer_fd >= 0 && epoll_ctl(epfd, EPOLL_CTL_ADD, l->timer_fd, &e) == 0)
        rc = sorrel_async_open(u, &loop, o, &l->async, err);
    if (rc != SORREL_OK && l->timer_fd >= 0)
        close(l->timer_fd);
    return rc;
}

/* Hands one event to the connection that it is for. */
static inline void
sorrel_epoll_dispatch(void *ptr, uint32_t events)
{
    const struct sorrel_epoll_source *s = (const struct sorrel_epoll_source *)ptr;
    uint64_t times;

    if (s->link->async == NULL)
        return;
    if (s->is_timer) {
        if (read(s->link->timer_fd, &times, sizeof(times)) > 0)
            sorrel_async_tick(s->link->async);
        return;
    }
    sorrel_async_ready(s->link->async, ((events & ~(uint32_t)EPOLLOUT) != 0 ? SORREL_WATCH_READ : 0) |
                                           ((events & ~(uint32_t)EPOLLIN) != 0 ? SORREL_WATCH_WRITE : 0));
}

#endif
