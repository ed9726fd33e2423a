/* ds/table.h - a hash table of pointers to items that carry their own key.
 *
 * Buckets are 64 bytes, one cache line: ten one-byte tags compared at once (SIMD where there is, plain C elsewhere),
 * ten packed references (43 bits: user addresses have 47, allocations are 16-byte aligned), and two bits that say how
 * far items that belong here have been displaced. A bucket is the items of one interval of hash space, in hash order,
 * so:
 *  - a scan cursor is a position in hash space and stays right while the table grows or shrinks;
 *  - resizing needs no power of two: the table grows by a quarter at 90 % load, moving a few buckets at each insertion,
 *    and a lookup asks one table only, the one that the frontier of the move assigns the hash to.
 * An item displaced from its full home bucket lies in one of the next few.
 *
 * Cost      find, insert and remove O(1) expected; no operation does more than a bounded amount of moving work.
 * Memory    7.1 to 9 bytes an item above a few hundred items. Items belong to the caller.
 * Threads   one owner at a time.
 * Items     must be 16-byte aligned (anything from mem_get with 16 bytes or more is).
 */
#ifndef SORREL_DS_TABLE_H
#define SORREL_DS_TABLE_H

#include "base/rng.h"
#include "base/siphash.h"

/* What the table must know of its items. One constant for each kind of table, passed to every call so that the compiler
 * can see through it. */
struct table_ops {
    struct slice (*key)(const void *item);
    /* The hash of the item's key, for moving; usually siphash(seed, key(item)). */
    uint64_t (*hash)(const void *item, struct hash_seed seed);
};

struct table_side { /* one array of buckets; private */
    struct table_bucket *buckets;
    size_t count; /* of home buckets, a few more follow for displaced items; 0 when absent */
};

struct table {
    struct hash_seed seed;
    struct table_side now, old; /* old is absent unless a move is under way */
    size_t frontier;            /* buckets of `old` below this index have been moved */
    size_t items;
    /* items did not lie evenly enough to shrink: looked at again below that many; 0: at once */
    size_t shrink_below;
};

/* Holds no memory until the first insertion. */
void table_init(struct table *t, struct hash_seed seed);
/* Frees the buckets, not the items. */
void table_fini(struct table *t);

/* Brings the lines that table_find(t, hash) will touch into the cache: first the bucket; then, once that has arrived,
 * the items whose tag matches (call it a few hundred cycles later). */
void table_prefetch_bucket(const struct table *t, uint64_t hash);
void table_prefetch_item(const struct table *t, uint64_t hash);

/* NULL if absent. */
void *table_find(const struct table *t, const struct table_ops *ops, uint64_t hash, struct slice key);
/* The key must not be in the table. */
void table_insert(struct table *t, const struct table_ops *ops, uint64_t hash, void *item);
/* Puts new_item, with the same key, where old_item is (old_item may have been freed: only its address is used). */
void table_replace(struct table *t, uint64_t hash, const void *old_item, void *new_item);
/* Takes the item with that address out; true if it was there. May start or continue shrinking. */
bool table_remove(struct table *t, const struct table_ops *ops, uint64_t hash, const void *item);

static inline size_t
table_count(const struct table *t)
{
    return t->items;
}

/* Cursors stay below 2^TABLE_CURSOR_BITS, so that a slot number fits beside one within the 53 bits that clients which
 * read numbers as doubles can take. Any number below that bound is a valid cursor. */
enum { TABLE_CURSOR_BITS = 39 };
/* Calls fn for every item of one bucket (there may be none), starting at `cursor` (0 begins), and returns the next
 * cursor (0: the end). An item that is in the table from the first to the last call is handed out at least once,
 * whatever happens to the table between calls, and exactly once if the table is not resized; during a call fn must not
 * change the table. */
typedef void table_visit(void *ctx, void *item);
uint64_t table_scan(const struct table *t, const struct table_ops *ops, uint64_t cursor, table_visit *fn, void *ctx);
/* Takes one item after the other out, for freeing them: unlike a scan it never looks at an item again that it has
 * handed out. *at is 0 at first and belongs to it; NULL when the table is empty. Once begun, only table_count() and
 * table_fini() may follow. */
void *table_drain(struct table *t, size_t *at);
/* A uniformly chosen item; NULL if the table is empty. */
void *table_random(const struct table *t, struct rng *rng);
/* Sizes the table for n items at once (before loading). */
void table_reserve(struct table *t, const struct table_ops *ops, size_t n);
/* Continues a move for up to n buckets; true while there is more to do. For idle time. */
bool table_step(struct table *t, const struct table_ops *ops, size_t n);
/* Bytes that one insertion more takes at once, because the table then grows; below 128 KiB, as larger tables take
 * theirs bit by bit. Mostly 0. */
size_t table_growth_due(const struct table *t);
/* Bytes of the buckets. */
size_t table_bytes(const struct table *t);
/* Slots of the table now, and of the one being filled during a move (0: no move). For DEBUG HTSTATS and tests. */
size_t table_slots(const struct table *t);
size_t table_slots_target(const struct table *t);
/* Walks everything: for tests and DEBUG_VERIFY. */
bool table_verify(const struct table *t, const struct table_ops *ops);

#endif
