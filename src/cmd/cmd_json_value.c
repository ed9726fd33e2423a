/* cmd/cmd_json_value.c - JSON commands for numbers, strings, booleans and objects; RESP and DEBUG. */
#include "base/mem.h"
#include "cmd/cmd_json_priv.h"

#include <math.h>

/* -- numbers ---------------------------------------------------------------------------------------------------- */

enum sum { SUM_ADD, SUM_MULTIPLY, SUM_POWER };
struct operation {
    enum sum sum;
    json_node by;
};

static bool
whole_result(const struct operation *o, json_node n, int64_t *out)
{
    int64_t a, b, v = 1;

    if (!json_int64(n, &a) || !json_int64(o->by, &b))
        return false;
    switch (o->sum) {
    case SUM_ADD: return !__builtin_add_overflow(a, b, out);
    case SUM_MULTIPLY: return !__builtin_mul_overflow(a, b, out);
    default: break;
    }
    if (b < 0)
        return false;
    /* By squaring; with 0, 1 and -1 nothing grows. */
    for (;;) {
        if ((b & 1) && __builtin_mul_overflow(v, a, &v))
            return false;
        b >>= 1;
        if (b == 0)
            break;
        if (__builtin_mul_overflow(a, a, &a))
            return false;
    }
    *out = v;
    return true;
}

static enum json_outcome
change_number(struct json_work *w, json_node n, struct json_result *r)
{
    const struct operation *o = w->with;
    int64_t whole;

    if (whole_result(o, n, &whole)) {
        json_put_int(w->tape, whole);
    } else if (o->sum == SUM_POWER && json_int64(n, &whole) && json_int64(o->by, &whole)) {
        fail(w->x, "ERR numeric overflow"); /* a power of integers is one, or an error */
        return JSON_FAILED;
    } else {
        double a = json_double(n), b = json_double(o->by);
        double v = o->sum == SUM_ADD ? a + b : o->sum == SUM_MULTIPLY ? a * b : pow(a, b);
        if (!isfinite(v)) {
            fail(w->x, "ERR result is not a number");
            return JSON_FAILED;
        }
        json_put_double(w->tape, v);
    }
    r->text = w->texts->len;
    json_print((json_node)w->tape->ptr, NULL, w->texts);
    r->text_len = w->texts->len - r->text;
    return JSON_CHANGED;
}

static void
reply_number(struct exec *x, struct slice text)
{
    int64_t i;
    double d;

    if (parse_int64(text, &i))
        reply_int(x, i);
    else if (parse_double(text, &d))
        reply_double(x, d);
    else
        reply_null(x);
}

/* RESP2 gets JSON text, RESP3 numbers in an array whatever the dialect. */
static enum rc
reply_results(struct json_work *w)
{
    const struct json_result *one = NULL;
    struct buf out = {0};
    bool resp3 = w->x->reply.resp == 3;

    if (w->path.legacy) {
        TRY(json__one(w, &one));
        struct slice text = slice_of(w->texts->ptr + one->text, one->text_len);
        if (!resp3)
            return reply_bulk(w->x, text);
        reply_array(w->x, 1);
        reply_number(w->x, text);
        return RC_OK;
    }
    if (resp3)
        reply_array(w->x, w->n);
    else
        buf_add_char(&out, '[');
    for (size_t i = 0; i < w->n; i++) {
        const struct json_result *r = &w->results[i];
        struct slice text = r->done ? slice_of(w->texts->ptr + r->text, r->text_len) : LIT("null");
        if (resp3) {
            reply_number(w->x, text);
            continue;
        }
        if (i > 0)
            buf_add_char(&out, ',');
        buf_add_slice(&out, text);
    }
    if (resp3)
        return RC_OK;
    buf_add_char(&out, ']');
    return json__reply_text(w->x, &out);
}

static enum rc
change_numbers(struct exec *x, enum sum sum, enum event event)
{
    struct buf number = {0}, texts = {0};
    struct operation o = {.sum = sum};
    struct json_work w = {.x = x, .kinds = JSON_NUMERIC, .tape = exec_scratch(x), .texts = &texts, .with = &o};
    enum rc rc = json__value(x, x->argv[3], &number);

    o.by = (json_node)number.ptr;
    if (rc == RC_OK && !json_is_number(o.by))
        rc = fail(x, "ERR expected value at line 1 column 1");
    if (rc == RC_OK)
        rc = json__change(&w, x->argv[1], x->argv[2], event, change_number);
    if (rc == RC_OK)
        rc = reply_results(&w);
    buf_fini(&number);
    buf_fini(&texts);
    return rc;
}

static enum rc
cmd_numincrby(struct exec *x)
{
    return change_numbers(x, SUM_ADD, EV_JSON_NUMINCRBY);
}

static enum rc
cmd_nummultby(struct exec *x)
{
    return change_numbers(x, SUM_MULTIPLY, EV_JSON_NUMMULTBY);
}

static enum rc
cmd_numpowby(struct exec *x)
{
    return change_numbers(x, SUM_POWER, EV_JSON_NUMPOWBY);
}

/* -- strings, booleans ------------------------------------------------------------------------------------------ */

static enum json_outcome
append_string(struct json_work *w, json_node n, struct json_result *r)
{
    struct slice more = json_string(w->with), old = json_string(n);
    struct buf text = {0};

    if (old.len + more.len > string_max(w->x)) {
        fail(w->x, "ERR string exceeds maximum allowed size");
        return JSON_FAILED;
    }
    buf_add_slice(&text, old);
    buf_add_slice(&text, more);
    json_put_string(w->tape, buf_slice(&text));
    r->number = (int64_t)text.len;
    buf_fini(&text);
    return more.len > 0 ? JSON_CHANGED : JSON_KEPT;
}

static enum rc
cmd_strappend(struct exec *x)
{
    struct buf more = {0};
    struct json_work w = {.x = x, .kinds = JSON_KIND(JSON_STRING), .tape = exec_scratch(x)};

    if (x->argc > 4)
        return fail_arity(x);
    enum rc rc = json__value(x, x->argv[x->argc - 1], &more);
    if (rc == RC_OK && json_kind((json_node)more.ptr) != JSON_STRING)
        rc = json__wrong_kind(x, w.kinds, json_kind((json_node)more.ptr));
    w.with = more.ptr;
    if (rc == RC_OK)
        rc = json__change(&w, x->argv[1], x->argc == 4 ? x->argv[2] : json__arg_path(x, x->argc), EV_JSON_STRAPPEND,
                          append_string);
    if (rc == RC_OK)
        rc = json__reply_numbers(&w);
    buf_fini(&more);
    return rc;
}

static void
put_length(struct exec *x, json_node n)
{
    reply_int(x, (int64_t)json_string(n).len);
}

static void
put_count(struct exec *x, json_node n)
{
    reply_int(x, (int64_t)json_count(n));
}

static enum rc
read_command(struct exec *x, unsigned kinds, json_put *put)
{
    if (x->argc > 3)
        return fail_arity(x);
    return json__reply_each(x, json__arg_path(x, 2), kinds, put);
}

static enum rc
cmd_strlen(struct exec *x)
{
    return read_command(x, JSON_KIND(JSON_STRING), put_length);
}

static enum json_outcome
toggle(struct json_work *w, json_node n, struct json_result *r)
{
    r->number = !json_true(n);
    json_put_bool(w->tape, r->number);
    return JSON_CHANGED;
}

static enum rc
cmd_toggle(struct exec *x)
{
    struct json_work w = {.x = x, .kinds = JSON_KIND(JSON_BOOL), .tape = exec_scratch(x)};
    const struct json_result *r;

    TRY(json__change(&w, x->argv[1], x->argv[2], EV_JSON_TOGGLE, toggle));
    if (!w.path.legacy)
        return json__reply_numbers(&w);
    TRY(json__one(&w, &r));
    return reply_bulk(x, r->number ? LIT("true") : LIT("false"));
}

/* -- JSON.CLEAR ------------------------------------------------------------------------------------------------- */

static enum json_outcome
clear(struct json_work *w, json_node n, struct json_result *r)
{
    (void)r;
    if (json_is_number(n)) {
        int64_t v;
        json_put_int(w->tape, 0);
        return json_int64(n, &v) && v == 0 ? JSON_KEPT : JSON_CHANGED;
    }
    json_close(w->tape, json_open(w->tape, json_kind(n) == JSON_OBJECT), 0);
    return json_count(n) > 0 ? JSON_CHANGED : JSON_KEPT;
}

static enum rc
cmd_clear(struct exec *x)
{
    struct json_work w = {
        .x = x, .tape = exec_scratch(x), .kinds = JSON_NUMERIC | JSON_KIND(JSON_ARRAY) | JSON_KIND(JSON_OBJECT)};

    if (x->argc > 3)
        return fail_arity(x);
    TRY(json__change(&w, x->argv[1], x->argc > 2 ? x->argv[2] : LIT("$"), EV_JSON_CLEAR, clear));
    return reply_int(x, (int64_t)w.changed);
}

/* -- objects ---------------------------------------------------------------------------------------------------- */

static enum rc
cmd_objlen(struct exec *x)
{
    return read_command(x, JSON_KIND(JSON_OBJECT), put_count);
}

static void
put_keys(struct exec *x, json_node n)
{
    reply_array(x, json_count(n));
    for (struct json_children c = json_children(n); json_next(&c);)
        reply_bulk(x, json_string(c.key));
}

static enum rc
cmd_objkeys(struct exec *x)
{
    return read_command(x, JSON_KIND(JSON_OBJECT), put_keys);
}

/* -- JSON.RESP, JSON.DEBUG -------------------------------------------------------------------------------------- */

/* In the order of the bytes: a container's head says how many elements follow, so nothing has to be remembered but
 * where keys are. Recursion is bounded by the depth that documents may have. */
static void
put_resp(struct exec *x, json_node n)
{
    enum json_kind kind = json_kind(n);
    int64_t i;

    if (kind == JSON_ARRAY || kind == JSON_OBJECT) {
        reply_array(x, 1 + (kind == JSON_OBJECT ? 2 : 1) * json_count(n));
        reply_simple(x, kind == JSON_OBJECT ? LIT("{") : LIT("["));
        for (struct json_children c = json_children(n); json_next(&c);) {
            if (kind == JSON_OBJECT)
                reply_bulk(x, json_string(c.key));
            put_resp(x, c.value);
        }
    } else if (kind == JSON_NULL) {
        reply_null(x);
    } else if (kind == JSON_BOOL) {
        reply_simple(x, json_true(n) ? LIT("true") : LIT("false"));
    } else if (kind == JSON_STRING) {
        reply_bulk(x, json_string(n));
    } else if (json_int64(n, &i)) {
        reply_int(x, i);
    } else {
        struct buf text = {0};
        json_print(n, NULL, &text);
        json__reply_text(x, &text);
    }
}

static enum rc
cmd_resp(struct exec *x)
{
    return read_command(x, JSON_ANY_KIND, put_resp);
}

static void
put_size(struct exec *x, json_node n)
{
    reply_int(x, (int64_t)json_size(n));
}

static enum rc
debug_memory(struct exec *x)
{
    struct json_look l;

    if (x->argc > 4)
        return fail_arity(x);
    TRY(json__look(x, x->argv[2], json__arg_path(x, 3), &l));
    if (l.root == NULL)
        return l.path.legacy ? reply_int(x, 0) : reply_array(x, 0);
    if (l.path.legacy) {
        if (l.n == 0)
            return json__no_path(x, &l.path);
        put_size(x, json__match(&l, 0));
        return RC_OK;
    }
    reply_array(x, l.n);
    for (size_t i = 0; i < l.n; i++)
        put_size(x, json__match(&l, i));
    return RC_OK;
}

static enum rc
debug_help(struct exec *x)
{
    static const char *const lines[] = {"MEMORY <key> [<path>]", "    Bytes that the values at a path take.", NULL};

    return reply_help(x, lines);
}

static const struct cmd debug_subs[] = {
    {"memory", debug_memory, .arity = -3, .group = GROUP_JSON, .flags = CMD_READONLY,
     .keys = {KEY_AT(2, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key [path]", .reply = "integer or array",
     .about = "Tells how many bytes the values at a path take.", .complexity = "O(N)"},
    {"help", debug_help, .arity = 2, .group = GROUP_JSON, .since = "1.0.0", .reply = "array",
     .about = "Lists the subcommands.", .complexity = "O(1)"},
    {0},
};

#define ROW(row_name, handler, n, fl, key_flags, from, grammar, replies, text)                                   \
    {                                                                                                            \
        row_name, handler, .arity = n, .group = GROUP_JSON, .flags = fl, .keys = {KEY_AT(1, key_flags)},         \
                           .since = from, .args = grammar, .reply = replies, .about = text, .complexity = "O(N)" \
    }
#define READ(row_name, handler, text) \
    ROW(row_name, handler, -2, CMD_READONLY, KEY_RO | KEY_ACCESS, "1.0.0", "key [path]", "depends on the path", text)
#define NUMBER(row_name, handler, text) \
    ROW(row_name, handler, 4, CMD_WRITE, KEY_RW | KEY_UPDATE, "1.0.0", "key path number:double", "bulk or array", text)

const struct cmd cmd_json_value_family[] = {
    NUMBER("json.numincrby", cmd_numincrby, "Adds to the numbers at a path."),
    NUMBER("json.nummultby", cmd_nummultby, "Multiplies the numbers at a path."),
    NUMBER("json.numpowby", cmd_numpowby, "Raises the numbers at a path to a power."),
    ROW("json.strappend", cmd_strappend, -3, CMD_WRITE | CMD_DENYOOM, KEY_RW | KEY_UPDATE, "1.0.0",
        "key [path] json-string", "integer or array", "Appends to the strings at a path."),
    READ("json.strlen", cmd_strlen, "Tells the lengths of the strings at a path."),
    ROW("json.toggle", cmd_toggle, 3, CMD_WRITE, KEY_RW | KEY_UPDATE, "2.0.0", "key path", "bulk or array",
        "Turns each boolean at a path into the other one."),
    ROW("json.clear", cmd_clear, -2, CMD_WRITE, KEY_RW | KEY_UPDATE, "2.0.0", "key [path]", "integer",
        "Empties containers and sets numbers to zero."),
    READ("json.objlen", cmd_objlen, "Counts the keys of the objects at a path."),
    READ("json.objkeys", cmd_objkeys, "Lists the keys of the objects at a path."),
    READ("json.resp", cmd_resp, "Gives the values at a path in the forms of the protocol."),
    {"json.debug", .arity = -2, .group = GROUP_JSON, .subs = debug_subs, .since = "1.0.0",
     .about = "Looks into how documents are stored.", .complexity = "depends on the subcommand"},
    {0},
};
