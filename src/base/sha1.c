/* base/sha1.c - OpenSSL's SHA-1 behind base/sha1.h. */
#include "base/sha1.h"

#include <openssl/sha.h>

void
sha1(struct slice data, unsigned char out[SHA1_BYTES])
{
    SHA1((const unsigned char *)data.ptr, data.len, out);
}

void
sha1_hex(const unsigned char digest[SHA1_BYTES], char out[SHA1_HEX])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < SHA1_BYTES; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
}
