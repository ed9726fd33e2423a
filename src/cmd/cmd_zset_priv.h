/* cmd/cmd_zset_priv.h - what the files of the sorted-set family share: reading of ranges, and score replies. */
#ifndef SORREL_CMD_CMD_ZSET_PRIV_H
#define SORREL_CMD_CMD_ZSET_PRIV_H

#include "engine/exec.h"

/* A score interval's bounds: a float, "(" before it leaves the bound itself out. RC_NOT_MIN_MAX. */
enum rc zset__arg_range(struct exec *x, struct slice min, struct slice max, struct zset_range *out);
/* A member interval's bounds: "-", "+", "[member", "(member". RC_NOT_LEX. */
enum rc zset__arg_lex(struct slice min, struct slice max, struct zset_lex *out);
/* The interval of positions that start and stop (negative: from the end, stop included) cover. */
void zset__span_rank(size_t count, int64_t start, int64_t stop, size_t *from, size_t *to);

/* Writes the members at positions [from, to), from the high end with `reverse`; with scores as RESP2 and RESP3 want
 * them (flat, pairs). The header of the array is written too. */
enum rc zset__reply_span(struct exec *x, const struct zset *z, size_t from, size_t to, bool reverse, bool scores);

/* Whether removing so many members is to be done with zset__remove_in_pieces(), in SLICES_ALONE. Where members expire
 * it is not: positions could change between two pieces. */
static inline bool
zset__is_long_removal(const struct entry *e, size_t n)
{
    return n >= SLICES_ELEMENTS_MIN && !(entry_flags(e) & ENTRY_DEADLINES);
}

/* Removes the members at positions [from, to) of that key's zset, which is not being edited, pausing in between, and
 * says that it has changed. When the key's time comes meanwhile, what is left of it is as good as gone. */
void zset__remove_in_pieces(struct exec *x, struct slice key, size_t from, size_t to, enum event event);

/* A zset that belongs to an entry under construction. */
static inline struct zset *
zset__of(struct entry *e)
{
    return (struct zset *)entry_handle(e);
}

#endif
