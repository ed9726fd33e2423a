/* cmd/cmd_list_movem.c - LMOVEM and BLMOVEM: several elements from one list to another (Redis 8.10).
 *
 * OBO moves them one by one, so that those pushed at the left end up in reverse; BULK keeps the order that they have.
 */
#include "cmd/cmd_list_priv.h"

struct many {
    enum list_end from, to;
    int64_t count;
    bool exactly, bulk;
};

/* [COUNT n | EXACTLY n] and OBO or BULK from argument `at` on; nothing: one element. */
static enum rc
parse_many(struct exec *x, int at, struct many *m)
{
    m->count = 1;
    TRY(list__arg_end(x->argv[3], &m->from));
    TRY(list__arg_end(x->argv[4], &m->to));
    if (at == x->argc)
        return RC_OK;
    if (x->argc != at + 3)
        return RC_SYNTAX;
    m->exactly = arg_is(x->argv[at], LIT("exactly"));
    m->bulk = arg_is(x->argv[at + 2], LIT("bulk"));
    if ((!m->exactly && !arg_is(x->argv[at], LIT("count"))) || (!m->bulk && !arg_is(x->argv[at + 2], LIT("obo"))))
        return RC_SYNTAX;
    return arg_range_or(x, x->argv[at + 1], 1, INT64_MAX, "ERR count should be greater than 0", &m->count);
}

/* The elements to be moved, copied, in the order in which they are pushed. */
static struct slice *
take(struct exec *x, struct list *list, const struct many *m, size_t n)
{
    struct slice *taken = arena_array(x->arena, n, sizeof(*taken)), s;
    size_t count = list_count(list);
    struct list_iter it = m->from == LIST_HEAD ? list_seek(list, 0, LIST_TAIL) : list_seek(list, count - 1, LIST_HEAD);

    for (size_t i = 0; i < n && list_next(list, &it, &s); i++)
        taken[m->bulk && m->from == LIST_TAIL ? n - 1 - i : i] = arena_copy(x->arena, s);
    list_drop(list, m->from, n);
    return taken;
}

static enum rc
move_many(struct exec *x, const struct many *m, bool *moved)
{
    struct slice source = x->argv[1], destination = x->argv[2];
    enum event popped = m->from == LIST_HEAD ? EV_LPOP : EV_RPOP, pushed = m->to == LIST_HEAD ? EV_LPUSH : EV_RPUSH;
    struct entry *se, *de = NULL;
    struct list *sl, *dl;

    *moved = false;
    TRY(edit_list(x, source, ENTRY_EXISTING, &se, &sl));
    if (se == NULL)
        return RC_OK;
    size_t n = list_count(sl);
    if (m->exactly && n < (uint64_t)m->count) {
        entry_unchanged(x, se);
        return RC_OK;
    }
    n = n < (uint64_t)m->count ? n : (size_t)m->count;
    dl = sl;
    if (!slice_eq(source, destination)) {
        enum rc rc = edit_list(x, destination, ENTRY_CREATE, &de, &dl);
        if (rc != RC_OK) {
            entry_unchanged(x, se);
            return rc;
        }
    }
    struct slice *taken = take(x, sl, m, n);
    /* A block that goes to the left goes in from its end. */
    for (size_t i = 0; i < n; i++)
        list_push(dl, x->limits, m->to, taken[m->bulk && m->to == LIST_HEAD ? n - 1 - i : i]);
    if (de != NULL)
        entry_changed(x, de, pushed);
    else
        notify(x, pushed, source);
    entry_changed(x, se, popped);
    EFFECT_AS(x, LIT("LMOVEM"), source, destination, x->argv[3], x->argv[4], LIT("COUNT"),
              arena_int(x->arena, (int64_t)n), m->bulk ? LIT("BULK") : LIT("OBO"));
    reply_array(x, n);
    for (size_t i = 0; i < n; i++)
        reply_bulk(x, taken[i]);
    *moved = true;
    return RC_OK;
}

static enum rc
cmd_lmovem(struct exec *x)
{
    struct many m = {0};
    bool moved;

    TRY(parse_many(x, 5, &m));
    TRY(move_many(x, &m, &moved));
    return moved ? RC_OK : reply_null_array(x);
}

static enum rc
cmd_blmovem(struct exec *x)
{
    struct many m = {0};
    int64_t deadline_ms;
    bool moved;

    TRY(parse_many(x, 6, &m));
    TRY(parse_timeout(x, x->argv[5], &deadline_ms));
    TRY(move_many(x, &m, &moved));
    if (moved)
        return RC_OK;
    return may_block(x) ? wait_on_keys(x, x->argv + 1, 1, TYPE_LIST, deadline_ms) : reply_null_array(x);
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

#define MANY "how-many=[selector=<COUNT count:int|EXACTLY exactly:int> ordering=<OBO|BULK>]"
#define KEYS .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_RW | KEY_INSERT)}

const struct cmd cmd_list_movem_family[] = {
    {"lmovem", cmd_lmovem, .arity = -5, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM, KEYS, .since = "8.10.0",
     .args = "source:key destination:key wherefrom=<LEFT|RIGHT> whereto=<LEFT|RIGHT> " MANY, .reply = "array | null",
     .about = "Moves elements from one list to another.", .complexity = "O(N)"},
    {"blmovem", cmd_blmovem, .arity = -6, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM | CMD_BLOCKING, KEYS,
     .since = "8.10.0",
     .args = "source:key destination:key wherefrom=<LEFT|RIGHT> whereto=<LEFT|RIGHT> timeout:double " MANY,
     .reply = "array | null", .about = "Moves elements from one list to another, waiting for them if needed.",
     .complexity = "O(N)"},
    {0},
};
