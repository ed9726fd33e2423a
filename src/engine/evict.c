/* engine/evict.c - choosing victims.
 *
 * For the LRU and LFU policies keys are looked at in small random groups, and the best candidates of all groups so far are
 * kept in a pool; the best of the pool goes. The keys of a group are the neighbours in one bucket of the table, which costs
 * one cache line for all of them. A candidate is judged anew when its turn comes: one that was used since it came into
 * the pool is a candidate no longer. volatile-ttl needs no guess: the expiry index knows.
 */
#include "engine/evict.h"

#include "engine/engine_priv.h"
#include "engine/latency.h"

enum {
    POOL = 24,
    POOL_KEY_MAX = 255,     /* longer keys are not pooled, only taken at once */
    BUCKETS_MAX = 64,       /* empty or not, so many buckets are looked at for one group */
    SAMPLES_MAX = 256,
    CHECK_EVERY = 16,       /* keys between two looks at the clock */
    STEP_US = 50,           /* of time per unit of tenacity */
    REAP_EFFORT = 64,       /* what takes more than so many allocations is freed elsewhere */
    REAP_PATIENCE = 200,    /* for as long as no more than the limit's 200th part is too much */
};

struct candidate {
    uint64_t score;         /* how gladly it goes */
    uint64_t hash;
    int db;
    uint8_t len;
    char key[POOL_KEY_MAX];
};

struct evictor {
    struct candidate pool[POOL]; /* by score, the best candidate last */
    unsigned pooled;
    enum evict_policy policy;    /* under which the pool was filled */
    int next_db;                 /* whose turn it is, for random policies */
    int64_t over_since_us;       /* 0: the limit is kept */
    struct evict_stats stats;
    size_t uncounted;
    bool reaping;                /* a large value is on its way out: what it held will be free soon */
};

static struct evictor *
evictor_of(struct engine *e)
{
    if (e->evictor == NULL)
        e->evictor = mem_get_zero(sizeof(*e->evictor));
    return e->evictor;
}

void
evict__fini(struct engine *e)
{
    mem_free(e->evictor);
}

static bool
only_volatile(enum evict_policy p)
{
    return p <= EVICT_VOLATILE_TTL;
}

static uint64_t
score_of(const struct engine *e, enum evict_policy p, const struct entry *entry)
{
    if (p == EVICT_ALLKEYS_LFU || p == EVICT_VOLATILE_LFU)
        return 255 - (uint64_t)entry_frequency(&e->x, entry);
    return (uint64_t)entry_idle_seconds(&e->x, entry);
}

/* -- the pool -------------------------------------------------------------------------------------------------- */

static bool
pool_has(const struct evictor *v, int db, uint64_t hash)
{
    for (unsigned i = 0; i < v->pooled; i++) {
        if (v->pool[i].hash == hash && v->pool[i].db == db)
            return true;
    }
    return false;
}

static void
pool_add(struct engine *e, struct evictor *v, struct db *db, const struct entry *entry)
{
    struct slice key = entry_key(entry);
    uint64_t score = score_of(e, v->policy, entry);
    unsigned at = v->pooled;

    if (key.len > POOL_KEY_MAX || (v->pooled == POOL && score <= v->pool[0].score))
        return;
    uint64_t hash = keyspace__hash(e, key);
    if (pool_has(v, db->index, hash))
        return;
    if (v->pooled == POOL) {
        memmove(v->pool, v->pool + 1, (POOL - 1) * sizeof(v->pool[0]));
        at = --v->pooled;
    }
    for (; at > 0 && v->pool[at - 1].score > score; at--)
        v->pool[at] = v->pool[at - 1];
    struct candidate *c = &v->pool[at];
    *c = (struct candidate){.score = score, .hash = hash, .db = db->index, .len = (uint8_t)key.len};
    memcpy(c->key, key.ptr, key.len);
    v->pooled++;
}

/* The best candidate that still is one; NULL when the pool is empty. */
static struct entry *
pool_take(struct engine *e, struct evictor *v, struct db **db)
{
    while (v->pooled > 0) {
        const struct candidate *c = &v->pool[--v->pooled];
        *db = &e->dbs[c->db];
        struct entry *entry = table_find(&(*db)->by_key, &keyspace_table_ops, c->hash, slice_of(c->key, c->len));
        if (entry == NULL || (only_volatile(v->policy) && !(entry_flags(entry) & ENTRY_HAS_EXPIRY)))
            continue;
        if (score_of(e, v->policy, entry) >= c->score)
            return entry;
    }
    return NULL;
}

struct group {
    struct engine *engine;
    struct evictor *v;
    struct db *db;
    unsigned seen;
    const struct entry *any;   /* one of them, in case no key is short enough for the pool */
};

static void
look_at(void *ctx, void *item)
{
    struct group *g = ctx;

    g->seen++;
    g->any = item;
    pool_add(g->engine, g->v, g->db, item);
}

/* Puts a group of keys of one database up. Returns one of them. */
static const struct entry *
sample(struct engine *e, struct evictor *v, struct db *db)
{
    struct group g = {.engine = e, .v = v, .db = db};
    unsigned want = e->settings.maxmemory_samples < SAMPLES_MAX ? e->settings.maxmemory_samples : SAMPLES_MAX;

    if (only_volatile(v->policy)) {
        size_t n = db->by_expiry.items;
        for (unsigned i = 0; i < want && n > 0; i++)
            look_at(&g, btree_at(&db->by_expiry, rng_below(&e->rng, n)));
        return g.any;
    }
    if (table_count(&db->by_key) == 0)
        return NULL;
    for (unsigned i = 0; i < BUCKETS_MAX && g.seen < want; i++)
        table_scan(&db->by_key, &keyspace_table_ops, rng_next(&e->rng) >> (64 - TABLE_CURSOR_BITS), look_at, &g);
    return g.any != NULL ? g.any : table_random(&db->by_key, &e->rng);
}

/* -- victims --------------------------------------------------------------------------------------------------- */

static struct entry *
by_age(struct engine *e, struct evictor *v, struct db **db)
{
    const struct entry *any = NULL;
    struct db *any_db = NULL;

    for (int i = 0; i < e->db_count; i++) {
        const struct entry *seen = sample(e, v, &e->dbs[i]);
        if (seen != NULL) {
            any = seen;
            any_db = &e->dbs[i];
        }
    }
    struct entry *best = pool_take(e, v, db);
    if (best != NULL || any == NULL)
        return best;
    *db = any_db;
    return (struct entry *)(uintptr_t)any;
}

static struct entry *
soonest_gone(struct engine *e, struct db **db)
{
    struct entry *best = NULL;

    for (int i = 0; i < e->db_count; i++) {
        struct entry *first = btree_min(&e->dbs[i].by_expiry);
        if (first != NULL && (best == NULL || entry_expiry(first) < entry_expiry(best))) {
            best = first;
            *db = &e->dbs[i];
        }
    }
    return best;
}

/* Databases take turns, as in redis. */
static struct entry *
by_chance(struct engine *e, struct evictor *v, struct db **db)
{
    for (int i = 0; i < e->db_count; i++) {
        struct db *d = *db = &e->dbs[v->next_db++ % e->db_count];
        if (v->policy == EVICT_VOLATILE_RANDOM && d->by_expiry.items > 0)
            return btree_at(&d->by_expiry, rng_below(&e->rng, d->by_expiry.items));
        if (v->policy == EVICT_ALLKEYS_RANDOM && table_count(&d->by_key) > 0)
            return table_random(&d->by_key, &e->rng);
    }
    return NULL;
}

static struct entry *
choose(struct engine *e, struct evictor *v, struct db **db)
{
    enum evict_policy p = (enum evict_policy)e->settings.maxmemory_policy;

    if (p != v->policy) {
        v->policy = p;
        v->pooled = 0;
    }
    if (v->next_db >= e->db_count)
        v->next_db = 0;
    switch (p) {
    case EVICT_VOLATILE_TTL: return soonest_gone(e, db);
    case EVICT_VOLATILE_RANDOM:
    case EVICT_ALLKEYS_RANDOM: return by_chance(e, v, db);
    case EVICT_NONE: return NULL;
    default: return by_age(e, v, db);
    }
}

static void
evict_key(struct engine *e, struct db *db, struct entry *entry)
{
    struct slice key = entry_key(entry);

    effects__before(e, db, entry);
    if (UNLIKELY(e->listening != 0)) {
        effects__touch_slow(e, db, key, EV_EVICTED, true);
        if (e->listening & LISTEN_SINKS)
            effects__command(e, db->index, (const struct slice[]){LIT("DEL"), key}, 2, true);
    }
    keyspace__unlink(e, db, keyspace__hash(e, key), entry);
    if (e->host.reaping != NULL && entry_free_effort(entry) > REAP_EFFORT) {
        keyspace__reap(e, entry);
        evictor_of(e)->reaping = true;
    } else {
        entry_free(entry);
    }
    e->stats.evicted++;
    e->stats.changes++;
}

/* -- the limit ------------------------------------------------------------------------------------------------- */

static bool
is_over(const struct engine *e)
{
    size_t used = mem_used(), uncounted = e->evictor != NULL ? e->evictor->uncounted : 0;

    return (used > uncounted ? used - uncounted : 0) > e->settings.maxmemory;
}

/* What is being freed elsewhere is not free yet. While little is lacking, no other keys go for that. */
static bool
is_help_near(struct engine *e, struct evictor *v)
{
    size_t limit = e->settings.maxmemory;

    if (!v->reaping)
        return false;
    v->reaping = e->host.reaping(e->host.ctx) > 0;
    return v->reaping && mem_used() < limit + v->uncounted + limit / REAP_PATIENCE;
}

/* How long one call may take: from nothing to what is needed, 500 us where redis has its default. */
static int64_t
patience_us(const struct engine *e)
{
    uint32_t tenacity = e->settings.maxmemory_eviction_tenacity;
    double us = STEP_US * 10;

    if (tenacity <= 10)
        return (int64_t)STEP_US * tenacity;
    if (tenacity >= 100)
        return INT64_MAX / 2000;
    for (uint32_t i = 10; i < tenacity; i++)
        us *= 1.15;
    return (int64_t)us;
}

static void
note_over(struct engine *e, struct evictor *v, bool over)
{
    if (over && v->over_since_us == 0) {
        v->over_since_us = e->now_us;
    } else if (!over && v->over_since_us != 0) {
        v->stats.exceeded_us += e->now_us > v->over_since_us ? e->now_us - v->over_since_us : 0;
        v->over_since_us = 0;
    }
}

bool
evict__make_room(struct engine *e)
{
    bool over = is_over(e), stuck = false;

    if (LIKELY(!over)) {
        if (UNLIKELY(e->over_memory)) {
            note_over(e, evictor_of(e), false);
            e->over_memory = false;
            engine_set_condition(e, COND_OVER_MEMORY, false);
        }
        return false;
    }
    if ((e->gate & (COND_LOADING | GATE_PAUSED)) != 0)
        return false;
    struct evictor *v = evictor_of(e);
    int64_t began = clock_mono_ns(&e->clock), deadline = began + patience_us(e) * 1000;
    note_over(e, v, true);
    e->over_memory = true;
    e->x.now_ms = e->now_ms;
    for (unsigned n = 1; over && !is_help_near(e, v); n++) {
        struct db *db;
        struct entry *entry = choose(e, v, &db);
        if (entry == NULL) {
            stuck = true;
            break;
        }
        if (UNLIKELY(e->gate & GATE_PINNED) && slices__pinned(e, entry_key(entry))) {
            slices__finish_all(e);
            continue;
        }
        evict_key(e, db, entry);
        over = is_over(e);
        if (n % CHECK_EVERY == 0 && over) {
            /* What listens to the deletions holds memory, too. */
            e->effects.atomic = false;
            engine_propagate(e);
            if (clock_mono_ns(&e->clock) >= deadline)
                break;
        }
    }
    e->effects.atomic = false;
    engine_propagate(e);
    engine_latency(e, "eviction-cycle", (clock_mono_ns(&e->clock) - began) / 1000);
    /* While there is something to evict, nobody is refused. */
    engine_set_condition(e, COND_OVER_MEMORY, over && stuck);
    if (!over) {
        note_over(e, v, false);
        e->over_memory = false;
    }
    return over && !stuck;
}

/* -- for others ------------------------------------------------------------------------------------------------ */

void
engine_set_uncounted_memory(struct engine *e, size_t bytes)
{
    if (bytes > 0 || e->evictor != NULL)
        evictor_of(e)->uncounted = bytes;
}

size_t
engine_uncounted_memory(const struct engine *e)
{
    return e->evictor != NULL ? e->evictor->uncounted : 0;
}

struct evict_stats
engine_evict_stats(const struct engine *e)
{
    struct evict_stats s = {0};

    if (e->evictor == NULL)
        return s;
    s = e->evictor->stats;
    if (e->evictor->over_since_us != 0 && e->now_us > e->evictor->over_since_us)
        s.exceeded_now_us = e->now_us - e->evictor->over_since_us;
    s.exceeded_us += s.exceeded_now_us;
    return s;
}

void
engine_evict_stats_reset(struct engine *e)
{
    if (e->evictor != NULL)
        e->evictor->stats = (struct evict_stats){0};
}
