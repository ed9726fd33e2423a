/* base/lookup.h - looking up the name of a host while the caller does other things.
 *
 * The system's resolver blocks, so each look-up has a thread, which a descriptor tells the end of. A look-up that
 * nobody wants any more is left to its thread. Threads: a look-up belongs to who began it.
 */
#ifndef SORREL_BASE_LOOKUP_H
#define SORREL_BASE_LOOKUP_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

struct lookup;

/* Bounds how many threads look up at a time for somebody, those included that nobody waits for any more. */
struct lookup_limit;
struct lookup_limit *lookup_limit_new(unsigned most);
/* Those that run go on. NULL is fine. */
void lookup_limit_free(struct lookup_limit *limit);

/* Looks up in this thread: for addresses, which need no resolver (AI_NUMERICHOST in flags), and where no thread is to
 * be had. 0 and *list, the caller's to freeaddrinfo(), or what getaddrinfo() failed with. */
int lookup_now(const char *host, uint16_t port, int flags, struct addrinfo **list);
/* Begins to look host up, which is copied. NULL when there are no threads or descriptors left, or no more are allowed
 * (limit NULL: there is none). */
struct lookup *lookup_begin(struct lookup_limit *limit, const char *host, uint16_t port);
/* Is readable when the look-up is over. It stays the look-up's. */
int lookup_fd(const struct lookup *l);
bool lookup_is_over(const struct lookup *l);
/* Once it is over: the result, as lookup_now(), and the end of l. */
int lookup_take(struct lookup *l, struct addrinfo **list);
/* At any other time: nobody wants to know any more. NULL is fine. */
void lookup_abandon(struct lookup *l);

#endif
