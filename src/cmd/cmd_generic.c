/* cmd/cmd_generic.c - keys whatever their type: removing, renaming, copying, and whole databases. */
#include "cmd/args.h"
#include "engine/dispatch.h"
#include "engine/session.h"

/* -- keys ---------------------------------------------------------------------------------------------------- */

static enum rc
cmd_del(struct exec *x)
{
    int64_t gone = 0;

    for (int i = 1; i < x->argc; i++) {
        expect_keys(x, i, 1);
        gone += key_delete(x, x->db, x->argv[i], EV_DEL);
    }
    return reply_int(x, gone);
}

static enum rc
cmd_exists(struct exec *x)
{
    int64_t there = 0;

    for (int i = 1; i < x->argc; i++) {
        expect_keys(x, i, 1);
        there += look_untouched(x, x->argv[i]) != NULL;
    }
    return reply_int(x, there);
}

static enum rc
cmd_touch(struct exec *x)
{
    int64_t there = 0;

    for (int i = 1; i < x->argc; i++) {
        expect_keys(x, i, 1);
        there += look(x, x->argv[i]) != NULL;
    }
    return reply_int(x, there);
}

static enum rc
cmd_type(struct exec *x)
{
    const struct entry *e = look_untouched(x, x->argv[1]);

    return reply_simple(x, e != NULL ? slice_cstr(value_type_name(entry_type(e))) : LIT("none"));
}

/* Links e as a new key in `to`, whatever was there, after it has been taken out of x->db. Redis tells of the new key
 * first, then of where it came from and where it went. */
static void
put_moved(struct exec *x, struct entry *e, struct db *to, enum event from_event, enum event to_event)
{
    struct slice from = x->argv[1], name = arena_copy(x->arena, entry_key(e));

    key_delete(x, to, name, EV_NONE);
    key_put(x, to, e, EV_NONE);
    notify(x, from_event, from);
    notify_in(x, to, to_event, name);
}

static void
rename_key(struct exec *x)
{
    struct entry *e = key_take(x, x->db, x->argv[1], EV_NONE);

    put_moved(x, entry_rename(e, x->argv[2]), x->db, EV_RENAME_FROM, EV_RENAME_TO);
}

static enum rc
cmd_rename(struct exec *x)
{
    if (peek(x, x->argv[1]) == NULL)
        return RC_NO_KEY;
    if (!slice_eq(x->argv[1], x->argv[2]))
        rename_key(x);
    return reply_ok(x);
}

static enum rc
cmd_renamenx(struct exec *x)
{
    if (peek(x, x->argv[1]) == NULL)
        return RC_NO_KEY;
    if (peek(x, x->argv[2]) != NULL) /* itself included */
        return reply_int(x, 0);
    rename_key(x);
    return reply_int(x, 1);
}

static enum rc
fail_same(struct exec *x)
{
    return fail(x, "ERR source and destination objects are the same");
}

static enum rc
cmd_move(struct exec *x)
{
    int64_t index;

    TRY(arg_int32(x, x->argv[2], &index));
    struct db *to = db_at(x, index);
    if (to == NULL)
        return RC_BAD_DB;
    if (to == x->db)
        return fail_same(x);
    if (peek(x, x->argv[1]) == NULL || peek_in(x, to, x->argv[1]) != NULL)
        return reply_int(x, 0);
    put_moved(x, key_take(x, x->db, x->argv[1], EV_NONE), to, EV_MOVE_FROM, EV_MOVE_TO);
    return reply_int(x, 1);
}

static enum rc
parse_copy_options(struct exec *x, struct db **to, bool *replace)
{
    for (int i = 3; i < x->argc; i++) {
        if (arg_is(x->argv[i], LIT("REPLACE"))) {
            *replace = true;
        } else if (arg_is(x->argv[i], LIT("DB")) && i + 1 < x->argc) {
            int64_t index;
            TRY(arg_int32(x, x->argv[++i], &index));
            *to = db_at(x, index);
            if (*to == NULL)
                return RC_BAD_DB;
        } else {
            return RC_SYNTAX;
        }
    }
    return RC_OK;
}

static enum rc
cmd_copy(struct exec *x)
{
    struct db *to = x->db;
    bool replace = false;

    TRY(parse_copy_options(x, &to, &replace));
    if (to == x->db && slice_eq(x->argv[1], x->argv[2]))
        return fail_same(x);
    const struct entry *e = look(x, x->argv[1]);
    if (e == NULL || (!replace && peek_in(x, to, x->argv[2]) != NULL))
        return reply_int(x, 0);
    if (exec_is_long(x, entry_elements(e)))
        return exec_in_slices(x, cmd_copy, 0);
    struct exec_beat beat = exec_beat_of(x);
    struct entry *copy = entry_copy(e, x->argv[2], x->limits, &beat.pulse);
    if (beat.rc != RC_OK) {
        entry_drop(x, copy);
        return beat.rc;
    }
    key_delete(x, to, x->argv[2], EV_NONE);
    key_put(x, to, copy, EV_COPY_TO);
    return reply_int(x, 1);
}

/* -- databases ----------------------------------------------------------------------------------------------- */

static enum rc
cmd_select(struct exec *x)
{
    int64_t index;

    TRY(arg_int32(x, x->argv[1], &index));
    struct db *db = db_at(x, index);
    if (db == NULL)
        return RC_BAD_DB;
    db_select(x, db);
    return reply_ok(x);
}

static enum rc
cmd_swapdb(struct exec *x)
{
    int64_t a, b;

    TRY(arg_range_or(x, x->argv[1], INT32_MIN, INT32_MAX, "ERR invalid first DB index", &a));
    TRY(arg_range_or(x, x->argv[2], INT32_MIN, INT32_MAX, "ERR invalid second DB index", &b));
    struct db *first = db_at(x, a), *second = db_at(x, b);
    if (first == NULL || second == NULL)
        return RC_BAD_DB;
    db_swap(x, first, second);
    return reply_ok(x);
}

static enum rc
flush_db(struct exec *x)
{
    TRY(db_flush(x, x->db, false));
    return reply_ok(x);
}

static void
tell_host(struct exec *x)
{
    const struct engine_host *h = engine_host_of(x->engine);
    unsigned flags = session_flags(x->session) & (SESSION_INTERNAL | SESSION_PRIMARY);

    if (h->flushed != NULL && flags != SESSION_INTERNAL) /* else a log is loaded, or another dataset comes */
        h->flushed(h->ctx);
}

static enum rc
flush_all(struct exec *x)
{
    TRY(db_flush(x, NULL, false));
    tell_host(x);
    return reply_ok(x);
}

static enum rc
flush(struct exec *x, struct db *db)
{
    bool async = x->argc == 2 && arg_is(x->argv[1], LIT("ASYNC"));

    if (x->argc > 2 || (x->argc == 2 && !async && !arg_is(x->argv[1], LIT("SYNC"))))
        return RC_SYNTAX;
    if (!async)
        return exec_in_slices(x, db != NULL ? flush_db : flush_all, SLICES_FREE | SLICES_NO_LIMIT);
    TRY(db_flush(x, db, true));
    if (db == NULL)
        tell_host(x);
    return reply_ok(x);
}

static enum rc
cmd_flushdb(struct exec *x)
{
    return flush(x, x->db);
}

static enum rc
cmd_flushall(struct exec *x)
{
    return flush(x, NULL);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_generic_family[] = {
    {"del", cmd_del, .arity = -2, .group = GROUP_GENERIC, .flags = CMD_WRITE, .categories = CAT(KEYSPACE),
     .keys = {KEY_RANGE(1, -1, 1, KEY_RM | KEY_DELETE)}, .since = "1.0.0", .args = "key...", .reply = "integer",
     .about = "Removes keys.", .complexity = "O(N) or O(M) or O(1)",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {"unlink", cmd_del, .arity = -2, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_FAST, .categories = CAT(KEYSPACE),
     .keys = {KEY_RANGE(1, -1, 1, KEY_RM | KEY_DELETE)}, .since = "4.0.0", .args = "key...", .reply = "integer",
     .about = "Removes keys; large values are freed in the background.", .complexity = "O(1) or O(N)",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {"exists", cmd_exists, .arity = -2, .group = GROUP_GENERIC, .flags = CMD_READONLY | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_RANGE(1, -1, 1, KEY_RO)}, .since = "1.0.0", .args = "key...",
     .reply = "integer", .about = "Counts how many of the keys exist.", .complexity = "O(N)",
     .tips = "request_policy:multi_shard response_policy:agg_sum", .history = "3.0.3 Variadic keys."},
    {"touch", cmd_touch, .arity = -2, .group = GROUP_GENERIC, .flags = CMD_READONLY | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_RANGE(1, -1, 1, KEY_RO)}, .since = "3.2.1", .args = "key...",
     .reply = "integer", .about = "Counts how many of the keys exist and marks them as used.", .complexity = "O(N)",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {"type", cmd_type, .arity = 2, .group = GROUP_GENERIC, .flags = CMD_READONLY | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(1, KEY_RO)}, .since = "1.0.0", .args = "key", .reply = "simple",
     .about = "Names the type of the value in a key.", .complexity = "O(1)"},
    {"rename", cmd_rename, .arity = 3, .group = GROUP_GENERIC, .flags = CMD_WRITE, .categories = CAT(KEYSPACE),
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_OW | KEY_UPDATE)}, .since = "1.0.0",
     .args = "key newkey:key", .reply = "simple", .about = "Gives a key another name, replacing what has that name.",
     .complexity = "O(1)"},
    {"renamenx", cmd_renamenx, .arity = 3, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_FAST,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_OW | KEY_INSERT)},
     .since = "1.0.0", .args = "key newkey:key", .reply = "integer",
     .about = "Gives a key another name, provided that no key has it.", .complexity = "O(1)",
     .history = "3.2.0 Same source and target is no error."},
    {"move", cmd_move, .arity = 3, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_FAST, .categories = CAT(KEYSPACE),
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .since = "1.0.0", .args = "key db:int", .reply = "integer",
     .about = "Moves a key to another database.", .complexity = "O(1)"},
    {"copy", cmd_copy, .arity = -3, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_DENYOOM,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS), KEY_AT(2, KEY_OW | KEY_UPDATE)},
     .since = "6.2.0", .args = "source:key destination:key [DB destination-db:int] [REPLACE]", .reply = "integer",
     .about = "Copies the value of a key to another key.", .complexity = "O(N) or O(1)"},
    {"select", cmd_select, .arity = 2, .group = GROUP_CONNECTION, .flags = CMD_FAST | CMD_LOADING | CMD_STALE,
     .since = "1.0.0", .args = "index:int", .reply = "simple", .about = "Changes the database of the connection.",
     .complexity = "O(1)"},
    {"swapdb", cmd_swapdb, .arity = 3, .group = GROUP_SERVER, .flags = CMD_WRITE | CMD_FAST,
     .categories = CAT(DANGEROUS) | CAT(KEYSPACE), .since = "4.0.0", .args = "index1:int index2:int", .reply = "simple",
     .about = "Exchanges the contents of two databases.", .complexity = "O(N)"},
    {"flushdb", cmd_flushdb, .arity = -1, .group = GROUP_SERVER, .flags = CMD_WRITE,
     .categories = CAT(DANGEROUS) | CAT(KEYSPACE), .since = "1.0.0", .args = "flush-type=[ASYNC@4.0.0|SYNC@6.2.0]",
     .reply = "simple", .about = "Removes all keys of the database.", .complexity = "O(N)",
     .tips = "request_policy:all_shards response_policy:all_succeeded", .history = "4.0.0 New ASYNC.|6.2.0 New SYNC."},
    {"flushall", cmd_flushall, .arity = -1, .group = GROUP_SERVER, .flags = CMD_WRITE,
     .categories = CAT(DANGEROUS) | CAT(KEYSPACE), .since = "1.0.0", .args = "flush-type=[ASYNC@4.0.0|SYNC@6.2.0]",
     .reply = "simple", .about = "Removes all keys of all databases.", .complexity = "O(N)",
     .tips = "request_policy:all_shards response_policy:all_succeeded", .history = "4.0.0 New ASYNC.|6.2.0 New SYNC."},
    {0},
};
