/* script/sandbox.c - what scripts can see, and nothing else.
 *
 * LuaJIT has no read-only tables. A shared table is therefore given out as an empty one whose metatable reads from the
 * real one and refuses writes; the real one can be reached by no script. The functions that could look behind that
 * (next, pairs, rawget, rawset, getmetatable, setmetatable, table.insert) are our own, and know such tables by a list
 * that is only in their hands. Everything visible is on one of the lists below; what is not (files, the system,
 * bytecode, the collector, the debugger) does not exist.
 */
#include "script/script_priv.h"

#include <math.h>

static const char *const base_names[] = {"assert", "error",  "ipairs", "rawequal", "select",
                                         "type",   "unpack", "gcinfo", "_VERSION", NULL};
static const char *const string_names[] = {"byte", "char", "len", "lower", "reverse", "sub", "upper", NULL};
static const char *const table_names[] = {"concat", "foreach", "foreachi", "getn", "maxn", "remove", "sort", NULL};
static const char *const math_names[] = {
    "abs",   "acos",  "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp",  "floor", "fmod", "frexp", "huge",
    "ldexp", "log10", "max",  "min",  "modf",  "pi",   "pow", "rad",  "sin", "sinh", "sqrt",  "tan",  "tanh",  NULL};
static const char *const coroutine_names[] = {"create", "resume", "running", "status", "wrap", "yield", NULL};
static const char *const bit_names[] = {"arshift", "band", "bnot",   "bor",   "bswap", "bxor", "lshift",
                                        "rol",     "ror",  "rshift", "tobit", "tohex", NULL};

/* -- tables that cannot be changed ----------------------------------------------------------------------------- */

static const char frozen_key; /* its address names the list of frozen tables in the registry */

int
script__fail_readonly(lua_State *L)
{
    return luaL_error(L, "Attempt to modify a readonly table");
}

/* The same without a position, as from the functions of the base library. */
static int
fail_readonly_plain(lua_State *L)
{
    lua_pushliteral(L, "Attempt to modify a readonly table");
    return lua_error(L);
}

static void
push_frozen_list(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)&frozen_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
}

void
script__freeze(lua_State *L)
{
    lua_newtable(L); /* real proxy */
    lua_newtable(L); /* real proxy meta */
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, script__fail_readonly);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2); /* real proxy */
    push_frozen_list(L);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -4);
    lua_rawset(L, -3); /* list[proxy] = real */
    lua_pop(L, 1);
    lua_remove(L, -2);
}

/* Functions that look behind have the list as their first upvalue. If the value at idx is frozen, replaces it by what
 * is behind. */
static bool
thaw(lua_State *L, int idx)
{
    if (lua_type(L, idx) != LUA_TTABLE)
        return false;
    lua_pushvalue(L, idx);
    lua_rawget(L, lua_upvalueindex(1));
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    lua_replace(L, idx);
    return true;
}

static int
base_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    thaw(L, 1);
    if (lua_next(L, 1))
        return 2;
    lua_pushnil(L);
    return 1;
}

/* Upvalues: the list, LuaJIT's next, ours. */
static int
base_pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, 1);
    lua_rawget(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_isnil(L, -1) ? lua_upvalueindex(2) : lua_upvalueindex(3));
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int
base_rawget(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    thaw(L, 1);
    lua_rawget(L, 1);
    return 1;
}

static int
base_rawset(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    lua_pushvalue(L, 1);
    if (thaw(L, 4))
        return fail_readonly_plain(L);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 1;
}

static int
base_getmetatable(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    if (thaw(L, 2)) {
        /* Of the globals a table is shown, of libraries none. */
        lua_pushvalue(L, 1);
        if (lua_rawequal(L, 1, lua_upvalueindex(2)))
            lua_pushvalue(L, lua_upvalueindex(3));
        else
            lua_pushnil(L);
        return 1;
    }
    lua_settop(L, 1);
    if (!lua_getmetatable(L, 1)) {
        lua_pushnil(L);
        return 1;
    }
    luaL_getmetafield(L, 1, "__metatable"); /* that instead, if there is one */
    return 1;
}

static int
base_setmetatable(lua_State *L)
{
    int type = lua_type(L, 2);

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table expected");
    lua_settop(L, 2);
    lua_pushvalue(L, 1);
    if (thaw(L, 3))
        return fail_readonly_plain(L);
    lua_settop(L, 2);
    if (luaL_getmetafield(L, 1, "__metatable"))
        return luaL_error(L, "cannot change a protected metatable");
    lua_setmetatable(L, 1);
    return 1;
}

/* LuaJIT's own does not ask __newindex, and so would leave things for the scripts of others; nor would it stop for a
 * long time when it is told to begin far below the first element. */
static int
insert_element(lua_State *L)
{
    enum { LOWEST = -1000000 };
    int args = lua_gettop(L);

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, 1);
    if (thaw(L, args + 1))
        return fail_readonly_plain(L);
    lua_settop(L, args);
    if (args < 2 || args > 3)
        return luaL_error(L, "wrong number of arguments to 'insert'");
    int end = (int)lua_objlen(L, 1) + 1, at = args == 3 ? (int)luaL_checkinteger(L, 2) : end;
    luaL_argcheck(L, at >= LOWEST, 2, "position out of bounds");
    for (int i = end; i > at; i--) {
        lua_rawgeti(L, 1, i - 1);
        lua_rawseti(L, 1, i);
    }
    lua_rawseti(L, 1, at);
    return 0;
}

/* -- protected calls and compiling ----------------------------------------------------------------------------- */

/* The error of a command is a table with a field err; who catches it by pcall gets the text. */
static void
error_to_text(lua_State *L, int idx)
{
    if (lua_type(L, idx) != LUA_TTABLE)
        return;
    lua_pushliteral(L, "err");
    lua_rawget(L, idx);
    if (lua_isstring(L, -1))
        lua_replace(L, idx);
    else
        lua_pop(L, 1);
}

static int
base_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);

    lua_pushboolean(L, status == 0);
    lua_insert(L, 1);
    if (status != 0)
        error_to_text(L, 2);
    return lua_gettop(L);
}

static int
base_xpcall(lua_State *L)
{
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    lua_insert(L, 1);
    int status = lua_pcall(L, 0, LUA_MULTRET, 1);

    lua_pushboolean(L, status == 0);
    lua_replace(L, 1);
    return lua_gettop(L);
}

static int
compile(lua_State *L, struct slice text, const char *name)
{
    struct script_host *h = script__host_of(L);

    if (script__compile(L, text, name)) {
        if (h->loading != NULL || (h->run != NULL && h->run->as_arguments)) {
            lua_rawgeti(L, LUA_REGISTRYINDEX, h->library_env_ref);
            lua_setfenv(L, -2);
        }
        return 1;
    }
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int
base_loadstring(lua_State *L)
{
    struct slice text;

    text.ptr = luaL_checklstring(L, 1, &text.len);
    return compile(L, text, luaL_optstring(L, 2, text.ptr));
}

/* Calls the function at 1 for pieces until it gives none. */
static int
collect_pieces(lua_State *L)
{
    luaL_Buffer b;
    size_t total = 0;

    lua_settop(L, 1);
    luaL_buffinit(L, &b);
    for (;;) {
        size_t len;
        lua_pushvalue(L, 1);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1))
            break;
        if (!lua_isstring(L, -1))
            return luaL_error(L, "reader function must return a string");
        (void)lua_tolstring(L, -1, &len);
        if (len == 0)
            break;
        total += len;
        if (total > SCRIPT_TEXT_MAX)
            return luaL_error(L, "script is too long");
        luaL_addvalue(&b);
    }
    lua_pop(L, 1);
    luaL_pushresult(&b);
    return 1;
}

static int
base_load(lua_State *L)
{
    const char *name = luaL_optstring(L, 2, "=(load)");
    struct slice text;

    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushcfunction(L, collect_pieces);
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 1, 1, 0) != 0) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    text.ptr = lua_tolstring(L, -1, &text.len);
    return compile(L, text, name);
}

/* See prepare.c. */
static int
give_back(lua_State *L)
{
    return lua_gettop(L);
}

static int
missing_global(lua_State *L)
{
    return luaL_error(L, "Script attempted to access nonexistent global variable '%s'",
                      lua_isstring(L, 2) ? lua_tostring(L, 2) : luaL_typename(L, 2));
}

/* -- strings, tables, numbers ---------------------------------------------------------------------------------- */

/* Lua 5.1 knows no separator. */
static int
string_rep(lua_State *L)
{
    size_t len, bytes;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_Number n = luaL_checknumber(L, 2);
    luaL_Buffer b;

    if (!(n >= 1) || len == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (n > (lua_Number)SCRIPT_MEMORY_MAX || !size_mul((size_t)n, len, &bytes) || bytes > SCRIPT_MEMORY_MAX / 2)
        return luaL_error(L, "not enough memory");
    struct script_host *h = script__host_of(L);
    if (bytes > (1 << 20) && h->lua_bytes + bytes > SCRIPT_MEMORY_MAX)
        return luaL_error(L, "not enough memory");
    luaL_buffinit(L, &b);
    for (size_t i = (size_t)n; i > 0; i--)
        luaL_addlstring(&b, s, len);
    luaL_pushresult(&b);
    return 1;
}

static int
table_setn(lua_State *L)
{
    return luaL_error(L, "'setn' is obsolete");
}

/* The generator that Redis gives scripts: 48 bits, linear. Each run begins anywhere; math.randomseed() makes it repeat.
 */
static uint32_t
random_next(struct script_host *h)
{
    h->random = (h->random * UINT64_C(0x5deece66d) + 11) & ((UINT64_C(1) << 48) - 1);
    return (uint32_t)(h->random >> 17);
}

static void
random_seed(struct script_host *h, int32_t seed)
{
    h->random = (uint64_t)(uint32_t)seed << 16 | 0x330e;
}

void
script__random_reset(struct script_host *h, struct rng *rng)
{
    random_seed(h, (int32_t)rng_next(rng));
}

static int
math_random(lua_State *L)
{
    lua_Number r = (lua_Number)(random_next(script__host_of(L)) % INT32_MAX) / (lua_Number)INT32_MAX;
    int n = lua_gettop(L);

    if (n == 0) {
        lua_pushnumber(L, r);
        return 1;
    }
    if (n > 2)
        return luaL_error(L, "wrong number of arguments");
    lua_Number low = n == 1 ? 1 : floor(luaL_checknumber(L, 1)), high = floor(luaL_checknumber(L, n));
    luaL_argcheck(L, low <= high, n, "interval is empty");
    lua_pushnumber(L, floor(r * (high - low + 1)) + low);
    return 1;
}

static int
math_randomseed(lua_State *L)
{
    lua_Number seed = luaL_checknumber(L, 1);

    random_seed(script__host_of(L), seed >= -2147483648.0 && seed <= 4294967295.0 ? (int32_t)(int64_t)seed : 0);
    return 0;
}

/* -- building -------------------------------------------------------------------------------------------------- */

void
script__library(lua_State *L, const luaL_Reg *reg)
{
    lua_newtable(L);
    for (; reg->name != NULL; reg++) {
        lua_pushcfunction(L, reg->func);
        lua_setfield(L, -2, reg->name);
    }
}

/* Copies the named fields of the table at `from` to the one on top. */
static void
copy_fields(lua_State *L, int from, const char *const *names)
{
    for (; *names != NULL; names++) {
        lua_getfield(L, from, *names);
        CHECK(!lua_isnil(L, -1));
        lua_setfield(L, -2, *names);
    }
}

static void
add_functions(lua_State *L, const luaL_Reg *reg)
{
    for (; reg->name != NULL; reg++) {
        lua_pushcfunction(L, reg->func);
        lua_setfield(L, -2, reg->name);
    }
}

/* Pushes a table with the named fields of the global table `name`, which the original globals at 1 have. */
static void
take_library(lua_State *L, const char *name, const char *const *names)
{
    lua_getfield(L, 1, name);
    lua_newtable(L);
    copy_fields(L, lua_gettop(L) - 1, names);
    lua_remove(L, -2);
}

/* Strings find their methods in the real table, which is on top; a script that asks for the metatable of strings gets
 * one that shows the frozen library, which replaces the real one on top. */
static void
string_metatable(lua_State *L)
{
    lua_pushliteral(L, "");
    lua_newtable(L); /* real "" meta */
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, -3);
    script__freeze(L); /* real "" meta frozen */
    lua_newtable(L);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__index");
    script__freeze(L); /* real "" meta frozen shown */
    lua_setfield(L, -3, "__metatable");
    lua_replace(L, -4); /* frozen "" meta */
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

static void
open_standard(lua_State *L)
{
    static const struct {
        const char *name;
        lua_CFunction open;
    } libs[] = {{"", luaopen_base},
                {LUA_TABLIBNAME, luaopen_table},
                {LUA_STRLIBNAME, luaopen_string},
                {LUA_MATHLIBNAME, luaopen_math},
                {LUA_BITLIBNAME, luaopen_bit}};

    for (size_t i = 0; i < sizeof(libs) / sizeof(libs[0]); i++) {
        lua_pushcfunction(L, libs[i].open);
        lua_pushstring(L, libs[i].name);
        lua_call(L, 1, 0);
    }
}

/* The functions that look behind frozen tables. Stack: 1 original globals, 2 globals, 3 what scripts see as globals. */
static void
open_wary(lua_State *L)
{
    static const luaL_Reg simple[] = {
        {"rawget", base_rawget}, {"rawset", base_rawset}, {"setmetatable", base_setmetatable}, {NULL, NULL}};

    for (const luaL_Reg *r = simple; r->name != NULL; r++) {
        push_frozen_list(L);
        lua_pushcclosure(L, r->func, 1);
        lua_setfield(L, 2, r->name);
    }
    push_frozen_list(L);
    lua_pushcclosure(L, base_next, 1);
    lua_setfield(L, 2, "next");
    push_frozen_list(L);
    lua_getfield(L, 1, "next");
    lua_getfield(L, 2, "next");
    lua_pushcclosure(L, base_pairs, 3);
    lua_setfield(L, 2, "pairs");
    push_frozen_list(L);
    lua_pushvalue(L, 3);
    lua_newtable(L);
    script__freeze(L);
    lua_pushcclosure(L, base_getmetatable, 3);
    lua_setfield(L, 2, "getmetatable");
}

static void
open_libraries(lua_State *L)
{
    static const luaL_Reg own_string[] = {{"rep", string_rep}, {NULL, NULL}};
    static const luaL_Reg own_table[] = {{"setn", table_setn}, {NULL, NULL}};
    static const luaL_Reg own_math[] = {{"random", math_random}, {"randomseed", math_randomseed}, {NULL, NULL}};

    take_library(L, "string", string_names);
    add_functions(L, own_string);
    add_functions(L, script__patterns);
    add_functions(L, script__compat_string);
    string_metatable(L);
    lua_setfield(L, 2, "string");
    take_library(L, "table", table_names);
    add_functions(L, own_table);
    push_frozen_list(L);
    lua_pushcclosure(L, insert_element, 1);
    lua_setfield(L, -2, "insert");
    script__freeze(L);
    lua_setfield(L, 2, "table");
    take_library(L, "math", math_names);
    add_functions(L, own_math);
    add_functions(L, script__compat_math);
    lua_getfield(L, -1, "fmod");
    lua_setfield(L, -2, "mod");
    script__freeze(L);
    lua_setfield(L, 2, "math");
    take_library(L, "coroutine", coroutine_names);
    script__freeze(L);
    lua_setfield(L, 2, "coroutine");
    take_library(L, "bit", bit_names);
    script__freeze(L);
    lua_setfield(L, 2, "bit");
    script__open_redis(L);
    script__freeze(L);
    lua_setfield(L, 2, "redis");
    script__open_cjson(L);
    script__freeze(L);
    lua_setfield(L, 2, "cjson");
    script__open_cmsgpack(L);
    script__freeze(L);
    lua_setfield(L, 2, "cmsgpack");
    script__open_struct(L);
    script__freeze(L);
    lua_setfield(L, 2, "struct");
}

static int
keep(lua_State *L)
{
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* The globals of libraries: what the globals of scripts have (at 2), without their KEYS and ARGV; while a library's
 * code is loaded nothing but a `redis` of its own. */
static void
library_globals(struct script_host *h, lua_State *L)
{
    lua_newtable(L); /* run */
    lua_pushnil(L);
    while (lua_next(L, 2)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    script__open_redis_functions(L);
    script__freeze(L);
    lua_setfield(L, -2, "redis");
    CHECK(lua_getmetatable(L, 2));
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    script__freeze(L); /* run env */
    lua_pushliteral(L, "_G");
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
    CHECK(lua_getmetatable(L, -1));
    h->library_meta_ref = keep(L);
    h->library_env_ref = keep(L);
    h->library_run_ref = keep(L);
    lua_newtable(L); /* load */
    CHECK(lua_getmetatable(L, 2));
    lua_setmetatable(L, -2);
    script__open_redis_loading(L);
    CHECK(lua_getmetatable(L, 2));
    lua_setmetatable(L, -2);
    script__freeze(L);
    lua_setfield(L, -2, "redis");
    lua_pushcfunction(L, give_back);
    lua_setfield(L, -2, "__return");
    h->library_load_ref = keep(L);
}

void
script__sandbox(struct script_host *h, lua_State *L)
{
    static const luaL_Reg own_base[] = {{"pcall", base_pcall},           {"xpcall", base_xpcall}, {"load", base_load},
                                        {"loadstring", base_loadstring}, {"__return", give_back}, {NULL, NULL}};

    lua_settop(L, 0);
    CHECK(luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF));
    open_standard(L);
    lua_pushlightuserdata(L, (void *)(uintptr_t)&frozen_key);
    lua_newtable(L);
    lua_rawset(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, LUA_GLOBALSINDEX); /* 1: original globals */
    lua_newtable(L);                    /* 2: ours */
    lua_newtable(L);
    lua_pushcfunction(L, missing_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, 2);
    lua_pushvalue(L, 2);
    script__freeze(L); /* 3: what scripts see */
    lua_pushvalue(L, 2);
    copy_fields(L, 1, base_names);
    add_functions(L, script__compat_base);
    lua_pop(L, 1);
    for (const luaL_Reg *r = own_base; r->name != NULL; r++) {
        lua_pushcfunction(L, r->func);
        lua_setfield(L, 2, r->name);
    }
    open_wary(L);
    open_libraries(L);
    library_globals(h, L);
    lua_pushvalue(L, 3);
    lua_setfield(L, 2, "_G");
    lua_pushvalue(L, 3);
    lua_replace(L, LUA_GLOBALSINDEX);
    lua_pushvalue(L, 2);
    h->globals_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, 3);
    h->env_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    script__run_init(h, L);
}
