/* engine/yield.c - lets the host serve other sessions while a command (a script) is still running.
 *
 * What belongs to the running command is set aside, so that other commands find the engine as between two commands, but
 * with COND_BUSY: hardly any may run, and none that touches keys.
 */
#include "engine/engine_priv.h"

struct set_aside {
    int64_t now_ms, now_us;
    uint32_t access_clock;
    unsigned access;
    uint64_t mark;
    bool untimed;
    struct exec x;
    struct session *running;
    void *arena_mark;
    struct arena arena;
    struct slice_vec argv;
    struct batch_command batch[BATCH_MAX];
    struct effects effects;
    struct buf scratch[2], error;
    struct out void_out, own_push;
};

static void
put_aside(struct engine *e, struct set_aside *a)
{
    *a = (struct set_aside){
        .now_ms = e->now_ms,
        .now_us = e->now_us,
        .access_clock = e->access_clock,
        .access = e->access,
        .mark = e->ticks.mark,
        .untimed = e->untimed,
        .x = e->x,
        .running = e->running,
        .arena_mark = e->arena_mark,
        .arena = e->arena,
        .argv = e->argv,
        .effects = e->effects,
        .scratch = {e->scratch[0], e->scratch[1]},
        .error = e->error,
        .void_out = e->void_out,
        .own_push = e->own_push,
    };
    memcpy(a->batch, e->batch, sizeof(a->batch));
    e->x = (struct exec){.engine = e, .rng = &e->rng, .arena = &e->arena, .limits = &e->settings.limits};
    e->running = NULL;
    e->arena_mark = NULL;
    e->arena = (struct arena){0};
    e->argv = (struct slice_vec){0};
    e->effects = (struct effects){0};
    e->scratch[0] = e->scratch[1] = e->error = (struct buf){0};
    e->void_out = e->own_push = (struct out){0};
    effects__init(e);
}

static void
take_again(struct engine *e, struct set_aside *a)
{
    arena_fini(&e->effects.arena);
    arena_fini(&e->arena);
    slice_vec_fini(&e->argv);
    buf_fini(&e->scratch[0]);
    buf_fini(&e->scratch[1]);
    buf_fini(&e->error);
    out_fini(&e->void_out);
    out_fini(&e->own_push);
    e->now_ms = a->now_ms;
    e->now_us = a->now_us;
    e->access_clock = a->access_clock;
    e->access = a->access;
    e->ticks.mark = a->mark;
    e->untimed = a->untimed;
    e->x = a->x;
    e->running = a->running;
    e->arena_mark = a->arena_mark;
    e->arena = a->arena;
    e->argv = a->argv;
    e->effects = a->effects;
    e->scratch[0] = a->scratch[0];
    e->scratch[1] = a->scratch[1];
    e->error = a->error;
    e->void_out = a->void_out;
    e->own_push = a->own_push;
    memcpy(e->batch, a->batch, sizeof(a->batch));
    e->turn++; /* what others watch from now on, the command may still change */
}

bool
engine_yield(struct exec *x)
{
    struct engine *e = x->engine;
    struct session *running = x->session;

    if (e->host.busy == NULL)
        return true;
    struct set_aside *a = mem_get(sizeof(*a));
    put_aside(e, a);
    engine_now_update(e);
    engine_set_condition(e, COND_BUSY, true);
    bool go_on = e->host.busy(e->host.ctx, running);
    engine_set_condition(e, COND_BUSY, false);
    take_again(e, a);
    mem_free(a);
    return go_on;
}
