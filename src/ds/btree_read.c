/* ds/btree_read.c - everything that leaves a B+tree as it is. */
#include "base/mem.h"
#include "ds/btree.h"
#include "ds/btree_priv.h"

enum { AHEAD = 4 }; /* items fetched in advance while iterating */

size_t
btree_bytes(const struct btree *t)
{
    return t->leaves * mem_good_size(sizeof(struct leaf)) + t->inners * mem_good_size(sizeof(struct inner));
}

/* Items below the children that the path leaves on its left. */
static size_t
passed(const struct inner *in, unsigned index)
{
    size_t n = 0;

    for (unsigned i = 0; i < index; i++)
        n += in->below[i];
    return n;
}

size_t
btree_rank(const struct btree *t, const struct btree_ops *ops, const void *item)
{
    struct path p;

    find(t, ops, item, &p);
    size_t rank = p.at;
    for (uint32_t level = 0; level < t->height; level++)
        rank += passed(p.node[level], p.index[level]);
    return rank;
}

struct btree_iter
btree_seek(const struct btree *t, size_t n)
{
    struct btree_node *node = t->root;

    CHECK(n <= t->items);
    for (uint32_t level = 0; level < t->height; level++) {
        const struct inner *in = (const struct inner *)node;
        unsigned i = 0;
        while (i + 1u < in->head.n && n >= in->below[i])
            n -= in->below[i++];
        node = in->child[i];
    }
    return (struct btree_iter){node, (unsigned)n};
}

void *
btree_get(struct btree_iter it)
{
    const struct leaf *l = (const struct leaf *)it.leaf;

    return l == NULL || it.at >= l->head.n ? NULL : slot_item(l->slots[it.at]);
}

void
btree_forward(struct btree_iter *it)
{
    const struct leaf *l = (const struct leaf *)it->leaf;

    if (l == NULL || it->at == l->head.n)
        return;
    it->at++; /* from before the first (UINT_MAX) to the first */
    if (it->at + AHEAD < l->head.n)
        __builtin_prefetch(slot_item(l->slots[it->at + AHEAD]));
    if (it->at == l->head.n && l->next != NULL)
        *it = (struct btree_iter){&l->next->head, 0};
}

void
btree_backward(struct btree_iter *it)
{
    const struct leaf *l = (const struct leaf *)it->leaf;

    if (l == NULL || it->at == UINT32_MAX)
        return;
    if (it->at == 0 && l->prev != NULL)
        *it = (struct btree_iter){&l->prev->head, l->prev->head.n - 1u};
    else
        it->at--;
    if (it->at >= AHEAD && it->at < l->head.n)
        __builtin_prefetch(slot_item(l->slots[it->at - AHEAD]));
}

void *
btree_at(const struct btree *t, size_t n)
{
    CHECK(n < t->items);
    return btree_get(btree_seek(t, n));
}

void *
btree_min(const struct btree *t)
{
    return btree_get(btree_seek(t, 0));
}

size_t
btree_count_before(const struct btree *t, btree_before *before, const void *ctx)
{
    const struct btree_node *node = t->root;
    size_t count = 0;

    if (node == NULL)
        return 0;
    for (uint32_t level = 0; level < t->height; level++) {
        const struct inner *in = (const struct inner *)node;
        unsigned lo = 1, hi = in->head.n; /* the first child from 1 on whose first item is not before */
        while (lo < hi) {
            unsigned mid = (lo + hi) / 2;
            if (before(ctx, in->sep[mid]))
                lo = mid + 1;
            else
                hi = mid;
        }
        count += passed(in, lo - 1);
        node = in->child[lo - 1];
    }
    const struct leaf *l = (const struct leaf *)node;
    unsigned lo = 0, hi = l->head.n;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (before(ctx, slot_item(l->slots[mid])))
            lo = mid + 1;
        else
            hi = mid;
    }
    return count + lo;
}

size_t
btree_count_prefix(const struct btree *t, const struct btree_ops *ops, uint64_t prefix, bool equal_too)
{
    const struct btree_node *node = t->root;
    size_t count = 0;
    unsigned lo, hi;

    if (node == NULL || (equal_too && prefix == UINT64_MAX))
        return t->items;
    uint64_t bound = prefix + equal_too; /* items below it are counted */
    for (uint32_t level = 0; level < t->height; level++) {
        const struct inner *in = (const struct inner *)node;
        unsigned i = words_below(in->prefix + 1, in->head.n - 1u, bound);
        count += passed(in, i);
        node = in->child[i];
    }
    const struct leaf *l = (const struct leaf *)node;
    key_span(l, leaf_key(l, bound), &lo, &hi);
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (ops->prefix(slot_item(l->slots[mid])) < bound)
            lo = mid + 1;
        else
            hi = mid;
    }
    return count + lo;
}

/* -- for tests ----------------------------------------------------------------------------------------------- */

/* Checks one node against the separator and the count that its parent has of it. */
static bool
node_ok(const struct btree *t, const struct btree_ops *ops, const struct btree_node *node, uint32_t level, size_t below)
{
    size_t sum = 0;

    if (level == t->height)
        return ((const struct leaf *)node)->head.n == below && below > 0 && below <= LEAF_MAX;
    const struct inner *in = (const struct inner *)node;
    if (in->head.n < 1 || in->head.n > INNER_MAX || (level == 0 && in->head.n < 2))
        return false;
    for (unsigned i = 0; i < in->head.n; i++) {
        sum += in->below[i];
        const struct btree_node *first = in->child[i];
        for (uint32_t l = level + 1; l < t->height; l++)
            first = ((const struct inner *)first)->child[0];
        if (i > 0 && (in->sep[i] != slot_item(((const struct leaf *)first)->slots[0]) ||
                      in->prefix[i] != ops->prefix(in->sep[i])))
            return false;
    }
    return sum == below;
}

static bool
leaves_ok(const struct btree *t, const struct btree_ops *ops)
{
    const struct leaf *l = (const struct leaf *)btree_seek(t, 0).leaf, *prev = NULL;
    const void *last = NULL;
    size_t items = 0, leaves = 0;

    for (; l != NULL; prev = l, l = l->next, leaves++) {
        if (l->prev != prev)
            return false;
        for (unsigned i = 0; i < l->head.n; i++, items++) {
            const void *item = slot_item(l->slots[i]);
            uint64_t prefix = ops->prefix(item);
            if (slot_key(l->slots[i]) != leaf_key(l, prefix) || (last != NULL && order(ops, item, prefix, last) <= 0))
                return false;
            last = item;
        }
    }
    return items == t->items && leaves == t->leaves;
}

bool
btree_verify(const struct btree *t, const struct btree_ops *ops)
{
    const struct inner *stack[LEVELS_MAX];
    unsigned next[LEVELS_MAX], depth = 0;
    size_t inners = 0;

    if (t->root == NULL)
        return t->items == 0 && t->height == 0 && t->leaves == 0 && t->inners == 0;
    if (!node_ok(t, ops, t->root, 0, t->items) || !leaves_ok(t, ops))
        return false;
    if (t->height > 0) {
        stack[0] = (const struct inner *)t->root;
        next[0] = 0;
        depth = 1;
        inners = 1;
    }
    while (depth > 0) {
        const struct inner *in = stack[depth - 1];
        unsigned i = next[depth - 1]++;
        if (i == in->head.n) {
            depth--;
            continue;
        }
        if (!node_ok(t, ops, in->child[i], depth, in->below[i]))
            return false;
        if (depth < t->height) {
            stack[depth] = (const struct inner *)in->child[i];
            next[depth++] = 0;
            inners++;
        }
    }
    return inners == t->inners;
}
