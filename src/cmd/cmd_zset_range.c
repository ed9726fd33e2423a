/* cmd/cmd_zset_range.c - sorted sets: the ZRANGE and ZREMRANGE commands and ZRANGESTORE.
 *
 * All of them reduce to an interval of positions: bounds are turned into [from, to), then LIMIT cuts a piece out of it,
 * counted from the end at which the walk begins. */
#include "cmd/args.h"
#include "cmd/cmd_zset_priv.h"

#include <math.h>
#include <stdlib.h>

/* -- bounds --------------------------------------------------------------------------------------------------- */

/* strtod as redis applies it to a bound: blanks in front, hexadecimal, an empty text (0) and whatever follows a NUL are
 * all accepted; only NaN is not. */
static bool
bound_parse(struct arena *a, struct slice s, double *out, bool *open)
{
    char text[256], *copy = text, *end;

    *open = s.len > 0 && s.ptr[0] == '(';
    if (*open)
        s = slice_skip(s, 1);
    if (s.len >= sizeof(text))
        copy = arena_get(a, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    *out = strtod(copy, &end);
    return *end == '\0' && !isnan(*out);
}

enum rc
zset__arg_range(struct exec *x, struct slice min, struct slice max, struct zset_range *out)
{
    if (!bound_parse(x->arena, min, &out->min, &out->min_open) ||
        !bound_parse(x->arena, max, &out->max, &out->max_open))
        return RC_NOT_MIN_MAX;
    return RC_OK;
}

enum lex_end { LEX_LOWEST, LEX_HIGHEST, LEX_MEMBER, LEX_BAD };

static enum lex_end
lex_parse(struct slice s, struct slice *member, bool *open)
{
    *member = (struct slice){0};
    *open = false;
    if (s.len == 0)
        return LEX_BAD;
    bool alone = s.len == 1 || s.ptr[1] == '\0'; /* redis looks no further than a NUL */
    switch (s.ptr[0]) {
    case '-': return alone ? LEX_LOWEST : LEX_BAD;
    case '+': return alone ? LEX_HIGHEST : LEX_BAD;
    case '(':
    case '[':
        *open = s.ptr[0] == '(';
        *member = slice_skip(s, 1);
        return LEX_MEMBER;
    default: return LEX_BAD;
    }
}

enum rc
zset__arg_lex(struct slice min, struct slice max, struct zset_lex *out)
{
    enum lex_end low = lex_parse(min, &out->min, &out->min_open);
    enum lex_end high = lex_parse(max, &out->max, &out->max_open);

    if (low == LEX_BAD || high == LEX_BAD)
        return RC_NOT_LEX;
    out->empty = low == LEX_HIGHEST || high == LEX_LOWEST;
    return RC_OK;
}

void
zset__span_rank(size_t count, int64_t start, int64_t stop, size_t *from, size_t *to)
{
    int64_t n = (int64_t)count;

    if (start < 0)
        start = start + n < 0 ? 0 : start + n;
    if (stop < 0)
        stop += n;
    if (stop >= n)
        stop = n - 1;
    *from = *to = 0;
    if (start <= stop && start < n) {
        *from = (size_t)start;
        *to = (size_t)stop + 1;
    }
}

/* -- one range command ---------------------------------------------------------------------------------------- */

enum range_by { BY_ANY, BY_RANK, BY_SCORE, BY_LEX };

/* What a command lets its caller choose, and then what was chosen. */
struct range {
    enum range_by by;          /* BY_ANY: the options say */
    bool may_reverse, reverse; /* may: REV is an option */
    bool may_score, scores;    /* may: WITHSCORES is an option */
    int64_t offset, limit;     /* limit below 0: none */
    int64_t start, stop;       /* BY_RANK */
    struct zset_range score;
    struct zset_lex lex;
};

static enum rc
range_option(struct exec *x, struct range *r, int *at)
{
    struct slice w = x->argv[*at];

    if (r->may_score && arg_is(w, LIT("withscores"))) {
        r->scores = true;
    } else if (arg_is(w, LIT("limit")) && *at + 2 < x->argc) {
        TRY(arg_int(x, x->argv[*at + 1], &r->offset));
        TRY(arg_int(x, x->argv[*at + 2], &r->limit));
        *at += 2;
    } else if (r->may_reverse && arg_is(w, LIT("rev"))) {
        r->reverse = true;
        r->may_reverse = false; /* once is enough: redis objects to a second one */
    } else if (r->by == BY_ANY && arg_is(w, LIT("bylex"))) {
        r->by = BY_LEX;
    } else if (r->by == BY_ANY && arg_is(w, LIT("byscore"))) {
        r->by = BY_SCORE;
    } else {
        return RC_SYNTAX;
    }
    return RC_OK;
}

/* Reads the bounds at argv[at] and argv[at + 1] and the options behind them. */
static enum rc
range_parse(struct exec *x, struct range *r, int at)
{
    struct slice min = x->argv[at], max = x->argv[at + 1];

    r->limit = -1;
    for (int i = at + 2; i < x->argc; i++)
        TRY(range_option(x, r, &i));
    if (r->by == BY_ANY)
        r->by = BY_RANK;
    if (r->limit != -1 && r->by == BY_RANK)
        return fail(x, "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
    if (r->scores && r->by == BY_LEX)
        return fail(x, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    if (r->by == BY_RANK) {
        TRY(arg_int(x, min, &r->start));
        return arg_int(x, max, &r->stop);
    }
    if (r->reverse) { /* then the higher bound comes first */
        min = x->argv[at + 1];
        max = x->argv[at];
    }
    return r->by == BY_SCORE ? zset__arg_range(x, min, max, &r->score) : zset__arg_lex(min, max, &r->lex);
}

/* Cuts LIMIT's piece out of [from, to), counted in the direction of the walk. A negative offset selects nothing. */
static void
range_cut(const struct range *r, size_t *from, size_t *to)
{
    size_t n = *to - *from, skip, keep;

    if (r->offset < 0 || (uint64_t)r->offset >= n) {
        *to = *from;
        return;
    }
    skip = (size_t)r->offset;
    keep = r->limit >= 0 && (uint64_t)r->limit < n - skip ? (size_t)r->limit : n - skip;
    if (r->reverse) {
        *to -= skip;
        *from = *to - keep;
    } else {
        *from += skip;
        *to = *from + keep;
    }
}

/* Positions of ascending order that the command covers. */
static void
range_span(const struct range *r, const struct zset *z, size_t *from, size_t *to)
{
    size_t count = zset_count(z);

    if (r->by == BY_RANK) {
        zset__span_rank(count, r->start, r->stop, from, to);
        if (r->reverse) {
            size_t low = count - *to;
            *to = count - *from;
            *from = low;
        }
        return;
    }
    if (r->by == BY_SCORE)
        zset_span_score(z, &r->score, from, to);
    else
        zset_span_lex(z, &r->lex, from, to);
    if (*from >= *to)
        *from = *to = 0;
    else
        range_cut(r, from, to);
}

enum rc
zset__reply_span(struct exec *x, const struct zset *z, size_t from, size_t to, bool reverse, bool scores)
{
    size_t n = to > from ? to - from : 0;
    struct slice member;
    double score;

    reply_pairs(x, n, scores);
    if (n == 0)
        return RC_OK;
    struct zset_iter it = zset_seek(z, reverse ? to - 1 : from, reverse);
    for (; n > 0 && zset_next(z, &it, &member, &score); n--) {
        reply_pair(x, scores);
        reply_bulk(x, member);
        if (scores)
            reply_double(x, score);
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

static enum rc
range_run(struct exec *x, exec_body *again, struct range r)
{
    const struct zset *z;
    size_t from, to;

    TRY(range_parse(x, &r, 2));
    TRY(read_zset(x, x->argv[1], &z));
    if (z == NULL)
        return reply_array(x, 0);
    range_span(&r, z, &from, &to);
    if (to > from && exec_is_long(x, to - from))
        return exec_in_slices(x, again, 0);
    return zset__reply_span(x, z, from, to, r.reverse, r.scores);
}

static enum rc
cmd_zrange(struct exec *x)
{
    return range_run(x, cmd_zrange, (struct range){.may_reverse = true, .may_score = true});
}

static enum rc
cmd_zrevrange(struct exec *x)
{
    return range_run(x, cmd_zrevrange, (struct range){.by = BY_RANK, .reverse = true, .may_score = true});
}

static enum rc
cmd_zrangebyscore(struct exec *x)
{
    return range_run(x, cmd_zrangebyscore, (struct range){.by = BY_SCORE, .may_score = true});
}

static enum rc
cmd_zrevrangebyscore(struct exec *x)
{
    return range_run(x, cmd_zrevrangebyscore, (struct range){.by = BY_SCORE, .reverse = true, .may_score = true});
}

static enum rc
cmd_zrangebylex(struct exec *x)
{
    return range_run(x, cmd_zrangebylex, (struct range){.by = BY_LEX, .may_score = true});
}

static enum rc
cmd_zrevrangebylex(struct exec *x)
{
    return range_run(x, cmd_zrevrangebylex, (struct range){.by = BY_LEX, .reverse = true, .may_score = true});
}

/* In ascending order whatever REV says: a sorted set forgets the direction, and appending is cheapest. */
static enum rc
copy_span(struct exec *x, const struct zset *z, size_t from, size_t to, struct zset *out)
{
    struct zset_iter it = zset_seek(z, from, false);
    struct slice member;
    double score;

    for (size_t n = to - from; n > 0 && zset_next(z, &it, &member, &score); n--) {
        zset_put(out, x->limits, member, score);
        if (exec_is_sliced(x))
            TRY(exec_pulse(x));
    }
    return RC_OK;
}

static enum rc
cmd_zrangestore(struct exec *x)
{
    struct range r = {.may_reverse = true};
    const struct zset *z;
    size_t from = 0, to = 0;

    TRY(range_parse(x, &r, 3));
    TRY(read_zset(x, x->argv[2], &z));
    if (z != NULL)
        range_span(&r, z, &from, &to);
    if (from >= to) {
        key_delete(x, x->db, x->argv[1], EV_DEL);
        return reply_int(x, 0);
    }
    if (exec_is_long(x, to - from))
        return exec_in_slices(x, cmd_zrangestore, 0);
    struct entry *made = entry_new(TYPE_ZSET, x->argv[1]);
    enum rc rc = copy_span(x, z, from, to, zset__of(made));
    if (rc != RC_OK) {
        entry_drop(x, made);
        return rc;
    }
    key_put(x, x->db, made, EV_ZRANGESTORE);
    return reply_int(x, (int64_t)(to - from));
}

/* -- removing ------------------------------------------------------------------------------------------------- */

enum { PIECE = 64, KEPT_FEW = 1024 };

/* Where little is left, that is put into a zset of its own, and the rest goes to the reaper as a whole. */
static void
keep_few(struct exec *x, struct zset *z, size_t from, size_t to)
{
    struct value_limits limits = *x->limits;
    struct entry *rest = entry_new(TYPE_ZSET, LIT(""));
    struct zset_iter it = zset_seek(z, 0, false);
    struct slice member;
    double score;

    if (strcmp(zset_encoding(z), "listpack") != 0)
        limits.zset_max_listpack_entries = 0; /* it stays large */
    for (size_t i = 0; i < from && zset_next(z, &it, &member, &score); i++)
        zset_put(zset__of(rest), &limits, member, score);
    it = zset_seek(z, to, false);
    while (zset_next(z, &it, &member, &score))
        zset_put(zset__of(rest), &limits, member, score);
    struct zset old = *z;
    *z = *zset__of(rest);
    *zset__of(rest) = old;
    entry_drop(x, rest);
}

void
zset__remove_in_pieces(struct exec *x, struct slice key, size_t from, size_t to, enum event event)
{
    struct entry *e;
    struct zset *z;

    while (edit_zset(x, key, ENTRY_EXISTING, &e, &z) == RC_OK && e != NULL) {
        bool last = to - from <= PIECE;

        if (zset_count(z) - (to - from) <= KEPT_FEW) {
            keep_few(x, z, from, to);
            last = true;
        } else {
            size_t until = last ? to : from + PIECE;
            zset_remove_span(z, from, until);
            to -= until - from;
        }
        if (last) {
            entry_changed(x, e, event);
            return;
        }
        entry_unchanged(x, e);
        (void)exec_breathe(x); /* what has begun is brought to its end, whatever it says */
    }
}

static enum rc
remove_run(struct exec *x, exec_body *again, struct range r, enum event event)
{
    struct entry *e;
    struct zset *z;
    size_t from, to;

    TRY(range_parse(x, &r, 2));
    TRY(edit_zset(x, x->argv[1], ENTRY_EXISTING, &e, &z));
    if (e == NULL)
        return reply_int(x, 0);
    range_span(&r, z, &from, &to);
    if (from >= to) {
        entry_unchanged(x, e);
        return reply_int(x, 0);
    }
    if (zset__is_long_removal(e, to - from)) {
        entry_unchanged(x, e);
        if (!exec_is_sliced(x))
            return exec_in_slices(x, again, SLICES_ALONE);
        zset__remove_in_pieces(x, x->argv[1], from, to, event);
    } else {
        zset_remove_span(z, from, to);
        entry_changed(x, e, event);
    }
    return reply_int(x, (int64_t)(to - from));
}

static enum rc
cmd_zremrangebyrank(struct exec *x)
{
    return remove_run(x, cmd_zremrangebyrank, (struct range){.by = BY_RANK}, EV_ZREMRANGEBYRANK);
}

static enum rc
cmd_zremrangebyscore(struct exec *x)
{
    return remove_run(x, cmd_zremrangebyscore, (struct range){.by = BY_SCORE}, EV_ZREMRANGEBYSCORE);
}

static enum rc
cmd_zremrangebylex(struct exec *x)
{
    return remove_run(x, cmd_zremrangebylex, (struct range){.by = BY_LEX}, EV_ZREMRANGEBYLEX);
}

/* -- rows ----------------------------------------------------------------------------------------------------- */

#define READS_KEY       .group = GROUP_SORTED_SET, .flags = CMD_READONLY, .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}
#define DELETES_MEMBERS .group = GROUP_SORTED_SET, .flags = CMD_WRITE, .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}
#define RANGE_COST      "O(log(N)+M) for M members returned"
#define REMOVE_COST     "O(log(N)+M) for M members removed"

const struct cmd cmd_zset_range_family[] = {
    {"zrange", cmd_zrange, .arity = -4, READS_KEY, .since = "1.2.0",
     .args =
         "key start stop sortby=[BYSCORE|BYLEX]@6.2.0 [REV]@6.2.0 [LIMIT {offset:int count:int}]@6.2.0 [WITHSCORES]",
     .reply = "array", .about = "Returns the members in a range of positions, scores or bytes.",
     .complexity = RANGE_COST, .history = "6.2.0 Options REV, BYSCORE, BYLEX and LIMIT."},
    {"zrangebyscore", cmd_zrangebyscore, .arity = -4, READS_KEY, .since = "1.0.5",
     .args = "key min:double max:double [WITHSCORES]@2.0.0 [LIMIT {offset:int count:int}]", .reply = "array",
     .about = "Returns the members whose scores lie in a range.", .complexity = RANGE_COST, .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYSCORE` argument", .history = "2.0.0 Option WITHSCORES."},
    {"zrangebylex", cmd_zrangebylex, .arity = -4, READS_KEY, .since = "2.8.9",
     .args = "key min max [LIMIT {offset:int count:int}]", .reply = "array",
     .about = "Returns the members in a range of bytes, all scores being equal.", .complexity = RANGE_COST,
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `BYLEX` argument"},
    {"zrevrange", cmd_zrevrange, .arity = -4, READS_KEY, .since = "1.2.0",
     .args = "key start:int stop:int [WITHSCORES]", .reply = "array",
     .about = "Returns the members in a range of positions, highest score first.", .complexity = RANGE_COST,
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `REV` argument"},
    {"zrevrangebyscore", cmd_zrevrangebyscore, .arity = -4, READS_KEY, .since = "2.2.0",
     .args = "key max:double min:double [WITHSCORES] [LIMIT {offset:int count:int}]", .reply = "array",
     .about = "Returns the members whose scores lie in a range, highest first.", .complexity = RANGE_COST,
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments",
     .history = "2.1.6 Bounds may be exclusive."},
    {"zrevrangebylex", cmd_zrevrangebylex, .arity = -4, READS_KEY, .since = "2.8.9",
     .args = "key max min [LIMIT {offset:int count:int}]", .reply = "array",
     .about = "Returns the members in a range of bytes backwards, all scores being equal.", .complexity = RANGE_COST,
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments"},
    {"zrangestore", cmd_zrangestore, .arity = -5, .group = GROUP_SORTED_SET, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEY_AT(2, KEY_RO | KEY_ACCESS)}, .since = "6.2.0",
     .args = "dst:key src:key min max sortby=[BYSCORE|BYLEX] [REV] [LIMIT {offset:int count:int}]", .reply = "integer",
     .about = "Stores a range of members of a sorted set in another key.",
     .complexity = "O(log(N)+M) for M members stored"},
    {"zremrangebyrank", cmd_zremrangebyrank, .arity = 4, DELETES_MEMBERS, .since = "2.0.0",
     .args = "key start:int stop:int", .reply = "integer", .about = "Removes the members in a range of positions.",
     .complexity = REMOVE_COST},
    {"zremrangebyscore", cmd_zremrangebyscore, .arity = 4, DELETES_MEMBERS, .since = "1.2.0",
     .args = "key min:double max:double", .reply = "integer",
     .about = "Removes the members whose scores lie in a range.", .complexity = REMOVE_COST},
    {"zremrangebylex", cmd_zremrangebylex, .arity = 4, DELETES_MEMBERS, .since = "2.8.9", .args = "key min max",
     .reply = "integer", .about = "Removes the members in a range of bytes, all scores being equal.",
     .complexity = REMOVE_COST},
    {0},
};
