/* server/clients.c - sessions on connections: accepting, feeding, limits, closing. */
#include "base/log.h"
#include "base/mem.h"
#include "engine/acl.h"
#include "engine/pubsub.h"
#include "engine/session.h"
#include "server/info.h"
#include "server/persist.h"
#include "server/persist_aof.h"
#include "server/server.h"
#include "server/users.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    OUTPUT_PER_FEED = 1 << 20,   /* what one connection may produce before the others have their turn */
    BLOCKED_INPUT_MAX = 1 << 20, /* a session that waits is read no further than this */
    REST_MS = 100,               /* how long listeners rest when there are no descriptors left */
    /* an unfinished request of somebody who has not logged in: the longest AUTH */
    STRANGER_INPUT_MAX = 16 * 1024 + 512,
    STRANGER_OUTPUT_PER_FEED = 2 * 1024,
    STRANGER_OUTPUT_MAX = 1024, /* what may wait for one that does not read */
};

/* -- closing --------------------------------------------------------------------------------------------------- */

static void
end(struct server *s, struct conn *c)
{
    struct session *session = conn_data(c);

    if (conn_mark(c) != 0)
        s->over_soft--;
    s->handshakes -= tls_handshaking(conn_transport(c));
    repl_session_closed(s->repl, session);
    engine_session_close(session);
    conn_close(c);
}

void
server_drop(struct server *s, struct session *session, const char *reason)
{
    struct slice addr = session_addr(session), name = session_name(session);

    log_notice("Client id=%llu addr=%.*s name=%.*s closed: %s", (unsigned long long)session_ident(session),
               (int)addr.len, addr.ptr, (int)name.len, name.ptr, reason);
    end(s, session_host_data(session));
}

static void
tell_closed(const struct session *session, const char *why)
{
    struct slice addr = session_addr(session);

    log_verbose("Client id=%llu addr=%.*s closed: %s", (unsigned long long)session_ident(session), (int)addr.len,
                addr.ptr, why);
}

/* -- limits ---------------------------------------------------------------------------------------------------- */

static enum client_class
class_of(const struct session *session)
{
    if (session_flags(session) & SESSION_REPLICA)
        return CLASS_REPLICA;
    for (int space = 0; space < PUBSUB_SPACES; space++)
        if (pubsub_session_count(session, (enum pubsub_space)space) > 0)
            return CLASS_PUBSUB;
    return CLASS_NORMAL;
}

/* The mark of a connection is the second (plus one) in which it went over its soft limit. */
static bool
output_within_limits(struct server *s, struct conn *c, size_t left)
{
    const struct output_limit *l = &s->output_limits[class_of(conn_data(c))];
    uint32_t now = (uint32_t)(engine_now_ms(s->engine) / 1000) + 1;

    if (l->hard != 0 && left > l->hard)
        return false;
    if (l->soft == 0 || left <= l->soft) {
        if (conn_mark(c) != 0) {
            conn_set_mark(c, 0);
            s->over_soft--;
        }
        return true;
    }
    if (conn_mark(c) == 0) {
        conn_set_mark(c, now);
        s->over_soft++;
    }
    return (int64_t)now - conn_mark(c) <= l->soft_seconds; /* whole seconds: redis errs on the same side */
}

static void
check_soft_limits(struct server *s)
{
    struct session *next;

    for (struct session *session = session_first(s->engine); session != NULL && s->over_soft > 0; session = next) {
        struct conn *c = session_host_data(session);
        next = session_next(session);
        if (c == NULL || conn_mark(c) == 0)
            continue;
        if (!output_within_limits(s, c, out_pending(session_out(session)))) {
            s->stats.output_limit_closed++;
            server_drop(s, session, "output buffer over its soft limit for too long");
        }
    }
}

static void
check_idle(struct server *s)
{
    int64_t now = engine_now_ms(s->engine);
    struct session *next;

    for (struct session *session = session_first(s->engine); session != NULL; session = next) {
        next = session_next(session);
        if (session_host_data(session) == NULL || session_is_blocked(session) ||
            (session_flags(session) & (SESSION_REPLICA | SESSION_MONITOR)) || class_of(session) == CLASS_PUBSUB)
            continue;
        if (now - session_active_ms(session) > s->idle_seconds_max * 1000) {
            s->stats.timeout_closed++;
            server_drop(s, session, "idle for longer than the configured timeout");
        }
    }
}

/* Who has to log in and does not. In the log they are verbose: there may be thousands. */
static void
drop_stranger(struct server *s, struct session *session, const char *reason)
{
    struct slice addr = session_addr(session);

    s->stats.strangers_closed++;
    log_verbose("Client id=%llu addr=%.*s closed, not logged in: %s", (unsigned long long)session_ident(session),
                (int)addr.len, addr.ptr, reason);
    end(s, session_host_data(session));
}

/* The one that has been there for longest. One without a connection (a script's, a loader's) is not a client. */
static struct session *
oldest_stranger(struct server *s)
{
    struct session *session = session_stranger_first(s->engine);

    while (session != NULL && session_host_data(session) == NULL)
        session = session_stranger_next(session);
    return session;
}

static void
check_strangers(struct server *s)
{
    int64_t now = engine_now_ms(s->engine);
    struct session *session;
    size_t closed = 0;

    while ((session = oldest_stranger(s)) != NULL) {
        int64_t waited = now - session_stranger_since_ms(session);
        if (waited >= 0 && waited < s->stranger_seconds_max * 1000)
            break; /* below 0 the clock was set back: a deadline that nobody knows any more is over */
        drop_stranger(s, session, "unauthenticated-timeout");
        closed++;
    }
    if (closed > 0)
        log_notice("%zu clients closed that did not log in within %lld seconds", closed,
                   (long long)s->stranger_seconds_max);
}

/* Once a second. */
void
server_check_clients(struct server *s)
{
    if (s->stranger_seconds_max > 0 && session_stranger_count(s->engine) > 0)
        check_strangers(s);
    if (s->over_soft > 0)
        check_soft_limits(s);
    if (s->idle_seconds_max > 0)
        check_idle(s);
}

/* -- bytes ----------------------------------------------------------------------------------------------------- */

static size_t
on_input(void *ctx, struct conn *c, struct slice in, size_t *wants)
{
    struct server *s = ctx;
    struct session *session = conn_data(c);
    struct out *out = session_out(session);
    bool stranger = UNLIKELY(!session_authenticated(session));
    size_t most = out_pending(out) + (UNLIKELY(stranger) ? STRANGER_OUTPUT_PER_FEED : OUTPUT_PER_FEED);
    size_t used = engine_feed(s->engine, session, in, most);

    if (LIKELY(used == in.len))
        return used;
    recent_note(&s->input_recent, engine_now_ms(s->engine), in.len - used);
    if (in.len - used > s->query_max) {
        s->stats.query_limit_closed++;
        server_drop(s, session, "query buffer over client-query-buffer-limit");
        return used;
    }
    if (stranger && in.len - used > STRANGER_INPUT_MAX && !session_authenticated(session) &&
        !session_must_close(session)) {
        drop_stranger(s, session, "too much input");
        return used;
    }
    if (session_is_blocked(session)) {
        if (in.len - used > BLOCKED_INPUT_MAX)
            conn_pause(c, true);
    } else if (out_pending(out) >= most && !session_must_close(session)) {
        conn_resume_soon(c);
    }
    size_t more = session_input_wants(session);
    *wants = more > 0 ? used + more : 0;
    return used;
}

static void
on_arriving(void *ctx, struct conn *c, struct slice in, bool again)
{
    struct server *s = ctx;

    if (again)
        engine_hint_again(s->engine, conn_data(c));
    else
        engine_hint(s->engine, conn_data(c), in);
}

static void
on_ended(void *ctx, struct conn *c, int error)
{
    struct server *s = ctx;

    tell_closed(conn_data(c), error != 0 ? strerror(error) : "it has hung up");
    end(s, c);
}

static void
on_written(void *ctx, struct conn *c, size_t left)
{
    struct server *s = ctx;
    struct session *session = conn_data(c);

    session_flushed(session);
    if (UNLIKELY(left > 0))
        recent_note(&s->output_recent, engine_now_ms(s->engine), left);
    if (UNLIKELY(session_must_close(session))) {
        if (left > 0 && !session_killed(session)) {
            conn_pause(c, true);
            return;
        }
        tell_closed(session, session_killed(session) ? "it was killed" : "it has had its last reply");
        end(s, c);
        return;
    }
    if (UNLIKELY(session_flags(session) & SESSION_REPLICA)) {
        repl_written(s->repl, session, left); /* whose limits are replication's business, too */
        return;
    }
    if (UNLIKELY(left > STRANGER_OUTPUT_MAX) && !session_authenticated(session)) {
        drop_stranger(s, session, "does not read its replies");
        return;
    }
    if (UNLIKELY(left > 0 || conn_mark(c) != 0) && !output_within_limits(s, c, left)) {
        s->stats.output_limit_closed++;
        server_drop(s, session, "output buffer over client-output-buffer-limit");
        return;
    }
    if (UNLIKELY(conn_input_len(c) > s->query_max)) {
        s->stats.query_limit_closed++;
        server_drop(s, session, "query buffer over client-query-buffer-limit");
        return;
    }
    if (UNLIKELY(s->client_memory_max > 0))
        server_client_grew(s, session, c);
}

static bool
may_send(void *ctx, struct conn *c)
{
    struct server *s = ctx;

    return repl_confirmed(s->repl, conn_data(c));
}

struct net_owner
server_net_owner(struct server *s)
{
    return (struct net_owner){.ctx = s,
                              .input = on_input,
                              .arriving = on_arriving,
                              .ended = on_ended,
                              .written = on_written,
                              .may_send = may_send};
}

/* -- new ones -------------------------------------------------------------------------------------------------- */

static void
turn_away(struct server *s, int fd, struct slice line, bool tls)
{
    char addr[PEER_TEXT_MAX];

    if (log_wants(LOG_VERBOSE))
        log_verbose("Connection from %.*s refused: %.*s", (int)peer_text(fd, false, addr), addr, (int)line.len - 3,
                    line.ptr + 1);
    s->stats.rejected++;
    if (!tls) { /* what is no TLS would only confuse the other end */
        ssize_t ignored = write(fd, line.ptr, line.len);
        (void)ignored;
    }
    close(fd);
}

/* tls-auth-clients-user CN: who has shown a certificate is the user that it names, if there is one. */
static void
on_established(void *owner, struct transport io)
{
    struct session *session = owner;
    struct server *s = engine_host_of(session_engine(session))->ctx;
    struct buf name = {0};

    s->handshakes--;
    if (config_num(s->config, CFG_TLS_AUTH_CLIENTS_USER) != 0 && tls_peer_name(io, &name)) {
        struct acl_user *u = acl_find(engine_acl(s->engine), buf_slice(&name));
        if (u != NULL && acl_user_on(u)) {
            session_set_user(session, u);
            session_set_authenticated(session, true);
        } else {
            s->stats.nameless_certificates++;
        }
    }
    buf_fini(&name);
}

static void
accepted(struct server *s, struct listener *l, int fd, bool tls)
{
    char addr[PEER_TEXT_MAX], laddr[PEER_TEXT_MAX];

    if (session_count(s->engine) >= s->clients_max) {
        turn_away(s, fd, LIT("-ERR max number of clients reached\r\n"), tls);
        return;
    }
    if (s->guard_strangers && !listener_is_unix(l) && !peer_is_local(fd)) {
        turn_away(s, fd,
                  LIT("-DENIED Sorrel is in protected mode: no password is set, so only clients on this machine may "
                      "connect. Set a password with requirepass, or allow everyone with protected-mode no.\r\n"),
                  tls);
        return;
    }
    /* A crowd at the door must not keep others out: whoever has stood there longest makes room. */
    struct session *oldest = session_stranger_count(s->engine) >= s->strangers_max ? oldest_stranger(s) : NULL;
    if (oldest != NULL)
        drop_stranger(s, oldest, "unauthenticated-maxclients");
    if (!listener_is_unix(l))
        socket_tune(fd, s->keepalive_s);
    struct transport io = transport_socket(fd);
    struct conn *c = NULL;
    if (!tls || tls_accept(s->tls, fd, &io))
        c = conn_open(s->net, io, fd, NULL, NULL);
    if (c == NULL) {
        s->stats.rejected++;
        return;
    }
    s->stats.connections++;
    struct slice peer = slice_of(addr, peer_text(fd, false, addr)), own = slice_of(laddr, peer_text(fd, true, laddr));
    if (listener_is_unix(l)) /* an unnamed peer goes by the name of the socket */
        peer = own;
    struct session *session = engine_session_open(s->engine, c, peer, own);
    if (listener_is_unix(l))
        session_set_flag(session, SESSION_UNIX, true);
    conn_set_data(c, session);
    conn_set_out(c, session_out(session));
    if (tls) {
        s->handshakes++;
        tls_on_established(io, on_established, session);
    }
    log_verbose("Client id=%llu addr=%.*s connected", (unsigned long long)session_ident(session), (int)peer.len,
                peer.ptr);
}

static void
on_accepted(void *ctx, struct listener *l, int fd)
{
    accepted(ctx, l, fd, false);
}

static void
on_accepted_tls(void *ctx, struct listener *l, int fd)
{
    accepted(ctx, l, fd, true);
}

static void
on_resting(void *ctx, struct listener *l, int error)
{
    struct server *s = ctx;

    if (s->accept_again_ms == 0)
        log_warning("Can't accept connections for now: errno %d (no descriptors or memory left)", error);
    s->accept_again_ms = engine_now_ms(s->engine) + REST_MS;
}

struct listener_owner
server_listener_owner(struct server *s, bool tls)
{
    return (struct listener_owner){.ctx = s, .accepted = tls ? on_accepted_tls : on_accepted, .resting = on_resting};
}

/* -- what the engine asks of its host -------------------------------------------------------------------------- */

static void
host_session_ready(void *ctx, struct session *session)
{
    struct conn *c = session_host_data(session);

    (void)ctx;
    if (c == NULL)
        return;
    conn_flush_soon(c);
    if (!session_is_blocked(session) && !session_must_close(session) && conn_input_len(c) > 0) {
        conn_pause(c, false);
        conn_resume_soon(c);
    }
}

static void
host_reap(void *ctx, struct entry *e)
{
    struct server *s = ctx;

    reaper_put(s->reaper, e);
}

static size_t
host_reaping(void *ctx)
{
    struct server *s = ctx;

    return reaper_pending(s->reaper);
}

static void
host_defer(void *ctx, void (*work)(void *arg), void *arg)
{
    struct server *s = ctx;

    reaper_run(s->reaper, work, arg);
}

static void
host_flushed(void *ctx)
{
    struct server *s = ctx;

    persist_flushed(s->persist);
}

static void
host_session_io(void *ctx, const struct session *session, struct session_io *out)
{
    struct conn *c = session_host_data(session);

    (void)ctx;
    *out = (struct session_io){.fd = -1};
    if (c == NULL)
        return;
    out->fd = conn_fd(c);
    out->input_len = conn_input_len(c);
    out->input_free = conn_input_room(c);
    out->reads = (conn_events(c) & LOOP_READ) != 0;
    out->writes = (conn_events(c) & LOOP_WRITE) != 0;
    conn_traffic(c, &out->bytes_in, &out->bytes_out);
}

static void
host_memory(void *ctx, struct host_memory *out)
{
    info_host_memory(ctx, out);
}

static bool
host_shutdown(void *ctx, unsigned flags, struct slice *why)
{
    struct server *s = ctx;

    if (flags & SHUTDOWN_ABORT) {
        if (!server_shutdown_abort(s) && !s->stopping) {
            *why = LIT("ERR No shutdown in progress.");
            return false;
        }
        s->stopping = false;
        return true;
    }
    log_warning("User requested shutdown...");
    *why = LIT("ERR Errors trying to SHUTDOWN. Check logs.");
    return server_shutdown(s, flags);
}

static bool
host_busy(void *ctx, struct session *running)
{
    return server_serve_busy(ctx, running);
}

static void
host_sleep(void *ctx, int64_t us)
{
    (void)ctx;
    while (us > 0) {
        int64_t step = us < 500000 ? us : 500000;
        usleep((useconds_t)step);
        us -= step;
    }
}

/* DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE] */
static enum rc
debug_reload(struct persist *p, struct exec *x)
{
    unsigned flags = 0;
    struct buf why = {0};

    for (int i = 2; i < x->argc; i++) {
        if (arg_is(x->argv[i], LIT("merge")))
            flags |= RELOAD_MERGE;
        else if (arg_is(x->argv[i], LIT("noflush")))
            flags |= RELOAD_NOFLUSH;
        else if (arg_is(x->argv[i], LIT("nosave")))
            flags |= RELOAD_NOSAVE;
        else
            return fail(x, "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
    }
    bool ok = persist_reload(p, x, flags, &why);
    buf_fini(&why);
    return ok ? reply_ok(x) : fail(x, "ERR Error trying to load the RDB dump, check server logs.");
}

static void
host_log_line(void *ctx, struct slice line)
{
    (void)ctx;
    log_warning("DEBUG LOG: %.*s", (int)line.len, line.ptr);
}

static bool
host_acl_file(void *ctx, enum acl_file_request what, struct buf *error)
{
    struct server *s = ctx;
    struct slice path = config_text(s->config, CFG_ACLFILE);

    if (what == ACL_FILE_EXISTS)
        return path.len > 0;
    return what == ACL_FILE_LOAD ? users_read_file(s->engine, path.ptr, error)
                                 : users_write_file(s->engine, path.ptr, error);
}

static bool
host_debug(void *ctx, struct exec *x, enum rc *rc)
{
    struct server *s = ctx;

    if (arg_is(x->argv[1], LIT("reload"))) {
        *rc = debug_reload(s->persist, x);
    } else if (arg_is(x->argv[1], LIT("segfault"))) {
        /* For trying out the crash report. */
        char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *(volatile char *)page = 1;
    } else if (arg_is(x->argv[1], LIT("panic")) || arg_is(x->argv[1], LIT("assert"))) {
        CHECK(!"DEBUG PANIC or ASSERT was called");
    } else if (arg_is(x->argv[1], LIT("change-repl-id")) && x->argc == 2) {
        log_notice("Changing replication IDs after receiving change-repl-id");
        repl_rename(s->repl);
        *rc = reply_ok(x);
    } else if (arg_is(x->argv[1], LIT("loadaof"))) {
        persist_aof_reload_soon(s);
        *rc = reply_ok(x);
    } else {
        return false;
    }
    return true;
}

struct engine_host
server_host(struct server *s)
{
    return (struct engine_host){
        .ctx = s,
        .session_ready = host_session_ready,
        .reap = host_reap,
        .reaping = host_reaping,
        .defer = host_defer,
        .session_io = host_session_io,
        .memory = host_memory,
        .acl_file = host_acl_file,
        .shutdown = host_shutdown,
        .busy = host_busy,
        .sleep_us = host_sleep,
        .flushed = host_flushed,
        .log_line = host_log_line,
        .debug = host_debug,
    };
}
