/* engine/commandlog.c - three lists of notable commands. */
#include "engine/commandlog.h"

#include "engine/acl.h"
#include "engine/engine_priv.h"

#include <stdio.h>

struct log_item {
    struct commandlog_entry entry;
    struct log_item *older;
};

struct log {
    struct log_item *newest;
    size_t len;
    uint64_t next_id;
};

struct commandlog {
    struct log lists[COMMANDLOG_TYPES];
};

static size_t
kept_bytes(struct slice arg, size_t max)
{
    return (arg.len < max ? arg.len : max) + 48;
}

static struct slice
put(char **at, struct slice s)
{
    char *p = *at;

    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    *at = p + s.len;
    return slice_of(p, s.len);
}

static struct slice
put_arg(char **at, struct slice arg, size_t max)
{
    if (arg.len <= max)
        return put(at, arg);
    char *p = *at;
    put(at, slice_of(arg.ptr, max));
    *at += snprintf(*at, 48, "... (%zu more bytes)", arg.len - max);
    return slice_of(p, (size_t)(*at - p));
}

static void
trim(struct log *l, size_t max)
{
    struct log_item **at = &l->newest;

    if (l->len <= max)
        return;
    for (size_t i = 0; i < max; i++)
        at = &(*at)->older;
    struct log_item *rest = *at;
    *at = NULL;
    l->len = max;
    while (rest != NULL) {
        struct log_item *older = rest->older;
        mem_free(rest);
        rest = older;
    }
}

static uint64_t
len_max(const struct engine_settings *s, enum commandlog_type type)
{
    switch (type) {
    case COMMANDLOG_SLOW: return s->slowlog_max_len;
    case COMMANDLOG_LARGE_REQUEST: return s->large_request_max_len;
    default: return s->large_reply_max_len;
    }
}

void
commandlog__add(struct exec *x, enum commandlog_type type, const struct commandlog_entry *facts)
{
    struct engine *e = x->engine;
    struct slice addr = session_addr(x->session), name = session_name(x->session);
    struct slice user = acl_user_name(x->session->user);
    size_t bytes_max = e->settings.slowlog_arg_bytes_max;
    int shown = (uint64_t)x->argc < e->settings.slowlog_args_max ? x->argc : (int)e->settings.slowlog_args_max;
    int whole = x->argc <= shown ? shown : shown - 1;
    size_t bytes = sizeof(struct log_item) + (size_t)shown * sizeof(struct slice) + addr.len + name.len + user.len + 64;

    if (len_max(&e->settings, type) == 0)
        return;
    for (int i = 0; i < whole; i++)
        bytes += kept_bytes(secrets__shown(x, i), bytes_max);
    if (e->commandlog == NULL)
        e->commandlog = mem_get_zero(sizeof(*e->commandlog));
    struct log *l = &e->commandlog->lists[type];
    struct log_item *item = mem_get(bytes);
    struct slice *argv = (struct slice *)(item + 1);
    char *at = (char *)(argv + shown);
    for (int i = 0; i < whole; i++)
        argv[i] = put_arg(&at, secrets__shown(x, i), bytes_max);
    if (whole < shown) {
        int n = snprintf(at, 48, "... (%d more arguments)", x->argc - whole);
        argv[whole] = slice_of(at, (size_t)n);
        at += n;
    }
    item->entry = *facts;
    item->entry.id = l->next_id++;
    item->entry.at_ms = x->now_ms;
    item->entry.argc = shown;
    item->entry.argv = argv;
    item->entry.addr = put(&at, addr);
    item->entry.name = put(&at, name);
    item->entry.user = put(&at, user);
    item->entry.db = x->session->db->index;
    item->older = l->newest;
    l->newest = item;
    l->len++;
    trim(l, len_max(&e->settings, type));
}

size_t
commandlog_len(const struct engine *e, enum commandlog_type type)
{
    return e->commandlog != NULL ? e->commandlog->lists[type].len : 0;
}

const struct commandlog_entry *
commandlog_at(const struct engine *e, enum commandlog_type type, size_t n)
{
    const struct log_item *item = e->commandlog != NULL ? e->commandlog->lists[type].newest : NULL;

    while (item != NULL && n-- > 0)
        item = item->older;
    return item != NULL ? &item->entry : NULL;
}

void
commandlog_reset(struct engine *e, enum commandlog_type type)
{
    if (e->commandlog != NULL)
        trim(&e->commandlog->lists[type], 0);
}

void
commandlog__fini(struct engine *e)
{
    for (int type = 0; type < COMMANDLOG_TYPES; type++)
        commandlog_reset(e, (enum commandlog_type)type);
    mem_free(e->commandlog);
}
