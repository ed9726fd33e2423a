/* Slots of keys, and which argument of a command is its first key. */
#include "client/cluster_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_slots(void **state)
{
    (void)state;
    /* The check value of CRC-16/XMODEM, and slots as redis-server's CLUSTER KEYSLOT gives them. */
    assert_int_equal(cluster_slot(LIT("123456789")), 0x31c3 % CLUSTER_SLOTS);
    assert_int_equal(cluster_slot(LIT("foo")), 12182);
    assert_int_equal(cluster_slot(LIT("")), 0);
    assert_int_equal(cluster_slot(LIT("{user1000}.following")), cluster_slot(LIT("{user1000}.followers")));
    assert_int_equal(cluster_slot(LIT("{user1000}.following")), cluster_slot(LIT("user1000")));
    assert_int_equal(cluster_slot(LIT("foo{{bar}}zap")), cluster_slot(LIT("{bar")));
    assert_int_equal(cluster_slot(LIT("foo{bar}{zap}")), cluster_slot(LIT("bar")));
    /* No tag: nothing between the braces, or only one of them. */
    assert_int_not_equal(cluster_slot(LIT("foo{}{bar}")), cluster_slot(LIT("bar")));
    assert_int_not_equal(cluster_slot(LIT("foo{bar")), cluster_slot(LIT("bar")));
}

static int
first_key(int argc, const char *const *argv)
{
    size_t lens[16];

    for (int i = 0; i < argc; i++)
        lens[i] = strlen(argv[i]);
    return cluster__first_key(argc, argv, lens);
}

#define KEY_OF(...) \
    first_key((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})

static void
test_first_keys(void **state)
{
    (void)state;
    assert_int_equal(KEY_OF("GET", "k"), 1);
    assert_int_equal(KEY_OF("get"), 0);
    assert_int_equal(KEY_OF("PING", "k"), 0);
    assert_int_equal(KEY_OF("eval", "return 1", "0"), 0);
    assert_int_equal(KEY_OF("eval", "return 1", "2", "a", "b"), 3);
    assert_int_equal(KEY_OF("EVALSHA", "x", "many", "a"), 0);
    assert_int_equal(KEY_OF("ZUNION", "2", "a", "b"), 2);
    assert_int_equal(KEY_OF("BLMPOP", "0", "1", "a", "LEFT"), 3);
    assert_int_equal(KEY_OF("XREAD", "COUNT", "2", "streams", "a", "0"), 4);
    assert_int_equal(KEY_OF("XREADGROUP", "GROUP", "g", "c", "STREAMS", "a", ">"), 5);
    assert_int_equal(KEY_OF("XREAD", "STREAMS"), 0);
    assert_int_equal(KEY_OF("BITOP", "AND", "dest", "a"), 2);
    assert_int_equal(KEY_OF("XGROUP", "CREATE", "s", "g", "$"), 2);
    assert_int_equal(KEY_OF("PUBLISH", "c", "m"), 0);
    assert_int_equal(KEY_OF("SPUBLISH", "c", "m"), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slots), cmocka_unit_test(test_first_keys)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
