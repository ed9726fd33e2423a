/* value/json_print.c - a document's bytes to JSON text, without recursion. */
#include "value/json_priv.h"

#include "base/check.h"
#include "base/number.h"

struct level {
    json_node end;
    bool object;
};

/* Strings that must be looked at byte by byte: what JSON demands to be escaped, in the short form where there is one.
 */
static void
escaped(struct slice s, struct buf *out)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *p = (const unsigned char *)s.ptr, *end = p + s.len;

    while (p < end) {
        const unsigned char *from = p;
        while (p < end && *p >= 0x20 && *p != '"' && *p != '\\')
            p++;
        buf_add(out, from, (size_t)(p - from));
        if (p == end)
            break;
        unsigned c = *p++;
        buf_add_char(out, '\\');
        switch (c) {
        case '\b': buf_add_char(out, 'b'); break;
        case '\f': buf_add_char(out, 'f'); break;
        case '\n': buf_add_char(out, 'n'); break;
        case '\r': buf_add_char(out, 'r'); break;
        case '\t': buf_add_char(out, 't'); break;
        case '"':
        case '\\': buf_add_char(out, (char)c); break;
        default:
            buf_add(out, "u00", 3);
            buf_add_char(out, hex[c >> 4]);
            buf_add_char(out, hex[c & 15]);
        }
    }
}

void
json_print_string(struct slice s, struct buf *out)
{
    buf_add_char(out, '"');
    escaped(s, out);
    buf_add_char(out, '"');
}

/* Into one reservation. */
static inline void
plain(struct buf *out, const unsigned char *from, size_t len)
{
    char *p = buf_room(out, len + 4);

    p[0] = '"';
    memcpy(p + 1, from, len);
    p[len + 1] = '"';
    out->len += len + 2;
}

static void
new_line(const struct json_format *f, unsigned level, struct buf *out)
{
    buf_add_slice(out, f->newline);
    for (unsigned i = 0; i < level; i++)
        buf_add_slice(out, f->indent);
}

/* An array without tags; never an empty one. */
static void
packed(json_node n, const struct json_format *f, unsigned level, struct buf *out)
{
    unsigned width = json__width(n);
    const unsigned char *end = n + json__size(n);

    buf_add_char(out, '[');
    for (const unsigned char *at = n + PACKED_HEAD; at < end; at += width) {
        if (f != NULL)
            new_line(f, level + 1, out);
        json__print_element(n, at, out);
        if (at + width < end)
            buf_add_char(out, ',');
    }
    if (f != NULL)
        new_line(f, level, out);
    buf_add_char(out, ']');
}

/* A value without tags inside. */
static inline json_node
scalar(json_node n, struct buf *out)
{
    unsigned tag = *n;
    int64_t i;
    uint64_t u;

    if (tag >= TAG_SHORT && tag < TAG_NULL) {
        plain(out, n + 1, tag - TAG_SHORT);
        return n + 1 + (tag - TAG_SHORT);
    }
    switch (tag) {
    case TAG_NULL: buf_add(out, "null", 4); break;
    case TAG_FALSE: buf_add(out, "false", 5); break;
    case TAG_TRUE: buf_add(out, "true", 4); break;
    case TAG_DOUBLE: buf_add(out, n + 2, n[1]); break;
    case TAG_UINT64:
        memcpy(&u, n + 1, 8);
        out->len += format_uint64(buf_room(out, INT64_TEXT_MAX), u);
        break;
    case TAG_TEXT8: plain(out, n + 2, n[1]); break;
    case TAG_TEXT32: plain(out, n + 5, json__load32(n + 1)); break;
    case TAG_ESCAPE8:
    case TAG_ESCAPE32: json_print_string(json_string(n), out); break;
    case TAG_REAL: out->len += json__double_text(buf_room(out, JSON_SCALAR_MAX), json_double(n)); break;
    case TAG_PACKED: packed(n, NULL, 0, out); break;
    default:
        i = 0;
        json_int64(n, &i);
        out->len += format_int64(buf_room(out, INT64_TEXT_MAX), i);
    }
    return n + json__size(n);
}

/* A key, which may be a reference. */
static inline json_node
name(json_node n, struct buf *out)
{
    if (*n != TAG_KEY)
        return scalar(n, out);
    scalar(json__key(n), out);
    return n + KEY_SIZE;
}

static void
compact(json_node n, struct buf *out)
{
    struct level stack[JSON_DEPTH_MAX], *top = stack;
    bool key = false; /* a key comes next */

    for (;;) {
        if (json__is_container(n)) {
            bool object = *n == TAG_OBJECT;
            CHECK(top < stack + JSON_DEPTH_MAX);
            *top++ = (struct level){n + json__size(n), object};
            buf_add_char(out, object ? '{' : '[');
            n += CONTAINER_HEAD;
            key = object;
        } else if (key) {
            n = name(n, out);
            buf_add_char(out, ':');
            key = false;
            continue;
        } else {
            n = scalar(n, out);
            if (top == stack)
                return;
            if (n != top[-1].end) {
                buf_add_char(out, ',');
                key = top[-1].object;
                continue;
            }
        }
        while (n == top[-1].end) {
            top--;
            buf_add_char(out, top->object ? '}' : ']');
            if (top == stack)
                return;
            if (n != top[-1].end) {
                buf_add_char(out, ',');
                key = top[-1].object;
            }
        }
    }
}

void
json_print_at(json_node n, const struct json_format *f, unsigned level, struct buf *out)
{
    struct level stack[JSON_DEPTH_MAX];
    unsigned depth = 0;

    if (f == NULL || f->indent.len + f->newline.len + f->space.len == 0) {
        compact(n, out);
        return;
    }
    for (;;) {
        bool opened = json__is_container(n);
        if (opened) {
            bool object = *n == TAG_OBJECT;
            CHECK(depth < JSON_DEPTH_MAX);
            stack[depth++] = (struct level){n + json__size(n), object};
            buf_add_char(out, object ? '{' : '[');
            n += CONTAINER_HEAD;
        } else if (*n == TAG_PACKED) {
            packed(n, f, level + depth, out);
            n += json__size(n);
        } else {
            n = scalar(n, out);
        }
        bool empty = opened && n == stack[depth - 1].end;
        while (depth > 0 && n == stack[depth - 1].end) {
            depth--;
            if (!empty)
                new_line(f, level + depth, out);
            empty = false;
            buf_add_char(out, stack[depth].object ? '}' : ']');
            opened = false;
        }
        if (depth == 0)
            return;
        if (!opened)
            buf_add_char(out, ',');
        new_line(f, level + depth, out);
        if (stack[depth - 1].object) {
            n = name(n, out);
            buf_add_char(out, ':');
            buf_add_slice(out, f->space);
        }
    }
}

void
json_print(json_node n, const struct json_format *format, struct buf *out)
{
    json_print_at(n, format, 0, out);
}
