/* repl/lease.c - a primary that fences itself (primary-lease-ms).
 *
 * Every quarter of the lease the replicas are asked for an acknowledgement. An answer proves that its sender was ours
 * when the question was sent, not when the answer is read: so a primary that was frozen finds, before it reads any
 * client's input, that its lease has run out, whatever old answers are waiting in its sockets.
 *
 * Sentinels are not asked: they come with a PING at least once a second, on connections that bear their name. What one
 * of them has said is known to be younger than the last turn in which nothing of it had been there; after a standstill
 * it says nothing before its connection has been found empty once. Enough replicas hold the lease, and so do enough
 * Sentinels; they are not added up, as a few of each are a majority of neither.
 */
#include "base/log.h"
#include "engine/session.h"
#include "repl/repl_priv.h"

enum { ASK_MIN_MS = 5, PARTS = 4 };

static int64_t
part_of_lease(const struct repl *r)
{
    int64_t part = r->set.lease_ms / PARTS;

    return part > ASK_MIN_MS ? part : ASK_MIN_MS;
}

void
repl__lease_ask(struct repl *r)
{
    int64_t now;

    if (r->set.lease_ms <= 0 || r->link != NULL || r->count == 0)
        return;
    now = repl__now(r);
    if (now < r->probe_ms)
        return;
    r->probe_ms = now + part_of_lease(r);
    r->probes[r->probe_at++ % PROBES_MAX] = (struct probe){.at = tape_end(&r->log), .sent_ms = now};
    r->ask_acks = true;
}

/* -- Sentinels ------------------------------------------------------------------------------------------------- */

static bool
is_sentinel(const struct session *s)
{
    struct slice name = session_name(s), begin = LIT("sentinel-"), end = LIT("-cmd");

    return name.len > begin.len + end.len && slice_starts(name, begin) &&
           slice_eq(slice_skip(name, name.len - end.len), end) && session_authenticated(s);
}

static bool
is_known(const struct repl *r, const struct session *s)
{
    for (unsigned i = 0; i < r->witness_count; i++) {
        if (r->witnesses[i].id == session_ident(s))
            return true;
    }
    return false;
}

/* Has been heard since then, and no other connection of that name has: a second may be what a broken one has left. */
static bool
counts(const struct repl *r, unsigned at, int64_t since)
{
    const struct session *s = engine_session_by_id(r->engine, r->witnesses[at].id);

    if (s == NULL || r->witnesses[at].heard_ms <= since)
        return false;
    for (unsigned i = 0; i < at; i++) {
        const struct session *other = engine_session_by_id(r->engine, r->witnesses[i].id);
        if (other != NULL && r->witnesses[i].heard_ms > since && slice_eq(session_name(s), session_name(other)))
            return false;
    }
    return true;
}

static void
look_for_witnesses(struct repl *r)
{
    for (struct session *s = session_first(r->engine); s != NULL; s = session_next(s)) {
        if (r->witness_count == WITNESSES_MAX)
            return;
        if (is_sentinel(s) && !is_known(r, s))
            r->witnesses[r->witness_count++] =
                (struct witness){.id = session_ident(s), .commands = session_commands(s), .stale = true};
    }
}

static void
listen_to(struct repl *r, bool stood_still)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < r->witness_count; i++) {
        struct witness w = r->witnesses[i];
        const struct session *s = engine_session_by_id(r->engine, w.id);
        if (s == NULL || !is_sentinel(s))
            continue;
        bool spoke = session_commands(s) != w.commands;
        w.commands = session_commands(s);
        if (spoke && !w.stale)
            w.heard_ms = r->woke_before_ms;
        w.stale = stood_still || (w.stale && spoke);
        r->witnesses[kept++] = w;
    }
    r->witness_count = kept;
}

void
repl__lease_woke(struct repl *r)
{
    int64_t now;

    if (r->set.lease_ms <= 0 || r->set.lease_sentinels == 0 || r->link != NULL) {
        r->witness_count = 0;
        return;
    }
    now = repl__now(r);
    listen_to(r, now - r->woke_ms > r->set.lease_ms);
    if (now >= r->witnesses_ms) {
        r->witnesses_ms = now + part_of_lease(r);
        look_for_witnesses(r);
    }
    r->woke_before_ms = r->woke_ms;
    r->woke_ms = now;
}

/* -- the lease ------------------------------------------------------------------------------------------------- */

static bool
is_held(const struct repl *r)
{
    int64_t since = repl__now(r) - r->set.lease_ms, replicas = 0, sentinels = 0;

    for (const struct replica *p = r->first; p != NULL; p = p->next)
        replicas += p->state == REPLICA_ONLINE && p->lease_ms != 0 && p->lease_ms > since;
    if (replicas >= r->set.lease_peers)
        return true;
    for (unsigned i = 0; i < r->witness_count; i++)
        sentinels += counts(r, i, since);
    return r->set.lease_sentinels > 0 && sentinels >= r->set.lease_sentinels;
}

void
repl__lease_check(struct repl *r)
{
    bool lost = r->set.lease_ms > 0 && r->link == NULL && !is_held(r);

    if (lost == r->lease_lost)
        return;
    r->lease_lost = lost;
    if (lost)
        log_warning(
            "Too few replicas, or Sentinels, have been heard of within primary-lease-ms: writes are refused until "
            "they are again");
    else
        log_notice("Enough replicas or Sentinels are heard again: writes are accepted");
    repl__conditions(r);
}
