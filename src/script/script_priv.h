/* script/script_priv.h - the interpreter, its cache and a running script, for the files of this folder.
 *
 * One interpreter (a LuaJIT state with the JIT switched off) serves all scripts of an engine. What scripts share (the
 * libraries) they see through empty tables that pass reads on and refuse writes, so nothing that one script does can be
 * seen by the next; see sandbox.c.
 */
#ifndef SORREL_SCRIPT_SCRIPT_PRIV_H
#define SORREL_SCRIPT_SCRIPT_PRIV_H

#include "base/arena.h"
#include "base/mem.h"
#include "ds/table.h"
#include "engine/dispatch.h"
#include "engine/session.h"
#include "script/script.h"

#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>

enum {
    SCRIPT_SHA_LEN = 40,
    SCRIPT_TEXT_MAX = 1 << 20,     /* the longest text that is compiled */
    SCRIPT_EVAL_CACHE_MAX = 500,   /* scripts that came by EVAL; the least recently used one goes */
    SCRIPT_GARBAGE_MIN = 16 << 20, /* less than that is left to the collector's own pace */
    SCRIPT_HOOK_COUNT = 10000,     /* instructions between two looks at the clock */
    SCRIPT_KNOWN_MAX = 16,
    SCRIPT_DEPTH_MAX = 128, /* of nested data in replies and in the libraries */
};
/* What one interpreter may hold. Beyond it a script ends with "not enough memory". */
#define SCRIPT_MEMORY_MAX ((size_t)1 << 30)

/* From the shebang line. */
enum script_flag {
    SCRIPT_NO_WRITES = 1 << 0,
    SCRIPT_ALLOW_OOM = 1 << 1,
    SCRIPT_ALLOW_STALE = 1 << 2,
    SCRIPT_NO_CLUSTER = 1 << 3,
    SCRIPT_CROSS_SLOT = 1 << 4,
    SCRIPT_HAS_SHEBANG = 1 << 5, /* flags were given, or could have been: none means none */
};

struct script {
    struct script *newer, *older; /* of the evictable ones */
    struct slice text;            /* owned; lies behind */
    int ref;                      /* of the compiled function */
    uint32_t flags;
    bool kept; /* by SCRIPT LOAD or EVALSHA: never evicted */
    char sha[SCRIPT_SHA_LEN];
};

struct library;
struct function {
    struct function *next; /* of the same library */
    struct library *library;
    struct slice name, description; /* owned; description.ptr NULL: none */
    int ref;
    uint32_t flags;
};

struct library {
    struct library *next;
    struct slice name, code; /* owned */
    struct function *functions;
    size_t count;
};

/* One call of a script. */
struct script_run {
    struct exec *x;    /* of EVAL */
    struct exec inner; /* the outer exec that commands of the script see: with an arena of their own */
    struct slice name; /* what error texts call it: the digest, or the function's name */
    int resp;          /* redis.setresp() */
    struct inner_time time;
    struct command *known; /* what the name in known_name means, if that is no container: scripts repeat themselves */
    uint32_t known_len;
    char known_name[SCRIPT_KNOWN_MAX];
    uint32_t flags;
    bool read_only;   /* EVAL_RO, no-writes */
    bool over_memory; /* that was so when it began */
    bool wrote;
    bool killed;
    int64_t began_ns;
    int64_t yield_ns; /* when others are served next; 0: they have not been */
    int function_ref;
    int keys;          /* how many of x's arguments from 3 on are keys */
    bool as_arguments; /* keys and arguments go to the function as such, not as globals */
};

/* What a script may set about JSON. */
struct json_settings {
    int encode_depth, decode_depth, precision, sparse_ratio, sparse_safe;
    int encode_invalid; /* 0 an error, 1 as it is, 2 as null */
    bool sparse_convert, keep_buffer, decode_invalid;
};

struct write_frame;
struct script_host {
    struct engine *engine;
    lua_State *lua;
    struct clock clock;
    size_t lua_bytes, lua_bytes_kept; /* kept: after the last full collection */
    struct script_run *run;           /* NULL: nothing runs */
    struct table by_sha, by_text;     /* of struct script */
    struct hash_seed seed;
    struct script *newest, *oldest;
    size_t evictable;
    size_t cache_bytes;
    uint64_t evicted;
    struct out out;     /* reply of a command that a script called */
    struct buf flat;    /* such a reply, when parts of it were references */
    struct arena arena; /* of such a command */
    struct slice *argv;
    size_t argv_cap;
    struct buf numbers; /* texts of arguments that were numbers */
    struct buf error;
    struct buf text;     /* what a library is putting together */
    struct buf prepared; /* a text about to be compiled */
    struct json_settings json;
    struct write_frame *frames; /* see convert.c */
    size_t frames_cap;
    struct library *libraries; /* the newest first */
    struct table functions;    /* of struct function, by name in lower case */
    size_t library_count;
    struct library *loading; /* its code runs and registers functions */
    int64_t load_began_ns;
    int library_env_ref;  /* what the code of libraries sees as globals */
    int library_meta_ref; /* its metatable, where __index is one of: */
    int library_run_ref, library_load_ref;
    uint64_t random;            /* state of math.random */
    int globals_ref;            /* the table behind the globals that scripts see */
    int env_ref;                /* that one */
    int entry_ref, handler_ref; /* functions of run.c */
};

/* -- host.c -- */
struct script_host *script__host(struct engine *e); /* makes it at first */
/* NULL: there is none yet. */
struct script_host *script__host_if_any(const struct engine *e);
struct script_host *script__host_of(lua_State *L);
/* Compiles text and pushes the function, or pushes the error text and returns false. */
bool script__compile(lua_State *L, struct slice text, const char *chunk_name);

/* -- prepare.c -- */
/* What Lua 5.1 would not take although LuaJIT does. */
struct script_misfit {
    struct slice at;  /* in the text */
    const char *what; /* "malformed number" */
};
/* Writes text to out as it is to be compiled. False: it has a misfit. */
bool script__prepare(struct slice text, struct buf *out, struct script_misfit *misfit);

/* -- sandbox.c -- */
/* Builds what scripts see. Runs protected; errors are Lua's. */
void script__sandbox(struct script_host *h, lua_State *L);
/* Replaces the table on top by one that reads from it and cannot be changed. */
void script__freeze(lua_State *L);
int script__fail_readonly(lua_State *L);
/* Of the functions in `reg`, in a new table. */
void script__library(lua_State *L, const luaL_Reg *reg);
void script__random_reset(struct script_host *h, struct rng *rng);

/* -- api.c, cjson.c … : push the library's table -- */
void script__open_redis(lua_State *L);
/* What it is in functions, and while the code of a library is loaded. */
void script__open_redis_functions(lua_State *L);
void script__open_redis_loading(lua_State *L);
void script__open_cjson(lua_State *L);
void script__open_cmsgpack(lua_State *L);
void script__open_struct(lua_State *L);
void script__json_reset(struct json_settings *s);
/* h->text has been used. */
void script__text_done(struct script_host *h);

/* -- convert.c -- */
/* Pushes the one reply in `bytes`, which we have written ourselves. Errors become tables with a field err. */
void script__push_reply(lua_State *L, struct slice bytes);
/* Writes the value on top of the stack as a reply and pops it. `resp` is what the script asked for by setresp(). May
 * throw for want of memory, with half of the reply written. */
void script__put_value(lua_State *L, struct reply *r, int resp, struct script_host *h);

/* -- pattern.c, compat.c: functions of ours in place of LuaJIT's -- */
extern const luaL_Reg script__patterns[], script__compat_base[], script__compat_string[], script__compat_math[];

/* Pushes what tostring() says of a value without __tostring. */
void script__push_text(lua_State *L, int idx);

/* -- run.c -- */
/* What the hook does, for functions that may take long: serves others, throws if the script has been killed. */
void script__look_up(lua_State *L);
/* Makes the functions that run() needs, once. */
void script__run_init(struct script_host *h, lua_State *L);
/* Runs run->function_ref with the arguments of x, and replies. The caller has set function_ref, name, flags, read_only
 * and as_arguments. */
enum rc script__run(struct script_host *h, struct exec *x, struct script_run *run);
/* After an error of the hook's own, which has made it come more often. */
void script__hook_again(lua_State *L);
/* Pushes {err = line} with the line as it is; counted: statistics of errors know it already. */
void script__push_error(lua_State *L, struct slice line, bool counted);

/* -- library.c -- */
/* Compiles and runs the code of a library; NULL: x has the error. It is in no list yet. fresh: there must be none of
 * its name. */
struct library *library__load(struct script_host *h, struct exec *x, struct slice code, bool fresh);
void library__free(struct script_host *h, struct library *l);
struct library *library__find(const struct script_host *h, struct slice name);
/* A failure if another library than `replaced` has a function of a name that l has too. */
enum rc library__check(struct script_host *h, struct exec *x, const struct library *l, const struct library *replaced);
void library__link(struct script_host *h, struct library *l);
void library__unlink(struct script_host *h, struct library *l);
void library__flush(struct script_host *h);
struct function *function__find(const struct script_host *h, struct slice name);
/* redis.register_function */
int library__register(lua_State *L);
/* Raises an error of that line, without a position. */
int script__raise(lua_State *L, const char *line);
/* The name of the n-th flag; NULL at the end. *flag is its bit. */
const char *script__flag_name(int n, uint32_t *flag);

/* -- dump.c -- */
void script__dump(const struct script_host *h, struct buf *out);
/* Makes libraries of a dump, as a list. After a failure the caller frees what there is of it. */
enum rc script__read_dump(struct script_host *h, struct exec *x, struct slice dump, struct library **staged);

/* -- cmd_eval.c -- */
/* Argument 2: how many of the following are keys. */
enum rc script__keys(struct exec *x, const char *not_a_number, int *keys);
/* What stands against running a script with these flags now. One without a first line of flags is checked command by
 * command as it runs. */
enum rc script__check_flags(struct exec *x, uint32_t flags, bool read_only);
enum rc script__kill(struct exec *x, bool function);

/* -- cache.c -- */
struct script *script__find(struct script_host *h, struct slice sha);
/* Finds or compiles. NULL: x has the error. */
struct script *script__get(struct script_host *h, struct exec *x, struct slice text, bool keep);
void script__keep(struct script_host *h, struct script *s);
void script__flush(struct script_host *h);
/* Reads the flags of a text that begins with "#!lua"; *code is what is to be compiled. */
enum rc script__shebang(struct exec *x, struct slice text, struct slice *code, uint32_t *flags);
/* The next word of a line, cut off its front. */
struct slice script__next_word(struct slice *line);

#endif
