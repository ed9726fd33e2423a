/* cmd/cmd_command.c - COMMAND: what commands there are, printed from their rows. */
#include "base/glob.h"
#include "engine/cmd_grammar.h"
#include "engine/dispatch.h"

/* -- INFO ----------------------------------------------------------------------------------------------------- */

static void
put_flag_set(struct exec *x, uint64_t bits, int count, const char *(*name)(int bit))
{
    size_t n = 0;

    for (int i = 0; i < count; i++)
        n += (bits >> i & 1) != 0 && name(i) != NULL;
    reply_set(x, n);
    for (int i = 0; i < count; i++)
        if ((bits >> i & 1) != 0 && name(i) != NULL)
            reply_simple(x, slice_cstr(name(i)));
}

static const char *
category_name(int bit)
{
    return cmd_category_name((enum acl_category)bit);
}

/* The categories carry the '@' of ACL rules. */
static void
put_categories(struct exec *x, uint64_t categories)
{
    reply_set(x, (size_t)__builtin_popcountll(categories));
    for (int i = 0; i < CAT_COUNT; i++)
        if (categories >> i & 1)
            reply_simple(x, arena_printf(x->arena, "@%s", category_name(i)));
}

static void
put_tips(struct exec *x, const char *tips)
{
    struct slice rest = slice_cstr(tips == NULL ? "" : tips);
    size_t n = rest.len > 0;

    for (size_t i = 0; i < rest.len; i++)
        n += rest.ptr[i] == ' ';
    reply_set(x, n);
    while (rest.len > 0) {
        const char *blank = memchr(rest.ptr, ' ', rest.len);
        size_t len = blank == NULL ? rest.len : (size_t)(blank - rest.ptr);

        reply_bulk(x, slice_of(rest.ptr, len));
        rest = slice_skip(rest, len + 1);
    }
}

static void
put_number(struct exec *x, struct slice name, int64_t n)
{
    reply_bulk(x, name);
    reply_int(x, n);
}

static void
put_text(struct exec *x, struct slice name, struct slice text)
{
    reply_bulk(x, name);
    reply_bulk(x, text);
}

static void
put_key_begin(struct exec *x, const struct key_spec *k)
{
    reply_map(x, 2);
    put_text(x, LIT("type"),
             k->begin == KEY_BEGIN_INDEX     ? LIT("index")
             : k->begin == KEY_BEGIN_KEYWORD ? LIT("keyword")
                                             : LIT("unknown"));
    reply_bulk(x, LIT("spec"));
    if (k->begin == KEY_BEGIN_INDEX) {
        reply_map(x, 1);
        put_number(x, LIT("index"), k->index);
    } else if (k->begin == KEY_BEGIN_KEYWORD) {
        reply_map(x, 2);
        put_text(x, LIT("keyword"), slice_cstr(k->keyword));
        put_number(x, LIT("startfrom"), k->index);
    } else {
        reply_map(x, 0);
    }
}

static void
put_key_find(struct exec *x, const struct key_spec *k)
{
    reply_map(x, 2);
    put_text(x, LIT("type"),
             k->find == KEY_FIND_RANGE    ? LIT("range")
             : k->find == KEY_FIND_KEYNUM ? LIT("keynum")
                                          : LIT("unknown"));
    reply_bulk(x, LIT("spec"));
    if (k->find == KEY_FIND_RANGE) {
        reply_map(x, 3);
        put_number(x, LIT("lastkey"), k->last);
        put_number(x, LIT("keystep"), k->step);
        put_number(x, LIT("limit"), k->limit);
    } else if (k->find == KEY_FIND_KEYNUM) {
        reply_map(x, 3);
        put_number(x, LIT("keynumidx"), k->numkeys_at);
        put_number(x, LIT("firstkey"), k->first_at);
        put_number(x, LIT("keystep"), k->step);
    } else {
        reply_map(x, 0);
    }
}

static int
key_spec_count(const struct cmd *row)
{
    int n = 0;

    while (n < KEY_SPECS_MAX && row->keys[n].begin != KEY_BEGIN_NONE)
        n++;
    return n;
}

static void
put_key_specs(struct exec *x, const struct cmd *row)
{
    int n = key_spec_count(row);

    reply_set(x, (size_t)n);
    for (int i = 0; i < n; i++) {
        reply_map(x, 3);
        reply_bulk(x, LIT("flags"));
        put_flag_set(x, row->keys[i].flags, 16, key_flag_name);
        reply_bulk(x, LIT("begin_search"));
        put_key_begin(x, &row->keys[i]);
        reply_bulk(x, LIT("find_keys"));
        put_key_find(x, &row->keys[i]);
    }
}

/* First key, last key and step, as far as these three numbers can tell: from the specifications that are plain ranges,
 * one following the other. */
static void
put_key_triple(struct exec *x, const struct cmd *row)
{
    int n = key_spec_count(row), first = 0, last = 0, step = 0;

    for (int i = 0; i < n; i++) {
        const struct key_spec *k = &row->keys[i];
        int end = k->last < 0 ? k->last : k->index + k->last;

        if (k->begin != KEY_BEGIN_INDEX || k->find != KEY_FIND_RANGE)
            continue;
        if (first == 0) {
            first = k->index;
            last = end;
            step = k->step;
        } else if (last == k->index - 1 && k->step == 1 && step == 1) {
            last = end;
        }
    }
    reply_int(x, first);
    reply_int(x, last);
    reply_int(x, step);
}

static void put_info(struct exec *x, const struct command *c);

static void
put_sub_infos(struct exec *x, const struct command *c)
{
    if (c->sub_count == 0) {
        reply_set(x, 0);
        return;
    }
    reply_array(x, c->sub_count);
    for (uint32_t i = 0; i < c->sub_count; i++)
        put_info(x, &c->subs[i]);
}

static void
put_info(struct exec *x, const struct command *c)
{
    reply_array(x, 10);
    reply_bulk(x, c->name);
    reply_int(x, c->arity);
    put_flag_set(x, c->flags, 24, cmd_flag_name);
    put_key_triple(x, c->row);
    put_categories(x, c->categories);
    put_tips(x, c->row->tips);
    put_key_specs(x, c->row);
    put_sub_infos(x, c);
}

static enum rc
put_all_infos(struct exec *x)
{
    reply_array(x, command_count(x->engine));
    for (size_t i = 0; i < command_count(x->engine); i++)
        put_info(x, command_at(x->engine, i));
    return RC_OK;
}

static enum rc
command_info(struct exec *x)
{
    if (x->argc == 2)
        return put_all_infos(x);
    reply_array(x, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++) {
        const struct command *c = command_by_full_name(x->engine, x->argv[i]);

        if (c == NULL)
            reply_null(x);
        else
            put_info(x, c);
    }
    return RC_OK;
}

static enum rc
cmd_command(struct exec *x)
{
    return put_all_infos(x);
}

/* -- DOCS ----------------------------------------------------------------------------------------------------- */

static void
put_arg_flags(struct exec *x, const struct cmd_arg *a)
{
    reply_bulk(x, LIT("flags"));
    reply_set(x, (size_t)a->optional + a->multiple + a->multiple_token);
    if (a->optional)
        reply_simple(x, LIT("optional"));
    if (a->multiple)
        reply_simple(x, LIT("multiple"));
    if (a->multiple_token)
        reply_simple(x, LIT("multiple_token"));
}

/* Rows are ours and shallow (cmd_grammar.c limits the depth), so this may recurse. */
static void
put_args(struct exec *x, const struct cmd_arg *args)
{
    size_t n = 0;

    for (const struct cmd_arg *a = args; a != NULL; a = a->next)
        n++;
    reply_array(x, n);
    for (const struct cmd_arg *a = args; a != NULL; a = a->next) {
        bool group = a->type == ARG_ONEOF || a->type == ARG_BLOCK;
        bool flags = a->optional || a->multiple;
        bool token = a->token.len > 0 || a->type == ARG_PURE_TOKEN; /* MIGRATE has an empty one */

        reply_map(x, (size_t)3 + (a->type == ARG_KEY && a->key_spec >= 0) + token + (a->since.len > 0) + flags);
        put_text(x, LIT("name"), a->name);
        put_text(x, LIT("type"), slice_cstr(cmd_arg_type_name(a->type)));
        if (!group)
            put_text(x, LIT("display_text"), a->name);
        if (a->type == ARG_KEY && a->key_spec >= 0)
            put_number(x, LIT("key_spec_index"), a->key_spec);
        if (token)
            put_text(x, LIT("token"), a->token);
        if (a->since.len > 0)
            put_text(x, LIT("since"), a->since);
        if (flags)
            put_arg_flags(x, a);
        if (group) {
            reply_bulk(x, LIT("arguments"));
            put_args(x, a->children);
        }
    }
}

/* "6.2.0 text|7.0.0 text" as pairs. */
static void
put_history(struct exec *x, const char *history)
{
    struct slice rest = slice_cstr(history);
    size_t n = 1;

    for (size_t i = 0; i < rest.len; i++)
        n += rest.ptr[i] == '|';
    reply_bulk(x, LIT("history"));
    reply_set(x, n);
    while (n-- > 0) {
        const char *bar = memchr(rest.ptr, '|', rest.len);
        struct slice one = slice_of(rest.ptr, bar == NULL ? rest.len : (size_t)(bar - rest.ptr));
        const char *blank = memchr(one.ptr, ' ', one.len);
        size_t version = blank == NULL ? one.len : (size_t)(blank - one.ptr);

        reply_array(x, 2);
        reply_bulk(x, slice_of(one.ptr, version));
        reply_bulk(x, slice_skip(one, version + 1));
        rest = slice_skip(rest, one.len + 1);
    }
}

static void put_doc(struct exec *x, const struct command *c);

static void
put_sub_docs(struct exec *x, const struct command *c)
{
    reply_bulk(x, LIT("subcommands"));
    reply_map(x, c->sub_count);
    for (uint32_t i = 0; i < c->sub_count; i++)
        put_doc(x, &c->subs[i]);
}

/* A name and its map. */
static void
put_doc(struct exec *x, const struct command *c)
{
    const struct cmd *row = c->row;
    const char *wrong;
    struct cmd_arg *args = cmd_grammar_parse(x->arena, row, &wrong);

    reply_bulk(x, c->name);
    reply_map(x, (size_t)2 + (row->since != NULL) + (row->complexity != NULL) +
                     (row->deprecated_since != NULL ? 2 : 0) + (row->replaced_by != NULL) + (row->history != NULL) +
                     (args != NULL) + (c->sub_count > 0));
    put_text(x, LIT("summary"), slice_cstr(row->about == NULL ? "" : row->about));
    if (row->since != NULL)
        put_text(x, LIT("since"), slice_cstr(row->since));
    put_text(x, LIT("group"), slice_cstr(cmd_group_name(row->group)));
    if (row->complexity != NULL)
        put_text(x, LIT("complexity"), slice_cstr(row->complexity));
    if (row->deprecated_since != NULL) {
        reply_bulk(x, LIT("doc_flags"));
        reply_set(x, 1);
        reply_simple(x, LIT("deprecated"));
        put_text(x, LIT("deprecated_since"), slice_cstr(row->deprecated_since));
    }
    if (row->replaced_by != NULL)
        put_text(x, LIT("replaced_by"), slice_cstr(row->replaced_by));
    if (row->history != NULL)
        put_history(x, row->history);
    if (args != NULL) {
        reply_bulk(x, LIT("arguments"));
        put_args(x, args);
    }
    if (c->sub_count > 0)
        put_sub_docs(x, c);
}

static enum rc
command_docs(struct exec *x)
{
    struct reply_mark mark = reply_mark_here(&x->reply);
    size_t n = 0;

    if (x->argc == 2) {
        for (; n < command_count(x->engine); n++)
            put_doc(x, command_at(x->engine, n));
    }
    for (int i = 2; i < x->argc; i++) {
        const struct command *c = command_by_full_name(x->engine, x->argv[i]);

        if (c != NULL) {
            put_doc(x, c);
            n++;
        }
    }
    reply_close_map(&x->reply, mark, n);
    return RC_OK;
}

/* -- COUNT, LIST ---------------------------------------------------------------------------------------------- */

static enum rc
command_count_all(struct exec *x)
{
    return reply_int(x, (int64_t)command_count(x->engine));
}

enum list_filter { FILTER_NONE, FILTER_MODULE, FILTER_CATEGORY, FILTER_PATTERN };

static bool
list_fits(const struct command *c, enum list_filter filter, struct slice arg)
{
    if (filter == FILTER_PATTERN)
        return glob_match(arg, c->name, true);
    if (filter == FILTER_CATEGORY) {
        for (int i = 0; i < CAT_COUNT; i++)
            if (slice_eq_nocase(arg, slice_cstr(category_name(i))))
                return c->categories >> i & 1;
        return false;
    }
    return filter == FILTER_NONE; /* there are no modules */
}

static enum rc
command_list(struct exec *x)
{
    enum list_filter filter = FILTER_NONE;
    struct slice arg = {0};
    struct reply_mark mark;
    size_t n = 0;

    if (x->argc == 5 && arg_is(x->argv[2], LIT("filterby"))) {
        arg = x->argv[4];
        filter = arg_is(x->argv[3], LIT("module"))    ? FILTER_MODULE
                 : arg_is(x->argv[3], LIT("aclcat"))  ? FILTER_CATEGORY
                 : arg_is(x->argv[3], LIT("pattern")) ? FILTER_PATTERN
                                                      : FILTER_NONE;
        if (filter == FILTER_NONE)
            return RC_SYNTAX;
    } else if (x->argc != 2) {
        return RC_SYNTAX;
    }
    mark = reply_mark_here(&x->reply);
    for (size_t i = 0; i < command_count(x->engine); i++) {
        const struct command *c = command_at(x->engine, i);

        for (uint32_t k = 0; k <= c->sub_count; k++) {
            const struct command *one = k == 0 ? c : &c->subs[k - 1];

            if (list_fits(one, filter, arg)) {
                reply_bulk(x, one->name);
                n++;
            }
        }
    }
    reply_close_array(&x->reply, mark, n);
    return RC_OK;
}

/* -- GETKEYS -------------------------------------------------------------------------------------------------- */

static bool
has_keys(const struct cmd *row)
{
    if (row->find_keys != NULL)
        return true;
    for (int i = 0; i < key_spec_count(row); i++)
        if (!(row->keys[i].flags & KEY_NOT_KEY))
            return true;
    return false;
}

static enum rc
get_keys(struct exec *x, bool with_flags)
{
    const struct slice *argv = x->argv + 2;
    int argc = x->argc - 2, n;
    const struct command *c = command_resolve(x->engine, argv, argc);
    int *index;
    uint16_t *flags;

    if (c == NULL)
        return fail(x, "ERR Invalid command specified");
    if (!has_keys(c->row))
        return fail(x, "ERR The command has no key arguments");
    if ((c->arity > 0 && c->arity != argc) || argc < -c->arity)
        return fail(x, "ERR Invalid number of arguments specified for command");
    /* No command has more keys than arguments. */
    index = arena_array(x->arena, (size_t)argc, sizeof(*index));
    flags = arena_array(x->arena, (size_t)argc, sizeof(*flags));
    n = cmd_keys(c->row, argv, argc, index, flags, argc);
    if (n < 0 || n > argc || (n == 0 && !(c->flags & CMD_NO_MANDATORY_KEYS)))
        return fail(x, "ERR Invalid arguments specified for command");
    reply_array(x, (size_t)n);
    for (int i = 0; i < n; i++) {
        if (with_flags)
            reply_array(x, 2);
        reply_bulk(x, argv[index[i]]);
        if (with_flags)
            put_flag_set(x, flags[i], 16, key_flag_name);
    }
    return RC_OK;
}

static enum rc
command_getkeys(struct exec *x)
{
    return get_keys(x, false);
}

static enum rc
command_getkeysandflags(struct exec *x)
{
    return get_keys(x, true);
}

static enum rc
command_help(struct exec *x)
{
    static const char *const lines[] = {
        "(no subcommand)",
        "    Describe all commands.",
        "COUNT",
        "    Tell how many commands there are.",
        "DOCS [<command-name> ...]",
        "    Return the documentation of commands, of all of them without a name.",
        "GETKEYS <full-command>",
        "    Return the keys in a command.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys in a command and what it does with them.",
        "INFO [<command-name> ...]",
        "    Describe commands, all of them without a name.",
        "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
        "    Return the names of commands.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- rows ----------------------------------------------------------------------------------------------------- */

#define COMMAND_ROW .group = GROUP_SERVER, .categories = CAT(CONNECTION), .flags = CMD_LOADING | CMD_STALE

static const struct cmd command_subs[] = {
    {"count", command_count_all, .arity = 2, COMMAND_ROW, .since = "2.8.13", .reply = "integer",
     .about = "Tells how many commands there are.", .complexity = "O(1)"},
    {"docs", command_docs, .arity = -2, COMMAND_ROW, .since = "7.0.0", .args = "[command-name...]", .reply = "map",
     .about = "Returns the documentation of commands.", .complexity = "O(N) for N commands",
     .tips = "nondeterministic_output_order"},
    {"getkeys", command_getkeys, .arity = -3, COMMAND_ROW, .since = "2.8.13", .args = "command [arg...]",
     .reply = "array", .about = "Returns the keys in a command.", .complexity = "O(N) for N arguments"},
    {"getkeysandflags", command_getkeysandflags, .arity = -3, COMMAND_ROW, .since = "7.0.0", .args = "command [arg...]",
     .reply = "array", .about = "Returns the keys in a command and what it does with them.",
     .complexity = "O(N) for N arguments"},
    {"help", command_help, .arity = 2, COMMAND_ROW, .since = "5.0.0", .reply = "array",
     .about = "Explains the subcommands.", .complexity = "O(1)"},
    {"info", command_info, .arity = -2, COMMAND_ROW, .since = "2.8.13", .args = "[command-name...]", .reply = "array",
     .about = "Describes commands.", .complexity = "O(N) for N commands", .tips = "nondeterministic_output_order",
     .history = "7.0.0 Without arguments it describes all commands."},
    {"list", command_list, .arity = -2, COMMAND_ROW, .since = "7.0.0",
     .args = "[FILTERBY <MODULE module-name|ACLCAT category|PATTERN pattern:pattern>]", .reply = "array",
     .about = "Returns the names of commands.", .complexity = "O(N) for N commands",
     .tips = "nondeterministic_output_order"},
    {0},
};

const struct cmd cmd_command_family[] = {
    {"command", cmd_command, .arity = -1, COMMAND_ROW, .subs = command_subs, .since = "2.8.13", .reply = "array",
     .about = "Describes all commands.", .complexity = "O(N) for N commands", .tips = "nondeterministic_output_order"},
    {0},
};
