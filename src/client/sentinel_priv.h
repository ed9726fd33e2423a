/* client/sentinel_priv.h - following a Sentinel service, for client.c. */
#ifndef SORREL_CLIENT_SENTINEL_PRIV_H
#define SORREL_CLIENT_SENTINEL_PRIV_H

#include "sorrel/sentinel.h"

struct service;

/* Makes `pool` open its connections to the service's master (or replicas), and starts listening for switches. u and
 * auth's strings must live as long as the service. */
struct service *service__new(const struct sorrel_url *u, const struct sorrel_sentinel_auth *auth, bool replica,
                             struct sorrel_pool *pool);
/* Before the pool is freed. */
void service__free(struct service *s);

#endif
