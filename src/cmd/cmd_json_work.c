/* cmd/cmd_json_work.c - finding and changing values for the JSON commands. */
#include "base/mem.h"
#include "cmd/cmd_json_priv.h"

#include <stdlib.h>

enum { TEXT_REF_MIN = 16 * 1024 };

/* -- finding ---------------------------------------------------------------------------------------------------- */

enum rc
json__path(struct exec *x, struct slice text, struct json_path *out)
{
    const char *why;
    size_t where;

    if (json_path_parse(x->arena, text, out, &why, &where))
        return RC_OK;
    return fail(x, "ERR Error occurred on position %zu, \"%.*s\": %s", where, (int)(text.len > 128 ? 128 : text.len),
                text.ptr, why);
}

struct slice
json__arg_path(struct exec *x, int n)
{
    if (n < x->argc)
        return x->argv[n];
    return x->reply.resp == 3 ? LIT("$") : LIT(".");
}

enum rc
json__matches(struct exec *x, struct json_look *l)
{
    l->n = 0;
    if (l->root != NULL && !json_path_find(&l->path, x->arena, l->root, &l->m, &l->n))
        return fail(x, "ERR the path matches too many values");
    return RC_OK;
}

static enum rc
read_root(struct exec *x, struct slice key, json_node *out)
{
    struct entry *e;

    TRY(read_entry(x, key, TYPE_JSON, &e));
    *out = e == NULL ? NULL : json_root((const struct json *)entry_handle(e));
    return RC_OK;
}

enum rc
json__look(struct exec *x, struct slice key, struct slice path, struct json_look *out)
{
    TRY(json__path(x, path, &out->path));
    TRY(read_root(x, key, &out->root));
    return json__matches(x, out);
}

static enum rc
read_value(struct exec *x, struct slice text, struct json_reading how, struct buf *tape)
{
    struct json_error error;

    if (json_read(text, how, tape, &error))
        return RC_OK;
    return fail(x, "ERR %s at line %zu column %zu", error.why, error.line, error.column);
}

enum rc
json__value(struct exec *x, struct slice text, struct buf *tape)
{
    return read_value(x, text, (struct json_reading){.depth_max = x->limits->json_max_depth}, tape);
}

enum rc
json__value_for(struct exec *x, const struct json_path *p, struct slice text, enum json_float floats, struct buf *tape)
{
    struct json_reading how = {x->limits->json_max_depth, floats, p->count == 0};

    return read_value(x, text, how, tape);
}

enum rc
json__no_path(struct exec *x, const struct json_path *p)
{
    struct slice t = p->text;
    const char *lead = t.len == 0 || (t.ptr[0] != '.' && t.ptr[0] != '[' && t.ptr[0] != '$') ? "$." : "$";

    if (t.len > 0 && t.ptr[0] == '$')
        lead = "";
    if (t.len == 1 && t.ptr[0] == '.')
        t.len = 0;
    return fail(x, "ERR Path '%s%.*s' does not exist", lead, (int)(t.len > 256 ? 256 : t.len), t.ptr);
}

enum rc
json__wrong_kind(struct exec *x, unsigned kinds, enum json_kind found)
{
    enum json_kind kind = JSON_NULL;

    while (kind < JSON_OBJECT && !(kinds & JSON_KIND(kind)))
        kind++;
    return fail(x, "WRONGTYPE wrong type of path value - expected %s but found %s",
                kinds == JSON_NUMERIC ? "a number" : json_kind_name(kind), json_kind_name(found));
}

enum rc
json__reply_each(struct exec *x, struct slice path, unsigned kinds, json_put *put)
{
    struct json_look l;

    TRY(json__look(x, x->argv[1], path, &l));
    if (l.root == NULL)
        return reply_null(x);
    if (!l.path.legacy)
        reply_array(x, l.n);
    for (size_t i = 0; i < l.n; i++) {
        json_node n = json__match(&l, i);
        bool fits = kinds & JSON_KIND(json_kind(n));
        if (fits)
            put(x, n);
        else if (!l.path.legacy)
            reply_null(x);
        if (fits && l.path.legacy)
            return RC_OK;
    }
    if (!l.path.legacy)
        return RC_OK;
    return l.n == 0 ? json__no_path(x, &l.path) : json__wrong_kind(x, kinds, json_kind(json__match(&l, 0)));
}

static void
release(void *owner)
{
    mem_free(owner);
}

enum rc
json__reply_text(struct exec *x, struct buf *text)
{
    size_t len;

    if (text->len < TEXT_REF_MIN) {
        reply_bulk(x, buf_slice(text));
        buf_fini(text);
        return RC_OK;
    }
    char *bytes = buf_take(text, &len);
    reply_put_bulk_ref(&x->reply, slice_of(bytes, len), release, bytes);
    return RC_OK;
}

/* -- changing --------------------------------------------------------------------------------------------------- */

enum rc
json__edit(struct exec *x, struct slice key, enum edit_mode mode, struct entry **e, struct json **out)
{
    TRY(edit_entry(x, key, TYPE_JSON, mode, e));
    *out = *e == NULL ? NULL : (struct json *)entry_handle(*e);
    return RC_OK;
}

bool
json__replace(const struct exec *x, struct json *j, struct json_match at, struct slice tape)
{
    if (json_in_packed(json_root(j), at))
        return json_store(j, at.parent, at.at, (json_node)tape.ptr);
    if (at.parent == JSON_NO_PARENT)
        return json_nests_within((json_node)tape.ptr, x->limits->json_max_depth) && json_set(j, tape);
    return json_splice(j, at.parent, at.at, json_size(json_root(j) + at.at), tape, 0, x->limits->json_max_depth);
}

bool
json__remove(struct json *j, struct json_match at)
{
    json_node root = json_root(j), parent = root + at.parent;
    size_t from = at.at, size = json_size(root + at.at);

    if (json_kind(parent) == JSON_OBJECT) {
        struct json_children c = json_children(parent);
        while (json_next(&c) && c.value != root + at.at)
            ;
        from = (size_t)(c.key - root); /* the key goes as well */
        size += at.at - from;
    }
    return json_splice(j, at.parent, from, size, (struct slice){NULL, 0}, -1, JSON_DEPTH_MAX);
}

static int
compare_places(const void *a, const void *b)
{
    size_t x = ((const struct json_match *)a)->at, y = ((const struct json_match *)b)->at;

    return (x > y) - (x < y);
}

size_t
json__sort(json_node root, struct json_match *m, size_t n, bool outer)
{
    size_t kept = 0, free_from = 0;

    if (n > 1) /* qsort() wants an array even for none */
        qsort(m, n, sizeof(*m), compare_places);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && m[i].at < free_from)
            continue;
        free_from = m[i].at + (outer && !json_in_packed(root, m[i]) ? json_size(root + m[i].at) : 1);
        m[kept++] = m[i];
    }
    return kept;
}

/* Whether tags are needed where the matches are. */
static bool
must_loosen(const struct json_look *l, json_node value)
{
    for (size_t i = 0; i < l->n; i++)
        if (json_in_packed(l->root, l->m[i]) && (value == NULL || !json_fits(l->root + l->m[i].parent, value)))
            return true;
    return false;
}

static enum rc
seek(struct exec *x, struct json *j, struct json_look *l, bool (*prepare)(struct json *))
{
    if (!prepare(j))
        return RC_NO_MEMORY;
    l->root = json_root(j);
    return json__matches(x, l);
}

enum rc
json__seek(struct exec *x, struct json *j, struct json_look *l, json_node value, bool *loosened)
{
    *loosened = false;
    TRY(seek(x, j, l, json_unshare));
    if (!must_loosen(l, value))
        return RC_OK;
    *loosened = true;
    return seek(x, j, l, json_loosen);
}

struct numbered {
    struct json_match m;
    size_t i;
};

/* Backwards, so that a change never moves what is still to come: what contains a value begins before it. */
static int
compare_numbered(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;

    return (x->m.at < y->m.at) - (x->m.at > y->m.at);
}

static enum rc
change_all(struct json_work *w, struct json *j, const struct numbered *list,
           enum json_outcome (*change)(struct json_work *, json_node, struct json_result *))
{
    for (size_t k = 0; k < w->n; k++) {
        struct json_result *r = &w->results[list[k].i];
        json_node n = json_root(j) + list[k].m.at;
        enum json_outcome got = JSON_KEPT;

        if (!(w->kinds & JSON_KIND(json_kind(n)))) {
            w->found = json_kind(n);
            continue;
        }
        if (k > 0 && list[k].m.at == list[k - 1].m.at) { /* matched twice, changed once */
            *r = w->results[list[k - 1].i];
            continue;
        }
        buf_reset(w->tape);
        r->done = true;
        got = change(w, n, r);
        if (got == JSON_FAILED)
            return RC_REPLIED_ERROR;
        if (got == JSON_KEPT)
            continue;
        bool ok = got == JSON_GONE ? json__remove(j, list[k].m) : json__replace(w->x, j, list[k].m, buf_slice(w->tape));
        if (!ok)
            return fail(w->x, "ERR the document would be too large or too deep");
        w->changed++;
    }
    return RC_OK;
}

/* One change is whole by itself; several are made on a copy, which then takes the document's place. */
static enum rc
change_safely(struct json_work *w, struct json *j, const struct numbered *list,
              enum json_outcome (*change)(struct json_work *, json_node, struct json_result *))
{
    struct json copy, was;

    if (w->n < 2)
        return change_all(w, j, list, change);
    copy = json_copy(j);
    enum rc rc = change_all(w, &copy, list, change);
    if (rc != RC_OK || w->changed == 0) {
        json_fini(&copy);
        return rc;
    }
    was = *j;
    *j = copy;
    json_fini(&was);
    return RC_OK;
}

/* One number of a packed array, if it stays of that array's type. *done: there is nothing more to do. */
static enum rc
change_in_place(struct json_work *w, struct json *j, struct json_look *l,
                enum json_outcome (*change)(struct json_work *, json_node, struct json_result *), bool *done)
{
    json_node n = json__match(l, 0);

    *done = true;
    if (!(w->kinds & JSON_KIND(json_kind(n)))) {
        w->found = json_kind(n);
        return RC_OK;
    }
    buf_reset(w->tape);
    w->results[0].done = true;
    enum json_outcome got = change(w, n, &w->results[0]);
    if (got == JSON_FAILED)
        return RC_REPLIED_ERROR;
    if (got == JSON_CHANGED)
        w->changed = json_store(j, l->m[0].parent, l->m[0].at, (json_node)w->tape->ptr);
    *done = got == JSON_KEPT || w->changed > 0;
    return RC_OK;
}

static enum rc
change_matches(struct json_work *w, struct json *j, struct json_look *l,
               enum json_outcome (*change)(struct json_work *, json_node, struct json_result *))
{
    struct numbered *list = arena_array(w->x->arena, l->n, sizeof(*list));

    for (size_t i = 0; i < l->n; i++)
        list[i] = (struct numbered){l->m[i], i};
    qsort(list, l->n, sizeof(*list), compare_numbered);
    return change_safely(w, j, list, change);
}

static enum rc
change_document(struct json_work *w, struct json *j, struct json_look *l,
                enum json_outcome (*change)(struct json_work *, json_node, struct json_result *))
{
    bool loosen, done = false;

    TRY(seek(w->x, j, l, json_unshare));
    if (l->n == 0)
        return RC_OK;
    w->n = l->n;
    w->results = arena_array(w->x->arena, l->n, sizeof(*w->results));
    memset(w->results, 0, l->n * sizeof(*w->results));
    loosen = must_loosen(l, NULL);
    if (loosen && l->n == 1)
        TRY(change_in_place(w, j, l, change, &done));
    if (done)
        return RC_OK;
    if (loosen)
        TRY(seek(w->x, j, l, json_loosen));
    enum rc rc = change_matches(w, j, l, change);
    if (loosen)
        json_tighten(j);
    return rc;
}

enum rc
json__change(struct json_work *w, struct slice key, struct slice path, enum event event,
             enum json_outcome (*change)(struct json_work *, json_node, struct json_result *))
{
    struct exec *x = w->x;
    struct json_look l;
    struct entry *e;
    struct json *j;

    TRY(json__path(x, path, &l.path));
    w->path = l.path;
    TRY(json__edit(x, key, ENTRY_EXISTING, &e, &j));
    if (e == NULL)
        return fail(x, "ERR could not perform this operation on a key that doesn't exist");
    enum rc rc = change_document(w, j, &l, change);
    if (rc == RC_OK && w->changed > 0)
        entry_changed(x, e, event);
    else
        entry_unchanged(x, e);
    return rc;
}

enum rc
json__one(struct json_work *w, const struct json_result **out)
{
    for (size_t i = w->n; i-- > 0;) {
        if (w->results[i].done) {
            *out = &w->results[i];
            return RC_OK;
        }
    }
    return w->n == 0 ? json__no_path(w->x, &w->path) : json__wrong_kind(w->x, w->kinds, w->found);
}

enum rc
json__reply_numbers(struct json_work *w)
{
    const struct json_result *r;

    if (w->path.legacy) {
        TRY(json__one(w, &r));
        return reply_int(w->x, r->number);
    }
    reply_array(w->x, w->n);
    for (size_t i = 0; i < w->n; i++) {
        if (w->results[i].done)
            reply_int(w->x, w->results[i].number);
        else
            reply_null(w->x);
    }
    return RC_OK;
}
