/* bench/nodes.h - the masters of a cluster, and what makes a key belong to one of them.
 *
 * A key with {123456} in it has the slot of 123456. For every slot there is such a number; each node has those of its
 * slots, so that a connection can send keys that its node serves.
 */
#ifndef SORREL_BENCH_NODES_H
#define SORREL_BENCH_NODES_H

#include "sorrel/url.h"

enum { TAG_DIGITS = 6 };

struct load_node {
    struct sorrel_url url;
    uint32_t *tags; /* one for each of its slots */
    uint32_t tag_count;
};

struct load_nodes {
    struct load_node *v;
    uint32_t count;
};

/* Asks the node of u for the map. False, having said why on standard error, when that fails or a slot is not served.
 * The caller calls load_nodes_fini() either way. */
bool load_nodes_find(struct load_nodes *nodes, const struct sorrel_url *u);
void load_nodes_fini(struct load_nodes *nodes);

#endif
