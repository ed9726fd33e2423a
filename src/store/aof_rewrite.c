/* store/aof_rewrite.c - see aof.h: a new base, made while the log goes on. */
#include "store/aof_priv.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"

#include <errno.h>
#include <unistd.h>

enum { RETRY_MS = 1000, LOOK_AGAIN_MS = 2, GROWN_RETRY_MS = 60000, GROWN_RETRY_DOUBLED_MAX = 6 };

void
aof_rewrite_soon(struct aof *a)
{
    a->rewrite.waits = true;
    a->rewrite.retry_ms = 0;
}

bool
aof_rewriting(const struct aof *a)
{
    return a->rewrite.stage != REWRITE_NONE;
}

void
aof_rewrite_cancel(struct aof *a)
{
    if (!aof_rewriting(a))
        return;
    aof__rewrite_fini(a);
    a->rewrite.waits = a->on && (a->log == NULL || a->unpublished);
}

static void complete(struct aof *a);

/* One that was due only because the log has grown comes again after a minute, and each time after twice as long: every
 * attempt may fill the disk anew. */
static void
note_failure(struct aof *a, struct slice why)
{
    uint64_t doubled = a->rewrite.failures < GROWN_RETRY_DOUBLED_MAX ? a->rewrite.failures : GROWN_RETRY_DOUBLED_MAX;

    log_warning("Rewriting the append-only file failed: %.*s", (int)why.len, why.ptr);
    a->rewrite.failed = true;
    a->rewrite.failures++;
    a->rewrite.retry_ms = aof__now_ms(a) + RETRY_MS;
    a->rewrite.grown_retry_ms = aof__now_ms(a) + ((int64_t)GROWN_RETRY_MS << doubled);
}

static void
drop_files(struct aof *a)
{
    (void)aof_log_close(a->rewrite.fresh);
    rdb_file_free(a->rewrite.file);
    mem_free(a->rewrite.base);
    manifest_fini(&a->rewrite.next);
    buf_fini(&a->rewrite.why);
    a->rewrite.fresh = NULL;
    a->rewrite.file = NULL;
    a->rewrite.base = NULL;
    a->rewrite.walking = a->rewrite.given_up = false;
    a->rewrite.stage = REWRITE_NONE;
}

void
aof__rewrite_fini(struct aof *a)
{
    chore_wait(&a->rewrite.chore);
    if (a->rewrite.stage == REWRITE_PUBLISHING) { /* it is on the disk, or it has failed: that can't be taken back */
        complete(a);
        return;
    }
    /* The marks of the walk must go, or the next snapshot would leave out what bears them. */
    if (a->rewrite.walking) {
        snapshot_give_up(a->rewrite.snapshot);
        while (!snapshot_step(a->rewrite.snapshot, 100000000)) {
        }
    }
    snapshot_free(a->rewrite.snapshot);
    a->rewrite.snapshot = NULL;
    drop_files(a);
}

/* -- beginning ------------------------------------------------------------------------------------------------- */

/* What the disk says, for a log that is switched on while there may be files of an earlier one. */
static bool
know_manifest(struct aof *a, struct buf *why)
{
    struct buf path = {0};

    if (a->manifest_known)
        return true;
    manifest_fini(&a->manifest);
    int r = manifest_load(&a->manifest, a->disk, aof__manifest_path(a, &path), why);
    buf_fini(&path);
    if (r == -ENOENT) {
        buf_reset(why);
        aof__spare_files(a);
    }
    a->manifest_known = r == 0 || r == -ENOENT;
    return a->manifest_known;
}

static bool
open_base(struct aof *a, struct buf *why)
{
    struct buf temp = {0}, path = {0}, name = {0};

    /* A name is used once: a manifest that seemed to fail may be on the disk and name the base of that attempt. */
    a->rewrite.base_seq = ++a->manifest.base_seq;
    a->rewrite.commands = a->settings.commands;
    buf_printf(&name, "%s.%llu.base.%s", a->name, (unsigned long long)a->rewrite.base_seq,
               a->rewrite.commands ? "aof" : "rdb");
    buf_add_char(&name, '\0');
    buf_printf(&temp, "%s/temp-rewriteaof-bg-%d.aof", a->dir, (int)getpid());
    buf_add_char(&temp, '\0');
    struct rdb_file_options fo = {
        .disk = a->disk,
        .temp = temp.ptr,
        .name = aof__path(a, &path, name.ptr),
        .compress = a->settings.compress,
        .checksum = a->settings.checksum && !a->rewrite.commands,
        .plain = a->rewrite.commands,
        .sync_often = true,
        .threaded = a->threaded,
        .cores = a->rewrite_cores,
    };
    a->rewrite.file = rdb_file_new(&fo, why);
    a->rewrite.base = a->rewrite.file != NULL ? buf_take(&name, &(size_t){0}) : NULL;
    buf_fini(&name);
    buf_fini(&temp);
    buf_fini(&path);
    return a->rewrite.file != NULL;
}

/* The thread's part: the increment that is to be next, empty, and in the manifest unless the log is only being switched
 * on: what it follows is not on the disk yet then. */
static void
prepare(void *arg)
{
    struct aof *a = arg;
    struct buf name = {0};
    struct manifest *m = &a->rewrite.next;

    a->rewrite.fresh = aof__new_log(a, m->incr_seq + 1, &name, &a->rewrite.why);
    if (a->rewrite.fresh != NULL) {
        manifest_add(m, slice_cstr(name.ptr), m->incr_seq + 1, 'i');
        a->rewrite.error = a->log != NULL && !a->unpublished ? aof__store_manifest(a, m) : 0;
        /* If that failed the manifest may be there all the same; then it names a new file that is empty and stays
         * so. */
        if (a->rewrite.error < 0)
            buf_printf(&a->rewrite.why, "can't write the manifest: %s", strerror(-a->rewrite.error));
    }
    buf_fini(&name);
}

/* From here on commands go to the new increment. */
static bool
next_increment(struct aof *a, struct buf *why)
{
    bool publish = a->log != NULL && !a->unpublished;

    /* What comes before must be on the disk before what follows can be; a log that is suspect is replaced as a
     * whole. */
    if (publish && !aof_log_sync(a->log) && !aof_log_suspect(a->log)) {
        buf_printf(why, "the present file can't be synced: %s", strerror(-aof_log_error(a->log)));
        return false;
    }
    if (publish)
        a->older_bytes += aof_log_size(a->log);
    (void)aof_log_close(a->log);
    a->log = a->rewrite.fresh;
    a->rewrite.fresh = NULL;
    a->unpublished = !publish;
    a->rewrite.next.base_seq = a->manifest.base_seq;
    manifest_fini(&a->manifest);
    a->manifest = a->rewrite.next;
    a->rewrite.next = (struct manifest){0};
    aof__listen(a, true);
    return true;
}

/* The moment of the snapshot. */
static bool
start_walk(struct aof *a, struct buf *why)
{
    struct buf records = {0};

    engine_settle(a->engine);
    a->rewrite.old_incr = a->manifest.incr_seq;
    if (!open_base(a, why) || (a->rewrite.fresh != NULL && !next_increment(a, why)))
        return false;
    if (a->records != NULL)
        a->records(a->engine, &records);
    struct snapshot_options so = {.aof_base = true,
                                  .commands = a->rewrite.commands,
                                  .version = SORREL_REDIS_VERSION,
                                  .records = buf_slice(&records)};
    a->rewrite.snapshot = snapshot_begin(a->engine, a->rewrite.file, &so);
    buf_fini(&records);
    a->rewrite.walking = true;
    a->rewrite.sync_to = 0;
    a->rewrite.stage = REWRITE_WALKING;
    a->open_error = 0;
    log_notice("Background append only file rewriting started");
    return true;
}

static void
cannot_begin(struct aof *a, struct slice why)
{
    note_failure(a, why);
    drop_files(a);
    /* Asked for by hand, it is not repeated by itself; but a log that ought to be written is. */
    a->rewrite.waits = a->on && (a->log == NULL || a->unpublished || aof_log_suspect(a->log));
    if (a->on && a->log == NULL)
        a->open_error = -EIO;
}

static void
begin(struct aof *a)
{
    struct buf why = {0};

    a->rewrite.waits = false;
    a->rewrite.begun_ms = aof__now_ms(a);
    a->rewrite.error = a->rewrite.syncs = 0;
    a->rewrite.stage = REWRITE_PREPARING;
    if (!aof__make_dir(a, &why) || !know_manifest(a, &why)) {
        cannot_begin(a, buf_slice(&why));
    } else if (a->on) {
        manifest_copy(&a->rewrite.next, &a->manifest);
        chore_begin(&a->rewrite.chore, a->threaded, a->rewrite_cores, prepare, a);
    } else if (!start_walk(a, &why)) { /* with the log switched off there is only a base to be made */
        cannot_begin(a, buf_slice(&why));
    }
    buf_fini(&why);
}

/* The loop is going to wait for the sync of the present increment: the thread shall have left little of it to do. */
static bool
is_nearly_synced(struct aof *a)
{
    enum { LITTLE = 256 << 10, SYNCS_MAX = 8 };

    if (a->log == NULL || a->unpublished || aof_log_error(a->log) != 0)
        return true;
    if (aof_log_syncing(a->log))
        return false;
    if (aof_log_size(a->log) - aof_log_synced(a->log) <= LITTLE || a->rewrite.syncs >= SYNCS_MAX)
        return true;
    a->rewrite.syncs++;
    aof_log_sync_soon(a->log);
    return false;
}

static int64_t
prepare_turn(struct aof *a)
{
    struct buf why = {0};

    if (!chore_is_over(&a->rewrite.chore) || !is_nearly_synced(a))
        return LOOK_AGAIN_MS;
    if (a->rewrite.fresh == NULL || a->rewrite.error < 0)
        cannot_begin(a, buf_slice(&a->rewrite.why));
    else if (!start_walk(a, &why))
        cannot_begin(a, buf_slice(&why));
    buf_fini(&why);
    return 0;
}

/* -- completing ------------------------------------------------------------------------------------------------ */

/* The thread's part. */
static void
publish(void *arg)
{
    struct aof *a = arg;

    a->rewrite.error = aof__store_manifest(a, &a->rewrite.next);
    if (a->rewrite.error == 0 && a->rewrite.remove_history)
        aof__remove_history(a, &a->rewrite.next);
}

/* The new base and what has been written since are the log from here on. */
static void
published(struct aof *a)
{
    manifest_fini(&a->manifest);
    a->manifest = a->rewrite.next;
    a->rewrite.next = (struct manifest){0};
    a->unpublished = false;
    a->older_bytes = rdb_file_written(a->rewrite.file);
    a->base_size = a->older_bytes + (a->log != NULL ? aof_log_size(a->log) : 0);
    a->rewrite.done++;
    a->rewrite.failures = 0;
    a->rewrite.failed = false;
    log_notice("Background append only file rewriting finished: %llu keys, %llu bytes, %.3f seconds",
               (unsigned long long)snapshot_keys_done(a->rewrite.snapshot),
               (unsigned long long)rdb_file_written(a->rewrite.file), (double)a->rewrite.last_ms / 1000);
}

static void
end(struct aof *a, bool ok, struct slice why)
{
    a->rewrite.last_ms = aof__now_ms(a) - a->rewrite.begun_ms;
    a->rewrite.cow_bytes = snapshot_early_bytes(a->rewrite.snapshot);
    if (ok) {
        published(a);
    } else {
        note_failure(a, why);
        a->rewrite.waits = a->on && (a->unpublished || (a->log != NULL && aof_log_suspect(a->log)));
    }
    a->rewrite.stage = REWRITE_NONE;
    aof__rewrite_fini(a);
}

static void
complete(struct aof *a)
{
    struct buf why = {0};

    buf_printf(&why, "can't write the manifest: %s", strerror(-a->rewrite.error));
    end(a, a->rewrite.error == 0, buf_slice(&why));
    buf_fini(&why);
}

/* The increment must not be behind its base: what it holds may follow from what it misses. */
static int64_t
settle_turn(struct aof *a)
{
    struct aof_log *l = a->log;

    if (l != NULL && a->rewrite.sync_to == 0)
        a->rewrite.sync_to = aof_log_size(l) + aof_log_pending(l);
    if (l != NULL && aof_log_error(l) != 0) {
        end(a, false, LIT("the present file can't be synced"));
        return 0;
    }
    if (l != NULL && aof_log_synced(l) < a->rewrite.sync_to) {
        aof_log_sync_soon(l);
        return LOOK_AGAIN_MS;
    }
    manifest_copy(&a->rewrite.next, &a->manifest);
    manifest_retire(&a->rewrite.next, a->rewrite.old_incr);
    manifest_add(&a->rewrite.next, slice_cstr(a->rewrite.base), a->rewrite.base_seq, 'b');
    a->rewrite.remove_history = a->settings.auto_remove;
    a->rewrite.stage = REWRITE_PUBLISHING;
    chore_begin(&a->rewrite.chore, a->threaded, a->rewrite_cores, publish, a);
    return LOOK_AGAIN_MS;
}

/* -- the turn -------------------------------------------------------------------------------------------------- */

static bool
has_grown(const struct aof *a)
{
    const struct aof_settings *s = &a->settings;

    if (s->rewrite_percentage <= 0 || a->log == NULL || a->unpublished ||
        (a->rewrite.failed && aof__now_ms(a) < a->rewrite.grown_retry_ms))
        return false;
    uint64_t size = a->older_bytes + aof_log_size(a->log), base = a->base_size > 0 ? a->base_size : 1;
    return size > s->rewrite_min_size && size > base &&
           (double)(size - base) * 100 / (double)base >= (double)s->rewrite_percentage;
}

const struct snapshot *
aof_snapshot(const struct aof *a)
{
    return a->rewrite.walking ? a->rewrite.snapshot : NULL;
}

static int64_t
idle_turn(struct aof *a, bool may_begin)
{
    if (!a->rewrite.waits && has_grown(a)) {
        log_notice("The append-only file has grown by %lld%%: rewriting it", (long long)a->settings.rewrite_percentage);
        a->rewrite.waits = true;
    }
    if (!a->rewrite.waits)
        return -1;
    if (!may_begin || aof__now_ms(a) < a->rewrite.retry_ms)
        return RETRY_MS / 10;
    begin(a);
    return aof_rewriting(a) ? 0 : RETRY_MS / 10;
}

static int64_t
walk_turn(struct aof *a, int64_t budget_ns)
{
    enum rdb_file_state state = rdb_file_state(a->rewrite.file);

    if ((state == RDB_FILE_FAILED || rdb_file_is_given_up(a->rewrite.file)) && !a->rewrite.given_up) {
        a->rewrite.given_up = true;
        snapshot_give_up(a->rewrite.snapshot);
    }
    if (a->rewrite.walking && budget_ns == 0)
        return 1;
    if (a->rewrite.walking) {
        uint64_t before = snapshot_keys_done(a->rewrite.snapshot);
        a->rewrite.walking = !snapshot_step(a->rewrite.snapshot, budget_ns);
        return a->rewrite.walking && snapshot_keys_done(a->rewrite.snapshot) == before ? LOOK_AGAIN_MS : 0;
    }
    if (state == RDB_FILE_WRITING)
        return LOOK_AGAIN_MS;
    if (state == RDB_FILE_FAILED) {
        end(a, false, rdb_file_why(a->rewrite.file));
        return -1;
    }
    a->rewrite.stage = REWRITE_SETTLING;
    return 0;
}

int64_t
aof_turn(struct aof *a, int64_t budget_ns, bool may_begin)
{
    switch (a->rewrite.stage) {
    case REWRITE_NONE: return idle_turn(a, may_begin);
    case REWRITE_PREPARING: return prepare_turn(a);
    case REWRITE_WALKING: return walk_turn(a, budget_ns);
    case REWRITE_SETTLING: return settle_turn(a);
    case REWRITE_PUBLISHING:
        if (!chore_is_over(&a->rewrite.chore))
            return LOOK_AGAIN_MS;
        complete(a);
        return -1;
    }
    return -1;
}
