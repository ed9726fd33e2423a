/* cli/cluster_balance.c - slots from masters to masters: reshard moves as many as it is told, rebalance as many as it
 * takes for each to have its share. */
#include "cli/cluster_cmds.h"
#include "cli/cluster_move.h"
#include "cli/cluster_show.h"

#include "base/mem.h"
#include "base/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 128 };

static const double threshold_default = 2; /* per cent */

static bool
ready(const struct cluster *c, const struct options *o, bool with_nodes, const char *before_what)
{
    if (cluster_check(c, o, with_nodes))
        return true;
    cluster_say(TONE_BAD, "*** Please fix your cluster problems before %s\n", before_what);
    return false;
}

/* ---- reshard: what is to be moved -------------------------------------------------------------------------------- */

struct move {
    int slot;
    struct cluster_node *from;
};

struct reshard {
    struct cluster *c;
    const struct options *o;
    struct cluster_node *to;
    struct cluster_node **sources;
    size_t source_count;
    int64_t slots;
};

static struct cluster_node *
master_of_id(const struct cluster *c, const char *id)
{
    struct cluster_node *n = cluster_find(c, id);

    if (n == NULL || !cluster_node_is_master(n)) {
        printf("*** The specified node (%s) is not known or not a master, please retry.\n", id);
        return NULL;
    }
    return n;
}

/* False, having said why, if there is no such master. The target is said to be none of the sources; one that is one
 * already is not added again. */
static bool
add_source(struct reshard *r, const char *id)
{
    struct cluster_node *from = master_of_id(r->c, id);

    if (from == NULL)
        return false;
    if (from == r->to) {
        printf("*** It is not possible to use the target node as source node.\n");
        return true;
    }
    for (size_t i = 0; i < r->source_count; i++)
        if (r->sources[i] == from)
            return true;
    r->sources[r->source_count++] = from;
    return true;
}

static void
add_all_sources(struct reshard *r)
{
    r->source_count = 0;
    for (size_t i = 0; i < r->c->count; i++)
        if (cluster_node_is_master(r->c->nodes[i]) && r->c->nodes[i] != r->to)
            r->sources[r->source_count++] = r->c->nodes[i];
}

static bool
have_sources(const struct reshard *r)
{
    fflush(stdout);
    if (r->source_count == 0)
        fprintf(stderr, "*** No source nodes given, operation aborted.\n");
    return r->source_count > 0;
}

/* --cluster-from: ids with commas between them, or "all". */
static bool
read_sources(struct reshard *r, const char *list)
{
    char id[CLUSTER_ID_MAX + 1];

    if (strcmp(list, "all") == 0) {
        add_all_sources(r);
        return have_sources(r);
    }
    while (list[0] != '\0') {
        size_t len = strcspn(list, ",");
        snprintf(id, sizeof(id), "%.*s", (int)(len < sizeof(id) ? len : sizeof(id) - 1), list);
        if (!add_source(r, id))
            return false;
        list += len + (list[len] == ',');
    }
    return have_sources(r);
}

static bool
ask_slots(struct reshard *r)
{
    char line[LINE_MAX_BYTES];

    while (r->slots < 1 || r->slots > CLUSTER_SLOTS) {
        if (!cluster_prompt("How many slots do you want to move (from 1 to 16384)? ", line, sizeof(line)))
            return false;
        if (!parse_int64(slice_cstr(line), &r->slots))
            r->slots = 0;
    }
    return true;
}

static bool
ask_target(struct reshard *r)
{
    char line[LINE_MAX_BYTES];

    while (r->to == NULL) {
        if (!cluster_prompt("What is the receiving node ID? ", line, sizeof(line)))
            return false;
        r->to = master_of_id(r->c, line);
    }
    return true;
}

static bool
ask_sources(struct reshard *r)
{
    char line[LINE_MAX_BYTES], question[64];

    printf("Please enter all the source node IDs.\n"
           "  Type 'all' to use all the nodes as source nodes for the hash slots.\n"
           "  Type 'done' once you entered all the source nodes IDs.\n");
    for (;;) {
        snprintf(question, sizeof(question), "Source node #%zu: ", r->source_count + 1);
        if (!cluster_prompt(question, line, sizeof(line)))
            return false;
        if (strcmp(line, "done") == 0)
            break;
        if (strcmp(line, "all") == 0) {
            add_all_sources(r);
            break;
        }
        (void)add_source(r, line); /* or the next one */
    }
    return have_sources(r);
}

/* From the options, and for what they leave open from whoever sits there. */
static bool
settle_reshard(struct reshard *r)
{
    const struct cluster_options *o = &r->o->cluster;

    r->slots = o->slots;
    if (o->to != NULL && (r->to = master_of_id(r->c, o->to)) == NULL)
        return false;
    return ask_slots(r) && ask_target(r) && (o->from != NULL ? read_sources(r, o->from) : ask_sources(r));
}

/* ---- reshard: the plan ------------------------------------------------------------------------------------------- */

static int
by_slots_falling(const void *a, const void *b)
{
    return cluster_node_slots(*(struct cluster_node *const *)b) - cluster_node_slots(*(struct cluster_node *const *)a);
}

/* The lowest `count` slots of a node. Returns how many there were. */
static size_t
lowest_slots(struct cluster_node *from, int64_t count, struct move *out)
{
    size_t n = 0;

    for (int slot = 0; slot < CLUSTER_SLOTS && count > 0; slot++) {
        if (!cluster_node_owns(from, slot))
            continue;
        out[n++] = (struct move){slot, from};
        count--;
    }
    return n;
}

/* A source gives in proportion to what it has, the largest one the odd slots. */
static size_t
plan_moves(struct reshard *r, struct move *out)
{
    int64_t total = 0;
    size_t n = 0;

    qsort(r->sources, r->source_count, sizeof(struct cluster_node *), by_slots_falling);
    for (size_t i = 0; i < r->source_count; i++)
        total += cluster_node_slots(r->sources[i]);
    for (size_t i = 0; i < r->source_count && total > 0; i++) {
        int64_t exact = r->slots * cluster_node_slots(r->sources[i]), left = r->slots - (int64_t)n;
        int64_t share = i == 0 ? (exact + total - 1) / total : exact / total;
        n += lowest_slots(r->sources[i], share < left ? share : left, out + n);
    }
    return n;
}

static int
reshard(struct reshard *r, struct move *moves)
{
    printf("\nReady to move %" PRId64 " slots.\n  Source nodes:\n", r->slots);
    for (size_t i = 0; i < r->source_count; i++)
        cluster_show_node(r->sources[i], "    ");
    printf("  Destination node:\n");
    cluster_show_node(r->to, "    ");
    size_t n = plan_moves(r, moves);
    printf("  Resharding plan:\n");
    for (size_t i = 0; i < n; i++)
        printf("    Moving slot %d from %s\n", moves[i].slot, moves[i].from->id);
    if (!cluster_confirm(r->o, "Do you want to proceed with the proposed reshard plan (yes/no)? "))
        return 1;
    for (size_t i = 0; i < n; i++)
        if (!cluster_move_slot(r->c, r->o, moves[i].slot, moves[i].from, r->to, MOVE_SHOW_LINE))
            return 1;
    return 0;
}

int
cluster_reshard(struct cluster *c, const struct options *o)
{
    struct reshard r = {.c = c, .o = o};
    int status = 1;

    if (!ready(c, o, true, "resharding"))
        return 1;
    r.sources = mem_get_array(c->count, sizeof(struct cluster_node *));
    if (settle_reshard(&r)) {
        struct move *moves = mem_get_array(CLUSTER_SLOTS, sizeof(*moves));
        status = reshard(&r, moves);
        mem_free(moves);
    }
    mem_free(r.sources);
    return status;
}

/* ---- rebalance --------------------------------------------------------------------------------------------------- */

struct share {
    struct cluster_node *node;
    double weight;
    int slots, surplus; /* surplus: below zero if it is to get some */
};

/* One "id=weight", where the beginning of an id will do. */
static bool
read_weight(struct share *shares, size_t count, const char *text)
{
    const char *equal = strchr(text, '=');
    size_t len = equal != NULL ? (size_t)(equal - text) : strlen(text);
    struct share *found = NULL;
    double weight;

    for (size_t i = 0; i < count && len > 0; i++)
        if (strncmp(shares[i].node->id, text, len) == 0)
            found = &shares[i];
    if (found == NULL) {
        cluster_say(TONE_BAD, "*** No such master node %.*s\n", (int)len, text);
        return false;
    }
    if (equal == NULL || !parse_double(slice_cstr(equal + 1), &weight) || !(weight >= 0) || isinf(weight)) {
        cluster_say(TONE_BAD, "*** Weights are given as ID=WEIGHT, not '%s'\n", text);
        return false;
    }
    found->weight = weight;
    return true;
}

/* How many slots each has too many. The sum is nothing: what rounding leaves over goes to those that get slots
 * anyway. */
static void
count_surplus(struct share *shares, size_t count, double weights)
{
    int sum = 0;

    for (size_t i = 0; i < count; i++) {
        int wanted = (int)(CLUSTER_SLOTS / weights * shares[i].weight);
        shares[i].surplus = shares[i].slots - wanted;
        sum += shares[i].surplus;
    }
    while (sum > 0) {
        for (size_t i = 0; i < count && sum > 0; i++) {
            if (shares[i].surplus > 0 || shares[i].weight <= 0)
                continue;
            shares[i].surplus--;
            sum--;
        }
    }
}

static bool
needs_moves(const struct share *shares, size_t count, double weights, double threshold)
{
    for (size_t i = 0; i < count; i++) {
        double wanted = CLUSTER_SLOTS / weights * shares[i].weight;
        double off = wanted > 0 ? fabs(100 - 100.0 * shares[i].slots / wanted) : shares[i].slots > 0 ? 100 : 0;
        if (off > threshold)
            return true;
    }
    return false;
}

static int
by_surplus(const void *a, const void *b)
{
    return ((const struct share *)a)->surplus - ((const struct share *)b)->surplus;
}

static bool
move_some(struct cluster *c, const struct options *o, struct share *from, struct share *to, int count)
{
    struct move *moves = mem_get_array((size_t)count, sizeof(*moves));
    size_t n = lowest_slots(from->node, count, moves);
    bool ok = true;

    printf("Moving %d slots from %s:%u to %s:%u\n", count, from->node->host, from->node->port, to->node->host,
           to->node->port);
    for (size_t i = 0; ok && i < n; i++) {
        ok = o->cluster.simulate || cluster_move_slot(c, o, moves[i].slot, from->node, to->node, MOVE_SHOW_NONE);
        if (o->cluster.simulate) { /* as if, for the moves after this one */
            from->node->slots[moves[i].slot] = SLOT_NONE;
            to->node->slots[moves[i].slot] = SLOT_OWNED;
        }
        putchar('#');
        fflush(stdout);
    }
    printf("\n");
    mem_free(moves);
    return ok;
}

/* The one that has most too many gives to the one that has most too few, and so on towards the middle. */
static bool
level_out(struct cluster *c, const struct options *o, struct share *shares, size_t count)
{
    qsort(shares, count, sizeof(*shares), by_surplus);
    for (size_t low = 0, high = count - 1; low < high;) {
        int give = shares[high].surplus, take = -shares[low].surplus, n = give < take ? give : take;
        if (n > 0 && !move_some(c, o, &shares[high], &shares[low], n))
            return false;
        shares[high].surplus -= n;
        shares[low].surplus += n;
        if (shares[low].surplus >= 0)
            low++;
        if (shares[high].surplus <= 0)
            high--;
    }
    return true;
}

static size_t
gather_shares(struct cluster *c, struct share *shares)
{
    size_t n = 0;

    for (size_t i = 0; i < c->count; i++)
        if (cluster_node_is_master(c->nodes[i]))
            shares[n++] = (struct share){.node = c->nodes[i], .weight = 1, .slots = cluster_node_slots(c->nodes[i])};
    return n;
}

/* Masters without slots stay out of it unless they are asked for. */
static size_t
drop_empty(struct share *shares, size_t count)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        if (shares[i].slots > 0)
            shares[n++] = shares[i];
    return n;
}

static int
rebalance(struct cluster *c, const struct options *o, struct share *shares)
{
    double threshold = o->cluster.threshold_given ? o->cluster.threshold : threshold_default, weights = 0;
    size_t count = gather_shares(c, shares);

    for (size_t i = 0; i < o->cluster.weight_count; i++)
        if (!read_weight(shares, count, o->cluster.weights[i]))
            return 1;
    if (!ready(c, o, false, "rebalancing"))
        return 1;
    if (!o->cluster.use_empty_masters)
        count = drop_empty(shares, count);
    for (size_t i = 0; i < count; i++)
        weights += shares[i].weight;
    if (!(weights > 0)) {
        cluster_say(TONE_BAD, "*** Some master must have a weight above 0\n");
        return 1;
    }
    if (!needs_moves(shares, count, weights, threshold)) {
        cluster_say(TONE_WARNING, "*** No rebalancing needed! All nodes are within the %.2f%% threshold.\n", threshold);
        return 0;
    }
    cluster_say(TONE_STEP, ">>> Rebalancing across %zu nodes. Total weight = %.2f\n", count, weights);
    count_surplus(shares, count, weights);
    return level_out(c, o, shares, count) ? 0 : 1;
}

int
cluster_rebalance(struct cluster *c, const struct options *o)
{
    struct share *shares = mem_get_array(c->count, sizeof(*shares));
    int status = rebalance(c, o, shares);

    mem_free(shares);
    return status;
}
