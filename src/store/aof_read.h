/* store/aof_read.h - one file of the append-only log, read into an engine in steps.
 *
 * Commands, with or without the sums of aof_block.h, behind a snapshot or not. What is found wrong is one of three
 * things: a tail that was being written when the machine or the process stopped (AOF_CUT), which may be dropped;
 * damage (AOF_DAMAGED), which nobody but the operator may decide about; or that the disk or the memory fails
 * (AOF_UNREADABLE), which says nothing of the file.
 */
#ifndef SORREL_STORE_AOF_READ_H
#define SORREL_STORE_AOF_READ_H

#include "base/buf.h"
#include "base/disk.h"
#include "engine/engine.h"

struct aof_reader;

enum aof_progress { AOF_MORE, AOF_DONE, AOF_CUT, AOF_DAMAGED, AOF_UNREADABLE };

struct aof_reader_options {
    const struct disk *disk;
    struct engine *engine; /* NULL: only check */
    const char *path;
    int64_t until_s; /* AOF_CUT before what a timestamp says is later than that; 0: no limit */
};

/* NULL with a negative errno and a reason. */
struct aof_reader *aof_reader_open(const struct aof_reader_options *opt, int *error, struct buf *why);
/* Goes on by about that many bytes. What is neither AOF_MORE nor AOF_DONE is the last, and puts a reason into `why`. */
enum aof_progress aof_reader_step(struct aof_reader *r, size_t max_bytes, struct buf *why);
uint64_t aof_reader_total(const struct aof_reader *r);
uint64_t aof_reader_at(const struct aof_reader *r);
uint64_t aof_reader_commands(const struct aof_reader *r);
/* After AOF_CUT: the file is good up to `keep`, and `salvage` holds commands that were run and must be written again
 * behind that (their block was not complete). */
uint64_t aof_reader_keep(const struct aof_reader *r);
struct slice aof_reader_salvage(const struct aof_reader *r);
void aof_reader_free(struct aof_reader *r);

#endif
