/* engine/evict.h - what happens when more memory is in use than maxmemory allows.
 *
 * Before each command of a client, and in engine_tick(), keys are deleted until the limit holds again; when there are
 * none that the policy may take, COND_OVER_MEMORY is set and commands that need memory are refused.
 */
#ifndef SORREL_ENGINE_EVICT_H
#define SORREL_ENGINE_EVICT_H

#include "engine/engine.h"

/* In the order of the directive's values. */
/* clang-format off */
enum evict_policy {
    EVICT_VOLATILE_LRU, EVICT_VOLATILE_LFU, EVICT_VOLATILE_RANDOM, EVICT_VOLATILE_TTL,
    EVICT_ALLKEYS_LRU, EVICT_ALLKEYS_LFU, EVICT_ALLKEYS_RANDOM, EVICT_NONE, EVICT_ALLKEYS_ADAPTIVE,
};
/* clang-format on */

/* Memory that does not count against the limit: what goes to replicas and to the log. Evicting for its sake would make
 * more of it. */
void engine_set_uncounted_memory(struct engine *e, size_t bytes);
size_t engine_uncounted_memory(const struct engine *e);

struct evict_stats {
    int64_t exceeded_us; /* how long the limit was exceeded in all, and for how long it is at present */
    int64_t exceeded_now_us;
};
struct evict_stats engine_evict_stats(const struct engine *e);
void engine_evict_stats_reset(struct engine *e);

#endif
