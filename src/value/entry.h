/* value/entry.h - a key, its metadata and its value, in one allocation.
 *
 *   bytes  0      type (low four bits), string representation (high four)
 *          1      flags below; the three highest bits are the eighth of the second that goes with an LRU clock
 *          2..4   access clock: 24 bits that belong to eviction (LRU seconds or LFU)
 *          5      key length when it is below 255, else 255 and four bytes of length follow
 *          then   expiry, 8 bytes, only with ENTRY_HAS_EXPIRY (unix time in milliseconds)
 *          then   key bytes
 *          then   the value: a struct handle (collections; with ENTRY_DEADLINES another one, see value/deadlines.h), an
 *                 8-byte integer, a string (length varint + bytes), or a pointer to a struct blob (longer strings)
 * Fields are unaligned; only the functions below know the layout. A call that changes the size of an entry may move it:
 * it takes struct entry ** or returns the new address, and whoever indexes entries must be told (engine/keyspace does).
 *
 * Strings: an integer that fits 64 bits is kept as one; up to ENTRY_INLINE_MAX bytes sit in the entry; longer ones in a
 * blob of their own, reference-counted so that a reply or a snapshot can hold on to it without a copy.
 */
#ifndef SORREL_VALUE_ENTRY_H
#define SORREL_VALUE_ENTRY_H

#include "base/check.h"
#include "base/pulse.h"
#include "value/handle.h"
#include "value/limits.h"

enum value_type { TYPE_STRING, TYPE_LIST, TYPE_SET, TYPE_ZSET, TYPE_HASH, TYPE_STREAM, TYPE_JSON, TYPE_COUNT };
enum string_rep { STRING_INT, STRING_INLINE, STRING_BLOB };
enum {
    ENTRY_HAS_EXPIRY = 1 << 0,
    ENTRY_STAMP = 1 << 1,     /* snapshot phase in which the entry was last written out */
    ENTRY_RAW = 1 << 2,       /* a string that was changed in place: OBJECT ENCODING says raw */
    ENTRY_USED = 1 << 4,      /* it was used since it was made: eviction asks */
    ENTRY_DEADLINES = 1 << 3, /* members of the collection may have deadlines */
    ENTRY_EIGHTH_SHIFT = 5,
    ENTRY_INLINE_MAX = 1024,
};

/* Laid out as the comment above says; nobody outside this folder touches a field. At least 16 bytes are allocated, so
 * that an entry is 16-byte aligned, and always mem_good_size() of what is needed. */
struct entry {
    unsigned char meta, flags, clock[3], key_len;
    unsigned char rest[];
};

/* A long string. Refs > 1 means somebody else reads it: change a copy. */
struct blob {
    _Atomic uint32_t refs;
    size_t len, cap;
    char data[];
};
/* len bytes to be filled in, with room for cap at least. NULL when there is no such memory. */
struct blob *blob_new(size_t len, size_t cap);
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
/* A rough count of allocations that entry_free would make (a large string counts by its pages): the engine hands big
 * ones to the reaper. */
size_t entry_free_effort(const struct entry *e);
/* Sets or (with -1) clears the expiry; the entry may move. */
struct entry *entry_set_expiry(struct entry *e, int64_t at_ms);
/* Copies value (deeply; a blob is shared until one of the two changes) under another key, with e's expiry. p may be
 * NULL. */
struct entry *entry_copy(const struct entry *e, struct slice key, const struct value_limits *lim, struct pulse *p);
/* Moves the value under another key, freeing e: the new entry has e's expiry and clock. */
struct entry *entry_rename(struct entry *e, struct slice key);
/* Bytes of memory in all, with the value. */
size_t entry_bytes(const struct entry *e);
/* How many elements a collection has; a string has none. */
size_t entry_elements(const struct entry *e);
/* A command is about to look members[0], members[step] … up, n of them (fields, for a hash): brings what that takes
 * nearer, if it is far, of several at a time, so that nothing waits for one alone. Nothing depends on it, and nothing
 * changes. */
void entry_expect(const struct entry *e, const struct slice *members, int n, int step);
/* OBJECT ENCODING's name. */
const char *entry_encoding(const struct entry *e);

/* The functions on the path of every command are here, so that they cost a few instructions. */
enum { ENTRY__HEAD = 6, ENTRY__KEY_LONG = 255, ENTRY__LEN_SHORT = 240 };

static inline enum value_type
entry_type(const struct entry *e)
{
    return (enum value_type)(e->meta & 0x0f);
}

static inline enum string_rep
entry__rep(const struct entry *e)
{
    return (enum string_rep)(e->meta >> 4);
}

static inline unsigned
entry_flags(const struct entry *e)
{
    return e->flags;
}

/* Not for ENTRY_HAS_EXPIRY and ENTRY_DEADLINES. */
static inline void
entry_set_flag(struct entry *e, unsigned flag, bool on)
{
    e->flags = (unsigned char)(on ? e->flags | flag : e->flags & ~flag);
}

static inline uint32_t
entry_clock(const struct entry *e)
{
    return (uint32_t)e->clock[0] | (uint32_t)e->clock[1] << 8 | (uint32_t)e->clock[2] << 16;
}

static inline bool
entry_used(const struct entry *e)
{
    return (e->flags & ENTRY_USED) != 0;
}

static inline void
entry_set_used(struct entry *e, bool used)
{
    e->flags = (unsigned char)(used ? e->flags | ENTRY_USED : e->flags & ~ENTRY_USED);
}

/* Eighths of a second in which it was used last, and whether it was used since it was made, as one number. */
static inline unsigned
entry_access(const struct entry *e)
{
    return e->flags & (7u << ENTRY_EIGHTH_SHIFT | ENTRY_USED);
}

static inline unsigned
entry_access_of(unsigned eighth, bool used)
{
    return eighth << ENTRY_EIGHTH_SHIFT | (used ? ENTRY_USED : 0u);
}

static inline void
entry_set_access(struct entry *e, unsigned access)
{
    e->flags = (unsigned char)((e->flags & ~(7u << ENTRY_EIGHTH_SHIFT | ENTRY_USED)) | access);
}

static inline void
entry_set_clock(struct entry *e, uint32_t clock)
{
    e->clock[0] = (unsigned char)clock;
    e->clock[1] = (unsigned char)(clock >> 8);
    e->clock[2] = (unsigned char)(clock >> 16);
}

static inline struct slice
entry_key(const struct entry *e)
{
    const unsigned char *p = e->rest;
    size_t len = e->key_len;

    if (UNLIKELY(len == ENTRY__KEY_LONG)) {
        uint32_t wide;
        memcpy(&wide, p, 4);
        p += 4;
        len = wide;
    }
    if (e->flags & ENTRY_HAS_EXPIRY)
        p += 8;
    return slice_of(p, len);
}

/* Unix time in milliseconds; -1: none. */
static inline int64_t
entry_expiry(const struct entry *e)
{
    int64_t at;

    if (!(e->flags & ENTRY_HAS_EXPIRY))
        return -1;
    memcpy(&at, e->rest + (e->key_len == ENTRY__KEY_LONG ? 4 : 0), 8);
    return at;
}

static inline unsigned char *
entry__value(const struct entry *e)
{
    struct slice key = entry_key(e);

    return (unsigned char *)(uintptr_t)(key.ptr + key.len);
}

/* The eight bytes of a collection: cast to struct hash * and so on by the typed helpers of the engine. */
static inline struct handle *
entry_handle(struct entry *e)
{
    return (struct handle *)(void *)entry__value(e);
}

/* -- strings (value/string.c) -------------------------------------------------------------------------------- */
enum { STRING_TEXT_MAX = 24 };

struct slice string__get_slow(const struct entry *e, char *text);
struct entry *string__set_slow(struct entry *e, struct slice value);

/* The string's bytes. An integer is printed into text (STRING_TEXT_MAX bytes). Valid until the entry changes. */
static inline struct slice
string_get(const struct entry *e, char *text)
{
    if (LIKELY(entry__rep(e) == STRING_INLINE)) {
        const unsigned char *p = entry__value(e);
        if (LIKELY(p[0] < ENTRY__LEN_SHORT))
            return slice_of(p + 1, p[0]);
        return slice_of(p + 2, ENTRY__LEN_SHORT + ((size_t)(p[0] - ENTRY__LEN_SHORT) << 8 | p[1]));
    }
    return string__get_slow(e, text);
}

size_t string_len(const struct entry *e);
/* True when the string is stored as an integer, which is whenever string_set() or string_set_int() was given one. After
 * string_append(), string_edit() and string_set_bytes() it is text even if it reads as a number, as in Redis. */
bool string_is_int(const struct entry *e, int64_t *out);
/* The blob, with a hold for the caller, when the string has one; else NULL. */
struct blob *string_blob(const struct entry *e);

/* Sets a new value, keeping key, clock and expiry. Returns the entry's (possibly new) address, NULL when memory is out
 * (nothing changed then). The value must not point into the entry; the same holds for all calls below. */
static inline struct entry *
string_set(struct entry *e, struct slice value)
{
    /* A value as long as the last one goes over it; only what may be an integer has to be looked at more closely. */
    if (LIKELY(entry__rep(e) == STRING_INLINE && value.len > 0 && value.len < ENTRY__LEN_SHORT)) {
        unsigned char *p = entry__value(e), first = (unsigned char)value.ptr[0];
        if (p[0] == value.len && (value.len > 20 || (first != '-' && (unsigned)first - '0' > 9))) {
            e->flags &= (unsigned char)~ENTRY_RAW;
            memcpy(p + 1, value.ptr, value.len);
            return e;
        }
    }
    return string__set_slow(e, value);
}

struct entry *string_set_int(struct entry *e, int64_t value);
/* As string_set(), but kept as text even when it is an integer (INCRBYFLOAT does so). */
struct entry *string_set_bytes(struct entry *e, struct slice value);
/* Appends; the sizes have been checked against proto-max-bulk-len by the caller. NULL when memory is out. */
struct entry *string_append(struct entry *e, struct slice more);
/* Makes the string at least len bytes long (zero-filled) and its bytes writable in place through *out, until the next
 * call on the entry. NULL when memory is out. */
struct entry *string_edit(struct entry *e, size_t len, char **out);
/* The same, but what is new is left unset: the caller writes all of it. */
struct entry *string_edit_unset(struct entry *e, size_t len, char **out);

#endif
