/* cli/mode_cluster.c - --cluster: looking at a cluster, calling all its nodes, moving slots, adding and removing nodes.
 *
 * The texts are redis-cli's, which people's scripts read. */
#include "cli/cluster.h"
#include "cli/modes.h"

#include "base/mem.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOVE_KEYS = 10, TIMEOUT_MS_MIN = 100, MIGRATE_MS = 60000 };

enum tone { TONE_PLAIN, TONE_STEP, TONE_GOOD, TONE_WARNING, TONE_BAD };

static void __attribute__((format(printf, 2, 3))) say(enum tone tone, const char *fmt, ...)
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

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* A command of C strings; NULL, having said why, when the connection fails. */
static const struct resp_value *
ask(struct cluster_node *n, int argc, const char *const *argv)
{
    struct slice args[16];

    CHECK(argc <= 16);
    for (int i = 0; i < argc; i++)
        args[i] = slice_cstr(argv[i]);
    return session_ask(&n->session, argc, args);
}

#define ASK(n, ...) \
    ask((n), (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)), (const char *const[]){__VA_ARGS__})

/* True if it answered without an error; else it is said what went wrong. */
static bool
done(const struct cluster_node *n, const struct resp_value *v)
{
    if (v != NULL && v->type == RESP_ERROR)
        say(TONE_BAD, "[ERR] Node %s:%u replied with error:\n%.*s\n", n->host, n->port, (int)v->text.len, v->text.ptr);
    return v != NULL && v->type != RESP_ERROR;
}

/* ---- showing ----------------------------------------------------------------------------------------------------- */

static void
show_summary(const struct cluster *c)
{
    int64_t total = 0;
    int masters = 0;

    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        if (!cluster_node_is_master(n))
            continue;
        const struct resp_value *v = ASK(n, "DBSIZE");
        int64_t keys = v != NULL && v->type == RESP_INTEGER ? v->integer : 0;
        printf("%s:%u (%.8s...) -> %" PRId64 " keys | %d slots | %d slaves.\n", n->host, n->port, n->id, keys,
               cluster_node_slots(n), n->replicas);
        total += keys;
        masters++;
    }
    say(TONE_GOOD, "[OK] %" PRId64 " keys in %d masters.\n", total, masters);
    printf("%.2f keys per slot on average.\n", (double)total / CLUSTER_SLOTS);
}

static bool
owns(const struct cluster_node *n, int slot)
{
    return n->slots[slot] == SLOT_OWNED || n->slots[slot] == SLOT_MIGRATING;
}

static void
show_node(const struct cluster_node *n, const char *indent)
{
    bool master = cluster_node_is_master(n), any = false;

    printf("%s%c: %s %s:%u\n%s   slots:", indent, master ? 'M' : 'S', n->id, n->host, n->port, indent);
    for (int i = 0; i < CLUSTER_SLOTS; i++) {
        int to = i;
        if (!owns(n, i))
            continue;
        while (to + 1 < CLUSTER_SLOTS && owns(n, to + 1))
            to++;
        printf(to > i ? "%s[%d-%d]" : "%s[%d]", any ? "," : "", i, to);
        any = true;
        i = to;
    }
    printf(" (%d slots) %s\n", cluster_node_slots(n), master ? "master" : "slave");
    if (!master)
        printf("%s   replicates %s\n", indent, n->master);
    if (n->replicas > 0)
        printf("%s   %d additional replica(s)\n", indent, n->replicas);
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
            say(TONE_WARNING, "[WARNING] Node %s:%u has slots in %s state ", n->host, n->port,
                state == SLOT_MIGRATING ? "migrating" : "importing");
        say(TONE_WARNING, "%s%d", any ? "," : "", i);
        any = open[i] = true;
    }
    if (any)
        say(TONE_WARNING, ".\n");
}

static bool
check_open(const struct cluster *c)
{
    bool *open = mem_get_zero(CLUSTER_SLOTS * sizeof(*open)), any = false;

    say(TONE_STEP, ">>> Check for open slots...\n");
    for (size_t i = 0; i < c->count; i++) {
        show_open(c->nodes[i], SLOT_MIGRATING, open);
        show_open(c->nodes[i], SLOT_IMPORTING, open);
    }
    for (int i = 0; i < CLUSTER_SLOTS; i++) {
        if (open[i])
            say(TONE_BAD, any ? ",%d" : "[WARNING] The following slots are open: %d", i);
        any |= open[i];
    }
    if (any)
        say(TONE_BAD, ".\n");
    mem_free(open);
    return !any;
}

static bool
check_coverage(const struct cluster *c)
{
    int covered = 0;

    say(TONE_STEP, ">>> Check slots coverage...\n");
    for (int i = 0; i < CLUSTER_SLOTS; i++) {
        bool owned = false;
        for (size_t k = 0; !owned && k < c->count; k++)
            owned = owns(c->nodes[k], i);
        covered += owned;
    }
    if (covered == CLUSTER_SLOTS)
        say(TONE_GOOD, "[OK] All %d slots covered.\n", CLUSTER_SLOTS);
    else
        say(TONE_BAD, "[ERR] Not all %d slots are covered by nodes.\n\n", CLUSTER_SLOTS);
    return covered == CLUSTER_SLOTS;
}

static bool
check(const struct cluster *c)
{
    say(TONE_STEP, ">>> Performing Cluster Check (using node %s:%u)\n", c->nodes[0]->host, c->nodes[0]->port);
    for (size_t i = 0; i < c->count; i++)
        show_node(c->nodes[i], "");
    if (c->agreed)
        say(TONE_GOOD, "[OK] All nodes agree about slots configuration.\n");
    else
        say(TONE_BAD, "[ERR] Nodes don't agree about configuration!\n");
    bool closed = check_open(c), covered = check_coverage(c);
    return c->agreed && closed && covered;
}

/* ---- subcommands that look and call ------------------------------------------------------------------------------ */

static int
run_check(struct cluster *c, const struct options *o)
{
    (void)o;
    show_summary(c);
    return check(c) ? 0 : 1;
}

static int
run_info(struct cluster *c, const struct options *o)
{
    (void)o;
    show_summary(c);
    return 0;
}

static int
run_call(struct cluster *c, const struct options *o)
{
    struct slice *argv = mem_get_array((size_t)o->argc, sizeof(*argv));
    const struct format f = {.output = OUTPUT_RAW, .item_delimiter = LIT("\n")};
    struct buf text = {0};

    say(TONE_STEP, ">>> Calling");
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
    say(TONE_STEP, ">>> Reconfiguring node timeout in every cluster node...\n");
    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        const struct resp_value *v = ASK(n, "CONFIG", "SET", "cluster-node-timeout", o->argv[0]);
        if (v != NULL && v->type != RESP_ERROR)
            v = ASK(n, "CONFIG", "REWRITE");
        if (v != NULL && v->type != RESP_ERROR) {
            say(TONE_WARNING, "*** New timeout set for %s:%u\n", n->host, n->port);
            good++;
        } else {
            say(TONE_BAD, "ERR setting node-timeout for %s:%u: %.*s\n", n->host, n->port,
                v != NULL ? (int)v->text.len : 0, v != NULL ? v->text.ptr : "");
            bad++;
        }
    }
    say(TONE_STEP, ">>> New node timeout set. %d OK, %d ERR.\n", good, bad);
    return 0;
}

static int
run_del_node(struct cluster *c, const struct options *o)
{
    const char *id = o->argv[0];
    struct cluster_node *gone = cluster_find(c, id);

    say(TONE_STEP, ">>> Removing node %s from cluster %s:%u\n", id, c->nodes[0]->host, c->nodes[0]->port);
    if (gone == NULL) {
        say(TONE_BAD, "[ERR] No such node ID %s\n", id);
        return 1;
    }
    if (cluster_node_slots(gone) > 0) {
        say(TONE_BAD, "[ERR] Node %s:%u is not empty! Reshard data away and try again.\n", gone->host, gone->port);
        return 1;
    }
    say(TONE_STEP, ">>> Sending CLUSTER FORGET messages to the cluster...\n");
    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        if (n == gone)
            continue;
        if (strcmp(n->master, id) == 0) {
            /* Its replicas would follow nobody: they go to the master with the fewest. */
            struct cluster_node *to = NULL;
            for (size_t k = 0; k < c->count; k++)
                if (c->nodes[k] != gone && cluster_node_is_master(c->nodes[k]) &&
                    (to == NULL || c->nodes[k]->replicas < to->replicas))
                    to = c->nodes[k];
            if (to == NULL)
                return 1;
            say(TONE_STEP, ">>> %s:%u as replica of %s:%u\n", n->host, n->port, to->host, to->port);
            if (!done(n, ASK(n, "CLUSTER", "REPLICATE", to->id)))
                return 1;
        }
        if (!done(n, ASK(n, "CLUSTER", "FORGET", id)))
            return 1;
    }
    say(TONE_STEP, ">>> Sending CLUSTER RESET SOFT to the deleted node.\n");
    return done(gone, ASK(gone, "CLUSTER", "RESET", "SOFT")) ? 0 : 1;
}

/* ---- moving slots ------------------------------------------------------------------------------------------------ */

struct move {
    int slot;
    struct cluster_node *from;
};

static bool
move_keys(const struct options *o, struct cluster_node *from, const struct cluster_node *to, const char *slot)
{
    char port[8], batch[INT64_TEXT_MAX + 1], ms[INT64_TEXT_MAX + 1];
    const struct sorrel_url *u = &o->url;

    snprintf(port, sizeof(port), "%u", to->port);
    batch[format_int64(batch, o->cluster.pipeline > 0 ? o->cluster.pipeline : MOVE_KEYS)] = '\0';
    ms[format_int64(ms, o->cluster.timeout_ms > 0 ? o->cluster.timeout_ms : MIGRATE_MS)] = '\0';
    for (;;) {
        struct slice argv[13 + 1024];
        struct buf keys = {0};
        size_t ends[1024], n = 0;
        int argc = 0;
        const struct resp_value *v = ASK(from, "CLUSTER", "GETKEYSINSLOT", slot, batch);
        if (!done(from, v))
            return false;
        for (; n < v->count && n < 1024; n++) {
            buf_add_slice(&keys, v->items[n].text);
            ends[n] = keys.len;
        }
        argv[argc++] = LIT("MIGRATE");
        argv[argc++] = slice_cstr(to->host);
        argv[argc++] = slice_cstr(port);
        argv[argc++] = LIT("");
        argv[argc++] = LIT("0");
        argv[argc++] = slice_cstr(ms);
        if (o->cluster.replace)
            argv[argc++] = LIT("REPLACE");
        if (u->password != NULL) {
            argv[argc++] = u->username != NULL ? LIT("AUTH2") : LIT("AUTH");
            if (u->username != NULL)
                argv[argc++] = slice_cstr(u->username);
            argv[argc++] = slice_cstr(u->password);
        }
        argv[argc++] = LIT("KEYS");
        for (size_t i = 0; i < n; i++)
            argv[argc++] = slice_of(keys.ptr + (i > 0 ? ends[i - 1] : 0), ends[i] - (i > 0 ? ends[i - 1] : 0));
        bool ok = n == 0 || done(from, session_ask(&from->session, argc, argv));
        for (size_t i = 0; ok && i < n; i++)
            putchar('.');
        buf_fini(&keys);
        if (!ok || n == 0)
            return ok;
    }
}

/* The target learns of its slot first: should this stop in between, both sides still find every key. */
static bool
move_slot(const struct options *o, struct cluster *c, const struct move *m, struct cluster_node *to)
{
    char slot[8];

    snprintf(slot, sizeof(slot), "%d", m->slot);
    printf("Moving slot %d from %s:%u to %s:%u: ", m->slot, m->from->host, m->from->port, to->host, to->port);
    fflush(stdout);
    bool ok = done(to, ASK(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", m->from->id)) &&
              done(m->from, ASK(m->from, "CLUSTER", "SETSLOT", slot, "MIGRATING", to->id)) &&
              move_keys(o, m->from, to, slot) && done(to, ASK(to, "CLUSTER", "SETSLOT", slot, "NODE", to->id)) &&
              done(m->from, ASK(m->from, "CLUSTER", "SETSLOT", slot, "NODE", to->id));
    for (size_t i = 0; ok && i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        if (n != to && n != m->from && cluster_node_is_master(n))
            ok = done(n, ASK(n, "CLUSTER", "SETSLOT", slot, "NODE", to->id));
    }
    printf("\n");
    return ok;
}

/* A source gives in proportion to what it has, the largest one the odd slots. */
static size_t
plan_moves(struct cluster_node **sources, size_t count, int64_t wanted, struct move *out)
{
    int64_t total = 0;
    size_t n = 0;

    for (size_t i = 1; i < count; i++) /* by size, largest first; equal ones stay as they are */
        for (size_t k = i; k > 0 && cluster_node_slots(sources[k]) > cluster_node_slots(sources[k - 1]); k--) {
            struct cluster_node *swap = sources[k];
            sources[k] = sources[k - 1];
            sources[k - 1] = swap;
        }
    for (size_t i = 0; i < count; i++)
        total += cluster_node_slots(sources[i]);
    for (size_t i = 0; i < count && total > 0; i++) {
        int64_t exact = wanted * cluster_node_slots(sources[i]);
        int64_t share = i == 0 ? (exact + total - 1) / total : exact / total;
        for (int slot = 0; slot < CLUSTER_SLOTS && share > 0 && n < (size_t)wanted; slot++) {
            if (!owns(sources[i], slot))
                continue;
            out[n++] = (struct move){slot, sources[i]};
            share--;
        }
    }
    return n;
}

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

/* --cluster-from: ids with commas between them, or "all". */
static size_t
find_sources(const struct cluster *c, const char *list, const struct cluster_node *to, struct cluster_node **out)
{
    size_t n = 0;
    char id[CLUSTER_ID_MAX + 1];

    if (strcmp(list, "all") == 0) {
        for (size_t i = 0; i < c->count; i++)
            if (cluster_node_is_master(c->nodes[i]) && c->nodes[i] != to)
                out[n++] = c->nodes[i];
        return n;
    }
    while (list[0] != '\0') {
        size_t len = strcspn(list, ",");
        snprintf(id, sizeof(id), "%.*s", (int)(len < sizeof(id) ? len : sizeof(id) - 1), list);
        struct cluster_node *from = master_of_id(c, id);
        if (from == NULL || n == c->count)
            return 0;
        if (from == to) {
            printf("*** It is not possible to use the target node as source node.\n");
            return 0;
        }
        out[n++] = from;
        list += len + (list[len] == ',');
    }
    return n;
}

static bool
agreed_to(const struct options *o, const char *question)
{
    char answer[16];

    if (o->cluster.yes)
        return true;
    printf("%s", question);
    fflush(stdout);
    return fgets(answer, sizeof(answer), stdin) != NULL && strcmp(answer, "yes\n") == 0;
}

static int
reshard(struct cluster *c, const struct options *o, struct cluster_node **sources, struct move *moves)
{
    struct cluster_node *to = master_of_id(c, o->cluster.to);
    size_t count = to != NULL ? find_sources(c, o->cluster.from, to, sources) : 0;

    if (count == 0)
        return 1;
    printf("\nReady to move %" PRId64 " slots.\n  Source nodes:\n", o->cluster.slots);
    for (size_t i = 0; i < count; i++)
        show_node(sources[i], "    ");
    printf("  Destination node:\n");
    show_node(to, "    ");
    size_t n = plan_moves(sources, count, o->cluster.slots, moves);
    printf("  Resharding plan:\n");
    for (size_t i = 0; i < n; i++)
        printf("    Moving slot %d from %s\n", moves[i].slot, moves[i].from->id);
    if (!agreed_to(o, "Do you want to proceed with the proposed reshard plan (yes/no)? "))
        return 1;
    for (size_t i = 0; i < n; i++)
        if (!move_slot(o, c, &moves[i], to))
            return 1;
    return 0;
}

static int
run_reshard(struct cluster *c, const struct options *o)
{
    if (!check(c)) {
        fflush(stdout);
        fprintf(stderr, "*** Please fix your cluster problems before resharding\n");
        return 1;
    }
    if (o->cluster.from == NULL || o->cluster.to == NULL || o->cluster.slots < 1 || o->cluster.slots > CLUSTER_SLOTS) {
        fprintf(stderr, "--cluster-from, --cluster-to and --cluster-slots must say what is to be moved.\n");
        return 1;
    }
    struct cluster_node **sources = mem_get_array(c->count, sizeof(struct cluster_node *));
    struct move *moves = mem_get_array((size_t)o->cluster.slots, sizeof(*moves));
    int status = reshard(c, o, sources, moves);
    mem_free(sources);
    mem_free(moves);
    return status;
}

/* ---- the subcommands --------------------------------------------------------------------------------------------- */

static const struct subcommand {
    const char *name;
    int args; /* after the address; below zero: at least that many */
    int (*run)(struct cluster *c, const struct options *o);
    const char *usage, *about;
} subcommands[] = {
    {"check", 0, run_check, "HOST:PORT", "whether all slots are served and all nodes agree"},
    {"info", 0, run_info, "HOST:PORT", "keys, slots and replicas of each master"},
    {"call", -1, run_call, "HOST:PORT COMMAND ...",
     "run a command on every node, or with --cluster-only-masters or --cluster-only-replicas"},
    {"reshard", 0, run_reshard, "HOST:PORT",
     "move --cluster-slots N --cluster-from ID[,ID...]|all --cluster-to ID; without asking with --cluster-yes;\n"
     "                              also --cluster-pipeline, --cluster-timeout, --cluster-replace"},
    {"del-node", 1, run_del_node, "HOST:PORT ID", "let a node that has no slots leave"},
    {"set-timeout", 1, run_set_timeout, "HOST:PORT MS", "set cluster-node-timeout everywhere"},
};

static int
print_help(void)
{
    printf("usage: sorrel-cli --cluster SUBCOMMAND ... [option ...]\n\n");
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        char what[64];
        snprintf(what, sizeof(what), "%s %s", subcommands[i].name, subcommands[i].usage);
        printf("  %-27s %s\n", what, subcommands[i].about);
    }
    printf("\nThe address is that of any node; HOST PORT with a blank between them does too.\n"
           "create, add-node, fix, rebalance, import and backup are not supported.\n");
    return 0;
}

/* Takes "host:port", or "host" "port", off the arguments. */
static bool
take_address(struct options *o, char **host, uint16_t *port)
{
    char *colon = o->argc > 0 ? strrchr(o->argv[0], ':') : NULL;
    int used = colon != NULL ? 1 : 2;
    uint64_t n;

    if (o->argc < used || !parse_uint64(slice_cstr(colon != NULL ? colon + 1 : o->argv[1]), &n) || n < 1 || n > 65535)
        return false;
    size_t len = colon != NULL ? (size_t)(colon - o->argv[0]) : strlen(o->argv[0]);
    *host = mem_get(len + 1);
    memcpy(*host, o->argv[0], len);
    (*host)[len] = '\0';
    *port = (uint16_t)n;
    o->argv += used;
    o->argc -= used;
    return true;
}

int
mode_cluster(const struct options *given)
{
    const struct subcommand *sub = NULL;
    struct options o = *given;
    struct cluster c = {0};
    char *host = NULL;
    uint16_t port;
    int status = 1;

    if (strcmp(o.cluster.subcommand, "help") == 0)
        return print_help();
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
        if (strcmp(subcommands[i].name, o.cluster.subcommand) == 0)
            sub = &subcommands[i];
    if (sub == NULL) {
        fprintf(stderr, "Unknown --cluster subcommand\n");
        return 1;
    }
    int least = sub->args < 0 ? -sub->args : sub->args;
    bool enough = o.argc > least;
    if (enough && !take_address(&o, &host, &port))
        fprintf(stderr,
                "[ERR] Invalid arguments: you need to pass either a valid address (ie. 120.0.0.1:7000) or space "
                "separated IP and port (ie. 120.0.0.1 7000)\n");
    else if (!enough || o.argc < least || (sub->args >= 0 && o.argc > least))
        fprintf(stderr, "[ERR] Wrong number of arguments for specified --cluster sub command\n");
    else if (cluster_load(&c, &o, host, port))
        status = sub->run(&c, &o);
    cluster_fini(&c);
    mem_free(host);
    return status;
}
