/* repl/failover.c - FAILOVER: a primary hands over to one of its replicas, and loses nothing.
 *
 * Writes wait; when the replica has everything it is asked, by a PSYNC that says so, to be the primary, and we follow
 * it from the very same place in the stream.
 *
 * Once it has been asked it may be the primary, whether or not its answer reaches us: so we are one again only if it
 * says no, or if we are told to by FAILOVER ABORT. When the connection breaks it is asked on the next one what it is,
 * and asked again to take over if it is still a replica.
 */
#include "base/log.h"
#include "base/number.h"
#include "engine/dispatch.h"
#include "repl/repl_priv.h"

#include <stdio.h>

static const char *const state_names[] = {"no-failover", "waiting-for-sync", "failover-in-progress"};

const char *
repl__failover_name(const struct repl *r)
{
    return state_names[r->failover.state];
}

void
repl__failover_end(struct repl *r, const char *why)
{
    struct failover *f = &r->failover;

    if (f->state == FAILOVER_NONE)
        return;
    bool handed = f->state == FAILOVER_HANDS_OVER;
    bool unsure = handed && !f->refused && r->link != NULL && link__has_asked(r->link);
    *f = (struct failover){0};
    engine_unpause(r->engine, PAUSE_FAILOVER);
    if (why == NULL) {
        log_notice("Failover is complete: we are a replica now");
        return;
    }
    log_warning("Failover aborted: %s%s", why, unsure ? "; the target may have taken over all the same" : "");
    if (handed && r->link != NULL) {
        /* Nothing has been written since, so we are what we were. */
        link__free(r->link);
        r->link = NULL;
        r->stream_db = -1;
        repl__listen(r);
        repl__conditions(r);
        r->host.role_changed(r->host.ctx);
    }
}

static void
hand_over(struct repl *r, const char *host, int port)
{
    struct failover *f = &r->failover;
    char copy[HOST_MAX + 1];

    snprintf(copy, sizeof(copy), "%s", host);
    f->state = FAILOVER_HANDS_OVER;
    log_notice("Failover: %s:%d takes over at offset %llu", copy, port, (unsigned long long)tape_end(&r->log));
    repl__note_db(r);
    r->link = link__new(r, slice_cstr(copy), port, f->force);
    link__failover(r->link);
    repl__listen(r);
    repl__conditions(r);
    r->host.role_changed(r->host.ctx);
}

static bool
is_target(const struct failover *f, const struct replica *p)
{
    char host[HOST_MAX + 1];
    int port;

    repl__replica_address(p, host, &port);
    return f->host[0] == '\0' || (port == f->port && strcmp(host, f->host) == 0);
}

void
repl__failover_turn(struct repl *r)
{
    struct failover *f = &r->failover;
    int64_t now;

    if (LIKELY(f->state == FAILOVER_NONE))
        return;
    now = repl__now(r);
    bool late = f->deadline_ms != 0 && now >= f->deadline_ms;
    if (f->state == FAILOVER_HANDS_OVER) {
        if (f->refused)
            repl__failover_end(r, "the target has refused to take over");
        else if (late && !f->force && !link__has_asked(r->link))
            repl__failover_end(r, "the target could not be asked in time");
        return;
    }
    for (const struct replica *p = r->first; p != NULL; p = p->next) {
        char host[HOST_MAX + 1];
        int port;
        if (p->state != REPLICA_ONLINE || p->acked < tape_end(&r->log) || !is_target(f, p))
            continue;
        engine_end_writes(r->engine);
        if (p->acked < tape_end(&r->log)) { /* some of those have written before they ended */
            r->ask_acks = true;
            return;
        }
        repl__replica_address(p, host, &port);
        hand_over(r, host, port);
        return;
    }
    if (late && f->force) {
        engine_end_writes(r->engine);
        hand_over(r, f->host, (int)f->port);
    } else if (late) {
        repl__failover_end(r, "no replica has caught up in time");
    }
}

static const struct replica *
find_target(const struct repl *r, const struct failover *f)
{
    for (const struct replica *p = r->first; p != NULL; p = p->next) {
        if (is_target(f, p))
            return p;
    }
    return NULL;
}

struct wanted {
    struct slice host;
    int64_t port, timeout_ms;
    bool abort, force;
};

static enum rc
parse(struct exec *x, struct wanted *w)
{
    for (int i = 1; i < x->argc; i++) {
        struct slice a = x->argv[i];
        int left = x->argc - 1 - i;
        if (arg_is(a, LIT("timeout")) && left >= 1 && w->timeout_ms == 0) {
            TRY(arg_int(x, x->argv[++i], &w->timeout_ms));
            if (w->timeout_ms <= 0)
                return fail(x, "ERR FAILOVER timeout must be greater than 0");
        } else if (arg_is(a, LIT("abort")) && x->argc == 2) {
            w->abort = true;
        } else if (arg_is(a, LIT("to")) && left >= 2 && w->host.ptr == NULL) {
            w->host = x->argv[i + 1];
            TRY(arg_int(x, x->argv[i + 2], &w->port));
            i += 2;
        } else if (arg_is(a, LIT("force")) && !w->force) {
            w->force = true;
        } else {
            return RC_SYNTAX;
        }
    }
    return RC_OK;
}

enum rc
repl__cmd_failover(struct exec *x)
{
    struct repl *r = repl__of(x);
    struct wanted w = {{NULL, 0}, 0, 0, false, false};
    struct failover f = {0};

    TRY(parse(x, &w));
    if (w.abort) {
        if (r->failover.state == FAILOVER_NONE)
            return fail(x, "ERR No failover in progress.");
        repl__failover_end(r, "Failover manually aborted");
        return reply_ok(x);
    }
    if (r->failover.state != FAILOVER_NONE)
        return fail(x, "ERR FAILOVER already in progress.");
    if (r->link != NULL)
        return fail(x, "ERR FAILOVER is not valid when server is a replica.");
    if (r->count == 0)
        return fail(x, "ERR FAILOVER requires connected replicas.");
    if (w.force && (w.timeout_ms == 0 || w.host.ptr == NULL))
        return fail(x, "ERR FAILOVER with force option requires both a timeout and target HOST and IP.");
    if (w.host.ptr != NULL) {
        size_t n = w.host.len <= HOST_MAX ? w.host.len : 0;
        memcpy(f.host, w.host.ptr, n);
        f.port = w.port;
        const struct replica *p = n > 0 ? find_target(r, &f) : NULL;
        if (p == NULL)
            return fail(x, "ERR FAILOVER target HOST and PORT is not a replica.");
        if (!replica_is_online(p))
            return fail(x, "ERR FAILOVER target replica is not online.");
    }
    f.state = FAILOVER_WAITS;
    f.force = w.force;
    f.deadline_ms = w.timeout_ms > 0 ? repl__now(r) + w.timeout_ms : 0;
    r->failover = f;
    r->ask_acks = true;
    /* Nobody writes from here on, nor do those whose writing takes long. */
    engine_pause(r->engine, PAUSE_FAILOVER, INT64_MAX, false);
    engine_settle(r->engine);
    log_notice("FAILOVER requested");
    return reply_ok(x);
}
