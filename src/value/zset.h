/* value/zset.h - distinct members ordered by score, then bytewise.
 *
 * Small: packed, member and score alternating, in order. Large: one allocation a member (score, length, bytes), a
 * ds/table by member and a ds/btree by (score, member). Same rules as value/hash.h. Scores are never NaN.
 */
#ifndef SORREL_VALUE_ZSET_H
#define SORREL_VALUE_ZSET_H

#include "base/pulse.h"
#include "base/rng.h"
#include "value/handle.h"
#include "value/limits.h"

struct zset {
    struct handle h;
};

struct zset_range { /* by score */
    double min, max;
    bool min_open, max_open; /* open: the bound itself is outside */
};

struct zset_lex { /* by member; unbounded ends have ptr NULL */
    struct slice min, max;
    bool min_open, max_open;
    bool empty; /* min is `+` or max is `-` */
};

void zset_fini(struct zset *z);
struct zset zset_copy(const struct zset *z, const struct value_limits *lim, struct pulse *p); /* p: NULL is fine */
size_t zset_count(const struct zset *z);
/* members[0], members[step] …, n of them, will be asked for, added or removed soon: brings what that takes nearer, if
 * it is far. Changes nothing. */
void zset_expect(const struct zset *z, const struct slice *members, int n, int step);
bool zset_score(const struct zset *z, struct slice member, double *score);
/* Adds the member or changes its score. True if it is new. A member that gets another score loses its deadline. */
bool zset_put(struct zset *z, const struct value_limits *lim, struct slice member, double score);
/* The same for a member that stays what it was with another score (a counter): its deadline, if it has one, is kept. */
bool zset_adjust(struct zset *z, const struct value_limits *lim, struct slice member, double score);
/* The same as zset_put() for a member that comes from elsewhere with that score: -0 stays -0, which makes the set large
 * (in a small one it is 0). */
bool zset_put_exact(struct zset *z, const struct value_limits *lim, struct slice member, double score);
bool zset_remove(struct zset *z, struct slice member);
/* 0-based position in ascending order; false if absent. */
bool zset_rank(const struct zset *z, struct slice member, size_t *rank, double *score);
/* The half-open interval of positions [*from, *to) that the range covers. */
void zset_span_score(const struct zset *z, const struct zset_range *r, size_t *from, size_t *to);
void zset_span_lex(const struct zset *z, const struct zset_lex *r, size_t *from, size_t *to);
/* Removes the members at positions [from, to). */
void zset_remove_span(struct zset *z, size_t from, size_t to);

/* Valid while nothing changes. */
struct zset_iter {
    void *a;
    size_t b, left;
    bool reverse;
};
/* Starts at that position of ascending order; `reverse` goes down from it. */
struct zset_iter zset_seek(const struct zset *z, size_t position, bool reverse);
bool zset_next(const struct zset *z, struct zset_iter *it, struct slice *member, double *score);
/* Any member, each with the same odds. score may be NULL. There must be one. */
void zset_random(const struct zset *z, struct rng *rng, struct slice *member, double *score);
/* One step of ZSCAN: a small one comes whole, with cursor 0. */
typedef void zset_visit(void *ctx, struct slice member, double score);
uint64_t zset_scan(const struct zset *z, uint64_t cursor, zset_visit *fn, void *ctx);

const char *zset_encoding(const struct zset *z); /* "listpack" or "skiplist" (the name people's tools know) */
size_t zset_bytes(const struct zset *z);
bool zset_verify(const struct zset *z);

#endif
