/* tests/unit/test_aof.c - the append-only log on a disk that fails and forgets: manifest, cuts, flips, power cuts at
 * every call, errors at every call. For campaigns: SORREL_CUTS=n runs that many power cuts, m-n those of these seeds;
 * SORREL_LARGE=1 cuts a log of 1 MiB at every byte and flips every bit of one of 64 KiB, k/n does the k-th of n parts
 * of that; SORREL_ONLY=test_flip_large, say, runs that test alone. */
#include "support/cmocka_only.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/session.h"
#include "store/aof.h"
#include "store/aof_block.h"
#include "store/manifest.h"
#include "support/loopback.h"
#include "support/simdisk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define INCR "dir/a.aof.1.incr.aof"

/* -- manifest -------------------------------------------------------------------------------------------------- */

static void
test_manifest_there_and_back(void **state)
{
    struct manifest m = {0}, again = {0};
    struct buf text = {0}, why = {0};

    (void)state;
    manifest_add(&m, LIT("a.aof.4.base.rdb"), 4, 'b');
    manifest_add(&m, LIT("a b\".1"), 1, 'h');
    manifest_add(&m, LIT("a.aof.7.incr.aof"), 7, 'i');
    manifest_add(&m, LIT("a.aof.8.incr.aof"), 8, 'i');
    manifest_format(&m, &text);
    assert_true(manifest_parse(&again, buf_slice(&text), &why));
    assert_int_equal(again.n, 4);
    assert_int_equal(again.base_seq, 4);
    assert_int_equal(again.incr_seq, 8);
    assert_string_equal(manifest_base(&again)->name, "a.aof.4.base.rdb");
    assert_string_equal(again.files[1].name, "a b\".1");
    assert_string_equal(manifest_last(&again)->name, "a.aof.8.incr.aof");
    manifest_retire(&again, 7);
    assert_null(manifest_base(&again));
    manifest_drop_history(&again);
    assert_int_equal(again.n, 1);
    manifest_fini(&m);
    manifest_fini(&again);
    buf_fini(&text);
    buf_fini(&why);
}

static void
test_manifest_refuses(void **state)
{
    /* clang-format off */
    static const char *const bad[] = {
        "", "\n", "file a seq 1 type b", "file a seq 1 type\n", "file a seq 0 type b\n", "file a seq x type b\n",
        "file a seq 1 type q\n", "file ../a seq 1 type b\n", "file .. seq 1 type b\n", "file \"a seq 1 type b\n",
        "seq 1 type b x y\n", "file a seq 1 type b\nfile b seq 2 type b\n", "file a seq 2 type i\nfile b seq 2 type i\n",
        "file \"a\\x00b\" seq 1 type i\n", "garbage\n",
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct manifest m = {0};
        struct buf why = {0};
        if (manifest_parse(&m, slice_cstr(bad[i]), &why))
            fail_msg("accepted: %s", bad[i]);
        assert_true(why.len > 0);
        manifest_fini(&m);
        buf_fini(&why);
    }
}

/* -- a store on a simulated disk ------------------------------------------------------------------------------- */

struct store {
    struct loopback *l;
    struct disk disk;
    struct aof *aof;
    int64_t written; /* units run so far */
};

static void
store_open(struct store *t, struct simdisk *sim, enum aof_fsync fsync)
{
    t->l = loopback_new(7);
    loopback_open(t->l, 0);
    t->disk = simdisk_disk(sim);
    struct aof_options ao = {
        .engine = t->l->engine, .disk = &t->disk, .clock = engine_clock(t->l->engine), .dir = "dir", .name = "a.aof"};
    t->aof = aof_new(&ao);
    aof_settings(t->aof)->fsync = fsync;
    t->written = 0;
}

static void
store_close(struct store *t)
{
    aof_free(t->aof);
    loopback_free(t->l);
}

static enum aof_progress
store_load(struct store *t, struct buf *why)
{
    enum aof_found found = aof_load_begin(t->aof, why);
    enum aof_progress p = found == AOF_UNUSABLE ? AOF_DAMAGED : AOF_DONE;

    while (found == AOF_FOUND && (p = aof_load_step(t->aof, 1000, why)) == AOF_MORE) {
    }
    aof_load_end(t->aof);
    return p;
}

static struct slice
ask(struct store *t, const char *command)
{
    struct loopback_session *s = &t->l->sessions[0];

    buf_reset(&s->out);
    loopback_feed(t->l, 0, slice_cstr(command));
    return buf_slice(&s->out);
}

static int64_t
ask_int(struct store *t, const char *command)
{
    struct slice r = ask(t, command);
    char text[64] = {0};

    memcpy(text, r.ptr, r.len < 63 ? r.len : 63);
    if (text[0] == ':')
        return strtoll(text + 1, NULL, 10);
    if (text[0] == '$' && text[1] != '-')
        return strtoll(strchr(text, '\n') + 1, NULL, 10);
    return 0;
}

/* One unit: the state after n of them is known, and none may be seen in part or twice. */
static void
write_unit(struct store *t)
{
    enum { ZEROS = 1600, EVERY = 5 }; /* two sectors at least of what a hole would look like */
    struct buf text = {0};
    long long n = (long long)++t->written;

    buf_printf(&text, "MULTI\r\nINCR n\r\n");
    if (n % EVERY == 0) {
        buf_printf(&text, "*3\r\n$3\r\nSET\r\n$5\r\nzeros\r\n$%d\r\n", ZEROS);
        for (int i = 0; i < ZEROS; i++)
            buf_add_char(&text, '\0');
        buf_printf(&text, "\r\n");
    }
    buf_printf(&text, "RPUSH list %lld\r\nSET key:%lld %lld\r\nEXEC\r\n", n, n % 20, n);
    buf_reset(&t->l->sessions[0].out);
    loopback_feed(t->l, 0, buf_slice(&text));
    buf_fini(&text);
}

static void
check_state(struct store *t, int64_t least, int64_t most)
{
    int64_t n = ask_int(t, "GET n\r\n");
    char text[64];

    if (n < least || n > most)
        fail_msg("%lld units of %lld, %lld of them acknowledged", (long long)n, (long long)most, (long long)least);
    assert_int_equal(ask_int(t, "LLEN list\r\n"), n);
    assert_int_equal(ask_int(t, "LINDEX list -1\r\n"), n);
    for (int64_t k = n > 20 ? n - 19 : 1; k <= n; k++) {
        snprintf(text, sizeof(text), "GET key:%lld\r\n", (long long)(k % 20));
        assert_int_equal(ask_int(t, text), k);
    }
    t->written = n;
}

static void
write_some(struct simdisk *sim, int units)
{
    struct store t;
    struct buf why = {0};

    store_open(&t, sim, AOF_FSYNC_ALWAYS);
    assert_int_equal(store_load(&t, &why), AOF_DONE);
    assert_true(aof_start(t.aof, &why));
    for (int i = 0; i < units; i++) {
        write_unit(&t);
        if (i % 5 == 4)
            assert_true(aof_flush(t.aof));
    }
    assert_true(aof_flush(t.aof));
    store_close(&t);
    buf_fini(&why);
}

static bool
is_campaign(void)
{
    return getenv("SORREL_LARGE") != NULL;
}

/* Whether case n of a campaign is in the part that SORREL_LARGE=k/n asks for. */
static bool
is_wanted(size_t n)
{
    const char *large = getenv("SORREL_LARGE");
    size_t part, parts;

    return large == NULL || sscanf(large, "%zu/%zu", &part, &parts) != 2 || n % parts == part % parts;
}

/* A log of about that size, of values so large that it is loaded quickly. */
static int
write_large(struct simdisk *sim, size_t bytes, size_t value)
{
    struct store t;
    struct buf why = {0}, line = {0};
    int units = 0;

    store_open(&t, sim, AOF_FSYNC_ALWAYS);
    assert_int_equal(store_load(&t, &why), AOF_DONE);
    assert_true(aof_start(t.aof, &why));
    while (simdisk_peek(sim, INCR).len < bytes) {
        buf_reset(&line);
        buf_printf(&line, "MULTI\r\nINCR n\r\nRPUSH list %d\r\nSET key:%d %d\r\nSET filler ", units + 1,
                   (units + 1) % 20, units + 1);
        for (size_t i = 0; i < value; i++)
            buf_add_char(&line, (char)('A' + (i * 7 + (size_t)units) % 50));
        buf_printf(&line, "\r\nEXEC\r\n");
        loopback_feed(t.l, 0, buf_slice(&line));
        buf_reset(&t.l->sessions[0].out);
        units++;
        assert_true(aof_flush(t.aof));
    }
    store_close(&t);
    buf_fini(&line);
    buf_fini(&why);
    return units;
}

/* -- cuts and flips -------------------------------------------------------------------------------------------- */

/* A disk with a log of these bytes, and a store that is about to load it. */
static struct simdisk *
store_on(struct store *t, struct slice log)
{
    struct simdisk *sim = simdisk_new(2);

    simdisk_put(sim, "dir/a.aof.manifest", LIT("file a.aof.1.incr.aof seq 1 type i\n"));
    simdisk_put(sim, INCR, log);
    store_open(t, sim, AOF_FSYNC_ALWAYS);
    return sim;
}

/* Cut at any byte, the log loads its prefix, and goes on from there. */
static void
test_cut_anywhere(void **state)
{
    enum { UNITS = 60 };
    struct simdisk *sim = simdisk_new(1);
    struct buf whole = {0}, why = {0};
    int64_t last = 0;

    (void)state;
    write_some(sim, UNITS);
    buf_add_slice(&whole, simdisk_peek(sim, INCR));
    for (size_t len = 0; len <= whole.len; len++) {
        struct store t;
        struct simdisk *cut = store_on(&t, slice_of(whole.ptr, len));
        assert_int_equal(store_load(&t, &why), AOF_DONE);
        check_state(&t, last, UNITS);
        last = ask_int(&t, "GET n\r\n");
        assert_true(aof_start(t.aof, &why));
        write_unit(&t);
        assert_true(aof_flush(t.aof));
        store_close(&t);
        store_open(&t, cut, AOF_FSYNC_ALWAYS);
        assert_int_equal(store_load(&t, &why), AOF_DONE);
        check_state(&t, last + 1, last + 1);
        store_close(&t);
        simdisk_free(cut);
    }
    assert_int_equal(last, UNITS);
    buf_fini(&whole);
    buf_fini(&why);
    simdisk_free(sim);
}

/* The same for a log of 1 MiB; here and there unless it is a campaign. */
static void
test_cut_large(void **state)
{
    struct simdisk *sim = simdisk_new(1);
    int units = write_large(sim, 1 << 20, 20000);
    struct buf whole = {0}, why = {0};
    int64_t last = 0;

    (void)state;
    buf_add_slice(&whole, simdisk_peek(sim, INCR));
    for (size_t len = 0; len <= whole.len; len += is_campaign() ? 1 : 9973) {
        struct store t;
        if (!is_wanted(len))
            continue;
        struct simdisk *cut = store_on(&t, slice_of(whole.ptr, len));
        if (store_load(&t, &why) != AOF_DONE)
            fail_msg("cut at %zu: %.*s", len, (int)why.len, why.ptr);
        check_state(&t, last, is_campaign() ? last + 1 : units); /* a unit is longer than any number of parts */
        last = t.written;
        store_close(&t);
        simdisk_free(cut);
    }
    if (is_campaign() && is_wanted(whole.len))
        assert_int_equal(last, units);
    buf_fini(&whole);
    buf_fini(&why);
    simdisk_free(sim);
}

/* Flips every step-th bit of a log by itself. It is found, or does no harm; only in the mark at the end may it be taken
 * for a torn tail. */
static void
flip_bits(struct simdisk *sim, size_t step, int64_t units, int64_t filler)
{
    struct buf whole = {0};
    size_t found = 0, harmless = 0;

    buf_add_slice(&whole, simdisk_peek(sim, INCR));
    for (size_t bit = 0; bit < whole.len * 8; bit += step) {
        struct store t;
        struct buf why = {0};
        if (!is_wanted(bit))
            continue;
        whole.ptr[bit / 8] ^= (char)(1 << bit % 8);
        struct simdisk *flipped = store_on(&t, buf_slice(&whole));
        if (store_load(&t, &why) == AOF_DAMAGED) {
            found++;
            assert_true(why.len > 0);
        } else {
            check_state(&t, units, units);
            assert_int_equal(ask_int(&t, "STRLEN filler\r\n"), filler);
            harmless++;
        }
        store_close(&t);
        buf_fini(&why);
        simdisk_free(flipped);
        whole.ptr[bit / 8] ^= (char)(1 << bit % 8);
    }
    if (is_campaign())
        print_message("%zu bytes, %zu bits: %zu found, %zu harmless\n", whole.len, found + harmless, found, harmless);
    assert_true(found > 10 * harmless);
    buf_fini(&whole);
}

static void
test_flip_anywhere(void **state)
{
    enum { UNITS = 40 };
    struct simdisk *sim = simdisk_new(1);

    (void)state;
    write_some(sim, UNITS);
    flip_bits(sim, is_campaign() ? 1 : 3, UNITS, 0);
    simdisk_free(sim);
}

/* The same for a log of 64 KiB. */
static void
test_flip_large(void **state)
{
    enum { VALUE = 3000 };
    struct simdisk *sim = simdisk_new(1);
    int units = write_large(sim, 64 << 10, VALUE);

    (void)state;
    flip_bits(sim, is_campaign() ? 1 : 4999, units, VALUE);
    simdisk_free(sim);
}

/* -- power cuts ------------------------------------------------------------------------------------------------ */

/* Writes until the power goes; some units a turn, now and then a rewrite, now and then off and on. Returns how many
 * units have been acknowledged. */
static int64_t
write_until_off(struct store *t, struct simdisk *sim, struct rng *rng, int64_t acked, int turns)
{
    for (int i = 0; i < turns && !simdisk_is_off(sim); i++) {
        for (uint64_t k = rng_below(rng, 4); k > 0; k--)
            write_unit(t);
        if (rng_below(rng, 8) == 0)
            aof_rewrite_soon(t->aof);
        loopback_advance(t->l, 100);
        (void)aof_turn(t->aof, 1000, true);
        if (rng_below(rng, 3) == 0) /* in the middle of a turn, between two slices of a rewrite */
            write_unit(t);
        if (aof_flush(t->aof) && !simdisk_is_off(sim))
            acked = t->written;
    }
    return acked;
}

static void
one_power_cut(uint64_t seed, enum aof_fsync fsync)
{
    struct simdisk *sim = simdisk_new(seed);
    struct rng rng;
    int64_t acked = 0, written = 0;

    rng_seed(&rng, seed);
    for (int life = 0; life < 3; life++) {
        struct store t;
        struct buf why = {0};
        store_open(&t, sim, fsync);
        if (store_load(&t, &why) != AOF_DONE)
            fail_msg("seed %llu, life %d: %.*s", (unsigned long long)seed, life, (int)why.len, why.ptr);
        if (ask_int(&t, "GET n\r\n") > written)
            print_error("seed %llu life %d: ", (unsigned long long)seed, life);
        check_state(&t, fsync == AOF_FSYNC_ALWAYS ? acked : 0, written);
        acked = t.written;
        simdisk_power_off_at(sim, 1 + rng_below(&rng, 150));
        if (aof_start(t.aof, &why))
            acked = write_until_off(&t, sim, &rng, acked, 60);
        /* What was cut off comes back if the cut itself is lost, as long as nobody has been told otherwise. */
        written = t.written > written ? t.written : written;
        simdisk_power_off_at(sim, 1);
        store_close(&t);
        simdisk_power_cut(sim);
        buf_fini(&why);
    }
    simdisk_free(sim);
}

/* The seeds of the power cuts: 1 to `usual`, or to n or from m to n with SORREL_CUTS=n or m-n. */
static void
cuts_wanted(unsigned long usual, unsigned long *from, unsigned long *to)
{
    const char *text = getenv("SORREL_CUTS");

    *from = 1;
    *to = usual;
    if (text != NULL && sscanf(text, "%lu-%lu", from, to) == 1) {
        *to = *from;
        *from = 1;
    }
}

static void
test_power_cuts(void **state)
{
    unsigned long seed, last;

    (void)state;
    for (cuts_wanted(300, &seed, &last); seed <= last; seed++)
        one_power_cut(seed, seed % 4 == 0 ? AOF_FSYNC_EVERYSEC : AOF_FSYNC_ALWAYS);
}

/* With everysec, what was written more than 1.1 s before the power went is there. */
static void
test_everysec_loses_a_second(void **state)
{
    enum { TURNS = 60, TURN_MS = 50, LOSS_MS = 1100 };
    unsigned long seed, last;

    (void)state;
    for (cuts_wanted(200, &seed, &last); seed <= last; seed++) {
        struct simdisk *sim = simdisk_new(seed);
        struct store t;
        struct buf why = {0};
        struct rng rng;
        int64_t at[TURNS + 1] = {0}; /* units written by the end of each turn */
        int turns = 0;
        rng_seed(&rng, seed);
        store_open(&t, sim, AOF_FSYNC_EVERYSEC);
        assert_int_equal(store_load(&t, &why), AOF_DONE);
        assert_true(aof_start(t.aof, &why));
        uint64_t rewrite_at = rng_below(&rng, TURNS);
        int cut_at = 1 + (int)rng_below(&rng, TURNS - 1);
        for (; turns < cut_at; turns++) {
            write_unit(&t);
            if ((uint64_t)turns == rewrite_at)
                aof_rewrite_soon(t.aof);
            (void)aof_turn(t.aof, 1000, true);
            (void)aof_flush(t.aof);
            at[turns + 1] = t.written;
            loopback_advance(t.l, TURN_MS);
        }
        int64_t written = t.written;
        simdisk_power_off_at(sim, 1);
        store_close(&t);
        simdisk_power_cut(sim);
        store_open(&t, sim, AOF_FSYNC_EVERYSEC);
        if (store_load(&t, &why) != AOF_DONE)
            fail_msg("seed %lu: %.*s", seed, (int)why.len, why.ptr);
        int safe = turns - LOSS_MS / TURN_MS;
        check_state(&t, safe > 0 ? at[safe] : 0, written);
        store_close(&t);
        buf_fini(&why);
        simdisk_free(sim);
    }
}

/* The same at every single call of a life with a rewrite. */
static void
test_power_cut_at_every_call(void **state)
{
    bool over = false;

    (void)state;
    for (uint64_t at = 1; !over; at++) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
            struct simdisk *sim = simdisk_new(seed * 1000 + at);
            struct store t;
            struct buf why = {0};
            int64_t acked = 0, written;
            store_open(&t, sim, AOF_FSYNC_ALWAYS);
            assert_int_equal(store_load(&t, &why), AOF_DONE);
            simdisk_power_off_at(sim, at);
            bool started = aof_start(t.aof, &why);
            for (int i = 0; started && i < 22; i++) {
                write_unit(&t);
                if (i == 3 || i == 12)
                    aof_rewrite_soon(t.aof);
                (void)aof_turn(t.aof, 1000, true);
                if (aof_flush(t.aof))
                    acked = t.written;
            }
            over = !simdisk_is_off(sim);
            written = t.written;
            simdisk_power_off_at(sim, 1);
            store_close(&t);
            simdisk_power_cut(sim);
            store_open(&t, sim, AOF_FSYNC_ALWAYS);
            if (store_load(&t, &why) != AOF_DONE)
                fail_msg("power off at call %llu: %.*s", (unsigned long long)at, (int)why.len, why.ptr);
            check_state(&t, acked, written);
            assert_true(aof_start(t.aof, &why));
            store_close(&t);
            buf_fini(&why);
            simdisk_free(sim);
        }
    }
}

/* Reads the file at `path`, whose n-th read from now on fails (0: none). */
static enum aof_progress
read_with_failure(struct simdisk *sim, const char *path, uint64_t n, bool *failed)
{
    struct disk d = simdisk_disk(sim);
    struct aof_reader_options ro = {.disk = &d, .path = path};
    struct buf why = {0};
    int error = 0;
    struct aof_reader *r = aof_reader_open(&ro, &error, &why);
    enum aof_progress p;

    assert_non_null(r);
    uint64_t before = simdisk_steps(sim);
    simdisk_fail_at(sim, n, n > 0 ? 1 : 0, EIO);
    while ((p = aof_reader_step(r, 1000, &why)) == AOF_MORE) {
    }
    *failed = n > 0 && simdisk_steps(sim) - before >= n;
    if (*failed)
        assert_non_null(memmem(why.ptr, why.len, "Input/output error", 18));
    simdisk_fail_at(sim, 0, 0, 0);
    aof_reader_free(r);
    buf_fini(&why);
    return p;
}

/* What can't be read is not taken for damaged, nor for a torn tail that may be cut off. */
static void
test_unreadable_is_not_damaged(void **state)
{
    enum { WHOLE, FLIPPED, TORN, BASE, CUT_BASE, FORMS };
    static const enum aof_progress verdicts[FORMS] = {AOF_DONE, AOF_DAMAGED, AOF_CUT, AOF_DONE, AOF_DAMAGED};
    struct simdisk *sim = simdisk_new(1);
    struct buf log = {0}, base = {0}, why = {0};
    struct store t;
    bool failed;

    (void)state;
    (void)write_large(sim, 1 << 20, 20000);
    buf_add_slice(&log, simdisk_peek(sim, INCR));
    store_open(&t, sim, AOF_FSYNC_ALWAYS);
    assert_int_equal(store_load(&t, &why), AOF_DONE);
    assert_true(aof_start(t.aof, &why));
    aof_settings(t.aof)->compress = false;
    (void)ask(&t, "SETRANGE large 600000 x\r\n");
    aof_rewrite_soon(t.aof);
    for (int i = 0; i < 100 && aof_info(t.aof).rewrites == 0; i++)
        (void)aof_turn(t.aof, 1000000, true);
    buf_add_slice(&base, simdisk_peek(sim, "dir/a.aof.1.base.rdb"));
    assert_true(base.len > 600000);
    store_close(&t);
    for (int form = 0; form < FORMS; form++) {
        struct slice bytes = form < BASE ? buf_slice(&log) : buf_slice(&base);
        log.ptr[log.len / 2] ^= (char)(form == FLIPPED);
        bytes.len -= form == TORN || form == CUT_BASE ? 1000 : 0;
        simdisk_put(sim, "file", bytes);
        log.ptr[log.len / 2] ^= (char)(form == FLIPPED);
        uint64_t n = 0;
        do {
            enum aof_progress p = read_with_failure(sim, "file", n, &failed);
            assert_int_equal(p, failed ? AOF_UNREADABLE : verdicts[form]);
        } while (n++ == 0 || failed);
        assert_true(n > 4); /* some reads failed */
    }
    buf_fini(&log);
    buf_fini(&base);
    buf_fini(&why);
    simdisk_free(sim);
}

/* -- files of others ------------------------------------------------------------------------------------------- */

/* A base that Valkey 9 has written. */
static void
test_base_of_valkey(void **state)
{
    static const char base[] = "VALKEY080\xfe\0\0\1n\0015\xff\0\0\0\0\0\0\0"; /* without a checksum */
    struct simdisk *sim = simdisk_new(1);
    struct buf why = {0};
    struct store t;

    (void)state;
    simdisk_put(sim, "dir/a.aof.manifest", LIT("file b seq 1 type b\nfile i seq 1 type i\n"));
    simdisk_put(sim, "dir/b", slice_of(base, sizeof(base)));
    simdisk_put(sim, "dir/i", LIT("*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"));
    store_open(&t, sim, AOF_FSYNC_ALWAYS);
    if (store_load(&t, &why) != AOF_DONE)
        fail_msg("%.*s", (int)why.len, why.ptr);
    assert_int_equal(ask_int(&t, "GET n\r\n"), 6);
    store_close(&t);
    buf_fini(&why);
    simdisk_free(sim);
}

/* Files that were a log until somebody lost its manifest are not written over, at the start or by a rewrite. */
static void
test_files_without_manifest_are_spared(void **state)
{
    static const char incr[] = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";

    (void)state;
    for (int started = 0; started < 2; started++) {
        struct simdisk *sim = simdisk_new(1);
        struct buf why = {0};
        struct store t;
        simdisk_put(sim, "dir/a.aof.1.base.rdb", LIT("base"));
        simdisk_put(sim, "dir/a.aof.3.incr.aof", slice_cstr(incr));
        simdisk_put(sim, "dir/a.aof.9.incr.aof", LIT(""));
        store_open(&t, sim, AOF_FSYNC_ALWAYS);
        if (started) {
            assert_int_equal(store_load(&t, &why), AOF_DONE);
            assert_true(aof_start(t.aof, &why));
        } else {
            aof_switch_on(t.aof);
        }
        write_unit(&t);
        aof_rewrite_soon(t.aof);
        for (int i = 0; i < 20; i++) {
            loopback_advance(t.l, 1000);
            (void)aof_turn(t.aof, 1000000, true);
            assert_true(aof_flush(t.aof));
        }
        assert_int_equal(aof_info(t.aof).rewrites, 1);
        assert_true(slice_eq(simdisk_peek(sim, "dir/a.aof.1.base.rdb"), LIT("base")));
        assert_true(slice_eq(simdisk_peek(sim, "dir/a.aof.3.incr.aof"), slice_cstr(incr)));
        store_close(&t);
        store_open(&t, sim, AOF_FSYNC_ALWAYS);
        assert_int_equal(store_load(&t, &why), AOF_DONE);
        check_state(&t, 1, 1);
        store_close(&t);
        buf_fini(&why);
        simdisk_free(sim);
    }
}

/* -- a disk that fails for a while ----------------------------------------------------------------------------- */

static void
test_errors_heal(void **state)
{
    static const int errors[] = {ENOSPC, EIO, EINTR};

    (void)state;
    for (uint64_t at = 1; at < 90; at++) {
        for (int e = 0; e < 3; e++) {
            struct simdisk *sim = simdisk_new(at);
            struct store t;
            struct buf why = {0};
            bool ok = false;
            store_open(&t, sim, AOF_FSYNC_ALWAYS);
            assert_int_equal(store_load(&t, &why), AOF_DONE);
            assert_true(aof_start(t.aof, &why));
            simdisk_fail_at(sim, at, 1 + at % 3, errors[e]);
            for (int i = 0; i < 60; i++) {
                if (i < 20)
                    write_unit(&t);
                if (i == 5)
                    aof_rewrite_soon(t.aof);
                loopback_advance(t.l, 200);
                (void)aof_turn(t.aof, 1000, true);
                ok = aof_flush(t.aof);
            }
            if (!ok)
                fail_msg("call %llu, errno %d: it does not heal", (unsigned long long)at, errors[e]);
            assert_int_equal(aof_error(t.aof), 0);
            simdisk_power_off_at(sim, 1);
            store_close(&t);
            simdisk_power_cut(sim);
            store_open(&t, sim, AOF_FSYNC_ALWAYS);
            if (store_load(&t, &why) != AOF_DONE)
                fail_msg("call %llu, errno %d: %.*s", (unsigned long long)at, errors[e], (int)why.len, why.ptr);
            if (ask_int(&t, "GET n\r\n") != 20)
                print_error("call %llu, errno %d: ", (unsigned long long)at, errors[e]);
            check_state(&t, 20, 20);
            store_close(&t);
            buf_fini(&why);
            simdisk_free(sim);
        }
    }
}

/* A log that has grown is rewritten in the end, though the disk was full when its time came; not at once, though. */
static void
test_grown_log_is_tried_again(void **state)
{
    static const struct {
        int seconds;
        bool full; /* the disk, meanwhile */
        unsigned failures, rewrites;
    } course[] = {{2, true, 1, 0}, {50, false, 1, 0}, {12, true, 2, 0}, {100, false, 2, 0}, {30, false, 0, 1}};
    struct simdisk *sim = simdisk_new(1);
    struct buf why = {0};
    struct store t;

    (void)state;
    store_open(&t, sim, AOF_FSYNC_ALWAYS);
    assert_int_equal(store_load(&t, &why), AOF_DONE);
    assert_true(aof_start(t.aof, &why));
    aof_settings(t.aof)->rewrite_percentage = 100;
    aof_settings(t.aof)->rewrite_min_size = 1000;
    for (int i = 0; i < 50; i++)
        write_unit(&t);
    assert_true(aof_flush(t.aof));
    for (size_t i = 0; i < sizeof(course) / sizeof(course[0]); i++) {
        simdisk_fail_at(sim, 1, course[i].full ? 1 : 0, ENOSPC);
        for (int k = 0; k < course[i].seconds; k++) {
            loopback_advance(t.l, 1000);
            (void)aof_turn(t.aof, 1000000, true);
        }
        assert_int_equal(aof_info(t.aof).failures_in_a_row, course[i].failures);
        assert_int_equal(aof_info(t.aof).rewrites, course[i].rewrites);
    }
    store_close(&t);
    buf_fini(&why);
    simdisk_free(sim);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest_there_and_back),
        cmocka_unit_test(test_manifest_refuses),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_flip_anywhere),
        cmocka_unit_test(test_power_cuts),
        cmocka_unit_test(test_power_cut_at_every_call),
        cmocka_unit_test(test_errors_heal),
        cmocka_unit_test(test_cut_large),
        cmocka_unit_test(test_flip_large),
        cmocka_unit_test(test_everysec_loses_a_second),
        cmocka_unit_test(test_unreadable_is_not_damaged),
        cmocka_unit_test(test_base_of_valkey),
        cmocka_unit_test(test_grown_log_is_tried_again),
        cmocka_unit_test(test_files_without_manifest_are_spared),
    };

    log_set_level(LOG_NOTHING);
    if (getenv("SORREL_ONLY") != NULL)
        cmocka_set_test_filter(getenv("SORREL_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
