/* store/aof.c - see aof.h: life, files, appending. */
#include "store/aof_priv.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/effects.h"

#include <errno.h>

struct aof *
aof_new(const struct aof_options *opt)
{
    struct aof *a = mem_get_zero(sizeof(*a));

    a->engine = opt->engine;
    a->disk = opt->disk;
    a->clock = opt->clock;
    a->dir = mem_copy_text(opt->dir);
    a->name = mem_copy_text(opt->name);
    a->threaded = opt->threaded;
    a->sync_cores = opt->sync_cores;
    a->rewrite_cores = opt->rewrite_cores;
    a->records = opt->records;
    a->settings =
        (struct aof_settings){.load_truncated = true, .compress = true, .checksum = true, .auto_remove = true};
    a->rewrite.last_ms = -1;
    return a;
}

void
aof_free(struct aof *a)
{
    if (a == NULL)
        return;
    aof_load_end(a);
    aof_switch_off(a);
    aof__rewrite_fini(a);
    manifest_fini(&a->manifest);
    mem_free(a->dir);
    mem_free(a->name);
    mem_free(a);
}

struct aof_settings *
aof_settings(struct aof *a)
{
    return &a->settings;
}

int64_t
aof__now_ms(const struct aof *a)
{
    return clock_mono_ns(&a->clock) / 1000000;
}

/* -- files ----------------------------------------------------------------------------------------------------- */

const char *
aof__path(const struct aof *a, struct buf *to, const char *name)
{
    buf_reset(to);
    buf_printf(to, "%s/%s", a->dir, name);
    buf_add_char(to, '\0');
    return to->ptr;
}

const char *
aof__manifest_path(const struct aof *a, struct buf *to)
{
    buf_reset(to);
    buf_printf(to, "%s/%s.manifest", a->dir, a->name);
    buf_add_char(to, '\0');
    return to->ptr;
}

int64_t
aof__file_size(const struct aof *a, const char *path)
{
    int fd = a->disk->open(a->disk->ctx, path, O_RDONLY, 0);

    if (fd < 0)
        return fd;
    int64_t size = a->disk->size(a->disk->ctx, fd);
    (void)a->disk->close(a->disk->ctx, fd);
    return size;
}

bool
aof__make_dir(struct aof *a, struct buf *why)
{
    int r = a->disk->mkdir(a->disk->ctx, a->dir, 0755);

    if (r == 0)
        r = disk_sync_parent(a->disk, a->dir);
    if (r == 0 || r == -EEXIST)
        return true;
    buf_printf(why, "can't make the folder %s: %s", a->dir, strerror(-r));
    return false;
}

int
aof__store_manifest(struct aof *a, const struct manifest *m)
{
    struct buf path = {0}, temp = {0};

    buf_printf(&temp, "%s/temp-%s.manifest", a->dir, a->name);
    buf_add_char(&temp, '\0');
    int r = manifest_store(m, a->disk, aof__manifest_path(a, &path), temp.ptr);
    buf_fini(&path);
    buf_fini(&temp);
    if (r < 0)
        log_warning("Can't write the manifest of the append-only file: %s", strerror(-r));
    return r;
}

struct aof_log *
aof__new_log(struct aof *a, uint64_t seq, struct buf *name, struct buf *why)
{
    struct buf path = {0};

    buf_printf(name, "%s.%llu.incr.aof", a->name, (unsigned long long)seq);
    buf_add_char(name, '\0');
    struct aof_log_options lo = {
        .disk = a->disk,
        .clock = a->clock,
        .path = aof__path(a, &path, name->ptr),
        .create = true,
        .threaded = a->threaded,
        .cores = a->sync_cores,
    };
    struct aof_log *l = aof_log_open(&lo, why);
    buf_fini(&path);
    return l;
}

/* Takes away what no longer belongs to the log. The files go first: a manifest that names missing history is fine. */
void
aof__remove_history(struct aof *a, struct manifest *m)
{
    struct buf path = {0};
    bool any = false;

    for (size_t i = 0; i < m->n; i++) {
        if (m->files[i].type != 'h')
            continue;
        any = true;
        disk_forget_file(a->disk, aof__path(a, &path, m->files[i].name));
        (void)a->disk->unlink(a->disk->ctx, path.ptr);
    }
    buf_fini(&path);
    if (!any)
        return;
    manifest_drop_history(m);
    (void)aof__store_manifest(a, m);
}

/* What a process that was killed has left of a file that never got its name. The folder is one server's alone. */
static void
remove_unfinished(void *arg, const char *name)
{
    struct aof *a = arg;
    struct buf path = {0}, manifest = {0};

    buf_printf(&manifest, "temp-%s.manifest", a->name);
    if (slice_starts(slice_cstr(name), LIT("temp-rewriteaof-")) || slice_eq(slice_cstr(name), buf_slice(&manifest))) {
        log_notice("Removing %s, which was never completed", name);
        (void)a->disk->unlink(a->disk->ctx, aof__path(a, &path, name));
    }
    buf_fini(&path);
    buf_fini(&manifest);
}

/* Whether that is the name of a base or an increment, "name.seq.kind.…". */
static bool
is_data_file(const struct aof *a, struct slice name, uint64_t *seq, struct slice *kind)
{
    struct slice prefix = slice_cstr(a->name), rest = slice_skip(name, prefix.len);
    const char *dot = rest.len > 0 && rest.ptr[0] == '.' ? memchr(rest.ptr + 1, '.', rest.len - 1) : NULL;
    int64_t number;

    if (!slice_starts(name, prefix) || dot == NULL ||
        !parse_int64(slice_of(rest.ptr + 1, (size_t)(dot - rest.ptr - 1)), &number) || number <= 0)
        return false;
    *seq = (uint64_t)number;
    *kind = slice_skip(rest, (size_t)(dot - rest.ptr));
    return slice_starts(*kind, LIT(".base.")) || slice_starts(*kind, LIT(".incr."));
}

/* A file of a log whose manifest is missing: whatever it holds, its number is not used again. */
static void
spare_file(void *arg, const char *name)
{
    struct aof *a = arg;
    struct buf path = {0};
    struct slice kind;
    uint64_t seq;

    if (is_data_file(a, slice_cstr(name), &seq, &kind) && aof__file_size(a, aof__path(a, &path, name)) > 0) {
        uint64_t *last = slice_starts(kind, LIT(".base.")) ? &a->manifest.base_seq : &a->manifest.incr_seq;
        log_warning("%s is in no manifest, for there is none; it is neither loaded nor written over", path.ptr);
        *last = seq > *last ? seq : *last;
    }
    buf_fini(&path);
}

void
aof__spare_files(struct aof *a)
{
    (void)a->disk->list(a->disk->ctx, a->dir, spare_file, a);
}

/* -- switching ------------------------------------------------------------------------------------------------- */

static void
on_batch(void *ctx, const struct effect_batch *batch)
{
    struct aof *a = ctx;

    if (a->log != NULL)
        aof_log_add(a->log, batch, a->settings.timestamps);
}

void
aof__listen(struct aof *a, bool on)
{
    if (on && !a->listening)
        engine_add_sink(a->engine, EFFECT_LOG,
                        (struct effect_sink){.apply = on_batch, .ctx = a, .commands_only = true});
    else if (!on && a->listening)
        engine_remove_sink(a->engine, EFFECT_LOG, a);
    a->listening = on;
}

/* The last increment, or a new one. */
static bool
open_last(struct aof *a, struct buf *why)
{
    const struct manifest_file *last = manifest_last(&a->manifest);
    struct buf path = {0}, name = {0};
    int r = 0;

    if (last != NULL) {
        const char *p = aof__path(a, &path, last->name);
        int64_t size = aof__file_size(a, p);
        struct aof_log_options lo = {
            .disk = a->disk,
            .clock = a->clock,
            .path = p,
            .size = size > 0 ? (uint64_t)size : 0,
            .threaded = a->threaded,
            .cores = a->sync_cores,
        };
        a->log = aof_log_open(&lo, why);
    } else {
        struct manifest m;
        manifest_copy(&m, &a->manifest);
        a->log = aof__new_log(a, m.incr_seq + 1, &name, why);
        if (a->log != NULL) {
            manifest_add(&m, slice_cstr(name.ptr), m.incr_seq + 1, 'i');
            r = aof__store_manifest(a, &m);
        }
        if (a->log != NULL && r == 0) {
            manifest_fini(&a->manifest);
            a->manifest = m;
        } else {
            manifest_fini(&m);
        }
    }
    if (r < 0) {
        buf_printf(why, "can't write the manifest: %s", strerror(-r));
        (void)aof_log_close(a->log);
        a->log = NULL;
    }
    buf_fini(&path);
    buf_fini(&name);
    return a->log != NULL;
}

/* Bytes of all files but the last increment. */
static uint64_t
older_bytes(const struct aof *a)
{
    const struct manifest_file *last = manifest_last(&a->manifest);
    struct buf path = {0};
    uint64_t sum = 0;

    for (size_t i = 0; i < a->manifest.n; i++) {
        const struct manifest_file *f = &a->manifest.files[i];
        int64_t size = f == last || f->type == 'h' ? 0 : aof__file_size(a, aof__path(a, &path, f->name));
        sum += size > 0 ? (uint64_t)size : 0;
    }
    buf_fini(&path);
    return sum;
}

bool
aof_start(struct aof *a, struct buf *why)
{
    if (!aof__make_dir(a, why))
        return false;
    (void)a->disk->list(a->disk->ctx, a->dir, remove_unfinished, a);
    if (!open_last(a, why))
        return false;
    a->manifest_known = a->on = true;
    if (a->settings.auto_remove)
        aof__remove_history(a, &a->manifest);
    a->older_bytes = older_bytes(a);
    a->base_size = a->older_bytes + aof_log_size(a->log);
    aof__listen(a, true);
    return true;
}

void
aof_switch_on(struct aof *a)
{
    if (a->on)
        return;
    a->on = a->rewrite.waits = true;
    a->rewrite.retry_ms = 0;
}

void
aof_switch_off(struct aof *a)
{
    if (!a->on)
        return;
    aof__listen(a, false);
    aof__rewrite_fini(a);
    if (a->log != NULL)
        aof_log_seal(a->log);
    if (!aof_log_close(a->log))
        log_warning("The end of the append-only file could not be written");
    a->log = NULL;
    a->on = a->rewrite.waits = a->unpublished = false;
    a->open_error = 0;
    /* An increment without manifest is nobody's; the next one of that number takes its place. */
    manifest_fini(&a->manifest);
    a->manifest_known = false;
}

bool
aof_is_on(const struct aof *a)
{
    return a->on;
}

bool
aof_is_incomplete(const struct aof *a)
{
    return a->on && (a->log == NULL || a->unpublished);
}

/* -- in every turn --------------------------------------------------------------------------------------------- */

bool
aof_all_synced(const struct aof *a)
{
    return a->log != NULL && aof_log_pending(a->log) == 0 && aof_log_synced(a->log) == aof_log_size(a->log);
}

struct aof_mark
aof_log_mark(const struct aof *a)
{
    if (a->log == NULL)
        return (struct aof_mark){NULL, 0};
    return (struct aof_mark){a->log, aof_log_size(a->log) + aof_log_pending(a->log)};
}

bool
aof_log_mark_synced(const struct aof *a, const struct aof_mark *m)
{
    /* A log is synced before the next one is begun. */
    return a->log != NULL && (m->file != a->log || aof_log_synced(a->log) >= m->at);
}

bool
aof_flush(struct aof *a)
{
    if (a->log == NULL)
        return a->open_error == 0;
    bool ok = aof_log_flush(a->log, a->settings.fsync, a->settings.rest_on_rewrite && aof_rewriting(a));
    if (!ok && aof_log_suspect(a->log) && !aof_rewriting(a))
        a->rewrite.waits = true;
    return ok;
}

bool
aof_sync(struct aof *a)
{
    return a->log != NULL && !a->unpublished && aof_log_sync(a->log);
}

int64_t
aof_due_ms(const struct aof *a)
{
    return a->log != NULL ? aof_log_due_ms(a->log, a->settings.fsync) : -1;
}

int
aof_error(const struct aof *a)
{
    return a->log != NULL ? aof_log_error(a->log) : a->open_error;
}

struct aof_info
aof_info(const struct aof *a)
{
    struct aof_info i = {
        .on = a->on,
        .rewriting = aof_rewriting(a),
        .rewrite_waits = a->rewrite.waits,
        .last_rewrite_ok = !a->rewrite.failed,
        .write_ok = aof_error(a) == 0,
        .last_rewrite_ms = a->rewrite.last_ms,
        .current_rewrite_ms = aof_rewriting(a) ? aof__now_ms(a) - a->rewrite.begun_ms : -1,
        .rewrites = a->rewrite.done,
        .failures_in_a_row = a->rewrite.failures,
        .cow_bytes = a->rewrite.cow_bytes,
        .base_size = a->base_size,
    };

    if (a->log != NULL) {
        i.syncing = aof_log_syncing(a->log);
        i.delayed = aof_log_delayed(a->log);
        i.pending = aof_log_pending(a->log);
        i.current_size = a->older_bytes + aof_log_size(a->log);
    }
    return i;
}
