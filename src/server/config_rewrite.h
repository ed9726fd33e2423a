/* server/config_rewrite.h - CONFIG REWRITE: the values in force, into the file they came from. */
#ifndef SORREL_SERVER_CONFIG_REWRITE_H
#define SORREL_SERVER_CONFIG_REWRITE_H

#include "server/config.h"

/* Keeps comments, blank lines, includes and the order of lines; changes lines whose value has changed, drops those that
 * went back to the default, adds new ones at the end. `users` are lines for all users, which take the place of the
 * file's own. The file is replaced in one step, so that a crash leaves the old or the new one. False with a reason when
 * it can't be written. */
bool config_rewrite(const struct config *c, struct slice users, const char *path, struct buf *why);
/* Whether what config_rewrite() has just failed with (errno) means that the file may not be changed where it is. */
bool config_is_read_only(int error);

/* Text that is read back as these words, which are separated by blanks: quoted where they hold what has a meaning. */
void config_quote_words(struct slice words, struct buf *out);

/* Where a file that may not be changed has its changes: read after it, before the command line. */
#define CONFIG_OVERLAY "sorrel-overlay.conf" /* in `dir` */
/* Writes what is in force and not as the file at `path` says, but for `dir`. */
bool config_overlay_write(const struct config *c, struct slice users, const char *path, const char *overlay,
                          struct buf *why);

#endif
