/* value/entry.h - a key, its metadata and its value, in one allocation.
 *
 *   bytes  0      type (low four bits), string representation (high four)
 *          1      flags below
 *          2..4   access clock: 24 bits that belong to eviction (LRU seconds or LFU)
 *          5      key length when it is below 255, else 255 and four bytes of length follow
 *          then   expiry, 8 bytes, only with ENTRY_HAS_EXPIRY (unix time in milliseconds)
 *          then   key bytes
 *          then   the value: a struct handle (collections), an 8-byte integer, a string (length varint + bytes), or a
 *                 pointer to a struct blob (longer strings)
 * Fields are unaligned; only the functions below know the layout. A call that changes the size of an entry may move it:
 * it takes struct entry ** or returns the new address, and whoever indexes entries must be told (engine/keyspace does).
 *
 * Strings: an integer that fits 64 bits is kept as one; up to ENTRY_INLINE_MAX bytes sit in the entry; longer ones in a
 * blob of their own, reference-counted so that a reply or a snapshot can hold on to it without a copy.
 */
#ifndef SORREL_VALUE_ENTRY_H
#define SORREL_VALUE_ENTRY_H

#include "value/handle.h"
#include "value/limits.h"

enum value_type { TYPE_STRING, TYPE_LIST, TYPE_SET, TYPE_ZSET, TYPE_HASH, TYPE_STREAM, TYPE_JSON, TYPE_COUNT };
enum string_rep { STRING_INT, STRING_INLINE, STRING_BLOB };
enum {
    ENTRY_HAS_EXPIRY = 1 << 0,
    ENTRY_STAMP = 1 << 1,      /* snapshot phase in which the entry was last written out */
    ENTRY_RAW = 1 << 2,        /* a string that was changed in place: OBJECT ENCODING says raw */
    ENTRY_INLINE_MAX = 1024,
};

struct entry;

/* A long string. Refs > 1 means somebody else reads it: change a copy. */
struct blob {
    _Atomic uint32_t refs;
    size_t len, cap;
    char data[];
};
struct blob *blob_new(size_t len, size_t cap); /* NULL when there is no such memory */
void blob_hold(struct blob *b);
void blob_drop(struct blob *b); /* frees with the last holder; NULL is fine; any thread */

/* The name that TYPE prints. */
const char *value_type_name(enum value_type type);

/* A new entry with an empty collection, or for TYPE_STRING the empty string. Caller owns it. */
struct entry *entry_new(enum value_type type, struct slice key);
/* A new string entry at once (one allocation of the right size). expire_ms < 0: none. NULL when memory is out. */
struct entry *entry_new_string(struct slice key, struct slice value, int64_t expire_ms);
/* Frees the entry and its value. O(elements). */
void entry_free(struct entry *e);
/* A rough count of allocations that entry_free would make: the engine hands big ones to the reaper. */
size_t entry_free_effort(const struct entry *e);
struct slice entry_key(const struct entry *e);
enum value_type entry_type(const struct entry *e);
unsigned entry_flags(const struct entry *e);
void entry_set_flag(struct entry *e, unsigned flag, bool on); /* not ENTRY_HAS_EXPIRY */
uint32_t entry_clock(const struct entry *e);
void entry_set_clock(struct entry *e, uint32_t clock);
int64_t entry_expiry(const struct entry *e); /* -1: none */
/* Sets or (with -1) clears the expiry; the entry may move. */
struct entry *entry_set_expiry(struct entry *e, int64_t at_ms);
/* Copies value (deeply) under another key, with e's expiry. */
struct entry *entry_copy(const struct entry *e, struct slice key, const struct value_limits *lim);
/* Moves the value under another key, freeing e: the new entry has e's expiry and clock. */
struct entry *entry_rename(struct entry *e, struct slice key);
/* The eight bytes of a collection: cast to struct hash * and so on by the typed helpers of the engine. */
struct handle *entry_handle(struct entry *e);
/* Bytes of memory in all, with the value. */
size_t entry_bytes(const struct entry *e);
/* OBJECT ENCODING's name. */
const char *entry_encoding(const struct entry *e);

/* -- strings ------------------------------------------------------------------------------------------------- */
enum { STRING_TEXT_MAX = 24 };
/* The string's bytes. An integer is printed into text (STRING_TEXT_MAX bytes). Valid until the entry changes. */
struct slice string_get(const struct entry *e, char *text);
size_t string_len(const struct entry *e);
/* True when the string is stored as an integer. */
bool string_is_int(const struct entry *e, int64_t *out);
/* The blob, with a hold for the caller, when the string has one; else NULL. */
struct blob *string_blob(const struct entry *e);
/* Sets a new value, keeping key, clock and expiry. Returns the entry's (possibly new) address, NULL when memory is out
 * (nothing changed then). */
struct entry *string_set(struct entry *e, struct slice value);
struct entry *string_set_int(struct entry *e, int64_t value);
/* Appends; the sizes have been checked against proto-max-bulk-len by the caller. NULL when memory is out. */
struct entry *string_append(struct entry *e, struct slice more);
/* Makes the string at least len bytes long (zero-filled) and its bytes writable in place through *out, until the next
 * call on the entry. NULL when memory is out. */
struct entry *string_edit(struct entry *e, size_t len, char **out);

#endif
