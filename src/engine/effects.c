/* engine/effects.c - notes what a command changes and hands it to whoever listens. */
#include "engine/effects.h"

#include "engine/engine_priv.h"

static void
start_batch(struct effects *f)
{
    arena_reset(&f->arena);
    f->first_command = NULL;
    f->last_command = &f->first_command;
    f->first_touch = NULL;
    f->last_touch = &f->first_touch;
    f->command_count = f->touch_count = 0;
    f->hidden = 0;
    f->atomic = true;
}

void
effects__init(struct engine *e)
{
    start_batch(&e->effects);
}

void
effects__fini(struct engine *e)
{
    arena_fini(&e->effects.arena);
    for (int i = 0; i < EFFECT_STAGES; i++)
        mem_free(e->sinks[i].v);
}

void
effects__listen(struct engine *e, enum listener who, bool on)
{
    if (on)
        e->listening |= who;
    else
        e->listening &= ~(uint32_t)who;
}

static void
listen_sinks(struct engine *e)
{
    bool any = false, touches = false;

    for (int stage = 0; stage < EFFECT_STAGES; stage++) {
        for (size_t i = 0; i < e->sinks[stage].n; i++) {
            any = true;
            touches = touches || !e->sinks[stage].v[i].commands_only;
        }
    }
    effects__listen(e, LISTEN_SINKS, any);
    effects__listen(e, LISTEN_TOUCHES, touches);
}

void
engine_add_sink(struct engine *e, enum effect_stage stage, struct effect_sink sink)
{
    struct sink_list *l = &e->sinks[stage];

    l->v = mem_resize(l->v, (l->n + 1) * sizeof(*l->v));
    l->v[l->n++] = sink;
    listen_sinks(e);
}

void
engine_remove_sink(struct engine *e, enum effect_stage stage, void *ctx)
{
    struct sink_list *l = &e->sinks[stage];
    size_t kept = 0;

    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i].ctx != ctx)
            l->v[kept++] = l->v[i];
    }
    l->n = kept;
    listen_sinks(e);
}

struct session *
engine_changer(const struct engine *e)
{
    return e->changer;
}

uint64_t
engine_changes(const struct engine *e)
{
    return e->stats.changes;
}

/* -- noting ---------------------------------------------------------------------------------------------------- */

void
effects__touch_slow(struct engine *e, struct db *db, struct slice key, enum event event, bool changed)
{
    struct effects *f = &e->effects;

    if (e->listening == LISTEN_SINKS || (!changed && !(e->listening & LISTEN_NOTIFY)))
        return;
    struct effect_touch *t = arena_get(&f->arena, sizeof(*t));
    *t = (struct effect_touch){.db = db, .db_index = db->index, .event = event, .changed = changed};
    if (key.ptr != NULL)
        t->key = arena_copy(&f->arena, key);
    *f->last_touch = t;
    f->last_touch = &t->next;
    f->touch_count++;
}

struct effect_command *
effects__command(struct engine *e, int db, const struct slice *argv, int argc, bool copy)
{
    struct effects *f = &e->effects;
    struct effect_command *c = arena_get(&f->arena, sizeof(*c));

    if (copy) {
        struct slice *copies = arena_array(&f->arena, (size_t)argc, sizeof(*copies));
        for (int i = 0; i < argc; i++)
            copies[i] = arena_copy(&f->arena, argv[i]);
        argv = copies;
    }
    *c = (struct effect_command){.db = db, .argc = argc, .argv = argv, .hidden = f->hide};
    f->hidden |= f->hide;
    *f->last_command = c;
    f->last_command = &c->next;
    f->command_count++;
    return c;
}

/* -- handing over ---------------------------------------------------------------------------------------------- */

static void
tell_engine(struct engine *e, const struct effect_batch *b)
{
    if (e->listening & LISTEN_WATCH) {
        for (const struct effect_touch *t = b->touches; t != NULL; t = t->next) {
            if (t->changed)
                tx__touched(e, t);
        }
    }
    if (e->listening & LISTEN_TRACKING)
        tracking__changes(e, b);
    for (size_t i = 0; i < e->sinks[EFFECT_TRACKING].n; i++)
        e->sinks[EFFECT_TRACKING].v[i].apply(e->sinks[EFFECT_TRACKING].v[i].ctx, b);
    if (e->listening & LISTEN_NOTIFY) {
        for (const struct effect_touch *t = b->touches; t != NULL; t = t->next)
            notify__event(e, t);
    }
    if (e->listening & LISTEN_WAIT) {
        for (const struct effect_touch *t = b->touches; t != NULL; t = t->next) {
            if (t->changed)
                waiters__touched(e, t);
        }
    }
}

void
engine_hide_effects(struct engine *e, unsigned stages)
{
    e->effects.hide = stages;
}

/* The batch as a stage may see it. */
static struct effect_batch
batch_for(struct effects *f, const struct effect_batch *all, int stage)
{
    struct effect_batch b = *all;
    struct effect_command *first = NULL, **last = &first;

    if (!(f->hidden & 1u << stage))
        return b;
    b.command_count = 0;
    for (const struct effect_command *c = all->commands; c != NULL; c = c->next) {
        if (c->hidden & 1u << stage)
            continue;
        struct effect_command *copy = arena_get(&f->arena, sizeof(*copy));
        *copy = *c;
        copy->next = NULL;
        *last = copy;
        last = &copy->next;
        b.command_count++;
    }
    b.commands = first;
    b.atomic = all->atomic && b.command_count > 1;
    return b;
}

void
engine_propagate(struct engine *e)
{
    struct effects *f = &e->effects;

    if (f->touch_count == 0 && f->command_count == 0)
        return;
    struct effect_batch b = {
        .commands = f->first_command,
        .command_count = f->command_count,
        .touches = f->first_touch,
        .touch_count = f->touch_count,
        .atomic = f->atomic && f->command_count > 1,
        .now_ms = e->now_ms,
    };
    for (int stage = EFFECT_LOG; stage <= EFFECT_REPLICAS; stage++) {
        if (e->sinks[stage].n == 0)
            continue;
        struct effect_batch seen = batch_for(f, &b, stage);
        for (size_t i = 0; i < e->sinks[stage].n; i++)
            e->sinks[stage].v[i].apply(e->sinks[stage].v[i].ctx, &seen);
    }
    tell_engine(e, &b);
    start_batch(f);
    if (e->ready_first != NULL)
        waiters__serve(e);
}
