/* cmd/cmd_stream_read.c - streams: reading what is new, waiting for it if need be (XREAD, XREADGROUP).
 *
 * Every stream named is answered from what it holds; only when none has anything does the session wait. Before it does,
 * `$` and `+` are replaced by ids, so that the command means the same when it runs again. */
#include "cmd/cmd_stream_priv.h"

struct read_options {
    int64_t count; /* 0: all */
    bool block, noack, group_given;
    int64_t claim_idle;  /* CLAIM: take over what has been pending for that long; -1: not asked for */
    int64_t deadline_ms; /* 0: for ever */
    struct slice group, consumer;
    int streams_at, n; /* first key's argument, how many */
};

/* One stream that is asked about. */
struct read_source {
    struct slice key;
    struct stream_id after;
    bool fresh; /* `>`: what the group has not delivered yet */
    const struct stream *stream;
    struct stream_group *of_group;
};

static enum rc
parse_block(struct exec *x, struct slice arg, struct read_options *o)
{
    int64_t ms;

    if (!parse_int64(arg, &ms))
        return fail(x, "ERR timeout is not an integer or out of range");
    if (ms < 0)
        return RC_NEG_TIMEOUT;
    if (ms > INT64_MAX - x->now_ms)
        return fail(x, "ERR timeout is out of range");
    o->block = true;
    o->deadline_ms = ms == 0 ? 0 : x->now_ms + ms;
    return RC_OK;
}

static enum rc
parse_options(struct exec *x, bool with_group, struct read_options *o)
{
    int at = 1;

    o->claim_idle = -1;
    for (; at < x->argc; at++) {
        int left = x->argc - at - 1;
        if (left >= 1 && arg_is(x->argv[at], LIT("block"))) {
            TRY(parse_block(x, x->argv[++at], o));
        } else if (left >= 1 && arg_is(x->argv[at], LIT("count"))) {
            TRY(arg_int(x, x->argv[++at], &o->count));
            o->count = o->count < 0 ? 0 : o->count;
        } else if (left >= 1 && arg_is(x->argv[at], LIT("streams"))) {
            break;
        } else if (left >= 2 && arg_is(x->argv[at], LIT("group"))) {
            if (!with_group)
                return fail(x, "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
            o->group = x->argv[++at];
            o->consumer = x->argv[++at];
            o->group_given = true;
        } else if (left >= 1 && with_group && arg_is(x->argv[at], LIT("claim"))) {
            if (!parse_int64(x->argv[++at], &o->claim_idle))
                return fail(x, "ERR min-idle-time is not an integer or out of range");
            if (o->claim_idle < 0)
                return fail(x, "ERR min-idle-time must be a positive integer");
        } else if (arg_is(x->argv[at], LIT("noack"))) {
            if (!with_group)
                return fail(x, "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
            o->noack = true;
        } else {
            return RC_SYNTAX;
        }
    }
    if (at >= x->argc)
        return RC_SYNTAX;
    o->streams_at = at + 1;
    int words = x->argc - o->streams_at;
    if (words % 2 != 0)
        return fail(x, "ERR Unbalanced '%s' list of streams: for each stream key an ID or '%s' must be specified.",
                    with_group ? "xreadgroup" : "xread", with_group ? ">" : "$");
    if (with_group && !o->group_given)
        return fail(x, "ERR Missing GROUP option for XREADGROUP");
    o->n = words / 2;
    return RC_OK;
}

/* The id of the entry before the last one: reading after it gives the last entry, which is what `+` asks for. */
static struct stream_id
before_last(const struct stream *s)
{
    struct stream_iter it = stream_seek(s, STREAM_ID_MAX, true);
    struct stream_entry e;
    struct stream_id id = stream_last_id(s);

    if (stream_next(&it, &e)) {
        id = e.id;
        stream_id_prev(&id);
    }
    return id;
}

static enum rc
source_id(struct exec *x, const struct read_options *o, struct slice arg, struct read_source *src)
{
    if (slice_eq(arg, LIT("$"))) {
        if (o->group_given)
            return fail(
                x, "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this "
                   "consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just "
                   "return an empty result set.");
        src->after = src->stream == NULL ? STREAM_ID_MIN : stream_last_id(src->stream);
        return RC_OK;
    }
    if (slice_eq(arg, LIT("+"))) {
        if (o->group_given)
            return fail(
                x, "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this "
                   "consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just "
                   "return an empty result set.");
        src->after = src->stream == NULL ? STREAM_ID_MIN : before_last(src->stream);
        return RC_OK;
    }
    if (slice_eq(arg, LIT(">"))) {
        if (!o->group_given)
            return fail(x,
                        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> "
                        "option.");
        src->fresh = true;
        return RC_OK;
    }
    TRY(stream__arg_id(x, arg, 0, &src->after));
    /* The largest id has no history after it; redis takes it for > as well. */
    src->fresh = o->group_given && src->after.ms == UINT64_MAX && src->after.seq == UINT64_MAX;
    return RC_OK;
}

static enum rc
find_sources(struct exec *x, const struct read_options *o, struct read_source *src)
{
    for (int i = 0; i < o->n; i++) {
        src[i].key = x->argv[o->streams_at + i];
        TRY(stream__read(x, src[i].key, &src[i].stream));
        if (o->group_given) {
            if (src[i].stream != NULL)
                src[i].of_group = stream_group_find(src[i].stream, o->group);
            if (src[i].of_group == NULL)
                return fail(x, "NOGROUP No such key '%.*s' or consumer group '%.*s' in XREADGROUP with GROUP option",
                            (int)src[i].key.len, src[i].key.ptr, (int)o->group.len, o->group.ptr);
        }
        TRY(source_id(x, o, x->argv[o->streams_at + o->n + i], &src[i]));
    }
    return RC_OK;
}

/* The arguments to run again with: ids instead of `$` and `+`, and no BLOCK time that starts anew. */
static void
wait_with_ids(struct exec *x, const struct read_options *o, const struct read_source *src)
{
    struct slice *argv = arena_array(x->arena, (size_t)x->argc, sizeof(*argv));

    memcpy(argv, x->argv, (size_t)x->argc * sizeof(*argv));
    for (int i = 0; i < o->n; i++) {
        if (!src[i].fresh)
            argv[o->streams_at + o->n + i] = stream__id_arg(x, src[i].after);
    }
    wait_run_as(x, argv, x->argc);
}

/* When the next pending entry will have been so for long enough; INT64_MAX if none is. */
static int64_t
next_claim(const struct read_options *o, const struct read_source *src)
{
    int64_t next = INT64_MAX;

    for (int i = 0; i < o->n; i++) {
        const struct stream_group *g = src[i].of_group;
        if (!src[i].fresh || stream_pending_count(g, NULL) == 0 || g->oldest_ms > INT64_MAX - o->claim_idle)
            continue;
        int64_t at = g->oldest_ms + o->claim_idle;
        next = at < next ? at : next;
    }
    return next;
}

static enum rc
wait_or_nothing(struct exec *x, const struct read_options *o, const struct read_source *src)
{
    if (!o->block || !may_block(x))
        return reply_null_array(x);
    if (!x->resumed)
        wait_with_ids(x, o, src);
    if (o->group_given)
        wait_even_gone(x);
    if (o->claim_idle >= 0)
        wait_look_again(x, next_claim(o, src));
    return wait_on_keys(x, x->argv + o->streams_at, o->n, TYPE_STREAM, o->deadline_ms);
}

/* A map of stream to entries in RESP3, an array of pairs in RESP2: both are written as a name and a value each. */
static void
reply_name(struct exec *x, struct slice key)
{
    if (x->reply.resp == 2)
        reply_array(x, 2);
    reply_bulk(x, key);
}

static void
close_streams(struct exec *x, struct reply_mark mark, size_t n)
{
    if (x->reply.resp == 2)
        reply_close_array(&x->reply, mark, n);
    else
        reply_close_map(&x->reply, mark, n);
}

/* -- XREAD ----------------------------------------------------------------------------------------------------- */

static bool
has_after(const struct stream *s, struct stream_id after)
{
    struct stream_iter it;
    struct stream_entry e;

    if (s == NULL || stream_id_cmp(stream_last_id(s), after) <= 0 || !stream_id_next(&after))
        return false;
    it = stream_seek(s, after, false);
    return stream_next(&it, &e);
}

static void
reply_after(struct exec *x, const struct stream *s, struct stream_id after, int64_t count)
{
    struct reply_mark mark = reply_mark_here(&x->reply);
    struct stream_entry e;
    size_t n = 0;

    stream_id_next(&after);
    struct stream_iter it = stream_seek(s, after, false);
    for (; (count == 0 || n < (size_t)count) && stream_next(&it, &e); n++)
        stream__reply_entry(x, &e);
    reply_close_array(&x->reply, mark, n);
}

static enum rc
cmd_xread(struct exec *x)
{
    struct read_options o = {0};
    size_t answered = 0;

    TRY(parse_options(x, false, &o));
    struct read_source *src = arena_array(x->arena, (size_t)o.n, sizeof(*src));
    memset(src, 0, (size_t)o.n * sizeof(*src));
    TRY(find_sources(x, &o, src));
    struct reply_mark mark = reply_mark_here(&x->reply);
    for (int i = 0; i < o.n; i++) {
        if (!has_after(src[i].stream, src[i].after))
            continue;
        reply_name(x, src[i].key);
        reply_after(x, src[i].stream, src[i].after, o.count);
        answered++;
    }
    if (answered == 0) {
        reply_drop_mark(&x->reply, mark);
        return wait_or_nothing(x, &o, src);
    }
    close_streams(x, mark, answered);
    return RC_OK;
}

/* -- XREADGROUP ------------------------------------------------------------------------------------------------ */

/* One stream while its group is being read. */
struct group_read {
    struct exec *x;
    const struct read_options *o;
    struct slice key;
    struct stream *s;
    struct stream_group *g;
    struct stream_consumer *c;
};

/* What the log gets for one delivered entry: who has it now, as an XCLAIM that no clock can change. */
static void
propagate_delivery(const struct group_read *r, const struct stream_pending *p)
{
    struct exec *x = r->x;

    EFFECT_AS(x, LIT("XCLAIM"), r->key, r->g->name, r->c->name, LIT("0"), stream__id_arg(x, p->id), LIT("TIME"),
              arena_printf(x->arena, "%lld", (long long)p->delivered_ms), LIT("RETRYCOUNT"),
              arena_printf(x->arena, "%llu", (unsigned long long)p->deliveries), LIT("FORCE"), LIT("JUSTID"),
              LIT("LASTID"), stream__id_arg(x, r->g->last_id));
}

static void
propagate_group_id(const struct group_read *r)
{
    struct exec *x = r->x;

    EFFECT_AS(x, LIT("XGROUP"), LIT("SETID"), r->key, r->g->name, stream__id_arg(x, r->g->last_id), LIT("ENTRIESREAD"),
              arena_printf(x->arena, "%lld", (long long)r->g->entries_read));
}

/* The group has come to `id`: its count goes along as long as it can be known. */
static void
advance_group(struct group_read *r, struct stream_id id)
{
    struct stream_group *g = r->g;
    struct stream_id max_deleted = stream_max_deleted_id(r->s);
    bool nothing_deleted_ahead =
        stream_id_cmp(max_deleted, g->last_id) < 0 || (max_deleted.ms == 0 && max_deleted.seq == 0);

    g->last_id = id;
    if (g->entries_read != STREAM_ENTRIES_READ_UNKNOWN && nothing_deleted_ahead)
        g->entries_read++;
    else if (stream_entries_added(r->s) > 0)
        g->entries_read = stream_estimate_read(r->s, id);
}

static void
deliver(struct group_read *r, struct stream_id id)
{
    struct stream_pending *p = stream_pending_find(r->g, id);

    /* SETID may have taken the group back: then somebody has it already, and it changes hands. */
    if (p == NULL)
        p = stream_pending_add(r->g, r->c, id, r->x->now_ms, 1);
    else
        stream_pending_deliver(r->g, p, r->c, r->x->now_ms, 1);
    propagate_delivery(r, p);
}

/* With CLAIM an entry comes with its idle time and how often it was delivered before. */
static void
reply_claimed(struct exec *x, struct stream_entry *e, int64_t idle, uint64_t deliveries)
{
    reply_array(x, 4);
    stream__reply_entry_parts(x, e);
    reply_int(x, idle);
    reply_int(x, (int64_t)deliveries);
}

/* What CLAIM takes over: those pending for long enough, the longest first, at most COUNT. Entries that are deleted
 * meanwhile are dropped, which sets *changed. */
static size_t
find_idle(struct group_read *r, struct stream_pending ***idle, bool *changed)
{
    size_t found = stream_pending_idle(r->g, r->x->now_ms - r->o->claim_idle, r->x->arena, idle), n = 0;

    for (size_t i = 0; i < found && (r->o->count == 0 || n < (size_t)r->o->count); i++) {
        struct stream_pending *p = (*idle)[i];
        if (stream_has(r->s, p->id)) {
            (*idle)[n++] = p;
            continue;
        }
        EFFECT_AS(r->x, LIT("XACK"), r->key, r->g->name, stream__id_arg(r->x, p->id));
        stream_pending_remove(r->g, p);
        *changed = true;
    }
    return n;
}

static void
read_idle(struct group_read *r, struct stream_pending **idle, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct stream_pending *p = idle[i];
        struct stream_iter it = stream_seek(r->s, p->id, false);
        struct stream_entry e;
        bool there = stream_next(&it, &e);
        CHECK(there);
        reply_claimed(r->x, &e, stream__idle(r->x, r->g, p), p->deliveries);
        stream_pending_deliver(r->g, p, r->c, r->x->now_ms, stream__count_delivery(p->deliveries));
        propagate_delivery(r, p);
    }
}

static void
read_fresh(struct group_read *r, struct stream_pending **idle, size_t idle_count)
{
    struct stream_id from = r->g->last_id;
    struct reply_mark mark = reply_mark_here(&r->x->reply);
    struct stream_entry e;
    size_t n = idle_count;

    read_idle(r, idle, idle_count);
    stream_id_next(&from);
    struct stream_iter it = stream_seek(r->s, from, false);
    for (; (r->o->count == 0 || n < (size_t)r->o->count) && stream_next(&it, &e); n++) {
        struct stream_id id = e.id;
        if (r->o->claim_idle >= 0)
            reply_claimed(r->x, &e, 0, 0);
        else
            stream__reply_entry(r->x, &e);
        advance_group(r, id);
        if (!r->o->noack)
            deliver(r, id);
    }
    reply_close_array(&r->x->reply, mark, n);
    r->c->active_ms = r->x->now_ms;
    /* XCLAIM's LASTID takes a group to its place, not to its count, from which replicas know its lag. */
    if (n > idle_count)
        propagate_group_id(r);
}

/* The consumer's own pending entries after an id; those whose entry is gone come with a null. */
static void
read_history(struct group_read *r, struct stream_id after)
{
    size_t total = stream_pending_count(r->g, r->c), n = 0;
    struct reply_mark mark = reply_mark_here(&r->x->reply);
    size_t at = stream_id_next(&after) ? stream_pending_seek(r->g, r->c, after) : total;

    for (; at < total && (r->o->count == 0 || n < (size_t)r->o->count); at++, n++) {
        const struct stream_pending *p = stream_pending_at(r->g, r->c, at);
        struct stream_iter it = stream_seek(r->s, p->id, false);
        struct stream_entry e;
        if (stream_next(&it, &e) && stream_id_cmp(e.id, p->id) == 0) {
            stream__reply_entry(r->x, &e);
        } else {
            reply_array(r->x, 2);
            stream__reply_id(r->x, p->id);
            reply_null_array(r->x);
        }
    }
    reply_close_array(&r->x->reply, mark, n);
}

/* Answers from one stream, making the consumer if it is new. */
static enum rc
read_group(struct exec *x, const struct read_options *o, const struct read_source *src, size_t *answered)
{
    struct group_read r = {.x = x, .o = o, .key = src->key};
    struct entry *e;
    bool changed = false;

    struct stream_pending **idle = NULL;
    size_t idle_count = 0;
    bool has_fresh = src->fresh && has_after(src->stream, src->of_group->last_id);
    TRY(stream__edit(x, src->key, ENTRY_EXISTING, &e, &r.s));
    r.g = stream_group_find(r.s, o->group);
    r.c = stream_consumer_find(r.g, o->consumer);
    if (r.c == NULL) {
        r.c = stream_consumer_create(r.g, o->consumer, x->now_ms);
        EFFECT_AS(x, LIT("XGROUP"), LIT("CREATECONSUMER"), src->key, o->group, o->consumer);
        notify(x, EV_XGROUP_CREATECONSUMER, src->key);
        changed = true;
    }
    r.c->seen_ms = x->now_ms;
    if (src->fresh && o->claim_idle >= 0)
        idle_count = find_idle(&r, &idle, &changed);
    if (!src->fresh || has_fresh || idle_count > 0) {
        reply_name(x, src->key);
        if (src->fresh)
            read_fresh(&r, idle, idle_count);
        else
            read_history(&r, src->after);
        ++*answered;
        changed |= src->fresh;
    }
    if (changed)
        entry_changed(x, e, EV_NONE);
    else
        entry_unchanged(x, e);
    return RC_OK;
}

static enum rc
cmd_xreadgroup(struct exec *x)
{
    struct read_options o = {0};
    size_t answered = 0;

    TRY(parse_options(x, true, &o));
    struct read_source *src = arena_array(x->arena, (size_t)o.n, sizeof(*src));
    memset(src, 0, (size_t)o.n * sizeof(*src));
    TRY(find_sources(x, &o, src));
    struct reply_mark mark = reply_mark_here(&x->reply);
    for (int i = 0; i < o.n; i++)
        TRY(read_group(x, &o, &src[i], &answered));
    if (answered == 0) {
        reply_drop_mark(&x->reply, mark);
        return wait_or_nothing(x, &o, src);
    }
    close_streams(x, mark, answered);
    return RC_OK;
}

#define KEY_STREAMS(from)                                                                                            \
    {                                                                                                                \
        .flags = KEY_RO | KEY_ACCESS, .begin = KEY_BEGIN_KEYWORD, .keyword = "STREAMS", .index = (from), .last = -1, \
        .step = 1, .limit = 2                                                                                        \
    }

const struct cmd cmd_stream_read_family[] = {
    {"xread", cmd_xread, .arity = -4, .group = GROUP_STREAM, .flags = CMD_READONLY | CMD_BLOCKING | CMD_MOVABLEKEYS,
     .keys = {KEY_STREAMS(1)}, .since = "5.0.0",
     .args = "[COUNT count:int] [BLOCK milliseconds:int] STREAMS streams={key... id...}", .reply = "map | null",
     .about = "Returns entries newer than the ids given, waiting for some if asked to.",
     .complexity = "O(N) for N entries returned"},
    {"xreadgroup", cmd_xreadgroup, .arity = -7, .group = GROUP_STREAM,
     .flags = CMD_WRITE | CMD_BLOCKING | CMD_MOVABLEKEYS, .keys = {KEY_STREAMS(4)}, .since = "5.0.0",
     .args = "GROUP group-block={group consumer} [COUNT count:int] [BLOCK milliseconds:int] [CLAIM "
             "min-idle-time:int]@8.4.0 [NOACK] STREAMS "
             "streams={key... id...}",
     .reply = "map | null",
     .about = "Returns entries that a consumer group has not delivered yet, or a consumer's pending ones.",
     .complexity = "O(M) for M entries returned", .history = "8.4.0 Option CLAIM."},
    {0},
};
