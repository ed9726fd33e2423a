/* cli/options_table.c - see options_table.h. */
#include "cli/options_table.h"

#include <stdio.h>
#include <string.h>

/* A row without a name is the heading of a group. */
static const struct option_row rows[] = {
    {.about = "Where to, as whom"},
    {"-h", ID_HOST, true, 0, "HOST", "host name or address (127.0.0.1)"},
    {"-p", ID_PORT, true, 0, "PORT", "port (6379)"},
    {"-s", ID_SOCKET, true, 0, "PATH", "Unix socket, instead of host and port"},
    {"-u", ID_URL, true, 0, "URL", "redis://, rediss://, unix://, redis+sentinel://: all of this in one"},
    {"-n", ID_DB, true, 0, "DB", "number of the database (0)"},
    {"-a", ID_PASSWORD, true, 0, "PASSWORD", "password; safer in the environment as REDISCLI_AUTH"},
    {"--user", ID_USER, true, 0, "NAME", "+user name that the password is for"},
    {"--askpass", ID_ASKPASS, false, 0, NULL, "+ask for the password on the terminal"},
    {"--no-auth-warning", ID_NO_AUTH_WARNING, false, 0, NULL, "+do not warn about passwords on the command line"},
    {"-c", ID_CLUSTER_MODE, false, 0, NULL, "+follow MOVED and ASK to the other nodes of a cluster"},
    {"-2", ID_RESP2, false, 0, NULL, "+speak RESP2"},
    {"-3", ID_RESP3, false, 0, NULL, "+speak RESP3"},
    {"-t", ID_TIMEOUT, true, 0, "SECONDS", "+time-out for connecting"},
    {.about = "Commands"},
    {"-r", ID_REPEAT, true, 0, "N", "run the command N times, -1 for ever"},
    {"-i", ID_INTERVAL, true, 0, "SECONDS", "wait between repetitions, samples, or scan steps (0.1 is fine)"},
    {"-x", ID_STDIN, false, 0, NULL, "take the last argument from standard input"},
    {"-X", ID_STDIN_TAG, true, 0, "TAG", "take the argument that equals TAG from standard input"},
    {"-e", ID_ERROR_EXIT, false, 0, NULL, "exit with 1 when the reply is an error"},
    {"--eval", ID_MODE_FILE, true, MODE_EVAL, "FILE", "run a Lua script with the keys, then ',', then arguments"},
    {"--quoted-input", ID_QUOTED_INPUT, false, 0, NULL, "+arguments in quotes are unquoted: '\"a\\x00b\"'"},
    {.about = "Replies"},
    {"--raw", ID_RAW, false, 0, NULL, "bare replies (the default when the output is no terminal)"},
    {"--no-raw", ID_NO_RAW, false, 0, NULL, "replies for people even so"},
    {"--csv", ID_CSV, false, 0, NULL, "replies as CSV"},
    {"--json", ID_JSON, false, 0, NULL, "replies as JSON, over RESP3 unless -2 is given"},
    {"--quoted-json", ID_QUOTED_JSON, false, 0, NULL, "+the same in ASCII, other bytes as \\xHH"},
    {"-d", ID_ITEM_DELIMITER, true, 0, "TEXT", "+between the items of a raw reply (a new line)"},
    {"-D", ID_REPLY_DELIMITER, true, 0, "TEXT", "+after each raw reply (a new line)"},
    {"--show-pushes", ID_SHOW_PUSHES, true, 0, "yes|no", "+print RESP3 pushes (yes on a terminal)"},
    {.about = "Keys"},
    {"--scan", ID_MODE, false, MODE_SCAN, NULL, "list keys; with --pattern, --type, --count"},
    {"--pattern", ID_PATTERN, true, 0, "GLOB", "which keys to scan (*)"},
    {"--bigkeys", ID_MODE, false, MODE_BIGKEYS, NULL, "the keys with most elements, by type"},
    {"--memkeys", ID_MODE, false, MODE_MEMKEYS, NULL, "the keys that take most memory, by type"},
    {"--hotkeys", ID_MODE, false, MODE_HOTKEYS, NULL, "the keys in most use; needs an LFU maxmemory-policy"},
    {"--keystats", ID_MODE, false, MODE_KEYSTATS, NULL, "both of these and how sizes are distributed"},
    {"--type", ID_TYPE, true, 0, "TYPE", "+keys of which type to scan"},
    {"--count", ID_COUNT, true, 0, "N", "+how many keys to look at in a step of a scan"},
    {"--memkeys-samples", ID_MEMKEYS_SAMPLES, true, MODE_MEMKEYS, "N", "+the same, looking at N elements of each"},
    {.about = "The server at work"},
    {"--stat", ID_MODE, false, MODE_STAT, NULL, "a line of figures about the server every second"},
    {"--latency", ID_MODE, false, MODE_LATENCY, NULL, "measure round trips without end (one second off a terminal)"},
    {"--latency-history", ID_MODE, false, MODE_LATENCY_HISTORY, NULL, "the same, a line every 15 seconds"},
    {"--latency-dist", ID_MODE, false, MODE_LATENCY_DIST, NULL, "the same as a coloured spectrum every second"},
    {"--intrinsic-latency", ID_MODE_NUMBER, true, MODE_INTRINSIC_LATENCY, "SECONDS",
     "+how long this machine makes a process wait; no server needed"},
    {"--lru-test", ID_MODE_NUMBER, true, MODE_LRU_TEST, "KEYS", "+hit rate of a cache under an 80-20 load"},
    {.about = "Data in and out"},
    {"--pipe", ID_MODE, false, MODE_PIPE, NULL, "send the protocol bytes on standard input, count the replies"},
    {"--rdb", ID_MODE_FILE, true, MODE_RDB, "FILE", "fetch a snapshot into FILE (-: standard output)"},
    {"--replica", ID_MODE, false, MODE_REPLICA, NULL, "print the commands that a replica gets"},
    {"--functions-rdb", ID_MODE_FILE, true, MODE_FUNCTIONS_RDB, "FILE", "+the same with the functions only"},
    {"--pipe-timeout", ID_PIPE_TIMEOUT, true, 0, "SECONDS", "+wait that long for the last reply (30; 0: for ever)"},
    {.about = "Clusters"},
    {"--cluster", ID_CLUSTER, true, MODE_CLUSTER, "COMMAND", "look after a cluster; --cluster help says how"},
    {.about = "TLS"},
    {"--tls", ID_TLS, false, 0, NULL, "speak TLS, as rediss:// does"},
    {"--cacert", ID_CACERT, true, 0, "FILE", "who may have signed the server's certificate (the system's list)"},
    {"--insecure", ID_INSECURE, false, 0, NULL, "believe every certificate"},
    {"--cacertdir", ID_CACERT_DIR, true, 0, "DIR", "+the same, a folder as c_rehash makes it"},
    {"--cert", ID_CERT, true, 0, "FILE", "+certificate to show"},
    {"--key", ID_KEY, true, 0, "FILE", "+its private key"},
    {"--sni", ID_SNI, true, 0, "NAME", "+name of the server that its certificate must be for (its host)"},
    {"--tls-ciphers", ID_CIPHERS, true, 0, "LIST", "+ciphers to offer up to TLS 1.2"},
    {"--tls-ciphersuites", ID_SUITES, true, 0, "LIST", "+ciphers to offer from TLS 1.3 on"},
    {.about = "And"},
    {"--help", ID_MODE, false, MODE_HELP, "[all]", "this text; all: with every option explained"},
    {"--version", ID_MODE, false, MODE_VERSION, NULL, "name and version"},
    {"--verbose", ID_VERBOSE, false, 0, NULL, "+say more"},
    /* Known, and not in the help. */
    {"--pass", ID_PASSWORD, true, 0, NULL, NULL},
    {"--quoted-pattern", ID_QUOTED_PATTERN, true, 0, NULL, NULL},
    {"--slave", ID_MODE, false, MODE_REPLICA, NULL, NULL},
    {"-v", ID_MODE, false, MODE_VERSION, NULL, NULL},
    /* Of --cluster, whose own help has them. */
    {"--cluster-from", ID_CLUSTER_FROM, true, 0, NULL, NULL},
    {"--cluster-to", ID_CLUSTER_TO, true, 0, NULL, NULL},
    {"--cluster-slots", ID_CLUSTER_SLOTS, true, 0, NULL, NULL},
    {"--cluster-timeout", ID_CLUSTER_TIMEOUT, true, 0, NULL, NULL},
    {"--cluster-pipeline", ID_CLUSTER_PIPELINE, true, 0, NULL, NULL},
    {"--cluster-yes", ID_CLUSTER_YES, false, 0, NULL, NULL},
    {"--cluster-replace", ID_CLUSTER_REPLACE, false, 0, NULL, NULL},
    {"--cluster-only-masters", ID_CLUSTER_ONLY_MASTERS, false, 0, NULL, NULL},
    {"--cluster-only-replicas", ID_CLUSTER_ONLY_REPLICAS, false, 0, NULL, NULL},
    {"--cluster-replicas", ID_CLUSTER_REPLICAS, true, 0, NULL, NULL},
    {"--cluster-weight", ID_CLUSTER_WEIGHT, false, 0, NULL, NULL},
    {"--cluster-use-empty-masters", ID_CLUSTER_USE_EMPTY, false, 0, NULL, NULL},
    {"--cluster-simulate", ID_CLUSTER_SIMULATE, false, 0, NULL, NULL},
    {"--cluster-threshold", ID_CLUSTER_THRESHOLD, true, 0, NULL, NULL},
    {"--cluster-replica", ID_CLUSTER_REPLICA, false, 0, NULL, NULL},
    {"--cluster-slave", ID_CLUSTER_REPLICA, false, 0, NULL, NULL},
    {"--cluster-master-id", ID_CLUSTER_MASTER_ID, true, 0, NULL, NULL},
    {"--cluster-search-multiple-owners", ID_CLUSTER_MULTIPLE_OWNERS, false, 0, NULL, NULL},
    {"--cluster-fix-with-unreachable-masters", ID_CLUSTER_UNREACHABLE, false, 0, NULL, NULL},
    {"--cluster-from-user", ID_CLUSTER_FROM_USER, true, 0, NULL, NULL},
    {"--cluster-from-pass", ID_CLUSTER_FROM_PASS, true, 0, NULL, NULL},
    {"--cluster-from-askpass", ID_CLUSTER_FROM_ASK, false, 0, NULL, NULL},
    {"--cluster-copy", ID_CLUSTER_COPY, false, 0, NULL, NULL},
    /* Refused. */
    {"--ldb", ID_REFUSED, false, 0, NULL, NULL},
    {"--ldb-sync-mode", ID_REFUSED, false, 0, NULL, NULL},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]), HELP_COLUMNS = 100 };

const struct option_row *
option_find(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].name != NULL && strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static void
print_row(const struct option_row *row)
{
    char name[48];

    snprintf(name, sizeof(name), "%s%s%s", row->name, row->value_name != NULL ? " " : "",
             row->value_name != NULL ? row->value_name : "");
    printf("  %-27s %s\n", name, row->about + (row->about[0] == '+'));
}

/* A heading; in the short help with those of its group, from row i on, that have no line of their own. */
static void
print_heading(size_t i, bool all)
{
    int column = printf("%s%s", all ? "\n" : "", rows[i].about);
    const char *before = "; also";

    for (i++; !all && i < ROWS && rows[i].name != NULL; i++) {
        if (rows[i].about == NULL || rows[i].about[0] != '+')
            continue;
        column += printf("%s %s", before, rows[i].name);
        before = "";
    }
    CHECK(column <= HELP_COLUMNS);
    printf("\n");
}

void
options_print_help(bool all)
{
    printf("usage: sorrel-cli [option ...] [command [argument ...]]\n"
           "Runs one command, or reads commands from the terminal or a file.\n");
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].name == NULL)
            print_heading(i, all);
        else if (rows[i].about != NULL && (all || rows[i].about[0] != '+'))
            print_row(&rows[i]);
    }
    if (!all)
        return;
    printf("\nThe exit status is 0; 1 if there is no connection, or an error reply under -e.\n"
           "Examples:\n"
           "  sorrel-cli -n 2 set greeting hello\n"
           "  sorrel-cli -x set page < page.html\n"
           "  sorrel-cli -r -1 -i 1 info memory | grep used_memory_human\n"
           "  sorrel-cli --eval script.lua key1 key2 , argument\n"
           "  sorrel-cli --scan --pattern 'session:*'\n"
           "  sorrel-cli -D \"\" --raw dump a > a.dump && sorrel-cli -X dump restore b 0 dump < a.dump\n");
}
