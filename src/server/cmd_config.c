/* server/cmd_config.c - CONFIG. */
#include "base/glob.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/acl.h"
#include "engine/dispatch.h"
#include "engine/evict.h"
#include "engine/exec.h"
#include "server/config_rewrite.h"
#include "server/server.h"
#include "server/users.h"

#include <errno.h>
#include <unistd.h>

static struct server *
server_of(struct exec *x)
{
    return engine_host_of(x->engine)->ctx;
}

/* -- GET ------------------------------------------------------------------------------------------------------- */

enum { ALIASES_MAX = 64 };

/* What one CONFIG GET has shown so far: a name is shown once, however many patterns match it. */
struct shown {
    bool by_id[CONFIG_COUNT];
    bool by_alias[ALIASES_MAX];
};

static void
put(struct exec *x, const struct server *s, struct slice name, enum config_id id, size_t *n)
{
    struct buf *text = exec_scratch(x);

    buf_reset(text);
    config_format(s->config, id, text);
    reply_put_bulk(&x->reply, name);
    reply_put_bulk(&x->reply, buf_slice(text));
    ++*n;
}

/* A name without a pattern: shown as it was asked for, hidden ones too. */
static void
get_name(struct exec *x, const struct server *s, struct slice name, struct shown *shown, size_t *n)
{
    const char *alias;
    enum config_id id;
    bool visible;

    for (size_t i = 0; i < ALIASES_MAX && config_alias(i, &alias, &id, &visible); i++) {
        if (slice_eq_nocase(name, slice_cstr(alias))) {
            if (!shown->by_alias[i])
                put(x, s, name, id, n);
            shown->by_alias[i] = true;
            return;
        }
    }
    if (!config_find(name, &id) || (config_flags(id) & CONFIG_FILE_ONLY) || shown->by_id[id])
        return;
    shown->by_id[id] = true;
    put(x, s, name, id, n);
}

static void
get_pattern(struct exec *x, const struct server *s, struct slice pattern, struct shown *shown, size_t *n)
{
    const char *alias;
    enum config_id id;
    bool visible;

    for (int i = 0; i < CONFIG_COUNT; i++) {
        struct slice name = slice_cstr(config_name((enum config_id)i));
        if (shown->by_id[i] || (config_flags((enum config_id)i) & (CONFIG_HIDDEN | CONFIG_FILE_ONLY)) ||
            !glob_match(pattern, name, true))
            continue;
        shown->by_id[i] = true;
        put(x, s, name, (enum config_id)i, n);
    }
    for (size_t i = 0; i < ALIASES_MAX && config_alias(i, &alias, &id, &visible); i++) {
        if (!visible || shown->by_alias[i] || !glob_match(pattern, slice_cstr(alias), true))
            continue;
        shown->by_alias[i] = true;
        put(x, s, slice_cstr(alias), id, n);
    }
}

static enum rc
config_get(struct exec *x)
{
    const struct server *s = server_of(x);
    struct reply_mark mark = reply_mark_here(&x->reply);
    struct shown *shown = arena_get(x->arena, sizeof(*shown));
    size_t n = 0;

    *shown = (struct shown){0};
    for (int i = 2; i < x->argc; i++) {
        if (glob_is_literal(x->argv[i]))
            get_name(x, s, x->argv[i], shown, &n);
        else
            get_pattern(x, s, x->argv[i], shown, &n);
    }
    reply_close_map(&x->reply, mark, n);
    return RC_OK;
}

/* -- SET ------------------------------------------------------------------------------------------------------- */

static enum rc
refuse(struct exec *x, struct slice name, const char *why)
{
    return fail(x, "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s", (int)name.len, name.ptr, why);
}

/* enable-protected-configs: no, yes, local (only for connections from this machine). */
static bool
may_set_protected(const struct exec *x, const struct server *s)
{
    int64_t allowed = config_num(s->config, CFG_ENABLE_PROTECTED_CONFIGS);

    if (allowed != 2)
        return allowed == 1;
    const struct conn *c = session_host_data(x->session);
    return c != NULL && peer_is_local(conn_fd(c));
}

/* Names first, all of them, then what may not be set, then the values: as redis does. */
static enum rc
check_names(struct exec *x, const struct server *s, enum config_id *ids)
{
    for (int i = 2; i < x->argc; i += 2) {
        enum config_id *id = &ids[i / 2 - 1];
        if (!config_find(x->argv[i], id) || (config_flags(*id) & CONFIG_FILE_ONLY))
            return fail(x, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'", (int)x->argv[i].len,
                        x->argv[i].ptr);
        if (config_flags(*id) & CONFIG_IMMUTABLE)
            return refuse(x, x->argv[i], "can't set immutable config");
        if ((config_flags(*id) & CONFIG_PROTECTED) && !may_set_protected(x, s))
            return refuse(x, x->argv[i], "can't set protected config");
        for (int j = 0; j < i / 2 - 1; j++)
            if (ids[j] == *id)
                return refuse(x, x->argv[i], "duplicate parameter");
    }
    return RC_OK;
}

/* Puts new values into `fresh`; nothing is in force yet. */
static enum rc
parse_values(struct exec *x, const struct server *s, const enum config_id *ids, struct config *fresh)
{
    struct buf *why = exec_scratch(x);

    buf_reset(why);
    for (int i = 2; i < x->argc; i += 2) {
        enum config_id id = ids[i / 2 - 1];
        config_copy(fresh, s->config, id);
        if (!config_set_text(fresh, id, x->argv[i + 1], why)) {
            buf_add_char(why, '\0');
            return refuse(x, x->argv[i], why->ptr);
        }
    }
    return RC_OK;
}

static void
exchange(struct server *s, struct config *with, const enum config_id *ids, int n)
{
    for (int i = 0; i < n; i++)
        config_swap(s->config, with, ids[i]);
}

/* Either all of the new values are in force afterwards or none. */
static enum rc
put_in_force(struct exec *x, struct server *s, const enum config_id *ids, struct config *fresh)
{
    int n = (x->argc - 2) / 2;
    bool changed[CONFIG_COUNT] = {false};
    enum config_id blamed;
    struct buf *why = exec_scratch(x);

    for (int i = 0; i < n; i++)
        changed[ids[i]] = !config_same(s->config, fresh, ids[i]) || server_tls_setting(ids[i]);
    exchange(s, fresh, ids, n);
    buf_reset(why);
    if (server_apply(s, changed, &blamed, why))
        return RC_OK;
    buf_add_char(why, '\0');
    int at = 0;
    while (at < n - 1 && ids[at] != blamed)
        at++;
    enum rc rc = refuse(x, x->argv[2 + 2 * at], why->ptr);
    exchange(s, fresh, ids, n);
    buf_reset(why);
    (void)server_apply(s, changed, &blamed, why);
    return rc;
}

static enum rc
config_set_command(struct exec *x)
{
    struct server *s = server_of(x);

    if (x->argc % 2 != 0)
        return RC_SYNTAX;
    enum config_id *ids = arena_array(x->arena, (size_t)x->argc / 2, sizeof(*ids));
    TRY(check_names(x, s, ids));
    struct config *fresh = config_new();
    enum rc rc = parse_values(x, s, ids, fresh);
    if (rc == RC_OK)
        rc = put_in_force(x, s, ids, fresh);
    config_free(fresh);
    return rc == RC_OK ? reply_ok(x) : rc;
}

/* -- the rest -------------------------------------------------------------------------------------------------- */

static enum rc
config_resetstat(struct exec *x)
{
    struct server *s = server_of(x);

    engine_stats_reset(x->engine);
    acl_stats_reset(engine_acl(x->engine));
    net_stats_reset(s->net);
    repl_stats_reset(s->repl);
    engine_evict_stats_reset(x->engine);
    s->stats = (struct server_stats){.peak_memory = s->stats.peak_memory, .peak_memory_ms = s->stats.peak_memory_ms};
    s->commands_rate = s->in_rate = s->out_rate = (struct rate){0};
    s->repl_in_rate = s->repl_out_rate = s->turns_rate = s->turn_ticks_rate = (struct rate){0};
    return reply_ok(x);
}

static bool
rewrite_somewhere(struct server *s, struct slice users, struct buf *why)
{
    if (config_rewrite(s->config, users, s->config_path, why)) {
        (void)unlink(CONFIG_OVERLAY); /* all of it is in the file now; `dir` is where we are */
        return true;
    }
    if (!config_is_read_only(errno))
        return false;
    buf_reset(why);
    if (!config_overlay_write(s->config, users, s->config_path, CONFIG_OVERLAY, why))
        return false;
    log_notice("%s may not be changed: what differs from it is in %s", s->config_path, CONFIG_OVERLAY);
    return true;
}

static enum rc
config_rewrite_command(struct exec *x)
{
    struct server *s = server_of(x);
    struct buf *why = exec_scratch(x);
    struct buf users = {0};

    if (s->config_path[0] == '\0')
        return fail(x, "ERR The server is running without a config file");
    buf_reset(why);
    users_to_config(s->engine, s->config, &users);
    bool ok = rewrite_somewhere(s, buf_slice(&users), why);
    buf_fini(&users);
    if (ok)
        return reply_ok(x);
    buf_add_char(why, '\0');
    return fail(x, "ERR Rewriting config file: %s", why->ptr);
}

static enum rc
config_help(struct exec *x)
{
    static const char *const lines[] = {
        "GET <pattern> [<pattern> ...]",
        "    Show the directives whose names match, with their values.",
        "SET <directive> <value> [<directive> <value> ...]",
        "    Set directives, all of them or none.",
        "RESETSTAT",
        "    Set the statistics that INFO reports back to zero.",
        "REWRITE",
        "    Write the values in force into the configuration file or, where that may not be",
        "    changed, into an overlay in the data directory.",
        NULL,
    };

    return reply_help(x, lines);
}

static enum rc
config_unknown(struct exec *x)
{
    return fail_arity(x);
}

static const struct cmd config_subs[] = {
    {"get", config_get, .arity = -3, .group = GROUP_SERVER, .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
     .since = "2.0.0", .args = "parameter...", .reply = "map",
     .about = "Shows the configuration directives whose names match.", .complexity = "O(N)",
     .history = "7.0.0 Accepts several patterns."},
    {"set", config_set_command, .arity = -4, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_SECRET, .since = "2.0.0",
     .args = "data={parameter value}...", .reply = "OK", .about = "Sets configuration directives, all or none.",
     .complexity = "O(N)", .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .history = "7.0.0 Sets several at once."},
    {"resetstat", config_resetstat, .arity = 2, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE, .since = "2.0.0", .args = "", .reply = "OK",
     .about = "Sets the server's statistics back to zero.", .complexity = "O(1)",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {"rewrite", config_rewrite_command, .arity = 2, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE, .since = "2.8.0", .args = "", .reply = "OK",
     .about = "Writes the configuration in force into its file.", .complexity = "O(1)",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {"help", config_help, .arity = 2, .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE, .since = "5.0.0",
     .args = "", .reply = "array", .about = "Lists the subcommands.", .complexity = "O(1)"},
    {0},
};

const struct cmd cmd_config_family[] = {
    {"config", config_unknown, .arity = -2, .group = GROUP_SERVER, .flags = 0, .subs = config_subs, .since = "2.0.0",
     .args = "", .reply = "depends on the subcommand", .about = "Reads and changes the configuration.",
     .complexity = "depends on the subcommand"},
    {0},
};
