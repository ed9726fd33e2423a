/* tests/support/simdisk.h - a disk in memory that loses what a real one may lose.
 *
 * It remembers what is durable and what is only in its cache. A power cut keeps of everything that was not synced any
 * part: whole sectors of 512 bytes of the data, in any order; of names (new files, renames, removals) those before some
 * point, or any selection. Calls can be made to fail, or the power to go, at the n-th call.
 *
 * Threads: one. Every call but close and seek counts as one step.
 */
#ifndef SORREL_TESTS_SIMDISK_H
#define SORREL_TESTS_SIMDISK_H

#include "base/disk.h"
#include "base/rng.h"

struct simdisk;

struct simdisk *simdisk_new(uint64_t seed);
void simdisk_free(struct simdisk *s);
struct disk simdisk_disk(struct simdisk *s);

/* From the n-th call on (1: the next) there is no power: everything fails with EIO until simdisk_power_cut(). 0:
 * never. */
void simdisk_power_off_at(struct simdisk *s, uint64_t n);
bool simdisk_is_off(const struct simdisk *s);
/* The next calls from the n-th on, `count` of them, fail with that errno; writes may be cut short instead. */
void simdisk_fail_at(struct simdisk *s, uint64_t n, uint64_t count, int error);
uint64_t simdisk_steps(const struct simdisk *s);

/* The machine starts again with what is on the disk. All descriptors are gone. */
void simdisk_power_cut(struct simdisk *s);

/* A file's bytes as they are in the cache; valid until the next call. ptr NULL: there is no such file. */
struct slice simdisk_peek(struct simdisk *s, const char *path);
/* Puts a file there, durably. */
void simdisk_put(struct simdisk *s, const char *path, struct slice bytes);

#endif
