/* server/repl_load.c - taking in the dataset that a primary sends.
 *
 * By way of a file, so that what we have stays until all of it has come; directly, when we have nothing; or beside what
 * we have, into an engine of its own whose tables then take the place of ours. In each case it is known, before
 * anything is lost, whether what comes holds any key at all, and what it says about its history.
 */
#include "base/log.h"
#include "base/mem.h"
#include "engine/acl.h"
#include "engine/dispatch.h"
#include "engine/keyspace.h"
#include "engine/settings.h"
#include "server/persist.h"
#include "server/persist_aof.h"
#include "server/replication.h"
#include "store/chore.h"
#include "store/rdb_load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SLICE_BYTES = 2 << 20, FLUSH_BYTES = 8 << 20, ANNOUNCED_KEYS_MAX = 1 << 20, LOOK_BYTES_MAX = 64 << 20 };

enum way { WAY_FILE, WAY_DIRECT, WAY_ASIDE };

struct repl_loader {
    struct server *server;
    enum way way;
    bool refuse_empty, refuse_older, replacing, ended;
    uint64_t total, fed, hinted;
    struct repl_history history;
    struct rdb_handler handler; /* of `reader` */
    struct rdb_reader *reader;  /* the dataset; with a file: looks for the first key only */
    enum rdb_progress progress;
    bool any_key;
    struct rdb_into into;
    bool into_used;
    struct engine *aside;
    char temp[64], *name; /* what the file is called, and is going to be; NULL until all of it is there */
    int fd;               /* -1: none */
    struct chore sync;    /* of the file */
    int sync_error;       /* its result */
    struct rdb_load *load;
};

/* -- what we have goes ----------------------------------------------------------------------------------------- */

static bool
holds_keys(struct engine *e)
{
    for (int i = 0; i < engine_db_count(e); i++) {
        if (table_count(&engine_db(e, i)->by_key) > 0)
            return true;
    }
    return false;
}

/* With everything that hangs on it: watches, invalidations. Nobody is told to do the same: the log is off, and replicas
 * get what we get. */
static void
empty_all(struct engine *e)
{
    struct session *s = engine_session_open(e, NULL, LIT(""), LIT(""));

    session_set_flag(s, SESSION_INTERNAL, true);
    session_set_user(s, NULL);
    session_set_authenticated(s, true);
    engine_run(e, s, (const struct slice[]){LIT("FLUSHALL")}, 1);
    engine_run(e, s, (const struct slice[]){LIT("FUNCTION"), LIT("FLUSH")}, 2);
    out_sent(session_out(s), out_pending(session_out(s)));
    engine_session_close(s);
}

static void
begin_replacing(struct repl_loader *l)
{
    struct server *s = l->server;

    if (l->replacing)
        return;
    l->replacing = true;
    log_notice("MASTER <-> REPLICA sync: replacing the dataset");
    persist_aof_suspend(s);
    repl_history_lost(s->repl);
    empty_all(s->engine);
    if (l->way != WAY_ASIDE) {
        engine_set_condition(s->engine, COND_LOADING, true);
        persist_load_progress(s->persist, true, 0, l->total);
    }
}

/* -- beginning ------------------------------------------------------------------------------------------------- */

static bool
only_look(void *ctx, struct entry *e, const struct rdb_key *k, struct buf *why)
{
    struct repl_loader *l = ctx;

    (void)k;
    (void)why;
    entry_free(e);
    l->any_key = true;
    return false;
}

static void
look_at_aux(void *ctx, struct slice name, struct slice value)
{
    struct repl_loader *l = ctx;

    server_history_aux(&l->history, name, value);
}

static bool
begin_file(struct repl_loader *l, struct buf *why)
{
    const struct disk *d = &l->server->disk;
    struct rdb_handler look = {.key = only_look, .aux = look_at_aux, .ctx = l};

    snprintf(l->temp, sizeof(l->temp), "temp-sync-%d.rdb", (int)getpid());
    l->fd = d->open(d->ctx, l->temp, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (l->fd < 0) {
        buf_printf(why, "can't create %s: %s", l->temp, strerror(-l->fd));
        return false;
    }
    l->handler = look;
    l->reader = rdb_reader_new(&l->handler, &engine_settings(l->server->engine)->limits);
    return true;
}

static void
begin_reader(struct repl_loader *l)
{
    struct server *s = l->server;
    struct engine *to = s->engine;

    if (l->way == WAY_ASIDE) {
        static const struct cmd *const none[] = {NULL};
        struct engine_options eo = {.clock = s->clock,
                                    .rng_seed = 1,
                                    .hash_seed = engine_db(s->engine, 0)->by_key.seed,
                                    .databases = engine_db_count(s->engine),
                                    .families = none,
                                    .limits = engine_settings(s->engine)->limits};
        to = l->aside = engine_new(&eo);
        engine_settings(to)->lru_clock_lfu = engine_settings(s->engine)->lru_clock_lfu;
        engine_settings(to)->clock_adaptive = engine_settings(s->engine)->clock_adaptive;
    }
    rdb_into_init(&l->into, to, RDB_KEEP_EXPIRED);
    l->into.keys_max = ANNOUNCED_KEYS_MAX;
    l->into.function = persist_keep_library;
    l->into.function_ctx = s->persist;
    l->into.aux = server_history_aux;
    l->into.aux_ctx = &l->history;
    l->into_used = true;
    l->handler = rdb_into_handler(&l->into);
    l->reader = rdb_reader_new(&l->handler, &engine_settings(s->engine)->limits);
    rdb_reader_set_checksum(l->reader, config_on(s->config, CFG_RDBCHECKSUM));
}

bool
server_load_begin(void *ctx, const struct repl_load *how, struct buf *why)
{
    enum { DISABLED, ON_EMPTY_DB, SWAPDB };
    struct server *s = ctx;
    int64_t choice = config_num(s->config, CFG_REPL_DISKLESS_LOAD);
    bool have = holds_keys(s->engine);

    CHECK(s->repl_loader == NULL);
    struct repl_loader *l = mem_get_zero(sizeof(*l));
    *l = (struct repl_loader){.server = s,
                              .refuse_empty = how->refuse_empty,
                              .refuse_older = how->refuse_older,
                              .total = how->total,
                              .fd = -1};
    l->history.offset = -1;
    l->way = choice == SWAPDB && have ? WAY_ASIDE : choice != DISABLED && !have ? WAY_DIRECT : WAY_FILE;
    s->repl_loader = l;
    if (l->way == WAY_FILE) {
        if (!begin_file(l, why)) {
            server_load_end(s);
            return false;
        }
        return true;
    }
    begin_reader(l);
    if (l->way == WAY_DIRECT)
        begin_replacing(l);
    return true;
}

/* -- bytes ----------------------------------------------------------------------------------------------------- */

static bool
read_bytes(struct repl_loader *l, struct slice bytes, struct buf *why)
{
    char *room = rdb_reader_room(l->reader, bytes.len);

    if (room == NULL) {
        buf_printf(why, "there is not enough memory");
        return false;
    }
    memcpy(room, bytes.ptr, bytes.len);
    l->progress = rdb_reader_feed(l->reader, bytes.len);
    if (l->progress == RDB_DAMAGED && !l->any_key) {
        struct slice reason = rdb_reader_why(l->reader);
        buf_printf(why, "the dataset is damaged: %.*s", (int)reason.len, reason.ptr);
        return false;
    }
    return true;
}

static bool
write_bytes(struct repl_loader *l, struct slice bytes, struct buf *why)
{
    const struct disk *d = &l->server->disk;
    int r = disk_write_all(d, l->fd, bytes);

    if (r < 0) {
        buf_printf(why, "can't write %s: %s", l->temp, strerror(-r));
        return false;
    }
    if (l->fed - l->hinted > FLUSH_BYTES) {
        (void)d->flush_hint(d->ctx, l->fd, 0, (int64_t)l->fed);
        l->hinted = l->fed;
    }
    return true;
}

bool
server_load_feed(void *ctx, struct slice bytes, struct buf *why)
{
    struct server *s = ctx;
    struct repl_loader *l = s->repl_loader;

    l->fed += bytes.len;
    if (l->way != WAY_FILE)
        return read_bytes(l, bytes, why);
    if (!l->any_key && l->progress == RDB_WANTS_MORE) {
        if (!read_bytes(l, bytes, why))
            return false;
        /* A first value of any size is value enough: it need not be in memory to be seen. */
        l->any_key = l->any_key || l->fed > LOOK_BYTES_MAX;
    }
    return write_bytes(l, bytes, why);
}

/* -- the end --------------------------------------------------------------------------------------------------- */

static void
adopt(struct repl_loader *l)
{
    struct engine *e = l->server->engine;

    for (int i = 0; i < engine_db_count(e); i++)
        keyspace_exchange(e, engine_db(e, i), engine_db(l->aside, i));
}

static enum repl_loading
done(struct repl_loader *l, struct buf *why)
{
    struct server *s = l->server;

    engine_set_condition(s->engine, COND_LOADING, false);
    persist_load_progress(s->persist, false, l->fed, l->fed);
    if (!persist_load_libraries(s->persist, why))
        return REPL_LOAD_FAILED;
    repl_set_go_on_db(s->repl, (int)l->history.db);
    l->ended = true;
    return REPL_LOAD_DONE;
}

static bool
is_refused(const struct repl_loader *l, bool any_key, struct buf *why)
{
    bool empty = l->refuse_empty && !any_key;
    bool older = l->refuse_older && repl_history_is_older(l->server->repl, &l->history);

    if (empty || older)
        buf_printf(why, empty ? "empty" : "an older state of the same history");
    return empty || older;
}

static enum repl_loading
finish_reader(struct repl_loader *l, struct buf *why)
{
    if (l->progress != RDB_COMPLETE) {
        buf_printf(why, "the dataset is not complete");
        return REPL_LOAD_FAILED;
    }
    if (!rdb_into_flush(&l->into, why))
        return REPL_LOAD_FAILED;
    if (l->way == WAY_ASIDE) {
        if (is_refused(l, holds_keys(l->aside), why))
            return REPL_LOAD_REFUSED;
        begin_replacing(l);
        adopt(l);
    }
    return done(l, why);
}

/* What may take long of publishing the file, on a thread: nobody waits for it. */
static void
sync_file(void *arg)
{
    struct repl_loader *l = arg;
    const struct disk *d = &l->server->disk;

    l->sync_error = disk_sync_file(d, l->fd);
    disk_forget_file(d, l->name);
}

static bool
open_file(struct repl_loader *l, struct buf *why)
{
    struct server *s = l->server;
    int error, r = l->sync_error;

    if (r == 0) {
        int fd = l->fd;
        l->fd = -1;
        r = disk_publish_synced(&s->disk, fd, l->temp, l->name);
    }
    if (r < 0) {
        buf_printf(why, "can't complete %s: %s", l->name, strerror(-r));
        return false;
    }
    struct rdb_load_options lo = {.disk = &s->disk,
                                  .path = l->name,
                                  .checksum = config_on(s->config, CFG_RDBCHECKSUM),
                                  .flags = RDB_KEEP_EXPIRED,
                                  .function = persist_keep_library,
                                  .function_ctx = s->persist,
                                  .aux = server_history_aux,
                                  .aux_ctx = &l->history};
    l->load = rdb_load_open(s->engine, &lo, &error, why);
    return l->load != NULL;
}

static enum repl_loading
step_file(struct repl_loader *l, struct buf *why)
{
    struct server *s = l->server;

    if (l->load == NULL && l->name == NULL) {
        if (!l->any_key && l->progress != RDB_COMPLETE) {
            buf_printf(why, "the dataset is not complete");
            return REPL_LOAD_FAILED;
        }
        if (is_refused(l, l->any_key, why))
            return REPL_LOAD_REFUSED;
        l->name = mem_copy_text(config_text(s->config, CFG_DBFILENAME).ptr);
        chore_begin(&l->sync, true, config_text(s->config, CFG_BIO_CPULIST), sync_file, l);
    }
    if (l->load == NULL) {
        if (!chore_is_over(&l->sync))
            return REPL_LOAD_WAITS;
        if (!open_file(l, why))
            return REPL_LOAD_FAILED;
        begin_replacing(l);
        return REPL_LOAD_MORE;
    }
    enum rdb_progress p = rdb_load_step(l->load, SLICE_BYTES, why);
    persist_load_progress(s->persist, true, rdb_load_done(l->load), rdb_load_total(l->load));
    if (p == RDB_WANTS_MORE)
        return REPL_LOAD_MORE;
    if (p == RDB_DAMAGED)
        return REPL_LOAD_FAILED;
    struct save_point any;
    if (config_on(s->config, CFG_RDB_DEL_SYNC_FILES) && !config_on(s->config, CFG_APPENDONLY) &&
        config_save_points(s->config, &any, 1) == 0)
        (void)s->disk.unlink(s->disk.ctx, l->name);
    return done(l, why);
}

enum repl_loading
server_load_step(void *ctx, bool complete, struct buf *why)
{
    struct server *s = ctx;
    struct repl_loader *l = s->repl_loader;

    if (!complete) {
        if (l->way == WAY_DIRECT)
            persist_load_progress(s->persist, true, l->fed, l->total);
        return REPL_LOAD_MORE;
    }
    return l->way == WAY_FILE ? step_file(l, why) : finish_reader(l, why);
}

void
server_load_end(void *ctx)
{
    struct server *s = ctx;
    struct repl_loader *l = s->repl_loader;
    const struct disk *d = &s->disk;

    if (l == NULL)
        return;
    s->repl_loader = NULL;
    chore_wait(&l->sync);
    if (l->into_used)
        rdb_into_drop(&l->into);
    if (l->reader != NULL)
        rdb_reader_free(l->reader);
    rdb_load_free(l->load);
    if (l->fd >= 0) {
        (void)d->close(d->ctx, l->fd);
        (void)d->unlink(d->ctx, l->temp);
    }
    mem_free(l->name);
    engine_free(l->aside);
    if (l->replacing) {
        if (!l->ended) {
            /* Half a dataset is none. */
            engine_set_condition(s->engine, COND_LOADING, false);
            persist_load_progress(s->persist, false, 0, 0);
            empty_all(s->engine);
        }
        persist_aof_resume(s);
    }
    mem_free(l);
}
