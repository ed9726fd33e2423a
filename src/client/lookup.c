/* client/lookup.c - see lookup.h. The asker and the thread each hold the look-up; who lets go last frees it. */
#include "client/lookup.h"

#include "base/mem.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct lookup {
    atomic_int holders;
    int fd; /* an eventfd */
    uint16_t port;
    int error;
    struct addrinfo *list;
    char host[];
};

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
    uint64_t one = 1;

    l->error = lookup_now(l->host, l->port, 0, &l->list);
    /* Nothing else is ever written to it, so there is room. */
    if (write(l->fd, &one, sizeof(one)) < 0)
        l->error = EAI_SYSTEM;
    let_go(l);
    return NULL;
}

struct lookup *
lookup_begin(const char *host, uint16_t port)
{
    size_t len = strlen(host) + 1;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;

    if (fd < 0)
        return NULL;
    struct lookup *l = mem_get(sizeof(*l) + len);
    l->fd = fd;
    l->port = port;
    l->error = 0;
    l->list = NULL;
    atomic_init(&l->holders, 2);
    memcpy(l->host, host, len);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    /* Signals are the program's: none of its handlers may run in here. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&thread, &attr, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (e == 0)
        return l;
    close(fd);
    mem_free(l);
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
