/* sorrel/url.h - where a server is and how to log in to it, as one line of text.
 *
 *   redis://[user[:password]@]host[:port][/db][?option=value&...]     also valkey://
 *   rediss://...                                                      the same over TLS; also valkeys://
 *   unix://[user:password@]/path/to/socket[?db=n&...]                 also redis+unix://
 *   redis+sentinel://[user:password@]host[:port],host[:port].../db/service   also .../service/db, .../service
 *                                                                     rediss+sentinel:// with TLS
 *
 * A name with no ':' behind it ("redis://secret@host") is taken for the password of the default user.
 * Ports are 6379 (26379 for Sentinels) and the database 0 unless given. IPv6 addresses stand in brackets.
 * User and password may be percent-encoded. Passwords pasted in as they are work too: the last '@' before the host ends
 * them, so '/', '+', '=', ':' and '@' mean themselves, and so does a '%' that two hex digits do not follow. Only '?'
 * has to be written as %3F.
 *
 * Options: db; protocol or resp (2 or 3); socket_timeout or timeout and socket_connect_timeout (seconds, fractions are
 * fine); username; password; sentinel_username and sentinel_password (for the Sentinels themselves); client_name;
 * max_connections; health_check_interval (seconds); for TLS ssl_ca_certs (or cacert), ssl_ca_path, ssl_certfile (cert),
 * ssl_keyfile (key), ssl_cert_reqs (none or required), ssl_check_hostname (true or false), ssl_ciphers,
 * ssl_ciphersuites, sni. decode_responses, encoding and retry_on_timeout, which redis-py's users have in their URLs,
 * are accepted and mean nothing here.
 *
 * No function here talks to a server. All are thread-safe as long as no two threads use one struct.
 */
#ifndef SORREL_URL_H
#define SORREL_URL_H

#include "sorrel/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sorrel_transport {
    SORREL_TCP = 0,
    SORREL_UNIX,
    SORREL_SENTINEL, /* ask the Sentinels where the master of `service` is */
};

struct sorrel_address {
    char *host; /* name or address, without brackets */
    uint16_t port;
};

/* All-zero means 127.0.0.1:6379, database 0. Strings are owned by the struct once sorrel_url_parse() has filled it;
 * who fills one by hand keeps owning what it points to and does not call sorrel_url_fini(). */
struct sorrel_url {
    enum sorrel_transport transport;
    bool tls;
    char *username; /* NULL: none */
    char *password; /* NULL: none */
    char *host;     /* TCP; NULL is 127.0.0.1 */
    uint16_t port;  /* TCP; 0 is 6379 */
    char *path;     /* Unix */
    char *service;  /* Sentinel: the name of the master */
    struct sorrel_address *sentinels;
    size_t sentinel_count;
    char *sentinel_username, *sentinel_password; /* for the Sentinels themselves; NULL: none */
    int db;
    bool db_given;          /* the text names a database */
    int protocol;           /* 2 or 3; 0: not said */
    int connect_timeout_ms; /* 0: the system's own */
    int socket_timeout_ms;  /* 0: none */
    int max_connections;    /* 0: not said */
    int health_check_ms;    /* 0: never */
    char *client_name;
    char *ca_file, *ca_dir, *cert_file, *key_file, *server_name;
    char *ciphers, *cipher_suites; /* OpenSSL's lists for TLS 1.2 and for TLS 1.3 */
    bool tls_insecure;             /* do not check the server's certificate */
    bool tls_any_name;             /* check who signed it, but not for which name */
    uint64_t reserved[4];
};

/* Fills *out from `text`; NULL is no URL. On failure *out is untouched and err (NULL is fine) names the part at fault.
 * Returns SORREL_OK or SORREL_ERR_USAGE. The caller calls sorrel_url_fini(). */
SORREL_API enum sorrel_rc sorrel_url_parse(const char *text, struct sorrel_url *out, struct sorrel_error *err);
/* Frees what sorrel_url_parse() or sorrel_url_copy() allocated and leaves it all-zero. */
SORREL_API void sorrel_url_fini(struct sorrel_url *u);
/* Makes *out an independent copy. */
SORREL_API void sorrel_url_copy(const struct sorrel_url *u, struct sorrel_url *out);

/* Writes u as a URL that sorrel_url_parse() reads back, Sentinel URLs as .../db/service. With `secrets` false the
 * password (or a name alone, which is one) becomes "***". The caller frees the string with sorrel_free(). */
SORREL_API char *sorrel_url_format(const struct sorrel_url *u, bool secrets);

/* A comma-separated list of hosts, each with or without a port of its own; blanks around them are dropped, empty ones
 * refused. *out and *count are set on success; free with sorrel_addresses_free(). */
SORREL_API enum sorrel_rc sorrel_addresses_parse(const char *list, uint16_t default_port, struct sorrel_address **out,
                                                 size_t *count, struct sorrel_error *err);
/* Frees a list of addresses that the library handed out. NULL and 0 are fine. */
SORREL_API void sorrel_addresses_free(struct sorrel_address *a, size_t count);

/* Makes a Sentinel URL of a service URL ("redis://user:password@service:port/db", whose host is the service's name) and
 * a list of Sentinel hosts. */
SORREL_API enum sorrel_rc sorrel_url_with_sentinels(const struct sorrel_url *service, const char *hosts,
                                                    uint16_t default_port, struct sorrel_url *out,
                                                    struct sorrel_error *err);

/* Frees strings that the library handed out. NULL is fine. Thread-safe. */
SORREL_API void sorrel_free(void *p);
/* Memory that sorrel_free() frees, for callbacks that hand some to the library: n bytes and a NUL behind them, never
 * NULL. Thread-safe. */
SORREL_API char *sorrel_alloc(size_t n);

#ifdef __cplusplus
}
#endif

#endif
