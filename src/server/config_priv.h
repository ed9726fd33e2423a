/* server/config_priv.h - checks of values with a form of their own (config_check.c). */
#ifndef SORREL_SERVER_CONFIG_PRIV_H
#define SORREL_SERVER_CONFIG_PRIV_H

#include "server/config.h"

/* What a directive is to be set to. `old` is what that adds to, empty when it replaces everything. */
struct config_given {
    const char *name;
    const struct slice *words;
    size_t n;
    struct slice old;
};
/* Puts the value in the form that is kept and shown; false with a reason in *why. */
typedef bool config_check(const struct config_given *given, struct buf *canonical, struct buf *why);

config_check check_bind, check_cores, check_events, check_filename, check_hostname, check_maxmemory, check_memory_share,
    check_oom_scores, check_output_limits, check_percentiles, check_replicaof, check_save, check_shutdown, check_title;

#endif
