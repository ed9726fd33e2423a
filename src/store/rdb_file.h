/* store/rdb_file.h - a snapshot on its way to a file.
 *
 * Chunks go in; a thread of its own packs, checksums and writes them under a temporary name, and at the end syncs the
 * file and gives it its name, so that the file of that name is complete at every moment. Without a thread all of that
 * happens in the calls.
 *
 * What waits for the thread has a bound: when the disk stands still, or is much too slow, the file is given up.
 */
#ifndef SORREL_STORE_RDB_FILE_H
#define SORREL_STORE_RDB_FILE_H

#include "base/disk.h"
#include "store/rdb_write.h"

struct rdb_file_options {
    const struct disk *disk; /* outlives the file */
    const char *temp, *name; /* in the same folder; copied */
    bool compress, checksum;
    bool plain;      /* no RDB file: what is put is all there is */
    bool sync_often; /* rdb-save-incremental-fsync */
    bool threaded;
    size_t backlog_max; /* when more bytes wait, it is given up; 0: half of what memory is in use, at least 64 MiB */
    struct slice cores; /* where its thread may run (base/cores.h); outlives the file */
};

struct rdb_file;

/* NULL with a reason when the temporary file can't be made or there is no thread. */
struct rdb_file *rdb_file_new(const struct rdb_file_options *opt, struct buf *why);
/* An empty chunk to be filled and put. */
struct rdb_chunk *rdb_file_chunk(struct rdb_file *f);
/* Queues the chunk, which is the file's from here on. */
void rdb_file_put(struct rdb_file *f, struct rdb_chunk *c);
/* Nothing more comes: the file is to be completed. The last chunk put ended with rdb_put_eof(). */
void rdb_file_end(struct rdb_file *f);
/* Nothing more is wanted of it, for that reason: what waits and what comes is dropped at once, and it has failed when
 * the thread comes back from the disk and has removed the file. One that is nearly complete may still become so. */
void rdb_file_give_up(struct rdb_file *f, const char *why);
bool rdb_file_is_given_up(const struct rdb_file *f);
/* Bytes that wait to be written. */
size_t rdb_file_backlog(const struct rdb_file *f);

enum rdb_file_state { RDB_FILE_WRITING, RDB_FILE_DONE, RDB_FILE_FAILED };
enum rdb_file_state rdb_file_state(const struct rdb_file *f);
uint64_t rdb_file_written(const struct rdb_file *f); /* bytes of the file so far */
/* What failed; valid after RDB_FILE_FAILED. */
struct slice rdb_file_why(const struct rdb_file *f);
/* Waits until it is done or has failed. */
enum rdb_file_state rdb_file_wait(struct rdb_file *f);
/* Frees it. One that is still being written is given up and its temporary file removed; that waits for the disk. */
void rdb_file_free(struct rdb_file *f);

#endif
