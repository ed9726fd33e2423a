/* cmd/cmd_json_array.c - JSON commands for arrays. */
#include "cmd/args.h"
#include "cmd/cmd_json_priv.h"

enum { ARRAYS = JSON_KIND(JSON_ARRAY) };

/* What is to be done to arrays. */
struct values {
    struct slice tape; /* to be put in: their bytes, one behind the other */
    size_t count;
    int64_t from, to;
    unsigned levels; /* of the reply; 0: text */
};

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
    size_t had = json_count(n), count = had + v->count, at = json_open_like(w->tape, n);

    json_put_part(w->tape, at, n, 0, index);
    json_put_values(w->tape, at, v->tape);
    json_put_part(w->tape, at, n, index, had - index);
    if (w->tape->len > UINT32_MAX) {
        fail(w->x, "ERR the document would be too large or too deep");
        return JSON_FAILED;
    }
    json_close_like(w->tape, at, count);
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
    struct json_children c = json_children_from(array, (size_t)from);
    for (int64_t i = from; i < to && json_next(&c); i++)
        if (json_kind(c.value) == json_kind(value) && json_equal(c.value, value))
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
        json_node n = json__match(&l, 0);
        if (json_kind(n) != JSON_ARRAY)
            return json__wrong_kind(x, ARRAYS, json_kind(n));
        return reply_int(x, index_of(n, value, from, to));
    }
    reply_array(x, l.n);
    for (size_t i = 0; i < l.n; i++) {
        json_node n = json__match(&l, i);
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
        return JSON_KEPT; /* done, with no value: null */
    at = at < 0 ? 0 : at >= count ? count - 1 : at;
    struct json_children popped = json_children_from(n, (size_t)at);
    json_next(&popped);
    r->text = w->texts->len;
    r->text_len = json_size(popped.value);
    buf_add(w->texts, popped.value, r->text_len);
    size_t open = json_open_like(w->tape, n);
    json_put_part(w->tape, open, n, 0, (size_t)at);
    json_put_part(w->tape, open, n, (size_t)at + 1, (size_t)(count - at) - 1);
    json_close_like(w->tape, open, (size_t)count - 1);
    return JSON_CHANGED;
}

static void
put_popped(struct json_work *w, const struct json_result *r)
{
    const struct values *v = w->with;
    json_node n = (json_node)w->texts->ptr + r->text;
    struct buf text = {0};

    if (r->text_len == 0) {
        reply_null(w->x);
    } else if (v->levels > 0) {
        json__put_expanded(w->x, n, v->levels);
    } else {
        json_print(n, NULL, &text);
        json__reply_text(w->x, &text);
    }
}

static enum rc
pop_all(struct json_work *w, struct slice path)
{
    struct exec *x = w->x;
    const struct json_result *r;

    TRY(json__change(w, x->argv[1], path, EV_JSON_ARRPOP, pop));
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

/* `format` may be a path of the older dialect as well. */
static bool
names_format(const struct exec *x)
{
    return x->argc > 3 && arg_is(x->argv[2], LIT("format")) &&
           (arg_is(x->argv[3], LIT("strings")) || arg_is(x->argv[3], LIT("expand1")) ||
            arg_is(x->argv[3], LIT("expand")));
}

static enum rc
cmd_arrpop(struct exec *x)
{
    struct buf texts = {0};
    struct values v = {.from = -1};
    struct json_work w = {.x = x, .kinds = ARRAYS, .tape = exec_scratch(x), .texts = &texts, .with = &v};
    int at = 2; /* of the path */

    if (names_format(x)) {
        TRY(json__reply_format(x, x->argv[3], LIT("strings"), &v.levels));
        at = 4;
    }
    if (x->argc > at + 2)
        return fail_arity(x);
    if (x->argc == at + 2)
        TRY(arg_int(x, x->argv[at + 1], &v.from));
    enum rc rc = pop_all(&w, json__arg_path(x, at));
    buf_fini(&texts);
    return rc;
}

static enum json_outcome
trim(struct json_work *w, json_node n, struct json_result *r)
{
    const struct values *v = w->with;
    size_t from = 0, count = 0, had = json_count(n), open = json_open_like(w->tape, n);

    if (!clamp_range(v->from, v->to, had, &from, &count))
        count = 0;
    json_put_part(w->tape, open, n, from, count);
    json_close_like(w->tape, open, count);
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
    ROW("json.arrpop", cmd_arrpop, -2, CMD_WRITE, KEY_RW | KEY_UPDATE,
        "key [FORMAT format=<STRINGS|EXPAND1|EXPAND>] path-index=[path [index:int]]", "bulk or array",
        "Removes an element of the arrays at a path and returns it."),
    ROW("json.arrtrim", cmd_arrtrim, 5, CMD_WRITE, KEY_RW | KEY_UPDATE, "key path start:int stop:int",
        "integer or array", "Keeps a range of the arrays at a path."),
    {0},
};
