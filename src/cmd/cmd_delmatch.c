/* cmd/cmd_delmatch.c - DELMATCH: removing the keys that match a pattern, in slices and no faster than asked.
 *
 * Keys are found as SCAN finds them: whatever matches from the first moment to the last is removed; of what comes into
 * being meanwhile some may be. Each key goes for itself, with its DEL for the log and the replicas. */
#include "base/glob.h"
#include "cmd/args.h"
#include "engine/acl.h"
#include "engine/session.h"

enum { BUCKETS = 16, RATE_MAX = 1000000000 };

struct removal {
    struct exec *x;
    struct slice pattern;
    int64_t most; /* keys; INT64_MAX: all */
    int64_t rate; /* keys a second; 0: as fast as possible */
    int64_t began_ms;
    int64_t gone;
    struct buf found; /* keys of one bucket: a length, then the bytes */
};

/* "1000", "1000/s" */
static enum rc
parse_rate(struct exec *x, struct slice arg, int64_t *rate)
{
    if (arg.len > 2 && slice_eq_nocase(slice_skip(arg, arg.len - 2), LIT("/s")))
        arg.len -= 2;
    return arg_range_or(x, arg, 1, RATE_MAX, "ERR RATE must be a number of keys per second", rate);
}

static enum rc
parse(struct exec *x, struct removal *r)
{
    *r = (struct removal){.x = x, .pattern = x->argv[1], .most = INT64_MAX};
    for (int i = 2; i < x->argc; i += 2) {
        if (i + 1 == x->argc)
            return RC_SYNTAX;
        if (arg_is(x->argv[i], LIT("count")))
            TRY(arg_range_or(x, x->argv[i + 1], 1, INT64_MAX, "ERR COUNT must be positive", &r->most));
        else if (arg_is(x->argv[i], LIT("rate")))
            TRY(parse_rate(x, x->argv[i + 1], &r->rate));
        else
            return RC_SYNTAX;
    }
    return RC_OK;
}

static void
visit(void *ctx, struct entry *e)
{
    struct removal *r = ctx;
    struct slice key = entry_key(e);

    if (!glob_match(r->pattern, key, false) || !acl_may_touch(r->x, key, KEY_RM | KEY_DELETE))
        return;
    buf_add(&r->found, &key.len, sizeof(key.len));
    buf_add_slice(&r->found, key);
}

/* Until the next key's turn has come. */
static enum rc
keep_pace(struct removal *r)
{
    if (r->rate == 0 || r->gone == 0)
        return RC_OK;
    int64_t at_ms = r->began_ms + (int64_t)((double)r->gone * 1000 / (double)r->rate);
    return at_ms > engine_now_ms(r->x->engine) ? exec_sleep_until(r->x, at_ms) : RC_OK;
}

static enum rc
remove_found(struct removal *r)
{
    struct exec *x = r->x;
    size_t len;

    for (size_t at = 0; at < r->found.len && r->gone < r->most; at += len) {
        memcpy(&len, r->found.ptr + at, sizeof(len));
        at += sizeof(len);
        TRY(keep_pace(r));
        struct slice key = slice_of(r->found.ptr + at, len);
        if (!key_delete(x, x->db, key, EV_DEL))
            continue; /* somebody was faster */
        EFFECT_AS(x, LIT("DEL"), key);
        r->gone++;
    }
    return RC_OK;
}

static enum rc
remove_all(struct removal *r)
{
    uint64_t cursor = 0;

    for (unsigned n = 1; r->gone < r->most; n++) {
        buf_reset(&r->found);
        cursor = db_scan(r->x, r->x->db, cursor, visit, r);
        TRY(remove_found(r));
        if (cursor == 0)
            break;
        if (n % BUCKETS == 0)
            TRY(exec_breathe(r->x));
    }
    return RC_OK;
}

static enum rc
delmatch(struct exec *x)
{
    struct removal r;

    TRY(parse(x, &r));
    r.began_ms = engine_now_ms(x->engine);
    enum rc rc = remove_all(&r);
    buf_fini(&r.found);
    TRY(rc);
    return reply_int(x, r.gone);
}

static enum rc
cmd_delmatch(struct exec *x)
{
    struct removal r;

    TRY(parse(x, &r));
    return exec_in_slices(x, delmatch, SLICES_FREE | SLICES_WRITES | SLICES_NO_LIMIT);
}

const struct cmd cmd_delmatch_family[] = {
    {"delmatch", cmd_delmatch, .arity = -2, .group = GROUP_GENERIC, .flags = CMD_WRITE | CMD_NONDET,
     .categories = CAT(KEYSPACE) | CAT(DANGEROUS), .since = "0.3.0",
     .args = "pattern:pattern [COUNT count:int] [RATE keys-per-second]", .reply = "integer",
     .about = "Removes the keys that match a pattern, at most RATE a second.",
     .complexity = "O(N) for N keys in the database", .tips = "request_policy:all_shards response_policy:agg_sum"},
    {0},
};
