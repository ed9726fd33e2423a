/* net/tls.c - the transport: handshake, reading, writing. Contexts are made in tls_context.c.
 *
 * One read hands out all that OpenSSL holds, as far as there is room, and remembers when there was not enough: bytes
 * that were taken off the socket never wake the event loop. One write makes records as large as they may be out of
 * however many pieces.
 */
#include "net/tls_priv.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_MAX = 16384 };

struct tls {
    SSL *ssl;
    int fd;
    bool up;              /* the handshake is done */
    bool broken;          /* nothing may be sent any more, not even a farewell */
    bool more;            /* the last read filled all the room it had; OpenSSL may hold further bytes */
    bool read_wants_room; /* the last read could not go on without sending something */
    size_t retry;         /* length of the record that was begun and not sent */
    tls_established_fn *established;
    void *owner;
};

static const struct transport_ops tls_ops;

/* -- what went wrong ------------------------------------------------------------------------------------------- */

void
tls__reason(struct buf *why)
{
    char text[256];
    unsigned long code = ERR_peek_last_error();

    if (code == 0) {
        buf_printf(why, "%s", errno != 0 ? strerror(errno) : "no reason given");
        return;
    }
    ERR_error_string_n(code, text, sizeof(text));
    buf_printf(why, "%s", text);
    ERR_clear_error();
}

/* Translates into what a socket's call would have said. */
static ssize_t
failed(struct tls *t, int got, bool reading)
{
    int saved = errno;

    switch (SSL_get_error(t->ssl, got)) {
    case SSL_ERROR_WANT_READ: errno = EAGAIN; return -1;
    case SSL_ERROR_WANT_WRITE:
        t->read_wants_room |= reading;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_SYSCALL:
        t->broken = true;
        if (saved == EINTR || saved == EAGAIN || saved == 0) {
            errno = EPIPE;
            return reading ? 0 : -1;
        }
        errno = saved;
        return -1;
    default: break;
    }
    struct buf why = {0};
    tls__reason(&why);
    log_verbose("TLS %s: %.*s", t->up ? "connection broke" : "handshake failed", (int)why.len, why.ptr);
    buf_fini(&why);
    t->broken = true;
    errno = EPROTO;
    return -1;
}

/* -- the operations -------------------------------------------------------------------------------------------- */

static void
clear(struct tls *t)
{
    ERR_clear_error();
    errno = 0;
    t->read_wants_room = false;
}

/* 1: done. Otherwise what the read that it is part of returns. */
static ssize_t
shake_hands(struct tls *t)
{
    clear(t);
    int got = SSL_do_handshake(t->ssl);
    if (got != 1)
        return failed(t, got, true);
    t->up = true;
    if (t->established != NULL)
        t->established(t->owner, (struct transport){&tls_ops, t});
    return 1;
}

static ssize_t
tls_read(void *state, void *p, size_t n)
{
    struct tls *t = state;
    size_t sum = 0;

    t->more = false;
    if (UNLIKELY(!t->up)) {
        ssize_t done = shake_hands(t);
        if (done != 1)
            return done;
    }
    while (sum < n) {
        size_t left = n - sum;
        clear(t);
        int got = SSL_read(t->ssl, (char *)p + sum, left > INT32_MAX ? INT32_MAX : (int)left);
        if (got <= 0) {
            /* What has been read comes first; the end or the error is met again by the next read. */
            if (sum > 0) {
                t->more = SSL_get_error(t->ssl, got) != SSL_ERROR_WANT_READ;
                return (ssize_t)sum;
            }
            return failed(t, got, true);
        }
        sum += (size_t)got;
        if (!SSL_has_pending(t->ssl))
            return (ssize_t)sum;
    }
    t->more = true;
    return (ssize_t)sum;
}

/* The next `want` bytes of the vectors from *at on: in place if they are together, otherwise copied. */
static const char *
gather(const struct iovec *v, int n, size_t at, size_t want, char *copy)
{
    int i = 0;

    while (at >= v[i].iov_len)
        at -= v[i++].iov_len;
    if (v[i].iov_len - at >= want)
        return (const char *)v[i].iov_base + at;
    for (size_t have = 0; have < want && i < n; i++, at = 0) {
        size_t part = v[i].iov_len - at < want - have ? v[i].iov_len - at : want - have;
        memcpy(copy + have, (const char *)v[i].iov_base + at, part);
        have += part;
    }
    return copy;
}

static ssize_t
tls_writev(void *state, const struct iovec *v, int n)
{
    struct tls *t = state;
    char copy[RECORD_MAX];
    size_t total = 0, sum = 0;

    if (!t->up) {
        errno = EAGAIN;
        return -1;
    }
    for (int i = 0; i < n; i++)
        total += v[i].iov_len;
    while (sum < total) {
        /* A record that was begun must be finished with the same bytes. */
        size_t len = t->retry > 0 ? t->retry : total - sum < RECORD_MAX ? total - sum : RECORD_MAX;
        len = len < total - sum ? len : total - sum;
        ERR_clear_error();
        errno = 0;
        int got = SSL_write(t->ssl, gather(v, n, sum, len, copy), (int)len);
        if (got <= 0) {
            t->retry = len;
            if (sum > 0)
                return (ssize_t)sum;
            ssize_t rc = failed(t, got, false);
            if (rc == 0)
                errno = EPIPE;
            return -1;
        }
        t->retry = 0;
        sum += (size_t)got;
    }
    return (ssize_t)sum;
}

static void
tls_close(void *state)
{
    struct tls *t = state;

    ERR_clear_error();
    if (t->up && !t->broken && t->retry == 0)
        (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
    SSL_free(t->ssl);
    close(t->fd);
    mem_free(t);
}

static bool
tls_more(void *state)
{
    return ((const struct tls *)state)->more;
}

static unsigned
tls_waits_for(void *state)
{
    const struct tls *t = state;

    /* Before the handshake is done there is room and nothing that may be sent: it must not be watched for. */
    return (t->read_wants_room ? LOOP_WRITE : 0) | (t->up ? 0 : TRANSPORT_MUTE);
}

static const struct transport_ops tls_ops = {
    .read = tls_read, .writev = tls_writev, .close = tls_close, .more = tls_more, .waits_for = tls_waits_for};

/* -- beginning ------------------------------------------------------------------------------------------------- */

static bool
begin(struct tls_context *ctx, int fd, struct transport *out, struct tls **made)
{
    struct tls *t = mem_get_zero(sizeof(*t));

    ERR_clear_error();
    t->fd = fd;
    t->ssl = SSL_new(ctx->ssl);
    if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
        SSL_free(t->ssl);
        mem_free(t);
        close(fd);
        return false;
    }
    *made = t;
    *out = (struct transport){&tls_ops, t};
    return true;
}

bool
tls_accept(struct tls_context *ctx, int fd, struct transport *out)
{
    struct tls *t;

    if (!begin(ctx, fd, out, &t))
        return false;
    SSL_set_accept_state(t->ssl);
    return true;
}

bool
tls_connect(struct tls_context *ctx, int fd, const char *host, struct transport *out)
{
    struct tls *t;
    unsigned char address[16];
    bool ok = true;

    if (!begin(ctx, fd, out, &t))
        return false;
    SSL_set_connect_state(t->ssl);
    if (host == NULL)
        return true;
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), host) == 1;
    else
        ok = SSL_set1_host(t->ssl, host) == 1 && SSL_set_tlsext_host_name(t->ssl, host) == 1;
    if (!ok)
        tls_close(t);
    return ok;
}

void
tls_on_established(struct transport io, tls_established_fn *fn, void *owner)
{
    struct tls *t = io.state;

    CHECK(transport_is_tls(io));
    t->established = fn;
    t->owner = owner;
}

/* -- facts ----------------------------------------------------------------------------------------------------- */

bool
transport_is_tls(struct transport io)
{
    return io.ops == &tls_ops;
}

bool
tls_handshaking(struct transport io)
{
    return transport_is_tls(io) && !((const struct tls *)io.state)->up;
}

static bool
common_name(X509 *cert, struct buf *out)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;

    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return false;
    int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (len > 0)
        buf_add(out, text, (size_t)len);
    OPENSSL_free(text);
    return len > 0;
}

bool
tls_peer_name(struct transport io, struct buf *out)
{
    if (!transport_is_tls(io))
        return false;
    struct tls *t = io.state;
    if (!t->up || !(SSL_get_verify_mode(t->ssl) & SSL_VERIFY_PEER) || SSL_get_verify_result(t->ssl) != X509_V_OK)
        return false;
    X509 *cert = SSL_get1_peer_certificate(t->ssl);
    bool ok = cert != NULL && common_name(cert, out);
    X509_free(cert);
    return ok;
}
