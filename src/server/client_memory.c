/* server/client_memory.c - maxmemory-clients: what all clients hold together, and who goes when it is too much.
 *
 * The fattest go first, until the rest fits. Replicas are not counted (they have limits of their own), nor are clients
 * that asked not to be evicted (CLIENT NO-EVICT).
 */
#include "base/log.h"
#include "base/mem.h"
#include "server/server.h"

#include <stdlib.h>

enum { LOOK_EVERY_US = 2000 };

struct holder {
    size_t bytes;
    session_id id;
};

static int
fattest_first(const void *a, const void *b)
{
    const struct holder *x = a, *y = b;

    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static size_t
held_by(struct session *session, struct conn *c)
{
    return session_memory(session) + conn_input_len(c) + conn_input_room(c);
}

static size_t
list_holders(struct server *s, struct holder *v, size_t *n)
{
    size_t total = 0;

    for (struct session *session = session_first(s->engine); session != NULL; session = session_next(session)) {
        struct conn *c = session_host_data(session);
        if (c == NULL || (session_flags(session) & (SESSION_REPLICA | SESSION_NO_EVICT | SESSION_INTERNAL)) ||
            session_must_close(session))
            continue;
        v[*n] = (struct holder){held_by(session, c), session_ident(session)};
        total += v[(*n)++].bytes;
    }
    return total;
}

void
server_check_client_memory(struct server *s)
{
    size_t n = 0;

    if (s->client_memory_max == 0)
        return;
    s->client_memory_seen_us = engine_now_us(s->engine);
    struct holder *v = mem_get_array(session_count(s->engine) + 1, sizeof(*v));
    size_t total = list_holders(s, v, &n);
    if (total > s->client_memory_max)
        qsort(v, n, sizeof(*v), fattest_first);
    for (size_t i = 0; i < n && total > s->client_memory_max; i++) {
        s->stats.evicted_clients++;
        server_drop(s, engine_session_by_id(s->engine, v[i].id),
                    "fattest while clients hold more than maxmemory-clients");
        total -= v[i].bytes;
    }
    mem_free(v);
}

void
server_client_grew(struct server *s, struct session *session, struct conn *c)
{
    enum { SHARE = 16 };

    if (s->client_memory_max == 0 || held_by(session, c) < s->client_memory_max / SHARE)
        return;
    if (engine_now_us(s->engine) - s->client_memory_seen_us >= LOOK_EVERY_US)
        s->client_memory_due = true;
}
