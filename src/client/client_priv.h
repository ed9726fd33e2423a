/* client/client_priv.h - a client's ways to a server, for client.c and batch.c. */
#ifndef SORREL_CLIENT_CLIENT_PRIV_H
#define SORREL_CLIENT_CLIENT_PRIV_H

#include "base/slice.h"
#include "client/backoff_priv.h"
#include "client/cluster_priv.h"
#include "sorrel/client.h"

/* Where commands on a slot go. */
enum sorrel_rc client__pool(struct sorrel_client *cl, int slot, bool read, struct sorrel_pool **out,
                            struct sorrel_error *err);
bool client__is_cluster(const struct sorrel_client *cl);
struct cluster *client__cluster(struct sorrel_client *cl);
const struct sorrel_url *client__url(const struct sorrel_client *cl);
void client__backoff(const struct sorrel_client *cl, struct backoff *b);
/* True if it makes sense to try again after not having got a connection. Takes note that the map may be old. */
bool client__retry_take(struct sorrel_client *cl, enum sorrel_rc rc);
/* True if an error reply says that the command was not executed, and might be later or elsewhere. Takes the reply in:
 * renews the pool, learns where a slot has gone. *ask is set to the pool of an ASK, to NULL else. */
bool client__not_executed(struct sorrel_client *cl, struct sorrel_pool *from, const struct sorrel_reply *r,
                          struct sorrel_pool **ask);
/* sorrel_client_call() that hands out error replies as replies. */
enum sorrel_rc client__call(struct sorrel_client *cl, unsigned flags, int argc, const char *const *argv,
                            const size_t *lens, struct sorrel_reply **out, struct sorrel_error *err);

#endif
