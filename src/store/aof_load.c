/* store/aof_load.c - see aof.h: finding the log and loading it. */
#include "store/aof_priv.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/keyspace.h"
#include "engine/settings.h"

#include <errno.h>

/* -- finding --------------------------------------------------------------------------------------------------- */

/* Moves a single file from the working folder to the log's. */
static int
move_single(struct aof *a, struct buf *why)
{
    struct buf to = {0};
    int r;

    if (!aof__make_dir(a, why))
        return -EIO;
    r = a->disk->rename(a->disk->ctx, a->name, aof__path(a, &to, a->name));
    if (r == 0)
        r = disk_sync_parent(a->disk, to.ptr);
    if (r == 0)
        r = a->disk->sync_dir(a->disk->ctx, ".");
    if (r < 0)
        buf_printf(why, "can't move %s to %s: %s", a->name, to.ptr, strerror(-r));
    buf_fini(&to);
    return r;
}

/* There is no manifest. A single file becomes the base. */
static enum aof_found
adopt_single(struct aof *a, struct buf *why)
{
    struct buf path = {0};
    bool moved = aof__file_size(a, aof__path(a, &path, a->name)) >= 0;

    buf_fini(&path);
    if (!moved && aof__file_size(a, a->name) < 0) {
        aof__spare_files(a);
        return AOF_ABSENT;
    }
    if (!moved && move_single(a, why) < 0)
        return AOF_UNUSABLE;
    manifest_add(&a->manifest, slice_cstr(a->name), 1, 'b');
    int r = aof__store_manifest(a, &a->manifest);
    if (r < 0)
        buf_printf(why, "can't write the manifest: %s", strerror(-r));
    else
        log_notice("The append-only file %s is now the base of a log in %s", a->name, a->dir);
    return r < 0 ? AOF_UNUSABLE : AOF_FOUND;
}

/* A server that was interrupted while it adopted a single file may have written the manifest first. */
static bool
complete_adoption(struct aof *a, struct buf *why)
{
    const struct manifest *m = &a->manifest;
    struct buf path = {0};
    bool ok = true;

    if (m->n == 1 && m->files[0].type == 'b' && strcmp(m->files[0].name, a->name) == 0 &&
        aof__file_size(a, aof__path(a, &path, a->name)) == -ENOENT && aof__file_size(a, a->name) >= 0)
        ok = move_single(a, why) == 0;
    buf_fini(&path);
    return ok;
}

static enum aof_found
find(struct aof *a, struct buf *why)
{
    struct buf path = {0};

    manifest_fini(&a->manifest);
    int r = manifest_load(&a->manifest, a->disk, aof__manifest_path(a, &path), why);
    buf_fini(&path);
    if (r == -ENOENT) {
        buf_reset(why);
        return adopt_single(a, why);
    }
    return r < 0 || !complete_adoption(a, why) ? AOF_UNUSABLE : AOF_FOUND;
}

enum aof_found
aof_load_begin(struct aof *a, struct buf *why)
{
    struct engine_settings *es = engine_settings(a->engine);
    struct buf path = {0};
    enum aof_found found = find(a, why);

    for (size_t i = 0; found == AOF_FOUND && i < a->manifest.n; i++) {
        const struct manifest_file *f = &a->manifest.files[i];
        if (f->type == 'h')
            continue;
        int64_t size = aof__file_size(a, aof__path(a, &path, f->name));
        if (size < 0) {
            buf_printf(why, "%s, which the manifest names, can't be read: %s", path.ptr, strerror((int)-size));
            found = AOF_UNUSABLE;
        } else {
            a->load.total += (uint64_t)size;
        }
    }
    buf_fini(&path);
    if (found == AOF_FOUND) {
        /* What happened to a key before its time was up must happen to it now. */
        a->load.never_expire = true;
        es->never_expire = true;
    }
    return found;
}

/* -- loading --------------------------------------------------------------------------------------------------- */

/* Nothing that has been written follows. When a manifest that names a new increment could not be synced, writing goes
 * on in the old one, and both may be there. */
static bool
is_last(const struct aof *a, size_t at)
{
    struct buf path = {0};
    bool last = true;

    for (size_t i = at + 1; i < a->manifest.n && last; i++) {
        if (a->manifest.files[i].type != 'h')
            last = aof__file_size(a, aof__path(a, &path, a->manifest.files[i].name)) == 0;
    }
    buf_fini(&path);
    return last;
}

/* Copies what is about to be cut off, for whoever may want to look at it. */
static int
keep_lost(const struct disk *d, const char *path, uint64_t from)
{
    struct buf lost = {0};
    char *bytes = mem_get(64 << 10);
    int in = d->open(d->ctx, path, O_RDONLY, 0), out, r = 0;
    ssize_t n = 0;

    buf_printf(&lost, "%s.lost-%llu", path, (unsigned long long)from);
    buf_add_char(&lost, '\0');
    out = d->open(d->ctx, lost.ptr, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (in < 0 || out < 0)
        r = in < 0 ? in : out;
    else if (d->seek(d->ctx, in, (int64_t)from) < 0)
        r = -EIO;
    while (r == 0 && (n = disk_read_full(d, in, bytes, 64 << 10)) > 0)
        r = disk_write_all(d, out, slice_of(bytes, (size_t)n));
    if (r == 0)
        r = n < 0 ? (int)n : disk_sync_file(d, out);
    if (r == 0)
        r = disk_sync_parent(d, lost.ptr);
    if (in >= 0)
        (void)d->close(d->ctx, in);
    if (out >= 0)
        (void)d->close(d->ctx, out);
    if (r < 0)
        log_warning("The bytes that are cut off could not be kept in %s: %s", lost.ptr, strerror(-r));
    else
        log_warning("The bytes that are cut off are kept in %s", lost.ptr);
    buf_fini(&lost);
    mem_free(bytes);
    return r;
}

bool
aof_repair(const struct disk *d, struct clock clock, const char *path, const struct aof_reader *r, bool keep_all,
           struct buf *why)
{
    uint64_t keep = aof_reader_keep(r);
    int kept = keep_lost(d, path, keep);

    if (kept < 0 && keep_all) {
        buf_printf(why, "what would be cut off can't be kept: %s", strerror(-kept));
        return false;
    }
    struct aof_log_options lo = {.disk = d, .clock = clock, .path = path, .size = keep};
    struct aof_log *l = aof_log_open(&lo, why);
    if (l == NULL)
        return false;
    aof_log_add_raw(l, aof_reader_salvage(r));
    if (!aof_log_close(l)) {
        buf_printf(why, "can't write to %s", path);
        return false;
    }
    return true;
}

static enum aof_progress
handle_cut(struct aof *a, const char *path, struct buf *why)
{
    struct buf reason = {0};
    bool ok = false;

    buf_add_slice(&reason, buf_slice(why));
    buf_reset(why);
    if (!is_last(a, a->load.at)) {
        buf_printf(why, "%s is not the last file of the log, and %.*s", path, (int)reason.len, reason.ptr);
    } else if (!a->settings.load_truncated) {
        buf_printf(why, "%s: %.*s, and aof-load-truncated is off", path, (int)reason.len, reason.ptr);
    } else {
        log_warning("The end of the append-only file %s is missing: %.*s", path, (int)reason.len, reason.ptr);
        ok = aof_repair(a->disk, a->clock, path, a->load.reader, false, why);
    }
    buf_fini(&reason);
    return ok ? AOF_DONE : AOF_DAMAGED;
}

static enum aof_progress
step_file(struct aof *a, size_t max_bytes, struct buf *why)
{
    struct buf path = {0}, reason = {0};
    enum aof_progress p = AOF_UNREADABLE;
    int error = 0;

    aof__path(a, &path, a->manifest.files[a->load.at].name);
    if (a->load.reader == NULL) {
        struct aof_reader_options ro = {.disk = a->disk, .engine = a->engine, .path = path.ptr};
        a->load.reader = aof_reader_open(&ro, &error, why);
    }
    if (a->load.reader != NULL) {
        p = aof_reader_step(a->load.reader, max_bytes, &reason);
        if (p == AOF_UNREADABLE) {
            buf_printf(why, "%s can't be read %.*s", path.ptr, (int)reason.len, reason.ptr);
        } else if (p == AOF_CUT) {
            buf_add_slice(why, buf_slice(&reason));
            p = handle_cut(a, path.ptr, why);
        } else if (p == AOF_DAMAGED) {
            buf_printf(why, "%s is damaged %.*s. Nothing has been changed; sorrel-check aof can repair it", path.ptr,
                       (int)reason.len, reason.ptr);
        }
    }
    buf_fini(&path);
    buf_fini(&reason);
    return p;
}

/* How many keys there will be follows from how far they have brought us: the table grows to that in a few large steps
 * instead of many small ones, each of which moves everything. */
static void
make_room(struct aof *a)
{
    enum { KEYS_MIN = 10000, AHEAD = 4 };
    double left = (double)a->load.total / ((double)aof_load_at(a) + 1);

    for (int i = 0; i < engine_db_count(a->engine) && left > 1; i++) {
        struct db *db = engine_db(a->engine, i);
        size_t keys = table_count(&db->by_key), slots = table_slots(&db->by_key);
        if (keys < KEYS_MIN || keys < slots - slots / 4 || table_slots_target(&db->by_key) != 0)
            continue;
        keyspace_reserve(a->engine, db, (size_t)((double)keys * (left < AHEAD ? left : AHEAD)));
    }
}

enum aof_progress
aof_load_step(struct aof *a, size_t max_bytes, struct buf *why)
{
    while (a->load.at < a->manifest.n && a->manifest.files[a->load.at].type == 'h')
        a->load.at++;
    if (a->load.at >= a->manifest.n)
        return AOF_DONE;
    enum aof_progress p = step_file(a, max_bytes, why);
    if (p == AOF_MORE)
        make_room(a);
    if (p != AOF_DONE)
        return p;
    a->load.before += aof_reader_total(a->load.reader);
    aof_reader_free(a->load.reader);
    a->load.reader = NULL;
    a->load.at++;
    return AOF_MORE;
}

void
aof_load_end(struct aof *a)
{
    aof_reader_free(a->load.reader);
    if (a->load.never_expire)
        engine_settings(a->engine)->never_expire = false;
    memset(&a->load, 0, sizeof(a->load));
}

bool
aof_reload(struct aof *a, struct buf *why)
{
    enum aof_progress p = AOF_DAMAGED;

    if (!aof_sync(a)) {
        buf_add_slice(why, LIT("there is no log that is complete"));
        return false;
    }
    aof_rewrite_cancel(a);
    aof__listen(a, false);
    for (int i = 0; i < engine_db_count(a->engine); i++)
        keyspace_discard(a->engine, engine_db(a->engine, i));
    if (aof_load_begin(a, why) == AOF_FOUND) {
        while ((p = aof_load_step(a, SIZE_MAX / 2, why)) == AOF_MORE) {
        }
    }
    aof_load_end(a);
    aof__listen(a, true);
    return p == AOF_DONE;
}

uint64_t
aof_load_total(const struct aof *a)
{
    return a->load.total;
}

uint64_t
aof_load_at(const struct aof *a)
{
    return a->load.before + (a->load.reader != NULL ? aof_reader_at(a->load.reader) : 0);
}
