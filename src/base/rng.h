/* base/rng.h - pseudo-random numbers from a seed that the owner chooses (xoshiro256**, Blackman and Vigna, 2018).
 *
 * For picks and jitter, never for secrets: those come from OpenSSL's RAND_bytes or rng_system_bytes().
 */
#ifndef SORREL_BASE_RNG_H
#define SORREL_BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
/* Uniform in 0..n-1, n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Fills p from the kernel. False only where the kernel has no entropy source. */
bool rng_system_bytes(void *p, size_t n);

#endif
