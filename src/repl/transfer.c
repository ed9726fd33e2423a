/* repl/transfer.c - full synchronisation, the primary's side: one snapshot for all who wait. */
#include "base/log.h"
#include "repl/repl_priv.h"

enum {
    SPOOL_MEMORY = 16 << 20,
    FEED_BYTES = 1 << 20, /* of the snapshot, queued for one replica at a time */
    SOON_MS = 2,
    WAIT_PING_MS = 1000,
};

static size_t
in_state(const struct repl *r, enum replica_state state)
{
    size_t n = 0;

    for (const struct replica *p = r->first; p != NULL; p = p->next)
        n += p->state == state;
    return n;
}

/* -- the beginning --------------------------------------------------------------------------------------------- */

static bool
goes_at_once(const struct repl *r, const struct replica *p)
{
    return r->set.diskless_sync && (p->capa & CAPA_EOF);
}

static void
tell_begin(struct repl *r, struct replica *p)
{
    struct buf *out = &session_out(p->session)->bytes;

    if (!p->old_sync)
        buf_printf(out, "+FULLRESYNC %s %llu\r\n", r->id, (unsigned long long)r->sync->at);
    p->at = r->sync->at;
    p->snapshot_at = 0;
    p->moved_ms = repl__now(r);
    p->state = REPLICA_WAITS_LENGTH;
    if (goes_at_once(r, p)) {
        p->state = REPLICA_LOADS;
        buf_printf(out, "$EOF:%.*s\r\n", EOF_MARK_LEN, r->sync->mark);
    } else {
        p->capa &= ~(unsigned)CAPA_EOF;
    }
    session_output_added(p->session);
}

static void
begin(struct repl *r)
{
    struct full_sync *f = mem_get_zero(sizeof(*f));
    struct buf why = {0};
    char mark[EOF_MARK_LEN + 1];
    size_t waiting = in_state(r, REPLICA_WAITS);
    bool any_at_once = false;

    engine_settle(r->engine);
    for (const struct replica *p = r->first; p != NULL; p = p->next)
        any_at_once = any_at_once || (p->state == REPLICA_WAITS && goes_at_once(r, p));
    repl__activate(r);
    repl__new_id(mark);
    memcpy(f->mark, mark, sizeof(f->mark));
    f->spool = spool_new(r->host.disk, any_at_once ? SPOOL_MEMORY : 0);
    f->at = tape_end(&r->log);
    f->writing = true;
    r->sync = f;
    r->waits_since_ms = 0;
    /* Whoever reads from here on has not seen which database is selected. */
    r->stream_db = -1;
    if (!r->host.snapshot_begin(r->host.ctx, spool_disk(f->spool), &why)) {
        log_warning("Can't make a snapshot for replicas: %.*s", (int)why.len, why.ptr);
        f->writing = false;
        repl__sync_end(r);
        for (struct replica *p = r->first, *next; p != NULL; p = next) {
            next = p->next;
            if (p->state == REPLICA_WAITS)
                repl__drop(r, p, "no snapshot can be made");
        }
        buf_fini(&why);
        return;
    }
    log_notice("Snapshot for %zu replica(s) begins at offset %llu", waiting, (unsigned long long)f->at);
    for (struct replica *p = r->first; p != NULL; p = p->next) {
        if (p->state == REPLICA_WAITS)
            tell_begin(r, p);
    }
}

/* It is small, nobody else wants the same, and no stream can go on from it. */
void
repl__sync_without_data(struct repl *r, struct replica *p)
{
    struct buf *out = &session_out(p->session)->bytes, snapshot = {0};

    r->host.snapshot_of_functions(r->host.ctx, !p->no_functions, &snapshot);
    if (!p->old_sync)
        buf_printf(out, "+FULLRESYNC %s %llu\r\n", r->id, (unsigned long long)tape_end(&r->log));
    buf_printf(out, "$%zu\r\n", snapshot.len);
    buf_add_slice(out, buf_slice(&snapshot));
    buf_fini(&snapshot);
    p->acked_ms = p->moved_ms = repl__now(r);
    p->state = REPLICA_SERVED;
    session_output_added(p->session);
    log_notice("Snapshot without data sent to replica %llu", (unsigned long long)session_ident(p->session));
}

/* -- the way --------------------------------------------------------------------------------------------------- */

static void
served(struct repl *r, struct replica *p)
{
    if (p->capa & CAPA_EOF) {
        buf_add(&session_out(p->session)->bytes, r->sync->mark, EOF_MARK_LEN);
        session_output_added(p->session);
    }
    p->acked_ms = p->moved_ms = repl__now(r);
    p->state = p->rdb_only ? REPLICA_SERVED : (p->capa & CAPA_EOF) != 0 ? REPLICA_WAITS_ACK : REPLICA_ONLINE;
    log_notice("Snapshot sent to replica %llu%s", (unsigned long long)session_ident(p->session),
               p->state == REPLICA_WAITS_ACK ? ", which now loads it" : "");
    repl__sync_left(r);
}

void
repl__sync_feed(struct repl *r, struct replica *p)
{
    struct full_sync *f = r->sync;
    struct out *out = session_out(p->session);
    bool failed = false;

    if (f == NULL || p->state != REPLICA_LOADS || out_pending(out) >= FEED_BYTES)
        return;
    size_t n = spool_send(f->spool, p->snapshot_at, FEED_BYTES, out, &failed);
    p->snapshot_at += n;
    if (failed) {
        repl__drop(r, p, "the snapshot can't be read back");
        return;
    }
    if (n > 0) {
        p->moved_ms = repl__now(r);
        r->stats.bytes_out += n;
        session_output_added(p->session);
    }
    if (!f->writing && p->snapshot_at == spool_size(f->spool))
        served(r, p);
}

static void
drop_those_who_load(struct repl *r, const char *why)
{
    for (struct replica *p = r->first, *next; p != NULL; p = next) {
        next = p->next;
        if (p->state == REPLICA_LOADS || p->state == REPLICA_WAITS_LENGTH)
            repl__drop(r, p, why);
    }
}

void
repl_snapshot_done(struct repl *r, bool ok)
{
    struct full_sync *f = r->sync;

    if (f == NULL)
        return;
    f->writing = false;
    f->ok = ok;
    if (!ok) {
        log_warning("The snapshot for replicas has failed");
        drop_those_who_load(r, "the snapshot has failed");
        repl__sync_end(r);
        return;
    }
    log_notice("Snapshot for replicas is complete, %llu bytes", (unsigned long long)spool_size(f->spool));
    for (struct replica *p = r->first; p != NULL; p = p->next) {
        if (p->state != REPLICA_WAITS_LENGTH)
            continue;
        buf_printf(&session_out(p->session)->bytes, "$%llu\r\n", (unsigned long long)spool_size(f->spool));
        session_output_added(p->session);
        p->state = REPLICA_LOADS;
        p->moved_ms = repl__now(r);
    }
    repl__sync_left(r); /* whoever wanted it may have gone just before it was complete */
}

/* -- the end --------------------------------------------------------------------------------------------------- */

void
repl__sync_end(struct repl *r)
{
    struct full_sync *f = r->sync;

    if (f == NULL)
        return;
    r->sync = NULL;
    if (f->writing) {
        spool_abandon(f->spool);
        r->host.snapshot_cancel(r->host.ctx);
    }
    spool_free(f->spool);
    mem_free(f);
}

void
repl__sync_left(struct repl *r)
{
    if (r->sync == NULL || in_state(r, REPLICA_LOADS) + in_state(r, REPLICA_WAITS_LENGTH) > 0)
        return;
    if (r->sync->writing) {
        /* Nobody wants it any more: the writer is told, and repl_snapshot_done() does the rest. */
        spool_abandon(r->sync->spool);
        return;
    }
    repl__sync_end(r);
}

static void
forget_read(struct repl *r)
{
    uint64_t least = UINT64_MAX;

    for (const struct replica *p = r->first; p != NULL; p = p->next) {
        if ((p->state == REPLICA_LOADS || p->state == REPLICA_WAITS_LENGTH) && p->snapshot_at < least)
            least = p->snapshot_at;
    }
    if (least != UINT64_MAX)
        spool_forget(r->sync->spool, least);
}

/* An empty line now and then keeps those who wait from giving up. */
static void
ping_waiting(struct repl *r, int64_t now)
{
    for (struct replica *p = r->first; p != NULL; p = p->next) {
        bool waits = p->state == REPLICA_WAITS || p->state == REPLICA_WAITS_LENGTH;
        if (!waits || now - p->acked_ms < WAIT_PING_MS || out_pending(session_out(p->session)) > 0)
            continue;
        p->acked_ms = now;
        buf_add_char(&session_out(p->session)->bytes, '\n');
        session_output_added(p->session);
    }
}

/* Who comes a little later shares the snapshot. */
static int64_t
delay_left(const struct repl *r, int64_t now)
{
    int64_t most = r->set.sync_delay_max_replicas;

    if (!r->set.diskless_sync || (most > 0 && in_state(r, REPLICA_WAITS) >= (size_t)most))
        return 0;
    return r->waits_since_ms + r->set.sync_delay_s * 1000 - now;
}

int64_t
repl__sync_turn(struct repl *r)
{
    int64_t now = repl__now(r);

    if (r->waits_since_ms != 0 || r->sync != NULL)
        ping_waiting(r, now);
    if (r->sync != NULL) {
        forget_read(r);
        for (struct replica *p = r->first, *next; p != NULL && r->sync != NULL; p = next) {
            next = p->next;
            repl__sync_feed(r, p);
        }
        return r->sync != NULL ? SOON_MS : -1;
    }
    if (r->waits_since_ms == 0)
        return -1;
    if (in_state(r, REPLICA_WAITS) == 0) {
        r->waits_since_ms = 0;
        return -1;
    }
    int64_t left = delay_left(r, now);
    if (left > 0)
        return left;
    if (!r->host.snapshot_possible(r->host.ctx))
        return SOON_MS;
    begin(r);
    return 0;
}
