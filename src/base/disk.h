/* base/disk.h - files as an input and output that tests can replace.
 *
 * Whoever reads or writes files is handed a struct disk: the machine's own (disk_system()) or, in tests, one that
 * fails, forgets what was not synced, reorders and tears. Every function returns a negative errno on failure; nothing
 * is retried in the functions themselves: short reads, short writes and EINTR reach the caller, who uses the helpers
 * below.
 *
 * What is durable: the bytes of a file after sync(); a name (after open with O_CREAT, rename, unlink, mkdir) after
 * sync_dir() of the folder it is in.
 *
 * Threads: the machine's disk may be used from any thread; a single file by one at a time.
 */
#ifndef SORREL_BASE_DISK_H
#define SORREL_BASE_DISK_H

#include "base/slice.h"

#include <fcntl.h>
#include <sys/types.h>

struct buf;

typedef void disk_name(void *arg, const char *name);

struct disk {
    /* flags and mode as open(2); the file is closed on exec. Returns a descriptor. */
    int (*open)(void *ctx, const char *path, int flags, unsigned mode);
    int (*close)(void *ctx, int fd);
    ssize_t (*read)(void *ctx, int fd, void *p, size_t n); /* 0: the end */
    ssize_t (*write)(void *ctx, int fd, const void *p, size_t n);
    int64_t (*size)(void *ctx, int fd);
    int64_t (*seek)(void *ctx, int fd, int64_t at); /* from the start */
    int (*truncate)(void *ctx, int fd, int64_t size);
    int (*sync)(void *ctx, int fd);
    /* Starts writing what is dirty without waiting for it; a hint. */
    int (*flush_hint)(void *ctx, int fd, int64_t from, int64_t n);
    /* Lets go of what the machine remembers of bytes that are on the disk already; a hint; may be NULL.
     * What is remembered of a file that is removed or replaced goes in one call, during which the kernel may not let
     * another thread run. */
    int (*forget)(void *ctx, int fd, int64_t from, int64_t n);
    int (*rename)(void *ctx, const char *from, const char *to);
    int (*unlink)(void *ctx, const char *path);
    int (*mkdir)(void *ctx, const char *path, unsigned mode);
    int (*sync_dir)(void *ctx, const char *path);
    /* Calls fn for each name in a folder but . and .. */
    int (*list)(void *ctx, const char *path, disk_name *fn, void *arg);
    void *ctx;
};

/* The machine's. */
struct disk disk_system(void);

/* Opens a file that is to be read, and tells its size. The descriptor, or a negative errno with the reason added to
 * why. */
int disk_open_to_read(const struct disk *d, const char *path, uint64_t *size, struct buf *why);
/* 0 or a negative errno. Goes on after short writes and EINTR. */
int disk_write_all(const struct disk *d, int fd, struct slice bytes);
/* Bytes read: fewer than n only at the end of the file. Or a negative errno. */
ssize_t disk_read_full(const struct disk *d, int fd, void *p, size_t n);
/* sync, gone on with after EINTR. 0 or a negative errno. */
int disk_sync_file(const struct disk *d, int fd);
/* Makes the file under the name `temp` the one called `name`, durably: syncs the file, closes it, renames it, syncs the
 * folder of `name`. fd is closed in any case; on failure `temp` is removed, unless it already has its new name. */
int disk_publish(const struct disk *d, int fd, const char *temp, const char *name);
/* The same for a file that disk_sync_file() has already synced. */
int disk_publish_synced(const struct disk *d, int fd, const char *temp, const char *name);
/* Lets go, piece by piece, of what the machine remembers of the file of that name, which is about to be removed or
 * replaced. */
void disk_forget_file(const struct disk *d, const char *path);
/* sync_dir of the folder that `path` is in. */
int disk_sync_parent(const struct disk *d, const char *path);

#endif
