/* base/buf.h - a growable run of bytes that its holder owns.
 *
 * All-zero is a valid empty buffer. Appending never fails (sizes are ours); where a client chooses the size, the
 * caller asks buf_try_reserve() first. Growth is by half again, rounded up to what the allocator hands out anyway.
 */
#ifndef SORREL_BASE_BUF_H
#define SORREL_BASE_BUF_H

#include "base/check.h"
#include "base/slice.h"

#include <stdarg.h>

struct buf {
    char *ptr;
    size_t len, cap;
};

void buf_fini(struct buf *b);
/* Makes room for n more bytes. */
void buf_grow(struct buf *b, size_t n);
bool buf_try_reserve(struct buf *b, size_t n);
/* Frees memory beyond `keep` bytes of capacity when nothing is held. */
void buf_shrink(struct buf *b, size_t keep);
/* Drops the first n bytes, moving the rest down. */
void buf_consume(struct buf *b, size_t n);
/* The decimal text, much quicker than with printf. */
void buf_add_int64(struct buf *b, int64_t v);
/* printf into the buffer. */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* A pointer to n writable bytes after the end; buf_advance() says how many were used. */
static inline char *
buf_room(struct buf *b, size_t n)
{
    if (UNLIKELY(b->cap - b->len < n))
        buf_grow(b, n);
    return b->ptr + b->len;
}

static inline void
buf_advance(struct buf *b, size_t n)
{
    b->len += n;
}

static inline void
buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(buf_room(b, n), p, n);
    b->len += n;
}

static inline void
buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.ptr, s.len);
}

static inline void
buf_add_char(struct buf *b, char c)
{
    *buf_room(b, 1) = c;
    b->len++;
}

static inline struct slice
buf_slice(const struct buf *b)
{
    return slice_of(b->ptr, b->len);
}

/* Empties it and keeps the memory. */
static inline void
buf_reset(struct buf *b)
{
    b->len = 0;
}

/* Hands the bytes (from mem_get) to the caller and leaves the buffer empty. */
char *buf_take(struct buf *b, size_t *len);

#endif
