/* value/set.h - an unordered collection of distinct byte strings.
 *
 * Representations: sorted integers, packed, packtable (integers inside it stored as integers). Same rules as
 * value/hash.h.
 */
#ifndef SORREL_VALUE_SET_H
#define SORREL_VALUE_SET_H

#include "base/pulse.h"
#include "base/rng.h"
#include "value/handle.h"
#include "value/limits.h"

struct set {
    struct handle h;
};

/* A member as handed out: integers are printed into `text`, which is why it travels along. */
struct set_member {
    struct slice s;
    char text[24];
};

void set_fini(struct set *set);
struct set set_copy(const struct set *set, const struct value_limits *lim, struct pulse *p); /* p: NULL is fine */
size_t set_count(const struct set *set);
bool set_has(const struct set *set, struct slice member);
/* members[0], members[step] …, n of them, will be asked for, added or removed soon: brings what that takes nearer, if
 * it is far. Changes nothing. */
void set_expect(const struct set *set, const struct slice *members, int n, int step);
/* Copies member in. False, changing nothing, if it was already there. */
bool set_add(struct set *set, const struct value_limits *lim, struct slice member);
bool set_remove(struct set *set, struct slice member);
/* Uniformly chosen; must not be empty. *out is valid until the next change. */
void set_random(const struct set *set, struct rng *rng, struct set_member *out);
/* All-zero starts; false at the end; valid while nothing changes. Order is the representation's own. */
struct set_iter {
    size_t a, b;
};
bool set_next(const struct set *set, struct set_iter *it, struct set_member *out);
/* One step of SSCAN: a small set comes whole, with cursor 0. */
typedef void set_visit(void *ctx, struct slice member);
uint64_t set_scan(const struct set *set, uint64_t cursor, set_visit *fn, void *ctx);
const char *set_encoding(const struct set *set); /* "intset", "listpack", "hashtable" */
size_t set_bytes(const struct set *set);
bool set_verify(const struct set *set);

#endif
