/* net/tls_context.c - from files and settings to what connections are begun with. */
#include "net/tls_priv.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

/* Called for an encrypted key only. Without a passphrase it answers with none, so that OpenSSL asks no terminal. */
static int
give_pass(char *out, int size, int writing, void *arg)
{
    const struct slice *pass = arg;

    (void)writing;
    if (pass->len > (size_t)size)
        return -1;
    memcpy(out, pass->ptr, pass->len);
    return (int)pass->len;
}

static bool
fail(struct buf *why, const char *what, const char *object)
{
    buf_printf(why, "%s%s%s: ", what, object[0] != '\0' ? " " : "", object);
    tls__reason(why);
    return false;
}

static bool
set_protocols(SSL_CTX *c, struct slice words, struct buf *why)
{
    static const struct {
        struct slice name;
        uint64_t off;
    } known[] = {{LIT_INIT("TLSv1"), SSL_OP_NO_TLSv1},
                 {LIT_INIT("TLSv1.1"), SSL_OP_NO_TLSv1_1},
                 {LIT_INIT("TLSv1.2"), SSL_OP_NO_TLSv1_2},
                 {LIT_INIT("TLSv1.3"), SSL_OP_NO_TLSv1_3}};
    enum { KNOWN = sizeof(known) / sizeof(known[0]) };
    uint64_t off = SSL_OP_NO_SSLv3, on = 0;

    for (size_t i = 0; i < words.len;) {
        size_t from = i, k = 0;
        while (i < words.len && words.ptr[i] != ' ')
            i++;
        struct slice word = slice_of(words.ptr + from, i - from);
        i++;
        if (word.len == 0)
            continue;
        while (k < KNOWN && !slice_eq_nocase(word, known[k].name))
            k++;
        if (k == KNOWN) {
            buf_printf(why, "tls-protocols: '%.*s' is no protocol; there are TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3",
                       (int)word.len, word.ptr);
            return false;
        }
        on |= known[k].off;
    }
    if (on == 0)
        on = SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3;
    for (size_t k = 0; k < KNOWN; k++)
        off |= known[k].off & ~on;
    SSL_CTX_set_min_proto_version(c, 0); /* not what the system's configuration says */
    SSL_CTX_set_options(c, off);
    return true;
}

static bool
set_certificate(SSL_CTX *c, const struct tls_settings *t, struct buf *why)
{
    struct slice pass = t->key_pass;

    SSL_CTX_set_default_passwd_cb(c, give_pass);
    SSL_CTX_set_default_passwd_cb_userdata(c, &pass);
    bool ok = SSL_CTX_use_certificate_chain_file(c, t->cert_file) == 1 ||
              fail(why, "can't use the certificate", t->cert_file);
    ok = ok && (SSL_CTX_use_PrivateKey_file(c, t->key_file, SSL_FILETYPE_PEM) == 1 ||
                fail(why, "can't use the private key", t->key_file));
    ok = ok && (SSL_CTX_check_private_key(c) == 1 || fail(why, "certificate and private key don't match", ""));
    SSL_CTX_set_default_passwd_cb_userdata(c, NULL);
    SSL_CTX_set_default_passwd_cb(c, NULL);
    return ok;
}

static bool
set_authorities(SSL_CTX *c, const struct tls_settings *t, struct buf *why)
{
    const char *file = t->ca_file[0] != '\0' ? t->ca_file : NULL, *dir = t->ca_dir[0] != '\0' ? t->ca_dir : NULL;

    if (file == NULL && dir == NULL)
        return true;
    return SSL_CTX_load_verify_locations(c, file, dir) == 1 ||
           fail(why, "can't use the CA certificates of", file != NULL ? file : dir);
}

static bool
set_dh(SSL_CTX *c, const char *path, struct buf *why)
{
    if (path[0] == '\0')
        return SSL_CTX_set_dh_auto(c, 1) == 1;
    BIO *file = BIO_new_file(path, "r");
    EVP_PKEY *params = file != NULL ? PEM_read_bio_Parameters(file, NULL) : NULL;
    BIO_free(file);
    if (params != NULL && SSL_CTX_set0_tmp_dh_pkey(c, params) == 1)
        return true;
    EVP_PKEY_free(params);
    return fail(why, "can't use the DH parameters", path);
}

static bool
set_ciphers(SSL_CTX *c, const struct tls_settings *t, struct buf *why)
{
    if (t->ciphers[0] != '\0' && SSL_CTX_set_cipher_list(c, t->ciphers) != 1)
        return fail(why, "can't use tls-ciphers", t->ciphers);
    if (t->suites[0] != '\0' && SSL_CTX_set_ciphersuites(c, t->suites) != 1)
        return fail(why, "can't use tls-ciphersuites", t->suites);
    return true;
}

static void
set_caching(SSL_CTX *c, const struct tls_settings *t)
{
    static const unsigned char ours[] = "sorrel";

    /* A session that began under other rules must not be gone on with under these: each context has keys of its own. */
    SSL_CTX_set_session_id_context(c, ours, sizeof(ours) - 1);
    if (!t->caching) {
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(c, 0);
        return;
    }
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(c, (long)t->cache_size);
    SSL_CTX_set_timeout(c, (long)t->cache_timeout_s);
}

static bool
set_all(SSL_CTX *c, const struct tls_settings *t, struct buf *why)
{
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_read_ahead(c, 1); /* header and body of a record in one system call */
    return set_protocols(c, t->protocols, why) && set_authorities(c, t, why) && set_ciphers(c, t, why) &&
           (t->cert_file[0] == '\0' || set_certificate(c, t, why));
}

static struct tls_context *
make(SSL_CTX *c, bool ok)
{
    if (!ok) {
        SSL_CTX_free(c);
        return NULL;
    }
    struct tls_context *ctx = mem_get_zero(sizeof(*ctx));
    ctx->ssl = c;
    return ctx;
}

struct tls_context *
tls_context_server(const struct tls_settings *t, struct buf *why)
{
    static const int verify[] = {[TLS_PEERS_ANY] = SSL_VERIFY_NONE,
                                 [TLS_PEERS_CERTIFIED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                                 [TLS_PEERS_OPTIONAL] = SSL_VERIFY_PEER};

    if (t->cert_file[0] == '\0' || t->key_file[0] == '\0') {
        buf_printf(why, "TLS needs tls-cert-file and tls-key-file");
        return NULL;
    }
    if (t->peers != TLS_PEERS_ANY && t->ca_file[0] == '\0' && t->ca_dir[0] == '\0') {
        buf_printf(why, "certificates of clients can't be verified without tls-ca-cert-file or tls-ca-cert-dir "
                        "(tls-auth-clients no does without)");
        return NULL;
    }
    ERR_clear_error();
    errno = 0;
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (c == NULL) {
        tls__reason(why);
        return NULL;
    }
    SSL_CTX_set_verify(c, verify[t->peers], NULL);
    if (t->prefer_own_ciphers)
        SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE);
    bool ok = set_all(c, t, why) && set_dh(c, t->dh_file, why);
    set_caching(c, t);
    return make(c, ok);
}

struct tls_context *
tls_context_client(const struct tls_settings *t, struct buf *why)
{
    ERR_clear_error();
    errno = 0;
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (c == NULL) {
        tls__reason(why);
        return NULL;
    }
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    return make(c, set_all(c, t, why));
}

void
tls_context_free(struct tls_context *ctx)
{
    if (ctx == NULL)
        return;
    SSL_CTX_free(ctx->ssl);
    mem_free(ctx);
}
