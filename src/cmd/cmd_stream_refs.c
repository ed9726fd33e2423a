/* cmd/cmd_stream_refs.c - deleting entries with regard to the groups that refer to them (XDELEX, XACKDEL), and giving
 * delivered entries back (XNACK). */
#include "cmd/cmd_stream_priv.h"

bool
stream__arg_refs(struct slice word, enum stream_refs *out)
{
    if (arg_is(word, LIT("keepref")))
        *out = STREAM_REFS_KEEP;
    else if (arg_is(word, LIT("delref")))
        *out = STREAM_REFS_DROP;
    else if (arg_is(word, LIT("acked")))
        *out = STREAM_REFS_ACKED;
    else
        return false;
    return true;
}

enum rc
stream__arg_ids(struct exec *x, int *at, struct stream_id **ids, int64_t *n)
{
    int first = *at + 2;

    if (first > x->argc)
        return RC_SYNTAX;
    if (!parse_int64(x->argv[*at + 1], n) || *n < 1)
        return fail(x, "ERR Number of IDs must be a positive integer");
    if (*n > x->argc - first)
        return fail(x, "ERR The `numids` parameter must match the number of arguments");
    *ids = arena_array(x->arena, (size_t)*n, sizeof(**ids));
    for (int i = 0; i < (int)*n; i++)
        TRY(stream__arg_id(x, x->argv[first + i], 0, &(*ids)[i]));
    *at = first + (int)*n - 1;
    return RC_OK;
}

/* -- XDELEX, XACKDEL ------------------------------------------------------------------------------------------- */

enum { NOT_THERE = -1, DELETED = 1, STILL_NEEDED = 2 };

struct delete_options {
    enum stream_refs refs;
    struct stream_id *ids;
    int64_t n;
};

static enum rc
parse_delete(struct exec *x, int at, struct delete_options *o)
{
    bool refs_given = false;

    for (; at < x->argc; at++) {
        if (!refs_given && stream__arg_refs(x->argv[at], &o->refs))
            refs_given = true;
        else if (o->ids == NULL && arg_is(x->argv[at], LIT("ids")))
            TRY(stream__arg_ids(x, &at, &o->ids, &o->n));
        else if (o->ids != NULL)
            return fail(x, "ERR The `numids` parameter must match the number of arguments");
        else
            return RC_SYNTAX;
    }
    return o->ids == NULL ? RC_SYNTAX : RC_OK;
}

static enum rc
reply_none_there(struct exec *x, int64_t n)
{
    reply_array(x, (size_t)n);
    for (int64_t i = 0; i < n; i++)
        reply_int(x, NOT_THERE);
    return RC_OK;
}

/* Deletes an entry as the policy has it. *changed is set when anything was. Without a group nobody can have
 * acknowledged anything: ACKED then leaves the entry. */
static int
delete_one(struct stream *s, struct stream_id id, enum stream_refs refs, bool *changed)
{
    bool held = stream_group_count(s) == 0 || stream_is_referenced(s, id);

    if (refs == STREAM_REFS_DROP && stream_drop_references(s, id))
        *changed = true;
    if (!stream_has(s, id))
        return NOT_THERE;
    if (refs == STREAM_REFS_ACKED && held)
        return STILL_NEEDED;
    stream_delete(s, id);
    *changed = true;
    return DELETED;
}

static enum rc
cmd_xdelex(struct exec *x)
{
    struct delete_options o = {0};
    struct entry *e;
    struct stream *s;
    bool changed = false;

    TRY(parse_delete(x, 2, &o));
    TRY(stream__edit(x, x->argv[1], ENTRY_EXISTING, &e, &s));
    if (e == NULL)
        return reply_none_there(x, o.n);
    size_t before = stream_count(s);
    reply_array(x, (size_t)o.n);
    for (int64_t i = 0; i < o.n; i++)
        reply_int(x, delete_one(s, o.ids[i], o.refs, &changed));
    if (changed)
        entry_changed(x, e, stream_count(s) < before ? EV_XDEL : EV_NONE);
    else
        entry_unchanged(x, e);
    return RC_OK;
}

static enum rc
cmd_xackdel(struct exec *x)
{
    struct delete_options o = {0};
    struct entry *e;
    struct stream *s;
    bool changed = false;

    TRY(parse_delete(x, 3, &o));
    TRY(stream__edit(x, x->argv[1], ENTRY_EXISTING, &e, &s));
    struct stream_group *g = e == NULL ? NULL : stream_group_find(s, x->argv[2]);
    if (g == NULL) {
        if (e != NULL)
            entry_unchanged(x, e);
        return reply_none_there(x, o.n);
    }
    size_t before = stream_count(s);
    reply_array(x, (size_t)o.n);
    for (int64_t i = 0; i < o.n; i++) {
        struct stream_pending *p = stream_pending_find(g, o.ids[i]);
        int done = NOT_THERE;
        if (p != NULL) {
            stream_pending_remove(g, p);
            changed = true;
            /* What was deleted before is acknowledged and gone all the same. */
            done = delete_one(s, o.ids[i], o.refs, &changed);
            done = done == NOT_THERE ? DELETED : done;
        }
        reply_int(x, done);
    }
    if (changed)
        entry_changed(x, e, stream_count(s) < before ? EV_XDEL : EV_XACK);
    else
        entry_unchanged(x, e);
    return RC_OK;
}

/* -- XNACK ----------------------------------------------------------------------------------------------------- */

enum nack_mode { NACK_SILENT, NACK_FAIL, NACK_FATAL };

struct nack_options {
    enum nack_mode mode;
    struct stream_id *ids;
    int64_t n, retry_count; /* -1: as the mode says */
    bool force;
};

static enum rc
parse_nack(struct exec *x, struct nack_options *o)
{
    struct slice mode = x->argv[3];

    o->retry_count = -1;
    if (arg_is(mode, LIT("silent")))
        o->mode = NACK_SILENT;
    else if (arg_is(mode, LIT("fail")))
        o->mode = NACK_FAIL;
    else if (arg_is(mode, LIT("fatal")))
        o->mode = NACK_FATAL;
    else
        return RC_SYNTAX;
    for (int at = 4; at < x->argc; at++) {
        if (o->ids == NULL && arg_is(x->argv[at], LIT("ids"))) {
            TRY(stream__arg_ids(x, &at, &o->ids, &o->n));
        } else if (arg_is(x->argv[at], LIT("force"))) {
            o->force = true;
        } else if (at + 1 < x->argc && arg_is(x->argv[at], LIT("retrycount"))) {
            TRY(arg_int(x, x->argv[++at], &o->retry_count));
            if (o->retry_count < 0)
                return fail(x, "ERR RETRYCOUNT must be positive");
        } else {
            return RC_SYNTAX;
        }
    }
    return o->ids == NULL ? RC_SYNTAX : RC_OK;
}

static uint64_t
nack_count(const struct nack_options *o, uint64_t deliveries)
{
    if (o->retry_count >= 0)
        return (uint64_t)o->retry_count;
    switch (o->mode) {
    case NACK_SILENT: return deliveries > 0 ? deliveries - 1 : 0;
    case NACK_FATAL: return INT64_MAX;
    default: return deliveries;
    }
}

/* Given back entries belong to nobody and were delivered at no time, so that any claim takes them, and takes them
 * first. */
static enum rc
cmd_xnack(struct exec *x)
{
    struct nack_options o = {0};
    const struct stream *seen;
    struct entry *e;
    struct stream *s;
    int64_t done = 0;

    TRY(parse_nack(x, &o));
    TRY(stream__read(x, x->argv[1], &seen));
    if (seen == NULL || stream_group_find(seen, x->argv[2]) == NULL)
        return stream__fail_no_key_or_group(x, x->argv[1], x->argv[2]);
    TRY(stream__edit(x, x->argv[1], ENTRY_EXISTING, &e, &s));
    struct stream_group *g = stream_group_find(s, x->argv[2]);
    struct stream_consumer *nobody = stream_group_nobody(g);
    for (int64_t i = 0; i < o.n; i++) {
        struct stream_pending *p = stream_pending_find(g, o.ids[i]);
        if (p == NULL && (!o.force || !stream_has(s, o.ids[i])))
            continue;
        if (p == NULL)
            p = stream_pending_add(g, nobody, o.ids[i], 0, 0);
        stream_pending_deliver(g, p, nobody, 0, nack_count(&o, p->deliveries));
        done++;
    }
    if (done > 0)
        entry_changed(x, e, EV_NONE);
    else
        entry_unchanged(x, e);
    return reply_int(x, done);
}

const struct cmd cmd_stream_refs_family[] = {
    {"xdelex", cmd_xdelex, .arity = -5, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}, .since = "8.2.0",
     .args = "key condition=[KEEPREF|DELREF|ACKED] IDS {numids:int id...}", .reply = "array",
     .about = "Deletes entries, with a choice of what becomes of the references that groups have to them.",
     .complexity = "O(1) for each entry"},
    {"xackdel", cmd_xackdel, .arity = -6, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE | KEY_DELETE)}, .since = "8.2.0",
     .args = "key group condition=[KEEPREF|DELREF|ACKED] IDS {numids:int id...}", .reply = "array",
     .about = "Acknowledges entries in a group and deletes them.", .complexity = "O(1) for each entry"},
    {"xnack", cmd_xnack, .arity = -7, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "8.8.0",
     .args = "key group mode=<SILENT|FAIL|FATAL> IDS {numids:int id...} [RETRYCOUNT count:int] [FORCE]",
     .reply = "integer", .about = "Gives entries that a group has delivered back, for others to claim at once.",
     .complexity = "O(1) for each entry"},
    {0},
};
