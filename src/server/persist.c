/* server/persist.c - see persist.h. */
#include "server/persist.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/version.h"
#include "engine/dispatch.h"
#include "engine/effects.h"
#include "engine/keyspace.h"
#include "engine/session.h"
#include "script/script.h"
#include "server/info.h"
#include "server/persist_aof.h"
#include "server/replication.h"
#include "server/supervise.h"
#include "store/rdb_load.h"
#include "store/snapshot.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOAD_SLICE_BYTES = 2 << 20,
    RETRY_S = 5, /* after a failure */
    SAVE_POINTS_MAX = 64,
    STILL_SLICE_NS = 100000000,
    LOOK_AGAIN_MS = 2,
};

struct persist {
    struct server *server;
    struct disk disk;
    struct buf libraries; /* of functions, found while loading */
    struct rdb_file *file;
    struct snapshot *snapshot;
    bool walking; /* the snapshot still needs slices; else only the file is being completed */
    bool cancelled, scheduled, failed;
    bool streams; /* the snapshot goes to replicas */
    int64_t begun_ms, last_try_ms, last_save_ms, last_took_ms;
    uint64_t changes_saved; /* engine_changes() at the last save */
    uint64_t changes_begun; /* at the moment of the running snapshot */
    uint64_t saves, last_early_bytes;
    bool loading;
    int64_t load_begun_ms, load_log_ms;
    int64_t load_told_ns; /* systemd; 0: never */
    uint64_t load_total, load_done, keys_loaded, keys_expired;
};

struct persist *
persist_new(struct server *s)
{
    struct persist *p = mem_get_zero(sizeof(*p));

    p->server = s;
    p->disk = disk_system();
    p->last_save_ms = engine_now_ms(s->engine);
    p->last_took_ms = -1;
    return p;
}

static void
end_snapshot(struct persist *p, bool ok)
{
    bool streamed = p->streams;

    if (!persist_aof_rewriting(p->server)) /* SAVE does not wait for one */
        pace_end(&p->server->pace);
    /* The marks of a walk that is not over must go, or the next snapshot would leave out what bears them. */
    if (p->snapshot != NULL && p->walking) {
        snapshot_give_up(p->snapshot);
        while (!snapshot_step(p->snapshot, STILL_SLICE_NS)) {
        }
    }
    snapshot_free(p->snapshot);
    rdb_file_free(p->file);
    p->snapshot = NULL;
    p->file = NULL;
    p->walking = p->cancelled = p->streams = false;
    if (streamed)
        repl_snapshot_done(p->server->repl, ok);
}

void
persist_free(struct persist *p)
{
    if (p == NULL)
        return;
    end_snapshot(p, false);
    buf_fini(&p->libraries);
    mem_free(p);
}

void
persist_load_progress(struct persist *p, bool loading, uint64_t done, uint64_t total)
{
    int64_t now = engine_now_ms(p->server->engine);

    if (loading && !p->loading)
        p->load_begun_ms = p->load_log_ms = now;
    p->loading = loading;
    p->load_done = done;
    p->load_total = total;
    if (loading && now - p->load_log_ms >= 1000) {
        p->load_log_ms = now;
        log_notice("Loading: %.1f%% of %llu bytes", total == 0 ? 100.0 : 100.0 * (double)done / (double)total,
                   (unsigned long long)total);
    }
    if (!loading)
        p->changes_saved = engine_changes(p->server->engine);
}

void
persist_load_tell(struct persist *p)
{
    enum { TELL_EVERY_NS = 1000000000 };
    int64_t now_ns = clock_mono_ns(&p->server->clock);
    struct buf lines = {0};

    if (p->server->ready || !supervise_wanted(p->server->config) ||
        (p->load_told_ns != 0 && now_ns - p->load_told_ns < TELL_EVERY_NS))
        return;
    p->load_told_ns = now_ns;
    buf_printf(&lines, "STATUS=Loading the data set, %llu %%\nEXTEND_TIMEOUT_USEC=60000000",
               (unsigned long long)(p->load_total > 0 ? p->load_done * 100 / p->load_total : 0));
    buf_add_char(&lines, '\0');
    supervise_tell(p->server->config, lines.ptr);
    buf_fini(&lines);
}

bool
persist_loading(const struct persist *p)
{
    return p->loading;
}

bool
persist_saving(const struct persist *p)
{
    return p->snapshot != NULL;
}

void
persist_schedule(struct persist *p)
{
    p->scheduled = true;
}

int64_t
persist_last_save_s(const struct persist *p)
{
    return p->last_save_ms / 1000;
}

static const char *
file_name(const struct persist *p)
{
    return config_text(p->server->config, CFG_DBFILENAME).ptr;
}

/* Where a file of that name belongs now: `dir` may be another by the time that it is complete. */
static const char *
path_of(const struct persist *p, struct buf *to, const char *name)
{
    buf_printf(to, "%s/%s", config_text(p->server->config, CFG_DIR).ptr, name);
    buf_add_char(to, '\0');
    return to->ptr;
}

/* -- how it went ----------------------------------------------------------------------------------------------- */

/* Only one that was made in the background stops writes: who asks for SAVE is told. */
static void
note_failure(struct persist *p, bool background, struct slice why)
{
    p->failed = p->failed || background;
    log_warning("Saving the dataset failed: %.*s", (int)why.len, why.ptr);
}

static void
note_success(struct persist *p, uint64_t changes)
{
    int64_t now = engine_now_ms(p->server->engine);

    p->failed = false;
    p->saves++;
    p->changes_saved = changes;
    p->last_save_ms = now;
}

void
persist_judge(struct persist *p)
{
    struct server *s = p->server;
    struct save_point any;
    bool stop = p->failed && config_on(s->config, CFG_STOP_WRITES_ON_BGSAVE_ERROR) &&
                config_save_points(s->config, &any, 1) > 0;

    server_misconf(
        s, MISCONF_SNAPSHOT,
        stop ? LIT("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
                   "Commands that may modify the data set are disabled, because this instance is configured to "
                   "report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). "
                   "Please check the Redis logs for details about the RDB error.")
             : LIT(""));
}

/* -- saving ---------------------------------------------------------------------------------------------------- */

/* Where the dataset is in the history that replicas follow. */
static void
put_history(struct persist *p, struct buf *records)
{
    struct repl_history h;
    struct rdb_chunk c = {0};

    if (!repl_history_now(p->server->repl, &h))
        return;
    rdb_put_aux_int(&c, LIT("repl-stream-db"), h.db);
    rdb_put_aux(&c, LIT("repl-id"), slice_cstr(h.id));
    rdb_put_aux_int(&c, LIT("repl-offset"), h.offset);
    if (h.before[0] != '\0') {
        rdb_put_aux(&c, LIT("sorrel-repl-before"), slice_cstr(h.before));
        rdb_put_aux_int(&c, LIT("sorrel-repl-before-offset"), h.before_offset);
    }
    struct rdb_packer packer = {.compress = false};
    rdb_pack(&packer, &c, records);
    rdb_chunk_fini(&c);
}

static bool
begin(struct persist *p, bool still, const struct disk *to, struct buf *why)
{
    const struct config *c = p->server->config;
    struct buf temp = {0}, path = {0};
    char temp_name[32];

    engine_settle(p->server->engine);
    (void)snprintf(temp_name, sizeof(temp_name), "temp-%d.rdb", (int)getpid());
    struct rdb_file_options fo = {
        .disk = to,
        .temp = path_of(p, &temp, temp_name),
        .name = path_of(p, &path, file_name(p)),
        .compress = config_on(c, CFG_RDBCOMPRESSION),
        .checksum = config_on(c, CFG_RDBCHECKSUM),
        .sync_often = config_on(c, CFG_RDB_SAVE_INCREMENTAL_FSYNC),
        .threaded = !still,
        .cores = config_text(c, CFG_BGSAVE_CPULIST),
    };
    struct buf libraries = {0};
    put_history(p, &libraries);
    script_save_libraries(p->server->engine, &libraries);
    struct snapshot_options so = {.still = still, .version = SORREL_REDIS_VERSION, .records = buf_slice(&libraries)};
    p->last_try_ms = p->begun_ms = engine_now_ms(p->server->engine);
    p->file = rdb_file_new(&fo, why);
    buf_fini(&temp);
    buf_fini(&path);
    if (p->file != NULL) {
        p->changes_begun = engine_changes(p->server->engine);
        p->snapshot = snapshot_begin(p->server->engine, p->file, &so);
    }
    buf_fini(&libraries);
    if (p->file == NULL)
        return false;
    p->walking = true;
    if (!still)
        pace_begin(&p->server->pace, &p->server->clock);
    return true;
}

bool
persist_save(struct persist *p, struct buf *why)
{
    int64_t from = clock_mono_ns(&p->server->clock);
    bool ok = begin(p, true, &p->disk, why);

    if (ok) {
        while (!snapshot_step(p->snapshot, STILL_SLICE_NS)) {
        }
        ok = rdb_file_wait(p->file) == RDB_FILE_DONE;
        if (!ok)
            buf_add_slice(why, rdb_file_why(p->file));
        end_snapshot(p, ok);
    }
    if (ok) {
        note_success(p, p->changes_begun);
        log_notice("DB saved on disk: %.3f seconds", (double)(clock_mono_ns(&p->server->clock) - from) / 1e9);
    } else {
        note_failure(p, false, buf_slice(why));
    }
    persist_judge(p);
    return ok;
}

bool
persist_background_save(struct persist *p, struct buf *why)
{
    if (!begin(p, false, &p->disk, why)) {
        note_failure(p, true, buf_slice(why));
        persist_judge(p);
        return false;
    }
    p->scheduled = false;
    log_notice("Background saving started");
    return true;
}

bool
persist_stream(struct persist *p, const struct disk *to, struct buf *why)
{
    if (!begin(p, false, to, why))
        return false;
    p->streams = true;
    return true;
}

void
persist_stream_cancel(struct persist *p)
{
    if (p->streams)
        end_snapshot(p, false);
}

static void
complete(struct persist *p, enum rdb_file_state state)
{
    if (p->streams) {
        end_snapshot(p, state == RDB_FILE_DONE && !p->cancelled);
        return;
    }
    p->last_took_ms = engine_now_ms(p->server->engine) - p->begun_ms;
    p->last_early_bytes = snapshot_early_bytes(p->snapshot);
    if (state == RDB_FILE_DONE) { /* if it was cancelled, that was too late */
        note_success(p, p->changes_begun);
        log_notice("Background saving terminated with success: %llu keys, %llu bytes, %.3f seconds; %llu bytes of old "
                   "states, longest turn %.3f ms",
                   (unsigned long long)snapshot_keys_done(p->snapshot), (unsigned long long)rdb_file_written(p->file),
                   (double)p->last_took_ms / 1000, (unsigned long long)p->last_early_bytes,
                   (double)p->server->pace.longest_ns / 1e6);
    } else if (p->cancelled) {
        log_notice("Background saving cancelled");
    } else {
        note_failure(p, true, rdb_file_why(p->file));
    }
    end_snapshot(p, true);
    persist_judge(p);
}

static int64_t
walk(struct persist *p, bool busy)
{
    struct server *s = p->server;
    int64_t slice = pace_slice(&s->pace, &s->clock, p->snapshot, busy);
    uint64_t before = snapshot_keys_done(p->snapshot);

    if (slice == 0)
        return 1;
    p->walking = !snapshot_step(p->snapshot, slice);
    pace_walked(&s->pace, &s->clock);
    /* Without progress the file's thread has enough to do: there is no point in asking again at once. */
    return p->walking && snapshot_keys_done(p->snapshot) == before ? LOOK_AGAIN_MS : 0;
}

int64_t
persist_turn(struct persist *p, bool busy)
{
    if (p->snapshot == NULL)
        return -1;
    enum rdb_file_state state = rdb_file_state(p->file);
    if (state == RDB_FILE_FAILED || rdb_file_is_given_up(p->file))
        snapshot_give_up(p->snapshot);
    if (p->walking)
        return walk(p, busy);
    if (state == RDB_FILE_WRITING)
        return LOOK_AGAIN_MS;
    complete(p, state);
    return -1;
}

bool
persist_cancel(struct persist *p)
{
    bool any = p->snapshot != NULL || p->scheduled;

    p->scheduled = false;
    if (p->snapshot != NULL) {
        p->cancelled = true;
        rdb_file_give_up(p->file, "cancelled");
    }
    return any;
}

void
persist_flushed(struct persist *p)
{
    struct save_point any;

    if (config_save_points(p->server->config, &any, 1) == 0)
        return;
    if (!p->streams)
        (void)persist_cancel(p);
    persist_schedule(p);
}

void
persist_cron(struct persist *p)
{
    struct server *s = p->server;
    struct save_point points[SAVE_POINTS_MAX];
    size_t n = config_save_points(s->config, points, SAVE_POINTS_MAX);
    int64_t now = engine_now_ms(s->engine);
    uint64_t changes = engine_changes(s->engine) - p->changes_saved;
    bool due = p->scheduled, waits = p->failed && now - p->last_try_ms < RETRY_S * 1000;

    persist_judge(p);
    if (p->snapshot != NULL || p->loading || persist_aof_rewriting(s))
        return;
    for (size_t i = 0; i < n && i < SAVE_POINTS_MAX && !due; i++) {
        due = changes >= (uint64_t)points[i].changes && changes > 0 &&
              now - p->last_save_ms > points[i].seconds * 1000 && !waits;
        if (due)
            log_notice("%lld changes in %lld seconds. Saving...", (long long)points[i].changes,
                       (long long)points[i].seconds);
    }
    if (due) {
        struct buf why = {0};
        (void)persist_background_save(p, &why);
        p->scheduled = false;
        buf_fini(&why);
    }
}

bool
persist_shutdown(struct persist *p, unsigned flags)
{
    struct save_point any;
    bool wanted =
        (flags & SHUTDOWN_SAVE) || (!(flags & SHUTDOWN_NOSAVE) && config_save_points(p->server->config, &any, 1) > 0);
    struct buf why = {0};

    if (!p->loading && persist_aof_incomplete(p->server)) {
        bool force = (flags & SHUTDOWN_FORCE) != 0;
        log_warning("The append-only file does not hold the dataset yet: %s",
                    force ? "ending all the same" : "can't exit");
        if (!force)
            return false;
    }
    if (p->snapshot != NULL) {
        log_warning("There is a snapshot in the making. Stopping it.");
        end_snapshot(p, false);
    }
    if (!wanted || p->loading)
        return true;
    log_notice("Saving the final RDB snapshot before exiting.");
    persist_aof_cancel(p->server);
    bool ok = persist_save(p, &why);
    if (!ok && !(flags & SHUTDOWN_FORCE))
        log_warning("Error trying to save the DB, can't exit.");
    buf_fini(&why);
    return ok || (flags & SHUTDOWN_FORCE) != 0;
}

/* -- loading --------------------------------------------------------------------------------------------------- */

static void
load_report(struct persist *p, const struct rdb_load *l)
{
    int64_t now = engine_now_ms(p->server->engine);

    p->load_done = rdb_load_done(l);
    p->keys_loaded = rdb_load_into(l)->loaded;
    p->keys_expired = rdb_load_into(l)->expired;
    if (now - p->load_log_ms < 1000)
        return;
    p->load_log_ms = now;
    log_notice("Loading: %.1f%% of %llu bytes, %llu keys",
               p->load_total == 0 ? 100.0 : 100.0 * (double)p->load_done / (double)p->load_total,
               (unsigned long long)p->load_total, (unsigned long long)p->keys_loaded);
}

/* Libraries wait until the engine may run commands again; each is its length and its code. */
bool
persist_keep_library(void *ctx, struct slice code, struct buf *why)
{
    struct persist *p = ctx;
    size_t len = code.len;

    (void)why;
    buf_add(&p->libraries, &len, sizeof(len));
    buf_add_slice(&p->libraries, code);
    return true;
}

/* The next of them, from *at, which moves behind it. */
static bool
next_library(const struct persist *p, size_t *at, struct slice *code)
{
    size_t len;

    if (*at == p->libraries.len)
        return false;
    memcpy(&len, p->libraries.ptr + *at, sizeof(len));
    *code = slice_of(p->libraries.ptr + *at + sizeof(len), len);
    *at += sizeof(len) + len;
    return true;
}

bool
persist_load_libraries(struct persist *p, struct buf *why)
{
    struct engine *e = p->server->engine;
    struct session *s = engine_session_open(e, NULL, LIT(""), LIT(""));
    struct slice code;
    size_t at = 0;
    bool ok = true;

    session_set_flag(s, SESSION_INTERNAL, true);
    session_set_authenticated(s, true);
    while (ok && next_library(p, &at, &code)) {
        struct out *o = session_out(s);
        engine_run(e, s, (const struct slice[]){LIT("FUNCTION"), LIT("LOAD"), LIT("REPLACE"), code}, 4);
        struct slice reply = slice_of(o->bytes.ptr + o->sent, o->bytes.len - o->sent);
        ok = reply.len > 0 && reply.ptr[0] != '-';
        if (!ok)
            buf_printf(why, "a library of functions can't be loaded: %.*s", (int)reply.len, reply.ptr);
        out_sent(o, out_pending(o));
    }
    engine_session_close(s);
    buf_fini(&p->libraries);
    return ok;
}

static bool
load_all(struct persist *p, struct rdb_load *l, struct buf *why)
{
    struct server *s = p->server;
    enum rdb_progress progress;

    p->load_total = rdb_load_total(l);
    p->load_begun_ms = p->load_log_ms = engine_now_ms(s->engine);
    p->loading = true;
    engine_set_condition(s->engine, COND_LOADING, true);
    do {
        progress = rdb_load_step(l, LOAD_SLICE_BYTES, why);
        server_turn(s);
        load_report(p, l);
    } while (progress == RDB_WANTS_MORE && !s->stopping);
    engine_set_condition(s->engine, COND_LOADING, false);
    p->loading = false;
    return s->stopping || (progress == RDB_COMPLETE && persist_load_libraries(p, why));
}

/* temp-PID.rdb or temp-sync-PID.rdb of a process that is no more: it was killed before the file got its name. A process
 * of our own number was an earlier one, in a container, say. */
static void
remove_unfinished(void *arg, const char *name)
{
    struct persist *p = arg;
    struct slice rest = slice_cstr(name);
    int64_t pid;

    if (!slice_starts(rest, LIT("temp-")))
        return;
    rest = slice_skip(rest, 5);
    if (slice_starts(rest, LIT("sync-")))
        rest = slice_skip(rest, 5);
    if (rest.len < 5 || !slice_eq(slice_skip(rest, rest.len - 4), LIT(".rdb")) ||
        !parse_int64(slice_of(rest.ptr, rest.len - 4), &pid) || pid <= 0 || pid > INT32_MAX)
        return;
    if ((pid_t)pid != getpid() && (kill((pid_t)pid, 0) == 0 || errno != ESRCH))
        return;
    log_notice("Removing %s, which was never completed", name);
    (void)p->disk.unlink(p->disk.ctx, name);
}

void
persist_tidy(struct persist *p)
{
    (void)p->disk.list(p->disk.ctx, ".", remove_unfinished, p);
}

bool
persist_load(struct persist *p, struct buf *why)
{
    struct server *s = p->server;
    struct repl_history history = {.offset = -1};
    struct rdb_load_options lo = {.disk = &p->disk,
                                  .function = persist_keep_library,
                                  .aux = server_history_aux,
                                  .aux_ctx = &history,
                                  .flags = config_text(s->config, CFG_REPLICAOF).len > 0 ? RDB_KEEP_EXPIRED : 0,
                                  .function_ctx = p,
                                  .path = file_name(p),
                                  .checksum = config_on(s->config, CFG_RDBCHECKSUM)};
    int error = 0;
    int64_t from = clock_mono_ns(&s->clock);
    struct rdb_load *l = rdb_load_open(s->engine, &lo, &error, why);

    if (l == NULL) {
        if (error == -ENOENT)
            buf_fini(why); /* no file is no failure */
        return error == -ENOENT;
    }
    log_notice("Loading the dataset from %s, %llu bytes", lo.path, (unsigned long long)rdb_load_total(l));
    bool ok = load_all(p, l, why);
    if (ok && !s->stopping) {
        log_notice("DB loaded from disk: %.3f seconds, %llu keys, %llu expired ones left out",
                   (double)(clock_mono_ns(&s->clock) - from) / 1e9, (unsigned long long)p->keys_loaded,
                   (unsigned long long)p->keys_expired);
        p->changes_saved = engine_changes(s->engine);
        repl_history_loaded(s->repl, &history);
    }
    rdb_load_free(l);
    return ok;
}

/* The same inside of a command. */
static bool
load_libraries_in(struct persist *p, struct exec *x, struct buf *why)
{
    struct slice code;
    size_t at = 0;
    bool ok = true;

    while (ok && next_library(p, &at, &code)) {
        ok = script_load_library(x, code) == RC_OK;
        if (!ok)
            buf_printf(why, "a library of functions can't be loaded: %.*s", (int)x->error.len, x->error.ptr);
    }
    return ok;
}

bool
persist_reload(struct persist *p, struct exec *x, unsigned flags, struct buf *why)
{
    struct engine *e = p->server->engine;
    struct rdb_load_options lo = {.disk = &p->disk,
                                  .path = file_name(p),
                                  .checksum = true,
                                  .function = persist_keep_library,
                                  .function_ctx = p,
                                  .flags = flags & RELOAD_MERGE ? RDB_MERGE : 0};
    enum rdb_progress progress = RDB_WANTS_MORE;
    int error;

    if (p->snapshot != NULL)
        end_snapshot(p, false);
    persist_aof_cancel(p->server);
    if (!(flags & RELOAD_NOSAVE) && !persist_save(p, why))
        return false;
    engine_unpin(e);
    if (!(flags & RELOAD_NOFLUSH)) {
        for (int i = 0; i < engine_db_count(e); i++)
            keyspace_discard(e, engine_db(e, i));
        script_drop_libraries(e);
    }
    struct rdb_load *l = rdb_load_open(e, &lo, &error, why);
    while (l != NULL && progress == RDB_WANTS_MORE)
        progress = rdb_load_step(l, LOAD_SLICE_BYTES, why);
    rdb_load_free(l);
    bool ok = progress == RDB_COMPLETE && load_libraries_in(p, x, why);
    buf_fini(&p->libraries);
    /* The log does not tell of what has been loaded from elsewhere. */
    if (flags != 0)
        persist_aof_renew(p->server);
    if (!ok)
        log_warning("Loading %s failed: %.*s", lo.path, (int)why->len, why->ptr);
    return ok;
}

/* -- INFO ------------------------------------------------------------------------------------------------------ */

static void
loading_info(struct persist *p, struct buf *out)
{
    int64_t took = (engine_now_ms(p->server->engine) - p->load_begun_ms) / 1000;
    uint64_t rest = p->load_total - p->load_done;
    int64_t eta = p->load_done > 0 ? (int64_t)((double)took * (double)rest / (double)p->load_done) : 1;

    info_field(out, "loading_start_time", "%lld", (long long)(p->load_begun_ms / 1000));
    info_field(out, "loading_total_bytes", "%llu", (unsigned long long)p->load_total);
    info_field(out, "loading_rdb_used_mem", "%llu", 0ull);
    info_field(out, "loading_loaded_bytes", "%llu", (unsigned long long)p->load_done);
    info_field(out, "loading_loaded_perc", "%.2f",
               p->load_total == 0 ? 100.0 : 100.0 * (double)p->load_done / (double)p->load_total);
    info_field(out, "loading_eta_seconds", "%lld", (long long)eta);
}

void
persist_info(struct persist *p, struct buf *out)
{
    struct server *s = p->server;
    bool saving = p->snapshot != NULL;
    uint64_t early = saving ? snapshot_early_bytes(p->snapshot) : 0;
    int64_t since = saving ? (engine_now_ms(s->engine) - p->begun_ms) / 1000 : -1;

    info_field(out, "loading", "%d", p->loading);
    info_field(out, "async_loading", "0");
    info_field(out, "current_cow_peak", "%llu", (unsigned long long)early);
    info_field(out, "current_cow_size", "%llu", (unsigned long long)early);
    info_field(out, "current_cow_size_age", "0");
    info_field(out, "current_fork_perc", "%.2f",
               saving && snapshot_keys_total(p->snapshot) > 0
                   ? 100.0 * (double)snapshot_keys_done(p->snapshot) / (double)snapshot_keys_total(p->snapshot)
                   : 0.0);
    info_field(out, "current_save_keys_processed", "%llu",
               (unsigned long long)(saving ? snapshot_keys_done(p->snapshot) : 0));
    info_field(out, "current_save_keys_total", "%llu",
               (unsigned long long)(saving ? snapshot_keys_total(p->snapshot) : 0));
    info_field(out, "rdb_changes_since_last_save", "%llu",
               (unsigned long long)(engine_changes(s->engine) - p->changes_saved));
    info_field(out, "rdb_bgsave_in_progress", "%d", saving);
    info_field(out, "rdb_last_save_time", "%lld", (long long)(p->last_save_ms / 1000));
    info_field(out, "rdb_last_bgsave_status", "%s", p->failed ? "err" : "ok");
    info_field(out, "rdb_last_bgsave_time_sec", "%lld", (long long)(p->last_took_ms < 0 ? -1 : p->last_took_ms / 1000));
    info_field(out, "rdb_current_bgsave_time_sec", "%lld", (long long)since);
    info_field(out, "rdb_saves", "%llu", (unsigned long long)p->saves);
    info_field(out, "rdb_last_cow_size", "%llu", (unsigned long long)p->last_early_bytes);
    info_field(out, "snapshot_longest_turn_usec", "%lld", (long long)(s->pace.longest_ns / 1000));
    info_field(out, "snapshot_longest_turn_cpu_usec", "%lld", (long long)(s->pace.longest_cpu_ns / 1000));
    info_field(out, "rdb_last_load_keys_expired", "%llu", (unsigned long long)p->keys_expired);
    info_field(out, "rdb_last_load_keys_loaded", "%llu", (unsigned long long)p->keys_loaded);
    if (p->loading)
        loading_info(p, out);
}
