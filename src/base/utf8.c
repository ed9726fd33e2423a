/* base/utf8.c - the shape of UTF-8 sequences. */
#include "base/utf8.h"

#include <stddef.h>

unsigned
utf8_length(const unsigned char *p, const unsigned char *end)
{
    size_t left = (size_t)(end - p);

    if (*p < 0x80)
        return 1;
    if (*p >= 0xc2 && *p <= 0xdf)
        return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((*p & 0xf0) == 0xe0) {
        unsigned low = *p == 0xe0 ? 0xa0 : 0x80, high = *p == 0xed ? 0x9f : 0xbf;
        return left >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (*p >= 0xf0 && *p <= 0xf4) {
        unsigned low = *p == 0xf0 ? 0x90 : 0x80, high = *p == 0xf4 ? 0x8f : 0xbf;
        return left >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80 ? 4 : 0;
    }
    return 0;
}
