/* cli/cluster_fix.c - closing slots that a move left open, covering those that nobody serves, and ending it where
 * several masters serve the same one. No key is lost: they go to whom the slot belongs to afterwards. */
#include "cli/cluster_cmds.h"
#include "cli/cluster_move.h"
#include "cli/cluster_show.h"

#include "base/mem.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>

struct fix {
    struct cluster *c;
    const struct options *o;
};

static int64_t
keys_in_slot(struct cluster_node *n, int slot)
{
    char number[INT64_TEXT_MAX + 1];

    number[format_int64(number, slot)] = '\0';
    const struct resp_value *v = CLUSTER_ASK(n, "CLUSTER", "COUNTKEYSINSLOT", number);
    return v != NULL && v->type == RESP_INTEGER ? v->integer : 0;
}

/* The master that holds most keys of the slot, of those that own it or of all; equal ones: that with the fewest
 * slots. */
static struct cluster_node *
holder_of_most(const struct fix *f, int slot, bool owners_only)
{
    struct cluster_node *best = NULL;
    int64_t most = 0;

    for (size_t i = 0; i < f->c->count; i++) {
        struct cluster_node *n = f->c->nodes[i];
        if (!cluster_node_is_master(n) || (owners_only && !cluster_node_owns(n, slot)))
            continue;
        int64_t keys = keys_in_slot(n, slot);
        if (best == NULL || keys > most || (keys == most && cluster_node_slots(n) < cluster_node_slots(best))) {
            best = n;
            most = keys;
        }
    }
    return best;
}

/* Makes n the owner, as far as n knows; with a new epoch, so that the others believe it. Who owned it too must have
 * given it up: a node throws away the keys of a slot of its own when it hears of a newer owner. */
static bool
take_slot(struct cluster_node *n, int slot)
{
    char number[INT64_TEXT_MAX + 1];

    number[format_int64(number, slot)] = '\0';
    (void)CLUSTER_ASK(n, "CLUSTER", "DELSLOTS", number); /* it may believe somebody else to be the owner, or nobody */
    if (!cluster_answered(n, CLUSTER_ASK(n, "CLUSTER", "ADDSLOTS", number)) ||
        !cluster_set_slot(n, slot, "STABLE", NULL) || !cluster_answered(n, CLUSTER_ASK(n, "CLUSTER", "BUMPEPOCH")))
        return false;
    n->slots[slot] = SLOT_OWNED;
    return true;
}

/* Masters that own the slot beside `owner` give it up, and keep its keys for now. */
static bool
depose_others(const struct fix *f, int slot, const struct cluster_node *owner)
{
    char number[INT64_TEXT_MAX + 1];

    number[format_int64(number, slot)] = '\0';
    for (size_t i = 0; i < f->c->count; i++) {
        struct cluster_node *n = f->c->nodes[i];
        if (n == owner || !cluster_node_owns(n, slot))
            continue;
        if (!cluster_answered(n, CLUSTER_ASK(n, "CLUSTER", "DELSLOTS", number)))
            return false;
        n->slots[slot] = SLOT_NONE;
    }
    return true;
}

/* Makes n the owner everywhere. */
static bool
settle_on(const struct fix *f, int slot, struct cluster_node *owner)
{
    if (!depose_others(f, slot, owner) || !take_slot(owner, slot))
        return false;
    for (size_t i = 0; i < f->c->count; i++)
        if (cluster_node_is_master(f->c->nodes[i]) && !cluster_tell_owner(f->c->nodes[i], slot, owner->id))
            return false;
    return true;
}

/* The others that hold keys of the slot hand them over, and forget that they were moving it. */
static bool
gather_keys(const struct fix *f, int slot, struct cluster_node *owner)
{
    for (size_t i = 0; i < f->c->count; i++) {
        struct cluster_node *n = f->c->nodes[i];
        bool open = n->slots[slot] != SLOT_NONE;
        if (n == owner || !cluster_node_is_master(n) || (!open && keys_in_slot(n, slot) == 0))
            continue;
        printf("Moving slot %d from %s:%u to %s:%u: ", slot, n->host, n->port, owner->host, owner->port);
        /* A node takes MIGRATE for a slot of somebody else's only while it is importing it. */
        bool ok = cluster_set_slot(n, slot, "IMPORTING", owner->id) &&
                  cluster_move_keys(f->o, slot, n, owner, MOVE_SHOW_LINE);
        printf("\n");
        if (!ok)
            return false;
        cluster_say(TONE_STEP, ">>> Setting %d as STABLE in %s:%u\n", slot, n->host, n->port);
        if (!cluster_set_slot(n, slot, "STABLE", NULL))
            return false;
        n->slots[slot] = SLOT_NONE;
    }
    return true;
}

/* ---- open slots -------------------------------------------------------------------------------------------------- */

/* Who takes part in a slot's move. */
struct open_slot {
    int slot;
    struct cluster_node *owner, *migrating, *importing; /* importing: the first one */
    int owners, imports;
};

static void
look_at(const struct fix *f, struct open_slot *s)
{
    for (size_t i = 0; i < f->c->count; i++) {
        struct cluster_node *n = f->c->nodes[i];
        if (cluster_node_owns(n, s->slot)) {
            s->owners++;
            s->owner = n;
        }
        if (n->slots[s->slot] == SLOT_MIGRATING)
            s->migrating = n;
        if (n->slots[s->slot] != SLOT_IMPORTING && cluster_node_is_master(n) && !cluster_node_owns(n, s->slot) &&
            keys_in_slot(n, s->slot) > 0) {
            cluster_say(TONE_WARNING, "*** Found keys about slot %d in non-owner node %s:%u!\n", s->slot, n->host,
                        n->port);
            n->slots[s->slot] = SLOT_IMPORTING;
        }
        if (n->slots[s->slot] == SLOT_IMPORTING && s->imports++ == 0)
            s->importing = n;
    }
}

static void
show_parties(const struct fix *f, int slot, enum slot_state state)
{
    const char *before = state == SLOT_MIGRATING ? "Set as migrating in: " : "Set as importing in: ";

    for (size_t i = 0; i < f->c->count; i++) {
        const struct cluster_node *n = f->c->nodes[i];
        if (n->slots[slot] != state)
            continue;
        printf("%s%s:%u", before, n->host, n->port);
        before = ",";
    }
    if (before[0] == ',')
        printf("\n");
}

/* Where nobody or several own the slot, the one that holds most of it is made its owner. */
static bool
settle_owner(const struct fix *f, struct open_slot *s)
{
    if (s->owners == 1)
        return true;
    cluster_say(TONE_STEP, ">>> No single clear owner for the slot, selecting an owner by # of keys...\n");
    s->owner = holder_of_most(f, s->slot, s->owners > 1);
    if (s->owner == NULL) {
        cluster_say(TONE_BAD, "[ERR] There is no master that could own it.\n");
        return false;
    }
    cluster_say(TONE_WARNING, "*** Configuring %s:%u as the slot owner\n", s->owner->host, s->owner->port);
    s->migrating = NULL; /* the owner keeps it */
    return settle_on(f, s->slot, s->owner);
}

static bool
close_slot(const struct fix *f, int slot)
{
    struct open_slot s = {.slot = slot};

    cluster_say(TONE_STEP, ">>> Fixing open slot %d\n", slot);
    look_at(f, &s);
    show_parties(f, slot, SLOT_MIGRATING);
    show_parties(f, slot, SLOT_IMPORTING);
    if (!settle_owner(f, &s))
        return false;
    if (s.migrating != NULL && s.imports > 0) {
        cluster_say(TONE_STEP, ">>> Case %d: Moving slot %d from %s:%u to %s:%u%s\n", s.imports == 1 ? 1 : 3, slot,
                    s.migrating->host, s.migrating->port, s.importing->host, s.importing->port,
                    s.imports == 1 ? "" : " and closing it on all the other importing nodes.");
        return cluster_move_slot(f->c, f->o, slot, s.migrating, s.importing, MOVE_SHOW_LINE) &&
               (s.imports == 1 || gather_keys(f, slot, s.importing));
    }
    if (s.migrating != NULL) {
        cluster_say(TONE_STEP, ">>> Case 4: Closing slot %d on %s:%u\n", slot, s.migrating->host, s.migrating->port);
        s.migrating->slots[slot] = SLOT_OWNED;
        return cluster_set_slot(s.migrating, slot, "STABLE", NULL);
    }
    cluster_say(TONE_STEP, ">>> Case 2: Moving all the %d slot keys to its owner %s:%u\n", slot, s.owner->host,
                s.owner->port);
    return gather_keys(f, slot, s.owner);
}

/* ---- slots that nobody serves ------------------------------------------------------------------------------------ */

enum { COVERED = 0, WITHOUT_KEYS, ON_ONE_NODE, ON_SEVERAL };

static void
sort_uncovered(const struct fix *f, uint8_t *kinds)
{
    for (int slot = 0; slot < CLUSTER_SLOTS; slot++) {
        int holders = 0;
        kinds[slot] = COVERED;
        for (size_t i = 0; i < f->c->count; i++)
            if (cluster_node_owns(f->c->nodes[i], slot))
                holders = -1;
        for (size_t i = 0; holders >= 0 && i < f->c->count; i++)
            holders += cluster_node_is_master(f->c->nodes[i]) && keys_in_slot(f->c->nodes[i], slot) > 0;
        if (holders >= 0)
            kinds[slot] = (uint8_t)(holders == 0 ? WITHOUT_KEYS : holders == 1 ? ON_ONE_NODE : ON_SEVERAL);
    }
}

static bool
cover_all(const struct fix *f, const uint8_t *kinds, int kind, const char *about, const char *question)
{
    struct cluster_node **to = mem_get_zero(CLUSTER_SLOTS * sizeof(struct cluster_node *));
    bool any = false, ok = true;

    for (int slot = 0; slot < CLUSTER_SLOTS; slot++)
        any |= kinds[slot] == kind;
    if (any) {
        printf("The following uncovered slots have %s:\n", about);
        cluster_show_slots(kinds, (uint8_t)kind);
        printf("\n");
        ok = cluster_confirm(f->o, question);
    }
    for (int slot = 0; ok && any && slot < CLUSTER_SLOTS; slot++) {
        if (kinds[slot] != kind || (to[slot] = holder_of_most(f, slot, false)) == NULL)
            continue;
        cluster_say(TONE_STEP, ">>> Covering slot %d %s %s:%u\n", slot, kind == ON_SEVERAL ? "moving keys to" : "with",
                    to[slot]->host, to[slot]->port);
        ok = settle_on(f, slot, to[slot]);
    }
    /* Keys can be moved only in a cluster that is up, and it may take all of its slots to be that. */
    for (int slot = 0; ok && kind == ON_SEVERAL && slot < CLUSTER_SLOTS; slot++)
        if (to[slot] != NULL)
            ok = gather_keys(f, slot, to[slot]);
    mem_free(to);
    return ok;
}

static bool
fix_coverage(const struct fix *f)
{
    uint8_t kinds[CLUSTER_SLOTS];

    if (f->c->masters_away > 0 && !f->o->cluster.fix_with_unreachable_masters) {
        cluster_say(
            TONE_WARNING,
            "*** Fixing slots coverage with %zu unreachable masters is dangerous: their slots would be given to "
            "other nodes, and what they hold would be lost when they come back. If that is what you want, say "
            "--cluster-fix-with-unreachable-masters.\n",
            f->c->masters_away);
        return false;
    }
    cluster_say(TONE_STEP, ">>> Fixing slots coverage...\n");
    sort_uncovered(f, kinds);
    return cover_all(f, kinds, WITHOUT_KEYS, "no keys across the cluster",
                     "Fix these slots by covering with a random node? (type 'yes' to accept): ") &&
           cover_all(f, kinds, ON_ONE_NODE, "keys in just one node",
                     "Fix these slots by covering with those nodes? (type 'yes' to accept): ") &&
           cover_all(f, kinds, ON_SEVERAL, "keys in multiple nodes",
                     "Fix these slots by moving keys into a single node? (type 'yes' to accept): ");
}

/* ---- slots that several serve ------------------------------------------------------------------------------------ */

static bool
fix_owners(const struct fix *f, const bool *doubled)
{
    bool ok = true;

    for (int slot = 0; ok && slot < CLUSTER_SLOTS; slot++) {
        if (!doubled[slot])
            continue;
        cluster_say(TONE_STEP, ">>> Fixing multiple owners for slot %d...\n", slot);
        struct cluster_node *owner = holder_of_most(f, slot, true);
        cluster_say(TONE_STEP, ">>> Setting slot %d owner: %s:%u\n", slot, owner->host, owner->port);
        ok = settle_on(f, slot, owner) && gather_keys(f, slot, owner);
    }
    return ok;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

int
cluster_fix(struct cluster *c, const struct options *o)
{
    const struct fix f = {c, o};
    bool marks[CLUSTER_SLOTS], ok = true;

    cluster_show_summary(c);
    (void)cluster_check_views(c, true);
    if (!cluster_check_open(c, marks))
        for (int slot = 0; slot < CLUSTER_SLOTS; slot++)
            if (marks[slot])
                ok = close_slot(&f, slot) && ok;
    if (!cluster_check_coverage(c))
        ok = fix_coverage(&f) && ok;
    if (o->cluster.search_multiple_owners && !cluster_check_owners(c, marks))
        ok = fix_owners(&f, marks) && ok;
    return ok ? 0 : 1;
}
