/* engine/secrets.c - which arguments of a command nobody but the command itself may see.
 *
 * A row says with CMD_SECRET that there may be some; which they are is said here, so that MONITOR and the slow log
 * still show the rest, as redis does.
 */
#include "engine/engine_priv.h"

/* Directives that hold passwords have names like requirepass, masterauth, tls-key-file-pass. */
static bool
names_a_secret(struct slice directive)
{
    static const struct slice tails[] = {LIT_INIT("pass"), LIT_INIT("auth")};

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        size_t n = tails[i].len;
        if (directive.len >= n && slice_eq_nocase(slice_skip(directive, directive.len - n), tails[i]))
            return true;
    }
    return false;
}

/* Behind AUTH come the name and the password (HELLO, MIGRATE ... AUTH2), or only the password (MIGRATE ... AUTH). A
 * client may be called auth. */
static bool
follows_auth(const struct exec *x, int i, bool hello)
{
    for (int at = hello ? 2 : 6; at < i; at++) {
        bool two = slice_eq_nocase(x->argv[at], hello ? LIT("auth") : LIT("auth2"));
        if (two || slice_eq_nocase(x->argv[at], LIT("auth"))) {
            if (i <= at + 1 + two)
                return true;
            at += 1 + two;
        } else if (hello && slice_eq_nocase(x->argv[at], LIT("setname"))) {
            at++;
        }
    }
    return false;
}

static bool
is_secret(const struct exec *x, int i)
{
    struct slice name = x->command->name;

    if (i == 0)
        return false;
    if (slice_eq(name, LIT("hello")) || slice_eq(name, LIT("migrate")))
        return follows_auth(x, i, name.ptr[0] == 'h');
    if (slice_eq(name, LIT("config|set")))
        return i >= 3 && i % 2 == 1 && names_a_secret(x->argv[i - 1]);
    return i > (x->command->parent != NULL);
}

struct slice
secrets__shown(const struct exec *x, int i)
{
    if (LIKELY(!(x->command->flags & CMD_SECRET)) || !is_secret(x, i))
        return x->argv[i];
    return LIT("(redacted)");
}
