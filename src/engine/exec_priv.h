/* engine/exec_priv.h - hashing for exec*.c. */
#ifndef SORREL_ENGINE_EXEC_PRIV_H
#define SORREL_ENGINE_EXEC_PRIV_H

#include "engine/engine_priv.h"

enum { LFU_INITIAL = 5 };

#ifdef SORREL_VERIFY
#define WITNESS(x, key, changes)                                                         \
    ((x)->engine->witness.touched != NULL                                                \
         ? (x)->engine->witness.touched((x)->engine->witness.ctx, (x), (key), (changes)) \
         : (void)0)
#else
#define WITNESS(x, key, changes) ((void)0)
#endif

/* Mostly the key that was hashed while parsing. */
static inline uint64_t
exec__hash(const struct exec *x, struct slice key)
{
    if (LIKELY(key.ptr == x->first_key && key.len == x->first_key_len))
        return x->first_key_hash;
    return keyspace__hash(x->engine, key);
}

static inline uint64_t
exec__entry_hash(const struct exec *x, const struct entry *e)
{
    struct slice key = entry_key(e);

    if (x->first_key != NULL && slice_eq(key, slice_of(x->first_key, x->first_key_len)))
        return x->first_key_hash;
    return keyspace__hash(x->engine, key);
}

static inline void
exec__new_clock(const struct exec *x, struct entry *e, uint64_t hash)
{
    if (UNLIKELY(x->engine->settings.clock_adaptive)) {
        entry_set_clock(e, evict__born_clock(x->engine, hash));
    } else if (UNLIKELY(x->engine->settings.lru_clock_lfu)) {
        entry_set_clock(e, ((uint32_t)(x->now_ms / 60000) & 0xffff) << 8 | LFU_INITIAL);
    } else {
        entry_set_clock(e, x->engine->access_clock);
        entry_set_access(e, x->engine->access & ~(unsigned)ENTRY_USED);
        if (UNLIKELY(x->engine->evictor != NULL))
            evict__born(x->engine, e, hash);
    }
}

#endif
