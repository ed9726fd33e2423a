/* cli/pager.h - long texts go through a pager, as people set it up: SORREL_CLI_PAGER, else PAGER, else less. */
#ifndef SORREL_CLI_PAGER_H
#define SORREL_CLI_PAGER_H

#include "base/slice.h"

#include <stdbool.h>

/* Shows the text if it has more rows than the terminal `fd` and a pager can be started; an empty variable wants none.
 * False: the caller prints it. */
bool pager_show(int fd, struct slice text);

#endif
