/* server/tls.c - the tls-* directives, and handshakes that take too long. */
#include "base/log.h"
#include "engine/session.h"
#include "server/server.h"

enum { HANDSHAKE_MS_MAX = 10000 };

bool
server_tls_setting(enum config_id id)
{
    return id == CFG_TLS_CERT_FILE || id == CFG_TLS_KEY_FILE || id == CFG_TLS_CA_CERT_FILE ||
           id == CFG_TLS_CA_CERT_DIR || id == CFG_TLS_DH_PARAMS_FILE || id == CFG_TLS_CLIENT_CERT_FILE ||
           id == CFG_TLS_CLIENT_KEY_FILE;
}

/* Whether a directive about TLS has changed, and the first of them. */
static bool
concerns(const bool *changed, enum config_id *which)
{
    static const enum config_id others[] = {
        CFG_TLS_PORT,
        CFG_TLS_KEY_FILE_PASS,
        CFG_TLS_AUTH_CLIENTS,
        CFG_TLS_PROTOCOLS,
        CFG_TLS_CIPHERS,
        CFG_TLS_CIPHERSUITES,
        CFG_TLS_PREFER_SERVER_CIPHERS,
        CFG_TLS_SESSION_CACHING,
        CFG_TLS_SESSION_CACHE_SIZE,
        CFG_TLS_SESSION_CACHE_TIMEOUT,
        CFG_TLS_CLIENT_KEY_FILE_PASS,
    };

    for (int id = 0; id < CONFIG_COUNT; id++) {
        *which = (enum config_id)id;
        if (changed[id] && server_tls_setting(*which))
            return true;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        *which = others[i];
        if (changed[*which])
            return true;
    }
    return false;
}

static struct tls_settings
settings(const struct config *c)
{
    static const enum tls_peers peers[] = {TLS_PEERS_ANY, TLS_PEERS_CERTIFIED,
                                           TLS_PEERS_OPTIONAL}; /* no yes optional */

    return (struct tls_settings){
        .cert_file = config_text(c, CFG_TLS_CERT_FILE).ptr,
        .key_file = config_text(c, CFG_TLS_KEY_FILE).ptr,
        .key_pass = config_text(c, CFG_TLS_KEY_FILE_PASS),
        .ca_file = config_text(c, CFG_TLS_CA_CERT_FILE).ptr,
        .ca_dir = config_text(c, CFG_TLS_CA_CERT_DIR).ptr,
        .dh_file = config_text(c, CFG_TLS_DH_PARAMS_FILE).ptr,
        .protocols = config_text(c, CFG_TLS_PROTOCOLS),
        .ciphers = config_text(c, CFG_TLS_CIPHERS).ptr,
        .suites = config_text(c, CFG_TLS_CIPHERSUITES).ptr,
        .peers = peers[config_num(c, CFG_TLS_AUTH_CLIENTS)],
        .prefer_own_ciphers = config_on(c, CFG_TLS_PREFER_SERVER_CIPHERS),
        .caching = config_on(c, CFG_TLS_SESSION_CACHING),
        .cache_size = config_num(c, CFG_TLS_SESSION_CACHE_SIZE),
        .cache_timeout_s = config_num(c, CFG_TLS_SESSION_CACHE_TIMEOUT),
    };
}

/* Outgoing links show the server's own certificate unless they have another one. */
static struct tls_context *
client_context(const struct config *c, struct tls_settings t, struct buf *why)
{
    if (config_text(c, CFG_TLS_CLIENT_CERT_FILE).len > 0) {
        t.cert_file = config_text(c, CFG_TLS_CLIENT_CERT_FILE).ptr;
        t.key_file = config_text(c, CFG_TLS_CLIENT_KEY_FILE).ptr;
        t.key_pass = config_text(c, CFG_TLS_CLIENT_KEY_FILE_PASS);
    }
    return tls_context_client(&t, why);
}

struct tls_context *
server_tls_client(struct server *s, struct buf *why)
{
    return client_context(s->config, settings(s->config), why);
}

static bool
client_settings_are_good(const struct config *c, struct tls_settings t, struct buf *why)
{
    struct tls_context *client = client_context(c, t, why);

    tls_context_free(client);
    return client != NULL;
}

bool
server_tls_apply(struct server *s, const bool *changed, enum config_id *blamed, struct buf *why)
{
    struct tls_context *fresh = NULL;
    struct buf reason = {0};
    bool ok = true;

    if (changed != NULL && !concerns(changed, blamed))
        return true;
    if (config_num(s->config, CFG_TLS_PORT) != 0) {
        struct tls_settings t = settings(s->config);
        fresh = tls_context_server(&t, &reason);
        ok = fresh != NULL && client_settings_are_good(s->config, t, &reason);
    }
    if (ok) {
        tls_context_free(s->tls);
        s->tls = fresh;
    } else {
        tls_context_free(fresh);
        log_warning("Failed to configure TLS: %.*s", (int)reason.len, reason.ptr);
        if (changed != NULL)
            buf_add_slice(why, LIT("Unable to update TLS configuration. Check server logs."));
        else
            buf_printf(why, "Failed to configure TLS: %.*s", (int)reason.len, reason.ptr);
    }
    buf_fini(&reason);
    return ok;
}

void
server_tls_check(struct server *s)
{
    int64_t now = engine_now_ms(s->engine);
    struct session *next;

    if (s->handshakes == 0)
        return;
    for (struct session *session = session_first(s->engine); session != NULL; session = next) {
        struct conn *c = session_host_data(session);
        next = session_next(session);
        int64_t waited = now - session_opened_ms(session);
        /* Below 0 the clock was set back. */
        if (c != NULL && tls_handshaking(conn_transport(c)) && (waited > HANDSHAKE_MS_MAX || waited < 0))
            server_drop(s, session, "TLS handshake not done in time");
    }
}
