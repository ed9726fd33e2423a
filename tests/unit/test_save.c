/* tests/unit/test_save.c - SAVE on a disk that forgets what was not synced: power cuts at random and at every call.
 *
 * Whenever the power goes, the snapshot of that name is a whole one: the last that was reported as saved, or the one
 * that was being written. SORREL_CUTS=n makes that many random cuts. */
#include "support/cmocka_only.h"

#include "base/log.h"
#include "engine/session.h"
#include "store/rdb_load.h"
#include "store/snapshot.h"
#include "support/loopback.h"
#include "support/simdisk.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME "dump.rdb"
enum { VALUES = 12 };

static void
say(struct loopback *l, const char *line)
{
    buf_reset(&l->sessions[0].out);
    loopback_feed(l, 0, slice_cstr(line));
}

/* All values of a generation are that number, so a mixture would be seen. */
static void
next_generation(struct loopback *l, int64_t n)
{
    char line[3000];

    for (int i = 0; i < VALUES; i++) {
        snprintf(line, sizeof(line), "SET key:%d %lld:%0*d\r\n", i, (long long)n, 40 * i, i);
        say(l, line);
    }
    snprintf(line, sizeof(line), "RPUSH list %lld\r\n", (long long)n);
    say(l, line);
    snprintf(line, sizeof(line), "SET n %lld\r\n", (long long)n);
    say(l, line);
}

static bool
save(struct loopback *l, const struct disk *d, bool still)
{
    struct rdb_file_options fo = {
        .disk = d, .temp = "temp-1.rdb", .name = NAME, .compress = true, .checksum = true, .sync_often = true};
    struct snapshot_options so = {.still = still, .version = "7.2.0", .large_bytes = 200};
    struct buf why = {0};
    struct rdb_file *f = rdb_file_new(&fo, &why);
    bool ok = false;

    if (f != NULL) {
        struct snapshot *s = snapshot_begin(l->engine, f, &so);
        while (!snapshot_step(s, still ? 1000000000 : 1)) {
            if (!still)
                say(l, "SET key:3 changed-while-saving\r\n");
            if (rdb_file_state(f) == RDB_FILE_FAILED)
                snapshot_give_up(s);
        }
        ok = rdb_file_wait(f) == RDB_FILE_DONE;
        snapshot_free(s);
    }
    rdb_file_free(f);
    buf_fini(&why);
    return ok;
}

static int64_t
number(struct loopback *l, const char *line)
{
    struct buf *out = &l->sessions[0].out;

    say(l, line);
    buf_add_char(out, '\0');
    if (out->ptr[0] == ':')
        return strtoll(out->ptr + 1, NULL, 10);
    return out->ptr[0] == '$' && out->ptr[1] != '-' ? strtoll(strchr(out->ptr, '\n') + 1, NULL, 10) : 0;
}

/* Loads what is on the disk: its generation; 0 when there is no file. */
static int64_t
generation_on(struct simdisk *sim, const char *when)
{
    struct loopback *l = loopback_new(3);
    struct disk d = simdisk_disk(sim);
    struct rdb_load_options lo = {.disk = &d, .path = NAME, .checksum = true};
    struct buf why = {0};
    int error = 0;
    int64_t n = 0;

    loopback_open(l, 0);
    struct rdb_load *load = rdb_load_open(l->engine, &lo, &error, &why);
    if (load != NULL) {
        enum rdb_progress p;
        while ((p = rdb_load_step(load, 1 << 20, &why)) == RDB_WANTS_MORE) {
        }
        rdb_load_free(load);
        if (p != RDB_COMPLETE)
            fail_msg("%s: the snapshot can't be loaded: %.*s\n", when, (int)why.len, why.ptr);
        n = number(l, "GET n\r\n");
        assert_int_equal(number(l, "LINDEX list -1\r\n"), n);
        assert_int_equal(number(l, "LLEN list\r\n"), n);
        for (int i = 0; i < VALUES; i++) {
            char line[32];
            snprintf(line, sizeof(line), "GET key:%d\r\n", i);
            assert_int_equal(number(l, line), n);
        }
    }
    loopback_free(l);
    buf_fini(&why);
    return n;
}

/* Some saves, then the power goes at that call. Returns whether it went at all. */
static bool
one_cut(uint64_t seed, uint64_t at, int saves)
{
    struct simdisk *sim = simdisk_new(seed);
    struct disk d = simdisk_disk(sim);
    struct loopback *l = loopback_new(seed);
    int64_t saved = 0, tried = 0;
    char when[64];

    loopback_open(l, 0);
    snprintf(when, sizeof(when), "seed %llu, call %llu", (unsigned long long)seed, (unsigned long long)at);
    simdisk_power_off_at(sim, at);
    for (int i = 0; i < saves && !simdisk_is_off(sim); i++) {
        next_generation(l, ++tried);
        if (save(l, &d, (seed + (uint64_t)i) % 2 == 0)) {
            assert_false(simdisk_is_off(sim));
            saved = tried;
        }
    }
    bool off = simdisk_is_off(sim);
    simdisk_power_off_at(sim, 1);
    loopback_free(l);
    simdisk_power_cut(sim);
    int64_t found = generation_on(sim, when);
    if (found < saved || found > tried)
        fail_msg("%s: generation %lld was saved, %lld was being saved, %lld is there\n", when, (long long)saved,
                 (long long)tried, (long long)found);
    simdisk_free(sim);
    return off;
}

static void
test_every_call(void **state)
{
    bool off = true;

    (void)state;
    for (uint64_t at = 1; off; at++) {
        for (uint64_t seed = 1; seed <= 6; seed++)
            off = one_cut(100 * at + seed, at, 3);
    }
}

static void
test_random_cuts(void **state)
{
    const char *n = getenv("SORREL_CUTS");
    uint64_t cuts = n != NULL ? strtoull(n, NULL, 10) : 300;
    struct rng rng;

    (void)state;
    rng_seed(&rng, 11);
    for (uint64_t seed = 1; seed <= cuts; seed++)
        (void)one_cut(seed, 1 + rng_below(&rng, 80), 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_call), cmocka_unit_test(test_random_cuts)};

    log_set_level(LOG_NOTHING);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
