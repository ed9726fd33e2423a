/* ds/table_priv.h - one bucket of a table: a cache line of tags and references.
 *
 * Nothing in here knows how buckets follow one another.
 */
#ifndef SORREL_DS_TABLE_PRIV_H
#define SORREL_DS_TABLE_PRIV_H

#include "ds/table.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef __x86_64__
enum { ADDRESS_BITS = 47 };
#else
enum { ADDRESS_BITS = 48 };
#endif

enum {
    ADDRESS_SHIFT = 4, /* allocations are 16-byte aligned */
    REF_BITS = ADDRESS_BITS - ADDRESS_SHIFT,
    SLOTS = ADDRESS_BITS == 47 ? 10 : 9, /* (8 + REF_BITS) * SLOTS + 2 <= 512 */
    SLOT_MASK = (1 << SLOTS) - 1,
    DISPLACE_MAX = 16, /* buckets; at 90 % load a billion items need about ten */
    NEAR_MAX = 3,      /* where a displaced item is put if that can be arranged */
    EXTENT_NEAR = 2,
    EXTENT_FAR = 3, /* up to NEAR_MAX; up to DISPLACE_MAX; 0 and 1 mean themselves */
    BUCKET_BYTES = 64,
};

/* Ten tags (0: free), ten references, two bits of extent: how far items that belong here have been displaced.
 *
 * A tag is six bits of the hash above the low two bits of the home bucket's number. Those two tell without a look at
 * the item, which would be a cache miss, where it belongs: see home_at(). */
struct table_bucket {
    unsigned char bytes[BUCKET_BYTES];
} __attribute__((aligned(BUCKET_BYTES)));

_Static_assert((8 + REF_BITS) * SLOTS + 2 <= BUCKET_BYTES * 8, "slots and extent fit a bucket");

static inline unsigned char
tag_of(uint64_t hash, size_t home)
{
    unsigned bits = hash & 63;

    return (unsigned char)((bits != 0 ? bits : 1) << 2 | (home & 3));
}

/* A bit for each slot whose tag is that one. */
static inline unsigned
slots_tagged(const struct table_bucket *b, unsigned char tag)
{
#ifdef __SSE2__
    __m128i tags = _mm_load_si128((const __m128i *)(const void *)b->bytes);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag))) & SLOT_MASK;
#else
    unsigned mask = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        mask |= (unsigned)(b->bytes[i] == tag) << i;
    return mask;
#endif
}

static inline unsigned
slots_free(const struct table_bucket *b)
{
    return slots_tagged(b, 0);
}

static inline unsigned
slots_taken(const struct table_bucket *b)
{
    return ~slots_free(b) & SLOT_MASK;
}

/* Where the 64 bits that hold a reference begin, and how far it lies inside them. The last ones are read from the
 * bucket's last eight bytes, so that nothing outside the bucket is touched. */
static inline unsigned
ref_byte(unsigned slot)
{
    unsigned byte = (8 * SLOTS + REF_BITS * slot) / 8;

    return byte < BUCKET_BYTES - 8 ? byte : BUCKET_BYTES - 8;
}

static inline unsigned
ref_shift(unsigned slot)
{
    return 8 * SLOTS + REF_BITS * slot - 8 * ref_byte(slot);
}

static const uint64_t REF_MASK = ((uint64_t)1 << REF_BITS) - 1;

/* Little-endian on every machine, as the tags and the extent share the bytes around it. */
static inline uint64_t
word_load(const unsigned char *p)
{
    uint64_t w;

    memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}

static inline void
word_store(unsigned char *p, uint64_t w)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    memcpy(p, &w, 8);
}

static inline void *
slot_item(const struct table_bucket *b, unsigned slot)
{
    uint64_t ref = word_load(b->bytes + ref_byte(slot)) >> ref_shift(slot) & REF_MASK;

    return (void *)(uintptr_t)(ref << ADDRESS_SHIFT);
}

static inline void
slot_set(struct table_bucket *b, unsigned slot, unsigned char tag, const void *item)
{
    unsigned char *at = b->bytes + ref_byte(slot);
    uint64_t ref = (uint64_t)(uintptr_t)item >> ADDRESS_SHIFT;

    word_store(at, (word_load(at) & ~(REF_MASK << ref_shift(slot))) | ref << ref_shift(slot));
    b->bytes[slot] = tag;
}

static inline unsigned
extent(const struct table_bucket *b)
{
    return b->bytes[BUCKET_BYTES - 1] >> 6;
}

static inline void
extent_set(struct table_bucket *b, unsigned e)
{
    b->bytes[BUCKET_BYTES - 1] = (unsigned char)((b->bytes[BUCKET_BYTES - 1] & 0x3f) | e << 6);
}

/* How many buckets after the home an extent covers. */
static inline size_t
extent_reach(unsigned e)
{
    return e < EXTENT_NEAR ? e : e == EXTENT_NEAR ? NEAR_MAX : DISPLACE_MAX;
}

/* The extent that covers so many buckets after the home. */
static inline unsigned
extent_for(size_t distance)
{
    return distance < EXTENT_NEAR ? (unsigned)distance : distance <= NEAR_MAX ? EXTENT_NEAR : EXTENT_FAR;
}

static inline unsigned
first_slot(unsigned mask)
{
    return (unsigned)__builtin_ctz(mask);
}

#endif
