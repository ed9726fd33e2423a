/* cmd/cmd_list_block.c - list commands that wait until there is something to take.
 *
 * Each tries first, and the same handler runs again when a key becomes ready. What replicas and the log get is the
 * command that takes the element, since it never waits there.
 */
#include "cmd/cmd_list_priv.h"

static enum rc
pop_or_wait(struct exec *x, const struct slice *keys, int n, const struct list__pop *p, int64_t deadline_ms)
{
    bool popped;

    TRY(list__pop_first(x, keys, n, p, &popped));
    if (popped)
        return RC_OK;
    return may_block(x) ? wait_on_keys(x, keys, n, TYPE_LIST, deadline_ms) : reply_null_array(x);
}

static enum rc
blocking_pop(struct exec *x, enum list_end end)
{
    struct list__pop p = {end, LIST_KEY_ONE, 1, NULL};
    int64_t deadline_ms;

    TRY(parse_timeout(x, x->argv[x->argc - 1], &deadline_ms));
    return pop_or_wait(x, x->argv + 1, x->argc - 2, &p, deadline_ms);
}

static enum rc
cmd_blpop(struct exec *x)
{
    return blocking_pop(x, LIST_HEAD);
}

static enum rc
cmd_brpop(struct exec *x)
{
    return blocking_pop(x, LIST_TAIL);
}

static enum rc
cmd_blmpop(struct exec *x)
{
    struct list__mpop m = {.pop.again = cmd_blmpop};
    int64_t deadline_ms;

    TRY(list__parse_mpop(x, 2, &m));
    TRY(parse_timeout(x, x->argv[1], &deadline_ms));
    return pop_or_wait(x, m.keys, m.key_count, &m.pop, deadline_ms);
}

static enum rc
blocking_move(struct exec *x, enum list_end from, enum list_end to, int64_t deadline_ms)
{
    bool moved;

    TRY(list__move(x, x->argv[1], x->argv[2], from, to, &moved));
    if (moved) {
        if (x->argc == 4)
            EFFECT_AS(x, LIT("RPOPLPUSH"), x->argv[1], x->argv[2]);
        else
            EFFECT_AS(x, LIT("LMOVE"), x->argv[1], x->argv[2], x->argv[3], x->argv[4]);
        return RC_OK;
    }
    if (!may_block(x))
        return reply_null(x);
    return wait_on_keys(x, x->argv + 1, 1, TYPE_LIST, deadline_ms);
}

static enum rc
cmd_blmove(struct exec *x)
{
    enum list_end from, to;
    int64_t deadline_ms;

    TRY(list__arg_end(x->argv[3], &from));
    TRY(list__arg_end(x->argv[4], &to));
    TRY(parse_timeout(x, x->argv[5], &deadline_ms));
    return blocking_move(x, from, to, deadline_ms);
}

static enum rc
cmd_brpoplpush(struct exec *x)
{
    int64_t deadline_ms;

    TRY(parse_timeout(x, x->argv[3], &deadline_ms));
    return blocking_move(x, LIST_TAIL, LIST_HEAD, deadline_ms);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_list_block_family[] = {
    {"blpop", cmd_blpop, .arity = -3, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_BLOCKING,
     .keys = {KEY_RANGE(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .since = "2.0.0", .args = "key... timeout:double",
     .reply = "null | array", .about = "Takes the first element off a list, waiting for one if needed.",
     .complexity = "O(N)", .history = "6.0.0 Timeout accepts fractions of a second."},
    {"brpop", cmd_brpop, .arity = -3, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_BLOCKING,
     .keys = {KEY_RANGE(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .since = "2.0.0", .args = "key... timeout:double",
     .reply = "null | array", .about = "Takes the last element off a list, waiting for one if needed.",
     .complexity = "O(N)", .history = "6.0.0 Timeout accepts fractions of a second."},
    {"blmpop", cmd_blmpop, .arity = -5, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_BLOCKING | CMD_MOVABLEKEYS,
     .keys = {KEY_NUM(2, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .since = "7.0.0",
     .args = "timeout:double numkeys:int key... where=<LEFT|RIGHT> [COUNT count:int]", .reply = "null | array",
     .about = "Takes elements off the first list that has any, waiting for one if needed.", .complexity = "O(N+M)"},
    {"blmove", cmd_blmove, .arity = 6, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM | CMD_BLOCKING,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_RW | KEY_INSERT)}, .since = "6.2.0",
     .args = "source:key destination:key wherefrom=<LEFT|RIGHT> whereto=<LEFT|RIGHT> timeout:double",
     .reply = "bulk | null", .about = "Moves an element from one list to another, waiting for one if needed.",
     .complexity = "O(1)"},
    {"brpoplpush", cmd_brpoplpush, .arity = 4, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM | CMD_BLOCKING,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_RW | KEY_INSERT)}, .since = "2.2.0",
     .args = "source:key destination:key timeout:double", .reply = "bulk | null",
     .about = "Moves the last element of a list to the front of another, waiting for one if needed.",
     .complexity = "O(1)", .deprecated_since = "6.2.0", .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
     .history = "6.0.0 Timeout accepts fractions of a second."},
    {0},
};
