/* cmd/cmd_commandlog.c - SLOWLOG and COMMANDLOG: commands that took long, or were large. */
#include "engine/commandlog.h"

#include "engine/exec.h"

/* -- SLOWLOG -------------------------------------------------------------------------------------------------- */

static void
put_common(struct exec *x, const struct commandlog_entry *e, size_t fields)
{
    reply_array(x, fields);
    reply_int(x, (int64_t)e->id);
    reply_int(x, e->at_ms / 1000);
    reply_int(x, e->value);
    reply_array(x, (size_t)e->argc);
    for (int i = 0; i < e->argc; i++)
        reply_bulk(x, e->argv[i]);
    reply_bulk(x, e->addr);
    reply_bulk(x, e->name);
}

static enum rc
slowlog_get(struct exec *x)
{
    size_t have = commandlog_len(x->engine, COMMANDLOG_SLOW), n;
    int64_t count = 10;

    if (x->argc > 3)
        return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try SLOWLOG HELP.",
                    (int)(x->argv[1].len < 128 ? x->argv[1].len : 128), x->argv[1].ptr);
    if (x->argc == 3 && (arg_int(x, x->argv[2], &count) != RC_OK || count < -1))
        return fail(x, "ERR count should be greater than or equal to -1");
    n = count < 0 || (uint64_t)count > have ? have : (size_t)count;
    reply_array(x, n);
    for (size_t i = 0; i < n; i++)
        put_common(x, commandlog_at(x->engine, COMMANDLOG_SLOW, i), 6);
    return RC_OK;
}

static enum rc
slowlog_len_reply(struct exec *x)
{
    return reply_int(x, (int64_t)commandlog_len(x->engine, COMMANDLOG_SLOW));
}

static enum rc
slowlog_reset_reply(struct exec *x)
{
    commandlog_reset(x->engine, COMMANDLOG_SLOW);
    return reply_ok(x);
}

static enum rc
slowlog_help(struct exec *x)
{
    static const char *const lines[] = {
        "GET [<count>]",
        "    Return the latest entries (10 of them, -1 for all): number, time, microseconds,",
        "    arguments, client address, client name.",
        "LEN",
        "    Tell how many entries there are.",
        "RESET",
        "    Drop all entries.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- COMMANDLOG ----------------------------------------------------------------------------------------------- */

static enum rc
parse_type(struct exec *x, struct slice arg, enum commandlog_type *type)
{
    if (arg_is(arg, LIT("slow")))
        *type = COMMANDLOG_SLOW;
    else if (arg_is(arg, LIT("large-request")))
        *type = COMMANDLOG_LARGE_REQUEST;
    else if (arg_is(arg, LIT("large-reply")))
        *type = COMMANDLOG_LARGE_REPLY;
    else
        return fail(x, "ERR type should be one of the following: slow, large-request, large-reply");
    return RC_OK;
}

static enum rc
commandlog_get(struct exec *x)
{
    enum commandlog_type type;
    int64_t count;

    if (arg_int(x, x->argv[2], &count) != RC_OK || count < -1)
        return fail(x, "ERR count should be greater than or equal to -1");
    TRY(parse_type(x, x->argv[3], &type));
    size_t have = commandlog_len(x->engine, type), n = count < 0 || (uint64_t)count > have ? have : (size_t)count;
    reply_array(x, n);
    for (size_t i = 0; i < n; i++) {
        const struct commandlog_entry *e = commandlog_at(x->engine, type, i);
        put_common(x, e, 11);
        reply_bulk(x, e->user);
        reply_int(x, e->db);
        reply_int(x, e->waited_us);
        reply_int(x, (int64_t)e->request_bytes);
        reply_int(x, (int64_t)e->reply_bytes);
    }
    return RC_OK;
}

static enum rc
commandlog_len_reply(struct exec *x)
{
    enum commandlog_type type;

    TRY(parse_type(x, x->argv[2], &type));
    return reply_int(x, (int64_t)commandlog_len(x->engine, type));
}

static enum rc
commandlog_reset_reply(struct exec *x)
{
    enum commandlog_type type;

    TRY(parse_type(x, x->argv[2], &type));
    commandlog_reset(x->engine, type);
    return reply_ok(x);
}

static enum rc
commandlog_help(struct exec *x)
{
    static const char *const lines[] = {
        "GET <count> <type>",
        "    Return the latest entries of a type (-1 for all): number, time, microseconds or",
        "    bytes, arguments, client address, client name, user, database, microseconds that",
        "    it waited for its turn, bytes of the request, bytes of the reply.",
        "LEN <type>",
        "    Tell how many entries of a type there are.",
        "RESET <type>",
        "    Drop all entries of a type. Types are slow, large-request and large-reply.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- rows ----------------------------------------------------------------------------------------------------- */

#define SLOWLOG_ROW .group = GROUP_SERVER, .flags = CMD_ADMIN | CMD_LOADING | CMD_STALE

static const struct cmd slowlog_subs[] = {
    {"get", slowlog_get, .arity = -2, SLOWLOG_ROW, .since = "2.2.12", .args = "[count:int]", .reply = "array",
     .about = "Returns the slowest commands of late.", .complexity = "O(N) for N entries",
     .tips = "request_policy:all_nodes nondeterministic_output",
     .history = "4.0.0 Entries tell the client's address and name."},
    {"help", slowlog_help, .arity = 2, .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE, .since = "6.2.0",
     .reply = "array", .about = "Explains the subcommands.", .complexity = "O(1)"},
    {"len", slowlog_len_reply, .arity = 2, SLOWLOG_ROW, .since = "2.2.12", .reply = "integer",
     .about = "Tells how many entries the slow log has.", .complexity = "O(1)",
     .tips = "request_policy:all_nodes response_policy:agg_sum nondeterministic_output"},
    {"reset", slowlog_reset_reply, .arity = 2, SLOWLOG_ROW, .since = "2.2.12", .reply = "OK",
     .about = "Drops all entries of the slow log.", .complexity = "O(N) for N entries",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {0},
};

#define TYPE_ARG "type=<'slow'|'large-request'|'large-reply'>"

static const struct cmd commandlog_subs[] = {
    {"get", commandlog_get, .arity = 4, SLOWLOG_ROW, .since = "8.1.0", .args = "count:int " TYPE_ARG, .reply = "array",
     .about = "Returns the latest entries of a log of commands.", .complexity = "O(N) for N entries",
     .tips = "request_policy:all_nodes nondeterministic_output"},
    {"help", commandlog_help, .arity = 2, .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE, .since = "8.1.0",
     .reply = "array", .about = "Explains the subcommands.", .complexity = "O(1)"},
    {"len", commandlog_len_reply, .arity = 3, SLOWLOG_ROW, .since = "8.1.0", .args = TYPE_ARG, .reply = "integer",
     .about = "Tells how many entries a log of commands has.", .complexity = "O(1)",
     .tips = "request_policy:all_nodes response_policy:agg_sum nondeterministic_output"},
    {"reset", commandlog_reset_reply, .arity = 3, SLOWLOG_ROW, .since = "8.1.0", .args = TYPE_ARG, .reply = "OK",
     .about = "Drops all entries of a log of commands.", .complexity = "O(N) for N entries",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {0},
};

const struct cmd cmd_commandlog_family[] = {
    {"slowlog", NULL, .arity = -2, .group = GROUP_SERVER, .subs = slowlog_subs, .since = "2.2.12",
     .about = "The log of slow commands.", .complexity = "that of the subcommand"},
    {"commandlog", NULL, .arity = -2, .group = GROUP_SERVER, .subs = commandlog_subs, .since = "8.1.0",
     .about = "The logs of slow and large commands.", .complexity = "that of the subcommand"},
    {0},
};
