/* proto/reply.c - reply writers. */
#include "proto/reply.h"

#include "base/number.h"

/* A type byte, a number and CR LF: never more. */
enum { HEADER_MAX = 1 + INT64_TEXT_MAX + 2 };

/* What a mark reserves: the header of an aggregate of up to nine elements. */
enum { MARK_RESERVED = 4 };

static inline size_t
write_header(char *p, char type, uint64_t n)
{
    size_t digits = 1;

    p[0] = type;
    if (LIKELY(n < 10)) {
        p[1] = (char)('0' + n);
    } else if (n < 100) {
        p[1] = (char)('0' + n / 10);
        p[2] = (char)('0' + n % 10);
        digits = 2;
    } else {
        digits = format_uint64(p + 1, n);
    }
    p[1 + digits] = '\r';
    p[2 + digits] = '\n';
    return digits + 3;
}

static inline void
put_header(struct reply *r, char type, uint64_t n)
{
    struct buf *b = &r->out->bytes;

    buf_advance(b, write_header(buf_room(b, HEADER_MAX), type, n));
}

static inline void
put_text(struct reply *r, struct slice s)
{
    buf_add(&r->out->bytes, s.ptr, s.len);
}

/* One line whose bytes come from anywhere: what could end it early becomes a blank. */
static void
put_line(struct reply *r, char type, struct slice s)
{
    char *p = buf_room(&r->out->bytes, s.len + 3);

    *p++ = type;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        *p++ = c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
    }
    *p++ = '\r';
    *p = '\n';
    buf_advance(&r->out->bytes, s.len + 3);
}

void
reply_put_simple(struct reply *r, struct slice s)
{
    if (LIKELY(s.len == 2 && s.ptr[0] == 'O' && s.ptr[1] == 'K'))
        put_text(r, LIT("+OK\r\n"));
    else
        put_line(r, '+', s);
}

void
reply_put_error(struct reply *r, struct slice line)
{
    put_line(r, '-', line);
}

void
reply_put_int(struct reply *r, int64_t v)
{
    if (LIKELY(v >= 0)) {
        put_header(r, ':', (uint64_t)v);
        return;
    }
    char *p = buf_room(&r->out->bytes, HEADER_MAX);
    p[0] = ':';
    size_t n = 1 + format_int64(p + 1, v);
    p[n] = '\r';
    p[n + 1] = '\n';
    buf_advance(&r->out->bytes, n + 2);
}

void
reply_put_bulk(struct reply *r, struct slice s)
{
    struct buf *b = &r->out->bytes;
    char *p = buf_room(b, s.len + HEADER_MAX + 2);
    size_t n = write_header(p, '$', s.len);

    if (s.len > 0)
        memcpy(p + n, s.ptr, s.len);
    p[n + s.len] = '\r';
    p[n + s.len + 1] = '\n';
    buf_advance(b, n + s.len + 2);
}

void
reply_put_bulk_ref(struct reply *r, struct slice s, void (*release)(void *), void *owner)
{
    put_header(r, '$', s.len);
    out_add_ref(r->out, s, release, owner);
    put_text(r, LIT("\r\n"));
}

void
reply_put_null(struct reply *r)
{
    put_text(r, r->resp == 3 ? LIT("_\r\n") : LIT("$-1\r\n"));
}

void
reply_put_null_array(struct reply *r)
{
    put_text(r, r->resp == 3 ? LIT("_\r\n") : LIT("*-1\r\n"));
}

void
reply_put_array(struct reply *r, size_t n)
{
    put_header(r, '*', n);
}

void
reply_put_map(struct reply *r, size_t pairs)
{
    if (r->resp == 3)
        put_header(r, '%', pairs);
    else
        put_header(r, '*', pairs * 2);
}

void
reply_put_set(struct reply *r, size_t n)
{
    put_header(r, r->resp == 3 ? '~' : '*', n);
}

void
reply_put_push(struct reply *r, size_t n)
{
    put_header(r, r->resp == 3 ? '>' : '*', n);
}

void
reply_put_attribute(struct reply *r, size_t pairs)
{
    if (r->resp == 3)
        put_header(r, '|', pairs);
}

void
reply_put_double(struct reply *r, double v)
{
    char text[DOUBLE_TEXT_MAX];

    reply_put_double_text(r, slice_of(text, format_double(text, v)));
}

void
reply_put_double_text(struct reply *r, struct slice text)
{
    if (r->resp == 3)
        put_line(r, ',', text);
    else
        reply_put_bulk(r, text);
}

void
reply_put_bool(struct reply *r, bool v)
{
    if (r->resp == 3)
        put_text(r, v ? LIT("#t\r\n") : LIT("#f\r\n"));
    else
        put_text(r, v ? LIT(":1\r\n") : LIT(":0\r\n"));
}

void
reply_put_verbatim(struct reply *r, const char format[3], struct slice s)
{
    if (r->resp != 3) {
        reply_put_bulk(r, s);
        return;
    }
    put_header(r, '=', s.len + 4);
    put_text(r, slice_of(format, 3));
    put_text(r, LIT(":"));
    put_text(r, s);
    put_text(r, LIT("\r\n"));
}

void
reply_put_bignum(struct reply *r, struct slice digits)
{
    if (r->resp == 3)
        put_line(r, '(', digits);
    else
        reply_put_bulk(r, digits);
}

/* -- aggregates whose length comes last ------------------------------------------------------------------------ */

struct reply_mark
reply_mark_here(struct reply *r)
{
    struct buf *b = &r->out->bytes;
    struct reply_mark m = {b->len, r->out->ref_count};

    buf_room(b, MARK_RESERVED);
    buf_advance(b, MARK_RESERVED);
    return m;
}

void
reply_drop_mark(struct reply *r, struct reply_mark m)
{
    struct out *o = r->out;

    while (o->ref_count > m.refs) {
        struct out_ref *ref = &o->refs[--o->ref_count];
        o->ref_pending -= ref->data.len;
        ref->release(ref->owner);
    }
    o->bytes.len = m.at;
}

static void
close_mark(struct reply *r, struct reply_mark m, char type, uint64_t n)
{
    struct buf *b = &r->out->bytes;
    char header[HEADER_MAX];
    size_t len = write_header(header, type, n);

    /* Longer than reserved: what follows, and the references in it, move up. It is never shorter. */
    if (len > MARK_RESERVED) {
        size_t more = len - MARK_RESERVED;
        size_t from = m.at + MARK_RESERVED;
        buf_room(b, more);
        memmove(b->ptr + from + more, b->ptr + from, b->len - from);
        buf_advance(b, more);
        for (uint32_t i = m.refs; i < r->out->ref_count; i++)
            r->out->refs[i].at += more;
    }
    memcpy(b->ptr + m.at, header, len);
}

void
reply_close_array(struct reply *r, struct reply_mark m, size_t n)
{
    close_mark(r, m, '*', n);
}

void
reply_close_map(struct reply *r, struct reply_mark m, size_t pairs)
{
    if (r->resp == 3)
        close_mark(r, m, '%', pairs);
    else
        close_mark(r, m, '*', pairs * 2);
}

void
reply_close_set(struct reply *r, struct reply_mark m, size_t n)
{
    close_mark(r, m, r->resp == 3 ? '~' : '*', n);
}
