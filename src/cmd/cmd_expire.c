/* cmd/cmd_expire.c - when keys expire: setting, asking, clearing. */
#include "cmd/args.h"

enum { QUOTE_MAX = 64 * 1024 }; /* of a wrong option, in the error that names it */

/* -- setting ------------------------------------------------------------------------------------------------- */

enum expire_flag { IF_NONE = 1 << 0, IF_ANY = 1 << 1, IF_LATER = 1 << 2, IF_EARLIER = 1 << 3 };

static enum rc
parse_expire_flags(struct exec *x, unsigned *flags)
{
    for (int i = 3; i < x->argc; i++) {
        struct slice arg = x->argv[i];

        if (arg_is(arg, LIT("NX")))
            *flags |= IF_NONE;
        else if (arg_is(arg, LIT("XX")))
            *flags |= IF_ANY;
        else if (arg_is(arg, LIT("GT")))
            *flags |= IF_LATER;
        else if (arg_is(arg, LIT("LT")))
            *flags |= IF_EARLIER;
        else
            return fail(x, "ERR Unsupported option %.*s", (int)(arg.len < QUOTE_MAX ? arg.len : QUOTE_MAX), arg.ptr);
    }
    if ((*flags & IF_NONE) && (*flags & ~(unsigned)IF_NONE))
        return fail(x, "ERR NX and XX, GT or LT options at the same time are not compatible");
    if ((*flags & IF_LATER) && (*flags & IF_EARLIER))
        return fail(x, "ERR GT and LT options at the same time are not compatible");
    return RC_OK;
}

/* No expiry at all is later than any. */
static bool
allowed(unsigned flags, int64_t old_ms, int64_t at_ms)
{
    if ((flags & IF_NONE) && old_ms >= 0)
        return false;
    if ((flags & IF_ANY) && old_ms < 0)
        return false;
    if ((flags & IF_LATER) && (old_ms < 0 || at_ms <= old_ms))
        return false;
    return !((flags & IF_EARLIER) && old_ms >= 0 && at_ms >= old_ms);
}

static enum rc
expire(struct exec *x, enum expire_unit unit, bool relative)
{
    unsigned flags = 0;
    int64_t at_ms;

    TRY(parse_expire_flags(x, &flags));
    TRY(arg_int(x, x->argv[2], &at_ms));
    if (unit == UNIT_S && __builtin_mul_overflow(at_ms, 1000, &at_ms))
        return fail_expire(x);
    if (relative && __builtin_add_overflow(at_ms, x->now_ms, &at_ms))
        return fail_expire(x);

    struct entry *e = peek(x, x->argv[1]);
    if (e == NULL || !allowed(flags, entry_expiry(e), at_ms))
        return reply_int(x, 0);
    /* -1 means "none" to the engine. Any moment before the first is as long ago as the first. */
    if (at_ms < 0)
        at_ms = 0;
    if (key_expire(x, e, at_ms, EV_EXPIRE) != NULL)
        EFFECT_AS(x, LIT("PEXPIREAT"), x->argv[1], arena_int(x->arena, at_ms));
    return reply_int(x, 1);
}

static enum rc
cmd_expire(struct exec *x)
{
    return expire(x, UNIT_S, true);
}

static enum rc
cmd_pexpire(struct exec *x)
{
    return expire(x, UNIT_MS, true);
}

static enum rc
cmd_expireat(struct exec *x)
{
    return expire(x, UNIT_S, false);
}

static enum rc
cmd_pexpireat(struct exec *x)
{
    return expire(x, UNIT_MS, false);
}

static enum rc
cmd_persist(struct exec *x)
{
    struct entry *e = peek(x, x->argv[1]);

    if (e == NULL || entry_expiry(e) < 0)
        return reply_int(x, 0);
    key_expire(x, e, -1, EV_PERSIST);
    return reply_int(x, 1);
}

/* -- asking -------------------------------------------------------------------------------------------------- */

/* -2: no such key, -1: it does not expire. */
static enum rc
reply_expiry(struct exec *x, enum expire_unit unit, bool relative)
{
    const struct entry *e = look_untouched(x, x->argv[1]);
    int64_t at_ms = e != NULL ? entry_expiry(e) : -1;

    if (at_ms < 0)
        return reply_int(x, e == NULL ? -2 : -1);
    if (relative)
        at_ms = at_ms > x->now_ms ? at_ms - x->now_ms : 0;
    return reply_int(x, unit == UNIT_MS ? at_ms : at_ms / 1000 + (at_ms % 1000 >= 500));
}

static enum rc
cmd_ttl(struct exec *x)
{
    return reply_expiry(x, UNIT_S, true);
}

static enum rc
cmd_pttl(struct exec *x)
{
    return reply_expiry(x, UNIT_MS, true);
}

static enum rc
cmd_expiretime(struct exec *x)
{
    return reply_expiry(x, UNIT_S, false);
}

static enum rc
cmd_pexpiretime(struct exec *x)
{
    return reply_expiry(x, UNIT_MS, false);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_expire_family[] = {
    {"expire", cmd_expire, .arity = -3, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "1.0.0",
     .args = "key seconds:int condition=[NX|XX|GT|LT]@7.0.0", .reply = "integer",
     .about = "Lets a key expire after some seconds.", .complexity = "O(1)",
     .history = "7.0.0 Conditions NX XX GT LT."},
    {"pexpire", cmd_pexpire, .arity = -3, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "2.6.0",
     .args = "key milliseconds:int condition=[NX|XX|GT|LT]@7.0.0", .reply = "integer",
     .about = "Lets a key expire after some milliseconds.", .complexity = "O(1)",
     .history = "7.0.0 Conditions NX XX GT LT."},
    {"expireat", cmd_expireat, .arity = -3, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "1.2.0",
     .args = "key unix-time-seconds:time condition=[NX|XX|GT|LT]@7.0.0", .reply = "integer",
     .about = "Lets a key expire at a unix time in seconds.", .complexity = "O(1)",
     .history = "7.0.0 Conditions NX XX GT LT."},
    {"pexpireat", cmd_pexpireat, .arity = -3, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "2.6.0",
     .args = "key unix-time-milliseconds:time condition=[NX|XX|GT|LT]@7.0.0", .reply = "integer",
     .about = "Lets a key expire at a unix time in milliseconds.", .complexity = "O(1)",
     .history = "7.0.0 Conditions NX XX GT LT."},
    {"ttl", cmd_ttl, .arity = 2, .group = GROUP_GENERIC, .flags = CMD_READONLY | CMD_FAST, .categories = CAT(KEYSPACE),
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key", .reply = "integer",
     .about = "Tells in how many seconds a key expires.", .complexity = "O(1)", .tips = "nondeterministic_output",
     .history = "2.8.0 -2 for a missing key."},
    {"pttl", cmd_pttl, .arity = 2, .group = GROUP_GENERIC, .flags = CMD_READONLY | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.6.0", .args = "key",
     .reply = "integer", .about = "Tells in how many milliseconds a key expires.", .complexity = "O(1)",
     .tips = "nondeterministic_output", .history = "2.8.0 -2 for a missing key."},
    {"expiretime", cmd_expiretime, .arity = 2, .group = GROUP_GENERIC, .flags = CMD_READONLY | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "7.0.0", .args = "key",
     .reply = "integer", .about = "Tells when a key expires, as unix time in seconds.", .complexity = "O(1)"},
    {"pexpiretime", cmd_pexpiretime, .arity = 2, .group = GROUP_GENERIC, .flags = CMD_READONLY | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "7.0.0", .args = "key",
     .reply = "integer", .about = "Tells when a key expires, as unix time in milliseconds.", .complexity = "O(1)"},
    {"persist", cmd_persist, .arity = 2, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "2.2.0", .args = "key",
     .reply = "integer", .about = "Lets a key live for ever again.", .complexity = "O(1)"},
    {0},
};
