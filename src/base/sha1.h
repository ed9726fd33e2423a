/* base/sha1.h - SHA-1 where a format or protocol prescribes it (EVALSHA, DEBUG DIGEST); nothing here is secret. */
#ifndef SORREL_BASE_SHA1_H
#define SORREL_BASE_SHA1_H

#include "base/slice.h"

enum { SHA1_BYTES = 20, SHA1_HEX = 40 };

void sha1(struct slice data, unsigned char out[SHA1_BYTES]);
/* Forty lower-case digits, no NUL. */
void sha1_hex(const unsigned char digest[SHA1_BYTES], char out[SHA1_HEX]);

#endif
