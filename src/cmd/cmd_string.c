/* cmd/cmd_string.c - strings: reading, setting and changing them.
 *
 * Turns arguments into calls on string values and results into replies. Counters are in cmd_counter.c, LCS in
 * cmd_lcs.c.
 */
#include "base/mem.h"
#include "cmd/args.h"
#include "cmd/cmd_string_match.h"

enum { COPY_OUT_MAX = 16 * 1024 }; /* parts of a blob above this go out by reference */

/* -- options of SET and GETEX -------------------------------------------------------------------------------- */

enum expire_option { EXPIRE_UNSAID, EXPIRE_EX, EXPIRE_PX, EXPIRE_EXAT, EXPIRE_PXAT, EXPIRE_KEEPTTL, EXPIRE_PERSIST };

struct set_options {
    bool nx, xx, get;
    enum expire_option expire;
    struct slice when; /* argument of EX, PX, EXAT, PXAT */
    struct string_match match;
};

static enum expire_option
expire_option(struct slice arg)
{
    static const struct {
        struct slice word;
        enum expire_option option;
    } words[] = {
        {LIT_INIT("EX"), EXPIRE_EX},     {LIT_INIT("PX"), EXPIRE_PX},           {LIT_INIT("EXAT"), EXPIRE_EXAT},
        {LIT_INIT("PXAT"), EXPIRE_PXAT}, {LIT_INIT("KEEPTTL"), EXPIRE_KEEPTTL}, {LIT_INIT("PERSIST"), EXPIRE_PERSIST},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (arg_is(arg, words[i].word))
            return words[i].option;
    return EXPIRE_UNSAID;
}

/* Reads the options from argument `at` on. An option may be repeated (the last one counts) but not contradicted. */
static enum rc
parse_set_options(struct exec *x, int at, bool is_set, struct set_options *o)
{
    for (int i = at; i < x->argc; i++) {
        struct slice arg = x->argv[i];

        if (is_set && arg_is(arg, LIT("NX")) && !o->xx && o->match.kind == MATCH_ANY) {
            o->nx = true;
        } else if (is_set && arg_is(arg, LIT("XX")) && !o->nx && o->match.kind == MATCH_ANY) {
            o->xx = true;
        } else if (is_set && arg_is(arg, LIT("GET"))) {
            o->get = true;
        } else if (is_set && string_match_word(arg) != MATCH_ANY) {
            if (o->nx || o->xx || o->match.kind != MATCH_ANY || i + 1 == x->argc)
                return RC_SYNTAX;
            o->match = (struct string_match){string_match_word(arg), x->argv[++i]};
        } else {
            enum expire_option e = expire_option(arg);
            bool here = e != EXPIRE_UNSAID && e != (is_set ? EXPIRE_PERSIST : EXPIRE_KEEPTTL);
            if (!here || (o->expire != EXPIRE_UNSAID && o->expire != e))
                return RC_SYNTAX;
            if (e <= EXPIRE_PXAT) {
                if (++i == x->argc)
                    return RC_SYNTAX;
                o->when = x->argv[i];
            }
            o->expire = e;
        }
    }
    return RC_OK;
}

static enum rc
option_expiry(struct exec *x, const struct set_options *o, int64_t *at_ms)
{
    return arg_expire(x, o->when, o->expire == EXPIRE_EX || o->expire == EXPIRE_EXAT ? UNIT_S : UNIT_MS,
                      o->expire == EXPIRE_EX || o->expire == EXPIRE_PX, at_ms);
}

/* -- an old value that outlives its key ---------------------------------------------------------------------- */

struct held {
    bool present;
    struct slice bytes;
    struct blob *blob;
};

static void
drop_blob(void *blob)
{
    blob_drop(blob);
}

static struct held
hold(struct exec *x, const struct entry *e)
{
    struct held h = {0};
    char text[STRING_TEXT_MAX];

    if (e == NULL)
        return h;
    h.present = true;
    h.blob = string_blob(e);
    h.bytes = h.blob != NULL ? slice_of(h.blob->data, h.blob->len) : arena_copy(x->arena, string_get(e, text));
    return h;
}

/* Replies with what was held and lets go of it. */
static enum rc
reply_held(struct exec *x, struct held h)
{
    if (!h.present)
        return reply_null(x);
    if (h.blob == NULL)
        return reply_bulk(x, h.bytes);
    reply_put_bulk_ref(&x->reply, h.bytes, drop_blob, h.blob);
    return RC_OK;
}

/* -- SET and its relatives ----------------------------------------------------------------------------------- */

/* Replicas get the moment of expiry rather than a time to live, and no GET, whose reply nobody reads. */
static void
propagate_set(struct exec *x, const struct set_options *o, int64_t at_ms)
{
    struct slice key = x->argv[1], value = x->argv[2];

    if (at_ms >= 0)
        EFFECT_AS(x, LIT("SET"), key, value, LIT("PXAT"), arena_int(x->arena, at_ms));
    else if ((o->get || o->match.kind != MATCH_ANY) && o->expire == EXPIRE_KEEPTTL)
        EFFECT_AS(x, LIT("SET"), key, value, LIT("KEEPTTL"));
    else if (o->get || o->match.kind != MATCH_ANY)
        EFFECT_AS(x, LIT("SET"), key, value);
}

static enum rc
set_with_options(struct exec *x)
{
    struct set_options o = {0};
    const struct entry *old = NULL;
    int64_t at_ms = -1;
    bool exists = false;

    TRY(parse_set_options(x, 3, true, &o));
    TRY(string_match_check(x, &o.match));
    if (o.expire == EXPIRE_KEEPTTL)
        at_ms = KEEP_EXPIRY;
    else if (o.expire != EXPIRE_UNSAID)
        TRY(option_expiry(x, &o, &at_ms));

    if (o.get || o.match.kind != MATCH_ANY) {
        TRY(read_string(x, x->argv[1], &old));
        exists = old != NULL;
    } else if (o.nx || o.xx) {
        exists = peek(x, x->argv[1]) != NULL;
    }
    bool refused = (o.nx && exists) || (o.xx && !exists) || !string_matches(&o.match, old);
    struct held was = hold(x, o.get ? old : NULL);
    if (refused)
        return o.get ? reply_held(x, was) : reply_null(x);

    enum rc rc = key_set_string(x, x->argv[1], x->argv[2], at_ms, EV_SET);
    if (rc != RC_OK) {
        blob_drop(was.blob);
        return rc;
    }
    if (at_ms >= 0)
        notify(x, EV_EXPIRE, x->argv[1]);
    propagate_set(x, &o, at_ms);
    return o.get ? reply_held(x, was) : reply_ok(x);
}

static enum rc
cmd_set(struct exec *x)
{
    if (UNLIKELY(x->argc > 3))
        return set_with_options(x);
    TRY(key_set_string(x, x->argv[1], x->argv[2], -1, EV_SET));
    return reply_ok(x);
}

static enum rc
cmd_setnx(struct exec *x)
{
    if (peek(x, x->argv[1]) != NULL)
        return reply_int(x, 0);
    TRY(key_set_string(x, x->argv[1], x->argv[2], -1, EV_SET));
    return reply_int(x, 1);
}

static enum rc
set_expiring(struct exec *x, enum expire_unit unit)
{
    int64_t at_ms;

    TRY(arg_expire(x, x->argv[2], unit, true, &at_ms));
    TRY(key_set_string(x, x->argv[1], x->argv[3], at_ms, EV_SET));
    notify(x, EV_EXPIRE, x->argv[1]);
    EFFECT_AS(x, LIT("SET"), x->argv[1], x->argv[3], LIT("PXAT"), arena_int(x->arena, at_ms));
    return reply_ok(x);
}

static enum rc
cmd_setex(struct exec *x)
{
    return set_expiring(x, UNIT_S);
}

static enum rc
cmd_psetex(struct exec *x)
{
    return set_expiring(x, UNIT_MS);
}

static enum rc
cmd_getset(struct exec *x)
{
    const struct entry *old;

    TRY(read_string(x, x->argv[1], &old));
    struct held was = hold(x, old);
    enum rc rc = key_set_string(x, x->argv[1], x->argv[2], -1, EV_SET);
    if (rc != RC_OK) {
        blob_drop(was.blob);
        return rc;
    }
    EFFECT_AS(x, LIT("SET"), x->argv[1], x->argv[2]);
    return reply_held(x, was);
}

static enum rc
cmd_mset(struct exec *x)
{
    if (x->argc % 2 == 0)
        return fail_arity(x);
    for (int i = 1; i < x->argc; i += 2) {
        expect_keys(x, i, 2);
        TRY(key_set_string(x, x->argv[i], x->argv[i + 1], -1, EV_SET));
    }
    return reply_ok(x);
}

static enum rc
cmd_msetnx(struct exec *x)
{
    if (x->argc % 2 == 0)
        return fail_arity(x);
    for (int i = 1; i < x->argc; i += 2) {
        expect_keys(x, i, 2);
        if (peek(x, x->argv[i]) != NULL)
            return reply_int(x, 0);
    }
    for (int i = 1; i < x->argc; i += 2)
        TRY(key_set_string(x, x->argv[i], x->argv[i + 1], -1, EV_SET));
    return reply_int(x, 1);
}

/* -- reading ------------------------------------------------------------------------------------------------- */

static enum rc
cmd_get(struct exec *x)
{
    const struct entry *e;

    TRY(read_string(x, x->argv[1], &e));
    return e != NULL ? reply_string(x, e) : reply_null(x);
}

static enum rc
cmd_mget(struct exec *x)
{
    reply_array(x, (size_t)x->argc - 1);
    for (int i = 1; i < x->argc; i++) {
        expect_keys(x, i, 1);
        const struct entry *e = look(x, x->argv[i]);
        if (e != NULL && entry_type(e) == TYPE_STRING)
            reply_string(x, e);
        else
            reply_null(x);
    }
    return RC_OK;
}

static enum rc
cmd_strlen(struct exec *x)
{
    const struct entry *e;

    TRY(read_string(x, x->argv[1], &e));
    return reply_int(x, e != NULL ? (int64_t)string_len(e) : 0);
}

static enum rc
cmd_getrange(struct exec *x)
{
    const struct entry *e;
    int64_t first, last;
    size_t from, count;
    char text[STRING_TEXT_MAX];

    TRY(arg_int(x, x->argv[2], &first));
    TRY(arg_int(x, x->argv[3], &last));
    TRY(read_string(x, x->argv[1], &e));
    if (e == NULL)
        return reply_bulk(x, LIT(""));

    /* An end before the beginning counts as the first byte here (not so in LRANGE), unless both count from the end and
     * are in the wrong order. */
    size_t len = string_len(e);
    bool crossed = first < 0 && last < 0 && first > last;
    if (last < 0 && last + (int64_t)len < 0)
        last = 0;
    if (crossed || !clamp_range(first, last, len, &from, &count))
        return reply_bulk(x, LIT(""));

    struct blob *blob = count > COPY_OUT_MAX ? string_blob(e) : NULL;
    if (blob != NULL)
        reply_put_bulk_ref(&x->reply, slice_of(blob->data + from, count), drop_blob, blob);
    else
        reply_bulk(x, slice_of(string_get(e, text).ptr + from, count));
    return RC_OK;
}

/* -- reading and changing ------------------------------------------------------------------------------------ */

static enum rc
cmd_getdel(struct exec *x)
{
    const struct entry *e;

    TRY(read_string(x, x->argv[1], &e));
    if (e == NULL)
        return reply_null(x);
    reply_string(x, e);
    EFFECT_AS(x, LIT("DEL"), x->argv[1]);
    key_delete(x, x->db, x->argv[1], EV_DEL);
    return RC_OK;
}

static enum rc
cmd_getex(struct exec *x)
{
    struct set_options o = {0};
    int64_t at_ms = -1;

    TRY(parse_set_options(x, 2, false, &o));
    struct entry *e = look(x, x->argv[1]);
    if (e == NULL)
        return reply_null(x);
    if (entry_type(e) != TYPE_STRING)
        return RC_WRONGTYPE;
    if (o.expire != EXPIRE_UNSAID && o.expire != EXPIRE_PERSIST)
        TRY(option_expiry(x, &o, &at_ms));

    reply_string(x, e);
    if (at_ms >= 0) {
        if (key_expire(x, e, at_ms, EV_EXPIRE) != NULL)
            EFFECT_AS(x, LIT("PEXPIREAT"), x->argv[1], arena_int(x->arena, at_ms));
    } else if (o.expire == EXPIRE_PERSIST && entry_expiry(e) >= 0) {
        key_expire(x, e, -1, EV_PERSIST);
        EFFECT_AS(x, LIT("PERSIST"), x->argv[1]);
    }
    return RC_OK;
}

/* Indexes the new place of a string whose change has succeeded (moved is not NULL) and completes the change. */
static enum rc
finish(struct exec *x, struct entry *e, struct entry *moved, enum event event)
{
    if (moved == NULL) {
        entry_unchanged(x, e);
        return RC_NO_MEMORY;
    }
    if (moved != e)
        entry_moved(x, e, moved);
    entry_changed(x, moved, event);
    return RC_OK;
}

static enum rc
cmd_append(struct exec *x)
{
    struct slice more = x->argv[2];
    struct entry *e;
    size_t len;

    TRY(edit_entry(x, x->argv[1], TYPE_STRING, ENTRY_EXISTING, &e));
    if (e == NULL) {
        TRY(key_set_string(x, x->argv[1], more, -1, EV_APPEND));
        return reply_int(x, (int64_t)more.len);
    }
    if (!size_add(string_len(e), more.len, &len) || len > string_max(x)) {
        entry_unchanged(x, e);
        return RC_TOO_LONG;
    }
    TRY(finish(x, e, string_append(e, more), EV_APPEND));
    return reply_int(x, (int64_t)len);
}

static enum rc
cmd_setrange(struct exec *x)
{
    struct slice part = x->argv[3];
    struct entry *e;
    int64_t offset;
    size_t len = 0, need;
    char *bytes;

    TRY(arg_int(x, x->argv[2], &offset));
    if (offset < 0)
        return fail(x, "ERR offset is out of range");
    TRY(edit_entry(x, x->argv[1], TYPE_STRING, ENTRY_EXISTING, &e));
    if (e != NULL)
        len = string_len(e);
    bool fits = size_add((size_t)offset, part.len, &need) && need <= string_max(x);
    if (part.len == 0 || !fits) {
        if (e != NULL)
            entry_unchanged(x, e);
        return part.len == 0 ? reply_int(x, (int64_t)len) : RC_TOO_LONG;
    }
    if (e == NULL)
        TRY(edit_entry(x, x->argv[1], TYPE_STRING, ENTRY_CREATE, &e));
    len = need > len ? need : len;
    struct entry *moved = string_edit(e, len, &bytes);
    if (moved != NULL)
        memcpy(bytes + offset, part.ptr, part.len);
    TRY(finish(x, e, moved, EV_SETRANGE));
    return reply_int(x, (int64_t)len);
}

/* With GET the old value is read, without it only overwritten. */
static int
set_keys(const struct slice *argv, int argc, int *index, uint16_t *flags, int max)
{
    bool reads = false;

    for (int i = 3; i < argc; i++)
        reads |= arg_is(argv[i], LIT("get"));
    if (max > 0) {
        index[0] = 1;
        flags[0] = reads ? KEY_RW | KEY_ACCESS | KEY_UPDATE : KEY_OW | KEY_UPDATE;
    }
    return 1;
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_string_family[] = {
    {"get", cmd_get, .arity = 2, .group = GROUP_STRING, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key", .reply = "bulk | null",
     .about = "Returns the string in a key.", .complexity = "O(1)"},
    {"set", cmd_set, .arity = -3, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE)}, .find_keys = set_keys, .since = "1.0.0",
     .args = "key value condition=[NX|XX|IFEQ ifeq-value@8.4.0|IFNE ifne-value@8.4.0|IFDEQ ifdeq-digest@8.4.0|IFDNE "
             "ifdne-digest@8.4.0]@2.6.12 [GET]@6.2.0 expiration=[EX seconds:int@2.6.12|PX "
             "milliseconds:int@2.6.12|EXAT unix-time-seconds:time@6.2.0|PXAT "
             "unix-time-milliseconds:time@6.2.0|KEEPTTL@6.0.0]",
     .reply = "null | simple | bulk",
     .about = "Sets a key to a string, whatever it held; options make it conditional or let it expire.",
     .complexity = "O(1)",
     .history = "2.6.12 New EX PX NX XX.|6.0.0 New KEEPTTL.|6.2.0 New GET EXAT PXAT.|7.0.0 NX and GET may be "
                "combined."},
    {"setnx", cmd_setnx, .arity = 3, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_OW | KEY_INSERT)}, .since = "1.0.0", .args = "key value", .reply = "integer",
     .about = "Sets a key to a string, provided that it does not exist.", .complexity = "O(1)",
     .deprecated_since = "2.6.12", .replaced_by = "`SET` with the `NX` argument"},
    {"setex", cmd_setex, .arity = 4, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE)}, .since = "2.0.0", .args = "key seconds:int value", .reply = "simple",
     .about = "Sets a key to a string that expires after some seconds.", .complexity = "O(1)",
     .deprecated_since = "2.6.12", .replaced_by = "`SET` with the `EX` argument"},
    {"psetex", cmd_psetex, .arity = 4, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE)}, .since = "2.6.0", .args = "key milliseconds:int value",
     .reply = "simple", .about = "Sets a key to a string that expires after some milliseconds.", .complexity = "O(1)",
     .deprecated_since = "2.6.12", .replaced_by = "`SET` with the `PX` argument"},
    {"getset", cmd_getset, .arity = 3, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "1.0.0", .args = "key value",
     .reply = "bulk | null", .about = "Sets a key to a string and returns the one it held.", .complexity = "O(1)",
     .deprecated_since = "6.2.0", .replaced_by = "`SET` with the `!GET` argument"},
    {"getdel", cmd_getdel, .arity = 2, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .since = "6.2.0", .args = "key", .reply = "bulk | null",
     .about = "Returns the string in a key and removes the key.", .complexity = "O(1)"},
    {"getex", cmd_getex, .arity = -2, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "6.2.0",
     .args = "key expiration=[EX seconds:int|PX milliseconds:int|EXAT unix-time-seconds:time|PXAT "
             "unix-time-milliseconds:time|PERSIST]",
     .reply = "bulk | null", .about = "Returns the string in a key and sets or clears its expiry.",
     .complexity = "O(1)"},
    {"mget", cmd_mget, .arity = -2, .group = GROUP_STRING, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key...", .reply = "array",
     .about = "Returns the strings in several keys.", .complexity = "O(N)", .tips = "request_policy:multi_shard"},
    {"mset", cmd_mset, .arity = -3, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_RANGE(1, -1, 2, KEY_OW | KEY_UPDATE)}, .since = "1.0.1", .args = "data={key value}...",
     .reply = "simple", .about = "Sets several keys to strings.", .complexity = "O(N)",
     .tips = "request_policy:multi_shard response_policy:all_succeeded"},
    {"msetnx", cmd_msetnx, .arity = -3, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_RANGE(1, -1, 2, KEY_OW | KEY_INSERT)}, .since = "1.0.1", .args = "data={key value}...",
     .reply = "integer", .about = "Sets several keys to strings, provided that none of them exists.",
     .complexity = "O(N)"},
    {"append", cmd_append, .arity = 3, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}, .since = "2.0.0", .args = "key value", .reply = "integer",
     .about = "Appends bytes to a string, creating it if needed.", .complexity = "O(1)"},
    {"strlen", cmd_strlen, .arity = 2, .group = GROUP_STRING, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO)}, .since = "2.2.0", .args = "key", .reply = "integer",
     .about = "Tells how long a string is.", .complexity = "O(1)"},
    {"setrange", cmd_setrange, .arity = 4, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "2.2.0", .args = "key offset:int value", .reply = "integer",
     .about = "Writes over a part of a string, lengthening it with zero bytes if needed.",
     .complexity = "O(1) or O(M)"},
    {"getrange", cmd_getrange, .arity = 4, .group = GROUP_STRING, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.4.0", .args = "key start:int end:int", .reply = "bulk",
     .about = "Returns a part of a string.", .complexity = "O(N) or O(1)"},
    {"substr", cmd_getrange, .arity = 4, .group = GROUP_STRING, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key start:int end:int", .reply = "bulk",
     .about = "Returns a part of a string.", .complexity = "O(N) or O(1)", .deprecated_since = "2.0.0",
     .replaced_by = "`GETRANGE`"},
    {0},
};
