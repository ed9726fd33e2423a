/* engine/walk.c - all keys of a database as they were at one moment, found in slices.
 *
 * The walk's cursor is a place in hash space, which tells of every key whether it has been handed out. Keys that come
 * into being ahead of the cursor are remembered, so as to be passed over; keys that go from ahead of it are handed out
 * as they go. When everything goes at once the walk begins anew: then it answers as if it had been asked just after
 * that.
 */
#include "engine/engine_priv.h"
#include "value/deadlines.h"

struct walk {
    struct walk *next;
    struct exec *x;
    struct db *db;
    db_visit *fn;
    void (*restart)(void *ctx);
    void *ctx;
    int64_t began_ms;
    uint64_t cursor; /* keys whose place is below it are done */
    size_t slots;    /* of the table when it began: while that stays, nothing comes twice */
    bool resized;
    bool again;
    struct set born; /* keys ahead that were not there at the beginning */
};

static uint64_t
place_of(uint64_t hash)
{
    return hash >> (64 - TABLE_CURSOR_BITS);
}

static bool
was_alive(const struct walk *w, const struct entry *entry)
{
    if (!(entry_flags(entry) & ENTRY_MORTAL) || w->x->engine->settings.never_expire)
        return true;
    bool expired = (entry_flags(entry) & ENTRY_HAS_EXPIRY) && entry_expiry(entry) < w->began_ms;
    return !expired && !entry_all_before(entry, w->began_ms);
}

void
walk__linked(struct engine *e, struct db *db, uint64_t hash, const struct entry *entry)
{
    for (struct walk *w = e->walks; w != NULL; w = w->next) {
        if (w->db == db && place_of(hash) >= w->cursor)
            set_add(&w->born, &e->settings.limits, entry_key(entry));
    }
}

void
walk__unlinked(struct engine *e, struct db *db, uint64_t hash, struct entry *entry)
{
    for (struct walk *w = e->walks; w != NULL; w = w->next) {
        if (w->db != db || place_of(hash) < w->cursor)
            continue;
        if (set_count(&w->born) > 0 && set_remove(&w->born, entry_key(entry)))
            continue;
        if (was_alive(w, entry))
            w->fn(w->ctx, entry);
    }
}

void
walk__restart(struct engine *e, struct db *db)
{
    for (struct walk *w = e->walks; w != NULL; w = w->next)
        w->again = w->again || w->db == db;
}

static void
visit(void *ctx, void *item)
{
    struct walk *w = ctx;
    struct entry *entry = item;

    if (!was_alive(w, entry))
        return;
    /* A bucket may have grown around the cursor: then part of it is done. */
    if (w->resized && place_of(keyspace__hash(w->x->engine, entry_key(entry))) < w->cursor)
        return;
    if (set_count(&w->born) > 0 && set_has(&w->born, entry_key(entry)))
        return;
    w->fn(w->ctx, entry);
}

static void
begin(struct walk *w)
{
    w->cursor = 0;
    w->began_ms = w->x->engine->now_ms;
    w->slots = table_slots(&w->db->by_key);
    w->resized = table_slots_target(&w->db->by_key) != 0;
    w->again = false;
    set_fini(&w->born);
    w->born = (struct set){0};
}

static enum rc
walk_all(struct walk *w)
{
    const struct table *t = &w->db->by_key;
    enum { BUCKETS = 16 }; /* of about ten keys, between two looks at the clock */

    for (unsigned n = 1;; n++) {
        if (w->again) {
            w->restart(w->ctx);
            begin(w);
        }
        w->resized = w->resized || table_slots(t) != w->slots || table_slots_target(t) != 0;
        w->cursor = table_scan(t, &keyspace_table_ops, w->cursor, visit, w);
        if (w->cursor == 0)
            return RC_OK;
        if (n % BUCKETS == 0)
            TRY(exec_breathe(w->x));
    }
}

enum rc
db_walk(struct exec *x, struct db *db, db_visit *fn, void (*restart)(void *ctx), void *ctx)
{
    struct engine *e = x->engine;
    struct walk w = {.x = x, .db = db, .fn = fn, .restart = restart, .ctx = ctx}, **at = &e->walks;

    begin(&w);
    w.next = e->walks;
    e->walks = &w;
    enum rc rc = walk_all(&w);
    while (*at != &w)
        at = &(*at)->next;
    *at = w.next;
    set_fini(&w.born);
    return rc;
}
