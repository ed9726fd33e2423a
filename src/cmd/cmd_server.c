/* cmd/cmd_server.c - SLOWLOG, MONITOR, TIME, ROLE, SHUTDOWN, LOLWUT. */
#include "base/version.h"
#include "engine/dispatch.h"
#include "engine/session.h"
#include "engine/slowlog.h"

/* -- SLOWLOG -------------------------------------------------------------------------------------------------- */

static void
put_slow(struct exec *x, const struct slowlog_entry *e)
{
    reply_array(x, 6);
    reply_int(x, (int64_t)e->id);
    reply_int(x, e->at_ms / 1000);
    reply_int(x, e->took_us);
    reply_array(x, (size_t)e->argc);
    for (int i = 0; i < e->argc; i++)
        reply_bulk(x, e->argv[i]);
    reply_bulk(x, e->addr);
    reply_bulk(x, e->name);
}

static enum rc
slowlog_get(struct exec *x)
{
    size_t have = slowlog_len(x->engine), n;
    int64_t count = 10;

    if (x->argc > 3)
        return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try SLOWLOG HELP.",
                    (int)(x->argv[1].len < 128 ? x->argv[1].len : 128), x->argv[1].ptr);
    if (x->argc == 3 && (arg_int(x, x->argv[2], &count) != RC_OK || count < -1))
        return fail(x, "ERR count should be greater than or equal to -1");
    n = count < 0 || (uint64_t)count > have ? have : (size_t)count;
    reply_array(x, n);
    for (size_t i = 0; i < n; i++)
        put_slow(x, slowlog_at(x->engine, i));
    return RC_OK;
}

static enum rc
slowlog_len_reply(struct exec *x)
{
    return reply_int(x, (int64_t)slowlog_len(x->engine));
}

static enum rc
slowlog_reset_reply(struct exec *x)
{
    slowlog_reset(x->engine);
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

/* -- MONITOR, TIME, ROLE -------------------------------------------------------------------------------------- */

static enum rc
cmd_monitor(struct exec *x)
{
    if (x->depth > 0)
        return fail(x, "ERR MONITOR isn't allowed for DENY BLOCKING client");
    session_monitor(x->session, true);
    return reply_ok(x);
}

static enum rc
cmd_time(struct exec *x)
{
    char text[INT64_TEXT_MAX];
    int64_t us = engine_now_us(x->engine);

    reply_array(x, 2);
    reply_bulk(x, slice_of(text, format_int64(text, us / 1000000)));
    return reply_bulk(x, slice_of(text, format_int64(text, us % 1000000)));
}

static enum rc
cmd_role(struct exec *x)
{
    reply_array(x, 3);
    reply_bulk(x, LIT("master"));
    reply_int(x, 0);
    return reply_array(x, 0);
}

/* -- SHUTDOWN ------------------------------------------------------------------------------------------------- */

static enum rc
shutdown_flags(struct exec *x, unsigned *flags)
{
    static const struct {
        struct slice word;
        unsigned flag;
    } words[] = {
        {LIT_INIT("nosave"), SHUTDOWN_NOSAVE}, {LIT_INIT("save"), SHUTDOWN_SAVE},   {LIT_INIT("now"), SHUTDOWN_NOW},
        {LIT_INIT("force"), SHUTDOWN_FORCE},   {LIT_INIT("abort"), SHUTDOWN_ABORT},
    };

    *flags = 0;
    for (int i = 1; i < x->argc; i++) {
        size_t w = 0;

        while (w < sizeof(words) / sizeof(words[0]) && !arg_is(x->argv[i], words[w].word))
            w++;
        if (w == sizeof(words) / sizeof(words[0]))
            return RC_SYNTAX;
        *flags |= words[w].flag;
    }
    if ((*flags & SHUTDOWN_SAVE) && (*flags & SHUTDOWN_NOSAVE))
        return RC_SYNTAX;
    return (*flags & SHUTDOWN_ABORT) && *flags != SHUTDOWN_ABORT ? RC_SYNTAX : RC_OK;
}

static enum rc
cmd_shutdown(struct exec *x)
{
    const struct engine_host *host = engine_host_of(x->engine);
    bool abort_it;
    unsigned flags;
    struct slice why = LIT("ERR Errors trying to SHUTDOWN. Check logs.");

    TRY(shutdown_flags(x, &flags));
    abort_it = (flags & SHUTDOWN_ABORT) != 0;
    if (abort_it)
        why = LIT("ERR No shutdown in progress.");
    if (host->shutdown == NULL || !host->shutdown(host->ctx, flags, &why))
        return fail(x, "%.*s", (int)why.len, why.ptr);
    return abort_it ? reply_ok(x) : RC_OK; /* otherwise the closed connection is the answer */
}

/* -- LOLWUT --------------------------------------------------------------------------------------------------- */

/* A sprig of sorrel: leaves along a stalk, their sides by chance. */
static enum rc
cmd_lolwut(struct exec *x)
{
    struct buf *b = exec_scratch(x);
    int64_t version = 0;

    if (x->argc >= 3 && arg_is(x->argv[1], LIT("version")))
        TRY(arg_int(x, x->argv[2], &version));
    for (int i = 0; i < 4; i++) {
        bool left = rng_below(x->rng, 2) == 0;

        buf_add_slice(b, LIT("          |\n"));
        buf_add_slice(b, left ? LIT("     .--./|\n     `--' |\n") : LIT("          |\\.--.\n          | `--'\n"));
    }
    buf_add_slice(b, LIT("\nSorrel ver. " SORREL_VERSION "\n"));
    reply_put_verbatim(&x->reply, "txt", buf_slice(b));
    return RC_OK;
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

const struct cmd cmd_server_family[] = {
    {"slowlog", NULL, .arity = -2, .group = GROUP_SERVER, .subs = slowlog_subs, .since = "2.2.12",
     .about = "The log of slow commands.", .complexity = "that of the subcommand"},
    {"monitor", cmd_monitor, .arity = 1, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE, .since = "1.0.0", .reply = "OK",
     .about = "Shows every command that runs from now on."},
    {"time", cmd_time, .arity = 1, .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE | CMD_FAST, .since = "2.6.0",
     .reply = "array", .about = "Returns the server's time.", .complexity = "O(1)", .tips = "nondeterministic_output"},
    {"role", cmd_role, .arity = 1, .group = GROUP_SERVER, .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST,
     .categories = CAT(ADMIN) | CAT(DANGEROUS), .since = "2.8.12", .reply = "array",
     .about = "Tells the server's part in replication.", .complexity = "O(1)"},
    {"shutdown", cmd_shutdown, .arity = -1, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_ALLOW_BUSY | CMD_NO_MULTI, .since = "1.0.0",
     .args = "save-selector=[NOSAVE|SAVE] [NOW]@7.0.0 [FORCE]@7.0.0 [ABORT]@7.0.0", .reply = "none | OK",
     .about = "Ends the server.", .complexity = "O(N) with saving, for N keys",
     .history = "7.0.0 Options NOW, FORCE and ABORT."},
    {"lolwut", cmd_lolwut, .arity = -1, .group = GROUP_SERVER, .flags = CMD_READONLY | CMD_FAST, .since = "5.0.0",
     .args = "[VERSION version:int]", .reply = "verbatim", .about = "Draws something, and tells the version."},
    {0},
};
