/* tests/client/test.h - what programs that test the library share: expectations and a list of tests.
 *
 * A program is given the URL of an empty server and prints a line for each test; its exit code is the number of
 * failures. Further arguments are the program's own.
 */
#ifndef SORREL_TESTS_CLIENT_TEST_H
#define SORREL_TESTS_CLIENT_TEST_H

#include <sorrel/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const char *test_url;
extern int test_failures;

#define EXPECT(cond)                                                  \
    do {                                                              \
        if (!(cond)) {                                                \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
            __atomic_add_fetch(&test_failures, 1, __ATOMIC_RELAXED);  \
        }                                                             \
    } while (0)
#define EXPECT_OK(call)                                                     \
    do {                                                                    \
        struct sorrel_error err = {0};                                      \
        if ((call) != SORREL_OK) {                                          \
            printf("%s:%d: %s: %s\n", __FILE__, __LINE__, #call, err.text); \
            __atomic_add_fetch(&test_failures, 1, __ATOMIC_RELAXED);        \
        }                                                                   \
    } while (0)

struct test {
    const char *name;
    void (*run)(void);
};
/* clang-format off */
#define TEST(f) {#f, f}
/* clang-format on */

static inline struct sorrel_client *
test_client(void)
{
    struct sorrel_error err = {0};
    struct sorrel_client *cl = sorrel_client_open(test_url, NULL, &err);

    if (cl == NULL) {
        printf("%s\n", err.text);
        exit(2);
    }
    return cl;
}

static inline void
pause_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

static inline long long
mono_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for a condition, at most ten seconds. */
#define UNTIL(cond)                               \
    do {                                          \
        long long until__end = mono_ms() + 10000; \
        while (!(cond) && mono_ms() < until__end) \
            pause_ms(2);                          \
        EXPECT(cond);                             \
    } while (0)

#define TEST_MAIN(...)                                                                   \
    const char *test_url = "redis://127.0.0.1:6379";                                     \
    int test_failures;                                                                   \
    int main(int argc, char **argv)                                                      \
    {                                                                                    \
        static const struct test tests[] = {__VA_ARGS__};                                \
        setvbuf(stdout, NULL, _IOLBF, 0);                                                \
        if (argc > 1)                                                                    \
            test_url = argv[1];                                                          \
        for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {                  \
            int before = test_failures;                                                  \
            if (argc > 2 && strcmp(argv[2], tests[i].name) != 0)                         \
                continue;                                                                \
            tests[i].run();                                                              \
            printf("%s %s\n", test_failures == before ? "ok" : "FAILED", tests[i].name); \
        }                                                                                \
        return test_failures > 0;                                                        \
    }

#endif
