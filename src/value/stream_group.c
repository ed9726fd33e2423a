/* value/stream_group.c - consumer groups of a stream: groups, consumers and what is pending.
 *
 * Groups and consumers are few and looked up by name: sorted arrays. A pending entry is one allocation that two trees
 * point to, the group's and its consumer's, both ordered by id.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/names.h"
#include "value/stream_priv.h"

#include <stdlib.h>

static uint64_t
pending_prefix(const void *item)
{
    return ((const struct stream_pending *)item)->id.ms;
}

static int
pending_compare(const void *a, const void *b)
{
    return stream_id_cmp(((const struct stream_pending *)a)->id, ((const struct stream_pending *)b)->id);
}

static const struct btree_ops pending_ops = {pending_prefix, pending_compare};

static bool
pending_is_before(const void *ctx, const void *item)
{
    return stream_id_cmp(((const struct stream_pending *)item)->id, *(const struct stream_id *)ctx) < 0;
}

/* -- consumers ------------------------------------------------------------------------------------------------- */

struct stream_consumer *
stream_consumer_find(const struct stream_group *g, struct slice name)
{
    size_t at = names_place(g->consumers, g->consumer_count, name);

    return names_has(g->consumers, g->consumer_count, at, name) ? g->consumers[at] : NULL;
}

/* Room for one more pointer in an array that doubles; `count` is how many it holds. */
static void *
array_grown(void *array, size_t count)
{
    bool full = count == 0 || (count >= 4 && (count & (count - 1)) == 0);

    if (!full)
        return array;
    return mem_resize(array, (count < 4 ? 4 : count * 2) * sizeof(void *));
}

struct stream_consumer *
stream_consumer_create(struct stream_group *g, struct slice name, int64_t now_ms)
{
    size_t at = names_place(g->consumers, g->consumer_count, name);

    if (names_has(g->consumers, g->consumer_count, at, name))
        return NULL;
    struct stream_consumer *c = mem_get_zero(sizeof(*c));
    c->name = name_copy(name);
    c->seen_ms = now_ms;
    c->active_ms = -1;
    c->pending = mem_get_zero(sizeof(*c->pending));
    g->consumers = array_grown(g->consumers, g->consumer_count);
    names_put(g->consumers, &g->consumer_count, at, c);
    return c;
}

struct stream_consumer *
stream_group_nobody(struct stream_group *g)
{
    if (g->nobody == NULL) {
        g->nobody = mem_get_zero(sizeof(*g->nobody));
        g->nobody->name = name_copy(LIT(""));
        g->nobody->pending = mem_get_zero(sizeof(*g->nobody->pending));
    }
    return g->nobody;
}

static void
consumer_free(struct stream_consumer *c)
{
    btree_fini(c->pending);
    mem_free(c->pending);
    name_free(c->name);
    mem_free(c);
}

size_t
stream_consumer_delete(struct stream_group *g, struct stream_consumer *c)
{
    size_t at = names_place(g->consumers, g->consumer_count, c->name), dropped = c->pending->items;

    CHECK(at < g->consumer_count && g->consumers[at] == c);
    for (size_t n = dropped; n > 0; n--)
        stream_pending_remove(g, btree_at(c->pending, n - 1));
    names_take(g->consumers, &g->consumer_count, at);
    consumer_free(c);
    return dropped;
}

/* -- groups ---------------------------------------------------------------------------------------------------- */

size_t
stream_group_count(const struct stream *s)
{
    const struct stream_body *b = stream__body(s);

    return b == NULL ? 0 : b->group_count;
}

struct stream_group *
stream_group_at(const struct stream *s, size_t n)
{
    const struct stream_body *b = stream__body(s);

    CHECK(b != NULL && n < b->group_count);
    return b->groups[n];
}

struct stream_group *
stream_group_find(const struct stream *s, struct slice name)
{
    const struct stream_body *b = stream__body(s);
    size_t at = b == NULL ? 0 : names_place(b->groups, b->group_count, name);

    return b != NULL && names_has(b->groups, b->group_count, at, name) ? b->groups[at] : NULL;
}

struct stream_group *
stream_group_create(struct stream *s, struct slice name, struct stream_id last_id, int64_t entries_read)
{
    struct stream_body *b = stream__body_make(s);
    size_t at = names_place(b->groups, b->group_count, name);

    if (names_has(b->groups, b->group_count, at, name))
        return NULL;
    struct stream_group *g = mem_get_zero(sizeof(*g));
    g->name = name_copy(name);
    g->last_id = last_id;
    g->entries_read = entries_read;
    g->pending = mem_get_zero(sizeof(*g->pending));
    g->oldest_ms = INT64_MAX;
    b->groups = array_grown(b->groups, b->group_count);
    names_put(b->groups, &b->group_count, at, g);
    return g;
}

static void
group_free(struct stream_group *g)
{
    struct btree_iter it = btree_seek(g->pending, 0);

    for (struct stream_pending *p; (p = btree_get(it)) != NULL;) {
        btree_forward(&it);
        mem_free(p);
    }
    for (size_t i = 0; i < g->consumer_count; i++)
        consumer_free(g->consumers[i]);
    if (g->nobody != NULL)
        consumer_free(g->nobody);
    btree_fini(g->pending);
    mem_free(g->pending);
    mem_free(g->consumers);
    name_free(g->name);
    mem_free(g);
}

void
stream_group_destroy(struct stream *s, struct stream_group *g)
{
    struct stream_body *b = stream__body(s);
    size_t at = names_place(b->groups, b->group_count, g->name);

    CHECK(at < b->group_count && b->groups[at] == g);
    names_take(b->groups, &b->group_count, at);
    group_free(g);
}

void
stream__groups_fini(struct stream_body *b)
{
    for (size_t i = 0; i < b->group_count; i++)
        group_free(b->groups[i]);
    mem_free(b->groups);
}

static void
group_copy(struct stream *to, const struct stream_group *from)
{
    struct stream_group *g = stream_group_create(to, from->name, from->last_id, from->entries_read);

    for (size_t i = 0; i < from->consumer_count; i++) {
        const struct stream_consumer *c = from->consumers[i];
        struct stream_consumer *copy = stream_consumer_create(g, c->name, c->seen_ms);
        copy->active_ms = c->active_ms;
    }
    struct btree_iter it = btree_seek(from->pending, 0);
    for (const struct stream_pending *p; (p = btree_get(it)) != NULL; btree_forward(&it)) {
        bool owned = p->consumer != from->nobody;
        struct stream_consumer *c = owned ? stream_consumer_find(g, p->consumer->name) : stream_group_nobody(g);
        stream_pending_add(g, c, p->id, p->delivered_ms, p->deliveries);
    }
}

void
stream__groups_copy(struct stream_body *to, const struct stream_body *from)
{
    struct stream s;

    handle_set(&s.h, to, 0);
    for (size_t i = 0; i < from->group_count; i++)
        group_copy(&s, from->groups[i]);
}

static size_t
group_bytes(const struct stream_group *g)
{
    size_t bytes =
        sizeof(*g) + g->name.len + btree_bytes(g->pending) + g->pending->items * sizeof(struct stream_pending);

    for (size_t i = 0; i < g->consumer_count; i++)
        bytes += sizeof(struct stream_consumer) + g->consumers[i]->name.len + btree_bytes(g->consumers[i]->pending);
    if (g->nobody != NULL)
        bytes += sizeof(struct stream_consumer) + btree_bytes(g->nobody->pending);
    return bytes;
}

size_t
stream__groups_bytes(const struct stream_body *b)
{
    size_t bytes = 0;

    for (size_t i = 0; i < b->group_count; i++)
        bytes += group_bytes(b->groups[i]);
    return bytes;
}

/* -- pending entries ------------------------------------------------------------------------------------------- */

static const struct btree *
pending_of(const struct stream_group *g, const struct stream_consumer *c)
{
    return c != NULL ? c->pending : g->pending;
}

size_t
stream_pending_count(const struct stream_group *g, const struct stream_consumer *c)
{
    return pending_of(g, c)->items;
}

struct stream_pending *
stream_pending_at(const struct stream_group *g, const struct stream_consumer *c, size_t n)
{
    return btree_at(pending_of(g, c), n);
}

size_t
stream_pending_seek(const struct stream_group *g, const struct stream_consumer *c, struct stream_id from)
{
    return btree_count_before(pending_of(g, c), pending_is_before, &from);
}

struct stream_pending *
stream_pending_find(const struct stream_group *g, struct stream_id id)
{
    size_t at = btree_count_before(g->pending, pending_is_before, &id);
    struct stream_pending *p = at < g->pending->items ? btree_at(g->pending, at) : NULL;

    return p != NULL && stream_id_cmp(p->id, id) == 0 ? p : NULL;
}

struct stream_pending *
stream_pending_add(struct stream_group *g, struct stream_consumer *c, struct stream_id id, int64_t delivered_ms,
                   uint64_t deliveries)
{
    struct stream_pending *p = mem_get(sizeof(*p));

    *p = (struct stream_pending){id, c, delivered_ms, deliveries};
    if (delivered_ms < g->oldest_ms)
        g->oldest_ms = delivered_ms;
    btree_insert(g->pending, &pending_ops, p);
    btree_insert(c->pending, &pending_ops, p);
    return p;
}

void
stream_pending_remove(struct stream_group *g, struct stream_pending *p)
{
    btree_remove(g->pending, &pending_ops, p);
    btree_remove(p->consumer->pending, &pending_ops, p);
    mem_free(p);
}

void
stream_pending_deliver(struct stream_group *g, struct stream_pending *p, struct stream_consumer *c,
                       int64_t delivered_ms, uint64_t deliveries)
{
    if (p->consumer != c) {
        btree_remove(p->consumer->pending, &pending_ops, p);
        p->consumer = c;
        btree_insert(c->pending, &pending_ops, p);
    }
    p->delivered_ms = delivered_ms;
    p->deliveries = deliveries;
    if (delivered_ms < g->oldest_ms)
        g->oldest_ms = delivered_ms;
}

static int
compare_delivered(const void *a, const void *b)
{
    const struct stream_pending *p = *(struct stream_pending *const *)a, *q = *(struct stream_pending *const *)b;

    if (p->delivered_ms != q->delivered_ms)
        return p->delivered_ms < q->delivered_ms ? -1 : 1;
    return stream_id_cmp(p->id, q->id);
}

size_t
stream_pending_idle(struct stream_group *g, int64_t until_ms, struct arena *a, struct stream_pending ***out)
{
    size_t n = 0;

    /* Usually nothing is that old: then nothing is looked at. */
    if (g->oldest_ms > until_ms || g->pending->items == 0)
        return 0;
    *out = arena_array(a, g->pending->items, sizeof(**out));
    g->oldest_ms = INT64_MAX;
    struct btree_iter it = btree_seek(g->pending, 0);
    for (struct stream_pending *p; (p = btree_get(it)) != NULL; btree_forward(&it)) {
        if (p->delivered_ms <= until_ms)
            (*out)[n++] = p;
        if (p->delivered_ms < g->oldest_ms)
            g->oldest_ms = p->delivered_ms;
    }
    qsort(*out, n, sizeof(**out), compare_delivered);
    return n;
}

/* -- references ------------------------------------------------------------------------------------------------ */

bool
stream_is_referenced(const struct stream *s, struct stream_id id)
{
    for (size_t i = 0; i < stream_group_count(s); i++) {
        const struct stream_group *g = stream_group_at(s, i);
        if (stream_id_cmp(id, g->last_id) > 0 || stream_pending_find(g, id) != NULL)
            return true;
    }
    return false;
}

bool
stream_drop_references(struct stream *s, struct stream_id id)
{
    bool any = false;

    for (size_t i = 0; i < stream_group_count(s); i++) {
        struct stream_group *g = stream_group_at(s, i);
        struct stream_pending *p = stream_pending_find(g, id);
        if (p != NULL)
            stream_pending_remove(g, p);
        any = any || p != NULL;
    }
    return any;
}
