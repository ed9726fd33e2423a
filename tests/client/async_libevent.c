#define _GNU_SOURCE
/* Connections in a libevent loop.
 * link: -levent_core
 */
#include <sorrel/adapters/libevent.h>

static void loop_begin(void);
static enum sorrel_rc loop_open(const struct sorrel_url *u, const struct sorrel_async_options *o,
                                struct sorrel_error *err);
static void loop_run_until(const bool *done, int ms);
static void loop_end(void);

#include "async.h"

static struct event_base *base;

static void
loop_begin(void)
{
    base = event_base_new();
}

static enum sorrel_rc
loop_open(const struct sorrel_url *u, const struct sorrel_async_options *o, struct sorrel_error *err)
{
    return sorrel_libevent_open(base, u, o, &conn, err);
}

static void
at_end(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    (void)events;
    *(bool *)ctx = true;
}

static void
loop_run_until(const bool *done, int ms)
{
    bool over = false;
    struct timeval t = {ms / 1000, ms % 1000 * 1000L};
    struct event *end = event_new(base, -1, 0, at_end, &over);

    event_add(end, &t);
    while (!*done && !over)
        event_base_loop(base, EVLOOP_ONCE);
    event_free(end);
}

static void
loop_end(void)
{
    event_base_free(base);
}
