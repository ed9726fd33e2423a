/* ds/btree.h - an ordered set of pointers with counts: rank and select in O(log n).
 *
 * The order is (prefix, compare): the prefix is a monotone 64-bit image of the leading part of the order (a score, a
 * time), so that descending rarely touches items. Inner nodes hold, for each child, its first item, that item's prefix
 * and the number of items below. A leaf holds one word an item: its address (44 bits: items are 16-byte aligned) and
 * above it twenty bits of its prefix, taken relative to the leaf's own range, so that a search in a leaf touches an
 * item only where those bits are equal. Used for large sorted sets (score, then member) and for the expiry index (time,
 * then address).
 *
 * Cost      O(log n); about one item touched by an insertion unless many share a prefix.
 * Memory    8.6 bytes an item when inserted in ascending order, 13.5 in random order.
 * Items     belong to the caller, are 16-byte aligned, and keep their order while they are in the tree.
 * Threads   one owner at a time.
 */
#ifndef SORREL_DS_BTREE_H
#define SORREL_DS_BTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct btree_ops {
    /* Monotone: prefix(a) < prefix(b) implies a before b. */
    uint64_t (*prefix)(const void *item);
    /* Full order among items of equal prefix: <0, 0, >0. */
    int (*compare)(const void *a, const void *b);
};

struct btree_node;
struct btree {
    struct btree_node *root; /* NULL when empty; all-zero is a valid empty tree */
    size_t items;
    uint32_t height; /* of inner levels above the leaves */
    uint32_t leaves, inners;
};

void btree_fini(struct btree *t); /* frees nodes, not items */
size_t btree_bytes(const struct btree *t);
/* The item must not be in the tree yet. */
void btree_insert(struct btree *t, const struct btree_ops *ops, void *item);
/* The item itself (same pointer) must be in the tree, its order unchanged since it was inserted. */
void btree_remove(struct btree *t, const struct btree_ops *ops, const void *item);
/* Puts new_item, equal in order, in old_item's place. old_item must still be readable. */
void btree_replace(struct btree *t, const struct btree_ops *ops, const void *old_item, void *new_item);
/* Calls change(item, ctx), which may give the item another order, and moves it to its new place. */
typedef void btree_alter(void *item, void *ctx);
void btree_change(struct btree *t, const struct btree_ops *ops, void *item, btree_alter *change, void *ctx);
/* Position of the item in order, 0-based. */
size_t btree_rank(const struct btree *t, const struct btree_ops *ops, const void *item);
/* The item at that position; n < items. */
void *btree_at(const struct btree *t, size_t n);
void *btree_min(const struct btree *t); /* NULL when empty */

/* How many items lie before the point that `before` describes: it returns true for items before it, and is monotone
 * (true…true false…false over the order). `before` sees items only; O(log n) calls. */
typedef bool btree_before(const void *ctx, const void *item);
size_t btree_count_before(const struct btree *t, btree_before *before, const void *ctx);

/* How many items have a prefix below the given one, or, with `equal_too`, not above it. */
size_t btree_count_prefix(const struct btree *t, const struct btree_ops *ops, uint64_t prefix, bool equal_too);

/* A place in the order; valid until the tree changes. btree_seek(n = items) gives the end. */
struct btree_iter {
    struct btree_node *leaf;
    unsigned at;
};
struct btree_iter btree_seek(const struct btree *t, size_t n);
void *btree_get(struct btree_iter it); /* NULL at either end */
void btree_forward(struct btree_iter *it);
void btree_backward(struct btree_iter *it);
bool btree_verify(const struct btree *t, const struct btree_ops *ops);

#endif
