/* cmd/args.h - readings of arguments that several command families share, with the errors that redis gives for them. */
#ifndef SORREL_CMD_ARGS_H
#define SORREL_CMD_ARGS_H

#include "engine/exec.h"

/* An integer from min to max. RC_NOT_INT when it is none; out of range names the bounds. */
enum rc arg_range(struct exec *x, struct slice arg, int64_t min, int64_t max, int64_t *out);
/* The same with one error text of the caller's for everything ("ERR …"). */
enum rc arg_range_or(struct exec *x, struct slice arg, int64_t min, int64_t max, const char *error, int64_t *out);
/* 0 or more; RC_NOT_POSITIVE for everything else. */
enum rc arg_positive(struct exec *x, struct slice arg, int64_t *out);
/* What redis reads as an int: the number of a database, for instance. */
enum rc arg_int32(struct exec *x, struct slice arg, int64_t *out);

/* Turns redis's pair of inclusive indexes, which may count from the end, into a part of 0..len-1. False when the part
 * is empty. */
bool clamp_range(int64_t first, int64_t last, size_t len, size_t *from, size_t *count);

enum expire_unit { UNIT_S, UNIT_MS };
/* "ERR invalid expire time in '<command>' command" */
enum rc fail_expire(struct exec *x);
/* A time to live (relative) or a moment that must lie after 1970, as SET and GETEX take it: the moment in ms. */
enum rc arg_expire(struct exec *x, struct slice arg, enum expire_unit unit, bool relative, int64_t *at_ms);

/* The same for a member's deadline: 0 or more, up to DEADLINE_MAX. */
enum rc arg_deadline(struct exec *x, struct slice arg, enum expire_unit unit, bool relative, int64_t *at_ms);
/* "hdel", "srem" … of a collection's members (n >= 1), or another command with a clause for members ("HPEXPIREAT",
 * time, "FIELDS"), to be propagated. extra.ptr NULL: there is none. */
void effect_members(struct exec *x, struct slice command, struct slice extra, struct slice clause,
                    const struct slice *members, int n);

/* A number as a slice in the arena. */
struct slice arena_int(struct arena *a, int64_t v);

/* Elements with something beside each (a field's value, a member's score), when `beside` says so: RESP2 has them flat,
 * RESP3 in pairs. The header for n of them, and what comes before each. */
void reply_pairs(struct exec *x, size_t n, bool beside);
void reply_pair(struct exec *x, bool beside);

/* Refuses replies that a single short command could blow up beyond all bounds: n elements, repetitions allowed. */
enum rc check_repetitions(struct exec *x, uint64_t n);

#endif
