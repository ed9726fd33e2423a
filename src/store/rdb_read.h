/* store/rdb_read.h - reading a snapshot as its bytes arrive.
 *
 * The owner asks for room, fills it, and says how much came; complete keys are handed to the owner's handler on the
 * way. Works for files, for the stream of a full synchronisation and for the snapshot at the head of an append-only
 * file: whatever follows the end is left to the owner.
 *
 * Reads versions 1 to 12, and 80 (Valkey). Anything damaged is refused, with offset and reason; memory is spent on what
 * has arrived, never on what is announced.
 */
#ifndef SORREL_STORE_RDB_READ_H
#define SORREL_STORE_RDB_READ_H

#include "base/buf.h"
#include "value/entry.h"
#include "value/limits.h"

struct rdb_key {
    int db;
    unsigned type;        /* enum rdb_type, as in the file */
    int64_t expiry;       /* -1: none */
    int64_t idle_s, freq; /* -1: not told */
};

struct rdb_handler {
    /* Takes the entry, which already has its expiry, in any case. False with a reason to stop. */
    bool (*key)(void *ctx, struct entry *e, const struct rdb_key *k, struct buf *why);
    /* How many keys (and keys that expire) the next database is said to hold: a hint, from outside. May be NULL. */
    void (*sizes)(void *ctx, int db, uint64_t keys, uint64_t expiring);
    /* May be NULL. */
    void (*aux)(void *ctx, struct slice name, struct slice value);
    /* The source of a library of functions. NULL: skipped. */
    bool (*function)(void *ctx, struct slice code, struct buf *why);
    void *ctx;
};

struct rdb_reader;

struct rdb_reader *rdb_reader_new(const struct rdb_handler *h, const struct value_limits *limits);
void rdb_reader_free(struct rdb_reader *r);
/* Whether to check the checksum (rdbchecksum); yes unless told. */
void rdb_reader_set_checksum(struct rdb_reader *r, bool on);

/* Room for n more bytes, valid until the next call. NULL when there is no such memory. */
char *rdb_reader_room(struct rdb_reader *r, size_t n);

enum rdb_progress { RDB_WANTS_MORE, RDB_COMPLETE, RDB_DAMAGED };
/* n bytes have been put there (0 is fine). Goes through what is complete. */
enum rdb_progress rdb_reader_feed(struct rdb_reader *r, size_t n);
/* The input is over though the snapshot is not: sets the reason. */
void rdb_reader_cut(struct rdb_reader *r);

uint64_t rdb_reader_offset(const struct rdb_reader *r); /* of the record that is being read */
uint64_t rdb_reader_keys(const struct rdb_reader *r);   /* read so far */
int rdb_reader_version(const struct rdb_reader *r);     /* 0: not known yet */
/* Why it is damaged, offset included. */
struct slice rdb_reader_why(const struct rdb_reader *r);
/* After the end: bytes that have been fed but belong to somebody else. */
struct slice rdb_reader_rest(const struct rdb_reader *r);

#endif
