/* server/info.c - INFO. */
#include "base/version.h"
#include "engine/exec.h"
#include "server/server.h"

static enum rc
cmd_info(struct exec *x)
{
    return reply_bulk(x, LIT("# Server\r\nredis_version:" SORREL_REDIS_VERSION "\r\nserver_name:sorrel\r\n"));
}

const struct cmd cmd_info_family[] = {
    {"info", cmd_info, .arity = -1, .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE, .categories = CAT(DANGEROUS),
     .since = "1.0.0", .args = "[section]...", .reply = "verbatim text", .about = "Tells how the server is doing.",
     .complexity = "O(1)", .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
     .history = "7.0.0 Accepts several sections."},
    {0},
};
