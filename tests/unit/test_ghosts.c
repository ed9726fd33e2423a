/* tests/unit/test_ghosts.c - keys that were let go: found with their note, once, and forgotten in time. */
#include "support/cmocka_only.h"

#include "base/rng.h"
#include "engine/ghosts.h"

enum { KEYS = 20000 };

static uint64_t
hash_of(uint64_t n)
{
    struct rng r;

    rng_seed(&r, n);
    return rng_next(&r);
}

static void
test_empty(void **state)
{
    struct ghosts g = {0};
    unsigned note;

    assert_false(ghosts_take(&g, 1, &note));
    ghosts_add(&g, 1, 3); /* there is no room yet */
    assert_false(ghosts_take(&g, 1, &note));
    ghosts_fini(&g);
}

static void
test_found_once(void **state)
{
    struct ghosts g = {0};
    unsigned note;

    ghosts_fit(&g, KEYS);
    assert_true(g.count <= KEYS);
    for (unsigned n = 0; n < KEYS; n++) {
        ghosts_add(&g, hash_of(n), n & GHOST_NOTE_MAX);
        assert_true(ghosts_take(&g, hash_of(n), &note));
        assert_int_equal(note, n & GHOST_NOTE_MAX);
        assert_false(ghosts_take(&g, hash_of(n), &note));
    }
    ghosts_fini(&g);
}

static void
test_later_ones_take_the_place(void **state)
{
    struct ghosts g = {0};
    unsigned note, recent = 0, wrong = 0, old = 0, strangers = 0;

    ghosts_fit(&g, KEYS);
    for (unsigned n = 0; n < 10 * KEYS; n++)
        ghosts_add(&g, hash_of(n), n & GHOST_NOTE_MAX);
    for (unsigned n = 0; n < KEYS; n++) {
        strangers += ghosts_take(&g, hash_of(100 * KEYS + n), &note);
        old += ghosts_take(&g, hash_of(n), &note);
        if (ghosts_take(&g, hash_of(9 * KEYS + n), &note)) {
            recent++;
            wrong += note != (n & GHOST_NOTE_MAX); /* those of others */
        }
    }
    assert_in_range(recent, KEYS / 2, KEYS * 3 / 4);
    assert_in_range(old + strangers, 1, KEYS / 500);
    assert_true(wrong <= KEYS / 1000);
    ghosts_fini(&g);
}

static void
test_fits(void **state)
{
    struct ghosts g = {0};
    unsigned note;

    ghosts_fit(&g, KEYS);
    ghosts_add(&g, hash_of(1), 7);
    ghosts_fit(&g, KEYS + KEYS / 10);
    ghosts_fit(&g, KEYS - KEYS / 10);
    assert_true(ghosts_take(&g, hash_of(1), &note));
    ghosts_add(&g, hash_of(1), 7);
    ghosts_fit(&g, KEYS * 2);
    assert_in_range(g.count, KEYS * 3 / 2, KEYS * 2);
    assert_false(ghosts_take(&g, hash_of(1), &note));
    ghosts_fit(&g, 10); /* there are always some */
    assert_in_range(g.count, 500, 1024);
    ghosts_fini(&g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_found_once),
        cmocka_unit_test(test_later_ones_take_the_place),
        cmocka_unit_test(test_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
