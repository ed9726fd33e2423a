/* base/mem.h - the one way to get memory.
 *
 * The allocator underneath is jemalloc (the C library's in sanitizer builds). It is process-wide on purpose: a pointer
 * to an allocator in every value would cost eight bytes a value, and the thread counters that jemalloc keeps anyway
 * give the exact sum in use without a word of bookkeeping on our side.
 *
 * Threads: every function may be called from any thread. A thread that frees or allocates much calls
 * mem_thread_attach() once, so that mem_used() sees it.
 */
#ifndef SORREL_BASE_MEM_H
#define SORREL_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Never NULL: when memory is out the process ends with a message. For sizes that we choose. */
void *mem_get(size_t n) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *mem_get_zero(size_t n) __attribute__((malloc, returns_nonnull, alloc_size(1)));
/* The text and its NUL. */
char *mem_copy_text(const char *text) __attribute__((malloc, returns_nonnull));
/* NULL when there is not that much. For sizes that a client or a file chooses. */
void *mem_try(size_t n) __attribute__((malloc, alloc_size(1)));
/* The same, zeroed: by the system, where that can be left to it, when the pages are touched. */
void *mem_try_zero(size_t n) __attribute__((malloc, alloc_size(1)));
/* p may be NULL. mem_resize never returns NULL; mem_resize_try leaves p alone when it fails. */
void *mem_resize(void *p, size_t n) __attribute__((returns_nonnull, alloc_size(2)));
void *mem_resize_try(void *p, size_t n) __attribute__((alloc_size(2)));
/* NULL is fine. */
void mem_free(void *p);

/* The bytes that an allocation of n really occupies: worth using up, and what memory accounting counts. n > 0. */
size_t mem_good_size(size_t n);
/* The bytes that p, from one of the functions above, occupies. */
size_t mem_size_of(const void *p);

/* Zeroed, at an address that is a multiple of align (a power of two). Freed with mem_free. */
void *mem_get_zero_aligned(size_t align, size_t n) __attribute__((malloc, returns_nonnull));

/* Pages straight from the system for large arrays: zeroed, and backed by memory only once they are touched. They count
 * in mem_used() as far as mem_pages_count() is told, so that an array that fills slowly counts slowly. mem_pages_drop
 * gives the whole pages inside [p, p + n) back; they read as zero afterwards. */
void *mem_pages_get(size_t n) __attribute__((malloc, returns_nonnull));
void mem_pages_free(void *p, size_t n);
void mem_pages_drop(void *p, size_t n);
void mem_pages_count(int64_t bytes);

/* Bytes handed out and not yet freed, over all attached threads. Costs two loads a thread. */
size_t mem_used(void);
void mem_thread_attach(void);
void mem_thread_detach(void);

/* Makes the n-th mem_try/mem_resize_try from now (1 = the next) and all later ones fail; 0 switches that off.
 * For fault tests, on the calling thread only. */
void mem_fail_after(uint64_t n);

/* What the allocator itself knows. resident and active are 0 where it can't tell. */
struct mem_stats {
    size_t allocated, active, resident, retained, mapped, metadata;
    size_t muzzy; /* free, and the system may take it back when it wants to */
};
void mem_stats_get(struct mem_stats *out);
const char *mem_allocator_name(void);
/* Gives free pages back to the system. */
void mem_purge(void);
/* Gives back those that have been free for some seconds. The allocator does that itself while it is busy; an idle
 * process calls this once a second, best from a thread that may take its time. */
void mem_decay(void);

/* Checked arithmetic for sizes from outside: false on overflow, *out untouched then. */
static inline bool
size_add(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool
size_mul(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

/* n items of `size` bytes; aborts on overflow, as for any size of our own choosing. */
void *mem_get_array(size_t n, size_t size) __attribute__((malloc, returns_nonnull));

#endif
