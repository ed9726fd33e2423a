/* base/arena.c - blocks chained newest first; the oldest small one survives a reset. */
#include "base/arena.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

struct arena_block {
    struct arena_block *next;
    size_t cap;
    _Alignas(16) char data[];
};

enum { BLOCK_BYTES = 16384 - sizeof(struct arena_block) };

static void
push_block(struct arena *a, size_t cap)
{
    struct arena_block *b = mem_get(sizeof(*b) + cap);

    b->next = a->head;
    b->cap = cap;
    a->head = b;
    a->next = b->data;
    a->end = b->data + cap;
}

void *
arena_get_slow(struct arena *a, size_t n)
{
    CHECK(n < SIZE_MAX / 2);
    push_block(a, n > BLOCK_BYTES ? n : BLOCK_BYTES);
    void *p = a->next;
    a->next += n;
    return p;
}

void *
arena_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;

    CHECK(size_mul(n, size, &bytes));
    return arena_get(a, bytes);
}

struct slice
arena_copy(struct arena *a, struct slice s)
{
    char *p = arena_get(a, s.len + 1);

    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return slice_of(p, s.len);
}

struct slice
arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    CHECK(n >= 0);
    char *p = arena_get(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return slice_of(p, (size_t)n);
}

size_t
arena_bytes(const struct arena *a)
{
    size_t sum = 0;

    for (const struct arena_block *b = a->head; b != NULL; b = b->next)
        sum += b->cap;
    return sum;
}

void
arena_reset(struct arena *a)
{
    if (a->head == NULL)
        return;
    while (a->head->next != NULL || a->head->cap > BLOCK_BYTES) {
        struct arena_block *b = a->head;
        a->head = b->next;
        mem_free(b);
        if (a->head == NULL) {
            a->next = a->end = NULL;
            return;
        }
    }
    a->next = a->head->data;
    a->end = a->head->data + a->head->cap;
}

void
arena_fini(struct arena *a)
{
    while (a->head != NULL) {
        struct arena_block *b = a->head;
        a->head = b->next;
        mem_free(b);
    }
    *a = (struct arena){0};
}
