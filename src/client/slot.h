/* client/slot.h - the slots of a cluster. For this folder and the tools beside it. */
#ifndef SORREL_CLIENT_SLOT_H
#define SORREL_CLIENT_SLOT_H

#include "base/slice.h"

enum { CLUSTER_SLOTS = 16384 };

/* The slot of a key: CRC16 of it, or of what stands between its first '{' and the next '}', if anything. */
int cluster_slot(struct slice key);

#endif
