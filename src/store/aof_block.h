/* store/aof_block.h - the line in front of each block of the log, from which a damaged block is told from a torn tail.
 *
 *     #SUM:<length> <synced> <sum>\r\n      (hex, of fixed width)
 *
 * `length` bytes of commands follow. `synced` is how much of the file was known to be on the disk when the block was
 * written: whatever lies below the `synced` of a good block must be good as well, or the file has been damaged; what
 * lies above may have been lost or torn by a power cut. The sum covers the bytes, where they are, and the other two
 * numbers. A loader that does not know the line skips it.
 */
#ifndef SORREL_STORE_AOF_BLOCK_H
#define SORREL_STORE_AOF_BLOCK_H

#include "base/siphash.h"

enum { AOF_BLOCK_HEAD = 5 + 10 + 1 + 12 + 1 + 16 + 2, AOF_LINE_MAX = 1024 };

struct aof_block {
    uint64_t len, synced, sum;
};

static inline uint64_t
aof_block_sum(uint64_t offset, uint64_t synced, struct slice bytes)
{
    struct hash_seed place = {offset * UINT64_C(0x9e3779b97f4a7c15) ^ bytes.len, synced ^ UINT64_C(0x736f7272656c)};

    return siphash(place, bytes);
}

/* `to` holds AOF_BLOCK_HEAD bytes. */
void aof_block_put(char *to, const struct aof_block *b);
/* The line at the start of `in`, which holds at least AOF_BLOCK_HEAD bytes; false if it is not exactly such a line. */
bool aof_block_get(struct slice in, struct aof_block *out);

#endif
