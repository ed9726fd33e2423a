/* client/client.c - sorrel/client.h: choosing a pool, sending, judging the outcome, trying again. */
#include "client/client_priv.h"

#include "base/mem.h"
#include "client/command_priv.h"
#include "client/error_priv.h"
#include "client/pool_priv.h"
#include "client/sentinel_priv.h"

#include <stdarg.h>

enum { RETRY_MS = 2000, RETRY_FAILOVER_MS = 30000, PAUSE_MS = 20, PAUSE_MAX_MS = 500 };
enum { CONNECT_MS = 10000, CONNECT_FAILOVER_MS = 2000 };

struct sorrel_client {
    struct sorrel_url url;
    struct sorrel_client_options opt;
    char *sentinel_username, *sentinel_password;
    struct sorrel_pool *pool; /* of one server or service */
    struct service *service;  /* Sentinel URLs */
    struct cluster *cluster;  /* clusters: then there is no pool */
};

struct sorrel_client *
sorrel_client_new(const struct sorrel_url *u, const struct sorrel_client_options *o)
{
    static const struct sorrel_url local = {0};
    struct sorrel_client *cl = mem_get_zero(sizeof(*cl));

    sorrel_url_copy(u != NULL ? u : &local, &cl->url);
    if (o != NULL)
        cl->opt = *o;
    bool moves = cl->url.transport == SORREL_SENTINEL || cl->opt.cluster;
    /* A connection that is being opened nobody can cut, so opening one always ends by itself: soon, where another
     * server may have taken over meanwhile. */
    if (cl->url.connect_timeout_ms == 0 && cl->url.transport != SORREL_SENTINEL) /* the service has its own */
        cl->url.connect_timeout_ms = cl->opt.cluster ? CONNECT_FAILOVER_MS : CONNECT_MS;
    if (cl->opt.retry_ms == 0)
        cl->opt.retry_ms = moves ? RETRY_FAILOVER_MS : RETRY_MS;
    if (cl->opt.retry_pause_ms <= 0)
        cl->opt.retry_pause_ms = PAUSE_MS;
    if (cl->opt.retry_pause_max_ms <= 0)
        cl->opt.retry_pause_max_ms = PAUSE_MAX_MS;
    if (cl->opt.sentinel_username != NULL)
        cl->sentinel_username = command__dup(cl->opt.sentinel_username, strlen(cl->opt.sentinel_username));
    if (cl->opt.sentinel_password != NULL)
        cl->sentinel_password = command__dup(cl->opt.sentinel_password, strlen(cl->opt.sentinel_password));
    if (cl->opt.cluster) {
        cl->cluster = cluster__new(&cl->url, &cl->opt.pool, cl->opt.replica_reads);
        return cl;
    }
    cl->pool = sorrel_pool_new(&cl->url, &cl->opt.pool);
    if (cl->url.transport == SORREL_SENTINEL) {
        struct sorrel_sentinel_auth auth = {.username = cl->sentinel_username, .password = cl->sentinel_password};
        cl->service = service__new(&cl->url, &auth, cl->opt.replica, cl->pool);
    }
    return cl;
}

struct sorrel_client *
sorrel_client_open(const char *url, const struct sorrel_client_options *o, struct sorrel_error *err)
{
    struct sorrel_url u;

    if (sorrel_url_parse(url, &u, err) != SORREL_OK)
        return NULL;
    struct sorrel_client *cl = sorrel_client_new(&u, o);
    sorrel_url_fini(&u);
    return cl;
}

void
sorrel_client_free(struct sorrel_client *cl)
{
    if (cl == NULL)
        return;
    service__free(cl->service);
    sorrel_pool_free(cl->pool);
    cluster__free(cl->cluster);
    sorrel_url_fini(&cl->url);
    mem_free(cl->sentinel_username);
    mem_free(cl->sentinel_password);
    mem_free(cl);
}

/* ---- for batch.c too --------------------------------------------------------------------------------------------- */

bool
client__is_cluster(const struct sorrel_client *cl)
{
    return cl->cluster != NULL;
}

struct cluster *
client__cluster(struct sorrel_client *cl)
{
    return cl->cluster;
}

const struct sorrel_url *
client__url(const struct sorrel_client *cl)
{
    return &cl->url;
}

void
client__backoff(const struct sorrel_client *cl, struct backoff *b)
{
    backoff__init(b, cl->opt.retry_pause_ms, cl->opt.retry_pause_max_ms, cl->opt.retry_ms > 0 ? cl->opt.retry_ms : 0);
}

enum sorrel_rc
client__pool(struct sorrel_client *cl, int slot, bool read, struct sorrel_pool **out, struct sorrel_error *err)
{
    if (cl->cluster != NULL)
        return cluster__pool(cl->cluster, slot, read, out, err);
    *out = cl->pool;
    return SORREL_OK;
}

bool
client__retry_take(struct sorrel_client *cl, enum sorrel_rc rc)
{
    /* A full pool has waited as its options say; what is refused for good is refused again. */
    if (rc == SORREL_ERR_BUSY || rc == SORREL_ERR_AUTH || rc == SORREL_ERR_USAGE)
        return false;
    if (cl->cluster != NULL)
        cluster__suspect(cl->cluster);
    return true;
}

bool
client__not_executed(struct sorrel_client *cl, struct sorrel_pool *from, const struct sorrel_reply *r,
                     struct sorrel_pool **ask)
{
    static const struct slice later[] = {LIT_INIT("LOADING "), LIT_INIT("MASTERDOWN "), LIT_INIT("CLUSTERDOWN "),
                                         LIT_INIT("TRYAGAIN "), LIT_INIT("ERR max number of clients")};
    size_t len;
    const char *text = sorrel_reply_text(r, &len);

    *ask = NULL;
    if (sorrel_reply_type(r) != SORREL_ERROR)
        return false;
    struct slice line = slice_of(text, len);
    if (slice_starts(line, LIT("READONLY "))) {
        /* A master that is one no more. */
        pool__renew(from, false);
        if (cl->cluster != NULL)
            cluster__suspect(cl->cluster);
        return true;
    }
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
        if (slice_starts(line, later[i]))
            return true;
    if (cl->cluster == NULL)
        return false;
    struct sorrel_pool *to = cluster__redirect(cl->cluster, from, line);
    if (slice_starts(line, LIT("ASK ")))
        *ask = to;
    return to != NULL;
}

/* ---- one command ------------------------------------------------------------------------------------------------- */

/* Sends the command over c; with `ask`, as the importing node of a slot wants it. */
static enum sorrel_rc
exchange(struct sorrel_conn *c, bool ask, int argc, const char *const *argv, const size_t *lens,
         const struct sorrel_reply **r, struct sorrel_error *err)
{
    static const char *const asking[] = {"ASKING"};

    if (ask)
        sorrel_conn_append(c, 1, asking, NULL);
    sorrel_conn_append(c, argc, argv, lens);
    enum sorrel_rc rc = ask ? sorrel_conn_next(c, r, err) : SORREL_OK;
    return rc == SORREL_OK ? sorrel_conn_next(c, r, err) : rc;
}

static int
slot_of(const struct sorrel_client *cl, int argc, const char *const *argv, const size_t *lens)
{
    if (cl->cluster == NULL || argc < 1)
        return SLOT_ANY;
    int key = cluster__first_key(argc, argv, lens);
    return key == 0 ? SLOT_ANY : cluster_slot(slice_of(argv[key], lens[key]));
}

enum verdict { FINAL, AGAIN, AGAIN_NOW };

/* One attempt. With FINAL *rc is the outcome. */
static enum verdict
attempt(struct sorrel_client *cl, int slot, unsigned flags, int argc, const char *const *argv, const size_t *lens,
        struct sorrel_pool **ask, struct sorrel_reply **out, enum sorrel_rc *rc, struct sorrel_error *err)
{
    struct sorrel_pool *pool = *ask;
    struct sorrel_conn *c = NULL;
    const struct sorrel_reply *r = NULL;
    bool asking = pool != NULL;

    *ask = NULL;
    *rc = asking ? SORREL_OK : client__pool(cl, slot, (flags & SORREL_READ) != 0, &pool, err);
    if (*rc == SORREL_OK)
        *rc = sorrel_pool_take(pool, &c, err);
    if (*rc != SORREL_OK)
        return client__retry_take(cl, *rc) ? AGAIN : FINAL;
    *rc = exchange(c, asking, argc, argv, lens, &r, err);
    enum verdict verdict = FINAL;
    if (*rc != SORREL_OK) {
        if (cl->cluster != NULL)
            cluster__suspect(cl->cluster);
        if (*rc != SORREL_ERR_PROTOCOL && (flags & (SORREL_REPEAT | SORREL_READ)) != 0)
            verdict = AGAIN;
    } else {
        size_t len = 0;
        const char *text = sorrel_reply_text(r, &len);
        bool moved = slice_starts(slice_of(text, text != NULL ? len : 0), LIT("MOVED "));
        if (client__not_executed(cl, pool, r, ask))
            verdict = moved || *ask != NULL ? AGAIN_NOW : AGAIN;
        *out = sorrel_reply_copy(r);
    }
    sorrel_pool_give(pool, c);
    return verdict;
}

enum sorrel_rc
client__call(struct sorrel_client *cl, unsigned flags, int argc, const char *const *argv, const size_t *lens,
             struct sorrel_reply **out, struct sorrel_error *err)
{
    enum { REDIRECTS_MAX = 16 };
    int slot = slot_of(cl, argc, argv, lens), redirects = 0;
    struct sorrel_pool *ask = NULL;
    struct backoff pause;
    enum sorrel_rc rc;

    client__backoff(cl, &pause);
    for (;;) {
        struct sorrel_reply *r = NULL;
        enum verdict verdict = attempt(cl, slot, flags, argc, argv, lens, &ask, &r, &rc, err);
        bool again = verdict == AGAIN_NOW && redirects++ < REDIRECTS_MAX;
        if (!again && verdict != FINAL)
            again = backoff__sleep(&pause);
        if (again) {
            sorrel_reply_free(r);
            continue;
        }
        if (rc == SORREL_OK)
            *out = r;
        return rc;
    }
}

static enum sorrel_rc
checked(struct sorrel_reply *r, struct sorrel_reply **out, struct sorrel_error *err)
{
    if (sorrel_reply_type(r) == SORREL_ERROR) {
        error__reply(err, SORREL_ERR_SERVER, r);
        sorrel_reply_free(r);
        return SORREL_ERR_SERVER;
    }
    if (out != NULL)
        *out = r;
    else
        sorrel_reply_free(r);
    return SORREL_OK;
}

enum sorrel_rc
sorrel_client_call(struct sorrel_client *cl, unsigned flags, int argc, const char *const *argv, const size_t *lens,
                   struct sorrel_reply **out, struct sorrel_error *err)
{
    struct sorrel_reply *r = NULL;
    size_t few[COMMAND_INLINE], *own = NULL;

    if (argc < 1)
        return error__set(err, SORREL_ERR_USAGE, 0, "a command without a name");
    size_t name_len = lens != NULL ? lens[0] : strlen(argv[0]);
    if (command__marks(slice_of(argv[0], name_len)) != COMMAND_LEAVES_NOTHING)
        return error__set(err, SORREL_ERR_USAGE, 0, COMMAND_NEEDS_CONNECTION, name_len < 20 ? (int)name_len : 20,
                          argv[0]);
    if (lens == NULL) {
        own = argc <= COMMAND_INLINE ? few : mem_get_array((size_t)argc, sizeof(*own));
        for (int i = 0; i < argc; i++)
            own[i] = strlen(argv[i]);
    }
    enum sorrel_rc rc = client__call(cl, flags, argc, argv, lens != NULL ? lens : own, &r, err);
    if (own != few)
        mem_free(own);
    return rc == SORREL_OK ? checked(r, out, err) : rc;
}

struct sorrel_reply *
sorrel_client_do(struct sorrel_client *cl, unsigned flags, struct sorrel_error *err, ...)
{
    struct command c = {0};
    struct sorrel_reply *r = NULL;
    const char *word;
    va_list ap;

    va_start(ap, err);
    while ((word = va_arg(ap, const char *)) != NULL)
        command__text(&c, word);
    va_end(ap);
    return command__run(&c, cl, flags, &r, err) == SORREL_OK ? r : NULL;
}

/* ---- connections of one's own ------------------------------------------------------------------------------------ */

enum sorrel_rc
sorrel_client_take(struct sorrel_client *cl, const char *key, struct sorrel_conn **out, struct sorrel_error *err)
{
    int slot = key == NULL || cl->cluster == NULL ? SLOT_ANY : cluster_slot(slice_cstr(key));
    struct sorrel_pool *pool = NULL;
    struct backoff pause;

    if (key == NULL && cl->cluster != NULL)
        return error__set(err, SORREL_ERR_USAGE, 0, "a connection to a cluster is chosen by a key");
    client__backoff(cl, &pause);
    for (;;) {
        enum sorrel_rc rc = client__pool(cl, slot, false, &pool, err);
        if (rc == SORREL_OK)
            rc = sorrel_pool_take(pool, out, err);
        if (rc == SORREL_OK || !client__retry_take(cl, rc) || !backoff__sleep(&pause))
            return rc;
    }
}

void
sorrel_client_give(struct sorrel_client *cl, struct sorrel_conn *c)
{
    if (cl->cluster != NULL)
        cluster__give(cl->cluster, c, false);
    else
        sorrel_pool_give(cl->pool, c);
}

void
sorrel_client_discard(struct sorrel_client *cl, struct sorrel_conn *c)
{
    if (cl->cluster != NULL)
        cluster__give(cl->cluster, c, true);
    else
        sorrel_pool_discard(cl->pool, c);
}

void
sorrel_client_stats(struct sorrel_client *cl, struct sorrel_pool_stats *out)
{
    *out = (struct sorrel_pool_stats){0};
    if (cl->cluster != NULL)
        cluster__stats(cl->cluster, out);
    else
        sorrel_pool_stats(cl->pool, out);
}
