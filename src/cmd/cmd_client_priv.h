/* cmd/cmd_client_priv.h - the subcommands of CLIENT that are not in cmd_client.c. */
#ifndef SORREL_CMD_CMD_CLIENT_PRIV_H
#define SORREL_CMD_CMD_CLIENT_PRIV_H

#include "engine/exec.h"

struct session;

/* -- cmd_client_filter.c -- */
enum client_kind { KIND_ANY, KIND_NORMAL, KIND_MASTER, KIND_REPLICA, KIND_PUBSUB };
enum client_kind client__kind(const struct session *s);

/* clang-format off */
enum filter_field {
    FILTER_ID, FILTER_TYPE, FILTER_USER, FILTER_ADDR, FILTER_LADDR, FILTER_MAXAGE, FILTER_NAME, FILTER_IDLE,
    FILTER_FLAGS, FILTER_LIB_NAME, FILTER_LIB_VER, FILTER_DB, FILTER_IP, FILTER_CAPA,
};
/* clang-format on */
struct client_condition {
    enum filter_field field;
    bool negated; /* NOT- stood before its name */
    struct slice text;
    int64_t number;
    enum client_kind kind;
    const struct slice *ids; /* numbers, as checked */
    size_t id_count;
};
struct client_filter {
    struct client_condition *conditions; /* in the command's arena */
    size_t count;
    bool skip_me;
};
/* Reads conditions from the arguments, `from` on. */
enum rc client__filter_parse(struct exec *x, int from, struct client_filter *f);
bool client__filter_fits(const struct exec *x, const struct client_filter *f, const struct session *s);

/* -- cmd_client_tracking.c -- */
enum rc client__tracking(struct exec *x);
enum rc client__caching(struct exec *x);
enum rc client__getredir(struct exec *x);
enum rc client__trackinginfo(struct exec *x);

#endif
