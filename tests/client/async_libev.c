#define _GNU_SOURCE
/* Connections in a libev loop.
 * link: -lev
 */
#include <sorrel/adapters/libev.h>

static void loop_begin(void);
static enum sorrel_rc loop_open(const struct sorrel_url *u, const struct sorrel_async_options *o,
                                struct sorrel_error *err);
static void loop_run_until(const bool *done, int ms);
static void loop_end(void);

#include "async.h"

static struct ev_loop *loop;

static void
loop_begin(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
}

static enum sorrel_rc
loop_open(const struct sorrel_url *u, const struct sorrel_async_options *o, struct sorrel_error *err)
{
    return sorrel_ev_open(loop, u, o, &conn, err);
}

static void
at_end(struct ev_loop *l, ev_timer *t, int events)
{
    (void)l;
    (void)events;
    *(bool *)t->data = true;
}

static void
loop_run_until(const bool *done, int ms)
{
    bool over = false;
    ev_timer end = {.cb = at_end, .data = &over};

    ev_now_update(loop);
    end.at = ms / 1000.0;
    ev_timer_start(loop, &end);
    while (!*done && !over)
        ev_run(loop, EVRUN_ONCE);
    ev_timer_stop(loop, &end);
}

static void
loop_end(void)
{
    ev_loop_destroy(loop);
}
