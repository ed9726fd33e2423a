/* cmd/cmd_json_array.c - JSON commands for arrays. */
#include "cmd/args.h"
#include "cmd/cmd_json_priv.h"

enum { ARRAYS = JSON_KIND(JSON_ARRAY) };

/* Values to be put into an array: their bytes, one behind the other. */
struct values {
    struct slice tape;
    size_t count;
    int64_t from, to;
};

static json_node
nth(json_node array, size_t n)
{
    json_node child = json_first(array);

    for (; n > 0; n--)
        child += json_size(child);
    return child;
}

static void
put_range(struct buf *out, json_node from, json_node to)
{
    buf_add(out, from, (size_t)(to - from));
}

static enum rc
parse_values(struct exec *x, int first, struct buf *tape, struct values *v)
{
    for (int i = first; i < x->argc; i++)
        TRY(json__value(x, x->argv[i], tape));
    v->tape = buf_slice(tape);
    v->count = (size_t)(x->argc - first);
    return RC_OK;
}

static enum rc
change_arrays(struct exec *x, const struct values *v, enum event event,
              enum json_outcome (*change)(struct json_work *, json_node, struct json_result *))
{
    struct json_work w = {.x = x, .kinds = ARRAYS, .tape = exec_scratch(x), .with = v};

    TRY(json__change(&w, x->argv[1], x->argv[2], event, change));
    return json__reply_numbers(&w);
}

/* -- JSON.ARRAPPEND, JSON.ARRINSERT ----------------------------------------------------------------------------- */

static enum json_outcome
insert_at(struct json_work *w, json_node n, size_t index, struct json_result *r)
{
    const struct values *v = w->with;
    size_t count = json_count(n) + v->count, at = json_open(w->tape, false);
    json_node place = nth(n, index);

    put_range(w->tape, json_first(n), place);
    buf_add_slice(w->tape, v->tape);
    put_range(w->tape, place, n + json_size(n));
    if (w->tape->len > UINT32_MAX) {
        fail(w->x, "ERR the document would be too large or too deep");
        return JSON_FAILED;
    }
    json_close(w->tape, at, count);
    r->number = (int64_t)count;
    return JSON_CHANGED;
}

static enum json_outcome
append(struct json_work *w, json_node n, struct json_result *r)
{
    return insert_at(w, n, json_count(n), r);
}

static enum json_outcome
insert(struct json_work *w, json_node n, struct json_result *r)
{
    const struct values *v = w->with;
    int64_t count = (int64_t)json_count(n), at = v->from < 0 ? v->from + count : v->from;

    if (at < 0 || at > count) {
        fail(w->x, "ERR index out of bounds");
        return JSON_FAILED;
    }
    return insert_at(w, n, (size_t)at, r);
}

static enum rc
cmd_arrappend(struct exec *x)
{
    struct buf tape = {0};
    struct values v;

    if (x->argc < 4)
        return fail_arity(x);
    enum rc rc = parse_values(x, 3, &tape, &v);
    if (rc == RC_OK)
        rc = change_arrays(x, &v, EV_JSON_ARRAPPEND, append);
    buf_fini(&tape);
    return rc;
}

static enum rc
cmd_arrinsert(struct exec *x)
{
    struct buf tape = {0};
    struct values v;

    TRY(arg_int(x, x->argv[3], &v.from));
    enum rc rc = parse_values(x, 4, &tape, &v);
    if (rc == RC_OK)
        rc = change_arrays(x, &v, EV_JSON_ARRINSERT, insert);
    buf_fini(&tape);
    return rc;
}

/* -- JSON.ARRINDEX, JSON.ARRLEN --------------------------------------------------------------------------------- */

/* An integer is not found where another number of its worth is: 3 is not 3.0. */
static int64_t
index_of(json_node array, json_node value, int64_t from, int64_t to)
{
    int64_t count = (int64_t)json_count(array);

    if (from < 0)
        from = from + count < 0 ? 0 : from + count;
    to = to == 0 ? count : to < 0 ? to + count : to > count ? count : to;
    if (from >= to)
        return -1;
    json_node n = nth(array, (size_t)from);
    for (int64_t i = from; i < to; i++, n += json_size(n))
        if (json_kind(n) == json_kind(value) && json_equal(n, value))
            return i;
    return -1;
}

static enum rc
reply_indexes(struct exec *x, json_node value, int64_t from, int64_t to)
{
    struct json_look l;

    TRY(json__look(x, x->argv[1], x->argv[2], &l));
    if (l.root == NULL)
        return reply_null(x);
    if (l.path.legacy) {
        if (l.n == 0)
            return json__no_path(x, &l.path);
        json_node n = l.root + l.m[0].at;
        if (json_kind(n) != JSON_ARRAY)
            return json__wrong_kind(x, ARRAYS, json_kind(n));
        return reply_int(x, index_of(n, value, from, to));
    }
    reply_array(x, l.n);
    for (size_t i = 0; i < l.n; i++) {
        json_node n = l.root + l.m[i].at;
        if (json_kind(n) == JSON_ARRAY)
            reply_int(x, index_of(n, value, from, to));
        else
            reply_null(x);
    }
    return RC_OK;
}

static enum rc
cmd_arrindex(struct exec *x)
{
    struct buf tape = {0};
    int64_t from = 0, to = 0;

    if (x->argc > 6)
        return fail_arity(x);
    if (x->argc > 4)
        TRY(arg_int(x, x->argv[4], &from));
    if (x->argc > 5)
        TRY(arg_int(x, x->argv[5], &to));
    enum rc rc = json__value(x, x->argv[3], &tape);
    if (rc == RC_OK)
        rc = reply_indexes(x, (json_node)tape.ptr, from, to);
    buf_fini(&tape);
    return rc;
}

static void
put_count(struct exec *x, json_node n)
{
    reply_int(x, (int64_t)json_count(n));
}

static enum rc
cmd_arrlen(struct exec *x)
{
    if (x->argc > 3)
        return fail_arity(x);
    return json__reply_each(x, json__arg_path(x, 2), ARRAYS, put_count);
}

/* -- JSON.ARRPOP, JSON.ARRTRIM ---------------------------------------------------------------------------------- */

static enum json_outcome
pop(struct json_work *w, json_node n, struct json_result *r)
{
    const struct values *v = w->with;
    int64_t count = (int64_t)json_count(n), at = v->from < 0 ? v->from + count : v->from;

    if (count == 0)
        return JSON_KEPT; /* done, with no text: null */
    at = at < 0 ? 0 : at >= count ? count - 1 : at;
    json_node place = nth(n, (size_t)at);
    r->text = w->texts->len;
    json_print(place, NULL, w->texts);
    r->text_len = w->texts->len - r->text;
    size_t open = json_open(w->tape, false);
    put_range(w->tape, json_first(n), place);
    put_range(w->tape, place + json_size(place), n + json_size(n));
    json_close(w->tape, open, (size_t)count - 1);
    return JSON_CHANGED;
}

static void
put_popped(struct json_work *w, const struct json_result *r)
{
    if (r->text_len > 0)
        reply_bulk(w->x, slice_of(w->texts->ptr + r->text, r->text_len));
    else
        reply_null(w->x);
}

static enum rc
pop_all(struct json_work *w)
{
    struct exec *x = w->x;
    const struct json_result *r;

    TRY(json__change(w, x->argv[1], json__arg_path(x, 2), EV_JSON_ARRPOP, pop));
    if (w->path.legacy) {
        TRY(json__one(w, &r));
        put_popped(w, r);
        return RC_OK;
    }
    reply_array(x, w->n);
    for (size_t i = 0; i < w->n; i++)
        put_popped(w, &w->results[i]);
    return RC_OK;
}

static enum rc
cmd_arrpop(struct exec *x)
{
    struct buf texts = {0};
    struct values v = {.from = -1};
    struct json_work w = {.x = x, .kinds = ARRAYS, .tape = exec_scratch(x), .texts = &texts, .with = &v};

    if (x->argc > 4)
        return fail_arity(x);
    if (x->argc == 4)
        TRY(arg_int(x, x->argv[3], &v.from));
    enum rc rc = pop_all(&w);
    buf_fini(&texts);
    return rc;
}

static enum json_outcome
trim(struct json_work *w, json_node n, struct json_result *r)
{
    const struct values *v = w->with;
    size_t from = 0, count = 0, had = json_count(n), open = json_open(w->tape, false);

    if (clamp_range(v->from, v->to, had, &from, &count)) {
        json_node first = nth(n, from), last = first;
        for (size_t i = 0; i < count; i++)
            last += json_size(last);
        put_range(w->tape, first, last);
    } else {
        count = 0;
    }
    json_close(w->tape, open, count);
    r->number = (int64_t)count;
    return count == had ? JSON_KEPT : JSON_CHANGED;
}

static enum rc
cmd_arrtrim(struct exec *x)
{
    struct values v;

    TRY(arg_int(x, x->argv[3], &v.from));
    TRY(arg_int(x, x->argv[4], &v.to));
    return change_arrays(x, &v, EV_JSON_ARRTRIM, trim);
}

#define ROW(row_name, handler, n, fl, key_flags, grammar, replies, text)                                            \
    {                                                                                                               \
        row_name, handler, .arity = n, .group = GROUP_JSON, .flags = fl, .keys = {KEY_AT(1, key_flags)},            \
                           .since = "1.0.0", .args = grammar, .reply = replies, .about = text, .complexity = "O(N)" \
    }

const struct cmd cmd_json_array_family[] = {
    ROW("json.arrappend", cmd_arrappend, -4, CMD_WRITE | CMD_DENYOOM, KEY_RW | KEY_UPDATE, "key path json...",
        "integer or array", "Appends values to the arrays at a path."),
    ROW("json.arrindex", cmd_arrindex, -4, CMD_READONLY, KEY_RO | KEY_ACCESS,
        "key path json-value range=[start:int [stop:int]]", "integer or array",
        "Finds a value in the arrays at a path."),
    ROW("json.arrinsert", cmd_arrinsert, -5, CMD_WRITE | CMD_DENYOOM, KEY_RW | KEY_UPDATE, "key path index:int json...",
        "integer or array", "Inserts values into the arrays at a path."),
    ROW("json.arrlen", cmd_arrlen, -2, CMD_READONLY, KEY_RO | KEY_ACCESS, "key [path]", "integer or array",
        "Tells the lengths of the arrays at a path."),
    ROW("json.arrpop", cmd_arrpop, -2, CMD_WRITE, KEY_RW | KEY_UPDATE, "key path-index=[path [index:int]]",
        "bulk or array", "Removes an element of the arrays at a path and returns it."),
    ROW("json.arrtrim", cmd_arrtrim, 5, CMD_WRITE, KEY_RW | KEY_UPDATE, "key path start:int stop:int",
        "integer or array", "Keeps a range of the arrays at a path."),
    {0},
};
