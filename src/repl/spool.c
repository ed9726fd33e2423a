/* repl/spool.c - see spool.h. */
#include "repl/spool.h"

#include "base/mem.h"
#include "repl/tape.h"

#include <errno.h>
#include <pthread.h>

enum { MEMORY_LEAST = 4 * TAPE_BLOCK_BYTES, ONLY_FILE = 1 };

struct spool {
    struct disk face; /* what the writer sees */
    pthread_mutex_t lock;
    pthread_cond_t room;
    struct tape tape;
    size_t memory_max;
    bool abandoned;
};

/* -- the writer's side ----------------------------------------------------------------------------------------- */

static int
face_open(void *ctx, const char *path, int flags, unsigned mode)
{
    return ONLY_FILE;
}

static int
face_close(void *ctx, int fd)
{
    return 0;
}

static ssize_t
face_read(void *ctx, int fd, void *p, size_t n)
{
    return -EINVAL;
}

static int64_t
face_size(void *ctx, int fd)
{
    return (int64_t)spool_size(ctx);
}

static int64_t
face_seek(void *ctx, int fd, int64_t at)
{
    return -ESPIPE;
}

static int
face_truncate(void *ctx, int fd, int64_t size)
{
    return -EINVAL;
}

static int
face_sync(void *ctx, int fd)
{
    return 0;
}

static int
face_flush_hint(void *ctx, int fd, int64_t from, int64_t n)
{
    return 0;
}

static int
face_rename(void *ctx, const char *from, const char *to)
{
    return 0;
}

static int
face_path(void *ctx, const char *path)
{
    return 0;
}

static int
face_mkdir(void *ctx, const char *path, unsigned mode)
{
    return 0;
}

static int
face_list(void *ctx, const char *path, disk_name *fn, void *arg)
{
    return 0;
}

static ssize_t
face_write(void *ctx, int fd, const void *p, size_t n)
{
    struct spool *s = ctx;

    pthread_mutex_lock(&s->lock);
    tape_add(&s->tape, slice_of(p, n));
    while (!s->abandoned && tape_memory(&s->tape) > s->memory_max && !tape_spill(&s->tape, tape_end(&s->tape)))
        pthread_cond_wait(&s->room, &s->lock);
    bool abandoned = s->abandoned;
    pthread_mutex_unlock(&s->lock);
    return abandoned ? -EPIPE : (ssize_t)n;
}

/* -- the loop's side ------------------------------------------------------------------------------------------- */

struct spool *
spool_new(const struct disk *disk, size_t memory_max)
{
    struct spool *s = mem_get_zero(sizeof(*s));

    s->face = (struct disk){
        .open = face_open,
        .close = face_close,
        .read = face_read,
        .write = face_write,
        .size = face_size,
        .seek = face_seek,
        .truncate = face_truncate,
        .sync = face_sync,
        .flush_hint = face_flush_hint,
        .rename = face_rename,
        .unlink = face_path,
        .mkdir = face_mkdir,
        .sync_dir = face_path,
        .list = face_list,
        .ctx = s,
    };
    s->memory_max = memory_max > MEMORY_LEAST ? memory_max : MEMORY_LEAST;
    tape_init(&s->tape, 0, disk);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->room, NULL);
    return s;
}

void
spool_free(struct spool *s)
{
    if (s == NULL)
        return;
    tape_fini(&s->tape);
    pthread_cond_destroy(&s->room);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

const struct disk *
spool_disk(struct spool *s)
{
    return &s->face;
}

void
spool_abandon(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    s->abandoned = true;
    pthread_cond_signal(&s->room);
    pthread_mutex_unlock(&s->lock);
}

uint64_t
spool_size(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t n = tape_end(&s->tape);
    pthread_mutex_unlock(&s->lock);
    return n;
}

size_t
spool_memory(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = tape_memory(&s->tape);
    pthread_mutex_unlock(&s->lock);
    return n;
}

size_t
spool_send(struct spool *s, uint64_t at, size_t max, struct out *out, bool *failed)
{
    /* The writer may be waiting for a disk with the lock in its hands. */
    if (pthread_mutex_trylock(&s->lock) != 0)
        return 0;
    size_t n = tape_send(&s->tape, at, max, out, failed);
    pthread_mutex_unlock(&s->lock);
    return n;
}

void
spool_forget(struct spool *s, uint64_t before)
{
    pthread_mutex_lock(&s->lock);
    tape_forget(&s->tape, before);
    pthread_cond_signal(&s->room);
    pthread_mutex_unlock(&s->lock);
}
