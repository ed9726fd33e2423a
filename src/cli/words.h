/* cli/words.h - a typed line as words.
 *
 * Words are separated by blanks. "..." knows \n \r \t \b \a \xHH and \ before anything; '...' knows only \'. After a
 * closing quote a blank or the end must follow, as in redis-cli.
 */
#ifndef SORREL_CLI_WORDS_H
#define SORREL_CLI_WORDS_H

#include "base/arena.h"

struct words {
    struct slice *argv; /* texts end in a NUL that is not counted */
    int argc;
};

/* Splits the line; everything lives in `mem`. False when quotes do not close properly. */
bool words_split(struct arena *mem, struct slice line, struct words *out);
/* One argument that is exactly one word by these rules, as --quoted-input has it. False otherwise. */
bool words_unquote(struct arena *mem, struct slice text, struct slice *out);

#endif
