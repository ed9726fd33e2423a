/* cmd/cmd_hash_walk.c - hashes: fields by chance (HRANDFIELD) and step by step (HSCAN). */
#include "cmd/args.h"
#include "cmd/scan.h"

/* -- HRANDFIELD ---------------------------------------------------------------------------------------------- */

static enum rc
put(struct exec *x, struct slice field, struct slice value, bool values)
{
    reply_pair(x, values);
    reply_bulk(x, field);
    return values ? reply_bulk(x, value) : RC_OK;
}

static enum rc
random_with_repetition(struct exec *x, const struct hash *hash, size_t n, bool values)
{
    struct slice field, value;

    while (n-- > 0) {
        hash_random(hash, x->rng, &field, &value);
        put(x, field, value, values);
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

/* n different fields. A third of the hash or more is chosen while walking over it: each field is taken with the chance
 * that makes every choice of n equally likely. Fewer are drawn until they differ. */
static enum rc
random_distinct(struct exec *x, const struct hash *hash, size_t n, bool values)
{
    struct slice field, value;
    size_t left = hash_count(hash);

    if (n >= left / 3) {
        struct hash_iter it = {0};
        for (; n > 0 && hash_next(hash, &it, &field, &value); left--) {
            TRY(exec_pulse(x));
            if (rng_below(x->rng, left) >= n)
                continue;
            put(x, field, value, values);
            n--;
        }
        return RC_OK;
    }
    struct set drawn = {0};
    enum rc rc = RC_OK;
    while (n > 0 && (rc = exec_pulse(x)) == RC_OK) {
        hash_random(hash, x->rng, &field, &value);
        if (!set_add(&drawn, x->limits, field))
            continue;
        put(x, field, value, values);
        n--;
    }
    set_fini(&drawn);
    return rc;
}

static enum rc cmd_hrandfield(struct exec *x);

/* count fields, or -count that may be the same. */
static enum rc
random_many(struct exec *x, const struct hash *hash, int64_t count, bool values)
{
    size_t n = count < 0 ? (size_t)-count : (size_t)count;

    if (count > 0 && n > hash_count(hash))
        n = hash_count(hash);
    if (exec_is_long(x, n))
        return exec_in_slices(x, cmd_hrandfield, 0);
    reply_pairs(x, n, values);
    return count < 0 ? random_with_repetition(x, hash, n, values) : random_distinct(x, hash, n, values);
}

static enum rc
cmd_hrandfield(struct exec *x)
{
    const struct hash *hash;
    struct slice field;
    int64_t count = 0;
    bool values = x->argc == 4;

    if (x->argc > 2) {
        TRY(arg_range(x, x->argv[2], -INT64_MAX, INT64_MAX, &count));
        if (x->argc > 4 || (values && !arg_is(x->argv[3], LIT("WITHVALUES"))))
            return RC_SYNTAX;
        if (values && (count < -INT64_MAX / 2 || count > INT64_MAX / 2))
            return fail(x, "ERR value is out of range");
    }
    TRY(read_hash(x, x->argv[1], &hash));
    if (x->argc == 2) {
        if (hash == NULL)
            return reply_null(x);
        hash_random(hash, x->rng, &field, NULL);
        return reply_bulk(x, field);
    }
    if (hash == NULL || count == 0)
        return reply_array(x, 0);
    if (count < 0)
        TRY(check_repetitions(x, (uint64_t)-count));
    return random_many(x, hash, count, values);
}

/* -- HSCAN --------------------------------------------------------------------------------------------------- */

static void
visit(void *ctx, struct slice field, struct slice value)
{
    struct scan *s = ctx;

    if (!scan_wants(s, field))
        return;
    scan_add(s, field);
    if (!s->no_values)
        scan_add(s, value);
}

static enum rc
cmd_hscan(struct exec *x)
{
    struct scan s = {0};
    const struct hash *hash;

    TRY(scan_cursor(x->argv[2], &s.cursor));
    TRY(read_hash(x, x->argv[1], &hash));
    if (hash == NULL)
        return scan_reply_empty(x);
    TRY(scan_options(x, &s, 3, false, LIT("novalues")));
    if (scan_is_long(&s, hash_count(hash)))
        return exec_in_slices(x, cmd_hscan, 0);
    do
        s.cursor = hash_scan(hash, s.cursor, visit, &s);
    while (scan_goes_on(&s));
    return scan_reply(&s);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_hash_walk_family[] = {
    {"hrandfield", cmd_hrandfield, .arity = -2, .group = GROUP_HASH, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "6.2.0", .args = "key options=[count:int [WITHVALUES]]",
     .reply = "null | bulk | array", .about = "Returns fields chosen by chance.", .complexity = "O(N)",
     .tips = "nondeterministic_output"},
    {"hscan", cmd_hscan, .arity = -3, .group = GROUP_HASH, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.8.0",
     .args = "key cursor:int [MATCH pattern:pattern] [COUNT count:int] [NOVALUES]", .reply = "array | bulk",
     .about = "Walks over a hash's fields and values step by step.", .complexity = "O(1) or O(N)",
     .tips = "nondeterministic_output"},
    {0},
};
