/* cmd/families.h - the list of all command families, for engine_options.families. */
#ifndef SORREL_CMD_FAMILIES_H
#define SORREL_CMD_FAMILIES_H

#include "engine/cmd.h"

/* Tables of rows, each ended by a row without a name; the list ends with NULL. */
extern const struct cmd *const cmd_families[];

#endif
