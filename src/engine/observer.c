/* engine/observer.c - who is told before something changes, and commands that must wait for him.
 *
 * A snapshot writes what an entry was before it changes. Where that is millions of elements, a command that may change
 * the entry waits, unexecuted, as in a pause, while the old state is written in slices. What nobody can hold back (a
 * replication stream, expiry, keys that a script has not named, a string put in place of a collection) does not wait:
 * then the old state is written as a whole.
 */
#include "engine/engine_priv.h"

enum { KEYS_MAX = 64 };

void
engine_set_observer(struct engine *e, const struct change_observer *observer)
{
    e->observed = observer != NULL;
    if (observer != NULL)
        e->observer = *observer;
    if (observer != NULL && observer->must_wait != NULL)
        e->gate |= GATE_OBSERVED;
    else
        engine_observer_done(e);
    if (observer == NULL)
        e->gate &= ~(uint32_t)GATE_OBSERVED;
}

void
engine_observer_done(struct engine *e)
{
    /* In a pause they would only be held again, one by one. */
    if ((e->gate & GATE_OBSERVED) && !(e->gate & GATE_PAUSED))
        pause__release(e);
}

static bool
must_wait(struct engine *e, struct db *db, const struct cmd *row, const struct slice *argv, int argc)
{
    int index[KEYS_MAX];
    uint16_t flags[KEYS_MAX];
    int n = cmd_keys(row, argv, argc, index, flags, KEYS_MAX);

    for (int i = 0; i < n && i < KEYS_MAX; i++) {
        struct slice key = argv[index[i]];
        struct entry *entry = table_find(&db->by_key, &keyspace_table_ops, keyspace__hash(e, key), key);
        if (entry != NULL && e->observer.must_wait(e->observer.ctx, db, entry))
            return true;
    }
    return false;
}

bool
observer__hold(struct exec *x)
{
    struct engine *e = x->engine;
    struct session *s = x->session;
    bool wait = false;

    if (s->flags & (SESSION_REPLICA | SESSION_INTERNAL))
        return false;
    if (s->gate & GATE_MULTI) {
        const struct session_more *m = s->more;
        for (size_t i = 0; i < m->queue_count && !wait; i++)
            wait = must_wait(e, s->db, m->queue[i]->command->row, m->queue[i]->argv, m->queue[i]->argc);
    } else if (x->cmd->group != GROUP_STRING) {
        wait = must_wait(e, s->db, x->cmd, x->argv, x->argc);
    }
    if (wait)
        pause__hold_session(s, x->command);
    return wait;
}
