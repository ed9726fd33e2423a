/* cli/history.h - the lines typed before, kept in a file that only its owner reads.
 *
 * Lines with passwords in them are never stored, neither in the file nor in memory.
 */
#ifndef SORREL_CLI_HISTORY_H
#define SORREL_CLI_HISTORY_H

#include "base/buf.h"

enum { HISTORY_MAX = 2000 };

struct history {
    char *path;          /* NULL: no file */
    struct slice *lines; /* oldest first; owned */
    size_t n, cap;
};

/* Reads the file, which need not be there. path NULL: none. */
void history_open(struct history *h, const char *path);
void history_close(struct history *h);
/* Adds a line and appends it to the file, unless it has a secret, is empty, or repeats the one before. */
void history_add(struct history *h, struct slice line);
/* The default place: $SORRELCLI_HISTFILE, $REDISCLI_HISTFILE or ~/.sorrelcli_history. Empty for /dev/null or no
 * home. */
void history_default_path(struct buf *out);
/* Whether a line typed at the prompt names a password. */
bool history_has_secret(struct slice line);

#endif
