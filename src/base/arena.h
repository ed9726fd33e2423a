/* base/arena.h - scratch memory for one command.
 *
 * Everything taken lives until arena_reset(), which keeps one block for the next command. All-zero is a valid empty
 * arena. One owner at a time.
 */
#ifndef SORREL_BASE_ARENA_H
#define SORREL_BASE_ARENA_H

#include "base/slice.h"

struct arena_block;
struct arena {
    struct arena_block *head;
    char *next, *end;
};

void *arena_get_slow(struct arena *a, size_t n);

/* n bytes, aligned for anything. Aborts when memory is out: bound client-chosen sizes before asking. */
static inline void *
arena_get(struct arena *a, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if ((size_t)(a->end - a->next) < n)
        return arena_get_slow(a, n);
    void *p = a->next;
    a->next += n;
    return p;
}

/* n items of `size` bytes each; aborts on overflow. */
void *arena_array(struct arena *a, size_t n, size_t size);
struct slice arena_copy(struct arena *a, struct slice s);
struct slice arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What was taken since the mark is given back, as far as it lies in the block that was current then. */
static inline struct arena
arena_mark(const struct arena *a)
{
    return *a;
}

static inline void
arena_rewind(struct arena *a, struct arena mark)
{
    if (a->head == mark.head)
        a->next = mark.next;
}

size_t arena_bytes(const struct arena *a); /* that it holds, used or not */
void arena_reset(struct arena *a);
void arena_fini(struct arena *a);

#endif
