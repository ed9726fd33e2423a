/* cmd/cmd_zset.c - sorted sets: single members (ZADD, ZSCORE …), counts, ZRANDMEMBER, ZSCAN.
 *
 * Turns arguments into calls on value/zset.h and results into replies. Ranges are in cmd_zset_range.c, unions and
 * intersections in cmd_zset_store.c, pops in cmd_zset_pop.c. */
#include "cmd/args.h"
#include "cmd/cmd_zset_priv.h"
#include "cmd/scan.h"

#include <math.h>
#include <stdlib.h>

/* -- ZADD, ZINCRBY -------------------------------------------------------------------------------------------- */

struct add_options {
    bool nx, xx, gt, lt, ch, incr;
};

static int
add_parse_options(struct exec *x, struct add_options *o)
{
    int at = 2;

    for (; at < x->argc; at++) {
        struct slice w = x->argv[at];

        /* A score begins with something that no option begins with, or fails below: most commands leave here. */
        if (w.len < 2 || w.len > 4)
            break;
        if (arg_is(w, LIT("nx")))
            o->nx = true;
        else if (arg_is(w, LIT("xx")))
            o->xx = true;
        else if (arg_is(w, LIT("gt")))
            o->gt = true;
        else if (arg_is(w, LIT("lt")))
            o->lt = true;
        else if (arg_is(w, LIT("ch")))
            o->ch = true;
        else if (arg_is(w, LIT("incr")))
            o->incr = true;
        else
            break;
    }
    return at;
}

static enum rc
add_check_options(struct exec *x, const struct add_options *o, int words)
{
    if (words == 0 || words % 2 != 0)
        return RC_SYNTAX;
    if (o->nx && o->xx)
        return fail(x, "ERR XX and NX options at the same time are not compatible");
    if ((o->gt && o->nx) || (o->lt && o->nx) || (o->gt && o->lt))
        return fail(x, "ERR GT, LT, and/or NX options at the same time are not compatible");
    if (o->incr && words > 2)
        return fail(x, "ERR INCR option supports a single increment-element pair");
    return RC_OK;
}

enum add_outcome { ADD_NOTHING, ADD_SAME, ADD_CHANGED, ADD_NEW, ADD_NAN };

/* Applies one pair; *score becomes the member's score. */
static enum add_outcome
add_one(struct exec *x, struct zset *z, const struct add_options *o, struct slice member, double *score)
{
    double old;

    if (!zset_score(z, member, &old)) {
        if (o->xx)
            return ADD_NOTHING;
        zset_put(z, x->limits, member, *score);
        return ADD_NEW;
    }
    if (o->nx)
        return ADD_NOTHING;
    if (o->incr) {
        *score += old;
        if (isnan(*score))
            return ADD_NAN;
    }
    if ((o->gt && *score <= old) || (o->lt && *score >= old))
        return ADD_NOTHING;
    if (*score == old)
        return ADD_SAME;
    if (o->incr)
        zset_adjust(z, x->limits, member, *score);
    else
        zset_put(z, x->limits, member, *score);
    return ADD_CHANGED;
}

/* What the key's change amounts to, over all pairs. */
struct add_sum {
    int64_t added, updated;
    enum add_outcome last;
};

static enum rc
add_pairs(struct exec *x, const struct add_options *o, int at, double *scores, int n, struct add_sum *sum)
{
    struct entry *e;
    struct zset *z;

    /* XX creates nothing, so a key that is not there stays absent. */
    TRY(edit_zset(x, x->argv[1], o->xx ? ENTRY_EXISTING : ENTRY_CREATE, &e, &z));
    if (e == NULL)
        return RC_OK;
    for (int i = 0; i < n; i++) {
        expect_members(x, e, at + 2 * i + 1, at + 1, 2);
        sum->last = add_one(x, z, o, x->argv[at + 2 * i + 1], &scores[i]);
        sum->added += sum->last == ADD_NEW;
        sum->updated += sum->last == ADD_CHANGED;
    }
    if (sum->added + sum->updated > 0)
        entry_changed(x, e, o->incr ? EV_ZINCR : EV_ZADD);
    else
        entry_unchanged(x, e);
    return RC_OK;
}

static enum rc
add_run(struct exec *x, struct add_options o, int at)
{
    struct add_sum sum = {0};
    double one, *scores = &one;
    int n;

    TRY(add_check_options(x, &o, x->argc - at));
    n = (x->argc - at) / 2;
    if (n > 1)
        scores = arena_array(x->arena, (size_t)n, sizeof(double));
    for (int i = 0; i < n; i++)
        TRY(arg_double(x, x->argv[at + 2 * i], &scores[i]));
    TRY(add_pairs(x, &o, at, scores, n, &sum));

    if (sum.last == ADD_NAN) /* only with INCR, so it is the only pair and nothing has changed */
        return fail(x, "ERR resulting score is not a number (NaN)");
    if (!o.incr)
        return reply_int(x, o.ch ? sum.added + sum.updated : sum.added);
    return sum.last == ADD_NOTHING ? reply_null(x) : reply_double(x, scores[0]);
}

static enum rc
cmd_zadd(struct exec *x)
{
    struct add_options o = {0};
    int at = add_parse_options(x, &o);

    return add_run(x, o, at);
}

static enum rc
cmd_zincrby(struct exec *x)
{
    return add_run(x, (struct add_options){.incr = true}, 2);
}

/* -- single members ------------------------------------------------------------------------------------------- */

static enum rc
cmd_zrem(struct exec *x)
{
    struct entry *e;
    struct zset *z;
    int64_t removed = 0;

    TRY(edit_zset(x, x->argv[1], ENTRY_EXISTING, &e, &z));
    if (e == NULL)
        return reply_int(x, 0);
    for (int i = 2; i < x->argc && zset_count(z) > 0; i++) {
        expect_members(x, e, i, 2, 1);
        removed += zset_remove(z, x->argv[i]);
    }
    if (removed > 0)
        entry_changed(x, e, EV_ZREM);
    else
        entry_unchanged(x, e);
    return reply_int(x, removed);
}

static enum rc
cmd_zcard(struct exec *x)
{
    const struct zset *z;

    TRY(read_zset(x, x->argv[1], &z));
    return reply_int(x, z == NULL ? 0 : (int64_t)zset_count(z));
}

static enum rc
cmd_zscore(struct exec *x)
{
    const struct zset *z;
    double score;

    TRY(read_zset(x, x->argv[1], &z));
    if (z == NULL || !zset_score(z, x->argv[2], &score))
        return reply_null(x);
    return reply_double(x, score);
}

static enum rc
cmd_zmscore(struct exec *x)
{
    struct entry *e;

    TRY(read_entry(x, x->argv[1], TYPE_ZSET, &e));
    const struct zset *z = e != NULL ? (const struct zset *)entry_handle(e) : NULL;
    reply_array(x, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++) {
        double score;

        expect_members(x, e, i, 2, 1);
        if (z != NULL && zset_score(z, x->argv[i], &score))
            reply_double(x, score);
        else
            reply_null(x);
    }
    return RC_OK;
}

static enum rc
rank_run(struct exec *x, bool reverse)
{
    const struct zset *z;
    size_t rank;
    double score;
    bool with_score = x->argc == 4;

    if (x->argc > 4 || (with_score && !arg_is(x->argv[3], LIT("withscore"))))
        return RC_SYNTAX;
    TRY(read_zset(x, x->argv[1], &z));
    if (z == NULL || !zset_rank(z, x->argv[2], &rank, &score))
        return with_score ? reply_null_array(x) : reply_null(x);
    if (reverse)
        rank = zset_count(z) - 1 - rank;
    if (with_score)
        reply_array(x, 2);
    reply_int(x, (int64_t)rank);
    return with_score ? reply_double(x, score) : RC_OK;
}

static enum rc
cmd_zrank(struct exec *x)
{
    return rank_run(x, false);
}

static enum rc
cmd_zrevrank(struct exec *x)
{
    return rank_run(x, true);
}

static enum rc
cmd_zcount(struct exec *x)
{
    const struct zset *z;
    struct zset_range range;
    size_t from, to;

    TRY(zset__arg_range(x, x->argv[2], x->argv[3], &range));
    TRY(read_zset(x, x->argv[1], &z));
    if (z == NULL)
        return reply_int(x, 0);
    zset_span_score(z, &range, &from, &to);
    return reply_int(x, to > from ? (int64_t)(to - from) : 0);
}

static enum rc
cmd_zlexcount(struct exec *x)
{
    const struct zset *z;
    struct zset_lex range;
    size_t from, to;

    TRY(zset__arg_lex(x->argv[2], x->argv[3], &range));
    TRY(read_zset(x, x->argv[1], &z));
    if (z == NULL)
        return reply_int(x, 0);
    zset_span_lex(z, &range, &from, &to);
    return reply_int(x, to > from ? (int64_t)(to - from) : 0);
}

/* -- ZRANDMEMBER ---------------------------------------------------------------------------------------------- */

static enum rc cmd_zrandmember(struct exec *x);

static enum rc
random_put(struct exec *x, struct slice member, double score, bool scores)
{
    reply_pair(x, scores);
    reply_bulk(x, member);
    return scores ? reply_double(x, score) : RC_OK;
}

static enum rc
random_with_repetition(struct exec *x, const struct zset *z, size_t n, bool scores)
{
    struct slice member;
    double score;

    for (; n > 0; n--) {
        zset_random(z, x->rng, &member, &score);
        random_put(x, member, score, scores);
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

/* n different members by walking over all of them, each kept with the chance that makes every choice of n equally
 * likely: (still wanted) in (still to come). From the highest down: when all are wanted there is no chance in it, and
 * this is redis's order. */
static enum rc
random_by_walking(struct exec *x, const struct zset *z, size_t n, bool scores)
{
    size_t left = zset_count(z);
    struct zset_iter it = zset_seek(z, left - 1, true);
    struct slice member;
    double score;

    for (; n > 0 && zset_next(z, &it, &member, &score); left--) {
        TRY(exec_pulse(x));
        if (rng_below(x->rng, left) >= n)
            continue;
        random_put(x, member, score, scores);
        n--;
    }
    return RC_OK;
}

/* n different positions out of many: Floyd's sampling, with an open-addressed table of the positions taken so far. */
static enum rc
random_by_position(struct exec *x, const struct zset *z, size_t n, bool scores)
{
    enum { CLEARED = 4096 }; /* slots at a time; a power of two, as all of them are */
    size_t count = zset_count(z), slots = 16;
    size_t *taken;

    while (slots < 2 * n)
        slots *= 2;
    taken = arena_array(x->arena, slots, sizeof(*taken)); /* position + 1; n is under a third of the set's count */
    for (size_t at = 0; at < slots; at += CLEARED) {
        memset(taken + at, 0, (slots < CLEARED ? slots : CLEARED) * sizeof(*taken));
        TRY(exec_breathe(x));
    }
    for (size_t top = count - n; top < count; top++) {
        size_t pick = rng_below(x->rng, top + 1), at;
        struct slice member;
        double score;

        for (int again = 0; again < 2; again++) {
            at = (pick * 0x9e3779b97f4a7c15u >> 20) & (slots - 1);
            while (taken[at] != 0 && taken[at] != pick + 1)
                at = (at + 1) & (slots - 1);
            if (taken[at] == 0)
                break;
            pick = top; /* was taken: then `top` can't have been */
        }
        taken[at] = pick + 1;
        struct zset_iter it = zset_seek(z, pick, false);
        zset_next(z, &it, &member, &score);
        random_put(x, member, score, scores);
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

/* count members, or -count that may be the same. */
static enum rc
random_many(struct exec *x, const struct zset *z, int64_t count, bool scores)
{
    size_t have = zset_count(z), n = count < 0 ? (size_t)-count : (size_t)count;

    if (count > 0 && n > have)
        n = have;
    if (exec_is_long(x, n))
        return exec_in_slices(x, cmd_zrandmember, 0);
    reply_pairs(x, n, scores);
    if (count < 0)
        return random_with_repetition(x, z, n, scores);
    return n >= have / 3 ? random_by_walking(x, z, n, scores) : random_by_position(x, z, n, scores);
}

static enum rc
cmd_zrandmember(struct exec *x)
{
    const struct zset *z;
    struct slice member;
    double score;
    int64_t count;

    if (x->argc > 2) {
        bool scores = x->argc == 4;

        TRY(arg_range(x, x->argv[2], -INT64_MAX, INT64_MAX, &count));
        if (x->argc > 4 || (scores && !arg_is(x->argv[3], LIT("withscores"))))
            return RC_SYNTAX;
        if (scores && (count < -INT64_MAX / 2 || count > INT64_MAX / 2))
            return fail(x, "ERR value is out of range");
        TRY(read_zset(x, x->argv[1], &z));
        if (z == NULL || count == 0)
            return reply_array(x, 0);
        if (count < 0)
            TRY(check_repetitions(x, (uint64_t)-count));
        return random_many(x, z, count, scores);
    }
    TRY(read_zset(x, x->argv[1], &z));
    if (z == NULL)
        return reply_null(x);
    zset_random(z, x->rng, &member, &score);
    return reply_bulk(x, member);
}

/* -- ZSCAN ---------------------------------------------------------------------------------------------------- */

struct zscan {
    struct scan scan;
    bool packed;
};

static void
scan_visit(void *ctx, struct slice member, double score)
{
    struct zscan *s = ctx;
    char text[DOUBLE_TEXT_MAX];
    size_t len;

    if (!scan_wants(&s->scan, member))
        return;
    scan_add(&s->scan, member);
    if (s->scan.no_values)
        return;
    /* A text in RESP3 too. Redis keeps whole scores of a small set as integers, and ZSCAN alone shows it. */
    if (s->packed && fabs(score) <= 0x1p62 && score == (double)(int64_t)score)
        len = format_int64(text, (int64_t)score);
    else
        len = format_double(text, score);
    scan_add(&s->scan, slice_of(text, len));
}

static enum rc
cmd_zscan(struct exec *x)
{
    struct zscan s = {0};
    const struct zset *z;

    TRY(scan_cursor(x->argv[2], &s.scan.cursor));
    TRY(read_zset(x, x->argv[1], &z));
    if (z == NULL) /* as redis does, before looking at the options */
        return scan_reply_empty(x);
    TRY(scan_options(x, &s.scan, 3, false, LIT("noscores")));
    if (scan_is_long(&s.scan, zset_count(z)))
        return exec_in_slices(x, cmd_zscan, 0);
    s.packed = strcmp(zset_encoding(z), "listpack") == 0;
    do
        s.scan.cursor = zset_scan(z, s.scan.cursor, scan_visit, &s);
    while (scan_goes_on(&s.scan));
    return scan_reply(&s.scan);
}

/* -- rows ----------------------------------------------------------------------------------------------------- */

const struct cmd cmd_zset_family[] = {
    {"zadd", cmd_zadd, .arity = -4, .group = GROUP_SORTED_SET, .member = -1,
     .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST, .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "1.2.0",
     .args = "key condition=[NX|XX]@3.0.2 comparison=[GT|LT]@6.2.0 change=[CH]@3.0.2 increment=[INCR]@3.0.2 "
             "data={score:double member}...",
     .reply = "integer | double | null",
     .about = "Adds members with scores to a sorted set, or changes the scores of those there.",
     .complexity = "O(log(N)) for each member",
     .history = "2.4.0 Takes several members.|3.0.2 Options XX, NX, CH and INCR.|6.2.0 Options GT and LT."},
    {"zincrby", cmd_zincrby, .arity = 4, .group = GROUP_SORTED_SET, .member = 3,
     .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST, .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .since = "1.2.0", .args = "key increment:int member", .reply = "double",
     .about = "Adds a number to a member's score.", .complexity = "O(log(N))"},
    {"zrem", cmd_zrem, .arity = -3, .group = GROUP_SORTED_SET, .member = 2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}, .since = "1.2.0", .args = "key member...", .reply = "integer",
     .about = "Removes members from a sorted set.", .complexity = "O(M*log(N)) for M members to remove",
     .history = "2.4.0 Takes several members."},
    {"zcard", cmd_zcard, .arity = 2, .group = GROUP_SORTED_SET, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO)}, .since = "1.2.0", .args = "key", .reply = "integer",
     .about = "Tells how many members a sorted set has.", .complexity = "O(1)"},
    {"zscore", cmd_zscore, .arity = 3, .group = GROUP_SORTED_SET, .member = 2, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "1.2.0", .args = "key member", .reply = "double | null",
     .about = "Returns the score of a member.", .complexity = "O(1)"},
    {"zmscore", cmd_zmscore, .arity = -3, .group = GROUP_SORTED_SET, .member = 2, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "6.2.0", .args = "key member...", .reply = "array",
     .about = "Returns the scores of several members.", .complexity = "O(N) for N members asked for"},
    {"zrank", cmd_zrank, .arity = -3, .group = GROUP_SORTED_SET, .member = 2, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.0.0", .args = "key member [WITHSCORE]",
     .reply = "integer | array | null", .about = "Tells a member's position by ascending score.",
     .complexity = "O(log(N))", .history = "7.2.0 Option WITHSCORE."},
    {"zrevrank", cmd_zrevrank, .arity = -3, .group = GROUP_SORTED_SET, .member = 2, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.0.0", .args = "key member [WITHSCORE]",
     .reply = "integer | array | null", .about = "Tells a member's position by descending score.",
     .complexity = "O(log(N))", .history = "7.2.0 Option WITHSCORE."},
    {"zcount", cmd_zcount, .arity = 4, .group = GROUP_SORTED_SET, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.0.0", .args = "key min:double max:double",
     .reply = "integer", .about = "Counts the members whose scores lie in a range.", .complexity = "O(log(N))"},
    {"zlexcount", cmd_zlexcount, .arity = 4, .group = GROUP_SORTED_SET, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.8.9", .args = "key min max", .reply = "integer",
     .about = "Counts the members that lie in a range of bytes, all scores being equal.", .complexity = "O(log(N))"},
    {"zrandmember", cmd_zrandmember, .arity = -2, .group = GROUP_SORTED_SET, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "6.2.0", .args = "key options=[count:int [WITHSCORES]]",
     .reply = "bulk | null | array", .about = "Returns members chosen by chance, leaving them in place.",
     .complexity = "O(N) for N members returned", .tips = "nondeterministic_output"},
    {"zscan", cmd_zscan, .arity = -3, .group = GROUP_SORTED_SET, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.8.0",
     .args = "key cursor:int [MATCH pattern:pattern] [COUNT count:int] [NOSCORES]@8.0.0", .reply = "array",
     .about = "Walks over a sorted set's members and scores step by step.",
     .complexity = "O(1) for each call, O(N) for the whole walk", .tips = "nondeterministic_output"},
    {0},
};
