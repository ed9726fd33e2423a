/* store/rdb_extra.h - what the types of the format have no room for, in snapshots and dumped values.
 *
 * Deadlines of members: hashes have them in the forms of Redis 7.4 (types 24 and 25); no other server knows them for
 * sets and sorted sets. What producers have sent to a stream (value/stream_idmp.h): the types that Redis 7 reads do not
 * have it. So these values are written as ever, that every server can load them, and the extra in front:
 *
 *   in a snapshot       one or more RDB_AUX records of the name given below, directly before what belongs to the key
 * (before its expiry); loaders that do not know the name skip them: the members live on, the messages are forgotten in
 * a dumped value   a byte, RDB_DEADLINES or RDB_MESSAGES, and one string, then type and value; others refuse that
 *
 * The string of deadlines is a row of: deadline (8 bytes, little-endian, unix time in milliseconds), member (a string
 * as in the rest of the file). That of messages is what stream_idmp_save() gives.
 */
#ifndef SORREL_STORE_RDB_EXTRA_H
#define SORREL_STORE_RDB_EXTRA_H

#include "store/rdb_build.h"
#include "store/rdb_write.h"

#define RDB_DEADLINES_AUX LIT("sorrel-deadlines")
#define RDB_MESSAGES_AUX  LIT("sorrel-stream-idmp")

/* A set or sorted set whose deadlines must be written beside it. */
bool rdb_deadlines_apart(const struct entry *e);
/* Writes records until all are out (true) or about `budget` bytes are. `it` begins all-zero. */
bool rdb_put_deadlines_aux(struct rdb_chunk *c, const struct entry *e, struct zset_iter *it, size_t budget);
/* A stream's messages, if it has had to do with any. */
void rdb_put_messages_aux(struct rdb_chunk *c, struct entry *e);
/* Either, in front of a dumped value that needs it. */
void rdb_put_extra(struct rdb_chunk *c, struct entry *e);

/* Takes in the string of such a record; the value that is built next must be one that can have it. */
enum rdb_got rdb_take_deadlines(struct rdb_build *b, struct rdb_input *in, struct slice row);
enum rdb_got rdb_take_messages(struct rdb_build *b, struct slice bytes);
/* The same from the front of a dumped value, if there is any. */
enum rdb_got rdb_get_extra(struct rdb_build *b, struct rdb_input *in);
/* One deadline of the value that is being built. */
enum rdb_got rdb_add_deadline(struct rdb_build *b, struct rdb_input *in, struct slice member, uint64_t at_ms);
/* Gives the finished value what is its own. */
enum rdb_got rdb_attach_extra(struct rdb_build *b, struct rdb_input *in);

#endif
