/* script/host.c - the interpreter: its life, its memory, and compiling. */
#include "script/script_priv.h"

/* All memory of the interpreter comes through here, so its sum is known and bounded. */
static void *
allocate(void *ud, void *p, size_t old_size, size_t new_size)
{
    struct script_host *h = ud;

    if (new_size == 0) {
        if (p != NULL)
            h->lua_bytes -= old_size;
        mem_free(p);
        return NULL;
    }
    size_t held = p != NULL ? old_size : 0;
    if (new_size > held && (new_size > SCRIPT_MEMORY_MAX || h->lua_bytes > SCRIPT_MEMORY_MAX - (new_size - held)))
        return NULL;
    void *q = mem_resize_try(p, new_size);
    if (q == NULL)
        return NULL;
    h->lua_bytes += new_size - held;
    return q;
}

struct script_host *
script__host_of(lua_State *L)
{
    void *ud;

    (void)lua_getallocf(L, &ud);
    return ud;
}

static int
build(lua_State *L)
{
    script__sandbox(lua_touserdata(L, 1), L);
    return 0;
}

static void
host_free(void *state)
{
    struct script_host *h = state;

    script__flush(h);
    library__flush(h);
    table_fini(&h->functions);
    lua_close(h->lua);
    table_fini(&h->by_sha);
    table_fini(&h->by_text);
    out_fini(&h->out);
    buf_fini(&h->flat);
    buf_fini(&h->numbers);
    buf_fini(&h->error);
    buf_fini(&h->text);
    buf_fini(&h->prepared);
    arena_fini(&h->arena);
    mem_free(h->argv);
    mem_free(h->frames);
    mem_free(h);
}

struct script_host *
script__host_if_any(const struct engine *e)
{
    return engine_part_of(e, PART_SCRIPT);
}

struct script_host *
script__host(struct engine *e)
{
    struct script_host *h = engine_part_of(e, PART_SCRIPT);

    if (LIKELY(h != NULL))
        return h;
    h = mem_get_zero(sizeof(*h));
    h->engine = e;
    h->seed = (struct hash_seed){0x5ca1ab1e0ddba11, (uint64_t)(uintptr_t)h};
    table_init(&h->by_sha, h->seed);
    table_init(&h->by_text, h->seed);
    table_init(&h->functions, h->seed);
    h->clock = engine_clock(e);
    h->lua = lua_newstate(allocate, h);
    CHECK(h->lua != NULL);
    CHECK(lua_cpcall(h->lua, build, h) == 0);
    engine_set_part(e, PART_SCRIPT, h, host_free);
    return h;
}

void
script__text_done(struct script_host *h)
{
    enum { KEPT = 64 * 1024 };

    buf_reset(&h->text);
    buf_shrink(&h->text, KEPT);
}

enum { PREPARED_KEPT = 16 * 1024 };

/* Text only. The parser is where collecting garbage in the middle has gone wrong before. */
static bool
load_text(lua_State *L, struct slice text, const char *chunk_name)
{
    lua_gc(L, LUA_GCSTOP, 0);
    int status = luaL_loadbufferx(L, text.ptr, text.len, chunk_name, "t");
    lua_gc(L, LUA_GCRESTART, 0);
    return status == 0;
}

bool
script__compile(lua_State *L, struct slice text, const char *chunk_name)
{
    if (text.len > SCRIPT_TEXT_MAX) {
        lua_pushstring(L, "script is too long");
        return false;
    }
    struct script_host *h = script__host_of(L);
    struct script_misfit bad;
    if (!script__prepare(text, &h->prepared, &bad)) {
        int line = 1;
        for (const char *p = text.ptr; p < bad.at.ptr; p++)
            line += *p == '\n';
        lua_pushfstring(L, "%s:%d: %s near '", chunk_name[0] == '@' ? chunk_name + 1 : "?", line, bad.what);
        lua_pushlstring(L, bad.at.ptr, bad.at.len);
        lua_pushliteral(L, "'");
        lua_concat(L, 3);
        return false;
    }
    bool ok = load_text(L, buf_slice(&h->prepared), chunk_name);
    if (!ok) { /* what is wrong is said of the text as it was written */
        bool fits = load_text(L, text, chunk_name);
        lua_remove(L, -2);
        ok = fits;
    }
    buf_reset(&h->prepared);
    buf_shrink(&h->prepared, PREPARED_KEPT);
    return ok;
}

void
script_stats(const struct engine *e, struct script_stats *out)
{
    const struct script_host *h = script__host_if_any(e);

    *out = (struct script_stats){0};
    if (h == NULL)
        return;
    out->lua_bytes = h->lua_bytes;
    out->cached = table_count(&h->by_sha);
    out->cache_bytes = h->cache_bytes + table_bytes(&h->by_sha) + table_bytes(&h->by_text);
    out->evicted = h->evicted;
    out->functions = table_count(&h->functions);
    out->libraries = h->library_count;
    for (const struct library *l = h->libraries; l != NULL; l = l->next)
        out->function_bytes += sizeof(*l) + l->name.len + l->code.len + l->count * sizeof(struct function);
}
