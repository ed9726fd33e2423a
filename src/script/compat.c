/* script/compat.c - functions of Lua 5.1 that LuaJIT's own would answer otherwise: string.format (%q, %s, %c, %a, the
 * sign of NaN), tostring of NaN, tonumber of "0b1", math.log with a base. */
#include "script/script_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ITEM_MAX = 512, SPEC_MAX = 24, STRING_AS_IS = 100 };

void
script__push_text(lua_State *L, int idx)
{
    char text[64];
    lua_Number v;

    switch (lua_type(L, idx)) {
    case LUA_TNUMBER:
        v = lua_tonumber(L, idx);
        if (isnan(v)) {
            lua_pushstring(L, signbit(v) ? "-nan" : "nan");
        } else {
            lua_pushvalue(L, idx);
            (void)lua_tostring(L, -1);
        }
        break;
    case LUA_TSTRING: lua_pushvalue(L, idx); break;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, idx) ? "true" : "false"); break;
    case LUA_TNIL: lua_pushliteral(L, "nil"); break;
    default:
        snprintf(text, sizeof(text), "%s: %p", luaL_typename(L, idx), lua_topointer(L, idx));
        lua_pushstring(L, text);
    }
}

static int
base_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    if (!luaL_callmeta(L, 1, "__tostring"))
        script__push_text(L, 1);
    return 1;
}

static bool
is_binary_text(lua_State *L, int idx)
{
    const char *s = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx) : "";

    while (*s == ' ' || (*s >= '\t' && *s <= '\r'))
        s++;
    s += *s == '-' || *s == '+';
    return s[0] == '0' && (s[1] == 'b' || s[1] == 'B');
}

static int
base_tonumber(lua_State *L)
{
    lua_Integer base = luaL_optinteger(L, 2, 10);

    if (base == 10) {
        luaL_checkany(L, 1);
        if (lua_isnumber(L, 1) && !is_binary_text(L, 1))
            lua_pushnumber(L, lua_tonumber(L, 1));
        else
            lua_pushnil(L);
        return 1;
    }
    const char *s = luaL_checkstring(L, 1);
    char *end;
    luaL_argcheck(L, base >= 2 && base <= 36, 2, "base out of range");
    unsigned long n = strtoul(s, &end, (int)base);
    bool any = end != s;
    while (*end == ' ' || (*end >= '\t' && *end <= '\r'))
        end++;
    if (any && *end == '\0')
        lua_pushnumber(L, (lua_Number)n);
    else
        lua_pushnil(L);
    return 1;
}

static int
math_log(lua_State *L)
{
    lua_pushnumber(L, log(luaL_checknumber(L, 1)));
    return 1;
}

/* -- string.format --------------------------------------------------------------------------------------------- */

static void
add_quoted(lua_State *L, luaL_Buffer *b, int arg)
{
    size_t len;
    const char *s = luaL_checklstring(L, arg, &len);

    luaL_addchar(b, '"');
    for (; len > 0; len--, s++) {
        switch (*s) {
        case '"':
        case '\\':
        case '\n':
            luaL_addchar(b, '\\');
            luaL_addchar(b, *s);
            break;
        case '\r': luaL_addlstring(b, "\\r", 2); break;
        case '\0': luaL_addlstring(b, "\\000", 4); break;
        default: luaL_addchar(b, *s);
        }
    }
    luaL_addchar(b, '"');
}

/* One item of a format: %, flags, up to two digits each of width and precision. Returns where its letter is; `mods`
 * goes between them and the letter in `spec`. */
static const char *
read_spec(lua_State *L, const char *p, const char *mods, char spec[SPEC_MAX])
{
    const char *begin = p;

    while (*p != '\0' && strchr("-+ #0", *p) != NULL)
        p++;
    if (p - begin > 5)
        luaL_error(L, "invalid format (repeated flags)");
    for (int i = 0; i < 2 && *p >= '0' && *p <= '9'; i++)
        p++;
    if (*p == '.') {
        p++;
        for (int i = 0; i < 2 && *p >= '0' && *p <= '9'; i++)
            p++;
    }
    if (*p >= '0' && *p <= '9')
        luaL_error(L, "invalid format (width or precision too long)");
    snprintf(spec, SPEC_MAX, "%%%.*s%s%c", (int)(p - begin), begin, mods, *p);
    return p;
}

static const char *
modifiers(char letter)
{
    return letter != '\0' && strchr("diouxX", letter) != NULL ? "ll" : "";
}

/* As the conversions of a machine with 64 bits do it. */
static long long
to_signed(lua_Number v)
{
    return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? (long long)v : INT64_MIN;
}

/* To an int, which %c takes: what does not fit is the lowest one, whose byte is a NUL. */
static int
to_char(lua_Number v)
{
    return v > -2147483649.0 && v < 2147483648.0 ? (unsigned char)(int)v : 0;
}

static unsigned long long
to_unsigned(lua_Number v)
{
    if (v >= 9223372036854775808.0)
        return v < 18446744073709551616.0 ? (unsigned long long)v : 0;
    return (unsigned long long)to_signed(v);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* A string: as a C function would print it, up to its first NUL, unless it is long and nothing is asked of it. */
static void
add_string(lua_State *L, luaL_Buffer *b, int arg, const char *spec)
{
    char item[ITEM_MAX];
    size_t len;
    const char *s = luaL_checklstring(L, arg, &len);

    if (len >= STRING_AS_IS && strchr(spec, '.') == NULL) {
        luaL_addlstring(b, s, len);
        return;
    }
    int n = snprintf(item, sizeof(item), spec, s);
    luaL_addlstring(b, item, n > 0 ? (size_t)n : 0);
}

static void
add_item(lua_State *L, luaL_Buffer *b, int arg, const char *spec, char letter)
{
    char item[ITEM_MAX];
    int n = 0;

    switch (letter) {
    case 'c':
        n = snprintf(item, sizeof(item), spec, to_char(luaL_checknumber(L, arg)));
        n = n > 0 ? (int)strlen(item) : 0; /* nothing of a NUL, as Lua 5.1 has it */
        break;
    case 'd':
    case 'i': n = snprintf(item, sizeof(item), spec, to_signed(luaL_checknumber(L, arg))); break;
    case 'o':
    case 'u':
    case 'x':
    case 'X': n = snprintf(item, sizeof(item), spec, to_unsigned(luaL_checknumber(L, arg))); break;
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G': n = snprintf(item, sizeof(item), spec, luaL_checknumber(L, arg)); break;
    case 'q': add_quoted(L, b, arg); return;
    case 's': add_string(L, b, arg, spec); return;
    case '\0': luaL_error(L, "invalid option '%%' to 'format'"); break;
    default: luaL_error(L, "invalid option '%%%c' to 'format'", letter);
    }
    CHECK(n < ITEM_MAX);
    luaL_addlstring(b, item, n > 0 ? (size_t)n : 0);
}

#pragma GCC diagnostic pop

static int
string_format(lua_State *L)
{
    int top = lua_gettop(L), arg = 1;
    char spec[SPEC_MAX];
    size_t len;
    const char *p = luaL_checklstring(L, 1, &len), *end = p + len;
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    while (p < end) {
        const char *percent = memchr(p, '%', (size_t)(end - p));
        luaL_addlstring(&b, p, (size_t)((percent != NULL ? percent : end) - p));
        if (percent == NULL)
            break;
        p = percent + 1;
        if (*p == '%') {
            luaL_addchar(&b, *p++);
            continue;
        }
        if (++arg > top)
            return luaL_argerror(L, arg, "no value");
        p = read_spec(L, p, "", spec);
        if (*modifiers(*p) != '\0')
            (void)read_spec(L, percent + 1, modifiers(*p), spec);
        add_item(L, &b, arg, spec, *p++);
    }
    luaL_pushresult(&b);
    return 1;
}

const luaL_Reg script__compat_base[] = {{"tostring", base_tostring}, {"tonumber", base_tonumber}, {NULL, NULL}};
const luaL_Reg script__compat_string[] = {{"format", string_format}, {NULL, NULL}};
const luaL_Reg script__compat_math[] = {{"log", math_log}, {NULL, NULL}};
