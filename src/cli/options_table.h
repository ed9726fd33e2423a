/* cli/options_table.h - the options of sorrel-cli: a row each, of which the help is made. For options.c. */
#ifndef SORREL_CLI_OPTIONS_TABLE_H
#define SORREL_CLI_OPTIONS_TABLE_H

#include "cli/options.h"

/* clang-format off */
enum option_id {
    ID_HOST, ID_PORT, ID_SOCKET, ID_PASSWORD, ID_USER, ID_ASKPASS, ID_URL, ID_DB, ID_RESP2, ID_RESP3, ID_REPEAT,
    ID_INTERVAL, ID_STDIN, ID_STDIN_TAG, ID_ITEM_DELIMITER, ID_REPLY_DELIMITER, ID_ERROR_EXIT, ID_CLUSTER_MODE, ID_RAW, ID_NO_RAW,
    ID_CSV, ID_JSON, ID_QUOTED_JSON, ID_QUOTED_INPUT, ID_SHOW_PUSHES, ID_NO_AUTH_WARNING, ID_VERBOSE, ID_MODE,
    ID_MODE_NUMBER, ID_MODE_FILE, ID_PATTERN, ID_QUOTED_PATTERN, ID_TYPE, ID_COUNT, ID_MEMKEYS_SAMPLES,
    ID_PIPE_TIMEOUT, ID_TIMEOUT, ID_TLS, ID_SNI, ID_CACERT, ID_CACERT_DIR, ID_CIPHERS, ID_SUITES, ID_CERT, ID_KEY, ID_INSECURE, ID_REFUSED,
    ID_CLUSTER, ID_CLUSTER_FROM, ID_CLUSTER_TO, ID_CLUSTER_SLOTS, ID_CLUSTER_TIMEOUT, ID_CLUSTER_PIPELINE, ID_CLUSTER_YES,
    ID_CLUSTER_REPLACE, ID_CLUSTER_ONLY_MASTERS, ID_CLUSTER_ONLY_REPLICAS, ID_CLUSTER_REPLICAS, ID_CLUSTER_WEIGHT,
    ID_CLUSTER_USE_EMPTY, ID_CLUSTER_SIMULATE, ID_CLUSTER_THRESHOLD, ID_CLUSTER_REPLICA, ID_CLUSTER_MASTER_ID,
    ID_CLUSTER_MULTIPLE_OWNERS, ID_CLUSTER_UNREACHABLE, ID_CLUSTER_FROM_USER, ID_CLUSTER_FROM_PASS, ID_CLUSTER_FROM_ASK,
    ID_CLUSTER_COPY,
};
/* clang-format on */

struct option_row {
    const char *name; /* NULL: the heading of a group */
    enum option_id id;
    bool has_value;
    enum mode mode;
    const char *value_name;
    const char *about; /* NULL: not in the help; it begins with '+' if the short help only names the option */
};

/* NULL if there is no such option. */
const struct option_row *option_find(const char *name);

#endif
