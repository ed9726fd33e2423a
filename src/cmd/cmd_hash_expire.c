/* cmd/cmd_hash_expire.c - HGETDEL, HGETEX, HSETEX: reading or writing fields together with the time they have to live.
 * HEXPIRE and its kind are in cmd_member_expire.c. */
#include "cmd/args.h"
#include "cmd/cmd_hash_priv.h"

#include "value/deadlines.h"

static const struct slice none = {NULL, 0};

static enum rc
check_hash(struct exec *x)
{
    const struct entry *e = peek(x, x->argv[1]);

    return e == NULL || entry_type(e) == TYPE_HASH ? RC_OK : RC_WRONGTYPE;
}

/* FIELDS n field… at argument `at`, to the end. */
static enum rc
parse_fields(struct exec *x, int at, int *first)
{
    int64_t n;

    if (at >= x->argc || !arg_is(x->argv[at], LIT("FIELDS")))
        return fail(x, "ERR Mandatory argument FIELDS is missing or not at the right position");
    if (at + 1 >= x->argc)
        return fail_arity(x);
    TRY(arg_range_or(x, x->argv[at + 1], 1, INT64_MAX, "ERR Number of fields must be a positive integer", &n));
    if (n != x->argc - at - 2)
        return fail(x, "ERR The `numfields` parameter must match the number of arguments");
    *first = at + 2;
    return RC_OK;
}

static enum rc
reply_nulls(struct exec *x, int n)
{
    reply_array(x, (size_t)n);
    while (n-- > 0)
        reply_null(x);
    return RC_OK;
}

/* -- HGETDEL ------------------------------------------------------------------------------------------------- */

static enum rc
cmd_hgetdel(struct exec *x)
{
    struct entry *e;
    struct hash *hash;
    int first, gone = 0;

    TRY(check_hash(x));
    TRY(parse_fields(x, 2, &first));
    TRY(edit_hash(x, x->argv[1], ENTRY_EXISTING, &e, &hash));
    if (e == NULL)
        return reply_nulls(x, x->argc - first);
    struct slice *fields = arena_array(x->arena, (size_t)(x->argc - first), sizeof(*fields));
    reply_array(x, (size_t)(x->argc - first));
    for (int i = first; i < x->argc; i++) {
        hash__reply_field(x, hash, x->argv[i]);
        if (hash_del(hash, x->argv[i]))
            fields[gone++] = x->argv[i];
    }
    if (gone == 0) {
        entry_unchanged(x, e);
        return RC_OK;
    }
    effect_members(x, LIT("HDEL"), none, none, fields, gone);
    entry_changed(x, e, EV_HDEL);
    return RC_OK;
}

/* -- HGETEX -------------------------------------------------------------------------------------------------- */

enum lifetime { LIFE_AS_IS, LIFE_UNTIL, LIFE_EVER, LIFE_KEPT };

struct life_option {
    struct slice word;
    enum expire_unit unit;
    bool relative;
};

static const struct life_option *
life_option(struct slice arg)
{
    static const struct life_option options[] = {
        {{"EX", 2}, UNIT_S, true},
        {{"PX", 2}, UNIT_MS, true},
        {{"EXAT", 4}, UNIT_S, false},
        {{"PXAT", 4}, UNIT_MS, false},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (arg_is(arg, options[i].word))
            return &options[i];
    }
    return NULL;
}

static enum rc
parse_getex(struct exec *x, enum lifetime *life, int64_t *at_ms, int *first)
{
    const struct life_option *o = life_option(x->argv[2]);
    int at = 2;

    *life = LIFE_AS_IS;
    if (arg_is(x->argv[2], LIT("PERSIST"))) {
        *life = LIFE_EVER;
        at = 3;
    } else if (o != NULL) {
        TRY(arg_deadline(x, x->argv[3], o->unit, o->relative, at_ms));
        *life = LIFE_UNTIL;
        at = 4;
    }
    if (at > 2 && at < x->argc && (arg_is(x->argv[at], LIT("PERSIST")) || life_option(x->argv[at]) != NULL))
        return fail(x, "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified");
    return parse_fields(x, at, first);
}

static enum rc
cmd_hgetex(struct exec *x)
{
    enum lifetime life;
    int64_t at_ms = -1;
    int first, done = 0;
    struct entry *e;

    TRY(check_hash(x));
    TRY(parse_getex(x, &life, &at_ms, &first));
    TRY(edit_entry(x, x->argv[1], TYPE_HASH, ENTRY_EXISTING, &e));
    if (e == NULL)
        return reply_nulls(x, x->argc - first);
    bool past = life == LIFE_UNTIL && is_past(x, at_ms);
    struct slice *fields = arena_array(x->arena, (size_t)(x->argc - first), sizeof(*fields));
    reply_array(x, (size_t)(x->argc - first));
    for (int i = first; i < x->argc; i++) {
        struct slice field = x->argv[i];
        hash__reply_field(x, (const struct hash *)entry_handle(e), field);
        if (life == LIFE_AS_IS || !entry_has_member(e, field) || (life == LIFE_EVER && entry_deadline(e, field) < 0))
            continue;
        fields[done++] = field;
        if (past) {
            (void)entry_remove_member(e, field);
            continue;
        }
        if (life == LIFE_UNTIL)
            e = edit_deadlines(x, e);
        entry_set_deadline(e, x->limits, field, at_ms);
    }
    if (done == 0) {
        entry_unchanged(x, e);
        return RC_OK;
    }
    if (past)
        effect_members(x, LIT("HDEL"), none, none, fields, done);
    else if (life == LIFE_EVER)
        effect_members(x, LIT("HPERSIST"), none, LIT("FIELDS"), fields, done);
    else
        effect_members(x, LIT("HPEXPIREAT"), arena_int(x->arena, at_ms), LIT("FIELDS"), fields, done);
    entry_changed(x, e, past ? EV_HDEL : life == LIFE_EVER ? EV_HPERSIST : EV_HEXPIRE);
    return RC_OK;
}

/* -- HSETEX -------------------------------------------------------------------------------------------------- */

struct setex {
    enum lifetime life;
    int life_at; /* argument of the option; the moment follows */
    int64_t at_ms;
    enum { ANYHOW, KEY_ABSENT, KEY_THERE } key;
    enum { FIELDS_ANYHOW, FIELDS_ABSENT, FIELDS_THERE } fields;
    int first, pairs;
};

/* Takes the option at *at, and what belongs to it. */
static enum rc
parse_setex_option(struct exec *x, struct setex *o, int *at)
{
    struct slice arg = x->argv[*at];
    const struct life_option *l = life_option(arg);

    if (l != NULL || arg_is(arg, LIT("KEEPTTL"))) {
        if (o->life != LIFE_AS_IS)
            return fail(x, "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
        o->life = l != NULL ? LIFE_UNTIL : LIFE_KEPT;
        o->life_at = *at;
        if (l == NULL)
            return RC_OK;
        if (++*at >= x->argc)
            return fail(x, "ERR missing expire time");
        return arg_deadline(x, x->argv[*at], l->unit, l->relative, &o->at_ms);
    }
    if (arg_is(arg, LIT("FNX")) || arg_is(arg, LIT("FXX"))) {
        if (o->fields != FIELDS_ANYHOW)
            return fail(x, "ERR Only one of FXX or FNX arguments can be specified");
        o->fields = arg_is(arg, LIT("FNX")) ? FIELDS_ABSENT : FIELDS_THERE;
        return RC_OK;
    }
    /* Valkey's. */
    if (arg_is(arg, LIT("NX")) || arg_is(arg, LIT("XX"))) {
        if (o->key != ANYHOW)
            return fail(x, "ERR Only one of XX or NX arguments can be specified");
        o->key = arg_is(arg, LIT("NX")) ? KEY_ABSENT : KEY_THERE;
        return RC_OK;
    }
    return fail(x, "ERR unknown argument: %.*s", (int)(arg.len < 128 ? arg.len : 128), arg.ptr);
}

static enum rc
parse_setex(struct exec *x, struct setex *o)
{
    int64_t n;
    int at = 2;

    for (; at < x->argc && !arg_is(x->argv[at], LIT("FIELDS")); at++)
        TRY(parse_setex_option(x, o, &at));
    if (at >= x->argc)
        return fail(x, "ERR missing FIELDS argument");
    if (at + 1 >= x->argc)
        return fail_arity(x);
    TRY(arg_range_or(x, x->argv[at + 1], 1, INT32_MAX, "ERR invalid number of fields", &n));
    if (2 * n != x->argc - at - 2)
        return fail_arity(x);
    o->first = at + 2;
    o->pairs = (int)n;
    return RC_OK;
}

static bool
setex_applies(struct exec *x, const struct setex *o, const struct entry *e)
{
    if ((o->key == KEY_ABSENT && e != NULL) || (o->key == KEY_THERE && e == NULL))
        return false;
    for (int i = 0; i < o->pairs && o->fields != FIELDS_ANYHOW; i++) {
        bool there = e != NULL && entry_has_member(e, x->argv[o->first + 2 * i]);
        if (there != (o->fields == FIELDS_THERE))
            return false;
    }
    return true;
}

/* The moment instead of the time that is left; or, for a moment that has passed, the removal of the fields. */
static void
setex_effects(struct exec *x, const struct setex *o, bool past)
{
    if (past) {
        struct slice *fields = arena_array(x->arena, (size_t)o->pairs, sizeof(*fields));
        for (int i = 0; i < o->pairs; i++)
            fields[i] = x->argv[o->first + 2 * i];
        effect_members(x, LIT("HDEL"), none, none, fields, o->pairs);
    } else if (o->life == LIFE_UNTIL) {
        struct slice *argv = arena_array(x->arena, (size_t)x->argc, sizeof(*argv));
        memcpy(argv, x->argv, (size_t)x->argc * sizeof(*argv));
        argv[o->life_at] = LIT("PXAT");
        argv[o->life_at + 1] = arena_int(x->arena, o->at_ms);
        effect_as(x, argv, x->argc);
    }
}

static enum rc
cmd_hsetex(struct exec *x)
{
    struct setex o = {0};
    struct entry *e;

    TRY(parse_setex(x, &o));
    TRY(edit_entry(x, x->argv[1], TYPE_HASH, ENTRY_EXISTING, &e));
    if (!setex_applies(x, &o, e)) {
        if (e != NULL)
            entry_unchanged(x, e);
        return reply_int(x, 0);
    }
    if (e == NULL)
        TRY(edit_entry(x, x->argv[1], TYPE_HASH, ENTRY_CREATE, &e));
    bool past = o.life == LIFE_UNTIL && is_past(x, o.at_ms);
    if (o.life == LIFE_UNTIL && !past)
        e = edit_deadlines(x, e);
    struct hash *hash = (struct hash *)entry_handle(e);
    for (int i = 0; i < o.pairs; i++) {
        struct slice field = x->argv[o.first + 2 * i], value = x->argv[o.first + 2 * i + 1];
        if (past)
            (void)hash_del(hash, field);
        else if (o.life == LIFE_KEPT)
            (void)hash_adjust(hash, x->limits, field, value);
        else
            (void)hash_set(hash, x->limits, field, value);
        if (o.life == LIFE_UNTIL && !past)
            entry_set_deadline(e, x->limits, field, o.at_ms);
    }
    setex_effects(x, &o, past);
    notify(x, EV_HSET, x->argv[1]);
    if (o.life == LIFE_UNTIL)
        entry_changed(x, e, past ? EV_HDEL : EV_HEXPIRE);
    else
        entry_changed(x, e, EV_NONE);
    return reply_int(x, 1);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_hash_expire_family[] = {
    {"hgetdel", cmd_hgetdel, .arity = -5, .group = GROUP_HASH, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .since = "8.0.0",
     .args = "key FIELDS {numfields:int field...}", .reply = "array",
     .about = "Returns the values of fields and removes these.", .complexity = "O(N)"},
    {"hgetex", cmd_hgetex, .arity = -5, .group = GROUP_HASH, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "8.0.0",
     .args = "key expiration=[EX seconds:int|PX milliseconds:int|EXAT unix-time-seconds:time|"
             "PXAT unix-time-milliseconds:time|PERSIST] FIELDS {numfields:int field...}",
     .reply = "array", .about = "Returns the values of fields and changes how long these live.", .complexity = "O(N)"},
    {"hsetex", cmd_hsetex, .arity = -6, .group = GROUP_HASH, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "8.0.0",
     .args = "key key-condition=[NX|XX] condition=[FNX|FXX] expiration=[EX seconds:int|PX milliseconds:int|"
             "EXAT unix-time-seconds:time|PXAT unix-time-milliseconds:time|KEEPTTL] "
             "FIELDS {numfields:int data={field value}...}",
     .reply = "integer", .about = "Sets fields of a hash and how long they live.", .complexity = "O(N)"},
    {0},
};
