/* cmd/cmd_string_match.c - commands that depend on what a string is (DELEX, DELIFEQ, DIGEST), and MSETEX.
 *
 * A digest is XXH3 with 64 bits and no seed, printed as 16 hexadecimal digits, as in Redis 8.4. */
#include "cmd/cmd_string_match.h"

#include "cmd/args.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { DIGEST_LEN = 16 };

enum match_kind
string_match_word(struct slice word)
{
    if (arg_is(word, LIT("ifeq")))
        return MATCH_EQ;
    if (arg_is(word, LIT("ifne")))
        return MATCH_NE;
    if (arg_is(word, LIT("ifdeq")))
        return MATCH_DIGEST_EQ;
    return arg_is(word, LIT("ifdne")) ? MATCH_DIGEST_NE : MATCH_ANY;
}

enum rc
string_match_check(struct exec *x, const struct string_match *m)
{
    bool hex = m->with.len == DIGEST_LEN;

    if (m->kind != MATCH_DIGEST_EQ && m->kind != MATCH_DIGEST_NE)
        return RC_OK;
    for (size_t i = 0; hex && i < DIGEST_LEN; i++) {
        char c = ascii_lower(m->with.ptr[i]);
        hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    return hex ? RC_OK : fail(x, "ERR digest must be exactly 16 hexadecimal characters");
}

static void
digest_of(const struct entry *e, char out[DIGEST_LEN])
{
    char text[STRING_TEXT_MAX];
    struct slice s = string_get(e, text);
    uint64_t h = XXH3_64bits(s.ptr, s.len);

    for (int i = DIGEST_LEN - 1; i >= 0; i--, h >>= 4)
        out[i] = "0123456789abcdef"[h & 15];
}

bool
string_matches(const struct string_match *m, const struct entry *e)
{
    char text[STRING_TEXT_MAX], digest[DIGEST_LEN];
    bool same = false;

    if (m->kind == MATCH_ANY)
        return true;
    if (e != NULL && (m->kind == MATCH_EQ || m->kind == MATCH_NE)) {
        same = slice_eq(string_get(e, text), m->with);
    } else if (e != NULL) {
        digest_of(e, digest);
        same = slice_eq_nocase(slice_of(digest, DIGEST_LEN), m->with);
    }
    return same == (m->kind == MATCH_EQ || m->kind == MATCH_DIGEST_EQ);
}

/* -- commands -------------------------------------------------------------------------------------------------- */

static enum rc
cmd_digest(struct exec *x)
{
    const struct entry *e;
    char digest[DIGEST_LEN];

    TRY(read_string(x, x->argv[1], &e));
    if (e == NULL)
        return reply_null(x);
    digest_of(e, digest);
    return reply_bulk(x, slice_of(digest, sizeof(digest)));
}

/* Deletes the string if it matches; what is not there is never deleted. */
static enum rc
delete_matching(struct exec *x, const struct string_match *m)
{
    const struct entry *e;

    TRY(read_string(x, x->argv[1], &e));
    if (e == NULL || !string_matches(m, e))
        return reply_int(x, 0);
    EFFECT_AS(x, LIT("DEL"), x->argv[1]);
    key_delete(x, x->db, x->argv[1], EV_DEL);
    return reply_int(x, 1);
}

static enum rc
cmd_delex(struct exec *x)
{
    if (x->argc == 2)
        return reply_int(x, key_delete(x, x->db, x->argv[1], EV_DEL));
    if (x->argc != 4)
        return fail_arity(x);
    struct string_match m = {string_match_word(x->argv[2]), x->argv[3]};
    if (m.kind == MATCH_ANY)
        return RC_SYNTAX;
    TRY(string_match_check(x, &m));
    return delete_matching(x, &m);
}

static enum rc
cmd_delifeq(struct exec *x)
{
    return delete_matching(x, &(struct string_match){MATCH_EQ, x->argv[2]});
}

/* -- MSETEX ---------------------------------------------------------------------------------------------------- */

struct many_options {
    bool nx, xx, keep, expires;
    int64_t at_ms;
};

static enum rc
many_expiry(struct exec *x, struct many_options *o, int *at, bool *found)
{
    static const struct {
        struct slice word;
        enum expire_unit unit;
        bool relative;
    } words[] = {{LIT_INIT("EX"), UNIT_S, true},
                 {LIT_INIT("PX"), UNIT_MS, true},
                 {LIT_INIT("EXAT"), UNIT_S, false},
                 {LIT_INIT("PXAT"), UNIT_MS, false}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!arg_is(x->argv[*at], words[i].word))
            continue;
        if (*at + 1 == x->argc || o->keep || o->expires)
            return RC_SYNTAX;
        TRY(arg_expire(x, x->argv[++*at], words[i].unit, words[i].relative, &o->at_ms));
        *found = o->expires = true;
    }
    return RC_OK;
}

static enum rc
many_options(struct exec *x, int at, struct many_options *o)
{
    o->at_ms = -1;
    for (int i = at; i < x->argc; i++) {
        bool found = false;

        if (arg_is(x->argv[i], LIT("nx")) && !o->xx) {
            o->nx = true;
        } else if (arg_is(x->argv[i], LIT("xx")) && !o->nx) {
            o->xx = true;
        } else if (arg_is(x->argv[i], LIT("keepttl")) && !o->expires) {
            o->keep = true;
            o->at_ms = KEEP_EXPIRY;
        } else {
            TRY(many_expiry(x, o, &i, &found));
            if (!found)
                return RC_SYNTAX;
        }
    }
    return RC_OK;
}

/* All keys are set, or with NX and XX none of them. */
static enum rc
cmd_msetex(struct exec *x)
{
    struct many_options o = {0};
    int64_t n;

    TRY(arg_range_or(x, x->argv[1], 1, INT32_MAX, "ERR invalid numkeys value", &n));
    if (n > (x->argc - 2) / 2)
        return fail_arity(x);
    int end = 2 + 2 * (int)n;
    TRY(many_options(x, end, &o));
    for (int i = 2; i < end && (o.nx || o.xx); i += 2)
        if ((peek(x, x->argv[i]) != NULL) == o.nx)
            return reply_int(x, 0);
    for (int i = 2; i < end; i += 2) {
        TRY(key_set_string(x, x->argv[i], x->argv[i + 1], o.at_ms, EV_SET));
        if (o.expires) {
            notify(x, EV_EXPIRE, x->argv[i]);
            /* The moment rather than the time to live, so that replicas agree about it. */
            EFFECT_AS(x, LIT("SET"), x->argv[i], x->argv[i + 1], LIT("PXAT"), arena_int(x->arena, o.at_ms));
        } else if (o.keep) {
            EFFECT_AS(x, LIT("SET"), x->argv[i], x->argv[i + 1], LIT("KEEPTTL"));
        } else {
            EFFECT_AS(x, LIT("SET"), x->argv[i], x->argv[i + 1]);
        }
    }
    return reply_int(x, 1);
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

const struct cmd cmd_string_match_family[] = {
    {"digest", cmd_digest, .arity = 2, .group = GROUP_STRING, .flags = CMD_READONLY | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "8.4.0", .args = "key", .reply = "bulk | null",
     .about = "Returns the XXH3 digest of a string.", .complexity = "O(N)"},
    {"delex", cmd_delex, .arity = -2, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_DELETE | KEY_VARIABLE)}, .since = "8.4.0",
     .args = "key condition=[IFEQ ifeq-value|IFNE ifne-value|IFDEQ ifdeq-digest|IFDNE ifdne-digest]",
     .reply = "integer", .about = "Deletes a key, on condition of what its string is.",
     .complexity = "O(1) by value, O(N) by digest"},
    {"delifeq", cmd_delifeq, .arity = 3, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RM | KEY_DELETE)}, .since = "9.0.0", .args = "key value", .reply = "integer",
     .about = "Deletes a key if it holds that string.", .complexity = "O(1)"},
    {"msetex", cmd_msetex, .arity = -4, .group = GROUP_STRING, .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS,
     .keys = {{.flags = KEY_OW | KEY_UPDATE,
               .begin = KEY_BEGIN_INDEX,
               .find = KEY_FIND_KEYNUM,
               .index = 1,
               .first_at = 1,
               .step = 2}},
     .since = "8.4.0",
     .args = "numkeys:int data={key value}... condition=[NX|XX] expiration=[EX seconds:int|PX milliseconds:int|EXAT "
             "unix-time-seconds:time|PXAT unix-time-milliseconds:time|KEEPTTL]",
     .reply = "integer", .about = "Sets keys to strings, all or none, with one condition and one expiry.",
     .complexity = "O(N)", .tips = "request_policy:multi_shard response_policy:all_succeeded"},
    {0},
};
