/* tests/unit/test_snapshot.c - a snapshot that is made while commands run holds the moment it began, nothing else.
 *
 * The model: the dataset is saved in one go; then a snapshot of the same moment is made in tiny steps while random
 * commands change, delete, rename, expire, move, flush and exchange everything. Both files are loaded and must be the
 * same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail
#undef fail_msg

#include "base/mem.h"
#include "cmd/families.h"
#include "engine/dispatch.h"
#include "engine/effects.h"
#include "engine/engine.h"
#include "engine/keyspace.h"
#include "engine/session.h"
#include "engine/settings.h"
#include "store/rdb_load.h"
#include "store/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct bench {
    struct engine *engine;
    struct session *session;
    struct rng rng;
    int64_t wall_us, mono_ns;
    char dir[64];
    char path[2][96], temp[2][96];
};

static int64_t
wall(void *ctx)
{
    return ((struct bench *)ctx)->wall_us;
}

/* Every look at the clock takes a while, so that a step of 1 us looks once or twice. */
static int64_t
mono(void *ctx)
{
    return ((struct bench *)ctx)->mono_ns += 1000;
}

static struct engine *
fresh_engine(struct bench *b)
{
    struct hash_seed seed = {rng_next(&b->rng), rng_next(&b->rng)};
    struct engine_options opt = {.clock = {wall, mono, b},
                                 .rng_seed = 1,
                                 .hash_seed = seed,
                                 .databases = 4,
                                 .families = cmd_families,
                                 .limits = value_limits_default(seed)};
    struct engine *e = engine_new(&opt);

    engine_settings(e)->enable_debug_command = true;
    return e;
}

static void
run(struct bench *b, struct engine *e, struct session *s, struct buf *reply, const char *line)
{
    struct slice argv[16];
    int argc = 0;
    char copy[512];

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *save = NULL, *w = strtok_r(copy, " ", &save); w != NULL && argc < 16; w = strtok_r(NULL, " ", &save))
        argv[argc++] = slice_cstr(w);
    engine_now_update(e);
    engine_run(e, s, argv, argc);
    struct out *o = session_out(s);
    if (reply != NULL) {
        buf_reset(reply);
        buf_add(reply, o->bytes.ptr, o->bytes.len);
    }
    out_sent(o, out_pending(o));
    (void)b;
}

static void
cmd(struct bench *b, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    run(b, b->engine, b->session, NULL, line);
}

static void
random_change(struct bench *b, unsigned keys)
{
    unsigned k = (unsigned)rng_below(&b->rng, keys), j = (unsigned)rng_below(&b->rng, keys);
    unsigned v = (unsigned)rng_below(&b->rng, 100000), t = k % 6, n = (unsigned)rng_below(&b->rng, 400);

    switch (rng_below(&b->rng, 26)) {
    case 0: cmd(b, "DEL k%u", k); break;
    case 1: cmd(b, "RENAME k%u k%u", k, j); break;
    case 2: cmd(b, "PEXPIRE k%u %u", k, 1 + v % 3000); break;
    case 3: cmd(b, "PERSIST k%u", k); break;
    case 4: cmd(b, "COPY k%u k%u REPLACE", k, j); break;
    case 5: cmd(b, "MOVE k%u %u", k, v % 4); break;
    case 6: cmd(b, "SELECT %u", v % 4); break;
    case 7: cmd(b, "SET k%u %u", k, v); break;
    case 8: cmd(b, "UNLINK k%u k%u", k, j); break;
    case 9: b->wall_us += 1000 * (v % 5); break;
    case 10:
        if (v % 100 == 0)
            cmd(b, "SWAPDB %u %u", v / 100 % 4, v / 400 % 4);
        break;
    case 11:
        if (v % 400 == 0)
            cmd(b, "FLUSHDB");
        break;
    case 12: cmd(b, "%s k%u %u %s 1 m%u", t == 2 ? "SPEXPIRE" : "ZPEXPIRE", k, 1 + v % 3000, "MEMBERS", n); break;
    case 13: cmd(b, "HPEXPIRE k%u %u FIELDS 2 f%u f%u", k, 1 + v % 3000, n, v % 400); break;
    default:
        /* Mostly the type that belongs to the key, so that values grow. */
        if (t == 0)
            cmd(b, v % 2 ? "SET k%u value-%u" : "APPEND k%u .%u", k, v);
        else if (t == 1)
            cmd(b, v % 3 ? "RPUSH k%u element-%u x y z" : "LPOP k%u 3", k, v);
        else if (t == 2)
            cmd(b, v % 3 ? "SADD k%u %u m%u" : "SPOP k%u 1", k, v % 700, n);
        else if (t == 3)
            cmd(b, v % 3 ? "ZADD k%u %u m%u" : "ZREM k%u m%u m%u", k, v, n);
        else if (t == 4)
            cmd(b, v % 3 ? "HSET k%u f%u %u" : "HDEL k%u f%u", k, n, v);
        else
            cmd(b, v % 3 ? "XADD k%u * f %u g h" : "XTRIM k%u MAXLEN 20", k, v);
    }
}

static struct rdb_file *
open_file(const struct disk *d, const struct bench *b, int which, bool threaded)
{
    struct rdb_file_options opt = {.disk = d,
                                   .temp = b->temp[which],
                                   .name = b->path[which],
                                   .compress = true,
                                   .checksum = true,
                                   .threaded = threaded};
    struct buf why = {0};
    struct rdb_file *f = rdb_file_new(&opt, &why);

    assert_non_null(f);
    return f;
}

static void
save_still(struct bench *b)
{
    struct disk d = disk_system();
    struct rdb_file *f = open_file(&d, b, 0, false);
    struct snapshot *s = snapshot_begin(b->engine, f, &(struct snapshot_options){.still = true, .version = "7.2.0"});

    while (!snapshot_step(s, 1000000)) {
    }
    assert_int_equal(rdb_file_wait(f), RDB_FILE_DONE);
    snapshot_free(s);
    rdb_file_free(f);
}

/* The file's contents as one digest. */
static void
digest_of(struct bench *b, int which, struct buf *out, uint64_t *keys)
{
    struct disk d = disk_system();
    struct engine *e = fresh_engine(b);
    struct session *s = engine_session_open(e, NULL, LIT("a"), LIT("b"));
    struct rdb_load_options opt = {.disk = &d, .path = b->path[which], .checksum = true, .flags = RDB_KEEP_EXPIRED};
    struct buf why = {0};
    int error;
    struct rdb_load *l = rdb_load_open(e, &opt, &error, &why);
    enum rdb_progress p;

    assert_non_null(l);
    while ((p = rdb_load_step(l, 1 << 20, &why)) == RDB_WANTS_MORE) {
    }
    if (p != RDB_COMPLETE)
        print_error("%.*s\n", (int)why.len, why.ptr);
    assert_int_equal(p, RDB_COMPLETE);
    *keys = rdb_load_into(l)->loaded;
    rdb_load_free(l);
    /* Nothing is to expire while it is counted: the moment lies before all. */
    int64_t now = b->wall_us;
    b->wall_us = 1000;
    run(b, e, s, out, "DEBUG DIGEST");
    b->wall_us = now;
    engine_free(e);
}

static void
count_mark(void *ctx, void *item)
{
    size_t *marked = ctx;

    *marked += (entry_flags(item) & ENTRY_STAMP) != 0;
}

static void
assert_no_marks(struct engine *e)
{
    size_t marked = 0;

    for (int i = 0; i < engine_db_count(e); i++) {
        uint64_t cursor = 0;
        do {
            cursor = table_scan(&engine_db(e, i)->by_key, &keyspace_table_ops, cursor, count_mark, &marked);
        } while (cursor != 0);
    }
    assert_int_equal(marked, 0);
}

static void
one_round(struct bench *b, unsigned keys, int changes_per_step, bool give_up)
{
    struct disk d = disk_system();
    struct buf want = {0}, got = {0};
    uint64_t want_keys, got_keys;
    int steps = 0;

    save_still(b);
    struct rdb_file *f = open_file(&d, b, 1, true);
    struct snapshot_options opt = {.version = "7.2.0", .large_bytes = rng_below(&b->rng, 2) ? 2000 : 0};
    struct snapshot *s = snapshot_begin(b->engine, f, &opt);
    while (!snapshot_step(s, 1)) {
        for (int i = 0; i < changes_per_step; i++)
            random_change(b, keys);
        if (steps++ % 10 == 0)
            (void)engine_tick(b->engine, 100);
        if (give_up && steps == 5 && keys != 1000)
            snapshot_give_up(s);
        else if (give_up && steps == 5)
            break;
    }
    if (give_up)
        save_still(b); /* while there are marks: writes everything all the same */
    if (!give_up) {
        assert_int_equal(rdb_file_wait(f), RDB_FILE_DONE);
        assert_int_equal(snapshot_keys_done(s), snapshot_keys_total(s));
    }
    snapshot_free(s);
    rdb_file_free(f);
    assert_no_marks(b->engine);
    if (give_up) {
        digest_of(b, 0, &want, &want_keys);
        save_still(b);
        digest_of(b, 0, &got, &got_keys);
        assert_int_equal(want_keys, got_keys);
        assert_true(slice_eq(buf_slice(&want), buf_slice(&got)));
        buf_fini(&want);
        buf_fini(&got);
        return;
    }
    digest_of(b, 0, &want, &want_keys);
    digest_of(b, 1, &got, &got_keys);
    assert_int_equal(want_keys, got_keys);
    assert_true(slice_eq(buf_slice(&want), buf_slice(&got)));
    buf_fini(&want);
    buf_fini(&got);
}

static void
test_moment_is_kept(void **state)
{
    static const struct {
        unsigned keys, fill;
        int rounds, changes;
    } plan[] = {{50, 3000, 30, 3}, {1000, 20000, 15, 20}, {20000, 60000, 5, 200}, {3, 3000, 20, 1}};
    struct bench b = {.wall_us = 1700000000000000};

    (void)state;
    snprintf(b.dir, sizeof(b.dir), "/tmp/test_snapshot-XXXXXX");
    assert_non_null(mkdtemp(b.dir));
    for (int i = 0; i < 2; i++) {
        snprintf(b.path[i], sizeof(b.path[i]), "%s/%d.rdb", b.dir, i);
        snprintf(b.temp[i], sizeof(b.temp[i]), "%s/temp%d", b.dir, i);
    }
    for (size_t p = 0; p < sizeof(plan) / sizeof(plan[0]); p++) {
        rng_seed(&b.rng, 42 + p);
        b.engine = fresh_engine(&b);
        b.session = engine_session_open(b.engine, NULL, LIT("a"), LIT("b"));
        for (unsigned i = 0; i < plan[p].fill; i++)
            random_change(&b, plan[p].keys);
        for (int r = 0; r < plan[p].rounds; r++)
            one_round(&b, plan[p].keys, plan[p].changes, r % 5 == 3);
        engine_free(b.engine);
    }
    for (int i = 0; i < 2; i++)
        (void)unlink(b.path[i]);
    for (int i = 0; i < 2; i++)
        (void)unlink(b.temp[i]);
    assert_int_equal(rmdir(b.dir), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_moment_is_kept)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
