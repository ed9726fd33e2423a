/* cli/options.c - what the options mean that redis-cli has too. */
#include "cli/options_table.h"

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
    mem_free(*field);
    *field = mem_copy_text(text);
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
    o->password_on_line |= u.password != NULL || u.sentinel_password != NULL;
    if (u.username == NULL && u.password == NULL) {
        u.username = o->url.username;
        u.password = o->url.password;
        o->url.username = o->url.password = NULL;
    }
    if (u.protocol == 0)
        u.protocol = o->url.protocol;
    char **kept[] = {&u.ca_file,        &o->url.ca_file, &u.ca_dir,        &o->url.ca_dir,       &u.cert_file,
                     &o->url.cert_file, &u.key_file,     &o->url.key_file, &u.server_name,       &o->url.server_name,
                     &u.ciphers,        &o->url.ciphers, &u.cipher_suites, &o->url.cipher_suites};
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
set_connection(struct options *o, enum option_id id, const char *value)
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
    case ID_PASSWORD: set_text(&o->url.password, value); return o->password_on_line = true;
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
set_text_option(struct options *o, enum option_id id, const char *value, struct arena *arena)
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
set_cluster(struct options *o, enum option_id id, const char *value)
{
    struct cluster_options *c = &o->cluster;

    switch (id) {
    case ID_CLUSTER: c->subcommand = value; return true;
    case ID_CLUSTER_FROM: c->from = value; return true;
    case ID_CLUSTER_TO: c->to = value; return true;
    case ID_CLUSTER_SLOTS: return integer(value, 1, 16384, &c->slots);
    case ID_CLUSTER_TIMEOUT: return integer(value, 1, INT32_MAX, &c->timeout_ms);
    case ID_CLUSTER_PIPELINE: return integer(value, 1, 1000, &c->pipeline);
    case ID_CLUSTER_REPLICAS: return integer(value, 0, 1000, &c->replicas);
    case ID_CLUSTER_THRESHOLD:
        c->threshold_given = true;
        return parse_double(slice_cstr(value), &c->threshold) && c->threshold >= 0;
    case ID_CLUSTER_WEIGHT: return true; /* what follows it does */
    case ID_CLUSTER_MASTER_ID: c->master_id = value; return true;
    case ID_CLUSTER_FROM_USER: c->from_user = value; return true;
    case ID_CLUSTER_FROM_PASS: c->from_password = value; return o->password_on_line = true;
    case ID_CLUSTER_FROM_ASK: return c->from_askpass = true;
    case ID_CLUSTER_YES: return c->yes = true;
    case ID_CLUSTER_REPLACE: return c->replace = true;
    case ID_CLUSTER_COPY: return c->copy = true;
    case ID_CLUSTER_ONLY_MASTERS: return c->only_masters = true;
    case ID_CLUSTER_ONLY_REPLICAS: return c->only_replicas = true;
    case ID_CLUSTER_USE_EMPTY: return c->use_empty_masters = true;
    case ID_CLUSTER_SIMULATE: return c->simulate = true;
    case ID_CLUSTER_REPLICA: return c->replica = true;
    case ID_CLUSTER_MULTIPLE_OWNERS: return c->search_multiple_owners = true;
    case ID_CLUSTER_UNREACHABLE: return c->fix_with_unreachable_masters = true;
    default: return false;
    }
}

static bool
apply(struct options *o, const struct option_row *row, const char *value, struct arena *arena)
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
    case ID_REFUSED: fprintf(stderr, "The Lua debugger (%s) is not supported.\n", row->name); return false;
    default:
        o->mode = row->id == ID_CLUSTER ? row->mode : o->mode;
        return set_connection(o, row->id, value) || set_text_option(o, row->id, value, arena) ||
               set_cluster(o, row->id, value);
    }
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
    const char *yes = getenv("REDISCLI_CLUSTER_YES");
    o->cluster.yes |= yes != NULL && strcmp(yes, "1") == 0;
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
        .repeat = 1,
        .item_delimiter = LIT("\n"),
        .reply_delimiter = LIT("\n"),
        .program = argv[0],
        .pipe_timeout = 30,
        .memkeys_samples = -1,
    };
    for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
        const struct option_row *row = option_find(argv[i]);
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
        /* Their arguments stand here; options may follow them. */
        if (row->id == ID_CLUSTER)
            for (out->argv = argv + i + 1; i + 1 < argc && argv[i + 1][0] != '-'; i++)
                out->argc++;
        if (row->id == ID_CLUSTER_WEIGHT)
            for (out->cluster.weights = argv + i + 1; i + 1 < argc && argv[i + 1][0] != '-'; i++)
                out->cluster.weight_count++;
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
