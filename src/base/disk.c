/* base/disk.c - the machine's disk, and what every user of a disk needs. */
#include "base/disk.h"

#include "base/buf.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int
result(int r)
{
    return r < 0 ? -errno : r;
}

static int
system_open(void *ctx, const char *path, int flags, unsigned mode)
{
    (void)ctx;
    return result(open(path, flags | O_CLOEXEC, (mode_t)mode));
}

static int
system_close(void *ctx, int fd)
{
    (void)ctx;
    return result(close(fd));
}

static ssize_t
system_read(void *ctx, int fd, void *p, size_t n)
{
    ssize_t r = read(fd, p, n);

    (void)ctx;
    return r < 0 ? -errno : r;
}

static ssize_t
system_write(void *ctx, int fd, const void *p, size_t n)
{
    ssize_t r = write(fd, p, n);

    (void)ctx;
    return r < 0 ? -errno : r;
}

static int64_t
system_size(void *ctx, int fd)
{
    struct stat st;

    (void)ctx;
    if (fstat(fd, &st) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? -EISDIR : (int64_t)st.st_size;
}

static int64_t
system_seek(void *ctx, int fd, int64_t at)
{
    off_t r = lseek(fd, (off_t)at, SEEK_SET);

    (void)ctx;
    return r < 0 ? -errno : (int64_t)r;
}

static int
system_truncate(void *ctx, int fd, int64_t size)
{
    (void)ctx;
    return result(ftruncate(fd, (off_t)size));
}

static int
system_sync(void *ctx, int fd)
{
    (void)ctx;
    return result(fdatasync(fd));
}

static int
system_flush_hint(void *ctx, int fd, int64_t from, int64_t n)
{
    (void)ctx;
    return result(sync_file_range(fd, (off64_t)from, (off64_t)n, SYNC_FILE_RANGE_WRITE));
}

static int
system_forget(void *ctx, int fd, int64_t from, int64_t n)
{
    (void)ctx;
    return -posix_fadvise(fd, (off_t)from, (off_t)n, POSIX_FADV_DONTNEED);
}

static int
system_rename(void *ctx, const char *from, const char *to)
{
    (void)ctx;
    return result(rename(from, to));
}

static int
system_unlink(void *ctx, const char *path)
{
    (void)ctx;
    return result(unlink(path));
}

static int
system_mkdir(void *ctx, const char *path, unsigned mode)
{
    (void)ctx;
    return result(mkdir(path, (mode_t)mode));
}

static int
system_sync_dir(void *ctx, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)ctx;
    if (fd < 0)
        return -errno;
    int r = result(fsync(fd));
    (void)close(fd);
    /* Some file systems can't sync a folder and need not be asked to. */
    return r == -EINVAL ? 0 : r;
}

static int
system_list(void *ctx, const char *path, disk_name *fn, void *arg)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    (void)ctx;
    if (dir == NULL)
        return -errno;
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            fn(arg, entry->d_name);
    }
    (void)closedir(dir);
    return 0;
}

struct disk
disk_system(void)
{
    return (struct disk){
        .open = system_open,
        .close = system_close,
        .read = system_read,
        .write = system_write,
        .size = system_size,
        .seek = system_seek,
        .truncate = system_truncate,
        .sync = system_sync,
        .flush_hint = system_flush_hint,
        .forget = system_forget,
        .rename = system_rename,
        .unlink = system_unlink,
        .mkdir = system_mkdir,
        .sync_dir = system_sync_dir,
        .list = system_list,
    };
}

int
disk_open_to_read(const struct disk *d, const char *path, uint64_t *size, struct buf *why)
{
    int fd = d->open(d->ctx, path, O_RDONLY, 0);
    int64_t n = fd < 0 ? fd : d->size(d->ctx, fd);

    if (n >= 0) {
        *size = (uint64_t)n;
        return fd;
    }
    buf_printf(why, "can't open %s: %s", path, strerror((int)-n));
    if (fd >= 0)
        (void)d->close(d->ctx, fd);
    return (int)n;
}

int
disk_write_all(const struct disk *d, int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = d->write(d->ctx, fd, bytes.ptr, bytes.len);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return (int)n;
        if (n == 0)
            return -EIO;
        bytes = slice_skip(bytes, (size_t)n);
    }
    return 0;
}

ssize_t
disk_read_full(const struct disk *d, int fd, void *p, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t r = d->read(d->ctx, fd, (char *)p + done, n - done);
        if (r == -EINTR)
            continue;
        if (r < 0)
            return r;
        if (r == 0)
            break;
        done += (size_t)r;
    }
    return (ssize_t)done;
}

void
disk_forget_file(const struct disk *d, const char *path)
{
    enum { PIECE_BYTES = 1 << 20 };
    int fd = d->forget != NULL ? d->open(d->ctx, path, O_RDONLY, 0) : -EINVAL;

    if (fd < 0)
        return;
    for (int64_t at = 0, size = d->size(d->ctx, fd); at < size; at += PIECE_BYTES) {
        (void)d->forget(d->ctx, fd, at, PIECE_BYTES);
        /* The kernel does not leave a call for a thread that waits. */
        (void)sched_yield();
    }
    (void)d->close(d->ctx, fd);
}

int
disk_sync_parent(const struct disk *d, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct buf dir = {0};

    if (slash == NULL)
        return d->sync_dir(d->ctx, ".");
    buf_add(&dir, path, slash == path ? 1 : (size_t)(slash - path));
    buf_add_char(&dir, '\0');
    int r = d->sync_dir(d->ctx, dir.ptr);
    buf_fini(&dir);
    return r;
}

int
disk_sync_file(const struct disk *d, int fd)
{
    int r;

    do {
        r = d->sync(d->ctx, fd);
    } while (r == -EINTR);
    return r;
}

int
disk_publish(const struct disk *d, int fd, const char *temp, const char *name)
{
    int r = disk_sync_file(d, fd);

    if (r == 0)
        return disk_publish_synced(d, fd, temp, name);
    (void)d->close(d->ctx, fd);
    (void)d->unlink(d->ctx, temp);
    return r;
}

int
disk_publish_synced(const struct disk *d, int fd, const char *temp, const char *name)
{
    int r = d->close(d->ctx, fd);

    if (r == 0 || r == -EINTR)
        r = d->rename(d->ctx, temp, name);
    if (r < 0) {
        (void)d->unlink(d->ctx, temp);
        return r;
    }
    return disk_sync_parent(d, name);
}
