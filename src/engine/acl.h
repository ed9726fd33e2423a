/* engine/acl.h - who may do what: users, their passwords, commands, keys and channels.
 *
 * A user has passwords and one or more selectors. A selector allows commands (a bit for each), keys (patterns with read
 * and write) and channels; a command runs if one selector allows all of it. Sessions of a user that may do everything
 * pay nothing: only the others are sent through acl_check() by the dispatcher. Source: the documentation of ACL and the
 * behaviour of redis-server 7.0; texts as 7.2 words them.
 *
 * Ownership: users belong to the struct acl; a session holds a reference, so a deleted user outlives its last session.
 * Threads: as the engine.
 */
#ifndef SORREL_ENGINE_ACL_H
#define SORREL_ENGINE_ACL_H

#include "base/buf.h"
#include "engine/dispatch.h"
#include "engine/exec.h"
#include "engine/session.h"

struct acl;
struct acl_user;

struct acl *engine_acl(struct engine *e);

/* -- users ----------------------------------------------------------------------------------------------------- */

struct acl_user *acl_find(struct acl *acl, struct slice name); /* NULL: none of that name */
size_t acl_count(const struct acl *acl);
struct acl_user *acl_at(struct acl *acl, size_t n); /* in order of name */
struct acl_user *acl_default(struct acl *acl);
struct slice acl_user_name(const struct acl_user *u);
bool acl_user_on(const struct acl_user *u);
bool acl_user_nopass(const struct acl_user *u);

/* Makes the user or changes it: all rules or none. What is wrong is appended to *error (a reply line, with ERR). */
bool acl_set(struct acl *acl, struct slice name, const struct slice *rules, int n, struct buf *error);
/* Makes the user from nothing, the default user too, as a line of a file says. What is wrong is appended to *why for a
 * log, each fault behind the place where it is: it quotes no rule that may be part of a password. */
bool acl_define(struct acl *acl, struct slice name, const struct slice *rules, int n, struct slice place,
                struct buf *why);
/* No blanks, line ends or NULs: a file could not hold it. */
bool acl_name_fits(struct slice name);
/* False if there is none of that name. Its sessions are killed. Not the default user. */
bool acl_delete(struct acl *acl, struct slice name);
/* Replaces all users by those of another set (a file read into it). Sessions of those that are not in it are killed,
 * and those that hear what they no longer may. */
void acl_replace(struct acl *acl, struct acl *with); /* takes `with` */
struct acl *acl_new(struct engine *e);               /* only the default user, who may do everything */
/* the same, with the settings of that one: to be filled for acl_replace() */
struct acl *acl_new_like(const struct acl *acl);
void acl_free(struct acl *acl); /* NULL is fine */
/* requirepass: the default user's one password; empty: none is asked for. */
void acl_set_default_password(struct acl *acl, struct slice password);

/* "user NAME rules…", the form of ACL LIST, the ACL file and the configuration file. */
void acl_describe(const struct acl_user *u, struct buf *out);
/* The parts of ACL GETUSER. Selector 0 is the user's own. */
void acl_flags_each(const struct acl_user *u, void (*fn)(void *ctx, struct slice flag), void *ctx);
size_t acl_password_count(const struct acl_user *u);
void acl_password_hex(const struct acl_user *u, size_t n, char out[64]);
size_t acl_selector_count(const struct acl_user *u);
void acl_describe_commands(const struct acl_user *u, size_t selector, struct buf *out);
void acl_describe_keys(const struct acl_user *u, size_t selector, struct buf *out);
void acl_describe_channels(const struct acl_user *u, size_t selector, struct buf *out);

/* True when the address that the running command's session comes from has failed to log in too often within a minute
 * (auth-failure-limit): then no password is looked at. */
bool auth_limit_reached(struct exec *x);
void auth_limit_failed(struct exec *x);

/* What a password may be; in constant time for any user name. NULL: refused. */
struct acl_user *acl_authenticate(struct acl *acl, struct slice name, struct slice password);

/* -- sessions -------------------------------------------------------------------------------------------------- */

/* The session acts as that user from now on. */
void session_set_user(struct session *s, struct acl_user *u);
struct acl_user *session_user(const struct session *s);

/* -- checks ---------------------------------------------------------------------------------------------------- */

enum acl_denied { ACL_ALLOWED, ACL_DENIED_COMMAND, ACL_DENIED_KEY, ACL_DENIED_CHANNEL };

/* May the user run that command with these arguments? *at is the argument that is in the way (key, channel). */
enum acl_denied acl_check(const struct acl_user *u, const struct command *c, const struct slice *argv, int argc,
                          int *at);
/* May the running command's user read or write (enum key_flag bits) that key with it? For keys that no row can
 * declare. */
bool acl_may_touch(const struct exec *x, struct slice key, unsigned key_flags);
/* May the running command's user read any key with it? For commands that read keys which no row can declare (SORT's
 * BY). */
bool acl_may_read_all(const struct exec *x);
/* The sentence that DRYRUN prints. */
void acl_denied_text(const struct acl_user *u, enum acl_denied why, const struct command *c, struct slice object,
                     struct buf *out);

/* Refused logins since the start or the last CONFIG RESETSTAT, and refusals by reason (enum acl_denied). */
uint64_t acl_failed_logins(const struct acl *acl);
uint64_t acl_denials(const struct acl *acl, enum acl_denied why);
void acl_stats_reset(struct acl *acl);

/* -- the log --------------------------------------------------------------------------------------------------- */

struct acl_log_entry {
    uint64_t id, count;
    const char *reason;  /* command, key, channel, auth */
    const char *context; /* toplevel, multi, lua */
    struct slice object, user, client;
    int64_t created_ms, updated_ms;
};
size_t acl_log_count(const struct acl *acl);
const struct acl_log_entry *acl_log_at(const struct acl *acl, size_t n); /* newest first */
void acl_log_reset(struct acl *acl);
void acl_log_set_max(struct acl *acl, size_t max); /* acllog-max-len, 128 */
void acl_log_add(struct exec *x, enum acl_denied why, const char *context, struct slice object, struct slice user);
void acl_log_failed_auth(struct exec *x, struct slice user);

/* New users may use all channels unless told otherwise: acl-pubsub-default. False: resetchannels. */
void acl_set_channels_default(struct acl *acl, bool all);

#endif
