/* base/glob.c - two-pointer matching: on a mismatch only the latest star is retried, one byte further on. */
#include "base/glob.h"

enum { STEPS_MAX = 1 << 24 };

static unsigned char
fold(bool nocase, char c)
{
    return (unsigned char)(nocase ? ascii_lower(c) : c);
}

/* Matches one byte against the class that starts at p[*at] == '['; leaves *at behind the class. An unclosed class ends
 * with the pattern, and its last byte counts as a member, as in redis. */
static bool
class_matches(struct slice p, size_t *at, unsigned char c, bool nocase)
{
    size_t i = *at + 1;
    bool negate = i < p.len && p.ptr[i] == '^', hit = false;

    if (negate)
        i++;
    for (;; i++) {
        if (i >= p.len) {
            i = p.len - 1;
            break;
        }
        if (p.ptr[i] == '\\' && i + 1 < p.len) {
            i++;
            hit |= fold(nocase, p.ptr[i]) == c;
        } else if (p.ptr[i] == ']') {
            break;
        } else if (i + 2 < p.len && p.ptr[i + 1] == '-') {
            unsigned char lo = fold(nocase, p.ptr[i]), hi = fold(nocase, p.ptr[i + 2]);
            if (lo > hi) {
                unsigned char t = lo;
                lo = hi;
                hi = t;
            }
            hit |= c >= lo && c <= hi;
            i += 2;
        } else {
            hit |= fold(nocase, p.ptr[i]) == c;
        }
    }
    *at = i + 1;
    return hit != negate;
}

/* Matches one byte against the pattern element at *at, which is not a star; moves *at behind it. */
static bool
one_matches(struct slice p, size_t *at, char raw, bool nocase)
{
    unsigned char c = fold(nocase, raw);

    switch (p.ptr[*at]) {
    case '?': ++*at; return true;
    case '[': return class_matches(p, at, c, nocase);
    case '\\':
        if (*at + 1 < p.len)
            ++*at;
        break;
    default: break;
    }
    return fold(nocase, p.ptr[(*at)++]) == c;
}

bool
glob_match(struct slice p, struct slice s, bool nocase)
{
    size_t pi = 0, si = 0, star_p = SIZE_MAX, star_s = 0, steps = 0;

    while (si < s.len) {
        if (++steps > STEPS_MAX)
            return false;
        if (pi < p.len && p.ptr[pi] == '*') {
            star_p = ++pi;
            star_s = si;
            if (pi == p.len)
                return true;
            continue;
        }
        if (pi < p.len && one_matches(p, &pi, s.ptr[si], nocase)) {
            si++;
            continue;
        }
        if (star_p == SIZE_MAX)
            return false;
        pi = star_p;
        si = ++star_s;
    }
    while (pi < p.len && p.ptr[pi] == '*')
        pi++;
    return pi == p.len;
}

bool
glob_is_literal(struct slice p)
{
    for (size_t i = 0; i < p.len; i++)
        if (p.ptr[i] == '*' || p.ptr[i] == '?' || p.ptr[i] == '[' || p.ptr[i] == '\\')
            return false;
    return true;
}
