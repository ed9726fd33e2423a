/* script/api.c - the library `redis` of scripts. */
#include "script/script_priv.h"

#include "base/log.h"
#include "base/number.h"
#include "base/sha1.h"
#include "base/version.h"
#include "engine/effects.h"

#include <math.h>
#include <stdio.h>

enum { OUT_KEPT = 64 * 1024, ARGV_FIRST = 16 };
enum { REPL_NONE = 0, REPL_AOF = 1, REPL_REPLICA = 2, REPL_ALL = 3 };

void
script__push_error(lua_State *L, struct slice line, bool counted)
{
    lua_createtable(L, 0, 4);
    lua_pushlstring(L, line.ptr, line.len);
    lua_setfield(L, -2, "err");
    if (counted) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "ignore_error_stats_update");
    }
}

/* -- redis.call ------------------------------------------------------------------------------------------------ */

static void
reserve_argv(struct script_host *h, size_t n)
{
    if (n <= h->argv_cap)
        return;
    h->argv_cap = n > ARGV_FIRST ? n + n / 2 : ARGV_FIRST;
    h->argv = mem_resize(h->argv, h->argv_cap * sizeof(*h->argv));
}

/* A number as an argument: whole ones without a point. Returns its length. */
static size_t
number_text(char *out, lua_Number v)
{
    if (v >= -9223372036854775808.0 && v < 9223372036854775808.0 && v == (lua_Number)(int64_t)v)
        return format_int64(out, (int64_t)v);
    int n = snprintf(out, DOUBLE_TEXT_MAX, "%.17g", v);
    return n > 0 ? (size_t)n : 0;
}

/* Makes h->argv of the values on the stack. The strings stay on the stack, so they live. NULL, or an error line. */
static const char *
collect_arguments(lua_State *L, struct script_host *h, int *argc)
{
    int n = lua_gettop(L);

    if (n == 0)
        return "ERR Please specify at least one argument for this redis lib call";
    reserve_argv(h, (size_t)n);
    buf_reset(&h->numbers);
    /* All the room at once: the texts must not move. */
    buf_room(&h->numbers, (size_t)n * DOUBLE_TEXT_MAX);
    for (int i = 1; i <= n; i++) {
        struct slice *a = &h->argv[i - 1];
        switch (lua_type(L, i)) {
        case LUA_TSTRING: a->ptr = lua_tolstring(L, i, &a->len); break;
        case LUA_TNUMBER:
            a->ptr = h->numbers.ptr + h->numbers.len;
            a->len = number_text(h->numbers.ptr + h->numbers.len, lua_tonumber(L, i));
            buf_advance(&h->numbers, a->len);
            break;
        default: return "ERR Lua redis lib command arguments must be strings or integers";
        }
    }
    *argc = n;
    return NULL;
}

static const char *
why_not_write(struct script_run *run, const struct command *c)
{
    unsigned conditions = engine_conditions(run->x->engine);

    if (run->read_only)
        return "ERR Write commands are not allowed from read-only scripts.";
    if (conditions & COND_READ_ONLY)
        return "READONLY You can't write against a read only replica.";
    if (conditions & COND_MISCONF)
        return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
               "Commands "
               "that may modify the data set are disabled, because this instance is configured to report errors during "
               "writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for "
               "details about the RDB error.";
    if ((conditions & COND_NO_REPLICAS) && !run->wrote)
        return "NOREPLICAS Not enough good replicas to write.";
    return NULL;
}

/* NULL: the command may run in this script. */
static const char *
why_not(struct script_run *run, const struct command *c, int argc)
{
    if (c == NULL)
        return "ERR Unknown Redis command called from script";
    if (!command_arity_ok(c, argc))
        return "ERR Wrong number of args calling Redis command from script";
    if (c->flags & CMD_NOSCRIPT)
        return "ERR This Redis command is not allowed from script";
    if ((engine_conditions(run->x->engine) & COND_STALE) && !(c->flags & CMD_STALE))
        return "ERR Can not execute the command on a stale replica";
    if (c->flags & CMD_WRITE) {
        const char *why = why_not_write(run, c);
        if (why != NULL)
            return why;
    }
    /* A script that has begun to write may go on. */
    if (run->over_memory && (c->flags & CMD_DENYOOM) && !run->wrote && !(run->flags & SCRIPT_ALLOW_OOM))
        return "OOM command not allowed when used memory > 'maxmemory'.";
    return NULL;
}

/* The bytes of the command's reply, in one piece. */
static struct slice
reply_bytes(struct script_host *h)
{
    struct out *o = &h->out;

    if (LIKELY(o->ref_count == o->ref_first))
        return slice_of(o->bytes.ptr + o->sent, o->bytes.len - o->sent);
    buf_reset(&h->flat);
    while (out_pending(o) > 0) {
        struct iovec v[16];
        int n = out_vectors(o, v, 16);
        size_t bytes = 0;
        for (int i = 0; i < n; i++) {
            buf_add(&h->flat, v[i].iov_base, v[i].iov_len);
            bytes += v[i].iov_len;
        }
        out_sent(o, bytes);
    }
    return buf_slice(&h->flat);
}

static void
tidy_up(struct script_host *h)
{
    arena_reset(&h->arena);
    out_sent(&h->out, out_pending(&h->out));
    if (UNLIKELY(h->out.bytes.cap > OUT_KEPT))
        out_fini(&h->out);
    if (UNLIKELY(h->flat.cap > OUT_KEPT))
        buf_fini(&h->flat);
}

/* Pushes the reply; what Lua may throw (memory) must not leave our buffers full. */
static int
push_reply(lua_State *L)
{
    struct slice *bytes = lua_touserdata(L, 1);

    script__push_reply(L, *bytes);
    return 1;
}

static void
push_big_reply(lua_State *L, struct slice bytes)
{
    lua_pushcfunction(L, push_reply);
    lua_pushlightuserdata(L, &bytes);
    if (lua_pcall(L, 1, 1, 0) != 0) {
        tidy_up(script__host_of(L));
        lua_error(L);
    }
}

static struct command *
resolve(struct script_run *run, const struct slice *argv, int argc)
{
    if (argv[0].len == run->known_len && memcmp(argv[0].ptr, run->known_name, run->known_len) == 0)
        return run->known;
    struct command *c = command_resolve(run->x->engine, argv, argc);
    bool own_name = c != NULL && c->sub_count == 0 && slice_eq_nocase(argv[0], slice_cstr(c->row->name));
    if (own_name && argv[0].len <= SCRIPT_KNOWN_MAX) {
        run->known = c;
        run->known_len = (uint32_t)argv[0].len;
        memcpy(run->known_name, argv[0].ptr, argv[0].len);
    }
    return c;
}

/* Runs the command of the arguments on the stack and pushes its reply. True: it is an error. */
static bool
run_command(lua_State *L)
{
    struct script_host *h = script__host_of(L);
    struct script_run *run = h->run;
    int argc;

    if (run == NULL) {
        script__push_error(L, LIT("ERR redis.call/pcall can only be called inside a script invocation"), false);
        return true;
    }
    const char *why = collect_arguments(L, h, &argc);
    if (why != NULL) {
        script__push_error(L, slice_cstr(why), false);
        return true;
    }
    struct command *c = resolve(run, h->argv, argc);
    why = why_not(run, c, argc);
    if (UNLIKELY(why != NULL)) {
        if (c != NULL)
            c->rejected++;
        engine_count_error(h->engine, slice_cstr(why));
        script__push_error(L, slice_cstr(why), true);
        return true;
    }
    struct reply reply = {&h->out, run->resp};
    (void)command_run_found(&run->inner, &run->time, c, h->argv, argc, &reply);
    if (c->flags & CMD_WRITE)
        run->wrote = true;
    struct slice bytes = reply_bytes(h);
    bool failed = bytes.len > 0 && bytes.ptr[0] == '-';
    /* A short reply can only fail to be pushed when memory is out altogether. */
    if (LIKELY(bytes.len < 512))
        script__push_reply(L, bytes);
    else
        push_big_reply(L, bytes);
    tidy_up(h);
    return failed;
}

static int
redis_call(lua_State *L)
{
    return run_command(L) ? lua_error(L) : 1;
}

static int
redis_pcall(lua_State *L)
{
    run_command(L);
    return 1;
}

/* -- the small ones -------------------------------------------------------------------------------------------- */

int
script__raise(lua_State *L, const char *line)
{
    script__push_error(L, slice_cstr(line), false);
    return lua_error(L);
}

static int
single_field(lua_State *L, const char *field, struct slice s)
{
    lua_createtable(L, 0, 1);
    lua_pushlstring(L, s.ptr, s.len);
    lua_setfield(L, -2, field);
    return 1;
}

static struct slice
without_line_ends(struct slice s)
{
    while (s.len > 0 && (s.ptr[0] == '\r' || s.ptr[0] == '\n'))
        s = slice_skip(s, 1);
    while (s.len > 0 && (s.ptr[s.len - 1] == '\r' || s.ptr[s.len - 1] == '\n'))
        s.len--;
    return s;
}

static int
redis_error_reply(lua_State *L)
{
    struct slice s;
    struct script_host *h = script__host_of(L);

    if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING)
        return single_field(L, "err", LIT("ERR wrong number or type of arguments"));
    s = slice_cstr(lua_tostring(L, 1));
    if (s.len > 0 && s.ptr[0] == '-')
        s = slice_skip(s, 1);
    /* What stands before the first blank is the code; a single word is none. */
    const char *blank = s.len > 0 ? memchr(s.ptr, ' ', s.len) : NULL;
    size_t code = blank == NULL ? 0 : (size_t)(blank + 1 - s.ptr);
    buf_reset(&h->error);
    buf_add_slice(&h->error, code == 0 ? LIT("ERR ") : slice_of(s.ptr, code));
    buf_add_slice(&h->error, without_line_ends(slice_skip(s, code)));
    return single_field(L, "err", buf_slice(&h->error));
}

static int
redis_status_reply(lua_State *L)
{
    struct slice s;

    if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING)
        return single_field(L, "err", LIT("ERR wrong number or type of arguments"));
    s.ptr = lua_tolstring(L, 1, &s.len);
    return single_field(L, "ok", s);
}

static int
redis_sha1hex(lua_State *L)
{
    unsigned char digest[SHA1_BYTES];
    char hex[SHA1_HEX];
    size_t len = 0;

    if (lua_gettop(L) != 1)
        return script__raise(L, "ERR wrong number of arguments");
    const char *s = lua_tolstring(L, 1, &len);
    sha1(slice_of(s != NULL ? s : "", len), digest);
    sha1_hex(digest, hex);
    lua_pushlstring(L, hex, sizeof(hex));
    return 1;
}

static int
redis_log(lua_State *L)
{
    struct script_host *h = script__host_of(L);
    int n = lua_gettop(L);

    if (n < 2)
        return script__raise(L, "ERR redis.log() requires two arguments or more.");
    if (lua_type(L, 1) != LUA_TNUMBER)
        return script__raise(L, "ERR First argument must be a number (log level).");
    lua_Number level = lua_tonumber(L, 1);
    if (!(level >= LOG_DEBUG && level <= LOG_WARNING))
        return script__raise(L, "ERR Invalid debug level.");
    buf_reset(&h->error);
    for (int i = 2; i <= n; i++) {
        size_t len;
        const char *s = lua_tolstring(L, i, &len);
        if (s == NULL)
            continue;
        if (i > 2)
            buf_add_char(&h->error, ' ');
        buf_add(&h->error, s, len < 1024 ? len : 1024);
    }
    log_at((enum log_level)(int)level, "%.*s", (int)h->error.len, h->error.ptr != NULL ? h->error.ptr : "");
    return 0;
}

static int
redis_setresp(lua_State *L)
{
    struct script_host *h = script__host_of(L);

    if (lua_gettop(L) != 1)
        return script__raise(L, "ERR redis.setresp() requires one argument.");
    lua_Number v = lua_tonumber(L, 1);
    if (v != 2 && v != 3)
        return script__raise(L, "ERR RESP version must be 2 or 3.");
    if (h->run != NULL)
        h->run->resp = (int)v;
    return 0;
}

static int
redis_set_repl(lua_State *L)
{
    if (lua_gettop(L) != 1)
        return script__raise(L, "ERR redis.set_repl() requires two arguments.");
    lua_Number v = lua_tonumber(L, 1);
    if (!(v >= REPL_NONE && v <= REPL_ALL))
        return script__raise(L, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
    unsigned to = (unsigned)v, hidden = 0;
    if (!(to & REPL_AOF))
        hidden |= 1u << EFFECT_LOG;
    if (!(to & REPL_REPLICA))
        hidden |= 1u << EFFECT_REPLICAS;
    struct script_host *h = script__host_of(L);
    if (h->run != NULL)
        engine_hide_effects(h->engine, hidden);
    return 0;
}

static int
redis_replicate_commands(lua_State *L)
{
    lua_pushboolean(L, 1);
    return 1;
}

static int
redis_breakpoint(lua_State *L)
{
    lua_pushboolean(L, 0);
    return 1;
}

static int
redis_debug(lua_State *L)
{
    return 0;
}

static int
redis_acl_check_cmd(lua_State *L)
{
    struct script_host *h = script__host_of(L);
    int argc;
    const char *why = collect_arguments(L, h, &argc);

    if (why != NULL)
        return script__raise(L, why);
    struct command *c = command_resolve(h->engine, h->argv, argc);
    if (c == NULL)
        return script__raise(L, "ERR Invalid command passed to redis.acl_check_cmd()");
    lua_pushboolean(L, h->run == NULL || command_permitted(h->run->x, c, h->argv, argc));
    return 1;
}

/* "7.2.4" as 0x00070204. */
static lua_Number
version_number(void)
{
    unsigned packed = 0, part = 0;

    for (const char *p = SORREL_REDIS_VERSION; *p != '\0'; p++) {
        if (*p == '.') {
            packed = packed << 8 | part;
            part = 0;
        } else {
            part = part * 10 + (unsigned)(*p - '0');
        }
    }
    return (lua_Number)(packed << 8 | part);
}

static void
push_constants(lua_State *L)
{
    static const struct {
        const char *name;
        int value;
    } numbers[] = {
        {"LOG_DEBUG", LOG_DEBUG},
        {"LOG_VERBOSE", LOG_VERBOSE},
        {"LOG_NOTICE", LOG_NOTICE},
        {"LOG_WARNING", LOG_WARNING},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        lua_pushinteger(L, numbers[i].value);
        lua_setfield(L, -2, numbers[i].name);
    }
    lua_pushliteral(L, SORREL_REDIS_VERSION);
    lua_setfield(L, -2, "REDIS_VERSION");
    lua_pushnumber(L, version_number());
    lua_setfield(L, -2, "REDIS_VERSION_NUM");
}

void
script__open_redis(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"call", redis_call},
        {"pcall", redis_pcall},
        {"error_reply", redis_error_reply},
        {"status_reply", redis_status_reply},
        {"sha1hex", redis_sha1hex},
        {"log", redis_log},
        {"setresp", redis_setresp},
        {"set_repl", redis_set_repl},
        {"replicate_commands", redis_replicate_commands},
        {"breakpoint", redis_breakpoint},
        {"debug", redis_debug},
        {"acl_check_cmd", redis_acl_check_cmd},
        {NULL, NULL},
    };
    static const struct {
        const char *name;
        int value;
    } numbers[] = {{"REPL_NONE", REPL_NONE},
                   {"REPL_AOF", REPL_AOF},
                   {"REPL_SLAVE", REPL_REPLICA},
                   {"REPL_REPLICA", REPL_REPLICA},
                   {"REPL_ALL", REPL_ALL}};

    script__library(L, functions);
    push_constants(L);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        lua_pushinteger(L, numbers[i].value);
        lua_setfield(L, -2, numbers[i].name);
    }
}

void
script__open_redis_functions(lua_State *L)
{
    static const char *const for_scripts_only[] = {"replicate_commands", "breakpoint", "debug"};

    script__open_redis(L);
    for (size_t i = 0; i < sizeof(for_scripts_only) / sizeof(for_scripts_only[0]); i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, for_scripts_only[i]);
    }
}

void
script__open_redis_loading(lua_State *L)
{
    static const luaL_Reg functions[] = {{"register_function", library__register}, {"log", redis_log}, {NULL, NULL}};

    script__library(L, functions);
    push_constants(L);
}
