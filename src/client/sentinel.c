/* client/sentinel.c - asking Sentinels, opening connections to what they name, listening for switches.
 *
 * The listener is a thread with one subscription. When the Sentinel it listens to goes away it takes the next one, and
 * asks that one where the master is: a switch that happened in between is noticed too.
 */
#include "client/sentinel_priv.h"

#include "base/mem.h"
#include "client/backoff_priv.h"
#include "client/command_priv.h"
#include "client/error_priv.h"
#include "client/pool_priv.h"
#include "client/url_priv.h"
#include "client/worker_priv.h"

#include <string.h>

enum { SENTINEL_TIMEOUT_MS = 1000, PING_EVERY_MS = 5000, PING_ANSWER_MS = 3000 };

struct service {
    const struct sorrel_url *url;
    struct sorrel_sentinel_auth auth;
    bool replica;
    struct sorrel_pool *pool;
    struct worker worker;
    pthread_mutex_t lock;
    char *master; /* "host:port" as last heard; NULL: not yet */
    size_t turn;  /* which replica is next */
};

/* The URL of Sentinel i: the service's TLS, credentials of its own (auth's, else the URL's for Sentinels), and none of
 * what a Sentinel has no use for. */
static struct sorrel_url
sentinel_url(const struct sorrel_url *u, const struct sorrel_sentinel_auth *auth, size_t i)
{
    struct sorrel_url s = *u;

    s.transport = SORREL_TCP;
    s.host = u->sentinels[i].host;
    s.port = u->sentinels[i].port;
    s.username = u->sentinel_username;
    s.password = u->sentinel_password;
    if (auth != NULL && auth->password != NULL) {
        s.username = (char *)(uintptr_t)auth->username;
        s.password = (char *)(uintptr_t)auth->password;
    }
    s.db = 0;
    s.protocol = 0;
    if (s.connect_timeout_ms == 0)
        s.connect_timeout_ms = SENTINEL_TIMEOUT_MS;
    if (s.socket_timeout_ms == 0)
        s.socket_timeout_ms = SENTINEL_TIMEOUT_MS;
    return s;
}

/* "host:port" of a two-element array; false for anything else. */
static bool
read_address(const struct sorrel_reply *host, const struct sorrel_reply *port, struct sorrel_address *out)
{
    int64_t n;
    size_t len;
    const char *text = sorrel_reply_text(host, &len);

    if (text == NULL || len == 0 || !sorrel_reply_int(port, &n) || n < 1 || n > 65535)
        return false;
    *out = (struct sorrel_address){command__dup(text, len), (uint16_t)n};
    return true;
}

static enum sorrel_rc
ask_master(struct sorrel_conn *c, const char *service, struct sorrel_address *out, struct sorrel_error *err)
{
    const struct sorrel_reply *r = sorrel_conn_do(c, err, "SENTINEL", "get-master-addr-by-name", service, NULL);

    if (r == NULL)
        return SORREL_ERR_CONNECT;
    if (sorrel_reply_type(r) == SORREL_ERROR)
        return error__reply(err, SORREL_ERR_SERVER, r);
    if (sorrel_reply_count(r) < 2 || !read_address(sorrel_reply_at(r, 0), sorrel_reply_at(r, 1), out))
        return error__set(err, SORREL_ERR_CONNECT, 0, "the Sentinel knows no service of that name");
    return SORREL_OK;
}

static bool
has_word(const struct sorrel_reply *r, const char *word)
{
    size_t len;
    const char *text = sorrel_reply_text(r, &len);

    return text != NULL && memmem(text, len, word, strlen(word)) != NULL;
}

static enum sorrel_rc
ask_replicas(struct sorrel_conn *c, const char *service, struct sorrel_address **out, size_t *count,
             struct sorrel_error *err)
{
    const struct sorrel_reply *r = sorrel_conn_do(c, err, "SENTINEL", "replicas", service, NULL);
    size_t n = 0;

    if (r == NULL)
        return SORREL_ERR_CONNECT;
    if (sorrel_reply_type(r) == SORREL_ERROR)
        return error__reply(err, SORREL_ERR_SERVER, r);
    struct sorrel_address *list = mem_get_array(sorrel_reply_count(r) + 1, sizeof(*list));
    for (size_t i = 0; i < sorrel_reply_count(r); i++) {
        const struct sorrel_reply *one = sorrel_reply_at(r, i), *flags = sorrel_reply_get(one, "flags");
        if (has_word(flags, "down") || has_word(flags, "disconnected") ||
            !sorrel_reply_is(sorrel_reply_get(one, "master-link-status"), "ok"))
            continue;
        n += read_address(sorrel_reply_get(one, "ip"), sorrel_reply_get(one, "port"), &list[n]);
    }
    *out = list;
    *count = n;
    return SORREL_OK;
}

/* Asks one Sentinel, over a connection of its own: for the master's address, or (list not NULL) the replicas'. */
static enum sorrel_rc
ask_one(const struct sorrel_url *sentinel, const char *service, struct sorrel_address *master,
        struct sorrel_address **list, size_t *count, struct sorrel_error *err)
{
    struct sorrel_conn *c = NULL;
    enum sorrel_rc rc = sorrel_conn_open(sentinel, &c, err);

    if (rc == SORREL_OK)
        rc = list == NULL ? ask_master(c, service, master, err) : ask_replicas(c, service, list, count, err);
    sorrel_conn_close(c);
    return rc;
}

/* Asks one Sentinel after the other until one has an answer. */
static enum sorrel_rc
ask_all(const struct sorrel_url *u, const struct sorrel_sentinel_auth *auth, struct sorrel_address *master,
        struct sorrel_address **list, size_t *count, struct sorrel_error *err)
{
    struct sorrel_error last = {0};

    if (u->transport != SORREL_SENTINEL || u->sentinel_count == 0 || u->service == NULL)
        return error__set(err, SORREL_ERR_USAGE, 0, "this is no Sentinel URL");
    for (size_t i = 0; i < u->sentinel_count; i++) {
        struct sorrel_url s = sentinel_url(u, auth, i);
        if (ask_one(&s, u->service, master, list, count, &last) == SORREL_OK)
            return SORREL_OK;
    }
    return error__set(err, SORREL_ERR_CONNECT, last.sys_errno, "no Sentinel can say where '%s' is; the last: %.150s",
                      u->service, last.text);
}

enum sorrel_rc
sorrel_sentinel_master(const struct sorrel_url *u, const struct sorrel_sentinel_auth *auth, struct sorrel_address *out,
                       struct sorrel_error *err)
{
    return ask_all(u, auth, out, NULL, NULL, err);
}

enum sorrel_rc
sorrel_sentinel_replicas(const struct sorrel_url *u, const struct sorrel_sentinel_auth *auth,
                         struct sorrel_address **out, size_t *count, struct sorrel_error *err)
{
    return ask_all(u, auth, NULL, out, count, err);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* The server's own word on its role: a Sentinel's may be old by seconds. */
static bool
has_role(struct sorrel_conn *c, const char *role, struct sorrel_error *err)
{
    const struct sorrel_reply *r = sorrel_conn_do(c, err, "ROLE", NULL);

    if (r == NULL)
        return false;
    if (sorrel_reply_is(sorrel_reply_at(r, 0), role))
        return true;
    error__set(err, SORREL_ERR_CONNECT, 0, "the server that the Sentinels name is no %s (yet)", role);
    return false;
}

static enum sorrel_rc
open_at(const struct service *s, const struct sorrel_address *at, const char *role, struct sorrel_conn **out,
        struct sorrel_error *err)
{
    struct sorrel_url u = *s->url;
    struct sorrel_conn *c = NULL;

    u.transport = SORREL_TCP;
    u.host = at->host;
    u.port = at->port;
    if (u.connect_timeout_ms == 0)
        u.connect_timeout_ms = SENTINEL_TIMEOUT_MS * 2;
    /* Until the caller has the connection nobody else could end the waiting, so the question has the time of a connect,
     * too, as the login does. */
    u.socket_timeout_ms = u.connect_timeout_ms;
    enum sorrel_rc rc = sorrel_conn_open(&u, &c, err);
    if (rc != SORREL_OK)
        return rc;
    if (role != NULL && !has_role(c, role, err)) {
        sorrel_conn_close(c);
        return SORREL_ERR_CONNECT;
    }
    sorrel_conn_set_timeout(c, s->url->socket_timeout_ms);
    *out = c;
    return SORREL_OK;
}

static enum sorrel_rc
open_replica(struct service *s, struct sorrel_conn **out, struct sorrel_error *err)
{
    struct sorrel_address *list;
    size_t n;
    enum sorrel_rc rc = sorrel_sentinel_replicas(s->url, &s->auth, &list, &n, err);

    if (rc != SORREL_OK)
        return rc;
    pthread_mutex_lock(&s->lock);
    size_t turn = s->turn++;
    pthread_mutex_unlock(&s->lock);
    rc = SORREL_ERR_CONNECT;
    for (size_t i = 0; i < n && rc != SORREL_OK; i++)
        rc = open_at(s, &list[(turn + i) % n], "slave", out, err);
    sorrel_addresses_free(list, n);
    return rc;
}

static enum sorrel_rc
open_connection(void *ctx, struct sorrel_conn **out, struct sorrel_error *err)
{
    struct service *s = ctx;
    struct sorrel_address master;

    if (s->replica && open_replica(s, out, err) == SORREL_OK)
        return SORREL_OK;
    enum sorrel_rc rc = sorrel_sentinel_master(s->url, &s->auth, &master, err);
    if (rc != SORREL_OK)
        return rc;
    rc = open_at(s, &master, "master", out, err);
    sorrel_free(master.host);
    return rc;
}

/* ---- listening --------------------------------------------------------------------------------------------------- */

/* Takes in where the master is; a change drops what is open. */
static void
master_is(struct service *s, const char *host, size_t host_len, int64_t port)
{
    char *now = command__printf("%.*s:%lld", (int)host_len, host, (long long)port);

    pthread_mutex_lock(&s->lock);
    bool changed = s->master != NULL && strcmp(s->master, now) != 0;
    mem_free(s->master);
    s->master = now;
    pthread_mutex_unlock(&s->lock);
    if (changed)
        pool__renew(s->pool, true);
}

/* "service old-ip old-port new-ip new-port" */
static void
take_switch(struct service *s, const struct sorrel_reply *payload)
{
    size_t len;
    const char *text = sorrel_reply_text(payload, &len);
    struct slice words[5];
    int n = 0;

    for (size_t i = 0, from = 0; text != NULL && i <= len && n < 5; i++) {
        if (i == len || text[i] == ' ') {
            words[n++] = slice_of(text + from, i - from);
            from = i + 1;
        }
    }
    uint64_t port;
    if (n == 5 && slice_eq(words[0], slice_cstr(s->url->service)) && parse_uint64(words[4], &port) && port < 65536)
        master_is(s, words[3].ptr, words[3].len, (int64_t)port);
}

static bool
subscribe(struct service *s, const struct sorrel_url *sentinel, struct sorrel_conn *c)
{
    struct sorrel_address master;

    const struct sorrel_reply *r = sorrel_conn_do(c, NULL, "SUBSCRIBE", "+switch-master", NULL);
    if (sorrel_reply_count(r) != 3)
        return false;
    /* Asked after subscribing, and the same Sentinel: what it does not know yet it will report. Another may be behind
     * this one, and what this one has reported already would be missed. */
    if (ask_one(sentinel, s->url->service, &master, NULL, NULL, NULL) != SORREL_OK)
        return false;
    master_is(s, master.host, strlen(master.host), master.port);
    sorrel_free(master.host);
    return true;
}

/* Returns when the connection is of no use any more or the thread must end. */
static void
listen_on(struct service *s, struct sorrel_conn *c)
{
    static const char *const ping[] = {"PING"};
    const struct sorrel_reply *r;
    bool pinged = false;

    while (!worker__stopping(&s->worker)) {
        enum worker_event event = worker__wait(&s->worker, c, pinged ? PING_ANSWER_MS : PING_EVERY_MS);
        if (event == WORKER_WOKEN)
            continue;
        if (event == WORKER_TIMEOUT) {
            if (pinged)
                return;
            sorrel_conn_append(c, 1, ping, NULL);
            if (sorrel_conn_flush(c, NULL) != SORREL_OK)
                return;
            pinged = true;
            continue;
        }
        if (sorrel_conn_next_any(c, &r, NULL) != SORREL_OK || sorrel_reply_type(r) == SORREL_ERROR)
            return;
        pinged = false;
        if (sorrel_reply_count(r) == 3 && sorrel_reply_is(sorrel_reply_at(r, 0), "message"))
            take_switch(s, sorrel_reply_at(r, 2));
    }
}

static void
listen_for_switches(void *ctx)
{
    struct service *s = ctx;
    struct backoff pause;

    backoff__init(&pause, 50, 1000, -1);
    for (size_t i = 0; !worker__stopping(&s->worker); i = (i + 1) % s->url->sentinel_count) {
        struct sorrel_url u = sentinel_url(s->url, &s->auth, i);
        struct sorrel_conn *c = NULL;
        if (sorrel_conn_open(&u, &c, NULL) == SORREL_OK && subscribe(s, &u, c)) {
            backoff__init(&pause, 50, 1000, -1);
            listen_on(s, c);
        }
        sorrel_conn_close(c);
        if (!worker__stopping(&s->worker))
            worker__wait(&s->worker, NULL, (int)(backoff__next_us(&pause) / 1000) + 1);
    }
}

struct service *
service__new(const struct sorrel_url *u, const struct sorrel_sentinel_auth *auth, bool replica,
             struct sorrel_pool *pool)
{
    struct service *s = mem_get_zero(sizeof(*s));

    s->url = u;
    s->auth = *auth;
    s->replica = replica;
    s->pool = pool;
    pthread_mutex_init(&s->lock, NULL);
    pool__opener(pool, (struct pool_opener){open_connection, s});
    /* Without its thread the service is still followed: a demoted master closes its clients or refuses their writes. */
    (void)worker__start(&s->worker, listen_for_switches, s);
    return s;
}

void
service__free(struct service *s)
{
    if (s == NULL)
        return;
    worker__stop(&s->worker);
    pthread_mutex_destroy(&s->lock);
    mem_free(s->master);
    mem_free(s);
}

static struct sorrel_client *
client_for(const struct sorrel_url *u, const struct sorrel_client_options *o, bool replica)
{
    struct sorrel_client_options with = o != NULL ? *o : (struct sorrel_client_options){0};

    if (u->transport != SORREL_SENTINEL)
        return NULL;
    with.replica = replica;
    return sorrel_client_new(u, &with);
}

struct sorrel_client *
sorrel_master_for(const struct sorrel_url *u, const struct sorrel_client_options *o)
{
    return client_for(u, o, false);
}

struct sorrel_client *
sorrel_replica_for(const struct sorrel_url *u, const struct sorrel_client_options *o)
{
    return client_for(u, o, true);
}
