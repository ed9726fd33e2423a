/* server/families.h - the commands that need more than an engine: CONFIG, INFO. */
#ifndef SORREL_SERVER_FAMILIES_H
#define SORREL_SERVER_FAMILIES_H

#include "engine/cmd.h"

/* All tables of rows, the engine's and the server's, ended by NULL. The caller frees the list with mem_free(). */
const struct cmd **server_families(void);

#endif
