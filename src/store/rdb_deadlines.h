/* store/rdb_deadlines.h - deadlines of members in snapshots and dumped values.
 *
 * Hashes have them in the forms of Redis 7.4 (types 24 and 25). No other server knows them for sets and sorted sets, whose
 * values are therefore written as ever, so that every server can load them, and their deadlines in front:
 *
 *   in a snapshot       one or more RDB_AUX records named "sorrel-deadlines", directly before what belongs to the key
 *                       (before its expiry); loaders that do not know the name skip them, and the members live on
 *   in a dumped value   the byte RDB_DEADLINES and one string, then type and value; others refuse that
 *
 * Either string is a row of: deadline (8 bytes, little-endian, unix time in milliseconds), member (a string as in the
 * rest of the file).
 */
#ifndef SORREL_STORE_RDB_DEADLINES_H
#define SORREL_STORE_RDB_DEADLINES_H

#include "store/rdb_build.h"
#include "store/rdb_write.h"

#define RDB_DEADLINES_AUX LIT("sorrel-deadlines")

/* A set or sorted set whose deadlines must be written beside it. */
bool rdb_deadlines_apart(const struct entry *e);
/* Writes records until all are out (true) or about `budget` bytes are. `it` begins all-zero. */
bool rdb_put_deadlines_aux(struct rdb_chunk *c, const struct entry *e, struct zset_iter *it, size_t budget);
void rdb_put_deadlines_type(struct rdb_chunk *c, const struct entry *e);

/* Takes in such a string; its members must turn up in the value that is built next. */
enum rdb_got rdb_take_deadlines(struct rdb_build *b, struct rdb_input *in, struct slice row);
/* One deadline of the value that is being built. */
enum rdb_got rdb_add_deadline(struct rdb_build *b, struct rdb_input *in, struct slice member, uint64_t at_ms);
/* Gives the finished value its deadlines. */
enum rdb_got rdb_attach_deadlines(struct rdb_build *b, struct rdb_input *in);

#endif
