/* value/entry_priv.h - the layout of an entry, for entry.c and string.c. */
#ifndef SORREL_VALUE_ENTRY_PRIV_H
#define SORREL_VALUE_ENTRY_PRIV_H

#include "base/mem.h"
#include "value/entry.h"

/* Bytes of the value part inside the entry. */
size_t entry__value_bytes(const struct entry *e);
/* Bytes in use, which is what mem_good_size() rounds up to the allocation. */
size_t entry__used(const struct entry *e);
/* An entry with head and key filled in and `value` bytes of room behind them, zero when they are eight. NULL when
 * memory is out. expire_ms < 0: none. */
struct entry *entry__make(enum value_type type, enum string_rep rep, struct slice key, int64_t expire_ms, size_t value);
/* Makes the value part `value` bytes long, keeping what is there as far as it fits. The caller then sets the
 * representation and fills in what is new. NULL when memory is out. */
struct entry *entry__resize(struct entry *e, size_t value);

static inline void
entry__set_rep(struct entry *e, enum string_rep rep)
{
    e->meta = (unsigned char)((unsigned)TYPE_STRING | (unsigned)rep << 4);
}

static inline uint64_t
entry__word(const struct entry *e)
{
    uint64_t w;

    memcpy(&w, entry__value(e), 8);
    return w;
}

static inline void
entry__set_word(struct entry *e, uint64_t w)
{
    memcpy(entry__value(e), &w, 8);
}

static inline struct blob *
entry__blob(const struct entry *e)
{
    return entry__rep(e) == STRING_BLOB && entry_type(e) == TYPE_STRING ? (struct blob *)(uintptr_t)entry__word(e)
                                                                        : NULL;
}

/* Bytes that an inline string of that length takes, its length included. */
static inline size_t
string__inline_bytes(size_t len)
{
    return len + (len < ENTRY__LEN_SHORT ? 1 : 2);
}

/* Writes the length of an inline string at p and returns where its bytes go. */
static inline unsigned char *
string__put_len(unsigned char *p, size_t len)
{
    if (len < ENTRY__LEN_SHORT) {
        p[0] = (unsigned char)len;
        return p + 1;
    }
    p[0] = (unsigned char)(ENTRY__LEN_SHORT + ((len - ENTRY__LEN_SHORT) >> 8));
    p[1] = (unsigned char)(len - ENTRY__LEN_SHORT);
    return p + 2;
}

#endif
