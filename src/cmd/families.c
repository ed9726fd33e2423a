/* cmd/families.c - one line for each table of rows. The order is that of COMMAND's reply. */
#include "cmd/families.h"

/* Tables live beside their handlers, which is the only reason for them to have linkage: declared here, listed here,
 * known to nobody else. */
#define FAMILIES(X)                                                                                                    \
    X(cmd_zset_family)                                                                                                 \
    X(cmd_zset_range_family)                                                                                           \
    X(cmd_zset_store_family)                                                                                           \
    X(cmd_zset_pop_family)                                                                                             \
    X(cmd_connection_family)                                                                                           \
    X(cmd_client_family)                                                                                               \
    X(cmd_tx_family)                                                                                                   \
    X(cmd_pubsub_family)                                                                                               \
    X(cmd_command_family)                                                                                              \
    X(cmd_server_family)                                                                                               \
    X(cmd_debug_family)                                                                                                \
    X(cmd_memory_family)

#define DECLARE(name) extern const struct cmd name[];
FAMILIES(DECLARE)
#undef DECLARE

const struct cmd *const cmd_families[] = {
#define LIST(name) name,
    FAMILIES(LIST)
#undef LIST
    NULL,
};
