/* value/rdb_string.c - see rdb_string.h. */
#include "value/rdb_string.h"

#include "base/crc64.h"
#include "base/number.h"

#include <liblzf/lzf.h>

/* Three bytes of LZF make 264 at most. */
enum { LZF_RATIO_MAX = 90, FOOTER = 10 }; /* version (2), checksum (8) */

enum rdb_got
rdb_bad(struct rdb_input *in, const char *why)
{
    in->why = why;
    return RDB_BAD;
}

static size_t
left(const struct rdb_input *in)
{
    return (size_t)(in->end - in->p);
}

enum rdb_got
rdb_get_bytes(struct rdb_input *in, size_t n, const unsigned char **out)
{
    if (left(in) < n)
        return RDB_MORE;
    *out = in->p;
    in->p += n;
    return RDB_GOT;
}

/* A length, or with *special set the kind of a string that follows. */
static enum rdb_got
get_len_or_kind(struct rdb_input *in, uint64_t *len, bool *special)
{
    size_t n = left(in);

    *special = false;
    if (n == 0)
        return RDB_MORE;
    unsigned b = in->p[0];
    switch (b >> 6) {
    case RDB_LEN_6:
        *len = b & 0x3f;
        in->p += 1;
        return RDB_GOT;
    case RDB_LEN_14:
        if (n < 2)
            return RDB_MORE;
        *len = (b & 0x3f) << 8 | in->p[1];
        in->p += 2;
        return RDB_GOT;
    case RDB_LEN_SPECIAL:
        *special = true;
        *len = b & 0x3f;
        in->p += 1;
        return RDB_GOT;
    default: break;
    }
    if (b != RDB_LEN_32 && b != RDB_LEN_64)
        return rdb_bad(in, "a length of no known form");
    size_t wide = b == RDB_LEN_32 ? 5 : 9;
    if (n < wide)
        return RDB_MORE;
    *len = b == RDB_LEN_32 ? load_be32(in->p + 1) : load_be64(in->p + 1);
    in->p += wide;
    return RDB_GOT;
}

enum rdb_got
rdb_get_len(struct rdb_input *in, uint64_t *len)
{
    const unsigned char *from = in->p;
    bool special;

    RDB_TRY(get_len_or_kind(in, len, &special));
    if (special) {
        in->p = from;
        return rdb_bad(in, "a string where a length should be");
    }
    return RDB_GOT;
}

static enum rdb_got
get_lzf(struct rdb_input *in, struct buf *scratch, struct slice *out)
{
    uint64_t packed, full;

    RDB_TRY(rdb_get_len(in, &packed));
    RDB_TRY(rdb_get_len(in, &full));
    if (packed == 0 || full == 0 || full / LZF_RATIO_MAX > packed || full > UINT32_MAX || packed > UINT32_MAX)
        return rdb_bad(in, "a compressed string has impossible lengths");
    if (left(in) < packed)
        return RDB_MORE;
    buf_reset(scratch);
    if (!buf_try_reserve(scratch, full))
        return rdb_bad(in, "there is not enough memory for a string");
    if (lzf_decompress(in->p, (unsigned)packed, scratch->ptr, (unsigned)full) != full)
        return rdb_bad(in, "a compressed string can't be decompressed");
    in->p += packed;
    buf_advance(scratch, full);
    *out = buf_slice(scratch);
    return RDB_GOT;
}

static enum rdb_got
get_string(struct rdb_input *in, struct buf *scratch, struct slice *out)
{
    uint64_t len;
    bool special;

    RDB_TRY(get_len_or_kind(in, &len, &special));
    if (!special) {
        if (left(in) < len)
            return RDB_MORE;
        *out = slice_of(in->p, len);
        in->p += len;
        return RDB_GOT;
    }
    if (len == RDB_LZF)
        return get_lzf(in, scratch, out);
    if (len > RDB_INT32)
        return rdb_bad(in, "a string of no known form");
    unsigned bytes = 1u << len, shift = 64 - 8 * bytes;
    if (left(in) < bytes)
        return RDB_MORE;
    int64_t v = (int64_t)(load_le(in->p, bytes) << shift) >> shift;
    in->p += bytes;
    buf_reset(scratch);
    buf_add_int64(scratch, v);
    *out = buf_slice(scratch);
    return RDB_GOT;
}

enum rdb_got
rdb_get_string(struct rdb_input *in, struct buf *scratch, struct slice *out)
{
    const unsigned char *from = in->p;
    enum rdb_got got = get_string(in, scratch, out);

    if (got == RDB_MORE)
        in->p = from;
    return got;
}

size_t
rdb_format_len(unsigned char out[9], uint64_t len)
{
    if (len < 1 << 6) {
        out[0] = (unsigned char)len;
        return 1;
    }
    if (len < 1 << 14) {
        out[0] = (unsigned char)(RDB_LEN_14 << 6 | len >> 8);
        out[1] = (unsigned char)len;
        return 2;
    }
    if (len <= UINT32_MAX) {
        out[0] = RDB_LEN_32;
        store_be32(out + 1, (uint32_t)len);
        return 5;
    }
    out[0] = RDB_LEN_64;
    store_be64(out + 1, len);
    return 9;
}

/* False if the pulse wants no more of it. */
static bool
checksum(struct slice bytes, struct pulse *pulse, uint64_t *crc)
{
    enum { STEP_BYTES = 1024 };

    *crc = 0;
    for (size_t at = 0; at < bytes.len; at += STEP_BYTES) {
        size_t n = bytes.len - at < STEP_BYTES ? bytes.len - at : STEP_BYTES;
        *crc = crc64(*crc, slice_of(bytes.ptr + at, n));
        if (!pulse_beat(pulse))
            return false;
    }
    return true;
}

bool
rdb_put_footer(struct buf *out, size_t from, int version, struct pulse *pulse)
{
    unsigned char bytes[8];
    uint64_t crc;

    store_le(bytes, (uint64_t)version, 2);
    buf_add(out, bytes, 2);
    if (!checksum(slice_of(out->ptr + from, out->len - from), pulse, &crc))
        return false;
    store_le(bytes, crc, 8);
    buf_add(out, bytes, 8);
    return true;
}

bool
rdb_take_footer(struct slice *payload, int *version, struct pulse *pulse)
{
    struct slice p = *payload;
    uint64_t crc;

    if (p.len < FOOTER)
        return false;
    *version = (int)load_le(p.ptr + p.len - FOOTER, 2);
    bool known = (*version >= 1 && *version <= RDB_VERSION_REDIS_MAX) ||
                 (*version >= RDB_VERSION_VALKEY_MIN && *version <= RDB_VERSION_VALKEY_MAX);
    payload->len -= FOOTER;
    return known && checksum(slice_of(p.ptr, p.len - 8), pulse, &crc) && load_le(p.ptr + p.len - 8, 8) == crc;
}
