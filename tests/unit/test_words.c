/* Lines of words: quoting rules, and lines of random bytes. */
#include "proto/words.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void
check(const char *line, int argc, const struct slice *want)
{
    struct arena mem = {0};
    struct slice_vec w = {0};

    assert_true(words_split(slice_cstr(line), &mem, &w));
    assert_int_equal(w.n, argc);
    for (int i = 0; i < argc; i++)
        assert_true(slice_eq(w.v[i], want[i]));
    slice_vec_fini(&w);
    arena_fini(&mem);
}

#define CHECK_WORDS(line, ...) \
    check(line, (int)(sizeof((struct slice[]){__VA_ARGS__}) / sizeof(struct slice)), (struct slice[]){__VA_ARGS__})

static void
test_good(void **state)
{
    check("", 0, NULL);
    check(" \t\r\n ", 0, NULL);
    CHECK_WORDS("get a", LIT("get"), LIT("a"));
    CHECK_WORDS("  set  k\tv\n", LIT("set"), LIT("k"), LIT("v"));
    CHECK_WORDS("\"a b\" ''", LIT("a b"), LIT(""));
    CHECK_WORDS("\"\\x00\\xfF\\n\\r\\t\\a\\b\\q\\\"\\\\\"", LIT("\0\xff\n\r\t\a\bq\"\\"));
    CHECK_WORDS("\"\\xg1\\x\"", LIT("xg1x"));
    CHECK_WORDS("'\\n\\'\\x41'", LIT("\\n'\\x41"));
    CHECK_WORDS("a\\nb c\"d e\"", LIT("a\\nb"), LIT("cd e"));
}

static void
test_bad(void **state)
{
    static const char *const lines[] = {"\"", "'", "\"a", "'a\\'", "\"a\"b", "'a'\"b\"", "x \"a\\\""};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct arena mem = {0};
        struct slice_vec w = {0};
        if (words_split(slice_cstr(lines[i]), &mem, &w))
            fail_msg("%s was accepted", lines[i]);
        slice_vec_fini(&w);
        arena_fini(&mem);
    }
}

static void
test_random(void **state)
{
    struct rng g;

    rng_seed(&g, 99);
    for (int round = 0; round < 20000; round++) {
        struct arena mem = {0};
        struct slice_vec w = {0};
        char line[64];
        size_t n = rng_below(&g, sizeof(line)), total = 0;
        for (size_t i = 0; i < n; i++)
            line[i] = "\"'\\x0aF b\n\0\xff"[rng_below(&g, 12)];
        /* An exact copy, so that ASan sees a read beyond the end. */
        struct slice copy = slice_of(arena_array(&mem, n + 1, 1), n);
        memcpy((char *)(uintptr_t)copy.ptr, line, n);
        if (words_split(copy, &mem, &w)) {
            for (size_t i = 0; i < w.n; i++)
                total += w.v[i].len;
            assert_true(total <= n);
        }
        slice_vec_fini(&w);
        arena_fini(&mem);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
