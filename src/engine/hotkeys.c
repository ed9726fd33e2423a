/* engine/hotkeys.c - the keys used most. */
#include "engine/hotkeys.h"

#include "engine/engine_priv.h"

#include <stdlib.h>
#include <sys/resource.h>

enum {
    COUNTERS = 256,       /* keys that are counted at a time: several times as many as are told of */
    KEY_BYTES_MAX = 1024, /* longer ones are not worth it */
    KEYS_MAX = 16,        /* of one command */
    HALVE_EVERY_MS = 60000,
    ALWAYS_TOP = 16,
};

struct counter {
    uint64_t sum, error; /* what a key that was counted here before had brought it to: sum - error is sure */
    char *key;           /* owned */
    uint32_t len;
    int db;
};

struct counters {
    uint64_t hash[COUNTERS]; /* apart, so that looking for one is quick; 0: free */
    struct counter v[COUNTERS];
};

struct collection {
    struct counters *by[HOT_METRICS]; /* NULL: not asked for */
    unsigned metrics, top;
    uint64_t ratio;
    bool active;
    int64_t began_ms, ended_ms, ends_ms; /* ends_ms 0: not by itself */
    uint64_t calls, ns, bytes;
    int64_t user_ms, system_ms; /* of the process, at the start; after the end: in between */
};

struct hotkeys {
    struct collection always, own;
    bool has_own;
    int64_t halved_ms;
};

/* -- counters -------------------------------------------------------------------------------------------------- */

static void
counters_free(struct counters *c)
{
    for (int i = 0; c != NULL && i < COUNTERS; i++)
        mem_free(c->v[i].key);
    mem_free(c);
}

static int
find_hash(const struct counters *c, uint64_t hash)
{
    for (int i = 0; i < COUNTERS; i++) {
        if (c->hash[i] == hash)
            return i;
    }
    return -1;
}

static int
find_least(const struct counters *c)
{
    int least = 0;

    for (int i = 1; i < COUNTERS; i++) {
        if (c->v[i].sum < c->v[least].sum)
            least = i;
    }
    return least;
}

/* A key that is not counted yet takes the place of the one with the least, and its sum with it as a possible error: so
 * whatever has more than the least is there. */
static void
count_key(struct counters *c, uint64_t hash, int db, struct slice key, uint64_t amount)
{
    int i = find_hash(c, hash);

    if (i < 0) {
        i = find_least(c);
        struct counter *v = &c->v[i];
        mem_free(v->key);
        v->key = mem_get(key.len + 1);
        if (key.len > 0)
            memcpy(v->key, key.ptr, key.len);
        v->len = (uint32_t)key.len;
        v->db = db;
        v->error = v->sum;
        c->hash[i] = hash;
    }
    c->v[i].sum += amount;
}

static void
halve(struct counters *c)
{
    for (int i = 0; i < COUNTERS; i++) {
        c->v[i].sum /= 2;
        c->v[i].error /= 2;
    }
}

/* -- collections ----------------------------------------------------------------------------------------------- */

static void
process_times(int64_t *user_ms, int64_t *system_ms)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    *user_ms = (int64_t)u.ru_utime.tv_sec * 1000 + u.ru_utime.tv_usec / 1000;
    *system_ms = (int64_t)u.ru_stime.tv_sec * 1000 + u.ru_stime.tv_usec / 1000;
}

static void
collection_begin(struct engine *e, struct collection *c, unsigned metrics, unsigned top, uint64_t ratio)
{
    *c = (struct collection){.metrics = metrics, .top = top, .ratio = ratio, .active = true, .began_ms = e->now_ms};
    process_times(&c->user_ms, &c->system_ms);
    for (int m = 0; m < HOT_METRICS; m++) {
        if (metrics & 1u << m)
            c->by[m] = mem_get_zero(sizeof(*c->by[m]));
    }
}

static void
collection_end(struct engine *e, struct collection *c)
{
    int64_t user, system;

    process_times(&user, &system);
    c->active = false;
    c->ended_ms = c->ends_ms != 0 && c->ends_ms < e->now_ms ? c->ends_ms : e->now_ms;
    c->user_ms = user - c->user_ms;
    c->system_ms = system - c->system_ms;
}

static void
collection_fini(struct collection *c)
{
    for (int m = 0; m < HOT_METRICS; m++)
        counters_free(c->by[m]);
    *c = (struct collection){0};
}

static void
end_if_due(struct engine *e)
{
    struct collection *c = &e->hotkeys->own;

    if (c->active && c->ends_ms != 0 && e->now_ms >= c->ends_ms)
        collection_end(e, c);
}

void
hotkeys__init(struct engine *e)
{
    e->hotkeys = mem_get_zero(sizeof(*e->hotkeys));
    e->hotkeys->halved_ms = e->now_ms;
    collection_begin(e, &e->hotkeys->always, (1u << HOT_METRICS) - 1, ALWAYS_TOP, HOTKEYS_ALWAYS_RATIO);
    e->sample_in = HOTKEYS_ALWAYS_RATIO;
}

void
hotkeys__fini(struct engine *e)
{
    collection_fini(&e->hotkeys->always);
    collection_fini(&e->hotkeys->own);
    mem_free(e->hotkeys);
}

/* The commands that are looked at lie between 1 and twice the ratio apart, so that no rhythm of a client's can hide
 * from them. While somebody has asked for a closer look, more of them are, and the collection that always runs takes
 * its share of those. */
uint32_t
hotkeys__next_sample(struct engine *e)
{
    const struct collection *own = &e->hotkeys->own;
    uint64_t ratio = own->active && own->ratio < HOTKEYS_ALWAYS_RATIO ? own->ratio : HOTKEYS_ALWAYS_RATIO;

    return (uint32_t)rng_below(&e->rng, 2 * ratio - 1);
}

static void
count_in(struct collection *c, uint64_t hash, int db, struct slice key, const struct hot_sample *s, uint64_t share)
{
    uint64_t amounts[HOT_METRICS] = {[HOT_CALLS] = 1, [HOT_CPU] = s->ns / share, [HOT_NET] = s->bytes / share};

    for (int m = 0; m < HOT_METRICS; m++) {
        if (c->by[m] != NULL)
            count_key(c->by[m], hash, db, key, amounts[m]);
    }
}

void
hotkeys__note(struct engine *e, const struct hot_sample *s)
{
    struct hotkeys *h = e->hotkeys;
    int index[KEYS_MAX];
    uint16_t flags[KEYS_MAX];
    const struct collection *own = &h->own;
    uint64_t every = own->active && own->ratio < HOTKEYS_ALWAYS_RATIO ? own->ratio : HOTKEYS_ALWAYS_RATIO;
    bool for_all = rng_below(&e->rng, HOTKEYS_ALWAYS_RATIO) < every;
    bool for_own = own->active && rng_below(&e->rng, own->ratio) < every;

    if (for_own) {
        h->own.calls++;
        h->own.ns += s->ns;
        h->own.bytes += s->bytes;
    }
    if (for_all) {
        h->always.calls++;
        h->always.ns += s->ns;
        h->always.bytes += s->bytes;
    }
    int n = s->command->first_key > 0 || s->command->row->find_keys != NULL ||
                    s->command->row->keys[0].begin != KEY_BEGIN_NONE
                ? cmd_keys(s->command->row, s->argv, s->argc, index, flags, KEYS_MAX)
                : 0;
    n = n < KEYS_MAX ? n : KEYS_MAX;
    for (int i = 0; i < n; i++) {
        struct slice key = s->argv[index[i]];
        if (key.len > KEY_BYTES_MAX)
            continue;
        uint64_t hash = (keyspace__hash(e, key) ^ (uint64_t)(s->db + 1) * UINT64_C(0x9e3779b97f4a7c15)) | 1;
        if (for_all)
            count_in(&h->always, hash, s->db, key, s, (uint64_t)n);
        if (for_own)
            count_in(&h->own, hash, s->db, key, s, (uint64_t)n);
    }
}

void
hotkeys__tick(struct engine *e)
{
    struct hotkeys *h = e->hotkeys;

    end_if_due(e);
    if (e->now_ms - h->halved_ms < HALVE_EVERY_MS)
        return;
    h->halved_ms = e->now_ms;
    for (int m = 0; m < HOT_METRICS; m++)
        halve(h->always.by[m]);
}

/* -- what is asked --------------------------------------------------------------------------------------------- */

bool
hotkeys_start(struct engine *e, unsigned metrics, unsigned top, uint64_t ratio, int64_t duration_ms)
{
    struct collection *c = &e->hotkeys->own;

    end_if_due(e);
    if (c->active)
        return false;
    collection_fini(c);
    collection_begin(e, c, metrics, top, ratio);
    c->ends_ms = duration_ms > 0 ? e->now_ms + duration_ms : 0;
    e->hotkeys->has_own = true;
    e->sample_in = 0;
    return true;
}

bool
hotkeys_stop(struct engine *e)
{
    end_if_due(e);
    if (!e->hotkeys->own.active)
        return false;
    collection_end(e, &e->hotkeys->own);
    return true;
}

bool
hotkeys_reset(struct engine *e)
{
    end_if_due(e);
    if (e->hotkeys->own.active)
        return false;
    collection_fini(&e->hotkeys->own);
    e->hotkeys->has_own = false;
    return true;
}

struct hotkeys_info
hotkeys_info(struct engine *e)
{
    end_if_due(e);
    const struct hotkeys *h = e->hotkeys;
    const struct collection *c = h->has_own ? &h->own : &h->always;
    struct hotkeys_info i = {
        .own = h->has_own,
        .active = c->active,
        .metrics = c->metrics,
        .ratio = c->ratio,
        .top = c->top,
        .began_ms = c->began_ms,
        .duration_ms = (c->active ? e->now_ms : c->ended_ms) - c->began_ms,
        .calls = c->calls * c->ratio,
        .ns = c->ns * c->ratio,
        .bytes = c->bytes * c->ratio,
        .user_ms = c->user_ms,
        .system_ms = c->system_ms,
    };

    if (c->active) {
        process_times(&i.user_ms, &i.system_ms);
        i.user_ms -= c->user_ms;
        i.system_ms -= c->system_ms;
    }
    return i;
}

static int
hottest_first(const void *a, const void *b)
{
    const struct hot_key *x = a, *y = b;

    return (x->sum < y->sum) - (x->sum > y->sum);
}

size_t
hotkeys_top(struct engine *e, enum hot_metric metric, bool always, struct hot_key *out, size_t max)
{
    const struct collection *c = e->hotkeys->has_own && !always ? &e->hotkeys->own : &e->hotkeys->always;
    const struct counters *by = c->by[metric];
    struct hot_key all[COUNTERS];
    size_t n = 0;

    for (int i = 0; by != NULL && i < COUNTERS; i++) {
        const struct counter *v = &by->v[i];
        if (by->hash[i] != 0 && v->sum > v->error)
            all[n++] = (struct hot_key){slice_of(v->key, v->len), v->db, v->sum - v->error};
    }
    qsort(all, n, sizeof(all[0]), hottest_first);
    n = n < max ? n : max;
    memcpy(out, all, n * sizeof(all[0]));
    return n;
}
