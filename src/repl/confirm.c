/* repl/confirm.c - min-replicas-to-reply: whoever has written is told so when enough replicas have it.
 *
 * It is as if each client said WAIT after each pipeline: what a client has been told is never lost by a failover to a
 * replica that has it. A session's replies are kept back (net's may_send()) while its last write is beyond the position
 * that enough replicas have acknowledged; they are asked at the end of each turn in which something was written.
 *
 * A primary that becomes a replica can't know what will become of the writes that nobody has confirmed: whoever waits
 * for them is disconnected without a reply, which is what tells a client that its write may or may not have happened.
 */
#include "engine/dispatch.h"
#include "engine/session.h"
#include "repl/repl_priv.h"

void
repl__confirm_later(struct repl *r, struct session *s)
{
    const struct command *c = s != NULL ? session_last_command(s) : NULL;

    /* Messages are nobody's data, and Sentinel sends some to a primary that is cut off, whose answers it must get; what
     * a reader makes go is what time has taken. */
    if (c == NULL || (c->flags & CMD_READONLY) || c->row->group == GROUP_PUBSUB)
        return;
    session_set_stored_at(s, tape_end(&r->log));
    r->ask_acks = true;
}

/* The position up to which that many of them have everything. */
static uint64_t
acked_by(const struct repl *r, size_t wanted)
{
    uint64_t best = 0;

    for (const struct replica *p = r->first; p != NULL; p = p->next) {
        if (p->acked > best && repl__count_acked(r, p->acked, false) >= wanted)
            best = p->acked;
    }
    return best;
}

void
repl__confirm(struct repl *r)
{
    if (r->set.reply_replicas == 0 || r->link != NULL)
        return;
    uint64_t at = acked_by(r, (size_t)r->set.reply_replicas);
    if (at <= r->confirmed)
        return;
    r->confirmed = at;
    repl__confirm_anew(r);
}

void
repl__confirm_anew(struct repl *r)
{
    if (r->host.confirmed != NULL)
        r->host.confirmed(r->host.ctx);
}

bool
repl_confirmed(struct repl *r, struct session *s)
{
    uint64_t at = session_stored_at(s);

    /* What is beyond the end was a position of another history. */
    if (r->set.reply_replicas == 0 || at <= r->confirmed || at > tape_end(&r->log))
        return true;
    if (r->link != NULL)
        session_kill(s);
    return false;
}
