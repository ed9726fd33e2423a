/* cmd/cmd_hash_walk.c - hashes: fields by chance (HRANDFIELD) and step by step (HSCAN). */
#include "cmd/args.h"
#include "cmd/scan.h"

/* -- HRANDFIELD ---------------------------------------------------------------------------------------------- */

static void
reply_pair(struct exec *x, struct slice field, struct slice value, bool values)
{
    if (values && x->reply.resp > 2)
        reply_array(x, 2);
    reply_bulk(x, field);
    if (values)
        reply_bulk(x, value);
}

static void
pairs_header(struct exec *x, size_t n, bool values)
{
    reply_array(x, values && x->reply.resp == 2 ? 2 * n : n);
}

static void
random_with_repetition(struct exec *x, const struct hash *hash, size_t n, bool values)
{
    struct slice field, value;

    pairs_header(x, n, values);
    while (n-- > 0) {
        hash_random(hash, x->rng, &field, &value);
        reply_pair(x, field, value, values);
    }
}

/* n different fields. A third of the hash or more is chosen while walking over it: each field is taken with the chance
 * that makes every choice of n equally likely. Fewer are drawn until they differ. */
static void
random_distinct(struct exec *x, const struct hash *hash, size_t n, bool values)
{
    struct slice field, value;
    size_t left = hash_count(hash);

    pairs_header(x, n, values);
    if (n >= left / 3) {
        struct hash_iter it = {0};
        for (; n > 0 && hash_next(hash, &it, &field, &value); left--) {
            if (rng_below(x->rng, left) >= n)
                continue;
            reply_pair(x, field, value, values);
            n--;
        }
        return;
    }
    struct set drawn = {0};
    while (n > 0) {
        hash_random(hash, x->rng, &field, &value);
        if (!set_add(&drawn, x->limits, field))
            continue;
        reply_pair(x, field, value, values);
        n--;
    }
    set_fini(&drawn);
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
    if (count < 0) {
        TRY(check_repetitions(x, (uint64_t)-count));
        random_with_repetition(x, hash, (size_t)-count, values);
    } else {
        size_t n = hash_count(hash);
        random_distinct(x, hash, (uint64_t)count < n ? (size_t)count : n, values);
    }
    return RC_OK;
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
