/* cmd/cmd_json.c - JSON documents as a whole: setting, getting, merging, deleting. */
#include "base/mem.h"
#include "cmd/cmd_json_priv.h"

#include <stdlib.h>

/* -- JSON.SET, JSON.MSET ---------------------------------------------------------------------------------------- */

struct set_options {
    bool nx, xx;
    enum json_float floats;
};

/* What a value to be set is written in: JSON is the only form. */
static enum rc
parse_format(struct exec *x, struct slice word)
{
    if (arg_is(word, LIT("string")) || arg_is(word, LIT("json")))
        return RC_OK;
    return fail(x, "ERR FORMAT is not supported");
}

static enum rc
parse_set_options(struct exec *x, struct set_options *o)
{
    static const char *const types[] = {
        [JSON_BF16] = "bf16", [JSON_FP16] = "fp16", [JSON_FP32] = "fp32", [JSON_FP64] = "fp64"};

    *o = (struct set_options){0};
    for (int i = 4; i < x->argc; i++) {
        struct slice w = x->argv[i];
        if (arg_is(w, LIT("nx")) && !o->xx) {
            o->nx = true;
        } else if (arg_is(w, LIT("xx")) && !o->nx) {
            o->xx = true;
        } else if (arg_is(w, LIT("format")) && i + 1 < x->argc) {
            TRY(parse_format(x, x->argv[++i]));
        } else if (arg_is(w, LIT("fpha")) && i + 1 < x->argc) {
            i++;
            for (enum json_float k = JSON_BF16; k <= JSON_FP64; k++)
                if (arg_is(x->argv[i], slice_cstr(types[k])))
                    o->floats = k;
            if (o->floats == JSON_FLOAT_ANY)
                return RC_SYNTAX;
        } else {
            return RC_SYNTAX;
        }
    }
    return RC_OK;
}

/* Adds the value under the path's last name to the objects that the rest of the path leads to. */
static enum rc
add_new(struct exec *x, struct json *j, const struct json_path *p, struct slice tape, size_t *changed)
{
    struct json_match *m;
    struct buf pair = {0};
    struct slice name;
    size_t n;

    if (!p->is_static)
        return fail(x, "Err wrong static path");
    if (!json_path_find_parent(p, x->arena, json_root(j), &m, &n) || n == 0)
        return RC_OK;
    struct json_own own;
    json_node parent = json_match_node(json_root(j), m[0], &own);
    if (!json_path_last_name(p, &name))
        return json_kind(parent) == JSON_ARRAY ? fail(x, "ERR array index out of range") : RC_OK;
    if (json_kind(parent) != JSON_OBJECT)
        return RC_OK;
    struct json_error error;
    /* A name from a path may be any bytes; only what is valid text may become a key. */
    json_print_string(name, &pair);
    struct buf key = {0};
    bool ok = json_parse(buf_slice(&pair), 1, &key, &error);
    buf_fini(&pair);
    if (ok)
        buf_add_slice(&key, tape);
    ok = ok && json_splice(j, m[0].at, m[0].at + json_size(parent), 0, buf_slice(&key), 1, x->limits->json_max_depth);
    buf_fini(&key);
    *changed = ok;
    return ok ? RC_OK : fail(x, "ERR the document would be too large or too deep");
}

/* The value of an existing document becomes, at the path, what is on the tape. */
static enum rc
set_in(struct exec *x, struct json *j, const struct json_path *p, struct slice tape, struct set_options o,
       size_t *changed)
{
    struct json_look l = {.path = *p};
    bool loosened;

    *changed = 0;
    if (p->count == 0) { /* the parser has seen to the depth */
        *changed = !o.nx && json_set_shared(j, tape);
        return o.nx || *changed > 0 ? RC_OK : RC_NO_MEMORY;
    }
    TRY(json__seek(x, j, &l, (json_node)tape.ptr, &loosened));
    if (l.n == 0)
        return o.xx ? RC_OK : add_new(x, j, p, tape, changed);
    if (o.nx) {
        if (loosened)
            json_tighten(j);
        return RC_OK;
    }
    l.n = json__sort(l.root, l.m, l.n, true);
    struct json copy = l.n > 1 ? json_copy(j) : *j;
    bool ok = true;
    for (size_t i = l.n; i-- > 0 && ok;)
        ok = json__replace(x, &copy, l.m[i], tape);
    if (l.n > 1) {
        struct json drop = ok ? *j : copy;
        if (ok)
            *j = copy;
        json_fini(&drop);
    } else {
        *j = copy;
    }
    if (loosened)
        json_tighten(j);
    *changed = ok ? l.n : 0;
    return ok ? RC_OK : fail(x, "ERR the document would be too large or too deep");
}

static enum rc
set_key(struct exec *x, struct slice key, const struct json_path *p, struct slice tape, struct set_options o,
        enum event event, size_t *changed)
{
    struct entry *e;
    struct json *j;

    *changed = 0;
    TRY(json__edit(x, key, ENTRY_EXISTING, &e, &j));
    if (e == NULL) {
        if (p->count > 0)
            return fail(x, "ERR new objects must be created at the root");
        if (o.xx)
            return RC_OK;
        TRY(json__edit(x, key, ENTRY_CREATE, &e, &j));
        if (!json_set_shared(j, tape)) {
            entry_unchanged(x, e);
            return RC_NO_MEMORY;
        }
        *changed = 1;
        entry_changed(x, e, event);
        return RC_OK;
    }
    enum rc rc = set_in(x, j, p, tape, o, changed);
    if (*changed > 0)
        entry_changed(x, e, event);
    else
        entry_unchanged(x, e);
    return rc;
}

static enum rc
cmd_set(struct exec *x)
{
    struct set_options o;
    struct json_path path;
    struct buf *tape = exec_scratch(x);
    size_t changed;

    TRY(parse_set_options(x, &o));
    TRY(json__path(x, x->argv[2], &path));
    TRY(json__value_for(x, &path, x->argv[3], o.floats, tape));
    TRY(set_key(x, x->argv[1], &path, buf_slice(tape), o, EV_JSON_SET, &changed));
    return changed > 0 ? reply_ok(x) : reply_null(x);
}

/* One triplet of JSON.MSET. Those of one key follow one another in `order` and work on one copy of its document, which
 * the first of them holds. */
struct triplet {
    struct slice key;
    struct json_path path;
    size_t from, to; /* on the tape */
    struct triplet *first;
    struct json doc;
    size_t changed;
};

static int
compare_triplets(const void *a, const void *b)
{
    const struct triplet *p = *(struct triplet *const *)a, *q = *(struct triplet *const *)b;
    int by_key = slice_cmp(p->key, q->key);

    return by_key != 0 ? by_key : p < q ? -1 : 1;
}

static enum rc
mset_parse(struct exec *x, struct triplet *t, int n, struct buf *tape)
{
    for (int i = 0; i < n; i++) {
        const struct slice *arg = &x->argv[1 + 3 * i];
        t[i] = (struct triplet){.key = arg[0], .from = tape->len};
        TRY(json__path(x, arg[1], &t[i].path));
        TRY(json__value_for(x, &t[i].path, arg[2], JSON_FLOAT_ANY, tape));
        t[i].to = tape->len;
    }
    return RC_OK;
}

/* Makes of each key's document what its triplets say, on a copy. */
static enum rc
mset_try(struct exec *x, struct triplet **order, int n, const struct buf *tape)
{
    for (int i = 0; i < n; i++) {
        struct triplet *t = order[i], *first = t;
        struct slice value = slice_of(tape->ptr + t->from, t->to - t->from);
        size_t changed = 0;
        if (i > 0 && slice_eq(order[i - 1]->key, t->key))
            first = order[i - 1]->first;
        t->first = first;
        if (first == t) {
            struct entry *e = peek(x, t->key);
            if (e != NULL && entry_type(e) != TYPE_JSON)
                return RC_WRONGTYPE;
            if (e != NULL)
                t->doc = json_copy((const struct json *)entry_handle(e));
        }
        if (json_root(&first->doc) != NULL) {
            TRY(set_in(x, &first->doc, &t->path, value, (struct set_options){0}, &changed));
        } else if (t->path.count > 0) {
            return fail(x, "ERR new objects must be created at the root");
        } else if (!json_set_shared(&first->doc, value)) {
            return RC_NO_MEMORY;
        } else {
            changed = 1;
        }
        first->changed += changed;
    }
    return RC_OK;
}

/* All or nothing: the documents take their keys' place when every one of them is made. */
static enum rc
cmd_mset(struct exec *x)
{
    struct buf *tape = exec_scratch(x);
    int n = (x->argc - 1) / 3;

    if ((x->argc - 1) % 3 != 0)
        return fail_arity(x);
    struct triplet *t = arena_array(x->arena, (size_t)n, sizeof(*t));
    struct triplet **order = arena_array(x->arena, (size_t)n, sizeof(*order));
    TRY(mset_parse(x, t, n, tape));
    for (int i = 0; i < n; i++)
        order[i] = &t[i];
    qsort(order, (size_t)n, sizeof(struct triplet *), compare_triplets);
    enum rc rc = mset_try(x, order, n, tape);
    for (int i = 0; i < n && rc == RC_OK; i++) {
        struct entry *e;
        struct json *j;
        if (t[i].changed == 0)
            continue;
        rc = json__edit(x, t[i].key, ENTRY_CREATE, &e, &j);
        CHECK(rc == RC_OK);
        struct json was = *j;
        *j = t[i].doc;
        t[i].doc = was;
        entry_changed(x, e, EV_JSON_MSET);
    }
    for (int i = 0; i < n; i++)
        json_fini(&t[i].doc);
    return rc != RC_OK ? rc : reply_ok(x);
}

/* -- JSON.GET, JSON.MGET ---------------------------------------------------------------------------------------- */

struct get_options {
    struct json_format format;
    unsigned levels; /* of json__put_expanded(); 0: replies are text */
    int paths_at;
};

enum rc
json__reply_format(struct exec *x, struct slice word, struct slice text, unsigned *levels)
{
    *levels = arg_is(word, LIT("expand1")) ? 1 : arg_is(word, LIT("expand")) ? JSON_DEPTH_MAX : 0;
    if (*levels == 0 && !arg_is(word, text))
        return fail(x, "ERR FORMAT is not supported");
    return *levels > 0 && x->reply.resp != 3 ? fail(x, "ERR FORMAT argument is not supported on RESP2") : RC_OK;
}

static enum rc
parse_get_options(struct exec *x, struct get_options *o)
{
    int i = 2;

    *o = (struct get_options){0};
    for (; i < x->argc; i++) {
        struct slice w = x->argv[i], *to = NULL;
        if (arg_is(w, LIT("indent")))
            to = &o->format.indent;
        else if (arg_is(w, LIT("newline")))
            to = &o->format.newline;
        else if (arg_is(w, LIT("space")))
            to = &o->format.space;
        else if (arg_is(w, LIT("noescape")))
            continue;
        else if (!arg_is(w, LIT("format")))
            break;
        if (++i == x->argc)
            return fail_arity(x);
        if (to == NULL)
            TRY(json__reply_format(x, x->argv[i], LIT("string"), &o->levels));
        else
            *to = x->argv[i];
    }
    o->paths_at = i;
    return RC_OK;
}

static void
line(const struct json_format *f, unsigned level, struct buf *out)
{
    buf_add_slice(out, f->newline);
    for (unsigned i = 0; i < level; i++)
        buf_add_slice(out, f->indent);
}

/* What one path matches: an array, or of the older dialect the value itself. */
static enum rc
print_matches(struct exec *x, struct json_look *l, bool array, const struct json_format *f, unsigned level,
              struct buf *out)
{
    /* Text is about as long as what is stored: growing step by step would move it several times. */
    size_t guess = 2;
    for (size_t i = 0; i < l->n && i < (array ? l->n : 1); i++)
        guess += json_size(json__match(l, i)) + 1;
    buf_room(out, guess + guess / 8);
    if (!array) {
        if (l->n == 0)
            return json__no_path(x, &l->path);
        json_print_at(json__match(l, 0), f, level, out);
        return RC_OK;
    }
    buf_add_char(out, '[');
    for (size_t i = 0; i < l->n; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        line(f, level + 1, out);
        json_print_at(json__match(l, i), f, level + 1, out);
    }
    if (l->n > 0)
        line(f, level, out);
    buf_add_char(out, ']');
    return RC_OK;
}

static enum rc
print_paths(struct exec *x, const struct get_options *o, struct json_look *l, struct buf *out)
{
    bool array = false;
    int n = x->argc - o->paths_at;
    struct json_path *paths = arena_array(x->arena, (size_t)n, sizeof(*paths));

    for (int i = 0; i < n; i++) {
        TRY(json__path(x, x->argv[o->paths_at + i], &paths[i]));
        array = array || !paths[i].legacy;
    }
    buf_add_char(out, '{');
    for (int i = 0; i < n; i++) {
        l->path = paths[i];
        TRY(json__matches(x, l));
        if (i > 0)
            buf_add_char(out, ',');
        line(&o->format, 1, out);
        json_print_string(paths[i].text, out);
        buf_add_char(out, ':');
        buf_add_slice(out, o->format.space);
        TRY(print_matches(x, l, array, &o->format, 1, out));
    }
    line(&o->format, 0, out);
    buf_add_char(out, '}');
    return RC_OK;
}

/* Recursion is bounded by the depth that documents may have. */
void
json__put_expanded(struct exec *x, json_node n, unsigned levels)
{
    enum json_kind kind = json_kind(n);
    bool object = kind == JSON_OBJECT;
    int64_t i;

    if ((object || kind == JSON_ARRAY) && levels > 0) {
        if (object)
            reply_map(x, json_count(n));
        else
            reply_array(x, json_count(n));
        for (struct json_children c = json_children(n); json_next(&c);) {
            if (object)
                reply_bulk(x, json_string(c.key));
            json__put_expanded(x, c.value, levels - 1);
        }
    } else if (kind == JSON_NULL) {
        reply_null(x);
    } else if (kind == JSON_BOOL) {
        reply_put_bool(&x->reply, json_true(n));
    } else if (kind == JSON_STRING) {
        reply_bulk(x, json_string(n));
    } else if (json_int64(n, &i)) {
        reply_int(x, i);
    } else if (json_is_number(n)) {
        reply_double(x, json_double(n));
    } else {
        struct buf text = {0};
        json_print(n, NULL, &text);
        json__reply_text(x, &text);
    }
}

/* An array for each path, of its matches. */
static enum rc
reply_expanded(struct exec *x, const struct get_options *o, const struct json_look *first)
{
    int n = x->argc - o->paths_at < 1 ? 1 : x->argc - o->paths_at;
    struct json_look *looks = arena_array(x->arena, (size_t)n, sizeof(*looks));

    looks[0] = *first;
    for (int i = 1; i < n; i++) {
        looks[i].root = first->root;
        TRY(json__path(x, x->argv[o->paths_at + i], &looks[i].path));
        TRY(json__matches(x, &looks[i]));
    }
    reply_array(x, (size_t)n);
    for (int i = 0; i < n; i++) {
        size_t shown = looks[i].path.legacy && looks[i].n > 1 ? 1 : looks[i].n;
        reply_array(x, shown);
        for (size_t k = 0; k < shown; k++)
            json__put_expanded(x, json__match(&looks[i], k), o->levels);
    }
    return RC_OK;
}

static enum rc
cmd_get(struct exec *x)
{
    struct get_options o;
    struct json_look l;
    struct buf out = {0};
    enum rc rc;

    TRY(parse_get_options(x, &o));
    TRY(json__look(x, x->argv[1], json__arg_path(x, o.paths_at), &l));
    if (l.root == NULL)
        return reply_null(x);
    if (o.levels > 0)
        return reply_expanded(x, &o, &l);
    if (x->argc - o.paths_at > 1)
        rc = print_paths(x, &o, &l, &out);
    else
        rc = print_matches(x, &l, !l.path.legacy, &o.format, 0, &out);
    if (rc == RC_OK)
        return json__reply_text(x, &out);
    buf_fini(&out);
    return rc;
}

static enum rc
cmd_mget(struct exec *x)
{
    static const struct json_format none;
    struct json_look l;

    TRY(json__path(x, x->argv[x->argc - 1], &l.path));
    reply_array(x, (size_t)x->argc - 2);
    for (int i = 1; i < x->argc - 1; i++) {
        struct entry *e = look(x, x->argv[i]);
        struct buf out = {0};
        l.root = e != NULL && entry_type(e) == TYPE_JSON ? json_root((const struct json *)entry_handle(e)) : NULL;
        l.n = 0;
        if (l.root == NULL || !json_path_find(&l.path, x->arena, l.root, &l.m, &l.n) || (l.path.legacy && l.n == 0)) {
            reply_null(x);
            continue;
        }
        print_matches(x, &l, !l.path.legacy, &none, 0, &out);
        json__reply_text(x, &out);
    }
    return RC_OK;
}

/* -- JSON.MERGE ------------------------------------------------------------------------------------------------- */

/* RFC 7396. `old` is NULL where there is nothing yet: then only the patch's nulls have to go. Recursion is bounded by
 * the depth that documents may have. */
static void
merge(json_node old, json_node patch, struct buf *out)
{
    if (json_kind(patch) != JSON_OBJECT) {
        buf_add(out, patch, json_size(patch));
        return;
    }
    size_t at = json_open(out, true), count = 0;
    if (old != NULL && json_kind(old) == JSON_OBJECT) {
        for (struct json_children c = json_children(old); json_next(&c);) {
            json_node with = json_get(patch, json_string(c.key));
            if (with != NULL && json_kind(with) == JSON_NULL)
                continue;
            buf_add(out, c.key, json_size(c.key));
            if (with == NULL)
                buf_add(out, c.value, json_size(c.value));
            else
                merge(c.value, with, out);
            count++;
        }
    } else {
        old = NULL;
    }
    for (struct json_children c = json_children(patch); json_next(&c);) {
        if (json_kind(c.value) == JSON_NULL || (old != NULL && json_get(old, json_string(c.key)) != NULL))
            continue;
        buf_add(out, c.key, json_size(c.key));
        merge(NULL, c.value, out);
        count++;
    }
    json_close(out, at, count);
}

static enum json_outcome
merge_one(struct json_work *w, json_node n, struct json_result *r)
{
    (void)r;
    merge(n, w->with, w->tape);
    return JSON_CHANGED;
}

static enum json_outcome
delete_one(struct json_work *w, json_node n, struct json_result *r)
{
    (void)w;
    (void)n;
    (void)r;
    return JSON_GONE;
}

static enum rc
merge_into(struct exec *x, const struct json_path *path, json_node patch, struct buf *tape)
{
    struct json_look l;
    bool null = json_kind(patch) == JSON_NULL;
    size_t changed;

    TRY(json__look(x, x->argv[1], x->argv[2], &l));
    if (l.root == NULL || l.n == 0) {
        if (null)
            return reply_ok(x);
        merge(NULL, patch, tape);
        TRY(set_key(x, x->argv[1], path, buf_slice(tape), (struct set_options){0}, EV_JSON_MERGE, &changed));
        return changed > 0 ? reply_ok(x) : reply_null(x);
    }
    struct json_work w = {.x = x, .tape = tape, .with = patch, .kinds = JSON_ANY_KIND};
    if (null && path->count == 0) {
        key_delete(x, x->db, x->argv[1], EV_JSON_DEL);
        return reply_ok(x);
    }
    TRY(json__change(&w, x->argv[1], x->argv[2], EV_JSON_MERGE, null ? delete_one : merge_one));
    return reply_ok(x);
}

static enum rc
cmd_merge(struct exec *x)
{
    struct json_path path;
    struct buf *patch = exec_scratch(x), tape = {0};

    if (x->argc > 4 && (x->argc != 6 || !arg_is(x->argv[4], LIT("format"))))
        return RC_SYNTAX;
    if (x->argc == 6)
        TRY(parse_format(x, x->argv[5]));
    TRY(json__path(x, x->argv[2], &path));
    TRY(json__value(x, x->argv[3], patch));
    enum rc rc = merge_into(x, &path, (json_node)patch->ptr, &tape);
    buf_fini(&tape);
    return rc;
}

/* -- JSON.DEL, JSON.TYPE ---------------------------------------------------------------------------------------- */

static enum rc
cmd_del(struct exec *x)
{
    struct slice path = x->argc > 2 ? x->argv[2] : LIT("$");
    struct json_look l;
    struct entry *e;
    struct json *j;
    bool loosened;

    if (x->argc > 3)
        return fail_arity(x);
    TRY(json__path(x, path, &l.path));
    TRY(json__edit(x, x->argv[1], ENTRY_EXISTING, &e, &j));
    if (e == NULL)
        return reply_int(x, 0);
    if (l.path.count == 0) {
        entry_unchanged(x, e);
        key_delete(x, x->db, x->argv[1], EV_JSON_DEL);
        return reply_int(x, 1);
    }
    enum rc rc = json__seek(x, j, &l, NULL, &loosened);
    if (rc == RC_OK)
        l.n = json__sort(l.root, l.m, l.n, true);
    if (rc != RC_OK || l.n == 0) {
        entry_unchanged(x, e);
        return rc == RC_OK ? reply_int(x, 0) : rc;
    }
    for (size_t i = l.n; i-- > 0;) {
        bool ok = json__remove(j, l.m[i]);
        CHECK(ok); /* less memory is always there */
    }
    if (loosened)
        json_tighten(j);
    entry_changed(x, e, EV_JSON_DEL);
    return reply_int(x, (int64_t)l.n);
}

static void
put_type(struct exec *x, json_node n)
{
    reply_bulk(x, slice_cstr(json_kind_name(json_kind(n))));
}

static enum rc
cmd_type(struct exec *x)
{
    struct json_look l;

    if (x->argc > 3)
        return fail_arity(x);
    TRY(json__look(x, x->argv[1], json__arg_path(x, 2), &l));
    /* In RESP3 there is one array more around either form. */
    if (l.root == NULL || (l.path.legacy && l.n == 0)) {
        if (x->reply.resp == 3)
            reply_array(x, 1);
        return reply_null(x);
    }
    if (x->reply.resp == 3)
        reply_array(x, 1);
    if (l.path.legacy) {
        put_type(x, json__match(&l, 0));
        return RC_OK;
    }
    reply_array(x, l.n);
    for (size_t i = 0; i < l.n; i++)
        put_type(x, json__match(&l, i));
    return RC_OK;
}

#define FORGET_ROW(row_name)                                                                                      \
    {                                                                                                             \
        row_name, cmd_del, .arity = -2, .group = GROUP_JSON, .flags = CMD_WRITE,                                  \
                           .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}, .since = "1.0.0", .args = "key [path]",      \
                           .reply = "integer", .about = "Removes the values at a path; without a path, the key.", \
                           .complexity = "O(N)"                                                                   \
    }

const struct cmd cmd_json_family[] = {
    {"json.set", cmd_set, .arity = -4, .group = GROUP_JSON, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT | KEY_UPDATE)}, .since = "1.0.0",
     .args =
         "key path json condition=[NX|XX] [FPHA fpha-type=<BF16|FP16|FP32|FP64>] [FORMAT format=<STRING|JSON|BSON>]",
     .reply = "OK or null", .about = "Sets the values at a path to a JSON value.", .complexity = "O(M+N)"},
    {"json.get", cmd_get, .arity = -2, .group = GROUP_JSON, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0",
     .args = "key [INDENT indent] [NEWLINE newline] [SPACE space] [FORMAT format=<STRING|EXPAND1|EXPAND>] [path...]",
     .reply = "bulk or null", .about = "Gets the values at one or more paths as JSON.", .complexity = "O(N)"},
    {"json.mget", cmd_mget, .arity = -3, .group = GROUP_JSON, .flags = CMD_READONLY,
     .keys = {KEY_RANGE(1, -2, 1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key... path",
     .reply = "array of bulks and nulls", .about = "Gets the values at a path of several keys.",
     .complexity = "O(M*N)"},
    {"json.mset", cmd_mset, .arity = -4, .group = GROUP_JSON, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_RANGE(1, -1, 3, KEY_RW | KEY_INSERT | KEY_UPDATE)}, .since = "2.6.0",
     .args = "triplet={key path json}...", .reply = "OK", .about = "Sets values at paths of several keys, all or none.",
     .complexity = "O(K*(M+N))"},
    {"json.merge", cmd_merge, .arity = -4, .group = GROUP_JSON, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT | KEY_UPDATE | KEY_DELETE)}, .since = "2.6.0",
     .args = "key path json [FORMAT format=<STRING|JSON|BSON>]", .reply = "OK or null",
     .about = "Merges a JSON value into those at a path; nulls remove.", .complexity = "O(M+N)"},
    FORGET_ROW("json.del"),
    FORGET_ROW("json.forget"),
    {"json.type", cmd_type, .arity = -2, .group = GROUP_JSON, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key [path]", .reply = "bulk or array",
     .about = "Tells the types of the values at a path.", .complexity = "O(N)"},
    {0},
};
