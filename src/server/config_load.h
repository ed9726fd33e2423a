/* server/config_load.h - reading redis.conf and the command line.
 *
 * A file has a directive on each line with its words in redis's quoting; '#' starts a comment line; include takes
 * globs. On the command line `--name value ...` stands for such a line. Anything unknown or malformed ends the reading
 * with a text that says where, what and why, and which name may have been meant.
 */
#ifndef SORREL_SERVER_CONFIG_LOAD_H
#define SORREL_SERVER_CONFIG_LOAD_H

#include "server/config.h"

struct config_loader {
    struct config *config;
    bool given[CONFIG_COUNT]; /* which directives were named so far */
    int files, file;          /* how many were begun; which one is being read, 0: none */
    struct buf error;         /* set when a call returned false */
};

bool config_load_file(struct config_loader *l, const char *path);
/* The text of a file; `name` is for messages. Files that it includes are read. */
bool config_load_text(struct config_loader *l, struct slice text, const char *name);
/* Reads all of an open file (standard input); `name` is for messages. */
bool config_load_fd(struct config_loader *l, int fd, const char *name);
/* One directive, from wherever. */
bool config_load_words(struct config_loader *l, const struct slice *words, size_t n, const char *where);
/* --name value ... for the rest of argv. An option may hold its values, too: "--port 6380" as one argument. */
bool config_is_option(const char *arg);
bool config_load_args(struct config_loader *l, int argc, char **argv);

#endif
