/* check/main.c - sorrel-check: looks into the files that a server leaves on disk.
 *
 * The first argument, or the name it is called by (redis-check-rdb, sorrel-check-rdb …), says which kind.
 */
#include "base/mem.h"
#include "base/version.h"
#include "check/check.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} tools[] = {{"rdb", check_rdb}, {"aof", check_aof}};

static int
usage(FILE *to)
{
    fputs("sorrel-check " SORREL_VERSION ": checks files of Sorrel, Redis and Valkey\n"
          "\n"
          "usage: sorrel-check rdb FILE [--export json]\n"
          "       sorrel-check aof FILE|MANIFEST [--fix] [--truncate-to-timestamp SECONDS]\n"
          "\n"
          "  rdb FILE        reads a snapshot from front to back and tells what is in it, or where it is damaged\n"
          "  --export json   prints its contents, one JSON object a line, instead\n"
          "\n"
          "  aof FILE        reads an append-only file, or all files that a manifest names\n"
          "  --fix           cuts the last file off where its good part ends; the rest is kept beside it\n"
          "  --truncate-to-timestamp SECONDS   cuts off what was written later (aof-timestamp-enabled)\n"
          "\n"
          "exit codes: 0 the file is fine, 1 it is damaged, 2 it could not be read or the arguments are wrong\n",
          to);
    return to == stdout ? CHECK_FINE : CHECK_FAILED;
}

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

int
main(int argc, char **argv)
{
    const char *called = argc > 0 ? base_name(argv[0]) : "";
    const char *dash = strrchr(called, '-');

    mem_thread_attach();
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        if (dash != NULL && strcmp(dash + 1, tools[i].name) == 0)
            return tools[i].run(argc - 1, argv + 1);
        if (argc > 1 && strcmp(argv[1], tools[i].name) == 0)
            return tools[i].run(argc - 2, argv + 2);
    }
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return usage(stdout);
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)) {
        puts("sorrel-check " SORREL_VERSION);
        return CHECK_FINE;
    }
    return usage(stderr);
}
