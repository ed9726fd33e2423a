/* server/machine.c - the limits of control groups.
 *
 * /proc/self/cgroup names our group: "0::/a/b" in version 2, "5:memory:/a/b" in version 1. The limit that counts is the
 * lowest from there up to the top, because a parent's holds for all of its children together. Inside a container the
 * name may be that of the outer hierarchy, which is not mounted: then only the top is there to be read. */
#include "server/machine.h"

#include "base/number.h"

#include <stdio.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* A limit's file: a number, or "max". */
static uint64_t
read_limit(const char *root, const char *mount, struct slice group, const char *file)
{
    char path[PATH_BYTES], line[64];
    uint64_t v;

    int n = snprintf(path, sizeof(path), "%s%s%.*s/%s", root, mount, (int)group.len, group.ptr, file);
    FILE *f = n > 0 && (size_t)n < sizeof(path) ? fopen(path, "re") : NULL;
    if (f == NULL)
        return UINT64_MAX;
    bool got = fgets(line, sizeof(line), f) != NULL;
    (void)fclose(f);
    if (!got)
        return UINT64_MAX;
    return parse_uint64(slice_of(line, strcspn(line, "\n")), &v) && v > 0 ? v : UINT64_MAX;
}

static uint64_t
lowest_limit(const char *root, const char *mount, struct slice group, const char *file)
{
    uint64_t least = UINT64_MAX;

    for (;;) {
        while (group.len > 0 && group.ptr[group.len - 1] == '/')
            group.len--;
        uint64_t v = read_limit(root, mount, group, file);
        least = v < least ? v : least;
        if (group.len == 0)
            return least;
        while (group.len > 0 && group.ptr[group.len - 1] != '/')
            group.len--;
    }
}

/* The part of a line behind its second colon; the part before it in *controllers. */
static bool
split_line(struct slice line, struct slice *controllers, struct slice *group)
{
    const char *a = memchr(line.ptr, ':', line.len);

    if (a == NULL)
        return false;
    struct slice rest = slice_skip(line, (size_t)(a - line.ptr) + 1);
    const char *b = rest.len > 0 ? memchr(rest.ptr, ':', rest.len) : NULL;
    if (b == NULL)
        return false;
    *controllers = slice_of(rest.ptr, (size_t)(b - rest.ptr));
    *group = slice_skip(rest, controllers->len + 1);
    return true;
}

static bool
names_memory(struct slice controllers)
{
    while (controllers.len > 0) {
        const char *comma = memchr(controllers.ptr, ',', controllers.len);
        size_t len = comma != NULL ? (size_t)(comma - controllers.ptr) : controllers.len;
        if (slice_eq(slice_of(controllers.ptr, len), LIT("memory")))
            return true;
        controllers = slice_skip(controllers, comma != NULL ? len + 1 : len);
    }
    return false;
}

uint64_t
machine_memory(const char *root)
{
    uint64_t least = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE), v;
    char path[PATH_BYTES], line[PATH_BYTES];
    struct slice controllers, group;

    (void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (!split_line(slice_of(line, strcspn(line, "\n")), &controllers, &group))
            continue;
        v = UINT64_MAX;
        if (controllers.len == 0)
            v = lowest_limit(root, "/sys/fs/cgroup", group, "memory.max");
        else if (names_memory(controllers))
            v = lowest_limit(root, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
        least = v < least ? v : least;
    }
    if (f != NULL)
        (void)fclose(f);
    return least;
}
