/* engine/pause.c - CLIENT PAUSE: commands wait, unexecuted, in the input of their connections. */
#include "engine/engine_priv.h"

void
engine_pause(struct engine *e, int64_t until_ms, bool all)
{
    bool on = (e->gate & GATE_PAUSED) != 0;

    /* The longer and the stricter of what was asked for wins. */
    e->pause_all = all || (on && e->pause_all);
    e->pause_until_ms = on && e->pause_until_ms > until_ms ? e->pause_until_ms : until_ms;
    e->gate |= GATE_PAUSED;
}

void
engine_unpause(struct engine *e)
{
    e->gate &= ~(uint32_t)GATE_PAUSED;
    pause__release(e);
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
        engine_unpause(e);
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
    if (!(e->gate & GATE_PAUSED))
        return INT64_MAX;
    if (e->now_ms < e->pause_until_ms)
        return e->pause_until_ms;
    engine_unpause(e);
    return INT64_MAX;
}
