/* cmd/cmd_zset_pop.c - sorted sets: ZPOPMIN, ZPOPMAX, ZMPOP and the forms that wait.
 *
 * Whatever picked the key is settled before it is propagated: replicas and the log see ZPOPMIN or ZPOPMAX of that key.
 */
#include "cmd/args.h"
#include "cmd/cmd_zset_priv.h"

enum pop_end { POP_MIN, POP_MAX };

/* How the popped members are written; the key's name comes first in all but the plain forms. */
enum pop_form {
    POP_FLAT,   /* member score member score … */
    POP_PAIRS,  /* [member score] … */
    POP_KEYED,  /* key member score */
    POP_NESTED, /* key [[member score] …] */
};

static enum rc
pop_reply(struct exec *x, const struct zset *z, struct slice key, size_t n, enum pop_end end, enum pop_form form)
{
    struct zset_iter it;
    struct slice member;
    double score;

    if (form == POP_KEYED)
        reply_array(x, 3);
    else if (form == POP_NESTED)
        reply_array(x, 2);
    if (form == POP_KEYED || form == POP_NESTED)
        reply_bulk(x, key);
    if (form != POP_KEYED)
        reply_array(x, form == POP_FLAT ? 2 * n : n);
    it = zset_seek(z, end == POP_MIN ? 0 : zset_count(z) - 1, end == POP_MAX);
    for (size_t i = 0; i < n && zset_next(z, &it, &member, &score); i++) {
        if (form == POP_PAIRS || form == POP_NESTED)
            reply_array(x, 2);
        reply_bulk(x, member);
        reply_double(x, score);
        if (exec_is_sliced(x))
            TRY(exec_pulse(x));
    }
    return RC_OK;
}

/* Pops up to `count` (at least 1) members; the zset is not empty. Replies; propagation is the caller's. Returns how
 * many. */
static size_t
pop_run(struct exec *x, struct entry *e, struct zset *z, struct slice key, int64_t count, enum pop_end end,
        enum pop_form form)
{
    size_t have = zset_count(z), n = (uint64_t)count < have ? (size_t)count : have;

    (void)pop_reply(x, z, key, n, end, form); /* fails in slices only */
    if (end == POP_MIN)
        zset_remove_span(z, 0, n);
    else
        zset_remove_span(z, have - n, have);
    entry_changed(x, e, end == POP_MIN ? EV_ZPOPMIN : EV_ZPOPMAX);
    return n;
}

static struct slice
pop_name(enum pop_end end)
{
    return end == POP_MIN ? LIT("ZPOPMIN") : LIT("ZPOPMAX");
}

/* Pops from the first key that has a sorted set; *popped says whether there was one. */
static enum rc
pop_first(struct exec *x, const struct slice *keys, int n, int64_t count, enum pop_end end, enum pop_form form,
          bool *popped)
{
    char text[INT64_TEXT_MAX];

    *popped = false;
    for (int i = 0; i < n; i++) {
        struct entry *e;
        struct zset *z;
        size_t taken;

        TRY(edit_zset(x, keys[i], ENTRY_EXISTING, &e, &z));
        if (e == NULL)
            continue;
        *popped = true;
        taken = pop_run(x, e, z, keys[i], count, end, form);
        if (form == POP_NESTED)
            EFFECT_AS(x, pop_name(end), keys[i], slice_of(text, format_uint64(text, taken)));
        else
            EFFECT_AS(x, pop_name(end), keys[i]);
        break;
    }
    return RC_OK;
}

/* -- ZPOPMIN, ZPOPMAX ----------------------------------------------------------------------------------------- */

/* n members, in slices: first all is said, then it is done. */
static enum rc
pop_many(struct exec *x, size_t n, enum pop_end end, enum pop_form form)
{
    const struct zset *z;

    TRY(read_zset(x, x->argv[1], &z));
    size_t have = zset_count(z), from = end == POP_MIN ? 0 : have - n;
    TRY(pop_reply(x, z, x->argv[1], n, end, form));
    zset__remove_in_pieces(x, x->argv[1], from, from + n, end == POP_MIN ? EV_ZPOPMIN : EV_ZPOPMAX);
    return RC_OK;
}

static enum rc
pop_cmd(struct exec *x, exec_body *again, enum pop_end end)
{
    struct entry *e;
    struct zset *z;
    int64_t count = 1;
    bool counted = x->argc == 3;
    enum pop_form form = counted && x->reply.resp == 3 ? POP_PAIRS : POP_FLAT;

    if (x->argc > 3)
        return RC_SYNTAX;
    if (counted)
        TRY(arg_positive(x, x->argv[2], &count));
    TRY(edit_zset(x, x->argv[1], ENTRY_EXISTING, &e, &z));
    if (e == NULL)
        return reply_array(x, 0);
    if (count == 0) {
        entry_unchanged(x, e);
        return reply_array(x, 0);
    }
    size_t n = (uint64_t)count < zset_count(z) ? (size_t)count : zset_count(z);
    if (!zset__is_long_removal(e, n)) {
        pop_run(x, e, z, x->argv[1], count, end, form);
        return RC_OK;
    }
    entry_unchanged(x, e);
    return exec_is_sliced(x) ? pop_many(x, n, end, form) : exec_in_slices(x, again, SLICES_ALONE);
}

static enum rc
cmd_zpopmin(struct exec *x)
{
    return pop_cmd(x, cmd_zpopmin, POP_MIN);
}

static enum rc
cmd_zpopmax(struct exec *x)
{
    return pop_cmd(x, cmd_zpopmax, POP_MAX);
}

/* -- ZMPOP, BZMPOP -------------------------------------------------------------------------------------------- */

struct mpop {
    const struct slice *keys;
    int n;
    enum pop_end end;
    int64_t count;
};

/* numkeys key... MIN|MAX [COUNT count], from argv[at] on. */
static enum rc
mpop_parse(struct exec *x, int at, struct mpop *m)
{
    int64_t n;
    bool counted = false;

    if (arg_int(x, x->argv[at], &n) != RC_OK || n < 1)
        return fail(x, "ERR numkeys should be greater than 0");
    if (n >= x->argc - at - 1)
        return RC_SYNTAX;
    m->n = (int)n;
    m->keys = &x->argv[at + 1];
    m->count = 1;
    at += 1 + m->n;
    if (arg_is(x->argv[at], LIT("min")))
        m->end = POP_MIN;
    else if (arg_is(x->argv[at], LIT("max")))
        m->end = POP_MAX;
    else
        return RC_SYNTAX;
    for (at++; at < x->argc; at += 2) {
        if (counted || at + 1 >= x->argc || !arg_is(x->argv[at], LIT("count")))
            return RC_SYNTAX;
        if (arg_int(x, x->argv[at + 1], &m->count) != RC_OK || m->count < 1)
            return fail(x, "ERR count should be greater than 0");
        counted = true;
    }
    return RC_OK;
}

static enum rc
cmd_zmpop(struct exec *x)
{
    struct mpop m;
    bool popped;

    TRY(mpop_parse(x, 1, &m));
    TRY(pop_first(x, m.keys, m.n, m.count, m.end, POP_NESTED, &popped));
    return popped ? RC_OK : reply_null_array(x);
}

/* -- the forms that wait -------------------------------------------------------------------------------------- */

static enum rc
pop_or_wait(struct exec *x, const struct mpop *m, enum pop_form form, int64_t deadline_ms)
{
    bool popped;

    TRY(pop_first(x, m->keys, m->n, m->count, m->end, form, &popped));
    if (popped)
        return RC_OK;
    if (!may_block(x))
        return reply_null_array(x);
    return wait_on_keys(x, m->keys, m->n, TYPE_ZSET, deadline_ms);
}

static enum rc
cmd_bzmpop(struct exec *x)
{
    struct mpop m;
    int64_t deadline_ms;

    TRY(mpop_parse(x, 2, &m));
    TRY(parse_timeout(x, x->argv[1], &deadline_ms));
    return pop_or_wait(x, &m, POP_NESTED, deadline_ms);
}

static enum rc
bzpop(struct exec *x, enum pop_end end)
{
    struct mpop m = {.keys = &x->argv[1], .n = x->argc - 2, .end = end, .count = 1};
    int64_t deadline_ms;

    TRY(parse_timeout(x, x->argv[x->argc - 1], &deadline_ms));
    return pop_or_wait(x, &m, POP_KEYED, deadline_ms);
}

static enum rc
cmd_bzpopmin(struct exec *x)
{
    return bzpop(x, POP_MIN);
}

static enum rc
cmd_bzpopmax(struct exec *x)
{
    return bzpop(x, POP_MAX);
}

/* -- rows ----------------------------------------------------------------------------------------------------- */

#define POPS (KEY_RW | KEY_ACCESS | KEY_DELETE)

const struct cmd cmd_zset_pop_family[] = {
    {"zpopmin", cmd_zpopmin, .arity = -2, .group = GROUP_SORTED_SET, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, POPS)}, .since = "5.0.0", .args = "key [count:int]", .reply = "array",
     .about = "Removes and returns the members with the lowest scores.",
     .complexity = "O(log(N)*M) for M members removed"},
    {"zpopmax", cmd_zpopmax, .arity = -2, .group = GROUP_SORTED_SET, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, POPS)}, .since = "5.0.0", .args = "key [count:int]", .reply = "array",
     .about = "Removes and returns the members with the highest scores.",
     .complexity = "O(log(N)*M) for M members removed"},
    {"zmpop", cmd_zmpop, .arity = -4, .group = GROUP_SORTED_SET, .flags = CMD_WRITE | CMD_MOVABLEKEYS,
     .keys = {KEY_NUM(1, POPS)}, .since = "7.0.0", .args = "numkeys:int key... where=<MIN|MAX> [COUNT count:int]",
     .reply = "array | null", .about = "Removes members from one end of the first sorted set that exists.",
     .complexity = "O(K)+O(M*log(N)) for K keys and M members removed"},
    {"bzpopmin", cmd_bzpopmin, .arity = -3, .group = GROUP_SORTED_SET, .flags = CMD_WRITE | CMD_FAST | CMD_BLOCKING,
     .keys = {KEY_RANGE(1, -2, 1, POPS)}, .since = "5.0.0", .args = "key... timeout:double", .reply = "array | null",
     .about = "Removes the member with the lowest score, waiting for one if need be.", .complexity = "O(log(N))",
     .history = "6.0.0 The timeout may be a fraction."},
    {"bzpopmax", cmd_bzpopmax, .arity = -3, .group = GROUP_SORTED_SET, .flags = CMD_WRITE | CMD_FAST | CMD_BLOCKING,
     .keys = {KEY_RANGE(1, -2, 1, POPS)}, .since = "5.0.0", .args = "key... timeout:double", .reply = "array | null",
     .about = "Removes the member with the highest score, waiting for one if need be.", .complexity = "O(log(N))",
     .history = "6.0.0 The timeout may be a fraction."},
    {"bzmpop", cmd_bzmpop, .arity = -5, .group = GROUP_SORTED_SET, .flags = CMD_WRITE | CMD_BLOCKING | CMD_MOVABLEKEYS,
     .keys = {KEY_NUM(2, POPS)}, .since = "7.0.0",
     .args = "timeout:double numkeys:int key... where=<MIN|MAX> [COUNT count:int]", .reply = "array | null",
     .about = "Removes members from one end of the first sorted set that exists, waiting for one if need be.",
     .complexity = "O(K)+O(M*log(N)) for K keys and M members removed"},
    {0},
};
