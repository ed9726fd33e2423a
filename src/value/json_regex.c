/* value/json_regex.c - a pattern becomes a small program, whose threads run side by side over the text. */
#include "value/json_regex.h"

#include "base/utf8.h"
#include "value/json_priv.h"

#include <utf8proc.h>

enum { PROGRAM_MAX = 512, GROUPS_MAX = 32, REPEAT_MAX = 255 };
enum op { OP_CHAR, OP_ANY, OP_CLASS, OP_SPLIT, OP_JUMP, OP_BEGIN, OP_END, OP_MATCH };

struct inst {
    enum op op;
    uint32_t c;
    int x, y;                       /* jumps, relative to this instruction */
    const unsigned char *from, *to; /* a class's text */
};

struct compiler {
    const unsigned char *p, *end;
    struct inst code[PROGRAM_MAX];
    int n;
    unsigned depth;
    bool bad;
};

static bool alternatives(struct compiler *c);

static uint32_t
decode(const unsigned char **p, const unsigned char *end)
{
    const unsigned char *s = *p;
    unsigned n = utf8_length(s, end);

    *p += n == 0 ? 1 : n;
    switch (n) {
    case 2: return (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
    case 3: return (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
    case 4:
        return (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 | (uint32_t)(s[2] & 0x3f) << 6 |
               (s[3] & 0x3f);
    default: return s[0];
    }
}

static struct inst *
emit(struct compiler *c, enum op op)
{
    if (c->n == PROGRAM_MAX) {
        c->bad = true;
        return NULL;
    }
    c->code[c->n] = (struct inst){.op = op};
    return &c->code[c->n++];
}

/* Makes room before an instruction. No jump leads from one side of it to the other yet. */
static struct inst *
insert(struct compiler *c, int at, enum op op)
{
    if (emit(c, op) == NULL)
        return NULL;
    struct inst last = c->code[c->n - 1];
    memmove(&c->code[at + 1], &c->code[at], (size_t)(c->n - 1 - at) * sizeof(c->code[0]));
    c->code[at] = last;
    return &c->code[at];
}

static bool
fail_pattern(struct compiler *c)
{
    c->bad = true;
    return false;
}

/* A category's name in braces, as in \p{Lu} or \p{L}. */
static bool
category(const unsigned char **p, const unsigned char *end)
{
    static const char known[] =
        " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po Z Zs Zl Zp S Sm Sc Sk So "
        "C Cc Cf Co Cn ";
    const unsigned char *from = *p + 2;
    char name[6] = " ";

    if (end - from < 3 || *from++ != '{')
        return false;
    size_t len = from[1] == '}' ? 1 : 2;
    if ((size_t)(end - from) <= len || from[len] != '}')
        return false;
    memcpy(name + 1, from, len);
    name[1 + len] = ' ';
    *p = from + len + 1;
    return strstr(known, name) != NULL;
}

/* At a backslash: goes behind what it begins. A letter or digit stands for itself nowhere: those that mean nothing here
 * mean something elsewhere. */
static bool
skip_escape(const unsigned char **p, const unsigned char *end)
{
    if (end - *p < 2)
        return false;
    unsigned ch = (*p)[1], low = ch | 0x20;
    if (low == 'p')
        return category(p, end);
    bool letter = (low >= 'a' && low <= 'z') || (ch >= '0' && ch <= '9');
    if (ch < ' ' || ch >= 0x80 || (letter && strchr("dDwWsSnrt", (int)ch) == NULL))
        return false;
    *p += 2;
    return true;
}

/* Behind the bracket: finds the class's end. */
static bool
class_atom(struct compiler *c)
{
    const unsigned char *from = c->p;

    if (c->p < c->end && *c->p == '^')
        c->p++;
    if (c->p < c->end && *c->p == ']')
        return fail_pattern(c);
    while (c->p < c->end && *c->p != ']') {
        if (*c->p == '\\') {
            if (!skip_escape(&c->p, c->end))
                return fail_pattern(c);
        } else if (*c->p++ == '[') {
            return fail_pattern(c);
        }
    }
    if (c->p == c->end)
        return fail_pattern(c);
    struct inst *i = emit(c, OP_CLASS);
    if (i == NULL)
        return false;
    i->from = from;
    i->to = c->p++;
    return true;
}

static uint32_t
escaped_char(uint32_t ch)
{
    return ch == 'n' ? '\n' : ch == 'r' ? '\r' : ch == 't' ? '\t' : ch;
}

static bool
escape_atom(struct compiler *c)
{
    const unsigned char *from = --c->p;

    if (!skip_escape(&c->p, c->end))
        return fail_pattern(c);
    bool class = strchr("dDwWsSpP", from[1]) != NULL;
    struct inst *i = emit(c, class ? OP_CLASS : OP_CHAR);
    if (i == NULL)
        return false;
    i->from = from;
    i->to = c->p;
    i->c = escaped_char(from[1]);
    return true;
}

static bool
atom(struct compiler *c)
{
    uint32_t ch = decode(&c->p, c->end);
    struct inst *i;

    switch (ch) {
    case '(':
        if (c->end - c->p >= 2 && c->p[0] == '?' && c->p[1] == ':')
            c->p += 2;
        if (++c->depth > GROUPS_MAX || !alternatives(c) || c->p == c->end || *c->p != ')')
            return fail_pattern(c);
        c->p++;
        c->depth--;
        return true;
    case '[': return class_atom(c);
    case '\\': return escape_atom(c);
    case '.': return emit(c, OP_ANY) != NULL;
    case '^': return emit(c, OP_BEGIN) != NULL;
    case '$': return emit(c, OP_END) != NULL;
    case '*':
    case '+':
    case '?':
    case ']':
    case '{':
    case '}': return fail_pattern(c);
    default:
        if ((i = emit(c, OP_CHAR)) == NULL)
            return false;
        i->c = ch;
        return true;
    }
}

static bool
count(struct compiler *c, int *out)
{
    int v = 0;

    if (c->p == c->end || *c->p < '0' || *c->p > '9')
        return false;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && v <= REPEAT_MAX)
        v = v * 10 + (*c->p++ - '0');
    *out = v;
    return v <= REPEAT_MAX;
}

/* max -1: no bound. */
static bool
quantifier(struct compiler *c, int *min, int *max)
{
    *min = *max = 1;
    if (c->p == c->end)
        return true;
    switch (*c->p) {
    case '*':
        *min = 0;
        *max = -1;
        break;
    case '+': *max = -1; break;
    case '?': *min = 0; break;
    case '{':
        c->p++;
        if (!count(c, min))
            return fail_pattern(c);
        *max = *min;
        if (c->p < c->end && *c->p == ',') {
            c->p++;
            *max = -1;
            if (c->p < c->end && *c->p != '}' && (!count(c, max) || *max < *min))
                return fail_pattern(c);
        }
        if (c->p == c->end || *c->p != '}')
            return fail_pattern(c);
        break;
    default: return true;
    }
    c->p++;
    if (c->p < c->end && *c->p == '?') /* which match is found does not matter */
        c->p++;
    return true;
}

/* One more copy of the code from `from` on. Its jumps are relative, so it runs anywhere. */
static bool
repeat_code(struct compiler *c, int from, int len)
{
    if (len > PROGRAM_MAX - c->n)
        return fail_pattern(c);
    memcpy(&c->code[c->n], &c->code[from], (size_t)len * sizeof(c->code[0]));
    c->n += len;
    return true;
}

/* The atom's code stands there as often as it may be repeated, behind a split where it may be left out. */
static bool
repeated(struct compiler *c)
{
    int start = c->n, from = start, min, max;
    struct inst *i;

    if (!atom(c))
        return false;
    int len = c->n - start;
    if (!quantifier(c, &min, &max))
        return false;
    if (max == 0)
        c->n = start;
    if (len == 0 || max == 0)
        return true;
    int copies = max >= 0 ? max : min + 1;
    for (int k = 0; k < copies; k++) {
        int at = k == 0 ? start : c->n;
        if (k > 0 && !repeat_code(c, from, len))
            return false;
        if (k < min)
            continue;
        if (max < 0)
            emit(c, OP_JUMP); /* back to the split */
        if (c->bad || (i = insert(c, at, OP_SPLIT)) == NULL)
            return false;
        from += k == 0;
        i->x = 1;
        i->y = c->n - at;
        if (max < 0)
            c->code[c->n - 1].x = at - (c->n - 1);
    }
    return !c->bad;
}

static bool
alternatives(struct compiler *c)
{
    int jumps[GROUPS_MAX], n = 0, start = c->n;
    struct inst *i;

    for (;;) {
        if (c->p == c->end || *c->p == ')' || *c->p == '|') {
            if (c->p == c->end || *c->p == ')')
                break;
            c->p++;
            if (n == GROUPS_MAX || insert(c, start, OP_SPLIT) == NULL || (i = emit(c, OP_JUMP)) == NULL)
                return fail_pattern(c);
            jumps[n++] = c->n - 1;
            c->code[start].x = 1;
            c->code[start].y = c->n - start;
            start = c->n;
        } else if (!repeated(c)) {
            return false;
        }
    }
    for (int k = 0; k < n; k++)
        c->code[jumps[k]].x = c->n - jumps[k];
    return !c->bad;
}

/* -- running ---------------------------------------------------------------------------------------------------- */

static bool
in_group(uint32_t group, uint32_t ch)
{
    bool digit = ch >= '0' && ch <= '9', word = digit || ch == '_' || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z');
    bool space = ch == ' ' || (ch >= '\t' && ch <= '\r');

    switch (group) {
    case 'd': return digit;
    case 'D': return !digit;
    case 'w': return word;
    case 'W': return !word;
    case 's': return space;
    default: return !space;
    }
}

/* At what follows a backslash. False when it stands for one character; *p is then still there. */
static bool
class_escape(const unsigned char **p, uint32_t ch, bool *hit)
{
    unsigned kind = **p;

    if ((kind | 0x20) == 'p') {
        const char *is = utf8proc_category_string((utf8proc_int32_t)ch);
        const unsigned char *name = *p + 2;
        bool whole = name[1] == '}';
        *hit = (is[0] == (char)name[0] && (whole || is[1] == (char)name[1])) == (kind == 'p');
        *p = name + (whole ? 2 : 3);
        return true;
    }
    if (strchr("dDwWsS", (int)kind) == NULL)
        return false;
    *hit = in_group(kind, ch);
    (*p)++;
    return true;
}

static uint32_t
class_char(const unsigned char **p, const unsigned char *end)
{
    bool escaped = **p == '\\';

    *p += escaped;
    uint32_t ch = decode(p, end);
    return escaped ? escaped_char(ch) : ch;
}

static bool
in_class(const struct inst *i, uint32_t ch)
{
    const unsigned char *p = i->from, *end = i->to;
    bool negated = i->c == 0 && p < end && *p == '^', hit = false;

    p += negated;
    while (p < end && !hit) {
        const unsigned char *escaped = p + 1;
        if (*p == '\\' && class_escape(&escaped, ch, &hit)) {
            p = escaped;
            continue;
        }
        uint32_t low = class_char(&p, end), high = low;
        if (end - p > 1 && *p == '-') {
            p++;
            high = class_char(&p, end);
        }
        hit = ch >= low && ch <= high;
    }
    return hit != negated;
}

struct threads {
    int at[PROGRAM_MAX], n;
    bool has[PROGRAM_MAX];
};

static void
enter(const struct compiler *c, struct threads *t, int start, bool first, bool last)
{
    int stack[2 * PROGRAM_MAX], n = 0;

    stack[n++] = start;
    while (n > 0) {
        int pc = stack[--n];
        const struct inst *i = &c->code[pc];
        if (t->has[pc])
            continue;
        t->has[pc] = true;
        t->at[t->n++] = pc;
        if (i->op == OP_JUMP || i->op == OP_SPLIT)
            stack[n++] = pc + i->x;
        if (i->op == OP_SPLIT)
            stack[n++] = pc + i->y;
        if ((i->op == OP_BEGIN && first) || (i->op == OP_END && last))
            stack[n++] = pc + 1;
    }
}

static bool
run(const struct compiler *c, struct slice text, bool whole)
{
    const unsigned char *p = (const unsigned char *)text.ptr, *start = p, *end = p + text.len;
    struct threads lists[2], *now = &lists[0], *next = &lists[1];

    now->n = 0;
    memset(now->has, 0, (size_t)c->n);
    enter(c, now, 0, true, p == end);
    for (;;) {
        uint32_t ch = 0;
        bool more = p < end;
        if (now->has[c->n - 1] && (!whole || !more))
            return true;
        if (!more)
            return false;
        ch = decode(&p, end);
        next->n = 0;
        memset(next->has, 0, (size_t)c->n);
        for (int k = 0; k < now->n; k++) {
            const struct inst *i = &c->code[now->at[k]];
            if ((i->op == OP_CHAR && i->c == ch) || (i->op == OP_ANY && ch != '\n' && ch != '\r') ||
                (i->op == OP_CLASS && in_class(i, ch)))
                enter(c, next, now->at[k] + 1, false, p == end);
        }
        if (!whole)
            enter(c, next, 0, p == start, p == end);
        struct threads *was = now;
        now = next;
        next = was;
        if (now->n == 0)
            return false;
    }
}

bool
json_regex(struct slice pattern, struct slice text, bool whole)
{
    struct compiler c; /* the code is written before it is read */

    c.p = (const unsigned char *)pattern.ptr;
    c.end = c.p + pattern.len;
    c.n = 0;
    c.depth = 0;
    c.bad = false;
    if (!alternatives(&c) || c.p != c.end || emit(&c, OP_MATCH) == NULL)
        return false;
    return run(&c, text, whole);
}
