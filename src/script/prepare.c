/* script/prepare.c - makes a script's text mean to LuaJIT what it means to Lua 5.1.
 *
 * One pass over the tokens, which never moves a line end:
 *  - `return f(x)` where f is not a function of the script's own becomes `return __return(f(x))`, where __return gives
 * back its arguments. As a tail call f would have taken the caller's place, and its errors would not say where they
 * come from: Lua 5.1 keeps the caller's place when it calls functions in C.
 *  - '\d' is d, as for any letter that has no meaning of its own; LuaJIT gives meanings to x, z and u and refuses the
 * rest.
 *  - 1LL, 2ULL and 3i are refused: they would load the FFI; 0b1 and labels because Lua 5.1 has none.
 * What is not well formed passes as it is; the compiler finds it.
 */
#include "script/script_priv.h"

enum { BLOCKS_MAX = 200, NAMES_MAX = 256 };

enum kind { TOKEN_END, TOKEN_NAME, TOKEN_NUMBER, TOKEN_STRING, TOKEN_OTHER };

struct block {
    uint32_t brackets; /* open since it began */
    bool wrapped;      /* its return statement has an open __return( */
};

struct preparer {
    const char *p, *end;
    struct buf *out;
    size_t token_end; /* in out: behind the last token */
    struct block blocks[BLOCKS_MAX];
    int depth;
    struct slice names[NAMES_MAX]; /* functions of the script */
    int name_count;
    struct script_misfit misfit; /* the first one; `what` NULL: none */
    struct slice after_goto;     /* the name behind the first goto, empty: there is none */
};

static bool
is_name_char(char c)
{
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How long the opening of a long bracket at p is ("[[" is 2); 0: there is none. */
static size_t
long_bracket(const char *p, const char *end)
{
    const char *q = p;

    if (q >= end || *q++ != '[')
        return 0;
    while (q < end && *q == '=')
        q++;
    return q < end && *q == '[' ? (size_t)(q + 1 - p) : 0;
}

/* Behind the long bracket that opens at p with `open` characters. */
static const char *
skip_long(const char *p, const char *end, size_t open)
{
    for (p += open; p < end; p++) {
        if (*p != ']')
            continue;
        const char *q = p + 1;
        while (q < end && *q == '=')
            q++;
        if (q < end && *q == ']' && (size_t)(q + 1 - p) == open)
            return q + 1;
    }
    return end;
}

/* Behind blanks and comments. */
static const char *
skip_blank(const char *p, const char *end)
{
    for (;;) {
        while (p < end && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
            p++;
        if (end - p < 2 || p[0] != '-' || p[1] != '-')
            return p;
        size_t open = long_bracket(p + 2, end);
        if (open > 0) {
            p = skip_long(p + 2, end, open);
        } else {
            while (p < end && *p != '\n')
                p++;
        }
    }
}

static const char *
skip_quoted(const char *p, const char *end)
{
    char quote = *p++;

    while (p < end && *p != quote && *p != '\n')
        p += *p == '\\' && end - p > 1 ? 2 : 1;
    return p < end ? p + 1 : end;
}

/* The token at p. */
static struct slice
token_at(const char *p, const char *end, enum kind *kind)
{
    const char *q = p;

    if (p >= end) {
        *kind = TOKEN_END;
        return slice_of(p, 0);
    }
    if (is_digit(*p) || (*p == '.' && end - p > 1 && is_digit(p[1]))) {
        *kind = TOKEN_NUMBER;
        while (q < end && (is_name_char(*q) || *q == '.' || ((*q == '+' || *q == '-') && ascii_lower(q[-1]) == 'e')))
            q++;
    } else if (is_name_char(*p)) {
        *kind = TOKEN_NAME;
        while (q < end && is_name_char(*q))
            q++;
    } else if (*p == '"' || *p == '\'') {
        *kind = TOKEN_STRING;
        q = skip_quoted(p, end);
    } else if (long_bracket(p, end) > 0) {
        *kind = TOKEN_STRING;
        q = skip_long(p, end, long_bracket(p, end));
    } else {
        *kind = TOKEN_OTHER;
        q = p + 1;
    }
    return slice_of(p, (size_t)(q - p));
}

/* -- what is a function of the script --------------------------------------------------------------------------- */

static void
add_name(struct preparer *r, struct slice name)
{
    if (r->name_count < NAMES_MAX)
        r->names[r->name_count++] = name;
}

static bool
is_own(const struct preparer *r, struct slice name)
{
    for (int i = 0; i < r->name_count; i++) {
        if (slice_eq(r->names[i], name))
            return true;
    }
    return r->name_count == NAMES_MAX;
}

/* `function f`, `f = function`. */
static void
collect_names(struct preparer *r)
{
    struct slice before = {"", 0}, last = {"", 0};
    enum kind kind, before_kind = TOKEN_END;
    const char *p = r->p;

    for (;;) {
        p = skip_blank(p, r->end);
        struct slice t = token_at(p, r->end, &kind);
        if (kind == TOKEN_END)
            return;
        if (kind == TOKEN_NAME && slice_eq(last, LIT("function")))
            add_name(r, t);
        if (slice_eq(t, LIT("function")) && slice_eq(last, LIT("=")) && before_kind == TOKEN_NAME)
            add_name(r, before);
        if (!slice_eq(t, LIT("="))) {
            before = t;
            before_kind = kind;
        }
        last = t;
        p = t.ptr + t.len;
    }
}

/* -- return ------------------------------------------------------------------------------------------------------ */

static bool
is_keyword_start(struct slice t)
{
    static const struct slice words[] = {
        LIT_INIT("end"), LIT_INIT("else"), LIT_INIT("elseif"), LIT_INIT("until"), LIT_INIT("function"),
        LIT_INIT("nil"), LIT_INIT("true"), LIT_INIT("false"),  LIT_INIT("not"),
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (slice_eq(t, words[i]))
            return true;
    }
    return false;
}

/* Whether what follows a `return` at p begins with a call of something that is not the script's own. */
static bool
returns_call(const struct preparer *r, const char *p)
{
    enum kind kind;
    struct slice t;

    p = skip_blank(p, r->end);
    t = token_at(p, r->end, &kind);
    if (kind == TOKEN_OTHER)
        return *t.ptr == '(';
    if (kind != TOKEN_NAME || is_keyword_start(t) || is_own(r, t))
        return false;
    for (;;) {
        p = skip_blank(t.ptr + t.len, r->end);
        t = token_at(p, r->end, &kind);
        if (kind == TOKEN_STRING)
            return true;
        if (kind != TOKEN_OTHER)
            return false;
        if (*t.ptr == '(' || *t.ptr == '{')
            return true;
        if (*t.ptr != '.' && *t.ptr != ':')
            return false;
        p = skip_blank(t.ptr + 1, r->end);
        t = token_at(p, r->end, &kind);
        if (kind != TOKEN_NAME)
            return false;
    }
}

static struct block *
block_top(struct preparer *r)
{
    return &r->blocks[r->depth];
}

/* The return statement is over: its bracket belongs right behind its last token. */
static void
close_return(struct preparer *r)
{
    struct block *b = block_top(r);
    struct buf *o = r->out;

    if (!b->wrapped)
        return;
    b->wrapped = false;
    buf_room(o, 1);
    memmove(o->ptr + r->token_end + 1, o->ptr + r->token_end, o->len - r->token_end);
    o->ptr[r->token_end++] = ')';
    buf_advance(o, 1);
}

/* Beyond BLOCKS_MAX, which is about where the compiler gives up, blocks run together. */
static void
open_block(struct preparer *r)
{
    if (r->depth + 1 < BLOCKS_MAX)
        r->blocks[++r->depth] = (struct block){0};
}

static void
end_block(struct preparer *r)
{
    close_return(r);
    if (r->depth > 0)
        r->depth--;
}

/* -- tokens ------------------------------------------------------------------------------------------------------ */

static void
put_quoted(struct preparer *r, struct slice t)
{
    static const char known[] = "abfnrtv\\\"'\n\r0123456789";

    if (*t.ptr == '[') {
        buf_add_slice(r->out, t);
        return;
    }
    for (size_t i = 0; i < t.len; i++) {
        bool unknown = t.ptr[i] == '\\' && i + 1 < t.len && memchr(known, t.ptr[i + 1], sizeof(known) - 1) == NULL;
        if (!unknown)
            buf_add_char(r->out, t.ptr[i]);
        if (t.ptr[i] == '\\' && i + 1 < t.len)
            buf_add_char(r->out, t.ptr[++i]);
    }
}

static void
check_number(struct preparer *r, struct slice t)
{
    bool bad = t.len > 1 && t.ptr[0] == '0' && ascii_lower(t.ptr[1]) == 'b';

    for (size_t i = 0; i < t.len; i++)
        bad = bad || strchr("lLiIuU", t.ptr[i]) != NULL;
    if (bad && r->misfit.what == NULL)
        r->misfit = (struct script_misfit){t, "malformed number"};
}

/* Lua 5.1 knows neither labels nor goto, which is a name there; without labels there is nowhere to go to. */
static void
check_label(struct preparer *r, struct slice t)
{
    if (*t.ptr != ':' || t.ptr + 1 >= r->end || t.ptr[1] != ':' || r->misfit.what != NULL)
        return;
    r->misfit = r->after_goto.len > 0 ? (struct script_misfit){r->after_goto, "'=' expected"}
                                      : (struct script_misfit){t, "unexpected symbol"};
}

static void
note_goto(struct preparer *r, struct slice t)
{
    enum kind kind;
    struct slice next = token_at(skip_blank(t.ptr + t.len, r->end), r->end, &kind);

    if (kind == TOKEN_NAME && r->after_goto.len == 0)
        r->after_goto = next;
}

static void
name_token(struct preparer *r, struct slice t)
{
    if (slice_eq(t, LIT("end")) || slice_eq(t, LIT("until")))
        end_block(r);
    else if (slice_eq(t, LIT("else")) || slice_eq(t, LIT("elseif")))
        close_return(r);
    if (slice_eq(t, LIT("goto")))
        note_goto(r, t);
    buf_add_slice(r->out, t);
    if (slice_eq(t, LIT("function")) || slice_eq(t, LIT("do")) || slice_eq(t, LIT("if")))
        open_block(r);
    if (slice_eq(t, LIT("repeat")))
        open_block(r);
    if (slice_eq(t, LIT("return")) && returns_call(r, t.ptr + t.len)) {
        buf_add_slice(r->out, LIT(" __return("));
        block_top(r)->wrapped = true;
    }
}

static void
other_token(struct preparer *r, struct slice t)
{
    struct block *b = block_top(r);

    check_label(r, t);
    switch (*t.ptr) {
    case '(':
    case '{':
    case '[': b->brackets++; break;
    case ')':
    case '}':
    case ']': b->brackets -= b->brackets > 0; break;
    case ';':
        if (b->brackets == 0)
            close_return(r);
        break;
    default: break;
    }
    buf_add_slice(r->out, t);
}

static void
rewrite(struct preparer *r)
{
    for (;;) {
        const char *p = skip_blank(r->p, r->end);
        enum kind kind;
        buf_add(r->out, r->p, (size_t)(p - r->p));
        struct slice t = token_at(p, r->end, &kind);
        switch (kind) {
        case TOKEN_END:
            while (r->depth > 0)
                end_block(r);
            close_return(r);
            return;
        case TOKEN_NAME: name_token(r, t); break;
        case TOKEN_NUMBER:
            check_number(r, t);
            buf_add_slice(r->out, t);
            break;
        case TOKEN_STRING: put_quoted(r, t); break;
        case TOKEN_OTHER: other_token(r, t); break;
        }
        r->token_end = r->out->len;
        r->p = t.ptr + t.len;
    }
}

bool
script__prepare(struct slice text, struct buf *out, struct script_misfit *misfit)
{
    struct preparer *r = mem_get(sizeof(*r));

    r->p = text.ptr;
    r->end = text.ptr + text.len;
    r->out = out;
    r->token_end = 0;
    r->depth = r->name_count = 0;
    r->blocks[0] = (struct block){0};
    r->misfit = (struct script_misfit){0};
    r->after_goto = (struct slice){0};
    buf_reset(out);
    collect_names(r);
    rewrite(r);
    bool ok = r->misfit.what == NULL;
    *misfit = r->misfit;
    mem_free(r);
    return ok;
}
