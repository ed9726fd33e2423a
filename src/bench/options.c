/* bench/options.c - redis-benchmark's options and ours. */
#include "bench/options.h"

#include "base/mem.h"
#include "base/number.h"

#include <stdio.h>
#include <stdlib.h>

/* clang-format off */
enum id {
    ID_HOST, ID_PORT, ID_SOCKET, ID_PASSWORD, ID_USER, ID_URL, ID_DB, ID_RESP3, ID_CLIENTS, ID_REQUESTS, ID_SIZE,
    ID_THREADS, ID_KEEP, ID_KEYS, ID_PIPELINE, ID_QUIET, ID_CSV, ID_JSON, ID_PRECISION, ID_TESTS, ID_LOOP, ID_IDLE,
    ID_STDIN, ID_ERROR_EXIT, ID_SEED, ID_RATE, ID_DIST, ID_ZIPF, ID_RATIO, ID_WARMUP, ID_SECONDS, ID_COMPARE, ID_ROUNDS, ID_CLUSTER,
    ID_HTML, ID_TRACKING, ID_TLS, ID_SNI, ID_CACERT, ID_CACERT_DIR, ID_CERT, ID_KEY, ID_CIPHERS, ID_SUITES, ID_INSECURE,
    ID_HELP, ID_VERSION,
};
/* clang-format on */

static const struct row {
    const char *name;
    enum id id;
    const char *value; /* NULL: takes none */
    const char *about; /* NULL: not in the help */
} rows[] = {
    {"-h", ID_HOST, "HOST", "host (127.0.0.1)"},
    {"-p", ID_PORT, "PORT", "port (6379)"},
    {"-s", ID_SOCKET, "PATH", "Unix socket, instead of host and port"},
    {"-u", ID_URL, "URL", "server as a URL"},
    {"-a", ID_PASSWORD, "PASSWORD", "password; also in the environment as REDISCLI_AUTH"},
    {"--user", ID_USER, "NAME", "user name that the password is for"},
    {"--dbnum", ID_DB, "DB", "database (0)"},
    {"-3", ID_RESP3, NULL, "speak RESP3"},
    {"-c", ID_CLIENTS, "N", "connections (50)"},
    {"-n", ID_REQUESTS, "N", "requests of each test (100000)"},
    {"--test-time", ID_SECONDS, "SECONDS", "run each test that long instead"},
    {"--warmup", ID_WARMUP, "SECONDS", "before measuring"},
    {"-d", ID_SIZE, "BYTES", "size of values (3); a range 10-1000; or sizes with weights 64:80,1024:15"},
    {"-P", ID_PIPELINE, "N", "commands in a pipeline (1)"},
    {"--threads", ID_THREADS, "N", "threads of the load, each with its share of the connections (1)"},
    {"-k", ID_KEEP, "0|1", "0: a new connection for each pipeline"},
    {"-r", ID_KEYS, "N", "numbers 0 to N-1 in keys and for __rand_int__"},
    {"--key-dist", ID_DIST, "NAME", "how they are picked: uniform, zipf, seq, hot"},
    {"--zipf", ID_ZIPF, "EXPONENT", "of zipf (0.99)"},
    {"--seed", ID_SEED, "N", "of all picks; the same seed gives the same commands"},
    {"--ratio", ID_RATIO, "SETS:GETS", "one test that mixes both"},
    {"--rate", ID_RATE, "N", "requests a second; latency counts from when each was due"},
    {"-t", ID_TESTS, "LIST", "which tests: set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,..."},
    {"--enable-tracking", ID_TRACKING, NULL, "send CLIENT TRACKING ON first"},
    {"-x", ID_STDIN, NULL, "take the last argument of the command from standard input"},
    {"-I", ID_IDLE, NULL, "open the connections and do nothing"},
    {"-l", ID_LOOP, NULL, "again and again"},
    {"-e", ID_ERROR_EXIT, NULL, "end with 1 if there are error replies"},
    {"-q", ID_QUIET, NULL, "a line for each test"},
    {"--csv", ID_CSV, NULL, "a line of CSV for each test"},
    {"--json", ID_JSON, NULL, "a JSON object for each test"},
    {"--html", ID_HTML, "FILE", "also a page with throughput and latency plots over time"},
    {"--precision", ID_PRECISION, "N", "digits after the point of latencies (3)"},
    {"--compare", ID_COMPARE, "URL", "rounds in turn against both servers, and the ratio"},
    {"--rounds", ID_ROUNDS, "N", "of --compare (5)"},
    {"--cluster", ID_CLUSTER, NULL, "the masters of a cluster, of which the server is a node; {tag} in a key"},
    {"--tls", ID_TLS, NULL, "speak TLS; with --sni, --cacert, --cacertdir, --cert, --key, --insecure"},
    {"--sni", ID_SNI, "NAME", NULL},
    {"--cacert", ID_CACERT, "FILE", NULL},
    {"--cacertdir", ID_CACERT_DIR, "DIR", NULL},
    {"--cert", ID_CERT, "FILE", NULL},
    {"--key", ID_KEY, "FILE", NULL},
    {"--tls-ciphers", ID_CIPHERS, "LIST", NULL},
    {"--tls-ciphersuites", ID_SUITES, "LIST", NULL},
    {"--insecure", ID_INSECURE, NULL, NULL},
    {"--help", ID_HELP, NULL, "this text"},
    {"--version", ID_VERSION, NULL, "name and version"},
};

void
options_print_help(void)
{
    printf("usage: sorrel-benchmark [option ...] [command [argument ...]]\n"
           "Measures how many requests a server answers, and how soon.\n\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[48];
        if (rows[i].about == NULL)
            continue;
        snprintf(name, sizeof(name), "%s%s%s", rows[i].name, rows[i].value != NULL ? " " : "",
                 rows[i].value != NULL ? rows[i].value : "");
        printf("  %-26s %s\n", name, rows[i].about);
    }
    printf("\nIn a command of your own, __rand_int__ stands for a picked number and __data__ for a value.\n"
           "With --cluster {tag} becomes a tag by which a key is one of the node that it is sent to.\n"
           "  sorrel-benchmark -t set,get -n 1000000 -r 1000000 -P 16 -q\n"
           "  sorrel-benchmark --ratio 1:10 -r 1000000 --key-dist zipf --rate 50000 --test-time 30\n"
           "  sorrel-benchmark -p 6379 --compare redis://127.0.0.1:6380 -t set,get -P 16\n");
}

static void
set_text(char **field, const char *text)
{
    mem_free(*field);
    *field = mem_copy_text(text);
}

static bool
number(const char *text, int64_t min, int64_t max, int64_t *out)
{
    return parse_int64(slice_cstr(text), out) && *out >= min && *out <= max;
}

static bool
real(const char *text, double max, double *out)
{
    return parse_double(slice_cstr(text), out) && *out >= 0 && *out <= max;
}

static bool
set_url(struct sorrel_url *u, const char *text)
{
    struct sorrel_error err;
    struct sorrel_url parsed;

    if (sorrel_url_parse(text, &parsed, &err) != SORREL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    sorrel_url_fini(u);
    *u = parsed;
    return true;
}

static bool
set_ratio(struct options *o, const char *text)
{
    const char *colon = strchr(text, ':');

    return colon != NULL && parse_int64(slice_of(text, (size_t)(colon - text)), &o->sets) && o->sets >= 0 &&
           o->sets < 1000000 && number(colon + 1, 0, 1000000, &o->gets) && o->sets + o->gets > 0;
}

static bool
set_distribution(struct options *o, const char *text)
{
    static const char *const names[] = {"uniform", "zipf", "seq", "hot"};

    for (size_t i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            o->load.pick = (enum key_pick)i;
            return true;
        }
    }
    return false;
}

static bool
apply_server(struct options *o, enum id id, const char *value)
{
    int64_t n;

    switch (id) {
    case ID_HOST: set_text(&o->url.host, value); return true;
    case ID_SOCKET:
        set_text(&o->url.path, value);
        o->url.transport = SORREL_UNIX;
        return true;
    case ID_PASSWORD: set_text(&o->url.password, value); return true;
    case ID_USER: set_text(&o->url.username, value); return true;
    case ID_URL: return set_url(&o->url, value);
    case ID_RESP3: o->url.protocol = 3; return true;
    case ID_PORT:
        if (!number(value, 1, 65535, &n))
            return false;
        o->url.port = (uint16_t)n;
        return true;
    case ID_DB:
        if (!number(value, 0, INT32_MAX, &n))
            return false;
        o->url.db = (int)n;
        return true;
    case ID_COMPARE: return o->compare = set_url(&o->other, value);
    default: return false;
    }
}

static bool
apply_tls(struct options *o, enum id id, const char *value)
{
    struct sorrel_url *u = &o->url;

    switch (id) {
    case ID_TLS: break;
    case ID_SNI: set_text(&u->server_name, value); break;
    case ID_CACERT: set_text(&u->ca_file, value); break;
    case ID_CACERT_DIR: set_text(&u->ca_dir, value); break;
    case ID_CERT: set_text(&u->cert_file, value); break;
    case ID_KEY: set_text(&u->key_file, value); break;
    case ID_CIPHERS: set_text(&u->ciphers, value); break;
    case ID_SUITES: set_text(&u->cipher_suites, value); break;
    case ID_INSECURE: u->tls_insecure = true; break;
    default: return false;
    }
    return u->tls = true;
}

static bool
apply_number(struct options *o, enum id id, const char *value)
{
    struct load *l = &o->load;
    int64_t n;

    if (!number(value, 0, INT64_MAX, &n))
        return false;
    switch (id) {
    case ID_CLIENTS: l->connections = (int)n; return n > 0 && n <= 1000000;
    case ID_REQUESTS: l->requests = (uint64_t)n; return n > 0;
    case ID_THREADS: l->threads = (int)n; return n > 0 && n <= 512;
    case ID_KEEP: l->reconnect = n == 0; return n <= 1;
    case ID_KEYS: l->key_count = (uint64_t)n; return n <= 1000000000000;
    case ID_PIPELINE: l->pipeline = (int)n; return n > 0 && n <= 1000000;
    case ID_PRECISION: o->precision = (int)n; return n <= 6;
    case ID_SEED: l->seed = (uint64_t)n; return true;
    case ID_ROUNDS: o->rounds = (int)n; return n > 0 && n <= 1000;
    default: return false;
    }
}

static bool
apply(struct options *o, enum id id, const char *value)
{
    switch (id) {
    case ID_QUIET: o->report = REPORT_QUIET; return true;
    case ID_CSV: o->report = REPORT_CSV; return true;
    case ID_JSON: o->report = REPORT_JSON; return true;
    case ID_TESTS: o->tests = value; return true;
    case ID_LOOP: return o->forever = true;
    case ID_IDLE: return o->idle = true;
    case ID_STDIN: return o->stdin_last = true;
    case ID_ERROR_EXIT: return o->error_exit = true;
    case ID_HELP: return o->help = true;
    case ID_VERSION: return o->version = true;
    case ID_RATE: return real(value, 1e9, &o->load.rate) && o->load.rate > 0;
    case ID_WARMUP: return real(value, 1e6, &o->load.warmup_seconds);
    case ID_SECONDS: return real(value, 1e6, &o->load.seconds) && o->load.seconds > 0;
    case ID_ZIPF: return real(value, 0.9999, &o->load.zipf_exponent) && o->load.zipf_exponent > 0;
    case ID_SIZE: return value_sizes_parse(&o->sizes, value);
    case ID_HTML: o->html = value; return o->load.over_time = true;
    case ID_CLUSTER: return o->cluster = true;
    case ID_TRACKING: return o->load.tracking = true;
    case ID_RATIO: return set_ratio(o, value);
    case ID_DIST: return set_distribution(o, value);
    default: return apply_tls(o, id, value) || apply_server(o, id, value) || apply_number(o, id, value);
    }
}

bool
options_parse(struct options *o, int argc, char **argv)
{
    const char *auth = getenv("REDISCLI_AUTH");
    int i = 1;

    *o = (struct options){
        .load = {.connections = 50, .threads = 1, .pipeline = 1, .requests = 100000, .zipf_exponent = 0.99, .seed = 1},
        .precision = 3,
        .rounds = 5,
    };
    value_sizes_parse(&o->sizes, "3");
    for (; i < argc && argv[i][0] == '-'; i++) {
        const struct row *row = NULL;
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
            if (strcmp(rows[k].name, argv[i]) == 0)
                row = &rows[k];
        const char *value = row != NULL && row->value != NULL && i + 1 < argc ? argv[i + 1] : NULL;
        if (row == NULL || (row->value != NULL && value == NULL)) {
            fprintf(stderr, "Unknown option or a value is missing: '%s'\n", argv[i]);
            return false;
        }
        if (!apply(o, row->id, value != NULL ? value : "")) {
            fprintf(stderr, "Invalid value of the option '%s'\n", row->name);
            return false;
        }
        i += row->value != NULL;
    }
    o->argv = argv + i;
    o->argc = argc - i;
    if (auth != NULL && auth[0] != '\0' && o->url.password == NULL)
        set_text(&o->url.password, auth);
    if (o->load.seconds > 0)
        o->load.requests = 0;
    if (o->cluster && (o->compare || o->idle)) {
        fprintf(stderr, "--cluster does not go together with --compare and -I.\n");
        return false;
    }
    return true;
}

void
options_fini(struct options *o)
{
    sorrel_url_fini(&o->url);
    sorrel_url_fini(&o->other);
    load_nodes_fini(&o->nodes);
}
