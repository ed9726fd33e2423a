/* base/cores.h - on which cores a thread may run.
 *
 * A list names cores by number, in ranges and in ranges with a stride: "0,2-5,8-15:2". An empty one asks for nothing.
 */
#ifndef SORREL_BASE_CORES_H
#define SORREL_BASE_CORES_H

#include "base/slice.h"

#include <stdbool.h>

bool cores_valid(struct slice list);
/* Keeps the calling thread, and those that it starts from now on, to the cores of a valid list. Where the kernel
 * refuses, the log says so and nothing changes. */
void cores_pin(struct slice list);

#endif
