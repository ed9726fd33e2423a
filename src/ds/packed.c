/* ds/packed.c - elements one after another in a block that is always as large as the allocator's class for its bytes.
 *
 * The capacity is therefore never stored: it is mem_good_size() of the bytes in use, and a change reallocates exactly
 * when it crosses into another class.
 */
#include "ds/packed.h"

#include "base/check.h"
#include "base/mem.h"

struct packed {
    uint32_t bytes; /* of the elements, without this header */
    uint32_t count;
    unsigned char data[];
};

enum {
    HEADER_BYTES = sizeof(struct packed),
    LONG_MARK = 0xfe, /* four bytes of length follow */
    SHORT_MAX = LONG_MARK - 1,
};

void
packed_free(struct packed *p)
{
    mem_free(p);
}

size_t
packed_count(const struct packed *p)
{
    return p == NULL ? 0 : p->count;
}

size_t
packed_alloc_bytes(const struct packed *p)
{
    return p == NULL ? 0 : mem_good_size(HEADER_BYTES + p->bytes);
}

struct packed *
packed_copy(const struct packed *p)
{
    if (p == NULL)
        return NULL;
    struct packed *copy = mem_get(packed_alloc_bytes(p));
    memcpy(copy, p, HEADER_BYTES + p->bytes);
    return copy;
}

size_t
packed_element_bytes(size_t len)
{
    return len + (len <= SHORT_MAX ? 1 : 5);
}

/* Reads the element at `at`: its bytes, and through *size how much it takes in all. */
static inline struct slice
element(const unsigned char *at, size_t *size)
{
    if (LIKELY(*at <= SHORT_MAX)) {
        *size = 1 + (size_t)*at;
        return slice_of(at + 1, *at);
    }
    uint32_t len = (uint32_t)at[1] | (uint32_t)at[2] << 8 | (uint32_t)at[3] << 16 | (uint32_t)at[4] << 24;
    *size = 5 + (size_t)len;
    return slice_of(at + 5, len);
}

static void
element_write(unsigned char *at, struct slice s)
{
    if (s.len <= SHORT_MAX) {
        *at++ = (unsigned char)s.len;
    } else {
        *at++ = LONG_MARK;
        for (int i = 0; i < 4; i++)
            *at++ = (unsigned char)(s.len >> (8 * i));
    }
    if (s.len > 0)
        memcpy(at, s.ptr, s.len);
}

/* Positions count from the start of the allocation, so 0 is never one. */
static inline unsigned char *
place(const struct packed *p, size_t pos)
{
    return (unsigned char *)(uintptr_t)p + pos;
}

size_t
packed_first(const struct packed *p)
{
    return HEADER_BYTES;
}

size_t
packed_end(const struct packed *p)
{
    return HEADER_BYTES + (p == NULL ? 0 : p->bytes);
}

size_t
packed_next(const struct packed *p, size_t pos)
{
    size_t size;

    (void)element(place(p, pos), &size);
    return pos + size;
}

struct slice
packed_get(const struct packed *p, size_t pos)
{
    size_t size;

    return element(place(p, pos), &size);
}

size_t
packed_at(const struct packed *p, size_t n)
{
    CHECK(n < packed_count(p));
    size_t pos = packed_first(p);
    while (n-- > 0)
        pos = packed_next(p, pos);
    return pos;
}

size_t
packed_find(const struct packed *p, struct slice s, size_t step)
{
    size_t end = packed_end(p), pos = packed_first(p);

    while (pos < end) {
        size_t size;
        struct slice e = element(place(p, pos), &size);

        if (e.len == s.len && (s.len == 0 || (e.ptr[0] == s.ptr[0] && memcmp(e.ptr, s.ptr, s.len) == 0)))
            return pos;
        pos += size;
        for (size_t i = 1; i < step; i++)
            pos = packed_next(p, pos);
    }
    return end;
}

/* Makes the gap of `had` bytes at pos `want` bytes wide, moving what follows. What the gap then holds is undefined. */
static struct packed *
regap(struct packed *p, size_t pos, size_t had, size_t want)
{
    size_t total = packed_end(p), tail = total - pos - had, new_total = total - had + want;
    size_t alloc = mem_good_size(new_total);

    CHECK(new_total <= PACKED_BYTES_MAX);
    if (p == NULL) {
        p = mem_get(alloc);
        p->count = 0;
    } else if (want <= had) {
        memmove(place(p, pos + want), place(p, pos + had), tail);
        if (alloc != mem_good_size(total))
            p = mem_resize(p, alloc);
    } else {
        if (alloc != mem_good_size(total))
            p = mem_resize(p, alloc);
        memmove(place(p, pos + want), place(p, pos + had), tail);
    }
    p->bytes = (uint32_t)(new_total - HEADER_BYTES);
    return p;
}

struct packed *
packed_insert(struct packed *p, size_t pos, struct slice s)
{
    CHECK(s.len <= PACKED_BYTES_MAX && pos <= packed_end(p));
    p = regap(p, pos, 0, packed_element_bytes(s.len));
    element_write(place(p, pos), s);
    p->count++;
    return p;
}

struct packed *
packed_replace(struct packed *p, size_t pos, struct slice s)
{
    size_t had, want = packed_element_bytes(s.len);

    CHECK(s.len <= PACKED_BYTES_MAX && pos < packed_end(p));
    (void)element(place(p, pos), &had);
    if (had != want)
        p = regap(p, pos, had, want);
    element_write(place(p, pos), s);
    return p;
}

struct packed *
packed_remove(struct packed *p, size_t pos, size_t n)
{
    size_t end = pos;

    if (n == 0)
        return p;
    for (size_t i = 0; i < n; i++) {
        CHECK(end < packed_end(p));
        end = packed_next(p, end);
    }
    p = regap(p, pos, end - pos, 0);
    p->count -= (uint32_t)n;
    return p;
}

bool
packed_verify(const struct packed *p)
{
    size_t pos = packed_first(p), end = packed_end(p), count = 0;

    while (pos < end) {
        size_t size, header = *place(p, pos) <= SHORT_MAX ? 1 : 5;

        if (*place(p, pos) > LONG_MARK || end - pos < header)
            return false;
        struct slice e = element(place(p, pos), &size);
        if (size > end - pos || (header == 5 && e.len <= SHORT_MAX))
            return false;
        pos += size;
        count++;
    }
    return pos == end && count == packed_count(p) && (p == NULL || mem_size_of(p) >= end);
}
