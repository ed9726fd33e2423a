/* value/rdb_string.h - lengths and strings as snapshots, DUMP and FUNCTION DUMP have them, and the end of the latter
 * two.
 *
 * A length takes 1 to 9 bytes; a string is a length and its bytes, or a small integer, or LZF. What is read is trusted
 * in nothing: each call takes what it describes, or nothing at all, and no memory is taken for what is only claimed.
 */
#ifndef SORREL_VALUE_RDB_STRING_H
#define SORREL_VALUE_RDB_STRING_H

#include "base/buf.h"
#include "base/pulse.h"

enum {
    RDB_VERSION_WRITTEN = 10,
    RDB_VERSION_EXPIRES = 12, /* written instead when a hash has fields that expire */
    RDB_VERSION_REDIS_MAX = 12,
    RDB_VERSION_VALKEY_MIN = 80,
    RDB_VERSION_VALKEY_MAX = 80,
    RDB_COMPRESS_MIN = 21, /* shorter strings are not worth trying */
};

/* What the first two bits of a length say; RDB_LEN_SPECIAL in a string's length is followed by the kind in six bits. */
enum { RDB_LEN_6 = 0, RDB_LEN_14 = 1, RDB_LEN_WIDE = 2, RDB_LEN_SPECIAL = 3 };
enum { RDB_LEN_32 = 0x80, RDB_LEN_64 = 0x81 };
enum { RDB_INT8 = 0, RDB_INT16 = 1, RDB_INT32 = 2, RDB_LZF = 3 };

/* Numbers at any address. The machines that Sorrel runs on are little-endian. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are read in place");
static inline uint64_t
load_le(const void *p, unsigned bytes)
{
    uint64_t v = 0;

    memcpy(&v, p, bytes);
    return v;
}

static inline void
store_le(void *p, uint64_t v, unsigned bytes)
{
    memcpy(p, &v, bytes);
}

static inline uint64_t
load_be64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

static inline uint32_t
load_be32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}

static inline void
store_be32(void *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}

static inline void
store_be64(void *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}

/* -- reading --------------------------------------------------------------------------------------------------- */

enum rdb_got { RDB_GOT, RDB_MORE, RDB_BAD };

/* What there is to read. */
struct rdb_input {
    const unsigned char *p, *end;
    const char *why; /* set with RDB_BAD */
};

enum rdb_got rdb_get_bytes(struct rdb_input *in, size_t n, const unsigned char **out);
enum rdb_got rdb_get_len(struct rdb_input *in, uint64_t *len);
/* The string's bytes: in the input, or put together in scratch. */
enum rdb_got rdb_get_string(struct rdb_input *in, struct buf *scratch, struct slice *out);
/* Says why, for the caller to return. */
enum rdb_got rdb_bad(struct rdb_input *in, const char *why);

#define RDB_TRY(call)                   \
    do {                                \
        enum rdb_got try__got = (call); \
        if (try__got != RDB_GOT)        \
            return try__got;            \
    } while (0)

/* -- writing --------------------------------------------------------------------------------------------------- */

/* Returns how many bytes it takes. */
size_t rdb_format_len(unsigned char out[9], uint64_t len);

/* -- dumped values --------------------------------------------------------------------------------------------- */

/* The version and a checksum over all from `from` on. False when the pulse, which may be NULL, wants no more of it. */
bool rdb_put_footer(struct buf *out, size_t from, int version, struct pulse *pulse);
/* Takes the footer off. False if it is not of a version we know, the checksum is wrong, or the pulse wants no more. */
bool rdb_take_footer(struct slice *payload, int *version, struct pulse *pulse);

#endif
