/* cli/cluster_show.c - see cluster_show.h. */
#include "cli/cluster_show.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
cluster_say(enum tone tone, const char *fmt, ...)
{
    static const char *const colours[] = {"", "\x1b[29;1m", "\x1b[32;1m", "\x1b[33;1m", "\x1b[31;1m"};
    const char *no = getenv("NO_COLOR");
    bool colour = tone != TONE_PLAIN && isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0');
    va_list ap;

    if (colour)
        fputs(colours[tone], stdout);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    if (colour)
        fputs("\x1b[0m", stdout);
}

bool
cluster_prompt(const char *question, char *line, size_t cap)
{
    fputs(question, stdout);
    fflush(stdout);
    if (fgets(line, (int)cap, stdin) == NULL) {
        if (isatty(STDIN_FILENO))
            printf("\n");
        return false;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return true;
}

bool
cluster_confirm(const struct options *o, const char *question)
{
    char answer[16];

    return o->cluster.yes || (cluster_prompt(question, answer, sizeof(answer)) && strcmp(answer, "yes") == 0);
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

void
cluster_show_summary(const struct cluster *c)
{
    int64_t total = 0;
    int masters = 0;

    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        if (!cluster_node_is_master(n))
            continue;
        const struct resp_value *v = CLUSTER_ASK(n, "DBSIZE");
        int64_t keys = v != NULL && v->type == RESP_INTEGER ? v->integer : 0;
        printf("%s:%u (%.8s...) -> %" PRId64 " keys | %d slots | %d slaves.\n", n->host, n->port, n->id, keys,
               cluster_node_slots(n), n->replicas);
        total += keys;
        masters++;
    }
    cluster_say(TONE_GOOD, "[OK] %" PRId64 " keys in %d masters.\n", total, masters);
    printf("%.2f keys per slot on average.\n", (double)total / CLUSTER_SLOTS);
}

void
cluster_show_slots(const uint8_t *marks, uint8_t mark)
{
    bool any = false;

    for (int i = 0; i < CLUSTER_SLOTS; i++) {
        int to = i;
        if (marks[i] != mark)
            continue;
        while (to + 1 < CLUSTER_SLOTS && marks[to + 1] == mark)
            to++;
        printf(to > i ? "%s[%d-%d]" : "%s[%d]", any ? "," : "", i, to);
        any = true;
        i = to;
    }
}

void
cluster_show_node(const struct cluster_node *n, const char *indent)
{
    bool master = cluster_node_is_master(n);
    uint8_t owned[CLUSTER_SLOTS];

    for (int i = 0; i < CLUSTER_SLOTS; i++)
        owned[i] = cluster_node_owns(n, i);
    printf("%s%c: %s %s:%u\n%s   slots:", indent, master ? 'M' : 'S', n->id, n->host, n->port, indent);
    cluster_show_slots(owned, 1);
    printf(" (%d slots) %s\n", cluster_node_slots(n), master ? "master" : "slave");
    if (!master)
        printf("%s   replicates %s\n", indent, n->master);
    if (n->replicas > 0)
        printf("%s   %d additional replica(s)\n", indent, n->replicas);
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

bool
cluster_check_views(const struct cluster *c, bool with_nodes)
{
    cluster_say(TONE_STEP, ">>> Performing Cluster Check (using node %s:%u)\n", c->nodes[0]->host, c->nodes[0]->port);
    for (size_t i = 0; with_nodes && i < c->count; i++)
        cluster_show_node(c->nodes[i], "");
    if (c->agreed)
        cluster_say(TONE_GOOD, "[OK] All nodes agree about slots configuration.\n");
    else
        cluster_say(TONE_BAD, "[ERR] Nodes don't agree about configuration!\n");
    return c->agreed;
}

/* "[WARNING] Node ... has slots in migrating state 5,7." Slots found are marked in `open`. */
static void
show_open(const struct cluster_node *n, enum slot_state state, bool *open)
{
    bool any = false;

    for (int i = 0; i < CLUSTER_SLOTS; i++) {
        if (n->slots[i] != state)
            continue;
        if (!any)
            cluster_say(TONE_WARNING, "[WARNING] Node %s:%u has slots in %s state ", n->host, n->port,
                        state == SLOT_MIGRATING ? "migrating" : "importing");
        cluster_say(TONE_WARNING, "%s%d", any ? "," : "", i);
        any = open[i] = true;
    }
    if (any)
        cluster_say(TONE_WARNING, ".\n");
}

bool
cluster_check_open(const struct cluster *c, bool *open)
{
    bool any = false;

    cluster_say(TONE_STEP, ">>> Check for open slots...\n");
    memset(open, 0, CLUSTER_SLOTS * sizeof(*open));
    for (size_t i = 0; i < c->count; i++) {
        show_open(c->nodes[i], SLOT_MIGRATING, open);
        show_open(c->nodes[i], SLOT_IMPORTING, open);
    }
    for (int i = 0; i < CLUSTER_SLOTS; i++) {
        if (open[i])
            cluster_say(TONE_BAD, any ? ",%d" : "[WARNING] The following slots are open: %d", i);
        any |= open[i];
    }
    if (any)
        cluster_say(TONE_BAD, ".\n");
    return !any;
}

static int
owners_of(const struct cluster *c, int slot)
{
    int owners = 0;

    for (size_t i = 0; i < c->count; i++)
        owners += cluster_node_owns(c->nodes[i], slot);
    return owners;
}

bool
cluster_check_coverage(const struct cluster *c)
{
    int covered = 0;

    cluster_say(TONE_STEP, ">>> Check slots coverage...\n");
    for (int i = 0; i < CLUSTER_SLOTS; i++)
        covered += owners_of(c, i) > 0;
    if (covered == CLUSTER_SLOTS)
        cluster_say(TONE_GOOD, "[OK] All %d slots covered.\n", CLUSTER_SLOTS);
    else
        cluster_say(TONE_BAD, "[ERR] Not all %d slots are covered by nodes.\n\n", CLUSTER_SLOTS);
    return covered == CLUSTER_SLOTS;
}

bool
cluster_check_owners(const struct cluster *c, bool *doubled)
{
    bool any = false;

    cluster_say(TONE_STEP, ">>> Check for multiple slot owners...\n");
    for (int slot = 0; slot < CLUSTER_SLOTS; slot++) {
        int owners = owners_of(c, slot);
        doubled[slot] = owners > 1;
        if (owners < 2)
            continue;
        any = true;
        cluster_say(TONE_WARNING, "[WARNING] Slot %d has %d owners:\n", slot, owners);
        for (size_t i = 0; i < c->count; i++)
            if (cluster_node_owns(c->nodes[i], slot))
                printf("    %s:%u\n", c->nodes[i]->host, c->nodes[i]->port);
    }
    if (!any)
        cluster_say(TONE_GOOD, "[OK] No multiple owners found.\n");
    return !any;
}

bool
cluster_check(const struct cluster *c, const struct options *o, bool with_nodes)
{
    bool marks[CLUSTER_SLOTS];
    bool ok = cluster_check_views(c, with_nodes);

    ok &= cluster_check_open(c, marks);
    ok &= cluster_check_coverage(c);
    if (o->cluster.search_multiple_owners)
        ok &= cluster_check_owners(c, marks);
    return ok;
}
