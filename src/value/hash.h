/* value/hash.h - fields and their values.
 *
 * A hash chooses its representation and changes it as it grows (packed, then packtable). Nobody outside can tell which,
 * except through hash_encoding(), which exists for OBJECT ENCODING, snapshots and tests.
 * Cost: O(1) expected, O(n) while small. Validity: slices handed out live until the next change of the hash.
 */
#ifndef SORREL_VALUE_HASH_H
#define SORREL_VALUE_HASH_H

#include "base/pulse.h"
#include "base/rng.h"
#include "value/handle.h"
#include "value/limits.h"

struct hash {
    struct handle h;
};

void hash_fini(struct hash *hash); /* leaves an empty one */
struct hash hash_copy(const struct hash *hash, const struct value_limits *lim, struct pulse *p); /* p: NULL is fine */
size_t hash_count(const struct hash *hash);
bool hash_get(const struct hash *hash, struct slice field, struct slice *value);
bool hash_has(const struct hash *hash, struct slice field);
/* fields[0], fields[step] …, n of them, will be asked for or set soon: brings what that takes nearer, if it is far.
 * Changes nothing. */
void hash_expect(const struct hash *hash, const struct slice *fields, int n, int step);
/* Copies both in. True if the field is new. A field that was there loses its deadline. */
bool hash_set(struct hash *hash, const struct value_limits *lim, struct slice field, struct slice value);
/* The same for a field that stays what it was with another value (a counter): its deadline, if it has one, is kept. */
bool hash_adjust(struct hash *hash, const struct value_limits *lim, struct slice field, struct slice value);
bool hash_del(struct hash *hash, struct slice field);
/* Uniformly chosen; the hash must not be empty. value may be NULL. */
void hash_random(const struct hash *hash, struct rng *rng, struct slice *field, struct slice *value);

/* In the representation's own order; valid while nothing changes. All-zero starts; false at the end. */
struct hash_iter {
    size_t a, b;
};
bool hash_next(const struct hash *hash, struct hash_iter *it, struct slice *field, struct slice *value);
/* One step of HSCAN: a small hash comes whole, with cursor 0. */
typedef void hash_visit(void *ctx, struct slice field, struct slice value);
uint64_t hash_scan(const struct hash *hash, uint64_t cursor, hash_visit *fn, void *ctx);

const char *hash_encoding(const struct hash *hash); /* "listpack" or "hashtable" */
/* Bytes of memory outside the entry. */
size_t hash_bytes(const struct hash *hash);
bool hash_verify(const struct hash *hash);

#endif
