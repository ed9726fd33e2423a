/* store/rdb_load.c - see rdb_load.h. */
#include "store/rdb_load.h"

#include "base/mem.h"
#include "base/siphash.h"
#include "engine/keyspace.h"
#include "engine/settings.h"

#include <errno.h>

enum { READ_BYTES = 256 << 10, RESERVE_MAX = 1 << 20, KEY_BYTES_MIN = 4 };

void
rdb_into_init(struct rdb_into *into, struct engine *e, unsigned flags)
{
    *into = (struct rdb_into){.engine = e, .flags = flags, .keys_max = RESERVE_MAX};
}

static bool
put_key(struct rdb_into *into, size_t i, struct buf *why)
{
    struct entry *e = into->batch[i].entry;
    struct db *db = into->batch[i].db;
    uint64_t hash = into->batch[i].hash;
    struct slice key = entry_key(e);
    struct entry *old = table_find(&db->by_key, &keyspace_table_ops, hash, key);

    if (old != NULL) {
        if (!(into->flags & RDB_MERGE)) {
            buf_printf(why, "the key '%.*s' comes twice in database %d", (int)(key.len < 64 ? key.len : 64), key.ptr,
                       db->index);
            return false;
        }
        keyspace_unindex(db, old);
        (void)table_remove(&db->by_key, &keyspace_table_ops, hash, old);
        entry_free(old);
        into->replaced++;
    }
    table_insert(&db->by_key, &keyspace_table_ops, hash, e);
    keyspace_index(db, e);
    into->batch[i].entry = NULL;
    into->loaded++;
    return true;
}

bool
rdb_into_flush(struct rdb_into *into, struct buf *why)
{
    for (size_t i = 0; i < into->n; i++)
        table_prefetch_item(&into->batch[i].db->by_key, into->batch[i].hash);
    for (size_t i = 0; i < into->n; i++) {
        if (!put_key(into, i, why))
            return false;
    }
    into->n = 0;
    return true;
}

void
rdb_into_drop(struct rdb_into *into)
{
    for (size_t i = 0; i < into->n; i++)
        entry_free(into->batch[i].entry);
    into->n = 0;
}

static void
set_clock(const struct rdb_into *into, struct entry *e, const struct rdb_key *k)
{
    int64_t now_s = engine_now_ms(into->engine) / 1000;

    if (!engine_settings(into->engine)->lru_clock_lfu)
        entry_set_clock(e, (uint32_t)(now_s - (k->idle_s > 0 ? k->idle_s : 0)) & 0xffffff);
    else
        entry_set_clock(e, ((uint32_t)(now_s / 60) & 0xffff) << 8 | (k->freq >= 0 ? (uint32_t)k->freq : 5));
}

static bool
on_key(void *ctx, struct entry *e, const struct rdb_key *k, struct buf *why)
{
    struct rdb_into *into = ctx;
    struct db *db = engine_db(into->engine, k->db);

    if (db == NULL) {
        buf_printf(why, "a key of database %d, and there are %d", k->db, engine_db_count(into->engine));
        entry_free(e);
        return false;
    }
    if (k->expiry >= 0 && k->expiry < engine_now_ms(into->engine) && !(into->flags & RDB_KEEP_EXPIRED)) {
        entry_free(e);
        into->expired++;
        return true;
    }
    set_clock(into, e, k);
    uint64_t hash = siphash(db->by_key.seed, entry_key(e));
    table_prefetch_bucket(&db->by_key, hash);
    into->batch[into->n].entry = e;
    into->batch[into->n].db = db;
    into->batch[into->n++].hash = hash;
    return into->n < RDB_INTO_BATCH || rdb_into_flush(into, why);
}

/* The number comes from outside: a file that announces more keys than it has bytes is not believed. */
static void
on_sizes(void *ctx, int index, uint64_t keys, uint64_t expiring)
{
    struct rdb_into *into = ctx;
    struct db *db = engine_db(into->engine, index);

    (void)expiring;
    if (db != NULL && table_count(&db->by_key) == 0 && keys > 0 && into->n == 0)
        keyspace_reserve(into->engine, db, keys < into->keys_max ? keys : into->keys_max);
}

static bool
on_function(void *ctx, struct slice code, struct buf *why)
{
    struct rdb_into *into = ctx;

    return into->function == NULL || into->function(into->function_ctx, code, why);
}

static void
on_aux(void *ctx, struct slice name, struct slice value)
{
    struct rdb_into *into = ctx;

    if (into->aux != NULL)
        into->aux(into->aux_ctx, name, value);
}

struct rdb_handler
rdb_into_handler(struct rdb_into *into)
{
    return (struct rdb_handler){.key = on_key, .sizes = on_sizes, .aux = on_aux, .function = on_function, .ctx = into};
}

/* -- files ----------------------------------------------------------------------------------------------------- */

struct rdb_load {
    const struct disk *disk;
    int fd;
    uint64_t total;
    struct rdb_reader *reader;
    struct rdb_into into;
};

struct rdb_load *
rdb_load_open(struct engine *e, const struct rdb_load_options *opt, int *error, struct buf *why)
{
    const struct disk *d = opt->disk;
    uint64_t total = 0;
    int fd = disk_open_to_read(d, opt->path, &total, why);

    if (fd < 0) {
        *error = fd;
        return NULL;
    }
    struct rdb_load *l = mem_get_zero(sizeof(*l));
    *l = (struct rdb_load){.disk = d, .fd = fd, .total = total};
    rdb_into_init(&l->into, e, opt->flags);
    l->into.function = opt->function;
    l->into.function_ctx = opt->function_ctx;
    l->into.aux = opt->aux;
    l->into.aux_ctx = opt->aux_ctx;
    l->into.keys_max = l->total / KEY_BYTES_MIN;
    struct rdb_handler h = rdb_into_handler(&l->into);
    l->reader = rdb_reader_new(&h, &engine_settings(e)->limits);
    rdb_reader_set_checksum(l->reader, opt->checksum);
    return l;
}

static enum rdb_progress
trouble(struct rdb_load *l, struct buf *why)
{
    buf_add_slice(why, rdb_reader_why(l->reader));
    return RDB_DAMAGED;
}

static enum rdb_progress
read_some(struct rdb_load *l, struct buf *why)
{
    char *room = rdb_reader_room(l->reader, READ_BYTES);
    if (room == NULL) {
        buf_printf(why, "there is not enough memory");
        return RDB_DAMAGED;
    }
    ssize_t n = disk_read_full(l->disk, l->fd, room, READ_BYTES);
    if (n < 0) {
        buf_printf(why, "can't read: %s", strerror((int)-n));
        return RDB_DAMAGED;
    }
    enum rdb_progress p = rdb_reader_feed(l->reader, (size_t)n);
    if (p == RDB_WANTS_MORE && n == 0) {
        rdb_reader_cut(l->reader);
        return trouble(l, why);
    }
    if (p == RDB_DAMAGED)
        return trouble(l, why);
    return p == RDB_COMPLETE && !rdb_into_flush(&l->into, why) ? RDB_DAMAGED : p;
}

enum rdb_progress
rdb_load_step(struct rdb_load *l, size_t max_bytes, struct buf *why)
{
    enum rdb_progress p = RDB_WANTS_MORE;

    for (size_t done = 0; done < max_bytes && p == RDB_WANTS_MORE; done += READ_BYTES)
        p = read_some(l, why);
    return p;
}

uint64_t
rdb_load_total(const struct rdb_load *l)
{
    return l->total;
}

uint64_t
rdb_load_done(const struct rdb_load *l)
{
    return rdb_reader_offset(l->reader);
}

const struct rdb_into *
rdb_load_into(const struct rdb_load *l)
{
    return &l->into;
}

void
rdb_load_free(struct rdb_load *l)
{
    if (l == NULL)
        return;
    rdb_into_drop(&l->into);
    rdb_reader_free(l->reader);
    (void)l->disk->close(l->disk->ctx, l->fd);
    mem_free(l);
}
