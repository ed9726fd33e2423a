/* value/deadlines.h - members of a hash, set or sorted set that cease to be at a time of their own.
 *
 * The deadlines of a collection are a sorted set of their own, member by unix time in milliseconds, whose handle lies
 * right behind the collection's in the entry; a bit in the collection's handle says that it is there. So they go
 * wherever the entry goes (RENAME, COPY, MOVE, snapshots), what comes next is always at hand, and a collection that
 * never had any pays nothing but the test of a bit where a member is removed or replaced.
 *
 * The types call deadline_forget() wherever a member goes or gets a new value, so the deadlines are always those of
 * members that are there. Nothing in this folder looks at the clock.
 */
#ifndef SORREL_VALUE_DEADLINES_H
#define SORREL_VALUE_DEADLINES_H

#include "base/check.h"
#include "value/entry.h"
#include "value/zset.h"

/* Redis's bound: later ones are refused. Far below what a score holds exactly. */
#define DEADLINE_MAX ((INT64_C(1) << 46) - 1)

/* NULL when the collection keeps none; there may be room for them and none in it. */
static inline struct zset *
handle_deadlines(const struct handle *h)
{
    return handle_has_deadlines(h) ? (struct zset *)(uintptr_t)(h + 1) : NULL;
}

void deadline__forget(struct handle *h, struct slice member);
static inline void
deadline_forget(struct handle *h, struct slice member)
{
    if (UNLIKELY(handle_has_deadlines(h)))
        deadline__forget(h, member);
}

/* -- of entries ---------------------------------------------------------------------------------------------------- */

static inline struct zset *
entry_deadlines(const struct entry *e)
{
    return entry_flags(e) & ENTRY_DEADLINES ? handle_deadlines((const struct handle *)entry__value(e)) : NULL;
}

/* Which types can have them. */
static inline bool
type_has_deadlines(enum value_type type)
{
    return type == TYPE_HASH || type == TYPE_SET || type == TYPE_ZSET;
}

/* Makes room for deadlines, if there is none yet. The entry may move. */
struct entry *entry_add_deadlines(struct entry *e);
/* -1: the member has none (or there is no such member). */
int64_t entry_deadline(const struct entry *e, struct slice member);
/* The member must be there, and room; -1 clears it. */
void entry_set_deadline(struct entry *e, const struct value_limits *lim, struct slice member, int64_t at_ms);
/* The earliest one; INT64_MAX: there is none. */
int64_t entry_first_deadline(const struct entry *e);
/* How many lie before that moment, and whether those are all members that there are. */
size_t entry_deadlines_before(const struct entry *e, int64_t ms);
bool entry_all_before(const struct entry *e, int64_t ms);
/* Removes the n members that go first; each is told before. */
typedef void deadline_visit(void *ctx, struct slice member);
void entry_remove_first(struct entry *e, size_t n, deadline_visit *gone, void *ctx);

/* What the three types have in common; of other types there are no members. */
size_t entry_member_count(const struct entry *e);
bool entry_has_member(const struct entry *e, struct slice member);
bool entry_remove_member(struct entry *e, struct slice member);

#endif
