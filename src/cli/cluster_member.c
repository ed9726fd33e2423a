/* cli/cluster_member.c - who belongs to a cluster: create, add-node, del-node. */
#include "cli/cluster_cmds.h"
#include "cli/cluster_move.h"
#include "cli/cluster_show.h"

#include "base/mem.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MASTERS_MIN = 3, JOIN_SECONDS_MAX = 60 };

/* ---- nodes that join --------------------------------------------------------------------------------------------- */

/* A node that is to join must know nobody and hold nothing. */
static bool
is_empty(struct cluster_node *n)
{
    const struct resp_value *v = CLUSTER_ASK(n, "INFO", "keyspace");
    bool keys = v != NULL && resp_is_text(v) && memmem(v->text.ptr, v->text.len, "db0:", 4) != NULL;

    if (v != NULL && n->known <= 1 && !keys)
        return true;
    if (v != NULL)
        cluster_say(
            TONE_BAD,
            "[ERR] Node %s:%u is not empty. Either the node already knows other nodes (check with CLUSTER NODES) or "
            "contains some key in database 0.\n",
            n->host, n->port);
    return false;
}

static bool
meet(struct cluster_node *n, const struct cluster_node *first)
{
    char port[INT64_TEXT_MAX + 1], bus[INT64_TEXT_MAX + 1];

    port[format_int64(port, first->port)] = '\0';
    bus[format_int64(bus, first->bus_port)] = '\0';
    if (first->bus_port == 0)
        return cluster_answered(n, CLUSTER_ASK(n, "CLUSTER", "MEET", first->host, port));
    return cluster_answered(n, CLUSTER_ASK(n, "CLUSTER", "MEET", first->host, port, bus));
}

/* Waits until every node has met `count` nodes. */
static bool
wait_joined(struct cluster *c, size_t count)
{
    bool joined;

    printf("Waiting for the cluster to join\n");
    fflush(stdout);
    sleep(1);
    for (int s = 0; !(joined = cluster_joined(c, count)) && s < JOIN_SECONDS_MAX; s++) {
        printf(".");
        fflush(stdout);
        sleep(1);
    }
    printf("\n");
    if (!joined)
        cluster_say(TONE_BAD,
                    "[ERR] The nodes have not found each other in %d seconds. They must reach one another on "
                    "their cluster bus ports too.\n",
                    JOIN_SECONDS_MAX);
    return joined;
}

/* A node may hear of its master a little later than others do. */
static bool
replicate(struct cluster_node *n, const char *master)
{
    for (int tries = 0;; tries++) {
        const struct resp_value *v = CLUSTER_ASK(n, "CLUSTER", "REPLICATE", master);
        bool unknown =
            v != NULL && v->type == RESP_ERROR && memmem(v->text.ptr, v->text.len, "Unknown node", 12) != NULL;
        if (!unknown || tries == JOIN_SECONDS_MAX)
            return cluster_answered(n, v);
        sleep(1);
    }
}

/* ---- create: the plan -------------------------------------------------------------------------------------------- */

/* Nodes in such an order that neighbours are on different hosts: one of each host in turn. */
static void
interleave(struct cluster *c)
{
    struct cluster_node **out = mem_get_array(c->count, sizeof(struct cluster_node *));
    bool *taken = mem_get_zero(c->count * sizeof(*taken));
    size_t n = 0;

    while (n < c->count) {
        size_t round = n;
        for (size_t i = 0; i < c->count; i++) {
            bool host_seen = false;
            for (size_t k = round; k < n && !host_seen; k++)
                host_seen = strcmp(out[k]->host, c->nodes[i]->host) == 0;
            if (taken[i] || host_seen)
                continue;
            taken[i] = true;
            out[n++] = c->nodes[i];
        }
    }
    memcpy(c->nodes, out, c->count * sizeof(struct cluster_node *));
    mem_free(out);
    mem_free(taken);
}

/* Slots as even as they can be: borders are at the rounded multiples of 16384 / masters. */
static void
share_slots(struct cluster *c, size_t masters)
{
    for (size_t i = 0; i < masters; i++) {
        size_t from = (2 * i * CLUSTER_SLOTS + masters) / (2 * masters);
        size_t to = (2 * (i + 1) * CLUSTER_SLOTS + masters) / (2 * masters);
        memset(c->nodes[i]->slots + from, SLOT_OWNED, to - from);
        printf("Master[%zu] -> Slots %zu - %zu\n", i, from, to - 1);
    }
}

/* Nodes that share a host with their master, or with another replica of it. A lost host should take one copy at
 * most. */
static int
affinity(const struct cluster *c, bool *with_master)
{
    int score = 0;

    *with_master = false;
    for (size_t i = 0; i < c->count; i++) {
        const struct cluster_node *a = c->nodes[i];
        for (size_t k = 0; k < i && a->master[0] != '\0'; k++) {
            const struct cluster_node *b = c->nodes[k];
            bool its_master = strcmp(a->master, b->id) == 0;
            if (strcmp(a->host, b->host) != 0 || (!its_master && strcmp(a->master, b->master) != 0))
                continue;
            score += its_master ? 10000 : 1; /* the first counts before any number of the second */
            *with_master |= its_master;
        }
    }
    return score;
}

static void
swap_masters(struct cluster_node *a, struct cluster_node *b)
{
    char id[sizeof(a->master)];

    memcpy(id, a->master, sizeof(id));
    memcpy(a->master, b->master, sizeof(id));
    memcpy(b->master, id, sizeof(id));
}

/* Exchanges masters between replicas as long as that makes the score smaller. */
static void
spread_replicas(struct cluster *c, size_t masters)
{
    bool with_master, better = true;
    int best = affinity(c, &with_master);

    if (best == 0)
        return;
    cluster_say(TONE_STEP, ">>> Trying to optimize slaves allocation for anti-affinity\n");
    while (better) {
        better = false;
        for (size_t i = masters; i < c->count; i++) {
            for (size_t k = masters; k < i; k++) {
                swap_masters(c->nodes[i], c->nodes[k]);
                int score = affinity(c, &with_master);
                if (score < best) {
                    best = score;
                    better = true;
                } else {
                    swap_masters(c->nodes[i], c->nodes[k]);
                }
            }
        }
    }
    (void)affinity(c, &with_master);
    if (best == 0)
        cluster_say(TONE_GOOD, "[OK] Perfect anti-affinity obtained!\n");
    else if (with_master)
        cluster_say(TONE_WARNING, "[WARNING] Some slaves are in the same host as their master\n");
    else
        cluster_say(TONE_WARNING, "[WARNING] Some slaves of the same master are in the same host\n");
}

/* Gives each master its replicas in turn, from another host where there is one; what is left over goes round once more.
 * The first choice begins one further on: with nodes listed host by host, a replica then meets another host's
 * master. */
static void
share_replicas(struct cluster *c, size_t masters, size_t replicas)
{
    size_t spare = c->count - masters;
    bool *taken = mem_get_zero((spare + 1) * sizeof(*taken));

    for (size_t n = 0; n < spare; n++) {
        const struct cluster_node *master = c->nodes[n < masters * replicas ? n / replicas : n - masters * replicas];
        size_t pick = spare;
        for (size_t i = 1; i <= spare; i++) {
            size_t at = i % spare;
            bool elsewhere = strcmp(c->nodes[masters + at]->host, master->host) != 0;
            if (taken[at] || (pick < spare && !elsewhere))
                continue;
            pick = at;
            if (elsewhere)
                break;
        }
        struct cluster_node *replica = c->nodes[masters + pick];
        taken[pick] = true;
        memcpy(replica->master, master->id, sizeof(master->id));
        if (n == masters * replicas)
            printf("Adding extra replicas...\n");
        printf("Adding replica %s:%u to %s:%u\n", replica->host, replica->port, master->host, master->port);
    }
    mem_free(taken);
    spread_replicas(c, masters);
}

static bool
plan(struct cluster *c, size_t replicas)
{
    size_t masters = c->count / (replicas + 1);

    if (masters < MASTERS_MIN) {
        cluster_say(TONE_BAD,
                    "*** ERROR: Invalid configuration for cluster creation.\n"
                    "*** Redis Cluster requires at least %d master nodes.\n"
                    "*** This is not possible with %zu nodes and %zu replicas per node.\n"
                    "*** At least %zu nodes are required.\n",
                    MASTERS_MIN, c->count, replicas, MASTERS_MIN * (replicas + 1));
        return false;
    }
    cluster_say(TONE_STEP, ">>> Performing hash slots allocation on %zu nodes...\n", c->count);
    interleave(c);
    share_slots(c, masters);
    share_replicas(c, masters, replicas);
    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        if (cluster_node_is_master(n))
            cluster_show_node(n, "");
        else
            printf("S: %s %s:%u\n   replicates %s\n", n->id, n->host, n->port, n->master);
    }
    return true;
}

/* ---- create: doing it -------------------------------------------------------------------------------------------- */

static bool
give_slots(struct cluster_node *n)
{
    struct slice *argv = mem_get_array(CLUSTER_SLOTS + 2, sizeof(*argv));
    char(*numbers)[INT64_TEXT_MAX] = mem_get_array(CLUSTER_SLOTS, sizeof(*numbers));
    int argc = 0;

    argv[argc++] = LIT("CLUSTER");
    argv[argc++] = LIT("ADDSLOTS");
    for (int i = 0; i < CLUSTER_SLOTS; i++)
        if (n->slots[i] == SLOT_OWNED)
            argv[argc++] = slice_of(numbers[i], format_int64(numbers[i], i));
    bool ok = argc == 2 || cluster_answered(n, session_ask(&n->session, argc, argv));
    mem_free(argv);
    mem_free(numbers);
    return ok;
}

/* Each node learns what it is for. Masters that begin with different epochs need not sort that out by collisions. */
static bool
configure(struct cluster *c)
{
    char epoch[INT64_TEXT_MAX + 1];

    for (size_t i = 0; i < c->count; i++)
        if (!give_slots(c->nodes[i]))
            return false;
    cluster_say(TONE_STEP, ">>> Nodes configuration updated\n>>> Assign a different config epoch to each node\n");
    for (size_t i = 0; i < c->count; i++) {
        epoch[format_int64(epoch, (int64_t)i + 1)] = '\0';
        (void)CLUSTER_ASK(c->nodes[i], "CLUSTER", "SET-CONFIG-EPOCH", epoch); /* a node that has one keeps it */
    }
    cluster_say(TONE_STEP, ">>> Sending CLUSTER MEET messages to join the cluster\n");
    for (size_t i = 1; i < c->count; i++)
        if (!meet(c->nodes[i], c->nodes[0]))
            return false;
    return true;
}

/* The plan is what the nodes say after the meeting, with the replicas' masters as they were planned. */
static bool
join(struct cluster *c)
{
    char(*masters)[CLUSTER_ID_MAX + 1] = mem_get_array(c->count, sizeof(*masters));

    for (size_t i = 0; i < c->count; i++)
        memcpy(masters[i], c->nodes[i]->master, sizeof(*masters));
    bool ok = wait_joined(c, c->count);
    for (size_t i = 0; ok && i < c->count; i++)
        if (masters[i][0] != '\0')
            ok = replicate(c->nodes[i], masters[i]);
    mem_free(masters);
    return ok;
}

static bool
gather(struct cluster *c, const struct options *o)
{
    for (int i = 0; i < o->argc; i++) {
        char *host;
        uint16_t port;
        if (!cluster_split_address(o->argv[i], &host, &port)) {
            fprintf(stderr, "Invalid address format: %s\n", o->argv[i]);
            return false;
        }
        struct cluster_node *n = cluster_add_alone(c, o, host, port);
        mem_free(host);
        if (n == NULL || !is_empty(n))
            return false;
        for (size_t k = 0; k + 1 < c->count; k++) {
            if (strcmp(c->nodes[k]->id, n->id) == 0) {
                cluster_say(TONE_BAD, "[ERR] %s:%u and %s:%u are the same node.\n", c->nodes[k]->host,
                            c->nodes[k]->port, n->host, n->port);
                return false;
            }
        }
    }
    return true;
}

int
cluster_create(struct cluster *c, const struct options *o)
{
    if (!gather(c, o) || !plan(c, (size_t)o->cluster.replicas))
        return 1;
    if (!cluster_confirm(o, "Can I set the above configuration? (type 'yes' to accept): "))
        return 0; /* as it was wished */
    if (!configure(c) || !join(c) || !cluster_reload(c, o))
        return 1;
    return cluster_check(c, o, true) ? 0 : 1;
}

/* ---- add-node ---------------------------------------------------------------------------------------------------- */

/* Functions live on every master. Replicas get them with the data. */
static bool
copy_functions(struct cluster_node *from, struct cluster_node *to)
{
    cluster_say(TONE_STEP, ">>> Getting functions from cluster\n");
    const struct resp_value *dump = CLUSTER_ASK(from, "FUNCTION", "DUMP");
    if (dump == NULL)
        return false;
    if (!resp_is_text(dump)) {
        cluster_say(TONE_STEP,
                    ">>> Failed retrieving Functions from the cluster, skip this step as Redis version do not "
                    "support function command (error = '%.*s')\n",
                    (int)dump->text.len, dump->text.ptr);
        return true;
    }
    cluster_say(TONE_STEP, ">>> Send FUNCTION LIST to %s:%u to verify there is no functions in it\n", to->host,
                to->port);
    const struct resp_value *list = CLUSTER_ASK(to, "FUNCTION", "LIST");
    if (!cluster_answered(to, list))
        return false;
    if (list->count > 0) {
        cluster_say(TONE_BAD, "[ERR] %s:%u already has functions, which could clash with those of the cluster.\n",
                    to->host, to->port);
        return false;
    }
    cluster_say(TONE_STEP, ">>> Send FUNCTION RESTORE to %s:%u\n", to->host, to->port);
    const struct slice restore[] = {LIT("FUNCTION"), LIT("RESTORE"), dump->text};
    return cluster_answered(to, session_ask(&to->session, 3, restore));
}

static bool
find_master_for(const struct cluster *c, const char *id, const struct cluster_node *newcomer,
                const struct cluster_node **out)
{
    if (id == NULL) {
        *out = cluster_master_with_fewest_replicas(c, newcomer);
        if (*out != NULL)
            printf("Automatically selected master %s:%u\n", (*out)->host, (*out)->port);
        return *out != NULL;
    }
    *out = cluster_find(c, id);
    if (*out == NULL)
        cluster_say(TONE_BAD, "[ERR] No such master ID %s\n", id);
    return *out != NULL;
}

int
cluster_add_node(struct cluster *c, const struct options *o)
{
    const struct cluster_node *master = NULL;
    bool replica = o->cluster.replica || o->cluster.master_id != NULL;
    size_t count = c->nodes[0]->known + 1;
    char *host;
    uint16_t port;

    cluster_say(TONE_STEP, ">>> Adding node %s to cluster %s:%u\n", o->argv[0], c->nodes[0]->host, c->nodes[0]->port);
    if (!cluster_check(c, o, true))
        return 1;
    if (!cluster_split_address(o->argv[0], &host, &port)) {
        fprintf(stderr, "Invalid address format: %s\n", o->argv[0]);
        return 1;
    }
    struct cluster_node *n = cluster_add_alone(c, o, host, port);
    mem_free(host);
    if (n == NULL) {
        cluster_say(TONE_BAD, "[ERR] Sorry, can't connect to node %s\n", o->argv[0]);
        return 1;
    }
    if ((replica && !find_master_for(c, o->cluster.master_id, n, &master)) || !is_empty(n) ||
        (!replica && !copy_functions(c->nodes[0], n)))
        return 1;
    cluster_say(TONE_STEP, ">>> Send CLUSTER MEET to node %s:%u to make it join the cluster.\n", n->host, n->port);
    if (!meet(n, c->nodes[0]))
        return 1;
    if (replica) {
        if (!wait_joined(c, count))
            return 1;
        cluster_say(TONE_STEP, ">>> Configure node as replica of %s:%u.\n", master->host, master->port);
        if (!replicate(n, master->id))
            return 1;
    }
    cluster_say(TONE_GOOD, "[OK] New node added correctly.\n");
    return 0;
}

/* ---- del-node ---------------------------------------------------------------------------------------------------- */

int
cluster_del_node(struct cluster *c, const struct options *o)
{
    const char *id = o->argv[0];
    struct cluster_node *gone = cluster_find(c, id);

    cluster_say(TONE_STEP, ">>> Removing node %s from cluster %s:%u\n", id, c->nodes[0]->host, c->nodes[0]->port);
    if (gone == NULL) {
        cluster_say(TONE_BAD, "[ERR] No such node ID %s\n", id);
        return 1;
    }
    if (cluster_node_slots(gone) > 0) {
        cluster_say(TONE_BAD, "[ERR] Node %s:%u is not empty! Reshard data away and try again.\n", gone->host,
                    gone->port);
        return 1;
    }
    cluster_say(TONE_STEP, ">>> Sending CLUSTER FORGET messages to the cluster...\n");
    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        if (n == gone)
            continue;
        if (strcmp(n->master, id) == 0) {
            struct cluster_node *to = cluster_master_with_fewest_replicas(c, gone);
            if (to == NULL)
                return 1;
            cluster_say(TONE_STEP, ">>> %s:%u as replica of %s:%u\n", n->host, n->port, to->host, to->port);
            if (!cluster_answered(n, CLUSTER_ASK(n, "CLUSTER", "REPLICATE", to->id)))
                return 1;
            to->replicas++;
        }
        if (!cluster_answered(n, CLUSTER_ASK(n, "CLUSTER", "FORGET", id)))
            return 1;
    }
    cluster_say(TONE_STEP, ">>> Sending CLUSTER RESET SOFT to the deleted node.\n");
    return cluster_answered(gone, CLUSTER_ASK(gone, "CLUSTER", "RESET", "SOFT")) ? 0 : 1;
}
