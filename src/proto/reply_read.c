/* proto/reply_read.c - the scan that needs no memory, and the build that cannot fail.
 *
 * The scan checks everything (lengths, numbers, line ends, nesting); the build relies on that and only CHECKs it.
 */
#include "proto/reply_read.h"

#include "base/check.h"
#include "base/number.h"

#include <math.h>
#include <stdlib.h>

/* A length, count or simple string has to end within this many bytes. Error lines of scripts can be long. */
enum { LINE_MAX_BYTES = 1024 * 1024 };

/* One header line: its type byte and the rest without CR LF. */
struct header {
    char kind;
    struct slice rest;
    size_t bytes; /* of the line with its end */
};

static enum parse_result
bad(struct slice *error, struct slice text)
{
    *error = text;
    return PARSE_BAD;
}

/* Finds the line that starts at `from`; *searched remembers how far an unfinished one was looked through. */
static enum parse_result
read_header(struct slice in, size_t from, size_t *searched, struct header *h, struct slice *error)
{
    struct slice s = slice_skip(in, from);
    size_t at = *searched;
    const char *nl;

    for (;;) {
        nl = at < s.len ? memchr(s.ptr + at, '\n', s.len - at) : NULL;
        if (nl == NULL) {
            *searched = s.len;
            if (s.len > LINE_MAX_BYTES)
                return bad(error, LIT("a line of the reply is too long"));
            return PARSE_MORE;
        }
        at = (size_t)(nl - s.ptr) + 1;
        if (at >= 2 && nl[-1] == '\r')
            break;
    }
    *searched = 0;
    if (at < 3)
        return bad(error, LIT("an empty line where a reply was expected"));
    *h = (struct header){.kind = s.ptr[0], .rest = slice_of(s.ptr + 1, at - 3), .bytes = at};
    return PARSE_DONE;
}

/* Integers as servers send them: a sign in front is fine, "-0" too. */
static bool
header_int(struct slice s, int64_t *out)
{
    if (s.len > 1 && s.ptr[0] == '+' && s.ptr[1] != '-')
        s = slice_skip(s, 1);
    if (slice_eq(s, LIT("-0"))) {
        *out = 0;
        return true;
    }
    return parse_int64(s, out);
}

static bool
header_double(struct slice s, double *out)
{
    if (slice_eq_nocase(s, LIT("nan")) || slice_eq_nocase(s, LIT("-nan"))) {
        *out = NAN;
        return true;
    }
    if (parse_double(s, out))
        return true;
    /* Texts that overflow or underflow are still doubles on the wire; the nearest value stands for them. */
    char text[64], *end;
    if (s.len == 0 || s.len >= sizeof(text) || (!(s.ptr[0] >= '0' && s.ptr[0] <= '9') && s.ptr[0] != '-'))
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    *out = strtod(text, &end);
    return end == text + s.len;
}

static bool
bignum_ok(struct slice s)
{
    size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1 : 0;

    if (i == s.len)
        return false;
    for (; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return true;
}

static bool
is_aggregate_kind(char kind)
{
    return kind == '*' || kind == '%' || kind == '~' || kind == '>' || kind == '|';
}

/* A whole value has been seen: closes every aggregate that it completes. True when the reply is complete. */
static bool
value_done(struct reply_reader *r)
{
    while (r->depth > 0) {
        if (--r->open[r->depth - 1].left > 0)
            return false;
        r->depth--;
        if (r->open[r->depth].attribute)
            return false;
    }
    return true;
}

/* Handles the header of an aggregate. *done says whether it completed the reply (empty ones may). */
static enum parse_result
scan_aggregate(struct reply_reader *r, const struct reply_limits *lim, const struct header *h, bool *done,
               struct slice *error)
{
    int64_t n;
    bool attribute = h->kind == '|';

    *done = false;
    if (!header_int(h->rest, &n) || n < -1 || (n == -1 && h->kind != '*'))
        return bad(error, LIT("a bad number of elements"));
    uint64_t elements = n <= 0 ? 0 : (uint64_t)n;
    if (elements > lim->values_max || r->values + 2 * elements > lim->values_max)
        return bad(error, LIT("the reply has too many elements"));
    if (h->kind == '%' || attribute)
        elements *= 2;
    r->values += elements;
    if (elements == 0) {
        *done = attribute ? false : value_done(r);
        return PARSE_DONE;
    }
    if (r->depth == RESP_DEPTH_MAX)
        return bad(error, LIT("the reply is nested too deeply"));
    r->open[r->depth].left = elements;
    r->open[r->depth].attribute = attribute;
    r->depth++;
    return PARSE_DONE;
}

/* A string with its length in front. *bytes grows by what follows the header. */
static enum parse_result
scan_blob(struct reply_reader *r, const struct reply_limits *lim, struct slice in, const struct header *h,
          size_t *bytes, struct slice *error)
{
    int64_t n;

    if (!header_int(h->rest, &n) || n < -1 || (n == -1 && h->kind != '$'))
        return bad(error, LIT("a bad length of a string"));
    if (n == -1)
        return PARSE_DONE;
    if ((uint64_t)n > lim->bulk_max)
        return bad(error, LIT("a string of the reply is too long"));
    if (h->kind == '=' && n < 4)
        return bad(error, LIT("a verbatim string without format"));
    size_t need = r->scanned + h->bytes + (size_t)n + 2;
    if (in.len < need) {
        r->wants = need;
        return PARSE_MORE;
    }
    const char *text = in.ptr + r->scanned + h->bytes;
    if (memcmp(text + n, "\r\n", 2) != 0)
        return bad(error, LIT("a string without its end of line"));
    if (h->kind == '=' && text[3] != ':')
        return bad(error, LIT("a verbatim string without format"));
    *bytes += (size_t)n + 2;
    return PARSE_DONE;
}

static enum parse_result
scan_scalar(const struct header *h, struct slice *error)
{
    int64_t n;
    double d;

    switch (h->kind) {
    case '+':
    case '-': return PARSE_DONE;
    case ':': return header_int(h->rest, &n) ? PARSE_DONE : bad(error, LIT("a bad integer"));
    case ',': return header_double(h->rest, &d) ? PARSE_DONE : bad(error, LIT("a bad double"));
    case '#':
        if (slice_eq(h->rest, LIT("t")) || slice_eq(h->rest, LIT("f")))
            return PARSE_DONE;
        return bad(error, LIT("a bad boolean"));
    case '(': return bignum_ok(h->rest) ? PARSE_DONE : bad(error, LIT("a bad big number"));
    case '_': return h->rest.len == 0 ? PARSE_DONE : bad(error, LIT("a bad null"));
    default: return bad(error, LIT("an unknown type of reply"));
    }
}

static enum parse_result
scan(struct reply_reader *r, const struct reply_limits *lim, struct slice in, struct slice *error)
{
    for (;;) {
        struct header h;
        bool done = false;
        enum parse_result res = read_header(in, r->scanned, &r->searched, &h, error);

        if (res != PARSE_DONE)
            return res;
        size_t bytes = h.bytes;
        if (is_aggregate_kind(h.kind)) {
            res = scan_aggregate(r, lim, &h, &done, error);
        } else {
            if (h.kind == '$' || h.kind == '=' || h.kind == '!')
                res = scan_blob(r, lim, in, &h, &bytes, error);
            else
                res = scan_scalar(&h, error);
            done = res == PARSE_DONE && value_done(r);
        }
        if (res != PARSE_DONE)
            return res;
        r->scanned += bytes;
        if (done)
            return PARSE_DONE;
    }
}

/* Fills v from the scalar at *at; the scan has checked it. */
static void
build_scalar(struct resp_value *v, struct slice in, size_t *at)
{
    struct header h;
    struct slice error;
    size_t searched = 0;
    int64_t n = 0;

    CHECK(read_header(in, *at, &searched, &h, &error) == PARSE_DONE);
    *at += h.bytes;
    v->text = h.rest;
    switch (h.kind) {
    case '+': v->type = RESP_STATUS; return;
    case '-': v->type = RESP_ERROR; return;
    case '(': v->type = RESP_BIGNUM; return;
    case ':':
        v->type = RESP_INTEGER;
        CHECK(header_int(h.rest, &v->integer));
        return;
    case ',':
        v->type = RESP_DOUBLE;
        CHECK(header_double(h.rest, &v->number));
        return;
    case '#':
        v->type = RESP_BOOL;
        v->integer = h.rest.ptr[0] == 't';
        return;
    case '_': v->type = RESP_NIL; return;
    default: break;
    }
    CHECK(header_int(h.rest, &n));
    if (n < 0) {
        v->type = RESP_NIL;
        v->null_array = h.kind == '*';
        v->text = slice_of(h.rest.ptr, 0);
        return;
    }
    v->text = slice_of(in.ptr + *at, (size_t)n);
    *at += (size_t)n + 2;
    v->type = h.kind == '!' ? RESP_ERROR : RESP_STRING;
    if (h.kind == '=') {
        v->type = RESP_VERBATIM;
        memcpy(v->format, v->text.ptr, sizeof(v->format));
        v->text = slice_skip(v->text, 4);
    }
}

static enum resp_type
aggregate_type(char kind)
{
    switch (kind) {
    case '*': return RESP_ARRAY;
    case '~': return RESP_SET;
    case '>': return RESP_PUSH;
    default: return RESP_MAP;
    }
}

struct building {
    struct resp_value *next, *end;
    struct resp_value *attributes; /* read, waiting for the value they belong to */
};

/* Builds the tree of the whole reply in `in`. Level 0 of the stack is a list of one: the reply itself. */
static const struct resp_value *
build(struct reply_reader *r, struct slice in)
{
    struct building stack[2 * RESP_DEPTH_MAX + 2];
    size_t depth = 1, at = 0;
    struct resp_value *root = arena_get(&r->arena, sizeof(*root));

    stack[0] = (struct building){root, root + 1, NULL};
    while (depth > 0) {
        struct building *top = &stack[depth - 1];
        if (top->next == top->end) {
            depth--;
            continue;
        }
        char kind = in.ptr[at];
        struct resp_value *v = kind == '|' ? arena_get(&r->arena, sizeof(*v)) : top->next++;
        *v = (struct resp_value){.type = RESP_NIL};
        if (kind == '|') {
            v->attributes = top->attributes;
            top->attributes = v;
        } else {
            v->attributes = top->attributes;
            top->attributes = NULL;
        }
        if (!is_aggregate_kind(kind) || (kind == '*' && in.ptr[at + 1] == '-' && in.ptr[at + 2] == '1')) {
            build_scalar(v, in, &at);
            continue;
        }
        struct header h;
        struct slice error;
        size_t searched = 0;
        int64_t n = 0;
        CHECK(read_header(in, at, &searched, &h, &error) == PARSE_DONE && header_int(h.rest, &n));
        at += h.bytes;
        v->type = aggregate_type(kind);
        v->count = (size_t)n * (v->type == RESP_MAP ? 2 : 1);
        if (v->count == 0)
            continue;
        v->items = arena_array(&r->arena, v->count, sizeof(*v));
        CHECK(depth < sizeof(stack) / sizeof(stack[0]));
        stack[depth++] = (struct building){v->items, v->items + v->count, NULL};
    }
    CHECK(at == in.len);
    return root;
}

void
reply_reader_reset(struct reply_reader *r)
{
    arena_reset(&r->arena);
    r->scanned = r->searched = r->wants = 0;
    r->values = 0;
    r->depth = 0;
}

void
reply_reader_fini(struct reply_reader *r)
{
    arena_fini(&r->arena);
    reply_reader_reset(r);
}

enum parse_result
reply_read(struct reply_reader *r, const struct reply_limits *lim, struct slice in, size_t *used,
           const struct resp_value **out, struct slice *error)
{
    if (r->scanned == 0 && r->searched == 0)
        arena_reset(&r->arena);
    r->wants = 0;
    enum parse_result res = scan(r, lim, in, error);
    if (res != PARSE_DONE)
        return res;
    *used = r->scanned;
    arena_reset(&r->arena);
    *out = build(r, slice_of(in.ptr, r->scanned));
    r->scanned = r->searched = 0;
    r->values = 0;
    r->depth = 0;
    return PARSE_DONE;
}

enum parse_result
reply_skip(struct reply_reader *r, const struct reply_limits *lim, struct slice in, size_t *used, enum resp_type *type,
           struct slice *error)
{
    r->wants = 0;
    enum parse_result res = scan(r, lim, in, error);
    if (res != PARSE_DONE)
        return res;
    *used = r->scanned;
    switch (in.ptr[0]) {
    case '-':
    case '!': *type = RESP_ERROR; break;
    case '>': *type = RESP_PUSH; break;
    case '+': *type = RESP_STATUS; break;
    case ':': *type = RESP_INTEGER; break;
    case '*':
    case '%':
    case '~': *type = aggregate_type(in.ptr[0]); break;
    default: *type = RESP_STRING; break;
    }
    r->scanned = r->searched = 0;
    r->values = 0;
    r->depth = 0;
    return PARSE_DONE;
}

static void
copy_into(struct arena *mem, const struct resp_value *v, struct resp_value *to)
{
    *to = *v;
    if (!resp_is_aggregate(v)) {
        to->text = arena_copy(mem, v->text);
    } else if (v->count > 0) {
        /* Recursion is bounded: the reader refuses what is nested too deeply. */
        to->items = arena_array(mem, v->count, sizeof(*to->items));
        for (size_t i = 0; i < v->count; i++)
            copy_into(mem, &v->items[i], &to->items[i]);
    }
    if (v->attributes != NULL)
        to->attributes = resp_copy(mem, v->attributes);
}

struct resp_value *
resp_copy(struct arena *mem, const struct resp_value *v)
{
    struct resp_value *to = arena_get(mem, sizeof(*to));

    copy_into(mem, v, to);
    return to;
}
