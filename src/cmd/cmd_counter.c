/* cmd/cmd_counter.c - strings that hold numbers: INCR and its relatives. */
#include "cmd/args.h"

#include <math.h>

/* Replaces the number in an existing entry. */
static enum rc
store_int(struct exec *x, struct entry *e, int64_t v)
{
    struct entry *moved = string_set_int(e, v);

    if (UNLIKELY(moved == NULL)) {
        entry_unchanged(x, e);
        return RC_NO_MEMORY;
    }
    if (moved != e)
        entry_moved(x, e, moved);
    entry_changed(x, moved, EV_INCRBY);
    return reply_int(x, v);
}

static enum rc
add(struct exec *x, int64_t by)
{
    struct entry *e;
    int64_t v;
    char text[STRING_TEXT_MAX];

    TRY(edit_entry(x, x->argv[1], TYPE_STRING, ENTRY_COUNTER, &e));
    if (e == NULL) {
        TRY(key_set_string(x, x->argv[1], slice_of(text, format_int64(text, by)), -1, EV_INCRBY));
        return reply_int(x, by);
    }
    if (UNLIKELY(!string_is_int(e, &v)) && !parse_int64(string_get(e, text), &v)) {
        entry_unchanged(x, e);
        return RC_NOT_INT;
    }
    if (UNLIKELY(__builtin_add_overflow(v, by, &v))) {
        entry_unchanged(x, e);
        return RC_OVERFLOW;
    }
    return store_int(x, e, v);
}

static enum rc
cmd_incr(struct exec *x)
{
    return add(x, 1);
}

static enum rc
cmd_decr(struct exec *x)
{
    return add(x, -1);
}

static enum rc
cmd_incrby(struct exec *x)
{
    int64_t by;

    TRY(arg_int(x, x->argv[2], &by));
    return add(x, by);
}

static enum rc
cmd_decrby(struct exec *x)
{
    int64_t by;

    TRY(arg_int(x, x->argv[2], &by));
    if (by == INT64_MIN)
        return fail(x, "ERR decrement would overflow");
    return add(x, -by);
}

static enum rc
cmd_incrbyfloat(struct exec *x)
{
    struct entry *e, *moved;
    long double v = 0, by;
    char text[STRING_TEXT_MAX];

    TRY(edit_entry(x, x->argv[1], TYPE_STRING, ENTRY_EXISTING, &e));
    bool number = e == NULL || parse_long_double(string_get(e, text), &v);
    if (e != NULL)
        entry_unchanged(x, e);
    if (!number || !parse_long_double(x->argv[2], &by))
        return RC_NOT_FLOAT;
    v += by;
    if (isnan(v) || isinf(v))
        return RC_NAN;

    char *out = arena_get(x->arena, LONG_DOUBLE_TEXT_MAX);
    struct slice sum = slice_of(out, format_long_double(out, v));
    TRY(edit_entry(x, x->argv[1], TYPE_STRING, ENTRY_CREATE, &e));
    moved = string_set_bytes(e, sum);
    if (moved == NULL)
        return RC_NO_MEMORY;
    if (moved != e)
        entry_moved(x, e, moved);
    entry_changed(x, moved, EV_INCRBYFLOAT);
    /* The sum rather than the addition: a replica whose long double is narrower must not drift away. */
    EFFECT_AS(x, LIT("SET"), x->argv[1], sum, LIT("KEEPTTL"));
    return reply_bulk(x, sum);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_counter_family[] = {
    {"incr", cmd_incr, .arity = 2, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "1.0.0", .args = "key", .reply = "integer",
     .about = "Adds one to the number in a key.", .complexity = "O(1)"},
    {"decr", cmd_decr, .arity = 2, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "1.0.0", .args = "key", .reply = "integer",
     .about = "Takes one off the number in a key.", .complexity = "O(1)"},
    {"incrby", cmd_incrby, .arity = 3, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "1.0.0", .args = "key increment:int",
     .reply = "integer", .about = "Adds a number to the number in a key.", .complexity = "O(1)"},
    {"decrby", cmd_decrby, .arity = 3, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "1.0.0", .args = "key decrement:int",
     .reply = "integer", .about = "Takes a number off the number in a key.", .complexity = "O(1)"},
    {"incrbyfloat", cmd_incrbyfloat, .arity = 3, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "2.6.0", .args = "key increment:double",
     .reply = "bulk", .about = "Adds a fraction to the number in a key.", .complexity = "O(1)"},
    {0},
};
