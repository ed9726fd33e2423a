/* ds/btree.c - the B+tree behind sorted sets and the expiry index.
 *
 * A leaf's slots are words: twenty bits of key above 44 bits of address. The key is (prefix - base) >> shift, clamped,
 * with base and shift of the leaf's own choosing: a monotone map whatever they are, so they only decide how often two
 * items look alike and have to be touched. A leaf takes them anew ("rekey") when it is split or joined and when too
 * many of its items look alike although their prefixes differ.
 *
 * Nodes have no way up: whoever changes something has come down a path and keeps it. Separators are exact: sep[i] is
 * the first item below child[i], for every i > 0; entry 0 of a node means nothing except while the node is built or
 * cut.
 */
#include "ds/btree.h"

#include "base/mem.h"
#include "ds/btree_priv.h"

/* Chooses base and shift for what is in the leaf, with half its range to spare on either side, and all keys anew. */
static void
rekey(struct leaf *l, const struct btree_ops *ops)
{
    if (l->head.n == 0)
        return;
    for (unsigned i = 0; i < l->head.n; i++)
        __builtin_prefetch(slot_item(l->slots[i]));
    uint64_t first = ops->prefix(slot_item(l->slots[0])), last = ops->prefix(slot_item(l->slots[l->head.n - 1]));
    uint64_t span = last - first;
    /* Bits of twice the span, without overflowing. */
    int bits = span == 0 ? 0 : 65 - __builtin_clzll(span);
    l->base = first > span / 2 ? first - span / 2 : 0;
    l->head.shift = (uint8_t)(bits > 20 ? bits - 20 : 0);
    l->head.lookalikes = 0;
    for (unsigned i = 0; i < l->head.n; i++) {
        void *item = slot_item(l->slots[i]);
        l->slots[i] = slot_make(leaf_key(l, ops->prefix(item)), item);
    }
}

/* Where in the leaf the item, which is not in it, belongs. */
static unsigned
leaf_place(struct leaf *l, const struct btree_ops *ops, const void *item, uint64_t prefix)
{
    unsigned lo, hi, n = l->head.n;

    key_span(l, leaf_key(l, prefix), &lo, &hi);
    if (lo == hi)
        return lo;
    /* Ascending insertion ends here. */
    if (hi == n) {
        const void *last = slot_item(l->slots[n - 1]);
        if (order(ops, item, prefix, last) > 0) {
            l->head.lookalikes = (uint8_t)(l->head.lookalikes + (ops->prefix(last) != prefix));
            return n;
        }
    }
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        const void *other = slot_item(l->slots[mid]);
        __builtin_prefetch(slot_item(l->slots[(lo + mid) / 2]));
        __builtin_prefetch(slot_item(l->slots[mid + 1 < hi ? (mid + 1 + hi) / 2 : mid]));
        if (order(ops, item, prefix, other) > 0)
            lo = mid + 1;
        else
            hi = mid;
        if (lo == hi && ops->prefix(other) != prefix)
            l->head.lookalikes++;
    }
    return lo;
}

/* -- insertion ----------------------------------------------------------------------------------------------- */

static struct leaf *
leaf_new(struct btree *t)
{
    struct leaf *l = mem_get(sizeof(*l));

    memset(l, 0, offsetof(struct leaf, slots));
    t->leaves++;
    return l;
}

static struct inner *
inner_new(struct btree *t)
{
    struct inner *in = mem_get(sizeof(*in));

    in->head = (struct btree_node){0};
    t->inners++;
    return in;
}

static void
leaf_put(struct leaf *l, const struct btree_ops *ops, unsigned at, void *item, uint64_t prefix)
{
    if (l->head.n == 0)
        l->base = prefix > KEY_MAX / 2 ? prefix - KEY_MAX / 2 : 0, l->head.shift = 0;
    memmove(l->slots + at + 1, l->slots + at, (l->head.n - at) * sizeof(l->slots[0]));
    l->slots[at] = slot_make(leaf_key(l, prefix), item);
    l->head.n++;
    if (l->head.lookalikes > 3 && l->head.lookalikes > l->head.n / 4)
        rekey(l, ops);
}

struct branch { /* a child as its parent knows it */
    struct btree_node *node;
    void *sep;
    uint64_t prefix;
    size_t below;
};

static void
inner_shift(struct inner *to, unsigned to_at, const struct inner *from, unsigned from_at, unsigned n)
{
    memmove(to->prefix + to_at, from->prefix + from_at, n * sizeof(to->prefix[0]));
    memmove(to->child + to_at, from->child + from_at, n * sizeof(void *));
    memmove(to->sep + to_at, from->sep + from_at, n * sizeof(to->sep[0]));
    memmove(to->below + to_at, from->below + from_at, n * sizeof(to->below[0]));
}

static void
inner_set(struct inner *in, unsigned at, struct branch b)
{
    in->prefix[at] = b.prefix;
    in->child[at] = b.node;
    in->sep[at] = b.sep;
    in->below[at] = b.below;
}

static void
inner_put(struct inner *in, unsigned at, struct branch b)
{
    inner_shift(in, at + 1, in, at, in->head.n - at);
    inner_set(in, at, b);
    in->head.n++;
}

static bool
at_right_edge(const struct path *p, uint32_t level)
{
    for (uint32_t l = 0; l < level; l++) {
        if (p->index[l] + 1u < p->node[l]->head.n)
            return false;
    }
    return true;
}

/* Cuts a full node in two and puts the branch in, behind child `index`. Returns the new right half as a branch. */
static struct branch
inner_split(struct btree *t, struct inner *in, unsigned index, struct branch b, bool edge)
{
    struct inner *right = inner_new(t);
    unsigned at = index + 1, cut = edge && at == INNER_MAX ? INNER_MAX : INNER_MAX / 2;

    right->head.n = (uint16_t)(INNER_MAX - cut);
    inner_shift(right, 0, in, cut, right->head.n);
    in->head.n = (uint16_t)cut;
    if (at <= cut && cut < INNER_MAX)
        inner_put(in, at, b);
    else
        inner_put(right, at - cut, b);
    struct branch half = {&right->head, right->sep[0], right->prefix[0], 0};
    for (unsigned i = 0; i < right->head.n; i++)
        half.below += right->below[i];
    return half;
}

/* Hangs a new node beside the one at the path's end, from whose count its items are taken. */
static void
grow(struct btree *t, const struct path *p, struct branch b)
{
    for (uint32_t level = t->height; level-- > 0;) {
        struct inner *in = p->node[level];
        in->below[p->index[level]] -= b.below;
        if (in->head.n < INNER_MAX) {
            inner_put(in, p->index[level] + 1, b);
            return;
        }
        b = inner_split(t, in, p->index[level], b, at_right_edge(p, level));
    }
    CHECK(t->height < LEVELS_MAX);
    struct inner *root = inner_new(t);
    inner_set(root, 0, (struct branch){t->root, NULL, 0, t->items - b.below});
    inner_set(root, 1, b);
    root->head.n = 2;
    t->root = &root->head;
    t->height++;
}

/* Splits the full leaf at the path's end and puts the item in. Where items arrive in order, the full leaf stays full.
 */
static void
leaf_split(struct btree *t, const struct btree_ops *ops, const struct path *p, void *item, uint64_t prefix)
{
    struct leaf *l = p->leaf, *right = leaf_new(t);
    unsigned cut = LEAF_MAX / 2;

    if (p->at == LEAF_MAX && l->next == NULL)
        cut = LEAF_MAX;
    else if (p->at == 0 && l->prev == NULL)
        cut = 0;
    right->prev = l;
    right->next = l->next;
    if (l->next != NULL)
        l->next->prev = right;
    l->next = right;
    right->head.n = (uint16_t)(LEAF_MAX - cut);
    memcpy(right->slots, l->slots + cut, right->head.n * sizeof(l->slots[0]));
    l->head.n = (uint16_t)cut;
    rekey(l, ops);
    rekey(right, ops);
    if (p->at > cut || cut == LEAF_MAX)
        leaf_put(right, ops, p->at - cut, item, prefix);
    else
        leaf_put(l, ops, p->at, item, prefix);
    void *sep = slot_item(right->slots[0]);
    grow(t, p, (struct branch){&right->head, sep, ops->prefix(sep), right->head.n});
}

void
btree_insert(struct btree *t, const struct btree_ops *ops, void *item)
{
    uint64_t prefix = ops->prefix(item);
    struct path p;

    if (t->root == NULL)
        t->root = &leaf_new(t)->head;
    descend(t, ops, item, prefix, &p);
    p.at = leaf_place(p.leaf, ops, item, prefix);
    for (uint32_t level = 0; level < t->height; level++)
        p.node[level]->below[p.index[level]]++;
    t->items++;
    if (LIKELY(p.leaf->head.n < LEAF_MAX))
        leaf_put(p.leaf, ops, p.at, item, prefix);
    else
        leaf_split(t, ops, &p, item, prefix);
}

/* -- removal ------------------------------------------------------------------------------------------------- */

/* The first item below the child taken at `levels - 1` is another now: the one node that has it as separator learns. */
static void
first_changed(const struct path *p, uint32_t levels, void *item, uint64_t prefix)
{
    while (levels-- > 0) {
        if (p->index[levels] > 0) {
            p->node[levels]->sep[p->index[levels]] = item;
            p->node[levels]->prefix[p->index[levels]] = prefix;
            return;
        }
    }
}

static void
inner_take(struct inner *in, unsigned at)
{
    in->head.n--;
    inner_shift(in, at, in, at + 1, in->head.n - at);
}

static void
leaf_drop(struct btree *t, struct leaf *l)
{
    if (l->prev != NULL)
        l->prev->next = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
    t->leaves--;
    mem_free(l);
}

static void
inner_drop(struct btree *t, struct inner *in)
{
    t->inners--;
    mem_free(in);
}

/* Joins the inner nodes from that level up as far as they have become too small. Neighbours that together fill three
 * quarters of a node at most become one, so any two neighbours hold more than that. */
static void
shrink(struct btree *t, const struct path *p, uint32_t level)
{
    for (; level > 0; level--) {
        struct inner *in = p->node[level], *up = p->node[level - 1];
        unsigned index = p->index[level - 1], right_at = 0;
        if (in->head.n > INNER_MAX / 2)
            return;
        if (index + 1u < up->head.n && in->head.n + up->child[index + 1]->n <= INNER_MAX * 3 / 4)
            right_at = index + 1;
        else if (index > 0 && in->head.n + up->child[index - 1]->n <= INNER_MAX * 3 / 4)
            right_at = index;
        if (right_at == 0)
            return;
        struct inner *left = (struct inner *)up->child[right_at - 1], *right = (struct inner *)up->child[right_at];
        right->sep[0] = up->sep[right_at];
        right->prefix[0] = up->prefix[right_at];
        inner_shift(left, left->head.n, right, 0, right->head.n);
        left->head.n = (uint16_t)(left->head.n + right->head.n);
        up->below[right_at - 1] += up->below[right_at];
        inner_take(up, right_at);
        inner_drop(t, right);
    }
    while (t->height > 0 && t->root->n == 1) {
        struct inner *root = (struct inner *)t->root;
        t->root = root->child[0];
        t->height--;
        inner_drop(t, root);
    }
}

/* Takes an empty leaf out, and the inner nodes that it leaves empty. */
static void
leaf_emptied(struct btree *t, const struct path *p)
{
    uint32_t level = t->height;

    leaf_drop(t, p->leaf);
    while (level-- > 0) {
        struct inner *in = p->node[level];
        inner_take(in, p->index[level]);
        if (in->head.n > 0) {
            if (p->index[level] == 0)
                first_changed(p, level, in->sep[0], in->prefix[0]);
            shrink(t, p, level);
            return;
        }
        inner_drop(t, in);
    }
    t->root = NULL;
    t->height = 0;
}

/* Joins the leaf to a neighbour below the same node if both fill three quarters of one at most. */
static void
leaf_join(struct btree *t, const struct btree_ops *ops, const struct path *p)
{
    if (t->height == 0 || p->leaf->head.n > LEAF_MAX / 2)
        return;
    struct inner *up = p->node[t->height - 1];
    unsigned index = p->index[t->height - 1], right_at = 0;
    if (index + 1u < up->head.n && p->leaf->head.n + up->child[index + 1]->n <= LEAF_MAX * 3 / 4)
        right_at = index + 1;
    else if (index > 0 && p->leaf->head.n + up->child[index - 1]->n <= LEAF_MAX * 3 / 4)
        right_at = index;
    if (right_at == 0)
        return;
    struct leaf *left = (struct leaf *)up->child[right_at - 1], *right = (struct leaf *)up->child[right_at];
    memcpy(left->slots + left->head.n, right->slots, right->head.n * sizeof(left->slots[0]));
    left->head.n = (uint16_t)(left->head.n + right->head.n);
    rekey(left, ops);
    up->below[right_at - 1] += up->below[right_at];
    inner_take(up, right_at);
    leaf_drop(t, right);
    shrink(t, p, t->height - 1);
}

static void
remove_at(struct btree *t, const struct btree_ops *ops, const struct path *p)
{
    struct leaf *l = p->leaf;

    t->items--;
    for (uint32_t level = 0; level < t->height; level++)
        p->node[level]->below[p->index[level]]--;
    l->head.n--;
    memmove(l->slots + p->at, l->slots + p->at + 1, (l->head.n - p->at) * sizeof(l->slots[0]));
    if (l->head.n == 0) {
        leaf_emptied(t, p);
        return;
    }
    if (p->at == 0) {
        void *first = slot_item(l->slots[0]);
        first_changed(p, t->height, first, ops->prefix(first));
    }
    leaf_join(t, ops, p);
}

void
btree_remove(struct btree *t, const struct btree_ops *ops, const void *item)
{
    struct path p;

    find(t, ops, item, &p);
    remove_at(t, ops, &p);
}

void
btree_replace(struct btree *t, const struct btree_ops *ops, const void *old_item, void *new_item)
{
    struct path p;

    find(t, ops, old_item, &p);
    p.leaf->slots[p.at] = slot_make(slot_key(p.leaf->slots[p.at]), new_item);
    if (p.at == 0)
        first_changed(&p, t->height, new_item, ops->prefix(new_item));
}

/* How an item of that prefix, with that key in this leaf, compares to the one in a slot; mostly without touching that.
 */
static int
order_in_leaf(const struct btree_ops *ops, const void *item, uint64_t prefix, uint64_t key, uint64_t slot)
{
    if (key != slot_key(slot))
        return key < slot_key(slot) ? -1 : 1;
    return order(ops, item, prefix, slot_item(slot));
}

/* Whether the item, whose order has changed, still belongs where it is. What is in the leaf is asked first. */
static bool
may_stay(const struct btree_ops *ops, const struct leaf *l, unsigned at, const void *item, uint64_t prefix)
{
    uint64_t key = leaf_key(l, prefix);

    if (at > 0 && order_in_leaf(ops, item, prefix, key, l->slots[at - 1]) < 0)
        return false;
    if (at + 1u < l->head.n && order_in_leaf(ops, item, prefix, key, l->slots[at + 1]) > 0)
        return false;
    if (at == 0 && l->prev != NULL && order(ops, item, prefix, slot_item(l->prev->slots[l->prev->head.n - 1])) < 0)
        return false;
    return at + 1u < l->head.n || l->next == NULL || order(ops, item, prefix, slot_item(l->next->slots[0])) < 0;
}

void
btree_change(struct btree *t, const struct btree_ops *ops, void *item, btree_alter *change, void *ctx)
{
    struct path p;

    find(t, ops, item, &p);
    change(item, ctx);
    uint64_t prefix = ops->prefix(item);
    if (may_stay(ops, p.leaf, p.at, item, prefix)) {
        p.leaf->slots[p.at] = slot_make(leaf_key(p.leaf, prefix), item);
        if (p.at == 0)
            first_changed(&p, t->height, item, prefix);
        return;
    }
    remove_at(t, ops, &p);
    btree_insert(t, ops, item);
}

void
btree_fini(struct btree *t)
{
    struct inner *stack[LEVELS_MAX];
    unsigned next[LEVELS_MAX];
    uint32_t depth = 0;

    if (t->height == 0) {
        mem_free(t->root);
    } else if (t->root != NULL) {
        stack[0] = (struct inner *)t->root;
        next[0] = 0;
        depth = 1;
    }
    while (depth > 0) {
        struct inner *in = stack[depth - 1];
        if (next[depth - 1] == in->head.n) {
            mem_free(in);
            depth--;
        } else {
            struct btree_node *child = in->child[next[depth - 1]++];
            if (depth == t->height) {
                mem_free(child);
            } else {
                stack[depth] = (struct inner *)child;
                next[depth++] = 0;
            }
        }
    }
    *t = (struct btree){0};
}
