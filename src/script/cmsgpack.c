/* script/cmsgpack.c - the library `cmsgpack`: MessagePack to Lua values and back.
 *
 * Ours, with the names, texts and choices of the library that Redis carries: numbers without a fraction travel as
 * integers, tables with the keys 1 to n as arrays, tables nested deeper than 16 become nil. Nothing recurses, and no
 * count in the input makes us reserve memory.
 */
#include "script/script_priv.h"

#include <math.h>

enum { PACK_DEPTH_MAX = 16 };

/* -- packing --------------------------------------------------------------------------------------------------- */

static void
put_big(struct buf *b, unsigned char type, uint64_t v, int bytes)
{
    buf_add_char(b, (char)type);
    for (int i = bytes - 1; i >= 0; i--)
        buf_add_char(b, (char)(v >> 8 * i));
}

static void
put_integer(struct buf *b, int64_t v)
{
    if (v >= 0) {
        if (v <= 0x7f)
            buf_add_char(b, (char)v);
        else if (v <= 0xff)
            put_big(b, 0xcc, (uint64_t)v, 1);
        else if (v <= 0xffff)
            put_big(b, 0xcd, (uint64_t)v, 2);
        else if (v <= UINT32_MAX)
            put_big(b, 0xce, (uint64_t)v, 4);
        else
            put_big(b, 0xcf, (uint64_t)v, 8);
    } else if (v >= -32) {
        buf_add_char(b, (char)v);
    } else if (v >= INT8_MIN) {
        put_big(b, 0xd0, (uint64_t)v, 1);
    } else if (v >= INT16_MIN) {
        put_big(b, 0xd1, (uint64_t)v, 2);
    } else if (v >= INT32_MIN) {
        put_big(b, 0xd2, (uint64_t)v, 4);
    } else {
        put_big(b, 0xd3, (uint64_t)v, 8);
    }
}

static void
put_number(struct buf *b, lua_Number v)
{
    uint64_t bits;
    uint32_t single_bits;
    float single;

    if (v >= -9223372036854775808.0 && v < 9223372036854775808.0 && v == floor(v)) {
        put_integer(b, (int64_t)v);
        return;
    }
    single = isfinite(v) && fabs(v) > 3.4028234663852886e38 ? 0 : (float)v;
    if ((lua_Number)single == v) {
        memcpy(&single_bits, &single, sizeof(single_bits));
        put_big(b, 0xca, single_bits, 4);
    } else {
        memcpy(&bits, &v, sizeof(bits));
        put_big(b, 0xcb, bits, 8);
    }
}

static void
put_string(struct buf *b, struct slice s)
{
    if (s.len < 32)
        buf_add_char(b, (char)(0xa0 | s.len));
    else if (s.len <= 0xff)
        put_big(b, 0xd9, s.len, 1);
    else if (s.len <= 0xffff)
        put_big(b, 0xda, s.len, 2);
    else
        put_big(b, 0xdb, s.len, 4);
    buf_add_slice(b, s);
}

static void
put_header(struct buf *b, bool array, size_t n)
{
    if (n <= 15)
        buf_add_char(b, (char)((array ? 0x90 : 0x80) | n));
    else if (n <= 0xffff)
        put_big(b, array ? 0xdc : 0xde, n, 2);
    else
        put_big(b, array ? 0xdd : 0xdf, n, 4);
}

struct pack_frame {
    bool array, value_next;
    int next;
    size_t count;
};

struct packer {
    lua_State *L;
    struct buf *out;
    struct pack_frame frames[PACK_DEPTH_MAX];
    int depth;
};

/* Whether the keys of the table on top are 1 to n, and how many there are. */
static bool
is_array(lua_State *L, size_t *count)
{
    lua_Number max = 0;
    bool array = true;

    *count = 0;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_Number k = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
        lua_pop(L, 1);
        array = array && k > 0 && k == floor(k);
        max = k > max ? k : max;
        ++*count;
    }
    return array && max == (lua_Number)*count;
}

/* Packs the value on top. False: it is a table, which has been opened and stays. */
static bool
pack_one(struct packer *p)
{
    lua_State *L = p->L;
    struct slice s;
    size_t n;

    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        s.ptr = lua_tolstring(L, -1, &s.len);
        put_string(p->out, s);
        return true;
    case LUA_TNUMBER: put_number(p->out, lua_tonumber(L, -1)); return true;
    case LUA_TBOOLEAN: buf_add_char(p->out, (char)(lua_toboolean(L, -1) ? 0xc3 : 0xc2)); return true;
    case LUA_TTABLE: break;
    default: buf_add_char(p->out, (char)0xc0); return true;
    }
    if (p->depth == PACK_DEPTH_MAX) {
        buf_add_char(p->out, (char)0xc0);
        return true;
    }
    luaL_checkstack(L, 6, "in function mp_check");
    bool array = is_array(L, &n);
    put_header(p->out, array, n);
    p->frames[p->depth++] = (struct pack_frame){.array = array, .next = 1, .count = n};
    if (!array)
        lua_pushnil(L);
    return false;
}

/* Pushes what comes next in the innermost table; false when it is complete, and on top. */
static bool
next_part(struct packer *p)
{
    lua_State *L = p->L;
    struct pack_frame *f = &p->frames[p->depth - 1];

    if (f->array) {
        if ((size_t)f->next > f->count)
            return false;
        lua_rawgeti(L, -1, f->next++);
        return true;
    }
    if (f->value_next) { /* table key value */
        f->value_next = false;
        return true;
    }
    if (!lua_next(L, -2))
        return false;
    lua_pushvalue(L, -2);
    f->value_next = true;
    return true;
}

static int
pack(lua_State *L)
{
    struct script_host *h = script__host_of(L);
    int n = lua_gettop(L);
    struct packer p;

    if (n == 0)
        return luaL_argerror(L, 0, "MessagePack pack needs input.");
    luaL_checkstack(L, 8, "Too many arguments for MessagePack pack.");
    p.L = L;
    p.out = &h->text;
    buf_reset(&h->text);
    for (int i = 1; i <= n; i++) {
        p.depth = 0;
        lua_pushvalue(L, i);
        bool complete = pack_one(&p);
        while (!complete || p.depth > 0) {
            if (complete)
                lua_pop(L, 1);
            if (next_part(&p)) {
                complete = pack_one(&p);
            } else {
                p.depth--;
                complete = true;
            }
        }
        lua_pop(L, 1);
    }
    lua_pushlstring(L, h->text.ptr, h->text.len);
    script__text_done(h);
    return 1;
}

/* -- unpacking ------------------------------------------------------------------------------------------------- */

struct unpack_frame {
    bool array, value_next;
    uint32_t left; /* elements, or pairs */
    int next;
};

struct unpacker {
    lua_State *L;
    const unsigned char *p, *end;
    struct unpack_frame frames[SCRIPT_DEPTH_MAX];
    int depth;
};

static const unsigned char *
take(struct unpacker *u, size_t n)
{
    if ((size_t)(u->end - u->p) < n)
        luaL_error(u->L, "Missing bytes in input.");
    const unsigned char *p = u->p;
    u->p += n;
    return p;
}

static uint64_t
take_big(struct unpacker *u, size_t bytes)
{
    const unsigned char *p = take(u, bytes);
    uint64_t v = 0;

    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

static bool
push_string(struct unpacker *u, size_t n)
{
    const unsigned char *p = take(u, n);

    lua_pushlstring(u->L, (const char *)p, n);
    return true;
}

static bool
push_integer(struct unpacker *u, int64_t v)
{
    lua_pushnumber(u->L, (lua_Number)v);
    return true;
}

static bool
push_float(struct unpacker *u, size_t bytes)
{
    uint64_t bits = take_big(u, bytes);
    uint32_t low = (uint32_t)bits;
    double v;
    float single;

    if (bytes == 4) {
        memcpy(&single, &low, sizeof(single));
        v = single;
    } else {
        memcpy(&v, &bits, sizeof(v));
    }
    if (isnan(v))
        v = NAN; /* the machine's own: others would be something else to the interpreter */
    lua_pushnumber(u->L, v);
    return true;
}

static bool
open_table(struct unpacker *u, bool array, uint64_t n)
{
    if (u->depth == SCRIPT_DEPTH_MAX)
        luaL_error(u->L, "Bad data format in input.");
    luaL_checkstack(u->L, 8, "in function mp_decode_to_lua_type");
    lua_newtable(u->L);
    u->frames[u->depth++] = (struct unpack_frame){.array = array, .left = (uint32_t)n, .next = 1};
    return false;
}

/* Pushes one value. False: a table was opened. */
static bool
unpack_one_value(struct unpacker *u)
{
    unsigned char c = *take(u, 1);

    if (c <= 0x7f)
        return push_integer(u, c);
    if (c >= 0xe0)
        return push_integer(u, (int8_t)c);
    if (c <= 0x8f)
        return open_table(u, false, c & 15);
    if (c <= 0x9f)
        return open_table(u, true, c & 15);
    if (c <= 0xbf)
        return push_string(u, c & 31);
    switch (c) {
    case 0xc0: lua_pushnil(u->L); return true;
    case 0xc2: lua_pushboolean(u->L, 0); return true;
    case 0xc3: lua_pushboolean(u->L, 1); return true;
    case 0xca: return push_float(u, 4);
    case 0xcb: return push_float(u, 8);
    case 0xcc: return push_integer(u, (int64_t)take_big(u, 1));
    case 0xcd: return push_integer(u, (int64_t)take_big(u, 2));
    case 0xce: return push_integer(u, (int64_t)take_big(u, 4));
    case 0xcf: return push_integer(u, (int64_t)take_big(u, 8));
    case 0xd0: return push_integer(u, (int8_t)take_big(u, 1));
    case 0xd1: return push_integer(u, (int16_t)take_big(u, 2));
    case 0xd2: return push_integer(u, (int32_t)take_big(u, 4));
    case 0xd3: return push_integer(u, (int64_t)take_big(u, 8));
    case 0xd9: return push_string(u, take_big(u, 1));
    case 0xda: return push_string(u, take_big(u, 2));
    case 0xdb: return push_string(u, take_big(u, 4));
    case 0xdc: return open_table(u, true, take_big(u, 2));
    case 0xdd: return open_table(u, true, take_big(u, 4));
    case 0xde: return open_table(u, false, take_big(u, 2));
    case 0xdf: return open_table(u, false, take_big(u, 4));
    default: luaL_error(u->L, "Bad data format in input."); return true;
    }
}

/* A value is complete, on top, and belongs into the innermost table. */
static void
store(struct unpacker *u)
{
    lua_State *L = u->L;
    struct unpack_frame *f = &u->frames[u->depth - 1];

    if (f->array) {
        lua_rawseti(L, -2, f->next++);
        f->left--;
    } else if (!f->value_next) {
        f->value_next = true; /* it was a key */
    } else {
        f->value_next = false;
        f->left--;
        if (lua_isnil(L, -2)) {
            lua_pushliteral(L, "table index is nil");
            lua_error(L);
        }
        lua_rawset(L, -3);
    }
}

static void
unpack_value(struct unpacker *u)
{
    bool complete = unpack_one_value(u);

    while (u->depth > 0) {
        struct unpack_frame *f;
        if (complete)
            store(u);
        f = &u->frames[u->depth - 1];
        if (f->left == 0 && !f->value_next) {
            u->depth--;
            complete = true;
        } else {
            complete = unpack_one_value(u);
        }
    }
}

/* Values from `offset` on, at most limit (0: all); where the next begins, -1 at the end, comes first unless all. */
static int
unpack_many(lua_State *L, lua_Integer limit, lua_Integer offset)
{
    struct unpacker u;
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    bool all = limit == 0 && offset == 0;
    int n = 0;

    if (offset < 0 || limit < 0)
        return luaL_error(L, "Invalid request to unpack with offset of %d and limit of %d.", (int)offset, (int)len);
    if ((uint64_t)offset > len)
        return luaL_error(L, "Start offset %d greater than input length %d.", (int)offset, (int)len);
    u.L = L;
    u.p = (const unsigned char *)s + offset;
    u.end = (const unsigned char *)s + len;
    if (limit == 0)
        limit = INT32_MAX;
    while (u.p < u.end && n < limit) {
        luaL_checkstack(L, 8, "too many values to unpack");
        u.depth = 0;
        unpack_value(&u);
        n++;
    }
    if (all)
        return n;
    lua_pushinteger(L, u.p < u.end ? (lua_Integer)(u.p - (const unsigned char *)s) : -1);
    lua_insert(L, -n - 1);
    return n + 1;
}

static int
unpack(lua_State *L)
{
    return unpack_many(L, 0, 0);
}

static int
unpack_one(lua_State *L)
{
    lua_Integer offset = luaL_optinteger(L, 2, 0);

    lua_settop(L, 1);
    return unpack_many(L, 1, offset);
}

static int
unpack_limit(lua_State *L)
{
    lua_Integer limit = luaL_checkinteger(L, 2), offset = luaL_optinteger(L, 3, 0);

    lua_settop(L, 1);
    return unpack_many(L, limit, offset);
}

void
script__open_cmsgpack(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"pack", pack}, {"unpack", unpack}, {"unpack_one", unpack_one}, {"unpack_limit", unpack_limit}, {NULL, NULL},
    };

    script__library(L, functions);
    lua_pushliteral(L, "cmsgpack");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "lua-cmsgpack 0.4.0");
    lua_setfield(L, -2, "_VERSION");
    lua_pushliteral(L, "MessagePack for Lua scripts");
    lua_setfield(L, -2, "_DESCRIPTION");
}
