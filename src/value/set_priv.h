/* value/set_priv.h - the two encodings that value/set.c is made of: sorted integers in a block, and members of a
 * packtable. */
#ifndef SORREL_VALUE_SET_PRIV_H
#define SORREL_VALUE_SET_PRIV_H

#include "base/number.h"
#include "base/slice.h"

/* -- sorted integers: two, four or eight bytes each, as wide as the widest needs (value/intset.c) ------------------ */

struct intset; /* NULL is a valid empty one; calls that change it return where it is now */

void intset__free(struct intset *s);
struct intset *intset__copy(const struct intset *s);
size_t intset__count(const struct intset *s);
size_t intset__bytes(const struct intset *s);
int64_t intset__at(const struct intset *s, size_t i);
/* Where v is (true) or where it would go (false). */
bool intset__find(const struct intset *s, int64_t v, size_t *at);
/* `at` from intset__find(). */
struct intset *intset__insert(struct intset *s, size_t at, int64_t v);
struct intset *intset__remove(struct intset *s, size_t at);
bool intset__verify(const struct intset *s);

/* -- members inside a packtable: integers in as few bytes as they need ---------------------------------------------
 *
 * A canonical decimal becomes MEMBER_INT and its two's complement without redundant high bytes. Other texts stay as
 * they are, unless they begin with a mark themselves: then MEMBER_TEXT goes in front. */
enum { MEMBER_INT = 1, MEMBER_TEXT = 2, MEMBER_INT_BYTES_MAX = 9 };

/* Writes the encoded form; returns its length. */
static inline size_t
member__int_encode(unsigned char *out, int64_t v)
{
    size_t n = 0;

    out[n++] = MEMBER_INT;
    for (; v < INT8_MIN || v > INT8_MAX; v >>= 8)
        out[n++] = (unsigned char)v;
    if (v != 0 || n > 1)
        out[n++] = (unsigned char)v;
    return n;
}

static inline int64_t
member__int_decode(const unsigned char *in, size_t len)
{
    uint64_t v = 0;

    for (size_t i = 1; i < len; i++)
        v |= (uint64_t)in[i] << (8 * (i - 1));
    if (len > 1 && len < MEMBER_INT_BYTES_MAX && (in[len - 1] & 0x80) != 0)
        v |= ~(uint64_t)0 << (8 * (len - 1));
    return (int64_t)v;
}

/* Whether the text cannot be stored as it is. */
static inline bool
member__is_marked(struct slice s)
{
    return s.len > 0 && (s.ptr[0] == MEMBER_INT || s.ptr[0] == MEMBER_TEXT);
}

/* The member that is stored as `in`; an integer is printed into `text`. */
static inline struct slice
member__decode(struct slice in, char *text)
{
    if (!member__is_marked(in))
        return in;
    if (in.ptr[0] == MEMBER_TEXT)
        return slice_skip(in, 1);
    return slice_of(text, format_int64(text, member__int_decode((const unsigned char *)in.ptr, in.len)));
}

#endif
