/* server/replication.h - replication's place in the server: settings, what it needs of others, taking in a dataset. */
#ifndef SORREL_SERVER_REPLICATION_H
#define SORREL_SERVER_REPLICATION_H

#include "server/server.h"

void server_replication_new(struct server *s);
/* Settings from the configuration. */
void server_replication_apply(struct server *s);
/* The dataset is there: follows the primary that the configuration names. */
void server_replication_start(struct server *s);
/* The struct repl_history that a snapshot's records tell, one by one. */
void server_history_aux(void *history, struct slice name, struct slice value);
/* How long a shutdown may wait for replicas to get what they have not got yet: 0 when there are none that need to. */
int64_t server_drain_ms(const struct server *s, unsigned flags);

/* -- repl_load.c: struct repl_host's load_… -- */
bool server_load_begin(void *server, const struct repl_load *how, struct buf *why);
bool server_load_feed(void *server, struct slice bytes, struct buf *why);
enum repl_loading server_load_step(void *server, bool complete, struct buf *why);
void server_load_end(void *server);

#endif
