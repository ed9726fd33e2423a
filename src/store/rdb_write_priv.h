/* store/rdb_write_priv.h - between rdb_write.c and rdb_value.c. */
#ifndef SORREL_STORE_RDB_WRITE_PRIV_H
#define SORREL_STORE_RDB_WRITE_PRIV_H

#include "store/rdb_write.h"

/* A string value; a large one by reference. */
void rdb__put_string_value(struct rdb_chunk *c, struct entry *e);
/* The last `len` bytes of the chunk, from `at` on, are a string whose length has not been written: mark them. */
void rdb__mark_block(struct rdb_chunk *c, size_t at, size_t len);

#endif
