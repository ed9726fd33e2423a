/* base/mem.c - memory over jemalloc, or over the C library where a sanitizer watches.
 *
 * The counters below are the allocator's, one of the two kinds of mutable globals the project allows itself.
 */
#include "base/mem.h"

#include "base/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef SORREL_JEMALLOC
#include <jemalloc/jemalloc.h>
#else
#include <malloc.h>
#endif

#ifdef SORREL_JEMALLOC
#define TEXT_OF(number) #number
#define TEXT(macro)     TEXT_OF(macro)

/* Free runs of pages go back to the kernel with time, those of so many bytes at once. With jemalloc's 8 MiB a value of
 * 10 MiB that is written again and again costs 2,500 page faults each time. */
#define GIVEN_BACK_AT_ONCE 67108864

/* Read by jemalloc when it starts; MALLOC_CONF in the environment overrides it. A slab of a small size class gets 512
 * regions instead of the 64 to 256 that fit its default size: the allocator keeps 128 bytes about each slab, which
 * would be a whole byte for each key. */
#define SLABS                                                                                                   \
    "slab_sizes:16-16:2|32-32:4|48-48:6|64-64:8|80-80:10|96-96:12|112-112:14|128-128:16|160-160:20|192-192:24|" \
    "224-224:28|256-256:32|320-320:40"
const char *malloc_conf = SLABS ",oversize_threshold:" TEXT(GIVEN_BACK_AT_ONCE);
#endif

static _Thread_local uint64_t fail_countdown; /* 0: never; 1: every call from now on fails */

static bool
must_fail(void)
{
    if (LIKELY(fail_countdown == 0))
        return false;
    if (fail_countdown > 1) {
        fail_countdown--;
        return false;
    }
    return true;
}

void
mem_fail_after(uint64_t n)
{
    fail_countdown = n;
}

_Noreturn static void
out_of_memory(size_t n)
{
    fprintf(stderr, "sorrel: out of memory asking for %zu bytes; set maxmemory below what the machine has\n", n);
    abort();
}

#ifdef SORREL_JEMALLOC

static inline void *
counted(void *p)
{
    return p;
}

static inline void
uncount(void *p)
{
    (void)p;
}

#else /* a sanitizer's allocator does not say how much is in use */

static _Atomic int64_t bytes_counted;

static void *
counted(void *p)
{
    atomic_fetch_add_explicit(&bytes_counted, (int64_t)mem_size_of(p), memory_order_relaxed);
    return p;
}

static void
uncount(void *p)
{
    atomic_fetch_sub_explicit(&bytes_counted, (int64_t)mem_size_of(p), memory_order_relaxed);
}

#endif

/* realloc() for all builds. */
static void *
resize(void *p, size_t n)
{
    uncount(p);
    void *q = realloc(p, n > 0 ? n : 1);
    counted(q != NULL ? q : p);
    return q;
}

void *
mem_get(size_t n)
{
    void *p = counted(malloc(n));
    if (UNLIKELY(p == NULL))
        out_of_memory(n);
    return p;
}

void *
mem_get_zero(size_t n)
{
    void *p = counted(calloc(1, n));
    if (UNLIKELY(p == NULL))
        out_of_memory(n);
    return p;
}

void *
mem_get_array(size_t n, size_t size)
{
    size_t bytes;

    CHECK(size_mul(n, size, &bytes));
    return mem_get(bytes > 0 ? bytes : 1);
}

void *
mem_try(size_t n)
{
    return must_fail() ? NULL : counted(malloc(n > 0 ? n : 1));
}

void *
mem_try_zero(size_t n)
{
    return must_fail() ? NULL : counted(calloc(1, n > 0 ? n : 1));
}

void *
mem_resize(void *p, size_t n)
{
    void *q = resize(p, n);
    if (UNLIKELY(q == NULL))
        out_of_memory(n);
    return q;
}

void *
mem_resize_try(void *p, size_t n)
{
    return must_fail() ? NULL : resize(p, n);
}

void
mem_free(void *p)
{
    uncount(p);
    free(p);
}

void *
mem_get_zero_aligned(size_t align, size_t n)
{
    size_t rounded;

    CHECK(size_add(n, align - 1, &rounded));
    rounded &= ~(align - 1);
    void *p = counted(aligned_alloc(align, rounded));
    if (UNLIKELY(p == NULL))
        out_of_memory(n);
    return memset(p, 0, rounded);
}

char *
mem_copy_text(const char *text)
{
    size_t n = strlen(text) + 1;

    return memcpy(mem_get(n), text, n);
}

enum { PAGE_BYTES = 4096 };
static _Atomic int64_t pages_counted;

void *
mem_pages_get(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (UNLIKELY(p == MAP_FAILED))
        out_of_memory(n);
    return p;
}

void
mem_pages_free(void *p, size_t n)
{
    if (p != NULL)
        CHECK(munmap(p, n) == 0);
}

void
mem_pages_drop(void *p, size_t n)
{
    uintptr_t from = ((uintptr_t)p + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
    uintptr_t to = ((uintptr_t)p + n) & ~(uintptr_t)(PAGE_BYTES - 1);

    if (from < to)
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}

void
mem_pages_count(int64_t bytes)
{
    atomic_fetch_add_explicit(&pages_counted, bytes, memory_order_relaxed);
}

#ifdef SORREL_JEMALLOC

/* Where jemalloc keeps the running totals of each attached thread. A thread that ends leaves its balance behind. */
enum { THREADS_MAX = 64 };
struct thread_totals {
    const volatile uint64_t *allocated, *deallocated;
};
static struct thread_totals threads[THREADS_MAX];
static size_t thread_count;
static int64_t departed_balance;
static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool attached;

static uint64_t *
total_ptr(const char *name)
{
    uint64_t *p = NULL;
    size_t len = sizeof(p);

    return mallctl(name, &p, &len, NULL, 0) == 0 ? p : NULL;
}

/* The first arena is older than the reading of malloc_conf. */
static void
first_arena_init(void)
{
    size_t bytes = GIVEN_BACK_AT_ONCE;

    (void)mallctl("arena.0.oversize_threshold", NULL, NULL, &bytes, sizeof(bytes));
}

void
mem_thread_attach(void)
{
    if (attached)
        return;
    first_arena_init();
    struct thread_totals t = {total_ptr("thread.allocatedp"), total_ptr("thread.deallocatedp")};
    pthread_mutex_lock(&threads_lock);
    if (t.allocated != NULL && t.deallocated != NULL && thread_count < THREADS_MAX) {
        threads[thread_count++] = t;
        attached = true;
    }
    pthread_mutex_unlock(&threads_lock);
}

void
mem_thread_detach(void)
{
    if (!attached)
        return;
    const uint64_t *mine = total_ptr("thread.allocatedp");
    CHECK(mine != NULL);
    pthread_mutex_lock(&threads_lock);
    for (size_t i = 0; i < thread_count; i++) {
        if (threads[i].allocated == mine) {
            departed_balance += (int64_t)(*threads[i].allocated - *threads[i].deallocated);
            threads[i] = threads[--thread_count];
            break;
        }
    }
    pthread_mutex_unlock(&threads_lock);
    attached = false;
}

size_t
mem_used(void)
{
    int64_t sum = departed_balance + atomic_load_explicit(&pages_counted, memory_order_relaxed);

    if (UNLIKELY(!attached))
        mem_thread_attach();
    for (size_t i = 0; i < thread_count; i++)
        sum += (int64_t)(*threads[i].allocated - *threads[i].deallocated);
    return sum > 0 ? (size_t)sum : 0;
}

size_t
mem_good_size(size_t n)
{
    if (LIKELY(n <= 128))
        return n <= 8 ? 8 : (n + 15) & ~(size_t)15;
    return nallocx(n, 0);
}

size_t
mem_size_of(const void *p)
{
    return p == NULL ? 0 : malloc_usable_size((void *)(uintptr_t)p);
}

static size_t
stat_value(const char *name)
{
    size_t v = 0, len = sizeof(v);

    return mallctl(name, &v, &len, NULL, 0) == 0 ? v : 0;
}

void
mem_stats_get(struct mem_stats *out)
{
    uint64_t epoch = 1;
    size_t len = sizeof(epoch);

    (void)mallctl("epoch", &epoch, &len, &epoch, sizeof(epoch));
    out->allocated = stat_value("stats.allocated");
    out->active = stat_value("stats.active");
    out->resident = stat_value("stats.resident");
    out->retained = stat_value("stats.retained");
    out->mapped = stat_value("stats.mapped");
    out->metadata = stat_value("stats.metadata");
    out->muzzy = stat_value("stats.arenas.4096.pmuzzy") * stat_value("arenas.page");
}

const char *
mem_allocator_name(void)
{
    return "jemalloc-5.3.0";
}

void
mem_purge(void)
{
    /* 4096 is MALLCTL_ARENAS_ALL, which the header spells as a number for use inside such names. */
    (void)mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
}

void
mem_decay(void)
{
    (void)mallctl("arena.4096.decay", NULL, NULL, NULL, 0);
}

#else /* the C library, under a sanitizer or valgrind */

void
mem_thread_attach(void)
{
}

void
mem_thread_detach(void)
{
}

size_t
mem_used(void)
{
    return (size_t)(atomic_load_explicit(&bytes_counted, memory_order_relaxed) +
                    atomic_load_explicit(&pages_counted, memory_order_relaxed));
}

size_t
mem_good_size(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

size_t
mem_size_of(const void *p)
{
    return p == NULL ? 0 : malloc_usable_size((void *)(uintptr_t)p);
}

void
mem_stats_get(struct mem_stats *out)
{
    memset(out, 0, sizeof(*out));
    out->allocated = mem_used();
}

const char *
mem_allocator_name(void)
{
    return "libc";
}

void
mem_purge(void)
{
    malloc_trim(0);
}

void
mem_decay(void)
{
}

#endif
