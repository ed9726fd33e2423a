/* value/list.c - a list is one strip while it fits a block, then a chain of nodes.
 *
 * A node holds a strip, or a single element too large for any block. A strip gets more memory step by step up to the
 * size of a block, so that short lists cost little, and moves its elements to the middle when room is left at the wrong
 * end only. The chain remembers the limit that it was filled by, because removals have to know when one strip will do
 * again.
 */
#include "value/list.h"

#include "base/mem.h"
#include "ds/strip.h"

enum { REP_EMPTY, REP_ONE, REP_CHAIN };
enum { NODE_FIRST_BYTES = 2048 }; /* what a node of a chain starts with */

struct node {
    struct node *prev, *next;
    struct strip strip; /* cap 0: a single element follows instead, as struct large */
};

struct large {
    struct node node;
    size_t len;
    char data[];
};

struct chain {
    struct node *head, *tail;
    size_t count, nodes, bytes; /* elements, nodes, bytes allocated for nodes */
    int32_t fill;               /* list_max_listpack_size of the last change */
};

/* What fits in one strip. The header of a node is taken off even where there is none, so that a lone strip can always
 * become a node of a chain. */
struct quota {
    size_t cap, count;
};

static struct quota
quota_of(int32_t fill)
{
    if (fill >= 0)
        return (struct quota){8192 - sizeof(struct node), fill > 0 ? (size_t)fill : 1};
    return (struct quota){((size_t)2048 << (fill < -5 ? 5 : -fill)) - sizeof(struct node), SIZE_MAX};
}

static bool
is_large(const struct node *n)
{
    return n->strip.cap == 0;
}

static size_t
node_count(const struct node *n)
{
    return is_large(n) ? 1 : n->strip.count;
}

static struct slice
large_get(const struct node *n)
{
    const struct large *l = (const struct large *)n;

    return slice_of(l->data, l->len);
}

/* -- strips and their memory --------------------------------------------------------------------------------- */

/* Memory with `prefix` bytes in front of a strip whose cap is at least `cap` but no more than `cap_max`. */
static void *
block_new(size_t prefix, size_t cap, size_t cap_max, enum strip_end room)
{
    size_t bytes = mem_good_size(prefix + sizeof(struct strip) + cap), usable = bytes - prefix - sizeof(struct strip);
    char *block = mem_get(bytes);

    strip_init((struct strip *)(void *)(block + prefix), usable < cap_max ? usable : cap_max, room);
    return block;
}

static struct strip *
block_strip(void *block, size_t prefix)
{
    return (struct strip *)(void *)((char *)block + prefix);
}

/* Gives the strip another size, all that is gained (or left) being at `room`; cap must hold what is in it. */
static void *
block_resize(void *block, size_t prefix, size_t cap, size_t cap_max, enum strip_end room)
{
    char *fresh = block_new(prefix, cap, cap_max, room);

    if (prefix > 0)
        memcpy(fresh, block, prefix);
    strip_copy(block_strip(fresh, prefix), block_strip(block, prefix));
    mem_free(block);
    return fresh;
}

/* More room at that end without moving anything. */
static void *
block_extend(void *block, size_t prefix, size_t cap, size_t cap_max, enum strip_end room)
{
    if (room == STRIP_HEAD || block_strip(block, prefix)->begin > 0)
        return block_resize(block, prefix, cap, cap_max, room);
    size_t bytes = mem_good_size(prefix + sizeof(struct strip) + cap), usable = bytes - prefix - sizeof(struct strip);
    block = mem_resize(block, bytes);
    strip_set_cap(block_strip(block, prefix), usable < cap_max ? usable : cap_max);
    return block;
}

/* Makes room for `need` bytes at that end of the strip in *block. False, changing nothing, when it is full. */
static bool
block_make_room(void **block, size_t prefix, size_t need, struct quota q, enum strip_end end)
{
    struct strip *s = block_strip(*block, prefix);
    size_t used = strip_used(s), unused = s->cap - used;

    if (s->count >= q.count || used + need > q.cap)
        return false;
    if (strip_room(s, end) >= need)
        return true;
    /* Moving the elements within the strip must gain enough to be worth it, the more so where it could grow instead. */
    bool can_grow = s->cap < q.cap;
    if (unused / 2 >= need && unused >= s->cap / (can_grow ? 4u : 16u)) {
        strip_shift(s, unused / 2);
        return true;
    }
    if (!can_grow)
        return false;
    size_t want = used + need > used + used / 2 ? used + need : used + used / 2;
    *block = block_extend(*block, prefix, want < q.cap ? want : q.cap, q.cap, end);
    return true;
}

/* -- nodes --------------------------------------------------------------------------------------------------- */

static struct chain *
chain_of(const struct list *l)
{
    return handle_ptr(&l->h);
}

/* Makes the neighbours (or the chain) point at n. */
static void
relink(struct chain *c, struct node *n)
{
    *(n->prev != NULL ? &n->prev->next : &c->head) = n;
    *(n->next != NULL ? &n->next->prev : &c->tail) = n;
}

static void
link_between(struct chain *c, struct node *prev, struct node *n, struct node *next)
{
    n->prev = prev;
    n->next = next;
    relink(c, n);
    c->nodes++;
    c->bytes += mem_size_of(n);
}

static void
drop_node(struct chain *c, struct node *n)
{
    *(n->prev != NULL ? &n->prev->next : &c->head) = n->next;
    *(n->next != NULL ? &n->next->prev : &c->tail) = n->prev;
    c->nodes--;
    c->bytes -= mem_size_of(n);
    mem_free(n);
}

static struct node *
strip_node_new(size_t cap, size_t cap_max, enum strip_end room)
{
    return block_new(offsetof(struct node, strip), cap < cap_max ? cap : cap_max, cap_max, room);
}

static struct node *
large_node_new(struct slice element)
{
    size_t bytes;

    CHECK(size_add(sizeof(struct large), element.len, &bytes));
    struct large *l = mem_get(bytes);
    *l = (struct large){.len = element.len};
    memcpy(l->data, element.ptr, element.len);
    return &l->node;
}

/* As block_make_room(), for a node, which may move. */
static bool
node_make_room(struct chain *c, struct node **n, size_t need, struct quota q, enum strip_end end)
{
    if (is_large(*n))
        return false;
    if (LIKELY(strip_room(&(*n)->strip, end) >= need && (*n)->strip.count < q.count))
        return true;
    size_t was = mem_size_of(*n);
    void *block = *n;
    if (!block_make_room(&block, offsetof(struct node, strip), need, q, end))
        return false;
    *n = block;
    c->bytes += mem_size_of(block) - was;
    relink(c, *n);
    return true;
}

/* A new node with that element between two others. */
static void
add_node(struct chain *c, struct node *prev, struct node *next, struct quota q, struct slice element)
{
    struct node *n;
    size_t need = strip_element_bytes(element.len);

    if (need + 1 > q.cap) {
        n = large_node_new(element);
    } else {
        enum strip_end room = prev == NULL && next != NULL ? STRIP_HEAD : STRIP_TAIL;
        size_t cap = NODE_FIRST_BYTES - sizeof(struct node);
        n = strip_node_new(need + 1 > cap ? need + 1 : cap, q.cap, room);
        strip_push(&n->strip, room, element);
    }
    link_between(c, prev, n, next);
}

/* Turns a list of one strip (or none) into a chain. */
static struct chain *
chain_from(struct list *l, int32_t fill)
{
    struct chain *c = mem_get_zero(sizeof(*c));
    struct strip *s = handle_ptr(&l->h);

    c->fill = fill;
    if (s != NULL) {
        struct node *n = strip_node_new(strip_used(s), STRIP_CAP_MAX, STRIP_TAIL);
        strip_copy(&n->strip, s);
        c->count = s->count;
        link_between(c, NULL, n, NULL);
        mem_free(s);
    }
    handle_set(&l->h, c, REP_CHAIN);
    return c;
}

/* After elements have gone: one strip will do again when what is left fills half of one at most; a list without
 * elements holds no memory. */
static void
settle(struct list *l)
{
    void *p = handle_ptr(&l->h);

    if (handle_rep(&l->h) == REP_ONE) {
        struct strip *s = p;
        if (s->count == 0) {
            list_fini(l);
        } else if (strip_used(s) < s->cap / 4u && s->cap > 100) {
            /* Twice of what is used, in the middle: neither end has to grow at once. */
            s = block_resize(s, 0, 2 * strip_used(s), STRIP_CAP_MAX, STRIP_TAIL);
            strip_shift(s, (s->cap - strip_used(s)) / 2u);
            handle_set(&l->h, s, REP_ONE);
        }
        return;
    }
    struct chain *c = p;
    struct quota q = quota_of(c->fill);
    if (c->nodes == 0) {
        list_fini(l);
    } else if (c->nodes == 1 && !is_large(c->head) && strip_used(&c->head->strip) <= q.cap / 2 &&
               c->count <= (q.count == SIZE_MAX ? q.count : (q.count + 1) / 2)) {
        struct strip *s = block_new(0, strip_used(&c->head->strip), STRIP_CAP_MAX, STRIP_TAIL);
        strip_copy(s, &c->head->strip);
        mem_free(c->head);
        mem_free(c);
        handle_set(&l->h, s, REP_ONE);
    }
}

/* -- the whole list ------------------------------------------------------------------------------------------ */

void
list_fini(struct list *list)
{
    void *p = handle_ptr(&list->h);

    if (handle_rep(&list->h) == REP_CHAIN) {
        struct chain *c = p;
        for (struct node *n = c->head, *next; n != NULL; n = next) {
            next = n->next;
            mem_free(n);
        }
    }
    mem_free(p);
    *list = (struct list){0};
}

struct list
list_copy(const struct list *list, const struct value_limits *lim, struct pulse *p)
{
    struct list copy = {0};
    struct strip *s;

    (void)lim; /* a copy is filled as the original was */
    switch (handle_rep(&list->h)) {
    case REP_ONE: {
        const struct strip *from = handle_ptr(&list->h);
        s = block_new(0, strip_used(from), STRIP_CAP_MAX, STRIP_TAIL);
        strip_copy(s, from);
        handle_set(&copy.h, s, REP_ONE);
        break;
    }
    case REP_CHAIN: {
        const struct chain *from = chain_of(list);
        struct chain *c = mem_get_zero(sizeof(*c));
        c->fill = from->fill;
        c->count = from->count;
        for (const struct node *n = from->head; n != NULL && pulse_beat(p); n = n->next) {
            struct node *twin;
            if (is_large(n)) {
                twin = large_node_new(large_get(n));
            } else {
                twin = strip_node_new(strip_used(&n->strip), STRIP_CAP_MAX, STRIP_TAIL);
                strip_copy(&twin->strip, &n->strip);
            }
            link_between(c, c->tail, twin, NULL);
        }
        handle_set(&copy.h, c, REP_CHAIN);
        break;
    }
    default: break;
    }
    return copy;
}

size_t
list_count(const struct list *list)
{
    switch (handle_rep(&list->h)) {
    case REP_ONE: return ((const struct strip *)handle_ptr(&list->h))->count;
    case REP_CHAIN: return chain_of(list)->count;
    default: return 0;
    }
}

/* -- ends ---------------------------------------------------------------------------------------------------- */

static void
chain_push(struct chain *c, int32_t fill, enum list_end end, struct slice element)
{
    struct quota q = quota_of(fill);
    struct node *n = end == LIST_HEAD ? c->head : c->tail;
    enum strip_end side = end == LIST_HEAD ? STRIP_HEAD : STRIP_TAIL;

    c->fill = fill;
    c->count++;
    if (n != NULL && node_make_room(c, &n, strip_element_bytes(element.len), q, side))
        strip_push(&n->strip, side, element);
    else if (end == LIST_HEAD)
        add_node(c, NULL, n, q, element);
    else
        add_node(c, n, NULL, q, element);
}

void
list_push(struct list *list, const struct value_limits *lim, enum list_end end, struct slice element)
{
    int32_t fill = lim->list_max_listpack_size;
    size_t need = strip_element_bytes(element.len);
    enum strip_end side = end == LIST_HEAD ? STRIP_HEAD : STRIP_TAIL;
    void *block = handle_ptr(&list->h);

    if (handle_rep(&list->h) == REP_CHAIN) {
        chain_push(block, fill, end, element);
        return;
    }
    struct quota q = quota_of(fill);
    if (need + 1 > q.cap || (block != NULL && !block_make_room(&block, 0, need, q, side))) {
        chain_push(chain_from(list, fill), fill, end, element);
        return;
    }
    if (block == NULL)
        block = block_new(0, need + 1, q.cap, side);
    strip_push(block, side, element);
    handle_set(&list->h, block, REP_ONE);
}

static struct slice
strip_peek(const struct strip *s, enum list_end end)
{
    struct strip_pos p = end == LIST_HEAD ? strip_first(s) : strip_stop(s);

    if (end == LIST_TAIL)
        strip_prev(s, &p);
    return strip_get(s, p);
}

struct slice
list_peek(const struct list *list, enum list_end end)
{
    CHECK(list_count(list) > 0);
    if (handle_rep(&list->h) == REP_ONE)
        return strip_peek(handle_ptr(&list->h), end);
    const struct chain *c = chain_of(list);
    const struct node *n = end == LIST_HEAD ? c->head : c->tail;
    return is_large(n) ? large_get(n) : strip_peek(&n->strip, end);
}

void
list_drop(struct list *list, enum list_end end, size_t n)
{
    enum strip_end side = end == LIST_HEAD ? STRIP_HEAD : STRIP_TAIL;

    CHECK(n <= list_count(list));
    if (n == 0)
        return;
    if (handle_rep(&list->h) == REP_ONE) {
        strip_drop(handle_ptr(&list->h), side, n);
    } else {
        struct chain *c = chain_of(list);
        c->count -= n;
        while (n > 0) {
            struct node *at = end == LIST_HEAD ? c->head : c->tail;
            size_t here = node_count(at);
            if (n < here) {
                strip_drop(&at->strip, side, n);
                break;
            }
            n -= here;
            drop_node(c, at);
        }
    }
    settle(list);
}

/* -- by index ------------------------------------------------------------------------------------------------ */

/* The node that holds the index, which becomes the index inside that node. */
static struct node *
chain_locate(const struct chain *c, size_t *index)
{
    struct node *n;

    CHECK(*index < c->count);
    if (*index < c->count / 2) {
        for (n = c->head; n != NULL && *index >= node_count(n); n = n->next)
            *index -= node_count(n);
        CHECK(n != NULL);
    } else {
        size_t behind = c->count - *index; /* elements from the one looked for to the end */
        for (n = c->tail; n != NULL && behind > node_count(n); n = n->prev)
            behind -= node_count(n);
        CHECK(n != NULL);
        *index = node_count(n) - behind;
    }
    return n;
}

struct list_iter
list_seek(const struct list *list, size_t index, enum list_end toward)
{
    struct list_iter it = {.toward = toward};
    const struct strip *s;

    if (index >= list_count(list))
        return it;
    if (handle_rep(&list->h) == REP_ONE) {
        it.block = handle_ptr(&list->h);
        s = it.block;
    } else {
        struct node *n = chain_locate(chain_of(list), &index);
        it.block = n;
        if (is_large(n))
            return it;
        s = &n->strip;
    }
    struct strip_pos p = strip_seek(s, index);
    it.pos = p.at;
    it.aux = p.desc;
    return it;
}

/* Puts the iterator on the nearest element of the node. */
static void
enter_node(struct list_iter *it, struct node *n)
{
    it->block = n;
    if (n == NULL || is_large(n))
        return;
    struct strip_pos p = it->toward == LIST_TAIL ? strip_first(&n->strip) : strip_stop(&n->strip);
    if (it->toward == LIST_HEAD)
        strip_prev(&n->strip, &p);
    it->pos = p.at;
    it->aux = p.desc;
}

bool
list_next(const struct list *list, struct list_iter *it, struct slice *element)
{
    bool chained = handle_rep(&list->h) == REP_CHAIN;
    struct node *n = it->block;

    if (n == NULL)
        return false;
    const struct strip *s = chained ? &n->strip : it->block;
    if (chained && is_large(n)) {
        *element = large_get(n);
        enter_node(it, it->toward == LIST_TAIL ? n->next : n->prev);
        return true;
    }
    struct strip_pos p = {(uint32_t)it->pos, (uint32_t)it->aux};
    *element = strip_get(s, p);
    bool more;
    if (it->toward == LIST_TAIL) {
        p = strip_next(s, p);
        more = p.desc != 0;
    } else {
        more = strip_prev(s, &p);
    }
    it->pos = p.at;
    it->aux = p.desc;
    if (!more && chained)
        enter_node(it, it->toward == LIST_TAIL ? n->next : n->prev);
    else if (!more)
        it->block = NULL;
    return true;
}

struct slice
list_at(const struct list *list, size_t index)
{
    struct slice element = {0};
    struct list_iter it = list_seek(list, index, LIST_TAIL);

    CHECK(index < list_count(list));
    list_next(list, &it, &element);
    return element;
}

/* Cuts a node in two before its element `at`, which is neither the first nor behind the last. */
static void
split_node(struct chain *c, struct node *n, size_t at)
{
    struct strip_pos p = strip_seek(&n->strip, at);
    size_t moved = n->strip.end - p.at;
    struct node *rest = strip_node_new(moved + moved / 4, STRIP_CAP_MAX, STRIP_TAIL);

    strip_split(&n->strip, p, at, &rest->strip);
    link_between(c, n, rest, n->next);
    size_t was = mem_size_of(n), used = strip_used(&n->strip);
    n = block_resize(n, offsetof(struct node, strip), used + used / 4, STRIP_CAP_MAX, STRIP_TAIL);
    c->bytes += mem_size_of(n) - was;
    relink(c, n);
}

/* Inserts before an index that is neither 0 nor count. */
static void
chain_insert(struct chain *c, struct quota q, size_t before, struct slice element)
{
    size_t need = strip_element_bytes(element.len);

    for (;;) {
        size_t at = before;
        struct node *n = chain_locate(c, &at);
        if (at > 0 && node_make_room(c, &n, need, q, STRIP_TAIL)) {
            strip_insert(&n->strip, strip_seek(&n->strip, at), element);
            break;
        }
        if (at == 0) {
            struct node *prev = n->prev; /* there is one, as the index is not 0 */
            CHECK(prev != NULL);
            if (node_make_room(c, &prev, need, q, STRIP_TAIL))
                strip_push(&prev->strip, STRIP_TAIL, element);
            else
                add_node(c, prev, n, q, element);
            break;
        }
        /* A full node is halved until the place is at an edge or there is room; an element that will have a node of its
         * own splits at its place. */
        size_t half = node_count(n) / 2;
        split_node(c, n, need + 1 > q.cap || half == 0 ? at : half);
    }
    c->count++;
}

void
list_insert(struct list *list, const struct value_limits *lim, size_t before_index, struct slice element)
{
    int32_t fill = lim->list_max_listpack_size;
    struct quota q = quota_of(fill);
    size_t need = strip_element_bytes(element.len);
    void *block = handle_ptr(&list->h);

    CHECK(before_index <= list_count(list));
    if (before_index == 0 || before_index == list_count(list)) {
        list_push(list, lim, before_index == 0 ? LIST_HEAD : LIST_TAIL, element);
        return;
    }
    if (handle_rep(&list->h) == REP_ONE && need + 1 <= q.cap && block_make_room(&block, 0, need, q, STRIP_TAIL)) {
        strip_insert(block, strip_seek(block, before_index), element);
        handle_set(&list->h, block, REP_ONE);
        return;
    }
    struct chain *c = handle_rep(&list->h) == REP_ONE ? chain_from(list, fill) : chain_of(list);
    c->fill = fill;
    chain_insert(c, q, before_index, element);
}

/* Overwrites an element in its strip. False, changing nothing, when the strip is too small for the new one. */
static bool
set_in_strip(struct strip *s, size_t index, struct slice element)
{
    struct strip_pos p = strip_seek(s, index);
    struct slice old = strip_get(s, p);
    size_t now = strip_element_bytes(element.len), was = strip_element_bytes(old.len);

    if (element.len == old.len) {
        if (element.len > 0)
            memcpy(s->data + (old.ptr - (const char *)s->data), element.ptr, element.len);
        return true;
    }
    if (strip_used(s) - was + now > s->cap)
        return false;
    p = strip_remove(s, p, 1);
    if (strip_room(s, STRIP_HEAD) < now && strip_room(s, STRIP_TAIL) < now) {
        strip_shift(s, 0);
        p = strip_seek(s, index);
    }
    strip_insert(s, p, element);
    return true;
}

/* Removes the element at that index and leaves everything else as it is: the caller settles. */
static void
remove_at(struct list *list, size_t index)
{
    if (handle_rep(&list->h) == REP_ONE) {
        struct strip *s = handle_ptr(&list->h);
        strip_remove(s, strip_seek(s, index), 1);
        return;
    }
    struct chain *c = chain_of(list);
    struct node *n = chain_locate(c, &index);
    c->count--;
    if (node_count(n) == 1)
        drop_node(c, n);
    else
        strip_remove(&n->strip, strip_seek(&n->strip, index), 1);
}

void
list_set(struct list *list, const struct value_limits *lim, size_t index, struct slice element)
{
    CHECK(index < list_count(list));
    if (handle_rep(&list->h) == REP_ONE) {
        if (set_in_strip(handle_ptr(&list->h), index, element))
            return;
    } else {
        size_t at = index;
        struct node *n = chain_locate(chain_of(list), &at);
        if (!is_large(n) && set_in_strip(&n->strip, at, element))
            return;
    }
    list_insert(list, lim, index, element);
    remove_at(list, index + 1);
    settle(list);
}

/* -- removal by value ---------------------------------------------------------------------------------------- */

static size_t
strip_remove_equal(struct strip *s, struct slice element, enum list_end from, size_t max)
{
    size_t removed = 0;

    if (from == LIST_HEAD) {
        struct strip_pos p = strip_first(s);
        while (p.desc != 0 && removed < max) {
            if (strip_len(s, p) == element.len && slice_eq(strip_get(s, p), element)) {
                p = strip_remove(s, p, 1);
                removed++;
            } else {
                p = strip_next(s, p);
            }
        }
    } else {
        struct strip_pos p = strip_stop(s);
        while (removed < max && strip_prev(s, &p)) {
            if (strip_len(s, p) == element.len && slice_eq(strip_get(s, p), element)) {
                p = strip_remove(s, p, 1);
                removed++;
            }
        }
    }
    return removed;
}

/* Joins n to its left neighbour if both together leave a quarter of a block free. */
static void
join_left(struct chain *c, struct node *n)
{
    struct quota q = quota_of(c->fill);
    struct node *left = n->prev;

    if (left == NULL || is_large(left) || is_large(n))
        return;
    size_t used = strip_used(&left->strip) + strip_used(&n->strip) - 1;
    if (used > q.cap - q.cap / 4 || (size_t)left->strip.count + n->strip.count > q.count)
        return;
    size_t was = mem_size_of(left);
    left = block_resize(left, offsetof(struct node, strip), used, q.cap, STRIP_TAIL);
    strip_join(&left->strip, &n->strip);
    c->bytes += mem_size_of(left) - was;
    relink(c, left);
    drop_node(c, n);
}

static size_t
chain_remove_equal(struct chain *c, struct slice element, enum list_end from, size_t max)
{
    size_t removed = 0;

    for (struct node *n = from == LIST_HEAD ? c->head : c->tail, *next; n != NULL && removed < max; n = next) {
        size_t here;
        next = from == LIST_HEAD ? n->next : n->prev;
        if (is_large(n))
            here = slice_eq(large_get(n), element);
        else
            here = strip_remove_equal(&n->strip, element, from, max - removed);
        if (here == 0)
            continue;
        removed += here;
        c->count -= here;
        if (is_large(n) || n->strip.count == 0)
            drop_node(c, n);
        else if (from == LIST_HEAD)
            join_left(c, n);
        else if (n->next != NULL)
            join_left(c, n->next);
    }
    return removed;
}

size_t
list_remove_equal(struct list *list, struct slice element, enum list_end from, size_t max)
{
    size_t removed = 0;

    if (max == 0)
        max = SIZE_MAX;
    if (handle_rep(&list->h) == REP_ONE)
        removed = strip_remove_equal(handle_ptr(&list->h), element, from, max);
    else if (handle_rep(&list->h) == REP_CHAIN)
        removed = chain_remove_equal(chain_of(list), element, from, max);
    if (removed > 0)
        settle(list);
    return removed;
}

/* -- reports ------------------------------------------------------------------------------------------------- */

const char *
list_encoding(const struct list *list)
{
    return handle_rep(&list->h) == REP_CHAIN ? "quicklist" : "listpack";
}

size_t
list_bytes(const struct list *list)
{
    void *p = handle_ptr(&list->h);

    return mem_size_of(p) + (handle_rep(&list->h) == REP_CHAIN ? ((struct chain *)p)->bytes : 0);
}

bool
list_verify(const struct list *list)
{
    if (handle_rep(&list->h) == REP_EMPTY)
        return handle_ptr(&list->h) == NULL;
    if (handle_rep(&list->h) == REP_ONE) {
        const struct strip *s = handle_ptr(&list->h);
        return strip_verify(s) && s->count > 0 && mem_size_of(s) >= sizeof(*s) + s->cap;
    }
    const struct chain *c = chain_of(list);
    const struct node *prev = NULL;
    size_t count = 0, nodes = 0, bytes = 0;
    for (const struct node *n = c->head; n != NULL; prev = n, n = n->next) {
        if (n->prev != prev || node_count(n) == 0 || (!is_large(n) && !strip_verify(&n->strip)))
            return false;
        count += node_count(n);
        nodes++;
        bytes += mem_size_of(n);
    }
    return c->tail == prev && count == c->count && nodes == c->nodes && bytes == c->bytes && count > 0;
}
