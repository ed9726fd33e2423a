/* engine/slowlog.c - a ring of the slowest commands. */
#include "engine/slowlog.h"

#include "engine/engine_priv.h"

#include <stdio.h>

struct slow_item {
    struct slowlog_entry entry;
    struct slow_item *older;
};

struct slowlog {
    struct slow_item *newest;
    size_t len;
    uint64_t next_id;
};

static size_t
kept_bytes(struct slice arg)
{
    return (arg.len < SLOWLOG_ARG_BYTES_MAX ? arg.len : SLOWLOG_ARG_BYTES_MAX) + 48;
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
put_arg(char **at, struct slice arg)
{
    if (arg.len <= SLOWLOG_ARG_BYTES_MAX)
        return put(at, arg);
    char *p = *at;
    put(at, slice_of(arg.ptr, SLOWLOG_ARG_BYTES_MAX));
    *at += snprintf(*at, 48, "... (%zu more bytes)", arg.len - SLOWLOG_ARG_BYTES_MAX);
    return slice_of(p, (size_t)(*at - p));
}

static void
trim(struct slowlog *l, size_t max)
{
    struct slow_item **at = &l->newest;

    if (l->len <= max)
        return;
    for (size_t i = 0; i < max; i++)
        at = &(*at)->older;
    struct slow_item *rest = *at;
    *at = NULL;
    l->len = max;
    while (rest != NULL) {
        struct slow_item *older = rest->older;
        mem_free(rest);
        rest = older;
    }
}

void
slowlog__add(struct exec *x, int64_t took_us)
{
    struct engine *e = x->engine;
    struct slice addr = session_addr(x->session), name = session_name(x->session);
    int shown = x->argc < SLOWLOG_ARGS_MAX ? x->argc : SLOWLOG_ARGS_MAX;
    int whole = x->argc <= SLOWLOG_ARGS_MAX ? shown : shown - 1;
    size_t bytes = sizeof(struct slow_item) + (size_t)shown * sizeof(struct slice) + addr.len + name.len + 64;

    if (e->settings.slowlog_max_len == 0)
        return;
    for (int i = 0; i < whole; i++)
        bytes += kept_bytes(secrets__shown(x, i));
    if (e->slowlog == NULL)
        e->slowlog = mem_get_zero(sizeof(*e->slowlog));
    struct slow_item *item = mem_get(bytes);
    struct slice *argv = (struct slice *)(item + 1);
    char *at = (char *)(argv + shown);
    for (int i = 0; i < whole; i++)
        argv[i] = put_arg(&at, secrets__shown(x, i));
    if (whole < shown) {
        int n = snprintf(at, 48, "... (%d more arguments)", x->argc - whole);
        argv[whole] = slice_of(at, (size_t)n);
        at += n;
    }
    item->entry = (struct slowlog_entry){
        .id = e->slowlog->next_id++, .at_ms = x->now_ms, .took_us = took_us, .argc = shown, .argv = argv,
        .addr = put(&at, addr), .name = put(&at, name),
    };
    item->older = e->slowlog->newest;
    e->slowlog->newest = item;
    e->slowlog->len++;
    trim(e->slowlog, e->settings.slowlog_max_len);
}

size_t
slowlog_len(const struct engine *e)
{
    return e->slowlog != NULL ? e->slowlog->len : 0;
}

const struct slowlog_entry *
slowlog_at(const struct engine *e, size_t n)
{
    const struct slow_item *item = e->slowlog != NULL ? e->slowlog->newest : NULL;

    while (item != NULL && n-- > 0)
        item = item->older;
    return item != NULL ? &item->entry : NULL;
}

void
slowlog_reset(struct engine *e)
{
    if (e->slowlog != NULL)
        trim(e->slowlog, 0);
}

void
slowlog__fini(struct engine *e)
{
    slowlog_reset(e);
    mem_free(e->slowlog);
}
