/* base/prefetch.h - asks for a cache line without waiting for it.
 *
 * Not the bare builtin: gcc (12 at least) takes a function that does nothing else for one without effect, and drops the
 * calls to it. The empty volatile statement is the effect that keeps them.
 */
#ifndef SORREL_BASE_PREFETCH_H
#define SORREL_BASE_PREFETCH_H

static inline void
prefetch(const void *p)
{
    __builtin_prefetch(p);
    __asm__ volatile("");
}

#endif
