/* client/json.c - sorrel/json.h: a scanner with a stack of bits, and what can be said with it. */
#include "sorrel/json.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/number.h"
#include "client/command_priv.h"

enum { DEPTH_MAX = 512 };

struct scan {
    const unsigned char *p, *end;
    unsigned char object[DEPTH_MAX / 8]; /* whether level i is an object */
    int depth;
    /* The member searched for: its text, quotes and all undone. NULL: none. */
    const char *name;
    const unsigned char *found, *found_end;
};

static void
skip_blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

/* The length of the UTF-8 sequence at p, 0 if there is none. */
static size_t
utf8_length(const unsigned char *p, const unsigned char *end)
{
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
               : (p[0] & 0xf0) == 0xe0       ? 3
               : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                             : 0;

    if (n == 0 || (size_t)(end - p) < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, beyond U+10FFFF. */
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static bool
scan_string(struct scan *s)
{
    if (s->p == s->end || *s->p != '"')
        return false;
    for (s->p++; s->p < s->end && *s->p != '"';) {
        if (*s->p < 0x20)
            return false;
        if (*s->p != '\\') {
            size_t n = utf8_length(s->p, s->end);
            if (n == 0)
                return false;
            s->p += n;
            continue;
        }
        if (s->end - s->p < 2)
            return false;
        if (s->p[1] == 'u') {
            if (s->end - s->p < 6)
                return false;
            for (int i = 2; i < 6; i++)
                if (hex_digit((char)s->p[i]) < 0)
                    return false;
            s->p += 6;
        } else {
            if (s->p[1] == '\0' || strchr("\"\\/bfnrt", s->p[1]) == NULL)
                return false;
            s->p += 2;
        }
    }
    if (s->p == s->end)
        return false;
    s->p++;
    return true;
}

static bool
scan_digits(struct scan *s)
{
    const unsigned char *from = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > from;
}

static bool
scan_number(struct scan *s)
{
    if (s->p < s->end && *s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (!scan_digits(s))
        return false;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!scan_digits(s))
            return false;
    }
    if (s->p < s->end && (*s->p | 0x20) == 'e') {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        return scan_digits(s);
    }
    return true;
}

static bool
scan_word(struct scan *s, struct slice word)
{
    if ((size_t)(s->end - s->p) < word.len || memcmp(s->p, word.ptr, word.len) != 0)
        return false;
    s->p += word.len;
    return true;
}

static bool
in_object(const struct scan *s)
{
    return s->object[(s->depth - 1) / 8] >> ((s->depth - 1) % 8) & 1;
}

static bool
push(struct scan *s, bool object)
{
    if (s->depth == DEPTH_MAX)
        return false;
    int i = s->depth++;
    s->object[i / 8] = (unsigned char)((s->object[i / 8] & ~(1u << (i % 8))) | (unsigned)object << (i % 8));
    return true;
}

static bool
same_name(const struct scan *s, const unsigned char *from)
{
    size_t len, n = strlen(s->name);
    char *quoted = command__dup((const char *)from, (size_t)(s->p - from));
    char *name = sorrel_json_unquote(quoted, &len);
    bool same = name != NULL && len == n && memcmp(name, s->name, n) == 0;

    mem_free(quoted);
    mem_free(name);
    return same;
}

/* A member's name and its colon. Notes where the value begins if it is the one searched for. */
static bool
scan_name(struct scan *s)
{
    const unsigned char *from = s->p;

    if (!scan_string(s))
        return false;
    bool wanted = s->depth == 1 && s->name != NULL && same_name(s, from);
    skip_blanks(s);
    if (s->p == s->end || *s->p++ != ':')
        return false;
    skip_blanks(s);
    if (wanted) {
        s->found = s->p;
        s->found_end = NULL;
    }
    return true;
}

/* What follows a value that is complete: closing brackets, or a comma and the next member's name. *more: another value
 * is expected now. */
static bool
after_value(struct scan *s, bool *more)
{
    for (;;) {
        if (s->depth == 1 && s->found != NULL && s->found_end == NULL)
            s->found_end = s->p;
        skip_blanks(s);
        if (s->depth == 0) {
            *more = false;
            return s->p == s->end;
        }
        if (s->p == s->end)
            return false;
        unsigned char c = *s->p++;
        if (c == ',') {
            skip_blanks(s);
            *more = true;
            return !in_object(s) || scan_name(s);
        }
        if (c != (in_object(s) ? '}' : ']'))
            return false;
        s->depth--;
    }
}

static bool
scan(struct scan *s)
{
    bool more = true;

    skip_blanks(s);
    while (more) {
        if (s->p == s->end)
            return false;
        bool ok;
        if (*s->p == '{' || *s->p == '[') {
            bool object = *s->p++ == '{';
            if (!push(s, object))
                return false;
            skip_blanks(s);
            if (s->p < s->end && *s->p == (object ? '}' : ']')) {
                s->p++;
                s->depth--;
            } else {
                if (object && !scan_name(s))
                    return false;
                continue;
            }
            ok = true;
        } else if (*s->p == '"') {
            ok = scan_string(s);
        } else if (*s->p == 't') {
            ok = scan_word(s, LIT("true"));
        } else if (*s->p == 'f') {
            ok = scan_word(s, LIT("false"));
        } else if (*s->p == 'n') {
            ok = scan_word(s, LIT("null"));
        } else {
            ok = scan_number(s);
        }
        if (!ok || !after_value(s, &more))
            return false;
    }
    return true;
}

bool
sorrel_json_valid(const char *text, size_t len)
{
    struct scan s = {.p = (const unsigned char *)text, .end = (const unsigned char *)text + len};

    return scan(&s);
}

char *
sorrel_json_member(const char *json, const char *name)
{
    struct slice all = slice_cstr(json != NULL ? json : "");
    struct scan s = {
        .p = (const unsigned char *)all.ptr, .end = (const unsigned char *)all.ptr + all.len, .name = name};

    if (!scan(&s) || s.found == NULL)
        return NULL;
    return command__dup((const char *)s.found, (size_t)(s.found_end - s.found));
}

/* ---- strings ----------------------------------------------------------------------------------------------------- */

char *
sorrel_json_quote(const char *text, size_t len)
{
    static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    struct buf b = {0};

    buf_add_char(&b, '"');
    while (p < end) {
        size_t n = utf8_length(p, end);
        if (n == 0) {
            buf_add(&b, "\xef\xbf\xbd", 3);
            p++;
            continue;
        }
        const char *escape = NULL;
        for (size_t i = 0; n == 1 && i + 1 < sizeof(escapes); i += 2)
            if (escapes[i] == (char)*p)
                escape = &escapes[i + 1];
        if (escape != NULL) {
            buf_add_char(&b, '\\');
            buf_add_char(&b, *escape);
        } else if (*p < 0x20) {
            buf_printf(&b, "\\u%04x", *p);
        } else {
            buf_add(&b, p, n);
        }
        p += n;
    }
    buf_add(&b, "\"", 2);
    return buf_take(&b, &len);
}

static void
add_utf8(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_add_char(b, (char)c);
    } else if (c < 0x800) {
        buf_add_char(b, (char)(0xc0 | c >> 6));
        buf_add_char(b, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        buf_add_char(b, (char)(0xe0 | c >> 12));
        buf_add_char(b, (char)(0x80 | (c >> 6 & 63)));
        buf_add_char(b, (char)(0x80 | (c & 63)));
    } else {
        buf_add_char(b, (char)(0xf0 | c >> 18));
        buf_add_char(b, (char)(0x80 | (c >> 12 & 63)));
        buf_add_char(b, (char)(0x80 | (c >> 6 & 63)));
        buf_add_char(b, (char)(0x80 | (c & 63)));
    }
}

static uint32_t
four_hex(const unsigned char *p)
{
    return (uint32_t)(hex_digit((char)p[0]) << 12 | hex_digit((char)p[1]) << 8 | hex_digit((char)p[2]) << 4 |
                      hex_digit((char)p[3]));
}

/* \uXXXX at p, or a pair of them; returns how many bytes they took. A lone surrogate becomes U+FFFD. */
static size_t
add_escape(struct buf *b, const unsigned char *p)
{
    uint32_t c = four_hex(p + 2);

    if (c >= 0xd800 && c < 0xdc00 && p[6] == '\\' && p[7] == 'u') {
        uint32_t low = four_hex(p + 8);
        if (low >= 0xdc00 && low < 0xe000) {
            add_utf8(b, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
            return 12;
        }
    }
    add_utf8(b, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    return 6;
}

char *
sorrel_json_unquote(const char *json, size_t *len)
{
    struct slice all = slice_cstr(json != NULL ? json : "");
    struct scan s = {.p = (const unsigned char *)all.ptr, .end = (const unsigned char *)all.ptr + all.len};
    struct buf b = {0};
    size_t n;

    skip_blanks(&s);
    const unsigned char *p = s.p;
    if (!scan_string(&s))
        return NULL;
    const unsigned char *end = s.p - 1;
    skip_blanks(&s);
    if (s.p != s.end)
        return NULL;
    for (p++; p < end;) {
        if (*p != '\\') {
            buf_add_char(&b, (char)*p++);
        } else if (p[1] == 'u') {
            p += add_escape(&b, p);
        } else {
            static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
            const char *at = strchr(from, p[1]);
            buf_add_char(&b, at != NULL ? to[at - from] : (char)p[1]);
            p += 2;
        }
    }
    n = b.len;
    buf_add_char(&b, '\0');
    if (len != NULL)
        *len = n;
    return buf_take(&b, &n);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* The value without blanks around it. */
static struct slice
bare(const char *json)
{
    struct slice s = slice_cstr(json != NULL ? json : "");

    while (s.len > 0 && strchr(" \t\r\n", s.ptr[0]) != NULL)
        s = slice_skip(s, 1);
    while (s.len > 0 && strchr(" \t\r\n", s.ptr[s.len - 1]) != NULL)
        s.len--;
    return s;
}

bool
sorrel_json_bool(const char *json, bool *out)
{
    struct slice s = bare(json);

    if (!slice_eq(s, LIT("true")) && !slice_eq(s, LIT("false")))
        return false;
    *out = slice_eq(s, LIT("true"));
    return true;
}

bool
sorrel_json_int(const char *json, int64_t *out)
{
    struct slice s = bare(json);
    bool yes;

    if (sorrel_json_bool(json, &yes)) {
        *out = yes;
        return true;
    }
    return sorrel_json_valid(s.ptr, s.len) && parse_int64(s, out);
}

bool
sorrel_json_double(const char *json, double *out)
{
    struct slice s = bare(json);

    return s.len > 0 && s.ptr[0] != '"' && sorrel_json_valid(s.ptr, s.len) && parse_double(s, out);
}
