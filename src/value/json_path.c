/* value/json_path.c - reading paths. */
#include "value/json_path_priv.h"

#include "base/mem.h"
#include "base/number.h"
#include "base/utf8.h"
#include "value/json_priv.h"

enum { SEGMENTS_MAX = 256, OPERATORS_MAX = 256 };
#define INTEGER_MAX ((INT64_C(1) << 53) - 1)

struct reader {
    struct arena *arena;
    const char *start, *p, *end;
    const char *why;
    unsigned depth, operators; /* both bounded, because evaluating recurses over them */
};

static bool path(struct reader *r, struct json_path *out);
static struct json_expr *or_expr(struct reader *r);
static struct json_expr *basic(struct reader *r);

static bool
bad(struct reader *r, const char *why)
{
    if (r->why == NULL)
        r->why = why;
    return false;
}

static void
blanks(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool
at(const struct reader *r, const char *word)
{
    size_t n = strlen(word);

    return (size_t)(r->end - r->p) >= n && memcmp(r->p, word, n) == 0;
}

static bool
take(struct reader *r, const char *word)
{
    if (!at(r, word))
        return false;
    r->p += strlen(word);
    return true;
}

/* -- names, strings, numbers ------------------------------------------------------------------------------------ */

/* Anything but what ends a name; the RFC allows less, but documents have such keys and the dialects took them. */
static bool
is_name_byte(char c)
{
    return (unsigned char)c > ' ' && strchr(".[]()'\"?@!=<>&|,:*~", c) == NULL;
}

static bool
bare_name(struct reader *r, struct slice *out)
{
    const char *from = r->p;

    while (r->p < r->end && is_name_byte(*r->p))
        r->p++;
    *out = slice_of(from, (size_t)(r->p - from));
    return r->p > from ? true : bad(r, "a name is missing");
}

/* Valid text without control characters: what may stand between quotes as it is. */
static bool
is_clean(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr, *end = p + s.len;

    while (p < end) {
        unsigned n = utf8_length(p, end);
        if (*p < ' ' || n == 0)
            return false;
        p += n;
    }
    return true;
}

/* The text between quotes as a JSON string. Of the quotes only the one around it may be escaped. False for the other.
 */
static bool
requote(struct slice raw, char quote, struct buf *json)
{
    buf_add_char(json, '"');
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c != '\\') {
            if (c == '"')
                buf_add_char(json, '\\');
            buf_add_char(json, c);
            continue;
        }
        char next = raw.ptr[++i];
        if ((next == '"' || next == '\'') && next != quote)
            return false;
        if (next != '\'')
            buf_add_char(json, '\\');
        buf_add_char(json, next);
    }
    buf_add_char(json, '"');
    return true;
}

/* In either kind of quotes. It is rewritten as JSON and read by the JSON parser, which knows all about escapes. */
static bool
quoted(struct reader *r, json_node *node, struct slice *out)
{
    struct buf json = {0}, tape = {0};
    struct json_error error;
    char quote = *r->p++;
    const char *from = r->p;
    bool plain = true, ok = true;

    for (; r->p < r->end && *r->p != quote; r->p++) {
        if (*r->p == '\\') {
            plain = false;
            if (++r->p == r->end)
                break;
        }
    }
    if (r->p >= r->end)
        return bad(r, "a string has no end");
    struct slice raw = slice_of(from, (size_t)(r->p - from));
    r->p++;
    if (plain && node == NULL) {
        *out = raw;
        return is_clean(raw) ? true : bad(r, "a string has invalid characters");
    }
    ok = requote(raw, quote, &json) && json_parse(buf_slice(&json), 1, &tape, &error);
    if (ok) {
        struct slice kept = arena_copy(r->arena, buf_slice(&tape));
        *out = json_string((json_node)kept.ptr);
        if (node != NULL)
            *node = (json_node)kept.ptr;
    }
    buf_fini(&json);
    buf_fini(&tape);
    return ok ? true : bad(r, "a string has an invalid escape");
}

static bool
integer(struct reader *r, int64_t *out)
{
    const char *from = r->p;

    if (r->p < r->end && *r->p == '-')
        r->p++;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    /* No further than a double counts exactly: RFC 9535, 2.1. */
    bool ok = parse_int64(slice_of(from, (size_t)(r->p - from)), out) && *out <= INTEGER_MAX && *out >= -INTEGER_MAX;
    return ok ? true : bad(r, "a number is invalid");
}

static bool
is_integer(const struct reader *r)
{
    return r->p < r->end && (*r->p == '-' || (*r->p >= '0' && *r->p <= '9'));
}

/* -- selectors -------------------------------------------------------------------------------------------------- */

static bool
index_or_slice(struct reader *r, struct json_selector *s)
{
    s->kind = SELECT_INDEX;
    s->step = 1;
    if (is_integer(r)) {
        if (!integer(r, &s->from))
            return false;
        s->has_from = true;
    }
    blanks(r);
    if (!take(r, ":"))
        return s->has_from ? true : bad(r, "a selector is missing");
    s->kind = SELECT_SLICE;
    blanks(r);
    if (is_integer(r)) {
        if (!integer(r, &s->to))
            return false;
        s->has_to = true;
    }
    blanks(r);
    if (take(r, ":")) {
        blanks(r);
        if (is_integer(r) && !integer(r, &s->step))
            return false;
    }
    return true;
}

static bool
selector(struct reader *r, struct json_selector *s)
{
    blanks(r);
    if (r->p == r->end)
        return bad(r, "a bracket has no end");
    if (*r->p == '\'' || *r->p == '"') {
        s->kind = SELECT_NAME;
        return quoted(r, NULL, &s->name);
    }
    if (take(r, "*")) {
        s->kind = SELECT_WILD;
        return true;
    }
    if (take(r, "?")) {
        s->kind = SELECT_FILTER;
        s->filter = or_expr(r);
        return s->filter != NULL;
    }
    return index_or_slice(r, s);
}

/* Behind the bracket. */
static bool
union_of(struct reader *r, struct json_path_segment *seg)
{
    struct json_selector **tail = &seg->selectors;

    for (;;) {
        struct json_selector *s = arena_get(r->arena, sizeof(*s));
        *s = (struct json_selector){0};
        *tail = s;
        tail = &s->next;
        if (!selector(r, s))
            return false;
        blanks(r);
        if (take(r, "]"))
            return true;
        if (!take(r, ","))
            return bad(r, "a bracket has no end");
    }
}

static bool
segment(struct reader *r, struct json_path_segment *seg)
{
    struct json_selector *s;

    *seg = (struct json_path_segment){0};
    if (take(r, "[")) {
        return union_of(r, seg);
    } else if (take(r, "..")) {
        seg->descend = true;
        if (take(r, "["))
            return union_of(r, seg);
    } else if (!take(r, ".")) {
        return bad(r, "unexpected characters");
    } else if (take(r, "[")) { /* .["a"], which the RFC does not know */
        return union_of(r, seg);
    }
    s = arena_get(r->arena, sizeof(*s));
    *s = (struct json_selector){.kind = SELECT_WILD};
    seg->selectors = s;
    if (take(r, "*"))
        return true;
    s->kind = SELECT_NAME;
    return bare_name(r, &s->name);
}

/* Segments until something comes that is none. */
static bool
path(struct reader *r, struct json_path *out)
{
    struct json_path_segment *segments = NULL;
    size_t cap = 0;

    out->count = 0;
    out->is_static = true;
    for (;;) {
        const char *before = r->p;
        blanks(r);
        if (r->p == r->end || (*r->p != '.' && *r->p != '[')) {
            r->p = before;
            break;
        }
        if (out->count == SEGMENTS_MAX)
            return bad(r, "the path is too long");
        if (out->count == cap) {
            cap = cap == 0 ? 4 : cap * 2;
            struct json_path_segment *more = arena_array(r->arena, cap, sizeof(*more));
            if (out->count > 0)
                memcpy(more, segments, out->count * sizeof(*more));
            segments = more;
        }
        struct json_path_segment *seg = &segments[out->count++];
        if (!segment(r, seg))
            return false;
        const struct json_selector *s = seg->selectors;
        if (seg->descend || s->next != NULL || (s->kind != SELECT_NAME && s->kind != SELECT_INDEX))
            out->is_static = false;
    }
    out->segments = segments;
    return true;
}

/* -- filters ---------------------------------------------------------------------------------------------------- */

static struct json_expr *
make(struct reader *r, enum json_expr_kind kind, struct json_expr *a, struct json_expr *b)
{
    struct json_expr *e = arena_get(r->arena, sizeof(*e));

    *e = (struct json_expr){.kind = kind, .a = a, .b = b};
    return e;
}

static struct json_expr *
no(struct reader *r, const char *why)
{
    bad(r, why);
    return NULL;
}

static struct json_expr *
literal_expr(struct reader *r)
{
    struct json_expr *e = make(r, EXPR_LITERAL, NULL, NULL);
    struct json_error error;
    struct buf tape = {0};
    struct slice ignored;
    const char *from = r->p;

    if (r->p < r->end && (*r->p == '\'' || *r->p == '"'))
        return quoted(r, &e->literal, &ignored) ? e : NULL;
    while (r->p < r->end &&
           ((*r->p >= '0' && *r->p <= '9') || (ascii_lower(*r->p) >= 'a' && ascii_lower(*r->p) <= 'z') ||
            *r->p == '-' || *r->p == '+' || *r->p == '.'))
        r->p++;
    bool ok = json_parse(slice_of(from, (size_t)(r->p - from)), 1, &tape, &error);
    if (ok)
        e->literal = (json_node)arena_copy(r->arena, buf_slice(&tape)).ptr;
    buf_fini(&tape);
    return ok ? e : no(r, "a value in a filter is invalid");
}

static struct json_expr *
path_expr(struct reader *r)
{
    struct json_expr *e = make(r, EXPR_PATH, NULL, NULL);

    e->absolute = *r->p++ == '$';
    return path(r, &e->path) ? e : NULL;
}

/* The RFC compares, and hands to functions, what is one value at the most: no path that may match several, and no
 * truth. */
static bool
is_one_value(const struct json_expr *e)
{
    switch (e->kind) {
    case EXPR_PATH: return e->path.is_static;
    case EXPR_LITERAL:
    case EXPR_LENGTH:
    case EXPR_COUNT:
    case EXPR_VALUE: return true;
    default: return false;
    }
}

static struct json_expr *comparable(struct reader *r);

static struct json_expr *
function(struct reader *r, enum json_expr_kind kind)
{
    bool two = kind == EXPR_MATCH || kind == EXPR_SEARCH;
    struct json_expr *e = make(r, kind, NULL, NULL);

    blanks(r);
    if ((e->a = comparable(r)) == NULL)
        return NULL;
    blanks(r);
    if (two) {
        if (!take(r, ","))
            return no(r, "a function lacks an argument");
        blanks(r);
        if ((e->b = comparable(r)) == NULL)
            return NULL;
        blanks(r);
    }
    if ((kind == EXPR_COUNT || kind == EXPR_VALUE) && e->a->kind != EXPR_PATH)
        return no(r, "a function wants a path");
    if (kind != EXPR_COUNT && kind != EXPR_VALUE && (!is_one_value(e->a) || (two && !is_one_value(e->b))))
        return no(r, "a function wants one value");
    return take(r, ")") ? e : no(r, "a parenthesis has no end");
}

static struct json_expr *
comparable(struct reader *r)
{
    static const struct {
        const char *name;
        enum json_expr_kind kind;
    } functions[] = {{"length(", EXPR_LENGTH},
                     {"count(", EXPR_COUNT},
                     {"match(", EXPR_MATCH},
                     {"search(", EXPR_SEARCH},
                     {"value(", EXPR_VALUE}};
    struct json_expr *e = NULL;

    if (r->p == r->end)
        return no(r, "a filter has no end");
    if (++r->depth > JSON_FILTER_DEPTH)
        return no(r, "a filter is too deep");
    bool called = false;
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]) && !called; i++)
        if ((called = take(r, functions[i].name)))
            e = function(r, functions[i].kind);
    if (!called)
        e = *r->p == '@' || *r->p == '$' ? path_expr(r) : literal_expr(r);
    r->depth--;
    return e;
}

/* Behind an exclamation mark: a parenthesis or a test. */
static struct json_expr *
negated(struct reader *r)
{
    blanks(r);
    bool parenthesis = at(r, "(");
    struct json_expr *a = at(r, "!") ? no(r, "a filter negates twice") : basic(r);

    if (a != NULL && !parenthesis && a->kind != EXPR_EXISTS && a->kind != EXPR_MATCH && a->kind != EXPR_SEARCH)
        return no(r, "a filter negates a comparison");
    return a == NULL ? NULL : make(r, EXPR_NOT, a, NULL);
}

static struct json_expr *
basic(struct reader *r)
{
    static const struct {
        const char *sign;
        enum json_expr_kind kind;
    } signs[] = {{"==", EXPR_EQ}, {"!=", EXPR_NE}, {"<=", EXPR_LE},     {">=", EXPR_GE},
                 {"<", EXPR_LT},  {">", EXPR_GT},  {"=~", EXPR_MATCHES}};
    struct json_expr *a, *b;

    blanks(r);
    if (at(r, "!") && !at(r, "!=")) {
        r->p++;
        return negated(r);
    }
    if (take(r, "(")) {
        a = or_expr(r);
        blanks(r);
        if (a != NULL && !take(r, ")"))
            return no(r, "a parenthesis has no end");
        return a;
    }
    if ((a = comparable(r)) == NULL)
        return NULL;
    blanks(r);
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (!take(r, signs[i].sign))
            continue;
        blanks(r);
        b = comparable(r);
        if (b == NULL)
            return NULL;
        if (!is_one_value(a) || !is_one_value(b))
            return no(r, "a filter compares what may be several values");
        return make(r, signs[i].kind, a, b);
    }
    if (a->kind == EXPR_PATH)
        return make(r, EXPR_EXISTS, a, NULL);
    return a->kind == EXPR_MATCH || a->kind == EXPR_SEARCH ? a : no(r, "a filter compares nothing");
}

static struct json_expr *
and_expr(struct reader *r)
{
    struct json_expr *a = basic(r), *b;

    while (a != NULL) {
        blanks(r);
        if (!take(r, "&&"))
            return a;
        if (++r->operators > OPERATORS_MAX)
            return no(r, "a filter is too long");
        if ((b = basic(r)) == NULL)
            return NULL;
        a = make(r, EXPR_AND, a, b);
    }
    return NULL;
}

static struct json_expr *
or_expr(struct reader *r)
{
    if (++r->depth > JSON_FILTER_DEPTH)
        return no(r, "a filter is too deep");
    struct json_expr *a = and_expr(r), *b;
    while (a != NULL) {
        blanks(r);
        if (!take(r, "||"))
            break;
        if (++r->operators > OPERATORS_MAX)
            return no(r, "a filter is too long");
        if ((b = and_expr(r)) == NULL)
            return NULL;
        a = make(r, EXPR_OR, a, b);
    }
    r->depth--;
    return a;
}

/* -- whole paths ------------------------------------------------------------------------------------------------ */

bool
json_path_parse(struct arena *a, struct slice text, struct json_path *out, const char **error, size_t *where)
{
    struct reader r = {.arena = a, .start = text.ptr, .p = text.ptr, .end = text.ptr + text.len};
    bool ok = true;

    *out = (struct json_path){.text = text, .is_static = true};
    out->legacy = !(text.len > 0 && text.ptr[0] == '$' && (text.len == 1 || strchr(".[ \t\r\n", text.ptr[1]) != NULL));
    if (!out->legacy) {
        r.p++;
    } else if (text.len == 1 && text.ptr[0] == '.') {
        return true;
    } else if (text.len == 0) {
        ok = bad(&r, "the path is empty");
    } else if (text.ptr[0] != '.' && text.ptr[0] != '[') {
        /* As if there were a dot. */
        struct slice dotted = arena_printf(a, ".%.*s", (int)(text.len > INT32_MAX ? 0 : text.len), text.ptr);
        r.start = r.p = dotted.ptr;
        r.end = dotted.ptr + dotted.len;
    }
    ok = ok && path(&r, out) && (r.p == r.end || bad(&r, "unexpected characters"));
    if (!ok) {
        *error = r.why;
        *where = (size_t)(r.p - r.start);
    }
    return ok;
}

bool
json_path_last_name(const struct json_path *p, struct slice *name)
{
    const struct json_selector *s = p->segments[p->count - 1].selectors;

    *name = s->name;
    return s->kind == SELECT_NAME;
}
