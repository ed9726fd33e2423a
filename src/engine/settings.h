/* engine/settings.h - what an engine can be told to do differently while it runs.
 *
 * The server's CONFIG fills it in; tests and embedding programs set what they need. After a change call
 * engine_settings_changed(), which recomputes what depends on it.
 */
#ifndef SORREL_ENGINE_SETTINGS_H
#define SORREL_ENGINE_SETTINGS_H

#include "base/slice.h"
#include "value/limits.h"

struct engine;

/* Classes of keyspace notifications, as bits of notify_mask. 'A' is not a class: it means all but m and n. */
enum notify_class {
    NOTIFY_KEYSPACE = 1 << 0,  /* K */
    NOTIFY_KEYEVENT = 1 << 1,  /* E */
    NOTIFY_GENERIC = 1 << 2,   /* g */
    NOTIFY_STRING = 1 << 3,    /* $ */
    NOTIFY_LIST = 1 << 4,      /* l */
    NOTIFY_SET = 1 << 5,       /* s */
    NOTIFY_HASH = 1 << 6,      /* h */
    NOTIFY_ZSET = 1 << 7,      /* z */
    NOTIFY_EXPIRED = 1 << 8,   /* x */
    NOTIFY_EVICTED = 1 << 9,   /* e */
    NOTIFY_STREAM = 1 << 10,   /* t */
    NOTIFY_KEY_MISS = 1 << 11, /* m */
    NOTIFY_MODULE = 1 << 12,   /* d */
    NOTIFY_NEW = 1 << 13,      /* n */
    NOTIFY_ALL = NOTIFY_GENERIC | NOTIFY_STRING | NOTIFY_LIST | NOTIFY_SET | NOTIFY_HASH | NOTIFY_ZSET |
                 NOTIFY_EXPIRED | NOTIFY_EVICTED | NOTIFY_STREAM | NOTIFY_MODULE,
};

/* Reads notify-keyspace-events' letters; false for a letter that is none. */
bool notify_mask_parse(struct slice letters, uint32_t *mask);
enum { NOTIFY_TEXT_MAX = 16 };
/* Writes the letters as CONFIG GET shows them; returns how many. */
size_t notify_mask_format(uint32_t mask, char out[NOTIFY_TEXT_MAX]);

struct engine_settings {
    uint64_t proto_max_bulk_len;                         /* 512 MiB */
    uint32_t notify_mask;                                /* 0: off */
    int64_t slowlog_slower_than_us;                      /* 10000; negative: off */
    uint32_t slowlog_max_len;                            /* 128 */
    uint64_t slowlog_args_max;                           /* 32: of an entry of the command log, */
    uint64_t slowlog_arg_bytes_max;                      /* 128: and of each of them */
    int64_t large_request_bytes, large_reply_bytes;      /* 1 MiB; larger ones are noted (COMMANDLOG); negative: off */
    uint32_t large_request_max_len, large_reply_max_len; /* 128 */
    int64_t script_busy_ms;   /* 5000: after that long others are told that a script is running; 0: never */
    bool active_expire;       /* true; DEBUG SET-ACTIVE-EXPIRE */
    bool lazy_expire_deletes; /* true; false on a replica: expired keys are absent but stay */
    bool never_expire;        /* false; while a log is replayed: keys that are past their time are there */
    bool lru_clock_lfu;       /* entry clocks hold a frequency; follows from the policy */
    bool clock_adaptive;      /* with lru_clock_lfu: frequency and place in time of allkeys-adaptive */
    bool enable_debug_command;
    uint32_t auth_failure_limit;             /* failed logins that an address has in a minute; 0: any number */
    bool replica;                            /* false; HELLO says so */
    uint32_t lfu_log_factor, lfu_decay_time; /* 10, 1 */
    bool latency_tracking;                   /* true: keep a histogram for each command */
    int64_t latency_threshold_ms;            /* slower events are noted; 0: none */
    int64_t command_time_limit_ms;           /* 0: none (exec_breathe()) */
    int64_t slice_us;                        /* 500: how long a long command runs before others do */
    uint64_t tracking_table_max_keys;        /* 1000000; 0: no limit */
    uint64_t maxmemory;                      /* bytes; 0: no limit */
    uint32_t maxmemory_policy;               /* enum evict_policy (engine/evict.h) */
    uint32_t maxmemory_samples;              /* 5 */
    uint32_t maxmemory_eviction_tenacity;    /* 10 */
    size_t hll_sparse_max_bytes;             /* 3000 */
    struct value_limits limits;              /* encodings' thresholds */
};

struct engine_settings *engine_settings(struct engine *e);
void engine_settings_changed(struct engine *e);

/* The default user's password; empty: none is asked for. Copied. */
void engine_set_password(struct engine *e, struct slice password);
struct slice engine_password(const struct engine *e);

#endif
