/* tests/unit/test_pace.c - how much of the loop's time a snapshot gets, on a clock that is moved by hand. */
#include "support/cmocka_only.h"

#include "engine/session.h"
#include "server/pace.h"
#include "store/snapshot.h"
#include "support/loopback.h"
#include "support/simdisk.h"

#include <stdio.h>

enum { MS = 1000000, US = 1000, KEYS = 400, VALUE = 1000 };

struct bench {
    struct loopback *l;
    struct simdisk *sim;
    struct disk disk;
    struct rdb_file *file;
    struct snapshot *snapshot;
    struct clock clock;
    int64_t now_ns;
    struct pace pace;
};

static int64_t
mono(void *ctx)
{
    return ((struct bench *)ctx)->now_ns;
}

static void
set_keys(struct bench *b, int from, int to)
{
    struct buf line = {0};

    for (int i = from; i < to; i++) {
        buf_reset(&line);
        buf_printf(&line, "SET key:%d %0*d\r\n", i, VALUE, i);
        loopback_feed(b->l, 0, buf_slice(&line));
    }
    buf_fini(&line);
}

/* A snapshot has begun, and nothing of it has been walked. */
static void
begin(struct bench *b)
{
    struct buf why = {0};

    *b = (struct bench){.l = loopback_new(1), .sim = simdisk_new(1), .now_ns = 1000 * MS};
    b->clock = (struct clock){.mono_ns = mono, .ctx = b};
    b->disk = simdisk_disk(b->sim);
    loopback_open(b->l, 0);
    set_keys(b, 0, KEYS);
    struct rdb_file_options fo = {.disk = &b->disk, .temp = "temp", .name = "dump.rdb"};
    b->file = rdb_file_new(&fo, &why);
    assert_non_null(b->file);
    b->snapshot = snapshot_begin(b->l->engine, b->file, &(struct snapshot_options){.version = "7.2.0"});
    pace_begin(&b->pace, &b->clock);
}

static void
end(struct bench *b)
{
    pace_end(&b->pace);
    snapshot_free(b->snapshot);
    rdb_file_free(b->file);
    loopback_free(b->l);
    simdisk_free(b->sim);
}

enum { SHARE = 18 }; /* as in pace.c: where clients get so many parts, the snapshot gets one */

/* The slice of a turn that comes so much later. */
static int64_t
slice_after(struct bench *b, int64_t ns, bool busy)
{
    b->now_ns += ns;
    return pace_slice(&b->pace, &b->clock, b->snapshot, busy);
}

static void
walk_for(struct bench *b, int64_t ns)
{
    b->now_ns += ns;
    pace_walked(&b->pace, &b->clock);
}

static void
test_share(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    /* That share is not worth while, but is not forgotten. */
    assert_int_equal(slice_after(&b, SHARE * 25 * US, true), 0);
    assert_int_equal(slice_after(&b, SHARE * 25 * US, true), 50 * US);
    walk_for(&b, 50 * US);
    assert_int_equal(slice_after(&b, SHARE * 50 * US, true), 50 * US);
    walk_for(&b, 250 * US); /* a value took longer: that is made up for */
    assert_int_equal(slice_after(&b, SHARE * 50 * US, true), 0);
    assert_int_equal(slice_after(&b, SHARE * 200 * US, true), 50 * US);
    assert_int_equal(slice_after(&b, 1000 * MS, true), 300 * US); /* what was not used is not saved up */
    end(&b);
}

static void
test_idle(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    assert_int_equal(slice_after(&b, SHARE * 100 * US, true), 100 * US);
    walk_for(&b, 100 * US);
    assert_int_equal(slice_after(&b, SHARE * 50 * US, false), 50 * US); /* they were here just now */
    assert_int_equal(slice_after(&b, 5 * MS, false), 1 * MS);
    walk_for(&b, 1 * MS);
    assert_int_equal(slice_after(&b, 0, false), 1 * MS);
    assert_true(slice_after(&b, SHARE * 50 * US, true) <= 300 * US);
    end(&b);
}

/* Old states that commands make the loop write are a part of the snapshot's share. */
static void
test_early_bytes_count(void **state)
{
    struct bench b;

    (void)state;
    begin(&b);
    assert_int_equal(slice_after(&b, SHARE * 500 * US, true), 300 * US);
    uint64_t before = snapshot_early_bytes(b.snapshot);
    set_keys(&b, 0, 100);
    int64_t early = (int64_t)(snapshot_early_bytes(b.snapshot) - before);
    assert_in_range(early, 100 * VALUE, 110 * VALUE);
    assert_int_equal(slice_after(&b, 0, true), 300 * US - 2 * early);
    set_keys(&b, 100, 300);
    assert_int_equal(slice_after(&b, 0, true), 0);
    end(&b);
}

static void
test_rest(void **state)
{
    enum { MIB = 1 << 20 };

    (void)state;
    assert_int_equal(pace_rest_us(0), 0);
    assert_int_equal(pace_rest_us(4 * MIB - 1), 0);
    assert_int_equal(pace_rest_us(4 * MIB), 150);
    assert_int_equal(pace_rest_us(40 * MIB), 1500);
    for (size_t mib = 0; mib < 400; mib++)
        assert_true(pace_rest_us(mib * MIB) <= pace_rest_us((mib + 1) * MIB));
    assert_int_equal(pace_rest_us((size_t)400 * MIB), 10000);
    assert_int_equal(pace_rest_us(SIZE_MAX), 10000);
}

static void
test_longest_turn(void **state)
{
    static const int64_t turns_us[] = {100, 700, 300};
    struct bench b;

    (void)state;
    begin(&b);
    pace_turn_ends(&b.pace, &b.clock); /* the one in which it was begun does not count */
    for (int i = 0; i < 3; i++) {
        pace_turn_begins(&b.pace, &b.clock);
        b.now_ns += turns_us[i] * US;
        pace_turn_ends(&b.pace, &b.clock);
        b.now_ns += 5 * MS;
    }
    pace_end(&b.pace);
    pace_turn_begins(&b.pace, &b.clock);
    b.now_ns += 900 * US;
    pace_turn_ends(&b.pace, &b.clock);
    assert_int_equal(b.pace.longest_ns, 700 * US);
    end(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share), cmocka_unit_test(test_idle),         cmocka_unit_test(test_early_bytes_count),
        cmocka_unit_test(test_rest),  cmocka_unit_test(test_longest_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
