/* client/cluster_priv.h - which node of a cluster has which slot, and a pool for each node. For this folder.
 *
 * Thread-safe. Pools live until the cluster is freed, also those of nodes that have left: a pointer to one never
 * dangles.
 */
#ifndef SORREL_CLIENT_CLUSTER_PRIV_H
#define SORREL_CLIENT_CLUSTER_PRIV_H

#include "client/slot.h"
#include "sorrel/client.h"

enum { SLOT_ANY = -1 };

struct cluster;

/* u must live as long as the cluster. */
struct cluster *cluster__new(const struct sorrel_url *u, const struct sorrel_pool_options *o, bool replica_reads);
void cluster__free(struct cluster *c);
/* The pool of the slot's master, or with `read` (and replica_reads) of one of its replicas. Asks a node for the map
 * first when there is none or it is known to be old. */
enum sorrel_rc cluster__pool(struct cluster *c, int slot, bool read, struct sorrel_pool **out,
                             struct sorrel_error *err);
/* Takes in "MOVED slot host:port" or "ASK slot host:port", as `from` said it: the pool to go to, or NULL if the line is
 * none of the two. After MOVED the map is asked for again before long. */
struct sorrel_pool *cluster__redirect(struct cluster *c, const struct sorrel_pool *from, struct slice line);
/* The map may be old: a node could not be reached. */
void cluster__suspect(struct cluster *c);
/* Gives a connection back to the pool that it is from, or has that close it. */
void cluster__give(struct cluster *c, struct sorrel_conn *conn, bool discard);
void cluster__stats(struct cluster *c, struct sorrel_pool_stats *out);

/* Which argument is a command's first key; 0 if it has none. */
int cluster__first_key(int argc, const char *const *argv, const size_t *lens);

#endif
