/* script/run.c - running a script: its arguments, its errors, and the hook that watches over it. */
#include "script/script_priv.h"

#include "base/log.h"
#include "engine/effects.h"
#include "engine/fieldsets.h"
#include "engine/settings.h"

/* -- errors ---------------------------------------------------------------------------------------------------- */

/* Called where an error is raised: turns a text into a table and notes the place. Where a function in C raised it, that
 * of its caller. */
static int
error_handler(lua_State *L)
{
    lua_Debug place = {0};
    bool known = lua_getstack(L, 1, &place) && lua_getinfo(L, "Sl", &place);

    if (known && place.what[0] == 'C')
        known = lua_getstack(L, 2, &place) && lua_getinfo(L, "Sl", &place);
    lua_settop(L, 1);
    if (!lua_istable(L, 1)) {
        script__push_text(L, 1);
        lua_createtable(L, 0, 3);
        lua_pushfstring(L, "ERR %s", lua_tostring(L, 2));
        lua_setfield(L, -2, "err");
        lua_replace(L, 1);
        lua_settop(L, 1);
    }
    if (known) {
        lua_pushliteral(L, "source");
        lua_pushstring(L, place.source);
        lua_rawset(L, 1);
        lua_pushliteral(L, "line");
        lua_pushinteger(L, place.currentline);
        lua_rawset(L, 1);
    }
    return 1;
}

static const char *
raw_text(lua_State *L, const char *field)
{
    lua_pushstring(L, field);
    lua_rawget(L, -2);
    const char *s = lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1); /* the table on top keeps the string */
    return s;
}

static bool
raw_flag(lua_State *L, const char *field)
{
    lua_pushstring(L, field);
    lua_rawget(L, -2);
    bool yes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return yes;
}

/* Writes the error on top of the stack, with the place where it came from. */
static void
put_error(lua_State *L, struct script_host *h, struct script_run *run)
{
    struct exec *x = run->x;
    struct buf *b = &h->error;
    const char *text = lua_tostring(L, -1), *source = NULL;
    bool counted = false;

    buf_reset(b);
    if (lua_istable(L, -1)) {
        text = raw_text(L, "err");
        counted = raw_flag(L, "ignore_error_stats_update");
        source = raw_text(L, "source");
        const char *line = source != NULL ? raw_text(L, "line") : NULL;
        text = text != NULL ? text : "ERR unknown error";
        buf_add_slice(b, slice_cstr(text));
        buf_printf(b, " script: %.*s", (int)run->name.len, run->name.ptr);
        if (source != NULL && line != NULL)
            buf_printf(b, ", on %s:%s.", source, line);
    } else {
        buf_printf(b, "ERR %s script: %.*s", text != NULL ? text : "unknown error", (int)run->name.len, run->name.ptr);
    }
    if (!counted)
        engine_count_error(h->engine, buf_slice(b));
    x->command->failed++;
    reply_put_error(&x->reply, buf_slice(b));
}

/* -- the hook -------------------------------------------------------------------------------------------------- */

#define LOAD_NS_MAX INT64_C(500000000) /* the code of a library may run half a second */

enum { YIELD_EVERY_NS = 5000000 };

/* After the threshold others are served every now and then. */
static void
let_others(struct script_host *h, struct script_run *run)
{
    int64_t limit_ms = engine_settings(h->engine)->script_busy_ms, now = clock_mono_ns(&h->clock);

    if (limit_ms <= 0 || (now - run->began_ns) / 1000000 < limit_ms || now < run->yield_ns)
        return;
    if (run->yield_ns == 0)
        log_warning(
            "Slow script detected: still in execution after %lld milliseconds. You can try killing the script using "
            "the SCRIPT KILL command. Script name is: %.*s.",
            (long long)((now - run->began_ns) / 1000000), (int)run->name.len, run->name.ptr);
    if (!engine_yield(run->x))
        run->killed = true;
    run->yield_ns = clock_mono_ns(&h->clock) + YIELD_EVERY_NS;
}

static void watch(lua_State *L, lua_Debug *ar);

void
script__look_up(lua_State *L)
{
    struct script_host *h = script__host_of(L);
    struct script_run *run = h->run;

    if (h->loading != NULL && clock_mono_ns(&h->clock) - h->load_began_ns > LOAD_NS_MAX) {
        lua_sethook(L, watch, LUA_MASKCOUNT, 1);
        luaL_error(L, "FUNCTION LOAD timeout");
    }
    if (run == NULL)
        return;
    if (!run->killed)
        let_others(h, run);
    if (run->killed) {
        lua_sethook(L, watch, LUA_MASKCOUNT, 1); /* so that no pcall() gets far */
        script__push_error(L, LIT("ERR Script killed by user with SCRIPT KILL..."), false);
        lua_error(L);
    }
}

static void
watch(lua_State *L, lua_Debug *ar)
{
    script__look_up(L);
}

/* -- running --------------------------------------------------------------------------------------------------- */

static void
push_arguments(lua_State *L, const struct exec *x, int from, int to)
{
    lua_createtable(L, to - from, 0);
    for (int i = from; i < to; i++) {
        lua_pushlstring(L, x->argv[i].ptr, x->argv[i].len);
        lua_rawseti(L, -2, i - from + 1);
    }
}

/* Runs in protected mode as a whole: even what prepares and follows the script's own call may lack memory. */
static int
entry(lua_State *L)
{
    struct script_run *run = lua_touserdata(L, 1);
    struct script_host *h = script__host_of(L);
    struct exec *x = run->x;
    int first_arg = 3 + run->keys, status;

    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->handler_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->function_ref);
    if (run->as_arguments) {
        push_arguments(L, x, 3, first_arg);
        push_arguments(L, x, first_arg, x->argc);
    } else {
        lua_rawgeti(L, LUA_REGISTRYINDEX, h->globals_ref);
        push_arguments(L, x, 3, first_arg);
        lua_setfield(L, -2, "KEYS");
        push_arguments(L, x, first_arg, x->argc);
        lua_setfield(L, -2, "ARGV");
        lua_pop(L, 1);
    }
    status = lua_pcall(L, run->as_arguments ? 2 : 0, 1, 1);
    if (status == 0)
        script__put_value(L, &x->reply, run->resp, h);
    else
        put_error(L, h, run);
    return 0;
}

void
script__hook_again(lua_State *L)
{
    lua_sethook(L, watch, LUA_MASKCOUNT, SCRIPT_HOOK_COUNT);
}

void
script__run_init(struct script_host *h, lua_State *L)
{
    lua_pushcfunction(L, entry);
    h->entry_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushcfunction(L, error_handler);
    h->handler_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_sethook(L, watch, LUA_MASKCOUNT, SCRIPT_HOOK_COUNT);
}

/* What a script leaves is garbage: when it is much, it goes at once and does not wait for the next script to need room.
 * Cheap in proportion to what was allocated. */
static void
drop_garbage(struct script_host *h)
{
    if (h->lua_bytes < SCRIPT_GARBAGE_MIN || h->lua_bytes / 2 < h->lua_bytes_kept)
        return;
    lua_gc(h->lua, LUA_GCCOLLECT, 0);
    h->lua_bytes_kept = h->lua_bytes;
}

enum rc
script__run(struct script_host *h, struct exec *x, struct script_run *run)
{
    lua_State *L = h->lua;
    struct reply_mark start = {x->reply.out->bytes.len, x->reply.out->ref_count};
    struct db *db = x->db;
    enum rc rc = RC_OK;

    CHECK(h->run == NULL); /* commands that run scripts are CMD_NOSCRIPT */
    run->x = x;
    run->resp = 2;
    run->began_ns = clock_mono_ns(&h->clock);
    run->over_memory = (engine_conditions(h->engine) & COND_OVER_MEMORY) != 0;
    run->inner = *x;
    run->inner.arena = &h->arena;
    h->run = run;
    engine_inner_begin(h->engine, &run->time);
    script__random_reset(h, x->rng);
    script__json_reset(&h->json);
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->entry_ref);
    lua_pushlightuserdata(L, run);
    if (lua_pcall(L, 1, 0, 0) != 0) {
        reply_drop_mark(&x->reply, start);
        rc = fail(x, "ERR not enough memory for the script");
    }
    lua_settop(L, 0);
    if (run->killed)
        script__hook_again(L);
    drop_garbage(h);
    h->run = NULL;
    db_select(x, db); /* SELECT in a script ends with it */
    engine_inner_end(h->engine, &run->time);
    engine_hide_effects(h->engine, 0);
    fieldset_script_over(&run->inner);
    return rc;
}
