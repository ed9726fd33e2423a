/* ds/strip.h - a sequence of byte strings in one run of bytes, open at both ends.
 *
 * A strip lives in memory that somebody else allocated: a header of eight bytes and up to 65,535 bytes behind it. The
 * elements lie next to each other with free room on either side. Between two neighbours, and at both ends, is one byte:
 * the descriptor of the left neighbour XOR the descriptor of the right one (0 where there is none). A descriptor says
 * how long an element is, so whoever comes from the left knows the left one and gets the right one out of the byte, and
 * the other way round: one byte an element, readable in both directions. A descriptor is the length + 1, or STRIP_LONG
 * for an element that carries its length in two bytes at each of its ends.
 *
 * Cost      an element at an end O(1); in the middle a memmove of the shorter side that has room.
 * Validity  slices and positions live until the next change of the strip.
 * Failure   none: the caller asks for the room first.
 */
#ifndef SORREL_DS_STRIP_H
#define SORREL_DS_STRIP_H

#include "base/check.h"
#include "base/slice.h"

enum { STRIP_SHORT_MAX = 250, STRIP_LONG = STRIP_SHORT_MAX + 2, STRIP_CAP_MAX = 65535 };
enum strip_end { STRIP_HEAD, STRIP_TAIL };

struct strip {
    uint16_t begin, end; /* the bytes in use, outer separators included */
    uint16_t cap, count;
    unsigned char data[];
};

/* An element, by the offset of the separator before it and its descriptor (0: behind the last element). */
struct strip_pos {
    uint32_t at, desc;
};

/* Empties it, with the room for `cap` bytes (1 .. STRIP_CAP_MAX) all at that end. */
void strip_init(struct strip *s, size_t cap, enum strip_end room);

/* Bytes that an element of that length takes. A strip takes one byte more than its elements. */
static inline size_t
strip_element_bytes(size_t len)
{
    return len + (len <= STRIP_SHORT_MAX ? 1 : 5);
}

static inline size_t
strip_used(const struct strip *s)
{
    return (size_t)s->end - s->begin;
}

/* Bytes that fit before the first or behind the last element. */
static inline size_t
strip_room(const struct strip *s, enum strip_end end)
{
    return end == STRIP_HEAD ? s->begin : (size_t)s->cap - s->end;
}

static inline struct strip_pos
strip_first(const struct strip *s)
{
    return (struct strip_pos){s->begin, s->data[s->begin]};
}

/* The place behind the last element. */
static inline struct strip_pos
strip_stop(const struct strip *s)
{
    return (struct strip_pos){s->end - 1u, 0};
}

/* Length of the element at a place that is not the stop. */
static inline size_t
strip_len(const struct strip *s, struct strip_pos p)
{
    uint16_t len;

    if (LIKELY(p.desc < STRIP_LONG))
        return p.desc - 1;
    memcpy(&len, s->data + p.at + 1, 2);
    return len;
}

static inline struct slice
strip_get(const struct strip *s, struct strip_pos p)
{
    return slice_of(s->data + p.at + (p.desc < STRIP_LONG ? 1 : 3), strip_len(s, p));
}

/* The place after p, which must not be the stop. */
static inline struct strip_pos
strip_next(const struct strip *s, struct strip_pos p)
{
    uint32_t at = p.at + (uint32_t)strip_element_bytes(strip_len(s, p));

    return (struct strip_pos){at, s->data[at] ^ p.desc};
}

/* The place before p. False when p is the first. */
static inline bool
strip_prev(const struct strip *s, struct strip_pos *p)
{
    uint32_t desc = s->data[p->at] ^ p->desc;
    uint16_t len;

    if (desc == 0)
        return false;
    if (LIKELY(desc < STRIP_LONG))
        len = (uint16_t)(desc - 1);
    else
        memcpy(&len, s->data + p->at - 2, 2);
    *p = (struct strip_pos){p->at - (uint32_t)strip_element_bytes(len), desc};
    return true;
}

/* The element at that index; index = count gives the stop. From the nearer end. */
struct strip_pos strip_seek(const struct strip *s, size_t index);

/* Puts an element before p. There must be room for it at one of the ends at least. */
void strip_insert(struct strip *s, struct strip_pos p, struct slice element);
/* There must be room at that end. */
void strip_push(struct strip *s, enum strip_end end, struct slice element);
/* Removes n elements from p on; returns the place of what followed them. */
struct strip_pos strip_remove(struct strip *s, struct strip_pos p, size_t n);
/* Removes n elements at an end. */
void strip_drop(struct strip *s, enum strip_end end, size_t n);

/* Moves the elements so that `begin` free bytes are before the first, the others behind the last. */
void strip_shift(struct strip *s, size_t begin);
/* Fills `to`, just initialised, with what is in `from`. It must fit. */
void strip_copy(struct strip *to, const struct strip *from);
/* Moves the elements from p (of that index) on to `to`, which has just been initialised. They must fit. */
void strip_split(struct strip *s, struct strip_pos p, size_t index, struct strip *to);
/* Appends copies of all elements of `from`. There must be room for strip_used(from) - 1 bytes at the tail. */
void strip_join(struct strip *s, const struct strip *from);
/* Changes cap after the memory was resized; only free room at the tail may be lost. */
void strip_set_cap(struct strip *s, size_t cap);
bool strip_verify(const struct strip *s);

#endif
