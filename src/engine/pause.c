/* engine/pause.c - CLIENT PAUSE: commands wait, unexecuted, in the input of their connections. */
#include "engine/engine_priv.h"

/* What all of them come to. */
static void
sum_up(struct engine *e)
{
    e->pause_until_ms = 0;
    e->pause_all = false;
    for (int i = 0; i < PAUSE_CAUSES; i++) {
        const struct pause *p = &e->pauses[i];
        e->pause_until_ms = p->until_ms > e->pause_until_ms ? p->until_ms : e->pause_until_ms;
        e->pause_all = e->pause_all || (p->until_ms != 0 && p->all);
    }
    if (e->pause_until_ms != 0)
        e->gate |= GATE_PAUSED;
    else
        e->gate &= ~(uint32_t)GATE_PAUSED;
}

void
engine_pause(struct engine *e, enum pause_cause cause, int64_t until_ms, bool all)
{
    struct pause *p = &e->pauses[cause];
    bool on = p->until_ms > e->now_ms;

    /* The longer and the stricter of what was asked for wins. */
    p->all = all || (on && p->all);
    p->until_ms = on && p->until_ms > until_ms ? p->until_ms : until_ms;
    sum_up(e);
}

void
engine_unpause(struct engine *e, enum pause_cause cause)
{
    e->pauses[cause] = (struct pause){0};
    sum_up(e);
    /* Those whom another pause holds as well find out when they look. */
    pause__release(e);
}

bool
engine_paused_but_for(const struct engine *e, enum pause_cause cause)
{
    for (int i = 0; i < PAUSE_CAUSES; i++) {
        if (i != (int)cause && e->pauses[i].until_ms > e->now_ms)
            return true;
    }
    return false;
}

/* Those that are over end. */
static void
expire(struct engine *e)
{
    bool any = false;

    for (int i = 0; i < PAUSE_CAUSES; i++) {
        if (e->pauses[i].until_ms != 0 && e->pauses[i].until_ms <= e->now_ms) {
            e->pauses[i] = (struct pause){0};
            any = true;
        }
    }
    if (any) {
        sum_up(e);
        pause__release(e);
    }
}

void
pause__release(struct engine *e)
{
    if (e->held_count == 0)
        return;
    for (struct session *s = e->session_first; s != NULL; s = s->next) {
        if (!(s->gate & GATE_HELD))
            continue;
        s->gate &= ~(uint32_t)GATE_HELD;
        s->told = false;
        session__tell_host(s);
    }
    e->held_count = 0;
}

size_t
engine_held_count(const struct engine *e)
{
    return e->held_count;
}

void
pause__hold_session(struct session *s, const struct command *c)
{
    s->gate |= GATE_HELD;
    s->last = c;
    s->engine->held_count++;
}

bool
pause__hold(struct exec *x, bool writes)
{
    struct engine *e = x->engine;
    struct session *s = x->session;

    if (e->now_ms >= e->pause_until_ms) {
        expire(e);
        return false;
    }
    if ((!e->pause_all && !writes) || (s->flags & (SESSION_REPLICA | SESSION_INTERNAL)))
        return false;
    pause__hold_session(s, x->command);
    return true;
}

int64_t
pause__tick(struct engine *e)
{
    int64_t next = INT64_MAX;

    if (!(e->gate & GATE_PAUSED))
        return INT64_MAX;
    expire(e);
    for (int i = 0; i < PAUSE_CAUSES; i++) {
        if (e->pauses[i].until_ms != 0 && e->pauses[i].until_ms < next)
            next = e->pauses[i].until_ms;
    }
    return next;
}
