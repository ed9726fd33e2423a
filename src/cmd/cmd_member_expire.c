/* cmd/cmd_member_expire.c - when members of hashes, sets and sorted sets cease to be: setting, asking, clearing.
 *
 * One handler for each verb; the row's group says which type it is about. What the commands for hashes do is Redis's;
 * sets and sorted sets have the same ones, with MEMBERS where hashes have FIELDS (which is understood, too).
 */
#include "cmd/args.h"

#include "value/deadlines.h"

enum reply_code { NO_MEMBER = -2, NO_DEADLINE = -1, NOT_MET = 0, DONE = 1, REMOVED = 2 };

struct kind {
    enum value_type type;
    struct slice clause, expire_at, persist, remove;
    enum event expired, persisted, removed;
    const char *no_clause, *bad_count, *bad_total, *not_positive;
};

static const struct kind *
kind_of(const struct exec *x)
{
    /* clang-format off */
    static const struct kind kinds[] = {
        {TYPE_HASH, {"FIELDS", 6}, {"HPEXPIREAT", 10}, {"HPERSIST", 8}, {"HDEL", 4}, EV_HEXPIRE, EV_HPERSIST, EV_HDEL,
         "ERR Mandatory argument FIELDS is missing or not at the right position",
         "ERR Parameter `numFields` should be greater than 0",
         "ERR The `numfields` parameter must match the number of arguments",
         "ERR Number of fields must be a positive integer"},
        {TYPE_SET, {"MEMBERS", 7}, {"SPEXPIREAT", 10}, {"SPERSIST", 8}, {"SREM", 4}, EV_SEXPIRE, EV_SPERSIST, EV_SREM,
         "ERR Mandatory argument MEMBERS is missing or not at the right position",
         "ERR Parameter `numMembers` should be greater than 0",
         "ERR The `nummembers` parameter must match the number of arguments",
         "ERR Number of members must be a positive integer"},
        {TYPE_ZSET, {"MEMBERS", 7}, {"ZPEXPIREAT", 10}, {"ZPERSIST", 8}, {"ZREM", 4}, EV_ZEXPIRE, EV_ZPERSIST, EV_ZREM,
         "ERR Mandatory argument MEMBERS is missing or not at the right position",
         "ERR Parameter `numMembers` should be greater than 0",
         "ERR The `nummembers` parameter must match the number of arguments",
         "ERR Number of members must be a positive integer"},
    };
    /* clang-format on */

    return &kinds[x->cmd->group == GROUP_HASH ? 0 : x->cmd->group == GROUP_SET ? 1 : 2];
}

/* Reads the clause at argument `at`, which must be the last one: *first is the first member's index. */
static enum rc
parse_members(struct exec *x, const struct kind *k, int at, const char *bad_count, int *first)
{
    int64_t n;

    if (!arg_is(x->argv[at], k->clause) && !arg_is(x->argv[at], LIT("FIELDS")))
        return fail(x, "%s", k->no_clause);
    if (at + 1 >= x->argc)
        return fail(x, "%s", k->bad_total);
    TRY(arg_range_or(x, x->argv[at + 1], 1, INT64_MAX, bad_count, &n));
    if (n != x->argc - at - 2)
        return fail(x, "%s", k->bad_total);
    *first = at + 2;
    return RC_OK;
}

static enum rc
check_type(struct exec *x, const struct kind *k)
{
    const struct entry *e = peek(x, x->argv[1]);

    return e == NULL || entry_type(e) == k->type ? RC_OK : RC_WRONGTYPE;
}

static enum rc
reply_all(struct exec *x, int n, int64_t code)
{
    reply_array(x, (size_t)n);
    while (n-- > 0)
        reply_int(x, code);
    return RC_OK;
}

/* -- setting ------------------------------------------------------------------------------------------------- */

enum condition { ALWAYS, IF_NONE, IF_ANY, IF_LATER, IF_EARLIER };

static enum condition
parse_condition(struct slice arg)
{
    if (arg_is(arg, LIT("NX")))
        return IF_NONE;
    if (arg_is(arg, LIT("XX")))
        return IF_ANY;
    if (arg_is(arg, LIT("GT")))
        return IF_LATER;
    return arg_is(arg, LIT("LT")) ? IF_EARLIER : ALWAYS;
}

/* No deadline at all is later than any. */
static bool
allowed(enum condition c, int64_t old_ms, int64_t at_ms)
{
    switch (c) {
    case IF_NONE: return old_ms < 0;
    case IF_ANY: return old_ms >= 0;
    case IF_LATER: return old_ms >= 0 && at_ms > old_ms;
    case IF_EARLIER: return old_ms < 0 || at_ms < old_ms;
    default: return true;
    }
}

static enum rc
set_deadlines(struct exec *x, const struct kind *k, int first, enum condition c, int64_t at_ms)
{
    bool past = is_past(x, at_ms);
    int n = x->argc - first, done = 0;
    struct entry *e;

    TRY(edit_entry(x, x->argv[1], k->type, ENTRY_EXISTING, &e));
    if (e == NULL)
        return reply_all(x, n, NO_MEMBER);
    struct slice *changed = arena_array(x->arena, (size_t)n, sizeof(*changed));
    reply_array(x, (size_t)n);
    for (int i = first; i < x->argc; i++) {
        struct slice member = x->argv[i];
        if (!entry_has_member(e, member)) {
            reply_int(x, NO_MEMBER);
            continue;
        }
        if (!allowed(c, entry_deadline(e, member), at_ms)) {
            reply_int(x, NOT_MET);
            continue;
        }
        changed[done++] = member;
        if (past) {
            (void)entry_remove_member(e, member);
        } else {
            e = edit_deadlines(x, e);
            entry_set_deadline(e, x->limits, member, at_ms);
        }
        reply_int(x, past ? REMOVED : DONE);
    }
    if (done == 0) {
        entry_unchanged(x, e);
        return RC_OK;
    }
    if (past)
        effect_members(x, k->remove, (struct slice){NULL, 0}, (struct slice){NULL, 0}, changed, done);
    else
        effect_members(x, k->expire_at, arena_int(x->arena, at_ms), k->clause, changed, done);
    entry_changed(x, e, past ? k->removed : k->expired);
    return RC_OK;
}

static enum rc
expire(struct exec *x, enum expire_unit unit, bool relative)
{
    const struct kind *k = kind_of(x);
    int64_t at_ms;
    int first;

    TRY(check_type(x, k));
    TRY(arg_deadline(x, x->argv[2], unit, relative, &at_ms));
    enum condition c = parse_condition(x->argv[3]);
    TRY(parse_members(x, k, c == ALWAYS ? 3 : 4, k->bad_count, &first));
    return set_deadlines(x, k, first, c, at_ms);
}

static enum rc
cmd_member_expire(struct exec *x)
{
    return expire(x, UNIT_S, true);
}

static enum rc
cmd_member_pexpire(struct exec *x)
{
    return expire(x, UNIT_MS, true);
}

static enum rc
cmd_member_expireat(struct exec *x)
{
    return expire(x, UNIT_S, false);
}

static enum rc
cmd_member_pexpireat(struct exec *x)
{
    return expire(x, UNIT_MS, false);
}

static enum rc
cmd_member_persist(struct exec *x)
{
    const struct kind *k = kind_of(x);
    struct entry *e;
    int first, done = 0;

    TRY(check_type(x, k));
    TRY(parse_members(x, k, 2, k->not_positive, &first));
    TRY(edit_entry(x, x->argv[1], k->type, ENTRY_EXISTING, &e));
    int n = x->argc - first;
    if (e == NULL)
        return reply_all(x, n, NO_MEMBER);
    struct slice *changed = arena_array(x->arena, (size_t)n, sizeof(*changed));
    reply_array(x, (size_t)n);
    for (int i = first; i < x->argc; i++) {
        struct slice member = x->argv[i];
        if (entry_deadline(e, member) >= 0) {
            entry_set_deadline(e, x->limits, member, -1);
            changed[done++] = member;
            reply_int(x, DONE);
        } else {
            reply_int(x, entry_has_member(e, member) ? NO_DEADLINE : NO_MEMBER);
        }
    }
    if (done == 0) {
        entry_unchanged(x, e);
        return RC_OK;
    }
    effect_members(x, k->persist, (struct slice){NULL, 0}, k->clause, changed, done);
    entry_changed(x, e, k->persisted);
    return RC_OK;
}

/* -- asking -------------------------------------------------------------------------------------------------- */

static enum rc
reply_deadlines(struct exec *x, enum expire_unit unit, bool relative)
{
    const struct kind *k = kind_of(x);
    const struct entry *e = look(x, x->argv[1]);
    int64_t base = relative ? x->now_ms : 0;
    int first;

    if (e != NULL && entry_type(e) != k->type)
        return RC_WRONGTYPE;
    TRY(parse_members(x, k, 2, k->not_positive, &first));
    if (e == NULL)
        return reply_all(x, x->argc - first, NO_MEMBER);
    reply_array(x, (size_t)(x->argc - first));
    for (int i = first; i < x->argc; i++) {
        int64_t at = entry_deadline(e, x->argv[i]), left = at - base;
        if (at < 0)
            reply_int(x, entry_has_member(e, x->argv[i]) ? NO_DEADLINE : NO_MEMBER);
        else
            reply_int(x, unit == UNIT_MS ? left : (left + 999) / 1000);
    }
    return RC_OK;
}

static enum rc
cmd_member_ttl(struct exec *x)
{
    return reply_deadlines(x, UNIT_S, true);
}

static enum rc
cmd_member_pttl(struct exec *x)
{
    return reply_deadlines(x, UNIT_MS, true);
}

static enum rc
cmd_member_expiretime(struct exec *x)
{
    return reply_deadlines(x, UNIT_S, false);
}

static enum rc
cmd_member_pexpiretime(struct exec *x)
{
    return reply_deadlines(x, UNIT_MS, false);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

/* Sorrel's version, since no Redis has these for sets and sorted sets. */
#define MEMBERS_SINCE "0.1.0"

/* clang-format off */
#define SET_ROW(letter, verb, fn, grp, ver, time, clause, text)                                                         \
    {                                                                                                                  \
        letter verb, cmd_member_##fn, .arity = -6, .group = grp, .flags = CMD_WRITE | CMD_FAST,                        \
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = ver, .args = "key " time " condition=[NX|XX|GT|LT] " clause, \
        .reply = "array", .about = text, .complexity = "O(N)"                                                         \
    }
#define ASK_ROW(letter, verb, fn, grp, ver, clause, text)                                                              \
    {                                                                                                                  \
        letter verb, cmd_member_##fn, .arity = -5, .group = grp, .flags = CMD_READONLY | CMD_FAST,                     \
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = ver, .args = "key " clause, .reply = "array",               \
        .about = text, .complexity = "O(N)", .tips = "nondeterministic_output"                                         \
    }
#define PERSIST_ROW(letter, verb, fn, grp, ver, clause, text)                                                          \
    {                                                                                                                  \
        letter verb, cmd_member_##fn, .arity = -5, .group = grp, .flags = CMD_WRITE | CMD_FAST,                        \
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = ver, .args = "key " clause, .reply = "array",               \
        .about = text, .complexity = "O(N)"                                                                            \
    }
#define FAMILY(l, grp, ver, clause, what, of)                                                                          \
    SET_ROW(l, "expire", expire, grp, ver, "seconds:int", clause, "Lets " what " expire after some seconds."),          \
    SET_ROW(l, "pexpire", pexpire, grp, ver, "milliseconds:int", clause,                                               \
            "Lets " what " expire after some milliseconds."),                                                          \
    SET_ROW(l, "expireat", expireat, grp, ver, "unix-time-seconds:time", clause,                                       \
            "Lets " what " expire at a unix time in seconds."),                                                        \
    SET_ROW(l, "pexpireat", pexpireat, grp, ver, "unix-time-milliseconds:time", clause,                                \
            "Lets " what " expire at a unix time in milliseconds."),                                                   \
    PERSIST_ROW(l, "persist", persist, grp, ver, clause, "Lets " what " live as long as " of "."),                      \
    ASK_ROW(l, "ttl", ttl, grp, ver, clause, "Tells in how many seconds " what " expire."),                            \
    ASK_ROW(l, "pttl", pttl, grp, ver, clause, "Tells in how many milliseconds " what " expire."),                     \
    ASK_ROW(l, "expiretime", expiretime, grp, ver, clause, "Tells when " what " expire, as unix time in seconds."),     \
    ASK_ROW(l, "pexpiretime", pexpiretime, grp, ver, clause,                                                           \
            "Tells when " what " expire, as unix time in milliseconds.")
/* clang-format on */

const struct cmd cmd_member_expire_family[] = {
    FAMILY("h", GROUP_HASH, "7.4.0", "FIELDS {numfields:int field...}", "fields of a hash", "the hash"),
    FAMILY("s", GROUP_SET, MEMBERS_SINCE, "MEMBERS {nummembers:int member...}", "members of a set", "the set"),
    FAMILY("z", GROUP_SORTED_SET, MEMBERS_SINCE, "MEMBERS {nummembers:int member...}", "members of a sorted set",
           "the sorted set"),
    {0},
};
