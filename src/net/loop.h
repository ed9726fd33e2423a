/* net/loop.h - waiting for many descriptors at once (epoll, level-triggered).
 *
 * A turn has two halves, so that the owner can read the clock in between: loop_wait() sleeps until something is ready,
 * loop_dispatch() calls the ready sources. Timers are not the loop's business: the owner says how long to sleep.
 *
 * Threads: one owner; loop_wake() alone may be called from any thread.
 */
#ifndef SORREL_NET_LOOP_H
#define SORREL_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum { LOOP_READ = 1, LOOP_WRITE = 4, LOOP_PEER_GONE = 0x2000 }; /* EPOLLIN, EPOLLOUT, EPOLLRDHUP */

/* Embedded in whatever has a descriptor. May be removed and freed from inside any `ready`. */
struct source {
    int fd;
    uint32_t events; /* what it is watched for; the loop's */
    void (*ready)(struct source *src, uint32_t events);
};

struct loop;
struct loop *loop_new(void); /* NULL with errno set */
void loop_free(struct loop *l);

/* False with errno set. The source stays where it is until loop_remove(), which must come before its descriptor closes.
 */
bool loop_add(struct loop *l, struct source *src, uint32_t events);
/* Watches for other events; no system call if they are the same. */
void loop_watch(struct loop *l, struct source *src, uint32_t events);
void loop_remove(struct loop *l, struct source *src);

/* Sleeps for at most timeout_ms (negative: for ever). Returns how many sources are ready. */
int loop_wait(struct loop *l, int64_t timeout_ms);
void loop_dispatch(struct loop *l);
/* Sleeps for that long, whatever becomes ready; to the microsecond if the thread's timer slack allows it. */
void loop_rest(uint32_t us);

/* Ends a loop_wait(), the one that is running or else the next. */
void loop_wake(struct loop *l);

#endif
