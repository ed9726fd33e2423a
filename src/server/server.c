/* server/server.c - creating a server and turning its loop. */
#include "server/server.h"

#include "base/cores.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "engine/dispatch.h"
#include "engine/session.h"
#include "engine/waiters.h"
#include "server/families.h"
#include "server/persist.h"
#include "server/persist_aof.h"
#include "server/replication.h"

#include <errno.h>
#include <string.h>

enum { TICK_BUDGET_US = 500, SECOND_MS = 1000 };

/* rename-command lines, in order. */
static bool
rename_commands(struct server *s, struct buf *why)
{
    for (size_t i = 0; i < config_line_count(s->config); i++) {
        const struct config_line *line = config_line_at(s->config, i);
        if (line->id != CFG_RENAME_COMMAND || line->argc != 2)
            continue;
        if (!command_rename(s->engine, line->argv[0], line->argv[1])) {
            buf_printf(why, "%s: rename-command: no such command '%s', or '%s' is taken", line->where,
                       line->argv[0].ptr, line->argv[1].ptr);
            return false;
        }
    }
    return true;
}

static bool
start(struct server *s, const struct server_options *opt, struct buf *why)
{
    s->net = net_new(server_net_owner(s));
    if (s->net == NULL) {
        buf_printf(why, "can't create the event loop: %m");
        return false;
    }
    s->reaper = reaper_new(config_text(s->config, CFG_BIO_CPULIST));
    if (s->reaper == NULL) {
        buf_printf(why, "can't start a thread");
        return false;
    }
    s->families = server_families();
    struct engine_options eo = {
        .clock = opt->clock,
        .rng_seed = opt->rng_seed,
        .hash_seed = opt->hash_seed,
        .databases = (int)config_num(s->config, CFG_DATABASES),
        .families = s->families,
        .host = server_host(s),
        .limits = value_limits_default(opt->hash_seed),
    };
    s->engine = engine_new(&eo);
    s->log = opt->log;
    s->title = opt->title;
    engine_now_update(s->engine);
    s->started_ms = engine_now_ms(s->engine);
    s->second_at_ms = s->started_ms + SECOND_MS;
    s->second_mono_ns = clock_mono_ns(&s->clock);
    s->persist = persist_new(s);
    server_replication_new(s);
    enum config_id blamed;
    if (!rename_commands(s, why) || !server_apply(s, NULL, &blamed, why))
        return false;
    cores_pin(config_text(s->config, CFG_SERVER_CPULIST));
    s->startup_memory = s->stats.peak_memory = mem_used();
    return true;
}

struct server *
server_new(const struct server_options *opt, struct buf *why)
{
    struct server *s = mem_get_zero(sizeof(*s));

    s->config = opt->config;
    s->clock = opt->clock;
    s->config_path = mem_copy_text(opt->config_path);
    s->executable = mem_copy_text(opt->executable);
    memcpy(s->run_id, opt->run_id, sizeof(s->run_id));
    if (!start(s, opt, why)) {
        server_free(s);
        return NULL;
    }
    return s;
}

void
server_free(struct server *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < s->listener_count; i++)
        listener_close(s->listeners[i]);
    if (s->engine != NULL) {
        struct session *session;
        if (s->repl != NULL)
            repl_stop(s->repl);
        while ((session = session_first(s->engine)) != NULL) {
            struct conn *c = session_host_data(session);
            repl_session_closed(s->repl, session);
            engine_session_close(session);
            if (c != NULL)
                conn_close(c);
        }
        persist_aof_free(s);
        persist_free(s->persist);
        repl_free(s->repl);
        engine_free(s->engine);
    }
    for (int i = 0; i < MISCONFS; i++)
        name_free(s->misconf[i]);
    tls_context_free(s->tls);
    net_free(s->net);
    reaper_free(s->reaper);
    config_free(s->config);
    mem_free(s->families);
    mem_free(s->config_path);
    mem_free(s->executable);
    mem_free(s);
}

void
server_stop(struct server *s, unsigned shutdown_flags)
{
    s->stopping = true;
    s->stop_flags = shutdown_flags;
}

bool
server_shutdown_abort(struct server *s)
{
    if (s->drain_until_ms == 0)
        return false;
    s->drain_until_ms = 0;
    s->shutdown_failed = true;
    engine_unpause(s->engine, PAUSE_SHUTDOWN);
    return true;
}

static bool
save_and_stop(struct server *s, unsigned shutdown_flags)
{
    if (!persist_shutdown(s->persist, shutdown_flags)) {
        s->shutdown_failed = true;
        return false;
    }
    server_stop(s, shutdown_flags);
    return true;
}

bool
server_shutdown(struct server *s, unsigned shutdown_flags)
{
    int64_t wait_ms = s->drain_until_ms != 0 ? 0 : server_drain_ms(s, shutdown_flags);

    if (wait_ms <= 0) {
        (void)server_shutdown_abort(s);
        return save_and_stop(s, shutdown_flags);
    }
    log_notice("Waiting for replicas before shutting down");
    s->drain_until_ms = engine_now_ms(s->engine) + wait_ms;
    s->stop_flags = shutdown_flags;
    engine_pause(s->engine, PAUSE_SHUTDOWN, INT64_MAX, false);
    repl_ask_acks(s->repl);
    return true;
}

static void
tell_shutdown_failed(struct server *s)
{
    struct session *next;

    s->shutdown_failed = false;
    for (struct session *c = session_first(s->engine); c != NULL; c = next) {
        const struct command *last = session_last_command(c);
        next = session_next(c);
        if (session_is_blocked(c) && last != NULL && slice_eq(last->name, LIT("shutdown")))
            session_wake(c);
    }
}

/* The wait for replicas is over when they have everything, or when it has lasted long enough. */
static void
drain(struct server *s)
{
    bool all = repl_all_caught_up(s->repl);

    if (!all && engine_now_ms(s->engine) < s->drain_until_ms)
        return;
    if (!all)
        log_warning("Some replicas do not have everything; shutting down all the same");
    (void)server_shutdown_abort(s);
    if (!save_and_stop(s, s->stop_flags))
        log_warning("The server goes on, because its data could not be saved");
}

void
server_misconf(struct server *s, enum misconf_by who, struct slice text)
{
    if (slice_eq(s->misconf[who], text))
        return;
    struct slice copy = name_copy(text);
    name_free(s->misconf[who]);
    s->misconf[who] = copy;
    for (int i = 0; i < MISCONFS; i++) {
        if (s->misconf[i].len == 0)
            continue;
        engine_set_misconf(s->engine, s->misconf[i]);
        engine_set_condition(s->engine, COND_MISCONF, true);
        return;
    }
    engine_set_condition(s->engine, COND_MISCONF, false);
}

/* -- the turn -------------------------------------------------------------------------------------------------- */

static void
rate_sample(struct rate *r, uint64_t total, int64_t elapsed_ms)
{
    r->per_second[r->at++ % SAMPLES] = (total - r->last) * 1000 / (uint64_t)elapsed_ms;
    r->last = total;
}

uint64_t
rate_per_second(const struct rate *r)
{
    uint64_t sum = 0;

    for (int i = 0; i < SAMPLES; i++)
        sum += r->per_second[i];
    return sum / SAMPLES;
}

static void
sample_rates(struct server *s)
{
    int64_t now_ns = clock_mono_ns(&s->clock), elapsed_ms = (now_ns - s->second_mono_ns) / 1000000;

    if (elapsed_ms <= 0)
        return;
    s->second_mono_ns = now_ns;
    rate_sample(&s->commands_rate, engine_stats(s->engine)->commands, elapsed_ms);
    rate_sample(&s->in_rate, net_stats(s->net)->bytes_in, elapsed_ms);
    rate_sample(&s->out_rate, net_stats(s->net)->bytes_out, elapsed_ms);
    struct repl_stats repl = repl_stats(s->repl);
    rate_sample(&s->repl_in_rate, repl.bytes_in, elapsed_ms);
    rate_sample(&s->repl_out_rate, repl.bytes_out, elapsed_ms);
    rate_sample(&s->turns_rate, s->stats.turns, elapsed_ms);
    rate_sample(&s->turn_ticks_rate, s->stats.turn_ticks, elapsed_ms);
}

void
server_cron(struct server *s)
{
    int64_t now = engine_now_ms(s->engine);
    size_t used = mem_used();

    sample_rates(s);
    if (used > s->stats.peak_memory) {
        s->stats.peak_memory = used;
        s->stats.peak_memory_ms = now;
    }
    /* The clock may have been set back. */
    if (s->accept_again_ms != 0 && (now >= s->accept_again_ms || s->accept_again_ms - now > SECOND_MS)) {
        s->accept_again_ms = 0;
        for (int i = 0; i < s->listener_count; i++)
            listener_wake(s->listeners[i]);
    }
    if (now >= s->second_at_ms || s->second_at_ms - now > SECOND_MS) {
        /* After a standstill what has arrived meanwhile is read before anybody is found to be silent. */
        bool late = now - s->second_at_ms > SECOND_MS && !s->was_late;
        s->was_late = late;
        s->second_at_ms = now + SECOND_MS;
        if (!late) {
            server_check_clients(s);
            server_tls_check(s);
        }
        net_trim(s->net);
    }
    server_check_client_memory(s);
    persist_cron(s->persist);
}

void
server_turn(struct server *s)
{
    /* While a snapshot is loaded nothing expires and nobody waits; and the loading goes on at once. */
    bool loading = persist_loading(s->persist);
    int64_t now = engine_now_ms(s->engine), tick_in = loading ? 0 : engine_tick(s->engine, TICK_BUDGET_US);
    int64_t cron_in = s->cron_at_ms - now, persist_in = persist_turn(s->persist, s->busy);
    int64_t aof_in = persist_aof_turn(s, s->busy), repl_in = repl_turn(s->repl);

    if (UNLIKELY(loading))
        persist_load_tell(s->persist);
    if (persist_in >= 0 && persist_in < tick_in)
        tick_in = persist_in;
    if (aof_in >= 0 && aof_in < tick_in)
        tick_in = aof_in;
    tick_in = repl_in < tick_in ? repl_in : tick_in;

    /* What is due may have woken sessions; net_wait() does not sleep then. */
    if (tick_in > cron_in)
        tick_in = cron_in > 0 ? cron_in : 0;
    pace_turn_ends(&s->pace, &s->clock);
    s->stats.turn_ticks += s->turn_began != 0 ? engine_ticks(s->engine) - s->turn_began : 0;
    s->stats.turns++;
    s->busy = net_wait(s->net, tick_in, now) > 0;
    s->turn_began = engine_ticks(s->engine);
    pace_turn_begins(&s->pace, &s->clock);
    engine_now_update(s->engine);
    repl_woke(s->repl);
    engine_input_read(s->engine);
    net_dispatch(s->net);
    persist_aof_flush(s);
    repl_flush(s->repl, s->busy);
    if (UNLIKELY(s->shutdown_failed && !s->stopping))
        tell_shutdown_failed(s);
    net_flush(s->net);
    if (UNLIKELY(s->drain_until_ms != 0))
        drain(s);
    if (UNLIKELY(s->client_memory_due)) {
        s->client_memory_due = false;
        server_check_client_memory(s);
    }
    now = engine_now_ms(s->engine);
    if (now >= s->cron_at_ms || s->cron_at_ms - now > s->cron_every_ms) {
        s->cron_at_ms = now + s->cron_every_ms;
        server_cron(s);
    }
}

void
server_run(struct server *s)
{
    while (!s->stopping)
        server_turn(s);
    net_flush(s->net);
}
