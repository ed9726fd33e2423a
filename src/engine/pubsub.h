/* engine/pubsub.h - channels, patterns and who listens to them.
 *
 * Two namespaces: the ordinary one, with patterns, and the sharded one without. A message is written to the output of
 * each subscriber, in that session's protocol; a session that publishes to itself reads the message after the reply.
 */
#ifndef SORREL_ENGINE_PUBSUB_H
#define SORREL_ENGINE_PUBSUB_H

#include "engine/exec.h"

enum pubsub_space { PUBSUB_CHANNEL, PUBSUB_PATTERN, PUBSUB_SHARD, PUBSUB_SPACES };

/* Subscribes the running session and writes the confirmation (SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE), once for each
 * name. */
void pubsub_subscribe(struct exec *x, enum pubsub_space space, struct slice name);
void pubsub_unsubscribe(struct exec *x, enum pubsub_space space, struct slice name);
/* From everything in that space; confirms each, or one null name when there was none. */
void pubsub_unsubscribe_all(struct exec *x, enum pubsub_space space);
/* Returns how many sessions received it. space is CHANNEL (patterns included) or SHARD. */
size_t pubsub_publish(struct engine *e, enum pubsub_space space, struct slice channel, struct slice message);

size_t pubsub_session_total(const struct engine *e); /* sessions that are subscribed to anything */
size_t pubsub_session_count(const struct session *s, enum pubsub_space space); /* subscriptions of that kind */
size_t pubsub_session_all(const struct session *s);                            /* and of every kind */
/* True when fn says so of every name that the session is subscribed to there. */
typedef bool pubsub_test(void *ctx, struct slice name);
bool pubsub_session_every(const struct session *s, enum pubsub_space space, pubsub_test *fn, void *ctx);
size_t pubsub_subscribers(struct engine *e, enum pubsub_space space, struct slice name);
/* Calls fn for each name that has subscribers. */
typedef void pubsub_visit(void *ctx, struct slice name, size_t subscribers);
void pubsub_each(struct engine *e, enum pubsub_space space, pubsub_visit *fn, void *ctx);
size_t pubsub_count(const struct engine *e, enum pubsub_space space); /* names with subscribers */

#endif
