#define _GNU_SOURCE
/* Connections in an epoll loop of one's own. */
#include <sorrel/adapters/epoll.h>
#include <sorrel/async.h>

static void loop_begin(void);
static enum sorrel_rc loop_open(const struct sorrel_url *u, const struct sorrel_async_options *o,
                                struct sorrel_error *err);
static void loop_run_until(const bool *done, int ms);
static void loop_end(void);

#include "async.h"

static int epfd;
static struct sorrel_epoll link_;

static void
loop_begin(void)
{
    epfd = epoll_create1(EPOLL_CLOEXEC);
}

static enum sorrel_rc
loop_open(const struct sorrel_url *u, const struct sorrel_async_options *o, struct sorrel_error *err)
{
    enum sorrel_rc rc = sorrel_epoll_open(epfd, u, o, &link_, err);

    conn = link_.async;
    return rc;
}

static void
loop_run_until(const bool *done, int ms)
{
    long long end = mono_ms() + ms;
    struct epoll_event events[8];

    while (!*done && mono_ms() < end) {
        int n = epoll_wait(epfd, events, 8, (int)(end - mono_ms()));
        for (int i = 0; i < n; i++)
            sorrel_epoll_dispatch(events[i].data.ptr, events[i].events);
    }
}

static void
loop_end(void)
{
    close(epfd);
}
