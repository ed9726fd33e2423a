/* value/json_find.c - following paths.
 *
 * A list of places goes through one segment after the other. Descendants need no search: they are the bytes inside a
 * value, in the right order. Filters recurse as deep as they are nested in the path, which its reader bounds; a path in
 * a filter that names one place at most is walked without a list. How many values may be looked at is bounded, because
 * filters and descendants multiply.
 */
#include "value/json_path_priv.h"

#include "base/check.h"
#include "base/mem.h"
#include "value/json_priv.h"
#include "value/json_regex.h"

struct places {
    struct json_match *v;
    size_t n, cap;
};

struct finder {
    struct arena *arena;
    json_node root;
    size_t steps; /* values looked at */
    bool too_many;
};

/* What an expression is worth: a value, or nothing. A number that was worked out lies in `own`. */
struct operand {
    json_node node;
    struct json_own own;
};

/* What a filter is tried on: a value and its place. */
struct here {
    json_node node;
    struct json_match m;
};

static bool holds(struct finder *f, const struct json_expr *e, const struct here *h);

static void
step(struct finder *f)
{
    if (++f->steps > JSON_STEPS_MAX)
        f->too_many = true;
}

static void
add(struct finder *f, struct places *p, size_t at, size_t parent)
{
    if (p->n == JSON_MATCHES_MAX) {
        f->too_many = true;
        return;
    }
    if (p->n == p->cap) {
        size_t cap = p->cap == 0 ? 8 : p->cap * 2;
        struct json_match *more = arena_array(f->arena, cap, sizeof(*more));
        if (p->n > 0)
            memcpy(more, p->v, p->n * sizeof(*more));
        p->v = more;
        p->cap = cap;
    }
    p->v[p->n++] = (struct json_match){at, parent};
}

/* -- selectors -------------------------------------------------------------------------------------------------- */

/* The place of the array's element `i`, which may be counted from the end. */
static bool
at_index(json_node n, int64_t i, const unsigned char **place)
{
    int64_t count = (int64_t)json_count(n);

    i = i < 0 ? i + count : i;
    if (json_kind(n) != JSON_ARRAY || i < 0 || i >= count)
        return false;
    *place = json_children_from(n, (size_t)i).at;
    return true;
}

static int64_t
bounded(int64_t v, int64_t count, int64_t low, int64_t high)
{
    if (v < 0)
        v += count;
    return v < low ? low : v > high ? high : v;
}

static void
select_forward(struct finder *f, const struct json_selector *s, size_t at, int64_t count, struct places *out)
{
    json_node n = f->root + at;
    int64_t from = s->has_from ? bounded(s->from, count, 0, count) : 0;
    int64_t to = s->has_to ? bounded(s->to, count, 0, count) : count;

    if (from >= to)
        return;
    struct json_children c = json_children_from(n, (size_t)from);
    for (int64_t i = from, next = from; i < to && !f->too_many; i++, json_next(&c)) {
        if (i != next)
            continue;
        add(f, out, (size_t)(c.at - f->root), at);
        if (s->step >= count)
            return;
        next += s->step;
    }
}

/* RFC 9535, 2.3.4.2.2. Backwards needs the elements' offsets. */
static void
select_slice(struct finder *f, const struct json_selector *s, size_t at, struct places *out)
{
    json_node n = f->root + at;
    int64_t count = (int64_t)json_count(n);

    if (json_kind(n) != JSON_ARRAY || s->step == 0)
        return;
    if (s->step > 0) {
        select_forward(f, s, at, count, out);
        return;
    }
    int64_t from = s->has_from ? bounded(s->from, count, -1, count - 1) : count - 1;
    int64_t to = s->has_to ? bounded(s->to, count, -1, count - 1) : -1;
    if (from <= to)
        return;
    size_t *offsets = mem_get_array((size_t)count + 1, sizeof(*offsets));
    struct json_children c = json_children(n);
    for (int64_t i = 0; i < count; i++, json_next(&c))
        offsets[i] = (size_t)(c.at - f->root);
    for (int64_t i = from; i > to && !f->too_many; i += s->step) {
        add(f, out, offsets[i], at);
        if (s->step <= -count)
            break;
    }
    mem_free(offsets);
}

/* All children, or those for which the filter holds. */
static void
select_children(struct finder *f, const struct json_expr *filter, size_t at, struct places *out)
{
    struct json_children c = json_children(f->root + at);

    while (!f->too_many) {
        const unsigned char *before = c.at;
        if (!json_next(&c))
            return;
        step(f);
        size_t offset = (size_t)((json_kind(c.container) == JSON_OBJECT ? c.value : before) - f->root);
        if (filter == NULL || holds(f, filter, &(struct here){c.value, {offset, at}}))
            add(f, out, offset, at);
    }
}

/* From the value at a place that is no number of a packed array. */
static void
select_from(struct finder *f, const struct json_selector *s, size_t at, struct places *out)
{
    json_node n = f->root + at, found = NULL;

    for (; s != NULL && !f->too_many; s = s->next) {
        switch (s->kind) {
        case SELECT_NAME:
            if ((found = json_get(n, s->name)) != NULL)
                add(f, out, (size_t)(found - f->root), at);
            break;
        case SELECT_INDEX:
            if (at_index(n, s->from, &found))
                add(f, out, (size_t)(found - f->root), at);
            break;
        case SELECT_WILD: select_children(f, NULL, at, out); break;
        case SELECT_SLICE: select_slice(f, s, at, out); break;
        case SELECT_FILTER: select_children(f, s->filter, at, out); break;
        }
    }
}

/* The value and all containers inside it, in order; scalars have no children to select from. */
static void
descend(struct finder *f, const struct json_selector *s, size_t at, struct places *out)
{
    json_node n = f->root + at, end = n + json__size(n);

    while (n < end && !f->too_many) {
        step(f);
        if (json_kind(n) >= JSON_ARRAY)
            select_from(f, s, (size_t)(n - f->root), out);
        n += json__is_container(n) ? CONTAINER_HEAD : json__size(n);
    }
}

static struct places
follow(struct finder *f, const struct json_path *p, size_t segments, struct json_match from)
{
    struct places now = {0};

    add(f, &now, from.at, from.parent);
    for (size_t i = 0; i < segments && now.n > 0 && !f->too_many; i++) {
        const struct json_path_segment *seg = &p->segments[i];
        struct places next = {0};
        for (size_t k = 0; k < now.n && !f->too_many; k++) {
            if (json_in_packed(f->root, now.v[k]))
                continue; /* a number has no children */
            if (seg->descend)
                descend(f, seg->selectors, now.v[k].at, &next);
            else
                select_from(f, seg->selectors, now.v[k].at, &next);
        }
        now = next;
    }
    return now;
}

/* -- filters ---------------------------------------------------------------------------------------------------- */

/* How many values the expression's path leads to from here, and the first of them. */
static size_t
lead(struct finder *f, const struct json_expr *e, const struct here *h, struct operand *first)
{
    json_node n = e->absolute ? f->root : h->node;

    if (e->path.is_static) {
        for (size_t i = 0; i < e->path.count && n != NULL; i++) {
            const struct json_selector *s = e->path.segments[i].selectors;
            json_node found = NULL;
            if (s->kind == SELECT_NAME)
                n = json_get(n, s->name);
            else if (!at_index(n, s->from, &found))
                n = NULL;
            else
                n = json_is_packed(n) ? json__element(n, found, &first->own) : found;
        }
        first->node = n;
        return n != NULL;
    }
    struct arena mark = arena_mark(f->arena);
    struct json_match from = e->absolute ? (struct json_match){0, JSON_NO_PARENT} : h->m;
    struct places p = follow(f, &e->path, e->path.count, from);
    if (p.n > 0)
        first->node = json_match_node(f->root, p.v[0], &first->own);
    arena_rewind(f->arena, mark);
    return p.n;
}

static void
own_int(struct operand *o, int64_t v)
{
    json__write_int(o->own.bytes, v);
    o->node = o->own.bytes;
}

static size_t
characters(struct slice s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

/* o->node is NULL for nothing. */
static void
evaluate(struct finder *f, const struct json_expr *e, const struct here *h, struct operand *o)
{
    struct operand a;

    o->node = NULL;
    switch (e->kind) {
    case EXPR_LITERAL: o->node = e->literal; break;
    case EXPR_PATH:
    case EXPR_VALUE:
        if (lead(f, e->kind == EXPR_PATH ? e : e->a, h, o) != 1)
            o->node = NULL;
        break;
    case EXPR_COUNT: own_int(o, (int64_t)lead(f, e->a, h, &a)); break;
    case EXPR_LENGTH:
        evaluate(f, e->a, h, &a);
        if (a.node != NULL && json_kind(a.node) == JSON_STRING)
            own_int(o, (int64_t)characters(json_string(a.node)));
        else if (a.node != NULL && json_kind(a.node) >= JSON_ARRAY)
            own_int(o, (int64_t)json_count(a.node));
        break;
    default: break;
    }
}

static bool
matches(struct finder *f, const struct json_expr *e, const struct here *h, bool whole)
{
    struct operand text, pattern;

    evaluate(f, e->a, h, &text);
    evaluate(f, e->b, h, &pattern);
    if (text.node == NULL || pattern.node == NULL || json_kind(text.node) != JSON_STRING ||
        json_kind(pattern.node) != JSON_STRING)
        return false;
    return json_regex(json_string(pattern.node), json_string(text.node), whole);
}

static bool
less(json_node a, json_node b)
{
    int64_t x, y;

    if (*a == TAG_UINT64 && *b == TAG_UINT64) {
        uint64_t u, v;
        memcpy(&u, a + 1, sizeof(u));
        memcpy(&v, b + 1, sizeof(v));
        return u < v;
    }
    if (json_is_number(a) && json_is_number(b))
        return json_int64(a, &x) && json_int64(b, &y) ? x < y : json_double(a) < json_double(b);
    return json_kind(a) == JSON_STRING && json_kind(b) == JSON_STRING && slice_cmp(json_string(a), json_string(b)) < 0;
}

static bool
compare(struct finder *f, const struct json_expr *e, const struct here *h)
{
    struct operand a, b;

    evaluate(f, e->a, h, &a);
    evaluate(f, e->b, h, &b);
    bool both = a.node != NULL && b.node != NULL;
    bool equal = both ? json_equal(a.node, b.node) : a.node == b.node;
    switch (e->kind) {
    case EXPR_EQ: return equal;
    case EXPR_NE: return !equal;
    case EXPR_LT: return both && less(a.node, b.node);
    case EXPR_GT: return both && less(b.node, a.node);
    case EXPR_LE: return equal || (both && less(a.node, b.node));
    default: return equal || (both && less(b.node, a.node));
    }
}

static bool
holds(struct finder *f, const struct json_expr *e, const struct here *h)
{
    struct operand first;

    switch (e->kind) {
    case EXPR_OR: return holds(f, e->a, h) || holds(f, e->b, h);
    case EXPR_AND: return holds(f, e->a, h) && holds(f, e->b, h);
    case EXPR_NOT: return !holds(f, e->a, h);
    case EXPR_EXISTS: return lead(f, e->a, h, &first) > 0;
    case EXPR_MATCHES:
    case EXPR_SEARCH: return matches(f, e, h, false);
    case EXPR_MATCH: return matches(f, e, h, true);
    default: return compare(f, e, h);
    }
}

/* -- whole paths ------------------------------------------------------------------------------------------------ */

static bool
find(const struct json_path *p, size_t segments, struct arena *a, json_node root, struct json_match **out,
     size_t *count)
{
    struct finder f = {.arena = a, .root = root};
    struct places found = follow(&f, p, segments, (struct json_match){0, JSON_NO_PARENT});

    *out = found.v;
    *count = found.n;
    return !f.too_many;
}

bool
json_in_packed(json_node root, struct json_match m)
{
    return m.parent != JSON_NO_PARENT && json_is_packed(root + m.parent);
}

json_node
json_match_node(json_node root, struct json_match m, struct json_own *own)
{
    return json_in_packed(root, m) ? json__element(root + m.parent, root + m.at, own) : root + m.at;
}

bool
json_path_find(const struct json_path *p, struct arena *a, json_node root, struct json_match **out, size_t *count)
{
    return find(p, p->count, a, root, out, count);
}

bool
json_path_find_parent(const struct json_path *p, struct arena *a, json_node root, struct json_match **out,
                      size_t *count)
{
    CHECK(p->count > 0);
    return find(p, p->count - 1, a, root, out, count);
}
