/* base/buf.c - growth and the rarer operations of struct buf. */
#include "base/buf.h"

#include "base/mem.h"
#include "base/number.h"

#include <stdio.h>

static size_t
wanted_cap(const struct buf *b, size_t n)
{
    size_t need;

    CHECK(size_add(b->len, n, &need));
    size_t grown = b->cap + b->cap / 2;
    size_t cap = need > grown ? need : grown;
    return mem_good_size(cap < 64 ? 64 : cap);
}

void
buf_grow(struct buf *b, size_t n)
{
    size_t cap = wanted_cap(b, n);

    b->ptr = mem_resize(b->ptr, cap);
    b->cap = cap;
}

bool
buf_try_reserve(struct buf *b, size_t n)
{
    size_t need;

    if (!size_add(b->len, n, &need))
        return false;
    if (need <= b->cap)
        return true;
    char *p = mem_resize_try(b->ptr, need);
    if (p == NULL)
        return false;
    b->ptr = p;
    b->cap = need;
    return true;
}

void
buf_fini(struct buf *b)
{
    mem_free(b->ptr);
    *b = (struct buf){0};
}

void
buf_shrink(struct buf *b, size_t keep)
{
    if (b->len == 0 && b->cap > keep)
        buf_fini(b);
}

void
buf_consume(struct buf *b, size_t n)
{
    CHECK(n <= b->len);
    b->len -= n;
    if (n > 0 && b->len > 0)
        memmove(b->ptr, b->ptr + n, b->len);
}

void
buf_add_int64(struct buf *b, int64_t v)
{
    buf_advance(b, format_int64(buf_room(b, INT64_TEXT_MAX), v));
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;

    va_copy(again, ap);
    int n = vsnprintf(b->ptr == NULL ? NULL : b->ptr + b->len, b->cap - b->len, fmt, ap);
    CHECK(n >= 0);
    if ((size_t)n >= b->cap - b->len) {
        buf_grow(b, (size_t)n + 1);
        vsnprintf(b->ptr + b->len, b->cap - b->len, fmt, again);
    }
    va_end(again);
    b->len += (size_t)n;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

char *
buf_take(struct buf *b, size_t *len)
{
    char *p = b->ptr;

    *len = b->len;
    *b = (struct buf){0};
    return p;
}
