/* The tape: every reader gets the bytes that were written, whatever has been forgotten or has gone to a file
 * meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "repl/spool.h"
#include "repl/tape.h"

#include <stdio.h>
#include <string.h>

/* The byte at a position is a function of it, so that nothing has to be remembered. */
static char
byte_at(uint64_t at)
{
    return (char)(at * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static struct slice
bytes_from(char *into, uint64_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        into[i] = byte_at(at + i);
    return slice_of(into, n);
}

/* Takes what is queued and checks that it is what lies from `at` on. */
static uint64_t
take(struct out *o, uint64_t at, size_t most)
{
    struct iovec v[8];
    size_t sum = 0;
    int n = out_vectors(o, v, 8);

    for (int i = 0; i < n; i++) {
        for (size_t k = 0; k < v[i].iov_len && sum < most; k++, sum++)
            assert_int_equal(((const char *)v[i].iov_base)[k], byte_at(at + sum));
    }
    out_sent(o, sum);
    return at + sum;
}

struct reader {
    uint64_t queued, read;
    struct out out;
};

static void
step(struct tape *t, struct reader *r, struct rng *g)
{
    bool failed = false;

    r->queued += tape_send(t, r->queued, rng_below(g, 200000), &r->out, &failed);
    assert_false(failed);
    r->read = take(&r->out, r->read, rng_below(g, 200000));
    if (out_pending(&r->out) == 0)
        assert_true(r->read == r->queued);
}

static void
test_readers_at_their_own_pace(void **state)
{
    enum { READERS = 3, STEPS = 4000, PIECE = 150000 };
    struct disk disk = disk_system();
    struct rng g;
    struct tape t;
    struct reader r[READERS] = {0};
    static char piece[PIECE];

    (void)state;
    rng_seed(&g, 20261121);
    tape_init(&t, 1000, &disk);
    for (int i = 0; i < READERS; i++)
        r[i].queued = r[i].read = 1000;
    for (int s = 0; s < STEPS; s++) {
        if (rng_below(&g, 3) == 0) {
            size_t n = rng_below(&g, rng_below(&g, 10) == 0 ? PIECE : 500);
            tape_add(&t, bytes_from(piece, tape_end(&t), n));
        } else if (rng_below(&g, 20) == 0) {
            size_t n = rng_below(&g, 100) + 1;
            memcpy(tape_room(&t, n + 50), bytes_from(piece, tape_end(&t), n).ptr, n);
            tape_used(&t, n);
        }
        step(&t, &r[rng_below(&g, 2) == 0 ? 0 : rng_below(&g, READERS)], &g);
        uint64_t least = UINT64_MAX;
        for (int i = 0; i < READERS; i++)
            least = r[i].queued < least ? r[i].queued : least;
        if (rng_below(&g, 10) == 0)
            tape_forget(&t, least);
        if (rng_below(&g, 50) == 0)
            assert_true(tape_spill(&t, tape_end(&t) - rng_below(&g, tape_end(&t) - least + 1)));
        assert_true(tape_begin(&t) <= least);
    }
    for (int i = 0; i < READERS; i++) {
        while (r[i].read < tape_end(&t))
            step(&t, &r[i], &g);
        out_fini(&r[i].out);
    }
    tape_forget(&t, tape_end(&t));
    assert_true(t.count == 1 && t.spilled == 0);
    tape_fini(&t);
}

static void
test_spilling_frees_memory(void **state)
{
    struct disk disk = disk_system();
    struct tape t;
    char piece[1000];

    (void)state;
    tape_init(&t, 0, &disk);
    for (int i = 0; i < 2000; i++)
        tape_add(&t, bytes_from(piece, tape_end(&t), sizeof(piece)));
    size_t before = tape_memory(&t);
    assert_true(tape_spill(&t, tape_end(&t)));
    assert_true(tape_memory(&t) < before / 10);
    assert_true(t.spilled > 1900000);
    tape_forget(&t, tape_end(&t));
    assert_int_equal(t.spilled, 0);
    assert_int_equal(t.fd, 0);
    tape_restart(&t, 77);
    assert_true(tape_begin(&t) == 77 && tape_end(&t) == 77);
    tape_fini(&t);
}

static void
test_without_a_disk_nothing_is_spilled(void **state)
{
    struct tape t;
    static char big[3 * TAPE_BLOCK_BYTES];

    (void)state;
    tape_init(&t, 0, NULL);
    tape_add(&t, bytes_from(big, 0, sizeof(big)));
    assert_false(tape_spill(&t, tape_end(&t)));
    struct reader r = {0};
    bool failed = false;
    r.queued = tape_send(&t, 0, SIZE_MAX, &r.out, &failed);
    assert_true(r.queued == sizeof(big));
    /* What is queued stays although the tape has forgotten it. */
    tape_restart(&t, 0);
    assert_true(take(&r.out, 0, SIZE_MAX) == sizeof(big));
    out_fini(&r.out);
    tape_fini(&t);
}

static void
test_spool_is_a_disk(void **state)
{
    struct disk disk = disk_system();
    struct spool *s = spool_new(&disk, 0);
    const struct disk *face = spool_disk(s);
    static char piece[100000];
    struct reader r = {0};
    bool failed = false;

    (void)state;
    int fd = face->open(face->ctx, "x", 0, 0);
    assert_true(fd >= 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(disk_write_all(face, fd, bytes_from(piece, spool_size(s), sizeof(piece))), 0);
    assert_int_equal(disk_publish(face, fd, "x", "y"), 0);
    assert_true(spool_size(s) == 50 * sizeof(piece) && spool_memory(s) < 10 * sizeof(piece));
    while (r.read < spool_size(s)) {
        r.queued += spool_send(s, r.queued, 300000, &r.out, &failed);
        r.read = take(&r.out, r.read, SIZE_MAX);
        spool_forget(s, r.read);
    }
    assert_false(failed);
    spool_abandon(s);
    assert_true(face->write(face->ctx, fd, "x", 1) < 0);
    out_fini(&r.out);
    spool_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_at_their_own_pace),
        cmocka_unit_test(test_spilling_frees_memory),
        cmocka_unit_test(test_without_a_disk_nothing_is_spilled),
        cmocka_unit_test(test_spool_is_a_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
