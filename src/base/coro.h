/* base/coro.h - a function on a stack of its own, which can stop in the middle and go on later.
 *
 * The caller and the function take turns on one thread: coro_resume() runs the function until it calls coro_pause() or
 * returns. Sanitizers are told about the change of stacks.
 *
 * Threads: one owner at a time.
 */
#ifndef SORREL_BASE_CORO_H
#define SORREL_BASE_CORO_H

#include <stdbool.h>

struct coro;
typedef void coro_fn(void *arg);

/* The stack (512 KiB, of which only what is used takes memory, with a guard page below it) comes with it. NULL when
 * there is no memory for one. */
struct coro *coro_new(void);
/* It must not be under way. NULL is fine. */
void coro_free(struct coro *c);
/* Makes fn(arg) what the next coro_resume() starts. The one before must have returned. */
void coro_start(struct coro *c, coro_fn *fn, void *arg);
/* Runs the function until it pauses or returns. True: it has returned. */
bool coro_resume(struct coro *c);
/* From inside the function: back to whoever resumed it. */
void coro_pause(struct coro *c);

#endif
