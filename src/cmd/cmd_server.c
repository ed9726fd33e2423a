/* cmd/cmd_server.c - MONITOR, TIME, ROLE, SHUTDOWN, LOLWUT. */
#include "base/version.h"
#include "engine/dispatch.h"
#include "engine/monitor.h"
#include "engine/session.h"

/* -- MONITOR, TIME, ROLE -------------------------------------------------------------------------------------- */

static enum rc
monitor_term(struct exec *x, struct slice word, struct slice value, struct monitor_term *t)
{
    static const struct {
        struct slice word;
        enum monitor_kind kind;
    } kinds[] = {
        {LIT_INIT("command"), MONITOR_COMMAND}, {LIT_INIT("match"), MONITOR_KEY}, {LIT_INIT("user"), MONITOR_USER},
        {LIT_INIT("db"), MONITOR_DB},           {LIT_INIT("addr"), MONITOR_ADDR},
    };
    size_t i = 0;

    while (i < sizeof(kinds) / sizeof(kinds[0]) && !arg_is(word, kinds[i].word))
        i++;
    if (i == sizeof(kinds) / sizeof(kinds[0]))
        return RC_SYNTAX;
    *t = (struct monitor_term){.kind = kinds[i].kind, .text = value};
    if (t->kind != MONITOR_DB)
        return RC_OK;
    TRY(arg_int(x, value, &t->number));
    return db_at(x, t->number) != NULL ? RC_OK : RC_BAD_DB;
}

static enum rc
cmd_monitor(struct exec *x)
{
    struct monitor_term *terms = arena_array(x->arena, (size_t)x->argc, sizeof(*terms));
    size_t n = 0;
    int64_t one_of = 1;

    if (x->argc > 1 && x->argc % 2 == 0)
        return RC_SYNTAX;
    for (int i = 1; i < x->argc; i += 2) {
        if (!arg_is(x->argv[i], LIT("sample")))
            TRY(monitor_term(x, x->argv[i], x->argv[i + 1], &terms[n++]));
        else if (arg_int(x, x->argv[i + 1], &one_of) != RC_OK || one_of < 1)
            return fail(x, "ERR SAMPLE must be a positive number: one command in so many is shown");
    }
    if (x->depth > 0)
        return fail(x, "ERR MONITOR isn't allowed for DENY BLOCKING client");
    session_monitor_some(x->session, terms, n, (uint64_t)one_of);
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

    if (x->resumed)
        /* it was to wait for replicas, and has been called off or has failed */
        return fail(x, "%.*s", (int)why.len, why.ptr);
    TRY(shutdown_flags(x, &flags));
    abort_it = (flags & SHUTDOWN_ABORT) != 0;
    if (abort_it)
        why = LIT("ERR No shutdown in progress.");
    if (host->shutdown == NULL || !host->shutdown(host->ctx, flags, &why))
        return fail(x, "%.*s", (int)why.len, why.ptr);
    if (abort_it)
        return reply_ok(x);
    /* The closed connection is the answer. */
    wait_reply_on_timeout(x, TIMEOUT_RUN);
    return may_block(x) ? wait_on_nothing(x, 0) : RC_OK;
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

const struct cmd cmd_server_family[] = {
    {"monitor", cmd_monitor, .arity = -1, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE, .since = "1.0.0",
     .args = "[COMMAND command:pattern]... [MATCH key-pattern:pattern]... [USER username]... [DB db:int]... "
             "[ADDR address:pattern]... [SAMPLE one-in:int]",
     .reply = "OK", .about = "Shows the commands that run from now on, all or some."},
    {"time", cmd_time, .arity = 1, .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE | CMD_FAST, .since = "2.6.0",
     .reply = "array", .about = "Returns the server's time.", .complexity = "O(1)", .tips = "nondeterministic_output"},
    {"shutdown", cmd_shutdown, .arity = -1, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_ALLOW_BUSY | CMD_NO_MULTI, .since = "1.0.0",
     .args = "save-selector=[NOSAVE|SAVE] [NOW]@7.0.0 [FORCE]@7.0.0 [ABORT]@7.0.0", .reply = "none | OK",
     .about = "Ends the server.", .complexity = "O(N) with saving, for N keys",
     .history = "7.0.0 Options NOW, FORCE and ABORT."},
    {"lolwut", cmd_lolwut, .arity = -1, .group = GROUP_SERVER, .flags = CMD_READONLY | CMD_FAST, .since = "5.0.0",
     .args = "[VERSION version:int]", .reply = "verbatim", .about = "Draws something, and tells the version."},
    {0},
};
