/* ds/bitmap.h - counting, finding and combining bits in runs of bytes.
 *
 * Bit 0 is the highest bit of the first byte, as in Redis. Nothing is allocated or kept; the fast paths use what the
 * processor has (AVX2 and POPCNT on x86) and fall back to plain C with the same results.
 */
#ifndef SORREL_DS_BITMAP_H
#define SORREL_DS_BITMAP_H

#include "base/slice.h"

/* How many bits of these bytes are set. */
uint64_t bitmap_count(struct slice bytes);
/* How many of the bits first..last (both included, inside the bytes) are set. */
uint64_t bitmap_count_range(struct slice bytes, uint64_t first, uint64_t last);
/* The first of the bits first..last (both included, inside the bytes) that is `bit`; false if there is none. */
bool bitmap_find(struct slice bytes, bool bit, uint64_t first, uint64_t last, uint64_t *at);

enum bitmap_op {
    BITMAP_AND,
    BITMAP_OR,
    BITMAP_XOR,
    BITMAP_NOT,   /* of the first source */
    BITMAP_DIFF,  /* in the first source and in no other */
    BITMAP_DIFF1, /* not in the first source, but in another */
    BITMAP_ANDOR, /* in the first source and in another */
    BITMAP_ONE,   /* in exactly one source */
};
/* Combines n sources, which count as followed by zeros, into out[0..len), len being the longest source's length. */
void bitmap_combine(enum bitmap_op op, const struct slice *sources, size_t n, char *out, size_t len);

#endif
