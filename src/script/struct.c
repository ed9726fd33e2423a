/* script/struct.c - the library `struct`: values to packed bytes and back, by a format.
 *
 *   <  >  little, big endian      ![n]  align to at most n (8)     x  a byte of padding     b B h H l L T i[n] I[n]
 * integers f d   floating point          s  text with a NUL behind it     c[n]  n bytes; c0: all of a text, or as many
 * as the number unpacked before says Ours, with the forms and error texts of the library that Redis carries. Every size
 * is checked before it is used.
 */
#include "script/script_priv.h"

#include <math.h>

enum { INTEGER_MAX = 32, ALIGN_DEFAULT = 8 };

struct format {
    lua_State *L;
    const char *p;
    bool big;
    size_t align;
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits that follow, or otherwise. */
static size_t
take_number(struct format *f, size_t otherwise)
{
    size_t n = 0;

    if (!is_digit(*f->p))
        return otherwise;
    while (is_digit(*f->p)) {
        size_t digit = (size_t)(*f->p++ - '0');
        if (n > (INT32_MAX - digit) / 10)
            luaL_error(f->L, "integral size overflow");
        n = n * 10 + digit;
    }
    return n;
}

static int
fail_option(struct format *f, char option)
{
    const char *text = lua_pushfstring(f->L, "invalid format option '%c'", option);

    return luaL_argerror(f->L, 1, text);
}

static size_t
option_size(struct format *f, char option)
{
    size_t n;

    switch (option) {
    case 'B':
    case 'b':
    case 'x': return 1;
    case 'H':
    case 'h': return 2;
    case 'L':
    case 'l':
    case 'T':
    case 'd': return 8;
    case 'f': return 4;
    case 'c': return take_number(f, 1);
    case 'i':
    case 'I':
        n = take_number(f, 4);
        if (n > INTEGER_MAX)
            luaL_error(f->L, "integral size %d is larger than limit of %d", (int)n, INTEGER_MAX);
        return n;
    default: /* a letter that means nothing has no size; what packs or unpacks refuses it */
        if (ascii_lower(option) < 'a' || ascii_lower(option) > 'z')
            fail_option(f, option);
        return 0;
    }
}

/* How many bytes of padding come before a value of that size at offset `at`. */
static size_t
padding(const struct format *f, char option, size_t size, size_t at)
{
    size_t align = size < f->align ? size : f->align;

    if (size == 0 || option == 'c' || align <= 1)
        return 0;
    return (align - (at & (align - 1))) & (align - 1);
}

/* Options that steer. True if it was one. */
static bool
control(struct format *f, char option)
{
    switch (option) {
    case ' ': return true;
    case '>': f->big = true; return true;
    case '<': f->big = false; return true;
    case '!':
        f->align = take_number(f, ALIGN_DEFAULT);
        if (f->align == 0 || (f->align & (f->align - 1)) != 0)
            luaL_error(f->L, "alignment %d is not a power of 2", (int)f->align);
        return true;
    default: return false;
    }
}

/* -- packing --------------------------------------------------------------------------------------------------- */

static void
put_bytes(struct buf *b, const struct format *f, uint64_t v, size_t size)
{
    char bytes[INTEGER_MAX] = {0};

    for (size_t i = 0; i < size; i++) {
        bytes[f->big ? size - 1 - i : i] = (char)v;
        v >>= 8;
    }
    buf_add(b, bytes, size);
}

static uint64_t
to_bits(lua_Number v)
{
    if (v < 0)
        return v > -9223372036854775809.0 ? (uint64_t)(int64_t)v : UINT64_C(1) << 63;
    return v < 18446744073709551616.0 ? (uint64_t)v : 0;
}

static void
pack_float(struct format *f, struct buf *b, char option, lua_Number v)
{
    uint64_t bits = 0;
    uint32_t low;

    if (option == 'd') {
        memcpy(&bits, &v, sizeof(bits));
        put_bytes(b, f, bits, 8);
    } else {
        float single =
            isfinite(v) && fabs(v) > 3.4028235677973366e38 ? copysignf(INFINITY, (float)copysign(1, v)) : (float)v;
        memcpy(&low, &single, sizeof(low));
        put_bytes(b, f, low, 4);
    }
}

/* Packs one value of argument *arg. */
static void
pack_value(struct format *f, struct buf *b, char option, size_t size, int *arg)
{
    lua_State *L = f->L;
    struct slice s;

    switch (option) {
    case 'b':
    case 'B':
    case 'h':
    case 'H':
    case 'l':
    case 'L':
    case 'T':
    case 'i':
    case 'I': put_bytes(b, f, to_bits(luaL_checknumber(L, (*arg)++)), size); break;
    case 'x': buf_add_char(b, '\0'); break;
    case 'f':
    case 'd': pack_float(f, b, option, luaL_checknumber(L, (*arg)++)); break;
    case 'c':
    case 's':
        s.ptr = luaL_checklstring(L, (*arg)++, &s.len);
        if (size == 0)
            size = s.len;
        luaL_argcheck(L, s.len >= size, *arg, "string too short");
        buf_add(b, s.ptr, size);
        if (option == 's')
            buf_add_char(b, '\0');
        break;
    default: fail_option(f, option);
    }
}

static int
pack(lua_State *L)
{
    struct script_host *h = script__host_of(L);
    struct format f = {.L = L, .p = luaL_checkstring(L, 1), .align = 1};
    struct buf *b = &h->text;
    int arg = 2;

    lua_pushnil(L); /* a missing argument is a nil */
    buf_reset(b);
    while (*f.p != '\0') {
        char option = *f.p++;
        if (control(&f, option))
            continue;
        size_t size = option_size(&f, option);
        for (size_t n = padding(&f, option, size, b->len); n > 0; n--)
            buf_add_char(b, '\0');
        pack_value(&f, b, option, size, &arg);
        if (b->len > SCRIPT_MEMORY_MAX / 2)
            return luaL_error(L, "not enough memory");
    }
    lua_pushlstring(L, b->ptr, b->len);
    script__text_done(h);
    return 1;
}

/* -- unpacking ------------------------------------------------------------------------------------------------- */

static uint64_t
get_bytes(const struct format *f, const char *p, size_t size)
{
    uint64_t v = 0;

    for (size_t i = 0; i < size; i++)
        v = v << 8 | (unsigned char)p[f->big ? i : size - 1 - i];
    return v;
}

static void
push_integer(lua_State *L, uint64_t v, size_t size, bool is_signed)
{
    if (!is_signed) {
        lua_pushnumber(L, (lua_Number)v);
        return;
    }
    if (size < 8 && size > 0 && (v >> (size * 8 - 1) & 1))
        v |= ~UINT64_C(0) << (size * 8 - 1);
    lua_pushnumber(L, (lua_Number)(int64_t)v);
}

static void
push_float(const struct format *f, const char *p, char option)
{
    uint64_t bits = get_bytes(f, p, option == 'd' ? 8 : 4);
    uint32_t low = (uint32_t)bits;
    float single;
    double v;

    if (option == 'd') {
        memcpy(&v, &bits, sizeof(v));
    } else {
        memcpy(&single, &low, sizeof(single));
        v = single;
    }
    lua_pushnumber(f->L, isnan(v) ? NAN : v); /* one NaN is enough: others mean something to the interpreter */
}

static const char too_short[] = "data string too short";

/* Pushes the value at data[pos], of which `size` bytes are there; returns how many it took. */
static size_t
unpack_value(struct format *f, char option, struct slice data, size_t pos, size_t size)
{
    lua_State *L = f->L;
    const char *p = data.ptr + pos, *nul;

    switch (option) {
    case 'b':
    case 'B':
    case 'h':
    case 'H':
    case 'l':
    case 'L':
    case 'T':
    case 'i':
    case 'I': push_integer(L, get_bytes(f, p, size), size, option >= 'a'); return size;
    case 'x': return size;
    case 'f':
    case 'd': push_float(f, p, option); return size;
    case 'c':
        if (size == 0) {
            lua_Number n = lua_tonumber(L, -1);
            if (!lua_isnumber(L, -1) || lua_gettop(L) <= 3)
                luaL_error(L, "format 'c0' needs a previous size");
            luaL_argcheck(L, n >= 0 && n <= (lua_Number)(data.len - pos), 2, too_short);
            size = (size_t)n;
            lua_pop(L, 1);
        }
        lua_pushlstring(L, p, size);
        return size;
    case 's':
        nul = pos < data.len ? memchr(p, '\0', data.len - pos) : NULL;
        if (nul == NULL)
            luaL_error(L, "unfinished string in data");
        lua_pushlstring(L, p, (size_t)(nul - p));
        return (size_t)(nul - p) + 1;
    default: fail_option(f, option); return 0;
    }
}

static int
unpack(lua_State *L)
{
    struct format f = {.L = L, .p = luaL_checkstring(L, 1), .align = 1};
    struct slice data;

    data.ptr = luaL_checklstring(L, 2, &data.len);
    size_t pos = (size_t)luaL_optinteger(L, 3, 1);
    luaL_argcheck(L, pos > 0, 3, "offset must be 1 or greater");
    pos--;
    lua_settop(L, 3); /* results from 4 on */
    while (*f.p != '\0') {
        char option = *f.p++;
        if (control(&f, option))
            continue;
        size_t size = option_size(&f, option), end;
        size_t skip = padding(&f, option, size, pos);
        luaL_argcheck(L, size_add(pos, skip, &pos) && size_add(pos, size, &end) && end <= data.len, 2, too_short);
        luaL_checkstack(L, 4, "too many results");
        pos += unpack_value(&f, option, data, pos, size);
    }
    lua_pushnumber(L, (lua_Number)(pos + 1));
    return lua_gettop(L) - 3;
}

static int
size_of(lua_State *L)
{
    struct format f = {.L = L, .p = luaL_checkstring(L, 1), .align = 1};
    size_t total = 0;

    while (*f.p != '\0') {
        char option = *f.p++;
        if (control(&f, option))
            continue;
        size_t size = option_size(&f, option);
        if (option == 's')
            return luaL_argerror(L, 1, "option 's' has no fixed size");
        if (option == 'c' && size == 0)
            return luaL_argerror(L, 1, "option 'c0' has no fixed size");
        total += padding(&f, option, size, total);
        if (!size_add(total, size, &total))
            return luaL_error(L, "integral size overflow");
    }
    lua_pushnumber(L, (lua_Number)total);
    return 1;
}

void
script__open_struct(lua_State *L)
{
    static const luaL_Reg functions[] = {{"pack", pack}, {"unpack", unpack}, {"size", size_of}, {NULL, NULL}};

    script__library(L, functions);
}
