/* cmd/families.c - one line for each table of rows. The order is that of COMMAND's reply. */
#include "cmd/families.h"

/* Tables live beside their handlers, which is the only reason for them to have linkage: declared here, listed here,
 * known to nobody else. */
#define FAMILIES(X)             \
    X(cmd_string_family)        \
    X(cmd_string_match_family)  \
    X(cmd_counter_family)       \
    X(cmd_increx_family)        \
    X(cmd_lcs_family)           \
    X(cmd_bitmap_family)        \
    X(cmd_bitfield_family)      \
    X(cmd_hll_family)           \
    X(cmd_geo_family)           \
    X(cmd_geo_search_family)    \
    X(cmd_generic_family)       \
    X(cmd_scan_family)          \
    X(cmd_delmatch_family)      \
    X(cmd_sort_family)          \
    X(cmd_object_family)        \
    X(cmd_expire_family)        \
    X(cmd_list_family)          \
    X(cmd_list_pop_family)      \
    X(cmd_list_block_family)    \
    X(cmd_list_movem_family)    \
    X(cmd_hash_family)          \
    X(cmd_hash_walk_family)     \
    X(cmd_hash_expire_family)   \
    X(cmd_himport_family)       \
    X(cmd_member_expire_family) \
    X(cmd_set_family)           \
    X(cmd_set_algebra_family)   \
    X(cmd_stream_family)        \
    X(cmd_stream_group_family)  \
    X(cmd_stream_idmp_family)   \
    X(cmd_stream_info_family)   \
    X(cmd_stream_read_family)   \
    X(cmd_stream_refs_family)   \
    X(cmd_zset_family)          \
    X(cmd_zset_range_family)    \
    X(cmd_zset_store_family)    \
    X(cmd_zset_pop_family)      \
    X(cmd_json_family)          \
    X(cmd_json_value_family)    \
    X(cmd_json_array_family)    \
    X(cmd_connection_family)    \
    X(cmd_acl_family)           \
    X(cmd_client_family)        \
    X(cmd_cluster_family)       \
    X(cmd_tx_family)            \
    X(cmd_pubsub_family)        \
    X(cmd_command_family)       \
    X(cmd_commandlog_family)    \
    X(cmd_hotkeys_family)       \
    X(cmd_server_family)        \
    X(cmd_debug_family)         \
    X(cmd_memory_family)        \
    X(cmd_module_family)        \
    X(cmd_latency_family)       \
    X(cmd_eval_family)          \
    X(cmd_function_family)

#define DECLARE(name) extern const struct cmd name[];
FAMILIES(DECLARE)
#undef DECLARE

const struct cmd *const cmd_families[] = {
#define LIST(name) name,
    FAMILIES(LIST)
#undef LIST
        NULL,
};
