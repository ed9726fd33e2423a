/* value/handle.h - how a collection hangs on its entry: eight bytes.
 *
 * A struct hash, list, set, zset … is these eight bytes inside the entry (unaligned), holding the address of the block
 * or structure (48 bits), which representation it is (15 bits), and whether members of it have deadlines (1 bit): then
 * eight more bytes follow, see value/deadlines.h. All zero is a valid empty collection. The bytes stay where they are
 * during any call on the collection.
 */
#ifndef SORREL_VALUE_HANDLE_H
#define SORREL_VALUE_HANDLE_H

#include <stdbool.h>
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
    return (unsigned)h->bytes[6] | (unsigned)(h->bytes[7] & 0x7f) << 8;
}

/* For a handle that has no value yet. */
static inline void
handle_set(struct handle *h, const void *ptr, unsigned rep)
{
    uint64_t w = (uint64_t)(uintptr_t)ptr | (uint64_t)rep << 48;

    memcpy(h->bytes, &w, 8);
}

static inline bool
handle_has_deadlines(const struct handle *h)
{
    return (h->bytes[7] & 0x80) != 0;
}

/* The room for them follows, or follows no longer. */
static inline void
handle_mark_deadlines(struct handle *h, bool on)
{
    h->bytes[7] = (unsigned char)(on ? h->bytes[7] | 0x80 : h->bytes[7] & 0x7f);
}

/* Another address or representation for the same collection. */
static inline void
handle_change(struct handle *h, const void *ptr, unsigned rep)
{
    bool deadlines = handle_has_deadlines(h);

    handle_set(h, ptr, rep);
    handle_mark_deadlines(h, deadlines);
}

#endif
