/* base/coro.c - stacks by mmap(), changing between them by ucontext. Its two system calls at each change are nothing
 * beside the half millisecond that commands run in between. */
#include "base/coro.h"

#include "base/check.h"
#include "base/mem.h"

#include <sys/mman.h>
#include <ucontext.h>

#ifdef __has_feature /* clang */
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__ /* gcc */
#define WITH_ASAN 1
#endif
#ifdef WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#define WITH_TSAN 1
#include <sanitizer/tsan_interface.h>
#endif

enum { STACK_BYTES = 512 * 1024, GUARD_BYTES = 4096 };

struct coro {
    ucontext_t own, caller;
    char *stack; /* the guard page first */
    coro_fn *fn;
    void *arg;
    bool under_way;
#ifdef WITH_ASAN
    void *own_fake, *caller_fake;
    const void *caller_stack;
    size_t caller_size;
#endif
#ifdef WITH_TSAN
    void *own_fiber, *caller_fiber;
#endif
};

struct coro *
coro_new(void)
{
    char *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

    if (stack == MAP_FAILED)
        return NULL;
    if (mprotect(stack, GUARD_BYTES, PROT_NONE) != 0) {
        (void)munmap(stack, STACK_BYTES);
        return NULL;
    }
    struct coro *c = mem_get_zero(sizeof(*c));
    c->stack = stack;
    return c;
}

void
coro_free(struct coro *c)
{
    if (c == NULL)
        return;
    CHECK(!c->under_way);
    (void)munmap(c->stack, STACK_BYTES);
    mem_free(c);
}

static void
into(struct coro *c)
{
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&c->caller_fake, c->stack + GUARD_BYTES, STACK_BYTES - GUARD_BYTES);
#endif
#ifdef WITH_TSAN
    c->caller_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(c->own_fiber, 0);
#endif
    (void)swapcontext(&c->caller, &c->own);
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(c->caller_fake, NULL, NULL);
#endif
}

static void
out_of(struct coro *c, bool for_good)
{
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(for_good ? NULL : &c->own_fake, c->caller_stack, c->caller_size);
#endif
#ifdef WITH_TSAN
    __tsan_switch_to_fiber(c->caller_fiber, 0);
#endif
    (void)swapcontext(&c->own, &c->caller);
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(c->own_fake, &c->caller_stack, &c->caller_size);
#endif
}

/* makecontext() passes ints only: a pointer comes in two halves. */
static void
begin(unsigned high, unsigned low)
{
    struct coro *c = (struct coro *)((uintptr_t)high << 32 | (uintptr_t)low);

#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(NULL, &c->caller_stack, &c->caller_size);
#endif
    c->fn(c->arg);
    c->under_way = false;
    out_of(c, true);
}

void
coro_start(struct coro *c, coro_fn *fn, void *arg)
{
    uintptr_t self = (uintptr_t)c;

    CHECK(!c->under_way);
    c->fn = fn;
    c->arg = arg;
    c->under_way = true;
    (void)getcontext(&c->own);
    c->own.uc_stack.ss_sp = c->stack + GUARD_BYTES;
    c->own.uc_stack.ss_size = STACK_BYTES - GUARD_BYTES;
    c->own.uc_link = NULL;
    makecontext(&c->own, (void (*)(void))begin, 2, (unsigned)(self >> 32), (unsigned)(self & UINT32_MAX));
#ifdef WITH_TSAN
    c->own_fiber = __tsan_create_fiber(0);
#endif
}

bool
coro_resume(struct coro *c)
{
    CHECK(c->under_way);
    into(c);
#ifdef WITH_TSAN
    if (!c->under_way)
        __tsan_destroy_fiber(c->own_fiber);
#endif
    return !c->under_way;
}

void
coro_pause(struct coro *c)
{
    out_of(c, false);
}
