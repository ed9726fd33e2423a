/* engine/keyspace.c - the databases, and exact expiry.
 *
 * Every key with an expiry is also in an index ordered by time, so what is due is known without sampling: it is counted
 * out of DBSIZE, found absent by every lookup, and freed from the front of the index in short slices.
 */
#include "engine/keyspace.h"

#include "engine/engine_priv.h"
#include "value/deadlines.h"

/* Freeing more than this many allocations is left to the host's reaper. */
enum { REAP_EFFORT = 64, REMOVALS_PER_COMMAND = 1024 };

static struct slice
item_key(const void *item)
{
    return entry_key(item);
}

static uint64_t
item_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, entry_key(item));
}

static uint64_t
item_due(const void *item)
{
    /* Expiries may lie before 1970: shift them into the order of unsigned numbers. */
    return (uint64_t)entry_expiry(item) ^ (UINT64_C(1) << 63);
}

static int
item_order(const void *a, const void *b)
{
    return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

static uint64_t
item_deadline(const void *item)
{
    return (uint64_t)entry_first_deadline(item);
}

const struct table_ops keyspace_table_ops = {item_key, item_hash};
const struct btree_ops keyspace_expiry_ops = {item_due, item_order};
static const struct btree_ops deadline_ops = {item_deadline, item_order};

/* -- indexes by time ------------------------------------------------------------------------------------------- */

static bool
has_deadlines(const struct entry *entry)
{
    const struct zset *d = entry_deadlines(entry);

    return d != NULL && zset_count(d) > 0;
}

void
keyspace__deadlines_index(struct db *db, struct entry *entry)
{
    if (!has_deadlines(entry))
        return;
    btree_insert(&db->by_deadline.keys, &deadline_ops, entry);
    db->by_deadline.hashes += entry_type(entry) == TYPE_HASH;
}

void
keyspace__deadlines_unindex(struct db *db, struct entry *entry)
{
    if (!has_deadlines(entry))
        return;
    btree_remove(&db->by_deadline.keys, &deadline_ops, entry);
    db->by_deadline.hashes -= entry_type(entry) == TYPE_HASH;
}

void
keyspace_index(struct db *db, struct entry *entry)
{
    if (entry_flags(entry) & ENTRY_HAS_EXPIRY)
        btree_insert(&db->by_expiry, &keyspace_expiry_ops, entry);
    keyspace__deadlines_index(db, entry);
}

void
keyspace_unindex(struct db *db, struct entry *entry)
{
    if (entry_flags(entry) & ENTRY_HAS_EXPIRY)
        btree_remove(&db->by_expiry, &keyspace_expiry_ops, entry);
    keyspace__deadlines_unindex(db, entry);
}

void
keyspace__init(struct engine *e, int databases)
{
    e->dbs = mem_get_zero((size_t)databases * sizeof(*e->dbs));
    e->db_count = databases;
    for (int i = 0; i < databases; i++) {
        table_init(&e->dbs[i].by_key, e->hash_seed);
        table_init(&e->dbs[i].watched, e->hash_seed);
        table_init(&e->dbs[i].waiting, e->hash_seed);
        e->dbs[i].index = i;
    }
}

/* -- whole databases ------------------------------------------------------------------------------------------- */

static void
graveyard_free(struct graveyard *g)
{
    table_fini(&g->by_key);
    btree_fini(&g->by_expiry);
    btree_fini(&g->by_deadline);
    mem_free(g);
}

static void
bury(void *arg)
{
    struct graveyard *g = arg;
    struct entry *entry;

    while ((entry = table_drain(&g->by_key, &g->drained)) != NULL)
        entry_free(entry);
    graveyard_free(g);
}

void
keyspace__bury(struct engine *e, struct graveyard *g)
{
    if (e->host.defer != NULL && table_count(&g->by_key) > REAP_EFFORT)
        e->host.defer(e->host.ctx, bury, g);
    else
        bury(g);
}

enum rc
keyspace__bury_slowly(struct exec *x, struct graveyard *g)
{
    enum { AT_ONCE = 128 };
    enum rc rc = RC_OK;
    struct entry *entry = NULL;

    do {
        for (int i = 0; i < AT_ONCE && (entry = table_drain(&g->by_key, &g->drained)) != NULL; i++)
            keyspace__reap(x->engine, entry);
        rc = exec_breathe(x);
    } while (rc == RC_OK && entry != NULL);
    if (entry == NULL)
        graveyard_free(g);
    else /* whoever asked for it is gone */
        keyspace__bury(x->engine, g);
    return rc;
}

void
keyspace_bury(struct engine *e, struct table *by_key, struct btree *by_expiry)
{
    struct graveyard *g = mem_get_zero(sizeof(*g));

    g->by_key = *by_key;
    g->by_expiry = *by_expiry;
    *by_key = (struct table){0};
    *by_expiry = (struct btree){0};
    keyspace__bury(e, g);
}

static struct graveyard *
detach(struct engine *e, struct db *db)
{
    engine_unpin(e);
    walk__restart(e, db);
    struct table by_key = db->by_key;
    struct btree by_expiry = db->by_expiry, by_deadline = db->by_deadline.keys;

    table_init(&db->by_key, e->hash_seed);
    db->by_expiry = (struct btree){0};
    db->by_deadline = (struct deadline_index){0};
    if (e->observed && e->observer.take_tables != NULL &&
        e->observer.take_tables(e->observer.ctx, db, &by_key, &by_expiry)) {
        btree_fini(&by_deadline);
        return NULL;
    }
    struct graveyard *g = mem_get_zero(sizeof(*g));
    g->by_key = by_key;
    g->by_expiry = by_expiry;
    g->by_deadline = by_deadline;
    return g;
}

struct graveyard *
keyspace__empty(struct engine *e, struct db *db)
{
    if (e->listening & LISTEN_WATCH)
        tx__emptied(e, db, NULL);
    tracking__flushed(e);
    effects__touch(e, db, (struct slice){NULL, 0}, EV_NONE, true);
    struct graveyard *g = table_count(&db->by_key) > 0 ? detach(e, db) : NULL;
    waiters__scan(e, db);
    return g;
}

void
keyspace_discard(struct engine *e, struct db *db)
{
    struct graveyard *g = keyspace__empty(e, db);

    if (g != NULL)
        keyspace__bury(e, g);
}

void
keyspace__exchange_tables(struct db *a, struct db *b)
{
    struct db was = *a;

    a->by_key = b->by_key;
    a->by_expiry = b->by_expiry;
    a->by_deadline = b->by_deadline;
    b->by_key = was.by_key;
    b->by_expiry = was.by_expiry;
    b->by_deadline = was.by_deadline;
}

void
keyspace_exchange(struct engine *e, struct db *a, struct db *b)
{
    engine_unpin(e);
    walk__restart(e, a);
    keyspace__exchange_tables(a, b);
}

void
keyspace__fini(struct engine *e)
{
    for (int i = 0; i < e->db_count; i++) {
        struct graveyard *g = mem_get_zero(sizeof(*g));
        g->by_key = e->dbs[i].by_key;
        g->by_expiry = e->dbs[i].by_expiry;
        g->by_deadline = e->dbs[i].by_deadline.keys;
        bury(g);
        tx__watch_fini(e, &e->dbs[i]);
        waiters__fini(e, &e->dbs[i]);
    }
    mem_free(e->dbs);
}

struct db *
engine_db(struct engine *e, int index)
{
    return index >= 0 && index < e->db_count ? &e->dbs[index] : NULL;
}

int
engine_db_count(const struct engine *e)
{
    return e->db_count;
}

static bool
is_due(const void *ctx, const void *item)
{
    const struct engine *e = ctx;

    return entry_expiry(item) < e->now_ms;
}

static size_t
due_count(const struct engine *e, const struct db *db)
{
    const struct entry *first = btree_min(&db->by_expiry);

    /* Nearly always nothing is due: expiry runs all the time. */
    if (first == NULL || !is_due(e, first))
        return 0;
    return btree_count_before(&db->by_expiry, is_due, e);
}

/* Keys whose members are all due, but which are not due themselves. Members go as soon as they are due, so there are
 * next to none of them to look at. */
static size_t
hollow_count(const struct engine *e, const struct db *db)
{
    const struct entry *first = btree_min(&db->by_deadline.keys);
    size_t n = 0;

    if (first == NULL || entry_first_deadline(first) >= e->now_ms || e->settings.never_expire)
        return 0;
    struct btree_iter it = btree_seek(&db->by_deadline.keys, 0);
    for (const struct entry *entry; (entry = btree_get(it)) != NULL; btree_forward(&it)) {
        if (entry_first_deadline(entry) >= e->now_ms)
            break;
        n += !keyspace__is_expired(e, entry) && entry_all_before(entry, e->now_ms);
    }
    return n;
}

size_t
keyspace_count(const struct engine *e, const struct db *db)
{
    return table_count(&db->by_key) - due_count(e, db) - hollow_count(e, db);
}

size_t
keyspace_with_deadlines(const struct db *db)
{
    return db->by_deadline.keys.items;
}

size_t
keyspace_volatile(const struct engine *e, const struct db *db)
{
    return db->by_expiry.items - due_count(e, db);
}

int64_t
keyspace_average_ttl(const struct engine *e, const struct db *db)
{
    size_t n = db->by_expiry.items, due = due_count(e, db);
    enum { SAMPLES = 32 };
    double sum = 0;

    if (n <= due)
        return 0;
    /* Evenly spaced in the order of expiry: exact for small databases, good enough for the one line of INFO. */
    size_t live = n - due, samples = live < SAMPLES ? live : SAMPLES;
    for (size_t i = 0; i < samples; i++)
        sum += (double)(entry_expiry(btree_at(&db->by_expiry, due + live * i / samples)) - e->now_ms);
    return (int64_t)(sum / (double)samples);
}

/* -- single keys ----------------------------------------------------------------------------------------------- */

struct entry *
keyspace_find(struct engine *e, struct db *db, struct slice key)
{
    struct entry *entry = table_find(&db->by_key, &keyspace_table_ops, keyspace__hash(e, key), key);

    return entry != NULL && !keyspace__is_gone(e, entry) ? entry : NULL;
}

void
keyspace__link(struct engine *e, struct db *db, uint64_t hash, struct entry *entry)
{
    table_insert(&db->by_key, &keyspace_table_ops, hash, entry);
    keyspace__index(db, entry);
    effects__linked(e, db, hash, entry);
    if (UNLIKELY(e->memory_limited))
        evict__linked(e, db);
    if (UNLIKELY(e->walks != NULL))
        walk__linked(e, db, hash, entry);
}

void
keyspace__unlink(struct engine *e, struct db *db, uint64_t hash, struct entry *entry)
{
    if (UNLIKELY(e->walks != NULL))
        walk__unlinked(e, db, hash, entry);
    keyspace__unindex(db, entry);
    bool was_there = table_remove(&db->by_key, &keyspace_table_ops, hash, entry);
    CHECK(was_there);
}

void
keyspace_load(struct engine *e, struct db *db, struct entry *entry)
{
    keyspace__link(e, db, keyspace__hash(e, entry_key(entry)), entry);
}

void
keyspace_reserve(struct engine *e, struct db *db, size_t keys)
{
    table_reserve(&db->by_key, &keyspace_table_ops, keys);
}

void
keyspace__reap(struct engine *e, struct entry *entry)
{
    bool simple = entry_type(entry) == TYPE_STRING && entry__rep(entry) != STRING_BLOB;

    if (LIKELY(simple) || e->host.reap == NULL || entry_free_effort(entry) <= REAP_EFFORT)
        entry_free(entry);
    else
        e->host.reap(e->host.ctx, entry);
}

/* -- expiry ---------------------------------------------------------------------------------------------------- */

static void
remove_expired(struct engine *e, struct db *db, uint64_t hash, struct entry *entry)
{
    effects__before(e, db, entry);
    if (UNLIKELY(e->listening != 0)) {
        struct slice key = entry_key(entry);
        effects__touch_slow(e, db, key, EV_EXPIRED, true);
        if (e->listening & LISTEN_SINKS)
            effects__command(e, db->index, (const struct slice[]){LIT("DEL"), key}, 2, true);
    }
    keyspace__unlink(e, db, hash, entry);
    keyspace__reap(e, entry);
    e->stats.expired++;
    e->stats.changes++;
}

void
keyspace__expire(struct engine *e, struct db *db, uint64_t hash, struct entry *entry, bool force)
{
    if (force || keyspace__may_remove(e))
        remove_expired(e, db, hash, entry);
}

/* Removes up to 16 due entries, fetching what they need into the cache first. */
static size_t
expire_some(struct engine *e, struct db *db)
{
    enum { GROUP = 16 };
    struct entry *due[GROUP];
    uint64_t hash[GROUP];
    size_t n = 0;

    struct btree_iter it = btree_seek(&db->by_expiry, 0);
    for (struct entry *entry; n < GROUP && (entry = btree_get(it)) != NULL && is_due(e, entry); n++) {
        due[n] = entry;
        btree_forward(&it);
    }
    for (size_t i = 0; i < n; i++) {
        hash[i] = keyspace__hash(e, entry_key(due[i]));
        table_prefetch_bucket(&db->by_key, hash[i]);
    }
    for (size_t i = 0; i < n; i++)
        remove_expired(e, db, hash[i], due[i]);
    e->stats.expired_by_tick += n;
    return n;
}

/* -- members --------------------------------------------------------------------------------------------------- */

bool
keyspace__all_members_due(const struct engine *e, const struct entry *entry)
{
    return !e->settings.never_expire && entry_all_before(entry, e->now_ms);
}

static const struct {
    enum event event;
    struct slice removal;
} member_facts[TYPE_COUNT] = {
    [TYPE_HASH] = {EV_HEXPIRED, {"HDEL", 4}},
    [TYPE_SET] = {EV_SEXPIRED, {"SREM", 4}},
    [TYPE_ZSET] = {EV_ZEXPIRED, {"ZREM", 4}},
};

struct removal { /* the command that tells others */
    struct engine *engine;
    struct slice *argv;
    int argc;
};

static void
note_removal(void *ctx, struct slice member)
{
    struct removal *r = ctx;

    if (r->argv != NULL)
        r->argv[r->argc++] = arena_copy(&r->engine->effects.arena, member);
}

static void
remove_members(struct engine *e, struct db *db, struct entry *entry, size_t n)
{
    struct removal r = {.engine = e};

    if (e->listening & LISTEN_SINKS) {
        r.argv = arena_array(&e->effects.arena, n + 2, sizeof(*r.argv));
        r.argv[r.argc++] = member_facts[entry_type(entry)].removal;
        r.argv[r.argc++] = arena_copy(&e->effects.arena, entry_key(entry));
    }
    entry_remove_first(entry, n, note_removal, &r);
    if (r.argv != NULL)
        effects__command(e, db->index, r.argv, r.argc, false);
}

struct entry *
keyspace__expire_members(struct engine *e, struct db *db, uint64_t hash, struct entry *entry, size_t max)
{
    size_t due = entry_deadlines_before(entry, e->now_ms), n = due < max ? due : max;
    struct slice key = entry_key(entry);
    enum event event = member_facts[entry_type(entry)].event;

    if (due == 0)
        return entry;
    effects__before(e, db, entry);
    e->stats.changes++;
    effects__touch(e, db, key, event, true);
    if (entry_all_before(entry, e->now_ms)) {
        e->stats.expired_members += due;
        effects__touch(e, db, key, EV_DEL, true);
        if (e->listening & LISTEN_SINKS)
            effects__command(e, db->index, (const struct slice[]){LIT("DEL"), key}, 2, true);
        keyspace__unlink(e, db, hash, entry);
        keyspace__reap(e, entry);
        return NULL;
    }
    e->stats.expired_members += n;
    keyspace__deadlines_unindex(db, entry);
    for (size_t left = n; left > 0;) {
        size_t some = left < REMOVALS_PER_COMMAND ? left : REMOVALS_PER_COMMAND;
        remove_members(e, db, entry, some);
        left -= some;
    }
    keyspace__deadlines_index(db, entry);
    return entry;
}

/* Removes some members of the key whose turn it is. False when none is due. */
static bool
expire_some_members(struct engine *e, struct db *db)
{
    enum { MEMBERS = 64 };
    struct entry *entry = btree_min(&db->by_deadline.keys);

    if (entry == NULL || entry_first_deadline(entry) >= e->now_ms)
        return false;
    uint64_t before = e->stats.expired_members;
    (void)keyspace__expire_members(e, db, keyspace__hash(e, entry_key(entry)), entry, MEMBERS);
    e->stats.expired_members_by_tick += e->stats.expired_members - before;
    return true;
}

static bool
may_expire(const struct engine *e)
{
    return e->settings.active_expire && keyspace__may_remove(e) && !e->settings.never_expire;
}

bool
keyspace__tick(struct engine *e, int64_t deadline_ns)
{
    if (!may_expire(e))
        return false;
    for (int i = 0; i < e->db_count; i++) {
        struct db *db = &e->dbs[i];
        while (expire_some(e, db) > 0) {
            if (clock_mono_ns(&e->clock) >= deadline_ns)
                return true;
        }
        while (expire_some_members(e, db)) {
            if (clock_mono_ns(&e->clock) >= deadline_ns)
                return true;
        }
    }
    return false;
}

int64_t
keyspace__next_expiry(const struct engine *e)
{
    int64_t next = INT64_MAX;

    if (!may_expire(e))
        return next;
    for (int i = 0; i < e->db_count; i++) {
        const struct entry *first = btree_min(&e->dbs[i].by_expiry);
        if (first != NULL && entry_expiry(first) < next)
            next = entry_expiry(first);
        const struct entry *holder = btree_min(&e->dbs[i].by_deadline.keys);
        if (holder != NULL && entry_first_deadline(holder) < next)
            next = entry_first_deadline(holder);
    }
    /* A key is there until the clock is past its time. */
    return next == INT64_MAX ? next : next + 1;
}

/* -- for tests ------------------------------------------------------------------------------------------------- */

struct census {
    size_t expiring, holders, hashes;
    bool sound;
};

static void
take_census(void *ctx, void *item)
{
    struct census *c = ctx;
    const struct entry *entry = item;
    const struct zset *d = entry_deadlines(entry);
    struct slice member;
    double at;

    c->expiring += (entry_flags(entry) & ENTRY_HAS_EXPIRY) != 0;
    if (d == NULL || zset_count(d) == 0)
        return;
    c->holders++;
    c->hashes += entry_type(entry) == TYPE_HASH;
    c->sound = c->sound && zset_verify(d) && type_has_deadlines(entry_type(entry));
    for (struct zset_iter it = zset_seek(d, 0, false); zset_next(d, &it, &member, &at);)
        c->sound = c->sound && entry_has_member(entry, member);
}

bool
keyspace_verify(const struct db *db)
{
    struct census c = {.sound = true};
    uint64_t cursor = 0;

    do {
        cursor = table_scan(&db->by_key, &keyspace_table_ops, cursor, take_census, &c);
    } while (cursor != 0);
    return c.sound && c.expiring == db->by_expiry.items && c.holders == db->by_deadline.keys.items &&
           c.hashes == db->by_deadline.hashes && btree_verify(&db->by_expiry, &keyspace_expiry_ops) &&
           btree_verify(&db->by_deadline.keys, &deadline_ops) && table_verify(&db->by_key, &keyspace_table_ops);
}
