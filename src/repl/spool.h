/* repl/spool.h - a snapshot on its way to replicas.
 *
 * To whoever writes snapshots it is a disk with one file on it; to the loop it is a tape that several replicas read,
 * each from its own place. What they have not taken yet goes to a file without a name when it becomes too much for
 * memory, so a slow replica holds neither the snapshot nor the server up. Without such a file the writer has to wait.
 *
 * Threads: the disk's functions belong to the writing thread, the rest to the loop's.
 */
#ifndef SORREL_REPL_SPOOL_H
#define SORREL_REPL_SPOOL_H

#include "base/disk.h"
#include "base/out.h"

struct spool;

/* memory_max: what may wait in memory; 0: as little as can be. */
struct spool *spool_new(const struct disk *disk, size_t memory_max);
void spool_free(struct spool *s); /* whoever writes to it is done */
const struct disk *spool_disk(struct spool *s);

/* The writer is told that writing fails from now on. */
void spool_abandon(struct spool *s);
uint64_t spool_size(struct spool *s); /* bytes so far */
size_t spool_memory(struct spool *s);

/* As tape_send(). Returns 0 also when the writer is in the way: ask again soon. */
size_t spool_send(struct spool *s, uint64_t at, size_t max, struct out *out, bool *failed);
/* Nobody needs what lies before that any more. */
void spool_forget(struct spool *s, uint64_t before);

#endif
