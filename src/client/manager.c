/* client/manager.c - sorrel/manager.h: every call is a command under a read lock, its failure kept for whoever asks.
 *
 * The shared manager is the one mutable global of the library: what a process shares has to be found somewhere.
 */
#include "sorrel/manager.h"

#include "base/mem.h"
#include "client/command_priv.h"
#include "client/error_priv.h"
#include "client/outage_priv.h"
#include "sorrel/json.h"

#include <pthread.h>

struct sorrel_manager {
    struct sorrel_url url;
    struct sorrel_client_options opt;
    bool wanted; /* ENABLE_REDIS, or an URL of its own */
    bool usable; /* url is good */
    struct sorrel_error misconfigured;
    pthread_rwlock_t lock;        /* calls hold it for reading; connecting and disconnecting for writing */
    struct sorrel_client *client; /* NULL while disabled */
    struct outage outage;
    bool have_key;
    pthread_key_t last; /* each thread's last struct sorrel_error */
};

static pthread_once_t shared_once = PTHREAD_ONCE_INIT;
static struct sorrel_manager *shared_manager;

static void
make_shared(void)
{
    shared_manager = sorrel_manager_new(NULL, NULL);
}

struct sorrel_manager *
sorrel_manager_shared(void)
{
    pthread_once(&shared_once, make_shared);
    return shared_manager;
}

struct sorrel_manager *
sorrel_manager_new(const struct sorrel_url *u, const struct sorrel_client_options *o)
{
    struct sorrel_manager *m = mem_get_zero(sizeof(*m));
    struct sorrel_env env;

    if (o != NULL)
        m->opt = *o;
    if (m->opt.pool.wait_ms == 0)
        m->opt.pool.wait_ms = 5000;
    if (u != NULL) {
        sorrel_url_copy(u, &m->url);
        m->wanted = m->usable = true;
    } else if (sorrel_env_read(NULL, NULL, &env, &m->misconfigured) == SORREL_OK) {
        sorrel_url_copy(&env.url, &m->url);
        m->wanted = env.enabled;
        m->usable = true;
        sorrel_env_fini(&env);
    } else {
        m->wanted = true;
    }
    pthread_rwlock_init(&m->lock, NULL);
    outage__init(&m->outage);
    m->have_key = pthread_key_create(&m->last, mem_free) == 0;
    return m;
}

void
sorrel_manager_free(struct sorrel_manager *m)
{
    if (m == NULL)
        return;
    sorrel_client_free(m->client);
    if (m->have_key) {
        mem_free(pthread_getspecific(m->last));
        pthread_key_delete(m->last);
    }
    outage__fini(&m->outage);
    pthread_rwlock_destroy(&m->lock);
    sorrel_url_fini(&m->url);
    mem_free(m);
}

/* Keeps what went wrong (code SORREL_OK: nothing) for this thread to ask about. */
static void
remember(struct sorrel_manager *m, const struct sorrel_error *err)
{
    if (!m->have_key)
        return;
    struct sorrel_error *mine = pthread_getspecific(m->last);
    if (mine == NULL && err->code == SORREL_OK)
        return;
    if (mine == NULL) {
        mine = mem_get(sizeof(*mine));
        if (pthread_setspecific(m->last, mine) != 0) {
            mem_free(mine);
            return;
        }
    }
    *mine = *err;
}

const char *
sorrel_manager_reason(struct sorrel_manager *m, enum sorrel_rc *code)
{
    const struct sorrel_error *mine = m->have_key ? pthread_getspecific(m->last) : NULL;

    if (code != NULL)
        *code = mine != NULL ? mine->code : SORREL_OK;
    return mine != NULL && mine->code != SORREL_OK ? mine->text : "";
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

bool
sorrel_manager_initialize(struct sorrel_manager *m)
{
    struct sorrel_error err = {0};
    bool ok = false;

    if (!m->wanted) {
        error__set(&err, SORREL_ERR_USAGE, 0, "ENABLE_REDIS does not switch the manager on");
    } else if (!m->usable) {
        err = m->misconfigured;
    } else {
        pthread_rwlock_wrlock(&m->lock);
        if (m->client == NULL)
            m->client = sorrel_client_new(&m->url, &m->opt);
        pthread_rwlock_unlock(&m->lock);
        pthread_rwlock_rdlock(&m->lock);
        struct sorrel_reply *r =
            m->client == NULL ? NULL : sorrel_client_do(m->client, SORREL_READ, &err, "PING", NULL);
        pthread_rwlock_unlock(&m->lock);
        outage__answer(&m->outage, err.code, &err);
        ok = sorrel_reply_is(r, "PONG");
        sorrel_reply_free(r);
    }
    remember(m, &err);
    return ok;
}

void
sorrel_manager_disconnect(struct sorrel_manager *m)
{
    pthread_rwlock_wrlock(&m->lock);
    struct sorrel_client *cl = m->client;
    m->client = NULL;
    pthread_rwlock_unlock(&m->lock);
    sorrel_client_free(cl);
}

struct sorrel_client *
sorrel_manager_get_client(struct sorrel_manager *m)
{
    pthread_rwlock_rdlock(&m->lock);
    struct sorrel_client *cl = m->client;
    pthread_rwlock_unlock(&m->lock);
    return cl;
}

bool
sorrel_manager_is_enabled(struct sorrel_manager *m)
{
    return sorrel_manager_get_client(m) != NULL;
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

/* Runs and frees the command. NULL on failure, which is remembered; else the caller's reply. */
static struct sorrel_reply *
run(struct sorrel_manager *m, struct command *c, unsigned flags)
{
    struct sorrel_error err = {0};
    struct sorrel_reply *r = NULL;

    pthread_rwlock_rdlock(&m->lock);
    if (m->client == NULL)
        error__set(&err, SORREL_ERR_USAGE, 0, "the manager is not initialized");
    else if (outage__ask(&m->outage, &err))
        outage__answer(&m->outage, command__run(c, m->client, flags, &r, &err), &err);
    pthread_rwlock_unlock(&m->lock);
    command__fini(c);
    remember(m, &err);
    return r;
}

static int64_t
run_int(struct sorrel_manager *m, struct command *c, unsigned flags, int64_t otherwise)
{
    struct sorrel_reply *r = run(m, c, flags);
    int64_t n = otherwise;

    (void)sorrel_reply_int(r, &n);
    sorrel_reply_free(r);
    return n;
}

char *
sorrel_manager_get(struct sorrel_manager *m, const char *key, size_t *len)
{
    struct command c = {0};

    command__words(&c, "GET", key, NULL);
    struct sorrel_reply *r = run(m, &c, SORREL_READ);
    char *value = command__dup_text(r, len);
    sorrel_reply_free(r);
    return value;
}

bool
sorrel_manager_set(struct sorrel_manager *m, const char *key, const void *value, size_t len,
                   const struct sorrel_set_options *o)
{
    struct command c = {0};
    bool conditional = o != NULL && (o->nx || o->xx);

    command__words(&c, "SET", key, NULL);
    command__bytes(&c, value, len);
    /* One below zero is the server's to refuse: a value that never expires is not what was meant. */
    if (o != NULL && o->ex_s != 0) {
        command__text(&c, "EX");
        command__int(&c, o->ex_s);
    }
    if (o != NULL && o->px_ms != 0) {
        command__text(&c, "PX");
        command__int(&c, o->px_ms);
    }
    if (o != NULL && o->nx)
        command__text(&c, "NX");
    if (o != NULL && o->xx)
        command__text(&c, "XX");
    struct sorrel_reply *r = run(m, &c, conditional ? 0 : SORREL_REPEAT);
    bool ok = sorrel_reply_is(r, "OK");
    sorrel_reply_free(r);
    return ok;
}

bool
sorrel_manager_delete(struct sorrel_manager *m, const char *key)
{
    return sorrel_manager_delete_many(m, 1, &key) > 0;
}

int64_t
sorrel_manager_delete_many(struct sorrel_manager *m, size_t n, const char *const *keys)
{
    struct command c = {0};

    if (n == 0)
        return 0;
    command__text(&c, "DEL");
    for (size_t i = 0; i < n; i++)
        command__text(&c, keys[i]);
    return run_int(m, &c, SORREL_REPEAT, 0);
}

bool
sorrel_manager_exists(struct sorrel_manager *m, const char *key)
{
    struct command c = {0};

    command__words(&c, "EXISTS", key, NULL);
    return run_int(m, &c, SORREL_READ, 0) > 0;
}

bool
sorrel_manager_expire(struct sorrel_manager *m, const char *key, int64_t seconds)
{
    struct command c = {0};

    command__words(&c, "EXPIRE", key, NULL);
    command__int(&c, seconds);
    return run_int(m, &c, SORREL_REPEAT, 0) > 0;
}

int64_t
sorrel_manager_ttl(struct sorrel_manager *m, const char *key)
{
    struct command c = {0};

    command__words(&c, "TTL", key, NULL);
    return run_int(m, &c, SORREL_READ, -2);
}

bool
sorrel_manager_incr(struct sorrel_manager *m, const char *key, int64_t amount, int64_t *value)
{
    struct command c = {0};
    int64_t n;

    command__words(&c, "INCRBY", key, NULL);
    command__int(&c, amount);
    struct sorrel_reply *r = run(m, &c, 0);
    bool ok = sorrel_reply_int(r, &n);
    sorrel_reply_free(r);
    if (ok && value != NULL)
        *value = n;
    return ok;
}

bool
sorrel_manager_hset(struct sorrel_manager *m, const char *key, const char *field, const void *value, size_t len)
{
    struct command c = {0};

    command__words(&c, "HSET", key, field, NULL);
    command__bytes(&c, value, len);
    return run_int(m, &c, SORREL_REPEAT, -1) >= 0;
}

bool
sorrel_manager_hset_mapping(struct sorrel_manager *m, const char *key, size_t n, const char *const *fields,
                            const char *const *values)
{
    struct command c = {0};

    command__words(&c, "HSET", key, NULL);
    for (size_t i = 0; i < n; i++)
        command__words(&c, fields[i], values[i], NULL);
    return run_int(m, &c, SORREL_REPEAT, -1) >= 0;
}

char *
sorrel_manager_hget(struct sorrel_manager *m, const char *key, const char *field, size_t *len)
{
    struct command c = {0};

    command__words(&c, "HGET", key, field, NULL);
    struct sorrel_reply *r = run(m, &c, SORREL_READ);
    char *value = command__dup_text(r, len);
    sorrel_reply_free(r);
    return value;
}

bool
sorrel_manager_set_json(struct sorrel_manager *m, const char *key, const char *json, const struct sorrel_set_options *o)
{
    struct sorrel_error err = {0};

    if (json != NULL && sorrel_json_valid(json, strlen(json)))
        return sorrel_manager_set(m, key, json, strlen(json), o);
    error__set(&err, SORREL_ERR_USAGE, 0, "the value is not valid JSON");
    remember(m, &err);
    return false;
}

char *
sorrel_manager_get_json(struct sorrel_manager *m, const char *key)
{
    struct sorrel_error err = {0};
    size_t len;
    char *value = sorrel_manager_get(m, key, &len);

    if (value == NULL || sorrel_json_valid(value, len))
        return value;
    mem_free(value);
    error__set(&err, SORREL_ERR_USAGE, 0, "what is there is not JSON");
    remember(m, &err);
    return NULL;
}
