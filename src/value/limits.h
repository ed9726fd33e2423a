/* value/limits.h - the thresholds at which collections change representation, under their configuration names. */
#ifndef SORREL_VALUE_LIMITS_H
#define SORREL_VALUE_LIMITS_H

#include "base/siphash.h"

struct value_limits {
    uint32_t hash_max_listpack_entries, hash_max_listpack_value; /* 128, 64 */
    uint32_t set_max_intset_entries;                             /* 512 */
    uint32_t set_max_listpack_entries, set_max_listpack_value;   /* 128, 64 */
    uint32_t zset_max_listpack_entries, zset_max_listpack_value; /* 128, 64 */
    int32_t list_max_listpack_size;                              /* -2: 8 KiB a block */
    uint32_t list_compress_depth;                                /* 0: accepted and kept */
    uint64_t stream_node_max_bytes, stream_node_max_entries;     /* 4096, 100 */
    uint32_t json_max_depth;                                     /* 128, at most JSON_DEPTH_MAX */
    uint32_t stream_idmp_duration, stream_idmp_maxsize;          /* 100 seconds, 100 ids */
    struct hash_seed seed;                                       /* for the hash tables inside values */
};

/* The defaults of Redis 7.2, with the given seed. */
struct value_limits value_limits_default(struct hash_seed seed);

#endif
