/* net/tls.h - TLS over a socket, as a transport, with OpenSSL.
 *
 * A context is made once from files and settings and shared by its connections; replacing it leaves those that are
 * there alone, since each keeps what it was begun with. The handshake happens inside the transport's reads, without
 * blocking; how long a peer may take for it is the owner's business.
 *
 * Threads: one owner at a time.
 */
#ifndef SORREL_NET_TLS_H
#define SORREL_NET_TLS_H

#include "base/buf.h"
#include "net/transport.h"

enum tls_peers { TLS_PEERS_ANY, TLS_PEERS_CERTIFIED, TLS_PEERS_OPTIONAL };

/* Texts are NUL-terminated; "" is "not given". */
struct tls_settings {
    const char *cert_file, *key_file;
    struct slice key_pass;
    const char *ca_file, *ca_dir;
    const char *dh_file;
    struct slice protocols; /* "TLSv1.2 TLSv1.3"; empty: these two */
    const char *ciphers;    /* up to TLS 1.2 */
    const char *suites;     /* TLS 1.3 */
    enum tls_peers peers;   /* what is asked of those who connect to us */
    bool prefer_own_ciphers;
    bool caching;
    int64_t cache_size, cache_timeout_s;
};

struct tls_context;
/* NULL with a reason. */
struct tls_context *tls_context_server(const struct tls_settings *t, struct buf *why);
struct tls_context *tls_context_client(const struct tls_settings *t, struct buf *why);
void tls_context_free(struct tls_context *ctx); /* NULL is fine */

/* Both take over the descriptor, which must be non-blocking; when they fail (false) it is closed. */
bool tls_accept(struct tls_context *ctx, int fd, struct transport *out);
/* The peer's certificate must be good for `host` (a name or an address) unless that is NULL. */
bool tls_connect(struct tls_context *ctx, int fd, const char *host, struct transport *out);

/* Called once, from inside a read, when the handshake is done. It may not close the connection. */
typedef void tls_established_fn(void *owner, struct transport io);
void tls_on_established(struct transport io, tls_established_fn *fn, void *owner);

bool transport_is_tls(struct transport io);
/* False for a transport of another kind. */
bool tls_handshaking(struct transport io);
/* Adds the common name of the peer's certificate. It may hold any byte. False when the peer has shown none that was
 * verified, or when the certificate has no name, or several. */
bool tls_peer_name(struct transport io, struct buf *out);

#endif
