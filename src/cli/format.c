/* cli/format.c - the five forms of a reply. Recursion is bounded: the reader refuses what is nested too deeply. */
#include "cli/format.h"

#include "base/number.h"

#include <stdio.h>

void
format_quoted(struct slice s, struct buf *out)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        switch (c) {
        case '\\':
        case '"':
            buf_add_char(out, '\\');
            buf_add_char(out, c);
            break;
        case '\n': buf_add_slice(out, LIT("\\n")); break;
        case '\r': buf_add_slice(out, LIT("\\r")); break;
        case '\t': buf_add_slice(out, LIT("\\t")); break;
        case '\a': buf_add_slice(out, LIT("\\a")); break;
        case '\b': buf_add_slice(out, LIT("\\b")); break;
        default:
            if (c >= ' ' && c <= '~')
                buf_add_char(out, c);
            else
                buf_printf(out, "\\x%02x", (unsigned char)c);
        }
    }
    buf_add_char(out, '"');
}

void
format_json_string(struct slice s, struct buf *out)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        switch (c) {
        case '\\':
        case '"':
            buf_add_char(out, '\\');
            buf_add_char(out, (char)c);
            break;
        case '\n': buf_add_slice(out, LIT("\\n")); break;
        case '\f': buf_add_slice(out, LIT("\\f")); break;
        case '\r': buf_add_slice(out, LIT("\\r")); break;
        case '\t': buf_add_slice(out, LIT("\\t")); break;
        case '\b': buf_add_slice(out, LIT("\\b")); break;
        default:
            if (c < ' ')
                buf_printf(out, "\\u%04x", c);
            else
                buf_add_char(out, (char)c);
        }
    }
    buf_add_char(out, '"');
}

/* ---- for people -------------------------------------------------------------------------------------------------- */

static void
coloured(const struct format *f, const char *colour, const char *text, size_t len, struct buf *out)
{
    if (f->colours != NULL && colour != NULL) {
        buf_add_slice(out, slice_cstr(colour));
        buf_add(out, text, len);
        buf_add_slice(out, slice_cstr(f->colours->reset));
    } else {
        buf_add(out, text, len);
    }
}

#define COLOUR(f, name) ((f)->colours != NULL ? (f)->colours->name : NULL)

/* Whether the value takes more than one line, so that as the value of a map it starts on a line of its own. */
static bool
many_lines(const struct resp_value *v)
{
    while (resp_is_aggregate(v)) {
        size_t per_item = v->type == RESP_MAP ? 2 : 1;
        if (v->count == 0)
            return false;
        if (v->count > per_item)
            return true;
        v = &v->items[per_item - 1];
    }
    return false;
}

static void standard(const struct format *f, const struct resp_value *v, size_t indent, struct buf *out);

static void
blanks(struct buf *out, size_t n)
{
    memset(buf_room(out, n), ' ', n);
    buf_advance(out, n);
}

static void
standard_aggregate(const struct format *f, const struct resp_value *v, size_t indent, struct buf *out)
{
    static const char marks[] = {[RESP_ARRAY] = ')', [RESP_MAP] = '#', [RESP_SET] = '~', [RESP_PUSH] = ')'};
    static const char *const empty[] = {[RESP_ARRAY] = "(empty array)\n",
                                        [RESP_MAP] = "(empty hash)\n",
                                        [RESP_SET] = "(empty set)\n",
                                        [RESP_PUSH] = "(empty push)\n"};
    char number[INT64_TEXT_MAX + 4];
    size_t step = v->type == RESP_MAP ? 2 : 1, n = v->count / step;

    if (n == 0) {
        coloured(f, COLOUR(f, nil), empty[v->type], strlen(empty[v->type]), out);
        return;
    }
    size_t width = format_uint64(number, n);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            blanks(out, indent);
        int len = snprintf(number, sizeof(number), "%*zu%c ", (int)width, i + 1, marks[v->type]);
        coloured(f, COLOUR(f, index), number, (size_t)len, out);
        standard(f, &v->items[i * step], indent + width + 2, out);
        if (v->type != RESP_MAP)
            continue;
        out->len--; /* the key's end of line */
        buf_add_slice(out, LIT(" => "));
        if (many_lines(&v->items[i * 2 + 1])) {
            buf_add_char(out, '\n');
            blanks(out, indent + width + 2);
        }
        standard(f, &v->items[i * 2 + 1], indent + width + 2, out);
    }
}

static void
labelled(const struct format *f, const char *colour, const char *label, struct slice text, struct buf *out)
{
    coloured(f, colour, label, strlen(label), out);
    coloured(f, colour, text.ptr, text.len, out);
    buf_add_char(out, '\n');
}

/* A string in the quotes of format_quoted(); where colours are on, one that is UTF-8 to be read stays so. */
static void
standard(const struct format *f, const struct resp_value *v, size_t indent, struct buf *out)
{
    switch (v->type) {
    case RESP_ERROR: labelled(f, COLOUR(f, error), "(error) ", v->text, out); break;
    case RESP_STATUS: labelled(f, COLOUR(f, status), "", v->text, out); break;
    case RESP_VERBATIM: labelled(f, NULL, "", v->text, out); break;
    case RESP_INTEGER: labelled(f, COLOUR(f, number), "(integer) ", v->text, out); break;
    case RESP_DOUBLE: labelled(f, COLOUR(f, number), "(double) ", v->text, out); break;
    case RESP_BIGNUM: labelled(f, COLOUR(f, number), "(big number) ", v->text, out); break;
    case RESP_BOOL: labelled(f, COLOUR(f, number), v->integer != 0 ? "(true)" : "(false)", LIT(""), out); break;
    case RESP_NIL: labelled(f, COLOUR(f, nil), "(nil)", LIT(""), out); break;
    case RESP_STRING: {
        struct buf quoted = {0};
        format_quoted(v->text, &quoted);
        labelled(f, COLOUR(f, string), "", buf_slice(&quoted), out);
        buf_fini(&quoted);
        break;
    }
    case RESP_ARRAY:
    case RESP_MAP:
    case RESP_SET:
    case RESP_PUSH: standard_aggregate(f, v, indent, out); break;
    }
}

/* ---- for programs ------------------------------------------------------------------------------------------------ */

static void
raw(const struct format *f, const struct resp_value *v, struct buf *out)
{
    switch (v->type) {
    case RESP_NIL: break;
    case RESP_BOOL: buf_add_slice(out, v->integer != 0 ? LIT("(true)") : LIT("(false)")); break;
    case RESP_ERROR:
        buf_add_slice(out, v->text);
        buf_add_char(out, '\n');
        break;
    case RESP_ARRAY:
    case RESP_SET:
    case RESP_PUSH:
        for (size_t i = 0; i < v->count; i++) {
            if (i > 0)
                buf_add_slice(out, f->item_delimiter);
            raw(f, &v->items[i], out);
        }
        break;
    case RESP_MAP:
        for (size_t i = 0; i + 1 < v->count; i += 2) {
            if (i > 0)
                buf_add_slice(out, f->item_delimiter);
            raw(f, &v->items[i], out);
            buf_add_char(out, ' ');
            raw(f, &v->items[i + 1], out);
        }
        break;
    default: buf_add_slice(out, v->text); break;
    }
}

static void
csv(const struct resp_value *v, struct buf *out)
{
    switch (v->type) {
    case RESP_NIL: buf_add_slice(out, LIT("NULL")); break;
    case RESP_BOOL: buf_add_slice(out, v->integer != 0 ? LIT("true") : LIT("false")); break;
    case RESP_INTEGER:
    case RESP_BIGNUM:
    case RESP_DOUBLE: buf_add_slice(out, v->text); break;
    case RESP_ERROR: buf_add_slice(out, LIT("ERROR,")); /* fall through */
    case RESP_STATUS:
    case RESP_STRING:
    case RESP_VERBATIM: format_quoted(v->text, out); break;
    case RESP_ARRAY:
    case RESP_SET:
    case RESP_PUSH:
    case RESP_MAP:
        for (size_t i = 0; i < v->count; i++) {
            if (i > 0)
                buf_add_char(out, ',');
            csv(&v->items[i], out);
        }
        break;
    }
}

static void
json_text(const struct format *f, struct slice s, struct buf *out)
{
    if (f->output == OUTPUT_JSON) {
        format_json_string(s, out);
        return;
    }
    /* --quoted-json: the typed form, inside JSON's quotes instead of its own. */
    struct buf quoted = {0};
    format_quoted(s, &quoted);
    format_json_string(slice_of(quoted.ptr + 1, quoted.len - 2), out);
    buf_fini(&quoted);
}

static void json(const struct format *f, const struct resp_value *v, struct buf *out);

/* JSON has only strings as keys: another key is the text of its JSON, as a string. */
static void
json_key(const struct format *f, const struct resp_value *v, struct buf *out)
{
    if (resp_is_text(v)) {
        json(f, v, out);
        return;
    }
    struct buf text = {0};
    json(f, v, &text);
    format_json_string(buf_slice(&text), out);
    buf_fini(&text);
}

static void
json(const struct format *f, const struct resp_value *v, struct buf *out)
{
    switch (v->type) {
    case RESP_NIL: buf_add_slice(out, LIT("null")); break;
    case RESP_BOOL: buf_add_slice(out, v->integer != 0 ? LIT("true") : LIT("false")); break;
    case RESP_INTEGER:
    case RESP_BIGNUM:
    case RESP_DOUBLE: buf_add_slice(out, v->text); break;
    case RESP_ERROR: buf_add_slice(out, LIT("error:")); /* fall through */
    case RESP_STATUS:
    case RESP_STRING:
    case RESP_VERBATIM: json_text(f, v->text, out); break;
    case RESP_ARRAY:
    case RESP_SET:
    case RESP_PUSH:
        buf_add_char(out, '[');
        for (size_t i = 0; i < v->count; i++) {
            if (i > 0)
                buf_add_char(out, ',');
            json(f, &v->items[i], out);
        }
        buf_add_char(out, ']');
        break;
    case RESP_MAP:
        buf_add_char(out, '{');
        for (size_t i = 0; i + 1 < v->count; i += 2) {
            if (i > 0)
                buf_add_char(out, ',');
            json_key(f, &v->items[i], out);
            buf_add_char(out, ':');
            json(f, &v->items[i + 1], out);
        }
        buf_add_char(out, '}');
        break;
    }
}

void
format_reply(const struct format *f, const struct resp_value *v, struct buf *out)
{
    switch (f->output) {
    case OUTPUT_STANDARD: standard(f, v, 0, out); break;
    case OUTPUT_RAW: raw(f, v, out); break;
    case OUTPUT_CSV:
        csv(v, out);
        buf_add_char(out, '\n');
        break;
    case OUTPUT_JSON:
    case OUTPUT_QUOTED_JSON:
        json(f, v, out);
        buf_add_char(out, '\n');
        break;
    }
}
