/* client/url.c - reading the URL forms of sorrel/url.h.
 *
 * The text is taken apart from the outside in: scheme, query, credentials (up to the last '@'), hosts, path. Error
 * texts name the part but never repeat it: in a URL that was typed wrongly, any part may turn out to be the password.
 */
#include "base/mem.h"
#include "base/number.h"
#include "client/error_priv.h"
#include "client/url_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { PORT_REDIS = 6379, PORT_SENTINEL = 26379, DB_MAX = INT32_MAX, SECONDS_MAX = 1000000 };

#define FAIL(err, ...) error__set(err, SORREL_ERR_USAGE, 0, "URL: " __VA_ARGS__)

char *
url__dup(struct slice s)
{
    char *p = mem_get(s.len + 1);

    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return p;
}

/* Decodes %XX; a '%' without two hex digits stands for itself. NULL if a NUL byte would come of it. */
static char *
percent_decoded(struct slice s)
{
    char *out = mem_get(s.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '%' && i + 2 < s.len && hex_digit(s.ptr[i + 1]) >= 0 && hex_digit(s.ptr[i + 2]) >= 0) {
            c = (char)(hex_digit(s.ptr[i + 1]) * 16 + hex_digit(s.ptr[i + 2]));
            i += 2;
        }
        if (c == '\0') {
            mem_free(out);
            return NULL;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return out;
}

/* Replaces *field by the decoded text; an empty one becomes NULL. */
static enum sorrel_rc
set_decoded(char **field, struct slice s, const char *part, struct sorrel_error *err)
{
    char *text = NULL;

    if (s.len > 0) {
        text = percent_decoded(s);
        if (text == NULL)
            return FAIL(err, "the %s contains a NUL byte", part);
    }
    mem_free(*field);
    *field = text;
    return SORREL_OK;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static const struct scheme {
    struct slice name;
    enum sorrel_transport transport;
    bool tls;
} schemes[] = {
    {LIT_INIT("redis"), SORREL_TCP, false},
    {LIT_INIT("valkey"), SORREL_TCP, false},
    {LIT_INIT("rediss"), SORREL_TCP, true},
    {LIT_INIT("valkeys"), SORREL_TCP, true},
    {LIT_INIT("unix"), SORREL_UNIX, false},
    {LIT_INIT("redis+unix"), SORREL_UNIX, false},
    {LIT_INIT("valkey+unix"), SORREL_UNIX, false},
    {LIT_INIT("redis+sentinel"), SORREL_SENTINEL, false},
    {LIT_INIT("valkey+sentinel"), SORREL_SENTINEL, false},
    {LIT_INIT("rediss+sentinel"), SORREL_SENTINEL, true},
};

static const struct scheme *
find_scheme(struct slice text, size_t *after)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct slice name = schemes[i].name;
        if (slice_starts_nocase(text, name) && slice_starts(slice_skip(text, name.len), LIT("://"))) {
            *after = name.len + 3;
            return &schemes[i];
        }
    }
    return NULL;
}

static struct slice
before(struct slice s, const char *at)
{
    return slice_of(s.ptr, (size_t)(at - s.ptr));
}

static struct slice
after(struct slice s, const char *at)
{
    return slice_skip(s, (size_t)(at - s.ptr) + 1);
}

/* Takes "user:password@" off the front of *rest. */
static enum sorrel_rc
take_credentials(struct sorrel_url *u, struct slice *rest, struct sorrel_error *err)
{
    const char *at = rest->len > 0 ? memrchr(rest->ptr, '@', rest->len) : NULL;

    /* A path may have an '@' of its own (/run/user@1000/x), so for sockets the '@' that ends the password is the last
     * one with a path right after it, and a text that starts with the path has no credentials. */
    if (u->transport == SORREL_UNIX) {
        if (rest->len > 0 && rest->ptr[0] == '/')
            return SORREL_OK;
        while (at != NULL && !(at + 1 < rest->ptr + rest->len && at[1] == '/'))
            at = at > rest->ptr ? memrchr(rest->ptr, '@', (size_t)(at - rest->ptr)) : NULL;
    }
    if (at == NULL)
        return SORREL_OK;
    struct slice info = before(*rest, at);
    *rest = after(*rest, at);
    const char *colon = info.len > 0 ? memchr(info.ptr, ':', info.len) : NULL;
    enum sorrel_rc rc = set_decoded(&u->username, colon == NULL ? info : before(info, colon), "user name", err);
    if (rc == SORREL_OK && colon != NULL)
        rc = set_decoded(&u->password, after(info, colon), "password", err);
    return rc;
}

static enum sorrel_rc
parse_db(struct slice s, struct sorrel_url *u, struct sorrel_error *err)
{
    uint64_t db;

    if (!parse_uint64(s, &db) || db > DB_MAX)
        return FAIL(err, "the database is not a number from 0 to %d", DB_MAX);
    u->db = (int)db;
    u->db_given = true;
    return SORREL_OK;
}

static bool
host_char_ok(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && strchr("/?#@[]\\\"'<>", c) == NULL;
}

/* "host", "host:port", "[v6]", "[v6]:port". *port is left alone when the text has none. */
static enum sorrel_rc
parse_host(struct slice s, struct slice *host, uint16_t *port, struct sorrel_error *err)
{
    struct slice port_text = LIT("");
    bool has_port = false;

    if (s.len > 0 && s.ptr[0] == '[') {
        const char *close = memchr(s.ptr, ']', s.len);
        if (close == NULL)
            return FAIL(err, "an IPv6 address without its closing bracket");
        *host = slice_skip(before(s, close), 1);
        struct slice tail = after(s, close);
        if (tail.len > 0 && tail.ptr[0] != ':')
            return FAIL(err, "only a port may follow the bracket of an IPv6 address");
        has_port = tail.len > 0;
        port_text = slice_skip(tail, 1);
    } else {
        const char *colon = s.len > 0 ? memchr(s.ptr, ':', s.len) : NULL;
        *host = colon == NULL ? s : before(s, colon);
        has_port = colon != NULL;
        if (has_port)
            port_text = after(s, colon);
        if (memchr(port_text.ptr, ':', port_text.len) != NULL)
            return FAIL(err, "several colons in the host; an IPv6 address goes in brackets");
    }
    for (size_t i = 0; i < host->len; i++)
        if (!host_char_ok(host->ptr[i]))
            return FAIL(err, "the host contains a character that no host name has");
    uint64_t n;
    if (has_port && port_text.len > 0) {
        if (!parse_uint64(port_text, &n) || n == 0 || n > 65535)
            return FAIL(err, "the port is not a number from 1 to 65535");
        *port = (uint16_t)n;
    }
    return SORREL_OK;
}

static struct slice
trimmed(struct slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_skip(s, 1);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

enum sorrel_rc
url__addresses(struct slice list, uint16_t default_port, struct sorrel_address **out, size_t *count,
               struct sorrel_error *err)
{
    size_t n = 0, cap = 1;

    for (size_t i = 0; i < list.len; i++)
        cap += list.ptr[i] == ',';
    struct sorrel_address *a = mem_get_array(cap, sizeof(*a));
    for (struct slice rest = list;;) {
        const char *comma = rest.len > 0 ? memchr(rest.ptr, ',', rest.len) : NULL;
        struct slice host = LIT(""), item = trimmed(comma == NULL ? rest : before(rest, comma));
        uint16_t port = default_port;
        enum sorrel_rc rc = parse_host(item, &host, &port, err);
        if (rc == SORREL_OK && host.len == 0)
            rc = FAIL(err, "a host is missing in the list of hosts (number %zu)", n + 1);
        if (rc != SORREL_OK) {
            sorrel_addresses_free(a, n);
            return rc;
        }
        a[n++] = (struct sorrel_address){url__dup(host), port};
        if (comma == NULL)
            break;
        rest = after(rest, comma);
    }
    *out = a;
    *count = n;
    return SORREL_OK;
}

enum sorrel_rc
sorrel_addresses_parse(const char *list, uint16_t default_port, struct sorrel_address **out, size_t *count,
                       struct sorrel_error *err)
{
    return url__addresses(list != NULL ? slice_cstr(list) : LIT(""), default_port != 0 ? default_port : PORT_SENTINEL,
                          out, count, err);
}

void
sorrel_addresses_free(struct sorrel_address *a, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free(a[i].host);
    mem_free(a);
}

/* ---- the part after '?' ------------------------------------------------------------------------------------------ */

static bool
option_number(const char *value, uint64_t max, int *out)
{
    uint64_t n;

    if (!parse_uint64(slice_cstr(value), &n) || n > max)
        return false;
    *out = (int)n;
    return true;
}

static bool
option_seconds(const char *value, int *ms)
{
    double s;

    if (!parse_double(slice_cstr(value), &s) || !(s >= 0) || s > SECONDS_MAX)
        return false;
    *ms = s > 0 && s < 0.001 ? 1 : (int)(s * 1000 + 0.5);
    return true;
}

static bool
option_text(char **field, const char *value)
{
    mem_free(*field);
    *field = url__dup(slice_cstr(value));
    return value[0] != '\0';
}

/* clang-format off */
enum option {
    OPT_DB, OPT_PROTOCOL, OPT_TIMEOUT, OPT_CONNECT_TIMEOUT, OPT_USERNAME, OPT_PASSWORD,
    OPT_SENTINEL_USERNAME, OPT_SENTINEL_PASSWORD, OPT_CLIENT_NAME,
    OPT_MAX_CONNECTIONS, OPT_HEALTH, OPT_CA, OPT_CA_DIR, OPT_CIPHERS, OPT_SUITES, OPT_CERT, OPT_KEY, OPT_CERT_REQS, OPT_CHECK_NAME, OPT_SNI, OPT_IGNORED,
};
/* clang-format on */

static const struct {
    struct slice name;
    enum option option;
} options[] = {
    {LIT_INIT("db"), OPT_DB},
    {LIT_INIT("protocol"), OPT_PROTOCOL},
    {LIT_INIT("resp"), OPT_PROTOCOL},
    {LIT_INIT("socket_timeout"), OPT_TIMEOUT},
    {LIT_INIT("timeout"), OPT_TIMEOUT},
    {LIT_INIT("socket_connect_timeout"), OPT_CONNECT_TIMEOUT},
    {LIT_INIT("connect_timeout"), OPT_CONNECT_TIMEOUT},
    {LIT_INIT("username"), OPT_USERNAME},
    {LIT_INIT("password"), OPT_PASSWORD},
    {LIT_INIT("sentinel_username"), OPT_SENTINEL_USERNAME},
    {LIT_INIT("sentinel_password"), OPT_SENTINEL_PASSWORD},
    {LIT_INIT("client_name"), OPT_CLIENT_NAME},
    {LIT_INIT("max_connections"), OPT_MAX_CONNECTIONS},
    {LIT_INIT("health_check_interval"), OPT_HEALTH},
    {LIT_INIT("ssl_ca_certs"), OPT_CA},
    {LIT_INIT("cacert"), OPT_CA},
    {LIT_INIT("ssl_ca_path"), OPT_CA_DIR},
    {LIT_INIT("ssl_ciphers"), OPT_CIPHERS},
    {LIT_INIT("ssl_ciphersuites"), OPT_SUITES},
    {LIT_INIT("ssl_certfile"), OPT_CERT},
    {LIT_INIT("cert"), OPT_CERT},
    {LIT_INIT("ssl_keyfile"), OPT_KEY},
    {LIT_INIT("key"), OPT_KEY},
    {LIT_INIT("ssl_cert_reqs"), OPT_CERT_REQS},
    {LIT_INIT("ssl_check_hostname"), OPT_CHECK_NAME},
    {LIT_INIT("sni"), OPT_SNI},
    {LIT_INIT("decode_responses"), OPT_IGNORED},
    {LIT_INIT("encoding"), OPT_IGNORED},
    {LIT_INIT("retry_on_timeout"), OPT_IGNORED},
};

static bool
apply_option(struct sorrel_url *u, enum option option, const char *value)
{
    struct slice v = slice_cstr(value);

    switch (option) {
    case OPT_DB: return parse_db(v, u, NULL) == SORREL_OK;
    case OPT_PROTOCOL: return option_number(value, 3, &u->protocol) && u->protocol >= 2;
    case OPT_TIMEOUT: return option_seconds(value, &u->socket_timeout_ms);
    case OPT_CONNECT_TIMEOUT: return option_seconds(value, &u->connect_timeout_ms);
    case OPT_USERNAME: return option_text(&u->username, value);
    case OPT_PASSWORD: return option_text(&u->password, value);
    case OPT_SENTINEL_USERNAME: return option_text(&u->sentinel_username, value);
    case OPT_SENTINEL_PASSWORD: return option_text(&u->sentinel_password, value);
    case OPT_CLIENT_NAME: return option_text(&u->client_name, value);
    case OPT_MAX_CONNECTIONS: return option_number(value, INT32_MAX, &u->max_connections) && u->max_connections > 0;
    case OPT_HEALTH: return option_seconds(value, &u->health_check_ms);
    case OPT_CA: return option_text(&u->ca_file, value);
    case OPT_CA_DIR: return option_text(&u->ca_dir, value);
    case OPT_CIPHERS: return option_text(&u->ciphers, value);
    case OPT_SUITES: return option_text(&u->cipher_suites, value);
    case OPT_CERT: return option_text(&u->cert_file, value);
    case OPT_KEY: return option_text(&u->key_file, value);
    case OPT_SNI: return option_text(&u->server_name, value);
    case OPT_CERT_REQS:
        u->tls_insecure = slice_eq_nocase(v, LIT("none"));
        return u->tls_insecure || slice_eq_nocase(v, LIT("required"));
    case OPT_CHECK_NAME:
        u->tls_any_name = slice_eq_nocase(v, LIT("false")) || slice_eq_nocase(v, LIT("no")) || slice_eq(v, LIT("0"));
        return u->tls_any_name || slice_eq_nocase(v, LIT("true")) || slice_eq_nocase(v, LIT("yes")) ||
               slice_eq(v, LIT("1"));
    case OPT_IGNORED: return true;
    }
    return false;
}

static enum sorrel_rc
parse_option(struct sorrel_url *u, struct slice item, size_t number, struct sorrel_error *err)
{
    const char *eq = memchr(item.ptr, '=', item.len);

    if (eq == NULL)
        return FAIL(err, "option number %zu has no '='", number);
    struct slice name = before(item, eq);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (!slice_eq(name, options[i].name))
            continue;
        char *value = percent_decoded(after(item, eq));
        bool ok = value != NULL && apply_option(u, options[i].option, value);
        mem_free(value);
        return ok ? SORREL_OK : FAIL(err, "the value of option '%s' is not valid", options[i].name.ptr);
    }
    return FAIL(err, "option number %zu is not known", number);
}

static enum sorrel_rc
parse_query(struct sorrel_url *u, struct slice query, struct sorrel_error *err)
{
    size_t number = 0;

    while (query.len > 0) {
        const char *amp = memchr(query.ptr, '&', query.len);
        struct slice item = amp == NULL ? query : before(query, amp);
        number++;
        if (item.len > 0) {
            enum sorrel_rc rc = parse_option(u, item, number, err);
            if (rc != SORREL_OK)
                return rc;
        }
        query = amp == NULL ? slice_of("", 0) : after(query, amp);
    }
    return SORREL_OK;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* "service", "service/db" or "db/service". Of two numbers the first is the database. */
static enum sorrel_rc
parse_service_path(struct sorrel_url *u, struct slice path, struct sorrel_error *err)
{
    const char *slash = memchr(path.ptr, '/', path.len);
    struct slice first = slash == NULL ? path : before(path, slash);
    struct slice second = slash == NULL ? slice_of("", 0) : after(path, slash);
    uint64_t n;

    if (slash != NULL && memchr(second.ptr, '/', second.len) != NULL)
        return FAIL(err, "more than a service and a database in the path");
    if (second.len > 0 && parse_uint64(first, &n)) {
        struct slice tmp = first;
        first = second;
        second = tmp;
    }
    if (first.len == 0)
        return FAIL(err, "the name of the Sentinel service is missing");
    if (second.len > 0) {
        enum sorrel_rc rc = parse_db(second, u, err);
        if (rc != SORREL_OK)
            return rc;
    }
    return set_decoded(&u->service, first, "service name", err);
}

static enum sorrel_rc
parse_network(struct sorrel_url *u, struct slice rest, struct sorrel_error *err)
{
    const char *slash = rest.len > 0 ? memchr(rest.ptr, '/', rest.len) : NULL;
    struct slice hosts = slash == NULL ? rest : before(rest, slash);
    struct slice path = slash == NULL ? slice_of("", 0) : after(rest, slash);
    enum sorrel_rc rc;

    if (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (u->transport == SORREL_SENTINEL) {
        rc = url__addresses(hosts, PORT_SENTINEL, &u->sentinels, &u->sentinel_count, err);
        return rc == SORREL_OK ? parse_service_path(u, path, err) : rc;
    }
    struct slice host = LIT("");
    u->port = PORT_REDIS;
    rc = parse_host(hosts, &host, &u->port, err);
    if (rc != SORREL_OK)
        return rc;
    /* "redis://:port" and "redis:///db" mean this machine; "user:password@" and nothing is a mistake. */
    if (host.len == 0 && (u->username != NULL || u->password != NULL))
        return FAIL(err, "the host is missing");
    u->host = url__dup(host.len == 0 ? LIT("127.0.0.1") : host);
    return path.len > 0 ? parse_db(path, u, err) : SORREL_OK;
}

static enum sorrel_rc
parse_into(struct slice text, struct sorrel_url *u, struct sorrel_error *err)
{
    size_t skip;
    const struct scheme *scheme = find_scheme(text, &skip);

    if (scheme == NULL)
        return FAIL(err, "the scheme is none of redis, rediss, valkey, valkeys, unix, redis+unix, redis+sentinel");
    u->transport = scheme->transport;
    u->tls = scheme->tls;
    struct slice rest = slice_skip(text, skip), query = slice_of("", 0);
    const char *mark = rest.len > 0 ? memchr(rest.ptr, '?', rest.len) : NULL;
    if (mark != NULL) {
        query = after(rest, mark);
        rest = before(rest, mark);
    }
    /* First of all, because everything before the '?' would be misunderstood. */
    if (query.len > 0 && memchr(query.ptr, '@', query.len) != NULL)
        return FAIL(err, "an '@' after the '?' (a '?' in a password is written %%3F, an '@' in an option %%40)");
    enum sorrel_rc rc = take_credentials(u, &rest, err);
    if (rc != SORREL_OK)
        return rc;
    if (u->transport == SORREL_UNIX) {
        if (rest.len < 2 || rest.ptr[0] != '/')
            return FAIL(err, "the path of the Unix socket is missing or not absolute");
        rc = set_decoded(&u->path, rest, "path", err);
    } else {
        rc = parse_network(u, rest, err);
    }
    return rc == SORREL_OK ? parse_query(u, query, err) : rc;
}

enum sorrel_rc
sorrel_url_parse(const char *text, struct sorrel_url *out, struct sorrel_error *err)
{
    struct sorrel_url u = {0};

    if (text == NULL) /* more often than not a variable of the environment that is not set */
        return FAIL(err, "there is none");
    enum sorrel_rc rc = parse_into(slice_cstr(text), &u, err);
    if (rc != SORREL_OK) {
        sorrel_url_fini(&u);
        return rc;
    }
    *out = u;
    return SORREL_OK;
}
