/* store/snapshot.c - see snapshot.h.
 *
 * A value that is too large for one slice is written in pieces, and a piece can't be interrupted by the record of
 * another key: such values wait in `large` until the walk is over, and old states that must be written meanwhile are
 * collected in a chunk of their own, which goes out between two values.
 */
#include "store/snapshot.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "engine/effects.h"
#include "engine/keyspace.h"
#include "engine/settings.h"
#include "store/aof_value.h"

enum {
    CHUNK_BYTES = 60 << 10, /* with the last small value it fits 64 KiB */
    PIECES = 8,             /* of the size at which a value is large, between looks at the clock */
    LARGE_BYTES = 256 << 10,
    BACKLOG_MAX = 1 << 20, /* the walk rests while more than this waits */
    FREE_SLICE_NS = 1000000000,
    BUCKETS_PER_LOOK = 16,
};

struct source { /* the keys of one database at the moment */
    int index;
    struct table *table;   /* a database's, or own_keys */
    struct table own_keys; /* handed over by a flush */
    struct btree own_expiry;
    bool owned, done;
    uint64_t cursor;
    size_t buckets; /* of the table at the last look: a move may have begun since */
    size_t keys, expiring;
};

struct large {
    struct entry *entry;
    struct source *source;
};

struct snapshot {
    struct engine *engine;
    struct rdb_file *file;
    bool still, commands, dead, done;
    bool urgent; /* somebody waits for a large value: large[0] if it is open, else the next */
    struct clock clock;
    size_t large_bytes;
    struct source *sources;
    size_t source_count, at; /* the source that is being walked */
    struct rdb_chunk *chunk; /* of the walk; between records unless `value_open` */
    struct rdb_chunk *early; /* old states; NULL: none wait */
    int chunk_db, early_db;  /* selected in it; -1: none */
    struct large *large;     /* large[0] is the one that is being written when value_open */
    size_t large_count, large_cap;
    struct rdb_value value;
    bool value_open;
    enum rdb_clock clock_kind;
    uint32_t now_s; /* of the access clock */
    uint64_t keys_done, keys_total, early_bytes;
};

/* -- records --------------------------------------------------------------------------------------------------- */

static void
select_db(const struct snapshot *s, struct rdb_chunk *c, int *selected, const struct source *src)
{
    if (*selected == src->index)
        return;
    *selected = src->index;
    if (s->commands) {
        aof_put_select(c, src->index);
        return;
    }
    rdb_put_byte(c, RDB_SELECT);
    rdb_put_len(c, (uint64_t)src->index);
}

static uint64_t
clock_value(const struct snapshot *s, const struct entry *e)
{
    if (s->clock_kind == RDB_CLOCK_FREQ)
        return entry_clock(e) & 255;
    return (s->now_s - entry_clock(e)) & 0xffffff;
}

static void
put_key(const struct snapshot *s, struct rdb_chunk *c, struct rdb_value *v, struct entry *e)
{
    if (s->commands)
        aof_put_key(c, v, e);
    else
        rdb_put_key(c, v, e, s->clock_kind, clock_value(s, e));
}

static bool
put_value(const struct snapshot *s, struct rdb_chunk *c, struct rdb_value *v, size_t budget)
{
    return s->commands ? aof_put_value(c, v, budget) : rdb_put_value(c, v, budget);
}

/* Puts the whole chunk into the queue and takes a fresh one. Old states that had to wait for the end of a value go out
 * behind it. */
static void
next_chunk(struct snapshot *s)
{
    rdb_file_put(s->file, s->chunk);
    s->chunk = rdb_file_chunk(s->file);
    if (s->value_open)
        return;
    if (s->early != NULL) {
        rdb_file_put(s->file, s->early);
        s->early = NULL;
        s->chunk_db = -1;
    }
}

static void
chunk_check(struct snapshot *s)
{
    if (rdb_chunk_size(s->chunk) >= CHUNK_BYTES)
        next_chunk(s);
}

static void
write_whole(struct snapshot *s, struct rdb_chunk *c, int *selected, const struct source *src, struct entry *e)
{
    struct rdb_value v;

    select_db(s, c, selected, src);
    if (LIKELY(entry_type(e) == TYPE_STRING && !s->commands)) {
        rdb_put_string_key(c, e, s->clock_kind, clock_value(s, e));
    } else {
        put_key(s, c, &v, e);
        bool done = put_value(s, c, &v, SIZE_MAX);
        CHECK(done);
    }
    s->keys_done++;
}

static void
write_walked(struct snapshot *s, const struct source *src, struct entry *e)
{
    write_whole(s, s->chunk, &s->chunk_db, src, e);
    chunk_check(s);
}

static void
write_early(struct snapshot *s, const struct source *src, struct entry *e)
{
    if (s->early == NULL) {
        s->early = rdb_file_chunk(s->file);
        s->early_db = -1;
    }
    size_t before = rdb_chunk_size(s->early);
    write_whole(s, s->early, &s->early_db, src, e);
    s->early_bytes += rdb_chunk_size(s->early) - before;
    if (!s->value_open && rdb_chunk_size(s->early) >= CHUNK_BYTES)
        next_chunk(s);
}

/* -- large values ---------------------------------------------------------------------------------------------- */

static bool
is_large(const struct snapshot *s, const struct entry *e)
{
    return entry_type(e) != TYPE_STRING && entry_bytes(e) > s->large_bytes;
}

static void
add_large(struct snapshot *s, struct source *src, struct entry *e)
{
    if (s->large_count == s->large_cap) {
        s->large_cap = s->large_cap == 0 ? 16 : 2 * s->large_cap;
        s->large = mem_resize(s->large, s->large_cap * sizeof(*s->large));
    }
    s->large[s->large_count++] = (struct large){e, src};
}

static void
drop_large(struct snapshot *s, size_t i)
{
    s->large[i] = s->large[--s->large_count];
}

static void
release(struct snapshot *s)
{
    if (!s->urgent)
        return;
    s->urgent = false;
    engine_observer_done(s->engine);
}

/* Continues with the value that is open, or opens the first; true when it is complete. */
static bool
write_large(struct snapshot *s, size_t budget)
{
    struct large *l = &s->large[0];

    if (!s->value_open) {
        select_db(s, s->chunk, &s->chunk_db, l->source);
        put_key(s, s->chunk, &s->value, l->entry);
        s->value_open = true;
    }
    bool complete = put_value(s, s->chunk, &s->value, budget);
    if (complete) {
        s->value_open = false;
        s->keys_done++;
        drop_large(s, 0);
        release(s);
    }
    chunk_check(s);
    return complete;
}

/* -- what the engine tells ------------------------------------------------------------------------------------- */

static struct source *
source_of(struct snapshot *s, const struct table *t)
{
    for (size_t i = 0; i < s->source_count; i++) {
        if (s->sources[i].table == t)
            return &s->sources[i];
    }
    return NULL;
}

static bool
is_ahead(const struct source *src, uint64_t hash)
{
    return !src->done && hash >> (64 - TABLE_CURSOR_BITS) >= src->cursor;
}

/* Before the walk has begun no hash is needed to tell. */
static bool
is_entry_ahead(const struct source *src, const struct entry *e)
{
    return src->cursor == 0 ? !src->done : is_ahead(src, siphash(src->table->seed, entry_key(e)));
}

static void
on_before_change(void *ctx, struct db *db, struct entry *e)
{
    struct snapshot *s = ctx;
    struct source *src = source_of(s, &db->by_key);

    if (src == NULL)
        return;
    for (size_t i = 0; i < s->large_count; i++) {
        if (s->large[i].entry != e)
            continue;
        if (i == 0 && s->value_open) {
            while (!write_large(s, SIZE_MAX)) {
            }
            return;
        }
        if (!s->dead)
            write_early(s, src, e);
        /* large[0] may be open, and drop_large() would put another one there. */
        s->large[i] = s->large[--s->large_count];
        release(s);
        return;
    }
    if ((entry_flags(e) & ENTRY_STAMP) || !is_entry_ahead(src, e))
        return;
    if (!s->dead)
        write_early(s, src, e);
    entry_set_flag(e, ENTRY_STAMP, true);
}

static void
put_first(struct snapshot *s, size_t i)
{
    size_t first = s->value_open && i > 0 ? 1 : 0;
    struct large l = s->large[i];

    s->large[i] = s->large[first];
    s->large[first] = l;
    s->urgent = true;
}

static bool
on_must_wait(void *ctx, struct db *db, struct entry *e)
{
    struct snapshot *s = ctx;
    struct source *src = source_of(s, &db->by_key);

    if (src == NULL || s->dead || !is_large(s, e))
        return false;
    for (size_t i = 0; i < s->large_count; i++) {
        if (s->large[i].entry == e) {
            put_first(s, i);
            return true;
        }
    }
    if ((entry_flags(e) & ENTRY_STAMP) || !is_entry_ahead(src, e))
        return false;
    /* The walk has not come to it: it is taken out of turn. */
    entry_set_flag(e, ENTRY_STAMP, true);
    add_large(s, src, e);
    put_first(s, s->large_count - 1);
    return true;
}

static void
on_linked(void *ctx, struct db *db, uint64_t hash, struct entry *e)
{
    struct snapshot *s = ctx;
    const struct source *src = source_of(s, &db->by_key);

    entry_set_flag(e, ENTRY_STAMP, src != NULL && is_ahead(src, hash));
}

static bool
on_take_tables(void *ctx, struct db *db, struct table *by_key, struct btree *by_expiry)
{
    struct snapshot *s = ctx;
    struct source *src = source_of(s, &db->by_key);
    if (s->dead && src != NULL)
        src->done = true;
    bool needed = src != NULL && !src->done;

    for (size_t i = 0; i < s->large_count && src != NULL; i++)
        needed = needed || s->large[i].source == src;
    if (src != NULL)
        src->table = NULL;
    if (!needed)
        return false;
    src->own_keys = *by_key;
    src->own_expiry = *by_expiry;
    src->owned = true;
    src->table = &src->own_keys;
    return true;
}

static void
on_before_swap(void *ctx, struct db *a, struct db *b)
{
    struct snapshot *s = ctx;
    struct source *sa = source_of(s, &a->by_key), *sb = source_of(s, &b->by_key);

    if (sa != NULL)
        sa->table = &b->by_key;
    if (sb != NULL)
        sb->table = &a->by_key;
}

/* -- the walk -------------------------------------------------------------------------------------------------- */

static size_t
count_databases(struct engine *e)
{
    size_t n = 0;

    for (int i = 0; i < engine_db_count(e); i++)
        n += table_count(&engine_db(e, i)->by_key) > 0;
    return n;
}

static int
version_needed(struct engine *e)
{
    for (int i = 0; i < engine_db_count(e); i++) {
        if (engine_db(e, i)->by_deadline.hashes > 0)
            return RDB_VERSION_EXPIRES;
    }
    return RDB_VERSION_WRITTEN;
}

static void
put_head(struct snapshot *s, const struct snapshot_options *opt)
{
    struct rdb_chunk *c = s->chunk;

    if (s->commands) {
        aof_put_libraries(c, opt->records);
        return;
    }
    rdb_put_magic(c, version_needed(s->engine));
    rdb_put_aux(c, LIT("redis-ver"), slice_cstr(opt->version));
    rdb_put_aux_int(c, LIT("redis-bits"), (int64_t)sizeof(void *) * 8);
    rdb_put_aux_int(c, LIT("ctime"), engine_now_ms(s->engine) / 1000);
    rdb_put_aux_int(c, LIT("used-mem"), (int64_t)mem_used());
    rdb_put_aux_int(c, LIT("aof-base"), opt->aof_base);
    buf_add_slice(&c->bytes, opt->records);
}

struct snapshot *
snapshot_begin(struct engine *e, struct rdb_file *file, const struct snapshot_options *opt)
{
    struct snapshot *s = mem_get_zero(sizeof(*s));

    s->engine = e;
    s->file = file;
    s->still = opt->still;
    s->commands = opt->commands;
    s->large_bytes = opt->large_bytes > 0 ? opt->large_bytes : LARGE_BYTES;
    s->clock = engine_clock(e);
    s->chunk = rdb_file_chunk(file);
    s->chunk_db = s->early_db = -1;
    s->clock_kind = engine_settings(e)->lru_clock_lfu ? RDB_CLOCK_FREQ : RDB_CLOCK_NONE;
    s->now_s = (uint32_t)(engine_now_ms(e) / 1000) & 0xffffff;
    s->sources = mem_get_zero((count_databases(e) + 1) * sizeof(*s->sources));
    for (int i = 0; i < engine_db_count(e); i++) {
        struct db *db = engine_db(e, i);
        if (table_count(&db->by_key) == 0)
            continue;
        s->sources[s->source_count++] = (struct source){
            .index = i, .table = &db->by_key, .keys = table_count(&db->by_key), .expiring = db->by_expiry.items};
        s->keys_total += table_count(&db->by_key);
    }
    put_head(s, opt);
    if (!s->still) {
        struct change_observer o = {.before_change = on_before_change,
                                    .linked = on_linked,
                                    .take_tables = on_take_tables,
                                    .before_swap = on_before_swap,
                                    .must_wait = on_must_wait,
                                    .ctx = s};
        engine_set_observer(e, &o);
    }
    return s;
}

struct walk {
    struct snapshot *s;
    struct source *src;
    uint64_t from; /* positions below it have been visited; looked at when `exact` is set */
    bool exact;
};

static void
visit(void *ctx, void *item)
{
    struct walk *w = ctx;
    struct snapshot *s = w->s;
    struct entry *e = item;

    if (UNLIKELY(w->exact)) {
        uint64_t at = siphash(w->src->table->seed, entry_key(e)) >> (64 - TABLE_CURSOR_BITS);
        if (at < w->from)
            return;
    }
    /* In a dataset that stands still everything is written: marks could only be those of another snapshot. */
    if (UNLIKELY(entry_flags(e) & ENTRY_STAMP) && !s->still) {
        entry_set_flag(e, ENTRY_STAMP, false);
        return;
    }
    if (s->dead)
        return;
    if (UNLIKELY(is_large(s, e)))
        add_large(s, w->src, e);
    else
        write_walked(s, w->src, e);
}

/* One bucket. Where a cursor stands inside a bucket, because the table has been or is being resized, what lies before
 * it is not visited again. */
static void
walk_bucket(struct snapshot *s, struct source *src)
{
    const struct table *t = src->table;
    bool moving = t->old.count != 0;
    struct walk w = {.s = s, .src = src, .from = src->cursor, .exact = moving || t->now.count != src->buckets};

    src->buckets = moving ? 0 : t->now.count;
    src->cursor = table_scan(t, &keyspace_table_ops, src->cursor, visit, &w);
    src->done = src->cursor == 0;
}

static void
begin_source(struct snapshot *s, struct source *src)
{
    if (s->dead || s->commands)
        return;
    rdb_put_db(s->chunk, src->index, src->keys, src->expiring);
    s->chunk_db = src->index;
}

static void
finish(struct snapshot *s)
{
    if (!s->still)
        engine_set_observer(s->engine, NULL);
    for (size_t i = 0; i < s->source_count; i++) {
        if (s->sources[i].owned)
            keyspace_bury(s->engine, &s->sources[i].own_keys, &s->sources[i].own_expiry);
        s->sources[i].owned = false;
    }
    if (!s->dead) {
        if (s->early != NULL)
            next_chunk(s);
        if (!s->commands)
            rdb_put_eof(s->chunk);
        rdb_file_put(s->file, s->chunk);
        s->chunk = NULL;
        rdb_file_end(s->file);
    }
    s->done = true;
}

static bool
out_of_time(const struct snapshot *s, int64_t deadline)
{
    return (!s->still && !s->dead && rdb_file_backlog(s->file) > BACKLOG_MAX) || clock_mono_ns(&s->clock) >= deadline;
}

bool
snapshot_step(struct snapshot *s, int64_t budget_ns)
{
    int64_t deadline = clock_mono_ns(&s->clock) + budget_ns;

    if (s->done)
        return true;
    while (s->urgent && s->large_count > 0) {
        (void)write_large(s, s->large_bytes / PIECES);
        if (out_of_time(s, deadline))
            return false;
    }
    for (; s->at < s->source_count; s->at++) {
        struct source *src = &s->sources[s->at];
        if (src->cursor == 0 && !src->done)
            begin_source(s, src);
        while (!src->done) {
            for (int i = 0; i < BUCKETS_PER_LOOK && !src->done; i++)
                walk_bucket(s, src);
            if (!src->done && out_of_time(s, deadline))
                return false;
        }
    }
    while (s->large_count > 0) {
        if (s->dead)
            s->large_count = 0;
        else
            (void)write_large(s, s->large_bytes / PIECES);
        if (s->large_count > 0 && out_of_time(s, deadline))
            return false;
    }
    finish(s);
    return true;
}

void
snapshot_give_up(struct snapshot *s)
{
    s->dead = true;
    s->value_open = false;
    s->large_count = 0;
    /* Nobody will ask for the marks of what a flush has handed over. */
    for (size_t i = 0; i < s->source_count; i++)
        s->sources[i].done = s->sources[i].done || s->sources[i].owned;
    release(s);
}

uint64_t
snapshot_keys_done(const struct snapshot *s)
{
    return s->keys_done;
}

uint64_t
snapshot_keys_total(const struct snapshot *s)
{
    return s->keys_total;
}

bool
snapshot_is_urgent(const struct snapshot *s)
{
    return s->urgent;
}

size_t
snapshot_backlog(const struct snapshot *s)
{
    return rdb_file_backlog(s->file);
}

uint64_t
snapshot_early_bytes(const struct snapshot *s)
{
    return s->early_bytes;
}

static void
free_chunk(struct snapshot *s, struct rdb_chunk *c)
{
    /* It goes the way of all chunks; a file that has been given up only drops it. */
    if (c != NULL)
        rdb_file_put(s->file, c);
}

void
snapshot_free(struct snapshot *s)
{
    if (s == NULL)
        return;
    /* The marks must not outlive it: the next snapshot would leave those keys out. */
    snapshot_give_up(s);
    while (!snapshot_step(s, FREE_SLICE_NS)) {
    }
    free_chunk(s, s->chunk);
    free_chunk(s, s->early);
    mem_free(s->large);
    mem_free(s->sources);
    mem_free(s);
}
