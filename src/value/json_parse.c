/* value/json_parse.c - JSON text to a document's bytes, in one pass and without recursion. */
#include "value/json_priv.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { SEEN_MAX = 256 };

struct level {
    size_t at;
    const unsigned char *text; /* behind the bracket */
    uint32_t count;
    bool object;
    bool mixed; /* an array that has other values than numbers: it will not be packed */
    bool as_is; /* an array that has doubles that may have to become texts, and no containers */
};

struct parser {
    const unsigned char *p, *end, *start;
    struct buf *out;
    size_t base; /* of the value in out: sizes are limited from there on */
    unsigned depth, depth_max;
    enum json_float floats;
    const char *why;
    struct slice *keys; /* for finding keys that are there twice */
    size_t keys_cap;
    size_t *seen; /* where keys lie in out, and one; NULL: references are not wanted */
    struct level stack[JSON_DEPTH_MAX];
};

static bool
bad(struct parser *s, const char *why)
{
    s->why = why;
    return false;
}

/* -- characters ------------------------------------------------------------------------------------------------ */

const unsigned char *
json__plain_end(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);

    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Signed, so that what is not ASCII is below the blank as well. */
        __m128i hit =
            _mm_or_si128(_mm_cmplt_epi8(v, space), _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask != 0)
            return p + __builtin_ctz(mask);
        p += 16;
    }
#endif
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

static void
skip_blanks(struct parser *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

static bool
hex4(struct parser *s, unsigned *out)
{
    unsigned v = 0;

    if (s->end - s->p < 4)
        return bad(s, "EOF while parsing a string");
    for (int i = 0; i < 4; i++, s->p++) {
        int digit = hex_digit((char)*s->p);
        if (digit < 0)
            return bad(s, "invalid escape");
        v = v << 4 | (unsigned)digit;
    }
    *out = v;
    return true;
}

static void
put_utf8(struct buf *out, unsigned c)
{
    if (c < 0x80) {
        buf_add_char(out, (char)c);
    } else if (c < 0x800) {
        buf_add_char(out, (char)(0xc0 | c >> 6));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_add_char(out, (char)(0xe0 | c >> 12));
        buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_add_char(out, (char)(0xf0 | c >> 18));
        buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* Behind \u. A character beyond the first 65536 comes as two. */
static bool
unicode_escape(struct parser *s)
{
    unsigned c, low;

    if (!hex4(s, &c))
        return false;
    if (c >= 0xdc00 && c <= 0xdfff)
        return bad(s, "lone leading surrogate in hex escape");
    if (c >= 0xd800 && c <= 0xdbff) {
        if (s->end - s->p < 2 || s->p[0] != '\\' || s->p[1] != 'u')
            return bad(s, "lone leading surrogate in hex escape");
        s->p += 2;
        if (!hex4(s, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return bad(s, "lone leading surrogate in hex escape");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(s->out, c);
    return true;
}

static bool
escape(struct parser *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

    if (s->p == s->end)
        return bad(s, "EOF while parsing a string");
    unsigned c = *s->p++;
    if (c == 'u')
        return unicode_escape(s);
    const char *hit = c == 0 ? NULL : strchr(from, (int)c);
    if (hit == NULL)
        return bad(s, "invalid escape");
    buf_add_char(s->out, to[hit - from]);
    return true;
}

/* -- strings --------------------------------------------------------------------------------------------------- */

void
json__put_text(struct buf *tape, struct slice str, bool need)
{
    unsigned char *p = (unsigned char *)buf_room(tape, str.len + 5);
    size_t head = 1;

    if (str.len <= SHORT_MAX && !need) {
        p[0] = (unsigned char)(TAG_SHORT + str.len);
    } else if (str.len <= UINT8_MAX) {
        p[0] = need ? TAG_ESCAPE8 : TAG_TEXT8;
        p[1] = (unsigned char)str.len;
        head = 2;
    } else {
        uint32_t len = (uint32_t)str.len;
        p[0] = need ? TAG_ESCAPE32 : TAG_TEXT32;
        memcpy(p + 1, &len, 4);
        head = 5;
    }
    if (str.len > 0)
        memcpy(p + head, str.ptr, str.len);
    buf_advance(tape, head + str.len);
}

/* From the first backslash on: the text is put together behind a head of the largest size, which then may shrink. */
static bool
string_slow(struct parser *s, const unsigned char *from)
{
    size_t at = s->out->len;

    buf_room(s->out, 5);
    buf_advance(s->out, 5);
    buf_add(s->out, from, (size_t)(s->p - from));
    for (;;) {
        const unsigned char *stop = json__plain_end(s->p, s->end);
        buf_add(s->out, s->p, (size_t)(stop - s->p));
        s->p = stop;
        if (s->p == s->end)
            return bad(s, "EOF while parsing a string");
        if (*s->p == '"')
            break;
        if (*s->p >= 0x80) {
            unsigned n = utf8_length(s->p, s->end);
            if (n == 0)
                return bad(s, "invalid unicode code point");
            buf_add(s->out, s->p, n);
            s->p += n;
        } else if (*s->p++ != '\\') {
            s->p--;
            return bad(s, "control character (\\u0000-\\u001F) found while parsing a string");
        } else if (!escape(s)) {
            return false;
        }
    }
    s->p++;
    size_t len = s->out->len - at - 5;
    unsigned char *p = (unsigned char *)s->out->ptr + at;
    bool need = false;
    for (const unsigned char *c = p + 5, *end = c + len; c < end && !need; c++)
        need = *c < 0x20 || *c == '"' || *c == '\\';
    size_t head = len <= SHORT_MAX && !need ? 1 : len <= UINT8_MAX ? 2 : 5;
    memmove(p + head, p + 5, len);
    uint32_t wide = (uint32_t)len;
    if (head == 1) {
        p[0] = (unsigned char)(TAG_SHORT + len);
    } else if (head == 2) {
        p[0] = need ? TAG_ESCAPE8 : TAG_TEXT8;
        p[1] = (unsigned char)len;
    } else {
        p[0] = need ? TAG_ESCAPE32 : TAG_TEXT32;
        memcpy(p + 1, &wide, 4);
    }
    s->out->len = at + head + len;
    return true;
}

/* Behind the opening quote. */
static bool
string(struct parser *s)
{
    const unsigned char *from = s->p;

    for (;;) {
        s->p = json__plain_end(s->p, s->end);
        if (s->p == s->end)
            return bad(s, "EOF while parsing a string");
        if (*s->p == '"')
            break;
        if (*s->p < 0x80)
            return string_slow(s, from);
        unsigned n = utf8_length(s->p, s->end);
        if (n == 0)
            return bad(s, "invalid unicode code point");
        s->p += n;
    }
    json__put_text(s->out, slice_of(from, (size_t)(s->p - from)), false);
    s->p++;
    return true;
}

/* -- numbers --------------------------------------------------------------------------------------------------- */

static bool
number(struct parser *s)
{
    struct level *l = s->depth > 0 ? &s->stack[s->depth - 1] : NULL;
    bool pure = l != NULL && !l->object && !l->mixed;

    return json__read_number(&s->p, s->end, s->out, pure ? &l->as_is : NULL, &s->why);
}

/* -- values ---------------------------------------------------------------------------------------------------- */

static bool
literal(struct parser *s, struct slice word, unsigned tag)
{
    if ((size_t)(s->end - s->p) < word.len)
        return bad(s, "EOF while parsing a value");
    if (memcmp(s->p, word.ptr, word.len) != 0)
        return bad(s, "expected ident");
    s->p += word.len;
    buf_add_char(s->out, (char)tag);
    return true;
}

static int
compare_keys(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* A key that is there twice is refused: which of the two was meant nobody can tell. Few keys are compared with each
 * other, many are sorted. */
static bool
keys_differ(struct parser *s, const struct level *l)
{
    enum { FEW = 12 };
    struct slice few[FEW], *keys = few;
    json_node n = (json_node)s->out->ptr + l->at + CONTAINER_HEAD;

    if (l->count > FEW) {
        if (l->count > s->keys_cap) {
            s->keys_cap = l->count;
            s->keys = mem_resize(s->keys, s->keys_cap * sizeof(*s->keys));
        }
        keys = s->keys;
    }
    for (uint32_t i = 0; i < l->count; i++) {
        keys[i] = json_string(n);
        n += json__size(n);
        n += json__size(n);
        if (l->count > FEW)
            continue;
        for (uint32_t k = 0; k < i; k++)
            if (UNLIKELY(keys[k].len == keys[i].len && slice_eq(keys[k], keys[i])))
                return bad(s, "duplicate key in an object");
    }
    if (l->count <= FEW)
        return true;
    qsort(keys, l->count, sizeof(*keys), compare_keys);
    for (uint32_t i = 1; i < l->count; i++)
        if (slice_eq(keys[i - 1], keys[i]))
            return bad(s, "duplicate key in an object");
    return true;
}

/* An array that is not packed keeps doubles as short texts where it can. */
static void
shorten_reals(struct parser *s, const struct level *l)
{
    struct buf all = {0};
    size_t from = l->at + CONTAINER_HEAD;

    buf_add(&all, s->out->ptr + from, s->out->len - from);
    s->out->len = from;
    for (json_node n = (json_node)all.ptr, end = n + all.len; n < end; n += json__size(n)) {
        if (*n == TAG_REAL)
            json_put_double(s->out, json_double(n));
        else
            buf_add(s->out, n, json__size(n));
    }
    buf_fini(&all);
}

static bool
open_container(struct parser *s, bool object)
{
    if (s->depth == s->depth_max)
        return bad(s, "recursion limit exceeded");
    if (s->depth > 0) {
        struct level *around = &s->stack[s->depth - 1];
        /* Now, as references between keys must not be moved apart. */
        if (around->as_is)
            shorten_reals(s, around);
        around->mixed = true;
        around->as_is = false;
    }
    s->p++;
    s->stack[s->depth++] = (struct level){.at = json_open(s->out, object), .text = s->p, .object = object};
    return true;
}

/* Where the element is in the text of an array of numbers. */
static const unsigned char *
nth_number(const struct parser *s, const struct level *l, uint32_t i)
{
    const unsigned char *p = l->text;

    for (; i > 0; i--)
        p = (const unsigned char *)memchr(p, ',', (size_t)(s->end - p)) + 1;
    while (*p <= ' ')
        p++;
    return p;
}

/* An array that has only numbers is built again with those of the type that is asked for. */
static bool
round_numbers(struct parser *s, const struct level *l)
{
    static const char *const beyond[] = {[JSON_BF16] = "value out of range for BF16",
                                         [JSON_FP16] = "value out of range for FP16",
                                         [JSON_FP32] = "value out of range for FP32"};
    json_node n = (json_node)s->out->ptr + l->at + CONTAINER_HEAD, end = (json_node)s->out->ptr + s->out->len;
    struct buf exact = {0};
    bool ok = true;

    for (json_node k = n; k < end; k += json__size(k))
        if (!json_is_number(k))
            return true;
    buf_add(&exact, n, (size_t)(end - n));
    s->out->len = l->at + CONTAINER_HEAD;
    n = (json_node)exact.ptr;
    for (uint32_t i = 0; i < l->count && ok; i++, n += json__size(n)) {
        double v;
        ok = json__round(json_double(n), s->floats, &v);
        if (ok)
            json__put_real(s->out, v);
        else
            s->p = nth_number(s, l, i);
    }
    buf_fini(&exact);
    return ok ? true : bad(s, beyond[s->floats]);
}

static bool
close_array(struct parser *s, const struct level *l)
{
    if (UNLIKELY(s->floats != JSON_FLOAT_ANY) && l->count > 0 && !round_numbers(s, l))
        return false;
    if (!l->mixed && json__pack(s->out, l->at, l->count))
        return true;
    if (l->as_is)
        shorten_reals(s, l);
    json__close_plain(s->out, l->at, l->count);
    return true;
}

static bool
close_container(struct parser *s)
{
    struct level *l = &s->stack[--s->depth];

    s->p++;
    if (s->out->len - s->base > UINT32_MAX)
        return bad(s, "document too large");
    if (!l->object)
        return close_array(s, l);
    if (l->count > 1 && !keys_differ(s, l))
        return false;
    json__close_plain(s->out, l->at, l->count);
    return true;
}

/* The key that was put last becomes a reference when the one before it of the same hash is the same and not far away.
 */
static void
share_key(struct parser *s, size_t at)
{
    unsigned char *n = (unsigned char *)s->out->ptr + at;
    size_t size = s->out->len - at;

    if (size <= KEY_SIZE)
        return;
    size_t *slot = &s->seen[(n[0] * 131u + n[1] * 31u + n[size / 2] * 7u + n[size - 1] * 3u) % SEEN_MAX];
    size_t back = *slot == 0 ? SIZE_MAX : at + 1 - *slot;
    if (back <= UINT16_MAX && json__size(n - back) == size && memcmp(n - back, n, size) == 0) {
        uint16_t distance = (uint16_t)back;
        n[0] = TAG_KEY;
        memcpy(n + 1, &distance, sizeof(distance));
        s->out->len = at + KEY_SIZE;
    } else {
        *slot = at + 1;
    }
}

static bool
key(struct parser *s)
{
    size_t at = s->out->len;

    skip_blanks(s);
    if (s->p == s->end)
        return bad(s, "EOF while parsing an object");
    if (*s->p != '"')
        return bad(s, *s->p == '}' ? "trailing comma" : "key must be a string");
    s->p++;
    if (!string(s))
        return false;
    if (s->seen != NULL)
        share_key(s, at);
    skip_blanks(s);
    if (s->p == s->end)
        return bad(s, "EOF while parsing an object");
    if (*s->p != ':')
        return bad(s, "expected `:`");
    s->p++;
    return true;
}

/* A scalar, or the beginning of a container (*opened). */
static bool
value(struct parser *s, bool *opened)
{
    skip_blanks(s);
    *opened = false;
    if (s->p == s->end)
        return bad(s, "EOF while parsing a value");
    if (s->depth > 0 && (*s->p == '"' || *s->p >= 'a'))
        s->stack[s->depth - 1].mixed = true;
    switch (*s->p) {
    case '{':
    case '[': *opened = true; return open_container(s, *s->p == '{');
    case '"': s->p++; return string(s);
    case 't': return literal(s, LIT("true"), TAG_TRUE);
    case 'f': return literal(s, LIT("false"), TAG_FALSE);
    case 'n': return literal(s, LIT("null"), TAG_NULL);
    case ']': return bad(s, s->depth > 0 && s->stack[s->depth - 1].count > 0 ? "trailing comma" : "expected value");
    default: return number(s);
    }
}

/* After a value: closes containers until the next value is due (true, *done false) or the document is complete. */
static bool
after_value(struct parser *s, bool *done)
{
    *done = false;
    while (s->depth > 0) {
        struct level *l = &s->stack[s->depth - 1];
        skip_blanks(s);
        if (s->p == s->end)
            return bad(s, l->object ? "EOF while parsing an object" : "EOF while parsing a list");
        if (*s->p == ',') {
            s->p++;
            return l->object ? key(s) : true;
        }
        if (*s->p != (l->object ? '}' : ']'))
            return bad(s, l->object ? "expected `,` or `}`" : "expected `,` or `]`");
        if (!close_container(s))
            return false;
        if (s->depth > 0)
            s->stack[s->depth - 1].count++;
    }
    skip_blanks(s);
    if (s->p != s->end)
        return bad(s, "trailing characters");
    *done = true;
    return true;
}

static bool
document(struct parser *s)
{
    bool opened, done = false;

    while (!done) {
        if (!value(s, &opened))
            return false;
        if (opened) {
            struct level *l = &s->stack[s->depth - 1];
            skip_blanks(s);
            if (s->p == s->end)
                return bad(s, l->object ? "EOF while parsing an object" : "EOF while parsing a list");
            if (*s->p != (l->object ? '}' : ']')) {
                if (l->object && !key(s))
                    return false;
                continue;
            }
            if (!close_container(s))
                return false;
        }
        if (s->depth > 0)
            s->stack[s->depth - 1].count++;
        if (!after_value(s, &done))
            return false;
    }
    return s->out->len - s->base <= UINT32_MAX ? true : bad(s, "document too large");
}

static void
locate(const struct parser *s, struct json_error *error)
{
    *error = (struct json_error){.why = s->why, .line = 1, .column = 1};
    for (const unsigned char *p = s->start; p < s->p && p < s->end; p++) {
        error->column++;
        if (*p == '\n') {
            error->line++;
            error->column = 1;
        }
    }
}

bool
json_parse(struct slice text, unsigned depth_max, struct buf *tape, struct json_error *error)
{
    return json_read(text, (struct json_reading){.depth_max = depth_max}, tape, error);
}

bool
json_read(struct slice text, struct json_reading how, struct buf *tape, struct json_error *error)
{
    struct parser s;
    size_t seen[SEEN_MAX];

    /* Not zeroed as a whole: the stack is large and written before it is read. */
    s.p = s.start = (const unsigned char *)text.ptr;
    s.end = s.p + text.len;
    s.out = tape;
    s.base = tape->len;
    s.depth = 0;
    s.depth_max = how.depth_max < JSON_DEPTH_MAX ? how.depth_max : JSON_DEPTH_MAX;
    s.floats = how.floats;
    s.seen = how.share_keys ? memset(seen, 0, sizeof(seen)) : NULL;
    s.why = NULL;
    s.keys = NULL;
    s.keys_cap = 0;
    bool ok = document(&s);
    mem_free(s.keys);
    if (!ok)
        locate(&s, error);
    return ok;
}
