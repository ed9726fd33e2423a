/* store/aof_log.c - see aof_log.h.
 *
 * `bytes` holds closed blocks and, from `open_at` on, the one that is being filled. Its first byte belongs at offset
 * `size` of the file, which is where the file ends, unless a write or an fsync has failed (`astray`).
 */
#include "store/aof_log.h"

#include "base/cores.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "engine/effects.h"
#include "store/aof_block.h"
#include "store/aof_value.h"

#include <errno.h>
#include <pthread.h>

enum {
    BLOCK_BYTES = 32 << 10,
    KEEP_BYTES = 1 << 20,
    SYNC_EVERY_MS = 900, /* the second that everysec promises, less what an fsync takes */
    NOT_OPEN = -1,
};

/* The thread that waits for the disk. */
struct syncer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more, done;
    bool running, wanted, busy, stop; /* guarded by lock, as the rest */
    int result;
    uint64_t upto; /* what the file held when the fsync was asked for */
};

struct aof_log {
    const struct disk *disk;
    struct clock clock;
    int fd;
    struct buf bytes;
    int64_t open_at; /* where the head of the open block is in `bytes`; NOT_OPEN */
    uint64_t size, synced;
    bool astray;     /* the file may hold more than `size` bytes, and its position is unknown */
    int db;          /* selected in the file; -1: none yet */
    int64_t stamp_s; /* of the last timestamp */
    int error;
    bool suspect, threaded;
    struct slice cores;
    int64_t unsynced_since_ns;
    uint64_t delayed;
    struct syncer syncer;
};

/* -- the thread ------------------------------------------------------------------------------------------------ */

static void *
run_syncer(void *arg)
{
    struct aof_log *l = arg;
    struct syncer *y = &l->syncer;

    mem_thread_attach();
    cores_pin(l->cores);
    pthread_mutex_lock(&y->lock);
    for (;;) {
        while (!y->wanted && !y->stop)
            pthread_cond_wait(&y->more, &y->lock);
        if (!y->wanted)
            break;
        y->wanted = false;
        pthread_mutex_unlock(&y->lock);
        int r = disk_sync_file(l->disk, l->fd);
        pthread_mutex_lock(&y->lock);
        y->result = r;
        y->busy = false;
        pthread_cond_broadcast(&y->done);
    }
    pthread_mutex_unlock(&y->lock);
    mem_thread_detach();
    return NULL;
}

static void
syncer_start(struct aof_log *l)
{
    struct syncer *y = &l->syncer;

    pthread_mutex_init(&y->lock, NULL);
    pthread_cond_init(&y->more, NULL);
    pthread_cond_init(&y->done, NULL);
    y->running = l->threaded && pthread_create(&y->thread, NULL, run_syncer, l) == 0;
    if (y->running)
        (void)pthread_setname_np(y->thread, "aof sync");
}

static void
syncer_stop(struct aof_log *l)
{
    struct syncer *y = &l->syncer;

    if (y->running) {
        pthread_mutex_lock(&y->lock);
        y->stop = true;
        pthread_cond_signal(&y->more);
        pthread_mutex_unlock(&y->lock);
        pthread_join(y->thread, NULL);
    }
    pthread_cond_destroy(&y->done);
    pthread_cond_destroy(&y->more);
    pthread_mutex_destroy(&y->lock);
}

/* Takes the result of an fsync that is over. True while one is under way. */
static bool
syncer_collect(struct aof_log *l, bool wait)
{
    struct syncer *y = &l->syncer;

    if (!y->running || y->upto == 0)
        return false;
    pthread_mutex_lock(&y->lock);
    while (wait && y->busy)
        pthread_cond_wait(&y->done, &y->lock);
    bool busy = y->busy;
    int r = y->result;
    pthread_mutex_unlock(&y->lock);
    if (busy)
        return true;
    if (r == 0) {
        if (y->upto > l->synced)
            l->synced = y->upto;
    } else {
        /* What the kernel has thrown away after a failure it may well call clean next time. */
        l->error = r;
        l->suspect = true;
        log_warning("fsync of the append-only file failed: %s", strerror(-r));
    }
    y->upto = 0;
    return false;
}

static void
syncer_ask(struct aof_log *l)
{
    struct syncer *y = &l->syncer;

    l->unsynced_since_ns = 0;
    y->upto = l->size;
    pthread_mutex_lock(&y->lock);
    y->wanted = y->busy = true;
    pthread_cond_signal(&y->more);
    pthread_mutex_unlock(&y->lock);
}

/* -- opening --------------------------------------------------------------------------------------------------- */

static int
open_file(struct aof_log *l, const struct aof_log_options *opt)
{
    const struct disk *d = l->disk;
    int64_t at = opt->create ? 0 : (int64_t)opt->size;
    int r;

    l->fd = d->open(d->ctx, opt->path, O_WRONLY | O_CREAT | (opt->create ? O_TRUNC : 0), 0644);
    if (l->fd < 0)
        return l->fd;
    r = opt->create ? 0 : d->truncate(d->ctx, l->fd, at);
    if (r == 0 && at > 0) {
        int64_t seek = d->seek(d->ctx, l->fd, at);
        r = seek < 0 ? (int)seek : 0;
    }
    if (r == 0)
        r = disk_sync_file(l->disk, l->fd);
    if (r == 0)
        r = disk_sync_parent(d, opt->path);
    if (r < 0)
        (void)d->close(d->ctx, l->fd);
    l->size = l->synced = (uint64_t)at;
    return r;
}

struct aof_log *
aof_log_open(const struct aof_log_options *opt, struct buf *why)
{
    struct aof_log *l = mem_get_zero(sizeof(*l));

    l->disk = opt->disk;
    l->clock = opt->clock;
    l->open_at = NOT_OPEN;
    l->db = -1;
    l->threaded = opt->threaded;
    l->cores = opt->cores;
    int r = open_file(l, opt);
    if (r < 0) {
        buf_printf(why, "can't open %s for writing: %s", opt->path, strerror(-r));
        mem_free(l);
        return NULL;
    }
    syncer_start(l);
    return l;
}

/* -- collecting ------------------------------------------------------------------------------------------------ */

static void
open_block(struct aof_log *l)
{
    if (l->open_at != NOT_OPEN)
        return;
    l->open_at = (int64_t)l->bytes.len;
    (void)buf_room(&l->bytes, AOF_BLOCK_HEAD);
    buf_advance(&l->bytes, AOF_BLOCK_HEAD);
}

static void
close_block(struct aof_log *l)
{
    if (l->open_at == NOT_OPEN)
        return;
    char *head = l->bytes.ptr + l->open_at;
    struct slice body = slice_of(head + AOF_BLOCK_HEAD, l->bytes.len - (size_t)l->open_at - AOF_BLOCK_HEAD);
    uint64_t at = l->size + (uint64_t)l->open_at;
    struct aof_block b = {body.len, l->synced, aof_block_sum(at, l->synced, body)};
    aof_block_put(head, &b);
    l->open_at = NOT_OPEN;
}

static void
select_db(struct aof_log *l, int db)
{
    char text[INT64_TEXT_MAX];

    if (l->db == db)
        return;
    struct slice argv[2] = {LIT("SELECT"), slice_of(text, format_int64(text, db))};
    aof_put_command(&l->bytes, argv, 2);
    l->db = db;
}

static void
put_timestamp(struct aof_log *l, int64_t now_ms)
{
    if (now_ms / 1000 == l->stamp_s)
        return;
    l->stamp_s = now_ms / 1000;
    buf_printf(&l->bytes, "#TS:%lld\r\n", (long long)l->stamp_s);
}

static const struct effect_command *
next_to_log(const struct effect_command *c)
{
    while (c != NULL && c->replicas_only)
        c = c->next;
    return c;
}

void
aof_log_add(struct aof_log *l, const struct effect_batch *batch, bool timestamps)
{
    struct slice multi = LIT("MULTI"), exec = LIT("EXEC");
    const struct effect_command *first = next_to_log(batch->commands);

    if (first == NULL)
        return;
    bool atomic = batch->atomic && next_to_log(first->next) != NULL;
    if (l->unsynced_since_ns == 0)
        l->unsynced_since_ns = clock_mono_ns(&l->clock);
    open_block(l);
    if (timestamps)
        put_timestamp(l, batch->now_ms);
    /* SELECT stays outside, so that a transaction that is cut off does not take the choice of database with it. */
    select_db(l, first->db);
    if (atomic)
        aof_put_command(&l->bytes, &multi, 1);
    for (const struct effect_command *c = first; c != NULL; c = next_to_log(c->next)) {
        select_db(l, c->db);
        aof_put_command(&l->bytes, c->argv, c->argc);
    }
    if (atomic)
        aof_put_command(&l->bytes, &exec, 1);
    if (l->bytes.len - (size_t)l->open_at >= BLOCK_BYTES)
        close_block(l);
}

void
aof_log_add_raw(struct aof_log *l, struct slice commands)
{
    if (commands.len == 0)
        return;
    open_block(l);
    buf_add_slice(&l->bytes, commands);
    close_block(l);
    l->db = -1;
}

/* -- writing --------------------------------------------------------------------------------------------------- */

/* After a failure: the file shall end where `bytes` begins, so that no half block is left in it. */
static int
go_back(struct aof_log *l)
{
    const struct disk *d = l->disk;

    if (!l->astray)
        return 0;
    int r = d->truncate(d->ctx, l->fd, (int64_t)l->size);
    int64_t at = r < 0 ? r : d->seek(d->ctx, l->fd, (int64_t)l->size);
    l->astray = at < 0;
    return at < 0 ? (int)at : 0;
}

static bool
note_error(struct aof_log *l, int error, const char *what)
{
    if (l->error != error)
        log_warning("%s the append-only file failed: %s", what, strerror(-error));
    l->error = error;
    return false;
}

static bool
write_bytes(struct aof_log *l)
{
    const struct disk *d = l->disk;
    size_t done = 0;
    int r = go_back(l);

    if (r < 0)
        return note_error(l, r, "Shortening");
    while (done < l->bytes.len) {
        ssize_t n = d->write(d->ctx, l->fd, l->bytes.ptr + done, l->bytes.len - done);
        if (n == -EINTR)
            continue;
        if (n <= 0) {
            l->astray = true;
            (void)go_back(l);
            return note_error(l, n == 0 ? -EIO : (int)n, "Writing");
        }
        done += (size_t)n;
    }
    return true;
}

static void
bytes_are_written(struct aof_log *l)
{
    l->size += l->bytes.len;
    buf_reset(&l->bytes);
    if (l->bytes.cap > KEEP_BYTES)
        buf_fini(&l->bytes);
}

/* Writes and syncs as one step: the bytes stay here until both have worked. */
static bool
write_synced(struct aof_log *l)
{
    if (l->bytes.len == 0 && l->synced == l->size)
        return true;
    if (!write_bytes(l))
        return false;
    int r = disk_sync_file(l->disk, l->fd);
    if (r < 0) {
        if (l->synced < l->size)
            l->suspect = true; /* bytes that are gone from here may not have reached the disk */
        l->astray = true;
        (void)go_back(l);
        return note_error(l, r, "fsync of");
    }
    bytes_are_written(l);
    l->synced = l->size;
    l->unsynced_since_ns = 0;
    return true;
}

static void
sync_now(struct aof_log *l)
{
    int r = disk_sync_file(l->disk, l->fd);

    l->unsynced_since_ns = 0;
    if (r == 0) {
        l->synced = l->size;
    } else {
        l->suspect = true;
        (void)note_error(l, r, "fsync of");
    }
}

static void
sync_in_background(struct aof_log *l)
{
    int64_t now = clock_mono_ns(&l->clock);

    if (l->size == l->synced || l->unsynced_since_ns == 0 ||
        now - l->unsynced_since_ns < (int64_t)SYNC_EVERY_MS * 1000000)
        return;
    if (!l->syncer.running) {
        sync_now(l);
    } else if (syncer_collect(l, false)) {
        l->delayed++;
    } else {
        syncer_ask(l);
    }
}

bool
aof_log_flush(struct aof_log *l, enum aof_fsync policy, bool may_rest)
{
    bool ok;

    (void)syncer_collect(l, false);
    close_block(l);
    if (policy == AOF_FSYNC_ALWAYS && !may_rest) {
        (void)syncer_collect(l, true);
        ok = write_synced(l);
    } else {
        ok = l->bytes.len == 0 || write_bytes(l);
        if (ok && l->bytes.len > 0)
            bytes_are_written(l);
        if (ok && policy == AOF_FSYNC_EVERYSEC && !may_rest && !l->suspect)
            sync_in_background(l);
    }
    if (ok && !l->suspect)
        l->error = 0;
    return ok && !l->suspect;
}

bool
aof_log_sync(struct aof_log *l)
{
    (void)syncer_collect(l, true);
    close_block(l);
    bool ok = write_synced(l) && !l->suspect;
    if (ok)
        l->error = 0;
    return ok;
}

void
aof_log_sync_soon(struct aof_log *l)
{
    if (syncer_collect(l, false) || l->suspect || l->size == l->synced)
        return;
    if (l->syncer.running)
        syncer_ask(l);
    else
        sync_now(l);
}

void
aof_log_seal(struct aof_log *l)
{
    if (!aof_log_sync(l) || l->size == 0)
        return;
    open_block(l);
    (void)aof_log_sync(l);
}

bool
aof_log_close(struct aof_log *l)
{
    if (l == NULL)
        return true;
    bool ok = aof_log_sync(l);
    syncer_stop(l);
    (void)l->disk->close(l->disk->ctx, l->fd);
    buf_fini(&l->bytes);
    mem_free(l);
    return ok;
}

/* -- what is known --------------------------------------------------------------------------------------------- */

int
aof_log_error(const struct aof_log *l)
{
    return l->error;
}

bool
aof_log_suspect(const struct aof_log *l)
{
    return l->suspect;
}

int64_t
aof_log_due_ms(const struct aof_log *l, enum aof_fsync policy)
{
    enum { RETRY_MS = 100, COLLECT_MS = 20 };

    if (l->error != 0)
        return RETRY_MS;
    if (policy != AOF_FSYNC_EVERYSEC)
        return -1;
    if (l->syncer.upto != 0)
        return COLLECT_MS;
    if (l->unsynced_since_ns == 0 || l->size == l->synced)
        return -1;
    int64_t in = l->unsynced_since_ns / 1000000 + SYNC_EVERY_MS - clock_mono_ns(&l->clock) / 1000000;
    return in < 1 ? 1 : in;
}

uint64_t
aof_log_size(const struct aof_log *l)
{
    return l->size;
}

uint64_t
aof_log_synced(const struct aof_log *l)
{
    return l->synced;
}

size_t
aof_log_pending(const struct aof_log *l)
{
    return l->bytes.len;
}

bool
aof_log_syncing(struct aof_log *l)
{
    return l->syncer.upto != 0;
}

uint64_t
aof_log_delayed(const struct aof_log *l)
{
    return l->delayed;
}
