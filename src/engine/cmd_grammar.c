/* engine/cmd_grammar.c - from a row's argument grammar to its tree, and from the tree to text.
 *
 * The texts are our own rows, so recursion is as deep as we write them; a limit catches a slip of the pen. */
#include "engine/cmd_grammar.h"

#include <stdlib.h>

enum { GRAMMAR_DEPTH_MAX = 12 };

struct grammar {
    struct arena *arena;
    const char *p;
    const char *error;
    int depth;
    int keys;  /* key arguments so far */
    int specs; /* key specifications of the row */
};

/* -- characters ----------------------------------------------------------------------------------------------- */

static bool
is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool
is_token_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool
is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool
is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static struct slice
take_name(struct grammar *g)
{
    const char *start = g->p;

    while (is_name_char(*g->p))
        g->p++;
    return slice_of(start, (size_t)(g->p - start));
}

/* The label before an item, `name=`; empty when there is none. */
static struct slice
take_label(struct grammar *g)
{
    const char *start = g->p;
    struct slice name = is_lower(*start) ? take_name(g) : (struct slice){0};

    if (name.len > 0 && *g->p == '=') {
        g->p++;
        return name;
    }
    g->p = start;
    return (struct slice){0};
}

static void *
broken(struct grammar *g, const char *why)
{
    if (g->error == NULL)
        g->error = why;
    return NULL;
}

/* -- items ---------------------------------------------------------------------------------------------------- */

static struct cmd_arg *parse_item(struct grammar *g);
static struct cmd_arg *parse_core(struct grammar *g);

static struct cmd_arg *
new_arg(struct grammar *g, enum cmd_arg_type type)
{
    struct cmd_arg *a = arena_get(g->arena, sizeof(*a));

    *a = (struct cmd_arg){.type = type, .key_spec = -1};
    return a;
}

static void
set_key_spec(struct grammar *g, struct cmd_arg *a)
{
    int n = g->keys++;

    if (*g->p == '#') {
        g->p++;
        if (*g->p == '-') {
            g->p++;
            g->keys--;
            return;
        }
        n = (int)strtol(g->p, (char **)&g->p, 10);
        g->keys = n + 1;
    }
    a->key_spec = n < g->specs ? n : g->specs - 1;
}

static struct cmd_arg *
parse_word(struct grammar *g)
{
    static const struct {
        struct slice text;
        enum cmd_arg_type type;
    } types[] = {
        {LIT_INIT("string"), ARG_STRING}, {LIT_INIT("int"), ARG_INTEGER},     {LIT_INIT("double"), ARG_DOUBLE},
        {LIT_INIT("key"), ARG_KEY},       {LIT_INIT("pattern"), ARG_PATTERN}, {LIT_INIT("time"), ARG_UNIX_TIME},
    };
    struct cmd_arg *a = new_arg(g, ARG_STRING);

    a->name = take_name(g);
    if (*g->p == ':') {
        g->p++;
        struct slice type = take_name(g);
        size_t i = 0;

        while (i < sizeof(types) / sizeof(types[0]) && !slice_eq(types[i].text, type))
            i++;
        if (i == sizeof(types) / sizeof(types[0]))
            return broken(g, "unknown type of argument");
        a->type = types[i].type;
    } else if (slice_eq(a->name, LIT("key"))) {
        a->type = ARG_KEY;
    }
    if (a->type == ARG_KEY)
        set_key_spec(g, a);
    return a;
}

/* Whether what follows a token belongs to it: a blank, then a word, a block or a choice. */
static bool
token_binds(struct grammar *g)
{
    const char *start = g->p;
    bool binds;

    if (*g->p != ' ')
        return false;
    g->p++;
    take_label(g);
    binds = is_lower(*g->p) || *g->p == '{' || *g->p == '<';
    g->p = start;
    return binds;
}

static struct slice
lower_copy(struct arena *a, struct slice s)
{
    char *text = arena_get(a, s.len);

    for (size_t i = 0; i < s.len; i++)
        text[i] = ascii_lower(s.ptr[i]);
    return slice_of(text, s.len);
}

static struct cmd_arg *
parse_token(struct grammar *g)
{
    struct slice token;
    struct cmd_arg *a;

    if (*g->p == '\'') {
        const char *end = strchr(g->p + 1, '\'');
        if (end == NULL)
            return broken(g, "quote not closed");
        token = slice_of(g->p + 1, (size_t)(end - g->p - 1));
        g->p = end + 1;
    } else {
        const char *start = g->p;
        while (is_token_char(*g->p))
            g->p++;
        token = slice_of(start, (size_t)(g->p - start));
    }
    if (!token_binds(g)) {
        a = new_arg(g, ARG_PURE_TOKEN);
    } else {
        g->p++;
        struct slice label = take_label(g);
        a = parse_core(g);
        if (a == NULL)
            return NULL;
        if (label.len > 0)
            a->name = label;
    }
    a->token = token;
    if (a->name.len == 0)
        a->name = lower_copy(g->arena, token);
    return a;
}

/* Items up to the closing character: separated by `|` they are alternatives, by blanks a sequence. */
static struct cmd_arg *
parse_group(struct grammar *g, char close, bool *alternatives)
{
    struct cmd_arg *head = NULL, **tail = &head;

    *alternatives = false;
    if (++g->depth > GRAMMAR_DEPTH_MAX)
        return broken(g, "nested too deeply");
    for (;;) {
        struct cmd_arg *a = parse_item(g);
        if (a == NULL)
            return NULL;
        *tail = a;
        tail = &a->next;
        if (*g->p == close)
            break;
        if (*g->p != ' ' && *g->p != '|')
            return broken(g, "blank, | or the end of the group expected");
        if (a != head && *alternatives != (*g->p == '|'))
            return broken(g, "an alternative must be one item");
        *alternatives = *g->p == '|';
        g->p++;
    }
    if (close != '\0')
        g->p++;
    g->depth--;
    return head;
}

static struct cmd_arg *
parse_bracketed(struct grammar *g)
{
    char open = *g->p++;
    bool alternatives;
    struct cmd_arg *inside = parse_group(g, open == '[' ? ']' : open == '{' ? '}' : '>', &alternatives);
    struct cmd_arg *a;

    if (inside == NULL)
        return NULL;
    if (open == '{' && alternatives)
        return broken(g, "{…} holds a sequence");
    if (open == '[' && inside->next == NULL) {
        a = inside;
    } else {
        a = new_arg(g, open == '<' || alternatives ? ARG_ONEOF : ARG_BLOCK);
        a->children = inside;
    }
    if (open == '[')
        a->optional = true;
    return a;
}

static struct cmd_arg *
parse_core(struct grammar *g)
{
    switch (*g->p) {
    case '[':
    case '{':
    case '<': return parse_bracketed(g);
    case '\'': return parse_token(g);
    default: break;
    }
    if (is_upper(*g->p))
        return parse_token(g);
    return is_lower(*g->p) ? parse_word(g) : broken(g, "an argument expected");
}

static struct cmd_arg *
parse_item(struct grammar *g)
{
    struct slice label = take_label(g);
    bool bracket = *g->p == '[';
    struct cmd_arg *a = parse_core(g);

    if (a == NULL)
        return NULL;
    if (label.len > 0)
        a->name = label;
    if (a->name.len == 0)
        return broken(g, "a group needs a name");
    if (strncmp(g->p, "...", 3) == 0) {
        g->p += 3;
        a->multiple = true;
        a->multiple_token = bracket && a->token.len > 0 && a->type != ARG_PURE_TOKEN;
    }
    if (*g->p == '@') {
        const char *start = ++g->p;
        while ((*g->p >= '0' && *g->p <= '9') || (*g->p == '.' && g->p[1] != '.'))
            g->p++;
        a->since = slice_of(start, (size_t)(g->p - start));
    }
    return a;
}

struct cmd_arg *
cmd_grammar_parse(struct arena *a, const struct cmd *cmd, const char **error)
{
    struct grammar g = {.arena = a, .p = cmd->args};
    bool alternatives;
    struct cmd_arg *args;

    *error = NULL;
    if (cmd->args == NULL || cmd->args[0] == '\0')
        return NULL;
    while (g.specs < KEY_SPECS_MAX && cmd->keys[g.specs].begin != KEY_BEGIN_NONE)
        g.specs++;
    args = parse_group(&g, '\0', &alternatives);
    if (args != NULL && alternatives)
        args = broken(&g, "alternatives need a group");
    *error = g.error;
    return args;
}

const char *
cmd_arg_type_name(enum cmd_arg_type type)
{
    static const char *const names[] = {
        [ARG_STRING] = "string",         [ARG_INTEGER] = "integer",
        [ARG_DOUBLE] = "double",         [ARG_KEY] = "key",
        [ARG_PATTERN] = "pattern",       [ARG_UNIX_TIME] = "unix-time",
        [ARG_PURE_TOKEN] = "pure-token", [ARG_ONEOF] = "oneof",
        [ARG_BLOCK] = "block",
    };

    return names[type];
}

/* -- counting ------------------------------------------------------------------------------------------------- */

static void
words_of(const struct cmd_arg *a, int *min, int *max)
{
    int low, high;

    *min = *max = a->type == ARG_ONEOF || a->type == ARG_BLOCK ? 0 : 1;
    if (a->type == ARG_BLOCK)
        cmd_grammar_words(a->children, min, max);
    for (const struct cmd_arg *c = a->type == ARG_ONEOF ? a->children : NULL; c != NULL; c = c->next) {
        words_of(c, &low, &high);
        *min = c == a->children || low < *min ? low : *min;
        *max = *max < 0 || high < 0 ? -1 : high > *max ? high : *max;
    }
    if (a->token.len > 0 && a->type != ARG_PURE_TOKEN) {
        *min += 1;
        *max += *max >= 0;
    }
    if (a->optional)
        *min = 0;
    if (a->multiple)
        *max = -1;
}

void
cmd_grammar_words(const struct cmd_arg *args, int *min, int *max)
{
    *min = *max = 0;
    for (const struct cmd_arg *a = args; a != NULL; a = a->next) {
        int low, high;

        words_of(a, &low, &high);
        *min += low;
        *max = *max < 0 || high < 0 ? -1 : *max + high;
    }
}

/* -- text ----------------------------------------------------------------------------------------------------- */

/* The argument itself, without its token, brackets and repetition. */
static void
text_value(const struct cmd_arg *a, struct buf *out)
{
    if (a->type == ARG_PURE_TOKEN) {
        buf_add_slice(out, a->token);
    } else if (a->type == ARG_BLOCK) {
        cmd_grammar_text(a->children, out);
    } else if (a->type == ARG_ONEOF) {
        bool angles = !a->optional || a->token.len > 0;

        if (angles)
            buf_add_char(out, '<');
        for (const struct cmd_arg *c = a->children; c != NULL; c = c->next) {
            struct cmd_arg alone = *c;

            alone.next = NULL;
            if (c != a->children)
                buf_add_slice(out, LIT(" | "));
            cmd_grammar_text(&alone, out);
        }
        if (angles)
            buf_add_char(out, '>');
    } else {
        buf_add_slice(out, a->name);
    }
}

static void
text_with_token(const struct cmd_arg *a, bool token, struct buf *out)
{
    if (token && a->token.len > 0 && a->type != ARG_PURE_TOKEN) {
        buf_add_slice(out, a->token);
        buf_add_char(out, ' ');
    }
    text_value(a, out);
}

void
cmd_grammar_text(const struct cmd_arg *args, struct buf *out)
{
    for (const struct cmd_arg *a = args; a != NULL; a = a->next) {
        if (a != args)
            buf_add_char(out, ' ');
        if (a->optional)
            buf_add_char(out, '[');
        text_with_token(a, true, out);
        if (a->multiple) {
            buf_add_slice(out, LIT(" ["));
            text_with_token(a, a->multiple_token, out);
            buf_add_slice(out, LIT(" ...]"));
        }
        if (a->optional)
            buf_add_char(out, ']');
    }
}
