/* cmd/cmd_hash.c - hashes: fields and their values. HRANDFIELD and HSCAN are in cmd_hash_walk.c. */
#include "cmd/args.h"
#include "cmd/cmd_hash_priv.h"

#include "value/deadlines.h"

#include <math.h>

/* -- setting ------------------------------------------------------------------------------------------------- */

static inline enum rc
set_fields(struct exec *x, int64_t *added)
{
    struct entry *e;
    struct hash *hash;

    if (UNLIKELY(x->argc % 2 != 0))
        return fail_arity(x);
    TRY(edit_hash(x, x->argv[1], ENTRY_CREATE, &e, &hash));
    for (int i = 2; i < x->argc; i += 2) {
        expect_members(x, e, i, 2, 2);
        *added += hash_set(hash, x->limits, x->argv[i], x->argv[i + 1]);
    }
    entry_changed(x, e, EV_HSET);
    return RC_OK;
}

static enum rc
cmd_hset(struct exec *x)
{
    int64_t added = 0;

    TRY(set_fields(x, &added));
    return reply_int(x, added);
}

static enum rc
cmd_hmset(struct exec *x)
{
    int64_t added = 0;

    TRY(set_fields(x, &added));
    return reply_ok(x);
}

static enum rc
cmd_hsetnx(struct exec *x)
{
    struct entry *e;
    struct hash *hash;

    TRY(edit_hash(x, x->argv[1], ENTRY_CREATE, &e, &hash));
    if (hash_has(hash, x->argv[2])) {
        entry_unchanged(x, e);
        return reply_int(x, 0);
    }
    hash_set(hash, x->limits, x->argv[2], x->argv[3]);
    entry_changed(x, e, EV_HSET);
    return reply_int(x, 1);
}

static enum rc
cmd_hdel(struct exec *x)
{
    struct entry *e;
    struct hash *hash;
    int64_t gone = 0;

    TRY(edit_hash(x, x->argv[1], ENTRY_EXISTING, &e, &hash));
    if (e == NULL)
        return reply_int(x, 0);
    for (int i = 2; i < x->argc && hash_count(hash) > 0; i++) {
        expect_members(x, e, i, 2, 1);
        gone += hash_del(hash, x->argv[i]);
    }
    if (gone > 0)
        entry_changed(x, e, EV_HDEL);
    else
        entry_unchanged(x, e);
    return reply_int(x, gone);
}

/* -- counting ------------------------------------------------------------------------------------------------ */

/* Whatever can go wrong must be known before a key is made: look first. */
static enum rc
cmd_hincrby(struct exec *x)
{
    struct entry *e;
    struct hash *hash;
    struct slice text;
    int64_t v = 0, by;
    char out[INT64_TEXT_MAX];

    TRY(arg_int(x, x->argv[3], &by));
    TRY(edit_hash(x, x->argv[1], ENTRY_CREATE, &e, &hash));
    if (hash_get(hash, x->argv[2], &text) && !parse_int64(text, &v)) {
        entry_unchanged(x, e);
        return fail(x, "ERR hash value is not an integer");
    }
    if (__builtin_add_overflow(v, by, &v)) {
        entry_unchanged(x, e);
        return RC_OVERFLOW;
    }
    hash_adjust(hash, x->limits, x->argv[2], slice_of(out, format_int64(out, v)));
    entry_changed(x, e, EV_HINCRBY);
    return reply_int(x, v);
}

static enum rc
cmd_hincrbyfloat(struct exec *x)
{
    struct entry *e;
    struct hash *hash;
    struct slice text;
    long double v = 0, by;

    if (!parse_long_double(x->argv[3], &by))
        return RC_NOT_FLOAT;
    if (isinf(by))
        return fail(x, "ERR value is NaN or Infinity");
    TRY(edit_hash(x, x->argv[1], ENTRY_CREATE, &e, &hash));
    if (hash_get(hash, x->argv[2], &text) && !parse_long_double(text, &v)) {
        entry_unchanged(x, e);
        return fail(x, "ERR hash value is not a float");
    }
    v += by;
    if (isnan(v) || isinf(v)) {
        entry_unchanged(x, e);
        return RC_NAN;
    }
    char *out = arena_get(x->arena, LONG_DOUBLE_TEXT_MAX);
    struct slice sum = slice_of(out, format_long_double(out, v));
    hash_adjust(hash, x->limits, x->argv[2], sum);
    /* The sum rather than the addition: see INCRBYFLOAT. */
    EFFECT_AS(x, LIT("HSET"), x->argv[1], x->argv[2], sum);
    if (entry_deadline(e, x->argv[2]) >= 0)
        EFFECT_AS(x, LIT("HPEXPIREAT"), x->argv[1], arena_int(x->arena, entry_deadline(e, x->argv[2])), LIT("FIELDS"),
                  LIT("1"), x->argv[2]);
    entry_changed(x, e, EV_HINCRBYFLOAT);
    return reply_bulk(x, sum);
}

/* -- reading ------------------------------------------------------------------------------------------------- */

void
hash__reply_field(struct exec *x, const struct hash *hash, struct slice field)
{
    struct slice value;

    if (hash != NULL && hash_get(hash, field, &value))
        reply_bulk(x, value);
    else
        reply_null(x);
}

static enum rc
cmd_hget(struct exec *x)
{
    const struct hash *hash;

    TRY(read_hash(x, x->argv[1], &hash));
    hash__reply_field(x, hash, x->argv[2]);
    return RC_OK;
}

static enum rc
cmd_hmget(struct exec *x)
{
    struct entry *e;

    TRY(read_entry(x, x->argv[1], TYPE_HASH, &e));
    const struct hash *hash = e != NULL ? (const struct hash *)entry_handle(e) : NULL;
    reply_array(x, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++) {
        expect_members(x, e, i, 2, 1);
        hash__reply_field(x, hash, x->argv[i]);
    }
    return RC_OK;
}

static enum rc
cmd_hexists(struct exec *x)
{
    const struct hash *hash;

    TRY(read_hash(x, x->argv[1], &hash));
    return reply_int(x, hash != NULL && hash_has(hash, x->argv[2]));
}

static enum rc
cmd_hlen(struct exec *x)
{
    const struct hash *hash;

    TRY(read_hash(x, x->argv[1], &hash));
    return reply_int(x, hash != NULL ? (int64_t)hash_count(hash) : 0);
}

static enum rc
cmd_hstrlen(struct exec *x)
{
    const struct hash *hash;
    struct slice value;

    TRY(read_hash(x, x->argv[1], &hash));
    return reply_int(x, hash != NULL && hash_get(hash, x->argv[2], &value) ? (int64_t)value.len : 0);
}

static enum rc
read_all(struct exec *x, exec_body *again, bool fields, bool values)
{
    const struct hash *hash;
    struct hash_iter it = {0};
    struct slice field, value;

    TRY(read_hash(x, x->argv[1], &hash));
    size_t n = hash != NULL ? hash_count(hash) : 0;
    if (exec_is_long(x, n))
        return exec_in_slices(x, again, 0);
    if (fields && values)
        reply_map(x, n);
    else
        reply_array(x, n);
    while (n > 0 && hash_next(hash, &it, &field, &value)) {
        if (fields)
            reply_bulk(x, field);
        if (values)
            reply_bulk(x, value);
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

static enum rc
cmd_hgetall(struct exec *x)
{
    return read_all(x, cmd_hgetall, true, true);
}

static enum rc
cmd_hkeys(struct exec *x)
{
    return read_all(x, cmd_hkeys, true, false);
}

static enum rc
cmd_hvals(struct exec *x)
{
    return read_all(x, cmd_hvals, false, true);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_hash_family[] = {
    {"hset", cmd_hset, .arity = -4, .group = GROUP_HASH, .member = 2, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "2.0.0", .args = "key data={field value}...",
     .reply = "integer", .about = "Sets fields of a hash, creating it if needed.", .complexity = "O(1) or O(N)",
     .history = "4.0.0 Variadic field/value pairs."},
    {"hmset", cmd_hmset, .arity = -4, .group = GROUP_HASH, .member = 2, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "2.0.0", .args = "key data={field value}...", .reply = "simple",
     .about = "Sets fields of a hash.", .complexity = "O(N)", .deprecated_since = "4.0.0", .replaced_by = "`HSET`"},
    {"hsetnx", cmd_hsetnx, .arity = 4, .group = GROUP_HASH, .member = 2, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}, .since = "2.0.0", .args = "key field value", .reply = "integer",
     .about = "Sets a field, provided that the hash does not have it.", .complexity = "O(1)"},
    {"hdel", cmd_hdel, .arity = -3, .group = GROUP_HASH, .member = 2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}, .since = "2.0.0", .args = "key field...", .reply = "integer",
     .about = "Removes fields from a hash.", .complexity = "O(N)", .history = "2.4.0 Variadic fields."},
    {"hincrby", cmd_hincrby, .arity = 4, .group = GROUP_HASH, .member = 2, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "2.0.0", .args = "key field increment:int",
     .reply = "integer", .about = "Adds a number to the number in a field.", .complexity = "O(1)"},
    {"hincrbyfloat", cmd_hincrbyfloat, .arity = 4, .group = GROUP_HASH, .member = 2,
     .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST, .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .since = "2.6.0", .args = "key field increment:double", .reply = "bulk",
     .about = "Adds a fraction to the number in a field.", .complexity = "O(1)"},
    {"hget", cmd_hget, .arity = 3, .group = GROUP_HASH, .member = 2, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.0.0", .args = "key field", .reply = "bulk | null",
     .about = "Returns the value of a field.", .complexity = "O(1)"},
    {"hmget", cmd_hmget, .arity = -3, .group = GROUP_HASH, .member = 2, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.0.0", .args = "key field...", .reply = "array",
     .about = "Returns the values of several fields.", .complexity = "O(N)"},
    {"hexists", cmd_hexists, .arity = 3, .group = GROUP_HASH, .member = 2, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO)}, .since = "2.0.0", .args = "key field", .reply = "integer",
     .about = "Tells whether a hash has a field.", .complexity = "O(1)"},
    {"hlen", cmd_hlen, .arity = 2, .group = GROUP_HASH, .flags = CMD_READONLY | CMD_FAST, .keys = {KEY_AT(1, KEY_RO)},
     .since = "2.0.0", .args = "key", .reply = "integer", .about = "Tells how many fields a hash has.",
     .complexity = "O(1)"},
    {"hstrlen", cmd_hstrlen, .arity = 3, .group = GROUP_HASH, .member = 2, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO)}, .since = "3.2.0", .args = "key field", .reply = "integer",
     .about = "Tells how long a field's value is.", .complexity = "O(1)"},
    {"hgetall", cmd_hgetall, .arity = 2, .group = GROUP_HASH, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.0.0", .args = "key", .reply = "map",
     .about = "Returns all fields and values of a hash.", .complexity = "O(N)",
     .tips = "nondeterministic_output_order"},
    {"hkeys", cmd_hkeys, .arity = 2, .group = GROUP_HASH, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.0.0", .args = "key", .reply = "array",
     .about = "Returns all fields of a hash.", .complexity = "O(N)", .tips = "nondeterministic_output_order"},
    {"hvals", cmd_hvals, .arity = 2, .group = GROUP_HASH, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.0.0", .args = "key", .reply = "array",
     .about = "Returns all values of a hash.", .complexity = "O(N)", .tips = "nondeterministic_output_order"},
    {0},
};
