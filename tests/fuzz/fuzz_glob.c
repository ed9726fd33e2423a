/* tests/fuzz/fuzz_glob.c - glob matching beside one that tries everything, by a table of all prefixes.
 *
 * The first byte says how long the pattern is, and whether case counts; the rest is pattern and text.
 */
#include "base/check.h"
#include "base/glob.h"
#include "base/mem.h"

#include <stdint.h>
#include <string.h>

enum { PATTERN_MAX = 96, TEXT_MAX = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An element of the pattern: a star, or the bytes that it takes. */
struct element {
    bool star, takes[256];
};

static unsigned char
low(bool nocase, unsigned char c)
{
    return nocase && c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

/* Marks what the class at p[i] == '[' takes; returns where it ends. */
static size_t
read_class(const unsigned char *p, size_t n, size_t i, bool nocase, bool takes[256])
{
    bool negate = ++i < n && p[i] == '^', in[256] = {false};

    i += negate;
    while (i < n && p[i] != ']') {
        unsigned from = low(nocase, p[i]), to = from;
        if (p[i] == '\\' && i + 1 < n) {
            from = to = low(nocase, p[++i]);
            i++;
        } else if (i + 2 < n && p[i + 1] == '-') {
            to = low(nocase, p[i + 2]);
            i += 3;
        } else {
            i++;
        }
        for (unsigned c = from < to ? from : to; c <= (from < to ? to : from); c++)
            in[c] = true;
    }
    for (unsigned c = 0; c < 256; c++)
        takes[c] = in[low(nocase, (unsigned char)c)] != negate;
    return i < n ? i + 1 : n;
}

static size_t
read_pattern(const unsigned char *p, size_t n, bool nocase, struct element *out)
{
    size_t count = 0;

    for (size_t i = 0; i < n; count++) {
        struct element *e = &out[count];
        memset(e, 0, sizeof(*e));
        if (p[i] == '[') {
            i = read_class(p, n, i, nocase, e->takes);
            continue;
        }
        if (p[i] == '*')
            e->star = true;
        else if (p[i] == '?')
            memset(e->takes, true, sizeof(e->takes));
        else if (p[i] == '\\' && i + 1 < n)
            i++;
        if (!e->star && !(p[i] == '?' && e->takes[0])) {
            for (unsigned c = 0; c < 256; c++)
                e->takes[c] = low(nocase, (unsigned char)c) == low(nocase, p[i]);
        }
        i++;
    }
    return count;
}

static bool
matches(const struct element *e, size_t count, const unsigned char *s, size_t n)
{
    bool row[TEXT_MAX + 1] = {true};

    for (size_t k = 0; k < count; k++) {
        bool before = row[0];
        row[0] = row[0] && e[k].star;
        for (size_t i = 1; i <= n; i++) {
            bool here = row[i];
            row[i] = e[k].star ? here || row[i - 1] : before && e[k].takes[s[i - 1]];
            before = here;
        }
    }
    return row[n];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct element elements[PATTERN_MAX];

    if (size < 2)
        return 0;
    bool nocase = data[0] & 1;
    size_t n = size - 1, pattern = (data[0] >> 1) < n ? data[0] >> 1 : n;
    pattern = pattern < PATTERN_MAX ? pattern : PATTERN_MAX;
    size_t text = n - pattern < TEXT_MAX ? n - pattern : TEXT_MAX;
    /* Copies, so that a byte read beyond either is noticed. */
    unsigned char *p = mem_get(pattern + 1), *s = mem_get(text + 1);
    memcpy(p, data + 1, pattern);
    memcpy(s, data + 1 + pattern, text);
    size_t count = read_pattern(p, pattern, nocase, elements);
    bool want = matches(elements, count, s, text);
    CHECK(glob_match(slice_of(p, pattern), slice_of(s, text), nocase) == want);
    if (glob_is_literal(slice_of(p, pattern)) && !nocase)
        CHECK(want == slice_eq(slice_of(p, pattern), slice_of(s, text)));
    mem_free(p);
    mem_free(s);
    return 0;
}
