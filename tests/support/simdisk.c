/* tests/support/simdisk.c - see simdisk.h. */
#include "support/simdisk.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>

enum { FILES_MAX = 256, FDS_MAX = 64, NAMES_MAX = 256, OPS_MAX = 1024, SECTOR = 512, PATH_LEN = 256 };

struct inode {
    struct buf now, disk;
    bool used;
};

struct name {
    char path[PATH_LEN];
    int inode;
};

struct names {
    struct name v[NAMES_MAX];
    int n;
};

enum op_kind { OP_LINK, OP_UNLINK, OP_RENAME };
struct op {
    enum op_kind kind;
    char a[PATH_LEN], b[PATH_LEN];
    int inode;
};

struct simdisk {
    struct rng rng;
    struct inode inodes[FILES_MAX];
    struct names now, disk;
    struct op ops[OPS_MAX]; /* on names, since their folder was synced */
    int op_count;
    struct {
        int inode; /* -1: closed */
        size_t at;
    } fds[FDS_MAX];
    uint64_t steps, off_at, fail_at, fail_count;
    int error;
    bool off;
};

static int
find_name(const struct names *n, const char *path)
{
    for (int i = 0; i < n->n; i++) {
        if (strcmp(n->v[i].path, path) == 0)
            return i;
    }
    return -1;
}

static void
set_name(struct names *n, const char *path, int inode)
{
    int i = find_name(n, path);

    if (i < 0) {
        CHECK(n->n < NAMES_MAX && strlen(path) < PATH_LEN);
        i = n->n++;
        memcpy(n->v[i].path, path, strlen(path) + 1);
    }
    n->v[i].inode = inode;
}

static void
drop_name(struct names *n, const char *path)
{
    int i = find_name(n, path);

    if (i >= 0)
        n->v[i] = n->v[--n->n];
}

static void
apply(struct names *n, const struct op *o)
{
    int from;

    switch (o->kind) {
    case OP_LINK: set_name(n, o->a, o->inode); break;
    case OP_UNLINK: drop_name(n, o->a); break;
    case OP_RENAME:
        from = find_name(n, o->a);
        if (from < 0)
            set_name(n, o->b, o->inode); /* its creation was lost, the rename was not */
        else {
            set_name(n, o->b, n->v[from].inode);
            drop_name(n, o->a);
        }
        break;
    }
}

static void
note(struct simdisk *s, enum op_kind kind, const char *a, const char *b, int inode)
{
    CHECK(s->op_count < OPS_MAX);
    struct op *o = &s->ops[s->op_count++];
    *o = (struct op){.kind = kind, .inode = inode};
    memcpy(o->a, a, strlen(a) + 1);
    if (b != NULL)
        memcpy(o->b, b, strlen(b) + 1);
    apply(&s->now, o);
}

/* 0, or the negative errno that this call is to give. */
static int
count_step(struct simdisk *s)
{
    s->steps++;
    if (s->off_at != 0 && s->steps >= s->off_at)
        s->off = true;
    if (s->off)
        return -EIO;
    if (s->fail_count > 0 && s->steps >= s->fail_at) {
        s->fail_count--;
        return -s->error;
    }
    return 0;
}

static int
sim_open(void *ctx, const char *path, int flags, unsigned mode)
{
    struct simdisk *s = ctx;
    int r = count_step(s), fd = 0, at = find_name(&s->now, path), inode = at >= 0 ? s->now.v[at].inode : -1;

    (void)mode;
    if (r < 0)
        return r;
    while (s->fds[fd].inode >= 0)
        fd++;
    CHECK(fd < FDS_MAX);
    if (inode < 0) {
        if (!(flags & O_CREAT))
            return -ENOENT;
        for (inode = 0; inode < FILES_MAX && s->inodes[inode].used; inode++) {
        }
        CHECK(inode < FILES_MAX);
        s->inodes[inode].used = true;
        note(s, OP_LINK, path, NULL, inode);
    } else if (flags & O_TRUNC) {
        buf_reset(&s->inodes[inode].now);
    }
    s->fds[fd].inode = inode;
    s->fds[fd].at = 0;
    return fd;
}

static int
sim_close(void *ctx, int fd)
{
    ((struct simdisk *)ctx)->fds[fd].inode = -1;
    return 0;
}

static struct inode *
inode_of(struct simdisk *s, int fd)
{
    CHECK(fd >= 0 && fd < FDS_MAX && s->fds[fd].inode >= 0);
    return &s->inodes[s->fds[fd].inode];
}

static ssize_t
sim_read(void *ctx, int fd, void *p, size_t n)
{
    struct simdisk *s = ctx;
    int r = count_step(s);
    struct inode *f = inode_of(s, fd);
    size_t at = s->fds[fd].at;

    if (r < 0)
        return r;
    if (at >= f->now.len)
        return 0;
    n = n < f->now.len - at ? n : f->now.len - at;
    memcpy(p, f->now.ptr + at, n);
    s->fds[fd].at += n;
    return (ssize_t)n;
}

static void
extend(struct buf *b, size_t len)
{
    if (b->len < len) {
        memset(buf_room(b, len - b->len), 0, len - b->len);
        b->len = len;
    }
}

static ssize_t
sim_write(void *ctx, int fd, const void *p, size_t n)
{
    struct simdisk *s = ctx;
    int r = count_step(s);
    struct inode *f = inode_of(s, fd);

    bool going = s->off && s->steps == s->off_at; /* the very call in which the power goes */
    if (r < 0 && n > 1 && (going || !s->off) && rng_below(&s->rng, 2) == 0) {
        n = (size_t)rng_below(&s->rng, n); /* a part of it was done */
        r = n > 0 ? 0 : r;
    }
    if (r < 0)
        return r;
    extend(&f->now, s->fds[fd].at + n);
    memcpy(f->now.ptr + s->fds[fd].at, p, n);
    s->fds[fd].at += n;
    return (ssize_t)n;
}

static int64_t
sim_size(void *ctx, int fd)
{
    struct simdisk *s = ctx;
    int r = count_step(s);

    return r < 0 ? r : (int64_t)inode_of(s, fd)->now.len;
}

static int64_t
sim_seek(void *ctx, int fd, int64_t at)
{
    ((struct simdisk *)ctx)->fds[fd].at = (size_t)at;
    return at;
}

static int
sim_truncate(void *ctx, int fd, int64_t size)
{
    struct simdisk *s = ctx;
    int r = count_step(s);

    if (r < 0)
        return r;
    struct inode *f = inode_of(s, fd);
    extend(&f->now, (size_t)size);
    f->now.len = (size_t)size;
    return 0;
}

static void
copy_bytes(struct buf *to, const struct buf *from)
{
    buf_reset(to);
    buf_add_slice(to, buf_slice(from));
}

static int
sim_sync(void *ctx, int fd)
{
    struct simdisk *s = ctx;
    int r = count_step(s);

    if (r < 0)
        return r;
    struct inode *f = inode_of(s, fd);
    copy_bytes(&f->disk, &f->now);
    return 0;
}

static int
sim_flush_hint(void *ctx, int fd, int64_t from, int64_t n)
{
    (void)fd;
    (void)from;
    (void)n;
    return count_step(ctx);
}

static int
sim_forget(void *ctx, int fd, int64_t from, int64_t n)
{
    return sim_flush_hint(ctx, fd, from, n);
}

static int
sim_rename(void *ctx, const char *from, const char *to)
{
    struct simdisk *s = ctx;
    int r = count_step(s), at = find_name(&s->now, from);

    if (r < 0)
        return r;
    if (at < 0)
        return -ENOENT;
    note(s, OP_RENAME, from, to, s->now.v[at].inode);
    return 0;
}

static int
sim_unlink(void *ctx, const char *path)
{
    struct simdisk *s = ctx;
    int r = count_step(s);

    if (r < 0)
        return r;
    if (find_name(&s->now, path) < 0)
        return -ENOENT;
    note(s, OP_UNLINK, path, NULL, -1);
    return 0;
}

static int
sim_mkdir(void *ctx, const char *path, unsigned mode)
{
    (void)path;
    (void)mode;
    return count_step(ctx);
}

static bool
is_in(const char *dir, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = strlen(dir);

    if (slash == NULL)
        return strcmp(dir, ".") == 0;
    return (size_t)(slash - path) == n && memcmp(path, dir, n) == 0;
}

static int
sim_sync_dir(void *ctx, const char *path)
{
    struct simdisk *s = ctx;
    int r = count_step(s), kept = 0;

    if (r < 0)
        return r;
    for (int i = 0; i < s->op_count; i++) {
        if (is_in(path, s->ops[i].a))
            apply(&s->disk, &s->ops[i]);
        else
            s->ops[kept++] = s->ops[i];
    }
    s->op_count = kept;
    return 0;
}

static int
sim_list(void *ctx, const char *path, disk_name *fn, void *arg)
{
    struct simdisk *s = ctx;
    int r = count_step(s);

    for (int i = 0; r == 0 && i < s->now.n; i++) {
        if (is_in(path, s->now.v[i].path)) {
            const char *slash = strrchr(s->now.v[i].path, '/');
            fn(arg, slash != NULL ? slash + 1 : s->now.v[i].path);
        }
    }
    return r;
}

struct simdisk *
simdisk_new(uint64_t seed)
{
    struct simdisk *s = mem_get_zero(sizeof(*s));

    rng_seed(&s->rng, seed);
    for (int i = 0; i < FDS_MAX; i++)
        s->fds[i].inode = -1;
    return s;
}

void
simdisk_free(struct simdisk *s)
{
    for (int i = 0; i < FILES_MAX; i++) {
        buf_fini(&s->inodes[i].now);
        buf_fini(&s->inodes[i].disk);
    }
    mem_free(s);
}

struct disk
simdisk_disk(struct simdisk *s)
{
    return (struct disk){
        .open = sim_open,
        .close = sim_close,
        .read = sim_read,
        .write = sim_write,
        .size = sim_size,
        .seek = sim_seek,
        .truncate = sim_truncate,
        .sync = sim_sync,
        .flush_hint = sim_flush_hint,
        .forget = sim_forget,
        .rename = sim_rename,
        .unlink = sim_unlink,
        .mkdir = sim_mkdir,
        .sync_dir = sim_sync_dir,
        .list = sim_list,
        .ctx = s,
    };
}

void
simdisk_power_off_at(struct simdisk *s, uint64_t n)
{
    s->off_at = n == 0 ? 0 : s->steps + n;
}

bool
simdisk_is_off(const struct simdisk *s)
{
    return s->off;
}

void
simdisk_fail_at(struct simdisk *s, uint64_t n, uint64_t count, int error)
{
    s->fail_at = s->steps + n;
    s->fail_count = count;
    s->error = error;
}

uint64_t
simdisk_steps(const struct simdisk *s)
{
    return s->steps;
}

/* -- the cut --------------------------------------------------------------------------------------------------- */

/* Any mixture of what was durable and what was not, by sectors; and any length in between. */
static void
settle_file(struct simdisk *s, struct inode *f)
{
    size_t shorter = f->disk.len < f->now.len ? f->disk.len : f->now.len, same = 0;
    size_t longer = f->disk.len > f->now.len ? f->disk.len : f->now.len, len;
    uint64_t mood = rng_below(&s->rng, 4); /* all, nothing, a clean cut, or torn */

    while (same < shorter && f->disk.ptr[same] == f->now.ptr[same])
        same++;
    if (mood == 0 || (same == longer))
        return copy_bytes(&f->disk, &f->now);
    if (mood == 1)
        return copy_bytes(&f->now, &f->disk);
    len = shorter + (size_t)rng_below(&s->rng, longer - shorter + 1);
    extend(&f->disk, len);
    f->disk.len = len;
    extend(&f->now, len);
    for (size_t i = same / SECTOR * SECTOR; i < len; i += SECTOR) {
        size_t n = len - i < SECTOR ? len - i : SECTOR;
        if (mood == 2 || rng_below(&s->rng, 2) == 0)
            memcpy(f->disk.ptr + i, f->now.ptr + i, n);
    }
    copy_bytes(&f->now, &f->disk);
}

void
simdisk_power_cut(struct simdisk *s)
{
    bool in_order = rng_below(&s->rng, 2) == 0;
    int until = (int)rng_below(&s->rng, (uint64_t)s->op_count + 1);

    for (int i = 0; i < s->op_count; i++) {
        if (in_order ? i < until : rng_below(&s->rng, 2) == 0)
            apply(&s->disk, &s->ops[i]);
    }
    s->op_count = 0;
    s->now = s->disk;
    for (int i = 0; i < FILES_MAX; i++) {
        struct inode *f = &s->inodes[i];
        bool named = false;
        for (int k = 0; k < s->now.n; k++)
            named |= s->now.v[k].inode == i;
        if (f->used && named) {
            settle_file(s, f);
        } else if (f->used) {
            buf_fini(&f->now);
            buf_fini(&f->disk);
            f->used = false;
        }
    }
    for (int i = 0; i < FDS_MAX; i++)
        s->fds[i].inode = -1;
    s->off = false;
    s->off_at = s->fail_count = 0;
}

struct slice
simdisk_peek(struct simdisk *s, const char *path)
{
    int at = find_name(&s->now, path);

    return at < 0 ? slice_of(NULL, 0) : buf_slice(&s->inodes[s->now.v[at].inode].now);
}

void
simdisk_put(struct simdisk *s, const char *path, struct slice bytes)
{
    int at = find_name(&s->now, path), inode = 0;

    if (at >= 0) {
        inode = s->now.v[at].inode;
    } else {
        while (s->inodes[inode].used)
            inode++;
        CHECK(inode < FILES_MAX);
    }
    struct inode *f = &s->inodes[inode];
    f->used = true;
    buf_reset(&f->now);
    buf_add_slice(&f->now, bytes);
    copy_bytes(&f->disk, &f->now);
    set_name(&s->now, path, inode);
    set_name(&s->disk, path, inode);
}
