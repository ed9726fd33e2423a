/* store/aof_value.h - values as the commands that make them: the base of a log with `aof-use-rdb-preamble no`.
 *
 * Everything redis-server 7.0 has is written in commands that it knows, some elements in each. What no plain command
 * can make again (deadlines of members, JSON, pending entries of a stream that are gone from it) is a RESTORE.
 */
#ifndef SORREL_STORE_AOF_VALUE_H
#define SORREL_STORE_AOF_VALUE_H

#include "store/rdb_write.h"

/* One command in the format of the log. */
void aof_put_count(struct buf *out, char mark, uint64_t n);
void aof_put_arg(struct buf *out, struct slice arg);
void aof_put_command(struct buf *out, const struct slice *argv, int argc);

void aof_put_select(struct rdb_chunk *c, int db);
/* Libraries of functions, given as records of an RDB file. */
void aof_put_libraries(struct rdb_chunk *c, struct slice records);
/* As rdb_put_key() and rdb_put_value(). */
void aof_put_key(struct rdb_chunk *c, struct rdb_value *v, struct entry *e);
bool aof_put_value(struct rdb_chunk *c, struct rdb_value *v, size_t budget);

#endif
