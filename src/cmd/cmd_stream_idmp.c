/* cmd/cmd_stream_idmp.c - messages that are to be added once however often they are sent (XADD IDMP, XCFGSET,
 * XIDMPRECORD). */
#include "base/sha1.h"
#include "cmd/cmd_stream_priv.h"
#include "value/stream_idmp.h"

static struct stream_idmp_limits
default_limits(const struct exec *x)
{
    return (struct stream_idmp_limits){x->limits->stream_idmp_duration, x->limits->stream_idmp_maxsize};
}

/* -- XADD's part ----------------------------------------------------------------------------------------------- */

enum rc
stream__message_option(struct exec *x, struct stream__message *m, int *at, bool *found)
{
    bool hashed = arg_is(x->argv[*at], LIT("idmpauto"));
    int words = hashed ? 1 : 2;

    *found = (hashed || arg_is(x->argv[*at], LIT("idmp"))) && *at + words < x->argc;
    if (!*found)
        return RC_OK;
    if (m->pid.len > 0)
        return fail(x, "ERR syntax error, IDMP and IDMPAUTO can be given once only");
    m->hashed = hashed;
    m->pid = x->argv[*at + 1];
    if (!hashed)
        m->iid = x->argv[*at + 2];
    if (m->pid.len == 0 || (!hashed && m->iid.len == 0))
        return fail(x, "ERR syntax error, a producer's and a message's id must not be empty");
    *at += words;
    return RC_OK;
}

/* An iid made of names and values, their lengths included. */
static struct slice
hash_fields(struct exec *x, const struct slice *fields, int n)
{
    struct buf *all = exec_scratch(x);
    unsigned char digest[SHA1_BYTES];

    for (int i = 0; i < n; i++) {
        uint64_t len = fields[i].len;
        buf_add(all, &len, sizeof(len));
        buf_add_slice(all, fields[i]);
    }
    sha1(buf_slice(all), digest);
    return arena_copy(x->arena, slice_of(digest, 16));
}

bool
stream__message_known(struct exec *x, struct stream__message *m, const struct slice *fields, int n,
                      const struct stream *s, struct stream_id *id)
{
    if (m->hashed)
        m->iid = hash_fields(x, fields, n);
    return stream_idmp_find(s, m->pid, m->iid, x->now_ms, id);
}

void
stream__message_added(struct exec *x, const struct stream__message *m, struct stream *s, struct stream_id id)
{
    stream_idmp_record(s, default_limits(x), m->pid, m->iid, id, x->now_ms);
    EFFECT_AS(x, LIT("XIDMPRECORD"), x->argv[1], m->pid, m->iid, stream__id_arg(x, id));
}

/* -- XIDMPRECORD ----------------------------------------------------------------------------------------------- */

static enum rc
cmd_xidmprecord(struct exec *x)
{
    struct slice pid = x->argv[2], iid = x->argv[3];
    struct stream_id id, known;
    struct entry *e;
    struct stream *s;
    const char *error = NULL;

    TRY(stream__arg_id(x, x->argv[4], 0, &id));
    if (pid.len == 0 || iid.len == 0)
        return fail(x, "ERR a producer's and a message's id must not be empty");
    TRY(stream__edit(x, x->argv[1], ENTRY_EXISTING, &e, &s));
    if (e == NULL)
        return RC_NO_KEY;
    bool there = stream_idmp_find(s, pid, iid, x->now_ms, &known);
    if (!stream_has(s, id))
        error = "ERR there is no entry with that ID in the stream";
    else if (there && stream_id_cmp(known, id) != 0)
        error = "ERR that message is recorded with another entry";
    if (error != NULL || there) {
        entry_unchanged(x, e);
        return error != NULL ? fail(x, "%s", error) : reply_ok(x);
    }
    stream_idmp_record(s, default_limits(x), pid, iid, id, x->now_ms);
    entry_changed(x, e, EV_NONE);
    return reply_ok(x);
}

/* -- XCFGSET --------------------------------------------------------------------------------------------------- */

static enum rc
cmd_xcfgset(struct exec *x)
{
    int64_t duration = -1, max_ids = -1;
    struct stream_idmp_state state = {.limits = default_limits(x)};
    struct entry *e;
    struct stream *s;

    for (int at = 2; at < x->argc; at += 2) {
        if (at + 1 < x->argc && arg_is(x->argv[at], LIT("idmp-duration"))) {
            TRY(arg_int(x, x->argv[at + 1], &duration));
            if (duration < 1 || duration > STREAM_IDMP_DURATION_MAX)
                return fail(x, "ERR invalid duration");
        } else if (at + 1 < x->argc && arg_is(x->argv[at], LIT("idmp-maxsize"))) {
            TRY(arg_int(x, x->argv[at + 1], &max_ids));
            if (max_ids < 1 || max_ids > STREAM_IDMP_IDS_MAX)
                return fail(x, "ERR invalid maxsize");
        } else {
            return RC_SYNTAX;
        }
    }
    if (duration < 0 && max_ids < 0)
        return RC_SYNTAX;
    TRY(stream__edit(x, x->argv[1], ENTRY_EXISTING, &e, &s));
    if (e == NULL)
        return RC_NO_KEY;
    stream_idmp_state(s, &state);
    if (duration > 0)
        state.limits.duration_s = (uint32_t)duration;
    if (max_ids > 0)
        state.limits.max_ids = (uint32_t)max_ids;
    stream_idmp_configure(s, state.limits);
    entry_changed(x, e, EV_NONE);
    return reply_ok(x);
}

const struct cmd cmd_stream_idmp_family[] = {
    {"xcfgset", cmd_xcfgset, .arity = -2, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "8.6.0",
     .args = "key [IDMP-DURATION idmp-duration:int] [IDMP-MAXSIZE idmp-maxsize:int]", .reply = "simple",
     .about = "Sets for how long, and how many, messages of a producer are remembered.", .complexity = "O(1)"},
    {"xidmprecord", cmd_xidmprecord, .arity = 5, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "8.6.2", .args = "key pid iid stream-id", .reply = "simple",
     .about = "Remembers which entry a producer's message became; for logs and replicas.", .complexity = "O(1)"},
    {0},
};
