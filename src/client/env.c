/* client/env.c - sorrel/env.h: URLs out of environment variables. */
#include "sorrel/env.h"

#include "base/number.h"
#include "client/error_priv.h"
#include "client/url_priv.h"

#include <stdlib.h>

enum { PORT_SENTINEL = 26379, PORT_REDIS = 6379, CONNECTIONS = 10, TIMEOUT_MS = 5000, LOCK_MS = 60000 };
enum { SECONDS_MAX = 1000000 };

struct lookup {
    sorrel_getenv_fn *get;
    void *ctx;
    struct sorrel_error *err;
};

static const char *
process_env(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

/* NULL for a variable that is not set or set to nothing. */
static const char *
value_of(const struct lookup *l, const char *name)
{
    const char *v = l->get(l->ctx, name);

    return v != NULL && v[0] != '\0' ? v : NULL;
}

static enum sorrel_rc
number(const struct lookup *l, const char *name, uint64_t min, uint64_t max, int *out)
{
    const char *v = value_of(l, name);
    uint64_t n;

    if (v == NULL)
        return SORREL_OK;
    if (!parse_uint64(slice_cstr(v), &n) || n < min || n > max)
        return error__set(l->err, SORREL_ERR_USAGE, 0, "%s is not a number from %llu to %llu", name,
                          (unsigned long long)min, (unsigned long long)max);
    *out = (int)n;
    return SORREL_OK;
}

static enum sorrel_rc
seconds(const struct lookup *l, const char *name, int *ms)
{
    const char *v = value_of(l, name);
    double s;

    if (v == NULL)
        return SORREL_OK;
    if (!parse_double(slice_cstr(v), &s) || !(s >= 0) || s > SECONDS_MAX)
        return error__set(l->err, SORREL_ERR_USAGE, 0, "%s is not a number of seconds", name);
    *ms = s > 0 && s < 0.001 ? 1 : (int)(s * 1000 + 0.5);
    return SORREL_OK;
}

static enum sorrel_rc
truth(const struct lookup *l, const char *name, bool *out)
{
    static const struct slice yes[] = {LIT_INIT("true"), LIT_INIT("1"), LIT_INIT("yes"), LIT_INIT("on")};
    static const struct slice no[] = {LIT_INIT("false"), LIT_INIT("0"), LIT_INIT("no"), LIT_INIT("off")};
    const char *v = value_of(l, name);

    for (size_t i = 0; v != NULL && i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (slice_eq_nocase(slice_cstr(v), yes[i]) || slice_eq_nocase(slice_cstr(v), no[i])) {
            *out = slice_eq_nocase(slice_cstr(v), yes[i]);
            return SORREL_OK;
        }
    }
    return v == NULL ? SORREL_OK : error__set(l->err, SORREL_ERR_USAGE, 0, "%s is neither true nor false", name);
}

/* Puts the variable's name in front of what is wrong with its value. */
static enum sorrel_rc
blame(const struct lookup *l, const char *name, const struct sorrel_error *why)
{
    return error__set(l->err, SORREL_ERR_USAGE, 0, "%s: %.200s", name, why->text);
}

/* The server of REDIS_HOST and its companions. */
static enum sorrel_rc
from_parts(const struct lookup *l, struct sorrel_url *out)
{
    const char *host = value_of(l, "REDIS_HOST"), *user = value_of(l, "REDIS_USERNAME");
    const char *password = value_of(l, "REDIS_PASSWORD");
    int port = PORT_REDIS, db = 0;
    struct sorrel_url u = {0};

    enum sorrel_rc rc = number(l, "REDIS_PORT", 1, 65535, &port);
    if (rc == SORREL_OK)
        rc = number(l, "REDIS_DB", 0, INT32_MAX, &db);
    if (rc != SORREL_OK)
        return rc;
    if (host == NULL)
        host = "localhost";
    for (const char *p = host; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || *p == '/' || *p == '@')
            return error__set(l->err, SORREL_ERR_USAGE, 0, "REDIS_HOST contains a character that no host name has");
    u.host = url__dup(slice_cstr(host));
    u.port = (uint16_t)port;
    u.db = db;
    u.db_given = true;
    u.username = user != NULL ? url__dup(slice_cstr(user)) : NULL;
    u.password = password != NULL ? url__dup(slice_cstr(password)) : NULL;
    *out = u;
    return SORREL_OK;
}

/* Turns *u into a Sentinel URL if the variable names hosts. */
static enum sorrel_rc
add_sentinels(const struct lookup *l, const char *hosts_name, const char *port_name, struct sorrel_url *u)
{
    const char *hosts = value_of(l, hosts_name);
    int port = PORT_SENTINEL;
    struct sorrel_error why;
    struct sorrel_url with;

    enum sorrel_rc rc = number(l, port_name, 1, 65535, &port);
    if (rc != SORREL_OK || hosts == NULL)
        return rc;
    rc = sorrel_url_with_sentinels(u, hosts, (uint16_t)port, &with, &why);
    if (rc != SORREL_OK)
        return blame(l, hosts_name, &why);
    sorrel_url_fini(u);
    *u = with;
    return SORREL_OK;
}

static enum sorrel_rc
limits(const struct lookup *l, struct sorrel_url *u)
{
    int connections = CONNECTIONS, timeout = TIMEOUT_MS, connect = TIMEOUT_MS;

    enum sorrel_rc rc = number(l, "REDIS_MAX_CONNECTIONS", 1, INT16_MAX, &connections);
    if (rc == SORREL_OK)
        rc = seconds(l, "REDIS_SOCKET_TIMEOUT", &timeout);
    if (rc == SORREL_OK)
        rc = seconds(l, "REDIS_SOCKET_CONNECT_TIMEOUT", &connect);
    if (u->max_connections == 0)
        u->max_connections = connections;
    if (u->socket_timeout_ms == 0)
        u->socket_timeout_ms = timeout;
    if (u->connect_timeout_ms == 0)
        u->connect_timeout_ms = connect;
    return rc;
}

static enum sorrel_rc
from_url(const struct lookup *l, const char *name, const char *text, struct sorrel_url *out)
{
    struct sorrel_error why;

    return sorrel_url_parse(text, out, &why) == SORREL_OK ? SORREL_OK : blame(l, name, &why);
}

static enum sorrel_rc
read_main(const struct lookup *l, struct sorrel_url *u)
{
    const char *text = value_of(l, "REDIS_URL");
    enum sorrel_rc rc = text != NULL ? from_url(l, "REDIS_URL", text, u) : from_parts(l, u);

    if (rc == SORREL_OK)
        rc = add_sentinels(l, "REDIS_SENTINEL_HOSTS", "REDIS_SENTINEL_PORT", u);
    return rc == SORREL_OK ? limits(l, u) : rc;
}

static enum sorrel_rc
read_websocket(const struct lookup *l, const struct sorrel_url *main_url, struct sorrel_url *u)
{
    const char *text = value_of(l, "WEBSOCKET_REDIS_URL");
    enum sorrel_rc rc = SORREL_OK;

    if (text != NULL)
        rc = from_url(l, "WEBSOCKET_REDIS_URL", text, u);
    else if (main_url->transport != SORREL_SENTINEL || value_of(l, "WEBSOCKET_SENTINEL_HOSTS") == NULL)
        sorrel_url_copy(main_url, u);
    else
        /* The service of the main URL, asked of other Sentinels. */
        rc =
            value_of(l, "REDIS_URL") != NULL ? from_url(l, "REDIS_URL", value_of(l, "REDIS_URL"), u) : from_parts(l, u);
    if (rc == SORREL_OK)
        rc = add_sentinels(l, "WEBSOCKET_SENTINEL_HOSTS", "WEBSOCKET_SENTINEL_PORT", u);
    return rc == SORREL_OK ? limits(l, u) : rc;
}

enum sorrel_rc
sorrel_env_read(sorrel_getenv_fn *get, void *ctx, struct sorrel_env *out, struct sorrel_error *err)
{
    struct lookup l = {get != NULL ? get : process_env, ctx, err};
    struct sorrel_env e = {.lock_timeout_ms = LOCK_MS};

    enum sorrel_rc rc = truth(&l, "ENABLE_REDIS", &e.enabled);
    if (rc == SORREL_OK)
        rc = read_main(&l, &e.url);
    if (rc == SORREL_OK)
        rc = read_websocket(&l, &e.url, &e.websocket);
    if (rc == SORREL_OK)
        rc = seconds(&l, "WEBSOCKET_REDIS_LOCK_TIMEOUT", &e.lock_timeout_ms);
    if (rc == SORREL_OK && e.lock_timeout_ms == 0)
        rc = error__set(err, SORREL_ERR_USAGE, 0, "WEBSOCKET_REDIS_LOCK_TIMEOUT must be more than nothing");
    if (rc != SORREL_OK) {
        sorrel_env_fini(&e);
        return rc;
    }
    *out = e;
    return SORREL_OK;
}

void
sorrel_env_fini(struct sorrel_env *e)
{
    sorrel_url_fini(&e->url);
    sorrel_url_fini(&e->websocket);
}
