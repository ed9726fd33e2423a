/* cmd/cmd_tx.c - MULTI, EXEC, DISCARD, WATCH, UNWATCH. The handlers are the engine's (engine/tx.h); here are the rows.
 */
#include "engine/tx.h"

#define TX_FLAGS (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY)

const struct cmd cmd_tx_family[] = {
    {"multi", tx_multi, .arity = 1, .group = GROUP_TRANSACTIONS, .flags = TX_FLAGS, .categories = CAT(TRANSACTION),
     .since = "1.2.0", .reply = "OK", .about = "Starts a transaction.", .complexity = "O(1)"},
    {"exec", tx_exec, .arity = 1, .group = GROUP_TRANSACTIONS,
     .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_SKIP_SLOWLOG, .categories = CAT(TRANSACTION),
     .since = "1.2.0", .reply = "array | null", .about = "Runs the commands of a transaction.",
     .complexity = "that of the commands in it"},
    {"discard", tx_discard, .arity = 1, .group = GROUP_TRANSACTIONS, .flags = TX_FLAGS, .categories = CAT(TRANSACTION),
     .since = "2.0.0", .reply = "OK", .about = "Drops a transaction.", .complexity = "O(N) for N queued commands"},
    {"watch", tx_watch, .arity = -2, .group = GROUP_TRANSACTIONS, .flags = TX_FLAGS, .categories = CAT(TRANSACTION),
     .keys = {KEY_RANGE(1, -1, 1, KEY_RO)}, .since = "2.2.0", .args = "key...", .reply = "OK",
     .about = "Makes the next transaction depend on keys staying as they are.", .complexity = "O(1) for each key"},
    {"unwatch", tx_unwatch, .arity = 1, .group = GROUP_TRANSACTIONS, .flags = TX_FLAGS, .categories = CAT(TRANSACTION),
     .since = "2.2.0", .reply = "OK", .about = "Forgets the watched keys.", .complexity = "O(1)"},
    {0},
};
