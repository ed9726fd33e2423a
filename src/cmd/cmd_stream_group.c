/* cmd/cmd_stream_group.c - consumer groups: making and changing them (XGROUP), acknowledging (XACK), handing over
 * (XCLAIM, XAUTOCLAIM). What they look like is told in cmd_stream_info.c. */
#include "cmd/cmd_stream_priv.h"

static enum rc
fail_no_group(struct exec *x, struct slice key, struct slice group)
{
    return fail(x, "NOGROUP No such consumer group '%.*s' for key name '%.*s'", (int)group.len, group.ptr, (int)key.len,
                key.ptr);
}

enum rc
stream__fail_no_key_or_group(struct exec *x, struct slice key, struct slice group)
{
    return fail(x, "NOGROUP No such key '%.*s' or consumer group '%.*s'", (int)key.len, key.ptr, (int)group.len,
                group.ptr);
}

/* -- XGROUP ---------------------------------------------------------------------------------------------------- */

static enum rc
fail_usage(struct exec *x)
{
    return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XGROUP HELP.",
                (int)x->argv[1].len, x->argv[1].ptr);
}

struct group_options {
    bool make_stream;
    int64_t entries_read;
};

static enum rc
parse_group_options(struct exec *x, bool for_create, struct group_options *o)
{
    o->entries_read = STREAM_ENTRIES_READ_UNKNOWN;
    for (int at = 5; at < x->argc; at++) {
        if (for_create && arg_is(x->argv[at], LIT("mkstream"))) {
            o->make_stream = true;
        } else if (at + 1 < x->argc && arg_is(x->argv[at], LIT("entriesread"))) {
            TRY(arg_int(x, x->argv[++at], &o->entries_read));
            if (o->entries_read < STREAM_ENTRIES_READ_UNKNOWN)
                return fail(x, "ERR value for ENTRIESREAD must be positive or -1");
        } else {
            return fail_usage(x);
        }
    }
    /* Each option once, as redis counts them. */
    return x->argc > (for_create ? 8 : 7) ? fail_usage(x) : RC_OK;
}

/* The stream that a subcommand works on; it must exist. */
static enum rc
edit_existing(struct exec *x, struct entry **e, struct stream **s)
{
    TRY(stream__edit(x, x->argv[2], ENTRY_EXISTING, e, s));
    if (*e == NULL)
        return fail(x,
                    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
                    "MKSTREAM option to create an empty stream automatically.");
    return RC_OK;
}

/* Where a group is to stand: an id, or `$` for the end of the stream. */
static enum rc
arg_group_id(struct exec *x, struct slice arg, const struct stream *s, struct stream_id *id)
{
    if (slice_eq(arg, LIT("$"))) {
        *id = s == NULL ? STREAM_ID_MIN : stream_last_id(s);
        return RC_OK;
    }
    return stream__arg_id(x, arg, 0, id);
}

static enum rc
xgroup_create(struct exec *x)
{
    struct group_options o = {0};
    struct stream_id id;
    struct entry *e;
    struct stream *s;

    TRY(parse_group_options(x, true, &o));
    /* Not a read: a key that is to be made is not missed, nor is anybody told so. */
    struct entry *old = peek(x, x->argv[2]);
    if (old != NULL && entry_type(old) != TYPE_STREAM)
        return RC_WRONGTYPE;
    const struct stream *seen = old != NULL ? (const struct stream *)entry_handle(old) : NULL;
    if (seen == NULL && !o.make_stream)
        TRY(edit_existing(x, &e, &s));
    TRY(arg_group_id(x, x->argv[4], seen, &id));
    if (seen != NULL && stream_group_find(seen, x->argv[3]) != NULL)
        return fail(x, "BUSYGROUP Consumer Group name already exists");
    TRY(stream__edit(x, x->argv[2], ENTRY_CREATE, &e, &s));
    stream_group_create(s, x->argv[3], id, o.entries_read);
    entry_changed(x, e, EV_XGROUP_CREATE);
    return reply_ok(x);
}

static enum rc
xgroup_setid(struct exec *x)
{
    struct group_options o = {0};
    struct stream_id id;
    struct entry *e;
    struct stream *s;

    TRY(parse_group_options(x, false, &o));
    TRY(edit_existing(x, &e, &s));
    struct stream_group *g = stream_group_find(s, x->argv[3]);
    enum rc rc = g == NULL ? fail_no_group(x, x->argv[2], x->argv[3]) : RC_OK;

    /* CREATE wants a real id; SETID takes the two ends as well, as redis does. */
    if (slice_eq(x->argv[4], LIT("-")))
        id = STREAM_ID_MIN;
    else if (slice_eq(x->argv[4], LIT("+")))
        id = STREAM_ID_MAX;
    else if (rc == RC_OK)
        rc = arg_group_id(x, x->argv[4], s, &id);
    if (rc != RC_OK) {
        entry_unchanged(x, e);
        return rc;
    }
    g->last_id = id;
    g->entries_read = o.entries_read;
    entry_changed(x, e, EV_XGROUP_SETID);
    return reply_ok(x);
}

static enum rc
xgroup_destroy(struct exec *x)
{
    struct entry *e;
    struct stream *s;

    TRY(edit_existing(x, &e, &s));
    struct stream_group *g = stream_group_find(s, x->argv[3]);
    if (g == NULL) {
        entry_unchanged(x, e);
        return reply_int(x, 0);
    }
    stream_group_destroy(s, g);
    entry_changed(x, e, EV_XGROUP_DESTROY);
    return reply_int(x, 1);
}

static enum rc
xgroup_createconsumer(struct exec *x)
{
    struct entry *e;
    struct stream *s;

    TRY(edit_existing(x, &e, &s));
    struct stream_group *g = stream_group_find(s, x->argv[3]);
    if (g == NULL) {
        entry_unchanged(x, e);
        return fail_no_group(x, x->argv[2], x->argv[3]);
    }
    bool made = stream_consumer_create(g, x->argv[4], x->now_ms) != NULL;
    if (made)
        entry_changed(x, e, EV_XGROUP_CREATECONSUMER);
    else
        entry_unchanged(x, e);
    return reply_int(x, made);
}

static enum rc
xgroup_delconsumer(struct exec *x)
{
    struct entry *e;
    struct stream *s;

    TRY(edit_existing(x, &e, &s));
    struct stream_group *g = stream_group_find(s, x->argv[3]);
    struct stream_consumer *c = g == NULL ? NULL : stream_consumer_find(g, x->argv[4]);
    if (c == NULL) {
        entry_unchanged(x, e);
        return g == NULL ? fail_no_group(x, x->argv[2], x->argv[3]) : reply_int(x, 0);
    }
    size_t pending = stream_consumer_delete(g, c);
    entry_changed(x, e, EV_XGROUP_DELCONSUMER);
    return reply_int(x, (int64_t)pending);
}

static enum rc
xgroup_help(struct exec *x)
{
    static const char *const lines[] = {
        "CREATE <key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <n>]",
        "    Makes a group that stands at an id ($: the end of the stream).",
        "    MKSTREAM makes the stream too if there is none.",
        "CREATECONSUMER <key> <group> <consumer>",
        "    Makes a consumer.",
        "DELCONSUMER <key> <group> <consumer>",
        "    Removes a consumer with what is pending for it.",
        "DESTROY <key> <group>",
        "    Removes a group.",
        "SETID <key> <group> <id|$> [ENTRIESREAD <n>]",
        "    Moves a group to an id.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- XACK ------------------------------------------------------------------------------------------------------ */

static enum rc
cmd_xack(struct exec *x)
{
    struct entry *e;
    struct stream *s;
    int64_t done = 0;

    TRY(stream__edit(x, x->argv[1], ENTRY_EXISTING, &e, &s));
    struct stream_group *g = e == NULL ? NULL : stream_group_find(s, x->argv[2]);
    enum rc rc = RC_OK;
    struct stream_id *ids = arena_array(x->arena, (size_t)x->argc, sizeof(*ids));
    for (int i = 3; g != NULL && rc == RC_OK && i < x->argc; i++)
        rc = stream__arg_id(x, x->argv[i], 0, &ids[i]);
    for (int i = 3; g != NULL && rc == RC_OK && i < x->argc; i++) {
        struct stream_pending *p = stream_pending_find(g, ids[i]);
        if (p == NULL)
            continue;
        stream_pending_remove(g, p);
        done++;
    }
    if (done > 0)
        entry_changed(x, e, EV_XACK);
    else if (e != NULL)
        entry_unchanged(x, e);
    return rc != RC_OK ? rc : reply_int(x, done);
}

/* -- claiming -------------------------------------------------------------------------------------------------- */

/* What XCLAIM and XAUTOCLAIM do to an entry. */
struct claim {
    struct exec *x;
    struct slice key;
    struct stream *s;
    struct stream_group *g;
    struct stream_consumer *c;
    bool just_id;
    int64_t delivered_ms;
    int64_t retry_count; /* -1: one more than before */
};

static bool
find_entry(const struct stream *s, struct stream_id id, struct stream_entry *e)
{
    struct stream_iter it = stream_seek(s, id, false);

    return stream_next(&it, e) && stream_id_cmp(e->id, id) == 0;
}

/* The claiming consumer, made if need be. */
static struct stream_consumer *
claimer(struct exec *x, struct stream_group *g, struct slice key, struct slice name)
{
    struct stream_consumer *c = stream_consumer_find(g, name);

    if (c == NULL) {
        c = stream_consumer_create(g, name, x->now_ms);
        EFFECT_AS(x, LIT("XGROUP"), LIT("CREATECONSUMER"), key, g->name, name);
        notify(x, EV_XGROUP_CREATECONSUMER, key);
    }
    c->seen_ms = x->now_ms;
    return c;
}

static void
claim_propagate(const struct claim *cl, const struct stream_pending *p)
{
    struct exec *x = cl->x;

    EFFECT_AS(x, LIT("XCLAIM"), cl->key, cl->g->name, cl->c->name, LIT("0"), stream__id_arg(x, p->id), LIT("TIME"),
              arena_printf(x->arena, "%lld", (long long)p->delivered_ms), LIT("RETRYCOUNT"),
              arena_printf(x->arena, "%llu", (unsigned long long)p->deliveries), LIT("FORCE"), LIT("JUSTID"),
              LIT("LASTID"), stream__id_arg(x, cl->g->last_id));
}

static void
claim_one(struct claim *cl, struct stream_pending *p, struct stream_entry *e)
{
    uint64_t deliveries = p->deliveries;

    if (cl->retry_count >= 0)
        deliveries = (uint64_t)cl->retry_count;
    else if (!cl->just_id)
        deliveries = stream__count_delivery(deliveries);
    stream_pending_deliver(cl->g, p, cl->c, cl->delivered_ms, deliveries);
    if (cl->just_id)
        stream__reply_id(cl->x, p->id);
    else
        stream__reply_entry(cl->x, e);
    cl->c->active_ms = cl->x->now_ms;
    claim_propagate(cl, p);
}

/* A pending entry that is no longer in the stream is dropped. */
static void
drop_deleted(struct claim *cl, struct stream_pending *p)
{
    EFFECT_AS(cl->x, LIT("XACK"), cl->key, cl->g->name, stream__id_arg(cl->x, p->id));
    stream_pending_remove(cl->g, p);
}

struct claim_options {
    int64_t min_idle, idle_from, retry_count;
    bool force, just_id, last_id_given;
    struct stream_id last_id;
    int ids_end; /* behind the last id */
};

static enum rc
parse_claim_value(struct exec *x, const char *name, struct slice arg, int64_t *out)
{
    if (!parse_int64(arg, out))
        return fail(x, "ERR Invalid %s option argument for XCLAIM", name);
    return RC_OK;
}

static enum rc
parse_claim_options(struct exec *x, struct claim_options *o)
{
    for (int at = o->ids_end; at < x->argc; at++) {
        struct slice word = x->argv[at];
        bool more = at + 1 < x->argc;
        if (arg_is(word, LIT("force"))) {
            o->force = true;
        } else if (arg_is(word, LIT("justid"))) {
            o->just_id = true;
        } else if (more && arg_is(word, LIT("idle"))) {
            int64_t idle;
            TRY(parse_claim_value(x, "IDLE", x->argv[++at], &idle));
            o->idle_from = idle > x->now_ms ? 0 : x->now_ms - (idle < 0 ? 0 : idle);
        } else if (more && arg_is(word, LIT("time"))) {
            TRY(parse_claim_value(x, "TIME", x->argv[++at], &o->idle_from));
        } else if (more && arg_is(word, LIT("retrycount"))) {
            TRY(parse_claim_value(x, "RETRYCOUNT", x->argv[++at], &o->retry_count));
        } else if (more && arg_is(word, LIT("lastid"))) {
            TRY(stream__arg_id(x, x->argv[++at], 0, &o->last_id));
            o->last_id_given = true;
        } else {
            return fail(x, "ERR Unrecognized XCLAIM option '%.*s'", (int)word.len, word.ptr);
        }
    }
    if (o->idle_from < 0 || o->idle_from > x->now_ms)
        o->idle_from = x->now_ms; /* a time in the future would make the entry unclaimable */
    return RC_OK;
}

static enum rc
cmd_xclaim(struct exec *x)
{
    struct claim_options o = {.idle_from = x->now_ms, .retry_count = -1, .ids_end = 5};
    const struct stream *seen;
    struct entry *e;
    struct stream_id *ids = arena_array(x->arena, (size_t)x->argc, sizeof(*ids));

    TRY(stream__read(x, x->argv[1], &seen));
    if (seen == NULL || stream_group_find(seen, x->argv[2]) == NULL)
        return stream__fail_no_key_or_group(x, x->argv[1], x->argv[2]);
    if (!parse_int64(x->argv[4], &o.min_idle))
        return fail(x, "ERR Invalid min-idle-time argument for XCLAIM");
    o.min_idle = o.min_idle < 0 ? 0 : o.min_idle;
    while (o.ids_end < x->argc && stream__arg_id(x, x->argv[o.ids_end], 0, &ids[o.ids_end]) == RC_OK)
        o.ids_end++;
    TRY(parse_claim_options(x, &o));

    struct claim cl = {
        .x = x, .key = x->argv[1], .just_id = o.just_id, .delivered_ms = o.idle_from, .retry_count = o.retry_count};
    TRY(stream__edit(x, x->argv[1], ENTRY_EXISTING, &e, &cl.s));
    cl.g = stream_group_find(cl.s, x->argv[2]);
    if (o.last_id_given && stream_id_cmp(o.last_id, cl.g->last_id) > 0)
        cl.g->last_id = o.last_id;
    cl.c = claimer(x, cl.g, cl.key, x->argv[3]);
    struct reply_mark mark = reply_mark_here(&x->reply);
    size_t n = 0;
    for (int i = 5; i < o.ids_end; i++) {
        struct stream_pending *p = stream_pending_find(cl.g, ids[i]);
        struct stream_entry found;
        if (!find_entry(cl.s, ids[i], &found)) {
            if (p != NULL)
                drop_deleted(&cl, p);
            continue;
        }
        if (p == NULL && !o.force)
            continue;
        if (p != NULL && o.min_idle > 0 && x->now_ms - p->delivered_ms < o.min_idle)
            continue;
        if (p == NULL)
            p = stream_pending_add(cl.g, cl.c, ids[i], x->now_ms, o.just_id ? 1 : 0);
        claim_one(&cl, p, &found);
        n++;
    }
    reply_close_array(&x->reply, mark, n);
    if (n == 0 && !x->rewritten)
        effect_none(x);
    entry_changed(x, e, EV_NONE);
    return RC_OK;
}

/* -- XAUTOCLAIM ------------------------------------------------------------------------------------------------ */

struct auto_options {
    int64_t min_idle, count;
    struct stream_id start;
    bool just_id;
};

static enum rc
parse_auto_options(struct exec *x, struct auto_options *o)
{
    struct stream_id ignored;

    o->count = 100;
    if (!parse_int64(x->argv[4], &o->min_idle))
        return fail(x, "ERR Invalid min-idle-time argument for XAUTOCLAIM");
    o->min_idle = o->min_idle < 0 ? 0 : o->min_idle;
    TRY(stream__arg_range(x, x->argv[5], LIT("+"), &o->start, &ignored));
    for (int at = 6; at < x->argc; at++) {
        if (at + 1 < x->argc && arg_is(x->argv[at], LIT("count"))) {
            if (!parse_int64(x->argv[++at], &o->count) || o->count < 1 || o->count > INT64_MAX / 64)
                return fail(x, "ERR COUNT must be > 0");
        } else if (arg_is(x->argv[at], LIT("justid"))) {
            o->just_id = true;
        } else {
            return RC_SYNTAX;
        }
    }
    return RC_OK;
}

/* Walks the group's pending entries from `start`, ten looked at for each one wanted at the most. Returns how many were
 * claimed; *next is where to go on (0-0: the end), dropped ids are collected. */
static size_t
claim_idle(struct claim *cl, const struct auto_options *o, struct stream_id *next, struct stream_id *dropped,
           size_t *dropped_count)
{
    size_t at = stream_pending_seek(cl->g, NULL, o->start), n = 0;
    int64_t looks = o->count * 10, wanted = o->count;

    while (at < stream_pending_count(cl->g, NULL) && looks-- > 0 && wanted > 0) {
        struct stream_pending *p = stream_pending_at(cl->g, NULL, at);
        struct stream_entry found;
        if (!find_entry(cl->s, p->id, &found)) {
            dropped[(*dropped_count)++] = p->id;
            drop_deleted(cl, p);
            wanted--;
            continue;
        }
        at++;
        if (o->min_idle > 0 && cl->x->now_ms - p->delivered_ms < o->min_idle)
            continue;
        claim_one(cl, p, &found);
        n++;
        wanted--;
    }
    bool more = at < stream_pending_count(cl->g, NULL);
    *next = more ? stream_pending_at(cl->g, NULL, at)->id : STREAM_ID_MIN;
    return n;
}

static enum rc
cmd_xautoclaim(struct exec *x)
{
    struct auto_options o = {0};
    const struct stream *seen;
    struct stream_id next;
    struct entry *e;

    TRY(parse_auto_options(x, &o));
    TRY(stream__read(x, x->argv[1], &seen));
    struct stream_group *group = seen == NULL ? NULL : stream_group_find(seen, x->argv[2]);
    if (group == NULL)
        return stream__fail_no_key_or_group(x, x->argv[1], x->argv[2]);
    size_t pending = stream_pending_count(group, NULL), dropped_count = 0;
    size_t dropped_max = (uint64_t)o.count < pending ? (size_t)o.count : pending;
    struct stream_id *dropped = arena_array(x->arena, dropped_max + 1, sizeof(*dropped));

    struct claim cl = {.x = x, .key = x->argv[1], .just_id = o.just_id, .delivered_ms = x->now_ms, .retry_count = -1};
    TRY(stream__edit(x, x->argv[1], ENTRY_EXISTING, &e, &cl.s));
    cl.g = stream_group_find(cl.s, x->argv[2]);
    cl.c = claimer(x, cl.g, cl.key, x->argv[3]);

    /* The cursor comes first but is known last: the claimed entries are written aside. */
    struct out claimed = {0}, *reply = x->reply.out;
    x->reply.out = &claimed;
    struct reply_mark mark = reply_mark_here(&x->reply);
    size_t n = claim_idle(&cl, &o, &next, dropped, &dropped_count);
    reply_close_array(&x->reply, mark, n);
    x->reply.out = reply;
    reply_array(x, 3);
    stream__reply_id(x, next);
    buf_add_slice(&reply->bytes, buf_slice(&claimed.bytes));
    out_fini(&claimed);
    reply_array(x, dropped_count);
    for (size_t i = 0; i < dropped_count; i++)
        stream__reply_id(x, dropped[i]);
    if (!x->rewritten)
        effect_none(x);
    entry_changed(x, e, EV_NONE);
    return RC_OK;
}

static const struct cmd xgroup_subs[] = {
    {"create", xgroup_create, .arity = -5, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(2, KEY_RW | KEY_INSERT)}, .since = "5.0.0",
     .args = "key group id-selector=<id|new-id='$'> [MKSTREAM] [ENTRIESREAD entriesread:int]@7.0.0", .reply = "simple",
     .about = "Makes a consumer group.", .complexity = "O(1)", .history = "7.0.0 Option ENTRIESREAD."},
    {"createconsumer", xgroup_createconsumer, .arity = 5, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(2, KEY_RW | KEY_INSERT)}, .since = "6.2.0", .args = "key group consumer", .reply = "integer",
     .about = "Makes a consumer in a group.", .complexity = "O(1)"},
    {"delconsumer", xgroup_delconsumer, .arity = 5, .group = GROUP_STREAM, .flags = CMD_WRITE,
     .keys = {KEY_AT(2, KEY_RW | KEY_DELETE)}, .since = "5.0.0", .args = "key group consumer", .reply = "integer",
     .about = "Removes a consumer and what is pending for it.", .complexity = "O(1)"},
    {"destroy", xgroup_destroy, .arity = 4, .group = GROUP_STREAM, .flags = CMD_WRITE,
     .keys = {KEY_AT(2, KEY_RW | KEY_DELETE)}, .since = "5.0.0", .args = "key group", .reply = "integer",
     .about = "Removes a consumer group.", .complexity = "O(N) for N pending entries"},
    {"setid", xgroup_setid, .arity = -5, .group = GROUP_STREAM, .flags = CMD_WRITE,
     .keys = {KEY_AT(2, KEY_RW | KEY_UPDATE)}, .since = "5.0.0",
     .args = "key group id-selector=<id|new-id='$'> [ENTRIESREAD entriesread:int]@7.0.0", .reply = "simple",
     .about = "Moves a consumer group to another id.", .complexity = "O(1)", .history = "7.0.0 Option ENTRIESREAD."},
    {"help", xgroup_help, .arity = 2, .group = GROUP_STREAM, .flags = CMD_LOADING | CMD_STALE, .since = "5.0.0",
     .reply = "array", .about = "Lists the subcommands.", .complexity = "O(1)"},
    {0},
};

const struct cmd cmd_stream_group_family[] = {
    {"xgroup", NULL, .arity = -2, .group = GROUP_STREAM, .subs = xgroup_subs, .since = "5.0.0",
     .about = "Holds the commands that manage consumer groups."},
    {"xack", cmd_xack, .arity = -4, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "5.0.0", .args = "key group id...", .reply = "integer",
     .about = "Acknowledges entries that a group has delivered.", .complexity = "O(1) for each id"},
    {"xclaim", cmd_xclaim, .arity = -6, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "5.0.0",
     .args = "key group consumer min-idle-time id... [IDLE ms:int] [TIME unix-time-milliseconds:time] [RETRYCOUNT "
             "count:int] "
             "[FORCE] [JUSTID] [LASTID lastid]",
     .reply = "array", .about = "Hands pending entries over to a consumer.",
     .complexity = "O(log N) for N pending entries", .tips = "nondeterministic_output"},
    {"xautoclaim", cmd_xautoclaim, .arity = -6, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}, .since = "6.2.0",
     .args = "key group consumer min-idle-time start [COUNT count:int] [JUSTID]", .reply = "array",
     .about = "Hands entries that have been pending for long over to a consumer.",
     .complexity = "O(1) if COUNT is small", .tips = "nondeterministic_output",
     .history = "7.0.0 The reply lists entries that were deleted meanwhile."},
    {0},
};
