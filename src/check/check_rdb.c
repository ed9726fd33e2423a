/* check/check_rdb.c - reads a snapshot as a server would, and tells what it found. */
#include "base/clock.h"
#include "base/disk.h"
#include "base/progress.h"
#include "check/check.h"
#include "check/export_json.h"
#include "store/rdb_read.h"
#include "value/hash.h"
#include "value/list.h"
#include "value/set.h"
#include "value/stream.h"
#include "value/zset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20 };

struct tally {
    uint64_t keys, elements, bytes;
};

struct check {
    struct tally types[TYPE_COUNT];
    uint64_t expiring, expired, functions;
    int64_t now_ms;
    bool export;
    struct buf line, last_key;
    struct buf facts; /* what the file says of itself */
};

static bool
on_key(void *ctx, struct entry *e, const struct rdb_key *k, struct buf *why)
{
    struct check *c = ctx;
    struct tally *t = &c->types[entry_type(e)];

    (void)why;
    t->keys++;
    t->elements += entry_type(e) == TYPE_STRING ? 1 : entry_elements(e);
    t->bytes += entry_bytes(e);
    c->expiring += k->expiry >= 0;
    c->expired += k->expiry >= 0 && k->expiry < c->now_ms;
    buf_reset(&c->last_key);
    buf_add_slice(&c->last_key, entry_key(e));
    if (c->export) {
        buf_reset(&c->line);
        export_json(&c->line, k->db, e);
        (void)fwrite(c->line.ptr, 1, c->line.len, stdout);
    }
    entry_free(e);
    return true;
}

/* Text from a file must not reach a terminal as it is. */
static void
add_printable(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.len && i < 200; i++) {
        unsigned char ch = (unsigned char)s.ptr[i];
        if (ch >= 0x20 && ch < 0x7f)
            buf_add_char(out, (char)ch);
        else
            buf_printf(out, "\\x%02x", ch);
    }
}

static void
on_aux(void *ctx, struct slice name, struct slice value)
{
    struct check *c = ctx;

    buf_add_slice(&c->facts, LIT("  "));
    add_printable(&c->facts, name);
    buf_add_slice(&c->facts, LIT(": "));
    add_printable(&c->facts, value);
    buf_add_char(&c->facts, '\n');
}

static bool
on_function(void *ctx, struct slice code, struct buf *why)
{
    struct check *c = ctx;

    (void)code, (void)why;
    c->functions++;
    return true;
}

static void
report(struct check *c, struct rdb_reader *r, uint64_t total)
{
    printf("version %d, %llu bytes, %llu keys, %llu that expire (%llu of them have), %llu libraries of functions\n",
           rdb_reader_version(r), (unsigned long long)total, (unsigned long long)rdb_reader_keys(r),
           (unsigned long long)c->expiring, (unsigned long long)c->expired, (unsigned long long)c->functions);
    if (c->facts.len > 0)
        printf("%.*s", (int)c->facts.len, c->facts.ptr);
    printf("%-10s %12s %14s %16s\n", "type", "keys", "elements", "bytes in memory");
    for (int i = 0; i < TYPE_COUNT; i++) {
        const struct tally *t = &c->types[i];
        if (t->keys > 0)
            printf("%-10s %12llu %14llu %16llu\n", value_type_name((enum value_type)i), (unsigned long long)t->keys,
                   (unsigned long long)t->elements, (unsigned long long)t->bytes);
    }
}

static int
verdict(struct check *c, struct rdb_reader *r, enum rdb_progress p)
{
    struct slice why = rdb_reader_why(r);

    if (p == RDB_COMPLETE) {
        if (!c->export)
            puts("The snapshot is fine.");
        return CHECK_FINE;
    }
    struct buf key = {0};
    add_printable(&key, buf_slice(&c->last_key));
    fprintf(stderr, "The snapshot is damaged: %.*s\n", (int)why.len, why.ptr);
    if (rdb_reader_keys(r) > 0)
        fprintf(stderr, "The last whole key is number %llu: %.*s\n", (unsigned long long)rdb_reader_keys(r),
                (int)key.len, key.ptr);
    buf_fini(&key);
    return CHECK_DAMAGED;
}

static enum rdb_progress
read_file(const struct disk *d, int fd, uint64_t total, struct rdb_reader *r, int *error)
{
    enum rdb_progress p = RDB_WANTS_MORE;
    struct progress bar;
    uint64_t done = 0;

    progress_begin(&bar, total);
    while (p == RDB_WANTS_MORE) {
        char *room = rdb_reader_room(r, READ_BYTES);
        ssize_t n = room != NULL ? disk_read_full(d, fd, room, READ_BYTES) : -ENOMEM;
        if (n < 0)
            *error = (int)-n;
        if (n <= 0)
            break;
        p = rdb_reader_feed(r, (size_t)n);
        done += (uint64_t)n;
        progress_at(&bar, done);
    }
    progress_end(&bar, done);
    if (p == RDB_WANTS_MORE)
        rdb_reader_cut(r);
    return p;
}

static bool
read_arguments(int argc, char **argv, const char **path, bool *export)
{
    for (int i = 0; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--export") == 0 && strcmp(argv[i + 1], "json") == 0) {
            *export = true;
            i++;
        } else if (argv[i][0] == '-' || *path != NULL) {
            return false;
        } else {
            *path = argv[i];
        }
    }
    return *path != NULL;
}

int
check_rdb(int argc, char **argv)
{
    struct disk d = disk_system();
    struct clock clock = clock_system();
    struct check c = {.now_ms = clock_wall_us(&clock) / 1000};
    struct rdb_handler h = {.key = on_key, .aux = on_aux, .function = on_function, .ctx = &c};
    struct value_limits lim = value_limits_default((struct hash_seed){1, 2});

    const char *path = NULL;

    if (!read_arguments(argc, argv, &path, &c.export)) {
        fputs("usage: sorrel-check rdb FILE [--export json]\n", stderr);
        return CHECK_FAILED;
    }
    int fd = d.open(d.ctx, path, O_RDONLY, 0);
    if (fd < 0) {
        fprintf(stderr, "Can't open %s: %s\n", path, strerror(-fd));
        return CHECK_FAILED;
    }
    int64_t size = d.size(d.ctx, fd);
    uint64_t total = size > 0 ? (uint64_t)size : 0;
    struct rdb_reader *r = rdb_reader_new(&h, &lim);
    int error = 0, code = CHECK_FAILED;
    enum rdb_progress p = read_file(&d, fd, total, r, &error);
    if (!c.export)
        report(&c, r, total);
    if (error != 0)
        fprintf(stderr, "Can't read %s: %s\n", path, strerror(error));
    else
        code = verdict(&c, r, p);
    rdb_reader_free(r);
    (void)d.close(d.ctx, fd);
    buf_fini(&c.line);
    buf_fini(&c.last_key);
    buf_fini(&c.facts);
    return code;
}
