/* engine/exec.c - reading and changing single keys on behalf of a handler.
 *
 * Between edit and entry_changed() a string with an expiry is out of the expiry index, because it may move; everything
 * else stays where it is. exec.open remembers which entries are being edited.
 */
#include "engine/exec.h"

#include "engine/engine_priv.h"
#include "engine/exec_priv.h"
#include "value/deadlines.h"
#include "value/json.h"

enum { HUGE_BYTES = 1 << 20 };
enum { FETCH_MIN = 4096 }; /* keys: those of smaller databases are in the cache as they are */

/* -- finding --------------------------------------------------------------------------------------------------- */

static bool
is_open(const struct exec *x, const struct entry *e)
{
    return x->open[0] == e || x->open[1] == e;
}

static void
ignore_member(void *ctx, struct slice member)
{
    (void)ctx;
    (void)member;
}

/* NULL when absent or expired. `force`: an expired entry must go even where expiry is somebody else's decision, since
 * the caller is about to use its place. */
static struct entry *
find_mortal(struct exec *x, struct db *db, uint64_t hash, struct entry *e, bool force)
{
    struct engine *engine = x->engine;

    if (keyspace__is_expired(engine, e)) {
        keyspace__expire(engine, db, hash, e, force);
        return NULL;
    }
    if (!(entry_flags(e) & ENTRY_DEADLINES) || entry_first_deadline(e) >= x->engine->now_ms ||
        engine->settings.never_expire || is_open(x, e))
        return e;
    if (keyspace__may_remove(engine) || (force && keyspace__all_members_due(engine, e)))
        return keyspace__expire_members(engine, db, hash, e, SIZE_MAX);
    return keyspace__all_members_due(engine, e) ? NULL : e;
}

static inline struct entry *
find(struct exec *x, struct db *db, struct slice key, uint64_t hash, bool force)
{
    struct entry *e = table_find(&db->by_key, &keyspace_table_ops, hash, key);

    WITNESS(x, key, false);
    if (e != NULL && UNLIKELY(entry_flags(e) & ENTRY_MORTAL))
        return find_mortal(x, db, hash, e, force);
    return e;
}

static void
touch_lfu(struct exec *x, struct entry *e)
{
    uint32_t minutes = (uint32_t)(x->now_ms / 60000) & 0xffff;
    uint32_t count = (uint32_t)entry_frequency(x, e);

    /* A counter of eight bits that grows ever more slowly: about a million accesses fill it. */
    if (count < 255) {
        uint32_t above = count > LFU_INITIAL ? count - LFU_INITIAL : 0;
        uint64_t odds = (uint64_t)above * x->engine->settings.lfu_log_factor + 1;
        if (rng_below(x->rng, odds) == 0)
            count++;
    }
    entry_set_clock(e, minutes << 8 | count);
}

static void
touch_frequency(struct exec *x, struct entry *e)
{
    if (x->engine->settings.clock_adaptive)
        entry_set_clock(e, evict__used_clock(x->engine, e));
    else
        touch_lfu(x, e);
}

static inline void
touch(struct exec *x, struct entry *e)
{
    if (UNLIKELY(x->no_touch))
        return;
    if (UNLIKELY(x->engine->settings.lru_clock_lfu)) {
        touch_frequency(x, e);
    } else if (entry_clock(e) != x->engine->access_clock || entry_access(e) != x->engine->access) {
        entry_set_clock(e, x->engine->access_clock);
        entry_set_access(e, x->engine->access);
    }
}

static inline struct entry *
find_counted(struct exec *x, struct db *db, struct slice key)
{
    struct entry *e = find(x, db, key, exec__hash(x, key), false);

    if (UNLIKELY(x->again))
        return e; /* counted when the handler looked for the first time */
    if (e == NULL) {
        x->engine->stats.misses++;
        effects__touch(x->engine, db, key, EV_KEYMISS, false);
        return NULL;
    }
    x->engine->stats.hits++;
    return e;
}

struct reader_copy {
    struct entry *entry;
    struct reader_copy *next;
};

/* Where what is due must stay for the time being (on a replica, during a pause), the reader gets a copy without it. */
static struct entry *
without_due_members(struct exec *x, struct entry *e)
{
    size_t due = x->engine->settings.never_expire ? 0 : entry_deadlines_before(e, x->engine->now_ms);

    if (due == 0 || is_open(x, e))
        return e;
    struct entry *copy = entry_copy(e, entry_key(e), x->limits, NULL);
    entry_set_clock(copy, entry_clock(e));
    entry_remove_first(copy, due, ignore_member, NULL);
    struct reader_copy *c = mem_get(sizeof(*c));
    *c = (struct reader_copy){copy, x->copies};
    x->copies = c;
    return copy;
}

void
exec__drop_copies(struct exec *x)
{
    while (x->copies != NULL) {
        struct reader_copy *c = x->copies;
        x->copies = c->next;
        entry_free(c->entry);
        mem_free(c);
    }
}

void
fetch_keys(const struct exec *x, int from, int step)
{
    const struct table *t = &x->db->by_key;
    uint64_t hash[FETCH_TOGETHER];
    int n = 0;

    if (table_count(t) < FETCH_MIN)
        return;
    for (int i = from; i < x->argc && n < FETCH_TOGETHER; i += step)
        hash[n++] = exec__hash(x, x->argv[i]);
    for (int i = 0; i < n; i++)
        table_prefetch_bucket(t, hash[i]);
    for (int i = 0; i < n; i++)
        table_prefetch_item(t, hash[i]);
}

void
fetch_members(const struct exec *x, const struct entry *e, int from, int step)
{
    int n = (x->argc - from + step - 1) / step;

    if (e != NULL)
        entry_expect(e, x->argv + from, n < FETCH_TOGETHER ? n : FETCH_TOGETHER, step);
}

struct entry *
look_in(struct exec *x, struct db *db, struct slice key)
{
    struct entry *e = find_counted(x, db, key);

    if (e != NULL) {
        touch(x, e);
        if (UNLIKELY(entry_flags(e) & ENTRY_DEADLINES) && !keyspace__may_remove(x->engine))
            e = without_due_members(x, e);
    }
    return e;
}

struct entry *
look_untouched(struct exec *x, struct slice key)
{
    return find_counted(x, x->db, key);
}

struct entry *
look(struct exec *x, struct slice key)
{
    return look_in(x, x->db, key);
}

struct entry *
peek_in(struct exec *x, struct db *db, struct slice key)
{
    return find(x, db, key, exec__hash(x, key), false);
}

struct entry *
peek(struct exec *x, struct slice key)
{
    return peek_in(x, x->db, key);
}

enum rc
read_entry(struct exec *x, struct slice key, enum value_type type, struct entry **out)
{
    struct entry *e = look(x, key);

    if (e != NULL && UNLIKELY(entry_type(e) != type))
        return RC_WRONGTYPE;
    *out = e;
    return RC_OK;
}

enum rc
read_string(struct exec *x, struct slice key, const struct entry **out)
{
    struct entry *e;

    TRY(read_entry(x, key, TYPE_STRING, &e));
    *out = e;
    return RC_OK;
}

/* The eight bytes of a collection are its struct hash, list … */
#define READ_COLLECTION(noun, type)                                                \
    enum rc read_##noun(struct exec *x, struct slice key, const struct noun **out) \
    {                                                                              \
        struct entry *e;                                                           \
        TRY(read_entry(x, key, type, &e));                                         \
        *out = e != NULL ? (const struct noun *)entry_handle(e) : NULL;            \
        return RC_OK;                                                              \
    }
READ_COLLECTION(hash, TYPE_HASH)
READ_COLLECTION(list, TYPE_LIST)
READ_COLLECTION(set, TYPE_SET)
READ_COLLECTION(zset, TYPE_ZSET)

/* -- editing --------------------------------------------------------------------------------------------------- */

/* Takes it out of the indexes in which the edit may change its place. Not inlined: most entries live for ever. */
static __attribute__((noinline)) void
open_mortal(struct exec *x, struct entry *e, int slot, enum edit_mode mode)
{
    bool may_move = entry_type(e) == TYPE_STRING && !(mode == ENTRY_COUNTER && entry__rep(e) == STRING_INT);

    x->indexed[slot] = (entry_flags(e) & ENTRY_HAS_EXPIRY) && !may_move;
    if (may_move && (entry_flags(e) & ENTRY_HAS_EXPIRY))
        btree_remove(&x->db->by_expiry, &keyspace_expiry_ops, e);
    if (entry_flags(e) & ENTRY_DEADLINES)
        keyspace__deadlines_unindex(x->db, e);
}

static __attribute__((noinline)) void
close_mortal(struct exec *x, struct entry *e, int slot)
{
    if ((entry_flags(e) & ENTRY_HAS_EXPIRY) && !x->indexed[slot])
        btree_insert(&x->db->by_expiry, &keyspace_expiry_ops, e);
    if (entry_flags(e) & ENTRY_DEADLINES)
        keyspace__deadlines_index(x->db, e);
}

static inline void
open_edit(struct exec *x, struct entry *e, enum edit_mode mode)
{
    int slot = x->open[0] == NULL ? 0 : 1;

    CHECK(x->open[slot] == NULL);
    x->open[slot] = e;
    x->indexed[slot] = false;
    if (UNLIKELY(entry_flags(e) & ENTRY_MORTAL))
        open_mortal(x, e, slot, mode);
}

static inline void
close_edit(struct exec *x, struct entry *e)
{
    int slot = x->open[0] == e ? 0 : 1;

    if (x->open[slot] != e)
        return;
    x->open[slot] = NULL;
    if (UNLIKELY(entry_flags(e) & ENTRY_MORTAL))
        close_mortal(x, e, slot);
}

/* Who may write need not respect who wants things to stay as they are. */
static __attribute__((noinline)) struct entry *
settle_members(struct exec *x, uint64_t hash, struct entry *e)
{
    const struct engine_settings *s = &x->engine->settings;

    if (!s->lazy_expire_deletes || s->never_expire || is_open(x, e))
        return e;
    e = keyspace__expire_members(x->engine, x->db, hash, e, SIZE_MAX);
    CHECK(e != NULL); /* a collection of which nothing is left was not found */
    return e;
}

enum rc
edit_entry(struct exec *x, struct slice key, enum value_type type, enum edit_mode mode, struct entry **out)
{
    uint64_t hash = exec__hash(x, key);
    struct entry *e = find(x, x->db, key, hash, mode == ENTRY_CREATE);

    if (e == NULL) {
        if (mode == ENTRY_CREATE) {
            e = entry_new(type, key);
            exec__new_clock(x, e, hash);
            keyspace__link(x->engine, x->db, hash, e);
            effects__touch(x->engine, x->db, key, EV_NEW, false);
            open_edit(x, e, mode);
        }
        *out = e;
        return RC_OK;
    }
    if (UNLIKELY(entry_type(e) != type))
        return RC_WRONGTYPE;
    if (UNLIKELY(entry_flags(e) & ENTRY_DEADLINES))
        e = settle_members(x, hash, e);
    touch(x, e);
    effects__before(x->engine, x->db, e);
    open_edit(x, e, mode);
    *out = e;
    return RC_OK;
}

#define EDIT_COLLECTION(noun, type)                                                                                 \
    enum rc edit_##noun(struct exec *x, struct slice key, enum edit_mode mode, struct entry **e, struct noun **out) \
    {                                                                                                               \
        TRY(edit_entry(x, key, type, mode, e));                                                                     \
        *out = *e != NULL ? (struct noun *)entry_handle(*e) : NULL;                                                 \
        return RC_OK;                                                                                               \
    }
EDIT_COLLECTION(hash, TYPE_HASH)
EDIT_COLLECTION(list, TYPE_LIST)
EDIT_COLLECTION(set, TYPE_SET)
EDIT_COLLECTION(zset, TYPE_ZSET)

static bool
is_empty(struct entry *e)
{
    const void *h = entry_handle(e);

    switch (entry_type(e)) {
    case TYPE_LIST: return list_count(h) == 0;
    case TYPE_SET: return set_count(h) == 0;
    case TYPE_ZSET: return zset_count(h) == 0;
    case TYPE_HASH: return hash_count(h) == 0;
    case TYPE_JSON: return json_root(h) == NULL;
    default: return false; /* strings and streams may be empty */
    }
}

static void
drop_empty(struct exec *x, struct entry *e)
{
    keyspace__unlink(x->engine, x->db, exec__entry_hash(x, e), e);
    entry_free(e);
}

struct entry *
edit_deadlines(struct exec *x, struct entry *e)
{
    CHECK(is_open(x, e));
    if (entry_flags(e) & ENTRY_DEADLINES)
        return e;
    int slot = x->open[0] == e ? 0 : 1;
    uint64_t hash = exec__entry_hash(x, e);
    if (x->indexed[slot])
        btree_remove(&x->db->by_expiry, &keyspace_expiry_ops, e);
    struct entry *moved = entry_add_deadlines(e);
    x->open[slot] = moved;
    if (x->indexed[slot])
        btree_insert(&x->db->by_expiry, &keyspace_expiry_ops, moved);
    if (moved != e)
        table_replace(&x->db->by_key, hash, e, moved);
    return moved;
}

void
entry_changed(struct exec *x, struct entry *e, enum event event)
{
    x->changed = true;
    x->engine->stats.changes++;
    close_edit(x, e);
    WITNESS(x, entry_key(e), true);
    effects__touch(x->engine, x->db, entry_key(e), event, true);
    if (entry_type(e) != TYPE_STRING && is_empty(e)) {
        effects__touch(x->engine, x->db, entry_key(e), EV_DEL, true);
        drop_empty(x, e);
    }
}

void
entry_unchanged(struct exec *x, struct entry *e)
{
    close_edit(x, e);
    if (entry_type(e) != TYPE_STRING && is_empty(e))
        drop_empty(x, e);
}

void
exec__close_edits(struct exec *x)
{
    for (int i = 0; i < 2; i++) {
        if (x->open[i] != NULL)
            entry_unchanged(x, x->open[i]);
    }
}

struct entry *
entry_moved(struct exec *x, struct entry *was, struct entry *moved)
{
    CHECK(is_open(x, was));
    if (was == moved)
        return moved;
    int slot = x->open[0] == was ? 0 : 1;
    CHECK(!x->indexed[slot]);
    x->open[slot] = moved;
    table_replace(&x->db->by_key, exec__entry_hash(x, moved), was, moved);
    return moved;
}

void
entry_drop(struct exec *x, struct entry *e)
{
    keyspace__reap(x->engine, e);
}

/* -- whole keys ------------------------------------------------------------------------------------------------ */

static void
note_change(struct exec *x, struct db *db, struct slice key, enum event event)
{
    x->changed = true;
    x->engine->stats.changes++;
    WITNESS(x, key, true);
    effects__touch(x->engine, db, key, event, true);
}

/* Puts fresh where old is; the key is the same. */
static void
replace(struct exec *x, struct db *db, uint64_t hash, struct entry *old, struct entry *fresh)
{
    keyspace__unindex(db, old);
    table_replace(&db->by_key, hash, old, fresh);
    keyspace__index(db, fresh);
    effects__linked(x->engine, db, hash, fresh);
}

/* A string whose memory takes long to give back goes to the reaper with its entry, so it is not set in place. */
static inline bool
is_huge(const struct entry *e)
{
    return entry__rep(e) == STRING_BLOB && string_len(e) > HUGE_BYTES;
}

enum rc
key_set_string(struct exec *x, struct slice key, struct slice value, int64_t at_ms, enum event event)
{
    struct db *db = x->db;
    uint64_t hash = exec__hash(x, key);
    struct entry *old = find(x, db, key, hash, true), *fresh;

    if (old == NULL) {
        fresh = entry_new_string(key, value, at_ms == KEEP_EXPIRY ? -1 : at_ms);
        if (UNLIKELY(fresh == NULL))
            return RC_NO_MEMORY;
        exec__new_clock(x, fresh, hash);
        keyspace__link(x->engine, db, hash, fresh);
        effects__touch(x->engine, db, key, EV_NEW, false);
        note_change(x, db, key, event);
        return RC_OK;
    }
    CHECK(!is_open(x, old));
    effects__before(x->engine, db, old);
    bool volatile_now = (entry_flags(old) & ENTRY_HAS_EXPIRY) != 0;
    if (LIKELY(entry_type(old) == TYPE_STRING && !volatile_now && at_ms < 0) && LIKELY(!is_huge(old))) {
        touch(x, old);
        fresh = string_set(old, value);
        if (UNLIKELY(fresh == NULL))
            return RC_NO_MEMORY;
        if (fresh != old)
            table_replace(&db->by_key, hash, old, fresh);
    } else {
        fresh = entry_new_string(key, value, at_ms == KEEP_EXPIRY ? entry_expiry(old) : at_ms);
        if (UNLIKELY(fresh == NULL))
            return RC_NO_MEMORY;
        entry_set_clock(fresh, entry_clock(old));
        touch(x, fresh);
        replace(x, db, hash, old, fresh);
        keyspace__reap(x->engine, old);
    }
    note_change(x, db, key, event);
    return RC_OK;
}

void
key_put(struct exec *x, struct db *db, struct entry *e, enum event event)
{
    struct slice key = entry_key(e);
    uint64_t hash = exec__hash(x, key);
    struct entry *old = find(x, db, key, hash, true);

    if (old == NULL) {
        keyspace__link(x->engine, db, hash, e);
        effects__touch(x->engine, db, key, EV_NEW, false);
    } else {
        CHECK(!is_open(x, old));
        effects__before(x->engine, db, old);
        replace(x, db, hash, old, e);
        keyspace__reap(x->engine, old);
    }
    exec__new_clock(x, e, hash);
    note_change(x, db, key, event);
}

struct entry *
key_take(struct exec *x, struct db *db, struct slice key, enum event event)
{
    uint64_t hash = exec__hash(x, key);
    struct entry *e = find(x, db, key, hash, true);

    if (e == NULL)
        return NULL;
    CHECK(!is_open(x, e));
    effects__before(x->engine, db, e);
    keyspace__unlink(x->engine, db, hash, e);
    note_change(x, db, entry_key(e), event);
    return e;
}

bool
key_delete(struct exec *x, struct db *db, struct slice key, enum event event)
{
    struct entry *e = key_take(x, db, key, event);

    if (e == NULL)
        return false;
    keyspace__reap(x->engine, e);
    return true;
}

bool
is_past(const struct exec *x, int64_t at_ms)
{
    const struct engine_settings *s = &x->engine->settings;

    return at_ms <= x->now_ms && s->lazy_expire_deletes && !s->never_expire;
}

struct entry *
key_expire(struct exec *x, struct entry *e, int64_t at_ms, enum event event)
{
    struct db *db = x->db;
    struct slice key = entry_key(e);

    CHECK(!is_open(x, e));
    if (at_ms != -1 && is_past(x, at_ms)) {
        EFFECT_AS(x, LIT("DEL"), key);
        effects__before(x->engine, db, e);
        note_change(x, db, key, EV_DEL);
        keyspace__unlink(x->engine, db, exec__entry_hash(x, e), e);
        keyspace__reap(x->engine, e);
        return NULL;
    }
    effects__before(x->engine, db, e);
    keyspace__unindex(db, e);
    uint64_t hash = exec__entry_hash(x, e);
    struct entry *moved = entry_set_expiry(e, at_ms);
    if (moved != e)
        table_replace(&db->by_key, hash, e, moved);
    keyspace__index(db, moved);
    note_change(x, db, entry_key(moved), event);
    return moved;
}

/* -- consequences ---------------------------------------------------------------------------------------------- */

static void
note_instead(struct exec *x, const struct slice *argv, int argc, bool copy)
{
    x->rewritten = true;
    if (x->engine->listening & LISTEN_SINKS)
        effects__command(x->engine, x->db->index, argv, argc, copy);
}

void
effect_as(struct exec *x, const struct slice *argv, int argc)
{
    note_instead(x, argv, argc, true);
}

void
effect_kept(struct exec *x, const struct slice *argv, int argc)
{
    note_instead(x, argv, argc, false);
}

void
effect_replicas(struct exec *x)
{
    if (x->engine->listening & LISTEN_SINKS)
        effects__command(x->engine, x->db->index, x->argv, x->argc, true)->replicas_only = true;
}

void
effect_none(struct exec *x)
{
    x->silent = true;
}

void
notify(struct exec *x, enum event event, struct slice key)
{
    notify_in(x, x->db, event, key);
}

void
notify_in(struct exec *x, struct db *db, enum event event, struct slice key)
{
    effects__touch(x->engine, db, key, event, false);
}
