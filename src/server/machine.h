/* server/machine.h - what the machine, or the container that we run in, gives us. */
#ifndef SORREL_SERVER_MACHINE_H
#define SORREL_SERVER_MACHINE_H

#include <stdint.h>

/* Bytes of memory that this process may use: the machine's, or less where a cgroup (version 1 or 2, ours or one above
 * it) says so. `root` goes before /proc and /sys: "" but for tests. */
uint64_t machine_memory(const char *root);

#endif
