/* cli/cluster.h - the nodes of a cluster as they see themselves, each with a session of its own; for cluster_*.c.
 *
 * A cluster is found through one of its nodes, which comes first; the others are asked what they serve themselves, so
 * that disagreements show. The nodes of one that does not exist yet are added one by one.
 *
 * What is done to a cluster by commands is noted in the nodes' slots by who does it; all else needs cluster_reload().
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
    uint16_t port, bus_port;                                 /* bus_port: 0 if the node does not say */
    char id[CLUSTER_ID_MAX + 1], master[CLUSTER_ID_MAX + 1]; /* master: "" for a master */
    int replicas;
    uint64_t epoch;               /* of its configuration, as it says itself */
    size_t known;                 /* nodes that it knows and has met, itself among them */
    uint8_t slots[CLUSTER_SLOTS]; /* enum slot_state */
};

struct cluster {
    struct cluster_node **nodes; /* those that answer */
    size_t count;
    size_t masters_away; /* masters with slots that do not answer */
    bool agreed;         /* all of them name the same owners */
    uint64_t *owners;    /* the first node's view, by slot; kept to compare */
};

/* Fills *c, all-zero before, through the node at host:port. False, having said why, if that is not possible; nodes
 * beyond it that do not answer are said and left out. The caller calls cluster_fini() either way. */
bool cluster_load(struct cluster *c, const struct options *o, const char *host, uint16_t port);
void cluster_fini(struct cluster *c);
/* Asks again for everything through the first node. Pointers to the other nodes are not valid any more. */
bool cluster_reload(struct cluster *c, const struct options *o);
/* Adds a node that belongs to no cluster yet, with no other that it may know. NULL, having said why, if that fails. */
struct cluster_node *cluster_add_alone(struct cluster *c, const struct options *o, const char *host, uint16_t port);
/* Asks the nodes at hand once more: true if each has met `count` nodes and all name the same owners. */
bool cluster_joined(struct cluster *c, size_t count);

static inline bool
cluster_node_is_master(const struct cluster_node *n)
{
    return n->master[0] == '\0';
}

static inline bool
cluster_node_owns(const struct cluster_node *n, int slot)
{
    return n->slots[slot] == SLOT_OWNED || n->slots[slot] == SLOT_MIGRATING;
}

int cluster_node_slots(const struct cluster_node *n);
/* NULL if there is none with that id. */
struct cluster_node *cluster_find(const struct cluster *c, const char *id);
/* Of the masters but one (NULL: of all) that with the fewest replicas; NULL if there is none. */
struct cluster_node *cluster_master_with_fewest_replicas(const struct cluster *c, const struct cluster_node *but);

/* Sends a command of C strings. NULL, having said why, when the connection fails. The reply lives until the node is
 * asked again. */
const struct resp_value *cluster_ask(struct cluster_node *n, int argc, const char *const *argv);
#define CLUSTER_ASK(n, ...)                                                              \
    cluster_ask((n), (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)), \
                (const char *const[]){__VA_ARGS__})
/* True if v is no error; else it is said what the node replied. v may be NULL. */
bool cluster_answered(const struct cluster_node *n, const struct resp_value *v);

/* Splits "host:port" at its last colon. False if it is none. *host is the caller's. */
bool cluster_split_address(const char *text, char **host, uint16_t *port);

#endif
