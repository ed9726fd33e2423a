/* server/busy.c - what clients get while a script runs for too long.
 *
 * A turn beside the turn: the loop is in the middle of handing over input, so its own state is left alone. Whoever has
 * sent something is read, answered (mostly with BUSY) and written to at once; new connections are taken. The client
 * whose script it is is not touched.
 */
#include "base/mem.h"
#include "server/persist_aof.h"
#include "server/server.h"

#include <poll.h>

static void
serve_one(struct server *s, session_id id, bool readable)
{
    struct session *session = engine_session_by_id(s->engine, id);
    struct conn *c = session != NULL ? session_host_data(session) : NULL;

    if (c != NULL && (readable || conn_is_waiting(c)))
        conn_serve_now(c);
}

bool
server_serve_busy(struct server *s, struct session *running)
{
    size_t most = session_count(s->engine) + (size_t)s->listener_count, n = 0;
    /* Whoever is served may have replies waiting for what this turn has logged. */
    if (!persist_aof_safe(s))
        return !s->stopping;
    struct pollfd *fds = mem_get_array(most, sizeof(*fds));
    session_id *ids = mem_get_array(most, sizeof(*ids));

    for (int i = 0; i < s->listener_count; i++)
        fds[n++] = (struct pollfd){.fd = listener_fd(s->listeners[i]), .events = POLLIN};
    for (struct session *c = session_first(s->engine); c != NULL; c = session_next(c)) {
        if (c == running || session_host_data(c) == NULL)
            continue;
        ids[n] = session_ident(c);
        fds[n++] = (struct pollfd){.fd = conn_fd(session_host_data(c)), .events = POLLIN};
    }
    (void)poll(fds, n, 0);
    for (size_t i = 0; i < n && !s->stopping; i++) {
        bool readable = (fds[i].revents & POLLIN) != 0;
        if (i >= (size_t)s->listener_count)
            serve_one(s, ids[i], readable);
        else if (readable)
            listener_accept_now(s->listeners[i]);
    }
    mem_free(fds);
    mem_free(ids);
    return !s->stopping;
}
