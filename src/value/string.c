/* value/string.c - strings: an integer, bytes inside the entry, or a blob beside it.
 *
 * Which of the three is a matter of the value alone when it is set; after a change in place (APPEND, SETRANGE, SETBIT)
 * it stays text and is marked ENTRY_RAW, because OBJECT ENCODING lets clients see that.
 */
#include "base/number.h"
#include "value/entry.h"
#include "value/entry_priv.h"

#include <stdatomic.h>

/* A string that grows gets as much again in reserve, up to this much. */
enum { RESERVE_MAX = 1 << 20 };
/* So many zeros at once are had from the system rather than written. */
enum { ZEROED_FROM = 1 << 20 };

static struct blob *
blob_make(size_t len, size_t cap, bool zeroed)
{
    size_t bytes;

    CHECK(len <= cap);
    if (!size_add(sizeof(struct blob), cap, &bytes))
        return NULL;
    bytes = mem_good_size(bytes);
    struct blob *b = zeroed ? mem_try_zero(bytes) : mem_try(bytes);
    if (b == NULL)
        return NULL;
    atomic_init(&b->refs, 1);
    b->len = len;
    b->cap = bytes - sizeof(struct blob);
    return b;
}

struct blob *
blob_new(size_t len, size_t cap)
{
    return blob_make(len, cap, false);
}

void
blob_hold(struct blob *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}

void
blob_drop(struct blob *b)
{
    if (b != NULL && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        mem_free(b);
}

static bool
blob_is_shared(const struct blob *b)
{
    return atomic_load_explicit(&b->refs, memory_order_acquire) > 1;
}

static void
put_blob(struct entry *e, struct blob *b)
{
    entry__set_rep(e, STRING_BLOB);
    entry__set_word(e, (uint64_t)(uintptr_t)b);
}

struct entry *
entry_new_string(struct slice key, struct slice value, int64_t expire_ms)
{
    int64_t number;
    struct entry *e;

    if (value.len <= 20 && parse_int64(value, &number)) {
        e = entry__make(TYPE_STRING, STRING_INT, key, expire_ms, 8);
        if (e != NULL)
            entry__set_word(e, (uint64_t)number);
        return e;
    }
    if (LIKELY(value.len <= ENTRY_INLINE_MAX)) {
        e = entry__make(TYPE_STRING, STRING_INLINE, key, expire_ms, string__inline_bytes(value.len));
        if (e == NULL)
            return NULL;
        unsigned char *p = string__put_len(entry__value(e), value.len);
        if (value.len > 0)
            memcpy(p, value.ptr, value.len);
        return e;
    }
    struct blob *b = blob_new(value.len, value.len);
    if (b == NULL)
        return NULL;
    e = entry__make(TYPE_STRING, STRING_BLOB, key, expire_ms, 8);
    if (e == NULL) {
        blob_drop(b);
        return NULL;
    }
    memcpy(b->data, value.ptr, value.len);
    put_blob(e, b);
    return e;
}

struct slice
string__get_slow(const struct entry *e, char *text)
{
    CHECK(entry_type(e) == TYPE_STRING);
    if (entry__rep(e) == STRING_INT)
        return slice_of(text, format_int64(text, (int64_t)entry__word(e)));
    const struct blob *b = entry__blob(e);
    return slice_of(b->data, b->len);
}

size_t
string_len(const struct entry *e)
{
    char text[STRING_TEXT_MAX];

    return string_get(e, text).len;
}

bool
string_is_int(const struct entry *e, int64_t *out)
{
    if (entry_type(e) != TYPE_STRING || entry__rep(e) != STRING_INT)
        return false;
    *out = (int64_t)entry__word(e);
    return true;
}

struct blob *
string_blob(const struct entry *e)
{
    struct blob *b = entry__blob(e);

    if (b != NULL)
        blob_hold(b);
    return b;
}

struct entry *
string__set_slow(struct entry *e, struct slice value)
{
    int64_t number;

    if (value.len <= 20 && parse_int64(value, &number))
        return string_set_int(e, number);
    return string_set_bytes(e, value);
}

struct entry *
string_set_int(struct entry *e, int64_t value)
{
    CHECK(entry_type(e) == TYPE_STRING);
    if (entry__rep(e) != STRING_INT) {
        struct blob *old = entry__blob(e);
        e = entry__resize(e, 8);
        if (e == NULL)
            return NULL;
        blob_drop(old);
        entry__set_rep(e, STRING_INT);
        e->flags &= (unsigned char)~ENTRY_RAW;
    }
    entry__set_word(e, (uint64_t)value);
    return e;
}

/* Makes a blob, which this takes over, the string's value. NULL when memory is out. */
static struct entry *
take_blob(struct entry *e, struct blob *fresh)
{
    struct blob *old = entry__blob(e);
    struct entry *moved = entry__resize(e, 8);

    if (moved == NULL) {
        blob_drop(fresh);
        return NULL;
    }
    put_blob(moved, fresh);
    blob_drop(old);
    return moved;
}

/* Long values: the old blob takes the new bytes if nobody reads it and it is neither too small nor much too large. */
static struct entry *
set_blob(struct entry *e, struct slice value)
{
    struct blob *b = entry__blob(e);

    if (b != NULL && !blob_is_shared(b) && b->cap >= value.len && b->cap - value.len <= b->cap / 4) {
        memcpy(b->data, value.ptr, value.len);
        b->len = value.len;
        return e;
    }
    struct blob *fresh = blob_new(value.len, value.len);
    if (fresh == NULL)
        return NULL;
    memcpy(fresh->data, value.ptr, value.len);
    return take_blob(e, fresh);
}

struct entry *
string_set_bytes(struct entry *e, struct slice value)
{
    CHECK(entry_type(e) == TYPE_STRING);
    if (value.len > ENTRY_INLINE_MAX) {
        e = set_blob(e, value);
        if (e != NULL)
            e->flags &= (unsigned char)~ENTRY_RAW;
        return e;
    }
    struct blob *old = entry__blob(e);
    e = entry__resize(e, string__inline_bytes(value.len));
    if (e == NULL)
        return NULL;
    blob_drop(old);
    entry__set_rep(e, STRING_INLINE);
    e->flags &= (unsigned char)~ENTRY_RAW;
    unsigned char *p = string__put_len(entry__value(e), value.len);
    if (value.len > 0)
        memcpy(p, value.ptr, value.len);
    return e;
}

static size_t
with_reserve(size_t need)
{
    return need + (need < RESERVE_MAX ? need : RESERVE_MAX);
}

/* Gives the entry a blob of its own with room for `need` bytes and the string so far in it. NULL when memory is out. */
static struct entry *
own_blob(struct entry *e, size_t need)
{
    char text[STRING_TEXT_MAX];
    struct blob *b = entry__blob(e), *grown;

    if (b != NULL && !blob_is_shared(b)) {
        if (b->cap >= need)
            return e;
        size_t bytes = mem_good_size(sizeof(struct blob) + with_reserve(need));
        grown = mem_resize_try(b, bytes);
        if (grown == NULL)
            return NULL;
        grown->cap = bytes - sizeof(struct blob);
        put_blob(e, grown);
        return e;
    }
    struct slice was = string_get(e, text);
    grown = blob_new(was.len, need > was.len ? with_reserve(need) : was.len);
    if (grown == NULL)
        return NULL;
    if (was.len > 0)
        memcpy(grown->data, was.ptr, was.len);
    return take_blob(e, grown);
}

/* Makes the string `len` bytes long, at least as long as it was; what is new is left unset. *at is its first byte. */
static struct entry *
grow(struct entry *e, size_t len, char **at)
{
    char text[STRING_TEXT_MAX];

    CHECK(entry_type(e) == TYPE_STRING);
    if (entry__rep(e) == STRING_BLOB || len > ENTRY_INLINE_MAX) {
        e = own_blob(e, len);
        if (e == NULL)
            return NULL;
        entry__blob(e)->len = len;
        *at = entry__blob(e)->data;
    } else {
        bool was_int = entry__rep(e) == STRING_INT;
        size_t was_len = string_get(e, text).len;
        e = entry__resize(e, string__inline_bytes(len));
        if (e == NULL)
            return NULL;
        unsigned char *value = entry__value(e);
        /* The length may become a byte wider, so the bytes move before it is written. */
        unsigned char *bytes = value + (len < ENTRY__LEN_SHORT ? 1 : 2);
        if (was_int)
            memcpy(bytes, text, was_len);
        else if (len >= ENTRY__LEN_SHORT && was_len < ENTRY__LEN_SHORT)
            memmove(bytes, value + 1, was_len);
        string__put_len(value, len);
        entry__set_rep(e, STRING_INLINE);
        *at = (char *)bytes;
    }
    e->flags |= ENTRY_RAW;
    return e;
}

struct entry *
string_append(struct entry *e, struct slice more)
{
    size_t was = string_len(e), len;
    char *at;

    if (!size_add(was, more.len, &len))
        return NULL;
    e = grow(e, len, &at);
    if (e != NULL && more.len > 0)
        memcpy(at + was, more.ptr, more.len);
    return e;
}

struct entry *
string_edit_unset(struct entry *e, size_t len, char **out)
{
    size_t was = string_len(e);

    return grow(e, len > was ? len : was, out);
}

/* The string with so many zeros behind it that they are better had from the system. */
static struct entry *
extend_far(struct entry *e, size_t len, char **out)
{
    char text[STRING_TEXT_MAX];
    struct slice was = string_get(e, text);
    struct blob *grown = blob_make(len, with_reserve(len), true);

    if (grown == NULL)
        return NULL;
    if (was.len > 0)
        memcpy(grown->data, was.ptr, was.len);
    e = take_blob(e, grown);
    if (e == NULL)
        return NULL;
    e->flags |= ENTRY_RAW;
    *out = grown->data;
    return e;
}

struct entry *
string_edit(struct entry *e, size_t len, char **out)
{
    size_t was = string_len(e);

    if (len > was && len - was >= ZEROED_FROM)
        return extend_far(e, len, out);
    e = string_edit_unset(e, len, out);
    if (e != NULL && len > was)
        memset(*out + was, 0, len - was);
    return e;
}
