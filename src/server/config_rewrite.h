/* server/config_rewrite.h - CONFIG REWRITE: the values in force, into the file they came from. */
#ifndef SORREL_SERVER_CONFIG_REWRITE_H
#define SORREL_SERVER_CONFIG_REWRITE_H

#include "server/config.h"

/* Keeps comments, blank lines, includes and the order of lines; changes lines whose value has changed, drops those that
 * went back to the default, adds new ones at the end. The file is replaced in one step, so that a crash leaves the old
 * or the new one. False with a reason when it can't be written. */
bool config_rewrite(const struct config *c, const char *path, struct buf *why);

#endif
