/* store/packs.c - see packs.h. */
#include "store/packs.h"

#include "store/listpack.h"
#include "store/rdb.h"

static enum pack_next
bad(struct pack_cursor *c, const char *why)
{
    c->why = why;
    return PACK_BAD;
}

static enum pack_next
item_int(struct pack_item *out, int64_t v)
{
    out->is_int = true;
    out->i = v;
    out->s = slice_of(out->text, format_int64(out->text, v));
    return PACK_ITEM;
}

static enum pack_next
item_text(struct pack_item *out, const unsigned char *p, size_t len)
{
    out->is_int = false;
    out->s = slice_of(p, len);
    return PACK_ITEM;
}

static int64_t
signed_le(const unsigned char *p, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;

    return (int64_t)(load_le(p, bytes) << shift) >> shift;
}

static size_t
left(const struct pack_cursor *c)
{
    return (size_t)(c->end - c->p);
}

/* -- listpack -------------------------------------------------------------------------------------------------- */

static bool
open_listpack(struct pack_cursor *c, struct slice b)
{
    if (b.len < LISTPACK_HEAD + 1 || load_le(b.ptr, 4) != b.len) {
        c->why = "a listpack's length is not its own";
        return false;
    }
    c->p += LISTPACK_HEAD;
    uint64_t count = load_le(b.ptr + 4, 2);
    c->want = count == LISTPACK_COUNT_MAX ? SIZE_MAX : count;
    return true;
}

/* An element at p of head, body and length behind; *body says where the text begins. */
static enum pack_next
listpack_element(struct pack_cursor *c, struct pack_item *out, size_t *size)
{
    const unsigned char *p = c->p;
    size_t n = left(c), head, body;
    unsigned b = p[0];

    if (b < 0x80) {
        *size = 1;
        return item_int(out, (int64_t)b);
    }
    if (b >= 0xf1 && b <= 0xf4) {
        unsigned bytes = b == 0xf4 ? 8 : b - 0xef;
        if (n < 1 + (size_t)bytes)
            return bad(c, "a listpack's integer is cut");
        *size = 1 + bytes;
        return item_int(out, signed_le(p + 1, bytes));
    }
    if ((b >= 0xc0 && b < 0xf0 && n < 2) || (b == 0xf0 && n < 5) || b > 0xf4)
        return bad(c, "a listpack's element is cut or of no known kind");
    if (b >= 0xc0 && b < 0xe0) {
        *size = 2;
        unsigned v = (b & 0x1f) << 8 | p[1];
        return item_int(out, (int64_t)(v >= 4096 ? (int)v - 8192 : (int)v));
    }
    if (b < 0xc0) {
        head = 1;
        body = b & 0x3f;
    } else if (b < 0xf0) {
        head = 2;
        body = (size_t)(b & 0x0f) << 8 | p[1];
    } else {
        head = 5;
        body = load_le(p + 1, 4);
    }
    if (body > n - head)
        return bad(c, "a listpack's text is longer than the listpack");
    *size = head + body;
    return item_text(out, p + head, body);
}

static enum pack_next
next_listpack(struct pack_cursor *c, struct pack_item *out)
{
    unsigned char back[5];
    size_t size;

    if (left(c) == 0)
        return bad(c, "a listpack has no end mark");
    if (c->p[0] == LISTPACK_END) {
        if (left(c) != 1)
            return bad(c, "a listpack ends before its end");
        return c->want == SIZE_MAX || c->want == c->count ? PACK_END : bad(c, "a listpack's count is wrong");
    }
    if (listpack_element(c, out, &size) == PACK_BAD)
        return PACK_BAD;
    c->p += size;
    size_t n = listpack_back_len(size, back);
    if (n > left(c) || memcmp(c->p, back, n) != 0)
        return bad(c, "a listpack's element has two lengths");
    c->p += n;
    c->count++;
    return PACK_ITEM;
}

/* -- ziplist --------------------------------------------------------------------------------------------------- */

enum { ZIPLIST_HEAD = 10, ZIPLIST_END = 0xff, ZIPLIST_PREV_WIDE = 0xfe };

static bool
open_ziplist(struct pack_cursor *c, struct slice b)
{
    if (b.len < ZIPLIST_HEAD + 1 || load_le(b.ptr, 4) != b.len) {
        c->why = "a ziplist's length is not its own";
        return false;
    }
    c->tail = load_le(b.ptr + 4, 4);
    uint64_t count = load_le(b.ptr + 8, 2);
    c->want = count == 65535 ? SIZE_MAX : count;
    c->p += ZIPLIST_HEAD;
    c->last_at = ZIPLIST_HEAD;
    return true;
}

/* The element after its length of the previous one; p is moved behind it. */
static enum pack_next
ziplist_element(struct pack_cursor *c, struct pack_item *out)
{
    const unsigned char *p = c->p;
    size_t n = left(c), head, body;
    unsigned b = n > 0 ? p[0] : ZIPLIST_END;
    unsigned bytes = b == 0xc0 ? 2 : b == 0xd0 ? 4 : b == 0xe0 ? 8 : b == 0xf0 ? 3 : b == 0xfe ? 1 : 0;

    if (bytes > 0) {
        if (n < 1 + (size_t)bytes)
            return bad(c, "a ziplist's integer is cut");
        c->p += 1 + bytes;
        return item_int(out, signed_le(p + 1, bytes));
    }
    if (b >= 0xf1 && b <= 0xfd) {
        c->p += 1;
        return item_int(out, (int64_t)b - 0xf1);
    }
    if ((b >= 0x40 && b < 0x80 && n < 2) || (b == 0x80 && n < 5) || b > 0x80)
        return bad(c, "a ziplist's element is cut or of no known kind");
    if (b < 0x40) {
        head = 1;
        body = b;
    } else if (b < 0x80) {
        head = 2;
        body = (size_t)(b & 0x3f) << 8 | p[1];
    } else {
        head = 5;
        body = load_be32(p + 1);
    }
    if (body > n - head)
        return bad(c, "a ziplist's text is longer than the ziplist");
    c->p += head + body;
    return item_text(out, p + head, body);
}

static enum pack_next
next_ziplist(struct pack_cursor *c, struct pack_item *out)
{
    const unsigned char *from = c->p;
    size_t prev, n = left(c);

    if (n == 0)
        return bad(c, "a ziplist has no end mark");
    if (*c->p == ZIPLIST_END) {
        if (n != 1)
            return bad(c, "a ziplist ends before its end");
        if (c->tail != c->last_at)
            return bad(c, "a ziplist's last element is elsewhere");
        return c->want == SIZE_MAX || c->want == c->count ? PACK_END : bad(c, "a ziplist's count is wrong");
    }
    if (*c->p == ZIPLIST_PREV_WIDE && n < 5)
        return bad(c, "a ziplist's element is cut");
    if (*c->p == ZIPLIST_PREV_WIDE) {
        prev = load_le(c->p + 1, 4);
        c->p += 5;
    } else {
        prev = *c->p++;
    }
    if (prev != c->last_len)
        return bad(c, "a ziplist's element has two lengths");
    if (ziplist_element(c, out) == PACK_BAD)
        return PACK_BAD;
    c->last_at = (size_t)(from - c->start);
    c->last_len = (size_t)(c->p - from);
    c->count++;
    return PACK_ITEM;
}

/* -- zipmap ---------------------------------------------------------------------------------------------------- */

static bool
open_zipmap(struct pack_cursor *c, struct slice b)
{
    if (b.len < 2) {
        c->why = "a zipmap is cut";
        return false;
    }
    unsigned fields = (unsigned char)b.ptr[0];
    c->want = fields >= 254 ? SIZE_MAX : 2 * (size_t)fields;
    c->p++;
    return true;
}

/* Fields and values in turn; a value has a byte that says how many unused ones follow it. */
static enum pack_next
next_zipmap(struct pack_cursor *c, struct pack_item *out)
{
    size_t len, n = left(c), head = 1, unused = 0;
    bool is_value = c->count % 2 == 1;

    if (n == 0)
        return bad(c, "a zipmap has no end mark");
    if (*c->p == 0xff) {
        if (n != 1 || is_value)
            return bad(c, "a zipmap ends before its end");
        return c->want == SIZE_MAX || c->want == c->count ? PACK_END : bad(c, "a zipmap's count is wrong");
    }
    len = *c->p;
    if (len == 254) {
        if (n < 5)
            return bad(c, "a zipmap's element is cut");
        len = load_le(c->p + 1, 4);
        head = 5;
    }
    if (is_value) {
        if (n < head + 1)
            return bad(c, "a zipmap's element is cut");
        unused = c->p[head++];
    }
    if (len > n - head || unused > n - head - len)
        return bad(c, "a zipmap's text is longer than the zipmap");
    (void)item_text(out, c->p + head, len);
    c->p += head + len + unused;
    c->count++;
    return PACK_ITEM;
}

/* -- intset ---------------------------------------------------------------------------------------------------- */

static bool
open_intset(struct pack_cursor *c, struct slice b)
{
    uint64_t width = b.len >= 8 ? load_le(b.ptr, 4) : 0;

    if ((width != 2 && width != 4 && width != 8) || load_le(b.ptr + 4, 4) * width != b.len - 8) {
        c->why = "an intset's length is not its own";
        return false;
    }
    c->width = (unsigned)width;
    c->p += 8;
    return true;
}

static enum pack_next
next_intset(struct pack_cursor *c, struct pack_item *out)
{
    if (left(c) == 0)
        return PACK_END;
    int64_t v = signed_le(c->p, c->width);
    if (c->count > 0 && v <= c->last_int)
        return bad(c, "an intset is not in order");
    c->last_int = v;
    c->p += c->width;
    c->count++;
    return item_int(out, v);
}

/* -- all of them ----------------------------------------------------------------------------------------------- */

bool
pack_open(struct pack_cursor *c, enum pack_form form, struct slice b)
{
    const unsigned char *p = (const unsigned char *)b.ptr;

    *c = (struct pack_cursor){.form = form, .start = p, .p = p, .end = p + b.len};
    switch (form) {
    case PACK_LISTPACK: return open_listpack(c, b);
    case PACK_ZIPLIST: return open_ziplist(c, b);
    case PACK_ZIPMAP: return open_zipmap(c, b);
    default: return open_intset(c, b);
    }
}

enum pack_next
pack_next(struct pack_cursor *c, struct pack_item *out)
{
    switch (c->form) {
    case PACK_LISTPACK: return next_listpack(c, out);
    case PACK_ZIPLIST: return next_ziplist(c, out);
    case PACK_ZIPMAP: return next_zipmap(c, out);
    default: return next_intset(c, out);
    }
}
