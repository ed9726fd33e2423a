/* store/listpack.c - see listpack.h. */
#include "store/listpack.h"

#include "base/number.h"
#include "store/rdb.h"

struct listpack
listpack_begin(struct buf *out)
{
    struct listpack lp = {out, out->len, 0};

    memset(buf_room(out, LISTPACK_HEAD), 0, LISTPACK_HEAD);
    buf_advance(out, LISTPACK_HEAD);
    return lp;
}

size_t
listpack_back_len(size_t len, unsigned char out[5])
{
    /* The bounds are not quite those of 7, 14, 21 and 28 bits: that is how the format came to be. */
    size_t n = len <= 127 ? 1 : len < 16383 ? 2 : len < 2097151 ? 3 : len < 268435455 ? 4 : 5;

    for (size_t i = n; i-- > 0; len >>= 7)
        out[i] = (unsigned char)((len & 127) | (i > 0 ? 128 : 0));
    return n;
}

static void
add_element(struct listpack *lp, const unsigned char *head, size_t head_len, struct slice body)
{
    unsigned char back[5];

    buf_add(lp->out, head, head_len);
    buf_add_slice(lp->out, body);
    buf_add(lp->out, back, listpack_back_len(head_len + body.len, back));
    lp->count++;
}

void
listpack_add_int(struct listpack *lp, int64_t v)
{
    unsigned char h[9];
    size_t n;

    if (v >= 0 && v <= 127) {
        h[0] = (unsigned char)v;
        n = 1;
    } else if (v >= -4096 && v <= 4095) {
        h[0] = (unsigned char)(0xc0 | ((uint64_t)v >> 8 & 0x1f));
        h[1] = (unsigned char)v;
        n = 2;
    } else {
        unsigned bytes = v == (int16_t)v ? 2 : v >= -(1 << 23) && v < 1 << 23 ? 3 : v == (int32_t)v ? 4 : 8;
        h[0] = (unsigned char)(bytes == 8 ? 0xf4 : 0xef + bytes);
        store_le(h + 1, (uint64_t)v, bytes);
        n = 1 + bytes;
    }
    add_element(lp, h, n, (struct slice){NULL, 0});
}

void
listpack_add(struct listpack *lp, struct slice s)
{
    unsigned char h[5];
    int64_t v;
    size_t n;

    if (s.len > 0 && s.len < INT64_TEXT_MAX && (s.ptr[0] == '-' || (s.ptr[0] >= '0' && s.ptr[0] <= '9')) &&
        parse_int64(s, &v)) {
        listpack_add_int(lp, v);
        return;
    }
    if (s.len < 64) {
        h[0] = (unsigned char)(0x80 | s.len);
        n = 1;
    } else if (s.len < 4096) {
        h[0] = (unsigned char)(0xe0 | s.len >> 8);
        h[1] = (unsigned char)s.len;
        n = 2;
    } else {
        h[0] = 0xf0;
        store_le(h + 1, s.len, 4);
        n = 5;
    }
    add_element(lp, h, n, s);
}

void
listpack_add_score(struct listpack *lp, double score)
{
    char text[DOUBLE_TEXT_MAX];

    listpack_add(lp, slice_of(text, format_double(text, score)));
}

void
listpack_end(struct listpack *lp)
{
    buf_add_char(lp->out, (char)LISTPACK_END);
    char *head = lp->out->ptr + lp->start;
    CHECK(listpack_bytes(lp) <= UINT32_MAX);
    store_le(head, listpack_bytes(lp), 4);
    store_le(head + 4, lp->count < LISTPACK_COUNT_MAX ? lp->count : LISTPACK_COUNT_MAX, 2);
}
