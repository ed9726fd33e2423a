/* sorrel/sentinel.h - where the Sentinels say that the servers of a service are.
 *
 * The questions of this header are asked anew at every call. A client made for a Sentinel URL (sorrel_master_for(),
 * sorrel_replica_for(), or sorrel_client_new()) asks them by itself, checks the role of whatever it connects to, and
 * listens for +switch-master on one of the Sentinels: at a failover all its connections are dropped and everybody who
 * waits on one gets an error, or the answer of the new master where the command may be repeated.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_SENTINEL_H
#define SORREL_SENTINEL_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_sentinel_auth {
    const char *username, *password; /* for the Sentinels themselves; NULL: none */
    uint64_t reserved[4];
};

/* Asks the Sentinels of u, in turn, for the address of the service's master; the first that knows it decides. auth may
 * be NULL. out->host is the caller's, to be freed by sorrel_free(). SORREL_ERR_CONNECT when none can say, err holding
 * the last one's reason; SORREL_ERR_USAGE when u is no Sentinel URL. Sends SENTINEL GET-MASTER-ADDR-BY-NAME.
 * Thread-safe. */
SORREL_API enum sorrel_rc sorrel_sentinel_master(const struct sorrel_url *u, const struct sorrel_sentinel_auth *auth,
                                                 struct sorrel_address *out, struct sorrel_error *err);
/* The same for the replicas that are up and have a working link to their master. The list is the caller's, to be freed
 * by sorrel_addresses_free(); it may be empty. Sends SENTINEL REPLICAS. Thread-safe. */
SORREL_API enum sorrel_rc sorrel_sentinel_replicas(const struct sorrel_url *u, const struct sorrel_sentinel_auth *auth,
                                                   struct sorrel_address **out, size_t *count,
                                                   struct sorrel_error *err);

/* A client of the service's master, whoever that is. As sorrel_client_new(); NULL when u is no Sentinel URL. */
SORREL_API struct sorrel_client *sorrel_master_for(const struct sorrel_url *u, const struct sorrel_client_options *o);
/* A client of its replicas, a different one for each connection in turn; of the master while there is none. */
SORREL_API struct sorrel_client *sorrel_replica_for(const struct sorrel_url *u, const struct sorrel_client_options *o);

#ifdef __cplusplus
}
#endif

#endif
