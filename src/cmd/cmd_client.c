/* cmd/cmd_client.c - CLIENT: who is connected, and what a connection may say about itself. */
#include "cmd/cmd_client_priv.h"
#include "engine/dispatch.h"
#include "engine/pubsub.h"
#include "engine/session.h"
#include "engine/waiters.h"

/* -- LIST, INFO, ID ------------------------------------------------------------------------------------------- */

static enum rc
list_by_id(struct exec *x, struct buf *b)
{
    for (int i = 3; i < x->argc; i++) {
        int64_t id;

        if (arg_int(x, x->argv[i], &id) != RC_OK)
            return fail(x, "ERR Invalid client ID");
        const struct session *s = id < 0 ? NULL : engine_session_by_id(x->engine, (session_id)id);
        if (s != NULL) {
            session_describe(x, s, b);
            buf_add_char(b, '\n');
        }
    }
    return RC_OK;
}

static enum rc
client_list(struct exec *x)
{
    struct buf *b = exec_scratch(x);
    struct client_filter f = {0};
    bool ids_only = x->argc > 3 && arg_is(x->argv[2], LIT("id"));
    int64_t unused;

    for (int i = 3; i < x->argc && ids_only; i++)
        ids_only = arg_int(x, x->argv[i], &unused) == RC_OK || i == 3;
    if (ids_only) {
        TRY(list_by_id(x, b)); /* in the order in which they are asked for */
    } else {
        TRY(client__filter_parse(x, 2, &f));
        for (const struct session *s = session_first(x->engine); s != NULL; s = session_next(s)) {
            if (client__filter_fits(x, &f, s)) {
                session_describe(x, s, b);
                buf_add_char(b, '\n');
            }
        }
    }
    reply_put_verbatim(&x->reply, "txt", buf_slice(b));
    return RC_OK;
}

static enum rc
client_info(struct exec *x)
{
    struct buf *b = exec_scratch(x);

    session_describe(x, x->session, b);
    buf_add_char(b, '\n');
    reply_put_verbatim(&x->reply, "txt", buf_slice(b));
    return RC_OK;
}

static enum rc
client_id(struct exec *x)
{
    return reply_int(x, (int64_t)session_ident(x->session));
}

/* -- KILL, UNBLOCK -------------------------------------------------------------------------------------------- */

static enum rc
client_kill(struct exec *x)
{
    struct client_condition address = {.field = FILTER_ADDR, .text = x->argv[2]};
    struct client_filter f = {.skip_me = true};
    int64_t killed = 0;

    if (x->argc == 3)
        f = (struct client_filter){&address, 1, false}; /* the old form: one address, oneself included */
    else
        TRY(client__filter_parse(x, 2, &f));
    for (struct session *s = session_first(x->engine); s != NULL; s = session_next(s)) {
        if (!client__filter_fits(x, &f, s))
            continue;
        if (s == x->session)
            session_close_after_reply(s);
        else
            session_kill(s);
        killed++;
    }
    if (x->argc > 3)
        return reply_int(x, killed);
    return killed > 0 ? reply_ok(x) : fail(x, "ERR No such client");
}

static enum rc
client_unblock(struct exec *x)
{
    int64_t id;
    bool with_error = false;
    struct session *s;

    if (x->argc > 4)
        return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try CLIENT HELP.",
                    (int)(x->argv[1].len < 128 ? x->argv[1].len : 128), x->argv[1].ptr);
    if (x->argc == 4) {
        with_error = arg_is(x->argv[3], LIT("error"));
        if (!with_error && !arg_is(x->argv[3], LIT("timeout")))
            return fail(x, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    }
    TRY(arg_int(x, x->argv[2], &id));
    s = id < 0 ? NULL : engine_session_by_id(x->engine, (session_id)id);
    return reply_int(x, s != NULL && waiters_unblock(s, with_error));
}

/* -- PAUSE ---------------------------------------------------------------------------------------------------- */

static enum rc
client_pause(struct exec *x)
{
    bool all = true;
    int64_t ms;

    if (x->argc > 4)
        return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try CLIENT HELP.",
                    (int)(x->argv[1].len < 128 ? x->argv[1].len : 128), x->argv[1].ptr);
    if (x->argc == 4) {
        all = arg_is(x->argv[3], LIT("all"));
        if (!all && !arg_is(x->argv[3], LIT("write")))
            return fail(x, "ERR CLIENT PAUSE mode must be WRITE or ALL");
    }
    if (arg_int(x, x->argv[2], &ms) != RC_OK)
        return fail(x, "ERR timeout is not an integer or out of range");
    if (ms < 0)
        return RC_NEG_TIMEOUT;
    if (ms > INT64_MAX - x->now_ms)
        return fail(x, "ERR timeout is out of range");
    engine_pause(x->engine, PAUSE_CLIENT, x->now_ms + ms, all);
    return reply_ok(x);
}

static enum rc
client_unpause(struct exec *x)
{
    engine_unpause(x->engine, PAUSE_CLIENT);
    return reply_ok(x);
}

/* -- what a client says about itself -------------------------------------------------------------------------- */

static bool
is_printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '!' || text.ptr[i] > '~')
            return false;
    return true;
}

static enum rc
client_setname(struct exec *x)
{
    if (!is_printable(x->argv[2]))
        return fail(x, "ERR Client names cannot contain spaces, newlines or special characters.");
    session_set_name(x->session, x->argv[2]);
    return reply_ok(x);
}

static enum rc
client_getname(struct exec *x)
{
    struct slice name = session_name(x->session);

    return name.len == 0 ? reply_null(x) : reply_bulk(x, name);
}

static enum rc
client_setinfo(struct exec *x)
{
    bool is_name = arg_is(x->argv[2], LIT("lib-name"));

    if (!is_name && !arg_is(x->argv[2], LIT("lib-ver")))
        return fail(x, "ERR Unrecognized option '%.*s'", (int)(x->argv[2].len < 128 ? x->argv[2].len : 128),
                    x->argv[2].ptr);
    if (!is_printable(x->argv[3]))
        return fail(x, "ERR %s cannot contain spaces, newlines or special characters.",
                    is_name ? "lib-name" : "lib-ver");
    if (is_name)
        session_set_lib_name(x->session, x->argv[3]);
    else
        session_set_lib_ver(x->session, x->argv[3]);
    return reply_ok(x);
}

/* What we do not know of is nothing that we could use. */
static enum rc
client_capa(struct exec *x)
{
    for (int i = 2; i < x->argc; i++) {
        if (arg_is(x->argv[i], LIT("redirect")))
            session_set_flag(x->session, SESSION_FOLLOWS, true);
    }
    return reply_ok(x);
}

static enum rc
set_flag_on_off(struct exec *x, enum session_flag flag)
{
    bool on = arg_is(x->argv[2], LIT("on"));

    if (!on && !arg_is(x->argv[2], LIT("off")))
        return RC_SYNTAX;
    session_set_flag(x->session, flag, on);
    return reply_ok(x);
}

static enum rc
client_no_evict(struct exec *x)
{
    return set_flag_on_off(x, SESSION_NO_EVICT);
}

static enum rc
client_no_touch(struct exec *x)
{
    return set_flag_on_off(x, SESSION_NO_TOUCH);
}

static enum rc
client_reply(struct exec *x)
{
    if (arg_is(x->argv[2], LIT("on"))) {
        session_set_reply_mode(x->session, REPLY_ON);
        return reply_ok(x);
    }
    if (arg_is(x->argv[2], LIT("off")))
        session_set_reply_mode(x->session, REPLY_OFF);
    else if (!arg_is(x->argv[2], LIT("skip")))
        return RC_SYNTAX;
    else if (session_reply_mode(x->session) != REPLY_OFF)
        session_set_reply_mode(x->session, REPLY_SKIP_NEXT);
    return RC_OK;
}

static enum rc
client_help(struct exec *x)
{
    static const char *const lines[] = {
        "CACHING (YES|NO)",
        "    Whether the keys of the next command are tracked.",
        "CAPA <capability> [<capability> ...]",
        "    Tell what this client can do: redirect, go where a replica sends it.",
        "GETNAME",
        "    Return the name of this connection.",
        "GETREDIR",
        "    Return the client that invalidations are redirected to, -1 if there is none.",
        "ID",
        "    Return the number of this connection.",
        "INFO",
        "    Describe this connection.",
        "KILL <ip:port>",
        "    Close the connection from that address.",
        "KILL <option> <value> [<option> <value> ...]",
        "    Close all connections that fit: ADDR, LADDR, IP, ID (one or more), TYPE, USER, NAME, DB, FLAGS, LIB-NAME,",
        "    LIB-VER, CAPA, MAXAGE, IDLE, each also with NOT- before it; SKIPME no includes this one.",
        "LIST [<option> <value> ...]",
        "    Describe connections, a line for each: those that fit, with the options of KILL.",
        "NO-EVICT (ON|OFF)",
        "    Protect this connection when memory is short.",
        "NO-TOUCH (ON|OFF)",
        "    Whether this connection's reads count as use of a key.",
        "PAUSE <milliseconds> [WRITE|ALL]",
        "    Let commands of all connections wait, or only those that write.",
        "REPLY (ON|OFF|SKIP)",
        "    Send replies on this connection, none, or none to the next command.",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "    Tell which client library is in use.",
        "SETNAME <name>",
        "    Name this connection.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> ...] [OPTIN] [OPTOUT] [NOLOOP]",
        "    Send a message when keys that this connection has read change.",
        "TRACKINGINFO",
        "    Tell how tracking is set up for this connection.",
        "UNBLOCK <id> [TIMEOUT|ERROR]",
        "    End another connection's waiting.",
        "UNPAUSE",
        "    End a pause.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- rows ----------------------------------------------------------------------------------------------------- */

#define SELF_FLAGS   (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)
#define ADMIN_FLAGS  (SELF_FLAGS | CMD_ADMIN)
#define CLIENT_SUB   .group = GROUP_CONNECTION, .categories = CAT(CONNECTION)
#define TO_ALL_NODES "request_policy:all_nodes response_policy:all_succeeded"

static const struct cmd client_subs[] = {
    {"caching", client__caching, .arity = 3, CLIENT_SUB, .flags = SELF_FLAGS, .since = "6.0.0", .args = "mode=<YES|NO>",
     .reply = "OK", .about = "Says whether the keys of the next command are to be tracked.", .complexity = "O(1)"},
    {"capa", client_capa, .arity = -3, CLIENT_SUB, .flags = SELF_FLAGS | CMD_ALLOW_BUSY, .since = "8.0.0",
     .args = "capability...", .reply = "OK", .about = "Tells what the client is able to do.", .complexity = "O(1)"},
    {"getname", client_getname, .arity = 2, CLIENT_SUB, .flags = SELF_FLAGS, .since = "2.6.9", .reply = "bulk | null",
     .about = "Returns the connection's name.", .complexity = "O(1)"},
    {"getredir", client__getredir, .arity = 2, CLIENT_SUB, .flags = SELF_FLAGS, .since = "6.0.0", .reply = "integer",
     .about = "Returns the client that tracking messages are redirected to.", .complexity = "O(1)"},
    {"help", client_help, .arity = 2, CLIENT_SUB, .flags = CMD_LOADING | CMD_STALE, .since = "5.0.0", .reply = "array",
     .about = "Explains the subcommands.", .complexity = "O(1)"},
    {"id", client_id, .arity = 2, CLIENT_SUB, .flags = SELF_FLAGS, .since = "5.0.0", .reply = "integer",
     .about = "Returns the connection's number.", .complexity = "O(1)"},
    {"info", client_info, .arity = 2, CLIENT_SUB, .flags = SELF_FLAGS, .since = "6.2.0", .reply = "verbatim",
     .about = "Describes the connection.", .complexity = "O(1)", .tips = "nondeterministic_output"},
    {"kill", client_kill, .arity = -3, CLIENT_SUB, .flags = ADMIN_FLAGS, .since = "2.4.0",
     .args = "filter=<old-format|new-format=<ID client-id:int@2.8.12|TYPE client-type=<NORMAL|MASTER@3.2.0|SLAVE|"
             "REPLICA@5.0.0|PUBSUB>@2.8.12|USER username|ADDR addr|LADDR laddr@6.2.0|SKIPME <YES|NO>|"
             "MAXAGE maxage:int@7.4.0|NAME name@9.0.0|IDLE idle:int@9.0.0|FLAGS flags@9.0.0|LIB-NAME lib-name@9.0.0|"
             "LIB-VER lib-ver@9.0.0|DB db:int@9.0.0|CAPA capa@9.0.0|IP ip@9.0.0|NOT-ID not-id:int@9.0.0|"
             "NOT-TYPE not-type@9.0.0|NOT-USER not-user@9.0.0|NOT-ADDR not-addr@9.0.0|NOT-LADDR not-laddr@9.0.0|"
             "NOT-NAME not-name@9.0.0|NOT-FLAGS not-flags@9.0.0|NOT-LIB-NAME not-lib-name@9.0.0|"
             "NOT-LIB-VER not-lib-ver@9.0.0|NOT-DB not-db:int@9.0.0|NOT-CAPA not-capa@9.0.0|NOT-IP not-ip@9.0.0>...>",
     .reply = "OK | integer", .about = "Closes connections.", .complexity = "O(N) for N connections",
     .history =
         "2.8.12 Filters by name and value.|2.8.12 Filter ID.|3.2.0 TYPE master.|5.0.0 TYPE replica, slave being "
         "its older name.|6.2.0 Filter LADDR.|7.4.0 Filter MAXAGE."},
    {"list", client_list, .arity = -2, CLIENT_SUB, .flags = ADMIN_FLAGS, .since = "2.4.0",
     .args = "[TYPE client-type=<NORMAL|MASTER|REPLICA|PUBSUB>]@5.0.0 [ID client-id:int...]@6.2.0 "
             "[USER username]@9.0.0 [ADDR addr]@9.0.0 [LADDR laddr]@9.0.0 [SKIPME skipme=<YES|NO>]@9.0.0 "
             "[MAXAGE maxage:int]@9.0.0 [NAME name]@9.0.0 [IDLE idle:int]@9.0.0 [FLAGS flags]@9.0.0 "
             "[LIB-NAME lib-name]@9.0.0 [LIB-VER lib-ver]@9.0.0 [DB db:int]@9.0.0 [CAPA capa]@9.0.0 [IP ip]@9.0.0 "
             "[NOT-ID not-id:int...]@9.0.0 [NOT-TYPE not-type]@9.0.0 [NOT-USER not-user]@9.0.0 "
             "[NOT-ADDR not-addr]@9.0.0 [NOT-LADDR not-laddr]@9.0.0 [NOT-NAME not-name]@9.0.0 "
             "[NOT-FLAGS not-flags]@9.0.0 [NOT-LIB-NAME not-lib-name]@9.0.0 [NOT-LIB-VER not-lib-ver]@9.0.0 "
             "[NOT-DB not-db:int]@9.0.0 [NOT-CAPA not-capa]@9.0.0 [NOT-IP not-ip]@9.0.0",
     .reply = "verbatim", .about = "Describes all connections.", .complexity = "O(N) for N connections",
     .tips = "nondeterministic_output",
     .history =
         "2.8.12 Field id.|5.0.0 Filter TYPE.|6.0.0 Field user.|6.2.0 Fields argv-mem, tot-mem, laddr and redir; "
         "filter ID.|7.0.0 Fields resp, multi-mem, rbs and rbp.|7.0.3 Field ssub.|7.2.0 Fields lib-name and "
         "lib-ver.|7.4.0 Field watch.|8.0.0 Fields io-thread, tot-net-in, tot-net-out and tot-cmds.|9.0.0 Field capa; "
         "the filters of CLIENT KILL."},
    {"no-evict", client_no_evict, .arity = 3, CLIENT_SUB, .flags = ADMIN_FLAGS, .since = "7.0.0",
     .args = "enabled=<ON|OFF>", .reply = "OK", .about = "Protects the connection when memory is short.",
     .complexity = "O(1)"},
    {"no-touch", client_no_touch, .arity = 3, CLIENT_SUB, .flags = SELF_FLAGS, .since = "7.2.0",
     .args = "enabled=<ON|OFF>", .reply = "OK", .about = "Keeps the connection's reads from counting as use of keys.",
     .complexity = "O(1)"},
    {"pause", client_pause, .arity = -3, CLIENT_SUB, .flags = ADMIN_FLAGS, .since = "3.0.0",
     .args = "timeout:int mode=[WRITE|ALL]@6.2.0", .reply = "OK", .about = "Lets commands of all connections wait.",
     .complexity = "O(1)", .history = "6.2.0 Mode WRITE; the mode may be given."},
    {"reply", client_reply, .arity = 3, CLIENT_SUB, .flags = SELF_FLAGS, .since = "3.2.0",
     .args = "action=<ON|OFF|SKIP>", .reply = "OK", .about = "Switches replies on and off.", .complexity = "O(1)"},
    {"setinfo", client_setinfo, .arity = 4, CLIENT_SUB, .flags = SELF_FLAGS, .since = "7.2.0",
     .args = "attr=<LIB-NAME libname|LIB-VER libver>", .reply = "OK", .about = "Tells which client library is in use.",
     .complexity = "O(1)", .tips = TO_ALL_NODES},
    {"setname", client_setname, .arity = 3, CLIENT_SUB, .flags = SELF_FLAGS, .since = "2.6.9",
     .args = "connection-name", .reply = "OK", .about = "Names the connection.", .complexity = "O(1)",
     .tips = TO_ALL_NODES},
    {"tracking", client__tracking, .arity = -3, CLIENT_SUB, .flags = SELF_FLAGS, .since = "6.0.0",
     .args = "status=<ON|OFF> [REDIRECT client-id:int] [PREFIX prefix]... [BCAST] [OPTIN] [OPTOUT] "
             "[NOLOOP]",
     .reply = "OK", .about = "Tells this client when keys that it has read change.", .complexity = "O(1)"},
    {"trackinginfo", client__trackinginfo, .arity = 2, CLIENT_SUB, .flags = SELF_FLAGS, .since = "6.2.0",
     .reply = "map", .about = "Tells how tracking is set up for the connection.", .complexity = "O(1)"},
    {"unblock", client_unblock, .arity = -3, CLIENT_SUB, .flags = ADMIN_FLAGS, .since = "5.0.0",
     .args = "client-id:int unblock-type=[TIMEOUT|ERROR]", .reply = "integer", .about = "Ends a connection's waiting.",
     .complexity = "O(log N) for N connections"},
    {"unpause", client_unpause, .arity = 2, CLIENT_SUB, .flags = ADMIN_FLAGS, .since = "6.2.0", .reply = "OK",
     .about = "Ends a pause.", .complexity = "O(N) for N connections that wait"},
    {0},
};

const struct cmd cmd_client_family[] = {
    {"client", NULL, .arity = -2, .group = GROUP_CONNECTION, .subs = client_subs, .since = "2.4.0",
     .about = "Everything about connections.", .complexity = "that of the subcommand"},
    {0},
};
