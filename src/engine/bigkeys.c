/* engine/bigkeys.c - the largest keys, found by a sweep that never ends.
 *
 * Each step looks at a few buckets and is followed by a rest of three hundred times its length, so the sweep takes a
 * third of a percent of the time at most: with the hot keys' share it is to stay under one. What a key is now is looked
 * up when somebody asks.
 */
#include "engine/engine_priv.h"
#include "engine/hotkeys.h"
#include "value/json.h"
#include "value/stream.h"

#include <stdlib.h>

enum {
    KEPT = 2 * HOTKEYS_MAX,
    STEP_BUCKETS = 64,
    REST = 300, /* times as long as a step took */
    REST_MS_MAX = 1000,
    SWEEP_REST_MS_MIN = 1000,
    SWEEP_REST_MS_MAX = 60000, /* between two sweeps */
    KEY_BYTES_MAX = 1024,
    BYTES_MIN = 1024,
    ELEMENTS_MIN = 16, /* less is not big, whatever else there is */
};

struct kept_key {
    uint64_t size, hash;
    char *key; /* owned */
    uint32_t len;
    int db;
};

struct big_list {
    struct kept_key v[KEPT];
    size_t n;
    uint64_t least; /* what a key must exceed to come in */
};

struct bigkeys {
    struct big_list by[BIG_METRICS];
    int db;
    uint64_t cursor;
    int64_t next_ms, sweep_ns;
    struct bigkeys_info info;
};

void
bigkeys__init(struct engine *e)
{
    e->bigkeys = mem_get_zero(sizeof(*e->bigkeys));
    e->bigkeys->by[BIG_BYTES].least = BYTES_MIN;
    e->bigkeys->by[BIG_ELEMENTS].least = ELEMENTS_MIN;
    e->bigkeys->info.sweep_began_ms = e->now_ms;
}

void
bigkeys__fini(struct engine *e)
{
    for (int m = 0; m < BIG_METRICS; m++) {
        for (size_t i = 0; i < e->bigkeys->by[m].n; i++)
            mem_free(e->bigkeys->by[m].v[i].key);
    }
    mem_free(e->bigkeys);
}

static uint64_t
size_of(const struct entry *e, enum big_metric metric)
{
    return metric == BIG_BYTES ? entry_bytes(e) : entry_elements(e);
}

/* -- lists ----------------------------------------------------------------------------------------------------- */

static void
drop(struct big_list *l, size_t i)
{
    mem_free(l->v[i].key);
    l->v[i] = l->v[--l->n];
}

static size_t
find_least(const struct big_list *l)
{
    size_t least = 0;

    for (size_t i = 1; i < l->n; i++) {
        if (l->v[i].size < l->v[least].size)
            least = i;
    }
    return least;
}

static void
keep(struct big_list *l, uint64_t hash, int db, struct slice key, uint64_t size)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i].hash == hash && l->v[i].db == db && slice_eq(slice_of(l->v[i].key, l->v[i].len), key)) {
            l->v[i].size = size;
            return;
        }
    }
    if (l->n == KEPT)
        drop(l, find_least(l));
    struct kept_key *k = &l->v[l->n++];
    *k = (struct kept_key){.size = size, .hash = hash, .key = mem_get(key.len + 1), .len = (uint32_t)key.len, .db = db};
    if (key.len > 0)
        memcpy(k->key, key.ptr, key.len);
    if (l->n == KEPT)
        l->least = l->v[find_least(l)].size;
}

/* Sizes as they are now; what is gone goes from the list. */
static void
refresh(struct engine *e, enum big_metric metric)
{
    struct big_list *l = &e->bigkeys->by[metric];

    for (size_t i = l->n; i-- > 0;) {
        struct kept_key *k = &l->v[i];
        const struct entry *entry = keyspace_find(e, &e->dbs[k->db], slice_of(k->key, k->len));
        uint64_t size = entry != NULL ? size_of(entry, metric) : 0;
        if (size < (metric == BIG_BYTES ? BYTES_MIN : ELEMENTS_MIN))
            drop(l, i);
        else
            k->size = size;
    }
    l->least = metric == BIG_BYTES ? BYTES_MIN : ELEMENTS_MIN;
    if (l->n == KEPT)
        l->least = l->v[find_least(l)].size;
}

/* -- the sweep ------------------------------------------------------------------------------------------------- */

static void
visit(void *ctx, void *item)
{
    struct engine *e = ctx;
    const struct entry *entry = item;
    struct slice key = entry_key(entry);

    for (int m = 0; m < BIG_METRICS; m++) {
        struct big_list *l = &e->bigkeys->by[m];
        uint64_t size = size_of(entry, (enum big_metric)m);
        if (UNLIKELY(size > l->least) && key.len <= KEY_BYTES_MAX)
            keep(l, keyspace__hash(e, key), e->bigkeys->db, key, size);
    }
}

/* False at the end of the last database. */
static bool
step(struct engine *e)
{
    struct bigkeys *b = e->bigkeys;

    for (int i = 0; i < STEP_BUCKETS; i++) {
        b->cursor = table_scan(&e->dbs[b->db].by_key, &keyspace_table_ops, b->cursor, visit, e);
        if (b->cursor == 0 && ++b->db == e->db_count) {
            b->db = 0;
            return false;
        }
    }
    return true;
}

int64_t
bigkeys__tick(struct engine *e)
{
    struct bigkeys *b = e->bigkeys;

    if (e->now_ms < b->next_ms)
        return b->next_ms;
    int64_t began_ns = clock_mono_ns(&e->clock);
    bool more = step(e);
    if (!more) {
        for (int m = 0; m < BIG_METRICS; m++)
            refresh(e, (enum big_metric)m);
        b->info.sweeps++;
        b->info.sweep_began_ms = e->now_ms;
    }
    int64_t took_ns = clock_mono_ns(&e->clock) - began_ns;
    b->sweep_ns += took_ns;
    int64_t rest_ms = (more ? took_ns : b->sweep_ns) * REST / 1000000 + 1;
    if (more) {
        rest_ms = rest_ms < REST_MS_MAX ? rest_ms : REST_MS_MAX;
    } else {
        rest_ms = rest_ms < SWEEP_REST_MS_MIN   ? SWEEP_REST_MS_MIN
                  : rest_ms < SWEEP_REST_MS_MAX ? rest_ms
                                                : SWEEP_REST_MS_MAX;
        b->sweep_ns = 0;
    }
    b->next_ms = e->now_ms + rest_ms;
    return b->next_ms;
}

/* -- what is asked --------------------------------------------------------------------------------------------- */

static int
biggest_first(const void *a, const void *b)
{
    const struct big_key *x = a, *y = b;

    return (x->size < y->size) - (x->size > y->size);
}

size_t
bigkeys_top(struct engine *e, enum big_metric metric, struct big_key *out, size_t max)
{
    const struct big_list *l = &e->bigkeys->by[metric];
    struct big_key all[KEPT];
    size_t n = 0;

    refresh(e, metric);
    for (size_t i = 0; i < l->n; i++) {
        struct slice key = slice_of(l->v[i].key, l->v[i].len);
        const struct entry *entry = keyspace_find(e, &e->dbs[l->v[i].db], key);
        if (entry != NULL)
            all[n++] = (struct big_key){key, l->v[i].db, l->v[i].size, value_type_name(entry_type(entry))};
    }
    qsort(all, n, sizeof(all[0]), biggest_first);
    n = n < max ? n : max;
    memcpy(out, all, n * sizeof(all[0]));
    return n;
}

struct bigkeys_info
bigkeys_info(const struct engine *e)
{
    return e->bigkeys->info;
}
