/* script/cmd_eval.c - EVAL, EVALSHA, their read-only forms, and SCRIPT. */
#include "script/script_priv.h"

/* -- EVAL ------------------------------------------------------------------------------------------------------ */

enum rc
script__keys(struct exec *x, const char *not_a_number, int *keys)
{
    int64_t n;

    if (arg_int(x, x->argv[2], &n) != RC_OK)
        return fail(x, "%s", not_a_number);
    if (n > x->argc - 3)
        return fail(x, "ERR Number of keys can't be greater than number of args");
    if (n < 0)
        return fail(x, "ERR Number of keys can't be negative");
    *keys = (int)n;
    return RC_OK;
}

/* A script without a first line of flags has none; apart from that it is checked command by command as it runs. */
enum rc
script__check_flags(struct exec *x, uint32_t flags, bool read_only)
{
    unsigned conditions = engine_conditions(x->engine);

    if ((conditions & COND_STALE) && !(flags & SCRIPT_ALLOW_STALE))
        return fail(x, "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");
    if (!(flags & SCRIPT_HAS_SHEBANG))
        return RC_OK;
    if (flags & SCRIPT_NO_WRITES)
        return RC_OK;
    if (read_only)
        return fail(x, "ERR Can not execute a script with write flag using *_ro command.");
    if (conditions & COND_READ_ONLY)
        return fail(x, "READONLY You can not run script with write flag on readonly replica.");
    if ((conditions & COND_OVER_MEMORY) && !(flags & SCRIPT_ALLOW_OOM))
        return fail(x, "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'");
    return RC_OK;
}

static enum rc
run_script(struct exec *x, struct script_host *h, struct script *s, bool read_only, int keys)
{
    struct script_run run = {
        .name = slice_of(s->sha, SCRIPT_SHA_LEN),
        .flags = s->flags,
        .function_ref = s->ref,
        .keys = keys,
        .read_only = read_only || (s->flags & SCRIPT_NO_WRITES),
    };

    TRY(script__check_flags(x, s->flags, read_only));
    return script__run(h, x, &run);
}

static enum rc
eval(struct exec *x, bool read_only)
{
    struct script_host *h = script__host(x->engine);
    int keys = 0;

    monitor_feed(x);
    TRY(script__keys(x, rc_text(RC_NOT_INT).ptr, &keys));
    struct script *s = script__get(h, x, x->argv[1], false);
    if (s == NULL)
        return RC_REPLIED_ERROR;
    return run_script(x, h, s, read_only, keys);
}

static enum rc
evalsha(struct exec *x, bool read_only)
{
    struct script_host *h = script__host(x->engine);
    int keys = 0;

    monitor_feed(x);
    struct script *s = script__find(h, x->argv[1]);
    if (s == NULL)
        return fail(x, "NOSCRIPT No matching script. Please use EVAL.");
    TRY(script__keys(x, rc_text(RC_NOT_INT).ptr, &keys));
    script__keep(h, s);
    return run_script(x, h, s, read_only, keys);
}

/* Whether the script says so of itself. */
static bool
eval_only_reads(struct exec *x)
{
    struct slice code;
    uint32_t flags;

    return script__shebang(x, x->argv[1], &code, &flags) == RC_OK && (flags & SCRIPT_NO_WRITES);
}

static bool
evalsha_only_reads(struct exec *x)
{
    const struct script *s = script__find(script__host(x->engine), x->argv[1]);

    return s != NULL && (s->flags & SCRIPT_NO_WRITES);
}

static enum rc
cmd_eval(struct exec *x)
{
    return eval(x, false);
}

static enum rc
cmd_eval_ro(struct exec *x)
{
    return eval(x, true);
}

static enum rc
cmd_evalsha(struct exec *x)
{
    return evalsha(x, false);
}

static enum rc
cmd_evalsha_ro(struct exec *x)
{
    return evalsha(x, true);
}

/* -- SCRIPT ---------------------------------------------------------------------------------------------------- */

static enum rc
script_load(struct exec *x)
{
    struct script *s = script__get(script__host(x->engine), x, x->argv[2], true);

    if (s == NULL)
        return RC_REPLIED_ERROR;
    return reply_bulk(x, slice_of(s->sha, SCRIPT_SHA_LEN));
}

static enum rc
script_exists(struct exec *x)
{
    struct script_host *h = script__host(x->engine);

    reply_array(x, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++)
        reply_int(x, script__find(h, x->argv[i]) != NULL);
    return RC_OK;
}

static enum rc
script_flush(struct exec *x)
{
    bool ok = x->argc == 2 || (x->argc == 3 && (arg_is(x->argv[2], LIT("sync")) || arg_is(x->argv[2], LIT("async"))));

    if (!ok)
        return fail(x, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    script__flush(script__host(x->engine));
    return reply_ok(x);
}

enum rc
script__kill(struct exec *x, bool function)
{
    struct script_host *h = script__host(x->engine);

    if (h->run == NULL)
        return fail(x, "NOTBUSY No scripts in execution right now.");
    if (h->run->wrote)
        return fail(x,
                    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either "
                    "wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.");
    if (h->run->as_arguments && !function)
        return fail(x, "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.");
    if (!h->run->as_arguments && function)
        return fail(x, "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
    h->run->killed = true;
    return reply_ok(x);
}

static enum rc
script_kill(struct exec *x)
{
    return script__kill(x, false);
}

static enum rc
script_debug(struct exec *x)
{
    if (arg_is(x->argv[2], LIT("no")))
        return reply_ok(x);
    if (arg_is(x->argv[2], LIT("yes")) || arg_is(x->argv[2], LIT("sync")))
        return fail(x, "ERR the script debugger is not part of this server");
    return fail(x, "ERR Use SCRIPT DEBUG YES/SYNC/NO");
}

static enum rc
script_help(struct exec *x)
{
    static const char *const lines[] = {
        "DEBUG (YES|SYNC|NO)",
        "    There is no debugger: anything but NO is refused.",
        "EXISTS <sha1> [<sha1> ...]",
        "    Tell for each digest whether its script is in the cache.",
        "FLUSH [ASYNC|SYNC]",
        "    Empty the cache of scripts.",
        "KILL",
        "    End the script that is running, unless it has written something.",
        "LOAD <script>",
        "    Put a script into the cache without running it.",
        NULL,
    };

    return reply_help(x, lines);
}

static const struct cmd script_subcommands[] = {
    {"debug", script_debug, .arity = 3, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT, .since = "3.2.0",
     .args = "mode=<YES|SYNC|NO>", .reply = "OK", .about = "Refuses to debug scripts: there is no debugger.",
     .complexity = "O(1)"},
    {"exists", script_exists, .arity = -3, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT, .since = "2.6.0",
     .args = "sha1...", .reply = "array of integers", .about = "Tells which scripts are in the cache.",
     .complexity = "O(N) with N digests", .tips = "request_policy:all_shards response_policy:agg_logical_and"},
    {"flush", script_flush, .arity = -2, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT, .since = "2.6.0",
     .args = "flush-type=[ASYNC|SYNC]@6.2.0", .reply = "OK", .about = "Empties the cache of scripts.",
     .complexity = "O(N) with N scripts in the cache", .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .history = "6.2.0 Takes ASYNC and SYNC."},
    {"help", script_help, .arity = 2, .group = GROUP_SCRIPTING, .flags = CMD_LOADING | CMD_STALE, .since = "5.0.0",
     .args = "", .reply = "array of lines", .about = "Lists the subcommands.", .complexity = "O(1)"},
    {"kill", script_kill, .arity = 2, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT | CMD_ALLOW_BUSY,
     .since = "2.6.0", .args = "", .reply = "OK", .about = "Ends the running script.", .complexity = "O(1)",
     .tips = "request_policy:all_shards response_policy:one_succeeded"},
    {"load", script_load, .arity = 3, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT | CMD_STALE, .since = "2.6.0",
     .args = "script", .reply = "bulk", .about = "Compiles a script into the cache and gives its digest.",
     .complexity = "O(N) with N bytes of script", .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {0},
};

#define RUN_FLAGS \
    (CMD_NOSCRIPT | CMD_STALE | CMD_SKIP_MONITOR | CMD_MOVABLEKEYS | CMD_NO_MANDATORY_KEYS | CMD_SCRIPT_RUNNER)
#define RUN_KEYS_RW                                  \
    {                                                \
        KEY_NUM(2, KEY_RW | KEY_ACCESS | KEY_UPDATE) \
    }
#define RUN_KEYS_RO                     \
    {                                   \
        KEY_NUM(2, KEY_RO | KEY_ACCESS) \
    }

const struct cmd cmd_eval_family[] = {
    {"eval", cmd_eval, .arity = -3, .group = GROUP_SCRIPTING, .flags = RUN_FLAGS, .keys = RUN_KEYS_RW,
     .only_reads = eval_only_reads, .since = "2.6.0", .args = "script numkeys:int [key...] [arg...]",
     .reply = "what the script returns", .about = "Runs a Lua script.", .complexity = "that of the script"},
    {"eval_ro", cmd_eval_ro, .arity = -3, .group = GROUP_SCRIPTING, .flags = RUN_FLAGS | CMD_READONLY,
     .keys = RUN_KEYS_RO, .since = "7.0.0", .args = "script numkeys:int [key...] [arg...]",
     .reply = "what the script returns", .about = "Runs a Lua script that changes nothing.",
     .complexity = "that of the script"},
    {"evalsha", cmd_evalsha, .arity = -3, .group = GROUP_SCRIPTING, .flags = RUN_FLAGS, .keys = RUN_KEYS_RW,
     .only_reads = evalsha_only_reads, .since = "2.6.0", .args = "sha1 numkeys:int [key...] [arg...]",
     .reply = "what the script returns", .about = "Runs a script from the cache, named by its digest.",
     .complexity = "that of the script"},
    {"evalsha_ro", cmd_evalsha_ro, .arity = -3, .group = GROUP_SCRIPTING, .flags = RUN_FLAGS | CMD_READONLY,
     .keys = RUN_KEYS_RO, .since = "7.0.0", .args = "sha1 numkeys:int [key...] [arg...]",
     .reply = "what the script returns", .about = "Runs a script from the cache that changes nothing.",
     .complexity = "that of the script"},
    {"script", NULL, .arity = -2, .group = GROUP_SCRIPTING, .subs = script_subcommands, .since = "2.6.0",
     .about = "Holds the commands about the cache of scripts."},
    {0},
};
