/* cmd/cmd_acl.c - ACL: users as people see and change them. What they may do is decided in engine/acl.h; the ACL file
 * is the host's. */
#include "engine/acl.h"

#include <openssl/rand.h>

/* -- GETUSER, LIST, USERS, WHOAMI ------------------------------------------------------------------------------- */

struct flag_list {
    struct exec *x;
    size_t n;
};

static void
add_flag(void *ctx, struct slice flag)
{
    struct flag_list *l = ctx;

    reply_bulk(l->x, flag);
    l->n++;
}

static void
reply_part(struct exec *x, const struct acl_user *u, size_t selector,
           void (*describe)(const struct acl_user *u, size_t selector, struct buf *out))
{
    struct buf *b = exec_scratch(x);

    describe(u, selector, b);
    reply_bulk(x, buf_slice(b));
}

static void
reply_selector(struct exec *x, const struct acl_user *u, size_t selector)
{
    reply_bulk(x, LIT("commands"));
    reply_part(x, u, selector, acl_describe_commands);
    reply_bulk(x, LIT("keys"));
    reply_part(x, u, selector, acl_describe_keys);
    reply_bulk(x, LIT("channels"));
    reply_part(x, u, selector, acl_describe_channels);
}

static enum rc
acl_getuser(struct exec *x)
{
    const struct acl_user *u = acl_find(engine_acl(x->engine), x->argv[2]);
    struct flag_list flags = {x, 0};
    char hex[64];

    if (u == NULL)
        return reply_null(x);
    reply_map(x, 6);
    reply_bulk(x, LIT("flags"));
    struct reply_mark mark = reply_mark_here(&x->reply);
    acl_flags_each(u, add_flag, &flags);
    reply_close_set(&x->reply, mark, flags.n);
    reply_bulk(x, LIT("passwords"));
    reply_array(x, acl_password_count(u));
    for (size_t i = 0; i < acl_password_count(u); i++) {
        acl_password_hex(u, i, hex);
        reply_bulk(x, slice_of(hex, sizeof(hex)));
    }
    reply_selector(x, u, 0);
    reply_bulk(x, LIT("selectors"));
    reply_array(x, acl_selector_count(u) - 1);
    for (size_t i = 1; i < acl_selector_count(u); i++) {
        reply_map(x, 3);
        reply_selector(x, u, i);
    }
    return RC_OK;
}

static enum rc
acl_list(struct exec *x)
{
    struct acl *acl = engine_acl(x->engine);

    reply_array(x, acl_count(acl));
    for (size_t i = 0; i < acl_count(acl); i++) {
        struct buf *b = exec_scratch(x);
        acl_describe(acl_at(acl, i), b);
        reply_bulk(x, buf_slice(b));
    }
    return RC_OK;
}

static enum rc
acl_users(struct exec *x)
{
    struct acl *acl = engine_acl(x->engine);

    reply_array(x, acl_count(acl));
    for (size_t i = 0; i < acl_count(acl); i++)
        reply_bulk(x, acl_user_name(acl_at(acl, i)));
    return RC_OK;
}

static enum rc
acl_whoami(struct exec *x)
{
    return reply_bulk(x, acl_user_name(session_user(x->session)));
}

/* -- SETUSER, DELUSER ------------------------------------------------------------------------------------------- */

static enum rc
acl_setuser(struct exec *x)
{
    struct slice name = x->argv[2];
    struct buf error = {0};

    if (!acl_name_fits(name))
        return fail(x, "ERR Usernames can't contain spaces or null characters");
    if (acl_set(engine_acl(x->engine), name, x->argv + 3, x->argc - 3, &error)) {
        buf_fini(&error);
        return reply_ok(x);
    }
    enum rc rc = fail(x, "%.*s", (int)error.len, error.ptr);
    buf_fini(&error);
    return rc;
}

static enum rc
acl_deluser(struct exec *x)
{
    int64_t deleted = 0;

    for (int i = 2; i < x->argc; i++) {
        if (slice_eq(x->argv[i], LIT("default")))
            return fail(x, "ERR The 'default' user cannot be removed");
    }
    for (int i = 2; i < x->argc; i++)
        deleted += acl_delete(engine_acl(x->engine), x->argv[i]);
    return reply_int(x, deleted);
}

/* -- CAT -------------------------------------------------------------------------------------------------------- */

static enum rc
acl_cat(struct exec *x)
{
    size_t n = 0;

    if (x->argc > 3)
        return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try ACL HELP.",
                    (int)x->argv[1].len, x->argv[1].ptr);
    if (x->argc == 2) {
        reply_array(x, CAT_COUNT);
        for (int i = 0; i < CAT_COUNT; i++)
            reply_bulk(x, slice_cstr(cmd_category_name((enum acl_category)i)));
        return RC_OK;
    }
    int category = 0;
    while (category < CAT_COUNT &&
           !slice_eq_nocase(x->argv[2], slice_cstr(cmd_category_name((enum acl_category)category))))
        category++;
    if (category == CAT_COUNT)
        return fail(x, "ERR Unknown category '%.*s'", (int)x->argv[2].len, x->argv[2].ptr);
    struct reply_mark mark = reply_mark_here(&x->reply);
    const struct command *c;
    for (size_t i = 0; (c = command_by_id(x->engine, i)) != NULL; i++) {
        if (c->categories >> category & 1) {
            reply_bulk(x, command_original_name(c));
            n++;
        }
    }
    reply_close_array(&x->reply, mark, n);
    return RC_OK;
}

/* -- GENPASS ---------------------------------------------------------------------------------------------------- */

enum { GENPASS_BITS = 256, GENPASS_BITS_MAX = 4096 };

static enum rc
acl_genpass(struct exec *x)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char random[GENPASS_BITS_MAX / 8];
    char text[GENPASS_BITS_MAX / 4];
    int64_t bits = GENPASS_BITS;

    if (x->argc > 3)
        return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try ACL HELP.",
                    (int)x->argv[1].len, x->argv[1].ptr);
    if (x->argc == 3) {
        TRY(arg_int(x, x->argv[2], &bits));
        if (bits <= 0 || bits > GENPASS_BITS_MAX)
            return fail(
                x, "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number "
                   "up to 4096");
    }
    size_t count = (size_t)(bits + 3) / 4;
    if (RAND_bytes(random, (int)(count + 1) / 2) != 1)
        return fail(x, "ERR no random bytes to be had from the system");
    for (size_t i = 0; i < count; i++)
        text[i] = digits[random[i / 2] >> (i % 2 * 4) & 15];
    return reply_bulk(x, slice_of(text, count));
}

/* -- DRYRUN ----------------------------------------------------------------------------------------------------- */

static enum rc
acl_dryrun(struct exec *x)
{
    const struct acl_user *u = acl_find(engine_acl(x->engine), x->argv[2]);
    const struct slice *argv = x->argv + 3;
    int argc = x->argc - 3, at;

    if (u == NULL)
        return fail(x, "ERR User '%.*s' not found", (int)x->argv[2].len, x->argv[2].ptr);
    const struct command *c = command_resolve(x->engine, argv, argc);
    if (c == NULL)
        return fail(x, "ERR Command '%.*s' not found", (int)argv[0].len, argv[0].ptr);
    if (c->arity >= 0 ? argc != c->arity : argc < -c->arity)
        return fail(x, "ERR wrong number of arguments for '%.*s' command", (int)c->name.len, c->name.ptr);
    enum acl_denied why = acl_check(u, c, argv, argc, &at);
    if (why == ACL_ALLOWED)
        return reply_ok(x);
    struct buf *b = exec_scratch(x);
    acl_denied_text(u, why, c, argv[at], b);
    return reply_bulk(x, buf_slice(b));
}

/* -- LOG -------------------------------------------------------------------------------------------------------- */

static void
reply_log_entry(struct exec *x, const struct acl_log_entry *e)
{
    reply_map(x, 10);
    reply_bulk(x, LIT("count"));
    reply_int(x, (int64_t)e->count);
    reply_bulk(x, LIT("reason"));
    reply_bulk(x, slice_cstr(e->reason));
    reply_bulk(x, LIT("context"));
    reply_bulk(x, slice_cstr(e->context));
    reply_bulk(x, LIT("object"));
    reply_bulk(x, e->object);
    reply_bulk(x, LIT("username"));
    reply_bulk(x, e->user);
    reply_bulk(x, LIT("age-seconds"));
    reply_double(x, (double)(x->now_ms - e->updated_ms) / 1000);
    reply_bulk(x, LIT("client-info"));
    reply_bulk(x, e->client);
    reply_bulk(x, LIT("entry-id"));
    reply_int(x, (int64_t)e->id);
    reply_bulk(x, LIT("timestamp-created"));
    reply_int(x, e->created_ms);
    reply_bulk(x, LIT("timestamp-last-updated"));
    reply_int(x, e->updated_ms);
}

static enum rc
acl_log(struct exec *x)
{
    struct acl *acl = engine_acl(x->engine);
    int64_t count = 10;

    if (x->argc > 3)
        return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try ACL HELP.",
                    (int)x->argv[1].len, x->argv[1].ptr);
    if (x->argc == 3) {
        if (arg_is(x->argv[2], LIT("reset"))) {
            acl_log_reset(acl);
            return reply_ok(x);
        }
        TRY(arg_int(x, x->argv[2], &count));
    }
    size_t n = acl_log_count(acl);
    n = count < 0 ? 0 : (uint64_t)count < n ? (size_t)count : n;
    reply_array(x, n);
    for (size_t i = 0; i < n; i++)
        reply_log_entry(x, acl_log_at(acl, i));
    return RC_OK;
}

/* -- LOAD, SAVE ------------------------------------------------------------------------------------------------- */

static enum rc
with_file(struct exec *x, bool save)
{
    const struct engine_host *host = engine_host_of(x->engine);
    struct buf error = {0};

    if (host->acl_file == NULL || !host->acl_file(host->ctx, ACL_FILE_EXISTS, &error)) {
        buf_fini(&error);
        return fail(
            x, "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the "
               "ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file "
               "set) in order to store users in the Redis configuration.");
    }
    bool done = host->acl_file(host->ctx, save ? ACL_FILE_SAVE : ACL_FILE_LOAD, &error);
    enum rc rc = done ? reply_ok(x) : fail(x, "ERR %.*s", (int)error.len, error.ptr);
    buf_fini(&error);
    return rc;
}

static enum rc
acl_load(struct exec *x)
{
    return with_file(x, false);
}

static enum rc
acl_save(struct exec *x)
{
    return with_file(x, true);
}

static enum rc
acl_help(struct exec *x)
{
    static const char *const lines[] = {
        "CAT [<category>]",
        "    Lists the categories, or the commands of one.",
        "DELUSER <username> [<username> ...]",
        "    Removes users and ends their connections.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Tells whether a user may run a command, without running it.",
        "GENPASS [<bits>]",
        "    Makes up a password from 256 random bits, or as many as asked for.",
        "GETUSER <username>",
        "    Shows what a user may do.",
        "LIST",
        "    Shows all users in the form of the configuration file.",
        "LOAD",
        "    Reads the users again from the ACL file.",
        "LOG [<count> | RESET]",
        "    Shows what was refused lately, or forgets it.",
        "SAVE",
        "    Writes the users to the ACL file.",
        "SETUSER <username> <rule> [<rule> ...]",
        "    Makes or changes a user.",
        "USERS",
        "    Lists the names of all users.",
        "WHOAMI",
        "    Tells the name of this connection's user.",
        NULL,
    };

    return reply_help(x, lines);
}

#define ADMIN     (CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)
#define EVERYBODY (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)
#define ROW       .group = GROUP_SERVER, .since = "6.0.0"

static const struct cmd subs[] = {
    {"cat", acl_cat, .arity = -2, .flags = EVERYBODY, ROW, .args = "[category]", .reply = "array",
     .about = "Lists the command categories, or the commands of one.", .complexity = "O(1)"},
    {"deluser", acl_deluser, .arity = -3, .flags = ADMIN, ROW, .args = "username...", .reply = "integer",
     .about = "Removes users and ends their connections.", .complexity = "O(1)",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {"dryrun", acl_dryrun, .arity = -4, .flags = ADMIN, .group = GROUP_SERVER, .since = "7.0.0",
     .args = "username command [arg...]", .reply = "simple | bulk",
     .about = "Tells whether a user may run a command, without running it.", .complexity = "O(1)"},
    {"genpass", acl_genpass, .arity = -2, .flags = EVERYBODY, ROW, .args = "[bits:int]", .reply = "bulk",
     .about = "Makes up a password from random bits.", .complexity = "O(1)"},
    {"getuser", acl_getuser, .arity = 3, .flags = ADMIN, ROW, .args = "username", .reply = "map | null",
     .about = "Shows what a user may do.", .complexity = "O(N)",
     .history = "6.2.0 Shows channel patterns.|7.0.0 Shows selectors; keys and channels in the form of rules."},
    {"list", acl_list, .arity = 2, .flags = ADMIN, ROW, .reply = "array",
     .about = "Shows all users in the form of the configuration file.", .complexity = "O(N)"},
    {"load", acl_load, .arity = 2, .flags = ADMIN, ROW, .reply = "simple",
     .about = "Reads the users again from the ACL file.", .complexity = "O(N)"},
    {"log", acl_log, .arity = -2, .flags = ADMIN, ROW, .args = "operation=[count:int|RESET]", .reply = "array | simple",
     .about = "Shows what was refused lately.", .complexity = "O(N)",
     .history = "7.2.0 Fields entry-id, timestamp-created and timestamp-last-updated."},
    {"save", acl_save, .arity = 2, .flags = ADMIN, ROW, .reply = "simple", .about = "Writes the users to the ACL file.",
     .complexity = "O(N)", .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {"setuser", acl_setuser, .arity = -3, .flags = ADMIN | CMD_SECRET, ROW, .args = "username [rule...]",
     .reply = "simple", .about = "Makes or changes a user.", .complexity = "O(N)",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .history = "6.2.0 Channel patterns.|7.0.0 Selectors and key patterns with rights."},
    {"users", acl_users, .arity = 2, .flags = ADMIN, ROW, .reply = "array", .about = "Lists the names of all users.",
     .complexity = "O(N)"},
    {"whoami", acl_whoami, .arity = 2, .flags = EVERYBODY, ROW, .reply = "bulk",
     .about = "Tells the name of this connection's user.", .complexity = "O(1)"},
    {"help", acl_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, ROW, .reply = "array",
     .about = "Lists the subcommands.", .complexity = "O(1)"},
    {0},
};

const struct cmd cmd_acl_family[] = {
    {"acl", NULL, .arity = -2, .subs = subs, ROW, .about = "Holds the commands that manage users."},
    {0},
};
