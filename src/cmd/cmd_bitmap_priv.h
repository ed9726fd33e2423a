/* cmd/cmd_bitmap_priv.h - what the files of the bitmap family share: offsets and strings to be changed in place. */
#ifndef SORREL_CMD_CMD_BITMAP_PRIV_H
#define SORREL_CMD_CMD_BITMAP_PRIV_H

#include "engine/exec.h"

/* A bit offset inside the longest string there may be. With a scale, "#n" stands for n times the scale. */
enum rc bitmap__arg_offset(struct exec *x, struct slice arg, unsigned scale, uint64_t *out);
/* Opens the string in a key, made if needed, to change it in place; it is at least len bytes long then. *grown: it was
 * not before. Ends with bitmap__done(). */
enum rc bitmap__edit(struct exec *x, struct slice key, size_t len, struct entry **e, char **bytes, bool *grown);
void bitmap__done(struct exec *x, struct entry *e, bool changed);

#endif
