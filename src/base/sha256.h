/* base/sha256.h - SHA-256, the form in which passwords are kept. */
#ifndef SORREL_BASE_SHA256_H
#define SORREL_BASE_SHA256_H

#include "base/slice.h"

enum { SHA256_BYTES = 32 };

void sha256(struct slice data, unsigned char out[SHA256_BYTES]);

#endif
