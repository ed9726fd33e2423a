/* engine/acl_check.c - may a user run a command with these keys and channels? */
#include "base/glob.h"
#include "engine/acl_priv.h"

enum { KEYS_ON_STACK = 64 };

bool
acl__is_unrestricted(const struct acl_user *u)
{
    const struct acl_selector *s = u->selectors[0];

    return s->all_commands && s->keys.all && s->channels.all;
}

static bool
command_allowed(const struct acl_selector *s, const struct command *c, const struct slice *argv, int argc)
{
    if (s->all_commands || (s->commands[c->id / 64] >> (c->id % 64) & 1) || (c->flags & CMD_NO_AUTH))
        return true;
    for (size_t i = 0; i < s->first_arg_count; i++) {
        if (s->first_args[i].command == c->id && argc > 1 && slice_eq_nocase(s->first_args[i].arg, argv[1]))
            return true;
    }
    return false;
}

static unsigned
rights_for(unsigned key_flags)
{
    return (key_flags & KEY_ACCESS ? ACL_READ : 0u) |
           (key_flags & (KEY_UPDATE | KEY_INSERT | KEY_DELETE) ? ACL_WRITE : 0u);
}

static bool
key_allowed(const struct acl_selector *s, struct slice key, unsigned rights)
{
    if (s->keys.all)
        return true;
    for (size_t i = 0; i < s->keys.n; i++) {
        const struct acl_pattern *p = &s->keys.v[i];
        if ((p->rights & rights) == rights && glob_match(p->text, key, false))
            return true;
    }
    return false;
}

static enum acl_denied
check_keys(const struct acl_selector *s, const struct command *c, const struct slice *argv, int argc, int *at)
{
    int index[KEYS_ON_STACK], *where = index;
    uint16_t flags[KEYS_ON_STACK], *how = flags;
    enum acl_denied result = ACL_ALLOWED;

    if (s->keys.all)
        return ACL_ALLOWED;
    int n = cmd_keys(c->row, argv, argc, index, flags, KEYS_ON_STACK);
    if (n > KEYS_ON_STACK) {
        where = mem_get_array((size_t)n, sizeof(*where));
        how = mem_get_array((size_t)n, sizeof(*how));
        n = cmd_keys(c->row, argv, argc, where, how, n);
    }
    for (int i = 0; i < n; i++) {
        if ((how[i] & KEY_NOT_KEY) || key_allowed(s, argv[where[i]], rights_for(how[i])))
            continue;
        *at = where[i];
        result = ACL_DENIED_KEY;
        break;
    }
    if (where != index) {
        mem_free(where);
        mem_free(how);
    }
    return result;
}

/* Which arguments of a command are channels: from `first` on, all of them or one; patterns are compared as they stand.
 */
struct channel_args {
    struct slice command;
    bool all, patterns;
};

static const struct channel_args *
channel_args_of(const struct command *c)
{
    static const struct channel_args rows[] = {
        {LIT_INIT("publish"), false, false},  {LIT_INIT("spublish"), false, false},
        {LIT_INIT("subscribe"), true, false}, {LIT_INIT("ssubscribe"), true, false},
        {LIT_INIT("psubscribe"), true, true},
    };

    if (!(c->flags & CMD_PUBSUB))
        return NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (slice_eq(slice_cstr(c->row->name), rows[i].command))
            return &rows[i];
    }
    return NULL;
}

bool
acl__channel_allowed(const struct acl_selector *s, struct slice channel, bool is_pattern)
{
    if (s->channels.all)
        return true;
    for (size_t i = 0; i < s->channels.n; i++) {
        struct slice p = s->channels.v[i].text;
        if (is_pattern ? slice_eq(p, channel) : glob_match(p, channel, false))
            return true;
    }
    return false;
}

static enum acl_denied
check_channels(const struct acl_selector *s, const struct command *c, const struct slice *argv, int argc, int *at)
{
    const struct channel_args *args = s->channels.all ? NULL : channel_args_of(c);

    for (int i = 1; args != NULL && i < (args->all ? argc : 2) && i < argc; i++) {
        if (!acl__channel_allowed(s, argv[i], args->patterns)) {
            *at = i;
            return ACL_DENIED_CHANNEL;
        }
    }
    return ACL_ALLOWED;
}

enum acl_denied
acl_check(const struct acl_user *u, const struct command *c, const struct slice *argv, int argc, int *at)
{
    enum acl_denied worst = ACL_DENIED_COMMAND;
    int where = 0;

    /* Among refusals the one that came furthest is told: a command before a key before a channel. */
    *at = 0;
    for (size_t i = 0; i < u->selector_count; i++) {
        const struct acl_selector *s = u->selectors[i];
        enum acl_denied d = ACL_DENIED_COMMAND;
        if (command_allowed(s, c, argv, argc)) {
            d = check_keys(s, c, argv, argc, &where);
            if (d == ACL_ALLOWED)
                d = check_channels(s, c, argv, argc, &where);
        }
        if (d == ACL_ALLOWED)
            return d;
        if (d > worst || (d == worst && where > *at)) {
            worst = d;
            *at = where;
        }
    }
    return worst;
}

bool
acl_may_touch(const struct exec *x, struct slice key, unsigned key_flags)
{
    const struct acl_user *u = x->session->user;

    if (u == NULL || (session_flags(x->session) & SESSION_INTERNAL))
        return true;
    for (size_t i = 0; i < u->selector_count; i++) {
        const struct acl_selector *s = u->selectors[i];
        if (command_allowed(s, x->command, x->argv, x->argc) && key_allowed(s, key, rights_for(key_flags)))
            return true;
    }
    return false;
}

static bool
reads_all(const struct acl_selector *s)
{
    for (size_t i = 0; i < s->keys.n; i++) {
        if ((s->keys.v[i].rights & ACL_READ) && slice_eq(s->keys.v[i].text, LIT("*")))
            return true;
    }
    return s->keys.all;
}

bool
acl_may_read_all(const struct exec *x)
{
    const struct acl_user *u = x->session->user;

    if (u == NULL || (session_flags(x->session) & SESSION_INTERNAL))
        return true;
    for (size_t i = 0; i < u->selector_count; i++) {
        if (command_allowed(u->selectors[i], x->command, x->argv, x->argc) && reads_all(u->selectors[i]))
            return true;
    }
    return false;
}

void
acl_denied_text(const struct acl_user *u, enum acl_denied why, const struct command *c, struct slice object,
                struct buf *out)
{
    struct slice name = command_original_name(c);

    buf_printf(out, "User %.*s has no permissions to ", (int)u->name.len, u->name.ptr);
    if (why == ACL_DENIED_COMMAND)
        buf_printf(out, "run the '%.*s' command", (int)name.len, name.ptr);
    else
        buf_printf(out, "access the '%.*s' %s", (int)object.len, object.ptr, why == ACL_DENIED_KEY ? "key" : "channel");
}

/* Where the command stands that is looked at: queued or run by a transaction, in a script, or by itself. */
enum place { PLACE_TOP, PLACE_QUEUED, PLACE_EXEC, PLACE_SCRIPT };

static enum place
place_of(const struct exec *x)
{
    const struct command *top = x->engine->x.command;

    if (x->depth == 0)
        return session_multi_count(x->session) >= 0 ? PLACE_QUEUED : PLACE_TOP;
    return x->depth == 1 && top != NULL && slice_eq(top->name, LIT("exec")) ? PLACE_EXEC : PLACE_SCRIPT;
}

static enum rc
refuse_in_exec(struct exec *x, enum acl_denied why)
{
    return fail(x,
                "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This "
                "command is no longer allowed for the following reason: no permission to %s",
                why == ACL_DENIED_KEY       ? "touch the specified keys"
                : why == ACL_DENIED_CHANNEL ? "access one of the channels used as arguments"
                                            : "execute the command or subcommand");
}

enum rc
acl__guard(void *ctx, struct exec *x, const struct command *c)
{
    static const char *const contexts[] = {"toplevel", "multi", "multi", "lua"};
    const struct acl_user *u = x->session->user;
    struct slice name = command_original_name(c);
    int at;

    (void)ctx;
    if (u == NULL)
        return RC_OK;
    enum acl_denied why = acl_check(u, c, x->argv, x->argc, &at);
    if (why == ACL_ALLOWED)
        return RC_OK;
    enum place place = place_of(x);
    acl_log_add(x, why, contexts[place], why == ACL_DENIED_COMMAND ? name : x->argv[at], u->name);
    if (place == PLACE_EXEC)
        return refuse_in_exec(x, why);
    const char *before = place == PLACE_SCRIPT ? "ERR ACL failure in script:" : "NOPERM";
    switch (why) {
    case ACL_DENIED_KEY: return fail(x, "%s No permissions to access a key", before);
    case ACL_DENIED_CHANNEL: return fail(x, "%s No permissions to access a channel", before);
    default:
        return fail(x, "%s User %.*s has no permissions to run the '%.*s' command", before, (int)u->name.len,
                    u->name.ptr, (int)name.len, name.ptr);
    }
}
