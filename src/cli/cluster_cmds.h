/* cli/cluster_cmds.h - what --cluster can do to a cluster that it has loaded. Each returns the program's exit status.
 * o->argv holds what stands after the address. */
#ifndef SORREL_CLI_CLUSTER_CMDS_H
#define SORREL_CLI_CLUSTER_CMDS_H

#include "cli/cluster.h"

/* cluster_member.c; *c is empty, o->argv has all addresses */
int cluster_create(struct cluster *c, const struct options *o);
int cluster_add_node(struct cluster *c, const struct options *o); /* o->argv[0] is the new node's address */
int cluster_del_node(struct cluster *c, const struct options *o);
int cluster_reshard(struct cluster *c, const struct options *o); /* cluster_balance.c */
int cluster_rebalance(struct cluster *c, const struct options *o);
int cluster_fix(struct cluster *c, const struct options *o);    /* cluster_fix.c */
int cluster_import(struct cluster *c, const struct options *o); /* cluster_files.c */
int cluster_backup(struct cluster *c, const struct options *o);

#endif
