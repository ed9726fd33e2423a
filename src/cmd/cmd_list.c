/* cmd/cmd_list.c - lists: pushing, reading and changing elements. Popping and moving are in cmd_list_pop.c, waiting in
 * cmd_list_block.c. */
#include "cmd/cmd_list_priv.h"

/* -- pushing ------------------------------------------------------------------------------------------------- */

static inline enum rc
push(struct exec *x, enum list_end end, enum edit_mode mode)
{
    struct entry *e;
    struct list *list;

    TRY(edit_list(x, x->argv[1], mode, &e, &list));
    if (e == NULL)
        return reply_int(x, 0);
    for (int i = 2; i < x->argc; i++)
        list_push(list, x->limits, end, x->argv[i]);
    size_t count = list_count(list);
    entry_changed(x, e, end == LIST_HEAD ? EV_LPUSH : EV_RPUSH);
    return reply_int(x, (int64_t)count);
}

static enum rc
cmd_lpush(struct exec *x)
{
    return push(x, LIST_HEAD, ENTRY_CREATE);
}

static enum rc
cmd_rpush(struct exec *x)
{
    return push(x, LIST_TAIL, ENTRY_CREATE);
}

static enum rc
cmd_lpushx(struct exec *x)
{
    return push(x, LIST_HEAD, ENTRY_EXISTING);
}

static enum rc
cmd_rpushx(struct exec *x)
{
    return push(x, LIST_TAIL, ENTRY_EXISTING);
}

/* -- reading ------------------------------------------------------------------------------------------------- */

static enum rc
cmd_llen(struct exec *x)
{
    const struct list *list;

    TRY(read_list(x, x->argv[1], &list));
    return reply_int(x, list != NULL ? (int64_t)list_count(list) : 0);
}

/* An index that may count from the end. False when there is no such element. */
static bool
resolve(int64_t index, size_t count, size_t *out)
{
    if (index < 0)
        index += (int64_t)count;
    if (index < 0 || (uint64_t)index >= count)
        return false;
    *out = (size_t)index;
    return true;
}

static enum rc
cmd_lindex(struct exec *x)
{
    const struct list *list;
    int64_t index;
    size_t at;

    TRY(read_list(x, x->argv[1], &list));
    if (list == NULL)
        return reply_null(x);
    TRY(arg_int(x, x->argv[2], &index));
    return resolve(index, list_count(list), &at) ? reply_bulk(x, list_at(list, at)) : reply_null(x);
}

static enum rc
cmd_lrange(struct exec *x)
{
    const struct list *list;
    int64_t first, last;
    size_t from, count;
    struct slice element;

    TRY(arg_int(x, x->argv[2], &first));
    TRY(arg_int(x, x->argv[3], &last));
    TRY(read_list(x, x->argv[1], &list));
    if (list == NULL || !clamp_range(first, last, list_count(list), &from, &count))
        return reply_array(x, 0);
    if (exec_is_long(x, count))
        return exec_in_slices(x, cmd_lrange, 0);
    reply_array(x, count);
    struct list_iter it = list_seek(list, from, LIST_TAIL);
    while (count-- > 0 && list_next(list, &it, &element)) {
        reply_bulk(x, element);
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

struct lpos_options {
    int64_t rank, count, max_len;
    bool many; /* COUNT was given: an array is wanted */
};

static enum rc
parse_lpos_options(struct exec *x, struct lpos_options *o)
{
    for (int i = 3; i < x->argc; i += 2) {
        struct slice arg = x->argv[i];

        if (i + 1 == x->argc)
            return RC_SYNTAX;
        if (arg_is(arg, LIT("RANK"))) {
            TRY(arg_range(x, x->argv[i + 1], -INT64_MAX, INT64_MAX, &o->rank));
            if (o->rank == 0)
                return fail(x,
                            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
                            "negative to start from the end of the list");
        } else if (arg_is(arg, LIT("COUNT"))) {
            TRY(arg_range_or(x, x->argv[i + 1], 0, INT64_MAX, "ERR COUNT can't be negative", &o->count));
            o->many = true;
        } else if (arg_is(arg, LIT("MAXLEN"))) {
            TRY(arg_range_or(x, x->argv[i + 1], 0, INT64_MAX, "ERR MAXLEN can't be negative", &o->max_len));
        } else {
            return RC_SYNTAX;
        }
    }
    return RC_OK;
}

static enum rc
cmd_lpos(struct exec *x)
{
    struct lpos_options o = {.rank = 1};
    const struct list *list;
    struct slice element;
    size_t found = 0, index;

    TRY(parse_lpos_options(x, &o));
    TRY(read_list(x, x->argv[1], &list));
    if (list == NULL)
        return o.many ? reply_array(x, 0) : reply_null(x);

    size_t count = list_count(list), looks = count;
    if (exec_is_long(x, count))
        return exec_in_slices(x, cmd_lpos, SLICES_MARKS);
    bool backward = o.rank < 0;
    uint64_t skip = (uint64_t)(backward ? -o.rank : o.rank) - 1;
    if (o.max_len > 0 && (uint64_t)o.max_len < looks)
        looks = (size_t)o.max_len;
    struct list_iter it = list_seek(list, backward ? count - 1 : 0, backward ? LIST_HEAD : LIST_TAIL);
    struct reply_mark mark = {0};
    if (o.many)
        mark = reply_mark_here(&x->reply);

    for (size_t i = 0; i < looks && list_next(list, &it, &element); i++) {
        TRY(exec_pulse(x));
        if (!slice_eq(element, x->argv[2]))
            continue;
        if (skip > 0) {
            skip--;
            continue;
        }
        index = backward ? count - 1 - i : i;
        reply_int(x, (int64_t)index);
        found++;
        if (!o.many)
            return RC_OK;
        if (o.count > 0 && found == (uint64_t)o.count)
            break;
    }
    if (!o.many)
        return reply_null(x);
    reply_close_array(&x->reply, mark, found);
    return RC_OK;
}

/* -- changing ------------------------------------------------------------------------------------------------ */

static enum rc
cmd_lset(struct exec *x)
{
    struct entry *e;
    struct list *list;
    int64_t index;
    size_t at;

    TRY(edit_list(x, x->argv[1], ENTRY_EXISTING, &e, &list));
    if (e == NULL)
        return RC_NO_KEY;
    enum rc rc = arg_int(x, x->argv[2], &index);
    if (rc == RC_OK && !resolve(index, list_count(list), &at))
        rc = RC_OUT_OF_RANGE;
    if (rc != RC_OK) {
        entry_unchanged(x, e);
        return rc;
    }
    list_set(list, x->limits, at, x->argv[3]);
    entry_changed(x, e, EV_LSET);
    return reply_ok(x);
}

/* The place of the first element that equals another; the list's length when there is none. */
static enum rc
find_first(struct exec *x, const struct list *list, struct slice wanted, size_t *at)
{
    struct list_iter it = list_seek(list, 0, LIST_TAIL);
    struct slice element;

    for (*at = 0; list_next(list, &it, &element) && !slice_eq(element, wanted); ++*at)
        TRY(exec_pulse(x));
    return RC_OK;
}

static enum rc
cmd_linsert(struct exec *x)
{
    struct entry *e;
    struct list *list;
    bool after = arg_is(x->argv[2], LIT("AFTER"));
    size_t at, count;

    if (!after && !arg_is(x->argv[2], LIT("BEFORE")))
        return RC_SYNTAX;
    TRY(edit_list(x, x->argv[1], ENTRY_EXISTING, &e, &list));
    if (e == NULL)
        return reply_int(x, 0);
    entry_unchanged(x, e); /* to look for the element may take long, so the edit begins anew when it is found */
    count = list_count(list);
    if (exec_is_long(x, count))
        return exec_in_slices(x, cmd_linsert, 0);
    TRY(find_first(x, list, x->argv[3], &at));
    if (at == count)
        return reply_int(x, -1);
    TRY(edit_list(x, x->argv[1], ENTRY_EXISTING, &e, &list));
    if (e == NULL)
        return reply_int(x, 0); /* the key's time has come meanwhile */
    list_insert(list, x->limits, at + after, x->argv[4]);
    entry_changed(x, e, EV_LINSERT);
    return reply_int(x, (int64_t)count + 1);
}

static enum rc
cmd_lrem(struct exec *x)
{
    struct entry *e;
    struct list *list;
    int64_t count;

    TRY(arg_int(x, x->argv[2], &count));
    TRY(edit_list(x, x->argv[1], ENTRY_EXISTING, &e, &list));
    if (e == NULL)
        return reply_int(x, 0);
    size_t max = count < 0 ? (size_t)0 - (size_t)count : (size_t)count; /* the lowest number: more than there are */
    size_t gone = list_remove_equal(list, x->argv[3], count < 0 ? LIST_TAIL : LIST_HEAD, max);
    if (gone > 0)
        entry_changed(x, e, EV_LREM);
    else
        entry_unchanged(x, e);
    return reply_int(x, (int64_t)gone);
}

static enum rc
cmd_ltrim(struct exec *x)
{
    struct entry *e;
    struct list *list;
    int64_t first, last;
    size_t from = 0, keep = 0;

    TRY(arg_int(x, x->argv[2], &first));
    TRY(arg_int(x, x->argv[3], &last));
    TRY(edit_list(x, x->argv[1], ENTRY_EXISTING, &e, &list));
    if (e == NULL)
        return reply_ok(x);
    size_t count = list_count(list);
    if (!clamp_range(first, last, count, &from, &keep)) {
        /* Nothing stays: the key goes as a whole, so that a large list is freed elsewhere. */
        entry_unchanged(x, e);
        notify(x, EV_LTRIM, x->argv[1]);
        key_delete(x, x->db, x->argv[1], EV_DEL);
        return reply_ok(x);
    }
    if (count - from > keep)
        list_drop(list, LIST_TAIL, count - from - keep);
    if (from > 0)
        list_drop(list, LIST_HEAD, from);
    /* Redis calls it a change even when everything stays. */
    entry_changed(x, e, EV_LTRIM);
    return reply_ok(x);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_list_family[] = {
    {"lpush", cmd_lpush, .arity = -3, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}, .since = "1.0.0", .args = "key element...", .reply = "integer",
     .about = "Adds elements to the front of a list, creating it if needed.", .complexity = "O(1) or O(N)",
     .history = "2.4.0 Variadic elements."},
    {"rpush", cmd_rpush, .arity = -3, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}, .since = "1.0.0", .args = "key element...", .reply = "integer",
     .about = "Adds elements to the back of a list, creating it if needed.", .complexity = "O(1) or O(N)",
     .history = "2.4.0 Variadic elements."},
    {"lpushx", cmd_lpushx, .arity = -3, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}, .since = "2.2.0", .args = "key element...", .reply = "integer",
     .about = "Adds elements to the front of a list that exists.", .complexity = "O(1) or O(N)",
     .history = "4.0.0 Variadic elements."},
    {"rpushx", cmd_rpushx, .arity = -3, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}, .since = "2.2.0", .args = "key element...", .reply = "integer",
     .about = "Adds elements to the back of a list that exists.", .complexity = "O(1) or O(N)",
     .history = "4.0.0 Variadic elements."},
    {"llen", cmd_llen, .arity = 2, .group = GROUP_LIST, .flags = CMD_READONLY | CMD_FAST, .keys = {KEY_AT(1, KEY_RO)},
     .since = "1.0.0", .args = "key", .reply = "integer", .about = "Tells how many elements a list has.",
     .complexity = "O(1)"},
    {"lindex", cmd_lindex, .arity = 3, .group = GROUP_LIST, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key index:int", .reply = "null | bulk",
     .about = "Returns the element at a position of a list.", .complexity = "O(N) or O(1)"},
    {"lrange", cmd_lrange, .arity = 4, .group = GROUP_LIST, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key start:int stop:int", .reply = "array",
     .about = "Returns the elements between two positions.", .complexity = "O(S+N)"},
    {"lpos", cmd_lpos, .arity = -3, .group = GROUP_LIST, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "6.0.6",
     .args = "key element [RANK rank:int] [COUNT num-matches:int] [MAXLEN len:int]", .reply = "null | integer | array",
     .about = "Finds the positions of an element in a list.", .complexity = "O(N)"},
    {"lset", cmd_lset, .arity = 4, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "1.0.0", .args = "key index:int element", .reply = "simple",
     .about = "Replaces the element at a position.", .complexity = "O(N) or O(1)"},
    {"linsert", cmd_linsert, .arity = 5, .group = GROUP_LIST, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}, .since = "2.2.0", .args = "key where=<BEFORE|AFTER> pivot element",
     .reply = "integer", .about = "Inserts an element before or after another one.", .complexity = "O(N) or O(1)"},
    {"lrem", cmd_lrem, .arity = 4, .group = GROUP_LIST, .flags = CMD_WRITE, .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)},
     .since = "1.0.0", .args = "key count:int element", .reply = "integer",
     .about = "Removes elements equal to a given one.", .complexity = "O(N+M)"},
    {"ltrim", cmd_ltrim, .arity = 4, .group = GROUP_LIST, .flags = CMD_WRITE, .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)},
     .since = "1.0.0", .args = "key start:int stop:int", .reply = "simple",
     .about = "Keeps only the elements between two positions.", .complexity = "O(N)"},
    {0},
};
