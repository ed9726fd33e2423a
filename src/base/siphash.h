/* base/siphash.h - SipHash-1-3 (Aumasson and Bernstein, 2012), the keyed hash for anything a client chooses.
 *
 * The seed is secret and differs in every process, which is what stops an attacker from choosing keys that collide.
 */
#ifndef SORREL_BASE_SIPHASH_H
#define SORREL_BASE_SIPHASH_H

#include "base/slice.h"

struct hash_seed {
    uint64_t k0, k1;
};

static inline uint64_t
siphash__rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

#define SIPHASH__ROUND(v0, v1, v2, v3)                                    \
    do {                                                                  \
        v0 += v1, v2 += v3;                                               \
        v1 = siphash__rotl(v1, 13) ^ v0, v3 = siphash__rotl(v3, 16) ^ v2; \
        v0 = siphash__rotl(v0, 32);                                       \
        v2 += v1, v0 += v3;                                               \
        v1 = siphash__rotl(v1, 17) ^ v2, v3 = siphash__rotl(v3, 21) ^ v0; \
        v2 = siphash__rotl(v2, 32);                                       \
    } while (0)

static inline uint64_t
siphash(struct hash_seed seed, struct slice s)
{
    uint64_t v0 = seed.k0 ^ 0x736f6d6570736575u, v1 = seed.k1 ^ 0x646f72616e646f6du;
    uint64_t v2 = seed.k0 ^ 0x6c7967656e657261u, v3 = seed.k1 ^ 0x7465646279746573u;
    const char *p = s.ptr;
    size_t left = s.len;
    uint64_t word;

    for (; left >= 8; p += 8, left -= 8) {
        memcpy(&word, p, 8);
        v3 ^= word;
        SIPHASH__ROUND(v0, v1, v2, v3);
        v0 ^= word;
    }
    word = 0;
    for (size_t i = 0; i < left; i++)
        word |= (uint64_t)(unsigned char)p[i] << (8 * i);
    word |= (uint64_t)s.len << 56;
    v3 ^= word;
    SIPHASH__ROUND(v0, v1, v2, v3);
    v0 ^= word;
    v2 ^= 0xff;
    SIPHASH__ROUND(v0, v1, v2, v3);
    SIPHASH__ROUND(v0, v1, v2, v3);
    SIPHASH__ROUND(v0, v1, v2, v3);
    return v0 ^ v1 ^ v2 ^ v3;
}

#endif
