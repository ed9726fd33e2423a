/* tests/unit/test_rdb_file.c - writing a snapshot on a disk that fails: at every call once, with every kind of trouble.
 *
 * Whatever happens, the file of the name is the whole old one or the whole new one, and success is never claimed
 * falsely. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/rdb_file.h"
#include "store/rdb_read.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum trouble { ERROR_IO, ERROR_FULL, SHORT_ONCE, INTERRUPTED_ONCE, TROUBLES };

struct bad_disk {
    struct disk disk, real;
    int calls, fail_at;
    enum trouble trouble;
    bool renamed;
};

/* 0: this call works; else what goes wrong. */
static int
next(struct bad_disk *b, bool can_be_short)
{
    if (++b->calls != b->fail_at)
        return 0;
    switch (b->trouble) {
    case ERROR_IO: return -EIO;
    case ERROR_FULL: return -ENOSPC;
    case INTERRUPTED_ONCE: return can_be_short ? -EINTR : 0;
    default: return can_be_short ? 1 : 0;
    }
}

static int
bad_open(void *ctx, const char *path, int flags, unsigned mode)
{
    struct bad_disk *b = ctx;
    int r = next(b, false);

    return r < 0 ? r : b->real.open(b->real.ctx, path, flags, mode);
}

static int
bad_close(void *ctx, int fd)
{
    struct bad_disk *b = ctx;
    int r = next(b, false), done = b->real.close(b->real.ctx, fd);

    return r < 0 ? r : done;
}

static ssize_t
bad_write(void *ctx, int fd, const void *p, size_t n)
{
    struct bad_disk *b = ctx;
    int r = next(b, true);

    if (r < 0)
        return r;
    return b->real.write(b->real.ctx, fd, p, r == 1 ? (n + 1) / 2 : n);
}

static int
bad_sync(void *ctx, int fd)
{
    struct bad_disk *b = ctx;
    int r = next(b, false);

    return r < 0 ? r : b->real.sync(b->real.ctx, fd);
}

static int
bad_rename(void *ctx, const char *from, const char *to)
{
    struct bad_disk *b = ctx;
    int r = next(b, false);

    if (r < 0)
        return r;
    b->renamed = true;
    return b->real.rename(b->real.ctx, from, to);
}

static int
bad_sync_dir(void *ctx, const char *path)
{
    struct bad_disk *b = ctx;
    int r = next(b, false);

    return r < 0 ? r : b->real.sync_dir(b->real.ctx, path);
}

static int
real_unlink(void *ctx, const char *path)
{
    struct bad_disk *b = ctx;

    return b->real.unlink(b->real.ctx, path);
}

static int
real_hint(void *ctx, int fd, int64_t from, int64_t n)
{
    (void)ctx, (void)fd, (void)from, (void)n;
    return 0;
}

static void
bad_disk_init(struct bad_disk *b, int fail_at, enum trouble trouble)
{
    *b = (struct bad_disk){.real = disk_system(), .fail_at = fail_at, .trouble = trouble};
    b->disk = (struct disk){.open = bad_open,
                            .close = bad_close,
                            .write = bad_write,
                            .sync = bad_sync,
                            .rename = bad_rename,
                            .sync_dir = bad_sync_dir,
                            .unlink = real_unlink,
                            .flush_hint = real_hint,
                            .ctx = b};
}

static enum rdb_file_state
write_snapshot(const struct disk *d, const char *temp, const char *name, int keys, bool threaded)
{
    struct rdb_file_options opt = {.disk = d,
                                   .temp = temp,
                                   .name = name,
                                   .compress = true,
                                   .checksum = true,
                                   .sync_often = true,
                                   .threaded = threaded};
    struct buf why = {0};
    struct rdb_file *f = rdb_file_new(&opt, &why);

    buf_fini(&why);
    if (f == NULL)
        return RDB_FILE_FAILED;
    struct rdb_chunk *c = rdb_file_chunk(f);
    rdb_put_magic(c, RDB_VERSION_WRITTEN);
    rdb_put_db(c, 0, (size_t)keys, 0);
    for (int i = 0; i < keys; i++) {
        char key[32], value[1000];
        struct rdb_value v;
        struct slice k = slice_of(key, (size_t)snprintf(key, sizeof(key), "key:%d", i));
        for (size_t n = 0; n < sizeof(value); n++)
            value[n] = (char)(n * (size_t)i >> 3);
        struct entry *e = entry_new_string(k, slice_of(value, sizeof(value)), -1);
        rdb_put_key(c, &v, e, RDB_CLOCK_NONE, 0);
        assert_true(rdb_put_value(c, &v, SIZE_MAX));
        entry_free(e);
        if (i % 100 == 99) {
            rdb_file_put(f, c);
            c = rdb_file_chunk(f);
        }
    }
    rdb_put_eof(c);
    rdb_file_put(f, c);
    rdb_file_end(f);
    enum rdb_file_state state = rdb_file_wait(f);
    assert_true((state == RDB_FILE_FAILED) == (rdb_file_why(f).len > 0));
    rdb_file_free(f);
    return state;
}

static bool
count_key(void *ctx, struct entry *e, const struct rdb_key *k, struct buf *why)
{
    (void)k, (void)why;
    ++*(int *)ctx;
    entry_free(e);
    return true;
}

/* Keys in the file; -1 when it is not a whole snapshot. */
static int
keys_in(const char *name)
{
    struct disk d = disk_system();
    int keys = 0, fd = d.open(d.ctx, name, O_RDONLY, 0);
    struct rdb_handler h = {.key = count_key, .ctx = &keys};
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});
    struct rdb_reader *r = rdb_reader_new(&h, &lim);
    enum rdb_progress p = RDB_WANTS_MORE;

    while (fd >= 0 && p == RDB_WANTS_MORE) {
        ssize_t n = disk_read_full(&d, fd, rdb_reader_room(r, 65536), 65536);
        if (n <= 0)
            break;
        p = rdb_reader_feed(r, (size_t)n);
    }
    rdb_reader_free(r);
    if (fd >= 0)
        (void)d.close(d.ctx, fd);
    return p == RDB_COMPLETE ? keys : -1;
}

static void
test_every_call_fails_once(void **state)
{
    enum { OLD = 10, FRESH = 1500 };
    char dir[] = "/tmp/test_rdb_file-XXXXXX", temp[64], name[64];
    struct disk d = disk_system();
    int rounds = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(temp, sizeof(temp), "%s/temp", dir);
    snprintf(name, sizeof(name), "%s/dump.rdb", dir);
    struct bad_disk b;
    bad_disk_init(&b, 0, ERROR_IO);
    assert_int_equal(write_snapshot(&b.disk, temp, name, FRESH, false), RDB_FILE_DONE);
    int calls = b.calls;
    for (int trouble = 0; trouble < TROUBLES; trouble++) {
        for (int at = 1; at <= calls; at++, rounds++) {
            bad_disk_init(&b, at, (enum trouble)trouble);
            assert_int_equal(write_snapshot(&d, temp, name, OLD, false), RDB_FILE_DONE);
            enum rdb_file_state got = write_snapshot(&b.disk, temp, name, FRESH, at % 2 == 0);
            assert_int_equal(keys_in(name), b.renamed ? FRESH : OLD);
            if (got == RDB_FILE_DONE)
                assert_true(b.renamed);
            if ((trouble == ERROR_IO || trouble == ERROR_FULL) && b.calls >= at)
                assert_int_equal(got, RDB_FILE_FAILED);
            if (trouble == SHORT_ONCE || trouble == INTERRUPTED_ONCE)
                assert_int_equal(got, RDB_FILE_DONE);
            assert_int_not_equal(access(temp, F_OK), 0);
        }
    }
    assert_true(calls >= 7 && rounds == TROUBLES * calls);
    (void)unlink(name);
    assert_int_equal(rmdir(dir), 0);
}

/* One that is given up in the middle leaves nothing. */
static void
test_given_up(void **state)
{
    char dir[] = "/tmp/test_rdb_file-XXXXXX", temp[64], name[64];
    struct disk d = disk_system();
    struct buf why = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(temp, sizeof(temp), "%s/temp", dir);
    snprintf(name, sizeof(name), "%s/dump.rdb", dir);
    for (int threaded = 0; threaded < 2; threaded++) {
        struct rdb_file_options opt = {.disk = &d, .temp = temp, .name = name, .threaded = threaded != 0};
        struct rdb_file *f = rdb_file_new(&opt, &why);
        assert_non_null(f);
        struct rdb_chunk *c = rdb_file_chunk(f);
        rdb_put_magic(c, RDB_VERSION_WRITTEN);
        rdb_file_put(f, c);
        rdb_file_free(f);
        assert_int_not_equal(access(temp, F_OK), 0);
        assert_int_not_equal(access(name, F_OK), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

/* -- a disk that stands still ----------------------------------------------------------------------------------- */

struct still_disk {
    struct disk disk, real;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool still, waited_for; /* guarded by lock */
};

static ssize_t
still_write(void *ctx, int fd, const void *p, size_t n)
{
    struct still_disk *d = ctx;

    pthread_mutex_lock(&d->lock);
    d->waited_for = true;
    pthread_cond_broadcast(&d->changed);
    while (d->still)
        pthread_cond_wait(&d->changed, &d->lock);
    pthread_mutex_unlock(&d->lock);
    return d->real.write(d->real.ctx, fd, p, n);
}

static void
wait_for_writer(struct still_disk *d)
{
    pthread_mutex_lock(&d->lock);
    while (!d->waited_for)
        pthread_cond_wait(&d->changed, &d->lock);
    pthread_mutex_unlock(&d->lock);
}

static void
go_on(struct still_disk *d)
{
    pthread_mutex_lock(&d->lock);
    d->still = false;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

static void
put_letters(struct rdb_file *f, size_t n)
{
    struct rdb_chunk *c = rdb_file_chunk(f);

    memset(buf_room(&c->bytes, n), 'x', n);
    buf_advance(&c->bytes, n);
    rdb_file_put(f, c);
}

/* What waits for it has a bound; nobody who gives the file up waits for the disk. */
static void
test_a_disk_that_stands_still(void **state)
{
    enum { CHUNK = 64 << 10, BACKLOG = 1 << 20 };
    char dir[] = "/tmp/test_rdb_file-XXXXXX", temp[64], name[64];
    struct buf why = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(temp, sizeof(temp), "%s/temp", dir);
    snprintf(name, sizeof(name), "%s/dump.rdb", dir);
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        struct still_disk d = {.disk = disk_system(), .real = disk_system(), .still = true};
        pthread_mutex_init(&d.lock, NULL);
        pthread_cond_init(&d.changed, NULL);
        d.disk.write = still_write;
        d.disk.ctx = &d;
        struct rdb_file_options opt = {
            .disk = &d.disk, .temp = temp, .name = name, .threaded = true, .plain = true, .backlog_max = BACKLOG};
        struct rdb_file *f = rdb_file_new(&opt, &why);
        assert_non_null(f);
        put_letters(f, CHUNK);
        wait_for_writer(&d);
        for (int i = 0; i < (cancelled ? 8 : 100 * BACKLOG / CHUNK); i++) {
            put_letters(f, CHUNK);
            assert_true(rdb_file_backlog(f) <= BACKLOG + 2 * CHUNK);
        }
        assert_int_equal(rdb_file_is_given_up(f), !cancelled);
        if (cancelled)
            rdb_file_give_up(f, "cancelled");
        assert_true(rdb_file_backlog(f) <= CHUNK); /* what the thread has in its hands */
        assert_int_equal(rdb_file_state(f), RDB_FILE_WRITING);
        go_on(&d);
        assert_int_equal(rdb_file_wait(f), RDB_FILE_FAILED);
        buf_reset(&why);
        buf_add_slice(&why, rdb_file_why(f));
        buf_add_char(&why, '\0');
        assert_non_null(strstr(why.ptr, cancelled ? "cancelled" : "the disk is too slow"));
        assert_int_not_equal(access(temp, F_OK), 0);
        put_letters(f, CHUNK);
        assert_int_equal(rdb_file_backlog(f), 0);
        rdb_file_free(f);
        pthread_cond_destroy(&d.changed);
        pthread_mutex_destroy(&d.lock);
    }
    assert_int_not_equal(access(name, F_OK), 0);
    buf_fini(&why);
    assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_fails_once),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_a_disk_that_stands_still),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
