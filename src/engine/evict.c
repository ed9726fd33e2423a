/* engine/evict.c - choosing victims.
 *
 * For the LRU and LFU policies keys are looked at in small random groups, and the best candidates of all groups so far are
 * kept in a pool; the best of the pool goes. The keys of a group are the neighbours in one bucket of the table, which costs
 * one cache line for all of them. A candidate is judged anew when its turn comes: one that was used since it came into
 * the pool is a candidate no longer. volatile-ttl needs no guess: the expiry index knows.
 *
 * LRU: a key that was never used since it was made counts as half as old again as it is. Most keys of most workloads are
 * never used again; that is what makes this better than exact LRU. Where all of the cache changes
 * within a second, which is all that the clock can tell, one in so many that are looked at is made to count as unused: so
 * old merits are forgotten there, too.
 *
 * allkeys-adaptive asks two experts. One takes what was used longest ago; the other what was used least often and, of those,
 * what came last (which is right for loops that do not fit). A ghost table remembers, in two bytes a key, whom it let go:
 * a fingerprint, the frequency, and which expert it was. A key that comes back has its frequency back, and the expert has
 * been wrong once more. Nearly all victims are chosen by the expert that has been wrong less often of late. Time is counted
 * in uses, so it fits any speed.
 */
#include "engine/evict.h"

#include "engine/engine_priv.h"
#include "engine/latency.h"

enum {
    POOL = 24,
    FORGET = 32,            /* one used key in so many that are looked at counts as unused from then on */
    POOL_KEY_MAX = 255,     /* longer keys are not pooled, only taken at once */
    BUCKETS_MAX = 64,       /* empty or not, so many buckets are looked at for one group */
    SAMPLES_MAX = 256,
    CHECK_EVERY = 16,       /* keys between two looks at the clock */
    STEP_US = 50,           /* of time per unit of tenacity */
    REAP_EFFORT = 64,       /* what takes more than so many allocations is freed elsewhere */
    REAP_PATIENCE = 200,    /* for as long as no more than the limit's 200th part is too much */
};
/* Of allkeys-adaptive. All were chosen by measurement (tests/bench/bench_evict.c). */
enum {
    TICKS_PER_TURN = 256,   /* a turn: as many uses as there are keys */
    HALF_LIFE_TURNS = 10,   /* after so many turns without use a frequency counts for half */
    FREQUENCY_MAX = 15,
    EXPLORE = 32,           /* one victim in so many is chosen by the other expert */
    GHOSTS_MIN = 1024,
};

enum expert { EXPERT_RECENCY, EXPERT_FREQUENCY, EXPERTS };

struct candidate {
    uint64_t score;         /* how gladly it goes */
    uint64_t hash;
    int db;
    uint8_t len;
    char key[POOL_KEY_MAX];
};

struct pool {
    struct candidate v[POOL]; /* by score, the best candidate last */
    unsigned n;
};

struct evictor {
    struct pool pools[EXPERTS];  /* only the first, but under allkeys-adaptive */
    enum evict_policy policy;    /* under which they were filled */
    int next_db;                 /* whose turn it is, for random policies */
    int64_t over_since_us;       /* 0: the limit is kept */
    struct evict_stats stats;
    size_t uncounted;
    bool reaping;                /* a large value is on its way out: what it held will be free soon */

    /* allkeys-adaptive */
    uint32_t tick;               /* sixteen bits of it are in a key's clock */
    uint32_t uses_left;          /* until the next tick */
    uint16_t *ghosts;            /* fingerprint, one bit of expert, frequency; 0: none */
    size_t ghost_count;
    uint32_t chosen[EXPERTS], came_back[EXPERTS];
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
    if (e->evictor != NULL)
        mem_free(e->evictor->ghosts);
    mem_free(e->evictor);
}

static bool
only_volatile(enum evict_policy p)
{
    return p <= EVICT_VOLATILE_TTL;
}

/* -- allkeys-adaptive: time, frequency, ghosts ----------------------------------------------------------------- */

static size_t
all_keys(const struct engine *e)
{
    size_t n = 0;

    for (int i = 0; i < e->db_count; i++)
        n += table_count(&e->dbs[i].by_key);
    return n;
}

static void
count_use(struct engine *e, struct evictor *v)
{
    if (v->uses_left-- > 0)
        return;
    v->tick++;
    v->uses_left = (uint32_t)(all_keys(e) / TICKS_PER_TURN);
}

static uint32_t
age_of(const struct evictor *v, const struct entry *entry)
{
    return (v->tick - (entry_clock(entry) >> 8)) & 0xffff;
}

static uint32_t
frequency_of(const struct evictor *v, const struct entry *entry)
{
    uint32_t halvings = age_of(v, entry) / (HALF_LIFE_TURNS * TICKS_PER_TURN);

    return halvings > 7 ? 0 : (entry_clock(entry) & 0xff) >> halvings;
}

int
evict__frequency(const struct engine *e, const struct entry *entry)
{
    return e->evictor != NULL ? (int)frequency_of(e->evictor, entry) : 0;
}

static uint32_t
make_clock(const struct evictor *v, uint32_t frequency)
{
    return (v->tick & 0xffff) << 8 | (frequency < FREQUENCY_MAX ? frequency : FREQUENCY_MAX);
}

uint32_t
evict__used_clock(struct engine *e, const struct entry *entry)
{
    struct evictor *v = evictor_of(e);

    count_use(e, v);
    return make_clock(v, frequency_of(v, entry) + 1);
}

/* Never 0, so that an empty place is told from a ghost. */
static uint16_t
fingerprint(uint64_t hash)
{
    uint16_t bits = hash >> 40 & 0x7ff;

    return bits != 0 ? bits : 1;
}

uint32_t
evict__born_clock(struct engine *e, uint64_t hash)
{
    struct evictor *v = evictor_of(e);
    uint32_t frequency = 0;

    count_use(e, v);
    if (v->ghost_count > 0) {
        uint16_t *g = &v->ghosts[hash % v->ghost_count];
        if (*g >> 5 == fingerprint(hash)) {
            v->came_back[*g >> 4 & 1]++;
            frequency = *g & 15;
            *g = 0;
        }
    }
    return make_clock(v, frequency + 1);
}

/* As many as there are keys: when their number has changed much, we begin anew. */
static void
fit_ghosts(struct engine *e, struct evictor *v)
{
    size_t want = all_keys(e);

    want = want < GHOSTS_MIN ? GHOSTS_MIN : want;
    if (v->ghost_count >= want - want / 4 && v->ghost_count <= want)
        return;
    mem_free(v->ghosts);
    v->ghosts = mem_get_zero(want * sizeof(*v->ghosts));
    v->ghost_count = want;
}

static void
remember(struct engine *e, struct evictor *v, const struct entry *entry, uint64_t hash, enum expert who)
{
    uint32_t frequency = frequency_of(v, entry);

    if (v->chosen[EXPERT_RECENCY] + v->chosen[EXPERT_FREQUENCY] >= v->ghost_count) {
        /* What was long ago counts for less. Also the time to see how many keys there are. */
        for (int i = 0; i < EXPERTS; i++) {
            v->chosen[i] /= 2;
            v->came_back[i] /= 2;
        }
        fit_ghosts(e, v);
    }
    v->chosen[who]++;
    v->ghosts[hash % v->ghost_count] =
        (uint16_t)(fingerprint(hash) << 5 | (unsigned)who << 4 | (frequency < 15 ? frequency : 15));
}

/* Recency has to be clearly better: where there is no difference, frequency does less harm. */
static enum expert
ask_whom(struct engine *e, const struct evictor *v)
{
    double wrong[EXPERTS];

    for (int i = 0; i < EXPERTS; i++)
        wrong[i] = (v->came_back[i] + 1.0) / (v->chosen[i] + 10.0);
    enum expert better = wrong[EXPERT_RECENCY] < 0.8 * wrong[EXPERT_FREQUENCY] ? EXPERT_RECENCY : EXPERT_FREQUENCY;
    return rng_below(&e->rng, EXPLORE) != 0 ? better : better == EXPERT_RECENCY ? EXPERT_FREQUENCY : EXPERT_RECENCY;
}

/* -- the pool -------------------------------------------------------------------------------------------------- */

static uint64_t
score_of(const struct engine *e, const struct evictor *v, enum expert who, const struct entry *entry)
{
    switch (v->policy) {
    case EVICT_ALLKEYS_ADAPTIVE:
        if (who == EXPERT_RECENCY)
            return age_of(v, entry);
        return (uint64_t)(FREQUENCY_MAX - frequency_of(v, entry)) << 16 | (0xffff - age_of(v, entry));
    case EVICT_ALLKEYS_LFU:
    case EVICT_VOLATILE_LFU: return 255 - (uint64_t)entry_frequency(&e->x, entry);
    default: return ((uint64_t)entry_idle_seconds(&e->x, entry) + 1) * (entry_used(entry) ? 2 : 3);
    }
}

/* Whether it is as good a candidate as it was. That it came last is no merit that time takes away. */
static bool
still_good(const struct engine *e, const struct evictor *v, enum expert who, const struct entry *entry, uint64_t score)
{
    uint64_t now = score_of(e, v, who, entry);

    return v->policy == EVICT_ALLKEYS_ADAPTIVE && who == EXPERT_FREQUENCY ? now >> 16 >= score >> 16 : now >= score;
}

static bool
pool_has(const struct pool *p, int db, uint64_t hash)
{
    for (unsigned i = 0; i < p->n; i++) {
        if (p->v[i].hash == hash && p->v[i].db == db)
            return true;
    }
    return false;
}

static void
pool_add(struct engine *e, struct evictor *v, enum expert who, struct db *db, const struct entry *entry)
{
    struct pool *p = &v->pools[who];
    struct slice key = entry_key(entry);
    uint64_t score = score_of(e, v, who, entry);
    unsigned at = p->n;

    if (key.len > POOL_KEY_MAX || (p->n == POOL && score <= p->v[0].score))
        return;
    uint64_t hash = keyspace__hash(e, key);
    if (pool_has(p, db->index, hash))
        return;
    if (p->n == POOL) {
        memmove(p->v, p->v + 1, (POOL - 1) * sizeof(p->v[0]));
        at = --p->n;
    }
    for (; at > 0 && p->v[at - 1].score > score; at--)
        p->v[at] = p->v[at - 1];
    struct candidate *c = &p->v[at];
    *c = (struct candidate){.score = score, .hash = hash, .db = db->index, .len = (uint8_t)key.len};
    memcpy(c->key, key.ptr, key.len);
    p->n++;
}

/* The best candidate that still is one; NULL when the pool is empty. */
static struct entry *
pool_take(struct engine *e, struct evictor *v, enum expert who, struct db **db)
{
    struct pool *p = &v->pools[who];

    while (p->n > 0) {
        const struct candidate *c = &p->v[--p->n];
        *db = &e->dbs[c->db];
        struct entry *entry = table_find(&(*db)->by_key, &keyspace_table_ops, c->hash, slice_of(c->key, c->len));
        if (entry == NULL || (only_volatile(v->policy) && !(entry_flags(entry) & ENTRY_HAS_EXPIRY)))
            continue;
        if (still_good(e, v, who, entry, c->score))
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
    bool lru = g->v->policy == EVICT_ALLKEYS_LRU || g->v->policy == EVICT_VOLATILE_LRU;

    if (lru && entry_used(item) && entry_idle_seconds(&g->engine->x, item) == 0 && rng_below(&g->engine->rng, FORGET) == 0)
        entry_set_used(item, false);
    g->seen++;
    g->any = item;
    pool_add(g->engine, g->v, EXPERT_RECENCY, g->db, item);
    if (g->v->policy == EVICT_ALLKEYS_ADAPTIVE)
        pool_add(g->engine, g->v, EXPERT_FREQUENCY, g->db, item);
}

/* Puts a group of keys of one database up. Returns one of them. */
static const struct entry *
sample(struct engine *e, struct evictor *v, struct db *db)
{
    struct group g = {.engine = e, .v = v, .db = db};
    unsigned want = e->settings.maxmemory_samples < SAMPLES_MAX ? e->settings.maxmemory_samples : SAMPLES_MAX;

    /* Keys of a bucket come together: twice as many cost one more cache line for the table. */
    if (!only_volatile(v->policy))
        want *= 2;

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
    bool adaptive = v->policy == EVICT_ALLKEYS_ADAPTIVE;
    enum expert who = adaptive ? ask_whom(e, v) : EXPERT_RECENCY;
    struct entry *best = pool_take(e, v, who, db);
    if (best == NULL && any != NULL) {
        *db = any_db;
        best = (struct entry *)(uintptr_t)any;
    }
    if (best != NULL && adaptive)
        remember(e, v, best, keyspace__hash(e, entry_key(best)), who);
    return best;
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
        v->pools[0].n = v->pools[1].n = 0;
        if (p == EVICT_ALLKEYS_ADAPTIVE)
            fit_ghosts(e, v);
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
    if (e->evictor == NULL)
        return;
    e->evictor->stats = (struct evict_stats){0};
    e->evictor->over_since_us = 0;
}
