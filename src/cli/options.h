/* cli/options.h - the command line of sorrel-cli. */
#ifndef SORREL_CLI_OPTIONS_H
#define SORREL_CLI_OPTIONS_H

#include "cli/format.h"
#include "sorrel/url.h"

enum mode {
    MODE_COMMANDS, /* one command, or lines from a terminal or file */
    MODE_EVAL,
    MODE_STAT,
    MODE_LATENCY,
    MODE_LATENCY_HISTORY,
    MODE_LATENCY_DIST,
    MODE_INTRINSIC_LATENCY,
    MODE_SCAN,
    MODE_BIGKEYS,
    MODE_MEMKEYS,
    MODE_HOTKEYS,
    MODE_KEYSTATS,
    MODE_PIPE,
    MODE_LRU_TEST,
    MODE_RDB,
    MODE_FUNCTIONS_RDB,
    MODE_REPLICA,
    MODE_CLUSTER,
    MODE_HELP,
    MODE_VERSION,
};

/* What --cluster is to do; the rest of the command line has its arguments. */
struct cluster_options {
    const char *subcommand, *from, *to, *master_id, *from_user, *from_password; /* NULL: not given */
    int64_t slots, timeout_ms, pipeline, replicas;                              /* 0: not given */
    double threshold;                                                           /* per cent */
    char **weights;                                                             /* "id=weight" each */
    size_t weight_count;
    bool yes, replace, copy, only_masters, only_replicas, use_empty_masters, simulate, threshold_given, replica,
        from_askpass;
    bool search_multiple_owners, fix_with_unreachable_masters;
};

enum show_pushes { PUSHES_AUTO, PUSHES_YES, PUSHES_NO };

struct options {
    struct sorrel_url url; /* where, as whom, which database, which protocol (0: as the server starts) */
    enum mode mode;
    enum output output;
    bool output_given;
    struct slice item_delimiter, reply_delimiter;
    int64_t repeat; /* -1: for ever */
    int64_t interval_us;
    bool interval_given;
    bool stdin_last;       /* -x */
    const char *stdin_tag; /* -X */
    bool error_exit;       /* -e */
    bool cluster_mode;     /* -c */
    bool quoted_input;
    bool no_auth_warning, password_on_line, ask_password;
    bool verbose;
    enum show_pushes show_pushes;
    struct slice pattern, type;
    int64_t count;                                      /* of SCAN; 0: the server's own */
    int64_t memkeys_samples, pipe_timeout, mode_number; /* seconds or keys, as the mode has it */
    const char *file;                                   /* of --eval, --rdb, --functions-rdb */
    struct cluster_options cluster;
    const char *program;
    char **argv; /* what follows the options */
    int argc;
};

/* Fills *out, or prints to standard error what is wrong and returns false. Texts point into argv and the environment;
 * the caller calls options_fini(). `arena` lives as long as the options. */
bool options_parse(struct options *out, int argc, char **argv, struct arena *arena);
void options_fini(struct options *o);
/* The options in a screenful; with `all` a line for each. */
void options_print_help(bool all);
/* Reads one argument that is exactly one word by the rules of proto/words.h; false if it is not. */
bool unquote_argument(struct arena *arena, struct slice text, struct slice *out);

#endif
