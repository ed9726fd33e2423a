/* tests/unit/test_cmd_rows.c - walks every command row: what it says must be consistent in itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>
#undef fail /* handlers have one of that name */

#include "base/buf.h"
#include "base/number.h"
#include "cmd/families.h"
#include "engine/cmd_grammar.h"
#include "engine/dispatch.h"

#include <stdio.h>

enum { WORDS_MAX = 256 };

struct row {
    const struct cmd *cmd, *parent;
    char name[64];
    int names; /* words of the name: 1, or 2 for a subcommand */
};

static int wrong; /* rows with something wrong, all of which are shown before the test fails */

#define EXPECT(row, cond, ...)           \
    do {                                 \
        if (!(cond)) {                   \
            wrong++;                     \
            printf("%s: ", (row)->name); \
            printf(__VA_ARGS__);         \
            printf("\n");                \
        }                                \
    } while (0)

typedef void row_fn(const struct row *r, struct arena *a);

static void
each_row(row_fn *fn)
{
    struct arena a = {0};

    wrong = 0;
    for (size_t f = 0; cmd_families[f] != NULL; f++) {
        for (const struct cmd *c = cmd_families[f]; c->name != NULL; c++) {
            struct row r = {.cmd = c, .names = 1};

            snprintf(r.name, sizeof(r.name), "%s", c->name);
            fn(&r, &a);
            for (const struct cmd *s = c->subs; s != NULL && s->name != NULL; s++) {
                struct row sub = {.cmd = s, .parent = c, .names = 2};

                snprintf(sub.name, sizeof(sub.name), "%s|%s", c->name, s->name);
                fn(&sub, &a);
                arena_reset(&a);
            }
            arena_reset(&a);
        }
    }
    arena_fini(&a);
    assert_int_equal(wrong, 0);
}

/* -- facts that every row needs ------------------------------------------------------------------------------- */

static bool
is_lower_name(const char *s)
{
    for (; *s != '\0'; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '-' || *s == '_' || *s == '.'))
            return false;
    return true;
}

static bool
is_version(const char *s)
{
    int a, b, c, n = 0;

    return sscanf(s, "%d.%d.%d%n", &a, &b, &c, &n) == 3 && s[n] == '\0';
}

static void
check_facts(const struct row *r, struct arena *a)
{
    const struct cmd *c = r->cmd;

    EXPECT(r, is_lower_name(c->name), "name is not lower case");
    EXPECT(r, c->handler != NULL || (c->subs != NULL && c->subs[0].name != NULL), "neither handler nor subcommands");
    EXPECT(r, c->arity != 0 && (c->arity > 0 ? c->arity : -c->arity) >= r->names, "arity %d", c->arity);
    EXPECT(r, c->subs == NULL || c->arity < 0, "a container with a fixed arity");
    EXPECT(r, c->since != NULL && is_version(c->since), "since is missing or no version");
    EXPECT(r, c->group < GROUP_COUNT, "group %d", c->group);
    EXPECT(r, c->about != NULL && c->about[0] >= 'A' && c->about[0] <= 'Z' && c->about[strlen(c->about) - 1] == '.',
           "about must be a sentence");
    EXPECT(r, c->about == NULL || strlen(c->about) < 110, "about is too long for a list");
    EXPECT(r, c->deprecated_since == NULL || is_version(c->deprecated_since), "deprecated_since is no version");
    EXPECT(r, c->deprecated_since == NULL || c->replaced_by != NULL, "deprecated, but replaced by nothing");
    EXPECT(r, r->parent == NULL || (c->subs == NULL && c->group == r->parent->group), "a subcommand of another kind");
}

static void
check_history(const struct row *r, struct arena *a)
{
    struct slice rest = slice_cstr(r->cmd->history == NULL ? "" : r->cmd->history);

    while (rest.len > 0) {
        const char *bar = memchr(rest.ptr, '|', rest.len);
        struct slice one = slice_of(rest.ptr, bar == NULL ? rest.len : (size_t)(bar - rest.ptr));
        const char *blank = memchr(one.ptr, ' ', one.len);
        char version[16] = "";

        if (blank != NULL)
            snprintf(version, sizeof(version), "%.*s", (int)(blank - one.ptr), one.ptr);
        EXPECT(r, is_version(version), "history: \"%.*s\" does not begin with a version", (int)one.len, one.ptr);
        rest = slice_skip(rest, one.len + 1);
    }
}

static void
check_tips(const struct row *r, struct arena *a)
{
    static const char *const known[] = {
        "nondeterministic_output",        "nondeterministic_output_order", "request_policy:all_nodes",
        "request_policy:all_shards",      "request_policy:multi_shard",    "request_policy:special",
        "response_policy:one_succeeded",  "response_policy:all_succeeded", "response_policy:agg_logical_and",
        "response_policy:agg_logical_or", "response_policy:agg_min",       "response_policy:agg_max",
        "response_policy:agg_sum",        "response_policy:special",
    };
    struct slice rest = slice_cstr(r->cmd->tips == NULL ? "" : r->cmd->tips);

    while (rest.len > 0) {
        const char *blank = memchr(rest.ptr, ' ', rest.len);
        struct slice one = slice_of(rest.ptr, blank == NULL ? rest.len : (size_t)(blank - rest.ptr));
        bool found = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            found = found || slice_eq(one, slice_cstr(known[i]));
        EXPECT(r, found, "unknown tip \"%.*s\"", (int)one.len, one.ptr);
        rest = slice_skip(rest, one.len + 1);
    }
}

static void
test_facts(void **state)
{
    each_row(check_facts);
    each_row(check_history);
    each_row(check_tips);
}

/* -- names ---------------------------------------------------------------------------------------------------- */

static void
expect_other(const struct cmd *a, const struct cmd *b)
{
    if (strcmp(a->name, b->name) == 0) {
        printf("two rows for %s\n", a->name);
        wrong++;
    }
}

static void
test_names_are_unique(void **state)
{
    wrong = 0;
    for (size_t f = 0; cmd_families[f] != NULL; f++)
        for (const struct cmd *c = cmd_families[f]; c->name != NULL; c++) {
            for (size_t g = f; cmd_families[g] != NULL; g++)
                for (const struct cmd *d = g == f ? c + 1 : cmd_families[g]; d->name != NULL; d++)
                    expect_other(c, d);
            for (const struct cmd *s = c->subs; s != NULL && s->name != NULL; s++)
                for (const struct cmd *t = s + 1; t->name != NULL; t++)
                    expect_other(s, t);
        }
    assert_int_equal(wrong, 0);
}

/* -- flags ---------------------------------------------------------------------------------------------------- */

static int
spec_count(const struct cmd *c)
{
    int n = 0;

    while (n < KEY_SPECS_MAX && c->keys[n].begin != KEY_BEGIN_NONE)
        n++;
    return n;
}

static bool
needs_movable(const struct cmd *c)
{
    bool movable = c->find_keys != NULL;

    /* A key that stands where the specification says, only what is done with it depends on the options. */
    if (c->keys[0].flags & KEY_VARIABLE)
        movable = false;
    for (int i = 0; i < spec_count(c); i++) {
        const struct key_spec *k = &c->keys[i];
        movable = movable || k->begin != KEY_BEGIN_INDEX || k->find != KEY_FIND_RANGE || (k->flags & KEY_INCOMPLETE);
    }
    return movable;
}

static void
check_flags(const struct row *r, struct arena *a)
{
    uint32_t f = r->cmd->flags;

    EXPECT(r, !(f & CMD_WRITE) || !(f & CMD_READONLY), "both write and readonly");
    /* HIMPORT PREPARE fills the connection's own memory. */
    EXPECT(r,
           !(f & CMD_DENYOOM) || (f & (CMD_WRITE | CMD_PUBSUB | CMD_NOSCRIPT)) ||
               strcmp(r->name, "himport|prepare") == 0,
           "denyoom without writing");
    EXPECT(r, !(f & CMD_NO_AUTH) || (f & CMD_LOADING), "no_auth must work while loading");
    EXPECT(r, !(f & CMD_NONDET) || (f & CMD_WRITE), "chance without change");
    EXPECT(r, r->cmd->subs == NULL || r->cmd->handler != NULL || f == 0, "a container has no flags");
    EXPECT(r, needs_movable(r->cmd) == ((f & CMD_MOVABLEKEYS) != 0), "movablekeys does not fit the key specifications");
    for (int bit = 0; bit < 24; bit++)
        EXPECT(r, !(f >> bit & 1) || cmd_flag_name(bit) != NULL || (1u << bit) == CMD_SCRIPT_RUNNER,
               "flag %d has no name", bit);
}

static void
check_key_flags(const struct row *r, struct arena *a)
{
    const struct cmd *c = r->cmd;

    for (int i = 0; i < spec_count(c); i++) {
        const struct key_spec *k = &c->keys[i];
        unsigned access = k->flags & (KEY_RO | KEY_RW | KEY_OW | KEY_RM);

        if (k->flags & KEY_NOT_KEY)
            continue;
        EXPECT(r, __builtin_popcount(access) == 1, "key %d: needs one of RO, RW, OW, RM", i);
        /* PFCOUNT keeps what it counted in the key. */
        EXPECT(r, access == KEY_RO || !(c->flags & CMD_READONLY) || strcmp(r->name, "pfcount") == 0,
               "key %d: written by a readonly command", i);
        EXPECT(r, access == KEY_RO || (k->flags & (KEY_UPDATE | KEY_INSERT | KEY_DELETE | KEY_ACCESS)),
               "key %d: what does it do with the value?", i);
        EXPECT(r, k->find != KEY_FIND_RANGE || k->begin == KEY_BEGIN_UNKNOWN || k->step > 0, "key %d: step", i);
        EXPECT(r, k->begin != KEY_BEGIN_INDEX || k->index >= r->names, "key %d: begins inside the name", i);
    }
}

static void
test_flags(void **state)
{
    each_row(check_flags);
    each_row(check_key_flags);
}

/* -- grammar -------------------------------------------------------------------------------------------------- */

static bool
has_free_arguments(const struct row *r)
{
    /* DEBUG is one row for many subcommands. */
    return r->cmd->subs != NULL || strcmp(r->name, "debug") == 0;
}

static void
check_arity(const struct row *r, struct arena *a)
{
    const char *error;
    struct cmd_arg *args = cmd_grammar_parse(a, r->cmd, &error);
    int min, max, arity = r->cmd->arity;

    EXPECT(r, error == NULL, "grammar: %s in \"%s\"", error, r->cmd->args);
    if (has_free_arguments(r))
        return;
    cmd_grammar_words(args, &min, &max);
    min += r->names;
    max = max < 0 ? max : max + r->names;
    /* QUIT takes and ignores whatever follows; SHUTDOWN's parser decides by itself. */
    if (arity > 0)
        EXPECT(r, min == arity && max == arity, "grammar takes %d to %d words, arity says %d", min, max, arity);
    else
        EXPECT(r, min == -arity && (max < 0 || max > min || strcmp(r->name, "quit") == 0),
               "grammar takes %d to %d words, arity says %d", min, max, arity);
}

static void
test_grammar_agrees_with_arity(void **state)
{
    each_row(check_arity);
}

/* -- keys ----------------------------------------------------------------------------------------------------- */

/* A command made up from the grammar: key arguments say KEY, numbers are right as numbers of keys. */
/* No token of any command looks like this. */
#define SAMPLE_KEY LIT("<key>")

struct sample {
    struct slice words[WORDS_MAX];
    int n;
    bool options;   /* with what is optional */
    int repeats;    /* of what may be repeated */
    unsigned pick;  /* which alternative */
    int numkeys_at; /* the last number's place, to be corrected by the keys after it */
};

static void
sample_word(struct sample *s, struct slice word)
{
    if (s->n < WORDS_MAX)
        s->words[s->n++] = word;
}

static void sample_args(struct sample *s, const struct cmd_arg *args);

static void
sample_once(struct sample *s, const struct cmd_arg *a, bool token)
{
    if (token && a->token.len > 0)
        sample_word(s, a->token);
    switch (a->type) {
    case ARG_PURE_TOKEN: break;
    case ARG_BLOCK: sample_args(s, a->children); break;
    case ARG_ONEOF: {
        const struct cmd_arg *c = a->children;
        struct cmd_arg alone;
        unsigned n = 0;

        for (const struct cmd_arg *i = c; i != NULL; i = i->next)
            n++;
        for (unsigned i = s->pick % n; i > 0; i--)
            c = c->next;
        alone = *c;
        alone.next = NULL;
        sample_args(s, &alone);
        break;
    }
    case ARG_KEY: sample_word(s, SAMPLE_KEY); break;
    case ARG_INTEGER:
        if (slice_eq(a->name, LIT("numkeys")))
            s->numkeys_at = s->n;
        sample_word(s, LIT("2"));
        break;
    default: sample_word(s, LIT("word")); break;
    }
}

static void
sample_args(struct sample *s, const struct cmd_arg *args)
{
    for (const struct cmd_arg *a = args; a != NULL; a = a->next) {
        int times = a->multiple ? s->repeats : 1;

        if (a->optional && !s->options)
            continue;
        for (int i = 0; i < times; i++)
            sample_once(s, a, a->token.len > 0 && (i == 0 || a->multiple_token || a->type == ARG_PURE_TOKEN));
    }
}

static void
check_sample(const struct row *r, const struct cmd_arg *args, struct sample *s)
{
    static const struct slice digits[] = {LIT_INIT("0"), LIT_INIT("1"), LIT_INIT("2"), LIT_INIT("3")};
    int index[WORDS_MAX], n, at = 0;
    uint16_t flags[WORDS_MAX];

    if (r->parent != NULL)
        sample_word(s, slice_cstr(r->parent->name));
    sample_word(s, slice_cstr(r->cmd->name));
    sample_args(s, args);
    if (s->numkeys_at > 0) {
        int keys = 0;
        for (int i = s->numkeys_at; i < s->n; i++)
            keys += slice_eq(s->words[i], SAMPLE_KEY); /* none, where they are optional and left out */
        s->words[s->numkeys_at] = digits[keys];
    }
    /* Without a source PFMERGE's second specification begins behind the end, which redis calls invalid too. */
    if (strcmp(r->name, "pfmerge") == 0 && s->n == 2)
        return;
    n = cmd_keys(r->cmd, s->words, s->n, index, flags, WORDS_MAX);
    EXPECT(r, n >= 0, "a sample of %d words has no keys to be found", s->n);
    for (int i = 0; i < s->n; i++) {
        bool is_key = slice_eq(s->words[i], SAMPLE_KEY), found = false;

        for (int k = 0; k < n && k < WORDS_MAX; k++)
            found = found || index[k] == i;
        at += is_key;
        EXPECT(r, is_key == found, "word %d of %d (\"%.*s\") %s", i, s->n, (int)s->words[i].len, s->words[i].ptr,
               is_key ? "is a key that the specifications miss" : "is no key, but the specifications say so");
    }
    EXPECT(r, n == at, "%d keys found, %d in the sample", n, at);
}

static void
check_keys(const struct row *r, struct arena *a)
{
    const char *error;
    struct cmd_arg *args = cmd_grammar_parse(a, r->cmd, &error);

    if (has_free_arguments(r) || error != NULL)
        return;
    for (unsigned variant = 0; variant < 12; variant++) {
        struct sample s = {.options = variant & 1, .repeats = 1 + (int)(variant >> 1) % 3, .pick = variant / 2};

        check_sample(r, args, &s);
    }
    for (int i = 0; i < spec_count(r->cmd); i++)
        EXPECT(r, args != NULL, "key specification %d of a command without arguments", i);
}

static void
test_keys_lie_inside(void **state)
{
    each_row(check_keys);
}

/* What is looked up ahead of the handler is an argument behind the first key that every such command has. */
static void
check_member(const struct row *r, struct arena *a)
{
    const struct cmd *c = r->cmd;
    int least = c->arity < 0 ? -c->arity : c->arity;

    if (c->member == 0)
        return;
    int at = c->member < 0 ? least + c->member : c->member;
    EXPECT(r, c->keys[0].begin == KEY_BEGIN_INDEX && c->keys[0].find == KEY_FIND_RANGE, "looks into no fixed key");
    EXPECT(r, at > c->keys[0].index && at < least, "member %d is not among the arguments", c->member);
    EXPECT(r, (c->flags & CMD_FAST) != 0, "is not quick, so nothing is gained");
}

static void
test_members_lie_behind_the_key(void **state)
{
    each_row(check_member);
}

/* -- the compiler itself -------------------------------------------------------------------------------------- */

static void
assert_text(const char *args, const char *text, int min, int max)
{
    struct arena a = {0};
    struct buf b = {0};
    struct cmd row = {.args = args, .keys = {KEY_AT(1, KEY_RO), KEY_AT(2, KEY_RO)}};
    const char *error;
    struct cmd_arg *tree = cmd_grammar_parse(&a, &row, &error);
    int low, high;

    assert_null(error);
    cmd_grammar_text(tree, &b);
    buf_add_char(&b, '\0');
    assert_string_equal(b.ptr, text);
    cmd_grammar_words(tree, &low, &high);
    assert_int_equal(low, min);
    assert_int_equal(high, max);
    buf_fini(&b);
    arena_fini(&a);
}

static void
test_text(void **state)
{
    assert_text("key", "key", 1, 1);
    assert_text("key cond=[NX|XX] ch=[CH] data={score:double member}...",
                "key [NX | XX] [CH] score member [score member ...]", 3, -1);
    assert_text("[LIMIT {offset:int count:int}] [COUNT count:int]", "[LIMIT offset count] [COUNT count]", 0, 5);
    assert_text("numkeys:int key... where=<MIN|MAX>", "numkeys key [key ...] <MIN | MAX>", 3, -1);
    assert_text("[GET pattern:pattern]...", "[GET pattern [GET pattern ...]]", 0, -1);
    assert_text("[WEIGHTS weight:int...]", "[WEIGHTS weight [weight ...]]", 0, -1);
    assert_text("op=<'='|'~'|word>", "<= | ~ | word>", 1, 1);
}

static void
assert_broken(const char *args)
{
    struct arena a = {0};
    struct cmd row = {.args = args};
    const char *error;

    assert_null(cmd_grammar_parse(&a, &row, &error));
    assert_non_null(error);
    arena_fini(&a);
}

static void
test_slips(void **state)
{
    assert_broken("[key");
    assert_broken("key]");
    assert_broken("<A|B>"); /* no name */
    assert_broken("{a b}");
    assert_broken("key:number");
    assert_broken("key  member");
    assert_broken("a|b");
    assert_broken("x={a|b}");
    assert_broken("'open");
    assert_broken("x=[a b|c]");
    assert_broken(" ");
}

static void
test_tree(void **state)
{
    struct arena a = {0};
    struct cmd row = {.args = "src:key dst:key [STORE other:key#2]@6.2.0 [TYPE kind=<A|B@7.0.0>] none:key#-",
                      .keys = {KEY_AT(1, KEY_RO), KEY_AT(2, KEY_RO), KEY_AT(3, KEY_RO)}};
    const char *error;
    struct cmd_arg *t = cmd_grammar_parse(&a, &row, &error);

    assert_non_null(t);
    assert_int_equal(t->key_spec, 0);
    t = t->next;
    assert_int_equal(t->key_spec, 1);
    t = t->next;
    assert_int_equal(t->key_spec, 2);
    assert_true(t->optional && slice_eq(t->token, LIT("STORE")) && slice_eq(t->name, LIT("other")));
    assert_true(slice_eq(t->since, LIT("6.2.0")));
    t = t->next;
    assert_int_equal(t->type, ARG_ONEOF);
    assert_true(slice_eq(t->token, LIT("TYPE")) && slice_eq(t->name, LIT("kind")));
    assert_true(slice_eq(t->children->next->since, LIT("7.0.0")) && slice_eq(t->children->name, LIT("a")));
    assert_int_equal(t->next->key_spec, -1);
    arena_fini(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_slips),
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_grammar_agrees_with_arity),
        cmocka_unit_test(test_keys_lie_inside),
        cmocka_unit_test(test_members_lie_behind_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
