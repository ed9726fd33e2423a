/* base/names.h - names that are somebody's own, and arrays of pointers in the order of names.
 *
 * Such arrays are for what is few and looked up by name: users, consumer groups. Each item begins with its name, a
 * struct slice. Searching is O(log n), putting in and taking out O(n).
 */
#ifndef SORREL_BASE_NAMES_H
#define SORREL_BASE_NAMES_H

#include "base/mem.h"
#include "base/slice.h"

/* A copy of its own, with a NUL behind it that does not count; for name_free(). */
static inline struct slice
name_copy(struct slice name)
{
    char *p = mem_get(name.len + 1);

    if (name.len > 0)
        memcpy(p, name.ptr, name.len);
    p[name.len] = '\0';
    return slice_of(p, name.len);
}

static inline void
name_free(struct slice name)
{
    mem_free((void *)(uintptr_t)name.ptr);
}

/* The array's own type is not known here, so pointers are copied as bytes. */
static inline struct slice
names__at(const void *items, size_t n)
{
    const struct slice *item;

    memcpy(&item, (const char *)items + n * sizeof(item), sizeof(item));
    return *item;
}

/* Where the name is or would be put in. `items` is an array of pointers to items. */
static inline size_t
names_place(const void *items, size_t count, struct slice name)
{
    size_t lo = 0, hi = count;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (slice_cmp(names__at(items, mid), name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Whether it is there, where names_place() says. */
static inline bool
names_has(const void *items, size_t count, size_t at, struct slice name)
{
    return at < count && slice_eq(names__at(items, at), name);
}

/* Puts a pointer in at `at`, in an array that has room for one more. */
static inline void
names_put(void *items, size_t *count, size_t at, const void *item)
{
    char *to = (char *)items + at * sizeof(item);

    memmove(to + sizeof(item), to, (*count - at) * sizeof(item));
    memcpy(to, &item, sizeof(item));
    ++*count;
}

static inline void
names_take(void *items, size_t *count, size_t at)
{
    char *from = (char *)items + at * sizeof(void *);

    --*count;
    memmove(from, from + sizeof(void *), (*count - at) * sizeof(void *));
}

#endif
