/* How much memory there is for us: control groups of both versions, in a tree of our own. */
#include "server/config.h"
#include "server/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct tree {
    char root[64];
};

static int
setup(void **state)
{
    struct tree *t = calloc(1, sizeof(*t));

    (void)snprintf(t->root, sizeof(t->root), "/tmp/sorrel-machine-XXXXXX");
    assert_non_null(mkdtemp(t->root));
    *state = t;
    return 0;
}

static int
teardown(void **state)
{
    struct tree *t = *state;
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf %s", t->root);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    free(t);
    return 0;
}

static void
put(const struct tree *t, const char *path, const char *text)
{
    char full[256];

    (void)snprintf(full, sizeof(full), "%s%s", t->root, path);
    for (char *p = full + strlen(t->root) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        (void)mkdir(full, 0700);
        *p = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void
test_none(void **state)
{
    const struct tree *t = *state;
    uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

    assert_true(machine_memory(t->root) == all);
    put(t, "/proc/self/cgroup", "0::/\n");
    put(t, "/sys/fs/cgroup/memory.max", "max\n");
    assert_true(machine_memory(t->root) == all);
    put(t, "/sys/fs/cgroup/memory.max", "99999999999999999\n");
    assert_true(machine_memory(t->root) == all);
    put(t, "/proc/self/cgroup", "nonsense\n:\n::\n0:\n\n");
    assert_true(machine_memory(t->root) == all);
}

static void
test_version_2(void **state)
{
    const struct tree *t = *state;

    put(t, "/proc/self/cgroup", "0::/outer/inner\n");
    put(t, "/sys/fs/cgroup/outer/inner/memory.max", "max\n");
    put(t, "/sys/fs/cgroup/outer/memory.max", "50000000\n");
    put(t, "/sys/fs/cgroup/memory.max", "60000000\n");
    assert_int_equal(machine_memory(t->root), 50000000);
    put(t, "/sys/fs/cgroup/outer/inner/memory.max", "40000000\n");
    assert_int_equal(machine_memory(t->root), 40000000);
    put(t, "/proc/self/cgroup", "0::/not/mounted/here\n");
    assert_int_equal(machine_memory(t->root), 60000000);
}

static void
test_version_1(void **state)
{
    const struct tree *t = *state;

    put(t, "/proc/self/cgroup", "3:cpu,cpuacct:/x\n7:hugetlb,memory:/box\n0::/\n");
    put(t, "/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "70000000\n");
    assert_int_equal(machine_memory(t->root), 70000000);
    put(t, "/sys/fs/cgroup/x/memory.max", "1\n");
    assert_int_equal(machine_memory(t->root), 70000000);
}

static void
test_directives(void **state)
{
    struct config *c = config_new();
    struct buf why = {0};

    (void)state;
    assert_int_equal(config_maxmemory(c, 1000), 0);
    assert_int_equal(config_maxmemory_clients(c, 1000), 0);
    assert_true(config_set_text(c, CFG_MAXMEMORY, LIT("AUTO"), &why));
    assert_true(slice_eq(config_text(c, CFG_MAXMEMORY), LIT("auto")));
    assert_int_equal(config_maxmemory(c, 1000), 750);
    assert_true(config_set_text(c, CFG_MAXMEMORY, LIT("1gb"), &why));
    assert_int_equal(config_maxmemory(c, 1000), 1 << 30);
    assert_false(config_set_text(c, CFG_MAXMEMORY, LIT("automatic"), &why));
    assert_true(slice_eq(buf_slice(&why), LIT("argument must be a memory value")));
    assert_true(config_set_text(c, CFG_MAXMEMORY_CLIENTS, LIT("5%"), &why));
    assert_int_equal(config_maxmemory_clients(c, 10000), 500);
    assert_true(config_set_text(c, CFG_MAXMEMORY_CLIENTS, LIT("2mb"), &why));
    assert_int_equal(config_maxmemory_clients(c, 10000), 2 << 20);
    buf_fini(&why);
    config_free(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version_2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version_1, setup, teardown),
        cmocka_unit_test(test_directives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
