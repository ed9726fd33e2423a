#define _GNU_SOURCE
/* Connections in a libuv loop.
 * link: -luv
 */
#include <sorrel/adapters/libuv.h>

static void loop_begin(void);
static enum sorrel_rc loop_open(const struct sorrel_url *u, const struct sorrel_async_options *o,
                                struct sorrel_error *err);
static void loop_run_until(const bool *done, int ms);
static void loop_end(void);

#include "async.h"

static uv_loop_t loop;

static void
loop_begin(void)
{
    EXPECT(uv_loop_init(&loop) == 0);
}

static enum sorrel_rc
loop_open(const struct sorrel_url *u, const struct sorrel_async_options *o, struct sorrel_error *err)
{
    return sorrel_uv_open(&loop, u, o, &conn, err);
}

static void
at_end(uv_timer_t *t)
{
    *(bool *)t->data = true;
}

static void
loop_run_until(const bool *done, int ms)
{
    uv_timer_t end;
    bool over = false;

    uv_timer_init(&loop, &end);
    end.data = &over;
    uv_update_time(&loop);
    uv_timer_start(&end, at_end, (uint64_t)ms, 0);
    while (!*done && !over)
        uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&end, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void
loop_end(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    EXPECT(uv_loop_close(&loop) == 0);
}
