/* store/aof_rewrite.c - see aof.h: a new base, made while the log goes on. */
#include "store/aof_priv.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"

#include <errno.h>
#include <unistd.h>

enum { RETRY_MS = 1000, LOOK_AGAIN_MS = 2 };

void
aof_rewrite_soon(struct aof *a)
{
    a->rewrite.waits = true;
    a->rewrite.retry_ms = 0;
}

bool
aof_rewriting(const struct aof *a)
{
    return a->rewrite.file != NULL;
}

void
aof_rewrite_cancel(struct aof *a)
{
    if (a->rewrite.file == NULL)
        return;
    aof__rewrite_fini(a);
    a->rewrite.waits = a->on && a->unpublished;
}

static void
note_failure(struct aof *a, struct slice why)
{
    log_warning("Rewriting the append-only file failed: %.*s", (int)why.len, why.ptr);
    a->rewrite.failed = true;
    a->rewrite.failures++;
}

void
aof__rewrite_fini(struct aof *a)
{
    if (a->rewrite.file == NULL)
        return;
    /* The marks of the walk must go, or the next snapshot would leave out what bears them. */
    if (a->rewrite.walking) {
        snapshot_give_up(a->rewrite.snapshot);
        while (!snapshot_step(a->rewrite.snapshot, 100000000)) {
        }
    }
    snapshot_free(a->rewrite.snapshot);
    rdb_file_free(a->rewrite.file);
    mem_free(a->rewrite.base);
    a->rewrite.snapshot = NULL;
    a->rewrite.file = NULL;
    a->rewrite.base = NULL;
    a->rewrite.walking = a->rewrite.given_up = false;
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
    if (r == -ENOENT)
        buf_reset(why);
    a->manifest_known = r == 0 || r == -ENOENT;
    return a->manifest_known;
}

/* From here on a new increment is written. It is in the manifest at once, unless the log is only being switched on: what
 * it follows is not on the disk yet. */
static bool
next_increment(struct aof *a, struct buf *why)
{
    struct manifest m;
    struct buf name = {0};
    bool publish = a->log != NULL && !a->unpublished;
    uint64_t seq = a->manifest.incr_seq + 1;
    int r = 0;

    /* What comes before must be on the disk before what follows can be; a log that is suspect is replaced as a whole. */
    if (publish && !aof_log_sync(a->log) && !aof_log_suspect(a->log)) {
        buf_printf(why, "the present file can't be synced: %s", strerror(-aof_log_error(a->log)));
        return false;
    }
    manifest_copy(&m, &a->manifest);
    struct aof_log *fresh = aof__new_log(a, seq, &name, why);
    if (fresh == NULL) {
        buf_fini(&name);
        manifest_fini(&m);
        return false;
    }
    manifest_add(&m, slice_cstr(name.ptr), seq, 'i');
    buf_fini(&name);
    if (publish && (r = aof__store_manifest(a, &m)) < 0) {
        /* It may be there all the same; then it names a new file that is empty and stays so. */
        buf_printf(why, "can't write the manifest: %s", strerror(-r));
        (void)aof_log_close(fresh);
        manifest_fini(&m);
        return false;
    }
    if (publish)
        a->older_bytes += aof_log_size(a->log);
    (void)aof_log_close(a->log);
    a->log = fresh;
    a->unpublished = !publish;
    a->rewrite.old_incr = a->manifest.incr_seq;
    manifest_fini(&a->manifest);
    a->manifest = m;
    aof__listen(a, true);
    return true;
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
    };
    a->rewrite.file = rdb_file_new(&fo, why);
    a->rewrite.base = a->rewrite.file != NULL ? buf_take(&name, &(size_t){0}) : NULL;
    buf_fini(&name);
    buf_fini(&temp);
    buf_fini(&path);
    return a->rewrite.file != NULL;
}

static bool
begin(struct aof *a, struct buf *why)
{
    if (!aof__make_dir(a, why) || !know_manifest(a, why) || !open_base(a, why))
        return false;
    if (a->on && !next_increment(a, why)) {
        rdb_file_free(a->rewrite.file);
        mem_free(a->rewrite.base);
        a->rewrite.file = NULL;
        a->rewrite.base = NULL;
        return false;
    }
    if (!a->on)
        a->rewrite.old_incr = a->manifest.incr_seq;
    struct buf records = {0};
    if (a->records != NULL)
        a->records(a->engine, &records);
    struct snapshot_options so = {.aof_base = true,
                                  .commands = a->rewrite.commands,
                                  .version = SORREL_REDIS_VERSION,
                                  .records = buf_slice(&records)};
    a->rewrite.snapshot = snapshot_begin(a->engine, a->rewrite.file, &so);
    buf_fini(&records);
    a->rewrite.walking = true;
    a->rewrite.begun_ms = aof__now_ms(a);
    log_notice("Background append only file rewriting started");
    return true;
}

static void
try_begin(struct aof *a)
{
    struct buf why = {0};

    if (begin(a, &why)) {
        a->rewrite.waits = false;
        a->open_error = 0;
    } else {
        note_failure(a, buf_slice(&why));
        a->rewrite.retry_ms = aof__now_ms(a) + RETRY_MS;
        /* Asked for by hand, it is not repeated by itself; but a log that ought to be written is. */
        a->rewrite.waits = a->on && (a->log == NULL || a->unpublished || aof_log_suspect(a->log));
        if (a->on && a->log == NULL)
            a->open_error = -EIO;
    }
    buf_fini(&why);
}

/* -- completing ------------------------------------------------------------------------------------------------ */

/* The new base and what has been written since are the log now. */
static bool
publish(struct aof *a, struct buf *why)
{
    struct manifest m;

    /* The increment must not be behind its base: what it holds may follow from what it misses. */
    if (a->log != NULL && !aof_log_sync(a->log)) {
        buf_printf(why, "the present file can't be synced");
        return false;
    }
    manifest_copy(&m, &a->manifest);
    manifest_retire(&m, a->rewrite.old_incr);
    manifest_add(&m, slice_cstr(a->rewrite.base), a->rewrite.base_seq, 'b');
    int r = aof__store_manifest(a, &m);
    if (r < 0) {
        buf_printf(why, "can't write the manifest: %s", strerror(-r));
        manifest_fini(&m);
        return false;
    }
    manifest_fini(&a->manifest);
    a->manifest = m;
    a->unpublished = false;
    a->older_bytes = rdb_file_written(a->rewrite.file);
    a->base_size = a->older_bytes + (a->log != NULL ? aof_log_size(a->log) : 0);
    aof__remove_history(a);
    return true;
}

static void
complete(struct aof *a, enum rdb_file_state state)
{
    struct buf why = {0};
    bool ok = state == RDB_FILE_DONE && publish(a, &why);

    a->rewrite.last_ms = aof__now_ms(a) - a->rewrite.begun_ms;
    a->rewrite.cow_bytes = snapshot_early_bytes(a->rewrite.snapshot);
    if (ok) {
        a->rewrite.done++;
        a->rewrite.failures = 0;
        a->rewrite.failed = false;
        log_notice("Background append only file rewriting finished: %llu keys, %llu bytes, %.3f seconds",
                   (unsigned long long)snapshot_keys_done(a->rewrite.snapshot),
                   (unsigned long long)rdb_file_written(a->rewrite.file), (double)a->rewrite.last_ms / 1000);
    } else {
        note_failure(a, state == RDB_FILE_DONE ? buf_slice(&why) : rdb_file_why(a->rewrite.file));
        a->rewrite.retry_ms = aof__now_ms(a) + RETRY_MS;
        a->rewrite.waits = a->on && (a->unpublished || (a->log != NULL && aof_log_suspect(a->log)));
    }
    aof__rewrite_fini(a);
    buf_fini(&why);
}

/* -- the turn -------------------------------------------------------------------------------------------------- */

static bool
has_grown(const struct aof *a)
{
    const struct aof_settings *s = &a->settings;

    if (s->rewrite_percentage <= 0 || a->log == NULL || a->unpublished || a->rewrite.failed)
        return false;
    uint64_t size = a->older_bytes + aof_log_size(a->log), base = a->base_size > 0 ? a->base_size : 1;
    return size > s->rewrite_min_size && size > base && (double)(size - base) * 100 / (double)base >= (double)s->rewrite_percentage;
}

const struct snapshot *
aof_snapshot(const struct aof *a)
{
    return a->rewrite.walking ? a->rewrite.snapshot : NULL;
}

int64_t
aof_turn(struct aof *a, int64_t budget_ns, bool may_begin)
{
    if (a->rewrite.file == NULL) {
        if (!a->rewrite.waits && has_grown(a)) {
            log_notice("The append-only file has grown by %lld%%: rewriting it", (long long)a->settings.rewrite_percentage);
            a->rewrite.waits = true;
        }
        if (!a->rewrite.waits)
            return -1;
        if (!may_begin || aof__now_ms(a) < a->rewrite.retry_ms)
            return RETRY_MS / 10;
        try_begin(a);
        return a->rewrite.file != NULL ? 0 : RETRY_MS / 10;
    }
    enum rdb_file_state state = rdb_file_state(a->rewrite.file);
    if (state == RDB_FILE_FAILED && !a->rewrite.given_up) {
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
    complete(a, state);
    return -1;
}
