/* cmd/cmd_cluster.c - CLUSTER and ASKING of a server that is no part of a cluster.
 *
 * Clients find out by them what they have got to do with: what they go by is redis's answer where cluster mode is off,
 * not that of a server that does not know the command. The rows are there for the same reason: arguments are counted
 * and users checked before that answer is given. */
#include "engine/dispatch.h"

static enum rc
cluster_refused(struct exec *x)
{
    return fail(x, "ERR This instance has cluster support disabled");
}

#define ABOUT_REFUSED "Refused: the server is no part of a cluster."
#define ROW           .group = GROUP_CLUSTER, .reply = "error", .about = ABOUT_REFUSED, .complexity = "O(1)"
#define CHANGE        ROW, .flags = CMD_ADMIN | CMD_NO_ASYNC_LOADING | CMD_STALE
#define READ          ROW, .flags = CMD_LOADING | CMD_STALE
#define VARIES        .tips = "nondeterministic_output"

static const struct cmd cluster_subs[] = {
    {"addslots", cluster_refused, .arity = -3, CHANGE, .since = "3.0.0", .args = "slot:int..."},
    {"addslotsrange", cluster_refused, .arity = -4, CHANGE, .since = "7.0.0",
     .args = "range={start-slot:int end-slot:int}..."},
    {"bumpepoch", cluster_refused, .arity = 2, CHANGE, .since = "3.0.0", VARIES},
    {"count-failure-reports", cluster_refused, .arity = 3, ROW, .flags = CMD_ADMIN | CMD_STALE, .since = "3.0.0",
     .args = "node-id", VARIES},
    {"countkeysinslot", cluster_refused, .arity = 3, ROW, .flags = CMD_STALE, .since = "3.0.0", .args = "slot:int"},
    {"delslots", cluster_refused, .arity = -3, CHANGE, .since = "3.0.0", .args = "slot:int..."},
    {"delslotsrange", cluster_refused, .arity = -4, CHANGE, .since = "7.0.0",
     .args = "range={start-slot:int end-slot:int}..."},
    {"failover", cluster_refused, .arity = -2, CHANGE, .since = "3.0.0", .args = "options=[FORCE|TAKEOVER]"},
    {"flushslots", cluster_refused, .arity = 2, CHANGE, .since = "3.0.0"},
    {"forget", cluster_refused, .arity = 3, CHANGE, .since = "3.0.0", .args = "node-id"},
    {"getkeysinslot", cluster_refused, .arity = 4, ROW, .flags = CMD_STALE, .since = "3.0.0",
     .args = "slot:int count:int", VARIES},
    {"help", cluster_refused, .arity = 2, READ, .since = "5.0.0"},
    {"info", cluster_refused, .arity = 2, READ, .since = "3.0.0", VARIES},
    {"keyslot", cluster_refused, .arity = 3, READ, .since = "3.0.0", .args = "key:string"},
    {"links", cluster_refused, .arity = 2, READ, .since = "7.0.0", VARIES},
    {"meet", cluster_refused, .arity = -4, CHANGE, .since = "3.0.0",
     .args = "ip port:int [cluster-bus-port:int]@4.0.0"},
    {"myid", cluster_refused, .arity = 2, READ, .since = "3.0.0"},
    {"myshardid", cluster_refused, .arity = 2, READ, .since = "7.2.0", VARIES},
    {"nodes", cluster_refused, .arity = 2, READ, .since = "3.0.0", VARIES},
    {"replicas", cluster_refused, .arity = 3, READ | CMD_ADMIN, .since = "5.0.0", .args = "node-id", VARIES},
    {"replicate", cluster_refused, .arity = 3, CHANGE, .since = "3.0.0", .args = "node-id"},
    {"reset", cluster_refused, .arity = -2, ROW, .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE, .since = "3.0.0",
     .args = "reset-type=[HARD|SOFT]"},
    {"saveconfig", cluster_refused, .arity = 2, CHANGE, .since = "3.0.0"},
    {"set-config-epoch", cluster_refused, .arity = 3, CHANGE, .since = "3.0.0", .args = "config-epoch:int"},
    {"setslot", cluster_refused, .arity = -4, CHANGE, .since = "3.0.0",
     .args = "slot:int subcommand=<IMPORTING node-id|MIGRATING node-id|NODE node-id|STABLE>"},
    {"shards", cluster_refused, .arity = 2, READ, .since = "7.0.0", VARIES},
    {"slaves", cluster_refused, .arity = 3, READ | CMD_ADMIN, .since = "3.0.0", .args = "node-id", VARIES,
     .deprecated_since = "5.0.0", .replaced_by = "`CLUSTER REPLICAS`"},
    {"slots", cluster_refused, .arity = 2, READ, .since = "3.0.0", VARIES, .deprecated_since = "7.0.0",
     .replaced_by = "`CLUSTER SHARDS`"},
    {0},
};

const struct cmd cmd_cluster_family[] = {
    {"asking", cluster_refused, .arity = 1, ROW, .flags = CMD_FAST, .categories = CAT(CONNECTION), .since = "3.0.0"},
    {"cluster", NULL, .arity = -2, .group = GROUP_CLUSTER, .subs = cluster_subs, .since = "3.0.0",
     .about = ABOUT_REFUSED, .complexity = "that of the subcommand"},
    {0},
};
