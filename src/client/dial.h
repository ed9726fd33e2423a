/* client/dial.h - getting a connected socket.
 *
 * A socket, not a connection: nothing is sent, nothing is known of the protocol.
 */
#ifndef SORREL_CLIENT_DIAL_H
#define SORREL_CLIENT_DIAL_H

#include "sorrel/url.h"

struct addrinfo;

/* Connects to the URL's TCP address (every address that the name has, in turn, within the connect time-out as a whole,
 * which covers the look-up of the name) or Unix socket. The descriptor is blocking, close-on-exec, and for TCP has no
 * delay and keep-alive set. Its send and receive time-outs are not set. SORREL_ERR_CONNECT or _TIMEOUT; err->text is
 * then the bare reason
 * ("Connection refused"), so that callers can put the place in front. */
enum sorrel_rc dial(const struct sorrel_url *u, int *fd, struct sorrel_error *err);

/* When, on the way to `deadline` (of the monotonic clock in ms; -1: none), to give up an address that does not answer
 * and has `others` behind it. */
int64_t dial_share(int64_t deadline, int others);
/* How many addresses are behind this one in its list. */
int dial_others(const struct addrinfo *a);

#endif
