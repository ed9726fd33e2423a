/* base/lookup.c - see lookup.h. The asker and the thread each hold the look-up; who lets go last frees it. */
#include "base/lookup.h"

#include "base/mem.h"
#include "base/thread.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Held by its owner and by each thread that runs. */
struct lookup_limit {
    atomic_uint holders;
    unsigned most;
};

struct lookup {
    struct lookup_limit *limit; /* NULL: none; held until the thread ends */
    atomic_int holders;
    int fd; /* an eventfd */
    uint16_t port;
    int error;
    struct addrinfo *list;
    char host[];
};

struct lookup_limit *
lookup_limit_new(unsigned most)
{
    struct lookup_limit *limit = mem_get(sizeof(*limit));

    atomic_init(&limit->holders, 1);
    limit->most = most;
    return limit;
}

void
lookup_limit_free(struct lookup_limit *limit)
{
    if (limit != NULL && atomic_fetch_sub(&limit->holders, 1) == 1)
        mem_free(limit);
}

static bool
may_begin(struct lookup_limit *limit)
{
    if (limit == NULL || atomic_fetch_add(&limit->holders, 1) <= limit->most)
        return true;
    lookup_limit_free(limit);
    return false;
}

int
lookup_now(const char *host, uint16_t port, int flags, struct addrinfo **list)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    char service[8];

    snprintf(service, sizeof(service), "%u", port);
    *list = NULL;
    return getaddrinfo(host, service, &hints, list);
}

static void
let_go(struct lookup *l)
{
    if (atomic_fetch_sub(&l->holders, 1) > 1)
        return;
    if (l->list != NULL)
        freeaddrinfo(l->list);
    close(l->fd);
    mem_free(l);
}

static void *
run(void *arg)
{
    struct lookup *l = arg;
    struct lookup_limit *limit = l->limit;
    uint64_t one = 1;

    mem_thread_attach(); /* what is found is freed by another thread */
    l->error = lookup_now(l->host, l->port, 0, &l->list);
    /* Nothing else is ever written to it, so there is room. */
    if (write(l->fd, &one, sizeof(one)) < 0)
        l->error = EAI_SYSTEM;
    let_go(l);
    lookup_limit_free(limit);
    mem_thread_detach();
    return NULL;
}

static bool
start(struct lookup *l)
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool ok = thread_begin(&thread, &attr, run, l);
    pthread_attr_destroy(&attr);
    return ok;
}

struct lookup *
lookup_begin(struct lookup_limit *limit, const char *host, uint16_t port)
{
    size_t len = strlen(host) + 1;

    if (!may_begin(limit))
        return NULL;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd >= 0) {
        struct lookup *l = mem_get_zero(sizeof(*l) + len);
        l->limit = limit;
        l->fd = fd;
        l->port = port;
        atomic_init(&l->holders, 2);
        memcpy(l->host, host, len);
        if (start(l))
            return l;
        close(fd);
        mem_free(l);
    }
    lookup_limit_free(limit);
    return NULL;
}

int
lookup_fd(const struct lookup *l)
{
    return l->fd;
}

bool
lookup_is_over(const struct lookup *l)
{
    struct pollfd p = {.fd = l->fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

int
lookup_take(struct lookup *l, struct addrinfo **list)
{
    uint64_t times;
    int error = read(l->fd, &times, sizeof(times)) > 0 ? l->error : EAI_AGAIN;

    *list = NULL;
    if (error == 0) {
        *list = l->list;
        l->list = NULL;
    }
    let_go(l);
    return error;
}

void
lookup_abandon(struct lookup *l)
{
    if (l != NULL)
        let_go(l);
}
