/* value/handle.h - how a collection hangs on its entry: eight bytes.
 *
 * A struct hash, list, set, zset … is these eight bytes inside the entry (unaligned), holding the address of the block or
 * structure (48 bits) and which representation it is (16 bits). All zero is a valid empty collection. The bytes stay
 * where they are during any call on the collection.
 */
#ifndef SORREL_VALUE_HANDLE_H
#define SORREL_VALUE_HANDLE_H

#include <stdint.h>
#include <string.h>

struct handle {
    unsigned char bytes[8];
};

static inline void *
handle_ptr(const struct handle *h)
{
    uint64_t w;

    memcpy(&w, h->bytes, 8);
    return (void *)(uintptr_t)(w & 0xffffffffffffu);
}

static inline unsigned
handle_rep(const struct handle *h)
{
    return (unsigned)h->bytes[6] | (unsigned)h->bytes[7] << 8;
}

static inline void
handle_set(struct handle *h, const void *ptr, unsigned rep)
{
    uint64_t w = (uint64_t)(uintptr_t)ptr | (uint64_t)rep << 48;

    memcpy(h->bytes, &w, 8);
}

#endif
