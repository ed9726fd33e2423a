/* net/tls_priv.h - what tls.c and tls_context.c share. */
#ifndef SORREL_NET_TLS_PRIV_H
#define SORREL_NET_TLS_PRIV_H

#include "net/tls.h"

#include <openssl/ssl.h>

struct tls_context {
    SSL_CTX *ssl;
};

/* Adds the newest of OpenSSL's complaints and forgets them all. */
void tls__reason(struct buf *why);

#endif
