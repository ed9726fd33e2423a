/* ds/packtable.h - a large map or set of byte strings at a few bytes of overhead each.
 *
 * Linear hashing over packed blocks: a block holds the members of one hash class, 7 to 28 of them, each as tag byte,
 * member and (in a map) value, all in one allocation; members and values longer than PACKTABLE_INLINE_MAX live in an
 * allocation of their own. The table grows by splitting one block at a time, so no insertion ever does more than one
 * block's worth of moving. The directory has two levels for the same reason.
 *
 * Cost      O(1) expected, a memmove of one block (about 500 bytes) for changes.
 * Memory    member + value + about 4 bytes for short members.
 * Cursor    a position in (bit-reversed) hash space: a member that stays is visited at least once, whatever happens.
 * Threads   one owner at a time. Validity: slices handed out live until the next change.
 */
#ifndef SORREL_DS_PACKTABLE_H
#define SORREL_DS_PACKTABLE_H

#include "base/pulse.h"
#include "base/rng.h"
#include "base/siphash.h"

enum { PACKTABLE_INLINE_MAX = 128 };

struct packtable;

/* with_values: a map; otherwise a set whose values are empty. Caller owns it. */
struct packtable *packtable_new(struct hash_seed seed, bool with_values);
/* NULL is fine. O(n): large ones are freed on a background thread by the engine's reaper. */
void packtable_free(struct packtable *t);
/* A deep copy, in the time that copying its bytes takes. p may be NULL. */
struct packtable *packtable_copy(const struct packtable *t, struct pulse *p);
size_t packtable_count(const struct packtable *t);
size_t packtable_bytes(const struct packtable *t);
/* *value may be NULL when only presence is asked. */
bool packtable_find(const struct packtable *t, struct slice member, struct slice *value);
/* Asks for the lines that looking the member up will touch, without waiting for them; does nothing for a table that is
 * small enough to be in the cache as it is. */
void packtable_prefetch(const struct packtable *t, struct slice member);
/* Copies both in (neither may point into the table); true if the member is new. In a set, value must be empty. */
bool packtable_put(struct packtable *t, struct slice member, struct slice value);
bool packtable_remove(struct packtable *t, struct slice member);
/* Uniform over all members; the table must not be empty. value may be NULL. */
void packtable_random(const struct packtable *t, struct rng *rng, struct slice *member, struct slice *value);

/* Hands out the members of one block (there may be none) and returns the next cursor, 0 at the end. Any number is a
 * valid cursor, those handed out are smaller than the number of blocks rounded up to a power of two. */
typedef void packtable_visit(void *ctx, struct slice member, struct slice value);
uint64_t packtable_scan(const struct packtable *t, uint64_t cursor, packtable_visit *fn, void *ctx);

/* Plain iteration, valid while nothing changes. All-zero starts; false at the end. */
struct packtable_iter {
    size_t block, pos;
};
bool packtable_next(const struct packtable *t, struct packtable_iter *it, struct slice *member, struct slice *value);
bool packtable_verify(const struct packtable *t);

#endif
