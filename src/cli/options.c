/* cli/options.c - redis-cli's options, one table row each. */
#include "cli/options.h"

#include "base/mem.h"
#include "base/number.h"
#include "proto/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool
unquote_argument(struct arena *arena, struct slice text, struct slice *out)
{
    struct slice_vec words = {0};
    bool ok = words_split(text, arena, &words) && words.n == 1;

    if (ok)
        *out = words.v[0];
    slice_vec_fini(&words);
    return ok;
}

enum id {
    ID_HOST, ID_PORT, ID_SOCKET, ID_PASSWORD, ID_USER, ID_ASKPASS, ID_URL, ID_DB, ID_RESP2, ID_RESP3, ID_REPEAT,
    ID_INTERVAL, ID_STDIN, ID_STDIN_TAG, ID_ITEM_DELIMITER, ID_REPLY_DELIMITER, ID_ERROR_EXIT, ID_CLUSTER_MODE, ID_RAW, ID_NO_RAW,
    ID_CSV, ID_JSON, ID_QUOTED_JSON, ID_QUOTED_INPUT, ID_SHOW_PUSHES, ID_NO_AUTH_WARNING, ID_VERBOSE, ID_MODE,
    ID_MODE_NUMBER, ID_MODE_FILE, ID_PATTERN, ID_QUOTED_PATTERN, ID_TYPE, ID_COUNT, ID_MEMKEYS_SAMPLES,
    ID_PIPE_TIMEOUT, ID_TIMEOUT, ID_TLS, ID_SNI, ID_CACERT, ID_CACERT_DIR, ID_CIPHERS, ID_SUITES, ID_CERT, ID_KEY, ID_INSECURE, ID_REFUSED,
    ID_CLUSTER, ID_CLUSTER_FROM, ID_CLUSTER_TO, ID_CLUSTER_SLOTS, ID_CLUSTER_TIMEOUT, ID_CLUSTER_PIPELINE, ID_CLUSTER_YES,
    ID_CLUSTER_REPLACE, ID_CLUSTER_ONLY_MASTERS, ID_CLUSTER_ONLY_REPLICAS,
};

static const struct row {
    const char *name;
    enum id id;
    bool has_value;
    enum mode mode;
    const char *value_name, *about; /* NULL: not in the help */
} rows[] = {
    {"-h", ID_HOST, true, 0, "HOST", "host name or address (127.0.0.1)"},
    {"-p", ID_PORT, true, 0, "PORT", "port (6379)"},
    {"-s", ID_SOCKET, true, 0, "PATH", "Unix socket, instead of host and port"},
    {"-u", ID_URL, true, 0, "URL", "redis://, rediss://, unix://, redis+sentinel://: all of this in one"},
    {"-a", ID_PASSWORD, true, 0, "PASSWORD", "password; safer in the environment as REDISCLI_AUTH"},
    {"--pass", ID_PASSWORD, true, 0, NULL, NULL},
    {"--user", ID_USER, true, 0, "NAME", "user name that the password is for"},
    {"--askpass", ID_ASKPASS, false, 0, NULL, "ask for the password on the terminal"},
    {"--no-auth-warning", ID_NO_AUTH_WARNING, false, 0, NULL, "do not warn about passwords on the command line"},
    {"-n", ID_DB, true, 0, "DB", "number of the database (0)"},
    {"-2", ID_RESP2, false, 0, NULL, "speak RESP2"},
    {"-3", ID_RESP3, false, 0, NULL, "speak RESP3"},
    {"-t", ID_TIMEOUT, true, 0, "SECONDS", "time-out for connecting"},
    {"-r", ID_REPEAT, true, 0, "N", "run the command N times, -1 for ever"},
    {"-i", ID_INTERVAL, true, 0, "SECONDS", "wait between repetitions, samples, or scan steps (0.1 is fine)"},
    {"-x", ID_STDIN, false, 0, NULL, "take the last argument from standard input"},
    {"-X", ID_STDIN_TAG, true, 0, "TAG", "take the argument that equals TAG from standard input"},
    {"-d", ID_ITEM_DELIMITER, true, 0, "TEXT", "between the items of a raw reply (a new line)"},
    {"-D", ID_REPLY_DELIMITER, true, 0, "TEXT", "after each raw reply (a new line)"},
    {"-e", ID_ERROR_EXIT, false, 0, NULL, "exit with 1 when the reply is an error"},
    {"-c", ID_CLUSTER_MODE, false, 0, NULL, "follow MOVED and ASK to the other nodes of a cluster"},
    {"--raw", ID_RAW, false, 0, NULL, "bare replies (the default when the output is no terminal)"},
    {"--no-raw", ID_NO_RAW, false, 0, NULL, "replies for people even so"},
    {"--csv", ID_CSV, false, 0, NULL, "replies as CSV"},
    {"--json", ID_JSON, false, 0, NULL, "replies as JSON, over RESP3 unless -2 is given"},
    {"--quoted-json", ID_QUOTED_JSON, false, 0, NULL, "the same in ASCII, other bytes as \\xHH"},
    {"--quoted-input", ID_QUOTED_INPUT, false, 0, NULL, "arguments in quotes are unquoted: '\"a\\x00b\"'"},
    {"--show-pushes", ID_SHOW_PUSHES, true, 0, "yes|no", "print RESP3 pushes (yes on a terminal)"},
    {"--eval", ID_MODE_FILE, true, MODE_EVAL, "FILE", "run a Lua script with the keys, then ',', then arguments"},
    {"--scan", ID_MODE, false, MODE_SCAN, NULL, "list keys; with --pattern, --type, --count"},
    {"--pattern", ID_PATTERN, true, 0, "GLOB", "which keys to scan (*)"},
    {"--quoted-pattern", ID_QUOTED_PATTERN, true, 0, NULL, NULL},
    {"--type", ID_TYPE, true, 0, "TYPE", "keys of which type to scan"},
    {"--count", ID_COUNT, true, 0, "N", "how many keys to look at in a step of a scan"},
    {"--bigkeys", ID_MODE, false, MODE_BIGKEYS, NULL, "the keys with most elements, by type"},
    {"--memkeys", ID_MODE, false, MODE_MEMKEYS, NULL, "the keys that take most memory, by type"},
    {"--memkeys-samples", ID_MEMKEYS_SAMPLES, true, MODE_MEMKEYS, "N", "the same, looking at N elements of each"},
    {"--hotkeys", ID_MODE, false, MODE_HOTKEYS, NULL, "the keys in most use; needs an LFU maxmemory-policy"},
    {"--keystats", ID_MODE, false, MODE_KEYSTATS, NULL, "both of these and how sizes are distributed"},
    {"--stat", ID_MODE, false, MODE_STAT, NULL, "a line of figures about the server every second"},
    {"--latency", ID_MODE, false, MODE_LATENCY, NULL, "measure round trips without end (one second off a terminal)"},
    {"--latency-history", ID_MODE, false, MODE_LATENCY_HISTORY, NULL, "the same, a line every 15 seconds"},
    {"--latency-dist", ID_MODE, false, MODE_LATENCY_DIST, NULL, "the same as a coloured spectrum every second"},
    {"--intrinsic-latency", ID_MODE_NUMBER, true, MODE_INTRINSIC_LATENCY, "SECONDS",
     "how long this machine makes a process wait; no server needed"},
    {"--pipe", ID_MODE, false, MODE_PIPE, NULL, "send the protocol bytes on standard input, count the replies"},
    {"--pipe-timeout", ID_PIPE_TIMEOUT, true, 0, "SECONDS", "wait that long for the last reply (30; 0: for ever)"},
    {"--lru-test", ID_MODE_NUMBER, true, MODE_LRU_TEST, "KEYS", "hit rate of a cache under an 80-20 load"},
    {"--rdb", ID_MODE_FILE, true, MODE_RDB, "FILE", "fetch a snapshot into FILE (-: standard output)"},
    {"--functions-rdb", ID_MODE_FILE, true, MODE_FUNCTIONS_RDB, "FILE", "the same with the functions only"},
    {"--replica", ID_MODE, false, MODE_REPLICA, NULL, "print the commands that a replica gets"},
    {"--slave", ID_MODE, false, MODE_REPLICA, NULL, NULL},
    {"--cluster", ID_CLUSTER, true, MODE_CLUSTER, "COMMAND", "look after a cluster; --cluster help says how"},
    {"--cluster-from", ID_CLUSTER_FROM, true, 0, NULL, NULL},
    {"--cluster-to", ID_CLUSTER_TO, true, 0, NULL, NULL},
    {"--cluster-slots", ID_CLUSTER_SLOTS, true, 0, NULL, NULL},
    {"--cluster-timeout", ID_CLUSTER_TIMEOUT, true, 0, NULL, NULL},
    {"--cluster-pipeline", ID_CLUSTER_PIPELINE, true, 0, NULL, NULL},
    {"--cluster-yes", ID_CLUSTER_YES, false, 0, NULL, NULL},
    {"--cluster-replace", ID_CLUSTER_REPLACE, false, 0, NULL, NULL},
    {"--cluster-only-masters", ID_CLUSTER_ONLY_MASTERS, false, 0, NULL, NULL},
    {"--cluster-only-replicas", ID_CLUSTER_ONLY_REPLICAS, false, 0, NULL, NULL},
    {"--tls", ID_TLS, false, 0, NULL, "speak TLS, as rediss:// does"},
    {"--cacert", ID_CACERT, true, 0, "FILE", "who may have signed the server's certificate (the system's list)"},
    {"--cacertdir", ID_CACERT_DIR, true, 0, "DIR", "the same, a folder as c_rehash makes it"},
    {"--cert", ID_CERT, true, 0, "FILE", "certificate to show"},
    {"--key", ID_KEY, true, 0, "FILE", "its private key"},
    {"--sni", ID_SNI, true, 0, "NAME", "name of the server that its certificate must be for (its host)"},
    {"--insecure", ID_INSECURE, false, 0, NULL, "believe every certificate"},
    {"--tls-ciphers", ID_CIPHERS, true, 0, "LIST", "ciphers to offer up to TLS 1.2"},
    {"--tls-ciphersuites", ID_SUITES, true, 0, "LIST", "ciphers to offer from TLS 1.3 on"},
    {"--ldb", ID_REFUSED, false, 0, NULL, NULL},
    {"--ldb-sync-mode", ID_REFUSED, false, 0, NULL, NULL},
    {"--verbose", ID_VERBOSE, false, 0, NULL, "say more"},
    {"--help", ID_MODE, false, MODE_HELP, NULL, "this text"},
    {"--version", ID_MODE, false, MODE_VERSION, NULL, "name and version"},
    {"-v", ID_MODE, false, MODE_VERSION, NULL, NULL},
};

void
options_print_help(void)
{
    printf("usage: sorrel-cli [option ...] [command [argument ...]]\n"
           "Runs one command, or reads commands from the terminal or a file.\n\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[48];
        if (rows[i].about == NULL)
            continue;
        snprintf(name, sizeof(name), "%s%s%s", rows[i].name, rows[i].value_name != NULL ? " " : "",
                 rows[i].value_name != NULL ? rows[i].value_name : "");
        printf("  %-28s %s\n", name, rows[i].about);
    }
    printf("\nThe exit status is 0; 1 if there is no connection, or an error reply under -e.\n"
           "Examples:\n"
           "  sorrel-cli -n 2 set greeting hello\n"
           "  sorrel-cli -x set page < page.html\n"
           "  sorrel-cli -r -1 -i 1 info memory | grep used_memory_human\n"
           "  sorrel-cli --eval script.lua key1 key2 , argument\n"
           "  sorrel-cli --scan --pattern 'session:*'\n"
           "  sorrel-cli -D \"\" --raw dump a > a.dump && sorrel-cli -X dump restore b 0 dump < a.dump\n");
}

static bool
integer(const char *text, int64_t min, int64_t max, int64_t *out)
{
    int64_t v;

    if (!parse_int64(slice_cstr(text), &v) || v < min || v > max)
        return false;
    *out = v;
    return true;
}

static bool
seconds_to_us(const char *text, int64_t *out)
{
    double v;

    if (!parse_double(slice_cstr(text), &v) || !(v >= 0) || v > 1e9)
        return false;
    *out = (int64_t)(v * 1000000);
    return true;
}

/* Owned strings of the URL, so that -u, -h and -a can overwrite one another. */
static void
set_text(char **field, const char *text)
{
    size_t len = strlen(text) + 1;

    mem_free(*field);
    *field = memcpy(mem_get(len), text, len);
}

static bool
set_url(struct options *o, const char *text)
{
    struct sorrel_error err;
    struct sorrel_url u;

    if (sorrel_url_parse(text, &u, &err) != SORREL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    /* What was given before and the URL does not mention stays. */
    if (u.password == NULL && u.username != NULL) {
        u.password = u.username; /* redis://secret@host */
        u.username = NULL;
    }
    o->password_on_line |= u.password != NULL;
    if (u.username == NULL && u.password == NULL) {
        u.username = o->url.username;
        u.password = o->url.password;
        o->url.username = o->url.password = NULL;
    }
    if (u.protocol == 0)
        u.protocol = o->url.protocol;
    char **kept[] = {&u.ca_file, &o->url.ca_file, &u.ca_dir, &o->url.ca_dir, &u.cert_file, &o->url.cert_file,
                     &u.key_file, &o->url.key_file, &u.server_name, &o->url.server_name,
                     &u.ciphers, &o->url.ciphers, &u.cipher_suites, &o->url.cipher_suites};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i += 2) {
        if (*kept[i] == NULL) {
            *kept[i] = *kept[i + 1];
            *kept[i + 1] = NULL;
        }
    }
    u.tls_insecure |= o->url.tls_insecure;
    sorrel_url_fini(&o->url);
    o->url = u;
    return true;
}

static bool
set_output(struct options *o, enum output output)
{
    o->output = output;
    o->output_given = true;
    return true;
}

static bool
set_connection(struct options *o, enum id id, const char *value)
{
    int64_t n;

    switch (id) {
    case ID_HOST:
        /* A socket wins over a host, in whichever order they are given. */
        set_text(&o->url.host, value);
        return true;
    case ID_PORT:
        if (!integer(value, 1, 65535, &n)) {
            fprintf(stderr, "Invalid server port.\n");
            return false;
        }
        o->url.port = (uint16_t)n;
        return true;
    case ID_SOCKET:
        o->url.transport = SORREL_UNIX;
        set_text(&o->url.path, value);
        return true;
    case ID_PASSWORD:
        set_text(&o->url.password, value);
        return o->password_on_line = true;
    case ID_USER: set_text(&o->url.username, value); return true;
    case ID_URL: return set_url(o, value);
    case ID_TIMEOUT:
        if (!seconds_to_us(value, &n) || n == 0 || n / 1000 > INT32_MAX)
            return false;
        o->url.connect_timeout_ms = (int)((n + 999) / 1000);
        return true;
    case ID_TLS: return o->url.tls = true;
    case ID_SNI: set_text(&o->url.server_name, value); return true;
    case ID_CACERT: set_text(&o->url.ca_file, value); return true;
    case ID_CACERT_DIR: set_text(&o->url.ca_dir, value); return true;
    case ID_CIPHERS: set_text(&o->url.ciphers, value); return true;
    case ID_SUITES: set_text(&o->url.cipher_suites, value); return true;
    case ID_CERT: set_text(&o->url.cert_file, value); return true;
    case ID_KEY: set_text(&o->url.key_file, value); return true;
    case ID_INSECURE: return o->url.tls_insecure = true;
    default: return false;
    }
}

static bool
set_text_option(struct options *o, enum id id, const char *value, struct arena *arena)
{
    switch (id) {
    case ID_ITEM_DELIMITER: o->item_delimiter = slice_cstr(value); return true;
    case ID_REPLY_DELIMITER: o->reply_delimiter = slice_cstr(value); return true;
    case ID_PATTERN: o->pattern = slice_cstr(value); return true;
    case ID_QUOTED_PATTERN: return unquote_argument(arena, slice_cstr(value), &o->pattern);
    case ID_TYPE: o->type = slice_cstr(value); return true;
    case ID_STDIN_TAG: o->stdin_tag = value; return true;
    case ID_SHOW_PUSHES:
        o->show_pushes = ascii_lower(value[0]) == 'n' ? PUSHES_NO : PUSHES_YES;
        return ascii_lower(value[0]) == 'n' || ascii_lower(value[0]) == 'y';
    default: return false;
    }
}

static bool
set_cluster(struct options *o, enum id id, const char *value)
{
    struct cluster_options *c = &o->cluster;

    switch (id) {
    case ID_CLUSTER: c->subcommand = value; return true;
    case ID_CLUSTER_FROM: c->from = value; return true;
    case ID_CLUSTER_TO: c->to = value; return true;
    case ID_CLUSTER_SLOTS: return integer(value, 1, 16384, &c->slots);
    case ID_CLUSTER_TIMEOUT: return integer(value, 1, INT32_MAX, &c->timeout_ms);
    case ID_CLUSTER_PIPELINE: return integer(value, 1, 1000, &c->pipeline);
    case ID_CLUSTER_YES: return c->yes = true;
    case ID_CLUSTER_REPLACE: return c->replace = true;
    case ID_CLUSTER_ONLY_MASTERS: return c->only_masters = true;
    case ID_CLUSTER_ONLY_REPLICAS: return c->only_replicas = true;
    default: return false;
    }
}

static bool
apply(struct options *o, const struct row *row, const char *value, struct arena *arena)
{
    int64_t n;

    switch (row->id) {
    case ID_DB:
        if (!integer(value, 0, INT32_MAX, &n))
            return false;
        o->url.db = (int)n;
        return true;
    case ID_RESP2: o->url.protocol = 2; return true;
    case ID_RESP3: o->url.protocol = 3; return true;
    case ID_REPEAT: return integer(value, -1, INT64_MAX, &o->repeat);
    case ID_INTERVAL: o->interval_given = true; return seconds_to_us(value, &o->interval_us);
    case ID_STDIN: return o->stdin_last = true;
    case ID_ASKPASS: return o->ask_password = true;
    case ID_ERROR_EXIT: return o->error_exit = true;
    case ID_CLUSTER_MODE: return o->cluster_mode = true;
    case ID_RAW: return set_output(o, OUTPUT_RAW);
    case ID_NO_RAW: return set_output(o, OUTPUT_STANDARD);
    case ID_CSV: return set_output(o, OUTPUT_CSV);
    case ID_JSON: return set_output(o, OUTPUT_JSON);
    case ID_QUOTED_JSON: return set_output(o, OUTPUT_QUOTED_JSON);
    case ID_QUOTED_INPUT: return o->quoted_input = true;
    case ID_NO_AUTH_WARNING: return o->no_auth_warning = true;
    case ID_VERBOSE: return o->verbose = true;
    case ID_MODE: o->mode = row->mode; return true;
    case ID_MODE_FILE:
        o->mode = row->mode;
        o->file = value;
        return true;
    case ID_MODE_NUMBER: o->mode = row->mode; return integer(value, 1, INT64_MAX / 2000000, &o->mode_number);
    case ID_MEMKEYS_SAMPLES: o->mode = row->mode; return integer(value, 0, INT64_MAX, &o->memkeys_samples);
    case ID_COUNT: return integer(value, 1, INT64_MAX, &o->count);
    case ID_PIPE_TIMEOUT: return integer(value, 0, INT32_MAX / 1000, &o->pipe_timeout);
    case ID_REFUSED:
        fprintf(stderr, "The Lua debugger (%s) is not supported.\n", row->name);
        return false;
    default:
        o->mode = row->id == ID_CLUSTER ? row->mode : o->mode;
        return set_connection(o, row->id, value) || set_text_option(o, row->id, value, arena) ||
               set_cluster(o, row->id, value);
    }
}

static const struct row *
find_row(const char *name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* Settles what depends on several options together. */
static bool
settle(struct options *o)
{
    const char *auth = getenv("REDISCLI_AUTH");

    if (o->stdin_last && o->stdin_tag != NULL) {
        fprintf(stderr, "Options -x and -X are mutually exclusive.\n");
        return false;
    }
    if (o->url.password == NULL && auth != NULL && auth[0] != '\0' && !o->ask_password)
        set_text(&o->url.password, auth);
    /* A script that says redis-cli --cacert means redis-cli's check: who signed the certificate, not for which name. */
    const char *slash = strrchr(o->program, '/');
    if (strcmp(slash != NULL ? slash + 1 : o->program, "sorrel-cli") != 0 && o->url.server_name == NULL &&
        (o->url.ca_file != NULL || o->url.ca_dir != NULL))
        o->url.tls_any_name = true;
    if (!o->output_given && !isatty(STDOUT_FILENO) && getenv("FAKETTY") == NULL)
        o->output = OUTPUT_RAW;
    if ((o->output == OUTPUT_JSON || o->output == OUTPUT_QUOTED_JSON) && o->url.protocol == 0)
        o->url.protocol = 3;
    if (o->password_on_line && !o->no_auth_warning)
        fprintf(stderr, "Warning: Using a password with '-a' or '-u' option on the command line interface may not be"
                        " safe.\n");
    return true;
}

bool
options_parse(struct options *out, int argc, char **argv, struct arena *arena)
{
    int i = 1;

    *out = (struct options){
        .repeat = 1, .item_delimiter = LIT("\n"), .reply_delimiter = LIT("\n"), .program = argv[0], .pipe_timeout = 30,
        .memkeys_samples = -1,
    };
    for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
        const struct row *row = find_row(argv[i]);
        bool last = i + 1 == argc;
        if (row != NULL && row->id == ID_HOST && last) {
            out->mode = MODE_HELP;
            continue;
        }
        if (row == NULL || (row->has_value && last)) {
            fprintf(stderr, "Unrecognized option or bad number of args for: '%s'\n", argv[i]);
            return false;
        }
        if (!apply(out, row, row->has_value ? argv[i + 1] : "", arena)) {
            if (row->id != ID_REFUSED && row->id != ID_URL && row->id != ID_PORT)
                fprintf(stderr, "Invalid value of the option '%s'\n", row->name);
            return false;
        }
        i += row->has_value;
        if (row->id != ID_CLUSTER)
            continue;
        /* Its arguments stand here; options may follow them. */
        for (out->argv = argv + i + 1; i + 1 < argc && argv[i + 1][0] != '-'; i++)
            out->argc++;
    }
    if (out->mode != MODE_CLUSTER) {
        out->argv = argv + i;
        out->argc = argc - i;
    }
    return settle(out);
}

void
options_fini(struct options *o)
{
    sorrel_url_fini(&o->url);
}
