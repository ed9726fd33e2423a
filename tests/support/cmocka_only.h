/* tests/support/cmocka_only.h - cmocka for tests of what has a fail() of its own: without that name, but with
 * fail_msg(). */
#ifndef SORREL_TESTS_CMOCKA_ONLY_H
#define SORREL_TESTS_CMOCKA_ONLY_H

/* cmocka wants these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* handlers have one of that name */
#undef fail_msg
#define fail_msg(...)              \
    do {                           \
        print_error(__VA_ARGS__);  \
        _fail(__FILE__, __LINE__); \
    } while (0)

#endif
