/* cmd/cmd_object.c - OBJECT: what is known about a value besides its contents. */
#include "cmd/args.h"

/* Redis shares the objects of small integers and reports their count of references as the highest int. */
enum { SHARED_INTEGERS = 10000 };

static enum rc
cmd_object_encoding(struct exec *x)
{
    const struct entry *e = peek(x, x->argv[2]);

    return e != NULL ? reply_bulk(x, slice_cstr(entry_encoding(e))) : reply_null(x);
}

static enum rc
cmd_object_refcount(struct exec *x)
{
    const struct entry *e = peek(x, x->argv[2]);
    int64_t v;

    if (e == NULL)
        return reply_null(x);
    bool shared = entry_type(e) == TYPE_STRING && string_is_int(e, &v) && v >= 0 && v < SHARED_INTEGERS;
    return reply_int(x, shared ? INT32_MAX : 1);
}

static enum rc
cmd_object_idletime(struct exec *x)
{
    const struct entry *e = peek(x, x->argv[2]);

    if (e == NULL)
        return reply_null(x);
    if (policy_is_lfu(x))
        return fail(x,
                    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching "
                    "between policies at runtime LRU and LFU data will take some time to adjust.");
    return reply_int(x, entry_idle_seconds(x, e));
}

static enum rc
cmd_object_freq(struct exec *x)
{
    const struct entry *e = peek(x, x->argv[2]);

    if (e == NULL)
        return reply_null(x);
    if (!policy_is_lfu(x))
        return fail(x,
                    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when "
                    "switching between policies at runtime LRU and LFU data will take some time to adjust.");
    return reply_int(x, entry_frequency(x, e));
}

static enum rc
cmd_object_help(struct exec *x)
{
    static const char *const lines[] = {
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
        NULL,
    };

    return reply_help(x, lines);
}

/* -- rows -----------------------------------------------------------------------------------------------------------
 */

static const struct cmd object_subcommands[] = {
    {"encoding", cmd_object_encoding, .arity = 3, .group = GROUP_GENERIC, .flags = CMD_READONLY,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(2, KEY_RO)}, .since = "2.2.3", .args = "key", .reply = "null | bulk",
     .about = "Names the representation of a value.", .complexity = "O(1)", .tips = "nondeterministic_output"},
    {"freq", cmd_object_freq, .arity = 3, .group = GROUP_GENERIC, .flags = CMD_READONLY, .categories = CAT(KEYSPACE),
     .keys = {KEY_AT(2, KEY_RO)}, .since = "4.0.0", .args = "key", .reply = "integer | null",
     .about = "Tells how often a key is used, on a logarithmic scale.", .complexity = "O(1)",
     .tips = "nondeterministic_output"},
    {"help", cmd_object_help, .arity = 2, .group = GROUP_GENERIC, .flags = CMD_LOADING | CMD_STALE,
     .categories = CAT(KEYSPACE), .since = "6.2.0", .reply = "array", .about = "Explains the subcommands.",
     .complexity = "O(1)"},
    {"idletime", cmd_object_idletime, .arity = 3, .group = GROUP_GENERIC, .flags = CMD_READONLY,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(2, KEY_RO)}, .since = "2.2.3", .args = "key",
     .reply = "integer | null", .about = "Tells for how many seconds a key has not been used.", .complexity = "O(1)",
     .tips = "nondeterministic_output"},
    {"refcount", cmd_object_refcount, .arity = 3, .group = GROUP_GENERIC, .flags = CMD_READONLY,
     .categories = CAT(KEYSPACE), .keys = {KEY_AT(2, KEY_RO)}, .since = "2.2.3", .args = "key",
     .reply = "integer | null", .about = "Tells how often a value is referred to.", .complexity = "O(1)",
     .tips = "nondeterministic_output"},
    {0},
};

const struct cmd cmd_object_family[] = {
    {"object", NULL, .arity = -2, .group = GROUP_GENERIC, .subs = object_subcommands, .since = "2.2.3",
     .about = "Holds the commands that look into values."},
    {0},
};
