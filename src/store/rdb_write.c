/* store/rdb_write.c - records, strings and the second stage. Values are in rdb_value.c. */
#include "store/rdb_write.h"

#include "base/crc64.h"
#include "base/mem.h"
#include "base/number.h"
#include "store/rdb_write_priv.h"

#include <liblzf/lzf.h>
#include <stdio.h>

enum { BLOB_REF_MIN = 4096 };

void
rdb_chunk_reset(struct rdb_chunk *c)
{
    for (size_t i = 0; i < c->mark_count; i++)
        blob_drop(c->marks[i].blob);
    buf_reset(&c->bytes);
    c->mark_count = 0;
    c->blob_bytes = c->keys = 0;
    c->plain = false;
}

void
rdb_chunk_fini(struct rdb_chunk *c)
{
    rdb_chunk_reset(c);
    buf_fini(&c->bytes);
    mem_free(c->marks);
    *c = (struct rdb_chunk){0};
}

static void
add_mark(struct rdb_chunk *c, struct rdb_mark m)
{
    if (c->mark_count == c->mark_cap) {
        c->mark_cap = c->mark_cap == 0 ? 64 : 2 * c->mark_cap;
        c->marks = mem_resize(c->marks, c->mark_cap * sizeof(*c->marks));
    }
    c->marks[c->mark_count++] = m;
}

void
rdb__mark_block(struct rdb_chunk *c, size_t at, size_t len)
{
    add_mark(c, (struct rdb_mark){.at = at, .len = len});
}

/* -- records --------------------------------------------------------------------------------------------------- */

void
rdb_put_byte(struct rdb_chunk *c, unsigned byte)
{
    buf_add_char(&c->bytes, (char)byte);
}

void
rdb_put_len(struct rdb_chunk *c, uint64_t len)
{
    buf_advance(&c->bytes, rdb_format_len((unsigned char *)buf_room(&c->bytes, 9), len));
}

/* A text of up to 11 bytes that is an integer of 32 bits takes five at most. */
static bool
put_int_text(struct rdb_chunk *c, struct slice s)
{
    unsigned char out[5];
    int64_t v;

    if (s.len == 0 || s.len > 11 || (s.ptr[0] != '-' && (s.ptr[0] < '0' || s.ptr[0] > '9')) || !parse_int64(s, &v) ||
        v != (int32_t)v)
        return false;
    unsigned bytes = v == (int8_t)v ? 1 : v == (int16_t)v ? 2 : 4;
    out[0] = (unsigned char)(RDB_LEN_SPECIAL << 6 | (bytes == 1 ? RDB_INT8 : bytes == 2 ? RDB_INT16 : RDB_INT32));
    store_le(out + 1, (uint64_t)v, bytes);
    buf_add(&c->bytes, out, 1 + bytes);
    return true;
}

void
rdb_put_string(struct rdb_chunk *c, struct slice s)
{
    if (put_int_text(c, s))
        return;
    if (s.len >= RDB_COMPRESS_MIN && !c->plain)
        add_mark(c, (struct rdb_mark){.at = c->bytes.len, .len = s.len});
    else
        rdb_put_len(c, s.len);
    buf_add_slice(&c->bytes, s);
}

/* A string value; a large one by reference. */
void
rdb__put_string_value(struct rdb_chunk *c, struct entry *e)
{
    char text[STRING_TEXT_MAX];
    struct slice s = string_get(e, text);
    struct blob *b = s.len >= BLOB_REF_MIN ? string_blob(e) : NULL;

    if (b == NULL) {
        rdb_put_string(c, s);
        return;
    }
    add_mark(c, (struct rdb_mark){.at = c->bytes.len, .len = s.len, .blob = b});
    c->blob_bytes += s.len;
}

void
rdb_put_raw(struct rdb_chunk *c, struct entry *e)
{
    char text[STRING_TEXT_MAX];
    struct slice s = string_get(e, text);
    struct blob *b = s.len >= BLOB_REF_MIN ? string_blob(e) : NULL;

    if (b == NULL) {
        buf_add_slice(&c->bytes, s);
        return;
    }
    add_mark(c, (struct rdb_mark){.at = c->bytes.len, .len = s.len, .blob = b, .raw = true});
    c->blob_bytes += s.len;
}

void
rdb_put_magic(struct rdb_chunk *c, int version)
{
    buf_printf(&c->bytes, "REDIS%04d", version);
}

void
rdb_put_aux(struct rdb_chunk *c, struct slice name, struct slice value)
{
    rdb_put_byte(c, RDB_AUX);
    rdb_put_string(c, name);
    rdb_put_string(c, value);
}

void
rdb_put_aux_int(struct rdb_chunk *c, struct slice name, int64_t value)
{
    char text[INT64_TEXT_MAX];

    rdb_put_aux(c, name, slice_of(text, format_int64(text, value)));
}

void
rdb_put_db(struct rdb_chunk *c, int index, size_t keys, size_t expiring)
{
    rdb_put_byte(c, RDB_SELECT);
    rdb_put_len(c, (uint64_t)index);
    rdb_put_byte(c, RDB_RESIZE);
    rdb_put_len(c, keys);
    rdb_put_len(c, expiring);
}

void
rdb_put_eof(struct rdb_chunk *c)
{
    rdb_put_byte(c, RDB_EOF);
}

/* -- second stage ---------------------------------------------------------------------------------------------- */

/* A string that may get shorter. What does not get shorter by four bytes at least stays as it is. */
static void
pack_string(struct buf *out, struct slice s, bool compress)
{
    unsigned char head[20];

    if (compress && s.len >= RDB_COMPRESS_MIN && s.len < INT32_MAX) {
        size_t most = s.len - 4;
        /* The lengths come first but are known last: keep room for the longest form, then close the gap. */
        char *room = buf_room(out, 19 + most);
        unsigned packed = lzf_compress(s.ptr, (unsigned)s.len, room + 19, (unsigned)most);
        if (packed > 0) {
            head[0] = RDB_LEN_SPECIAL << 6 | RDB_LZF;
            size_t n = 1 + rdb_format_len(head + 1, packed);
            n += rdb_format_len(head + n, s.len);
            memcpy(room, head, n);
            memmove(room + n, room + 19, packed);
            buf_advance(out, n + packed);
            return;
        }
    }
    buf_add(out, head, rdb_format_len(head, s.len));
    buf_add_slice(out, s);
}

void
rdb_pack(struct rdb_packer *p, const struct rdb_chunk *c, struct buf *out)
{
    size_t from = out->len, at = 0;

    for (size_t i = 0; i < c->mark_count; i++) {
        const struct rdb_mark *m = &c->marks[i];
        const char *bytes = m->blob != NULL ? m->blob->data : c->bytes.ptr + m->at;
        buf_add(out, c->bytes.ptr + at, m->at - at);
        if (m->raw)
            buf_add(out, bytes, m->len);
        else
            pack_string(out, slice_of(bytes, m->len), p->compress);
        at = m->at + (m->blob != NULL ? 0 : m->len);
    }
    if (c->bytes.len > at)
        buf_add(out, c->bytes.ptr + at, c->bytes.len - at);
    if (p->checksum)
        p->crc = crc64(p->crc, slice_of(out->ptr + from, out->len - from));
}

void
rdb_pack_final(struct rdb_packer *p, const struct rdb_chunk *c)
{
    if (p->checksum)
        p->crc = crc64(p->crc, buf_slice(&c->bytes));
}

void
rdb_pack_end(struct rdb_packer *p, struct buf *out)
{
    unsigned char sum[8];

    store_le(sum, p->checksum ? p->crc : 0, 8);
    buf_add(out, sum, sizeof(sum));
}
