/* server/config_rewrite.h - CONFIG REWRITE: the values in force, into the file they came from. */
#ifndef SORREL_SERVER_CONFIG_REWRITE_H
#define SORREL_SERVER_CONFIG_REWRITE_H

#include "engine/acl.h"
#include "server/config.h"

/* In both, `users` is the engine whose users stand in the file as `user` lines; NULL when they do not (aclfile has them). */

/* Keeps comments, blank lines, includes and the order of lines; changes lines whose value has changed, drops those that
 * went back to the default, adds new ones at the end. The file is replaced in one step, so that a crash leaves the old
 * or the new one. False with a reason when it can't be written. */
bool config_rewrite(const struct config *c, struct engine *users, const char *path, struct buf *why);
/* Whether what config_rewrite() has just failed with (errno) means that the file may not be changed where it is. */
bool config_is_read_only(int error);

/* Where a file that may not be changed has its changes: read after it, before the command line. */
#define CONFIG_OVERLAY "sorrel-overlay.conf" /* in `dir` */
/* Writes what is in force and not as the file at `path` says, but for `dir`. A user of the file that is gone is reset: off,
 * and with no rights. */
bool config_overlay_write(const struct config *c, struct engine *users, const char *path, const char *overlay,
                          struct buf *why);

#endif
