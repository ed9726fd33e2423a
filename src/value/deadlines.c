/* value/deadlines.c - see deadlines.h. */
#include "value/deadlines.h"

#include "value/hash.h"
#include "value/set.h"

void
deadline__forget(struct handle *h, struct slice member)
{
    zset_remove(handle_deadlines(h), member);
}

/* -- members, whatever the type ------------------------------------------------------------------------------------ */

size_t
entry_member_count(const struct entry *e)
{
    const void *h = entry__value(e);

    switch (entry_type(e)) {
    case TYPE_HASH: return hash_count(h);
    case TYPE_SET: return set_count(h);
    case TYPE_ZSET: return zset_count(h);
    default: return 0;
    }
}

bool
entry_has_member(const struct entry *e, struct slice member)
{
    const void *h = entry__value(e);
    double score;

    switch (entry_type(e)) {
    case TYPE_HASH: return hash_has(h, member);
    case TYPE_SET: return set_has(h, member);
    case TYPE_ZSET: return zset_score(h, member, &score);
    default: return false;
    }
}

bool
entry_remove_member(struct entry *e, struct slice member)
{
    void *h = entry_handle(e);

    switch (entry_type(e)) {
    case TYPE_HASH: return hash_del(h, member);
    case TYPE_SET: return set_remove(h, member);
    case TYPE_ZSET: return zset_remove(h, member);
    default: return false;
    }
}

/* -- their deadlines ----------------------------------------------------------------------------------------------- */

int64_t
entry_deadline(const struct entry *e, struct slice member)
{
    const struct zset *d = entry_deadlines(e);
    double at;

    return d != NULL && zset_score(d, member, &at) ? (int64_t)at : -1;
}

void
entry_set_deadline(struct entry *e, const struct value_limits *lim, struct slice member, int64_t at_ms)
{
    struct zset *d = entry_deadlines(e);

    CHECK(d != NULL || at_ms < 0);
    if (at_ms >= 0)
        zset_put(d, lim, member, (double)at_ms);
    else if (d != NULL)
        zset_remove(d, member);
}

int64_t
entry_first_deadline(const struct entry *e)
{
    const struct zset *d = entry_deadlines(e);
    struct slice member;
    double at;

    if (d == NULL || zset_count(d) == 0)
        return INT64_MAX;
    struct zset_iter it = zset_seek(d, 0, false);
    bool any = zset_next(d, &it, &member, &at);
    CHECK(any);
    return (int64_t)at;
}

size_t
entry_deadlines_before(const struct entry *e, int64_t ms)
{
    const struct zset *d = entry_deadlines(e);
    struct zset_range before = {.min = 0, .max = (double)ms, .max_open = true};
    size_t from, to;

    if (d == NULL || zset_count(d) == 0)
        return 0;
    zset_span_score(d, &before, &from, &to);
    return to;
}

bool
entry_all_before(const struct entry *e, int64_t ms)
{
    const struct zset *d = entry_deadlines(e);
    size_t n = d != NULL ? zset_count(d) : 0;
    struct slice member;
    double at;

    if (n == 0 || n < entry_member_count(e))
        return false;
    struct zset_iter last = zset_seek(d, n - 1, true);
    return zset_next(d, &last, &member, &at) && at < (double)ms;
}

void
entry_remove_first(struct entry *e, size_t n, deadline_visit *gone, void *ctx)
{
    struct zset *d = entry_deadlines(e);
    struct handle *h = entry_handle(e);
    struct slice member;
    double at;

    CHECK(d != NULL && n <= zset_count(d));
    if (n == 0)
        return;
    /* The names lie among the deadlines, which therefore stay as they are until all members are out. */
    handle_mark_deadlines(h, false);
    struct zset_iter it = zset_seek(d, 0, false);
    for (size_t i = 0; i < n && zset_next(d, &it, &member, &at); i++) {
        gone(ctx, member);
        bool was_there = entry_remove_member(e, member);
        CHECK(was_there);
    }
    handle_mark_deadlines(h, true);
    zset_remove_span(d, 0, n);
}
