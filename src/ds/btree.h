/* ds/btree.h - an ordered set of pointers with counts: rank and select in O(log n).
 *
 * A B+tree whose leaves hold nothing but item pointers (8 bytes an item at 70 to 100 % fill) and whose inner nodes hold,
 * for each child, the separating item's 64-bit sort prefix, the item and the number of items below. The order is (prefix, compare): the prefix is
 * a monotone 64-bit image of the leading part of the order (a score, a time), so that descending rarely touches items.
 * Used for large sorted sets (score, then member) and for the expiry index (time, then address).
 *
 * Items appended in ascending order fill their leaves completely. Items belong to the caller. One owner at a time.
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
};

void btree_fini(struct btree *t); /* frees nodes, not items */
size_t btree_bytes(const struct btree *t);
/* The item must not be in the tree yet. */
void btree_insert(struct btree *t, const struct btree_ops *ops, void *item);
/* The item itself (same pointer) must be in the tree, its order unchanged since it was inserted. */
void btree_remove(struct btree *t, const struct btree_ops *ops, const void *item);
/* Puts new_item, equal in order, in old_item's place. old_item must still be readable. */
void btree_replace(struct btree *t, const struct btree_ops *ops, const void *old_item, void *new_item);
/* Position of the item in order, 0-based. */
size_t btree_rank(const struct btree *t, const struct btree_ops *ops, const void *item);
/* The item at that position; n < items. */
void *btree_at(const struct btree *t, size_t n);
void *btree_min(const struct btree *t); /* NULL when empty */

/* How many items lie before the point that `before` describes: it returns true for items before it, and is monotone
 * (true…true false…false over the order). `before` sees items only; O(log n) calls. */
typedef bool btree_before(const void *ctx, const void *item);
size_t btree_count_before(const struct btree *t, btree_before *before, const void *ctx);

/* A place in the order; valid until the tree changes. btree_seek(n = items) gives the end. */
struct btree_iter {
    struct btree_node *leaf;
    unsigned at;
};
struct btree_iter btree_seek(const struct btree *t, size_t n);
void *btree_get(struct btree_iter it);               /* NULL at either end */
void btree_forward(struct btree_iter *it);
void btree_backward(struct btree_iter *it);
bool btree_verify(const struct btree *t, const struct btree_ops *ops);

#endif
