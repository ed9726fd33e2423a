/* server/users.h - where users come from: lines of the configuration file, or a file of their own. */
#ifndef SORREL_SERVER_USERS_H
#define SORREL_SERVER_USERS_H

#include "engine/acl.h"
#include "server/config.h"

/* At the start: the users of `aclfile`, or those of the configuration's `user` lines (not both). False with a reason.
 */
bool users_load(struct engine *e, const struct config *c, struct buf *why);
/* Lines for the configuration file that make the users as they are now. Empty if they are in an ACL file, or if there
 * is only the default user as he is without any line. */
void users_to_config(struct engine *e, const struct config *c, struct buf *out);
/* ACL LOAD and SAVE. All users of the file or none; the file is replaced in one step. */
bool users_read_file(struct engine *e, const char *path, struct buf *why);
bool users_write_file(struct engine *e, const char *path, struct buf *why);

#endif
