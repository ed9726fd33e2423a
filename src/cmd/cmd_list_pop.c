/* cmd/cmd_list_pop.c - taking elements off lists, and moving them from one to another. */
#include "cmd/cmd_list_priv.h"

/* -- shared with the blocking commands ----------------------------------------------------------------------- */

enum rc
list__arg_end(struct slice arg, enum list_end *end)
{
    if (arg_is(arg, LIT("LEFT")))
        *end = LIST_HEAD;
    else if (arg_is(arg, LIT("RIGHT")))
        *end = LIST_TAIL;
    else
        return RC_SYNTAX;
    return RC_OK;
}

static enum event
pop_event(enum list_end end)
{
    return end == LIST_HEAD ? EV_LPOP : EV_RPOP;
}

static enum rc
reply_elements(struct exec *x, const struct list__pop *p, struct slice key, const struct list *list, size_t n)
{
    size_t from = p->end == LIST_HEAD ? 0 : list_count(list) - 1;
    struct slice element;

    if (p->form == LIST_KEY_ONE || p->form == LIST_KEY_MANY) {
        reply_array(x, 2);
        reply_bulk(x, key);
    }
    if (p->form == LIST_ONE || p->form == LIST_KEY_ONE)
        return reply_bulk(x, list_peek(list, p->end));
    struct list_iter it = list_seek(list, from, p->end == LIST_HEAD ? LIST_TAIL : LIST_HEAD);
    reply_array(x, n);
    for (size_t i = 0; i < n && list_next(list, &it, &element); i++) {
        reply_bulk(x, element);
        if (exec_is_sliced(x))
            TRY(exec_pulse(x));
    }
    return RC_OK;
}

/* LPOP and RPOP are propagated as they were sent. */
static void
propagate(struct exec *x, const struct list__pop *p, struct slice key, size_t n)
{
    struct slice name = p->end == LIST_HEAD ? LIT("LPOP") : LIT("RPOP");

    if (p->form == LIST_KEY_MANY)
        EFFECT_AS(x, name, key, arena_int(x->arena, (int64_t)n));
    else if (p->form == LIST_KEY_ONE)
        EFFECT_AS(x, name, key);
}

/* In slices all is said first. To drop the elements then takes no time, as they go by the block; a whole list goes with
 * its key, so that it is freed elsewhere. */
static enum rc
pop_many(struct exec *x, const struct list__pop *p, struct slice key, const struct list *list, size_t n)
{
    struct entry *e;
    struct list *popped;

    TRY(reply_elements(x, p, key, list, n));
    propagate(x, p, key, n);
    if (n == list_count(list)) {
        notify(x, pop_event(p->end), key);
        key_delete(x, x->db, key, EV_DEL);
        return RC_OK;
    }
    TRY(edit_list(x, key, ENTRY_EXISTING, &e, &popped));
    if (e == NULL)
        return RC_OK; /* its time has come meanwhile */
    list_drop(popped, p->end, n);
    entry_changed(x, e, pop_event(p->end));
    return RC_OK;
}

enum rc
list__pop(struct exec *x, const struct list__pop *p, struct slice key, bool *popped)
{
    struct entry *e;
    struct list *list;

    *popped = false;
    TRY(edit_list(x, key, ENTRY_EXISTING, &e, &list));
    if (e == NULL)
        return RC_OK;
    size_t count = list_count(list), n = (uint64_t)p->count < count ? (size_t)p->count : count;
    *popped = n > 0;
    if (n == 0 || n >= SLICES_ELEMENTS_MIN) {
        entry_unchanged(x, e);
        if (n == 0)
            return RC_OK;
        return exec_is_sliced(x) ? pop_many(x, p, key, list, n) : exec_in_slices(x, p->again, 0);
    }
    TRY(reply_elements(x, p, key, list, n));
    propagate(x, p, key, n);
    list_drop(list, p->end, n);
    entry_changed(x, e, pop_event(p->end));
    return RC_OK;
}

enum rc
list__move(struct exec *x, struct slice source, struct slice destination, enum list_end from, enum list_end to,
           bool *moved)
{
    struct entry *se, *de;
    struct list *sl, *dl;
    struct buf *element = exec_scratch(x);
    enum event pushed = to == LIST_HEAD ? EV_LPUSH : EV_RPUSH;

    *moved = false;
    TRY(edit_list(x, source, ENTRY_EXISTING, &se, &sl));
    if (se == NULL)
        return RC_OK;
    if (slice_eq(source, destination)) {
        buf_add_slice(element, list_peek(sl, from));
        list_drop(sl, from, 1);
        list_push(sl, x->limits, to, buf_slice(element));
        notify(x, pushed, source);
        reply_bulk(x, buf_slice(element));
    } else {
        enum rc rc = edit_list(x, destination, ENTRY_CREATE, &de, &dl);
        if (rc != RC_OK) {
            entry_unchanged(x, se);
            return rc;
        }
        struct slice head = list_peek(sl, from);
        reply_bulk(x, head);
        list_push(dl, x->limits, to, head);
        list_drop(sl, from, 1);
        entry_changed(x, de, pushed);
    }
    entry_changed(x, se, pop_event(from));
    *moved = true;
    return RC_OK;
}

enum rc
list__parse_mpop(struct exec *x, int at, struct list__mpop *m)
{
    int64_t n;

    TRY(arg_range_or(x, x->argv[at], 1, INT64_MAX, "ERR numkeys should be greater than 0", &n));
    if (n > x->argc - at - 2)
        return RC_SYNTAX;
    m->keys = x->argv + at + 1;
    m->key_count = (int)n;
    int i = at + 1 + (int)n;
    m->pop.form = LIST_KEY_MANY;
    TRY(list__arg_end(x->argv[i++], &m->pop.end));
    m->pop.count = 1;
    if (i == x->argc)
        return RC_OK;
    /* COUNT may be said once. */
    if (!arg_is(x->argv[i], LIT("COUNT")) || i + 1 == x->argc)
        return RC_SYNTAX;
    TRY(arg_range_or(x, x->argv[i + 1], 1, INT64_MAX, "ERR count should be greater than 0", &m->pop.count));
    return i + 2 == x->argc ? RC_OK : RC_SYNTAX;
}

enum rc
list__pop_first(struct exec *x, const struct slice *keys, int n, const struct list__pop *p, bool *popped)
{
    *popped = false;
    for (int i = 0; i < n && !*popped; i++)
        TRY(list__pop(x, p, keys[i], popped));
    return RC_OK;
}

/* -- commands ------------------------------------------------------------------------------------------------ */

static enum rc
pop(struct exec *x, exec_body *again, enum list_end end)
{
    bool counted = x->argc == 3;
    struct list__pop p = {end, counted ? LIST_MANY : LIST_ONE, 1, again};
    bool popped;

    if (x->argc > 3)
        return fail_arity(x);
    if (counted)
        TRY(arg_positive(x, x->argv[2], &p.count));
    TRY(list__pop(x, &p, x->argv[1], &popped));
    if (popped)
        return RC_OK;
    if (p.count == 0 && peek(x, x->argv[1]) != NULL)
        return reply_array(x, 0);
    return counted ? reply_null_array(x) : reply_null(x);
}

static enum rc
cmd_lpop(struct exec *x)
{
    return pop(x, cmd_lpop, LIST_HEAD);
}

static enum rc
cmd_rpop(struct exec *x)
{
    return pop(x, cmd_rpop, LIST_TAIL);
}

static enum rc
cmd_lmpop(struct exec *x)
{
    struct list__mpop m = {.pop.again = cmd_lmpop};
    bool popped;

    TRY(list__parse_mpop(x, 1, &m));
    TRY(list__pop_first(x, m.keys, m.key_count, &m.pop, &popped));
    return popped ? RC_OK : reply_null_array(x);
}

static enum rc
move_or_null(struct exec *x, enum list_end from, enum list_end to)
{
    bool moved;

    TRY(list__move(x, x->argv[1], x->argv[2], from, to, &moved));
    return moved ? RC_OK : reply_null(x);
}

static enum rc
cmd_lmove(struct exec *x)
{
    enum list_end from, to;

    TRY(list__arg_end(x->argv[3], &from));
    TRY(list__arg_end(x->argv[4], &to));
    return move_or_null(x, from, to);
}

static enum rc
cmd_rpoplpush(struct exec *x)
{
    return move_or_null(x, LIST_TAIL, LIST_HEAD);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_list_pop_family[] = {
    {"lpop", cmd_lpop, .arity = -2, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .since = "1.0.0", .args = "key [count:int]@6.2.0",
     .reply = "null | bulk | array", .about = "Takes elements off the front of a list.", .complexity = "O(N)",
     .history = "6.2.0 Optional count."},
    {"rpop", cmd_rpop, .arity = -2, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .since = "1.0.0", .args = "key [count:int]@6.2.0",
     .reply = "null | bulk | array", .about = "Takes elements off the back of a list.", .complexity = "O(N)",
     .history = "6.2.0 Optional count."},
    {"lmpop", cmd_lmpop, .arity = -4, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_MOVABLEKEYS,
     .keys = {KEY_NUM(1, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .since = "7.0.0",
     .args = "numkeys:int key... where=<LEFT|RIGHT> [COUNT count:int]", .reply = "null | array",
     .about = "Takes elements off the first list that has any.", .complexity = "O(N+M)"},
    {"lmove", cmd_lmove, .arity = 5, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_RW | KEY_INSERT)}, .since = "6.2.0",
     .args = "source:key destination:key wherefrom=<LEFT|RIGHT> whereto=<LEFT|RIGHT>", .reply = "bulk",
     .about = "Moves an element from an end of a list to an end of another.", .complexity = "O(1)"},
    {"rpoplpush", cmd_rpoplpush, .arity = 3, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_RW | KEY_INSERT)}, .since = "1.2.0",
     .args = "source:key destination:key", .reply = "bulk | null",
     .about = "Moves the last element of a list to the front of another.", .complexity = "O(1)",
     .deprecated_since = "6.2.0", .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments"},
    {0},
};
