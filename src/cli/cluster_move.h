/* cli/cluster_move.h - a slot's keys, and with them the slot, from one node of a cluster to another. For
 * cluster_*.c. */
#ifndef SORREL_CLI_CLUSTER_MOVE_H
#define SORREL_CLI_CLUSTER_MOVE_H

#include "cli/cluster.h"

enum move_show {
    MOVE_SHOW_LINE, /* a line for the slot and a dot for each key */
    MOVE_SHOW_NONE,
};

/* Moves the slot with its keys and tells every master. False, having said why, when something fails on the way: the
 * slot is open then, and --cluster fix closes it. */
bool cluster_move_slot(struct cluster *c, const struct options *o, int slot, struct cluster_node *from,
                       struct cluster_node *to, enum move_show show);
/* Moves the keys and leaves alone who the slot belongs to. */
bool cluster_move_keys(const struct options *o, int slot, struct cluster_node *from, struct cluster_node *to,
                       enum move_show show);
/* CLUSTER SETSLOT slot how [id]. False, having said why, if it is refused. */
bool cluster_set_slot(struct cluster_node *n, int slot, const char *how, const char *id);

/* CLUSTER SETSLOT slot NODE owner. A node that has lost its last slot may be a replica by now, without our knowing:
 * that it refuses is fine then. */
bool cluster_tell_owner(struct cluster_node *n, int slot, const char *owner);

/* Appends the words of MIGRATE that log in at the cluster's nodes. Returns how many (at most 3). */
int cluster_migrate_auth(const struct options *o, struct slice *argv);
/* What MIGRATE waits for, in milliseconds. */
int64_t cluster_migrate_ms(const struct options *o);

#endif
