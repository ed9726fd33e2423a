/* tests/unit/test_gather.c - when the loop sleeps a moment longer: many talk, few are served at a time. */
#include "support/cmocka_only.h"

#include "net/gather.h"

enum { CONNECTIONS = 64 };

static uint32_t seen[CONNECTIONS];

static struct gather
new_gather(uint32_t sleep_us)
{
    for (int i = 0; i < CONNECTIONS; i++)
        seen[i] = 0;
    return (struct gather){.sleep_us = sleep_us};
}

/* A millisecond in which `connections` are read in turns of `each` until there have been `reads`. What the last of the
 * turns leads to. */
static bool
millisecond(struct gather *g, int64_t ms, unsigned reads, unsigned connections, unsigned each)
{
    bool due = false;

    for (unsigned i = 0; i < reads; i++) {
        gather_read(g, &seen[i % connections]);
        if (i % each == each - 1)
            due = gather_due(g, ms);
    }
    return due;
}

static void
test_many_talk(void **state)
{
    struct gather g = new_gather(50);

    assert_false(gather_due(&g, 1000));
    assert_false(millisecond(&g, 1001, 100, 50, 5)); /* nothing is known yet */
    assert_true(millisecond(&g, 1002, 100, 50, 5));
    assert_true(millisecond(&g, 1003, 100, 50, 25)); /* half of them a turn is the limit */
    assert_false(millisecond(&g, 1004, 104, 50, 26));
    assert_false(gather_due(&g, 1005)); /* a turn that has served nobody */
}

static void
test_few_are_never_delayed(void **state)
{
    struct gather g = new_gather(50);

    for (int ms = 1; ms < 10; ms++)
        assert_false(millisecond(&g, ms, 200, GATHER_TALKERS_MIN - 1, 1));
    for (int ms = 10; ms < 20; ms++) /* many, but so seldom that nobody would come in time */
        assert_false(millisecond(&g, ms, 39, 39, 1));
    assert_false(millisecond(&g, 20, 40, 40, 1));
    assert_true(millisecond(&g, 21, 40, 40, 1));
}

static void
test_pauses_and_jumps_of_the_clock(void **state)
{
    struct gather g = new_gather(50);

    millisecond(&g, 5000, 100, 50, 5);
    assert_true(millisecond(&g, 5001, 100, 50, 5));
    assert_false(millisecond(&g, 5003, 100, 50, 5)); /* nobody said anything in 5002 */
    assert_true(millisecond(&g, 5004, 100, 50, 5));
    assert_false(millisecond(&g, 10, 100, 50, 5));
    assert_true(millisecond(&g, 11, 100, 50, 5));
    assert_false(millisecond(&g, INT64_MAX, 100, 50, 5));
}

static void
test_can_be_switched_off(void **state)
{
    struct gather g = new_gather(0);

    for (int ms = 1; ms < 10; ms++)
        assert_false(millisecond(&g, ms, 1000, 50, 5));
    g.sleep_us = 20;
    assert_true(millisecond(&g, 10, 100, 50, 5));
    assert_false(millisecond(&g, 11, 50, 50, 5) && millisecond(&g, 12, 50, 50, 5)); /* less time, fewer to expect */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_talk),
        cmocka_unit_test(test_few_are_never_delayed),
        cmocka_unit_test(test_pauses_and_jumps_of_the_clock),
        cmocka_unit_test(test_can_be_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
