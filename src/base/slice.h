/* base/slice.h - a borrowed run of bytes.
 *
 * Bytes travel by value as pointer and length; nobody counts on a terminating NUL. A slice never owns what it points
 * to: the header of whoever hands one out says how long it stays valid.
 */
#ifndef SORREL_BASE_SLICE_H
#define SORREL_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t len;
};

/* A literal as a slice; the length is the compiler's business. */
#define LIT(s) ((struct slice){"" s, sizeof(s) - 1})
/* The same where an initialiser must be constant. */
/* clang-format off */
#define LIT_INIT(s) {"" s, sizeof(s) - 1}
/* clang-format on */

static inline struct slice
slice_of(const void *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

static inline struct slice
slice_cstr(const char *s)
{
    return (struct slice){s, strlen(s)};
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Bytewise order; a prefix sorts before what it begins. */
static inline int
slice_cmp(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static inline char
ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* What a hexadecimal digit of either case is worth; -1 for others. */
static inline int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ASCII case is ignored, whatever the locale. */
bool slice_eq_nocase(struct slice a, struct slice b);
int slice_cmp_nocase(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_nocase(struct slice s, struct slice prefix);

/* The part from `from` on; empty when from >= s.len. */
static inline struct slice
slice_skip(struct slice s, size_t from)
{
    return from < s.len ? (struct slice){s.ptr + from, s.len - from} : (struct slice){s.ptr + s.len, 0};
}

#endif
