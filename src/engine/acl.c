/* engine/acl.c - the set of users, their passwords, and which session acts as whom. */
#include "engine/acl_priv.h"

#include "base/sha256.h"

#include <openssl/crypto.h>

/* -- selectors ------------------------------------------------------------------------------------------------- */

size_t
acl__command_words(const struct acl *acl)
{
    return (acl->engine->commands.count + 63) / 64;
}

struct acl_selector *
acl__selector_new(struct acl *acl)
{
    struct acl_selector *s = mem_get_zero(sizeof(*s));

    s->commands = mem_get_zero((acl__command_words(acl) + 1) * sizeof(uint64_t));
    s->channels.all = acl->channels_default;
    return s;
}

void
acl__patterns_clear(struct acl_patterns *p)
{
    for (size_t i = 0; i < p->n; i++)
        name_free(p->v[i].text);
    mem_free(p->v);
    *p = (struct acl_patterns){0};
}

void
acl__selector_free(struct acl_selector *s)
{
    for (size_t i = 0; i < s->first_arg_count; i++)
        name_free(s->first_args[i].arg);
    for (size_t i = 0; i < s->rule_count; i++)
        name_free(s->rules[i]);
    acl__patterns_clear(&s->keys);
    acl__patterns_clear(&s->channels);
    mem_free(s->first_args);
    mem_free(s->rules);
    mem_free(s->commands);
    mem_free(s);
}

static struct acl_patterns
patterns_copy(const struct acl_patterns *p)
{
    struct acl_patterns copy = {.n = p->n, .all = p->all};

    copy.v = p->n > 0 ? mem_get_array(p->n, sizeof(*p->v)) : NULL;
    for (size_t i = 0; i < p->n; i++)
        copy.v[i] = (struct acl_pattern){name_copy(p->v[i].text), p->v[i].rights};
    return copy;
}

struct acl_selector *
acl__selector_copy(struct acl *acl, const struct acl_selector *s)
{
    struct acl_selector *copy = acl__selector_new(acl);

    memcpy(copy->commands, s->commands, acl__command_words(acl) * sizeof(uint64_t));
    copy->all_commands = s->all_commands;
    copy->starts_all = s->starts_all;
    copy->first_arg_count = s->first_arg_count;
    copy->first_args = mem_get_array(s->first_arg_count + 1, sizeof(*s->first_args));
    for (size_t i = 0; i < s->first_arg_count; i++)
        copy->first_args[i] = (struct acl_first_arg){s->first_args[i].command, name_copy(s->first_args[i].arg)};
    copy->rule_count = s->rule_count;
    copy->rules = mem_get_array(s->rule_count + 1, sizeof(*s->rules));
    for (size_t i = 0; i < s->rule_count; i++)
        copy->rules[i] = name_copy(s->rules[i]);
    copy->keys = patterns_copy(&s->keys);
    copy->channels = patterns_copy(&s->channels);
    return copy;
}

/* -- users ----------------------------------------------------------------------------------------------------- */

struct acl_user *
acl__user_new(struct acl *acl, struct slice name)
{
    struct acl_user *u = mem_get_zero(sizeof(*u));

    u->name = name_copy(name);
    u->flags = USER_SANITIZE;
    u->selectors = mem_get(sizeof(*u->selectors));
    u->selectors[0] = acl__selector_new(acl);
    u->selector_count = 1;
    u->refs = 1;
    return u;
}

struct acl_user *
acl__user_copy(struct acl *acl, const struct acl_user *u)
{
    struct acl_user *copy = mem_get_zero(sizeof(*copy));

    copy->name = name_copy(u->name);
    copy->flags = u->flags;
    copy->refs = 1;
    copy->password_count = u->password_count;
    copy->passwords = mem_get_array(u->password_count + 1, ACL_HASH_BYTES);
    if (u->password_count > 0)
        memcpy(copy->passwords, u->passwords, u->password_count * ACL_HASH_BYTES);
    copy->selector_count = u->selector_count;
    copy->selectors = mem_get_array(u->selector_count, sizeof(*u->selectors));
    for (size_t i = 0; i < u->selector_count; i++)
        copy->selectors[i] = acl__selector_copy(acl, u->selectors[i]);
    return copy;
}

void
acl__user_drop(struct acl_user *u)
{
    if (u == NULL || --u->refs > 0)
        return;
    for (size_t i = 0; i < u->selector_count; i++)
        acl__selector_free(u->selectors[i]);
    mem_free(u->selectors);
    mem_free(u->passwords);
    name_free(u->name);
    mem_free(u);
}

struct acl_user *
acl_find(struct acl *acl, struct slice name)
{
    size_t at = names_place(acl->users, acl->count, name);

    return names_has(acl->users, acl->count, at, name) ? acl->users[at] : NULL;
}

static void
insert(struct acl *acl, struct acl_user *u)
{
    acl->users = mem_resize(acl->users, (acl->count + 1) * sizeof(*acl->users));
    names_put(acl->users, &acl->count, names_place(acl->users, acl->count, u->name), u);
}

size_t
acl_count(const struct acl *acl)
{
    return acl->count;
}

struct acl_user *
acl_at(struct acl *acl, size_t n)
{
    CHECK(n < acl->count);
    return acl->users[n];
}

struct acl_user *
acl_default(struct acl *acl)
{
    return acl_find(acl, LIT("default"));
}

struct slice
acl_user_name(const struct acl_user *u)
{
    return u != NULL ? u->name : LIT("(superuser)"); /* what our primary sends is nobody's */
}

bool
acl_user_on(const struct acl_user *u)
{
    return (u->flags & USER_ON) != 0;
}

bool
acl_user_nopass(const struct acl_user *u)
{
    return (u->flags & USER_NOPASS) != 0;
}

bool
acl_name_fits(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == ' ' || name.ptr[i] == '\0' || (name.ptr[i] >= '\t' && name.ptr[i] <= '\r'))
            return false;
    }
    return true;
}

struct acl *
engine_acl(struct engine *e)
{
    return e->acl;
}

struct acl *
acl_new(struct engine *e)
{
    static const struct slice everything[] = {LIT_INIT("on"), LIT_INIT("nopass"), LIT_INIT("~*"), LIT_INIT("&*"),
                                              LIT_INIT("+@all")};
    struct acl *acl = mem_get_zero(sizeof(*acl));
    struct buf ignored = {0};

    acl->engine = e;
    acl->log_max = 128;
    acl->log_next_id = 0;
    CHECK(acl_set(acl, LIT("default"), everything, 5, &ignored));
    return acl;
}

struct acl *
acl_new_like(const struct acl *acl)
{
    struct acl *fresh = acl_new(acl->engine);

    fresh->channels_default = acl->channels_default;
    return fresh;
}

void
acl_free(struct acl *acl)
{
    if (acl == NULL)
        return;
    for (size_t i = 0; i < acl->count; i++)
        acl__user_drop(acl->users[i]);
    acl__log_fini(acl);
    mem_free(acl->users);
    mem_free(acl);
}

/* -- sessions -------------------------------------------------------------------------------------------------- */

static bool
is_open_to_all(const struct acl_user *u)
{
    return (u->flags & USER_ON) && (u->flags & USER_NOPASS);
}

void
session_set_user(struct session *s, struct acl_user *u)
{
    if (u != NULL)
        u->refs++;
    acl__user_drop(s->user);
    s->user = u;
    session_set_restricted(s, u != NULL && !acl__is_unrestricted(u));
}

struct acl_user *
session_user(const struct session *s)
{
    return s->user;
}

void
acl__session_begin(struct session *s)
{
    struct acl_user *u = acl_default(s->engine->acl);

    session_set_user(s, u);
    session_set_authenticated(s, is_open_to_all(u));
}

/* After a change of users: sessions of `was` go on as `now`, or end when it is NULL. */
static void
move_sessions(struct acl *acl, const struct acl_user *was, struct acl_user *now)
{
    for (struct session *s = acl->engine->session_first; s != NULL; s = s->next) {
        if (s->user != was)
            continue;
        if (now == NULL)
            session_kill(s);
        else
            session_set_user(s, now);
    }
}

static bool
may_hear(const struct acl_user *u, struct slice name, bool is_pattern)
{
    for (size_t i = 0; i < u->selector_count; i++) {
        if (acl__channel_allowed(u->selectors[i], name, is_pattern))
            return true;
    }
    return false;
}

static bool
may_hear_channel(void *user, struct slice name)
{
    return may_hear(user, name, false);
}

static bool
may_hear_pattern(void *user, struct slice name)
{
    return may_hear(user, name, true);
}

/* Sessions with a subscription that the user may no longer have are ended, as redis does. */
static void
end_eavesdroppers(struct acl *acl, const struct acl_user *was, struct acl_user *now)
{
    for (struct session *s = acl->engine->session_first; s != NULL; s = s->next) {
        if (s->user == was && !(pubsub_session_every(s, PUBSUB_CHANNEL, may_hear_channel, now) &&
                                pubsub_session_every(s, PUBSUB_SHARD, may_hear_channel, now) &&
                                pubsub_session_every(s, PUBSUB_PATTERN, may_hear_pattern, now)))
            session_kill(s);
    }
}

/* -- changing -------------------------------------------------------------------------------------------------- */

/* Joins the words of a selector that is spread over several arguments: "(~a", "+get)". False: a parenthesis is missing;
 * *from is then the text at fault. */
static bool
join_selectors(struct arena *a, const struct slice *rules, int n, struct slice *out, int *out_n, struct slice *from)
{
    struct buf text = {0};
    bool open = false;

    *out_n = 0;
    for (int i = 0; i < n; i++) {
        struct slice r = rules[i];
        if (!open && (r.len == 0 || r.ptr[0] != '(' || r.ptr[r.len - 1] == ')')) {
            out[(*out_n)++] = r;
            continue;
        }
        if (!open) {
            *from = r;
            buf_reset(&text);
        } else {
            buf_add_char(&text, ' ');
        }
        buf_add_slice(&text, r);
        open = r.len == 0 || r.ptr[r.len - 1] != ')';
        if (!open)
            out[(*out_n)++] = arena_copy(a, buf_slice(&text));
    }
    buf_fini(&text);
    return !open;
}

/* How a rule that can't be applied is told of; false: the rest need not be tried. */
typedef bool fault_fn(void *ctx, struct slice rule, const char *why);

static bool
apply_all(struct acl *acl, struct acl_user *u, const struct slice *rules, int n, fault_fn *fault, void *ctx)
{
    struct arena a = {0};
    struct slice *joined = arena_array(&a, (size_t)n + 1, sizeof(*joined)), from = {0};
    bool ok = true, go_on = true;
    int count;

    if (!join_selectors(&a, rules, n, joined, &count, &from)) {
        fault(ctx, from, NULL);
        ok = go_on = false;
    }
    for (int i = 0; go_on && i < count; i++) {
        const char *why = acl__apply(acl, u, joined[i]);
        if (why == NULL)
            continue;
        ok = false;
        go_on = fault(ctx, joined[i], why);
    }
    arena_fini(&a);
    return ok;
}

/* Puts the user in, in the place of the one of that name if there is one. */
static void
put_user(struct acl *acl, struct acl_user *u)
{
    struct acl_user *was = acl_find(acl, u->name);

    if (was == NULL) {
        insert(acl, u);
        return;
    }
    end_eavesdroppers(acl, was, u);
    acl->users[names_place(acl->users, acl->count, u->name)] = u;
    move_sessions(acl, was, u);
    acl__user_drop(was);
}

/* To the client that sent the rules: the first that is wrong, as it was sent. */
static bool
tell_client(void *ctx, struct slice rule, const char *why)
{
    struct buf *error = ctx;

    if (why == NULL)
        buf_printf(error, "ERR Unmatched parenthesis in acl selector starting at '%.*s'.", (int)rule.len, rule.ptr);
    else
        buf_printf(error, "ERR Error in ACL SETUSER modifier '%.*s': %s", (int)rule.len, rule.ptr, why);
    return false;
}

bool
acl_set(struct acl *acl, struct slice name, const struct slice *rules, int n, struct buf *error)
{
    struct acl_user *was = acl_find(acl, name);
    struct acl_user *u = was != NULL ? acl__user_copy(acl, was) : acl__user_new(acl, name);

    if (!apply_all(acl, u, rules, n, tell_client, error)) {
        acl__user_drop(u);
        return false;
    }
    put_user(acl, u);
    return true;
}

struct reading {
    struct slice place;
    struct buf *why;
    bool told;
};

/* To a log: all wrong names of commands, and the first of the other faults without the rule itself, which may be what
 * comes after the blank in a password. */
static bool
tell_log(void *ctx, struct slice rule, const char *why)
{
    struct reading *r = ctx;

    if (why == acl__unknown_command)
        buf_printf(r->why, "%.*s: Error in applying operation '%.*s': %s. ", (int)r->place.len, r->place.ptr,
                   (int)rule.len, rule.ptr, why);
    else if (!r->told)
        buf_printf(r->why, "%.*s: %s. ", (int)r->place.len, r->place.ptr,
                   why != NULL ? why : "Unmatched parenthesis in acl selector");
    r->told |= why != acl__unknown_command;
    return true;
}

bool
acl_define(struct acl *acl, struct slice name, const struct slice *rules, int n, struct slice place, struct buf *why)
{
    struct reading r = {place, why, false};
    struct acl_user *u = acl__user_new(acl, name);

    if (!apply_all(acl, u, rules, n, tell_log, &r)) {
        acl__user_drop(u);
        return false;
    }
    put_user(acl, u);
    return true;
}

bool
acl_delete(struct acl *acl, struct slice name)
{
    struct acl_user *u = acl_find(acl, name);

    if (u == NULL)
        return false;
    names_take(acl->users, &acl->count, names_place(acl->users, acl->count, name));
    move_sessions(acl, u, NULL);
    acl__user_drop(u);
    return true;
}

void
acl_replace(struct acl *acl, struct acl *with)
{
    for (size_t i = 0; i < acl->count; i++) {
        struct acl_user *was = acl->users[i], *now = acl_find(with, was->name);
        if (now != NULL)
            end_eavesdroppers(acl, was, now);
        move_sessions(acl, was, now);
        acl__user_drop(was);
    }
    mem_free(acl->users);
    acl->users = with->users;
    acl->count = with->count;
    with->users = NULL;
    with->count = 0;
    acl_free(with);
}

/* -- passwords ------------------------------------------------------------------------------------------------- */

void
acl_set_default_password(struct acl *acl, struct slice password)
{
    struct buf word = {0}, ignored = {0};
    struct slice rules[2] = {LIT("resetpass"), LIT("nopass")};

    if (password.len > 0) {
        buf_add_char(&word, '>');
        buf_add_slice(&word, password);
        rules[1] = buf_slice(&word);
    }
    CHECK(acl_set(acl, LIT("default"), rules, 2, &ignored));
    buf_fini(&word);
}

struct acl_user *
acl_authenticate(struct acl *acl, struct slice name, struct slice password)
{
    struct acl_user *u = acl_find(acl, name);
    unsigned char digest[ACL_HASH_BYTES];
    bool ok = false;

    /* The digest is made for unknown users too, all passwords are looked at, and where there is none something else is,
     * so that time tells nothing. */
    static const unsigned char none[ACL_HASH_BYTES];
    size_t n = u != NULL ? u->password_count : 0;
    sha256(password, digest);
    for (size_t i = 0; i < n; i++)
        ok |= CRYPTO_memcmp(digest, u->passwords[i], ACL_HASH_BYTES) == 0;
    if (n == 0)
        (void)CRYPTO_memcmp(digest, none, ACL_HASH_BYTES);
    if (u == NULL || !(u->flags & USER_ON))
        return NULL;
    return ok || (u->flags & USER_NOPASS) ? u : NULL;
}

void
acl_set_channels_default(struct acl *acl, bool all)
{
    acl->channels_default = all;
}
