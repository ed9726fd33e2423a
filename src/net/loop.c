/* net/loop.c - the event loop over epoll. */
#include "net/loop.h"

#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

_Static_assert((int)LOOP_READ == (int)EPOLLIN && (int)LOOP_WRITE == (int)EPOLLOUT &&
                   (int)LOOP_PEER_GONE == (int)EPOLLRDHUP,
               "these are the kernel's bits");

/* Bounds what one turn touches before anything is written back. */
enum { EVENTS_MAX = 512 };

struct loop {
    int epoll_fd;
    int count, at; /* events of this turn, and the one being dispatched */
    struct source wake;
    struct epoll_event events[EVENTS_MAX];
};

static void
drain_wake(struct source *src, uint32_t events)
{
    uint64_t ignored;

    ssize_t n = read(src->fd, &ignored, sizeof(ignored));
    (void)n;
}

struct loop *
loop_new(void)
{
    struct loop *l = mem_get_zero(sizeof(*l));

    l->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->wake.ready = drain_wake;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0 || l->wake.fd < 0 || !loop_add(l, &l->wake, LOOP_READ)) {
        int saved = errno;
        loop_free(l);
        errno = saved;
        return NULL;
    }
    return l;
}

void
loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    if (l->wake.fd >= 0)
        close(l->wake.fd);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    mem_free(l);
}

bool
loop_add(struct loop *l, struct source *src, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = src};

    CHECK(src->ready != NULL);
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, src->fd, &e) != 0)
        return false;
    src->events = events;
    return true;
}

void
loop_watch(struct loop *l, struct source *src, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = src};

    if (src->events == events)
        return;
    CHECK(epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, src->fd, &e) == 0);
    src->events = events;
}

void
loop_remove(struct loop *l, struct source *src)
{
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, src->fd, NULL);
    /* An event of this turn may still be waiting for it, and it may be freed right after this call. */
    for (int i = l->at; i < l->count; i++)
        if (l->events[i].data.ptr == src)
            l->events[i].data.ptr = NULL;
}

int
loop_wait(struct loop *l, int64_t timeout_ms)
{
    int timeout = timeout_ms < 0 ? -1 : timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;

    l->at = 0;
    l->count = epoll_wait(l->epoll_fd, l->events, EVENTS_MAX, timeout);
    if (l->count < 0)
        l->count = 0; /* EINTR: nothing is ready */
    return l->count;
}

void
loop_rest(uint32_t us)
{
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

    (void)nanosleep(&t, NULL); /* a signal may end it sooner */
}

void
loop_dispatch(struct loop *l)
{
    while (l->at < l->count) {
        struct epoll_event *e = &l->events[l->at++];
        struct source *src = e->data.ptr;
        if (src != NULL)
            src->ready(src, e->events);
    }
    l->count = l->at = 0;
}

void
loop_wake(struct loop *l)
{
    uint64_t one = 1;

    ssize_t n = write(l->wake.fd, &one, sizeof(one));
    (void)n;
}
