/* store/rdb_write.h - from values to the bytes of a snapshot, in two stages.
 *
 * The first stage walks a value and puts plain bytes and marks into a struct rdb_chunk; it touches the dataset and runs
 * where that belongs. A mark is a string whose bytes may be compressed, or a large one that is only referred to (with a
 * hold on its blob). The second stage, rdb_pack(), turns chunks into the bytes of the file: it compresses and
 * checksums, and may run on another thread.
 *
 * Everything is written in the oldest version that can hold it (10: redis 7.0; 12, redis 7.4, when there are fields
 * that expire), small collections in their packed forms.
 */
#ifndef SORREL_STORE_RDB_WRITE_H
#define SORREL_STORE_RDB_WRITE_H

#include "base/buf.h"
#include "store/rdb.h"
#include "value/entry.h"
#include "value/hash.h"
#include "value/list.h"
#include "value/set.h"
#include "value/stream.h"
#include "value/zset.h"

struct rdb_mark {
    size_t at; /* the string goes there; without blob its bytes are the `len` ones from there on */
    size_t len;
    struct blob *blob; /* NULL: in the chunk itself */
    bool raw;          /* the bytes alone, without their length */
};

struct rdb_chunk {
    struct buf bytes;
    struct rdb_mark *marks;
    size_t mark_count, mark_cap;
    size_t blob_bytes; /* of all blobs referred to */
    size_t keys;       /* begun in this chunk, for progress */
    bool plain;        /* strings are not to be compressed: they need no marks */
};

void rdb_chunk_reset(struct rdb_chunk *c); /* drops the blobs, keeps the memory */
void rdb_chunk_fini(struct rdb_chunk *c);
static inline size_t
rdb_chunk_size(const struct rdb_chunk *c)
{
    return c->bytes.len + c->blob_bytes + c->mark_count * sizeof(*c->marks);
}

/* -- records --------------------------------------------------------------------------------------------------- */

void rdb_put_byte(struct rdb_chunk *c, unsigned byte);
void rdb_put_len(struct rdb_chunk *c, uint64_t len);
void rdb_put_string(struct rdb_chunk *c, struct slice s);
/* The bytes of a string value as they are; large ones by reference. */
void rdb_put_raw(struct rdb_chunk *c, struct entry *e);
void rdb_put_magic(struct rdb_chunk *c, int version);
void rdb_put_aux(struct rdb_chunk *c, struct slice name, struct slice value);
void rdb_put_aux_int(struct rdb_chunk *c, struct slice name, int64_t value);
void rdb_put_db(struct rdb_chunk *c, int index, size_t keys, size_t expiring);
void rdb_put_eof(struct rdb_chunk *c); /* the checksum that follows is rdb_pack_end()'s */

/* How the eviction clock of a key is saved: not at all, as idle seconds (LRU), or as a frequency. */
enum rdb_clock { RDB_CLOCK_NONE, RDB_CLOCK_IDLE, RDB_CLOCK_FREQ };

/* -- values, in steps ------------------------------------------------------------------------------------------ */

/* A value that is being written. The entry must not change until it is done. */
struct rdb_value {
    struct entry *entry;
    int stage;
    enum rdb_clock clock; /* to be written with the key, after its members' deadlines */
    uint64_t clock_value;
    size_t left, node; /* elements still to come, and of the current node */
    size_t nodes;
    union {
        struct hash_iter hash;
        struct set_iter set;
        struct zset_iter zset;
        struct list_iter list;
        struct stream_iter stream;
    } it;
    struct { /* in a stream's groups */
        size_t group, consumer, pending;
    } at;
};

/* Opcodes for expiry and clock, type and key; then the value follows. clock_value: seconds or frequency. */
void rdb_put_key(struct rdb_chunk *c, struct rdb_value *v, struct entry *e, enum rdb_clock clock, uint64_t clock_value);
/* Both at once for a string, which needs no steps. */
void rdb_put_string_key(struct rdb_chunk *c, struct entry *e, enum rdb_clock clock, uint64_t clock_value);
/* The version that a value needs. */
int rdb_version_of(const struct entry *e);
/* As in a dumped value: type, then what follows. */
void rdb_put_type(struct rdb_chunk *c, struct rdb_value *v, struct entry *e);
/* Writes on until the value is complete (true) or about `budget` bytes have been looked at. */
bool rdb_put_value(struct rdb_chunk *c, struct rdb_value *v, size_t budget);

/* -- second stage ---------------------------------------------------------------------------------------------- */

struct rdb_packer {
    bool compress, checksum;
    uint64_t crc;
};
/* A chunk without marks is what will be in the file already: only its checksum is to be added. */
static inline bool
rdb_chunk_is_final(const struct rdb_chunk *c)
{
    return c->mark_count == 0;
}
void rdb_pack_final(struct rdb_packer *p, const struct rdb_chunk *c);
/* Appends the chunk's final bytes to out. */
void rdb_pack(struct rdb_packer *p, const struct rdb_chunk *c, struct buf *out);
/* The checksum behind RDB_EOF; zero when there is none. */
void rdb_pack_end(struct rdb_packer *p, struct buf *out);

#endif
