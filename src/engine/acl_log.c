/* engine/acl_log.c - what was refused to whom: ACL LOG. Repetitions within a minute count up one entry, if it is among
 * the latest. */
#include "engine/acl_priv.h"

enum { GROUP_MS = 60000, LATEST = 10 };

static void
entry_fini(struct acl_log_entry *e)
{
    name_free(e->object);
    name_free(e->user);
    name_free(e->client);
}

void
acl_log_reset(struct acl *acl)
{
    for (size_t i = 0; i < acl->log_count; i++)
        entry_fini(&acl->log[i]);
    acl->log_count = 0;
}

void
acl__log_fini(struct acl *acl)
{
    acl_log_reset(acl);
    mem_free(acl->log);
}

size_t
acl_log_count(const struct acl *acl)
{
    return acl->log_count;
}

const struct acl_log_entry *
acl_log_at(const struct acl *acl, size_t n)
{
    CHECK(n < acl->log_count);
    return &acl->log[n];
}

static void
cut(struct acl *acl, size_t max)
{
    while (acl->log_count > max)
        entry_fini(&acl->log[--acl->log_count]);
}

void
acl_log_set_max(struct acl *acl, size_t max)
{
    acl->log_max = max;
    cut(acl, max);
}

static struct slice
client_text(struct exec *x)
{
    struct buf b = {0};

    session_describe(x, x->session, &b);
    struct slice copy = name_copy(buf_slice(&b));
    buf_fini(&b);
    return copy;
}

static void
add(struct exec *x, const char *reason, const char *context, struct slice object, struct slice user)
{
    struct acl *acl = engine_acl(x->engine);
    struct acl_log_entry entry = {
        .reason = reason, .context = context, .count = 1, .created_ms = x->now_ms, .updated_ms = x->now_ms};

    for (size_t i = 0; i < acl->log_count && i < LATEST; i++) {
        struct acl_log_entry *e = &acl->log[i];
        bool same = strcmp(e->reason, reason) == 0 && strcmp(e->context, context) == 0 && slice_eq(e->object, object) &&
                    slice_eq(e->user, user) && x->now_ms - e->updated_ms <= GROUP_MS;
        if (!same)
            continue;
        entry = *e;
        name_free(entry.client);
        entry.client = client_text(x);
        entry.count++;
        entry.updated_ms = x->now_ms;
        memmove(acl->log + 1, acl->log, i * sizeof(*acl->log));
        acl->log[0] = entry;
        return;
    }
    if (acl->log_max == 0)
        return;
    cut(acl, acl->log_max - 1);
    entry.id = acl->log_next_id++;
    entry.object = name_copy(object);
    entry.user = name_copy(user);
    entry.client = client_text(x);
    acl->log = mem_resize(acl->log, (acl->log_count + 1) * sizeof(*acl->log));
    memmove(acl->log + 1, acl->log, acl->log_count * sizeof(*acl->log));
    acl->log[0] = entry;
    acl->log_count++;
}

void
acl_log_add(struct exec *x, enum acl_denied why, const char *context, struct slice object, struct slice user)
{
    static const char *const reasons[] = {"", "command", "key", "channel"};

    engine_acl(x->engine)->denials[why]++;
    add(x, reasons[why], context, object, user);
}

uint64_t
acl_failed_logins(const struct acl *acl)
{
    return acl->failed_logins;
}

uint64_t
acl_denials(const struct acl *acl, enum acl_denied why)
{
    return acl->denials[why];
}

void
acl_stats_reset(struct acl *acl)
{
    acl->failed_logins = 0;
    memset(acl->denials, 0, sizeof(acl->denials));
}

void
acl_log_failed_auth(struct exec *x, struct slice user)
{
    engine_acl(x->engine)->failed_logins++;
    add(x, "auth", session_multi_count(x->session) >= 0 ? "multi" : "toplevel", x->argv[0], user);
}
