/* value/limits.c - the thresholds that Redis 7.2 starts with. */
#include "value/limits.h"

struct value_limits
value_limits_default(struct hash_seed seed)
{
    return (struct value_limits){
        .hash_max_listpack_entries = 128,
        .hash_max_listpack_value = 64,
        .set_max_intset_entries = 512,
        .set_max_listpack_entries = 128,
        .set_max_listpack_value = 64,
        .zset_max_listpack_entries = 128,
        .zset_max_listpack_value = 64,
        .list_max_listpack_size = -2,
        .list_compress_depth = 0,
        .stream_node_max_bytes = 4096,
        .stream_node_max_entries = 100,
        .json_max_depth = 128,
        .stream_idmp_duration = 100,
        .stream_idmp_maxsize = 100,
        .seed = seed,
    };
}
