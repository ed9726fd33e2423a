/* script/library.c - libraries of functions: loading, registering, finding.
 *
 * A library's code runs once, when it is loaded, with a `redis` that can register functions and log, and nothing else.
 * A library is made whole before it is linked in; one that fails leaves nothing behind.
 */
#include "script/script_priv.h"

#include "base/names.h"

/* -- names ----------------------------------------------------------------------------------------------------- */

static bool
is_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = ascii_lower(s.ptr[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return s.len > 0;
}

/* Functions are found whatever the case of their names. */
enum { NAME_KEPT = 64 };
static struct slice
function_key(const void *item)
{
    const struct function *f = item;

    return slice_of(f->name.ptr + f->name.len + 1, f->name.len);
}

static uint64_t
function_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, function_key(item));
}

static const struct table_ops function_ops = {function_key, function_hash};

/* The name, and behind it the same in lower case. */
static struct slice
own_name(struct slice s)
{
    char *p = mem_get(2 * s.len + 2);

    memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    for (size_t i = 0; i < s.len; i++)
        p[s.len + 1 + i] = ascii_lower(s.ptr[i]);
    p[2 * s.len + 1] = '\0';
    return slice_of(p, s.len);
}

struct function *
function__find(const struct script_host *h, struct slice name)
{
    char small[NAME_KEPT], *lower = name.len <= NAME_KEPT ? small : mem_get(name.len);

    for (size_t i = 0; i < name.len; i++)
        lower[i] = ascii_lower(name.ptr[i]);
    struct slice key = slice_of(lower, name.len);
    struct function *f = table_find(&h->functions, &function_ops, siphash(h->seed, key), key);
    if (lower != small)
        mem_free(lower);
    return f;
}

struct library *
library__find(const struct script_host *h, struct slice name)
{
    for (struct library *l = h->libraries; l != NULL; l = l->next) {
        if (slice_eq(l->name, name))
            return l;
    }
    return NULL;
}

/* -- registering ----------------------------------------------------------------------------------------------- */

/* What a call of redis.register_function asks for; names are on the stack. */
struct wanted {
    struct slice name, description;
    int callback; /* index of the function */
    uint32_t flags;
};

static const char *
read_flag_table(lua_State *L, int table, uint32_t *flags)
{
    for (int i = 1;; i++) {
        const char *name = NULL;
        uint32_t flag;
        lua_rawgeti(L, table, i);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            return NULL;
        }
        const char *given = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        for (int n = 0; given != NULL && (name = script__flag_name(n, &flag)) != NULL && strcmp(name, given) != 0; n++)
            ;
        lua_pop(L, 1);
        if (name == NULL)
            return "ERR unknown flag given";
        *flags |= flag;
    }
}

/* One named argument: its key at -2 and its value at -1, which both stay. */
static const char *
read_named(lua_State *L, struct wanted *w)
{
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    int value = lua_gettop(L);
    bool text = lua_isstring(L, value);

    if (strcmp(key, "function_name") == 0) {
        if (!text)
            return "ERR function_name argument given to redis.register_function must be a string";
        w->name.ptr = lua_tolstring(L, value, &w->name.len);
        return NULL;
    }
    if (strcmp(key, "description") == 0) {
        if (!text)
            return "ERR description argument given to redis.register_function must be a string";
        w->description.ptr = lua_tolstring(L, value, &w->description.len);
        return NULL;
    }
    if (strcmp(key, "callback") == 0) {
        if (!lua_isfunction(L, value))
            return "ERR callback argument given to redis.register_function must be a function";
        w->callback = value;
        return NULL;
    }
    if (strcmp(key, "flags") == 0) {
        if (!lua_istable(L, value))
            return "ERR flags argument to redis.register_function must be a table representing function flags";
        return read_flag_table(L, value, &w->flags);
    }
    return "ERR unknown argument given to redis.register_function";
}

/* Leaves what it has read on the stack, so that it lives. */
static const char *
read_table(lua_State *L, struct wanted *w)
{
    lua_pushnil(L);
    while (lua_next(L, 1)) { /* table key value */
        luaL_checkstack(L, 4, "too many arguments");
        const char *why = read_named(L, w);
        if (why != NULL)
            return why;
        lua_pushvalue(L, -2);
    }
    if (w->name.ptr == NULL)
        return "ERR redis.register_function must get a function name argument";
    if (w->callback == 0)
        return "ERR redis.register_function must get a callback argument";
    return NULL;
}

static const char *
read_wanted(lua_State *L, struct wanted *w)
{
    int n = lua_gettop(L);

    if (n < 1 || n > 2)
        return "ERR wrong number of arguments to redis.register_function";
    if (n == 1) {
        if (!lua_istable(L, 1))
            return "ERR calling redis.register_function with a single argument is only applicable to Lua table "
                   "(representing "
                   "named arguments).";
        return read_table(L, w);
    }
    if (!lua_isstring(L, 1))
        return "ERR first argument to redis.register_function must be a string";
    w->name.ptr = lua_tolstring(L, 1, &w->name.len);
    if (!lua_isfunction(L, 2))
        return "ERR second argument to redis.register_function must be a function";
    w->callback = 2;
    return NULL;
}

static const char *bad_name =
    "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one "
    "character long";

int
library__register(lua_State *L)
{
    struct script_host *h = script__host_of(L);
    struct library *l = h->loading;
    struct wanted w = {0};

    if (l == NULL)
        return script__raise(L, "ERR redis.register_function can only be called on FUNCTION LOAD command");
    const char *why = read_wanted(L, &w);
    if (why != NULL)
        return script__raise(L, why);
    if (!is_name(w.name))
        return script__raise(L, bad_name);
    for (struct function *f = l->functions; f != NULL; f = f->next) {
        if (slice_eq_nocase(f->name, w.name))
            return script__raise(L, "ERR Function already exists in the library");
    }
    lua_pushvalue(L, w.callback);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    struct function *f = mem_get_zero(sizeof(*f));
    f->library = l;
    f->name = own_name(w.name);
    f->description = w.description.ptr != NULL ? name_copy(w.description) : w.description;
    f->ref = ref;
    f->flags = w.flags;
    f->next = l->functions;
    l->functions = f;
    l->count++;
    return 0;
}

/* -- loading --------------------------------------------------------------------------------------------------- */

void
library__free(struct script_host *h, struct library *l)
{
    if (l == NULL)
        return;
    while (l->functions != NULL) {
        struct function *f = l->functions;
        l->functions = f->next;
        luaL_unref(h->lua, LUA_REGISTRYINDEX, f->ref);
        name_free(f->name);
        name_free(f->description);
        mem_free(f);
    }
    name_free(l->name);
    name_free(l->code);
    mem_free(l);
}

/* "#!lua name=x" and what follows it. */
static enum rc
read_metadata(struct exec *x, struct slice text, struct slice *name, struct slice *code)
{
    const char *eol = text.len > 0 ? memchr(text.ptr, '\n', text.len) : NULL;

    *name = slice_of(NULL, 0);
    if (!slice_starts(text, LIT("#!")))
        return fail(x, "ERR Missing library metadata");
    if (eol == NULL)
        return fail(x, "ERR Invalid library metadata");
    struct slice line = slice_of(text.ptr + 2, (size_t)(eol - text.ptr) - 2);
    *code = slice_skip(text, line.len + 2);
    bool blank = line.len > 0 && line.ptr[0] == ' ';
    struct slice engine = blank ? slice_of("", 0) : script__next_word(&line), word;
    while ((word = script__next_word(&line)).len > 0) {
        if (!slice_starts_nocase(word, LIT("name=")))
            return fail(x, "ERR Invalid metadata value given: %.*s", (int)word.len, word.ptr);
        if (name->ptr != NULL)
            return fail(x, "ERR Invalid metadata value, name argument was given multiple times");
        *name = slice_skip(word, 5);
    }
    if (name->ptr == NULL)
        return fail(x, "ERR Library name was not given");
    if (!is_name(*name))
        return fail(x, "%s", bad_name);
    if (!slice_eq_nocase(engine, LIT("lua")))
        return fail(x, "ERR Engine '%.*s' not found", (int)engine.len, engine.ptr);
    return RC_OK;
}

/* Lets the globals of libraries be those of loading, or those of running. */
static void
set_globals(struct script_host *h, lua_State *L, int ref)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->library_meta_ref);
    lua_pushliteral(L, "__index");
    lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* Protected: the code at 1, a light pointer to it. Returns "" or an error text. */
static int
run_code(lua_State *L)
{
    struct script_host *h = script__host_of(L);
    const struct slice *code = lua_touserdata(L, 1);

    if (!script__compile(L, *code, "@user_function")) {
        lua_pushliteral(L, "Error compiling function: ");
        lua_insert(L, -2);
        lua_concat(L, 2);
        return 1;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->library_env_ref);
    lua_setfenv(L, -2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->handler_ref);
    lua_insert(L, -2);
    set_globals(h, L, h->library_load_ref);
    int status = lua_pcall(L, 0, 0, lua_gettop(L) - 1);
    set_globals(h, L, h->library_run_ref);
    if (status == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "err");
        lua_rawget(L, -2);
    }
    lua_pushliteral(L, "Error registering functions: ");
    lua_pushstring(L, lua_tostring(L, -2) != NULL ? lua_tostring(L, -2) : "unknown");
    lua_concat(L, 2);
    return 1;
}

/* Runs the code, so that it registers its functions with l. */
static enum rc
fill(struct script_host *h, struct exec *x, struct library *l, struct slice code)
{
    lua_State *L = h->lua;
    enum rc rc = RC_OK;

    h->loading = l;
    h->load_began_ns = clock_mono_ns(&h->clock);
    lua_settop(L, 0);
    lua_pushcfunction(L, run_code);
    lua_pushlightuserdata(L, &code);
    bool ok = lua_pcall(L, 1, 1, 0) == 0;
    h->loading = NULL;
    script__hook_again(L);
    if (!ok) {
        rc = fail(x, "ERR not enough memory for the library");
    } else {
        const char *why = lua_tostring(L, -1);
        if (why[0] != '\0')
            rc = fail(x, "ERR %s", why);
    }
    lua_settop(L, 0);
    return rc;
}

struct library *
library__load(struct script_host *h, struct exec *x, struct slice text, bool fresh)
{
    struct slice name, code;

    if (read_metadata(x, text, &name, &code) != RC_OK)
        return NULL;
    if (fresh && library__find(h, name) != NULL) {
        fail(x, "ERR Library '%.*s' already exists", (int)name.len, name.ptr);
        return NULL;
    }
    struct library *l = mem_get_zero(sizeof(*l));
    l->name = name_copy(name);
    l->code = name_copy(text);
    enum rc rc = fill(h, x, l, code);
    if (rc == RC_OK && l->functions == NULL)
        rc = fail(x, "ERR No functions registered");
    if (rc != RC_OK) {
        library__free(h, l);
        return NULL;
    }
    return l;
}

enum rc
library__check(struct script_host *h, struct exec *x, const struct library *l, const struct library *replaced)
{
    for (const struct function *f = l->functions; f != NULL; f = f->next) {
        const struct function *other = function__find(h, f->name);
        if (other != NULL && other->library != replaced)
            return fail(x, "ERR Function %.*s already exists", (int)f->name.len, f->name.ptr);
    }
    return RC_OK;
}

void
library__link(struct script_host *h, struct library *l)
{
    for (struct function *f = l->functions; f != NULL; f = f->next)
        table_insert(&h->functions, &function_ops, function_hash(f, h->seed), f);
    l->next = h->libraries;
    h->libraries = l;
    h->library_count++;
}

void
library__unlink(struct script_host *h, struct library *l)
{
    struct library **at = &h->libraries;

    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    h->library_count--;
    for (struct function *f = l->functions; f != NULL; f = f->next)
        table_remove(&h->functions, &function_ops, function_hash(f, h->seed), f);
}

void
library__flush(struct script_host *h)
{
    while (h->libraries != NULL) {
        struct library *l = h->libraries;
        library__unlink(h, l);
        library__free(h, l);
    }
}
