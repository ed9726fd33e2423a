/* cli/mode_cluster.c - --cluster: its subcommands, and those of them that look and call; what they do otherwise is in
 * cluster_*.c. The texts are redis-cli's, which people's scripts read. */
#include "cli/cluster_cmds.h"
#include "cli/cluster_show.h"
#include "cli/modes.h"

#include "base/mem.h"
#include "base/number.h"

#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS_MIN = 100 };

static int
run_check(struct cluster *c, const struct options *o)
{
    cluster_show_summary(c);
    return cluster_check(c, o, true) ? 0 : 1;
}

static int
run_info(struct cluster *c, const struct options *o)
{
    (void)o;
    cluster_show_summary(c);
    return 0;
}

static int
run_call(struct cluster *c, const struct options *o)
{
    struct slice *argv = mem_get_array((size_t)o->argc, sizeof(*argv));
    const struct format f = {.output = OUTPUT_RAW, .item_delimiter = LIT("\n")};
    struct buf text = {0};

    cluster_say(TONE_STEP, ">>> Calling");
    for (int i = 0; i < o->argc; i++) {
        argv[i] = slice_cstr(o->argv[i]);
        printf(" %s", o->argv[i]);
    }
    printf("\n");
    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        bool master = cluster_node_is_master(n);
        if ((o->cluster.only_masters && !master) || (o->cluster.only_replicas && master))
            continue;
        const struct resp_value *v = session_ask(&n->session, o->argc, argv);
        buf_reset(&text);
        if (v != NULL)
            format_reply(&f, v, &text);
        else
            buf_add_slice(&text, LIT("Failed!"));
        printf("%s:%u: ", n->host, n->port);
        fwrite(text.ptr, 1, text.len, stdout);
        printf("\n");
    }
    buf_fini(&text);
    mem_free(argv);
    return 0;
}

static int
run_set_timeout(struct cluster *c, const struct options *o)
{
    int64_t ms;
    int good = 0, bad = 0;

    if (!parse_int64(slice_cstr(o->argv[0]), &ms) || ms < TIMEOUT_MS_MIN) {
        fprintf(stderr, "Setting a node timeout of less than %d milliseconds is a bad idea.\n", TIMEOUT_MS_MIN);
        return 1;
    }
    cluster_say(TONE_STEP, ">>> Reconfiguring node timeout in every cluster node...\n");
    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        const struct resp_value *v = CLUSTER_ASK(n, "CONFIG", "SET", "cluster-node-timeout", o->argv[0]);
        if (v != NULL && v->type != RESP_ERROR)
            v = CLUSTER_ASK(n, "CONFIG", "REWRITE");
        if (v != NULL && v->type != RESP_ERROR) {
            cluster_say(TONE_WARNING, "*** New timeout set for %s:%u\n", n->host, n->port);
            good++;
        } else {
            cluster_say(TONE_BAD, "ERR setting node-timeout for %s:%u: %.*s\n", n->host, n->port,
                        v != NULL ? (int)v->text.len : 0, v != NULL ? v->text.ptr : "");
            bad++;
        }
    }
    cluster_say(TONE_STEP, ">>> New node timeout set. %d OK, %d ERR.\n", good, bad);
    return 0;
}

/* ---- the subcommands --------------------------------------------------------------------------------------------- */

/* Where the address of a node of the cluster is among the arguments. */
enum place { AT_FIRST, AT_SECOND, NOWHERE /* there is no cluster yet */ };

static const struct subcommand {
    const char *name;
    enum place address;
    int args; /* beside it; below zero: at least that many */
    int (*run)(struct cluster *c, const struct options *o);
    const char *usage, *about;
} subcommands[] = {
    {"create", NOWHERE, -2, cluster_create, "HOST:PORT ...",
     "a cluster of these empty nodes, with --cluster-replicas N\nfor each master"},
    {"check", AT_FIRST, 0, run_check, "HOST:PORT",
     "whether all slots are served and all nodes agree;\n--cluster-search-multiple-owners looks for slots that several "
     "serve"},
    {"info", AT_FIRST, 0, run_info, "HOST:PORT", "keys, slots and replicas of each master"},
    {"fix", AT_FIRST, 0, cluster_fix, "HOST:PORT",
     "close open slots, cover those that nobody serves; also\n--cluster-search-multiple-owners,\n"
     "--cluster-fix-with-unreachable-masters"},
    {"reshard", AT_FIRST, 0, cluster_reshard, "HOST:PORT",
     "move --cluster-slots N from --cluster-from ID[,ID...]|all to\n--cluster-to ID, or ask; --cluster-timeout MS,\n"
     "--cluster-pipeline KEYS, --cluster-replace"},
    {"rebalance", AT_FIRST, 0, cluster_rebalance, "HOST:PORT",
     "move slots until all masters have their share; --cluster-weight\nID=WEIGHT ..., --cluster-use-empty-masters, "
     "--cluster-simulate,\n--cluster-threshold PERCENT, and as reshard"},
    {"add-node", AT_SECOND, 1, cluster_add_node, "NEW:PORT HOST:PORT",
     "an empty node joins, as a master without slots or with\n--cluster-replica or --cluster-master-id ID as a "
     "replica"},
    {"del-node", AT_FIRST, 1, cluster_del_node, "HOST:PORT ID", "let a node that has no slots leave"},
    {"call", AT_FIRST, -1, run_call, "HOST:PORT COMMAND ...",
     "run a command on every node, or with --cluster-only-masters\nor --cluster-only-replicas"},
    {"set-timeout", AT_FIRST, 1, run_set_timeout, "HOST:PORT MS", "set cluster-node-timeout everywhere"},
    {"import", AT_FIRST, 0, cluster_import, "HOST:PORT",
     "take the keys of the server --cluster-from HOST:PORT;\n--cluster-copy leaves them there, --cluster-replace "
     "overwrites;\n"
     "--cluster-from-user, --cluster-from-pass, --cluster-from-askpass"},
    {"backup", AT_FIRST, 1, cluster_backup, "HOST:PORT FOLDER", "a snapshot of each master and nodes.json"},
    {"help", NOWHERE, 0, NULL, "", "this text"},
};

static int
print_help(void)
{
    printf("usage: sorrel-cli --cluster SUBCOMMAND ... [option ...]\n\n");
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        char what[64];
        const char *about = subcommands[i].about;
        snprintf(what, sizeof(what), "%s %s", subcommands[i].name, subcommands[i].usage);
        printf("  %-27s  ", what);
        for (; *about != '\0'; about++)
            printf(*about == '\n' ? "\n%31s" : "%.1s", *about == '\n' ? "" : about);
        printf("\n");
    }
    printf("\nThe address is that of any node; HOST PORT with a blank between them does too.\n"
           "--cluster-yes answers all questions with yes, as does REDISCLI_CLUSTER_YES=1 in the environment.\n");
    return 0;
}

static const char invalid_address[] =
    "[ERR] Invalid arguments: you need to pass either a valid address (ie. 120.0.0.1:7000) or space "
    "separated IP and port (ie. 120.0.0.1 7000)\n";

/* Takes "host:port", or "host" "port", off the arguments. */
static bool
take_address(struct options *o, char **host, uint16_t *port)
{
    uint64_t n;

    if (o->argc >= 1 && cluster_split_address(o->argv[0], host, port)) {
        o->argv++;
        o->argc--;
        return true;
    }
    if (o->argc < 2 || strchr(o->argv[0], ':') != NULL || !parse_uint64(slice_cstr(o->argv[1]), &n) || n < 1 ||
        n > 65535)
        return false;
    size_t len = strlen(o->argv[0]) + 1;
    *host = memcpy(mem_get(len), o->argv[0], len);
    *port = (uint16_t)n;
    o->argv += 2;
    o->argc -= 2;
    return true;
}

static bool
enough_arguments(const struct subcommand *sub, int argc)
{
    return sub->args < 0 ? argc >= -sub->args : argc == sub->args;
}

static int
run(const struct subcommand *sub, struct options *o)
{
    struct cluster c = {0};
    char *host = NULL;
    uint16_t port;
    int status = 1;

    bool enough = o->argc > (sub->address == NOWHERE ? 0 : sub->args < 0 ? -sub->args : sub->args);
    if (sub->address == AT_SECOND && enough) { /* the new node's address comes first */
        char *swap = o->argv[0];
        o->argv[0] = o->argv[1];
        o->argv[1] = swap;
    }
    if (sub->address != NOWHERE && enough && !take_address(o, &host, &port))
        fputs(invalid_address, stderr);
    else if (!enough || !enough_arguments(sub, o->argc))
        fprintf(stderr, "[ERR] Wrong number of arguments for specified --cluster sub command\n");
    else if (sub->address == NOWHERE || cluster_load(&c, o, host, port))
        status = sub->run(&c, o);
    cluster_fini(&c);
    mem_free(host);
    return status;
}

int
mode_cluster(const struct options *given)
{
    struct options o = *given;

    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
        if (strcmp(subcommands[i].name, o.cluster.subcommand) == 0)
            return subcommands[i].run != NULL ? run(&subcommands[i], &o) : print_help();
    fprintf(stderr, "Unknown --cluster subcommand\n");
    return 1;
}
