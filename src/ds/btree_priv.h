/* ds/btree_priv.h - nodes of the B+tree and how one finds a place in them, for btree.c and btree_read.c. */
#ifndef SORREL_DS_BTREE_PRIV_H
#define SORREL_DS_BTREE_PRIV_H

#include "base/check.h"
#include "ds/btree.h"

#include <string.h>

enum {
    LEAF_MAX = 60,  /* makes a leaf of 512 bytes */
    INNER_MAX = 31, /* an inner node of 1000 */
    LEVELS_MAX = 24,
    ADDRESS_BITS = 44,
    KEY_MAX = (1 << 20) - 1,
};

/* What leaves and inner nodes begin with. */
struct btree_node {
    uint16_t n;
    uint8_t shift;      /* leaves: how the keys of slots are taken, see btree.c */
    uint8_t lookalikes; /* leaves: items inserted next to one of equal key and other prefix since the last rekeying */
};

struct leaf {
    struct btree_node head;
    struct leaf *prev, *next;
    uint64_t base;
    uint64_t slots[LEAF_MAX];
};

struct inner {
    struct btree_node head;
    uint64_t prefix[INNER_MAX];
    struct btree_node *child[INNER_MAX];
    void *sep[INNER_MAX];
    size_t below[INNER_MAX];
};

/* How one came to a place: at each level the node and which child was taken. */
struct path {
    struct inner *node[LEVELS_MAX];
    unsigned index[LEVELS_MAX];
    struct leaf *leaf;
    unsigned at;
};

static inline void *
slot_item(uint64_t slot)
{
    return (void *)(uintptr_t)(slot << (64 - ADDRESS_BITS) >> (60 - ADDRESS_BITS));
}

static inline uint64_t
slot_key(uint64_t slot)
{
    return slot >> ADDRESS_BITS;
}

static inline uint64_t
slot_make(uint64_t key, const void *item)
{
    uint64_t address = (uint64_t)(uintptr_t)item >> 4;

    CHECK(((uintptr_t)item & 15) == 0 && address >> ADDRESS_BITS == 0);
    return key << ADDRESS_BITS | address;
}

static inline uint64_t
leaf_key(const struct leaf *l, uint64_t prefix)
{
    if (prefix <= l->base)
        return 0;
    uint64_t key = (prefix - l->base) >> l->head.shift;
    return key < KEY_MAX ? key : KEY_MAX;
}

/* How many of the n ascending words are below `bound`. Without branches that could be mispredicted. */
static inline unsigned
words_below(const uint64_t *w, unsigned n, uint64_t bound)
{
    const uint64_t *p = w;

    if (n == 0)
        return 0;
    while (n > 1) {
        unsigned half = n / 2;
        p += p[half - 1] < bound ? half : 0;
        n -= half;
    }
    return (unsigned)(p - w) + (*p < bound);
}

/* Slots [*lo, *hi) have that key. */
static inline void
key_span(const struct leaf *l, uint64_t key, unsigned *lo, unsigned *hi)
{
    *lo = words_below(l->slots, l->head.n, key << ADDRESS_BITS);
    *hi = *lo;
    if (key == KEY_MAX)
        *hi = l->head.n;
    else if (*lo < l->head.n && slot_key(l->slots[*lo]) == key)
        *hi = *lo + words_below(l->slots + *lo, l->head.n - *lo, (key + 1) << ADDRESS_BITS);
}

static inline int
order(const struct btree_ops *ops, const void *a, uint64_t prefix_a, const void *b)
{
    uint64_t prefix_b = ops->prefix(b);

    if (prefix_a != prefix_b)
        return prefix_a < prefix_b ? -1 : 1;
    return ops->compare(a, b);
}

static inline void
leaf_prefetch(const struct leaf *l)
{
    for (unsigned i = 0; i < sizeof(*l); i += 64)
        __builtin_prefetch((const char *)l + i);
}

/* The child of a node below which the item belongs or is. */
static inline unsigned
inner_place(const struct inner *in, const struct btree_ops *ops, const void *item, uint64_t prefix)
{
    unsigned n = in->head.n - 1u, lo = words_below(in->prefix + 1, n, prefix), hi = lo;

    /* Children [0, lo] begin before the prefix, entries lo + 1 and on may share it. */
    while (hi < n && in->prefix[1 + hi] == prefix)
        hi++;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (ops->compare(in->sep[1 + mid], item) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static inline void
descend(const struct btree *t, const struct btree_ops *ops, const void *item, uint64_t prefix, struct path *p)
{
    struct btree_node *node = t->root;

    for (uint32_t level = 0; level < t->height; level++) {
        struct inner *in = (struct inner *)node;
        p->node[level] = in;
        p->index[level] = inner_place(in, ops, item, prefix);
        node = in->child[p->index[level]];
    }
    p->leaf = (struct leaf *)node;
    leaf_prefetch(p->leaf);
}

/* The path to an item that is in the tree. */
static inline void
find(const struct btree *t, const struct btree_ops *ops, const void *item, struct path *p)
{
    uint64_t prefix = ops->prefix(item);

    CHECK(t->root != NULL);
    descend(t, ops, item, prefix, p);
    uint64_t key = leaf_key(p->leaf, prefix), slot = slot_make(key, item);
    unsigned n = p->leaf->head.n;
    p->at = words_below(p->leaf->slots, n, key << ADDRESS_BITS);
    while (p->at < n && p->leaf->slots[p->at] != slot)
        p->at++;
    CHECK(p->at < n);
}

#endif
