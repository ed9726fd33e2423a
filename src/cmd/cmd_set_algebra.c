/* cmd/cmd_set_algebra.c - intersections, unions and differences of sets. */
#include "cmd/args.h"

#include <stdlib.h>

/* -- the sets ------------------------------------------------------------------------------------------------ */

struct operands {
    const struct set **sets; /* NULL where the key is absent */
    int count;
    bool any_missing;
};

/* Looks all of them up, so that a wrong type is found even when the result is already known. */
static enum rc
read_operands(struct exec *x, const struct slice *keys, int n, struct operands *out)
{
    out->sets = arena_array(x->arena, (size_t)n, sizeof(void *));
    out->count = n;
    out->any_missing = false;
    for (int i = 0; i < n; i++) {
        TRY(read_set(x, keys[i], &out->sets[i]));
        out->any_missing |= out->sets[i] == NULL;
    }
    return RC_OK;
}

/* Gets every member of the result; false ends the search. */
typedef bool take_member(void *ctx, struct slice member);

static int
by_count(const void *a, const void *b)
{
    size_t x = set_count(*(const struct set *const *)a), y = set_count(*(const struct set *const *)b);

    return (x > y) - (x < y);
}

/* Walks over the smallest set and asks the others, the next smallest first. */
static enum rc
intersect(struct exec *x, struct operands *o, take_member *take, void *ctx)
{
    struct set_iter it = {0};
    struct set_member m;

    if (o->any_missing)
        return RC_OK;
    qsort(o->sets, (size_t)o->count, sizeof(void *), by_count);
    while (set_next(o->sets[0], &it, &m)) {
        int i = 1;
        while (i < o->count && (o->sets[i] == o->sets[0] || set_has(o->sets[i], m.s)))
            i++;
        if (i == o->count && !take(ctx, m.s))
            return RC_OK;
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

static enum rc
unite(struct exec *x, const struct operands *o, struct set *result)
{
    struct set_member m;

    for (int i = 0; i < o->count; i++) {
        struct set_iter it = {0};
        while (o->sets[i] != NULL && set_next(o->sets[i], &it, &m)) {
            set_add(result, x->limits, m.s);
            TRY(exec_pulse(x));
        }
    }
    return RC_OK;
}

/* Asking every other set about each member of the first is cheap while the first is small or members are found soon;
 * a first set that outweighs all others is copied and thinned out instead. */
static enum rc
subtract_by_copy(struct exec *x, const struct operands *o, struct set *result)
{
    struct set_member m;
    struct set_iter it = {0};

    while (set_next(o->sets[0], &it, &m)) {
        set_add(result, x->limits, m.s);
        TRY(exec_pulse(x));
    }
    for (int i = 1; i < o->count; i++) {
        it = (struct set_iter){0};
        while (o->sets[i] != NULL && set_next(o->sets[i], &it, &m)) {
            set_remove(result, m.s);
            TRY(exec_pulse(x));
        }
    }
    return RC_OK;
}

static enum rc
subtract(struct exec *x, const struct operands *o, struct set *result)
{
    const struct set *first = o->sets[0];
    struct set_member m;
    struct set_iter it = {0};
    size_t others = 0;

    if (first == NULL)
        return RC_OK;
    for (int i = 1; i < o->count; i++) {
        if (o->sets[i] == first)
            return RC_OK;
        others += o->sets[i] != NULL ? set_count(o->sets[i]) : 0;
    }
    if (others < set_count(first) / 2 && o->count > 2)
        return subtract_by_copy(x, o, result);
    while (set_next(first, &it, &m)) {
        int i = 1;
        while (i < o->count && (o->sets[i] == NULL || !set_has(o->sets[i], m.s)))
            i++;
        if (i == o->count)
            set_add(result, x->limits, m.s);
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

/* Whether it may take long, and is not running in slices yet. */
static bool
is_long(const struct exec *x, const struct operands *o)
{
    size_t n = 0;

    for (int i = 0; i < o->count; i++)
        n += o->sets[i] != NULL ? set_count(o->sets[i]) : 0;
    return exec_is_long(x, n);
}

/* -- to the client ------------------------------------------------------------------------------------------- */

struct reply_taker {
    struct exec *x;
    size_t n;
};

static bool
take_to_reply(void *ctx, struct slice member)
{
    struct reply_taker *t = ctx;

    reply_bulk(t->x, member);
    t->n++;
    return true;
}

static enum rc
cmd_sinter(struct exec *x)
{
    struct operands o;
    struct reply_taker t = {.x = x};

    TRY(read_operands(x, x->argv + 1, x->argc - 1, &o));
    if (is_long(x, &o))
        return exec_in_slices(x, cmd_sinter, SLICES_MARKS);
    struct reply_mark mark = reply_mark_here(&x->reply);
    TRY(intersect(x, &o, take_to_reply, &t));
    reply_close_set(&x->reply, mark, t.n);
    return RC_OK;
}

struct counter {
    size_t n, limit;
};

static bool
take_count(void *ctx, struct slice member)
{
    struct counter *c = ctx;

    return ++c->n != c->limit;
}

static enum rc
cmd_sintercard(struct exec *x)
{
    struct operands o;
    int64_t n, limit = 0;

    TRY(arg_range_or(x, x->argv[1], 1, INT64_MAX, "ERR numkeys should be greater than 0", &n));
    if (n > x->argc - 2)
        return fail(x, "ERR Number of keys can't be greater than number of args");
    for (int i = 2 + (int)n; i < x->argc; i += 2) {
        if (!arg_is(x->argv[i], LIT("LIMIT")) || i + 1 == x->argc)
            return RC_SYNTAX;
        TRY(arg_range_or(x, x->argv[i + 1], 0, INT64_MAX, "ERR LIMIT can't be negative", &limit));
    }
    TRY(read_operands(x, x->argv + 2, (int)n, &o));
    if (is_long(x, &o))
        return exec_in_slices(x, cmd_sintercard, 0);
    struct counter c = {.limit = (size_t)limit};
    TRY(intersect(x, &o, take_count, &c));
    return reply_int(x, (int64_t)c.n);
}

/* numkeys, keys, then LIMIT n and, for unions, APPROX, which may count inexactly and does not. */
static enum rc
read_counted(struct exec *x, bool approx, struct operands *o, int64_t *limit)
{
    int64_t n;

    TRY(arg_range_or(x, x->argv[1], 1, INT64_MAX, "ERR numkeys should be greater than 0", &n));
    if (n > x->argc - 2)
        return fail(x, "ERR Number of keys can't be greater than number of args");
    for (int i = 2 + (int)n; i < x->argc; i++) {
        if (approx && arg_is(x->argv[i], LIT("approx")))
            continue;
        if (!arg_is(x->argv[i], LIT("limit")) || i + 1 == x->argc)
            return RC_SYNTAX;
        TRY(arg_range_or(x, x->argv[++i], 0, INT64_MAX, "ERR LIMIT can't be negative", limit));
    }
    return read_operands(x, x->argv + 2, (int)n, o);
}

typedef enum rc combine_sets(struct exec *x, const struct operands *o, struct set *result);

static enum rc
count_result(struct exec *x, exec_body *again, combine_sets *combine, bool approx)
{
    struct operands o;
    struct set result = {0};
    int64_t limit = 0;

    TRY(read_counted(x, approx, &o, &limit));
    if (is_long(x, &o))
        return exec_in_slices(x, again, 0);
    enum rc rc = combine(x, &o, &result);
    int64_t n = (int64_t)set_count(&result);
    set_fini(&result);
    TRY(rc);
    return reply_int(x, limit > 0 && n > limit ? limit : n);
}

static enum rc
cmd_sunioncard(struct exec *x)
{
    return count_result(x, cmd_sunioncard, unite, true);
}

static enum rc
cmd_sdiffcard(struct exec *x)
{
    return count_result(x, cmd_sdiffcard, subtract, false);
}

static enum rc
reply_members(struct exec *x, const struct set *result)
{
    struct set_iter it = {0};
    struct set_member m;

    reply_set(x, set_count(result));
    while (set_next(result, &it, &m)) {
        reply_bulk(x, m.s);
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

static enum rc
reply_result(struct exec *x, exec_body *again, combine_sets *combine)
{
    struct operands o;
    struct set result = {0};

    TRY(read_operands(x, x->argv + 1, x->argc - 1, &o));
    if (is_long(x, &o))
        return exec_in_slices(x, again, 0);
    enum rc rc = combine(x, &o, &result);
    if (rc == RC_OK)
        rc = reply_members(x, &result);
    set_fini(&result);
    return rc;
}

static enum rc
cmd_sunion(struct exec *x)
{
    return reply_result(x, cmd_sunion, unite);
}

static enum rc
cmd_sdiff(struct exec *x)
{
    return reply_result(x, cmd_sdiff, subtract);
}

/* -- to a key ------------------------------------------------------------------------------------------------ */

struct set_taker {
    struct exec *x;
    struct set *set;
};

static bool
take_to_set(void *ctx, struct slice member)
{
    struct set_taker *t = ctx;

    set_add(t->set, t->x->limits, member);
    return true;
}

static enum rc
intersect_into(struct exec *x, const struct operands *o, struct set *result)
{
    struct operands sorted = *o;
    struct set_taker t = {x, result};

    return intersect(x, &sorted, take_to_set, &t);
}

/* The destination may be one of the operands, so the result is made beside it. */
static enum rc
store(struct exec *x, exec_body *again, combine_sets *combine, enum event event)
{
    struct operands o;

    TRY(read_operands(x, x->argv + 2, x->argc - 2, &o));
    if (is_long(x, &o))
        return exec_in_slices(x, again, 0);
    struct entry *e = entry_new(TYPE_SET, x->argv[1]);
    enum rc rc = combine(x, &o, (struct set *)entry_handle(e));
    if (rc != RC_OK) {
        entry_drop(x, e);
        return rc;
    }
    size_t n = set_count((const struct set *)entry_handle(e));
    if (n > 0) {
        key_put(x, x->db, e, event);
    } else {
        entry_free(e);
        key_delete(x, x->db, x->argv[1], EV_DEL);
    }
    return reply_int(x, (int64_t)n);
}

static enum rc
cmd_sinterstore(struct exec *x)
{
    return store(x, cmd_sinterstore, intersect_into, EV_SINTERSTORE);
}

static enum rc
cmd_sunionstore(struct exec *x)
{
    return store(x, cmd_sunionstore, unite, EV_SUNIONSTORE);
}

static enum rc
cmd_sdiffstore(struct exec *x)
{
    return store(x, cmd_sdiffstore, subtract, EV_SDIFFSTORE);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_set_algebra_family[] = {
    {"sinter", cmd_sinter, .arity = -2, .group = GROUP_SET, .flags = CMD_READONLY,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key...", .reply = "array | set",
     .about = "Returns the members that all the sets have.", .complexity = "O(N*M)",
     .tips = "nondeterministic_output_order"},
    {"sintercard", cmd_sintercard, .arity = -3, .group = GROUP_SET, .flags = CMD_READONLY | CMD_MOVABLEKEYS,
     .keys = {KEY_NUM(1, KEY_RO | KEY_ACCESS)}, .since = "7.0.0", .args = "numkeys:int key... [LIMIT limit:int]",
     .reply = "integer", .about = "Counts the members that all the sets have.", .complexity = "O(N*M)"},
    {"sunioncard", cmd_sunioncard, .arity = -3, .group = GROUP_SET, .flags = CMD_READONLY | CMD_MOVABLEKEYS,
     .keys = {KEY_NUM(1, KEY_RO | KEY_ACCESS)}, .since = "8.10.0",
     .args = "numkeys:int key... [APPROX] [LIMIT limit:int]", .reply = "integer",
     .about = "Counts the members that any of the sets has.", .complexity = "O(N)"},
    {"sdiffcard", cmd_sdiffcard, .arity = -3, .group = GROUP_SET, .flags = CMD_READONLY | CMD_MOVABLEKEYS,
     .keys = {KEY_NUM(1, KEY_RO | KEY_ACCESS)}, .since = "8.10.0", .args = "numkeys:int key... [LIMIT limit:int]",
     .reply = "integer", .about = "Counts the members of the first set that no other has.", .complexity = "O(N)"},
    {"sunion", cmd_sunion, .arity = -2, .group = GROUP_SET, .flags = CMD_READONLY,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key...", .reply = "array | set",
     .about = "Returns the members that any of the sets has.", .complexity = "O(N)",
     .tips = "nondeterministic_output_order"},
    {"sdiff", cmd_sdiff, .arity = -2, .group = GROUP_SET, .flags = CMD_READONLY,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key...", .reply = "array | set",
     .about = "Returns the members of the first set that no other has.", .complexity = "O(N)",
     .tips = "nondeterministic_output_order"},
    {"sinterstore", cmd_sinterstore, .arity = -3, .group = GROUP_SET, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEY_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0",
     .args = "destination:key key...", .reply = "integer", .about = "Stores the intersection of sets in a key.",
     .complexity = "O(N*M)"},
    {"sunionstore", cmd_sunionstore, .arity = -3, .group = GROUP_SET, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEY_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0",
     .args = "destination:key key...", .reply = "integer", .about = "Stores the union of sets in a key.",
     .complexity = "O(N)"},
    {"sdiffstore", cmd_sdiffstore, .arity = -3, .group = GROUP_SET, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEY_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0",
     .args = "destination:key key...", .reply = "integer", .about = "Stores the difference of sets in a key.",
     .complexity = "O(N)"},
    {0},
};
