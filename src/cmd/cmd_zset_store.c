/* cmd/cmd_zset_store.c - sorted sets: ZUNION, ZINTER, ZDIFF, their STORE forms and ZINTERCARD.
 *
 * Inputs may be sets, whose members count with score 1. Results are put together in an entry of their own, which STORE
 * then links and the reading forms print and drop. Inputs are combined from the smallest to the largest, equal sizes in
 * the order given: sums of floats depend on it. */
#include "cmd/cmd_zset_priv.h"

#include <math.h>

enum combine { COMBINE_UNION, COMBINE_INTER, COMBINE_DIFF };
enum aggregate { AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX, AGGREGATE_COUNT };

struct source {
    const struct zset *zset; /* one of them, or neither for an absent key */
    const struct set *set;
    double weight;
    size_t count;
    bool ones; /* AGGREGATE COUNT: scores don't count, only that a member is there */
};

struct combination {
    enum combine op;
    enum aggregate aggregate;
    bool scores, store, count_only;
    int64_t limit; /* ZINTERCARD: 0 for none */
    const struct value_limits *limits;
    bool minus_zero; /* some score came out as -0 */
    struct source *sources;
    int n;
};

/* -- arguments ------------------------------------------------------------------------------------------------ */

static enum rc
source_open(struct exec *x, struct slice key, struct source *s)
{
    struct entry *e = look(x, key);

    *s = (struct source){.weight = 1};
    if (e == NULL)
        return RC_OK;
    if (entry_type(e) == TYPE_ZSET) {
        s->zset = (const struct zset *)entry_handle(e);
        s->count = zset_count(s->zset);
    } else if (entry_type(e) == TYPE_SET) {
        s->set = (const struct set *)entry_handle(e);
        s->count = set_count(s->set);
    } else {
        return RC_WRONGTYPE;
    }
    return RC_OK;
}

static enum rc
aggregate_parse(struct slice word, enum aggregate *out)
{
    if (arg_is(word, LIT("sum")))
        *out = AGGREGATE_SUM;
    else if (arg_is(word, LIT("min")))
        *out = AGGREGATE_MIN;
    else if (arg_is(word, LIT("max")))
        *out = AGGREGATE_MAX;
    else if (arg_is(word, LIT("count")))
        *out = AGGREGATE_COUNT;
    else
        return RC_SYNTAX;
    return RC_OK;
}

static enum rc
option_parse(struct exec *x, struct combination *c, int *at)
{
    struct slice w = x->argv[*at];
    int left = x->argc - *at - 1;
    bool weighs = c->op != COMBINE_DIFF && !c->count_only;

    if (weighs && left >= c->n && arg_is(w, LIT("weights"))) {
        for (int i = 0; i < c->n; i++)
            if (arg_double(x, x->argv[*at + 1 + i], &c->sources[i].weight) != RC_OK)
                return fail(x, "ERR weight value is not a float");
        *at += c->n;
    } else if (weighs && left >= 1 && arg_is(w, LIT("aggregate"))) {
        TRY(aggregate_parse(x->argv[++*at], &c->aggregate));
    } else if (!c->store && !c->count_only && arg_is(w, LIT("withscores"))) {
        c->scores = true;
    } else if (c->count_only && left >= 1 && arg_is(w, LIT("limit"))) {
        if (arg_int(x, x->argv[++*at], &c->limit) != RC_OK || c->limit < 0)
            return fail(x, "ERR LIMIT can't be negative");
    } else {
        return RC_SYNTAX;
    }
    return RC_OK;
}

/* Reads `numkeys key... options` from argv[at] on. */
static enum rc
combination_parse(struct exec *x, struct combination *c, int at)
{
    int64_t n;

    TRY(arg_int(x, x->argv[at], &n));
    if (n < 1)
        return fail(x, "ERR at least 1 input key is needed for '%s' command", x->cmd->name);
    if (n > x->argc - at - 1)
        return RC_SYNTAX;
    c->n = (int)n;
    c->sources = arena_array(x->arena, (size_t)n, sizeof(*c->sources));
    for (int i = 0; i < c->n; i++)
        TRY(source_open(x, x->argv[at + 1 + i], &c->sources[i]));
    for (int i = at + 1 + c->n; i < x->argc; i++)
        TRY(option_parse(x, c, &i));
    for (int i = 0; i < c->n; i++)
        c->sources[i].ones = c->aggregate == AGGREGATE_COUNT;
    return RC_OK;
}

/* -- inputs --------------------------------------------------------------------------------------------------- */

static bool
source_score(const struct source *s, struct slice member, double *score)
{
    *score = 1;
    if (s->zset != NULL) {
        bool found = zset_score(s->zset, member, score);
        if (s->ones)
            *score = 1;
        return found;
    }
    return s->set != NULL && set_has(s->set, member);
}

struct source_iter {
    struct zset_iter z;
    struct set_iter s;
    struct set_member text;
};

static void
source_start(const struct source *s, struct source_iter *it)
{
    *it = (struct source_iter){0};
    if (s->zset != NULL && s->count > 0)
        it->z = zset_seek(s->zset, 0, false);
}

static bool
source_next(const struct source *s, struct source_iter *it, struct slice *member, double *score)
{
    if (s->count == 0)
        return false;
    if (s->zset != NULL) {
        bool more = zset_next(s->zset, &it->z, member, score);
        if (s->ones)
            *score = 1;
        return more;
    }
    if (!set_next(s->set, &it->s, &it->text))
        return false;
    *member = it->text.s;
    *score = 1;
    return true;
}

/* By size, stable. Sources are few; but a client may name a million keys, so no quadratic sort: merge from the
 * bottom. */
static void
sources_sort(struct exec *x, struct source *s, int n)
{
    struct source *from = s, *to = arena_array(x->arena, (size_t)n, sizeof(*s));

    for (int width = 1; width < n; width = n / 2 < width ? n : 2 * width) {
        for (int lo = 0; lo < n; lo += 2 * width) {
            int mid = width < n - lo ? lo + width : n, hi = width < n - mid ? mid + width : n;
            int a = lo, b = mid;

            for (int k = lo; k < hi; k++)
                to[k] = a < mid && (b >= hi || from[a].count <= from[b].count) ? from[a++] : from[b++];
        }
        struct source *swap = from;
        from = to;
        to = swap;
    }
    if (from != s)
        memcpy(s, from, (size_t)n * sizeof(*s));
}

/* -- results -------------------------------------------------------------------------------------------------- */

/* What NaN would be counts as 0: inf * 0, and inf + -inf. */
static double
weighted(double weight, double score)
{
    double v = weight * score;

    return isnan(v) ? 0 : v;
}

static double
aggregated(enum aggregate how, double a, double b)
{
    if (how == AGGREGATE_MIN)
        return b < a ? b : a;
    if (how == AGGREGATE_MAX)
        return b > a ? b : a;
    double sum = a + b;
    return isnan(sum) ? 0 : sum;
}

static void
result_put(struct combination *c, struct zset *out, struct slice member, double score)
{
    c->minus_zero |= score == 0 && signbit(score);
    zset_put(out, c->limits, member, score);
}

static enum rc
union_into(struct exec *x, struct combination *c, struct zset *out)
{
    for (int i = 0; i < c->n; i++) {
        const struct source *s = &c->sources[i];
        struct source_iter it;
        struct slice member;
        double score, have;

        source_start(s, &it);
        while (source_next(s, &it, &member, &score)) {
            score = weighted(s->weight, score);
            if (i > 0 && zset_score(out, member, &have)) {
                score = aggregated(c->aggregate, have, score);
                if (score == 0)
                    zset_remove(out, member); /* to zset_put() 0 and -0 are the same, and it would keep what it has */
            }
            result_put(c, out, member, score);
            TRY(exec_pulse(x));
        }
    }
    return RC_OK;
}

/* Calls fn for each member of the intersection until it returns false. Sources are sorted by size. */
typedef bool inter_fn(void *ctx, struct slice member, double score);

static enum rc
inter_each(struct exec *x, const struct combination *c, inter_fn *fn, void *ctx)
{
    const struct source *first = &c->sources[0];
    struct source_iter it;
    struct slice member;
    double score, value;

    source_start(first, &it);
    while (source_next(first, &it, &member, &score)) {
        int i = 1;

        score = weighted(first->weight, score);
        for (; i < c->n && source_score(&c->sources[i], member, &value); i++)
            score = aggregated(c->aggregate, score, value * c->sources[i].weight);
        if (i == c->n && !fn(ctx, member, score))
            return RC_OK;
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

struct inter_result {
    struct combination *c;
    struct zset *out;
};

static bool
inter_add(void *ctx, struct slice member, double score)
{
    struct inter_result *r = ctx;

    result_put(r->c, r->out, member, score);
    return true;
}

struct inter_count {
    int64_t n, limit;
};

static bool
inter_count_one(void *ctx, struct slice member, double score)
{
    struct inter_count *count = ctx;

    return ++count->n != count->limit;
}

static enum rc
diff_into(struct exec *x, struct combination *c, struct zset *out)
{
    const struct source *first = &c->sources[0];
    struct source_iter it;
    struct slice member;
    double score, ignored;

    source_start(first, &it);
    while (source_next(first, &it, &member, &score)) {
        int i = 1;

        while (i < c->n && !source_score(&c->sources[i], member, &ignored))
            i++;
        if (i == c->n)
            result_put(c, out, member, score);
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

static enum rc
combine_into(struct exec *x, struct combination *c, struct zset *out)
{
    if (c->op != COMBINE_DIFF)
        sources_sort(x, c->sources, c->n);
    switch (c->op) {
    case COMBINE_UNION: return union_into(x, c, out);
    case COMBINE_INTER: return inter_each(x, c, inter_add, &(struct inter_result){c, out});
    case COMBINE_DIFF: break;
    }
    return diff_into(x, c, out);
}

static enum rc
combine_entry(struct exec *x, struct combination *c, struct slice key, struct entry **out)
{
    struct entry *made = entry_new(TYPE_ZSET, key);
    enum rc rc = combine_into(x, c, zset__of(made));

    if (rc == RC_OK)
        *out = made;
    else
        entry_drop(x, made);
    return rc;
}

/* A new entry with the result. */
static enum rc
combine(struct exec *x, struct combination *c, struct slice key, struct entry **out)
{
    struct value_limits large;

    c->limits = x->limits;
    TRY(combine_entry(x, c, key, out));
    if (!c->minus_zero || (c->store && strcmp(zset_encoding(zset__of(*out)), "listpack") == 0))
        return RC_OK;
    /* A small sorted set loses the sign of 0 as redis's does, but redis prints and stores from a large one, unless what
     * is stored is small: so once more, in a large one. */
    entry_drop(x, *out);
    large = *x->limits;
    large.zset_max_listpack_entries = 0;
    c->limits = &large;
    enum rc rc = combine_entry(x, c, key, out);
    c->limits = x->limits;
    return rc;
}

/* Whether it may take long, and is not running in slices yet. */
static bool
is_long(const struct exec *x, const struct combination *c)
{
    size_t n = 0;

    for (int i = 0; i < c->n; i++)
        n += c->sources[i].count;
    return exec_is_long(x, n);
}

static enum rc
combine_reply(struct exec *x, exec_body *again, enum combine op)
{
    struct combination c = {.op = op};
    struct entry *made;

    TRY(combination_parse(x, &c, 1));
    if (is_long(x, &c))
        return exec_in_slices(x, again, 0);
    TRY(combine(x, &c, LIT(""), &made));
    enum rc rc = zset__reply_span(x, zset__of(made), 0, zset_count(zset__of(made)), false, c.scores);
    entry_drop(x, made);
    return rc;
}

static enum rc
combine_store(struct exec *x, exec_body *again, enum combine op, enum event event)
{
    struct combination c = {.op = op, .store = true};
    struct entry *made;
    size_t n;

    TRY(combination_parse(x, &c, 2));
    if (is_long(x, &c))
        return exec_in_slices(x, again, 0);
    TRY(combine(x, &c, x->argv[1], &made));
    n = zset_count(zset__of(made));
    if (n > 0) {
        key_put(x, x->db, made, event);
    } else {
        entry_free(made);
        key_delete(x, x->db, x->argv[1], EV_DEL);
    }
    return reply_int(x, (int64_t)n);
}

static enum rc
cmd_zunion(struct exec *x)
{
    return combine_reply(x, cmd_zunion, COMBINE_UNION);
}

static enum rc
cmd_zinter(struct exec *x)
{
    return combine_reply(x, cmd_zinter, COMBINE_INTER);
}

static enum rc
cmd_zdiff(struct exec *x)
{
    return combine_reply(x, cmd_zdiff, COMBINE_DIFF);
}

static enum rc
cmd_zunionstore(struct exec *x)
{
    return combine_store(x, cmd_zunionstore, COMBINE_UNION, EV_ZUNIONSTORE);
}

static enum rc
cmd_zinterstore(struct exec *x)
{
    return combine_store(x, cmd_zinterstore, COMBINE_INTER, EV_ZINTERSTORE);
}

static enum rc
cmd_zdiffstore(struct exec *x)
{
    return combine_store(x, cmd_zdiffstore, COMBINE_DIFF, EV_ZDIFFSTORE);
}

static enum rc
cmd_zintercard(struct exec *x)
{
    struct combination c = {.op = COMBINE_INTER, .count_only = true};
    struct inter_count count = {0};

    TRY(combination_parse(x, &c, 1));
    count.limit = c.limit;
    if (is_long(x, &c))
        return exec_in_slices(x, cmd_zintercard, 0);
    sources_sort(x, c.sources, c.n);
    TRY(inter_each(x, &c, inter_count_one, &count));
    return reply_int(x, count.n);
}

/* -- rows ----------------------------------------------------------------------------------------------------- */

#define READS_KEYS \
    .group = GROUP_SORTED_SET, .flags = CMD_READONLY | CMD_MOVABLEKEYS, .keys = {KEY_NUM(1, KEY_RO | KEY_ACCESS)}
#define STORES_KEY                                                                 \
    .group = GROUP_SORTED_SET, .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS, \
    .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEY_NUM(2, KEY_RO | KEY_ACCESS)}
#define UNION_COST "O(N)+O(M*log(M)) for N members in all inputs and M in the result"
#define INTER_COST "O(N*K)+O(M*log(M)) for N members in the smallest of K inputs and M in the result"
#define DIFF_COST  "O(L + (N-K)log(N)) for L members in all inputs, N in the first and K in the result"

const struct cmd cmd_zset_store_family[] = {
    {"zunion", cmd_zunion, .arity = -3, READS_KEYS, .since = "6.2.0",
     .args = "numkeys:int key... [WEIGHTS weight:int...] [AGGREGATE <SUM|MIN|MAX|COUNT@8.8.0>] [WITHSCORES]",
     .reply = "array", .about = "Returns the union of sorted sets.", .complexity = UNION_COST},
    {"zinter", cmd_zinter, .arity = -3, READS_KEYS, .since = "6.2.0",
     .args = "numkeys:int key... [WEIGHTS weight:int...] [AGGREGATE <SUM|MIN|MAX|COUNT@8.8.0>] [WITHSCORES]",
     .reply = "array", .about = "Returns the intersection of sorted sets.", .complexity = INTER_COST},
    {"zdiff", cmd_zdiff, .arity = -3, READS_KEYS, .since = "6.2.0", .args = "numkeys:int key... [WITHSCORES]",
     .reply = "array", .about = "Returns the members of the first sorted set that are in none of the others.",
     .complexity = DIFF_COST},
    {"zunionstore", cmd_zunionstore, .arity = -4, STORES_KEY, .since = "2.0.0",
     .args = "destination:key numkeys:int key... [WEIGHTS weight:int...] [AGGREGATE <SUM|MIN|MAX|COUNT@8.8.0>]",
     .reply = "integer", .about = "Stores the union of sorted sets in a key.", .complexity = UNION_COST},
    {"zinterstore", cmd_zinterstore, .arity = -4, STORES_KEY, .since = "2.0.0",
     .args = "destination:key numkeys:int key... [WEIGHTS weight:int...] [AGGREGATE <SUM|MIN|MAX|COUNT@8.8.0>]",
     .reply = "integer", .about = "Stores the intersection of sorted sets in a key.", .complexity = INTER_COST},
    {"zdiffstore", cmd_zdiffstore, .arity = -4, STORES_KEY, .since = "6.2.0",
     .args = "destination:key numkeys:int key...", .reply = "integer",
     .about = "Stores the difference of sorted sets in a key.", .complexity = DIFF_COST},
    {"zintercard", cmd_zintercard, .arity = -3, READS_KEYS, .since = "7.0.0",
     .args = "numkeys:int key... [LIMIT limit:int]", .reply = "integer",
     .about = "Counts the members of the intersection of sorted sets.",
     .complexity = "O(N*K) for N members in the smallest of K inputs"},
    {0},
};
