/* client/worker.c - see worker_priv.h. */
#include "client/worker_priv.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/thread.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct start {
    worker_fn *fn;
    void *ctx;
};

static void *
run(void *arg)
{
    struct start s = *(struct start *)arg;

    mem_free(arg);
    s.fn(s.ctx);
    return NULL;
}

bool
worker__start(struct worker *w, worker_fn *fn, void *ctx)
{
    CHECK(!w->started);
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake_fd < 0)
        return false;
    struct start *s = mem_get(sizeof(*s));
    *s = (struct start){fn, ctx};
    atomic_store(&w->stop, false);
    if (!thread_begin(&w->thread, NULL, run, s)) {
        mem_free(s);
        close(w->wake_fd);
        return false;
    }
    w->process = getpid();
    w->started = true;
    return true;
}

void
worker__wake(struct worker *w)
{
    uint64_t one = 1;

    if (!w->started)
        return;
    /* It can only fail when the counter is full, and then the thread is being woken anyway. */
    if (write(w->wake_fd, &one, sizeof(one)) < 0)
        return;
}

void
worker__stop(struct worker *w)
{
    if (!w->started)
        return;
    if (w->process == getpid()) {
        atomic_store(&w->stop, true);
        worker__wake(w);
        pthread_join(w->thread, NULL);
    }
    close(w->wake_fd);
    w->started = false;
}

enum worker_event
worker__wait(struct worker *w, struct sorrel_conn *c, int ms)
{
    uint64_t count;

    if (c != NULL && sorrel_conn_wait(c, 0))
        return WORKER_READABLE;
    struct pollfd p[2] = {{.fd = w->wake_fd, .events = POLLIN},
                          {.fd = c != NULL ? sorrel_conn_fd(c) : -1, .events = POLLIN}};
    if (poll(p, 2, ms) <= 0)
        return WORKER_TIMEOUT;
    if (p[0].revents != 0) {
        if (read(w->wake_fd, &count, sizeof(count)) < 0)
            return WORKER_TIMEOUT;
        return WORKER_WOKEN;
    }
    return WORKER_READABLE;
}
