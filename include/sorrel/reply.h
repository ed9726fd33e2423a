/* sorrel/reply.h - what a server answered, as a tree.
 *
 * Replies are borrowed: one lives until the next reply is read from the connection that it came from, or until the
 * function that handed it out says. Strings are not copied and not NUL-terminated; they may hold any byte.
 * Reading a reply is thread-safe. Every function takes NULL for a missing reply and treats it as SORREL_NIL.
 */
#ifndef SORREL_REPLY_H
#define SORREL_REPLY_H

#include "sorrel/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sorrel_type {
    SORREL_NIL = 0,
    SORREL_STRING,
    SORREL_STATUS, /* a simple string such as OK */
    SORREL_ERROR,
    SORREL_INTEGER,
    SORREL_DOUBLE,
    SORREL_BOOL,
    SORREL_BIGNUM,
    SORREL_VERBATIM,
    SORREL_ARRAY,
    SORREL_MAP, /* items: key, value, key, value ... */
    SORREL_SET,
    SORREL_PUSH,
};

struct sorrel_reply;

/* What kind of reply it is. */
SORREL_API enum sorrel_type sorrel_reply_type(const struct sorrel_reply *r);
/* The text of a string, status, error, verbatim string or number; *len (NULL is fine) is its length. NULL for
 * others. */
SORREL_API const char *sorrel_reply_text(const struct sorrel_reply *r, size_t *len);
/* The value of an integer or boolean, or of a text that is a decimal number. False, *out untouched, for others. */
SORREL_API bool sorrel_reply_int(const struct sorrel_reply *r, int64_t *out);
/* The value of a double or integer, or of a text that is a number. */
SORREL_API bool sorrel_reply_double(const struct sorrel_reply *r, double *out);
/* How many items an aggregate has (a map two for each pair); 0 for others. */
SORREL_API size_t sorrel_reply_count(const struct sorrel_reply *r);
/* Item i of an aggregate; NULL if there is none. */
SORREL_API const struct sorrel_reply *sorrel_reply_at(const struct sorrel_reply *r, size_t i);
/* The value of `key` in a map, or in an array of alternating names and values as RESP2 sends it. NULL if missing. */
SORREL_API const struct sorrel_reply *sorrel_reply_get(const struct sorrel_reply *r, const char *key);
/* The attributes that came with a reply (a map), or NULL. */
SORREL_API const struct sorrel_reply *sorrel_reply_attributes(const struct sorrel_reply *r);
/* True if the reply is a string or status equal to the C string. */
SORREL_API bool sorrel_reply_is(const struct sorrel_reply *r, const char *text);

/* A copy of r and all below it, which lives until sorrel_reply_free(). NULL for NULL. */
SORREL_API struct sorrel_reply *sorrel_reply_copy(const struct sorrel_reply *r);
/* Frees a reply that sorrel_reply_copy() made, or that a function says the caller owns. NULL is fine. */
SORREL_API void sorrel_reply_free(struct sorrel_reply *r);

#ifdef __cplusplus
}
#endif

#endif
