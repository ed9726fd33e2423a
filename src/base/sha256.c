/* base/sha256.c - OpenSSL's SHA-256 behind base/sha256.h. */
#include "base/sha256.h"

#include <openssl/sha.h>

void
sha256(struct slice data, unsigned char out[SHA256_BYTES])
{
    SHA256((const unsigned char *)data.ptr, data.len, out);
}
