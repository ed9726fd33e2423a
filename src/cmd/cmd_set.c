/* cmd/cmd_set.c - sets: members one by one, by chance and step by step. Intersections and the like are in
 * cmd_set_algebra.c. */
#include "cmd/args.h"
#include "cmd/scan.h"

enum { REMOVALS_PER_EFFECT = 1024 }; /* members in one propagated SREM */

/* -- members ------------------------------------------------------------------------------------------------- */

static enum rc
cmd_sadd(struct exec *x)
{
    struct entry *e;
    struct set *set;
    int64_t added = 0;

    TRY(edit_set(x, x->argv[1], ENTRY_CREATE, &e, &set));
    for (int i = 2; i < x->argc; i++) {
        expect_members(x, e, i, 2, 1);
        added += set_add(set, x->limits, x->argv[i]);
    }
    if (added > 0)
        entry_changed(x, e, EV_SADD);
    else
        entry_unchanged(x, e);
    return reply_int(x, added);
}

static enum rc
cmd_srem(struct exec *x)
{
    struct entry *e;
    struct set *set;
    int64_t gone = 0;

    TRY(edit_set(x, x->argv[1], ENTRY_EXISTING, &e, &set));
    if (e == NULL)
        return reply_int(x, 0);
    for (int i = 2; i < x->argc && set_count(set) > 0; i++) {
        expect_members(x, e, i, 2, 1);
        gone += set_remove(set, x->argv[i]);
    }
    if (gone > 0)
        entry_changed(x, e, EV_SREM);
    else
        entry_unchanged(x, e);
    return reply_int(x, gone);
}

static enum rc
cmd_smove(struct exec *x)
{
    struct slice from = x->argv[1], to = x->argv[2], member = x->argv[3];
    struct entry *e;
    struct set *set;

    TRY(edit_set(x, from, ENTRY_EXISTING, &e, &set));
    if (e == NULL)
        return reply_int(x, 0);
    const struct entry *target = peek(x, to);
    bool wrong = target != NULL && entry_type(target) != TYPE_SET;
    if (wrong || slice_eq(from, to) || !set_remove(set, member)) {
        bool there = !wrong && set_has(set, member);
        entry_unchanged(x, e);
        return wrong ? RC_WRONGTYPE : reply_int(x, there);
    }
    entry_changed(x, e, EV_SREM);
    TRY(edit_set(x, to, ENTRY_CREATE, &e, &set));
    if (set_add(set, x->limits, member))
        entry_changed(x, e, EV_SADD);
    else
        entry_unchanged(x, e);
    return reply_int(x, 1);
}

static enum rc
cmd_scard(struct exec *x)
{
    const struct set *set;

    TRY(read_set(x, x->argv[1], &set));
    return reply_int(x, set != NULL ? (int64_t)set_count(set) : 0);
}

static enum rc
cmd_sismember(struct exec *x)
{
    const struct set *set;

    TRY(read_set(x, x->argv[1], &set));
    return reply_int(x, set != NULL && set_has(set, x->argv[2]));
}

static enum rc
cmd_smismember(struct exec *x)
{
    struct entry *e;

    TRY(read_entry(x, x->argv[1], TYPE_SET, &e));
    const struct set *set = e != NULL ? (const struct set *)entry_handle(e) : NULL;
    reply_array(x, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++) {
        expect_members(x, e, i, 2, 1);
        reply_int(x, set != NULL && set_has(set, x->argv[i]));
    }
    return RC_OK;
}

static enum rc
reply_members(struct exec *x, const struct set *set)
{
    struct set_iter it = {0};
    struct set_member m;

    while (set_next(set, &it, &m)) {
        reply_bulk(x, m.s);
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

static enum rc
cmd_smembers(struct exec *x)
{
    const struct set *set;

    TRY(read_set(x, x->argv[1], &set));
    size_t n = set != NULL ? set_count(set) : 0;
    if (exec_is_long(x, n))
        return exec_in_slices(x, cmd_smembers, 0);
    reply_set(x, n);
    return n > 0 ? reply_members(x, set) : RC_OK;
}

/* -- by chance ----------------------------------------------------------------------------------------------- */

static enum rc cmd_spop(struct exec *x);
static enum rc cmd_srandmember(struct exec *x);

static enum rc
pop_one(struct exec *x)
{
    struct entry *e;
    struct set *set;
    struct set_member m;

    TRY(edit_set(x, x->argv[1], ENTRY_EXISTING, &e, &set));
    if (e == NULL)
        return reply_null(x);
    set_random(set, x->rng, &m);
    reply_bulk(x, m.s);
    struct slice member = arena_copy(x->arena, m.s);
    EFFECT_AS(x, LIT("SREM"), x->argv[1], member);
    set_remove(set, member);
    entry_changed(x, e, EV_SPOP);
    return RC_OK;
}

static enum rc
pop_all(struct exec *x, struct entry *e, const struct set *set)
{
    entry_unchanged(x, e);
    if (exec_is_long(x, set_count(set)))
        return exec_in_slices(x, cmd_spop, 0);
    reply_set(x, set_count(set));
    TRY(reply_members(x, set));
    EFFECT_AS(x, LIT("DEL"), x->argv[1]);
    notify(x, EV_SPOP, x->argv[1]);
    key_delete(x, x->db, x->argv[1], EV_DEL);
    return RC_OK;
}

static void
pop_some(struct exec *x, struct entry *e, struct set *set, size_t n)
{
    size_t batch = n < REMOVALS_PER_EFFECT ? n : REMOVALS_PER_EFFECT;
    struct slice *removal = arena_array(x->arena, batch + 2, sizeof(*removal));
    struct set_member m;

    removal[0] = LIT("SREM");
    removal[1] = x->argv[1];
    reply_set(x, n);
    while (n > 0) {
        size_t k = 0;
        for (; k < batch && n > 0; k++, n--) {
            set_random(set, x->rng, &m);
            removal[k + 2] = arena_copy(x->arena, m.s);
            reply_bulk(x, m.s);
            set_remove(set, removal[k + 2]);
        }
        effect_as(x, removal, (int)k + 2);
    }
    entry_changed(x, e, EV_SPOP);
}

typedef void take_member(struct exec *x, void *ctx, struct slice member);

/* n different members. A third of the set or more is chosen while walking over it: each member is taken with the chance
 * that makes every choice of n equally likely. Fewer are drawn until they differ. */
static enum rc
choose(struct exec *x, const struct set *set, size_t n, take_member *take, void *ctx)
{
    struct set_member m;
    size_t left = set_count(set);

    if (n >= left / 3) {
        struct set_iter it = {0};
        for (; n > 0 && set_next(set, &it, &m); left--) {
            TRY(exec_pulse(x));
            if (rng_below(x->rng, left) >= n)
                continue;
            take(x, ctx, m.s);
            n--;
        }
        return RC_OK;
    }
    struct set drawn = {0};
    enum rc rc = RC_OK;
    while (n > 0 && (rc = exec_pulse(x)) == RC_OK) {
        set_random(set, x->rng, &m);
        if (!set_add(&drawn, x->limits, m.s))
            continue;
        take(x, ctx, m.s);
        n--;
    }
    set_fini(&drawn);
    return rc;
}

/* Members that are to go, as they will be propagated: in front of each REMOVALS_PER_EFFECT of them is room for a
 * command's name and the key. */
struct removal {
    struct slice *words;
    size_t members;
};

static size_t
removal_word(size_t member)
{
    return member + 2 * (member / REMOVALS_PER_EFFECT + 1);
}

static void
take_away(struct exec *x, void *ctx, struct slice member)
{
    struct removal *r = ctx;

    r->words[removal_word(r->members++)] = arena_copy(x->arena, member);
    reply_bulk(x, member);
}

static void
remove_in_pieces(struct exec *x, const struct removal *r)
{
    enum { PIECE = 256 };
    struct entry *e;
    struct set *set;

    for (size_t i = 0; i < r->members && edit_set(x, x->argv[1], ENTRY_EXISTING, &e, &set) == RC_OK && e != NULL;) {
        for (int k = 0; k < PIECE && i < r->members; k++, i++)
            set_remove(set, r->words[removal_word(i)]);
        if (i == r->members) {
            entry_changed(x, e, EV_SPOP);
        } else {
            entry_unchanged(x, e);
            (void)exec_breathe(x); /* what has begun is brought to its end, whatever it says */
        }
    }
}

/* n members, fewer than there are, in slices: first all are chosen and said, then they go. Replicas and the log get
 * them at once. */
static enum rc
pop_many(struct exec *x, size_t n)
{
    const struct set *set;
    struct slice key = arena_copy(x->arena, x->argv[1]);
    struct removal r = {.words = arena_array(x->arena, removal_word(n), sizeof(struct slice))};

    TRY(read_set(x, x->argv[1], &set));
    reply_set(x, n);
    TRY(choose(x, set, n, take_away, &r));
    remove_in_pieces(x, &r);
    for (size_t i = 0; i < r.members; i += REMOVALS_PER_EFFECT) {
        size_t k = r.members - i < REMOVALS_PER_EFFECT ? r.members - i : REMOVALS_PER_EFFECT;
        struct slice *words = r.words + removal_word(i) - 2;
        words[0] = LIT("SREM");
        words[1] = key;
        effect_kept(x, words, (int)k + 2);
    }
    return RC_OK;
}

static enum rc
cmd_spop(struct exec *x)
{
    struct entry *e;
    struct set *set;
    int64_t count;

    if (x->argc == 2)
        return pop_one(x);
    if (x->argc > 3)
        return RC_SYNTAX;
    TRY(arg_positive(x, x->argv[2], &count));
    TRY(edit_set(x, x->argv[1], ENTRY_EXISTING, &e, &set));
    if (e == NULL)
        return reply_set(x, 0);
    if (count == 0) {
        entry_unchanged(x, e);
        return reply_set(x, 0);
    }
    if ((uint64_t)count >= set_count(set))
        return pop_all(x, e, set);
    /* Members that expire might go between two slices. */
    if (count < SLICES_ELEMENTS_MIN || (entry_flags(e) & ENTRY_DEADLINES)) {
        pop_some(x, e, set, (size_t)count);
        return RC_OK;
    }
    entry_unchanged(x, e);
    return exec_is_sliced(x) ? pop_many(x, (size_t)count) : exec_in_slices(x, cmd_spop, SLICES_ALONE);
}

static void
take_to_reply(struct exec *x, void *ctx, struct slice member)
{
    (void)ctx;
    reply_bulk(x, member);
}

/* count members, or -count that may be the same. */
static enum rc
random_many(struct exec *x, const struct set *set, int64_t count)
{
    struct set_member m;
    size_t n = count < 0 ? (size_t)-count : (size_t)count;

    if (count > 0 && n > set_count(set))
        n = set_count(set);
    if (exec_is_long(x, n))
        return exec_in_slices(x, cmd_srandmember, 0);
    reply_array(x, n);
    if (count > 0)
        return choose(x, set, n, take_to_reply, NULL);
    for (; n > 0; n--) {
        set_random(set, x->rng, &m);
        reply_bulk(x, m.s);
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

static enum rc
cmd_srandmember(struct exec *x)
{
    const struct set *set;
    struct set_member m;
    int64_t count = 0;

    if (x->argc > 3)
        return RC_SYNTAX;
    if (x->argc == 3)
        TRY(arg_range(x, x->argv[2], -INT64_MAX, INT64_MAX, &count));
    TRY(read_set(x, x->argv[1], &set));
    if (x->argc == 2) {
        if (set == NULL)
            return reply_null(x);
        set_random(set, x->rng, &m);
        return reply_bulk(x, m.s);
    }
    if (set == NULL || count == 0)
        return reply_array(x, 0);
    if (count < 0)
        TRY(check_repetitions(x, (uint64_t)-count));
    return random_many(x, set, count);
}

/* -- SSCAN --------------------------------------------------------------------------------------------------- */

static void
visit(void *ctx, struct slice member)
{
    struct scan *s = ctx;

    if (scan_wants(s, member))
        scan_add(s, member);
}

static enum rc
cmd_sscan(struct exec *x)
{
    struct scan s = {0};
    const struct set *set;

    TRY(scan_cursor(x->argv[2], &s.cursor));
    TRY(read_set(x, x->argv[1], &set));
    if (set == NULL)
        return scan_reply_empty(x);
    TRY(scan_options(x, &s, 3, false, (struct slice){0}));
    if (scan_is_long(&s, set_count(set)))
        return exec_in_slices(x, cmd_sscan, 0);
    do
        s.cursor = set_scan(set, s.cursor, visit, &s);
    while (scan_goes_on(&s));
    return scan_reply(&s);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

const struct cmd cmd_set_family[] = {
    {"sadd", cmd_sadd, .arity = -3, .group = GROUP_SET, .member = 2, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}, .since = "1.0.0", .args = "key member...", .reply = "integer",
     .about = "Adds members to a set, creating it if needed.", .complexity = "O(1) or O(N)",
     .history = "2.4.0 Variadic members."},
    {"srem", cmd_srem, .arity = -3, .group = GROUP_SET, .member = 2, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}, .since = "1.0.0", .args = "key member...", .reply = "integer",
     .about = "Removes members from a set.", .complexity = "O(N)", .history = "2.4.0 Variadic members."},
    {"smove", cmd_smove, .arity = 4, .group = GROUP_SET, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_RW | KEY_INSERT)}, .since = "1.0.0",
     .args = "source:key destination:key member", .reply = "integer",
     .about = "Moves a member from one set to another.", .complexity = "O(1)"},
    {"scard", cmd_scard, .arity = 2, .group = GROUP_SET, .flags = CMD_READONLY | CMD_FAST, .keys = {KEY_AT(1, KEY_RO)},
     .since = "1.0.0", .args = "key", .reply = "integer", .about = "Tells how many members a set has.",
     .complexity = "O(1)"},
    {"sismember", cmd_sismember, .arity = 3, .group = GROUP_SET, .member = 2, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO)}, .since = "1.0.0", .args = "key member", .reply = "integer",
     .about = "Tells whether a set has a member.", .complexity = "O(1)"},
    {"smismember", cmd_smismember, .arity = -3, .group = GROUP_SET, .member = 2, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "6.2.0", .args = "key member...", .reply = "array",
     .about = "Tells which of several members a set has.", .complexity = "O(N)"},
    {"smembers", cmd_smembers, .arity = 2, .group = GROUP_SET, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key", .reply = "array | set",
     .about = "Returns all members of a set.", .complexity = "O(N)", .tips = "nondeterministic_output_order"},
    {"spop", cmd_spop, .arity = -2, .group = GROUP_SET, .flags = CMD_WRITE | CMD_FAST | CMD_NONDET,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .since = "1.0.0", .args = "key [count:int]@3.2.0",
     .reply = "null | bulk | array", .about = "Removes members chosen by chance and returns them.",
     .complexity = "O(1) or O(N)", .tips = "nondeterministic_output", .history = "3.2.0 Optional count."},
    {"srandmember", cmd_srandmember, .arity = -2, .group = GROUP_SET, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "1.0.0", .args = "key [count:int]@2.6.0",
     .reply = "bulk | null | array", .about = "Returns members chosen by chance.", .complexity = "O(1) or O(N)",
     .tips = "nondeterministic_output", .history = "2.6.0 Optional count."},
    {"sscan", cmd_sscan, .arity = -3, .group = GROUP_SET, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "2.8.0",
     .args = "key cursor:int [MATCH pattern:pattern] [COUNT count:int]", .reply = "array | bulk",
     .about = "Walks over a set's members step by step.", .complexity = "O(1) or O(N)",
     .tips = "nondeterministic_output"},
    {0},
};
