/* client/async_dial.h - connecting without waiting: one address after the other. */
#ifndef SORREL_CLIENT_ASYNC_DIAL_H
#define SORREL_CLIENT_ASYNC_DIAL_H

#include "sorrel/url.h"

struct addrinfo;

struct async_dial {
    struct addrinfo *list, *next; /* TCP: the addresses of the host */
    bool unix_done;
};

/* Looks the host up. All-zero d before the first. On failure err->text is the bare reason. */
enum sorrel_rc async_dial__begin(struct async_dial *d, const struct sorrel_url *u, struct sorrel_error *err);
/* Begins to connect to the next address: a non-blocking descriptor, the caller's. When it is writable,
 * async_dial__result() says how it went. SORREL_ERR_CONNECT, err as it was if it was set, when there is none left. */
enum sorrel_rc async_dial__next(struct async_dial *d, const struct sorrel_url *u, int *fd, struct sorrel_error *err);
/* 0, or the errno of a connect that is over. */
int async_dial__result(int fd);
void async_dial__fini(struct async_dial *d);

#endif
