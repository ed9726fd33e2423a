/* store/rdb.h - the names of the snapshot format.
 *
 * A snapshot is "REDIS" and four digits (or "VALKEY" and three), then records, each with an opcode or, for a key, the
 * type of its value in front; then RDB_EOF and, from version 5 on, eight bytes of CRC-64. Numbers: `length` (1 to 9
 * bytes) and strings, see value/rdb_string.h. Sources: public descriptions of the format and the files of redis-server.
 */
#ifndef SORREL_STORE_RDB_H
#define SORREL_STORE_RDB_H

#include "value/rdb_string.h"

enum rdb_type {
    RDB_STRING = 0,
    RDB_LIST = 1,
    RDB_SET = 2,
    RDB_ZSET = 3, /* scores as text */
    RDB_HASH = 4,
    RDB_ZSET_2 = 5, /* scores in binary */
    RDB_MODULE = 6,
    RDB_MODULE_2 = 7,
    RDB_HASH_ZIPMAP = 9,
    RDB_LIST_ZIPLIST = 10,
    RDB_SET_INTSET = 11,
    RDB_ZSET_ZIPLIST = 12,
    RDB_HASH_ZIPLIST = 13,
    RDB_LIST_QUICKLIST = 14, /* ziplists */
    RDB_STREAM = 15,
    RDB_HASH_LISTPACK = 16,
    RDB_ZSET_LISTPACK = 17,
    RDB_LIST_QUICKLIST_2 = 18, /* listpacks and plain elements */
    RDB_STREAM_2 = 19,
    RDB_SET_LISTPACK = 20,
    RDB_STREAM_3 = 21,
    RDB_HASH_EXPIRES_VALKEY = 22, /* with Valkey's magic; else a form that no release wrote */
    RDB_HASH_EXPIRES = 24,
    RDB_HASH_EXPIRES_LISTPACK = 25,
    RDB_TYPES = 26,
    /* Ours, in dumped values only, before the type: see rdb_extra.h. */
    RDB_DEADLINES = 200,
    RDB_MESSAGES = 201,
};

enum rdb_opcode {
    RDB_SLOT_INFO = 244,
    RDB_FUNCTION = 245,
    RDB_FUNCTION_OLD = 246,
    RDB_MODULE_AUX = 247,
    RDB_IDLE = 248,
    RDB_FREQ = 249,
    RDB_AUX = 250,
    RDB_RESIZE = 251,
    RDB_EXPIRE_MS = 252,
    RDB_EXPIRE_S = 253,
    RDB_SELECT = 254,
    RDB_EOF = 255,
};

/* A JSON document is a value of the module type "ReJSON-RL", version 3: its text as one string between these. */
#define RDB_JSON_ID UINT64_C(0x45e25238df912c03)
enum rdb_module_part { RDB_PART_END = 0, RDB_PART_STRING = 5 };

enum rdb_container { RDB_NODE_PLAIN = 1, RDB_NODE_PACKED = 2 };

#endif
