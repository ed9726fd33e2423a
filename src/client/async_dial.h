/* client/async_dial.h - connecting without waiting: the name is looked up, then one address after the other is tried.
 */
#ifndef SORREL_CLIENT_ASYNC_DIAL_H
#define SORREL_CLIENT_ASYNC_DIAL_H

#include "sorrel/url.h"

struct addrinfo;
struct lookup;

struct async_dial {
    struct addrinfo *list, *next; /* TCP: the addresses of the host */
    struct lookup *lookup;        /* while the name is being looked up */
    bool unix_done;
};

/* Begins: finds the addresses, or begins to look them up. All-zero d before the first. On failure err->text is the bare
 * reason. */
enum sorrel_rc async_dial__begin(struct async_dial *d, const struct sorrel_url *u, struct sorrel_error *err);
/* The descriptor that is readable when the look-up is over; -1 when there is none to wait for. It stays d's. */
int async_dial__lookup_fd(const struct async_dial *d);
bool async_dial__is_looked_up(const struct async_dial *d);
/* Then: takes the result of the look-up. Fails as async_dial__begin(). */
enum sorrel_rc async_dial__looked_up(struct async_dial *d, struct sorrel_error *err);
/* Begins to connect to the next address: a non-blocking descriptor, the caller's. When it is writable,
 * async_dial__result() says how it went. SORREL_ERR_CONNECT, err as it was if it was set, when there is none left. */
enum sorrel_rc async_dial__next(struct async_dial *d, const struct sorrel_url *u, int *fd, struct sorrel_error *err);
/* How many more addresses there are to try. */
int async_dial__others(const struct async_dial *d);
/* 0, or the errno of a connect that is over. */
int async_dial__result(int fd);
/* Gives up what is under way and forgets the rest. */
void async_dial__fini(struct async_dial *d);

#endif
