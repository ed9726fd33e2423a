/* value/list.h - a sequence with cheap ends.
 *
 * Blocks of about 8 KiB in a doubly linked chain (one block while small); inside a block an element costs its bytes and
 * one more. Elements are handed out as slices into the block. Same rules as value/hash.h.
 */
#ifndef SORREL_VALUE_LIST_H
#define SORREL_VALUE_LIST_H

#include "base/pulse.h"
#include "value/handle.h"
#include "value/limits.h"

struct list {
    struct handle h;
};

enum list_end { LIST_HEAD, LIST_TAIL };

void list_fini(struct list *list);
struct list list_copy(const struct list *list, const struct value_limits *lim, struct pulse *p); /* p: NULL is fine */
size_t list_count(const struct list *list);
/* Copies the element in. It must not point into this list. */
void list_push(struct list *list, const struct value_limits *lim, enum list_end end, struct slice element);
/* The element at that end; the list must not be empty. */
struct slice list_peek(const struct list *list, enum list_end end);
/* Drops n elements (at most count) from that end. */
void list_drop(struct list *list, enum list_end end, size_t n);
/* 0 <= index < count. O(blocks between the nearer end and it). */
struct slice list_at(const struct list *list, size_t index);
void list_set(struct list *list, const struct value_limits *lim, size_t index, struct slice element);
void list_insert(struct list *list, const struct value_limits *lim, size_t before_index, struct slice element);
/* Removes up to max (0: all) elements equal to `element`, scanning from that end. Returns how many. */
size_t list_remove_equal(struct list *list, struct slice element, enum list_end from, size_t max);

/* A place in the list, in either direction; valid while nothing changes. */
struct list_iter {
    void *block;
    size_t pos, aux;
    enum list_end toward;
};
/* Starts at index, to go on toward that end. */
struct list_iter list_seek(const struct list *list, size_t index, enum list_end toward);
bool list_next(const struct list *list, struct list_iter *it, struct slice *element);

const char *list_encoding(const struct list *list); /* "listpack" or "quicklist" */
size_t list_bytes(const struct list *list);
bool list_verify(const struct list *list);

#endif
