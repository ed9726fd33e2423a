/* script/cmd_function.c - FCALL and FUNCTION. */
#include "script/script_priv.h"

#include "base/glob.h"

/* -- FCALL ----------------------------------------------------------------------------------------------------- */

static enum rc
fcall(struct exec *x, bool read_only)
{
    struct script_host *h = script__host(x->engine);
    int keys = 0;

    monitor_feed(x);
    struct function *f = function__find(h, x->argv[1]);
    if (f == NULL)
        return fail(x, "ERR Function not found");
    TRY(script__keys(x, "ERR Bad number of keys provided", &keys));
    uint32_t flags = f->flags | SCRIPT_HAS_SHEBANG;
    TRY(script__check_flags(x, flags, read_only));
    struct script_run run = {
        .name = f->name,
        .flags = flags,
        .function_ref = f->ref,
        .keys = keys,
        .as_arguments = true,
        .read_only = read_only || (flags & SCRIPT_NO_WRITES),
    };
    return script__run(h, x, &run);
}

/* Whether the function says so of itself. */
static bool
fcall_only_reads(struct exec *x)
{
    const struct function *f = function__find(script__host(x->engine), x->argv[1]);

    return f != NULL && (f->flags & SCRIPT_NO_WRITES);
}

static enum rc
cmd_fcall(struct exec *x)
{
    return fcall(x, false);
}

static enum rc
cmd_fcall_ro(struct exec *x)
{
    return fcall(x, true);
}

/* -- changing libraries ---------------------------------------------------------------------------------------- */

static enum rc
load(struct exec *x, struct slice code, bool replace, struct library **out)
{
    struct script_host *h = script__host(x->engine);
    struct library *l = library__load(h, x, code, !replace);

    if (l == NULL)
        return RC_REPLIED_ERROR;
    struct library *old = library__find(h, l->name);
    enum rc rc = library__check(h, x, l, old);
    if (rc != RC_OK) {
        library__free(h, l);
        return rc;
    }
    if (old != NULL) {
        library__unlink(h, old);
        library__free(h, old);
    }
    library__link(h, l);
    *out = l;
    return RC_OK;
}

static enum rc
function_load(struct exec *x)
{
    struct library *l;
    bool replace = false;

    for (int i = 2; i < x->argc - 1; i++) {
        if (!arg_is(x->argv[i], LIT("replace")))
            return fail(x, "ERR Unknown option given: %.*s", (int)x->argv[i].len, x->argv[i].ptr);
        replace = true;
    }
    TRY(load(x, x->argv[x->argc - 1], replace, &l));
    x->changed = true; /* so that it is propagated */
    return reply_bulk(x, l->name);
}

void
script_drop_libraries(struct engine *e)
{
    library__flush(script__host(e));
}

enum rc
script_load_library(struct exec *x, struct slice code)
{
    struct library *l;

    return load(x, code, true, &l);
}

static enum rc
function_delete(struct exec *x)
{
    struct script_host *h = script__host(x->engine);
    struct library *l = library__find(h, x->argv[2]);

    if (l == NULL)
        return fail(x, "ERR Library not found");
    library__unlink(h, l);
    library__free(h, l);
    x->changed = true;
    return reply_ok(x);
}

static enum rc
function_flush(struct exec *x)
{
    if (x->argc > 3)
        return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try FUNCTION HELP.",
                    (int)x->argv[1].len, x->argv[1].ptr);
    if (x->argc == 3 && !arg_is(x->argv[2], LIT("sync")) && !arg_is(x->argv[2], LIT("async")))
        return fail(x, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    library__flush(script__host(x->engine));
    x->changed = true;
    return reply_ok(x);
}

static enum rc
function_kill(struct exec *x)
{
    return script__kill(x, true);
}

/* -- looking at them ------------------------------------------------------------------------------------------- */

static void
reply_function(struct exec *x, const struct function *f)
{
    uint32_t flag;
    size_t n = 0;

    reply_map(x, 3);
    reply_bulk(x, LIT("name"));
    reply_bulk(x, f->name);
    reply_bulk(x, LIT("description"));
    if (f->description.ptr != NULL)
        reply_bulk(x, f->description);
    else
        reply_null(x);
    reply_bulk(x, LIT("flags"));
    for (int i = 0; script__flag_name(i, &flag) != NULL; i++)
        n += (f->flags & flag) != 0;
    reply_set(x, n);
    const char *name;
    for (int i = 0; (name = script__flag_name(i, &flag)) != NULL; i++) {
        if (f->flags & flag)
            reply_simple(x, slice_cstr(name));
    }
}

static void
reply_library(struct exec *x, const struct library *l, bool with_code)
{
    reply_map(x, with_code ? 4 : 3);
    reply_bulk(x, LIT("library_name"));
    reply_bulk(x, l->name);
    reply_bulk(x, LIT("engine"));
    reply_bulk(x, LIT("LUA"));
    reply_bulk(x, LIT("functions"));
    reply_array(x, l->count);
    for (const struct function *f = l->functions; f != NULL; f = f->next)
        reply_function(x, f);
    if (with_code) {
        reply_bulk(x, LIT("library_code"));
        reply_bulk(x, l->code);
    }
}

static enum rc
function_list(struct exec *x)
{
    struct script_host *h = script__host(x->engine);
    struct slice pattern = {NULL, 0};
    bool with_code = false;
    size_t n = 0;

    for (int i = 2; i < x->argc; i++) {
        if (!with_code && arg_is(x->argv[i], LIT("withcode"))) {
            with_code = true;
        } else if (pattern.ptr == NULL && arg_is(x->argv[i], LIT("libraryname"))) {
            if (++i >= x->argc)
                return fail(x, "ERR library name argument was not given");
            pattern = x->argv[i];
        } else {
            return fail(x, "ERR Unknown argument %.*s", (int)x->argv[i].len, x->argv[i].ptr);
        }
    }
    struct reply_mark mark = reply_mark_here(&x->reply);
    for (const struct library *l = h->libraries; l != NULL; l = l->next) {
        if (pattern.ptr != NULL && !glob_match(pattern, l->name, true))
            continue;
        reply_library(x, l, with_code);
        n++;
    }
    reply_close_array(&x->reply, mark, n);
    return RC_OK;
}

static enum rc
function_stats(struct exec *x)
{
    struct script_host *h = script__host(x->engine);
    const struct script_run *run = h->run;

    if (run != NULL && !run->as_arguments)
        return fail(x, "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
    reply_map(x, 2);
    reply_bulk(x, LIT("running_script"));
    if (run == NULL) {
        reply_null(x);
    } else {
        reply_map(x, 3);
        reply_bulk(x, LIT("name"));
        reply_bulk(x, run->name);
        reply_bulk(x, LIT("command"));
        reply_array(x, (size_t)run->inner.argc);
        for (int i = 0; i < run->inner.argc; i++)
            reply_bulk(x, run->inner.argv[i]);
        reply_bulk(x, LIT("duration_ms"));
        reply_int(x, (clock_mono_ns(&h->clock) - run->began_ns) / 1000000);
    }
    reply_bulk(x, LIT("engines"));
    reply_map(x, 1);
    reply_bulk(x, LIT("LUA"));
    reply_map(x, 2);
    reply_bulk(x, LIT("libraries_count"));
    reply_int(x, (int64_t)h->library_count);
    reply_bulk(x, LIT("functions_count"));
    return reply_int(x, (int64_t)table_count(&h->functions));
}

static enum rc
function_help(struct exec *x)
{
    static const char *const lines[] = {
        "LOAD [REPLACE] <FUNCTION CODE>",
        "    Load a library: its code registers functions.",
        "DELETE <LIBRARY NAME>",
        "    Delete a library with its functions.",
        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
        "    Show the libraries and their functions, with the code if asked for.",
        "STATS",
        "    Show what runs now, and how many libraries and functions there are.",
        "KILL",
        "    End the function that is running, unless it has written something.",
        "FLUSH [ASYNC|SYNC]",
        "    Delete all libraries.",
        "DUMP",
        "    Return all libraries as one value for FUNCTION RESTORE.",
        "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
        "    Load the libraries of a dump: instead of all that there are, beside",
        "    them (which is the default, and fails if one has the same name), or replacing those of the same name.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- DUMP and RESTORE ------------------------------------------------------------------------------------------ */

static enum rc
function_dump(struct exec *x)
{
    struct buf out = {0};

    script__dump(script__host(x->engine), &out);
    reply_bulk(x, buf_slice(&out));
    buf_fini(&out);
    return RC_OK;
}

enum policy { POLICY_APPEND, POLICY_REPLACE, POLICY_FLUSH };

/* Whether the staged libraries can be linked in as the policy says. */
static enum rc
check_staged(struct exec *x, struct script_host *h, const struct library *staged, enum policy policy)
{
    for (const struct library *l = staged; l != NULL; l = l->next) {
        const struct library *old = library__find(h, l->name);
        if (old != NULL && policy == POLICY_APPEND)
            return fail(x, "ERR Library %.*s already exists", (int)l->name.len, l->name.ptr);
        for (const struct function *f = l->functions; f != NULL && policy != POLICY_FLUSH; f = f->next) {
            const struct function *other = function__find(h, f->name);
            bool goes = false;
            for (const struct library *s = staged; other != NULL && s != NULL; s = s->next)
                goes = goes || slice_eq(s->name, other->library->name);
            if (other != NULL && !goes)
                return fail(x, "ERR Function %.*s already exists", (int)f->name.len, f->name.ptr);
        }
        for (const struct library *s = l->next; s != NULL; s = s->next) {
            bool clash = slice_eq(s->name, l->name);
            for (const struct function *f = s->functions; f != NULL && !clash; f = f->next) {
                for (const struct function *g = l->functions; g != NULL && !clash; g = g->next)
                    clash = slice_eq_nocase(f->name, g->name);
            }
            if (clash)
                return fail(x, "ERR Library %.*s already exists", (int)s->name.len, s->name.ptr);
        }
    }
    return RC_OK;
}

static void
link_staged(struct script_host *h, struct library *staged, enum policy policy)
{
    if (policy == POLICY_FLUSH)
        library__flush(h);
    for (struct library *l = staged; l != NULL; l = l->next) {
        struct library *old = library__find(h, l->name);
        if (old != NULL) {
            library__unlink(h, old);
            library__free(h, old);
        }
    }
    while (staged != NULL) {
        struct library *next = staged->next;
        library__link(h, staged);
        staged = next;
    }
}

static enum rc
function_restore(struct exec *x)
{
    struct script_host *h = script__host(x->engine);
    struct library *staged = NULL;
    enum policy policy = POLICY_APPEND;

    if (x->argc > 4)
        return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try FUNCTION HELP.",
                    (int)x->argv[1].len, x->argv[1].ptr);
    if (x->argc == 4) {
        if (arg_is(x->argv[3], LIT("replace")))
            policy = POLICY_REPLACE;
        else if (arg_is(x->argv[3], LIT("flush")))
            policy = POLICY_FLUSH;
        else if (!arg_is(x->argv[3], LIT("append")))
            return fail(x, "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
    }
    enum rc rc = script__read_dump(h, x, x->argv[2], &staged);
    if (rc == RC_OK)
        rc = check_staged(x, h, staged, policy);
    if (rc == RC_OK) {
        link_staged(h, staged, policy);
        x->changed = true;
        return reply_ok(x);
    }
    while (staged != NULL) {
        struct library *next = staged->next;
        library__free(h, staged);
        staged = next;
    }
    return rc;
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

#define ALL_SHARDS "request_policy:all_shards response_policy:all_succeeded"

static const struct cmd function_subcommands[] = {
    {"delete", function_delete, .arity = 3, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT | CMD_WRITE,
     .since = "7.0.0", .args = "library-name", .reply = "OK", .about = "Deletes a library with its functions.",
     .complexity = "O(1)", .tips = ALL_SHARDS},
    {"dump", function_dump, .arity = 2, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT, .since = "7.0.0", .args = "",
     .reply = "bulk", .about = "Gives all libraries as one value for FUNCTION RESTORE.",
     .complexity = "O(N) with N functions"},
    {"flush", function_flush, .arity = -2, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT | CMD_WRITE,
     .since = "7.0.0", .args = "flush-type=[ASYNC|SYNC]", .reply = "OK", .about = "Deletes all libraries.",
     .complexity = "O(N) with N functions", .tips = ALL_SHARDS},
    {"help", function_help, .arity = 2, .group = GROUP_SCRIPTING, .flags = CMD_LOADING | CMD_STALE, .since = "7.0.0",
     .args = "", .reply = "array of lines", .about = "Lists the subcommands.", .complexity = "O(1)"},
    {"kill", function_kill, .arity = 2, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT | CMD_ALLOW_BUSY,
     .since = "7.0.0", .args = "", .reply = "OK", .about = "Ends the running function.", .complexity = "O(1)",
     .tips = "request_policy:all_shards response_policy:one_succeeded"},
    {"list", function_list, .arity = -2, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT, .since = "7.0.0",
     .args = "[LIBRARYNAME library-name-pattern] [WITHCODE]", .reply = "array of maps",
     .about = "Shows the libraries and their functions.", .complexity = "O(N) with N functions",
     .tips = "nondeterministic_output_order"},
    {"load", function_load, .arity = -3, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT | CMD_WRITE | CMD_DENYOOM,
     .since = "7.0.0", .args = "[REPLACE] function-code", .reply = "bulk", .about = "Loads a library of functions.",
     .complexity = "O(1) and what its code does", .tips = ALL_SHARDS},
    {"restore", function_restore, .arity = -3, .group = GROUP_SCRIPTING,
     .flags = CMD_NOSCRIPT | CMD_WRITE | CMD_DENYOOM, .since = "7.0.0",
     .args = "serialized-value policy=[FLUSH|APPEND|REPLACE]", .reply = "OK", .about = "Loads the libraries of a dump.",
     .complexity = "O(N) with N functions", .tips = ALL_SHARDS},
    {"stats", function_stats, .arity = 2, .group = GROUP_SCRIPTING, .flags = CMD_NOSCRIPT | CMD_ALLOW_BUSY,
     .since = "7.0.0", .args = "", .reply = "map", .about = "Shows what runs now and how many functions there are.",
     .complexity = "O(1)", .tips = "nondeterministic_output request_policy:all_shards response_policy:special"},
    {0},
};

#define CALL_FLAGS \
    (CMD_NOSCRIPT | CMD_STALE | CMD_SKIP_MONITOR | CMD_MOVABLEKEYS | CMD_NO_MANDATORY_KEYS | CMD_SCRIPT_RUNNER)

const struct cmd cmd_function_family[] = {
    {"fcall", cmd_fcall, .arity = -3, .group = GROUP_SCRIPTING, .flags = CALL_FLAGS,
     .keys = {KEY_NUM(2, KEY_RW | KEY_ACCESS | KEY_UPDATE)}, .only_reads = fcall_only_reads, .since = "7.0.0",
     .args = "function numkeys:int [key...] [arg...]", .reply = "what the function returns",
     .about = "Calls a function.", .complexity = "that of the function"},
    {"fcall_ro", cmd_fcall_ro, .arity = -3, .group = GROUP_SCRIPTING, .flags = CALL_FLAGS | CMD_READONLY,
     .keys = {KEY_NUM(2, KEY_RO | KEY_ACCESS)}, .since = "7.0.0", .args = "function numkeys:int [key...] [arg...]",
     .reply = "what the function returns", .about = "Calls a function that changes nothing.",
     .complexity = "that of the function"},
    {"function", NULL, .arity = -2, .group = GROUP_SCRIPTING, .subs = function_subcommands, .since = "7.0.0",
     .about = "Holds the commands about libraries of functions."},
    {0},
};
