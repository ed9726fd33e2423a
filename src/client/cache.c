/* client/cache.c - sorrel/cache.h: reading through, with one loader for each key.
 *
 * The lock key decides whose load counts. A loader puts its value only while the lock holds its token, and whoever
 * writes or drops the key removes the lock: a value from before the write then has nowhere to go.
 */
#include "base/mem.h"
#include "client/backoff_priv.h"
#include "client/cache_priv.h"
#include "client/command_priv.h"
#include "client/error_priv.h"

#include <errno.h>
#include <time.h>

enum { TTL_MS = 300000, LOAD_MS = 5000, BEHIND_MAX = 1000, BEHIND_DELAY_MS = 100, BEHIND_WAIT_MS = 1000 };

static const char marker[] = "\0sorrel: there is no such key\0";
enum { MARKER_LEN = sizeof(marker) - 1 };

/* KEYS value lock; ARGV value ttl */
static const char put_script[] = "redis.call('del', KEYS[2])\n"
                                 "redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
                                 "return 1\n";
/* KEYS value lock; ARGV token ttl [value] */
static const char loaded_script[] = "if redis.call('get', KEYS[2]) ~= ARGV[1] then return 0 end\n"
                                    "redis.call('del', KEYS[2])\n"
                                    "if ARGV[3] then redis.call('set', KEYS[1], ARGV[3], 'PX', ARGV[2]) end\n"
                                    "return 1\n";

/* A load under way in this process. */
struct flight {
    struct flight *next;
    char *key;
    int users; /* the loader and those who wait */
    bool landed;
    enum sorrel_load outcome;
    char *value;
    size_t len;
};

struct sorrel_cache *
sorrel_cache_new(struct sorrel_client *cl, const char *prefix, const struct sorrel_cache_options *o)
{
    struct sorrel_cache *c = mem_get_zero(sizeof(*c));
    pthread_condattr_t attr;

    c->client = cl;
    c->opt = *o;
    c->opt.ttl_ms = o->ttl_ms > 0 ? o->ttl_ms : TTL_MS;
    c->opt.load_ms = o->load_ms > 0 ? o->load_ms : LOAD_MS;
    c->opt.behind_max = o->behind_max > 0 ? o->behind_max : BEHIND_MAX;
    c->opt.behind_delay_ms = o->behind_delay_ms > 0 ? o->behind_delay_ms : BEHIND_DELAY_MS;
    c->opt.behind_wait_ms = o->behind_wait_ms > 0 ? o->behind_wait_ms : BEHIND_WAIT_MS;
    c->opt.jitter_percent = o->jitter_percent < 0 ? 0 : o->jitter_percent > 100 ? 100 : o->jitter_percent;
    c->prefix = command__dup(prefix, strlen(prefix));
    c->last = &c->first;
    rng_seed(&c->rng, (uint64_t)command__now_ns() ^ (uint64_t)(uintptr_t)c);
    outage__init(&c->outage);
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (c->opt.write == SORREL_WRITE_BEHIND && c->opt.store != NULL && !behind__start(c)) {
        (void)sorrel_cache_close(c, 0);
        return NULL;
    }
    return c;
}

size_t
sorrel_cache_close(struct sorrel_cache *c, int wait_ms)
{
    if (c == NULL)
        return 0;
    (void)sorrel_cache_flush(c, wait_ms, NULL);
    size_t lost = behind__stop(c);
    outage__fini(&c->outage);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    mem_free(c->prefix);
    mem_free(c);
    return lost;
}

bool
cache__wait_locked(struct sorrel_cache *c, int64_t deadline_ms)
{
    struct timespec t = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};

    if (deadline_ms < 0) {
        pthread_cond_wait(&c->changed, &c->lock);
        return true;
    }
    return pthread_cond_timedwait(&c->changed, &c->lock, &t) != ETIMEDOUT;
}

enum sorrel_rc
sorrel_cache_flush(struct sorrel_cache *c, int wait_ms, struct sorrel_error *err)
{
    int64_t deadline = wait_ms < 0 ? -1 : command__now_ms() + wait_ms;
    bool in_time = true;

    pthread_mutex_lock(&c->lock);
    while (c->stats.pending > 0 && in_time) {
        c->hurry = true;
        worker__wake(&c->worker);
        in_time = cache__wait_locked(c, deadline);
    }
    size_t left = c->stats.pending;
    pthread_mutex_unlock(&c->lock);
    return left == 0 ? SORREL_OK : error__set(err, SORREL_ERR_TIMEOUT, 0, "%zu writes are still pending", left);
}

void
sorrel_cache_stats(struct sorrel_cache *c, struct sorrel_cache_stats *out)
{
    pthread_mutex_lock(&c->lock);
    *out = c->stats;
    pthread_mutex_unlock(&c->lock);
}

static void
count(struct sorrel_cache *c, uint64_t *what)
{
    pthread_mutex_lock(&c->lock);
    ++*what;
    pthread_mutex_unlock(&c->lock);
}

/* ---- the server's side ------------------------------------------------------------------------------------------- */

/* The key has changed: what is being loaded is as it was before, and good enough for those only who asked before. */
void
cache__changed_locked(struct sorrel_cache *c, const char *key)
{
    struct flight **at = &c->flights;

    while (*at != NULL && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    if (*at != NULL)
        *at = (*at)->next;
}

static void
changed(struct sorrel_cache *c, const char *key)
{
    pthread_mutex_lock(&c->lock);
    cache__changed_locked(c, key);
    pthread_mutex_unlock(&c->lock);
}

struct keys {
    char *value, *lock;
};

static struct keys
keys_of(const struct sorrel_cache *c, const char *key)
{
    char *value = command__printf("%s:%s", c->prefix, key);

    return (struct keys){value, command__sibling(value, "loading")};
}

static void
keys_fini(struct keys *k)
{
    mem_free(k->value);
    mem_free(k->lock);
}

static int64_t
jittered(struct sorrel_cache *c, int64_t ttl_ms)
{
    uint64_t most = (uint64_t)ttl_ms * (uint64_t)c->opt.jitter_percent / 100;

    pthread_mutex_lock(&c->lock);
    ttl_ms -= (int64_t)rng_below(&c->rng, most + 1);
    pthread_mutex_unlock(&c->lock);
    return ttl_ms > 0 ? ttl_ms : 1;
}

static bool
is_marker(const char *value, size_t len)
{
    return len == MARKER_LEN && memcmp(value, marker, MARKER_LEN) == 0;
}

enum sorrel_rc
sorrel_cache_peek(struct sorrel_cache *c, const char *key, char **value, size_t *len, bool *missing,
                  struct sorrel_error *err)
{
    struct keys k = keys_of(c, key);
    struct command cmd = {0};
    struct sorrel_reply *r = NULL;
    size_t n = 0;

    command__words(&cmd, "GET", k.value, NULL);
    enum sorrel_rc rc = command__run(&cmd, c->client, SORREL_READ, &r, err);
    keys_fini(&k);
    if (rc != SORREL_OK)
        return rc;
    char *text = command__dup_text(r, &n);
    sorrel_reply_free(r);
    bool none = text != NULL && is_marker(text, n);
    if (none) {
        mem_free(text);
        text = NULL;
    }
    *value = text;
    if (len != NULL)
        *len = n;
    if (missing != NULL)
        *missing = none;
    return SORREL_OK;
}

enum sorrel_rc
sorrel_cache_put(struct sorrel_cache *c, const char *key, const void *value, size_t len, int64_t ttl_ms,
                 struct sorrel_error *err)
{
    struct keys k = keys_of(c, key);
    struct command cmd = {0};

    changed(c, key);
    command__words(&cmd, "2", k.value, k.lock, NULL);
    command__bytes(&cmd, value, len);
    command__int(&cmd, jittered(c, ttl_ms > 0 ? ttl_ms : c->opt.ttl_ms));
    enum sorrel_rc rc = is_marker(value, len)
                            ? error__set(err, SORREL_ERR_USAGE, 0, "that text is the cache's own marker")
                            : command__script(&cmd, c->client, put_script, SORREL_REPEAT, NULL, err);
    command__fini(&cmd);
    keys_fini(&k);
    return rc;
}

enum sorrel_rc
sorrel_cache_drop(struct sorrel_cache *c, const char *key, struct sorrel_error *err)
{
    struct keys k = keys_of(c, key);
    struct command cmd = {0};

    changed(c, key);
    command__words(&cmd, "DEL", k.value, k.lock, NULL);
    enum sorrel_rc rc = command__run(&cmd, c->client, SORREL_REPEAT, NULL, err);
    keys_fini(&k);
    return rc;
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

/* Puts what was loaded, if the lock is still ours. */
static void
put_loaded(struct sorrel_cache *c, const struct keys *k, const char *token, const struct flight *f)
{
    struct command cmd = {0};

    command__words(&cmd, "2", k->value, k->lock, token, NULL);
    if (f->outcome == SORREL_LOADED) {
        command__int(&cmd, jittered(c, c->opt.ttl_ms));
        command__bytes(&cmd, f->value, f->len);
    } else {
        command__int(&cmd, jittered(c, c->opt.negative_ttl_ms));
        if (f->outcome == SORREL_MISSING && c->opt.negative_ttl_ms > 0)
            command__bytes(&cmd, marker, MARKER_LEN);
    }
    (void)command__script(&cmd, c->client, loaded_script, SORREL_REPEAT, NULL, NULL);
}

/* One try for the lock beside the key. */
static enum sorrel_rc
try_lock(struct sorrel_cache *c, const struct keys *k, const char *token, bool *ours)
{
    struct command cmd = {0};
    struct sorrel_reply *r = NULL;

    command__words(&cmd, "SET", k->lock, token, "NX", "PX", NULL);
    command__int(&cmd, c->opt.load_ms);
    enum sorrel_rc rc = command__run(&cmd, c->client, 0, &r, NULL);
    *ours = sorrel_reply_is(r, "OK");
    sorrel_reply_free(r);
    return rc;
}

/* Loads, or gets what another process is loading just now. */
static void
fly(struct sorrel_cache *c, struct flight *f, bool server_up)
{
    struct keys k = keys_of(c, f->key);
    struct backoff pause;
    char token[33];
    bool ours = false, missing = false;

    command__random_hex(token, 16);
    backoff__init(&pause, 5, 100, c->opt.load_ms);
    while (server_up && !ours) {
        server_up = try_lock(c, &k, token, &ours) == SORREL_OK;
        /* Between the look that missed and this lock another may have finished: with it or without, look again. */
        if (server_up && sorrel_cache_peek(c, f->key, &f->value, &f->len, &missing, NULL) == SORREL_OK &&
            (f->value != NULL || missing)) {
            f->outcome = missing ? SORREL_MISSING : SORREL_LOADED;
            if (ours)
                put_loaded(c, &k, token, f);
            keys_fini(&k);
            return;
        }
        if (server_up && !ours && !backoff__sleep(&pause))
            break;
    }
    f->outcome = c->opt.load(c->opt.ctx, f->key, &f->value, &f->len);
    count(c, &c->stats.loads);
    if (ours)
        put_loaded(c, &k, token, f);
    keys_fini(&k);
}

/* The flight of a key, a new one if there is none: then *mine. */
static struct flight *
board_locked(struct sorrel_cache *c, const char *key, bool *mine)
{
    struct flight *f = c->flights;

    while (f != NULL && strcmp(f->key, key) != 0)
        f = f->next;
    *mine = f == NULL;
    if (f == NULL) {
        f = mem_get_zero(sizeof(*f));
        f->key = command__dup(key, strlen(key));
        f->next = c->flights;
        c->flights = f;
    }
    f->users++;
    return f;
}

/* Takes a landed flight off the list, if it still is there: whoever comes from now on starts another. */
static void
land_locked(struct sorrel_cache *c, struct flight *f)
{
    struct flight **at = &c->flights;

    while (*at != NULL && *at != f)
        at = &(*at)->next;
    if (*at != NULL)
        *at = f->next;
    f->landed = true;
    pthread_cond_broadcast(&c->changed);
}

static enum sorrel_rc
load(struct sorrel_cache *c, const char *key, bool server_up, char **value, size_t *len, struct sorrel_error *err)
{
    bool mine;

    pthread_mutex_lock(&c->lock);
    struct flight *f = board_locked(c, key, &mine);
    if (mine) {
        pthread_mutex_unlock(&c->lock);
        fly(c, f, server_up);
        pthread_mutex_lock(&c->lock);
        land_locked(c, f);
    } else {
        c->stats.waits++;
        while (!f->landed)
            pthread_cond_wait(&c->changed, &c->lock);
    }
    enum sorrel_load outcome = f->outcome;
    if (outcome == SORREL_LOADED) {
        *value = command__dup(f->value, f->len);
        if (len != NULL)
            *len = f->len;
    } else if (outcome == SORREL_MISSING) {
        *value = NULL;
    }
    if (--f->users == 0) {
        mem_free(f->key);
        mem_free(f->value);
        mem_free(f);
    }
    pthread_mutex_unlock(&c->lock);
    return outcome == SORREL_LOAD_FAILED ? error__set(err, SORREL_ERR_IO, 0, "the store could not be read") : SORREL_OK;
}

enum sorrel_rc
sorrel_cache_get(struct sorrel_cache *c, const char *key, char **value, size_t *len, struct sorrel_error *err)
{
    char *found = NULL;
    bool missing = false;

    if (c->opt.write == SORREL_WRITE_BEHIND && behind__find(c, key, value, len)) {
        count(c, &c->stats.hits);
        return SORREL_OK;
    }
    struct sorrel_error why = {0};
    if (outage__ask(&c->outage, &why))
        outage__answer(&c->outage, sorrel_cache_peek(c, key, &found, len, &missing, &why), &why);
    enum sorrel_rc rc = why.code;
    if (rc == SORREL_OK && (found != NULL || missing)) {
        count(c, missing ? &c->stats.negative_hits : &c->stats.hits);
        *value = found;
        return SORREL_OK;
    }
    count(c, rc == SORREL_OK ? &c->stats.misses : &c->stats.outages);
    if (c->opt.load == NULL) {
        if (rc == SORREL_OK)
            *value = NULL;
        else if (err != NULL)
            *err = why;
        return rc;
    }
    return load(c, key, rc == SORREL_OK, value, len, err);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static enum sorrel_rc
update(struct sorrel_cache *c, const char *key, const void *value, size_t len, struct sorrel_error *err)
{
    return value == NULL ? sorrel_cache_drop(c, key, err) : sorrel_cache_put(c, key, value, len, 0, err);
}

enum sorrel_rc
sorrel_cache_write(struct sorrel_cache *c, const char *key, const void *value, size_t len, struct sorrel_error *err)
{
    if (c->opt.store == NULL)
        return error__set(err, SORREL_ERR_USAGE, 0, "the cache has no store to write to");
    if (value != NULL && is_marker(value, len))
        return error__set(err, SORREL_ERR_USAGE, 0, "that text is the cache's own marker");
    if (c->opt.write == SORREL_WRITE_BEHIND) {
        enum sorrel_rc rc = behind__add(c, key, value, len, err);
        return rc == SORREL_OK ? update(c, key, value, len, err) : rc;
    }
    bool stored = c->opt.store(c->opt.ctx, key, value, len);
    count(c, stored ? &c->stats.stores : &c->stats.store_failures);
    if (!stored)
        return error__set(err, SORREL_ERR_IO, 0, "the store could not be written");
    return c->opt.write == SORREL_WRITE_AROUND ? sorrel_cache_drop(c, key, err) : update(c, key, value, len, err);
}
