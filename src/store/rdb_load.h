/* store/rdb_load.h - from a snapshot into an engine.
 *
 * struct rdb_into is the handler that puts keys into databases, for whoever has a reader; struct rdb_load reads a file,
 * in slices, so that a server can answer -LOADING in between.
 */
#ifndef SORREL_STORE_RDB_LOAD_H
#define SORREL_STORE_RDB_LOAD_H

#include "base/disk.h"
#include "engine/engine.h"
#include "store/rdb_read.h"

enum rdb_into_flag {
    RDB_KEEP_EXPIRED = 1 << 0, /* a replica keeps what its primary has not deleted */
    RDB_MERGE = 1 << 1,        /* a key that is there is replaced; else it is a mistake in the file */
};

enum { RDB_INTO_BATCH = 32 };
struct rdb_into {
    struct engine *engine;
    unsigned flags;
    uint64_t keys_max; /* an announcement of more keys than that is not believed */
    uint64_t loaded, expired, replaced;
    /* The source of a library of functions; false with a reason to stop. NULL: they are left out. */
    bool (*function)(void *ctx, struct slice code, struct buf *why);
    void *function_ctx;
    void (*aux)(void *ctx, struct slice name, struct slice value); /* NULL: nobody wants to know */
    void *aux_ctx;
    struct {
        struct entry *entry;
        struct db *db;
        uint64_t hash;
    } batch[RDB_INTO_BATCH]; /* read and not yet in their tables: their buckets are on the way into the cache */
    size_t n;
};

void rdb_into_init(struct rdb_into *into, struct engine *e, unsigned flags);
struct rdb_handler rdb_into_handler(struct rdb_into *into);
/* After the last key. False with a reason. */
bool rdb_into_flush(struct rdb_into *into, struct buf *why);
/* Frees what has not been put into a table. */
void rdb_into_drop(struct rdb_into *into);

struct rdb_load_options {
    const struct disk *disk;
    const char *path;
    bool checksum;
    unsigned flags;
    bool (*function)(void *ctx, struct slice code, struct buf *why); /* as in struct rdb_into */
    void *function_ctx;
    void (*aux)(void *ctx, struct slice name, struct slice value);
    void *aux_ctx;
};
struct rdb_load;
/* NULL with a negative errno in *error (-ENOENT: there is no such file) and a reason. */
struct rdb_load *rdb_load_open(struct engine *e, const struct rdb_load_options *opt, int *error, struct buf *why);
/* Reads on, about max_bytes. RDB_DAMAGED: see why. */
enum rdb_progress rdb_load_step(struct rdb_load *l, size_t max_bytes, struct buf *why);
uint64_t rdb_load_total(const struct rdb_load *l); /* bytes of the file */
uint64_t rdb_load_done(const struct rdb_load *l);
const struct rdb_into *rdb_load_into(const struct rdb_load *l);
void rdb_load_free(struct rdb_load *l);

#endif
