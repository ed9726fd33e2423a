/* store/rdb_file.c - see rdb_file.h. */
#include "store/rdb_file.h"

#include "base/cores.h"
#include "base/mem.h"
#include "store/chore.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    WRITE_BYTES = 256 << 10,
    FINAL_BYTES = 32 << 10, /* worth a call of its own */
    SYNC_BYTES = 1 << 20,
    FORGET_BEHIND = 8 << 20, /* what has been given to the disk so long ago is there, as a rule */
    CHUNKS_KEPT = 32,
    NICE = 5,
    NICE_MAX = 19,
    HURRY_BYTES = 2 << 20,
    BACKLOG_MAX_LEAST = 64 << 20,
};

struct queued_chunk {
    struct rdb_chunk chunk; /* first: a chunk handed out is one of these */
    struct queued_chunk *next;
};

struct rdb_file {
    const struct disk *disk;
    char *temp, *name;
    bool threaded, sync_often, plain;
    size_t backlog_max;
    struct slice cores;
    int fd; /* -1: closed */
    struct rdb_packer packer;
    struct buf out, why;
    uint64_t hinted, forgotten; /* up to there the kernel has been told to write, and to forget */

    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more, done;
    struct queued_chunk *first, **last, *spare;
    size_t spares;
    bool ended;
    struct buf reason;     /* for giving it up */
    struct chore disposal; /* of what waited then */
    /* Looked at without it. */
    _Atomic bool given_up;
    _Atomic size_t backlog;
    _Atomic uint64_t written;
    _Atomic enum rdb_file_state state;
};

static bool
failed(struct rdb_file *f, const char *what, int error)
{
    buf_reset(&f->why);
    buf_printf(&f->why, "%s %s: %s", what, f->temp, strerror(-error));
    return false;
}

/* The kernel is told to write as we go, so that the sync at the end does not have everything to do, and need not
 * remember what nobody is going to read. */
static void
write_on(struct rdb_file *f, uint64_t end)
{
    const struct disk *d = f->disk;

    (void)d->flush_hint(d->ctx, f->fd, (int64_t)f->hinted, (int64_t)(end - f->hinted));
    f->hinted = end;
    if (d->forget == NULL || end < f->forgotten + FORGET_BEHIND + SYNC_BYTES)
        return;
    (void)d->forget(d->ctx, f->fd, (int64_t)f->forgotten, (int64_t)(end - FORGET_BEHIND - f->forgotten));
    f->forgotten = end - FORGET_BEHIND;
}

static bool
write_bytes(struct rdb_file *f, struct slice bytes)
{
    int r = disk_write_all(f->disk, f->fd, bytes);

    if (r < 0)
        return failed(f, "can't write", r);
    uint64_t end = atomic_fetch_add(&f->written, bytes.len) + bytes.len;
    if (f->sync_often && end - f->hinted >= SYNC_BYTES)
        write_on(f, end);
    return true;
}

static bool
flush(struct rdb_file *f)
{
    bool ok = f->out.len == 0 || write_bytes(f, buf_slice(&f->out));

    buf_reset(&f->out);
    return ok;
}

static bool
write_chunk(struct rdb_file *f, const struct rdb_chunk *c, bool hurry)
{
    if (rdb_chunk_is_final(c) && c->bytes.len >= FINAL_BYTES) {
        rdb_pack_final(&f->packer, c);
        return flush(f) && write_bytes(f, buf_slice(&c->bytes));
    }
    struct rdb_packer packer = f->packer;
    packer.compress = packer.compress && !hurry && !c->plain;
    rdb_pack(&packer, c, &f->out);
    f->packer.crc = packer.crc;
    return f->out.len < WRITE_BYTES || flush(f);
}

static bool
complete(struct rdb_file *f)
{
    if (!f->plain)
        rdb_pack_end(&f->packer, &f->out);
    if (!flush(f))
        return false;
    disk_forget_file(f->disk, f->name);
    int fd = f->fd;
    f->fd = -1;
    int r = disk_publish(f->disk, fd, f->temp, f->name);
    return r == 0 || failed(f, "can't complete", r);
}

static void
abandon(struct rdb_file *f)
{
    if (f->fd >= 0) {
        (void)f->disk->close(f->disk->ctx, f->fd);
        (void)f->disk->unlink(f->disk->ctx, f->temp);
        f->fd = -1;
    }
}

static void
free_chunks(void *first)
{
    for (struct queued_chunk *q = first; q != NULL;) {
        struct queued_chunk *next = q->next;
        rdb_chunk_fini(&q->chunk);
        mem_free(q);
        q = next;
    }
}

static void
recycle_locked(struct rdb_file *f, struct queued_chunk *q)
{
    f->backlog -= rdb_chunk_size(&q->chunk);
    rdb_chunk_reset(&q->chunk);
    if (f->spares >= CHUNKS_KEPT) {
        rdb_chunk_fini(&q->chunk);
        mem_free(q);
        return;
    }
    f->spares++;
    q->next = f->spare;
    f->spare = q;
}

/* Takes away what is queued. */
static struct queued_chunk *
take_queue_locked(struct rdb_file *f)
{
    struct queued_chunk *q = f->first;

    for (const struct queued_chunk *i = q; i != NULL; i = i->next)
        f->backlog -= rdb_chunk_size(&i->chunk);
    f->first = NULL;
    f->last = &f->first;
    return q;
}

static void
settle_locked(struct rdb_file *f, enum rdb_file_state state)
{
    if (state == RDB_FILE_FAILED && f->why.len == 0)
        buf_add_slice(&f->why, buf_slice(&f->reason));
    f->state = state;
    pthread_cond_broadcast(&f->done);
}

/* What is next, which is `q` or, when there is none, the end. */
static enum rdb_file_state
write_next(struct rdb_file *f, const struct queued_chunk *q, bool hurry)
{
    enum rdb_file_state state = RDB_FILE_FAILED;

    if (!f->given_up && q != NULL && write_chunk(f, &q->chunk, hurry))
        state = RDB_FILE_WRITING;
    else if (!f->given_up && q == NULL && complete(f))
        state = RDB_FILE_DONE;
    if (state == RDB_FILE_FAILED)
        abandon(f);
    return state;
}

/* Works off what is queued, until the file is done or has failed; with `once` until there is nothing. */
static void
work(struct rdb_file *f, bool once)
{
    pthread_mutex_lock(&f->lock);
    while (f->state == RDB_FILE_WRITING) {
        struct queued_chunk *q = f->first;
        if (q == NULL && !f->ended && !f->given_up) {
            if (once)
                break;
            pthread_cond_wait(&f->more, &f->lock);
            continue;
        }
        if (q != NULL && (f->first = q->next) == NULL)
            f->last = &f->first;
        bool hurry = f->threaded && f->backlog > HURRY_BYTES;
        pthread_mutex_unlock(&f->lock);
        /* On a processor that is shared with the loop this thread would be left running until the next tick of the
         * scheduler, for milliseconds. */
        if (f->threaded)
            (void)sched_yield();
        enum rdb_file_state state = write_next(f, q, hurry);
        pthread_mutex_lock(&f->lock);
        if (q != NULL)
            recycle_locked(f, q);
        if (state != RDB_FILE_WRITING)
            settle_locked(f, state);
    }
    struct queued_chunk *rest = f->state == RDB_FILE_WRITING ? NULL : take_queue_locked(f);
    pthread_mutex_unlock(&f->lock);
    free_chunks(rest);
}

static void *
run(void *arg)
{
    struct rdb_file *f = arg;

    mem_thread_attach();
    cores_pin(f->cores);
    /* Where processors are short, clients go first; the walk rests when this thread can't follow. */
    int nice_now = getpriority(PRIO_PROCESS, (id_t)gettid());
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), nice_now + NICE < NICE_MAX ? nice_now + NICE : NICE_MAX);
    work(f, false);
    mem_thread_detach();
    return NULL;
}

struct rdb_file *
rdb_file_new(const struct rdb_file_options *opt, struct buf *why)
{
    struct rdb_file *f = mem_get_zero(sizeof(*f));

    *f = (struct rdb_file){
        .disk = opt->disk,
        .temp = mem_copy_text(opt->temp),
        .name = mem_copy_text(opt->name),
        .threaded = opt->threaded,
        .cores = opt->cores,
        .sync_often = opt->sync_often,
        .plain = opt->plain,
        .backlog_max = opt->backlog_max,
        .packer = {.compress = opt->compress, .checksum = opt->checksum},
    };
    if (f->backlog_max == 0)
        f->backlog_max = mem_used() / 2 > BACKLOG_MAX_LEAST ? mem_used() / 2 : BACKLOG_MAX_LEAST;
    f->last = &f->first;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->more, NULL);
    pthread_cond_init(&f->done, NULL);
    f->fd = f->disk->open(f->disk->ctx, f->temp, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (f->fd < 0) {
        buf_printf(why, "can't create %s: %s", f->temp, strerror(-f->fd));
        f->fd = -1;
        f->threaded = false;
        rdb_file_free(f);
        return NULL;
    }
    if (f->threaded && pthread_create(&f->thread, NULL, run, f) != 0) {
        buf_printf(why, "can't start a thread");
        f->threaded = false;
        rdb_file_free(f);
        return NULL;
    }
    if (f->threaded)
        (void)pthread_setname_np(f->thread, "snapshot");
    return f;
}

struct rdb_chunk *
rdb_file_chunk(struct rdb_file *f)
{
    pthread_mutex_lock(&f->lock);
    struct queued_chunk *q = f->spare;
    if (q != NULL) {
        f->spare = q->next;
        f->spares--;
    }
    bool hurry = f->threaded && f->backlog > HURRY_BYTES;
    pthread_mutex_unlock(&f->lock);
    if (q == NULL)
        q = mem_get_zero(sizeof(*q));
    /* Compression is what takes long. It is given up for as long as too much waits: a larger file is better than
     * memory. */
    q->chunk.plain = hurry || !f->packer.compress;
    return &q->chunk;
}

void
rdb_file_give_up(struct rdb_file *f, const char *why)
{
    pthread_mutex_lock(&f->lock);
    if (!f->given_up)
        buf_printf(&f->reason, "%s", why);
    f->given_up = true;
    pthread_cond_signal(&f->more);
    struct queued_chunk *dropped = take_queue_locked(f);
    pthread_mutex_unlock(&f->lock);
    /* It may be much, and the file's thread may be waiting for the disk. */
    if (dropped != NULL)
        chore_begin(&f->disposal, f->threaded, f->cores, free_chunks, dropped);
}

bool
rdb_file_is_given_up(const struct rdb_file *f)
{
    return f->given_up;
}

void
rdb_file_put(struct rdb_file *f, struct rdb_chunk *c)
{
    struct queued_chunk *q = (struct queued_chunk *)c;
    bool too_much = false;

    q->next = NULL;
    pthread_mutex_lock(&f->lock);
    f->backlog += rdb_chunk_size(c);
    if (f->given_up || f->state != RDB_FILE_WRITING) {
        recycle_locked(f, q);
    } else {
        *f->last = q;
        f->last = &q->next;
        pthread_cond_signal(&f->more);
        too_much = f->threaded && f->backlog > f->backlog_max;
    }
    pthread_mutex_unlock(&f->lock);
    if (too_much)
        rdb_file_give_up(f, "the disk is too slow: more waits to be written than there is room for");
    if (!f->threaded)
        work(f, true);
}

void
rdb_file_end(struct rdb_file *f)
{
    pthread_mutex_lock(&f->lock);
    f->ended = true;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
    if (!f->threaded)
        work(f, true);
}

size_t
rdb_file_backlog(const struct rdb_file *f)
{
    return f->backlog;
}

enum rdb_file_state
rdb_file_state(const struct rdb_file *f)
{
    return f->state;
}

uint64_t
rdb_file_written(const struct rdb_file *f)
{
    return f->written;
}

struct slice
rdb_file_why(const struct rdb_file *f)
{
    return buf_slice(&f->why);
}

enum rdb_file_state
rdb_file_wait(struct rdb_file *f)
{
    pthread_mutex_lock(&f->lock);
    while (f->state == RDB_FILE_WRITING)
        pthread_cond_wait(&f->done, &f->lock);
    enum rdb_file_state state = f->state;
    pthread_mutex_unlock(&f->lock);
    return state;
}

void
rdb_file_free(struct rdb_file *f)
{
    if (f == NULL)
        return;
    rdb_file_give_up(f, "it is not wanted any more");
    if (f->threaded)
        pthread_join(f->thread, NULL);
    abandon(f);
    chore_wait(&f->disposal);
    free_chunks(f->spare);
    pthread_cond_destroy(&f->more);
    pthread_cond_destroy(&f->done);
    pthread_mutex_destroy(&f->lock);
    buf_fini(&f->out);
    buf_fini(&f->why);
    buf_fini(&f->reason);
    mem_free(f->temp);
    mem_free(f->name);
    mem_free(f);
}
