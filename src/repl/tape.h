/* repl/tape.h - a run of bytes that grows at one end and is forgotten at the other, read by position.
 *
 * The stream of changes and the snapshot of a full synchronisation are tapes: every reader has a position of its own,
 * and all of them are sent the same blocks by reference. What only a slow reader still needs may be moved to a file,
 * which has no name and so goes away with us.
 *
 * Positions are absolute and never come back. Threads: one owner at a time; blocks that have been handed to an output
 * queue may be released by anybody.
 */
#ifndef SORREL_REPL_TAPE_H
#define SORREL_REPL_TAPE_H

#include "base/disk.h"
#include "base/out.h"

struct tape_block {
    uint64_t at;
    size_t len, cap;
    unsigned refs; /* changed atomically: the tape's own and those of output queues */
    char data[];
};

/* With its head a block is 64 KiB, which the allocator has; a little more, and it would take 80. */
enum { TAPE_BLOCK_BYTES = (64 << 10) - sizeof(struct tape_block) };

struct tape_slot {
    uint64_t at;
    size_t len;
    struct tape_block *block; /* NULL: its bytes are in the file, at the same position */
};

/* All-zero is an empty tape that begins at 0 and has no file to go to. */
struct tape {
    struct tape_slot *slots; /* those that are held: slots[first] to slots[first + count - 1], without gaps */
    size_t first, count, cap;
    uint64_t end;
    size_t memory;           /* of the blocks that are not in the file */
    const struct disk *disk; /* NULL: everything stays in memory */
    int fd;                  /* plus one; 0: there is no file yet */
    struct tape_block
        *spare;       /* of the usual size: the last one that was forgotten, and is not sent any more. May be NULL */
    uint64_t spilled; /* bytes in the file */
};

void tape_init(struct tape *t, uint64_t at, const struct disk *disk);
void tape_fini(struct tape *t);
/* Forgets everything; the next byte has that position. */
void tape_restart(struct tape *t, uint64_t at);

uint64_t tape_begin(const struct tape *t); /* the first byte that is held */
static inline uint64_t
tape_end(const struct tape *t)
{
    return t->end;
}
static inline size_t
tape_memory(const struct tape *t)
{
    return t->memory;
}

void tape_add(struct tape *t, struct slice bytes);
/* A pointer to room for n more bytes, at most a block's; tape_used() says how many became part of the tape. */
char *tape_room(struct tape *t, size_t n);
void tape_used(struct tape *t, size_t n);

/* Queues bytes from position `at` on, up to about max, and returns how many; 0 when there are none, or (with *failed
 * set) when they can't be read back. `at` must be held. */
size_t tape_send(struct tape *t, uint64_t at, size_t max, struct out *out, bool *failed);
/* Whole blocks before that position are not needed any more. */
void tape_forget(struct tape *t, uint64_t before);
/* Moves blocks before that position to the file. False: that failed, and they stay where they are. */
bool tape_spill(struct tape *t, uint64_t before);

#endif
