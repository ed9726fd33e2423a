/* cmd/cmd_stream.c - streams: adding, reading ranges, deleting, trimming (XADD, XLEN, XRANGE, XDEL, XTRIM, XSETID).
 *
 * Turns arguments into calls on value/stream.h and results into replies. Waiting readers are in cmd_stream_read.c,
 * groups in cmd_stream_group.c, XINFO in cmd_stream_info.c. */
#include "cmd/cmd_stream_priv.h"
#include "value/stream_idmp.h"

/* -- shared with the family ------------------------------------------------------------------------------------ */

/* Halves of an id are read more loosely than other numbers: redis lets blanks, a plus and zeros in front pass. */
static bool
parse_half(struct slice s, uint64_t *out)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || (s.ptr[0] >= '\t' && s.ptr[0] <= '\r')))
        s = slice_skip(s, 1);
    if (s.len > 0 && s.ptr[0] == '+')
        s = slice_skip(s, 1);
    while (s.len > 1 && s.ptr[0] == '0')
        s = slice_skip(s, 1);
    return parse_uint64(s, out);
}

static bool
parse_id(struct slice arg, uint64_t missing_seq, struct stream_id *out)
{
    const char *dash = arg.len == 0 ? NULL : memchr(arg.ptr, '-', arg.len);
    struct stream_id id = {0, missing_seq};
    size_t ms_len = dash == NULL ? arg.len : (size_t)(dash - arg.ptr);

    if (!parse_half(slice_of(arg.ptr, ms_len), &id.ms))
        return false;
    if (dash != NULL && !parse_half(slice_skip(arg, ms_len + 1), &id.seq))
        return false;
    *out = id;
    return true;
}

enum rc
stream__arg_id(struct exec *x, struct slice arg, uint64_t missing_seq, struct stream_id *out)
{
    if (!parse_id(arg, missing_seq, out))
        return fail(x, "ERR Invalid stream ID specified as stream command argument");
    return RC_OK;
}

static enum rc
arg_bound(struct exec *x, struct slice arg, uint64_t missing_seq, struct stream_id *out, bool *open)
{
    *open = arg.len > 1 && arg.ptr[0] == '(';
    if (*open)
        return stream__arg_id(x, slice_skip(arg, 1), missing_seq, out);
    if (slice_eq(arg, LIT("-"))) {
        *out = STREAM_ID_MIN;
        return RC_OK;
    }
    if (slice_eq(arg, LIT("+"))) {
        *out = STREAM_ID_MAX;
        return RC_OK;
    }
    return stream__arg_id(x, arg, missing_seq, out);
}

enum rc
stream__arg_range(struct exec *x, struct slice start, struct slice end, struct stream_id *from, struct stream_id *to)
{
    bool open;

    TRY(arg_bound(x, start, 0, from, &open));
    if (open && !stream_id_next(from))
        return fail(x, "ERR invalid start ID for the interval");
    TRY(arg_bound(x, end, UINT64_MAX, to, &open));
    if (open && !stream_id_prev(to))
        return fail(x, "ERR invalid end ID for the interval");
    return RC_OK;
}

size_t
stream__id_text(char out[STREAM__ID_TEXT_MAX], struct stream_id id)
{
    size_t n = format_uint64(out, id.ms);

    out[n++] = '-';
    return n + format_uint64(out + n, id.seq);
}

void
stream__reply_id(struct exec *x, struct stream_id id)
{
    char text[STREAM__ID_TEXT_MAX];

    reply_bulk(x, slice_of(text, stream__id_text(text, id)));
}

struct slice
stream__id_arg(struct exec *x, struct stream_id id)
{
    char text[STREAM__ID_TEXT_MAX];

    return arena_copy(x->arena, slice_of(text, stream__id_text(text, id)));
}

void
stream__reply_entry(struct exec *x, struct stream_entry *e)
{
    reply_array(x, 2);
    stream__reply_entry_parts(x, e);
}

void
stream__reply_entry_parts(struct exec *x, struct stream_entry *e)
{
    struct slice name, value;

    stream__reply_id(x, e->id);
    reply_array(x, 2 * e->pairs);
    for (size_t i = 0; i < e->pairs; i++) {
        stream_entry_pair(e, &name, &value);
        reply_bulk(x, name);
        reply_bulk(x, value);
    }
}

enum rc
stream__read(struct exec *x, struct slice key, const struct stream **out)
{
    struct entry *e;

    TRY(read_entry(x, key, TYPE_STREAM, &e));
    *out = e == NULL ? NULL : (const struct stream *)entry_handle(e);
    return RC_OK;
}

enum rc
stream__edit(struct exec *x, struct slice key, enum edit_mode mode, struct entry **e, struct stream **s)
{
    TRY(edit_entry(x, key, TYPE_STREAM, mode, e));
    *s = *e == NULL ? NULL : (struct stream *)entry_handle(*e);
    return RC_OK;
}

/* -- trimming options, shared by XADD and XTRIM ---------------------------------------------------------------- */

enum trim_by { TRIM_NOTHING, TRIM_MAXLEN, TRIM_MINID };

struct trim {
    enum trim_by by;
    bool approx, limit_given, refs_given;
    enum stream_refs refs;
    int64_t max_len, limit;
    struct stream_id min_id;
};

/* Looks for one of MAXLEN, MINID, LIMIT, KEEPREF, DELREF, ACKED at argument *at and reads it, moving *at to its last
 * word. *found tells. */
static enum rc
trim_option(struct exec *x, struct trim *t, int *at, bool *found)
{
    struct slice word = x->argv[*at];
    bool more = *at + 1 < x->argc;
    bool max_len = arg_is(word, LIT("maxlen")), min_id = arg_is(word, LIT("minid"));

    *found = true;
    if (stream__arg_refs(word, &t->refs)) {
        bool twice = t->refs_given;
        t->refs_given = true;
        return twice ? RC_SYNTAX : RC_OK;
    }
    *found = more && (max_len || min_id || arg_is(word, LIT("limit")));
    if (!*found)
        return RC_OK;
    if (!max_len && !min_id) {
        t->limit_given = true;
        TRY(arg_int(x, x->argv[++*at], &t->limit));
        return t->limit < 0 ? fail(x, "ERR The LIMIT argument must be >= 0.") : RC_OK;
    }
    if (t->by != TRIM_NOTHING)
        return fail(x, "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
    t->by = max_len ? TRIM_MAXLEN : TRIM_MINID;
    struct slice next = x->argv[*at + 1];
    if (next.len == 1 && (next.ptr[0] == '~' || next.ptr[0] == '=') && *at + 2 < x->argc) {
        t->approx = next.ptr[0] == '~';
        ++*at;
    }
    ++*at;
    if (min_id)
        return stream__arg_id(x, x->argv[*at], 0, &t->min_id);
    TRY(arg_int(x, x->argv[*at], &t->max_len));
    return t->max_len < 0 ? fail(x, "ERR The MAXLEN argument must be >= 0.") : RC_OK;
}

static enum rc
trim_check(struct exec *x, struct trim *t)
{
    if (t->limit_given && t->by == TRIM_NOTHING)
        return fail(x, "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
    if (t->limit_given && !t->approx)
        return fail(x, "ERR syntax error, LIMIT cannot be used without the special ~ option");
    return RC_OK;
}

static size_t
trim_run(const struct exec *x, struct stream *s, const struct trim *t)
{
    /* Without a LIMIT an approximate trim looks at no more than a hundred blocks' worth. */
    size_t limit = !t->approx       ? 0
                   : t->limit_given ? (size_t)t->limit
                                    : 100 * (size_t)x->limits->stream_node_max_entries;

    if (t->by == TRIM_NOTHING)
        return 0;
    return stream_trim(s, &(struct stream_trim){.by_count = t->by == TRIM_MAXLEN,
                                                .approx = t->approx,
                                                .refs = t->refs,
                                                .keep = (size_t)t->max_len,
                                                .limit = limit,
                                                .min_id = t->min_id});
}

/* The trim as the log gets it: exact in what it removed. Returns how many words it took. */
static int
trim_words(struct exec *x, const struct trim *t, const struct stream *s, struct slice *out)
{
    int n = 0;

    if (t->refs != STREAM_REFS_KEEP)
        out[n++] = t->refs == STREAM_REFS_DROP ? LIT("DELREF") : LIT("ACKED");
    out[n++] = LIT("MAXLEN");
    out[n++] = LIT("=");
    out[n++] = arena_printf(x->arena, "%zu", stream_count(s));
    return n;
}

/* -- XADD ------------------------------------------------------------------------------------------------------ */

enum add_id { ADD_ID_AUTO, ADD_ID_AUTO_SEQ, ADD_ID_GIVEN };

struct add_options {
    bool no_make;
    struct trim trim;
    enum add_id how;
    struct stream_id id;
    int id_at; /* argument of the id; fields begin behind it */
    struct stream__message message;
};

static enum rc
add_arg_id(struct exec *x, struct add_options *o)
{
    struct slice arg = x->argv[o->id_at];

    if (slice_eq(arg, LIT("*"))) {
        o->how = ADD_ID_AUTO;
        return RC_OK;
    }
    o->how = ADD_ID_GIVEN;
    if (arg.len > 2 && memcmp(arg.ptr + arg.len - 2, "-*", 2) == 0) {
        o->how = ADD_ID_AUTO_SEQ;
        arg.len -= 2;
    }
    return stream__arg_id(x, arg, 0, &o->id);
}

static enum rc
add_parse(struct exec *x, struct add_options *o)
{
    int at = 2;

    for (; at < x->argc; at++) {
        bool found;
        if (slice_eq(x->argv[at], LIT("*")))
            break;
        TRY(trim_option(x, &o->trim, &at, &found));
        if (!found)
            TRY(stream__message_option(x, &o->message, &at, &found));
        if (found)
            continue;
        if (!arg_is(x->argv[at], LIT("nomkstream")))
            break;
        o->no_make = true;
    }
    o->id_at = at;
    if (at >= x->argc) {
        TRY(trim_check(x, &o->trim));
        return fail_arity(x);
    }
    TRY(add_arg_id(x, o));
    TRY(trim_check(x, &o->trim));
    int words = x->argc - at - 1;
    return words < 2 || words % 2 != 0 ? fail_arity(x) : RC_OK;
}

/* The id that the entry gets; false when there is none left above the last one. */
static bool
add_choose_id(const struct exec *x, const struct stream *s, const struct add_options *o, struct stream_id *id)
{
    struct stream_id last = stream_last_id(s);

    switch (o->how) {
    case ADD_ID_AUTO:
        *id = (struct stream_id){(uint64_t)x->now_ms, 0};
        if (id->ms > last.ms)
            return true;
        *id = last;
        return stream_id_next(id);
    case ADD_ID_AUTO_SEQ:
        *id = (struct stream_id){o->id.ms, o->id.ms == 0 && last.ms == 0 && last.seq == 0 ? 1 : 0};
        if (o->id.ms == last.ms && (last.ms != 0 || last.seq != 0)) {
            id->seq = last.seq + 1;
            return last.seq < UINT64_MAX;
        }
        return id->ms > last.ms || (last.ms == 0 && last.seq == 0);
    case ADD_ID_GIVEN: *id = o->id; return stream_id_cmp(*id, last) > 0;
    }
    return false;
}

static enum rc
add_id_failed(struct exec *x, const struct stream *s)
{
    struct stream_id last = stream_last_id(s);

    if (stream_id_cmp(last, STREAM_ID_MAX) == 0)
        return fail(x, "ERR The stream has exhausted the last possible ID, unable to add more items");
    return fail(x, "ERR The ID specified in XADD is equal or smaller than the target stream top item");
}

/* What the log gets: the id that was chosen, and a trim that is exact in what it removed. */
static void
add_propagate(struct exec *x, const struct add_options *o, struct stream_id id, const struct stream *s, size_t trimmed)
{
    bool as_sent = o->how == ADD_ID_GIVEN && !(o->trim.approx && o->trim.by != TRIM_NOTHING) && o->message.pid.len == 0;
    struct slice *argv;
    int n = 0;

    if (as_sent)
        return;
    argv = arena_array(x->arena, (size_t)x->argc + 4, sizeof(*argv));
    argv[n++] = LIT("XADD");
    argv[n++] = x->argv[1];
    if (o->no_make)
        argv[n++] = LIT("NOMKSTREAM");
    if (o->trim.by != TRIM_NOTHING && (trimmed > 0 || !o->trim.approx))
        n += trim_words(x, &o->trim, s, argv + n);
    argv[n++] = stream__id_arg(x, id);
    for (int i = o->id_at + 1; i < x->argc; i++)
        argv[n++] = x->argv[i];
    effect_as(x, argv, n);
}

static enum rc
cmd_xadd(struct exec *x)
{
    struct add_options o = {0};
    struct entry *e;
    struct stream *s;
    struct stream_id id;

    TRY(add_parse(x, &o));
    if (o.how == ADD_ID_GIVEN && o.id.ms == 0 && o.id.seq == 0)
        return fail(x, "ERR The ID specified in XADD must be greater than 0-0");
    TRY(stream__edit(x, x->argv[1], o.no_make ? ENTRY_EXISTING : ENTRY_CREATE, &e, &s));
    if (e == NULL)
        return reply_null(x);
    if (o.message.pid.len > 0 &&
        stream__message_known(x, &o.message, x->argv + o.id_at + 1, x->argc - o.id_at - 1, s, &id)) {
        stream_idmp_count_duplicate(s);
        stream__reply_id(x, id);
        entry_unchanged(x, e);
        return RC_OK;
    }
    if (!add_choose_id(x, s, &o, &id)) {
        enum rc rc = add_id_failed(x, s);
        entry_unchanged(x, e);
        return rc;
    }
    const struct stream_node_limits lim = {x->limits->stream_node_max_bytes, x->limits->stream_node_max_entries};
    stream_append(s, &lim, id, x->argv + o.id_at + 1, (size_t)(x->argc - o.id_at - 1) / 2);
    stream__reply_id(x, id);
    size_t trimmed = trim_run(x, s, &o.trim);
    add_propagate(x, &o, id, s, trimmed);
    if (o.message.pid.len > 0)
        stream__message_added(x, &o.message, s, id);
    entry_changed(x, e, EV_XADD);
    if (trimmed > 0)
        notify(x, EV_XTRIM, x->argv[1]);
    return RC_OK;
}

/* -- reading --------------------------------------------------------------------------------------------------- */

static enum rc
cmd_xlen(struct exec *x)
{
    const struct stream *s;

    TRY(stream__read(x, x->argv[1], &s));
    return reply_int(x, s == NULL ? 0 : (int64_t)stream_count(s));
}

static enum rc
range(struct exec *x, exec_body *again, bool reverse)
{
    const struct stream *s;
    struct stream_id from, to;
    int64_t count = -1;
    size_t n = 0;

    TRY(stream__arg_range(x, x->argv[reverse ? 3 : 2], x->argv[reverse ? 2 : 3], &from, &to));
    for (int at = 4; at < x->argc; at += 2) {
        if (at + 1 >= x->argc || !arg_is(x->argv[at], LIT("count")))
            return RC_SYNTAX;
        TRY(arg_int(x, x->argv[at + 1], &count));
        if (count < 0)
            count = 0;
    }
    TRY(stream__read(x, x->argv[1], &s));
    if (s == NULL)
        return reply_array(x, 0);
    if (count == 0)
        return reply_null_array(x);
    size_t have = stream_count(s);
    if (exec_is_long(x, (uint64_t)count < have ? (size_t)count : have)) /* -1 is more than there can be */
        return exec_in_slices(x, again, SLICES_MARKS);
    struct reply_mark mark = reply_mark_here(&x->reply);
    struct stream_iter it = stream_seek(s, reverse ? to : from, reverse);
    for (struct stream_entry e; (count < 0 || n < (size_t)count) && stream_next(&it, &e); n++) {
        if (reverse ? stream_id_cmp(e.id, from) < 0 : stream_id_cmp(e.id, to) > 0)
            break;
        stream__reply_entry(x, &e);
        TRY(exec_pulse(x));
    }
    reply_close_array(&x->reply, mark, n);
    return RC_OK;
}

static enum rc
cmd_xrange(struct exec *x)
{
    return range(x, cmd_xrange, false);
}

static enum rc
cmd_xrevrange(struct exec *x)
{
    return range(x, cmd_xrevrange, true);
}

/* -- removing -------------------------------------------------------------------------------------------------- */

static enum rc
cmd_xdel(struct exec *x)
{
    struct entry *e;
    struct stream *s;
    int64_t removed = 0;

    TRY(stream__edit(x, x->argv[1], ENTRY_EXISTING, &e, &s));
    if (e == NULL)
        return reply_int(x, 0);
    struct stream_id *ids = arena_array(x->arena, (size_t)x->argc, sizeof(*ids));
    for (int i = 2; i < x->argc; i++) {
        enum rc rc = stream__arg_id(x, x->argv[i], 0, &ids[i]);
        if (rc != RC_OK) {
            entry_unchanged(x, e);
            return rc;
        }
    }
    for (int i = 2; i < x->argc; i++)
        removed += stream_delete(s, ids[i]);
    if (removed > 0)
        entry_changed(x, e, EV_XDEL);
    else
        entry_unchanged(x, e);
    return reply_int(x, removed);
}

static enum rc
cmd_xtrim(struct exec *x)
{
    struct trim t = {0};
    struct entry *e;
    struct stream *s;

    for (int at = 2; at < x->argc; at++) {
        bool found;
        TRY(trim_option(x, &t, &at, &found));
        if (!found)
            return RC_SYNTAX;
    }
    TRY(trim_check(x, &t));
    TRY(stream__edit(x, x->argv[1], ENTRY_EXISTING, &e, &s));
    if (e == NULL)
        return reply_int(x, 0);
    size_t removed = trim_run(x, s, &t);
    if (removed == 0) {
        entry_unchanged(x, e);
        return reply_int(x, 0);
    }
    if (t.approx) {
        struct slice argv[8] = {LIT("XTRIM"), x->argv[1]};
        effect_as(x, argv, 2 + trim_words(x, &t, s, argv + 2));
    }
    entry_changed(x, e, EV_XTRIM);
    return reply_int(x, (int64_t)removed);
}

/* -- XSETID ---------------------------------------------------------------------------------------------------- */

static enum rc
cmd_xsetid(struct exec *x)
{
    struct stream_id id, max_deleted = STREAM_ID_MIN;
    int64_t added = -1;
    struct entry *e;
    struct stream *s;

    TRY(stream__arg_id(x, x->argv[2], 0, &id));
    bool deleted_given = false;
    for (int at = 3; at < x->argc; at += 2) {
        if (at + 1 < x->argc && arg_is(x->argv[at], LIT("entriesadded"))) {
            TRY(arg_int(x, x->argv[at + 1], &added));
            if (added < 0)
                return fail(x, "ERR entries_added must be positive");
        } else if (at + 1 < x->argc && arg_is(x->argv[at], LIT("maxdeletedid"))) {
            TRY(stream__arg_id(x, x->argv[at + 1], 0, &max_deleted));
            deleted_given = true;
            if (stream_id_cmp(id, max_deleted) < 0)
                return fail(x, "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
        } else {
            return RC_SYNTAX;
        }
    }
    TRY(stream__edit(x, x->argv[1], ENTRY_EXISTING, &e, &s));
    if (e == NULL)
        return RC_NO_KEY;
    const char *error = NULL;
    struct stream_iter it = stream_seek(s, STREAM_ID_MAX, true);
    struct stream_entry top;
    bool any = stream_next(&it, &top);
    if (stream_id_cmp(id, stream_max_deleted_id(s)) < 0)
        error = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    else if (any && stream_id_cmp(id, top.id) < 0)
        error = "ERR The ID specified in XSETID is smaller than the target stream top item";
    else if (any && added >= 0 && (uint64_t)added < stream_count(s))
        error = "ERR The entries_added specified in XSETID is smaller than the target stream length";
    if (error != NULL) {
        entry_unchanged(x, e);
        return fail(x, "%s", error);
    }
    stream_set_last_id(s, id);
    if (added >= 0)
        stream_set_entries_added(s, (uint64_t)added);
    if (deleted_given && (max_deleted.ms != 0 || max_deleted.seq != 0))
        stream_set_max_deleted_id(s, max_deleted);
    entry_changed(x, e, EV_XSETID);
    return reply_ok(x);
}

const struct cmd cmd_stream_family[] = {
    {"xadd", cmd_xadd, .arity = -5, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "5.0.0",
     .args = "key [NOMKSTREAM]@6.2.0 condition=[KEEPREF|DELREF|ACKED]@8.2.0 idmp=[IDMPAUTO pid|IDMP {pid iid}]@8.6.0 "
             "trim=[strategy=<MAXLEN|MINID@6.2.0> operator=[equal='='|approximately='~'] threshold "
             "[LIMIT count:int]@6.2.0] id-selector=<auto-id='*'|id> data={field value}...",
     .reply = "bulk | null", .about = "Appends an entry to a stream, creating the stream if needed.",
     .complexity = "O(1) to add, O(N) for N entries trimmed", .tips = "nondeterministic_output",
     .history =
         "6.2.0 Options NOMKSTREAM, MINID and LIMIT.|7.0.0 Ids of the form <ms>-*.|8.2.0 Options KEEPREF, DELREF and "
         "ACKED.|8.6.0 Options IDMP and IDMPAUTO."},
    {"xlen", cmd_xlen, .arity = 2, .group = GROUP_STREAM, .flags = CMD_READONLY | CMD_FAST, .keys = {KEY_AT(1, KEY_RO)},
     .since = "5.0.0", .args = "key", .reply = "integer", .about = "Counts a stream's entries.", .complexity = "O(1)"},
    {"xrange", cmd_xrange, .arity = -4, .group = GROUP_STREAM, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "5.0.0", .args = "key start end [COUNT count:int]",
     .reply = "array", .about = "Returns the entries between two ids.", .complexity = "O(N) for N entries returned",
     .history = "6.2.0 Ids may be excluded with (."},
    {"xrevrange", cmd_xrevrange, .arity = -4, .group = GROUP_STREAM, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "5.0.0", .args = "key end start [COUNT count:int]",
     .reply = "array", .about = "Returns the entries between two ids, the newest first.",
     .complexity = "O(N) for N entries returned", .history = "6.2.0 Ids may be excluded with (."},
    {"xdel", cmd_xdel, .arity = -3, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}, .since = "5.0.0", .args = "key id...", .reply = "integer",
     .about = "Deletes entries from a stream.", .complexity = "O(1) for each entry"},
    {"xtrim", cmd_xtrim, .arity = -4, .group = GROUP_STREAM, .flags = CMD_WRITE,
     .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}, .since = "5.0.0",
     .args = "key trim={strategy=<MAXLEN|MINID@6.2.0> operator=[equal='='|approximately='~'] threshold [LIMIT "
             "count:int]@6.2.0 condition=[KEEPREF|DELREF|ACKED]@8.2.0}",
     .reply = "integer", .about = "Removes the oldest entries of a stream.", .complexity = "O(N) for N entries removed",
     .tips = "nondeterministic_output",
     .history = "6.2.0 Options MINID and LIMIT.|8.2.0 Options KEEPREF, DELREF and ACKED."},
    {"xsetid", cmd_xsetid, .arity = -3, .group = GROUP_STREAM, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "5.0.0",
     .args = "key last-id [ENTRIESADDED entries-added:int]@7.0.0 [MAXDELETEDID max-deleted-id]@7.0.0",
     .reply = "simple", .about = "Sets a stream's last id and counters; for replication.", .complexity = "O(1)",
     .history = "7.0.0 Options ENTRIESADDED and MAXDELETEDID."},
    {0},
};
