/* cli/text.c - widths from utf8proc. */
#include "cli/text.h"

#include <utf8proc.h>

/* The code point at `at` and how many bytes it has; a byte that begins none is its own. */
static size_t
code_point(struct slice s, size_t at, utf8proc_int32_t *cp)
{
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s.ptr + at, (utf8proc_ssize_t)(s.len - at), cp);

    if (n <= 0) {
        *cp = '?';
        return 1;
    }
    return (size_t)n;
}

static size_t
width_of(utf8proc_int32_t cp)
{
    int w = utf8proc_charwidth(cp);

    return w < 0 ? 0 : (size_t)w;
}

size_t
text_next(struct slice s, size_t at)
{
    utf8proc_int32_t cp;

    if (at >= s.len)
        return s.len;
    at += code_point(s, at, &cp);
    while (at < s.len) {
        size_t n = code_point(s, at, &cp);
        if (cp < 0x80 || width_of(cp) > 0)
            break;
        at += n;
    }
    return at;
}

size_t
text_previous(struct slice s, size_t at)
{
    utf8proc_int32_t cp;

    while (at > 0) {
        at--;
        while (at > 0 && ((unsigned char)s.ptr[at] & 0xc0) == 0x80)
            at--;
        code_point(s, at, &cp);
        if (cp < 0x80 || width_of(cp) > 0)
            break;
    }
    return at;
}

size_t
text_width(struct slice s)
{
    utf8proc_int32_t cp;
    size_t width = 0;

    for (size_t at = 0; at < s.len;) {
        at += code_point(s, at, &cp);
        width += cp < 0x80 ? 1 : width_of(cp);
    }
    return width;
}

struct slice
text_fit(struct slice s, size_t columns)
{
    size_t at = 0, width = 0;

    while (at < s.len) {
        size_t next = text_next(s, at);
        width += text_width(slice_of(s.ptr + at, next - at));
        if (width > columns)
            break;
        at = next;
    }
    return slice_of(s.ptr, at);
}
