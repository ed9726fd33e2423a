/* cmd/cmd_increx.c - INCREX: a counter with bounds and a time to live, in one step. */
#include "cmd/args.h"

#include <float.h>
#include <math.h>

struct increx {
    const struct slice *by, *lower, *upper, *time; /* arguments; NULL: not given */
    enum expire_unit unit;
    bool is_float, saturate, enx, persist, relative;
    int64_t at_ms;
    struct {
        int64_t by, lower, upper;
    } i;
    struct {
        long double by, lower, upper;
    } f;
};

/* -- arguments ----------------------------------------------------------------------------------------------- */

/* Takes an option with its value; each may be given once. */
static bool
take(struct exec *x, int *at, const struct slice **where)
{
    if (*where != NULL || *at + 1 >= x->argc)
        return false;
    *where = &x->argv[++*at];
    return true;
}

static bool
take_flag(bool *flag)
{
    bool first = !*flag;

    *flag = true;
    return first;
}

static bool
parse_time(struct exec *x, struct increx *o, int *at)
{
    static const struct {
        struct slice word;
        enum expire_unit unit;
        bool relative;
    } words[] = {{{"EX", 2}, UNIT_S, true},
                 {{"PX", 2}, UNIT_MS, true},
                 {{"EXAT", 4}, UNIT_S, false},
                 {{"PXAT", 4}, UNIT_MS, false}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!arg_is(x->argv[*at], words[i].word))
            continue;
        o->unit = words[i].unit;
        o->relative = words[i].relative;
        return !o->persist && take(x, at, &o->time);
    }
    return false;
}

static bool
parse_option(struct exec *x, struct increx *o, int *at)
{
    struct slice arg = x->argv[*at];

    if (arg_is(arg, LIT("BYINT")))
        return take(x, at, &o->by);
    if (arg_is(arg, LIT("BYFLOAT"))) {
        o->is_float = true;
        return take(x, at, &o->by);
    }
    if (arg_is(arg, LIT("LBOUND")))
        return take(x, at, &o->lower);
    if (arg_is(arg, LIT("UBOUND")))
        return take(x, at, &o->upper);
    if (arg_is(arg, LIT("SATURATE")))
        return take_flag(&o->saturate);
    if (arg_is(arg, LIT("ENX")))
        return !o->persist && take_flag(&o->enx);
    if (arg_is(arg, LIT("PERSIST")))
        return !o->enx && o->time == NULL && take_flag(&o->persist);
    return parse_time(x, o, at);
}

static enum rc
parse_number(struct exec *x, const struct slice *arg, bool is_float, const char *what, int64_t *i, long double *f)
{
    if (arg == NULL)
        return RC_OK;
    if (is_float)
        return parse_long_double(*arg, f) ? RC_OK : fail(x, "ERR %s is not a valid float", what);
    return parse_int64(*arg, i) ? RC_OK : fail(x, "ERR %s is not an integer or out of range", what);
}

static enum rc
parse(struct exec *x, struct increx *o)
{
    for (int at = 2; at < x->argc; at++) {
        if (!parse_option(x, o, &at))
            return RC_SYNTAX;
    }
    if (o->enx && o->time == NULL)
        return fail(x, "ERR ENX flag requires an expiration");
    o->i.by = 1;
    o->i.lower = INT64_MIN;
    o->i.upper = INT64_MAX;
    o->f.lower = -LDBL_MAX;
    o->f.upper = LDBL_MAX;
    TRY(parse_number(x, o->by, o->is_float, "Increment", &o->i.by, &o->f.by));
    TRY(parse_number(x, o->lower, o->is_float, "LBOUND", &o->i.lower, &o->f.lower));
    TRY(parse_number(x, o->upper, o->is_float, "UBOUND", &o->i.upper, &o->f.upper));
    if (o->is_float && isinf(o->f.by))
        return fail(x, "ERR BYFLOAT increment cannot be Infinity");
    if (o->is_float ? o->f.lower > o->f.upper : o->i.lower > o->i.upper)
        return fail(x, "ERR LBOUND can't be greater than UBOUND");
    return o->time != NULL ? arg_expire(x, *o->time, o->unit, o->relative, &o->at_ms) : RC_OK;
}

/* -- counting ------------------------------------------------------------------------------------------------ */

/* What is to be stored (ptr NULL: nothing, the key stays as it is), and the reply. */
struct outcome {
    struct slice text;
    union {
        struct {
            int64_t value, applied;
        } i;
        struct {
            long double value, applied;
        } f;
    };
};

static enum rc
count_int(struct exec *x, const struct increx *o, const struct entry *e, struct outcome *out)
{
    char text[STRING_TEXT_MAX];
    int64_t old = 0, v;

    if (e != NULL && !string_is_int(e, &old) && !parse_int64(string_get(e, text), &old))
        return RC_NOT_INT;
    bool over = __builtin_add_overflow(old, o->i.by, &v);
    if (over)
        v = o->i.by > 0 ? INT64_MAX : INT64_MIN;
    if (over || v < o->i.lower || v > o->i.upper) {
        out->i.value = old;
        out->i.applied = 0;
        if (!o->saturate)
            return RC_OK;
        v = v < o->i.lower ? o->i.lower : v > o->i.upper ? o->i.upper : v;
    }
    if (__builtin_sub_overflow(v, old, &out->i.applied))
        return fail(x, "ERR applied increment would overflow");
    out->i.value = v;
    out->text = arena_int(x->arena, v);
    return RC_OK;
}

static enum rc
count_float(struct exec *x, const struct increx *o, const struct entry *e, struct outcome *out)
{
    char text[STRING_TEXT_MAX];
    long double old = 0;

    if (e != NULL && !parse_long_double(string_get(e, text), &old))
        return RC_NOT_FLOAT;
    if (isinf(old))
        return fail(x, "ERR value cannot be Infinity");
    long double v = old + o->f.by;
    if (isinf(v) || v < o->f.lower || v > o->f.upper) {
        out->f.value = old;
        out->f.applied = 0;
        if (!o->saturate)
            return RC_OK;
        v = v < o->f.lower ? o->f.lower : o->f.upper;
    }
    if (isnan(v) || isinf(v) || isinf(v - old))
        return RC_NAN;
    out->f.value = v;
    out->f.applied = v - old;
    char *p = arena_get(x->arena, LONG_DOUBLE_TEXT_MAX);
    out->text = slice_of(p, format_long_double(p, v));
    return RC_OK;
}

static enum rc
store(struct exec *x, const struct increx *o, const struct entry *e, struct slice text)
{
    bool expires = e != NULL && entry_expiry(e) >= 0, set_time = o->time != NULL && !(o->enx && expires);
    bool cleared = o->persist && expires;
    struct slice key = x->argv[1];

    if (set_time && is_past(x, o->at_ms)) {
        EFFECT_AS(x, LIT("DEL"), key);
        (void)key_delete(x, x->db, key, EV_DEL);
        return RC_OK;
    }
    TRY(key_set_string(x, key, text,
                       set_time  ? o->at_ms
                       : cleared ? -1
                                 : KEEP_EXPIRY,
                       o->is_float ? EV_INCRBYFLOAT : EV_INCRBY));
    if (set_time) {
        notify(x, EV_EXPIRE, key);
        EFFECT_AS(x, LIT("SET"), key, text, LIT("PXAT"), arena_int(x->arena, o->at_ms));
    } else if (cleared) {
        notify(x, EV_PERSIST, key);
        EFFECT_AS(x, LIT("SET"), key, text);
    } else {
        EFFECT_AS(x, LIT("SET"), key, text, LIT("KEEPTTL"));
    }
    return RC_OK;
}

static void
reply_long_double(struct exec *x, long double v)
{
    char text[LONG_DOUBLE_TEXT_MAX];

    reply_put_double_text(&x->reply, slice_of(text, format_long_double(text, v)));
}

static enum rc
cmd_increx(struct exec *x)
{
    struct increx o = {0};
    struct outcome out = {0};
    const struct entry *e;

    TRY(parse(x, &o));
    TRY(read_string(x, x->argv[1], &e));
    TRY(o.is_float ? count_float(x, &o, e, &out) : count_int(x, &o, e, &out));
    if (out.text.ptr != NULL)
        TRY(store(x, &o, e, out.text));
    reply_array(x, 2);
    if (!o.is_float) {
        reply_int(x, out.i.value);
        return reply_int(x, out.i.applied);
    }
    reply_long_double(x, out.f.value);
    reply_long_double(x, out.f.applied);
    return RC_OK;
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_increx_family[] = {
    {"increx", cmd_increx, .arity = -2, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "8.8.0",
     .args = "key increment=[BYFLOAT float:double|BYINT integer:int] [SATURATE] [LBOUND lowerbound] "
             "[UBOUND upperbound] expiration=[EX seconds:int|PX milliseconds:int|EXAT unix-time-seconds:time|"
             "PXAT unix-time-milliseconds:time|PERSIST] [ENX]",
     .reply = "array", .about = "Adds to the number in a key, within bounds, and changes when the key expires.",
     .complexity = "O(1)"},
    {0},
};
