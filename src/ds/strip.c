/* ds/strip.c - the changes to a strip. How its bytes are to be read is told in the header. */
#include "ds/strip.h"

void
strip_init(struct strip *s, size_t cap, enum strip_end room)
{
    CHECK(cap >= 1 && cap <= STRIP_CAP_MAX);
    s->cap = (uint16_t)cap;
    s->begin = room == STRIP_HEAD ? (uint16_t)(cap - 1) : 0;
    s->end = (uint16_t)(s->begin + 1);
    s->count = 0;
    s->data[s->begin] = 0;
}

struct strip_pos
strip_seek(const struct strip *s, size_t index)
{
    CHECK(index <= s->count);
    if (index <= s->count / 2u) {
        struct strip_pos p = strip_first(s);
        while (index-- > 0)
            p = strip_next(s, p);
        return p;
    }
    struct strip_pos p = strip_stop(s);
    for (size_t n = s->count - index; n > 0; n--)
        strip_prev(s, &p);
    return p;
}

/* Writes an element's body behind a separator's place. Returns its descriptor. */
static unsigned char
put_body(unsigned char *p, struct slice element)
{
    if (LIKELY(element.len <= STRIP_SHORT_MAX)) {
        if (element.len > 0)
            memcpy(p, element.ptr, element.len);
        return (unsigned char)(element.len + 1);
    }
    uint16_t len = (uint16_t)element.len;
    memcpy(p, &len, 2);
    memcpy(p + 2, element.ptr, element.len);
    memcpy(p + 2 + element.len, &len, 2);
    return STRIP_LONG;
}

void
strip_push(struct strip *s, enum strip_end end, struct slice element)
{
    size_t bytes = strip_element_bytes(element.len);

    CHECK(bytes <= strip_room(s, end));
    if (end == STRIP_TAIL) {
        unsigned char *separator = s->data + s->end - 1, desc = put_body(separator + 1, element);
        separator[0] ^= desc;
        separator[bytes] = desc;
        s->end = (uint16_t)(s->end + bytes);
    } else {
        unsigned char *separator = s->data + s->begin, desc = put_body(separator - bytes + 1, element);
        separator[0] ^= desc;
        *(separator - bytes) = desc;
        s->begin = (uint16_t)(s->begin - bytes);
    }
    s->count++;
}

void
strip_insert(struct strip *s, struct strip_pos p, struct slice element)
{
    size_t bytes = strip_element_bytes(element.len), at = p.at;
    size_t before = at - s->begin, behind = s->end - at;
    bool head_fits = bytes <= s->begin, tail_fits = bytes <= strip_room(s, STRIP_TAIL);
    unsigned char left = s->data[at] ^ (unsigned char)p.desc;

    CHECK(head_fits || tail_fits);
    if (head_fits && (before < behind || !tail_fits)) {
        memmove(s->data + s->begin - bytes, s->data + s->begin, before);
        s->begin = (uint16_t)(s->begin - bytes);
        at -= bytes;
    } else {
        memmove(s->data + at + bytes, s->data + at, behind);
        s->end = (uint16_t)(s->end + bytes);
    }
    unsigned char desc = put_body(s->data + at + 1, element);
    s->data[at] = left ^ desc;
    s->data[at + bytes] = desc ^ (unsigned char)p.desc;
    s->count++;
}

struct strip_pos
strip_remove(struct strip *s, struct strip_pos p, size_t n)
{
    struct strip_pos q = p;
    unsigned char left = s->data[p.at] ^ (unsigned char)p.desc;

    CHECK(n <= s->count);
    for (size_t i = 0; i < n; i++)
        q = strip_next(s, q);
    size_t before = p.at - s->begin, behind = s->end - q.at, bytes = q.at - p.at;
    if (before < behind) {
        memmove(s->data + s->begin + bytes, s->data + s->begin, before);
        s->begin = (uint16_t)(s->begin + bytes);
    } else {
        memmove(s->data + p.at, s->data + q.at, behind);
        s->end = (uint16_t)(s->end - bytes);
        q.at = p.at;
    }
    s->data[q.at] = left ^ (unsigned char)q.desc;
    s->count = (uint16_t)(s->count - n);
    return q;
}

void
strip_drop(struct strip *s, enum strip_end end, size_t n)
{
    CHECK(n <= s->count);
    if (end == STRIP_HEAD) {
        struct strip_pos p = strip_seek(s, n);
        s->begin = (uint16_t)p.at;
        s->data[p.at] = (unsigned char)p.desc;
    } else {
        struct strip_pos p = strip_seek(s, s->count - n);
        s->data[p.at] ^= (unsigned char)p.desc;
        s->end = (uint16_t)(p.at + 1);
    }
    s->count = (uint16_t)(s->count - n);
}

void
strip_shift(struct strip *s, size_t begin)
{
    size_t used = strip_used(s);

    CHECK(begin + used <= s->cap);
    memmove(s->data + begin, s->data + s->begin, used);
    s->begin = (uint16_t)begin;
    s->end = (uint16_t)(begin + used);
}

/* Where `used` bytes go in a strip just initialised: at the end that has no room. */
static void
place(struct strip *s, size_t used)
{
    CHECK(s->count == 0 && used <= s->cap);
    if (s->begin > 0)
        s->begin = (uint16_t)(s->cap - used);
    s->end = (uint16_t)(s->begin + used);
}

void
strip_copy(struct strip *to, const struct strip *from)
{
    place(to, strip_used(from));
    memcpy(to->data + to->begin, from->data + from->begin, strip_used(from));
    to->count = from->count;
}

void
strip_split(struct strip *s, struct strip_pos p, size_t index, struct strip *to)
{
    CHECK(index <= s->count);
    place(to, s->end - p.at);
    memcpy(to->data + to->begin, s->data + p.at, s->end - p.at);
    to->data[to->begin] = (unsigned char)p.desc;
    to->count = (uint16_t)(s->count - index);
    s->data[p.at] ^= (unsigned char)p.desc;
    s->end = (uint16_t)(p.at + 1);
    s->count = (uint16_t)index;
}

void
strip_join(struct strip *s, const struct strip *from)
{
    size_t bytes = strip_used(from) - 1;

    CHECK(bytes <= strip_room(s, STRIP_TAIL) && s->count + from->count <= UINT16_MAX);
    s->data[s->end - 1] ^= from->data[from->begin];
    memcpy(s->data + s->end, from->data + from->begin + 1, bytes);
    s->end = (uint16_t)(s->end + bytes);
    s->count = (uint16_t)(s->count + from->count);
}

void
strip_set_cap(struct strip *s, size_t cap)
{
    CHECK(cap >= s->end && cap <= STRIP_CAP_MAX);
    s->cap = (uint16_t)cap;
}

bool
strip_verify(const struct strip *s)
{
    if (s->begin >= s->end || s->end > s->cap)
        return false;
    size_t n = 0;
    struct strip_pos p = strip_first(s), stop = strip_stop(s);
    for (; p.desc != 0; n++) {
        if (p.desc > STRIP_LONG || n >= s->count || p.at + strip_element_bytes(strip_len(s, p)) > stop.at)
            return false;
        struct strip_pos next = strip_next(s, p), back = next;
        if (!strip_prev(s, &back) || back.at != p.at || back.desc != p.desc)
            return false;
        p = next;
    }
    return p.at == stop.at && n == s->count;
}
