/* value/json_regex.c - a pattern becomes a small program, whose threads run side by side over the text. */
#include "value/json_regex.h"

#include "value/json_priv.h"

enum { PROGRAM_MAX = 512, GROUPS_MAX = 32, REPEAT_MAX = 255 };
enum op { OP_CHAR, OP_ANY, OP_CLASS, OP_SPLIT, OP_JUMP, OP_BEGIN, OP_END, OP_MATCH };

struct inst {
    enum op op;
    uint32_t c;
    int x, y; /* jumps, relative to this instruction */
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
    unsigned n = json__utf8(s, end);

    *p += n == 0 ? 1 : n;
    switch (n) {
    case 2: return (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
    case 3: return (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
    case 4:
        return (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 | (uint32_t)(s[2] & 0x3f) << 6 | (s[3] & 0x3f);
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

/* Behind the bracket: finds the class's end. */
static bool
class_atom(struct compiler *c)
{
    const unsigned char *from = c->p;

    if (c->p < c->end && *c->p == '^')
        c->p++;
    if (c->p < c->end && *c->p == ']')
        c->p++;
    while (c->p < c->end && *c->p != ']')
        c->p += *c->p == '\\' && c->end - c->p > 1 ? 2 : 1;
    if (c->p == c->end)
        return fail_pattern(c);
    struct inst *i = emit(c, OP_CLASS);
    if (i == NULL)
        return false;
    i->from = from;
    i->to = c->p++;
    return true;
}

static bool
escape_atom(struct compiler *c)
{
    if (c->p == c->end)
        return fail_pattern(c);
    const unsigned char *from = c->p - 1;
    uint32_t ch = decode(&c->p, c->end);
    bool class = ch < 0x80 && ch != 0 && strchr("dDwWsS", (int)ch) != NULL;
    if (ch == 'p' || ch == 'P')
        return fail_pattern(c);
    struct inst *i = emit(c, class ? OP_CLASS : OP_CHAR);
    if (i == NULL)
        return false;
    i->from = from;
    i->to = c->p;
    i->c = ch == 'n' ? '\n' : ch == 'r' ? '\r' : ch == 't' ? '\t' : ch;
    return true;
}

static bool
atom(struct compiler *c)
{
    const unsigned char *at = c->p;
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
    case '{': c->p = at; return fail_pattern(c);
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
    case '*': *min = 0; *max = -1; break;
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

/* The atom's code is made as often as it may be repeated, from its text. */
static bool
repeated(struct compiler *c)
{
    const unsigned char *from = c->p, *after;
    int start = c->n, min, max;
    struct inst *i;

    if (!atom(c) || !quantifier(c, &min, &max))
        return false;
    after = c->p;
    if (min == 1 && max == 1)
        return true;
    c->n = start;
    int copies = max < 0 ? min + 1 : max;
    for (int k = 0; k < copies; k++) {
        int at = c->n;
        c->p = from;
        if (!atom(c))
            return false;
        if (k < min)
            continue;
        if (max < 0)
            emit(c, OP_JUMP); /* back to the split */
        if (c->bad || (i = insert(c, at, OP_SPLIT)) == NULL)
            return false;
        i->x = 1;
        i->y = c->n - at;
        if (max < 0)
            c->code[c->n - 1].x = at - (c->n - 1);
    }
    c->p = after;
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

static bool
in_class(const struct inst *i, uint32_t ch)
{
    const unsigned char *p = i->from, *end = i->to;
    bool negated, hit = false;

    if (*p == '\\' && i->c != 0) /* \d and so on, outside of brackets */
        return in_group(i->c, ch);
    if ((negated = p < end && *p == '^'))
        p++;
    while (p < end && !hit) {
        bool escaped = *p == '\\' && end - p > 1;
        p += escaped;
        uint32_t low = decode(&p, end), high = low;
        if (escaped && low < 0x80 && low != 0 && strchr("dDwWsS", (int)low) != NULL) {
            hit = in_group(low, ch);
            continue;
        }
        if (escaped)
            high = low = low == 'n' ? '\n' : low == 'r' ? '\r' : low == 't' ? '\t' : low;
        if (end - p > 1 && *p == '-') {
            p++;
            p += *p == '\\' && end - p > 1;
            high = decode(&p, end);
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

    memset(lists, 0, sizeof(lists));
    enter(c, now, 0, true, p == end);
    for (;;) {
        uint32_t ch = 0;
        bool more = p < end;
        if (now->has[c->n - 1] && (!whole || !more))
            return true;
        if (!more)
            return false;
        ch = decode(&p, end);
        memset(next, 0, sizeof(*next));
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
    struct compiler c = {.p = (const unsigned char *)pattern.ptr};

    c.end = c.p + pattern.len;
    if (!alternatives(&c) || c.p != c.end || emit(&c, OP_MATCH) == NULL)
        return false;
    return run(&c, text, whole);
}
