/* repl/repl.c - making it, its turn, its history, its role. */
#include "repl/repl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "engine/dispatch.h"
#include "engine/keyspace.h"
#include "engine/settings.h"
#include "repl/repl_priv.h"

#include <string.h>

enum { CRON_MS = 100, FAR_MS = 1000, LOOKUPS_MAX = 8 };

static const char no_id[] = "0000000000000000000000000000000000000000";

int64_t
repl__now(const struct repl *r)
{
    struct clock c = engine_clock(r->engine);

    return clock_mono_ns(&c) / 1000000 + 1;
}

void
repl__new_id(char id[REPL_ID_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[REPL_ID_LEN / 2];

    CHECK(rng_system_bytes(raw, sizeof(raw)));
    for (size_t i = 0; i < sizeof(raw); i++) {
        id[2 * i] = digits[raw[i] >> 4];
        id[2 * i + 1] = digits[raw[i] & 15];
    }
    id[REPL_ID_LEN] = '\0';
}

void
repl_rename(struct repl *r)
{
    repl__new_id(r->id);
    memcpy(r->id2, no_id, sizeof(no_id));
    r->id2_until = -1;
}

struct repl *
repl_new(struct engine *e, const struct repl_host *host)
{
    struct repl *r = mem_get_zero(sizeof(*r));

    r->engine = e;
    r->host = *host;
    r->lookups = lookup_limit_new(LOOKUPS_MAX);
    repl_rename(r);
    r->stream_db = -1;
    tape_init(&r->log, 0, host->disk);
    engine_set_part(e, PART_REPL, r, NULL);
    return r;
}

void
repl_free(struct repl *r)
{
    if (r == NULL)
        return;
    link__free(r->link);
    CHECK(r->first == NULL); /* their sessions are closed */
    repl__sync_end(r);
    if (r->listening)
        engine_remove_sink(r->engine, EFFECT_REPLICAS, r);
    tape_fini(&r->log);
    lookup_limit_free(r->lookups);
    mem_free(r->waiting);
    mem_free(r);
}

void
repl_stop(struct repl *r)
{
    link__free(r->link);
    r->link = NULL;
}

void
repl_ask_acks(struct repl *r)
{
    r->ask_acks = true;
}

void
repl_set_go_on_db(struct repl *r, int db)
{
    r->go_on_db = db < engine_db_count(r->engine) ? db : 0;
}

struct repl_settings *
repl_settings(struct repl *r)
{
    return &r->set;
}

void
repl_settings_changed(struct repl *r)
{
    if (r->link != NULL)
        link__settings_changed(r->link);
    repl__conditions(r);
    repl__trim(r);
    repl__confirm(r);
    repl__confirm_anew(r);
}

/* -- the turn -------------------------------------------------------------------------------------------------- */

/* Pings keep those who follow from thinking that we are gone; a replica passes on those of its primary. */
static void
ping(struct repl *r, int64_t now)
{
    struct slice word = LIT("PING");

    if (r->link != NULL || r->count == 0 || now < r->ping_ms || r->failover.state != FAILOVER_NONE)
        return;
    r->ping_ms = now + r->set.ping_s * 1000;
    repl__put(r, &word, 1);
}

static void
cron(struct repl *r, int64_t now)
{
    r->cron_ms = now + CRON_MS;
    ping(r, now);
    repl__conditions(r);
    if (r->alone_since_ms != 0 && r->link == NULL && r->set.backlog_ttl_s > 0 &&
        now - r->alone_since_ms > r->set.backlog_ttl_s * 1000) {
        log_notice("Replication backlog freed after %lld seconds without connected replicas.",
                   (long long)r->set.backlog_ttl_s);
        r->alone_since_ms = 0;
        repl_history_lost(r); /* what happens from now on is in no backlog */
    }
}

int64_t
repl_turn(struct repl *r)
{
    int64_t now = repl__now(r), in = FAR_MS, link_in = r->link != NULL ? link__turn(r->link) : FAR_MS;
    bool busy = r->count > 0 || r->link != NULL || r->waits_since_ms != 0 || r->alone_since_ms != 0 ||
                r->set.min_replicas > 0 || r->set.lease_ms > 0;

    if (now >= r->cron_ms && busy)
        cron(r, now);
    repl__lease_ask(r);
    repl__failover_turn(r);
    int64_t sync_in = repl__sync_turn(r);
    if (r->gathers_ms != 0)
        return 0; /* what waits for more goes when there is none */
    if (busy)
        in = CRON_MS;
    in = link_in >= 0 && link_in < in ? link_in : in;
    return sync_in >= 0 && sync_in < in ? sync_in : in;
}

void
repl_woke(struct repl *r)
{
    repl__lease_woke(r);
    repl__lease_check(r);
}

/* -- history --------------------------------------------------------------------------------------------------- */

bool
repl_history_now(struct repl *r, struct repl_history *out)
{
    if (r->link != NULL) {
        /* Only while it is clear what our dataset is. */
        if (!r->active)
            return false;
        out->db = link__db(r->link);
    } else if (r->active) {
        out->db = r->stream_db >= 0 ? r->stream_db : 0;
    } else {
        return false;
    }
    memcpy(out->id, r->id, sizeof(out->id));
    out->offset = (int64_t)tape_end(&r->log);
    out->before[0] = '\0';
    if (r->id2_until > 0) {
        memcpy(out->before, r->id2, sizeof(out->before));
        out->before_offset = r->id2_until - 1;
    }
    return true;
}

bool
repl_history_is_older(const struct repl *r, const struct repl_history *h)
{
    return r->active && h->before[0] != '\0' && strcmp(h->before, r->id) == 0 &&
           (uint64_t)h->before_offset < r->changed_to;
}

void
repl_history_loaded(struct repl *r, const struct repl_history *h)
{
    if (h->offset < 0 || strlen(h->id) != REPL_ID_LEN)
        return;
    /* As if we had been a replica of who we were: those who followed us may go on, and we with another. */
    memcpy(r->id2, h->id, sizeof(r->id2));
    r->id2_until = h->offset + 1;
    tape_restart(&r->log, (uint64_t)h->offset);
    r->stream_db = -1;
    r->go_on_db = (int)h->db;
    repl__activate(r);
    r->alone_since_ms = repl__now(r);
}

void
repl_history_lost(struct repl *r)
{
    repl__deactivate(r);
    repl_rename(r);
}

uint64_t
repl_position(const struct repl *r)
{
    return tape_end(&r->log);
}

struct repl_stats
repl_stats(const struct repl *r)
{
    struct repl_stats s = r->stats;

    s.replicas = r->count;
    s.backlog_memory = tape_memory(&r->log);
    s.buffer_memory = s.backlog_memory + (r->sync != NULL ? spool_memory(r->sync->spool) : 0);
    return s;
}

void
repl_stats_reset(struct repl *r)
{
    r->stats = (struct repl_stats){0};
}

/* -- roles ----------------------------------------------------------------------------------------------------- */

bool
repl_is_replica(const struct repl *r)
{
    return r->link != NULL;
}

bool
repl_primary_address(const struct repl *r, struct slice *host, int *port)
{
    if (r->link == NULL)
        return false;
    *host = link__host(r->link);
    *port = link__port(r->link);
    return true;
}

/* Where nothing has been written since, the database is the one at which a snapshot, or our last primary, has left us;
 * and if others know better, they begin with SELECT. */
void
repl__note_db(struct repl *r)
{
    if (r->link == NULL && r->stream_db >= 0)
        r->go_on_db = r->stream_db;
}

static void
become_primary(struct repl *r)
{
    link__free(r->link);
    r->link = NULL;
    /* What others know of the stream up to here stays true; from here on it is ours. */
    memcpy(r->id2, r->id, sizeof(r->id2));
    r->id2_until = (int64_t)tape_end(&r->log) + 1;
    repl__new_id(r->id);
    r->stream_db = -1;
    r->confirmed = tape_end(&r->log); /* nobody has written anything to us yet */
    /* They come back and are told the new name. */
    repl__drop_all(r, "we are a primary now");
    repl__activate(r);
    r->alone_since_ms = repl__now(r);
    log_notice("MASTER MODE enabled. Secondary replication ID %s, valid up to offset %lld; new replication ID %s",
               r->id2, (long long)r->id2_until, r->id);
}

static void
become_replica(struct repl *r, struct slice host, int port, bool forced)
{
    /* Our own stream ends here, with what is being written; if the new primary has gone on from it, so can we. */
    engine_end_writes(r->engine);
    repl__note_db(r);
    repl__failover_end(r, "another role has been asked for");
    if (r->link == NULL)
        r->changed_to = tape_end(&r->log);
    link__free(r->link);
    r->link = NULL;
    repl__drop_all(r, "we follow another primary now");
    r->link = link__new(r, host, port, forced);
    r->alone_since_ms = 0;
    log_notice("Replica of %.*s:%d from now on", (int)host.len, host.ptr, port);
}

void
repl_follow(struct repl *r, struct slice host, int port, bool forced)
{
    if (host.len == 0 && r->link == NULL)
        return;
    if (host.len == 0)
        become_primary(r);
    else
        become_replica(r, host, port, forced);
    repl__listen(r);
    repl__conditions(r);
    repl__confirm_anew(r);
    r->host.role_changed(r->host.ctx);
}
