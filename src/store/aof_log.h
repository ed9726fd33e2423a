/* store/aof_log.h - one file of the append-only log that is being written.
 *
 * Commands are collected into blocks (aof_block.h); aof_log_flush() writes what has been collected, once a turn of the
 * owner's loop. When a write fails the bytes stay here, the file goes back to its last good length, and the next
 * flush tries again. With AOF_FSYNC_ALWAYS that includes the fsync: what flush has returned true for is on the disk.
 *
 * Threads: one owner; for AOF_FSYNC_EVERYSEC a thread of its own waits for the disk.
 */
#ifndef SORREL_STORE_AOF_LOG_H
#define SORREL_STORE_AOF_LOG_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/disk.h"

enum aof_fsync { AOF_FSYNC_EVERYSEC, AOF_FSYNC_ALWAYS, AOF_FSYNC_NO };

struct aof_log;
struct effect_batch;

struct aof_log_options {
    const struct disk *disk; /* outlives the log */
    struct clock clock;
    const char *path;
    bool create;   /* a new file (an old one of that name is emptied); else it goes on at `size` */
    uint64_t size; /* the file is cut there */
    bool threaded;
    struct slice cores; /* where its thread may run (base/cores.h); outlives the log */
};

/* NULL with a reason. The file, its length and its name are on the disk then. */
struct aof_log *aof_log_open(const struct aof_log_options *opt, struct buf *why);
/* Before the last file of a log is closed: syncs it and adds an empty block, which says that everything before it is on
 * the disk. What is found wrong there later is damage. */
void aof_log_seal(struct aof_log *l);
/* Writes and syncs what is left if it can, then frees it. False when that failed. */
bool aof_log_close(struct aof_log *l);

void aof_log_add(struct aof_log *l, const struct effect_batch *batch, bool timestamps);
/* Commands as they are, in the format of the log (salvaged from a cut block). */
void aof_log_add_raw(struct aof_log *l, struct slice commands);
/* False when something could not be written (or, with always, not synced): see aof_log_error(). `may_rest`: leave out
 * fsync (no-appendfsync-on-rewrite). */
bool aof_log_flush(struct aof_log *l, enum aof_fsync policy, bool may_rest);
/* Waits until everything that has been added is on the disk. */
bool aof_log_sync(struct aof_log *l);
/* Has what has been written synced by the thread, unless that is at work; without one, at once. See
 * aof_log_synced(). */
void aof_log_sync_soon(struct aof_log *l);
/* 0: all is well; else the negative errno of the last failure. */
int aof_log_error(const struct aof_log *l);
/* An fsync has failed behind our back: nobody knows which bytes are on the disk, so the log must be written anew. */
bool aof_log_suspect(const struct aof_log *l);
/* In how many ms flush wants to be called although nothing is added; -1: never. */
int64_t aof_log_due_ms(const struct aof_log *l, enum aof_fsync policy);

uint64_t aof_log_size(const struct aof_log *l);   /* written */
uint64_t aof_log_synced(const struct aof_log *l); /* known to be on the disk */
size_t aof_log_pending(const struct aof_log *l);  /* bytes that wait to be written */
bool aof_log_syncing(struct aof_log *l);
uint64_t aof_log_delayed(const struct aof_log *l); /* fsyncs that were due while one was under way */

#endif
