/* cmd/cmd_digest.c - digests of values and of the keyspace.
 *
 * Two ways to bring a text into a digest D. Where order matters, D = H(D xor H(text)); where it does not, D = D xor
 * H(text); H is SHA-1. A value: its type's number (4 bytes, big-endian) in order; then a string's bytes or a list's
 * elements in order, or the members of the others without order, each member of a hash or sorted set being the digest
 * of name and value in order; and "!!expire!!" without order if the key expires. The keyspace: for each database that
 * holds keys its number (4 bytes) in order, then without order the digest of each key: its name in order, then its
 * value. */
#include "cmd/cmd_digest.h"

#include "value/deadlines.h"
#include "value/json.h"
#include "value/stream.h"

#include <stdio.h>

static void
fold(unsigned char digest[SHA1_BYTES], struct slice text)
{
    unsigned char h[SHA1_BYTES];

    sha1(text, h);
    for (int i = 0; i < SHA1_BYTES; i++)
        digest[i] ^= h[i];
}

static void
chain(unsigned char digest[SHA1_BYTES], struct slice text)
{
    unsigned char mixed[SHA1_BYTES];

    memcpy(mixed, digest, SHA1_BYTES);
    fold(mixed, text);
    sha1(slice_of(mixed, SHA1_BYTES), digest);
}

static void
chain_number(unsigned char digest[SHA1_BYTES], uint32_t n)
{
    unsigned char bytes[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
                              (unsigned char)n};

    chain(digest, slice_of(bytes, sizeof(bytes)));
}

static void
fold_pair(unsigned char digest[SHA1_BYTES], struct slice name, struct slice value)
{
    unsigned char pair[SHA1_BYTES] = {0};

    chain(pair, name);
    chain(pair, value);
    fold(digest, slice_of(pair, SHA1_BYTES));
}

static void
digest_list(unsigned char digest[SHA1_BYTES], const struct list *list)
{
    struct slice element;

    if (list_count(list) == 0)
        return;
    struct list_iter it = list_seek(list, 0, LIST_TAIL);
    while (list_next(list, &it, &element))
        chain(digest, element);
}

static void
digest_zset(unsigned char digest[SHA1_BYTES], const struct zset *z)
{
    struct slice member;
    double score;
    char text[DOUBLE_TEXT_MAX];

    if (zset_count(z) == 0)
        return;
    struct zset_iter it = zset_seek(z, 0, false);
    while (zset_next(z, &it, &member, &score)) {
        int n = snprintf(text, sizeof(text), "%.17g", score);
        fold_pair(digest, member, slice_of(text, (size_t)n));
    }
}

/* In order: each entry's id as "ms.seq", then its names and values. */
static void
digest_stream(unsigned char digest[SHA1_BYTES], const struct stream *s)
{
    struct stream_iter it = stream_seek(s, STREAM_ID_MIN, false);
    struct stream_entry e;
    struct slice name, value;
    char id[2 * INT64_TEXT_MAX + 1];

    while (stream_next(&it, &e)) {
        int n = snprintf(id, sizeof(id), "%llu.%llu", (unsigned long long)e.id.ms, (unsigned long long)e.id.seq);
        chain(digest, slice_of(id, (size_t)n));
        for (size_t i = 0; i < e.pairs; i++) {
            stream_entry_pair(&e, &name, &value);
            chain(digest, name);
            chain(digest, value);
        }
    }
}

/* Redis folds the same word in for each field that expires. Sets and sorted sets are ours, so there the members and
 * their times count. */
static void
digest_deadlines(unsigned char digest[SHA1_BYTES], const struct entry *e)
{
    const struct zset *d = entry_deadlines(e);
    size_t n = d != NULL ? zset_count(d) : 0;

    if (n == 0)
        return;
    if (entry_type(e) != TYPE_HASH) {
        digest_zset(digest, d);
        return;
    }
    while (n-- > 0)
        fold(digest, LIT("!!hexpire!!"));
}

void
digest_value(unsigned char digest[SHA1_BYTES], struct entry *e)
{
    enum value_type type = entry_type(e);
    const void *value = type == TYPE_STRING ? NULL : entry_handle(e);
    struct slice a, b;

    /* The numbers are redis's, where modules come before streams. */
    chain_number(digest, type == TYPE_STREAM ? 6 : (uint32_t)type);
    if (type == TYPE_STRING) {
        char text[STRING_TEXT_MAX];
        chain(digest, string_get(e, text));
    } else if (type == TYPE_LIST) {
        digest_list(digest, value);
    } else if (type == TYPE_ZSET) {
        digest_zset(digest, value);
    } else if (type == TYPE_SET) {
        struct set_member m;
        for (struct set_iter it = {0}; set_next(value, &it, &m);)
            fold(digest, m.s);
    } else if (type == TYPE_HASH) {
        for (struct hash_iter it = {0}; hash_next(value, &it, &a, &b);)
            fold_pair(digest, a, b);
    } else if (type == TYPE_STREAM) {
        digest_stream(digest, value);
    } else if (type == TYPE_JSON) {
        struct buf text = {0};
        json_print(json_root(value), NULL, &text);
        chain(digest, buf_slice(&text));
        buf_fini(&text);
    }
    digest_deadlines(digest, e);
    if (entry_expiry(e) >= 0)
        fold(digest, LIT("!!expire!!"));
}

static void
digest_key(void *ctx, struct entry *e)
{
    unsigned char digest[SHA1_BYTES] = {0};

    chain(digest, entry_key(e));
    digest_value(digest, e);
    fold(ctx, slice_of(digest, SHA1_BYTES));
}

void
digest_keyspace(struct exec *x, unsigned char digest[SHA1_BYTES])
{
    struct db *db;

    memset(digest, 0, SHA1_BYTES);
    for (int i = 0; (db = db_at(x, i)) != NULL; i++) {
        uint64_t cursor = 0;

        if (db_size(x, db) == 0)
            continue;
        chain_number(digest, (uint32_t)i);
        /* Nothing changes meanwhile, so the scan meets each key exactly once. */
        do
            cursor = db_scan(x, db, cursor, digest_key, digest);
        while (cursor != 0);
    }
}
