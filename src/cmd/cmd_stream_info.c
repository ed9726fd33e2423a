/* cmd/cmd_stream_info.c - what streams, groups and consumers look like (XINFO, XPENDING). */
#include "cmd/cmd_stream_priv.h"
#include "value/stream_idmp.h"

static void
name_int(struct exec *x, struct slice name, int64_t v)
{
    reply_bulk(x, name);
    reply_int(x, v);
}

static void
name_id(struct exec *x, struct slice name, struct stream_id id)
{
    reply_bulk(x, name);
    stream__reply_id(x, id);
}

static enum rc
read_existing(struct exec *x, struct slice key, const struct stream **s)
{
    TRY(stream__read(x, key, s));
    return *s == NULL ? RC_NO_KEY : RC_OK;
}

/* -- XINFO ----------------------------------------------------------------------------------------------------- */

static void
reply_entries_read(struct exec *x, const struct stream_group *g)
{
    reply_bulk(x, LIT("entries-read"));
    if (g->entries_read == STREAM_ENTRIES_READ_UNKNOWN)
        reply_null(x);
    else
        reply_int(x, g->entries_read);
}

/* How many entries the group has still to read, null where deletions make that unknowable. */
static void
reply_lag(struct exec *x, const struct stream *s, const struct stream_group *g)
{
    struct stream_id max_deleted = stream_max_deleted_id(s);
    bool deleted_ahead = stream_count(s) > 0 && (max_deleted.ms != 0 || max_deleted.seq != 0) &&
                         stream_id_cmp(g->last_id, max_deleted) <= 0;
    int64_t added = (int64_t)stream_entries_added(s), read = g->entries_read;

    reply_bulk(x, LIT("lag"));
    if (added == 0) {
        reply_int(x, 0);
        return;
    }
    if (read == STREAM_ENTRIES_READ_UNKNOWN || deleted_ahead)
        read = stream_estimate_read(s, g->last_id);
    if (read == STREAM_ENTRIES_READ_UNKNOWN)
        reply_null(x);
    else
        reply_int(x, added - read);
}

static void
reply_pending_list(struct exec *x, const struct stream_group *g, const struct stream_consumer *c, int64_t count)
{
    size_t total = stream_pending_count(g, c), n = count > 0 && (size_t)count < total ? (size_t)count : total;

    reply_array(x, n);
    for (size_t i = 0; i < n; i++) {
        const struct stream_pending *p = stream_pending_at(g, c, i);
        reply_array(x, c == NULL ? 4 : 3);
        stream__reply_id(x, p->id);
        if (c == NULL)
            reply_bulk(x, p->consumer->name);
        reply_int(x, p->delivered_ms);
        reply_int(x, (int64_t)p->deliveries);
    }
}

static void
reply_full_group(struct exec *x, const struct stream *s, const struct stream_group *g, int64_t count)
{
    size_t given_back = g->nobody == NULL ? 0 : stream_pending_count(g, g->nobody);

    /* As servers before XNACK have it, until there is any. */
    reply_map(x, given_back > 0 ? 8 : 7);
    if (given_back > 0)
        name_int(x, LIT("nacked-count"), (int64_t)given_back);
    reply_bulk(x, LIT("name"));
    reply_bulk(x, g->name);
    name_id(x, LIT("last-delivered-id"), g->last_id);
    reply_entries_read(x, g);
    reply_lag(x, s, g);
    name_int(x, LIT("pel-count"), (int64_t)stream_pending_count(g, NULL));
    reply_bulk(x, LIT("pending"));
    reply_pending_list(x, g, NULL, count);
    reply_bulk(x, LIT("consumers"));
    reply_array(x, g->consumer_count);
    for (size_t i = 0; i < g->consumer_count; i++) {
        const struct stream_consumer *c = g->consumers[i];
        reply_map(x, 5);
        reply_bulk(x, LIT("name"));
        reply_bulk(x, c->name);
        name_int(x, LIT("seen-time"), c->seen_ms);
        name_int(x, LIT("active-time"), c->active_ms);
        name_int(x, LIT("pel-count"), (int64_t)stream_pending_count(g, c));
        reply_bulk(x, LIT("pending"));
        reply_pending_list(x, g, c, count);
    }
}

/* The first entries in order, at most `count` (0: all). */
static void
reply_entries(struct exec *x, const struct stream *s, int64_t count)
{
    struct reply_mark mark = reply_mark_here(&x->reply);
    struct stream_iter it = stream_seek(s, STREAM_ID_MIN, false);
    struct stream_entry e;
    size_t n = 0;

    for (; (count == 0 || n < (size_t)count) && stream_next(&it, &e); n++)
        stream__reply_entry(x, &e);
    reply_close_array(&x->reply, mark, n);
}

static void
reply_edge(struct exec *x, const struct stream *s, bool last)
{
    struct stream_iter it = stream_seek(s, last ? STREAM_ID_MAX : STREAM_ID_MIN, last);
    struct stream_entry e;

    if (stream_next(&it, &e))
        stream__reply_entry(x, &e);
    else
        reply_null(x);
}

static enum rc
parse_full(struct exec *x, bool *full, int64_t *count)
{
    *count = 10;
    *full = x->argc > 3;
    if (!*full)
        return RC_OK;
    if (!arg_is(x->argv[3], LIT("full")) || (x->argc != 4 && (x->argc != 6 || !arg_is(x->argv[4], LIT("count")))))
        return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XINFO HELP.",
                    (int)x->argv[1].len, x->argv[1].ptr);
    if (x->argc == 6) {
        TRY(arg_int(x, x->argv[5], count));
        *count = *count < 0 ? 10 : *count;
    }
    return RC_OK;
}

static void
reply_idmp(struct exec *x, const struct stream_idmp_state *m)
{
    name_int(x, LIT("idmp-duration"), m->limits.duration_s);
    name_int(x, LIT("idmp-maxsize"), m->limits.max_ids);
    name_int(x, LIT("pids-tracked"), (int64_t)m->producers);
    name_int(x, LIT("iids-tracked"), (int64_t)m->ids);
    name_int(x, LIT("iids-added"), (int64_t)m->added);
    name_int(x, LIT("iids-duplicates"), (int64_t)m->duplicates);
}

static enum rc
xinfo_stream(struct exec *x)
{
    const struct stream *s;
    bool full;
    int64_t count;

    TRY(read_existing(x, x->argv[2], &s));
    TRY(parse_full(x, &full, &count));
    struct stream_idmp_state idmp;
    bool has_idmp = stream_idmp_state(s, &idmp);
    reply_map(x, (full ? 9 : 10) + (has_idmp ? 6 : 0));
    name_int(x, LIT("length"), (int64_t)stream_count(s));
    name_int(x, LIT("radix-tree-keys"), (int64_t)stream_blocks(s));
    name_int(x, LIT("radix-tree-nodes"), (int64_t)stream_blocks(s) + 1);
    name_id(x, LIT("last-generated-id"), stream_last_id(s));
    name_id(x, LIT("max-deleted-entry-id"), stream_max_deleted_id(s));
    name_int(x, LIT("entries-added"), (int64_t)stream_entries_added(s));
    name_id(x, LIT("recorded-first-entry-id"), stream_first_id(s));
    if (has_idmp)
        reply_idmp(x, &idmp);
    if (!full) {
        name_int(x, LIT("groups"), (int64_t)stream_group_count(s));
        reply_bulk(x, LIT("first-entry"));
        reply_edge(x, s, false);
        reply_bulk(x, LIT("last-entry"));
        reply_edge(x, s, true);
        return RC_OK;
    }
    reply_bulk(x, LIT("entries"));
    reply_entries(x, s, count);
    reply_bulk(x, LIT("groups"));
    reply_array(x, stream_group_count(s));
    for (size_t i = 0; i < stream_group_count(s); i++)
        reply_full_group(x, s, stream_group_at(s, i), count);
    return RC_OK;
}

static enum rc
xinfo_groups(struct exec *x)
{
    const struct stream *s;

    TRY(read_existing(x, x->argv[2], &s));
    reply_array(x, stream_group_count(s));
    for (size_t i = 0; i < stream_group_count(s); i++) {
        const struct stream_group *g = stream_group_at(s, i);
        reply_map(x, 6);
        reply_bulk(x, LIT("name"));
        reply_bulk(x, g->name);
        name_int(x, LIT("consumers"), (int64_t)g->consumer_count);
        name_int(x, LIT("pending"), (int64_t)stream_pending_count(g, NULL));
        name_id(x, LIT("last-delivered-id"), g->last_id);
        reply_entries_read(x, g);
        reply_lag(x, s, g);
    }
    return RC_OK;
}

static enum rc
xinfo_consumers(struct exec *x)
{
    const struct stream *s;

    TRY(read_existing(x, x->argv[2], &s));
    const struct stream_group *g = stream_group_find(s, x->argv[3]);
    if (g == NULL)
        return fail(x, "NOGROUP No such consumer group '%.*s' for key name '%.*s'", (int)x->argv[3].len, x->argv[3].ptr,
                    (int)x->argv[2].len, x->argv[2].ptr);
    reply_array(x, g->consumer_count);
    for (size_t i = 0; i < g->consumer_count; i++) {
        const struct stream_consumer *c = g->consumers[i];
        int64_t idle = x->now_ms - c->seen_ms, inactive = c->active_ms < 0 ? -1 : x->now_ms - c->active_ms;
        reply_map(x, 4);
        reply_bulk(x, LIT("name"));
        reply_bulk(x, c->name);
        name_int(x, LIT("pending"), (int64_t)stream_pending_count(g, c));
        name_int(x, LIT("idle"), idle < 0 ? 0 : idle);
        name_int(x, LIT("inactive"), inactive);
    }
    return RC_OK;
}

static enum rc
xinfo_help(struct exec *x)
{
    static const char *const lines[] = {
        "CONSUMERS <key> <group>",
        "    Shows the consumers of a group.",
        "GROUPS <key>",
        "    Shows the consumer groups of a stream.",
        "STREAM <key> [FULL [COUNT <count>]]",
        "    Shows a stream; with FULL, its entries, groups and consumers too.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- XPENDING -------------------------------------------------------------------------------------------------- */

static enum rc
pending_summary(struct exec *x, const struct stream_group *g)
{
    size_t total = stream_pending_count(g, NULL), busy = 0;

    reply_array(x, 4);
    reply_int(x, (int64_t)total);
    if (total == 0) {
        reply_null(x);
        reply_null(x);
        return reply_null_array(x);
    }
    stream__reply_id(x, stream_pending_at(g, NULL, 0)->id);
    stream__reply_id(x, stream_pending_at(g, NULL, total - 1)->id);
    for (size_t i = 0; i < g->consumer_count; i++)
        busy += stream_pending_count(g, g->consumers[i]) > 0;
    reply_array(x, busy);
    for (size_t i = 0; i < g->consumer_count; i++) {
        size_t n = stream_pending_count(g, g->consumers[i]);
        if (n == 0)
            continue;
        char text[INT64_TEXT_MAX];
        reply_array(x, 2);
        reply_bulk(x, g->consumers[i]->name);
        reply_bulk(x, slice_of(text, format_int64(text, (int64_t)n)));
    }
    return RC_OK;
}

struct pending_query {
    int64_t min_idle, count;
    struct stream_id from, to;
    struct slice consumer;
    bool one_consumer;
};

static enum rc
parse_pending(struct exec *x, struct pending_query *q)
{
    int at = 3;

    if (x->argc < 6 || x->argc > 9)
        return RC_SYNTAX;
    if (arg_is(x->argv[3], LIT("idle"))) {
        TRY(arg_int(x, x->argv[4], &q->min_idle));
        at = 5;
        if (x->argc < 8)
            return RC_SYNTAX;
    }
    TRY(arg_int(x, x->argv[at + 2], &q->count));
    q->count = q->count < 0 ? 0 : q->count;
    TRY(stream__arg_range(x, x->argv[at], x->argv[at + 1], &q->from, &q->to));
    q->one_consumer = at + 3 < x->argc;
    if (q->one_consumer)
        q->consumer = x->argv[at + 3];
    return RC_OK;
}

static enum rc
cmd_xpending(struct exec *x)
{
    struct pending_query q = {0};
    const struct stream *s;

    if (x->argc > 3)
        TRY(parse_pending(x, &q));
    TRY(stream__read(x, x->argv[1], &s));
    const struct stream_group *g = s == NULL ? NULL : stream_group_find(s, x->argv[2]);
    if (g == NULL)
        return stream__fail_no_key_or_group(x, x->argv[1], x->argv[2]);
    if (x->argc == 3)
        return pending_summary(x, g);
    const struct stream_consumer *c = q.one_consumer ? stream_consumer_find(g, q.consumer) : NULL;
    if (q.one_consumer && c == NULL)
        return reply_array(x, 0);
    struct reply_mark mark = reply_mark_here(&x->reply);
    size_t n = 0, total = stream_pending_count(g, c);
    for (size_t at = stream_pending_seek(g, c, q.from); at < total && n < (size_t)q.count; at++) {
        const struct stream_pending *p = stream_pending_at(g, c, at);
        int64_t idle = stream__idle(x, g, p);
        if (stream_id_cmp(p->id, q.to) > 0)
            break;
        if (q.min_idle > 0 && p->consumer != g->nobody && idle < q.min_idle)
            continue;
        reply_array(x, 4);
        stream__reply_id(x, p->id);
        reply_bulk(x, p->consumer->name);
        reply_int(x, idle);
        reply_int(x, (int64_t)p->deliveries);
        n++;
    }
    reply_close_array(&x->reply, mark, n);
    return RC_OK;
}

static const struct cmd xinfo_subs[] = {
    {"consumers", xinfo_consumers, .arity = 4, .group = GROUP_STREAM, .flags = CMD_READONLY,
     .keys = {KEY_AT(2, KEY_RO | KEY_ACCESS)}, .since = "5.0.0", .args = "key group", .reply = "array",
     .about = "Shows the consumers of a group.", .complexity = "O(1)", .tips = "nondeterministic_output",
     .history = "7.2.0 Field inactive; idle counts from the last attempt."},
    {"groups", xinfo_groups, .arity = 3, .group = GROUP_STREAM, .flags = CMD_READONLY,
     .keys = {KEY_AT(2, KEY_RO | KEY_ACCESS)}, .since = "5.0.0", .args = "key", .reply = "array",
     .about = "Shows the consumer groups of a stream.", .complexity = "O(1)",
     .history = "7.0.0 Fields entries-read and lag."},
    {"stream", xinfo_stream, .arity = -3, .group = GROUP_STREAM, .flags = CMD_READONLY,
     .keys = {KEY_AT(2, KEY_RO | KEY_ACCESS)}, .since = "5.0.0", .args = "key full-block=[FULL [COUNT count:int]]",
     .reply = "map", .about = "Shows a stream, with FULL also what is in it.", .complexity = "O(1)",
     .history =
         "6.0.0 Option FULL.|7.0.0 Fields max-deleted-entry-id, entries-added, recorded-first-entry-id, entries-read "
         "and lag.|7.2.0 Field active-time."},
    {"help", xinfo_help, .arity = 2, .group = GROUP_STREAM, .flags = CMD_LOADING | CMD_STALE, .since = "5.0.0",
     .reply = "array", .about = "Lists the subcommands.", .complexity = "O(1)"},
    {0},
};

const struct cmd cmd_stream_info_family[] = {
    {"xinfo", NULL, .arity = -2, .group = GROUP_STREAM, .subs = xinfo_subs, .since = "5.0.0",
     .about = "Holds the commands that show streams."},
    {"xpending", cmd_xpending, .arity = -3, .group = GROUP_STREAM, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "5.0.0",
     .args = "key group filters=[[IDLE min-idle-time:int]@6.2.0 start end count:int [consumer]]", .reply = "array",
     .about = "Shows what a group has delivered and nobody has acknowledged.",
     .complexity = "O(N) for N entries returned", .tips = "nondeterministic_output",
     .history = "6.2.0 Option IDLE; ids may be excluded with (."},
    {0},
};
