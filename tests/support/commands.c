/* tests/support/commands.c - walking grammars by chance. */
#include "support/commands.h"

enum { DEPTH_MAX = 8 };

/* clang-format off */
static const char *const members[] = {"a", "b", "c", "1", "2", "-3", "10", "1.5", "", "x\r\n", "abcdefghijklmnop",
                                      "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"};
static const char *const numbers[] = {"0", "1", "2", "3", "5", "10", "100", "1", "2", "-1", "-2"};
static const char *const odd[] = {"9223372036854775807", "-9223372036854775808", "4294967296", "inf", "nan", "0.1", "",
                                  "abc", "(1", "[a", "-", "+", "1-1", "*", "$", ">", "NX", "COUNT", "STORE", "GET", "BY"};
/* clang-format on */
static const char *const paths[] = {"$", ".", "$.a", "$..b", ".a"};
#define PICK(m, table) slice_cstr((table)[rng_below((m)->rng, sizeof(table) / sizeof((table)[0]))])

struct walk {
    const struct command_maker *m;
    struct made_command *out;
    uint64_t numkeys; /* 0: none was made */
    uint64_t keys_in_row;
};

static void
add(struct walk *w, struct slice s)
{
    struct made_command *out = w->out;

    if (out->n == COMMAND_WORDS_MAX)
        return;
    out->is_key[out->n] = false;
    out->key_flags[out->n] = 0;
    out->channel[out->n] = 0;
    out->v[out->n++] = s;
}

static void
add_key(struct walk *w, const struct cmd_arg *arg, struct slice s)
{
    struct made_command *out = w->out;

    if (out->n == COMMAND_WORDS_MAX)
        return;
    add(w, s);
    if (arg->key_spec < 0)
        return;
    uint16_t flags = out->command->row->keys[arg->key_spec].flags;
    out->is_key[out->n - 1] = !(flags & KEY_NOT_KEY);
    out->key_flags[out->n - 1] = flags;
}

/* UNSUBSCRIBE and the questions about channels need no right to them. */
static bool
add_channel(struct walk *w, const struct cmd_arg *arg)
{
    static const char *const some[] = {"c1", "c2", "n1"}, *const patterns[] = {"c*", "n*", "c1*"};
    struct slice name = w->out->command->name;
    bool pattern = slice_eq(name, LIT("psubscribe"));
    bool direct = slice_eq(name, LIT("subscribe")) || slice_eq(name, LIT("ssubscribe")) ||
                  slice_eq(name, LIT("publish")) || slice_eq(name, LIT("spublish"));

    if (!(pattern && slice_eq(arg->name, LIT("pattern"))) &&
        !(direct && (slice_eq(arg->name, LIT("channel")) || slice_eq(arg->name, LIT("shardchannel")))))
        return false;
    if (w->out->n == COMMAND_WORDS_MAX)
        return true;
    add(w, pattern ? PICK(w->m, patterns) : PICK(w->m, some));
    w->out->channel[w->out->n - 1] = pattern ? 2 : 1;
    return true;
}

static struct slice
key_word(const struct command_maker *m, const struct command *c)
{
    static const char *const own[GROUP_COUNT][3] = {
        [GROUP_STRING] = {"s1", "s2", "s3"}, [GROUP_LIST] = {"l1", "l2", "l3"},
        [GROUP_SET] = {"t1", "t2", "t3"},    [GROUP_SORTED_SET] = {"z1", "z2", "z3"},
        [GROUP_HASH] = {"h1", "h2", "h3"},   [GROUP_HYPERLOGLOG] = {"p1", "p2", "p3"},
        [GROUP_GEO] = {"g1", "g2", "g3"},    [GROUP_STREAM] = {"x1", "x2", "x3"},
        [GROUP_BITMAP] = {"s1", "b2", "b3"}, [GROUP_JSON] = {"j1", "j2", "j3"}};
    unsigned group = c->row->group;

    if (m->key != NULL)
        return m->key(m->ctx, c);
    if (own[group][0] == NULL || rng_below(m->rng, 10) == 0) {
        do
            group = (unsigned)rng_below(m->rng, GROUP_COUNT);
        while (own[group][0] == NULL);
    }
    return PICK(m, own[group]);
}

/* Words that a generic walk would hardly hit upon. */
static bool
special_word(struct walk *w, const struct cmd_arg *arg)
{
    static const char *const ids[] = {"*", "1-1", "5", "0", "$", ">", "100-*", "-", "+"};
    static const char *const scripts[] = {
        "return 1", "return redis.call('get', KEYS[1] or 's1')", "return redis.pcall('lpush', KEYS[1] or 'l1', 'a')",
        "return {redis.call('type', 'z1'), redis.pcall('sort', KEYS[1] or 'l1', 'alpha')}"};
    static const char *const lex[] = {"-", "+", "[a", "(b", "[c", "(z"};
    static const char *const json[] = {"1", "{\"a\":[1,2],\"b\":{\"a\":\"x\"}}", "[1,2,3]", "\"text\"", "null"};
    bool stream = w->out->command->row->group == GROUP_STREAM, is_json = w->out->command->row->group == GROUP_JSON;

    if (slice_eq(arg->name, LIT("script")))
        add(w, PICK(w->m, scripts));
    else if (stream &&
             (slice_eq(arg->name, LIT("id")) || slice_eq(arg->name, LIT("start")) || slice_eq(arg->name, LIT("end"))))
        add(w, PICK(w->m, ids));
    else if (arg->type == ARG_STRING && (slice_eq(arg->name, LIT("min")) || slice_eq(arg->name, LIT("max"))))
        add(w, PICK(w->m, lex));
    else if (slice_eq(arg->name, LIT("json-string")))
        add(w, LIT("\"x\""));
    else if (slice_eq(arg->name, LIT("longitude")) || slice_eq(arg->name, LIT("latitude")))
        add(w, LIT("12.5"));
    else if (slice_eq(arg->name, LIT("path")))
        add(w, PICK(w->m, paths));
    else if (is_json && (slice_eq(arg->name, LIT("value")) || slice_eq(arg->name, LIT("json"))))
        add(w, PICK(w->m, json));
    else
        return false;
    return true;
}

static void
value(struct walk *w, const struct cmd_arg *arg)
{
    const struct command_maker *m = w->m;

    if (m->wrong_one_in != 0 && rng_below(m->rng, m->wrong_one_in) == 0) {
        add(w, PICK(m, odd));
        return;
    }
    if (add_channel(w, arg) || special_word(w, arg))
        return;
    switch (arg->type) {
    case ARG_KEY: add_key(w, arg, key_word(m, w->out->command)); break;
    case ARG_DOUBLE:
    case ARG_UNIX_TIME:
    case ARG_INTEGER: add(w, PICK(m, numbers)); break;
    case ARG_PATTERN: add(w, rng_below(m->rng, 2) ? LIT("*") : LIT("?1")); break;
    default: add(w, PICK(m, members)); break;
    }
}

static void
number_of_keys(struct walk *w)
{
    char *text = arena_get(w->m->arena, 4);

    w->numkeys = 1 + rng_below(w->m->rng, 3);
    text[0] =
        (char)('0' + (w->m->wrong_one_in != 0 && rng_below(w->m->rng, 20) == 0 ? rng_below(w->m->rng, 9) : w->numkeys));
    add(w, slice_of(text, 1));
}

static void walk(struct walk *w, const struct cmd_arg *arg, int depth);

static void
one(struct walk *w, const struct cmd_arg *arg, int depth)
{
    if (arg->type == ARG_BLOCK) {
        walk(w, arg->children, depth + 1);
    } else if (arg->type == ARG_ONEOF) {
        const struct cmd_arg *choice = arg->children;
        size_t n = 0;
        for (const struct cmd_arg *c = arg->children; c != NULL; c = c->next, n++)
            if (rng_below(w->m->rng, n + 1) == 0)
                choice = c;
        if (choice != NULL) {
            struct cmd_arg alone = *choice;
            alone.next = NULL;
            alone.optional = false;
            walk(w, &alone, depth + 1);
        }
    } else if (slice_eq(arg->name, LIT("numkeys"))) {
        number_of_keys(w);
    } else {
        value(w, arg);
    }
}

static void
walk(struct walk *w, const struct cmd_arg *arg, int depth)
{
    struct rng *rng = w->m->rng;

    for (; arg != NULL && depth < DEPTH_MAX; arg = arg->next) {
        uint64_t times = arg->multiple ? 1 + rng_below(rng, 3) : 1;
        const struct cmd_arg *first = arg->type == ARG_BLOCK ? arg->children : arg;
        if (first != NULL && first->type == ARG_KEY && arg->multiple && w->numkeys > 0) {
            times = w->numkeys; /* keys that are counted need not be there, but these are */
            w->numkeys = 0;
        } else if (arg->optional && (w->m->no_options || rng_below(rng, 3) != 0)) {
            continue;
        }
        if (arg->multiple && slice_eq(arg->name, LIT("id")) && w->keys_in_row > 0)
            times = w->keys_in_row; /* XREAD: as many as streams */
        w->keys_in_row = arg->type == ARG_KEY && arg->multiple ? times : 0;
        for (uint64_t i = 0; i < times; i++) {
            if (arg->token.len > 0 && (i == 0 || arg->multiple_token || arg->type == ARG_PURE_TOKEN))
                add(w, arg->token);
            if (arg->type != ARG_PURE_TOKEN)
                one(w, arg, depth);
        }
    }
}

void
command_make(const struct command_maker *m, struct command *c, struct made_command *out)
{
    struct walk w = {.m = m, .out = out};
    const char *error = NULL;

    out->command = c;
    out->n = 0;
    if (c->parent != NULL)
        add(&w, slice_cstr(c->parent->row->name));
    add(&w, slice_cstr(c->row->name));
    walk(&w, cmd_grammar_parse(m->arena, c->row, &error), 0);
}

struct command *
command_any(const struct command_maker *m)
{
    for (;;) {
        struct command *c = command_at(m->engine, rng_below(m->rng, command_count(m->engine)));
        if (c->sub_count == 0)
            return c;
        return &c->subs[rng_below(m->rng, c->sub_count)];
    }
}
