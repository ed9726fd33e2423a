/* script/pattern.c - string.find, match, gmatch and gsub: patterns as the manual of Lua 5.1 describes them.
 *
 * Ours, because a pattern may try for ever ("a-a-a-a-b"), and the interpreter's own would do so in one call that no
 * hook interrupts. This one looks up every few thousand steps, so that others are served and the script can be killed.
 * It recurses once for a quantifier or a capture of the pattern, never for the length of the subject, and DEPTH_MAX
 * deep.
 */
#include "script/script_priv.h"

enum { CAPTURES_MAX = 32, DEPTH_MAX = 200, STEPS_BETWEEN_LOOKS = 1 << 14 };
enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

struct capture {
    const char *at;
    ptrdiff_t len;
};

struct matcher {
    lua_State *L;
    const char *s, *end; /* the subject */
    const char *p_end;   /* of the pattern */
    int level, depth;
    uint32_t steps;
    struct capture captures[CAPTURES_MAX];
};

static void
step(struct matcher *m)
{
    if (++m->steps % STEPS_BETWEEN_LOOKS == 0)
        script__look_up(m->L);
}

/* -- classes --------------------------------------------------------------------------------------------------- */

/* The classes of the C locale, whatever locale the process has. */
static bool
ascii_is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool
ascii_is_lower(int c)
{
    return c >= 'a' && c <= 'z';
}

static bool
ascii_is_upper(int c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
ascii_is_alpha(int c)
{
    return ascii_is_lower(c) || ascii_is_upper(c);
}

static bool
ascii_is_alnum(int c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c);
}

static bool
ascii_is_cntrl(int c)
{
    return c < ' ' || c == 0x7f;
}

static bool
ascii_is_punct(int c)
{
    return c > ' ' && c < 0x7f && !ascii_is_alnum(c);
}

static bool
ascii_is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
ascii_is_xdigit(int c)
{
    return ascii_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
in_class(unsigned char c, unsigned char class)
{
    bool in;

    switch (ascii_lower((char)class)) {
    case 'a': in = ascii_is_alpha(c); break;
    case 'c': in = ascii_is_cntrl(c); break;
    case 'd': in = ascii_is_digit(c); break;
    case 'l': in = ascii_is_lower(c); break;
    case 'p': in = ascii_is_punct(c); break;
    case 's': in = ascii_is_space(c); break;
    case 'u': in = ascii_is_upper(c); break;
    case 'w': in = ascii_is_alnum(c); break;
    case 'x': in = ascii_is_xdigit(c); break;
    case 'z': in = c == 0; break;
    default: return class == c;
    }
    return ascii_is_upper(class) ? !in : in;
}

/* Behind the class that begins at p. */
static const char *
class_end(struct matcher *m, const char *p)
{
    if (*p++ == '%') {
        if (p >= m->p_end)
            luaL_error(m->L, "malformed pattern (ends with '%%')");
        return p + 1;
    }
    if (p[-1] != '[')
        return p;
    if (p < m->p_end && *p == '^')
        p++;
    do { /* a ] in the first place is one of the set */
        if (p >= m->p_end)
            luaL_error(m->L, "malformed pattern (missing ']')");
        if (*p++ == '%' && p < m->p_end)
            p++;
    } while (p >= m->p_end || *p != ']');
    return p + 1;
}

/* p is at '[', last at its ']'. */
static bool
in_set(unsigned char c, const char *p, const char *last)
{
    bool yes = true;

    if (p[1] == '^') {
        yes = false;
        p++;
    }
    while (++p < last) {
        if (*p == '%') {
            p++;
            if (in_class(c, (unsigned char)*p))
                return yes;
        } else if (p[1] == '-' && p + 2 < last) {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2])
                return yes;
            p += 2;
        } else if ((unsigned char)*p == c) {
            return yes;
        }
    }
    return !yes;
}

static bool
matches_one(unsigned char c, const char *p, const char *class_behind)
{
    switch (*p) {
    case '.': return true;
    case '%': return in_class(c, (unsigned char)p[1]);
    case '[': return in_set(c, p, class_behind - 1);
    default: return (unsigned char)*p == c;
    }
}

/* -- matching -------------------------------------------------------------------------------------------------- */

static const char *match(struct matcher *m, const char *s, const char *p);

static const char *
match_most(struct matcher *m, const char *s, const char *p, const char *behind)
{
    ptrdiff_t n = 0;

    while (s + n < m->end && matches_one((unsigned char)s[n], p, behind)) {
        n++;
        step(m);
    }
    for (; n >= 0; n--) {
        const char *e = match(m, s + n, behind + 1);
        if (e != NULL)
            return e;
    }
    return NULL;
}

static const char *
match_least(struct matcher *m, const char *s, const char *p, const char *behind)
{
    for (;;) {
        const char *e = match(m, s, behind + 1);
        if (e != NULL)
            return e;
        if (s >= m->end || !matches_one((unsigned char)*s, p, behind))
            return NULL;
        s++;
    }
}

static const char *
open_capture(struct matcher *m, const char *s, const char *p, ptrdiff_t what)
{
    if (m->level >= CAPTURES_MAX)
        luaL_error(m->L, "too many captures");
    m->captures[m->level++] = (struct capture){s, what};
    const char *e = match(m, s, p);
    if (e == NULL)
        m->level--;
    return e;
}

static const char *
close_capture(struct matcher *m, const char *s, const char *p)
{
    int l = m->level - 1;

    while (l >= 0 && m->captures[l].len != CAPTURE_OPEN)
        l--;
    if (l < 0)
        luaL_error(m->L, "invalid pattern capture");
    m->captures[l].len = s - m->captures[l].at;
    const char *e = match(m, s, p);
    if (e == NULL)
        m->captures[l].len = CAPTURE_OPEN;
    return e;
}

/* %bxy: from an x to the y that balances it. */
static const char *
match_balance(struct matcher *m, const char *s, const char *p)
{
    int open = 1;

    if (m->p_end - p < 2)
        luaL_error(m->L, "unbalanced pattern");
    if (s >= m->end || *s != p[0])
        return NULL;
    while (++s < m->end) {
        step(m);
        if (*s == p[1]) {
            if (--open == 0)
                return s + 1;
        } else if (*s == p[0]) {
            open++;
        }
    }
    return NULL;
}

/* %1: what that capture holds, again. */
static const char *
match_again(struct matcher *m, const char *s, char digit)
{
    int l = digit - '1';

    if (l < 0 || l >= m->level || m->captures[l].len == CAPTURE_OPEN)
        luaL_error(m->L, "invalid capture index");
    if (m->captures[l].len == CAPTURE_POSITION)
        return NULL; /* as in Lua 5.1 */
    size_t len = (size_t)m->captures[l].len;
    if ((size_t)(m->end - s) < len || memcmp(m->captures[l].at, s, len) != 0)
        return NULL;
    return s + len;
}

/* %f[set]: between a character that is not in the set and one that is. */
static const char *
match_frontier(struct matcher *m, const char *s, const char **p)
{
    *p += 2;
    if (*p >= m->p_end || **p != '[')
        luaL_error(m->L, "missing '[' after '%%f' in pattern");
    const char *behind = class_end(m, *p);
    unsigned char before = s == m->s ? 0 : (unsigned char)s[-1], here = s < m->end ? (unsigned char)*s : 0;
    if (in_set(before, *p, behind - 1) || !in_set(here, *p, behind - 1))
        return NULL;
    *p = behind;
    return s;
}

/* Items that begin with % and are no class. *done: *p and the returned place are where to go on, or there is no match.
 */
static const char *
match_special(struct matcher *m, const char *s, const char **p, bool *done)
{
    char c = m->p_end - *p > 1 ? (*p)[1] : '\0';

    *done = true;
    if (c == 'b') {
        s = match_balance(m, s, *p + 2);
        *p += 4;
        return s;
    }
    if (c == 'f')
        return match_frontier(m, s, p);
    if (ascii_is_digit((unsigned char)c)) {
        s = match_again(m, s, c);
        *p += 2;
        return s;
    }
    *done = false;
    return s;
}

/* A class with what follows it. True: go on at *s and *p; false: *s is the result. */
static bool
match_item(struct matcher *m, const char **s, const char **p)
{
    const char *behind = class_end(m, *p), *e;
    bool one = *s < m->end && matches_one((unsigned char)**s, *p, behind);

    switch (behind < m->p_end ? *behind : '\0') {
    case '?':
        if (one && (e = match(m, *s + 1, behind + 1)) != NULL) {
            *s = e;
            return false;
        }
        *p = behind + 1;
        return true;
    case '*': *s = match_most(m, *s, *p, behind); return false;
    case '+': *s = one ? match_most(m, *s + 1, *p, behind) : NULL; return false;
    case '-': *s = match_least(m, *s, *p, behind); return false;
    default:
        if (!one) {
            *s = NULL;
            return false;
        }
        ++*s;
        *p = behind;
        return true;
    }
}

/* Where a match of p at s ends; NULL: there is none. */
static const char *
match(struct matcher *m, const char *s, const char *p)
{
    bool more = true;

    if (++m->depth > DEPTH_MAX)
        luaL_error(m->L, "pattern too complex");
    while (more && p < m->p_end) {
        step(m);
        if (*p == '(') {
            bool position = m->p_end - p > 1 && p[1] == ')';
            s = open_capture(m, s, p + 1 + position, position ? CAPTURE_POSITION : CAPTURE_OPEN);
            break;
        }
        if (*p == ')') {
            s = close_capture(m, s, p + 1);
            break;
        }
        if (*p == '$' && p + 1 == m->p_end) {
            s = s == m->end ? s : NULL;
            break;
        }
        if (*p == '%') {
            bool done;
            s = match_special(m, s, &p, &done);
            if (done) {
                more = s != NULL;
                continue;
            }
        }
        more = match_item(m, &s, &p);
    }
    m->depth--;
    return s;
}

/* -- results --------------------------------------------------------------------------------------------------- */

static void
push_capture(struct matcher *m, int l, const char *s, const char *e)
{
    if (l >= m->level) {
        if (l != 0)
            luaL_error(m->L, "invalid capture index");
        lua_pushlstring(m->L, s, (size_t)(e - s));
        return;
    }
    const struct capture *c = &m->captures[l];
    if (c->len == CAPTURE_OPEN)
        luaL_error(m->L, "unfinished capture");
    if (c->len == CAPTURE_POSITION)
        lua_pushinteger(m->L, c->at - m->s + 1);
    else
        lua_pushlstring(m->L, c->at, (size_t)c->len);
}

/* All of them; the whole match where there are none, if s is given. */
static int
push_captures(struct matcher *m, const char *s, const char *e)
{
    int n = m->level == 0 && s != NULL ? 1 : m->level;

    luaL_checkstack(m->L, n, "too many captures");
    for (int l = 0; l < n; l++)
        push_capture(m, l, s, e);
    return n;
}

static void
matcher_init(struct matcher *m, lua_State *L, const char *s, size_t len, const char *p)
{
    m->L = L;
    m->s = s;
    m->end = s + len;
    m->p_end = p + strlen(p); /* a pattern ends at a NUL, in Lua 5.1 */
    m->steps = 0;
}

static const char *
match_at(struct matcher *m, const char *s, const char *p)
{
    m->level = m->depth = 0;
    return match(m, s, p);
}

static int
find_plain(lua_State *L, const char *s, size_t len, size_t from, const char *p, size_t p_len)
{
    const char *at = p_len == 0 ? s + from : memmem(s + from, len - from, p, p_len);

    if (at == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, at - s + 1);
    lua_pushinteger(L, at - s + (lua_Integer)p_len);
    return 2;
}

static int
find_or_match(lua_State *L, bool find)
{
    size_t len, p_len;
    const char *s = luaL_checklstring(L, 1, &len), *p = luaL_checklstring(L, 2, &p_len);
    lua_Integer init = luaL_optinteger(L, 3, 1);
    struct matcher m;

    init = init < 0 ? init + (lua_Integer)len : init - 1;
    init = init < 0 ? 0 : init > (lua_Integer)len ? (lua_Integer)len : init;
    if (find && (lua_toboolean(L, 4) || strpbrk(p, "^$*+?.([%-") == NULL))
        return find_plain(L, s, len, (size_t)init, p, p_len);
    matcher_init(&m, L, s, len, p);
    bool anchored = *p == '^';
    p += anchored;
    for (const char *at = s + init; at <= m.end; at++) {
        const char *e = match_at(&m, at, p);
        if (e != NULL && find) {
            lua_pushinteger(L, at - s + 1);
            lua_pushinteger(L, e - s);
            return push_captures(&m, NULL, NULL) + 2;
        }
        if (e != NULL)
            return push_captures(&m, at, e);
        if (anchored)
            break;
    }
    lua_pushnil(L);
    return 1;
}

static int
string_find(lua_State *L)
{
    return find_or_match(L, true);
}

static int
string_match(lua_State *L)
{
    return find_or_match(L, false);
}

/* Upvalues: subject, pattern, where to go on. */
static int
next_match(lua_State *L)
{
    size_t len;
    const char *s = lua_tolstring(L, lua_upvalueindex(1), &len), *p = lua_tostring(L, lua_upvalueindex(2));
    struct matcher m;

    matcher_init(&m, L, s, len, p);
    for (const char *at = s + lua_tointeger(L, lua_upvalueindex(3)); at <= m.end; at++) {
        const char *e = match_at(&m, at, p);
        if (e != NULL) {
            lua_pushinteger(L, e - s + (e == at));
            lua_replace(L, lua_upvalueindex(3));
            return push_captures(&m, at, e);
        }
    }
    return 0;
}

static int
string_gmatch(lua_State *L)
{
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    lua_settop(L, 2);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_match, 3);
    return 1;
}

/* The text of argument 3 with its %0 to %9 filled in. */
static void
add_text(struct matcher *m, luaL_Buffer *b, const char *s, const char *e)
{
    size_t len;
    const char *text = lua_tolstring(m->L, 3, &len);

    for (size_t i = 0; i < len; i++) {
        if (text[i] != '%') {
            luaL_addchar(b, text[i]);
            continue;
        }
        i++; /* Lua ends its strings with a NUL: a % at the end stands for that, as in Lua 5.1 */
        if (!ascii_is_digit((unsigned char)text[i])) {
            luaL_addchar(b, text[i]);
        } else if (text[i] == '0') {
            luaL_addlstring(b, s, (size_t)(e - s));
        } else {
            push_capture(m, text[i] - '1', s, e);
            luaL_addvalue(b);
        }
    }
}

/* What a match becomes. */
static void
add_replacement(struct matcher *m, luaL_Buffer *b, const char *s, const char *e)
{
    lua_State *L = m->L;

    switch (lua_type(L, 3)) {
    case LUA_TNUMBER:
    case LUA_TSTRING: add_text(m, b, s, e); return;
    case LUA_TFUNCTION: {
        lua_pushvalue(L, 3);
        int n = push_captures(m, s, e);
        lua_call(L, n, 1);
        break;
    }
    default:
        push_capture(m, 0, s, e);
        lua_gettable(L, 3);
        break;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        lua_pushlstring(L, s, (size_t)(e - s));
    } else if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
    luaL_addvalue(b);
}

static int
string_gsub(lua_State *L)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len), *p = luaL_checkstring(L, 2);
    int type = lua_type(L, 3);
    lua_Integer n = 0, most = luaL_optinteger(L, 4, (lua_Integer)len + 1);
    struct matcher m;
    luaL_Buffer b;

    luaL_argcheck(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
                  "string/function/table expected");
    matcher_init(&m, L, s, len, p);
    bool anchored = *p == '^';
    p += anchored;
    luaL_buffinit(L, &b);
    while (n < most) {
        const char *e = match_at(&m, s, p);
        if (e != NULL) {
            n++;
            add_replacement(&m, &b, s, e);
        }
        if (e != NULL && e > s)
            s = e;
        else if (s < m.end)
            luaL_addchar(&b, *s++);
        else
            break;
        if (anchored)
            break;
    }
    luaL_addlstring(&b, s, (size_t)(m.end - s));
    luaL_pushresult(&b);
    lua_pushinteger(L, n);
    return 2;
}

const luaL_Reg script__patterns[] = {
    {"find", string_find},    {"match", string_match}, {"gmatch", string_gmatch},
    {"gfind", string_gmatch}, {"gsub", string_gsub},   {NULL, NULL},
};
