/* engine/exec_db.c - whole databases on behalf of a handler, and what eviction clocks say. */
#include "engine/engine_priv.h"
#include "engine/exec_priv.h"

void
engine_set_key_witness(struct engine *e, struct key_witness witness)
{
    e->witness = witness;
}

struct db *
db_at(const struct exec *x, int64_t index)
{
    return index >= 0 && index < x->engine->db_count ? &x->engine->dbs[index] : NULL;
}

int
db_index(const struct db *db)
{
    return db->index;
}

void
db_select(struct exec *x, struct db *db)
{
    x->session->db = db;
    x->db = db;
}

size_t
db_size(struct exec *x, const struct db *db)
{
    return keyspace_count(x->engine, db);
}

struct entry *
db_random(struct exec *x, struct db *db)
{
    struct engine *e = x->engine;

    /* Where expired keys stay (on a replica, during a pause) they may be nearly all there are; then one that is expired
     * is better than an endless search. Redis gives up after 100 as well. */
    for (int tries = 0; tries < 100 || keyspace__may_remove(e); tries++) {
        struct entry *entry = table_random(&db->by_key, x->rng);
        if (entry == NULL || !keyspace__is_gone(e, entry))
            return entry;
        /* Looking at it is what removes it. */
        (void)peek_in(x, db, arena_copy(x->arena, entry_key(entry)));
    }
    return NULL;
}

struct live_visit {
    struct engine *engine;
    db_visit *fn;
    void *ctx;
};

static void
visit_live(void *ctx, void *item)
{
    struct live_visit *v = ctx;

    if (!keyspace__is_gone(v->engine, item))
        v->fn(v->ctx, item);
}

uint64_t
db_scan(struct exec *x, struct db *db, uint64_t cursor, db_visit *fn, void *ctx)
{
    struct live_visit v = {x->engine, fn, ctx};

    return table_scan(&db->by_key, &keyspace_table_ops, cursor, visit_live, &v);
}

/* The keys, for the caller to free; NULL: there are none. */
static struct graveyard *
flush_one(struct exec *x, struct db *db)
{
    struct engine *e = x->engine;

    if (e->observed && e->observer.before_flush != NULL)
        e->observer.before_flush(e->observer.ctx, db);
    e->stats.changes += table_count(&db->by_key);
    return keyspace__empty(e, db);
}

enum rc
db_flush(struct exec *x, struct db *db, bool async)
{
    struct engine *e = x->engine;
    int n = db != NULL ? 1 : e->db_count;
    struct graveyard **g = arena_array(x->arena, (size_t)n, sizeof(struct graveyard *));
    enum rc rc = RC_OK;

    x->changed = true; /* propagated even when there was nothing to empty, as redis does */
    exec__close_edits(x);
    for (int i = 0; i < n; i++)
        g[i] = flush_one(x, db != NULL ? db : &e->dbs[i]);
    if (!async && x->slow != NULL)
        effect_as(x, x->argv, x->argc); /* others may run before this is over */
    for (int i = 0; i < n; i++) {
        if (g[i] == NULL)
            continue;
        if (async || x->slow == NULL)
            keyspace__bury(e, g[i]);
        else
            rc = keyspace__bury_slowly(x, g[i]);
    }
    return rc;
}

void
db_swap(struct exec *x, struct db *a, struct db *b)
{
    struct engine *e = x->engine;

    x->changed = true;
    e->stats.changes++;
    if (a == b)
        return;
    if (e->observed && e->observer.before_swap != NULL) {
        e->observer.before_swap(e->observer.ctx, a, b);
    } else if (e->observed && e->observer.before_flush != NULL) {
        e->observer.before_flush(e->observer.ctx, a);
        e->observer.before_flush(e->observer.ctx, b);
    }
    if (e->listening & LISTEN_WATCH) {
        tx__emptied(e, a, b);
        tx__emptied(e, b, a);
    }
    walk__restart(e, a);
    walk__restart(e, b);
    keyspace__exchange_tables(a, b);
    effects__touch(e, a, (struct slice){NULL, 0}, EV_NONE, true);
    effects__touch(e, b, (struct slice){NULL, 0}, EV_NONE, true);
    if (e->listening & LISTEN_WAIT) {
        waiters__scan(e, a);
        waiters__scan(e, b);
    }
}

size_t
string_max(const struct exec *x)
{
    return x->engine->settings.proto_max_bulk_len;
}

bool
policy_is_lfu(const struct exec *x)
{
    return x->engine->settings.lru_clock_lfu;
}

int64_t
entry_idle_seconds(const struct exec *x, const struct entry *e)
{
    enum { SET_BACK_MAX = 3600 };
    int64_t s = (int64_t)((x->engine->access_clock - entry_clock(e)) & 0xffffff);

    /* A little less than all that the clock can tell, which is 194 days: the machine's clock was set back. */
    return s > 0xffffff - SET_BACK_MAX ? 0 : s;
}

int64_t
entry_idle_eighths(const struct exec *x, const struct entry *e)
{
    int64_t n = 8 * entry_idle_seconds(x, e) + (x->engine->access >> ENTRY_EIGHTH_SHIFT) -
                (entry_access(e) >> ENTRY_EIGHTH_SHIFT);

    return n > 0 ? n : 0;
}

int
entry_frequency(const struct exec *x, const struct entry *e)
{
    if (x->engine->settings.clock_adaptive)
        return evict__frequency(x->engine, e);
    uint32_t clock = entry_clock(e), count = clock & 0xff;
    uint32_t minutes = ((uint32_t)(x->now_ms / 60000) - (clock >> 8)) & 0xffff;
    uint32_t decay = x->engine->settings.lfu_decay_time;
    uint32_t periods = decay > 0 ? minutes / decay : 0;

    return (int)(periods > count ? 0 : count - periods);
}
