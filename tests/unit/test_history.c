/* The CLI's history: what is secret, what is kept, and in which file. Widths of text come along. */
#include "cli/history.h"
#include "cli/text.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_secrets(void **state)
{
    /* clang-format off */
    static const char *const secret[] = {
        "AUTH hunter2", "auth user hunter2", "3 auth x", "hello 3 auth default x", "HELLO 2 SETNAME a AUTH b c",
        "config set requirepass x", "CONFIG SET maxmemory 1 masterauth x", "config set tls-key-file-pass x",
        "acl setuser jo >x", "migrate h 1 k 0 10 AUTH x", "migrate h 1 k 0 10 keys AUTH2 u x",
        "sentinel set m auth-pass x", "sentinel config set sentinel-pass x", "auth \"unbalanced", "\"auth\" x",
        "  auth   x",
    };
    /* clang-format on */
    static const char *const plain[] = {
        "get auth",     "set password 1", "config get requirepass", "config set maxmemory 1mb", "hello 3",
        "acl whoami",   "acl list",       "migrate h 1 k 0 10",     "sentinel masters",         "lrange l 0 -1",
        "\"unbalanced",
    };

    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        if (!history_has_secret(slice_cstr(secret[i])))
            fail_msg("'%s' was not found secret", secret[i]);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (history_has_secret(slice_cstr(plain[i])))
            fail_msg("'%s' was found secret", plain[i]);
}

static void
test_file(void **state)
{
    char path[] = "/tmp/sorrel-history-XXXXXX";
    struct history h;
    struct stat st;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0644), 0);
    close(fd);
    history_open(&h, path);
    history_add(&h, LIT("get a"));
    history_add(&h, LIT("get a"));
    history_add(&h, LIT(""));
    history_add(&h, LIT("auth hunter2"));
    history_add(&h, LIT("set b 1"));
    assert_int_equal(h.n, 2);
    history_close(&h);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    history_open(&h, path);
    assert_int_equal(h.n, 2);
    assert_true(slice_eq(h.lines[0], LIT("get a")));
    assert_true(slice_eq(h.lines[1], LIT("set b 1")));
    for (int i = 0; i < 3 * HISTORY_MAX; i++) {
        char line[32];
        snprintf(line, sizeof(line), "incr %d", i);
        history_add(&h, slice_cstr(line));
    }
    assert_int_equal(h.n, HISTORY_MAX);
    assert_true(slice_eq(h.lines[HISTORY_MAX - 1], LIT("incr 5999")));
    history_close(&h);
    history_open(&h, path); /* now it is written anew, shorter */
    assert_int_equal(h.n, HISTORY_MAX);
    history_close(&h);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 12 * HISTORY_MAX);
    assert_int_equal(st.st_mode & 0777, 0600);
    unlink(path);
}

static void
test_no_file(void **state)
{
    struct history h;

    history_open(&h, NULL);
    history_add(&h, LIT("a"));
    assert_int_equal(h.n, 1);
    history_close(&h);
    history_open(&h, "/nonexistent/folder/file");
    history_add(&h, LIT("a"));
    assert_int_equal(h.n, 1);
    history_close(&h);
}

static void
test_widths(void **state)
{
    struct slice s = LIT("a\xc3\xa9\xe6\xbc\xa2"
                         "e\xcc\x81"
                         "\xff!"); /* a é 漢 e+acute, a stray byte, ! */

    assert_int_equal(text_width(s), 1 + 1 + 2 + 1 + 1 + 1);
    assert_int_equal(text_next(s, 0), 1);
    assert_int_equal(text_next(s, 1), 3);
    assert_int_equal(text_next(s, 3), 6);
    assert_int_equal(text_next(s, 6), 9);
    assert_int_equal(text_next(s, 9), 10);
    assert_int_equal(text_next(s, 11), 11);
    assert_int_equal(text_previous(s, 11), 10);
    assert_int_equal(text_previous(s, 9), 6);
    assert_int_equal(text_previous(s, 6), 3);
    assert_int_equal(text_previous(s, 0), 0);
    assert_int_equal(text_fit(s, 3).len, 3);
    assert_int_equal(text_fit(s, 4).len, 6);
    assert_int_equal(text_fit(s, 100).len, s.len);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_widths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
