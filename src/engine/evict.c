/* engine/evict.c - choosing victims.
 *
 * For the LRU and LFU policies keys are looked at in small random groups, and the best candidates of all groups so far
 * are kept in a pool; the best of the pool goes. The keys of a group are the neighbours in one bucket of the table,
 * which costs one cache line for all of them. A candidate is judged anew when its turn comes: one that was used since
 * it came into the pool is a candidate no longer. volatile-ttl needs no guess: the expiry index knows.
 *
 * LRU: a key that was never used since it was made counts for several times as old as it is. Most keys of most
 * workloads are never used again; that is what makes this better than exact LRU. How many times as old is learned from
 * the keys that come back after they were let go, which a ghost table (engine/ghosts.h) tells: one that had been used
 * says that used keys should stay longer, one that had not the opposite. What each says weighs the more, the fewer of
 * its kind are let go, so that all is well when a victim of either kind is as likely to come back. A used key that
 * comes back is used at once.
 *
 * allkeys-adaptive asks two experts. One takes what was used longest ago; the other what was used least often and, of
 * those, what came last (which is right for loops that do not fit). Here the ghosts know the frequency, and which
 * expert let them go. A key that comes back has its frequency back, and the expert has been wrong once more. Nearly all
 * victims are chosen by the expert that has been wrong less often of late. Time is counted in uses, so it fits any
 * speed.
 */
#include "engine/evict.h"

#include "engine/engine_priv.h"
#include "engine/ghosts.h"
#include "engine/latency.h"

enum {
    POOL = 24,
    POOL_KEY_MAX = 255, /* longer keys are not pooled, only taken at once */
    BUCKETS_MAX = 64,   /* empty or not, so many buckets are looked at for one group */
    SAMPLES_MAX = 256,
    CHECK_EVERY = 16,    /* keys between two looks at the clock */
    STEP_US = 50,        /* of time per unit of tenacity */
    REAP_EFFORT = 64,    /* what takes more than so many allocations is freed elsewhere */
    REAP_PATIENCE = 200, /* for as long as no more than the limit's 200th part is too much */
};
/* Of allkeys-adaptive. All were chosen by measurement (tests/bench/bench_evict.c). */
enum {
    TICKS_PER_TURN = 256, /* a turn: as many uses as there are keys */
    HALF_LIFE_TURNS = 10, /* after so many turns without use a frequency counts for half */
    FREQUENCY_MAX = 15,
    EXPLORE = 32, /* one victim in so many is chosen by the other expert */
};
/* Of LRU, chosen in the same way. A score is in eighths of a second, times so many. */
enum { SCORE_SCALE = 256 };
static const double unused_weight_first = 1.5, unused_weight_min = 0.7, unused_weight_max = 32;
/* What all keys say that come back after each was let go once, and the most that one says. */
static const double lesson_of_all = 20, lesson_max = 0.02, share_min = 0.05;

enum expert { EXPERT_RECENCY, EXPERT_FREQUENCY, EXPERTS };
enum { KINDS = 2 }; /* of victims: the expert who chose it, or, under LRU, whether it had been used */

struct candidate {
    uint64_t score; /* how gladly it goes */
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
    struct pool pools[EXPERTS]; /* only the first, but under allkeys-adaptive */
    enum evict_policy policy;   /* under which they were filled, once `begun` is set */
    bool begun;
    int next_db;           /* whose turn it is, for random policies */
    int64_t over_since_us; /* 0: the limit is kept */
    struct evict_stats stats;
    size_t uncounted;
    const struct db *growing; /* the next key in it makes its table grow, unless one goes; NULL: none */
    bool reaping;             /* a large value is on its way out: what it held will be free soon */

    /* LRU and allkeys-adaptive */
    struct ghosts ghosts; /* the note: kind, under allkeys-adaptive with the frequency below it */
    size_t ghosts_due;    /* room to be made for them; 0: they are as many as they should be */
    uint32_t let_go[KINDS];

    double unused_weight; /* LRU: how many times as old an unused key counts */

    /* allkeys-adaptive */
    uint32_t tick;      /* sixteen bits of it are in a key's clock */
    uint32_t uses_left; /* until the next tick */
    uint32_t came_back[KINDS];
};
enum { NOTE_KIND_SHIFT = 4, NOTE_FREQUENCY = 15 };

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
        ghosts_fini(&e->evictor->ghosts);
    mem_free(e->evictor);
}

static bool
only_volatile(enum evict_policy p)
{
    return p <= EVICT_VOLATILE_TTL;
}

static bool
is_lru(enum evict_policy p)
{
    return p == EVICT_ALLKEYS_LRU || p == EVICT_VOLATILE_LRU;
}

static size_t
all_keys(const struct engine *e)
{
    size_t n = 0;

    for (int i = 0; i < e->db_count; i++)
        n += table_count(&e->dbs[i].by_key);
    return n;
}

/* -- victims remembered ---------------------------------------------------------------------------------------- */

/* The table comes when there is room for it: with small keys it is some percent of the memory. */
static void
plan_ghosts(const struct engine *e, struct evictor *v)
{
    size_t keys = all_keys(e);

    v->ghosts_due = ghosts_fits(&v->ghosts, keys) ? 0 : ghosts_bytes(keys);
}

static void
make_ghosts(const struct engine *e, struct evictor *v)
{
    if (v->ghosts_due > 0)
        ghosts_fit(&v->ghosts, all_keys(e));
    v->ghosts_due = 0;
}

static void
remember(struct engine *e, struct evictor *v, uint64_t hash, unsigned kind, uint32_t frequency)
{
    if (v->ghosts.count > 0 && v->let_go[0] + v->let_go[1] >= v->ghosts.count) {
        /* What was long ago counts for less. Also the time to see how many keys there are. */
        for (int i = 0; i < KINDS; i++) {
            v->let_go[i] /= 2;
            v->came_back[i] /= 2;
        }
        plan_ghosts(e, v);
    }
    v->let_go[kind]++;
    ghosts_add(&v->ghosts, hash, kind << NOTE_KIND_SHIFT | (frequency < NOTE_FREQUENCY ? frequency : NOTE_FREQUENCY));
}

/* -- LRU: what is learned from those that come back ------------------------------------------------------------ */

static void
learn(struct evictor *v, unsigned used)
{
    double share = (v->let_go[used] + 1.0) / (v->let_go[0] + v->let_go[1] + 2.0);
    double lesson = lesson_of_all / (double)v->ghosts.count / (share > share_min ? share : share_min);
    double w = v->unused_weight;

    lesson = lesson < lesson_max ? lesson : lesson_max;
    w = used ? w + w * lesson : w - w * lesson;
    v->unused_weight = w < unused_weight_min ? unused_weight_min : w > unused_weight_max ? unused_weight_max : w;
}

void
evict__born(struct engine *e, struct entry *entry, uint64_t hash)
{
    struct evictor *v = e->evictor;
    unsigned note;

    if (!is_lru(v->policy) || !ghosts_take(&v->ghosts, hash, &note))
        return;
    unsigned used = note >> NOTE_KIND_SHIFT & 1;
    learn(v, used);
    if (used)
        entry_set_used(entry, true);
}

/* -- allkeys-adaptive: time, frequency ------------------------------------------------------------------------- */

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

uint32_t
evict__born_clock(struct engine *e, uint64_t hash)
{
    struct evictor *v = evictor_of(e);
    uint32_t frequency = 0;
    unsigned note;

    count_use(e, v);
    if (v->policy == EVICT_ALLKEYS_ADAPTIVE && ghosts_take(&v->ghosts, hash, &note)) {
        v->came_back[note >> NOTE_KIND_SHIFT & 1]++;
        frequency = note & NOTE_FREQUENCY;
    }
    return make_clock(v, frequency + 1);
}

/* Recency has to be clearly better: where there is no difference, frequency does less harm. */
static enum expert
ask_whom(struct engine *e, const struct evictor *v)
{
    double wrong[EXPERTS];

    for (int i = 0; i < EXPERTS; i++)
        wrong[i] = (v->came_back[i] + 1.0) / (v->let_go[i] + 10.0);
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
    default: {
        double weight = entry_used(entry) ? 1 : v->unused_weight;
        return (uint64_t)((double)(entry_idle_eighths(&e->x, entry) + 1) * weight * SCORE_SCALE);
    }
    }
}

/* Whether it is as good a candidate as it was. That it came last is no merit that time takes away, and what is learned
 * meanwhile about unused keys is none of its own. */
static bool
still_good(const struct engine *e, const struct evictor *v, enum expert who, const struct entry *entry, uint64_t score)
{
    uint64_t now = score_of(e, v, who, entry);

    if (is_lru(v->policy))
        return now + now / 32 >= score;
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
    const struct entry *any; /* one of them, in case no key is short enough for the pool */
};

static void
look_at(void *ctx, void *item)
{
    struct group *g = ctx;

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
        remember(e, v, keyspace__hash(e, entry_key(best)), who, frequency_of(v, best));
    else if (best != NULL && is_lru(v->policy))
        remember(e, v, keyspace__hash(e, entry_key(best)), entry_used(best), 0);
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

/* What was noted under another policy means nothing under this one. */
static void
begin_policy(struct engine *e, struct evictor *v, enum evict_policy p)
{
    v->begun = true;
    v->policy = p;
    v->pools[0].n = v->pools[1].n = 0;
    v->unused_weight = unused_weight_first;
    memset(v->let_go, 0, sizeof(v->let_go));
    memset(v->came_back, 0, sizeof(v->came_back));
    ghosts_fini(&v->ghosts);
    v->ghosts_due = 0;
    if (p == EVICT_ALLKEYS_ADAPTIVE || is_lru(p))
        plan_ghosts(e, v);
}

static struct entry *
choose(struct engine *e, struct evictor *v, struct db **db)
{
    enum evict_policy p = (enum evict_policy)e->settings.maxmemory_policy;

    if (p != v->policy || !v->begun)
        begin_policy(e, v, p);
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
    const struct evictor *v = e->evictor;
    size_t used = mem_used(), uncounted = v != NULL ? v->uncounted : 0, due = v != NULL ? v->ghosts_due : 0;

    if (v != NULL && v->growing != NULL)
        due += table_growth_due(&v->growing->by_key);

    return (used > uncounted ? used - uncounted : 0) + due > e->settings.maxmemory;
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
        struct db *db = NULL;
        struct entry *entry = choose(e, v, &db);
        if (entry == NULL) {
            v->ghosts_due = 0; /* there is nobody to remember */
            v->growing = NULL; /* nor anybody to go instead */
            stuck = over = is_over(e);
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
    if (!over)
        make_ghosts(e, v);
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

void
evict__linked(struct engine *e, const struct db *db)
{
    if (UNLIKELY(table_growth_due(&db->by_key) > 0))
        evictor_of(e)->growing = db;
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
