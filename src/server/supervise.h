/* server/supervise.h - telling systemd how far the server is: ready, loading, stopping.
 *
 * One datagram each to the socket that NOTIFY_SOCKET names; nothing happens without one, or when the configuration does
 * not want it (supervised).
 */
#ifndef SORREL_SERVER_SUPERVISE_H
#define SORREL_SERVER_SUPERVISE_H

#include "server/config.h"

bool supervise_wanted(const struct config *c);
/* Lines of "NAME=value". */
void supervise_tell(const struct config *c, const char *lines);

#endif
