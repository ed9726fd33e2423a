/* proto/words.c - splitting and unquoting. */
#include "proto/words.h"

#include "base/check.h"
#include "base/mem.h"

void
slice_vec_grow(struct slice_vec *a, size_t more)
{
    size_t need, bytes, cap = a->cap < 16 ? 16 : a->cap + a->cap / 2;

    CHECK(size_add(a->n, more, &need));
    if (need <= a->cap)
        return;
    cap = cap > need ? cap : need;
    CHECK(size_mul(cap, sizeof(*a->v), &bytes));
    a->v = mem_resize(a->v, bytes);
    a->cap = cap;
}

void
slice_vec_add(struct slice_vec *a, struct slice s)
{
    if (UNLIKELY(a->n == a->cap))
        slice_vec_grow(a, 1);
    a->v[a->n++] = s;
}

void
slice_vec_fini(struct slice_vec *a)
{
    mem_free(a->v);
    *a = (struct slice_vec){0};
}

static inline bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What ends a word outside quotes; redis tells these from the blanks between words. */
static inline bool
ends_word(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char
escaped(char c)
{
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
    }
}

/* Unquotes from just after the opening `quote` to its end. Returns the place after the closing quote, NULL if there is
 * none or something other than a blank follows it. */
static const char *
unquote(const char *p, const char *end, char quote, char **out)
{
    while (p < end) {
        if (*p == quote)
            return p + 1 == end || is_blank(p[1]) ? p + 1 : NULL;
        if (*p != '\\' || end - p < 2) {
            *(*out)++ = *p++;
        } else if (quote == '\'') {
            if (p[1] == '\'')
                p++;
            *(*out)++ = *p++;
        } else if (p[1] == 'x' && end - p >= 4 && hex_digit(p[2]) >= 0 && hex_digit(p[3]) >= 0) {
            *(*out)++ = (char)(hex_digit(p[2]) * 16 + hex_digit(p[3]));
            p += 4;
        } else {
            *(*out)++ = escaped(p[1]);
            p += 2;
        }
    }
    return NULL;
}

/* One word with quotes somewhere in it; *out receives its bytes. */
static const char *
quoted_word(const char *p, const char *end, char **out)
{
    while (p < end && !ends_word(*p)) {
        if (*p == '"' || *p == '\'')
            return unquote(p + 1, end, *p, out);
        *(*out)++ = *p++;
    }
    return p;
}

bool
words_have_quotes(struct slice line)
{
    return line.len > 0 && (memchr(line.ptr, '"', line.len) != NULL || memchr(line.ptr, '\'', line.len) != NULL);
}

bool
words_split(struct slice line, struct arena *text, struct slice_vec *words)
{
    const char *at = line.ptr, *end = line.len > 0 ? line.ptr + line.len : line.ptr; /* nothing may be NULL */
    size_t before = words->n;
    char *out = NULL;

    for (;;) {
        while (at < end && is_blank(*at))
            at++;
        if (at == end)
            return true;
        const char *word = at;
        while (at < end && !ends_word(*at) && *at != '"' && *at != '\'')
            at++;
        if (at == end || ends_word(*at)) {
            slice_vec_add(words, slice_of(word, (size_t)(at - word)));
            continue;
        }
        if (out == NULL)
            out = arena_get(text, line.len); /* unquoting never makes anything longer */
        char *from = out;
        at = quoted_word(word, end, &out);
        if (at == NULL) {
            words->n = before;
            return false;
        }
        slice_vec_add(words, slice_of(from, (size_t)(out - from)));
    }
}
