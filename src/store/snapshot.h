/* store/snapshot.h - the dataset as it was at one moment, written while it goes on changing, without fork().
 *
 * The owner of the engine walks all keys in slices; an entry that is about to change before the walk has come to it is
 * written first, as it is (engine/effects.h tells of it). What is done in the owner's thread is copying plain bytes
 * into chunks; everything else is the file's thread's (store/rdb_file.h).
 *
 * How an entry knows whether it still has to be written: the walk goes along hash space, so what lies behind it is
 * done. Ahead of it ENTRY_STAMP marks what is not to be written any more: its old state has been, or it did not exist
 * at the moment of the snapshot. The walk takes the marks away as it passes, so that none is left at the end.
 *
 * A large value is written in pieces. A command that is about to change one waits meanwhile, and the value comes next.
 *
 * A database that is emptied hands its tables over; two that are exchanged take their progress along. One snapshot at a
 * time.
 */
#ifndef SORREL_STORE_SNAPSHOT_H
#define SORREL_STORE_SNAPSHOT_H

#include "engine/engine.h"
#include "store/rdb_file.h"

struct snapshot_options {
    bool still;           /* nothing changes until it is done (SAVE): no observer is set */
    bool aof_base;        /* the head of an append-only file */
    bool commands;        /* as commands of an append-only file (the file is `plain`) instead of an RDB file */
    size_t large_bytes;   /* larger values are written in pieces; 0: as is good for a server */
    const char *version;  /* of redis, for the records in front */
    struct slice records; /* that belong to no database: libraries of functions, as in the file */
};

struct snapshot;

/* The moment is now. Puts the head into the file. */
struct snapshot *snapshot_begin(struct engine *e, struct rdb_file *file, const struct snapshot_options *opt);
/* Walks on for about budget_ns (by the engine's clock), or not at all while too much waits to be written. True when the
 * walk is over: everything has been put and the file told so. */
bool snapshot_step(struct snapshot *s, int64_t budget_ns);
/* Nothing more is written, but the marks must go: goes on walking to the end all the same. For a file that has failed.
 */
void snapshot_give_up(struct snapshot *s);
/* Keys written so far, and keys there were at the moment. */
uint64_t snapshot_keys_done(const struct snapshot *s);
uint64_t snapshot_keys_total(const struct snapshot *s);
/* Somebody waits for a large value to be written. */
bool snapshot_is_urgent(const struct snapshot *s);
/* Bytes that wait for the file's thread. */
size_t snapshot_backlog(const struct snapshot *s);
/* Bytes of old states that have been written ahead of the walk. */
uint64_t snapshot_early_bytes(const struct snapshot *s);
/* One that is not complete is given up, and the walk brought to its end at once. */
void snapshot_free(struct snapshot *s);

#endif
