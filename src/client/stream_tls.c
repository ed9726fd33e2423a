/* client/stream_tls.c - TLS for streams, with OpenSSL.
 *
 * The descriptor never blocks, so that one deadline holds for a read or write however many records it takes. OpenSSL
 * gets to the socket through a BIO of ours, because its own raises SIGPIPE. Nothing here is shared between connections.
 */
#include "client/stream_priv.h"

#include "base/mem.h"
#include "client/error_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct tls_state {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO_METHOD *method;
    short read_wants, write_wants; /* what the last read or write that could not go on waits for */
    bool broken;
    char reason[200]; /* "" when the system has the words */
};

/* ---- the socket as OpenSSL sees it ------------------------------------------------------------------------------- */

static int
socket_read(BIO *b, char *to, size_t cap, size_t *got)
{
    const struct stream *s = BIO_get_data(b);
    ssize_t n;

    BIO_clear_retry_flags(b);
    do
        n = recv(s->fd, to, cap, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        BIO_set_retry_read(b);
    *got = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static int
socket_write(BIO *b, const char *from, size_t len, size_t *sent)
{
    const struct stream *s = BIO_get_data(b);
    ssize_t n;

    BIO_clear_retry_flags(b);
    do
        n = send(s->fd, from, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        BIO_set_retry_write(b);
    *sent = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static long
socket_control(BIO *b, int what, long n, void *arg)
{
    (void)b, (void)n, (void)arg;
    return what == BIO_CTRL_FLUSH;
}

static bool
attach_socket(struct stream *s)
{
    struct tls_state *t = s->tls;

    t->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "socket without signals");
    if (t->method == NULL || !BIO_meth_set_read_ex(t->method, socket_read) ||
        !BIO_meth_set_write_ex(t->method, socket_write) || !BIO_meth_set_ctrl(t->method, socket_control))
        return false;
    BIO *b = BIO_new(t->method);
    if (b == NULL)
        return false;
    BIO_set_data(b, s);
    BIO_set_init(b, 1);
    SSL_set_bio(t->ssl, b, b);
    return true;
}

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static enum sorrel_rc
unusable(struct sorrel_error *err, const char *what, const char *path)
{
    unsigned long code = ERR_peek_last_error();
    const char *why = code != 0 ? ERR_reason_error_string(code) : NULL;
    int e = errno;

    ERR_clear_error();
    if (why == NULL)
        why = e != 0 ? strerror(e) : "unknown reason";
    return error__set(err, SORREL_ERR_CONNECT, 0, "can't use the %s%s%s: %s", what, path[0] != '\0' ? " " : "", path,
                      why);
}

/* An encrypted key is refused rather than asked for on whatever terminal the program has. */
static int
no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing, (void)arg;
    return -1;
}

static enum sorrel_rc
configure(SSL_CTX *ctx, const struct sorrel_url *u, struct sorrel_error *err)
{
    const char *key = u->key_file != NULL ? u->key_file : u->cert_file; /* one file may hold both */

    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_verify(ctx, u->tls_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (u->ciphers != NULL && SSL_CTX_set_cipher_list(ctx, u->ciphers) != 1)
        return unusable(err, "ciphers", u->ciphers);
    if (u->cipher_suites != NULL && SSL_CTX_set_ciphersuites(ctx, u->cipher_suites) != 1)
        return unusable(err, "cipher suites", u->cipher_suites);
    if (u->ca_file != NULL || u->ca_dir != NULL) {
        if (SSL_CTX_load_verify_locations(ctx, u->ca_file, u->ca_dir) != 1)
            return unusable(err, "CA certificates of", u->ca_file != NULL ? u->ca_file : u->ca_dir);
    } else if (!u->tls_insecure && SSL_CTX_set_default_verify_paths(ctx) != 1) {
        return unusable(err, "system's CA certificates", "");
    }
    if (key == NULL)
        return SORREL_OK;
    if (SSL_CTX_use_certificate_chain_file(ctx, u->cert_file != NULL ? u->cert_file : key) != 1)
        return unusable(err, "certificate", u->cert_file != NULL ? u->cert_file : key);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return unusable(err, "private key", key);
    return SORREL_OK;
}

static bool
is_address(const char *host)
{
    unsigned char address[16];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* The name that the certificate must be for, and that a server with several certificates chooses by. */
static bool
expect_name(SSL *ssl, const struct sorrel_url *u)
{
    const char *host = u->server_name != NULL ? u->server_name : u->host != NULL ? u->host : "127.0.0.1";
    bool check = !u->tls_insecure && !u->tls_any_name && (u->transport == SORREL_TCP || u->server_name != NULL);

    if (is_address(host))
        return !check || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    if ((u->transport == SORREL_TCP || u->server_name != NULL) && SSL_set_tlsext_host_name(ssl, host) != 1)
        return false;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return !check || SSL_set1_host(ssl, host) == 1;
}

enum sorrel_rc
tls__begin(struct stream *s, const struct sorrel_url *u, struct sorrel_error *err)
{
    struct tls_state *t = s->tls = mem_get_zero(sizeof(*t));

    ERR_clear_error();
    errno = 0;
    int flags = fcntl(s->fd, F_GETFL);
    if (flags < 0 || fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return error__set(err, SORREL_ERR_CONNECT, errno, "%m");
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (t->ctx == NULL)
        return unusable(err, "TLS library", "");
    enum sorrel_rc rc = configure(t->ctx, u, err);
    if (rc != SORREL_OK)
        return rc;
    t->ssl = SSL_new(t->ctx);
    if (t->ssl == NULL || !attach_socket(s))
        return unusable(err, "TLS library", "");
    if (!expect_name(t->ssl, u))
        return unusable(err, "name of the server", u->server_name != NULL ? u->server_name : u->host);
    SSL_set_connect_state(t->ssl);
    t->read_wants = t->write_wants = POLLOUT;
    return SORREL_OK;
}

void
tls__end(struct stream *s, bool polite)
{
    struct tls_state *t = s->tls;

    if (t == NULL)
        return;
    ERR_clear_error();
    if (polite && t->ssl != NULL && !t->broken && SSL_is_init_finished(t->ssl))
        (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    BIO_meth_free(t->method);
    mem_free(t);
    s->tls = NULL;
}

/* ---- going on ---------------------------------------------------------------------------------------------------- */

/* Puts into words what OpenSSL has to say. */
static void
note_reason(struct tls_state *t)
{
    long verified = SSL_get_verify_result(t->ssl);
    unsigned long code = ERR_peek_last_error();
    const char *why = code != 0 ? ERR_reason_error_string(code) : NULL;

    t->reason[0] = '\0';
    if (verified != X509_V_OK && !SSL_is_init_finished(t->ssl) && SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE)
        snprintf(t->reason, sizeof(t->reason), "the server's certificate is refused: %s",
                 X509_verify_cert_error_string(verified));
    else if (why != NULL)
        snprintf(t->reason, sizeof(t->reason), "TLS: %s", why);
    ERR_clear_error();
}

/* After a call that gave `got` <= 0: 0 at the end of the stream; -1 with errno, EAGAIN when *wants says for what. */
static ssize_t
not_yet(struct stream *s, int got, short *wants)
{
    struct tls_state *t = s->tls;
    int e = errno, why = SSL_get_error(t->ssl, got);

    switch (why) {
    case SSL_ERROR_WANT_READ: *wants = POLLIN; break;
    case SSL_ERROR_WANT_WRITE: *wants = POLLOUT; break;
    case SSL_ERROR_ZERO_RETURN: t->reason[0] = '\0'; return 0;
    default:
        t->broken = true;
        note_reason(t);
        errno = t->reason[0] != '\0' || e == 0 ? EPROTO : e;
        return -1;
    }
    errno = EAGAIN;
    return -1;
}

/* Waits until the socket is ready. False, errno EAGAIN, when the time is over. */
static bool
wait_for(const struct stream *s, short events, int64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = s->fd, .events = events};
        int64_t left = deadline < 0 ? -1 : deadline - stream__now_ms();
        int n = poll(&p, 1, left < 0 && deadline >= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left);
        if (n > 0)
            return true;
        if (n == 0 && (deadline < 0 || stream__now_ms() < deadline))
            continue;
        if (n < 0 && errno == EINTR)
            continue;
        errno = EAGAIN;
        return false;
    }
}

static int64_t
deadline_of(const struct stream *s, bool wait)
{
    return wait && s->timeout_ms > 0 ? stream__now_ms() + s->timeout_ms : -1;
}

enum sorrel_rc
tls__handshake(struct stream *s, int64_t deadline, struct sorrel_error *err)
{
    struct tls_state *t = s->tls;

    for (;;) {
        short wants = 0;
        ERR_clear_error();
        errno = 0;
        int got = SSL_do_handshake(t->ssl);
        if (got == 1) {
            t->read_wants = POLLIN;
            t->write_wants = POLLOUT;
            return SORREL_OK;
        }
        ssize_t rc = not_yet(s, got, &wants);
        if (rc == 0 || errno != EAGAIN) {
            int e = rc == 0 ? 0 : errno;
            return error__set(err, SORREL_ERR_CONNECT, e, "%s",
                              rc == 0 ? "the server closed the connection" : tls__reason(s, e));
        }
        if (!wait_for(s, wants, deadline))
            return error__set(err, SORREL_ERR_TIMEOUT, ETIMEDOUT, "the TLS handshake took too long");
    }
}

ssize_t
tls__read(struct stream *s, void *to, size_t cap, bool wait)
{
    struct tls_state *t = s->tls;
    int64_t deadline = -1;

    for (bool first = true;; first = false) {
        ERR_clear_error();
        errno = 0;
        int got = SSL_read(t->ssl, to, cap < INT_MAX ? (int)cap : INT_MAX);
        if (got > 0) {
            t->read_wants = POLLIN;
            return got;
        }
        ssize_t rc = not_yet(s, got, &t->read_wants);
        if (rc == 0 || errno != EAGAIN || !wait)
            return rc;
        if (first)
            deadline = deadline_of(s, wait);
        if (!wait_for(s, t->read_wants, deadline))
            return -1;
    }
}

ssize_t
tls__write(struct stream *s, const void *from, size_t len, bool wait)
{
    struct tls_state *t = s->tls;
    int64_t deadline = -1;

    for (bool first = true;; first = false) {
        ERR_clear_error();
        errno = 0;
        int got = SSL_write(t->ssl, from, len < INT_MAX ? (int)len : INT_MAX);
        if (got > 0) {
            t->write_wants = POLLOUT;
            return got;
        }
        ssize_t rc = not_yet(s, got, &t->write_wants);
        if (rc == 0) {
            errno = EPIPE;
            return -1;
        }
        if (errno != EAGAIN || !wait)
            return rc;
        if (first)
            deadline = deadline_of(s, wait);
        if (!wait_for(s, t->write_wants, deadline))
            return -1;
    }
}

short
tls__wants(const struct stream *s, bool writing)
{
    return (short)(s->tls->read_wants | (writing ? s->tls->write_wants : 0));
}

enum stream_state
tls__state(struct stream *s)
{
    struct tls_state *t = s->tls;
    char byte;

    ERR_clear_error();
    errno = 0;
    int got = SSL_peek(t->ssl, &byte, 1);
    if (got > 0)
        return STREAM_READABLE;
    return not_yet(s, got, &t->read_wants) < 0 && errno == EAGAIN ? STREAM_QUIET : STREAM_OVER;
}

const char *
tls__reason(struct stream *s, int e)
{
    const struct tls_state *t = s->tls;

    if (t->reason[0] != '\0')
        return t->reason;
    return e == EPROTO ? "the TLS connection broke" : strerror(e);
}
