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

struct pop {
    enum pop_end end;
    enum pop_form form;
    int64_t count;
    exec_body *again; /* the handler, for what is done in slices */
};

static enum rc
pop_reply(struct exec *x, const struct pop *p, const struct zset *z, struct slice key, size_t n)
{
    struct zset_iter it;
    struct slice member;
    double score;

    if (p->form == POP_KEYED)
        reply_array(x, 3);
    else if (p->form == POP_NESTED)
        reply_array(x, 2);
    if (p->form == POP_KEYED || p->form == POP_NESTED)
        reply_bulk(x, key);
    if (p->form != POP_KEYED)
        reply_array(x, p->form == POP_FLAT ? 2 * n : n);
    it = zset_seek(z, p->end == POP_MIN ? 0 : zset_count(z) - 1, p->end == POP_MAX);
    for (size_t i = 0; i < n && zset_next(z, &it, &member, &score); i++) {
        if (p->form == POP_PAIRS || p->form == POP_NESTED)
            reply_array(x, 2);
        reply_bulk(x, member);
        reply_double(x, score);
        if (exec_is_sliced(x))
            TRY(exec_pulse(x));
    }
    return RC_OK;
}

/* ZPOPMIN and ZPOPMAX are propagated as they were sent. */
static void
propagate(struct exec *x, const struct pop *p, struct slice key, size_t n)
{
    struct slice name = p->end == POP_MIN ? LIT("ZPOPMIN") : LIT("ZPOPMAX");

    if (p->form == POP_NESTED)
        EFFECT_AS(x, name, key, arena_int(x->arena, (int64_t)n));
    else if (p->form == POP_KEYED)
        EFFECT_AS(x, name, key);
}

/* Pops up to p->count members of that key and replies with them. *popped is false, and nothing replied, when there is
 * none. Many are popped in slices: first all is said, then it is done. */
static enum rc
pop_run(struct exec *x, const struct pop *p, struct slice key, bool *popped)
{
    enum event event = p->end == POP_MIN ? EV_ZPOPMIN : EV_ZPOPMAX;
    struct entry *e;
    struct zset *z;

    *popped = false;
    TRY(edit_zset(x, key, ENTRY_EXISTING, &e, &z));
    if (e == NULL)
        return RC_OK;
    size_t have = zset_count(z), n = (uint64_t)p->count < have ? (size_t)p->count : have;
    size_t from = p->end == POP_MIN ? 0 : have - n;
    bool is_long = zset__is_long_removal(e, n);
    *popped = n > 0;
    if (is_long || n == 0)
        entry_unchanged(x, e);
    if (n == 0)
        return RC_OK;
    if (is_long && !exec_is_sliced(x))
        return exec_in_slices(x, p->again, SLICES_ALONE);
    TRY(pop_reply(x, p, z, key, n));
    propagate(x, p, key, n);
    if (is_long) {
        zset__remove_in_pieces(x, key, from, from + n, event);
    } else {
        zset_remove_span(z, from, from + n);
        entry_changed(x, e, event);
    }
    return RC_OK;
}

/* Pops from the first key that has a sorted set; *popped says whether there was one. */
static enum rc
pop_first(struct exec *x, const struct slice *keys, int n, const struct pop *p, bool *popped)
{
    *popped = false;
    for (int i = 0; i < n && !*popped; i++)
        TRY(pop_run(x, p, keys[i], popped));
    return RC_OK;
}

/* -- ZPOPMIN, ZPOPMAX ----------------------------------------------------------------------------------------- */

static enum rc
pop_cmd(struct exec *x, exec_body *again, enum pop_end end)
{
    bool counted = x->argc == 3;
    struct pop p = {end, counted && x->reply.resp == 3 ? POP_PAIRS : POP_FLAT, 1, again};
    bool popped;

    if (x->argc > 3)
        return RC_SYNTAX;
    if (counted)
        TRY(arg_positive(x, x->argv[2], &p.count));
    TRY(pop_run(x, &p, x->argv[1], &popped));
    return popped ? RC_OK : reply_array(x, 0);
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
    struct pop pop;
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
    m->pop.form = POP_NESTED;
    m->pop.count = 1;
    at += 1 + m->n;
    if (arg_is(x->argv[at], LIT("min")))
        m->pop.end = POP_MIN;
    else if (arg_is(x->argv[at], LIT("max")))
        m->pop.end = POP_MAX;
    else
        return RC_SYNTAX;
    for (at++; at < x->argc; at += 2) {
        if (counted || at + 1 >= x->argc || !arg_is(x->argv[at], LIT("count")))
            return RC_SYNTAX;
        if (arg_int(x, x->argv[at + 1], &m->pop.count) != RC_OK || m->pop.count < 1)
            return fail(x, "ERR count should be greater than 0");
        counted = true;
    }
    return RC_OK;
}

static enum rc
cmd_zmpop(struct exec *x)
{
    struct mpop m = {.pop.again = cmd_zmpop};
    bool popped;

    TRY(mpop_parse(x, 1, &m));
    TRY(pop_first(x, m.keys, m.n, &m.pop, &popped));
    return popped ? RC_OK : reply_null_array(x);
}

/* -- the forms that wait -------------------------------------------------------------------------------------- */

static enum rc
pop_or_wait(struct exec *x, const struct mpop *m, int64_t deadline_ms)
{
    bool popped;

    TRY(pop_first(x, m->keys, m->n, &m->pop, &popped));
    if (popped)
        return RC_OK;
    if (!may_block(x))
        return reply_null_array(x);
    return wait_on_keys(x, m->keys, m->n, TYPE_ZSET, deadline_ms);
}

static enum rc
cmd_bzmpop(struct exec *x)
{
    struct mpop m = {.pop.again = cmd_bzmpop};
    int64_t deadline_ms;

    TRY(mpop_parse(x, 2, &m));
    TRY(parse_timeout(x, x->argv[1], &deadline_ms));
    return pop_or_wait(x, &m, deadline_ms);
}

static enum rc
bzpop(struct exec *x, enum pop_end end)
{
    struct mpop m = {.keys = &x->argv[1], .n = x->argc - 2, .pop = {.end = end, .form = POP_KEYED, .count = 1}};
    int64_t deadline_ms;

    TRY(parse_timeout(x, x->argv[x->argc - 1], &deadline_ms));
    return pop_or_wait(x, &m, deadline_ms);
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
