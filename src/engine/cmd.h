/* engine/cmd.h - the row that describes a command.
 *
 * One row beside each handler is the only description there is: COMMAND INFO, DOCS and GETKEYS, ACL categories, key
 * lookup, cluster routing, docs/commands.md and the CLI's hints all come from it.
 */
#ifndef SORREL_ENGINE_CMD_H
#define SORREL_ENGINE_CMD_H

#include "base/status.h"

struct exec;

/* Flags, under the names COMMAND INFO prints (cmd_flag_names in cmd.c keeps its order). */
enum cmd_flag {
    CMD_WRITE = 1 << 0,
    CMD_READONLY = 1 << 1,
    CMD_DENYOOM = 1 << 2,
    CMD_ADMIN = 1 << 3,
    CMD_PUBSUB = 1 << 4,
    CMD_NOSCRIPT = 1 << 5,
    CMD_BLOCKING = 1 << 6,
    CMD_LOADING = 1 << 7,
    CMD_STALE = 1 << 8,
    CMD_SKIP_MONITOR = 1 << 9,
    CMD_SKIP_SLOWLOG = 1 << 10,
    CMD_ASKING = 1 << 11,
    CMD_FAST = 1 << 12,
    CMD_NO_AUTH = 1 << 13,
    CMD_MOVABLEKEYS = 1 << 14,
    CMD_ALLOW_BUSY = 1 << 15,
    CMD_NO_ASYNC_LOADING = 1 << 16,
    CMD_NO_MULTI = 1 << 17,
    CMD_NO_MANDATORY_KEYS = 1 << 18,
    CMD_SCRIPT_RUNNER = 1 << 19,
    /* Ours, never printed: */
    /* what it changes depends on chance or time: must say effect_as() when it changes a key */
    CMD_NONDET = 1 << 24,
    CMD_SECRET = 1 << 25, /* arguments hold secrets: engine/secrets.c knows which, and they are shown nowhere */
};

/* Groups, as COMMAND DOCS names them; each implies its ACL category. */
/* clang-format off */
enum cmd_group {
    GROUP_GENERIC, GROUP_STRING, GROUP_LIST, GROUP_SET, GROUP_SORTED_SET, GROUP_HASH, GROUP_PUBSUB, GROUP_TRANSACTIONS,
    GROUP_CONNECTION, GROUP_SERVER, GROUP_SCRIPTING, GROUP_HYPERLOGLOG, GROUP_CLUSTER, GROUP_SENTINEL, GROUP_GEO,
    GROUP_STREAM, GROUP_BITMAP, GROUP_JSON, GROUP_COUNT
};
/* clang-format on */

/* ACL categories (bit positions). A row lists only those that do not follow from flags and group: write, read (readonly
 * without scripting), admin and dangerous (admin), pubsub, fast or slow, blocking, and the data type's own follow. */
/* clang-format off */
enum acl_category {
    CAT_KEYSPACE, CAT_READ, CAT_WRITE, CAT_SET, CAT_SORTEDSET, CAT_LIST, CAT_HASH, CAT_STRING, CAT_BITMAP,
    CAT_HYPERLOGLOG, CAT_GEO, CAT_STREAM, CAT_PUBSUB, CAT_ADMIN, CAT_FAST, CAT_SLOW, CAT_BLOCKING, CAT_DANGEROUS,
    CAT_CONNECTION, CAT_TRANSACTION, CAT_SCRIPTING, CAT_JSON, CAT_COUNT
};
/* clang-format on */
#define CAT(name) (UINT64_C(1) << CAT_##name)
/* In a row's categories: what its group implies does not hold for it (SORT is generic, but not about the keyspace).
 * Never holds for a container of subcommands, nor for the pub/sub group, whose category follows from CMD_PUBSUB. */
#define CAT_NOT_BY_GROUP (UINT64_C(1) << 63)

/* Where keys are among the arguments: the key specifications of COMMAND INFO. */
/* clang-format off */
enum key_flag {
    KEY_RO = 1 << 0, KEY_RW = 1 << 1, KEY_OW = 1 << 2, KEY_RM = 1 << 3,
    KEY_ACCESS = 1 << 4, KEY_UPDATE = 1 << 5, KEY_INSERT = 1 << 6, KEY_DELETE = 1 << 7,
    KEY_NOT_KEY = 1 << 8, KEY_INCOMPLETE = 1 << 9, KEY_VARIABLE = 1 << 10,
};
/* clang-format on */
enum key_begin { KEY_BEGIN_NONE, KEY_BEGIN_INDEX, KEY_BEGIN_KEYWORD, KEY_BEGIN_UNKNOWN };
enum key_find { KEY_FIND_RANGE, KEY_FIND_KEYNUM, KEY_FIND_UNKNOWN };
struct key_spec {
    uint16_t flags;
    uint8_t begin, find;
    const char *keyword; /* KEY_BEGIN_KEYWORD */
    /* KEY_BEGIN_INDEX: argument; KEYWORD: where to start looking (negative: from the end) */
    int16_t index;
    int16_t last, step, limit;    /* KEY_FIND_RANGE: last is relative to the first (negative: from the end) */
    int16_t numkeys_at, first_at; /* KEY_FIND_KEYNUM, relative to the begin */
};
/* clang-format off */
/* One key at argument n. */
#define KEY_AT(n, fl) {.flags = (fl), .begin = KEY_BEGIN_INDEX, .index = (n), .step = 1}
/* Keys from argument n to argument `to` (relative to n; -1: to the last one), every `st` arguments. */
#define KEY_RANGE(n, to, st, fl) {.flags = (fl), .begin = KEY_BEGIN_INDEX, .index = (n), .last = (to), .step = (st)}
/* numkeys at argument n, keys after it. */
#define KEY_NUM(n, fl)                                                                                                 \
    {.flags = (fl), .begin = KEY_BEGIN_INDEX, .find = KEY_FIND_KEYNUM, .index = (n), .first_at = 1, .step = 1}
/* clang-format on */

enum { KEY_SPECS_MAX = 3 };

struct cmd {
    const char *name; /* lower case; a subcommand's own name only */
    enum rc (*handler)(struct exec *x);
    int16_t arity;  /* with the name(s); negative: at least */
    uint16_t group; /* enum cmd_group */
    uint32_t flags;
    uint64_t categories; /* additional ones, CAT(NAME) */
    struct key_spec keys[KEY_SPECS_MAX];
    /* For commands whose keys no specification can describe (SORT's STORE, MIGRATE …): appends argument indexes with
     * their flags to out (room for max), returns how many or -1 for a command that is not well formed. */
    int (*find_keys)(const struct slice *argv, int argc, int *out_index, uint16_t *out_flags, int max);
    /* The argument that names what is looked up inside of the first key's value (negative: from the end), so that it
     * can be on its way from memory when the handler runs; 0: nothing is. */
    int16_t member;
    /* For one that may write or not: whether these arguments do not. NULL: nobody knows. */
    bool (*only_reads)(struct exec *x);
    const struct cmd *subs; /* subcommands: rows ended by one without a name. The handler then runs for none */
    const char *since;
    const char *args;       /* grammar: see docs in engine/cmd_grammar.h */
    const char *reply;      /* kinds of reply, for the documentation */
    const char *about;      /* one sentence of our own */
    const char *complexity; /* "O(1)" */
    const char *deprecated_since, *replaced_by;
    const char *tips;    /* COMMAND INFO's tips, blank-separated */
    const char *history; /* "6.2.0 text|7.0.0 text" */
};

#endif
