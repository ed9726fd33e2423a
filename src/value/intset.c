/* value/intset.c - sorted integers of one width, in a block as large as the allocator's class for them. */
#include "base/check.h"
#include "base/mem.h"
#include "value/set_priv.h"

struct intset {
    uint32_t count;
    uint32_t width; /* 2, 4 or 8 bytes */
    unsigned char data[];
};

static inline uint32_t
width_for(int64_t v)
{
    return v == (int16_t)v ? 2 : v == (int32_t)v ? 4 : 8;
}

static inline size_t
block_bytes(size_t count, size_t width)
{
    return mem_good_size(sizeof(struct intset) + count * width);
}

static inline int64_t
read_at(const unsigned char *at, uint32_t width)
{
    int16_t v2;
    int32_t v4;
    int64_t v8;

    switch (width) {
    case 2: memcpy(&v2, at, 2); return v2;
    case 4: memcpy(&v4, at, 4); return v4;
    default: memcpy(&v8, at, 8); return v8;
    }
}

static inline void
write_at(unsigned char *at, uint32_t width, int64_t v)
{
    int16_t v2 = (int16_t)v;
    int32_t v4 = (int32_t)v;

    switch (width) {
    case 2: memcpy(at, &v2, 2); break;
    case 4: memcpy(at, &v4, 4); break;
    default: memcpy(at, &v, 8); break;
    }
}

static inline int64_t
get(const struct intset *s, size_t i)
{
    return read_at(s->data + i * s->width, s->width);
}

void
intset__free(struct intset *s)
{
    mem_free(s);
}

struct intset *
intset__copy(const struct intset *s)
{
    if (s == NULL)
        return NULL;
    struct intset *copy = mem_get(intset__bytes(s));
    memcpy(copy, s, sizeof(*s) + (size_t)s->count * s->width);
    return copy;
}

size_t
intset__count(const struct intset *s)
{
    return s == NULL ? 0 : s->count;
}

size_t
intset__bytes(const struct intset *s)
{
    return s == NULL ? 0 : block_bytes(s->count, s->width);
}

int64_t
intset__at(const struct intset *s, size_t i)
{
    CHECK(i < intset__count(s));
    return get(s, i);
}

bool
intset__find(const struct intset *s, int64_t v, size_t *at)
{
    size_t low = 0, high = intset__count(s);

    /* Members often come in ascending order. */
    if (high > 0 && get(s, high - 1) < v)
        low = high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (get(s, middle) < v)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return low < intset__count(s) && get(s, low) == v;
}

/* Makes every member `width` bytes wide; from the back, so that none is overwritten before it is read. */
static struct intset *
widen(struct intset *s, uint32_t width)
{
    s = mem_resize(s, block_bytes(s->count, width));
    for (size_t i = s->count; i-- > 0;)
        write_at(s->data + i * width, width, get(s, i));
    s->width = width;
    return s;
}

struct intset *
intset__insert(struct intset *s, size_t at, int64_t v)
{
    uint32_t width = width_for(v);

    if (s == NULL) {
        s = mem_get(block_bytes(1, width));
        s->count = 0;
        s->width = width;
    } else if (width > s->width) {
        s = widen(s, width);
    }
    CHECK(at <= s->count && s->count < UINT32_MAX);
    if (block_bytes(s->count, s->width) != block_bytes((size_t)s->count + 1, s->width))
        s = mem_resize(s, block_bytes((size_t)s->count + 1, s->width));
    unsigned char *place = s->data + at * s->width;
    memmove(place + s->width, place, (s->count - at) * s->width);
    s->count++;
    write_at(place, s->width, v);
    return s;
}

struct intset *
intset__remove(struct intset *s, size_t at)
{
    CHECK(at < intset__count(s));
    unsigned char *place = s->data + at * s->width;
    memmove(place, place + s->width, (s->count - at - 1) * s->width);
    s->count--;
    if (block_bytes(s->count, s->width) != block_bytes((size_t)s->count + 1, s->width))
        s = mem_resize(s, block_bytes(s->count, s->width));
    return s;
}

bool
intset__verify(const struct intset *s)
{
    if (s == NULL)
        return true;
    if (s->width != 2 && s->width != 4 && s->width != 8)
        return false;
    for (size_t i = 1; i < s->count; i++)
        if (get(s, i - 1) >= get(s, i))
            return false;
    return mem_size_of(s) >= sizeof(*s) + (size_t)s->count * s->width;
}
