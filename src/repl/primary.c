/* repl/primary.c - replicas of ours: attaching, feeding, acknowledging, going. */
#include "base/log.h"
#include "engine/dispatch.h"
#include "engine/evict.h"
#include "repl/repl_priv.h"

#include <stdio.h>

enum {
    FEED_BYTES = 1 << 20,    /* of the stream, queued for one replica at a time */
    GATHER_BYTES = 64 << 10, /* of the stream: as much is sent at once, less may wait for more */
    GATHER_MS = 1,
    SERVED_MS = 20000, /* who wanted a snapshot only is expected to hang up */
};

/* -- their records --------------------------------------------------------------------------------------------- */

struct replica *
repl__replica(struct session *s, bool create)
{
    struct replica *p = session_part(s);

    if (p == NULL && create) {
        p = mem_get_zero(sizeof(*p));
        p->session = s;
        session_set_part(s, p);
    }
    return p;
}

static void
link_up(struct repl *r, struct replica *p)
{
    struct replica **end = &r->first;

    while (*end != NULL) {
        p->prev = *end;
        end = &(*end)->next;
    }
    *end = p;
    p->next = NULL;
    r->count++;
    r->alone_since_ms = 0;
    session_set_flag(p->session, SESSION_REPLICA, true);
    session_set_reply_mode(p->session, REPLY_OFF);
    if (r->set.defer_nodelay)
        r->host.send_late(r->host.ctx, p->session);
}

void
repl_session_closed(struct repl *r, struct session *s)
{
    struct replica *p = session_part(s);

    repl__wait_forget(r, session_ident(s));
    repl__migrate_forget(r, session_ident(s));
    if (p == NULL)
        return;
    session_set_part(s, NULL);
    if (p->state != REPLICA_SHAKES) {
        log_notice("Connection with replica %llu lost", (unsigned long long)session_ident(s));
        *(p->prev != NULL ? &p->prev->next : &r->first) = p->next;
        if (p->next != NULL)
            p->next->prev = p->prev;
        r->count--;
        if (r->count == 0)
            r->alone_since_ms = repl__now(r);
        repl__sync_left(r);
        repl__conditions(r);
    }
    mem_free(p);
}

void
repl__drop(struct repl *r, struct replica *p, const char *why)
{
    if (session_must_close(p->session))
        return;
    log_warning("Replica %llu is disconnected: %s", (unsigned long long)session_ident(p->session), why);
    /* Whatever it does until it is gone, it is sent nothing more. */
    enum replica_state was = p->state;
    p->state = REPLICA_SERVED;
    session_kill(p->session);
    if (was == REPLICA_LOADS || was == REPLICA_WAITS_LENGTH)
        repl__sync_left(r);
}

void
repl__drop_all(struct repl *r, const char *why)
{
    for (struct replica *p = r->first; p != NULL; p = p->next)
        repl__drop(r, p, why);
}

void
repl__replica_address(const struct replica *p, char out[HOST_MAX + 1], int *port)
{
    struct slice addr = session_addr(p->session);
    size_t n = addr.len;

    *port = p->port;
    if (p->ip[0] != '\0') {
        memcpy(out, p->ip, sizeof(p->ip));
        return;
    }
    while (n > 0 && addr.ptr[n - 1] != ':')
        n--;
    n = n > 0 ? n - 1 : 0;
    if (n >= 2 && addr.ptr[0] == '[') {
        addr = slice_skip(addr, 1);
        n -= 2;
    }
    n = n < HOST_MAX ? n : HOST_MAX;
    memcpy(out, addr.ptr, n);
    out[n] = '\0';
}

/* -- attaching ------------------------------------------------------------------------------------------------- */

static void
go_online(struct repl *r, struct replica *p)
{
    p->state = REPLICA_ONLINE;
    p->acked_ms = repl__now(r);
    repl__conditions(r);
}

enum rc
repl__attach(struct exec *x, struct replica *p, bool can_continue, uint64_t at)
{
    struct repl *r = repl__of(x);
    int64_t now = repl__now(r);

    p->acked_ms = p->moved_ms = now;
    if (can_continue) {
        char line[REPL_ID_LEN + 16];
        size_t n = (size_t)snprintf(line, sizeof(line), "CONTINUE %s", r->id);
        p->at = at;
        p->acked = at;
        r->stats.partial_ok++;
        reply_put_simple(&x->reply, slice_of(line, p->capa & CAPA_PSYNC2 ? n : strlen("CONTINUE")));
        link_up(r, p);
        go_online(r, p);
        log_notice(
            "Partial resynchronization request from replica %llu accepted: %llu bytes of backlog from offset %llu",
            (unsigned long long)session_ident(p->session), (unsigned long long)(tape_end(&r->log) - at),
            (unsigned long long)at + 1);
        return RC_OK;
    }
    r->stats.full++;
    if (!r->active && r->link == NULL) {
        /* Nobody has written down what happened until now, so it gets no name that somebody may have heard. */
        repl__new_id(r->id);
        r->id2_until = -1;
        repl__activate(r);
    }
    p->state = REPLICA_WAITS;
    link_up(r, p);
    if (p->no_data) {
        repl__sync_without_data(r, p);
        return RC_OK;
    }
    if (r->waits_since_ms == 0)
        r->waits_since_ms = now;
    log_notice("Full resync requested by replica %llu", (unsigned long long)session_ident(p->session));
    return RC_OK;
}

/* -- feeding --------------------------------------------------------------------------------------------------- */

static void
feed(struct repl *r, struct replica *p)
{
    struct out *out = session_out(p->session);
    bool failed = false;

    if (p->state != REPLICA_ONLINE || p->at >= tape_end(&r->log) || out_pending(out) >= FEED_BYTES)
        return;
    size_t n = tape_send(&r->log, p->at, FEED_BYTES, out, &failed);
    p->at += n;
    r->stats.bytes_out += n;
    if (failed)
        repl__drop(r, p, "the stream can't be read back from its file");
    else if (n > 0)
        session_output_added(p->session);
}

/* What waits for it: queued or still on the tape. */
static uint64_t
waiting_bytes(const struct repl *r, const struct replica *p)
{
    return out_pending(session_out(p->session)) + (tape_end(&r->log) - p->at);
}

static void
over_limit(struct repl *r, struct replica *p, const char *which)
{
    log_warning("Replica %llu is %llu bytes behind, over the %s limit of client-output-buffer-limit replica. If this "
                "happens again and again, raise that limit, or repl-backlog-size, above what is written during a full "
                "synchronization%s",
                (unsigned long long)session_ident(p->session), (unsigned long long)waiting_bytes(r, p), which,
                r->set.spill_max == 0 ? ", or let the stream go to a file meanwhile (repl-spill-max)" : "");
    repl__drop(r, p, "output buffer over client-output-buffer-limit");
}

static void
check_limits(struct repl *r, struct replica *p, int64_t now)
{
    const struct repl_settings *s = &r->set;
    uint64_t n = waiting_bytes(r, p);

    p->settled = p->settled || (p->state == REPLICA_ONLINE && n < s->backlog_size);
    if (s->out_hard == 0 && s->out_soft == 0)
        return;
    /* A limit below the backlog would be one below what everybody is promised. */
    uint64_t hard = s->out_hard > s->backlog_size ? s->out_hard : s->out_hard > 0 ? s->backlog_size : 0;
    uint64_t soft = s->out_soft > s->backlog_size ? s->out_soft : s->out_soft > 0 ? s->backlog_size : 0;
    if (!p->settled && s->spill_max > 0) {
        /* It can't help it: it is still loading, or reading what came meanwhile. What it will need goes to a file
         * instead. */
        if (hard > 0 && n > hard && !p->spill_told) {
            p->spill_told = true;
            log_warning(
                "Replica %llu is still being synchronized and %llu bytes behind: what it will need goes to a file "
                "(up to repl-spill-max bytes). A faster link or a larger client-output-buffer-limit replica "
                "avoids that",
                (unsigned long long)session_ident(p->session), (unsigned long long)n);
        }
        if (n > s->spill_max)
            over_limit(r, p, "repl-spill-max");
        return;
    }
    if (hard > 0 && n > hard) {
        over_limit(r, p, "hard");
        return;
    }
    if (soft == 0 || n <= soft) {
        p->over_soft_ms = 0;
    } else if (p->over_soft_ms == 0) {
        p->over_soft_ms = now;
    } else if (now - p->over_soft_ms > s->out_soft_s * 1000) {
        over_limit(r, p, "soft");
    }
}

/* What waits for replicas beyond the backlog is no reason to evict keys: that would only make it more. */
static void
count_memory(struct repl *r)
{
    size_t held = tape_memory(&r->log), size = (size_t)r->set.backlog_size;
    size_t more = (held > size ? held - size : 0) + (r->sync != NULL ? spool_memory(r->sync->spool) : 0);

    if (more == r->uncounted)
        return;
    r->uncounted = more;
    engine_set_uncounted_memory(r->engine, more);
}

/* Each piece that is sent costs a system call, and wakes the replica up: so while more comes in turn after turn, less
 * than GATHER_BYTES wait for it. Whoever waits for replicas does not wait for this. */
static bool
gathers(struct repl *r, const struct replica *p, int64_t now)
{
    if (p->state != REPLICA_ONLINE || p->at >= tape_end(&r->log) || tape_end(&r->log) - p->at >= GATHER_BYTES)
        return false;
    if (r->gathers_ms == 0)
        r->gathers_ms = now;
    return now - r->gathers_ms < GATHER_MS;
}

static void
feed_all(struct repl *r, bool at_once)
{
    int64_t now = repl__now(r);
    bool waits = false;

    for (struct replica *p = r->first; p != NULL; p = p->next) {
        if (p->state == REPLICA_SHAKES || p->state == REPLICA_WAITS || p->state == REPLICA_SERVED)
            continue;
        if (!at_once && gathers(r, p, now))
            waits = true;
        else
            feed(r, p);
        check_limits(r, p, now);
    }
    if (!waits)
        r->gathers_ms = 0;
}

void
repl_flush(struct repl *r, bool busy)
{
    static const struct slice getack[] = {LIT_INIT("REPLCONF"), LIT_INIT("GETACK"), LIT_INIT("*")};
    bool asked = r->ask_acks;

    if (asked) {
        r->ask_acks = false;
        if (r->link == NULL && r->active && r->count > 0) {
            r->asked_from = tape_end(&r->log);
            repl__put(r, getack, 3);
            r->asked_to = tape_end(&r->log);
        }
    }
    if (r->link != NULL)
        link__flush(r->link);
    if (r->count > 0)
        feed_all(r, asked || !busy);
    if (r->active) {
        repl__trim(r);
        count_memory(r);
    }
    repl__migrate_turn(r);
    if (r->acks_moved || r->waiting_count > 0)
        repl__wait_check(r);
}

void
repl_written(struct repl *r, struct session *s, size_t left)
{
    struct replica *p = session_part(s);

    if (p == NULL || left > 0 || session_must_close(s))
        return;
    if (p->state == REPLICA_LOADS)
        repl__sync_feed(r, p);
    else
        feed(r, p);
}

bool
repl_all_caught_up(const struct repl *r)
{
    /* Some do not count the question itself when they answer it. */
    uint64_t at = tape_end(&r->log) == r->asked_to ? r->asked_from : tape_end(&r->log);

    for (const struct replica *p = r->first; p != NULL; p = p->next) {
        if (p->state == REPLICA_LOADS || p->state == REPLICA_WAITS_ACK || (p->state == REPLICA_ONLINE && p->acked < at))
            return false;
    }
    return true;
}

/* -- acknowledging --------------------------------------------------------------------------------------------- */

void
repl__acked(struct repl *r, struct replica *p, uint64_t at, uint64_t in_log)
{
    int64_t now = repl__now(r);

    if (p->state == REPLICA_SHAKES)
        return;
    p->acked_ms = now;
    /* It can't have what we have not written. */
    if (at > p->acked && at <= tape_end(&r->log))
        p->acked = at;
    if (in_log > p->log_acked && in_log <= tape_end(&r->log))
        p->log_acked = in_log;
    for (unsigned i = 0; i < PROBES_MAX; i++) {
        const struct probe *q = &r->probes[i];
        if (q->sent_ms != 0 && at >= q->at && at <= tape_end(&r->log) && q->sent_ms > p->lease_ms &&
            p->state == REPLICA_ONLINE)
            p->lease_ms = q->sent_ms;
    }
    if (p->state == REPLICA_WAITS_ACK) {
        log_notice("Replica %llu has loaded the snapshot", (unsigned long long)session_ident(p->session));
        go_online(r, p);
    }
    r->acks_moved = true;
    repl__confirm(r);
    if (r->lease_lost)
        repl__lease_check(r);
}

size_t
repl__count_acked(const struct repl *r, uint64_t at, bool in_log)
{
    size_t n = 0;

    for (const struct replica *p = r->first; p != NULL; p = p->next)
        n += p->state == REPLICA_ONLINE && (in_log ? p->log_acked : p->acked) >= at;
    return n;
}

size_t
repl__good_replicas(const struct repl *r)
{
    int64_t now = repl__now(r);
    size_t n = 0;

    for (const struct replica *p = r->first; p != NULL; p = p->next)
        n += p->state == REPLICA_ONLINE && (now - p->acked_ms) / 1000 <= r->set.min_replicas_lag_s;
    return n;
}

size_t
repl__online_replicas(const struct repl *r)
{
    size_t n = 0;

    for (const struct replica *p = r->first; p != NULL; p = p->next)
        n += p->state == REPLICA_ONLINE;
    return n;
}

static void
check_timeout(struct repl *r, struct replica *p, int64_t now)
{
    int64_t limit = r->set.timeout_s * 1000;

    /* While it loads it sends empty lines, which are no acknowledgements but say that it is there. */
    if (engine_now_ms(r->engine) - session_active_ms(p->session) <= limit)
        return;

    switch (p->state) {
    case REPLICA_LOADS:
    case REPLICA_WAITS_ACK:
        if (now - p->moved_ms > limit)
            repl__drop(r, p, "timed out during the transfer of the snapshot");
        break;
    case REPLICA_ONLINE:
        if (!p->old_sync && now - p->acked_ms > limit)
            repl__drop(r, p, "timed out");
        break;
    case REPLICA_SERVED:
        if (now - p->moved_ms > SERVED_MS)
            repl__drop(r, p, "has its snapshot");
        break;
    default: break;
    }
}

/* Where clients that have said that they follow are sent. */
static void
set_redirect(struct repl *r)
{
    char where[HOST_MAX + 16];
    struct slice host = link__host(r->link);
    int n = snprintf(where, sizeof(where), "%.*s:%d", (int)host.len, host.ptr, link__port(r->link));

    engine_set_redirect(r->engine, slice_of(where, (size_t)n));
}

/* What the state of replicas forbids or allows. */
void
repl__conditions(struct repl *r)
{
    const struct repl_settings *s = &r->set;
    bool replica = r->link != NULL, up = replica && link__is_up(r->link);
    int64_t now = repl__now(r);

    for (struct replica *p = r->first; p != NULL; p = p->next)
        check_timeout(r, p, now);
    bool few = !replica && s->min_replicas > 0 && s->min_replicas_lag_s > 0 &&
               repl__good_replicas(r) < (size_t)s->min_replicas;
    bool alone = !replica && repl__online_replicas(r) < (size_t)s->reply_replicas;
    engine_set_condition(r->engine, COND_NO_REPLICAS, few || alone || (!replica && r->lease_lost));
    engine_set_condition(r->engine, COND_READ_ONLY, replica && s->read_only);
    engine_set_condition(r->engine, COND_REPLICA, replica);
    if (replica)
        set_redirect(r);
    engine_set_condition(r->engine, COND_STALE, replica && !up && !s->serve_stale);
}
