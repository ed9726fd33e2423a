/* server/persist_aof.c - see persist_aof.h; and BGREWRITEAOF. */
#include "server/persist_aof.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/dispatch.h"
#include "engine/effects.h"
#include "engine/exec.h"
#include "engine/keyspace.h"
#include "script/script.h"
#include "server/info.h"
#include "server/persist.h"
#include "store/aof.h"

#include <string.h>
#include <unistd.h>

enum { LOAD_SLICE_BYTES = 1 << 20 };

struct server_aof {
    struct aof *aof;
    struct disk disk;
    bool reload;          /* DEBUG LOADAOF has been asked for */
    struct aof_mark mark; /* a place in the log that is not on the disk yet, and in the stream of changes */
    bool mark_set;
    uint64_t mark_position, synced_position;
    bool loading; /* the configuration says on, but nothing is to be written yet */
};

static void
create(struct server *s)
{
    struct server_aof *sa = mem_get_zero(sizeof(*sa));

    sa->disk = disk_system();
    struct aof_options ao = {
        .engine = s->engine,
        .disk = &sa->disk,
        .clock = s->clock,
        .dir = config_text(s->config, CFG_APPENDDIRNAME).ptr,
        .name = config_text(s->config, CFG_APPENDFILENAME).ptr,
        .threaded = true,
        .sync_cores = config_text(s->config, CFG_BIO_CPULIST),
        .rewrite_cores = config_text(s->config, CFG_AOF_REWRITE_CPULIST),
        .records = script_save_libraries,
    };
    sa->aof = aof_new(&ao);
    /* Until main() has loaded what there is, the log is neither begun nor written. */
    sa->loading = true;
    s->aof = sa;
}

void
persist_aof_free(struct server *s)
{
    if (s->aof == NULL)
        return;
    aof_free(s->aof->aof);
    mem_free(s->aof);
    s->aof = NULL;
}

void
persist_aof_apply(struct server *s, const bool *changed)
{
    const struct config *c = s->config;

    if (s->aof == NULL)
        create(s);
    struct aof_settings *t = aof_settings(s->aof->aof);
    t->fsync = (enum aof_fsync)config_num(c, CFG_APPENDFSYNC);
    t->timestamps = config_on(c, CFG_AOF_TIMESTAMP_ENABLED);
    t->load_truncated = config_on(c, CFG_AOF_LOAD_TRUNCATED);
    t->rest_on_rewrite = config_on(c, CFG_NO_APPENDFSYNC_ON_REWRITE);
    t->compress = config_on(c, CFG_RDBCOMPRESSION);
    t->checksum = config_on(c, CFG_RDBCHECKSUM);
    t->commands = !config_on(c, CFG_AOF_USE_RDB_PREAMBLE);
    t->auto_remove = !config_on(c, CFG_AOF_DISABLE_AUTO_GC);
    t->rewrite_percentage = config_num(c, CFG_AUTO_AOF_REWRITE_PERCENTAGE);
    t->rewrite_min_size = (uint64_t)config_num(c, CFG_AUTO_AOF_REWRITE_MIN_SIZE);
    if (s->aof->loading || changed == NULL || !changed[CFG_APPENDONLY])
        return;
    if (config_on(c, CFG_APPENDONLY))
        aof_switch_on(s->aof->aof);
    else
        aof_switch_off(s->aof->aof);
}

bool
persist_aof_rewriting(const struct server *s)
{
    return s->aof != NULL && aof_rewriting(s->aof->aof);
}

bool
persist_aof_incomplete(const struct server *s)
{
    return s->aof != NULL && aof_is_incomplete(s->aof->aof);
}

void
persist_aof_cancel(struct server *s)
{
    if (s->aof != NULL)
        aof_rewrite_cancel(s->aof->aof);
}

/* -- loading --------------------------------------------------------------------------------------------------- */

static bool
load_all(struct server *s, struct buf *why)
{
    struct aof *a = s->aof->aof;
    int64_t from = clock_mono_ns(&s->clock);
    enum aof_progress p;
    uint64_t total = aof_load_total(a);

    log_notice("Loading the append-only file, %llu bytes", (unsigned long long)total);
    engine_set_condition(s->engine, COND_LOADING, true);
    do {
        persist_load_progress(s->persist, true, aof_load_at(a), total);
        p = aof_load_step(a, LOAD_SLICE_BYTES, why);
        server_turn(s);
    } while (p == AOF_MORE && !s->stopping);
    engine_set_condition(s->engine, COND_LOADING, false);
    persist_load_progress(s->persist, false, aof_load_at(a), total);
    if (p == AOF_DONE)
        log_notice("DB loaded from append only file: %.3f seconds", (double)(clock_mono_ns(&s->clock) - from) / 1e9);
    if (s->stopping)
        buf_add_slice(why, LIT("interrupted"));
    return p == AOF_DONE && !s->stopping;
}

bool
persist_aof_load(struct server *s, struct buf *why)
{
    struct aof *a = s->aof->aof;
    enum aof_found found = aof_load_begin(a, why);

    if (found == AOF_ABSENT && access(config_text(s->config, CFG_DBFILENAME).ptr, F_OK) == 0)
        log_warning("There is no append-only file, so the dataset is empty; %s is not loaded while appendonly is on",
                    config_text(s->config, CFG_DBFILENAME).ptr);
    bool ok = found == AOF_ABSENT || (found == AOF_FOUND && load_all(s, why));
    aof_load_end(a);
    return ok && aof_start(a, why);
}

void
persist_aof_ready(struct server *s)
{
    s->aof->loading = false;
    /* It may have been set while the dataset was loaded. */
    if (config_on(s->config, CFG_APPENDONLY))
        aof_switch_on(s->aof->aof);
    else
        aof_switch_off(s->aof->aof);
}

/* -- the turn -------------------------------------------------------------------------------------------------- */

void
persist_aof_renew(struct server *s)
{
    if (!s->aof->loading && aof_is_on(s->aof->aof))
        aof_rewrite_soon(s->aof->aof);
}

void
persist_aof_reload_soon(struct server *s)
{
    s->aof->reload = true;
}

static void
reload(struct server *s)
{
    struct buf why = {0};

    s->aof->reload = false;
    if (persist_saving(s->persist)) {
        (void)persist_cancel(s->persist);
        s->aof->reload = true; /* when that is over */
        return;
    }
    repl_mute(s->repl, true);
    if (!aof_reload(s->aof->aof, &why))
        log_warning("DEBUG LOADAOF failed: %.*s", (int)why.len, why.ptr);
    repl_mute(s->repl, false);
    buf_fini(&why);
}

static int64_t
rewrite_turn(struct server *s, bool busy)
{
    struct aof *a = s->aof->aof;
    const struct snapshot *walked = aof_snapshot(a);
    bool before = aof_rewriting(a);
    int64_t slice = walked != NULL ? pace_slice(&s->pace, &s->clock, walked, busy) : 0;
    int64_t in = aof_turn(a, slice, !persist_saving(s->persist));

    if (slice > 0)
        pace_walked(&s->pace, &s->clock);
    if (aof_rewriting(a) && !before)
        pace_begin(&s->pace, &s->clock);
    else if (before && !aof_rewriting(a))
        pace_end(&s->pace);
    return in;
}

int64_t
persist_aof_turn(struct server *s, bool busy)
{
    struct aof *a = s->aof->aof;

    if (s->aof->loading)
        return -1;
    if (UNLIKELY(s->aof->reload))
        reload(s);
    int64_t turn_in = rewrite_turn(s, busy);
    int64_t due_in = aof_due_ms(a);
    return turn_in < 0 || (due_in >= 0 && due_in < turn_in) ? due_in : turn_in;
}

/* Closes what waits for a reply: nobody can say any more which of them are for writes that are not safe. */
static void
refuse_replies(struct server *s)
{
    struct session *next;

    for (struct session *session = session_first(s->engine); session != NULL; session = next) {
        next = session_next(session);
        if (session_host_data(session) != NULL && out_pending(session_out(session)) > 0)
            server_drop(s, session, "its writes could not be made durable");
    }
}

bool
persist_aof_safe(struct server *s)
{
    return s->aof->loading || !aof_is_on(s->aof->aof) || aof_flush(s->aof->aof);
}

void
persist_aof_flush(struct server *s)
{
    struct aof *a = s->aof->aof;
    struct buf text = {0};

    if (s->aof->loading || (!aof_is_on(a) && s->misconf[MISCONF_LOG].len == 0))
        return;
    if (aof_flush(a)) {
        if (UNLIKELY(s->misconf[MISCONF_LOG].len > 0)) {
            log_warning("The append-only file can be written again");
            server_misconf(s, MISCONF_LOG, LIT(""));
        }
        return;
    }
    if (s->misconf[MISCONF_LOG].len == 0 && aof_settings(a)->fsync == AOF_FSYNC_ALWAYS)
        refuse_replies(s);
    buf_printf(&text, "MISCONF Errors writing to the AOF file: %s", strerror(-aof_error(a)));
    server_misconf(s, MISCONF_LOG, buf_slice(&text));
    buf_fini(&text);
}

/* -- for replication ------------------------------------------------------------------------------------------- */

void
persist_aof_suspend(struct server *s)
{
    aof_switch_off(s->aof->aof);
}

void
persist_aof_resume(struct server *s)
{
    if (!s->aof->loading && config_on(s->config, CFG_APPENDONLY))
        aof_switch_on(s->aof->aof);
}

bool
persist_aof_synced(struct server *s, uint64_t *position, bool now)
{
    struct server_aof *sa = s->aof;

    if (sa->loading || !aof_is_on(sa->aof))
        return false;
    if (now)
        (void)aof_sync(sa->aof);
    if (aof_all_synced(sa->aof)) {
        sa->synced_position = repl_position(s->repl);
        sa->mark_set = false;
    } else if (!sa->mark_set) {
        sa->mark_set = true;
        sa->mark = aof_log_mark(sa->aof);
        sa->mark_position = repl_position(s->repl);
    } else if (aof_log_mark_synced(sa->aof, &sa->mark)) {
        sa->synced_position = sa->mark_position;
        sa->mark_set = false;
    }
    *position = sa->synced_position;
    return true;
}

/* -- INFO ------------------------------------------------------------------------------------------------------ */

static long long
seconds(int64_t ms)
{
    return ms < 0 ? -1 : (long long)(ms / 1000);
}

size_t
persist_aof_buffered(const struct server *s)
{
    return aof_info(s->aof->aof).pending;
}

void
persist_aof_info(const struct server *s, struct buf *out)
{
    struct aof_info i = aof_info(s->aof->aof);

    info_field(out, "aof_enabled", "%d", i.on);
    info_field(out, "aof_rewrite_in_progress", "%d", i.rewriting);
    info_field(out, "aof_rewrite_scheduled", "%d", i.rewrite_waits);
    info_field(out, "aof_last_rewrite_time_sec", "%lld", seconds(i.last_rewrite_ms));
    info_field(out, "aof_current_rewrite_time_sec", "%lld", seconds(i.current_rewrite_ms));
    info_field(out, "aof_last_bgrewrite_status", "%s", i.last_rewrite_ok ? "ok" : "err");
    info_field(out, "aof_rewrites", "%llu", (unsigned long long)i.rewrites);
    info_field(out, "aof_rewrites_consecutive_failures", "%llu", (unsigned long long)i.failures_in_a_row);
    info_field(out, "aof_last_write_status", "%s", i.write_ok ? "ok" : "err");
    info_field(out, "aof_last_cow_size", "%llu", (unsigned long long)i.cow_bytes);
    info_field(out, "module_fork_in_progress", "0");
    info_field(out, "module_fork_last_cow_size", "0");
    if (!i.on)
        return;
    info_field(out, "aof_current_size", "%llu", (unsigned long long)i.current_size);
    info_field(out, "aof_base_size", "%llu", (unsigned long long)i.base_size);
    info_field(out, "aof_pending_rewrite", "%d", i.rewrite_waits);
    info_field(out, "aof_buffer_length", "%zu", i.pending);
    info_field(out, "aof_pending_bio_fsync", "%d", i.syncing);
    info_field(out, "aof_delayed_fsync", "%llu", (unsigned long long)i.delayed);
}

/* -- BGREWRITEAOF ---------------------------------------------------------------------------------------------- */

/* It begins with the next turn, between two commands: what a transaction has changed before this one is not in the log
 * yet, and must not be in the snapshot as well. */
static enum rc
cmd_bgrewriteaof(struct exec *x)
{
    struct server *s = engine_host_of(x->engine)->ctx;

    if (persist_aof_rewriting(s))
        return fail(x, "ERR Background append only file rewriting already in progress");
    aof_rewrite_soon(s->aof->aof);
    return reply_simple(x, persist_saving(s->persist) ? LIT("Background append only file rewriting scheduled")
                                                      : LIT("Background append only file rewriting started"));
}

const struct cmd cmd_persist_aof_family[] = {
    {"bgrewriteaof", cmd_bgrewriteaof, .arity = 1, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NO_ASYNC_LOADING | CMD_NOSCRIPT, .since = "1.0.0", .reply = "simple",
     .about = "Rewrites the append-only file in the background, so that it holds no more than the dataset.",
     .complexity = "O(1)"},
    {0},
};
