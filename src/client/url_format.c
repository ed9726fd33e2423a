/* client/url_format.c - copying, freeing and writing of URLs. */
#include "base/buf.h"
#include "base/mem.h"
#include "client/error_priv.h"
#include "client/url_priv.h"

void
sorrel_url_fini(struct sorrel_url *u)
{
    /* clang-format off */
    char *texts[] = {u->username, u->password,  u->host,     u->path,        u->service, u->client_name,  u->ca_file,
                     u->ca_dir,   u->cert_file, u->key_file, u->server_name, u->ciphers, u->cipher_suites,
                     u->sentinel_username, u->sentinel_password};
    /* clang-format on */

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        mem_free(texts[i]);
    sorrel_addresses_free(u->sentinels, u->sentinel_count);
    *u = (struct sorrel_url){0};
}

static char *
dup_or_null(const char *s)
{
    return s == NULL ? NULL : url__dup(slice_cstr(s));
}

void
sorrel_url_copy(const struct sorrel_url *u, struct sorrel_url *out)
{
    struct sorrel_url c = *u;

    c.username = dup_or_null(u->username);
    c.password = dup_or_null(u->password);
    c.host = dup_or_null(u->host);
    c.path = dup_or_null(u->path);
    c.service = dup_or_null(u->service);
    c.client_name = dup_or_null(u->client_name);
    c.ca_file = dup_or_null(u->ca_file);
    c.ca_dir = dup_or_null(u->ca_dir);
    c.ciphers = dup_or_null(u->ciphers);
    c.cipher_suites = dup_or_null(u->cipher_suites);
    c.cert_file = dup_or_null(u->cert_file);
    c.key_file = dup_or_null(u->key_file);
    c.server_name = dup_or_null(u->server_name);
    c.sentinel_username = dup_or_null(u->sentinel_username);
    c.sentinel_password = dup_or_null(u->sentinel_password);
    c.sentinels = NULL;
    if (u->sentinel_count > 0) {
        c.sentinels = mem_get_array(u->sentinel_count, sizeof(*c.sentinels));
        for (size_t i = 0; i < u->sentinel_count; i++)
            c.sentinels[i] = (struct sorrel_address){dup_or_null(u->sentinels[i].host), u->sentinels[i].port};
    }
    *out = c;
}

static void
add_encoded(struct buf *b, const char *s, bool slash_ok)
{
    for (; *s != '\0'; s++) {
        char c = *s;
        bool plain = (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
                     strchr("-._~", c) != NULL || (c == '/' && slash_ok);
        if (plain)
            buf_add_char(b, c);
        else
            buf_printf(b, "%%%02X", (unsigned char)c);
    }
}

static void
add_option(struct buf *b, char *sep, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_printf(b, "%c%s=", *sep, name);
    add_encoded(b, value, true);
    *sep = '&';
}

static void
add_seconds(struct buf *b, char *sep, const char *name, int ms)
{
    if (ms == 0)
        return;
    buf_printf(b, "%c%s=%d", *sep, name, ms / 1000);
    if (ms % 1000 != 0)
        buf_printf(b, ".%03d", ms % 1000);
    *sep = '&';
}

static void
add_number(struct buf *b, char *sep, const char *name, int n)
{
    if (n == 0)
        return;
    buf_printf(b, "%c%s=%d", *sep, name, n);
    *sep = '&';
}

static void
add_host(struct buf *b, const char *host, uint16_t port)
{
    bool v6 = strchr(host, ':') != NULL;

    buf_printf(b, v6 ? "[%s]" : "%s", host);
    if (port != 0)
        buf_printf(b, ":%u", port);
}

static void
add_place(struct buf *b, const struct sorrel_url *u)
{
    switch (u->transport) {
    case SORREL_UNIX: add_encoded(b, u->path != NULL ? u->path : "/", true); break;
    case SORREL_TCP:
        add_host(b, u->host != NULL ? u->host : "127.0.0.1", u->port);
        if (u->db != 0 || u->db_given)
            buf_printf(b, "/%d", u->db);
        break;
    case SORREL_SENTINEL:
        for (size_t i = 0; i < u->sentinel_count; i++) {
            if (i > 0)
                buf_add_char(b, ',');
            add_host(b, u->sentinels[i].host, u->sentinels[i].port);
        }
        buf_printf(b, "/%d/", u->db);
        add_encoded(b, u->service != NULL ? u->service : "", false);
        break;
    }
}

char *
sorrel_url_format(const struct sorrel_url *u, bool secrets)
{
    static const char *const names[] = {[SORREL_TCP] = "redis", [SORREL_UNIX] = "unix", [SORREL_SENTINEL] = "redis"};
    struct buf b = {0};
    size_t len;
    char sep = '?';

    buf_printf(&b, "%s%s%s://", names[u->transport], u->tls && u->transport != SORREL_UNIX ? "s" : "",
               u->transport == SORREL_SENTINEL ? "+sentinel" : "");
    if (u->username != NULL || u->password != NULL) {
        /* A name alone is a password: see login.c. */
        if (u->username != NULL && (secrets || u->password != NULL))
            add_encoded(&b, u->username, false);
        else if (u->username != NULL)
            buf_add_slice(&b, LIT("***"));
        if (u->password != NULL) {
            buf_add_char(&b, ':');
            if (secrets)
                add_encoded(&b, u->password, false);
            else
                buf_add_slice(&b, LIT("***"));
        }
        buf_add_char(&b, '@');
    }
    add_place(&b, u);
    if (u->transport == SORREL_UNIX)
        add_number(&b, &sep, "db", u->db);
    add_number(&b, &sep, "protocol", u->protocol);
    add_seconds(&b, &sep, "socket_timeout", u->socket_timeout_ms);
    add_seconds(&b, &sep, "socket_connect_timeout", u->connect_timeout_ms);
    add_number(&b, &sep, "max_connections", u->max_connections);
    add_seconds(&b, &sep, "health_check_interval", u->health_check_ms);
    add_option(&b, &sep, "sentinel_username", u->sentinel_username);
    if (u->sentinel_password != NULL && !secrets) /* as it is: an option would be encoded */
        buf_printf(&b, "%csentinel_password=***", sep);
    else
        add_option(&b, &sep, "sentinel_password", u->sentinel_password);
    sep = u->sentinel_password != NULL ? '&' : sep;
    add_option(&b, &sep, "client_name", u->client_name);
    add_option(&b, &sep, "ssl_ca_certs", u->ca_file);
    add_option(&b, &sep, "ssl_ca_path", u->ca_dir);
    add_option(&b, &sep, "ssl_certfile", u->cert_file);
    add_option(&b, &sep, "ssl_keyfile", u->key_file);
    add_option(&b, &sep, "sni", u->server_name);
    add_option(&b, &sep, "ssl_ciphers", u->ciphers);
    add_option(&b, &sep, "ssl_ciphersuites", u->cipher_suites);
    add_option(&b, &sep, "ssl_cert_reqs", u->tls_insecure ? "none" : NULL);
    add_option(&b, &sep, "ssl_check_hostname", u->tls_any_name ? "false" : NULL);
    buf_add_char(&b, '\0');
    return buf_take(&b, &len);
}

enum sorrel_rc
sorrel_url_with_sentinels(const struct sorrel_url *service, const char *hosts, uint16_t default_port,
                          struct sorrel_url *out, struct sorrel_error *err)
{
    struct sorrel_url u;
    struct sorrel_address *addresses;
    size_t count;

    if (service->transport != SORREL_TCP || service->host == NULL)
        return error__set(err, SORREL_ERR_USAGE, 0, "URL: a service URL has the form redis://user:password@service/db");
    enum sorrel_rc rc = sorrel_addresses_parse(hosts, default_port, &addresses, &count, err);
    if (rc != SORREL_OK)
        return rc;
    sorrel_url_copy(service, &u);
    u.transport = SORREL_SENTINEL;
    u.service = u.host;
    u.host = NULL;
    u.sentinels = addresses;
    u.sentinel_count = count;
    *out = u;
    return SORREL_OK;
}
