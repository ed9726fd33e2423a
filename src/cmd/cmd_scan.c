/* cmd/cmd_scan.c - looking at many keys at once: KEYS, SCAN, RANDOMKEY, DBSIZE. */
#include "base/glob.h"
#include "cmd/args.h"
#include "cmd/scan.h"

struct keys_search {
    struct out found; /* as it will be sent, behind a header that is known last */
    int resp;
    struct slice pattern;
    size_t count;
    bool all;
};

enum { SEAL_AT = 64 * 1024 }; /* a hundred million keys shall not be copied when one more makes the buffer too small */

static void
keys_visit(void *ctx, struct entry *e)
{
    struct keys_search *k = ctx;
    struct slice key = entry_key(e);
    struct reply r = {.out = &k->found, .resp = k->resp};

    if (!k->all && !glob_match(k->pattern, key, false))
        return;
    reply_put_bulk(&r, key);
    k->count++;
    if (k->found.bytes.len >= SEAL_AT)
        out_seal(&k->found);
}

static void
keys_restart(void *ctx)
{
    struct keys_search *k = ctx;

    out_fini(&k->found);
    k->count = 0;
}

static enum rc
keys_body(struct exec *x)
{
    struct keys_search k = {.resp = x->reply.resp, .pattern = x->argv[1], .all = slice_eq(x->argv[1], LIT("*"))};
    enum rc rc = db_walk(x, x->db, keys_visit, keys_restart, &k);

    if (rc == RC_OK) {
        reply_array(x, k.count);
        out_move(x->reply.out, &k.found);
    }
    out_fini(&k.found);
    return rc;
}

static enum rc
cmd_keys(struct exec *x)
{
    if (glob_is_literal(x->argv[1])) {
        bool there = peek(x, x->argv[1]) != NULL;
        reply_array(x, there);
        return there ? reply_bulk(x, x->argv[1]) : RC_OK;
    }
    return db_size(x, x->db) < SLICES_ELEMENTS_MIN ? keys_body(x) : exec_in_slices(x, keys_body, SLICES_FREE);
}

static void
scan_visit(void *ctx, struct entry *e)
{
    struct scan *s = ctx;

    if (!scan_wants(s, entry_key(e)))
        return;
    if (s->type.ptr != NULL && !arg_is(s->type, slice_cstr(value_type_name(entry_type(e)))))
        return;
    scan_add(s, entry_key(e));
}

static enum rc
cmd_scan(struct exec *x)
{
    struct scan s = {0};

    TRY(scan_cursor(x->argv[1], &s.cursor));
    TRY(scan_options(x, &s, 2, true, (struct slice){0}));
    if (scan_is_long(&s, db_size(x, x->db)))
        return exec_in_slices(x, cmd_scan, SLICES_FREE);
    do
        s.cursor = db_scan(x, x->db, s.cursor, scan_visit, &s);
    while (scan_goes_on(&s));
    return scan_reply(&s);
}

static enum rc
cmd_randomkey(struct exec *x)
{
    struct entry *e = db_random(x, x->db);

    return e != NULL ? reply_bulk(x, entry_key(e)) : reply_null(x);
}

static enum rc
cmd_dbsize(struct exec *x)
{
    return reply_int(x, (int64_t)db_size(x, x->db));
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_scan_family[] = {
    {"keys", cmd_keys, .arity = 2, .group = GROUP_GENERIC, .flags = CMD_READONLY,
     .categories = CAT(DANGEROUS) | CAT(KEYSPACE), .since = "1.0.0", .args = "pattern:pattern", .reply = "array",
     .about = "Lists the names of keys that match a pattern.", .complexity = "O(N)",
     .tips = "request_policy:all_shards nondeterministic_output_order"},
    {"scan", cmd_scan, .arity = -2, .group = GROUP_GENERIC, .flags = CMD_READONLY, .categories = CAT(KEYSPACE),
     .since = "2.8.0", .args = "cursor:int [MATCH pattern:pattern] [COUNT count:int] [TYPE type]@6.0.0",
     .reply = "array | bulk", .about = "Walks over the names of keys step by step.", .complexity = "O(1) or O(N)",
     .tips = "nondeterministic_output request_policy:special response_policy:special",
     .history = "6.0.0 New TYPE filter."},
    {"randomkey", cmd_randomkey, .arity = 1, .group = GROUP_GENERIC, .flags = CMD_READONLY, .categories = CAT(KEYSPACE),
     .since = "1.0.0", .reply = "null | bulk", .about = "Returns the name of a key chosen by chance.",
     .complexity = "O(1)", .tips = "request_policy:all_shards response_policy:special nondeterministic_output"},
    {"dbsize", cmd_dbsize, .arity = 1, .group = GROUP_SERVER, .flags = CMD_READONLY | CMD_FAST,
     .categories = CAT(KEYSPACE), .since = "1.0.0", .reply = "integer", .about = "Counts the keys of the database.",
     .complexity = "O(1)", .tips = "request_policy:all_shards response_policy:agg_sum"},
    {0},
};
