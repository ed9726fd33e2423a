/* repl/lease.c - a primary that fences itself (primary-lease-ms).
 *
 * Every quarter of the lease the replicas are asked for an acknowledgement. An answer proves that its sender was ours when
 * the question was sent, not when the answer is read: so a primary that was frozen finds, before it reads any client's
 * input, that its lease has run out, whatever old answers are waiting in its sockets.
 */
#include "base/log.h"
#include "repl/repl_priv.h"

enum { ASK_MIN_MS = 5, PARTS = 4 };

void
repl__lease_ask(struct repl *r)
{
    int64_t now, every = r->set.lease_ms / PARTS;

    if (r->set.lease_ms <= 0 || r->link != NULL || r->count == 0)
        return;
    now = repl__now(r);
    if (now < r->probe_ms)
        return;
    r->probe_ms = now + (every > ASK_MIN_MS ? every : ASK_MIN_MS);
    r->probes[r->probe_at++ % PROBES_MAX] = (struct probe){.at = tape_end(&r->log), .sent_ms = now};
    r->ask_acks = true;
}

void
repl__lease_check(struct repl *r)
{
    bool lost = false;

    if (r->set.lease_ms > 0 && r->link == NULL) {
        int64_t since = repl__now(r) - r->set.lease_ms, heard = 0;
        for (const struct replica *p = r->first; p != NULL; p = p->next)
            heard += p->state == REPLICA_ONLINE && p->lease_ms != 0 && p->lease_ms > since;
        lost = heard < r->set.lease_peers;
    }
    if (lost == r->lease_lost)
        return;
    r->lease_lost = lost;
    if (lost)
        log_warning("Fewer than %lld replicas have answered within primary-lease-ms: writes are refused until they do",
                    (long long)r->set.lease_peers);
    else
        log_notice("Enough replicas answer again: writes are accepted");
    repl__conditions(r);
}
