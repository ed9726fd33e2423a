/* script/cache.c - compiled scripts, found by digest or by text.
 *
 * What came by SCRIPT LOAD, or was called by its digest, stays until SCRIPT FLUSH; what only came by EVAL makes room
 * for newer ones. EVAL looks its text up as it is: the digest is reckoned once a script.
 */
#include "script/script_priv.h"

#include "base/sha1.h"

static struct slice
sha_of(const void *item)
{
    const struct script *s = item;

    return slice_of(s->sha, SCRIPT_SHA_LEN);
}

static struct slice
text_of(const void *item)
{
    const struct script *s = item;

    return s->text;
}

static uint64_t
sha_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, sha_of(item));
}

static uint64_t
text_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, text_of(item));
}

static const struct table_ops by_sha_ops = {sha_of, sha_hash}, by_text_ops = {text_of, text_hash};

/* -- the order of use ------------------------------------------------------------------------------------------ */

static void
unchain(struct script_host *h, struct script *s)
{
    if (s->newer != NULL)
        s->newer->older = s->older;
    else
        h->newest = s->older;
    if (s->older != NULL)
        s->older->newer = s->newer;
    else
        h->oldest = s->newer;
    s->newer = s->older = NULL;
    h->evictable--;
}

static void
chain(struct script_host *h, struct script *s)
{
    s->newer = NULL;
    s->older = h->newest;
    if (h->newest != NULL)
        h->newest->newer = s;
    else
        h->oldest = s;
    h->newest = s;
    h->evictable++;
}

static void
forget(struct script_host *h, struct script *s)
{
    if (!s->kept)
        unchain(h, s);
    table_remove(&h->by_sha, &by_sha_ops, sha_hash(s, h->seed), s);
    table_remove(&h->by_text, &by_text_ops, text_hash(s, h->seed), s);
    luaL_unref(h->lua, LUA_REGISTRYINDEX, s->ref);
    h->cache_bytes -= mem_size_of(s);
    mem_free(s);
}

void
script__keep(struct script_host *h, struct script *s)
{
    if (s->kept)
        return;
    unchain(h, s);
    s->kept = true;
}

/* -- finding and adding ---------------------------------------------------------------------------------------- */

struct script *
script__find(struct script_host *h, struct slice sha)
{
    char lower[SCRIPT_SHA_LEN];

    if (sha.len != SCRIPT_SHA_LEN)
        return NULL;
    for (size_t i = 0; i < SCRIPT_SHA_LEN; i++)
        lower[i] = ascii_lower(sha.ptr[i]);
    struct slice key = slice_of(lower, SCRIPT_SHA_LEN);
    return table_find(&h->by_sha, &by_sha_ops, siphash(h->seed, key), key);
}

static int
compile_and_ref(lua_State *L)
{
    struct script *s = lua_touserdata(L, 1);

    if (!script__compile(L, s->text, "@user_script"))
        return lua_error(L);
    s->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static bool
compile(struct script_host *h, struct exec *x, struct script *s, struct slice code)
{
    lua_State *L = h->lua;
    struct script view = {.text = code};

    lua_settop(L, 0);
    lua_pushcfunction(L, compile_and_ref);
    lua_pushlightuserdata(L, &view);
    if (lua_pcall(L, 1, 0, 0) != 0) {
        const char *why = lua_tostring(L, -1);
        fail(x, "ERR Error compiling script (new function): %s", why != NULL ? why : "unknown");
        lua_settop(L, 0);
        return false;
    }
    s->ref = view.ref;
    return true;
}

static struct script *
add(struct script_host *h, struct exec *x, struct slice text, bool keep)
{
    struct slice code;
    unsigned char digest[SHA1_BYTES];
    uint32_t flags;
    size_t bytes;

    if (script__shebang(x, text, &code, &flags) != RC_OK)
        return NULL;
    struct script *s = size_add(sizeof(*s), text.len, &bytes) ? mem_try(bytes) : NULL;
    if (s == NULL) {
        fail(x, "ERR not enough memory for a script of that size");
        return NULL;
    }
    *s = (struct script){.flags = flags, .kept = keep};
    if (text.len > 0)
        memcpy(s + 1, text.ptr, text.len);
    s->text = slice_of(s + 1, text.len);
    if (!compile(h, x, s, code)) {
        mem_free(s);
        return NULL;
    }
    sha1(text, digest);
    sha1_hex(digest, s->sha);
    while (!keep && h->evictable >= SCRIPT_EVAL_CACHE_MAX) {
        forget(h, h->oldest);
        h->evicted++;
    }
    table_insert(&h->by_sha, &by_sha_ops, sha_hash(s, h->seed), s);
    table_insert(&h->by_text, &by_text_ops, text_hash(s, h->seed), s);
    h->cache_bytes += mem_size_of(s);
    if (!keep)
        chain(h, s);
    return s;
}

struct script *
script__get(struct script_host *h, struct exec *x, struct slice text, bool keep)
{
    struct script *s = table_find(&h->by_text, &by_text_ops, siphash(h->seed, text), text);

    if (s == NULL)
        return add(h, x, text, keep);
    if (keep) {
        script__keep(h, s);
    } else if (!s->kept && h->newest != s) {
        unchain(h, s);
        chain(h, s);
    }
    return s;
}

static void
free_one(void *ctx, void *item)
{
    struct script_host *h = ctx;
    struct script *s = item;

    luaL_unref(h->lua, LUA_REGISTRYINDEX, s->ref);
    mem_free(s);
}

void
script__flush(struct script_host *h)
{
    struct script *s;
    size_t at = 0;

    while ((s = table_drain(&h->by_sha, &at)) != NULL)
        free_one(h, s);
    table_fini(&h->by_sha);
    table_fini(&h->by_text);
    table_init(&h->by_sha, h->seed);
    table_init(&h->by_text, h->seed);
    h->newest = h->oldest = NULL;
    h->evictable = 0;
    h->cache_bytes = 0;
    lua_gc(h->lua, LUA_GCCOLLECT, 0);
}

/* -- the first line -------------------------------------------------------------------------------------------- */

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

struct slice
script__next_word(struct slice *line)
{
    size_t from = 0, to;

    while (from < line->len && is_blank(line->ptr[from]))
        from++;
    for (to = from; to < line->len && !is_blank(line->ptr[to]); to++)
        ;
    struct slice word = slice_of(line->ptr + from, to - from);
    *line = slice_skip(*line, to);
    return word;
}

const char *
script__flag_name(int n, uint32_t *flag)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } names[] = {
        {"no-writes", SCRIPT_NO_WRITES},
        {"allow-oom", SCRIPT_ALLOW_OOM},
        {"allow-stale", SCRIPT_ALLOW_STALE},
        {"no-cluster", SCRIPT_NO_CLUSTER},
        {"allow-cross-slot-keys", SCRIPT_CROSS_SLOT},
    };

    if ((size_t)n >= sizeof(names) / sizeof(names[0]))
        return NULL;
    *flag = names[n].flag;
    return names[n].name;
}

static enum rc
read_flags(struct exec *x, struct slice list, uint32_t *flags)
{
    for (bool more = list.len > 0; more;) {
        const char *comma = list.len > 0 ? memchr(list.ptr, ',', list.len) : NULL, *name;
        struct slice one = slice_of(list.ptr, comma != NULL ? (size_t)(comma - list.ptr) : list.len);
        uint32_t flag = 0;
        int n = 0;
        while ((name = script__flag_name(n, &flag)) != NULL && !slice_eq(one, slice_cstr(name)))
            n++;
        if (name == NULL)
            return fail(x, "ERR Unexpected flag in script shebang: %.*s", (int)one.len, one.ptr);
        *flags |= flag;
        more = comma != NULL;
        list = slice_skip(list, one.len + 1);
    }
    return RC_OK;
}

enum rc
script__shebang(struct exec *x, struct slice text, struct slice *code, uint32_t *flags)
{
    *code = text;
    *flags = 0;
    if (!slice_starts(text, LIT("#!")))
        return RC_OK;
    const char *eol = memchr(text.ptr, '\n', text.len);
    if (eol == NULL)
        return fail(x, "ERR Invalid script shebang");
    struct slice line = slice_of(text.ptr, (size_t)(eol - text.ptr));
    *code = slice_skip(text, line.len); /* with the end of the line, so that line numbers are right */
    struct slice word = script__next_word(&line);
    if (!slice_eq(word, LIT("#!lua")))
        return fail(x, "ERR Unexpected engine in script shebang: %.*s", (int)word.len, word.ptr);
    *flags = SCRIPT_HAS_SHEBANG;
    while ((word = script__next_word(&line)).len > 0) {
        if (!slice_starts(word, LIT("flags=")))
            return fail(x, "ERR Unknown lua shebang option: %.*s", (int)word.len, word.ptr);
        TRY(read_flags(x, slice_skip(word, 6), flags));
    }
    return RC_OK;
}
