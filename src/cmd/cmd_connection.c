/* cmd/cmd_connection.c - AUTH, HELLO, PING, ECHO, QUIT, RESET. CLIENT is in cmd_client.c. */
#include "base/version.h"
#include "engine/acl.h"
#include "engine/pubsub.h"
#include "engine/session.h"
#include "engine/settings.h"

/* -- who is it? ----------------------------------------------------------------------------------------------- */

static enum rc
authenticate(struct exec *x, struct slice name, struct slice password)
{
    if (auth_limit_reached(x))
        return fail(x, "ERR Too many failed logins from this address, try again in a minute.");
    struct acl_user *u = acl_authenticate(engine_acl(x->engine), name, password);
    if (u == NULL) {
        acl_log_failed_auth(x, name);
        auth_limit_failed(x);
        return fail(x, "WRONGPASS invalid username-password pair or user is disabled.");
    }
    session_set_user(x->session, u);
    session_set_authenticated(x->session, true);
    return RC_OK;
}

static enum rc
cmd_auth(struct exec *x)
{
    struct slice user = LIT("default");

    if (x->argc > 3)
        return RC_SYNTAX;
    if (x->argc == 3)
        user = x->argv[1];
    else if (acl_user_nopass(acl_default(engine_acl(x->engine))))
        return fail(x, "ERR AUTH <password> called without any password configured for the default user. Are you sure "
                       "your configuration is correct?");
    TRY(authenticate(x, user, x->argv[x->argc - 1]));
    return reply_ok(x);
}

/* -- HELLO ---------------------------------------------------------------------------------------------------- */

struct greeting {
    int resp; /* 0: not asked for */
    bool auth, named;
    struct slice user, password, name;
};

static bool
name_is_printable(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < '!' || name.ptr[i] > '~')
            return false;
    return true;
}

static enum rc
greeting_parse(struct exec *x, struct greeting *g)
{
    int64_t version;

    if (x->argc == 1)
        return RC_OK;
    if (arg_int(x, x->argv[1], &version) != RC_OK)
        return fail(x, "ERR Protocol version is not an integer or out of range");
    if (version < 2 || version > 3)
        return fail(x, "NOPROTO unsupported protocol version");
    g->resp = (int)version;
    for (int i = 2; i < x->argc; i++) {
        int more = x->argc - 1 - i;

        if (more >= 2 && arg_is(x->argv[i], LIT("auth"))) {
            g->auth = true;
            g->user = x->argv[i + 1];
            g->password = x->argv[i + 2];
            i += 2;
        } else if (more >= 1 && arg_is(x->argv[i], LIT("setname"))) {
            g->named = true;
            g->name = x->argv[++i];
            if (!name_is_printable(g->name))
                return fail(x, "ERR Client names cannot contain spaces, newlines or special characters.");
        } else {
            return fail(x, "ERR Syntax error in HELLO option '%.*s'",
                        (int)(x->argv[i].len < 128 ? x->argv[i].len : 128), x->argv[i].ptr);
        }
    }
    return RC_OK;
}

static enum rc
cmd_hello(struct exec *x)
{
    struct greeting g = {0};

    TRY(greeting_parse(x, &g));
    if (g.auth)
        TRY(authenticate(x, g.user, g.password));
    if (!session_authenticated(x->session))
        return fail(
            x, "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH "
               "<user> <pass> option can be used to authenticate the client and select the RESP protocol version "
               "at the same time");
    if (g.named)
        session_set_name(x->session, g.name);
    if (g.resp != 0) {
        session_set_resp(x->session, g.resp);
        x->reply.resp = g.resp; /* this very reply is in the new protocol already */
    }
    reply_map(x, 7);
    reply_bulk(x, LIT("server"));
    reply_bulk(x, LIT("redis"));
    reply_bulk(x, LIT("version"));
    reply_bulk(x, LIT(SORREL_REDIS_VERSION));
    reply_bulk(x, LIT("proto"));
    reply_int(x, x->reply.resp);
    reply_bulk(x, LIT("id"));
    reply_int(x, (int64_t)session_ident(x->session));
    reply_bulk(x, LIT("mode"));
    reply_bulk(x, LIT("standalone"));
    reply_bulk(x, LIT("role"));
    reply_bulk(x, engine_settings(x->engine)->replica ? LIT("replica") : LIT("master"));
    reply_bulk(x, LIT("modules"));
    return reply_array(x, 0);
}

/* -- the rest ------------------------------------------------------------------------------------------------- */

static enum rc
cmd_ping(struct exec *x)
{
    const struct session *s = x->session;

    if (x->argc > 2)
        return fail_arity(x);
    /* A RESP2 subscriber reads nothing but messages, so this has to look like one. */
    if (x->reply.resp == 2 && pubsub_session_all(s) > 0) {
        reply_array(x, 2);
        reply_bulk(x, LIT("pong"));
        return reply_bulk(x, x->argc == 2 ? x->argv[1] : LIT(""));
    }
    return x->argc == 2 ? reply_bulk(x, x->argv[1]) : reply_simple(x, LIT("PONG"));
}

static enum rc
cmd_echo(struct exec *x)
{
    return reply_bulk(x, x->argv[1]);
}

static enum rc
cmd_quit(struct exec *x)
{
    session_close_after_reply(x->session);
    return reply_ok(x);
}

static enum rc
cmd_reset(struct exec *x)
{
    session_reset(x->session);
    x->reply.resp = 2;
    return reply_simple(x, LIT("RESET"));
}

/* Both are for clients that follow -REDIRECT (CLIENT CAPA) as those of a cluster follow -MOVED. */
static enum rc
cmd_readonly(struct exec *x)
{
    session_set_flag(x->session, SESSION_READS_REPLICAS, true);
    return reply_ok(x);
}

static enum rc
cmd_readwrite(struct exec *x)
{
    session_set_flag(x->session, SESSION_READS_REPLICAS, false);
    return reply_ok(x);
}

/* -- rows ----------------------------------------------------------------------------------------------------- */

#define ANY_TIME (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_AUTH | CMD_ALLOW_BUSY)

const struct cmd cmd_connection_family[] = {
    {"auth", cmd_auth, .arity = -2, .group = GROUP_CONNECTION, .flags = ANY_TIME | CMD_SECRET,
     .categories = CAT(CONNECTION), .since = "1.0.0", .args = "[username]@6.0.0 password", .reply = "OK",
     .about = "Proves who the client is.", .complexity = "O(N) for N passwords of the user",
     .history = "6.0.0 Takes a user's name."},
    {"hello", cmd_hello, .arity = -1, .group = GROUP_CONNECTION, .flags = ANY_TIME | CMD_SECRET,
     .categories = CAT(CONNECTION), .since = "6.0.0",
     .args = "arguments=[protover:int [AUTH {username password}] [SETNAME clientname]]", .reply = "map",
     .about = "Introduces client and server to each other and chooses the protocol.", .complexity = "O(1)",
     .history = "6.2.0 The version may be left out."},
    {"ping", cmd_ping, .arity = -1, .group = GROUP_CONNECTION, .flags = CMD_FAST, .categories = CAT(CONNECTION),
     .since = "1.0.0", .args = "[message]", .reply = "PONG | bulk", .about = "Answers, if the server is alive.",
     .complexity = "O(1)", .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {"echo", cmd_echo, .arity = 2, .group = GROUP_CONNECTION, .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
     .categories = CAT(CONNECTION), .since = "1.0.0", .args = "message", .reply = "bulk",
     .about = "Returns its argument.", .complexity = "O(1)"},
    {"quit", cmd_quit, .arity = -1, .group = GROUP_CONNECTION, .flags = ANY_TIME, .categories = CAT(CONNECTION),
     .since = "1.0.0", .reply = "OK", .about = "Closes the connection.", .complexity = "O(1)",
     .deprecated_since = "7.2.0", .replaced_by = "just closing the connection"},
    {"reset", cmd_reset, .arity = 1, .group = GROUP_CONNECTION, .flags = ANY_TIME, .categories = CAT(CONNECTION),
     .since = "6.2.0", .reply = "RESET", .about = "Puts the connection back into the state of a new one.",
     .complexity = "O(1)"},
    {"readonly", cmd_readonly, .arity = 1, .group = GROUP_CLUSTER, .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
     .categories = CAT(CONNECTION), .since = "3.0.0", .reply = "OK",
     .about = "Lets a replica answer this client's reads instead of sending it to the primary.", .complexity = "O(1)"},
    {"readwrite", cmd_readwrite, .arity = 1, .group = GROUP_CLUSTER, .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
     .categories = CAT(CONNECTION), .since = "3.0.0", .reply = "OK", .about = "Ends what READONLY began.",
     .complexity = "O(1)"},
    {0},
};
