/* cmd/cmd_hash_priv.h - what the files of the hash family share. */
#ifndef SORREL_CMD_CMD_HASH_PRIV_H
#define SORREL_CMD_CMD_HASH_PRIV_H

#include "engine/exec.h"

/* Replies with a field's value, or null. hash may be NULL. */
void hash__reply_field(struct exec *x, const struct hash *hash, struct slice field);

#endif
