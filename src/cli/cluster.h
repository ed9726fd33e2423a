/* cli/cluster.h - the nodes of a cluster as they see themselves, each with a session of its own; for mode_cluster.c.
 *
 * A cluster is found through one of its nodes, which comes first; the others are asked what they serve themselves, so
 * that disagreements show.
 */
#ifndef SORREL_CLI_CLUSTER_H
#define SORREL_CLI_CLUSTER_H

#include "cli/session.h"
#include "client/slot.h"

enum { CLUSTER_ID_MAX = 40 };

enum slot_state { SLOT_NONE = 0, SLOT_OWNED, SLOT_MIGRATING /* and owned */, SLOT_IMPORTING };

struct cluster_node {
    struct session session; /* connected */
    char *host;
    uint16_t port;
    char id[CLUSTER_ID_MAX + 1], master[CLUSTER_ID_MAX + 1]; /* master: "" for a master */
    int replicas;
    uint8_t slots[CLUSTER_SLOTS]; /* enum slot_state */
};

struct cluster {
    struct cluster_node **nodes; /* those that answer */
    size_t count;
    bool agreed;      /* all of them name the same owners */
    uint64_t *owners; /* the first node's view, by slot; kept to compare */
};

/* Fills *c, all-zero before, through the node at host:port. False, having said why, if that is not possible; nodes
 * beyond it that do not answer are said and left out. The caller calls cluster_fini() either way. */
bool cluster_load(struct cluster *c, const struct options *o, const char *host, uint16_t port);
void cluster_fini(struct cluster *c);

static inline bool
cluster_node_is_master(const struct cluster_node *n)
{
    return n->master[0] == '\0';
}

int cluster_node_slots(const struct cluster_node *n);
/* NULL if there is none with that id. */
struct cluster_node *cluster_find(const struct cluster *c, const char *id);

#endif
