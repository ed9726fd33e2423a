/* ds/packed.h - a short sequence of byte strings in one allocation, read from front to back.
 *
 * The representation of every small hash, set and sorted set. An element is a length (one byte below 254, else 0xfe and
 * four bytes little-endian) and its bytes, nothing else: one byte of overhead for the usual element.
 *
 * A block is handled by its pointer; NULL is a valid empty block. Calls that change it may move it and return where it
 * is now. Positions are byte offsets into the block, valid until the next change.
 * Cost: access by position O(1), searching O(bytes). Memory: allocated in steps of what the allocator hands out.
 */
#ifndef SORREL_DS_PACKED_H
#define SORREL_DS_PACKED_H

#include "base/slice.h"

struct packed; /* header: bytes used (4), element count (4); then elements */

enum { PACKED_BYTES_MAX = 1 << 30 };

/* NULL is fine. */
void packed_free(struct packed *p);
struct packed *packed_copy(const struct packed *p);
size_t packed_count(const struct packed *p);
/* Bytes of the allocation. */
size_t packed_alloc_bytes(const struct packed *p);
/* Bytes that an element of that length takes inside a block. */
size_t packed_element_bytes(size_t len);

/* Iteration: for (pos = packed_first(p); pos != packed_end(p); pos = packed_next(p, pos)). */
size_t packed_first(const struct packed *p);
size_t packed_end(const struct packed *p);
size_t packed_next(const struct packed *p, size_t pos);
struct slice packed_get(const struct packed *p, size_t pos);
/* Position of the n-th element; n < count. */
size_t packed_at(const struct packed *p, size_t n);

/* Finds an element equal to s among those at index 0, step, 2*step, …; packed_end() if there is none. */
size_t packed_find(const struct packed *p, struct slice s, size_t step);

/* Inserts s before pos (packed_end() appends). s may not point into the block. */
struct packed *packed_insert(struct packed *p, size_t pos, struct slice s);
static inline struct packed *
packed_append(struct packed *p, struct slice s)
{
    return packed_insert(p, packed_end(p), s);
}
/* Replaces the element at pos; pos stays valid. */
struct packed *packed_replace(struct packed *p, size_t pos, struct slice s);
/* Removes n elements from pos on; pos then holds what followed. Never returns NULL for a non-NULL block. */
struct packed *packed_remove(struct packed *p, size_t pos, size_t n);
bool packed_verify(const struct packed *p);

#endif
