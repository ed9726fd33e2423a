/* store/rdb_build.h - from the bytes of one value to a value, trusting none of them.
 *
 * The bytes may come in pieces: a step that does not find its element complete takes nothing and is repeated when there
 * is more. So nothing is allocated for a length that is only claimed: elements are added, through the calls that
 * commands use as well, as they arrive.
 */
#ifndef SORREL_STORE_RDB_BUILD_H
#define SORREL_STORE_RDB_BUILD_H

#include "base/buf.h"
#include "base/pulse.h"
#include "store/rdb.h"
#include "value/entry.h"
#include "value/stream.h"
#include "value/zset.h"

struct rdb_pel { /* of a group that is being read: not yet assigned to a consumer */
    struct stream_id id;
    int64_t delivered_ms;
    uint64_t deliveries;
    bool assigned;
};

struct rdb_build {
    const struct value_limits *limits;
    struct pulse *pulse; /* for every element; NULL: nobody else needs to run */
    bool valkey;         /* type 22 is Valkey's */
    struct buf a, b;     /* scratch for strings */

    unsigned type; /* enum rdb_type */
    int stage;
    uint64_t left;       /* elements or nodes still to come */
    struct entry *entry; /* being built; NULL before the first element */
    struct stream_group *group;
    struct stream_consumer *consumer;
    uint64_t groups_left, consumers_left;
    struct rdb_pel *pel;
    size_t pel_count, pel_cap, pel_assigned;
    struct slice *fields; /* of a stream entry */
    struct pack_item *items;
    size_t fields_cap, items_cap;
    struct zset deadlines; /* of members of the value, or of the one that follows: rdb_extra.h */
    struct buf messages;   /* likewise, of a stream; empty: none */
    uint64_t first_ms;     /* the earliest of a hash's, to which the others are relative */
};

void rdb_build_init(struct rdb_build *b, const struct value_limits *limits);
void rdb_build_fini(struct rdb_build *b);
/* Begins a value of that type (the byte in the file) under a key. False when there is no such type. */
bool rdb_build_begin(struct rdb_build *b, unsigned type, struct slice key, const char **why);
/* RDB_GOT: the value is complete. */
enum rdb_got rdb_build_step(struct rdb_build *b, struct rdb_input *in);
/* The entry, without expiry; NULL if the value has no elements (old servers wrote such, and they are to be left out).
 */
struct entry *rdb_build_take(struct rdb_build *b);
void rdb_build_drop(struct rdb_build *b);

/* -- for rdb_build_stream.c ------------------------------------------------------------------------------------ */
enum rdb_got rdb__build_stream(struct rdb_build *b, struct rdb_input *in);

#endif
