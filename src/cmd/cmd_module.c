/* cmd/cmd_module.c - MODULE: there are none. Tools list them to find out what a server can do. */
#include "engine/dispatch.h"

static enum rc
module_list(struct exec *x)
{
    reply_array(x, 0);
    return RC_OK;
}

static enum rc
module_refused(struct exec *x)
{
    return fail(x, "ERR MODULE command not allowed. Sorrel loads no modules; JSON is built in.");
}

static enum rc
module_help(struct exec *x)
{
    static const char *const lines[] = {
        "LIST",
        "    List the modules that are loaded: none.",
        "LOAD <path> [<arg> ...]",
        "    Refused: no modules can be loaded.",
        "LOADEX <path> [CONFIG <name> <value> ...] [ARGS <arg> ...]",
        "    Refused likewise.",
        "UNLOAD <name>",
        "    Refused likewise.",
        NULL,
    };

    return reply_help(x, lines);
}

#define LOADING_ROW .group = GROUP_SERVER, .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING, .reply = "error"

static const struct cmd module_subs[] = {
    {"help", module_help, .arity = 2, .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE, .since = "5.0.0",
     .reply = "array", .about = "Explains the subcommands.", .complexity = "O(1)"},
    {"list", module_list, .arity = 2, .group = GROUP_SERVER, .flags = CMD_ADMIN | CMD_NOSCRIPT, .since = "4.0.0",
     .reply = "array", .about = "Lists the modules that are loaded: none.", .complexity = "O(1)",
     .tips = "nondeterministic_output_order"},
    {"load", module_refused, .arity = -3, LOADING_ROW, .since = "4.0.0", .args = "path [arg]...",
     .about = "Refused: no modules can be loaded.", .complexity = "O(1)"},
    {"loadex", module_refused, .arity = -3, LOADING_ROW, .since = "7.0.0",
     .args = "path [[CONFIG configs={name value}]...] [[ARGS args]...]", .about = "Refused: no modules can be loaded.",
     .complexity = "O(1)"},
    {"unload", module_refused, .arity = 3, LOADING_ROW, .since = "4.0.0", .args = "name",
     .about = "Refused: no modules can be loaded.", .complexity = "O(1)"},
    {0},
};

const struct cmd cmd_module_family[] = {
    {"module", NULL, .arity = -2, .group = GROUP_SERVER, .subs = module_subs, .since = "4.0.0",
     .about = "What is loaded into the server beside its own.", .complexity = "that of the subcommand"},
    {0},
};
