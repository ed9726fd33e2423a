/* cmd/cmd_pubsub.c - SUBSCRIBE and its relatives, PUBLISH, PUBSUB, and the sharded forms. */
#include "engine/pubsub.h"
#include "engine/session.h"

#include "base/glob.h"

/* -- subscribing ---------------------------------------------------------------------------------------------- */

static enum rc
subscribe(struct exec *x, enum pubsub_space space)
{
    /* Inside EXEC redis allows the ordinary kinds and refuses this one. */
    if (space == PUBSUB_SHARD && x->depth > 0)
        return fail(x, "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    for (int i = 1; i < x->argc; i++)
        pubsub_subscribe(x, space, x->argv[i]);
    return RC_OK;
}

static enum rc
unsubscribe(struct exec *x, enum pubsub_space space)
{
    if (x->argc == 1)
        pubsub_unsubscribe_all(x, space);
    for (int i = 1; i < x->argc; i++)
        pubsub_unsubscribe(x, space, x->argv[i]);
    return RC_OK;
}

static enum rc
cmd_subscribe(struct exec *x)
{
    return subscribe(x, PUBSUB_CHANNEL);
}

static enum rc
cmd_psubscribe(struct exec *x)
{
    return subscribe(x, PUBSUB_PATTERN);
}

static enum rc
cmd_ssubscribe(struct exec *x)
{
    return subscribe(x, PUBSUB_SHARD);
}

static enum rc
cmd_unsubscribe(struct exec *x)
{
    return unsubscribe(x, PUBSUB_CHANNEL);
}

static enum rc
cmd_punsubscribe(struct exec *x)
{
    return unsubscribe(x, PUBSUB_PATTERN);
}

static enum rc
cmd_sunsubscribe(struct exec *x)
{
    return unsubscribe(x, PUBSUB_SHARD);
}

/* -- publishing ----------------------------------------------------------------------------------------------- */

static enum rc
publish(struct exec *x, enum pubsub_space space)
{
    effect_replicas(x);
    return reply_int(x, (int64_t)pubsub_publish(x->engine, space, x->argv[1], x->argv[2]));
}

static enum rc
cmd_publish(struct exec *x)
{
    return publish(x, PUBSUB_CHANNEL);
}

static enum rc
cmd_spublish(struct exec *x)
{
    return publish(x, PUBSUB_SHARD);
}

/* -- PUBSUB --------------------------------------------------------------------------------------------------- */

struct listing {
    struct exec *x;
    struct slice pattern;
    bool filter;
    size_t n;
};

static void
list_channel(void *ctx, struct slice name, size_t subscribers)
{
    struct listing *l = ctx;

    if (l->filter && !glob_match(l->pattern, name, false))
        return;
    reply_bulk(l->x, name);
    l->n++;
}

static enum rc
list_channels(struct exec *x, enum pubsub_space space)
{
    struct listing l = {.x = x, .filter = x->argc == 3};
    struct reply_mark mark;

    if (x->argc > 3)
        return fail(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB HELP.",
                    (int)(x->argv[1].len < 128 ? x->argv[1].len : 128), x->argv[1].ptr);
    if (l.filter)
        l.pattern = x->argv[2];
    mark = reply_mark_here(&x->reply);
    pubsub_each(x->engine, space, list_channel, &l);
    reply_close_array(&x->reply, mark, l.n);
    return RC_OK;
}

static enum rc
count_subscribers(struct exec *x, enum pubsub_space space)
{
    /* An array even in RESP3: redis documents a list of pairs, flat. */
    reply_array(x, 2 * ((size_t)x->argc - 2));
    for (int i = 2; i < x->argc; i++) {
        reply_bulk(x, x->argv[i]);
        reply_int(x, (int64_t)pubsub_subscribers(x->engine, space, x->argv[i]));
    }
    return RC_OK;
}

static enum rc
pubsub_channels(struct exec *x)
{
    return list_channels(x, PUBSUB_CHANNEL);
}

static enum rc
pubsub_shardchannels(struct exec *x)
{
    return list_channels(x, PUBSUB_SHARD);
}

static enum rc
pubsub_numsub(struct exec *x)
{
    return count_subscribers(x, PUBSUB_CHANNEL);
}

static enum rc
pubsub_shardnumsub(struct exec *x)
{
    return count_subscribers(x, PUBSUB_SHARD);
}

static enum rc
pubsub_numpat(struct exec *x)
{
    return reply_int(x, (int64_t)pubsub_count(x->engine, PUBSUB_PATTERN));
}

static enum rc
pubsub_help(struct exec *x)
{
    static const char *const lines[] = {
        "CHANNELS [<pattern>]",
        "    List the channels that have subscribers; with a pattern, those that match it.",
        "NUMPAT",
        "    Tell how many patterns are subscribed to.",
        "NUMSUB [<channel> ...]",
        "    Tell how many subscribers each channel has, patterns not counted.",
        "SHARDCHANNELS [<pattern>]",
        "    List the shard channels that have subscribers; with a pattern, those that match it.",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Tell how many subscribers each shard channel has.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- rows ----------------------------------------------------------------------------------------------------- */

#define ASK_FLAGS (CMD_PUBSUB | CMD_LOADING | CMD_STALE)
#define SUB_FLAGS (CMD_PUBSUB | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)

static const struct cmd pubsub_subs[] = {
    {"channels", pubsub_channels, .arity = -2, .group = GROUP_PUBSUB, .flags = ASK_FLAGS, .since = "2.8.0",
     .args = "[pattern:pattern]", .reply = "array", .about = "Lists the channels that have subscribers.",
     .complexity = "O(N) for N channels"},
    {"help", pubsub_help, .arity = 2, .group = GROUP_PUBSUB, .flags = CMD_LOADING | CMD_STALE, .since = "6.2.0",
     .reply = "array", .about = "Explains the subcommands.", .complexity = "O(1)"},
    {"numpat", pubsub_numpat, .arity = 2, .group = GROUP_PUBSUB, .flags = ASK_FLAGS, .since = "2.8.0",
     .reply = "integer", .about = "Tells how many patterns are subscribed to.", .complexity = "O(1)"},
    {"numsub", pubsub_numsub, .arity = -2, .group = GROUP_PUBSUB, .flags = ASK_FLAGS, .since = "2.8.0",
     .args = "[channel...]", .reply = "array", .about = "Tells how many subscribers channels have.",
     .complexity = "O(N) for N channels asked for"},
    {"shardchannels", pubsub_shardchannels, .arity = -2, .group = GROUP_PUBSUB, .flags = ASK_FLAGS, .since = "7.0.0",
     .args = "[pattern:pattern]", .reply = "array", .about = "Lists the shard channels that have subscribers.",
     .complexity = "O(N) for N shard channels"},
    {"shardnumsub", pubsub_shardnumsub, .arity = -2, .group = GROUP_PUBSUB, .flags = ASK_FLAGS, .since = "7.0.0",
     .args = "[shardchannel...]", .reply = "array", .about = "Tells how many subscribers shard channels have.",
     .complexity = "O(N) for N shard channels asked for"},
    {0},
};

const struct cmd cmd_pubsub_family[] = {
    {"subscribe", cmd_subscribe, .arity = -2, .group = GROUP_PUBSUB, .flags = SUB_FLAGS | CMD_DENYOOM, .since = "2.0.0",
     .args = "channel...", .reply = "push", .about = "Listens to channels.", .complexity = "O(N) for N channels"},
    {"psubscribe", cmd_psubscribe, .arity = -2, .group = GROUP_PUBSUB, .flags = SUB_FLAGS | CMD_DENYOOM,
     .since = "2.0.0", .args = "pattern:pattern...", .reply = "push",
     .about = "Listens to all channels that match patterns.", .complexity = "O(N) for N patterns"},
    {"ssubscribe", cmd_ssubscribe, .arity = -2, .group = GROUP_PUBSUB, .flags = SUB_FLAGS | CMD_DENYOOM,
     .keys = {KEY_RANGE(1, -1, 1, KEY_NOT_KEY)}, .since = "7.0.0", .args = "shardchannel...", .reply = "push",
     .about = "Listens to shard channels.", .complexity = "O(N) for N shard channels"},
    {"unsubscribe", cmd_unsubscribe, .arity = -1, .group = GROUP_PUBSUB, .flags = SUB_FLAGS, .since = "2.0.0",
     .args = "[channel...]", .reply = "push",
     .about = "Stops listening to channels, to all of them without an argument.", .complexity = "O(N) for N channels"},
    {"punsubscribe", cmd_punsubscribe, .arity = -1, .group = GROUP_PUBSUB, .flags = SUB_FLAGS, .since = "2.0.0",
     .args = "[pattern:pattern...]", .reply = "push",
     .about = "Stops listening to patterns, to all of them without an argument.", .complexity = "O(N) for N patterns"},
    {"sunsubscribe", cmd_sunsubscribe, .arity = -1, .group = GROUP_PUBSUB, .flags = SUB_FLAGS,
     .keys = {KEY_RANGE(1, -1, 1, KEY_NOT_KEY)}, .since = "7.0.0", .args = "[shardchannel...]", .reply = "push",
     .about = "Stops listening to shard channels, to all of them without an argument.",
     .complexity = "O(N) for N shard channels"},
    {"publish", cmd_publish, .arity = 3, .group = GROUP_PUBSUB, .flags = ASK_FLAGS | CMD_FAST, .since = "2.0.0",
     .args = "channel message", .reply = "integer", .about = "Sends a message to those who listen to a channel.",
     .complexity = "O(N+M) for N subscribers and M patterns in all"},
    {"spublish", cmd_spublish, .arity = 3, .group = GROUP_PUBSUB, .flags = ASK_FLAGS | CMD_FAST,
     .keys = {KEY_AT(1, KEY_NOT_KEY)}, .since = "7.0.0", .args = "shardchannel message", .reply = "integer",
     .about = "Sends a message to those who listen to a shard channel.", .complexity = "O(N) for N subscribers"},
    {"pubsub", NULL, .arity = -2, .group = GROUP_PUBSUB, .subs = pubsub_subs, .since = "2.8.0",
     .about = "Tells about channels and their subscribers.", .complexity = "that of the subcommand"},
    {0},
};
