/* sorrel/limiter.h - how often somebody may do something, decided by one atomic script.
 *
 * The server's clock counts, so machines whose clocks differ agree. Keys expire by themselves when nobody asks any
 * more.
 *
 *   sliding window  at most `limit` units in any period of window_ms. Exact; a sorted set with a member for each unit,
 *                   made unique by the caller's randomness, so that two requests of the same instant both count.
 *   fixed window    at most `limit` units between two multiples of window_ms. One counter; bursts of twice the limit
 * are possible around a boundary. token bucket    `limit` tokens at most, refilled evenly, `limit` in window_ms. One
 * hash.
 *
 * Keys: PREFIX:ID. Threads: every function is thread-safe, except free.
 */
#ifndef SORREL_LIMITER_H
#define SORREL_LIMITER_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_limiter;

enum sorrel_limiter_kind { SORREL_SLIDING_WINDOW = 0, SORREL_FIXED_WINDOW, SORREL_TOKEN_BUCKET };

struct sorrel_limit_result {
    bool allowed;
    int64_t remaining;      /* units that could follow at once */
    int64_t retry_after_ms; /* when refused: how long until this many units could be allowed; else 0 */
    uint64_t reserved[4];
};

/* limit: 1 to 1,000,000 units; window_ms: 1 ms to about 24 days. NULL for anything else. prefix is copied; cl must
 * outlive the limiter. Sends nothing. */
SORREL_API struct sorrel_limiter *sorrel_limiter_new(struct sorrel_client *cl, const char *prefix,
                                                     enum sorrel_limiter_kind kind, int limit, int window_ms);
/* Frees the object; what was counted stays. NULL is fine. Sends nothing. Nobody else may be using it. */
SORREL_API void sorrel_limiter_free(struct sorrel_limiter *l);

/* Asks for `units` (1 to the limit, at most 10,000) on behalf of `id`. All or none are counted; a refused request
 * counts nothing. SORREL_OK with out->allowed false is a refusal; SORREL_ERR_USAGE for units that can never be allowed;
 * other failures as sorrel_client_call(): what to do without a limiter is the caller's decision. Not repeated after a
 * broken connection. Sends EVALSHA (TIME, and ZREMRANGEBYSCORE, ZCARD, ZADD, ZRANGE, PEXPIRE, or HMGET, HSET, PEXPIRE).
 */
SORREL_API enum sorrel_rc sorrel_limiter_ask(struct sorrel_limiter *l, const char *id, int units,
                                             struct sorrel_limit_result *out, struct sorrel_error *err);
/* Forgets what `id` has used. Sends DEL. */
SORREL_API enum sorrel_rc sorrel_limiter_reset(struct sorrel_limiter *l, const char *id, struct sorrel_error *err);

#ifdef __cplusplus
}
#endif

#endif
