/* cmd/args.c - readings of arguments that several command families share. */
#include "cmd/args.h"

#include "value/deadlines.h"

#include <inttypes.h>

enum rc
arg_range(struct exec *x, struct slice arg, int64_t min, int64_t max, int64_t *out)
{
    int64_t v;

    TRY(arg_int(x, arg, &v));
    if (v < min || v > max)
        return fail(x, "ERR value is out of range, value must between %" PRId64 " and %" PRId64, min, max);
    *out = v;
    return RC_OK;
}

enum rc
arg_range_or(struct exec *x, struct slice arg, int64_t min, int64_t max, const char *error, int64_t *out)
{
    int64_t v;

    if (!parse_int64(arg, &v) || v < min || v > max)
        return fail(x, "%s", error);
    *out = v;
    return RC_OK;
}

enum rc
arg_positive(struct exec *x, struct slice arg, int64_t *out)
{
    int64_t v;

    if (!parse_int64(arg, &v) || v < 0)
        return RC_NOT_POSITIVE;
    *out = v;
    return RC_OK;
}

enum rc
arg_int32(struct exec *x, struct slice arg, int64_t *out)
{
    return arg_range(x, arg, INT32_MIN, INT32_MAX, out);
}

bool
clamp_range(int64_t first, int64_t last, size_t len, size_t *from, size_t *count)
{
    int64_t n = (int64_t)len;

    if (first < 0)
        first = first + n < 0 ? 0 : first + n;
    if (last < 0)
        last += n;
    if (last >= n)
        last = n - 1;
    if (first > last || first >= n)
        return false;
    *from = (size_t)first;
    *count = (size_t)(last - first) + 1;
    return true;
}

enum rc
fail_expire(struct exec *x)
{
    return fail(x, "ERR invalid expire time in '%s' command", x->cmd->name);
}

enum rc
arg_expire(struct exec *x, struct slice arg, enum expire_unit unit, bool relative, int64_t *at_ms)
{
    int64_t v;

    TRY(arg_int(x, arg, &v));
    if (v <= 0 || (unit == UNIT_S && __builtin_mul_overflow(v, 1000, &v)))
        return fail_expire(x);
    if (relative && __builtin_add_overflow(v, x->now_ms, &v))
        return fail_expire(x);
    *at_ms = v;
    return RC_OK;
}

enum rc
arg_deadline(struct exec *x, struct slice arg, enum expire_unit unit, bool relative, int64_t *at_ms)
{
    int64_t v, base = relative ? x->now_ms : 0;

    TRY(arg_int(x, arg, &v));
    if (v < 0)
        return fail(x, "ERR invalid expire time, must be >= 0");
    if (unit == UNIT_S && v > DEADLINE_MAX / 1000)
        return fail_expire(x);
    if (unit == UNIT_S)
        v *= 1000;
    if (v > DEADLINE_MAX - base)
        return fail_expire(x);
    *at_ms = v + base;
    return RC_OK;
}

void
effect_members(struct exec *x, struct slice command, struct slice extra, struct slice clause,
               const struct slice *members, int n)
{
    struct slice *argv = arena_array(x->arena, (size_t)n + 5, sizeof(*argv));
    int argc = 0;

    argv[argc++] = command;
    argv[argc++] = x->argv[1];
    if (extra.ptr != NULL)
        argv[argc++] = extra;
    if (clause.ptr != NULL) {
        argv[argc++] = clause;
        argv[argc++] = arena_int(x->arena, n);
    }
    memcpy(argv + argc, members, (size_t)n * sizeof(*argv));
    effect_as(x, argv, argc + n);
}

struct slice
arena_int(struct arena *a, int64_t v)
{
    char *text = arena_get(a, INT64_TEXT_MAX);

    return slice_of(text, format_int64(text, v));
}

void
reply_pairs(struct exec *x, size_t n, bool beside)
{
    reply_array(x, beside && x->reply.resp == 2 ? 2 * n : n);
}

void
reply_pair(struct exec *x, bool beside)
{
    if (beside && x->reply.resp > 2)
        reply_array(x, 2);
}

enum rc
check_repetitions(struct exec *x, uint64_t n)
{
    /* An element takes some sixteen bytes of the reply; a reply may take what a string may. */
    return n > string_max(x) / 16 ? RC_NO_MEMORY : RC_OK;
}
