/* tests/unit/test_engine.c - feeding an engine: pipelines, split commands, sessions, reply modes, slow log. */
#include "engine_fixture.h"

static void
test_basics(void **state)
{
    struct fixture *f = *state;
    struct session *s = client(f);

    assert_says(f, s, "ping", "+PONG\r\n");
    assert_says(f, s, "get a", "$-1\r\n");
    assert_says(f, s, "set a hello", "+OK\r\n");
    assert_says(f, s, "GET a", "$5\r\nhello\r\n");
    assert_says(f, s, "append a -world", ":11\r\n");
    assert_says(f, s, "get a", "$11\r\nhello-world\r\n");
    assert_says(f, s, "dbsize", ":1\r\n");
    assert_says(f, s, "del a b", ":1\r\n");
    assert_says(f, s, "get a", "$-1\r\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_basics, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
