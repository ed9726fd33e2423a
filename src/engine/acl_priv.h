/* engine/acl_priv.h - users and selectors, shared by acl.c, acl_rules.c, acl_check.c and acl_log.c. */
#ifndef SORREL_ENGINE_ACL_PRIV_H
#define SORREL_ENGINE_ACL_PRIV_H

#include "base/names.h"
#include "engine/acl.h"
#include "engine/engine_priv.h"

enum { ACL_HASH_BYTES = 32 };
enum acl_user_flag {
    USER_ON = 1 << 0,
    USER_NOPASS = 1 << 1,
    USER_SANITIZE = 1 << 2,
    USER_SKIP_SANITIZE = 1 << 3,
};
enum acl_key_right { ACL_READ = 1 << 0, ACL_WRITE = 1 << 1 };

struct acl_pattern {
    struct slice text; /* owned */
    unsigned rights;   /* enum acl_key_right; unused for channels */
};
struct acl_patterns {
    struct acl_pattern *v;
    size_t n;
    bool all;
};
/* "+select|0": a command allowed with that first argument only. */
struct acl_first_arg {
    uint16_t command;
    struct slice arg; /* owned, lower case */
};
struct acl_selector {
    uint64_t *commands; /* a bit for each command id */
    bool starts_all;    /* the rules below start from +@all, not from -@all */
    bool all_commands;  /* nothing has been taken away from +@all */
    struct acl_first_arg *first_args;
    size_t first_arg_count;
    struct slice *rules; /* owned texts of the command rules, in order, those without effect dropped */
    size_t rule_count;
    struct acl_patterns keys, channels;
};

struct acl_user {
    struct slice name; /* owned; first: base/names.h */
    unsigned flags;
    unsigned char (*passwords)[ACL_HASH_BYTES];
    size_t password_count;
    struct acl_selector **selectors; /* [0] is the user's own */
    size_t selector_count;
    size_t refs; /* sessions, and one while it is in the set */
};

struct acl {
    struct engine *engine;
    struct acl_user **users; /* sorted by name */
    size_t count;
    bool channels_default;
    struct acl_log_entry *log; /* newest first */
    size_t log_count, log_max;
    uint64_t log_next_id;
    uint64_t failed_logins, denials[ACL_DENIED_CHANNEL + 1];
};

struct acl_user *acl__user_new(struct acl *acl, struct slice name);
struct acl_user *acl__user_copy(struct acl *acl, const struct acl_user *u);
void acl__user_drop(struct acl_user *u); /* one reference less */
struct acl_selector *acl__selector_new(struct acl *acl);
struct acl_selector *acl__selector_copy(struct acl *acl, const struct acl_selector *s);
void acl__selector_free(struct acl_selector *s);
void acl__patterns_clear(struct acl_patterns *p);
/* True if no check can ever refuse the user anything. */
bool acl__is_unrestricted(const struct acl_user *u);
/* Applies one rule; NULL or why not (without "ERR"). */
const char *acl__apply(struct acl *acl, struct acl_user *u, struct slice rule);
extern const char acl__unknown_command[]; /* what acl__apply() returns for what may be shown in a log */
size_t acl__command_words(const struct acl *acl);
/* A pattern is allowed only as it stands. */
bool acl__channel_allowed(const struct acl_selector *s, struct slice channel, bool is_pattern);
void acl__log_fini(struct acl *acl);
/* The hook of the dispatcher. */
enum rc acl__guard(void *ctx, struct exec *x, const struct command *c);

#endif
